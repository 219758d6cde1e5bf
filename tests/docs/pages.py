"""The pages of the documentation, as their tests read them: Markdown, and no more of it
than the pages use.
"""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

# Fenced, or indented after an empty line.
_BLOCK = re.compile(
    r"^```.*?^```$|(?<=\n\n)(?: {4}[^\n]*\n)+", re.MULTILINE | re.DOTALL
)
# An odd backtick swallows its own paragraph at most.
_CODE = re.compile(r"(`+)(?:(?!\n\n).)*?\1", re.DOTALL)
_CELLS = re.compile(r"(?<!\\)\|")


def read(place: str) -> str:
    return (ROOT / place).read_text(encoding="utf-8")


def without_blocks(text: str) -> str:
    """The text without its blocks of code."""
    return _BLOCK.sub("", text)


def without_code(text: str) -> str:
    """The text without its blocks of code and what stands in backticks."""
    return _CODE.sub("", without_blocks(text))


def code_in(text: str) -> list[str]:
    """What stands in single backticks, in order."""
    return re.findall("`([^`]+)`", text)


def rows(text: str, first: str) -> Iterator[list[str]]:
    """The cells of each row, in every table whose first column is headed `first`."""
    wanted, before = False, False
    for line in text.splitlines():
        table = line.startswith("|")
        cells = [cell.strip() for cell in _CELLS.split(line)[1:-1]]
        if table and not before:
            wanted = cells[0] == first
        elif table and wanted and not cells[0].startswith("---"):
            yield cells
        before = table
