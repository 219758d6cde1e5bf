"""The command line: it parses, calls and prints, and decides nothing.

One file per group of commands; `commands` joins them, `terminal` is how all of them
speak. The clock, files and the environment are read here, so that nothing below has to.
"""

import sys

try:
    from bandeau.cli.commands import app
except ModuleNotFoundError as missing:
    # The library alone is a complete installation, and pip puts this command beside it.
    if missing.name not in {"brotli", "rich", "typer"}:
        raise
    print(
        "Error: The command line is not installed; the library is.\n"
        "Hint: pip install 'bandeau[server]'",
        file=sys.stderr,
    )
    raise SystemExit(2) from None

__all__ = ["app"]
