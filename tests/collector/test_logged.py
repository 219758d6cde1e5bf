"""The collector of a site that has a log: what it answers, and what it serves."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bandeau.collector import Collector
from bandeau.errors import MisconfiguredError
from bandeau.ledger.log import create_log
from bandeau.ledger.merkle import leaf_hash
from bandeau.ledger.note import open_note, read_checkpoint, read_key
from bandeau.ledger.policy import read_policy
from bandeau.ledger.proof import verify
from bandeau.ledger.sqlite_logs import SqliteLogs
from bandeau.ledger.tiles import read_bundle
from bandeau.model.notices import Notice
from tests.collector.conftest import NOW, Browser, choice, publish

SEED = b"s" * 32
ORIGIN = "news.example/bandeau/log/2026"
AT = int(NOW.timestamp())


@pytest.fixture
def logged(tmp_path: Path, notice: Notice) -> Iterator[SqliteLogs]:
    store = SqliteLogs.create(tmp_path / "logged")
    publish(store, notice)
    create_log(store, notice.site, ORIGIN, seed=SEED, at=AT)
    yield store
    store.close()


@pytest.fixture
def visitor(logged: SqliteLogs) -> Iterator[Browser]:
    collector = Collector(logged, seed=SEED, clock=lambda: NOW)
    browser = Browser(collector)
    yield browser
    browser.runner.run(browser.client.aclose())
    browser.runner.run(collector.close())
    browser.runner.close()


def receipt_of(visitor: Browser, answer: dict[str, object]) -> httpx.Response:
    return visitor.get(f"/bandeau/receipt/{answer['request']}")


def policy_of(visitor: Browser) -> bytes:
    return visitor.get("/bandeau/log/2026/policy").content


def test_an_answer_says_where_it_stands_in_the_log(
    visitor: Browser, notice: Notice
) -> None:
    first = visitor.answer(choice(notice, "n")).json()
    second = visitor.answer(choice(notice, "y")).json()

    # Genesis, clock and notice stand before the first record.
    assert [(ORIGIN, 3), (ORIGIN, 4)] == [
        (told["origin"], told["index"]) for told in (first, second)
    ]
    assert [0, 1] == [first["record"], second["record"]]


def test_a_retry_is_told_the_same_place(visitor: Browser, notice: Notice) -> None:
    answer = choice(notice, "y")

    first, again = visitor.answer(answer), visitor.answer(answer)

    assert (201, 200) == (first.status_code, again.status_code)
    assert first.json() == again.json()


def test_a_retry_of_a_later_answer_of_a_subject_is_known_too(
    visitor: Browser, notice: Notice
) -> None:
    first = choice(notice, "y")
    second = choice(notice, "yn---", subject=first["subject"])
    visitor.answer(first)

    assert [201, 200] == [visitor.answer(second).status_code for _ in range(2)]


def test_the_receipt_of_an_answer_holds_until_a_byte_is_changed(
    visitor: Browser, notice: Notice
) -> None:
    answer = choice(notice, "y")
    visitor.answer(answer)

    served = receipt_of(visitor, answer)

    assert 200 == served.status_code
    assert "no-store" == served.headers["cache-control"]
    assert 'filename="receipt-3.tlog-proof"' in served.headers["content-disposition"]
    policy = read_policy(policy_of(visitor))
    examined = verify(served.content, policy)
    assert examined.holds
    assert examined.opening is not None
    assert b'"answers":"yyyyy"' in examined.opening.record
    spoilt = bytearray(served.content)
    spoilt[60] ^= 1
    assert not verify(bytes(spoilt), policy).holds


@pytest.mark.parametrize("key", ["0" * 32, "x", "3", "../log"])
def test_there_is_no_receipt_without_the_request_key(
    visitor: Browser, notice: Notice, key: str
) -> None:
    visitor.answer(choice(notice, "y"))

    assert 404 == visitor.get(f"/bandeau/receipt/{key}").status_code


def test_the_log_is_served_as_tiles(visitor: Browser, notice: Notice) -> None:
    for _ in range(3):
        visitor.answer(choice(notice, "n"))
    key = read_key(policy_of(visitor).decode().split()[1])

    note = visitor.get("/bandeau/log/2026/checkpoint")
    tile = visitor.get("/bandeau/log/2026/tile/0/000.p/6")
    bundle = visitor.get("/bandeau/log/2026/tile/entries/000.p/6")
    earlier = visitor.get("/bandeau/log/2026/tile/0/000.p/4")

    assert "no-cache" == note.headers["cache-control"]
    assert 6 == read_checkpoint(open_note(note.content, [key]).text).size
    assert "immutable" in tile.headers["cache-control"]
    entries = read_bundle(bundle.content, width=6)
    assert tile.content == b"".join(leaf_hash(entry) for entry in entries)
    assert earlier.content == tile.content[: 4 * 32]


@pytest.mark.parametrize(
    "path",
    [
        "2026/tile/0/000",
        "2026/tile/0/000.p/5",
        "2026/tile/0/001",
        "2026/tile/1/000.p/1",
        "2026/tile/x",
        "2025/checkpoint",
        "2026/nothing",
    ],
)
def test_what_the_log_does_not_have_is_not_served(
    visitor: Browser, notice: Notice, path: str
) -> None:
    visitor.answer(choice(notice, "n"))

    missing = visitor.get(f"/bandeau/log/{path}")

    assert 404 == missing.status_code
    assert "immutable" not in missing.headers.get("cache-control", "")


def test_without_the_key_the_collector_does_not_start(logged: SqliteLogs) -> None:
    collector = Collector(logged, clock=lambda: NOW)

    with pytest.raises(MisconfiguredError, match="nobody to sign it"):
        asyncio.run(collector.start())


def test_a_site_without_a_log_answers_as_ever(browser: Browser, notice: Notice) -> None:
    told = browser.answer(choice(notice, "n")).json()

    assert {"record", "notice", "at"} == told.keys()
    assert 404 == browser.get("/bandeau/log/2026/checkpoint").status_code
    assert 404 == browser.get(f"/bandeau/receipt/{'0' * 32}").status_code
