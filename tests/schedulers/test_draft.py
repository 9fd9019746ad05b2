"""Drafts: what they cost is what the evaluator says of the schedule they become; polishing never makes them worse."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.tables.regions import Ground, region_sizes
from chipweave.hardware.snake import snake
from chipweave.plan.objective import NAMED
from chipweave.plan.objective import objective as objective_named
from chipweave.plan.problem import Fidelity
from chipweave.plan.schedule import Schedule, Window
from chipweave.schedulers.draft import Draft, DraftCosts, DraftStage, DraftWindow, pipeline_from
from chipweave.schedulers.fronts import non_dominated
from chipweave.schedulers.scope.polish import SearchSpace, polish
from chipweave.schedulers.scope.scheduler import FULL_PIPELINE, MERGED, SEGMENTED, SEQUENTIAL, _prices
from chipweave.schedulers.search import Request
from tests.schedulers.scope.test_schedulers import PACKAGES, problem_of
from tests.support import seeds

SPACES = {"merged": MERGED, "segmented": SEGMENTED, "full": FULL_PIPELINE, "sequential": SEQUENTIAL}


def ground_of(seed: int, fidelity: Fidelity, l2_bytes: int = 2000) -> Ground:
    package = PACKAGES[("mesh", "ring", "triangular")[seed % 3]](l2_bytes, 1 + seed % 2)
    problem = problem_of(seed, package, fidelity)
    order = snake(package)
    return Ground(prepare(problem), 0, order, region_sizes(len(order)))


def schedule_of(draft: Draft, ground: Ground) -> Schedule:
    return Schedule(tuple(Window((pipeline_from(window, ground),)) for window in draft))


def stages_of(rng: random.Random, first: int, end: int, chiplets: int, space: SearchSpace) -> tuple[DraftStage, ...]:
    units = end - first
    if space.whole_package:
        ends = [end]
    elif space.one_unit_a_stage:
        ends = list(range(first + 1, end + 1))
    else:
        many = rng.randint(1, min(units, chiplets))
        ends = [*sorted(rng.sample(range(first + 1, end), many - 1)), end]
    left, at, made = chiplets, first, []
    for number, to in enumerate(ends):
        size = chiplets if space.whole_package else rng.randint(1, left - (len(ends) - number - 1))
        made.append(DraftStage(to, size, tuple(rng.randint(0, 1) for _ in range(at, to))))
        left, at = left - size, to
    return tuple(made)


def random_draft(rng: random.Random, exact: DraftCosts, space: SearchSpace) -> Draft | None:
    """Of the space, with micro-batches that fit; None where one layer a stage finds no room."""
    units, chiplets, batch = len(exact.ground.model.units), len(exact.ground.order), exact.ground.batch
    cuts = [cut for cut in range(1, units) if space.windows != 1 and rng.random() < 0.4]
    windows = []
    for first, end in zip([0, *cuts], [*cuts, units], strict=True):
        if space.one_unit_a_stage and end - first > chiplets:
            return None
        stages = stages_of(rng, first, end, chiplets, space)
        sizes = [rng.randint(1, batch), 1]
        fitting = (DraftWindow(first, size, stages) for size in sizes)
        windows.append(next(window for window in fitting if exact.window(window) is not None))
    return tuple(windows)


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(8, 40))
def test_a_draft_costs_what_its_schedule_does(seed: int, fidelity: Fidelity) -> None:
    """Several of one `DraftCosts`, which keeps stages: none is taken for another's."""
    rng = random.Random(seed)
    exact = DraftCosts(ground_of(seed, fidelity, (300, 2000, 20_000)[seed % 3]))
    for _ in range(8):
        draft = random_draft(rng, exact, MERGED)
        assert draft is not None
        schedule = schedule_of(draft, exact.ground)
        assert faults_of(schedule, exact.ground.ready.problem) == []
        evaluation = evaluate(schedule, exact.ground.ready.problem)
        latency_s, energy_j = exact.require(draft)
        assert latency_s == pytest.approx(evaluation.latency_s, rel=1e-13)
        assert energy_j == pytest.approx(evaluation.energy_j, rel=1e-13)
        for window, whole in zip(draft, evaluation.windows, strict=True):
            figures = exact.window(window)
            assert figures is not None
            assert figures[2] == whole.pipelines[0].stages


@pytest.mark.parametrize("fidelity", list(Fidelity))
def test_what_does_not_fit_costs_nothing_known(fidelity: Fidelity) -> None:
    for seed in range(6):
        exact = DraftCosts(ground_of(seed, fidelity, 150))
        units, batch = len(exact.ground.model.units), exact.ground.batch
        stages = (DraftStage(units, 2, (0,) * units),)
        for size in range(2, batch + 1):
            draft = (DraftWindow(0, size, stages),)
            fits = faults_of(schedule_of(draft, exact.ground), exact.ground.ready.problem) == []
            assert (exact.cost(draft) is not None) == fits


@pytest.mark.parametrize("goal", ["energy", "edp", "log(latency)"])
@pytest.mark.parametrize("name", list(SPACES))
@pytest.mark.parametrize("seed", [1, 2, pytest.param(3, marks=pytest.mark.slow), 4])
def test_polish_never_worsens_and_stays_in_its_space(seed: int, name: str, goal: str) -> None:
    rng, space = random.Random(seed), SPACES[name]
    exact, value = DraftCosts(ground_of(seed, list(Fidelity)[seed % 2])), objective_named(goal)
    starts = [draft for _ in range(3) if (draft := random_draft(rng, exact, space)) is not None]
    if not starts:
        return
    for own in {space, replace(space, windows=space.windows or max(map(len, starts)))}:
        made = polish(starts, exact, own, value, 1, Request(value))
        assert value(*exact.require(made)) <= min(value(*exact.require(draft)) for draft in starts)
        assert own.holds(made, len(exact.ground.order))
        assert own.windows is None or len(made) <= own.windows
        assert faults_of(schedule_of(made, exact.ground), exact.ground.ready.problem) == []


def test_polish_keeps_to_its_micro_batch() -> None:
    exact = DraftCosts(ground_of(1, Fidelity.DETAILED, 20_000))
    units = len(exact.ground.model.units)
    start = (DraftWindow(0, 1, (DraftStage(units, 3, (0,) * units),)),)
    made = polish([start], exact, SearchSpace(micro_batch=1), NAMED["latency"], 2, Request(objective_named("latency")))
    assert made != start
    assert {window.micro_batch for window in made} == {1}


def test_polish_without_rounds_or_time_returns_the_best_start() -> None:
    exact = DraftCosts(ground_of(2, Fidelity.DETAILED))
    units, edp = len(exact.ground.model.units), objective_named("edp")
    starts = [(DraftWindow(0, 1, (DraftStage(units, size, (p,) * units),)),) for size in (1, 2, 4) for p in (0, 1)]
    best = min(edp(*exact.require(start)) for start in starts)
    for rounds, stop in ((0, False), (3, True)):
        made = polish(starts, exact, MERGED, edp, rounds, Request(edp, stop=lambda stop=stop: stop))
        assert edp(*exact.require(made)) == best


# Objectives ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "prices"),
    [
        (lambda s, j: s, ()),
        (lambda s, j: s * j, (1.0, 3.0, 9.0)),  # a joule is worth L / E = 3 seconds
        (lambda s, j: s * s * j, (0.5, 1.5, 4.5)),  # L / (2 E)
        (lambda s, j: s + 2 * j, (2 / 3, 2.0, 6.0)),
        (lambda s, j: j, (3.0, 10.0, 30.0, 90.0)),  # ten times as much as for EDP, and as for EDP
    ],
)
def test_a_joule_is_worth_what_the_slopes_say(
    value: Callable[[float, float], float], prices: tuple[float, ...]
) -> None:
    """At 6 s and 2 J."""
    assert _prices(value, 6.0, 2.0) == pytest.approx(prices, rel=1e-3)


@pytest.mark.parametrize("seed", range(10))
def test_the_front_is_what_nothing_beats(seed: int) -> None:
    rng = random.Random(seed)
    costs = [(float(rng.randint(1, 9)), float(rng.randint(1, 9))) for _ in range(rng.randint(1, 20))]
    front = non_dominated(costs)
    beaten = {a for a in costs for b in costs if b != a and b[0] <= a[0] and b[1] <= a[1]}
    assert list(front) == sorted(set(costs) - beaten)
