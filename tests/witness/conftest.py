"""A log that grows, a witness that knows it, and real HTTP between the two."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bandeau.ledger.merkle import consistency_proof, leaf_hash, root
from bandeau.ledger.note import Checkpoint, SignatureType, SigningKey, sign_note
from bandeau.ledger.witnessing import write_request
from bandeau.witness import (
    Settings,
    Witness,
    WitnessStore,
    new_witness,
    read_settings,
)
from tests.ledger.worked import reader_of
from tests.witness import stage

NAME = "witness.example/w1"
NOW = 1_795_410_000


class GrowingLog:
    """A log of `most` entries; after `turn`, those from there on are others."""

    def __init__(
        self, origin: str = "log.example/2026", *, most: int = 64, turn: int = 64
    ) -> None:
        self.origin = origin
        leaves = [
            leaf_hash(b"%d%s" % (n, b"!" if n >= turn else b"")) for n in range(most)
        ]
        self._read = reader_of(leaves)
        seed = origin.encode().ljust(32, b".")[:32]
        self.key = SigningKey.from_seed(seed, name=origin, type=SignatureType.ED25519)

    @property
    def vkey(self) -> str:
        return self.key.verifier.text

    def checkpoint(self, size: int) -> Checkpoint:
        return Checkpoint(origin=self.origin, size=size, root=root(size, self._read))

    def note(self, size: int) -> bytes:
        text = self.checkpoint(size).text
        return sign_note(text, [self.key.sign(text)])

    def proof(self, old: int, size: int) -> tuple[bytes, ...]:
        return consistency_proof(old, size, self._read)

    def request(self, old: int, size: int) -> bytes:
        return write_request(old, self.proof(old, size), self.note(size))


class Clock:
    """Time that stands still until it is told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture(scope="session", autouse=True)
def _curtain() -> Iterator[None]:
    yield
    stage.end()


@pytest.fixture
def log() -> GrowingLog:
    return GrowingLog()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path, log: GrowingLog) -> Path:
    """A witness as `bandeau witness new` makes it, which knows one log."""
    folder = tmp_path / "witness"
    new_witness(NAME, folder)
    watch(folder, log.vkey)
    return folder


def watch(folder: Path, *vkeys: str) -> None:
    """Write the vkeys of logs into witness.toml."""
    file = folder / "witness.toml"
    head = file.read_text("utf-8").partition("logs = ")[0]
    lines = "".join(f'  "{vkey}",\n' for vkey in vkeys)
    file.write_text(f"{head}logs = [\n{lines}]\n", encoding="utf-8")


@pytest.fixture
def settings(folder: Path) -> Settings:
    return read_settings(folder / "witness.toml")


@pytest.fixture
def store(settings: Settings) -> Iterator[WitnessStore]:
    store = WitnessStore.open(settings.store, settings.vkey)
    yield store
    store.close()


@pytest.fixture
def witness(
    settings: Settings, store: WitnessStore, clock: Callable[[], int]
) -> Witness:
    return Witness(settings, store, clock=clock)


@pytest.fixture
def address(witness: Witness) -> Iterator[str]:
    """Where the witness answers, over real HTTP."""
    with stage.served(witness) as address:
        yield address
