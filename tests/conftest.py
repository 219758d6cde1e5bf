"""What tests of every folder may lean on; a folder's own fixtures live in its own."""

import pytest

from tests import chromium as chromium_finder


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium that starts, for Playwright's `executable_path`."""
    path = chromium_finder.find()
    # Not a skip: a test that promises something about browsers must not pass unseen.
    if path is None:
        pytest.fail(chromium_finder.ADVICE, pytrace=False)
    return path
