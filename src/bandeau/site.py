"""A whole site in one ASGI application: the gate around its pages, the collector beside.

    from bandeau.site import Site
    app = Site(app, store="bandeau-data")

This is where the edges are joined: the clock is read, the store opened, the banner put
into the gate. What can be wrong with a set-up is found here, before the first request.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bandeau.banner.render import body_for, bundle
from bandeau.collector import Collector
from bandeau.collector.requests import path_of
from bandeau.collector.sites import Published
from bandeau.errors import MisconfiguredError
from bandeau.gate.plan import Mode
from bandeau.integrations.asgi import Gate
from bandeau.ledger.keys import read_seed_file
from bandeau.ledger.log import expect_no_log
from bandeau.ledger.places import create_store, open_store
from bandeau.ledger.store import Store
from bandeau.locale import catalogues
from bandeau.model.choices import Choice
from bandeau.model.draft import read_notice
from bandeau.model.notices import Notice
from bandeau.regimes import regime_for

_log = logging.getLogger("bandeau.site")

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]


def now_utc() -> datetime:
    return datetime.now(UTC)


class Site:
    """An application and its consent: `/bandeau/…` is answered here, the rest is gated.

    `store` is a store or where one lies (a folder, or a database as
    postgresql://user@host/database); it is made by publishing a notice, never here.
    `site` is the name of the site in that store, where it has several. `mode` is
    "personal" (the server leaves out what is not accepted) or "uniform" (everybody gets
    the same bytes). `key` is the file with the seed of the site's log, where it has one:
    `bandeau ledger` makes both. `country` says whose law holds; without it the strictest
    does. The application's own lifespan runs inside ours, and one without any is fine.

    LIMIT: made before a server forks its workers, it would share the store's connections
    between processes. uvicorn and granian make it in each worker; with gunicorn, leave
    `preload_app` off.
    """

    def __init__(
        self,
        app: App,
        store: Store | Path | str,
        *,
        mode: str = "personal",
        country: str = "",
        site: str | None = None,
        key: Path | str | None = None,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        if mode not in _MODES:
            raise MisconfiguredError(
                f"There is no mode called {mode!r}.",
                hint=f"Choose one of {', '.join(_MODES)}.",
            )
        opened = open_store(store) if isinstance(store, (Path, str)) else None
        self._own_store = opened
        self.store: Store = opened or _given(store)
        try:
            self._name = site or _only_site(self.store)
            regime = regime_for(country)
            self.collector = Collector(
                self.store,
                site=self._name,
                regime=regime,
                seed=None if key is None else read_seed_file(Path(key)),
                clock=clock,
            )
            # Now, not with the first request: whoever has published nothing hears it.
            self.collector.running.sites.load()
            self._published()
            if key is None:
                expect_no_log(self.store, [self._name])
        except BaseException:
            if opened is not None:
                opened.close()
            raise
        self._app = app
        self._gate = Gate(
            app,
            site=self._notices,
            regime=regime,
            mode=_MODES[mode],
            banner=self._banner,
            clock=clock,
        )

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["type"] == "http" and self.collector.answers_to(path_of(scope)):
            await self.collector(scope, receive, send)
        else:
            await self._gate(scope, receive, send)

    async def close(self) -> None:
        """End what a lifespan would end, and let go of a store that was opened here."""
        await self.collector.close()
        if self._own_store is not None:
            self._own_store.close()

    # --- what the gate asks ------------------------------------------------------------

    def _published(self) -> Published:
        published = self.collector.running.sites.of_site(self._name)
        if published is None:
            raise MisconfiguredError(
                f"The site {self._name!r} has no published notice.",
                hint="Publish one with `bandeau notice publish notice.toml`.",
            )
        return published

    def _notices(self) -> tuple[Notice, tuple[Notice, ...]]:
        published = self._published()
        return published.notice, published.earlier

    def _banner(self, notice: Notice, language: str, choice: Choice) -> tuple[str, str]:
        published, endpoint = self._published(), self.collector.endpoint
        bundled = published.bundles.get(language)
        if bundled is None or notice is not published.notice:
            # Another notice came while this page was on its way: it keeps its own.
            bundled = bundle(
                notice,
                notice.language_for(language),
                earlier=[n for n in published.earlier if n is not notice],
                months=published.months,
                endpoint=endpoint,
            )
        body = body_for(notice, bundled.language, choice, endpoint=endpoint)
        return bundled.head, body

    # --- life --------------------------------------------------------------------------

    async def _live(self, scope: Any, receive: Receive, send: Send) -> None:
        """Run the application's lifespan inside ours; where it has none, ours alone."""
        heard: set[str] = set()
        told: set[str] = set()

        async def hear() -> Any:
            message = await receive()
            heard.add(message["type"])
            if message["type"] == "lifespan.startup":
                await self.collector.start()
            return message

        async def tell(message: Any) -> None:
            told.add(message["type"])
            if message["type"].startswith("lifespan.shutdown."):
                # After the application's own end, so that it may still answer till then.
                await self.collector.close()
            await send(message)

        try:
            await self._app(scope, hear, tell)
        except Exception:
            if told:
                await self.collector.close()
                raise
            # "If an exception is raised when calling the application callable with a
            # lifespan.startup message or a scope of type lifespan, the server must
            # continue but not send any lifespan events" -- ASGI, "Lifespan Protocol"
            _log.debug("The application has no lifespan.", exc_info=True)
        if "lifespan.startup.failed" in told:
            return
        if "lifespan.startup.complete" not in told:
            if "lifespan.startup" not in heard:
                await hear()
            await tell({"type": "lifespan.startup.complete"})
        if not any(kind.startswith("lifespan.shutdown.") for kind in told):
            if "lifespan.shutdown" not in heard:
                await hear()
            await tell({"type": "lifespan.shutdown.complete"})


_MODES = {mode.value: mode for mode in Mode}


def _given(store: Store | Path | str) -> Store:
    assert not isinstance(store, (Path, str)), "paths are opened before"
    return store


def _only_site(store: Store) -> str:
    sites = store.sites()
    if len(sites) == 1:
        return sites[0]
    raise MisconfiguredError(
        f"The store has {len(sites)} sites." if sites else "The store has no site.",
        hint=f"Say which: site= one of {', '.join(sites)}."
        if sites
        else "Publish a notice with `bandeau notice publish notice.toml`.",
    )


def publish_file(store: Path | str, notice_file: Path | str) -> Notice:
    """Publish a `notice.toml`, and make the store and the site where there is none.

    Raises:
        NoticeError: the notice has mistakes; all of them are told, nothing is written.
    """
    notice = read_notice(Path(notice_file).read_bytes(), catalogues())
    opened = create_store(store)
    try:
        opened.add_site(notice.site)
        at = int(now_utc().timestamp())
        opened.publish(notice.site, notice.digest, notice.canonical, at)
    finally:
        opened.close()
    return notice
