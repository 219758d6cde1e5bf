"""Which language and which encoding a browser would like best. Pure.

RFC 9110 sections 12.4.2 (quality), 12.5.3 (Accept-Encoding), 12.5.4 (Accept-Language).
"""

from collections.abc import Iterator

from bandeau.model.notices import Notice

ENCODINGS = ("br", "gzip")
IDENTITY = "identity"


def language_for(accept_language: str, notice: Notice) -> str:
    """The first language that the visitor reads and the notice speaks, else its first."""
    for wanted in _by_quality(accept_language):
        for tag in (wanted, wanted.split("-")[0]):
            if tag in notice.languages:
                return tag
    return notice.languages[0]


def encoding_for(accept_encoding: str) -> str:
    """The smallest encoding that the browser takes; none without being asked."""
    wanted = set(_by_quality(accept_encoding))
    return next((name for name in ENCODINGS if name in wanted), IDENTITY)


def _by_quality(header: str) -> Iterator[str]:
    """What a list of preferences names, best first, without what it rules out (q=0)."""
    weighed: list[tuple[float, str]] = []
    for part in header.lower().split(",")[:40]:
        name, _, parameters = part.partition(";")
        try:
            quality = float(parameters.replace(" ", "").partition("q=")[2] or 1)
        except ValueError:
            continue
        if quality > 0 and name.strip():
            weighed.append((quality, name.strip()))
    yield from (name for _, name in sorted(weighed, key=lambda one: -one[0]))
