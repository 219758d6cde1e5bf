// @ts-check
/**
 * What a visitor said, as values: no DOM, no clock, no storage in this file.
 *
 * The twin of model/cookie.py and model/choices.py; both keep to
 * tests/vectors/cookie.json. Whatever cannot be read is silence, never a yes.
 */

/**
 * @typedef {object} Choice
 * @property {string} notice The first 8 characters of the notice's digest.
 * @property {number} day Days since 1970-01-01 UTC.
 * @property {string} letters One of y n - per asked purpose, in notice order.
 * @property {string} subject 22 base64url characters, or nothing.
 * @property {Record<string, string>} services Answers to services by name: y or n.
 */

const FORM =
  /^1\.([\w-]{8})\.([1-9a-z][\da-z]{0,3})\.([yn-]{1,24})(?:\.([\w-]{22}))?((?:~[a-z][a-z\d-]{0,23}:[yn])*)$/;

/**
 * Read a choice cookie's value.
 * @param {string} text
 * @returns {Choice | undefined} Nothing where it cannot be read.
 */
export const readCookie = (text) => {
  const [, notice, day, letters, subject, tail] =
    (text.length < 128 && FORM.exec(text)) || [];
  if (!notice || !day || !letters) return undefined;
  /** @type {Record<string, string>} */
  const services = {};
  for (const part of (tail || "").split("~").slice(1)) {
    const [service = "", letter = ""] = part.split(":");
    if (services[service]) return undefined;
    services[service] = letter;
  }
  return {
    notice,
    day: parseInt(day, 36),
    letters,
    subject: subject || "",
    services,
  };
};

/**
 * Write a choice cookie's value, under 128 bytes: accepted services are left out where
 * they do not fit, since a yes that is forgotten is only silence.
 * @param {Choice} choice
 * @returns {string}
 */
export const writeCookie = ({ notice, day, letters, subject, services }) => {
  const left = Object.entries(services);
  for (;;) {
    const text =
      `1.${notice}.${day.toString(36)}.${letters}${subject && `.${subject}`}` +
      left.map(([service, letter]) => `~${service}:${letter}`).join("");
    const place = left.findIndex(([, letter]) => letter === "y");
    if (text.length < 128 || place < 0) return text;
    left.splice(place, 1);
  }
};

/**
 * Carry a choice over to the present notice (see `carry_code` in model/choices.py).
 * @param {Choice} choice
 * @param {string} code
 * @returns {Choice}
 */
export const carry = (choice, code) => {
  const [places = "", same = ""] = code.split("~");
  const kept = same.split(".");
  return {
    ...choice,
    letters: places.replace(/./g, (place) => {
      const strict = /[A-Z]/.test(place);
      const letter =
        choice.letters[strict ? place.charCodeAt(0) - 65 : parseInt(place, 36)];
      return !letter || (strict && letter === "y") ? "-" : letter;
    }),
    services: Object.fromEntries(
      Object.entries(choice.services).filter(([id]) => kept.includes(id)),
    ),
  };
};

/**
 * The same day of the month, some months later; its last day where it is shorter.
 * @param {number} day Days since 1970-01-01 UTC.
 * @param {number} months
 * @returns {number}
 */
export const dayAfterMonths = (day, months) => {
  const date = new Date(day * 864e5);
  const wanted = date.getUTCDate();
  date.setUTCMonth(date.getUTCMonth() + months);
  if (date.getUTCDate() !== wanted) date.setUTCDate(0);
  return date.getTime() / 864e5;
};

/**
 * The choice that a cookie's value stands for now, or silence.
 * @param {string} text
 * @param {number} today
 * @param {number} months How long a choice stands.
 * @param {Record<string, string>} codes A carry code per notice, the present one too.
 * @param {Choice} silence
 * @returns {Choice}
 */
export const standing = (text, today, months, codes, silence) => {
  const said = readCookie(text);
  const code = said && codes[said.notice];
  return said &&
    code &&
    said.day <= today + 1 &&
    today < dayAfterMonths(said.day, months)
    ? carry(said, code)
    : silence;
};

/**
 * Say whether something that acts for these purposes, as this service, may run.
 * @param {Choice} choice
 * @param {string[]} purposes The notice's asked purposes, in order.
 * @param {string[]} wanted
 * @param {string} [service]
 * @returns {boolean}
 */
export const allows = (choice, purposes, wanted, service) => {
  const named = service && choice.services[service];
  return named
    ? named === "y"
    : wanted.every((id) => choice.letters[purposes.indexOf(id)] === "y");
};
