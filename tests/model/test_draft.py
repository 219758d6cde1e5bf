"""`notice.toml` as it is read: every mistake at once, each with its place and its cure."""

import pytest

from bandeau.locale import catalogues
from bandeau.model.draft import Mistake, NoticeError, read_notice

NOTICE = """
site = "courier"
domains = ["courier.example"]
own_hosts = ["cdn.example"]
languages = ["en", "fr"]
policy = "/privacy"

[controller]
name = "The Courier"
address = "1 Canal Street"
contact = "privacy@courier.example"

[[services]]
id = "session"
name = "Session"
purposes = ["technical"]
exemption = "auth"

[[services]]
id = "stats"
name = "Stats"
country = "IE"
policy = "https://stats.example/privacy"
purposes = ["audience"]
hosts = ["stats.example"]
urls = ["https://cdn.example/stats/*"]

[[services.cookies]]
name = "_st*"
lifetime = "13 months"
use = { en = "counting", fr = "compter" }

[[services.storage]]
name = "st_queue"
lifetime = "1 day"
use = "counting"

[texts.en]
"first.title" = "Your choice"

[look]
accent = "#1f5fbf"

[durations]
records_months = 24
"""


def mistakes(toml: str) -> list[Mistake]:
    try:
        read_notice(toml.encode(), catalogues())
    except NoticeError as wrong:
        return [*wrong.mistakes]
    return []


def test_the_notice_that_these_tests_spoil_has_no_mistake() -> None:
    assert [] == mistakes(NOTICE)


@pytest.mark.parametrize(
    ("right", "wrong", "place", "said"),
    [
        ('site = "courier"', 'site = "The Courier"', "site", "Small letters"),
        ('site = "courier"', "", "site", "missing"),
        ('"courier.example"', '"https://courier.example"', "domains[0]", "host"),
        ('["courier.example"]', "[]", "domains", "empty"),
        ('"cdn.example"', '"CDN.example"', "own_hosts[0]", "small letters"),
        ('"fr"]', '"tlh"]', "languages[1]", "Known: en, fr"),
        ('"/privacy"', '"javascript:alert()"', "policy", "https://"),
        ('"/privacy"', '{ en = "/p" }', "policy.fr", "missing"),
        ('"/privacy"', '{ en = "/p", fr = "data:," }', "policy.fr", "https://"),
        ('"The Courier"', '" "', "controller.name", "empty"),
        ("address =", "adress =", "controller.adress", "Did you mean `address`"),
        ("contact =", "# contact =", "controller.contact", "e-mail"),
        ('exemption = "auth"', "", "services[0].exemption", "CNIL-19"),
        ('"auth"', '"because"', "services[0].exemption", "CNIL-19"),
        ('["technical"]', '["technical", "ads"]', "services[0].purposes", "CNIL-20"),
        ('id = "stats"', 'id = "session"', "services[1].id", "another service"),
        ('"IE"', '"Ireland"', "services[1].country", "ISO 3166"),
        ('"https://stats.example/p', '"stats/p', "services[1].policy", "https://"),
        ('"audience"', '"audiance"', "services[1].purposes[0]", "'audience'"),
        ('["audience"]', "[]", "services[1].purposes", "at least one"),
        ('["audience"]', '"audience"', "services[1].purposes", "array"),
        ('"https://cdn', '"cdn', "services[1].urls[0]", "with * for any part"),
        ('"13 months"', '"a while"', "services[1].cookies[0].lifetime", "13 months"),
        ('"13 months"', "13", "services[1].cookies[0].lifetime", "`str`"),
        ('"_st*"', '"*"', "services[1].cookies[0].name", "every name"),
        ('"_st*"', '"a b"', "services[1].cookies[0].name", "no space"),
        (', fr = "compter"', "", "services[1].cookies[0].use.fr", "missing"),
        ("fr = ", "de = ", "services[1].cookies[0].use.de", "not among"),
        ('"1 day"', '"1 day"\nkind = "cookie"', "services[1].storage[0].kind", "local"),
        ("first.title", "first.titel", "texts.en.first.titel", "`first.title`"),
        ('"first.title"', '"first.text"', "texts.en.first.text", "{controller}"),
        ('"#1f5fbf"', '"blue"', "look.accent", "#1f5fbf"),
        ('"#1f5fbf"', '"#aaaaff"', "look.accent", "At least 4.5"),
        ("records_months = 24", "records_months = 0", "durations.records_months", ""),
        ("records_months", "record_months", "durations.record_months", "`records_"),
    ],
)
def test_a_mistake_has_its_place_and_says_what_would_be_right(
    right: str, wrong: str, place: str, said: str
) -> None:
    assert right in NOTICE

    told = [m for m in mistakes(NOTICE.replace(right, wrong, 1)) if m.place == place]

    assert 1 == len(told)
    assert said in f"{told[0].problem} {told[0].hint}"


def test_all_mistakes_are_told_at_once() -> None:
    spoilt = NOTICE.replace('"13 months"', '"a while"').replace('"IE"', "7")
    spoilt = spoilt.replace("[look]", "[luck]").replace('"_st*"', '"**"')

    assert {
        "services[1].cookies[0].lifetime",
        "services[1].cookies[0].name",
        "services[1].country",
        "luck",
    } == {mistake.place for mistake in mistakes(spoilt)}


def test_what_is_no_toml_says_where() -> None:
    (told,) = mistakes("site = courier")

    assert "line 1" in told.problem


@pytest.mark.parametrize("octets", [b"\xff", b"", b"[[services]]\n" * 3])
def test_whatever_the_file_holds_mistakes_are_all_that_comes_of_it(
    octets: bytes,
) -> None:
    with pytest.raises(NoticeError):
        read_notice(octets, catalogues())
