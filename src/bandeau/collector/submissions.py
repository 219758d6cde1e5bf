"""What a browser sends when its visitor has answered, held against the notice. Pure.

JSON and form become the same table first, and then one check finds everything that is
wrong with it at once. Nothing is guessed: an answer that is missing, unknown or locked
makes the whole choice invalid, since a record has to say what the visitor said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qsl

import msgspec

from bandeau.collector.problems import Fault, invalid
from bandeau.errors import MalformedError
from bandeau.ledger.record import key_from_text
from bandeau.model.answers import Answer
from bandeau.model.choices import VIAS
from bandeau.model.cookie import (
    NOTICE_CHARACTERS,
    CookieChoice,
    read_cookie,
    write_cookie,
)
from bandeau.model.notices import Notice

WITHDRAWAL = "withdrawal"

_FIELDS = {"notice", "request", "via", "answers", "services", "subject"}
_LETTERS = {answer.value: answer.letter for answer in Answer}
_SAID = {a.value: a.letter for a in (Answer.ACCEPTED, Answer.REFUSED)}
_decode = msgspec.json.Decoder(dict[str, object]).decode


class Terms:
    """One published notice, with what its visitors may answer worked out beforehand."""

    __slots__ = ("answerable", "asked", "exempt", "locked", "mark", "notice")

    def __init__(self, notice: Notice) -> None:
        self.notice = notice
        self.mark = notice.digest[:NOTICE_CHARACTERS]
        self.asked = notice.asked
        self.locked = {p.id for p in notice.purposes if p.locked}
        self.exempt = {s.id for s in notice.services if s.exemption}
        self.answerable = {s.id for s in notice.services} - self.exempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A choice that can be recorded. `letters` and `services` as the cookie has them.

    `request` and `subject` are keys as they were sent, with the time of a client's
    clock at their front. That clock may be wrong by years and nothing depends on it:
    order is the index that the ledger gives, and `at` is the server's time. A wrong
    clock only puts a key elsewhere in an index.
    """

    terms: Terms
    request: str
    via: str
    letters: str
    services: Mapping[str, str]
    subject: str

    @property
    def accepts_something(self) -> bool:
        return "y" in self.letters or "y" in self.services.values()

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
    fields: Mapping[str, list[str]], terms: Terms | None, cookie: str, request: str
) -> dict[str, object]:
    """Say a form's fields as the JSON would say them.

    `request` is a key minted here, used where the form brings none: its page may come
    from a cache, so that a key in it would be many visitors'. What a script knows from
    the cookie is taken from the cookie: the visitor's id, and the services that they
    refused by name, which *OK* leaves refused (*Accept all* accepts those too). Fields
    that we do not know are left alone: a site may put its own into any form.
    """
    action = _first(fields, "action")
    asked = terms.asked if terms else ()
    ticked = fields.get("purpose", []) if action == "save" else []
    every = Answer.ACCEPTED.value if action == "accept" else Answer.REFUSED.value
    answers = dict.fromkeys(asked, every) | dict.fromkeys(ticked, Answer.ACCEPTED.value)
    via = WITHDRAWAL if action == "withdraw" else _first(fields, "via")
    try:
        before = read_cookie(cookie)
    except MalformedError:
        before = None
    sent: dict[str, object] = {
        "notice": _first(fields, "notice"),
        "request": _first(fields, "request") or request,
        "via": via,
        "answers": answers,
    }
    if before is None:
        return sent
    services = {
        service: Answer.REFUSED.value
        for service, letter in before.services.items()
        if action == "save" and letter == "n" and terms and service in terms.answerable
    }
    if services:
        sent["services"] = services
    if before.subject:
        sent["subject"] = before.subject
        if Answer.ACCEPTED.value not in answers.values():
            # Only who accepted something has an id: this takes a yes back, whichever
            # button said it.
            sent["via"] = WITHDRAWAL
    return sent


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
                "This is missing: the whole digest of the notice that was answered."
                if missing
                else "This site has published no such notice.",
            )
        )
    request = _key(sent, "request", faults)
    if not request and "request" not in sent:
        faults.append(Fault("request", "This is missing: a new key for every choice."))
    via = sent.get("via")
    if via not in VIAS:
        faults.append(Fault("via", f"Say one of {', '.join(VIAS)}."))
    letters = _letters(sent.get("answers"), terms, faults)
    services = _services(sent.get("services"), terms, faults)
    subject = _key(sent, "subject", faults)
    accepts = "y" in letters or "y" in services.values()
    if not faults and not services and not letters.strip("-"):
        faults.append(Fault("answers", "Nothing is answered, and silence is no choice."))
    if not faults and subject and not accepts and via != WITHDRAWAL:
        # "A refusal leaves no identifier." Only a withdrawal names whose yes ends.
        faults.append(Fault("subject", "A choice that accepts nothing carries none."))
    if faults or terms is None:
        raise invalid(faults)
    submission = Submission(
        terms=terms,
        request=request,
        via=cast("str", via),
        letters=letters,
        services=services,
        subject=subject,
    )
    if services:
        try:
            submission.cookie(1, subject)
        except MalformedError as long:
            raise invalid([Fault("services", long.message)]) from None
    return submission


def _key(sent: Mapping[str, object], field: str, faults: list[Fault]) -> str:
    text = sent.get(field)
    if text is None and field not in sent:
        return ""
    if isinstance(text, str):
        try:
            key_from_text(text, place=field)
        except MalformedError as wrong:
            faults.append(Fault(field, wrong.message))
            return ""
        return text
    faults.append(Fault(field, "A key is a text of 22 characters."))
    return ""


def _letters(sent: object, terms: Terms | None, faults: list[Fault]) -> str:
    if not isinstance(sent, dict):
        faults.append(Fault("answers", "This has to hold an answer to every purpose."))
        return ""
    answers = cast("dict[str, object]", sent)
    for purpose, answer in answers.items():
        place = f"answers.{purpose}"
        if not isinstance(answer, str) or answer not in _LETTERS:
            faults.append(Fault(place, f"Say one of {', '.join(_LETTERS)}."))
        elif terms and purpose in terms.locked:
            faults.append(Fault(place, "This purpose is always on and is not asked."))
        elif terms and purpose not in terms.asked:
            faults.append(Fault(place, "The notice has no such purpose."))
    if terms is None:
        return ""
    letters: list[str] = []
    for purpose in terms.asked:
        answer = answers.get(purpose)
        if answer is None and purpose not in answers:
            faults.append(
                Fault(f"answers.{purpose}", "This is missing: say unanswered if so.")
            )
        letters.append(_LETTERS.get(answer, "-") if isinstance(answer, str) else "-")
    return "".join(letters)


def _services(
    sent: object, terms: Terms | None, faults: list[Fault]
) -> dict[str, str]:
    if sent is None:
        return {}
    if not isinstance(sent, dict):
        faults.append(Fault("services", "This has to hold answers by service."))
        return {}
    letters: dict[str, str] = {}
    for service, answer in cast("dict[str, object]", sent).items():
        place = f"services.{service}"
        if not isinstance(answer, str) or answer not in _SAID:
            faults.append(Fault(place, f"Say one of {', '.join(_SAID)}."))
        elif terms and service in terms.exempt:
            faults.append(Fault(place, "This service is always on and is not asked."))
        elif terms and service not in terms.answerable:
            faults.append(Fault(place, "The notice has no such service."))
        else:
            letters[service] = _SAID[answer]
    return letters
