"""Visits to the newsroom, as people make them: what comes, what does not, what stays."""

import json
import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ROOT, Newsroom
from tests.browser.visitor import Visitor

Arrive = Callable[..., Visitor]

ARTICLE = "fr/une-ecluse-ouverte-la-nuit"
NAMES = ("audience", "social", "content", "profiling", "ads")


@pytest.fixture
def visitor(arrive: Arrive, newsroom: Newsroom) -> Visitor:
    httpx.post(
        f"{newsroom.home}what-happened/clear",
        headers={"origin": newsroom.home.rstrip("/")},
    )
    return arrive(newsroom.home)


def reached(newsroom: Newsroom) -> set[str]:
    """The stand-ins that something reached, as the newsroom itself tells it."""
    told = httpx.get(f"{newsroom.home}what-happened.json").json()
    return {host for host, count in told["hosts"].items() if count}


def records(newsroom: Newsroom) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "bandeau", "records", "--json", "--limit", "1000"]
    told = subprocess.run(
        [*command, "--store", str(newsroom.store)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return json.loads(told.stdout)["sites"][0]["newest"]


def test_before_a_choice_nothing_reaches_anybody_but_the_exempt(
    visitor: Visitor, newsroom: Newsroom
) -> None:
    visitor.visits("fr/").visits(ARTICLE)
    visitor.page.mouse.wheel(0, 3000)
    visitor.page.wait_for_timeout(500)

    assert reached(newsroom) <= {"status.localhost"}
    assert not [u for u in visitor.strangers_asked() if "//status.localhost" not in u]
    assert set(visitor.answers.values()) == {"unanswered"}
    # The newsroom's own session comes with a comment, not with a visit.
    assert visitor.cookies == {}
    expect(visitor.banner).to_be_visible()


def test_a_refusal_holds_on_every_page_and_leaves_no_identifier(
    visitor: Visitor, newsroom: Newsroom
) -> None:
    visitor.visits(ARTICLE)

    visitor.refuses_everything()
    visitor.waits_until_sent()
    visitor.visits("fr/").visits(ARTICLE)
    visitor.page.wait_for_timeout(300)

    expect(visitor.banner).to_be_hidden()
    assert reached(newsroom) <= {"status.localhost"}
    assert list(visitor.cookies) == ["bandeau"]
    version, _, _, letters = visitor.cookies["bandeau"].split(".")
    assert (version, letters) == ("1", "nnnnn")
    assert len(visitor.cookies["bandeau"]) <= 24


def test_the_choice_cookie_is_set_as_designed(visitor: Visitor) -> None:
    visitor.visits("fr/")

    visitor.refuses_everything()
    visitor.waits_until_sent()

    (cookie,) = visitor.context.cookies()
    days = (cookie["expires"] - visitor.page.evaluate("Date.now()") / 1000) / 86400
    assert cookie["sameSite"] == "Lax"
    assert cookie["secure"]
    assert not cookie["httpOnly"]
    assert cookie["path"] == "/"
    assert 180 <= days <= 184


def test_accepting_wakes_everything_without_a_reload(
    visitor: Visitor, newsroom: Newsroom
) -> None:
    visitor.visits(ARTICLE)
    visitor.page.evaluate("window.same = true")

    visitor.accepts_everything()

    visitor.page.wait_for_function("document.cookie.includes('_pm_')")
    expect(visitor.page.locator("iframe[src*='video.localhost']")).to_be_visible()
    assert visitor.page.evaluate("window.same")
    assert reached(newsroom) >= {
        "metrics.localhost",
        "social.localhost",
        "video.localhost",
        "recommend.localhost",
        "profiles.localhost",
        "ads.localhost",
    }


@pytest.mark.parametrize(
    ("purpose", "hosts"),
    [
        ("audience", {"metrics.localhost"}),
        ("social", {"social.localhost", "video.localhost"}),
        ("content", {"recommend.localhost"}),
        ("profiling", {"profiles.localhost"}),
        ("ads", set[str]()),  # the slots need profiling as well
    ],
)
def test_one_purpose_wakes_its_own_services_and_no_other(
    visitor: Visitor, newsroom: Newsroom, purpose: str, hosts: set[str]
) -> None:
    visitor.visits(ARTICLE)

    visitor.allows_only(purpose)
    visitor.waits_until_sent()
    visitor.visits(ARTICLE)
    visitor.page.wait_for_timeout(300)

    assert reached(newsroom) - {"status.localhost"} == hosts
    assert visitor.answers == {
        name: "accepted" if name == purpose else "refused" for name in NAMES
    }


def test_a_withdrawal_expires_what_was_set_and_stops_what_ran(
    visitor: Visitor, newsroom: Newsroom
) -> None:
    visitor.visits(ARTICLE)
    visitor.accepts_everything()
    visitor.page.wait_for_function("document.cookie.includes('_pm_')")
    visitor.waits_until_sent()

    visitor.control.click()
    with visitor.page.expect_navigation():  # what ran cannot be unrun: a fresh page
        visitor.presses("refuse")
    visitor.page.wait_for_load_state("load")
    visitor.waits_until_sent()
    httpx.post(
        f"{newsroom.home}what-happened/clear",
        headers={"origin": newsroom.home.rstrip("/")},
    )
    visitor.visits("fr/").visits(ARTICLE)
    visitor.page.wait_for_timeout(300)

    kept = visitor.stored()
    assert kept["cookie"].startswith("bandeau=")
    assert ";" not in kept["cookie"]
    assert kept["local"] == kept["session"] == {}
    assert reached(newsroom) <= {"status.localhost"}
    assert visitor.cookies["bandeau"].count(".") == 3  # no identifier is left


def test_a_returning_visitor_is_not_asked_again(visitor: Visitor) -> None:
    visitor.visits("fr/")
    visitor.allows_only("content")
    visitor.waits_until_sent()

    for path in ("fr/", "en/", ARTICLE):
        visitor.visits(path)
        expect(visitor.banner).to_be_hidden()
        expect(visitor.control).to_be_visible()

    visitor.control.click()
    for name in NAMES:
        switch = visitor.settings.locator(f"[data-bandeau-purpose={name}]")
        expect(switch).to_be_checked(checked=name == "content")


def test_the_choice_stands_in_the_database(
    visitor: Visitor, newsroom: Newsroom
) -> None:
    before = len(records(newsroom))
    visitor.visits("fr/")

    visitor.allows_only("audience")
    visitor.waits_until_sent()
    kept = records(newsroom)

    assert len(kept) == before + 1
    assert kept[0]["via"] == "settings"


def test_without_javascript_the_form_answers_and_the_banner_goes(
    arrive: Arrive, newsroom: Newsroom
) -> None:
    visitor = arrive(newsroom.home, java_script_enabled=False)
    visitor.visits(ARTICLE)
    expect(visitor.banner).to_be_visible()

    visitor.page.get_by_role("button", name="Tout refuser").first.click()

    assert visitor.page.url.endswith(ARTICLE)
    expect(visitor.banner).to_be_hidden()
    assert ".nnnnn" in visitor.cookies["bandeau"]


def test_without_javascript_the_settings_are_a_page(
    arrive: Arrive, newsroom: Newsroom
) -> None:
    visitor = arrive(newsroom.home, java_script_enabled=False)
    visitor.visits(ARTICLE)

    visitor.page.get_by_role("button", name="Choisir").click()
    visitor.page.get_by_role("switch", name="Mesure d’audience").check()
    visitor.page.get_by_role("button", name="OK").click()

    assert ".ynnnn." in visitor.cookies["bandeau"]
    expect(visitor.page.locator("[data-bandeau=banner]")).to_be_hidden()


def test_a_held_video_can_be_allowed_by_itself_and_is_remembered(
    visitor: Visitor, newsroom: Newsroom
) -> None:
    visitor.visits(ARTICLE)
    visitor.refuses_everything()
    before = reached(newsroom)

    visitor.page.get_by_role("button", name="Autoriser Lanterne Vidéo").click()

    expect(visitor.page.locator("iframe[src*='video.localhost']")).to_be_visible()
    visitor.waits_until_sent()
    assert visitor.cookies["bandeau"].endswith("~lanterne:y")
    visitor.visits(ARTICLE)
    expect(visitor.page.locator("iframe[src*='video.localhost']")).to_be_visible()
    assert reached(newsroom) - before == {"video.localhost"}
    assert visitor.answers["social"] == "refused"
