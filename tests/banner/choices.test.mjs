import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { carry } from "../../src/bandeau/banner/carry.js";
import {
  allows,
  readCookie,
  withService,
  writeCookie,
} from "../../src/bandeau/banner/choices.js";

const vectors = JSON.parse(
  readFileSync(new URL("../vectors/cookie.json", import.meta.url), "utf-8"),
);
const tail = (services) => services.map((id) => `~${id}:y`).join("");

for (const row of vectors.readable)
  test(`reads and writes ${row.name}`, () => {
    const said = readCookie(`a=1; bandeau=${row.text}; z=2`);

    assert.equal(said.notice, row.notice);
    assert.equal(parseInt(said.day, 36), row.day);
    assert.equal(said.letters, row.letters);
    assert.equal(said.subject, row.subject);
    assert.equal(said.services, tail(row.services));
    assert.equal(writeCookie(said), row.text);
  });

for (const text of vectors.unreadable)
  test(`takes ${JSON.stringify(text)} for silence`, () => {
    assert.equal(readCookie(`bandeau=${text}`), undefined);
  });

for (const name of ["xbandeau", "bandeaux", "x-bandeau"])
  test(`another cookie's name is not ours: ${name}`, () => {
    assert.equal(readCookie(`${name}=1.nIXvnK0E.g19.yyyyy`), undefined);
  });

for (const row of vectors.carried)
  test(`carries over: ${row.name}`, () => {
    const choice = {
      notice: "nIXvnK0E",
      day: "g19",
      letters: row.letters,
      subject: "",
      services: tail(row.services),
    };

    const carried = carry(choice, row.code, choice);

    assert.equal(carried.letters, row.becomes);
    assert.equal(carried.services, tail(row.kept));
  });

test("an answer to a notice that nobody knows is silence", () => {
  const silence = { letters: "-" };

  assert.equal(carry({ letters: "y" }, undefined, silence), silence);
});

test("of very many accepted services the oldest are forgotten", () => {
  let services = "";
  for (let n = 10; n < 40; n++) services = withService(services, `video-${n}`);

  assert.ok(services.length <= 68);
  assert.ok(services.endsWith("~video-39:y"));
  assert.match(services, /^(~[a-z\d-]+:y)+$/);
});

test("silence, refusal and the unknown are never a yes", () => {
  const purposes = ["audience", "ads"];
  const choice = { letters: "y-", services: "~film:y" };

  assert.equal(allows(choice, purposes, ["audience"]), true);
  assert.equal(allows(choice, purposes, ["ads"]), false);
  assert.equal(allows(choice, purposes, ["audience", "ads"]), false);
  assert.equal(allows(choice, purposes, ["unknown"]), false);
  assert.equal(allows(choice, purposes, [""]), false);
  assert.equal(allows(choice, purposes, ["ads"], "film"), true);
  assert.equal(allows(choice, purposes, ["ads"], "fil"), false);
  assert.equal(allows(choice, purposes, ["technical"]), true);
});
