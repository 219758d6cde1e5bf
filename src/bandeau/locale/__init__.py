"""The words for people: one TOML file per language, read into flat, dotted keys.

Every language has every key and the same places to fill in; a test says which one is
missing where. What a published notice says is frozen in the notice itself, so a text
mended here reaches visitors with the next notice.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, cast

import msgspec

LANGUAGES = ("fr", "en")


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All texts of one language, by dotted key, in the file's order."""
    source = files(__name__).joinpath(f"{language}.toml").read_bytes()
    return dict(_flat(msgspec.toml.decode(source, type=dict[str, Any]), ""))


def catalogues() -> Mapping[str, Mapping[str, str]]:
    """The catalogues of every language that we ship."""
    return {language: catalogue(language) for language in LANGUAGES}


def _flat(table: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(cast("dict[str, Any]", value), f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
