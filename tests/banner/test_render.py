"""What a browser receives: light, the same every time, safe whatever a notice says."""

import hashlib
import re
from base64 import b64encode
from functools import cache
from pathlib import Path

import brotli
import pytest

from bandeau.banner.render import Bundle, bundle, policy_page, settings_page
from bandeau.banner.style import layered
from bandeau.locale import LANGUAGES, catalogues
from bandeau.model.choices import silent
from bandeau.model.draft import read_notice
from bandeau.model.notices import Notice

NEWSROOM = Path(__file__).parents[2] / "examples" / "newsroom" / "notice.toml"
BUDGET = 5000  # bytes, brotli 11: markup, style and script, settings included


@cache
def notice() -> Notice:
    return read_notice(NEWSROOM.read_bytes(), catalogues())


def rendered(language: str = "en") -> Bundle:
    return bundle(notice(), language, months=6)


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_a_browser_needs_is_within_the_budget(language: str) -> None:
    alone = rendered(language).standalone
    gated = rendered(language).head + rendered(language).body

    assert len(brotli.compress(alone, quality=11)) <= BUDGET
    assert len(brotli.compress(gated.encode(), quality=11)) <= BUDGET


def test_rendering_twice_gives_the_same_bytes() -> None:
    assert rendered() == rendered()


def test_refusing_stands_before_accepting_and_is_the_same_element() -> None:
    first, _, settings = rendered().body.partition("<dialog")

    for layer in (first, settings):
        actions = re.findall(r'<(\w+)[^>]*data-bandeau-action="(refuse|accept)"', layer)
        assert actions == [("button", "refuse"), ("button", "accept")]


def test_no_switch_is_on_before_an_answer_but_the_locked_one() -> None:
    switches = re.findall(r"<input[^>]*role=\"switch\"[^>]*>", rendered().body)

    on = [switch for switch in switches if " checked" in switch]
    assert len(switches) == 6
    assert len(on) == 1
    assert "disabled" in on[0]
    assert 'data-bandeau-purpose="technical"' in on[0]


def test_every_service_and_all_it_leaves_is_told() -> None:
    body = rendered("fr").body

    for service in notice().services:
        assert service.name in body
        for trace in service.traces:
            assert trace.name in body
            assert str(trace.use["fr"]).replace("'", "&#39;") in body


def test_a_policy_can_name_what_is_inlined() -> None:
    one = rendered()
    style = one.head[len("<style>") : one.head.index("</style>")]
    script = one.head[one.head.index("<script>") + 8 : -len("</script>")]

    for text, (source,) in ((style, one.style_sources), (script, one.script_sources)):
        digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert source == f"'sha256-{digest}'"


@pytest.mark.parametrize(
    "sink",
    [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "DOMParser",
        "javascript:",
    ],
)
def test_the_script_touches_no_sink(sink: str) -> None:
    assert sink not in rendered().standalone.decode()


def test_every_declaration_is_important_and_in_the_layer() -> None:
    css = layered("a{color:red;top:0}@media print{b{display:none}}")

    assert css.startswith("@layer bandeau{")
    assert css.count("!important") == 3


def test_hostile_words_stay_words() -> None:
    hostile = "</script></style><script>alert(1)</script><!--\"'`${1}&"
    toml = NEWSROOM.read_text("utf-8").replace(
        'name = "Plume Metrics"', f"name = '''{hostile}'''"
    )
    told = read_notice(toml.encode(), catalogues())
    one = bundle(told, "en", months=6)

    pages = (
        one.head,
        one.body,
        settings_page(told, "en", silent(told), back='/"><script>alert(2)</script>'),
        policy_page(told, "en"),
    )
    for page in pages:
        assert "<script>alert" not in page
    assert one.head.count("</script>") == 1
    assert one.head.count("</style>") == 1
