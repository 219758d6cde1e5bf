"""A client that presses buttons: raw HTTP/1.1 on kept connections, nothing else.

    python bench/load.py PORT --digest … --purposes a,b,c     distinct choices
    python bench/load.py PORT --get /bandeau/banner.js        a file

Written as plain as can be, so that it takes little of the machine that it measures. Every
choice is new: its own request key, and of ten visitors six accept and bring an id. Prints
one line of JSON. `Connection` also serves the tests that kill a collector under load.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import cast

try:
    from uvloop import run
except ImportError:
    from asyncio import run

_VIAS = ("first-layer", "settings")


class LostError(Exception):
    """The connection ended before the answer was whole."""


class Connection(asyncio.Protocol):
    """One kept connection; one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, port: int, host: str = "127.0.0.1") -> "Connection":
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, host, port)
        return connection

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a whole request; the status and the body of its answer."""
        if self._transport is None:
            raise LostError
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is a transport without being asyncio's class.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(LostError())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator or self._answer is None:
            return
        lowered = head.lower()
        length = 0
        if b"\r\ncontent-length:" in lowered:
            after = lowered.partition(b"\r\ncontent-length:")[2]
            length = int(after.partition(b"\r\n")[0])
        if len(rest) >= length:
            self._buffer = rest[length:]
            answer, self._answer = self._answer, None
            if not answer.done():
                answer.set_result((int(head[9:12]), rest[:length]))


def new_key() -> str:
    """A time-ordered key, as the banner's script mints one."""
    milliseconds = time.time_ns() // 1_000_000
    return milliseconds.to_bytes(6, "big").hex() + os.urandom(10).hex()


def choice_request(
    digest: str, purposes: Sequence[str], number: int, key: str
) -> bytes:
    """The bytes of one visitor's answer, as a browser sends them."""
    accepts = number % 10 < 6
    body = json.dumps(
        {
            "notice": digest,
            "request": key,
            "via": _VIAS[number % 2],
            "answers": {
                purpose: "accepted" if accepts and place <= number % 5 else "refused"
                for place, purpose in enumerate(purposes)
            },
            "services": "",
            "subject": new_key() if accepts else "",
        }
    ).encode()
    return _HEAD % len(body) + body


# What Chromium sends with a fetch of its own origin.
_HEAD = (
    b"POST /bandeau/choice HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n"
    b"Content-Type: application/json\r\nAccept: */*\r\nOrigin: http://localhost\r\n"
    b"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0\r\n"
    b"Referer: http://localhost/fr/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Accept-Language: fr-FR,fr;q=0.9,en;q=0.8\r\nContent-Length: %d\r\n\r\n"
)
_GET = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\nAccept: */*\r\n"
    b"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0\r\n"
    b"Referer: http://localhost/fr/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Accept-Language: fr-FR,fr;q=0.9,en;q=0.8\r\n%s\r\n"
)


async def drive(
    port: int, connections: int, seconds: float, requests: Callable[[int], bytes]
) -> dict[str, object]:
    """Keep that many connections busy for that long; what came of it."""
    statuses = Counter[int]()
    took: list[float] = []
    numbers = iter(range(1 << 60))
    end = time.perf_counter() + seconds

    async def one() -> None:
        connection = await Connection.open(port)
        while (start := time.perf_counter()) < end:
            status, _ = await connection.ask(requests(next(numbers)))
            took.append(time.perf_counter() - start)
            statuses[status] += 1
        connection.close()

    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    elapsed = time.perf_counter() - start
    cuts = statistics.quantiles(took, n=100)
    return {
        "count": len(took),
        "per_second": len(took) / elapsed,
        "p50_ms": cuts[49] * 1000,
        "p99_ms": cuts[98] * 1000,
        "statuses": statuses,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--digest", default="")
    parser.add_argument("--purposes", default="")
    parser.add_argument("--get", default="")
    parser.add_argument("--post", default="", help="a form, posted to this path")
    parser.add_argument("--known", default="", help="an ETag that the browser has")
    given = parser.parse_args()

    if given.get:
        known = f"If-None-Match: {given.known}\r\n" if given.known else ""
        same = _GET % (given.get.encode(), known.encode())

        def requests(number: int) -> bytes:
            return same

    elif given.post:
        same = (
            _HEAD.replace(b"/bandeau/choice", given.post.encode(), 1).replace(
                b"application/json", b"application/x-www-form-urlencoded", 1
            )
            % 0
        )

        def requests(number: int) -> bytes:
            return same

    else:
        purposes = given.purposes.split(",")

        def requests(number: int) -> bytes:
            return choice_request(given.digest, purposes, number, new_key())

    print(
        json.dumps(run(drive(given.port, given.connections, given.seconds, requests)))
    )


if __name__ == "__main__":
    main()
