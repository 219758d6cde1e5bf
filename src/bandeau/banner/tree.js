// @ts-check
/**
 * The banner for sites without a gate: built node by node, because a string of markup
 * would be a Trusted Types sink, and styled by a constructed sheet, which a strict
 * Content-Security-Policy leaves alone.
 */
import { banner, style } from "./notice.js";

/**
 * Build the markup, written a line per step: `<name`, and after tabs its attributes,
 * goes into a new element, an empty line out of it, anything else is text.
 */
const build = () => {
  /** @type {any} */
  let node = document.createDocumentFragment();
  for (const line of banner.split("\n")) {
    const [name, ...attributes] = /** @type {any[]} */ (line.split("\t"));
    if (line[0] === "<") {
      node = node.appendChild(document.createElement(name.slice(1)));
      for (const attribute of attributes) {
        const [key, value] = attribute.split(/=(.*)/);
        node.setAttribute(key, value);
      }
    } else if (line) node.append(line);
    else node = node.parentNode;
  }
  return node;
};

/** Stand the banner after the page's skip link, or first. Waits only for a body. */
const place = () => {
  const { body } = document;
  if (!body) return requestAnimationFrame(place);
  const first = body.firstElementChild;
  if (first?.matches("a[href^='#']")) first.after(build());
  else body.prepend(build());
};

const sheet = new CSSStyleSheet();
// As banner/style.py does for a gate: everything is important, in a layer of its own.
sheet.replaceSync(style.replace(/[^{};](?=[;}])/g, "$&!important"));
document.adoptedStyleSheets.push(sheet);
place();
