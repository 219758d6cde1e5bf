"""`python -m examples.newsroom` as a program: where it is, and how it stops."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from examples.newsroom.__main__ import PortError, listen, main

ROOT = Path(__file__).parents[2]


@contextmanager
def started(
    *options: str, temporary: Path
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    program = subprocess.Popen(
        [sys.executable, "-m", "examples.newsroom", "--port", "0", *options],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout
    try:
        lines = [program.stdout.readline() for _ in range(3)]
        address = re.fullmatch(r"newsroom: (http://localhost:\d+/)\n", lines[0])
        assert address, (lines, program.poll())
        assert lines[1] == f"what happened: {address[1]}what-happened\n"
        assert lines[2].startswith("records: ")
        yield program, address[1]
    finally:
        program.kill()
        program.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_at_once_with_a_watcher_open_and_leaves_no_folder(
    how: signal.Signals, tmp_path: Path
) -> None:
    with started(temporary=tmp_path) as (program, address):
        assert len(list(tmp_path.iterdir())) == 1
        with urlopen(f"{address}what-happened/live", timeout=5) as watching:
            assert watching.readline() == b"retry: 2000\n"

            asked = time.monotonic()
            program.send_signal(how)
            _, complaints = program.communicate(timeout=5)

        assert time.monotonic() - asked < 1.5
        assert program.returncode == 0
        assert complaints == ""
        assert [] == list(tmp_path.iterdir())


@pytest.mark.slow
def test_data_that_was_asked_for_is_kept(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with started("--data", str(kept), temporary=tmp_path) as (program, _):
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=5)

    assert list(kept.iterdir())


def test_a_taken_port_is_one_sentence_that_names_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        code = main(["--port", str(port)])

    signal.signal(signal.SIGTERM, handler)
    assert code == 1
    assert capsys.readouterr().err == (
        f"newsroom: port {port} is already in use; --port 0 takes any free one.\n"
    )


def test_a_port_that_is_taken_on_the_other_loopback_address_is_taken() -> None:
    with socket.socket(socket.AF_INET6) as other:
        try:
            other.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        other.listen()

        with pytest.raises(PortError, match="already in use"):
            listen(other.getsockname()[1])
