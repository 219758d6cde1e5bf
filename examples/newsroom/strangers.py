"""The paper's third parties: stand-ins that behave as real ones do.

Each answers on a host name of its own, serves scripts, frames, a pixel or a stylesheet,
and sets real third-party cookies. What each part sets is in one table, so that a test
can hold it against `notice.toml`. Nothing here knows of consent: a stand-in that is
asked answers, and every request is written in the journal.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from examples.newsroom.edition import LANGUAGES, preferred_language
from examples.newsroom.journal import Journal, cookie_names

FOLDER = Path(__file__).parent / "strangers"

_DAY = 24 * 60 * 60
_MONTHS_6 = 182 * _DAY
_MONTHS_13 = 395 * _DAY
_YEAR = 365 * _DAY

# 1 by 1, transparent: the smallest GIF there is.
_PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)

_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".gif": "image/gif",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that a stand-in serves, and the cookies it sets: name -> seconds.

    `file` is a template in `strangers/`; empty stands for the pixel.
    """

    file: str = ""
    sets: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """A third party on one host."""

    host: str
    service: str
    name: str
    purposes: tuple[str, ...]
    parts: Mapping[str, Part]
    # What its scripts write in the name of the paper, under the paper's own host.
    writes: tuple[str, ...] = ()


STRANGERS = (
    Stranger(
        host="status.localhost",
        service="vigie",
        name="Vigie",
        purposes=("technical",),
        parts={"/check.js": Part(file="check.js")},
    ),
    Stranger(
        host="metrics.localhost",
        service="plume",
        name="Plume Metrics",
        purposes=("audience",),
        parts={
            "/counter.js": Part(file="counter.js", sets={"_pm_idx": _MONTHS_13}),
            "/pixel.gif": Part(sets={"_pm_idx": _MONTHS_13}),
            "/collect": Part(sets={"_pm_idx": _MONTHS_13}),
        },
        writes=("_pm_id", "_pm_ses", "pm_queue"),
    ),
    Stranger(
        host="social.localhost",
        service="agora",
        name="Agora",
        purposes=("social",),
        parts={
            "/reactions.js": Part(file="reactions.js", sets={"ag_uid": _YEAR}),
            "/reactions.css": Part(file="reactions.css"),
            "/share": Part(file="share.html", sets={"ag_uid": _YEAR}),
        },
    ),
    Stranger(
        host="video.localhost",
        service="lanterne",
        name="Lanterne Vidéo",
        purposes=("social",),
        parts={"/player": Part(file="player.html", sets={"vd_watch": _MONTHS_6})},
    ),
    Stranger(
        host="recommend.localhost",
        service="ricochet",
        name="Ricochet",
        purposes=("content",),
        parts={"/ricochet.js": Part(file="ricochet.js", sets={"rc_uid": _MONTHS_6})},
        writes=("rc_seen",),
    ),
    Stranger(
        host="profiles.localhost",
        service="portrait",
        name="Portrait Graph",
        purposes=("profiling",),
        parts={"/graph.js": Part(file="graph.js", sets={"pg_uid": _YEAR})},
        writes=("pg_topics",),
    ),
    Stranger(
        host="ads.localhost",
        service="admarket",
        name="AdMarket",
        purposes=("profiling", "ads"),
        parts={
            "/slot.js": Part(file="slot.js", sets={"adm_id": _MONTHS_13}),
            "/creative": Part(file="creative.html", sets={"adm_id": _MONTHS_13}),
        },
        writes=("adm_id",),
    ),
    Stranger(
        host="market.localhost",
        service="admarket",
        name="AdMarket",
        purposes=("profiling", "ads"),
        parts={"/match.gif": Part(sets={"adm_match": _MONTHS_13})},
    ),
)


def host_of(scope: Scope) -> str:
    """The name in the `Host` header, small letters, without a port."""
    for name, value in scope["headers"]:
        if name == b"host":
            return value.decode("latin-1").partition(":")[0].lower()
    return ""


BY_HOST = {stranger.host: stranger for stranger in STRANGERS}


class Strangers:
    """An ASGI application for requests to the stand-ins' hosts."""

    def __init__(
        self,
        journal: Journal,
        *,
        now: Callable[[], datetime],
        addresses: Mapping[str, str],
    ) -> None:
        self._journal = journal
        self._now = now
        self._addresses = addresses
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=lambda name: bool(name and name.endswith(".html")),
            undefined=StrictUndefined,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        stranger = BY_HOST[host_of(scope)]
        response = self._answer(stranger, request)
        await response(scope, receive, send)

    def _answer(self, stranger: Stranger, request: Request) -> Response:
        path = request.url.path
        received = cookie_names(request.headers.get("cookie", ""))
        part = stranger.parts.get(path)
        if path == "/privacy":
            part = Part(file="policy.html")
        sets: Mapping[str, int] = part.sets if part else {}
        # A name that came back is kept, as long as its owner keeps it.
        fresh = {name: age for name, age in sets.items() if name not in received}
        self._journal.add(
            at=self._now(),
            host=stranger.host,
            path=path,
            service=stranger.service,
            purposes=stranger.purposes,
            received=received,
            sets=fresh,
        )
        response = self._body(stranger, part, request)
        for name, age in fresh.items():
            response.headers.append("set-cookie", _third_party(name, age))
        response.headers["cache-control"] = "no-store"
        response.headers["cross-origin-resource-policy"] = "cross-origin"
        return response

    def _body(
        self, stranger: Stranger, part: Part | None, request: Request
    ) -> Response:
        if part is None:
            return Response("Not here.\n", 404, media_type="text/plain")
        if request.method not in ("GET", "HEAD", "POST"):
            return Response("Not so.\n", 405, media_type="text/plain")
        if not part.file:
            return Response(_PIXEL, media_type=_TYPES[".gif"])
        text = self._templates.get_template(part.file).render(
            stranger=stranger,
            addresses=self._addresses,
            language=_language(request),
            topic=request.query_params.get("topic", ""),
            slot=request.query_params.get("slot", ""),
            video=request.query_params.get("v", ""),
        )
        return Response(text, headers={"content-type": _TYPES[Path(part.file).suffix]})


def _language(request: Request) -> str:
    asked = request.query_params.get("lang", "")
    if asked in LANGUAGES:
        return asked
    return preferred_language(request.headers.get("accept-language", ""))


def _third_party(name: str, seconds: int) -> str:
    value = secrets.token_hex(8)
    return f"{name}={value}; Path=/; Max-Age={seconds}; SameSite=None; Secure"
