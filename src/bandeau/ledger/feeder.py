"""The feeder: it brings each log's newest checkpoint to the witnesses, now and then.

Beside the log and never in its way: `offer` returns at once and does not raise, whatever
the witnesses do. What they cosign is kept through `CosignedStore`, every time anew, also
where nothing was added meanwhile: the times between which an entry came are as narrow as
these are many.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from bandeau.errors import MalformedError
from bandeau.ledger.note import read_checkpoint, read_note
from bandeau.ledger.witness_client import (
    WITHIN_SECONDS,
    Cosigner,
    Outcome,
    Reply,
    ask_all,
    with_cosignatures,
)

EVERY_SECONDS: Final = 300

_LOOKED_AT: Final = 100

_log = logging.getLogger("bandeau.witness")

LogProofs = Callable[[str, int, int], Sequence[bytes]]
"""Called with (origin, old size, size): the consistency proof. From any thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignedCheckpoint:
    """A signed checkpoint with the lines of witnesses, and the time that each states.

    `times` are seconds since 1970 by the names of the witnesses.
    """

    origin: str
    size: int
    note: bytes
    times: Mapping[str, int]


class CosignedStore(Protocol):
    """Where cosigned checkpoints are kept, all of them.

    **Durable.** When `append` has returned, what it was given survives. What `newest`
    finds is as durable.

    **In order.** `newest` gives the last appended first.

    **Threads.** Both may be called from any thread.

    **Trouble.** Both raise `UnavailableError` where the store is full, locked or gone.
    """

    def append(self, cosigned: CosignedCheckpoint) -> None:
        """Keep one more; the same size again is another one, of another time."""
        ...

    def newest(self, origin: str, *, limit: int) -> Sequence[CosignedCheckpoint]:
        """The last ones of a log, newest first; at most `limit` of them."""
        ...


@dataclass(slots=True, kw_only=True)
class _Fed:
    """What is known of one log."""

    size: int
    note: bytes
    begun: float
    due: float
    old_sizes: dict[str, int] = field(default_factory=dict[str, int])
    cosigned: dict[str, int] = field(default_factory=dict[str, int])
    replies: tuple[Reply, ...] = ()


class Feeder:
    """Feeds any number of logs to the same witnesses.

    Seldom: each log at most once in `every_seconds`, however many checkpoints are
    offered; the newest goes. A witness that does not answer waits for the next time.

    Several: each process may have one. They get in each other's way now and then (a
    witness says that it stands elsewhere), and all of them keep what they get.

    Time: `clock` gives seconds since 1970. Where it is set back, what seems too far away
    is due at once.
    """

    def __init__(
        self,
        cosigners: Sequence[Cosigner],
        store: CosignedStore,
        proofs: LogProofs,
        *,
        clock: Callable[[], float],
        every_seconds: float = EVERY_SECONDS,
        within: float = WITHIN_SECONDS,
    ) -> None:
        self._cosigners = tuple(cosigners)
        self._store = store
        self._proofs = proofs
        self._clock = clock
        self._every = every_seconds
        self._within = within
        self._changed = threading.Condition()
        self._logs: dict[str, _Fed] = {}  # guarded by `_changed`
        self._closed = False  # guarded by `_changed`
        self._feeding = threading.Lock()  # one turn at a time
        self._thread: threading.Thread | None = None

    def offer(self, note: bytes) -> None:
        """Say which checkpoint of its log is the newest; a smaller one changes nothing.

        It must be durable: what a witness has seen cannot be taken back.
        """
        try:
            checkpoint = read_checkpoint(read_note(note).text)
        except MalformedError:
            _log.exception("What was offered to witnesses is no checkpoint.")
            return
        with self._changed:
            fed = self._logs.get(checkpoint.origin)
            if fed is None:
                now = self._clock()
                self._logs[checkpoint.origin] = _Fed(
                    size=checkpoint.size, note=note, begun=now, due=now
                )
                self._changed.notify_all()
            elif checkpoint.size >= fed.size:
                fed.size, fed.note = checkpoint.size, note

    def turn(self) -> float | None:
        """Feed what is due; the seconds until something else is, None for nothing at all.

        The thread calls it. It may be called by hand where there is none.
        """
        with self._feeding:
            for origin in self._due():
                self._feed(origin)
        with self._changed:
            now = self._clock()
            waits = [max(0.0, fed.due - now) for fed in self._logs.values()]
        return min(waits, default=None)

    def replies(self, origin: str) -> tuple[Reply, ...]:
        """What each witness said the last time; empty where none was asked yet."""
        with self._changed:
            fed = self._logs.get(origin)
            return fed.replies if fed else ()

    def silent_since(self, name: str, origin: str) -> int | None:
        """Since when a witness has cosigned nothing of a log, if it did not the last time.

        Seconds since 1970: the time of its last cosignature, as it stated it; where it
        never made one, when this log was first offered here. None where it cosigned the
        last time, or was not asked yet.
        """
        with self._changed:
            fed = self._logs.get(origin)
            if fed is None:
                return None
            last = [one for one in fed.replies if one.cosigner.name == name]
            if not last or last[0].outcome is Outcome.COSIGNED:
                return None
            return fed.cosigned.get(name, int(fed.begun))

    def start(self) -> None:
        """Feed in a thread from now on."""
        assert self._thread is None, "it is started once"
        self._thread = threading.Thread(
            target=self._serve, name="bandeau-feeder", daemon=True
        )
        self._thread.start()

    def close(self, *, wait: float = 1.0) -> None:
        """Ask no more; a request that is under way is waited for `wait` seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(wait)

    def _serve(self) -> None:
        while True:
            try:
                pause = self.turn()
            except Exception:  # noqa: BLE001 - the next turn may go better
                _log.exception("Feeding the witnesses failed.")
                pause = self._every
            with self._changed:
                if not self._closed:
                    # Also for ever: a log that is offered for the first time wakes it.
                    self._changed.wait(pause)
                if self._closed:
                    return

    def _due(self) -> list[str]:
        with self._changed:
            now = self._clock()
            due = [
                origin
                for origin, fed in self._logs.items()
                if now >= fed.due or fed.due > now + self._every
            ]
            for origin in due:
                # Before asking: whatever comes of it, the next time is then.
                self._logs[origin].due = now + self._every
            return [] if self._closed else due

    def _feed(self, origin: str) -> None:
        with self._changed:
            fed = self._logs[origin]
            note, size, first = fed.note, fed.size, not fed.replies
            old_sizes = dict(fed.old_sizes)
        before = self._cosigned_before(origin) if first else {}

        def proofs(old: int, new: int) -> Sequence[bytes]:
            return self._proofs(origin, old, new)

        replies = ask_all(
            self._cosigners, note, proofs, old_sizes=old_sizes, within=self._within
        )
        times = {
            reply.cosigner.name: max(one.time or 0 for one in reply.cosignatures)
            for reply in replies
            if reply.outcome is Outcome.COSIGNED
        }
        with self._changed:
            fed.replies = replies
            fed.cosigned = {**before, **fed.cosigned, **times}
            for reply in replies:
                if reply.size is not None:
                    fed.old_sizes[reply.cosigner.name] = reply.size
        for reply in replies:
            if reply.outcome is not Outcome.COSIGNED:
                _log.warning(
                    "%s did not cosign %s: %s",
                    reply.cosigner.name,
                    origin,
                    reply.sentence,
                )
        if times:
            self._keep(
                CosignedCheckpoint(
                    origin=origin,
                    size=size,
                    note=with_cosignatures(note, replies),
                    times=times,
                )
            )

    def _keep(self, cosigned: CosignedCheckpoint) -> None:
        try:
            self._store.append(cosigned)
        except Exception:  # noqa: BLE001 - the store is the caller's
            # The witnesses have seen it all the same; the next one is kept again.
            _log.exception("What witnesses cosigned could not be kept.")

    def _cosigned_before(self, origin: str) -> dict[str, int]:
        """When each witness cosigned last, as far as the store remembers."""
        found: dict[str, int] = {}
        try:
            for cosigned in self._store.newest(origin, limit=_LOOKED_AT):
                found = {**cosigned.times, **found}
        except Exception:  # noqa: BLE001 - the store is the caller's
            _log.exception("What witnesses cosigned before could not be read.")
        return found
