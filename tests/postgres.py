"""A real PostgreSQL server of our own, with what Debian or another system installed.

Each server has a folder of its own under the system's temporary folder: its cluster, its
log, and the socket that it listens on. Whoever makes one ends it: `Server` is a context,
and leaving it stops the server, also after a failure, and removes the folder. Where the
tests themselves are killed, Linux tells the server to stop.

PostgreSQL refuses to run as root; root runs it as the user `postgres` or `nobody`.
"""

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

ADVICE: Final = (
    "PostgreSQL's server is not here to test with: install Debian's package postgresql, "
    "or put initdb and postgres on the PATH."
)
USER: Final = "bandeau"
PASSWORD: Final = secrets.token_hex(12)

_START_SECONDS: Final = 30
_USERS: Final = ("postgres", "nobody")
_PR_SET_PDEATHSIG: Final = 1


def find() -> Path | None:
    """The folder with the newest server's programs; None where there is none."""
    found = [
        folder
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if (folder / "initdb").exists() and folder.parent.name.isdecimal()
    ]
    if found:
        return max(found, key=lambda folder: int(folder.parent.name))
    initdb = shutil.which("initdb")
    return None if initdb is None else Path(initdb).resolve().parent


class Server:
    """One server. `with Server() as server` starts it, and leaving the block ends it."""

    def __init__(self, *, within: Path | None = None, **settings: object) -> None:
        programs = find()
        assert programs is not None, ADVICE
        self._programs: Final = programs
        self._account: Final = _account()
        self._running: subprocess.Popen[bytes] | None = None
        # A short path: a socket's name holds 107 bytes.
        self.folder: Final = Path(tempfile.mkdtemp(prefix="bandeau-pg-", dir=within))
        self.cluster: Final = self.folder / "cluster"
        self.port: Final = _free_port()
        self._settings: dict[str, object] = {
            "fsync": "on",
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "max_connections": 50,
            "shared_buffers": "64MB",
            "log_min_messages": "warning",
            **settings,
        }
        if self._account is not None:
            os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)

    def __enter__(self) -> Self:
        try:
            if not self.cluster.exists():
                self._init()
            self.start()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def address(self, database: str = "postgres") -> str:
        """Where a database is, through the socket, for the user who owns it all."""
        return f"postgresql://{USER}@/{database}?host={self.folder}&port={self.port}"

    def address_by_password(self, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, and return when connections are taken."""
        options = [
            word
            for name, value in self._settings.items()
            for word in ("-c", f"{name}={value}")
        ]
        with (self.folder / "log").open("ab") as log:
            self._running = subprocess.Popen(
                [self._programs / "postgres", "-D", self.cluster, *options],
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_us,  # noqa: PLW1509  one call, no lock
                **self._as_user(),
            )
        end = time.monotonic() + _START_SECONDS
        while not self.answers():
            if self._running.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log()}")
            time.sleep(0.02)

    def answers(self) -> bool:
        asked = subprocess.run(
            [
                self._programs / "pg_isready",
                *("-q", "-h", self.folder, "-p", str(self.port)),
            ],
            check=False,
        )
        return asked.returncode == 0

    def stop(self) -> None:
        """Stop as an administrator does, without waiting for clients to leave."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill -9 of the whole server, as an out-of-memory killer or a power cut would.

        The processes that serve connections notice that their parent is gone, and end
        by themselves; they hold the shared memory until then.
        """
        running = self._running
        assert running is not None, "only a running server can be killed"
        children = _children(running.pid)
        running.kill()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        running.wait()
        self._running = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def promote(self) -> None:
        """Make a standby take writes."""
        self._run("pg_ctl", "promote", "-D", self.cluster, "--no-wait")

    def execute(
        self, statement: str, database: str = "postgres"
    ) -> list[tuple[Any, ...]]:
        """Run one statement as the owner of it all; the rows, where there are any."""
        import psycopg

        address = self.address(database)
        with psycopg.connect(address, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def cpu_seconds(self) -> float:
        """What all its processes have cost till now, those that ended included."""
        assert self._running is not None, "only a running server costs"
        pid = self._running.pid
        ticks = 0
        # The parent last: it counts those that ended meanwhile.
        for each in (*_children(pid), pid):
            with suppress(OSError):
                stat = Path(f"/proc/{each}/stat").read_text()
                # "utime stime cutime cstime" are the 14th to 17th words; the name is
                # the second.
                words = stat.rpartition(")")[2].split()[11 : 15 if each == pid else 13]
                ticks += sum(map(int, words))
        return ticks / os.sysconf("SC_CLK_TCK")

    def set(self, **settings: str) -> None:
        """Change settings of the running server, as an administrator would."""
        for name, value in settings.items():
            self.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self.execute("SELECT pg_reload_conf()")
        # The reload is a signal: give it time to reach the processes.
        time.sleep(0.1)

    def standby(self, **settings: object) -> "Server":
        """A standby of this server, named `standby`: enter it to start it."""
        standby = Server(**settings)
        self._run(
            "pg_basebackup",
            *("-D", standby.cluster, "--write-recovery-conf", "--no-sync"),
            *("--checkpoint=fast", "--wal-method=stream", "-d"),
            f"host={self.folder} port={self.port} user={USER} application_name=standby",
        )
        return standby

    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", errors="replace")

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The address of a database that is there for the length of the block."""
        name = f"t{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.address(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _init(self) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD)
        if self._account is not None:
            os.chown(password, self._account.pw_uid, self._account.pw_gid)
        self._run(
            "initdb",
            *("-D", self.cluster, "-U", USER, "--no-sync", "--encoding=UTF8"),
            *("--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256"),
            f"--pwfile={password}",
        )

    def _run(self, program: str, *words: object) -> None:
        ran = subprocess.run(
            [self._programs / program, *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            **self._as_user(),
        )
        if ran.returncode:
            raise RuntimeError(f"{program} failed:\n{ran.stdout}{ran.stderr}")

    def _as_user(self) -> Mapping[str, Any]:
        here: dict[str, Any] = {"cwd": self.folder}
        if self._account is None:
            return here
        # Not even root's groups.
        return here | {
            "user": self._account.pw_uid,
            "group": self._account.pw_gid,
            "extra_groups": [],
        }

    def _end(self, how: signal.Signals) -> None:
        if self._running is None:
            return
        self._running.send_signal(how)
        self._running.wait()
        self._running = None

    def _leave(self) -> None:
        # SIGQUIT: at once; nobody needs what is in there any more.
        self._end(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)


def _account() -> Any:
    """Who the server runs as, where that is not who we are."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd

    for name in _USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError(f"PostgreSQL does not run as root, and {_USERS} are not here.")


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


def _children(parent: int) -> list[int]:
    """From Linux's /proc; elsewhere nobody, and a killed server takes longer to go."""
    children: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            # "pid (name) state ppid …": a name may hold anything, even a parenthesis.
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                children.append(int(stat.parent.name))
    return children


def _die_with_us() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


if __name__ == "__main__":
    if (programs := find()) is None:
        sys.exit(1)
    print(programs)  # noqa: T201  for scripts/test
