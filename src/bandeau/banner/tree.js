// @ts-check
/**
 * The banner for sites without a gate: built node by node, because a string of markup
 * would be a Trusted Types sink, and styled by a constructed sheet, which a strict
 * Content-Security-Policy leaves alone.
 */
import { banner, style } from "./notice.js";

/** @typedef {string | [string, Record<string, string>, ...unknown[]]} Tree */

/** @param {Tree} tree @returns {Node} */
const build = (tree) => {
  if (typeof tree === "string") return new Text(tree);
  const [name, attributes, ...children] = tree;
  const element = document.createElement(name);
  for (const key in attributes) element.setAttribute(key, attributes[key] || "");
  element.append(.../** @type {Tree[]} */ (children).map(build));
  return element;
};

/** Stand the banner after the page's skip link, or first. Waits only for a body. */
const place = () => {
  const { body } = document;
  if (!body) return requestAnimationFrame(place);
  const first = body.firstElementChild;
  const nodes = banner.map(build);
  if (first?.matches("a[href^='#']")) first.after(...nodes);
  else body.prepend(...nodes);
};

const sheet = new CSSStyleSheet();
sheet.replaceSync(style);
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
place();
