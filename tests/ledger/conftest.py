"""Records and stores that the tests of the ledger share."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bandeau.ledger.record import Kind, Record, new_request_key, record_body
from bandeau.ledger.sqlite import SqliteStore
from bandeau.ledger.store import Store

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


# One line for each implementation.
STORES: dict[str, Callable[[Path], Store]] = {
    "sqlite": lambda folder: SqliteStore.create(folder / "store"),
}


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of each kind, with one site in it."""
    store = STORES[request.param](tmp_path)
    store.add_site(SITE)
    yield store
    store.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore.create(tmp_path / "store")
    store.add_site(SITE)
    yield store
    store.close()
