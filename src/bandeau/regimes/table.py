"""What a regime is: a table over every answer, and durations, each with its reason.

Whatever comes from a law stands in one of the tables next to this file, with a rule id
of the reference (`CNIL-13`); no code elsewhere holds a number or a verdict of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bandeau.model.answers import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """May it run now, and because of which row or rule."""

    allowed: bool
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Months:
    """A duration in calendar months: what we ship, and what a notice may say instead."""

    months: int
    at_least: int
    at_most: int
    because: str

    def within(self, wanted: int) -> int:
        """The nearest duration to `wanted` that the regime allows."""
        return min(max(wanted, self.at_least), self.at_most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """One law. `verdicts` has a row for every answer, with and without an objection.

    The second half of a row's key says whether the visitor's browser objects (GPC).
    """

    id: str
    title: str
    verdicts: Mapping[tuple[Answer, bool], Verdict]
    exempt: Verdict
    unknown: Verdict
    choice: Months
