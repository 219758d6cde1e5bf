"""Readers' comments, in memory: bounded, plain text, gone when the paper stops.

Who wrote a comment is known only by the technical session cookie, which lets them take
it back. Text is kept as written; templates escape it.
"""

import re
import secrets
from collections import deque
from collections.abc import Mapping
from datetime import datetime

import msgspec

from examples.newsroom.edition import LANGUAGES, Article

SESSION_COOKIE = "courrier_session"
LONGEST_NAME = 60
LONGEST_TEXT = 1000
MOST_COMMENTS = 50  # per page; the oldest leaves

_SESSION = re.compile(r"[A-Za-z0-9_-]{22}")
# Control characters but tab and line feed, and what turns text around.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    name: str
    at: datetime
    text: str
    owner: str = ""  # a session; empty for the comments that came with the edition


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody sent, and what is wrong with it: keys of `error` in the words."""

    name: str
    text: str
    wrong: Mapping[str, str]


def read_submission(form: Mapping[str, list[str]]) -> Submission:
    """Read the comment form. What is too long is cut before it is shown again."""
    name = " ".join(_plain(form.get("name", [""])[0]).split())
    text = _plain(form.get("text", [""])[0]).strip()
    wrong: dict[str, str] = {}
    if not name:
        wrong["name"] = "name_missing"
    elif len(name) > LONGEST_NAME:
        wrong["name"] = "name_long"
    if not text:
        wrong["text"] = "text_missing"
    elif len(text) > LONGEST_TEXT:
        wrong["text"] = "text_long"
    return Submission(name=name[: LONGEST_NAME + 40], text=text[:4000], wrong=wrong)


def _plain(text: str) -> str:
    return _UNSEEN.sub("", text.replace("\r\n", "\n"))


def session_of(cookie: str | None) -> str:
    """The session that a cookie names; silence when it is not one of ours."""
    return cookie if cookie and _SESSION.fullmatch(cookie) else ""


def new_session() -> str:
    return secrets.token_urlsafe(16)


class Letters:
    """Every comment of every page."""

    def __init__(self, articles: tuple[Article, ...]) -> None:
        self._next = 1
        self._pages: dict[tuple[str, str], deque[Comment]] = {}
        for article in articles:
            for language in LANGUAGES:
                page: deque[Comment] = deque(maxlen=MOST_COMMENTS)
                self._pages[article.id, language] = page
                for letter in article.story(language).comments:
                    self._write(page, letter.name, letter.at, letter.text, "")

    def on(self, article: Article, language: str) -> tuple[Comment, ...]:
        return tuple(self._pages[article.id, language])

    def add(
        self,
        article: Article,
        language: str,
        submission: Submission,
        *,
        at: datetime,
        owner: str,
    ) -> Comment:
        assert not submission.wrong
        page = self._pages[article.id, language]
        return self._write(page, submission.name, at, submission.text, owner)

    def remove(self, article: Article, language: str, number: str, owner: str) -> None:
        """Take back one's own comment; anything else is left as it is."""
        page = self._pages[article.id, language]
        for comment in page:
            if owner and comment.owner == owner and str(comment.number) == number:
                page.remove(comment)
                return

    def _write(
        self, page: deque[Comment], name: str, at: datetime, text: str, owner: str
    ) -> Comment:
        comment = Comment(number=self._next, name=name, at=at, text=text, owner=owner)
        self._next += 1
        page.append(comment)
        return comment
