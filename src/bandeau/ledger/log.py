"""Logs while they grow: what comes in is logged, signed and stored in one transaction.

`Logs` stands between the sequencer and a store that keeps logs. For a site that has a
log it turns a batch of records into a step (`growing`), signs it and writes both at once;
for one that has none it passes the batch on.

What a crash leaves behind. Before COMMIT: nothing, and a signature that nobody has seen.
After it: the step, whole. When nobody knows (the connection broke), the state that is
kept here is forgotten and read again, and the sequencer asks for its own request keys.
"""

import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from bandeau.errors import MalformedError, MisconfiguredError, UnavailableError
from bandeau.ledger.entries import Entry, Reason, Tombstone, commitment
from bandeau.ledger.growing import (
    NewRecord,
    State,
    Step,
    checked,
    first_step,
    load,
    next_step,
    signed,
)
from bandeau.ledger.logs import LogHead, LogStep, LogStore, RequestsKnownError
from bandeau.ledger.merkle import HASH_LENGTH
from bandeau.ledger.note import SignatureType, SigningKey
from bandeau.ledger.proof import Opening, Proof, make_proof
from bandeau.ledger.record import Record
from bandeau.ledger.store import LedgerConflictError, Store
from bandeau.ledger.tiles import Tile, TileHashes

SALT_LENGTH: Final = 32

# Each attempt loses only to a writer who got ahead.
_ATTEMPTS: Final = 20
_MISPLACED_HINT: Final = (
    "Stop Bandeau and keep the store. If it was restored from a backup, or moved, "
    "the newest copy has to be found: a second log of this name must never be signed."
)


class _Cited(msgspec.Struct):
    """The one field of a record's body that its log has to know."""

    notice: str


_read_cited = msgspec.json.Decoder(_Cited).decode


def log_key(seed: bytes, origin: str) -> SigningKey:
    """The key of a log, from the seed that its owner keeps in a file."""
    return SigningKey.derive(seed, name=origin, type=SignatureType.ED25519)


def create_log(
    store: LogStore,
    site: str,
    origin: str,
    *,
    seed: bytes,
    at: int,
) -> LogHead:
    """Begin a log for a site; the site's last one, if any, is what it goes on from.

    Raises:
        MisconfiguredError: the name is taken or cannot be one; there is no such site.
    """
    before = store.logs(site)
    predecessor = before[-1].checkpoint if before else b""
    try:
        step = first_step(origin, at=at, predecessor=predecessor)
    except MalformedError as error:
        raise MisconfiguredError(
            f"{origin!r} cannot be the name of a log.",
            hint="Name it by the address it will be served at, without https://: "
            "news.example/bandeau/log/2026.",
        ) from error
    note = signed(checked(step, []), [log_key(seed, origin)], at=at)
    store.create_log(site, _log_step(step, note, b"", []))
    return store.logs(site)[-1]


def expect_no_log(store: Store, sites: Iterable[str]) -> None:
    """For whoever has no seed: none of these sites has a log that would need it.

    Raises:
        MisconfiguredError: one has.
    """
    for site in sites:
        if isinstance(store, LogStore) and store.logs(site):
            raise MisconfiguredError(
                f"The site {site!r} has a log, and nobody to sign it.",
                hint="Name the file with its seed: --key FILE, BANDEAU_KEY or "
                "Site(…, key=FILE).",
            )


class Logs:
    """The logs of a store's sites, with the seed that signs them.

    Threads: one may append at a time, as the sequencer does; anybody may ask for proofs.
    """

    def __init__(
        self,
        store: LogStore,
        *,
        seed: bytes,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._seed = seed
        self._clock = clock
        self._entropy = entropy
        self._appending = threading.Lock()
        # By site; guarded by `_appending`. A log that another process creates is found
        # when the store refuses to be written around it.
        self._logs: dict[str, _Log | None] = {}

    def size(self, site: str) -> int:
        return self._store.size(site)

    def find_request(self, site: str, request: bytes) -> int | None:
        return self._store.find_request(site, request)

    def key_of(self, origin: str) -> SigningKey:
        return log_key(self._seed, origin)

    def append(
        self, site: str, records: Sequence[Record], *, expected_size: int
    ) -> list[int]:
        """As `Store.append` has it, and in the site's log where it has one."""
        with self._appending:
            log = self._log(site)
            if log is None:
                return self._store.append(site, records, expected_size=expected_size)
            try:
                return log.append(records, expected_size)
            except LedgerConflictError:
                # Another writer was first, or the site has begun a new log: look again.
                del self._logs[site]
                raise

    def erase(self, site: str, *, first: int, end: int, reason: Reason) -> None:
        """Erase what opens a range of entries, and log a tombstone that says so.

        Raises:
            MisconfiguredError: the site has no log, or the range is not in it.
        """
        with self._appending:
            log = self._log(site)
            if log is None:
                raise MisconfiguredError(
                    f"The site {site!r} has no log.",
                    hint="`bandeau ledger create` makes one.",
                )
            for _ in range(_ATTEMPTS):
                try:
                    log.erase(first, end, reason)
                except LedgerConflictError:
                    # A collector was first. The range is this log's: if the site has
                    # begun another one meanwhile, every attempt ends here.
                    continue
                return
            raise UnavailableError(
                "Other writers were first, again and again.", retry_after=2
            )

    def _log(self, site: str) -> "_Log | None":
        # One that is new is looked for each time: a site gets its log while we run.
        log = self._logs.get(site)
        heads = [] if log else self._store.logs(site)
        if heads:
            origin = heads[-1].origin
            log = self._logs[site] = _Log(
                self._store,
                site,
                origin,
                key=log_key(self._seed, origin),
                clock=self._clock,
                entropy=self._entropy,
            )
        return log


def receipt(store: LogStore, site: str, index: int) -> Proof | None:
    """The proof for one record, under the newest checkpoint of its log.

    None for a record that no log has, or that is erased.
    """
    kept, seal = store.record(site, index), store.seal(site, index)
    if kept is None or seal is None:
        return None
    head = next(head for head in store.logs(site) if head.origin == seal.origin)
    return make_proof(
        seal.entry,
        checkpoint=head.checkpoint,
        read=TileHashes(head.size, fetcher(store, head.origin)),
        opening=Opening(salt=seal.salt, record=kept.record.body),
    )


def fetcher(store: LogStore, origin: str) -> Callable[[Tile], bytes]:
    """A `TileSource` on a store."""

    def fetch(tile: Tile) -> bytes:
        octets = store.tile(origin, tile.level, tile.index)
        if octets is None:
            raise MalformedError(f"The log has no {tile.path}.", place=tile.path)
        return octets

    return fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """A log's state, and the very checkpoint that stands in the store."""

    state: State
    checkpoint: bytes


class _Log:
    """One log; used by one thread at a time."""

    def __init__(
        self,
        store: LogStore,
        site: str,
        origin: str,
        *,
        key: SigningKey,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._site = site
        self._origin = origin
        self._key = key
        self._clock = clock
        self._entropy = entropy
        # What the store had after our last step; None: read it again.
        self._standing: _Standing | None = None

    def append(self, records: Sequence[Record], expected_size: int) -> list[int]:
        known: dict[bytes, int] = {}
        for _ in range(_ATTEMPTS):
            fresh: dict[bytes, Record] = {}
            for record in records:
                if record.request not in known:
                    # Of a key that is there twice the first one stands.
                    fresh.setdefault(record.request, record)
            try:
                self._append_new([*fresh.values()], expected_size)
            except RequestsKnownError as error:
                known |= error.known
                continue
            known |= {key: place for place, key in enumerate(fresh, expected_size)}
            return [known[record.request] for record in records]
        raise UnavailableError("Other writers were first.", retry_after=2)

    def erase(self, first: int, end: int, reason: Reason) -> None:
        standing = self._stand()
        if not 0 <= first < end <= standing.state.edge.size:
            raise MisconfiguredError(
                f"The log has {standing.state.edge.size} entries: there is no range "
                f"from {first} to {end} in it.",
                hint="Name the first entry, and the one behind the last.",
            )
        stone = Tombstone(start=first, end=end, reason=reason)
        step, note = self._signed(standing, [], [stone])
        self._write(
            lambda done: self._store.erase(self._site, first=first, end=end, step=done),
            step,
            note,
            [],
        )

    def _append_new(self, records: Sequence[Record], expected_size: int) -> None:
        if not records:
            return
        standing = self._stand()
        linked, new = self._linked(records)
        step, note = self._signed(standing, new, [])
        self._write(
            lambda done: self._store.append_logged(
                self._site, linked, expected_size=expected_size, step=done
            ),
            step,
            note,
            new,
        )

    def _signed(
        self, standing: _Standing, new: Sequence[NewRecord], more: Sequence[Entry]
    ) -> tuple[Step, bytes]:
        now = self._clock()
        step = next_step(standing.state, new, at=now, more=more)
        # Until the store has said that it is durable, nobody may see this signature.
        return step, signed(checked(step, new), [self._key], at=now)

    def _write(
        self,
        write: Callable[[LogStep], None],
        step: Step,
        note: bytes,
        new: Sequence[NewRecord],
    ) -> None:
        standing, self._standing = self._standing, None
        assert standing is not None, "a step is made from what stands"
        try:
            write(_log_step(step, note, standing.checkpoint, new))
        except RequestsKnownError:
            # Taken back whole, on our own terms: what stood still stands.
            self._standing = standing
            raise
        # Anything else that is raised leaves nothing here: whatever became of it, the
        # next batch begins with what the store then has.
        self._standing = _Standing(state=step.after, checkpoint=note)

    def _stand(self) -> _Standing:
        if self._standing is None:
            kept = self._store.read_log(self._origin)

            def fetch(tile: Tile) -> bytes:
                return kept.rows.get((tile.level, tile.index), b"")

            try:
                state = load(
                    kept.head.checkpoint,
                    [self._key.verifier],
                    fetch,
                    clock=kept.head.clock,
                    noticed=kept.noticed,
                )
            except MalformedError as error:
                raise UnavailableError(
                    f"The log {self._origin} cannot be signed: {error.message}",
                    retry_after=600,
                    hint=_MISPLACED_HINT,
                ) from error
            self._standing = _Standing(state=state, checkpoint=kept.head.checkpoint)
        return self._standing

    def _linked(
        self, records: Sequence[Record]
    ) -> tuple[list[Record], list[NewRecord]]:
        """The records, each of a subject with the commitment of its last one."""
        salts = self._entropy(SALT_LENGTH * len(records))
        # Asked once for all of them: a store may be a network away.
        subjects = {record.subject: None for record in records if record.subject}
        last = {
            subject: commitment(*found)
            for subject, found in self._store.last_of_subjects(
                self._site, [*subjects]
            ).items()
        }
        linked: list[Record] = []
        new: list[NewRecord] = []
        for nth, brought in enumerate(records):
            record, subject = brought, brought.subject
            salt = salts[SALT_LENGTH * nth : SALT_LENGTH * (nth + 1)]
            if subject is not None:
                before = last.get(subject)
                if before is not None:
                    record = _with_prev(brought, before)
                last[subject] = commitment(salt, record.body)
            linked.append(record)
            cited = _digest_of(brought.body)
            new.append(NewRecord(body=record.body, salt=salt, notice=cited))
        return linked, new


def _log_step(
    step: Step, note: bytes, before: bytes, new: Sequence[NewRecord]
) -> LogStep:
    seals = [
        (entry, record.salt) for entry, record in zip(step.indexes, new, strict=True)
    ]
    return LogStep(
        origin=step.after.origin,
        before=before,
        checkpoint=note,
        size=step.after.edge.size,
        clock=step.after.clock,
        rows=step.rows,
        seals=seals,
        noticed=[*(step.after.noticed - step.before.noticed)],
    )


def _digest_of(body: bytes) -> bytes:
    """The digest of the notice that a record cites."""
    digest = urlsafe_b64decode(_read_cited(body).notice + "=")
    assert len(digest) == HASH_LENGTH, "the collector writes whole digests"
    return digest


def _with_prev(record: Record, before: bytes) -> Record:
    """The record with one more field at its end: what its subject's last one was."""
    prev = urlsafe_b64encode(before).rstrip(b"=")
    body = record.body[:-1] + b',"prev":"' + prev + b'"}'
    return msgspec.structs.replace(record, body=body)
