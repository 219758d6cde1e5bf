"""The newsroom's pages, asked as a browser would, without Bandeau around them."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from html.parser import HTMLParser
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from examples.newsroom.app import NOTICE, newsroom
from examples.newsroom.edition import LANGUAGES, read_articles, read_words

PORT = 8000
HOME = f"http://localhost:{PORT}"
ARTICLES = read_articles()
SERVICES = msgspec.toml.decode(NOTICE.read_bytes())["services"]
FIRST = f"/en/{ARTICLES[0].en.slug}"
PAGES = [
    f"/{language}/{slug}"
    for language in LANGUAGES
    for slug in ["", "privacy", *(a.story(language).slug for a in ARTICLES)]
] + ["/what-happened?lang=fr", "/what-happened?lang=en"]

Visit = Callable[[httpx.AsyncClient], Awaitable[None]]


def visit(story: Visit, app: ASGIApp | None = None) -> None:
    async def whole() -> None:
        transport = httpx.ASGITransport(app=app or newsroom(PORT))
        async with httpx.AsyncClient(transport=transport, base_url=HOME) as browser:
            await story(browser)

    asyncio.run(whole())


class Allowing:
    """What Bandeau would put into the scope of somebody who allows these purposes."""

    def __init__(self, *purposes: str) -> None:
        self._purposes = purposes

    def allows(self, purpose: str, /) -> bool:
        return purpose in self._purposes

    def around(self, pages: ASGIApp) -> ASGIApp:
        async def gated(scope: Scope, receive: Receive, send: Send) -> None:
            await pages({**scope, "bandeau": self}, receive, send)

        return gated


class Addresses(HTMLParser):
    """The hosts that a browser would call for a page by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            return
        for name, value in attrs:
            if name in ("src", "href") and value and "://" in value:
                self.hosts.add(urlsplit(value).hostname or "")


def test_every_page_answers_in_its_language() -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        for page in PAGES:
            answer = await browser.get(page)

            language = re.search("^/(fr|en)/|lang=(..)", page)
            assert answer.status_code == 200, page
            assert language
            assert f'<html lang="{language[1] or language[2]}"' in answer.text

    visit(story)


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "fr"),
        ("de", "fr"),
        ("en", "en"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("en;q=0.3, fr-CA;q=0.7", "fr"),
        ("en;q=0", "fr"),
        ("en;q=rubbish", "fr"),
        ("en;q=nan", "fr"),
    ],
)
def test_the_door_speaks_the_language_that_the_browser_likes_best(
    accept: str, language: str
) -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        answer = await browser.get("/", headers={"accept-language": accept})

        assert answer.status_code == 302
        assert f"/{language}/" == answer.headers["location"]

    visit(story)


@pytest.mark.parametrize("page", ["/fr/rien", "/en/nothing", "/nowhere", "/en/a/b/c"])
def test_an_unknown_address_is_told_so_in_a_whole_page(page: str) -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        answer = await browser.get(page)

        assert answer.status_code == 404
        assert '<main id="content"' in answer.text

    visit(story)


def test_a_slug_of_the_other_language_leads_to_the_right_page() -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        answer = await browser.get(f"/fr/{ARTICLES[0].en.slug}")

        assert answer.status_code == 301
        assert f"/fr/{ARTICLES[0].fr.slug}" == answer.headers["location"]

    visit(story)


def test_both_languages_have_every_word() -> None:
    def keys(table: dict[str, object], before: str = "") -> set[str]:
        return {
            key
            for name, value in table.items()
            for key in (
                keys(value, f"{before}{name}.")
                if isinstance(value, dict)
                else {before + name}
            )
        }

    assert keys(read_words("fr")) == keys(read_words("en"))


def test_every_host_that_a_page_calls_is_declared_in_the_notice() -> None:
    declared = {host for service in SERVICES for host in service.get("hosts", [])}
    called: set[str] = set()

    async def story(browser: httpx.AsyncClient) -> None:
        for page in PAGES:
            addresses = Addresses()
            addresses.feed((await browser.get(page)).text)
            called.update(addresses.hosts)

    visit(story)

    # market.localhost is called by AdMarket's script, never by a page.
    assert declared - {"market.localhost"} == called


def test_whoever_allows_nothing_sees_the_same_as_everybody() -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        browser.cookies.set("rc_seen", "dark-towpath.kingfishers")

        answer = await browser.get(FIRST)

        assert "Chosen for you" not in answer.text
        assert answer.text.count('data-variant="house"') == 2

    visit(story)
    visit(story, newsroom(PORT, gated=Allowing("profiling").around))
    visit(story, newsroom(PORT, gated=Allowing("ads", "audience").around))


def test_related_stories_follow_what_was_read_once_content_is_allowed() -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        browser.cookies.set("rc_seen", "kingfishers.forged<script>")

        answer = await browser.get(FIRST)

        chosen = answer.text.partition('<section class="related"')[2]
        chosen = chosen.partition("</section>")[0]
        assert "Chosen for you" in chosen
        assert ARTICLES[2].id == "kingfishers"
        assert ARTICLES[2].en.headline not in chosen  # read already: it comes last
        assert "forged" not in answer.text

    visit(story, newsroom(PORT, gated=Allowing("content").around))


def test_adverts_are_personal_only_when_both_their_purposes_are_allowed() -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        answer = await browser.get(FIRST)

        assert answer.text.count('data-variant="personal"') == 2

    visit(story, newsroom(PORT, gated=Allowing("profiling", "ads").around))


# --- comments ---------------------------------------------------------------------------


def test_a_comment_is_escaped_and_stays() -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        form = {
            "name": "<b>Zoé</b>",
            "text": "</p><script>alert(1)</script>\nÀ bientôt",
        }

        answer = await browser.post(f"{FIRST}/comments", data=form)
        page = (await browser.get(answer.headers["location"])).text

        assert answer.status_code == 303
        assert "&lt;b&gt;Zoé&lt;/b&gt;" in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "<script>alert" not in page

    visit(story)


def test_a_comment_brings_only_the_session_cookie_that_the_notice_declares() -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        before = await browser.get(FIRST)
        answer = await browser.post(
            f"{FIRST}/comments", data={"name": "Zoé", "text": "Oui."}
        )

        (cookie,) = answer.headers.get_list("set-cookie")
        assert "set-cookie" not in before.headers
        assert cookie.startswith("courrier_session=")
        assert "HttpOnly" in cookie
        assert "Max-Age" not in cookie
        assert ["courrier_session"] == [c["name"] for c in SERVICES[0]["cookies"]]

    visit(story)


def test_only_its_author_takes_a_comment_back() -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        answer = await browser.post(
            f"{FIRST}/comments", data={"name": "Zoé", "text": "A word too many."}
        )
        number = {"number": answer.headers["location"].rpartition("-")[2]}
        mine = dict(browser.cookies)

        browser.cookies.clear()
        await browser.post(f"{FIRST}/comments/remove", data=number)
        assert "A word too many." in (await browser.get(FIRST)).text

        browser.cookies.update(mine)
        await browser.post(f"{FIRST}/comments/remove", data=number)
        assert "A word too many." not in (await browser.get(FIRST)).text

    visit(story)


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"name": "", "text": "Yes."}, 400, "pen name is missing"),
        ({"name": "Zoé", "text": " \n "}, 400, "comment is empty"),
        ({"name": "Z" * 61, "text": "Yes."}, 400, "name is too long"),
        ({"name": "Zoé", "text": "y" * 1001}, 400, "comment is too long"),
        ({"name": "Zoé", "text": "y" * 20_000}, 413, "too large"),
        ({f"f{n}": "1" for n in range(50)}, 400, "pen name is missing"),
    ],
)
def test_what_cannot_be_published_is_told_beside_its_field(
    form: dict[str, str], status: int, words: str
) -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        answer = await browser.post(f"{FIRST}/comments", data=form)

        assert status == answer.status_code
        assert words in answer.text
        assert "set-cookie" not in answer.headers

    visit(story)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://ads.localhost:8000"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_a_form_from_elsewhere_publishes_and_clears_nothing(
    headers: dict[str, str],
) -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        form = {"name": "Zoé", "text": "Smuggled in."}

        answer = await browser.post(f"{FIRST}/comments", data=form, headers=headers)
        cleared = await browser.post("/what-happened/clear", headers=headers)

        assert answer.status_code == 403
        assert cleared.status_code == 403
        assert "Smuggled in." not in (await browser.get(FIRST)).text

    visit(story)


def test_a_page_keeps_a_bounded_number_of_comments() -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        for number in range(60):
            form = {"name": "Zoé", "text": f"Number {number}."}
            await browser.post(f"{FIRST}/comments", data=form)

        page = (await browser.get(FIRST)).text
        assert page.count('<li id="comment-') == 50
        assert "Number 59." in page
        assert "Number 9." not in page

    visit(story)


def test_the_privacy_page_lists_every_cookie_of_the_notice() -> None:
    async def story(browser: httpx.AsyncClient) -> None:
        for language in LANGUAGES:
            page = (await browser.get(f"/{language}/privacy")).text

            for service in SERVICES:
                for trace in service.get("cookies", []) + service.get("storage", []):
                    assert f"<code>{trace['name']}</code>" in page
                    assert not fnmatchcase("bandeau", trace["name"])

    visit(story)
