"""How a record lies in a table: what the stores that speak SQL have in common."""

from typing import Final

from bandeau.ledger.record import KINDS, Record
from bandeau.ledger.store import KeptRecord
from bandeau.ledger.tiles import ENTRIES, FULL, HEIGHT

KIND_CODES: Final = {kind: code for code, kind in enumerate(KINDS)}

# A record's id is its site's number * 2^40 + its index: a million million records a site.
_INDEX_BITS: Final = 40
INDEX_MASK: Final = (1 << _INDEX_BITS) - 1

# A seal's id is its log's number * 2^40 + its entry; a tile's is its log's number * 2^36 +
# (its level + 1) * 2^33 + its index.
_ENTRY_BITS: Final = 40
_LEVEL_BITS: Final = 3
_TILE_BITS: Final = 33

Row = tuple[int, bytes, bytes | None, bytes, int, int]
"""id, request, subject, body, day, kind"""


def record_id(site: int, index: int) -> int:
    return site << _INDEX_BITS | index


def index_of(number: int) -> int:
    return number & INDEX_MASK


def end_of(site: int, before: int | None) -> int:
    """The id that a site's records with indexes below `before` lie below."""
    index = INDEX_MASK if before is None else min(max(before, 0), INDEX_MASK)
    return record_id(site, index)


def seal_id(log: int, entry: int) -> int:
    return log << _ENTRY_BITS | entry


def entry_of(number: int) -> int:
    return number & (1 << _ENTRY_BITS) - 1


def tile_id(log: int, level: int, index: int) -> int:
    return (log << _LEVEL_BITS | level + 1) << _TILE_BITS | index


def may_be_tile(level: int, index: int) -> bool:
    return ENTRIES <= level < (1 << _LEVEL_BITS) - 1 and 0 <= index < 1 << _TILE_BITS


def edge_of(size: int) -> list[tuple[int, int]]:
    """The bundle and the tiles that a log of this size is filling: (level, index)."""
    places = [(ENTRIES, size // FULL)]
    level = 0
    while size >> HEIGHT * level:
        places.append((level, size >> HEIGHT * (level + 1)))
        level += 1
    return places


def kept(row: Row) -> KeptRecord:
    number, request, subject, body, day, code = row
    return KeptRecord(
        index=index_of(number),
        record=Record(
            request=request, subject=subject, body=body, day=day, kind=KINDS[code]
        ),
    )
