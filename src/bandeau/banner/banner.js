// @ts-check
/**
 * The banner in a page: the only file that joins the DOM, the cookie and the collector.
 *
 * It runs before the page's own scripts and before the banner is there, so that no press
 * is ever lost: it listens on the document. It keeps and obeys an answer at once, and
 * sends it as often as it takes; the collector knows it again by its request key.
 */
import { carry } from "./carry.js";
import { allows, readCookie, withService, writeCookie } from "./choices.js";
import { erase, wake } from "./held.js";
import {
  allowText,
  earlier,
  endpoint,
  heldText,
  mark,
  months,
  purposes,
} from "./notice.js";

/** @typedef {import("./choices.js").Choice} Choice */
/** @typedef {"first-layer" | "settings" | "placeholder" | "withdrawal" | "api"} Via */

/** @type {Record<string, string>} */
const WORDS = { y: "accepted", n: "refused" };
/** @type {Record<string, string>} */
const LETTERS = { true: "y", false: "n" };
const root = document.documentElement;

/** @type {Choice} */
const silence = {
  notice: mark,
  day: "",
  letters: "-".repeat(purposes.length),
  subject: "",
  services: "",
};

/** The choice that stands. How old it may be is the browser's to see: the cookie ends. */
const readChoice = () => {
  const said = readCookie(document.cookie);
  if (said?.notice === mark) return said;
  return said ? carry(said, earlier[said.notice], silence) : silence;
};

let choice = readChoice();

const keep = () => {
  // biome-ignore lint/suspicious/noDocumentCookie: cookieStore is not everywhere
  document.cookie = `bandeau=${writeCookie(choice)};path=/;max-age=${
    months * 2629746
  };samesite=lax;secure`;
};

/** 32 hexadecimal digits, time-ordered: 48 bits of milliseconds, then chance. */
const newKey = () =>
  crypto
    .getRandomValues(new Uint8Array(20))
    .reduce(
      (key, octet) => key + (octet & 15).toString(16),
      `0${Date.now().toString(16)}`,
    );

// --- Sending: an answer waits in the browser until the collector has it --------------

/** @type {any} What waits, by time: one for all tabs, untouched before an answer. */
let box;
let pause = 500;
/** @type {AbortController | undefined} */
let sending;

/**
 * One after the other; where the collector is down, again later, less and less often.
 * @param {Record<string, string>} more What is to be sent as well.
 */
const send = async (more = {}) => {
  try {
    box = Object.assign(box || localStorage, more);
  } catch {
    // Without storage, or without room, an answer waits as long as the page lives.
    box = { ...box, ...more };
  }
  const key = Object.keys(box)
    .sort()
    .find((name) => /^bandeau\d/.test(name));
  if (!key) return;
  sending = new AbortController();
  try {
    const { status } = await fetch(`${endpoint}/choice`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: box[key],
      // Not `keepalive`: Chromium would not call that off.
      signal: sending.signal,
    });
    if (status > 499) throw status;
  } catch {
    pause *= 2;
    setTimeout(send, pause);
    return;
  }
  delete box[key];
  send();
};

// --- Showing -------------------------------------------------------------------------

/** @type {(selector: string) => any} */
const find = (selector) => document.querySelector(selector);

/** @type {(selector: string) => any[]} */
const findAll = (selector) => [...document.querySelectorAll(selector)];

const dialog = () => find("[data-bandeau=choices]");
const switches = () => findAll("[data-bandeau] :enabled[role=switch]");
/** @type {(item: HTMLElement) => string} */
const yesTo = ({ dataset }) => `~${dataset.service}:y`;

const show = () => {
  const asked = choice.letters.includes("-");
  bandeau.answers = Object.fromEntries(
    purposes.map((id, place) => [
      id,
      WORDS[choice.letters[place] || ""] || "unanswered",
    ]),
  );
  const banner = find("[data-bandeau=banner]");
  // The style hides the banner by this before the banner is parsed.
  root.toggleAttribute("data-bandeau-answered", !asked);
  if (!banner) return;
  banner.hidden = !asked;
  switches().forEach((input, place) => {
    input.checked = choice.letters[place] === "y";
    input.toggleAttribute("data-unanswered", choice.letters[place] === "-");
  });
  for (const label of findAll("[data-bandeau] ul label")) {
    label.control.checked = choice.services.includes(yesTo(label.parentNode));
    label.hidden = !label.control.checked;
  }
};

/** @param {DOMStringMap} marks @param {Choice} [who] */
const mayRun = ({ purpose = "", service }, who = choice) =>
  allows(who, purposes, purpose.split(" "), service);

/**
 * Stand a placeholder over a frame that is held back, which keeps its place: nothing
 * moves, now or when it wakes. What nobody could see gets none.
 * @param {HTMLElement} frame
 */
const stand = (frame) => {
  const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = frame;
  const { service = "" } = frame.dataset;
  const name = find(
    `[data-bandeau] [data-service="${service}"] b`,
  )?.textContent;
  if (
    offsetWidth * offsetHeight < 900 ||
    !frame.checkVisibility({ visibilityProperty: true }) ||
    !name
  )
    return;
  const box = document.createElement("div");
  const button = document.createElement("button");
  box.dataset.bandeau = "held";
  button.dataset.bandeauAction = "allow";
  button.value = service;
  button.textContent = allowText.replace("{}", name);
  box.append(heldText.replace("{}", name), button);
  // The style hides the frame below it, and shows it again when it goes.
  frame.before(box);
  // Where it comes to stand by itself may be beside the frame: by how much?
  box.style.cssText = `--margin:${offsetTop - box.offsetTop}px 0 0 ${offsetLeft - box.offsetLeft}px;--width:${offsetWidth}px;--height:${offsetHeight}px`;
};

const wakeAll = () => {
  wake(mayRun, stand);
  for (const box of findAll("[data-bandeau=held]"))
    if (!box.nextSibling?.dataset?.src) box.remove();
};

// --- Answering -----------------------------------------------------------------------

/** @type {Element | null} Where the focus was, outside of what is ours. */
let outside = null;
/** @type {Element | null} */
let opener = null;

/** Focus goes back to where it was, or to the top of the content; it is never lost. */
const giveFocusBack = () => {
  const place = [opener, outside, find("main,h1") || root].find(
    (element) => element?.getClientRects()[0],
  );
  // What cannot take the focus by itself says -1, and can once it is told.
  if (place.tabIndex < 0) place.tabIndex = -1;
  place.focus({ preventScroll: true });
};

/** Obey the choice; `before` is the one obeyed so far. @param {Choice} before */
const obey = (before) => {
  // The answer to an earlier choice would bring its cookie back. It is sent again.
  sending?.abort();
  show();
  setTimeout(() => {
    bandeau.dispatchEvent(new Event("change"));
    const withdrawn = findAll("[data-bandeau] ol li").filter((item) => {
      const marks = {
        ...item.dataset,
        purpose: item.closest("ol>li").firstChild.dataset.bandeauPurpose,
      };
      return mayRun(marks, before) && !mayRun(marks);
    });
    for (const { children } of withdrawn)
      for (const { localName, dataset, textContent } of children)
        if (localName === "code") erase(dataset.kind, textContent);
    // What ran cannot be unrun, but a fresh page starts without it (CNIL-16).
    if (withdrawn[0]) location.reload();
    else wakeAll();
  });
};

/**
 * Take an answer: keep it, obey it, send it.
 * @param {Via} via
 * @param {string} letters
 * @param {string} services
 */
const answer = (via, letters, services = "") => {
  const before = choice;
  const yes = services || letters.includes("y");
  // Whoever accepts nothing carries no identifier (REC-10).
  const subject = yes ? before.subject || newKey() : "";
  const day = Math.floor(Date.now() / 864e5).toString(36);
  choice = { ...silence, day, letters, subject, services };
  keep();
  dialog().close();
  obey(before);
  send({
    [`bandeau${Date.now()}`]: JSON.stringify({
      notice: mark,
      request: newKey(),
      via: before.subject && !yes ? "withdrawal" : via,
      answers: bandeau.answers,
      services,
      subject: subject || before.subject,
    }),
  });
};

/**
 * In the settings all means all; the first layer asks only about what is new, and what
 * was answered before stays.
 * @param {string} letter
 * @param {HTMLElement} [target] What was pressed, if something was.
 */
const answerAll = (letter, target) => {
  const first = target && !target.closest("dialog");
  answer(
    first ? "first-layer" : target ? "settings" : "api",
    choice.letters.replace(first ? /-/g : /./g, letter),
    first ? choice.services : "",
  );
};

/** @type {Record<string, (target: HTMLButtonElement) => void>} */
const ACTIONS = {
  refuse: (target) => answerAll("n", target),
  accept: (target) => answerAll("y", target),
  choose: () => bandeau.open(),
  save: () =>
    answer(
      "settings",
      switches()
        .map(({ checked }) => (checked ? "y" : "n"))
        .join(""),
      findAll("[data-bandeau] ul :checked")
        .map((input) => yesTo(input.closest("li")))
        .join(""),
    ),
  allow: ({ value }) =>
    answer("placeholder", choice.letters, withService(choice.services, value)),
};

// --- The interface for pages, and what wakes us --------------------------------------

const bandeau = Object.assign(new EventTarget(), {
  answers: {},
  /** @param {string} purpose */
  allows: (purpose) => mayRun({ purpose }),
  open: () => {
    opener = document.activeElement;
    show();
    dialog().showModal();
  },
  refuseAll: () => answerAll("n"),
  acceptAll: () => answerAll("y"),
  /** @param {Record<string, boolean>} wanted */
  set: (wanted) =>
    answer(
      "api",
      choice.letters.replace(
        /./g,
        (letter, place) =>
          LETTERS[`${wanted[purposes[place] || ""]}`] || letter,
      ),
      choice.services,
    ),
});
Object.assign(window, { bandeau });

/** Somebody else may have answered since: another tab, or a later page. */
const readAgain = () => {
  const before = choice;
  choice = readChoice();
  if (writeCookie(before) !== writeCookie(choice)) obey(before);
};

/** @type {(name: string, react: (event: any) => void) => void} */
const on = (name, react) => addEventListener(name, react, true);

on("click", (event) => {
  const target = event.target.closest("[data-bandeau-action]");
  const act = ACTIONS[target?.dataset.bandeauAction];
  if (act) {
    event.preventDefault();
    act(target);
    if (!target.getClientRects()[0]) giveFocusBack();
  }
});
on("focusin", ({ target }) => {
  if (!target.closest("[data-bandeau]")) outside = target;
});
on("change", ({ target }) => target.removeAttribute("data-unanswered"));
// This tab is looked at again, or comes back from the past; and where the browser tells
// of cookies, another tab's answer at once. A `storage` listener would open the storage
// before any answer, and costs a slow phone more than all the rest here.
on("visibilitychange", readAgain);
window.cookieStore?.addEventListener("change", readAgain);
// Silence is what the markup shows already.
on("DOMContentLoaded", () => choice !== silence && show());
new MutationObserver(wakeAll).observe(root, { childList: true, subtree: true });
show();
wakeAll();
if (choice !== silence) send();
