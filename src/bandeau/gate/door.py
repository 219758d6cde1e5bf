"""Where visitors come in: from a request's headers to a visit, with its plan worked out.

Plans and banners are kept per set of answers. A key holds answers, never an identifier,
so that nothing kept here belongs to one visitor.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from bandeau.gate import cookies, policy
from bandeau.gate.plan import Mode, Plan, plan
from bandeau.gate.visit import Header, Visit, Visitor, values_of
from bandeau.model.choices import Choice, choice_of, silent
from bandeau.model.cookie import COOKIE_NAME
from bandeau.model.notices import Notice
from bandeau.model.signals import Signals
from bandeau.regimes import Regime, choice_months, decide
from bandeau.signals.gpc import objects

# The present notice, and the site's older ones. Asked for every request.
Site = Callable[[], tuple[Notice, Sequence[Notice]]]
# (notice, language, choice) to (head, body), ready to be put into a page.
Banner = Callable[[Notice, str, Choice], tuple[str, str]]

_MOST_KEPT = 1000
_Kept = TypeVar("_Kept")

_HINTS = {
    "host": "Add it to the hosts of a service in the notice, or to `own_hosts`.",
    "cookie": "Add it to the cookies of a service in the notice.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Something that the notice does not declare (`host` or `cookie`); once per name."""

    kind: str
    name: str
    hint: str


class Door:
    """Shared by all requests of one site; safe to share between threads.

    The dictionaries are only read, written and emptied whole: the worst that two
    threads at once can do is to work the same plan out twice or to report twice.
    """

    def __init__(
        self,
        *,
        site: Site,
        regime: Regime,
        mode: Mode,
        banner: Banner,
        on_report: Callable[[Report], None],
        largest_page: int,
    ) -> None:
        self.site = site
        self.regime = regime
        self.mode = mode
        self.banner = banner
        self.on_report = on_report
        self.largest_page = largest_page
        self._plans: dict[object, Plan] = {}
        self._banners: dict[object, tuple[str, str, policy.Inlined]] = {}
        self._reported: set[tuple[str, str]] = set()

    def visit(self, headers: Iterable[Header], method: str, now: datetime) -> Visit:
        request = values_of(headers)
        notice, earlier = self.site()
        months = choice_months(notice, self.regime)
        cookie = _choice_cookie("; ".join(request.get("cookie", ())))
        choice = choice_of(cookie, notice, earlier, now=now, months=months)
        signals = Signals(objects=objects(request.get("sec-gpc", ())))
        answers = (notice.digest, choice.letters, tuple(choice.services.items()))
        kept = self._plans.get((answers, signals))
        if kept is None:
            verdicts = decide(notice, choice, signals, self.regime, now)
            kept = plan(notice, verdicts, self.mode)
            _keep(self._plans, (answers, signals), kept)
        return Visit(
            visitor=Visitor(notice=notice, choice=choice, plan=kept),
            host=(request.get("host") or [""])[0],
            method=method,
            request=request,
            banner=lambda language: self._banner(notice, language, choice),
            report=self.report,
            largest_page=self.largest_page,
        )

    def _banner(
        self, notice: Notice, language: str, choice: Choice
    ) -> tuple[str, str, policy.Inlined]:
        # Nothing that tells one visitor from another with the same answers.
        seen = (
            replace(choice, subject="", day=0)
            if self.mode is Mode.PERSONAL
            else silent(notice)
        )
        key = (notice.digest, language, seen.letters, tuple(seen.services.items()))
        kept = self._banners.get(key)
        if kept is None:
            head, body = self.banner(notice, language, seen)
            kept = (head, body, policy.inlined(head + body))
            _keep(self._banners, key, kept)
        return kept

    def report(self, kind: str, name: str) -> None:
        known = (kind, name[:100])
        if known in self._reported or len(self._reported) >= _MOST_KEPT:
            return
        self._reported.add(known)
        self.on_report(Report(kind=kind, name=known[1], hint=_HINTS[kind]))


def _choice_cookie(cookie: str) -> str:
    said = {
        pair.partition("=")[2].strip()
        for name, pair in cookies.names_in(cookie)
        if name == COOKIE_NAME
    }
    # Of two that differ one is not ours, and nobody knows which: silence.
    return said.pop() if len(said) == 1 else ""


def _keep(kept: dict[object, _Kept], key: object, value: _Kept) -> None:
    if len(kept) >= _MOST_KEPT:
        kept.clear()
    kept[key] = value
