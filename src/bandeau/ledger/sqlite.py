"""The ledger in one SQLite file: `Store`, kept with the standard library alone.

One process writes through one connection and reads through another; WAL lets the two work
side by side, and lets other processes work on the same file. SQL stands in `sqlite.sql`,
the schema in `sqlite_N.sql`, one file per version. Whatever SQLite complains about
becomes a `BandeauError` here, and nowhere else.

The file is made by `SqliteStore.create`, on an explicit command, and never by opening: a
mistyped path must not start an empty twin of a ledger.
"""

import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from bandeau.errors import (
    BandeauError,
    MisconfiguredError,
    StoreMissingError,
    UnavailableError,
)
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

FILE_NAME: Final = "bandeau.sqlite3"
BUSY_TIMEOUT_MS: Final = 5_000

# "Bndu": how `file` and we tell a ledger from any other SQLite file.
_APPLICATION_ID: Final = 0x42_6E_64_75
_SCHEMAS: Final = ("sqlite_1.sql", "sqlite_2.sql")
_OLDEST_SQLITE: Final = (3, 37, 0)  # STRICT tables

# After each commit that leaves more than this in the WAL, it is folded into the file.
# Larger ones fold hot pages less often; smaller ones keep the pause short.
_WAL_PAGES: Final = 4_000
_WAL_BYTES_KEPT: Final = 64 * 1024 * 1024
_CACHE_KIB: Final = 16 * 1024

_SQL: Final[Mapping[str, str]] = named(read("sqlite.sql"))


class SqliteStore:
    """A `Store` in one file. What it promises is written there.

    LIMIT: durable means that the disk keeps what it says it has written (fsync). WAL needs
    a local disk: on a network folder, two machines would not see each other's locks.
    """

    @classmethod
    def create(cls, path: Path | str) -> Self:
        """Make a store where there is none, then open it; one that is there stays as is.

        A folder gets `bandeau.sqlite3` in it. Folder and file that we make are readable
        to their owner only.
        """
        file = store_file(path)
        with _opening(file):
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The mode is there before the first byte; SQLite gives the WAL the same one.
            # EXCL also because closing any descriptor of a file drops every lock that
            # this process has on it (POSIX), and a store here may have it open.
            with suppress(FileExistsError):
                os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            # A crash up to here leaves an empty file, which `open` takes for no store
            # and the next `create` goes on with.
            connection = _connect(file)
            try:
                if not _is_empty(connection):
                    _expect_ledger(connection, file)
                _use_wal(connection, file)
                _migrate(connection)
            finally:
                connection.close()
            _sync_folder(file.parent)
            # Where the folder above is another's we may not read it, nor did we make
            # anything in it.
            with suppress(PermissionError):
                _sync_folder(file.parent.parent)
        return cls.open(file)

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a store that is there; bring an older schema up to date first."""
        file = store_file(path)
        with _opening(file):
            if not file.is_file():
                raise _missing(file)
            writer = _connect(file)
            try:
                _expect_ledger(writer, file)
                _use_wal(writer, file)
                _migrate(writer)
                # A file that cannot be written is found out now, not by a visitor.
                writer.execute("BEGIN IMMEDIATE")
                writer.execute("ROLLBACK")
                reader = _connect(file)
                reader.execute("PRAGMA query_only = ON")
            except BaseException:
                writer.close()
                raise
        return cls(file, writer, reader)

    def __init__(
        self, file: Path, writer: sqlite3.Connection, reader: sqlite3.Connection
    ) -> None:
        self.file: Final = file
        self._writer = writer  # guarded by `_writing`
        self._reader = reader  # guarded by `_reading`
        self._writing = threading.Lock()
        self._reading = threading.Lock()
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
            except sqlite3.IntegrityError:
                # A request key is there already; the transaction was taken back whole.
                # Retries are rare, so it is only now that we look for each key.
                return self._append_unknown(number, records, expected_size)

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
            "limit": max(limit, 0),  # below zero SQLite knows no limit
        }
        return [kept(row) for row in self._rows("of_subject", values)]

    def page(
        self, site: str, *, before: int | None = None, limit: int = 100
    ) -> list[KeptRecord]:
        number = self._site_id(site)
        values = {
            "first": record_id(number, 0),
            "before": end_of(number, before),
            "limit": max(limit, 0),  # below zero SQLite knows no limit
        }
        return [kept(row) for row in self._rows("page", values)]

    def tallies(self, site: str, since_day: int) -> list[Tally]:
        values = {"site": self._site_id(site), "since_day": since_day}
        rows: list[tuple[int, int, int]] = self._rows("tallies", values)
        return [
            Tally(day=day, kind=KINDS[code], count=count) for day, code, count in rows
        ]

    def close(self) -> None:
        with self._writing:
            self._writer.close()
        with self._reading:
            self._reader.close()

    # Writing

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._writing:
            writer = self._writer
            # IMMEDIATE: take the write lock now, wait for it if need be. A transaction
            # that began by reading could not wait: it would fail when it came to write.
            writer.execute("BEGIN IMMEDIATE")
            try:
                yield writer
                # With synchronous = FULL this returns after the fsync of the WAL. A
                # crash before it leaves frames without a commit mark, which the next
                # opening ignores; a crash after it leaves a whole transaction.
                writer.execute("COMMIT")
            except BaseException:
                # A full disk or a failed write may have taken it back by itself. Where
                # even this fails the connection forgets it, and the file never had it.
                if writer.in_transaction:
                    with suppress(sqlite3.Error):
                        writer.execute("ROLLBACK")
                raise

    def _append_new(
        self, site: int, records: Sequence[Record], expected_size: int
    ) -> list[int]:
        size = expected_size + len(records)
        with self._transaction() as writer:
            _expect_no_log(writer, site)
            move_on(writer, site, expected_size, size)
            _insert(writer, site, records, expected_size)
        return list(range(expected_size, size))

    def _append_unknown(
        self, site: int, records: Sequence[Record], expected_size: int
    ) -> list[int]:
        with self._transaction() as writer:
            _expect_no_log(writer, site)
            indexes: dict[bytes, int] = {}
            unknown: list[Record] = []
            for record in records:
                request = record.request
                if request in indexes:
                    continue
                row = writer.execute(
                    _SQL["find_request"], {"site": site, "request": request}
                ).fetchone()
                if row is None:
                    indexes[request] = expected_size + len(unknown)
                    unknown.append(record)
                else:
                    indexes[request] = index_of(row[0])
            move_on(writer, site, expected_size, expected_size + len(unknown))
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

    @contextmanager
    def _snapshot(self) -> Generator[sqlite3.Connection]:
        """What the store was at one moment, for several questions."""
        with self._reading, working():
            self._reader.execute("BEGIN")
            try:
                yield self._reader
            finally:
                self._reader.execute("ROLLBACK")

    def _query(self, sql: str, values: Mapping[str, object]) -> list[Any]:
        with self._reading, working():
            return self._reader.execute(sql, values).fetchall()

    def _rows(self, statement: str, values: Mapping[str, object]) -> list[Any]:
        return self._query(_SQL[statement], values)

    def _row(self, statement: str, values: Mapping[str, object]) -> Any | None:
        rows = self._rows(statement, values)
        return rows[0] if rows else None


def store_file(path: Path | str) -> Path:
    """The file that a path means: itself, or `bandeau.sqlite3` in the folder it names."""
    path = Path(path)
    is_file = path.is_file() or (path.suffix != "" and not path.is_dir())
    return path if is_file else path / FILE_NAME


def move_on(
    writer: sqlite3.Connection, site: int, expected_size: int, size: int
) -> None:
    values = {"site": site, "expected_size": expected_size, "size": size}
    if writer.execute(_SQL["move_on"], values).rowcount != 1:
        (found,) = writer.execute(_SQL["size"], {"site": site}).fetchone()
        raise LedgerConflictError(expected_size=expected_size, size=found)


def _expect_no_log(writer: sqlite3.Connection, site: int) -> None:
    if writer.execute(_SQL["has_log"], {"site": site}).fetchone() is not None:
        raise MisconfiguredError(
            "This site has a log: its records have to go into both.",
            hint="Give the collector the log's key: `--key FILE` or BANDEAU_KEY.",
        )


def _insert(
    writer: sqlite3.Connection, site: int, records: Sequence[Record], first: int
) -> None:
    start = record_id(site, first)
    writer.executemany(
        _SQL["append"],
        [
            (
                number,
                site,
                record.request,
                record.subject,
                record.day,
                KIND_CODES[record.kind],
                record.body,
            )
            for number, record in enumerate(records, start)
        ],
    )
    raise_tallies(writer, site, records)


def raise_tallies(
    writer: sqlite3.Connection, site: int, records: Sequence[Record]
) -> None:
    counts = Counter([(record.day, record.kind) for record in records])
    writer.executemany(
        _SQL["raise_tally"],
        [(site, day, KIND_CODES[kind], count) for (day, kind), count in counts.items()],
    )


# Opening


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,  # transactions begin and end where we say so
        check_same_thread=False,  # our locks see to it
    )
    try:
        for pragma in (
            # FULL: COMMIT returns after the fsync. In WAL, NORMAL would not wait.
            "synchronous = FULL",
            # What is deleted is overwritten with zeros: erasing means erasing.
            "secure_delete = ON",
            "foreign_keys = ON",
            "trusted_schema = OFF",
            f"cache_size = -{_CACHE_KIB}",
            f"wal_autocheckpoint = {_WAL_PAGES}",
            f"journal_size_limit = {_WAL_BYTES_KEPT}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()
    except BaseException:
        connection.close()
        raise
    return connection


def _is_empty(connection: sqlite3.Connection) -> bool:
    """Say whether nobody has written into the file yet, neither we nor others."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    marks = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    return tables == 0 and marks == (0, 0)


def _expect_ledger(connection: sqlite3.Connection, file: Path) -> None:
    if _is_empty(connection):
        raise _missing(file)
    if _pragma(connection, "application_id") != _APPLICATION_ID:
        raise MisconfiguredError(
            f"{file} is a database of another program.",
            hint="Name the folder or file of a Bandeau store.",
        )
    version = _pragma(connection, "user_version")
    if version > len(_SCHEMAS):
        raise MisconfiguredError(
            f"{file} was written by a newer Bandeau: its schema is {version}, "
            f"and this version knows schemas up to {len(_SCHEMAS)}.",
            hint="Update Bandeau, or open the store with the version that wrote it.",
        )


def _use_wal(connection: sqlite3.Connection, file: Path) -> None:
    # The mode is kept in the file, so this changes something once in its life. The busy
    # timeout does not cover the change: two who create one store at once meet here.
    end = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if _primary(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
            continue
        break
    if mode != "wal":
        raise MisconfiguredError(
            f"{file} is on a disk that SQLite cannot keep a write-ahead log on.",
            hint="Put the store on a local disk.",
        )


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema to the newest version, one transaction for each step.

    A crash between two steps leaves a store of the version in between, complete.
    """
    while _pragma(connection, "user_version") < len(_SCHEMAS):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Asked again under the lock: another process may have done this step.
            version = _pragma(connection, "user_version")
            if version < len(_SCHEMAS):
                for statement in statements(read(_SCHEMAS[version])):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return value


def _sync_folder(folder: Path) -> None:
    # A new file is durable when the folder that names it is.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# Trouble, in words


def _missing(file: Path) -> StoreMissingError:
    return StoreMissingError(
        f"There is no store at {file}.",
        hint=f"`bandeau notice publish notice.toml --store {file.parent}` creates it.",
    )


def _primary(error: sqlite3.Error) -> int:
    """SQLite's primary result code; the extended ones carry more in the higher bits."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


# What is wrong, what to do, and after how many seconds to ask again.
_TROUBLE: Final[Mapping[int, tuple[str, str, int]]] = {
    sqlite3.SQLITE_BUSY: (
        "The store is locked by another program.",
        "Close what else has the file open for writing.",
        2,
    ),
    sqlite3.SQLITE_FULL: (
        "The disk that holds the store is full.",
        "Make room on it; nothing that was acknowledged is lost.",
        60,
    ),
    sqlite3.SQLITE_READONLY: (
        "The store cannot be written.",
        "Let the user that runs Bandeau write the file and the folder it is in.",
        60,
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "The store cannot be opened.",
        "Let the user that runs Bandeau read and write the file and its folder.",
        60,
    ),
    sqlite3.SQLITE_IOERR: (
        "The disk that holds the store failed to read or write.",
        "See whether the disk is healthy, full or over a quota.",
        60,
    ),
    sqlite3.SQLITE_CORRUPT: (
        "The store is damaged.",
        "Stop Bandeau, keep the file, and restore the newest backup.",
        600,
    ),
    sqlite3.SQLITE_CONSTRAINT: (
        "The store contradicts itself: it has records beyond its size.",
        "Stop Bandeau, keep the file, and restore the newest backup.",
        600,
    ),
    sqlite3.SQLITE_NOTADB: (
        "The file is not a SQLite database.",
        "Name the folder or file of a Bandeau store.",
        600,
    ),
}
_OTHER_TROUBLE: Final = ("The store failed.", "See whether its file is whole.", 60)


@contextmanager
def working() -> Generator[None]:
    """An open store that fails is out of reach for now; its callers may come again."""
    try:
        yield
    except sqlite3.ProgrammingError as error:
        raise UnavailableError("The store is closed.", retry_after=5) from error
    except sqlite3.Error as error:
        message, hint, retry_after = _TROUBLE.get(_primary(error), _OTHER_TROUBLE)
        raise UnavailableError(message, retry_after=retry_after, hint=hint) from error


@contextmanager
def _opening(file: Path) -> Generator[None]:
    """A store that cannot be opened stops us before the first request.

    One that is merely locked may be opened in a moment.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise MisconfiguredError(
            f"This Python brings SQLite {sqlite3.sqlite_version}, which is too old.",
            hint="Use a Python with SQLite 3.37 or newer.",
        )
    try:
        yield
    except BandeauError:
        raise
    except sqlite3.Error as error:
        code = _primary(error)
        message, hint, retry_after = _TROUBLE.get(code, _OTHER_TROUBLE)
        if code == sqlite3.SQLITE_BUSY:
            raise UnavailableError(
                message, retry_after=retry_after, hint=hint
            ) from error
        raise MisconfiguredError(f"{message} ({file})", hint=hint) from error
    except OSError as error:
        raise MisconfiguredError(
            f"The store at {file} cannot be opened: {error.strerror}.",
            hint="Let the user that runs Bandeau read and write the file and its folder.",
        ) from error
