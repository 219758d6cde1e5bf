"""One request and its response at the gate: headers and bytes in, headers and bytes out.

Pure, so that every integration, sync or async, applies the same decisions.
"""

import hashlib
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from bandeau.errors import BandeauError
from bandeau.gate import cookies, pages, policy
from bandeau.gate.links import held_links
from bandeau.gate.plan import Mode, Plan
from bandeau.gate.rewrite import language_of, rewrite_page
from bandeau.gate.urls import Page, host_of
from bandeau.model.choices import Choice
from bandeau.model.notices import Notice

Header = tuple[bytes, bytes]
# (language) to (head, body, the hashes of what they inline).
BannerParts = Callable[[str], tuple[str, str, policy.Inlined]]

_POLICIES = (b"content-security-policy", b"content-security-policy-report-only")
# True of the application's bytes only. And without Last-Modified a browser never asks
# whether a page changed since a time at which the visitor had answered otherwise.
_OF_THE_BYTES = frozenset(
    b"content-length content-encoding content-type last-modified accept-ranges "
    b"content-md5 digest content-digest repr-digest".split()
)
# What would let a page answer without its bytes, or with some of them.
_SHORT_CUTS = (b"accept-encoding", b"if-modified-since", b"range", b"if-range")
_SHARED = re.compile(r"public|s-maxage\s*=.*", re.IGNORECASE)
_TAG = re.compile(rb'(?:W/)?"([^"]*)"')


class PageError(BandeauError):
    """A page cannot be rewritten, and must not go out as it is."""


class Kind(Enum):
    """What the integration does with a response body."""

    THROUGH = "let it through as it comes"
    PAGE = "collect it and have it rewritten"


@dataclass(slots=True, kw_only=True)
class Visitor:
    """What server-side code asks before it acts for a purpose."""

    notice: Notice
    choice: Choice
    plan: Plan
    consulted: bool = False  # set when asked: from then the response is this visitor's

    def allows(self, purpose_id: str) -> bool:
        self.consulted = True
        return self.plan.verdicts.allows(purpose_id)

    def allows_service(self, service_id: str) -> bool:
        self.consulted = True
        return self.plan.verdicts.allows_service(service_id)

    @property
    def answers(self) -> Mapping[str, str]:
        self.consulted = True
        return MappingProxyType({p: a.value for p, a in self.choice.answers.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A visitor's one request."""

    visitor: Visitor
    host: str
    method: str
    request: Mapping[str, Sequence[str]]
    banner: BannerParts
    report: Callable[[str, str], None]
    largest_page: int
    _cookie: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_cookie", "; ".join(self.request.get("cookie", ())))

    @property
    def asks_for_page(self) -> bool:
        return "html" in ",".join(self.request.get("accept", ())).lower()

    # ------------------------------------------------------------ the request

    def request_headers(self, headers: Iterable[Header]) -> list[Header]:
        """What the application gets: no refused cookie, nothing that hides a page."""
        visitor, kept = self.visitor, list[Header]()
        for header in headers:
            name, value = header[0].lower(), header[1]
            if name == b"cookie":
                value = cookies.without_refused(
                    value.decode("latin-1"), visitor.notice, visitor.plan.verdicts
                ).encode("latin-1")
            elif name == b"if-none-match":
                value = self._upstream_tags(value)
            elif self.asks_for_page and name in _SHORT_CUTS:
                continue
            if value or header[1] == value:
                kept.append((header[0], value))
        return kept

    def _upstream_tags(self, value: bytes) -> bytes:
        """Entity tags as the application knows them; another variant's are dropped."""
        tags = _TAG.findall(value)
        ours = b"~" + self._variant()
        known = [tag.removesuffix(ours) for tag in tags if tag.endswith(ours)]
        if not self.asks_for_page:
            return value if not known else b", ".join(map(_both_tags, known))
        return b", ".join(map(_both_tags, known))

    def _variant(self) -> bytes:
        """Names what pages are rewritten with: notice, mode and, if personal, answers."""
        visitor = self.visitor
        parts = [visitor.notice.digest, visitor.plan.mode.value]
        if visitor.plan.mode is Mode.PERSONAL:
            verdicts = visitor.plan.verdicts
            parts += [visitor.choice.letters, repr({**visitor.choice.services})]
            parts += [id_ for id_, v in verdicts.purposes.items() if v.allowed]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12].encode()

    # ------------------------------------------------------------ the response

    def kind(self, status: int, headers: Iterable[Header]) -> Kind:
        """What to do with the body of a response."""
        if self.method == "HEAD" or status in {204, 304} or status < 200:
            return Kind.THROUGH
        types = values_of(headers).get("content-type", [])
        page = pages.is_page(types) or pages.is_sniffed(types)
        return Kind.PAGE if page else Kind.THROUGH

    def headers(self, status: int, headers: Iterable[Header]) -> list[Header]:
        """The headers of a response that goes through, a page's without a body too."""
        given = list(headers)
        types = values_of(given).get("content-type", [])
        # A 304 carries no type; that a page is meant shows in what was asked for.
        if pages.is_page(types) or (status == 304 and self.asks_for_page):
            kind = [h for h in given if h[0].lower() == b"content-type"]
            _, _, ours = self.banner(self.visitor.notice.languages[0])
            return [*self._page_headers(self._checked(given, page=True), ours), *kind]
        return self._checked(given, page=False)

    def page(
        self, status: int, headers: Iterable[Header], raw: bytes
    ) -> tuple[list[Header], bytes]:
        """A page's headers and bytes, rewritten.

        Raises:
            PageError: it cannot be done; answer 502.
        """
        given = list(headers)
        types = values_of(given).get("content-type", [])
        try:
            raw_page = self._plain(raw, values_of(given).get("content-encoding", []))
            if not pages.is_page(types) and not pages.looks_like_page(raw_page):
                return self._checked(given, page=False), raw
            if status == 206:
                raise PageError("A part of a page cannot be rewritten.")
            html = pages.decode(raw_page, types[0] if types else "")
            notice = self.visitor.notice
            language = _known(language_of(html), notice)
            # Only where the page does not say does its language depend on the visitor.
            varied = [] if language else [(b"vary", b"Accept-Language")]
            head, body, ours = self.banner(language or self._wished_language())
            out = rewrite_page(
                html,
                self.visitor.plan,
                page_host=self.host,
                head=head,
                body=body,
                on_unknown=lambda host: self.report("host", host),
                amend=lambda value: policy.amended(value, ours),
            )
        except (ValueError, LookupError, RecursionError, zlib.error) as error:
            raise PageError(f"A page cannot be read: {type(error).__name__}.") from None
        sent = pages.encode(out)
        return [
            *self._page_headers(self._checked(given, page=True), ours),
            *varied,
            # One that is XML would need a banner in XML; and we read it as HTML.
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", str(len(sent)).encode()),
        ], sent

    def _plain(self, raw: bytes, encodings: Sequence[str]) -> bytes:
        for encoding in reversed(",".join(encodings).lower().split(",")):
            match encoding.strip():
                case "" | "identity":
                    continue
                case "gzip" | "x-gzip" | "deflate":
                    unpacking = zlib.decompressobj(wbits=47)
                    raw = unpacking.decompress(raw, self.largest_page + 1)
                    if len(raw) > self.largest_page or not unpacking.eof:
                        raise PageError("A compressed page is too large or cut off.")
                case _:
                    raise PageError("A page is compressed in a way that is not read.")
        return raw

    def _wished_language(self) -> str:
        """The first of the visitor's languages that the notice has, else its first."""
        notice = self.visitor.notice
        accepted = ",".join(self.request.get("accept-language", ()))
        # LIMIT: by order, as browsers write them; weights (`q=`) are not sorted.
        for part in accepted.split(","):
            found = _known(part.partition(";")[0].strip(), notice)
            if found:
                return found
        return notice.languages[0]

    def _checked(self, headers: Iterable[Header], *, page: bool) -> list[Header]:
        """Without the cookies and links that may not pass; with what expires others."""
        visitor, kept = self.visitor, list[Header]()
        verdicts = visitor.plan.verdicts
        for name, value in headers:
            text = value.decode("latin-1")
            match name.lower():
                case b"set-cookie":
                    fate, cookie = cookies.may_set(text, visitor.notice, verdicts)
                    if fate is cookies.Fate.UNDECLARED:
                        self.report("cookie", cookie)
                    if fate is not cookies.Fate.PASSES:
                        continue
                case b"link":
                    text = held_links(text, visitor.plan, Page(host_of(self.host)))
                    if not text:
                        continue
                case _:
                    pass
            kept.append((name, text.encode("latin-1")))
        expired = cookies.deletions(self._cookie, self.host, visitor.notice, verdicts)
        personal = page and visitor.plan.mode is Mode.PERSONAL
        if personal or expired or visitor.consulted:
            kept = _private(kept)
        return [*kept, *((b"set-cookie", e.encode("latin-1")) for e in expired)]

    def _page_headers(
        self, headers: Iterable[Header], ours: policy.Inlined
    ) -> list[Header]:
        kept: list[Header] = []
        for header in headers:
            name, value = header[0].lower(), header[1]
            if name in _OF_THE_BYTES:
                continue
            if name == b"etag":
                tag = _TAG.match(value.strip())
                if not tag:
                    continue
                value = b'W/"%s~%s"' % (tag[1], self._variant())
            elif name in _POLICIES:
                amended = policy.amended(value.decode("latin-1"), ours)
                value = amended.encode("latin-1")
            kept.append((header[0], value))
        return kept


def _known(tag: str, notice: Notice) -> str:
    """The notice's language for a tag such as `fr-CA`; empty if it has none."""
    ours = {tag.lower(), tag.lower().partition("-")[0]} & set(notice.languages)
    return notice.language_for(tag) if ours else ""


def _both_tags(tag: bytes) -> bytes:
    # Ours is weak, whatever the application's was; it compares with the one it gave.
    return b'"%s", W/"%s"' % (tag, tag)


def _private(headers: Iterable[Header]) -> list[Header]:
    """For this visitor only: no shared cache keeps it, and a new answer is a new page."""
    kept: list[Header] = []
    directives: list[str] = []
    for name, value in headers:
        if name.lower() != b"cache-control":
            kept.append((name, value))
            continue
        said = value.decode("latin-1").split(",")
        directives += [d.strip() for d in said if not _SHARED.fullmatch(d.strip())]
    if "private" not in directives:
        directives.insert(0, "private")
    cache = ", ".join(d for d in directives if d).encode("latin-1")
    return [*kept, (b"cache-control", cache), (b"vary", b"Cookie, Sec-GPC")]


def values_of(headers: Iterable[Header]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.decode("latin-1").lower(), []).append(
            value.decode("latin-1")
        )
    return found
