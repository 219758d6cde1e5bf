"""The one file for authorities: it stands alone, and says what ledger/proof.py says."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from bandeau.errors import MalformedError
from bandeau.ledger import policy as policies
from bandeau.ledger import verify_receipt as alone
from bandeau.ledger.proof import verify
from tests.ledger import receipts
from tests.ledger.test_proof import OURS
from tests.ledger.worked import LOG_VKEY, POLICY, VECTORS, WITNESS_VKEY

FILE = Path(alone.__file__)
SOURCE = FILE.read_text(encoding="utf-8")
POLICY_READ = policies.read_policy(POLICY)
OURS_AND_VISITORS = {"worked": OURS, "visitor's": receipts.receipt(receipts.record())}
W1 = f"witness w1 {WITNESS_VKEY}\n"
PQ = f"witness pq {receipts.mldsa_key().verifier.text}\n"


def steps(octets: bytes, policy: bytes = POLICY) -> list[list[str]]:
    return [
        list(step) for step in alone.Receipt(octets, alone.policy_from(policy)).steps
    ]


def expected(octets: bytes) -> list[list[str]]:
    return [
        [step.name.value, step.outcome.value, step.why]
        for step in verify(octets, POLICY_READ).steps
    ]


# ---------------------------------------------------------------- alone


def test_it_imports_the_standard_library_only_and_python_3_9_reads_it() -> None:
    tree = ast.parse(SOURCE, feature_version=(3, 9))

    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }
    assert imported <= sys.stdlib_module_names
    assert not imported & {"socket", "subprocess", "urllib", "http", "ctypes", "os"}
    for newer in ("match ", "kw_only", "bit_count", "strict=", "removesuffix"):
        assert newer not in SOURCE


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # -I and -S: neither this folder nor any package can be imported.
    return subprocess.run(
        [sys.executable, "-I", "-S", FILE, *words],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8"},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy").write_bytes(POLICY)
    (tmp_path / "receipt").write_bytes(OURS_AND_VISITORS["visitor's"])
    return tmp_path


def test_it_runs_alone_and_says_what_was_answered(folder: Path) -> None:
    told = run(folder, "receipt", "--policy", "policy")

    assert ("", 0) == (told.stderr, told.returncode)
    lines = [" ".join(line.split()) for line in told.stdout.splitlines()]
    for line in (
        "site shop",
        "time 2026-11-23 04:50:00 UTC, by the publisher's clock",
        f"notice {receipts.notice().digest}",
        "purpose 1 accepted",
        "purpose 2 refused",
        "purpose 3 refused",
        "service film accepted",
        "via settings",
        "log ledger.example/shop/2026",
        "index 4 of 7",
        "at latest 2026-11-23 05:00:00 UTC, by the witnesses' clocks",
        "witness witness.example/w1, 2026-11-23 05:00:00 UTC",
        "3 witnessed passed The witnesses that cosigned it are 1, and a quorum.",
        "5 included passed It is entry 4 of the 7 in the tree.",
        "The receipt holds.",
    ):
        assert line in lines


def test_one_changed_letter_is_named_with_its_step(folder: Path) -> None:
    whole = (folder / "receipt").read_text(encoding="utf-8")
    (folder / "receipt").write_text(whole.replace("index 4", "index 3"), "utf-8")

    told = run(folder, "receipt", "--policy", "policy")

    assert 1 == told.returncode
    assert "5 included   failed" in told.stdout
    assert told.stdout.endswith("The receipt does not hold: step 5, included.\n")
    assert "unproved" in told.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["receipt"], "--policy"),
        (["nowhere", "--policy", "policy"], "nowhere cannot be read"),
        (["receipt", "--policy", "nowhere"], "nowhere cannot be read"),
        (["receipt", "--policy", "receipt"], "receipt is no policy: line 1"),
    ],
)
def test_what_cannot_be_read_is_neither_true_nor_false(
    folder: Path, words: list[str], said: str
) -> None:
    told = run(folder, *words)

    assert 2 == told.returncode
    assert said in told.stderr
    assert "" == told.stdout


def test_a_record_of_any_kind_is_shown_without_moving_the_cursor(
    folder: Path,
) -> None:
    for body in (
        b'{"v":1,"via":"\x1b[2J\\u001b[2J\\u202e"}',
        b'{"via":"a\\u001b[2J\\u202e","\\u001b[2J":[1],"answers":"yx","time":1e999}',
        b'{"v":1,"answers":"n","answers":"y"}',
        b"\xff\x1b[2J",
        b"[" * 60_000,
        b"",
        b'{"time":99999999999999999999,"services":3,"answers":null}',
    ):
        (folder / "receipt").write_bytes(receipts.receipt(body))

        told = run(folder, "receipt", "--policy", "policy")

        assert ("", 0) == (told.stderr, told.returncode)
        assert "\x1b" not in told.stdout
        assert "\u202e" not in told.stdout
        # A name that stands twice is not read in one way and hidden in the other.
        assert body.count(b'"answers"') < 2 or r'"answers":"y"' in told.stdout


def test_an_old_terminal_gets_another_spelling(folder: Path) -> None:
    (folder / "receipt").write_bytes(receipts.receipt('{"via":"é"}'.encode()))

    told = subprocess.run(
        [sys.executable, FILE, "receipt", "--policy", "policy"],
        cwd=folder,
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii"},
    )

    assert (b"", 0) == (told.stderr, told.returncode)
    assert rb"via          \xe9" in told.stdout


# ---------------------------------------------------------------- the same words


@pytest.mark.parametrize("name", OURS_AND_VISITORS)
def test_it_says_of_a_receipt_what_proof_says(name: str) -> None:
    octets = OURS_AND_VISITORS[name]

    assert {"passed"} == {outcome for _, outcome, _ in steps(octets)}
    assert expected(octets) == steps(octets)


def test_the_vectors_say_what_proof_says() -> None:
    written = json.loads(receipts.FILE.read_text(encoding="utf-8"))
    made = dict(receipts.vectors())

    # A signature of ML-DSA-44 is another one each time.
    del written["with ML-DSA-44"], made["with ML-DSA-44"]
    assert made == written, "Run: python -m tests.ledger.receipts"


def test_it_says_of_hundreds_of_nearly_right_receipts_what_proof_says() -> None:
    vectors = json.loads(receipts.FILE.read_text(encoding="utf-8"))
    whole = vectors["receipt"].encode()
    assert 250 < len(vectors["nearly"])

    for change in vectors["nearly"]:
        octets = receipts.changed(whole, change)

        assert vectors["verdicts"][change["verdict"]] == steps(octets), change


@settings(deadline=None)
@given(st.data())
def test_it_says_of_pieces_of_receipts_what_proof_says(data: st.DataObject) -> None:
    pieces = OURS.splitlines(keepends=True)
    whole = b"".join(data.draw(st.lists(st.sampled_from(pieces), max_size=14)))

    assert expected(whole) == steps(whole)


def test_a_line_of_ml_dsa_44_is_named_and_never_counts() -> None:
    octets = receipts.receipt(receipts.record(), mldsa=True)
    policy = POLICY.replace(b"quorum w1", f"{PQ}quorum w1".encode())
    both = policy.replace(b"quorum w1", b"group both all w1 pq\nquorum both")
    assert verify(octets, policies.read_policy(both)).holds

    lenient = alone.Receipt(octets, alone.policy_from(policy))
    strict = alone.Receipt(octets, alone.policy_from(both))

    assert lenient.holds
    assert ["witness.example/pq"] == lenient.not_checked
    assert "The witnesses that cosigned it are 1, and no quorum." == strict.steps[2].why


# ---------------------------------------------------------------- policies

LOG = f"log {LOG_VKEY}\n"
LINES = [
    LOG,
    W1,
    PQ,
    f"witness w2 {VECTORS['mldsa']['vkey']}\n",
    f"log {LOG_VKEY} https://ledger.example/\n",
    W1.replace("w1", "none", 1),
    W1.replace("witness w1", "log", 1),
    LOG.replace("log", "witness w3", 1),
    LOG.replace("+cf", "+CF"),
    "group g any w1 w2\n",
    "group g 2 w1 w2\n",
    "group h all g pq\n",
    "group i 3 w1 w2\n",
    "group i 0 w1\n",
    "group i any\n",
    "group i any none\n",
    "# a comment \xa0\n",
    " \t\n",
    "quorum none\n",
    "quorum w1\n",
    "quorum g\n",
    "quorum\n",
    "log\n",
    "log x\n",
    "log a+b+AA==\n",
    "tree x\n",
    "quorum w1",
    "quorum w1\r\n",
]


@given(st.lists(st.sampled_from(LINES), max_size=7), st.booleans())
def test_it_reads_the_policies_that_ours_reads(lines: list[str], whole: bool) -> None:
    octets = "".join(lines + ([LOG, "quorum none\n"] if whole else [])).encode()
    try:
        ours = policies.read_policy(octets)
    except MalformedError:
        with pytest.raises(alone.NotSoError):
            alone.policy_from(octets)
        return

    theirs = alone.policy_from(octets)

    for names in ([], ["w1"], ["w2"], ["w1", "w2"], ["w1", "w2", "pq"]):
        keys = [each.key for each in ours.witnesses if each.name in names]
        same = [key for name, key in theirs.witnesses.items() if name in names]
        assert ours.is_quorum(keys) == theirs.is_quorum(same)


def test_names_that_are_no_utf_8_are_compared_as_they_are() -> None:
    octets = POLICY.replace(b" w1", b" w\xff")

    assert expected(OURS) == steps(OURS, octets)
    with pytest.raises(alone.NotSoError):
        alone.policy_from(octets.replace(b"quorum w\xff", b"quorum w\xfe"))


# ---------------------------------------------------------------- Ed25519


def other_verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@pytest.mark.parametrize(
    ("public", "message", "signature"),
    [
        # RFC 8032, section 7.1, tests 1, 2 and 3
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ],
)
def test_ed25519_of_rfc_8032(public: str, message: str, signature: str) -> None:
    octets = [bytes.fromhex(text) for text in (public, signature, message)]

    assert alone.is_ed25519(*octets)
    # "in the range 0 <= s < L": the same S again, L higher
    higher = int.from_bytes(octets[1][32:], "little") + alone.L
    octets[1] = octets[1][:32] + higher.to_bytes(32, "little")
    assert not alone.is_ed25519(*octets)
    assert not other_verifies(*octets)


# A signature costs four milliseconds here, and more on a machine that is busy.
@settings(deadline=None, max_examples=40)
@given(
    st.binary(min_size=32, max_size=32),
    st.binary(max_size=40),
    st.integers(0, 511),
    st.integers(0, 255),
)
def test_ed25519_as_openssl_has_it(
    seed: bytes, message: bytes, bit: int, key_bit: int
) -> None:
    secret = Ed25519PrivateKey.from_private_bytes(seed)
    public = secret.public_key().public_bytes_raw()
    signature = secret.sign(message)
    spoilt = (int.from_bytes(signature, "big") ^ 1 << bit).to_bytes(64, "big")
    other = (int.from_bytes(public, "big") ^ 1 << key_bit).to_bytes(32, "big")

    assert alone.is_ed25519(public, signature, message)
    assert not alone.is_ed25519(public, spoilt, message)
    assert not alone.is_ed25519(other, signature, message)
    for short in (b"", signature[:63], signature + b"\x00"):
        assert not alone.is_ed25519(public, short, message)


@pytest.mark.parametrize("y", [0, 1, 2, alone.P - 1, alone.P, alone.P + 1, 2**255 - 1])
@pytest.mark.parametrize("sign", [0, 1])
def test_ed25519_at_its_edges_is_what_openssl_has(y: int, sign: int) -> None:
    public = (y | sign << 255).to_bytes(32, "little")

    # R of small order and S = 0: what a cofactor, or a lax R, would let through.
    for r in (0, 1, alone.P - 1, alone.P, alone.P + 1):
        for r_sign in (0, 1):
            signature = (r | r_sign << 255).to_bytes(32, "little") + bytes(32)
            for message in (b"", b"1", b"2"):
                assert alone.is_ed25519(public, signature, message) is other_verifies(
                    public, signature, message
                )
