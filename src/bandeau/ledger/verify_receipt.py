"""Check a receipt for a recorded choice: one file, Python 3.9 or later, nothing else.

    python verify_receipt.py RECEIPT.tlog-proof --policy POLICY

Read it before you run it: that is what it is written for. It imports nothing but the
standard library, opens the two files that you name, and writes to the terminal. It
asks no network. What it says, it says in the order of this file:

    1 read       the receipt is spelt as c2sp.org/tlog-proof has it, in the one way
    2 signed     a key that your policy has for this log signed the checkpoint
    3 witnessed  enough of the witnesses in your policy cosigned the same checkpoint
    4 opened     the record and its salt make a commitment
    5 included   the tree of the checkpoint has that commitment at that index

Exit code: 0 it holds, 1 it does not, 2 a file cannot be read.

What a receipt shows: whoever runs the log committed to these very bytes, at the latest
at the times that the witnesses state. What it does not: who the person was, what they
were shown, whether they were free to refuse, or that nothing else was answered.

Ed25519 is checked here, in arithmetic that you can follow. ML-DSA-44 is not: a line of
that kind is named, and counts for nothing.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

ED25519, COSIGNATURE, ML_DSA_44 = 0x01, 0x04, 0x06
PUBLIC_LENGTHS = {ED25519: 32, COSIGNATURE: 32, ML_DSA_44: 1312}
LARGEST = 2**63 - 1


class NotSoError(Exception):
    """What was claimed is not so; the message says why."""


# ---------------------------------------------------------------- Ed25519

# "p = 2^255 - 19", "L = 2^252 + 27742317777372353535851937790883648493",
# "d = -121665/121666" -- RFC 8032, section 5.1
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

# X, Y, Z, T with "x = X/Z, y = Y/Z, x * y = T/Z" -- section 5.1.4
Point = tuple[int, int, int, int]
NEUTRAL: Point = (0, 1, 1, 0)


def add(p: Point, q: Point) -> Point:
    """The sum of two points, in the letters of RFC 8032, section 5.1.4."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(number: int, point: Point) -> Point:
    total = NEUTRAL
    while number:
        if number & 1:
            total = add(total, point)
        point = add(point, point)
        number >>= 1
    return total


def point_from(octets: bytes) -> Point | None:
    """The point that 32 octets stand for, if any -- RFC 8032, section 5.1.3.

    As in Go and OpenSSL, a y beyond p is taken modulo p. Only keys are read here, and
    those are in your policy; R, below, is compared as octets.
    """
    number = int.from_bytes(octets, "little")
    sign, y = number >> 255, number % 2**255 % P
    # "x^2 = (y^2 - 1) / (d y^2 + 1)"
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        return None
    if x & 1 != sign:
        x = -x % P
    return (x, y, 1, x * y % P)


def octets_of(point: Point) -> bytes:
    x, y = (value * pow(point[2], -1, P) % P for value in point[:2])
    return (y | (x & 1) << 255).to_bytes(32, "little")


# "B = (15112…3202, 46316…5960)", the point with y = 4/5 and an even x
BASE = point_from((4 * pow(5, -1, P) % P).to_bytes(32, "little")) or NEUTRAL


def is_ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    """Is this the signature of that key under the message? RFC 8032, section 5.1.7."""
    key = point_from(public)
    s = int.from_bytes(signature[32:], "little")
    # "Decode … the second half as an integer S, in the range 0 <= s < L. If any of the
    # decodings fail … the signature is invalid."
    if key is None or len(signature) != 64 or s >= L:
        return False
    # "Compute SHA512(dom2(F, C) || R || A || PH(M)), and interpret the 64-octet digest
    # as a little-endian integer k." For Ed25519, dom2 is empty and PH(M) is M.
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    k = int.from_bytes(digest, "little") % L
    # "[S]B = R + [k]A", without cofactors: R has to be the octets of [S]B - [k]A.
    minus_key = (-key[0] % P, key[1], key[2], -key[3] % P)
    return octets_of(add(times(s, BASE), times(k, minus_key))) == signature[:32]


# ---------------------------------------------------------------- spelling


def number_from(text: str) -> int:
    """An ASCII decimal without leading zeros, at most 2^63 - 1."""
    if re.fullmatch("0|[1-9][0-9]{0,18}", text) and int(text) <= LARGEST:
        return int(text)
    raise NotSoError("A number has to be decimal, without sign or leading zeros.")


def octets_from(text: str) -> bytes:
    """RFC 4648, section 4, with its padding."""
    if len(text) % 4 or not re.fullmatch("[A-Za-z0-9+/]+={0,2}", text):
        raise NotSoError("This is not base64 with its padding.")
    return base64.b64decode(text)


def exact_octets_from(text: str) -> bytes:
    octets = octets_from(text)
    if base64.b64encode(octets).decode() != text:
        raise NotSoError("This base64 ends in bits that mean nothing.")
    return octets


def hash_from(text: str) -> bytes:
    octets = exact_octets_from(text)
    if len(octets) != 32:
        raise NotSoError("A hash has to be 32 bytes long.")
    return octets


# ---------------------------------------------------------------- keys and notes


class Key(NamedTuple):
    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        # "key ID = SHA-256(key name || 0x0A || signature type || public key)[:4]"
        # -- c2sp.org/signed-note
        named = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(named).digest()[:4]


def is_key_name(name: str) -> bool:
    # "Key names MUST be non-empty and MUST NOT contain any Unicode spaces or plus
    # (U+002B) characters." -- c2sp.org/signed-note
    return bool(name) and not any(c.isspace() or c < " " or c == "+" for c in name)


def key_from(text: str, *kinds: int) -> Key:
    """A verifier key: "<name>+<hex key ID>+<base64 of type || public key>"."""
    name, key_id, encoded = [*text.split("+", 2), "", ""][:3]
    octets = exact_octets_from(encoded)
    key = Key(name, octets[0], octets[1:])
    try:
        encoded_name = name.encode()
    except UnicodeEncodeError:  # not UTF-8 in the file
        encoded_name = b""
    if not encoded_name or not is_key_name(name):
        raise NotSoError("A key needs a name in UTF-8, without spaces.")
    if key.kind not in kinds:
        raise NotSoError("A key of this type cannot stand here.")
    if len(key.public) != PUBLIC_LENGTHS[key.kind] or (
        key.kind == ML_DSA_44 and len(encoded_name) > 255
    ):
        raise NotSoError("This key, or its name, has the wrong length.")
    if key_id != key.id.hex():
        raise NotSoError("The id of this key is another key's.")
    return key


class Line(NamedTuple):
    """A signature line: "— <name> <base64 of key ID || signature>"."""

    name: str
    key_id: bytes
    value: bytes


class Note(NamedTuple):
    text: str
    lines: list[Line]


def note_from(octets: bytes) -> Note:
    """A signed note, and nothing is verified yet -- c2sp.org/signed-note."""
    try:
        whole = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise NotSoError("A note has to be UTF-8.") from None
    # "MUST NOT contain any ASCII control characters (those below U+0020) other than
    # newline"
    if any(c < " " and c != "\n" for c in whole):
        raise NotSoError("A note has no control characters.")
    # "the text is separated from the signatures by the last empty line in the note"
    text, empty_line, below = whole.rpartition("\n\n")
    if not empty_line or not below.endswith("\n"):
        raise NotSoError("A note ends in an empty line and signatures.")
    written = below[:-1].split("\n")
    # "Verifiers SHOULD apply a maximum limit to the number of signatures in a note"
    if len(written) > 100:
        raise NotSoError("A note has at most 100 signatures.")
    return Note(text + "\n", [line_from(line) for line in written])


def line_from(written: str) -> Line:
    name, _, encoded = written[2:].partition(" ")
    if not written.startswith("\N{EM DASH} ") or not is_key_name(name):
        raise NotSoError("This is not a signature line.")
    octets = octets_from(encoded)
    if len(octets) <= 4:
        raise NotSoError("This signature line has no signature.")
    return Line(name, octets[:4], octets[4:])


class Cosigned(NamedTuple):
    """Which key signed; for a witness, the time that it states, or 0 for none."""

    key: Key
    time: int


def signed_by(key: Key, line: Line, text: str) -> Cosigned | None:
    """What a line says, if that key made it."""
    if key.kind == ED25519:
        holds = is_ed25519(key.public, line.value, text.encode())
        return Cosigned(key, 0) if holds else None
    # "the timestamp … as a big-endian uint64, followed by the signature"; "MUST NOT
    # exceed 2^63 - 1"; the signed message is "two newline terminated lines followed by
    # the whole note body of the cosigned checkpoint" -- c2sp.org/tlog-cosignature
    at = int.from_bytes(line.value[:8], "big")
    message = f"cosignature/v1\ntime {at}\n{text}".encode()
    holds = at <= LARGEST and is_ed25519(key.public, line.value[8:], message)
    return Cosigned(key, at) if holds else None


# ---------------------------------------------------------------- the policy


class Group(NamedTuple):
    name: str
    threshold: int
    members: list[str]


class Policy(NamedTuple):
    """Whom you believe -- c2sp.org/tlog-policy."""

    logs: list[Key]
    witnesses: dict[str, Key]
    groups: list[Group]
    quorum: str

    def is_quorum(self, cosigners: list[Key]) -> bool:
        """Are these enough? Groups come after their members, so once over is enough."""
        met = {name for name, key in self.witnesses.items() if key in cosigners}
        for group in self.groups:
            if len(met.intersection(group.members)) >= group.threshold:
                met.add(group.name)
        return self.quorum == "none" or self.quorum in met


def policy_from(octets: bytes) -> Policy:
    """Read a policy file; one word that is not understood, and none of it is."""
    # "the allowed octet values are 0x09 (tab), 0x0A (newline), 0x20-0x7E, 0x80-0xFF";
    # "each line is terminated by ASCII newline"
    if re.search(rb"[^\t\n\x20-\x7e\x80-\xff]", octets) or octets[-1:] != b"\n":
        raise NotSoError("A policy ends in a newline and has no control characters.")
    policy = Policy([], {}, [], "")
    lines = octets.decode("utf-8", "surrogateescape")[:-1].split("\n")
    for number, line in enumerate(lines, 1):
        words = re.split("[ \t]+", line.strip(" \t"))
        if words[0] and not words[0].startswith("#"):
            try:
                policy = with_line(policy, words)
            except NotSoError as error:
                raise NotSoError(f"line {number}: {error}") from None
    if not policy.quorum:
        raise NotSoError("There is no quorum.")
    keys = [*policy.logs, *policy.witnesses.values()]
    if len({(key.name, key.id) for key in keys}) < len(set(keys)):
        raise NotSoError("Two keys have one name and one id.")
    return policy


def with_line(policy: Policy, words: list[str]) -> Policy:
    """The policy with one line more; names mean something from their line on."""
    what, count = words[0], len(words)
    known = {*policy.witnesses, *(group.name for group in policy.groups)}
    if what == "log" and count in (2, 3):
        key = key_from(words[1], ED25519, ML_DSA_44)
        refuse_twin(key, policy.logs)
        return policy._replace(logs=[*policy.logs, key])
    if what == "witness" and count in (3, 4):
        refuse_known(words[1], known)
        key = key_from(words[2], COSIGNATURE, ML_DSA_44)
        refuse_twin(key, list(policy.witnesses.values()))
        return policy._replace(witnesses={**policy.witnesses, words[1]: key})
    if what == "group" and count > 3:
        refuse_known(words[1], known)
        group = Group(words[1], threshold_from(words), words[3:])
        # "Each defined name can be listed as a group member at most once."
        listed = [name for each in [*policy.groups, group] for name in each.members]
        if len(set(listed)) < len(listed) or not known.issuperset(group.members):
            raise NotSoError("A member is a name from above, and in one group only.")
        return policy._replace(groups=[*policy.groups, group])
    if what == "quorum" and count == 2 and not policy.quorum:
        if words[1] not in {"none", *known}:
            raise NotSoError("A quorum is none, or a name from above.")
        return policy._replace(quorum=words[1])
    raise NotSoError("This is not a line of a policy.")


def threshold_from(words: list[str]) -> int:
    count = len(words) - 3
    if words[2] in ("all", "any"):
        return count if words[2] == "all" else 1
    if re.fullmatch("[1-9][0-9]{0,3}", words[2]) and int(words[2]) <= count:
        return int(words[2])
    raise NotSoError("A group needs all, any, or a number of its members.")


def refuse_known(name: str, known: set[str]) -> None:
    # "Witnesses and groups share a single namespace. The special name none is
    # predefined"
    if name in known or name == "none":
        raise NotSoError("This name is taken already.")


def refuse_twin(key: Key, keys: list[Key]) -> None:
    # "duplicate if they wrap the same underlying public key"
    if key.public in [each.public for each in keys]:
        raise NotSoError("This key is listed already.")


# ---------------------------------------------------------------- the five steps


class Step(NamedTuple):
    name: str
    outcome: str
    why: str


class Receipt:
    """A receipt, as far as the steps have come with it; `steps` says how far."""

    def __init__(self, octets: bytes, policy: Policy) -> None:
        self.steps: list[Step] = []
        self.record: bytes | None = None
        self.cosigned: list[Cosigned] = []
        self.not_checked: list[str] = []
        if not self._step("read", lambda: self._read(octets)):
            for name in ("signed", "witnessed", "opened", "included"):
                self.steps.append(Step(name, "untried", "There is nothing to check."))
            return
        self._step("signed", lambda: self._is_signed(policy))
        self._step("witnessed", lambda: self._is_witnessed(policy))
        if self._step("opened", self._opens):
            self._step("included", self._is_included)
        else:
            why = "It is not known what should be there."
            self.steps.append(Step("included", "untried", why))

    @property
    def holds(self) -> bool:
        return all(step.outcome == "passed" for step in self.steps)

    def _step(self, name: str, check: Callable[[], str]) -> bool:
        try:
            self.steps.append(Step(name, "passed", check()))
        except NotSoError as error:
            self.steps.append(Step(name, "failed", str(error)))
            return False
        return True

    def _read(self, octets: bytes) -> str:
        # "c2sp.org/tlog-proof@v1", "extra <base64>" or not, "index <number>", hashes, an
        # empty line, the checkpoint -- c2sp.org/tlog-proof
        header = "c2sp.org/tlog-proof@v1"
        head, empty_line, note = octets.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise NotSoError("The head of a proof is ASCII.") from None
        if not empty_line or not note or lines.pop(0) != header:
            raise NotSoError(
                f"A proof begins with {header} and ends with a checkpoint."
            )
        self.extra = b""
        if lines and lines[0].startswith("extra "):
            self.extra = exact_octets_from(lines.pop(0)[6:])
        if not lines or not lines[0].startswith("index "):
            raise NotSoError("A proof says which index it is for.")
        self.index = number_from(lines.pop(0)[6:])
        if len(lines) > 63:
            raise NotSoError("A proof has at most 63 hashes.")
        self.hashes = [hash_from(line) for line in lines]

        self.note = note_from(note)
        # One spelling for each receipt: base64 without bits that mean nothing.
        spelt = [
            f"\N{EM DASH} {line.name} "
            f"{base64.b64encode(line.key_id + line.value).decode()}\n"
            for line in self.note.lines
        ]
        if f"{self.note.text}\n{''.join(spelt)}".encode() != note:
            raise NotSoError("The checkpoint is not spelt as it should be.")
        # "the origin", "the tree size", "the root hash", each in a line of its own
        # -- c2sp.org/tlog-checkpoint; we have no extension lines.
        parts = self.note.text.split("\n")
        if len(parts) != 4 or parts[3] or not parts[0]:
            raise NotSoError("A checkpoint has three lines: origin, size, root.")
        self.origin = parts[0]
        self.size = number_from(parts[1])
        self.root = hash_from(parts[2])
        return "It is a proof with a checkpoint."

    def _is_signed(self, policy: Policy) -> str:
        # "This name MUST correspond to the log's origin line" -- c2sp.org/tlog-policy
        keys = [key for key in policy.logs if key.name == self.origin]
        if not keys:
            raise NotSoError("The policy knows no log of this origin.")
        if not self._signatures(keys):
            raise NotSoError("No key of the log signed this checkpoint.")
        return "The log signed this checkpoint."

    def _is_witnessed(self, policy: Policy) -> str:
        self.cosigned = self._signatures(list(policy.witnesses.values()))
        keys = [each.key for each in self.cosigned]
        said = f"The witnesses that cosigned it are {len(set(keys))}"
        if not policy.is_quorum(keys):
            raise NotSoError(f"{said}, and no quorum.")
        if policy.quorum == "none":
            return "The policy asks for no witness."
        return f"{said}, and a quorum."

    def _signatures(self, keys: list[Key]) -> list[Cosigned]:
        """The lines that these keys made; one false line spoils the note.

        "If a signature from a known key fails to verify, clients SHOULD reject the whole
        note"; "MUST ignore signatures from unknown keys" -- c2sp.org/signed-note
        """
        by_line = {(key.name, key.id): key for key in keys}
        found: list[Cosigned] = []
        for line in self.note.lines:
            key = by_line.get((line.name, line.key_id))
            if key is None:
                continue
            if key.kind == ML_DSA_44:
                self.not_checked.append(key.name)
                continue
            cosigned = signed_by(key, line, self.note.text)
            if cosigned is None:
                raise NotSoError("A line of a known key does not hold.")
            found.append(cosigned)
        return found

    def _opens(self) -> str:
        if not self.extra:
            raise NotSoError("There is neither a record nor an entry to look for.")
        if len(self.extra) < 32:
            raise NotSoError("A salt has to be 32 bytes long.")
        # commitment = SHA-256("bandeau/record/v1\n" || salt, 32 bytes || record); the
        # entry in the log is 0x01 || commitment. The salt hides, the hash binds.
        committed = hashlib.sha256(b"bandeau/record/v1\n" + self.extra).digest()
        self.entry = b"\x01" + committed
        self.record = self.extra[32:]
        return "The record and its salt make a commitment."

    def _is_included(self) -> str:
        if not self._leads_to_the_root():
            raise NotSoError(
                "The tree of the checkpoint does not have this entry at this index."
            )
        return f"It is entry {self.index} of the {self.size} in the tree."

    def _leads_to_the_root(self) -> bool:
        """RFC 9162, section 2.1.3.2, in its letters."""
        if self.index >= self.size:
            return False
        fn, sn = self.index, self.size - 1
        # "HASH(0x00 || d[n])" for a leaf, "HASH(0x01 || left || right)" above it
        r = hashlib.sha256(b"\x00" + self.entry).digest()
        for p in self.hashes:
            if sn == 0:
                return False
            if fn & 1 or fn == sn:
                r = hashlib.sha256(b"\x01" + p + r).digest()
                while not fn & 1 and fn:
                    fn, sn = fn >> 1, sn >> 1
            else:
                r = hashlib.sha256(b"\x01" + r + p).digest()
            fn, sn = fn >> 1, sn >> 1
        return sn == 0 and r == self.root


# ---------------------------------------------------------------- in plain words

ANSWERS = {"y": "accepted", "n": "refused", "-": "unanswered"}


def said_in(record: bytes) -> list[tuple[str, str]]:
    """What a record says, line by line; what is not understood is shown as it is."""
    try:
        fields = json.loads(record.decode("utf-8"), object_pairs_hook=unique)
        pairs = cast("dict[str, Any]", fields).items()
    except (ValueError, RecursionError, AttributeError):
        return [("record", repr(record)[1:])]
    said: list[tuple[str, str]] = []
    for name, value in pairs:
        if name == "time" and type(value) is int:
            said.append(("time", f"{moment(value)}, by the publisher's clock"))
        elif name == "answers" and isinstance(value, str):
            # In the order of the notice that is cited, which names the purposes.
            for number, letter in enumerate(value, 1):
                said.append((f"purpose {number}", ANSWERS.get(letter, letter)))
        elif name == "services" and isinstance(value, dict):
            for service, letter in cast("dict[str, Any]", value).items():
                answer = ANSWERS.get(str(letter), str(letter))
                said.append((f"service {service}", answer))
        elif name != "v":
            text = value if isinstance(value, str) else json.dumps(value)
            said.append((name, text))
    return said


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name that stands twice could be read in two ways."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError
    return fields


def moment(seconds: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (OverflowError, OSError, ValueError):
        return f"{seconds} seconds after 1970"


def shown(text: str) -> str:
    """The text with nothing in it that moves the cursor or turns it around."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def print_row(name: str, text: str) -> None:
    print(f"  {shown(name):<12} {shown(text)}")


def print_receipt(receipt: Receipt) -> None:
    if receipt.record is not None:
        print("What the record says" + (":" if receipt.holds else ", unproved:"))
        for name, text in said_in(receipt.record):
            print_row(name, text)
        print()
    if receipt.holds:
        print("Where and when it was recorded:")
        print_row("log", receipt.origin)
        print_row("index", f"{receipt.index} of {receipt.size}")
        print_row("at earliest", "not known from one receipt")
        stated = [each.time for each in receipt.cosigned if each.time]
        if stated:
            print_row("at latest", f"{moment(max(stated))}, by the witnesses' clocks")
        else:
            print_row("at latest", "not known: no witness states a time")
        print()
    for key, at in receipt.cosigned:
        print_row("witness", f"{key.name}, {moment(at) if at else 'no time'}")
    for name in receipt.not_checked:
        print_row("ML-DSA-44", f"{name}: not checked here, and not counted")
    if receipt.cosigned or receipt.not_checked:
        print()
    for number, step in enumerate(receipt.steps, 1):
        print(f"{number} {step.name:<10} {step.outcome:<8} {step.why}")
    print()
    if receipt.holds:
        print("The receipt holds.")
    else:
        number, step = next(
            (number, step)
            for number, step in enumerate(receipt.steps, 1)
            if step.outcome != "passed"
        )
        print(f"The receipt does not hold: step {number}, {step.name}.")


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Check a receipt for a recorded choice."
    )
    parser.add_argument("receipt", type=Path, metavar="RECEIPT")
    parser.add_argument("--policy", type=Path, required=True, help="whom you believe")
    named = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that does not know a character gets its number.
            stream.reconfigure(errors="backslashreplace")
    try:
        octets = named.receipt.read_bytes()
        policy = policy_from(named.policy.read_bytes())
    except OSError as error:
        print(f"{error.filename} cannot be read: {error.strerror}.", file=sys.stderr)
        return 2
    except NotSoError as error:
        print(f"{named.policy} is no policy: {error}", file=sys.stderr)
        return 2
    receipt = Receipt(octets, policy)
    print_receipt(receipt)
    return 0 if receipt.holds else 1


if __name__ == "__main__":
    sys.exit(main())
