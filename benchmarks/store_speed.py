"""What a store costs per case, and how quickly one of many finished cases is opened, skipped and read.

    python -m benchmarks.store_speed [--cases 100000] [--store postgresql://...]

Prints milliseconds per case, by the clock and of this process: for the points of a sweep that are added, for the answer
of a search as a worker makes it, for claims and answers that are put. Then, of `--cases` finished cases: seconds for
opening the store, for asking which of all cases are finished, and for reading the figures of all.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import insert, select

import chipweave
from chipweave.files.case_file import case_key
from chipweave.results.case import Case
from chipweave.results.result import Result
from chipweave.store.answer import Answer, answer_of
from chipweave.store.engine import writing
from chipweave.store.point import Point
from chipweave.store.store import Store
from chipweave.store.tables import CASES, POINTS, RESULTS, SCHEDULES

FIGURES = tuple(column.name for column in RESULTS.c if column.name != "key")
EACH = 1000
"""Cases that are put."""
AT_A_TIME = 16
"""Cases that are claimed, or put, at a time."""


@contextmanager
def timed(label: str, count: int | None = None) -> Iterator[None]:
    """Prints how long the body takes: seconds, or with a `count` milliseconds for each."""
    clock, process = time.perf_counter(), time.process_time()
    yield
    spent = time.perf_counter() - clock, time.process_time() - process
    by_clock, of_process = spent if count is None else (1e3 * each / count for each in spent)
    unit = "s" if count is None else "ms each"
    print(f"{label:44} {by_clock:8.3f} {unit} by the clock, {of_process:8.3f} of this process", flush=True)


def points(asked: Case, count: int) -> list[Point]:
    cases = [replace(asked, seed=seed) for seed in range(count)]
    return [Point(case.seed, case, case_key(case), {"seed": case.seed}) for case in cases]


def one_by_one(store: Store, asked: Sequence[Point], result: Result) -> None:
    """A sweep as its client sees it: it adds points, claims cases, and puts their answers."""
    with timed("points added", len(asked)):
        store.add_sweep("one by one", "", asked)
    answers: dict[str, Answer] = {}
    with timed("an answer made of a search's result", len(asked)):
        for point in asked:
            answers[point.key] = answer_of(point.key, result, 1.0, "host:1")
    keys = [point.key for point in asked]
    half = len(keys) // 2
    with timed("claimed, 16 at a time, and put one by one", half):
        for start in range(0, half, AT_A_TIME):
            for key in store.claim(keys[start : min(half, start + AT_A_TIME)], "bench", 600, AT_A_TIME):
                store.put(answers[key])
    with timed("claimed and put, 16 at a time", len(keys) - half):
        for start in range(half, len(keys), AT_A_TIME):
            taken = store.claim(keys[start : start + AT_A_TIME], "bench", 600, AT_A_TIME)
            store.put_all([answers[key] for key in taken])


def many(store: Store, count: int) -> list[str]:
    """The keys of so many finished cases of a sweep, which are copies of one."""
    with store.engine.connect() as connection:
        case = dict(connection.execute(select(CASES).limit(1)).mappings().one())
        result = dict(connection.execute(select(RESULTS).limit(1)).mappings().one())
        body = connection.execute(select(SCHEDULES.c.body).limit(1)).scalar_one()
    store.add_sweep("many", "", [])
    keys = [f"sha256:{number:064x}" for number in range(count)]
    for start in range(0, count, 10_000):
        part = list(enumerate(keys))[start : start + 10_000]
        with writing(store.engine) as connection:
            connection.execute(insert(CASES), [{**case, "key": key} for _, key in part])
            connection.execute(insert(RESULTS), [{**result, "key": key} for _, key in part])
            connection.execute(insert(SCHEDULES), [{"key": key, "body": body} for _, key in part])
            rows = [{"sweep": "many", "position": n, "key": key, "axes": f'{{"seed": {n}}}'} for n, key in part]
            connection.execute(insert(POINTS), rows)
    return keys


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--store", help="an empty PostgreSQL database; by default a new file")
    given = parser.parse_args()
    asked = chipweave.case("resnet50", "simba-nvdla-3x3", scheduler="standalone")
    result = chipweave.run(asked)
    with tempfile.TemporaryDirectory() as folder:
        where = given.store or str(Path(folder) / "store.db")
        with Store.open(where) as store:
            one_by_one(store, points(asked, EACH), result)
            keys = many(store, given.cases)
        print(f"\n{given.cases} finished cases")
        with timed("all together"):
            read_all(where, keys)


def read_all(where: str, keys: Sequence[str]) -> None:
    steps: list[tuple[str, Callable[[Store], int]]] = [
        ("which of all cases are finished", lambda store: len(store.finished(keys))),
        ("which of a sweep's cases are finished", lambda store: len(store.finished_of("many"))),
        ("which failed", lambda store: len(store.failed_of("many")) + len(keys)),
        ("figures of all, row by row", lambda store: sum(1 for _ in store.figures("many"))),
        ("figures of all, by columns", lambda store: len(store.columns("many", FIGURES)["key"])),
    ]
    with timed("opened"):
        store = Store.open(where)
    with store:
        for label, step in steps:
            with timed(label):
                found = step(store)
            if found != len(keys):
                sys.exit(f"{label}: {found} of {len(keys)}")


if __name__ == "__main__":
    main()
