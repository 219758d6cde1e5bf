"""The tree: vectors, properties against the definition, and proofs that must not hold."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandeau.errors import MalformedError
from bandeau.ledger import merkle
from bandeau.ledger.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    grow,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.ledger.worked import (
    ENTRIES,
    LEAVES,
    VECTORS,
    WORKED,
    counted,
    hashes_of,
    naive_root,
    reader_of,
)

ACCUMULATED = VECTORS["accumulated"]
SIZES = st.integers(1, 700)

# RFC 6962's own leaves, with the roots of one to eight of them.
RFC_LEAVES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
RFC_ROOTS = "6e340b9c fac54203 aeb6bcfe d37ee418 4e3bbb1f 76e67dad ddb89be4 5dc9da79"


def test_the_roots_of_the_certificate_transparency_tree() -> None:
    leaves = [leaf_hash(entry) for entry in RFC_LEAVES]

    roots = [root_of(leaves[:size]).hex()[:8] for size in range(1, 9)]

    assert RFC_ROOTS.split() == roots
    assert (
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
        == root_of(leaves).hex()
    )


def test_a_tree_without_leaves_has_the_hash_of_nothing() -> None:
    assert hashlib.sha256(b"").digest() == EMPTY_ROOT == root_of([])
    assert EMPTY_ROOT == merkle.root(0, reader_of([]))


def test_the_worked_tree() -> None:
    assert LEAVES == [leaf_hash(entry) for entry in ENTRIES]
    assert WORKED["root3"] == root_of(LEAVES[:3]).hex()
    assert WORKED["root5"] == root_of(LEAVES).hex()
    read = reader_of(LEAVES)
    assert hashes_of(WORKED["inclusion of 2 in 5"]) == inclusion_proof(2, 5, read)
    assert hashes_of(WORKED["consistency 3->5"]) == consistency_proof(3, 5, read)


def test_the_accumulated_roots() -> None:
    leaves = counted(300)

    roots = b"".join(root_of(leaves[:size]) for size in range(301))

    assert ACCUMULATED["roots n=0..300"] == hashlib.sha256(roots).hexdigest()


@pytest.mark.slow
def test_the_accumulated_proofs_and_that_each_holds() -> None:
    leaves = counted(300)
    read = reader_of(leaves)
    roots = [root_of(leaves[:size]) for size in range(301)]
    inclusions, consistencies = hashlib.sha256(), hashlib.sha256()

    for size in range(1, 301):
        for index in range(size):
            proof = inclusion_proof(index, size, read)
            inclusions.update(b"".join(proof))
            assert verify_inclusion(
                proof, index=index, size=size, leaf=leaves[index], root=roots[size]
            )
        for old in range(1, size + 1):
            proof = consistency_proof(old, size, read)
            consistencies.update(b"".join(proof))
            assert verify_consistency(
                proof,
                old_size=old,
                new_size=size,
                old_root=roots[old],
                new_root=roots[size],
            )

    found = inclusions.hexdigest(), consistencies.hexdigest()
    assert ACCUMULATED["all inclusion proofs n=1..300, i=0..n-1"] == found[0]
    assert ACCUMULATED["all consistency proofs n=1..300, m=1..n"] == found[1]


@given(st.lists(st.integers(0, 300), max_size=6))
def test_a_tree_that_grew_in_batches_is_the_tree_of_all(batches: list[int]) -> None:
    leaves = counted(sum(batches))
    size, peaks = 0, ()

    for batch in batches:
        growth = grow(size, peaks, leaves[size : size + batch])
        size, peaks = growth.size, growth.peaks

    assert len(leaves) == size
    expected = naive_root(leaves) if leaves else EMPTY_ROOT
    assert (
        expected == merkle.root_of_peaks(peaks) == merkle.root(size, reader_of(leaves))
    )
    assert peaks == merkle.peaks(size, reader_of(leaves))


@given(SIZES, st.data())
def test_a_leaf_is_included_where_it_is_and_nowhere_else(
    size: int, data: st.DataObject
) -> None:
    leaves = counted(size)
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(-1, size + 1).filter(lambda drawn: drawn != index))
    root = naive_root(leaves)

    proof = inclusion_proof(index, size, reader_of(leaves))

    i = (index ^ (size - 1)).bit_length()
    assert i + (index >> i).bit_count() == len(proof)
    assert verify_inclusion(
        proof, index=index, size=size, leaf=leaves[index], root=root
    )
    assert not verify_inclusion(
        proof, index=other, size=size, leaf=leaves[index], root=root
    )
    assert not verify_inclusion(
        proof, index=index, size=size, leaf=leaf_hash(b"another"), root=root
    )


@given(SIZES, st.data())
def test_a_tree_is_consistent_with_what_it_was(size: int, data: st.DataObject) -> None:
    leaves = counted(size)
    old = data.draw(st.integers(0, size))
    was, became = root_of(leaves[:old]), naive_root(leaves)

    proof = consistency_proof(old, size, reader_of(leaves))

    def holds(old_root: bytes, new_root: bytes) -> bool:
        return verify_consistency(
            proof, old_size=old, new_size=size, old_root=old_root, new_root=new_root
        )

    assert holds(was, became)
    assert not holds(leaf_hash(b"another"), became)
    # A tree of no leaves is the beginning of any other.
    assert old == 0 or not holds(was, leaf_hash(b"another"))


@given(st.integers(2, 300), st.data())
def test_no_bit_of_a_proof_can_be_turned(size: int, data: st.DataObject) -> None:
    leaves = counted(size)
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size - 1))
    inclusion = list(inclusion_proof(index, size, reader_of(leaves)))
    consistency = list(consistency_proof(old, size, reader_of(leaves)))

    for proof in (inclusion, consistency):
        nth = data.draw(st.integers(0, len(proof) - 1))
        octets = bytearray(proof[nth])
        octets[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
        proof[nth] = bytes(octets)

    assert not verify_inclusion(
        inclusion, index=index, size=size, leaf=leaves[index], root=root_of(leaves)
    )
    assert not verify_consistency(
        consistency,
        old_size=old,
        new_size=size,
        old_root=root_of(leaves[:old]),
        new_root=root_of(leaves),
    )


@pytest.mark.parametrize("change", ["shorter", "longer", "first twice"])
@pytest.mark.parametrize("size", [2, 5, 8])
def test_a_proof_has_exactly_its_hashes(size: int, change: str) -> None:
    leaves = counted(size)
    changed = {
        "shorter": lambda proof: proof[:-1],
        "longer": lambda proof: (*proof, leaves[0]),
        "first twice": lambda proof: (proof[0], *proof),
    }[change]

    inclusion = changed(inclusion_proof(1, size, reader_of(leaves)))
    consistency = changed(consistency_proof(1, size, reader_of(leaves)))

    root = root_of(leaves)
    assert not verify_inclusion(
        inclusion, index=1, size=size, leaf=leaves[1], root=root
    )
    assert not verify_consistency(
        consistency, old_size=1, new_size=size, old_root=leaves[0], new_root=root
    )


def test_hashes_of_another_length_prove_nothing() -> None:
    # A tree over "hashes" of no bytes would otherwise be consistent in itself.
    assert not verify_inclusion([], index=0, size=1, leaf=b"", root=b"")
    assert not verify_consistency(
        [], old_size=1, new_size=1, old_root=b"", new_root=b""
    )
    assert not verify_inclusion(
        [b"short"],
        index=0,
        size=2,
        leaf=LEAVES[0],
        root=merkle.node_hash(LEAVES[0], b"short"),
    )
    with pytest.raises(MalformedError, match="32 bytes"):
        grow(0, (), [LEAVES[0][:31], LEAVES[1] + b"\x00"])
    with pytest.raises(MalformedError, match="stored hash") as caught:
        inclusion_proof(0, 2, lambda level, index: b"short")
    assert "hash 0/1" == caught.value.place


def test_from_nothing_to_something_needs_no_proof() -> None:
    holding = {"old_size": 0, "new_size": 5, "new_root": root_of(LEAVES)}

    assert () == consistency_proof(0, 5, reader_of(LEAVES))
    assert verify_consistency([], old_root=EMPTY_ROOT, **holding)
    assert not verify_consistency([LEAVES[0]], old_root=EMPTY_ROOT, **holding)
    assert not verify_consistency([], old_root=LEAVES[0], **holding)
    # Nor is there any other root of nothing, were it twice the same.
    nothing = {"old_size": 0, "new_size": 0}
    assert verify_consistency([], old_root=EMPTY_ROOT, new_root=EMPTY_ROOT, **nothing)
    assert not verify_consistency([], old_root=LEAVES[0], new_root=LEAVES[0], **nothing)


@pytest.mark.parametrize(("index", "size"), [(5, 5), (-1, 5), (0, 0)])
def test_there_is_no_proof_for_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(MalformedError, match="none with the index"):
        inclusion_proof(index, size, reader_of(LEAVES))
    assert not verify_inclusion(
        [], index=index, size=size, leaf=LEAVES[0], root=LEAVES[0]
    )


@pytest.mark.parametrize(("old", "new"), [(6, 5), (-1, 5)])
def test_a_log_does_not_shrink(old: int, new: int) -> None:
    with pytest.raises(MalformedError, match="never had"):
        consistency_proof(old, new, reader_of(LEAVES))
    assert not verify_consistency(
        [], old_size=old, new_size=new, old_root=LEAVES[0], new_root=LEAVES[0]
    )
