"""`bandeau ledger`: a seed, a log, and what has to go."""

import json
import os
import stat
from pathlib import Path

import pytest

from bandeau.ledger.log import Logs, log_key
from bandeau.ledger.places import open_logs
from bandeau.ledger.record import subject_key
from tests.cli.conftest import Run
from tests.ledger.test_logs import record

ORIGIN = "courrier.example/bandeau/log/2026"
SUBJECT = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def key(run: Run, tmp_path: Path) -> Path:
    file = tmp_path / "courrier.seed"
    assert 0 == run("ledger", "key", file).exit_code
    return file


@pytest.fixture
def logged(run: Run, folder: Path, key: Path) -> Path:
    """A store whose site has a log."""
    words = ("ledger", "create", ORIGIN, "--store", folder, "--key", key)
    assert 0 == run(*words).exit_code
    return folder


def test_a_seed_is_its_owners_alone_and_never_written_over(run: Run, key: Path) -> None:
    before = key.read_bytes()

    again = run("ledger", "key", key)

    assert 0o600 == stat.S_IMODE(key.stat().st_mode)
    assert 2 == again.exit_code
    assert "already" in again.stderr
    assert before == key.read_bytes()
    assert before.hex() not in again.output


def test_a_log_is_begun_once_and_its_vkey_is_told(
    run: Run, folder: Path, key: Path
) -> None:
    words = ("ledger", "create", ORIGIN, "--store", folder, "--key", key)

    begun, again = run(*words), run(*words)

    assert begun.stdout.startswith(f"{ORIGIN}+")
    assert 2 == again.exit_code
    assert "already" in again.stderr


def test_logs_are_listed_with_their_vkeys(run: Run, logged: Path, key: Path) -> None:
    told = run("ledger", "show", "--store", logged, "--key", key, "--json")
    table = run("ledger", "show", "--store", logged)

    (log,) = json.loads(told.stdout)
    assert (ORIGIN, 2) == (log["origin"], log["size"])
    assert log["vkey"].startswith(ORIGIN)
    assert ORIGIN in table.stdout


def test_a_store_without_a_log_says_how_to_begin_one(run: Run, folder: Path) -> None:
    told = run("ledger", "show", "--store", folder)

    assert "bandeau ledger create" in told.stderr


def test_a_seed_that_others_may_read_is_refused(
    run: Run, folder: Path, key: Path
) -> None:
    key.chmod(0o644)

    told = run("ledger", "create", ORIGIN, "--store", folder, "--key", key)

    assert 2 == told.exit_code
    assert [] == open_logs(folder).logs("courrier")


def test_a_visitors_records_are_erased_and_counted(
    run: Run, logged: Path, key: Path
) -> None:
    store = open_logs(logged)
    subject = subject_key(bytes.fromhex(SUBJECT))
    # The log began at the machine's own time: go on from there.
    now = store.logs("courrier")[-1].clock
    logs = Logs(store, seed=key.read_bytes(), clock=lambda: now, entropy=bytes)
    batch = [record(subject=subject), record(subject=subject), record()]
    logs.append("courrier", [*batch, record(subject=subject)], expected_size=0)
    store.close()
    words = ("ledger", "erase", "--store", logged, "--key", key)

    erased = run(*words, "--subject", SUBJECT)
    again = run(*words, "--subject", SUBJECT)

    assert "erased: 3 entries" in erased.stdout
    assert 2 == again.exit_code
    assert "no record of this subject" in again.stderr
    store = open_logs(logged)
    assert [2] == [kept.index for kept in store.page("courrier")]
    store.close()


def test_a_receipt_is_written_and_holds_for_whoever_has_the_vkey(
    run: Run, logged: Path, key: Path, tmp_path: Path
) -> None:
    store = open_logs(logged)
    now = store.logs("courrier")[-1].clock
    logs = Logs(store, seed=key.read_bytes(), clock=lambda: now, entropy=os.urandom)
    logs.append("courrier", [record()], expected_size=0)
    store.close()
    file = tmp_path / "receipt.tlog-proof"
    vkey = log_key(key.read_bytes(), ORIGIN).verifier.text

    written = run("ledger", "receipt", 0, "--store", logged, "--out", file)
    printed = run("ledger", "receipt", 0, "--store", logged)

    assert 0 == written.exit_code
    assert file.read_text() == printed.stdout
    assert 0 == run("verify", file, "--key", vkey).exit_code
    octets = bytearray(file.read_bytes())
    octets[60] ^= 1
    file.write_bytes(octets)
    assert 1 == run("verify", file, "--key", vkey).exit_code
    missing = run("ledger", "receipt", 1, "--store", logged)
    assert 2 == missing.exit_code
    assert "no receipt for record 1" in missing.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "in one way"),
        (("--subject", SUBJECT, "--entries", "1:2"), "in one way"),
        (("--subject", "abc"), "32 hexadecimal digits"),
        (("--entries", "1-2"), "FIRST:END"),
        (("--entries", "1:99"), "2 entries"),
        (("--entries", "1:2", "--reason", "boredom"), "retention"),
        (("--entries", "1:2", "--site", "other"), "courrier"),
    ],
)
def test_what_cannot_be_erased_says_why(
    run: Run, logged: Path, key: Path, words: tuple[str, ...], said: str
) -> None:
    told = run("ledger", "erase", "--store", logged, "--key", key, *words)

    assert 2 == told.exit_code
    assert said in told.stderr


def test_a_log_without_its_key_is_not_served(run: Run, logged: Path) -> None:
    told = run("serve", "--store", logged, "--port", 0)

    assert 2 == told.exit_code
    assert "nobody to sign it" in told.stderr
    assert "--key FILE" in told.stderr
    assert "Traceback" not in told.output
