"""The life of a choice: new notices, two tabs, pages from the past, a collector down."""

import json
import threading
from collections.abc import Callable

import pytest
from playwright.sync_api import Playwright, expect

from bandeau.ledger.sqlite import SqliteStore
from tests.browser.conftest import QUIET, SiteUnderTest
from tests.browser.sites import notice_toml, page
from tests.browser.visitor import Visitor

Arrive = Callable[..., Visitor]
MakeSite = Callable[..., SiteUnderTest]

COUNTER = '<script src="http://counter.localhost/count.js"></script>'
FILM = '<iframe src="http://film.localhost/7" width="400" height="225"></iframe>'

# A browser that tells pages of no cookie: Firefox before 140, Safari before 18.4.
NO_COOKIE_STORE = "delete window.cookieStore"
COUNTS = {"content_type": "text/javascript", "body": "window.counted = 1"}
NEWCOMER = """
[[services]]
id = "rival"
name = "Rival"
controller = "Rival Inc"
purposes = ["audience"]
hosts = ["rival.localhost"]
"""
NEW_PURPOSE = """
[[purposes]]
id = "audience"
[[purposes]]
id = "letters"
title = { en = "Letters", fr = "Lettres" }
summary = { en = "Write to you.", fr = "Vous écrire." }
[[purposes]]
id = "social"
[[purposes]]
id = "content"
[[purposes]]
id = "profiling"
[[purposes]]
id = "ads"
"""


def bodies(site: SiteUnderTest) -> list[dict[str, object]]:
    """The records of a site, oldest first."""
    store = SqliteStore.open(site.store)
    try:
        return [json.loads(kept.record.body) for kept in store.page("test")][::-1]
    finally:
        store.close()


def newest_notice_is_served(site: SiteUnderTest, visitor: Visitor, sign: str) -> None:
    """Load the page until the notice that holds `sign` is the one it carries."""
    for _ in range(100):
        visitor.visits()
        if sign in visitor.page.content():
            return
        threading.Event().wait(0.1)
    raise AssertionError(sign)


def test_a_new_purpose_is_asked_alone_and_the_rest_stays(
    arrive: Arrive, site: MakeSite
) -> None:
    times = site(page())
    visitor = arrive(times.home).visits()
    visitor.allows_only("social")
    visitor.waits_until_sent()

    times.publish(notice_toml(purposes=NEW_PURPOSE))
    newest_notice_is_served(times, visitor, "bandeau-letters")

    expect(visitor.banner).to_be_visible()
    expect(visitor.banner).to_contain_text("letters")
    expect(visitor.banner).not_to_contain_text("targeted advertising")
    visitor.accepts_everything()
    assert visitor.answers == {
        "audience": "refused",
        "letters": "accepted",
        "social": "accepted",
        "content": "refused",
        "profiling": "refused",
        "ads": "refused",
    }
    visitor.waits_until_sent()
    visitor.visits()
    expect(visitor.banner).to_be_hidden()


def test_a_new_party_reopens_a_yes_and_never_a_no(
    arrive: Arrive, site: MakeSite
) -> None:
    times = site(page())
    yes, no = arrive(times.home).visits(), arrive(times.home).visits()
    yes.accepts_everything()
    no.refuses_everything()
    yes.waits_until_sent()
    no.waits_until_sent()

    times.publish(notice_toml(more=NEWCOMER))
    newest_notice_is_served(times, yes, "Rival")
    no.visits()

    assert yes.answers["audience"] == "unanswered"
    assert yes.answers["ads"] == "accepted"
    expect(yes.banner).to_be_visible()
    assert set(no.answers.values()) == {"refused"}
    expect(no.banner).to_be_hidden()


def test_one_tab_answers_and_the_other_obeys(arrive: Arrive, site: MakeSite) -> None:
    times = site(page(COUNTER))
    visitor = arrive(times.home)
    visitor.meets("http://counter.localhost/*", COUNTS)
    visitor.visits()
    other = visitor.opens_a_tab()
    other.goto(times.home)

    visitor.accepts_everything()

    expect(other.locator("[data-bandeau=banner]")).to_be_hidden()
    other.wait_for_function("window.counted === 1")
    with other.expect_navigation():
        visitor.page.evaluate("bandeau.refuseAll()")
    assert other.evaluate("window.counted") is None


def test_a_page_from_the_past_knows_the_present_choice(
    arrive: Arrive, site: MakeSite
) -> None:
    times = site(page())
    visitor = arrive(times.home).visits("a")
    visitor.page.goto(times.home + "b")
    visitor.refuses_everything()
    visitor.waits_until_sent()

    visitor.page.go_back()

    expect(visitor.banner).to_be_hidden()
    assert set(visitor.answers.values()) == {"refused"}


@pytest.mark.parametrize("untold", [False, True])
def test_a_page_kept_alive_in_the_past_reads_the_cookie_again(
    playwright: Playwright, chromium: str, site: MakeSite, untold: bool
) -> None:
    # Playwright turns the back/forward cache off; nobody else does.
    kept = ["--disable-back-forward-cache"]
    with playwright.chromium.launch(
        executable_path=chromium, args=list(QUIET), ignore_default_args=kept
    ) as browser:
        visitor = Visitor(browser.new_context(), site(page()).home)
        if untold:
            visitor.context.add_init_script(NO_COOKIE_STORE)
        visitor.visits("a")
        visitor.page.evaluate("window.same = true")
        visitor.visits("b")
        visitor.refuses_everything()
        visitor.waits_until_sent()

        # It has been loaded long ago.
        visitor.page.go_back(wait_until="commit")

        expect(visitor.page).to_have_url(f"{visitor.home}a")
        assert visitor.page.evaluate("window.same")
        expect(visitor.banner).to_be_hidden()
        assert set(visitor.answers.values()) == {"refused"}


def test_a_tab_that_nobody_tells_of_cookies_obeys_when_it_is_looked_at(
    arrive: Arrive, site: MakeSite
) -> None:
    times = site(page())
    visitor = arrive(times.home)
    visitor.context.add_init_script(NO_COOKIE_STORE)
    visitor.visits()
    other = visitor.opens_a_tab()
    other.goto(times.home)
    visitor.refuses_everything()
    banner = other.locator("[data-bandeau=banner]")
    expect(banner).to_be_visible()

    other.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    expect(banner).to_be_hidden()
    assert set(other.evaluate("Object.values(bandeau.answers)")) == {"refused"}


def test_with_the_collector_down_the_answer_is_obeyed_kept_and_sent_later(
    arrive: Arrive, site: MakeSite
) -> None:
    times = site(page(COUNTER))
    visitor = arrive(times.home)
    visitor.meets("http://counter.localhost/*", COUNTS)
    visitor.visits()
    visitor.context.route("**/bandeau/choice", lambda route: route.abort())

    visitor.accepts_everything()
    visitor.page.wait_for_function("window.counted === 1")
    assert bodies(times) == []
    # The tab is closed before the collector comes back.
    visitor.page.close()
    visitor.context.unroute("**/bandeau/choice")
    visitor.page = visitor.opens_a_tab()
    visitor.visits()
    visitor.waits_until_sent()

    (kept,) = bodies(times)
    assert (kept["answers"], kept["via"]) == ("yyyyy", "first-layer")
    expect(visitor.banner).to_be_hidden()


def test_a_full_collector_hears_the_answer_once_it_has_room(
    arrive: Arrive, site: MakeSite
) -> None:
    times = site(page())
    visitor = arrive(times.home).visits()
    refusals = [503, 500]

    def full(route: object) -> None:
        if refusals:
            route.fulfill(status=refusals.pop(), headers={"retry-after": "1"})
        else:
            route.continue_()

    visitor.context.route("**/bandeau/choice", full)

    visitor.refuses_everything()
    visitor.waits_until_sent()

    assert [kept["answers"] for kept in bodies(times)] == ["nnnnn"]


def test_a_late_answer_does_not_bring_an_old_choice_back(
    arrive: Arrive, site: MakeSite
) -> None:
    times = site(page())
    visitor = arrive(times.home).visits()
    visitor.context.route("**/bandeau/choice", lambda route: route.abort())
    visitor.accepts_everything()
    with visitor.page.expect_navigation():  # a withdrawal loads the page afresh
        visitor.page.evaluate("bandeau.set({ads: false})")
    visitor.page.wait_for_load_state("load")

    visitor.context.unroute("**/bandeau/choice")
    visitor.visits()
    visitor.waits_until_sent()

    assert ".yyyyn." in visitor.cookies["bandeau"]
    assert [kept["answers"] for kept in bodies(times)] == ["yyyyy", "yyyyn"]


def test_a_withdrawal_is_recorded_with_the_yes_it_takes_back(
    arrive: Arrive, site: MakeSite
) -> None:
    times = site(page())
    visitor = arrive(times.home).visits()
    visitor.accepts_everything()
    visitor.waits_until_sent()

    visitor.opens_the_settings()
    with visitor.page.expect_navigation():
        visitor.presses("refuse")
    visitor.waits_until_sent()

    yes, no = bodies(times)
    assert no["via"] == "withdrawal"
    assert no["subject"] == yes["subject"]
    assert visitor.cookies["bandeau"].endswith(".nnnnn")


def test_a_refusal_is_recorded_without_a_subject(
    arrive: Arrive, site: MakeSite
) -> None:
    times = site(page())
    visitor = arrive(times.home).visits()

    visitor.refuses_everything()
    visitor.waits_until_sent()

    (kept,) = bodies(times)
    assert "subject" not in kept


def test_the_interface_is_there_before_the_pages_own_scripts(
    arrive: Arrive, site: MakeSite
) -> None:
    head = "<script>window.early = [bandeau.allows('ads'), bandeau.allows('technical')]"
    times = site(page(head=f"{head}</script>"))

    visitor = arrive(times.home).visits()

    assert visitor.page.evaluate("early") == [False, True]


def test_held_scripts_wake_in_order_and_frames_where_they_stood(
    arrive: Arrive, site: MakeSite
) -> None:
    tags = """
    <script>window.order = []</script>
    <script src="http://counter.localhost/1.js"></script>
    <script type="text/plain" data-purpose="audience">order.push(2)</script>
    <script src="http://counter.localhost/3.js" defer></script>
    <script type="text/plain" data-purpose="audience" data-type="module">
    order.push(4)</script>
    """
    times = site(page(tags + FILM))
    visitor = arrive(times.home)
    for number in (1, 3):
        script = {"content_type": "text/javascript", "body": f"order.push({number})"}
        visitor.meets(f"http://counter.localhost/{number}.js", script)
    film = {"content_type": "text/html", "body": "<p>a film</p>"}
    visitor.meets("http://film.localhost/*", film)
    visitor.visits()
    box = visitor.page.locator("[data-bandeau=held]").bounding_box()

    visitor.accepts_everything()

    visitor.page.wait_for_function("order.length === 4")
    assert visitor.page.evaluate("order") == [1, 2, 3, 4]
    frame = visitor.page.locator("iframe")
    expect(frame).to_be_visible()
    assert box is not None
    placed = frame.bounding_box()
    assert placed is not None
    assert abs(placed["height"] - box["height"]) <= 5
    assert visitor.troubles == []


def test_what_a_page_adds_later_is_held_and_woken_too(
    arrive: Arrive, site: MakeSite
) -> None:
    times = site(page())
    visitor = arrive(times.home)
    visitor.meets("http://counter.localhost/*", COUNTS)
    visitor.visits()
    add = """() => { const tag = document.createElement("script");
      tag.type = "text/plain"; tag.dataset.purpose = "audience";
      tag.src = "http://counter.localhost/late.js"; document.body.append(tag); }"""

    visitor.page.evaluate(add)
    assert visitor.asked_for("counter.localhost") == []
    visitor.accepts_everything()
    visitor.page.wait_for_function("window.counted === 1")
    visitor.page.evaluate(add)

    visitor.page.wait_for_function(
        "performance.getEntriesByType('resource').filter("
        "e => e.name.includes('late.js')).length === 2"
    )
