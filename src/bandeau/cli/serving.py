"""`bandeau serve`: the collector, and a site behind the gate if wanted, on one port."""

import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bandeau.cli.listening import address_of, listening, run, stoppable
from bandeau.cli.options import (
    CountryOption,
    MaybeKeyOption,
    StoreOption,
    regime_of,
)
from bandeau.cli.terminal import print_note
from bandeau.errors import MisconfiguredError
from bandeau.ledger.addresses import without_password
from bandeau.ledger.keys import read_seed_file
from bandeau.ledger.log import expect_no_log
from bandeau.ledger.places import open_store
from bandeau.ledger.store import Store
from bandeau.regimes import Regime

# Each costs some tenths of a second, which the other commands need not wait for.
if TYPE_CHECKING:
    from bandeau.collector import Collector
    from bandeau.site import Site


class Mode(Enum):
    """How a site's pages are served; the gate knows what it means."""

    PERSONAL = "personal"
    UNIFORM = "uniform"


def serve(
    *,
    store: StoreOption,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=65535, help="The port; 0 takes any free one."
        ),
    ] = 8010,
    country: CountryOption = "",
    key: MaybeKeyOption = None,
    site: Annotated[
        str,
        typer.Option(
            metavar="MODULE:APP",
            help="An ASGI application to put behind the gate.",
            show_default=False,
        ),
    ] = "",
    mode: Annotated[
        Mode,
        typer.Option(
            help="With --site: leave out what is not accepted, or send everybody the "
            "same bytes."
        ),
    ] = Mode.PERSONAL,
    only: Annotated[
        str,
        typer.Option(
            metavar="ID", help="The one site of the store to serve.", show_default=False
        ),
    ] = "",
) -> None:
    """Take visitors' answers and serve the banner.

    Until Ctrl-C or SIGTERM, which end it well. With --site, the application's pages
    are served too: what was not accepted is held back in them, and the banner is put
    in. A site that has a log needs --key.

    Behind another web server, pass on /bandeau/ and /.well-known/gpc.json.
    """
    regime = regime_of(country)
    with stoppable():
        opened = open_store(store)
        try:
            _expect_published(opened, only, store)
            with listening(host, port) as door:
                address = address_of(door)
                if site:
                    lines = [f"site: {address}/"]
                    application = _gated(site, opened, mode, country, only, key)
                else:
                    lines = []
                    application = _collector(opened, regime, only, key)
                lines = [f"collector: {address}/bandeau/", *lines]
                run(application, door, lines, websockets=bool(site))
        finally:
            opened.close()


# --- before -------------------------------------------------------------------------


def _expect_published(store: Store, only: str, place: str) -> None:
    sites = store.sites()
    if only and only not in sites:
        raise MisconfiguredError(
            f"The store has no site called {only!r}.",
            hint=f"Its sites: {', '.join(sites) or 'none yet'}.",
        )
    if not sites:
        print_note(
            "Nothing is published yet; what you publish is served at once.\n"
            f"Hint: bandeau notice publish notice.toml --store {without_password(place)}"
        )


# --- what is served -----------------------------------------------------------------


def _collector(
    store: Store, regime: Regime, only: str, key: Path | None
) -> "Collector":
    from bandeau.collector import Collector

    seed = None if key is None else read_seed_file(key)
    if seed is None:
        expect_no_log(store, [only] if only else store.sites())
    return Collector(store, site=only or None, regime=regime, seed=seed)


def _gated(
    name: str, store: Store, mode: Mode, country: str, only: str, key: Path | None
) -> "Site":
    from uvicorn.importer import ImportFromStringError, import_from_string

    from bandeau.site import Site

    # As `python -m` does: what lies where the command is given can be imported.
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        application: Any = import_from_string(name)
    except ImportFromStringError as wrong:
        raise MisconfiguredError(
            str(wrong),
            hint="Write MODULE:APP, as it can be imported from this folder.",
        ) from None
    return Site(
        application,
        store,
        mode=mode.value,
        country=country,
        site=only or None,
        key=key,
    )
