"""Where a store may lie: a path, or the address of a PostgreSQL database.

Pure, and without psycopg: a place is told apart and shown before anything is opened. An
address may hold a password. No message of ours ever does, and none may quote an address
but as `without_password` gives it.
"""

import re
from pathlib import Path

from bandeau.errors import MisconfiguredError

SCHEMES = ("postgresql", "postgres")

# "postgresql://[userspec@][hostspec][/dbname][?paramspec]" -- PostgreSQL, "Connection
# URIs"; everything else with a scheme is a database that we do not keep a store in.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
# From the first colon to the last @: rather too much than half of a password.
_PASSWORD = re.compile(r"(?<=://)([^:@/?#]*):(.*)@", re.DOTALL)
_PARAMETER = re.compile(
    r"(?<=[?&])((?:ssl)?password|oauth_client_secret)=[^&]*&?", re.IGNORECASE
)
# Reserved in a URI (RFC 3986, section 2.2): libpq would end the password there, take the
# rest for a host, and quote it in its messages.
_RESERVED = re.compile(r"[@/?#\s]")


def is_address(place: Path | str) -> bool:
    """Whether a place is a database's address and no path.

    Raises:
        MisconfiguredError: it is an address of a kind that we keep no store in, or one
            in which the password does not end where it seems to.
    """
    if isinstance(place, Path):
        return False
    scheme = _SCHEME.match(place)
    if scheme is None:
        return False
    if scheme[1] not in SCHEMES:
        raise MisconfiguredError(
            f"A store cannot lie in {scheme[1]}://.",
            hint="Name a folder, or a database as postgresql://USER@HOST/DATABASE.",
        )
    password = _PASSWORD.search(place)
    if password is not None and _RESERVED.search(password[2]):
        raise MisconfiguredError(
            "The address of the store cannot be read: it holds an @ or a / too many.",
            hint="Write %40 for an @ in the password, %2F for a /, %3F for a ?, and "
            "%23 for a #; or keep the password in ~/.pgpass or PGPASSWORD.",
        )
    return True


def without_password(address: str) -> str:
    """The address as it may be shown."""
    shown = _PASSWORD.sub(r"\1@", address)
    return _PARAMETER.sub("", shown).rstrip("?&")
