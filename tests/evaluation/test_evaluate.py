"""The evaluator against arithmetic done by hand, and what must not change it.

The numbers are chosen to be done in the head. Chiplets in a row, 0 - 1 - 2, memory interface on chiplet 0 only.

    links   10 bytes/s, 1 s a hop, 1 J per byte and hop        DRAM   5 bytes/s, 2 s, 2 J per byte
    clock   1 Hz

    layer   weights  input  output   cycles   mac l1 l2  noc   fill of input, of weights, drain of output
    a             8      2       4       10     1 10 100 1000        5  11  2
    b            12      4       3       20     2 20 200 2000        7  13  4
    c            15      3       5       30     3 30 300 3000        9  17  6
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipweave.cost.interface import LayerCosts
from chipweave.evaluation.bound import lower_bound
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.record import Evaluation, StageEvaluation
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package, Routing
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.support import RoundNumbers, random_problem, random_schedule

PAPER, DETAILED = Fidelity.PAPER, Fidelity.DETAILED
ROOMY = 1000
SEEDS = st.integers(min_value=0, max_value=2**32 - 1)


@dataclass(frozen=True)
class Sheet:
    """The table at the top of this file."""

    name: str = "sheet"

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        number = np.array([" abc".index(layer.name) for layer in layers], float)
        return LayerCosts(
            cycles=10 * number,
            mac_j=number,
            l1_j=10 * number,
            l2_j=100 * number,
            noc_j=1000 * number,
            fill_input_j=3 + 2 * number,
            fill_weight_j=np.array([0, 11.0, 13.0, 17.0])[number.astype(int)],
            drain_output_j=2 * number,
            l2_need_elements=0 * number,
        )


def gemm(name: str, inputs: int, outputs: int) -> Layer:
    return Layer(name, Op.GEMM, K=outputs, C=inputs, Y=1)


CHAIN = Model(
    "chain", (gemm("a", 2, 4), gemm("b", 4, 3), gemm("c", 3, 5)), (Edge(-1, 0, 2), Edge(0, 1, 4), Edge(1, 2, 3))
)
SKIP = Model(
    "skip",
    (gemm("a", 2, 4), gemm("b", 4, 3), gemm("c", 7, 5)),
    (Edge(-1, 0, 2), Edge(0, 1, 4), Edge(1, 2, 3), Edge(0, 2, 4)),
)
"""As CHAIN, but c also reads a: 7 inputs, 35 weights."""


def row(chiplets: int, l2_bytes: int = ROOMY, clock_hz: float = 1.0, **changes: float) -> Package:
    chiplet = Chiplet("plain", clock_hz=clock_hz, l2_bytes=l2_bytes)
    links = topology.mesh(1, chiplets)
    numbers = {
        "link_bandwidth_bytes_s": 10.0,
        "hop_latency_s": 1.0,
        "nop_energy_j_per_bit": 1 / 8,
        "dram_bandwidth_bytes_s": 5.0,
        "dram_latency_s": 2.0,
        "dram_energy_j_per_bit": 2 / 8,
    }
    return Package("row", (chiplet,) * chiplets, links, (0,), **(numbers | changes))  # type: ignore[arg-type]


def problem_of(model: Model, package: Package, fidelity: Fidelity, batch: int = 1, copies: int = 1) -> Problem:
    tasks = tuple(Task(f"{model.name}{copy}", model, batch) for copy in range(copies))
    return pose(Scenario("hand", tasks), package, Sheet(), fidelity)


def run(problem: Problem, *windows: Sequence[tuple[int, int, int]], micro_batch: int = 1) -> Evaluation:
    """Evaluate task 0 with stages (first, last, chiplet) per window."""
    made = [
        Window((Pipeline(0, tuple(Stage(first, last, (chiplet,)) for first, last, chiplet in stages), micro_batch),))
        for stages in windows
    ]
    schedule = Schedule(tuple(made))
    assert faults_of(schedule, problem) == []
    return evaluate(schedule, problem)


def stages_of(evaluation: Evaluation, window: int = 0) -> tuple[StageEvaluation, ...]:
    return evaluation.windows[window].pipelines[0].stages


# One chiplet, batch 1 -------------------------------------------------------------------------------------------


def test_one_chiplet_in_paper() -> None:
    result = run(problem_of(CHAIN, row(1), PAPER), [(0, 2, 0)])
    (stage,) = stages_of(result)
    assert stage.compute_s == 10 + 20 + 30
    assert stage.load_s == pytest.approx((2 + 35) / 5 + 2)  # input and weights together
    assert stage.store_s == 5 / 5 + 2
    assert (stage.weights_s, stage.resident_s, stage.spill_s, stage.forward_s) == (0, 0, 0, 0)
    assert result.latency_s == pytest.approx(60 + 9.4 + 3)
    energy = result.energy
    assert (energy.mac, energy.l1, energy.l2, energy.noc) == (6, 60, 600, 6000)
    assert energy.fill == (5 + 7 + 9) + (11 + 13 + 17)
    assert energy.drain == 2 + 4 + 6
    assert energy.dram == pytest.approx((35 + 2 + 5) * 2)
    assert (energy.nop, energy.static) == (0, 0)
    assert result.energy_j == pytest.approx(6824)
    assert result.edp_js == pytest.approx(6824 * 72.4)
    assert result.windows[0].dram_s == 0  # no roofline in paper


def test_one_chiplet_in_detailed() -> None:
    result = run(problem_of(CHAIN, row(1), DETAILED), [(0, 2, 0)])
    (stage,) = stages_of(result)
    # live sets: a 2 + 4, b 4 + 3, c 3 + 5; with 35 weights that is 43 bytes: all stays
    assert stage.l2 is not None
    assert (stage.l2.resident, stage.l2.held_weights, stage.l2.activations) == (True, 35, 8)
    assert stage.resident_s == 35 / 5 + 2
    assert stage.load_s == pytest.approx(2 / 5 + 2)
    assert result.latency_s == pytest.approx(9 + (60 + 2.4 + 3))
    # only what enters the stage is filled, only what leaves it is drained
    assert result.energy.fill == 5 + (11 + 13 + 17)
    assert result.energy.drain == 6
    assert result.energy_j == pytest.approx(6666 + 46 + 6 + 84)
    assert result.windows[0].dram_s == pytest.approx(42 / 5)
    assert result.windows[0].bound_by == "pipeline"


# Two chiplets, batch 3: stages a-b and c --------------------------------------------------------------------------


def test_two_chiplets_in_paper() -> None:
    result = run(problem_of(CHAIN, row(2), PAPER, batch=3), [(0, 1, 0), (2, 2, 1)])
    first, second = stages_of(result)
    assert first.fill_s == first.steady_s == pytest.approx(((2 + 20) / 5 + 2) + 30 + (3 / 10 + 1))
    assert second.fill_s == second.steady_s == pytest.approx((15 / 5 + 1 + 2) + 30 + (5 / 5 + 1 + 2))
    assert result.latency_s == pytest.approx(37.7 + 40 + 2 * 40)
    # weights travel with each of the three micro-batches
    assert (first.bytes_.weights, first.bytes_.load, first.bytes_.forward) == (60, 6, 9)
    assert (second.bytes_.weights, second.bytes_.store) == (45, 15)
    assert result.energy.dram == pytest.approx((60 + 6 + 45 + 15) * 2)
    assert result.energy.nop == pytest.approx(9 + 45 + 15)  # c's weights and output are one hop from the interface
    assert (result.energy.fill, result.energy.drain) == (3 * (21 + 41), 3 * 12)


def test_two_chiplets_in_detailed() -> None:
    result = run(problem_of(CHAIN, row(2), DETAILED, batch=3), [(0, 1, 0), (2, 2, 1)])
    first, second = stages_of(result)
    assert (first.resident_s, second.resident_s) == (20 / 5 + 2, 15 / 5 + 1 + 2)
    assert first.fill_s == pytest.approx(2.4 + 30 + 1.3)
    assert second.fill_s == pytest.approx(30 + 4)
    assert (first.overlaps, second.overlaps) == (True, True)
    assert (first.steady_s, second.steady_s) == (30, 30)  # transfers behind compute
    assert result.latency_s == pytest.approx((6 + 33.7) + (6 + 34) + 2 * 30)
    assert result.energy.dram == pytest.approx((20 + 6 + 15 + 15) * 2)
    assert result.energy.nop == pytest.approx(9 + 15 + 15)
    assert result.energy.fill == (3 * 5 + 11 + 13) + (3 * 9 + 17)
    assert result.energy.drain == 3 * 4 + 3 * 6
    window = result.windows[0]
    # 0 -> 1 carries what a-b hand on and c's weights: 9 + 15; 1 -> 0 carries c's output: 15
    assert (window.link, window.link_s) == ((0, 1), 2.4)
    assert (window.port, window.port_s) == (0, 2.4)
    assert window.dram_s == pytest.approx(56 / 5)
    assert window.idle == ()


def test_micro_batches_of_two() -> None:
    # batch 3 in micro-batches of 2 is two of them, the last one short but timed as a full one
    result = run(problem_of(CHAIN, row(2), DETAILED, batch=3), [(0, 1, 0), (2, 2, 1)], micro_batch=2)
    first, second = stages_of(result)
    assert result.windows[0].pipelines[0].micro_batches == 2
    assert first.fill_s == pytest.approx((4 / 5 + 2) + 60 + (6 / 10 + 1))
    assert second.fill_s == pytest.approx(60 + (10 / 5 + 1 + 2))
    assert result.latency_s == pytest.approx((6 + 64.4) + (6 + 65) + 60)
    assert (first.bytes_.load, second.bytes_.store) == (6, 15)  # three samples, not four


# Skip edges -----------------------------------------------------------------------------------------------------


def test_a_skip_edge_is_passed_on_stage_by_stage_in_paper() -> None:
    result = run(problem_of(SKIP, row(3), PAPER), [(0, 0, 0), (1, 1, 1), (2, 2, 2)])
    first, second, _ = stages_of(result)
    assert first.forward_s == pytest.approx(4 / 10 + 1)  # a is one tensor at the first cut
    assert second.forward_s == pytest.approx((3 + 4) / 10 + 1)  # b, and a once more


def test_a_skip_edge_goes_straight_to_its_reader_in_detailed() -> None:
    result = run(problem_of(SKIP, row(3), DETAILED), [(0, 0, 0), (1, 1, 1), (2, 2, 2)])
    first, second, _ = stages_of(result)
    assert first.forward_s == pytest.approx((4 / 10 + 1) + (4 / 10 + 2))
    assert second.forward_s == pytest.approx(3 / 10 + 1)
    # 0 -> 1: a twice (4 + 4), the weights of b (12) and c (35); 1 -> 2: b 3, a 4, c's weights 35
    assert result.windows[0].link_s == pytest.approx((4 + 4 + 12 + 35) / 10)


def test_a_skip_edge_inside_a_stage_stays_in_l2() -> None:
    result = run(problem_of(SKIP, row(1), DETAILED), [(0, 2, 0)])
    (stage,) = stages_of(result)
    assert stage.l2 is not None
    # a lives until c: 2 + 4, 4 + 3, 4 + 3 + 5
    assert stage.l2.activations == 12
    assert stage.bytes_.forward == stage.bytes_.spill == 0


# L2 -------------------------------------------------------------------------------------------------------------


def test_weights_stream_where_they_cannot_stay() -> None:
    # 35 weights + 8 live > 40; the two largest layers' 27 + 8 <= 40
    result = run(problem_of(CHAIN, row(1, l2_bytes=40), DETAILED, batch=2), [(0, 2, 0)])
    (stage,) = stages_of(result)
    assert stage.l2 is not None
    assert (stage.l2.resident, stage.l2.fits, stage.l2.held_weights) == (False, True, 27)
    assert (stage.resident_s, stage.weights_s) == (0, 9)
    assert not stage.overlaps  # 27 + 8 and a second copy of 2 + 5 are 42 bytes
    assert stage.fill_s == stage.steady_s == pytest.approx(2.4 + 3 + max(60, 9))
    assert result.latency_s == pytest.approx(2 * 65.4)
    assert stage.bytes_.weights == 2 * 35
    assert result.energy.fill == 2 * 5 + 2 * 41


def test_a_second_buffer_hides_streamed_weights_and_transfers() -> None:
    # two bytes more hold it: 27 + 8 + 7 = 42
    result = run(problem_of(CHAIN, row(1, l2_bytes=42), DETAILED, batch=2), [(0, 2, 0)])
    (stage,) = stages_of(result)
    assert stage.overlaps
    assert stage.steady_s == max(60, 2.4 + 3 + 9)
    assert result.latency_s == pytest.approx(65.4 + 60)


def test_what_does_not_fit_spills() -> None:
    # 30 bytes: beside own and next weights, a has 30 - 20 for 6, b has 30 - 27 = 3 for 7, c has 30 - 15 for 8
    result = run(problem_of(CHAIN, row(1, l2_bytes=30), DETAILED, batch=2), [(0, 2, 0)])
    (stage,) = stages_of(result)
    assert stage.l2 is not None
    assert (stage.l2.fits, stage.l2.resident, stage.l2.spill) == (False, False, 4)
    assert stage.spill_s == pytest.approx(2 * (4 / 5 + 2))
    assert stage.fill_s == pytest.approx(2.4 + 3 + 5.6 + 60 + 9)  # nothing overlaps
    assert stage.bytes_.spill == 2 * 2 * 4
    assert result.windows[0].dram_bytes == 70 + 4 + 10 + 16


def test_weights_stream_and_activations_spill_where_that_moves_less() -> None:
    # Every tensor 5 times as large, in 40 bytes: live 30, 35, 40. In 10 micro-batches
    # keeping the 35 weights moves 35 + 10 * 2 * (25 + 30 + 35) = 1835 bytes,
    # streaming them moves 10 * (35 + 2 * ((30 - 20) + (35 - 13) + (40 - 25))) = 1290.
    wide = Model(
        "wide",
        tuple(replace(layer, Y=5, out_y=5) for layer in CHAIN.layers),
        tuple(replace(edge, elements=5 * edge.elements) for edge in CHAIN.edges),
    )
    (stage,) = stages_of(run(problem_of(wide, row(1, l2_bytes=40), DETAILED, batch=10), [(0, 2, 0)]))
    assert stage.l2 is not None
    assert (stage.l2.resident, stage.l2.spill) == (False, 10 + 22 + 15)
    assert stage.bytes_.weights + stage.bytes_.spill == 1290


def test_weights_stay_and_activations_spill_where_that_moves_less() -> None:
    # b and c in 28 bytes, live 7 and 8. In 10 micro-batches
    # keeping the 27 weights moves 27 + 10 * 2 * (6 + 7) = 287 bytes, streaming them 10 * (27 + 2 * (6 + 0)) = 390.
    result = run(problem_of(CHAIN, row(1, l2_bytes=28), DETAILED, batch=10), [(0, 0, 0)], [(1, 2, 0)])
    (stage,) = stages_of(result, window=1)
    assert stage.l2 is not None
    assert (stage.l2.resident, stage.l2.fits, stage.l2.spill) == (True, False, 6 + 7)
    assert stage.bytes_.weights + stage.bytes_.spill == 287


# Windows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fidelity", [PAPER, DETAILED])
def test_tensors_pass_from_window_to_window_through_dram(fidelity: Fidelity) -> None:
    result = run(problem_of(SKIP, row(1), fidelity), [(0, 1, 0)], [(2, 2, 0)])
    (early,), (late,) = stages_of(result), stages_of(result, window=1)
    assert early.bytes_.store == 4 + 3  # a and b, once each
    assert late.bytes_.load == 4 + 3
    assert early.store_s == pytest.approx(7 / 5 + 2)
    windows = result.windows
    assert windows[1].start_s == windows[0].latency_s
    assert result.latency_s == pytest.approx(windows[0].latency_s + windows[1].latency_s)
    assert result.task_latency_s(0) == windows[1].pipelines[0].end_s == pytest.approx(result.latency_s)


def test_a_tensor_is_stored_once_and_loaded_by_each_stage_that_reads_it() -> None:
    # b and c both read a, from different chiplets of the next window
    result = run(problem_of(SKIP, row(2), DETAILED), [(0, 0, 0)], [(1, 1, 0), (2, 2, 1)])
    assert stages_of(result)[0].bytes_.store == 4
    assert [stage.bytes_.load for stage in stages_of(result, window=1)] == [4, 4]


# Shared resources -----------------------------------------------------------------------------------------------


def in_parallel(problem: Problem, chiplets: Sequence[int]) -> Evaluation:
    """Each task whole on a chiplet of its own."""
    pipelines = (Pipeline(task, (Stage(0, 2, (chiplet,)),)) for task, chiplet in enumerate(chiplets))
    return evaluate(Schedule((Window(tuple(pipelines)),)), problem)


def test_the_dram_binds() -> None:
    package = row(2, clock_hz=1e9, hop_latency_s=0.0, dram_latency_s=0.0)
    window = in_parallel(problem_of(CHAIN, package, DETAILED, copies=2), (0, 1)).windows[0]
    # each alone takes 42 / 5 and next to no compute; together they move 84 bytes
    assert max(pipeline.latency_s for pipeline in window.pipelines) == pytest.approx(42 / 5)
    assert (window.bound_by, window.latency_s) == ("dram", pytest.approx(84 / 5))


def test_a_link_binds() -> None:
    package = row(3, clock_hz=1e9, hop_latency_s=0.0, dram_bandwidth_bytes_s=1e9, link_bandwidth_bytes_s=1.0)
    window = in_parallel(problem_of(CHAIN, package, DETAILED, copies=2), (1, 2)).windows[0]
    # weights and inputs of both cross 0 -> 1: 2 * 37 bytes
    assert (window.bound_by, window.link, window.latency_s) == ("link", (0, 1), pytest.approx(74))


def test_a_port_binds() -> None:
    # a square: chiplets 1 and 2 have links of their own to the interface, which sends 37 bytes over each
    square = replace(
        row(1, clock_hz=1e9, hop_latency_s=0.0, dram_bandwidth_bytes_s=1e9, link_bandwidth_bytes_s=1.0),
        chiplets=(Chiplet("plain", clock_hz=1e9, l2_bytes=ROOMY),) * 4,
        links=topology.mesh(2, 2),
    )
    window = in_parallel(problem_of(CHAIN, square, DETAILED, copies=2), (1, 2)).windows[0]
    assert (window.link_s, window.bound_by, window.port) == (pytest.approx(37), "port", 0)
    assert window.latency_s == pytest.approx(74)
    assert window.idle == (0, 3)


def test_static_power_is_drawn_by_every_chiplet_all_the_time() -> None:
    package = row(2)
    package = replace(package, chiplets=tuple(replace(chiplet, static_power_w=7.0) for chiplet in package.chiplets))
    result = run(problem_of(CHAIN, package, DETAILED), [(0, 2, 0)])
    assert result.energy.static == pytest.approx(2 * 7 * 74.4)
    assert run(problem_of(CHAIN, package, PAPER), [(0, 2, 0)]).energy.static == 0


# Properties ------------------------------------------------------------------------------------------------------


def random_case(seed: int, fidelity: Fidelity, rows: int = 2, columns: int = 2) -> tuple[Problem, Schedule]:
    rng = random.Random(seed)
    problem = random_problem(rng, fidelity, tasks=rng.choice([1, 2, 3]), rows=rows, columns=columns)
    return problem, random_schedule(rng, problem, windows=rng.choice([1, 2]))


@pytest.mark.parametrize("fidelity", [PAPER, DETAILED])
@given(seed=SEEDS)
@settings(max_examples=150, deadline=None)
def test_no_schedule_is_below_the_lower_bound(fidelity: Fidelity, seed: int) -> None:
    problem, schedule = random_case(seed, fidelity)
    evaluation = evaluate(schedule, problem)
    for choice in ("latency", "energy", "edp", "energy * latency ** 2"):
        goal = objective(choice)
        value = goal(evaluation.latency_s, evaluation.energy_j)
        certificate = lower_bound(problem, goal)
        assert certificate.value <= value * (1 + 1e-12)
        assert -1e-12 <= certificate.gap(value) <= 1


@pytest.mark.parametrize("fidelity", [PAPER, DETAILED])
@given(seed=SEEDS, across=st.booleans())
@settings(max_examples=80, deadline=None)
def test_a_mirrored_package_costs_the_same(fidelity: Fidelity, seed: int, across: bool) -> None:
    # XY routes mirror; on 2 columns with interfaces on both, no chiplet has two interfaces equally near
    problem, schedule = random_case(seed, fidelity, rows=3)
    interfaces = tuple(range(6)) if across else (0, 2, 4)
    package = replace(problem.package, links=topology.mesh(3, 2), routing=Routing.XY, interfaces=interfaces)
    mirror = {r * 2 + c: (r * 2 + 1 - c) if across else (2 - r) * 2 + c for r in range(3) for c in range(2)}
    mirrored = replace(package, chiplets=tuple(package.chiplets[mirror[i]] for i in range(6)))
    moved = Schedule(
        tuple(
            Window(
                tuple(
                    replace(
                        pipeline,
                        stages=tuple(replace(stage, chiplets=(mirror[stage.chiplet],)) for stage in pipeline.stages),
                    )
                    for pipeline in window.pipelines
                )
            )
            for window in schedule.windows
        )
    )
    one = evaluate(schedule, pose(problem.scenario, package, RoundNumbers(), fidelity))
    two = evaluate(moved, pose(problem.scenario, mirrored, RoundNumbers(), fidelity))
    assert two.latency_s == pytest.approx(one.latency_s, rel=1e-12)
    assert two.energy_j == pytest.approx(one.energy_j, rel=1e-12)
    assert [w.link_s for w in two.windows] == pytest.approx([w.link_s for w in one.windows], rel=1e-12)


@pytest.mark.parametrize("fidelity", [PAPER, DETAILED])
@pytest.mark.parametrize("what", ["dram_bandwidth_bytes_s", "link_bandwidth_bytes_s"])
@given(seed=SEEDS, factor=st.floats(1, 100))
@settings(max_examples=60, deadline=None)
def test_more_bandwidth_never_hurts(fidelity: Fidelity, what: str, seed: int, factor: float) -> None:
    problem, schedule = random_case(seed, fidelity)
    faster = replace(problem.package, **{what: factor * getattr(problem.package, what)})
    before, after = evaluate(schedule, problem), evaluate(schedule, replace(problem, package=faster))
    assert after.latency_s <= before.latency_s * (1 + 1e-12)
    assert after.energy_j == pytest.approx(before.energy_j, rel=1e-12)


@pytest.mark.parametrize("fidelity", [PAPER, DETAILED])
@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_the_sums_add_up(fidelity: Fidelity, seed: int) -> None:
    problem, schedule = random_case(seed, fidelity)
    result = evaluate(schedule, problem)
    pipelines = [pipeline for window in result.windows for pipeline in window.pipelines]
    stages = [stage for pipeline in pipelines for stage in pipeline.stages]
    assert result.latency_s == pytest.approx(sum(window.latency_s for window in result.windows))
    assert result.energy_j == pytest.approx(sum(stage.energy.total for stage in stages))
    by_task = sum(result.task_energy(task).total for task in range(len(problem.scenario.tasks)))
    assert result.energy_j == pytest.approx(by_task)
    for pipeline in pipelines:
        once = sum(stage.resident_s + stage.fill_s for stage in pipeline.stages)
        rest = (pipeline.micro_batches - 1) * pipeline.slowest.steady_s
        assert pipeline.latency_s == pytest.approx(once + rest)
        if problem.scenario.tasks[pipeline.task].batch == 1:
            assert rest == 0  # a batch of one has no pipeline term
