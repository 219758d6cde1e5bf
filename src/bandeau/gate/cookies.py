"""Which cookies may pass, in both directions, and which the browser must forget.

A cookie is known by the notice's traces. What no service declares does not reach the
browser; what its services may not use reaches neither the browser nor the application.
A value is never looked at.
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from ipaddress import ip_address

from bandeau.gate.urls import host_of
from bandeau.model.cookie import COOKIE_NAME
from bandeau.model.notices import Notice
from bandeau.model.services import Service, Trace
from bandeau.regimes import Verdicts

# RFC 6265 section 4.1.1: cookie-name is a token.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Fate(Enum):
    """What becomes of a cookie."""

    PASSES = "passes"
    REFUSED = "refused"
    UNDECLARED = "undeclared"


def fate(name: str, notice: Notice, verdicts: Verdicts) -> Fate:
    """What becomes of a cookie of this name under these verdicts."""
    if name == COOKIE_NAME:
        return Fate.PASSES
    declared = _declared(name, notice)
    if not declared:
        return Fate.UNDECLARED
    # CNIL-20: of several services that use one cookie, the strictest counts.
    allowed = all(verdicts.allows_service(service.id) for service, _ in declared)
    return Fate.PASSES if allowed else Fate.REFUSED


def _declared(name: str, notice: Notice) -> list[tuple[Service, Trace]]:
    """The declarations of a name; an exact one hides those by pattern."""
    found = [
        (service, trace)
        for service in notice.services
        for trace in service.traces
        if trace.kind == "cookie" and trace.matches(name)
    ]
    return [(s, t) for s, t in found if t.name == name] or found


def may_set(set_cookie: str, notice: Notice, verdicts: Verdicts) -> tuple[Fate, str]:
    """The fate of one Set-Cookie header, and the cookie's name for a report."""
    pair, *attributes = set_cookie.split(";")
    name = pair.partition("=")[0].strip(" \t") if "=" in pair else ""
    found = fate(name, notice, verdicts)
    # The application may always make the browser forget.
    if found is not Fate.PASSES and _deletes(attributes):
        return Fate.PASSES, name
    return found, name


def _deletes(attributes: Sequence[str]) -> bool:
    """Say whether these attributes make a cookie expire at once.

    "If a cookie has both the Max-Age and the Expires attribute, the Max-Age attribute
    has precedence" (RFC 6265 section 4.1.2.2); the last one of a name counts (5.3).
    """
    given = {
        name.strip().lower(): value.strip()
        for name, _, value in (attribute.partition("=") for attribute in attributes)
    }
    if re.fullmatch(r"-?\d+", given.get("max-age", "")):
        return int(given["max-age"][:20]) <= 0
    # Without a clock: only the beginning of time is surely over.
    return bool(
        re.search(
            r"\b1 Jan 1970\b|\b01[ -]Jan[ -](?:19)?70\b", given.get("expires", "")
        )
    )


def names_in(cookie: str) -> Iterator[tuple[str, str]]:
    """The pairs of a Cookie header, as name and the pair as it stood."""
    for pair in cookie.split(";"):
        if pair.strip():
            yield pair.partition("=")[0].strip() if "=" in pair else "", pair.strip()


def without_refused(cookie: str, notice: Notice, verdicts: Verdicts) -> str:
    """The Cookie header that the application may read (withdrawal stops reads, CNIL-16).

    What nobody declared stays: it may be another application's on the same host.
    """
    pairs = list(names_in(cookie))
    kept = [p for name, p in pairs if fate(name, notice, verdicts) is not Fate.REFUSED]
    return cookie if len(kept) == len(pairs) else "; ".join(kept)


def deletions(
    cookie: str, host: str, notice: Notice, verdicts: Verdicts
) -> tuple[str, ...]:
    """Set-Cookie values that expire every refused cookie of this Cookie header.

    A Cookie header tells neither domain nor path; so each is expired for the host
    alone, for the host and every parent domain, on `/` and on the declared path.
    """
    # LIMIT: a cookie in a partitioned jar (CHIPS), and one on a path that nobody
    # declared, stays in the browser; the application does not see it all the same.
    expired: dict[str, None] = {}
    for name in dict(names_in(cookie)):
        if (
            not _TOKEN.fullmatch(name)
            or fate(name, notice, verdicts) is not Fate.REFUSED
        ):
            continue
        traces = [trace for _, trace in _declared(name, notice)]
        lowered = name.lower()
        secure = "; Secure" if lowered.startswith(("__host-", "__secure-")) else ""
        domains = [""] if lowered.startswith("__host-") else ["", *_domains(host)]
        for path in dict.fromkeys(("/", *(trace.path for trace in traces))):
            for domain in domains:
                where = f"; Domain={domain}" if domain else ""
                expired[f"{name}=; Max-Age=0; Path={path}{where}{secure}"] = None
    return tuple(expired)


def _domains(host: str) -> list[str]:
    """The host and its parents that a browser may accept as a cookie's domain."""
    name = host_of(host)
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        labels = name.split(".")
        return [".".join(labels[n:]) for n in range(len(labels) - 1)]
    return []
