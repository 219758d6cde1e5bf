"""`bandeau verify`, `bandeau receipts`: what a receipt proves, and what else checks one.

Nothing here asks a store: whoever has the receipt, and knows whom to believe, has all.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from bandeau.cli.banners import weight
from bandeau.cli.options import JsonOption, octets_of, write
from bandeau.cli.terminal import (
    instant,
    new_table,
    print_json,
    print_line,
    print_table,
)
from bandeau.errors import MalformedError, MisconfiguredError
from bandeau.ledger import verify_receipt
from bandeau.ledger.policy import NONE, Policy, read_policy
from bandeau.ledger.proof import Examination, Outcome
from bandeau.ledger.proof import verify as examine
from bandeau.ledger.verify_receipt import moment, said_in, shown
from bandeau.model.notices import Notice, base64url, decode_notice

app = typer.Typer(
    no_args_is_help=True, help="Write what others check receipts with, on their own."
)

_FALSE: Final = 1
_STYLES: Final = {
    "accepted": "green",
    "refused": "red",
    "unanswered": "dim",
    Outcome.PASSED: "green",
    Outcome.FAILED: "red",
    Outcome.UNTRIED: "dim",
}
_HINT: Final = "Name the file as it was saved, with its folder."
_NO_WITNESS: Final = (
    "No witness was asked for: that this was in the log then, and is still, rests on "
    "the word of whoever runs it."
)


# --- verify -------------------------------------------------------------------------


def verify(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The receipt, a .tlog-proof.")
    ],
    *,
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Whom you believe: log, witness, group and quorum lines.",
            show_default=False,
        ),
    ] = None,
    key: Annotated[
        str,
        typer.Option(
            metavar="VKEY",
            help="The log's key alone, instead of a policy. No witness is asked for.",
            show_default=False,
        ),
    ] = "",
    notice: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The notice that the record cites, as /bandeau/notice/DIGEST has it.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check what a receipt proves, offline, in five steps.

    Exit code 0 where it holds, 1 where it does not or the notice is another one, 2
    where a file cannot be read. Nothing is asked of the log, of its publisher or of
    anyone else.
    """
    believed = _believed(policy, key)
    shown_notice = None if notice is None else _notice(notice)
    found = examine(octets_of(file, hint=_HINT), believed)
    cited = _cited(found)
    is_cited = shown_notice is None or shown_notice.digest == cited
    if as_json:
        print_json(_as_json(found, shown_notice, is_cited=is_cited))
    else:
        _print_record(found, shown_notice if is_cited else None)
        _print_place(found)
        _print_steps(found)
        if shown_notice is not None:
            _print_notice(is_cited=is_cited)
        if found.holds and believed.quorum == NONE:
            print_line(_NO_WITNESS)
    if not found.holds or not is_cited:
        raise typer.Exit(_FALSE)


def _believed(file: Path | None, key: str) -> Policy:
    if (file is None) is (not key):
        raise MisconfiguredError(
            "Whom do you believe?",
            hint="Name either a policy with --policy or the log's key with --key.",
        )
    if file is None:
        octets, what = f"log {key}\nquorum none\n".encode(), "The key cannot be used"
    else:
        octets, what = octets_of(file, hint=_HINT), f"{file} is no policy"
    try:
        return read_policy(octets)
    except MalformedError as wrong:
        raise MisconfiguredError(
            f"{what} ({wrong.place}): {wrong.message}",
            hint=wrong.hint or "The format of both: c2sp.org/tlog-policy.",
        ) from None


def _notice(file: Path) -> Notice:
    """A notice, by bytes that are spelt as the digest wants them."""
    octets = octets_of(file, hint=_HINT)
    try:
        read = decode_notice(octets)
    except msgspec.DecodeError:
        read = None
    if read is None or read.canonical != octets:
        digest = base64url(hashlib.sha256(octets).digest())
        raise MisconfiguredError(
            f"{file} has the digest {digest}, and is not how a notice is published.",
            hint="Save it as /bandeau/notice/DIGEST serves it, byte for byte.",
        )
    return read


def _cited(found: Examination) -> str:
    """The notice that the record cites; nothing where there is none to be read."""
    said = said_in(found.opening.record) if found.opening else []
    return dict(said).get("notice", "")


def _named(found: Examination, notice: Notice | None) -> list[tuple[str, str, str]]:
    """What the record says: a name, a text, and what the visitor read beside it."""
    if found.opening is None:
        return []
    known: dict[str, tuple[str, str]] = {}
    if notice is not None:
        texts = notice.texts[notice.languages[0]]
        for number, purpose in enumerate(notice.asked, 1):
            title, summary = (
                texts[f"purpose.{purpose}.{part}"] for part in ("title", "summary")
            )
            known[f"purpose {number}"] = (title, summary)
        for service in notice.services:
            known[f"service {service.id}"] = (service.name, "")
    said: list[tuple[str, str, str]] = []
    for name, text in said_in(found.opening.record):
        title, read = known.get(name, (name, ""))
        said.append((title, text, read))
    return said


def _times(found: Examination) -> list[int]:
    return [line.time for line in found.cosigned if line.time]


def _as_json(
    found: Examination, notice: Notice | None, *, is_cited: bool
) -> dict[str, Any]:
    times = _times(found)
    known = found.holds and found.proof is not None and found.checkpoint is not None
    return {
        "holds": found.holds,
        "steps": [
            {
                "number": step.name.number,
                "name": step.name.value,
                "outcome": step.outcome.value,
                "why": step.why,
            }
            for step in found.steps
        ],
        "record": (
            found.opening.record.decode("utf-8", "backslashreplace")
            if found.opening
            else None
        ),
        "says": [
            {"name": name, "text": text} for name, text, _ in _named(found, notice)
        ]
        if is_cited
        else [],
        "log": found.checkpoint.origin if known and found.checkpoint else None,
        "index": found.proof.index if known and found.proof else None,
        "size": found.checkpoint.size if known and found.checkpoint else None,
        "at_latest": instant(max(times)) if known and times else None,
        "witnesses": [
            {"name": line.key.name, "at": instant(line.time) if line.time else None}
            for line in found.cosigned
        ],
        "notice": None
        if notice is None
        else {"digest": notice.digest, "is_cited": is_cited},
    }


# --- printing -----------------------------------------------------------------------


def _print_record(found: Examination, notice: Notice | None) -> None:
    rows = _named(found, notice)
    if not rows:
        return
    print_line(
        ("What the record says" if found.holds else "What it says, unproved", "bold")
    )
    table = _bare_table()
    for name, text, read in rows:
        table.add_row(
            shown(name), Text(shown(text), _STYLES.get(text, "")), Text(read, "dim")
        )
    print_table(table)
    print_line()


def _print_place(found: Examination) -> None:
    if not found.holds or found.proof is None or found.checkpoint is None:
        return
    times = _times(found)
    print_line(("Where and when it was recorded", "bold"))
    table = _bare_table()
    table.add_row("log", shown(found.checkpoint.origin))
    table.add_row("index", f"{found.proof.index} of {found.checkpoint.size}")
    table.add_row("at earliest", "not known from one receipt")
    table.add_row(
        "at latest",
        f"{moment(max(times))}, by the witnesses' clocks"
        if times
        else "not known: no witness states a time",
    )
    for line in found.cosigned:
        at = moment(line.time) if line.time else "no time"
        table.add_row("witness", f"{shown(line.key.name)}, {at}")
    print_table(table)
    print_line()


def _print_steps(found: Examination) -> None:
    table = new_table("", "step", "", "")
    for step in found.steps:
        outcome = Text(step.outcome.value, _STYLES[step.outcome])
        table.add_row(str(step.name.number), step.name.value, outcome, step.why)
    table.show_header = False
    print_table(table)
    print_line()
    if found.failed is None:
        print_line(("The receipt holds.", "bold green"))
    else:
        name = found.failed.name
        said = f"The receipt does not hold: step {name.number}, {name.value}."
        print_line((said, "bold red"))


def _print_notice(*, is_cited: bool) -> None:
    if is_cited:
        print_line(("The notice is the one that the record cites.", "green"))
    else:
        print_line(("The notice is not the one that the record cites.", "bold red"))


def _bare_table() -> Table:
    table = new_table("", "", "")
    table.show_header = False
    return table


# --- what else checks one -----------------------------------------------------------

OutOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Where to write it. Without it, it is only weighed.",
        show_default=False,
    ),
]


@app.command()
def page(*, out: OutOption = None, as_json: JsonOption = False) -> None:
    """Write the page that checks receipts in a browser, also from a disk.

    It is one file, asks no network, and is the same for everybody: its SHA-256 says
    whether a copy is this one.
    """
    from bandeau.receipts.page import PAGE_NAME, check_page

    _put(check_page(), PAGE_NAME, out, as_json=as_json)


@app.command()
def program(*, out: OutOption = None, as_json: JsonOption = False) -> None:
    """Write the Python program that checks receipts without Bandeau.

    It needs Python 3.9 and nothing else, and is written to be read before it is run.
    """
    source = Path(verify_receipt.__file__)
    _put(source.read_bytes(), source.name, out, as_json=as_json)


def _put(octets: bytes, name: str, out: Path | None, *, as_json: bool) -> None:
    if out is not None:
        write(out, octets)
    digest = hashlib.sha256(octets).hexdigest()
    weighed = weight(octets)
    if as_json:
        print_json(
            {
                "file": None if out is None else str(out),
                "sha256": digest,
                "weight": weighed,
            }
        )
        return
    _print_pairs(
        [
            ("file", str(out or name)),
            ("raw", f"{weighed.raw:,} bytes"),
            ("brotli 11", f"{weighed.brotli:,} bytes"),
            ("SHA-256", digest),
        ]
    )


def _print_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    table = _bare_table()
    for name, text in pairs:
        table.add_row(name, text)
    print_table(table)
