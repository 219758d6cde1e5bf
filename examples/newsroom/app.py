"""The newsroom as one ASGI application: the paper's pages, and the stand-ins' hosts.

The `Host` header says who is asked. The paper's own pages can be wrapped (`gated`), and
only they: a third party is nobody's to gate. `scope["bandeau"]` says what a visitor
allows; a request without it is one of a visitor who allows nothing.

The paper never reads the clock: `now` is an argument.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Protocol, cast
from urllib.parse import parse_qs, quote

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from examples.newsroom.edition import (
    HERE,
    LANGUAGES,
    Article,
    day_in_words,
    moment_in_words,
    preferred_language,
    read_articles,
    read_words,
    related,
)
from examples.newsroom.journal import MOST_ENTRIES, Journal, cookie_names
from examples.newsroom.letters import (
    LONGEST_NAME,
    LONGEST_TEXT,
    SESSION_COOKIE,
    Letters,
    Submission,
    new_session,
    read_submission,
    session_of,
)
from examples.newsroom.strangers import BY_HOST, STRANGERS, Strangers, host_of

NOTICE = HERE / "notice.toml"

_LARGEST_FORM = 16 * 1024
_HEARTBEAT_SECONDS = 15


class Consent(Protocol):
    """What the paper finds in `scope["bandeau"]`."""

    def allows(self, purpose: str, /) -> bool: ...


def newsroom(
    port: int,
    *,
    gated: Callable[[ASGIApp], ASGIApp] = lambda pages: pages,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> "Newsroom":
    """Build the site. `gated` wraps the paper's pages, as `bandeau.site.Site` does."""
    return Newsroom(port, gated=gated, now=now)


class Newsroom:
    """The paper and its third parties; sends each request to the host it names."""

    def __init__(
        self,
        port: int,
        *,
        gated: Callable[[ASGIApp], ASGIApp],
        now: Callable[[], datetime],
    ) -> None:
        suffix = "" if port == 80 else f":{port}"
        addresses = {host: f"http://{host}{suffix}" for host in BY_HOST}
        self.journal = Journal()
        self._strangers = Strangers(self.journal, now=now, addresses=addresses)
        self._paper = gated(Paper(self.journal, now=now, addresses=addresses).app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and host_of(scope) in BY_HOST:
            await self._strangers(scope, receive, send)
        else:
            await self._paper(scope, receive, send)


class Paper:
    """The pages of the Canal Courier."""

    def __init__(
        self,
        journal: Journal,
        *,
        now: Callable[[], datetime],
        addresses: Mapping[str, str],
    ) -> None:
        self._journal = journal
        self._now = now
        self._articles = read_articles()
        self._letters = Letters(self._articles)
        self._words = {language: read_words(language) for language in LANGUAGES}
        self._notice = cast("dict[str, Any]", msgspec.toml.decode(NOTICE.read_bytes()))
        # The same address, told apart by language only where the words are.
        self._by_slug = {
            article.story(language).slug: (article, language)
            for article in self._articles
            for language in LANGUAGES
        }
        self._templates = self._environment(addresses)
        self.app = Starlette(
            routes=self._routes(),
            exception_handlers={404: self._missing, 405: self._missing},
            lifespan=self._lifespan,
        )

    def _environment(self, addresses: Mapping[str, str]) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        # Jinja types its globals by its own defaults; any name may be one.
        cast("dict[str, object]", environment.globals).update(
            articles=self._articles,
            notice=self._notice,
            strangers=STRANGERS,
            at={address: addresses[f"{address}.localhost"] for address in _SHORT},
            longest_name=LONGEST_NAME,
            longest_text=LONGEST_TEXT,
            quote=partial(quote, safe=""),
        )
        return environment

    def _routes(self) -> list[Route | Mount]:
        routes: list[Route | Mount] = [
            Route("/", self._door),
            Route("/what-happened", self._happened),
            Route("/what-happened.json", self._happened_json),
            Route("/what-happened/live", self._happened_live),
            Route("/what-happened/clear", self._happened_clear, methods=["POST"]),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]
        for language in LANGUAGES:
            # A Starlette path parameter cannot say which languages there are.
            to = partial(_in_language, language)
            routes += [
                Route(f"/{language}/", to(self._front)),
                Route(f"/{language}", to(self._slash)),
                Route(f"/{language}/privacy", to(self._privacy)),
                Route(f"/{language}/{{slug}}", to(self._article)),
                Route(
                    f"/{language}/{{slug}}/comments",
                    to(self._comment),
                    methods=["POST"],
                ),
                Route(
                    f"/{language}/{{slug}}/comments/remove",
                    to(self._comment_remove),
                    methods=["POST"],
                ),
            ]
        return routes

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncGenerator[None, None]:
        yield
        self._journal.close()

    # --- pages --------------------------------------------------------------------

    async def _door(self, request: Request) -> Response:
        language = preferred_language(request.headers.get("accept-language", ""))
        return RedirectResponse(
            f"/{language}/",
            302,
            {"vary": "Accept-Language", "cache-control": "no-cache"},
        )

    async def _slash(self, request: Request, language: str) -> Response:
        return RedirectResponse(f"/{language}/", 301)

    async def _front(self, request: Request, language: str) -> Response:
        other = {code: f"/{code}/" for code in LANGUAGES}
        return self._page("front.html", request, language, other, article=None)

    async def _article(self, request: Request, language: str) -> Response:
        article, elsewhere = self._find(request, language)
        if article is None:
            return RedirectResponse(elsewhere, 301)
        return self._article_page(request, language, article)

    def _article_page(
        self,
        request: Request,
        language: str,
        article: Article,
        *,
        submission: Submission | None = None,
        refused: str = "",
        status: int = 200,
    ) -> Response:
        story = article.story(language)
        return self._page(
            "article.html",
            request,
            language,
            {code: f"/{code}/{article.story(code).slug}" for code in LANGUAGES},
            status=status,
            article=article,
            story=story,
            comments=self._letters.on(article, language),
            session=session_of(request.cookies.get(SESSION_COOKIE)),
            submission=submission or Submission(name="", text="", wrong={}),
            refused=refused,
            page_address=str(request.url.replace(query="")),
        )

    async def _privacy(self, request: Request, language: str) -> Response:
        other = {code: f"/{code}/privacy" for code in LANGUAGES}
        return self._page("privacy.html", request, language, other, article=None)

    async def _missing(self, request: Request, wrong: Exception) -> Response:
        status = wrong.status_code if isinstance(wrong, HTTPException) else 404
        first = request.url.path.split("/")[1]
        language = first if first in LANGUAGES else _language(request)
        other = {code: f"/{code}/" for code in LANGUAGES}
        return self._page(
            "missing.html", request, language, other, status=status, article=None
        )

    def _page(
        self,
        template: str,
        request: Request,
        language: str,
        other: Mapping[str, str],
        *,
        article: Article | None,
        status: int = 200,
        **more: object,
    ) -> Response:
        words = self._words[language]
        allows = _allows(request)
        personal = allows("content")
        seen = request.cookies.get("rc_seen", "")[:400].split(".") if personal else ()
        html = self._templates.get_template(template).render(
            language=language,
            other=other,
            w=words,
            article=article,
            day=partial(day_in_words, words=words),
            moment=partial(moment_in_words, words=words),
            related=related(article, self._articles, seen=seen, personal=personal),
            related_personal=personal,
            ads_personal=allows("profiling") and allows("ads"),
            **more,
        )
        return HTMLResponse(html, status, {"cache-control": "private, no-cache"})

    def _find(self, request: Request, language: str) -> tuple[Article | None, str]:
        """The article that the address names, or the address it has in this language."""
        found = self._by_slug.get(request.path_params["slug"])
        if found is None:
            raise HTTPException(404)
        article, written_in = found
        if written_in == language:
            return article, ""
        return None, f"/{language}/{article.story(language).slug}"

    # --- comments -----------------------------------------------------------------

    async def _comment(self, request: Request, language: str) -> Response:
        article, elsewhere = self._find(request, language)
        if article is None:
            return RedirectResponse(elsewhere, 303)
        form = await _form(request)
        if not _from_here(request) or form is None:
            refused = "too_large" if form is None else "elsewhere"
            status = 413 if form is None else 403
            return self._article_page(
                request, language, article, refused=refused, status=status
            )
        submission = read_submission(form)
        if submission.wrong:
            return self._article_page(
                request, language, article, submission=submission, status=400
            )
        session = session_of(request.cookies.get(SESSION_COOKIE)) or new_session()
        comment = self._letters.add(
            article, language, submission, at=self._now(), owner=session
        )
        slug = article.story(language).slug
        response = RedirectResponse(f"/{language}/{slug}#comment-{comment.number}", 303)
        response.set_cookie(SESSION_COOKIE, session, httponly=True, samesite="lax")
        return response

    async def _comment_remove(self, request: Request, language: str) -> Response:
        article, elsewhere = self._find(request, language)
        if article is None:
            return RedirectResponse(elsewhere, 303)
        form = await _form(request)
        if form is not None and _from_here(request):
            session = session_of(request.cookies.get(SESSION_COOKIE))
            number = form.get("number", [""])[0]
            self._letters.remove(article, language, number, session)
        slug = article.story(language).slug
        return RedirectResponse(f"/{language}/{slug}#comments", 303)

    # --- what happened ------------------------------------------------------------

    async def _happened(self, request: Request) -> Response:
        language = _language(request)
        other = {code: f"/what-happened?lang={code}" for code in LANGUAGES}
        names = sorted(set(cookie_names(request.headers.get("cookie", ""))))
        return self._page(
            "happened.html",
            request,
            language,
            other,
            article=None,
            entries=tuple(reversed(self._journal.entries)),
            counts=self._journal.counts,
            last=self._journal.last,
            limit=MOST_ENTRIES,
            here=[(name, self._owner_of(name)) for name in names],
            patterns=self._patterns(self._words[language]["happened"]),
        )

    def _owner_of(self, name: str) -> str:
        """The service that declared a cookie, by its pattern; empty when none did."""
        for service in self._notice["services"]:
            for trace in service.get("cookies", ()):
                if fnmatchcase(name, trace["name"]):
                    return cast("str", service["name"])
        return ""

    def _patterns(self, words: Mapping[str, str]) -> list[tuple[str, str, str]]:
        """(kind, pattern, whose) of everything declared, for the page's own script."""
        declared = [
            (kind, str(trace["name"]), str(service["name"]))
            for service in self._notice["services"]
            for kind, traces in (("cookie", "cookies"), ("key", "storage"))
            for trace in service.get(traces, ())
        ]
        return [("cookie", "bandeau", words["choice"]), *declared]

    async def _happened_json(self, request: Request) -> Response:
        return JSONResponse(
            {
                "entries": msgspec.to_builtins(self._journal.entries),
                "hosts": {
                    stranger.host: self._journal.counts.get(stranger.host, 0)
                    for stranger in STRANGERS
                },
                "limit": MOST_ENTRIES,
            },
            headers={"cache-control": "no-store"},
        )

    async def _happened_clear(self, request: Request) -> Response:
        if not _from_here(request):
            return Response("This must come from the page itself.\n", 403)
        self._journal.clear()
        language = _language(request)
        return RedirectResponse(f"/what-happened?lang={language}", 303)

    async def _happened_live(self, request: Request) -> Response:
        since = request.headers.get("last-event-id") or request.query_params.get(
            "since"
        )
        known = self._journal.last
        if since and since.isdecimal() and len(since) < 16:
            known = min(int(since), known)
        return StreamingResponse(
            self._events(known),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def _events(self, known: int) -> AsyncIterator[str]:
        cleared = self._journal.cleared
        yield "retry: 2000\n\n"
        while not self._journal.closed:
            # Before anything is read: what changes from here on ends the wait below.
            version = self._journal.version
            if self._journal.cleared != cleared:
                cleared = self._journal.cleared
                yield "event: cleared\ndata: {}\n\n"
            for entry in self._journal.after(known):
                known = entry.number
                text = json.dumps(msgspec.to_builtins(entry))
                yield f"id: {entry.number}\nevent: entry\ndata: {text}\n\n"
            await self._journal.change(version, _HEARTBEAT_SECONDS)
            yield ": still here\n\n"


# Stand-ins by the first label of their host, as templates name them.
_SHORT = tuple(host.removesuffix(".localhost") for host in BY_HOST)


def _in_language(
    language: str, page: Callable[[Request, str], Any]
) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        return await page(request, language)

    return answer


def _allows(request: Request) -> Callable[[str], bool]:
    consent = cast("Consent | None", request.scope.get("bandeau"))
    return consent.allows if consent is not None else lambda purpose: False


def _language(request: Request) -> str:
    asked = request.query_params.get("lang", "")
    if asked in LANGUAGES:
        return asked
    return preferred_language(request.headers.get("accept-language", ""))


def _from_here(request: Request) -> bool:
    """Say whether a form was sent by one of our own pages, where the browser tells."""
    if request.headers.get("sec-fetch-site", "same-origin") not in (
        "same-origin",
        "none",
    ):
        return False
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    return origin is None or origin.partition("://")[2] == host


async def _form(request: Request) -> dict[str, list[str]] | None:
    """The fields of a form, or None when it is larger than any honest one."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            return None
    try:
        return parse_qs(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20
        )
    except ValueError:
        return {}
