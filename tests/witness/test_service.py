"""The witness over real HTTP, with a real file behind it."""

import hashlib
import logging
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bandeau.ledger.note import open_note, read_checkpoint
from bandeau.ledger.witnessing import (
    LONGEST_BODY,
    monitoring_path,
    read_cosignatures,
    write_request,
)
from bandeau.witness import Settings, Witness, WitnessStore, read_settings, service
from tests.ledger.worked import LOG_VKEY
from tests.witness.conftest import NOW, Clock, GrowingLog, watch
from tests.witness.session import SESSION
from tests.witness.stage import ask, post, served


def test_the_session_of_every_witness(
    folder: Path, store: WitnessStore, clock: Clock
) -> None:
    watch(folder, LOG_VKEY)
    settings = read_settings(folder / "witness.toml")
    statuses: list[tuple[str, int]] = []

    with served(Witness(settings, store, clock=clock)) as address:
        for step in SESSION:
            clock.now += 1
            told = post(address, step.body.encode())
            statuses.append((step.name, told.status))
            if told.status == 409:
                assert step.told.encode() == told.body
                assert "text/x.tlog.size" == told.headers["content-type"]
            elif told.status == 200:
                assert told.body.startswith("— witness.example/w1 ".encode())
            else:
                assert 1 == told.body.count(b"\n"), "one sentence"
                assert told.headers["content-type"].startswith("text/plain")

    assert [(step.name, step.status) for step in SESSION] == statuses


def test_it_answers_with_its_own_cosignatures_and_no_other(
    address: str, log: GrowingLog, settings: Settings
) -> None:
    keys = [key.verifier for key in settings.keys]

    told = post(address, log.request(0, 5))

    found = read_cosignatures(told.body, log.checkpoint(5), keys)
    assert [(key, NOW) for key in keys] == [(one.key, one.time) for one in found]
    assert len(keys) == told.body.count("— ".encode()) == 2
    assert "no-store" == told.headers["cache-control"]


def test_monitors_get_what_was_cosigned_last(
    address: str, log: GrowingLog, settings: Settings
) -> None:
    path = f"/{monitoring_path(log.origin)}"
    keys = [log.key.verifier, *[key.verifier for key in settings.keys]]

    assert 404 == ask(address, "GET", path).status
    post(address, log.request(0, 3))
    post(address, log.request(3, 5))
    told = ask(address, "GET", path)

    opened = open_note(told.body, keys)
    assert log.checkpoint(5) == read_checkpoint(opened.text)
    assert keys == [verified.key for verified in opened.verified]
    assert () == opened.unknown
    assert "text/plain; charset=utf-8" == told.headers["content-type"]
    assert "*" == told.headers["access-control-allow-origin"]
    assert (
        404
        == ask(address, "GET", path.upper().replace("CHECKPOINT", "checkpoint")).status
    )


def test_the_same_size_again_gets_a_fresh_time(
    address: str, log: GrowingLog, settings: Settings, clock: Clock
) -> None:
    keys = [key.verifier for key in settings.keys]
    first = post(address, log.request(0, 5))

    at_once = post(address, log.request(5, 5))
    clock.now += 300
    later = post(address, log.request(5, 5))

    assert first.body == at_once.body, "in one second there is nothing new to say"
    times = [v.time for v in read_cosignatures(later.body, log.checkpoint(5), keys)]
    assert [NOW + 300] * 2 == times


def test_a_clock_that_went_back_signs_nothing(
    address: str, log: GrowingLog, clock: Clock
) -> None:
    """A larger tree with an earlier time would contradict the smaller one's cosignature."""
    post(address, log.request(0, 3))
    clock.now -= 10

    told = post(address, log.request(3, 5))

    assert (503, "10") == (told.status, told.headers["retry-after"])
    assert b"clock" in told.body
    clock.now += 10
    assert 200 == post(address, log.request(3, 5)).status


def test_a_log_that_forks_is_refused_and_its_words_are_kept(
    address: str, log: GrowingLog, caplog: pytest.LogCaptureFixture
) -> None:
    fork = GrowingLog(turn=3)
    post(address, log.request(0, 5))

    with caplog.at_level(logging.ERROR):
        told = post(address, fork.request(5, 5))
        again = post(address, fork.request(5, 5))

    assert 422 == told.status == again.status
    assert 1 == len(caplog.records), "once is enough"
    assert fork.checkpoint(5).text.splitlines()[2] in caplog.text
    assert "127.0.0.1" not in caplog.text
    assert 200 == post(address, log.request(5, 6)).status


def test_a_bad_proof_that_anybody_may_send_is_no_evidence(
    address: str, log: GrowingLog, caplog: pytest.LogCaptureFixture
) -> None:
    post(address, log.request(0, 3))

    for size in (3, 5):
        told = post(address, write_request(3, (bytes(32),), log.note(size)))
        assert 422 == told.status

    assert [] == caplog.records


def test_what_was_cosigned_survives_a_restart(
    settings: Settings, store: WitnessStore, log: GrowingLog, address: str
) -> None:
    post(address, log.request(0, 5))
    again = WitnessStore.open(settings.store, settings.vkey)

    with served(Witness(settings, again)) as other:
        told = post(other, log.request(0, 6))

    again.close()
    assert (409, b"5\n") == (told.status, told.body)


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_long_is_not_read_to_its_end(
    address: str, announced: bool
) -> None:
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port), timeout=5) as door:
        part = b"x" * 4096
        path = f"{where.path}/add-checkpoint".encode()
        door.sendall(b"POST %s HTTP/1.1\r\nHost: w\r\n" % path)
        if announced:
            door.sendall(b"Content-Length: 100000000\r\n\r\n")
        else:
            door.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(LONGEST_BODY // len(part) + 2):
            door.sendall(part if announced else b"1000\r\n" + part + b"\r\n")
        answer = door.recv(4096)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()


def test_a_body_that_does_not_come_is_not_waited_for(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BODY_WITHIN_SECONDS", 0.05)
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port), timeout=5) as door:
        path = f"{where.path}/add-checkpoint".encode()
        door.sendall(
            b"POST %s HTTP/1.1\r\nHost: w\r\nContent-Length: 9\r\n\r\nold" % path
        )
        answer = door.recv(4096)

    assert answer.startswith(b"HTTP/1.1 408 ")


def test_too_many_at_once_are_asked_to_come_again(
    address: str, log: GrowingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_AT_ONCE", 0)

    told = post(address, log.request(0, 1))

    assert (503, "5") == (told.status, told.headers["retry-after"])
    monkeypatch.undo()
    assert 200 == post(address, log.request(0, 1)).status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/add-checkpoint", 405),
        ("POST", "/", 405),
        ("GET", "/nothing", 404),
        ("GET", "/sign-subtree", 404),
        ("GET", f"/{'0' * 64}/checkpoint", 404),
        ("GET", "/%00/checkpoint", 404),
    ],
)
def test_what_is_not_there_is_one_sentence(
    address: str, method: str, path: str, status: int
) -> None:
    told = ask(address, method, path)

    assert status == told.status
    assert told.body.endswith(b".\n")
    assert 1 == told.body.count(b"\n")


def test_the_page_says_who_and_where_every_log_stands(
    folder: Path, store: WitnessStore, clock: Clock, log: GrowingLog
) -> None:
    silent = GrowingLog("<b>silent</b>.example")
    watch(folder, log.vkey, silent.vkey)
    settings = read_settings(folder / "witness.toml")

    with served(Witness(settings, store, clock=clock)) as address:
        post(address, log.request(0, 42))
        told = ask(address, "GET", "/")

    page = told.body.decode()
    for key in settings.keys:
        assert key.verifier.text in page
    assert f"{log.origin}</a><td>42<td>2026-11-2" in page
    assert "&lt;b&gt;silent&lt;/b&gt;.example<td><td>never" in page
    assert "default-src 'none'" in told.headers["content-security-policy"]
    assert hashlib.sha256(log.origin.encode()).hexdigest() in page


def test_health_is_that_something_could_be_cosigned(
    address: str, store: WitnessStore
) -> None:
    well = ask(address, "GET", "/healthz")
    store.close()
    ill = ask(address, "GET", "/healthz")

    assert (200, b"ok\n") == (well.status, well.body)
    assert 503 == ill.status


def test_no_signature_leaves_when_it_could_not_be_kept(
    address: str, store: WitnessStore, log: GrowingLog
) -> None:
    post(address, log.request(0, 3))
    store.close()

    told = post(address, log.request(3, 5))

    assert 503 == told.status
    assert "—" not in told.body.decode()
    assert "retry-after" in told.headers


def test_a_log_that_is_asked_for_by_many_is_cosigned_once_in_a_second(
    address: str, log: GrowingLog, clock: Clock
) -> None:
    """Eight ask at once for one step; all but one come too late, and nobody is lied to."""
    post(address, log.request(0, 1))
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(post(address, log.request(1, 9)).status)
        )
        for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [200, *[409] * 7] == sorted(statuses)
