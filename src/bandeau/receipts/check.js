// @ts-check
/**
 * The checking page: files come in, a verdict goes out. All of the page's DOM is touched
 * here, and text only ever becomes text.
 */
import { french } from "./texts.js";
import { isAble, NotSo, readPolicy, said, verify } from "./verify.js";

/** @typedef {import("./verify.js").Octets} Octets */
/** @typedef {import("./verify.js").Examination} Examination */

let language = "en";
/** @param {string} english */
const t = (english) => (language === "fr" && french[english]) || english;
/** @param {[string, ...unknown[]]} why */
const told = (...why) => said(why, t);

/** @param {string} id */
const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const field = (/** @type {string} */ name) =>
  /** @type {HTMLTextAreaElement} */ ($(name));

/**
 * @param {string} tag
 * @param {(string | Node)[]} content
 */
const make = (tag, ...content) => {
  const element = document.createElement(tag);
  element.append(...content);
  return element;
};

// ---------------------------------------------------------------- what comes in

/** @type {Map<string, Octets>} Files as they are: a field would mend their newlines. */
const kept = new Map();

/**
 * @param {string} name
 * @returns {Octets}
 */
const octetsIn = (name) => {
  const { value } = field(name);
  // Whoever copies a text often loses its last newline.
  const whole = value && !value.endsWith("\n") ? `${value}\n` : value;
  return kept.get(name) ?? new TextEncoder().encode(whole);
};

/** @param {Octets} octets */
const textOf = (octets) => new TextDecoder().decode(octets);

/**
 * @param {string} name
 * @param {File} file
 */
const put = async (name, file) => {
  const octets = new Uint8Array(await file.arrayBuffer());
  field(name).value = textOf(octets);
  kept.set(name, octets);
};

/** @param {File} file */
const fieldFor = async (file) => {
  const start = await file.slice(0, 8).text();
  if (/\.tlog-proof$/.test(file.name) || start === "c2sp.org") return "receipt";
  return start.startsWith("{") ? "notice" : "policy";
};

/** Check as soon as there is enough. */
const checkIfReady = () =>
  field("receipt").value && field("policy").value && check();

for (const name of ["receipt", "policy", "notice"]) {
  field(name).oninput = () => kept.delete(name);
  const chooser = /** @type {HTMLInputElement} */ ($(`${name}-file`));
  chooser.onchange = async () => {
    if (chooser.files?.[0]) await put(name, chooser.files[0]);
    // The same file again is a file again.
    chooser.value = "";
    await checkIfReady();
  };
}

document.ondragover = (event) => event.preventDefault();
document.ondrop = async (event) => {
  const files = [...(event.dataTransfer?.files ?? [])];
  if (!files[0]) return;
  event.preventDefault();
  for (const file of files) await put(await fieldFor(file), file);
  await checkIfReady();
};

// ---------------------------------------------------------------- what goes out

/**
 * @param {boolean | undefined} holds
 * @param {[string, ...unknown[]]} why
 */
const decide = (holds, ...why) => {
  $("verdict").className = holds === undefined ? "" : holds ? "yes" : "no";
  $("verdict").textContent = told(...why);
  $("verdict").scrollIntoView();
};

const check = async () => {
  $("found").replaceChildren();
  const receipt = octetsIn("receipt");
  let believed = octetsIn("policy");
  if (!receipt.length || !believed.length)
    return decide(undefined, "A receipt is needed, and a policy or a key.");
  const key = textOf(believed).trim();
  // A key alone: that log, and no witness.
  if (/^\S+$/.test(key))
    believed = new TextEncoder().encode(`log ${key}\nquorum none\n`);
  let policy;
  try {
    policy = await readPolicy(believed);
  } catch (error) {
    if (!(error instanceof NotSo)) throw error;
    decide(undefined, "The policy or key cannot be read.");
    return $("found").append(make("p", told(...error.why)));
  }

  const found = await verify(receipt, policy);
  const fails = found.steps.findIndex(({ outcome }) => outcome !== "passed");
  if (found.holds) decide(true, "The receipt holds.");
  else
    decide(
      false,
      "The receipt does not hold: step {}, {}.",
      fails + 1,
      t(found.steps[fails]?.name ?? ""),
    );
  const notice = octetsIn("notice");
  const said = saidIn(found.record);
  const isCited =
    notice.length > 0 && (await digestOf(notice)) === said.get("notice");
  if (found.holds && policy.quorum === "none")
    $("found").append(
      make(
        "p",
        t(
          "No witness was asked for: that this was in the log then, and is still, rests on the word of whoever runs it.",
        ),
      ),
    );
  if (notice.length)
    $("found").append(
      make(
        "p",
        t(
          isCited
            ? "The notice is the one that the record cites."
            : "The notice is not the one that the record cites.",
        ),
      ),
    );
  $("found").append(make("h2", t("Five steps")), stepsOf(found));
  if (found.record)
    $("found").append(
      make(
        "h2",
        t(found.holds ? "What the record says" : "What it says, unproved"),
      ),
      table(rowsOf(said, isCited ? JSON.parse(textOf(notice)) : undefined)),
    );
  if (found.holds)
    $("found").append(
      make("h2", t("Where and when it was recorded")),
      table(placeOf(found)),
    );
};

/** @param {Examination} found */
const stepsOf = ({ steps }) =>
  make(
    "ol",
    ...steps.map(({ name, outcome, why }) => {
      const step = make(
        "li",
        make("b", t(name)),
        " ",
        make("i", t(outcome)),
        " ",
        make("span", told(...why)),
      );
      step.className = outcome;
      return step;
    }),
  );

/**
 * @param {[name: string, text: string, answer?: string | undefined][]} rows
 */
const table = (rows) =>
  make(
    "dl",
    ...rows.map(([name, text, answer = ""]) => {
      const row = make("div", make("dt", name), make("dd", text));
      row.className = answer;
      return row;
    }),
  );

/**
 * What a record says, by name. One that is not spelt as it would be written again, with
 * a name that stands twice above all, could be read in two ways, and is shown as it is.
 * @param {Octets | undefined} record
 * @returns {Map<string, unknown>}
 */
const saidIn = (record) => {
  const text = textOf(record ?? new Uint8Array());
  try {
    const fields = JSON.parse(text);
    if (JSON.stringify(fields) === text) return new Map(Object.entries(fields));
  } catch {}
  return new Map([["record", text]]);
};

/** @type {Record<string, string>} */
const ANSWERS = { y: "accepted", n: "refused", "-": "unanswered" };
const LABELS = new Map([
  ["via", "given in"],
  ["subject", "visitor"],
  ["req", "request"],
]);

/**
 * @param {Map<string, unknown>} said
 * @param {any} notice Its names for purposes and services, if it is at hand.
 */
const rowsOf = (said, notice) => {
  /** @type {[string, string, string | undefined][]} */
  const rows = [];
  const texts = notice?.texts[language] ?? notice?.texts[notice.languages[0]];
  const asked = notice?.purposes.filter(
    (/** @type {any} */ one) => !one.locked,
  );
  /** @type {(name: string, letter: unknown) => void} */
  const answered = (name, letter) => {
    const answer = ANSWERS[`${letter}`];
    const text = answer === "unanswered" ? "not answered" : answer;
    rows.push([name, text ? t(text) : `${letter}`, answer]);
  };
  for (const [name, value] of said)
    if (name === "time" && Number.isInteger(value)) {
      const at = moment(/** @type {number} */ (value));
      rows.push([t("time"), told("{}, by the publisher’s clock", at), ""]);
    } else if (name === "answers" && typeof value === "string")
      for (const [at, letter] of [...value].entries())
        answered(
          texts?.[`purpose.${asked[at]?.id}.title`] ??
            told("purpose {}", at + 1),
          letter,
        );
    else if (name === "services" && value instanceof Object)
      for (const [id, letter] of Object.entries(value))
        answered(
          notice?.services.find((/** @type {any} */ one) => one.id === id)
            ?.name ?? told("service {}", id),
          letter,
        );
    else if (name !== "v")
      rows.push([
        t(LABELS.get(name) ?? name),
        typeof value === "string" ? value : JSON.stringify(value),
        "",
      ]);
  return rows;
};

/**
 * @param {Examination} found
 * @returns {[string, string][]}
 */
const placeOf = ({ origin, index, size, cosigned, unchecked }) => {
  let latest = 0n;
  for (const { time } of cosigned) if (time > latest) latest = time;
  return [
    [t("log"), origin],
    [t("index"), told("{} of {}", index, size)],
    [t("at earliest"), t("not known from one receipt")],
    [
      t("at latest"),
      latest
        ? told("{}, by the witnesses’ clocks", moment(latest))
        : t("not known: no witness states a time"),
    ],
    ...cosigned.map(({ name, time }) => {
      const at = time ? moment(time) : t("no time");
      return /** @type {[string, string]} */ ([t("witness"), `${name}, ${at}`]);
    }),
    ...unchecked.map((name) => {
      const text = told("{}: not checked here, and not counted", name);
      return /** @type {[string, string]} */ (["ML-DSA-44", text]);
    }),
  ];
};

/**
 * A time in seconds as people read it; UTC, as everything that is kept.
 * @param {number | bigint} seconds
 */
const moment = (seconds) => {
  const time = new Date(Number(seconds) * 1000);
  return Number.isNaN(+time)
    ? `${seconds} s`
    : `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;
};

/**
 * What names a notice: SHA-256, in base64url without padding.
 * @param {Octets} octets
 */
const digestOf = async (octets) =>
  btoa(
    String.fromCharCode(
      ...new Uint8Array(await crypto.subtle.digest("SHA-256", octets)),
    ),
  )
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace("=", "");

// ---------------------------------------------------------------- the page itself

/** @type {[Text, string][]} */
const words = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = /** @type {Text} */ (walker.currentNode);
  words.push([node, node.data]);
}

/** @param {string} wanted */
const speak = (wanted) => {
  language = wanted;
  document.documentElement.lang = wanted;
  $("language").lang = wanted === "fr" ? "en" : "fr";
  document.title = t("Check a receipt");
  for (const [node, english] of words)
    node.data = english.replace(/\S(.*\S)?/s, (text) => t(text));
};

$("language").onclick = () => {
  speak(language === "fr" ? "en" : "fr");
  // What was found is said again, in the other language.
  if ($("verdict").className) check();
};
$("check").onclick = check;

speak(navigator.language.startsWith("fr") ? "fr" : "en");
if (!(await isAble())) {
  $("check").setAttribute("disabled", "");
  decide(
    undefined,
    isSecureContext
      ? "This browser cannot check Ed25519 signatures. Use a current Firefox, Safari, Chrome or Edge, or the program verify_receipt.py, which needs only Python."
      : "This page did not come over a secure connection, so the browser checks no signatures here. Open it over https or from your own disk, or use the program verify_receipt.py, which needs only Python.",
  );
}
