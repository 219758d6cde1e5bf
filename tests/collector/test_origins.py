"""Who may speak for a visitor: the tables, and the collector that keeps to them."""

from typing import Any

import pytest

from bandeau.collector.origins import (
    Relation,
    form_may_speak,
    host_of,
    host_of_origin,
    path_back,
    relation,
)
from bandeau.model.notices import Notice
from tests.collector.conftest import Browser

OWN, SAME, NOT = Relation.OWN_DOMAIN, Relation.SAME_ORIGIN, Relation.FOREIGN
DOMAINS = ("news.example", "*.shop.example")

JSON = [
    # origin, host, Sec-Fetch-Site
    ("https://news.example", "news.example", "", SAME),
    ("https://news.example:443", "news.example", "", SAME),
    ("http://news.example", "news.example:80", "", SAME),
    ("HTTPS://News.Example", "news.example", "", SAME),
    ("http://localhost:8000", "localhost:8000", "", SAME),
    ("http://[::1]:8000", "[::1]:8000", "", SAME),
    ("", "news.example", "", SAME),
    ("", "news.example", "none", SAME),
    # The browser's own word counts where a proxy changes Host.
    ("https://news.example", "10.0.0.7:8000", "same-origin", SAME),
    ("null", "news.example", "same-origin", SAME),
    ("https://news.example", "consent.example", "cross-site", OWN),
    ("http://news.example:3000", "consent.example", "", OWN),
    ("https://a.shop.example", "news.example", "cross-site", OWN),
    # Near misses.
    ("https://evil.example", "news.example", "cross-site", NOT),
    ("https://news.example.evil.example", "consent.example", "", NOT),
    ("https://evilnews.example", "consent.example", "", NOT),
    ("https://sub.news.example", "consent.example", "same-site", NOT),
    ("https://shop.example", "consent.example", "", NOT),
    ("https://news.example@evil.example", "consent.example", "", NOT),
    ("https://localhost:8001", "localhost:8000", "", NOT),
    ("ftp://news.example", "consent.example", "", NOT),
    ("null", "news.example", "", NOT),
    ("null", "news.example", "cross-site", NOT),
    ("", "news.example", "cross-site", NOT),
    ("", "news.example", "same-site", NOT),
]


@pytest.mark.parametrize(("origin", "host", "fetch_site", "expected"), JSON)
def test_json_is_taken_from_the_notices_own_pages_only(
    origin: str, host: str, fetch_site: str, expected: Relation
) -> None:
    found = relation(origin=origin, host=host, fetch_site=fetch_site, domains=DOMAINS)

    assert expected == found


FORMS = [
    # origin, Sec-Fetch-Site, referer
    ("https://news.example", "same-origin", "", True),
    ("null", "same-origin", "", True),
    ("", "same-origin", "", True),
    ("https://news.example", "", "", True),
    ("https://a.shop.example", "", "", True),
    ("https://news.example", "none", "", True),
    ("", "none", "", True),
    ("", "", "https://news.example/page", True),
    # Near misses.
    ("https://news.example", "same-site", "", False),
    ("https://news.example", "cross-site", "", False),
    ("https://evil.example", "", "https://news.example/", False),
    ("https://evil.example", "none", "", False),
    ("null", "", "https://news.example/", False),
    ("", "", "", False),
    ("", "", "https://evil.example/news.example", False),
    ("", "none", "https://evil.example/", False),
    ("", "", "https://news.example.evil.example/", False),
]


@pytest.mark.parametrize(("origin", "fetch_site", "referer", "expected"), FORMS)
def test_a_form_of_somebody_else_does_not_speak_for_a_visitor(
    origin: str, fetch_site: str, referer: str, expected: bool
) -> None:
    found = form_may_speak(
        origin=origin,
        host="news.example",
        fetch_site=fetch_site,
        referer=referer,
        domains=DOMAINS,
    )

    assert expected == found


BACK = [
    ("/fr/", "", "/fr/"),
    ("/a?b=c&d#e", "", "/a?b=c&d#e"),
    ("/a//b", "", "/a//b"),
    ("", "https://news.example/from?x=1#top", "/from?x=1"),
    ("", "https://news.example", "/"),
    ("", "", "/"),
    ("", "https://evil.example/from", "/"),
    ("//evil.example", "https://news.example/from", "/from"),
    ("/\\evil.example", "", "/"),
    ("/a\\b", "", "/"),
    ("\\\\evil.example", "", "/"),
    ("https://evil.example/", "", "/"),
    ("javascript:alert(1)", "", "/"),
    ("/a\r\nset-cookie: x=1", "", "/"),
    ("/\t/evil.example", "", "/"),
    ("/ ", "", "/"),
    ("/caf\u00e9", "", "/"),
    ("/" + "x" * 3000, "", "/"),
    ("", "https://news.example//evil.example", "/"),
    ("", "news.example/x", "/"),
]


@pytest.mark.parametrize(("back", "referer", "expected"), BACK)
def test_the_way_back_stays_on_this_host(
    back: str, referer: str, expected: str
) -> None:
    assert expected == path_back(back, referer, "news.example")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("News.Example:8000", "news.example"),
        ("[::1]:80", "[::1]"),
        ("a b", ""),
        ("x;y", ""),
        ("", ""),
        ("user@news.example", ""),
    ],
)
def test_a_host_is_read_strictly(host: str, expected: str) -> None:
    assert expected == host_of(host)


def test_an_origin_that_is_none_has_no_host() -> None:
    assert host_of_origin("null") == ""
    assert host_of_origin("https://news.example/path") == ""


# --- the collector ---------------------------------------------------------------------


def test_a_preflight_of_an_own_domain_is_granted_for_a_while(browser: Browser) -> None:
    answer = browser.send(
        "OPTIONS",
        "/bandeau/choice",
        headers={
            "origin": "https://www.news.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type",
        },
    )

    assert answer.status_code == 204
    headers = answer.headers
    assert headers["access-control-allow-origin"] == "https://www.news.example"
    assert headers["access-control-allow-methods"] == "POST"
    assert headers["access-control-allow-headers"] == "content-type"
    assert headers["access-control-max-age"] == "7200"
    assert headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in headers


def test_a_preflight_of_somebody_else_is_refused(browser: Browser) -> None:
    answer = browser.send(
        "OPTIONS", "/bandeau/choice", headers={"origin": "https://evil.example"}
    )

    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_an_own_domain_is_answered_without_a_cookie(
    browser: Browser, accepting: dict[str, Any]
) -> None:
    answer = browser.answer(accepting, origin="http://www.news.example:3000")

    assert answer.status_code == 201
    origin = answer.headers["access-control-allow-origin"]
    assert origin == "http://www.news.example:3000"
    assert "set-cookie" not in answer.headers


def test_an_own_domain_may_read_what_is_wrong(
    browser: Browser, accepting: dict[str, Any]
) -> None:
    answer = browser.answer(accepting | {"via": "x"}, origin="https://www.news.example")

    assert answer.status_code == 400
    assert "access-control-allow-origin" in answer.headers


def test_json_of_somebody_else_is_refused(
    browser: Browser, accepting: dict[str, Any]
) -> None:
    answer = browser.answer(accepting, origin="https://evil.example")

    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_form_of_somebody_else_gets_a_page_that_says_so(
    browser: Browser, notice: Notice
) -> None:
    form = {"notice": notice.digest, "via": "first-layer", "action": "accept"}
    answer = browser.press(form, origin="https://evil.example", accept="text/html,*/*")

    assert answer.status_code == 403
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "set-cookie" not in answer.headers
