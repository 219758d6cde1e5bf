"""The store at a place: SQLite in a folder, PostgreSQL at an address.

Whatever a person names (`--store`, `BANDEAU_STORE`, `Site(store=…)`) comes through here;
whoever already knows what they have takes `SqliteLogs` or `PostgresLogs` itself.
psycopg is imported when somebody names a database, and not before.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from bandeau.errors import MisconfiguredError
from bandeau.ledger.addresses import is_address, without_password
from bandeau.ledger.logs import LogStore
from bandeau.ledger.sqlite import store_file
from bandeau.ledger.sqlite_logs import SqliteLogs
from bandeau.ledger.store import Store

if TYPE_CHECKING:
    from bandeau.ledger.postgres_logs import PostgresLogs


def open_store(place: Path | str) -> Store:
    """Open the store that is there.

    Raises:
        StoreMissingError: there is none; `create_store` makes one.
    """
    if is_address(place):
        return _postgres().open(str(place))
    return SqliteLogs.open(place)


def open_logs(place: Path | str) -> LogStore:
    """Open the store that is there, with the logs that it keeps.

    Raises:
        StoreMissingError: there is none; `create_store` makes one.
    """
    if is_address(place):
        return _postgres().open(str(place))
    return SqliteLogs.open(place)


def create_store(place: Path | str) -> Store:
    """Make a store where there is none, then open it; one that is there stays as is."""
    if is_address(place):
        return _postgres().create(str(place))
    return SqliteLogs.create(place)


def store_name(place: Path | str) -> str:
    """A place in words for people: a file, or an address without its password."""
    return without_password(str(place)) if is_address(place) else str(store_file(place))


def _postgres() -> "type[PostgresLogs]":
    try:
        from bandeau.ledger.postgres_logs import PostgresLogs
    except ImportError as error:
        raise MisconfiguredError(
            "A store in PostgreSQL needs psycopg, and it is not installed.",
            hint='pip install "bandeau[postgres]"',
        ) from error
    return PostgresLogs
