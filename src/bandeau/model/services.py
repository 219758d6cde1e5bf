"""First and third parties that act for purposes, and what they leave on a device."""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

import msgspec

SERVICE_ID = re.compile(r"[a-z][a-z0-9-]{0,23}")

KINDS = ("cookie", "local", "session", "indexeddb")


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One cookie or storage key, or all that match a pattern with `*`.

    `lifetime` is "session", "persistent" or a count and a unit ("13 months"). "The
    information … must include the lifetime of each cookie" (EU-5).
    """

    name: str
    kind: str = "cookie"
    lifetime: str
    use: Mapping[str, str]
    domain: str = ""
    path: str = "/"

    def matches(self, name: str) -> bool:
        """Say whether a cookie or key of this name is the one declared here."""
        return fits(name, self.name)


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A party that acts for purposes: its controller, hosts, and what it stores."""

    id: str
    name: str
    controller: str
    country: str = ""
    policy: str = ""
    purposes: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    exemption: str = ""
    traces: tuple[Trace, ...] = ()

    def answers_for(self, url: str) -> bool:
        """Say whether an absolute URL belongs to this service, by host or by pattern."""
        host = urlsplit(url).hostname or ""
        return any(host_matches(host, pattern) for pattern in self.hosts) or any(
            fits(url, pattern) for pattern in self.urls
        )


def fits(text: str, pattern: str) -> bool:
    """Say whether a text fits a pattern, in which only `*` is special: anything.

    Brackets and question marks occur in the names of real cookies and addresses.
    """
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*"), re.DOTALL)


def host_matches(host: str, pattern: str) -> bool:
    """Say whether a host is the pattern's, where `*.example` covers every subdomain.

    `*.example` is not `example` itself, and `example` is none of its subdomains.
    """
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return host == pattern
