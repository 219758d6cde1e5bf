"""Witnessing: a session as literal bytes, every refusal, and which of two comes first."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandeau.errors import MalformedError
from bandeau.ledger.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, root
from bandeau.ledger.note import (
    Checkpoint,
    Signature,
    SignatureType,
    SigningKey,
    UntrustedNoteError,
    open_note,
    read_key,
    sign_note,
)
from bandeau.ledger.witnessing import (
    LONGEST_BODY,
    MOST_HASHES,
    Refusal,
    Submission,
    admit,
    judge,
    monitoring_path,
    read_cosignatures,
    read_request,
    read_size,
    write_cosignatures,
    write_request,
)
from tests.ledger.worked import (
    CHECKPOINT,
    LEAVES,
    LOG_VKEY,
    VECTORS,
    WITNESS_VKEY,
    WORKED,
    reader_of,
)
from tests.witness.session import SESSION

TIME = 1_795_410_000
ORIGIN = "ledger.example/shop/2026"
LOG = SigningKey.from_seed(
    bytes.fromhex(WORKED["log seed"]), name=ORIGIN, type=SignatureType.ED25519
)
WITNESS = SigningKey.from_seed(
    bytes.fromhex(WORKED["witness seed"]),
    name="witness.example/w1",
    type=SignatureType.COSIGNATURE,
)
LOGS = {ORIGIN: (read_key(LOG_VKEY),)}
READ = reader_of(LEAVES)


def tree(size: int) -> Checkpoint:
    return Checkpoint(origin=ORIGIN, size=size, root=root(size, READ))


def signed(checkpoint: Checkpoint, *more: Signature) -> bytes:
    return sign_note(checkpoint.text, [LOG.sign(checkpoint.text), *more])


def request(old: int, size: int, proof: tuple[bytes, ...] | None = None) -> bytes:
    if proof is None:
        proof = consistency_proof(old, size, READ)
    return write_request(old, proof, signed(tree(size)))


def decide(body: bytes, last: Checkpoint | None) -> Submission | Refusal:
    admitted = admit(body, LOGS)
    return admitted if isinstance(admitted, Refusal) else judge(admitted, last)


def status(body: bytes, last: Checkpoint | None) -> int:
    decision = decide(body, last)
    return decision.status if isinstance(decision, Refusal) else 200


# ---------------------------------------------------------------- vectors


def test_the_worked_request_is_written_to_the_byte() -> None:
    body = WORKED["add-checkpoint body"].encode()

    read = read_request(body)

    assert 3 == read.old_size
    assert tree(5) == read.checkpoint
    assert consistency_proof(3, 5, READ) == read.proof
    assert body == write_request(read.old_size, read.proof, read.note)


def test_the_worked_hash_of_an_origin() -> None:
    assert f"{WORKED['origin hash']}/checkpoint" == monitoring_path(ORIGIN)


def test_a_session_gets_the_answers_of_every_witness() -> None:
    last: Checkpoint | None = None
    told: list[tuple[str, int, bytes]] = []

    for step in SESSION:
        decision = decide(step.body.encode(), last)
        if isinstance(decision, Refusal):
            # Of a sentence only that there is one.
            answer = decision.body if decision.size is not None else b""
            assert decision.sentence.endswith(".")
            told.append((step.name, decision.status, answer))
        else:
            last = decision.checkpoint
            line = WITNESS.sign(last.text, at=TIME)
            told.append((step.name, 200, write_cosignatures([line])))

    assert [(step.name, step.status, step.told.encode()) for step in SESSION] == told
    assert {200, 400, 403, 404, 409, 422} == {step.status for step in SESSION}


# ---------------------------------------------------------------- reading


BODY = WORKED["add-checkpoint body"].encode()
HASH = b"PdZ+H2L9CpoIoCq5EZ4bRcDEX/VYxAF0Mz+J2drwuXU=\n"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n\n",
        b"old 3",
        b"old 3\n",
        b"old 3\n\n",
        BODY[1:],
        b"\n" + BODY,
        BODY.replace(b"old 3", b"old"),
        BODY.replace(b"old 3", b"old "),
        BODY.replace(b"old 3", b"old  3"),
        BODY.replace(b"old 3", b"old\t3"),
        BODY.replace(b"old 3", b"Old 3"),
        BODY.replace(b"old 3", b"old 03"),
        BODY.replace(b"old 3", b"old +3"),
        BODY.replace(b"old 3", b"old -3"),
        BODY.replace(b"old 3", b"old 3 "),
        BODY.replace(b"old 3", b"old 3_0"),
        BODY.replace(b"old 3", "old ٣".encode()),
        BODY.replace(b"old 3", b"old 9223372036854775808"),
        BODY.replace(b"\n", b"\r\n"),
        # A proof that is not hashes, each on a line of its own.
        BODY.replace(HASH, HASH[:-2] + b"\n"),
        BODY.replace(HASH, HASH[:-3] + b"==\n"),
        BODY.replace(HASH, b" " + HASH),
        BODY.replace(HASH, HASH[:-1] + HASH),
        BODY.replace(HASH, b"AAAA\n"),
        BODY.replace(HASH, b"\xff\n"),
        BODY.replace(HASH, "é\n".encode()),
        # An empty line ends the proof: what follows is no checkpoint.
        BODY.replace(HASH, HASH + b"\n"),
        BODY.replace(b"\n\nledger", b"\nledger"),
        # No signature, and a checkpoint of two lines and of four.
        BODY.partition("— ".encode())[0],
        BODY.replace(b"\n5\n", b"\n"),
        BODY.replace(b"\n5\n", b"\n5\n5\n"),
        BODY.replace(b"\n5\n", b"\n05\n"),
        BODY.replace(b"4e10=\n", b"4e10=\nextension\n"),
        BODY.replace(b"4e10=\n", b"4e11=\n"),
        BODY.replace(b"old 3", b"old 6"),
        BODY + b"x",
        BODY + b"\n",
    ],
)
def test_a_request_has_one_spelling(body: bytes) -> None:
    with pytest.raises(MalformedError):
        read_request(body)
    assert 400 == status(body, tree(3))


def test_a_proof_has_at_most_63_hashes() -> None:
    hashes = (bytes(32),) * (MOST_HASHES + 1)

    assert MOST_HASHES == len(read_request(request(3, 5, hashes[1:])).proof)
    body = request(3, 5, hashes[1:]).replace(b"old 3\n", b"old 3\n" + HASH)
    with pytest.raises(MalformedError, match="at most 63"):
        read_request(body)


def test_sixteen_long_cosignatures_are_not_too_long() -> None:
    # "MUST accept at least up to 16" -- signed-note
    lines = [
        SigningKey.derive(
            bytes([n]) * 32, name=f"{n:x}" * 255, type=SignatureType.ML_DSA_44
        ).sign(tree(5).text, at=TIME)
        for n in range(16)
    ]

    body = write_request(3, (bytes(32),) * MOST_HASHES, signed(tree(5), *lines))

    assert len(body) <= LONGEST_BODY
    assert 17 == body.count("— ".encode())
    assert 422 == status(body, tree(3)), "it was read, and its proof was looked at"
    with pytest.raises(MalformedError, match="too long"):
        read_request(body + b"x" * LONGEST_BODY)


@given(
    old=st.integers(0, 2**63 - 1),
    more=st.integers(0, 2**10),
    proof=st.lists(st.binary(min_size=32, max_size=32), max_size=MOST_HASHES),
)
def test_what_is_written_is_read(old: int, more: int, proof: list[bytes]) -> None:
    size = min(old + more, 2**63 - 1)
    note = signed(Checkpoint(origin=ORIGIN, size=size, root=bytes(32)))

    read = read_request(write_request(old, proof, note))

    assert (old, tuple(proof), note) == (read.old_size, read.proof, read.note)


# ---------------------------------------------------------------- the order of checks


def test_each_check_comes_before_the_next() -> None:
    """A request that fails every check is mended one by one; the status says which."""
    stranger = SigningKey.from_seed(bytes(32), name="x", type=SignatureType.ED25519)
    another = Checkpoint(origin=ORIGIN, size=5, root=leaf_hash(b"another"))
    bad_proof = (bytes(32),)

    def body(origin: str, *, old: int, signer: SigningKey) -> bytes:
        text = another.text.replace(ORIGIN, origin)
        return write_request(old, bad_proof, sign_note(text, [signer.sign(text)]))

    statuses = [
        status(body("unknown.example", old=6, signer=stranger), tree(4)),
        status(body("unknown.example", old=3, signer=stranger), tree(4)),
        status(body(ORIGIN, old=3, signer=stranger), tree(4)),
        status(body(ORIGIN, old=3, signer=LOG), tree(4)),
        status(body(ORIGIN, old=4, signer=LOG), tree(4)),
        status(request(4, 5), tree(4)),
    ]

    assert [400, 404, 403, 409, 422, 200] == statuses


def test_what_does_not_hold_is_422() -> None:
    empty = tree(0)
    wrong_empty = Checkpoint(origin=ORIGIN, size=0, root=bytes(32))
    fork = Checkpoint(origin=ORIGIN, size=5, root=leaf_hash(b"fork"))
    proof = consistency_proof(3, 5, READ)

    assert EMPTY_ROOT == empty.root
    assert 422 == status(write_request(0, (), signed(wrong_empty)), None)
    assert 422 == status(request(0, 5, (bytes(32),)), None)
    assert 422 == status(request(0, 5, (bytes(32),)), empty)
    assert 422 == status(write_request(5, (), signed(fork)), tree(5))
    assert 422 == status(request(5, 5, proof), tree(5))
    assert 422 == status(request(3, 5, proof[:-1]), tree(3))
    assert 422 == status(request(3, 5, (*proof, bytes(32))), tree(3))
    assert 422 == status(request(3, 5, proof), Checkpoint(origin="", size=3, root=b""))


def test_a_log_may_begin_with_nothing() -> None:
    assert 200 == status(request(0, 0), None)
    assert 200 == status(request(0, 0), tree(0))
    assert 200 == status(request(0, 5), tree(0))
    assert 200 == status(request(0, 5), None)


def test_a_conflict_says_the_size_and_nothing_else() -> None:
    refused = decide(request(1, 5), tree(3))
    never = decide(request(1, 5), None)

    assert isinstance(refused, Refusal)
    assert (b"3\n", "text/x.tlog.size") == (refused.body, refused.media_type)
    assert isinstance(never, Refusal)
    assert (409, b"0\n") == (never.status, never.body)


# ---------------------------------------------------------------- signatures


def test_only_lines_that_were_verified_are_kept() -> None:
    """A forged line must not poison the state: ANT-2026-SAPGR4D6, a regression of others.

    A line that looks like the witness's own, kept unverified, would spoil every later
    reading of what the witness has cosigned.
    """
    checkpoint = tree(5)
    own = WITNESS.sign(checkpoint.text, at=TIME)
    forged = Signature(name=own.name, key_id=own.key_id, value=bytes(72))
    note = signed(checkpoint, forged, *[LOG.sign(checkpoint.text)] * 50)

    decision = decide(write_request(0, (), note), None)

    assert isinstance(decision, Submission)
    assert (LOG.sign(checkpoint.text),) == decision.signatures
    kept = sign_note(checkpoint.text, [*decision.signatures, own])
    keys = [WITNESS.verifier, LOG.verifier]
    assert 2 == len(open_note(kept, keys).verified)


def test_one_false_line_of_a_known_key_spoils_the_note() -> None:
    checkpoint = tree(5)
    line = LOG.sign(checkpoint.text)
    false = Signature(name=line.name, key_id=line.key_id, value=bytes(64))

    assert 403 == status(write_request(0, (), signed(checkpoint, false)), None)


def test_a_log_may_have_two_keys_and_sign_with_one() -> None:
    both = [
        SigningKey.derive(bytes(32), name=ORIGIN, type=kind)
        for kind in (SignatureType.ED25519, SignatureType.ML_DSA_44)
    ]
    logs = {ORIGIN: tuple([key.verifier for key in both])}
    text = tree(5).text
    lines = [both[0].sign(text), both[1].sign(text, at=TIME)]

    for some in (lines, lines[:1], lines[1:]):
        decision = admit(write_request(0, (), sign_note(text, some)), logs)
        assert isinstance(decision, Submission)
        assert tuple(some) == decision.signatures


# ---------------------------------------------------------------- answers


WITNESS_KEY = read_key(WITNESS_VKEY)
LINE = CHECKPOINT.decode().splitlines(keepends=True)[-1]


def test_the_worked_cosignature_is_read() -> None:
    [verified] = read_cosignatures(LINE.encode(), tree(5), [WITNESS_KEY])

    assert (WITNESS_KEY, TIME) == (verified.key, verified.time)
    assert LINE == verified.signature.line


def test_both_cosignatures_of_a_witness_are_read_and_those_of_others_ignored() -> None:
    ml_dsa = read_key(VECTORS["mldsa"]["vkey"])
    other = LOG.sign(tree(5).text).line
    body = LINE + other + VECTORS["mldsa"]["signature line"]

    found = read_cosignatures(body.encode(), tree(5), [ml_dsa, WITNESS_KEY])

    assert [WITNESS_KEY, ml_dsa] == [verified.key for verified in found]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        LINE.encode()[:-1],
        LINE.encode() + b"\n",
        LINE.encode()[1:],
        b"\xff\n",
        LOG.sign(tree(5).text).line.encode(),
        WITNESS.sign(tree(3).text, at=TIME).line.encode(),
        LINE.encode() + WITNESS.sign(tree(3).text, at=TIME).line.encode(),
    ],
)
def test_what_is_not_the_witness_s_word_is_no_cosignature(body: bytes) -> None:
    with pytest.raises(MalformedError):
        read_cosignatures(body, tree(5), [WITNESS_KEY])


def test_a_cosignature_without_a_time_is_none() -> None:
    line = WITNESS.sign(tree(5).text, at=0).line

    with pytest.raises(UntrustedNoteError, match="no time"):
        read_cosignatures(line.encode(), tree(5), [WITNESS_KEY])


def test_the_size_of_a_conflict_has_one_spelling() -> None:
    assert 20852014 == read_size(b"20852014\n")
    for body in (b"", b"3", b"03\n", b"+3\n", b"3\n\n", b" 3\n", b"\xb2\n", b"-1\n"):
        with pytest.raises(MalformedError):
            read_size(body)


def test_origins_are_hashed_as_utf_8() -> None:
    digest = hashlib.sha256("journal.example/é".encode()).hexdigest()

    assert f"{digest}/checkpoint" == monitoring_path("journal.example/é")
