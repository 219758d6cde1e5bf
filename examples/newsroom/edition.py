"""The paper as it is written: articles, words of the interface, dates.

Read once at start from `content/` and `words/`; nothing here changes afterwards.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import msgspec

from examples.newsroom.typography import typeset_all

HERE = Path(__file__).parent
LANGUAGES = ("fr", "en")


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an article: paragraphs, and perhaps somebody's words."""

    subhead: str
    paragraphs: tuple[str, ...]
    quote: str = ""
    by: str = ""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A reader's comment that came with the edition."""

    name: str
    at: datetime
    text: str


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """An article in one language."""

    slug: str
    kicker: str
    headline: str
    lede: str
    author: str
    minutes: int
    alt: str
    caption: str
    credit: str
    source: str
    sections: tuple[Section, ...]
    comments: tuple[Letter, ...]


class Article(msgspec.Struct, frozen=True, kw_only=True):
    """An article in every language of the paper."""

    id: str
    section: str
    topics: tuple[str, ...]
    published: datetime
    photo: str
    video: bool
    fr: Story
    en: Story

    def story(self, language: str) -> Story:
        return self.fr if language == "fr" else self.en


def read_articles() -> tuple[Article, ...]:
    """Read every article, newest first."""
    articles: list[Article] = []
    for path in (HERE / "content").glob("*.toml"):
        table = cast("dict[str, object]", msgspec.toml.decode(path.read_bytes()))
        for language in LANGUAGES:
            table[language] = typeset_all(table[language], language)
        articles.append(msgspec.convert(table, Article))
    return tuple(sorted(articles, key=lambda a: a.published, reverse=True))


def read_words(language: str) -> dict[str, Any]:
    """Read the words of the interface in one language."""
    path = HERE / "words" / f"{language}.toml"
    table: object = msgspec.toml.decode(path.read_bytes())
    return cast("dict[str, Any]", typeset_all(table, language))


def related(
    article: Article | None,
    articles: Sequence[Article],
    *,
    seen: Sequence[str],
    personal: bool,
    count: int = 3,
) -> tuple[Article, ...]:
    """Choose what to read next.

    Without `personal` these are the newest, the same for everyone, and `seen` is not
    looked at. With it, articles that share topics with what was read come first, and
    those already read come last.
    """
    others = [other for other in articles if other is not article]
    if not personal:
        return tuple(others[:count])
    read = [a for a in articles if a.id in seen] + ([article] if article else [])
    liked = [topic for a in read for topic in a.topics]
    return tuple(
        sorted(
            others,
            key=lambda other: (
                other.id in seen,
                -sum(liked.count(topic) for topic in other.topics),
            ),
        )[:count]
    )


def day_in_words(moment: datetime, words: Mapping[str, Any]) -> str:
    return _in_words("date", moment, words)


def moment_in_words(moment: datetime, words: Mapping[str, Any]) -> str:
    return _in_words("moment", moment, words)


def _in_words(form: str, moment: datetime, words: Mapping[str, Any]) -> str:
    text: str = words[form]
    return text.format(
        weekday=words["weekdays"][moment.weekday()],
        day=words["first_day"] if moment.day == 1 else moment.day,
        month=words["months"][moment.month - 1],
        year=moment.year,
        hour=moment.hour,
        minute=f"{moment.minute:02}",
    )


def preferred_language(accept: str) -> str:
    """The language of ours that an `Accept-Language` header likes best, else the first.

    "the user's preference … qvalue … 0 means 'not acceptable'" -- RFC 9110, 12.5.4
    """
    best, weight = LANGUAGES[0], 0.0
    for part in accept[:512].split(","):
        tag, _, parameter = part.strip().partition(";")
        language = tag.strip().lower().split("-")[0]
        try:
            quality = float(parameter.strip().removeprefix("q=") or "1")
        except ValueError:
            continue
        if language in LANGUAGES and weight < quality <= 1:
            best, weight = language, quality
    return best
