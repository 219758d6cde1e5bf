"""What is held back is not live, by Chromium's own parser and preload scanner."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, ThreadingTCPServer
from types import TracebackType
from typing import Self

import pytest
from playwright.sync_api import Browser, sync_playwright

from bandeau.gate.plan import Plan
from bandeau.gate.rewrite import StillLiveError, rewrite_page
from tests.gate.nasty import pages
from tests.gate.visitors import ACCEPTING, NOT_ACCEPTING, OWN, planned

pytestmark = pytest.mark.browser


class Web:
    """Our own site, and one listener that stands in for everybody else.

    Not a playwright route: that would see neither preconnects nor all that the preload
    scanner asks for. A connection names the stranger in its request or in its TLS
    greeting.
    """

    def __init__(self) -> None:
        self.pages: list[str] = []
        self.asked: set[int] = set()
        web = self

        class Own(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                number = re.fullmatch(r"/page/(\d+)", self.path)
                page = web.pages[int(number[1])] if number else ""
                content = page.encode("utf-8", "surrogateescape")
                self.send_response(200 if number else 404)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        class Stranger(BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(5)
                try:
                    greeting = self.request.recv(4096)
                except OSError:
                    return
                for number in re.findall(rb"n(\d+)\.stranger\.test", greeting):
                    web.asked.add(int(number))

        self.own = ThreadingHTTPServer(("127.0.0.1", 0), Own)
        self.stranger = ThreadingTCPServer(("127.0.0.1", 0), Stranger)
        self.own.daemon_threads = self.stranger.daemon_threads = True

    def __enter__(self) -> Self:
        for server in (self.own, self.stranger):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for server in (self.own, self.stranger):
            server.shutdown()
            server.server_close()


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with Web() as running:
        yield running


@pytest.fixture(scope="module")
def browser(chromium: str, web: Web) -> Iterator[Browser]:
    own, stranger = (s.server_address[1] for s in (web.own, web.stranger))
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                (
                    f"--host-resolver-rules=MAP {OWN}:80 127.0.0.1:{own},"
                    f"MAP * 127.0.0.1:{stranger}"
                ),
            ],
        )
        yield running
        running.close()


def visit(browser: Browser, web: Web, numbers: list[int], *, scripts: bool) -> set[int]:
    """Open pages one after the other; what the stranger was asked meanwhile."""
    web.asked.clear()
    context = browser.new_context(java_script_enabled=scripts, service_workers="block")
    page = context.new_page()
    for number in numbers:
        page.goto(f"http://{OWN}/page/{number}", wait_until="commit")
        page.wait_for_timeout(60)
    page.wait_for_timeout(300)
    context.close()
    return set(web.asked)


def held(html: str, plan: Plan) -> str:
    try:
        return rewrite_page(
            html,
            plan,
            page_host=OWN,
            head="<style>p{}</style>",
            body="<p>banner</p>",
        )
    except StillLiveError:
        return ""  # answered with 502


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("scripts", [True, False])
def test_nasty_pages_ask_nobody(browser: Browser, web: Web, *, scripts: bool) -> None:
    nasty = pages()
    web.pages = [held(page, NOT_ACCEPTING[0]) for page in nasty]
    # A gate that answers 502 to everything would be safe and of no use.
    unsent = [page for page, out in zip(nasty, web.pages, strict=True) if not out]
    assert len(unsent) < len(nasty) / 8, unsent

    asked = visit(browser, web, list(range(len(nasty))), scripts=scripts)

    assert [] == [nasty[number] for number in sorted(asked)]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_same_pages_ask_when_nothing_is_held_back(
    browser: Browser, web: Web
) -> None:
    web.pages = pages()

    asked = visit(browser, web, list(range(len(web.pages))), scripts=True)

    # Not all do: some of them fool only a careless reader.
    assert len(asked) > 100, f"Only {len(asked)} ask: the other test proves little."


@pytest.mark.slow
def test_what_is_accepted_is_live(browser: Browser, web: Web) -> None:
    page = "<!doctype html><body><iframe data-purpose=ads src=http://n7.stranger.test/>"
    web.pages = [held(page, planned(ACCEPTING)), held(page, NOT_ACCEPTING[1])]

    assert {7} == visit(browser, web, [0], scripts=False)
    assert set[int]() == visit(browser, web, [1], scripts=False)
