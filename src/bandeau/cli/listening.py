"""A server on one port, for every command that serves: it starts, says where, ends well.

The port is taken before anything starts, so that whoever cannot have it hears so in one
sentence. No line is logged for a request: it would hold an address.
"""

import errno
import signal
import socket
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from bandeau.cli.terminal import console, print_line
from bandeau.errors import BandeauError, MisconfiguredError

_GRACE_SECONDS: Final = 10
_BACKLOG: Final = 2048


@contextmanager
def listening(host: str, port: int) -> Generator[socket.socket]:
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


def address_of(door: socket.socket) -> str:
    host, port = door.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(
    application: Any, door: socket.socket, lines: Sequence[str], *, websockets: bool
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
            # We have none; whether a site behind the gate has is its own business.
            ws="auto" if websockets else "none",
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
def stoppable() -> Generator[None]:
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
