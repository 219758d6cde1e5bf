"""One step of a log: what a batch adds to it, worked out and checked before it is signed.

Pure: the store's bytes, salts and the time are arguments. A step goes

    state -> `next_step` -> `checked` -> `signed` -> one transaction -> the next state

and nobody can sign what was not checked: `signed` takes only what `checked` gave. A
signature must not leave before the transaction is committed, not even into a log line;
two signed trees of one size are proof of guilt.

`load` is the way back from a store, after a start, a conflict or a COMMIT of which nobody
knows: it believes nothing that does not fold into the root that was signed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bandeau.errors import MalformedError, UnavailableError
from bandeau.ledger import merkle
from bandeau.ledger.entries import (
    Clock,
    Entry,
    Genesis,
    NoticeEntry,
    RecordEntry,
    commitment,
    read_entry,
    write_entry,
)
from bandeau.ledger.merkle import HASH_LENGTH
from bandeau.ledger.note import (
    Checkpoint,
    SigningKey,
    VerifierKey,
    open_note,
    read_checkpoint,
    sign_note,
)
from bandeau.ledger.tiles import (
    ENTRIES,
    FULL,
    HEIGHT,
    Edge,
    Row,
    TileHashes,
    TileSource,
    cut_bundle,
    grow_bundles,
    read_bundle,
    read_edge,
    tile_at,
)

CLOCK_EVERY_SECONDS: Final = 600
"""A batch begins with a clock entry when the last one is older than this."""

MOST_SECONDS_BACK: Final = 60
"""A clock may be set back by this much; after more the log stands still until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A log as it stands: all that is needed to let it grow, and nothing of its past.

    `tail` has the bytes of the bundle that is being filled. `clock` is the time of the
    last clock entry, in seconds. `noticed` are the digests of the notices that stand in
    this log, 32 bytes each: records may cite them.
    """

    origin: str
    edge: Edge
    tail: bytes
    clock: int
    noticed: frozenset[bytes]

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(origin=self.origin, size=self.edge.size, root=self.edge.root)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecord:
    """A record that is to be logged: its bytes, its salt, and the notice that it cites."""

    body: bytes
    salt: bytes
    notice: bytes

    @property
    def entry(self) -> bytes:
        return write_entry(RecordEntry(commitment=commitment(self.salt, self.body)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a batch adds.

    `rows` are the tiles and bundles to store; each replaces a shorter one of its name.
    `indexes` are the entries of the records, in their order. `entries` are all that were
    added, from index `before.edge.size` on.
    """

    before: State
    after: State
    entries: tuple[bytes, ...]
    rows: tuple[Row, ...]
    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedStep:
    """A step that was worked out twice. Only `checked` makes one."""

    step: Step


def first_step(origin: str, *, at: int, predecessor: bytes = b"") -> Step:
    """The beginning of a log: its genesis, and the time.

    `predecessor` is the last checkpoint of the log that this one goes on from.
    """
    nothing = State(origin=origin, edge=Edge(), tail=b"", clock=at, noticed=frozenset())
    genesis = Genesis(origin=origin, predecessor=predecessor)
    return _step(nothing, [genesis, Clock(time=at)])


def next_step(
    state: State, records: Sequence[NewRecord], *, at: int, more: Sequence[Entry] = ()
) -> Step:
    """Add records, and before them whatever they need to stand on.

    In this order: a clock entry if one is due; every notice that a record cites and the
    log does not have; `more`, such as tombstones; the records.

    Raises:
        UnavailableError: the clock went back, by more than a moment.
    """
    if at < state.clock - MOST_SECONDS_BACK:
        # "time did not progress" is fatal in other logs too: what was logged later would
        # claim to be earlier.
        raise UnavailableError(
            "The clock of this machine is behind the log's own.",
            retry_after=MOST_SECONDS_BACK,
            hint="Set the machine's clock; the log goes on by itself.",
        )
    entries: list[Entry] = []
    if at - state.clock >= CLOCK_EVERY_SECONDS:
        entries.append(Clock(time=at))
    cited = dict.fromkeys(record.notice for record in records)
    entries += [
        NoticeEntry(digest=digest) for digest in cited if digest not in state.noticed
    ]
    return _step(state, [*entries, *more], records)


def _step(
    state: State, first: Sequence[Entry], records: Sequence[NewRecord] = ()
) -> Step:
    entries = [write_entry(entry) for entry in first]
    start = state.edge.size + len(entries)
    entries += [record.entry for record in records]
    edge, rows = state.edge.append([merkle.leaf_hash(entry) for entry in entries])
    tail, bundles = grow_bundles(state.edge.size, state.tail, entries)
    clocks = [entry.time for entry in first if isinstance(entry, Clock)]
    noticed = {entry.digest for entry in first if isinstance(entry, NoticeEntry)}
    return Step(
        before=state,
        after=State(
            origin=state.origin,
            edge=edge,
            tail=tail,
            clock=clocks[-1] if clocks else state.clock,
            noticed=state.noticed | noticed,
        ),
        entries=tuple(entries),
        rows=(*bundles, *rows),
        indexes=tuple(range(start, start + len(records))),
    )


# ---------------------------------------------------------------- checking


class BrokenStepError(AssertionError):
    """Our own work does not hold. Nothing was signed; the process should not go on.

    "It is utterly impossible", and yet one flipped bit in one leaf hash ended a
    Certificate Transparency log in 2022.
    """


def checked(step: Step, records: Sequence[NewRecord]) -> CheckedStep:
    """Work a step out again, from the bytes that are about to be stored.

    The entries are read back from the bundles and compared with the records, hashed, and
    laid under a consistency proof that is made of the tiles to be stored: the new tree
    holds all of the old one, and these entries behind it.

    Raises:
        BrokenStepError: anything of it does not hold.
    """
    before, after = step.before.edge, step.after.edge
    stored = {(row.tile.level, row.tile.index): row.octets for row in step.rows}
    # What is stored replaces what was there: it has to begin with it.
    held = {ENTRIES: step.before.tail, **dict(enumerate(before.tiles))}
    for level, octets in held.items():
        index = before.size >> HEIGHT * (max(level, 0) + 1)
        if not stored.get((level, index), octets).startswith(octets):
            raise BrokenStepError("What is stored already would change.")

    added = _added(step, stored)
    commitments = [
        RecordEntry(commitment=commitment(record.salt, record.body))
        for record in records
    ]
    if [read_entry(added[at - before.size]) for at in step.indexes] != commitments:
        raise BrokenStepError("The bundles to be stored hold other records.")

    leaves = [merkle.leaf_hash(entry) for entry in added]
    tiled = b"".join(
        octets for (level, _), octets in sorted(stored.items()) if level == 0
    )
    if not tiled.endswith(b"".join(leaves)):
        raise BrokenStepError("The tiles to be stored hold other leaves.")
    read = _StoredHashes(step, stored)
    proof = merkle.consistency_proof(before.size, after.size, read)
    if not merkle.verify_consistency(
        proof,
        old_size=before.size,
        new_size=after.size,
        old_root=before.root,
        new_root=after.root,
    ) or after.root != merkle.root(after.size, read):
        raise BrokenStepError("The new tree does not hold the old one.")
    return CheckedStep(step=step)


def _added(step: Step, stored: dict[tuple[int, int], bytes]) -> list[bytes]:
    """The new entries, read back from the bundles to be stored."""
    first = step.before.edge.size // FULL
    bundles = sorted(index for level, index in stored if level == ENTRIES)
    if bundles != list(range(first, first + len(bundles))):
        raise BrokenStepError("A bundle is missing.")
    octets = [stored[ENTRIES, index] for index in bundles]
    if octets:
        # The old ones, which it begins with, were compared as bytes.
        octets[0] = octets[0][len(step.before.tail) :]
    try:
        added = [entry for part in octets for entry in read_bundle(part)]
    except MalformedError as error:
        raise BrokenStepError(error.message) from error
    if len(added) != step.after.edge.size - step.before.edge.size:
        raise BrokenStepError("The bundles to be stored have another length.")
    return added


class _StoredHashes:
    """A `merkle.HashReader` on the tiles of a step; the old tree's peaks are known.

    So it hashes no more than what is new.
    """

    def __init__(self, step: Step, stored: dict[tuple[int, int], bytes]) -> None:
        self._stored = stored
        self._known: dict[tuple[int, int], bytes] = {}
        start, size = 0, step.before.edge.size
        for peak in step.before.edge.peaks:
            level = (size - start).bit_length() - 1
            self._known[level, start >> level] = peak
            start += 1 << level

    def __call__(self, level: int, index: int) -> bytes:
        known = self._known.get((level, index))
        if known is not None:
            return known
        tile_level, height = divmod(level, HEIGHT)
        if height == 0:
            octets = self._stored.get((tile_level, index // FULL), b"")
            at = index % FULL * HASH_LENGTH
            value = octets[at : at + HASH_LENGTH]
            below = (
                merkle.node_hash(
                    self(level - 1, 2 * index), self(level - 1, 2 * index + 1)
                )
                if level
                else value
            )
            if len(value) != HASH_LENGTH or value != below:
                raise BrokenStepError("A tile to be stored does not fit the one below.")
        else:
            value = merkle.node_hash(
                self(level - 1, 2 * index), self(level - 1, 2 * index + 1)
            )
        self._known[level, index] = value
        return value


def signed(checked_step: CheckedStep, keys: Sequence[SigningKey], *, at: int) -> bytes:
    """The checkpoint of a checked step, signed with the log's keys."""
    text = checked_step.step.after.checkpoint.text
    timed = [key.verifier.type != 1 for key in keys]
    return sign_note(
        text,
        [
            key.sign(text, at=at if cosigns else None)
            for key, cosigns in zip(keys, timed, strict=True)
        ],
    )


# ---------------------------------------------------------------- loading


def load(
    note: bytes,
    keys: Sequence[VerifierKey],
    fetch: TileSource,
    *,
    clock: int,
    noticed: frozenset[bytes],
) -> State:
    """The state of a log from what a store has, all of it read in one transaction.

    Raises:
        MalformedError: the log's key does not vouch for the checkpoint, the tiles do not
            fold into its root, or the last bundle does not hash to the last tile. Such a
            log must not be signed any more: it was damaged, or put together from several.
    """
    checkpoint = read_checkpoint(open_note(note, keys).text)
    size = checkpoint.size
    edge = read_edge(size, fetch)
    if edge.root != checkpoint.root:
        raise MalformedError(
            "The stored tiles do not fold into the signed root.", place="tiles"
        )
    tail = b""
    bundle = tile_at(ENTRIES, size // FULL, size)
    if bundle is not None:
        tail = cut_bundle(fetch(bundle), bundle.width)
        leaves = [merkle.leaf_hash(e) for e in read_bundle(tail, width=bundle.width)]
        if b"".join(leaves) != edge.tiles[0]:
            raise MalformedError(
                "The last bundle does not hash to the last tile.", place="bundle"
            )
    return State(
        origin=checkpoint.origin, edge=edge, tail=tail, clock=clock, noticed=noticed
    )


def consistency(state: State, fetch: TileSource, *, old_size: int) -> tuple[bytes, ...]:
    """The proof that witnesses ask for, from stored tiles."""
    hashes = TileHashes(state.edge.size, fetch)
    return merkle.consistency_proof(old_size, state.edge.size, hashes)
