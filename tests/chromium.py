"""Where this machine's Chromium is.

`python tests/chromium.py` prints the path, or nothing and fails: that is how
`scripts/test` knows whether it must install one.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Playwright's own, under the folder of its browsers; one per system it supports.
PLAYWRIGHT = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
)
PLAYWRIGHT_FOLDERS = (
    Path.home() / ".cache" / "ms-playwright",
    Path.home() / "Library" / "Caches" / "ms-playwright",
)

ADVICE = (
    "There is no Chromium on this machine.\n"
    "Hint: run scripts/test once without arguments, which installs one, or say where "
    "it is with BANDEAU_CHROMIUM=PATH."
)


def candidates() -> Iterator[str]:
    if named := os.environ.get("BANDEAU_CHROMIUM"):
        yield named
        return
    yield from filter(None, map(shutil.which, PROGRAMS))
    named_folder = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    folders = [Path(named_folder)] if named_folder else PLAYWRIGHT_FOLDERS
    for folder in folders:
        for pattern in PLAYWRIGHT:
            yield from map(str, sorted(folder.glob(pattern), reverse=True))


def starts(program: str) -> bool:
    # Ubuntu's chromium-browser may be a script that only says "install the snap".
    try:
        run = subprocess.run([program, "--version"], capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0


@cache
def find() -> str | None:
    return next(filter(starts, candidates()), None)


if __name__ == "__main__":
    found = find()
    if found is None:
        sys.exit(1)
    print(found)  # noqa: T201 - the shell reads it
