"""`weave` and `optimal`: valid, never worse than what they start from, never below what they prove, always the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from chipweave.cost.interface import LayerCosts
from chipweave.errors import InfeasibleError, InputError
from chipweave.evaluation.audit import faults_of_proof
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.lines import least
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package
from chipweave.plan.certificate import Space
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.schedulers import scheduler
from chipweave.schedulers.exact import Exact
from chipweave.schedulers.search import Found, Request
from chipweave.schedulers.weave.draft import Judge, draft_of
from chipweave.schedulers.weave.lines import lines_of, slots_of
from chipweave.schedulers.weave.options import WeaveOptions
from chipweave.schedulers.weave.place import regions_of
from chipweave.workload.layer import Layer
from chipweave.workload.scenario import Scenario
from tests.support import RoundNumbers, random_package, random_problem, seeds

STEPS = WeaveOptions(steps=300)


def found_by(name: str, ready: Prepared, goal: str = "edp", jobs: int = 1, steps: WeaveOptions = STEPS) -> Found:
    options = steps if name in ("weave", "optimal") else None
    return scheduler(name)(ready, Request(objective(goal), seed=1, jobs=jobs, options=options))


def value_of(found: Found, ready: Prepared, goal: str = "edp") -> float:
    evaluation = evaluate(found.schedule, ready)
    return objective(goal)(evaluation.latency_s, evaluation.energy_j)


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds([1, 2], 3))
def test_valid_and_no_worse_than_others_and_no_better_than_proven(seed: int, fidelity: Fidelity) -> None:
    goal = ("edp", "latency", "energy * latency ** 2")[seed % 3]
    ready = prepare(random_problem(random.Random(seed), fidelity))
    others = {name: value_of(found_by(name, ready, goal), ready, goal) for name in ("scar", "scope", "nn-baton")}
    for name, space, beaten in (
        ("weave", Space.REGIONS, tuple(others)),
        ("optimal", Space.ONE_CHIPLET, ("scar",)),
    ):
        found = found_by(name, ready, goal)
        assert faults_of(found.schedule, ready) == []
        value = value_of(found, ready, goal)
        assert value <= min(others[each] for each in beaten) * (1 + 1e-12)
        assert found.proof is not None
        assert found.proof.of is space
        assert least(objective(goal), found.proof.lines)[0] <= value * (1 + 1e-12)
        assert faults_of_proof(ready, found.proof) == []
        assert found.history[-1][1] == pytest.approx(value)
        if name == "optimal":
            assert found.schedule.largest_region == 1


def test_the_same_on_any_number_of_threads() -> None:
    ready = [prepare(random_problem(random.Random(2), Fidelity.DETAILED)) for _ in range(2)]
    few = WeaveOptions(steps=100)
    one, two = found_by("weave", ready[0], steps=few), found_by("weave", ready[1], jobs=2, steps=few)
    assert one.schedule == two.schedule
    assert one.proof == two.proof
    assert one.front == two.front


def limited(problem: Problem, limits: dict[str, float], after: str | None = None) -> Prepared:
    tasks = [replace(task, latency_limit_s=limits.get(task.name)) for task in problem.scenario.tasks]
    if after is not None:
        tasks[1] = replace(tasks[1], depends_on=after)
    scenario = Scenario("limited", tuple(tasks))
    return prepare(pose(scenario, problem.package, problem.cost_model, problem.fidelity))


@pytest.mark.parametrize("seed", [2, pytest.param(11, marks=pytest.mark.slow)])
def test_limits_and_dependencies_are_kept(seed: int) -> None:
    problem = random_problem(random.Random(seed), Fidelity.DETAILED)
    first = problem.scenario.tasks[0].name
    few = WeaveOptions(steps=100)
    fast = found_by("weave", limited(problem, {}, first), "latency", steps=few)
    limit_s = 1.05 * evaluate(fast.schedule, prepare(problem)).task_latency_s(0)
    ready = limited(problem, {first: limit_s}, first)
    found = found_by("weave", ready, steps=few)
    assert faults_of(found.schedule, ready) == []
    assert evaluate(found.schedule, ready).task_latency_s(0) <= limit_s


def test_a_limit_that_nothing_meets() -> None:
    problem = random_problem(random.Random(11), Fidelity.DETAILED)
    first = problem.scenario.tasks[0].name
    with pytest.raises(InfeasibleError, match=f"'{first}' must end by 1e-12 s, but .* impossible"):
        found_by("weave", limited(problem, {first: 1e-12}))


def test_a_search_of_many_layers_ends_near_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not asked to: only where nothing else ends it."""
    problem = random_problem(random.Random(2), Fidelity.DETAILED, tasks=1, most=3)
    monkeypatch.setattr("chipweave.schedulers.weave.scheduler.LARGE", 1)
    monkeypatch.setattr("chipweave.schedulers.weave.scheduler.CLOSE_TO_IT", 0.9)
    goal = objective("edp")
    near = scheduler("weave")(prepare(problem), Request(goal))
    far = scheduler("weave")(prepare(problem), Request(goal, options=WeaveOptions(steps=50)))
    assert near.proof is not None
    assert least(goal, near.proof.lines)[0] >= 0.1 * value_of(near, prepare(problem), "edp")
    assert any("proven to be left" in note for note in near.notes)
    assert not any("proven to be left" in note for note in far.notes)


def test_options_are_held_against_their_bounds() -> None:
    with pytest.raises(InputError, match="gap=2"):
        WeaveOptions(gap=2.0)
    with pytest.raises(InputError, match="gap=nan is not a finite number"):
        WeaveOptions(gap=float("nan"))
    with pytest.raises(InputError, match="steps=-1"):
        WeaveOptions(steps=-1)


@pytest.mark.parametrize("seed", range(20))
def test_lines_and_regions(seed: int) -> None:
    """Every chiplet is in one line, links join neighbours in it, and regions are disjoint runs."""
    rng = random.Random(seed)
    package = random_package(rng, rng.randint(1, 4), rng.randint(1, 4))
    lines = lines_of(package)
    everyone = sorted(chiplet for own in lines for line in own for chiplet in line)
    assert everyone == list(range(len(package.chiplets)))
    for number, own in enumerate(lines):
        for line in own:
            assert {package.class_of[chiplet] for chiplet in line} == {number}
            assert all(b in package.neighbours[a] for a, b in pairwise(line))
    for slots in slots_of(package):
        assert sum(group.chiplets for group in slots.groups) == len(package.chiplets)
    ready = prepare(pose(random_problem(rng, Fidelity.PAPER).scenario, package, RoundNumbers(), Fidelity.PAPER))
    needs, left = [], [package.class_of.count(number) for number in range(len(package.classes))]
    while sum(left):
        number = rng.choice([number for number, free in enumerate(left) if free])
        needs.append((number, rng.randint(1, left[number])))
        left[number] -= needs[-1][1]
    regions = regions_of(ready, needs)
    assert len({chiplet for region in regions for chiplet in region}) == sum(map(len, regions))
    for region, (number, chiplets) in zip(regions, needs, strict=True):
        assert 1 <= len(region) <= chiplets
        assert {package.class_of[chiplet] for chiplet in region} == {number}


def test_a_schedule_is_the_draft_that_it_becomes() -> None:
    ready = prepare(random_problem(random.Random(5), Fidelity.DETAILED))
    found = found_by("weave", ready)
    draft = draft_of(ready, found.schedule)
    judge = Judge(ready, Exact(ready), objective("edp"))
    if draft is not None:  # no region has chiplets of several classes
        again = judge.schedule(draft)
        assert draft_of(ready, again) == draft
        assert faults_of(again, ready) == []


@dataclass(frozen=True)
class Whole:
    """Knows whole layers alone."""

    name: str = "whole"

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        if any(layer.out_y < 4 or layer.out_x < 4 or " rows, " in layer.name for layer in layers):
            raise InputError(["a part of a layer"])
        return RoundNumbers().costs(layers, chiplet)


def test_a_cost_model_without_parts_of_layers_gets_one_chiplet_a_stage() -> None:
    """On a star, whose chiplets no line goes through."""
    one, other = (Chiplet(name, l2_bytes=2000, num_pes=16) for name in "ab")
    star = Package("star", (one, other, one, other, one), ((0, 1), (0, 2), (0, 3), (0, 4)), interfaces=(0,))
    scenario = random_problem(random.Random(1), Fidelity.DETAILED).scenario
    for model, largest in ((Whole(), 1), (RoundNumbers(), 3)):
        ready = prepare(pose(scenario, star, model, Fidelity.DETAILED))
        found = found_by("weave", ready)
        assert faults_of(found.schedule, ready) == []
        assert found.schedule.largest_region <= largest
        assert any("one chiplet a stage" in note for note in found.notes) == (largest == 1)
