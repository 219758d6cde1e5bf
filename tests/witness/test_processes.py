"""`bandeau witness serve` as programs: two on one file, killed, started again."""

import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bandeau.ledger.note import open_note, read_checkpoint
from bandeau.ledger.witnessing import monitoring_path, read_cosignatures
from bandeau.witness import Settings
from tests.witness.conftest import GrowingLog, watch
from tests.witness.stage import ask, post

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

Served = subprocess.Popen[str]


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Served, str]]:
    command = [sys.executable, "-m", "bandeau", "witness", "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--config", folder / "witness.toml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    ) as served:
        try:
            assert served.stdout is not None
            line = served.stdout.readline()
            found = re.fullmatch(
                r"witness: (http://127\.0\.0\.1:\d+)/ \(\d logs?\)\n", line
            )
            assert found, line
            yield served, found[1]
        finally:
            served.kill()


def test_two_programs_on_one_file_never_cosign_two_trees_of_one_size(
    folder: Path, log: GrowingLog, settings: Settings
) -> None:
    """A log that forks shows one tree to one of them and another to the other."""
    turned = GrowingLog(turn=0)
    keys = [key.verifier for key in settings.keys]
    told: dict[int, list[bytes]] = {}
    conflicts: list[int] = []

    def grow(which: GrowingLog, address: str) -> None:
        old = 0
        while old < 60:
            answer = post(address, which.request(old, old + 1))
            if answer.status == 200:
                checkpoint = which.checkpoint(old + 1)
                read_cosignatures(answer.body, checkpoint, keys)
                told.setdefault(checkpoint.size, []).append(checkpoint.root)
                old += 1
            elif answer.status == 409:
                conflicts.append(int(answer.body))
                old = int(answer.body)
            else:
                assert 422 == answer.status
                break

    with ExitStack() as stack:
        addresses = [stack.enter_context(serving(folder))[1] for _ in range(2)]
        # Two of them race with one tree, two with the other, crosswise.
        threads = [
            threading.Thread(target=grow, args=[which, address])
            for which in (log, turned)
            for address in addresses
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        notes = {
            ask(one, "GET", f"/{monitoring_path(log.origin)}").body for one in addresses
        }

    assert 1 == len(notes), "both tell of the same"
    assert set(range(1, 61)) == set(told)
    assert all(len(set(roots)) == 1 for roots in told.values())
    assert conflicts, "they did get in each other's way"


def test_what_was_answered_survives_kill_9(
    folder: Path, log: GrowingLog, settings: Settings
) -> None:
    keys = [log.key.verifier, *[key.verifier for key in settings.keys]]
    size = 0

    for _ in range(4):
        with serving(folder) as (served, address):
            killer = threading.Timer(random.uniform(0.01, 0.2), served.kill)
            killer.start()
            try:
                while size < 60:
                    answer = post(address, log.request(size, size + 1))
                    # One more than was told may have been kept; never one less.
                    if answer.status == 409:
                        assert size <= int(answer.body) <= size + 1
                        size = int(answer.body)
                        continue
                    assert 200 == answer.status
                    size += 1
            except OSError:
                pass
            killer.join()

    with serving(folder) as (served, address):
        shown = ask(address, "GET", f"/{monitoring_path(log.origin)}")
        kept = read_checkpoint(open_note(shown.body, keys).text)
        served.terminate()
        out, err = served.communicate(timeout=10)

    assert size > 0
    assert size <= kept.size <= size + 1
    assert log.checkpoint(kept.size) == kept
    assert ("", "", 0) == (out, err, served.returncode)


def test_it_starts_soon_and_logs_no_address(folder: Path, log: GrowingLog) -> None:
    watch(folder, log.vkey)
    began = time.monotonic()

    with serving(folder) as (served, address):
        took = time.monotonic() - began
        page = ask(address, "GET", "/")
        post(address, b"nonsense")
        post(address, GrowingLog(turn=1).request(0, 3))
        forked = post(address, log.request(3, 3))
        served.terminate()
        out, err = served.communicate(timeout=10)

    assert 200 == page.status
    assert 422 == forked.status
    assert "" == out
    assert "worth keeping" in err
    assert "127.0.0.1" not in err
    assert took < 5
