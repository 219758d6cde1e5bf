"""A notice: one immutable version of what visitors are told and asked.

Its name is the SHA-256 of its canonical bytes, so that a record which cites the name
cites every word. Nothing here changes a notice: a new purpose is a new notice.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import cached_property

import msgspec

from bandeau.model.purposes import Purpose
from bandeau.model.services import Service, Trace

FORMAT = 1


class Controller(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers for the site (GDPR art. 13(1)(a) and (b))."""

    name: str
    address: str
    contact: str
    officer: str = ""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a site may change of the banner's looks; contrast is checked by the draft."""

    accent: str = ""
    accent_dark: str = ""
    position: str = "bottom"
    corner: str = "left"
    radius: int = 8


class Durations(msgspec.Struct, frozen=True, kw_only=True):
    """How long things are kept, in months. A regime may shorten or lengthen a choice."""

    choice_months: int = 6
    records_months: int = 60


class Notice(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What is published, whole: purposes, services, texts in every language, look.

    `texts` holds every text of every language under its dotted key; `policy` holds one
    address per language.
    """

    format: int = FORMAT
    site: str
    controller: Controller
    domains: tuple[str, ...]
    own_hosts: tuple[str, ...] = ()
    languages: tuple[str, ...]
    policy: Mapping[str, str]
    purposes: tuple[Purpose, ...]
    services: tuple[Service, ...]
    texts: Mapping[str, Mapping[str, str]]
    look: Look = Look()
    durations: Durations = Durations()

    @cached_property
    def canonical(self) -> bytes:
        """The bytes that the digest names: JSON, every key sorted, UTF-8."""
        return msgspec.json.encode(self, order="sorted")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical bytes, base64url without padding, 43 characters."""
        return base64url(hashlib.sha256(self.canonical).digest())

    @cached_property
    def asked(self) -> tuple[str, ...]:
        """The ids of the purposes that visitors are asked about, in notice order."""
        return tuple(purpose.id for purpose in self.purposes if not purpose.locked)

    @cached_property
    def partners(self) -> tuple[str, ...]:
        """The other controllers whose services need a yes, each once (CNIL-10)."""
        found = dict.fromkeys(
            service.controller
            for service in self.services
            if not service.exemption and service.controller != self.controller.name
        )
        return tuple(found)

    def service(self, service_id: str) -> Service | None:
        return self._by_id.get(service_id)

    @cached_property
    def _by_id(self) -> dict[str, Service]:
        return {service.id: service for service in self.services}

    def services_for(self, purpose_id: str) -> tuple[Service, ...]:
        """The services that act for a purpose, in notice order."""
        return tuple(s for s in self.services if purpose_id in s.purposes)

    def language_for(self, wanted: str) -> str:
        """The best of the notice's languages for a tag such as `fr-CA`, else its first."""
        tag = wanted.lower()
        if tag in self.languages:
            return tag
        base = tag.split("-")[0]
        return base if base in self.languages else self.languages[0]


def decode_notice(canonical: bytes) -> Notice:
    """Read back the canonical bytes of a published notice.

    Raises:
        msgspec.DecodeError: the bytes are not those of a notice.
    """
    return msgspec.json.decode(canonical, type=Notice)


def base64url(octets: bytes) -> str:
    """Write bytes as base64url without padding (RFC 4648 section 5)."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


__all__ = [
    "FORMAT",
    "Controller",
    "Durations",
    "Look",
    "Notice",
    "Trace",
    "base64url",
    "decode_notice",
]
