"""`bandeau ledger verify`, `bandeau ledger export`: a whole log, checked or copied.

`verify` asks either a store, where the records are, or a folder that `export` made, where
they are not. Whose key it is that signs is the caller's to say.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from bandeau.cli.options import JsonOption, MaybeStoreOption, StoreOption
from bandeau.cli.terminal import (
    counted,
    new_table,
    print_json,
    print_line,
    print_table,
    progress_bar,
)
from bandeau.errors import MalformedError, MisconfiguredError
from bandeau.ledger.export import ExportedLog
from bandeau.ledger.export import export as write_copy
from bandeau.ledger.fsck import Examination, Source, StoredLog, examine
from bandeau.ledger.keys import read_seed_file
from bandeau.ledger.log import log_key
from bandeau.ledger.logs import LogStore
from bandeau.ledger.note import VerifierKey, read_checkpoint, read_key, read_note
from bandeau.ledger.places import open_logs
from bandeau.ledger.proof import Outcome
from bandeau.ledger.verify_receipt import shown

app = typer.Typer(no_args_is_help=True, help="Check a whole log, or copy it.")

_FALSE: Final = 1
_STYLES: Final = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "red",
    Outcome.UNTRIED: "dim",
}
_ALONE: Final = "That there is no other log of this name, shown to others, is what witnesses are for."


# --- verify -------------------------------------------------------------------------


def verify(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIRECTORY]",
            help="A copy that `bandeau ledger export` made, instead of a store.",
            show_default=False,
        ),
    ] = None,
    *,
    store: MaybeStoreOption = None,
    site: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="The site whose present log it is. [default: the only one]",
            show_default=False,
        ),
    ] = "",
    log: Annotated[
        str,
        typer.Option(metavar="ORIGIN", help="The log by its name.", show_default=False),
    ] = "",
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The seed that the log is signed with.",
            show_default=False,
        ),
    ] = None,
    vkey: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VKEY",
            help="The log's key, instead of its seed; again for each one it had.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a whole log, in ten steps: each entry, each tile, each record.

    Exit code 0 where it holds, 1 where it does not, 2 where it cannot be read. Nothing is
    changed. A collector may go on meanwhile.
    """
    if (key is None) is (not vkey):
        raise MisconfiguredError(
            "Whose signature do you believe?",
            hint="Name either the log's key with --vkey or its seed with --key.",
        )
    keys = [_key(text) for text in vkey or ()]
    with _source(folder, store, site, log) as source:
        if key is not None:
            origin = _origin_of(source)
            keys = [log_key(read_seed_file(key), origin).verifier]
        with progress_bar("entries") as progress:
            found = examine(source, keys, progress=progress)
    if as_json:
        print_json(_as_json(found))
    else:
        _print(found)
    if not found.holds:
        raise typer.Exit(_FALSE)


@contextmanager
def _source(
    folder: Path | None, place: str | None, site: str, log: str
) -> Generator[Source]:
    # A folder that is named wins over a store that the environment names.
    if folder is not None:
        if site or log:
            raise MisconfiguredError(
                "A folder has one log.", hint="Leave --site and --log out."
            )
        yield ExportedLog(folder)
        return
    if place is None:
        raise MisconfiguredError(
            "There is nothing to check.",
            hint="Name a store with --store, or the folder of a copy.",
        )
    store = open_logs(place)
    try:
        yield StoredLog(store, _origin(store, site, log))
    finally:
        store.close()


def _origin(store: LogStore, site: str, log: str) -> str:
    """The one log that is meant: by its name, or the present one of a site."""
    if log:
        return log
    sites = [site] if site else store.sites()
    present = [heads[-1].origin for each in sites if (heads := store.logs(each))]
    if len(present) == 1:
        return present[0]
    if not present:
        raise MisconfiguredError(
            f"The site {site!r} has no log."
            if site
            else "There is no log in the store.",
            hint="`bandeau ledger create` makes one.",
        )
    raise MisconfiguredError(
        f"There are {len(present)} logs in the store.",
        hint=f"Name one with --log: {', '.join(present)}.",
    )


def _origin_of(source: Source) -> str:
    """The name that a seed's key is worked out for; it is checked with the signature."""
    try:
        return read_checkpoint(read_note(source.head().checkpoint).text).origin
    except MalformedError:
        # Then no key fits, and step 1 says so.
        return "unreadable"


def _key(text: str) -> VerifierKey:
    try:
        return read_key(text)
    except MalformedError as wrong:
        raise MisconfiguredError(
            f"The key cannot be used: {wrong.message}",
            hint="A vkey reads NAME+ID+KEY, as `c2sp.org/signed-note` has it.",
        ) from None


def _as_json(found: Examination) -> dict[str, Any]:
    counts = found.counts
    return {
        "holds": found.holds,
        "steps": [
            {
                "number": step.name.number,
                "name": step.name.value,
                "outcome": step.outcome.value,
                "why": step.why,
                "where": step.where or None,
                "findings": step.count,
            }
            for step in found.steps
        ],
        "findings": [
            {"step": finding.step.value, "why": finding.why, "where": finding.where}
            for finding in found.findings
        ],
        "log": found.checkpoint.origin if found.checkpoint else None,
        "size": found.checkpoint.size if found.checkpoint else None,
        "has_records": found.has_records,
        "counts": {
            "entries": counts.entries,
            "records": counts.records,
            "opened": counts.opened,
            "unopened": counts.unopened,
            "notices": counts.notices,
            "clocks": counts.clocks,
            "tombstones": counts.tombstones,
            "tiles": counts.tiles,
        },
    }


def _print(found: Examination) -> None:
    table = new_table("", "step", "", "")
    table.show_header = False
    for step in found.steps:
        outcome = Text(step.outcome.value, _STYLES[step.outcome])
        table.add_row(str(step.name.number), step.name.value, outcome, step.why)
    print_table(table)
    print_line()
    if found.findings:
        told = new_table("where", "what", "step")
        for finding in found.findings:
            told.add_row(finding.where, finding.why, finding.step.value)
        print_table(told)
        left = sum(step.count for step in found.steps) - len(found.findings)
        if left:
            print_line(f"and {counted(left, 'finding')} more")
        print_line()
    if found.failed is None:
        assert found.checkpoint is not None, "what holds is signed"
        origin, size = shown(found.checkpoint.origin), found.checkpoint.size
        print_line(
            ("The log holds: ", "bold green"),
            f"{origin}, {counted(size, 'entry', 'entries')}.",
        )
        print_line(_ALONE)
    else:
        name = found.failed.name
        said = f"The log does not hold: step {name.number}, {name.value}."
        print_line((said, "bold red"))


# --- export -------------------------------------------------------------------------


def export(
    origin: Annotated[
        str, typer.Argument(metavar="ORIGIN", help="The log, by its name.")
    ],
    *,
    store: StoreOption,
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="DIR", help="The folder; what is there is added to."
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Copy what is public of a log into a folder of files, for any web server.

    Tiles, bundles and, last, the checkpoint, as c2sp.org/tlog-tiles serves them. Run it
    again for what is new. No record is in them.
    """
    kept = open_logs(store)
    try:
        with progress_bar("files") as progress:
            done = write_copy(kept, origin, out, progress=progress)
    finally:
        kept.close()
    if as_json:
        print_json(
            {
                "log": done.origin,
                "size": done.size,
                "files": done.files,
                "added": done.added,
            }
        )
        return
    print_line(
        f"{out}: {counted(done.size, 'entry', 'entries')} in "
        f"{counted(done.files, 'file')}, {done.added:,} of them new."
    )
