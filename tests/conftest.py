"""What tests of every folder may lean on; a folder's own fixtures live in its own."""

from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

from tests import chromium as chromium_finder
from tests import postgres

# How long an example takes is the machine's affair; pytest-timeout ends what hangs. To
# explain a failure, Python 3.11 would trace every line of every example.
settings.register_profile("bandeau", deadline=None, phases=set(Phase) - {Phase.explain})
settings.load_profile("bandeau")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium that starts, for Playwright's `executable_path`."""
    path = chromium_finder.find()
    # Not a skip: a test that promises something about browsers must not pass unseen.
    if path is None:
        pytest.fail(chromium_finder.ADVICE, pytrace=False)
    return path


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """A PostgreSQL server; a test that stops or kills one starts its own."""
    if postgres.find() is None:
        pytest.skip(postgres.ADVICE)
    with postgres.Server() as server:
        yield server
