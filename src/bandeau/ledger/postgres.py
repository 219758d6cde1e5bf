"""The ledger in a PostgreSQL database: `Store`, kept with psycopg 3.

One connection writes and a few read; any number of processes, on any number of machines,
may do the same. What puts the writers of a site in order is the lock on its row, so there
is nobody to elect. SQL stands in `postgres.sql`, the schema in `postgres_N.sql`, one file
per version. Whatever PostgreSQL complains about becomes a `BandeauError` here, and nowhere
else; no message holds a password.

The tables are made by `PostgresStore.create`, on an explicit command, and never by
opening. The database itself is its administrator's to make.

Durable takes more here than a COMMIT that returns. With a synchronous standby, a commit
is on the primary's disk *before* it is on the standby's, and a crash in between makes it
visible after the restart although nobody was told that it is safe. So each connection
begins with a commit of its own, which returns when everything before it is safe too:
what can be found through us has been replicated. And a COMMIT is never cancelled, because
PostgreSQL then calls it done without its standby.
"""

import queue
import threading
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Self

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import PGconn, Ping, TransactionStatus

from bandeau.errors import (
    BandeauError,
    MisconfiguredError,
    StoreMissingError,
    UnavailableError,
)
from bandeau.ledger.addresses import is_address, without_password
from bandeau.ledger.record import KINDS, Record
from bandeau.ledger.rows import (
    INDEX_MASK,
    KIND_CODES,
    end_of,
    index_of,
    kept,
    record_id,
)
from bandeau.ledger.scripts import named, read, statements
from bandeau.ledger.store import (
    KeptRecord,
    LedgerConflictError,
    PublishedNotice,
    Tally,
    notice_digest,
)

READERS: Final = 4
"""How many may read at once; the next one waits for one of them."""

_SCHEMAS: Final = ("postgres_1.sql", "postgres_2.sql")
_OLDEST_SERVER: Final = 13_00_00
# "Bndu", as in SQLite's application_id: whom we wait for while a store is made.
_TURN_KEY: Final = 0x42_6E_64_75

_LOCK_MS: Final = 5_000
# A writer that stops between two statements (its machine is gone, say) would hold a
# site's row. Ours take milliseconds.
_IDLE_MS: Final = 10_000
_REACH_SECONDS: Final = 5.0

# Where the address does not say otherwise. Of several hosts the one that takes writes is
# ours; a host that falls silent is noticed within some ten seconds.
_UNLESS_SAID: Final[Mapping[str, str]] = {
    "application_name": "bandeau",
    "client_encoding": "UTF8",
    "connect_timeout": "3",
    "keepalives_count": "2",
    "keepalives_idle": "5",
    "keepalives_interval": "3",
    "target_session_attrs": "read-write",
    "tcp_user_timeout": "10000",
}

# COMMIT returns when the log is on disk, here and on every synchronous standby.
# "remote_apply" waits for more; "remote_write", "local" and "off" do not wait for all.
_DURABLE: Final = frozenset({"on", "remote_apply"})

_SQL: Final[Mapping[str, bytes]] = {
    name: statement.encode() for name, statement in named(read("postgres.sql")).items()
}

_Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresStore:
    """A `Store` in one database. What it promises is written there.

    `address` is a connection URI of libpq's. It may name several hosts; the one that takes
    writes is used, and looked for again whenever a connection has broken.

    LIMIT: while no synchronous standby answers, COMMIT waits for one, without end, and so
    do those who write. Name two standbys where this must not happen.

    LIMIT: an administrator who cancels such a COMMIT lets other connections see what is
    not replicated. Ours are then made anew, and its callers are told that nobody knows.

    LIMIT: settings are kept in the session, so a proxy that shares sessions between
    transactions (PgBouncer's pool_mode = transaction) will not do.
    """

    @classmethod
    def create(cls, address: str) -> Self:
        """Make a store where there is none, then open it; one that is there stays as is."""
        place = _place(address)
        with _opening(place), _connect(address) as connection:
            _migrate(connection, place, make=True)
        return cls.open(address)

    @classmethod
    def open(cls, address: str) -> Self:
        """Open a store that is there; bring an older schema up to date first."""
        place = _place(address)
        with _opening(place), _connect(address) as connection:
            _migrate(connection, place, make=False)
            # Found out now, not by a visitor.
            if _one(connection, "may_write") != (True,):
                raise MisconfiguredError(
                    f"The user of {place} may not write to the store.",
                    hint="Let the user that made the store run Bandeau, or grant it "
                    "INSERT and UPDATE on the tables of the schema bandeau.",
                )
        return cls(address)

    def __init__(self, address: str) -> None:
        # Both connect when first used, and again whenever their connections have broken.
        self._writing = _Lines(address, 1, only_read=False)
        self._reading = _Lines(address, READERS, only_read=True)
        # Only ever added to, and always the same answer: needs no lock.
        self._site_ids: dict[str, int] = {}

    # Sites and notices

    def add_site(self, name: str) -> None:
        with working(), self._transaction() as writer:
            writer.execute(_SQL["add_site"], {"name": name})

    def sites(self) -> list[str]:
        return [name for (name,) in self._rows("sites", {})]

    def publish(self, site: str, digest: str, body: bytes, at: int) -> None:
        if digest != notice_digest(body):
            raise MisconfiguredError(
                "The digest of the notice is not the digest of its bytes.",
                hint="Publish the very bytes that the digest was worked out from.",
            )
        number = self._site_id(site)
        with working(), self._transaction() as writer:
            # The last publication is the present one: one after the other.
            writer.execute(_SQL["hold_site"], {"site": number})
            writer.execute(_SQL["add_notice"], {"digest": digest, "body": body})
            writer.execute(
                _SQL["publish"], {"site": number, "digest": digest, "at": at}
            )

    def notices(self, site: str) -> list[PublishedNotice]:
        return [
            PublishedNotice(digest=digest, body=body, at=at)
            for digest, body, at in self._rows("notices", {"site": self._site_id(site)})
        ]

    def notice(self, digest: str) -> bytes | None:
        row = self._row("notice", {"digest": digest})
        return None if row is None else row[0]

    # Records

    def append(
        self, site: str, records: Sequence[Record], *, expected_size: int
    ) -> list[int]:
        number = self._site_id(site)
        with working():
            try:
                return self._append_new(number, records, expected_size)
            except errors.UniqueViolation:
                # A request key is there already; the transaction was taken back whole.
                # Retries are rare, so it is only now that we look for each key.
                return self._append_unknown(number, records, expected_size)
            except (errors.SerializationFailure, errors.DeadlockDetected):
                # Another writer was first; READ COMMITTED, which is ours, would have
                # waited and seen.
                raise LedgerConflictError(
                    expected_size=expected_size, size=self.size(site)
                ) from None

    def size(self, site: str) -> int:
        row = self._row("size", {"site": self._site_id(site)})
        assert row is not None, "sites are never deleted"
        return row[0]

    def record(self, site: str, index: int) -> KeptRecord | None:
        if not 0 <= index <= INDEX_MASK:
            return None
        row = self._row("record", {"id": record_id(self._site_id(site), index)})
        return None if row is None else kept(row)

    def find_request(self, site: str, request: bytes) -> int | None:
        row = self._row(
            "find_request", {"site": self._site_id(site), "request": request}
        )
        return None if row is None else index_of(row[0])

    def of_subject(
        self, site: str, subject: bytes, *, before: int | None = None, limit: int = 100
    ) -> list[KeptRecord]:
        number = self._site_id(site)
        values = {
            "site": number,
            "subject": subject,
            "before": end_of(number, before),
            "limit": max(limit, 0),
        }
        return [kept(row) for row in self._rows("of_subject", values)]

    def page(
        self, site: str, *, before: int | None = None, limit: int = 100
    ) -> list[KeptRecord]:
        number = self._site_id(site)
        values = {
            "first": record_id(number, 0),
            "before": end_of(number, before),
            "limit": max(limit, 0),
        }
        return [kept(row) for row in self._rows("page", values)]

    def tallies(self, site: str, since_day: int) -> list[Tally]:
        values = {"site": self._site_id(site), "since_day": since_day}
        rows: list[tuple[int, int, int]] = self._rows("tallies", values)
        return [
            Tally(day=day, kind=KINDS[code], count=count) for day, code, count in rows
        ]

    def close(self) -> None:
        self._writing.close()
        self._reading.close()

    # Writing

    @contextmanager
    def _writer(self) -> Generator[_Connection]:
        """The connection that writes; what it wrote is safe when the block has ended."""
        with self._writing.one() as line:
            line.warnings.clear()
            yield line.connection
            if line.warnings:
                # "canceling wait for synchronous replication due to user request. The
                # transaction has already committed locally, but might not have been
                # replicated to the standby." -- and COMMIT says that all is well.
                self._reading.renew()
                self._writing.renew()
                raise UnavailableError(
                    "The server warned while it committed: nobody knows whether a "
                    "standby has it too.",
                    retry_after=2,
                    hint="See the server's log; do not cancel what waits for a standby.",
                )

    @contextmanager
    def _transaction(self) -> Generator[_Connection]:
        with self._writer() as writer, writer.transaction():
            yield writer

    def _append_new(
        self, site: int, records: Sequence[Record], expected_size: int
    ) -> list[int]:
        with self._writer() as writer:
            # One statement outside a transaction is a transaction of its own. This
            # returns when the server is ready for the next, which is after its COMMIT.
            # Where the connection breaks before that, nobody knows.
            _insert(writer, site, records, expected_size)
        return list(range(expected_size, expected_size + len(records)))

    def _append_unknown(
        self, site: int, records: Sequence[Record], expected_size: int
    ) -> list[int]:
        with self._transaction() as writer:
            # Held until COMMIT: what is unknown now cannot become known meanwhile.
            size, has_log = _one(writer, "hold_site", {"site": site})
            if has_log:
                raise _logged()
            if size != expected_size:
                raise LedgerConflictError(expected_size=expected_size, size=size)
            values = {"site": site, "requests": [record.request for record in records]}
            rows = writer.execute(_SQL["find_requests"], values, binary=True)
            indexes = {request: index_of(number) for request, number in rows}
            unknown: list[Record] = []
            for record in records:
                if record.request not in indexes:
                    indexes[record.request] = expected_size + len(unknown)
                    unknown.append(record)
            _insert(writer, site, unknown, expected_size)
        return [indexes[record.request] for record in records]

    # Reading

    def _site_id(self, name: str) -> int:
        number = self._site_ids.get(name)
        if number is None:
            row = self._row("site_id", {"name": name})
            if row is None:
                raise MisconfiguredError(
                    f"There is no site called {name!r}.",
                    hint="A site is there once its first notice is published.",
                )
            number = self._site_ids[name] = row[0]
        return number

    def _query(self, sql: bytes, values: Mapping[str, object]) -> list[Any]:
        with working(), self._reading.one() as line:
            return line.connection.execute(sql, values, binary=True).fetchall()

    def _rows(self, statement: str, values: Mapping[str, object]) -> list[Any]:
        return self._query(_SQL[statement], values)

    def _row(self, statement: str, values: Mapping[str, object]) -> Any | None:
        rows = self._rows(statement, values)
        return rows[0] if rows else None


def _insert(
    writer: _Connection, site: int, records: Sequence[Record], expected_size: int
) -> None:
    # Measured against COPY (binary) and executemany in a pipeline, on a socket: 1,950
    # batches of one a second against 1,250 and 1,250, because this asks the server once;
    # of batches of 1,000 as many records a second as COPY, 1.7 times the pipeline's.
    values = columns(site, records, expected_size)
    if writer.execute(_SQL["append"], values).fetchone() is None:
        size, has_log = _one(writer, "stands", {"site": site})
        if has_log:
            raise _logged()
        raise LedgerConflictError(expected_size=expected_size, size=size)


def columns(
    site: int, records: Sequence[Record], expected_size: int
) -> dict[str, object]:
    """A batch as a statement takes it: an array for each column, and the counts."""
    counts = Counter([(record.day, record.kind) for record in records])
    return {
        "site": site,
        "expected_size": expected_size,
        "size": expected_size + len(records),
        "first": record_id(site, expected_size),
        "requests": [record.request for record in records],
        "subjects": [record.subject for record in records],
        "days": array([record.day for record in records]),
        "kinds": array([KIND_CODES[record.kind] for record in records]),
        "bodies": [record.body for record in records],
        "tally_days": array([day for day, _ in counts]),
        "tally_kinds": array([KIND_CODES[kind] for _, kind in counts]),
        "tally_counts": array(list(counts.values())),
    }


def _logged() -> MisconfiguredError:
    return MisconfiguredError(
        "This site has a log: its records have to go into both.",
        hint="Give the collector the log's key: `--key FILE` or BANDEAU_KEY.",
    )


def array(numbers: Sequence[int]) -> str:
    # As text: psycopg's own way is an object for each number.
    return "{" + ",".join(map(str, numbers)) + "}"


# Connections


class _Line:
    """A connection, and what the server warned of while we used it."""

    __slots__ = ("connection", "generation", "warnings")

    def __init__(self, connection: _Connection, generation: int) -> None:
        self.connection = connection
        self.generation = generation
        self.warnings: list[str] = []
        # Of the class of warnings: notices of lesser weight are no trouble.
        connection.add_notice_handler(
            lambda said: (
                self.warnings.append(said.message_primary or "")
                if said.severity_nonlocalized == "WARNING"
                else None
            )
        )

    def is_alive(self) -> bool:
        """Whether the other end is there, as far as this end has heard; asks nobody.

        A server that restarts or fails over closes its connections, which we hear when
        we listen. One that falls silent is found out by the next statement.
        """
        pgconn = self.connection.pgconn
        try:
            # Twice: the first may bring the server's last words, the second its end.
            pgconn.consume_input()
            pgconn.consume_input()
        except psycopg.Error:
            return False
        return pgconn.transaction_status == TransactionStatus.IDLE


class _Lines:
    """A few connections, each used by one thread at a time, made again where they broke.

    Ours instead of psycopg_pool's: nothing runs in the background, whoever finds the
    server gone hears it at once instead of after a wait, and who comes when it is back
    connects at once instead of when a doubled delay is over.
    """

    def __init__(self, address: str, most: int, *, only_read: bool) -> None:
        self._address = address
        self._only_read = only_read
        self._most = most
        self._generation = 0
        self._closing = threading.Lock()
        self._closed = False
        # Last in, first out: few connections are enough for few callers. None stands for
        # one that is not made yet.
        self._free: queue.LifoQueue[_Line | None] = queue.LifoQueue()
        for _ in range(most):
            self._free.put(None)

    @contextmanager
    def one(self) -> Generator[_Line]:
        line = self._free.get()
        try:
            if self._closed:
                raise UnavailableError("The store is closed.", retry_after=5)
            if line is not None and not (
                line.generation == self._generation and line.is_alive()
            ):
                line.connection.close()
                line = None
            if line is None:
                line = self._made()
            try:
                yield line
            except errors.ReadOnlySqlTransaction:
                # Another server takes the writes now: look for it.
                line.connection.close()
                raise
        finally:
            self._free.put(line)

    def renew(self) -> None:
        """Use none of the present connections again."""
        self._generation += 1

    def close(self) -> None:
        with self._closing:
            self._closed = True
            # All of them, so this waits for whoever uses one; and then for ever none.
            lines = [self._free.get() for _ in range(self._most)]
            for line in lines:
                if line is not None:
                    line.connection.close()
                self._free.put(None)

    def _made(self) -> _Line:
        generation = self._generation
        try:
            connection = _connect(self._address)
        except MisconfiguredError as wrong:
            # It was well when we opened it: its administrator will see to it.
            raise UnavailableError(
                wrong.message, retry_after=60, hint=wrong.hint
            ) from None
        if self._only_read:
            connection.execute(_SQL["only_read"])
        return _Line(connection, generation)


def _connect(address: str) -> _Connection:
    """A connection on which everything that can be seen is safe."""
    place = _place(address)
    try:
        # Typed as what make_conninfo takes, among it an int for some parameters.
        parameters: dict[str, Any] = {**_UNLESS_SAID, **conninfo_to_dict(address)}
    except psycopg.Error:
        # From None, here and below: libpq quotes what it could not read.
        raise MisconfiguredError(
            f"The address {place} cannot be read.",
            hint="Write it as postgresql://USER@HOST:PORT/DATABASE.",
        ) from None
    whole = make_conninfo(**parameters)
    try:
        connection = psycopg.connect(whole, autocommit=True)
    except psycopg.Error as error:
        said = " ".join(str(error).split())
        if PGconn.ping(whole.encode()) in {Ping.REJECT, Ping.NO_RESPONSE}:
            raise UnavailableError(
                f"The server of {place} cannot be reached: {said}.",
                retry_after=5,
                hint="See whether PostgreSQL runs there.",
            ) from None
        raise MisconfiguredError(
            f"The database {place} cannot be opened: {said}.",
            hint="See that database and user are there (`createuser bandeau`, "
            "`createdb --owner bandeau bandeau`), and where the password comes from "
            "(~/.pgpass, PGPASSWORD).",
        ) from None
    try:
        _expect_durable(connection, place)
        _settle(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _expect_durable(connection: _Connection, place: str) -> None:
    number, version, fsync, commit = _one(connection, "promises")
    if number < _OLDEST_SERVER:
        raise MisconfiguredError(
            f"The server of {place} is PostgreSQL {version}, which is too old.",
            hint="Use PostgreSQL 13 or newer.",
        )
    if fsync != "on" or commit not in _DURABLE:
        name, value = ("fsync", fsync) if fsync != "on" else (_COMMIT, commit)
        raise MisconfiguredError(
            f"The server of {place} acknowledges what a crash may take back: "
            f"its {name} is {value}.",
            hint=f"Set {name} = on for the server, the database and the user.",
        )


_COMMIT: Final = "synchronous_commit"


def _settle(connection: _Connection) -> None:
    settings = {"lock_ms": str(_LOCK_MS), "idle_ms": str(_IDLE_MS)}
    connection.execute(_SQL["settle"], settings)
    warned: list[str] = []
    connection.add_notice_handler(
        lambda said: warned.append(said.severity_nonlocalized or "")
    )
    # From here, because no timeout of the server's holds while it commits. This commit
    # may be cancelled: nobody is told that it happened.
    patience = threading.Timer(_REACH_SECONDS, connection.cancel_safe)
    patience.start()
    try:
        connection.execute(_SQL["reach"])
    finally:
        patience.cancel()
        patience.join()
    if "WARNING" in warned:
        raise UnavailableError(
            "No synchronous standby of the store's server answers.",
            retry_after=10,
            hint="See why it does not, or take it out of synchronous_standby_names.",
        )


def _one(
    connection: _Connection, statement: str, values: Mapping[str, object] | None = None
) -> tuple[Any, ...]:
    row = connection.execute(_SQL[statement], values).fetchone()
    assert row is not None, f"{statement} always finds one row"
    return row


# Opening


def _place(address: str) -> str:
    if not is_address(address):
        raise MisconfiguredError(
            "A store in PostgreSQL is named by an address.",
            hint="Write it as postgresql://USER@HOST:PORT/DATABASE.",
        )
    return without_password(address)


def _migrate(connection: _Connection, place: str, *, make: bool) -> None:
    """Bring the schema to the newest version, one transaction for each step.

    A crash between two steps leaves a store of the version in between, complete.
    """
    while _version(connection, place, make=make) < len(_SCHEMAS):
        with connection.transaction():
            _one(connection, "take_turns", {"key": _TURN_KEY})
            # Asked again in our turn: another process may have done this step.
            version = _version(connection, place, make=make)
            if version == len(_SCHEMAS):
                continue
            (has_schema, _, _) = _one(connection, "is_store")
            if not has_schema:
                connection.execute(_SQL["create_schema"])
            for statement in statements(read(_SCHEMAS[version])):
                connection.execute(statement.encode())
            connection.execute(_SQL["set_version"], {"version": version + 1})


def _version(connection: _Connection, place: str, *, make: bool) -> int:
    """The version of the schema that is there; 0 for none, where one may be made."""
    _, has_tables, is_ours = _one(connection, "is_store")
    if not is_ours and has_tables:
        raise MisconfiguredError(
            f"{place} has a schema bandeau that another program made.",
            hint="Name another database.",
        )
    if not is_ours:
        if make:
            return 0
        raise StoreMissingError(
            f"There is no store in {place}.",
            hint=f"`bandeau notice publish notice.toml --store {place}` creates it.",
        )
    (version,) = _one(connection, "version")
    if version > len(_SCHEMAS):
        raise MisconfiguredError(
            f"{place} was written by a newer Bandeau: its schema is {version}, "
            f"and this version knows schemas up to {len(_SCHEMAS)}.",
            hint="Update Bandeau, or open the store with the version that wrote it.",
        )
    return version


# Trouble, in words

_RIGHTS: Final = "Let the user of the store read and write the schema bandeau."
_RESTORE: Final = "Stop Bandeau, keep the database, and restore the newest backup."

# What is wrong, what to do, and after how many seconds to ask again; by the code of an
# error, or the class that its first two characters name ("PostgreSQL Error Codes").
_TROUBLE: Final[Mapping[str, tuple[str, str, int]]] = {
    "25006": (
        "The store cannot be written: its server is read-only.",
        "See why: a standby, a full disk, or default_transaction_read_only.",
        10,
    ),
    "42": (
        "The tables of the store are not as they should be.",
        "See whether somebody changed the schema bandeau, or restored another one.",
        60,
    ),
    "42501": ("The store may not be read or written.", _RIGHTS, 60),
    "23": (
        "The store contradicts itself: it has records beyond its size.",
        _RESTORE,
        600,
    ),
    "53": (
        "The server of the store is short of memory or connections.",
        "See its log, and its max_connections.",
        5,
    ),
    "53100": (
        "The disk that holds the store is full.",
        "Make room on it; nothing that was acknowledged is lost.",
        60,
    ),
    "55P03": (
        "The store is locked by another program.",
        "Close what else writes to the schema bandeau.",
        2,
    ),
    "57": (
        "The server of the store is restarting, or ended our connection.",
        "See its log.",
        2,
    ),
    "57014": (
        "The server of the store was told to give up.",
        "See who cancelled it, and the server's statement_timeout.",
        2,
    ),
    "58": (
        "The disk that holds the store failed to read or write.",
        "See whether the disk is healthy, full or over a quota.",
        60,
    ),
    "XX": ("The store is damaged.", _RESTORE, 600),
}
_BROKEN: Final = (
    "The connection to the store broke.",
    "See whether its server runs, and the network between.",
    2,
)
_OTHER_TROUBLE: Final = ("The store failed.", "See the log of its server.", 60)


def _words(error: psycopg.Error) -> tuple[str, str, int]:
    code = error.sqlstate
    if code is None:
        return _BROKEN
    return _TROUBLE.get(code) or _TROUBLE.get(code[:2], _OTHER_TROUBLE)


@contextmanager
def working() -> Generator[None]:
    """An open store that fails is out of reach for now; its callers may come again."""
    try:
        yield
    except psycopg.Error as error:
        message, hint, retry_after = _words(error)
        raise UnavailableError(message, retry_after=retry_after, hint=hint) from error


@contextmanager
def _opening(place: str) -> Generator[None]:
    """A store that cannot be opened stops us before the first request.

    One whose server is merely away may be opened in a moment.
    """
    try:
        yield
    except BandeauError:
        raise
    except psycopg.Error as error:
        message, hint, retry_after = _words(error)
        code = error.sqlstate
        if code is None or code[:2] in {"53", "55", "57"}:
            raise UnavailableError(
                message, retry_after=retry_after, hint=hint
            ) from error
        raise MisconfiguredError(f"{message} ({place})", hint=hint) from error
