"""`bandeau records`: counts, sparklines, and the newest records without identifiers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bandeau.cli.terminal import sparkline
from bandeau.ledger.record import key_text, subject_key
from tests.cli.conftest import Run

SUBJECT = bytes(range(16))


def test_an_empty_store_says_what_to_do(run: Run, folder: Path) -> None:
    told = run("records", "--store", folder)

    assert 0 == told.exit_code
    assert "courrier: 0 records" in told.stdout
    assert "bandeau serve --store" in told.stderr


def test_a_missing_store_says_what_creates_it(run: Run, tmp_path: Path) -> None:
    told = run("records", "--store", tmp_path / "none")

    assert 2 == told.exit_code
    assert "Error: There is no store at" in told.stderr
    assert "bandeau notice publish" in told.stderr


def test_answers_are_counted_and_listed_in_words(
    run: Run, folder: Path, record_choice: Callable[..., None]
) -> None:
    record_choice("nn")
    record_choice("yy", subject=SUBJECT)
    record_choice("yn", subject=SUBJECT)
    record_choice("n-", subject=SUBJECT, services="plume")

    lines = run("records", "--store", folder).stdout.splitlines()

    counts = {line.split()[0]: line.split()[1:3] for line in lines[2:7]}
    assert "courrier: 4 records" == lines[0]
    assert ["1", "25%"] == counts["accepted"]
    assert ["1", "25%"] == counts["refused"]
    assert ["2", "50%"] == counts["mixed"]
    assert ["4", "100%"] == counts["all"]
    assert lines[6].endswith("█")
    newest = lines[9:]
    assert "✗ audience  ? ads  ✓ plume" in newest[0]
    assert "✓ audience  ✗ ads" in newest[1]
    assert "all accepted" in newest[2]
    assert "all refused" in newest[3]


def test_no_subject_is_shown_in_full(
    run: Run, folder: Path, record_choice: Callable[..., None]
) -> None:
    record_choice("yy", subject=SUBJECT)
    record_choice("nn")
    key = key_text(subject_key(SUBJECT))

    shown = run("records", "--store", folder).stdout
    as_json = run("records", "--store", folder, "--json").stdout

    for output in (shown, as_json):
        assert key not in output
        assert SUBJECT.hex() not in output
        assert f"…{key[-6:]}" in output
    refused = json.loads(as_json)["sites"][0]["newest"][0]
    assert "" == refused["subject"]


def test_programs_get_the_same(
    run: Run, folder: Path, record_choice: Callable[..., None]
) -> None:
    record_choice("yn", subject=SUBJECT)
    record_choice("nn")

    told = run("records", "--limit", "1", "--json", store=folder)

    (site,) = json.loads(told.stdout)["sites"]
    (newest,) = site["newest"]
    assert {"accepted": 0, "refused": 1, "mixed": 1, "withdrawn": 0} == site["counts"]
    assert [{"refused": 1, "mixed": 1}] == list(site["days"].values())
    assert {"audience": "refused", "ads": "refused"} == newest["answers"]
    assert 1 == newest["index"]


def test_long_times_still_fit_on_a_line(
    run: Run, folder: Path, record_choice: Callable[..., None]
) -> None:
    record_choice("nn")

    told = run("records", "--store", folder, "--days", "365").stdout

    assert "each 7 days" in told
    assert max(map(len, told.splitlines())) <= 110


def test_an_unknown_site_names_those_that_are_there(run: Run, folder: Path) -> None:
    refused = run("records", "--store", folder, "--site", "journal")

    assert 2 == refused.exit_code
    assert "Hint: Its sites: courrier." in refused.stderr


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ([], ""),
        ([0, 0], "··"),
        ([0, 1, 8], "·▁█"),
        ([1, 1_000_000], "▁█"),
        ([4, 8], "▄█"),
    ],
)
def test_a_sparkline_tells_nothing_from_little(counts: list[int], line: str) -> None:
    assert line == sparkline(counts)
