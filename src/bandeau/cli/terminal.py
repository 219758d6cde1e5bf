"""How the commands speak: tables and colour on a terminal, plain text anywhere else.

Everything printed goes through here. JSON is never wrapped, coloured or cut.
"""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import Final

import msgspec
import typer
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from bandeau.errors import BandeauError

# What reads a pipe wraps lines itself, if it wants them wrapped.
_ENDLESS: Final = 10_000

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_NOTHING: Final = "·"


def console(*, stderr: bool = False) -> Console:
    """Where to print; made anew each time, because tests exchange the streams.

    Rich sees to NO_COLOR. Markup is off: a notice's places are written in brackets.
    """
    screen = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not screen.is_terminal:
        screen.width = _ENDLESS
    return screen


def spare_old_terminals() -> None:
    """Let a stream that does not know a character show `?` instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def print_line(*parts: str | tuple[str, str]) -> None:
    """Print one line; a part may be a text and its style."""
    console().print(Text.assemble(*parts))


def print_table(table: Table) -> None:
    screen = console()
    if screen.is_terminal:
        screen.print(table)
        return
    # Rich fills the last column with spaces, which are only in the way of a pipe.
    with screen.capture() as drawn:
        screen.print(table)
    for line in drawn.get().splitlines():
        screen.print(Text(line.rstrip()))


def print_note(text: str) -> None:
    """Say something beside the result, where a pipe does not take it along."""
    console(stderr=True).print(Text(text))


def print_error(error: BandeauError) -> None:
    screen = console(stderr=True)
    screen.print(Text.assemble(("Error:", "bold red"), f" {error.message}"))
    if error.hint:
        screen.print(Text.assemble(("Hint:", "bold"), f" {error.hint}"))


def print_json(value: object) -> None:
    # As bytes: JSON is UTF-8, whatever the terminal's encoding is.
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


@contextmanager
def progress_bar(label: str) -> Generator[Callable[[int, int], None]]:
    """Show how far something is, called with what is done and all there is.

    Only on a terminal, beside the result, and gone when it is done.
    """
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(label), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task(label)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def new_table(*columns: str, numbers: Sequence[str] = ()) -> Table:
    """A table without lines; the columns named in `numbers` stand to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        justify: JustifyMethod = "right" if column in numbers else "left"
        table.add_column(column, justify=justify)
    return table


def sparkline(counts: Sequence[int]) -> str:
    """One character per count: a dot for nothing, a block as high as the rest is."""
    most = max(counts, default=0)
    return "".join(
        _BLOCKS[-(-count * len(_BLOCKS) // most) - 1] if count else _NOTHING
        for count in counts
    )


def listed(words: Sequence[str]) -> str:
    return ", ".join(words) or "none"


def counted(count: int, one: str, other: str = "") -> str:
    """A number and its noun: 1 record, 2 records."""
    return f"{count:,} {one if count == 1 else other or f'{one}s'}"


def now() -> datetime:
    return datetime.now(UTC)


def minute(at: int) -> str:
    """A time in seconds as people read it; UTC, as everything that is kept."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def instant(at: int) -> str:
    """A time in seconds as programs read it (RFC 3339)."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
