"""What may be live in a page, for one notice, one set of verdicts and one mode.

A plan is worked out once and asked for every tag. It knows a tag by its marks
(`data-purpose`, `data-service`), by the hosts and patterns of the notice's services, or
not at all; what it does not know is held back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from bandeau.gate.urls import Address
from bandeau.model.notices import Notice
from bandeau.model.services import Service, host_matches
from bandeau.regimes import Verdicts

UNKNOWN = "unknown"


class Mode(Enum):
    """Uniform: the same bytes for everybody. Personal: what is accepted stays live."""

    UNIFORM = "uniform"
    PERSONAL = "personal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the plan says of a tag that is not simply left alone.

    `purposes` and `service` are the marks it carries from now on.
    """

    held: bool
    purposes: str
    service: str
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Asked per tag; holds nothing of a visitor but the verdicts."""

    notice: Notice
    verdicts: Verdicts
    mode: Mode
    by_host: Mapping[str, tuple[Service, ...]]
    by_pattern: tuple[Service, ...]
    locked: frozenset[str]
    asked: frozenset[str]
    own: tuple[str, ...]

    def judge(
        self, wanted: Iterable[Address], own_host: str, purposes: str, service: str
    ) -> Judgement | None:
        """Judge one tag by the addresses it fetches and its marks.

        None: it is the site's own or exempt, leave it alone.
        """
        marks = purposes.split()
        parties: dict[str, Service] = {}
        strangers: list[str] = []
        # The site's owner vouches for what carries a mark that the notice explains.
        sound = all(mark in self.asked or mark in self.locked for mark in marks)
        if service:
            named = self.notice.service(service)
            if named is None:
                sound = False
            else:
                parties[named.id] = named
        for address in wanted:
            found = self._services_at(address)
            parties.update((party.id, party) for party in found)
            if not found and not self._is_own(address.host, own_host):
                strangers.append(address.host)
        vouched = sound and bool(marks or service)
        # A service that acts for nothing is not explained to anybody.
        sound = sound and all(party.purposes for party in parties.values())
        if not sound or (strangers and not vouched):
            return Judgement(
                held=True, purposes=UNKNOWN, service="", unknown=tuple(strangers)
            )
        return self._judge_known(marks, [*parties.values()])

    def _judge_known(
        self, marks: Sequence[str], parties: Sequence[Service]
    ) -> Judgement | None:
        covered = {purpose for party in parties for purpose in party.purposes}
        needed = dict.fromkeys(
            purpose
            for purpose in (*marks, *(p for party in parties for p in party.purposes))
            if purpose not in self.locked
        )
        if not needed:
            return None
        allowed = all(self.verdicts.allows_service(party.id) for party in parties)
        allowed &= all(self.verdicts.allows(m) for m in marks if m not in covered)
        asking = [p for p in parties if not self.locked.issuperset(p.purposes)]
        return Judgement(
            held=self.mode is Mode.UNIFORM or not allowed,
            purposes=" ".join(needed),
            # A yes to one service by name wakes what is marked as that service's; of
            # two services, or beside a purpose it does not cover, no name will do.
            service=asking[0].id
            if len(asking) == 1 and needed.keys() <= set(asking[0].purposes)
            else "",
        )

    def _services_at(self, address: Address) -> tuple[Service, ...]:
        found = self.by_host.get(address.host, ())
        if not self.by_pattern:
            return found
        urls = {address.url, _other_scheme(address.url)}
        matching = (s for s in self.by_pattern if any(_answers(s, u) for u in urls))
        return (*found, *matching)

    def _is_own(self, host: str, own_host: str) -> bool:
        # A URL without a host is invalid: no browser fetches it.
        return host in {own_host, ""} or any(host_matches(host, o) for o in self.own)

    def links_to_stranger(self, wanted: Iterable[Address], own_host: str) -> bool:
        """Say whether an unmarked fetch of these addresses would be held back."""
        judgement = self.judge(wanted, own_host, "", "")
        return judgement is not None and judgement.held


def _answers(service: Service, url: str) -> bool:
    try:
        return service.answers_for(url)
    except ValueError:  # a host that is none, `[` for example
        return False


def _other_scheme(url: str) -> str:
    scheme, _, rest = url.partition(":")
    return f"{'http' if scheme == 'https' else 'https'}:{rest}"


def plan(notice: Notice, verdicts: Verdicts, mode: Mode) -> Plan:
    """Work out what may be live. Costs a walk over the notice; keep what it returns."""
    by_host: dict[str, tuple[Service, ...]] = {}
    for service in notice.services:
        for host in service.hosts:
            if not host.startswith("*."):
                by_host[host] = (*by_host.get(host, ()), service)
    return Plan(
        notice=notice,
        verdicts=verdicts,
        mode=mode,
        by_host=by_host,
        by_pattern=tuple(
            service
            for service in notice.services
            if service.urls or any(host.startswith("*.") for host in service.hosts)
        ),
        locked=frozenset(p.id for p in notice.purposes if p.locked),
        asked=frozenset(notice.asked),
        own=(*notice.domains, *notice.own_hosts),
    )
