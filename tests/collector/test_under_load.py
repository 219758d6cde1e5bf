"""The collector as a process: killed under load, and met by ten thousand at once."""

import asyncio
import itertools
import json
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from bandeau.ledger.sqlite import SqliteStore
from bandeau.site import publish_file
from bench.load import Connection, LostError, choice_request, new_key

ROOT = Path(__file__).parents[2]
NEWSROOM = ROOT / "examples" / "newsroom" / "notice.toml"
KILLS = 20
VISITORS = 16


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def serving(store: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bandeau", "serve", "--port", str(port)]
    running = subprocess.Popen(
        [*command, "--store", str(store)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert running.stdout is not None
    assert running.stdout.readline().startswith(b"collector: ")
    return running


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_killed_twenty_times_every_acknowledged_choice_is_there_once(
    tmp_path: Path,
) -> None:
    notice = publish_file(tmp_path, NEWSROOM)
    port = free_port()
    acknowledged: dict[str, int] = {}
    numbers = itertools.count()
    ended = asyncio.Event()

    async def visitor() -> None:
        """Sends choices; one that was not acknowledged is sent again as it was."""
        connection: Connection | None = None
        while not ended.is_set():
            key = new_key()
            request = choice_request(notice.digest, notice.asked, next(numbers), key)
            while not ended.is_set():
                try:
                    connection = connection or await Connection.open(port)
                    status, body = await connection.ask(request)
                except (OSError, LostError):
                    connection = None
                    await asyncio.sleep(0.02)
                    continue
                assert status in (200, 201)
                acknowledged[key] = json.loads(body)["record"]
                break
        if connection is not None:
            connection.close()

    async def story() -> None:
        visitors = [asyncio.create_task(visitor()) for _ in range(VISITORS)]
        for _ in range(KILLS):
            running = await asyncio.to_thread(serving, tmp_path, port)
            await asyncio.sleep(0.3)
            running.send_signal(signal.SIGKILL)
            await asyncio.to_thread(running.communicate)
        running = await asyncio.to_thread(serving, tmp_path, port)
        await asyncio.sleep(0.3)
        ended.set()
        await asyncio.gather(*visitors)
        running.terminate()
        await asyncio.to_thread(running.communicate)

    asyncio.run(story())

    store = SqliteStore.open(tmp_path)
    try:
        size = store.size(notice.site)
        tallies = store.tallies(notice.site, 0)
        kept = {}
        for index in range(size):
            record = store.record(notice.site, index)
            assert record is not None
            kept[record.record.request.hex()] = index
    finally:
        store.close()
    assert len(acknowledged) > KILLS
    assert acknowledged.items() <= kept.items()
    # Nothing twice, and nothing that no visitor sent.
    assert len(kept) == size
    assert size - len(acknowledged) <= VISITORS
    assert sum(tally.count for tally in tallies) == size


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_ten_thousand_first_requests_at_once_find_one_site_and_no_fault(
    tmp_path: Path,
) -> None:
    notice = publish_file(tmp_path, NEWSROOM)
    port = free_port()
    statuses = Counter[int]()
    together = 500
    running = serving(tmp_path, port)

    async def some(start: int) -> None:
        connection = await Connection.open(port)
        for number in range(start, start + 10_000 // together):
            request = choice_request(notice.digest, notice.asked, number, new_key())
            status, _ = await connection.ask(request)
            statuses[status] += 1
        connection.close()

    async def all_at_once() -> None:
        await asyncio.gather(*(some(n * 1000) for n in range(together)))

    begun = time.monotonic()
    asyncio.run(all_at_once())
    running.terminate()
    running.communicate()

    assert statuses == {201: 10_000}
    assert time.monotonic() - begun < 60
    store = SqliteStore.open(tmp_path)
    try:
        assert list(store.sites()) == [notice.site]
        assert store.size(notice.site) == 10_000
    finally:
        store.close()
