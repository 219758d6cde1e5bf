"""Which law applies, and what it says: one file per law, joined by `decide`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bandeau.model.answers import Answer
from bandeau.model.choices import Choice, day_after_months, day_number, silent
from bandeau.model.notices import Notice
from bandeau.model.services import Service
from bandeau.model.signals import Signals
from bandeau.regimes.france import FRANCE
from bandeau.regimes.gdpr import GDPR
from bandeau.regimes.strictest import STRICTEST
from bandeau.regimes.table import Regime, Verdict

_EU = "AT BE BG CY CZ DE DK EE ES FI GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"

# ISO 3166 codes. The EEA's three others apply the same directive.
REGIMES: Mapping[str, Regime] = {
    **dict.fromkeys([*_EU.split(), "IS", "LI", "NO"], GDPR),
    "FR": FRANCE,
}


def regime_for(country: str) -> Regime:
    """The regime of a visitor's country (ISO 3166, two letters); else the strictest."""
    return REGIMES.get(country.upper(), STRICTEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """One verdict per purpose and per service; what is not among them is refused."""

    purposes: Mapping[str, Verdict]
    services: Mapping[str, Verdict]
    unknown: Verdict

    def allows(self, purpose_id: str) -> bool:
        return self.purposes.get(purpose_id, self.unknown).allowed

    def allows_service(self, service_id: str) -> bool:
        return self.services.get(service_id, self.unknown).allowed


def choice_months(notice: Notice, regime: Regime) -> int:
    """How long a choice stands, in calendar months: the notice's wish, within the law."""
    return regime.choice.within(notice.durations.choice_months)


def decide(
    notice: Notice, choice: Choice, signals: Signals, regime: Regime, now: datetime
) -> Verdicts:
    """Join notice, choice, signals and regime into verdicts.

    A choice that is older than the regime lets it stand is silence. A service runs if
    the visitor accepted it by name, or accepted every purpose it acts for and did not
    refuse it by name (CNIL-20: the strictest of its purposes counts).
    """
    last = day_after_months(choice.day, choice_months(notice, regime))
    standing = choice if day_number(now) < last else silent(notice)
    purposes = {
        purpose.id: regime.exempt
        if purpose.locked
        else regime.verdicts[standing.answer(purpose.id), signals.objects]
        for purpose in notice.purposes
    }
    return Verdicts(
        purposes=purposes,
        services={
            service.id: _of_service(service, purposes, standing, signals, regime)
            for service in notice.services
        },
        unknown=regime.unknown,
    )


def _of_service(
    service: Service,
    purposes: Mapping[str, Verdict],
    choice: Choice,
    signals: Signals,
    regime: Regime,
) -> Verdict:
    named = choice.services.get(service.id, Answer.UNANSWERED)
    if named is not Answer.UNANSWERED and not service.exemption:
        return regime.verdicts[named, signals.objects]
    verdicts = [purposes.get(purpose, regime.unknown) for purpose in service.purposes]
    refused = [verdict for verdict in verdicts if not verdict.allowed]
    return (refused or verdicts or [regime.unknown])[0]


__all__ = [
    "REGIMES",
    "Regime",
    "Verdict",
    "Verdicts",
    "choice_months",
    "decide",
    "regime_for",
]
