"""The witness as one ASGI application.

    POST /add-checkpoint            cosign, or say why not
    GET  /<origin hash>/checkpoint  what was cosigned last, for monitors
    GET  /                          who this is and where every log stands
    GET  /healthz                   200 where something could be cosigned now

Nobody has to say who they are: what counts is the log's signature. No address is kept or
logged. Starlette routes it, because a log comes by every few minutes.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from time import time
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bandeau.errors import UnavailableError
from bandeau.ledger.note import Checkpoint, Signature
from bandeau.ledger.witnessing import (
    ADD_CHECKPOINT,
    LONGEST_BODY,
    TEXT_TYPE,
    Refusal,
    Submission,
    admit,
    origin_hash,
    write_cosignatures,
)
from bandeau.witness.settings import Settings
from bandeau.witness.store import WitnessStore

MOST_AT_ONCE: Final = 64
BODY_WITHIN_SECONDS: Final = 10.0

_MOST_FORKS: Final = 1000

_log = logging.getLogger("bandeau.witness")

_DETAILS: Final = {
    404: "There is nothing at this address.",
    405: "This address is not answered that way.",
}


def seconds_now() -> int:
    return int(time())


class Witness:
    """Serves one witness; the store is its owner's to close.

    Several, in any number of processes, may share a store.
    """

    def __init__(
        self,
        settings: Settings,
        store: WitnessStore,
        *,
        clock: Callable[[], int] = seconds_now,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._at_once = 0
        self._forks: set[Checkpoint] = set()
        self._routes = Starlette(
            routes=[
                Route(f"/{ADD_CHECKPOINT}", self._add_checkpoint, methods=["POST"]),
                Route("/{hash}/checkpoint", self._checkpoint),
                Route("/", self._page),
                Route("/healthz", self._health),
            ],
            exception_handlers={
                HTTPException: _refused,
                UnavailableError: _unavailable,
                ClientDisconnect: _gone,
            },
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._routes(scope, receive, send)

    async def _add_checkpoint(self, request: Request) -> Response:
        body = await _whole_body(request)
        # Whoever is slow to send a body keeps nobody else from being decided on.
        if self._at_once >= MOST_AT_ONCE:
            raise UnavailableError("Too many ask at once.", retry_after=5)
        self._at_once += 1
        try:
            decision = await asyncio.to_thread(self._decide, body)
        finally:
            self._at_once -= 1
        if isinstance(decision, Refusal):
            return _text(decision.status, decision.body, decision.media_type)
        return _text(200, write_cosignatures(decision))

    def _decide(self, body: bytes) -> tuple[Signature, ...] | Refusal:
        submission = admit(body, self._settings.logs)
        if isinstance(submission, Refusal):
            return submission
        decision = self._store.cosign(submission, self._sign, self._clock)
        if isinstance(decision, Refusal) and decision.is_fork:
            self._keep_evidence(submission)
        return decision

    def _keep_evidence(self, submission: Submission) -> None:
        """Log what a log has signed against its own word, once.

        "the witness MAY log the request […] as it might be proof of log misbehavior" --
        tlog-witness. These are the log's own public words, verified, and nothing about
        who brought them.
        """
        checkpoint = submission.checkpoint
        if checkpoint in self._forks or len(self._forks) >= _MOST_FORKS:
            return
        self._forks.add(checkpoint)
        lines = "".join([signature.line for signature in submission.signatures])
        _log.error(
            "Not cosigned, and worth keeping: another tree of this size was cosigned "
            "before: %r",
            f"{checkpoint.text}\n{lines}",
        )

    def _sign(self, checkpoint: Checkpoint, at: int) -> list[Signature]:
        # What we understood, spelt anew, and not the bytes that came: if the two ever
        # differed, the signature would hold for what was judged.
        return [key.sign(checkpoint.text, at=at) for key in self._settings.keys]

    async def _checkpoint(self, request: Request) -> Response:
        note = await asyncio.to_thread(self._store.note, request.path_params["hash"])
        if note is None:
            raise HTTPException(404, "No checkpoint of this log was cosigned here.")
        response = _text(200, note)
        response.headers["access-control-allow-origin"] = "*"
        return response

    async def _page(self, request: Request) -> Response:
        every = await asyncio.to_thread(self._store.every)
        cosigned = {one.origin: one for one in every}
        keys = "".join(
            f"<li><code>{escape(key.verifier.text)}</code>"
            for key in self._settings.keys
        )
        rows: list[str] = []
        for origin in sorted({*self._settings.logs, *cosigned}):
            last = cosigned.get(origin)
            size, at = (f"{last.size:,}", _minute(last.at)) if last else ("", "never")
            name = escape(origin)
            if last:
                name = f'<a href="{origin_hash(origin)}/checkpoint">{name}</a>'
            rows.append(f"<tr><td>{name}<td>{size}<td>{at}")
        name = escape(self._settings.name)
        return HTMLResponse(
            _PAGE.format(name=name, keys=keys, rows="".join(rows)),
            headers={
                "cache-control": "no-store",
                "content-security-policy": "default-src 'none'; "
                "style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
                "x-content-type-options": "nosniff",
            },
        )

    async def _health(self, request: Request) -> Response:
        await asyncio.to_thread(self._store.expect_writable)
        return _text(200, b"ok\n")


_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Witness {name}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; color-scheme: light dark }}
code {{ overflow-wrap: anywhere }}
th, td {{ text-align: start; padding: .2rem 1rem .2rem 0; overflow-wrap: anywhere }}
</style>
<h1>Witness {name}</h1>
<p>It cosigns a checkpoint of a log when it is proved to hold all of what it cosigned
before, and never two different ones of one size (<code>c2sp.org/tlog-witness</code>).
<h2>Keys</h2>
<ul>{keys}</ul>
<h2>Logs</h2>
<table><tr><th>origin<th>entries<th>cosigned {rows}</table>
"""


async def _whole_body(request: Request) -> bytes:
    """The body, if it is not too long and comes in time."""
    body = b""
    try:
        async with asyncio.timeout(BODY_WITHIN_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > LONGEST_BODY:
                    # The rest is not read, so this connection carries no other request.
                    raise HTTPException(
                        413,
                        f"A request has at most {LONGEST_BODY} bytes.",
                        {"connection": "close"},
                    )
    except TimeoutError:
        raise HTTPException(
            408, "The request took too long.", {"connection": "close"}
        ) from None
    return body


def _text(status: int, body: bytes, media_type: str = TEXT_TYPE) -> Response:
    return Response(
        body,
        status,
        {
            "content-type": media_type,
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        },
    )


def _minute(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


# --- what goes wrong ----------------------------------------------------------------


async def _refused(request: Request, wrong: Exception) -> Response:
    assert isinstance(wrong, HTTPException)
    # Starlette's own say no more than the phrase of their status.
    phrase = wrong.detail if wrong.detail.endswith(".") else ""
    said = phrase or _DETAILS.get(wrong.status_code, wrong.detail)
    response = _text(wrong.status_code, f"{said}\n".encode())
    response.headers.update(wrong.headers or {})
    return response


async def _unavailable(request: Request, wrong: Exception) -> Response:
    assert isinstance(wrong, UnavailableError)
    _log.warning("%s", wrong.message)
    response = _text(503, f"{wrong.message}\n".encode())
    response.headers["retry-after"] = str(wrong.retry_after)
    return response


async def _gone(request: Request, wrong: Exception) -> Response:
    # Nobody is left to read this.
    return Response(status_code=400)
