"""Starts the newsroom: one process, one port, a store in a folder of its own.

    python -m examples.newsroom [--port N] [--data DIR] [--without-bandeau]

This is the edge: it reads the clock, opens sockets, and cleans up. Ctrl-C and SIGTERM
end it at once, watchers of /what-happened included.
"""

import argparse
import errno
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from examples.newsroom.app import NOTICE, Newsroom, newsroom

ORIGIN = "courrier.example/bandeau/log/demo"
KEY = "log.seed"

_BACKLOG = 256
_STOP_SECONDS = 2


class PortError(Exception):
    """The port cannot be had; the message says which, and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    # Asked to stop, Python would die without cleaning up; this way it unwinds.
    signal.signal(signal.SIGTERM, _leave)
    try:
        sockets = listen(options.port)
    except PortError as taken:
        print(f"newsroom: {taken}", file=sys.stderr)
        return 1
    port: int = sockets[0].getsockname()[1]
    folder, temporary = _folder(options.data)
    try:
        gated = _ungated if options.without_bandeau else _gated(folder, port)
        site = newsroom(port, gated=gated)
        Server(site, port, _lines(port, folder, options)).run(sockets=sockets)
    except KeyboardInterrupt:
        pass  # uvicorn has stopped by now, and passes on how it was asked to
    finally:
        for one in sockets:
            one.close()
        if temporary:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="newsroom", description="A small news site to see Bandeau in."
    )
    parser.add_argument(
        "--port", type=_port, default=8000, help="0 takes any free one (default 8000)"
    )
    parser.add_argument(
        "--data", type=Path, help="keep the records here (default: a fresh folder)"
    )
    parser.add_argument(
        "--without-bandeau",
        action="store_true",
        help="the same site with nobody asking: every third party runs",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _leave(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _folder(wanted: Path | None) -> tuple[Path, bool]:
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="bandeau-newsroom-")), True
    wanted.mkdir(parents=True, exist_ok=True)
    return wanted, False


def _ungated(pages: ASGIApp) -> ASGIApp:
    return pages


def _gated(folder: Path, port: int) -> Callable[[ASGIApp], ASGIApp]:
    from bandeau.ledger.keys import new_seed_file
    from bandeau.ledger.log import create_log
    from bandeau.ledger.places import open_logs
    from bandeau.site import Site, publish_file

    # The stand-ins' own pages are on our port; the notice in the source knows none.
    notice = folder / "notice.toml"
    text = NOTICE.read_text("utf-8").replace(".localhost/", f".localhost:{port}/")
    notice.write_text(text, "utf-8")
    publish_file(folder, notice)
    # A demo may do by itself what a real site does once, by hand: `bandeau ledger`.
    key = folder / KEY
    store = open_logs(folder)
    try:
        (site,) = store.sites()
        if not store.logs(site):
            seed = new_seed_file(key)
            create_log(store, site, ORIGIN, seed=seed, at=int(time.time()))
    finally:
        store.close()
    return lambda pages: Site(
        pages, store=folder, mode="personal", country="FR", key=key
    )


def listen(port: int) -> list[socket.socket]:
    """Take the port on both loopback addresses: `localhost` may mean either.

    Raises:
        PortError: somebody else has it on one of them.
    """
    first = _bind(socket.AF_INET, "127.0.0.1", port)
    taken = [first]
    try:
        taken.append(_bind(socket.AF_INET6, "::1", first.getsockname()[1]))
    except PortError:
        first.close()
        raise
    except OSError:
        pass  # a machine without IPv6
    return taken


def _bind(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name != "nt":  # there it would let two programs share the port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
        bound.listen(_BACKLOG)
    except OSError as wrong:
        bound.close()
        if wrong.errno == errno.EADDRINUSE:
            raise PortError(
                f"port {port} is already in use; --port 0 takes any free one."
            ) from wrong
        if wrong.errno == errno.EACCES:
            raise PortError(
                f"port {port} needs rights we do not have; --port 0 takes a free one."
            ) from wrong
        raise
    return bound


def _lines(port: int, folder: Path, options: argparse.Namespace) -> tuple[str, ...]:
    home = f"http://localhost:{port}/"
    if options.without_bandeau:
        records = "nobody is asked, nothing is recorded (--without-bandeau)"
    else:
        records = f"bandeau records --store {folder}"
    return (
        f"newsroom: {home}",
        f"what happened: {home}what-happened",
        f"records: {records}",
        *(() if options.without_bandeau else (_receipts(folder),)),
        "stop: Ctrl-C",
    )


def _receipts(folder: Path) -> str:
    return (
        f"receipt of the first one: bandeau ledger receipt 0 --store {folder} "
        "--out receipt.tlog-proof"
    )


def _has_desktop() -> bool:
    if not sys.stdout.isatty():
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Server(uvicorn.Server):
    """Says where it is once it answers, and stops without waiting for watchers."""

    def __init__(self, site: Newsroom, port: int, lines: Sequence[str]) -> None:
        super().__init__(
            uvicorn.Config(
                site,
                log_level="warning",
                access_log=False,  # it would hold addresses
                server_header=False,
                timeout_graceful_shutdown=_STOP_SECONDS,
            )
        )
        self._site = site
        self._port = port
        self._lines = lines

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.should_exit:
            return
        print("\n".join(self._lines), flush=True)
        if _has_desktop():
            webbrowser.open(f"http://localhost:{self._port}/")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Before uvicorn waits for open answers: a stream of events ends only by this.
        self._site.journal.close()
        await super().shutdown(sockets)


if __name__ == "__main__":
    sys.exit(main())
