"""Proofs by prices: against arithmetic by hand, random valid schedules, and the checker, which shares no arithmetic."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chipweave.evaluation.audit import faults_of_proof
from chipweave.evaluation.bound import lower_bound
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.lines import corners_of, least, line, lines_for, proven
from chipweave.evaluation.planes import Patience, Plan, best_prices
from chipweave.evaluation.priced import chains_of
from chipweave.evaluation.record import Evaluation
from chipweave.plan.certificate import Line, Proof, Prover, Space
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, pose
from chipweave.plan.schedule import Pipeline, Schedule, Window
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.test_regions import random_case, stages_of
from tests.evaluation.exact.test_regions_by_hand import Sheet
from tests.evaluation.test_bound import GEMM, row, two_tasks
from tests.support import random_problem, random_schedule, seeds

GOALS = ("latency", "energy", "edp", "energy * latency ** 2", "max(latency, 1e9 * energy)")
EDP = objective("edp")


def require_above(evaluation: Evaluation, lines: Sequence[Line]) -> None:
    for each in lines:
        assert each.latency * evaluation.latency_s + each.joule * evaluation.energy_j >= each.value * (1 - 1e-12)
    for choice in GOALS:
        goal = objective(choice)
        assert least(goal, lines)[0] <= goal(evaluation.latency_s, evaluation.energy_j) * (1 + 1e-12)


# By hand ---------------------------------------------------------------------------------------------------------


def test_a_line_by_hand() -> None:
    """The gemm of `test_bound`, batch 1, on three chiplets at 1 Hz; 104 bytes from and to DRAM at 1 J each.

    For time alone: in channels it takes 192 chiplet-seconds, however many parts: 192 / 3 = 64. With joules: whole it
    takes 656 J, 24 J of weights and the DRAM's 104 J, 784 in all. In two parts of rows the weights are filled once
    more, in three twice more; in parts of channels the 32 inputs are sent once more for each. Where the task's own
    second has all of the price, that is 192 + 784 whole, 96 + 784 + 24 or 72 + 784 + 48 in rows, 96 + 784 + 32 or
    64 + 784 + 64 in channels: at least 904.
    """
    ready = prepare(pose(Scenario("s", (Task("gemm", GEMM, 1),)), row(3), Sheet(), Fidelity.DETAILED))
    made = line(ready, Space.REGIONS, 1.0, 0.0)
    assert made.value == pytest.approx(64, rel=1e-6)
    assert 3 * made.chiplet[0] + made.dram + sum(made.chain) == pytest.approx(1)
    both = line(ready, Space.REGIONS, 1.0, 1.0)
    assert both.value == pytest.approx(904, rel=1e-6)
    alone = line(ready, Space.ONE_CHIPLET, 1.0, 0.0)  # the task's own second is worth all of it
    assert alone.value == pytest.approx(192, rel=1e-6)
    # Where a byte on a link takes a joule, too, two parts of rows need a copy of 24 bytes of weights, 928 in all; three
    # parts two copies, 952; and two or three parts of channels as many more of the 32 inputs, 944 or 976.
    linked = replace(ready.package, nop_energy_j_per_bit=1 / 8)
    ready = prepare(pose(Scenario("s", (Task("gemm", GEMM, 1),)), linked, Sheet(), Fidelity.DETAILED))
    assert line(ready, Space.REGIONS, 1.0, 1.0).value == pytest.approx(928, rel=1e-6)


def test_corners_and_the_least_product_by_hand() -> None:
    # L >= 1, E >= 2, L + E >= 5: corners (1, 4) and (3, 2); the product is least at the first, 4.
    lines = [
        Line(1.0, 0.0, 1.0, (), 0.0, ()),
        Line(0.0, 1.0, 2.0, (), 0.0, ()),
        Line(1.0, 1.0, 5.0, (), 0.0, ()),
    ]
    assert corners_of(lines) == [(1.0, 4.0), (3.0, 2.0)]
    assert least(EDP, lines) == (4.0, (1.0, 4.0))
    assert least(objective("energy"), lines)[0] == 2.0
    # In the middle of the edge both are 2.5; by pieces a little less is proven.
    value, _ = least(objective("max(latency, energy)"), lines)
    assert 2.49 < value <= 2.5


def test_two_lines_cross_where_both_hold() -> None:
    # 1 L + 1 E >= 6 and 1 L + 3 E >= 10 cross at E = 2, L = 4: the product there, 8, is the least of (2, 4) and (4, 2).
    lines = [
        Line(1.0, 0.0, 2.0, (), 0.0, ()),
        Line(0.0, 1.0, 1.0, (), 0.0, ()),
        Line(1.0, 1.0, 6.0, (), 0.0, ()),
        Line(1.0, 3.0, 10.0, (), 0.0, ()),
    ]
    corners = corners_of(lines)  # and points of the edge between them
    assert {(2.0, 4.0), (4.0, 2.0), (7.0, 1.0)} <= set(corners)
    assert all(each.latency * s + each.joule * j >= each.value - 1e-12 for s, j in corners for each in lines)
    assert least(EDP, lines)[0] == 7.0


@pytest.mark.parametrize("reach", [math.inf, 0.1])
@pytest.mark.parametrize("seed", range(20))
def test_the_best_prices_are_the_best_of_very_many(seed: int, reach: float) -> None:
    """Two things, each task with a few plans: no prices on a fine grid make the tasks pay more."""
    rng = np.random.default_rng(seed)
    tasks = [(rng.random((4, 2)), rng.random(4)) for _ in range(2)]
    supply = rng.random(2) + 0.5

    def oracle(prices: Any) -> list[Plan]:
        found = []
        for taken, apart in tasks:
            at = int(np.argmin(taken @ prices + apart))
            found.append(Plan(taken[at], float(apart[at])))
        return found

    patience = Patience(reach=reach)
    value, prices = best_prices(supply, 1.0, oracle, np.array([1 / supply[0], 0.0]), patience=patience)
    assert supply @ prices <= 1 + 1e-12
    share = np.linspace(0, 1, 2001)
    grid = np.stack((share, 1 - share)) / supply[:, None]
    tried = sum((taken @ grid + apart[:, None]).min(axis=0) for taken, apart in tasks)
    assert value == pytest.approx(float(np.max(tried)), rel=1e-3)
    assert value >= float(np.max(tried)) * (1 - 1e-5)


def test_chains_end_with_tasks_that_none_waits_for() -> None:
    before = {"b": "a", "d": "a"}
    tasks = tuple(Task(name, GEMM, 1, depends_on=before.get(name)) for name in "abcd")
    ready = prepare(pose(Scenario("s", tasks), row(2), Sheet(), Fidelity.DETAILED))
    assert chains_of(ready) == ((0, 1), (2,), (0, 3))


# Random schedules ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(7, 14))
def test_no_schedule_on_regions_is_below_a_line(seed: int, fidelity: Fidelity) -> None:
    case = random_case(seed, fidelity)
    ready = prepare(case.problem)
    require_above(evaluate(case.schedule, ready), lines_for(ready, Space.REGIONS, EDP))


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(8, 40))
def test_no_schedule_on_regions_of_several_classes_is_below_a_line(seed: int, fidelity: Fidelity) -> None:
    """Classes whose costs have nothing to do with each other, nor those of a part with its size: parts are unequal."""
    rng = random.Random(seed)
    ready = prepare(random_problem(rng, fidelity, tasks=1, rows=2, columns=3))
    lines, bound = lines_for(ready, Space.REGIONS, EDP), lower_bound(ready, EDP, regions=True)
    for _ in range(6):
        units, micro_batch = list(ready.tasks[0].model.units), rng.choice(list(ready.micro_batches(0)))
        stages = stages_of(rng, ready.package, units)
        schedule = Schedule((Window((Pipeline(0, stages, micro_batch),)),))
        if faults_of(schedule, ready):
            continue  # the micro-batch does not fit (`paper`)
        evaluation = evaluate(schedule, ready)
        require_above(evaluation, lines)
        assert evaluation.latency_s >= bound.latency_s * (1 - 1e-12)
        assert evaluation.energy_j >= bound.energy_j * (1 - 1e-12)


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(5, 10))
def test_no_schedule_of_two_models_is_below_a_line(seed: int, fidelity: Fidelity) -> None:
    problem, schedule = two_tasks(seed, fidelity)
    ready = prepare(problem)
    require_above(evaluate(schedule, ready), lines_for(ready, Space.REGIONS, EDP))


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(3, 8))
def test_no_schedule_on_single_chiplets_is_below_a_line(seed: int, fidelity: Fidelity) -> None:
    """Random graphs with skips, two tasks, two classes of chiplets whose costs have nothing to do with each other."""
    rng = random.Random(seed)
    ready = prepare(random_problem(rng, fidelity))
    lines = [line for space in Space for line in lines_for(ready, space, EDP)]
    for _ in range(10):
        require_above(evaluate(random_schedule(rng, ready.problem), ready), lines)


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", range(6))
def test_more_schedules_never_raise_a_line(seed: int, fidelity: Fidelity) -> None:
    ready = prepare(random_problem(random.Random(seed), fidelity))
    for weights in ((1.0, 0.0), (0.0, 1.0), (1.0, 1e3)):
        alone, regions = (line(ready, space, *weights).value for space in (Space.ONE_CHIPLET, Space.REGIONS))
        assert regions <= alone * (1 + 1e-6)


# The checker -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", list(Space))
@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(4, 6))
def test_the_checker_agrees(seed: int, fidelity: Fidelity, space: Space) -> None:
    problem = two_tasks(seed, fidelity)[0] if seed % 2 else random_problem(random.Random(seed), fidelity)
    ready = prepare(problem)
    assert faults_of_proof(ready, Proof(space, Prover.WEAVE, lines_for(ready, space, EDP))) == []


@pytest.mark.parametrize("space", list(Space))
def test_a_proof_that_is_changed_in_any_number_or_moved_is_refused(space: Space) -> None:
    ready = prepare(random_problem(random.Random(3), Fidelity.DETAILED))
    proof = Proof(space, Prover.WEAVE, lines_for(ready, space, EDP))
    for at, each in enumerate(proof.lines):
        for field in ("latency", "joule", "value", "dram"):
            for by in (0.9, 1.1):
                value = getattr(each, field)
                changed = each._replace(**{field: by * value if value else by})
                assert faults_of_proof(ready, _with(proof, at, changed)), (at, field, by)
        for field in ("chiplet", "chain"):
            for place, price in enumerate(getattr(each, field)):
                for by in (0.9, 1.1):
                    prices = list(getattr(each, field))
                    prices[place] = by * price if price else by
                    changed = each._replace(**{field: tuple(prices)})
                    assert faults_of_proof(ready, _with(proof, at, changed)), (at, field, place, by)
        assert faults_of_proof(ready, _with(proof, at, each._replace(chiplet=each.chiplet[:-1])))
        more = {name: tuple(price * (1 + 5e-9) for price in getattr(each, name)) for name in ("chiplet", "chain")}
        if each.dram < each.latency:  # a second is worth something, and not all of that is the DRAM's
            assert faults_of_proof(ready, _with(proof, at, each._replace(**more)))
    tasks = ready.problem.scenario.tasks
    longer = Scenario("longer", (replace(tasks[0], batch=tasks[0].batch + 1), *tasks[1:]))
    faster = replace(ready.package, dram_bandwidth_bytes_s=1e12, dram_energy_j_per_bit=0.0)
    model = ready.problem.cost_model
    assert faults_of_proof(prepare(pose(longer, ready.package, model, Fidelity.DETAILED)), proof)
    assert faults_of_proof(prepare(pose(ready.problem.scenario, faster, model, Fidelity.DETAILED)), proof)


def _with(proof: Proof, at: int, changed: Line) -> Proof:
    return replace(proof, lines=(*proof.lines[:at], changed, *proof.lines[at + 1 :]))


@pytest.mark.parametrize("fidelity", list(Fidelity))
def test_a_certificate_is_the_better_of_bound_and_proof(fidelity: Fidelity) -> None:
    ready = prepare(random_problem(random.Random(5), fidelity))
    proof = Proof(Space.ONE_CHIPLET, Prover.OPTIMAL, lines_for(ready, Space.ONE_CHIPLET, EDP))
    without, made = proven(ready, EDP, False, None), proven(ready, EDP, False, proof)
    assert made.value == max(without.value, least(EDP, proof.lines)[0])
    assert made.lines == proof.lines
    assert made.latency_s >= without.latency_s
    # Of schedules on regions a proof for single chiplets says nothing.
    assert proven(ready, EDP, True, proof) == proven(ready, EDP, True, None)
