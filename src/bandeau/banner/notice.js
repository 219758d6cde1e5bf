// @ts-check
/**
 * The notice as the script needs it. The server writes the real one in this file's
 * place; this one is for the tests of the modules.
 *
 * @type {{
 *   digest: string,
 *   purposes: string[],
 *   months: number,
 *   codes: Record<string, string>,
 *   endpoint: string,
 *   language: string,
 *   held: string,
 *   allow: string,
 *   choose: string,
 * }}
 */
export const notice = {
  digest: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  purposes: ["audience", "social", "content", "profiling", "ads"],
  months: 6,
  codes: { AAAAAAAA: "01234~" },
  endpoint: "/bandeau",
  language: "en",
  held: "{service} is held back.",
  allow: "Allow {service}",
  choose: "Cookies: your choices",
};

/**
 * The markup as trees and the style, where the script brings them itself.
 * @type {import("./tree.js").Tree[]}
 */
export const banner = [];
export const style = "";
