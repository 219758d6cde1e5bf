"""What is asked for now and then: settings, policy, notices, signals, health, counts.

None of it is on a hot path, so Starlette routes it. The pages work without a script and
run none; only the one that checks receipts has nothing to say without.
"""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Route

from bandeau.banner.render import page_style_source, policy_page, settings_page
from bandeau.collector.files import FOR_EVER, SHORT
from bandeau.collector.negotiation import language_for
from bandeau.collector.origins import path_back
from bandeau.collector.problems import ProblemError, plain, rendered, unavailable
from bandeau.collector.requests import Sent
from bandeau.collector.running import Running
from bandeau.collector.sites import Published
from bandeau.errors import BandeauError, MalformedError, UnavailableError
from bandeau.ledger.log import receipt
from bandeau.ledger.logs import LogHead, LogStore
from bandeau.ledger.proof import SUFFIX, Proof
from bandeau.ledger.tiles import ENTRIES, cut_bundle, cut_tile, read_path, tile_at
from bandeau.model.choices import choice_of
from bandeau.model.cookie import COOKIE_NAME
from bandeau.model.notices import Notice
from bandeau.receipts.page import check_page, check_page_policy

_HEALTH_LASTS_SECONDS: Final = 1.0
_REQUEST: Final = re.compile("[0-9a-f]{32}")


def pages(running: Running, *, clock: Callable[[], datetime]) -> Starlette:
    """The application for everything but the hot paths."""
    own = _Pages(running, clock)
    at = running.endpoint
    return Starlette(
        routes=[
            Route(f"{at}/settings", own.settings),
            Route(f"{at}/policy", own.policy),
            Route(f"{at}/check", own.check),
            Route(f"{at}/receipt/{{request}}", own.receipt),
            Route(f"{at}/log/{{name}}/checkpoint", own.checkpoint),
            Route(f"{at}/log/{{name}}/policy", own.log_policy),
            Route(f"{at}/log/{{name}}/{{tile:path}}", own.tile),
            Route(f"{at}/notice/{{digest}}", own.notice),
            Route(f"{at}/banner.{{mark}}.{{language}}.js", own.former_script),
            Route("/.well-known/gpc.json", own.gpc),
            Route("/healthz", own.health),
            Route("/metrics", own.metrics),
        ],
        exception_handlers={
            HTTPException: own.http_problem,
            ProblemError: own.problem,
            UnavailableError: own.unavailable,
        },
    )


class _Pages:
    def __init__(self, running: Running, clock: Callable[[], datetime]) -> None:
        self._running = running
        self._clock = clock
        self._health: tuple[float, str] = (0.0, "")

    async def settings(self, request: Request) -> Response:
        site = self._site(request)
        language = _language(request, site.notice)
        choice = choice_of(
            request.cookies.get(COOKIE_NAME, ""),
            site.notice,
            site.earlier,
            now=self._clock(),
            months=site.months,
        )
        headers = request.headers
        back = path_back(
            request.query_params.get("back", ""),
            headers.get("referer", ""),
            headers.get("host", ""),
        )
        page = settings_page(
            site.notice,
            language,
            choice,
            # The way back from the settings is not the settings again.
            back="/" if back.startswith(f"{self._running.endpoint}/") else back,
            endpoint=self._running.endpoint,
        )
        return self._page(page, language, site.notice, b"no-store")

    async def policy(self, request: Request) -> Response:
        site = self._site(request)
        language = _language(request, site.notice)
        page = policy_page(site.notice, language, endpoint=self._running.endpoint)
        answer = self._page(page, language, site.notice, SHORT)
        answer.headers["vary"] = "Accept-Language"
        return answer

    async def check(self, request: Request) -> Response:
        """The page that checks receipts, as `bandeau receipts page` writes it."""
        return HTMLResponse(
            check_page(),
            headers={
                "cache-control": SHORT.decode(),
                "content-security-policy": (
                    f"{check_page_policy()}; frame-ancestors 'none'"
                ),
                "referrer-policy": "no-referrer",
                "x-content-type-options": "nosniff",
            },
        )

    async def receipt(self, request: Request) -> Response:
        """The receipt for one choice, for whoever holds its request key."""
        key = request.path_params["request"]
        store, site = self._logs(), self._site(request)
        if not _REQUEST.fullmatch(key):
            raise plain(404, "A receipt is asked for by the request key of its choice.")
        made = await asyncio.to_thread(_receipt, store, site.site, bytes.fromhex(key))
        if made is None:
            raise plain(404, "There is no receipt for this key.")
        name = f"receipt-{made.index}{SUFFIX}"
        return Response(
            made.encode(),
            media_type="text/plain; charset=utf-8",
            headers={
                "cache-control": "no-store",
                "content-disposition": f'attachment; filename="{name}"',
                "x-content-type-options": "nosniff",
            },
        )

    async def checkpoint(self, request: Request) -> Response:
        return _log_text(self._head(request).checkpoint, b"no-cache")

    async def log_policy(self, request: Request) -> Response:
        """Whom to believe, as far as the log itself can say: its own key."""
        logs = self._running.logs
        assert logs is not None, "a log was found"
        key = logs.key_of(self._head(request).origin).verifier.text
        return _log_text(f"log {key}\nquorum none\n".encode(), SHORT)

    async def tile(self, request: Request) -> Response:
        """A tile or bundle, as c2sp.org/tlog-tiles has it."""
        head, store = self._head(request), self._logs()
        try:
            tile = read_path(request.path_params["tile"])
        except MalformedError:
            raise plain(404, "This is not the path of a tile.") from None
        there = tile_at(tile.level, tile.index, head.size)
        octets = await asyncio.to_thread(
            store.tile, head.origin, tile.level, tile.index
        )
        if there is None or octets is None or there.width < tile.width:
            raise plain(404, "The log has no such tile.")
        cut = cut_bundle if tile.level == ENTRIES else cut_tile
        return Response(
            cut(octets, tile.width),
            media_type="application/octet-stream",
            headers={
                "cache-control": FOR_EVER.decode(),
                "x-content-type-options": "nosniff",
            },
        )

    def _logs(self) -> LogStore:
        store = self._running.watched.store
        if self._running.logs is None or not isinstance(store, LogStore):
            raise plain(404, "There is no log here.")
        return store

    def _head(self, request: Request) -> LogHead:
        """The log of the site that is spoken to, by the last part of its name."""
        store, site = self._logs(), self._site(request)
        for head in store.logs(site.site):
            if head.origin.rpartition("/")[2] == request.path_params["name"]:
                return head
        raise plain(404, "The site has no log of this name.")

    def _page(
        self, page: str, language: str, notice: Notice, cache_control: bytes
    ) -> Response:
        policy = (
            f"default-src 'none'; style-src {page_style_source(notice)}; "
            # A press on these buttons is an answer: no other page may lay itself over it.
            "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
        )
        return HTMLResponse(
            page,
            headers={
                "cache-control": cache_control.decode(),
                "content-language": language,
                "content-security-policy": policy,
                "referrer-policy": "same-origin",
                "x-content-type-options": "nosniff",
            },
        )

    async def notice(self, request: Request) -> Response:
        """The bytes that the digest names: whoever hashes them can check it."""
        digest = request.path_params["digest"]
        site = self._running.sites.of_notice(digest)
        if site is None:
            raise plain(404, "No such notice is published.")
        return Response(
            site.terms[digest].notice.canonical,
            media_type="application/json",
            headers={
                "cache-control": FOR_EVER.decode(),
                "etag": f'"{digest}"',
                "access-control-allow-origin": "*",
                "x-content-type-options": "nosniff",
            },
        )

    async def former_script(self, request: Request) -> Response:
        """A script of an older notice, which a cached page still names: the present one."""
        language = request.path_params["language"]
        if language not in self._site(request).scripts:
            raise plain(404, "The notice does not speak this language.")
        address = f"{self._running.endpoint}/banner.js?lang={language}"
        return RedirectResponse(address, 307, {"cache-control": SHORT.decode()})

    async def gpc(self, request: Request) -> Response:
        """Say that we honour the signal (W3C Global Privacy Control, GPC-5)."""
        at = datetime.fromtimestamp(self._site(request).published_at, UTC)
        return Response(
            f'{{"gpc":true,"lastUpdate":"{at:%Y-%m-%d}"}}',
            media_type="application/json",
            headers={"cache-control": SHORT.decode()},
        )

    async def health(self, request: Request) -> Response:
        """200 only where a choice could be recorded now."""
        loop = asyncio.get_running_loop()
        until, trouble = self._health
        if loop.time() >= until:
            self._health = (loop.time() + _HEALTH_LASTS_SECONDS, trouble)
            trouble = await asyncio.to_thread(self._trouble)
            self._health = (loop.time() + _HEALTH_LASTS_SECONDS, trouble)
        if trouble:
            raise unavailable(trouble, 5)
        return PlainTextResponse("ok\n", headers={"cache-control": "no-store"})

    def _trouble(self) -> str:
        """Why nothing can be recorded; empty where it can."""
        sites = list(self._running.sites)
        if not sites:
            return "No notice is published."
        if self._running.watched.in_trouble:
            return "The last choices could not be recorded."
        try:
            # It is there already, so this takes the write lock and writes nothing.
            self._running.watched.store.add_site(sites[0].site)
        except BandeauError as wrong:
            return wrong.message
        return ""

    async def metrics(self, request: Request) -> Response:
        running = self._running
        text = running.counts.exposition(running.watched, running.sequencer.waiting)
        return PlainTextResponse(
            text, headers={"cache-control": "no-store"}, media_type=_PROMETHEUS
        )

    def _site(self, request: Request) -> Published:
        return self._running.site_of(Sent(request.scope))

    # --- what goes wrong -------------------------------------------------------------

    async def http_problem(self, request: Request, wrong: Exception) -> Response:
        """What Starlette says by itself: 404, and 405 with what is allowed."""
        assert isinstance(wrong, HTTPException)
        headers = [
            (name.encode(), value.encode())
            for name, value in (wrong.headers or {}).items()
        ]
        detail = _DETAILS.get(wrong.status_code, "")
        return self._as_response(plain(wrong.status_code, detail, *headers))

    async def problem(self, request: Request, wrong: Exception) -> Response:
        assert isinstance(wrong, ProblemError)
        return self._as_response(wrong)

    async def unavailable(self, request: Request, wrong: Exception) -> Response:
        assert isinstance(wrong, UnavailableError)
        return self._as_response(unavailable(wrong.message, wrong.retry_after))

    def _as_response(self, wrong: ProblemError) -> Response:
        self._running.counts.problems[wrong.problem.status] += 1
        headers, body = rendered(wrong.problem)
        response = Response(body, wrong.problem.status)
        response.raw_headers = [*headers, *wrong.headers]
        return response


_PROMETHEUS: Final = "text/plain; version=0.0.4"
_DETAILS: Final = {
    404: "There is nothing at this address.",
    405: "This address is not answered that way.",
}


def _language(request: Request, notice: Notice) -> str:
    wanted = request.query_params.get("lang", "")
    if wanted in notice.languages:
        return wanted
    return language_for(request.headers.get("accept-language", ""), notice)


def _receipt(store: LogStore, site: str, request: bytes) -> Proof | None:
    index = store.find_request(site, request)
    return None if index is None else receipt(store, site, index)


def _log_text(octets: bytes, cache_control: bytes) -> Response:
    return Response(
        octets,
        media_type="text/plain; charset=utf-8",
        headers={
            "cache-control": cache_control.decode(),
            "x-content-type-options": "nosniff",
        },
    )
