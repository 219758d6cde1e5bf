"""The banner for everybody: axe, the keyboard alone, small screens, large text."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Newsroom, SiteUnderTest
from tests.browser.sites import notice_toml, page
from tests.browser.visitor import Visitor

Arrive = Callable[..., Visitor]
MakeSite = Callable[..., SiteUnderTest]

BOX = "element => JSON.parse(JSON.stringify(element.getBoundingClientRect()))"


def violations(visitor: Visitor) -> list[tuple[str, Any]]:
    found = Axe().run(visitor.page).response["violations"]
    return [(v["id"], [node["target"] for node in v["nodes"]]) for v in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_axe_finds_nothing_in_either_layer(
    arrive: Arrive, newsroom: Newsroom, scheme: str, language: str
) -> None:
    visitor = arrive(newsroom.home, color_scheme=scheme).visits(f"{language}/")

    assert violations(visitor) == []
    visitor.opens_the_settings()
    visitor.settings.locator("summary").nth(2).click()
    visitor.page.check("[data-bandeau-purpose=audience]")
    assert violations(visitor) == []
    visitor.presses("save")
    assert violations(visitor) == []


@pytest.mark.parametrize("path", ["bandeau/settings?lang=fr", "bandeau/policy?lang=en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_our_own_pages(
    arrive: Arrive, newsroom: Newsroom, path: str, scheme: str
) -> None:
    visitor = arrive(newsroom.home, color_scheme=scheme).visits(path)

    assert violations(visitor) == []


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_by_keyboard_the_skip_link_is_first_and_refusing_is_next(
    arrive: Arrive, site: MakeSite, key: str
) -> None:
    visitor = arrive(site(page()).home).visits()
    keyboard = visitor.page.keyboard

    keyboard.press("Tab")
    expect(visitor.page.get_by_text("Skip to content")).to_be_focused()
    keyboard.press("Tab")  # the policy
    keyboard.press("Tab")
    expect(visitor.page.locator("[data-bandeau-action=refuse]:visible")).to_be_focused()
    keyboard.press(key)

    expect(visitor.banner).to_be_hidden()
    # Focus goes back to where it was before the banner had it.
    expect(visitor.page.get_by_text("Skip to content")).to_be_focused()


def test_after_a_press_with_the_mouse_focus_is_at_the_top_of_the_content(
    arrive: Arrive, site: MakeSite
) -> None:
    visitor = arrive(site(page()).home).visits()

    visitor.refuses_everything()

    assert visitor.focused == "main"
    assert visitor.page.evaluate("scrollY") == 0


def test_focus_stays_in_the_settings_and_escape_answers_nothing(
    arrive: Arrive, site: MakeSite
) -> None:
    visitor = arrive(site(page()).home).visits()
    choose = visitor.banner.locator("[data-bandeau-action=choose]")
    choose.focus()
    visitor.page.keyboard.press("Enter")
    expect(visitor.settings).to_be_visible()

    for _ in range(60):
        visitor.page.keyboard.press("Tab")
        inside = visitor.page.evaluate(
            "document.activeElement === document.body"  # the browser's own controls
            " || !!document.activeElement.closest('[data-bandeau=choices]')"
        )
        assert inside
    visitor.page.keyboard.press("Escape")

    expect(visitor.settings).to_be_hidden()
    expect(choose).to_be_focused()
    assert set(visitor.answers.values()) == {"unanswered"}
    assert visitor.cookies == {}


def test_the_permanent_control_has_the_focus_again_after_ok(
    arrive: Arrive, site: MakeSite
) -> None:
    visitor = arrive(site(page()).home).visits()
    visitor.refuses_everything()
    visitor.control.focus()
    visitor.page.keyboard.press("Enter")
    visitor.page.keyboard.press("Tab")

    visitor.settings.get_by_role("button", name="OK").focus()
    visitor.page.keyboard.press("Enter")

    expect(visitor.settings).to_be_hidden()
    expect(visitor.control).to_be_focused()


def test_the_banner_never_covers_what_has_the_focus(
    arrive: Arrive, site: MakeSite
) -> None:
    links = "".join(f"<p><a href='#{n}'>Link {n}</a></p>" for n in range(30))
    visitor = arrive(site(page(links)).home, viewport={"width": 360, "height": 640})
    visitor.visits()

    for _ in range(36):
        visitor.page.keyboard.press("Tab")
        covered = visitor.page.evaluate(
            """() => { const it = document.activeElement;
            if (it.closest('[data-bandeau]') || it === document.body) return '';
            const banner = document.querySelector('[data-bandeau=banner]');
            const {top} = banner.getBoundingClientRect();
            return it.getBoundingClientRect().top >= top ? it.textContent : ''; }"""
        )
        assert covered == ""


@pytest.mark.parametrize("language", ["fr", "en"])
def test_on_a_small_phone_the_first_layer_takes_half_of_the_screen_at_most(
    arrive: Arrive, newsroom: Newsroom, language: str
) -> None:
    visitor = arrive(newsroom.home, viewport={"width": 320, "height": 568})
    visitor.visits(f"{language}/")

    box = visitor.banner.evaluate(BOX)

    assert box["height"] <= 568 / 2
    for action in ("refuse", "choose", "accept"):
        button = visitor.banner.locator(f"[data-bandeau-action={action}]").evaluate(BOX)
        assert button["bottom"] <= 568
        assert button["height"] >= 44


def test_the_three_buttons_are_the_same(arrive: Arrive, newsroom: Newsroom) -> None:
    visitor = arrive(newsroom.home).visits("fr/")
    style = """button => { const s = getComputedStyle(button);
      return [s.color, s.backgroundColor, s.fontWeight, s.fontSize, s.borderColor,
        Math.round(button.getBoundingClientRect().width),
        Math.round(button.getBoundingClientRect().height)] }"""

    styles = [b.evaluate(style) for b in visitor.banner.get_by_role("button").all()]

    assert len(styles) == 3
    assert styles[0] == styles[1] == styles[2]


@pytest.mark.parametrize("size", [(320, 256), (320, 568), (768, 1024), (1440, 900)])
def test_no_size_scrolls_sideways_and_everything_can_be_reached(
    arrive: Arrive, newsroom: Newsroom, size: tuple[int, int]
) -> None:
    visitor = arrive(newsroom.home, viewport={"width": size[0], "height": size[1]})
    visitor.visits("fr/")

    visitor.opens_the_settings()

    wide = "dialog => dialog.scrollWidth <= dialog.clientWidth"
    assert visitor.settings.evaluate(wide)
    for control in visitor.settings.locator("button, input:visible, summary").all():
        control.scroll_into_view_if_needed()
        box = control.evaluate(BOX)
        # WCAG 2.5.8, A11Y-9
        assert min(box["width"], box["height"]) >= 24 or box["width"] == 0
    visitor.presses("save")
    expect(visitor.banner).to_be_hidden()


def test_the_state_stands_in_words_and_changes_with_the_switch(
    arrive: Arrive, newsroom: Newsroom
) -> None:
    visitor = arrive(newsroom.home).visits("en/")
    visitor.opens_the_settings()
    row = visitor.settings.locator("ol > li").nth(1)
    switch = visitor.settings.get_by_role("switch", name="Audience measurement")
    words = "row => [...row.querySelectorAll('i')].filter(i => i.offsetWidth).map(i => i.innerText.trim())"

    assert [w[2:] for w in row.evaluate(words)] == ["not answered"]
    switch.press("Space")
    assert [w[2:] for w in row.evaluate(words)] == ["allowed"]
    switch.press("Space")
    assert [w[2:] for w in row.evaluate(words)] == ["refused"]
    locked = visitor.settings.get_by_role("switch", name="Technical")
    expect(locked).to_be_checked()
    expect(locked).to_be_disabled()
    assert row.evaluate("row => !!row.closest('[aria-live=polite]')")


def test_print_shows_the_article_alone(arrive: Arrive, newsroom: Newsroom) -> None:
    visitor = arrive(newsroom.home).visits("en/")

    visitor.page.emulate_media(media="print")

    expect(visitor.banner).to_be_hidden()


def test_nothing_moves(arrive: Arrive, newsroom: Newsroom) -> None:
    visitor = arrive(newsroom.home).visits("en/")
    moving = """() => [...document.querySelectorAll('[data-bandeau], [data-bandeau] *')]
      .filter(e => { const s = getComputedStyle(e);
        return s.transitionDuration !== '0s' || s.animationName !== 'none' }).length"""

    assert visitor.page.evaluate(moving) == 0


def test_the_banner_grows_with_the_visitors_own_font_size(
    playwright: Any, chromium: str, newsroom: Newsroom, tmp_path: Any
) -> None:
    preferences = tmp_path / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    preferences.write_text(
        '{"webkit":{"webprefs":{"default_font_size":32}}}', encoding="utf-8"
    )
    context = playwright.chromium.launch_persistent_context(
        tmp_path,
        executable_path=chromium,
        args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        viewport={"width": 640, "height": 900},
    )
    visitor = Visitor(context, newsroom.home).visits("fr/")

    size = visitor.banner.locator("h2").evaluate("h => getComputedStyle(h).fontSize")
    assert float(size.removesuffix("px")) > 30
    assert visitor.banner.evaluate("b => b.scrollWidth <= b.clientWidth")
    visitor.refuses_everything()
    visitor.leaves()


def test_from_right_to_left_everything_changes_its_side(
    arrive: Arrive, site: MakeSite
) -> None:
    notice = notice_toml(more='[texts.en]\ndirection = "rtl"')
    times = site(page(), notice=notice)
    visitor = arrive(times.home, viewport={"width": 320, "height": 568}).visits()
    buttons = visitor.banner.get_by_role("button")

    places = [buttons.nth(number).bounding_box() for number in range(3)]
    visitor.opens_the_settings()
    title = visitor.settings.get_by_text("Audience measurement").bounding_box()
    switch = visitor.settings.get_by_role("switch").nth(1).bounding_box()
    band = visitor.page.evaluate(
        """() => { const state = document.querySelector('[data-bandeau] ol i');
        const style = getComputedStyle(state, '::after');
        return [style.right, style.borderRightWidth, style.borderLeftWidth] }"""
    )

    refuse, choose, accept = (place["x"] for place in places if place)
    assert refuse > choose > accept
    assert title is not None
    assert switch is not None
    assert switch["x"] < title["x"]
    assert band == ["0px", "8px", "0px"]
    wide = "document.querySelector('[data-bandeau=choices]').scrollWidth"
    assert visitor.page.evaluate(wide) <= 320
