"""Which cookies pass, for the four visitors."""

import pytest

from bandeau.gate.cookies import Fate, deletions, fate, may_set, without_refused
from bandeau.gate.plan import Plan
from tests.gate.visitors import (
    ACCEPTING,
    NOTICE,
    OBJECTS,
    REFUSING,
    SILENT,
    planned,
)

accepting = planned(ACCEPTING)
refusing, silent = planned(REFUSING), planned(SILENT)
objecting = planned(SILENT, signals=OBJECTS)


@pytest.mark.parametrize("plan", [refusing, silent, objecting])
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("sid=1; HttpOnly", Fate.PASSES),
        ("bandeau=1.x; Path=/", Fate.PASSES),
        ("_count=1", Fate.REFUSED),
        (" _count = 1; Max-Age=99", Fate.REFUSED),
        ("_count_7=1; Expires=Thu, 01 Jan 2037 00:00:00 GMT", Fate.REFUSED),
        ("ad_id=; Max-Age=0", Fate.PASSES),
        ("ad_id=; Max-Age=-1; Expires=Thu, 01 Jan 2037 00:00:00 GMT", Fate.PASSES),
        ("ad_id=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", Fate.PASSES),
        # The last Max-Age counts, and Max-Age before Expires.
        ("ad_id=1; Max-Age=0; Max-Age=99", Fate.REFUSED),
        ("ad_id=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=9", Fate.REFUSED),
        ("ad_id=1; Max-Age=0x", Fate.REFUSED),
        ("nobody=1", Fate.UNDECLARED),
        ("_counter=1", Fate.UNDECLARED),
        ("SID=1", Fate.UNDECLARED),
        ("=sid", Fate.UNDECLARED),
        ("sid", Fate.UNDECLARED),
        ("", Fate.UNDECLARED),
    ],
)
def test_only_what_is_allowed_is_set(header: str, expected: Fate, plan: Plan) -> None:
    assert expected is may_set(header, NOTICE, plan.verdicts)[0]


def test_what_is_accepted_is_set_and_what_is_undeclared_never() -> None:
    verdicts = accepting.verdicts

    assert Fate.PASSES is fate("_count_7", NOTICE, verdicts)
    assert Fate.PASSES is fate("ad_id", NOTICE, verdicts)
    assert (Fate.UNDECLARED, "nobody") == may_set("nobody=1", NOTICE, verdicts)


@pytest.mark.parametrize("plan", [refusing, silent, objecting])
def test_the_application_does_not_read_what_was_refused(plan: Plan) -> None:
    cookie = "sid=1; _count=2; bandeau=3; watched=4; nobody=5; x"

    assert "sid=1; bandeau=3; nobody=5; x" == without_refused(
        cookie, NOTICE, plan.verdicts
    )
    assert cookie == without_refused(cookie, NOTICE, accepting.verdicts)


def test_what_was_refused_is_expired_wherever_it_may_be() -> None:
    expired = deletions(
        "sid=1; _count_7=2; nobody=3", "www.news.test:8080", NOTICE, refusing.verdicts
    )

    assert {
        f"_count_7=; Max-Age=0; Path={path}{domain}"
        for path in ("/", "/articles")
        for domain in ("", "; Domain=www.news.test", "; Domain=news.test")
    } == set(expired)


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:80", ""])
def test_a_host_without_parents_has_one_place(host: str) -> None:
    assert ("ad_id=; Max-Age=0; Path=/",) == deletions(
        "ad_id=1", host, NOTICE, silent.verdicts
    )


def test_nothing_is_expired_for_those_who_accept() -> None:
    assert () == deletions("ad_id=1; _count=1", "a.b", NOTICE, accepting.verdicts)


def test_no_name_of_a_browser_can_write_a_header() -> None:
    assert () == deletions("_count_\r\nx=1", "a.b", NOTICE, refusing.verdicts)
