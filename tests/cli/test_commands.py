"""What all commands have in common: help, errors, streams, the reference."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.cli import reference
from tests.cli.conftest import Run


def test_the_version_is_the_packages(run: Run) -> None:
    assert f"bandeau {version('bandeau')}\n" == run("--version").stdout


def test_help_lists_the_commands_as_a_site_meets_them(run: Run) -> None:
    told = run("--help").stdout

    commands = ["  notice ", "  banner ", "  serve ", "  records ", "  witness "]
    places = [told.index(command) for command in commands]
    assert sorted(places) == places
    assert "..." not in told.partition("Commands:")[2], (
        "a first sentence is too long for the list"
    )


@pytest.mark.parametrize(
    "command",
    ["notice publish", "notice show", "serve", "records"],
)
def test_a_store_has_to_be_named(run: Run, command: str) -> None:
    refused = run(*command.split())

    assert 2 == refused.exit_code
    assert "BANDEAU_STORE" in refused.stderr


def test_a_store_may_be_named_in_the_environment(run: Run, folder: Path) -> None:
    assert 0 == run("records", store=folder).exit_code


def test_nothing_is_coloured_where_nobody_looks(run: Run, notice_file: Path) -> None:
    assert "\x1b" not in run("notice", "check", notice_file).output


@pytest.mark.slow
def test_an_old_terminal_gets_question_marks(notice_file: Path, tmp_path: Path) -> None:
    notice_file.write_text(
        notice_file.read_text(encoding="utf-8").replace("Plume SAS", "Plumé SAS"),
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "bandeau", "notice", "check", notice_file]
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}

    told = subprocess.run(command, env=ascii_only, capture_output=True)
    as_json = subprocess.run([*command, "--json"], env=ascii_only, capture_output=True)

    assert 0 == told.returncode
    assert b"Plum? SAS" in told.stdout
    assert ["Plumé SAS"] == json.loads(as_json.stdout)["partners"]


def test_the_reference_says_what_help_says() -> None:
    written = (
        reference.PAGE.read_text(encoding="utf-8") if reference.PAGE.exists() else ""
    )

    assert reference.reference() == written, "Run: python -m tests.cli.reference"
