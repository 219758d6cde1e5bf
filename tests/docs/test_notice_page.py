"""docs/reference/notice.md says of every key what the code says of it."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from bandeau.locale import LANGUAGES, catalogue, catalogues
from bandeau.model.draft import (
    Draft,
    Mistake,
    NoticeError,
    TraceDraft,
    contrast,
    read_notice,
)
from bandeau.model.lifetimes import is_lifetime
from bandeau.model.notices import Durations, Look
from bandeau.model.purposes import DEFAULT_PURPOSES, EXEMPTIONS
from bandeau.model.services import KINDS
from tests.docs import pages

PAGE = pages.read("docs/reference/notice.md")
# By key; a row may stand for two: `cookies.name`, `storage.name`.
ROWS = {
    key: cells for cells in pages.rows(PAGE, "key") for key in pages.code_in(cells[0])
}


def keys(struct: Any, table: str = "") -> Iterator[tuple[str, bool]]:
    """Every key that a table of the notice may have, and whether it must."""
    for field in msgspec.structs.fields(struct):
        yield f"{table}.{field.name}" if table else field.name, field.required
        below = getattr(field.type, "__args__", (field.type,))[0]
        if isinstance(below, type) and issubclass(below, msgspec.Struct):
            yield from keys(below, field.name)


KEYS = dict(keys(Draft))


def mistakes(more: str) -> Sequence[Mistake]:
    """The mistakes of a notice that says this and otherwise as little as it may."""
    least = """
    site = "courier"
    domains = ["courier.example"]
    languages = ["en"]
    controller = { name = "Courier", address = "1 Canal Street", contact = "a@b.example" }
    """
    try:
        read_notice(f"{least}\n{more}".encode(), catalogues())
    except NoticeError as wrong:
        return wrong.mistakes
    return ()


def mend(key: str) -> str:
    return f"notice.md: mend the row of {key}; the code is right."


def choices(key: str) -> set[str]:
    """What the row of a key names in its last cell."""
    return set(pages.code_in(ROWS[key][-1]))


def test_every_key_has_a_row_and_every_row_its_key() -> None:
    missing, too_many = KEYS.keys() - ROWS.keys(), ROWS.keys() - KEYS.keys()

    assert {"site", "look.radius", "services.cookies", "storage.kind"} <= KEYS.keys()
    assert not missing, f"notice.md: write a row for {sorted(missing)}."
    assert not too_many, f"notice.md: there is no key {sorted(too_many)} any more."


@pytest.mark.parametrize("key", KEYS)
def test_the_page_says_which_keys_are_required(key: str) -> None:
    said = "required" in ROWS[key][1]

    assert KEYS[key] is said, mend(key)


def test_every_exemption_is_named_and_no_other() -> None:
    assert set(EXEMPTIONS) == choices("services.exemption"), mend("services.exemption")


def test_every_kind_is_named_and_no_other() -> None:
    lists = {"cookies", "storage"}

    for key in ("cookies.kind", "storage.kind"):
        assert set(KINDS) == choices(key) - lists, mend(key)


def test_every_language_is_named_and_no_other() -> None:
    assert set(LANGUAGES) == choices("languages"), mend("languages")


def test_every_default_purpose_is_named_and_no_other() -> None:
    named = re.search(r"^The defaults are (.+?)\.$", PAGE, re.MULTILINE)

    assert named, "notice.md: say `The defaults are …` on one line."
    ours = [purpose.id for purpose in DEFAULT_PURPOSES]
    assert ours == pages.code_in(named[1]), "notice.md: mend `The defaults are …`."


@pytest.mark.parametrize("key", ["cookies.lifetime", "storage.lifetime"])
def test_every_unit_of_a_lifetime_is_named_and_can_be_read(key: str) -> None:
    known = {text.split(".")[1] for text in catalogue("en") if "lifetime." in text}

    listed = re.search("Units are (.+?)[.]", ROWS[key][-1])

    assert listed
    named = set(re.findall(r"\w+", listed[1])) - {"and"}
    assert known == named | {"session", "persistent"}, mend(key)
    for unit in named:
        assert is_lifetime(f"2 {unit}s")
    assert {"session", "persistent"} <= choices(key)


@pytest.mark.parametrize(
    ("table", "defaults"), [("look", Look()), ("durations", Durations())]
)
def test_the_defaults_are_those_of_the_code(table: str, defaults: Any) -> None:
    for name, default in msgspec.structs.asdict(defaults).items():
        key = f"{table}.{name}"
        said = ROWS[key][2].strip("`")

        assert (str(default) or "the system's text colour") == said, mend(key)


def test_a_path_that_is_left_out_is_the_one_on_the_page() -> None:
    trace = TraceDraft(name="a", lifetime="session", use="b")

    said = ROWS["cookies.path"][-1]
    assert f"The default is `{trace.path}`." in said, mend("cookies.path")


@pytest.mark.parametrize("name", ["position", "corner"])
def test_every_place_of_the_look_is_named_and_no_other(name: str) -> None:
    named = pages.code_in(ROWS[f"look.{name}"][1])

    (wrong,) = mistakes(f'look.{name} = "elsewhere"')

    assert f"One of {', '.join(named)}." == wrong.hint, mend(f"look.{name}")


def test_corners_are_as_round_as_the_page_says() -> None:
    least, most = map(int, ROWS["look.radius"][1].split(" to "))

    for radius in (least - 1, least, most, most + 1):
        right = least <= radius <= most
        assert right is not bool(mistakes(f"look.radius = {radius}")), mend(
            "look.radius"
        )


@pytest.mark.parametrize("name", ["title", "summary"])
def test_words_are_as_long_as_the_page_says(name: str) -> None:
    said = re.match(r"At most (\d+) characters", ROWS[f"purposes.{name}"][-1])

    assert said
    for length, right in ((int(said[1]), True), (int(said[1]) + 1, False)):
        words = f'{{ en = "{"a" * length}" }}'
        own = f'purposes = [{{ id = "audience", {name} = {words} }}]'
        assert right is not bool(mistakes(own)), mend(f"purposes.{name}")


def test_purposes_are_as_many_as_the_page_says() -> None:
    words = ('title = { en = "A" }', 'summary = { en = "B" }')

    assert "Besides it, at most ten." in PAGE, "notice.md: say how many purposes."
    for count, right in ((10, True), (11, False)):
        ids = ("technical", *(f"own-{n}" for n in range(count)))
        own = ", ".join(f'{{ id = "{id_}", {", ".join(words)} }}' for id_ in ids)
        assert right is not bool(mistakes(f"purposes = [{own}]"))


@pytest.mark.parametrize(
    ("name", "ground", "words"),
    [("accent", 0xFF, "with white"), ("accent_dark", 0x12, "with `#121212`")],
)
def test_accents_are_as_readable_as_the_page_says(
    name: str, ground: int, words: str
) -> None:
    row = ROWS[f"look.{name}"][-1]
    said = re.search(rf"contrast {words} is at least ([\d.]+)\.", row)

    assert said
    for grey in range(0x100):
        ratio = contrast((grey, grey, grey), (ground, ground, ground))
        right = ratio >= float(said[1])
        colour = f"#{grey:02x}{grey:02x}{grey:02x}"
        assert right is not bool(mistakes(f'look.{name} = "{colour}"')), colour


def test_the_example_has_no_mistake() -> None:
    (example,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

    notice = read_notice(example.encode(), catalogues())

    assert ("Stats Ltd",) == notice.partners
