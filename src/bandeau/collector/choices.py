"""`POST /bandeau/choice`: an answer is checked, recorded, and only then acknowledged.

Whoever gets a 2xx or a 303 has a record that survives the loss of power. A retry brings
the same request key and gets the same record (200); the same key with another choice is
a mistake of the sender and gets 409, since a record never changes.

Across origins. A notice may have several domains, and one of them may serve the
collector for the others. JSON is taken from those (CORS), nothing else is. The answer to
them sets no cookie: it would be a cookie of this host, and the page that asked lives on
another. There the banner's script keeps the choice by itself, for as long as the browser
lets a script (seven days in Safari), so a path on the site's own host is better.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from bandeau.collector.origins import (
    Relation,
    form_may_speak,
    host_of,
    host_of_origin,
    path_back,
    relation,
)
from bandeau.collector.problems import (
    Headers,
    Problem,
    ProblemError,
    plain,
    unavailable,
)
from bandeau.collector.requests import Receive, Scope, Send, Sent, answer, whole_body
from bandeau.collector.running import Running
from bandeau.collector.sites import Published
from bandeau.collector.submissions import (
    WITHDRAWAL,
    Submission,
    Terms,
    checked,
    form_faults,
    from_form,
    read_form,
    read_json,
)
from bandeau.errors import MalformedError, UnavailableError
from bandeau.gate.cookies import deletions, names_in
from bandeau.ledger.record import (
    Record,
    day_of,
    kind_of,
    new_request_key,
    new_subject_id,
    record_body,
    subject_key,
)
from bandeau.model.answers import Answer
from bandeau.model.choices import Choice, choice_of, day_after_months
from bandeau.model.cookie import COOKIE_NAME, NOTICE_CHARACTERS, read_cookie
from bandeau.model.signals import Signals
from bandeau.regimes import Regime, decide

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_SECONDS_A_DAY: Final = 86_400
_ENTROPY: Final = 10
# Chromium keeps a preflight's answer for two hours at most.
_PREFLIGHT_SECONDS: Final = 7200

_LENGTHS: Final = (NOTICE_CHARACTERS, 43)

_PLAIN: Final[Headers] = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]
_read_body = msgspec.json.Decoder(dict[str, Any]).decode


class Choices:
    """Answers one path, for one running collector."""

    def __init__(
        self, running: Running, *, regime: Regime, clock: Callable[[], datetime]
    ) -> None:
        self._running = running
        self._regime = regime
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = Sent(scope)
        method = scope["method"]
        if method == "OPTIONS":
            await self._preflight(sent, send)
            return
        if method != "POST":
            allowed = (b"allow", b"OPTIONS, POST")
            raise plain(405, "A choice is posted.", allowed)
        kind = sent.text(b"content-type").partition(";")[0].strip().lower()
        if kind == _JSON:
            await self._json(sent, receive, send)
        elif kind == _FORM:
            await self._form(scope, sent, receive, send)
        else:
            accepted = (b"accept-post", f"{_JSON}, {_FORM}".encode())
            raise plain(415, f"Send {_JSON} or a form as {_FORM}.", accepted)

    # --- from a script ---------------------------------------------------------------

    async def _preflight(self, sent: Sent, send: Send) -> None:
        """Tell a browser whether a page of another origin may send JSON here."""
        headers, _ = self._shared(sent, self._site(sent))
        headers += [
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", b"content-type"),
            (b"access-control-max-age", b"%d" % _PREFLIGHT_SECONDS),
        ]
        await answer(send, 204, headers, b"")

    async def _json(self, sent: Sent, receive: Receive, send: Send) -> None:
        site = self._site(sent)
        headers, same_origin = self._shared(sent, site)
        try:
            said = read_json(await whole_body(sent.text(b"content-length"), receive))
            site, terms = await self._terms(site, said.get("notice"))
            submission = checked(said, terms)
            # `checked` ends a submission without terms, and terms come with their site.
            assert site is not None
            record, at, known, subject = await self._recorded(site, submission)
        except ProblemError as wrong:
            raise ProblemError(wrong.problem, (*wrong.headers, *headers)) from None
        if same_origin and not _newer(sent.cookie, submission, subject):
            headers += self._cookies(site, submission, at, subject, sent)
        when = _in_words(at)
        digest = submission.terms.notice.digest
        place = ""
        if (seal := self._running.seal_of(site.site, record)) is not None:
            # "The answer to the visitor carries the index" -- ledger.md, section 1.7
            place = f',"origin":"{seal.origin}","index":{seal.entry}'
        body = (
            f'{{"record":{record},"notice":"{digest}","at":"{when}"{place}}}'.encode()
        )
        headers += [*_PLAIN, (b"content-length", b"%d" % len(body))]
        await answer(send, 200 if known else 201, headers, body)

    def _shared(self, sent: Sent, site: Published | None) -> tuple[Headers, bool]:
        """The CORS headers for the sender, and whether it is of this very origin.

        Raises:
            ProblemError: 403, a page of somebody else.
        """
        origin = sent.text(b"origin")
        related = relation(
            origin=origin,
            host=sent.text(b"host"),
            fetch_site=sent.text(b"sec-fetch-site"),
            domains=site.notice.domains if site else (),
        )
        if related is Relation.FOREIGN:
            detail = "Only pages of the notice's own domains may send choices."
            raise plain(403, detail, (b"vary", b"Origin"))
        if related is Relation.SAME_ORIGIN:
            return [], True
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"vary", b"Origin"),
        ], False

    # --- from a form -----------------------------------------------------------------

    async def _form(
        self, scope: Scope, sent: Sent, receive: Receive, send: Send
    ) -> None:
        try:
            headers = await self._form_headers(sent, receive)
        except ProblemError as wrong:
            page = "text/html" in sent.text(b"accept")
            await self._running.send_problem(wrong, scope, send, page=page)
            return
        await answer(send, 303, headers, b"")

    async def _form_headers(self, sent: Sent, receive: Receive) -> Headers:
        site = self._site(sent)
        host, referer = sent.text(b"host"), sent.text(b"referer")
        if not form_may_speak(
            origin=sent.text(b"origin"),
            host=host,
            fetch_site=sent.text(b"sec-fetch-site"),
            referer=referer,
            domains=site.notice.domains if site else (),
        ):
            raise plain(403, "This form was not sent from a page of this site.")
        fields = read_form(await whole_body(sent.text(b"content-length"), receive))
        digest = fields.get("notice", [""])[0]
        site, terms = await self._terms(site, digest)
        before = Choice(answers={})
        if site and terms:
            before = self._before(site, terms, sent.cookie)
        said = from_form(fields, terms, before, self._new_request())
        submission = checked(said, terms, form_faults(fields))
        assert site is not None  # as above
        _, at, _, subject = await self._recorded(site, submission)
        back = path_back(fields.get("back", [""])[0], referer, host)
        return [
            (b"location", back.encode("ascii")),
            (b"content-length", b"0"),
            (b"cache-control", b"no-store"),
            *self._cookies(site, submission, at, subject, sent),
        ]

    def _before(self, site: Published, terms: Terms, cookie: str) -> Choice:
        """What the visitor's cookie already says about the notice they answer."""
        others = [t.notice for t in site.terms.values() if t is not terms]
        return choice_of(
            _choice_cookie(cookie),
            terms.notice,
            others,
            now=self._clock(),
            months=site.months,
        )

    # --- both ------------------------------------------------------------------------

    def _site(self, sent: Sent) -> Published | None:
        """The site that is spoken to, by Host.

        A host that serves several sites and is none of theirs: by the page that speaks.
        None: the notice that it answers will say.
        """
        sites = self._running.sites
        # The only site there is has every host.
        if (only := sites.only) is not None:
            return only
        return sites.of_host(host_of(sent.text(b"host"))) or sites.of_host(
            host_of_origin(sent.text(b"origin"))
        )

    async def _terms(
        self, site: Published | None, digest: object
    ) -> tuple[Published | None, Terms | None]:
        """The site and the notice of an answer, where they are published."""
        sites = self._running.sites
        # A SHA-256 in base64url, or its beginning. Nothing else is worth a look.
        for last in (False, True):
            found = site or sites.of_notice(digest)
            terms = (
                found.terms.get(digest) if found and isinstance(digest, str) else None
            )
            plausible = isinstance(digest, str) and len(digest) in _LENGTHS
            if terms or last or not plausible:
                return found, terms
            # Another process may have published it a moment ago, and this page's
            # answer must not be lost for that.
            await self._running.look_again()
            site = site and sites.of_site(site.site)
        raise AssertionError  # the second time is the last

    async def _recorded(
        self, site: Published, submission: Submission
    ) -> tuple[int, int, bool, str]:
        """Record a choice: its index, its time, whether it was known, the subject id."""
        now = self._clock()
        at = int(now.timestamp())
        subject = submission.subject
        minted = submission.accepts_something and not subject
        if minted:
            now_ms = int(now.timestamp() * 1000)
            subject = new_subject_id(now_ms, os.urandom(_ENTROPY)).hex()
        key = subject_key(bytes.fromhex(subject)) if subject else None
        request = bytes.fromhex(submission.request)
        services = dict.fromkeys(submission.services, "y")
        record = Record(
            request=request,
            subject=key,
            body=record_body(
                site=site.site,
                at=at,
                notice=submission.terms.notice.digest,
                answers=submission.letters,
                via=submission.via,
                request=request,
                services=services,
                subject=key,
            ),
            day=day_of(at),
            kind=kind_of(
                submission.letters,
                services=services,
                withdrawn=submission.via == WITHDRAWAL,
            ),
        )
        try:
            index = await self._running.sequencer.append(site.site, record)
        except UnavailableError as busy:
            raise unavailable(busy.message, busy.retry_after) from busy
        if not self._running.watched.is_repeated(record):
            self._running.counts.choices[site.site, record.kind] += 1
            return index, at, False, subject
        self._running.counts.repeats += 1
        first_at = await self._first_at(site, index, record, minted=minted)
        # An id that was minted for a retry belongs to no record: the cookie does without.
        return index, first_at, True, "" if minted else subject

    async def _first_at(
        self, site: Published, index: int, record: Record, *, minted: bool
    ) -> int:
        """When the record was made that this one repeats.

        Raises:
            ProblemError: 409, this one says something else.
        """
        store = self._running.watched.store
        kept = await asyncio.to_thread(store.record, site.site, index)
        first = _read_body(kept.record.body) if kept else {}
        again = _read_body(record.body)
        # The log's own: what was last logged of this subject.
        first.pop("prev", None)
        at: int = first.pop("time", again.pop("time"))
        if minted:
            first.pop("subject", None)
            again.pop("subject", None)
        again.pop("time", None)
        if first != again:
            raise ProblemError(
                Problem(
                    type="urn:bandeau:problem:key-used",
                    title="The request key belongs to another choice.",
                    status=409,
                    detail="A record never changes. Send a new choice with a new key.",
                )
            )
        return at

    def _cookies(
        self, site: Published, submission: Submission, at: int, subject: str, sent: Sent
    ) -> Headers:
        """The choice cookie, and the end of every cookie that the choice refuses."""
        day = day_of(at)
        end = _end(day, site.months)
        text = (
            f"{COOKIE_NAME}={submission.cookie(day, subject)}; Path=/; "
            f"Max-Age={end - at}; SameSite=Lax; Secure"
        )
        headers: Headers = [(b"set-cookie", text.encode("ascii"))]
        cookie = sent.cookie
        # Most visitors bring nothing but our own cookie.
        if cookie and any(name != COOKIE_NAME for name, _ in names_in(cookie)):
            for line in self._expired(submission, day, cookie, sent):
                headers.append((b"set-cookie", line.encode("latin-1")))
        return headers

    def _expired(
        self, submission: Submission, day: int, cookie: str, sent: Sent
    ) -> Sequence[str]:
        notice = submission.terms.notice
        choice = Choice(
            answers=dict(
                zip(
                    notice.asked, map(Answer.of_letter, submission.letters), strict=True
                )
            ),
            services=dict.fromkeys(submission.services, Answer.ACCEPTED),
            day=day,
        )
        verdicts = decide(notice, choice, Signals(), self._regime, self._clock())
        return deletions(cookie, host_of(sent.text(b"host")), notice, verdicts)

    def _new_request(self) -> str:
        now_ms = int(self._clock().timestamp() * 1000)
        return new_request_key(now_ms, os.urandom(_ENTROPY)).hex()


# Both are asked for every choice, and change once a second and once a day.


@lru_cache(maxsize=16)
def _in_words(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=16)
def _end(day: int, months: int) -> int:
    """When a choice of a day has run out, in seconds."""
    return day_after_months(day, months) * _SECONDS_A_DAY


def _choice_cookie(cookie: str) -> str:
    """Our cookie among all of a Cookie header; of two that differ neither counts."""
    said = {
        pair.partition("=")[2] for name, pair in names_in(cookie) if name == COOKIE_NAME
    }
    return said.pop() if len(said) == 1 else ""


def _newer(cookie: str, submission: Submission, subject: str) -> bool:
    """Say whether the browser holds another choice than the one it sends.

    It keeps an answer before it sends it, and may send an old one late: that one is
    recorded, but must not bring its cookie back.
    """
    if not cookie:
        return False
    try:
        held = read_cookie(_choice_cookie(cookie))
    except MalformedError:
        return False
    sent = read_cookie(submission.cookie(held.day, subject))
    return held != sent
