// @ts-check
/**
 * Checks a receipt (c2sp.org/tlog-proof) against a policy (c2sp.org/tlog-policy), with
 * WebCrypto and nothing else: no DOM, no clock, no network in this file.
 *
 * The twin of ledger/proof.py, its steps and its words; both keep to
 * tests/vectors/ledger.json. ML-DSA-44 is not checked here: such a line is named and
 * counts for nothing.
 */

/**
 * @typedef {Uint8Array<ArrayBuffer>} Octets
 * @typedef {object} Key
 * @property {string} name
 * @property {number} type
 * @property {Octets} octets The public key.
 * @property {string} line The name and the base64 of the key id, as lines name keys.
 *
 * @typedef {object} Policy
 * @property {Key[]} logs
 * @property {Map<string, Key>} witnesses
 * @property {{name: string, threshold: number, members: string[]}[]} groups
 * @property {string} quorum
 *
 * @typedef {object} Step
 * @property {string} name
 * @property {"passed" | "failed" | "untried"} outcome
 * @property {[string, ...unknown[]]} why A sentence, and what stands in its places.
 *
 * @typedef {object} Examination
 * @property {Step[]} steps
 * @property {boolean} holds
 * @property {string} origin
 * @property {bigint} index
 * @property {bigint} size
 * @property {Octets} [record]
 * @property {{name: string, time: bigint}[]} cosigned Witnesses, and seconds since 1970.
 * @property {string[]} unchecked Whose ML-DSA-44 lines were left aside.
 */

const HEADER = "c2sp.org/tlog-proof@v1";
const ED25519 = 1;
const COSIGNATURE = 4;
const ML_DSA_44 = 6;
const LARGEST = 2n ** 63n - 1n;

const text = new TextEncoder();
const strictly = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// One character per octet: places are counted in it, and ASCII is ASCII.
const single = new TextDecoder("windows-1252");

/** What was claimed is not so. */
export class NotSo extends Error {
  /** @param {[string, ...unknown[]]} why */
  constructor(...why) {
    super(said(why));
    this.why = why;
  }
}

/**
 * A sentence with its places filled in.
 * @param {[string, ...unknown[]]} why
 * @param {(sentence: string) => string} [translate]
 */
export const said = ([sentence, ...values], translate = (same) => same) =>
  translate(sentence).replace(/{}/g, () => `${values.shift()}`);

/**
 * Does this browser check Ed25519? In a page that came over http: it never says so.
 * @returns {Promise<boolean>}
 */
export const isAble = async () => {
  try {
    return !!(await crypto.subtle.generateKey("Ed25519", false, [
      "verify",
      "sign",
    ]));
  } catch {
    return false;
  }
};

// ---------------------------------------------------------------- spelling

/** @param {string} base64 */
const octetsOf = (base64) =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** @param {Octets} octets */
const base64Of = (octets) =>
  btoa(octets.reduce((all, octet) => all + String.fromCharCode(octet), ""));

/** @param {string} written */
const readBase64 = (written) =>
  written.length % 4 || !/^[A-Za-z0-9+/]+={0,2}$/.test(written)
    ? fail("This is not base64 with its padding.")
    : octetsOf(written);

/** @param {string} written */
const readExactBase64 = (written) => {
  const octets = readBase64(written);
  return base64Of(octets) === written
    ? octets
    : fail("This base64 ends in bits that mean nothing.");
};

/** @param {string} written */
const readHash = (written) => {
  const octets = readExactBase64(written);
  return octets.length === 32
    ? octets
    : fail("A hash has to be 32 bytes long.");
};

/**
 * "MUST NOT exceed 2^63 - 1" is what tlog-cosignature says of times.
 * @param {string} written
 */
const readDecimal = (written) =>
  /^(0|[1-9]\d{0,18})$/.test(written) && BigInt(written) <= LARGEST
    ? BigInt(written)
    : fail("A number has to be decimal, without sign or leading zeros.");

/**
 * @param {[string, ...unknown[]]} why
 * @returns {never}
 */
const fail = (...why) => {
  throw new NotSo(...why);
};

/**
 * "MUST be non-empty and MUST NOT contain any Unicode spaces or plus" -- signed-note
 * @param {string} name
 */
const isKeyName = (name) => /^[^\p{White_Space}+]+$/u.test(name);

/**
 * SHA-256 over pieces that stand one behind the other.
 * @param {(Octets | number[])[]} pieces
 */
const sha256 = async (...pieces) =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", joined(pieces)));

/** @param {(Octets | number[])[]} pieces */
const joined = (pieces) =>
  Uint8Array.from(pieces.flatMap((piece) => [...piece]));

/**
 * RFC 8032, as the browser has it: S below L, R compared as octets.
 * @param {Octets} key
 * @param {Octets} signature
 * @param {Octets} message
 */
const isEd25519 = async (key, signature, message) => {
  try {
    const { subtle } = crypto;
    const usable = await subtle.importKey("raw", key, "Ed25519", false, [
      "verify",
    ]);
    return await subtle.verify("Ed25519", usable, signature, message);
  } catch {
    return false;
  }
};

// ---------------------------------------------------------------- the policy

/**
 * Read a policy. What is not understood is nothing to rely on: all of it is refused.
 * @param {Octets} octets
 * @returns {Promise<Policy>}
 * @throws {NotSo} With the line.
 */
export const readPolicy = async (octets) => {
  /** @type {Policy} */
  const policy = { logs: [], witnesses: new Map(), groups: [], quorum: "" };
  // "the allowed octet values are 0x09 (tab), 0x0A (newline), 0x20-0x7E, 0x80-0xFF"
  const isForeign = octets.some(
    (o) => (o < 32 && o !== 9 && o !== 10) || o === 127,
  );
  // Octets that are no UTF-8 are spoilt here; a key with such a name has a false id.
  const lines = new TextDecoder("utf-8", { ignoreBOM: true })
    .decode(octets)
    .split("\n");
  if (isForeign || lines.pop() !== "")
    fail("A policy ends in a newline and has no control characters.");
  for (const [at, line] of lines.entries()) {
    const words = line.split(/[ \t]+/).filter(Boolean);
    if (words[0] && !words[0].startsWith("#"))
      try {
        await addLine(policy, words);
      } catch (error) {
        throw error instanceof NotSo
          ? new NotSo("Line {} is not as a policy has it.", at + 1)
          : error;
      }
  }
  if (!policy.quorum) fail("There is no quorum.");
  /** @type {Map<string, string>} */
  const publicOf = new Map();
  for (const { line, octets } of [...policy.logs, ...policy.witnesses.values()])
    if ((publicOf.get(line) ?? `${octets}`) !== `${octets}`)
      fail("Two keys have one name and one id.");
    else publicOf.set(line, `${octets}`);
  return policy;
};

/**
 * Names mean something from their line on; each has one meaning.
 * @param {Policy} policy
 * @param {string[]} words
 */
const addLine = async (policy, [what, ...words]) => {
  const { logs, witnesses, groups } = policy;
  const [name = "", threshold = "", ...members] = words;
  const known = ["none", ...witnesses.keys(), ...groups.map((one) => one.name)];
  const isNew = !known.includes(name);
  if (what === "log" && (words.length === 1 || words.length === 2))
    logs.push(await readKey(name, [ED25519, ML_DSA_44], logs));
  else if (what === "witness" && isNew && threshold && words.length < 4) {
    const others = [...witnesses.values()];
    const key = await readKey(threshold, [COSIGNATURE, ML_DSA_44], others);
    witnesses.set(name, key);
  } else if (what === "group" && isNew && members[0]) {
    const least =
      threshold === "all"
        ? members.length
        : threshold === "any"
          ? 1
          : +threshold;
    // "Each defined name can be listed as a group member at most once."
    const taken = groups.flatMap((one) => one.members).concat("none");
    for (const member of members)
      if (!known.includes(member) || taken.includes(member)) fail("");
      else taken.push(member);
    if (!/^(all|any|[1-9]\d{0,3})$/.test(threshold) || least > members.length)
      fail("");
    groups.push({ name, threshold: least, members });
  } else if (
    what === "quorum" &&
    words.length === 1 &&
    !isNew &&
    !policy.quorum
  )
    policy.quorum = name;
  else fail("");
};

/**
 * "<name>+<hex key ID>+<base64 of type || public key>", "key ID = SHA-256(key name ||
 * 0x0A || signature type || public key)[:4]" -- signed-note
 * @param {string} written
 * @param {number[]} types Those that may stand here.
 * @param {Key[]} others "duplicate if they wrap the same underlying public key"
 * @returns {Promise<Key>}
 */
const readKey = async (written, types, others) => {
  const [, name = "", id, base64 = ""] =
    /^([^+]*)\+([^+]*)\+(.*)$/.exec(written) ?? [];
  const typed = readExactBase64(base64);
  const octets = typed.slice(1);
  const [type = 0] = typed;
  const hash = await sha256(text.encode(`${name}\n`), typed);
  const keyId = hash.slice(0, 4);
  const length = type === ML_DSA_44 ? 1312 : 32;
  if (
    !isKeyName(name) ||
    !types.includes(type) ||
    octets.length !== length ||
    (type === ML_DSA_44 && text.encode(name).length > 255) ||
    [...keyId].map((o) => o.toString(16).padStart(2, "0")).join("") !== id ||
    others.some((other) => `${other.octets}` === `${octets}`)
  )
    fail("");
  return { name, type, octets, line: `${name} ${keyId}` };
};

/**
 * Groups stand after their members, so that once over all of them is enough.
 * @param {Policy} policy
 * @param {Key[]} cosigners
 */
const isQuorum = ({ witnesses, groups, quorum }, cosigners) => {
  const met = new Set(["none"]);
  for (const [name, key] of witnesses)
    if (cosigners.includes(key)) met.add(name);
  for (const { name, threshold, members } of groups)
    if (members.filter((member) => met.has(member)).length >= threshold)
      met.add(name);
  return met.has(quorum);
};

// ---------------------------------------------------------------- notes

/**
 * @typedef {object} Line
 * @property {string} line As in `Key`.
 * @property {Octets} value
 * @property {boolean} isExact No bits of its base64 are left over and set.
 *
 * @typedef {object} Note
 * @property {string} text
 * @property {Line[]} lines
 */

/**
 * A signed note; nothing is verified yet -- c2sp.org/signed-note
 * @param {Octets} octets
 * @returns {Note}
 */
const readNote = (octets) => {
  let whole = "";
  try {
    whole = strictly.decode(octets);
  } catch {
    fail("A note has to be UTF-8.");
  }
  // "MUST NOT contain any ASCII control characters (those below U+0020) other than
  // newline"
  if (octets.some((octet) => octet < 32 && octet !== 10))
    fail("A note has no control characters.");
  // "the text is separated from the signatures by the last empty line in the note"
  const at = whole.lastIndexOf("\n\n");
  const lines = whole.slice(at + 2).split("\n");
  if (at < 0 || lines.pop() !== "")
    fail("A note ends in an empty line and signatures.");
  if (lines.length > 100) fail("A note has at most 100 signatures.");
  return { text: whole.slice(0, at + 1), lines: lines.map(readLine) };
};

/**
 * "— <name> <base64 of key ID || signature>"
 * @param {string} written
 * @returns {Line}
 */
const readLine = (written) => {
  const [name = "", ...rest] = written.slice(2).split(" ");
  if (!written.startsWith("— ") || !isKeyName(name))
    fail("This is not a signature line.");
  const base64 = rest.join(" ");
  const octets = readBase64(base64);
  if (octets.length < 5) fail("This signature line has no signature.");
  return {
    line: `${name} ${octets.slice(0, 4)}`,
    value: octets.slice(4),
    isExact: base64Of(octets) === base64,
  };
};

/**
 * The lines that these keys made. "If a signature from a known key fails to verify,
 * clients SHOULD reject the whole note"; "MUST ignore signatures from unknown keys"
 * -- signed-note
 * @param {Note} note
 * @param {Key[]} keys
 * @param {string[]} unchecked Takes the names of keys that cannot be checked here.
 * @returns {Promise<{key: Key, time: bigint}[]>}
 */
const signatures = async (note, keys, unchecked) => {
  const found = [];
  for (const { line, value } of note.lines) {
    const key = keys.find((one) => one.line === line);
    if (key?.type === ML_DSA_44) unchecked.push(key.name);
    if (!key || key.type === ML_DSA_44) continue;
    let time = 0n;
    let said = note.text;
    let signature = value;
    if (key.type === COSIGNATURE) {
      // uint64 timestamp || signature; "two newline terminated lines followed by the
      // whole note body of the cosigned checkpoint" -- tlog-cosignature
      for (const octet of value.slice(0, 8))
        time = (time << 8n) | BigInt(octet);
      said = `cosignature/v1\ntime ${time}\n${said}`;
      signature = value.slice(8);
    }
    if (
      time > LARGEST ||
      signature.length !== 64 ||
      !(await isEd25519(key.octets, signature, text.encode(said)))
    )
      fail("A line of a known key does not hold.");
    found.push({ key, time });
  }
  return found;
};

// ---------------------------------------------------------------- the five steps

/**
 * Check a receipt in five steps; what an earlier one did not yield is not tried.
 * @param {Octets} octets
 * @param {Policy} policy
 * @returns {Promise<Examination>}
 */
export const verify = async (octets, policy) => {
  /** @type {Examination} */
  const found = {
    steps: [],
    holds: false,
    origin: "",
    index: 0n,
    size: 0n,
    cosigned: [],
    unchecked: [],
  };
  /** @type {Note} */
  let note;
  /** @type {Octets[]} */
  let hashes;
  /** @type {Octets} */
  let extra;
  /** @type {Octets} */
  let root;
  /** @type {Octets} */
  let entry;

  /** @type {Record<string, () => Promise<Step["why"]>>} */
  const checks = {
    read: async () => {
      ({ note, hashes, extra, index: found.index } = readProof(octets));
      // "the origin", "the tree size", "the root hash" -- tlog-checkpoint
      const [origin = "", size = "", hash = "", end, more] =
        note.text.split("\n");
      if (!origin || end !== "" || more !== undefined)
        fail("A checkpoint has three lines: origin, size, root.");
      found.origin = origin;
      found.size = readDecimal(size);
      root = readHash(hash);
      return ["It is a proof with a checkpoint."];
    },
    signed: async () => {
      // "This name MUST correspond to the log's origin line" -- tlog-policy
      const keys = policy.logs.filter((key) => key.name === found.origin);
      if (!keys[0]) fail("The policy knows no log of this origin.");
      if (!(await signatures(note, keys, found.unchecked))[0])
        fail("No key of the log signed this checkpoint.");
      return ["The log signed this checkpoint."];
    },
    witnessed: async () => {
      const keys = [...policy.witnesses.values()];
      const made = await signatures(note, keys, found.unchecked);
      found.cosigned = made.map(({ key, time }) => ({ name: key.name, time }));
      const cosigners = [...new Set(made.map(({ key }) => key))];
      const count = cosigners.length;
      if (!isQuorum(policy, cosigners))
        fail("The witnesses that cosigned it are {}, and no quorum.", count);
      return policy.quorum === "none"
        ? ["The policy asks for no witness."]
        : ["The witnesses that cosigned it are {}, and a quorum.", count];
    },
    opened: async () => {
      if (!extra.length)
        fail("There is neither a record nor an entry to look for.");
      if (extra.length < 32) fail("A salt has to be 32 bytes long.");
      found.record = extra.slice(32);
      // commitment = SHA-256(this line || salt || record), entry = 0x01 || commitment
      const domain = text.encode("bandeau/record/v1\n");
      entry = joined([[1], await sha256(domain, extra)]);
      return ["The record and its salt make a commitment."];
    },
    included: async () => {
      const { index, size } = found;
      if (!(await leadsTo(root, { index, size, hashes, entry })))
        fail(
          "The tree of the checkpoint does not have this entry at this index.",
        );
      return ["It is entry {} of the {} in the tree.", index, size];
    },
  };

  /** @type {Record<string, string>} */
  const outcomes = {};
  for (const [name, check] of Object.entries(checks)) {
    /** @type {Step} */
    let step = {
      name,
      outcome: "untried",
      why: ["There is nothing to check."],
    };
    if (name === "included" && outcomes.opened === "failed")
      step.why = ["It is not known what should be there."];
    else if (name === "read" || outcomes.read === "passed")
      try {
        step = { name, outcome: "passed", why: await check() };
      } catch (error) {
        if (!(error instanceof NotSo)) throw error;
        step = { name, outcome: "failed", why: error.why };
      }
    outcomes[name] = step.outcome;
    found.steps.push(step);
  }
  found.holds = found.steps.every((step) => step.outcome === "passed");
  return found;
};

/**
 * "c2sp.org/tlog-proof@v1", "extra <base64>" or not, "index <number>", hashes, an empty
 * line, the checkpoint -- c2sp.org/tlog-proof
 * @param {Octets} octets
 */
const readProof = (octets) => {
  const at = single.decode(octets).indexOf("\n\n");
  const head = at < 0 ? octets : octets.slice(0, at);
  if (head.some((octet) => octet > 127)) fail("The head of a proof is ASCII.");
  const lines = single.decode(head).split("\n");
  if (at < 0 || at + 2 === octets.length || lines.shift() !== HEADER)
    fail(`A proof begins with ${HEADER} and ends with a checkpoint.`);
  /** @type {(word: string) => string | undefined} */
  const taken = (word) =>
    lines[0]?.startsWith(word) ? lines.shift()?.slice(word.length) : undefined;
  const opening = taken("extra ");
  const extra =
    opening === undefined ? new Uint8Array() : readExactBase64(opening);
  const written =
    taken("index ") ?? fail("A proof says which index it is for.");
  const index = readDecimal(written);
  if (lines.length > 63) fail("A proof has at most 63 hashes.");
  const hashes = lines.map(readHash);

  const checkpoint = octets.slice(at + 2);
  const note = readNote(checkpoint);
  // One spelling for each receipt: no line has bits in its base64 that mean nothing.
  if (!note.lines.every((line) => line.isExact))
    fail("The checkpoint is not spelt as it should be.");
  return { note, hashes, extra, index };
};

/**
 * RFC 9162, section 2.1.3.2, in its letters.
 * @param {Octets} root
 * @param {{index: bigint, size: bigint, hashes: Octets[], entry: Octets}} path
 */
const leadsTo = async (root, { index, size, hashes, entry }) => {
  if (index >= size) return false;
  let fn = index;
  let sn = size - 1n;
  // "HASH(0x00 || d[n])" for a leaf, "HASH(0x01 || left || right)" above it
  let r = await sha256([0], entry);
  for (const p of hashes) {
    if (!sn) return false;
    if (fn & 1n || fn === sn) {
      r = await sha256([1], p, r);
      while (!(fn & 1n) && fn) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else r = await sha256([1], r, p);
    fn >>= 1n;
    sn >>= 1n;
  }
  return !sn && base64Of(r) === base64Of(root);
};
