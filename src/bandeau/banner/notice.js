// @ts-check
/**
 * The notice as the script needs it. The server writes the real one in this file's
 * place; this one is for the tests of the modules.
 *
 * @type {{
 *   digest: string,
 *   purposes: string[],
 *   months: number,
 *   earlier: Record<string, string>,
 *   endpoint: string,
 *   held: string,
 *   allow: string,
 * }}
 */
export const notice = {
  digest: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  purposes: ["audience", "social", "content", "profiling", "ads"],
  months: 6,
  earlier: {},
  endpoint: "/bandeau",
  held: "{service} is held back.",
  allow: "Allow {service}",
};

/** The markup, as tree.js builds it, and the style, where the script brings them. */
export const banner = "";
export const style = "";
