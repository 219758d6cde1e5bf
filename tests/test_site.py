"""Three lines to install: the gate, the collector and the application as one."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from bandeau.errors import MisconfiguredError, StoreMissingError
from bandeau.ledger.sqlite import SqliteStore
from bandeau.model.draft import NoticeError
from bandeau.site import Site, publish_file

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TOML = """
site = "courrier"
domains = ["news.example"]
languages = ["fr", "en"]
[controller]
name = "Le Courrier"
address = "3, quai des Mariniers"
contact = "privacy@news.example"
[[services]]
id = "plume"
name = "Plume Metrics"
controller = "Plume SAS"
purposes = ["audience"]
hosts = ["plume.example"]
[[services.cookies]]
name = "_pm_id"
lifetime = "13 months"
use = "counting"
"""
PAGE = (
    b"<!doctype html><html lang=fr><head><title>x</title>"
    b"<script src=https://plume.example/p.js></script></head><body><p>x</body></html>"
)


async def newspaper(scope: Any, receive: Any, send: Any) -> None:
    """An application that knows no lifespan, counts its visitors and sets a cookie."""
    assert scope["type"] == "http"
    allowed = scope["bandeau"].allows("audience")
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"set-cookie", b"_pm_id=1; Path=/"),
        (b"x-allowed", str(allowed).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": PAGE})


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "notice.toml").write_text(TOML)
    publish_file(folder / "data", folder / "notice.toml")
    return folder / "data"


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def site(published: Path, runner: asyncio.Runner) -> Iterator[Site]:
    site = Site(newspaper, store=published, clock=lambda: NOW)
    yield site
    runner.run(site.close())


@pytest.fixture
def browser(site: Site) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(site), base_url="https://news.example"
    )


def test_a_silent_visitor_is_asked_and_nothing_runs(
    browser: httpx.AsyncClient, runner: asyncio.Runner
) -> None:
    page = runner.run(browser.get("/"))

    assert 'data-bandeau="banner"' in page.text
    assert page.headers["x-allowed"] == "False"
    assert "set-cookie" not in page.headers
    tag = page.text.partition("https://plume.example")[2].partition(">")[0]
    assert 'type="text/plain"' in tag


def test_a_yes_takes_effect_with_the_next_page(
    browser: httpx.AsyncClient, runner: asyncio.Runner, site: Site
) -> None:
    notice, _ = site._notices()
    form = {"notice": notice.digest, "via": "first-layer", "action": "accept"}
    answer = runner.run(
        browser.post(
            "/bandeau/choice", data=form, headers={"origin": "https://news.example"}
        )
    )
    page = runner.run(browser.get("/"))

    assert answer.status_code == 303
    assert page.headers["x-allowed"] == "True"
    assert "_pm_id=1" in page.headers["set-cookie"]
    assert "https://plume.example/p.js" in page.text


def test_signals_and_files_are_served_beside_the_application(
    browser: httpx.AsyncClient, runner: asyncio.Runner
) -> None:
    assert runner.run(browser.get("/.well-known/gpc.json")).json()["gpc"] is True
    assert runner.run(browser.get("/bandeau/banner.js")).status_code == 200
    assert runner.run(browser.get("/bandeau/nothing")).status_code == 404
    assert "x-allowed" in runner.run(browser.get("/healthz")).headers


def test_uniform_sends_the_same_page_to_everybody(
    published: Path, runner: asyncio.Runner
) -> None:
    site = Site(newspaper, store=published, mode="uniform", clock=lambda: NOW)
    notice, _ = site._notices()
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(site), base_url="https://news.example"
    )
    cookie = f"bandeau=1.{notice.digest[:8]}.g10.yyyyy"
    silent = runner.run(client.get("/"))
    accepting = runner.run(client.get("/", headers={"cookie": cookie}))

    assert silent.text == accepting.text
    runner.run(site.close())


# --- what is wrong is told before the first request ----------------------------------


def test_a_mode_that_does_not_exist(published: Path) -> None:
    with pytest.raises(MisconfiguredError, match=r"one of .*personal"):
        Site(newspaper, store=published, mode="open")


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreMissingError):
        Site(newspaper, store=tmp_path / "nowhere")

    assert not (tmp_path / "nowhere").exists()


def test_a_store_without_a_site(tmp_path: Path) -> None:
    SqliteStore.create(tmp_path).close()

    with pytest.raises(MisconfiguredError, match="no site"):
        Site(newspaper, store=tmp_path)


def test_a_site_without_a_notice(tmp_path: Path) -> None:
    store = SqliteStore.create(tmp_path)
    store.add_site("courrier")
    with pytest.raises(MisconfiguredError, match="no published notice"):
        Site(newspaper, store=store)
    store.close()


def test_one_of_two_sites_has_to_be_named(tmp_path: Path) -> None:
    (tmp_path / "notice.toml").write_text(TOML)
    publish_file(tmp_path / "data", tmp_path / "notice.toml")
    store = SqliteStore.open(tmp_path / "data")
    store.add_site("phare")

    with pytest.raises(MisconfiguredError, match=r"site= one of courrier, phare"):
        Site(newspaper, store=store)
    Site(newspaper, store=store, site="courrier")
    store.close()


def test_a_notice_with_mistakes_makes_no_store(tmp_path: Path) -> None:
    (tmp_path / "notice.toml").write_text(TOML.replace("languages", "langages"))

    with pytest.raises(NoticeError):
        publish_file(tmp_path / "data", tmp_path / "notice.toml")

    assert not (tmp_path / "data").exists()


# --- lifespan ------------------------------------------------------------------------


async def lived(app: Any) -> list[str]:
    told: list[str] = []
    waiting = ["lifespan.startup", "lifespan.shutdown"]

    async def receive() -> dict[str, Any]:
        return {"type": waiting.pop(0)}

    async def send(message: dict[str, Any]) -> None:
        told.append(message["type"])

    await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    return told


WHOLE = ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_an_application_without_a_lifespan_is_fine(
    site: Site, runner: asyncio.Runner
) -> None:
    assert runner.run(lived(site)) == WHOLE


def test_the_applications_lifespan_runs_inside_ours(
    published: Path, runner: asyncio.Runner
) -> None:
    heard: list[tuple[str, bool]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for name in ("startup", "shutdown"):
            message = await receive()
            heard.append((message["type"], site.collector.running.is_here))
            await send({"type": f"lifespan.{name}.complete"})

    site = Site(app, store=published)

    assert runner.run(lived(site)) == WHOLE
    assert heard == [("lifespan.startup", True), ("lifespan.shutdown", True)]
    assert not site.collector.running.is_alive
    runner.run(site.close())


def test_an_application_that_cannot_start_stops_all(
    published: Path, runner: asyncio.Runner
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        raise RuntimeError("no database")

    site = Site(app, store=published)

    with pytest.raises(RuntimeError, match="no database"):
        runner.run(lived(site))
    assert not site.collector.running.is_alive
    runner.run(site.close())


def test_an_application_that_leaves_the_lifespan_early_is_lived_without(
    published: Path, runner: asyncio.Runner
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()

    site = Site(app, store=published)

    assert runner.run(lived(site)) == WHOLE
    runner.run(site.close())
