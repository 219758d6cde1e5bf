"""The checking page as it is sent: its weight, its texts, and that it asks nobody."""

import re

import brotli
import pytest

from bandeau.receipts import page

# In brotli, at quality 11. Two languages, and the check itself; a quarter is French.
BUDGET = 8_800
LANGUAGES = ("en", "fr")
QUOTED = re.compile(r'"((?:[^"\\\n]|\\.)*)"')


def test_the_page_keeps_to_its_budget() -> None:
    octets = page.check_page()
    weight = len(brotli.compress(octets, quality=11))

    print(f"\n{page.PAGE_NAME}: {len(octets):,} bytes, {weight:,} in brotli")  # noqa: T201
    assert weight <= BUDGET, f"{weight - BUDGET} bytes over"


def test_the_page_is_one_file_that_asks_nobody() -> None:
    html = page.check_page().decode()

    assert 1 == html.count("<script")
    assert "src=" not in html
    assert "url(" not in html
    assert not re.search(r"\bimport[ ({]|\bfetch\b", page._script())
    assert "innerHTML" not in html
    for directive in ("default-src 'none'", "base-uri 'none'", "form-action 'none'"):
        assert directive in page.check_page_policy()
    assert "unsafe" not in page.check_page_policy()


@pytest.mark.parametrize("name", page.texts())
def test_every_text_is_there_in_every_language(name: str) -> None:
    said = page.texts()[name]

    assert list(LANGUAGES) == list(said)
    for text in said.values():
        assert text == text.strip() != ""
        assert "'" not in text, "An apostrophe is ’."
    assert said["en"].count("{}") == said["fr"].count("{}")


def test_one_english_has_one_french() -> None:
    english = [said["en"] for said in page.texts().values()]

    twice = {
        text
        for text in english
        if len({said["fr"] for said in page.texts().values() if said["en"] == text}) > 1
    }

    assert not twice


def test_every_sentence_of_the_script_is_in_the_texts_and_the_other_way_round() -> None:
    code = page.source("verify.js") + page.source("check.js")
    html = page.source("check.html")
    # HEADER stands in one sentence by its name.
    code = code.replace("${HEADER}", "c2sp.org/tlog-proof@v1").replace("`", '"')
    code = re.sub(r"^\s*(//|\*|/\*\*).*$", "", code, flags=re.MULTILINE)
    quoted = set(QUOTED.findall(code)) | set(re.findall(r"\b[a-z]+(?=: async)", code))

    sentences = {text for text in quoted if re.match(r"[A-Z{].*\w .*\w", text)}
    known = {said["en"] for said in page.texts().values()}
    used = {
        said["en"]
        for name, said in page.texts().items()
        if f"'{name}'" in html or name.startswith("input.")
    }
    # The names of a record's fields are looked up as they are.
    fields = {"site", "notice", "record"}

    assert not sentences - known
    assert not known - quoted - used - fields
