"""The files of the repository, as the architecture's tests walk them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

# What .gitignore names; it counts where there is no git, as in an unpacked archive.
NOT_OURS = {
    ".git",
    ".venv",
    ".cache",
    "node_modules",
    "site",
    "dist",
    ".bandeau",
    ".hypothesis",
    ".import_linter_cache",
    ".pytest_cache",
    ".ruff_cache",
    "__pycache__",
}


def files() -> list[Path]:
    """Every file that is, or is about to be, part of the repository."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            encoding="utf-8",
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return sorted(walked(ROOT))
    paths = (ROOT / name for name in listed.split("\0") if name)
    # A file that was deleted and not yet committed is still listed.
    return sorted(path for path in paths if path.is_file())


def walked(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in NOT_OURS:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from walked(path)
        elif path.is_file():
            yield path
