"""How long 100,000 finished cases take: opening the store, finding that nothing is left to run, and the report.

    python -m benchmarks.sweep_report [--cases 100000] [--keep FOLDER]

A product of four axes, its figures made up; every case is finished. Prints seconds by the clock and of this process,
and the size of the page. The schedules of the front, which are each read and evaluated anew, are left out.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

import chipweave
from benchmarks.store_speed import timed
from chipweave.files.case_file import case_key
from chipweave.store.answer import answer_of
from chipweave.store.engine import writing
from chipweave.store.point import Point
from chipweave.store.store import Store
from chipweave.store.tables import CASES, POINTS, RESULTS
from chipweave.sweep.reporting import gathered, saving
from chipweave.sweep.summary import summarise

AT_A_TIME = 10_000
MOST_SECONDS = 10.0
VALUES = (10, 10, 10)
"""Of the first three axes; of the last one as many as the cases need."""


def fill(store: Store, count: int) -> list[str]:
    """The keys of so many finished cases of the sweep `many`."""
    asked = chipweave.case("alexnet", "simba-nvdla-3x3", scheduler="standalone")
    key = case_key(asked)
    store.add_sweep("one", "", [Point(0, asked, key, {})])
    store.put(answer_of(key, chipweave.run(asked), 1.0, "host:1"))
    store.add_sweep("many", "", [])
    with store.engine.connect() as connection:
        case = dict(connection.execute(select(CASES)).mappings().one())
        result = dict(connection.execute(select(RESULTS)).mappings().one())
    rng = random.Random(0)
    keys = [f"sha256:{number:064x}" for number in range(count)]
    values = product(*map(range, VALUES), range(-(-count // 1000)))
    points = [(number, key, next(values)) for number, key in enumerate(keys)]
    for start in range(0, count, AT_A_TIME):
        part = points[start : start + AT_A_TIME]
        with writing(store.engine) as connection:
            connection.execute(insert(CASES), [{**case, "key": key} for _, key, _ in part])
            connection.execute(insert(RESULTS), [{**result, **figures(at, rng), "key": key} for _, key, at in part])
            rows = [{"sweep": "many", "position": n, "key": key, "axes": axes(at)} for n, key, at in part]
            connection.execute(insert(POINTS), rows)
    return keys


def axes(at: tuple[int, ...]) -> str:
    l2, link, pattern, seed = at
    return json.dumps(
        {
            "chiplets.*.l2_bytes": 2 ** (17 + l2),
            "package.link_bandwidth_bytes_s": 25e9 * 2**link,
            "package.classes": {"A": f"class {pattern}", "B": f"class {9 - pattern}"},
            "seed": seed,
        }
    )


def figures(at: tuple[int, ...], rng: random.Random) -> dict[str, Any]:
    l2, link, pattern, _ = at
    latency_s, energy_j = 1e-3 * (1 + 10 / (1 + l2) + 5 / (1 + link)) * (1 + rng.random()), 1 + pattern + rng.random()
    price_usd = 20.0 + 3 * l2 + link + rng.random()
    edp_js = latency_s * energy_j
    return {"latency_s": latency_s, "energy_j": energy_j, "edp_js": edp_js, "value": edp_js, "price_usd": price_usd}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="where to keep the report")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        where, out = Path(folder) / "store.db", given.keep or Path(folder) / "report"
        with Store.open(where) as store:
            fill(store, given.cases)
        print(f"{given.cases:,} finished cases")
        with timed(f"all together (at most {MOST_SECONDS:g} s)"):
            with timed("opened"):
                store = Store.open(where)
            with timed("skipped: which are finished"):
                left = set(store.keys("many")) - store.finished_of("many")
            with timed("points read"):
                name, found = gathered(store, "many")
            with timed("fronts, groups, sensitivities"):
                summary = summarise(name, found)
            with timed("page and table written"):
                paths = list(saving(summary, found, store, out, most_reports=0))
            store.close()
        assert not left
        for path in paths:
            print(f"{path.name:44} {path.stat().st_size / 1e6:8.2f} MB")


if __name__ == "__main__":
    main()
