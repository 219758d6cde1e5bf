"""What is particular to the store in one SQLite file: the file, opening it, trouble."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bandeau.errors import MisconfiguredError, StoreMissingError, UnavailableError
from bandeau.ledger import sqlite
from bandeau.ledger.record import Record
from bandeau.ledger.sqlite import FILE_NAME, SqliteStore

SITE = "newsroom"
NewRecord = Callable[..., Record]


def pragma(store: SqliteStore, name: str) -> object:
    return store._writer.execute(f"PRAGMA {name}").fetchone()[0]


# The file


def test_a_folder_gets_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = SqliteStore.create(tmp_path / "made" / "here")
    finally:
        os.umask(old)
    store.add_site(SITE)  # makes the WAL

    files = sorted((tmp_path / "made" / "here").iterdir())
    store.close()

    assert [file.name for file in files] == [
        FILE_NAME,
        f"{FILE_NAME}-shm",
        f"{FILE_NAME}-wal",
    ]
    assert {stat.S_IMODE(file.parent.stat().st_mode) for file in files} == {0o700}
    assert store.file.stat().st_mode & 0o777 == 0o600


def test_a_file_may_be_named_itself(tmp_path: Path) -> None:
    SqliteStore.create(tmp_path / "ledger.db").close()

    assert (tmp_path / "ledger.db").is_file()
    SqliteStore.open(tmp_path / "ledger.db").close()


def test_a_store_opened_again_has_what_it_had(
    tmp_path: Path, new_record: NewRecord
) -> None:
    store, record = SqliteStore.create(tmp_path), new_record()
    store.add_site(SITE)
    store.append(SITE, [record], expected_size=0)
    store.close()

    store = SqliteStore.open(tmp_path)

    assert [kept.record for kept in store.page(SITE)] == [record]
    store.close()


def test_creating_a_store_that_is_there_leaves_it_as_it_is(tmp_path: Path) -> None:
    store = SqliteStore.create(tmp_path)
    store.add_site(SITE)
    store.close()

    store = SqliteStore.create(tmp_path)

    assert store.sites() == [SITE]
    store.close()


def test_creating_a_store_that_we_have_open_keeps_our_locks(
    sqlite_store: SqliteStore,
) -> None:
    SqliteStore.create(sqlite_store.file).close()

    # Leaving WAL takes the whole file for itself: impossible while we have it open.
    leave = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('PRAGMA journal_mode = DELETE')"
    child = subprocess.run(
        [sys.executable, "-c", leave, str(sqlite_store.file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "database is locked" in child.stderr


CREATES = "import sys; from bandeau.ledger.sqlite import SqliteStore as S; S.create(sys.argv[1]).close()"


@pytest.mark.slow
def test_many_who_create_one_store_at_once_make_one(tmp_path: Path) -> None:
    for attempt in range(2):
        folder = str(tmp_path / str(attempt))
        children = [
            subprocess.Popen([sys.executable, "-c", CREATES, folder]) for _ in range(6)
        ]

        assert {child.wait() for child in children} == {0}
        SqliteStore.open(folder).close()


def test_commits_wait_for_the_disk_and_deleting_overwrites(
    sqlite_store: SqliteStore,
) -> None:
    assert pragma(sqlite_store, "journal_mode") == "wal"
    assert pragma(sqlite_store, "synchronous") == 2  # FULL
    assert pragma(sqlite_store, "secure_delete") == 1


def test_what_is_deleted_leaves_the_file(
    sqlite_store: SqliteStore, new_record: NewRecord
) -> None:
    kept, erased = (
        Record(request=r.request, subject=None, body=body, day=0, kind="mixed")
        for r, body in [(new_record(), b"stays" * 9), (new_record(), b"leaves" * 9)]
    )
    sqlite_store.append(SITE, [kept, erased], expected_size=0)

    sqlite_store._writer.execute("DELETE FROM record WHERE body = ?", [erased.body])
    sqlite_store._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    raw = b"".join(f.read_bytes() for f in sqlite_store.file.parent.iterdir())
    assert b"stays" * 9 in raw
    assert b"leaves" not in raw
    assert erased.request not in raw


def test_every_lookup_has_its_index(sqlite_store: SqliteStore) -> None:
    values = dict.fromkeys(
        ["site", "subject", "request", "before", "limit", "first", "id", "since_day"], 1
    )

    plans = {
        name: " ".join(
            row[3]
            for row in sqlite_store._reader.execute(
                f"EXPLAIN QUERY PLAN {sqlite._SQL[name]}", values
            )
        )
        for name in ("record", "find_request", "of_subject", "page", "tallies")
    }

    for name, plan in plans.items():
        assert "SCAN" not in plan, f"{name} reads everything: {plan}"
        assert "TEMP B-TREE" not in plan, f"{name} sorts what it found: {plan}"


def test_no_statement_counts_rows() -> None:
    assert [name for name, sql in sqlite._SQL.items() if "COUNT(" in sql.upper()] == []


# Opening what is not a store


def test_opening_never_makes_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreMissingError, match="There is no store") as caught:
        SqliteStore.open(tmp_path / "mistyped")

    assert f"--store {tmp_path / 'mistyped'}`" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_a_crash_left_empty_is_no_store_until_created(
    tmp_path: Path,
) -> None:
    (tmp_path / FILE_NAME).touch()

    with pytest.raises(StoreMissingError):
        SqliteStore.open(tmp_path)

    SqliteStore.create(tmp_path).close()
    SqliteStore.open(tmp_path).close()


@pytest.mark.parametrize("way", [SqliteStore.open, SqliteStore.create])
def test_a_file_that_is_no_database_is_refused(
    tmp_path: Path, way: Callable[[Path], SqliteStore]
) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"something else" * 100)

    with pytest.raises(MisconfiguredError, match="not a SQLite database"):
        way(tmp_path)

    assert (tmp_path / FILE_NAME).read_bytes() == b"something else" * 100


@pytest.mark.parametrize("way", [SqliteStore.open, SqliteStore.create])
def test_another_programs_database_is_refused_and_left_alone(
    tmp_path: Path, way: Callable[[Path], SqliteStore]
) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        other.execute("CREATE TABLE theirs (a)")
    other.close()
    before = (tmp_path / FILE_NAME).read_bytes()

    with pytest.raises(MisconfiguredError, match="another program"):
        way(tmp_path)

    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    store = SqliteStore.create(tmp_path)
    store._writer.execute("PRAGMA user_version = 99")
    store.close()

    with pytest.raises(MisconfiguredError, match="newer Bandeau: its schema is 99"):
        SqliteStore.open(tmp_path)


def test_an_older_store_is_brought_up_to_date_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore.create(tmp_path)
    store.add_site(SITE)
    store.close()
    last = len(sqlite._SCHEMAS)
    scripts = {"more.sql": "-- One more.\nCREATE TABLE more (\n    a ANY\n) STRICT;"}
    read = sqlite.read
    monkeypatch.setattr(sqlite, "read", lambda f: scripts.get(f) or read(f))
    monkeypatch.setattr(sqlite, "_SCHEMAS", (*sqlite._SCHEMAS, "more.sql"))

    store = SqliteStore.open(tmp_path)

    assert store.sites() == [SITE]
    assert pragma(store, "user_version") == last + 1
    assert store._writer.execute("SELECT * FROM more").fetchall() == []
    store.close()


def test_a_step_that_fails_leaves_the_older_store_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SqliteStore.create(tmp_path).close()
    last = len(sqlite._SCHEMAS)
    scripts = {"more.sql": "CREATE TABLE more (a ANY) STRICT;\nCREATE NONSENSE;"}
    with monkeypatch.context() as patched:
        patched.setattr(sqlite, "read", scripts.__getitem__)
        patched.setattr(sqlite, "_SCHEMAS", (*sqlite._SCHEMAS, "more.sql"))

        with pytest.raises(MisconfiguredError):
            SqliteStore.open(tmp_path)

    store = SqliteStore.open(tmp_path)
    assert pragma(store, "user_version") == last
    store.close()


def test_a_damaged_store_is_told_as_such(tmp_path: Path, new_record: NewRecord) -> None:
    store = SqliteStore.create(tmp_path)
    store.add_site(SITE)
    store.append(SITE, [new_record() for _ in range(500)], expected_size=0)
    store.close()
    raw = bytearray((tmp_path / FILE_NAME).read_bytes())
    raw[4096:] = b"\xaa" * (len(raw) - 4096)  # all but the first page
    (tmp_path / FILE_NAME).write_bytes(raw)

    store = SqliteStore.open(tmp_path)
    with pytest.raises(UnavailableError, match="damaged"):
        store.size(SITE)
    store.close()


def test_an_old_sqlite_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))

    with pytest.raises(MisconfiguredError, match="too old"):
        SqliteStore.create(tmp_path)


def test_a_path_through_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(MisconfiguredError, match="cannot be opened"):
        SqliteStore.create(tmp_path / "file" / "store")


# Trouble while it works


def test_a_full_disk_is_told_and_leaves_nothing_half_written(
    sqlite_store: SqliteStore, new_record: NewRecord
) -> None:
    sqlite_store.append(SITE, [new_record()], expected_size=0)
    pages = pragma(sqlite_store, "page_count")
    sqlite_store._writer.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(UnavailableError, match="full") as caught:
        sqlite_store.append(SITE, [new_record() for _ in range(200)], expected_size=1)

    assert caught.value.retry_after > 0
    assert sqlite_store.size(SITE) == 1
    assert len(sqlite_store.page(SITE)) == 1
    assert [tally.count for tally in sqlite_store.tallies(SITE, 0)] == [1]

    sqlite_store._writer.execute("PRAGMA max_page_count = 1000000")
    assert sqlite_store.append(SITE, [new_record()], expected_size=1) == [1]


def test_a_store_locked_by_another_program_is_told(
    sqlite_store: SqliteStore, new_record: NewRecord
) -> None:
    sqlite_store._writer.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(sqlite_store.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(UnavailableError, match="locked by another program"):
        sqlite_store.append(SITE, [new_record()], expected_size=0)

    assert sqlite_store.size(SITE) == 0  # reading does not wait
    other.execute("ROLLBACK")
    other.close()
    assert sqlite_store.append(SITE, [new_record()], expected_size=0) == [0]


def test_a_store_that_is_merely_locked_may_be_opened_in_a_moment(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 20)
    other = sqlite3.connect(sqlite_store.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(UnavailableError, match="locked by another program"):
        SqliteStore.open(sqlite_store.file)

    other.execute("ROLLBACK")
    other.close()
    SqliteStore.open(sqlite_store.file).close()


def test_records_beyond_the_size_are_never_overwritten(
    sqlite_store: SqliteStore, new_record: NewRecord
) -> None:
    first = new_record()
    sqlite_store.append(SITE, [first], expected_size=0)
    sqlite_store._writer.execute("UPDATE site SET size = 0")

    with pytest.raises(UnavailableError, match="contradicts itself"):
        sqlite_store.append(SITE, [new_record()], expected_size=0)

    assert [kept.record for kept in sqlite_store.page(SITE)] == [first]


@pytest.fixture
def nobodys_folder() -> Iterator[Path]:
    """A folder outside pytest's own, which another user could not pass through."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="users and modes of Unix")
def test_a_store_that_may_not_be_written_is_found_out_when_opened(
    nobodys_folder: Path,
) -> None:
    SqliteStore.create(nobodys_folder / "store").close()
    file = nobodys_folder / "store" / FILE_NAME
    file.chmod(0o444)
    file.parent.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65_534)  # root may write anything
    try:
        with pytest.raises(
            MisconfiguredError, match=r"cannot be (written|opened)"
        ) as e:
            SqliteStore.open(file)
    finally:
        if root:
            os.seteuid(0)
        file.parent.chmod(0o755)

    assert "Let the user that runs Bandeau" in e.value.hint


WRITES_UNTIL_THE_LIMIT = """
import resource, signal, sys
from bandeau.errors import UnavailableError
from bandeau.ledger.record import Record, new_request_key
from bandeau.ledger.sqlite import SqliteStore

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = SqliteStore.open(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))

def batch(start):
    return [
        Record(request=new_request_key(start + i, bytes(10)), subject=None,
               body=b"b" * 200, day=0, kind="mixed")
        for i in range(20)
    ]

size = 0
while size < 100_000:
    try:
        store.append("newsroom", batch(size), expected_size=size)
    except UnavailableError as error:
        print(size, error.message)
        break
    size += 20

resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
assert store.size("newsroom") == size
store.append("newsroom", batch(size), expected_size=size)
print("again")
store.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of Unix")
def test_a_write_that_fails_leaves_whole_batches_and_a_store_that_goes_on(
    sqlite_store: SqliteStore,
) -> None:
    child = subprocess.run(
        [sys.executable, "-c", WRITES_UNTIL_THE_LIMIT, str(sqlite_store.file)],
        capture_output=True,
        text=True,
        check=False,
    )

    told, again = child.stdout.splitlines() or [child.stderr, ""]
    size, _, message = told.partition(" ")
    assert "disk that holds the store" in message, child.stderr
    assert again == "again"
    assert int(size) > 0
    assert sqlite_store.size(SITE) == int(size) + 20
    assert len(sqlite_store.page(SITE, limit=100_000)) == int(size) + 20
    assert sum(t.count for t in sqlite_store.tallies(SITE, 0)) == int(size) + 20
    assert pragma(sqlite_store, "integrity_check") == "ok"
