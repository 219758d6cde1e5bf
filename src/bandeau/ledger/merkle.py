"""The tree: its hashes, its roots, its two kinds of proof, and how it grows.

Pure, and the whole of RFC 6962, section 2.1 (RFC 9162 is the same for SHA-256). Nothing
here knows where hashes are kept: a `HashReader` gives the root of a complete subtree,
and `tiles` has one. Nothing here knows what an entry means either; leaves are the hashes
of entries.

A proof that does not hold is not an error: `verify_inclusion` and `verify_consistency`
say False, whatever they are given. Every hash is checked to have 32 bytes, because a
tree over hashes of any length proves nothing.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bandeau.errors import MalformedError

HASH_LENGTH: Final = 32

# "The hash of an empty list is the hash of an empty string" -- RFC 6962, section 2.1
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

HashReader = Callable[[int, int], bytes]
"""Called with (level, n): the root of leaves n * 2^level up to (n + 1) * 2^level.

It is only ever asked for subtrees that are complete in the tree at hand.
"""

_sha256 = hashlib.sha256


def leaf_hash(entry: bytes) -> bytes:
    # "MTH({d(0)}) = SHA-256(0x00 || d(0))" -- RFC 6962, section 2.1
    return _sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    # "MTH(D[n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n]))" -- RFC 6962, section 2.1
    return _sha256(b"\x01" + left + right).digest()


def parents_of(row: bytes) -> bytes:
    """The next row up of hashes that stand one behind the other; an odd one is left."""
    whole = len(row) - len(row) % 64
    return b"".join(
        [_sha256(b"\x01" + row[at : at + 64]).digest() for at in range(0, whole, 64)]
    )


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes."""
    return root_of_peaks(grow(0, (), leaves).peaks)


def root(size: int, read: HashReader) -> bytes:
    """The root of a tree whose hashes are read from elsewhere."""
    return EMPTY_ROOT if size == 0 else _range_root(0, size, read)


# ---------------------------------------------------------------- growing


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A tree after leaves were added.

    `peaks` are the roots of its complete subtrees from left to right, one for each bit
    that is set in `size`. `rows[level]` has the hashes that became complete on that
    level, one behind the other.
    """

    size: int
    peaks: tuple[bytes, ...]
    rows: tuple[bytes, ...]


def grow(size: int, peaks: Sequence[bytes], leaves: Sequence[bytes]) -> Growth:
    """Add leaf hashes to a tree of which only the peaks are known.

    Level by level: the peak that waits there, if any, goes before the new hashes, pairs
    become the next level's new hashes, and an odd one is the peak that waits from now
    on. So n leaves cost about n hashes, whatever the size.
    """
    if set(map(len, leaves)) - {HASH_LENGTH}:
        raise MalformedError("A leaf hash has to be 32 bytes long.", place="leaves")
    assert len(peaks) == size.bit_count(), "one peak for each bit that is set"

    waiting = list(peaks)
    new_peaks: list[bytes] = []
    rows: list[bytes] = []
    row = b"".join(leaves)
    level = 0
    while row or size >> level:
        rows.append(row)
        if size >> level & 1:
            row = waiting.pop() + row
        if len(row) % 64:
            new_peaks.append(row[-HASH_LENGTH:])
        row = parents_of(row)
        level += 1
    return Growth(
        size=size + len(leaves), peaks=tuple(reversed(new_peaks)), rows=tuple(rows)
    )


def root_of_peaks(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees from left to right, the last one the smallest."""
    if not peaks:
        return EMPTY_ROOT
    *others, found = peaks
    for peak in reversed(others):
        found = node_hash(peak, found)
    return found


def peaks(size: int, read: HashReader) -> tuple[bytes, ...]:
    """The peaks of a tree whose hashes are read from elsewhere."""
    return tuple(_peaks(0, size, read))


# ---------------------------------------------------------------- proofs


def inclusion_proof(index: int, size: int, read: HashReader) -> tuple[bytes, ...]:
    """PATH(index, D[size]), from the leaf's sibling up to the root's child."""
    if not 0 <= index < size:
        raise MalformedError(
            f"A log of {size} entries has none with the index {index}.", place="index"
        )
    # "If m < k: PATH(m, D[0:k]) : MTH(D[k:n]), else PATH(m - k, D[k:n]) : MTH(D[0:k])"
    # -- RFC 6962, section 2.1.1; walked from the root down, so turned round at the end.
    start, end = 0, size
    proof: list[bytes] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_root(middle, end, read))
            end = middle
        else:
            proof.append(_range_root(start, middle, read))
            start = middle
    return tuple(reversed(proof))


def consistency_proof(old: int, new: int, read: HashReader) -> tuple[bytes, ...]:
    """PROOF(old, D[new]); empty from a tree of no leaves, which is in every other."""
    if not 0 <= old <= new:
        raise MalformedError(
            f"A log of {new} entries never had {old} before.", place="size"
        )
    if old == 0:
        return ()
    # "SUBPROOF" -- RFC 6962, section 2.1.2. The last hash is left out as long as the old
    # tree is one whole subtree of the new: then its root, which is known, is that hash.
    start, end = 0, new
    proof: list[bytes] = []
    while end > old:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_range_root(middle, end, read))
            end = middle
        else:
            proof.append(_range_root(start, middle, read))
            start = middle
    if start:
        proof.append(_range_root(start, end, read))
    return tuple(reversed(proof))


def verify_inclusion(
    proof: Sequence[bytes], *, index: int, size: int, leaf: bytes, root: bytes
) -> bool:
    """Is `leaf` the hash at this index of the tree that has this root?"""
    if not 0 <= index < size or not _are_hashes((*proof, leaf, root)):
        return False

    # RFC 9162, section 2.1.3.2, its letters
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def verify_consistency(
    proof: Sequence[bytes],
    *,
    old_size: int,
    new_size: int,
    old_root: bytes,
    new_root: bytes,
) -> bool:
    """Does the new tree begin with all of the old one?

    From a tree of no leaves the proof is empty, as tlog-witness has it.
    """
    if not 0 <= old_size <= new_size or not _are_hashes((*proof, old_root, new_root)):
        return False
    if old_size == 0 and old_root != EMPTY_ROOT:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof

    # RFC 9162, section 2.1.4.2, its letters
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == new_root


def _split(size: int) -> int:
    """k, "the largest power of two smaller than n"."""
    return 1 << (size - 1).bit_length() - 1


def _are_hashes(values: Sequence[bytes]) -> bool:
    return all(len(value) == HASH_LENGTH for value in values)


def _peaks(start: int, end: int, read: HashReader) -> list[bytes]:
    found: list[bytes] = []
    while start < end:
        level = (end - start).bit_length() - 1
        value = read(level, start >> level)
        if len(value) != HASH_LENGTH:
            raise MalformedError(
                "A stored hash has to be 32 bytes long.",
                place=f"hash {level}/{start >> level}",
            )
        found.append(value)
        start += 1 << level
    return found


def _range_root(start: int, end: int, read: HashReader) -> bytes:
    """MTH(D[start:end]), where a subtree of the tree begins at `start`."""
    return root_of_peaks(_peaks(start, end, read))
