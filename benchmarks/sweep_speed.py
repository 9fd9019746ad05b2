"""How fast a sweep goes: cases a second by one process and by two, and what sweep and store take of a case.

`python -m benchmarks.sweep_speed`. Cases a second need a machine that is otherwise idle; the processor time of a case,
the client's and the workers', hardly does. From it follows how many times as fast two processes can be at most where
the client shares two cores with them: 2 w / (w' + c), of which w and w' are what a worker takes of a case, alone and
beside another, and c what the client takes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from chipweave.files.sweep_file import Sweep, load_sweep
from chipweave.store.answer import Answer, Failure
from chipweave.store.store import Store
from chipweave.sweep.local import MOST_PARCELS, LocalWorkers
from chipweave.sweep.parcel import Parcel, answered
from chipweave.sweep.run import run_sweep

FILE = """name: speed
scenario: resnet18
package: het-sides-3x3
scheduler: scar
axes:
  package.link_bandwidth_bytes_s: {{logspace: [10e9, 400e9, {links}]}}
  package.dram_bandwidth_bytes_s: {{logspace: [10e9, 400e9, 8]}}
"""
WARM = 8
"""Cases that each process answers before time is taken: kernels are loaded, layers are mapped."""


class Prepared:
    """Workers that answer at once, with an answer that was made before."""

    room = 64

    def __init__(self, like: Answer) -> None:
        self._like = like
        self._keys: list[str] = []

    def submit(self, parcel: Parcel) -> None:
        self._keys.append(parcel.key)

    def outcomes(self, wait_s: float) -> list[Answer | Failure]:
        like, keys = self._like, self._keys
        self._keys = []
        return [Answer(key, like.figures, like.packed, like.seconds, like.worker, like.version) for key in keys]

    def close(self) -> None: ...


def sweep(folder: Path, links: int) -> Sweep:
    path = folder / "speed.yaml"
    path.write_text(FILE.format(links=links))
    return load_sweep(path)


@dataclass
class Watched:
    """Processes of this machine; when so many answers have come, and again when so many have, the time by the clock,
    and the processor time of this process and of its workers, s."""

    workers: LocalWorkers
    marks: list[int]
    answers: int = 0
    seen: list[tuple[int, float, float, float]] = field(default_factory=list)

    @property
    def room(self) -> int:
        return self.workers.room

    def submit(self, parcel: Parcel) -> None:
        self.workers.submit(parcel)

    def outcomes(self, wait_s: float) -> list[Answer | Failure]:
        found = self.workers.outcomes(wait_s)
        self.answers += len(found)
        if self.marks and self.answers >= self.marks[0]:
            del self.marks[0]
            spent = time.perf_counter(), time.process_time(), sum(map(processor_s, self.workers.processes))
            self.seen.append((self.answers, *spent))
        return found

    def close(self) -> None:
        self.workers.close()


def processor_s(process: int) -> float:
    """What a process has taken so far, by Linux's count, s."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spent_s(folder: Path, jobs: int, links: int) -> tuple[float, float, float]:
    """Seconds of a case once all processes are warm: by the clock, of the client, of the workers."""
    # the last cases leave processes idle, so that the end is taken where all still have work
    watched = Watched(LocalWorkers(jobs), [WARM * jobs, 8 * links - MOST_PARCELS * jobs])
    with Store.open(folder / f"{jobs}.db") as store:
        run_sweep(sweep(folder, links), store, lambda _: watched)
    (first, *begin), (last, *end) = watched.seen
    clock_s, client_s, workers_s = ((then - before) / (last - first) for before, then in zip(begin, end, strict=True))
    return clock_s, client_s, workers_s


def overhead_ms(folder: Path) -> float:
    """What reading points, the store and the client take of a case, ms of processor time."""
    asked = sweep(folder, 250)
    from chipweave.sweep.axes import Points
    from chipweave.sweep.parcel import parcel_of

    points = Points(asked)
    like = answered(parcel_of("like", points.case(points.choice(0))))
    assert isinstance(like, Answer), like
    began_s = time.process_time()
    with Store.open(folder / "overhead.db") as store:
        standing = run_sweep(asked, store, lambda _: Prepared(like))
    return 1e3 * (time.process_time() - began_s) / standing.answered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", type=int, default=25, help="values of one axis; the other has 8")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"sweep and store: {overhead_ms(folder):.2f} ms a case (2,000 cases, each with a package of its own)")
        spent = {jobs: spent_s(folder, jobs, given.links) for jobs in (1, 2)}
    for jobs, (clock_s, client_s, workers_s) in spent.items():
        print(
            f"{jobs} process{'es' * (jobs > 1)}: {1 / clock_s:.2f} cases a second; processor time of a case "
            f"{1e3 * workers_s:.1f} ms of workers, {1e3 * client_s:.2f} ms of the client"
        )
    one, two = spent[1], spent[2]
    print(f"by the clock {one[0] / two[0]:.2f} times, by processor time {2 * one[2] / (two[1] + two[2]):.2f} times")


if __name__ == "__main__":
    main()
