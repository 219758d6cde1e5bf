"""What a compositor does to typed text: apostrophes, and spaces that do not break.

Only characters change, never words. French follows the rules of the Imprimerie
nationale: a narrow space before ; ? !, a full one before : and inside « ».
"""

import re
from collections.abc import Mapping
from typing import cast

_NBSP = "\u00a0"
_NARROW = "\u202f"

_FRENCH = (
    (re.compile(r" (?=[;?!])"), _NARROW),
    (re.compile(r" (?=[:»])"), _NBSP),
    (re.compile(r"(?<=«) "), _NBSP),
    (re.compile(r"(?<=\d) (?=\d{3}\b)"), _NARROW),
    (re.compile(r"(?<=\d) (?=%|h\b|euros\b|heures\b)"), _NBSP),
    (re.compile(r"(?<=\bh) (?=\d)"), _NBSP),
    (re.compile(r"(?<=n°) (?=\d)"), _NBSP),
)

# Names that machines read, not people.
_LEFT_ALONE = {"slug", "id", "photo"}


def typeset(text: str, language: str) -> str:
    """Set one text as a printer of its language would."""
    text = text.replace("'", "’")
    if language == "fr":
        for spot, space in _FRENCH:
            text = spot.sub(space, text)
    return text


def typeset_all(value: object, language: str) -> object:
    """Set every text inside lists and tables, except what machines read."""
    if isinstance(value, str):
        return typeset(value, language)
    if isinstance(value, list):
        return [typeset_all(part, language) for part in cast("list[object]", value)]
    if isinstance(value, Mapping):
        table = cast("Mapping[str, object]", value)
        return {
            key: part if key in _LEFT_ALONE else typeset_all(part, language)
            for key, part in table.items()
        }
    return value
