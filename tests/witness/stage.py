"""Real HTTP for tests: one server for all of them, each application under its own path.

A server takes tenths of a second to start and to end, and a witness may have any address.
"""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import uvicorn


class Told(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class _Stage(uvicorn.Server):
    def __init__(self) -> None:
        super().__init__(
            uvicorn.Config(
                self.play,
                interface="asgi3",
                port=0,
                lifespan="off",
                log_config=None,
                timeout_graceful_shutdown=1,
            )
        )
        self.applications: dict[str, Any] = {}
        self.numbers = itertools.count(1)
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.serve()))

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def play(self, scope: Any, receive: Any, send: Any) -> None:
        root = "/" + scope["path"].split("/")[1]
        await self.applications[root]({**scope, "root_path": root}, receive, send)


_stage: list[_Stage] = []


@contextmanager
def served(application: Any) -> Iterator[str]:
    """Serve an application; its address."""
    if not _stage:
        _stage.append(_Stage())
        _stage[0].thread.start()
        assert _stage[0].ready.wait(5)
    stage = _stage[0]
    root = f"/{next(stage.numbers)}"
    stage.applications[root] = application
    port = stage.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}{root}"
    finally:
        del stage.applications[root]


def end() -> None:
    while _stage:
        stage = _stage.pop()
        stage.should_exit = True
        stage.thread.join()


def ask(address: str, method: str, path: str, body: bytes | None = None) -> Told:
    where = urlsplit(address)
    connection = HTTPConnection(where.netloc, timeout=5)
    try:
        connection.request(method, where.path + path, body)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Told(response.status, headers, response.read())
    finally:
        connection.close()


def post(address: str, body: bytes) -> Told:
    return ask(address, "POST", "/add-checkpoint", body)
