"""Which hosts a browser would ask for a URL in a page: read as browsers read it.

Not a URL library: it answers one question, and where browsers differ or a URL is odd it
errs towards *another host*, because an unknown host is held back. `WHATWG URL` is
https://url.spec.whatwg.org/, section 4.4.
"""

import contextlib
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote, urljoin

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_NETWORK = frozenset(("http", "https", "ws", "wss", "ftp"))
_AUTHORITY = re.compile(r"[/\\]*([^/\\?#]*)(.*)", re.DOTALL)
_PORT = re.compile(r":\d*$")
# "Remove any leading and trailing C0 control or space", "remove all ASCII tab or
# newline" -- WHATWG URL, basic URL parser, steps 1 and 3
_OUTSIDE = "".join(map(chr, range(0x21)))
_INSIDE = str.maketrans("", "", "\t\n\r")
_DOTS = str.maketrans("。．｡", "...")
# A document in a data: URL is markup of its own, which nobody has looked through.
_DATA_DOCUMENT = re.compile(r"data:[^,]*(?:html|xml)", re.IGNORECASE)

DATA_DOCUMENT = "data:"


class Address(NamedTuple):
    """A host that may be asked, and the absolute URL to hold against patterns."""

    host: str
    url: str


class Page(NamedTuple):
    """Where a page stands: its own host, and the targets of every `<base>` in it."""

    host: str
    bases: tuple[Address, ...] = ()


def addresses(url: str, page: Page) -> Iterator[Address]:
    """The addresses that a browser may ask; none for what needs no network.

    A relative URL has one per base: which of several `<base>` counts depends on where
    the parser puts them.
    """
    text = url.strip(_OUTSIDE).translate(_INSIDE)
    scheme = _SCHEME.match(text)
    if scheme:
        name = scheme[1].lower()
        if name in _NETWORK:
            # `https:host` without slashes is relative on a page of the same scheme and
            # a host everywhere else; we take the host.
            yield _absolute(name, text[scheme.end() :])
        elif _DATA_DOCUMENT.match(text):
            yield Address(DATA_DOCUMENT, text)
        return
    if len(text) > 1 and text[0] in "/\\" and text[1] in "/\\":
        yield _absolute("https", text)
        return
    for base in page.bases or (Address(page.host, f"https://{page.host}/"),):
        yield Address(base.host, _joined(base.url, text))


def _absolute(scheme: str, rest: str) -> Address:
    authority, path = _AUTHORITY.fullmatch(rest).groups()  # type: ignore[union-attr]
    host = host_of(authority)
    return Address(host, f"{scheme}://{host}{path.replace(chr(92), '/') or '/'}")


def host_of(authority: str) -> str:
    """The host of `user@host:port`, as browsers compare hosts."""
    host = unquote(_PORT.sub("", authority.rpartition("@")[2]))
    host = unicodedata.normalize("NFKC", host).translate(_DOTS).lower()
    if not host.isascii():
        with contextlib.suppress(UnicodeError):
            host = host.encode("idna").decode("ascii")
    return host.rstrip(".")


def _joined(base: str, relative: str) -> str:
    try:
        return urljoin(base, relative.replace("\\", "/"))
    except ValueError:
        return base


def candidates(srcset: str) -> Iterator[str]:
    """The URLs of a `srcset` (HTML, "parsing a srcset attribute")."""
    position, end = 0, len(srcset)
    while True:
        while position < end and srcset[position] in "\t\n\f\r ,":
            position += 1
        if position >= end:
            return
        start = position
        while position < end and srcset[position] not in "\t\n\f\r ":
            position += 1
        url = srcset[start:position]
        if url.endswith(","):
            yield url.rstrip(",")
            continue
        yield url
        inside = False
        while position < end and (inside or srcset[position] != ","):
            inside = srcset[position] == "(" or (inside and srcset[position] != ")")
            position += 1
