"""One request as plain ASGI gives it, read as far as an answer needs. No framework here.

Only what a decision needs is looked at; an address or a user agent is never read.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from bandeau.collector.problems import Headers, plain

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LONGEST_BODY = 4096


class GoneError(Exception):
    """The browser left before its request was whole."""


def path_of(scope: Scope) -> str:
    """The path within this application, where it is mounted under another one."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    inside = path.removeprefix(root)
    return inside if root and inside.startswith("/") else path


class Sent:
    """The headers of one request; of a repeated one the last counts, cookies are joined.

    HTTP is Latin-1 where it is anything, so decoding never fails.
    """

    __slots__ = ("_last", "_raw")

    def __init__(self, scope: Scope) -> None:
        self._raw: list[tuple[bytes, bytes]] = scope["headers"]
        self._last = dict(self._raw)

    def text(self, name: bytes) -> str:
        return self._last.get(name, b"").decode("latin-1")

    @property
    def cookie(self) -> str:
        # "If there are multiple Cookie header fields after decompression, these MUST be
        # concatenated" -- RFC 9113, section 8.2.3
        if b"cookie" not in self._last:
            return ""
        values = [value for name, value in self._raw if name == b"cookie"]
        return b"; ".join(values).decode("latin-1")


async def whole_body(length: str, receive: Receive) -> bytes:
    """The body, if it is not too long; what is announced as too long is not read.

    Raises:
        ProblemError: 413.
        GoneError: there is nobody left to answer.
    """
    if length.isdecimal() and (len(length) > 9 or int(length) > LONGEST_BODY):
        raise _too_long()
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        body += message.get("body", b"")
        if len(body) > LONGEST_BODY:
            raise _too_long()
        if not message.get("more_body", False):
            return body


def _too_long() -> Exception:
    # The rest of the body is not read, so this connection cannot carry another request.
    detail = f"A choice has at most {LONGEST_BODY} bytes."
    return plain(413, detail, (b"connection", b"close"))


async def answer(
    send: Send, status: int, headers: Headers, body: bytes, *, head: bool = False
) -> None:
    """Send an answer; to HEAD the same headers without the body."""
    start: Message = {
        "type": "http.response.start",
        "status": status,
        # A copy: what wraps us may add to it, and some of our lists serve everybody.
        "headers": list(headers),
    }
    await send(start)
    await send({"type": "http.response.body", "body": b"" if head else body})
