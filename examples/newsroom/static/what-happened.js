// @ts-check
/** Keeps /what-happened up to date from the server's events. Without it, the page is a
 *  plain table and a link that reloads it. */

/** @typedef {{number: number, at: string, host: string, path: string,
 *   purposes: string[], received: string[], set: string[]}} Entry */

/**
 * @template {Element} [T=HTMLElement]
 * @param {string} selector
 */
const find = (selector) => {
  const found = /** @type {T | null} */ (document.querySelector(selector));
  if (!found) throw new Error(`There is no ${selector} in the page.`);
  return found;
};

const page = find("[data-happened]");
const rows = find("[data-entries]");
const live = find("[data-live]");
const here = find("[data-here]");
const nothing = find("[data-nothing]");
const total = find("[data-total]");
const limit = Number(page.dataset.limit);
/** @type {Record<string, string>} */
const purposes = JSON.parse(rows.dataset.purposes || "{}");
/** @type {[string, string, string][]} */
const patterns = JSON.parse(here.dataset.patterns || "[]");

/** @param {string} tag @param {string} text @param {string} [name] */
const make = (tag, text, name) => {
  const element = document.createElement(tag);
  element.textContent = text;
  if (name) element.className = name;
  return element;
};

/** @param {string[]} names @param {string} [mark] */
const names = (names, mark) =>
  names.length
    ? names.flatMap((name) => [make("code", name, mark), " "])
    : [make("span", rows.dataset.none || "", "caption")];

/** @param {HTMLElement} lamp @param {number} count */
const light = (lamp, count) => {
  lamp.dataset.count = String(count);
  const words = /** @type {HTMLElement} */ (lamp.querySelector(".lamp__count"));
  const { none = "", one = "", many = "" } = words.dataset;
  words.textContent = count === 0 ? none : count === 1 ? one : many.replace("{count}", String(count));
};

const count = () => {
  const kept = rows.children.length;
  nothing.hidden = kept > 0;
  total.textContent = (total.dataset.total || "")
    .replace("{count}", String(kept))
    .replace("{limit}", String(limit));
};

/** @param {Entry} entry */
const write = (entry) => {
  const row = document.createElement("tr");
  row.className = "fresh";
  const time = /** @type {HTMLTimeElement} */ (make("time", entry.at.slice(11, 19)));
  time.dateTime = entry.at;
  const cells = [
    [time],
    [make("code", entry.host)],
    [make("code", entry.path)],
    [entry.purposes.map((id) => purposes[id] || id).join(" + ")],
    names(entry.received),
    names(entry.set, "set"),
  ];
  for (const parts of cells) {
    const cell = document.createElement("td");
    cell.append(...parts);
    row.append(cell);
  }
  rows.prepend(row);
  while (rows.children.length > limit) rows.lastElementChild?.remove();
  for (const lamp of document.querySelectorAll(".lamp")) {
    if (!(lamp instanceof HTMLElement) || lamp.dataset.host !== entry.host) continue;
    light(lamp, Number(lamp.dataset.count) + 1);
    lamp.classList.remove("fresh");
    requestAnimationFrame(() => lamp.classList.add("fresh"));
  }
  count();
};

const clear = () => {
  rows.replaceChildren();
  for (const lamp of document.querySelectorAll(".lamp")) {
    if (lamp instanceof HTMLElement) light(lamp, 0);
  }
  count();
};

/** @param {string} kind @param {string} name */
const owner = (kind, name) => {
  const found = patterns.find(
    ([of, pattern]) =>
      of === kind && (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern),
  );
  return found ? found[2] : here.dataset.unknown || "";
};

/** Names only: what this page may read of its own site's cookies and keys. Cookies that
 *  scripts cannot read stay as the server listed them. */
const unreadable = [...here.querySelectorAll("code")]
  .map((code) => code.textContent || "")
  .filter((name) => !document.cookie.split("; ").some((pair) => pair.startsWith(`${name}=`)));

let shown = "";
const look = () => {
  const cookies = document.cookie.split("; ").map((pair) => pair.split("=")[0] || "");
  const found = [
    ...[...unreadable, ...cookies].filter(Boolean).map((name) => ["cookie", name]),
    ...Object.keys(localStorage).map((name) => ["key", name]),
  ];
  const seen = JSON.stringify(found);
  if (seen === shown) return;
  shown = seen;
  here.replaceChildren(
    ...found.map(([kind = "", name = ""]) => {
      const line = document.createElement("li");
      const word = here.dataset[kind] || "";
      line.append(make("code", name), " ", make("span", `${word} · ${owner(kind, name)}`, "caption"));
      return line;
    }),
  );
  if (!found.length) here.append(make("li", here.dataset.none || ""));
};

/** @param {"on" | "off" | "wait"} state */
const say = (state) => {
  live.hidden = false;
  live.dataset.live = state;
  live.textContent = live.dataset[state] || "";
};

say("wait");
look();
const events = new EventSource(`/what-happened/live?since=${page.dataset.last}`);
events.addEventListener("open", () => say("on"));
events.addEventListener("error", () => say(events.readyState === EventSource.CLOSED ? "off" : "wait"));
events.addEventListener("entry", (event) => {
  write(JSON.parse(event.data));
  look();
});
events.addEventListener("cleared", clear);
addEventListener("focus", look);
document.addEventListener("visibilitychange", look);
// Choices, withdrawals and other tabs send no event here; a look a second costs nothing.
setInterval(look, 1000);
// A page in the back/forward cache holds no connection; coming back, it starts afresh.
addEventListener("pagehide", () => events.close());
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
