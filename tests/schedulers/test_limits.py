"""Limits bind every search, whoever else keeps them; and what one objective finds, another does not dominate."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

import chipweave
from chipweave.errors import InfeasibleError
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.record import Evaluation
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.schedulers import scheduler
from chipweave.schedulers.rescue import within_limits
from chipweave.schedulers.search import Request
from chipweave.schedulers.weave.options import WeaveOptions
from tests.support import RoundNumbers, random_problem, seeds

SIDE_BY_SIDE = ("scar", "standalone", "nn-baton")
OTHERS = ("scope", "sequential", "segmented-pipeline")
ALIKE = ("edp", "sqrt(latency * energy)", "log(latency) + log(energy)")


def some(seed: int) -> Problem:
    return random_problem(random.Random(seed), Fidelity.DETAILED, tasks=2, most=3)


def request(goal: str, name: str) -> Request:
    return Request(objective(goal), options=WeaveOptions(steps=200) if name in ("weave", "optimal") else None)


def figures(problem: Problem, name: str, goal: str) -> Evaluation:
    return evaluate(scheduler(name)(problem, request(goal, name)).schedule, problem)


def limited(problem: Problem, limits_s: Sequence[float | None], **whole: float) -> Problem:
    pairs = zip(problem.scenario.tasks, limits_s, strict=True)
    tasks = tuple(replace(task, latency_limit_s=limit) for task, limit in pairs)
    return replace(problem, scenario=replace(problem.scenario, tasks=tasks, **whole))  # type: ignore[arg-type]


def ends(evaluation: Evaluation, problem: Problem) -> list[float]:
    return [evaluation.task_latency_s(task) for task in range(len(problem.scenario.tasks))]


@pytest.mark.parametrize("seed", seeds([1, 2, 4], 6))
def test_limits_that_one_keeps_all_keep(seed: int) -> None:
    """What any scheduler finds for latency keeps limits of its own times: so every other finds a schedule, too."""
    rng, problem = random.Random(seed), some(seed)
    met = figures(problem, rng.choice([*SIDE_BY_SIDE, *OTHERS]), "latency")
    bound = limited(problem, ends(met, problem))
    for name in (rng.choice(SIDE_BY_SIDE), rng.choice(OTHERS)):
        found = within_limits(name, prepare(bound), request("energy", name))
        for end_s, limit_s in zip(ends(evaluate(found.schedule, bound), bound), ends(met, problem), strict=True):
            assert end_s <= limit_s * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_scar_keeps_by_itself_what_it_finds_for_another_objective(seed: int) -> None:
    problem = some(seed)
    met = figures(problem, "scar", "latency")
    bound = limited(problem, ends(met, problem))
    own = figures(bound, "scar", "edp")
    assert all(end <= limit * (1 + 1e-9) for end, limit in zip(ends(own, bound), ends(met, problem), strict=True))
    looser = limited(problem, [2 * limit for limit in ends(met, problem)])
    assert figures(looser, "scar", "edp").edp_js <= own.edp_js * (1 + 1e-9)


@pytest.mark.parametrize("name", [*SIDE_BY_SIDE, "scope"])
def test_limits_of_the_whole_are_kept(name: str) -> None:
    problem = some(5)
    fast, thrifty = (figures(problem, name, goal) for goal in ("latency", "energy"))
    middle_s = (fast.latency_s + thrifty.latency_s) / 2
    quick = figures(limited(problem, [None, None], latency_limit_s=middle_s), name, "energy")
    assert quick.latency_s <= middle_s * (1 + 1e-9)
    assert quick.energy_j >= thrifty.energy_j * (1 - 1e-9)
    middle_j = (fast.energy_j + thrifty.energy_j) / 2
    lean = figures(limited(problem, [None, None], energy_limit_j=middle_j), name, "latency")
    assert lean.energy_j <= middle_j * (1 + 1e-9)
    power_w = thrifty.energy_j / thrifty.latency_s
    cool = figures(limited(problem, [None, None], power_limit_w=power_w), name, "latency")
    assert cool.energy_j / cool.latency_s <= power_w * (1 + 1e-9)


@pytest.mark.parametrize("name", [*SIDE_BY_SIDE, "scope"])
@pytest.mark.parametrize("seed", seeds([1, 2], 3))
def test_objectives_that_order_alike_find_the_same(seed: int, name: str) -> None:
    problem = some(seed)
    scenario, package = problem.scenario, problem.package
    found = [
        chipweave.schedule(scenario, package, scheduler=name, objective=goal, cost_model=RoundNumbers())
        for goal in ALIKE
    ]
    assert len({result.schedule for result in found}) == 1
    for goal, result in zip(ALIKE, found, strict=True):
        assert result.objective == goal
        assert result.value == objective(goal)(result.evaluation.latency_s, result.evaluation.energy_j)


@pytest.mark.parametrize(
    "name",
    [*SIDE_BY_SIDE, "simba", *OTHERS, "full-pipeline", "optimal", pytest.param("weave", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("seed", seeds([1], 12))
def test_no_objective_is_beaten_by_another_at_its_own(seed: int, name: str) -> None:
    problem = some(seed)
    if name == "simba":
        chiplets = (problem.package.chiplets[0],) * len(problem.package.chiplets)
        problem = pose(problem.scenario, replace(problem.package, chiplets=chiplets), RoundNumbers(), problem.fidelity)
    none_beaten(problem, name)


def test_no_objective_of_weave_is_beaten_by_another_at_its_own() -> None:
    """On a small problem; on those of the others it takes minutes."""
    none_beaten(random_problem(random.Random(3), Fidelity.DETAILED, tasks=1, rows=1, columns=2, most=3), "weave")


def none_beaten(problem: Problem, name: str) -> None:
    found = {goal: figures(problem, name, goal) for goal in ("latency", "energy", "edp")}
    for other in found.values():
        assert found["energy"].energy_j <= other.energy_j * (1 + 1e-12)
        assert found["latency"].latency_s <= other.latency_s * (1 + 1e-12)
        assert found["edp"].edp_js <= other.edp_js * (1 + 1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_scar_is_never_worse_than_one_chiplet_a_model(seed: int) -> None:
    problem = some(seed)
    for goal in ("latency", "energy"):
        alone, free = figures(problem, "standalone", goal), figures(problem, "scar", goal)
        assert free.latency_s <= alone.latency_s * (1 + 1e-12) or goal == "energy"
        assert free.energy_j <= alone.energy_j * (1 + 1e-12) or goal == "latency"


def test_what_cannot_be_met_is_told_limit_by_limit() -> None:
    problem = limited(some(1), [1e-12, 1e3])
    with pytest.raises(InfeasibleError, match=r"'m0' must end by 1e-12 s, but .*impossible") as caught:
        within_limits("scar", prepare(problem), request("edp", "scar"))
    assert "'m1' ends at" in str(caught.value)
    assert "its limit is 1000 s (kept)" in str(caught.value)
