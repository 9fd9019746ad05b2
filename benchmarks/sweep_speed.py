"""How fast a sweep goes: cases a second by one process and by two, and what sweep and store take of a case.

`python -m benchmarks.sweep_speed`; the machine should be otherwise idle.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from chipweave.files.sweep_file import Sweep, load_sweep
from chipweave.store.answer import Answer, Failure
from chipweave.store.store import Store
from chipweave.sweep.local import LocalWorkers
from chipweave.sweep.parcel import Parcel, answered
from chipweave.sweep.run import run_sweep
from chipweave.sweep.standing import Standing

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


def rate_s(folder: Path, jobs: int) -> float:
    """Cases a second once all processes are warm, 1/s."""
    seen: list[tuple[float, int]] = []

    def hear(standing: Standing) -> None:
        seen.append((time.perf_counter(), standing.answered))

    with Store.open(folder / f"{jobs}.db") as store:
        run_sweep(sweep(folder, 25), store, lambda _: LocalWorkers(jobs), hear=hear)
    warm = next(each for each in seen if each[1] >= WARM * jobs)
    # the last cases leave processes idle, so that the end is taken where all still have work
    end = next(each for each in seen if each[1] >= 200 - 4 * jobs)
    return (end[1] - warm[1]) / (end[0] - warm[0])


def overhead_ms(folder: Path) -> float:
    """What reading points, the store and the client take of a case, ms."""
    asked = sweep(folder, 250)
    from chipweave.sweep.axes import Points
    from chipweave.sweep.parcel import parcel_of

    points = Points(asked)
    like = answered(parcel_of("like", points.case(points.choice(0))))
    assert isinstance(like, Answer), like
    began_s = time.perf_counter()
    with Store.open(folder / "overhead.db") as store:
        standing = run_sweep(asked, store, lambda _: Prepared(like))
    return 1e3 * (time.perf_counter() - began_s) / standing.answered


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"sweep and store: {overhead_ms(folder):.2f} ms a case (2,000 cases, each with a package of its own)")
        one, two = rate_s(folder, 1), rate_s(folder, 2)
        print(f"one process {one:.2f} cases a second, two {two:.2f}: {two / one:.2f} times")


if __name__ == "__main__":
    main()
