"""Scope's schedules among all of their space; how that space is counted is itself held against plain enumeration."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.tables.regions import Ground, region_sizes
from chipweave.hardware.snake import snake
from chipweave.plan.objective import objective
from chipweave.plan.problem import Problem, pose
from chipweave.plan.schedule import Schedule, Window
from chipweave.reproduction.scope.exhaustive import Everything, bounds, cut_model, drafts, mesh
from chipweave.schedulers.draft import Draft, pipeline_from
from chipweave.schedulers.scope.scheduler import scope
from chipweave.schedulers.search import Request
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo import build_model


def posed(name: str, first: int, end: int, batch: int, columns: int, l2_bytes: int) -> Problem:
    model = cut_model(build_model(name), first, end)
    return pose(Scenario("cut", (Task("cut", model, batch),)), mesh(columns, l2_bytes), MaestroCostModel())


def as_schedule(draft: Draft, ground: Ground) -> Schedule:
    return Schedule(tuple(Window((pipeline_from(window, ground),)) for window in draft))


@pytest.mark.parametrize(
    ("name", "first", "end", "l2_bytes"),
    [("resnet18", 0, 3, 1 << 20), pytest.param("resnet50", 20, 23, 1 << 18, marks=pytest.mark.slow)],
)
def test_the_count_is_that_of_plain_enumeration(name: str, first: int, end: int, l2_bytes: int) -> None:
    problem = posed(name, first, end, 3, 2, l2_bytes)
    order = snake(problem.package)
    everything = Everything(Ground(prepare(problem), 0, order, region_sizes(len(order))), bounds(problem, order))
    exact, chiplets, batch = everything.exact, everything.chiplets, everything.ground.batch
    windows = {
        (a, b): np.array([c[0] for d in drafts(a, b, chiplets, batch) if (c := exact.window(d)) is not None])
        for a, b in everything.spans
    }
    latencies = []
    for cuts in product((False, True), repeat=everything.units - 1):
        ends = [0, *(unit + 1 for unit, here in enumerate(cuts) if here), everything.units]
        total = np.zeros(1)
        for span in pairwise(ends):
            total = np.add.outer(total, windows[span]).ravel()
        latencies.append(total)
    every = np.sort(np.concatenate(latencies))
    assert everything.population() == len(every)
    for rank in (0, 1, 5, 40, 300):
        limit_s = float(every[rank]) * (1 + 1e-9)
        better, best = everything.better_than(limit_s)
        assert better == np.searchsorted(every, limit_s)
        assert best is not None
        assert best[0] == pytest.approx(every[0], rel=1e-12)
        schedule = as_schedule(best[1], everything.ground)
        assert faults_of(schedule, problem) == []
        assert evaluate(schedule, problem).latency_s == pytest.approx(best[0], rel=1e-12)
    assert everything.better_than(float(every[0])) == (0, None)


@pytest.mark.parametrize(
    ("name", "first", "end", "columns"),
    [
        pytest.param(*part, columns, marks=() if (*part, columns) == ("alexnet", 0, 3, 2) else pytest.mark.slow)
        for part in [("alexnet", 0, 3), ("alexnet", 0, 4), ("alexnet", 0, 5), ("vgg16", 0, 5), ("resnet18", 0, 5)]
        for columns in (2, 3)
    ],
)
def test_scope_is_among_the_best(name: str, first: int, end: int, columns: int) -> None:
    """Within the best 0.05 % of all schedules, and 1 % of the best."""
    problem = posed(name, first, end, 4, columns, 1 << 20)
    order = snake(problem.package)
    everything = Everything(Ground(prepare(problem), 0, order, region_sizes(len(order))), bounds(problem, order))
    latency_s = evaluate(scope(problem, Request(objective("throughput"))).schedule, problem).latency_s
    better, best = everything.better_than(latency_s)
    assert better <= 0.0005 * everything.population()
    assert best is None or latency_s <= 1.01 * best[0]
