"""The bound on steps of decode, whose layers read slices of the network's input, against random valid schedules."""

from __future__ import annotations

import random

import pytest

from chipweave.evaluation.bound import lower_bound, unavoidable_dram_bytes
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.record import Evaluation
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Pipeline, Schedule, Window
from chipweave.workload.importers.hf import import_hf
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.plain_regions import Proportional
from tests.evaluation.exact.test_regions import package_of, stages_of
from tests.support import random_schedule, seeds
from tests.workload.importers.test_hf_bytes import DELTA, EXPERTS, LLAMA, MAMBA

CONFIGURATIONS = {"dense": LLAMA, "experts": EXPERTS, "states": MAMBA, "delta rule": DELTA}
PLENTY, SCARCE = 10**7, 700
SLICE = 30


def decode(name: str) -> Model:
    return import_hf(CONFIGURATIONS[name], phase="decode", context=3).model


def overlapping(input_elements: int) -> Model:
    """Five products in a row, each of which reads the one before and 30 elements of the network's input."""
    layers = [Layer(f"l{at}", Op.GEMM, K=8, C=SLICE + (8 if at else 0), Y=1) for at in range(5)]
    edges = [Edge(NETWORK_INPUT, at, SLICE) for at in range(5)] + [Edge(at, at + 1, 8) for at in range(4)]
    return Model("overlapping", tuple(layers), tuple(edges), input_elements=input_elements)


def problem_of(model: Model, seed: int, fidelity: Fidelity, l2_bytes: int) -> Problem:
    rng = random.Random(seed)
    task = Task("step", model, rng.choice([1, 2, 5]))
    return pose(Scenario("steps", (task,)), package_of(rng, l2_bytes), Proportional(), fidelity)


def on_regions(rng: random.Random, problem: Problem) -> Schedule:
    """One or two windows of stages on random regions, of one sample at a time."""
    units = list(problem.scenario.tasks[0].model.units)
    cut = rng.choice([0, rng.randint(1, len(units) - 1)])
    parts = [part for part in (units[:cut], units[cut:]) if part]
    return Schedule(tuple(Window((Pipeline(0, stages_of(rng, problem.package, part), 1),)) for part in parts))


def require_above(evaluation: Evaluation, problem: Problem, regions: bool) -> None:
    (task,) = problem.scenario.tasks
    moved = sum(stage.bytes_.dram for stage in evaluation.stages)
    assert moved >= unavoidable_dram_bytes(task)
    bound = lower_bound(problem, objective("edp"), regions)
    assert bound.latency_s <= evaluation.latency_s * (1 + 1e-12)
    assert bound.energy_j <= evaluation.energy_j * (1 + 1e-12)


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(6, 30))
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_no_schedule_of_a_step_is_below_the_bound(name: str, seed: int, fidelity: Fidelity) -> None:
    rng = random.Random(seed)
    problem = problem_of(decode(name), seed, fidelity, rng.choice([PLENTY, SCARCE]))
    for schedule, regions in ((on_regions(rng, problem), True), (random_schedule(rng, problem), False)):
        assert faults_of(schedule, problem) == []
        require_above(evaluate(schedule, problem), problem, regions)


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(10, 40))
def test_slices_that_overlap_count_up_to_the_whole(seed: int, fidelity: Fidelity) -> None:
    rng = random.Random(seed)
    model = overlapping(rng.choice([SLICE, 70, 5 * SLICE, 1000]))
    problem = problem_of(model, seed, fidelity, rng.choice([PLENTY, SCARCE]))
    require_above(evaluate(on_regions(rng, problem), problem), problem, True)


@pytest.mark.parametrize(("whole", "read"), [(SLICE, 30), (70, 70), (150, 150), (1000, 150)])
def test_bytes_by_hand(whole: int, read: int) -> None:
    """Weights 8 (30 + 4 x 38) once; of the input what is read of it, and 8 outputs, for each of 3 samples."""
    assert unavoidable_dram_bytes(Task("step", overlapping(whole), 3)) == 8 * 182 + 3 * (read + 8)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_chiplet_with_room_moves_no_more(name: str) -> None:
    """So the bound on bytes is the best there is."""
    problem = problem_of(decode(name), 0, Fidelity.DETAILED, PLENTY)
    (task,) = problem.scenario.tasks
    (stage,) = stages_of(random.Random(0), problem.package, [(0, len(task.model.layers) - 1)], [0])
    evaluation = evaluate(Schedule((Window((Pipeline(0, (stage,), 1),)),)), problem)
    assert sum(each.bytes_.dram for each in evaluation.stages) == unavoidable_dram_bytes(task)
