"""What several commands take in the same words, and how it is read."""

import re
from pathlib import Path
from typing import Annotated

import typer

from bandeau.errors import MisconfiguredError
from bandeau.ledger.store import Store
from bandeau.locale import catalogues
from bandeau.model.draft import read_notice
from bandeau.model.notices import Notice, decode_notice
from bandeau.regimes import Regime, regime_for

STORE_VARIABLE = "BANDEAU_STORE"

StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        metavar="PLACE",
        envvar=STORE_VARIABLE,
        help="The store: a folder (or file), or postgresql://USER@HOST/DATABASE.",
        show_default=False,
    ),
]
MaybeStoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="PLACE",
        envvar=STORE_VARIABLE,
        help="The store: a folder (or file), or postgresql://USER@HOST/DATABASE.",
        show_default=False,
    ),
]
KEY_VARIABLE = "BANDEAU_KEY"

MaybeKeyOption = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="FILE",
        envvar=KEY_VARIABLE,
        help="The file with the seed of the log's key.",
        show_default=False,
    ),
]
KeyOption = Annotated[
    Path,
    typer.Option(
        "--key",
        metavar="FILE",
        envvar=KEY_VARIABLE,
        help="The file with the seed of the log's key.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CountryOption = Annotated[
    str,
    typer.Option(
        "--country",
        metavar="CODE",
        help="Whose law applies, such as FR (ISO 3166). Without it, the strictest.",
        show_default=False,
    ),
]
NoticeFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="The notice as it is written.")
]


def notice_in(file: Path) -> Notice:
    """The notice that a file would become, or every mistake in it."""
    return read_notice(octets_of(file), catalogues())


def octets_of(
    file: Path, *, hint: str = "`bandeau notice new` writes a first one."
) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise MisconfiguredError(
            f"There is no file {file}.",
            hint=hint,
        ) from None
    except OSError as wrong:
        raise MisconfiguredError(f"{file} cannot be read: {wrong.strerror}.") from None


def write(file: Path, octets: bytes) -> None:
    """Write a file, and the folder that it lies in."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(octets)
    except OSError as wrong:
        raise MisconfiguredError(
            f"{file} cannot be written: {wrong.strerror}.",
            hint="Name a folder that is yours to write in.",
        ) from None


def published_notice(store: Store, beginning: str) -> Notice:
    """The one published notice whose digest begins like this."""
    found = {
        published.digest: published.body
        for site in store.sites()
        for published in store.notices(site)
        if published.digest.startswith(beginning)
    }
    if not found:
        raise MisconfiguredError(
            f"No published notice begins with {beginning!r}.",
            hint="`bandeau notice show` lists them.",
        )
    if len(found) > 1:
        raise MisconfiguredError(
            f"{len(found)} published notices begin with {beginning!r}.",
            hint=f"One of {', '.join(sorted(found))}.",
        )
    return decode_notice(*found.values())


def regime_of(country: str) -> Regime:
    if country and not re.fullmatch("[A-Za-z]{2}", country):
        raise MisconfiguredError(
            f"{country!r} is no country code.",
            hint="Two letters, as in ISO 3166: FR. Without it, the strictest law.",
        )
    return regime_for(country)
