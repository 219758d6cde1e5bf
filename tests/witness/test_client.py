"""The client against real witnesses, and against silent, slow and lying ones."""

import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bandeau.errors import MisconfiguredError
from bandeau.ledger.note import (
    SignatureType,
    SigningKey,
    open_note,
    read_checkpoint,
    sign_note,
)
from bandeau.ledger.policy import read_policy
from bandeau.ledger.witness_client import (
    Cosigner,
    Outcome,
    ask,
    ask_all,
    cosigners_of,
    sizes,
    with_cosignatures,
)
from bandeau.ledger.witnessing import monitoring_path
from bandeau.witness import Settings, Witness, WitnessStore, new_witness, read_settings
from tests.witness.conftest import NOW, Clock, GrowingLog, watch
from tests.witness.stage import post, served

KEY = SigningKey.derive(bytes(32), name="liar.example", type=SignatureType.COSIGNATURE)


@pytest.fixture
def cosigner(address: str, settings: Settings) -> Cosigner:
    """The witness as the log's owner knows it."""
    keys = tuple([key.verifier for key in settings.keys])
    return Cosigner(name=settings.name, url=address, keys=keys)


def liar(address: str, *keys: SigningKey) -> Cosigner:
    known = tuple([key.verifier for key in keys or (KEY,)])
    return Cosigner(name="liar.example", url=address, keys=known)


class Canned:
    """An application that says the same to everybody, and remembers what it heard."""

    def __init__(
        self, status: int, body: bytes = b"", *more: tuple[int, bytes]
    ) -> None:
        self.heard: list[tuple[str, bytes]] = []
        last = more[-1] if more else (status, body)
        self._answers = itertools.chain([(status, body), *more], itertools.repeat(last))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.heard.append((scope["path"].removeprefix(scope["root_path"]), body))
        status, said = next(self._answers)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": said})


# ---------------------------------------------------------------- cosigned


def test_a_witness_that_was_never_asked_is_asked_once(
    cosigner: Cosigner, log: GrowingLog
) -> None:
    asked: list[tuple[int, int]] = []

    def proofs(old: int, new: int) -> Sequence[bytes]:
        asked.append((old, new))
        return log.proof(old, new)

    reply = ask(cosigner, log.note(5), proofs)

    assert (Outcome.COSIGNED, 5) == (reply.outcome, reply.size)
    assert [NOW, NOW] == [one.time for one in reply.cosignatures]
    assert [(0, 5)] == asked


def test_a_witness_that_stands_elsewhere_is_asked_from_there(
    cosigner: Cosigner, log: GrowingLog
) -> None:
    ask(cosigner, log.note(3), log.proof)
    asked: list[tuple[int, int]] = []

    def proofs(old: int, new: int) -> Sequence[bytes]:
        asked.append((old, new))
        return log.proof(old, new)

    for believed in (0, 1, 5, 63):
        reply = ask(cosigner, log.note(5), proofs, old_size=believed)
        assert Outcome.COSIGNED is reply.outcome

    assert [(0, 5), (3, 5), (1, 5), (5, 5), (5, 5), (5, 5)] == asked


def test_cosignatures_stand_below_the_checkpoint_they_are_for(
    cosigner: Cosigner, log: GrowingLog
) -> None:
    keys = [log.key.verifier, *cosigner.keys]
    replies = [ask(cosigner, log.note(5), log.proof)]

    note = with_cosignatures(log.note(5), replies)
    again = with_cosignatures(note, [ask(cosigner, note, log.proof)])

    for one in (note, again):
        opened = open_note(one, keys)
        assert log.checkpoint(5) == read_checkpoint(opened.text)
        assert keys == [verified.key for verified in opened.verified], "once each"


def test_several_are_asked_at_once_and_each_has_its_own_reply(
    tmp_path: Path, log: GrowingLog, clock: Clock
) -> None:
    with ExitStack() as stack:
        cosigners: list[Cosigner] = []
        for number in range(3):
            folder = tmp_path / str(number)
            new_witness(f"w{number}.example", folder)
            watch(folder, log.vkey)
            settings = read_settings(folder / "witness.toml")
            store = WitnessStore.open(settings.store, settings.vkey)
            stack.callback(store.close)
            witness = Witness(settings, store, clock=clock)
            url = stack.enter_context(served(witness))
            keys = tuple([key.verifier for key in settings.keys])
            cosigners.append(Cosigner(name=settings.name, url=url, keys=keys))
        post(cosigners[1].url, log.request(0, 7))
        nowhere = Cosigner(name="gone", url="http://127.0.0.1:1", keys=())

        replies = ask_all([*cosigners, nowhere], log.note(5), log.proof)

    outcomes = [(reply.cosigner.name, reply.outcome) for reply in replies]
    assert [
        ("w0.example", Outcome.COSIGNED),
        ("w1.example", Outcome.AHEAD),
        ("w2.example", Outcome.COSIGNED),
        ("gone", Outcome.UNREACHABLE),
    ] == outcomes
    assert 7 == replies[1].size
    assert 5 == len(with_cosignatures(log.note(5), replies).splitlines()) - 4


# ---------------------------------------------------------------- not cosigned


def test_a_log_that_forked_is_refused(cosigner: Cosigner, log: GrowingLog) -> None:
    ask(cosigner, log.note(3), log.proof)
    fork = GrowingLog(turn=2)

    reply = ask(cosigner, fork.note(5), fork.proof)

    assert Outcome.REFUSED is reply.outcome
    assert "does not go on from" in reply.sentence


def test_a_proof_that_cannot_be_made_leaves_the_witness_behind(
    cosigner: Cosigner, log: GrowingLog, caplog: pytest.LogCaptureFixture
) -> None:
    ask(cosigner, log.note(3), log.proof)

    def proofs(old: int, new: int) -> Sequence[bytes]:
        if old:
            raise OSError("the tiles are gone")
        return ()

    reply = ask(cosigner, log.note(5), proofs)

    assert (Outcome.BEHIND, 3) == (reply.outcome, reply.size)
    assert "the tiles are gone" in caplog.text


def test_what_is_no_checkpoint_is_a_reply_and_no_exception(
    cosigner: Cosigner, log: GrowingLog, caplog: pytest.LogCaptureFixture
) -> None:
    replies = ask_all([cosigner], b"nonsense", log.proof)

    assert [Outcome.REFUSED] == [reply.outcome for reply in replies]
    assert "three" not in caplog.messages


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (404, b"", Outcome.REFUSED),
        (403, b"", Outcome.REFUSED),
        (400, b"", Outcome.REFUSED),
        (301, b"", Outcome.REFUSED),
        (204, b"", Outcome.REFUSED),
        (500, b"", Outcome.UNREACHABLE),
        (503, b"", Outcome.UNREACHABLE),
        (429, b"", Outcome.UNREACHABLE),
        (409, b"5", Outcome.REFUSED),
        (409, b"five\n", Outcome.REFUSED),
        (409, b"", Outcome.REFUSED),
        (409, b"6\n", Outcome.AHEAD),
        (409, b"9223372036854775807\n", Outcome.AHEAD),
        (409, b"0\n", Outcome.BEHIND),
        (409, b"3\n", Outcome.BEHIND),
        (200, b"", Outcome.REFUSED),
        (200, b"\xff\n", Outcome.REFUSED),
        (200, b"<!doctype html>", Outcome.REFUSED),
        (200, b"x" * 100_000, Outcome.UNREACHABLE),
    ],
)
def test_every_other_answer_has_its_outcome_and_sentence(
    log: GrowingLog, status: int, body: bytes, outcome: Outcome
) -> None:
    canned = Canned(status, body)
    with served(canned) as address:
        reply = ask(liar(address), log.note(5), log.proof)

    assert outcome is reply.outcome
    assert reply.sentence.endswith(".") or reply.sentence.endswith("?")
    assert () == reply.cosignatures
    assert 1 <= len(canned.heard) <= 2, "once, and once more after a conflict"
    assert "/add-checkpoint" == canned.heard[0][0]


def test_a_witness_that_changes_its_mind_is_not_asked_a_third_time(
    log: GrowingLog,
) -> None:
    canned = Canned(409, b"3\n", (409, b"4\n"), (409, b"2\n"))
    with served(canned) as address:
        reply = ask(liar(address), log.note(5), log.proof)

    assert (Outcome.BEHIND, 4) == (reply.outcome, reply.size)
    assert [b"old 0\n", b"old 3\n"] == [body[:6] for _, body in canned.heard]


def _other_size(log: GrowingLog) -> list[str]:
    return [KEY.sign(log.checkpoint(4).text, at=NOW).line]


def _other_root(log: GrowingLog) -> list[str]:
    return [KEY.sign(GrowingLog(turn=1).checkpoint(5).text, at=NOW).line]


def _other_key(log: GrowingLog) -> list[str]:
    key = SigningKey.derive(
        bytes([1]) * 32, name=KEY.verifier.name, type=SignatureType.COSIGNATURE
    )
    return [key.sign(log.checkpoint(5).text, at=NOW).line]


def _no_time(log: GrowingLog) -> list[str]:
    return [KEY.sign(log.checkpoint(5).text, at=0).line]


def _the_log_s_own(log: GrowingLog) -> list[str]:
    return [log.key.sign(log.checkpoint(5).text).line]


def _one_true_one_false(log: GrowingLog) -> list[str]:
    return [KEY.sign(log.checkpoint(5).text, at=NOW).line, *_other_size(log)]


@pytest.mark.parametrize(
    "lines",
    [
        _other_size,
        _other_root,
        _other_key,
        _no_time,
        _the_log_s_own,
        _one_true_one_false,
    ],
)
def test_a_lie_is_no_cosignature(
    log: GrowingLog, lines: Callable[[GrowingLog], list[str]]
) -> None:
    with served(Canned(200, "".join(lines(log)).encode())) as address:
        reply = ask(liar(address), log.note(5), log.proof)

    assert Outcome.REFUSED is reply.outcome
    assert "cosignature does not hold" in reply.sentence
    assert log.note(5) == with_cosignatures(log.note(5), [reply])


def test_lines_of_others_are_ignored_beside_a_true_one(log: GrowingLog) -> None:
    true = KEY.sign(log.checkpoint(5).text, at=NOW).line
    lines = [*_other_key(log), true, *_the_log_s_own(log)]
    with served(Canned(200, "".join(lines).encode())) as address:
        reply = ask(liar(address), log.note(5), log.proof)

    assert [true] == [one.signature.line for one in reply.cosignatures]


# ---------------------------------------------------------------- silent and slow


@contextmanager
def behaving(
    behave: Callable[[socket.socket, threading.Event], None],
) -> Iterator[str]:
    """A server of one connection that does what it likes, till the test ends."""
    ended = threading.Event()

    def accept() -> None:
        connection, _ = door.accept()
        with connection:
            behave(connection, ended)

    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()


def silent(connection: socket.socket, ended: threading.Event) -> None:
    ended.wait(5)


def dripping_headers(connection: socket.socket, ended: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
    while not ended.wait(0.02):
        try:
            connection.sendall(b"y")
        except OSError:
            return


def dripping_body(connection: socket.socket, ended: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    dripping_headers(connection, ended)


@pytest.mark.parametrize("behave", [silent, dripping_headers, dripping_body])
def test_a_witness_that_takes_its_time_is_cut_off(
    log: GrowingLog, behave: Callable[[socket.socket, threading.Event], None]
) -> None:
    began = time.monotonic()

    with behaving(behave) as address:
        reply = ask(liar(address), log.note(5), log.proof, within=0.2)
        took = time.monotonic() - began

    assert Outcome.UNREACHABLE is reply.outcome
    assert "It did not answer in time." == reply.sentence
    assert took < 2


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x00",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nx",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_a_witness_that_breaks_off_is_unreachable(log: GrowingLog, said: bytes) -> None:
    def broken(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(100_000)
        connection.sendall(said)

    with behaving(broken) as address:
        reply = ask(liar(address), log.note(5), log.proof)

    assert (Outcome.UNREACHABLE, "It broke off.") == (reply.outcome, reply.sentence)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://127.0.0.1:1/a b", "http://é..example:1/"]
)
def test_nobody_there_is_unreachable(log: GrowingLog, url: str) -> None:
    reply = ask(liar(url), log.note(5), log.proof)

    assert (Outcome.UNREACHABLE, "It cannot be reached.") == (
        reply.outcome,
        reply.sentence,
    )


# ---------------------------------------------------------------- TLS


def test_a_certificate_must_hold(
    log: GrowingLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    line = KEY.sign(log.checkpoint(5).text, at=NOW).line.encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"

    def secure(connection: socket.socket, ended: threading.Event) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as inside:
                inside.recv(100_000)
                inside.sendall(head % len(line) + line)
                ended.wait(5)  # closing on a request half read would reset it
        except OSError:
            pass

    outcomes: list[tuple[Outcome, str]] = []
    for known in (False, True):
        if known:
            monkeypatch.setenv("SSL_CERT_FILE", str(file))
        with behaving(secure) as address:
            url = address.replace("http://127.0.0.1", "https://localhost")
            reply = ask(liar(url), log.note(5), log.proof)
        outcomes.append((reply.outcome, reply.sentence))

    assert [
        (Outcome.UNREACHABLE, "Its certificate does not hold."),
        (Outcome.COSIGNED, "It cosigned."),
    ] == outcomes


def certificate(folder: Path) -> Path:
    """A key and a certificate for localhost that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "localhost.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file


# ---------------------------------------------------------------- how far it has seen


def test_the_sizes_are_those_that_were_cosigned(
    cosigner: Cosigner, log: GrowingLog
) -> None:
    first = sizes([cosigner], log.origin, note=log.note(5))
    ask(cosigner, log.note(7), log.proof)
    shown = sizes([cosigner], log.origin)
    told = sizes([cosigner], log.origin, note=log.note(5))

    assert [0] == [one.size for one in first], "asking has cosigned nothing"
    assert [7] == [one.size for one in shown] == [one.size for one in told]
    keys = [log.key.verifier, *cosigner.keys]
    assert log.checkpoint(7) == read_checkpoint(open_note(told[0].note, keys).text)


def test_who_is_asked_outright_may_say_more_than_it_shows(log: GrowingLog) -> None:
    text = log.checkpoint(3).text
    shown = sign_note(text, [log.key.sign(text), KEY.sign(text, at=NOW)])
    with (
        served(Canned(200, shown)) as monitoring,
        served(Canned(409, b"9\n")) as address,
    ):
        known = Cosigner(
            name="w",
            url=address,
            monitoring=monitoring,
            keys=(KEY.verifier,),
        )
        [seen] = sizes([known], log.origin, note=log.note(5))

    assert (9, shown) == (seen.size, seen.note)
    assert "says" in seen.sentence


def test_what_a_witness_shows_is_looked_for_at_its_place(log: GrowingLog) -> None:
    canned = Canned(404)
    with served(canned) as address:
        [seen] = sizes([liar(f"{address}/below/")], log.origin)

    assert 0 == seen.size
    assert [(f"/below/{monitoring_path(log.origin)}", b"")] == canned.heard


def test_what_is_not_cosigned_by_it_says_nothing(log: GrowingLog) -> None:
    other = GrowingLog("other.example")
    text = other.checkpoint(9).text
    wrong = [
        log.note(9),
        b"9\n",
        sign_note(text, [other.key.sign(text), KEY.sign(text, at=NOW)]),
    ]

    for octets in wrong:
        with served(Canned(200, octets)) as address:
            [seen] = sizes([liar(address)], log.origin)
        assert (None, b"") == (seen.size, seen.note)
        assert seen.sentence.endswith(".")


def test_a_witness_that_does_not_say_is_not_at_zero(log: GrowingLog) -> None:
    with served(Canned(500)) as address:
        seen = sizes(
            [liar(address), liar("http://127.0.0.1:1")], log.origin, note=log.note(5)
        )

    assert [None, None] == [one.size for one in seen]


# ---------------------------------------------------------------- who is asked


def test_the_witnesses_of_a_policy_are_asked_once_for_two_keys() -> None:
    both = [
        SigningKey.derive(bytes(32), name="w.example", type=kind).verifier
        for kind in (SignatureType.COSIGNATURE, SignatureType.ML_DSA_44)
    ]
    policy = read_policy(
        f"log {GrowingLog().vkey}\n"
        f"witness a {both[0].text} https://w.example/w1\n"
        f"witness b {both[1].text} https://w.example/w1\n"
        f"witness offline {KEY.verifier.text}\n"
        "quorum none\n".encode()
    )

    assert (
        Cosigner(name="w.example", url="https://w.example/w1", keys=tuple(both)),
    ) == cosigners_of(policy)


@pytest.mark.parametrize(
    "url",
    ["", "w.example", "ftp://w.example", "http://", "http://[::1", "http://w:99999/"],
)
def test_an_address_that_cannot_be_asked_is_found_before(url: str) -> None:
    with pytest.raises(MisconfiguredError, match="no address"):
        Cosigner(name="w", url=url, keys=())
