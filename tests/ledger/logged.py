"""A log with everything in it, for those who check and copy whole logs."""

import hashlib
import itertools
import random
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path

from bandeau.ledger.entries import Reason
from bandeau.ledger.log import Logs, create_log, log_key
from bandeau.ledger.record import Record, new_request_key, record_body
from bandeau.ledger.sqlite_logs import SqliteLogs
from tests.ledger.conftest import DAY, SITE

ORIGIN = "news.example/bandeau/log/2026"
SEED = b"s" * 32
AT = DAY * 86_400
KEY = log_key(SEED, ORIGIN).verifier
NOTICES = [b"a notice", b"a later notice"]

_numbers = itertools.count(1)


def made_record(*, at: int = AT, notice: bytes = NOTICES[0]) -> Record:
    number = next(_numbers)
    request = new_request_key(1_795_400_000_000 + number, number.to_bytes(10, "big"))
    digest = hashlib.sha256(notice).digest()
    body = record_body(
        site=SITE,
        at=at,
        notice=urlsafe_b64encode(digest).rstrip(b"=").decode(),
        answers="nn-",
        via="first-layer",
        request=request,
    )
    return Record(request=request, subject=None, body=body, day=DAY, kind="refused")


def a_log(folder: Path, *, size: int) -> SqliteLogs:
    """A store with one log of so many entries; one notice, one clock entry."""
    store = SqliteLogs.create(folder)
    store.add_site(SITE)
    create_log(store, SITE, ORIGIN, seed=SEED, at=AT)
    if size > 2:
        append(store, [made_record() for _ in range(size - 3)])
    return store


def append(store: SqliteLogs, records: Sequence[Record], *, at: int = AT) -> None:
    draw = random.Random(store.size(SITE))
    logs = Logs(store, seed=SEED, clock=lambda: at, entropy=draw.randbytes)
    logs.append(SITE, records, expected_size=store.size(SITE))


def erase(store: SqliteLogs, first: int, end: int) -> None:
    draw = random.Random(0)
    logs = Logs(store, seed=SEED, clock=lambda: AT, entropy=draw.randbytes)
    logs.erase(SITE, first=first, end=end, reason=Reason.ERASURE)


def an_old_log(folder: Path) -> SqliteLogs:
    """One with two notices, several hours, and records that were erased: 519 entries."""
    store = a_log(folder, size=200)
    erase(store, 50, 60)
    later = AT + 3_600
    append(store, [made_record(at=later) for _ in range(100)], at=later)
    last = later + 600
    records = [made_record(at=last, notice=NOTICES[1]) for _ in range(213)]
    append(store, records, at=last)
    logs = Logs(
        store, seed=SEED, clock=lambda: last, entropy=random.Random(1).randbytes
    )
    logs.erase(SITE, first=100, end=101, reason=Reason.RETENTION)
    return store
