"""What was cosigned last of each log, in one SQLite file.

A witness is as good as its memory: with this file lost, or an older copy of it put back,
the same key could cosign a second tree. So it is made once, together with the key, and
never by opening.

LIMIT: nothing here can tell an older copy of the file from the file. A witness that was
restored from a backup has to begin again under a new key.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, Self

from bandeau.errors import MisconfiguredError, StoreMissingError, UnavailableError
from bandeau.ledger.note import Checkpoint, Signature, read_note, sign_note
from bandeau.ledger.witnessing import Refusal, Submission, judge, origin_hash

BUSY_TIMEOUT_SECONDS: Final = 5

# "Bndw": how `file` and we tell it from any other SQLite file.
_APPLICATION_ID: Final = 0x42_6E_64_77
_VERSION: Final = 1

Sign = Callable[[Checkpoint, int], Sequence[Signature]]
"""Called with (checkpoint, seconds since 1970): the witness's own lines."""


def _read(file: str) -> list[str]:
    """The statements of a script, each with the sentence above it."""
    text = resources.files("bandeau.witness").joinpath(file).read_text("utf-8")
    return text.strip().split("\n\n")


_SQL: Final = {
    statement.removeprefix("-- ").partition(":")[0]: statement.partition("\n")[2]
    for statement in _read("store.sql")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigned:
    """What was cosigned: a log's last size, and when."""

    origin: str
    size: int
    at: int


class WitnessStore:
    """One row for each log; judged and kept in one transaction.

    **Durable.** When `cosign` has returned, what it cosigned survives the end of the
    process and the loss of power. Where it raised nobody has seen a signature: one that
    was kept all the same is shown by `note`.

    **Several.** Any number of stores, in any number of processes, may be open on the same
    file; what one cosigned the others judge by.

    **Threads.** Every method may be called from any thread; calls wait for each other.
    """

    @classmethod
    def create(cls, file: Path, vkey: str) -> None:
        """Make the file for the witness that has this key.

        Raises:
            MisconfiguredError: there is a file already.
        """
        try:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            raise MisconfiguredError(
                f"There is something at {file} already.", hint="Name another place."
            ) from None
        connection = _connect(file)
        with _opening(file), closing(connection):
            # The schema, the mark and the owner come to be together: a crash before
            # leaves an empty file, which nothing opens.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in _read("schema_1.sql"):
                connection.execute(statement)
            connection.execute(_SQL["found"], {"vkey": vkey})
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("COMMIT")
        # A new file is durable when the folder that names it is.
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @classmethod
    def open(cls, file: Path, vkey: str) -> Self:
        """Open the file of the witness that has this key.

        Raises:
            StoreMissingError: there is none.
            MisconfiguredError: it is another program's, or another witness's.
        """
        if not file.is_file() or not file.stat().st_size:
            raise StoreMissingError(
                f"There is no store of a witness at {file}.",
                hint="`bandeau witness new` makes one, together with a new key. Without "
                "its store a key may not be used again.",
            )
        with _opening(file):
            connection = _connect(file)
            try:
                _expect_ours(connection, file, vkey)
            except BaseException:
                connection.close()
                raise
        return cls(connection)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection  # guarded by `_lock`
        self._lock = threading.Lock()

    def cosign(
        self, submission: Submission, sign: Sign, clock: Callable[[], int]
    ) -> tuple[Signature, ...] | Refusal:
        """Judge a submission, keep it, and only then give its cosignatures away.

        Raises:
            UnavailableError: it could not be kept, or the clock went back.
        """
        checkpoint = submission.checkpoint
        with self._transaction() as connection:
            row: tuple[int, bytes, int, bytes] | None = connection.execute(
                _SQL["last"], {"origin": checkpoint.origin}
            ).fetchone()
            size, root, at, note = row or (0, b"", 0, b"")
            last = Checkpoint(origin=checkpoint.origin, size=size, root=root)
            decision = judge(submission, last if row else None)
            if isinstance(decision, Refusal):
                return decision
            # Read under the lock, so that of two cosignatures the larger tree's is
            # never the earlier one.
            now = clock()
            if now < at:
                raise UnavailableError(
                    "The clock of this witness is behind what it has signed.",
                    retry_after=min(at - now, 3600),
                    hint="Set the clock of this machine right.",
                )
            if row and now == at and last == checkpoint:
                # Nothing new to say: whoever repeats a checkpoint of others as often as
                # they can costs one write in a second.
                return _own_lines(note, submission)
            lines = (*submission.signatures, *sign(checkpoint, now))
            note = sign_note(checkpoint.text, lines)
            kept = {
                "origin": checkpoint.origin,
                "hash": origin_hash(checkpoint.origin),
                "size": checkpoint.size,
                "root": checkpoint.root,
                "at": now,
                "note": note,
            }
            connection.execute(_SQL["keep"], kept)
        # Committed, and on disk. No signature leaves before this line.
        return lines[len(submission.signatures) :]

    def note(self, hash_: str) -> bytes | None:
        """What was cosigned last of the log whose origin has this hash."""
        rows = self._rows("shown", {"hash": hash_})
        return rows[0][0] if rows else None

    def every(self) -> list[Cosigned]:
        return [
            Cosigned(origin=origin, size=size, at=at)
            for origin, size, at in self._rows("every", {})
        ]

    def expect_writable(self) -> None:
        """Take the write lock and write nothing.

        Raises:
            UnavailableError: nothing could be cosigned now.
        """
        with self._transaction():
            pass

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._lock, _working():
            connection = self._connection
            # IMMEDIATE: whoever reads the last size is the only one until they commit.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                # With synchronous = FULL this returns after the fsync of the WAL.
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                raise

    def _rows(self, statement: str, values: dict[str, str]) -> list[Any]:
        with self._lock, _working():
            return self._connection.execute(_SQL[statement], values).fetchall()


def _own_lines(note: bytes, submission: Submission) -> tuple[Signature, ...]:
    """The lines of a kept note that are not the log's."""
    origin = submission.checkpoint.origin
    # A log of the witness's own name is refused at start-up.
    return tuple([line for line in read_note(note).signatures if line.name != origin])


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,  # transactions begin and end where we say so
        check_same_thread=False,  # our lock sees to it
    )
    # FULL: COMMIT returns after the fsync. In WAL, NORMAL would not wait.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _expect_ours(connection: sqlite3.Connection, file: Path, vkey: str) -> None:
    if _pragma(connection, "application_id") != _APPLICATION_ID:
        raise MisconfiguredError(
            f"{file} is not the store of a witness.",
            hint="Name the file that `bandeau witness new` made.",
        )
    if _pragma(connection, "user_version") != _VERSION:
        raise MisconfiguredError(
            f"{file} was written by a newer Bandeau.", hint="Update Bandeau."
        )
    if [(vkey,)] != connection.execute(_SQL["owner"]).fetchall():
        raise MisconfiguredError(
            f"{file} is the store of another witness.",
            hint="The name, the seed and the store that were made together belong "
            "together.",
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return value


@contextmanager
def _opening(file: Path) -> Generator[None]:
    try:
        yield
    except sqlite3.Error as wrong:
        name = getattr(wrong, "sqlite_errorname", "SQLITE_ERROR")
        raise MisconfiguredError(
            f"{file} cannot be opened: {name}.",
            hint="Let the user that runs the witness read and write it and its folder, "
            "on a local disk.",
        ) from None


@contextmanager
def _working() -> Generator[None]:
    """Whatever SQLite complains about while it serves, in one sentence."""
    try:
        yield
    except sqlite3.Error as wrong:
        code = getattr(wrong, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        busy = code == sqlite3.SQLITE_BUSY
        raise UnavailableError(
            "The store of the witness is locked by another program."
            if busy
            else "The store of the witness fails.",
            retry_after=2 if busy else 60,
            hint="See whether the disk is full, or the file gone or locked.",
        ) from wrong
