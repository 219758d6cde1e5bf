"""A command line to type into, a notice, and a store with what visitors answered."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bandeau.cli import app
from bandeau.cli.terminal import now
from bandeau.ledger.record import (
    Record,
    day_of,
    kind_of,
    new_request_key,
    record_body,
    subject_key,
)
from bandeau.ledger.sqlite import SqliteStore

Run = Callable[..., Result]

NOTICE = """
site = "courrier"
domains = ["courrier.example"]
languages = ["en", "fr"]
purposes = [{ id = "audience" }, { id = "ads" }]

[controller]
name = "Le Courrier"
address = "3, quai des Mariniers"
contact = "privacy@courrier.example"

[[services]]
id = "plume"
name = "Plume"
controller = "Plume SAS"
country = "FR"
purposes = ["audience"]
hosts = ["metrics.example"]

[[services.cookies]]
name = "_pm*"
lifetime = "13 months"
use = { en = "telling visitors apart", fr = "distinguer les visiteurs" }
"""

WITH_A_NEW_PARTY = """
[[services]]
id = "vigie"
name = "Vigie"
controller = "Vigie SAS"
purposes = ["audience"]
hosts = ["vigie.example"]
"""


@pytest.fixture
def run() -> Run:
    """Type a command; `typed` answers its questions."""

    def run(*words: object, typed: str = "", store: Path | None = None) -> Result:
        runner = CliRunner(env={"BANDEAU_STORE": str(store) if store else None})
        return runner.invoke(app, [str(word) for word in words], input=typed)

    return run


@pytest.fixture
def notice_file(tmp_path: Path) -> Path:
    file = tmp_path / "notice.toml"
    file.write_text(NOTICE, encoding="utf-8")
    return file


@pytest.fixture
def folder(tmp_path: Path, notice_file: Path, run: Run) -> Path:
    """A store in which the notice is published."""
    store = tmp_path / "store"
    assert run("notice", "publish", notice_file, "--store", store).exit_code == 0
    return store


@pytest.fixture
def record_choice(folder: Path) -> Callable[..., None]:
    """Record a choice as the collector would."""

    def record_choice(
        letters: str, *, subject: bytes | None = None, services: str = ""
    ) -> None:
        store = SqliteStore.open(folder)
        size = store.size("courrier")
        at = int(now().timestamp())
        request = new_request_key(at * 1000, size.to_bytes(10, "big"))
        key = subject_key(subject) if subject else None
        accepted = {services: "y"} if services else {}
        body = record_body(
            site="courrier",
            at=at,
            notice=store.notices("courrier")[-1].digest,
            answers=letters,
            via="first-layer",
            request=request,
            services=accepted,
            subject=key,
        )
        kind = kind_of(letters, services=accepted)
        record = Record(
            request=request, subject=key, body=body, day=day_of(at), kind=kind
        )
        store.append("courrier", [record], expected_size=size)
        store.close()

    return record_choice
