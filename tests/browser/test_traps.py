"""The traps that other banners fell into, each with the test that keeps us out of it.

| trap | kept out of by |
|---|---|
| server down, and all is granted | `test_with_the_server_down_*` |
| visible before a press works | `test_a_press_in_the_first_frame_is_never_lost` |
| waits for the whole page | `test_an_image_that_hangs_*` |
| stores before an answer | `test_nothing_is_stored_before_an_answer` |
| erases some cookies, or none | `test_a_withdrawal_takes_*`, `test_a_cookie_of_another_path_*` |
| what ran goes on after withdrawal | test_visits: `test_a_withdrawal_expires_*` |
| a large choice cookie | `test_the_choice_cookie_stays_small_*` |
| a switch or button without a key | `test_the_keyboard_alone_*` |
| a dialog that Tab or Escape cannot leave | test_accessibility: `test_focus_stays_in_*` |
| before the skip link | test_accessibility: `test_by_keyboard_*`, `test_axe_*`; here for the script alone |
| a sink, an inline style | test_page_css: `test_a_strict_policy_*`, `test_the_one_script_*` |
| a placeholder for a pixel | `test_what_nobody_could_see_*`, `test_a_placeholder_has_*` |
| hides from driven browsers | `test_a_driven_browser_*` |
| fades in or out | `test_the_banner_is_whole_*`; test_accessibility: `test_nothing_moves` |
| is the largest paint, and a late one | `test_the_largest_paint_is_the_first` |
| covers a phone | test_accessibility: `test_on_a_small_phone_*` |
| prints over the page | test_accessibility: `test_print_shows_*` |
"""

import asyncio
import json
import threading
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from tests.browser.conftest import SiteUnderTest
from tests.browser.sites import alone, notice_toml, page
from tests.browser.test_life import bodies
from tests.browser.visitor import Visitor

Arrive = Callable[..., Visitor]
MakeSite = Callable[..., SiteUnderTest]

# The same tags, as a gate finds them and as a site without one writes them.
LIVE = """
<script src="http://counter.localhost/count.js"></script>
<p><img src="http://market.localhost/p.gif" width="1" height="1" alt=""></p>
<p><iframe src="http://film.localhost/7" width="400" height="225" title="Film"
 style="border: 0"></iframe></p>
"""
HELD = """
<script type="text/plain" data-purpose="audience"
 src="http://counter.localhost/count.js"></script>
<p><img data-purpose="ads" data-src="http://market.localhost/p.gif" width="1"
 height="1" alt=""></p>
<p><iframe data-purpose="social" data-service="film" data-src="http://film.localhost/7"
 width="400" height="225" title="Film" style="border: 0"></iframe></p>
"""
ONE_SCRIPT = '<script async src="/bandeau/banner.js"></script>'


@pytest.fixture(params=["gated", "alone"])
def either(request: pytest.FixtureRequest, site: MakeSite) -> MakeSite:
    """Makes the same site with a gate, then with our one script: `either(body)`."""

    def made(body: str = "", **options: Any) -> SiteUnderTest:
        if request.param == "gated":
            return site(page(LIVE + body), **options)
        return site(page(HELD + body, head=ONE_SCRIPT), served=alone, **options)

    return made


# --- when things go wrong or slowly ----------------------------------------------------

OURS = "**/bandeau/**"
DOWN: dict[str, Callable[[Visitor], None]] = {
    "not found": lambda visitor: visitor.meets(OURS, {"status": 404}),
    "broken": lambda visitor: visitor.meets(OURS, {"status": 500}),
    "another page": lambda visitor: visitor.meets(
        OURS, {"content_type": "text/html", "body": page()}
    ),
    "cut off": lambda visitor: visitor.blocks(OURS),
    "silent": lambda visitor: visitor.waits_for(OURS),
}


@pytest.mark.parametrize("trouble", DOWN)
def test_with_the_server_down_a_gated_page_asks_and_holds_back(
    arrive: Arrive, site: MakeSite, trouble: str
) -> None:
    visitor = arrive(site(page(LIVE)).home)
    DOWN[trouble](visitor)

    visitor.visits()
    expect(visitor.banner).to_be_visible()
    before = visitor.page.evaluate("bandeau.allows('ads')")
    visitor.refuses_everything()
    visitor.visits("other")

    expect(visitor.banner).to_be_hidden()
    assert [before, visitor.page.evaluate("bandeau.allows('ads')")] == [False, False]
    assert visitor.strangers_asked() == []


@pytest.mark.parametrize("trouble", DOWN)
def test_with_the_server_down_a_page_without_a_gate_works_and_wakes_nothing(
    arrive: Arrive, site: MakeSite, trouble: str
) -> None:
    visitor = arrive(site(page(HELD, head=ONE_SCRIPT), served=alone).home)
    DOWN[trouble](visitor)

    # Not until it is loaded: while a script does not come, no page is.
    visitor.visits(until="domcontentloaded")
    visitor.page.get_by_role("link", name="Last link").click(no_wait_after=True)

    expect(visitor.page).to_have_url(f"{visitor.home}other")
    expect(visitor.page.get_by_role("heading")).to_be_visible()
    assert visitor.strangers_asked() == []


def test_an_image_that_hangs_delays_neither_the_banner_nor_a_press(
    arrive: Arrive, either: MakeSite
) -> None:
    visitor = arrive(either('<img src="/hangs.png" alt="">').home)
    visitor.waits_for("**/hangs.png")

    visitor.visits(until="commit")
    expect(visitor.banner).to_be_visible()
    visitor.page.evaluate("window.same = true")
    visitor.refuses_everything()

    assert visitor.page.evaluate("window.same"), "a form was sent, no script answered"
    assert set(visitor.answers.values()) == {"refused"}
    assert f"{visitor.home}hangs.png" in visitor.seen
    assert visitor.page.evaluate("document.readyState") == "interactive"


def slowly(go: threading.Event, leg: str, done: threading.Event) -> Any:
    """A collector whose first answer is held up on one leg of its way until `go`."""

    def served(pages: Any, ours: Any) -> Any:
        seen: list[bool] = []

        async def answers(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or scope["path"] != "/bandeau/choice" or seen:
                await ours(scope, receive, send)
                return

            async def back(message: Any) -> None:
                await asyncio.to_thread(go.wait, 20)
                await send(message)

            seen.append(True)
            if leg == "there":
                await asyncio.to_thread(go.wait, 20)
            await ours(scope, receive, back)
            done.set()

        return answers

    return served


@pytest.mark.parametrize("leg", ["there", "back"])
@pytest.mark.parametrize("presses", ["accept, refuse", "refuse, accept"])
def test_the_last_press_wins_while_an_earlier_one_is_under_way(
    arrive: Arrive, site: MakeSite, presses: str, leg: str
) -> None:
    first, last = presses.split(", ")
    go, done = threading.Event(), threading.Event()
    times = site(page(), served=slowly(go, leg, done))
    visitor = arrive(times.home).visits()
    other = visitor.opens_a_tab()
    other.goto(times.home)

    visitor.page.evaluate(f"bandeau.{first}All()")
    expect(other.locator("[data-bandeau=banner]")).to_be_hidden()
    other.evaluate(f"bandeau.{last}All()")
    word = {"accept": "accepted", "refuse": "refused"}[last]
    agreed = f"Object.values(bandeau.answers).every(answer => answer === '{word}')"
    visitor.page.wait_for_function(agreed)
    other.wait_for_function(agreed)
    visitor.waits_until_sent()
    go.set()
    assert done.wait(20)
    # Once more around, so that whatever the late answer changes is there to see.
    visitor.visits().visits()
    other.reload()

    assert visitor.page.evaluate(agreed), "a late answer brought the old choice back"
    assert other.evaluate(agreed)
    assert [kept["answers"] for kept in bodies(times)] == [
        {"accept": "yyyyy", "refuse": "nnnnn"}[press] for press in (first, last)
    ]


# --- from the first frame on -----------------------------------------------------------

# Presses as soon as there is something to press, before anybody could have seen it.
FIRST_FRAME = """(() => {
  const look = () => {
    const banner = document.querySelector("[data-bandeau=banner]");
    const refuse = banner?.querySelector("[data-bandeau-action=refuse]");
    if (!refuse?.getClientRects()[0]) return requestAnimationFrame(look);
    const { opacity } = getComputedStyle(banner);
    const moving = document.getAnimations().length;
    refuse.click();
    requestAnimationFrame(() => console.info(JSON.stringify({
      opacity, moving, gone: !banner.getClientRects()[0],
      answers: [...new Set(Object.values(bandeau.answers))],
    })));
  };
  requestAnimationFrame(look);
})()"""


def visits_and_presses(visitor: Visitor) -> dict[str, Any]:
    """One fresh visit, and what was seen in the frame after the press."""
    page = visitor.page
    with (
        page.expect_console_message(lambda line: line.type == "info") as told,
        page.expect_response("**/bandeau/choice"),
    ):
        visitor.visits(until="commit")
    return json.loads(told.value.text)


def test_a_press_in_the_first_frame_is_never_lost(
    arrive: Arrive, either: MakeSite
) -> None:
    visitor = arrive(either().home)
    visitor.page.add_init_script(FIRST_FRAME)
    tools = visitor.context.new_cdp_session(visitor.page)
    tools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    everything = {"origin": visitor.home, "storageTypes": "all"}
    seen: list[Any] = []

    for _ in range(20):
        seen.append(visits_and_presses(visitor))
        tools.send("Storage.clearDataForOrigin", everything)
        tools.send("Network.clearBrowserCache")

    assert [one["gone"] for one in seen] == [True] * 20
    assert [one["answers"] for one in seen] == [["refused"]] * 20


def test_the_banner_is_whole_in_its_first_frame_and_gone_in_the_one_after_a_press(
    arrive: Arrive, either: MakeSite
) -> None:
    visitor = arrive(either().home, reduced_motion="no-preference")
    visitor.page.add_init_script(FIRST_FRAME)

    seen = visits_and_presses(visitor)

    assert (seen["opacity"], seen["moving"], seen["gone"]) == ("1", 0, True)


SHORT = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Test</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{head}</head>
<body><main><h1>The bridge turns</h1><p>Tonight at nine.</p></main></body></html>"""

# LIMIT of the one script: where it is `async`, the banner comes when it comes, and is
# the largest paint of a page as short as this. A site that minds writes it without.
PAINTS = """() => new Promise(done => new PerformanceObserver(list => done([
    performance.getEntriesByName("first-contentful-paint")[0].startTime,
    list.getEntries().at(-1).startTime,
  ])).observe({type: "largest-contentful-paint", buffered: true}))"""


@pytest.mark.parametrize("way", ["gated", "alone, not async"])
def test_the_largest_paint_is_the_first(
    arrive: Arrive, site: MakeSite, way: str
) -> None:
    script = ONE_SCRIPT.replace(" async", "")
    made: dict[str, Callable[[], SiteUnderTest]] = {
        "gated": lambda: site(SHORT.format(head="")),
        "alone, not async": lambda: site(SHORT.format(head=script), served=alone),
    }
    visitor = arrive(made[way]().home, viewport={"width": 360, "height": 640}).visits()
    expect(visitor.banner).to_be_visible()

    first, largest = visitor.page.evaluate(PAINTS)

    assert first == largest


def test_a_driven_browser_sees_the_banner_as_anybody_does(
    arrive: Arrive, either: MakeSite
) -> None:
    visitor = arrive(either().home).visits()

    assert visitor.page.evaluate("navigator.webdriver")
    expect(visitor.banner).to_be_visible()


def test_the_one_script_stands_the_banner_behind_the_skip_link(
    arrive: Arrive, site: MakeSite
) -> None:
    visitor = arrive(site(page(HELD, head=ONE_SCRIPT), served=alone).home).visits()
    expect(visitor.banner).to_be_visible()

    visitor.page.keyboard.press("Tab")

    expect(visitor.page.get_by_text("Skip to content")).to_be_focused()
    assert Axe().run(visitor.page).response["violations"] == []


# --- what is stored --------------------------------------------------------------------

NOTHING = {"cookie": "", "local": {}, "session": {}, "databases": [], "caches": []}


def test_nothing_is_stored_before_an_answer(arrive: Arrive, either: MakeSite) -> None:
    visitor = arrive(either().home).visits()
    expect(visitor.banner).to_be_visible()
    at_first = visitor.stored()

    visitor.opens_the_settings()
    visitor.settings.locator("[data-bandeau-purpose=ads]").check()
    visitor.presses("close")
    expect(visitor.settings).to_be_hidden()
    visitor.visits("other")
    expect(visitor.banner).to_be_visible()

    assert at_first == NOTHING
    assert visitor.stored() == NOTHING
    assert visitor.cookies == {}


# As many names, and as long, as a choice holds before it forgets the oldest.
NAMED = [f"name-of-19-letter-{n}" for n in "123"]
FILMS = "".join(
    f"""
[[services]]
id = "{name}"
name = "{name}"
purposes = ["social"]
hosts = ["{name}.localhost"]
"""
    for name in NAMED
)


def test_the_choice_cookie_stays_small_whatever_is_accepted(
    arrive: Arrive, site: MakeSite
) -> None:
    frames = "".join(
        f'<iframe src="http://{name}.localhost"></iframe>' for name in NAMED
    )
    visitor = arrive(site(page(frames), notice=notice_toml(more=FILMS)).home).visits()

    visitor.refuses_everything()
    refused = visitor.cookies["bandeau"]
    for name in NAMED:
        visitor.page.get_by_role("button", name=f"Allow {name}").click()
        visitor.waits_until_sent()
    visitor.page.evaluate("bandeau.set({ ads: true, social: true, audience: true })")
    accepted = visitor.cookies["bandeau"]

    assert len(refused) <= 24
    assert refused.endswith(".nnnnn")
    assert len(accepted) < 128
    assert accepted.endswith("".join(f"~{name}:y" for name in NAMED))


TRAIL = """
[[services]]
id = "trail"
name = "Trail"
controller = "Trail Ltd"
purposes = ["audience"]
[[services.cookies]]
name = "trail_*"
path = "/news"
lifetime = "1 day"
use = "following"
[[services.cookies]]
name = "__Host-trail"
lifetime = "1 day"
use = "following"
[[services.cookies]]
name = "__Secure-trail"
lifetime = "1 day"
use = "following"
"""
WIDE = "domain=times.localhost"
DECLARED = (
    "cnt_host=1; path=/",
    "cnt_here=1",
    "cnt_dot=1; path=/; domain=.www.times.localhost",
    f"cnt_wide=1; path=/; {WIDE}",
    "cnt_secure=1; path=/; secure",
    "trail_path=1; path=/news",
    "trail_slash=1; path=/news/",
    "trail_page=1; path=/news/today",
    f"trail_both=1; path=/news; {WIDE}",
    "__Host-trail=1; path=/; secure",
    f"__Secure-trail=1; path=/; secure; {WIDE}",
)
# No script sees these; they are the server's to expire.
HTTP_ONLY = (
    "cnt_hidden=1; path=/; httponly",
    f"cnt_hidden_wide=1; path=/; httponly; {WIDE}",
)
UNDECLARED = (
    "mine=1; path=/",
    "cnt=1; path=/news",  # without the underscore
    f"not_cnt_a=1; path=/; {WIDE}",
)


def names(*cookies: str) -> set[str]:
    return {cookie.partition("=")[0] for cookie in cookies}


def by_script(visitor: Visitor, times: SiteUnderTest, cookie: str) -> None:
    visitor.page.evaluate("cookie => { document.cookie = cookie }", cookie)


def by_server(visitor: Visitor, times: SiteUnderTest, cookie: str) -> None:
    times.page.headers = {"set-cookie": cookie}
    visitor.page.evaluate("fetch(location.href).then(() => {})")
    times.page.headers = {}


def withdraws(visitor: Visitor) -> None:
    with visitor.page.expect_navigation():
        visitor.page.evaluate("bandeau.refuseAll()")
    visitor.page.wait_for_load_state("load")
    visitor.waits_until_sent()


@pytest.mark.parametrize("sets", [by_script, by_server])
def test_a_withdrawal_takes_every_declared_cookie_wherever_it_was_set(
    arrive: Arrive, either: MakeSite, sets: Callable[..., None]
) -> None:
    times = either(notice=notice_toml(more=TRAIL))
    visitor = arrive(times.home.replace("localhost", "www.times.localhost"))
    visitor.visits("news/today")
    visitor.accepts_everything()
    visitor.waits_until_sent()
    for cookie in DECLARED:
        sets(visitor, times, cookie)
    for cookie in HTTP_ONLY:
        by_server(visitor, times, cookie)
    for cookie in UNDECLARED:
        by_script(visitor, times, cookie)
    before = set(visitor.cookies)

    withdraws(visitor)

    assert before == names("bandeau", *DECLARED, *HTTP_ONLY, *UNDECLARED)
    assert set(visitor.cookies) == names("bandeau", *UNDECLARED)


def test_a_cookie_of_another_path_goes_with_the_next_page_there(
    arrive: Arrive, site: MakeSite
) -> None:
    times = site(page(), notice=notice_toml(more=TRAIL))
    visitor = arrive(times.home).visits("news/today")
    visitor.accepts_everything()
    visitor.waits_until_sent()
    by_script(visitor, times, "trail_path=1; path=/news")

    visitor.visits("other")
    withdraws(visitor)
    visitor.visits("news/tomorrow")

    assert set(visitor.cookies) == {"bandeau"}


# --- what stands where something is held back ------------------------------------------

FILM = '<iframe src="http://film.localhost/8" title="{}" {}></iframe>'
SEEN_BY_NOBODY = "".join(
    (
        '<img src="http://market.localhost/p.gif" width="1" height="1" alt="">',
        FILM.format("of a pixel", 'width="1" height="1"'),
        FILM.format("of no size", 'width="0" height="0"'),
        FILM.format("hidden", "hidden"),
        FILM.format("not displayed", 'style="display: none"'),
        f"<p hidden>{FILM.format('in what is hidden', '')}</p>",
        FILM.format("invisible", 'style="visibility: hidden"'),
    )
)


def test_what_nobody_could_see_gets_no_placeholder(
    arrive: Arrive, site: MakeSite
) -> None:
    small = FILM.format("small", 'width="30" height="30"')

    visitor = arrive(site(page(SEEN_BY_NOBODY + small)).home).visits()

    held = visitor.page.locator("[data-bandeau=held] + iframe").all()
    assert [frame.get_attribute("title") for frame in held] == ["small"]


def test_a_placeholder_stands_where_its_frame_stands(
    arrive: Arrive, site: MakeSite
) -> None:
    ratio = '<div style="position: relative; padding-top: 50%">{}</div>'
    filling = 'style="position: absolute; inset: 0; width: 100%; height: 100%"'
    frames = (
        FILM.format("off the page", 'style="position: absolute; left: -9999px"')
        + ratio.format(FILM.format("filling", filling))
        + f"<p>In a line {FILM.format('in a line', '')} of text</p>"
    )

    visitor = arrive(site(page(frames)).home).visits()

    for title in ("off the page", "filling", "in a line"):
        frame = visitor.page.locator(f"iframe[title='{title}']")
        held = visitor.page.locator(f"[data-bandeau=held]:has(+ [title='{title}'])")
        placed, wanted = held.bounding_box(), frame.bounding_box()
        assert placed is not None
        assert wanted is not None
        assert {side: abs(placed[side] - wanted[side]) < 1 for side in wanted} == (
            dict.fromkeys(wanted, True)
        )


# Where a site may put a frame of 400 by 225.
PLACED = """
<div style="position: relative; width: 400px; padding-bottom: 225px"><iframe
 data-purpose="social" data-service="film" data-src="http://film.localhost/8" title="Film"
 style="border: 0; position: absolute; inset: 0; width: 100%; height: 100%"></iframe>
</div>
<iframe data-purpose="social" data-service="film" data-src="http://film.localhost/9"
 title="Film" style="border: 0; display: block; width: 400px; height: 225px"></iframe>
"""
SHIFTS = """window.shifted = 0;
new PerformanceObserver(list => {
  for (const { value } of list.getEntries()) window.shifted += value;
}).observe({ type: "layout-shift", buffered: true });"""
TWO_FRAMES = """() => new Promise(done => requestAnimationFrame(
  () => requestAnimationFrame(() => setTimeout(done))))"""


def test_a_placeholder_has_the_size_of_its_frame_and_nothing_jumps(
    arrive: Arrive, either: MakeSite
) -> None:
    visitor = arrive(either(PLACED).home, viewport={"width": 1024, "height": 1200})
    film = {"content_type": "text/html", "body": "<p>a film</p>"}
    visitor.meets("http://film.localhost/*", film)
    visitor.page.add_init_script(SHIFTS)
    visitor.visits()
    held = visitor.page.locator("[data-bandeau=held]")
    expect(held).to_have_count(3)
    boxes = [box.bounding_box() for box in held.all()]
    visitor.page.evaluate(TWO_FRAMES)
    standing = visitor.page.evaluate("shifted")

    visitor.presses("allow")
    expect(visitor.page.locator("iframe:visible")).to_have_count(3)
    visitor.page.evaluate(TWO_FRAMES)

    assert [(box["width"], box["height"]) for box in boxes if box] == [(400, 225)] * 3
    assert standing == 0
    assert visitor.page.evaluate("shifted") <= 0.01


def test_a_placeholder_keeps_its_place_while_the_page_changes(
    arrive: Arrive, either: MakeSite
) -> None:
    visitor = arrive(either(PLACED).home)
    film = {"content_type": "text/html", "body": "<p>a film</p>"}
    visitor.meets("http://film.localhost/*", film)
    visitor.visits()
    held = visitor.page.locator("[data-bandeau=held]")
    expect(held).to_have_count(3)

    # An image above comes late, and the window is made narrow.
    late = "<div style='height: 90px'></div>"
    visitor.page.evaluate(f'document.querySelector("h1").innerHTML += "{late}"')
    visitor.page.set_viewport_size({"width": 700, "height": 800})
    boxes = [box.bounding_box() for box in held.all()]
    visitor.presses("allow")
    frames = visitor.page.locator("iframe:visible")
    expect(frames).to_have_count(3)

    assert boxes == [frame.bounding_box() for frame in frames.all()]


# --- by keyboard -----------------------------------------------------------------------

PURPOSES = {
    "the defaults": "",
    "in its own words": """
[[purposes]]
id = "audience"
title = { en = "Counting", fr = "Compter" }
summary = { en = "How many read.", fr = "Combien lisent." }
[[purposes]]
id = "social"
[[purposes]]
id = "ads"
""",
    "one that nobody acts for": """
[[purposes]]
id = "letters"
title = { en = "Letters", fr = "Lettres" }
summary = { en = "Write to you.", fr = "Vous écrire." }
[[purposes]]
id = "audience"
[[purposes]]
id = "social"
[[purposes]]
id = "ads"
""",
}
REEL = """
[[services]]
id = "reel"
name = "Reel"
purposes = ["social"]
hosts = ["reel.localhost"]
"""
TWO_FILMS = """
<iframe src="http://film.localhost/7" title="Film"></iframe>
<iframe src="http://reel.localhost/7" title="Reel"></iframe>
"""
# What a site puts where it has no corner for our control.
OWN_LINK = '<a href="/bandeau/settings" data-bandeau-action="choose">Cookies</a>'

BANNER = "[data-bandeau=banner]"
SETTINGS = "[data-bandeau=choices]"
FOCUSED = """() => { const it = document.activeElement, { dataset } = it;
  const row = it.closest("[data-bandeau] ol > li");
  return [it.localName, dataset.bandeauAction || dataset.bandeauPurpose
    || (row ? `${row.firstElementChild.dataset.bandeauPurpose}'s ${it.localName}`
      : it.localName)]; }"""


def tabs_to(visitor: Visitor, last: str, **keys: str) -> list[str]:
    """Press Tab until `last` has the focus; tell all that had it.

    `keys` are pressed on the way, by what has the focus.
    """
    stops: list[str] = []
    while stops[-1:] != [last]:
        assert len(stops) < 99, f"Tab never comes to {last}: {stops}"
        visitor.page.keyboard.press("Tab")
        kind, stop = visitor.page.evaluate(FOCUSED)
        stops.append(stop)
        if kind in keys:
            visitor.page.keyboard.press(keys[kind])
    return stops


def presses(visitor: Visitor, key: str, action: str, within: str = "") -> None:
    """Press a key on what can be seen of an action."""
    visitor.page.evaluate(
        """wanted => [...document.querySelectorAll(wanted)]
        .find(it => it.getClientRects()[0]).focus()""",
        f"{within} [data-bandeau-action={action}]",
    )
    visitor.page.keyboard.press(key)


def asks_again(visitor: Visitor) -> None:
    """As if the choice had run out."""
    end = "document.cookie = 'bandeau=; path=/; max-age=0; secure'"
    visitor.page.evaluate(f"() => {{ {end} }}")
    expect(visitor.banner).to_be_visible()


@pytest.mark.parametrize("purposes", PURPOSES)
@pytest.mark.parametrize("corner", ["left", "right", "none"])
@pytest.mark.parametrize("position", ["bottom", "top"])
def test_the_keyboard_alone_reaches_and_works_everything(
    arrive: Arrive, site: MakeSite, position: str, corner: str, purposes: str
) -> None:
    look = f'[look]\nposition = "{position}"\ncorner = "{corner}"'
    notice = notice_toml(purposes=PURPOSES[purposes], more=REEL + look)
    link = OWN_LINK if corner == "none" else ""
    visitor = arrive(site(page(TWO_FILMS + link), notice=notice).home)
    visitor.meets("**/bandeau/choice", {"status": 201})
    visitor.visits()
    asked = list(visitor.answers)
    # Both keys in both layers, over all positions.
    one, other = ("Enter", "Space") if position == "bottom" else ("Space", "Enter")

    # Everything is reached, in the order in which it is read.
    assert tabs_to(visitor, "accept") == ["a", "a", "refuse", "choose", "accept"]
    assert tabs_to(visitor, "allow") + tabs_to(visitor, "allow") == ["allow"] * 2
    presses(visitor, one, "choose", BANNER)
    rows = [stop for id_ in asked for stop in (id_, f"{id_}'s summary")]
    walked = tabs_to(visitor, "save", input="Space", summary="Enter")
    assert walked == ["technical's summary", *rows, "refuse", "accept", "save"]
    on = visitor.settings.get_by_role("switch", checked=True, disabled=False)
    expect(on).to_have_count(len(asked))
    opened = visitor.settings.locator("details[open]")
    expect(opened).to_have_count(len(asked) + 1)
    presses(visitor, one, "close", SETTINGS)
    expect(visitor.settings).to_be_hidden()

    # Everything works, by both keys.
    presses(visitor, other, "choose", BANNER)
    expect(on).to_have_count(0)  # nothing was saved
    presses(visitor, other, "close", SETTINGS)
    expect(visitor.settings).to_be_hidden()
    for key in (one, other):
        presses(visitor, "Enter", "choose")
        presses(visitor, key, "save", SETTINGS)
        expect(visitor.settings).to_be_hidden()
    expect(visitor.banner).to_be_hidden()
    held = visitor.page.locator("[data-bandeau=held]")
    for action, answer, left in (("refuse", "refused", 2), ("accept", "accepted", 0)):
        asks_again(visitor)
        if action == "accept":
            presses(visitor, one, "allow")
            expect(held).to_have_count(1)
            presses(visitor, other, "allow")
        expect(held).to_have_count(left)
        presses(visitor, one, action, BANNER)
        expect(visitor.banner).to_be_hidden()
        presses(visitor, "Enter", "choose")
        presses(visitor, other, action, SETTINGS)
        expect(visitor.settings).to_be_hidden()
        assert set(visitor.answers.values()) == {answer}


# --- in colours that the visitor forces ------------------------------------------------

# The middle of the first line of every text in a layer.
TEXTS = """layer => {
  const found = [], range = document.createRange();
  const texts = document.createTreeWalker(layer, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    range.selectNode(texts.currentNode);
    const { data, parentElement } = texts.currentNode;
    const [line] = range.getClientRects();
    if (line && data.trim() && parentElement.checkVisibility()) found.push([data, { x: line.x + 2, width: line.width - 4,
      y: line.y + line.height / 3, height: line.height / 3 }]);
  }
  return found;
}"""
BRIGHTNESS = """async ([picture, places]) => {
  const bytes = await (await fetch("data:image/png;base64," + picture)).blob();
  const image = await createImageBitmap(bytes);
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  return places.map(({ x, y, width, height }) => {
    const { data } = canvas.getImageData(x, y, width, height);
    return [...data].filter((_, at) => at % 4 === 1);  // the eye goes by green
  });
}"""


def brightness(visitor: Visitor, *places: Any) -> list[list[int]]:
    """How bright the screen is, 0 to 255, at every pixel of these places.

    A style does not tell: a browser that forces colours paints behind texts as well.
    """
    picture = b64encode(visitor.page.screenshot()).decode()
    return visitor.page.evaluate(BRIGHTNESS, [picture, places])


def unreadable(visitor: Visitor, layer: Locator) -> list[str]:
    texts, places = zip(*layer.evaluate(TEXTS), strict=True)
    seen = zip(texts, brightness(visitor, *places), strict=True)
    return [text for text, pixels in seen if max(pixels) - min(pixels) < 120]


@pytest.fixture(params=["light", "dark"])
def forcing(request: pytest.FixtureRequest, arrive: Arrive, site: MakeSite) -> Visitor:
    """Somebody whose system has but a few colours."""
    return arrive(
        site(page()).home,
        forced_colors="active",
        color_scheme=request.param,
        viewport={"width": 700, "height": 1000},
    ).visits()


def test_every_text_can_be_read_in_forced_colours(forcing: Visitor) -> None:
    first = unreadable(forcing, forcing.banner)
    forcing.opens_the_settings()

    assert first == []
    assert unreadable(forcing, forcing.settings) == []


def test_every_button_can_be_seen_in_forced_colours(forcing: Visitor) -> None:
    edge = """button => { const { x, y, height } = button.getBoundingClientRect();
      return { x: x - 4, y: y + height / 2, width: 8, height: 1 }; }"""
    edges = [b.evaluate(edge) for b in forcing.banner.get_by_role("button").all()]

    seen = brightness(forcing, *edges)

    assert [max(pixels) - min(pixels) > 120 for pixels in seen] == [True] * 3


def test_a_switch_shows_its_state_in_forced_colours_and_in_words(
    forcing: Visitor,
) -> None:
    forcing.opens_the_settings()
    row = forcing.settings.locator("ol > li").nth(1)
    switch = row.get_by_role("switch")
    place = switch.bounding_box()

    switch.press("Space")
    expect(row.get_by_text("✓ allowed")).to_be_visible()
    (on,) = brightness(forcing, place)
    switch.press("Space")
    expect(row.get_by_text("✕ refused")).to_be_visible()
    (off,) = brightness(forcing, place)

    changes = [abs(a - b) for a, b in zip(on, off, strict=True)]
    assert max(changes) > 100, "Give the switch and its knob colours of the system's."
