"""What is particular to the store in PostgreSQL: opening, several writers, its server's end."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from bandeau.errors import (
    BandeauError,
    MisconfiguredError,
    StoreMissingError,
    UnavailableError,
)
from bandeau.ledger import postgres
from bandeau.ledger.places import create_store, open_store, store_name
from bandeau.ledger.postgres import PostgresStore
from bandeau.ledger.record import Record, new_request_key, subject_key
from bandeau.ledger.sequencer import Sequencer
from bandeau.ledger.store import LedgerConflictError, Store
from tests.ledger.test_sequencer import answers, start_child
from tests.postgres import ADVICE, PASSWORD, USER, Server, find

SITE = "newsroom"
NewRecord = Callable[..., Record]

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(60)]


@pytest.fixture
def ours(own_server: Server) -> Iterator[PostgresStore]:
    """A store on a server that a test may stop and kill, with one site in it."""
    store = PostgresStore.create(own_server.address())
    store.add_site(SITE)
    yield store
    own_server.set(synchronous_standby_names="")
    store.close()


@contextlib.contextmanager
def aside(call: Callable[[], object]) -> Iterator[Future[object]]:
    """The call, running in another thread; it must have ended with the block."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(call)


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "It did not come true in time."
        time.sleep(0.01)


def expect_sound(store: Store, address: str) -> None:
    """The parts agree: nothing counted that is not there."""
    with psycopg.connect(address) as connection:
        rows, last = connection.execute(
            "SELECT count(*), max(id) & x'ffffffffff'::bigint FROM bandeau.record"
        ).fetchone() or (0, None)
    assert store.size(SITE) == rows == (0 if last is None else last + 1)
    assert sum(tally.count for tally in store.tallies(SITE, 0)) == rows


# Opening


def test_creating_and_opening_by_address(server: Server) -> None:
    with server.database() as address:
        with pytest.raises(StoreMissingError, match="There is no store") as caught:
            open_store(address)
        store = create_store(address)
        store.add_site(SITE)
        store.close()
        again = create_store(address)

        assert f"--store {address}`" in caught.value.hint
        assert again.sites() == [SITE]
        again.close()


def test_many_who_create_one_store_at_once_make_one(server: Server) -> None:
    with server.database() as address, ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(PostgresStore.create, [address] * 6))

        stores[0].add_site(SITE)

        assert [[SITE]] * 6 == [store.sites() for store in stores]
        for store in stores:
            store.close()


def test_a_database_that_is_not_there_is_not_made(server: Server) -> None:
    with pytest.raises(MisconfiguredError, match="cannot be opened") as caught:
        create_store(server.address("nowhere"))

    assert "createdb" in caught.value.hint


def test_a_server_that_is_away_may_come_back(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be reached"):
        open_store(f"postgresql:///x?host={tmp_path}")


@pytest.mark.parametrize("query", ["nonsense=1", "connect_timeout=soon"])
def test_an_address_that_libpq_cannot_read_is_told(query: str) -> None:
    with pytest.raises(BandeauError, match="postgresql://"):
        open_store(f"postgresql:///x?{query}")


def test_a_wrong_password_is_told_without_it(server: Server) -> None:
    address = server.address_by_password("postgres", "open-sesame")

    with pytest.raises(MisconfiguredError, match="password") as caught:
        open_store(address)

    assert "open-sesame" not in str(caught.value)
    assert caught.value.__cause__ is None  # a traceback in a log would show it


def test_a_right_password_is_not_told_either(server: Server) -> None:
    with server.database() as address:
        database = address.partition("?")[0].rpartition("/")[2]
        by_password = server.address_by_password(database)

        with pytest.raises(StoreMissingError) as caught:
            open_store(by_password)
        create_store(by_password).close()

        assert PASSWORD not in str(caught.value)
        assert PASSWORD not in store_name(by_password)


def test_another_programs_schema_is_refused_and_left_alone(server: Server) -> None:
    with server.database() as address:
        with psycopg.connect(address) as other:
            other.execute("CREATE SCHEMA bandeau CREATE TABLE theirs (a int)")

        for way in (open_store, create_store):
            with pytest.raises(MisconfiguredError, match="another program"):
                way(address)


def test_an_empty_schema_that_an_administrator_made_is_used(server: Server) -> None:
    with server.database() as address:
        with psycopg.connect(address) as other:
            other.execute("CREATE SCHEMA bandeau")

        create_store(address).close()
        open_store(address).close()


def test_a_store_of_a_newer_version_is_refused(database: str) -> None:
    with psycopg.connect(database) as other:
        other.execute("UPDATE bandeau.version SET number = 99")

    with pytest.raises(MisconfiguredError, match="newer Bandeau: its schema is 99"):
        open_store(database)


def test_an_older_store_is_brought_up_to_date_and_keeps_what_it_has(
    database: str, postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = {"next.sql": "-- One.\nCREATE TABLE bandeau.more (\n    a int\n);"}
    read = postgres.read
    monkeypatch.setattr(postgres, "read", lambda f: scripts.get(f) or read(f))
    monkeypatch.setattr(postgres, "_SCHEMAS", (*postgres._SCHEMAS, "next.sql"))

    store = open_store(database)

    assert store.sites() == [SITE]
    with psycopg.connect(database) as other:
        found = other.execute("SELECT number FROM bandeau.version").fetchall()
        assert found == [(len(postgres._SCHEMAS),)]
        assert other.execute("SELECT * FROM bandeau.more").fetchall() == []
    store.close()


def test_a_step_that_fails_leaves_the_older_store_whole(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = {"next.sql": "CREATE TABLE bandeau.more (a int);\nCREATE NONSENSE;"}
    with monkeypatch.context() as patched:
        patched.setattr(postgres, "read", scripts.__getitem__)
        patched.setattr(postgres, "_SCHEMAS", (*postgres._SCHEMAS, "next.sql"))

        with pytest.raises(MisconfiguredError):
            open_store(database)

    open_store(database).close()


@pytest.mark.parametrize("value", ["off", "local", "remote_write"])
def test_a_server_that_acknowledges_too_early_is_refused(
    server: Server, database: str, value: str
) -> None:
    name = database.partition("?")[0].rpartition("/")[2]
    server.execute(f"ALTER DATABASE {name} SET synchronous_commit = {value}")

    with pytest.raises(MisconfiguredError, match="synchronous_commit is") as caught:
        open_store(database)

    assert "Set synchronous_commit = on" in caught.value.hint


def test_a_server_without_fsync_is_refused() -> None:
    if find() is None:
        pytest.skip(ADVICE)
    with (
        Server(fsync="off") as server,
        pytest.raises(MisconfiguredError, match="its fsync is off"),
    ):
        create_store(server.address())


def test_a_reload_does_not_make_an_open_store_forgetful(
    ours: PostgresStore, own_server: Server
) -> None:
    ours.sites()
    own_server.set(synchronous_commit="off")

    with ours._writing.one() as line:
        found = line.connection.execute("SHOW synchronous_commit").fetchone()

    own_server.set(synchronous_commit="on")
    assert found == ("on",)


def test_a_user_who_may_not_write_is_found_out_when_opened(
    server: Server, database: str
) -> None:
    server.execute("DROP ROLE IF EXISTS reader")
    server.execute("CREATE ROLE reader LOGIN")
    with psycopg.connect(database) as other:
        other.execute("GRANT USAGE ON SCHEMA bandeau TO reader")
        other.execute("GRANT SELECT ON ALL TABLES IN SCHEMA bandeau TO reader")

    with pytest.raises(MisconfiguredError, match="may not write"):
        open_store(database.replace(f"{USER}@", "reader@"))


# Statements


def test_every_lookup_has_its_index(
    postgres_store: PostgresStore, new_record: NewRecord, database: str
) -> None:
    records = [new_record(subject=bytes(16)) for _ in range(3_000)]
    postgres_store.append(SITE, records, expected_size=0)
    values = dict.fromkeys(
        ["site", "before", "limit", "first", "id", "since_day"], 2**41
    )
    values |= {"subject": bytes(16), "request": bytes(16), "site": 1}

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ANALYZE")
        plans = {
            name: "\n".join(
                row[0]
                for row in connection.execute(b"EXPLAIN " + postgres._SQL[name], values)
            )
            for name in ("record", "find_request", "of_subject", "page")
        }

    for name, plan in plans.items():
        assert "Seq Scan" not in plan, f"{name} reads everything: {plan}"
        assert "Sort" not in plan, f"{name} sorts what it found: {plan}"


def test_no_statement_counts_rows() -> None:
    counting = [n for n, sql in postgres._SQL.items() if b"COUNT(" in sql.upper()]

    assert counting == []


def test_publishing_uses_up_no_numbers(
    postgres_store: PostgresStore, database: str
) -> None:
    for _ in range(3):
        postgres_store.add_site(SITE)
    postgres_store.add_site("weather")

    with psycopg.connect(database) as other:
        assert other.execute("SELECT max(id) FROM bandeau.site").fetchone() == (2,)


# Several writers


def test_whoever_waits_for_a_site_sees_that_another_was_first(
    postgres_store: PostgresStore, new_record: NewRecord, database: str
) -> None:
    postgres_store.append(SITE, [new_record()], expected_size=0)
    with psycopg.connect(database) as other:
        other.execute("UPDATE bandeau.site SET size = 5")
        with aside(
            lambda: postgres_store.append(SITE, [new_record()], expected_size=1)
        ) as appended:
            time.sleep(0.1)
            assert not appended.done()
            other.commit()

            with pytest.raises(LedgerConflictError) as caught:
                appended.result()

    assert caught.value.size == 5


def test_a_serialization_failure_is_a_conflict_too(
    postgres_store: PostgresStore, new_record: NewRecord, database: str
) -> None:
    with postgres_store._writing.one() as line:
        line.connection.execute("SET default_transaction_isolation = 'repeatable read'")
    with psycopg.connect(database) as other:
        other.execute("UPDATE bandeau.site SET size = 5")
        with aside(
            lambda: postgres_store.append(SITE, [new_record()], expected_size=0)
        ) as appended:
            time.sleep(0.2)
            other.commit()

            with pytest.raises(LedgerConflictError) as caught:
                appended.result()

    assert caught.value.size == 5


def test_a_site_locked_by_another_program_is_told(
    postgres_store: PostgresStore,
    new_record: NewRecord,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres, "_LOCK_MS", 50)
    with psycopg.connect(database) as other:
        other.execute("SELECT FROM bandeau.site FOR UPDATE")
        store = PostgresStore(database)

        with pytest.raises(UnavailableError, match="locked by another program"):
            store.append(SITE, [new_record()], expected_size=0)

        assert store.size(SITE) == 0  # reading does not wait

    assert store.append(SITE, [new_record()], expected_size=0) == [0]
    store.close()


@pytest.mark.slow
def test_two_processes_on_one_database_make_one_sequence(
    postgres_store: PostgresStore, database: str
) -> None:
    children = [start_child(database, 25) for _ in range(2)]

    said = [answers(child.communicate()[0]) for child in children]

    assert [child.returncode for child in children] == [0, 0]
    both = said[0] | said[1]
    assert sorted(both) == list(range(800))
    for index, request in both.items():
        assert postgres_store.find_request(SITE, request) == index
    expect_sound(postgres_store, database)


# Trouble while it works


def test_a_read_only_server_is_told_and_left_for_one_that_writes(
    ours: PostgresStore, own_server: Server, new_record: NewRecord
) -> None:
    ours.append(SITE, [new_record()], expected_size=0)
    own_server.set(default_transaction_read_only="on")

    with pytest.raises(UnavailableError, match="read-only") as caught:
        ours.append(SITE, [new_record()], expected_size=1)
    with pytest.raises(UnavailableError, match="cannot be opened"):
        ours.append(SITE, [new_record()], expected_size=1)  # no such server

    assert caught.value.retry_after > 0
    assert ours.size(SITE) == 1
    _writable_again(own_server)
    assert ours.append(SITE, [new_record()], expected_size=1) == [1]


def _writable_again(server: Server) -> None:
    address = server.address()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        connection.execute("SELECT pg_reload_conf()")
    time.sleep(0.1)


def test_a_full_disk_is_told_and_leaves_nothing_half_written(
    postgres_store: PostgresStore, new_record: NewRecord, database: str
) -> None:
    postgres_store.append(SITE, [new_record()], expected_size=0)
    with psycopg.connect(database) as other:
        # What the server says when a table cannot grow, said by a trigger.
        other.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$"
        )
        other.execute(
            "CREATE TRIGGER full_disk AFTER INSERT ON bandeau.record "
            "EXECUTE FUNCTION full_disk()"
        )

    with pytest.raises(UnavailableError, match="disk that holds the store is full"):
        postgres_store.append(SITE, [new_record()], expected_size=1)

    assert postgres_store.size(SITE) == 1
    assert len(postgres_store.page(SITE)) == 1
    assert [tally.count for tally in postgres_store.tallies(SITE, 0)] == [1]
    with psycopg.connect(database) as other:
        other.execute("DROP TRIGGER full_disk ON bandeau.record")
    assert postgres_store.append(SITE, [new_record()], expected_size=1) == [1]


def test_records_beyond_the_size_are_never_overwritten(
    postgres_store: PostgresStore, new_record: NewRecord, database: str
) -> None:
    first = new_record()
    postgres_store.append(SITE, [first], expected_size=0)
    with psycopg.connect(database) as other:
        other.execute("UPDATE bandeau.site SET size = 0")

    with pytest.raises(UnavailableError, match="contradicts itself"):
        postgres_store.append(SITE, [new_record()], expected_size=0)

    assert [kept.record for kept in postgres_store.page(SITE)] == [first]


def test_tables_that_are_gone_are_told(
    postgres_store: PostgresStore, database: str
) -> None:
    with psycopg.connect(database) as other:
        other.execute("DROP TABLE bandeau.tally")

    with pytest.raises(UnavailableError, match="not as they should be"):
        postgres_store.tallies(SITE, 0)


def test_closing_waits_for_who_reads(postgres_store: PostgresStore) -> None:
    with ThreadPoolExecutor(2) as pool:
        with postgres_store._reading.one() as line:
            closed = [pool.submit(postgres_store.close) for _ in range(2)]
            time.sleep(0.05)
            assert not any(each.done() for each in closed)
            assert line.connection.execute("SELECT 1").fetchone() == (1,)

        for each in closed:
            each.result(timeout=5)


# The server ends


def test_a_restart_between_two_calls_is_not_noticed(
    ours: PostgresStore, own_server: Server, new_record: NewRecord
) -> None:
    ours.append(SITE, [new_record()], expected_size=0)

    own_server.restart()
    assert ours.append(SITE, [new_record()], expected_size=1) == [1]
    own_server.kill()
    own_server.start()
    assert ours.size(SITE) == 2
    assert ours.append(SITE, [new_record()], expected_size=2) == [2]


def test_a_server_that_is_gone_is_told_at_once_and_used_when_it_is_back(
    ours: PostgresStore, own_server: Server, new_record: NewRecord
) -> None:
    ours.append(SITE, [new_record()], expected_size=0)
    own_server.kill()

    begun = time.monotonic()
    for _ in range(3):
        with pytest.raises(UnavailableError):
            ours.append(SITE, [new_record()], expected_size=1)
        with pytest.raises(UnavailableError):
            ours.page(SITE)
    lasted = time.monotonic() - begun

    own_server.start()
    assert ours.append(SITE, [new_record()], expected_size=1) == [1]
    assert lasted < 3


def test_what_waits_for_a_standby_is_not_acknowledged(
    ours: PostgresStore, own_server: Server, new_record: NewRecord
) -> None:
    ours.append(SITE, [new_record()], expected_size=0)
    ours.size(SITE)
    own_server.set(synchronous_standby_names="absent")

    with aside(lambda: ours.append(SITE, [new_record()], expected_size=1)) as appended:
        time.sleep(0.3)
        assert not appended.done()
        assert ours.size(SITE) == 1  # nothing is visible before it is durable

        own_server.set(synchronous_standby_names="")
        assert appended.result() == [1]


def test_a_connection_lost_while_committing_leaves_it_to_find_request(
    ours: PostgresStore, own_server: Server, new_record: NewRecord
) -> None:
    kept, lost = new_record(), new_record()
    ours.append(SITE, [new_record()], expected_size=0)
    own_server.set(synchronous_standby_names="absent")
    with aside(lambda: ours.append(SITE, [kept], expected_size=1)) as appended:
        # It is on this disk and waits for the standby, when its server dies.
        until(lambda: waits_for_standby(own_server))
        own_server.kill()

        with pytest.raises(UnavailableError):
            appended.result()

    own_server.start()
    # It is there again, but not on a standby: whoever asks waits, or hears so.
    with aside(lambda: ours.find_request(SITE, kept.request)) as found:
        time.sleep(0.5)
        assert not found.done()
        own_server.set(synchronous_standby_names="")
        assert found.result() == 1
    assert ours.find_request(SITE, lost.request) is None
    assert ours.append(SITE, [lost, kept], expected_size=2) == [2, 1]


def test_without_any_standby_a_new_connection_says_so(
    ours: PostgresStore, own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_REACH_SECONDS", 0.1)
    own_server.set(synchronous_standby_names="absent")

    with pytest.raises(UnavailableError, match="No synchronous standby"):
        open_store(own_server.address())


def test_a_commit_that_an_administrator_cancelled_is_not_acknowledged(
    ours: PostgresStore, own_server: Server, new_record: NewRecord
) -> None:
    record = new_record()
    ours.append(SITE, [new_record()], expected_size=0)
    own_server.set(synchronous_standby_names="absent")
    with aside(lambda: ours.append(SITE, [record], expected_size=1)) as appended:
        until(lambda: waits_for_standby(own_server))
        own_server.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
            "WHERE wait_event = 'SyncRep'"
        )

        with pytest.raises(UnavailableError, match="nobody knows"):
            appended.result()

    own_server.set(synchronous_standby_names="")
    assert ours.find_request(SITE, record.request) == 1


def waits_for_standby(server: Server) -> bool:
    waiting = server.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    )
    return waiting != [(0,)]


# Under load


class Visitors:
    """Who answers without pause, brings an answer again after trouble, and remembers."""

    def __init__(self, sequencer: Sequencer, most: int = 8) -> None:
        self._sequencer = sequencer
        self._leaving = threading.Event()
        self._acknowledged: list[tuple[float, int, bytes]] = []
        self.brought: set[bytes] = set()
        self._threads = [threading.Thread(target=self._answer) for _ in range(most)]
        for thread in self._threads:
            thread.start()

    def acknowledged(self) -> list[tuple[float, int, bytes]]:
        """When, at which index, and under which key; a copy."""
        return list(self._acknowledged)

    def leave(self) -> None:
        self._leaving.set()
        for thread in self._threads:
            thread.join()

    def _answer(self) -> None:
        while not self._leaving.is_set():
            request = new_request_key(time.time_ns() // 1_000_000, os.urandom(10))
            record = Record(
                request=request,
                subject=subject_key(request),
                body=request,
                day=0,
                kind="accepted",
            )
            self.brought.add(request)
            while not self._leaving.is_set():
                try:
                    index = self._sequencer.append_now(SITE, record)
                except UnavailableError:
                    time.sleep(0.02)
                    continue
                self._acknowledged.append((time.monotonic(), index, request))
                break


def expect_kept(store: Store, visitors: Visitors) -> None:
    """Every acknowledged answer is there once, at its index; nothing nobody brought is."""
    acknowledged = visitors.acknowledged()
    for _, index, request in acknowledged:
        kept = store.record(SITE, index)
        assert kept is not None, "an acknowledged answer is lost"
        assert kept.record.body == request
    assert len({index for _, index, _ in acknowledged}) == len(acknowledged)
    everything = [k.record.request for k in store.page(SITE, limit=1_000_000)]
    assert len(set(everything)) == len(everything)
    assert visitors.brought >= set(everything)


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_server_killed_under_load(
    ours: PostgresStore, own_server: Server
) -> None:
    sequencer = Sequencer(ours)
    visitors = Visitors(sequencer)

    for _ in range(3):
        told = len(visitors.acknowledged())
        until(lambda told=told: len(visitors.acknowledged()) > told + 200)
        own_server.kill()
        time.sleep(0.2)
        own_server.start()
    told = len(visitors.acknowledged())
    until(lambda: len(visitors.acknowledged()) > told + 200)
    visitors.leave()
    sequencer.close()

    expect_kept(ours, visitors)
    expect_sound(ours, own_server.address())


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_primary_killed_under_load_loses_nothing_and_its_standby_serves_in_seconds(
    own_server: Server,
) -> None:
    with own_server.standby() as standby:
        own_server.set(synchronous_standby_names="standby")
        until(
            lambda: (
                own_server.execute("SELECT sync_state FROM pg_stat_replication")
                == [("sync",)]
            )
        )
        both = (
            f"postgresql://{USER}@/postgres?host={own_server.folder},{standby.folder}"
            f"&port={own_server.port},{standby.port}"
        )
        store = create_store(both)
        store.add_site(SITE)
        sequencer = Sequencer(store)
        visitors = Visitors(sequencer)
        until(lambda: len(visitors.acknowledged()) > 500)

        own_server.kill()
        killed = time.monotonic()
        standby.promote()
        until(lambda: standby.execute("SELECT pg_is_in_recovery()") == [(False,)])
        told = len(visitors.acknowledged())
        until(lambda: len(visitors.acknowledged()) > told)
        without_service = visitors.acknowledged()[told][0] - killed
        told = len(visitors.acknowledged())
        until(lambda: len(visitors.acknowledged()) > told + 500)
        visitors.leave()
        sequencer.close()

        assert without_service < 10
        expect_kept(store, visitors)
        expect_sound(store, standby.address())
        store.close()
