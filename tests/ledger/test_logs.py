"""The promises of LogStore, kept by every implementation, and of the logs on top of it."""

import hashlib
import itertools
import json
import os
import sqlite3
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bandeau.errors import MisconfiguredError, UnavailableError
from bandeau.ledger import merkle
from bandeau.ledger.entries import (
    Clock,
    Genesis,
    NoticeEntry,
    Reason,
    RecordEntry,
    Tombstone,
    commitment,
    read_entry,
)
from bandeau.ledger.log import Logs, create_log, fetcher, log_key, receipt
from bandeau.ledger.logs import LogStep, LogStore, RequestsKnownError
from bandeau.ledger.note import open_note, read_checkpoint
from bandeau.ledger.places import open_logs
from bandeau.ledger.policy import Policy, read_policy
from bandeau.ledger.proof import verify
from bandeau.ledger.record import Record, new_request_key, record_body, subject_key
from bandeau.ledger.rows import edge_of
from bandeau.ledger.sequencer import Sequencer
from bandeau.ledger.sqlite_logs import SqliteLogs
from bandeau.ledger.store import LedgerConflictError, Store
from bandeau.ledger.tiles import ENTRIES, Row, Tile, bundles_of, read_bundle, tiles_of
from tests.ledger.conftest import DAY, SITE
from tests.postgres import Server

if TYPE_CHECKING:
    from bandeau.ledger.postgres_logs import PostgresLogs

ORIGIN = "news.example/bandeau/log/2026"
SEED = b"s" * 32
AT = DAY * 86_400
NOTICE = hashlib.sha256(b"a notice").digest()

_numbers = itertools.count(1)


# One line for each implementation; the fixture of that name makes an empty store.
STORES = [
    pytest.param("sqlite_logs", id="sqlite"),
    pytest.param(
        "postgres_logs",
        id="postgres",
        # The first one waits for the server to start.
        marks=[pytest.mark.postgres, pytest.mark.timeout(60)],
    ),
]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> LogStore:
    """A store of each kind, with one site in it."""
    store: LogStore = request.getfixturevalue(request.param)
    store.add_site(SITE)
    return store


@pytest.fixture
def logged(store: LogStore) -> LogStore:
    create_log(store, SITE, ORIGIN, seed=SEED, at=AT)
    return store


def logs_of(store: LogStore, at: int = AT) -> Logs:
    return Logs(store, seed=SEED, clock=lambda: at, entropy=os.urandom)


@pytest.fixture
def logs(logged: LogStore) -> Logs:
    return logs_of(logged)


def record(*, subject: bytes | None = None, notice: bytes = NOTICE) -> Record:
    number = next(_numbers)
    request = new_request_key(1_795_400_000_000 + number, number.to_bytes(10, "big"))
    body = record_body(
        site=SITE,
        at=AT,
        notice=urlsafe_b64encode(notice).rstrip(b"=").decode(),
        answers="nn-" if subject is None else "yn-",
        via="first-layer",
        request=request,
        subject=subject,
    )
    kind = "refused" if subject is None else "mixed"
    return Record(request=request, subject=subject, body=body, day=DAY, kind=kind)


def entries(store: LogStore, origin: str = ORIGIN) -> list[Any]:
    """Every entry of a log, held against its tiles and its signed root."""
    head = store.read_log(origin).head
    octets = [
        entry
        for tile in bundles_of(head.size)
        for entry in read_bundle(store.tile(origin, ENTRIES, tile.index) or b"")
    ]
    assert head.size == len(octets)
    key = log_key(SEED, origin).verifier
    said = read_checkpoint(open_note(head.checkpoint, [key]).text)
    assert said.size == head.size
    assert said.root == merkle.root_of([merkle.leaf_hash(entry) for entry in octets])
    for tile in tiles_of(head.size):
        row = store.tile(origin, tile.level, tile.index)
        assert row is not None
        assert tile.width * 32 == len(row)
    return [read_entry(entry) for entry in octets]


def believing_the_log() -> Policy:
    return read_policy(
        f"log {log_key(SEED, ORIGIN).verifier.text}\nquorum none\n".encode()
    )


def kinds(store: LogStore) -> list[str]:
    return [type(entry).__name__ for entry in entries(store)]


def test_a_store_that_keeps_logs_is_one() -> None:
    kept: Callable[[Path | str], LogStore] = open_logs

    assert kept


def test_a_log_is_there_once_it_is_created_and_not_before(store: LogStore) -> None:
    assert [] == store.logs(SITE)
    with pytest.raises(MisconfiguredError, match="no log called"):
        store.read_log(ORIGIN)

    head = create_log(store, SITE, ORIGIN, seed=SEED, at=AT)

    assert [head] == store.logs(SITE)
    assert [Genesis(origin=ORIGIN), Clock(time=AT)] == entries(store)


def test_a_name_is_given_once(logged: LogStore) -> None:
    logged.add_site("other")

    for site in (SITE, "other"):
        with pytest.raises(MisconfiguredError, match="already"):
            create_log(logged, site, ORIGIN, seed=SEED, at=AT)

    assert 1 == len(logged.logs(SITE))
    assert [] == logged.logs("other")


def test_a_name_with_a_space_is_none(store: LogStore) -> None:
    with pytest.raises(MisconfiguredError, match="cannot be the name"):
        create_log(store, SITE, "two words", seed=SEED, at=AT)


def test_a_new_log_names_the_last_checkpoint_of_the_one_before(
    logged: LogStore, logs: Logs
) -> None:
    logs.append(SITE, [record()], expected_size=0)
    last = logged.logs(SITE)[-1].checkpoint

    create_log(logged, SITE, "news.example/bandeau/log/2027", seed=SEED, at=AT)
    logs_of(logged).append(SITE, [record()], expected_size=1)

    first = entries(logged, "news.example/bandeau/log/2027")
    assert last == first[0].predecessor
    assert ["Genesis", "Clock", "NoticeEntry", "RecordEntry"] == [
        type(entry).__name__ for entry in first
    ]


def test_a_site_may_begin_a_new_log_while_its_collector_runs(
    logged: LogStore, logs: Logs
) -> None:
    sequencer = Sequencer(logs)  # type: ignore[arg-type]
    sequencer.append_now(SITE, record())

    create_log(logged, SITE, "news.example/bandeau/log/2027", seed=SEED, at=AT)
    places = [sequencer.append_now(SITE, record()) for _ in range(2)]
    sequencer.close()

    assert [1, 2] == places
    seals = [logged.seal(SITE, place) for place in places]
    assert ["news.example/bandeau/log/2027"] * 2 == [s.origin for s in seals if s]


def test_what_is_appended_is_in_the_log_and_in_the_store(
    logged: LogStore, logs: Logs
) -> None:
    first, second = record(), record()

    assert [0, 1] == logs.append(SITE, [first, second], expected_size=0)

    assert ["Genesis", "Clock", "NoticeEntry", "RecordEntry", "RecordEntry"] == kinds(
        logged
    )
    assert NoticeEntry(digest=NOTICE) == entries(logged)[2]
    seal = logged.seal(SITE, 1)
    assert seal is not None
    assert (ORIGIN, 4) == (seal.origin, seal.entry)
    assert (
        RecordEntry(commitment=commitment(seal.salt, second.body))
        == (entries(logged)[4])
    )
    assert 2 == logged.size(SITE)
    kept = logged.record(SITE, 1)
    assert kept is not None
    assert second == kept.record
    assert 2 == sum(tally.count for tally in logged.tallies(SITE, 0))


def test_nothing_goes_around_the_log(logged: LogStore) -> None:
    with pytest.raises(MisconfiguredError, match="has a log"):
        logged.append(SITE, [record()], expected_size=0)

    assert 0 == logged.size(SITE)


def test_a_site_without_a_log_is_served_as_before(store: LogStore) -> None:
    assert [0] == logs_of(store).append(SITE, [record()], expected_size=0)

    assert store.seal(SITE, 0) is None


def test_a_site_may_get_its_log_while_its_collector_runs(store: LogStore) -> None:
    logs = logs_of(store)
    logs.append(SITE, [record()], expected_size=0)

    create_log(store, SITE, ORIGIN, seed=SEED, at=AT)
    logs.append(SITE, [record()], expected_size=1)

    assert store.seal(SITE, 0) is None
    assert store.seal(SITE, 1) is not None


def test_a_request_key_is_logged_once(logged: LogStore, logs: Logs) -> None:
    first, second, third = record(), record(), record()
    logs.append(SITE, [first], expected_size=0)

    again = logs.append(SITE, [second, first, second, third], expected_size=1)

    assert [1, 0, 1, 2] == again
    assert 3 == kinds(logged).count("RecordEntry")
    assert [0] == logs.append(SITE, [first], expected_size=3)
    assert 3 == kinds(logged).count("RecordEntry")


def test_two_writers_never_both_write_the_same_entry(logged: LogStore) -> None:
    one, other = logs_of(logged), logs_of(logged)
    one.append(SITE, [record()], expected_size=0)
    other.append(SITE, [record()], expected_size=1)

    with pytest.raises(LedgerConflictError):
        one.append(SITE, [record()], expected_size=1)
    with pytest.raises(LedgerConflictError):
        one.append(SITE, [record()], expected_size=1)
    assert [2] == one.append(SITE, [record()], expected_size=2)

    assert 3 == kinds(logged).count("RecordEntry")


def test_a_log_is_read_at_one_moment(
    logged: LogStore, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.append(SITE, [record()], expected_size=0)

    def meanwhile(size: int) -> list[tuple[int, int]]:
        # The head is read, the tiles are not yet.
        logs.append(SITE, [record()], expected_size=1)
        return edge_of(size)

    monkeypatch.setattr(sys.modules[type(logged).__module__], "edge_of", meanwhile)
    kept = logged.read_log(ORIGIN)

    assert 4 == kept.head.size
    assert 4 * 32 == len(kept.rows[0, 0])
    assert 5 * 32 == len(logged.tile(ORIGIN, 0, 0) or b"")


def test_a_step_on_another_checkpoint_is_a_conflict(logged: LogStore) -> None:
    head = logged.logs(SITE)[-1]
    step = LogStep(
        origin=ORIGIN, before=b"other", checkpoint=b"x", size=9, clock=0, rows=()
    )

    with pytest.raises(LedgerConflictError):
        logged.append_logged(SITE, [], expected_size=0, step=step)
    with pytest.raises(LedgerConflictError):
        logged.erase(SITE, first=0, end=1, step=step)

    assert head == logged.logs(SITE)[-1]


def test_known_keys_are_told_and_nothing_is_written(
    logged: LogStore, logs: Logs
) -> None:
    known = record()
    logs.append(SITE, [known], expected_size=0)
    head = logged.logs(SITE)[-1]
    step = LogStep(
        origin=ORIGIN,
        before=head.checkpoint,
        checkpoint=b"never",
        size=9,
        clock=0,
        rows=(),
        seals=[(7, b"s" * 32), (8, b"t" * 32)],
    )

    with pytest.raises(RequestsKnownError) as told:
        logged.append_logged(SITE, [known, record()], expected_size=1, step=step)

    assert {known.request: 0} == told.value.known
    assert head == logged.logs(SITE)[-1]
    assert 1 == logged.size(SITE)


def test_a_key_that_is_there_twice_is_told_too(logged: LogStore) -> None:
    twice = record()
    head = logged.logs(SITE)[-1]
    step = LogStep(
        origin=ORIGIN,
        before=head.checkpoint,
        checkpoint=b"never",
        size=9,
        clock=0,
        rows=(),
        seals=[(7, b"s" * 32), (8, b"t" * 32)],
    )

    with pytest.raises(RequestsKnownError):
        logged.append_logged(SITE, [twice, twice], expected_size=0, step=step)

    assert [head] == logged.logs(SITE)
    assert 0 == logged.size(SITE)


def test_a_tile_never_becomes_shorter(logged: LogStore) -> None:
    tile = Tile(0, 0, 1)
    stood = logged.tile(ORIGIN, 0, 0)
    head = logged.logs(SITE)[-1]
    step = LogStep(
        origin=ORIGIN,
        before=head.checkpoint,
        checkpoint=b"shorter",
        size=9,
        clock=0,
        rows=[Row(tile=tile, octets=b"short")],
    )

    logged.append_logged(SITE, [], expected_size=0, step=step)

    assert stood == logged.tile(ORIGIN, 0, 0)
    assert b"shorter" == logged.logs(SITE)[-1].checkpoint


def test_the_records_of_a_subject_are_linked(logged: LogStore, logs: Logs) -> None:
    subject = subject_key(b"i" * 16)
    mine = [record(subject=subject) for _ in range(3)]
    logs.append(SITE, [mine[0], record(), mine[1]], expected_size=0)
    logs_of(logged).append(SITE, [mine[2]], expected_size=3)

    kept = [k for n in (0, 2, 3) if (k := logged.record(SITE, n))]
    seals = [s for n in (0, 2, 3) if (s := logged.seal(SITE, n))]
    bodies = [json.loads(k.record.body) for k in kept]
    links = [
        urlsafe_b64encode(commitment(s.salt, k.record.body)).rstrip(b"=").decode()
        for k, s in zip(kept, seals, strict=True)
    ]
    assert "prev" not in bodies[0]
    assert links[:2] == [body["prev"] for body in bodies[1:]]
    assert [s.entry for s in seals] == logged.entries_of_subject(SITE, subject)


def test_a_receipt_holds_and_no_other_record_fits_it(
    logged: LogStore, logs: Logs
) -> None:
    logs.append(SITE, [record() for _ in range(300)], expected_size=0)
    policy = believing_the_log()

    for index in (0, 128, 299):
        proof = receipt(logged, SITE, index)
        assert proof is not None
        assert verify(proof.encode(), policy).holds
        other = msgspec.json.decode(proof.extra[32:]) | {"answers": "yyy"}
        forged = proof.extra[:32] + msgspec.json.encode(other)
        wrong = type(proof)(
            index=proof.index,
            hashes=proof.hashes,
            checkpoint=proof.checkpoint,
            extra=forged,
        )
        assert not verify(wrong.encode(), policy).holds
    assert receipt(logged, SITE, 300) is None


# --- erasing ----------------------------------------------------------------------------


def test_what_is_erased_opens_nothing_and_the_log_still_holds(
    logged: LogStore, logs: Logs
) -> None:
    subject = subject_key(b"i" * 16)
    mine, others = record(subject=subject), [record() for _ in range(20)]
    logs.append(SITE, [*others[:10], mine, *others[10:]], expected_size=0)
    (entry,) = logged.entries_of_subject(SITE, subject)

    logs.erase(SITE, first=entry, end=entry + 1, reason=Reason.ERASURE)

    stone = Tombstone(start=entry, end=entry + 1, reason=Reason.ERASURE)
    assert stone == entries(logged)[-1]
    assert logged.record(SITE, 10) is None
    assert logged.seal(SITE, 10) is None
    assert logged.find_request(SITE, mine.request) is None
    assert {} == logged.last_of_subjects(SITE, [subject])
    assert receipt(logged, SITE, 10) is None
    assert 21 == logged.size(SITE)
    left = receipt(logged, SITE, 9)
    assert left is not None
    assert verify(left.encode(), believing_the_log()).holds
    opened = [o.entry for o in logged.openings(ORIGIN, first=0, limit=100)]
    assert entry not in opened
    assert 20 == len(opened)


def bytes_of_one_erased(store: LogStore, raw: Callable[[], bytes]) -> list[bytes]:
    """Erase one of many records: what nobody must find afterwards, and did before."""
    logs, subject = logs_of(store), subject_key(b"i" * 16)
    mine = record(subject=subject)
    create_log(store, SITE, ORIGIN, seed=SEED, at=AT)
    others = [record(subject=subject_key(os.urandom(16))) for _ in range(400)]
    logs.append(SITE, [*others[:200], mine, *others[200:]], expected_size=0)
    (entry,) = store.entries_of_subject(SITE, subject)
    seal = store.seal(SITE, 200)
    assert seal is not None
    found = [seal.salt, mine.body, mine.request, subject]
    assert all(each in raw() for each in found)

    logs.erase(SITE, first=entry, end=entry + 1, reason=Reason.ERASURE)

    return found


def test_what_is_erased_is_gone_from_the_raw_files(
    tmp_path: Path, sqlite_logs: SqliteLogs
) -> None:
    def raw() -> bytes:
        return b"".join(p.read_bytes() for p in (tmp_path / "store").iterdir())

    sqlite_logs.add_site(SITE)

    erased = bytes_of_one_erased(sqlite_logs, raw)

    assert not [each for each in erased if each in raw()]


@pytest.mark.postgres
@pytest.mark.timeout(60)
def test_what_is_erased_and_scrubbed_is_gone_from_the_servers_tables(
    server: Server, database: str, postgres_logs: "PostgresLogs"
) -> None:
    import psycopg

    def raw() -> bytes:
        # ANALYZE keeps examples, in a table of its own; the log of writes is another
        # matter, and lies elsewhere.
        with psycopg.connect(database, autocommit=True) as other:
            other.execute("ANALYZE")
            other.execute("CHECKPOINT")
        files = (server.cluster / "base").rglob("*")
        return b"".join(path.read_bytes() for path in files if path.is_file())

    postgres_logs.add_site(SITE)

    erased = bytes_of_one_erased(postgres_logs, raw)
    # The near-miss: without scrubbing all of it is there.
    assert all(each in raw() for each in erased)
    postgres_logs.scrub()

    assert not [each for each in erased if each in raw()]
    assert 401 == postgres_logs.size(SITE)
    assert 401 == kinds(postgres_logs).count("RecordEntry")


def test_erasing_waits_for_its_turn_beside_a_busy_collector(
    logged: LogStore, logs: Logs
) -> None:
    logs.append(SITE, [record(), record()], expected_size=0)
    officer = logs_of(logged)
    officer.erase(SITE, first=3, end=4, reason=Reason.TEST)
    logs_of(logged).append(SITE, [record()], expected_size=2)

    # What it knows of the log is older than the log.
    officer.erase(SITE, first=4, end=5, reason=Reason.TEST)

    assert 2 == kinds(logged).count("Tombstone")


def test_a_range_is_that_of_the_log_it_was_named_for(
    logged: LogStore, logs: Logs
) -> None:
    logs.append(SITE, [record()], expected_size=0)
    officer = logs_of(logged)
    officer.erase(SITE, first=3, end=4, reason=Reason.TEST)
    create_log(logged, SITE, "news.example/bandeau/log/2027", seed=SEED, at=AT)
    logs_of(logged).append(SITE, [record()], expected_size=1)

    with pytest.raises(UnavailableError):
        officer.erase(SITE, first=3, end=4, reason=Reason.TEST)

    assert logged.seal(SITE, 1) is not None


def test_a_range_that_is_not_in_the_log_is_refused(
    logged: LogStore, logs: Logs
) -> None:
    for first, end in ((0, 3), (-1, 1), (1, 1), (2, 1)):
        with pytest.raises(MisconfiguredError, match="no range"):
            logs.erase(SITE, first=first, end=end, reason=Reason.TEST)
    logged.add_site("other")
    with pytest.raises(MisconfiguredError, match="has no log"):
        logs.erase("other", first=0, end=1, reason=Reason.TEST)


# --- trouble ----------------------------------------------------------------------------


class Failing:
    """A store whose writing fails, with or without having taken effect."""

    def __init__(self, store: LogStore) -> None:
        self._store = store
        self.before = self.after = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def append_logged(self, *args: Any, **named: Any) -> None:
        if self.before:
            raise UnavailableError("The connection broke.", retry_after=1)
        self._store.append_logged(*args, **named)
        if self.after:
            raise UnavailableError("The connection broke.", retry_after=1)


@pytest.mark.parametrize("way", ["before", "after"])
@pytest.mark.parametrize("ahead", [1, 252, 253, 254])
def test_a_commit_of_which_nobody_knows_loses_nothing_and_forks_nothing(
    logged: LogStore, way: str, ahead: int
) -> None:
    failing = Failing(logged)
    logs = logs_of(failing)  # type: ignore[arg-type]
    sequencer = Sequencer(logs)  # type: ignore[arg-type]
    for nth in range(ahead // 100 + 1):
        logs.append(
            SITE,
            [record() for _ in range(min(100, ahead - nth * 100))],
            expected_size=logged.size(SITE),
        )
    brought = record()
    setattr(failing, way, True)
    took_effect = way == "after"

    if took_effect:
        # The sequencer finds its own key, and the caller never knows.
        assert ahead == sequencer.append_now(SITE, brought)
    else:
        with pytest.raises(UnavailableError):
            sequencer.append_now(SITE, brought)
    setattr(failing, way, False)
    place = sequencer.append_now(SITE, brought)
    later = sequencer.append_now(SITE, record())
    sequencer.close()

    assert (ahead, ahead + 1) == (place, later)
    assert ahead + 2 == kinds(logged).count("RecordEntry")


def expect_no_signature(damaged: LogStore) -> None:
    with pytest.raises(UnavailableError, match="cannot be signed"):
        logs_of(damaged).append(SITE, [record()], expected_size=5)

    assert 5 == damaged.size(SITE)


def test_a_damaged_log_is_signed_no_more(sqlite_logs: SqliteLogs) -> None:
    sqlite_logs.add_site(SITE)
    create_log(sqlite_logs, SITE, ORIGIN, seed=SEED, at=AT)
    logs_of(sqlite_logs).append(SITE, [record() for _ in range(5)], expected_size=0)
    file = sqlite3.connect(sqlite_logs.file)
    file.execute("UPDATE tile SET octets = zeroblob(length(octets)) WHERE id & 1 = 0")
    file.commit()
    file.close()

    expect_no_signature(sqlite_logs)


@pytest.mark.postgres
@pytest.mark.timeout(60)
def test_a_damaged_log_in_postgresql_is_signed_no_more(
    postgres_logs: "PostgresLogs", database: str
) -> None:
    import psycopg

    postgres_logs.add_site(SITE)
    create_log(postgres_logs, SITE, ORIGIN, seed=SEED, at=AT)
    logs_of(postgres_logs).append(SITE, [record() for _ in range(5)], expected_size=0)
    with psycopg.connect(database) as other:
        other.execute(
            "UPDATE bandeau.tile "
            "SET octets = decode(repeat('00', length(octets)), 'hex') WHERE id & 1 = 0"
        )

    expect_no_signature(postgres_logs)


def test_another_seed_signs_nothing(logged: LogStore) -> None:
    thief = Logs(logged, seed=b"t" * 32, clock=lambda: AT, entropy=os.urandom)

    with pytest.raises(UnavailableError, match="cannot be signed"):
        thief.append(SITE, [record()], expected_size=0)


def test_the_tiles_that_are_served_are_those_of_the_paths(
    logged: LogStore, logs: Logs
) -> None:
    logs.append(SITE, [record() for _ in range(600)], expected_size=0)
    fetch = fetcher(logged, ORIGIN)
    size = logged.logs(SITE)[-1].size

    assert all(fetch(tile) for tile in tiles_of(size))
    assert logged.tile(ORIGIN, 0, 99) is None
    assert logged.tile(ORIGIN, 9, 0) is None
    assert logged.tile(ORIGIN, 0, -1) is None


def test_the_plain_store_and_the_one_with_logs_are_one_file(tmp_path: Path) -> None:
    store: Store = SqliteLogs.create(tmp_path)
    store.add_site(SITE)
    store.close()

    again = SqliteLogs.open(tmp_path)

    assert [SITE] == again.sites()
    again.close()
