"""What a visitor said of one purpose or one service. Silence has a value of its own."""

from enum import Enum


class Answer(Enum):
    """One of three; only `ACCEPTED` is ever a yes.

    "Silence, pre-ticked boxes or inactivity should not therefore constitute
    consent." -- GDPR, recital 32 (EU-3, EU-4)
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"

    @property
    def letter(self) -> str:
        """The answer as the choice cookie and the record write it: y, n or -."""
        return _LETTERS[self]

    @classmethod
    def of_letter(cls, letter: str) -> "Answer":
        """Read y, n or -; any other letter raises KeyError."""
        return _ANSWERS[letter]


_LETTERS = {Answer.ACCEPTED: "y", Answer.REFUSED: "n", Answer.UNANSWERED: "-"}
_ANSWERS = {letter: answer for answer, letter in _LETTERS.items()}
