"""Every row of every regime, walked: silence is not a yes anywhere."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bandeau.model.answers import Answer
from bandeau.model.choices import Choice, day_number, silent
from bandeau.model.notices import Controller, Notice
from bandeau.model.purposes import DEFAULT_PURPOSES
from bandeau.model.services import Service
from bandeau.model.signals import NO_SIGNALS, Signals
from bandeau.regimes import REGIMES, Regime, decide, regime_for
from bandeau.regimes.france import FRANCE
from bandeau.regimes.gdpr import GDPR
from bandeau.regimes.strictest import STRICTEST
from bandeau.signals.gpc import objects

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LAWS = [GDPR, FRANCE, STRICTEST]
RULES = Path(__file__).parents[3] / "shared" / "reference" / "rules.json"

NOTICE = Notice(
    site="test",
    controller=Controller(name="T", address="A", contact="C"),
    domains=("news.test",),
    languages=("en",),
    policy={},
    purposes=DEFAULT_PURPOSES,
    services=(
        Service(
            id="login",
            name="Login",
            controller="T",
            purposes=("technical",),
            exemption="auth",
        ),
        Service(id="film", name="Film", controller="F", purposes=("social",)),
        Service(id="market", name="M", controller="M", purposes=("profiling", "ads")),
    ),
    texts={"en": {}},
)


def choice(letters: str, *services: str, day: int = day_number(NOW)) -> Choice:
    answers = dict(zip(NOTICE.asked, map(Answer.of_letter, letters), strict=True))
    accepted = dict.fromkeys(services, Answer.ACCEPTED)
    return Choice(answers=answers, services=accepted, day=day)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.id)
def test_every_answer_has_a_row_and_only_accepted_is_a_yes(law: Regime) -> None:
    assert set(law.verdicts) == {(a, o) for a in Answer for o in (False, True)}
    for (answer, _), verdict in law.verdicts.items():
        assert verdict.allowed is (answer is Answer.ACCEPTED)
        assert verdict.because.startswith(f"{law.id}.")


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.id)
@pytest.mark.parametrize("signals", [NO_SIGNALS, Signals(objects=True)])
def test_silent_and_refusing_visitors_get_the_exempt_alone(
    law: Regime, signals: Signals
) -> None:
    for visitor in (silent(NOTICE), choice("nnnnn")):
        verdicts = decide(NOTICE, visitor, signals, law, NOW)

        assert [p for p in verdicts.purposes if verdicts.allows(p)] == ["technical"]
        assert verdicts.allows_service("login")
        assert not verdicts.allows_service("film")
        assert not verdicts.allows_service("market")


def test_a_service_of_two_purposes_needs_both() -> None:
    for letters, expected in (("---y-", False), ("----y", False), ("---yy", True)):
        verdicts = decide(NOTICE, choice(letters), NO_SIGNALS, FRANCE, NOW)

        assert verdicts.allows_service("market") is expected


def test_a_service_can_be_accepted_by_name_alone() -> None:
    verdicts = decide(NOTICE, choice("nnnnn", "film"), NO_SIGNALS, FRANCE, NOW)

    assert verdicts.allows_service("film")
    assert not verdicts.allows("social")


def test_the_unknown_is_refused() -> None:
    verdicts = decide(NOTICE, choice("yyyyy"), NO_SIGNALS, FRANCE, NOW)

    assert not verdicts.allows("unknown")
    assert not verdicts.allows_service("nobody")


def test_a_choice_older_than_the_law_lets_it_stand_is_silence() -> None:
    old = choice("yyyyy", "film", day=day_number(datetime(2026, 5, 24, tzinfo=UTC)))

    verdicts = decide(NOTICE, old, NO_SIGNALS, FRANCE, NOW)

    assert not verdicts.allows("ads")
    assert not verdicts.allows_service("film")
    assert verdicts.purposes["ads"].because == "france.unanswered"


@pytest.mark.parametrize(
    ("country", "law"),
    [("FR", FRANCE), ("fr", FRANCE), ("DE", GDPR), ("US", STRICTEST), ("", STRICTEST)],
)
def test_a_country_we_do_not_know_has_the_strictest(country: str, law: Regime) -> None:
    assert regime_for(country) is law


@pytest.mark.skipif(not RULES.exists(), reason="the rules are not beside the project")
def test_every_reason_is_a_rule() -> None:
    known = {rule["id"] for rule in json.loads(RULES.read_text("utf-8"))}

    for law in {law.id: law for law in (*REGIMES.values(), STRICTEST)}.values():
        assert law.choice.because in known
        assert law.exempt.because in known


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1"], True),
        (["0", "1"], True),
        ([], False),
        (["0"], False),
        (["true"], False),
        (["1;x"], False),
        (["1, 1"], False),
    ],
)
def test_only_exactly_one_objects(values: list[str], *, expected: bool) -> None:
    assert objects(values) is expected
