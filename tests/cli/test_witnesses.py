"""`bandeau witness`: it is made in one step, and what cannot be served is one sentence."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from bandeau.ledger.note import SignatureType, read_key
from tests.cli.conftest import Run

NAME = "witness.example/w1"


@pytest.fixture
def folder(tmp_path: Path, run: Run) -> Path:
    folder = tmp_path / "w1"
    assert 0 == run("witness", "new", NAME, "--out", folder).exit_code
    return folder


def test_a_new_witness_says_its_keys_and_nothing_secret(
    run: Run, tmp_path: Path
) -> None:
    made = run("witness", "new", NAME, "--out", tmp_path / "w")

    keys = [read_key(line) for line in made.stdout.splitlines()]
    assert [SignatureType.COSIGNATURE, SignatureType.ML_DSA_44] == [
        key.type for key in keys
    ]
    assert {NAME} == {key.name for key in keys}
    assert (tmp_path / "w" / "seed").read_bytes().hex() not in made.output
    assert "Hint: " in made.stderr
    assert "witness serve --config" in made.stderr


def test_a_witness_is_not_made_twice(run: Run, folder: Path) -> None:
    seed = (folder / "seed").read_bytes()

    refused = run("witness", "new", NAME, "--out", folder)

    assert 2 == refused.exit_code
    assert "Error: There is a witness in" in refused.stderr
    assert seed == (folder / "seed").read_bytes()


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda folder: (folder / "witness.toml").unlink(), "There is no file"),
        (lambda folder: (folder / "seed").chmod(0o640), "Others than its owner"),
        (lambda folder: (folder / "seed").unlink(), "There is no seed"),
        (
            lambda folder: (folder / "witness.sqlite3").unlink(),
            "There is no store of a witness",
        ),
    ],
)
def test_what_cannot_be_served_is_one_sentence(
    run: Run, folder: Path, spoil: Callable[[Path], object], problem: str
) -> None:
    spoil(folder)

    refused = run("witness", "serve", "--config", folder / "witness.toml")

    assert 2 == refused.exit_code
    assert problem in refused.stderr
    assert "Hint: " in refused.stderr
    assert "Traceback" not in refused.output


def test_a_port_that_is_taken_is_named(run: Run, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        refused = run(
            "witness", "serve", "--config", folder / "witness.toml", "--port", port
        )

    assert 2 == refused.exit_code
    assert f"Port {port} of 127.0.0.1 is taken." in refused.stderr
    assert "There is no log to cosign yet." in refused.stderr
