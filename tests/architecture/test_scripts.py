"""The commands that the README promises are there, can be run, and are plain sh."""

import os
import subprocess

import pytest

from tests.architecture import tracked

COMMANDS = [
    ".ci/run",
    "scripts/check",
    "scripts/demo",
    "scripts/docs",
    "scripts/lock",
    "scripts/serve",
    "scripts/test",
]
README = tracked.ROOT / "README.md"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_can_be_run(command: str) -> None:
    path = tracked.ROOT / command

    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    assert os.access(path, os.X_OK), f"chmod +x {command}"


@pytest.mark.parametrize("script", [*COMMANDS, "scripts/environment.sh"])
def test_the_shell_can_read_it(script: str) -> None:
    read = subprocess.run(
        ["sh", "-n", tracked.ROOT / script], capture_output=True, text=True
    )

    assert "" == read.stderr


@pytest.mark.skipif(not README.exists(), reason="there is no README yet")
@pytest.mark.parametrize("command", ["scripts/demo", "scripts/test"])
def test_the_readme_names(command: str) -> None:
    assert command in README.read_text(encoding="utf-8")


@pytest.mark.skipif(not README.exists(), reason="there is no README yet")
def test_the_package_shows_the_readme() -> None:
    project = (tracked.ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert '\nreadme = "README.md"\n' in project, "Add it to [project]."
