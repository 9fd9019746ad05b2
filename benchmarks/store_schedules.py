"""Keeps schedules as references for the tests: `tests/reference/schedules/README.md` says what they are.

    python -m benchmarks.store_schedules [FOLDER | --evaluate | --search]

Of the `schedule.json` files in FOLDER (SCENARIO.PACKAGE.SCHEDULER.FIDELITY.json), those that are kept in full under the
same name take the place of the old ones, without white space; all others become the file of schedules in short. A
file that cannot be made short, because its scenario, package or cost model is not a built-in one, has to be kept in
full: put it there first. With `--evaluate`: the plans that are kept stay as they are, their figures become today's.
With `--search`: `scar` searches its plans anew; what it finds, how it compares and how long it took are printed.
Without either: how much is kept.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import groupby
from pathlib import Path
from typing import Any

from chipweave import api
from chipweave.cost.choose import choose, describe
from chipweave.files.content import content_hash
from chipweave.files.package_file import package_to_dict, resolve_package
from chipweave.files.scenario_file import resolve_scenario, scenario_to_dict
from chipweave.files.schedule_file import read, to_document
from tests.stored_schedules import (
    COST_MODEL,
    FOLDER,
    SHORT,
    Stored,
    dump,
    evaluated,
    full_files,
    grounds,
    in_short,
    schedule_of,
    stored,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER")
    parser.add_argument("--evaluate", action="store_true", help="evaluate the plans that are kept anew")
    parser.add_argument("--search", action="store_true", help="search the plans of scar anew")
    given = parser.parse_args()
    if given.folder is not None:
        store(sorted(given.folder.glob("*.json")))
    if given.evaluate:
        evaluate()
    if given.search:
        search()
    bytes_in_full = sum(path.stat().st_size for path in full_files())
    print(f"{len(full_files())} schedules in full, {bytes_in_full / 1e3:.0f} kB")
    print(f"{len(stored())} schedules in short, {SHORT.stat().st_size / 1e3:.0f} kB")


def evaluate() -> None:
    """Give the schedules that are kept today's figures."""
    for path in full_files():
        keep_in_full(path.name, to_document(read(path)))
    short = []
    for (scenario, package), some in groupby(sorted(stored(), key=lambda each: each.where), lambda each: each.where):
        ready = grounds(scenario, package)
        short += [in_short(to_document(evaluated(each, ready[each.fidelity]))) for each in some]
    SHORT.write_text(dump(short), encoding="utf-8")


def search() -> None:
    """Give the schedules that are kept of `scar` the plans that it finds today."""
    built_in = {each.where for each in stored()}
    for path in full_files():
        scenario, package, scheduler, *_ = path.name.split(".")
        if scheduler == "scar" and (scenario, package) in built_in:
            keep_in_full(path.name, searched(in_short(json.loads(path.read_text(encoding="utf-8")))))
    SHORT.write_text(
        dump([in_short(searched(each)) if each.scheduler == "scar" else each for each in stored()]), encoding="utf-8"
    )


def searched(kept: Stored) -> dict[str, Any]:
    """The schedule file of what `scar` finds today where this was found."""
    scenario, package = kept.where
    started = time.perf_counter()
    result = api.schedule(scenario, package, scheduler="scar", fidelity=kept.fidelity)
    change = result.evaluation.edp_js / (kept.latency_s * kept.energy_j) - 1
    print(f"{kept.name}: {change:+.2%} EDP, {time.perf_counter() - started:.1f} s", flush=True)
    return to_document(result)


def store(paths: list[Path]) -> None:
    """Keep the schedules of these files."""
    in_full = {path.name for path in full_files()}
    short = []
    for path in paths:
        document = json.loads(path.read_text(encoding="utf-8"))
        if path.name in in_full:
            keep_in_full(path.name, document)
        else:
            require_built_in(document, path)
            short.append(in_short(document))
            schedule_of(short[-1].plan)
    if short:
        SHORT.write_text(dump(short), encoding="utf-8")


def keep_in_full(name: str, document: dict[str, Any]) -> None:
    """Write a schedule without white space."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    (FOLDER / name).write_text(text + "\n", encoding="utf-8")


def require_built_in(document: dict[str, Any], path: Path) -> None:
    """Exit where scenario, package and cost model do not follow from their names."""
    scenario = scenario_to_dict(resolve_scenario(document["scenario"]["name"]))
    package = package_to_dict(resolve_package(document["package"]["name"]))
    if document["scenario_hash"] != content_hash(scenario):
        raise SystemExit(f"{path}: its scenario is not the built-in one; keep the file in full")
    if document["package_hash"] != content_hash(package):
        raise SystemExit(f"{path}: its package is not the built-in one; keep the file in full")
    if document["cost_model"] != describe(choose(COST_MODEL)):
        raise SystemExit(f"{path}: its cost model is not {COST_MODEL}; keep the file in full")


if __name__ == "__main__":
    main()
