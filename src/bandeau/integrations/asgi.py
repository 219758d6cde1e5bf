"""The gate as plain ASGI middleware: it decides before the bytes leave.

Only pages are held up and rewritten; every other response goes through as it comes,
minus the cookies that may not be set. A page that cannot be rewritten becomes a 502,
never the live page.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from bandeau.errors import BandeauError
from bandeau.gate.door import Banner, Door, Report, Site
from bandeau.gate.plan import Mode
from bandeau.gate.visit import Header, Kind, Visit
from bandeau.regimes import Regime

Message = dict[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

_LOG = logging.getLogger("bandeau.gate")

# Ways round the body messages, and hints that make a browser fetch before the page.
_BYPASSES = frozenset(
    f"http.response.{name}"
    for name in ("pathsend", "zerocopysend", "trailers", "early_hint", "push", "debug")
)

_BROKEN = b"""<!doctype html><html lang=en><meta charset=utf-8><title>502</title>
<p>This page cannot be shown at the moment. Please try again later.
"""


def _log(report: Report) -> None:
    _LOG.warning("Undeclared %s: %s. Hint: %s", report.kind, report.name, report.hint)


class Gate:
    """Middleware around any ASGI application.

    The application finds `scope["bandeau"]`: `allows(purpose)`, `allows_service(id)`,
    `answers`, `notice`. Paths that begin with one of `skip` are not gated.
    """

    def __init__(
        self,
        app: App,
        *,
        site: Site,
        regime: Regime,
        mode: Mode,
        banner: Banner,
        clock: Callable[[], datetime],
        on_report: Callable[[Report], None] = _log,
        skip: tuple[str, ...] = ("/bandeau/",),
        largest_page: int = 10_000_000,
    ) -> None:
        self.app = app
        self.clock = clock
        self.skip = skip
        self.door = Door(
            site=site,
            regime=regime,
            mode=mode,
            banner=banner,
            on_report=on_report,
            largest_page=largest_page,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self.skip):
            await self.app(scope, receive, send)
            return
        visit = self.door.visit(scope["headers"], scope["method"], self.clock())
        given: dict[str, Any] = scope.get("extensions") or {}
        inner = {
            **scope,
            "headers": visit.request_headers(scope["headers"]),
            "extensions": {n: v for n, v in given.items() if n not in _BYPASSES},
            "bandeau": visit.visitor,
        }
        await self.app(inner, receive, _Response(visit, send))


class _Response:
    """One response on its way out: the `send` that the application is given."""

    def __init__(self, visit: Visit, send: Send) -> None:
        self.visit = visit
        self.forward = send
        self.start: Message = {}
        self.body = bytearray()
        self.collecting = False
        self.answered = False

    async def __call__(self, message: Message) -> None:
        if self.answered:
            return
        if message["type"] == "http.response.start":
            status, headers = message["status"], list(message.get("headers", ()))
            self.collecting = self.visit.kind(status, headers) is Kind.PAGE
            self.start = message
            if not self.collecting:
                kept = self.visit.headers(status, headers)
                await self.forward({**message, "headers": kept})
        elif self.collecting and message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            if len(self.body) > self.visit.largest_page:
                _LOG.error("A page was not sent: it is too large.")
                await self._answer(502, _BROKEN_HEADERS, _BROKEN)
            elif not message.get("more_body", False):
                await self._finish()
        else:
            await self.forward(message)

    async def _finish(self) -> None:
        status, headers = self.start["status"], list(self.start.get("headers", ()))
        try:
            headers, body = self.visit.page(status, headers, bytes(self.body))
        except BandeauError as error:
            _LOG.error("A page was not sent: %s", error)
            status, headers, body = 502, _BROKEN_HEADERS, _BROKEN
        await self._answer(status, headers, body)

    async def _answer(self, status: int, headers: list[Header], body: bytes) -> None:
        self.answered = True
        self.body.clear()
        start = {**self.start, "status": status, "headers": headers}
        await self.forward(start)
        await self.forward({"type": "http.response.body", "body": body})


_BROKEN_HEADERS: list[Header] = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-length", str(len(_BROKEN)).encode()),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'"),
]
