"""Every command, in the order in which a site meets them, and what an error looks like."""

from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from bandeau.cli import (
    banners,
    log_copies,
    notices,
    receipts,
    records,
    serving,
    witnesses,
)
from bandeau.cli.terminal import print_error, print_line, spare_old_terminals
from bandeau.errors import BandeauError, MisconfiguredError

_MISCONFIGURED: Final = 2
_FAILED: Final = 1


_ORDER: Final = (
    "notice",
    "banner",
    "serve",
    "records",
    "verify",
    "receipts",
    "ledger",
    "witness",
)


class _Commands(TyperGroup):
    """Prints what we raise on purpose; whatever else is raised is a mistake of ours."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=_ORDER.index)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BandeauError as error:
            print_error(error)
            ours = isinstance(error, MisconfiguredError)
            raise typer.Exit(_MISCONFIGURED if ours else _FAILED) from None


app = typer.Typer(
    name="bandeau",
    cls=_Commands,
    no_args_is_help=True,
    # Help and errors as plain text: the same in a terminal, a pipe and the reference.
    rich_markup_mode=None,
    # A traceback with local variables would print visitors' identifiers.
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print_line(f"bandeau {version('bandeau')}")
        raise typer.Exit


@app.callback()
def bandeau(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and stop.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Cookie consent that can be proved: ask, enforce, prove, verify.

    Write a notice (`bandeau notice new`), publish it into a store (`bandeau notice
    publish`), serve it (`bandeau serve`), read what visitors answered (`bandeau
    records`), and check what a receipt proves (`bandeau verify`).
    """
    spare_old_terminals()


app.add_typer(notices.app, name="notice")
app.command("banner")(banners.banner)
app.command("serve")(serving.serve)
app.command("records")(records.records)
app.command("verify")(receipts.verify)
app.add_typer(receipts.app, name="receipts")
app.add_typer(log_copies.app, name="ledger")
app.add_typer(witnesses.app, name="witness")
