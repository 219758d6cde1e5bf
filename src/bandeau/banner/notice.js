// @ts-check
/**
 * The notice as the script needs it. The server writes the real one in this file's
 * place; this one is for the tests of the modules.
 */

/** The first 8 characters of its digest, as the choice cookie names it. */
export const mark = "AAAAAAAA";
/** The asked purposes, in order. */
export const purposes = ["audience", "social", "content", "profiling", "ads"];
/** How long a choice stands. */
export const months = 6;
/** @type {Record<string, string>} How choices to older notices carry over. */
export const earlier = {};
/** Where the collector answers. */
export const endpoint = "/bandeau";
/** `{}` stands for the name of a service. */
export const heldText = "{} is held back.";
export const allowText = "Allow {}";

/** The markup, as tree.js builds it, and the style, where the script brings them. */
export const banner = "";
export const style = "";
