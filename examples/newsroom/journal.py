"""What reached the stand-ins: a bounded list in memory, and who is watching it.

An entry holds the names of cookies, never their values, and nothing about who asked.
Everything here belongs to one event loop; no method is called from another thread.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable
from datetime import datetime

import msgspec

MOST_ENTRIES = 500
_MOST_NAMES = 20
_LONGEST_NAME = 64
_LONGEST_PATH = 120


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One request that reached a stand-in."""

    number: int
    at: datetime
    host: str
    path: str
    service: str
    purposes: tuple[str, ...]
    received: tuple[str, ...]
    set: tuple[str, ...]


class Journal:
    """The last `MOST_ENTRIES` requests, newest last."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=MOST_ENTRIES)
        self._counts: Counter[str] = Counter()
        self._next = 1
        self._changed = asyncio.Event()  # replaced at every change, never cleared
        self.version = 0  # how many changes there were
        self.cleared = 0  # how often; a watcher that sees it grow starts afresh
        self.closed = False

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries)

    @property
    def counts(self) -> dict[str, int]:
        """Requests per host since the journal was cleared, dropped ones included."""
        return dict(self._counts)

    def add(
        self,
        *,
        at: datetime,
        host: str,
        path: str,
        service: str,
        purposes: Iterable[str],
        received: Iterable[str],
        sets: Iterable[str],
    ) -> None:
        self._entries.append(
            Entry(
                number=self._next,
                at=at,
                host=host,
                path=path[:_LONGEST_PATH],
                service=service,
                purposes=tuple(purposes),
                received=_names(received),
                set=_names(sets),
            )
        )
        self._next += 1
        self._counts[host] += 1
        self._wake()

    def clear(self) -> None:
        self._entries.clear()
        self._counts.clear()
        self.cleared += 1
        self._wake()

    def close(self) -> None:
        """Send every watcher home, so that none delays the stop."""
        self.closed = True
        self._wake()

    def after(self, number: int) -> tuple[Entry, ...]:
        """The entries that came after this one, oldest first."""
        return tuple(entry for entry in self._entries if entry.number > number)

    @property
    def last(self) -> int:
        """The number of the newest entry ever, cleared or not; 0 before the first."""
        return self._next - 1

    async def change(self, version: int, seconds: float) -> None:
        """Wait until this is no longer the version, or this long."""
        if version != self.version:
            return
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return

    def _wake(self) -> None:
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()


def _names(names: Iterable[str]) -> tuple[str, ...]:
    kept = sorted({name[:_LONGEST_NAME] for name in names})
    return tuple(kept[:_MOST_NAMES])


def cookie_names(header: str) -> tuple[str, ...]:
    """The names in a `Cookie` header, values left behind."""
    pairs = (pair.strip().partition("=") for pair in header.split(";"))
    return tuple(name for name, equals, _ in pairs if equals and name)
