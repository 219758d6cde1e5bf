"""One record: the bytes of one choice as they are kept, and what they are found by.

Pure: clock and entropy are arguments. A record's body is written here once and is opaque
ever after: it is stored, hashed and shown as these very bytes, never parsed and written
again. Nothing here knows how or where it is kept.

What is *not* in a record: an address, a user agent, the visitor's subject id. The id is
replaced by its `subject_key`; whoever shows the id can prove that the record is theirs,
and whoever reads the store cannot forge that proof.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Literal

import msgspec

from bandeau.errors import MalformedError

Kind = Literal["accepted", "refused", "mixed", "withdrawn"]
KINDS: tuple[Kind, ...] = ("accepted", "refused", "mixed", "withdrawn")
"""What a tally counts. Stores keep the place in this tuple: add at the end only."""

KEY_LENGTH = 16
RECORD_VERSION = 1

_KEY_TEXT_LENGTH = 22
_ENTROPY_LENGTH = 10
_TIME_LENGTH = 6
_SECONDS_A_DAY = 86_400


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One choice, ready to be kept.

    `request` is the key that the banner minted for this one press of a button: a retry
    carries the same one and gets the same record. `subject` is the `subject_key` of a
    visitor who has an id, else None: a refusal leaves no identifier. `day` counts from
    1970-01-01 UTC.
    """

    request: bytes
    subject: bytes | None
    body: bytes
    day: int
    kind: Kind

    def __post_init__(self) -> None:
        # One malformed record would take down the whole batch that it is written with.
        if len(self.request) != KEY_LENGTH:
            raise MalformedError(
                "A request key has to be 16 bytes long.", place="request"
            )
        if self.subject is not None and len(self.subject) != KEY_LENGTH:
            raise MalformedError(
                "A subject key has to be 16 bytes long.", place="subject"
            )


class _Body(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The fields of a body, in the order in which they are written."""

    v: int
    site: str
    time: int
    notice: str
    answers: str
    services: dict[str, str] | msgspec.UnsetType
    via: str
    subject: str | msgspec.UnsetType
    req: str


_write = msgspec.json.Encoder(order="deterministic").encode


def record_body(
    *,
    site: str,
    at: int,
    notice: str,
    answers: str,
    via: str,
    request: bytes,
    services: Mapping[str, str] | None = None,
    subject: bytes | None = None,
) -> bytes:
    """Write the JSON of one record, short, its fields always in the same order.

    `at` is the server's time in seconds: a client's clock proves nothing. `notice` is
    the whole digest, 43 characters. `answers` has one letter for each unlocked purpose,
    in the notice's order (`y`, `n`, `-` for unanswered), as the choice cookie has them.
    `services` holds `y` or `n` for the services that the visitor was so precise about.
    `subject` is the subject *key*, never the id.
    """
    return _write(
        _Body(
            v=RECORD_VERSION,
            site=site,
            time=at,
            notice=notice,
            answers=answers,
            services=dict(services) if services else msgspec.UNSET,
            via=via,
            subject=msgspec.UNSET if subject is None else key_text(subject),
            req=key_text(request),
        )
    )


def day_of(at: int) -> int:
    """The day, counted from 1970-01-01 UTC, of a time in seconds."""
    return at // _SECONDS_A_DAY


def kind_of(
    answers: str, *, services: Mapping[str, str] | None = None, withdrawn: bool = False
) -> Kind:
    """Say which tally a choice counts in, from its letters.

    Silence is not a yes: a purpose left unanswered beside accepted ones makes the
    choice mixed, and nothing but refusals and silence counts as refused.
    """
    if withdrawn:
        return "withdrawn"

    letters = answers + "".join((services or {}).values())
    if "y" not in letters:
        return "refused"
    return "accepted" if letters.strip("y") == "" else "mixed"


def subject_key(subject_id: bytes) -> bytes:
    """What a subject's records are found by: the id's time, and a hash of the whole id.

    The first six bytes of an id are the time at which it was minted; they stay, so that
    new keys go to the end of a store's index (random ones cost it sixteen times as much).
    The hash does not lead back: to prove that a record is theirs, a visitor shows the
    id. Eighty bits of it make a second id with the same key a matter of 2^80 attempts.
    """
    if len(subject_id) != KEY_LENGTH:
        raise MalformedError("A subject id has to be 16 bytes long.", place="subject")
    digest = hashlib.sha256(subject_id).digest()
    return subject_id[:_TIME_LENGTH] + digest[: KEY_LENGTH - _TIME_LENGTH]


def new_request_key(now_ms: int, entropy: bytes) -> bytes:
    """A request key for code that stands in for a banner; ten bytes of entropy."""
    return _time_ordered(now_ms, entropy)


def new_subject_id(now_ms: int, entropy: bytes) -> bytes:
    """A subject id, for a visitor whose form came without a script to mint one."""
    return _time_ordered(now_ms, entropy)


def key_time_ms(key: bytes) -> int:
    """When a key says it was minted, in milliseconds: a client's word, to be doubted."""
    return int.from_bytes(key[:_TIME_LENGTH], "big")


def key_text(key: bytes) -> str:
    """A key as cookies, forms and bodies carry it: base64url, 22 characters."""
    return base64.urlsafe_b64encode(key)[:_KEY_TEXT_LENGTH].decode("ascii")


def key_from_text(text: str, *, place: str = "request") -> bytes:
    """The key that was written with `key_text`; one spelling for each, no other."""
    if len(text) == _KEY_TEXT_LENGTH:
        try:
            key = base64.urlsafe_b64decode(f"{text}==")
        except (binascii.Error, ValueError):
            key = b""
        # The decoder drops foreign characters and stray bits: what it read counts only
        # if it is spelt the same way again.
        if len(key) == KEY_LENGTH and key_text(key) == text:
            return key
    raise MalformedError(
        "A key has to be 16 bytes in base64url, 22 characters.", place=place
    )


def _time_ordered(now_ms: int, entropy: bytes) -> bytes:
    # "UUIDv7 values are created by allocating a Unix timestamp in milliseconds in the
    # most significant 48 bits" -- RFC 9562, section 5.7
    assert len(entropy) == _ENTROPY_LENGTH, "a key takes ten bytes of entropy"
    key = bytearray(now_ms.to_bytes(_TIME_LENGTH, "big") + entropy)
    key[6] = key[6] & 0x0F | 0x70  # version 7
    key[8] = key[8] & 0x3F | 0x80  # variant 10
    return bytes(key)
