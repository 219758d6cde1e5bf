"""`bandeau records`: how visitors answered, counted and one by one.

Counts come from the tallies, so they cost the same however many records there are. A
subject is shown by its last characters only: enough to see that two records are one
visitor's, too little to look for anybody.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec
import typer
from rich.text import Text

from bandeau.cli.options import JsonOption, StoreOption
from bandeau.cli.terminal import (
    console,
    counted,
    instant,
    new_table,
    now,
    print_json,
    print_line,
    print_note,
    print_table,
    sparkline,
)
from bandeau.errors import MisconfiguredError
from bandeau.ledger.addresses import without_password
from bandeau.ledger.places import open_store
from bandeau.ledger.record import KINDS, day_of
from bandeau.ledger.store import KeptRecord, Store, Tally
from bandeau.model.answers import Answer
from bandeau.model.cookie import NOTICE_CHARACTERS
from bandeau.model.notices import decode_notice

_SECONDS_A_DAY: Final = 86_400
_SUBJECT_CHARACTERS: Final = 6
# A longer sparkline does not fit on a line, so that each character stands for more days.
_LONGEST_LINE: Final = 60

_WIDE: Final = 120
_STYLES: Final = {
    Answer.ACCEPTED: "green",
    Answer.REFUSED: "red",
    Answer.UNANSWERED: "dim",
}
_MARKS: Final = {Answer.ACCEPTED: "✓", Answer.REFUSED: "✗", Answer.UNANSWERED: "?"}


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a record's body says; only read here, never written."""

    time: int
    notice: str
    answers: str
    via: str
    services: dict[str, str] = {}
    subject: str = ""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One record as it is shown."""

    index: int
    at: str
    kind: str
    notice: str
    via: str
    answers: dict[str, Answer]
    services: dict[str, Answer]
    subject: str


def records(
    *,
    store: StoreOption,
    site: Annotated[
        str,
        typer.Option(metavar="ID", help="One site. [default: all]", show_default=False),
    ] = "",
    limit: Annotated[
        int,
        typer.Option(metavar="N", min=0, max=10_000, help="How many records to list."),
    ] = 20,
    days: Annotated[
        int, typer.Option(metavar="N", min=1, max=3660, help="How many days to count.")
    ] = 30,
    as_json: JsonOption = False,
) -> None:
    """Count how visitors answered; list the newest records.

    Times are UTC. A visitor is shown by the end of their identifier; whoever accepted
    nothing has none.
    """
    opened = open_store(store)
    try:
        sites = opened.sites()
        if site and site not in sites:
            raise MisconfiguredError(
                f"The store has no site called {site!r}.",
                hint=f"Its sites: {', '.join(sites) or 'none yet'}.",
            )
        today = day_of(int(now().timestamp()))
        first = today - days + 1
        shown = [
            (
                one,
                opened.size(one),
                opened.tallies(one, first),
                _rows(opened, one, limit),
            )
            for one in ([site] if site else sites)
        ]
    finally:
        opened.close()
    if as_json:
        print_json(
            {
                "sites": [
                    {
                        "site": name,
                        "records": size,
                        "since": _date(first),
                        "counts": _totals(tallies),
                        "days": _by_date(tallies),
                        "newest": rows,
                    }
                    for name, size, tallies, rows in shown
                ]
            }
        )
        return
    if not shown:
        print_note(
            "Nothing is published yet, so nobody has answered.\n"
            f"Hint: bandeau notice publish notice.toml --store {without_password(store)}"
        )
    for number, (name, size, tallies, rows) in enumerate(shown):
        if number:
            print_line()
        print_line((name, "bold"), f": {counted(size, 'record')}")
        if not size:
            print_note(
                "Nobody has answered yet.\n"
                f"Hint: `bandeau serve --store {without_password(store)}` takes answers; see "
                "`bandeau serve --help`."
            )
            continue
        _print_counts(tallies, first, days)
        _print_rows(rows)


def _rows(store: Store, site: str, limit: int) -> list[Row]:
    asked: dict[str, Sequence[str]] = {}
    return [_row(kept, store, asked) for kept in store.page(site, limit=limit)]


def _row(kept: KeptRecord, store: Store, asked: dict[str, Sequence[str]]) -> Row:
    said = msgspec.json.decode(kept.record.body, type=Said)
    if said.notice not in asked:
        body = store.notice(said.notice)
        # A record outlives no notice; were one gone, its letters would still be counted.
        asked[said.notice] = (
            decode_notice(body).asked if body else _nameless(len(said.answers))
        )
    return Row(
        index=kept.index,
        at=instant(said.time),
        kind=kept.record.kind,
        notice=said.notice,
        via=said.via,
        answers=_answers(dict(zip(asked[said.notice], said.answers, strict=False))),
        services=_answers(said.services),
        subject=f"…{said.subject[-_SUBJECT_CHARACTERS:]}" if said.subject else "",
    )


def _nameless(count: int) -> list[str]:
    return [f"purpose {number}" for number in range(1, count + 1)]


def _answers(letters: Mapping[str, str]) -> dict[str, Answer]:
    return {name: Answer.of_letter(letter) for name, letter in letters.items()}


# --- counting -----------------------------------------------------------------------


def _totals(tallies: Sequence[Tally]) -> dict[str, int]:
    return {
        kind: sum(tally.count for tally in tallies if tally.kind == kind)
        for kind in KINDS
    }


def _by_date(tallies: Sequence[Tally]) -> dict[str, dict[str, int]]:
    dates: dict[str, dict[str, int]] = {}
    for tally in tallies:
        dates.setdefault(_date(tally.day), {})[tally.kind] = tally.count
    return dates


def _date(day: int) -> str:
    return instant(day * _SECONDS_A_DAY)[:10]


def _print_counts(tallies: Sequence[Tally], first: int, days: int) -> None:
    totals = _totals(tallies)
    every = sum(totals.values())
    width = -(-days // _LONGEST_LINE)
    each = "each day" if width == 1 else f"each {width} days"
    since = f"{counted(days, 'day')}, since {_date(first)}"
    table = new_table(since, "count", "share", each, numbers=("count", "share"))
    for kind in (*KINDS, "all"):
        counts = [0] * -(-days // width)
        for tally in tallies:
            # A clock that was set back leaves tallies of days to come.
            place = (tally.day - first) // width
            if kind in {tally.kind, "all"} and place < len(counts):
                counts[place] += tally.count
        total = totals.get(kind, every)
        share = f"{total / every:.0%}" if every else ""
        table.add_row(kind, f"{total:,}", share, _drawn(counts))
    print_table(table)


def _drawn(counts: Sequence[int]) -> str:
    return sparkline(counts) if _speaks_unicode() else ""


def _speaks_unicode() -> bool:
    return console().encoding.startswith("utf")


# --- the newest ---------------------------------------------------------------------


def _print_rows(rows: Sequence[Row]) -> None:
    if not rows:
        return
    print_line()
    columns = ("#", "time", "notice", "answers", "via", "visitor")
    table = new_table(*columns, numbers=("#",))
    for row in rows:
        table.add_row(
            str(row.index),
            row.at.replace("T", " ")[:16],
            row.notice[:NOTICE_CHARACTERS],
            _in_words(row),
            row.via,
            row.subject,
        )
    print_table(table)


def _in_words(row: Row) -> Text:
    """`all refused`, or each answer with those who have it; accepted services by name."""
    said = set(row.answers.values())
    if len(said) == 1:
        (answer,) = said
        phrases = [Text(f"all {answer.value}", _STYLES[answer])]
    else:
        phrases = _phrases(row.answers)
    # On a narrow terminal, a line for each is easier to read than one that is broken.
    between = "  " if console().width >= _WIDE else "\n"
    return Text(between).join([*phrases, *_phrases(row.services)])


def _phrases(answers: Mapping[str, Answer]) -> list[Text]:
    marks = _MARKS if _speaks_unicode() else {answer: answer.value for answer in Answer}
    return [
        Text(f"{marks[answer]} {', '.join(names)}", style)
        for answer, style in _STYLES.items()
        if (names := [name for name, said in answers.items() if said is answer])
    ]
