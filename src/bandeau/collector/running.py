"""A collector while it runs: its sites, its line of answers, its counts.

What answers requests (`choices`, `pages`, `service`) stands on this and knows nothing of
each other.
"""

import asyncio
import time
from contextlib import suppress
from typing import Final

from bandeau.collector.origins import host_of
from bandeau.collector.problems import ProblemError, plain, rendered
from bandeau.collector.requests import Scope, Send, Sent, answer
from bandeau.collector.sites import Published, Sites
from bandeau.collector.watched import Counts, Watched
from bandeau.ledger.log import Logs, expect_no_log
from bandeau.ledger.logs import LogStore, Seal
from bandeau.ledger.sequencer import Sequencer
from bandeau.ledger.store import Store
from bandeau.regimes import Regime

LOOK_EVERY_SECONDS: Final = 1.0


class Running:
    """Starts in the event loop of whoever asks first, and again in another one.

    One loop at a time: it serves one server, whose requests share one thread.
    """

    def __init__(
        self,
        store: Store,
        *,
        site: str | None,
        regime: Regime,
        endpoint: str,
        logs: Logs | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.logs = logs
        self.sites = Sites(store, only=site, regime=regime, endpoint=endpoint)
        self.counts = Counts()
        self.watched = Watched(store, append=logs.append if logs else None)
        self._sequencer: Sequencer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()
        self._looked_at = -LOOK_EVERY_SECONDS
        self._task: asyncio.Task[None] | None = None

    def site_of(self, sent: Sent) -> Published:
        """The site that a request is for, by its Host.

        Raises:
            ProblemError: 404, there is none.
        """
        site = self.sites.of_host(host_of(sent.text(b"host")))
        if site is None:
            raise plain(404, "No notice is published for this host.")
        return site

    async def send_problem(
        self, wrong: ProblemError, scope: Scope, send: Send, *, page: bool = False
    ) -> None:
        """Answer with a problem, as JSON or as a page."""
        self.counts.problems[wrong.problem.status] += 1
        headers, body = rendered(wrong.problem, page=page)
        await answer(
            send,
            wrong.problem.status,
            [*headers, *wrong.headers],
            body,
            head=scope["method"] == "HEAD",
        )

    def seal_of(self, site: str, index: int) -> Seal | None:
        """Where a record stands in a log; None where there is none."""
        store = self.watched.store
        if self.logs is None or not isinstance(store, LogStore):
            return None
        return store.seal(site, index)

    @property
    def sequencer(self) -> Sequencer:
        assert self._sequencer is not None, "every request starts the collector first"
        return self._sequencer

    @property
    def is_alive(self) -> bool:
        """Whether it takes answers, in whichever loop."""
        return self._sequencer is not None

    @property
    def is_here(self) -> bool:
        """Whether it runs in the present event loop."""
        return self._loop is asyncio.get_running_loop()

    async def start(self) -> None:
        """Read the notices and make the line of those who answer.

        However many first requests ask at once, it happens once; if it fails it fails
        for them, and the next one tries again.
        """
        loop = asyncio.get_running_loop()
        if self._started is None or self._started.get_loop() is not loop:
            self._started = loop.create_task(self._start())
        started = self._started
        try:
            # One who gives up must not take the others' start along.
            await asyncio.shield(started)
        except Exception:
            if self._started is started:
                self._started = None
            raise

    async def _start(self) -> None:
        await asyncio.to_thread(self.sites.load)
        if self.logs is None:
            names = [published.site for published in self.sites]
            await asyncio.to_thread(expect_no_log, self.watched.store, names)
        if self._sequencer is None:
            self._sequencer = Sequencer(self.watched.as_store())
        self._looking = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._keep_looking())

    async def close(self) -> None:
        """Take no more answers, and serve those who wait."""
        if self._task is not None and self.is_here:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._task = self._loop = self._started = None
        sequencer, self._sequencer = self._sequencer, None
        if sequencer is not None:
            # In a thread, so that this loop can wake those whose turn still came.
            await asyncio.to_thread(sequencer.close)

    async def look_again(self) -> None:
        """Look for new notices: at most once a second, however many ask.

        Who asks gets a look that began after they did.
        """
        asked_at = time.monotonic()
        async with self._looking:
            if self._looked_at > asked_at:
                return
            due = self._looked_at + LOOK_EVERY_SECONDS - time.monotonic()
            await asyncio.sleep(max(0.0, due))
            self._looked_at = time.monotonic()
            await asyncio.to_thread(self.sites.load_again)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            await self.look_again()
