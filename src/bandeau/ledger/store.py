"""What every store of the ledger promises.

A store keeps sites, the notices that they published, and the records of their visitors'
choices: for each site one sequence, numbered from 0, that only grows at its end. Here
are the promise and the values that it speaks in; no store is known here. Tests hold
every implementation to each sentence (`tests/ledger/test_store.py`).
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Protocol

import msgspec

from bandeau.errors import BandeauError
from bandeau.ledger.record import Kind, Record


class LedgerConflictError(BandeauError):
    """Another writer was first: the site has `size` records, not as many as expected."""

    def __init__(self, *, expected_size: int, size: int) -> None:
        super().__init__(
            f"Expected {expected_size} records and found {size}: "
            + (
                f"record {expected_size} is already written."
                if size > expected_size
                else "the writer counts records that are not there."
            ),
            hint="Read the size again, then append to what is there.",
        )
        self.expected_size = expected_size
        self.size = size


class PublishedNotice(msgspec.Struct, frozen=True, kw_only=True):
    """One notice as it was frozen: its bytes, and when it was published (seconds)."""

    digest: str
    body: bytes
    at: int


class KeptRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record and its place in its site's sequence."""

    index: int
    record: Record


class Tally(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How many choices of one kind were recorded on one day (days since 1970-01-01)."""

    day: int
    kind: Kind
    count: int


def notice_digest(body: bytes) -> str:
    """The name of a notice: SHA-256 of its bytes, base64url, 43 characters."""
    digest = hashlib.sha256(body).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


class Store(Protocol):
    """Append-only storage of sites, notices and records.

    **Durable.** When `append`, `add_site` or `publish` has returned, what it wrote
    survives the end of the process and the loss of power. What any method *finds* is as
    durable: nothing is visible before it is.

    **All or nothing.** A call that raises has written nothing, with one exception: when
    the connection broke while committing, nobody can know. The caller then asks
    `find_request` for its own keys.

    **In order.** The records of a site are numbered 0, 1, 2 … in the order in which they
    were appended, without a gap, and the number of a record never changes.

    **Several writers.** Any number of stores, in any number of processes, may be open on
    the same place. `append` refuses with `LedgerConflictError` when `expected_size` is
    not the size it finds: two writers never both believe that they wrote record n. It
    decides and writes in one transaction.

    **Once.** A request key has one record in its site, for ever. Appending it again, in
    another call or twice in one, gives the index that it has already, whatever else the
    second record says; the first one stands. Keys of different sites are strangers.

    **Explicit.** A site exists because somebody added it, never because somebody asked
    about it: every other method raises `MisconfiguredError` for a site that it does not
    know.

    **Threads.** Every method may be called from any thread. Calls that write wait for
    each other; calls that read never wait for those that write.

    **Flat.** No call costs more because more is stored, and none of them counts rows.

    **Trouble.** A store that cannot be opened for good raises `MisconfiguredError`
    (`StoreMissingError` where there is none). An open store that is full, locked by
    another program for too long, broken or gone raises `UnavailableError`, and may work
    again later.
    """

    def add_site(self, name: str) -> None:
        """Add a site with an empty sequence; one that is there already is left alone."""
        ...

    def sites(self) -> list[str]:
        """The names of all sites, in the order in which they were added."""
        ...

    def publish(self, site: str, digest: str, body: bytes, at: int) -> None:
        """Make a notice the site's present one, from `at` (seconds) on.

        Its bytes never change again. Publishing the present notice once more changes
        nothing; publishing an earlier one brings it back, as a publication of its own.
        A digest that is not the digest of the body raises `MisconfiguredError`.
        """
        ...

    def notices(self, site: str) -> list[PublishedNotice]:
        """Every publication of a site, the present one last."""
        ...

    def notice(self, digest: str) -> bytes | None:
        """The bytes of a notice, whichever site published it."""
        ...

    def append(
        self, site: str, records: Sequence[Record], *, expected_size: int
    ) -> list[int]:
        """Append records in the order given; the index of each, in the same order.

        In one transaction: the size is compared and moved on, the records written, the
        tallies raised.
        """
        ...

    def size(self, site: str) -> int:
        """How many records the site has: the index that the next one will get."""
        ...

    def record(self, site: str, index: int) -> KeptRecord | None:
        """The record with this index; None where there is none."""
        ...

    def find_request(self, site: str, request: bytes) -> int | None:
        """The index that a request key has; None where it has none."""
        ...

    def of_subject(
        self, site: str, subject: bytes, *, before: int | None = None, limit: int = 100
    ) -> list[KeptRecord]:
        """The records of one subject key, newest first, with indexes below `before`."""
        ...

    def page(
        self, site: str, *, before: int | None = None, limit: int = 100
    ) -> list[KeptRecord]:
        """Records, newest first, with indexes below `before`; at most `limit` of them.

        The next page is asked for with the last index of this one. Records that come in
        meanwhile move nothing.
        """
        ...

    def tallies(self, site: str, since_day: int) -> list[Tally]:
        """The counts kept while writing, by day and kind, oldest first; zeros left out."""
        ...

    def close(self) -> None:
        """Let go of the store. Calls in progress end first; later ones fail."""
        ...
