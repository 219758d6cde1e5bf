"""`bandeau ledger verify`, `bandeau ledger export`: a whole log from the command line."""

import json
import sqlite3
from pathlib import Path

import pytest

from bandeau.ledger.log import create_log, log_key
from bandeau.ledger.sqlite_logs import SqliteLogs
from tests.cli.conftest import Run
from tests.ledger import logged
from tests.ledger.conftest import SITE
from tests.ledger.logged import AT, KEY, ORIGIN, SEED

VKEY = ("--vkey", KEY.text)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store with one log of 300 entries."""
    store = logged.a_log(tmp_path / "store", size=300)
    store.close()
    return tmp_path / "store"


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    file = tmp_path / "seed"
    file.write_bytes(SEED)
    file.chmod(0o600)
    return file


def spoil(place: Path, statement: str) -> None:
    file = sqlite3.connect(place / "bandeau.sqlite3", isolation_level=None)
    file.execute(statement)
    file.close()


def test_a_log_that_holds_says_so_step_by_step(run: Run, place: Path) -> None:
    done = run("ledger", "verify", "--store", place, *VKEY)

    assert 0 == done.exit_code, done.output
    lines = done.stdout.splitlines()
    assert [str(number) for number in range(1, 11)] == [
        line.split()[0] for line in lines[:10]
    ]
    assert f"The log holds: {ORIGIN}, 300 entries." in lines
    assert "" == done.stderr


@pytest.mark.parametrize("words", [("--site", SITE), ("--log", ORIGIN), ()])
def test_the_log_is_named_in_three_ways(
    run: Run, place: Path, seed: Path, words: tuple[str, ...]
) -> None:
    by_key = run("ledger", "verify", "--key", seed, *words, store=place)

    assert 0 == by_key.exit_code, by_key.output


def test_a_log_that_does_not_hold_names_the_step_and_the_place(
    run: Run, place: Path
) -> None:
    spoil(
        place,
        "UPDATE record SET body = CAST(replace(body, 'nn-', 'yy-') AS BLOB) "
        "WHERE id = (SELECT min(id) FROM record)",
    )
    spoil(place, "DELETE FROM tile WHERE id >> 33 & 7 = 2")

    done = run("ledger", "verify", "--store", place, *VKEY)
    told = json.loads(run("ledger", "verify", "--store", place, *VKEY, "--json").stdout)

    assert 1 == done.exit_code
    assert "The log does not hold: step 4, tiled." in done.stdout
    assert "tile/1/000" in done.stdout
    assert not told["holds"]
    failed = [step["name"] for step in told["steps"] if step["outcome"] == "failed"]
    assert ["tiled", "opened"] == failed
    assert 300 == told["size"] == told["counts"]["entries"]


def test_another_key_is_no_key_of_this_log(run: Run, place: Path) -> None:
    other = log_key(b"t" * 32, ORIGIN).verifier.text

    done = run("ledger", "verify", "--store", place, "--vkey", other)

    assert 1 == done.exit_code
    assert "step 1, signed" in done.stdout


def test_a_copy_is_checked_without_the_store(
    run: Run, place: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    first = run("ledger", "export", ORIGIN, "--store", place, "--out", out)
    again = run("ledger", "export", ORIGIN, "--store", place, "--out", out, "--json")
    checked = run("ledger", "verify", out, *VKEY)

    assert 0 == first.exit_code, first.output
    assert f"{out}: 300 entries in 6 files, 6 of them new.\n" == first.stdout
    assert {"log": ORIGIN, "size": 300, "files": 6, "added": 0} == json.loads(
        again.stdout
    )
    assert 0 == checked.exit_code, checked.output
    assert "The records are not kept here; 297 are in the log." in checked.stdout

    (out / "tile" / "0" / "000").unlink()
    assert 1 == run("ledger", "verify", out, *VKEY).exit_code


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "Whose signature do you believe?"),
        ((*VKEY, "--key", "seed"), "Whose signature do you believe?"),
        (("--vkey", "none"), "The key cannot be used"),
        (("--key", "nowhere"), "There is no seed"),
        ((*VKEY, "--log", "other.example"), "no log called"),
        ((*VKEY, "--site", "other"), "other"),
        (("nowhere", *VKEY), "no exported log"),
        (("nowhere", *VKEY, "--site", SITE), "A folder has one log."),
    ],
)
def test_what_cannot_be_checked_is_one_sentence(
    run: Run, place: Path, words: tuple[str, ...], problem: str
) -> None:
    refused = run("ledger", "verify", *words, store=place)

    assert 2 == refused.exit_code, refused.output
    assert problem in refused.stderr
    assert "Hint: " in refused.stderr
    assert "Traceback" not in refused.output


def test_without_a_store_or_a_folder_there_is_nothing_to_check(run: Run) -> None:
    refused = run("ledger", "verify", *VKEY)

    assert 2 == refused.exit_code
    assert "There is nothing to check." in refused.stderr


def test_a_terminal_sees_how_far_it_is_and_a_pipe_does_not(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = run("ledger", "verify", "--store", place, *VKEY)
    monkeypatch.setenv("FORCE_COLOR", "1")
    on_terminal = run("ledger", "verify", "--store", place, *VKEY, "--json")

    assert "" == piped.stderr
    assert "entries" in on_terminal.stderr
    assert json.loads(on_terminal.stdout)["holds"]


def test_of_several_logs_one_has_to_be_named(run: Run, tmp_path: Path) -> None:
    store = SqliteLogs.create(tmp_path / "store")
    store.add_site(SITE)
    store.add_site("other")
    store.close()
    none = run("ledger", "verify", "--store", tmp_path / "store", *VKEY)
    store = SqliteLogs.open(tmp_path / "store")
    create_log(store, SITE, ORIGIN, seed=SEED, at=AT)
    create_log(store, "other", "other.example/log", seed=SEED, at=AT)
    store.close()

    several = run("ledger", "verify", "--store", tmp_path / "store", *VKEY)

    assert 2 == none.exit_code == several.exit_code
    assert "There is no log in the store." in none.stderr
    assert f"--log: {ORIGIN}, other.example/log." in several.stderr


def test_an_export_that_is_refused_is_one_sentence(
    run: Run, place: Path, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()

    for words in ((ORIGIN, "--out", file), ("other.example", "--out", tmp_path / "o")):
        refused = run("ledger", "export", "--store", place, *words)

        assert 2 == refused.exit_code, refused.output
        assert "Hint: " in refused.stderr
        assert "Traceback" not in refused.output
