"""docs/explanation/limits.md confesses what the code confesses, and nothing it does not."""

import re
from collections import Counter

from tests.docs import pages

PAGE = "docs/explanation/limits.md"
PACKAGE = pages.ROOT / "src" / "bandeau"

# SQL has a LIMIT of its own; what follows it may be `:limit`.
CONFESSION = re.compile(r"\bLIMIT:(?!\w)")


def test_every_limit_in_the_code_has_a_row_and_every_row_its_limit() -> None:
    confessed = Counter(
        {
            file.relative_to(PACKAGE).as_posix(): count
            for file in PACKAGE.rglob("*.*")
            if file.suffix in {".py", ".js", ".css", ".html", ".sql", ".toml"}
            and (count := len(CONFESSION.findall(file.read_text(encoding="utf-8"))))
        }
    )

    told = Counter(
        place
        for row in pages.rows(pages.read(PAGE), "where")
        for place in pages.code_in(row[0])
    )

    assert confessed
    assert not confessed - told, f"Add a row to {PAGE} for {[*(confessed - told)]}."
    assert not told - confessed, (
        f"Take the row for {[*(told - confessed)]} out of {PAGE}, or write `LIMIT:` there."
    )


def test_the_limit_of_a_query_is_no_confession() -> None:
    assert CONFESSION.search("-- LIMIT: one at a time.")
    assert not CONFESSION.search("ORDER BY id DESC LIMIT 1")
    assert not CONFESSION.search("LIMIT :limit")
    assert not CONFESSION.search("LIMIT:limit")
    assert not CONFESSION.search("WRITES_UNTIL_THE_LIMIT: str")
