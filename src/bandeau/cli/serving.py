"""`bandeau serve`: the collector, and a site behind the gate if wanted, on one port.

The port is taken before anything starts, so that whoever cannot have it hears so in one
sentence. No line is logged for a request: it would hold an address.
"""

import errno
import signal
import socket
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from bandeau.cli.options import CountryOption, StoreOption, regime_of
from bandeau.cli.terminal import console, print_line, print_note
from bandeau.errors import BandeauError, MisconfiguredError
from bandeau.ledger.addresses import without_password
from bandeau.ledger.places import open_store
from bandeau.ledger.store import Store
from bandeau.regimes import Regime

# Each costs some tenths of a second, which the other commands need not wait for.
if TYPE_CHECKING:
    from bandeau.collector import Collector
    from bandeau.site import Site

_GRACE_SECONDS: Final = 10
_BACKLOG: Final = 2048


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

    Until Ctrl-C or SIGTERM, which end it well. With --site, the application's pages are served too: what was not accepted is held
    back in them, and the banner is put in.

    Behind another web server, pass on /bandeau/ and /.well-known/gpc.json.
    """
    regime = regime_of(country)
    with _stoppable():
        opened = open_store(store)
        try:
            _expect_published(opened, only, store)
            with _listening(host, port) as door:
                address = _address(door)
                if site:
                    lines = [f"site: {address}/"]
                    application = _gated(site, opened, mode, country, only)
                else:
                    lines = []
                    application = _collector(opened, regime, only)
                lines = [f"collector: {address}/bandeau/", *lines]
                _run(application, door, lines, gated=bool(site))
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


@contextmanager
def _listening(host: str, port: int) -> Generator[socket.socket]:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        door = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as wrong:
        problem, hint = _TROUBLE.get(
            wrong.errno or 0,
            (f"cannot be taken: {wrong.strerror}", "Name another with --host."),
        )
        raise MisconfiguredError(
            f"Port {port} of {host} {problem}.", hint=hint
        ) from None
    with door:
        yield door


_TROUBLE: Final = {
    errno.EADDRINUSE: (
        "is taken",
        "End what listens there, or name another with --port; 0 takes any free one.",
    ),
    errno.EADDRNOTAVAIL: (
        "cannot be taken: the address is none of this machine's",
        "Name another with --host; 127.0.0.1 is for this machine alone.",
    ),
    errno.EACCES: (
        "is for programs with more rights",
        "Name one above 1023 with --port, and let a web server pass requests on to it.",
    ),
}


def _address(door: socket.socket) -> str:
    host, port = door.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


# --- what is served -----------------------------------------------------------------


def _collector(store: Store, regime: Regime, only: str) -> "Collector":
    from bandeau.collector import Collector

    return Collector(store, site=only or None, regime=regime)


def _gated(name: str, store: Store, mode: Mode, country: str, only: str) -> "Site":
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
    return Site(application, store, mode=mode.value, country=country, site=only or None)


# --- serving ------------------------------------------------------------------------


def _run(
    application: Any, door: socket.socket, lines: Sequence[str], *, gated: bool
) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                # Now, and not before: whoever reads this line may send a request.
                for line in lines:
                    print_line(line)
                sys.stdout.flush()

    screen = console(stderr=True)
    server = Server(
        uvicorn.Config(
            application,
            lifespan="on",
            # The collector has none; whether a site has is its own business.
            ws="auto" if gated else "none",
            log_level="warning",
            access_log=False,
            server_header=False,
            # Nobody's word about addresses is believed here, and nobody's is needed.
            proxy_headers=False,
            use_colors=screen.is_terminal and not screen.no_color,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
    server.run(sockets=[door])
    if not server.started:
        raise BandeauError(
            "The application did not start.", hint="What it said stands above."
        )


@contextmanager
def _stoppable() -> Generator[None]:
    """Ctrl-C and SIGTERM end the command well: everything is closed, exit code 0.

    While uvicorn runs it takes the signals itself, ends gracefully, and then sends them
    again to whoever had them before, which is us.
    """

    def stop(*_: object) -> None:
        raise SystemExit(0)

    before = {each: signal.signal(each, stop) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
