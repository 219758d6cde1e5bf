"""A real Chromium, real servers: the newsroom as anybody starts it, and bare sites.

Nothing here waits for a clock: a test waits for what it wants to see.
"""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.sites import PageApp, gated, notice_toml
from tests.browser.visitor import Visitor

ROOT = Path(__file__).parents[2]

# Chromium would otherwise ask its maker's servers for this and that.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")
            item.add_marker(pytest.mark.timeout(60))


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    started = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
    yield started
    started.close()


@pytest.fixture
def arrive(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Makes a visitor with a fresh profile; options are those of a browser context."""
    visitors: list[Visitor] = []

    def arrives(home: str, **options: Any) -> Visitor:
        options.setdefault("viewport", {"width": 1024, "height": 768})
        visitor = Visitor(browser.new_context(**options), home)
        visitors.append(visitor)
        return visitor

    yield arrives
    for visitor in visitors:
        visitor.leaves()


@dataclass
class Newsroom:
    """The demo, running: its address and the folder of its store."""

    home: str
    store: Path


@pytest.fixture(scope="session")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newsroom]:
    folder = tmp_path_factory.mktemp("newsroom")
    command = [sys.executable, "-m", "examples.newsroom", "--port", "0", "--data"]
    with subprocess.Popen(
        [*command, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        first = running.stdout.readline()
        assert first.startswith("newsroom: "), first
        yield Newsroom(home=first.removeprefix("newsroom: ").strip(), store=folder)
        running.terminate()
        assert running.wait(timeout=20) == 0


class RunningSite:
    """An ASGI application on a free port, in a thread of its own; can be stopped."""

    def __init__(self, app: Any) -> None:
        self.app = app
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.home = f"http://localhost:{self.port}/"
        self.start()

    def start(self) -> None:
        config = uvicorn.Config(
            self.app,
            port=self.port,
            log_level="error",
            timeout_graceful_shutdown=1,
            lifespan="on",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve()), daemon=True
        )
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the test's server did not start"
            threading.Event().wait(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)


@dataclass
class SiteUnderTest:
    """A site with pages of the test's own; `page` is what `/` says."""

    home: str
    page: PageApp
    publish: Callable[[str], None]
    server: RunningSite
    store: Path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Callable[..., SiteUnderTest]]:
    """Makes a site: `site(html, mode="personal", notice=…)`.

    It is gated, or whatever else `served` makes of its pages and our application.
    """
    from bandeau.site import Site, publish_file

    running: list[RunningSite] = []
    store = tmp_path / "store"

    def publish(toml: str) -> None:
        notice = tmp_path / "notice.toml"
        notice.write_text(toml, encoding="utf-8")
        publish_file(store, notice)

    def made(
        html: str,
        *,
        mode: str = "personal",
        notice: str = "",
        served: Callable[[Any, Any], Any] = gated,
        **headers: str,
    ) -> SiteUnderTest:
        publish(notice or notice_toml())
        page = PageApp(html, headers)
        server = RunningSite(served(page, Site(page, store=store, mode=mode)))
        running.append(server)
        return SiteUnderTest(server.home, page, publish, server, store)

    yield made
    for server in running:
        server.stop()
