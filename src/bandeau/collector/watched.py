"""A store that is watched while it appends, and what there is to count of a collector.

Numbers only: no key, no place, nothing of any one visitor.
"""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Protocol, cast

from bandeau.errors import BandeauError
from bandeau.ledger.record import Record
from bandeau.ledger.store import LedgerConflictError, Store

_BATCH_BOUNDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_TROUBLE_LASTS_SECONDS = 10


class Append(Protocol):
    """`Store.append`, or what stands for it."""

    def __call__(
        self, site: str, records: Sequence[Record], *, expected_size: int
    ) -> list[int]: ...


class Watched:
    """Counts a store's appends, and knows which records were there already.

    The store gives a repeated request key the index that it has, and says no more; here
    it shows, because such an index lies before the batch, or occurs in it twice.
    """

    def __init__(
        self,
        store: Store,
        *,
        append: Append | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        # How records go into it, where that is not the store's own way.
        self._append = append
        self.batches = Counter[int]()
        self.batched = 0
        self._monotonic = monotonic
        self._trouble_at = -float(_TROUBLE_LASTS_SECONDS)
        # By identity: two records of one batch may be equal. The writer's thread adds,
        # the event loop takes; each is one step for the interpreter.
        self._repeated: set[int] = set()

    def as_store(self) -> Store:
        """The store for a sequencer: watched appends, everything else as it is."""
        return cast("Store", _Appending(self))

    def append(
        self, site: str, records: Sequence[Record], *, expected_size: int
    ) -> list[int]:
        try:
            append = self._append or self.store.append
            indexes = append(site, records, expected_size=expected_size)
        except LedgerConflictError:
            raise  # another writer was first; ours has its turn next
        except BandeauError:
            self._trouble_at = self._monotonic()
            raise
        self._trouble_at = -float(_TROUBLE_LASTS_SECONDS)
        count = len(records)
        self.batches[bisect_left(_BATCH_BOUNDS, count)] += 1
        self.batched += count
        if indexes != list(range(expected_size, expected_size + count)):
            new: set[int] = set()
            for record, index in zip(records, indexes, strict=True):
                if index < expected_size or index in new:
                    self._repeated.add(id(record))
                new.add(index)
        return indexes

    def is_repeated(self, record: Record) -> bool:
        """Say, once, whether a record was there before it was appended."""
        if id(record) in self._repeated:
            self._repeated.discard(id(record))
            return True
        return False

    @property
    def in_trouble(self) -> bool:
        """Whether the last append failed, a moment ago."""
        return self._monotonic() - self._trouble_at < _TROUBLE_LASTS_SECONDS


class _Appending:
    def __init__(self, watched: Watched) -> None:
        self.append = watched.append
        self._store = watched.store

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


class Counts:
    """What a collector has answered since it started."""

    def __init__(self) -> None:
        self.choices = Counter[tuple[str, str]]()
        self.repeats = 0
        self.problems = Counter[int]()

    def exposition(self, watched: Watched, waiting: int) -> str:
        """The counts in Prometheus's text format 0.0.4."""
        lines = [
            *_head("bandeau_choices_total", "counter", "Choices recorded, by kind."),
            *(
                f'bandeau_choices_total{{site="{_escaped(site)}",kind="{kind}"}} {count}'
                for (site, kind), count in sorted(self.choices.items())
            ),
            *_head("bandeau_repeats_total", "counter", "Choices that were known."),
            f"bandeau_repeats_total {self.repeats}",
            *_head("bandeau_problems_total", "counter", "Problems, by HTTP status."),
            *(
                f'bandeau_problems_total{{status="{status}"}} {count}'
                for status, count in sorted(self.problems.items())
            ),
            *_head("bandeau_waiting", "gauge", "Choices that wait for their turn."),
            f"bandeau_waiting {waiting}",
            *_head("bandeau_batch_size", "histogram", "Records to a transaction."),
        ]
        below = list(accumulate(watched.batches[n] for n in range(len(_BATCH_BOUNDS))))
        total = sum(watched.batches.values())
        lines += [
            f'bandeau_batch_size_bucket{{le="{bound}"}} {count}'
            for bound, count in zip(_BATCH_BOUNDS, below, strict=True)
        ]
        lines += [
            f'bandeau_batch_size_bucket{{le="+Inf"}} {total}',
            f"bandeau_batch_size_sum {watched.batched}",
            f"bandeau_batch_size_count {total}",
        ]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, what: str) -> tuple[str, str]:
    return f"# HELP {name} {what}", f"# TYPE {name} {kind}"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
