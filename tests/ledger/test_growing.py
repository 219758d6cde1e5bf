"""A step of a log is worked out, worked out again, and only then signed."""

import dataclasses
import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandeau.errors import MalformedError, UnavailableError
from bandeau.ledger import merkle
from bandeau.ledger.entries import (
    Clock,
    Entry,
    Genesis,
    NoticeEntry,
    Reason,
    RecordEntry,
    Tombstone,
    read_entry,
)
from bandeau.ledger.growing import (
    CLOCK_EVERY_SECONDS,
    BrokenStepError,
    CheckedStep,
    NewRecord,
    State,
    Step,
    checked,
    consistency,
    first_step,
    load,
    next_step,
    signed,
)
from bandeau.ledger.note import SignatureType, SigningKey, open_note, read_checkpoint
from bandeau.ledger.tiles import ENTRIES, Row, Tile, read_bundle

ORIGIN = "ledger.example/shop/2026"
AT = 1_795_400_000
KEY = SigningKey.derive(b"s" * 32, name=ORIGIN, type=SignatureType.ED25519)
COSIGNING = SigningKey.derive(b"s" * 32, name=ORIGIN, type=SignatureType.COSIGNATURE)
NOTICE, OTHER = (hashlib.sha256(name).digest() for name in (b"notice", b"other"))


class Disk:
    """What a store keeps of a log: one row for each tile, and the last checkpoint."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], bytes] = {}
        self.checkpoint = b""
        self.state: State

    def take(self, step: Step, records: list[NewRecord] | None = None) -> Step:
        self.checkpoint = signed(checked(step, records or []), [KEY], at=AT)
        for row in step.rows:
            place = row.tile.level, row.tile.index
            # A row only ever grows at its end.
            assert row.octets.startswith(self.rows.get(place, b""))
            self.rows[place] = row.octets
        self.state = step.after
        return step

    def fetch(self, tile: Tile) -> bytes:
        return self.rows[tile.level, tile.index]

    def load(self) -> State:
        return load(
            self.checkpoint,
            [KEY.verifier],
            self.fetch,
            clock=self.state.clock,
            noticed=self.state.noticed,
        )

    @property
    def entries(self) -> list[bytes]:
        bundles = sorted(index for level, index in self.rows if level == ENTRIES)
        return [e for index in bundles for e in read_bundle(self.rows[ENTRIES, index])]


def records(count: int, notice: bytes = NOTICE) -> list[NewRecord]:
    return [
        NewRecord(body=b"record %d" % nth, salt=bytes([nth % 256] * 32), notice=notice)
        for nth in range(count)
    ]


def a_log() -> Disk:
    disk = Disk()
    disk.take(first_step(ORIGIN, at=AT))
    return disk


def grown(disk: Disk, count: int, **changes: object) -> Step:
    new = records(count)
    options = {"at": AT, **changes}
    return disk.take(next_step(disk.state, new, **options), new)  # type: ignore[arg-type]


def kinds(step: Step) -> list[type[Entry]]:
    return [type(read_entry(entry)) for entry in step.entries]


def test_a_log_begins_with_its_name_and_the_time() -> None:
    disk = a_log()

    assert [Genesis(origin=ORIGIN), Clock(time=AT)] == [
        read_entry(entry) for entry in disk.entries
    ]
    assert (
        ORIGIN
        == read_checkpoint(open_note(disk.checkpoint, [KEY.verifier]).text).origin
    )


def test_a_log_may_go_on_from_the_last_checkpoint_of_another() -> None:
    before = a_log().checkpoint

    step = first_step("ledger.example/shop/2027", at=AT, predecessor=before)

    genesis = read_entry(step.entries[0])
    assert isinstance(genesis, Genesis)
    assert before == genesis.predecessor


def test_a_notice_is_logged_once_and_before_the_first_record_that_cites_it() -> None:
    disk = a_log()

    first, second = grown(disk, 2), grown(disk, 1)
    other = records(1, OTHER)
    third = disk.take(next_step(disk.state, other, at=AT), other)

    assert [NoticeEntry, RecordEntry, RecordEntry] == kinds(first)
    assert (3, 4) == first.indexes
    assert [RecordEntry] == kinds(second)
    assert [NoticeEntry, RecordEntry] == kinds(third)
    assert {NOTICE, OTHER} == disk.state.noticed


def test_the_clock_is_logged_now_and_then() -> None:
    disk = a_log()

    early = grown(disk, 1, at=AT + CLOCK_EVERY_SECONDS - 1)
    late = grown(disk, 1, at=AT + CLOCK_EVERY_SECONDS)
    after = grown(disk, 1, at=AT + CLOCK_EVERY_SECONDS + 1)

    assert Clock not in kinds(early)
    assert [Clock, RecordEntry] == kinds(late)
    assert [RecordEntry] == kinds(after)


def test_a_clock_that_goes_back_stops_the_log_after_a_moment() -> None:
    disk = a_log()

    grown(disk, 1, at=AT - 60)
    with pytest.raises(UnavailableError, match="behind the log's own"):
        grown(disk, 1, at=AT - 61)


def test_tombstones_go_before_the_records() -> None:
    disk = a_log()
    grown(disk, 3)
    stone = Tombstone(start=3, end=4, reason=Reason.ERASURE)

    step = grown(disk, 1, more=[stone])

    assert stone == read_entry(step.entries[0])
    assert [Tombstone, RecordEntry] == kinds(step)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=6))
def test_whatever_the_batches_the_tree_is_that_of_all_entries(sizes: list[int]) -> None:
    disk = a_log()

    for size in sizes:
        grown(disk, size)

    leaves = [merkle.leaf_hash(entry) for entry in disk.entries]
    assert disk.state.edge.root == merkle.root_of(leaves)
    assert disk.state.edge.size == len(leaves)
    loaded = disk.load()
    assert loaded == disk.state


@pytest.mark.parametrize("size", [253, 254, 255, 65_533])
def test_a_log_is_loaded_and_grows_over_the_edge_of_a_tile(size: int) -> None:
    disk = a_log()
    grown(disk, size - disk.state.edge.size - 1)
    assert size == disk.state.edge.size

    for count in (1, 1, 1, 2):
        disk.state = disk.load()
        old, old_root = disk.state.edge.size, disk.state.edge.root
        grown(disk, count)
        proof = consistency(disk.state, disk.fetch, old_size=old)
        assert merkle.verify_consistency(
            proof,
            old_size=old,
            new_size=disk.state.edge.size,
            old_root=old_root,
            new_root=disk.state.edge.root,
        )


# --- what does not hold is not signed ----------------------------------------------------


def spoilt(step: Step, nth: int, change: int) -> Step:
    """The step, with one bit of one of its rows turned."""
    rows = list(step.rows)
    octets = bytearray(rows[nth].octets)
    octets[change] ^= 1
    rows[nth] = Row(tile=rows[nth].tile, octets=bytes(octets))
    return dataclasses.replace(step, rows=tuple(rows))


def test_no_bit_of_what_is_to_be_stored_can_be_turned() -> None:
    disk = a_log()
    grown(disk, 200)
    new = records(120)
    step = next_step(disk.state, new, at=AT)
    chance = random.Random(1)

    checked(step, new)
    for nth, row in enumerate(step.rows):
        for _ in range(60):
            change = chance.randrange(len(row.octets))
            with pytest.raises((BrokenStepError, MalformedError)):
                checked(spoilt(step, nth, change), new)


def test_a_row_that_is_missing_or_cut_is_seen() -> None:
    disk = a_log()
    grown(disk, 200)
    new = records(120)
    step = next_step(disk.state, new, at=AT)

    for nth, row in enumerate(step.rows):
        others = (*step.rows[:nth], *step.rows[nth + 1 :])
        cut = Row(tile=row.tile, octets=row.octets[:-32])
        for rows in (others, (*others, cut)):
            with pytest.raises((BrokenStepError, MalformedError)):
                checked(dataclasses.replace(step, rows=rows), new)


def test_other_records_than_those_to_be_stored_are_seen() -> None:
    disk = a_log()
    new = records(3)
    step = next_step(disk.state, new, at=AT)
    other = [*new[:2], dataclasses.replace(new[2], body=b"something else")]

    with pytest.raises(BrokenStepError, match="other records"):
        checked(step, other)


def test_another_root_is_seen() -> None:
    disk = a_log()
    new = records(3)
    step = next_step(disk.state, new, at=AT)
    peaks = (b"\0" * 32, *step.after.edge.peaks[1:])
    edge = dataclasses.replace(step.after.edge, peaks=peaks)
    after = dataclasses.replace(step.after, edge=edge)

    with pytest.raises(BrokenStepError, match="does not hold the old one"):
        checked(dataclasses.replace(step, after=after), new)


def test_only_a_checked_step_is_signed_and_with_every_key() -> None:
    step = first_step(ORIGIN, at=AT)

    note = signed(checked(step, []), [KEY, COSIGNING], at=AT)

    opened = open_note(note, [KEY.verifier, COSIGNING.verifier])
    assert [None, AT] == [verified.time for verified in opened.verified]
    assert step.after.checkpoint == read_checkpoint(opened.text)
    assert isinstance(checked(step, []), CheckedStep)


# --- what does not fold into the signed root is not loaded -----------------------------------


def test_a_damaged_log_is_not_loaded() -> None:
    disk = a_log()
    grown(disk, 700)
    edge = {(ENTRIES, 2), (0, 2), (1, 0)}
    assert edge <= disk.rows.keys()

    for place in edge:
        whole = disk.rows[place]
        disk.rows[place] = whole[:-1] + bytes([whole[-1] ^ 1])
        with pytest.raises(MalformedError):
            disk.load()
        disk.rows[place] = whole
    assert disk.load() == disk.state


def test_a_log_put_together_from_two_times_is_not_loaded() -> None:
    disk = a_log()
    grown(disk, 100)
    early = disk.checkpoint
    before = dict(disk.rows)
    grown(disk, 3)

    # Later tiles under an earlier checkpoint are fine: they begin with the earlier ones.
    late, disk.checkpoint = disk.checkpoint, early
    assert 103 == disk.load().edge.size
    # Earlier tiles under a later checkpoint are a backup that nobody should sign for.
    disk.rows, disk.checkpoint = before, late
    with pytest.raises(MalformedError):
        disk.load()


def test_a_checkpoint_of_another_key_is_not_loaded() -> None:
    disk = a_log()
    thief = SigningKey.derive(b"t" * 32, name=ORIGIN, type=SignatureType.ED25519)

    with pytest.raises(MalformedError):
        load(
            disk.checkpoint,
            [thief.verifier],
            disk.fetch,
            clock=AT,
            noticed=frozenset(),
        )
