"""The pages that are made of the code's tables say what the code says."""

import pytest

from bandeau.regimes import REGIMES, regime_for
from tests.docs import tables


@pytest.mark.parametrize("page", tables.PAGES)
def test_the_page_says_what_the_code_says(page: str) -> None:
    file = tables.REFERENCE / page
    written = file.read_text(encoding="utf-8") if file.exists() else ""

    assert tables.PAGES[page]() == written, "Run: python -m tests.docs.tables"


def test_all_regimes_have_the_same_values_as_their_page_says() -> None:
    values = {
        tuple(verdict.allowed for verdict in regime.verdicts.values())
        for regime in (*REGIMES.values(), regime_for(""))
    }

    assert 1 == len(values), "Change the head of regimes.md in tests/docs/tables.py."
