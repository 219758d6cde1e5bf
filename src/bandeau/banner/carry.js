// @ts-check
/**
 * A choice to an older notice, carried over to the present one; the twin of `carry` in
 * model/choices.py. Sent only where a site has an older notice.
 */

/** @typedef {import("./choices.js").Choice} Choice */

/**
 * @param {Choice} choice
 * @param {string | undefined} code See `carry_code` in model/choices.py.
 * @param {Choice} silence What is left where there is no such code.
 * @returns {Choice}
 */
export const carry = (choice, code, silence) => {
  if (!code) return silence;
  const [places = "", same = ""] = code.split("~");
  return {
    ...choice,
    letters: places.replace(/./g, (place) => {
      const letter = choice.letters[parseInt(place, 36) - 10] || "-";
      return letter === "y" && place !== place.toLowerCase() ? "-" : letter;
    }),
    services: choice.services.replace(/~([^:]+):y/g, (answer, id) =>
      same.split(".").includes(id) ? answer : "",
    ),
  };
};
