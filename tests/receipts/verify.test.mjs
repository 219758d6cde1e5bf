import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import {
  isAble,
  NotSo,
  readPolicy,
  said,
  verify,
} from "../../src/bandeau/receipts/verify.js";

const vectors = (name) =>
  JSON.parse(
    readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf-8"),
  );
const octets = (text) => new TextEncoder().encode(text);
const steps = ({ steps }) =>
  steps.map(({ name, outcome, why }) => [name, outcome, said(why)]);

const { worked, mldsa } = vectors("ledger");
const receipts = vectors("receipts");
const policy = await readPolicy(octets(receipts.policy));
const passed = (...why) =>
  ["read", "signed", "witnessed", "opened", "included"].map((name, at) => [
    name,
    "passed",
    why[at],
  ]);

/** The worked receipt, with what opens it, as a visitor gets it. */
const extra = Buffer.concat([
  Buffer.from(worked.salt, "hex"),
  Buffer.from(worked.record),
]).toString("base64");
const ours = octets(
  worked["tlog-proof"].replace("\nindex", `\nextra ${extra}\nindex`),
);

/** One octet or some words are not what they were. */
const changed = (whole, { was, becomes, at, xor }) => {
  const text = Buffer.from(whole);
  if (was === undefined) {
    text[at] ^= xor;
    return new Uint8Array(text);
  }
  return octets(text.toString().replace(was, () => becomes));
};

test("this JavaScript can check Ed25519", async () => {
  assert.equal(await isAble(), true);
});

test("the worked receipt holds, with the words of proof.py", async () => {
  const found = await verify(ours, policy);

  assert.deepEqual(
    steps(found),
    passed(
      "It is a proof with a checkpoint.",
      "The log signed this checkpoint.",
      "The witnesses that cosigned it are 1, and a quorum.",
      "The record and its salt make a commitment.",
      "It is entry 2 of the 5 in the tree.",
    ),
  );
  assert.equal(found.holds, true);
  assert.equal(Buffer.from(found.record).toString(), worked.record);
  assert.deepEqual(found.cosigned, [
    { name: "witness.example/w1", time: 1795410000n },
  ]);
  assert.equal(found.origin, "ledger.example/shop/2026");
});

test("a receipt that does not open itself says so", async () => {
  const found = await verify(octets(worked["tlog-proof"]), policy);

  assert.equal(found.steps[3].outcome, "failed");
  assert.equal(found.steps[4].outcome, "untried");
});

test("every changed byte of the worked receipt is seen", async () => {
  for (let at = 0; at < ours.length; at++)
    for (const xor of [0x01, 0x20, 0x80, ours[at] ^ 0x0a || 0x02]) {
      const found = await verify(changed(ours, { at, xor }), policy);

      assert.equal(
        found.holds,
        false,
        `byte ${at} was changed: nobody noticed`,
      );
    }
});

test("every lost or doubled byte is seen", async () => {
  for (let at = 0; at < ours.length; at++)
    for (const [end, start] of [
      [at, at + 1],
      [at + 1, at],
    ]) {
      const text = [...ours.slice(0, end), ...ours.slice(start)];

      assert.equal((await verify(new Uint8Array(text), policy)).holds, false);
    }
});

test("what is nearly a receipt fails as in proof.py, word for word", async () => {
  const whole = octets(receipts.receipt);

  for (const change of receipts.nearly)
    assert.deepEqual(
      steps(await verify(changed(whole, change), policy)),
      receipts.verdicts[change.verdict],
      JSON.stringify(change),
    );
});

test("octets of any kind are false and no error", async () => {
  for (const whole of [[], [10, 10], [255, 10, 10, 1], Array(3000).fill(10)]) {
    const found = await verify(new Uint8Array(whole), policy);

    assert.equal(found.steps[0].outcome, "failed");
    assert.equal(found.holds, false);
  }
});

test("a line of ML-DSA-44 is named and never counts", async () => {
  const whole = octets(receipts["with ML-DSA-44"]);
  const key = receipts["ML-DSA-44 vkey"];
  const wants = async (quorum) =>
    verify(
      whole,
      await readPolicy(
        octets(
          receipts.policy.replace(
            "quorum w1",
            `witness pq ${key}\ngroup both all w1 pq\nquorum ${quorum}`,
          ),
        ),
      ),
    );

  const one = await wants("w1");
  const two = await wants("both");

  assert.equal(one.holds, true);
  assert.deepEqual(one.unchecked, ["witness.example/pq"]);
  assert.equal(
    said(two.steps[2].why),
    "The witnesses that cosigned it are 1, and no quorum.",
  );
});

test("a policy says whom to believe", async () => {
  const { policy } = receipts;
  const [log, witness] = policy.split("\n");
  const other = `witness w2 ${mldsa.vkey}`;
  const readable = [
    [`${log}\nquorum none\n`, true],
    [`# a comment\n\n \t${log} https://ledger.example/\nquorum none \n`, true],
    [`${log}\n${witness}\n${other}\ngroup g any w1 w2\nquorum g\n`, true],
    [`${log}\n${witness}\n${other}\ngroup g 2 w1 w2\nquorum g\n`, false],
    [`${log}\n${witness}\n${other}\nquorum w2\n`, false],
    ["quorum none\n", false],
  ];
  const unreadable = [
    "",
    `${log}\n`,
    `${log}\nquorum none`,
    `${log}\r\nquorum none\n`,
    `${log}\nquorum none\nquorum none\n`,
    `${log}\n${log}\nquorum none\n`,
    `${log}\nquorum w1\n`,
    `${log} a b\nquorum none\n`,
    `${log.replace("+cf", "+df")}\nquorum none\n`,
    `${log.replace("VTG4", "VTG5")}\nquorum none\n`,
    `${witness.replace("witness w1", "log")}\nquorum none\n`,
    `${log.replace("log", "witness w1")}\nquorum none\n`,
    `${witness.replace("w1 ", "none ")}\nquorum none\n`,
    `${witness}\n${witness}\nquorum none\n`,
    `${witness}\ngroup w1 any w1\nquorum w1\n`,
    `${witness}\ngroup g 2 w1\nquorum g\n`,
    `${witness}\ngroup g 0 w1\nquorum g\n`,
    `${witness}\ngroup g 1e0 w1\nquorum g\n`,
    `${witness}\ngroup g any g\nquorum g\n`,
    `${witness}\ngroup g any none\nquorum g\n`,
    `${witness}\ngroup g any\nquorum none\n`,
    `${witness}\ngroup g any w1 w1\nquorum g\n`,
    `${witness}\ngroup g any w1\ngroup h any w1\nquorum g\n`,
    "tree x\nquorum none\n",
  ];

  for (const [text, holds] of readable)
    assert.equal(
      (await verify(ours, await readPolicy(octets(text)))).holds,
      holds,
      text,
    );
  for (const text of unreadable)
    await assert.rejects(readPolicy(octets(text)), NotSo, text);
});
