"""Signed notes: vectors of others, and what Python alone would have let through."""

import base64
import hashlib
import hmac
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandeau.errors import MalformedError, MisconfiguredError
from bandeau.ledger.note import (
    Checkpoint,
    Signature,
    SignatureType,
    SigningKey,
    UntrustedNoteError,
    VerifierKey,
    is_key_name,
    keys_by_line,
    open_note,
    read_checkpoint,
    read_key,
    read_note,
    read_signatures,
    sign_note,
)
from bandeau.ledger.spelling import read_base64, read_decimal, read_hash
from tests.ledger.worked import (
    CHECKPOINT,
    LOG_VKEY,
    VECTORS,
    WITNESS_VKEY,
    WORKED,
)

SEED = bytes(range(32))
TIME = 1_795_410_000
TEXT = CHECKPOINT.decode().split("\n\n")[0] + "\n"
LOG = read_key(LOG_VKEY)
WITNESS = read_key(WITNESS_VKEY)
ML_DSA = VECTORS["mldsa"]

# signed-note's own example.
C2SP_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjO"
    "BH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()


def plain(name: str = "log.example", seed: bytes = SEED) -> SigningKey:
    return SigningKey.from_seed(seed, name=name, type=SignatureType.ED25519)


# ---------------------------------------------------------------- vectors


def test_the_example_of_the_specification() -> None:
    opened = open_note(C2SP_NOTE, [read_key(C2SP_VKEY)])

    assert "This is an example message.\n" == opened.text
    assert [None] == [verified.time for verified in opened.verified]


def test_the_signature_that_go_makes() -> None:
    # golang.org/x/mod/sumdb/note, TestSign
    octets = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
    key = SigningKey.from_seed(
        octets[1:], name="PeterNeumann", type=SignatureType.ED25519
    )
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )

    note = sign_note(text, [key.sign(text)])

    assert "c74f20a3" == key.verifier.key_id.hex()
    expected = (
        f"{text}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1"
        f"FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert expected.encode() == note


def test_the_worked_checkpoint_is_signed_to_the_byte() -> None:
    checkpoint = Checkpoint(
        origin=LOG.name, size=5, root=bytes.fromhex(WORKED["root5"])
    )
    log = plain(LOG.name, bytes.fromhex(WORKED["log seed"]))
    witness = SigningKey.from_seed(
        bytes.fromhex(WORKED["witness seed"]),
        name=WITNESS.name,
        type=SignatureType.COSIGNATURE,
    )

    lines = [log.sign(checkpoint.text), witness.sign(checkpoint.text, at=TIME)]

    assert CHECKPOINT == sign_note(checkpoint.text, lines)
    assert LOG_VKEY == log.verifier.text
    assert WITNESS_VKEY == witness.verifier.text
    opened = open_note(CHECKPOINT, [LOG, WITNESS])
    assert checkpoint == read_checkpoint(opened.text)
    assert [None, TIME] == [verified.time for verified in opened.verified]


def test_the_worked_ml_dsa_44_cosignature() -> None:
    key = read_key(ML_DSA["vkey"])
    seed = bytes.fromhex(WORKED["mldsa seed"])
    signing = SigningKey.from_seed(seed, name=key.name, type=SignatureType.ML_DSA_44)
    [line] = read_signatures(ML_DSA["signature line"])

    assert ML_DSA["vkey"] == key.text == signing.verifier.text
    assert WORKED["mldsa key id"] == key.key_id.hex()
    assert WORKED["mldsa pub sha256"] == hashlib.sha256(key.public).hexdigest()
    assert key.verifies(line, TEXT)
    assert TIME == key.time_of(line)
    assert ML_DSA["signature line"] == line.line
    assert key.verifies(signing.sign(TEXT, at=TIME), TEXT)


@pytest.mark.parametrize("change", ["another size", "another time", "another name"])
def test_an_ml_dsa_44_cosignature_is_for_one_checkpoint_one_time_one_name(
    change: str,
) -> None:
    key = read_key(ML_DSA["vkey"])
    [line] = read_signatures(ML_DSA["signature line"])
    text = TEXT
    if change == "another size":
        text = text.replace("\n5\n", "\n6\n")
    elif change == "another time":
        later = (TIME + 1).to_bytes(8, "big") + line.value[8:]
        line = Signature(name=line.name, key_id=line.key_id, value=later)
    else:
        key = VerifierKey(name="witness.example/w2", type=key.type, public=key.public)
        line = Signature(name=key.name, key_id=key.key_id, value=line.value)

    assert not key.verifies(line, text)


# ---------------------------------------------------------------- keys


def test_keys_that_are_derived_have_nothing_in_common() -> None:
    keys = [
        SigningKey.derive(SEED, name=name, type=kind)
        for name in ("a.example", "b.example")
        for kind in SignatureType
    ]

    assert len({key.verifier.public for key in keys}) == len(keys)
    assert SEED not in [key.verifier.public for key in keys]


def test_a_seed_makes_the_same_keys_for_good() -> None:
    # RFC 5869 by hand: extract without a salt, expand to one block.
    secret = hmac.digest(bytes(32), SEED, "sha256")
    info = b"bandeau/ed25519/v1\na.example\x01"
    expected = plain("a.example", hmac.digest(secret, info, "sha256")).verifier

    keys = {
        kind.name: SigningKey.derive(SEED, name="a.example", type=kind).verifier
        for kind in SignatureType
    }

    assert expected == keys["ED25519"]
    assert {
        "ED25519": "8d65f94a",
        "COSIGNATURE": "ebbcb3c4",
        "ML_DSA_44": "931b6c8a",
    } == {name: key.key_id.hex() for name, key in keys.items()}


@pytest.mark.parametrize("kind", SignatureType)
def test_what_is_signed_is_verified_and_nothing_else(kind: SignatureType) -> None:
    key = SigningKey.derive(SEED, name="log.example/2026", type=kind)
    at = None if kind is SignatureType.ED25519 else TIME

    line = key.sign(TEXT, at=at)

    assert key.verifier == read_key(key.verifier.text)
    assert key.verifier.verifies(line, TEXT)
    assert key.verifier.time_of(line) == at
    for nth in (0, 8, 20, len(line.value) - 1):
        octets = bytearray(line.value)
        octets[nth] ^= 1
        turned = Signature(name=line.name, key_id=line.key_id, value=bytes(octets))
        assert not key.verifier.verifies(turned, TEXT)
    for value in (line.value[:-1], line.value + b"\x00", b""):
        other = Signature(name=line.name, key_id=line.key_id, value=value)
        assert not key.verifier.verifies(other, TEXT)
    assert not LOG.verifies(line, TEXT)


def test_a_secret_is_never_shown() -> None:
    key = plain()

    for shown in (repr(key), str(key), repr([key]), f"{key}"):
        assert "secret" not in shown.lower()
        assert SEED.hex() not in shown
        assert repr(SEED) not in shown
        assert "PrivateKey" not in shown
    with pytest.raises(MisconfiguredError) as caught:
        plain(seed=b"hush" * 7)
    assert "hush" not in str(caught.value)


def test_only_checkpoints_are_cosigned() -> None:
    for kind in (SignatureType.COSIGNATURE, SignatureType.ML_DSA_44):
        key = SigningKey.derive(SEED, name="w", type=kind)
        line = key.sign(TEXT, at=TIME)
        for text in ("hello\n", TEXT + "extension\n"):
            assert not key.verifier.verifies(line, text)
            with pytest.raises(MalformedError):
                key.sign(text, at=TIME)
        with pytest.raises(MalformedError):
            key.sign(TEXT, at=2**63)


def test_a_time_of_zero_says_nothing_about_time() -> None:
    key = SigningKey.derive(SEED, name="w", type=SignatureType.ML_DSA_44)
    line = key.sign(TEXT, at=0)

    assert key.verifier.verifies(line, TEXT)
    assert key.verifier.time_of(line) is None


def test_without_ml_dsa_44_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = read_key(ML_DSA["vkey"])
    [line] = read_signatures(ML_DSA["signature line"])
    name = "cryptography.hazmat.primitives.asymmetric.mldsa"
    monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(MisconfiguredError, match="has no ML-DSA-44"):
        key.verifies(line, TEXT)
    with pytest.raises(MisconfiguredError, match="has no ML-DSA-44"):
        SigningKey.derive(SEED, name="w", type=SignatureType.ML_DSA_44)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log.example",
        "log.example+cfef3a71",
        LOG_VKEY.replace("cfef3a71", "CFEF3A71"),
        LOG_VKEY.replace("cfef3a71", "cfef3a72"),
        LOG_VKEY.replace("cfef3a71", "0xcfef3a71"),
        LOG_VKEY.replace("ledger.example", "ledger example"),
        LOG_VKEY.replace("shop", "shop\u2003"),
        LOG_VKEY.replace("shop", "\udcff"),
        LOG_VKEY.replace("+AQ", "+Ag"),
        LOG_VKEY.replace("+AQ", "+/w"),
        LOG_VKEY + "\n",
        LOG_VKEY + "====",
        LOG_VKEY + "AAAA",
        LOG_VKEY[:-4],
        "+" + LOG_VKEY.partition("+")[2],
        # Stray bits in the last character before the padding.
        ML_DSA["vkey"].removesuffix("0=") + "1=",
    ],
)
def test_a_key_has_one_spelling(text: str) -> None:
    with pytest.raises(MalformedError):
        read_key(text)


def test_two_keys_of_one_name_and_one_id_are_refused() -> None:
    class Colliding(VerifierKey):
        __slots__ = ()

        @property
        def key_id(self) -> bytes:
            return b"same"

    keys = [
        Colliding(name="w", type=SignatureType.ED25519, public=bytes([byte]) * 32)
        for byte in (1, 2)
    ]

    assert 1 == len(keys_by_line([keys[0], keys[0]]))
    with pytest.raises(MalformedError, match="one name and one id"):
        keys_by_line(keys)


def test_names_have_no_space_of_any_script() -> None:
    # unicode.IsSpace in Go: White_Space, of which control characters are refused anyway.
    spaces = {0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
    spaces |= set(range(0x2000, 0x200B))

    refused = {code for code in range(0x20, 0x3100) if not is_key_name(chr(code))}

    assert spaces | {ord("+")} == refused
    assert not is_key_name("")


# ---------------------------------------------------------------- notes


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"text\n",
        b"text\n\n",
        b"text\n\n\n",
        CHECKPOINT[:-1],
        CHECKPOINT + b"\n",
        CHECKPOINT.replace(b"\n\n", b"\n"),
        CHECKPOINT.replace(b"\n\n", b"\r\n\r\n"),
        CHECKPOINT.replace(b"\n5\n", b"\n5\t\n"),
        CHECKPOINT.replace(b"\n5\n", b"\n5\x00\n"),
        CHECKPOINT.replace(b"\n5\n", b"\n5\xff\n"),
        # Half a surrogate pair, which no UTF-8 has.
        CHECKPOINT.replace(b"\n5\n", b"\n5\xed\xa0\x80\n"),
        CHECKPOINT.replace("— ".encode(), b"- "),
        CHECKPOINT.replace("— ".encode(), "— ".encode() * 2),
        CHECKPOINT.replace("— ".encode(), "—\u00a0".encode()),
        CHECKPOINT.replace(b" z+86", b"  z+86"),
        CHECKPOINT.replace(b" z+86", b" z-86"),
        CHECKPOINT.replace(b"OgA=\n", b"OgA\n"),
        CHECKPOINT.replace(b"OgA=\n", b"OgA==\n"),
        CHECKPOINT.replace(b"OgA=\n", b"OgA= \n"),
        CHECKPOINT.replace(b"OgA=\n", b"OgAA====\n"),
        CHECKPOINT.replace(b"/w1 ", b"+w1 "),
        b"text\n\n\xe2\x80\x94 name \n",
        b"text\n\n\xe2\x80\x94 name AAAAAA==\n",
        b"text\n\n\xe2\x80\x94  AAAAAAA=\n",
    ],
)
def test_what_is_no_note(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read_note(data)


def test_the_last_empty_line_ends_the_text() -> None:
    key = plain()
    text = "one\n\ntwo\n\n"

    note = sign_note(text, [key.sign(text)])

    assert text == read_note(note).text
    assert text == open_note(note, [key.verifier]).text


def test_other_line_separators_separate_nothing() -> None:
    key = plain()
    text = "one\u2028two\u0085three\u2029\n"

    assert text == open_note(sign_note(text, [key.sign(text)]), [key.verifier]).text


def test_a_hundred_signatures_are_the_most() -> None:
    key = plain()
    lines = [key.sign(TEXT)] + [
        Signature(name=f"grease{number}", key_id=b"0000", value=b"!")
        for number in range(99)
    ]

    opened = open_note(sign_note(TEXT, lines), [key.verifier])

    assert 99 == len(opened.unknown)
    with pytest.raises(MalformedError, match="1 to 100"):
        sign_note(TEXT, [*lines, lines[0]])
    with pytest.raises(MalformedError, match="at most 100"):
        read_note(sign_note(TEXT, lines) + lines[0].line.encode())


def test_bits_that_mean_nothing_are_left_to_signature_lines() -> None:
    # Go does not look at them; a witness that did would answer 400 instead of 403.
    loose = CHECKPOINT.replace(b"OgA=\n", b"OgB=\n")

    assert open_note(CHECKPOINT, [LOG]).verified == open_note(loose, [LOG]).verified
    with pytest.raises(MalformedError, match="mean nothing"):
        read_base64("OgB=", place="here")


# ---------------------------------------------------------------- opening


def test_lines_of_strangers_are_left_alone() -> None:
    opened = open_note(CHECKPOINT, [LOG])

    assert [LOG] == [verified.key for verified in opened.verified]
    assert [WITNESS.name] == [signature.name for signature in opened.unknown]


def test_a_key_is_known_by_name_and_id_together() -> None:
    key, stranger = plain("a.example"), plain("a.example", SEED[::-1])
    lines = [key.sign(TEXT), stranger.sign(TEXT)]
    lines.append(
        Signature(name="b.example", key_id=key.verifier.key_id, value=b"x" * 64)
    )

    opened = open_note(sign_note(TEXT, lines), [key.verifier])

    assert [key.verifier] == [verified.key for verified in opened.verified]
    assert lines[1:] == list(opened.unknown)


@pytest.mark.parametrize("place", ["first", "last"])
def test_one_false_line_of_a_known_key_spoils_the_note(place: str) -> None:
    key, other = plain("a.example"), plain("b.example", SEED[::-1])
    false = other.sign(TEXT.replace("5", "6"))
    lines = [key.sign(TEXT), other.sign(TEXT)]
    lines.insert(0 if place == "first" else 2, false)

    with pytest.raises(UntrustedNoteError, match="did not sign"):
        open_note(sign_note(TEXT, lines), [key.verifier, other.verifier])
    # Whoever does not know that key does not mind.
    assert open_note(sign_note(TEXT, lines), [key.verifier]).verified


def test_a_note_that_nobody_known_signed() -> None:
    for keys in ([], [plain("stranger.example").verifier]):
        with pytest.raises(UntrustedNoteError, match="No known key"):
            open_note(CHECKPOINT, keys)


@given(st.integers(0, len(CHECKPOINT) - 1), st.integers(1, 255))
def test_a_changed_byte_of_a_text_or_a_known_line_is_seen(at: int, change: int) -> None:
    octets = bytearray(CHECKPOINT)
    octets[at] ^= change

    try:
        opened = open_note(bytes(octets), [LOG, WITNESS])
    except MalformedError:
        return
    # What is left: a line became a stranger's, or bits changed that mean nothing.
    assert TEXT == opened.text
    assert read_note(bytes(octets)).encode() != bytes(octets) or opened.unknown


# ---------------------------------------------------------------- checkpoints


@given(
    st.text(min_size=1).filter(lambda text: "\n" not in text),
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
)
def test_a_checkpoint_is_read_as_it_was_written(
    origin: str, size: int, root: bytes
) -> None:
    checkpoint = Checkpoint(origin=origin, size=size, root=root)

    assert checkpoint == read_checkpoint(checkpoint.text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n\n",
        TEXT[:-1],
        TEXT + "\n",
        TEXT + "extension\n",
        "\n" + TEXT.partition("\n")[2],
        *[
            TEXT.replace("\n5\n", f"\n{size}\n")
            for size in (
                "",
                " 5",
                "5 ",
                "+5",
                "-5",
                "5_0",
                "05",
                "0x5",
                "5.0",
                "٥",
                "5\u0663",
                "²",
                str(2**63),
                "9" * 5000,
            )
        ],
        *[
            TEXT.replace("4e10=", tail)
            for tail in (
                "4e10",
                "4e11=",
                "4e10==",
                "4e10=====",
                "4e1=",
                "AAAA",
                "4e-0=",
            )
        ],
        TEXT.replace("z0Jp", "z0J\u2028"),
        TEXT.replace("z0Jp", "AAAAz0Jp"),
    ],
)
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(MalformedError):
        read_checkpoint(text)


def test_numbers_and_hashes_have_one_spelling() -> None:
    assert 0 == read_decimal("0", place="here")
    assert 2**63 - 1 == read_decimal("9223372036854775807", place="here")
    for text in ("AAAA====", "AA=A", "====", "A", "AAA", "AA==AA==", " AAAA", "AAAA\n"):
        with pytest.raises(MalformedError) as caught:
            read_base64(text, place="here")
        assert "here" == caught.value.place
    with pytest.raises(MalformedError, match="32 bytes"):
        read_hash("AAAA", place="here")
