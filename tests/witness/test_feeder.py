"""The feeder: seldom, with the newest, and in nobody's way."""

import threading
from collections.abc import Sequence

import pytest

from bandeau.errors import UnavailableError
from bandeau.ledger.feeder import CosignedCheckpoint, Feeder
from bandeau.ledger.note import open_note, read_checkpoint
from bandeau.ledger.witness_client import Cosigner, Outcome
from bandeau.witness import Settings
from tests.witness.conftest import NOW, Clock, GrowingLog
from tests.witness.stage import post, served
from tests.witness.test_client import Canned


class Kept:
    """A `CosignedStore` in memory."""

    def __init__(self) -> None:
        self.all: list[CosignedCheckpoint] = []
        self.trouble = False
        self.appended = threading.Event()

    def append(self, cosigned: CosignedCheckpoint) -> None:
        if self.trouble:
            raise UnavailableError("The disk is full.", retry_after=60)
        self.all.append(cosigned)
        self.appended.set()

    def newest(self, origin: str, *, limit: int) -> Sequence[CosignedCheckpoint]:
        if self.trouble:
            raise UnavailableError("The disk is full.", retry_after=60)
        return [one for one in reversed(self.all) if one.origin == origin][:limit]


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def cosigner(address: str, settings: Settings) -> Cosigner:
    keys = tuple([key.verifier for key in settings.keys])
    return Cosigner(name=settings.name, url=address, keys=keys)


@pytest.fixture
def feeder(cosigner: Cosigner, kept: Kept, log: GrowingLog, clock: Clock) -> Feeder:
    return feeding([cosigner], kept, log, clock)


def feeding(
    cosigners: Sequence[Cosigner], kept: Kept, log: GrowingLog, clock: Clock
) -> Feeder:
    def proofs(origin: str, old: int, new: int) -> Sequence[bytes]:
        assert origin == log.origin
        return log.proof(old, new)

    return Feeder(cosigners, kept, proofs, clock=clock)


def sizes(kept: Kept) -> list[int]:
    return [cosigned.size for cosigned in kept.all]


def test_nothing_offered_is_nothing_to_do(feeder: Feeder, kept: Kept) -> None:
    assert feeder.turn() is None
    assert [] == kept.all


def test_the_first_goes_at_once_and_the_newest_five_minutes_later(
    feeder: Feeder, kept: Kept, log: GrowingLog, clock: Clock
) -> None:
    feeder.offer(log.note(3))
    assert 300 == feeder.turn()
    for size in (4, 5, 6):
        feeder.offer(log.note(size))
        clock.now += 50
        feeder.turn()
    assert [3] == sizes(kept)

    clock.now += 149
    assert 1 == feeder.turn()
    clock.now += 1
    feeder.turn()

    assert [3, 6] == sizes(kept)


def test_what_is_kept_can_be_checked_and_has_its_times(
    feeder: Feeder, kept: Kept, log: GrowingLog, clock: Clock, cosigner: Cosigner
) -> None:
    clock.now += 7

    feeder.offer(log.note(5))
    feeder.turn()

    [cosigned] = kept.all
    keys = [log.key.verifier, *cosigner.keys]
    opened = open_note(cosigned.note, keys)
    assert log.checkpoint(5) == read_checkpoint(opened.text)
    assert keys == [verified.key for verified in opened.verified]
    assert {cosigner.name: NOW + 7} == cosigned.times
    assert (log.origin, 5) == (cosigned.origin, cosigned.size)


def test_a_quiet_log_is_cosigned_all_the_same(
    feeder: Feeder, kept: Kept, log: GrowingLog, clock: Clock, cosigner: Cosigner
) -> None:
    feeder.offer(log.note(5))
    feeder.turn()
    clock.now += 300

    feeder.turn()

    assert [5, 5] == sizes(kept)
    assert [NOW, NOW + 300] == [one.times[cosigner.name] for one in kept.all]


def test_an_older_checkpoint_changes_nothing(
    feeder: Feeder, kept: Kept, log: GrowingLog
) -> None:
    feeder.offer(log.note(5))
    feeder.offer(log.note(3))
    feeder.turn()

    assert [5] == sizes(kept)


def test_a_clock_that_is_set_back_does_not_silence_it(
    kept: Kept, log: GrowingLog, clock: Clock
) -> None:
    canned = Canned(503)
    with served(canned) as address:
        cosigner = Cosigner(name="w", url=address, keys=())
        feeder = feeding([cosigner], kept, log, clock)
        clock.now += 100_000
        feeder.offer(log.note(5))
        feeder.turn()
        clock.now -= 100_000

        assert 300 == feeder.turn()

    assert 2 == len(canned.heard)


def test_logs_have_their_own_turns(kept: Kept, log: GrowingLog, clock: Clock) -> None:
    other = GrowingLog("other.example")
    canned = Canned(503)
    with served(canned) as address:
        cosigner = Cosigner(name="w", url=address, keys=(log.key.verifier,))
        feeder = Feeder([cosigner], kept, lambda origin, old, new: (), clock=clock)
        feeder.offer(log.note(1))
        feeder.turn()
        clock.now += 100
        feeder.offer(other.note(1))

        assert 200 == feeder.turn()

    asked = [body.split(b"\n")[2].decode() for _, body in canned.heard]
    assert [log.origin, other.origin] == asked


def test_a_witness_is_asked_from_where_it_stood(
    kept: Kept, log: GrowingLog, clock: Clock
) -> None:
    canned = Canned(409, b"3\n")
    with served(canned) as address:
        cosigner = Cosigner(name="w", url=address, keys=())
        feeder = feeding([cosigner], kept, log, clock)
        for size in (5, 6):
            feeder.offer(log.note(size))
            feeder.turn()
            clock.now += 300

    assert [b"old 0", b"old 3", b"old 3"] == [body[:5] for _, body in canned.heard]


# ---------------------------------------------------------------- silence


def test_a_witness_is_silent_since_its_last_cosignature(
    feeder: Feeder,
    log: GrowingLog,
    clock: Clock,
    cosigner: Cosigner,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def since() -> int | None:
        return feeder.silent_since(cosigner.name, log.origin)

    feeder.offer(log.note(3))
    assert since() is None, "nobody has asked it"
    feeder.turn()
    assert since() is None

    # Its store moves away under it: another size than the feeder believes, by a fork.
    monkeypatch.setattr(clock, "now", NOW + 300)
    fork = GrowingLog(turn=1)
    feeder.offer(fork.note(5))
    feeder.turn()
    assert NOW == since()
    assert [Outcome.REFUSED] == [one.outcome for one in feeder.replies(log.origin)]

    feeder.offer(log.note(6))
    clock.now += 300
    feeder.turn()
    assert since() is None


def test_one_that_never_cosigned_is_silent_since_it_could_have(
    kept: Kept, log: GrowingLog, clock: Clock
) -> None:
    gone = Cosigner(name="gone", url="http://127.0.0.1:1", keys=())
    feeder = feeding([gone], kept, log, clock)

    feeder.offer(log.note(3))
    for _ in range(2):
        feeder.turn()
        clock.now += 300

    assert NOW == feeder.silent_since("gone", log.origin)
    assert feeder.silent_since("gone", "other.example") is None
    assert feeder.silent_since("other", log.origin) is None


def test_silence_outlasts_a_restart(kept: Kept, log: GrowingLog, clock: Clock) -> None:
    kept.all = [
        CosignedCheckpoint(origin=log.origin, size=n, note=b"", times={"gone": n})
        for n in (1, 2)
    ]
    gone = Cosigner(name="gone", url="http://127.0.0.1:1", keys=())
    feeder = feeding([gone], kept, log, clock)

    feeder.offer(log.note(3))
    feeder.turn()

    assert 2 == feeder.silent_since("gone", log.origin)


# ---------------------------------------------------------------- in nobody's way


def test_what_is_no_checkpoint_is_logged_and_not_raised(
    feeder: Feeder, caplog: pytest.LogCaptureFixture
) -> None:
    feeder.offer(b"nonsense")

    assert feeder.turn() is None
    assert "no checkpoint" in caplog.text


def test_a_store_in_trouble_does_not_stop_it(
    feeder: Feeder,
    kept: Kept,
    log: GrowingLog,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept.trouble = True
    feeder.offer(log.note(3))
    feeder.turn()
    kept.trouble = False
    clock.now += 300

    feeder.turn()

    assert [3] == sizes(kept)
    assert "could not be kept" in caplog.text


def test_one_that_is_silent_does_not_hold_up_the_others(
    cosigner: Cosigner, kept: Kept, log: GrowingLog, clock: Clock
) -> None:
    gone = Cosigner(name="gone", url="http://127.0.0.1:1", keys=())
    feeder = feeding([gone, cosigner], kept, log, clock)

    feeder.offer(log.note(3))
    feeder.turn()

    assert [{cosigner.name: NOW}] == [one.times for one in kept.all]


def test_in_its_thread_it_takes_what_is_offered_and_ends(
    feeder: Feeder, kept: Kept, log: GrowingLog
) -> None:
    feeder.start()
    feeder.offer(log.note(3))

    assert kept.appended.wait(5)
    feeder.close()
    assert feeder._thread is not None
    assert not feeder._thread.is_alive()
    assert [3] == sizes(kept)


def test_another_process_may_feed_the_same_witness(
    feeder: Feeder, kept: Kept, log: GrowingLog, clock: Clock, address: str
) -> None:
    feeder.offer(log.note(3))
    feeder.turn()
    post(address, log.request(3, 5))
    clock.now += 300
    feeder.offer(log.note(6))

    feeder.turn()

    assert [3, 6] == sizes(kept)
