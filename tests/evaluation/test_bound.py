"""The lower bound on schedules on regions, against arithmetic by hand and random valid schedules."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from chipweave.cost.interface import LayerCosts
from chipweave.evaluation.bound import lower_bound
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.record import Evaluation
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package
from chipweave.plan.certificate import Certificate, Space
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.results.result import assess
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.plain_regions import Proportional
from tests.evaluation.exact.test_regions import attention, maps, package_of, random_case, stages_of
from tests.evaluation.exact.test_regions_by_hand import Sheet
from tests.support import seeds

PAPER, DETAILED = Fidelity.PAPER, Fidelity.DETAILED
W, I = Partition.WEIGHT_SHARED, Partition.INPUT_SHARED  # noqa: E741
GOALS = ("latency", "energy", "edp", "energy * latency ** 2")


@dataclass(frozen=True)
class Squared:
    """As `Sheet`, with the square of the cycles: half a layer takes a quarter of the time."""

    name: str = "squared"

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        costs = Sheet().costs(layers, chiplet)
        return replace(costs, cycles=costs.cycles**2)


# By hand ---------------------------------------------------------------------------------------------------------
#
# One gemm of 8 rows, 4 inputs and 6 outputs, 192 MACs, on a row of three chiplets at 1 Hz whose links and DRAM take
# next to no time; 24 weights, 32 bytes in, 48 bytes out, 1 J a byte to or from DRAM.
#   rows in    1 part 192 s     2 parts 4 rows, 96 s     3 parts 3 rows, 72 s: 216 chiplet-seconds
#   channels   1 part 192 s     2 parts 3 each, 96 s     3 parts 2 each, 64 s: 192 chiplet-seconds
# t = 64, a = 192. Whole rows: mac 192, l1 384, l2 48, noc 32 a sample; channels read the input in every part.

GEMM = Model("gemm", (Layer("a", Op.GEMM, K=6, C=4, Y=8),), (Edge(-1, 0, 32),))


def row(chiplets: int) -> Package:
    return Package(
        "row",
        (Chiplet("plain", clock_hz=1.0, l2_bytes=10_000),) * chiplets,
        topology.mesh(1, chiplets),
        (0,),
        link_bandwidth_bytes_s=1e15,
        hop_latency_s=0.0,
        nop_energy_j_per_bit=0.0,
        dram_bandwidth_bytes_s=1e15,
        dram_latency_s=0.0,
        dram_energy_j_per_bit=1 / 8,
    )


def quick(package: Package) -> Package:
    """Its chiplets at 1 GHz."""
    return replace(package, chiplets=tuple(replace(chiplet, clock_hz=1e9) for chiplet in package.chiplets))


def about(value: float) -> object:
    return pytest.approx(value, rel=1e-9)


def bound_of(problem: Problem, regions: bool, goal: str = "edp") -> Certificate:
    return lower_bound(problem, objective(goal), regions=regions)


def one_stage(chiplets: int, partition: Partition) -> Schedule:
    return Schedule((Window((Pipeline(0, (Stage(0, 0, tuple(range(chiplets)), (partition,)),)),)),))


@pytest.mark.parametrize("batch", [1, 4])
def test_a_region_reaches_the_bound_on_latency(batch: int) -> None:
    problem = pose(Scenario("s", (Task("gemm", GEMM, batch),)), row(3), Sheet(), DETAILED)
    bound = bound_of(problem, regions=True)
    # compute 3 * 64 / 3; longest task 64 + batch * 192 / 3 - 64
    assert dict(bound.terms_s) == {
        "compute": about(64 * batch),
        "DRAM": about((24 + 80 * batch) / 1e15),
        "longest task": about(64 * batch),
    }
    assert evaluate(one_stage(3, I), problem).latency_s == about(bound.latency_s)
    alone = bound_of(problem, regions=False)
    assert dict(alone.terms_s)["longest task"] == about(192 * batch)
    # whole rows: weights filled once, DRAM 24 + 80 a sample
    assert bound.energy_j == alone.energy_j == about(batch * 656 + 24 + 24 + 80 * batch)


def test_the_bound_on_energy_in_paper() -> None:
    # 656, all fills 32 + 24, drain 48, DRAM 104
    problem = pose(Scenario("s", (Task("gemm", GEMM, 1),)), row(3), Sheet(), PAPER)
    bound = bound_of(problem, regions=True)
    assert bound.energy_j == about(656 + 104 + 104)
    assert dict(bound.terms_s) == {"compute and DRAM": about(64), "longest task": about(64)}


def test_a_layer_that_gains_more_than_its_chiplets_is_below_the_bound_of_one() -> None:
    """A gemm of 4 rows and 4 MACs on a row of four: 16 s whole, in rows 1 s each. t = 1, a = 4."""
    model = Model("rows", (Layer("a", Op.GEMM, K=1, C=1, Y=4),), (Edge(-1, 0, 4),))
    problem = pose(Scenario("s", (Task("rows", model, 1),)), row(4), Squared(), DETAILED)
    result = assess(problem, {}, one_stage(4, W), objective("latency"))
    alone, regions = bound_of(problem, False, "latency"), bound_of(problem, True, "latency")
    assert (alone.value, regions.value) == (about(16), about(1))
    assert result.value == about(1)
    assert result.certificate == regions
    assert result.gap == pytest.approx(0)


def test_the_bound_says_what_it_is_of() -> None:
    problem = pose(Scenario("s", (Task("gemm", GEMM, 1),)), row(3), Sheet(), DETAILED)
    alone = Schedule((Window((Pipeline(0, (Stage(0, 0, (1,)),)),)),))
    for schedule, what in ((alone, Space.ONE_CHIPLET), (one_stage(2, W), Space.REGIONS)):
        certificate = assess(problem, {}, schedule, objective("edp")).certificate
        assert certificate is not None
        assert certificate.of == what


@pytest.mark.parametrize("goal", ["log(latency)", "-1 / energy", "0 * latency"])
def test_a_value_that_is_not_positive_has_no_gap_and_no_claim(goal: str) -> None:
    problem = pose(Scenario("s", (Task("gemm", GEMM, 1),)), quick(row(3)), Sheet(), DETAILED)
    result = assess(problem, {}, one_stage(2, W), objective(goal))
    assert result.certificate is not None
    assert result.value is not None
    assert result.certificate.value <= result.value <= 0
    assert result.gap is None


# Random schedules ------------------------------------------------------------------------------------------------


def two_tasks(seed: int, fidelity: Fidelity) -> tuple[Problem, Schedule]:
    """Two models, side by side in a window on halves of the package, or the second after the first."""
    rng = random.Random(seed)
    package = package_of(rng, 10**7)
    models = [rng.choice([maps, attention])(rng) for _ in range(2)]
    batches = [rng.choice([1, 2, 3, 5]) for _ in models]
    beside = rng.random() < 0.5
    after = None if beside else "m0"
    scenario = Scenario("two", (Task("m0", models[0], batches[0]), Task("m1", models[1], batches[1], depends_on=after)))
    chiplets = list(range(len(package.chiplets)))
    half = len(chiplets) // 2
    pipelines = [
        Pipeline(
            task,
            stages_of(rng, package, list(model.units), where if beside else chiplets),
            rng.randint(1, min(batches[task], 3)),
        )
        for task, (model, where) in enumerate(zip(models, (chiplets[:half], chiplets[half:]), strict=True))
    ]
    windows = (Window(tuple(pipelines)),) if beside else tuple(Window((pipeline,)) for pipeline in pipelines)
    return pose(scenario, package, Proportional(), fidelity), Schedule(windows)


def require_above(evaluation: Evaluation, problem: Problem) -> None:
    for choice in GOALS:
        goal = objective(choice)
        value = goal(evaluation.latency_s, evaluation.energy_j)
        bound = lower_bound(problem, goal, regions=True)
        assert bound.value <= value * (1 + 1e-12)
        assert -1e-12 <= bound.gap(value) <= 1
        assert bound.latency_s <= evaluation.latency_s * (1 + 1e-12)
        assert bound.energy_j <= evaluation.energy_j * (1 + 1e-12)


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(25, 60))
def test_no_schedule_on_regions_is_below_the_bound(seed: int, fidelity: Fidelity) -> None:
    case = random_case(seed, fidelity)
    require_above(evaluate(case.schedule, case.problem), case.problem)
    # where transfers take next to no time and energy, only what the bound counts is left
    free = replace(
        case.problem.package,
        link_bandwidth_bytes_s=1e15,
        dram_bandwidth_bytes_s=1e15,
        hop_latency_s=0.0,
        dram_latency_s=0.0,
        conflict_delay_s=0.0,
        nop_energy_j_per_bit=0.0,
    )
    squared = pose(case.problem.scenario, free, Squared(), fidelity)
    require_above(evaluate(case.schedule, squared), squared)


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(20, 40))
def test_no_schedule_of_two_models_on_regions_is_below_the_bound(seed: int, fidelity: Fidelity) -> None:
    problem, schedule = two_tasks(seed, fidelity)
    assert faults_of(schedule, problem) == []
    require_above(evaluate(schedule, problem), problem)


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", range(20))
def test_more_schedules_never_raise_the_bound(seed: int, fidelity: Fidelity) -> None:
    problem, _ = two_tasks(seed, fidelity)
    alone, regions = bound_of(problem, False), bound_of(problem, True)
    assert regions.latency_s <= alone.latency_s * (1 + 1e-12)
    assert regions.energy_j <= alone.energy_j * (1 + 1e-12)
    few = pose(problem.scenario, row(1), Proportional(), fidelity)
    assert bound_of(few, True) == replace(bound_of(few, False), of=Space.REGIONS)
