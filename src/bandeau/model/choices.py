"""A choice: all answers of one visitor to one notice, and what stays of it later.

A choice to an older notice is carried over to the present one: what was asked then and
is asked now keeps its answer, what is new has none. A carry is written as a short code,
because the browser must reach the same result with the same few bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from bandeau.errors import MalformedError
from bandeau.model.answers import Answer
from bandeau.model.cookie import CookieChoice, read_cookie
from bandeau.model.notices import Notice

_EPOCH = date(1970, 1, 1)

# How a choice was given. Only these; a record names one of them.
VIAS = ("first-layer", "settings", "placeholder", "withdrawal", "api")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The answers, per asked purpose and per service where one was named.

    `day` counts days since 1970-01-01 UTC; `subject` is the visitor's id, 32
    hexadecimal digits, or empty. Whoever accepted nothing has none (REC-10).
    """

    answers: Mapping[str, Answer]
    services: Mapping[str, Answer] = field(default_factory=dict[str, Answer])
    day: int = 0
    subject: str = ""

    def answer(self, purpose_id: str) -> Answer:
        return self.answers.get(purpose_id, Answer.UNANSWERED)

    @property
    def accepts_something(self) -> bool:
        return Answer.ACCEPTED in (*self.answers.values(), *self.services.values())

    @property
    def unanswered(self) -> tuple[str, ...]:
        """The purposes still to be asked about."""
        return tuple(p for p, a in self.answers.items() if a is Answer.UNANSWERED)

    @property
    def letters(self) -> str:
        """One of y n - per asked purpose, in notice order."""
        return "".join(answer.letter for answer in self.answers.values())


def silent(notice: Notice) -> Choice:
    """The choice of a visitor who said nothing yet."""
    return Choice(answers=dict.fromkeys(notice.asked, Answer.UNANSWERED))


def choice_of(
    cookie: str,
    notice: Notice,
    earlier: Sequence[Notice],
    *,
    now: datetime,
    months: int,
) -> Choice:
    """Read a choice cookie as a choice about the present notice.

    `earlier` are the site's older notices. Whatever cannot be read, is too old or comes
    from a notice that is not among them is silence, never a yes.
    """
    try:
        said = read_cookie(cookie)
    except MalformedError:
        return silent(notice)
    today = day_number(now)
    if said.day > today + 1 or today >= day_after_months(said.day, months):
        return silent(notice)
    for told in (notice, *earlier):
        if told.digest.startswith(said.notice) and len(told.asked) == len(said.letters):
            carried = carry(said, carry_code(told, notice))
            return _as_choice(carried, notice)
    return silent(notice)


def _as_choice(said: CookieChoice, notice: Notice) -> Choice:
    choice = Choice(
        answers=dict(
            zip(notice.asked, map(Answer.of_letter, said.letters), strict=True)
        ),
        services={
            service: Answer.ACCEPTED
            for service in said.services
            if notice.service(service) is not None
        },
        day=said.day,
        subject=said.subject,
    )
    return choice if choice.accepts_something else replace(choice, subject="")


def carry_code(told: Notice, notice: Notice) -> str:
    """How answers to `told` become answers to `notice`, as the browser reads it.

    One character per purpose asked now: its place among those asked then, `a` for the
    first; a capital where a yes does not carry because a new party has joined; `-`
    where the purpose is new. After `~`, separated by `.`, the
    services whose own answer carries. "New consent if substantial additions" (CNIL-10);
    a refusal covers whoever comes later, so that nobody is asked again for having
    refused (CNIL-14).
    """
    places = {purpose: place for place, purpose in enumerate(told.asked)}
    code = "".join(
        "-"
        if purpose not in places
        else chr(65 + places[purpose])
        if _parties(notice, purpose) - _parties(told, purpose)
        else chr(97 + places[purpose])
        for purpose in notice.asked
    )
    same = [
        service.id
        for service in notice.services
        if (then := told.service(service.id)) and then.controller == service.controller
    ]
    return f"{code}~{'.'.join(same)}"


def carry(said: CookieChoice, code: str) -> CookieChoice:
    """Apply a carry code to what a cookie says."""
    places, _, same = code.partition("~")
    kept = same.split(".")
    return replace(
        said,
        letters="".join(_carried(said.letters, place) for place in places),
        services=tuple(service for service in said.services if service in kept),
    )


def _carried(letters: str, place: str) -> str:
    if place == "-":
        return "-"
    letter = letters[ord(place.lower()) - 97]
    return "-" if letter == "y" and place.isupper() else letter


def _parties(notice: Notice, purpose: str) -> set[str]:
    return {service.controller for service in notice.services_for(purpose)}


def day_number(now: datetime) -> int:
    """Days since 1970-01-01 UTC. `now` must know its zone."""
    return (now.astimezone(UTC).date() - _EPOCH).days


def day_after_months(day: int, months: int) -> int:
    """The same day of the month, `months` later; the month's last where it is shorter.

    "choice_ttl = 6 calendar months (≤ 184 d)" -- CNIL-13
    """
    start = _EPOCH + timedelta(days=day)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    for shorter in range(4):
        try:
            later = date(year, month + 1, start.day - shorter)
        except ValueError:
            continue
        return (later - _EPOCH).days
    raise AssertionError(day)  # no month is four days short of another
