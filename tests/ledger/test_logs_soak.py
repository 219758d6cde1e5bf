"""Several processes sign one log, are killed at random, and leave one history."""

import random
import signal
import subprocess
import sys
import time
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest

from bandeau.ledger import merkle
from bandeau.ledger.log import create_log, fetcher, log_key
from bandeau.ledger.logs import LogStore
from bandeau.ledger.note import open_note, read_checkpoint
from bandeau.ledger.places import open_logs
from bandeau.ledger.record import key_from_text
from bandeau.ledger.sqlite_logs import SqliteLogs
from bandeau.ledger.tiles import TileHashes
from tests.ledger.conftest import SITE
from tests.ledger.test_logs import AT, ORIGIN, SEED, entries, kinds

SECONDS = 10
PROCESSES = 3
# What a slow disk, or two other writers, may make us say.
PATIENCE = ("The store is locked", "Other writers were first")

# Eight visitors bring answers without pause, each again until it is acknowledged; some
# bring one that visitors of the other processes bring too. What came back goes into a file,
# a line in one write, so that it is whole or not there.
CHILD = """
import hashlib, os, random, sys, threading, time
from base64 import urlsafe_b64encode
from bandeau.errors import UnavailableError
from bandeau.ledger.log import Logs
from bandeau.ledger.places import open_logs
from bandeau.ledger.record import Record, key_text, new_request_key, record_body, subject_key
from bandeau.ledger.sequencer import Sequencer

place, told, seed = sys.argv[1], os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT), int(sys.argv[3])
notice = urlsafe_b64encode(hashlib.sha256(b"a notice").digest()).rstrip(b"=").decode()

def tell(kind, *words):
    os.write(told, (" ".join([kind, *words]) + "\\n").encode())

def tell_checkpoint(note):
    tell("checkpoint", urlsafe_b64encode(note).decode())

class Told:
    # A store that tells which checkpoints came back from it, each after the fact.
    def __init__(self, store):
        self.store = store
    def __getattr__(self, name):
        return getattr(self.store, name)
    def read_log(self, origin):
        kept = self.store.read_log(origin)
        tell_checkpoint(kept.head.checkpoint)
        return kept
    def append_logged(self, *args, step, **named):
        self.store.append_logged(*args, step=step, **named)
        tell_checkpoint(step.checkpoint)

store = open_logs(place)
logs = Logs(Told(store), seed=b"s" * 32, clock=lambda: int(time.time()), entropy=os.urandom)
sequencer = Sequencer(logs)
tell("began")

def visitor(number):
    chance = random.Random(seed * 100 + number)
    while True:
        if chance.random() < 0.2:
            of_all = chance.randrange(2_000)
            request = new_request_key(1_795_400_000_000 + of_all, of_all.to_bytes(10, "big"))
        else:
            request = new_request_key(time.time_ns() // 1_000_000, os.urandom(10))
        subject = subject_key(bytes([chance.randrange(50)]) * 16)
        body = record_body(site="newsroom", at=int(time.time()), notice=notice, answers="yn-",
                           via="first-layer", request=request, subject=subject)
        record = Record(request=request, subject=subject, body=body, day=1, kind="mixed")
        while True:
            try:
                index = sequencer.append_now("newsroom", record)
            except UnavailableError as error:
                tell("again", error.message)
                time.sleep(0.01)
                continue
            tell("kept", str(index), key_text(request))
            break

for number in range(8):
    threading.Thread(target=visitor, args=(number,)).start()
while True:
    time.sleep(0.05)
    tell_checkpoint(store.logs("newsroom")[-1].checkpoint)
"""


def start(place: str, told: Path, seed: int) -> subprocess.Popen[bytes]:
    with told.with_suffix(".errors").open("ab") as trouble:
        return subprocess.Popen(
            [sys.executable, "-c", CHILD, place, str(told), str(seed)], stderr=trouble
        )


def race(place: str, told: Path) -> list[list[str]]:
    """Three processes for ten seconds; what they told, line by line."""
    chance = random.Random(20_260_724)
    seeds = iter(range(1_000))
    racing = [start(place, told, next(seeds)) for _ in range(PROCESSES)]
    try:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            time.sleep(chance.uniform(0.2, 1.2))
            hit = chance.randrange(PROCESSES)
            racing[hit].send_signal(signal.SIGKILL)
            racing[hit].wait()
            racing[hit] = start(place, told, next(seeds))
    finally:
        for each in racing:
            each.kill()
            each.wait()
    lines = [line.split(" ") for line in told.read_text().splitlines()]
    assert "" == told.with_suffix(".errors").read_text()
    return lines


def expect_one_history(place: str, told: Path) -> None:
    lines = race(place, told)
    store = open_logs(place)

    kept = {(words[2], int(words[1])) for words in lines if words[0] == "kept"}
    size = store.size(SITE)
    assert len(kept) > 200, "Too little happened."
    assert sum(words[0] == "began" for words in lines) > PROCESSES
    assert len({request for request, _ in kept}) == len(kept), "One key, two indexes."
    assert len({index for _, index in kept}) == len(kept), "One index, two keys."
    requests = [each.record.request for each in store.page(SITE, limit=size + 1)]
    requests.reverse()
    assert size == len(requests) == len({*requests})
    assert all(requests[index] == key_from_text(request) for request, index in kept)

    # `entries` hashes all of them again and holds the root against the signed one.
    assert size == kinds(store).count("RecordEntry") == len(seals_of(store, size))
    assert "NoticeEntry" in {type(entry).__name__ for entry in entries(store)}
    head = store.logs(SITE)[-1]
    read = TileHashes(head.size, fetcher(store, ORIGIN))
    notes = {words[1] for words in lines if words[0] == "checkpoint"}
    assert len(notes) > 100, "Too little happened."
    key = log_key(SEED, ORIGIN).verifier
    forks: list[int] = []
    for note in {urlsafe_b64decode(each) for each in notes} | {head.checkpoint}:
        said = read_checkpoint(open_note(note, [key]).text)
        # Every one is a beginning of the log that stands: so no two of a size differ.
        if said.size > head.size or said.root != merkle.root(said.size, read):
            forks.append(said.size)
    assert forks == []
    # Whoever lost was told so and went on. A log whose tiles do not fit, or records that
    # are there already, would be trouble of another kind.
    again = [" ".join(words[1:]) for words in lines if words[0] == "again"]
    assert not [said for said in again if not said.startswith(PATIENCE)]
    print(  # noqa: T201  for who runs it with -s
        f"\n{type(store).__name__}: {len(kept)} acknowledged, {size} records, {head.size} entries, "
        f"{len(notes)} checkpoints, {len(again)} told to come again, no fork"
    )
    store.close()


def seals_of(store: LogStore, size: int) -> set[int]:
    """The entries that records stand at, each of its own."""
    opened = store.openings(ORIGIN, first=0, limit=2 * size)
    return {each.entry for each in opened}


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_killed_processes_on_one_file_leave_one_history(tmp_path: Path) -> None:
    store = SqliteLogs.create(tmp_path / "store")
    store.add_site(SITE)
    create_log(store, SITE, ORIGIN, seed=SEED, at=AT)
    store.close()

    expect_one_history(str(tmp_path / "store"), tmp_path / "told")


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(90)
def test_killed_processes_on_one_database_leave_one_history(
    tmp_path: Path, database: str
) -> None:
    store = open_logs(database)
    store.add_site(SITE)
    create_log(store, SITE, ORIGIN, seed=SEED, at=AT)
    store.close()

    expect_one_history(database, tmp_path / "told")
