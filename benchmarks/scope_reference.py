"""Scope's schedules beside the best that its tables allow (`tests/schedulers/scope/table_bound.py`), on larger
instances.

    python -m benchmarks.scope_reference [--batch 16] [--tolerance 0.01] [--networks ...] [--packages ...]

Per instance, in milliseconds: scope's schedule (objective `throughput`) and the reference's, both evaluated exactly;
the reference's improved by scope's own polishing; the reference's by the tables, with the bound below which no schedule
gets by the tables.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np

from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.tables.regions import Ground
from chipweave.files.package_file import resolve_package
from chipweave.hardware.snake import snake
from chipweave.plan.objective import objective
from chipweave.plan.problem import micro_batch_candidates, pose
from chipweave.schedulers.draft import DraftCosts, DraftWindow
from chipweave.schedulers.scope.polish import SearchSpace, polish
from chipweave.schedulers.scope.scheduler import scope
from chipweave.schedulers.search import Request
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo import build_model
from tests.schedulers.scope.table_bound import reference

NETWORKS = ["alexnet", "vgg16", "darknet19", "resnet18", "resnet34"]
PACKAGES = ["mesh-16", "mesh-36", "mesh-64"]
ROUNDS = 2


def fitting(window: DraftWindow, exact: DraftCosts) -> DraftWindow:
    """With the largest micro-batch, halved as often as needed, that fits L2: the tables estimate what fits."""
    while exact.window(window) is None:
        window = replace(window, micro_batch=window.micro_batch // 2)
    return window


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--tolerance", type=float, default=0.01)
    parser.add_argument("--networks", nargs="*", default=NETWORKS)
    parser.add_argument("--packages", nargs="*", default=PACKAGES)
    arguments = parser.parse_args()
    request = Request(objective("throughput"))
    print(
        "| network | package | scope | reference | improved | by tables | bound by tables | "
        "scope / best of reference | scope / bound | scope s | reference s |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name in arguments.networks:
        for package_name in arguments.packages:
            package, model = resolve_package(package_name), build_model(name)
            scenario = Scenario(name, (Task(name, model, arguments.batch),))
            problem = pose(scenario, package, MaestroCostModel())
            started = time.perf_counter()
            ours_s = evaluate(scope(problem, request).schedule, problem).latency_s
            scope_s = time.perf_counter() - started
            started = time.perf_counter()
            order = snake(package)
            ground = Ground(prepare(problem), 0, order, np.arange(1, len(order) + 1))
            best = reference(ground, micro_batch_candidates(arguments.batch), arguments.tolerance)
            reference_s = time.perf_counter() - started
            exact = DraftCosts(ground)
            draft = tuple(fitting(window, exact) for window in best.draft)
            theirs_s = exact.require(draft)[0]
            better = polish([draft], exact, SearchSpace(), lambda latency_s, energy_j: latency_s, ROUNDS, request)
            better_s = exact.require(better)[0]
            figures = (ours_s, theirs_s, better_s, best.latency_s, best.bound_s)
            print(
                f"| {name} | {package_name} | {' | '.join(f'{1e3 * each:.4f}' for each in figures)} | "
                f"{ours_s / min(theirs_s, better_s):.4f} | {ours_s / best.bound_s:.4f} | {scope_s:.1f} | "
                f"{reference_s:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
