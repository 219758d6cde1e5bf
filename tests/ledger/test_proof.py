"""Receipts: what holds, what does not, and which step says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandeau.errors import MalformedError
from bandeau.ledger import proof as receipts
from bandeau.ledger.entries import RecordEntry, commitment, write_entry
from bandeau.ledger.merkle import leaf_hash
from bandeau.ledger.note import Checkpoint, SignatureType, SigningKey, sign_note
from bandeau.ledger.policy import Policy, read_policy
from bandeau.ledger.proof import (
    Opening,
    Outcome,
    Proof,
    StepName,
    make_proof,
    read_opening,
    read_proof,
    verify,
)
from bandeau.ledger.tiles import Tile, TileHashes
from tests.ledger.worked import (
    CHECKPOINT,
    ENTRIES,
    LEAVES,
    LOG_VKEY,
    POLICY,
    RECEIPT,
    VECTORS,
    WORKED,
    hashes_of,
    reader_of,
    tiles_from,
)

POLICY_READ = read_policy(POLICY)
OPENING = Opening(salt=bytes.fromhex(WORKED["salt"]), record=WORKED["record"].encode())
PROOF = Proof(
    index=2, hashes=hashes_of(WORKED["inclusion of 2 in 5"]), checkpoint=CHECKPOINT
)
# As a visitor gets it.
OURS = make_proof(
    2, checkpoint=CHECKPOINT, read=reader_of(LEAVES), opening=OPENING
).encode()


def outcomes(data: bytes, policy: Policy = POLICY_READ, **given: object) -> list[str]:
    return [step.outcome.value for step in verify(data, policy, **given).steps]


def failed(data: bytes, policy: Policy = POLICY_READ, **given: object) -> str:
    """The name of the first step that did not pass; nothing when all did."""
    step = verify(data, policy, **given).failed
    return step.name.value if step else ""


# ---------------------------------------------------------------- the worked receipt


def test_the_worked_receipt_is_written_and_read() -> None:
    assert RECEIPT == PROOF.encode()
    assert PROOF == read_proof(RECEIPT)
    assert PROOF == make_proof(2, checkpoint=CHECKPOINT, read=reader_of(LEAVES))


def test_the_worked_receipt_holds() -> None:
    found = verify(RECEIPT, POLICY_READ, opening=OPENING)

    assert found.holds
    assert found.failed is None
    assert ["read", "signed", "witnessed", "opened", "included"] == [
        step.name.value for step in found.steps
    ]
    assert [1, 2, 3, 4, 5] == [step.name.number for step in found.steps]
    assert PROOF == found.proof
    assert found.checkpoint is not None
    assert 5 == found.checkpoint.size
    assert [1_795_410_000] == [line.time for line in found.cosigned]


def test_a_receipt_of_ours_opens_itself() -> None:
    found = verify(OURS, POLICY_READ)

    assert found.holds
    assert OPENING == found.opening


def test_a_public_entry_needs_no_opening() -> None:
    data = make_proof(1, checkpoint=CHECKPOINT, read=reader_of(LEAVES)).encode()

    assert verify(data, POLICY_READ, entry=ENTRIES[1]).holds
    assert "included" == failed(data, entry=ENTRIES[0])


@pytest.mark.parametrize("receipt", ["worked", "ours"])
def test_every_changed_byte_is_seen_and_a_step_says_so(receipt: str) -> None:
    data = RECEIPT if receipt == "worked" else OURS
    brought = {"opening": OPENING} if receipt == "worked" else {}

    for at in range(len(data)):
        for change in (0x01, 0x02, 0x04, 0x20, 0x80, data[at], data[at] ^ 0x0A):
            octets = bytearray(data)
            octets[at] ^= change
            if octets == data:
                continue
            found = verify(bytes(octets), POLICY_READ, **brought)
            assert not found.holds, f"byte {at} was changed and nobody noticed"
            assert found.failed
            assert found.failed.why


def test_every_lost_or_doubled_byte_is_seen() -> None:
    for at in range(len(OURS)):
        for data in (OURS[:at] + OURS[at + 1 :], OURS[: at + 1] + OURS[at:]):
            # One of two equal letters lost is the same loss, whichever it was.
            assert failed(data), f"byte {at} was changed and nobody noticed"


@given(st.binary(max_size=300))
def test_octets_of_any_kind_are_false_and_no_error(data: bytes) -> None:
    assert "read" == failed(data)


@given(st.data())
def test_pieces_of_receipts_are_false_and_no_error(data: st.DataObject) -> None:
    pieces = OURS.splitlines(keepends=True)
    drawn = data.draw(st.lists(st.sampled_from(pieces), max_size=14))
    whole = b"".join(drawn)

    assert (whole == OURS) == (failed(whole) == "")


# ---------------------------------------------------------------- the steps


@pytest.mark.parametrize(
    ("step", "was", "becomes"),
    [
        ("read", "c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("read", "index 2", "index 02"),
        ("read", "index 2", "index +2"),
        ("read", "index 2", "index ٢"),
        ("read", "index 2", "index  2"),
        ("read", "index 2\n", ""),
        ("read", "index 2", "extra \nindex 2"),
        ("read", "index 2", "extra AA==\nextra AA==\nindex 2"),
        ("read", "index 2", "index 2\nextra AA=="),
        ("read", "rwuXU=", "rwuXV="),
        ("read", "rwuXU=\n", "rwuXU=\r\n"),
        ("read", "OgA=", "OgB="),
        ("read", "\n5\n", "\n5_0\n"),
        ("read", "4e10=\n\n", "4e10=\nextension\n\n"),
        ("signed", "z+86cXfRH1q", "z+86cXfRH1r"),
        ("signed", "\n5\n", "\n6\n"),
        ("signed", "\nledger.example/shop/2026\n", "\nledger.example/shop/2025\n"),
        ("signed", "— ledger.example/shop/2026", "— ledger.example/shop/2025"),
        ("witnessed", "IDJKvgAAAABrA8hQ", "IDJKvgAAAABrA8hR"),
        ("witnessed", "witness.example/w1", "witness.example/w2"),
        ("included", "index 2", "index 1"),
        ("included", "index 2", "index 5"),
        ("included", "index 2", "index 9223372036854775807"),
        ("included", "PdZ+", "PdZ/"),
    ],
)
def test_the_step_that_fails_has_a_name(step: str, was: str, becomes: str) -> None:
    data = RECEIPT.decode().replace(was, becomes, 1).encode()

    assert data != RECEIPT
    assert step == failed(data, opening=OPENING)


def test_a_step_that_fails_says_nothing_of_the_others() -> None:
    unknown = read_policy(b"quorum none\n")

    assert ["passed", "failed", "passed", "passed", "passed"] == outcomes(OURS, unknown)
    assert ["passed"] * 3 + ["failed", "untried"] == outcomes(RECEIPT)
    assert ["failed"] + ["untried"] * 4 == outcomes(b"")


def test_a_record_with_one_letter_changed_is_not_what_was_logged() -> None:
    record = OPENING.record.replace(b'"ads":false', b'"ads":true')
    other = Opening(salt=OPENING.salt, record=record)

    assert "included" == failed(RECEIPT, opening=other)
    # Beside what the log shows at that index, the opening itself is what fails.
    assert "opened" == failed(RECEIPT, opening=other, entry=ENTRIES[2])
    assert "opened" == failed(OURS, opening=other)
    assert "" == failed(OURS, opening=OPENING, entry=ENTRIES[2])


def test_an_extra_that_is_no_opening() -> None:
    data = Proof(
        index=2, hashes=PROOF.hashes, checkpoint=CHECKPOINT, extra=b"short"
    ).encode()

    assert "opened" == failed(data)
    assert verify(data, POLICY_READ).opening is None


def test_without_a_quorum_of_witnesses() -> None:
    alone = CHECKPOINT[: CHECKPOINT.index("— witness".encode())]
    data = make_proof(2, checkpoint=alone, read=reader_of(LEAVES)).encode()

    assert "witnessed" == failed(data, opening=OPENING)
    nobody = read_policy(f"log {LOG_VKEY}\nquorum none\n".encode())
    found = verify(data, nobody, opening=OPENING)
    assert found.holds
    assert "The policy asks for no witness." == found.steps[2].why


def test_a_false_line_of_a_known_witness_fails_although_a_true_one_is_there() -> None:
    mldsa = VECTORS["mldsa"]
    policy = read_policy(POLICY + f"witness w2 {mldsa['vkey']}\n".encode())
    line = mldsa["signature line"]
    both = make_proof(
        2,
        checkpoint=CHECKPOINT + line.encode(),
        read=reader_of(LEAVES),
        opening=OPENING,
    ).encode()

    assert "" == failed(both, policy)
    assert 2 == len(verify(both, policy).cosigned)
    assert "witnessed" == failed(both.replace(b"KBbafPrB", b"KBbafPrC"), policy)


def test_no_sentence_repeats_the_record() -> None:
    secret = Opening(salt=OPENING.salt, record=b"a-secret-word")
    data = Proof(
        index=3, hashes=PROOF.hashes, checkpoint=CHECKPOINT, extra=secret.extra
    ).encode()

    for step in verify(data, POLICY_READ).steps:
        assert "secret" not in step.why
        assert step.why.endswith(".")


# ---------------------------------------------------------------- from tiles


def test_receipts_of_a_log_of_seventy_thousand_from_its_tiles() -> None:
    size, index = 70_000, 66_001
    entry = write_entry(
        RecordEntry(commitment=commitment(OPENING.salt, OPENING.record))
    )
    leaves = [leaf_hash(b"%d" % number) for number in range(1000)] * 70
    leaves[index] = leaf_hash(entry)
    edge, stored = tiles_from(leaves)
    origin = "log.example/2026"
    text = Checkpoint(origin=origin, size=size, root=edge.root).text
    keys = [
        SigningKey.derive(bytes(32), name=origin, type=SignatureType.ED25519),
        SigningKey.derive(bytes(32), name=origin, type=SignatureType.ML_DSA_44),
    ]
    lines = [keys[0].sign(text), keys[1].sign(text, at=1_795_410_000)]
    hashes = TileHashes(size, lambda tile: stored[Tile(tile.level, tile.index)])

    data = make_proof(
        index, checkpoint=sign_note(text, lines), read=hashes, opening=OPENING
    ).encode()

    for key in keys:
        policy = read_policy(f"log {key.verifier.text}\nquorum none\n".encode())
        assert verify(data, policy).holds


def test_there_is_no_proof_for_an_index_beyond_the_checkpoint() -> None:
    with pytest.raises(MalformedError, match="none with the index 5"):
        make_proof(5, checkpoint=CHECKPOINT, read=reader_of(LEAVES))


# ---------------------------------------------------------------- spelling


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.binary(max_size=100),
)
def test_a_proof_is_read_as_it_was_written(
    index: int, hashes: list[bytes], extra: bytes
) -> None:
    proof = Proof(index=index, hashes=tuple(hashes), checkpoint=CHECKPOINT, extra=extra)

    assert proof == read_proof(proof.encode())


def test_an_opening_is_a_salt_and_the_rest() -> None:
    assert OPENING == read_opening(OPENING.extra)
    assert b"" == read_opening(bytes(32)).record
    for extra in (b"", bytes(31)):
        with pytest.raises(MalformedError, match="32 bytes"):
            read_opening(extra)


def test_the_names_of_steps_and_outcomes_stay() -> None:
    assert 5 == len(StepName)
    assert {"passed", "failed", "untried"} == {outcome.value for outcome in Outcome}
    assert ".tlog-proof" == receipts.SUFFIX
