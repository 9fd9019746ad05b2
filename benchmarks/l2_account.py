"""What `scar` finds for the ten scenarios: DRAM bytes over the unavoidable ones, a busy DRAM, and what it costs, beside
what version 0.1 found and said of it.

    python -m benchmarks.l2_account [--one-sample] [SCENARIO ...]

`version_0_1.csv` holds what the code of version 0.1 says of the schedules that it found: both the search and the law
differ. With `--one-sample` the cost model is asked for single samples of whole layers, and b' samples cost b' times as
much, as in version 0.1: then neither samples that run together nor blocks of weights change what a layer costs.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chipweave import schedule
from chipweave.cost.interface import CostModel, LayerCosts
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.evaluation.bound import unavoidable_dram_bytes
from chipweave.hardware.chiplet import Chiplet
from chipweave.results.result import Result
from chipweave.workload.layer import Layer

SCENARIOS = [f"datacenter-{number}" for number in range(1, 6)] + [f"arvr-{number}" for number in range(6, 11)]
PACKAGES = ("het-sides-3x3", "simba-nvdla-3x3", "simba-shidiannao-3x3")
VERSION_0_1 = Path(__file__).with_name("version_0_1.csv")
BEFORE = ("0.1: DRAM x", "busy", "latency ms", "energy mJ", "EDP J s")
NOW = ("now: DRAM x", "busy", "bound", "latency ms", "energy mJ", "EDP J s", "to 0.1", "wall s", "processor s")


@dataclass(frozen=True)
class OneSample:
    """`loopnest`, asked for single samples."""

    model: LoopnestCostModel = field(default_factory=LoopnestCostModel)
    name: str = "loopnest-one-sample"

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        return self.model.costs(layers, chiplet)


def before() -> dict[tuple[str, str], tuple[float, list[str]]]:
    """Per scenario and package, the EDP of version 0.1, and the cells of its columns."""
    found = {}
    with VERSION_0_1.open(encoding="utf-8", newline="") as file:
        for each in csv.DictReader(file):
            names = ("dram_bytes_over_unavoidable", "dram_busy", "latency_s", "energy_j")
            over, busy, latency_s, energy_j = (float(each[name]) for name in names)
            edp_js = latency_s * energy_j
            cells = [f"{over:.2f}", f"{busy:.0%}", f"{1e3 * latency_s:.2f}", f"{1e3 * energy_j:.1f}", f"{edp_js:.4g}"]
            found[each["scenario"], each["package"]] = edp_js, cells
    return found


def now(result: Result, edp_before_js: float, wall_s: float, processor_s: float) -> list[str]:
    """The cells of today's columns."""
    evaluation = result.evaluation
    least = sum(unavoidable_dram_bytes(task) for task in result.problem.scenario.tasks)
    moved = sum(window.dram_bytes for window in evaluation.windows)
    busy = sum(window.dram_s for window in evaluation.windows) / evaluation.latency_s
    bound = sum(window.bound_by == "dram" for window in evaluation.windows)
    return [
        f"{moved / least:.2f}",
        f"{busy:.0%}",
        f"{bound}/{len(evaluation.windows)}",
        f"{1e3 * evaluation.latency_s:.2f}",
        f"{1e3 * evaluation.energy_j:.1f}",
        f"{evaluation.edp_js:.4g}",
        f"{evaluation.edp_js / edp_before_js - 1:+.0%}",
        f"{wall_s:.1f}",
        f"{processor_s:.1f}",
    ]


def main(arguments: Sequence[str]) -> None:
    """Search every scenario on every package and print the table."""
    names = [name for name in arguments if not name.startswith("--")] or SCENARIOS
    model: CostModel | str = OneSample() if "--one-sample" in arguments else "loopnest"
    schedule("alexnet", "het-2x2", scheduler="scar", cost_model=model)  # so that kernels are compiled
    titles, known = ["scenario", "package", *BEFORE, *NOW], before()
    print(f"| {' | '.join(titles)} |")
    print("|---" * len(titles) + "|")
    for name in names:
        for package in PACKAGES:
            full = f"arvr-{package}" if name.startswith("arvr") else package
            wall_s, processor_s = time.perf_counter(), time.process_time()
            result = schedule(name, full, scheduler="scar", cost_model=model)
            spent = time.perf_counter() - wall_s, time.process_time() - processor_s
            edp_js, cells = known[name, full]
            print(f"| {' | '.join([name, package, *cells, *now(result, edp_js, *spent)])} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
