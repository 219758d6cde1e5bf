"""What stands in the log, in public: one type byte and a body for each entry.

Pure. Nobody learns from an entry who chose what: a record is there as a commitment to
bytes that are kept, and can be erased, elsewhere. Whoever has neither them nor their
salt has nothing to test a guess against.

    00 genesis    "genesis " origin [newline, the predecessor's last checkpoint]
    01 record     a commitment, 32 bytes
    02 notice     the SHA-256 of a notice's bytes, logged before any record cites it
    03 clock      seconds since 1970, uint64
    04 tombstone  start and end of a range of indexes, uint64 each, and a reason byte
    05 key        a note by an old key that names the new one

Numbers are big-endian. What is read is exactly what would be written, or it is refused;
an entry of a later kind is refused too.
"""

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, assert_never

from bandeau.errors import MalformedError
from bandeau.ledger.merkle import HASH_LENGTH
from bandeau.ledger.note import (
    SignatureType,
    SigningKey,
    VerifierKey,
    is_key_name,
    read_checkpoint,
    read_key,
    read_note,
    sign_note,
)
from bandeau.ledger.tiles import MOST_IN_AN_ENTRY

SALT_LENGTH: Final = 32

FORMAT_VERSION: Final = 1
"""The version that the word "genesis" stands for; the next one will be "genesis/2"."""

_DOMAIN = b"bandeau/record/v1\n"
_GENESIS = b"genesis "
_KEY_HEADER = "bandeau/key/v1\n"
_UINT64 = 8


def commitment(salt: bytes, record: bytes) -> bytes:
    """What the log says of a record: it hides by the salt and binds by the hash."""
    if len(salt) != SALT_LENGTH:
        raise MalformedError("A salt has to be 32 bytes long.", place="salt")
    # Of fixed length and first, so that no two pairs are spelt alike.
    return hashlib.sha256(_DOMAIN + salt + record).digest()


class EntryType(IntEnum):
    """The byte that an entry begins with."""

    GENESIS = 0x00
    RECORD = 0x01
    NOTICE = 0x02
    CLOCK = 0x03
    TOMBSTONE = 0x04
    KEY = 0x05


class Reason(IntEnum):
    """Why records are gone, without saying whose they were."""

    RETENTION = 0x01  # their time was up
    ERASURE = 0x02  # article 17 GDPR, many at a time
    TEST = 0x03
    PADDING = 0x04  # there never was a record


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """The first entry: which log this is, and which one it goes on from.

    `predecessor` is the last checkpoint of last year's log, a signed note as it was.
    """

    origin: str
    predecessor: bytes = b""
    version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if self.version != FORMAT_VERSION:
            raise MalformedError("This log has a format of its own.", place="version")
        if not is_key_name(self.origin):
            raise MalformedError("An origin has no spaces.", place="origin")
        if self.predecessor:
            read_checkpoint(read_note(self.predecessor).text)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEntry:
    """A choice, whichever it was; accepting and refusing look the same from outside."""

    commitment: bytes

    def __post_init__(self) -> None:
        _check_hash(self.commitment, "commitment")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeEntry:
    """What visitors were told, by its digest: published, with a time, once and for all."""

    digest: bytes

    def __post_init__(self) -> None:
        _check_hash(self.digest, "digest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The log's own clock: every entry behind it is later, every one before it earlier."""

    time: int

    def __post_init__(self) -> None:
        _check_number(self.time, "time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """The records from `start` up to, but not with, `end` are erased."""

    start: int
    end: int
    reason: Reason

    def __post_init__(self) -> None:
        _check_number(self.start, "start")
        _check_number(self.end, "end")
        if self.start >= self.end:
            raise MalformedError("A tombstone covers something.", place="end")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """A new key for this log, in the words of the old one; `note` is a signed note."""

    note: bytes

    def __post_init__(self) -> None:
        _new_key(read_note(self.note).text)

    @property
    def key(self) -> VerifierKey:
        return _new_key(read_note(self.note).text)

    def is_signed_by(self, old: VerifierKey) -> bool:
        """Does the key that was valid so far, and has the log's name, say so?"""
        note = read_note(self.note)
        return old.name == self.key.name and any(
            old.verifies(signature, note.text) for signature in note.signatures
        )


Entry = Genesis | RecordEntry | NoticeEntry | Clock | Tombstone | KeyChange


def change_key(new: VerifierKey, *, old: SigningKey) -> KeyChange:
    """The entry with which an old key hands over. It is not a checkpoint: two lines."""
    if old.verifier.type is not SignatureType.ED25519 or old.verifier.name != new.name:
        raise MalformedError(
            "A log's Ed25519 key hands over to a key of the same name.", place="key"
        )
    text = f"{_KEY_HEADER}{new.text}\n"
    return KeyChange(note=sign_note(text, [old.sign(text)]))


def write_entry(entry: Entry) -> bytes:
    match entry:
        case Genesis():
            body = _GENESIS + entry.origin.encode()
            if entry.predecessor:
                body += b"\n" + entry.predecessor
            written = _entry(EntryType.GENESIS, body)
        case RecordEntry():
            written = _entry(EntryType.RECORD, entry.commitment)
        case NoticeEntry():
            written = _entry(EntryType.NOTICE, entry.digest)
        case Clock():
            written = _entry(EntryType.CLOCK, _uint64(entry.time))
        case Tombstone():
            body = _uint64(entry.start) + _uint64(entry.end) + bytes([entry.reason])
            written = _entry(EntryType.TOMBSTONE, body)
        case KeyChange():
            written = _entry(EntryType.KEY, entry.note)
        case _:
            assert_never(entry)
    if len(written) > MOST_IN_AN_ENTRY:
        raise MalformedError("An entry has at most 65535 bytes.", place="entry")
    return written


def read_entry(octets: bytes) -> Entry:
    """Read one entry.

    Raises:
        MalformedError: empty, of a later kind, or not exactly as it would be written.
    """
    if len(octets) > MOST_IN_AN_ENTRY:
        raise MalformedError("An entry has at most 65535 bytes.", place="entry")
    match octets[:1], octets[1:]:
        case b"\x00", body:
            return _read_genesis(body)
        case b"\x01", body:
            return RecordEntry(commitment=body)
        case b"\x02", body:
            return NoticeEntry(digest=body)
        case b"\x03", body if len(body) == _UINT64:
            return Clock(time=int.from_bytes(body, "big"))
        case b"\x04", body if len(body) == 2 * _UINT64 + 1:
            return Tombstone(
                start=int.from_bytes(body[:_UINT64], "big"),
                end=int.from_bytes(body[_UINT64:-1], "big"),
                reason=_reason(body[-1]),
            )
        case b"\x05", body:
            return KeyChange(note=body)
        case _:
            raise MalformedError(
                "This is not an entry of a kind that is known here.", place="entry"
            )


def _entry(entry_type: EntryType, body: bytes) -> bytes:
    return bytes([entry_type]) + body


def _read_genesis(body: bytes) -> Genesis:
    line, newline, predecessor = body.partition(b"\n")
    if not line.startswith(_GENESIS) or bool(newline) is not bool(predecessor):
        raise MalformedError("This is not how a log begins.", place="genesis")
    try:
        origin = line.removeprefix(_GENESIS).decode()
    except UnicodeDecodeError:
        raise MalformedError("An origin has to be UTF-8.", place="origin") from None
    return Genesis(origin=origin, predecessor=predecessor)


def _reason(code: int) -> Reason:
    try:
        return Reason(code)
    except ValueError:
        raise MalformedError(
            "This tombstone has no reason that is known.", place="reason"
        ) from None


def _new_key(text: str) -> VerifierKey:
    header, key = text[: len(_KEY_HEADER)], text[len(_KEY_HEADER) : -1]
    if header != _KEY_HEADER or "\n" in key:
        raise MalformedError("This note does not name a key.", place="key")
    return read_key(key)


def _check_hash(value: bytes, place: str) -> None:
    if len(value) != HASH_LENGTH:
        raise MalformedError("A hash has to be 32 bytes long.", place=place)


def _check_number(value: int, place: str) -> None:
    if not 0 <= value < 1 << 64:
        raise MalformedError("This number does not fit into 64 bits.", place=place)


def _uint64(value: int) -> bytes:
    return value.to_bytes(_UINT64, "big")
