"""A PostgreSQL server of the tests' own, on a socket in a folder of its own, from whatever binaries are there."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

ABSENT = "no 'postgres' and 'initdb' on the path or in /usr/lib/postgresql: install Debian's package postgresql"


def binaries() -> Path | None:
    """The folder that holds `postgres` and `initdb`; None where there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)] + debian
    return next((each for each in folders if all((each / name).is_file() for name in ("postgres", "initdb"))), None)


@dataclass
class Server:
    """A server that may be stopped, killed and started again."""

    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def url(self, schema: str = "public") -> str:
        """Of a schema, which is as good as a database, and made in no time."""
        return f"postgresql://tests@/postgres?host={quote(str(self.folder))}&options=-csearch_path%3D{schema}"

    def new_schema(self, name: str) -> str:
        """Its URL."""
        self.execute(f"CREATE SCHEMA {name}")
        return self.url(name)

    def start(self) -> None:
        """Start, and wait until it answers."""
        quick = ["fsync=off", "full_page_writes=off", "listen_addresses=", f"unix_socket_directories={self.folder}"]
        settings = [word for setting in quick for word in ("-c", setting)]
        command = [_binary("postgres"), "-D", str(self.folder / "data"), *settings]
        self._launch(command)
        for _ in range(600):
            with suppress(Exception):
                self.execute("SELECT 1")
                return
            if self.process is not None and self.process.poll() is not None:
                told = b"".join((self.folder / "log").read_bytes().splitlines()[-2:])
                if b"is still in use" not in told:
                    break
                self._launch(command)  # of what was killed some processes were not gone yet
            time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text())

    def _launch(self, command: list[str]) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **_somebody())

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url(), autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def kill(self) -> None:
        """kill -9 of the server and of all that it started, which have process groups of their own."""
        assert self.process is not None
        for pid in [self.process.pid, *children_of(self.process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it at once, whoever is connected, in order: it leaves no shared memory behind."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()


def children_of(pid: int) -> list[int]:
    """The processes that another one has started, as the kernel lists them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it may have ended since
            text = stat.read_text()
            if int(text.rpartition(")")[2].split()[1]) == pid:  # behind the name: state, parent
                found.append(int(stat.parent.name))
    return found


@contextmanager
def running() -> Iterator[Server]:
    """A server with an empty cluster, gone afterwards. `binaries()` must not be None."""
    folder = Path(tempfile.mkdtemp(prefix="chipweave-pg-"))
    server = Server(folder)
    try:
        somebody = _somebody()
        if somebody:
            os.chown(folder, somebody["user"], somebody["group"])
        quiet = ["--no-sync", "--no-instructions", "--auth=trust", "--username=tests", "--encoding=UTF8", "--locale=C"]
        command = [_binary("initdb"), "-D", str(folder / "data"), *quiet]
        subprocess.run(command, check=True, capture_output=True, **somebody)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _binary(name: str) -> str:
    folder = binaries()
    assert folder is not None
    return str(folder / name)


def _somebody() -> dict[str, int]:
    """PostgreSQL refuses to run as root: then as its own user, or as nobody."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid}
    return {}
