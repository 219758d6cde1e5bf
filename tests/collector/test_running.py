"""Several sites, new notices, starting, stopping: the collector's life."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bandeau.collector import Collector, running
from bandeau.errors import MisconfiguredError
from bandeau.ledger.sqlite import SqliteStore
from bandeau.model.cookie import read_cookie
from bandeau.model.notices import Notice
from tests.collector.conftest import NOW, Browser, choice, make_notice, publish


@pytest.fixture
def newer() -> Notice:
    return make_notice(**{'id = "video"': 'id = "films"'})


@pytest.fixture
def other() -> Notice:
    """Another site's notice."""
    changes = {
        '"courrier"': '"phare"',
        '"news.example", "www.news.example"': '"*.phare.example"',
    }
    return make_notice(**changes)


# --- notices ---------------------------------------------------------------------------


def test_a_notice_that_another_process_publishes_is_found(
    browser: Browser, store: SqliteStore, newer: Notice
) -> None:
    browser.get("/healthz")

    publish(store, newer, at=1_795_000_000)
    answer = browser.answer(choice(newer, "n"))

    # At once, though nobody has looked yet: the answer of a page that another process
    # rendered is not lost.
    assert answer.status_code == 201
    assert browser.get(f"/bandeau/notice/{newer.digest}").status_code == 200


def test_the_file_follows_the_notice(
    browser: Browser,
    store: SqliteStore,
    newer: Notice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "LOOK_EVERY_SECONDS", 0.02)
    before = browser.get("/bandeau/banner.js").text

    publish(store, newer, at=1_795_000_000)
    browser.runner.run(asyncio.sleep(0.3))
    after = browser.get("/bandeau/banner.js").text

    assert newer.digest[:8] not in before
    assert newer.digest[:8] in after


def test_an_answer_to_an_older_notice_is_recorded_as_what_it_was(
    browser: Browser, store: SqliteStore, notice: Notice, newer: Notice
) -> None:
    publish(store, newer, at=1_795_000_000)
    answer = browser.answer(choice(notice, "n"))

    assert answer.status_code == 201
    assert answer.json()["notice"] == notice.digest
    cookie = answer.headers["set-cookie"].split("; ")[0].removeprefix("bandeau=")
    assert read_cookie(cookie).notice == notice.digest[:8]
    page = browser.get("/bandeau/settings", cookie=f"bandeau={cookie}")
    assert newer.digest[:8] in page.text
    assert "data-unanswered" not in page.text.partition("</style>")[2]


def test_trouble_while_looking_changes_nothing(
    browser: Browser,
    store: SqliteStore,
    notice: Notice,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    browser.get("/healthz")
    monkeypatch.setattr(store, "notices", lambda site: 1 / 0)
    answer = browser.answer(choice(notice, "n", notice="x" * 43))

    assert answer.status_code == 400
    assert browser.get("/bandeau/banner.js").status_code == 200
    assert "cannot be read" in caplog.text


def test_a_store_without_a_notice_serves_nobody(tmp_path: Path) -> None:
    store = SqliteStore.create(tmp_path)
    collector = Collector(store, clock=lambda: NOW)
    browser = Browser(collector)

    assert browser.get("/bandeau/banner.js").status_code == 404
    assert browser.get("/healthz").status_code == 503

    browser.runner.run(collector.close())
    browser.runner.close()
    store.close()


def test_a_site_that_is_not_there_stops_the_start(store: SqliteStore) -> None:
    collector = Collector(store, site="phantom")

    with pytest.raises(MisconfiguredError, match="phantom"):
        asyncio.run(collector.start())


# --- several sites ---------------------------------------------------------------------


@pytest.fixture
def both(store: SqliteStore, other: Notice) -> Iterator[Browser]:
    publish(store, other)
    collector = Collector(store, clock=lambda: NOW)
    browser = Browser(collector)
    yield browser
    browser.runner.run(collector.close())
    browser.runner.close()


def test_sites_are_told_apart_by_host(
    both: Browser, notice: Notice, other: Notice
) -> None:
    ours = both.get("/bandeau/banner.js", host="news.example").text
    theirs = both.get("/bandeau/banner.js", host="www.phare.example:8443").text

    assert notice.digest[:8] in ours
    assert other.digest[:8] in theirs
    assert both.get("/bandeau/banner.js", host="evil.example").status_code == 404


def test_a_site_is_not_answered_with_anothers_notice(
    both: Browser, store: SqliteStore, other: Notice
) -> None:
    answer = both.answer(choice(other, "n"), host="news.example")

    assert answer.status_code == 400
    assert store.size("phare") == 0


def test_a_host_of_its_own_may_collect_for_several_sites(
    both: Browser, store: SqliteStore, notice: Notice, other: Notice
) -> None:
    at = {"host": "consent.example"}
    ours = both.answer(choice(notice, "n"), origin="https://news.example", **at)
    theirs = both.answer(choice(other, "n"), origin="https://a.phare.example", **at)
    crossed = both.answer(choice(notice, "n"), origin="https://a.phare.example", **at)
    stranger = both.answer(choice(notice, "n"), origin="https://evil.example", **at)

    codes = [a.status_code for a in (ours, theirs, crossed, stranger)]
    assert codes == [201, 201, 400, 403]
    assert "set-cookie" not in ours.headers
    assert (store.size("courrier"), store.size("phare")) == (1, 1)


def test_one_of_several_sites_may_be_served_alone(
    store: SqliteStore, other: Notice
) -> None:
    publish(store, other)
    collector = Collector(store, site="phare", clock=lambda: NOW)
    browser = Browser(collector)

    assert other.digest[:8] in browser.get("/bandeau/banner.js").text

    browser.runner.run(collector.close())
    browser.runner.close()


# --- starting and stopping ---------------------------------------------------------------


async def lifespan(app: Any, *messages: str) -> list[dict[str, Any]]:
    """Run an application's lifespan and return what it told."""
    told: list[dict[str, Any]] = []
    waiting = [{"type": f"lifespan.{name}"} for name in messages]

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    return told


def test_a_lifespan_starts_and_ends_it(collector: Collector) -> None:
    told = asyncio.run(lifespan(collector, "startup", "shutdown"))

    assert [m["type"] for m in told] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert not [t for t in threading.enumerate() if t.name == "bandeau-sequencer"]


def test_a_start_that_fails_is_told(store: SqliteStore) -> None:
    told = asyncio.run(lifespan(Collector(store, site="phantom"), "startup"))

    assert told[0]["type"] == "lifespan.startup.failed"
    assert "phantom" in told[0]["message"]


def test_it_starts_again_in_another_loop(
    collector: Collector, notice: Notice, store: SqliteStore
) -> None:
    for _ in range(2):
        browser = Browser(collector)
        assert browser.answer(choice(notice, "n")).status_code == 201
        browser.runner.close()

    assert store.size("courrier") == 2
    asyncio.run(collector.close())


def test_who_waits_is_still_served_at_the_end(
    collector: Collector, notice: Notice, store: SqliteStore
) -> None:
    async def story() -> list[int]:
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(collector), base_url="https://news.example"
        )
        await collector.start()
        presses = [
            asyncio.create_task(
                client.post("/bandeau/choice", json=choice(notice, "n"))
            )
            for _ in range(20)
        ]
        await presses[0]
        await collector.close()
        return [(await press).status_code for press in presses]

    codes = asyncio.run(story())

    assert codes.count(201) == store.size("courrier")
    assert codes.count(201) > 0


def test_many_first_requests_start_it_once(
    collector: Collector, notice: Notice, store: SqliteStore
) -> None:
    async def story() -> list[int]:
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(collector), base_url="https://news.example"
        )
        presses = [
            client.post("/bandeau/choice", json=choice(notice, "n")) for _ in range(50)
        ]
        answers = await asyncio.gather(*presses)
        lines = [t for t in threading.enumerate() if t.name == "bandeau-sequencer"]
        assert len(lines) == 1
        await collector.close()
        return [answer.status_code for answer in answers]

    assert asyncio.run(story()) == [201] * 50
    assert store.size("courrier") == 50


def test_one_key_many_times_at_once_is_one_record(
    collector: Collector, notice: Notice, store: SqliteStore
) -> None:
    body = choice(notice, "y")

    async def story() -> list[httpx.Response]:
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(collector), base_url="https://news.example"
        )
        answers = await asyncio.gather(
            *(client.post("/bandeau/choice", json=body) for _ in range(20))
        )
        await collector.close()
        return answers

    answers = asyncio.run(story())

    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] * 19 + [201]
    assert {answer.json()["record"] for answer in answers} == {0}
    assert store.size("courrier") == 1


def test_it_may_be_mounted_below_a_path(
    collector: Collector, notice: Notice, store: SqliteStore
) -> None:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    browser = Browser(Starlette(routes=[Mount("/below", app=collector)]))
    answer = browser.send("POST", "/below/bandeau/choice", json=choice(notice, "n"))
    page = browser.get("/below/bandeau/policy")

    assert (answer.status_code, page.status_code) == (201, 200)
    browser.runner.run(collector.close())
    browser.runner.close()


def test_a_browser_that_leaves_gets_no_answer(
    collector: Collector, store: SqliteStore
) -> None:
    sent: list[Any] = []

    async def story() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/bandeau/choice",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
        }
        await collector(scope, receive, send)
        await collector.close()

    asyncio.run(story())

    assert sent == []
    assert store.size("courrier") == 0
