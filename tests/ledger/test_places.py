"""A store is named by a path or an address; passwords are never shown."""

import sys
from pathlib import Path

import pytest

from bandeau.errors import MisconfiguredError, StoreMissingError
from bandeau.ledger.addresses import is_address, without_password
from bandeau.ledger.places import create_store, open_store, store_name
from bandeau.ledger.sqlite import FILE_NAME, SqliteStore


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://bandeau@db.example/bandeau",
        "postgres://db.example/bandeau",
        "postgresql:///bandeau",
        "postgresql://a@one,two:5433/b?target_session_attrs=read-write",
        "postgresql://a:p%40ss@h/b",
    ],
)
def test_an_address_is_known_by_its_scheme(address: str) -> None:
    assert is_address(address)


@pytest.mark.parametrize(
    "place", ["bandeau-data", "./postgresql", "/srv/postgresql:/x", "C:\\data", "a:b@c"]
)
def test_a_path_is_no_address(place: str) -> None:
    assert not is_address(place)
    assert not is_address(Path(place))


def test_a_path_opens_and_creates_a_file(tmp_path: Path) -> None:
    for place in (tmp_path / "one", str(tmp_path / "two")):
        with pytest.raises(StoreMissingError):
            open_store(place)

        create_store(place).close()
        store = open_store(place)

        assert isinstance(store, SqliteStore)
        assert store_name(place) == str(Path(place) / FILE_NAME)
        store.close()


def test_a_database_of_another_kind_is_no_folder() -> None:
    with pytest.raises(MisconfiguredError, match="cannot lie in mysql://") as caught:
        create_store("mysql://bandeau@db/bandeau")

    assert "postgresql://USER@HOST/DATABASE" in caught.value.hint


def test_without_psycopg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("postgres", "postgres_logs"):
        monkeypatch.delitem(sys.modules, f"bandeau.ledger.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(MisconfiguredError, match="needs psycopg") as caught:
        open_store("postgresql://db/bandeau")

    assert 'pip install "bandeau[postgres]"' in caught.value.hint


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://u:secret@h:1/d?x=1", "postgresql://u@h:1/d?x=1"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql://h:5432/d", "postgresql://h:5432/d"),
        ("postgresql://:secret@h/d", "postgresql://@h/d"),
        ("postgresql://u:secret@one:1,two:2/d", "postgresql://u@one:1,two:2/d"),
        ("postgresql:///d?user=u&password=secret", "postgresql:///d?user=u"),
        ("postgresql:///d?password=secret&user=u", "postgresql:///d?user=u"),
        ("postgresql:///d?sslpassword=secret", "postgresql:///d"),
        # What nobody should write, and half of it is not shown either.
        ("postgresql://u:sec@ret@h/d", "postgresql://u@h/d"),
        ("postgresql://u:sec/ret@h/d", "postgresql://u@h/d"),
        ("bandeau-data", "bandeau-data"),
    ],
)
def test_a_password_is_not_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown


@pytest.mark.parametrize("password", ["sec@ret", "sec/ret", "sec?ret", "sec#ret"])
def test_a_password_that_does_not_end_where_it_seems_to_is_refused(
    password: str,
) -> None:
    with pytest.raises(MisconfiguredError, match="cannot be read") as caught:
        open_store(f"postgresql://u:{password}@h/d")

    assert "ret" not in str(caught.value)
    assert "%40" in caught.value.hint
