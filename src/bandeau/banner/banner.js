// @ts-check
/**
 * The banner in a page: the only file that joins the DOM, the cookie and the collector.
 *
 * It runs before the page's own scripts and before the banner is there, so that no press
 * is ever lost: it listens on the document. It keeps and obeys an answer at once, and
 * sends it as often as it takes; the collector knows it again by its request key.
 */
import { allows, standing, writeCookie } from "./choices.js";
import { erase, wake } from "./held.js";
import { notice } from "./notice.js";

/** @typedef {import("./choices.js").Choice} Choice */
/** @typedef {"first-layer" | "settings" | "placeholder" | "withdrawal" | "api"} Via */

const NAME = "bandeau";
const WORDS = { y: "accepted", n: "refused", "-": "unanswered" };
const root = document.documentElement;
const today = () => Math.floor(Date.now() / 864e5);

/** @type {Choice} */
const silence = {
  notice: notice.digest.slice(0, 8),
  day: 1,
  letters: "-".repeat(notice.purposes.length),
  subject: "",
  services: {},
};

const cookieText = () =>
  document.cookie
    .split("; ")
    .find((cookie) => cookie.startsWith(`${NAME}=`))
    ?.slice(NAME.length + 1) || "";

const readChoice = () =>
  standing(cookieText(), today(), notice.months, notice.codes, silence);

let choice = readChoice();

/** @param {Choice} kept */
const keep = (kept) => {
  // biome-ignore lint/suspicious/noDocumentCookie: cookieStore is not everywhere
  document.cookie = `${NAME}=${writeCookie(kept)};path=/;max-age=${
    notice.months * 2629746
  };samesite=lax;secure`;
};

/**
 * 22 base64url characters, time-ordered: 48 bits of milliseconds, then chance
 * (RFC 9562, version 7).
 */
const newKey = () => {
  const octets = crypto.getRandomValues(new Uint8Array(16));
  let time = Date.now();
  for (let place = 5; place >= 0; place--) {
    octets[place] = time;
    time = Math.floor(time / 256);
  }
  octets[6] = ((octets[6] || 0) & 15) | 112;
  octets[8] = ((octets[8] || 0) & 63) | 128;
  return btoa(String.fromCharCode(...octets))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .slice(0, 22);
};

// --- Sending: an answer waits in the browser until the collector has it --------------

/** @type {object[]} */
let waiting = [];
try {
  waiting = JSON.parse(localStorage.getItem(NAME) || "[]");
} catch {
  // No storage, or not ours: nothing waits.
}
let sending = false;
let pause = 1000;

const keepWaiting = () => {
  try {
    // Other tabs hear of this and read the cookie again.
    if (waiting.length) localStorage.setItem(NAME, JSON.stringify(waiting));
    else localStorage.removeItem(NAME);
  } catch {
    // Without storage the answer lives as long as the page.
  }
};

const send = async () => {
  if (sending || !waiting.length) return;
  sending = true;
  try {
    const answer = await fetch(`${notice.endpoint}/choice`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(waiting[0]),
      keepalive: true,
    });
    if (answer.status >= 500 || answer.status === 429) throw answer;
    waiting.shift();
    keepWaiting();
    pause = 1000;
    // The answer to an older choice must not bring its cookie back.
    if (choice.day > 1 && cookieText() !== writeCookie(choice)) keep(choice);
  } catch {
    setTimeout(send, pause);
    pause = Math.min(pause * 2, 6e5);
  }
  sending = false;
  if (pause === 1000) send();
};

// --- Showing -------------------------------------------------------------------------

/** @param {string} mark */
const part = (mark) =>
  /** @type {HTMLElement | null} */ (
    document.querySelector(`[data-bandeau=${mark}]`)
  );

const dialog = () => /** @type {HTMLDialogElement | null} */ (part("choices"));

const switches = () =>
  /** @type {NodeListOf<HTMLInputElement>} */ (
    document.querySelectorAll("[data-bandeau-purpose]:enabled")
  );

const specials = () =>
  /** @type {NodeListOf<HTMLInputElement>} */ (
    document.querySelectorAll("[data-bandeau=choices] [name=service]")
  );

/** @param {string} id */
const titleOf = (id) =>
  document.querySelector(`label[for=bandeau-${id}]`)?.textContent || id;

const show = () => {
  const asked = choice.letters.includes("-");
  // The style hides the banner by this before the banner is parsed.
  root.toggleAttribute("data-bandeau-answered", !asked);
  const banner = part("banner");
  if (!banner) return;
  banner.hidden = !asked;
  switches().forEach((input, place) => {
    const letter = choice.letters[place];
    input.checked = letter === "y";
    input.toggleAttribute("data-unanswered", letter === "-");
  });
  for (const input of specials()) {
    input.checked = choice.services[input.value] === "y";
    const label = /** @type {HTMLElement} */ (input.parentNode);
    label.hidden = !input.checked;
  }
  const list = banner.querySelector("[data-bandeau-asked]");
  if (list && asked)
    list.textContent = notice.purposes
      .filter((_, place) => choice.letters[place] === "-")
      .map(titleOf)
      .join(", ");
};

/** @param {string[]} purposes @param {string} [service] */
const mayRun = (purposes, service) =>
  allows(choice, notice.purposes, purposes, service);

/**
 * Stand a placeholder where a frame is held back. What nobody could see gets none.
 * @param {HTMLElement} frame
 */
const stand = (frame) => {
  const { width, height } = frame.getBoundingClientRect();
  const { service } = frame.dataset;
  if (document.readyState === "loading" || width < 30 || height < 30) return;
  const box = document.createElement("div");
  const text = document.createElement("p");
  const button = document.createElement("button");
  const name =
    document.querySelector(`[data-service=${CSS.escape(service || "-")}] b`)
      ?.textContent || "";
  box.dataset.bandeau = "held";
  box.lang = notice.language;
  box.style.setProperty("--bandeau-width", `${width}px`);
  box.style.setProperty("--bandeau-height", `${height}px`);
  text.textContent = notice.held.replace("{service}", name || "?");
  button.textContent = name
    ? notice.allow.replace("{service}", name)
    : notice.choose;
  button.type = "button";
  button.dataset.bandeauAction = name ? "allow" : "choose";
  button.value = service || "";
  box.append(text, button);
  frame.before(box);
  frame.hidden = true;
};

const wakeAll = () => {
  wake(mayRun, (frame) => frame.hidden || stand(frame));
  for (const box of document.querySelectorAll("[data-bandeau=held]")) {
    const frame = /** @type {HTMLElement} */ (box.nextElementSibling);
    if (!frame?.dataset.src) {
      box.remove();
      if (frame) frame.hidden = false;
    }
  }
};

// --- Focus: it goes back to where it was, or to the top of the content ---------------

/** @type {Element | null} */
let lastOutside = null;
/** @type {Element | null} */
let opener = null;

const giveFocusBack = () => {
  const top = document.querySelector("main,[role=main],h1");
  for (const place of [opener, lastOutside, top]) {
    if (!(place instanceof HTMLElement) || !place.getClientRects().length)
      continue;
    place.focus({ preventScroll: true });
    if (document.activeElement !== place) {
      place.tabIndex = -1;
      place.focus({ preventScroll: true });
    }
    return;
  }
};

// --- Answering -----------------------------------------------------------------------

/** Obey the choice; `before` is the one obeyed so far. @param {Choice} before */
const obey = (before) => {
  show();
  setTimeout(() => {
    bandeau.dispatchEvent(
      new CustomEvent("change", { detail: bandeau.answers }),
    );
    /** @param {Choice} then @param {string} id */
    const had = (then, id) => allows(then, notice.purposes, [id]);
    const withdrawn =
      notice.purposes.some((id) => had(before, id) && !had(choice, id)) ||
      Object.entries(before.services).some(
        ([id, letter]) => letter === "y" && choice.services[id] !== "y",
      );
    if (!withdrawn) return wakeAll();
    for (const item of document.querySelectorAll(
      "[data-bandeau=choices] [data-service]",
    )) {
      const { service, for: purposes } = /** @type {HTMLElement} */ (item)
        .dataset;
      if (!mayRun((purposes || "").split(" "), service))
        for (const name of item.querySelectorAll("code"))
          erase(name.dataset.kind || "cookie", name.textContent || "");
    }
    // What ran cannot be unrun, but a fresh page starts without it (CNIL-16).
    location.reload();
  });
};

/**
 * Take an answer: keep it, obey it, send it.
 * @param {string} letters
 * @param {Record<string, string>} services
 * @param {Via} via
 */
const answer = (letters, services, via) => {
  const before = choice;
  const yes = `${letters}${Object.values(services)}`.includes("y");
  choice = {
    ...silence,
    day: today(),
    letters,
    services,
    // Whoever accepts nothing carries no identifier (REC-10).
    subject: yes ? before.subject || newKey() : "",
  };
  keep(choice);
  waiting.push({
    notice: notice.digest,
    request: newKey(),
    via: before.subject && !yes ? "withdrawal" : via,
    answers: namedAnswers(),
    services: Object.fromEntries(
      Object.entries(services).map(([id, letter]) => [id, named(letter)]),
    ),
    subject: choice.subject || before.subject || undefined,
  });
  const open = dialog()?.open;
  const inside = document.activeElement?.closest("[data-bandeau]");
  dialog()?.close();
  obey(before);
  if (open || inside) giveFocusBack();
  setTimeout(() => {
    keepWaiting();
    send();
  });
};

/** @param {string | undefined} letter */
const named = (letter) =>
  WORDS[/** @type {keyof typeof WORDS} */ (letter)] || WORDS["-"];

const namedAnswers = () =>
  Object.fromEntries(
    notice.purposes.map((id, place) => [id, named(choice.letters[place])]),
  );

/** @param {string} letter @param {Via} via */
const answerAll = (letter, via) =>
  answer(letter.repeat(notice.purposes.length), {}, via);

const open = () => {
  const settings = dialog();
  if (!settings || settings.open) return;
  opener = document.activeElement;
  show();
  settings.showModal();
};

/** @type {Record<string, (target: HTMLElement) => void>} */
const ACTIONS = {
  refuse: (target) => all("n", target),
  accept: (target) => all("y", target),
  choose: open,
  close: () => dialog()?.close(),
  save: () =>
    answer(
      [...switches()].map((input) => (input.checked ? "y" : "n")).join(""),
      Object.fromEntries(
        [...specials()].filter((i) => i.checked).map((i) => [i.value, "y"]),
      ),
      "settings",
    ),
  allow: (target) =>
    answer(
      choice.letters,
      {
        ...choice.services,
        [/** @type {HTMLButtonElement} */ (target).value]: "y",
      },
      "placeholder",
    ),
};

/**
 * In the settings all means all; the first layer asks only about what is new, and what
 * was answered before stays.
 * @param {string} letter
 * @param {HTMLElement} target
 */
const all = (letter, target) =>
  target.closest("dialog")
    ? answerAll(letter, "settings")
    : answer(
        choice.letters.replace(/-/g, letter),
        choice.services,
        "first-layer",
      );

// --- The interface for pages, and what wakes us --------------------------------------

class Bandeau extends EventTarget {
  /** @param {string} purpose */
  allows(purpose) {
    return mayRun([purpose]);
  }
  get answers() {
    return Object.freeze(namedAnswers());
  }
  open() {
    open();
  }
  refuseAll() {
    answerAll("n", "api");
  }
  acceptAll() {
    answerAll("y", "api");
  }
  /** @param {Record<string, boolean>} wanted */
  set(wanted) {
    answer(
      notice.purposes
        .map((id, place) =>
          id in wanted ? (wanted[id] === true ? "y" : "n") : choice.letters[place],
        )
        .join(""),
      choice.services,
      "api",
    );
  }
}

const bandeau = new Bandeau();
Object.defineProperty(window, "bandeau", { value: bandeau });

/** Another tab answered, or this page comes back from the past. */
const readAgain = () => {
  const before = choice;
  choice = readChoice();
  if (writeCookie(before) !== writeCookie(choice)) obey(before);
};

document.addEventListener(
  "click",
  (event) => {
    const target =
      event.target instanceof Element &&
      event.target.closest("[data-bandeau-action]");
    const act =
      target instanceof HTMLElement &&
      ACTIONS[target.dataset.bandeauAction || ""];
    if (!act || (target.dataset.bandeauAction === "choose" && !dialog())) return;
    event.preventDefault();
    act(target);
  },
  true,
);
document.addEventListener("focusin", ({ target }) => {
  if (target instanceof Element && !target.closest("[data-bandeau]"))
    lastOutside = target;
});
document.addEventListener("change", ({ target }) => {
  const status = dialog()?.querySelector("[role=status]");
  if (!(target instanceof HTMLInputElement) || !target.dataset.bandeauPurpose)
    return;
  target.removeAttribute("data-unanswered");
  const [allowed, refused] = target.parentNode?.querySelectorAll("span") || [];
  if (status)
    status.textContent = `${titleOf(target.dataset.bandeauPurpose)}: ${
      (target.checked ? allowed : refused)?.textContent
    }`;
});
addEventListener("pageshow", ({ persisted }) => persisted && readAgain());
addEventListener("storage", readAgain);
addEventListener("online", send);
document.addEventListener(
  "visibilitychange",
  () => document.hidden || (readAgain(), send()),
);
document.addEventListener("DOMContentLoaded", () => {
  show();
  wakeAll();
});
new MutationObserver(wakeAll).observe(root, { childList: true, subtree: true });
show();
wakeAll();
send();
