"""kill -9 of whoever takes part in a sweep, at random moments: the client, a worker, the Dask scheduler, PostgreSQL.

After each: what was finished still is, and nothing of it is begun again; at the end the store holds what an undisturbed
sweep leaves. `python -m tests.sweep.kill --kills 50` says what it did.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from chipweave.store.content import content
from chipweave.store.store import Store
from chipweave.sweep.run import run_sweep
from tests.store import postgres
from tests.sweep import small
from tests.sweep.small import AtOnce

ROOT = Path(__file__).parents[2]
SEEDS = 50
"""Of six cases each, of 30 ms and more."""

PATIENCE_S = 300.0
VICTIMS = ("client", "worker", "scheduler", "database")
ENDS = (("client", -9), ("scheduler", 2), ("database", 2))
"""How a client may end where somebody is killed, other than in order."""


def environment(notes: Path) -> dict[str, str]:
    places = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, small.NOTES: str(notes), "PYTHONPATH": os.pathsep.join(filter(None, places))}


@dataclass
class Cluster:
    """A Dask scheduler with two workers, as somebody else would run them."""

    folder: Path
    notes: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    address: str = ""

    def start(self) -> None:
        self.stop()
        file = self.folder / f"scheduler{time.monotonic_ns()}.json"
        common = ["--scheduler-file", str(file)]
        self._run("distributed.cli.dask_scheduler", *common, "--port", "0", "--no-dashboard", "--no-show")
        until(file.exists)
        for _ in range(2):
            local = ["--nthreads", "1", "--no-dashboard", "--local-directory", str(self.folder)]
            self._run("distributed.cli.dask_worker", *common, *local, "--death-timeout", "60")
        import json

        self.address = json.loads(file.read_text())["address"]

    def _run(self, module: str, *words: str) -> None:
        with (self.folder / "dask.log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", module, *words],
                    stdout=log, stderr=log, cwd=ROOT, env=environment(self.notes), start_new_session=True,
                )
            )  # fmt: skip

    def stop(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.processes.clear()


def until(holds: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    end_s = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end_s, "it takes too long"
        time.sleep(0.02)


def children(process: int) -> list[int]:
    """The processes that a process has started, and those that they have, by Linux's count."""
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, path.read_text().split()):
                found += [child, *children(child)]
    return found


def workers_of(process: int) -> list[int]:
    """Those of them that answer cases: they were spawned by multiprocessing."""
    found = []
    for child in children(process):
        with suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


@dataclass
class Ordeal:
    """A sweep that is disturbed again and again.

    Args:
        place: of the store.
        server: of the store; None: it is a file.
        cluster: that answers; None: the client's own processes.
    """

    folder: Path
    place: str
    server: postgres.Server | None
    cluster: Cluster | None
    rng: random.Random
    say: Callable[[str], None]

    @property
    def notes(self) -> Path:
        return self.folder / "notes"

    @property
    def sweep(self) -> small.Sweep:
        return small.sweep(self.folder, SEEDS)

    def finished(self) -> set[str]:
        with Store.open(self.place) as store:
            return store.finished(store.keys("small")) if "small" in store.sweeps() else set()

    def begun(self) -> list[str]:
        return self.notes.read_text().split() if self.notes.exists() else []

    def round(self, victims: list[str]) -> None:
        """Start a client, and kill the first of `victims`, which are taken away, at random moments until it has ended;
        then look at what is left. Where there are none, it ends by itself."""
        before = self.finished()
        marks = [(before, len(self.begun()))]
        client = self._client()
        killed: list[str] = []
        while victims and (self.cluster or victims[0] != "scheduler") and self._at_work(client, marks[-1][1]):
            marks.append((self.finished(), len(self.begun())))
            killed.append(victims.pop(0))
            if self._kill(killed[-1], client):
                break
        _, said = client.communicate(timeout=PATIENCE_S)
        assert "Traceback" not in said, said
        expected = {0} | {code for victim, code in ENDS if victim in killed}
        assert client.returncode in expected, (killed, client.returncode, said)
        self._restart(killed)
        after, begun = self.finished(), self.begun()
        for finished, count in marks:
            assert finished <= after, "what was finished is lost"
            again = finished & set(begun[count:])
            assert not again, f"begun again: {again}"
        counts = f"{len(before)} -> {len(after)} finished"
        self.say(f"{', '.join(killed) or 'nobody'} killed: {counts}, the client ended with {client.returncode}")

    def _client(self) -> subprocess.Popen[str]:
        where = self.cluster.address if self.cluster else "local"
        words = [sys.executable, "-m", "tests.sweep.client", str(self.sweep.path), self.place, where]
        return subprocess.Popen(words, cwd=ROOT, env=environment(self.notes), stderr=subprocess.PIPE, text=True)

    def _at_work(self, client: subprocess.Popen[str], begun: int) -> bool:
        """Wait for a random moment at which more cases are begun; False where the client has ended by then."""
        until(lambda: len(self.begun()) > begun or client.poll() is not None)
        with suppress(subprocess.TimeoutExpired):
            client.wait(self.rng.uniform(0.0, 1.5))
        return client.poll() is None

    def _kill(self, victim: str, client: subprocess.Popen[str]) -> bool:
        """Whether the client ends by that."""
        if victim == "client":
            client.kill()
        elif victim == "worker":
            owners = [each.pid for each in self.cluster.processes[1:]] if self.cluster else [client.pid]
            found = [worker for owner in owners for worker in workers_of(owner)]
            if found:
                with suppress(ProcessLookupError):
                    os.kill(self.rng.choice(found), signal.SIGKILL)
        elif victim == "scheduler":
            assert self.cluster is not None
            os.killpg(self.cluster.processes[0].pid, signal.SIGKILL)
        else:
            assert self.server is not None
            self.server.kill()
            if self.rng.random() < 0.5:  # back before the client gives up
                self.server.start()
                return False
        return victim != "worker"

    def _restart(self, killed: Sequence[str]) -> None:
        if "scheduler" in killed and self.cluster is not None:
            self.cluster.start()
        if self.server is not None and (self.server.process is None or self.server.process.poll() is not None):
            self.server.start()


def undisturbed(folder: Path) -> list[tuple[object, ...]]:
    """What a sweep leaves that nobody disturbs."""
    with Store.open(folder / "undisturbed.db") as store:
        run_sweep(small.sweep(folder, SEEDS), store, lambda _: AtOnce(small.answered))
        return content(store)


@contextmanager
def ordeal(
    folder: Path, *, server: postgres.Server | None, on_cluster: bool, rng: random.Random, say: Callable[[str], None]
) -> Iterator[Ordeal]:
    place = str(folder / "s.db")
    if server is not None:
        name = f"kill{time.monotonic_ns()}"
        server.execute(f"CREATE SCHEMA {name}")
        place = server.url(name)
    cluster = Cluster(folder, folder / "notes") if on_cluster else None
    try:
        if cluster is not None:
            cluster.start()
        yield Ordeal(folder, place, server, cluster, rng, say)
    finally:
        if cluster is not None:
            cluster.stop()


def disturbed(folder: Path, victims: Sequence[str], seed: int, say: Callable[[str], None]) -> int:
    """Kill these, one after another, each in sweeps that need it, and hold what is left against an undisturbed sweep;
    how many sweeps it took."""
    rng = random.Random(seed)
    expected = undisturbed(folder)
    with postgres.running() if "database" in victims else no_server() as server:
        left, sweeps = list(victims), 0
        while left:
            sweeps += 1
            own = folder / f"sweep{sweeps}"
            own.mkdir()
            on_cluster = "scheduler" in left[:3]
            with ordeal(own, server=server, on_cluster=on_cluster, rng=rng, say=say) as one:
                while left and (left[0] != "scheduler" or on_cluster) and len(one.finished()) < 6 * SEEDS:
                    one.round(left)
                one.round([])
                with Store.open(one.place) as store:
                    assert content(store) == expected, "the content differs"
    return sweeps


@contextmanager
def no_server() -> Iterator[None]:
    yield None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    known = [each for each in VICTIMS if each != "database" or postgres.binaries() is not None]
    if len(known) < len(VICTIMS):
        print(postgres.ABSENT)
    victims = [rng.choice(known) for _ in range(given.kills)]
    began_s = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began_s:6.0f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        sweeps = disturbed(Path(folder), victims, given.seed, say)
    print(f"{given.kills} kills in {sweeps} sweeps: nothing lost, nothing twice, the same content")


if __name__ == "__main__":
    main()
