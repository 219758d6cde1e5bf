"""Every error that Bandeau raises on purpose, as one tree.

    BandeauError
    ├── MisconfiguredError      ours: what the site wrote or set up; stop before the first request
    │   └── StoreMissingError   there is no store where one was expected
    ├── MalformedError          theirs: what a browser or partner sent; go on as if they were silent
    └── UnavailableError        nobody's: full or out of reach for now; try again later

A message says what is wrong, `hint` what to do about it. Neither ever holds a cookie
value, a consent string, an address or an identifier: messages end up in logs.
"""


class BandeauError(Exception):
    """The root of the tree: `message` says what is wrong, `hint` what to do."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nHint: {self.hint}" if self.hint else self.message


class MisconfiguredError(BandeauError):
    """The site's own notice, settings or files are wrong: stop and say so."""


class StoreMissingError(MisconfiguredError):
    """There is no store at the given place; one is made only by an explicit command."""


class MalformedError(BandeauError):
    """Something that a visitor's browser sent cannot be read; `place` says where."""

    def __init__(self, message: str, *, place: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.place = place


class UnavailableError(BandeauError):
    """The work cannot be taken now; `retry_after` says when to ask again, in seconds."""

    def __init__(self, message: str, *, retry_after: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
