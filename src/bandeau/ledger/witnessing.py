"""What a log and a witness say to each other, and what a witness makes of it.

Pure, and the whole of c2sp.org/tlog-witness but `sign-subtree`, which is optional. Both
ends read it: `bandeau.witness` serves it and `witness_client` asks. Whoever judges here
is told what was cosigned last; keeping that, and in one step with the judgement, is the
caller's business.

    old 3                       the size that the witness cosigned last
    <base64 hash>               0 to 63: the proof that the new tree begins with the old
                                an empty line
    <checkpoint>                signed by its log

Decisions are values. Two steps, because only the second depends on what was cosigned
before: strangers are turned away without a lock.

    admit   400 unreadable, or old beyond the size · 404 unknown log · 403 not signed
    judge   409 another size was cosigned last · 422 the proof does not hold · cosign
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bandeau.errors import MalformedError
from bandeau.ledger.merkle import EMPTY_ROOT, verify_consistency
from bandeau.ledger.note import (
    Checkpoint,
    Signature,
    UntrustedNoteError,
    Verified,
    VerifierKey,
    keys_by_line,
    open_note,
    read_checkpoint,
    read_note,
    read_signatures,
)
from bandeau.ledger.spelling import read_decimal, read_hash, write_base64

# "The client MUST NOT send more than 63 consistency proof lines." -- tlog-witness
MOST_HASHES: Final = 63

# "MUST accept at least up to 16" signatures (signed-note): sixteen of ML-DSA-44 under
# the longest names, and a whole proof, are less than this.
LONGEST_BODY: Final = 1 << 16

SIZE_TYPE: Final = "text/x.tlog.size"
TEXT_TYPE: Final = "text/plain; charset=utf-8"

ADD_CHECKPOINT: Final = "add-checkpoint"

_OLD = "old "


def monitoring_path(origin: str) -> str:
    """Where a witness shows what it cosigned last of a log, below its address."""
    # "The origin hash is the SHA-256 hash of the log's origin, hex encoded, in
    # lowercase." -- tlog-witness
    return f"{origin_hash(origin)}/checkpoint"


def origin_hash(origin: str) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()


# ---------------------------------------------------------------- what is asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An add-checkpoint request that can be read; nothing in it is verified."""

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes
    checkpoint: Checkpoint


def write_request(old_size: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """The body of an add-checkpoint request."""
    assert len(proof) <= MOST_HASHES, "a tree of 2^63 leaves is 63 levels deep"
    lines = [f"{_OLD}{old_size}", *map(write_base64, proof), "", ""]
    return "\n".join(lines).encode() + note


def read_request(body: bytes) -> Request:
    """Read the body of an add-checkpoint request.

    Raises:
        MalformedError: misspelt, too long, with extension lines, or from a size that the
            checkpoint does not reach.
    """
    if len(body) > LONGEST_BODY:
        raise MalformedError("This request is too long.", place="request")
    head, separator, note = body.partition(b"\n\n")
    if not separator or not head.isascii():
        raise MalformedError(
            "A request has an old size, a proof, an empty line and a checkpoint.",
            place="request",
        )
    first, *hashes = head.decode("ascii").split("\n")
    if not first.startswith(_OLD):
        raise MalformedError("A request begins with `old`.", place="old size")
    old_size = read_decimal(first.removeprefix(_OLD), place="old size")
    if len(hashes) > MOST_HASHES:
        raise MalformedError("A proof has at most 63 hashes.", place="proof")
    proof = tuple([read_hash(line, place="proof") for line in hashes])
    # Three lines and no more: a cosignature by ML-DSA-44 would not cover a fourth.
    checkpoint = read_checkpoint(read_note(note).text)
    # "The old size MUST be equal to or lower than the checkpoint size. Otherwise, the
    # witness MUST respond with a "400 Bad Request"" -- tlog-witness
    if old_size > checkpoint.size:
        raise MalformedError(
            "The old size is beyond the size of the checkpoint.", place="old size"
        )
    return Request(old_size=old_size, proof=proof, note=note, checkpoint=checkpoint)


# ---------------------------------------------------------------- what is decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Nothing is cosigned: the status that says so, and one sentence.

    A 409 says no sentence but the `size` that was cosigned last. `is_fork` where the log
    itself has signed the contrary of what it signed before: that is proof, and nobody
    but the log can have made it. A bad proof is none; anybody can send one.
    """

    status: int
    sentence: str
    size: int | None = None
    is_fork: bool = False

    @property
    def media_type(self) -> str:
        return TEXT_TYPE if self.size is None else SIZE_TYPE

    @property
    def body(self) -> bytes:
        # "The response body MUST consist of the tree size of the latest cosigned
        # checkpoint in decimal, followed by a newline" -- tlog-witness
        told = self.sentence if self.size is None else str(self.size)
        return f"{told}\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A checkpoint that a known log signed.

    `signatures` are those lines of the log that were verified, one for each key; no line
    of anybody else is here. A line that nobody verified must not be kept: it could be
    forged to look like the witness's own, and spoil whatever is opened with its key.
    """

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint
    signatures: tuple[Signature, ...]


Decision = Submission | Refusal
"""May it be cosigned? A submission may, as far as it was judged."""


def admit(body: bytes, logs: Mapping[str, Collection[VerifierKey]]) -> Decision:
    """Turn away what is no business of this witness: 400, 404, 403, in this order.

    `logs` are the keys that are trusted, by origin.
    """
    try:
        request = read_request(body)
    except MalformedError as wrong:
        return Refusal(status=400, sentence=wrong.message)
    checkpoint = request.checkpoint
    keys = logs.get(checkpoint.origin)
    if not keys:
        return Refusal(status=404, sentence="This log is not known here.")
    try:
        opened = open_note(request.note, keys)
    except UntrustedNoteError:
        return Refusal(status=403, sentence="This log did not sign this checkpoint.")
    by_key = {verified.key: verified.signature for verified in opened.verified}
    return Submission(
        old_size=request.old_size,
        proof=request.proof,
        checkpoint=checkpoint,
        signatures=tuple(by_key.values()),
    )


def judge(submission: Submission, last: Checkpoint | None) -> Decision:
    """Hold a submission against what was cosigned last of its log, if anything was.

    409 and 422, in this order; else the submission itself.
    """
    checkpoint = submission.checkpoint
    last_size, last_root = (last.size, last.root) if last else (0, EMPTY_ROOT)
    # "the old size matches the size of the latest checkpoint it cosigned for the
    # checkpoint's origin (or zero if it never cosigned a checkpoint for that origin)"
    # -- tlog-witness
    if submission.old_size != last_size:
        return Refusal(
            status=409, sentence="Another size was cosigned last.", size=last_size
        )
    # "A checkpoint of size zero MUST have the root hash of the empty tree" -- tlog-witness
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        return Refusal(status=422, sentence="A tree of no entries has another root.")
    if checkpoint.size == last_size and checkpoint.root != last_root:
        return Refusal(
            status=422,
            sentence="Another tree of this size was cosigned before.",
            is_fork=True,
        )
    if not verify_consistency(
        submission.proof,
        old_size=last_size,
        new_size=checkpoint.size,
        old_root=last_root,
        new_root=checkpoint.root,
    ):
        return Refusal(
            status=422, sentence="The proof from the old size does not hold."
        )
    return submission


# ---------------------------------------------------------------- what is answered


def write_cosignatures(signatures: Sequence[Signature]) -> bytes:
    return "".join([signature.line for signature in signatures]).encode()


def read_cosignatures(
    body: bytes, checkpoint: Checkpoint, keys: Collection[VerifierKey]
) -> tuple[Verified, ...]:
    """The lines that a witness's own keys made over exactly this checkpoint.

    Raises:
        MalformedError: it cannot be read.
        UntrustedNoteError: no line is the witness's, or one that says so is not, or it
            states no time.
    """
    try:
        signatures = read_signatures(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise MalformedError("A signature line is UTF-8.", place="signature") from None
    by_line = keys_by_line(keys)
    found: dict[VerifierKey, Verified] = {}
    for number, signature in enumerate(signatures, 1):
        # "The client MUST ignore any cosignatures from unknown keys." -- tlog-witness
        key = by_line.get((signature.name, signature.key_id))
        if key is None:
            continue
        place = f"signature {number}"
        if not key.verifies(signature, checkpoint.text):
            raise UntrustedNoteError("The witness did not sign this.", place=place)
        time = key.time_of(signature)
        # "The cosignature MUST NOT omit the timestamp" -- tlog-witness
        if time is None:
            raise UntrustedNoteError("The witness states no time.", place=place)
        found[key] = Verified(key=key, signature=signature, time=time)
    if not found:
        raise UntrustedNoteError("The witness did not sign this.", place="signature")
    return tuple(found.values())


def read_size(body: bytes) -> int:
    """The size that a 409 tells."""
    text = body.decode("ascii", "replace")
    if not text.endswith("\n"):
        raise MalformedError("A size ends in a newline.", place="size")
    return read_decimal(text[:-1], place="size")
