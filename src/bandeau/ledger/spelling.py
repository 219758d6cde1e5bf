"""One spelling for each number and each run of octets in a text that is signed or proved.

Pure; notes, checkpoints, proofs, policies and tile paths read their words here. Python is
more generous than the specifications: `int` takes " 5", "+5", "5_0" and digits of any
script, `b64decode` takes "AAAA====" and stray bits. A text with two spellings is a text
that two programs can disagree about.
"""

import base64
import re
from typing import Final

from bandeau.errors import MalformedError
from bandeau.ledger.merkle import HASH_LENGTH

# Sizes and times: "MUST NOT exceed 2^63 - 1" is what tlog-cosignature says of times.
LARGEST: Final = 2**63 - 1

_DECIMAL = re.compile("0|[1-9][0-9]{0,18}")
_BASE64 = re.compile("[A-Za-z0-9+/]+={0,2}")


def read_decimal(text: str, *, place: str) -> int:
    """An ASCII decimal without leading zeros, at most 2^63 - 1."""
    if _DECIMAL.fullmatch(text) and (number := int(text)) <= LARGEST:
        return number
    raise MalformedError(
        "A number has to be decimal, without sign or leading zeros.", place=place
    )


def read_base64(text: str, *, place: str) -> bytes:
    """RFC 4648, section 4, padded, the bits that are left over all zero."""
    octets = read_loose_base64(text, place=place)
    if write_base64(octets) != text:
        raise MalformedError("This base64 ends in bits that mean nothing.", place=place)
    return octets


def read_loose_base64(text: str, *, place: str) -> bytes:
    """The same, but whatever the bits are that are left over: Go does not look at them.

    Only for the signature lines of notes. A witness that was stricter there than all
    others would answer 400 where they answer 403.
    """
    if len(text) % 4 or not _BASE64.fullmatch(text):
        raise MalformedError("This is not base64 with its padding.", place=place)
    return base64.b64decode(text)


def read_hash(text: str, *, place: str) -> bytes:
    """A SHA-256 in base64."""
    octets = read_base64(text, place=place)
    if len(octets) != HASH_LENGTH:
        raise MalformedError("A hash has to be 32 bytes long.", place=place)
    return octets


def write_base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
