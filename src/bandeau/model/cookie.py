"""The choice cookie: text and values, no judgement.

    1.<notice>.<day>.<letters>[.<subject>][~<service>:y…]

`notice` is the first 8 characters of the digest, `day` days since 1970 in base 36,
`letters` one of y n - per asked purpose in notice order, `subject` 32 hexadecimal
digits; after it the services that were accepted by name. Under 128 bytes.
`banner/choices.js` is its twin; both keep to tests/vectors/cookie.json. Reading is
strict: what is not exactly this is Malformed, and the caller goes on as if the visitor
were silent.
"""

import re
from dataclasses import dataclass

from bandeau.errors import MalformedError

COOKIE_NAME = "bandeau"
LONGEST = 127
NOTICE_CHARACTERS = 8

_FORM = re.compile(
    r"1\.([A-Za-z0-9_-]{8})\.([0-9a-z]{1,4})\.([yn-]{1,24})"
    r"(?:\.([0-9a-f]{32}))?((?:~[a-z0-9-]+:y)*)"
)
# As `withService` in banner/choices.js: what fits behind the longest first part.
_NEWEST = re.compile(r"~.{0,67}$")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieChoice:
    """What a cookie says, not yet held against any notice."""

    notice: str
    day: int
    letters: str
    subject: str = ""
    services: tuple[str, ...] = ()


def read_cookie(text: str) -> CookieChoice:
    """Read a choice cookie's value.

    Raises:
        MalformedError: truncated, too long, of another version, or not ours.
    """
    form = _FORM.fullmatch(text) if len(text) <= LONGEST else None
    if form is None:
        raise MalformedError("The choice cookie cannot be read.")
    notice, day, letters, subject, tail = form.groups()
    return CookieChoice(
        notice=notice,
        day=int(day, 36),
        letters=letters,
        subject=subject or "",
        services=tuple(re.findall("~([^:]+):y", tail)),
    )


def write_cookie(choice: CookieChoice) -> str:
    """Write a choice cookie's value.

    Of very many accepted services the first ones are left out: a yes that is forgotten
    is only silence.
    """
    subject = f".{choice.subject}" if choice.subject else ""
    day = base36(choice.day)
    tail = "".join(f"~{service}:y" for service in choice.services)
    kept = _NEWEST.search(tail)
    services = kept[0] if kept else ""
    return f"1.{choice.notice}.{day}.{choice.letters}{subject}{services}"


def base36(number: int) -> str:
    """Write a positive whole number in base 36."""
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text
