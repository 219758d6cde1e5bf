"""`bandeau serve`: it starts, says where, and ends well."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.cli.conftest import Run

SITE = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    page = b"<!doctype html><title>Courrier</title><p>Le pont tourne encore."
    headers = [(b"content-type", b"text/html; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": page})
"""

Served = subprocess.Popen[str]


def next_line(served: Served) -> str:
    """What the server says next; pytest's timeout ends the wait for one that is silent."""
    assert served.stdout is not None
    return served.stdout.readline()


@contextmanager
def serving(*options: str, folder: Path) -> Iterator[tuple[Served, str]]:
    """The command, started, and the address that it says."""
    with subprocess.Popen(
        [sys.executable, "-m", "bandeau", "serve", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder.parent,
        env={**os.environ, "BANDEAU_STORE": str(folder)},
    ) as served:
        try:
            line = next_line(served)
            found = re.fullmatch(
                r"collector: (http://127\.0\.0\.1:\d+)/bandeau/\n", line
            )
            assert found, line
            yield served, found[1]
        finally:
            served.kill()


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_the_collector_answers_and_ends_well(
    folder: Path, sent: signal.Signals
) -> None:
    began = time.monotonic()

    with serving(folder=folder) as (served, address):
        took = time.monotonic() - began
        with urlopen(f"{address}/healthz", timeout=5) as health:
            status = health.status
        with urlopen(f"{address}/bandeau/banner.js", timeout=5) as script:
            body = script.read()
        served.send_signal(sent)
        out, err = served.communicate(timeout=5)

    assert 200 == status
    assert b"Refuse all" in body
    assert 0 == served.returncode
    assert ("", "") == (out, err), "nothing is logged about visitors"
    assert took < 5, "the design says 1.5 s; a busy machine gets some more"


@pytest.mark.slow
def test_a_site_is_put_behind_the_gate(folder: Path) -> None:
    (folder.parent / "courrier_app.py").write_text(SITE, encoding="utf-8")

    with serving("--site", "courrier_app:app", folder=folder) as (served, address):
        site = next_line(served)
        with urlopen(f"{address}/", timeout=5) as page:
            text = page.read().decode()
        served.terminate()
        served.communicate(timeout=5)

    assert f"site: {address}/\n" == site
    assert "Le pont tourne encore." in text
    assert 'data-bandeau="banner"' in text or "data-bandeau=banner" in text
    assert 0 == served.returncode


def test_a_port_that_is_taken_is_named(run: Run, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        refused = run("serve", "--store", folder, "--port", port)

    assert 2 == refused.exit_code
    assert f"Error: Port {port} of 127.0.0.1 is taken." in refused.stderr
    assert "--port" in refused.stderr


def test_a_store_that_is_missing_says_what_creates_it(run: Run, tmp_path: Path) -> None:
    refused = run("serve", "--store", tmp_path / "none")

    assert 2 == refused.exit_code
    assert f"bandeau notice publish notice.toml --store {tmp_path}" in refused.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--host", "192.0.2.1"], "none of this machine's"),
        (["--site", "no_such_module:app"], 'Could not import module "no_such_module"'),
        (["--site", "bandeau.cli:nothing"], 'Attribute "nothing" not found'),
        (["--only", "journal"], "no site called 'journal'"),
        (["--country", "FRA"], "no country code"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(
    run: Run, folder: Path, options: Sequence[str], problem: str
) -> None:
    refused = run("serve", "--store", folder, "--port", "0", *options)

    assert 2 == refused.exit_code
    assert problem in refused.stderr
    assert "Hint: " in refused.stderr
    assert "Traceback" not in refused.stderr


def test_signals_are_given_back(run: Run, folder: Path) -> None:
    before: Callable[..., object] | int | None = signal.getsignal(signal.SIGTERM)

    run("serve", "--store", folder, "--only", "journal")

    assert before is signal.getsignal(signal.SIGTERM)
