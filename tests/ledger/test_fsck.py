"""A whole log is checked: what is in order passes, and nothing that was changed does."""

import hashlib
import random
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bandeau.ledger.entries import (
    Clock,
    Entry,
    Genesis,
    KeyChange,
    NoticeEntry,
    Reason,
    RecordEntry,
    Tombstone,
    change_key,
    commitment,
    write_entry,
)
from bandeau.ledger.fsck import (
    MOST_FINDINGS,
    Examination,
    Head,
    StepName,
    StoredLog,
    examine,
)
from bandeau.ledger.log import log_key
from bandeau.ledger.logs import Opened
from bandeau.ledger.merkle import leaf_hash
from bandeau.ledger.note import Checkpoint, SignatureType, SigningKey, sign_note
from bandeau.ledger.proof import Outcome
from bandeau.ledger.sqlite_logs import SqliteLogs
from bandeau.ledger.tiles import ENTRIES, Edge, Tile, grow_bundles
from tests.ledger import logged
from tests.ledger.logged import AT, KEY, ORIGIN, SEED, made_record

RANDOM = 20_261_124


def examined(store: SqliteLogs) -> Examination:
    return examine(StoredLog(store, ORIGIN), [KEY])


def failed(found: Examination) -> set[StepName]:
    return {step.name for step in found.steps if step.outcome is Outcome.FAILED}


@pytest.mark.parametrize("size", [2, 4, 255, 256, 257, 511, 512, 513])
def test_a_log_in_order_holds_at_every_size(tmp_path: Path, size: int) -> None:
    store = logged.a_log(tmp_path, size=size)

    found = examined(store)

    assert found.holds, found.failed
    assert found.failed is None
    assert size == found.counts.entries
    assert max(0, size - 3) == found.counts.records == found.counts.opened
    store.close()


def test_a_log_with_erased_records_holds_and_they_are_counted(tmp_path: Path) -> None:
    store = logged.an_old_log(tmp_path)
    seen: list[tuple[int, int]] = []

    found = examine(
        StoredLog(store, ORIGIN),
        [KEY],
        progress=lambda done, total: seen.append((done, total)),
    )

    assert found.holds, found.failed
    assert (2, 3, 2, 11) == (
        found.counts.notices,
        found.counts.clocks,
        found.counts.tombstones,
        found.counts.unopened,
    )
    size = found.counts.entries
    assert [(0, size), (256, size), (512, size), (size, size)] == seen
    store.close()


def test_the_key_of_another_log_vouches_for_nothing(tmp_path: Path) -> None:
    store = logged.a_log(tmp_path, size=5)

    found = examine(StoredLog(store, ORIGIN), [log_key(SEED, "other.example").verifier])

    assert not found.holds
    assert found.failed is not None
    assert StepName.SIGNED is found.failed.name
    assert {Outcome.FAILED, Outcome.UNTRIED} == {step.outcome for step in found.steps}
    store.close()


# --- what was changed -------------------------------------------------------------------

Change = Callable[[sqlite3.Connection, random.Random], object]


def other(octets: bytes, draw: random.Random) -> bytes:
    """The same bytes, but for one bit, one that is missing or one that is too many."""
    at = draw.randrange(len(octets))
    return draw.choice(
        [
            octets[:at]
            + bytes([octets[at] ^ 1 << draw.randrange(8)])
            + octets[at + 1 :],
            octets[:at] + octets[at + 1 :],
            octets[:at] + draw.randbytes(1) + octets[at:],
            octets + draw.randbytes(1),
            octets[: draw.randrange(len(octets))],
        ]
    )


def changes(table: str, column: str, where: str = "TRUE") -> Change:
    def change(file: sqlite3.Connection, draw: random.Random) -> None:
        rows = file.execute(
            f"SELECT rowid, {column} FROM {table} WHERE {where} ORDER BY rowid"
        ).fetchall()
        number, octets = draw.choice(rows)
        changed = other(octets, draw)
        while changed == octets:
            changed = other(octets, draw)
        file.execute(
            f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (changed, number)
        )

    return change


def deletes(table: str, key: str, where: str = "TRUE") -> Change:
    def delete(file: sqlite3.Connection, draw: random.Random) -> None:
        rows = file.execute(f"SELECT {key} FROM {table} WHERE {where}").fetchall()
        file.execute(f"DELETE FROM {table} WHERE {key} = ?", draw.choice(rows))

    return delete


_LEVEL = "id >> 33 & 7"

CHANGES = [
    pytest.param(
        changes("tile", "octets", f"{_LEVEL} > 0"), {StepName.TILED}, id="tile"
    ),
    pytest.param(
        changes("tile", "octets", f"{_LEVEL} = 0"),
        {StepName.READ, StepName.ROOTED},
        id="bundle",
    ),
    pytest.param(
        changes("log", "checkpoint"),
        {StepName.SIGNED, StepName.ROOTED},
        id="checkpoint",
    ),
    pytest.param(changes("record", "body"), {StepName.OPENED}, id="body"),
    pytest.param(changes("seal", "salt"), {StepName.OPENED}, id="salt"),
    pytest.param(
        deletes("tile", "id", f"{_LEVEL} > 0"), {StepName.TILED}, id="no tile"
    ),
    pytest.param(
        deletes("tile", "id", f"{_LEVEL} = 0"), {StepName.READ}, id="no bundle"
    ),
    pytest.param(deletes("record", "id"), {StepName.OPENED}, id="no record"),
    pytest.param(deletes("seal", "id"), {StepName.OPENED}, id="no salt"),
    pytest.param(deletes("noticed", "digest"), {StepName.NOTICED}, id="no notice"),
]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    store = logged.an_old_log(folder)
    store.close()
    return store.file


@pytest.mark.parametrize("count", [10, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_nothing_is_changed_without_being_found_out(
    tmp_path: Path, original: Path, change: Change, expected: set[StepName], count: int
) -> None:
    draw = random.Random(RANDOM)
    file = tmp_path / "bandeau.sqlite3"
    shutil.copy(original, file)
    store = SqliteLogs.open(file)
    connection = sqlite3.connect(file, isolation_level=None)

    for nth in range(count):
        # Taken back by hand: a copy of the file for each would be slower than the check.
        rows = saved(connection)
        change(connection, draw)

        found = examined(store)

        assert not found.holds, f"Change {nth} was not found out."
        assert found.failed is not None
        assert found.failed.name in expected, f"Change {nth}: {found.failed}"
        restore(connection, rows)
    assert examined(store).holds
    connection.close()
    store.close()


_TABLES = ("log", "tile", "noticed", "seal", "record")


def saved(file: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    return {name: file.execute(f"SELECT * FROM {name}").fetchall() for name in _TABLES}


def restore(
    file: sqlite3.Connection, rows: dict[str, list[tuple[object, ...]]]
) -> None:
    file.execute("BEGIN")
    for name in reversed(_TABLES):
        file.execute(f"DELETE FROM {name}")
    for name in _TABLES:
        marks = ", ".join("?" * len(rows[name][0]))
        file.executemany(f"INSERT INTO {name} VALUES ({marks})", rows[name])
    file.execute("COMMIT")


# --- what was never in order ------------------------------------------------------------


class Made:
    """A log of any entries, signed as if they were in order."""

    def __init__(
        self, entries: Sequence[Entry], openings: Sequence[Opened] = ()
    ) -> None:
        written = [write_entry(entry) for entry in entries]
        edge, rows = Edge().append([leaf_hash(entry) for entry in written])
        _, bundles = grow_bundles(0, b"", written)
        self._rows = {row.tile: row.octets for row in (*rows, *bundles)}
        self._openings = list(openings)
        text = Checkpoint(origin=ORIGIN, size=edge.size, root=edge.root).text
        self._checkpoint = sign_note(text, [log_key(SEED, ORIGIN).sign(text)])

    def head(self) -> Head:
        return Head(checkpoint=self._checkpoint)

    def tile(self, tile: Tile) -> bytes | None:
        return self._rows.get(tile)

    def openings(self, first: int, limit: int) -> list[Opened]:
        return [each for each in self._openings if each.entry >= first][:limit]

    def notice(self, digest: bytes) -> bytes | None:
        return None


GENESIS = Genesis(origin=ORIGIN)
CLOCK = Clock(time=AT)
NOTICE = NoticeEntry(digest=b"n" * 32)


def a_record(entry: int, *, at: int = AT) -> tuple[RecordEntry, Opened]:
    body = made_record(at=at).body
    salt = bytes([entry]) * 32
    opened = Opened(entry=entry, salt=salt, body=body)
    return RecordEntry(commitment=commitment(salt, body)), opened


def cited(notice: bytes) -> NoticeEntry:
    return NoticeEntry(digest=hashlib.sha256(notice).digest())


def _made(*, at: int = AT, before: bool = True, more: Sequence[Entry] = ()) -> Made:
    notice = cited(logged.NOTICES[0])
    place = 3 if before else 2
    entry, opened = a_record(place, at=at)
    entries = (
        [GENESIS, CLOCK, notice, entry] if before else [GENESIS, CLOCK, entry, notice]
    )
    return Made([*entries, *more], [opened])


def test_what_is_made_in_order_holds() -> None:
    assert examine(_made(), [KEY]).holds
    assert examine(_made(at=AT - 60), [KEY]).holds
    assert examine(_made(at=AT + 660), [KEY]).holds


STONE = Tombstone(start=3, end=4, reason=Reason.ERASURE)


@pytest.mark.parametrize(
    ("made", "step", "where"),
    [
        (Made([CLOCK]), StepName.BEGUN, "entry 0"),
        (Made([Genesis(origin="other.example"), CLOCK]), StepName.BEGUN, "entry 0"),
        (Made([GENESIS, CLOCK, GENESIS]), StepName.BEGUN, "entry 2"),
        (Made([GENESIS, CLOCK, Clock(time=AT - 1)]), StepName.CLOCKED, "entry 2"),
        (Made([GENESIS, CLOCK, NOTICE, NOTICE]), StepName.NOTICED, "entry 3"),
        (_made(before=False), StepName.NOTICED, "entry 2"),
        (_made(at=AT - 61), StepName.DATED, "entry 3"),
        (_made(at=AT + 661), StepName.DATED, "entry 3"),
        (_made(more=[STONE]), StepName.ERASED, "entry 3"),
        (
            _made(more=[Tombstone(start=5, end=6, reason=Reason.TEST)]),
            StepName.ERASED,
            "entry 4",
        ),
        (
            Made([GENESIS, CLOCK, RecordEntry(commitment=b"c" * 32)]),
            StepName.OPENED,
            "entry 2",
        ),
        (
            Made([GENESIS, CLOCK], [Opened(entry=1, salt=b"s" * 32, body=b"{}")]),
            StepName.OPENED,
            "entry 1",
        ),
    ],
)
def test_what_was_signed_all_the_same_is_found_where_it_stands(
    made: Made, step: StepName, where: str
) -> None:
    found = examine(made, [KEY])

    assert {step} == failed(found)
    assert [where] == [finding.where for finding in found.findings]


def key_change(old: SigningKey) -> KeyChange:
    new = SigningKey.derive(b"n" * 32, name=ORIGIN, type=SignatureType.ED25519)
    return change_key(new.verifier, old=old)


def test_a_new_key_is_named_by_one_that_is_known() -> None:
    own = _made(more=[key_change(log_key(SEED, ORIGIN))])
    foreign = _made(more=[key_change(log_key(b"t" * 32, ORIGIN))])

    assert examine(own, [KEY]).holds
    assert {StepName.SIGNED} == failed(examine(foreign, [KEY]))


@pytest.mark.parametrize("level", [ENTRIES, 0, 1, 2])
def test_a_tile_that_would_be_in_the_way_is_found(tmp_path: Path, level: int) -> None:
    store = logged.a_log(tmp_path, size=300)
    index = {ENTRIES: 2, 0: 2, 1: 1, 2: 0}[level]
    file = sqlite3.connect(store.file, isolation_level=None)
    number = (1 << 3 | level + 1) << 33 | index
    file.execute("INSERT INTO tile VALUES (?, zeroblob(32))", (number,))
    file.close()

    found = examined(store)

    assert [Tile(level, index).path] == [finding.where for finding in found.findings]
    store.close()


def test_gaps_are_told_as_runs_and_only_as_far_as_no_tombstone_covers_them() -> None:
    record = RecordEntry(commitment=b"c" * 32)
    made = Made(
        [
            *(GENESIS, CLOCK, *[record] * 10, CLOCK, record),
            Tombstone(start=4, end=6, reason=Reason.RETENTION),
            Tombstone(start=10, end=13, reason=Reason.RETENTION),
        ]
    )

    found = examine(made, [KEY])

    assert ["entries 2 to 4", "entries 6 to 10", "entry 13"] == [
        finding.where for finding in found.findings
    ]


def test_many_findings_are_counted_and_some_are_told() -> None:
    made = Made([GENESIS, CLOCK, *[NOTICE] * 100])

    found = examine(made, [KEY])

    assert MOST_FINDINGS == len(found.findings)
    assert found.failed is not None
    assert 99 == found.failed.count


def test_a_log_that_grows_meanwhile_is_not_suspected(tmp_path: Path) -> None:
    store = logged.a_log(tmp_path, size=300)

    def grow(done: int, total: int) -> None:
        if done == 256:
            logged.append(store, [made_record()])

    found = examine(StoredLog(store, ORIGIN), [KEY], progress=grow)

    assert found.holds, found.failed
    assert 300 == found.counts.entries
    store.close()


def test_what_is_erased_meanwhile_is_to_be_checked_again(tmp_path: Path) -> None:
    store = logged.a_log(tmp_path, size=300)

    def erase(done: int, total: int) -> None:
        if done == 256:
            logged.erase(store, 280, 281)

    found = examine(StoredLog(store, ORIGIN), [KEY], progress=erase)

    assert not found.holds
    assert set() == failed(found)
    assert found.failed is not None
    assert "has grown meanwhile" in found.failed.why
    assert examined(store).holds
    store.close()
