"""`bandeau witness`: make one, and serve it."""

from pathlib import Path
from typing import Annotated

import typer

from bandeau.cli.listening import address_of, listening, run, stoppable
from bandeau.cli.terminal import counted, print_line, print_note

app = typer.Typer(
    no_args_is_help=True, help="Cosign what other people's logs say, if they prove it."
)


@app.command()
def new(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Its name: an address without scheme, for good."
        ),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="The folder to make it in."),
    ],
) -> None:
    """Make a witness: a seed, a store and witness.toml.

    Prints its vkeys, which the owners of logs and whoever checks receipts need.
    """
    from bandeau.witness import new_witness
    from bandeau.witness.settings import FILE_NAME, SEED_NAME

    made = new_witness(name, out)
    for key in made.keys:
        print_line(key.verifier.text)
    print_note(
        f"Back up {out / SEED_NAME} where nobody else reads it; it cannot be made again.\n"
        f"Hint: write the vkeys of logs into {out / FILE_NAME}, then "
        f"`bandeau witness serve --config {out / FILE_NAME}`."
    )


@app.command()
def serve(
    *,
    config: Annotated[
        Path, typer.Option("--config", metavar="FILE", help="Its witness.toml.")
    ],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=65535, help="The port; 0 takes any free one."
        ),
    ] = 8020,
) -> None:
    """Cosign checkpoints over HTTP, until Ctrl-C or SIGTERM, which end it well.

    Put TLS in front. Several may serve one store, on one machine.
    """
    from bandeau.witness import Witness, WitnessStore, read_settings

    settings = read_settings(config)
    if not settings.logs:
        print_note(
            "There is no log to cosign yet.\n"
            f"Hint: write its vkey into {config}, then start this again."
        )
    with stoppable():
        store = WitnessStore.open(settings.store, settings.vkey)
        try:
            with listening(host, port) as door:
                watched = counted(len(settings.logs), "log")
                lines = [f"witness: {address_of(door)}/ ({watched})"]
                run(Witness(settings, store), door, lines, websockets=False)
        finally:
            store.close()
