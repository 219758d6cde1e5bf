"""The logs of a site in its SQLite file: `LogStore`, on top of `sqlite`.

Tables in `sqlite_2.sql`, statements in `sqlite_logs.sql`. One row for each tile, as far
as it is filled.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from bandeau.errors import MisconfiguredError, UnavailableError
from bandeau.ledger.logs import (
    KeptLog,
    LogHead,
    LogStep,
    Opened,
    RequestsKnownError,
    Seal,
)
from bandeau.ledger.record import Record
from bandeau.ledger.rows import (
    INDEX_MASK,
    KIND_CODES,
    edge_of,
    entry_of,
    may_be_tile,
    record_id,
    seal_id,
    tile_id,
)
from bandeau.ledger.scripts import named, read
from bandeau.ledger.sqlite import SqliteStore, move_on, raise_tallies, working
from bandeau.ledger.store import LedgerConflictError

_SQL: Final[Mapping[str, str]] = named(read("sqlite_logs.sql"))


class SqliteLogs(SqliteStore):
    """A `LogStore` in one file.

    Erased bytes are overwritten at once (`secure_delete`), and the write-ahead log, which
    may still hold them, is folded into the file and cut to nothing before `erase` returns.
    """

    def create_log(self, site: str, step: LogStep) -> None:
        number = self._site_id(site)
        try:
            with working(), self._transaction() as writer:
                log = writer.execute(
                    _SQL["add_log"], _head_values(step) | {"site": number}
                ).lastrowid
                assert log is not None, "a row was inserted"
                _put(writer, log, step)
        except UnavailableError as error:
            if isinstance(error.__cause__, sqlite3.IntegrityError):
                raise MisconfiguredError(
                    f"There is a log called {step.origin!r} already.",
                    hint="Give each site and year a name of its own.",
                ) from None
            raise

    def logs(self, site: str) -> list[LogHead]:
        rows = self._query(_SQL["logs"], {"site": self._site_id(site)})
        return [_head(*row) for row in rows]

    def read_log(self, origin: str) -> KeptLog:
        with self._snapshot() as reader:
            log, head = _log_of(reader, origin)
            noticed = reader.execute(_SQL["noticed"], {"log": log}).fetchall()
            rows: dict[tuple[int, int], bytes] = {}
            for place in edge_of(head.size):
                found = reader.execute(
                    _SQL["tile"], {"id": tile_id(log, *place)}
                ).fetchone()
                if found is not None:
                    rows[place] = found[0]
        return KeptLog(
            head=head, noticed=frozenset(digest for (digest,) in noticed), rows=rows
        )

    def append_logged(
        self,
        site: str,
        records: Sequence[Record],
        *,
        expected_size: int,
        step: LogStep,
    ) -> None:
        number = self._site_id(site)
        size = expected_size + len(records)
        try:
            with working(), self._transaction() as writer:
                log = self._move_log(writer, number, step, expected_size)
                move_on(writer, number, expected_size, size)
                _put(writer, log, step)
                start = record_id(number, expected_size)
                seals = [
                    (seal_id(log, entry), nth, salt)
                    for nth, (entry, salt) in enumerate(step.seals, start)
                ]
                writer.executemany(
                    _SQL["append"],
                    [
                        (
                            nth,
                            number,
                            record.request,
                            record.subject,
                            record.day,
                            KIND_CODES[record.kind],
                            record.body,
                            seal,
                        )
                        for record, (seal, nth, _) in zip(records, seals, strict=True)
                    ],
                )
                writer.executemany(_SQL["add_seal"], seals)
                raise_tallies(writer, number, records)
        except UnavailableError as error:
            if isinstance(error.__cause__, sqlite3.IntegrityError):
                # Taken back whole. Retries are rare: only now do we look for each key.
                raise self._known(site, records, error) from None
            raise

    def tile(self, origin: str, level: int, index: int) -> bytes | None:
        if not may_be_tile(level, index):
            return None
        log, _ = self._log(origin)
        rows = self._query(_SQL["tile"], {"id": tile_id(log, level, index)})
        return rows[0][0] if rows else None

    def seal(self, site: str, index: int) -> Seal | None:
        if not 0 <= index <= INDEX_MASK:
            return None
        values = {"id": record_id(self._site_id(site), index)}
        for origin, number, salt in self._query(_SQL["seal_of"], values):
            return Seal(origin=origin, entry=entry_of(number), salt=salt)
        return None

    def last_of_subjects(
        self, site: str, subjects: Sequence[bytes]
    ) -> dict[bytes, tuple[bytes, bytes]]:
        if not subjects:
            return {}
        number = self._site_id(site)
        last: dict[bytes, tuple[bytes, bytes]] = {}
        with self._snapshot() as reader:
            for subject in subjects:
                values = {"site": number, "subject": subject}
                row = reader.execute(_SQL["last_of_subject"], values).fetchone()
                if row is not None:
                    last[subject] = row
        return last

    def openings(self, origin: str, *, first: int, limit: int) -> list[Opened]:
        log, head = self._log(origin)
        values = {
            "first": seal_id(log, first),
            "end": seal_id(log, head.size),
            "limit": max(limit, 0),
        }
        return [
            Opened(entry=entry_of(number), salt=salt, body=body)
            for number, salt, body in self._query(_SQL["openings"], values)
        ]

    def entries_of_subject(self, site: str, subject: bytes) -> list[int]:
        heads = self.logs(site)
        if not heads:
            return []
        log, _ = self._log(heads[-1].origin)
        values = {"site": self._site_id(site), "subject": subject, "log": log}
        rows = self._query(_SQL["entries_of_subject"], values)
        return [entry_of(number) for (number,) in rows]

    def erase(self, site: str, *, first: int, end: int, step: LogStep) -> None:
        number = self._site_id(site)
        with working(), self._transaction() as writer:
            log = self._move_log(writer, number, step, 0)
            _put(writer, log, step)
            span = {
                "first": seal_id(log, first),
                "end": seal_id(log, end),
            }
            writer.execute(_SQL["erase_records"], span)
            writer.execute(_SQL["erase_seals"], span)
        with working(), self._writing:
            # LIMIT: another program that reads an older moment for more than five seconds
            # holds this up, and nobody is told. The write-ahead log then keeps the erased
            # bytes until the next one, or until the last program closes the file.
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    # Below

    def _move_log(
        self, writer: sqlite3.Connection, site: int, step: LogStep, size: int
    ) -> int:
        row = writer.execute(_SQL["log"], {"site": site}).fetchone()
        if row is None or row[1] != step.origin:
            raise LedgerConflictError(expected_size=size, size=size)
        moved = writer.execute(
            _SQL["move_log"],
            _head_values(step) | {"log": row[0], "before": step.before},
        )
        if moved.rowcount != 1:
            (found,) = writer.execute(_SQL["size_of_site"], {"site": site}).fetchone()
            raise LedgerConflictError(expected_size=size, size=found)
        return row[0]

    def _known(
        self, site: str, records: Sequence[Record], error: UnavailableError
    ) -> RequestsKnownError | UnavailableError:
        known: dict[bytes, int] = {}
        for record in records:
            index = self.find_request(site, record.request)
            if index is not None:
                known[record.request] = index
        twice = len({record.request for record in records}) < len(records)
        return RequestsKnownError(known) if known or twice else error

    def _log(self, origin: str) -> tuple[int, LogHead]:
        with self._snapshot() as reader:
            return _log_of(reader, origin)


def _log_of(reader: sqlite3.Connection, origin: str) -> tuple[int, LogHead]:
    row = reader.execute(_SQL["log_of_origin"], {"origin": origin}).fetchone()
    if row is None:
        raise MisconfiguredError(
            f"There is no log called {origin!r}.",
            hint="`bandeau ledger create` makes one.",
        )
    number, size, clock, checkpoint = row
    return number, _head(origin, size, clock, checkpoint)


def _head(origin: str, size: int, clock: int, checkpoint: bytes) -> LogHead:
    return LogHead(origin=origin, size=size, clock=clock, checkpoint=checkpoint)


def _head_values(step: LogStep) -> dict[str, object]:
    return {
        "origin": step.origin,
        "size": step.size,
        "clock": step.clock,
        "checkpoint": step.checkpoint,
    }


def _put(writer: sqlite3.Connection, log: int, step: LogStep) -> None:
    writer.executemany(
        _SQL["put_tile"],
        [
            (tile_id(log, row.tile.level, row.tile.index), row.octets)
            for row in step.rows
        ],
    )
    writer.executemany(_SQL["add_noticed"], [(log, digest) for digest in step.noticed])
