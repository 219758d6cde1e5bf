"""Receipts: one file with which anyone can check one entry of a log, offline.

Pure, and the whole of c2sp.org/tlog-proof. What a receipt needs from outside is only a
policy, which says whom to believe.

    c2sp.org/tlog-proof@v1
    extra <base64>              ours: the salt and the record, which open the commitment
    index <number>
    <base64 hash>               from the leaf's sibling up to the root's child
                                an empty line
    <checkpoint>                as it was signed, byte for byte

Verifying never raises for what is merely false. It goes through five steps and says of
each whether it passed and why; a receipt is worth something when all five did. A step
that needs what an earlier one did not yield is not tried.

What it shows: whoever runs the log committed to these bytes, at this index, at the
latest at the times that the witnesses state. What it does not show: that the person was
who they say, or that nothing else was answered.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from bandeau.errors import MalformedError
from bandeau.ledger import merkle
from bandeau.ledger.entries import SALT_LENGTH, RecordEntry, commitment, write_entry
from bandeau.ledger.merkle import HashReader
from bandeau.ledger.note import (
    Checkpoint,
    Note,
    Verified,
    VerifierKey,
    keys_by_line,
    read_checkpoint,
    read_note,
)
from bandeau.ledger.policy import NONE, Policy
from bandeau.ledger.spelling import (
    read_base64,
    read_decimal,
    read_hash,
    write_base64,
)

HEADER: Final = "c2sp.org/tlog-proof@v1"
SUFFIX: Final = ".tlog-proof"

# A tree of 2^63 leaves is 63 levels deep.
_MOST_HASHES = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proof as it is written; nothing of it is verified.

    `checkpoint` is the signed note with its signatures, byte for byte. `extra` is
    empty where there is none.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def encode(self) -> bytes:
        lines = [HEADER]
        if self.extra:
            lines.append(f"extra {write_base64(self.extra)}")
        lines.append(f"index {self.index}")
        lines += [write_base64(value) for value in self.hashes]
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint


def read_proof(octets: bytes) -> Proof:
    """Read a proof; the note in it is looked at by `verify`.

    Raises:
        MalformedError: it is spelt in any way but the one that `encode` has.
    """
    # The checkpoint begins after the first empty line: an origin is never empty.
    head, separator, checkpoint = octets.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise MalformedError("The head of a proof is ASCII.", place="proof") from None
    if not separator or not checkpoint or lines.pop(0) != HEADER:
        raise MalformedError(
            f"A proof begins with {HEADER} and ends with a checkpoint.", place="proof"
        )
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = read_base64(lines.pop(0).removeprefix("extra "), place="extra")
    if not lines or not lines[0].startswith("index "):
        raise MalformedError("A proof says which index it is for.", place="index")
    index = read_decimal(lines.pop(0).removeprefix("index "), place="index")
    if len(lines) > _MOST_HASHES:
        raise MalformedError("A proof has at most 63 hashes.", place="proof")
    hashes = tuple(
        [read_hash(line, place=f"hash {nth}") for nth, line in enumerate(lines, 1)]
    )
    return Proof(index=index, hashes=hashes, checkpoint=checkpoint, extra=extra)


# ---------------------------------------------------------------- making one


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What opens a commitment: the record, and the salt that hid it."""

    salt: bytes
    record: bytes

    def __post_init__(self) -> None:
        if len(self.salt) != SALT_LENGTH:
            raise MalformedError("A salt has to be 32 bytes long.", place="salt")

    @property
    def extra(self) -> bytes:
        """Both, as a receipt carries them."""
        return self.salt + self.record

    @property
    def entry(self) -> bytes:
        """What the log has to hold, if this is what was recorded."""
        return write_entry(RecordEntry(commitment=commitment(self.salt, self.record)))


def read_opening(extra: bytes) -> Opening:
    return Opening(salt=extra[:SALT_LENGTH], record=extra[SALT_LENGTH:])


def make_proof(
    index: int,
    *,
    checkpoint: bytes,
    read: HashReader,
    opening: Opening | None = None,
) -> Proof:
    """The proof for one entry under a signed checkpoint, from hashes of its tree.

    For a record the opening comes along and makes the proof a receipt. The entries that
    are public anyway, notices above all, need none.
    """
    size = read_checkpoint(read_note(checkpoint).text).size
    return Proof(
        index=index,
        hashes=merkle.inclusion_proof(index, size, read),
        checkpoint=checkpoint,
        extra=opening.extra if opening else b"",
    )


# ---------------------------------------------------------------- verifying


class Outcome(Enum):
    PASSED = "passed"
    FAILED = "failed"
    UNTRIED = "untried"


class StepName(Enum):
    """The steps, in their order; a number is the place in it, from 1."""

    READ = "read"
    SIGNED = "signed"
    WITNESSED = "witnessed"
    OPENED = "opened"
    INCLUDED = "included"

    @property
    def number(self) -> int:
        return list(StepName).index(self) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What became of one step, in a sentence without any content of the record."""

    name: StepName
    outcome: Outcome
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What a receipt is worth, step by step.

    The rest is what could be read, whatever it is worth: `proof`, `checkpoint` and
    `opening` are None when the steps that read them failed. `cosigned` has the lines of
    witnesses that hold, each with the time that it states.
    """

    steps: tuple[Step, ...]
    proof: Proof | None = None
    checkpoint: Checkpoint | None = None
    opening: Opening | None = None
    cosigned: tuple[Verified, ...] = ()

    @property
    def holds(self) -> bool:
        return all(step.outcome is Outcome.PASSED for step in self.steps)

    @property
    def failed(self) -> Step | None:
        """The first step that did not pass."""
        return next(
            (step for step in self.steps if step.outcome is not Outcome.PASSED), None
        )


class _FailedError(Exception):
    """A step that is false; it never leaves this module."""


def verify(
    octets: bytes,
    policy: Policy,
    *,
    opening: Opening | None = None,
    entry: bytes | None = None,
) -> Examination:
    """Check a receipt against a policy, in five steps.

    A receipt of ours opens itself. For one without `extra` the caller brings the
    `opening`, or the `entry` itself: the bytes that stand in the log, as its bundles
    have them. Of several, all have to agree.
    """
    steps: list[Step] = []

    def step(name: StepName, check: Callable[[], str]) -> bool:
        try:
            why, outcome = check(), Outcome.PASSED
        except (MalformedError, _FailedError) as error:
            why, outcome = str(error.args[0]), Outcome.FAILED
        steps.append(Step(name=name, outcome=outcome, why=why))
        return outcome is Outcome.PASSED

    reading = _Reading()
    if not step(StepName.READ, lambda: reading.read(octets)):
        steps += [
            Step(name=name, outcome=Outcome.UNTRIED, why="There is nothing to check.")
            for name in list(StepName)[1:]
        ]
        return Examination(steps=tuple(steps))

    step(StepName.SIGNED, lambda: reading.is_signed(policy))
    step(StepName.WITNESSED, lambda: reading.is_witnessed(policy))
    if step(StepName.OPENED, lambda: reading.opens(opening, entry)):
        step(StepName.INCLUDED, reading.is_included)
    else:
        steps.append(
            Step(
                name=StepName.INCLUDED,
                outcome=Outcome.UNTRIED,
                why="It is not known what should be there.",
            )
        )
    return Examination(
        steps=tuple(steps),
        proof=reading.proof,
        checkpoint=reading.checkpoint,
        opening=reading.opening,
        cosigned=tuple(reading.cosigned),
    )


class _Reading:
    """What is known of a receipt while its steps are gone through."""

    proof: Proof
    note: Note
    checkpoint: Checkpoint

    def __init__(self) -> None:
        self.opening: Opening | None = None
        self.entry = b""
        self.cosigned: list[Verified] = []

    def read(self, octets: bytes) -> str:
        self.proof = read_proof(octets)
        self.note = read_note(self.proof.checkpoint)
        # Notes may have bits in their base64 that mean nothing. A receipt may not: it
        # would have several spellings, and a changed byte that nobody notices.
        if self.note.encode() != self.proof.checkpoint:
            raise MalformedError("The checkpoint is not spelt as it should be.")
        self.checkpoint = read_checkpoint(self.note.text)
        return "It is a proof with a checkpoint."

    def is_signed(self, policy: Policy) -> str:
        keys = policy.log_keys(self.checkpoint.origin)
        if not keys:
            raise _FailedError("The policy knows no log of this origin.")
        if not self._verified(keys):
            raise _FailedError("No key of the log signed this checkpoint.")
        return "The log signed this checkpoint."

    def is_witnessed(self, policy: Policy) -> str:
        self.cosigned = self._verified([each.key for each in policy.witnesses])
        count = len({verified.key.text for verified in self.cosigned})
        if not policy.is_quorum([verified.key for verified in self.cosigned]):
            raise _FailedError(
                f"The witnesses that cosigned it are {count}, and no quorum."
            )
        if policy.quorum == NONE:
            return "The policy asks for no witness."
        return f"The witnesses that cosigned it are {count}, and a quorum."

    def opens(self, opening: Opening | None, entry: bytes | None) -> str:
        openings = [opening] if opening else []
        if self.proof.extra:
            openings.append(read_opening(self.proof.extra))
        entries = [each.entry for each in openings]
        if entry is not None:
            entries.append(entry)
        if not entries:
            raise _FailedError("There is neither a record nor an entry to look for.")
        if len(set(entries)) > 1:
            raise _FailedError("The record is not the one that was committed to.")
        self.opening = openings[0] if openings else None
        self.entry = entries[0]
        if not self.opening:
            return "The entry was given as it is."
        return "The record and its salt make a commitment."

    def is_included(self) -> str:
        holds = merkle.verify_inclusion(
            self.proof.hashes,
            index=self.proof.index,
            size=self.checkpoint.size,
            leaf=merkle.leaf_hash(self.entry),
            root=self.checkpoint.root,
        )
        if not holds:
            raise _FailedError(
                "The tree of the checkpoint does not have this entry at this index."
            )
        return (
            f"It is entry {self.proof.index} of the {self.checkpoint.size} in the tree."
        )

    def _verified(self, keys: Sequence[VerifierKey]) -> list[Verified]:
        """The lines of these keys; a false one makes the step fail, whatever else."""
        by_line = keys_by_line(keys)
        verified: list[Verified] = []
        for signature in self.note.signatures:
            key = by_line.get((signature.name, signature.key_id))
            if key is None:
                continue
            if not key.verifies(signature, self.note.text):
                raise _FailedError("A line of a known key does not hold.")
            time = key.time_of(signature)
            verified.append(Verified(key=key, signature=signature, time=time))
        return verified
