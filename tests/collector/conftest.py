"""A site with a published notice, its collector, and a browser that speaks to it."""

import asyncio
import itertools
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from bandeau.banner import render
from bandeau.collector import Collector, files, sites
from bandeau.ledger.record import new_request_key, new_subject_id
from bandeau.ledger.sqlite import SqliteStore
from bandeau.locale import catalogues
from bandeau.model.draft import read_notice
from bandeau.model.notices import Notice

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TOML = """
site = "courrier"
domains = ["news.example", "www.news.example"]
languages = ["fr", "en"]

[controller]
name = "Le Courrier"
address = "3, quai des Mariniers"
contact = "privacy@news.example"

[[services]]
id = "session"
name = "Session"
purposes = ["technical"]
exemption = "auth"

[[services]]
id = "plume"
name = "Plume Metrics"
controller = "Plume SAS"
purposes = ["audience"]

[[services.cookies]]
name = "_pm_*"
lifetime = "13 months"
use = "counting"

[[services]]
id = "video"
name = "Video"
controller = "Video SA"
purposes = ["social"]
"""
_count = itertools.count(1)


def make_notice(**changes: str) -> Notice:
    toml = TOML
    for old, new in changes.items():
        assert old in toml
        toml = toml.replace(old, new)
    return read_notice(toml.encode(), catalogues())


def new_key() -> str:
    return new_request_key(
        1_795_000_000_000 + next(_count), next(_count).to_bytes(10, "big")
    ).hex()


def new_subject() -> str:
    return new_subject_id(
        1_795_000_000_000 + next(_count), next(_count).to_bytes(10, "big")
    ).hex()


@pytest.fixture(scope="session", autouse=True)
def work_out_once() -> Iterator[None]:
    """Rendering and compressing take longer than most tests; the results are values."""
    known: dict[object, render.Bundle] = {}

    def bundle(notice: Notice, language: str, **rest: Any) -> render.Bundle:
        earlier = tuple(one.digest for one in rest["earlier"])
        key = (notice.digest, language, earlier, rest["endpoint"])
        if key not in known:
            known[key] = render.bundle(notice, language, **rest)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sites, "bundle", bundle)
        patch.setattr(sites, "compressed", cache(files.compressed))
        yield


@pytest.fixture(scope="session")
def notice() -> Notice:
    return make_notice()


def publish(store: SqliteStore, notice: Notice, at: int = 1_790_000_000) -> None:
    store.add_site(notice.site)
    store.publish(notice.site, notice.digest, notice.canonical, at)


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory, notice: Notice) -> Path:
    """A store with one notice; making it takes a dozen fsyncs, copying it none."""
    folder = tmp_path_factory.mktemp("published")
    store = SqliteStore.create(folder)
    publish(store, notice)
    store.close()
    return folder


@pytest.fixture
def store(tmp_path: Path, published_once: Path) -> Iterator[SqliteStore]:
    shutil.copytree(published_once, tmp_path / "store")
    store = SqliteStore.open(tmp_path / "store")
    yield store
    store.close()


class Browser:
    """Speaks to one application, in one event loop, one request after the other."""

    def __init__(self, app: Any, base: str = "https://news.example") -> None:
        self.runner = asyncio.Runner()
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=base
        )

    def send(self, method: str, path: str, **rest: Any) -> httpx.Response:
        # httpx keeps cookies by itself; here a test says which ones a browser holds.
        self.client.cookies.clear()
        return self.runner.run(self.client.request(method, path, **rest))

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.send("GET", path, headers=_dashed(headers))

    def answer(self, body: Mapping[str, object], **headers: str) -> httpx.Response:
        return self.send("POST", "/bandeau/choice", json=body, headers=_dashed(headers))

    def press(self, form: Mapping[str, object], **headers: str) -> httpx.Response:
        sent = {"origin": "https://news.example", **_dashed(headers)}
        sent = {name: value for name, value in sent.items() if value != "absent"}
        return self.send("POST", "/bandeau/choice", data=form, headers=sent)


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def collector(store: SqliteStore) -> Collector:
    return Collector(store, clock=lambda: NOW)


@pytest.fixture
def browser(collector: Collector) -> Iterator[Browser]:
    browser = Browser(collector)
    yield browser
    browser.runner.run(browser.client.aclose())
    browser.runner.run(collector.close())
    browser.runner.close()


def choice(
    notice: Notice, letter: str = "y", /, **changes: object
) -> dict[str, object]:
    """What the banner's script sends."""
    words = {"y": "accepted", "n": "refused", "-": "unanswered"}
    letters = letter * len(notice.asked) if len(letter) == 1 else letter
    body: dict[str, object] = {
        "notice": notice.digest,
        "request": new_key(),
        "via": "first-layer",
        "answers": dict(zip(notice.asked, (words[y] for y in letters), strict=True)),
        "services": "",
        "subject": new_subject() if "y" in letters else "",
    }
    body |= changes
    return {name: value for name, value in body.items() if value is not ...}


@pytest.fixture
def accepting(notice: Notice) -> dict[str, object]:
    return choice(notice, "y")


@pytest.fixture
def refusing(notice: Notice) -> dict[str, object]:
    return choice(notice, "n")
