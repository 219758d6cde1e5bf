"""The gate around an ASGI application, asked over HTTP."""

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from bandeau.gate.door import Report
from bandeau.gate.plan import Mode
from bandeau.integrations.asgi import Gate
from bandeau.model.choices import Choice
from bandeau.model.notices import Notice
from bandeau.regimes import REGIMES
from tests.gate.visitors import ACCEPTING, NOTICE, NOW, OWN, REFUSING, SILENT, cookie_of

PAGE = (
    b"<!doctype html><html lang=en><head></head><body>"
    b"<img src=//ads.test/1><p>caf\xc3\xa9</body></html>"
)
HELD = b'<img data-purpose="profiling ads" data-service="admarket" data-src="//ads.test/1">'

Headers = list[tuple[bytes, bytes]]
HTML: Headers = [(b"content-type", b"text/html; charset=utf-8")]


def answering(
    body: bytes = PAGE,
    headers: Headers = HTML,
    status: int = 200,
    then: Callable[[Any], None] = lambda _: None,
    chunk: int = 7,
) -> Any:
    """An application that gives one answer, in small chunks."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        then(scope)
        await send(
            {"type": "http.response.start", "status": status, "headers": headers}
        )
        for start in range(0, len(body), chunk):
            part = body[start : start + chunk]
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})

    return app


def banner(notice: Notice, language: str, choice: Choice) -> tuple[str, str]:
    return "<script>1</script>", f"<!--{language} {choice.letters}-->"


def gate(app: Any, *, mode: Mode = Mode.PERSONAL, **more: Any) -> Gate:
    more.setdefault("on_report", lambda _: None)
    return Gate(
        app,
        site=lambda: (NOTICE, ()),
        regime=REGIMES["FR"],
        mode=mode,
        banner=banner,
        clock=lambda: NOW,
        **more,
    )


def ask(
    app: Any,
    choice: Choice = SILENT,
    path: str = "/",
    method: str = "GET",
    **headers: str,
) -> httpx.Response:
    sent = {
        "accept": "text/html",
        **{n.replace("_", "-"): v for n, v in headers.items()},
    }
    if choice is not SILENT:
        sent["cookie"] = f"bandeau={cookie_of(choice)}; " + sent.get("cookie", "")

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url=f"https://{OWN}"
        ) as client:
            # As browsers send them: octets, whatever a page put into a cookie.
            octets = {name: value.encode("latin-1") for name, value in sent.items()}
            return await client.request(method, path, headers=octets)

    return asyncio.run(asked())


@pytest.mark.parametrize("choice", [SILENT, REFUSING])
@pytest.mark.parametrize("mode", Mode)
def test_what_was_not_accepted_does_not_leave(choice: Choice, mode: Mode) -> None:
    response = ask(gate(answering(), mode=mode), choice)

    assert HELD in response.content
    assert "café" in response.text
    assert str(len(response.content)) == response.headers["content-length"]


def test_what_was_accepted_stays_live_in_personal_mode() -> None:
    response = ask(gate(answering()), ACCEPTING)

    assert '<img src="//ads.test/1"' in response.text
    assert "<!--en yyyyy-->" in response.text


def test_uniform_is_the_same_for_everybody_and_may_be_cached_by_all() -> None:
    app = gate(
        answering(headers=[*HTML, (b"cache-control", b"public")]), mode=Mode.UNIFORM
    )

    silent, accepting = ask(app), ask(app, ACCEPTING)

    assert silent.content == accepting.content
    assert silent.headers == accepting.headers
    assert "public" == silent.headers["cache-control"]
    assert "vary" not in silent.headers


def test_personal_is_for_one_visitor() -> None:
    cache = (b"cache-control", b"public, s-maxage=60, max-age=10")
    response = ask(gate(answering(headers=[*HTML, cache])))

    assert "private, max-age=10" == response.headers["cache-control"]
    assert "Cookie" in response.headers["vary"]


def test_a_page_that_asked_about_the_visitor_is_for_one_visitor() -> None:
    def consult(scope: Any) -> None:
        assert not scope["bandeau"].allows("ads")
        assert "unanswered" == scope["bandeau"].answers["ads"]

    response = ask(gate(answering(then=consult), mode=Mode.UNIFORM))

    assert "private" == response.headers["cache-control"]


def test_each_answer_has_its_own_entity_tag() -> None:
    seen: list[bytes] = []

    def look(scope: Any) -> None:
        seen.append(dict(scope["headers"]).get(b"if-none-match", b""))

    app = gate(answering(headers=[*HTML, (b"etag", b'"v1"')], then=look))

    ours, theirs = ask(app), ask(app, ACCEPTING)
    ask(app, if_none_match=ours.headers["etag"])
    ask(app, if_none_match=theirs.headers["etag"])
    ask(app, if_none_match='"v1"')

    assert ours.headers["etag"] != theirs.headers["etag"]
    assert [b"", b"", b'"v1", W/"v1"', b"", b""] == seen


def test_a_page_not_modified_keeps_its_tag() -> None:
    whole = ask(gate(answering(headers=[*HTML, (b"etag", b'"v1"')])))
    short = ask(gate(answering(b"", [(b"etag", b'"v1"')], 304)))

    assert whole.headers["etag"] == short.headers["etag"]
    assert b"" == short.content


def test_a_page_that_is_only_announced_has_no_length() -> None:
    response = ask(
        gate(answering(b"", [*HTML, (b"content-length", b"9")])), method="HEAD"
    )

    assert 200 == response.status_code
    assert "content-length" not in response.headers


def test_what_is_no_page_goes_through_as_it_is() -> None:
    image = [
        (b"content-type", b"image/png"),
        (b"content-length", str(len(PAGE)).encode()),
    ]

    response = ask(gate(answering(PAGE, image)))

    assert PAGE == response.content
    assert "cache-control" not in response.headers


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-type", b"")],
        [(b"content-type", b"*/*")],
        [(b"content-type", b"TEXT/HTML")],
        [(b"content-type", b"text/plain, text/html")],
        [(b"content-type", b"application/xhtml+xml; charset=utf-8")],
    ],
)
def test_whatever_a_browser_takes_for_a_page_is_one(headers: Headers) -> None:
    response = ask(gate(answering(headers=headers)))

    assert HELD in response.content
    assert "text/html; charset=utf-8" == response.headers["content-type"]


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        (PAGE.decode().encode("utf-16"), b"text/html"),
        (PAGE.decode().encode("latin-1"), b"text/html; charset=iso-8859-1"),
        (b"<meta charset=latin1>" + PAGE.decode().encode("latin-1"), b"text/html"),
        (PAGE.decode().encode("latin-1"), b"text/html"),
        (b"\xef\xbb\xbf" + PAGE, b"text/html; charset=latin-1"),
        (PAGE, b"text/html; charset=rot13"),
    ],
)
def test_a_page_in_other_characters_leaves_in_utf_8(body: bytes, type_: bytes) -> None:
    response = ask(gate(answering(body, [(b"content-type", type_)])))

    assert HELD in response.content
    assert "caf" in response.content.decode("utf-8")
    assert "text/html; charset=utf-8" == response.headers["content-type"]


def test_bytes_that_are_no_characters_stay_what_they_are() -> None:
    response = ask(gate(answering(b"<p>\xff\xfe\x80</p>")))

    assert b"<p>\xff\xfe\x80</p>" == response.content


def test_a_compressed_page_is_read_all_the_same() -> None:
    packed = gzip.compress(PAGE)

    response = ask(gate(answering(packed, [*HTML, (b"content-encoding", b"gzip")])))

    assert HELD in response.content


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (PAGE, [*HTML, (b"content-encoding", b"br")], 200),
        (gzip.compress(PAGE)[:-9], [*HTML, (b"content-encoding", b"gzip")], 200),
        (gzip.compress(b"x" * 30_000), [*HTML, (b"content-encoding", b"gzip")], 200),
        (b"not gzip", [*HTML, (b"content-encoding", b"gzip")], 200),
        (PAGE + b" " * 20_000, HTML, 200),
        (PAGE, HTML, 206),
        (b"<script/><!--</script><img src=//stranger.test>-->", HTML, 200),
    ],
)
def test_what_cannot_be_made_safe_does_not_leave(
    body: bytes, headers: Headers, status: int
) -> None:
    response = ask(
        gate(answering(body, headers, status, chunk=999), largest_page=20_000)
    )

    assert 502 == response.status_code
    assert b".test" not in response.content
    assert "no-store" == response.headers["cache-control"]


def test_an_application_does_not_see_refused_cookies_nor_hidden_pages() -> None:
    seen: dict[bytes, bytes] = {}

    ask(
        gate(answering(then=lambda scope: seen.update(scope["headers"]))),
        REFUSING,
        cookie="sid=1; ad_id=2",
        range="bytes=0-9",
        accept_encoding="br",
        if_modified_since="Thu, 01 Jan 2026 00:00:00 GMT",
    )

    assert b"ad_id" not in seen[b"cookie"]
    assert b"sid=1" in seen[b"cookie"]
    assert not {b"range", b"accept-encoding", b"if-modified-since"} & seen.keys()


@pytest.mark.parametrize("type_", [b"text/html", b"image/png"])
def test_cookies_that_may_not_be_set_are_not(type_: bytes) -> None:
    reports: list[Report] = []
    set_cookies = [(b"set-cookie", c) for c in (b"sid=1", b"ad_id=2", b"who=secret")]
    app = gate(
        answering(headers=[(b"content-type", type_), *set_cookies]),
        on_report=reports.append,
    )

    first, second = ask(app), ask(app, REFUSING, cookie="_count=1")

    assert ["sid=1"] == first.headers.get_list("set-cookie")
    assert "_count=; Max-Age=0; Path=/" in second.headers.get_list("set-cookie")
    assert ["who"] == [report.name for report in reports if report.kind == "cookie"]
    assert "secret" not in repr(reports)


def test_strangers_are_reported_once() -> None:
    reports: list[Report] = []
    app = gate(answering(b"<img src=//stranger.test/?u=1>"), on_report=reports.append)

    ask(app)
    ask(app)

    assert [("host", "stranger.test")] == [(r.kind, r.name) for r in reports]


def test_links_that_fetch_are_held_back() -> None:
    link = (
        b"<https://ads.test/a.js>; rel=preload; as=script, </own.css>; rel=preload,"
        b' <https://stranger.test/>; rel="canonical"; title="a, b"'
    )

    response = ask(gate(answering(headers=[*HTML, (b"link", link)])))

    assert (
        '</own.css>; rel=preload, <https://stranger.test/>; rel="canonical"; title="a, b"'
    ) == response.headers["link"]


def test_a_policy_of_the_site_lets_the_banner_work() -> None:
    csp = (b"content-security-policy-report-only", b"script-src 'self'")

    response = ask(gate(answering(headers=[*HTML, csp])))

    assert (
        "script-src 'self' 'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s='"
        == response.headers["content-security-policy-report-only"]
    )


@pytest.mark.parametrize(
    "cookie",
    [
        "bandeau=",
        "bandeau=nonsense",
        f"bandeau={cookie_of(ACCEPTING)}x",
        f"bandeau={cookie_of(ACCEPTING)}; bandeau={cookie_of(REFUSING)}",
    ],
)
def test_a_cookie_that_cannot_be_read_is_silence(cookie: str) -> None:
    assert HELD in ask(gate(answering()), cookie=cookie).content


def test_the_language_is_the_pages_then_the_visitors_then_the_notices() -> None:
    said = ask(gate(answering()), accept_language="fr")
    asked = ask(gate(answering(b"<body>")), accept_language="de, en-GB;q=0.9")
    neither = ask(gate(answering(b"<html lang=de><body>")), accept_language="de")

    assert "<!--en -----" in said.text
    assert "<!--en -----" in asked.text
    assert "Accept-Language" in asked.headers["vary"]
    assert "<!--fr -----" in neither.text


def test_our_own_paths_and_other_protocols_are_not_gated() -> None:
    assert PAGE == ask(gate(answering()), path="/bandeau/settings").content

    scopes: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)

    asyncio.run(gate(app)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]

    assert [{"type": "lifespan"}] == scopes


def test_a_banner_is_told_nothing_about_one_visitor() -> None:
    seen: list[Choice] = []

    def looking(notice: Notice, language: str, choice: Choice) -> tuple[str, str]:
        seen.append(choice)
        return "", ""

    app = gate(answering())
    app.door.banner = looking
    ask(app, ACCEPTING)
    ask(app, ACCEPTING)

    assert [("", 0)] == [(choice.subject, choice.day) for choice in seen]
