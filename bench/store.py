"""What does it cost to keep a choice, and does it stay so?

    python -m bench.store                      a million rows for the question of flatness
    python -m bench.store --rows 10000000      ten million: some five minutes, 4 GB of disk
    python -m bench.store --postgres           the same in PostgreSQL, beside SQLite: starts
                                               a server of its own (Debian's postgresql)

Records are appended by callers of one event loop, as a collector's are, through the
sequencer into the store; each caller waits until its record is durable before it brings
the next. Batches form by themselves. The same goes into a site that has a log: each batch
is committed to, hashed, checked and signed besides. Beside us runs what one would write without a ledger:
an INSERT and a COMMIT for each record, on the same disk, as durable.

CPU is that of the whole process, the kernel's share included, and of the whole database
server where there is one. Rounds on the empty and on the full store take turns, so that a
busy neighbour slows both; medians are compared.
"""

import argparse
import asyncio
import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bandeau.ledger.log import Logs, create_log
from bandeau.ledger.places import create_store, open_logs
from bandeau.ledger.record import (
    KINDS,
    Record,
    day_of,
    key_text,
    new_request_key,
    new_subject_id,
    record_body,
    subject_key,
)
from bandeau.ledger.sequencer import Sequencer
from bandeau.ledger.store import Store
from tests.postgres import ADVICE, Server, find

try:
    from uvloop import run
except ImportError:
    from asyncio import run

SITE = "newsroom"
NOTICE = "n" * 43
PREFILL_BATCH = 10_000
A_SUBJECT_IN = 0.6
SEED = b"s" * 32
MAX_BYTES, MIN_FLAT, MAX_LOOKUP_MS, MAX_CPU_US = 350, 0.85, 5.0, 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    cpu_us: float
    per_second: float


class Engine(Protocol):
    """What keeps a store: how to make one, and what it costs beside our own time."""

    title: str

    def place(self, name: str) -> str: ...
    def cpu_seconds(self) -> float: ...
    def bytes_on_disk(self, name: str) -> int: ...
    def inserting(self, name: str) -> Callable[[bytes], None]:
        """The baseline: one table, one INSERT and one COMMIT a record."""
        ...


class Sqlite:
    def __init__(self, folder: Path) -> None:
        self.title = f"SQLite {sqlite3.sqlite_version}"
        self._folder = folder

    def place(self, name: str) -> str:
        return str(self._folder / name)

    def cpu_seconds(self) -> float:
        return 0.0  # it runs in this process

    def bytes_on_disk(self, name: str) -> int:
        return sum(file.stat().st_size for file in (self._folder / name).iterdir())

    def inserting(self, name: str) -> Callable[[bytes], None]:
        file = sqlite3.connect(self._folder / f"{name}.sqlite3", isolation_level=None)
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = FULL")
        file.execute("CREATE TABLE choice (id INTEGER PRIMARY KEY, body TEXT)")

        def insert(body: bytes) -> None:
            file.execute("BEGIN")
            file.execute("INSERT INTO choice (body) VALUES (?)", (body,))
            file.execute("COMMIT")

        return insert


class Postgres:
    def __init__(self, server: Server) -> None:
        ((version,),) = server.execute("SHOW server_version")
        self.title = f"PostgreSQL {version}"
        self._server = server

    def place(self, name: str) -> str:
        self._server.execute(f'CREATE DATABASE "{name}"')
        return self._server.address(name)

    def cpu_seconds(self) -> float:
        return self._server.cpu_seconds()

    def bytes_on_disk(self, name: str) -> int:
        question = (
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
            "WHERE relnamespace = 'bandeau'::regnamespace AND relkind = 'r'"
        )
        ((size,),) = self._server.execute(question, name)
        return int(size)

    def inserting(self, name: str) -> Callable[[bytes], None]:
        import psycopg

        connection = psycopg.connect(self.place(name))
        connection.execute("CREATE TABLE choice (id serial PRIMARY KEY, body bytea)")

        def insert(body: bytes) -> None:
            connection.execute("INSERT INTO choice (body) VALUES (%s)", (body,))
            connection.commit()

        return insert


@contextmanager
def engines(folder: Path, *, with_postgres: bool) -> Iterator[list[Engine]]:
    if not with_postgres:
        yield [Sqlite(folder)]
        return
    if find() is None:
        sys.exit(ADVICE)
    with Server(within=folder, shared_buffers="256MB", max_wal_size="4GB") as server:
        yield [Sqlite(folder), Postgres(server)]


class Meter:
    """Our CPU and the engine's, and the clock, from its making on."""

    def __init__(self, engine: Engine | None = None) -> None:
        self._engine = engine
        self._cpu, self._clock = self._spent(), time.perf_counter()

    def cost(self, choices: int) -> "Cost":
        lasted = time.perf_counter() - self._clock
        cpu = self._spent() - self._cpu
        return Cost(cpu_us=cpu / choices * 1e6, per_second=choices / lasted)

    def _spent(self) -> float:
        engine = 0.0 if self._engine is None else self._engine.cpu_seconds()
        return time.process_time() + engine


def new_record() -> Record:
    """A record as the collector makes it; of ten visitors six accept something, and have an id."""
    now_ms = time.time_ns() // 1_000_000
    entropy = os.urandom(21)
    request = new_request_key(now_ms, entropy[:10])
    accepts = entropy[20] < 256 * A_SUBJECT_IN
    subject = subject_key(new_subject_id(now_ms, entropy[10:20])) if accepts else None
    at = now_ms // 1000
    body = record_body(
        site=SITE,
        at=at,
        notice=NOTICE,
        answers="ynnyn" if accepts else "nnnnn",
        via="first-layer",
        request=request,
        subject=subject,
    )
    kind = "mixed" if accepts else "refused"
    return Record(
        request=request, subject=subject, body=body, day=day_of(at), kind=kind
    )


def fill(store: Store, rows: int) -> list[bytes]:
    """Append `rows` of the past, a hundred a second, in large batches; some subjects."""
    start_ms = time.time_ns() // 1_000_000 - rows * 10 - 60_000
    subjects: list[bytes] = []
    for first in range(0, rows, PREFILL_BATCH):
        records: list[Record] = []
        for number in range(first, min(first + PREFILL_BATCH, rows)):
            now_ms = start_ms + number * 10
            # Visitors' clocks are some seconds apart, so keys are nearly in order.
            entropy = os.urandom(21)
            request = new_request_key(now_ms + entropy[20] * 40, entropy[:10])
            subject = None
            if entropy[19] < 256 * A_SUBJECT_IN:
                subject = request[:6] + entropy[9:19]
            # The same bytes as `record_body` writes, without its cost.
            body = (
                f'{{"v":1,"site":"{SITE}","time":{now_ms // 1000},"notice":"{NOTICE}",'
                f'"answers":"ynnyn","via":"first-layer",'
                + (f'"subject":"{key_text(subject)}",' if subject else "")
                + f'"req":"{key_text(request)}"}}'
            ).encode()
            records.append(
                Record(
                    request=request,
                    subject=subject,
                    body=body,
                    day=now_ms // 86_400_000,
                    kind=KINDS[entropy[18] % 3],
                )
            )
        store.append(SITE, records, expected_size=first)
        subjects += [r.subject for r in records[::100] if r.subject is not None]
        if sys.stderr.isatty():
            print(f"\r  {first:>12,} of {rows:,} rows", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    return subjects


def appended(engine: Engine, store: Store, choices: int, callers: int) -> Cost:
    """What it costs to append with so many callers, each waiting for its answer."""
    records = [new_record() for _ in range(choices)]
    sequencer = Sequencer(store)

    async def bring() -> None:
        line = iter(records)

        async def caller() -> None:
            for record in line:
                await sequencer.append(SITE, record)

        await asyncio.gather(*(caller() for _ in range(callers)))

    meter = Meter(engine)
    run(bring())
    cost = meter.cost(choices)
    sequencer.close()
    return cost


def in_batches(engine: Engine, store: Store, choices: int, batch: int) -> Cost:
    """What the store alone costs, without a sequencer before it."""
    records = [new_record() for _ in range(choices)]
    size = store.size(SITE)
    meter = Meter(engine)
    for first in range(0, choices, batch):
        some = records[first : first + batch]
        store.append(SITE, some, expected_size=size + first)
    return meter.cost(choices)


def plainly_inserted(engine: Engine, name: str, choices: int) -> Cost:
    """The baseline: one table, one INSERT and one COMMIT a record, fsync each time."""
    records = [new_record() for _ in range(choices)]
    insert = engine.inserting(name)
    meter = Meter(engine)
    for record in records:
        insert(record.body)
    return meter.cost(choices)


def making(choices: int) -> Cost:
    meter = Meter()
    for _ in range(choices):
        new_record()
    return meter.cost(choices)


def lasted_ms(calls: Sequence[Callable[[], object]]) -> list[float]:
    times: list[float] = []
    for call in calls:
        clock = time.perf_counter()
        call()
        times.append((time.perf_counter() - clock) * 1000)
    return sorted(times)


def middle(costs: Sequence[Cost]) -> Cost:
    return Cost(
        cpu_us=statistics.median(cost.cpu_us for cost in costs),
        per_second=statistics.median(cost.per_second for cost in costs),
    )


def new_store(engine: Engine, name: str) -> Store:
    store = create_store(engine.place(name))
    store.add_site(SITE)
    return store


@contextmanager
def new_logged(engine: Engine, name: str) -> Iterator[Store]:
    """A new store whose one site has a log; writing goes through it."""
    place = engine.place(name)
    create_store(place).close()
    store = open_logs(place)
    store.add_site(SITE)
    now = int(time.time())
    create_log(store, SITE, "bench.example/2026", seed=SEED, at=now)
    yield Logs(store, seed=SEED, clock=lambda: int(time.time()), entropy=os.urandom)  # type: ignore[misc]
    store.close()


def line(question: str, answer: str, aim: str = "") -> None:
    print(f"  {question:<52}{answer:>26}  {aim}")


def cost_line(question: str, cost: Cost, aim: str = "") -> None:
    line(question, f"{cost.cpu_us:7.1f} µs {cost.per_second:10,.0f}/s", aim)


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--choices", type=int, default=20_000, help="in each round")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--folder", type=Path, help="where: the disk to measure")
    options.add_argument(
        "--postgres", action="store_true", help="measure PostgreSQL too"
    )
    chosen = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bandeau-bench-", dir=chosen.folder))
    # PostgreSQL runs as another user where we are root, and has to come in.
    folder.chmod(0o711)
    try:
        with engines(folder, with_postgres=chosen.postgres) as measured:
            for engine in measured:
                measure(engine, chosen.rows, chosen.choices, chosen.rounds)
    finally:
        shutil.rmtree(folder)


def measure(engine: Engine, rows: int, choices: int, rounds: int) -> None:
    print(f"The store: {engine.title}, fsync before each answer\n")
    line("", "CPU a record     records")
    cost_line("making one record (not in the figures below)", making(choices))
    store = new_store(engine, "in-batches")
    for batch in (1, 100, 1_000):
        in_batches(engine, store, 10 * batch, batch)
        few = choices // 10 if batch == 1 else choices
        cost = in_batches(engine, store, few, batch)
        cost_line(f"the store alone, in batches of {batch:,}", cost)
    store.close()
    with new_logged(engine, "in-batches-logged") as logged:
        for batch in (1, 100, 1_000):
            in_batches(engine, logged, 10 * batch, batch)
            few = choices // 10 if batch == 1 else choices
            cost = in_batches(engine, logged, few, batch)
            cost_line(f"the store and a log, in batches of {batch:,}", cost)
    for callers in (1, 16, 128):
        store = new_store(engine, f"with-{callers}")
        appended(engine, store, callers, callers)
        few = choices // 10 if callers == 1 else choices
        cost = appended(engine, store, few, callers)
        cost_line(f"appended, callers: {callers}", cost)
        store.close()

    clock = time.perf_counter()
    full = new_store(engine, "full")
    subjects = fill(full, rows)
    filled = time.perf_counter() - clock
    empties: list[Cost] = []
    loggeds: list[Cost] = []
    fulls: list[Cost] = []
    plains: list[Cost] = []
    for number in range(rounds):
        store = new_store(engine, f"empty-{number}")
        empties.append(appended(engine, store, choices, 32))
        store.close()
        with new_logged(engine, f"logged-{number}") as logged:
            loggeds.append(appended(engine, logged, choices, 32))
        fulls.append(appended(engine, full, choices, 32))
        plains.append(plainly_inserted(engine, f"plain-{number}", choices // 10))
    empty, with_rows, plain = middle(empties), middle(fulls), middle(plains)
    with_log = middle(loggeds)
    cost_line("appended, callers: 32, empty", empty, f"aim: {MAX_CPU_US:.0f} µs")
    cost_line("appended, callers: 32, empty, with a log", with_log)
    cost_line(f"appended, callers: 32, {rows:,} rows stored", with_rows)
    cost_line("baseline: INSERT and COMMIT for each, no index", plain)
    print()
    flat = with_rows.per_second / empty.per_second
    line("flat: rate with rows stored / empty", f"{flat:.0%}", f"aim: {MIN_FLAT:.0%}")
    line(
        "ours / baseline, records a second",
        f"{empty.per_second / plain.per_second:.1f}",
    )
    line("ours / baseline, CPU", f"{empty.cpu_us / plain.cpu_us:.2f}")
    line("with a log / without, CPU", f"{with_log.cpu_us / empty.cpu_us:.2f}")
    line("appended in batches of 10,000, with making", f"{rows / filled:,.0f}/s")

    size = full.size(SITE)
    step = max(1, len(subjects) // 2_000)
    found = lasted_ms(
        [lambda s=subject: full.of_subject(SITE, s) for subject in subjects[::step]]
    )
    pages = lasted_ms(
        [lambda n=n: full.page(SITE, before=n) for n in range(100, size, size // 200)]
    )
    counts = lasted_ms([lambda: full.tallies(SITE, 0)] * 200)
    full.close()  # folds the WAL into the file
    line(
        "one subject found, p50 and p99",
        f"{found[len(found) // 2]:.2f}  {found[len(found) * 99 // 100]:.2f} ms",
        f"aim: {MAX_LOOKUP_MS:.0f} ms",
    )
    line("a page of 100, anywhere, p95", f"{pages[len(pages) * 95 // 100]:.2f} ms")
    line("all tallies, p95", f"{counts[len(counts) * 95 // 100]:.2f} ms")
    on_disk = engine.bytes_on_disk("full") / size
    line("on disk, a choice", f"{on_disk:.0f} bytes", f"aim: {MAX_BYTES}")
    with_log_on_disk = engine.bytes_on_disk("logged-0") / choices
    line("on disk, a choice with a log", f"{with_log_on_disk:.0f} bytes")
    print()


if __name__ == "__main__":
    main()
