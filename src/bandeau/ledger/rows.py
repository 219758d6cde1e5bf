"""How a record lies in a table: what the stores that speak SQL have in common."""

from typing import Final

from bandeau.ledger.record import KINDS, Record
from bandeau.ledger.store import KeptRecord

KIND_CODES: Final = {kind: code for code, kind in enumerate(KINDS)}

# A record's id is its site's number * 2^40 + its index: a million million records a site.
_INDEX_BITS: Final = 40
INDEX_MASK: Final = (1 << _INDEX_BITS) - 1

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


def kept(row: Row) -> KeptRecord:
    number, request, subject, body, day, code = row
    return KeptRecord(
        index=index_of(number),
        record=Record(
            request=request, subject=subject, body=body, day=day, kind=KINDS[code]
        ),
    )
