"""How long a cookie or storage key stays: "session", "persistent" or "13 months"."""

import re
from collections.abc import Mapping

EXAMPLES = '"session", "persistent", or a count and a unit such as "13 months"'

_FORM = re.compile(r"([1-9][0-9]{0,3}) (second|minute|hour|day|week|month|year)s?")


def is_lifetime(text: str) -> bool:
    """Say whether a lifetime can be read."""
    return text in ("session", "persistent") or _FORM.fullmatch(text) is not None


def lifetime_in_words(lifetime: str, texts: Mapping[str, str]) -> str:
    """Write a lifetime in a language: its texts hold `lifetime.month.one` and so on."""
    form = _FORM.fullmatch(lifetime)
    if form is None:
        return texts[f"lifetime.{lifetime}"]
    count, unit = form.groups()
    number = "one" if count == "1" else "other"
    return f"{count} {texts[f'lifetime.{unit}.{number}']}"
