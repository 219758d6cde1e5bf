"""`bandeau ledger`: begin a log, see what there is, erase what has to go."""

import re
from pathlib import Path
from typing import Annotated

import typer

from bandeau.cli import log_copies
from bandeau.cli.options import (
    JsonOption,
    KeyOption,
    MaybeKeyOption,
    StoreOption,
    write,
)
from bandeau.cli.terminal import (
    counted,
    instant,
    new_table,
    now,
    print_json,
    print_line,
    print_note,
    print_table,
)
from bandeau.errors import MisconfiguredError
from bandeau.ledger.entries import Reason
from bandeau.ledger.keys import new_seed_file, read_seed_file
from bandeau.ledger.log import Logs, create_log, log_key
from bandeau.ledger.log import receipt as proof_of
from bandeau.ledger.logs import LogStore
from bandeau.ledger.places import open_logs
from bandeau.ledger.record import subject_key

app = typer.Typer(
    no_args_is_help=True, help="The log that makes a site's records provable."
)

SiteOption = Annotated[
    str,
    typer.Option(
        "--site",
        metavar="ID",
        help="The site, where there are several.",
        show_default=False,
    ),
]


@app.command()
def key(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to write the seed.")
    ],
) -> None:
    """Make the seed that a site's logs are signed with.

    32 random bytes, for their owner's eyes only. Every log of the site has a key of its
    own, derived from this seed and the log's name.
    """
    new_seed_file(file)
    print_note(
        f"Back up {file} where nobody else reads it; it cannot be made again.\n"
        "Hint: `bandeau ledger create ORIGIN --key "
        f"{file}` begins a log."
    )


@app.command()
def create(
    origin: Annotated[
        str,
        typer.Argument(
            metavar="ORIGIN",
            help="The log's name, for good: news.example/bandeau/log/2026.",
        ),
    ],
    *,
    store: StoreOption,
    key: KeyOption,
    site: SiteOption = "",
) -> None:
    """Begin a log for a site, which goes on from the site's last one.

    From then on every choice of the site goes into it, and the collector needs --key.
    Choices that were recorded before stay as they are, outside of the log. Prints the
    log's vkey: publish it, and give it to witnesses.
    """
    opened = open_logs(store)
    try:
        seed = read_seed_file(key)
        create_log(
            opened,
            _site(opened, site),
            origin,
            seed=seed,
            at=int(now().timestamp()),
        )
    finally:
        opened.close()
    print_line(log_key(seed, origin).verifier.text)


@app.command()
def show(
    *, store: StoreOption, key: MaybeKeyOption = None, json: JsonOption = False
) -> None:
    """List the logs of a store: name, size, last clock entry; with --key their vkeys."""
    opened = open_logs(store)
    try:
        seed = None if key is None else read_seed_file(key)
        logs = [
            {
                "site": site,
                "origin": head.origin,
                "size": head.size,
                "clock": instant(head.clock),
                "vkey": log_key(seed, head.origin).verifier.text if seed else None,
            }
            for site in opened.sites()
            for head in opened.logs(site)
        ]
    finally:
        opened.close()
    if json:
        print_json(logs)
        return
    if not logs:
        print_note("There is no log.\nHint: `bandeau ledger create` begins one.")
        return
    columns = ("site", "origin", "entries", "clock", *(("vkey",) if seed else ()))
    table = new_table(*columns, numbers=("entries",))
    for log in logs:
        table.add_row(*(str(value) for value in log.values() if value is not None))
    print_table(table)


@app.command()
def receipt(
    record: Annotated[
        int,
        typer.Argument(
            metavar="INDEX", min=0, help="The record, as `bandeau records` counts them."
        ),
    ],
    *,
    store: StoreOption,
    site: SiteOption = "",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Where to write it. Without it, it is printed.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the receipt for one record, for its visitor or for an authority.

    `bandeau verify` checks it, and so does anybody, with the log's vkey and without us.
    It holds the whole record: give it to nobody else.
    """
    opened = open_logs(store)
    try:
        made = proof_of(opened, _site(opened, site), record)
    finally:
        opened.close()
    if made is None:
        raise MisconfiguredError(
            f"There is no receipt for record {record}.",
            hint="It is not there, it was erased, or it is older than the log.",
        )
    if out is None:
        print_line(made.encode().decode().removesuffix("\n"))
    else:
        write(out, made.encode())


@app.command()
def erase(
    *,
    store: StoreOption,
    key: KeyOption,
    site: SiteOption = "",
    subject: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="All of one visitor: the id in their choice cookie.",
            show_default=False,
        ),
    ] = "",
    entries: Annotated[
        str,
        typer.Option(
            metavar="FIRST:END",
            help="A range of entries; END is the first one that stays.",
            show_default=False,
        ),
    ] = "",
    reason: Annotated[
        str,
        typer.Option(
            metavar="REASON", help="Why: erasure (art. 17 GDPR), retention or test."
        ),
    ] = "erasure",
) -> None:
    """Erase records and the salts that open them; the log says that they are gone.

    What stays is a hash that nobody can test a guess against. Everything else in the log
    still verifies. Backups keep what they have: let them run out.
    """
    if bool(subject) is bool(entries):
        raise MisconfiguredError(
            "Say what to erase, in one way.",
            hint="--subject ID, or --entries FIRST:END.",
        )
    if reason not in _REASONS:
        raise MisconfiguredError(
            f"There is no reason {reason!r}.", hint=f"One of {', '.join(_REASONS)}."
        )
    opened = open_logs(store)
    try:
        name = _site(opened, site)
        spans = _spans(opened, name, subject, entries)
        logs = Logs(
            opened,
            seed=read_seed_file(key),
            clock=lambda: int(now().timestamp()),
            entropy=bytes,  # nothing is added, so nothing is salted
        )
        for first, end in spans:
            logs.erase(name, first=first, end=end, reason=_REASONS[reason])
    finally:
        opened.close()
    print_line(
        f"erased: {counted(sum(end - first for first, end in spans), 'entry', 'entries')}"
    )


app.command("verify")(log_copies.verify)
app.command("export")(log_copies.export)


_REASONS = {
    "erasure": Reason.ERASURE,
    "retention": Reason.RETENTION,
    "test": Reason.TEST,
}


def _site(store: LogStore, name: str) -> str:
    sites = store.sites()
    if name and name in sites:
        return name
    if not name and len(sites) == 1:
        return sites[0]
    raise MisconfiguredError(
        f"The store has no site called {name!r}." if name else "Which site?",
        hint=f"--site, one of {', '.join(sites) or 'none yet'}.",
    )


def _spans(
    store: LogStore, site: str, subject: str, entries: str
) -> list[tuple[int, int]]:
    """What is to be erased, as ranges of entries without gaps."""
    if entries:
        form = re.fullmatch("([0-9]{1,12}):([0-9]{1,12})", entries)
        if form is None:
            raise MisconfiguredError(
                f"{entries!r} is no range of entries.", hint="Write FIRST:END: 120:125."
            )
        return [(int(form[1]), int(form[2]))]
    if not re.fullmatch("[0-9a-f]{32}", subject):
        # The id itself is not repeated: it would end in a terminal's history of errors.
        raise MisconfiguredError(
            "A subject id has 32 hexadecimal digits, in small letters.",
            hint="It stands in the visitor's choice cookie, behind the letters.",
        )
    found = store.entries_of_subject(site, subject_key(bytes.fromhex(subject)))
    if not found:
        raise MisconfiguredError(
            "The site's present log has no record of this subject.",
            hint="Older logs are named by --entries.",
        )
    spans: list[tuple[int, int]] = []
    for entry in found:
        if spans and spans[-1][1] == entry:
            spans[-1] = spans[-1][0], entry + 1
        else:
            spans.append((entry, entry + 1))
    return spans
