"""Where a request comes from, and whether it may speak for a visitor. Pure.

A form of another site must not be able to answer in a visitor's name: that would be a
forged consent. JSON cannot be sent across origins without our leave (the browser asks
first, see `preflight` in the service); a plain form can, so it has to prove itself.
"""

import re
from collections.abc import Sequence
from enum import Enum

from bandeau.model.services import host_matches

_ORIGIN = re.compile(
    r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d+))?", re.IGNORECASE
)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d+))?", re.IGNORECASE)
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class Relation(Enum):
    """How the sender of a request stands to the site that it was sent to."""

    SAME_ORIGIN = "same origin"
    OWN_DOMAIN = "another domain of the same notice"
    FOREIGN = "foreign"


def relation(
    *, origin: str, host: str, fetch_site: str, domains: Sequence[str]
) -> Relation:
    """Place the sender of a JSON answer, by its Origin and Sec-Fetch-Site headers.

    No Origin at all means no browser, or a browser that sends to its own origin.
    """
    # The browser's own word. It also holds behind a proxy that rewrites Host, and for
    # pages with `Referrer-Policy: no-referrer`, whose forms have the origin "null".
    if fetch_site == "same-origin":
        return Relation.SAME_ORIGIN
    if not origin:
        alone = fetch_site in {"", "none"}
        return Relation.SAME_ORIGIN if alone else Relation.FOREIGN
    if _is_of(origin, host):
        return Relation.SAME_ORIGIN
    own = any(host_matches(host_of_origin(origin), domain) for domain in domains)
    return Relation.OWN_DOMAIN if own else Relation.FOREIGN


def form_may_speak(
    *, origin: str, host: str, fetch_site: str, referer: str, domains: Sequence[str]
) -> bool:
    """Say whether a form without a script speaks for its visitor.

    | Sec-Fetch-Site  | Origin               | Referer    |     |
    |-----------------|----------------------|------------|-----|
    | same-origin     | anything             | anything   | yes |
    | absent, none    | Host, notice domain  | anything   | yes |
    | absent, none    | absent               | of Host    | yes |
    | none            | absent               | absent     | yes |
    | anything else   |                      |            | no  |
    """
    if fetch_site == "same-origin":
        return True
    if fetch_site not in {"", "none"}:
        return False
    if origin:
        return _is_of(origin, host) or any(
            host_matches(host_of_origin(origin), domain) for domain in domains
        )
    if referer:
        return _is_of("/".join(referer.split("/", 3)[:3]), host)
    return fetch_site == "none"


def host_of(host: str) -> str:
    """The name in a Host header: small letters, without the port."""
    form = _HOST.fullmatch(host)
    return form[1].lower() if form else ""


def host_of_origin(origin: str) -> str:
    """The host in an Origin header; empty for `null` and for what is not an origin."""
    form = _ORIGIN.fullmatch(origin)
    return form[2].lower() if form else ""


def _is_of(origin: str, host: str) -> bool:
    """Say whether an origin is the one that a Host header names.

    The scheme cannot be compared: behind a proxy we do not see which one it was.
    """
    sender, asked = _ORIGIN.fullmatch(origin), _HOST.fullmatch(host)
    if sender is None or asked is None:
        return False
    default = _DEFAULT_PORTS[sender[1].lower()]
    return (sender[2].lower(), sender[3] or default) == (
        asked[1].lower(),
        asked[2] or default,
    )


def path_back(back: str, referer: str, host: str) -> str:
    """Where a form's visitor goes afterwards: always a path of this very host.

    `back` if it is one; else the path of the page that they came from; else the front
    page. An address that could leave the host, or end a header, is not followed.
    """
    if _is_own_path(back):
        return back
    start, _, path = referer.partition("://")[2].partition("/")
    path = f"/{path.partition('#')[0]}"
    scheme = referer.partition("://")[0]
    if start and _is_of(f"{scheme}://{start}", host) and _is_own_path(path):
        return path
    return "/"


# "//host" and "/\host" are other hosts to a browser, which also drops tabs and newlines
# inside an address (WHATWG URL, "basic URL parser"). Printable ASCII only: a header
# holds nothing else, and a browser that fills `back` has percent-encoded the rest.
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]{0,2000}")


def _is_own_path(path: str) -> bool:
    return _OWN_PATH.fullmatch(path) is not None
