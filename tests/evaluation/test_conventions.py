"""Unicast, and bandwidth of each memory interface: by hand, and what must hold of any plan."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from chipweave.evaluation.bound import lower_bound
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.lines import proven
from chipweave.evaluation.record import Evaluation
from chipweave.evaluation.traffic import traffic
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.memory import Stack
from chipweave.hardware.package import Delivery, Interfaces, Package
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.schedulers.rescue import found_by
from chipweave.schedulers.search import Request
from chipweave.schedulers.weave.options import WeaveOptions
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.test_regions import mixed_case
from tests.evaluation.exact.test_regions_by_hand import Sheet
from tests.simulation.formulas import played
from tests.support import random_problem, random_schedule

# By hand ---------------------------------------------------------------------------------------------------------
#
# One gemm of 8 rows, 4 inputs and 6 outputs on two chiplets at 1 Hz, 4 rows on each, so both use all of its 24 weights;
# 32 bytes in and 48 out, 16 and 24 of each chiplet. A byte takes 1 s at the DRAM and on a link; latencies are 0.

GEMM = Model("gemm", (Layer("a", Op.GEMM, K=6, C=4, Y=8),), (Edge(-1, 0, 32),))
WHOLE = Stage(0, 0, (0, 1), (Partition.WEIGHT_SHARED,))


def row(chiplets: int, interfaces: tuple[int, ...] = (0,)) -> Package:
    return Package(
        "row",
        (Chiplet("plain", clock_hz=1.0, l2_bytes=10_000),) * chiplets,
        topology.mesh(1, chiplets),
        interfaces,
        link_bandwidth_bytes_s=1.0,
        hop_latency_s=0.0,
        nop_energy_j_per_bit=1 / 8,
        dram_bandwidth_bytes_s=1.0,
        dram_latency_s=0.0,
        dram_energy_j_per_bit=1 / 8,
    )


def cost(package: Package, stages: tuple[Stage, ...] = (WHOLE,), tasks: int = 1) -> Evaluation:
    entries = tuple(Task(f"t{number}", GEMM) for number in range(tasks))
    problem = pose(Scenario("s", entries), package, Sheet(), Fidelity.DETAILED)
    pipelines = tuple(Pipeline(number, (stage,), 1) for number, stage in enumerate(stages))
    return evaluate(Schedule((Window(pipelines),)), problem)


def test_unicast_reads_weights_for_every_chiplet() -> None:
    """Multicast: DRAM moves 24 + 32 + 48 bytes; of these 24 + 16 cross the link to chiplet 1, and 24 come back. Unicast
    reads the weights twice, so DRAM moves 24 more, and the port of chiplet 0 sends as many as before: its own copy
    crosses no port."""
    once, twice = cost(row(2)), cost(replace(row(2), delivery=Delivery.UNICAST))
    (window,), (other,) = once.windows, twice.windows
    assert (window.dram_bytes, other.dram_bytes) == (104, 128)
    assert once.energy.dram + 24 == pytest.approx(twice.energy.dram)
    assert once.energy.nop == pytest.approx(24 + 16 + 24) == twice.energy.nop
    assert once.energy.fill == pytest.approx(twice.energy.fill), "the same bytes fill the L2s"
    (stage,), (copied,) = (each.pipelines[0].stages for each in (window, other))
    assert copied.resident_s == stage.resident_s + 24


def test_unicast_sends_every_copy_over_the_links() -> None:
    """On three in a row, 3 rows each (2 on the last): the 24 weights go to chiplets 1 and 2, both over the link 0-1."""
    stage = replace(WHOLE, chiplets=(0, 1, 2))
    once, twice = (cost(replace(row(3), delivery=each), (stage,)) for each in Delivery)
    (one,), (other,) = (traffic(each, row(3)) for each in (once, twice))
    assert other.links[0] - one.links[0] == 24
    assert other.links[2] == one.links[2]
    assert other.out[0] - one.out[0] == 24
    assert (once.windows[0].dram_bytes, twice.windows[0].dram_bytes) == (104, 152)


def test_split_gives_each_interface_its_part() -> None:
    """Two gemms of 104 bytes each on chiplets of their own, two interfaces. Shared, each moves its bytes at 1 byte/s;
    the DRAM needs 208 s for both. Split, each has half, and needs as long for its 104."""
    ends = Stage(0, 0, (0,)), Stage(0, 0, (1,))
    shared = cost(row(2, (0, 1)), ends, 2)
    split = cost(replace(row(2, (0, 1)), interface_bandwidth=Interfaces.SPLIT), ends, 2)
    assert shared.windows[0].dram_s == split.windows[0].dram_s == 208
    one, other = (each.windows[0].pipelines[0].stages[0] for each in (shared, split))
    assert (other.load_s, other.store_s, other.resident_s) == (2 * one.load_s, 2 * one.store_s, 2 * one.resident_s)
    near = Stage(0, 0, (0,)), Stage(0, 0, (2,))
    crowded = cost(replace(row(4, (0, 3)), interface_bandwidth=Interfaces.SPLIT), near, 2)
    assert crowded.windows[0].dram_s == 208
    near = Stage(0, 0, (0,)), Stage(0, 0, (1,))
    crowded = cost(replace(row(4, (0, 3)), interface_bandwidth=Interfaces.SPLIT), near, 2)
    assert crowded.windows[0].dram_s == 416, "both through the interface of chiplet 0"


def test_stacks_set_what_an_interface_has() -> None:
    stacks = Stack("fast", 3.0, (0,)), Stack("both", 2.0, (0, 1))
    package = row(2, (0, 1)).with_memory(stacks)
    assert package.interface_bytes_s == {0: 5.0, 1: 5.0}
    assert replace(package, interface_bandwidth=Interfaces.SPLIT).interface_bytes_s == {0: 4.0, 1: 1.0}


# Any plan --------------------------------------------------------------------------------------------------------


def with_conventions(problem: Problem, **changes: object) -> Problem:
    package = replace(problem.package, **changes)  # type: ignore[arg-type]
    return pose(problem.scenario, package, problem.cost_model, problem.fidelity)


CONVENTIONS = [
    {"delivery": Delivery.UNICAST},
    {"interface_bandwidth": Interfaces.SPLIT},
    {"delivery": Delivery.UNICAST, "interface_bandwidth": Interfaces.SPLIT},
]


@pytest.mark.parametrize("changes", CONVENTIONS, ids=["unicast", "split", "both"])
@pytest.mark.parametrize("seed", range(8))
def test_neither_moves_less_and_the_bound_of_before_holds(seed: int, changes: dict[str, object]) -> None:
    problem, schedule = mixed_case(seed)
    other = with_conventions(problem, **changes)
    before, after = evaluate(schedule, problem), evaluate(schedule, other)
    for one, two in zip(before.windows, after.windows, strict=True):
        assert two.dram_bytes >= one.dram_bytes * (1 - 1e-12)
        assert two.dram_s >= one.dram_s * (1 - 1e-12)
        assert two.contended_s >= two.latency_s
    assert after.energy_j >= before.energy_j * (1 - 1e-12)
    for goal in ("latency", "energy", "edp"):
        bound = lower_bound(other, objective(goal), schedule.largest_region > 1)
        assert objective(goal)(after.latency_s, after.energy_j) >= bound.value * (1 - 1e-9)
    if schedule.largest_region == 1 and "interface_bandwidth" not in changes:
        assert after == before


@pytest.mark.parametrize("changes", CONVENTIONS, ids=["unicast", "split", "both"])
@pytest.mark.parametrize("seed", range(8))
def test_the_simulator_has_them_too(seed: int, changes: dict[str, object]) -> None:
    """The formulas' machine gives the formulas, and transfers carry the evaluator's bytes."""
    problem, schedule = mixed_case(seed)
    problem = with_conventions(problem, **changes)
    evaluation = evaluate(schedule, problem)
    for window in played(problem, schedule, evaluation):
        assert window.own["DRAM"] == pytest.approx(window.costs.dram_bytes, rel=1e-9)
        window.require_links(problem)
        if "interface_bandwidth" in changes:
            assert window.latency_s >= window.costs.dram_s * (1 - 1e-9)


def test_searches_end_at_the_evaluators_figures() -> None:
    """`optimal` compares plans by the evaluator here, so that its value is its plan's, and no plan of one chiplet a
    stage is below its proof."""
    rng = random.Random(3)
    problem = with_conventions(random_problem(rng, Fidelity.DETAILED), **CONVENTIONS[2])
    found = found_by("optimal", prepare(problem), Request(objective("edp"), options=WeaveOptions(steps=300)))
    assert found.schedule.largest_region == 1
    cost = evaluate(found.schedule, problem)
    assert found.history[-1][1] == pytest.approx(cost.edp_js, rel=1e-9)
    least = proven(prepare(problem), objective("edp"), False, found.proof).value
    assert least <= cost.edp_js * (1 + 1e-9)
    for seed in range(20):
        other = evaluate(random_schedule(random.Random(seed), problem), problem)
        assert least <= other.edp_js * (1 + 1e-9)


FASTER = [
    {"dram_bandwidth_bytes_s": 1.7},
    {"link_bandwidth_bytes_s": 1.7},
    {"hop_latency_s": 1 / 3},
    {"dram_latency_s": 1 / 3},
]


@pytest.mark.parametrize("factors", FASTER, ids=lambda factors: next(iter(factors)))
@pytest.mark.parametrize("seed", range(10))
def test_a_faster_package_never_makes_a_plan_slower_or_dearer(seed: int, factors: dict[str, float]) -> None:
    problem, schedule = mixed_case(seed)
    if seed % 4 >= 2:
        problem = with_conventions(problem, **CONVENTIONS[seed % 3])
    faster = {key: factor * getattr(problem.package, key) for key, factor in factors.items()}
    before, after = (evaluate(schedule, each) for each in (problem, with_conventions(problem, **faster)))
    assert after.latency_s <= before.latency_s * (1 + 1e-12)
    assert after.energy_j <= before.energy_j * (1 + 1e-12)


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_more_stacks_never_make_a_plan_slower_or_dearer(seed: int, split: bool) -> None:
    """Of the same kind: at every interface one, two and three."""
    problem, schedule = mixed_case(seed)
    reached = []
    for count in (1, 2, 3):
        places = [at for at in problem.package.interfaces for _ in range(count)]
        stacks = tuple(Stack("one", problem.package.dram_bandwidth_bytes_s, (at,)) for at in places)
        package = problem.package.with_memory(stacks)
        if split:
            package = replace(package, interface_bandwidth=Interfaces.SPLIT)
        made = evaluate(schedule, pose(problem.scenario, package, problem.cost_model, problem.fidelity))
        reached.append((made.latency_s, made.energy_j))
    for (latency_s, energy_j), (less_s, less_j) in pairwise(reached):
        assert less_s <= latency_s * (1 + 1e-12)
        assert less_j <= energy_j * (1 + 1e-12)
