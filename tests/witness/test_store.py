"""What was cosigned is kept before it is told, and two stores never tell two stories."""

import sqlite3
import threading
from collections.abc import Callable

import pytest

from bandeau.errors import UnavailableError
from bandeau.ledger.note import Checkpoint, Signature
from bandeau.ledger.witnessing import Refusal, Submission, admit, origin_hash
from bandeau.witness import Settings, WitnessStore
from tests.witness.conftest import NOW, GrowingLog

Sign = Callable[[Checkpoint, int], list[Signature]]


@pytest.fixture
def sign(settings: Settings) -> Sign:
    return lambda checkpoint, at: [
        key.sign(checkpoint.text, at=at) for key in settings.keys
    ]


def submitted(log: GrowingLog, old: int, size: int) -> Submission:
    admitted = admit(log.request(old, size), {log.origin: (log.key.verifier,)})
    assert isinstance(admitted, Submission)
    return admitted


def test_it_is_on_disk_before_it_is_told(
    settings: Settings, store: WitnessStore, log: GrowingLog, sign: Sign
) -> None:
    """While the signature is made nobody sees anything; once it is out, everybody does."""
    seen: list[bytes | None] = []

    def looking(checkpoint: Checkpoint, at: int) -> list[Signature]:
        other = sqlite3.connect(settings.store)
        seen.extend(other.execute("SELECT note FROM cosigned").fetchall())
        other.close()
        return sign(checkpoint, at)

    store.cosign(submitted(log, 0, 5), looking, lambda: NOW)

    assert [] == seen
    other = WitnessStore.open(settings.store, settings.vkey)
    assert other.note(origin_hash(log.origin)) is not None
    other.close()


def test_a_commit_that_fails_gives_no_signature(
    settings: Settings, store: WitnessStore, log: GrowingLog, sign: Sign
) -> None:
    class Failing:
        """A connection whose COMMIT finds the disk full."""

        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection

        def execute(self, statement: str, values: object = ()) -> sqlite3.Cursor:
            if statement == "COMMIT":
                raise sqlite3.OperationalError("database or disk is full")
            return self._connection.execute(statement, values)  # type: ignore[arg-type]

        @property
        def in_transaction(self) -> bool:
            return self._connection.in_transaction

    real = store._connection
    store._connection = Failing(real)  # type: ignore[assignment]

    with pytest.raises(UnavailableError, match="fails"):
        store.cosign(submitted(log, 0, 5), sign, lambda: NOW)

    store._connection = real
    assert [] == store.every()
    assert not isinstance(
        store.cosign(submitted(log, 0, 3), sign, lambda: NOW), Refusal
    )


def test_an_error_while_signing_keeps_nothing(
    store: WitnessStore, log: GrowingLog, sign: Sign
) -> None:
    def broken(checkpoint: Checkpoint, at: int) -> list[Signature]:
        raise RuntimeError("the signer is gone")

    with pytest.raises(RuntimeError, match="the signer is gone"):
        store.cosign(submitted(log, 0, 5), broken, lambda: NOW)

    assert [] == store.every()


def test_a_store_that_is_locked_says_so(
    settings: Settings,
    store: WitnessStore,
    log: GrowingLog,
    sign: Sign,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store._connection.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(settings.store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(UnavailableError, match="locked"):
        store.cosign(submitted(log, 0, 5), sign, lambda: NOW)
    with pytest.raises(UnavailableError, match="locked"):
        store.expect_writable()

    other.close()
    store.expect_writable()


def test_two_stores_never_cosign_two_trees_of_one_size(
    settings: Settings, log: GrowingLog, sign: Sign
) -> None:
    """A log that forks at every step asks two stores at once, on one file."""
    turned = GrowingLog(turn=0)
    told: list[Checkpoint] = []

    def grow(which: GrowingLog) -> None:
        store = WitnessStore.open(settings.store, settings.vkey)
        old = 0
        for _ in range(40):
            step = submitted(which, old, old + 1)
            decision = store.cosign(step, sign, lambda: NOW)
            if not isinstance(decision, Refusal):
                told.append(which.checkpoint(old + 1))
                old += 1
            elif decision.size is None:
                break  # the other one's tree stands
            else:
                old = decision.size
        store.close()

    threads = [threading.Thread(target=grow, args=[one]) for one in (log, turned)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    sizes = [checkpoint.size for checkpoint in told]
    assert sizes
    assert len(sizes) == len(set(sizes))
    winner = log if told[0] == log.checkpoint(told[0].size) else turned
    assert [winner.checkpoint(size) for size in sizes] == told


def test_logs_are_strangers(store: WitnessStore, log: GrowingLog, sign: Sign) -> None:
    other = GrowingLog("other.example")

    store.cosign(submitted(log, 0, 5), sign, lambda: NOW)
    store.cosign(submitted(other, 0, 3), sign, lambda: NOW - 100)

    assert [(log.origin, 5, NOW), (other.origin, 3, NOW - 100)] == [
        (one.origin, one.size, one.at) for one in store.every()
    ]
