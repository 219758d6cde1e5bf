"""What a cookie stands for today: silence in every doubt, and no nagging."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from bandeau.model.answers import Answer
from bandeau.model.choices import Choice, choice_of, day_after_months, day_number
from bandeau.model.cookie import base36
from bandeau.model.notices import Controller, Notice
from bandeau.model.purposes import DEFAULT_PURPOSES, Purpose
from bandeau.model.services import Service

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def notice(**changes: Any) -> Notice:
    first = Notice(
        site="test",
        controller=Controller(name="T", address="A", contact="C"),
        domains=("news.test",),
        languages=("en",),
        policy={},
        purposes=DEFAULT_PURPOSES,
        services=(
            Service(id="film", name="Film", controller="Film SA", purposes=("social",)),
        ),
        texts={"en": {}},
    )
    return msgspec.structs.replace(first, **changes)


def cookie(of: Notice, letters: str, *, at: datetime = NOW, tail: str = "") -> str:
    return f"1.{of.digest[:8]}.{base36(day_number(at))}.{letters}{tail}"


def read(text: str, present: Notice, *earlier: Notice) -> Choice:
    return choice_of(text, present, earlier, now=NOW, months=6)


def test_a_cookie_of_today_stands() -> None:
    told = notice()

    choice = read(cookie(told, "yn-ny", tail=f".{'0' * 32}~film:y"), told)

    assert choice.letters == "yn-ny"
    assert choice.services == {"film": Answer.ACCEPTED}
    assert choice.unanswered == ("content",)


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "1.AAAAAAAA.g19.yyyyy", cookie(notice(), "yyyy")],
)
def test_in_doubt_it_is_silence(text: str) -> None:
    assert read(text, notice()).letters == "-----"


@pytest.mark.parametrize(
    ("given", "stands"),
    [
        (datetime(2026, 5, 25, tzinfo=UTC), True),
        (datetime(2026, 5, 24, tzinfo=UTC), False),
        (NOW + timedelta(days=1), True),
        (NOW + timedelta(days=2), False),
    ],
)
def test_a_choice_stands_six_calendar_months_and_not_from_the_future(
    given: datetime, *, stands: bool
) -> None:
    told = notice()

    choice = read(cookie(told, "nnnnn", at=given), told)

    assert choice.letters == ("nnnnn" if stands else "-----")


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2026, 3, 31), 6, date(2026, 9, 30)),
        (date(2026, 11, 24), 6, date(2027, 5, 24)),
        (date(2026, 12, 31), 14, date(2028, 2, 29)),
    ],
)
def test_months_are_calendar_months(start: date, months: int, expected: date) -> None:
    epoch = date(1970, 1, 1)

    assert day_after_months((start - epoch).days, months) == (expected - epoch).days


def test_a_new_purpose_is_unanswered_and_the_rest_stays() -> None:
    old = notice()
    new = notice(purposes=(*DEFAULT_PURPOSES, Purpose(id="letters")))

    assert read(cookie(old, "ynyny"), new, old).letters == "ynyny-"


def test_a_new_party_reopens_a_yes_and_never_a_no() -> None:
    old = notice()
    rival = Service(
        id="rival", name="R", controller="Rival", purposes=("audience", "ads")
    )
    new = notice(services=(*old.services, rival))

    assert read(cookie(old, "yyyyn"), new, old).letters == "-yyyn"


def test_a_service_that_changed_hands_has_to_ask_again() -> None:
    old = notice()
    sold = msgspec.structs.replace(old.services[0], controller="Other SA")
    text = cookie(old, "nnnnn", tail=f".{'0' * 32}~film:y")

    assert read(text, notice(services=(sold,)), old).services == {}


def test_whoever_accepts_nothing_has_no_identifier() -> None:
    told = notice()

    assert read(cookie(told, "nnnnn", tail=f".{'0' * 32}"), told).subject == ""
