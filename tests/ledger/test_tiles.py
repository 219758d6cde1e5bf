"""Tiles: names with one spelling, rows that only grow, proofs at every earlier size."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandeau.errors import MalformedError
from bandeau.ledger import merkle
from bandeau.ledger.merkle import root_of
from bandeau.ledger.tiles import (
    ENTRIES as BUNDLES,
)
from bandeau.ledger.tiles import (
    Edge,
    Tile,
    TileHashes,
    bundles_of,
    cut_bundle,
    cut_tile,
    grow_bundles,
    read_bundle,
    read_edge,
    read_path,
    tile_at,
    tiles_of,
    write_bundle,
)
from tests.ledger.worked import (
    ENTRIES,
    LEAVES,
    VECTORS,
    WORKED,
    counted,
    reader_of,
    tiles_from,
)

PATHS = {
    "tile/0/000": Tile(0, 0),
    "tile/0/001.p/5": Tile(0, 1, 5),
    "tile/63/999": Tile(63, 999),
    "tile/1/x001/000.p/255": Tile(1, 1000, 255),
    "tile/0/x001/x234/067": Tile(0, 1_234_067),
    "tile/entries/x012/345.p/1": Tile(BUNDLES, 12_345, 1),
}


@pytest.mark.parametrize("path", PATHS)
def test_a_path_names_one_tile_and_a_tile_has_one_path(path: str) -> None:
    assert PATHS[path] == read_path(path)
    assert path == PATHS[path].path


@given(
    st.integers(-1, 63),
    st.integers(0, 2**63 - 1),
    st.integers(1, 256),
)
def test_every_tile_is_read_back_from_its_path(
    level: int, index: int, width: int
) -> None:
    tile = Tile(level, index, width)

    assert tile == read_path(tile.path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/1_0/000",
        "tile/data/000",
        "tile/Entries/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x000/001",
        "tile/0/X001/000",
        "tile/0/x001/x000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/000.p/0",
        "tile/0/000.p/05",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/999",
        "tile/0/000.p/-1",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/٠٠١",
        "tile/0/000.p/٥",
        "tile/²/000",
    ],
)
def test_no_other_spelling_names_a_tile(path: str) -> None:
    with pytest.raises(MalformedError):
        read_path(path)


@pytest.mark.parametrize("size", VECTORS["tile set"])
def test_the_tiles_of_a_size(size: str) -> None:
    assert VECTORS["tile set"][size] == [tile.path for tile in tiles_of(int(size))]


def test_the_specification_counts_the_tiles_of_seventy_thousand() -> None:
    tiles = list(tiles_of(70_000))

    assert 273 + 1 + 1 + 1 + 1 == len(tiles)
    assert Tile(0, 273, 112) in tiles
    assert [Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)] == tiles[-3:]
    assert [Tile(BUNDLES, index) for index in range(273)] == list(bundles_of(70_000))[
        :-1
    ]


def test_an_empty_log_has_no_tiles() -> None:
    assert [] == list(tiles_of(0)) == list(bundles_of(0))


@given(st.integers(0, 200_000), st.data())
def test_one_tile_has_the_width_that_it_has_among_all(
    size: int, data: st.DataObject
) -> None:
    level = data.draw(st.integers(0, 3))
    index = data.draw(st.integers(0, 900))

    among_all = [
        tile for tile in tiles_of(size) if (level, index) == (tile.level, tile.index)
    ]

    assert among_all == [tile for tile in [tile_at(level, index, size)] if tile]


# ---------------------------------------------------------------- growing


@given(st.lists(st.integers(1, 600), min_size=1, max_size=5))
def test_rows_only_grow_and_are_the_tree(batches: list[int]) -> None:
    leaves = counted(sum(batches))

    edge, stored = tiles_from(leaves, *batches)

    names = {Tile(tile.level, tile.index): tile.width for tile in tiles_of(edge.size)}
    assert names == {tile: len(data) // 32 for tile, data in stored.items()}
    assert root_of(leaves) == edge.root
    # What a restart reads from the store is what the writer had.
    assert edge == read_edge(
        edge.size, lambda tile: stored[Tile(tile.level, tile.index)]
    )


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 65_535, 65_536, 65_537])
def test_growing_across_the_edges_of_tiles(size: int) -> None:
    leaves = [LEAVES[0]] * (size + 3)

    edge, stored = tiles_from(leaves, size, 1, 1)

    assert root_of(leaves) == edge.root
    assert {tile: len(data) // 32 for tile, data in stored.items()} == {
        Tile(tile.level, tile.index): tile.width for tile in tiles_of(size + 3)
    }


def test_an_edge_to_which_nothing_is_added_stays_as_it_is() -> None:
    edge, _ = Edge().append(LEAVES)

    assert (edge, []) == edge.append([])
    assert (Edge(), []) == Edge().append([])


def test_a_hash_on_the_third_level() -> None:
    leaves = [LEAVES[0]] * 65_536
    edge, stored = tiles_from(leaves)

    assert edge.root == stored[Tile(2, 0)]
    hashes = TileHashes(65_536, lambda tile: stored[Tile(tile.level, tile.index)])
    assert edge.root == hashes(16, 0)
    proof = merkle.inclusion_proof(40_000, 65_536, hashes)
    assert merkle.verify_inclusion(
        proof, index=40_000, size=65_536, leaf=LEAVES[0], root=edge.root
    )


@given(st.integers(1, 1500), st.data())
def test_proofs_of_every_earlier_size_come_from_the_rows_of_today(
    size: int, data: st.DataObject
) -> None:
    leaves = counted(size)
    _, stored = tiles_from(leaves)
    then = data.draw(st.integers(1, size))
    index, old = data.draw(st.integers(0, then - 1)), data.draw(st.integers(0, then))
    asked: list[Tile] = []

    def fetch(tile: Tile) -> bytes:
        asked.append(tile)
        return stored[Tile(tile.level, tile.index)]

    hashes = TileHashes(then, fetch)

    plain = reader_of(leaves)
    assert merkle.inclusion_proof(index, then, plain) == merkle.inclusion_proof(
        index, then, hashes
    )
    assert merkle.consistency_proof(old, then, plain) == merkle.consistency_proof(
        old, then, hashes
    )
    assert set(asked) <= set(tiles_of(then))
    assert len(asked) == len(set(asked)), "no tile is fetched twice"


def test_a_tree_has_no_hash_beyond_its_size() -> None:
    _, stored = tiles_from(LEAVES)
    hashes = TileHashes(3, lambda tile: stored[Tile(tile.level, tile.index)])

    assert LEAVES[2] == hashes(0, 2)
    for level, index in [(0, 3), (1, 1), (2, 0), (0, -1), (-1, 0)]:
        with pytest.raises(MalformedError, match="no such hash"):
            hashes(level, index)


# ---------------------------------------------------------------- bytes


def test_the_worked_bundle_and_tile() -> None:
    bundle = bytes.fromhex(WORKED["bundle tile/entries/000.p/5"])
    _, stored = tiles_from(LEAVES)

    assert bundle == write_bundle(ENTRIES)
    assert ENTRIES == read_bundle(bundle, width=5)
    expected = WORKED["tile tile/0/000.p/5 sha256"]
    assert expected == hashlib.sha256(stored[Tile(0, 0)]).hexdigest()


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=256), st.data())
def test_a_bundle_is_cut_where_it_once_ended(
    entries: list[bytes], data: st.DataObject
) -> None:
    width = data.draw(st.integers(1, len(entries)))
    bundle = write_bundle(entries)

    assert entries == read_bundle(bundle)
    assert write_bundle(entries[:width]) == cut_bundle(bundle, width)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=5))
def test_bundles_only_grow(batches: list[int]) -> None:
    entries = [number.to_bytes(2, "big") for number in range(sum(batches))]
    stored: dict[Tile, bytes] = {}
    size, tail = 0, b""

    for batch in batches:
        tail, rows = grow_bundles(size, tail, entries[size : size + batch])
        size += batch
        for row in rows:
            name = Tile(BUNDLES, row.tile.index)
            assert row.octets.startswith(stored.get(name, b""))
            assert row.tile.width == len(read_bundle(row.octets))
            stored[name] = row.octets

    read = [entry for tile in sorted(stored) for entry in read_bundle(stored[tile])]
    assert entries == read
    assert [(tile.index, tile.width) for tile in bundles_of(size)] == [
        (tile.index, len(read_bundle(stored[tile]))) for tile in sorted(stored)
    ]


@pytest.mark.parametrize(
    "data", [b"\x00", b"\x00\x02x", b"\x00\x01x\x00", b"\x00\x00" * 257]
)
def test_a_bundle_holds_whole_entries_and_no_more_than_256(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read_bundle(data)


def test_what_is_not_there_cannot_be_cut() -> None:
    bundle, tile = write_bundle([b"a", b"b"]), bytes(64)

    for width in (0, 3, 257):
        with pytest.raises(MalformedError):
            cut_bundle(bundle, width)
        with pytest.raises(MalformedError):
            cut_tile(tile, width)
    with pytest.raises(MalformedError, match="2 entries"):
        read_bundle(bundle, width=1)


def test_an_entry_has_at_most_65535_bytes() -> None:
    assert b"\xff\xff" == write_bundle([bytes(65_535)])[:2]
    with pytest.raises(MalformedError, match="65535"):
        write_bundle([bytes(65_536)])
