"""The same questions to us and to Go's checksum database code, which the formats are from.

Debian's packages golang-go and golang-golang-x-mod-dev are enough; without them nothing
here is compared. Where the two differ on purpose, the test says where.
"""

import base64
import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bandeau.errors import MalformedError
from bandeau.ledger import merkle
from bandeau.ledger.merkle import leaf_hash
from bandeau.ledger.note import (
    SignatureType,
    SigningKey,
    open_note,
    read_checkpoint,
    read_key,
    sign_note,
)
from bandeau.ledger.tiles import Tile, TileHashes, cut_tile, read_path, tiles_of
from tests.ledger.worked import tiles_from

GOPATH = Path("/usr/share/gocode")
SIZE = 70_000
SEED = 20_261_124

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        shutil.which("go") is None
        or not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir(),
        reason="Go's own code is not here to compare with: install Debian's golang-go "
        "and golang-golang-x-mod-dev.",
    ),
]

Ask = Callable[..., dict[str, Any]]


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Puts one question to the oracle; bytes go and come as base64."""
    folder = tmp_path_factory.mktemp("oracle")
    subprocess.run(
        ["go", "build", "-o", folder / "oracle", "."],
        cwd=Path(__file__).parent / "oracle",
        env={
            **os.environ,
            "GO111MODULE": "off",
            "GOFLAGS": "",
            "GOPATH": str(GOPATH),
            "GOCACHE": str(folder / "cache"),
        },
        check=True,
    )
    with subprocess.Popen(
        [folder / "oracle"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as oracle:
        assert oracle.stdin
        assert oracle.stdout

        def ask(what: str, **fields: Any) -> dict[str, Any]:
            question = {"Ask": what, **fields}
            oracle.stdin.write(json.dumps(question).encode() + b"\n")
            oracle.stdin.flush()
            return json.loads(oracle.stdout.readline())

        yield ask
        oracle.stdin.close()


class Log:
    """One log of 70,000 entries, held on both sides."""

    def __init__(self, ask: Ask) -> None:
        self.leaves = [leaf_hash(b"%d" % number) for number in range(SIZE)]
        self.edge, self._stored = tiles_from(self.leaves, 1, 254, 1, 1, 1000, 60_000)
        self.reader = TileHashes(SIZE, self.fetch)
        for at in range(0, SIZE, 5000):
            part = [b64(leaf) for leaf in self.leaves[at : at + 5000]]
            assert ask("tree", Leaves=part)["ok"]

    def fetch(self, tile: Tile) -> bytes:
        return cut_tile(self._stored[Tile(tile.level, tile.index)], tile.width)


@pytest.fixture(scope="module")
def log(ask: Ask) -> Log:
    return Log(ask)


@pytest.fixture
def chance() -> random.Random:
    return random.Random(SEED)


def mixed_size(chance: random.Random) -> int:
    """Sizes of every magnitude, and those beside powers of two more often."""
    size = 1 << chance.randrange(17)
    size += chance.choice([-1, 0, 1, chance.randrange(size)])
    return min(max(size, 1), SIZE)


def test_roots_and_proofs_are_the_same(
    ask: Ask, log: Log, chance: random.Random
) -> None:
    for _ in range(1500):
        size = mixed_size(chance)
        index, old = chance.randrange(size), chance.randint(1, size)

        theirs = [
            ask("prove record", New=size, Index=index),
            ask("prove tree", New=size, Old=old),
        ]
        ours = [
            merkle.inclusion_proof(index, size, log.reader),
            merkle.consistency_proof(old, size, log.reader),
        ]

        assert [answer.get("hashes", []) for answer in theirs] == [
            [b64(value) for value in proof] for proof in ours
        ]
        root = ask("root", New=size)["root"]
        assert root == b64(merkle.root(size, log.reader))


def test_tiles_are_the_same(ask: Ask, log: Log, chance: random.Random) -> None:
    every = list(tiles_of(SIZE))
    for _ in range(200):
        tile = chance.choice([*every[-4:], chance.choice(every)])
        tile = Tile(tile.level, tile.index, chance.randint(1, tile.width))
        theirs = ask("tile", Level=tile.level, Index=tile.index, Width=tile.width)
        assert theirs["data"] == b64(log.fetch(tile))

    for size in [1, 255, 256, 257, 65_535, 65_536, 65_537, SIZE]:
        # Go 0.7 lists every partial tile on the way; the widest of each is the tile.
        widest: dict[tuple[int, int], int] = {}
        for path in ask("new tiles", Old=0, New=size)["paths"]:
            tile = read_path(path.replace("tile/8/", "tile/", 1))
            place = tile.level, tile.index
            widest[place] = max(tile.width, widest.get(place, 0))
        ours = {(tile.level, tile.index): tile.width for tile in tiles_of(size)}
        assert widest == ours


def mutated_hashes(hashes: list[bytes], chance: random.Random) -> list[bytes]:
    changed = list(hashes)
    match chance.randrange(6):
        case 0 if changed:
            changed.pop(chance.randrange(len(changed)))
        case 1:
            changed.insert(chance.randint(0, len(changed)), chance.randbytes(32))
        case 2 if changed:
            nth = chance.randrange(len(changed))
            octets = bytearray(changed[nth])
            octets[chance.randrange(32)] ^= 1 << chance.randrange(8)
            changed[nth] = bytes(octets)
        case 3 if len(changed) > 1:
            chance.shuffle(changed)
        case 4 if changed:
            changed.append(changed[chance.randrange(len(changed))])
        case _:
            pass
    return changed


def test_proofs_that_were_changed_get_the_same_verdict(
    ask: Ask, log: Log, chance: random.Random
) -> None:
    held = 0
    for _ in range(4500):
        size = mixed_size(chance)
        index, old = chance.randrange(size), chance.randint(1, size)
        root, was = merkle.root(size, log.reader), merkle.root(old, log.reader)
        leaf = log.leaves[index]
        inclusion = mutated_hashes(
            list(merkle.inclusion_proof(index, size, log.reader)), chance
        )
        consistency = mutated_hashes(
            list(merkle.consistency_proof(old, size, log.reader)), chance
        )
        # Numbers that are wrong by a little, sometimes.
        index += chance.choice([0, 0, 0, 1, -1])
        size += chance.choice([0, 0, 0, 1, -1])
        old += chance.choice([0, 0, 0, 1, -1])

        theirs = [
            ask(
                "check record",
                Hashes=[b64(value) for value in inclusion],
                New=size,
                Index=index,
                Root=b64(root),
                Leaf=b64(leaf),
            )["ok"],
            ask(
                "check tree",
                Hashes=[b64(value) for value in consistency],
                New=size,
                Old=old,
                Root=b64(root),
                Was=b64(was),
            )["ok"],
        ]
        ours = [
            merkle.verify_inclusion(
                inclusion, index=index, size=size, leaf=leaf, root=root
            ),
            merkle.verify_consistency(
                consistency,
                old_size=old,
                new_size=size,
                old_root=was,
                new_root=root,
            ),
        ]

        # On purpose: Go has no proof from a tree of no leaves, tlog-witness has.
        assert theirs == ours, (size, index, old)
        held += sum(ours)
    assert 500 < held < 8000, "the changes are too wild or too tame"


def test_paths_get_the_same_verdict(ask: Ask, chance: random.Random) -> None:
    for _ in range(3000):
        index = chance.randrange(10 ** chance.randint(1, 12))
        tile = Tile(chance.randrange(64), index, chance.randint(1, 256))
        path = mutated_text(tile.path, "0123456789x/.p+-_ ", chance)

        theirs = ask("path", Path=path.replace("tile/", "tile/8/", 1))
        try:
            ours = read_path(path)
        except MalformedError:
            # On purpose: levels end at 63, and entries are not called data here.
            assert not theirs["ok"] or theirs["tile"][0] > 63, path
            continue
        assert theirs["ok"], path
        assert [ours.level, ours.index, ours.width] == theirs["tile"]


def mutated_text(text: str, letters: str, chance: random.Random) -> str:
    for _ in range(chance.randrange(3)):
        at = chance.randrange(len(text) + 1)
        letter = chance.choice(letters)
        match chance.randrange(3):
            case 0:
                text = text[:at] + letter + text[at:]
            case 1:
                text = text[:at] + letter + text[at + 1 :]
            case _:
                text = text[:at] + text[at + 1 :]
    return text


# ---------------------------------------------------------------- notes

LETTERS = "AZaz09+/= -—\n\t\x00\x7f\x85\xa0\u2003\u2028\u3000\ufeffé"


def signing_keys(count: int) -> list[SigningKey]:
    return [
        SigningKey.from_seed(
            number.to_bytes(32, "big"),
            name=f"log.example/{number}",
            type=SignatureType.ED25519,
        )
        for number in range(count)
    ]


def test_signatures_are_the_same(ask: Ask, chance: random.Random) -> None:
    for number, key in enumerate(signing_keys(100)):
        text = "".join(chance.choices("abé—\u2028\n ", k=40)) + "\n"
        seed = b"\x01" + number.to_bytes(32, "big")
        name, key_id = key.verifier.name, key.verifier.key_id.hex()
        skey = f"PRIVATE+KEY+{name}+{key_id}+{b64(seed)}"

        theirs = ask("sign", Skey=skey, Text=text)

        assert theirs["ok"], theirs
        assert sign_note(text, [key.sign(text)]) == base64.b64decode(theirs["data"])


def test_notes_that_were_changed_get_the_same_verdict(
    ask: Ask, chance: random.Random
) -> None:
    keys = signing_keys(4)
    vkeys = [key.verifier.text for key in keys]
    opened_ones = 0
    for _ in range(6000):
        text = f"log.example/0\n{chance.randrange(999)}\nAAAA\n"
        if chance.random() < 0.2:
            text += "\nmore\n"
        signers = chance.choices(keys, k=chance.randint(1, 3))
        known = chance.sample(vkeys, chance.randint(1, 4))
        note = sign_note(text, [key.sign(text) for key in signers])
        if chance.random() < 0.25:
            octets = bytearray(note)
            octets[chance.randrange(len(octets))] = chance.randrange(256)
            note = bytes(octets)
        else:
            note = mutated_text(note.decode(), LETTERS, chance).encode()

        theirs = ask("open", Note=b64(note), Vkeys=known)
        try:
            ours = open_note(note, [read_key(vkey) for vkey in known])
        except MalformedError:
            # On purpose: Go looks at the first line of a key only, we at all of them.
            twice = len({key.verifier.text for key in signers}) < len(signers)
            assert not theirs["ok"] or twice, note
            continue
        assert theirs["ok"], note
        assert theirs["text"] == ours.text
        opened = [verified.key for verified in ours.verified]
        lines = [f"{key.name}+{key.key_id.hex()}" for key in opened]
        assert theirs["lines"] == list(dict.fromkeys(lines))
        opened_ones += 1
    assert 500 < opened_ones < 5500, "the changes are too wild or too tame"


def test_verifier_keys_that_were_changed_get_the_same_verdict(
    ask: Ask, chance: random.Random
) -> None:
    for key in signing_keys(20):
        for _ in range(100):
            vkey = mutated_text(key.verifier.text, LETTERS + "BCDEFabcdef", chance)

            theirs = ask("key", Path=vkey)["ok"]
            try:
                ours = read_key(vkey).text == vkey
            except MalformedError:
                ours = False

            # On purpose: Go reads the id in capitals and skips newlines in the base64;
            # a key here has one spelling.
            assert theirs == ours or (
                theirs and vkey.replace("\n", "").lower() == key.verifier.text.lower()
            )


def test_checkpoints_get_the_same_verdict(ask: Ask, chance: random.Random) -> None:
    origin = "go.sum database tree\n"
    for _ in range(3000):
        size, root = chance.randrange(10 ** chance.randint(1, 18)), chance.randbytes(32)
        rest = mutated_text(f"{size}\n{b64(root)}\n", "0159AZ+/=_- \n\u2028", chance)

        theirs = ask("checkpoint", Text=origin + rest)
        try:
            ours = read_checkpoint(origin + rest)
        except MalformedError:
            # On purpose: nothing behind the root, and no bits that mean nothing.
            lines = rest.split("\n")
            extended = len(lines) > 2 and lines[2:] != [""]
            loose = theirs["ok"] and b64(base64.b64decode(lines[1])) != lines[1]
            assert not theirs["ok"] or extended or loose, rest
            continue
        assert theirs["ok"], rest
        assert [ours.size] == theirs["tile"]
        assert b64(ours.root) == theirs["root"]
