// @ts-check
/** Wakes what the gate or the site held back, in order, once the visitor allows it. */

/**
 * @typedef {(purposes: string[], service: string | undefined) => boolean} Allows
 */

const HELD = ["src", "srcset", "href", "poster", "data", "srcdoc"];
/** @type {WeakSet<Element>} */
const woken = new WeakSet();
let scripts = Promise.resolve();

/**
 * A held script keeps its `src`, since no browser fetches an unknown type. It wakes by
 * losing the type and taking its place again: that is no Trusted Types sink.
 * @param {HTMLScriptElement} script
 */
const run = (script) => {
  scripts = scripts.then(
    () =>
      new Promise((done) => {
        script.type = script.dataset.type || "";
        if (!script.type) script.removeAttribute("type");
        // A script that is put back counts as async unless told otherwise.
        script.async = script.hasAttribute("async");
        if (script.src && !script.async) {
          script.onload = script.onerror = () => done();
        } else done();
        script.replaceWith(script);
      }),
  );
};

/** @param {HTMLElement} element */
const isHeld = (element) =>
  element.getAttribute("type") === "text/plain" ||
  HELD.some((name) => name in element.dataset);

/**
 * Wake whatever is allowed; give the frames that are not to `stand`.
 * @param {Allows} allows
 * @param {(frame: HTMLElement) => void} stand
 */
export const wake = (allows, stand) => {
  for (const element of document.querySelectorAll("[data-purpose]")) {
    if (
      !(element instanceof HTMLElement) ||
      !isHeld(element) ||
      woken.has(element)
    )
      continue;
    const { purpose = "", service } = element.dataset;
    if (!allows(purpose.split(" "), service)) {
      if (element.localName === "iframe") stand(element);
      continue;
    }
    woken.add(element);
    for (const name of HELD) {
      const address = element.dataset[name];
      if (address === undefined) continue;
      delete element.dataset[name];
      element.setAttribute(name, address);
    }
    if (element instanceof HTMLScriptElement) run(element);
  }
};

/**
 * Erase what a refused service left: cookies on every domain and path that they may
 * have, storage keys, databases. `*` in a pattern is anything, `?` one character.
 * @param {string} kind
 * @param {string} pattern
 */
export const erase = (kind, pattern) => {
  const literal = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  const fits = new RegExp(
    `^${literal.replace(/\*/g, ".*").replace(/\?/g, ".")}$`,
  );
  if (kind === "cookie") {
    for (const cookie of document.cookie.split("; ")) {
      const name = cookie.split("=")[0] || "";
      if (fits.test(name)) eraseCookie(name);
    }
  } else if (kind === "indexeddb") {
    indexedDB.databases?.().then((all) => {
      for (const { name = "" } of all) {
        if (fits.test(name)) indexedDB.deleteDatabase(name);
      }
    });
  } else {
    const storage = kind === "local" ? localStorage : sessionStorage;
    for (const key of Object.keys(storage)) {
      if (fits.test(key)) storage.removeItem(key);
    }
  }
};

/** @param {string} name */
const eraseCookie = (name) => {
  const labels = location.hostname.split(".");
  const domains = labels.map((_, n) => `;domain=${labels.slice(n).join(".")}`);
  const steps = location.pathname.split("/");
  const paths = steps.flatMap((_, n) => {
    const path = steps.slice(0, n + 1).join("/");
    return [`${path}/`, path || "/"];
  });
  for (const domain of ["", ...domains])
    for (const path of paths)
      for (const secure of ["", ";secure", ";secure;partitioned"])
        // biome-ignore lint/suspicious/noDocumentCookie: cookieStore is not everywhere
        document.cookie = `${name}=;max-age=0;path=${path}${domain}${secure}`;
};
