"""Tensors that lie at one memory interface each: by hand, by a recount, and what must hold of any plan."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from chipweave.errors import InputError
from chipweave.evaluation.bound import lower_bound
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.lines import proven
from chipweave.evaluation.record import Evaluation
from chipweave.evaluation.traffic import traffic
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.memory import Stack
from chipweave.hardware.package import Interfaces, Package, Placement
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.schedulers.exact import Exact
from chipweave.schedulers.rescue import found_by
from chipweave.schedulers.search import Request
from chipweave.schedulers.weave.options import WeaveOptions
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.test_regions import mixed_case
from tests.evaluation.exact.test_regions_by_hand import Sheet
from tests.simulation.formulas import played
from tests.support import random_problem, random_schedule

# By hand ---------------------------------------------------------------------------------------------------------
#
# Two chiplets, each with a stack: 1 byte/s, 5 s and 1 J a byte at chiplet 0; 2 bytes/s, 7 s and 3 J at chiplet 1. The
# link: 1 byte/s, 11 s, 1 J a byte. A gemm (24 weights, 32 bytes in, 48 out) on chiplet 0, then, in a window of its own,
# a gemm (30 weights, 48 in, 40 out) on chiplet 1.

GEMMS = Model(
    "gemms",
    (Layer("a", Op.GEMM, K=6, C=4, Y=8), Layer("b", Op.GEMM, K=5, C=6, Y=8)),
    (Edge(-1, 0, 32), Edge(0, 1, 48)),
)
STACKS = (
    Stack("slow", 1.0, (0,), capacity_bytes=150, latency_s=5.0, energy_j_per_bit=1 / 8),
    Stack("fast", 2.0, (1,), capacity_bytes=100, latency_s=7.0, energy_j_per_bit=3 / 8),
)
PAIR = Package(
    "pair",
    (Chiplet("plain", clock_hz=1.0, l2_bytes=10_000),) * 2,
    topology.mesh(1, 2),
    (0, 1),
    link_bandwidth_bytes_s=1.0,
    hop_latency_s=11.0,
    nop_energy_j_per_bit=1 / 8,
    memory=STACKS,
    placement=Placement.NEAREST,
)


def apart(second: Stage) -> Schedule:
    return Schedule((Window((Pipeline(0, (Stage(0, 0, (0,)),)),)), Window((Pipeline(0, (second,)),))))


def cost(package: Package, plan: Schedule, fidelity: Fidelity = Fidelity.DETAILED) -> Evaluation:
    return evaluate(plan, pose(Scenario("s", (Task("t", GEMMS),)), package, Sheet(), fidelity))


def test_what_an_earlier_window_wrote_comes_from_where_it_wrote_it() -> None:
    made = cost(PAIR, apart(Stage(1, 1, (1,))))
    first, second = made.stages
    assert first.memory == ((0, 24 + 32 + 48),)
    assert second.memory == ((1, 30 + 40), (0, 48))
    assert (first.load_s, first.store_s) == (32 / 1 + 5, 48 / 1 + 5)
    assert (second.load_s, second.store_s) == (48 / 1 + 11 + 5, 40 / 2 + 7)
    assert second.resident_s == 30 / 2
    assert (first.energy.dram, second.energy.dram) == (104 * 1, 70 * 3 + 48 * 1)
    assert (first.energy.nop, second.energy.nop) == (0, 48)
    assert [window.dram_s for window in made.windows] == [104 / 1, 48 / 1], "the slowest interface"
    assert [each.dram for each in traffic(made, PAIR)] == [{0: 104, 1: 0}, {0: 48, 1: 70}]


def test_the_plan_may_name_another_interface() -> None:
    """All of the second gemm at the interface of chiplet 0, over the link there and back."""
    made = cost(PAIR, apart(Stage(1, 1, (1,), memory=0)))
    second = made.stages[1]
    assert second.memory == ((0, 30 + 48 + 40),)
    assert (second.load_s, second.store_s, second.resident_s) == (48 + 11 + 5, 40 + 11 + 5, 30)
    assert (second.energy.dram, second.energy.nop) == (118 * 1, 118)
    assert made.windows[1].dram_s == 118


def test_sources_send_at_once() -> None:
    """With what it loads from the network's input beside, at its own interface, the longer of both decides."""
    layers = GEMMS.layers[0], Layer("b", Op.GEMM, K=5, C=8, Y=8)
    both = Model("both", layers, (*GEMMS.edges, Edge(-1, 1, 16)), input_elements=32)
    problem = pose(Scenario("s", (Task("t", both),)), PAIR, Sheet(), Fidelity.DETAILED)
    second = evaluate(apart(Stage(1, 1, (1,))), problem).stages[1]
    assert second.memory == ((1, 40 + 16 + 40), (0, 48))
    assert second.load_s == max(16 / 2, 48 / 1) + max(7, 11 + 5)
    assert second.energy.dram == 96 * 3 + 48 * 1


def test_in_paper_weights_come_with_every_load() -> None:
    second = cost(PAIR, apart(Stage(1, 1, (1,))), Fidelity.PAPER).stages[1]
    assert second.load_s == 30 / 2 + 48 / 1 + max(7, 11 + 5)
    assert second.memory == ((1, 70), (0, 48))


def test_of_stacks_at_several_interfaces_each_has_an_even_share() -> None:
    package = PAIR.with_memory((*STACKS, Stack("both", 4.0, (0, 1), 60, latency_s=6.0, energy_j_per_bit=2 / 8)))
    one, other = (package.interface_memory[at] for at in (0, 1))
    assert (one.bandwidth_bytes_s, one.latency_s, one.capacity_bytes) == (3.0, 6.0, 45), "the shared one is full first"
    assert one.energy_j_per_bit == pytest.approx((1 * 1 + 2 * 2) / 3 / 8)
    assert (other.bandwidth_bytes_s, other.latency_s, other.capacity_bytes) == (4.0, 7.0, 60)
    assert package.capacity_bytes == 105
    assert package.interface_bandwidth is Interfaces.SPLIT
    assert {at: own.bandwidth_bytes_s for at, own in package.interface_memory.items()} == package.interface_bytes_s


def test_what_does_not_fit_is_a_fault() -> None:
    """56 bytes at chiplet 0, 24 + 32, as what is kept between windows is not counted; 70 at chiplet 1."""
    tight = PAIR.with_memory((replace(STACKS[0], capacity_bytes=56), replace(STACKS[1], capacity_bytes=70)))
    problem = pose(Scenario("s", (Task("t", GEMMS),)), tight, Sheet(), Fidelity.DETAILED)
    assert faults_of(apart(Stage(1, 1, (1,))), problem) == []
    (fault,) = faults_of(apart(Stage(1, 1, (1,), memory=0)), problem)
    assert "interface of chiplet 0 holds 56 B, and the plan puts 126 B" in str(fault)
    with pytest.raises(InputError, match="holds 125 B, and scenario 's' needs 126 B"):
        pose(Scenario("s", (Task("t", GEMMS),)), tight.with_memory((replace(STACKS[0], capacity_bytes=55),
             replace(STACKS[1], capacity_bytes=70))), Sheet(), Fidelity.DETAILED)  # fmt: skip


def test_what_is_read_at_two_interfaces_lies_at_both() -> None:
    layers = Layer("a", Op.GEMM, K=4, C=4, Y=8), Layer("b", Op.GEMM, K=4, C=4, Y=16, shares="a")
    shared = Model("shared", layers, (Edge(-1, 0, 32), Edge(0, 1, 32), Edge(-1, 1, 32)))
    room = PAIR.with_memory((replace(STACKS[0], capacity_bytes=47), replace(STACKS[1], capacity_bytes=10_000)))
    problem = pose(Scenario("s", (Task("t", shared),)), room, Sheet(), Fidelity.DETAILED)
    (fault,) = faults_of(apart(Stage(1, 1, (1,))), problem)
    assert "holds 47 B, and the plan puts 48 B" in str(fault), "16 weights and 32 of input, at either chiplet"


@pytest.mark.parametrize(
    ("package", "memory", "wrong"),
    [
        (replace(PAIR, placement=Placement.INTERLEAVED), 1, "they are interleaved over all stacks; leave it out"),
        (PAIR, 5, "memory=5 has no memory interface; chiplets that have one are 0, 1"),
    ],
)
def test_a_plan_names_no_other_place(package: Package, memory: int, wrong: str) -> None:
    problem = pose(Scenario("s", (Task("t", GEMMS),)), package, Sheet(), Fidelity.DETAILED)
    (fault,) = faults_of(apart(Stage(1, 1, (1,), memory=memory)), problem)
    assert wrong in str(fault)


# Any plan --------------------------------------------------------------------------------------------------------


def placed_case(seed: int, given: bool = False) -> tuple[Problem, Schedule]:
    """A plan on a package with unlike stacks at its interfaces; `given`: which names interfaces for some stages."""
    problem, schedule = mixed_case(seed)
    rng, package = random.Random(seed), problem.package
    if len(package.interfaces) == 1 and len(package.chiplets) > 1:
        package = replace(package, interfaces=tuple(sorted({*package.interfaces, len(package.chiplets) - 1})))
    stacks = tuple(
        Stack(
            f"at {at}",
            package.dram_bandwidth_bytes_s * rng.choice((0.3, 1, 2.5)),
            (at,),
            latency_s=package.dram_latency_s * rng.choice((0.5, 1, 3)),
            energy_j_per_bit=package.dram_energy_j_per_bit * rng.choice((0.5, 1, 2)),
        )
        for at in package.interfaces
    )
    made = posed(problem, replace(package.with_memory(stacks), placement=Placement.NEAREST))
    if given:
        schedule = with_places(schedule, package.interfaces, rng)
    return made, schedule


def posed(problem: Problem, package: Package) -> Problem:
    return pose(problem.scenario, package, problem.cost_model, problem.fidelity)


def with_places(schedule: Schedule, interfaces: tuple[int, ...], rng: random.Random) -> Schedule:
    def anywhere(stage: Stage) -> Stage:
        return replace(stage, memory=rng.choice((None, *interfaces)))

    return Schedule(
        tuple(
            Window(tuple(replace(each, stages=tuple(map(anywhere, each.stages))) for each in window.pipelines))
            for window in schedule.windows
        )
    )


SEEDS = (0, 1, 2, 8, 33, 61, 141, 201)
CASES = [(seed, given) for seed in SEEDS for given in (False, True)]


def test_the_plans_have_every_kind_of_stage() -> None:
    stages = [stage for case in CASES for stage in evaluate(*placed_case(*case)[::-1]).stages]
    assert {len(stage.memory) > 1 for stage in stages if len(stage.chiplets) == 1} == {False, True}
    assert {len(stage.memory) > 1 for stage in stages if len(stage.chiplets) > 1} == {False, True}


@pytest.mark.parametrize(("seed", "given"), CASES)
def test_bytes_by_a_recount(seed: int, given: bool) -> None:
    """Where every byte passes, counted anew from the plan: weights, evictions and stores at the own interface, loads
    where the layer ran that made them."""
    problem, schedule = placed_case(seed, given)
    made = evaluate(schedule, problem)
    package = problem.package
    assert faults_of(schedule, problem) == []

    def interface(stage: Stage) -> int:
        if stage.memory is not None:
            return stage.memory
        far = {at: sum(package.distance[at, each] for each in stage.chiplets) for at in sorted(package.interfaces)}
        return min(far, key=lambda at: far[at])

    at = {
        (pipeline.task, layer): (index, interface(stage))
        for index, pipeline in schedule.pipelines()
        for stage in pipeline.stages
        for layer in stage.layers
    }
    plans = [(index, pipeline, stage) for index, pipeline in schedule.pipelines() for stage in pipeline.stages]
    for (index, pipeline, stage), costs in zip(plans, made.stages, strict=True):
        task = problem.scenario.tasks[pipeline.task]
        wanted: dict[int, float] = {interface(stage): costs.bytes_.dram}
        sources = {edge.producer for layer in stage.layers for edge in task.model.operands[layer]} - {NETWORK_INPUT}
        for source in sources:
            window, where = at[pipeline.task, source]
            if window < index and where != interface(stage):
                read = sum(edge.elements for edge in task.model.readers(source) if edge.consumer in stage.layers)
                bytes_ = task.batch * task.model.tensor_bytes(min(read, task.model.tensor_elements(source)))
                wanted[where] = wanted.get(where, 0.0) + bytes_
                wanted[interface(stage)] -= bytes_
        assert dict(costs.memory) == pytest.approx(wanted)


@pytest.mark.parametrize(("seed", "given"), CASES)
def test_as_many_bytes_as_interleaved_and_the_bounds_hold(seed: int, given: bool) -> None:
    problem, schedule = placed_case(seed, given)
    made = evaluate(schedule, problem)
    plain = with_places(schedule, (), random.Random())
    interleaved = evaluate(plain, posed(problem, replace(problem.package, placement=Placement.INTERLEAVED)))
    for one, other in zip(made.windows, interleaved.windows, strict=True):
        assert one.dram_bytes == pytest.approx(other.dram_bytes, rel=1e-12)
        assert one.contended_s >= one.latency_s
    for goal in ("latency", "energy", "edp"):
        bound = lower_bound(problem, objective(goal), schedule.largest_region > 1)
        assert objective(goal)(made.latency_s, made.energy_j) >= bound.value * (1 - 1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_with_one_interface_it_is_all_the_same(seed: int) -> None:
    problem, schedule = mixed_case(seed)
    package = replace(problem.package, interfaces=problem.package.interfaces[:1], interface_bandwidth=Interfaces.SPLIT)
    one = evaluate(schedule, posed(problem, package))
    other = evaluate(schedule, posed(problem, replace(package, placement=Placement.NEAREST)))
    for before, after in zip(one.stages, other.stages, strict=True):
        assert replace(after, memory=()) == before
    assert (other.latency_s, other.energy) == (one.latency_s, one.energy)


@pytest.mark.parametrize(("seed", "given"), CASES)
def test_the_simulator_has_it_too(seed: int, given: bool) -> None:
    problem, schedule = placed_case(seed, given)
    evaluation = evaluate(schedule, problem)
    for window in played(problem, schedule, evaluation):
        assert window.own["DRAM"] == pytest.approx(window.costs.dram_bytes, rel=1e-9)
        for at, bytes_ in window.traffic.dram.items():
            assert window.own[f"interface of chiplet {at}"] == pytest.approx(bytes_, rel=1e-9)
        assert window.latency_s >= window.costs.dram_s * (1 - 1e-9)


def _more(stacks: tuple[Stack, ...], how: str, number: int) -> tuple[Stack, ...]:
    own = stacks[number]
    match how:
        case "bandwidth":
            better = (replace(own, bandwidth_bytes_s=1.7 * own.bandwidth_bytes_s),)
        case "latency":
            better = (replace(own, latency_s=own.latency_s / 3),)
        case "energy":
            better = (replace(own, energy_j_per_bit=own.energy_j_per_bit / 2),)
        case _:
            better = (own, own)
    return (*stacks[:number], *better, *stacks[number + 1 :])


@pytest.mark.parametrize("how", ["bandwidth", "latency", "energy", "one more"])
@pytest.mark.parametrize(("seed", "given"), CASES)
def test_a_better_stack_never_makes_a_plan_slower_or_dearer(seed: int, given: bool, how: str) -> None:
    """Of any single interface: nobody else's tensors are moved there, so no mean of unlike stacks rises."""
    problem, schedule = placed_case(seed, given)
    before, package = evaluate(schedule, problem), problem.package
    for number in range(len(package.memory)):
        better = package.with_memory(_more(package.memory, how, number))
        after = evaluate(schedule, posed(problem, better))
        assert after.latency_s <= before.latency_s * (1 + 1e-12)
        assert after.energy_j <= before.energy_j * (1 + 1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_searches_price_what_earlier_windows_wrote_at_its_worst(seed: int) -> None:
    """`Exact` costs windows by themselves, so it does not know where those before wrote: no plan turns out worse."""
    rng = random.Random(seed)
    problem, schedule = placed_case(seed)
    alone = random_schedule(rng, problem)
    for plan in (schedule, alone):
        made, exact = evaluate(plan, problem), Exact(prepare(problem))
        for window, costs in zip(plan.windows, made.windows, strict=True):
            found = exact.window(window)
            assert found is not None
            assert found.energy_j >= costs.energy.total * (1 - 1e-9)
            slowest = max(each.latency_s for each in found.pipelines)
            assert slowest >= max(each.latency_s for each in costs.pipelines) * (1 - 1e-9)


def test_proofs_hold_of_plans_with_places_of_their_own() -> None:
    rng = random.Random(3)
    problem = random_problem(rng, Fidelity.DETAILED)
    package = problem.package
    if len(package.interfaces) == 1:
        package = replace(package, interfaces=(0, len(package.chiplets) - 1))
    stacks = tuple(
        Stack(f"{at}", 64e9 * (1 + at), (at,), latency_s=1e-7 * (1 + at), energy_j_per_bit=1e-12 * (9 - at))
        for at in package.interfaces
    )
    problem = posed(problem, replace(package.with_memory(stacks), placement=Placement.NEAREST))
    found = found_by("optimal", prepare(problem), Request(objective("edp"), options=WeaveOptions(steps=300)))
    least = proven(prepare(problem), objective("edp"), False, found.proof).value
    assert least <= evaluate(found.schedule, problem).edp_js * (1 + 1e-9)
    for seed in range(20):
        plan = random_schedule(random.Random(seed), problem)
        for other in (plan, with_places(plan, package.interfaces, rng)):
            assert least <= evaluate(other, problem).edp_js * (1 + 1e-9)
