"""The collector as one ASGI application: which path is answered by what, and its life.

It may be served by itself, be mounted in another application, or stand beside a gate
(`bandeau.site`). Where its lifespan is not run it starts with its first request, in the
event loop of that request.
"""

import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from starlette.types import ASGIApp

from bandeau.banner.render import ENDPOINT
from bandeau.collector.choices import Choices
from bandeau.collector.files import Rendition
from bandeau.collector.negotiation import encoding_for, language_for
from bandeau.collector.pages import pages
from bandeau.collector.problems import ProblemError, plain, unavailable
from bandeau.collector.requests import (
    GoneError,
    Receive,
    Scope,
    Send,
    Sent,
    answer,
    path_of,
)
from bandeau.collector.running import Running
from bandeau.errors import MisconfiguredError, UnavailableError
from bandeau.ledger.log import Logs
from bandeau.ledger.logs import LogStore
from bandeau.ledger.store import Store
from bandeau.regimes import Regime, regime_for

_log = logging.getLogger("bandeau.collector")

# What was negotiated once is kept by the headers that asked: 2 MB of them at most.
_MOST_PICKED: Final = 4096
_LONGEST_PICKED: Final = 512
GPC: Final = "/.well-known/gpc.json"


def now_utc() -> datetime:
    return datetime.now(UTC)


def _logs(store: Store, seed: bytes, clock: Callable[[], datetime]) -> Logs:
    if not isinstance(store, LogStore):
        raise MisconfiguredError(
            "This store keeps no logs, so there is nothing to sign.",
            hint="Leave the key out.",
        )
    return Logs(
        store,
        seed=seed,
        clock=lambda: int(clock().timestamp()),
        entropy=os.urandom,
    )


class Collector:
    """Takes answers and serves banners for the sites of one store.

    `site` names the only site that is served; without it all of them are, told apart by
    Host. `seed` signs the logs of those that have one: the 32 bytes of its file
    (`ledger.keys`). `close` is for whoever runs no lifespan; the store is its owner's to
    close.
    """

    def __init__(
        self,
        store: Store,
        *,
        site: str | None = None,
        regime: Regime | None = None,
        endpoint: str = ENDPOINT,
        seed: bytes | None = None,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        regime = regime or regime_for("")
        logs = _logs(store, seed, clock) if seed is not None else None
        running = Running(store, site=site, regime=regime, endpoint=endpoint, logs=logs)
        self.running = running
        self.endpoint = endpoint
        self._picked: dict[tuple[bytes, ...], Rendition] = {}
        self._picked_of = -1
        self._choices = Choices(running, regime=regime, clock=clock)
        self._pages: ASGIApp = pages(running, clock=clock)
        self._choice_path = f"{endpoint}/choice"
        self._script_path = f"{endpoint}/banner.js"

    def answers_to(self, path: str) -> bool:
        """Say whether a path is ours, for whoever serves others beside it."""
        return path.startswith(f"{self.endpoint}/") or path == GPC

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            await self._pages(scope, receive, send)  # which closes a websocket
            return
        path = path_of(scope)
        try:
            if not self.running.is_here:
                await self.start()
            if path == self._choice_path:
                await self._choices(scope, receive, send)
            elif path == self._script_path or path in self.running.sites.files:
                await self._file(scope, path, send)
            else:
                await self._pages(scope, receive, send)
        except ProblemError as wrong:
            await self.running.send_problem(wrong, scope, send)
        except UnavailableError as busy:
            wrong = unavailable(busy.message, busy.retry_after)
            await self.running.send_problem(wrong, scope, send)
        except GoneError:
            return

    # --- files ---------------------------------------------------------------------

    async def _file(self, scope: Scope, path: str, send: Send) -> None:
        method = scope["method"]
        if method not in {"GET", "HEAD"}:
            raise plain(405, "This is a file.", (b"allow", b"GET, HEAD"))
        headers = dict[bytes, bytes](scope["headers"])
        sites = self.running.sites
        key = (
            path.encode(),
            scope["query_string"],
            headers.get(b"host", b""),
            headers.get(b"accept-language", b""),
            headers.get(b"accept-encoding", b""),
        )
        if self._picked_of != sites.version or len(self._picked) > _MOST_PICKED:
            self._picked.clear()
            self._picked_of = sites.version
        found = self._picked.get(key)
        if found is None:
            found = self._pick(path, scope)
            if sum(map(len, key)) < _LONGEST_PICKED:
                self._picked[key] = found
        known = headers.get(b"if-none-match")
        if known is not None and found.is_known(known):
            await answer(send, 304, found.unchanged, b"")
            return
        await answer(send, 200, found.headers, found.body, head=method == "HEAD")

    def _pick(self, path: str, scope: Scope) -> Rendition:
        sent = Sent(scope)
        encoding = encoding_for(sent.text(b"accept-encoding"))
        file = self.running.sites.files.get(path)
        if file is None:
            site = self.running.site_of(sent)
            query = f"&{scope['query_string'].decode('latin-1')}&"
            language = query.partition("&lang=")[2].partition("&")[0]
            if language not in site.scripts:
                language = language_for(sent.text(b"accept-language"), site.notice)
            file = site.scripts[language]
        return file.renditions[encoding]

    # --- life ----------------------------------------------------------------------

    async def start(self) -> None:
        """Read the notices and be ready; the first request does it where nobody does."""
        await self.running.start()

    async def close(self) -> None:
        """Take no more answers, and serve those who wait."""
        await self.running.close()

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self.start()
                except Exception as wrong:  # noqa: BLE001 - the server reports all
                    _log.exception("The collector cannot start.")
                    failed = {"type": "lifespan.startup.failed", "message": str(wrong)}
                    await send(failed)
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return
