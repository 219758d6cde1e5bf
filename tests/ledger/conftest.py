"""Records and stores that the tests of the ledger share."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bandeau.ledger.places import create_store, open_store
from bandeau.ledger.record import Kind, Record, new_request_key, record_body
from bandeau.ledger.sqlite import SqliteStore
from bandeau.ledger.sqlite_logs import SqliteLogs
from bandeau.ledger.store import Store
from tests.postgres import ADVICE, Server, find

if TYPE_CHECKING:
    from bandeau.ledger.postgres import PostgresStore
    from bandeau.ledger.postgres_logs import PostgresLogs

SITE = "newsroom"
DAY = 20_781

_counter = itertools.count(1)


def make_record(
    *, subject: bytes | None = None, kind: Kind = "refused", day: int = DAY
) -> Record:
    """A record that no other equals; its keys are ordered as it was made."""
    number = next(_counter)
    request = new_request_key(1_795_400_000_000 + number, number.to_bytes(10, "big"))
    body = record_body(
        site=SITE,
        at=day * 86_400,
        notice="n" * 43,
        answers="nn-",
        via="first-layer",
        request=request,
        subject=subject,
    )
    return Record(request=request, subject=subject, body=body, day=day, kind=kind)


@pytest.fixture
def new_record() -> Callable[..., Record]:
    return make_record


# One line for each implementation; the fixture of that name makes an empty store.
STORES = [
    pytest.param("new_sqlite", id="sqlite"),
    pytest.param(
        "new_postgres",
        id="postgres",
        # The first one waits for the server to start.
        marks=[pytest.mark.postgres, pytest.mark.timeout(60)],
    ),
]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store of each kind, with one site in it."""
    store: Store = request.getfixturevalue(request.param)
    store.add_site(SITE)
    yield store
    store.close()


@pytest.fixture
def new_sqlite(tmp_path: Path) -> SqliteStore:
    return SqliteStore.create(tmp_path / "store")


@pytest.fixture
def new_postgres(database: str) -> Store:
    return open_store(database)


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore.create(tmp_path / "store")
    store.add_site(SITE)
    yield store
    store.close()


@pytest.fixture
def sqlite_logs(tmp_path: Path) -> Iterator[SqliteLogs]:
    store = SqliteLogs.create(tmp_path / "store")
    yield store
    store.close()


# A database for each test


@pytest.fixture(scope="session")
def empty_ledger(server: Server) -> str:
    """The name of a database with an empty store in it, to be copied."""
    server.execute("CREATE DATABASE empty_ledger")
    create_store(server.address("empty_ledger")).close()
    return "empty_ledger"


@pytest.fixture
def database(server: Server, empty_ledger: str) -> Iterator[str]:
    """The address of a database with an empty store in it."""
    with server.database(template=empty_ledger) as address:
        yield address


@pytest.fixture
def postgres_store(database: str) -> "Iterator[PostgresStore]":
    from bandeau.ledger.postgres import PostgresStore

    store = PostgresStore.open(database)
    store.add_site(SITE)
    yield store
    store.close()


@pytest.fixture
def postgres_logs(database: str) -> "Iterator[PostgresLogs]":
    from bandeau.ledger.postgres_logs import PostgresLogs

    store = PostgresLogs.open(database)
    yield store
    store.close()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that a test may stop and kill."""
    if find() is None:
        pytest.skip(ADVICE)
    with Server() as server:
        yield server
