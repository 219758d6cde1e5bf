"""docs/reference/cli.md, made of what every command says with --help.

python -m tests.cli.reference
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
import typer.main

from bandeau.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
WIDTH = 80

HEAD = """# The command line

What `--help` prints, for every command. Made by `python -m tests.cli.reference`; a test
holds the two equal.

Results go to standard output and everything else to standard error; where the output is
no terminal, it is plain text, and `NO_COLOR` is respected. `--json` prints JSON. Exit
codes: 0 done, 1 a mistake was found or something failed, 2 something is misconfigured.
"""


def reference() -> str:
    return "\n".join([HEAD, *sections(typer.main.get_command(app), "bandeau", None)])


def sections(command: Any, name: str, above: Any) -> Iterator[str]:
    context = command.context_class(
        command, info_name=name, parent=above, terminal_width=WIDTH
    )
    path = context.command_path
    lines = [line.rstrip() for line in command.get_help(context).splitlines()]
    yield f"## {path}\n"
    yield "\n".join(["```text", *lines, "```", ""])
    for below in getattr(command, "commands", {}) and command.list_commands(context):
        yield from sections(command.commands[below], below, context)


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(reference(), encoding="utf-8")
