"""Files that are the same for everybody: compressed once, kept ready to be sent.

A rendition holds its headers as the server sends them, so that an answer costs a look-up
and two messages. A file has two addresses: one that never changes and is asked about
every few minutes, and one that names the content and may be kept for ever.
"""

import gzip
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast

import brotli

from bandeau.collector.negotiation import IDENTITY
from bandeau.collector.problems import Headers
from bandeau.model.notices import base64url

# A new notice is seen within five minutes, and by no visitor later than after a day.
SHORT: Final = b"public, max-age=300, stale-while-revalidate=86400"
FOR_EVER: Final = b"public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Rendition:
    """One encoding of a file. `etag` is strong: it names these very bytes."""

    body: bytes
    etag: bytes
    headers: Headers
    unchanged: Headers

    def is_known(self, if_none_match: bytes) -> bool:
        """Say whether the browser has it already (RFC 9110 section 13.1.2)."""
        if if_none_match == self.etag:
            return True
        known = (tag.strip() for tag in if_none_match.split(b","))
        # A cache that recompresses makes our tag weak; the comparison ignores that.
        return any(t.removeprefix(b"W/") == self.etag or t == b"*" for t in known)


@dataclass(frozen=True, slots=True)
class File:
    """A file in every encoding. `mark` is the start of its SHA-256."""

    mark: str
    renditions: Mapping[str, Rendition]


_brotli = cast("Callable[..., bytes]", brotli.compress)


def compressed(body: bytes) -> dict[str, bytes]:
    """The body in every encoding, as small as each of them gets it."""
    return {
        "br": _brotli(body, quality=11),
        "gzip": gzip.compress(body, 9, mtime=0),
        IDENTITY: body,
    }


def mark_of(body: bytes) -> str:
    return base64url(hashlib.sha256(body).digest())[:8]


def file(
    bodies: Mapping[str, bytes], content_type: bytes, cache_control: bytes, vary: bytes
) -> File:
    """Make a file ready to be sent, from its body in every encoding."""
    mark = mark_of(bodies[IDENTITY])
    renditions: dict[str, Rendition] = {}
    for encoding, body in bodies.items():
        etag = f'"{mark}-{encoding}"'.encode()
        unchanged = [
            (b"etag", etag),
            (b"cache-control", cache_control),
            (b"vary", vary),
            # Public, the same for all: a page of any origin may include it, also one
            # that isolates itself (Cross-Origin-Embedder-Policy) or asks for CORS.
            (b"access-control-allow-origin", b"*"),
            (b"cross-origin-resource-policy", b"cross-origin"),
        ]
        renditions[encoding] = Rendition(
            body=body,
            etag=etag,
            unchanged=unchanged,
            headers=[
                (b"content-type", content_type),
                (b"content-length", b"%d" % len(body)),
                *([(b"content-encoding", encoding.encode())] * (encoding != IDENTITY)),
                (b"x-content-type-options", b"nosniff"),
                *unchanged,
            ],
        )
    return File(mark=mark, renditions=renditions)
