"""The logs of a site in its PostgreSQL database: `LogStore`, on top of `postgres`.

Tables in `postgres_2.sql`, statements in `postgres_logs.sql`. One row for each tile, as far
as it is filled. A step is one statement, which is one transaction and one message to the
server: where the connection breaks before it has answered, nobody knows.

The row of the site and, after it, that of its log are locked by whoever writes, so any
number of processes may sign one log, and no two of them from the same checkpoint.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from psycopg import errors
from psycopg.errors import Diagnostic

from bandeau.errors import MisconfiguredError, UnavailableError
from bandeau.ledger.logs import (
    KeptLog,
    LogHead,
    LogStep,
    Opened,
    RequestsKnownError,
    Seal,
)
from bandeau.ledger.postgres import (
    PostgresStore,
    array,
    columns,
    working,
)
from bandeau.ledger.record import Record
from bandeau.ledger.rows import (
    INDEX_MASK,
    edge_of,
    entry_of,
    index_of,
    may_be_tile,
    record_id,
    seal_id,
    tile_id,
)
from bandeau.ledger.scripts import named, read
from bandeau.ledger.store import LedgerConflictError

_SQL: Final[Mapping[str, bytes]] = {
    name: statement.encode()
    for name, statement in named(read("postgres_logs.sql")).items()
}


class PostgresLogs(PostgresStore):
    """A `LogStore` in one database.

    LIMIT: `erase` takes rows out of the tables, and their bytes stay in the server's files
    until `scrub` has run. Its write-ahead log, archives and backups keep them as long as
    they are kept themselves.
    """

    def create_log(self, site: str, step: LogStep) -> None:
        values = _step_values(step) | {"site": self._site_id(site)}
        with working(), self._writer() as writer:
            begun = writer.execute(_SQL["create_log"], values).fetchone()
        if begun is None:
            raise MisconfiguredError(
                f"There is a log called {step.origin!r} already.",
                hint="Give each site and year a name of its own.",
            )

    def logs(self, site: str) -> list[LogHead]:
        rows = self._query(_SQL["logs"], {"site": self._site_id(site)})
        return [_head(*row) for row in rows]

    def read_log(self, origin: str) -> KeptLog:
        with (
            working(),
            self._reading.one() as line,
            line.connection.transaction(),
            line.connection.cursor(binary=True) as reader,
        ):
            # A newer bundle than the checkpoint would not fold into its root.
            reader.execute(_SQL["one_moment"])
            row = reader.execute(_SQL["log_of_origin"], {"origin": origin}).fetchone()
            if row is None:
                raise _unknown(origin)
            log, *stands = row
            head = _head(origin, *stands)
            noticed = reader.execute(_SQL["noticed"], {"log": log}).fetchall()
            edge = {tile_id(log, *place): place for place in edge_of(head.size)}
            tiles = reader.execute(_SQL["tiles"], {"ids": array([*edge])}).fetchall()
        return KeptLog(
            head=head,
            noticed=frozenset(digest for (digest,) in noticed),
            rows={edge[number]: octets for number, octets in tiles},
        )

    def append_logged(
        self,
        site: str,
        records: Sequence[Record],
        *,
        expected_size: int,
        step: LogStep,
    ) -> None:
        assert len(step.seals) == len(records), "each record has its seal"
        values = columns(self._site_id(site), records, expected_size)
        values |= _step_values(step) | {
            "entries": array([entry for entry, _ in step.seals]),
            "salts": [salt for _, salt in step.seals],
        }
        try:
            self._step("append_logged", site, values, expected_size)
        except UnavailableError as error:
            if isinstance(error.__cause__, errors.UniqueViolation):
                # Taken back whole. Retries are rare: only now do we look for each key.
                raise self._known(site, records, error) from None
            raise

    def tile(self, origin: str, level: int, index: int) -> bytes | None:
        if not may_be_tile(level, index):
            return None
        values = {"origin": origin, "level": level, "place": index}
        rows = self._query(_SQL["tile"], values)
        if not rows:
            raise _unknown(origin)
        return rows[0][0]

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
        values = {"site": self._site_id(site), "subjects": [*subjects]}
        rows = self._query(_SQL["last_of_subjects"], values)
        return {subject: (salt, body) for subject, salt, body in rows}

    def openings(self, origin: str, *, first: int, limit: int) -> list[Opened]:
        rows = self._query(_SQL["log_of_origin"], {"origin": origin})
        if not rows:
            raise _unknown(origin)
        log, size, *_ = rows[0]
        values = {
            "first": seal_id(log, min(max(first, 0), size)),
            "end": seal_id(log, size),
            "limit": max(limit, 0),
        }
        return [
            Opened(entry=entry_of(number), salt=salt, body=body)
            for number, salt, body in self._query(_SQL["openings"], values)
        ]

    def entries_of_subject(self, site: str, subject: bytes) -> list[int]:
        values = {"site": self._site_id(site), "subject": subject}
        rows = self._query(_SQL["entries_of_subject"], values)
        return [entry_of(number) for (number,) in rows]

    def erase(self, site: str, *, first: int, end: int, step: LogStep) -> None:
        values = _step_values(step) | {
            "site": self._site_id(site),
            "first": first,
            "end": end,
        }
        self._step("erase", site, values, 0)

    def scrub(self) -> None:
        """Write the tables anew that had erased rows, so that their bytes are gone.

        It takes as long as the tables are large, and room for them once more; whoever
        writes or reads meanwhile waits, or hears that the store is locked. Run it when
        little happens, some time after erasing, on purpose: nothing here calls it.

        The old files are given back to the disk by the server's next checkpoint; what a
        disk does with blocks that nobody has any more is the disk's affair.

        Raises:
            MisconfiguredError: the tables belong to another user.
            UnavailableError: also when a transaction somewhere may still read what was
                erased, so that its bytes had to stay.
        """
        left: list[int] = []

        def listen(said: Diagnostic) -> None:
            # "DETAIL:  3 dead row versions cannot be removed yet.", in some language.
            if said.severity_nonlocalized == "INFO" and said.message_detail:
                left.extend(map(int, re.findall(r"\d+", said.message_detail)[:1]))

        with working(), self._writer() as writer:
            if writer.execute(_SQL["may_scrub"]).fetchone() != (True,):
                raise MisconfiguredError(
                    "The tables of the store belong to another user.",
                    hint="Scrub as the user that made the store.",
                )
            writer.add_notice_handler(listen)
            try:
                writer.execute(_SQL["scrub"])
            finally:
                writer.remove_notice_handler(listen)
        if any(left):
            raise UnavailableError(
                f"{sum(left)} erased rows are still in the server's files: a transaction "
                "that began before they were erased may read them.",
                retry_after=600,
                hint="End long transactions (pg_stat_activity), prepared ones and unused "
                "replication slots, then scrub again.",
            )

    # Below

    def _step(
        self,
        statement: str,
        site: str,
        values: Mapping[str, object],
        expected_size: int,
    ) -> None:
        with working():
            try:
                with self._writer() as writer:
                    moved = writer.execute(_SQL[statement], values).fetchone()
            except (errors.SerializationFailure, errors.DeadlockDetected):
                # As in `append`: another writer was first.
                moved = None
        if moved is None:
            raise LedgerConflictError(expected_size=expected_size, size=self.size(site))

    def _known(
        self, site: str, records: Sequence[Record], error: UnavailableError
    ) -> RequestsKnownError | UnavailableError:
        requests = [record.request for record in records]
        values = {"site": self._site_id(site), "requests": requests}
        rows = self._rows("find_requests", values)
        known = {request: index_of(number) for request, number in rows}
        twice = len({*requests}) < len(requests)
        return RequestsKnownError(known) if known or twice else error


def _head(origin: str, size: int, clock: int, checkpoint: bytes) -> LogHead:
    return LogHead(origin=origin, size=size, clock=clock, checkpoint=checkpoint)


def _unknown(origin: str) -> MisconfiguredError:
    return MisconfiguredError(
        f"There is no log called {origin!r}.",
        hint="`bandeau ledger create` makes one.",
    )


def _step_values(step: LogStep) -> dict[str, object]:
    return {
        "origin": step.origin,
        "before": step.before,
        "log_size": step.size,
        "clock": step.clock,
        "checkpoint": step.checkpoint,
        "levels": array([row.tile.level for row in step.rows]),
        "places": array([row.tile.index for row in step.rows]),
        "octets": [row.octets for row in step.rows],
        "noticed": [*step.noticed],
    }
