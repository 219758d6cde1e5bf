"""What a browser sends when its visitor has answered, held against the notice. Pure.

JSON and form become the same table first, and then one check finds everything that is
wrong with it at once. Nothing is guessed: an answer that is missing, unknown or locked
makes the whole choice invalid, since a record has to say what the visitor said.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qsl

import msgspec

from bandeau.collector.problems import Fault, invalid
from bandeau.model.answers import Answer
from bandeau.model.choices import VIAS, Choice
from bandeau.model.cookie import (
    NOTICE_CHARACTERS,
    CookieChoice,
    write_cookie,
)
from bandeau.model.notices import Notice

WITHDRAWAL = "withdrawal"

_FIELDS = {"notice", "request", "via", "answers", "services", "subject"}
_LETTERS = {answer.value: answer.letter for answer in Answer}
_KEY = re.compile("[0-9a-f]{32}")
# Services as the cookie writes them, which is how the banner's script sends them.
_ACCEPTED_BY_NAME = re.compile("(?:~[a-z0-9-]+:y)*")
_decode = msgspec.json.Decoder(dict[str, object]).decode


class Terms:
    """One published notice, with what its visitors may answer worked out beforehand."""

    __slots__ = (
        "answerable",
        "asked",
        "asked_once",
        "exempt",
        "locked",
        "mark",
        "notice",
    )

    def __init__(self, notice: Notice) -> None:
        self.notice = notice
        self.mark = notice.digest[:NOTICE_CHARACTERS]
        self.asked = notice.asked
        self.asked_once = set(notice.asked)
        self.locked = {p.id for p in notice.purposes if p.locked}
        self.exempt = {s.id for s in notice.services if s.exemption}
        self.answerable = {s.id for s in notice.services} - self.exempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A choice that can be recorded. `letters` as the cookie has them.

    `services` are those accepted by name. `request` and `subject` are keys as they were
    sent, 32 hexadecimal digits, with the time of a client's clock at their front. That clock may be wrong by years and nothing depends on it:
    order is the index that the ledger gives, and `at` is the server's time. A wrong
    clock only puts a key elsewhere in an index.
    """

    terms: Terms
    request: str
    via: str
    letters: str
    services: tuple[str, ...]
    subject: str

    @property
    def accepts_something(self) -> bool:
        return "y" in self.letters or bool(self.services)

    def cookie(self, day: int, subject: str) -> str:
        """The choice cookie's value; a choice that accepts nothing leaves no id."""
        return write_cookie(
            CookieChoice(
                notice=self.terms.mark,
                day=day,
                letters=self.letters,
                subject=subject if self.accepts_something else "",
                services=self.services,
            )
        )


def read_json(body: bytes) -> dict[str, object]:
    """Read the JSON object that the banner sends.

    Raises:
        ProblemError: 400, it is not a JSON object.
    """
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise invalid([Fault("", "The body has to be a JSON object.")]) from None


def read_form(body: bytes) -> dict[str, list[str]]:
    """Read the fields of a form.

    Raises:
        ProblemError: 400, it is not a form.
    """
    try:
        pairs = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            max_num_fields=100,
            errors="strict",
        )
    except ValueError:
        raise invalid([Fault("", "The body has to be a form in UTF-8.")]) from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def from_form(
    fields: Mapping[str, list[str]], terms: Terms | None, before: Choice, request: str
) -> dict[str, object]:
    """Say a form's fields as the JSON would say them, as the banner's script does.

    `before` is what the visitor's cookie says about this notice. The first layer asks
    only about what is unanswered, and what was answered stays; in the settings all means
    all. Whoever had accepted something and now accepts nothing takes a yes back, whichever
    button said it.

    `request` is a key minted here, used where the form brings none: its page may come
    from a cache, so that a key in it would be many visitors'. Fields that we do not know
    are left alone: a site may put its own into any form.
    """
    action = _first(fields, "action")
    via = WITHDRAWAL if action == "withdraw" else _first(fields, "via")
    every = _ACCEPTED if action == "accept" else _REFUSED
    answers = dict.fromkeys(terms.asked if terms else (), every)
    services: dict[str, str] = {}
    if action == "save":
        answers |= dict.fromkeys(fields.get("purpose", ()), _ACCEPTED)
        services = dict.fromkeys(fields.get("service", ()), _ACCEPTED)
    elif via == "first-layer":
        silent = Answer.UNANSWERED
        answers |= {p: a.value for p, a in before.answers.items() if a is not silent}
        services = {service: a.value for service, a in before.services.items()}
    accepts = _ACCEPTED in answers.values() or bool(services)
    return {
        "notice": _first(fields, "notice"),
        "request": _first(fields, "request") or request,
        "via": WITHDRAWAL if before.subject and not accepts else via,
        "answers": answers,
        "services": services,
        "subject": before.subject,
    }


_ACCEPTED, _REFUSED = Answer.ACCEPTED.value, Answer.REFUSED.value
ACTIONS = ("accept", "refuse", "save", "withdraw")


def form_faults(fields: Mapping[str, list[str]]) -> list[Fault]:
    """What is wrong with a form besides what it answers."""
    if _first(fields, "action") in ACTIONS:
        return []
    return [Fault("action", f"Say one of {', '.join(ACTIONS)}.")]


def _first(fields: Mapping[str, list[str]], name: str) -> str:
    return fields.get(name, [""])[0]


def checked(
    sent: Mapping[str, object],
    terms: Terms | None,
    found: list[Fault] | None = None,
) -> Submission:
    """Hold what was sent against the notice that it answers; None if there is none.

    Raises:
        ProblemError: 400, with everything that is wrong, and `found` before it.
    """
    faults = found or []
    if extra := sent.keys() - _FIELDS:
        faults += [Fault(name, "There is no such field.") for name in sorted(extra)]
    if terms is None:
        missing = "notice" not in sent
        faults.append(
            Fault(
                "notice",
                "This is missing: the digest of the notice that was answered."
                if missing
                else "This site has published no such notice.",
            )
        )
    request = _key(sent, "request", faults)
    if sent.get("request", "") == "":
        faults.append(Fault("request", "This is missing: a new key for every choice."))
    via = sent.get("via")
    if via not in VIAS:
        faults.append(Fault("via", f"Say one of {', '.join(VIAS)}."))
    letters = _letters(sent.get("answers"), terms, faults)
    services = _services(sent.get("services", ""), terms, faults)
    subject = _key(sent, "subject", faults)
    accepts = "y" in letters or bool(services)
    if not faults and not services and not letters.strip("-"):
        faults.append(
            Fault("answers", "Nothing is answered, and silence is no choice.")
        )
    if not faults and subject and not accepts and via != WITHDRAWAL:
        # "A refusal leaves no identifier." Only a withdrawal names whose yes ends.
        faults.append(Fault("subject", "A choice that accepts nothing carries none."))
    if faults or terms is None:
        raise invalid(faults)
    return Submission(
        terms=terms,
        request=request,
        via=cast("str", via),
        letters=letters,
        services=services,
        subject=subject,
    )


def _key(sent: Mapping[str, object], field: str, faults: list[Fault]) -> str:
    text = sent.get(field, "")
    if text == "":
        return ""
    if isinstance(text, str) and _KEY.fullmatch(text):
        return text
    faults.append(Fault(field, "A key is 32 hexadecimal digits, in small letters."))
    return ""


def _letters(sent: object, terms: Terms | None, faults: list[Fault]) -> str:
    if not isinstance(sent, dict):
        faults.append(Fault("answers", "This has to hold an answer to every purpose."))
        return ""
    answers = cast("dict[str, object]", sent)
    if terms and answers.keys() == terms.asked_once:
        letters = [_letter(answers[purpose]) for purpose in terms.asked]
        if "" not in letters:
            return "".join(letters)
    # Something is wrong; what, and where?
    for purpose, answer in answers.items():
        place = f"answers.{purpose}"
        if not _letter(answer):
            faults.append(Fault(place, f"Say one of {', '.join(_LETTERS)}."))
        elif terms and purpose in terms.locked:
            faults.append(Fault(place, "This purpose is always on and is not asked."))
        elif terms and purpose not in terms.asked:
            faults.append(Fault(place, "The notice has no such purpose."))
    faults += [
        Fault(f"answers.{purpose}", "This is missing: say unanswered if so.")
        for purpose in (terms.asked if terms else ())
        if purpose not in answers
    ]
    return ""


def _letter(answer: object) -> str:
    """The answer's letter; empty for what is no answer."""
    return _LETTERS.get(answer, "") if isinstance(answer, str) else ""


def _services(
    sent: object, terms: Terms | None, faults: list[Fault]
) -> tuple[str, ...]:
    """The services accepted by name: an object of answers, or as the cookie has them."""
    if isinstance(sent, str) and _ACCEPTED_BY_NAME.fullmatch(sent):
        sent = dict.fromkeys((s[:-2] for s in sent.split("~")[1:]), _ACCEPTED)
    if not isinstance(sent, dict):
        faults.append(Fault("services", "This has to hold the accepted services."))
        return ()
    accepted: list[str] = []
    for service, answer in cast("dict[str, object]", sent).items():
        place = f"services.{service}"
        if answer != _ACCEPTED:
            faults.append(Fault(place, "A service can only be accepted by name."))
        elif terms and service in terms.exempt:
            faults.append(Fault(place, "This service is always on and is not asked."))
        elif terms and service not in terms.answerable:
            faults.append(Fault(place, "The notice has no such service."))
        else:
            accepted.append(service)
    return tuple(accepted)
