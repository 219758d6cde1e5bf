"""What a page becomes at the gate, for the four visitors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandeau.gate.plan import Mode, Plan
from bandeau.gate.rewrite import StillLiveError, language_of, rewrite_page
from tests.gate.nasty import pages
from tests.gate.visitors import (
    ACCEPTING,
    EVERYBODY,
    NOT_ACCEPTING,
    OWN,
    REFUSING,
    planned,
)

accepting, refusing = planned(ACCEPTING), planned(REFUSING)


def gated(html: str, plan: Plan = refusing, head: str = "", body: str = "") -> str:
    return rewrite_page(html, plan, page_host=OWN, head=head, body=body)


@given(
    st.lists(
        st.sampled_from(
            "<p> </p> <b <a\thref='x'> & &amp; &#0; < > ' \" = \r\n \n \r \0 \ufeff é"
            " \ud800 <!-- --> <![CDATA[ ]]> <svg> </svg> <style> </style> <textarea>"
            " </textarea> <title> <script>1</script> <img\nsrc=a.png> <noscript>"
            " </noscript> <template> <!doctype\thtml> <html> <head> <body> <base>"
            " <link\trel=icon\thref=/i> <script\ttype=importmap>{}</script> <select>"
            " \ue0b4h\ue0b6 <iframe\tsrcdoc='<p>'> </x <math> <td> <?php".split(" ")
        )
    ).map("".join)
)
def test_a_page_with_nothing_to_hold_back_stays_as_it_is(html: str) -> None:
    assert [html] * len(EVERYBODY) == [gated(html, plan) for plan in EVERYBODY]


@given(st.text())
def test_any_text_stays_as_it_is(html: str) -> None:
    assert html == gated(html)


@pytest.mark.parametrize("plan", NOT_ACCEPTING)
def test_only_what_is_held_back_is_touched(plan: Plan) -> None:
    before = (
        "<!doctype html>\r\n<p CLASS=a>&eacute;&amp<img src=x.png alt='&quot;'>\r\n"
    )
    after = "</P ><script>if (a<b) '<img src=//stranger.test>'</script>\r\n"

    out = gated(f"{before}<img src=//ads.test/1 alt='x'>{after}", plan)

    assert (
        f'{before}<img alt="x" data-purpose="profiling ads" data-service="admarket"'
        f' data-src="//ads.test/1">{after}'
    ) == out


@pytest.mark.parametrize(
    ("tag", "held"),
    [
        (
            "<script async src=https://counter.test/c.js></script>",
            (
                '<script async src="https://counter.test/c.js" data-purpose="audience"'
                ' data-service="counter" type="text/plain"></script>'
            ),
        ),
        (
            "<script type=module src=/stats/x.js></script>",
            (
                '<script type="text/plain" src="/stats/x.js" data-purpose="audience"'
                ' data-service="counter" data-type="module"></script>'
            ),
        ),
        (
            "<script data-purpose=audience>1</script>",
            '<script data-purpose="audience" type="text/plain">1</script>',
        ),
        (
            "<iframe src=//www.video.test/7></iframe>",
            (
                '<iframe data-purpose="social" data-service="video"'
                ' data-src="//www.video.test/7"></iframe>'
            ),
        ),
        (
            "<iframe data-service=video src=//stranger.test></iframe>",
            (
                '<iframe data-service="video" data-purpose="social"'
                ' data-src="//stranger.test"></iframe>'
            ),
        ),
        (
            "<img src=//stranger.test srcset='a.png 2x'>",
            (
                '<img data-purpose="unknown" data-src="//stranger.test"'
                ' data-srcset="a.png 2x">'
            ),
        ),
        (
            "<link rel=stylesheet href=//stranger.test/a.css>",
            (
                '<link rel="stylesheet" data-purpose="unknown"'
                ' data-href="//stranger.test/a.css">'
            ),
        ),
        (
            "<img data-purpose='ads nonsense' src=/own.png>",
            '<img data-purpose="unknown" data-src="/own.png">',
        ),
        (
            "<iframe data-purpose=social data-src=//ads.test></iframe>",
            (
                '<iframe data-purpose="social profiling ads" data-src="//ads.test">'
                "</iframe>"
            ),
        ),
    ],
)
def test_a_tag_is_held_back_and_marked(tag: str, held: str) -> None:
    assert held == gated(tag)


@pytest.mark.parametrize(
    "tag",
    [
        "<script src=/own.js></script>",
        "<script src=https://news.test:8080/own.js></script>",
        "<img src=//cdn.news-static.test/x>",
        "<script src=//login.test/l.js></script>",
        "<script data-purpose=technical>1</script>",
        "<script type=application/ld+json src=//stranger.test>{}</script>",
        "<script type=importmap>{}</script>",
        "<link rel=canonical href=//stranger.test>",
        "<a href=//stranger.test>x</a><form action=//stranger.test></form>",
        "<img src='data:image/gif;base64,x'><img src=''><img src=#x><img src=?x>",
        "<textarea><img src=//stranger.test></textarea>",
        "<!-- <img src=//stranger.test> -->",
        "<script>'<img src=//stranger.test>'</script>",
        "<iframe src=about:blank></iframe><iframe src=\"javascript:''\"></iframe>",
    ],
)
def test_what_is_ours_exempt_or_no_fetch_is_left_alone(tag: str) -> None:
    assert [tag] * len(NOT_ACCEPTING) == [gated(tag, plan) for plan in NOT_ACCEPTING]


def test_what_is_accepted_stays_live_and_says_what_it_is() -> None:
    page = "<script src=//counter.test></script><iframe src=//video.test></iframe>"

    assert (
        '<script src="//counter.test" data-purpose="audience" data-service="counter">'
        '</script><iframe src="//video.test" data-purpose="social"'
        ' data-service="video"></iframe>'
    ) == gated(page, accepting)


def test_what_nobody_declared_is_held_back_even_from_those_who_accept() -> None:
    found: list[str] = []

    out = rewrite_page(
        "<img src=//Stranger.test:81/a><img src=//stranger.test/b>",
        accepting,
        page_host=OWN,
        head="",
        body="",
        on_unknown=found.append,
    )

    assert 2 == out.count('data-purpose="unknown" data-src=')
    assert {"stranger.test"} == set(found)


def test_one_mode_sends_everybody_the_same_bytes() -> None:
    page = "<img src=//ads.test><img src=//counter.test><p>"

    assert gated(page, planned(ACCEPTING, Mode.UNIFORM)) == gated(
        page, planned(REFUSING, Mode.UNIFORM)
    )


@pytest.mark.parametrize(
    ("page", "placed"),
    [
        (
            "<!doctype html><html><head><title>x</title></head><body><p>y</body></html>",
            "<!doctype html><html><head>[H]<title>x</title></head><body>[B]<p>y</body></html>",
        ),
        (
            "<head></head><body class=x>\n<a class=s href=#main>Skip</a><p>y",
            "<head>[H]</head><body class=x>\n<a class=s href=#main>Skip</a>[B]<p>y",
        ),
        ("<head></head><body><a href=#m>Skip<p>y", None),
        (
            "<body><a href=/x>Not a skip link</a>",
            "[H]<body>[B]<a href=/x>Not a skip link</a>",
        ),
        (
            "<!doctype html><title>x</title><p>y",
            "<!doctype html>[H]<title>x</title>[B]<p>y",
        ),
        (
            "<html><head><template><div></div></template></head><p>y",
            "<html><head>[H]<template><div></div></template></head>[B]<p>y",
        ),
        ("<html><body>text only", "<html>[H]<body>[B]text only"),
        ("<!-- <head> --><body><p>", "<!-- <head> -->[H]<body>[B]<p>"),
        ("<p>a fragment<img src=/x>", "<p>a fragment<img src=/x>"),
    ],
)
def test_the_banner_is_first_in_its_place(page: str, placed: str | None) -> None:
    out = gated(page, head="[H]", body="[B]")

    assert (1, 1) == (out.count("[H]"), out.count("[B]")) or "fragment" in page
    assert placed is None or placed == out


@pytest.mark.parametrize("plan", NOT_ACCEPTING)
def test_what_is_held_back_once_needs_no_second_time(plan: Plan) -> None:
    for page in pages():
        try:
            out = gated(page, plan)
        except StillLiveError:
            continue
        assert out == gated(out, plan)


def test_a_page_that_cannot_be_made_safe_does_not_go_out() -> None:
    with pytest.raises(StillLiveError, match="would be live"):
        gated("<script/><!--</script><img src=//stranger.test>-->")


@pytest.mark.parametrize(
    ("page", "language"),
    [
        ("<!doctype html><html lang=fr>", "fr"),
        ("<HTML class='a>b' LANG='en-GB'>", "en-GB"),
        ("<html data-lang=de xml:lang=it>", ""),
        ("<p lang=fr>", ""),
    ],
)
def test_the_language_is_the_pages_own(page: str, language: str) -> None:
    assert language == language_of(page)
