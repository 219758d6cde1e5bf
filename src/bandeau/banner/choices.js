// @ts-check
/**
 * What a visitor said, as values: no DOM, no clock, no storage in this file.
 *
 * The twin of model/cookie.py; both keep to tests/vectors/cookie.json. Whatever cannot
 * be read is silence, never a yes.
 */

/**
 * @typedef {object} Choice
 * @property {string} notice The first 8 characters of the notice's digest.
 * @property {string} day Days since 1970-01-01 UTC, in base 36.
 * @property {string} letters One of y n - per asked purpose, in notice order.
 * @property {string} subject 32 hexadecimal digits, or nothing.
 * @property {string} services What was accepted by name, as the cookie has it: `~video:y~map:y`.
 */

const FORM =
  /(?:^| )bandeau=(1\.([\w-]{8})\.([\da-z]{1,4})\.([yn-]{1,24})(?:\.([\da-f]{32}))?((?:~[a-z\d-]+:y)*))(?:;|$)/;

/**
 * Read the choice cookie among all cookies of a page.
 * @param {string} cookies
 * @returns {Choice | undefined} Nothing where there is none or it cannot be read.
 */
export const readCookie = (cookies) => {
  const [, text, notice, day, letters, subject = "", services] =
    /** @type {any[]} */ (FORM.exec(cookies) || [""]);
  return text?.length < 128
    ? { notice, day, letters, subject, services }
    : undefined;
};

/**
 * Write a choice cookie's value. It stays under 128 bytes because `withService` keeps
 * its last part short.
 * @param {Choice} choice
 * @returns {string}
 */
export const writeCookie = ({ notice, day, letters, subject, services }) =>
  `1.${notice}.${day}.${letters}${subject && `.${subject}`}${services}`;

/**
 * Accept a service by name. Of very many, the oldest are forgotten, which is silence.
 * @param {string} services
 * @param {string} service
 * @returns {string}
 */
export const withService = (services, service) =>
  `${services}~${service}:y`.slice(-68).replace(/^[^~]*/, "");

/**
 * Say whether something that acts for these purposes, as this service, may run.
 * @param {Choice} choice
 * @param {string[]} purposes The notice's asked purposes, in order.
 * @param {string[]} wanted
 * @param {string} [service]
 * @returns {boolean}
 */
export const allows = ({ letters, services }, purposes, wanted, service) =>
  services.includes(`~${service}:y`) ||
  wanted.every(
    (id) => id === "technical" || letters[purposes.indexOf(id)] === "y",
  );
