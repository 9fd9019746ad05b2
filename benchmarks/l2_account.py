"""What `scar` finds for the ten scenarios: DRAM bytes over the unavoidable ones, a busy DRAM, and what it costs.

    python -m benchmarks.l2_account [--one-sample] [SCENARIO ...]

With `--one-sample` the cost model is asked for single samples of whole layers, and b' samples cost b' times as much, as
in version 0.1: then neither samples that run together nor blocks of weights change what a layer costs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from chipweave import schedule
from chipweave.cost.interface import CostModel, LayerCosts
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.evaluation.bound import unavoidable_dram_bytes
from chipweave.hardware.chiplet import Chiplet
from chipweave.results.result import Result
from chipweave.workload.layer import Layer

SCENARIOS = [f"datacenter-{number}" for number in range(1, 6)] + [f"arvr-{number}" for number in range(6, 11)]
PACKAGES = ("het-sides-3x3", "simba-nvdla-3x3", "simba-shidiannao-3x3")


@dataclass(frozen=True)
class OneSample:
    """`loopnest`, asked for single samples."""

    model: LoopnestCostModel = field(default_factory=LoopnestCostModel)
    name: str = "loopnest-one-sample"

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        return self.model.costs(layers, chiplet)


def row(scenario: str, package: str, result: Result, wall_s: float, processor_s: float) -> str:
    """A line of the table."""
    evaluation = result.evaluation
    least = sum(unavoidable_dram_bytes(task) for task in result.problem.scenario.tasks)
    moved = sum(window.dram_bytes for window in evaluation.windows)
    busy = sum(window.dram_s for window in evaluation.windows) / evaluation.latency_s
    bound = sum(window.bound_by == "dram" for window in evaluation.windows)
    return (
        f"| {scenario} | {package} | {moved / least:.2f} | {busy:.0%} | {bound}/{len(evaluation.windows)} | "
        f"{1e3 * evaluation.latency_s:.2f} | {1e3 * evaluation.energy_j:.1f} | {evaluation.edp_js:.5g} | "
        f"{wall_s:.1f} | {processor_s:.1f} |"
    )


def main(arguments: Sequence[str]) -> None:
    """Search every scenario on every package and print the table."""
    names = [name for name in arguments if not name.startswith("--")] or SCENARIOS
    model: CostModel | str = OneSample() if "--one-sample" in arguments else "loopnest"
    schedule("alexnet", "het-2x2", scheduler="scar", cost_model=model)  # so that kernels are compiled
    print("| scenario | package | DRAM x | busy | bound | latency ms | energy mJ | EDP J s | wall s | processor s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in names:
        for package in PACKAGES:
            full = f"arvr-{package}" if name.startswith("arvr") else package
            wall_s, processor_s = time.perf_counter(), time.process_time()
            result = schedule(name, full, scheduler="scar", cost_model=model)
            spent = time.perf_counter() - wall_s, time.process_time() - processor_s
            print(row(name, package, result, *spent), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
