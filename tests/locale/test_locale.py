"""Every language says everything, in a good editor's words."""

import re

import pytest

from bandeau.locale import LANGUAGES, catalogue
from bandeau.model.draft import placeholders

FORBIDDEN = re.compile(
    r"continue without accepting|continuer sans accepter|en poursuivant|we value"
    r"|by continuing|reject|decline|deny",
    re.IGNORECASE,
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_missing_and_none_too_many(language: str) -> None:
    every = {key for other in LANGUAGES for key in catalogue(other)}

    missing = every - set(catalogue(language))

    assert not missing, f"locale/{language}.toml lacks {', '.join(sorted(missing))}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_places_to_fill_in_are_the_same(language: str) -> None:
    for key, text in catalogue(language).items():
        assert placeholders(text) == placeholders(catalogue("en")[key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_are_short_calm_and_ours(language: str) -> None:
    for key, text in catalogue(language).items():
        assert not FORBIDDEN.search(text), key
        assert text == text.strip() != "", key
        if key.startswith("purpose."):
            assert len(text) <= (60 if key.endswith(".title") else 200), key


def test_the_controls_have_the_names_that_people_and_tools_look_for() -> None:
    names = ("refuse", "choose", "accept", "save", "control")

    assert [catalogue("fr")[f"action.{name}"] for name in names] == [
        "Tout refuser",
        "Choisir",
        "Tout accepter",
        "OK",
        "Cookies : vos choix",
    ]
    assert [catalogue("en")[f"action.{name}"] for name in names] == [
        "Refuse all",
        "Choose",
        "Accept all",
        "OK",
        "Cookies: your choices",
    ]
