"""What does one recorded choice cost, over HTTP, durable before the answer?

    python bench/collector.py                   about a minute
    python bench/collector.py --rows 10000000   and on a store that holds ten million
    python bench/collector.py --django          beside Django's ORM and
                                                django-cookie-consent, from PyPI

One process serves the collector on SQLite (WAL, synchronous=FULL); another one is the
client, with 32 kept connections (`load.py`). CPU is the server's, user and system, read
from /proc: it counts the writer's thread and the fsyncs, and hardly minds a busy
neighbour, whom choices per second do mind. Rounds of all candidates take turns; medians.

uvicorn or granian? Both were measured here once, turn by turn, with one worker: see
`SERVERS`. `--server granian` measures it again where it is installed.
"""

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
NOTICE = HERE.parent / "examples" / "newsroom" / "notice.toml"
AIM_CPU_US, AIM_PER_SECOND, AIM_FLAT, AIM_FILES = 120.0, 3000.0, 0.85, 12_000.0
AIM_START_S, AIM_RSS_MB = 1.5, 80.0
PREFILL_BATCH = 10_000
_TICK = os.sysconf("SC_CLK_TCK")

SERVERS = ("uvicorn", "granian")


# --- the servers, each started as a process of its own -----------------------------------


def serve(server: str, store: str, port: int) -> None:
    """Serve the collector until killed; runs in the child."""
    if server == "granian":
        from granian.constants import Interfaces
        from granian.server import Server

        os.environ["BENCH_STORE"] = store
        Server(
            f"{Path(__file__).stem}:granian_app",
            address="127.0.0.1",
            port=port,
            interface=Interfaces.ASGI,
            log_access=False,
            log_enabled=False,
            factory=True,
            working_dir=HERE,
        ).serve()
        return
    import uvicorn

    uvicorn.run(
        _collector(store),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
    )


def _collector(store: str) -> object:
    from bandeau.collector import Collector
    from bandeau.ledger.sqlite import SqliteStore

    return Collector(SqliteStore.open(store))


def granian_app() -> object:
    return _collector(os.environ["BENCH_STORE"])


@dataclass
class Server:
    """One candidate while it runs, and what was measured of it."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    load: list[str]
    start_s: float = 0.0
    per_second: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)

    def round(self, seconds: float, *load: str) -> dict[str, float]:
        """Drive it for a while; its CPU is that of it and its children."""
        before = self._cpu()
        arguments = [str(self.port), "--seconds", str(seconds), *(load or self.load)]
        done = subprocess.run(
            [sys.executable, str(HERE / "load.py"), *arguments],
            stdout=subprocess.PIPE,
            check=True,
        )
        found = json.loads(done.stdout)
        wrong = {s: n for s, n in found["statuses"].items() if s[0] not in "23"}
        if wrong:
            sys.exit(f"{self.name} answered {wrong}.")
        found["cpu_us"] = (self._cpu() - before) / found["count"] * 1e6
        return found

    def keep(self, found: dict[str, float]) -> None:
        for name in ("per_second", "cpu_us", "p50_ms", "p99_ms"):
            getattr(self, name).append(found[name])

    def _processes(self) -> list[int]:
        found, left = [], [self.process.pid]
        while left:
            pid = left.pop()
            found.append(pid)
            for task in Path(f"/proc/{pid}/task").iterdir():
                left += map(int, (task / "children").read_text().split())
        return found

    def _cpu(self) -> float:
        """User and system seconds so far."""
        ticks = 0
        for pid in self._processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICK

    @property
    def rss_mb(self) -> float:
        """Of the process that answers: the largest one."""
        sizes = [
            int(line.split()[1]) / 1024
            for pid in self._processes()
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith("VmRSS")
        ]
        return max(sizes)


@contextlib.contextmanager
def running(
    name: str, command: list[str], port: int, ready: str, load: list[str], cwd: Path
) -> Iterator[Server]:
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd)
    server = Server(name=name, process=process, port=port, load=load)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=5)
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                if process.poll() is not None or time.perf_counter() - start > 30:
                    sys.exit(f"{name} did not start.")
                time.sleep(0.01)
        server.start_s = time.perf_counter() - start
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# --- ours ----------------------------------------------------------------------------------


def our_load() -> list[str]:
    from bandeau.locale import catalogues
    from bandeau.model.draft import read_notice

    notice = read_notice(NOTICE.read_bytes(), catalogues())
    return ["--digest", notice.digest, "--purposes", ",".join(notice.asked)]


def fill(folder: Path, rows: int) -> None:
    """Make a store with the newsroom's notice and that many choices in it."""
    from bandeau.ledger.record import Record, day_of, kind_of, record_body
    from bandeau.ledger.sqlite import SqliteStore
    from bandeau.locale import catalogues
    from bandeau.model.draft import read_notice
    from bandeau.site import publish_file

    publish_file(folder, NOTICE)
    notice = read_notice(NOTICE.read_bytes(), catalogues())
    store = SqliteStore.open(folder)
    now_ms = time.time_ns() // 1_000_000
    start = now_ms - rows
    for first in range(0, rows, PREFILL_BATCH):
        records: list[Record] = []
        for number in range(first, min(first + PREFILL_BATCH, rows)):
            at_ms = start + number
            request = at_ms.to_bytes(6, "big") + os.urandom(10)
            accepts = number % 10 < 6
            subject = at_ms.to_bytes(6, "big") + os.urandom(10) if accepts else None
            letters = ("y" if accepts else "n") * len(notice.asked)
            records.append(
                Record(
                    request=request,
                    subject=subject,
                    body=record_body(
                        site=notice.site,
                        at=at_ms // 1000,
                        notice=notice.digest,
                        answers=letters,
                        via="first-layer",
                        request=request,
                        subject=subject,
                    ),
                    day=day_of(at_ms // 1000),
                    kind=kind_of(letters),
                )
            )
        store.append(notice.site, records, expected_size=first)
        if first % 500_000 == 0 and first:
            print(f"  {first:,} of {rows:,} rows", flush=True)
    store.close()


def ours(
    name: str, server: str, folder: Path
) -> contextlib.AbstractContextManager[Server]:
    port = free_port()
    command = [sys.executable, str(Path(__file__).resolve()), "--serve", str(folder)]
    command += ["--port", str(port), "--server", server]
    return running(name, command, port, "/healthz", our_load(), HERE)


# --- beside us -------------------------------------------------------------------------------

_PROJECT = """
import os, sys
from django.conf import settings
from django.http import HttpResponse, JsonResponse
settings.configure(
    SECRET_KEY="bench", ALLOWED_HOSTS=["*"], ROOT_URLCONF="project",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth",
        "cookie_consent", "project_app"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3",
        "NAME": "bench.sqlite3", "CONN_MAX_AGE": None,
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command":
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"}}},
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    TEMPLATES=[], DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATA_UPLOAD_MAX_MEMORY_SIZE=4096, USE_TZ=True,
)
import django
django.setup()
import json
from django.urls import include, path
from project_app.models import Choice

def record(request):
    sent = json.loads(request.body)
    choice = Choice.objects.create(request=sent["request"], subject=sent["subject"],
        notice=sent["notice"], via=sent["via"], answers=sent["answers"])
    return JsonResponse({"record": choice.pk}, status=201)

urlpatterns = [path("bandeau/choice", record), path("ready", lambda r: HttpResponse()),
    path("cookies/", include("cookie_consent.urls"))]

from django.core.wsgi import get_wsgi_application
app = get_wsgi_application()
if __name__ == "__main__":
    from django.core.management import call_command
    call_command("migrate", run_syncdb=True, verbosity=0)
    from cookie_consent.models import Cookie, CookieGroup
    for name in ("audience", "social", "content", "profiling", "ads"):
        group = CookieGroup.objects.create(varname=name, name=name)
        Cookie.objects.create(cookiegroup=group, name=name)
"""
_MODELS = """
from django.db import models
class Choice(models.Model):
    request = models.CharField(max_length=32, unique=True)
    subject = models.CharField(max_length=32, db_index=True)
    notice = models.CharField(max_length=43)
    via = models.CharField(max_length=16)
    answers = models.JSONField()
    at = models.DateTimeField(auto_now_add=True)
"""
_WANTED = ("django>=5.2,<5.3", "django-cookie-consent>=1.0", "granian>=2", "asgiref")


@contextlib.contextmanager
def django(folder: Path) -> Iterator[list[Server]]:
    """A plain Django view that inserts, and django-cookie-consent; none if neither comes."""
    project, environment = folder / "django", folder / "venv"
    (project / "project_app").mkdir(parents=True)
    (project / "project.py").write_text(_PROJECT)
    (project / "project_app" / "__init__.py").touch()
    (project / "project_app" / "models.py").write_text(_MODELS)
    python = environment / "bin" / "python"
    try:
        venv.create(environment, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, *_WANTED], check=True, capture_output=True, timeout=180)
        prepared = [str(python), "project.py"]
        subprocess.run(
            prepared, cwd=project, check=True, capture_output=True, timeout=60
        )
    except (subprocess.SubprocessError, OSError) as wrong:
        told = getattr(wrong, "stderr", None) or str(wrong).encode()
        print(f"Django is left out: {told.decode().strip().splitlines()[-1]}")
        yield []
        return
    port = free_port()
    command = [
        str(environment / "bin" / "granian"),
        "project:app",
        "--interface",
        "wsgi",
    ]
    command += ["--port", str(port), "--blocking-threads", "4", "--no-log"]
    plain = running(
        "Django 5.2, one INSERT", command, port, "/ready", our_load(), project
    )
    with plain as server:
        groups = Server(
            name="django-cookie-consent",
            process=server.process,
            port=port,
            load=["--post", "/cookies/accept/"],
        )
        yield [server, groups]


# --- the table -------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows", type=int, default=0, help="stored before, for flatness"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--server", choices=SERVERS, action="append")
    parser.add_argument("--django", action="store_true")
    parser.add_argument(
        "--data", type=Path, help="a folder that keeps the filled store"
    )
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.server[0], given.serve, given.port)
        return

    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers: list[Server] = []
        for name in given.server or ["uvicorn"]:
            fill(folder / name, 0)
            servers.append(
                stack.enter_context(ours(f"Bandeau, {name}", name, folder / name))
            )
        if given.rows:
            filled = (given.data or folder) / f"rows-{given.rows}"
            if not filled.exists():
                fill(filled, given.rows)
            label = f"Bandeau, {given.rows:,} rows"
            servers.append(stack.enter_context(ours(label, "uvicorn", filled)))
        if given.django:
            servers += stack.enter_context(django(folder))
        measure(servers, given.rounds, given.seconds)


def measure(servers: list[Server], rounds: int, seconds: float) -> None:
    first = servers[0]
    start_s, resting_mb = first.start_s, first.rss_mb
    for server in servers:
        server.round(1)  # everybody is warm
    for _ in range(rounds):
        for server in servers:
            server.keep(server.round(seconds))

    print(
        f"\n{'':28}{'choices/s':>10}{'CPU µs':>9}{'p50 ms':>8}{'p99 ms':>8}{'RSS MB':>8}"
    )
    for server in servers:
        print(
            f"{server.name:28}{statistics.median(server.per_second):10,.0f}"
            f"{statistics.median(server.cpu_us):9.0f}"
            f"{statistics.median(server.p50_ms):8.1f}"
            f"{statistics.median(server.p99_ms):8.1f}{server.rss_mb:8.0f}"
        )

    script = ["--get", "/bandeau/banner.js"]
    whole = min(first.round(2, *script)["cpu_us"] for _ in range(rounds))
    url = f"http://127.0.0.1:{first.port}/bandeau/banner.js"
    asked = urllib.request.Request(url, headers={"accept-encoding": "br"})
    with urllib.request.urlopen(asked) as answer:
        etag, weight = answer.headers["etag"], len(answer.read())
    known = min(
        first.round(2, *script, "--known", etag.replace("-br", "-br"))["cpu_us"]
        for _ in range(rounds)
    )
    print()
    cpu = statistics.median(first.cpu_us)
    rate = statistics.median(first.per_second)
    told(
        f"CPU per choice, {first.name}", f"{cpu:.0f} µs", cpu <= AIM_CPU_US, "≤ 120 µs"
    )
    told("Choices per second", f"{rate:,.0f}", rate >= AIM_PER_SECOND, "≥ 3,000")
    full = next((s for s in servers if "rows" in s.name), None)
    if full is not None:
        pairs = zip(full.per_second, first.per_second, strict=True)
        flat = statistics.median(f / e for f, e in pairs)
        told(f"Flat: {full.name}", f"{flat:.0%}", flat >= AIM_FLAT, "≥ 85 % of empty")
    for name, cost in (
        (f"banner.js, {weight:,} B br", whole),
        ("banner.js, 304", known),
    ):
        rate = 1e6 / cost
        told(f"{name}, per CPU second", f"{rate:,.0f}", rate >= AIM_FILES, "≥ 12,000")
    told("Start to first answer", f"{start_s:.2f} s", start_s <= AIM_START_S, "≤ 1.5 s")
    told("Memory at rest", f"{resting_mb:.0f} MB", resting_mb <= AIM_RSS_MB, "≤ 80 MB")
    loaded = first.rss_mb
    told("Memory after the load", f"{loaded:.0f} MB", loaded <= AIM_RSS_MB, "≤ 80 MB")


def told(what: str, found: str, reached: bool, aim: str) -> None:
    print(f"{what:44}{found:>12}   {'ok' if reached else 'MISSED':8}{aim}")


if __name__ == "__main__":
    main()
