// @ts-check
/** Wakes what the gate or the site held back, in order, once the visitor allows it. */

const HELD = ["src", "srcset", "href", "poster", "data"];
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
        script.setAttribute("type", script.dataset.type || "");
        // A script that is put back counts as async unless told otherwise.
        script.async = script.hasAttribute("async");
        // The next one waits for this one, unless the page said it need not.
        if (script.src && !script.async)
          script.onload = script.onerror = () => done();
        else done();
        script.replaceWith(script);
      }),
  );
};

/**
 * Wake whatever is allowed; give the frames that are not to `stand`.
 * @param {(marks: DOMStringMap) => boolean} mayRun
 * @param {(frame: HTMLElement) => void} stand
 */
export const wake = (mayRun, stand) => {
  for (const element of /** @type {NodeListOf<HTMLScriptElement>} */ (
    document.querySelectorAll("[data-purpose]")
  )) {
    const { dataset, type } = element;
    const names = HELD.filter((name) => name in dataset);
    const isScript = type === "text/plain";
    if (!isScript && !names[0]) continue;
    if (mayRun(dataset)) {
      for (const name of names) {
        element.setAttribute(name, dataset[name] || "");
        delete dataset[name];
      }
      if (isScript) {
        // From now on it is nobody's to wake again.
        delete dataset.purpose;
        run(element);
      }
    } else if (element.localName === "iframe") stand(element);
  }
};

/**
 * Erase what a refused service left: cookies on every domain and path that they may
 * have, storage keys, databases. `*` in a pattern is anything.
 * @param {string | undefined} kind Nothing for a cookie.
 * @param {string} pattern
 */
export const erase = (kind, pattern) => {
  const fits = RegExp(
    `^${pattern.replace(/\W/g, "\\$&").replace(/\\\*/g, ".*")}$`,
  );
  // LIMIT: a database goes by its exact name, not by a pattern.
  if (kind === "indexeddb") indexedDB.deleteDatabase(pattern);
  /** @type {any} localStorage, sessionStorage, or nothing. */
  const storage = window[/** @type {any} */ (`${kind}Storage`)];
  const names = storage
    ? Object.keys(storage)
    : document.cookie.split(/=.*?; |=.*/);
  for (const name of names)
    if (fits.test(name)) {
      if (storage) delete storage[name];
      else eraseCookie(name);
    }
};

// LIMIT: one on a path beside the page's is not seen from here; a gate expires it with
// the next page there.
/** @param {string} name */
const eraseCookie = (name) => {
  const labels = location.hostname.split(".");
  const steps = location.pathname.split("/");
  const ends = ["", "/", ";secure", "/;secure", "/;secure;partitioned"];
  for (const domain of ["", ...labels.map((_, n) => labels.slice(n).join("."))])
    for (const path of steps.map((_, n) => steps.slice(0, n + 1).join("/")))
      for (const end of ends) {
        // biome-ignore lint/suspicious/noDocumentCookie: cookieStore is not everywhere
        document.cookie = `${name}=;max-age=0;domain=${domain};path=${path}${end}`;
      }
};
