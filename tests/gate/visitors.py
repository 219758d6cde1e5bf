"""A site that has everything a gate meets, and the four who visit it."""

from datetime import UTC, datetime

from bandeau.gate.plan import Mode, Plan, plan
from bandeau.model.answers import Answer
from bandeau.model.choices import Choice, day_number, silent
from bandeau.model.cookie import CookieChoice, write_cookie
from bandeau.model.notices import Controller, Notice
from bandeau.model.purposes import DEFAULT_PURPOSES
from bandeau.model.services import Service, Trace
from bandeau.model.signals import Signals
from bandeau.regimes import REGIMES, decide

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OWN = "news.test"
STRANGER = "stranger.test"


def _cookie(name: str, lifetime: str = "6 months", path: str = "/") -> Trace:
    return Trace(name=name, lifetime=lifetime, use={"en": "…"}, path=path)


NOTICE = Notice(
    site="newsroom",
    controller=Controller(name="News", address="1, rue", contact="news@news.test"),
    domains=(OWN,),
    own_hosts=("*.news-static.test",),
    languages=("fr", "en"),
    policy={},
    purposes=DEFAULT_PURPOSES,
    texts={},
    services=(
        Service(
            id="session",
            name="Session",
            controller="News",
            purposes=("technical",),
            exemption="session",
            hosts=("login.test",),
            traces=(_cookie("sid", "session"),),
        ),
        Service(
            id="counter",
            name="Counter",
            controller="Counter Ltd",
            purposes=("audience",),
            hosts=("counter.test",),
            urls=("https://news.test/stats/*",),
            traces=(_cookie("_count"), _cookie("_count_*", path="/articles")),
        ),
        Service(
            id="video",
            name="Video",
            controller="Video Ltd",
            purposes=("social",),
            hosts=("video.test", "*.video.test"),
            traces=(_cookie("watched"),),
        ),
        Service(
            id="admarket",
            name="Ad market",
            controller="Ads Ltd",
            purposes=("profiling", "ads"),
            hosts=("ads.test",),
            traces=(_cookie("ad_id"),),
        ),
    ),
)


def _choice(answer: Answer) -> Choice:
    return Choice(answers=dict.fromkeys(NOTICE.asked, answer), day=day_number(NOW))


ACCEPTING = _choice(Answer.ACCEPTED)
REFUSING = _choice(Answer.REFUSED)
SILENT = silent(NOTICE)
OBJECTS = Signals(objects=True)


def planned(
    choice: Choice, mode: Mode = Mode.PERSONAL, signals: Signals | None = None
) -> Plan:
    verdicts = decide(NOTICE, choice, signals or Signals(), REGIMES["FR"], NOW)
    return plan(NOTICE, verdicts, mode)


def cookie_of(choice: Choice) -> str:
    """The value of the choice cookie that a browser with this choice sends."""
    return write_cookie(
        CookieChoice(
            notice=NOTICE.digest[:8],
            day=day_number(NOW),
            letters=choice.letters,
        )
    )


# Nobody who has not accepted may differ from these three.
NOT_ACCEPTING = (
    planned(REFUSING),
    planned(SILENT),
    planned(SILENT, signals=OBJECTS),
    planned(ACCEPTING, Mode.UNIFORM),
)
EVERYBODY = (planned(ACCEPTING), *NOT_ACCEPTING)
