"""Group commit: many callers, one writer, one transaction for whoever waits.

A commit costs an fsync, whether it carries one record or a thousand. So callers line up,
and one thread takes all that wait, writes them in one transaction, and wakes them when
it is durable. It never lingers to make a batch larger: while one is written the next
fills up by itself, the more so the busier it is.

The line is bounded. Whoever would make it too long is turned away at once, and may come
again: the banner keeps an answer until it is taken.
"""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final

import msgspec

from bandeau.errors import BandeauError, UnavailableError
from bandeau.ledger.record import Record
from bandeau.ledger.store import LedgerConflictError, Store

MOST_WAITING: Final = 16_384
MOST_IN_A_BATCH: Final = 1_000

# Each attempt loses only to a writer who got ahead, so this many in a row do not happen.
_ATTEMPTS: Final = 100
_ASK_AGAIN_AFTER: Final = 2

_Outcome = int | BandeauError


class _Turn(msgspec.Struct, frozen=True, gc=False):
    """One caller in the line; `loop` is None for one who waits in a thread."""

    site: str
    record: Record
    loop: asyncio.AbstractEventLoop | None
    answer: "asyncio.Future[int] | Future[int]"


class Sequencer:
    """Gives records their place in the ledger, in the order in which they come.

    Durable: `append` answers after the commit, never before it.

    Once: a request key that is there already, or twice in the line, has one record, and
    everybody who brings it gets its index.

    Failing: what happens to a batch happens to its own callers only; the next batch
    starts from what the store then holds. A caller who got an error knows nothing for
    sure and may bring the same record again, with the same key.

    Several: any number of sequencers, in any number of processes, may share a store.

    Closing: `close` takes no more callers, serves those who wait, and leaves the store
    open. It may be called in an event loop's thread: its callers are woken afterwards.
    """

    def __init__(
        self,
        store: Store,
        *,
        most_waiting: int = MOST_WAITING,
        most_in_a_batch: int = MOST_IN_A_BATCH,
    ) -> None:
        self._store = store
        self._most_waiting = most_waiting
        self._most_in_a_batch = most_in_a_batch
        self._changed = threading.Condition()
        self._line: list[_Turn] = []  # guarded by `_changed`
        self._closed = False  # guarded by `_changed`
        self._sizes: dict[str, int] = {}  # the writer's own
        self._writer = threading.Thread(
            target=self._serve, name="bandeau-sequencer", daemon=True
        )
        self._writer.start()

    async def append(self, site: str, record: Record) -> int:
        """The index of the record, once it is durable."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[int] = loop.create_future()
        self._line_up(_Turn(site, record, loop, answer))
        return await answer

    def append_now(self, site: str, record: Record) -> int:
        """The same for code without an event loop: waits in this thread."""
        answer: Future[int] = Future()
        self._line_up(_Turn(site, record, None, answer))
        return answer.result()

    @property
    def waiting(self) -> int:
        """How many are in the line, those being written not counted."""
        return len(self._line)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._writer.join()

    def _line_up(self, turn: _Turn) -> None:
        with self._changed:
            if self._closed:
                raise UnavailableError(
                    "The ledger is closing.", retry_after=_ASK_AGAIN_AFTER
                )
            if len(self._line) >= self._most_waiting:
                raise UnavailableError(
                    f"{self._most_waiting} choices wait to be recorded already.",
                    retry_after=_ASK_AGAIN_AFTER,
                )
            self._line.append(turn)
            if len(self._line) == 1:
                self._changed.notify()

    # What follows runs in the writer's thread.

    def _serve(self) -> None:
        while turns := self._take():
            by_site: dict[str, list[_Turn]] = {}
            for turn in turns:
                by_site.setdefault(turn.site, []).append(turn)
            # LIMIT: one commit for each site in the batch. A hoster with a thousand busy
            # sites on one file pays a thousand fsyncs where one site pays one.
            for site, its_turns in by_site.items():
                _wake(its_turns, self._write(site, its_turns))

    def _take(self) -> list[_Turn]:
        """Whoever waits, as many as fit into a batch; nobody when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._line or self._closed)
            turns = self._line[: self._most_in_a_batch]
            del self._line[: self._most_in_a_batch]
        return turns

    def _write(self, site: str, turns: Sequence[_Turn]) -> Sequence[_Outcome]:
        try:
            return self._append(site, [turn.record for turn in turns])
        except BandeauError as error:
            return self._look_for(site, turns, error)
        except Exception as error:  # noqa: BLE001  the writer must outlive any batch
            trouble = UnavailableError(
                f"The ledger failed: {type(error).__name__}.",
                retry_after=_ASK_AGAIN_AFTER,
            )
            trouble.__cause__ = error
            return self._look_for(site, turns, trouble)

    def _append(self, site: str, records: Sequence[Record]) -> Sequence[int]:
        size = self._sizes.get(site)
        if size is None:
            size = self._store.size(site)
        for _ in range(_ATTEMPTS):
            try:
                indexes = self._store.append(site, records, expected_size=size)
            except LedgerConflictError as conflict:
                # Another process was first, and nothing of ours was written.
                size = conflict.size
                continue
            # Some may have been there already: their indexes are below the size.
            self._sizes[site] = max(size, max(indexes) + 1)
            return indexes
        raise UnavailableError(
            "Other writers were first, again and again.", retry_after=_ASK_AGAIN_AFTER
        )

    def _look_for(
        self, site: str, turns: Sequence[_Turn], error: BandeauError
    ) -> Sequence[_Outcome]:
        """Learn from the store what became of a batch whose commit may have failed."""
        # "COMMIT outcome unknown: reload, find our request keys there." What can be found
        # is durable, so these callers get their answer; the others are told to retry.
        self._sizes.pop(site, None)
        outcomes: list[_Outcome] = []
        try:
            for turn in turns:
                index = self._store.find_request(site, turn.record.request)
                outcomes.append(error if index is None else index)
        except Exception:  # noqa: BLE001  a store that cannot be asked: nobody knows
            outcomes += [error] * (len(turns) - len(outcomes))
        return outcomes


def _wake(turns: Sequence[_Turn], outcomes: Sequence[_Outcome]) -> None:
    """Hand out the answers; an event loop is interrupted once, not once for each."""
    by_loop: dict[
        asyncio.AbstractEventLoop, list[tuple[asyncio.Future[int], _Outcome]]
    ] = {}
    for turn, outcome in zip(turns, outcomes, strict=True):
        if isinstance(turn.answer, Future):
            _settle([(turn.answer, outcome)])
        elif turn.loop is not None:
            by_loop.setdefault(turn.loop, []).append((turn.answer, outcome))
    for loop, answers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, answers)
        except RuntimeError:
            # The loop is closed, its callers are gone. What they brought is durable.
            continue


def _settle(
    answers: Sequence[tuple["asyncio.Future[int] | Future[int]", _Outcome]],
) -> None:
    for answer, outcome in answers:
        if answer.done():
            continue  # the caller gave up; the record stands
        if isinstance(outcome, BandeauError):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
