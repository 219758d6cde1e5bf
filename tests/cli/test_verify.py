"""`bandeau verify`, `bandeau receipts`: what a receipt proves, said to people and programs."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bandeau.ledger import verify_receipt
from tests.cli.conftest import Run
from tests.ledger import receipts
from tests.ledger.worked import LOG_VKEY


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    file = tmp_path / "r.tlog-proof"
    file.write_bytes(receipts.receipt(receipts.record()))
    return file


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "policy"
    file.write_bytes(receipts.policy())
    return file


@pytest.fixture
def cited_notice(tmp_path: Path) -> Path:
    file = tmp_path / "notice.json"
    file.write_bytes(receipts.notice().canonical)
    return file


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_receipt_that_holds_is_told_in_plain_words(
    run: Run, receipt: Path, policy: Path
) -> None:
    told = run("verify", receipt, "--policy", policy)

    assert 0 == told.exit_code
    said = lines(told.stdout)
    for line in (
        "purpose 1 accepted",
        "purpose 2 refused",
        "service film accepted",
        "time 2026-11-23 04:50:00 UTC, by the publisher's clock",
        "log ledger.example/shop/2026",
        "index 4 of 7",
        "at latest 2026-11-23 05:00:00 UTC, by the witnesses' clocks",
        "1 read passed It is a proof with a checkpoint.",
        "5 included passed It is entry 4 of the 7 in the tree.",
        "The receipt holds.",
    ):
        assert line in said
    assert "No witness" not in told.stdout


def test_it_says_what_the_program_that_stands_alone_says(
    run: Run, receipt: Path, policy: Path
) -> None:
    program = [sys.executable, verify_receipt.__file__, receipt, "--policy", policy]
    alone = subprocess.run(program, capture_output=True, encoding="utf-8")

    told = run("verify", receipt, "--policy", policy)

    assert set(lines(alone.stdout)) - {""} <= {
        *lines(told.stdout),
        "What the record says:",
        "Where and when it was recorded:",
    }


def test_a_changed_receipt_names_the_step_that_fails(
    run: Run, receipt: Path, policy: Path
) -> None:
    receipt.write_bytes(receipt.read_bytes().replace(b"index 4", b"index 3"))

    told = run("verify", receipt, "--policy", policy)

    assert 1 == told.exit_code
    assert "The receipt does not hold: step 5, included." in told.stdout
    assert "unproved" in told.stdout
    assert "at latest" not in told.stdout


def test_a_key_alone_asks_for_no_witness_and_says_so(run: Run, receipt: Path) -> None:
    told = run("verify", receipt, "--key", LOG_VKEY)

    assert 0 == told.exit_code
    assert "No witness was asked for" in told.stdout
    assert "at latest not known: no witness states a time" in lines(told.stdout)


def test_the_notice_names_purposes_and_services(
    run: Run, receipt: Path, policy: Path, cited_notice: Path
) -> None:
    told = run("verify", receipt, "--policy", policy, "--notice", cited_notice)

    assert 0 == told.exit_code
    said = lines(told.stdout)
    assert "Audience measurement accepted Count visits and pages read." in said
    assert "Film accepted" in said
    assert "The notice is the one that the record cites." in said


def test_another_notice_is_not_the_one_that_is_cited(
    run: Run, receipt: Path, policy: Path, cited_notice: Path
) -> None:
    receipt.write_bytes(receipts.receipt(receipts.record(digest="A" * 43)))

    told = run("verify", receipt, "--policy", policy, "--notice", cited_notice)

    assert 1 == told.exit_code
    assert "The notice is not the one that the record cites." in told.stdout
    assert "Audience measurement" not in told.stdout


def test_programs_get_json(
    run: Run, receipt: Path, policy: Path, cited_notice: Path
) -> None:
    words = ("verify", receipt, "--policy", policy, "--notice", cited_notice, "--json")
    told = json.loads(run(*words).stdout)

    assert told["holds"] is True
    assert ["passed"] * 5 == [step["outcome"] for step in told["steps"]]
    assert (4, 7) == (told["index"], told["size"])
    assert "2026-11-23T05:00:00Z" == told["at_latest"]
    assert receipts.record().decode() == told["record"]
    assert {"name": "Film", "text": "accepted"} in told["says"]
    assert {"digest": receipts.notice().digest, "is_cited": True} == told["notice"]

    receipt.write_bytes(b"")
    failed = run(*words)

    assert 1 == failed.exit_code
    told = json.loads(failed.stdout)
    assert told["holds"] is False
    assert told["at_latest"] is told["record"] is told["index"] is None


def test_a_record_does_not_move_the_cursor(
    run: Run, receipt: Path, policy: Path
) -> None:
    receipt.write_bytes(
        receipts.receipt(b'{"via":"\\u001b[2J\\u202e","\\u001b[2J":"[red]"}')
    )

    told = run("verify", receipt, "--policy", policy)

    assert 0 == told.exit_code
    assert "\x1b" not in told.stdout
    assert "\u202e" not in told.stdout
    assert "[red]" in told.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Whom do you believe?"),
        (["--policy", "policy", "--key", LOG_VKEY], "Whom do you believe?"),
        (["--key", "nonsense"], "The key cannot be used"),
        (["--key", f"{LOG_VKEY}\nlog"], "The key cannot be used"),
        (["--policy", "nowhere"], "There is no file"),
        (["--policy", "r.tlog-proof"], "is no policy (line 1)"),
        (["--policy", "policy", "--notice", "policy"], "not how a notice is published"),
    ],
)
def test_what_cannot_be_read_is_neither_true_nor_false(
    run: Run,
    receipt: Path,
    policy: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(receipt.parent)

    told = run("verify", "r.tlog-proof", *words)

    assert 2 == told.exit_code
    assert said in told.stderr
    assert "Hint: " in told.stderr
    assert "" == told.stdout


@pytest.mark.parametrize("what", ["page", "program"])
def test_what_others_check_with_is_written_and_named(
    run: Run, tmp_path: Path, what: str
) -> None:
    out = tmp_path / "new" / "file"

    told = run("receipts", what, "--out", out)
    as_json = json.loads(run("receipts", what, "--json").stdout)

    octets = out.read_bytes()
    assert hashlib.sha256(octets).hexdigest() in told.stdout
    assert f"{len(octets):,} bytes" in told.stdout
    assert len(octets) == as_json["weight"]["raw"]
    assert as_json["file"] is None
