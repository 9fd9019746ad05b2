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
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.record import Evaluation, PipelineEvaluation, StageEvaluation
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


def row(chiplets: int, l2_bytes: int = ROOMY, clock_hz: float = 1.0, num_pes: int = 4096, **changes: float) -> Package:
    chiplet = Chiplet("plain", clock_hz=clock_hz, l2_bytes=l2_bytes, num_pes=num_pes)
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
    assert stage.resident_s == 35 / 5
    assert stage.load_s == pytest.approx(2 / 5 + 2)
    assert stage.fill_s == pytest.approx(2.4 + 60 + 3)
    # a computes when its 8 bytes are there, and b and c when those before them are through: 2 + 8/5 + 60 + 3,
    # and 2/5 s are the input's
    assert stage.ready_s == result.latency_s == pytest.approx(67)
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
    assert (first.resident_s, second.resident_s) == (20 / 5, 15 / 5)
    assert first.fill_s == pytest.approx(2.4 + 30 + 1.3)
    assert second.fill_s == pytest.approx(30 + 4)
    assert (first.overlaps, second.overlaps) == (True, True)
    assert (first.steady_s, second.steady_s) == (30, 30)  # transfers behind compute
    # a-b computes when a's weights and the input are there, after 2 + 8/5 + 2/5 s, and is through 31.3 s later; c's
    # weights are there long before that
    assert (first.ready_s, second.ready_s) == pytest.approx((35.3, 3 + 3 + 30 + 4))
    assert result.latency_s == pytest.approx(35.3 + 34 + 2 * 30)
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
    # batch 3 in micro-batches of 2 is two of them, the last one short: half of all but the weights
    result = run(problem_of(CHAIN, row(2), DETAILED, batch=3), [(0, 1, 0), (2, 2, 1)], micro_batch=2)
    first, second = stages_of(result)
    assert result.windows[0].pipelines[0].micro_batches == 2
    assert first.fill_s == pytest.approx((4 / 5 + 2) + 60 + (6 / 10 + 1))
    assert second.fill_s == pytest.approx(60 + (10 / 5 + 1 + 2))
    assert (first.last_fill_s, second.last_fill_s) == pytest.approx((32.2, 32.5))
    assert (first.steady_s, first.last_steady_s) == (60, 30)
    # a's weights, 3.6 s, the input's 4/5 s, and 60 + 1.6 s: the first leaves a-b after 66 s and c 65 s later, the last
    # one 30 s later
    assert result.latency_s == pytest.approx(66 + 65 + 30)
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


#
# Arrays of one PE and blocks of a tenth of L2, so that weights come in blocks of few channels. With 40 bytes of L2:
#
#     layer   block          in flight: a row in and a row out        room: 40 - 2 blocks - 2 * in flight
#     a       2 channels, 4      6                                    20
#     b       1 channel, 4       7                                    18
#     c       1 channel, 3       8                                    18


def small(l2_bytes: int, clock_hz: float = 1.0, chiplets: int = 1) -> Package:
    return row(chiplets, l2_bytes, clock_hz, num_pes=1)


def tall(model: Model, rows: int = 5) -> Model:
    """Every tensor of the model so many times as large."""
    return Model(
        "tall",
        tuple(replace(layer, Y=rows, out_y=rows) for layer in model.layers),
        tuple(replace(edge, elements=rows * edge.elements) for edge in model.edges),
    )


def test_weights_stream_where_they_cannot_stay() -> None:
    """35 weights + 8 live > 40.

    a brings in 2 bytes, fewer than its weights, which wait: 18 are left, and 14 beside its output, 4 bytes. b keeps
    those and its own 3: 18 - 4 - 3 = 11. c: 18 - 3 = 15. So 11 bytes of weights are pinned and 24 stream.
    """
    result = run(problem_of(CHAIN, small(40), DETAILED, batch=2), [(0, 2, 0)])
    (stage,) = stages_of(result)
    assert stage.l2 is not None
    assert (stage.l2.resident, stage.l2.fits, stage.l2.held_weights, stage.l2.streamed) == (False, True, 11, 24)
    assert (stage.resident_s, stage.weights_s) == (2.2, 24 / 5 + 2)
    assert stage.exposed_s == 0  # a block takes at most 0.8 s and is computed on for at least 5
    assert not stage.overlaps  # all that is left is pinned
    assert stage.fill_s == stage.steady_s == pytest.approx(2.4 + 60 + 3)
    # the first block of a is there after 2 + 0.8 s, the input takes 2/5 s
    assert stage.ready_s == pytest.approx(2.8 + 60 + 0.4 + 3)
    assert result.latency_s == pytest.approx(66.2 + 65.4)
    assert stage.bytes_.weights == 35 + 24
    assert result.energy.fill == pytest.approx(2 * 5 + 41 * 59 / 35)


@pytest.mark.parametrize(("l2_bytes", "steady_s"), [(50, 60), (49, 65.4)])
def test_a_second_copy_hides_transfers(l2_bytes: int, steady_s: float) -> None:
    # 35 weights, 8 live and a second copy of 2 in and 5 out: 50 bytes
    (stage,) = stages_of(run(problem_of(CHAIN, small(l2_bytes), DETAILED, batch=2), [(0, 2, 0)]))
    assert stage.l2 is not None
    assert stage.l2.resident
    assert stage.overlaps is (l2_bytes == 50)
    assert stage.steady_s == pytest.approx(steady_s)


@pytest.mark.parametrize(("l2_bytes", "latency_s"), [(224, 54.8 + 2 * 44), (223, 54.8 + 2 * 54)])
def test_blocks_leave_room_for_a_second_copy(l2_bytes: int, latency_s: float) -> None:
    """A gemm of 50 rows, 2 in and 2 out: 4 weights, 200 live bytes and as many in a second copy.

    All held, they leave 20 bytes. In pieces: 2 * 4 of weights and 2 * 4 of rows in flight, 4 of weights that wait while
    the input passes, 4 pinned, which are the same bytes: of 224 that leaves 204 - 4 = 200.
    load_s = store_s = 100/5 + 2 = 22: fill 22 + 10 + 22, steady 44. Weights and input are there after 2 + 4/5 + 20 s,
    which is 0.8 s after the input alone.
    """
    model = Model("rows", (Layer("a", Op.GEMM, K=2, C=2, Y=50),), (Edge(-1, 0, 100),))
    result = run(problem_of(model, small(l2_bytes), DETAILED, batch=3), [(0, 0, 0)])
    (stage,) = stages_of(result)
    assert stage.l2 is not None
    assert (stage.l2.resident, stage.l2.held_weights, stage.bytes_.dram) == (True, 4, 4 + 3 * 200)
    assert stage.overlaps is (l2_bytes == 224)
    assert result.latency_s == pytest.approx(latency_s)


def test_what_does_not_fit_goes_to_dram_and_comes_back() -> None:
    """Tensors of 10, 20, 15 and 25 bytes at 10 Hz.

    a   loads 10 bytes, which pass its 8 weights: 20 - 8 = 12 are left
    b   reads 20: 18 would fit here, 12 are left while a runs: 8 bytes are evicted and come back; of its own room
        18 - 12 = 6 are left. 8 bytes to come and 12 weights both exceed that. Inputs in pieces of 7, the weights would
        be read twice, 12; weights in blocks of 6, the inputs, 8: 8 are read again
    c   reads 15: nothing is left of b's room: 15 are evicted and come back, and wait in 18 beside c's weights

    Evicted: 2 * (8 + 15) = 46, nothing is pinned. At the DRAM: (35 + 8)/5 + 2 = 10.6 s and 46/5 + 2 = 11.2 s.
    exposed     a 0.8 - 0.5 in its second block; b 2 * (0.8 - 2/3) and 0.8 - 0.5 behind a; c 0.6 a block, as long as it
                computes on one; a 0.8 - 0.6 behind c
    ready_s     all of it once: (35 + 8 + 46)/5 + 2, longer than computing as weights come, and the input, 10/5
    """
    result = run(problem_of(tall(CHAIN), small(40, clock_hz=10.0), DETAILED, batch=2), [(0, 2, 0)])
    (stage,) = stages_of(result)
    assert stage.l2 is not None
    assert (stage.l2.fits, stage.l2.resident, stage.l2.held_weights) == (False, False, 0)
    assert (stage.l2.spill, stage.l2.again, stage.l2.streamed) == (46, 8, 35)
    assert (stage.compute_s, stage.resident_s) == (6, 0)
    assert (stage.weights_s, stage.spill_s) == pytest.approx((10.6, 11.2))
    assert stage.exposed_s == pytest.approx(0.3 + 2 * (0.8 - 2 / 3) + 0.3 + 0.2)
    assert stage.fill_s == stage.steady_s == pytest.approx(4 + 21.8 + 7)
    assert stage.ready_s == pytest.approx(19.8 + 2 + 7)
    assert result.latency_s == pytest.approx(2 * 32.8)
    moved = stage.bytes_
    assert (moved.weights, moved.again, moved.spill, moved.load, moved.store) == (70, 16, 92, 20, 50)
    assert result.windows[0].dram_bytes == 248
    # a byte that is read again or evicted costs the mean of what inputs do, 21 J for 45 bytes
    assert result.energy.fill == pytest.approx(2 * 5 + 2 * 41 + (16 + 92) * 21 / 45)


def test_a_tensor_that_stays_is_not_squeezed_out_by_the_next() -> None:
    """c reads a, 20 bytes, and b, 15, of 35 weights in blocks of 7; 60 bytes of L2.

    room    a 60 - 12 - 12 = 36, less 8 of weights; b 60 - 8 - 14 = 38; c 60 - 14 - 24 = 22
    b       a's 20 bytes stay from a to b, and stay: 20 of c's 22. So of b's own 15 only 2 stay, 13 go and come back
    c       has no room left for 13 inputs and 35 weights: inputs in pieces of 12 read the weights twice, 35 bytes;
            weights in 5 blocks the inputs five times, 52
    """
    result = run(problem_of(tall(SKIP), small(60), DETAILED, batch=2), [(0, 2, 0)])
    (stage,) = stages_of(result)
    assert stage.l2 is not None
    assert (stage.l2.spill, stage.l2.again, stage.l2.held_weights) == (26, 35, 0)


def test_a_rider_takes_its_tensor_piece_by_piece() -> None:
    """a, an element-wise layer, c of 4 inputs; 5 rows; 40 bytes of L2. What a makes needs no room.

    The element-wise layer's 20 bytes: 40 - 2 * 8 while it runs, 40 - 8 - 2 * 9 = 14 while c does: 6 go and come back.
    """
    layers = (gemm("a", 2, 4), Layer("b", Op.ELEMENTWISE, K=4, C=4, Y=1, groups=4), gemm("c", 4, 5))
    model = tall(Model("riding", layers, (Edge(-1, 0, 2), Edge(0, 1, 4), Edge(1, 2, 4))))
    (stage,) = stages_of(run(problem_of(model, small(40), DETAILED), [(0, 2, 0)]))
    assert stage.l2 is not None
    assert (stage.l2.spill, stage.l2.again) == (12, 0)


@pytest.mark.parametrize(
    ("l2_bytes", "batch", "spill", "overlaps"),
    [(63, 3, 0, True), (51, 3, 0, False), (49, 3, 4, False), (49, 1, 0, False)],
)
def test_a_copy_of_a_tensor_that_skips_stages_waits(l2_bytes: int, batch: int, spill: int, overlaps: bool) -> None:
    """c has 35 weights and holds a, b and its output, 12 bytes. While b is made, the next sample's a waits: 4 bytes.

    With 49 bytes half of it has room: 2 bytes go to DRAM and come back, 4/5 + 2 hops + 2 s. A second copy takes 12.
    """
    result = run(problem_of(SKIP, small(l2_bytes, chiplets=3), DETAILED, batch), [(0, 0, 0), (1, 1, 1), (2, 2, 2)])
    last = stages_of(result)[2]
    assert last.l2 is not None
    assert (last.l2.resident, last.l2.spill, last.l2.fits, last.overlaps) == (True, spill, spill == 0, overlaps)
    assert last.spill_s == pytest.approx(spill / 5 + 4 if spill else 0)
    assert last.bytes_.spill == batch * spill


@dataclass(frozen=True)
class Together:
    """n samples of a layer with K output channels: 2 + n K cycles, n K J in MACs, 1 J in L2 however many they are."""

    name: str = "together"

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        return self.batch_costs(layers, chiplet, 1)

    def batch_costs(self, layers: Sequence[Layer], chiplet: Chiplet, samples: int) -> LayerCosts:
        made = samples * np.array([layer.K for layer in layers], float)
        none = 0 * made
        return LayerCosts(2 + made, made, none, 1 + none, none, none, none, none, none)


@pytest.mark.parametrize(
    ("l2_bytes", "fidelity", "compute_s", "mac_j", "l2_j"),
    [
        # two samples at a time: 2 + 8, 2 + 6 and 2 + 10 cycles
        (ROOMY, DETAILED, 30, 48, 6),
        # one at a time
        (ROOMY, PAPER, 2 * 18, 48, 12),
        # a in two blocks of two channels, b in three and c in five of one: 2 * 6 + 3 * 4 + 5 * 4; 10 blocks, twice
        (40, DETAILED, 44, 48, 20),
    ],
)
def test_samples_and_blocks_cost_what_they_cost_together(
    l2_bytes: int, fidelity: Fidelity, compute_s: float, mac_j: float, l2_j: float
) -> None:
    problem = pose(Scenario("hand", (Task("chain", CHAIN, 4),)), small(l2_bytes), Together(), fidelity)
    result = run(problem, [(0, 2, 0)], micro_batch=2)
    (stage,) = stages_of(result)
    assert stage.compute_s == pytest.approx(compute_s)
    assert (result.energy.mac, result.energy.l2) == pytest.approx((mac_j, l2_j))


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
    # each alone takes 37 / 5 for its weights and its input, 5 / 5 for its output, and next to no compute;
    # together they move 84 bytes, and both end with that
    assert max(pipeline.latency_s for pipeline in window.pipelines) == pytest.approx(8.4)
    assert (window.bound_by, window.latency_s) == ("dram", pytest.approx(84 / 5))
    assert [pipeline.end_s for pipeline in window.pipelines] == pytest.approx([84 / 5] * 2)


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
    assert result.energy.static == pytest.approx(2 * 7 * 67)
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
    ready = prepare(problem)
    evaluation = evaluate(schedule, ready)
    for choice in ("latency", "energy", "edp", "energy * latency ** 2"):
        goal = objective(choice)
        value = goal(evaluation.latency_s, evaluation.energy_j)
        certificate = lower_bound(ready, goal)
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
    stages = result.stages
    assert result.latency_s == pytest.approx(sum(window.latency_s for window in result.windows))
    assert result.energy_j == pytest.approx(sum(stage.energy.total for stage in stages))
    by_task = sum(result.task_energy(task).total for task in range(len(problem.scenario.tasks)))
    assert result.energy_j == pytest.approx(by_task)
    for window in result.windows:
        slowest_s = max(pipeline.latency_s for pipeline in window.pipelines)
        for pipeline in window.pipelines:
            assert pipeline.latency_s == pytest.approx(latency_of(pipeline, fidelity))
            share = pipeline.latency_s / slowest_s
            assert pipeline.end_s - window.start_s == pytest.approx(share * window.latency_s)


def latency_of(pipeline: PipelineEvaluation, fidelity: Fidelity) -> float:
    """From the stages' terms, by the page; a batch of one has no pipeline term."""
    k, first_s, weights_s, slowest_s, last_s = pipeline.micro_batches, 0.0, 0.0, 0.0, 0.0
    for stage in pipeline.stages:
        first_s = max(first_s + stage.fill_s, weights_s + stage.ready_s)
        weights_s += stage.resident_s
        slowest_s = max(slowest_s, stage.steady_s)
        last_s = max(last_s + stage.last_fill_s, first_s + (k - 2) * slowest_s + stage.last_steady_s)
    if fidelity is PAPER:
        return sum(stage.fill_s for stage in pipeline.stages) + (k - 1) * slowest_s
    return first_s if k == 1 else last_s
