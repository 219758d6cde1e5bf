"""Time-stamps, with `openssl ts` as the authority."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bandeau.errors import MalformedError, MisconfiguredError
from bandeau.ledger.timestamps import (
    UntrustedTimestampError,
    timestamp_request,
    verify_timestamp,
)
from tests.ledger.worked import CHECKPOINT

pytest.importorskip("rfc3161_client", reason="the extra `timestamps`")

OPENSSL = shutil.which("openssl") or ""
pytestmark = pytest.mark.skipif(not OPENSSL, reason="openssl is not here")

Stamp = Callable[..., bytes]

SETTINGS = """
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[stamps]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
default_tsa = authority
[authority]
serial = serial
default_policy = 1.2.3.4
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
accuracy = secs:1, millisecs:500
"""


def openssl(folder: Path, *words: str) -> None:
    subprocess.run([OPENSSL, *words], cwd=folder, check=True, capture_output=True)


def authority(folder: Path) -> Path:
    """A root, and a certificate below it that may stamp times."""
    folder.mkdir()
    (folder / "settings").write_text(SETTINGS, encoding="ascii")
    (folder / "serial").write_text("01\n", encoding="ascii")
    settings = ("-config", "settings")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(
        folder,
        *("req", "-x509", *key, *settings, "-extensions", "root", "-days", "2"),
        *("-subj", "/CN=Root", "-keyout", "root.key", "-out", "root.pem"),
    )
    openssl(
        folder,
        *("req", *key, *settings, "-subj", "/CN=Authority"),
        *("-keyout", "key.pem", "-out", "request.pem"),
    )
    openssl(
        folder,
        *("x509", "-req", "-in", "request.pem", "-days", "2", "-CA", "root.pem"),
        *("-CAkey", "root.key", "-CAcreateserial", "-extfile", "settings"),
        *("-extensions", "stamps", "-out", "authority.pem"),
    )
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority(tmp_path_factory.mktemp("tsa") / "one")


@pytest.fixture
def stamp(folder: Path) -> Stamp:
    """What the authority answers to a request."""

    def stamp(request: bytes) -> bytes:
        (folder / "query").write_bytes(request)
        openssl(
            folder,
            *("ts", "-reply", "-config", "settings", "-section", "authority"),
            *("-queryfile", "query", "-signer", "authority.pem"),
            *("-inkey", "key.pem", "-out", "answer"),
        )
        return (folder / "answer").read_bytes()

    return stamp


@pytest.fixture
def roots(folder: Path) -> bytes:
    return (folder / "root.pem").read_bytes()


def test_a_checkpoint_is_stamped_and_verified(stamp: Stamp, roots: bytes) -> None:
    before = int(time.time())
    request = timestamp_request(CHECKPOINT)

    answer = stamp(request.octets)
    with_nonce = verify_timestamp(
        answer, CHECKPOINT, authorities=roots, nonce=request.nonce
    )
    kept = verify_timestamp(answer, CHECKPOINT, authorities=roots)

    assert before <= kept.at <= time.time()
    assert 2 == kept.accuracy, "a second and a half, rounded up"
    assert with_nonce == kept


def test_a_time_stamp_is_for_one_note_and_one_request(
    stamp: Stamp, roots: bytes
) -> None:
    request = timestamp_request(CHECKPOINT)
    answer = stamp(request.octets)

    for note, nonce in (
        (CHECKPOINT[:-1], None),
        (CHECKPOINT + b"x", None),
        (b"", None),
        (CHECKPOINT, request.nonce ^ 1),
    ):
        with pytest.raises(UntrustedTimestampError, match="does not hold"):
            verify_timestamp(answer, note, authorities=roots, nonce=nonce)


def test_an_authority_that_is_not_trusted_states_nothing(
    stamp: Stamp, tmp_path: Path
) -> None:
    answer = stamp(timestamp_request(CHECKPOINT).octets)
    other = authority(tmp_path / "other")

    with pytest.raises(UntrustedTimestampError):
        verify_timestamp(
            answer, CHECKPOINT, authorities=(other / "root.pem").read_bytes()
        )


def test_no_changed_byte_passes(stamp: Stamp, roots: bytes) -> None:
    answer = stamp(timestamp_request(CHECKPOINT).octets)
    true = verify_timestamp(answer, CHECKPOINT, authorities=roots)

    for at in range(0, len(answer), 7):
        changed = bytearray(answer)
        changed[at] ^= 1
        try:
            found = verify_timestamp(bytes(changed), CHECKPOINT, authorities=roots)
        except MalformedError:
            continue
        # What is not signed may change: it states the same all the same.
        assert true == found


def test_what_is_not_granted_is_not_stamped(stamp: Stamp, roots: bytes) -> None:
    refused = stamp(timestamp_request(CHECKPOINT).octets[:-2] + b"\x00\x00")

    with pytest.raises(MalformedError):
        verify_timestamp(refused, CHECKPOINT, authorities=roots)


@pytest.mark.parametrize("answer", [b"", b"x", b"\x30\x00", b"0\x03\x02\x01\x00"])
def test_what_is_no_answer_is_malformed(answer: bytes, roots: bytes) -> None:
    with pytest.raises(MalformedError):
        verify_timestamp(answer, CHECKPOINT, authorities=roots)


def test_authorities_are_certificates(stamp: Stamp) -> None:
    answer = stamp(timestamp_request(CHECKPOINT).octets)

    with pytest.raises(MisconfiguredError, match="no certificates"):
        verify_timestamp(answer, CHECKPOINT, authorities=b"nonsense")


def test_without_the_package_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)

    with pytest.raises(MisconfiguredError, match="rfc3161-client"):
        timestamp_request(CHECKPOINT)
    with pytest.raises(MisconfiguredError, match="rfc3161-client"):
        verify_timestamp(b"", CHECKPOINT, authorities=b"")
