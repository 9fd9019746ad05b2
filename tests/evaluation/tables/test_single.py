"""The compiled evaluator equals the plain one."""

from __future__ import annotations

import random

import numpy as np
import pytest

from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.exact.memory import footprint
from chipweave.evaluation.tables.bench import Candidates, Scores, arrays_of, score, window_cost
from chipweave.plan.problem import Fidelity, Problem
from chipweave.plan.schedule import Pipeline, Stage, Window
from tests.support import random_problem, random_schedule, seeds

QUICK = range(75)
"""Seeds of schedules that are evaluated twice in every run: among them is every kind of stage."""


def as_candidate(pipeline: Pipeline, problem: Problem) -> tuple[int, int, Candidates]:
    """(first unit, end unit, the one candidate) of a pipeline."""
    units = problem.scenario.tasks[pipeline.task].model.units
    firsts, lasts = [first for first, _ in units], [last for _, last in units]
    cuts = [lasts.index(stage.last) + 1 for stage in pipeline.stages]
    return (
        firsts.index(pipeline.first),
        cuts[-1],
        Candidates(
            np.array([pipeline.micro_batch]),
            np.array([len(pipeline.stages)]),
            np.array([cuts]),
            np.array([[stage.chiplet for stage in pipeline.stages]]),
        ),
    )


def cost_of(ready: Prepared, window: Window) -> tuple[Scores, float, float]:
    """What the window's pipelines take together, the window's latency and energy."""
    batches = []
    for pipeline in window.pipelines:
        first, end, candidates = as_candidate(pipeline, ready.problem)
        batches.append(score(ready, pipeline.task, first, end, candidates))
    total = batches[0]
    for batch in batches[1:]:
        total = total + batch
    latency_s, energy_j = window_cost(ready, total)
    return total, float(latency_s[0]), float(energy_j[0])


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(QUICK, 150))
def test_equals_the_plain_evaluator(seed: int, fidelity: Fidelity) -> None:
    rng = random.Random(seed)
    problem = random_problem(rng, fidelity, tasks=rng.choice([1, 2, 3]), rows=2, columns=rng.choice([2, 3]))
    schedule = random_schedule(rng, problem, windows=rng.choice([1, 2]))
    assert faults_of(schedule, problem) == []
    evaluation = evaluate(schedule, problem)
    ready = prepare(problem)
    for window, plain in zip(schedule.windows, evaluation.windows, strict=True):
        scores, latency_s, energy_j = cost_of(ready, window)
        assert latency_s == pytest.approx(plain.latency_s, rel=1e-12)
        assert energy_j == pytest.approx(plain.energy.total, rel=1e-12)
        assert scores.latency_s[0] == pytest.approx(max(each.latency_s for each in plain.pipelines), rel=1e-12)
        assert scores.dram_bytes[0] == pytest.approx(plain.dram_bytes, rel=1e-12)
        if fidelity is Fidelity.DETAILED:
            bandwidth_bytes_s = problem.package.link_bandwidth_bytes_s
            links, out, into = (float(values.max(initial=0.0)) / bandwidth_bytes_s for values in scores.traffic)
            assert (links, max(out, into)) == pytest.approx((plain.link_s, plain.port_s), rel=1e-12)


def test_the_random_schedules_have_every_kind_of_stage() -> None:
    """So that what equals the plain evaluator is all of the law."""
    seen: set[str] = set()
    for seed in QUICK:
        rng = random.Random(seed)
        tasks, columns = rng.choice([1, 2, 3]), rng.choice([2, 3])
        problem = random_problem(rng, Fidelity.DETAILED, tasks=tasks, rows=2, columns=columns)
        schedule = random_schedule(rng, problem, windows=rng.choice([1, 2]))
        for stage in evaluate(schedule, problem).stages:
            use = stage.l2
            assert use is not None
            kinds = {
                "all pinned": use.resident,
                "some pinned": use.streamed > 0 and use.held_weights > 0,
                "none pinned": use.streamed > 0 and use.held_weights == 0,
                "evicted": use.spill > 0,
                "read again": use.again > 0,
                "exposed": stage.exposed_s > 0,
                "overlaps": stage.overlaps,
                "waits for weights": stage.ready_s > stage.fill_s,
                "short last": stage.last_fill_s < stage.fill_s,
            }
            seen |= {kind for kind, is_it in kinds.items() if is_it}
    assert seen == set(kinds)


@pytest.mark.parametrize("seed", range(40))
def test_memory_tables_equal_their_twins(seed: int) -> None:
    problem = random_problem(random.Random(seed), Fidelity.DETAILED, tasks=1, most=9)
    task, arrays = problem.scenario.tasks[0], arrays_of(prepare(problem), 0)
    for i in range(arrays.units):
        for j in range(i, arrays.units):
            need = footprint(task.model, Stage(int(arrays.first[i]), int(arrays.last[j]), (0,)), 1)
            assert arrays.live[i, j] == max(need.live)
            assert arrays.two_largest[i, j] == sum(sorted(need.weights)[-2:])
            assert arrays.weights[j + 1] - arrays.weights[i] == sum(need.weights)
