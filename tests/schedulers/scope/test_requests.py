"""Odd requests: objectives below 0, limits that cannot be met, several models' fronts, and a stop at once."""

from __future__ import annotations

import pytest

from chipweave.errors import InfeasibleError
from chipweave.plan.objective import objective
from chipweave.schedulers import scheduler
from chipweave.schedulers.scope.options import RegionOptions
from chipweave.schedulers.search import Request
from tests.schedulers.scope.test_schedulers import NAMES, PACKAGES, belongs, for_goal, problem_of, value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("goal", ["log(latency)", "latency - 1", "-1 / energy"])
def test_an_objective_below_0_finds_what_it_would_above(name: str, goal: str) -> None:
    """It falls with latency, or with energy, alone: nothing is better by that than what is found for it."""
    same = "energy" if "energy" in goal else "latency"
    problem, plain = for_goal(name, same)
    best, found = value(plain, problem, same), scheduler(name)(problem, Request(objective(goal)))
    assert value(found, problem, goal) < 0
    assert value(found, problem, same) <= 1.02 * best


@pytest.mark.parametrize("name", NAMES)
def test_the_front_of_several_models_holds_what_is_found_as_its_best(name: str) -> None:
    problem = problem_of(12, PACKAGES["mesh"](2000, 2), tasks=3, most=3)
    goal = objective("edp")
    found = scheduler(name)(problem, Request(goal))
    best = min(goal(latency_s, energy_j) for latency_s, energy_j in found.front)
    assert best == pytest.approx(value(found, problem, "edp"), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_stopped_at_once_there_is_a_schedule_of_the_right_kind(name: str) -> None:
    problem = problem_of(7, PACKAGES["mesh"](2000, 1), tasks=2)
    found = scheduler(name)(problem, Request(objective("edp"), stop=lambda: True))
    value(found, problem, "edp")
    assert belongs(found.schedule, problem, name) or name == "scope"
    assert not found.complete


def test_too_few_windows_for_one_layer_a_stage() -> None:
    problem = next(
        made
        for seed in range(50)
        if len((made := problem_of(seed, PACKAGES["two"](2000, 1))).scenario.tasks[0].model.units) == 5
    )
    request = Request(objective("edp"), options=RegionOptions(windows=2))
    with pytest.raises(InfeasibleError, match="'m0': windows=2 of 2 chiplets do not hold 5 layers, one a stage; raise"):
        scheduler("segmented-pipeline")(problem, request)
    value(scheduler("scope")(problem, request), problem, "edp")
