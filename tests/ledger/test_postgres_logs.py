"""What is particular to logs in PostgreSQL: who waits for whom, and what erasing leaves."""

import time
from collections.abc import Iterator

import psycopg
import pytest

from bandeau.errors import MisconfiguredError, UnavailableError
from bandeau.ledger import postgres
from bandeau.ledger import postgres_logs as in_postgres
from bandeau.ledger.entries import Reason
from bandeau.ledger.log import create_log
from bandeau.ledger.logs import LogHead, LogStep
from bandeau.ledger.postgres import PostgresStore
from bandeau.ledger.postgres_logs import PostgresLogs
from bandeau.ledger.record import subject_key
from bandeau.ledger.store import LedgerConflictError
from tests.ledger.conftest import SITE
from tests.ledger.test_logs import AT, ORIGIN, SEED, kinds, logs_of, record
from tests.ledger.test_postgres import aside, until, waits_for_standby
from tests.postgres import Server

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(60)]


@pytest.fixture
def logged(postgres_logs: PostgresLogs) -> PostgresLogs:
    postgres_logs.add_site(SITE)
    create_log(postgres_logs, SITE, ORIGIN, seed=SEED, at=AT)
    return postgres_logs


@pytest.fixture
def ours(own_server: Server) -> Iterator[PostgresLogs]:
    """A store on a server that a test may stop and kill, with one log in it."""
    store = PostgresLogs.create(own_server.address())
    store.add_site(SITE)
    create_log(store, SITE, ORIGIN, seed=SEED, at=AT)
    yield store
    own_server.set(synchronous_standby_names="")
    store.close()


def step_after(head: LogHead, checkpoint: bytes = b"next") -> LogStep:
    return LogStep(
        origin=ORIGIN,
        before=head.checkpoint,
        checkpoint=checkpoint,
        size=head.size + 1,
        clock=AT,
        rows=(),
        seals=[(head.size, b"s" * 32)],
    )


def test_a_store_of_the_first_schema_gets_its_logs_and_keeps_its_records(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = record(subject=subject_key(b"i" * 16))
    with server.database() as address:
        with monkeypatch.context() as patched:
            patched.setattr(postgres, "_SCHEMAS", postgres._SCHEMAS[:1])
            with psycopg.connect(address, autocommit=True) as other:
                postgres._migrate(other, address, make=True)
                other.execute(
                    "INSERT INTO bandeau.site (name, size) VALUES (%s, 1)", [SITE]
                )
                other.execute(
                    "INSERT INTO bandeau.record VALUES (1::bigint << 40, 1, 1, 1, %s, %s, %s)",
                    [first.request, first.subject, first.body],
                )
                other.execute("ANALYZE")
        store = PostgresLogs.open(address)

        create_log(store, SITE, ORIGIN, seed=SEED, at=AT)
        assert [0, 1] == logs_of(store).append(SITE, [first, record()], expected_size=1)

        assert store.seal(SITE, 0) is None
        assert store.seal(SITE, 1) is not None
        with psycopg.connect(address) as other:
            examples = other.execute(
                "SELECT attname FROM pg_stats WHERE tablename = 'record' "
                "AND attname IN ('request', 'subject', 'body')"
            )
            assert [] == examples.fetchall()
        store.close()


def test_every_lookup_has_its_index(logged: PostgresLogs, database: str) -> None:
    records = [record(subject=subject_key(bytes(16))) for _ in range(1_500)]
    logs_of(logged).append(SITE, records, expected_size=0)
    values = dict.fromkeys(["id", "first", "end", "place"], 2**41)
    values |= {"site": 1, "limit": 9, "level": 0, "log": 1}
    asked = values | {"subject": bytes(16), "origin": ORIGIN, "ids": "{1,2}"}
    asked |= {"subjects": [bytes(16)]}

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ANALYZE")
        # A small table is read as a whole even so, where it can be read otherwise.
        connection.execute("SET enable_seqscan = off")
        plans = {
            name: "\n".join(
                row[0]
                for row in connection.execute(
                    b"EXPLAIN " + in_postgres._SQL[name], asked
                )
            )
            for name in ("tiles", "seal_of", "last_of_subjects", "openings")
        }

    for name, plan in plans.items():
        assert "Seq Scan" not in plan, f"{name} reads everything: {plan}"


# Several writers


def test_whoever_waits_for_a_log_sees_that_another_was_first(
    logged: PostgresLogs, database: str
) -> None:
    step = step_after(logged.logs(SITE)[-1])
    with psycopg.connect(database) as other:
        other.execute("SELECT FROM bandeau.site FOR UPDATE")
        other.execute("UPDATE bandeau.log SET checkpoint = 'theirs'")
        with aside(
            lambda: logged.append_logged(SITE, [record()], expected_size=0, step=step)
        ) as appended:
            time.sleep(0.1)
            assert not appended.done()
            other.commit()

            with pytest.raises(LedgerConflictError):
                appended.result()

    assert b"theirs" == logged.logs(SITE)[-1].checkpoint
    assert 0 == logged.size(SITE)
    assert [] == logged.page(SITE)


def test_whoever_waits_in_vain_goes_on(logged: PostgresLogs, database: str) -> None:
    step = step_after(logged.logs(SITE)[-1])
    with psycopg.connect(database) as other:
        # Rows that are new and say the same: found again, compared again, moved on.
        other.execute("UPDATE bandeau.site SET size = size")
        other.execute("UPDATE bandeau.log SET clock = clock")
        with aside(
            lambda: logged.append_logged(SITE, [record()], expected_size=0, step=step)
        ) as appended:
            time.sleep(0.1)
            assert not appended.done()
            other.commit()
            appended.result()

    assert b"next" == logged.logs(SITE)[-1].checkpoint
    assert 1 == logged.size(SITE)
    assert 1 == len(logged.page(SITE))


def test_a_log_that_is_created_meanwhile_is_not_gone_around(
    postgres_logs: PostgresLogs, database: str
) -> None:
    postgres_logs.add_site(SITE)
    plain = PostgresStore.open(database)
    with psycopg.connect(database) as other:
        other.execute(
            "INSERT INTO bandeau.log (site, origin, size, clock, checkpoint) "
            "VALUES (1, 'a log', 0, 0, '')"
        )
        other.execute("UPDATE bandeau.site SET log = 1")
        with aside(lambda: plain.append(SITE, [record()], expected_size=0)) as appended:
            time.sleep(0.1)
            assert not appended.done()
            other.commit()

            with pytest.raises(MisconfiguredError, match="has a log"):
                appended.result()

    assert 0 == plain.size(SITE)
    plain.close()


def test_a_serialization_failure_is_a_conflict_too(
    logged: PostgresLogs, database: str
) -> None:
    step = step_after(logged.logs(SITE)[-1])
    with logged._writing.one() as line:
        line.connection.execute("SET default_transaction_isolation = 'repeatable read'")
    with psycopg.connect(database) as other:
        other.execute("UPDATE bandeau.site SET size = 5")
        with aside(
            lambda: logged.append_logged(SITE, [record()], expected_size=0, step=step)
        ) as appended:
            time.sleep(0.2)
            other.commit()

            with pytest.raises(LedgerConflictError) as caught:
                appended.result()

    assert caught.value.size == 5


def test_names_that_are_taken_use_up_no_numbers(
    logged: PostgresLogs, database: str
) -> None:
    for _ in range(3):
        with pytest.raises(MisconfiguredError, match="already"):
            create_log(logged, SITE, ORIGIN, seed=SEED, at=AT)
    create_log(logged, SITE, f"{ORIGIN}b", seed=SEED, at=AT)

    with psycopg.connect(database) as other:
        assert (2,) == other.execute("SELECT max(id) FROM bandeau.log").fetchone()
        assert (2,) == other.execute("SELECT log FROM bandeau.site").fetchone()


# The server ends


def test_a_step_whose_server_dies_while_committing_is_found_and_gone_on_from(
    ours: PostgresLogs, own_server: Server
) -> None:
    logs = logs_of(ours)
    logs.append(SITE, [record()], expected_size=0)
    kept = record()
    own_server.set(synchronous_standby_names="absent")
    with aside(lambda: logs.append(SITE, [kept], expected_size=1)) as appended:
        # It is on this disk and waits for the standby, when its server dies.
        until(lambda: waits_for_standby(own_server))
        own_server.kill()

        with pytest.raises(UnavailableError):
            appended.result()

    own_server.start()
    own_server.set(synchronous_standby_names="")
    assert 1 == ours.find_request(SITE, kept.request)
    assert [1, 2] == logs.append(SITE, [kept, record()], expected_size=2)
    assert 3 == kinds(ours).count("RecordEntry")


def test_a_step_that_an_administrator_cancelled_is_not_acknowledged(
    ours: PostgresLogs, own_server: Server
) -> None:
    logs = logs_of(ours)
    logs.append(SITE, [record()], expected_size=0)
    own_server.set(synchronous_standby_names="absent")
    with aside(lambda: logs.append(SITE, [record()], expected_size=1)) as appended:
        until(lambda: waits_for_standby(own_server))
        own_server.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
            "WHERE wait_event = 'SyncRep'"
        )

        with pytest.raises(UnavailableError, match="nobody knows"):
            appended.result()

    own_server.set(synchronous_standby_names="")
    assert [2] == logs.append(SITE, [record()], expected_size=2)
    assert 3 == kinds(ours).count("RecordEntry")


# What erasing leaves


def test_scrubbing_says_when_somebody_may_still_read_what_was_erased(
    database: str, postgres_logs: PostgresLogs
) -> None:
    postgres_logs.add_site(SITE)
    create_log(postgres_logs, SITE, ORIGIN, seed=SEED, at=AT)
    logs = logs_of(postgres_logs)
    logs.append(SITE, [record()], expected_size=0)
    with psycopg.connect(database) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT")
        logs.erase(SITE, first=3, end=4, reason=Reason.ERASURE)

        with pytest.raises(UnavailableError, match="2 erased rows are still"):
            postgres_logs.scrub()

    postgres_logs.scrub()


def test_only_the_owner_of_the_tables_scrubs(
    server: Server, database: str, postgres_logs: PostgresLogs
) -> None:
    server.execute("DROP ROLE IF EXISTS writer")
    server.execute("CREATE ROLE writer LOGIN")
    with psycopg.connect(database) as other:
        other.execute("GRANT USAGE ON SCHEMA bandeau TO writer")
        other.execute(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA bandeau "
            "TO writer"
        )
    theirs = PostgresLogs.open(database.replace("bandeau@", "writer@"))

    with pytest.raises(MisconfiguredError, match="belong to another user"):
        theirs.scrub()

    theirs.close()
