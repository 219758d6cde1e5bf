"""The tree in tiles: their names, their bytes, and proofs read from them.

Pure, and the whole of c2sp.org/tlog-tiles that concerns files: 256 hashes to a tile, the
hash of a full tile in the tile above it, entries in bundles beside them.

A tile only ever grows at its end. So a store keeps one row for each tile, as far as it
is filled; the partial tile of any earlier size is the beginning of that row, and so is
the partial bundle. `cut_tile` and `cut_bundle` cut it off.

Tiles are believed here: what is read from a damaged one is a wrong proof, which whoever
verifies it will see.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bandeau.errors import MalformedError
from bandeau.ledger import merkle
from bandeau.ledger.merkle import HASH_LENGTH
from bandeau.ledger.spelling import LARGEST

HEIGHT: Final = 8
FULL: Final = 1 << HEIGHT
MOST_IN_AN_ENTRY: Final = 0xFFFF

ENTRIES: Final = -1
"""The level of a bundle of entries, which `tile/entries/` stands for in paths."""

_TILE_LENGTH = FULL * HASH_LENGTH
_HIGHEST = 63
_PATH = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/([1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """The name of a tile or, with the level ENTRIES, of a bundle, at one width."""

    level: int
    index: int
    width: int = FULL

    @property
    def path(self) -> str:
        """Where it is served, below the log's prefix."""
        # "MUST be a non-negative integer encoded into zero-padded 3-digit path elements.
        # All but the last path element MUST begin with an x." -- tlog-tiles
        groups = f"{self.index % 1000:03}"
        rest = self.index // 1000
        while rest:
            groups = f"x{rest % 1000:03}/{groups}"
            rest //= 1000
        level = "entries" if self.level == ENTRIES else self.level
        partial = "" if self.width == FULL else f".p/{self.width}"
        return f"tile/{level}/{groups}{partial}"


def read_path(path: str) -> Tile:
    """The tile that a path names; one spelling for each, no other.

    Raises:
        MalformedError: a leading zero, a missing x, a width of 0 or 256, anything else.
    """
    form = _PATH.fullmatch(path)
    if form is not None:
        level, groups, width = form.groups()
        tile = Tile(
            level=ENTRIES if level == "entries" else int(level),
            index=int(groups.replace("x", "").replace("/", "")),
            width=int(width or FULL),
        )
        if tile.path == path and tile.width <= FULL and tile.index <= LARGEST:
            return tile
    raise MalformedError("This is not the path of a tile.", place="path")


# ---------------------------------------------------------------- which ones there are


def tiles_of(size: int) -> Iterator[Tile]:
    """All tiles of hashes that a tree of this size has, from the leaves up."""
    level = 0
    while size >> HEIGHT * level:
        yield from _row(level, size >> HEIGHT * level)
        level += 1


def bundles_of(size: int) -> Iterator[Tile]:
    """All bundles of entries that a log of this size has."""
    return _row(ENTRIES, size)


def tile_at(level: int, index: int, size: int) -> Tile | None:
    """One tile or bundle at the width that it has in a tree of this size, if any."""
    if not ENTRIES <= level <= _HIGHEST or index < 0:
        return None
    width = (size >> HEIGHT * max(level, 0)) - index * FULL
    return Tile(level, index, min(width, FULL)) if width > 0 else None


def _row(level: int, count: int) -> Iterator[Tile]:
    full, partial = divmod(count, FULL)
    for index in range(full):
        yield Tile(level, index)
    # "Empty tiles MUST NOT be served." -- tlog-tiles
    if partial:
        yield Tile(level, full, partial)


# ---------------------------------------------------------------- their bytes


def cut_tile(octets: bytes, width: int) -> bytes:
    """The first hashes of a tile: the tile as it was at an earlier size."""
    if not 1 <= width <= FULL or len(octets) < width * HASH_LENGTH:
        raise MalformedError(f"This tile has no {width} hashes.", place="tile")
    return octets[: width * HASH_LENGTH]


def cut_bundle(octets: bytes, width: int) -> bytes:
    """The first entries of a bundle: the bundle as it was at an earlier size."""
    if not 1 <= width <= FULL:
        raise MalformedError("A bundle has 1 to 256 entries.", place="bundle")
    end = 0
    for _ in range(width):
        _, end = _next_entry(octets, end)
    return octets[:end]


def write_bundle(entries: Sequence[bytes]) -> bytes:
    """The bytes of a bundle, or of what is added to one."""
    # "Entry bundles are sequences of big-endian uint16 length-prefixed log entries."
    # -- tlog-tiles
    if any(len(entry) > MOST_IN_AN_ENTRY for entry in entries):
        raise MalformedError("An entry has at most 65535 bytes.", place="entry")
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def read_bundle(octets: bytes, *, width: int | None = None) -> list[bytes]:
    """The entries of a bundle: as many as `width` says, if it does, and nothing behind."""
    entries: list[bytes] = []
    at = 0
    while at < len(octets):
        entry, at = _next_entry(octets, at)
        entries.append(entry)
    if len(entries) > FULL or width not in (None, len(entries)):
        raise MalformedError(f"This bundle has {len(entries)} entries.", place="bundle")
    return entries


def _next_entry(octets: bytes, at: int) -> tuple[bytes, int]:
    start = at + 2
    end = start + int.from_bytes(octets[at:start], "big")
    if start > len(octets) or end > len(octets):
        raise MalformedError("This bundle ends too soon.", place="bundle")
    return octets[start:end], end


# ---------------------------------------------------------------- growing


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A tile or bundle as it is to be stored; it replaces a shorter one of its name."""

    tile: Tile
    octets: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The right edge of a tree: all that is needed to let it grow.

    `tiles[level]` has the bytes of the tile that is being filled on that level, empty
    when the last one is full; `peaks` are as `merkle.grow` has them.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()
    tiles: tuple[bytes, ...] = ()

    @property
    def root(self) -> bytes:
        return merkle.root_of_peaks(self.peaks)

    def append(self, leaves: Sequence[bytes]) -> tuple["Edge", list[Row]]:
        """The edge after these leaf hashes, and the rows that differ."""
        growth = merkle.grow(self.size, self.peaks, leaves)
        tiles: list[bytes] = []
        rows: list[Row] = []
        for level, new in enumerate(growth.rows[::HEIGHT]):
            octets = self.tiles[level] if level < len(self.tiles) else b""
            if new:
                octets += new
                first = self.size >> HEIGHT * (level + 1)
                for nth, at in enumerate(range(0, len(octets), _TILE_LENGTH)):
                    part = octets[at : at + _TILE_LENGTH]
                    tile = Tile(level, first + nth, len(part) // HASH_LENGTH)
                    rows.append(Row(tile=tile, octets=part))
                octets = octets[len(octets) - len(octets) % _TILE_LENGTH :]
            tiles.append(octets)
        return Edge(size=growth.size, peaks=growth.peaks, tiles=tuple(tiles)), rows


def read_edge(size: int, fetch: "TileSource") -> Edge:
    """The edge of a tree of this size, from its stored tiles."""
    tiles: list[bytes] = []
    level = 0
    while size >> HEIGHT * level:
        tile = tile_at(level, size >> HEIGHT * (level + 1), size)
        tiles.append(cut_tile(fetch(tile), tile.width) if tile else b"")
        level += 1
    return Edge(
        size=size,
        peaks=merkle.peaks(size, TileHashes(size, fetch)),
        tiles=tuple(tiles),
    )


def grow_bundles(
    size: int, tail: bytes, entries: Sequence[bytes]
) -> tuple[bytes, list[Row]]:
    """The new tail, and the rows that differ, of a log of `size` entries.

    `tail` has the bytes of the bundle that is being filled, empty when the last one is
    full; cut it to `size` modulo 256 entries first.
    """
    rows: list[Row] = []
    index, filled = divmod(size, FULL)
    at = 0
    while at < len(entries):
        taken = entries[at : at + FULL - filled]
        tail += write_bundle(taken)
        filled += len(taken)
        at += len(taken)
        rows.append(Row(tile=Tile(ENTRIES, index, filled), octets=tail))
        if filled == FULL:
            index, filled, tail = index + 1, 0, b""
    return tail, rows


# ---------------------------------------------------------------- reading hashes


TileSource = Callable[[Tile], bytes]
"""Gives the bytes of a tile, at least as wide as asked for."""


class TileHashes:
    """A `merkle.HashReader` on tiles, for a tree of one size.

    What it has fetched and worked out it keeps, so that many proofs against one
    checkpoint are cheap. Let go of it with the checkpoint.
    """

    def __init__(self, size: int, fetch: TileSource) -> None:
        self._size = size
        self._fetch = fetch
        self._rows: dict[tuple[int, int], list[bytes]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        if level < 0 or index < 0 or (index + 1) << level > self._size:
            raise MalformedError(
                f"A tree of {self._size} leaves has no such hash.",
                place=f"hash {level}/{index}",
            )
        tile_level, height = divmod(level, HEIGHT)
        tile_index, place = divmod(index, FULL >> height)
        row = self._tile(tile_level, tile_index)[height]
        return row[place * HASH_LENGTH : (place + 1) * HASH_LENGTH]

    def _tile(self, level: int, index: int) -> list[bytes]:
        """The rows of hashes inside one tile, from its own up to the one of two."""
        rows = self._rows.get((level, index))
        if rows is None:
            tile = tile_at(level, index, self._size)
            assert tile is not None, "a hash that is complete has a tile"
            rows = [cut_tile(self._fetch(tile), tile.width)]
            for _ in range(HEIGHT - 1):
                rows.append(merkle.parents_of(rows[-1]))
            self._rows[level, index] = rows
        return rows
