"""Time-stamps of an authority (RFC 3161) over checkpoints; the extra `timestamps`.

What a witness states is worth as much as the witness. A time-stamp authority is vouched
for by certificates, and a qualified one by law (eIDAS, article 41). It signs whatever it
is given: a time-stamp says when a checkpoint was there, not that there was no other.

Bytes in, bytes out: nothing is sent from here. A request goes to the authority by POST as
`application/timestamp-query`, and its answer is kept as it is, beside the very bytes of
the note that it is for.

LIMIT: whether a certificate was revoked is not looked up.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509

from bandeau.errors import MalformedError, MisconfiguredError

if TYPE_CHECKING:
    from rfc3161_client import Accuracy

REQUEST_TYPE: Final = "application/timestamp-query"
ANSWER_TYPE: Final = "application/timestamp-reply"


class UntrustedTimestampError(MalformedError):
    """A time-stamp that can be read, but that does not hold for this note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampRequest:
    """What is sent to an authority; its answer has to repeat the nonce."""

    octets: bytes
    nonce: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timestamp:
    """A time-stamp that holds: seconds since 1970, and how far off it may be.

    `accuracy` is in seconds, rounded up; None where the authority does not say.
    """

    at: int
    accuracy: int | None


def timestamp_request(note: bytes) -> TimestampRequest:
    """Ask for a time-stamp over the bytes of a note, signatures and all, by SHA-256."""
    try:
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder
    except ModuleNotFoundError:
        raise _not_installed() from None
    builder = TimestampRequestBuilder().data(note)
    request = builder.hash_algorithm(HashAlgorithm.SHA256).build()
    nonce = request.nonce
    assert nonce is not None, "the builder was not told to leave it out"
    return TimestampRequest(octets=request.as_bytes(), nonce=nonce)


def verify_timestamp(
    answer: bytes, note: bytes, *, authorities: bytes, nonce: int | None = None
) -> Timestamp:
    """The time that an authority's answer states for exactly these bytes.

    `authorities` are the roots that are trusted, as PEM. Without the `nonce` of the
    request, which is enough for what was kept, it is not known which request it answers.

    Raises:
        MalformedError: the answer cannot be read.
        UntrustedTimestampError: it does not hold: another note's, another authority's,
            not granted.
    """
    try:
        from rfc3161_client import (
            VerificationError,
            VerifierBuilder,
            decode_timestamp_response,
        )
    except ModuleNotFoundError:
        raise _not_installed() from None
    roots = _roots(authorities)
    try:
        response = decode_timestamp_response(answer)
    except ValueError:
        raise MalformedError(
            "This is no answer of a time-stamp authority.", place="timestamp"
        ) from None
    verifier = VerifierBuilder(roots=roots, nonce=nonce).build()
    try:
        verifier.verify_message(response, note)
    # ValueError where it has no token, or one that makes no sense.
    except (VerificationError, ValueError):
        raise UntrustedTimestampError(
            "This time-stamp does not hold for this note.", place="timestamp"
        ) from None
    stated = response.tst_info
    return Timestamp(
        at=int(stated.gen_time.timestamp()), accuracy=_accuracy(stated.accuracy)
    )


def _accuracy(stated: "Accuracy | None") -> int | None:
    if stated is None:
        return None
    return (stated.seconds or 0) + bool(stated.millis or stated.micros)


def _roots(authorities: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(authorities)
    except ValueError:
        raise MisconfiguredError(
            "These are no certificates of time-stamp authorities.",
            hint="Give them as PEM: -----BEGIN CERTIFICATE-----.",
        ) from None


def _not_installed() -> MisconfiguredError:
    return MisconfiguredError(
        "Time-stamps need the package rfc3161-client.",
        hint="pip install 'bandeau[timestamps]'",
    )
