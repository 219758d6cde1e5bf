"""The choice cookie, by the vectors that the browser's script keeps to as well."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bandeau.errors import MalformedError
from bandeau.model.choices import carry
from bandeau.model.cookie import LONGEST, CookieChoice, read_cookie, write_cookie

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "cookie.json").read_text("utf-8")
)


@pytest.mark.parametrize("row", VECTORS["readable"], ids=lambda row: row["name"])
def test_what_is_written_is_read_back(row: dict[str, Any]) -> None:
    said = read_cookie(row["text"])

    assert said == CookieChoice(
        notice=row["notice"],
        day=row["day"],
        letters=row["letters"],
        subject=row["subject"],
        services=tuple(row["services"]),
    )
    assert write_cookie(said) == row["text"]


@pytest.mark.parametrize("text", [*VECTORS["unreadable"], "1.nIXvnK0E.g19.nnnnn\n"])
def test_what_is_not_exactly_a_choice_is_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        read_cookie(text)


@pytest.mark.parametrize("row", VECTORS["carried"], ids=lambda row: row["name"])
def test_an_older_choice_is_carried_over(row: dict[str, Any]) -> None:
    said = CookieChoice(
        notice="nIXvnK0E",
        day=1,
        letters=row["letters"],
        services=tuple(row["services"]),
    )

    carried = carry(said, row["code"])

    assert carried.letters == row["becomes"]
    assert carried.services == tuple(row["kept"])


def test_no_truncated_cookie_is_a_yes_that_was_not_given() -> None:
    text = "1.nIXvnK0E.g19.nynnn.01a20beb5b8c5333e33b8536ddd9f38b~video:y"

    for length in range(len(text)):
        try:
            said = read_cookie(text[:length])
        except MalformedError:
            continue
        assert "nynnn".startswith(said.letters)


@example(letters="y" * 10, services=["a" * 9] * 3 + ["b" * 24] * 2, day=36**3)
@given(
    letters=st.text("yn-", min_size=1, max_size=10),
    services=st.lists(
        st.from_regex(r"[a-z][a-z0-9-]{0,23}", fullmatch=True), max_size=9
    ),
    day=st.integers(1, 36**4 - 1),
)
def test_what_is_written_fits_and_forgets_only_yeses(
    letters: str, services: list[str], day: int
) -> None:
    choice = CookieChoice(
        notice="-_AZaz09",
        day=day,
        letters=letters,
        subject="0" * 32,
        services=tuple(services),
    )

    text = write_cookie(choice)

    assert len(text) <= LONGEST
    said = read_cookie(text)
    assert (said.letters, said.day) == (letters, day)
    assert said.services == tuple(services)[len(services) - len(said.services) :]
