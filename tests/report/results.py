"""Small results for tests of reports, made in milliseconds."""

from __future__ import annotations

import random
from dataclasses import replace

from chipweave.evaluation.check import faults_of
from chipweave.files.package_file import resolve_package
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.results.result import Result, Search, assess
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.support import RoundNumbers, random_problem, random_schedule

SEARCH = Search("scar", {}, 0, 1.5, 1234, ((1.0, 2.0), (2.0, 1.0)), True, ("a note of the search",))


def random_result(seed: int, fidelity: Fidelity = Fidelity.DETAILED, windows: int = 2) -> Result:
    """Three random models with skips and slices on a random package of 2 x 3 chiplets."""
    rng = random.Random(seed)
    problem = random_problem(rng, fidelity, tasks=3, rows=2, columns=3)
    schedule = random_schedule(rng, problem, windows=windows)
    return assess(problem, {"name": "round-numbers"}, schedule, objective("edp"), SEARCH)


def chain_result(
    package_name: str, *windows: list[tuple[int, list[int]]], batch: int = 4, micro_batch: int = 1, name: str = "net"
) -> Result:
    """A chain of equal layers; per window its stages as (layers, chiplets)."""
    package = resolve_package(package_name)
    count = sum(layers for window in windows for layers, _ in window)
    layers = tuple(Layer(f"layer{i}", Op.CONV, K=8, C=8, Y=16, X=16) for i in range(count))
    model = Model(name, layers, tuple(Edge(i - 1, i, 8 * 16 * 16) for i in range(count)))
    problem = pose(Scenario(name, (Task(name, model, batch),)), package, RoundNumbers(), Fidelity.DETAILED)
    at, made = 0, []
    for window in windows:
        stages = []
        for many, chiplets in window:
            words = (Partition.WEIGHT_SHARED,) * many if len(chiplets) > 1 else ()
            stages.append(Stage(at, at + many - 1, tuple(chiplets), words))
            at += many
        made.append(Window((Pipeline(0, tuple(stages), micro_batch),)))
    schedule = Schedule(tuple(made))
    assert faults_of(schedule, problem) == []
    return assess(problem, {"name": "round-numbers"}, schedule, objective("edp"), SEARCH)


def slow_dram(result: Result, dram_bandwidth_bytes_s: float) -> Result:
    """The same schedule on a package with another DRAM."""
    package = replace(result.problem.package, dram_bandwidth_bytes_s=dram_bandwidth_bytes_s)
    problem = replace(result.problem, package=package)
    return assess(problem, result.cost_model, result.schedule, objective("edp"), result.search)
