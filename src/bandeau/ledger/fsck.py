"""The check of a whole log: every entry, every tile, and what opens them.

Pure: a `Source` gives the bytes, and none of them is believed but the checkpoint that the
log's key has signed. The tree is built again from the entries, with the functions that
built it first, one bundle and the right edge at a time: memory does not grow with the
log, only with the number of its notices and of the gaps in its records.

It never raises for what is merely false. It goes through ten steps and says of each
whether it passed, why, and where it did not. What an earlier step did not yield is not
tried; nothing is read behind a bundle that cannot be read.

Records are private, and a published copy has none. There the steps that need them are
not tried, and the log holds without: what opens nothing is counted.

LIMIT: whether `prev` names the same subject's record before is not looked up; the field is
bound by its record's commitment, as all of them are.

LIMIT: of a record its body is checked, which the log commits to, and not the columns that
a store finds it by.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

import msgspec

from bandeau.errors import MalformedError
from bandeau.ledger import merkle
from bandeau.ledger.entries import (
    Clock,
    Entry,
    Genesis,
    KeyChange,
    NoticeEntry,
    RecordEntry,
    Tombstone,
    commitment,
    read_entry,
)
from bandeau.ledger.growing import CLOCK_EVERY_SECONDS, MOST_SECONDS_BACK
from bandeau.ledger.logs import KeptLog, LogStore, Opened
from bandeau.ledger.merkle import HASH_LENGTH
from bandeau.ledger.note import (
    Checkpoint,
    VerifierKey,
    open_note,
    read_checkpoint,
    read_note,
)
from bandeau.ledger.proof import Outcome
from bandeau.ledger.store import notice_digest
from bandeau.ledger.tiles import (
    ENTRIES,
    FULL,
    HEIGHT,
    Edge,
    Tile,
    bundles_of,
    cut_bundle,
    grow_bundles,
    read_bundle,
    tile_at,
)

MOST_FINDINGS: Final = 20
"""So many of each step are told one by one; all of them are counted."""

# A record is made a moment before its batch is, and the log's clock may be that old.
_SECONDS_BEFORE: Final = MOST_SECONDS_BACK
_SECONDS_AFTER: Final = CLOCK_EVERY_SECONDS + MOST_SECONDS_BACK


class StepName(Enum):
    """The steps, in their order; a number is the place in it, from 1."""

    SIGNED = "signed"
    READ = "read"
    ROOTED = "rooted"
    TILED = "tiled"
    BEGUN = "begun"
    CLOCKED = "clocked"
    NOTICED = "noticed"
    OPENED = "opened"
    ERASED = "erased"
    DATED = "dated"

    @property
    def number(self) -> int:
        return list(StepName).index(self) + 1


_NEED_RECORDS: Final = frozenset({StepName.OPENED, StepName.DATED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that does not hold, without any content of a record."""

    step: StepName
    why: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What became of one step; of several findings the first one is told here."""

    name: StepName
    outcome: Outcome
    why: str
    where: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was read; `unopened` are records that nothing here opens, erased or not."""

    entries: int = 0
    records: int = 0
    opened: int = 0
    unopened: int = 0
    notices: int = 0
    clocks: int = 0
    tombstones: int = 0
    tiles: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What a log is worth, step by step; `checkpoint` is None where it is not signed."""

    steps: tuple[Step, ...]
    findings: tuple[Finding, ...]
    counts: Counts
    checkpoint: Checkpoint | None
    has_records: bool

    @property
    def holds(self) -> bool:
        return all(
            step.outcome is Outcome.PASSED
            or (
                step.outcome is Outcome.UNTRIED
                and step.name in _NEED_RECORDS
                and not self.has_records
            )
            for step in self.steps
        )

    @property
    def failed(self) -> Step | None:
        """The first step that did not pass, where the log does not hold."""
        if self.holds:
            return None
        order = {Outcome.FAILED: 0, Outcome.UNTRIED: 1, Outcome.PASSED: 2}
        return min(self.steps, key=lambda step: order[step.outcome])


# ---------------------------------------------------------------- where it is read


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A log as its source has it; `kept` is what a store notes beside the checkpoint."""

    checkpoint: bytes
    kept: KeptLog | None = None


class Source(Protocol):
    """The bytes of one log, wherever it is kept.

    What is asked for may be missing or wrong; that is for `examine` to say. Whatever the
    source itself cannot do, such as reading at all, it raises as it likes. The log may
    grow meanwhile.
    """

    def head(self) -> Head:
        """The checkpoint that stands there at this moment."""
        ...

    def tile(self, tile: Tile) -> bytes | None:
        """A tile or bundle, of this width or, where the log has grown, of more."""
        ...

    def openings(self, first: int, limit: int) -> Sequence[Opened] | None:
        """What opens the entries from `first` on, in order; None: records are elsewhere."""
        ...

    def notice(self, digest: bytes) -> bytes | None:
        """The bytes of a notice, where they are kept here."""
        ...


class StoredLog:
    """A `Source` on a store that keeps logs."""

    def __init__(self, store: LogStore, origin: str) -> None:
        self._store = store
        self._origin = origin

    def head(self) -> Head:
        kept = self._store.read_log(self._origin)
        return Head(checkpoint=kept.head.checkpoint, kept=kept)

    def tile(self, tile: Tile) -> bytes | None:
        return self._store.tile(self._origin, tile.level, tile.index)

    def openings(self, first: int, limit: int) -> Sequence[Opened]:
        return self._store.openings(self._origin, first=first, limit=limit)

    def notice(self, digest: bytes) -> bytes | None:
        return self._store.notice(_text(digest))


# ---------------------------------------------------------------- examining

Progress = Callable[[int, int], None]
"""Called with the entries that were read and the entries that there are."""


def examine(
    source: Source,
    keys: Sequence[VerifierKey],
    *,
    progress: Progress = lambda done, total: None,
) -> Examination:
    """Check a whole log, in ten steps.

    `keys` are those of the log that the caller believes; more than one where it has
    changed them.
    """
    head = source.head()
    walk = _Walk(source, keys)
    checkpoint = walk.signed(head)
    if checkpoint is not None:
        walk.through(checkpoint, progress)
        walk.end(head, checkpoint)
    return Examination(
        steps=tuple([walk.step(name) for name in StepName]),
        findings=tuple(
            [finding for name in StepName for finding in walk.findings[name]]
        ),
        counts=walk.counts,
        checkpoint=checkpoint,
        has_records=walk.has_records,
    )


class _Said(msgspec.Struct):
    """The fields of a record's body that the log is held against."""

    time: int
    notice: str


_read_said = msgspec.json.Decoder(_Said).decode


class _Walk:
    """What is known of a log while it is read from its first entry to its last."""

    def __init__(self, source: Source, keys: Sequence[VerifierKey]) -> None:
        self._source = source
        self._keys = keys
        self.findings: defaultdict[StepName, list[Finding]] = defaultdict(list)
        self.has_records = True
        self._found: Counter[StepName] = Counter()
        self._counted: Counter[str] = Counter()
        self._edge = Edge()
        self._clock: int | None = None
        self._noticed: set[bytes] = set()
        self._gaps = _Gaps()
        self._is_whole = False
        # Longer than the checkpoint has it: wrong, unless the log has grown meanwhile.
        self._longer: list[tuple[StepName, Tile]] = []
        self._has_grown = False

    @property
    def counts(self) -> Counts:
        return Counts(entries=self._edge.size, **self._counted)

    # Step 1

    def signed(self, head: Head) -> Checkpoint | None:
        try:
            note = read_note(head.checkpoint)
            checkpoint = read_checkpoint(note.text)
            # No key of another name vouches for this log: without one of its own, none.
            keys = [key for key in self._keys if key.name == checkpoint.origin]
            open_note(head.checkpoint, keys)
        except MalformedError as error:
            self._find(StepName.SIGNED, error.message, "checkpoint")
            return None
        # Notes may have bits in their base64 that mean nothing; ours have none.
        if note.encode() != head.checkpoint:
            self._find(
                StepName.SIGNED,
                "The checkpoint is not spelt as it should be.",
                "checkpoint",
            )
        if head.kept is not None and head.kept.head.size != checkpoint.size:
            self._find(
                StepName.SIGNED,
                "The store counts other entries than it signed.",
                "size",
            )
        return checkpoint

    # Steps 2 to 10

    def through(self, checkpoint: Checkpoint, progress: Progress) -> None:
        size = checkpoint.size
        progress(0, size)
        for bundle in bundles_of(size):
            entries = self._entries(bundle)
            if entries is None:
                # Without it no hash behind it is known. What is found up to here stands.
                return
            start = self._edge.size
            leaves = [merkle.leaf_hash(entry) for entry in entries]
            self._edge, rows = self._edge.append(leaves)
            for row in rows:
                # A tile above grows with each bundle; its last bytes are the stored ones.
                if row.tile == tile_at(row.tile.level, row.tile.index, size):
                    self._compare(StepName.TILED, row.tile, row.octets)
            openings = self._openings(start, len(entries))
            for index, octets in enumerate(entries, start):
                self._entry(index, octets, checkpoint, openings.get(index))
            progress(self._edge.size, size)
        self._is_whole = True

    def end(self, head: Head, checkpoint: Checkpoint) -> None:
        """What can be said only once all was read."""
        now = self._source.head()
        self._has_grown = now.checkpoint != head.checkpoint
        if not self._is_whole:
            return
        if self._edge.root != checkpoint.root:
            self._find(
                StepName.ROOTED, "The entries do not hash to the signed root.", "root"
            )
        if checkpoint.size == 0:
            self._find(StepName.BEGUN, "The log has no beginning.", "entry 0")
        for start, end in self._gaps.left():
            if not self._has_grown:
                self._find(
                    StepName.OPENED,
                    "Nothing opens this record, and no tombstone says why.",
                    f"entry {start}"
                    if end - start == 1
                    else f"entries {start} to {end}",
                )
        if not self._has_grown:
            for name, tile in self._longer:
                self._find(name, "Something follows its last one.", tile.path)
            if head.kept is not None:
                # In a folder they are of a later copy that is not done yet.
                self._strays(checkpoint.size)
        self._compare_notes(head)

    def step(self, name: StepName) -> Step:
        findings = self.findings[name]
        if findings:
            first = findings[0]
            return Step(
                name=name,
                outcome=Outcome.FAILED,
                why=first.why,
                where=first.where,
                count=self._found[name],
            )
        outcome, why = self._unfailed(name)
        return Step(name=name, outcome=outcome, why=why)

    def _unfailed(self, name: StepName) -> tuple[Outcome, str]:
        counts = self.counts
        if name is not StepName.SIGNED and not self._is_whole:
            if self.findings[StepName.READ]:
                return Outcome.UNTRIED, f"Only {counts.entries} entries could be read."
            return Outcome.UNTRIED, "Nothing here is signed."
        if name in _NEED_RECORDS and not self.has_records:
            why = f"The records are not kept here; {counts.unopened} are in the log."
            return Outcome.UNTRIED, why
        if name is StepName.OPENED and self._has_grown and self._gaps.left():
            return (
                Outcome.UNTRIED,
                "The log has grown meanwhile, perhaps by a tombstone. Check it again.",
            )
        return Outcome.PASSED, {
            StepName.SIGNED: "The log signed this checkpoint.",
            StepName.READ: f"All {counts.entries} entries can be read.",
            StepName.ROOTED: "They hash to the root that was signed.",
            StepName.TILED: f"All {counts.tiles} tiles are theirs, byte for byte.",
            StepName.BEGUN: "It begins with its name, and only once.",
            StepName.CLOCKED: f"Its clock never went back, in {counts.clocks} entries.",
            StepName.NOTICED: "Each notice is there once, before what cites it."
            if self.has_records
            else "Each notice is there once.",
            StepName.OPENED: f"{counts.opened} of {counts.records} records are what was "
            "committed to, and tombstones cover the others.",
            StepName.ERASED: "Nothing is left of what the tombstones cover.",
            StepName.DATED: "Each record was made when the log's clock says so.",
        }[name]

    # Bundles and tiles

    def _entries(self, bundle: Tile) -> list[bytes] | None:
        octets = self._source.tile(bundle)
        if octets is None:
            self._find(StepName.READ, "This bundle is missing.", bundle.path)
            return None
        try:
            entries = read_bundle(cut_bundle(octets, bundle.width), width=bundle.width)
        except MalformedError as error:
            self._find(StepName.READ, error.message, bundle.path)
            return None
        (row,) = grow_bundles(bundle.index * FULL, b"", entries)[1]
        self._compare_octets(StepName.READ, row.tile, row.octets, octets)
        return entries

    def _compare(self, name: StepName, tile: Tile, octets: bytes) -> None:
        stored = self._source.tile(tile)
        if stored is None:
            self._find(name, "This tile is missing.", tile.path)
            return
        self._counted["tiles"] += 1
        self._compare_octets(name, tile, octets, stored)

    def _compare_octets(
        self, name: StepName, tile: Tile, octets: bytes, stored: bytes
    ) -> None:
        if not stored.startswith(octets):
            self._find(name, "It is not what the entries hash to.", tile.path)
        elif len(stored) > len(octets):
            if tile.width == FULL:
                self._find(name, "Something follows its last one.", tile.path)
            else:
                self._longer.append((name, tile))

    def _strays(self, size: int) -> None:
        """Whatever stands just behind the last tile of a level would be in its way."""
        level = ENTRIES
        # Also on the level above the highest.
        while level < 1 or size >> HEIGHT * (level - 1):
            count = -(-(size >> HEIGHT * max(level, 0)) // FULL)
            stray = Tile(level, count)
            if self._source.tile(stray) is not None:
                name = StepName.READ if level == ENTRIES else StepName.TILED
                self._find(name, "There is no such tile in the tree.", stray.path)
            level += 1

    def _openings(self, first: int, count: int) -> dict[int, Opened]:
        found = self._source.openings(first, count)
        if found is None:
            self.has_records = False
            return {}
        # Where something was erased there are some of the next bundle too.
        return {o.entry: o for o in found if o.entry < first + count}

    # Entries

    def _entry(
        self, index: int, octets: bytes, checkpoint: Checkpoint, opened: Opened | None
    ) -> None:
        where = f"entry {index}"
        try:
            entry = read_entry(octets)
        except MalformedError as error:
            self._find(StepName.READ, error.message, where)
            return
        if index == 0 and not isinstance(entry, Genesis):
            self._find(StepName.BEGUN, "The log does not begin with its name.", where)
        if isinstance(entry, RecordEntry):
            self._record(index, entry, opened)
            return
        if opened is not None:
            self._find(StepName.OPENED, "A record is kept for what is none.", where)
        self._other(index, entry, checkpoint, where)

    def _other(
        self, index: int, entry: Entry, checkpoint: Checkpoint, where: str
    ) -> None:
        match entry:
            case Genesis():
                if index:
                    self._find(StepName.BEGUN, "A log begins only once.", where)
                elif entry.origin != checkpoint.origin:
                    self._find(StepName.BEGUN, "It begins as another log.", where)
            case Clock():
                self._counted["clocks"] += 1
                if self._clock is not None and entry.time < self._clock:
                    self._find(StepName.CLOCKED, "The log's clock went back.", where)
                self._clock = entry.time
            case NoticeEntry():
                self._notice(entry.digest, where)
            case Tombstone():
                self._tombstone(index, entry, where)
            case KeyChange():
                if not any(entry.is_signed_by(key) for key in self._keys):
                    self._find(
                        StepName.SIGNED, "A key came that no known key named.", where
                    )
            case RecordEntry():
                raise AssertionError("records were seen to")

    def _record(self, index: int, entry: RecordEntry, opened: Opened | None) -> None:
        self._counted["records"] += 1
        if opened is None:
            self._counted["unopened"] += 1
            if self.has_records:
                self._gaps.add(index)
            return
        self._counted["opened"] += 1
        where = f"entry {index}"
        if not _opens(opened, entry):
            self._find(
                StepName.OPENED, "The record is not the one committed to.", where
            )
            return
        try:
            said = _read_said(opened.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._find(StepName.OPENED, "The record cannot be read.", where)
            return
        if _digest(said.notice) not in self._noticed:
            self._find(StepName.NOTICED, "It cites a notice that is not above.", where)
        if self._clock is None or not (
            -_SECONDS_BEFORE <= said.time - self._clock <= _SECONDS_AFTER
        ):
            self._find(
                StepName.DATED, "Its time is not the log's at this place.", where
            )

    def _notice(self, digest: bytes, where: str) -> None:
        self._counted["notices"] += 1
        if digest in self._noticed:
            self._find(StepName.NOTICED, "This notice stands there already.", where)
        self._noticed.add(digest)
        body = self._source.notice(digest)
        if body is not None and notice_digest(body) != _text(digest):
            self._find(StepName.NOTICED, "The notice kept is another one.", where)

    def _tombstone(self, index: int, stone: Tombstone, where: str) -> None:
        self._counted["tombstones"] += 1
        if stone.end > index:
            self._find(StepName.ERASED, "It covers what was still to come.", where)
            return
        left = self._source.openings(stone.start, 1)
        if left and left[0].entry < stone.end:
            self._find(
                StepName.ERASED,
                f"It is covered by a tombstone (entry {index}), and still there.",
                f"entry {left[0].entry}",
            )
        self._gaps.cover(stone.start, stone.end)

    # What a store notes beside the log

    def _compare_notes(self, head: Head) -> None:
        kept = head.kept
        if kept is None:
            return
        if kept.head.clock != self._clock:
            self._find(StepName.CLOCKED, "The store notes another time.", "clock")
        if set(kept.noticed) != self._noticed:
            self._find(StepName.NOTICED, "The store notes other notices.", "noticed")

    def _find(self, name: StepName, why: str, where: str) -> None:
        self._found[name] += 1
        if self._found[name] <= MOST_FINDINGS:
            self.findings[name].append(Finding(step=name, why=why, where=where))


class _Gaps:
    """Runs of records that nothing opens, until a tombstone covers them.

    Tombstones come behind what they cover, so that a gap has to be kept until then.
    """

    def __init__(self) -> None:
        # In order, without overlap; `_ends` belongs to `_starts` place by place.
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, index: int) -> None:
        if self._ends and self._ends[-1] == index:
            self._ends[-1] += 1
        else:
            self._starts.append(index)
            self._ends.append(index + 1)

    def cover(self, start: int, end: int) -> None:
        first = bisect_right(self._ends, start)
        last = bisect_right(self._starts, end - 1)
        left: list[tuple[int, int]] = []
        for gap in range(first, last):
            if self._starts[gap] < start:
                left.append((self._starts[gap], start))
            if self._ends[gap] > end:
                left.append((end, self._ends[gap]))
        if first < last:
            self._starts[first:last] = [gap[0] for gap in left]
            self._ends[first:last] = [gap[1] for gap in left]

    def left(self) -> list[tuple[int, int]]:
        return [*zip(self._starts, self._ends, strict=True)]


def _opens(opened: Opened, entry: RecordEntry) -> bool:
    try:
        return commitment(opened.salt, opened.body) == entry.commitment
    except MalformedError:
        return False


def _text(digest: bytes) -> str:
    """A digest as records and stores spell it."""
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _digest(text: str) -> bytes:
    """The digest that a record cites; nothing where it is misspelt."""
    try:
        digest = urlsafe_b64decode(f"{text}=")
    except ValueError:
        return b""
    is_spelt_so = len(digest) == HASH_LENGTH and _text(digest) == text
    return digest if is_spelt_so else b""
