"""Pipelines under prices: no stage takes less than its least, and the shortest path is the one of all paths."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

import numpy as np
import pytest

from chipweave.evaluation import pipelines
from chipweave.evaluation.audit import faults_of_proof
from chipweave.evaluation.audit_pipelines import least_paid
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.lines import least, lines_for, lines_of_pipelines
from chipweave.evaluation.pipelines import cheapest_way, ground_of, shapes_of, times_of
from chipweave.evaluation.tables.cheapest import Prices
from chipweave.hardware.package import Interfaces
from chipweave.plan.certificate import Line, Proof, Prover, Space
from chipweave.plan.problem import Fidelity
from chipweave.plan.schedule import Pipeline
from tests.evaluation.exact.test_unlike_links import KINDS, posed_on, with_unlike_links
from tests.evaluation.test_proof import EDP, require_above
from tests.support import random_problem, random_schedule, seeds


def entries(ready: Prepared, pipeline: Pipeline) -> list[tuple[int, ...]]:
    """Where the stages of a pipeline stand in the tables of its task."""
    first_unit = {first: at for at, (first, _) in enumerate(ready.tasks[pipeline.task].model.units)}
    last_unit = {last: at for at, (_, last) in enumerate(ready.tasks[pipeline.task].model.units)}
    size = list(ready.micro_batches(pipeline.task)).index(pipeline.micro_batch)
    found = []
    for number, stage in enumerate(pipeline.stages):
        variant = (number == 0) + 2 * (number == len(pipeline.stages) - 1)
        where = ready.package.class_of[stage.chiplet], last_unit[stage.last], first_unit[stage.first]
        found.append((size, variant, *where))
    return found


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("links", ["equal", *KINDS])
@pytest.mark.parametrize("seed", seeds(8, 60))
def test_no_pipeline_takes_less_than_the_least_of_its_stages(seed: int, links: str, fidelity: Fidelity) -> None:
    rng = random.Random(seed)
    problem = random_problem(rng, fidelity, most=8)
    if links != "equal":
        problem = posed_on(problem, with_unlike_links(rng, problem.package, links))
    if rng.random() < 0.3:
        problem = posed_on(problem, replace(problem.package, interface_bandwidth=Interfaces.SPLIT))
    ready = prepare(problem)
    for _ in range(10):
        schedule = random_schedule(rng, ready.problem, windows=rng.randint(1, 3))
        for window, costs in zip(schedule.windows, evaluate(schedule, ready).windows, strict=True):
            for pipeline, found in zip(window.pipelines, costs.pipelines, strict=True):
                if pipeline.micro_batch not in ready.micro_batches(pipeline.task):
                    continue
                tables, at = ready.once(ground_of, pipeline.task).tables, entries(ready, pipeline)
                times = times_of(ready, pipeline.task, pipeline.micro_batch)
                least_s = sum(tables.first_s[each] for each in at) + times * max(tables.pace_s[each] for each in at)
                assert least_s <= found.latency_s * (1 + 1e-12)
                energy_j = sum(tables.energy_j[each] for each in at)
                assert energy_j <= sum(stage.energy.total for stage in found.stages) * (1 + 1e-12)
                bytes_ = sum(stage.bytes_.dram for stage in found.stages)
                assert sum(tables.dram_bytes[each] for each in at) <= bytes_ * (1 + 1e-12)
                usual = links == "equal" and ready.package.interface_bandwidth is Interfaces.SHARED
                assert len(at) > 1 or not usual or least_s >= 0.2 * found.latency_s


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(6, 20))
def test_no_schedule_is_below_a_line_of_pipelines_and_the_checker_agrees(seed: int, fidelity: Fidelity) -> None:
    rng = random.Random(seed)
    ready = prepare(random_problem(rng, fidelity))
    lines = lines_of_pipelines(ready, EDP)
    assert any(each.pipelines for each in lines)
    for _ in range(10):
        require_above(evaluate(random_schedule(rng, ready.problem, rng.randint(1, 3)), ready), lines)
    assert faults_of_proof(ready, Proof(Space.ONE_CHIPLET, Prover.OPTIMAL, lines)) == []
    of_layers = lines_for(ready, Space.ONE_CHIPLET, EDP)
    assert least(EDP, lines)[0] >= least(EDP, of_layers)[0]


@pytest.mark.parametrize("seed", seeds(4, 10))
def test_the_cheapest_way_is_the_cheapest_of_all(seed: int) -> None:
    """Every partition of the units into pipelines, every one of these into stages on classes, and every micro-batch,
    one by one: with the slowest stage's own pace they pay no less, with what is taken of it no more."""
    rng = random.Random(seed)
    ready = prepare(random_problem(rng, Fidelity.DETAILED, tasks=1, most=4, rows=1, columns=3))
    prices = Prices(np.array([rng.random() for _ in ready.package.classes]), rng.random(), 1e-3 * rng.random(), 1e-3)
    found, units = cheapest_way(ready, 0, prices, True), len(ready.tasks[0].model.units)
    exact = [0.0] + [math.inf] * units
    for end in range(1, units + 1):
        for begin in range(end):
            exact[end] = min(exact[end], exact[begin] + _alone(ready, begin, end, prices))
    assert found.paid <= exact[units] * (1 + 1e-12)
    assert found.paid >= 0.85 * exact[units]  # the ranges of paces are 15 % wide
    taken = prices.chiplet @ found.chiplet_s + prices.own * found.own_s
    assert found.paid == pytest.approx(taken + prices.dram_byte * found.dram_bytes + prices.joule * found.energy_j)


def _alone(ready: Prepared, begin: int, end: int, prices: Prices) -> float:
    """What the cheapest pipeline of units begin to end - 1 pays."""
    tables, least = ready.once(ground_of, 0).tables, math.inf
    counts = np.bincount(ready.package.class_of, minlength=len(ready.package.classes))
    for m, size in enumerate(ready.micro_batches(0)):
        times = times_of(ready, 0, size)
        for stages in range(1, min(end - begin, int(counts.sum())) + 1):
            for inner in itertools.combinations(range(begin + 1, end), stages - 1):
                for classes in itertools.product(range(len(counts)), repeat=stages):
                    used = np.bincount(classes, minlength=len(counts))
                    if (used > counts).any():
                        continue
                    bounds = zip((begin, *inner), (*inner, end), strict=True)
                    at = [
                        (m, (number == 0) + 2 * (number == stages - 1), c, j - 1, i)
                        for number, (c, (i, j)) in enumerate(zip(classes, bounds, strict=True))
                    ]
                    seconds = sum(tables.first_s[each] for each in at) + times * max(tables.pace_s[each] for each in at)
                    paid = (prices.own + used @ prices.chiplet) * seconds
                    paid += prices.joule * sum(tables.energy_j[each] for each in at)
                    least = min(least, paid + prices.dram_byte * sum(tables.dram_bytes[each] for each in at))
    return least


def test_of_very_many_chiplets_shapes_are_taken_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """With few steps allowed, pipelines of many chiplets pay for fewer of them: never more than with all."""
    for seed in range(4):
        rng = random.Random(seed)
        problem = random_problem(rng, Fidelity.DETAILED, tasks=1, most=6, rows=2, columns=3)
        prices = Prices(np.full(len(problem.package.classes), 0.3), 0.1, 1e-3, 1e-3)
        ready = prepare(problem)
        all_of_them = cheapest_way(ready, 0, prices, True)
        monkeypatch.setattr(pipelines, "MOST_STEPS", 6)
        fewer = prepare(problem)
        assert (shapes_of(fewer).total == 0).any()
        some = cheapest_way(fewer, 0, prices, True)
        dram = 1e-3 * fewer.rates.dram_bytes_s
        line = Line(1.0, 1e-3, some.paid, tuple(prices.chiplet.tolist()), dram, (0.1,), True)
        assert least_paid(fewer, 0, line, 0.1) == pytest.approx(some.paid)
        monkeypatch.undo()
        assert some.paid <= all_of_them.paid * (1 + 1e-12)
