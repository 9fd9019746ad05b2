"""Layers that have the same weights: a stage that holds several of them loads and holds the weights once.

By hand, with the numbers of `test_evaluate.py` (links 10 bytes/s, DRAM 5 bytes/s and 2 s, 2 J per byte), and on random
graphs against what can be counted layer by layer.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from chipweave.evaluation.bound import least_window, lower_bound
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.exact.memory import footprint
from chipweave.evaluation.law import BLOCKS, Room, Way, pinned
from chipweave.evaluation.record import Keeping, StageEvaluation
from chipweave.evaluation.tables.bench import arrays_of
from chipweave.plan.certificate import Proof, Prover, Space
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.simulation.machine import FORMULA, Machine
from chipweave.simulation.outcome import simulate
from chipweave.workload.layer import Layer
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.test_regions import random_case
from tests.evaluation.tables.test_single import cost_of
from tests.evaluation.test_bound import require_above
from tests.evaluation.test_evaluate import DETAILED, PAPER, gemm, problem_of, row, run, stages_of
from tests.support import RoundNumbers, random_problem, random_schedule

EDGES = (Edge(-1, 0, 4), Edge(0, 1, 4), Edge(1, 2, 4))
TIED = Model("tied", (gemm("a", 4, 4), replace(gemm("b", 4, 4), shares="a"), gemm("c", 4, 5)), EDGES)
"""16 weights that a and b have, and 20 of c."""
APART = Model("apart", (gemm("a", 4, 4), gemm("b", 4, 4), gemm("c", 4, 5)), EDGES)


# By hand ---------------------------------------------------------------------------------------------------------


def test_one_stage_in_detailed() -> None:
    result = run(problem_of(TIED, row(1), DETAILED), [(0, 2, 0)])
    (stage,) = stages_of(result)
    assert stage.l2 is not None
    assert (stage.l2.resident, stage.l2.held_weights, stage.bytes_.weights) == (True, 36, 36)
    assert stage.resident_s == 36 / 5
    # 2 s, a's 16 bytes, 60 s of computing: c's weights are there long before; the input's 4 bytes, and 5 to store
    assert stage.ready_s == result.latency_s == pytest.approx(2 + 16 / 5 + 60 + 4 / 5 + 3)
    assert result.energy.fill == 5 + (11 + 17)  # not the 13 of b
    assert result.energy.dram == (4 + 36 + 5) * 2
    apart = run(problem_of(APART, row(1), DETAILED), [(0, 2, 0)])
    assert apart.energy_j == pytest.approx(result.energy_j + 13 + 16 * 2)
    assert apart.windows[0].dram_bytes == result.windows[0].dram_bytes + 16


def test_one_stage_in_paper() -> None:
    result = run(problem_of(TIED, row(1), PAPER, batch=3), [(0, 2, 0)])
    (stage,) = stages_of(result)
    assert stage.load_s == pytest.approx((4 + 36) / 5 + 2)
    assert stage.bytes_.weights == 3 * 36
    assert result.energy.fill == 3 * ((5 + 7 + 9) + (11 + 13 + 17))  # b samples cost b times one


@pytest.mark.parametrize("fidelity", [DETAILED, PAPER])
def test_two_stages_load_a_copy_each(fidelity: Fidelity) -> None:
    first, second = stages_of(run(problem_of(TIED, row(2), fidelity), [(0, 0, 0), (1, 2, 1)]))
    assert (first.bytes_.weights, second.bytes_.weights) == (16, 36)
    one, other = stages_of(run(problem_of(TIED, row(2), fidelity), [(0, 1, 0), (2, 2, 1)]))
    assert (one.bytes_.weights, other.bytes_.weights) == (16, 20)


def test_two_windows_load_them_twice() -> None:
    result = run(problem_of(TIED, row(1), DETAILED), [(0, 0, 0)], [(1, 2, 0)])
    assert [stages_of(result, window)[0].bytes_.weights for window in (0, 1)] == [16, 36]


def test_what_does_not_stay_comes_for_every_layer() -> None:
    # 44 bytes: 36 of weights and 9 of activations do not fit. Blocks of a channel, 4 bytes, and two rows of each layer
    # in flight leave 20, 20 and 18 bytes; 4 of its input and 4 of its output are held while b runs: 12 are left
    result = run(problem_of(TIED, row(1, l2_bytes=44, num_pes=1), DETAILED, batch=3), [(0, 2, 0)])
    (stage,) = stages_of(result)
    assert stage.l2 is not None
    assert (stage.l2.keeping, stage.l2.held_weights) == (Keeping.STREAMED, 12)
    # 12 of 36 stay, a third of each tensor: two thirds of the 52 bytes that three layers use come every time
    assert stage.l2.streamed == pytest.approx(52 * 2 / 3)
    assert stage.bytes_.weights == pytest.approx(12 + 3 * 52 * 2 / 3)
    assert stage.resident_s == pytest.approx(12 / 5)


def test_pins_of_a_region_of_four() -> None:
    """As in `test_law.py`: parts of 8 of 32 bytes, which another layer uses too, and 20 that all have, 10 of them used
    by two layers."""
    room = Room(100.0, 0.0, 0.0, 28.0, 20.0, 0.0, 0.0, reused=32.0, reused_copied=10.0)
    # half of the parts stays, for both layers
    assert pinned(room, 52.0, 4.0, 1.0, 4, False) == Way(BLOCKS, 4.0, 32.0, 30.0, 0.0, 1.0, False, 16.0)
    # 8 bytes of what all have wait once, 12 stream, each for 1.5 layers; 8 of 20 are found by the half layer
    assert pinned(room, 52.0, 10.0, 1.0, 4, False) == Way(BLOCKS, 10.0, 0.0, 18.0, 12.0, 1.0, False, 36.0)
    assert pinned(room, 52.0, 30.0, 1.0, 4, False) == Way(BLOCKS, 28.0, 0.0, 0.0, 0.0, 1.0, False, 42.0)


def test_a_region_holds_once_what_is_cut_alike() -> None:
    """On two chiplets a and b are cut alike or one by channels and the other not."""
    problem = pose(Scenario("hand", (Task("m", TIED),)), row(2), RoundNumbers(), DETAILED)
    isp, wsp = Partition.INPUT_SHARED, Partition.WEIGHT_SHARED
    for partitions, bytes_, held in (((isp, isp, isp), 36, 8 + 12), ((isp, wsp, isp), 52, 8 + 16 + 12)):
        plan = Schedule((Window((Pipeline(0, (Stage(0, 2, (0, 1), partitions),)),)),))
        (stage,) = stages_of(evaluate(plan, problem))
        assert stage.bytes_.weights == bytes_
        assert stage.l2 is not None
        assert stage.l2.held_weights == held


# Random graphs ---------------------------------------------------------------------------------------------------


def tied(problem: Problem, seed: int) -> Problem:
    """Some layers of every model have the weights of a layer before of as many."""
    rng, tasks = random.Random(seed), []
    for task in problem.scenario.tasks:
        layers: list[Layer] = []
        for layer in task.model.layers:
            own = [each.name for each in layers if not each.shares and each.weight_elements == layer.weight_elements]
            whose = rng.choice(own) if own and layer.weight_elements and rng.random() < 0.8 else ""
            layers.append(replace(layer, shares=whose))
        tasks.append(replace(task, model=replace(task.model, layers=tuple(layers))))
    return pose(replace(problem.scenario, tasks=tuple(tasks)), problem.package, problem.cost_model, problem.fidelity)


def apart(problem: Problem) -> Problem:
    """The same models, with weights of their own."""
    tasks = [
        replace(task, model=replace(task.model, layers=tuple(replace(layer, shares="") for layer in task.model.layers)))
        for task in problem.scenario.tasks
    ]
    return pose(replace(problem.scenario, tasks=tuple(tasks)), problem.package, problem.cost_model, problem.fidelity)


def counted(model: Model, layers: Sequence[int]) -> tuple[int, int]:
    """Bytes of the distinct weights of layers, and of those that each of them uses."""
    own: dict[str, int] = {}
    every = 0
    for number in layers:
        layer = model.layers[number]
        own[layer.shares or layer.name] = model.bytes_per_element * layer.weight_elements
        every += model.bytes_per_element * layer.weight_elements
    return sum(own.values()), every


def alone(seed: int, fidelity: Fidelity) -> tuple[Problem, Schedule]:
    rng = random.Random(seed)
    problem = tied(random_problem(rng, fidelity, tasks=rng.choice([1, 2]), rows=2, columns=2, most=9), seed)
    return problem, random_schedule(rng, problem, windows=rng.choice([1, 1, 2]))


@pytest.mark.parametrize("fidelity", list(Fidelity))
def test_weights_are_what_is_counted_and_the_kernels_agree(fidelity: Fidelity) -> None:
    seen: set[str] = set()
    for seed in range(120):
        problem, schedule = alone(seed, fidelity)
        assert faults_of(schedule, problem) == []
        evaluation, ready = evaluate(schedule, problem), prepare(problem)
        for window, plain in zip(schedule.windows, evaluation.windows, strict=True):
            scores, latency_s, energy_j = cost_of(ready, window)
            assert latency_s == pytest.approx(plain.latency_s, rel=1e-12)
            assert energy_j == pytest.approx(plain.energy.total, rel=1e-12)
            assert scores.dram_bytes[0] == pytest.approx(plain.dram_bytes, rel=1e-12)
            if fidelity is DETAILED:
                links, out, into = (
                    float(values.max(initial=0.0)) / problem.package.link_bandwidth_bytes_s for values in scores.traffic
                )
                assert (links, max(out, into)) == pytest.approx((plain.link_s, plain.port_s), rel=1e-12)
            for pipeline in plain.pipelines:
                model = problem.scenario.tasks[pipeline.task].model
                seen |= {_check(stage, model, pipeline.micro_batches) for stage in pipeline.stages}
    paper = {"none reused", "in every load"}
    assert seen == (paper if fidelity is PAPER else {"none reused", "resident", "some pinned", "none pinned"})


def _check(stage: StageEvaluation, model: Model, k: int) -> str:
    once, every = counted(model, range(stage.first, stage.last + 1))
    if stage.l2 is None:
        assert stage.bytes_.weights == k * once
        return "in every load" if every > once else "none reused"
    share = stage.l2.held_weights / once if once else 1.0
    assert stage.l2.streamed == pytest.approx(every * (1 - share), abs=1e-9)
    assert stage.bytes_.weights == pytest.approx(share * once + k * every * (1 - share))
    if every == once:
        return "none reused"
    return "resident" if share == 1 else "some pinned" if share else "none pinned"


@pytest.mark.parametrize("seed", range(40))
def test_tables_equal_their_twins(seed: int) -> None:
    problem, _ = alone(seed, DETAILED)
    task, arrays = problem.scenario.tasks[0], arrays_of(prepare(problem), 0)
    for i in range(arrays.units):
        for j in range(i, arrays.units):
            stage = Stage(int(arrays.first[i]), int(arrays.last[j]), (0,))
            need = footprint(task.model, stage, 1)
            once, every = counted(task.model, stage.layers)
            assert arrays.two_largest[i, j] == sum(sorted(need.weights)[-2:])
            assert arrays.weights[j + 1] - arrays.weights[i] == every
            assert sum(need.weights) == once
            if len(arrays.reused):
                assert arrays.reused[i, j] == every - once


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", range(25))
def test_no_schedule_is_below_the_bounds(seed: int, fidelity: Fidelity) -> None:
    problem, schedule = alone(seed, fidelity)
    evaluation, goal = evaluate(schedule, problem), objective("edp")
    assert lower_bound(problem, goal).value <= evaluation.edp_js * (1 + 1e-12)
    assert lower_bound(problem, objective("energy")).value <= evaluation.energy_j * (1 + 1e-12)
    ready = prepare(problem)
    for window, plain in zip(schedule.windows, evaluation.windows, strict=True):
        parts = []
        for pipeline in window.pipelines:
            firsts = [first for first, _ in problem.scenario.tasks[pipeline.task].model.units]
            end = sum(first <= pipeline.last for first in firsts)
            parts.append((pipeline.task, firsts.index(pipeline.first), end))
        latency_s, energy_j = least_window(ready, parts)
        assert latency_s <= plain.latency_s * (1 + 1e-12)
        assert energy_j <= plain.energy.total * (1 + 1e-12)
    case = random_case(seed, fidelity)
    require_above(evaluate(case.schedule, tied(case.problem, seed)), tied(case.problem, seed))


@pytest.mark.parametrize("space", list(Space))
@pytest.mark.parametrize("seed", range(3))
def test_proofs_hold_and_are_checked(seed: int, space: Space) -> None:
    from chipweave.evaluation.audit import faults_of_proof
    from tests.evaluation.test_proof import EDP, lines_for
    from tests.evaluation.test_proof import require_above as require_above_lines

    problem, schedule = alone(seed, DETAILED)
    ready = prepare(problem)
    lines = lines_for(ready, space, EDP)
    assert faults_of_proof(ready, Proof(space, Prover.WEAVE, lines)) == []
    require_above_lines(evaluate(schedule, ready), lines)


@pytest.mark.parametrize("seed", range(40))
def test_sharing_never_costs_more_on_regions_either(seed: int) -> None:
    """Bytes and joules; and a byte of DRAM that is saved is a byte on the way."""
    case = random_case(seed, DETAILED)
    problem = tied(case.problem, seed)
    one, other = evaluate(case.schedule, problem), evaluate(case.schedule, apart(problem))
    assert one.energy_j <= other.energy_j * (1 + 1e-12)
    for own, each in zip(one.stages, other.stages, strict=True):
        once, every = counted(problem.scenario.tasks[0].model, range(own.first, own.last + 1))
        assert own.bytes_.dram <= each.bytes_.dram * (1 + 1e-12)
        assert own.bytes_.weights >= once * (1 - 1e-12)
        if once == every:
            assert own.bytes_ == each.bytes_


@pytest.mark.parametrize("seed", range(40))
def test_the_simulator_moves_the_same_bytes(seed: int) -> None:
    problem, schedule = alone(seed, DETAILED)
    if seed % 2:
        case = random_case(seed, DETAILED)
        problem, schedule = tied(case.problem, seed), case.schedule
    evaluation = evaluate(schedule, problem)
    for machine in (FORMULA, Machine()):
        made = simulate(problem, schedule, evaluation, machine)
        for window, costs in zip(made.windows, evaluation.windows, strict=True):
            for end_s, pipeline in zip(window.ends_s, costs.pipelines, strict=True):
                if machine is FORMULA:
                    assert end_s - window.start_s <= pipeline.latency_s * (1 + 1e-9)
        if machine is not FORMULA:
            for stretch, costs in zip(made.stretches, evaluation.windows, strict=True):
                assert stretch.draft.carried[0] == pytest.approx(costs.dram_bytes, rel=1e-12)
                assert np.isfinite(stretch.latency_s)
