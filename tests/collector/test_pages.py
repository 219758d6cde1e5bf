"""Settings, policy, notices, signals, health, counts, and what is not there."""

from typing import Any

import pytest

from bandeau.errors import UnavailableError
from bandeau.ledger.sqlite import SqliteStore
from bandeau.model.notices import Notice
from bandeau.receipts.page import check_page
from tests.collector.conftest import Browser, new_subject


def test_the_settings_show_the_present_choice(browser: Browser, notice: Notice) -> None:
    letters = "ynnnn"
    cookie = f"bandeau=1.{notice.digest[:8]}.g10.{letters}.{new_subject()}"
    page = browser.get("/bandeau/settings?lang=en", cookie=cookie)

    assert page.status_code == 200
    audience, social = (
        page.text.split(f'value="{p}"')[1][:90] for p in ("audience", "social")
    )
    assert " checked" in audience
    assert " checked" not in social


def test_the_settings_are_nobody_elses(browser: Browser) -> None:
    headers = browser.get("/bandeau/settings").headers

    assert headers["cache-control"] == "no-store"
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'self'" in policy
    assert "script" not in policy
    assert "default-src 'none'" in policy


def test_the_settings_know_the_way_back(browser: Browser) -> None:
    by_query = browser.get("/bandeau/settings?back=/fr/article")
    by_referer = browser.get("/bandeau/settings", referer="https://news.example/here")
    by_stranger = browser.get("/bandeau/settings", referer="https://evil.example/x")

    assert 'value="/fr/article"' in by_query.text
    assert 'value="/here"' in by_referer.text
    assert "evil" not in by_stranger.text


def test_a_wrong_cookie_shows_silence(browser: Browser) -> None:
    page = browser.get("/bandeau/settings", cookie="bandeau=1.nonsense")

    assert page.status_code == 200
    assert "data-unanswered" in page.text


@pytest.mark.parametrize(("asked", "language"), [("en", "en"), ("de", "fr")])
def test_pages_speak_the_visitors_language(
    browser: Browser, asked: str, language: str
) -> None:
    for page in ("settings", "policy"):
        answer = browser.get(f"/bandeau/{page}", accept_language=asked)
        assert answer.headers["content-language"] == language
        assert f'lang="{language}"' in answer.text


def test_the_policy_may_be_cached_per_language(browser: Browser) -> None:
    headers = browser.get("/bandeau/policy").headers

    assert headers["vary"] == "Accept-Language"
    assert "public" in headers["cache-control"]


def test_the_checking_page_is_the_one_that_may_be_kept(browser: Browser) -> None:
    answer = browser.get("/bandeau/check")

    assert answer.content == check_page()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "public" in answer.headers["cache-control"]


def test_a_notice_is_the_bytes_that_its_name_hashes(
    browser: Browser, notice: Notice
) -> None:
    answer = browser.get(f"/bandeau/notice/{notice.digest}")

    assert answer.content == notice.canonical
    assert "immutable" in answer.headers["cache-control"]
    assert browser.get(f"/bandeau/notice/{'x' * 43}").status_code == 404


def test_gpc_is_honoured_and_says_since_when(browser: Browser) -> None:
    answer = browser.get("/.well-known/gpc.json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"gpc": True, "lastUpdate": "2026-09-21"}


def test_health_is_good_while_choices_can_be_kept(browser: Browser) -> None:
    assert browser.get("/healthz").status_code == 200


def test_health_is_bad_after_a_choice_could_not_be_kept(
    browser: Browser,
    store: SqliteStore,
    accepting: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> list[int]:
        raise UnavailableError("The disk that holds the store is full.", retry_after=60)

    with monkeypatch.context() as patch:
        patch.setattr(store, "append", full)
        patch.setattr(store, "find_request", full)
        assert browser.answer(accepting).status_code == 503
    answer = browser.get("/healthz")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"

    assert browser.answer(accepting).status_code == 201


def test_health_is_bad_where_the_store_is_gone(
    browser: Browser, store: SqliteStore
) -> None:
    browser.get("/metrics")
    store.close()

    assert browser.get("/healthz").status_code == 503


def test_counts_tell_kinds_and_nothing_of_anyone(
    browser: Browser, accepting: dict[str, Any], refusing: dict[str, Any]
) -> None:
    for body in (accepting, accepting, refusing):
        browser.answer(body)
    browser.answer(refusing | {"via": "x"})
    text = browser.get("/metrics").text

    assert 'bandeau_choices_total{site="courrier",kind="accepted"} 1' in text
    assert 'bandeau_choices_total{site="courrier",kind="refused"} 1' in text
    assert "bandeau_repeats_total 1" in text
    assert 'bandeau_problems_total{status="400"} 1' in text
    assert "bandeau_batch_size_count 3" in text
    assert "bandeau_waiting 0" in text
    assert accepting["subject"] not in text
    assert accepting["request"] not in text


@pytest.mark.parametrize("path", ["/", "/bandeau", "/bandeau/x", "/metrics/x"])
def test_what_is_not_there_is_a_problem(browser: Browser, path: str) -> None:
    answer = browser.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "about:blank"


def test_what_cannot_be_done_says_what_can(browser: Browser) -> None:
    answer = browser.send("DELETE", "/bandeau/policy")

    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_a_broken_store_is_told_as_unavailable(
    browser: Browser, store: SqliteStore
) -> None:
    store.close()
    answer = browser.get("/bandeau/policy")

    assert answer.status_code == 503
