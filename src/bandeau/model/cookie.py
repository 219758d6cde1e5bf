"""The choice cookie: text and values, no judgement.

    1.<notice>.<day>.<letters>[.<subject>][~<service>:y…]

`notice` is the first 8 characters of the digest, `day` days since 1970 in base 36,
`letters` one of y n - per asked purpose in notice order, `subject` 22 base64url
characters. Under 128 bytes. `banner/choices.js` is its twin; both keep to
tests/vectors/cookie.json. Reading is strict: what is not exactly this is Malformed,
and the caller goes on as if the visitor were silent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bandeau.errors import MalformedError

COOKIE_NAME = "bandeau"
LONGEST = 127
NOTICE_CHARACTERS = 8

_FORM = re.compile(
    r"1\.([A-Za-z0-9_-]{8})\.([1-9a-z][0-9a-z]{0,3})\.([yn-]{1,24})"
    r"(?:\.([A-Za-z0-9_-]{22}))?((?:~[a-z][a-z0-9-]{0,23}:[yn])*)"
)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieChoice:
    """What a cookie says, not yet held against any notice."""

    notice: str
    day: int
    letters: str
    subject: str = ""
    services: Mapping[str, str] = field(default_factory=dict[str, str])


def read_cookie(text: str) -> CookieChoice:
    """Read a choice cookie's value.

    Raises:
        MalformedError: truncated, too long, of another version, or not ours.
    """
    form = _FORM.fullmatch(text) if len(text) <= LONGEST else None
    if form is None:
        raise MalformedError("The choice cookie cannot be read.")
    notice, day, letters, subject, tail = form.groups()
    named = [part.split(":") for part in tail.split("~")[1:]]
    services = dict(named)
    if len(services) < len(named):
        raise MalformedError("The choice cookie names a service twice.")
    return CookieChoice(
        notice=notice,
        day=int(day, 36),
        letters=letters,
        subject=subject or "",
        services=services,
    )


def write_cookie(choice: CookieChoice) -> str:
    """Write a choice cookie's value.

    Where it would be too long, accepted services are left out, the first ones first:
    a yes that is forgotten is silence, a no that is forgotten would be a yes.

    Raises:
        MalformedError: it would be too long all the same.
    """
    services = dict(choice.services)
    text = _written(choice, services)
    for service, letter in choice.services.items():
        if len(text) <= LONGEST:
            break
        if letter == "y":
            del services[service]
            text = _written(choice, services)
    if len(text) > LONGEST:
        raise MalformedError("So many refused services do not fit into a cookie.")
    return text


def _written(choice: CookieChoice, services: Mapping[str, str]) -> str:
    subject = f".{choice.subject}" if choice.subject else ""
    tail = "".join(f"~{service}:{letter}" for service, letter in services.items())
    day = base36(choice.day)
    return f"1.{choice.notice}.{day}.{choice.letters}{subject}{tail}"


def base36(number: int) -> str:
    """Write a positive whole number in base 36."""
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text
