"""No style of a page, and no policy, changes what the banner is."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import RunningSite, SiteUnderTest
from tests.browser.sites import page
from tests.browser.visitor import Visitor

Arrive = Callable[..., Visitor]
MakeSite = Callable[..., SiteUnderTest]

HOSTILE = {
    "unset": "* { all: unset }",
    "unset, loudly": "* { all: unset !important }",
    "tiny root": "html { font-size: 4px }",
    "huge root": "html { font-size: 60px; line-height: 4 }",
    "loud buttons": "button { display: none !important; color: red !important;"
    " background: lime !important; font-size: 40px !important }",
    "loud everything": "p, h2, label, input, dialog, form, ol, ul, li, i, a, div"
    " { color: red !important; margin: 40px !important; padding: 9px !important;"
    " display: block !important; float: left !important }",
    "inherited": "body { font: italic 30px/3 cursive; letter-spacing: .5em;"
    " text-align: center; color: red }",
    "bootstrap's kind of reset": "*, ::before, ::after { box-sizing: border-box }"
    " h2 { margin-top: 0; margin-bottom: .5rem; font-size: 2rem; line-height: 1.2 }"
    " p { margin-bottom: 1rem } ol, ul { padding-left: 2rem } label { display:"
    " inline-block } button { border-radius: 0 } [type=checkbox] { margin: 4px 0 0 }",
    "tailwind's kind of reset": "*, ::before, ::after { box-sizing: border-box;"
    " margin: 0; padding: 0; border: 0 solid } h2 { font-size: inherit; font-weight:"
    " inherit } a { color: inherit; text-decoration: inherit } ol, ul { list-style:"
    " none } button, input { font: inherit; color: inherit; background: transparent }"
    " [hidden]:where(:not([hidden='until-found'])) { display: none !important }",
    "hidden shown": "[hidden] { display: block !important }",
    "dialogs shown": "dialog { display: flex !important }",
    "checkboxes away": "input[type=checkbox] { opacity: 0 !important;"
    " position: absolute !important; left: -9999px !important }",
    "before everything": "*::before, *::after { content: 'x' !important }",
}

LOOK = """() => [...document.querySelectorAll('[data-bandeau] :is(h2, p, button, a,'
  + ' label, input:not([type=hidden]), i, summary), [data-bandeau]')].map(e => {
    const s = getComputedStyle(e), r = e.getBoundingClientRect();
    return [e.localName, s.color, s.backgroundColor, s.fontSize, s.fontWeight,
      s.display, s.opacity, s.textAlign, Math.round(r.width), Math.round(r.height)] })"""


def looks(visitor: Visitor) -> list[Any]:
    first = visitor.page.evaluate(LOOK)
    visitor.opens_the_settings()
    both = [first, visitor.page.evaluate(LOOK)]
    visitor.presses("save")
    expect(visitor.banner).to_be_hidden()
    return both


def differences(one: list[Any], other: list[Any]) -> list[Any]:
    """What two looks do not share; a pixel or two of rounding is no difference."""
    pairs = [p for a, b in zip(one, other, strict=True) for p in zip(a, b, strict=True)]
    return [
        (mine, theirs)
        for mine, theirs in pairs
        if mine[:8] != theirs[:8]
        or abs(mine[8] - theirs[8]) > 2
        or abs(mine[9] - theirs[9]) > 2
    ]


@pytest.fixture(scope="module")
def plain() -> dict[str, list[Any]]:
    """How the banner looks on a page without a style, measured once."""
    return {}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_style_of_the_page_changes_the_banner(
    arrive: Arrive, site: MakeSite, plain: dict[str, list[Any]], name: str
) -> None:
    times = site(page())
    if not plain:
        plain["looks"] = looks(arrive(times.home).visits())
    times.page.html = page(head=f"<style>{HOSTILE[name]}</style>")

    found = looks(arrive(times.home).visits())

    assert differences(plain["looks"], found) == []


STRICT = {
    "own scripts": "default-src 'none'; script-src 'self'; connect-src 'self';"
    " style-src 'self'; form-action 'self'; base-uri 'none'",
    "everything from here": "default-src 'self'",
    "a nonce": "default-src 'none'; script-src 'nonce-abc' 'strict-dynamic';"
    " connect-src 'self'; form-action 'self'",
}
TYPES = "; require-trusted-types-for 'script'; trusted-types 'none'"


@pytest.mark.parametrize("name", STRICT)
def test_a_strict_policy_with_trusted_types_is_kept(
    arrive: Arrive, site: MakeSite, name: str
) -> None:
    own = (
        '<script nonce="abc" src="/own.js"></script>'
        '<script type="text/plain" data-purpose="audience" nonce="abc" src="/count">'
        "</script>"
    )
    times = site(page(own), content_security_policy=STRICT[name] + TYPES)
    visitor = arrive(times.home)
    for path in ("own.js", "count"):
        script = f"window.{path[:3]} = 1"
        answer = {"content_type": "text/javascript", "body": script}
        visitor.meets(f"{times.home}{path}", answer)
    visitor.visits()

    visitor.opens_the_settings()
    visitor.presses("close")
    visitor.accepts_everything()
    visitor.page.wait_for_function("window.cou === 1")
    visitor.waits_until_sent()

    assert visitor.troubles == []


def test_the_one_script_brings_everything_under_a_strict_policy(
    arrive: Arrive, site: MakeSite
) -> None:
    gated = site(page())
    policy = STRICT["own scripts"] + TYPES

    async def ungated(scope: Any, receive: Any, send: Any) -> None:
        """The site's pages go out as they are; only /bandeau/ is ours."""
        if scope["type"] == "http" and not scope["path"].startswith("/bandeau/"):
            html = page(head='<script async src="/bandeau/banner.js"></script>')
            headers = [
                (b"content-type", b"text/html; charset=utf-8"),
                (b"content-security-policy", policy.encode()),
            ]
            await send(
                {"type": "http.response.start", "status": 200, "headers": headers}
            )
            await send({"type": "http.response.body", "body": html.encode()})
        else:
            await gated.server.app(scope, receive, send)

    alone = RunningSite(ungated)
    try:
        visitor = arrive(alone.home).visits()
        expect(visitor.banner).to_be_visible()
        assert [url for url in visitor.seen if "/bandeau/" in url] == [
            f"{alone.home}bandeau/banner.js"
        ]
        reference = arrive(gated.home).visits()

        assert differences(looks(reference), looks(visitor)) == []
        visitor.waits_until_sent()
        assert visitor.troubles == []
        visitor.visits()
        expect(visitor.banner).to_be_hidden()
    finally:
        alone.stop()
