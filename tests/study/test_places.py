from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations

import pytest

from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.plan.problem import Fidelity
from chipweave.plan.schedule import Schedule
from chipweave.study.places import better_places, exchanges
from tests.support import random_problem, random_schedule, seeds


def exchanged(plan: Schedule, at: int, one: int, other: int) -> Schedule:
    """Two chiplets of a window exchanged, the plain way."""
    places = {one: other, other: one}

    def window(index: int) -> object:
        found = plan.windows[index]
        if index != at:
            return found
        pipelines = tuple(
            replace(p, stages=tuple(replace(s, chiplets=(places.get(s.chiplet, s.chiplet),)) for s in p.stages))
            for p in found.pipelines
        )
        return replace(found, pipelines=pipelines)

    return replace(plan, windows=tuple(map(window, range(len(plan.windows)))))


def but_for_places(plan: Schedule) -> list[object]:
    return [
        (window, pipeline.task, pipeline.micro_batch, [stage.layers for stage in pipeline.stages])
        for window, pipeline in plan.pipelines()
    ]


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(10, 25))
def test_no_exchange_is_left_that_helps(seed: int, fidelity: Fidelity) -> None:
    """Held against the plain evaluator; cuts and micro-batches are those of the schedule given."""
    rng = random.Random(seed)
    problem = random_problem(rng, fidelity)
    before = random_schedule(rng, problem)
    after = better_places(problem, before)
    assert not faults_of(after, problem)
    assert but_for_places(after) == but_for_places(before)
    least = evaluate(after, problem).edp_js
    assert least <= evaluate(before, problem).edp_js * (1 + 1e-9)
    for at in range(len(after.windows)):
        for one, other in combinations(range(len(problem.package.chiplets)), 2):
            other_plan = exchanged(after, at, one, other)
            if not faults_of(other_plan, problem):  # a micro-batch may fit one chiplet's L2 and not another's
                assert evaluate(other_plan, problem).edp_js >= least * (1 - 1e-8)


def test_some_schedules_do_get_better() -> None:
    better = 0
    for seed in range(25):
        rng = random.Random(seed)
        problem = random_problem(rng, Fidelity.DETAILED)
        plan = random_schedule(rng, problem)
        better += evaluate(better_places(problem, plan), problem).edp_js < 0.99 * evaluate(plan, problem).edp_js
    assert better > 5


def test_exchanges_of_three() -> None:
    assert exchanges(3).tolist() == [[0, 1, 2], [1, 0, 2], [2, 1, 0], [0, 2, 1]]
