"""The same commands with the store in PostgreSQL, named by its address."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bandeau.site import Site
from tests.cli.conftest import Run
from tests.postgres import PASSWORD, Server

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(60)]


@pytest.fixture
def address(server: Server) -> Iterator[str]:
    """An address of a database without a store, with the password in it."""
    with server.database() as address:
        name = address.partition("?")[0].rpartition("/")[2]
        yield server.address_by_password(name)


def test_publishing_creates_the_store_and_no_output_holds_the_password(
    run: Run, address: str, notice_file: Path
) -> None:
    before = run("records", "--store", address)
    published = run("notice", "publish", notice_file, "--store", address)
    again = run("notice", "publish", notice_file, "--store", address, "--json")
    listed = run("notice", "show", "--store", address)
    records = run("records", "--store", address)

    assert before.exit_code == 2
    assert "There is no store in postgresql://bandeau@127.0.0.1" in before.stderr
    assert "Created the store postgresql://bandeau@127.0.0.1" in published.stderr
    assert json.loads(again.stdout)["created_store"] is False
    assert "courrier" in listed.stdout
    assert "Nobody has answered yet" in records.stderr
    for told in (before, published, again, listed, records):
        assert PASSWORD not in told.output


def test_a_site_takes_an_address(run: Run, address: str, notice_file: Path) -> None:
    async def pages(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("nobody comes")

    run("notice", "publish", notice_file, "--store", address)

    site = Site(pages, store=address)

    assert site.store.sites() == ["courrier"]
    asyncio.run(site.close())
