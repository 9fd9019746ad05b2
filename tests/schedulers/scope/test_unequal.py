"""A larger chiplet among equal ones: no schedule becomes slower for it, wherever it is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.schedulers import scheduler
from chipweave.schedulers.search import Request
from chipweave.schedulers.weave.options import WeaveOptions
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.plain_regions import Proportional
from tests.evaluation.exact.test_unequal import PLACES, package, products


def problem_of(large: Sequence[int]) -> Problem:
    model, batch = products(2)
    return pose(Scenario("s", (Task("m", model, batch),)), package(large), Proportional(), Fidelity.DETAILED)


def latency_s(name: str, large: Sequence[int]) -> float:
    problem = problem_of(large)
    options = WeaveOptions(steps=300) if name == "weave" else None
    found = scheduler(name)(problem, Request(objective("latency"), seed=1, options=options))
    assert faults_of(found.schedule, problem) == []
    return evaluate(found.schedule, problem).latency_s


@pytest.mark.parametrize(
    "name", ["sequential", *(pytest.param(name, marks=pytest.mark.slow) for name in ("scope", "weave"))]
)
def test_a_larger_chiplet_makes_schedules_faster(name: str) -> None:
    small = latency_s(name, ())
    for large in PLACES:
        assert latency_s(name, large) < 0.97 * small, large
