"""The worked vectors of the log's formats, and trees small enough to write down."""

import base64
import json
from pathlib import Path

from bandeau.ledger.merkle import HashReader, leaf_hash, node_hash
from bandeau.ledger.tiles import Edge, Tile

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "ledger.json").read_text("utf-8")
)
WORKED = VECTORS["worked"]
LOG_VKEY = WORKED["log vkey"]
WITNESS_VKEY = WORKED["witness vkey"]
ENTRIES = [bytes.fromhex(entry) for entry in WORKED["entries"]]
LEAVES = [bytes.fromhex(leaf) for leaf in WORKED["leaf hashes"]]
CHECKPOINT = WORKED["checkpoint"].encode()
RECEIPT = WORKED["tlog-proof"].encode()
POLICY = f"log {LOG_VKEY}\nwitness w1 {WITNESS_VKEY}\nquorum w1\n".encode()


def hashes_of(lines: list[str]) -> tuple[bytes, ...]:
    return tuple(base64.b64decode(line) for line in lines)


def counted(count: int) -> list[bytes]:
    """Leaf hashes of the entries 0, 1, 2 … as uint16."""
    return [leaf_hash(number.to_bytes(2, "big")) for number in range(count)]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 writes it, for trees that are not empty."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


def reader_of(leaves: list[bytes]) -> HashReader:
    """The hashes of complete subtrees, from rows as plain lists."""
    rows = [leaves]
    while len(rows[-1]) > 1:
        row = rows[-1]
        rows.append(
            [node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
        )

    def read(level: int, index: int) -> bytes:
        return rows[level][index]

    return read


def tiles_from(leaves: list[bytes], *batches: int) -> tuple[Edge, dict[Tile, bytes]]:
    """A tree grown in batches of these sizes; what a store would hold, by (level, n)."""
    edge = Edge()
    stored: dict[Tile, bytes] = {}
    at = 0
    for batch in (*batches, len(leaves)):
        edge, rows = edge.append(leaves[at : at + batch])
        at = edge.size
        for row in rows:
            name = Tile(row.tile.level, row.tile.index)
            assert row.octets.startswith(stored.get(name, b"")), "a row only grows"
            stored[name] = row.octets
    return edge, stored
