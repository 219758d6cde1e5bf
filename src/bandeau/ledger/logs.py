"""What a store promises that keeps logs beside its records.

A log makes the records of a site provable: what `growing` has worked out and checked is
written here, in the one transaction that writes the records. Whoever keeps logs keeps
the promises of `store` as well; tests hold every implementation to both
(`tests/ledger/test_logs.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from bandeau.errors import BandeauError
from bandeau.ledger.record import Record
from bandeau.ledger.store import Store
from bandeau.ledger.tiles import Row


class RequestsKnownError(BandeauError):
    """Some request keys have a record already; nothing was written.

    `known` has the index of each. The others can be appended in a step of their own.
    """

    def __init__(self, known: Mapping[bytes, int]) -> None:
        super().__init__(f"{len(known)} of the request keys have a record already.")
        self.known = known


class LogHead(msgspec.Struct, frozen=True, kw_only=True):
    """A log as it stands: its name, its size, its last signed checkpoint.

    `clock` is the time of its last clock entry, in seconds.
    """

    origin: str
    size: int
    clock: int
    checkpoint: bytes


class KeptLog(msgspec.Struct, frozen=True, kw_only=True):
    """All that is needed to let a log grow, read at one moment.

    `rows` are the tiles and the bundle that are being filled, by (level, index).
    """

    head: LogHead
    noticed: frozenset[bytes]
    rows: Mapping[tuple[int, int], bytes]


class LogStep(msgspec.Struct, frozen=True, kw_only=True):
    """What one transaction does to a log.

    `before` is the checkpoint that has to stand there, empty for a log that is new.
    `seals` has the entry and the salt of each record, in the records' order; `noticed`
    the digests that are new in the log.
    """

    origin: str
    before: bytes
    checkpoint: bytes
    size: int
    clock: int
    rows: Sequence[Row]
    seals: Sequence[tuple[int, bytes]] = ()
    noticed: Sequence[bytes] = ()


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """Where a record stands, in which log, and the salt that opens its commitment."""

    origin: str
    entry: int
    salt: bytes


class Opened(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What opens one entry: the record's bytes and their salt."""

    entry: int
    salt: bytes
    body: bytes


@runtime_checkable
class LogStore(Store, Protocol):
    """A `Store` that keeps logs.

    **One truth.** The checkpoint that was committed last is the log. A step goes in
    whole, with the records, seals and tiles that it is about, or not at all; what is
    found is what one step left.

    **No way around.** `append` refuses with `MisconfiguredError` for a site that has a
    log: its records would be in the store and not in the log.

    **Growing only.** A tile replaces a shorter one of its name, which it begins with.

    **Erased is erased.** What `erase` took is not in the store's own files any more when
    it has returned, as far as the implementation says.
    """

    def create_log(self, site: str, step: LogStep) -> None:
        """Begin a log; from now on it is the site's present one.

        A name that is taken, here or by another site, raises `MisconfiguredError`.
        """
        ...

    def logs(self, site: str) -> list[LogHead]:
        """Every log of a site, the present one last."""
        ...

    def read_log(self, origin: str) -> KeptLog:
        """A log as it stands, all of it read in one transaction.

        `MisconfiguredError` where there is none.
        """
        ...

    def append_logged(
        self,
        site: str,
        records: Sequence[Record],
        *,
        expected_size: int,
        step: LogStep,
    ) -> None:
        """Append records and a step of the site's present log, in one transaction.

        `LedgerConflictError` where the size or the checkpoint is another; also without
        records. `RequestsKnownError` where a request key has a record already, or is
        there twice.
        """
        ...

    def tile(self, origin: str, level: int, index: int) -> bytes | None:
        """A tile or, on the level -1, a bundle: as far as it is filled."""
        ...

    def seal(self, site: str, index: int) -> Seal | None:
        """Where a record stands in a log; None for one that no log has."""
        ...

    def last_of_subjects(
        self, site: str, subjects: Sequence[bytes]
    ) -> dict[bytes, tuple[bytes, bytes]]:
        """The salt and the body of what was last logged of each subject, where it was."""
        ...

    def openings(self, origin: str, *, first: int, limit: int) -> list[Opened]:
        """What opens the entries of a log from `first` on; erased ones are not there."""
        ...

    def entries_of_subject(self, site: str, subject: bytes) -> list[int]:
        """Where the records of a subject stand in the site's present log."""
        ...

    def erase(self, site: str, *, first: int, end: int, step: LogStep) -> None:
        """Erase what opens the entries from `first` up to, not with, `end`.

        In one transaction with the step that says so. `LedgerConflictError` where the
        checkpoint is another.
        """
        ...
