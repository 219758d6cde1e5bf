// @ts-check
/**
 * The page's French, by its English: `page.py` writes the real one, of texts.toml, in
 * this file's place; this one is for the tests of the modules.
 */

/** @type {Record<string, string>} */
export const french = {};
