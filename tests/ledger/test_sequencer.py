"""Many callers, one writer: order, once, bounds, failure, several processes, kill -9."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from bandeau.errors import MisconfiguredError, UnavailableError
from bandeau.ledger.record import Record, key_from_text
from bandeau.ledger.sequencer import Sequencer
from bandeau.ledger.sqlite import SqliteStore
from bandeau.ledger.store import Store

SITE = "newsroom"
NewRecord = Callable[..., Record]


class Gated:
    """A store whose `append` waits at a gate, counts, and fails when it is told to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.gate = threading.Event()
        self.gate.set()
        self.batches: list[int] = []
        self.fails_before: list[Exception] = []
        self.fails_after: list[Exception] = []
        self.blind = False

    def append(
        self, site: str, records: Sequence[Record], *, expected_size: int
    ) -> list[int]:
        self.gate.wait(5)
        if self.fails_before:
            raise self.fails_before.pop()
        indexes = self._store.append(site, records, expected_size=expected_size)
        self.batches.append(len(records))
        if self.fails_after:
            raise self.fails_after.pop()
        return indexes

    def size(self, site: str) -> int:
        return self._store.size(site)

    def find_request(self, site: str, request: bytes) -> int | None:
        if self.blind:
            raise UnavailableError("Out of reach.", retry_after=1)
        return self._store.find_request(site, request)


@pytest.fixture
def gated(store: Store) -> Gated:
    return Gated(store)


@pytest.fixture
def sequencer(gated: Gated) -> Iterator[Sequencer]:
    sequencer = Sequencer(gated, most_waiting=50, most_in_a_batch=20)
    yield sequencer
    gated.gate.set()
    sequencer.close()


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110  what is awaited has no event to set
        await asyncio.sleep(0.001)


def test_callers_get_the_places_in_which_they_came(
    store: Store, sequencer: Sequencer, new_record: NewRecord
) -> None:
    records = [new_record() for _ in range(50)]

    async def bring() -> list[int]:
        return await asyncio.gather(*(sequencer.append(SITE, r) for r in records))

    assert asyncio.run(bring()) == list(range(50))
    assert [kept.record for kept in store.page(SITE)] == records[::-1]


def test_who_waits_while_one_is_written_goes_next_together(
    gated: Gated, sequencer: Sequencer, new_record: NewRecord
) -> None:
    async def bring() -> None:
        gated.gate.clear()
        first = asyncio.create_task(sequencer.append(SITE, new_record()))
        await asyncio.sleep(0.01)
        rest = [
            asyncio.create_task(sequencer.append(SITE, new_record())) for _ in range(25)
        ]
        await until(lambda: sequencer.waiting == 25)
        gated.gate.set()
        await asyncio.gather(first, *rest)

    asyncio.run(bring())

    assert gated.batches == [1, 20, 5]  # 20 is the most in a batch


def test_nobody_is_answered_before_the_commit(
    gated: Gated, sequencer: Sequencer, new_record: NewRecord
) -> None:
    async def bring() -> None:
        gated.gate.clear()
        task = asyncio.create_task(sequencer.append(SITE, new_record()))
        await asyncio.sleep(0.02)
        assert not task.done()
        gated.gate.set()
        assert await task == 0

    asyncio.run(bring())


def test_the_line_is_bounded_and_whoever_is_too_many_hears_it_at_once(
    store: Store, gated: Gated, sequencer: Sequencer, new_record: NewRecord
) -> None:
    async def bring() -> None:
        gated.gate.clear()
        first = asyncio.create_task(sequencer.append(SITE, new_record()))
        await asyncio.sleep(0.01)
        rest = [
            asyncio.create_task(sequencer.append(SITE, new_record())) for _ in range(50)
        ]
        await until(lambda: sequencer.waiting == 50)

        with pytest.raises(UnavailableError, match="wait to be recorded") as caught:
            await sequencer.append(SITE, new_record())

        assert caught.value.retry_after > 0
        gated.gate.set()
        await asyncio.gather(first, *rest)

    asyncio.run(bring())

    assert store.size(SITE) == 51


def test_one_request_key_in_many_hands_has_one_record(
    store: Store, sequencer: Sequencer, new_record: NewRecord
) -> None:
    record, other = new_record(), new_record()

    async def bring() -> list[int]:
        brought = [record, record, other, record]
        return await asyncio.gather(*(sequencer.append(SITE, r) for r in brought))

    assert asyncio.run(bring()) == [0, 0, 1, 0]
    assert asyncio.run(bring()) == [0, 0, 1, 0]
    assert store.size(SITE) == 2


def test_a_failed_batch_fails_only_its_own_callers(
    store: Store, gated: Gated, sequencer: Sequencer, new_record: NewRecord
) -> None:
    trouble = UnavailableError("The disk is full.", retry_after=60)
    gated.fails_before.append(trouble)

    async def bring() -> None:
        gated.gate.clear()
        first = asyncio.create_task(sequencer.append(SITE, new_record()))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(sequencer.append(SITE, new_record()))
        await until(lambda: sequencer.waiting == 1)
        gated.gate.set()

        with pytest.raises(UnavailableError, match="disk is full"):
            await first
        assert await second == 0

    asyncio.run(bring())

    assert store.size(SITE) == 1


def test_a_commit_that_happened_although_it_failed_is_found(
    store: Store, gated: Gated, sequencer: Sequencer, new_record: NewRecord
) -> None:
    gated.fails_after.append(UnavailableError("The connection broke.", retry_after=1))

    async def bring() -> list[int]:
        first = await asyncio.gather(
            *(sequencer.append(SITE, new_record()) for _ in range(3))
        )
        return [*first, await sequencer.append(SITE, new_record())]

    assert asyncio.run(bring()) == [0, 1, 2, 3]
    assert store.size(SITE) == 4


def test_where_nobody_can_know_the_caller_is_told_to_retry(
    store: Store, gated: Gated, sequencer: Sequencer, new_record: NewRecord
) -> None:
    record = new_record()
    gated.fails_after.append(UnavailableError("The connection broke.", retry_after=1))
    gated.blind = True

    with pytest.raises(UnavailableError, match="connection broke"):
        sequencer.append_now(SITE, record)

    assert sequencer.append_now(SITE, record) == 0
    assert store.size(SITE) == 1


def test_the_writer_outlives_what_nobody_foresaw(
    gated: Gated, sequencer: Sequencer, new_record: NewRecord
) -> None:
    gated.fails_before.append(ZeroDivisionError("never thought of"))

    with pytest.raises(UnavailableError, match="ZeroDivisionError") as caught:
        sequencer.append_now(SITE, new_record())

    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert sequencer.append_now(SITE, new_record()) == 0


def test_an_unknown_site_fails_alone(
    store: Store, sequencer: Sequencer, new_record: NewRecord
) -> None:
    async def bring() -> list[int | BaseException]:
        sites = [SITE, "nobody", SITE]
        return await asyncio.gather(
            *(sequencer.append(site, new_record()) for site in sites),
            return_exceptions=True,
        )

    first, unknown, second = asyncio.run(bring())

    assert (first, second) == (0, 1)
    assert isinstance(unknown, MisconfiguredError)
    assert store.sites() == [SITE]


def test_another_writer_in_between_costs_nobody_an_answer(
    store: Store, sequencer: Sequencer, new_record: NewRecord
) -> None:
    assert sequencer.append_now(SITE, new_record()) == 0
    store.append(SITE, [new_record()], expected_size=1)

    assert sequencer.append_now(SITE, new_record()) == 2


def test_a_caller_who_gave_up_harms_nobody(
    store: Store, gated: Gated, sequencer: Sequencer, new_record: NewRecord
) -> None:
    async def bring() -> None:
        gated.gate.clear()
        gone = asyncio.create_task(sequencer.append(SITE, new_record()))
        stays = asyncio.create_task(sequencer.append(SITE, new_record()))
        await asyncio.sleep(0.01)
        gone.cancel()
        gated.gate.set()
        assert await stays == 1

    asyncio.run(bring())

    assert store.size(SITE) == 2


def test_a_loop_that_is_gone_harms_nobody(
    store: Store, gated: Gated, sequencer: Sequencer, new_record: NewRecord
) -> None:
    async def bring_and_leave() -> None:
        gated.gate.clear()
        task = asyncio.create_task(sequencer.append(SITE, new_record()))
        await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(bring_and_leave())
    gated.gate.set()

    assert sequencer.append_now(SITE, new_record()) == 1
    assert store.size(SITE) == 2


def test_closing_serves_who_waits_and_takes_nobody_else(
    store: Store, gated: Gated, sequencer: Sequencer, new_record: NewRecord
) -> None:
    async def bring() -> list[int]:
        tasks = [
            asyncio.create_task(sequencer.append(SITE, new_record())) for _ in range(45)
        ]
        await asyncio.sleep(0)
        sequencer.close()
        return await asyncio.gather(*tasks)

    assert asyncio.run(bring()) == list(range(45))
    assert store.size(SITE) == 45
    with pytest.raises(UnavailableError, match="closing"):
        sequencer.append_now(SITE, new_record())


def test_ten_thousand_at_once_are_all_taken(
    store: Store, new_record: NewRecord
) -> None:
    sequencer = Sequencer(store)
    records = [new_record() for _ in range(10_000)]

    async def bring() -> list[int]:
        return await asyncio.gather(*(sequencer.append(SITE, r) for r in records))

    assert sorted(asyncio.run(bring())) == list(range(10_000))
    sequencer.close()


# Several processes on one file


CHILD = """
import asyncio, os, sys, time
from bandeau.ledger.record import Record, key_text, new_request_key, subject_key
from bandeau.ledger.places import open_store
from bandeau.ledger.sequencer import Sequencer

store = open_store(sys.argv[1])
sequencer = Sequencer(store)
most = int(sys.argv[2])

async def visitor():
    for _ in range(most):
        now = time.time_ns() // 1_000_000
        request = new_request_key(now, os.urandom(10))
        record = Record(request=request, subject=subject_key(request), body=request,
                        day=0, kind="accepted")
        index = await sequencer.append("newsroom", record)
        # One write, so that a line is whole or not there.
        os.write(1, f"{index} {key_text(request)}\\n".encode())

async def visitors():
    await asyncio.gather(*(visitor() for _ in range(16)))

asyncio.run(visitors())
sequencer.close()
store.close()
"""


def start_child(place: Path | str, most: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(place), str(most)],
        stdout=subprocess.PIPE,
        text=True,
    )


def answers(text: str) -> dict[int, bytes]:
    """What a child said that it had recorded, by index; a torn last line left out."""
    whole = text.rpartition("\n")[0].splitlines()
    pairs = [line.split() for line in whole]
    found = {int(index): key_from_text(key) for index, key in pairs}
    assert len(found) == len(pairs), "two callers were given one index"
    return found


def expect_sound(store: SqliteStore) -> None:
    """The file is whole, and its parts agree: nothing counted that is not there."""
    with sqlite3.connect(store.file) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (rows,) = file.execute("SELECT count(*) FROM record").fetchone()
        (last,) = file.execute("SELECT max(id) & 0xffffffffff FROM record").fetchone()
    file.close()
    assert store.size(SITE) == rows == (0 if last is None else last + 1)
    assert sum(tally.count for tally in store.tallies(SITE, 0)) == rows


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_two_processes_on_one_file_make_one_sequence(
    sqlite_store: SqliteStore,
) -> None:
    children = [start_child(sqlite_store.file, 25) for _ in range(2)]

    said = [answers(child.communicate()[0]) for child in children]

    assert [child.returncode for child in children] == [0, 0]
    assert sqlite_store.size(SITE) == 2 * 16 * 25
    both = said[0] | said[1]
    assert sorted(both) == list(range(800))
    for index, request in both.items():
        assert sqlite_store.find_request(SITE, request) == index
    expect_sound(sqlite_store)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_what_was_acknowledged_survives_kill_9(sqlite_store: SqliteStore) -> None:
    acknowledged: dict[int, bytes] = {}

    for round_ in range(20):
        child = start_child(sqlite_store.file, 1_000_000)
        assert child.stdout is not None
        # Somewhere in the middle of a batch: a different place each time.
        lines = [child.stdout.readline() for _ in range(50 + 37 * round_)]
        child.send_signal(signal.SIGKILL)
        said = answers("".join(lines) + child.stdout.read())
        child.stdout.close()
        child.wait()

        assert not acknowledged.keys() & said.keys()
        acknowledged |= said
        for index, request in said.items():
            assert sqlite_store.find_request(SITE, request) == index

    assert len(acknowledged) > 20 * 50
    for index, request in acknowledged.items():
        kept = sqlite_store.record(SITE, index)
        assert kept is not None
        assert kept.record.body == request
    expect_sound(sqlite_store)
