"""Stages on regions against arithmetic done by hand (docs/regions.md).

The memory interface is on chiplet 0 unless a test says otherwise. 1 element = 1 byte.

    links   10 bytes/s, 1 s a hop, 1 J per byte and hop        DRAM   5 bytes/s, 2 s, 2 J per byte
    clock   64 Hz in CHAIN's tests, 1 MAC per cycle

    layer of CHAIN             weights  input   output      MACs   seconds on one chiplet
    a  conv 3x3, padded   2->4      72  4x4x2    4x4x4 = 64  1152   18
    b  conv 1x1           4->2       8  4x4x4    4x4x2 = 32   128    2
    c  conv 3x3, padded   2->4      72  4x4x2    4x4x4 = 64  1152   18
    together                       152  32 bytes from DRAM   2432   38

Energy of one sample of a layer, or of a tile as a layer of its own: mac = MACs, l1 = 2 MACs, l2 = output elements,
noc = input elements, fill of the input = input elements, fill of the weights = weights, drain = output elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from chipweave.cost.interface import LayerCosts
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.record import Energy, Split, StageBytes, StageEvaluation, WindowEvaluation
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package, Routing
from chipweave.plan.problem import Fidelity, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task

PAPER, DETAILED = Fidelity.PAPER, Fidelity.DETAILED
W, I = Partition.WEIGHT_SHARED, Partition.INPUT_SHARED  # noqa: E741
ROOMY = 10_000


@dataclass(frozen=True)
class Sheet:
    """The figures at the top of this file."""

    name: str = "sheet"

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        work = np.array([layer.macs or layer.output_elements for layer in layers], float)
        brought = np.array([layer.input_elements for layer in layers], float)
        weights = np.array([layer.weight_elements for layer in layers], float)
        made = np.array([layer.output_elements for layer in layers], float)
        return LayerCosts(work, work, 2 * work, made, brought, brought, weights, made, 0 * work)


def conv(name: str, inputs: int, outputs: int, kernel: int) -> Layer:
    pad = kernel // 2
    return Layer(name, Op.CONV, K=outputs, C=inputs, Y=4, X=4, R=kernel, S=kernel, padding=(pad, pad))


def gemm(name: str, rows: int, inputs: int, outputs: int) -> Layer:
    return Layer(name, Op.GEMM, K=outputs, C=inputs, Y=rows)


CHAIN = Model(
    "chain",
    (conv("a", 2, 4, 3), conv("b", 4, 2, 1), conv("c", 2, 4, 3)),
    (Edge(-1, 0, 32), Edge(0, 1, 64), Edge(1, 2, 32)),
)
DEEP = Model(
    "deep",
    tuple(gemm(name, 2, 4, 4) for name in "abcdef"),
    tuple(Edge(layer - 1, layer, 8) for layer in range(6)),
)
"""Six layers of 16 weights, 8 bytes in, 8 bytes out, 32 MACs each."""


def package(
    links: tuple[topology.Link, ...],
    clock_hz: float = 64.0,
    l2_bytes: int = ROOMY,
    interfaces: tuple[int, ...] = (0,),
    positions: tuple[topology.Position, ...] | None = None,
    num_pes: int = 4096,
) -> Package:
    return Package(
        "hand",
        (Chiplet("plain", clock_hz=clock_hz, l2_bytes=l2_bytes, num_pes=num_pes),) * (1 + max(map(max, links))),
        links,
        interfaces,
        positions=positions,
        routing=Routing.XY if positions else Routing.SHORTEST,
        link_bandwidth_bytes_s=10.0,
        hop_latency_s=1.0,
        nop_energy_j_per_bit=1 / 8,
        dram_bandwidth_bytes_s=5.0,
        dram_latency_s=2.0,
        dram_energy_j_per_bit=2 / 8,
    )


def row(chiplets: int, **changes: float) -> Package:
    return package(topology.mesh(1, chiplets), **changes)  # type: ignore[arg-type]


SQUARE = package(topology.mesh(2, 2), positions=topology.grid_positions(2, 2))
"""0 1 over 2 3, the interface on 0. Routes go along the row first: 1-0-2, 2-3-1, 0-1-3, 3-2-0."""


def run(
    model: Model, where: Package, fidelity: Fidelity, stages: Sequence[Stage], batch: int = 1, micro_batch: int = 1
) -> WindowEvaluation:
    """The one window of a schedule with these stages."""
    problem = pose(Scenario("hand", (Task(model.name, model, batch),)), where, Sheet(), fidelity)
    schedule = Schedule((Window((Pipeline(0, tuple(stages), micro_batch),)),))
    assert faults_of(schedule, problem) == []
    (window,) = evaluate(schedule, problem).windows
    return window


def stages_of(window: WindowEvaluation) -> tuple[StageEvaluation, ...]:
    return window.pipelines[0].stages


def check(found: StageEvaluation | WindowEvaluation | StageBytes | Energy | object, **expected: object) -> None:
    """Every named figure, numbers to rounding."""
    for name, value in expected.items():
        wanted = pytest.approx(value, rel=1e-9) if isinstance(value, int | float) else value
        assert getattr(found, name) == wanted, name


# CHAIN on two chiplets, one stage, batch 3 -----------------------------------------------------------------------
#
# All of it per micro-batch of one sample. From DRAM: 32 bytes of input, load_s = 32/5 + 1 hop + 2 = 9.4; to DRAM:
# 64 bytes of c, store_s = 64/5 + 1 + 2 = 15.8, of which chiplet 1's 32 cross 1->0. Weights: 152/5 = 30.4 s.
# Split in two, a takes 9 s, b 1 s and c 9 s: compute_s = 19, however they are split.
# As weights come, 3 s until the first byte and 14.4, 1.6 and 14.4 s: a is through at 14.4 + 9, b a second later, long
# before c's weights are there, at 30.4: c at 39.4, with the 3 s at 42.4, with the input's 32/5 s at 48.8. ready_s is
# that, what exchanges take longer than computing, pace_s - 19, and 15.8.
# DRAM bytes of the window: 152 + 3 * (32 + 64) = 440: dram_s = 88, energy 880.


def test_two_chiplets_share_the_weights() -> None:
    """Maps are split into columns 0-1 and 2-3: rows would be as fast and read as much, and ny is least.

    a -> b   a 1x1 filter reads the columns that it makes: nothing moves
    b -> c   chiplet 0 needs columns 0-2, chiplet 1 columns 1-3: one column of 4 * 2 = 8 bytes each way, 8/10 + 1 = 1.8
    pace     max(9, 0) + max(1, 1.8) + max(9, 0) = 19.8
    fill     9.4 + 19.8 + 15.8 = 45;   steady: max(19.8, 9.4 + 15.8) = 25.2
    latency  ready_s 48.8 + 0.8 + 15.8 = 65.4, more than fill_s, and 2 * 25.2: 115.8
    0 -> 1   weights 152; 3 times the input's columns 1-3, 24, and 8 of b: 152 + 96 = 248
    1 -> 0   3 * (32 of c + 8 of b) = 120
    hop_bytes 248 + 120 = 368
    L2       weights 152; a: 24 of input + 32 of output, b: 32 + 16, c: 24 + 32: 56
    noc      tiles of a read 4 x ((2 - 1) + 3) x 2 = 32, of b 4 x 2 x 4 = 32, of c 32: 3 * 2 * 96 = 576
    fill     a all of 2 * 32; b nothing; c 8 of the 24 that each part needs, a third of its 32:
             3 * (64 + 2 * 32/3) = 256, and the weights on both chiplets, 2 * 152
    drain    a nothing; b 32, for the mate; c 64: 3 * 96 = 288
    """
    window = run(CHAIN, row(2), DETAILED, [Stage(0, 2, (0, 1), (W, W, W))], batch=3)
    (stage,) = stages_of(window)
    check(stage, compute_s=19, exchange_s=1.8, pace_s=19.8, load_s=9.4, store_s=15.8, forward_s=0, spill_s=0)
    check(stage, weights_s=0, resident_s=30.4, fill_s=45, ready_s=65.4, steady_s=25.2, overlaps=True)
    check(stage.bytes_, weights=152, load=96, store=192, spill=0, forward=0, exchange=48, mates=0, hop_bytes=368)
    check(stage.l2, keeping="resident", fits=True, held_weights=152, activations=56, spill=0)
    check(stage.energy, mac=7296, l1=14592, l2=480, noc=576, fill=560, drain=288, dram=880, nop=368, static=0)
    check(window, latency_s=115.8, dram_s=88, link=(0, 1), link_s=24.8, port=0, port_s=24.8, bound_by="pipeline")
    assert window.dram_bytes == 440


def test_two_chiplets_share_the_weights_in_paper() -> None:
    """load_s = (32 + 152)/5 + 1 + 2 = 39.8; all in turn: 39.8 + 15.8 + 19 + 1.8 = 76.4; three times 229.2.

    Weights three times: 456 bytes, hop_bytes 456 + 3 * (24 + 16 + 32) = 672. Every fill: 3 * (192 of the tiles'
    inputs + 2 * 152); every drain: 3 * 160; DRAM (456 + 96 + 192) * 2 = 1488.
    """
    window = run(CHAIN, row(2), PAPER, [Stage(0, 2, (0, 1), (W, W, W))], batch=3)
    (stage,) = stages_of(window)
    check(stage, compute_s=19, exchange_s=1.8, load_s=39.8, store_s=15.8, forward_s=0, weights_s=0, resident_s=0)
    check(stage, fill_s=76.4, steady_s=76.4, overlaps=False, l2=None)
    check(stage.bytes_, weights=456, load=96, store=192, exchange=48, mates=0, hop_bytes=672)
    check(stage.energy, mac=7296, l1=14592, l2=480, noc=576, fill=1488, drain=480, dram=1488, nop=672)
    check(window, latency_s=229.2, dram_s=0, link_s=0, port_s=0)


def test_two_chiplets_share_the_input() -> None:
    """Channels are split: a 2 + 2, b 1 + 1, c 2 + 2.

    a -> b   each needs the other's half, 32 bytes: 32/10 + 1 = 4.2
    b -> c   16 bytes each way: 16/10 + 1 = 2.6;   exchange 6.8, bytes 64 + 32
    pace     max(9, 4.2) + max(1, 2.6) + 9 = 20.6
    fill     9.4 + 20.6 + 15.8 = 45.8;   steady: max(20.6, 25.2);   ready 48.8 + 1.6 + 15.8 = 66.2
    latency  66.2 + 2 * 25.2 = 116.6
    0 -> 1   half the weights, 76; 3 * (input 32 + 32 + 16) = 240: 316
    1 -> 0   3 * (32 + 32 + 16) = 240;   hop_bytes 556
    L2       weights 76; a: 32 + 32, b: 64 + 16, c: 32 + 32: 80
    noc      every part reads all: 3 * 2 * (32 + 64 + 32) = 768
    fill     3 * (a 2 * 32 + b half of 2 * 64 + c half of 2 * 32) = 480, and weights 152
    drain    everything is read outside: 3 * 160
    """
    window = run(CHAIN, row(2), DETAILED, [Stage(0, 2, (0, 1), (I, I, I))], batch=3)
    (stage,) = stages_of(window)
    check(stage, compute_s=19, exchange_s=6.8, pace_s=20.6, load_s=9.4, store_s=15.8, resident_s=30.4)
    check(stage, fill_s=45.8, ready_s=66.2, steady_s=25.2, overlaps=True)
    check(stage.bytes_, weights=152, load=96, store=192, exchange=288, mates=0, hop_bytes=556)
    check(stage.l2, keeping="resident", fits=True, held_weights=76, activations=80, spill=0)
    check(stage.energy, mac=7296, l1=14592, l2=480, noc=768, fill=632, drain=480, dram=880, nop=556)
    check(window, latency_s=116.6, dram_s=88, link=(0, 1), link_s=31.6, port=0, port_s=31.6)


def test_two_chiplets_change_the_partition() -> None:
    """a and c by columns, b by channels.

    a -> b   each needs the other's columns, 32 bytes: 4.2
    b -> c   3 columns of the other's channel, 4 * 3 = 12 bytes: 12/10 + 1 = 2.2;   exchange 6.4, bytes 64 + 24
    pace     9 + max(1, 2.2) + 9 = 20.2;   fill 9.4 + 20.2 + 15.8 = 45.4;   latency 48.8 + 1.2 + 15.8 + 50.4 = 116.2
    0 -> 1   weights 72 + 4 + 72 = 148; 3 * (24 + 32 + 12) = 204: 352
    1 -> 0   3 * (32 + 32 + 12) = 228;   hop_bytes 580
    L2       weights 148; a: 24 + 32, b: 64 + 16, c: 24 + 32: 80
    noc      3 * (2 * 32 + 2 * 64 + 2 * 32) = 768
    fill     3 * (64 + half of 128 + 12/24 of 64) = 480, weights 2 * 72 + 8 + 2 * 72 = 296
    """
    window = run(CHAIN, row(2), DETAILED, [Stage(0, 2, (0, 1), (W, I, W))], batch=3)
    (stage,) = stages_of(window)
    check(stage, compute_s=19, exchange_s=6.4, pace_s=20.2, load_s=9.4, store_s=15.8, resident_s=30.4)
    check(stage, fill_s=45.4, steady_s=25.2)
    check(stage.bytes_, weights=152, exchange=264, hop_bytes=580)
    check(stage.l2, held_weights=148, activations=80)
    check(stage.energy, mac=7296, noc=768, fill=776, drain=480, dram=880, nop=580)
    check(window, latency_s=116.2, link=(0, 1), link_s=35.2, port=0, port_s=35.2)


# CHAIN as two stages on two regions of a row of four: a and b on 0, 1; c on 2, 3; batch 3 -------------------------
#
# First stage: load_s = 9.4, compute_s = 9 + 1, nothing to exchange, weights 80/5 = 16 s, 3 s until the first byte.
# forward: chiplet 2 needs columns 0-2 of b, chiplet 3 columns 1-3. From 0 (columns 0-1): 16 to 2, 8 to 3; from 1:
#   8 to 2, 16 to 3. Each receives 24 and sends min(24, 16) = 16.
#   Links: from 0: 16 on 0->1, 16 on 1->2, 8 on 2->3; from 1: 16 on 1->2, 16 on 2->3: 72 hop bytes.
#   1->2 carries both, 32: 32/10 + 3 hops = 6.2; in `paper` what a chiplet receives counts: 24/10 + 3 = 5.4.
# Second stage: receive_s = 32/10 = 3.2, the link's, weights 72/5 = 14.4, 5 s until the first byte,
#   store_s = 64/5 + 3 + 2 = 17.8, compute_s = 9.

IN_TWO = (Stage(0, 1, (0, 1), (W, W)), Stage(2, 2, (2, 3), (W,)))


def test_two_stages_in_a_row() -> None:
    """first: fill 9.4 + 10 + 6.2 = 25.6, steady max(10, 9.4, 6.2); second: fill 9 + 17.8 = 26.8, steady max(9, 17.8).

    ready     first: a is through at 3 + 14.4 + 9, b a second later: 27.4, and the input's 6.4, and 6.2 = 40
              second: behind the first stage's 16 s of weights 5 + 14.4 + 9 + 17.8 = 46.2
    latency   the first sample leaves at max(40 + 26.8, 16 + 46.2) = 66.8; 66.8 + 2 * 17.8 = 102.4
    hop_bytes first: weights 80, 3 * (24 of input + 72); second: weights 3 * 72, 3 * (2 * 32 + 3 * 32) of output
    0 -> 1    80 + 72 + 3 * (24 + 16) = 272, all that chiplet 0 sends;   1 -> 0: 3 * 64 = 192
    energy    first: fill 3 * 2 * 32 of a + 2 * 80, drain 3 * 32 of b; second: fill 3 * 2 * 32 + 2 * 72, drain 3 * 64
    """
    window = run(CHAIN, row(4), DETAILED, IN_TWO, batch=3)
    first, second = stages_of(window)
    check(first, compute_s=10, exchange_s=0, pace_s=10, load_s=9.4, store_s=0, forward_s=6.2, resident_s=16)
    check(first, receive_s=0, fill_s=25.6, ready_s=40, steady_s=10)
    check(first.bytes_, weights=80, load=96, store=0, forward=96, exchange=0, hop_bytes=368)
    check(first.energy, mac=3840, l1=7680, l2=288, noc=384, fill=352, drain=96, dram=352, nop=368)
    check(second, compute_s=9, exchange_s=0, pace_s=9, load_s=0, store_s=17.8, forward_s=0, resident_s=14.4)
    check(second, receive_s=3.2, fill_s=26.8, ready_s=46.2, steady_s=17.8)
    check(second.bytes_, weights=72, load=0, store=192, forward=0, exchange=0, hop_bytes=696)
    check(second.energy, mac=3456, l1=6912, l2=192, noc=192, fill=336, drain=192, dram=528, nop=696)
    check(window, latency_s=102.4, dram_s=88, link=(0, 1), link_s=27.2, port=0, port_s=27.2)


def test_two_stages_in_a_row_in_paper() -> None:
    """first: load_s = (32 + 80)/5 + 3 = 25.4, fill 25.4 + 10 + 5.4 = 40.8; second: load_s = 72/5 + 5 = 19.4,
    fill 19.4 + 9 + 17.8 = 46.2; latency 87 + 2 * 46.2 = 179.4. Weights three times: hop_bytes 3 * 80 + 288, 648 + 480.
    """
    window = run(CHAIN, row(4), PAPER, IN_TWO, batch=3)
    first, second = stages_of(window)
    check(first, load_s=25.4, forward_s=5.4, fill_s=40.8, steady_s=40.8)
    check(first.bytes_, weights=240, forward=96, hop_bytes=528)
    check(second, load_s=19.4, store_s=17.8, receive_s=0, fill_s=46.2, steady_s=46.2)
    check(second.bytes_, weights=216, hop_bytes=1128)
    check(window, latency_s=179.4, dram_s=0, link_s=0, port_s=0)


def test_a_region_hands_a_tensor_on_in_rows_in_paper() -> None:
    """a on 0, b on 1 and 2, c on 3; b does not read a, c reads both. All are gemms of 4 rows; a and b make 4x2 bytes.

    0 -> 1, 2   two rows each: 0 sends 8, 8/10 + 2 hops = 2.8; 8 on 0->1, 4 on 1->2: 12, and input and weights none
    1, 2 -> 3   two rows of a and two of b each, 8 bytes: 3 receives 16: 16/10 + 2 = 3.6; hop bytes 8 * 2 + 8 = 24
    load of b   8 of input, rows 2-3 beyond chiplet 1, and 4 weights: 12/5 + 2 + 2 = 6.4; hop bytes 8 + 4 + 4 + 4 = 20
    """
    model = Model(
        "handed on",
        (gemm("a", 4, 2, 2), gemm("b", 4, 2, 2), gemm("c", 4, 4, 1)),
        (Edge(-1, 0, 8), Edge(-1, 1, 8), Edge(0, 2, 8), Edge(1, 2, 8)),
    )
    stages = (Stage(0, 0, (0,)), Stage(1, 1, (1, 2), (W,)), Stage(2, 2, (3,)))
    first, second, _ = stages_of(run(model, row(4), PAPER, stages))
    check(first, forward_s=2.8)
    check(first.bytes_, forward=8, hop_bytes=12)
    check(second, load_s=6.4, forward_s=3.6)
    check(second.bytes_, forward=16, hop_bytes=44)
    # straight to its reader in `detailed`: 8/10 + 3 hops; the reader gets 8 of a and 8 of b
    first, second, third = stages_of(run(model, row(4), DETAILED, stages))
    check(first, forward_s=3.8)
    check(first.bytes_, forward=8, hop_bytes=24)
    check(second, forward_s=8 / 10 + 2)
    check(second.bytes_, forward=8, hop_bytes=20 + 12)
    check(second, receive_s=0)
    check(third, receive_s=16 / 10)


def test_without_a_second_buffer_a_stage_receives_while_it_stores() -> None:
    """a by rows on 0, 1 and b by channels on 2, 3, gemms of 4 rows; L2 of 200 bytes, 16 Hz, batch 3.

    a         weights 64; per chiplet 4 bytes in and 64 out, once more for a second copy: 64 + 2 * 68 = 200
    b         weights 32 on each; 128 in and 4 out: 164; there is no room for a second copy
    first     load 8/5 + 1 + 2 = 4.6; compute 2 * 2 * 32 / 16 = 8; each of 2, 3 needs all 128 bytes, half from 0 and
              half from 1, which meet on 1->2: 128/10 + 3 = 15.8; fill 4.6 + 8 + 15.8 = 28.4, steady 15.8
              ready: weights 64/5 = 12.8, 3 s until the first byte: 3 + 12.8 + 8 + 8/5 of the input + 15.8 = 41.2
    second    compute 4 * 32 / 16 = 8; store 8/5 + 3 + 2 = 6.6; receive 128/10 = 12.8, which is longer than it stores
              fill 8 + 6.6 = 14.6; steady 8 + 12.8 = 20.8;   ready 5 + 12.8 + 8 + 6.6 = 32.4
    latency   max(41.2 + 14.6, 12.8 + 32.4) + 2 * 20.8 = 97.4
    """
    model = Model("wide", (gemm("a", 4, 2, 32), gemm("b", 4, 32, 2)), (Edge(-1, 0, 8), Edge(0, 1, 128)))
    stages = (Stage(0, 0, (0, 1), (W,)), Stage(1, 1, (2, 3), (I,)))
    window = run(model, row(4, clock_hz=16.0, l2_bytes=200), DETAILED, stages, batch=3)
    first, second = stages_of(window)
    check(first, compute_s=8, load_s=4.6, forward_s=15.8, receive_s=0, overlaps=True)
    check(first, fill_s=28.4, ready_s=41.2, steady_s=15.8)
    check(second.l2, keeping="resident", held_weights=32, activations=132)
    check(second, compute_s=8, load_s=0, store_s=6.6, receive_s=12.8, overlaps=False)
    check(second, fill_s=14.6, ready_s=32.4, steady_s=20.8)
    check(window, latency_s=97.4)


def test_a_stage_receives_for_as_long_as_the_busiest_link_on_the_way() -> None:
    """a by rows on 0, 1 and b by rows on 2, 3, as above; b makes 4 channels.

    b         weights 128 on each; 64 in and 8 out: 200; there is no room for a second copy
    first     0's rows go to 2 and 1's to 3, 64 bytes each, which meet on 1->2: 128/10 + 2 = 14.8; 1 s less than above
    second    compute 2 * 32 * 4 / 16 = 16; store 16/5 + 3 + 2 = 8.2; each chiplet receives 64, but 1->2 carries 128:
              128/10 = 12.8; fill 16 + 8.2 = 24.2; steady 16 + 12.8 = 28.8;   ready 5 + 128/5 + 16 + 8.2 = 54.8
    latency   max(40.2 + 24.2, 12.8 + 54.8) + 2 * 28.8 = 125.2
    """
    model = Model("wide", (gemm("a", 4, 2, 32), gemm("b", 4, 32, 4)), (Edge(-1, 0, 8), Edge(0, 1, 128)))
    stages = (Stage(0, 0, (0, 1), (W,)), Stage(1, 1, (2, 3), (W,)))
    window = run(model, row(4, clock_hz=16.0, l2_bytes=200), DETAILED, stages, batch=3)
    first, second = stages_of(window)
    check(first, fill_s=27.4, ready_s=40.2, forward_s=14.8, steady_s=14.8)
    check(second, compute_s=16, store_s=8.2, receive_s=12.8, overlaps=False)
    check(second, fill_s=24.2, ready_s=54.8, steady_s=28.8)
    check(window, latency_s=125.2)


# CHAIN on a square of four, one stage, batch 1 -------------------------------------------------------------------
#
# From DRAM: 32/5 + 2 hops + 2 = 10.4; to DRAM: 64/5 + 2 + 2 = 16.8; weights: 152/5 = 30.4.
# As these come, after 4 s: a is through at 14.4 + 4.5 and b before c's are there, at 30.4: c at 34.9, plus 4: 38.9, and
# with the input's 32/5 s 45.3.
# The tree from 0: 0->1, 0->2, 1->3. To 0: 1->0, 2->0, 3->2->0. DRAM bytes 248: dram_s = 49.6, energy 496.
# c's quarters of 16 bytes to DRAM: 16 on 1->0, 32 on 2->0, 16 on 3->2: 64 hop bytes, however they are split.


def test_a_square_shares_the_weights() -> None:
    """All in 2x2 tiles 0 1 over 2 3: of a and c they read 4 + 4 rows and columns, padding included, columns 6 + 3.

    a -> b   the same tiles: nothing moves
    b -> c   a tile needs 3x3 of 2 channels, 18 bytes: its own 8, a line of 4 from two chiplets, a corner of 2 from the
             third. Each receives 10 and sends min(10, 8): 10/10 + 2 = 3; 32 bytes
             hop bytes: from 0 6 on 0->1, 2 on 1->3, 4 on 0->2; from 1 6 on 1->0, 2 on 0->2, 4 on 1->3;
             from 2 6 on 2->3, 2 on 3->1, 4 on 2->0; from 3 6 on 3->2, 2 on 2->0, 4 on 3->1: 48
    compute  4.5 + 0.5 + 4.5 = 9.5;   pace 4.5 + max(0.5, 3) + 4.5 = 12
    fill     10.4 + 12 + 16.8 = 39.2;   steady max(12, 27.2);   latency 45.3 + 12 - 9.5 + 16.8 = 64.6
    input    18 bytes each: 0->1 min(36, 32), 0->2 18, 1->3 18: 68
    hop_bytes weights 3 * 152, 68, 48, c 64: 636
    0 -> 1   weights 152, input 32, b 6: 190;   0 -> 2: 152 + 18 + 4 + 2;   1 -> 3: 152 + 18 + 2 + 4
    port     0 sends 152 + 32 + 8 = 192; 1, 2 and 3 receive 152 + 18 + 10
    L2       weights 152; a: 18 + 16, b: 16 + 8, c: 18 + 16: 34
    noc      tiles of a 4x4x2, of b 2x2x4, of c 4x4x2: 4 * (32 + 16 + 32) = 320
    fill     a 4 * 32; b nothing; c 10 of 18, of 4 * 32: 640/9; weights 4 * 152;   drain a nothing, b 32, c 64
    """
    window = run(CHAIN, SQUARE, DETAILED, [Stage(0, 2, (0, 1, 2, 3), (W, W, W))])
    (stage,) = stages_of(window)
    check(stage, compute_s=9.5, exchange_s=3, pace_s=12, load_s=10.4, store_s=16.8, forward_s=0, resident_s=30.4)
    check(stage, fill_s=39.2, steady_s=27.2)
    check(stage.bytes_, weights=152, load=32, store=64, exchange=32, mates=0, hop_bytes=636)
    check(stage.l2, keeping="resident", held_weights=152, activations=34)
    check(stage.energy, mac=2432, l1=4864, l2=160, noc=320, fill=736 + 640 / 9, drain=96, dram=496, nop=636)
    check(window, latency_s=64.6, dram_s=49.6, link=(0, 1), link_s=19, port=0, port_s=19.2)


def test_a_square_shares_the_input() -> None:
    """a and c have a channel on each chiplet; b has one on 0 and one on 1 while 2 and 3 are idle.

    a -> b   0 and 1 need all: 3 * 16 = 48 received, 16 sent: 48/10 + 2 = 6.8; 64 bytes
             hop bytes: from 0 16; from 1 16; from 2 16 on 2->0, 2->3, 3->1; from 3 16 on 3->2, 2->0, 3->1: 128
    b -> c   all need both channels: 2 and 3 receive 32: 32/10 + 2 = 5.2; 32 bytes
             hop bytes: 16 on each tree of three links: 96
    compute  4.5 + 1 + 4.5 = 10;   pace max(4.5, 6.8) + max(1, 5.2) + 4.5 = 16.5
    fill     10.4 + 16.5 + 16.8 = 43.7;   latency 45.3 + 16.5 - 10 + 16.8 = 68.6
    weights  a and c 18 each: 36 on 0->1, 18 on 0->2, 18 on 1->3; b 4 on 0->1: 148;   input 3 * 32
    hop_bytes 148 + 96 + 128 + 96 + 64 = 532
    0 -> 1   weights 36 + 4 + 36, input 32, a 16, b 16: 140;   0 sends 54 + 4 + 54 + 32 + 16 + 16 = 176
    L2       weights 18 + 4 + 18; a: 32 + 16, b: 64 + 16, c: 32 + 16: 80
    noc      4 * 32 + 2 * 64 + 4 * 32;   fill 128 + 2 * 48 + (2 * 16 + 2 * 32) = 320, weights 152
    """
    window = run(CHAIN, SQUARE, DETAILED, [Stage(0, 2, (0, 1, 2, 3), (I, I, I))])
    (stage,) = stages_of(window)
    check(stage, compute_s=10, exchange_s=12, pace_s=16.5, load_s=10.4, store_s=16.8, resident_s=30.4)
    check(stage, fill_s=43.7, steady_s=27.2)
    check(stage.bytes_, weights=152, exchange=96, hop_bytes=532)
    check(stage.l2, held_weights=40, activations=80)
    check(stage.energy, mac=2432, l1=4864, l2=160, noc=384, fill=472, drain=160, dram=496, nop=532)
    check(window, latency_s=68.6, dram_s=49.6, link=(0, 1), link_s=14, port=0, port_s=17.6)


def test_a_square_changes_the_partition() -> None:
    """a and c by channels, b in 2x2 tiles.

    a -> b   4 bytes between any two: 12/10 + 2 = 3.2; 48 bytes; 8 pairs at 1 hop and 4 at 2: 64 hop bytes
    b -> c   all need all 4 tiles of 8: 24/10 + 2 = 4.4; 32 bytes; 4 trees of three links: 96
    pace     4.5 + max(0.5, 4.4) + 4.5 = 13.4;   fill 10.4 + 13.4 + 16.8 = 40.6
    latency  45.3 + 13.4 - 9.5 + 16.8 = 66
    hop_bytes weights 72 + 3 * 8 + 72, input 96, 64 + 96, c 64: 488
    0 -> 1   weights 36 + 8 + 36, input 32, a 4 + 4, b 8 from 0: 128;   0 -> 2: 18 + 8 + 18 + 32 + a 4 (0) 4 (1) + b 16
    port     0 sends 54 + 8 + 54 + 32 + 12 + 8 = 168
    """
    window = run(CHAIN, SQUARE, DETAILED, [Stage(0, 2, (0, 1, 2, 3), (I, W, I))])
    (stage,) = stages_of(window)
    check(stage, compute_s=9.5, exchange_s=7.6, pace_s=13.4, fill_s=40.6, steady_s=27.2)
    check(stage.bytes_, exchange=80, hop_bytes=488)
    check(stage.energy, nop=488)
    check(window, latency_s=66, link=(0, 1), link_s=12.8, port=0, port_s=16.8)


def test_two_stages_on_a_square() -> None:
    """a by channels and b by columns on 0, 1; c by channels on 2, 3; batch 2.

    first    compute 9 + 1; a -> b 2 channels of 2 columns, 16 each way: 16/10 + 1 = 2.6; pace max(9, 2.6) + 1
             load 32/5 + 1 + 2 = 9.4; weights 80/5 = 16, of which 36 + 8 cross 0->1
    forward  2 and 3 need both halves of 16: 32/10 + 2 = 5.2; 32 bytes; from 0 16 on 0->2, 0->1, 1->3, from 1 on 1->3,
             1->0, 0->2: 96 hop bytes
             fill 9.4 + 10 + 5.2 = 24.6; steady max(10, 9.4, 5.2); hop_bytes 44 + 2 * (32 + 32 + 96) = 364
             ready 3 + 14.4 + 9 + 1 + 32/5 of the input + 5.2 = 39; exchanges take no longer than computing
    second   weights 72/5 = 14.4: 36 on 0->2, 0->1, 1->3; store 64/5 + 2 + 2 = 16.8: 64 on 2->0, 32 on 3->2
             receive 32/10 = 3.2; fill 9 + 16.8 = 25.8; steady 16.8; hop_bytes 108 + 2 * 96 = 300
             ready, behind 16 s of weights, 4 + 14.4 + 9 + 16.8 = 44.2
    latency  max(39 + 25.8, 16 + 44.2) = 64.8; 64.8 + 16.8 = 81.6
    0 -> 1   44 + 36 + 2 * (32 + 16 + 16) = 208;   0 sends 44 + 72 + 2 * (32 + 16 + 16) = 244
    dram     (80 + 2 * 32 + 72 + 2 * 64) / 5 = 68.8
    """
    stages = (Stage(0, 1, (0, 1), (I, W)), Stage(2, 2, (2, 3), (I,)))
    window = run(CHAIN, SQUARE, DETAILED, stages, batch=2)
    first, second = stages_of(window)
    check(first, compute_s=10, exchange_s=2.6, pace_s=10, load_s=9.4, forward_s=5.2, resident_s=16)
    check(first, receive_s=0, fill_s=24.6, ready_s=39, steady_s=10)
    check(first.bytes_, weights=80, load=64, forward=64, exchange=64, hop_bytes=364)
    check(second, compute_s=9, exchange_s=0, store_s=16.8, receive_s=3.2, resident_s=14.4)
    check(second, fill_s=25.8, ready_s=44.2, steady_s=16.8)
    check(second.bytes_, weights=72, store=128, hop_bytes=300)
    check(window, latency_s=81.6, dram_s=68.8, link=(0, 1), link_s=20.8, port=0, port_s=24.4)


# Samples --------------------------------------------------------------------------------------------------------


def test_samples_are_split_before_maps() -> None:
    """Two samples on two chiplets: one each, as fast as halves of both, and nothing to exchange.

    compute 18 + 2 + 18; load 64/5 + 3 = 15.8; store 128/5 + 3 = 28.6
    latency a begins when its weights and the input are there, after 3 + 14.4 + 64/5 s: 30.2 + 38 + 28.6 = 96.8, more
            than 15.8 + 38 + 28.6
    hop_bytes 152 + 32 + 64; L2: a whole sample, 32 + 64 = 96; tiles are whole: noc 2 * 128
    fill 2 * 32 of a + 2 * 152; drain of c only, 2 * 64
    """
    window = run(CHAIN, row(2), DETAILED, [Stage(0, 2, (0, 1), (W, W, W))], batch=2, micro_batch=2)
    (stage,) = stages_of(window)
    check(stage, compute_s=38, exchange_s=0, pace_s=38, load_s=15.8, store_s=28.6, resident_s=30.4)
    check(stage.bytes_, weights=152, load=64, store=128, exchange=0, hop_bytes=248)
    check(stage.l2, activations=96)
    check(stage.energy, mac=4864, noc=256, fill=368, drain=128)
    check(window, latency_s=96.8)


def test_three_samples_do_not_split_in_two() -> None:
    # whole samples: ceil(3/2) * 38 = 76; columns of all three: 3 * 19 = 57, and 3 * 8 bytes each way: 24/10 + 1
    window = run(CHAIN, row(2), DETAILED, [Stage(0, 2, (0, 1), (W, W, W))], batch=3, micro_batch=3)
    (stage,) = stages_of(window)
    check(stage, compute_s=57, exchange_s=3.4)
    check(stage.bytes_, exchange=48)


def test_a_short_last_micro_batch_moves_its_own_bytes() -> None:
    """Batch 3 in micro-batches of 2, by channels: a full one exchanges 2 * 96 bytes, the window 3 * 96.

    Of a full one exchange_s = (64/10 + 1) + (32/10 + 1) = 11.6, pace_s = 18 + max(2, 4.2) + 18 = 40.2 and
    fill_s = 15.8 + 40.2 + 28.6; of the last half.
    """
    window = run(CHAIN, row(2), DETAILED, [Stage(0, 2, (0, 1), (I, I, I))], batch=3, micro_batch=2)
    (stage,) = stages_of(window)
    check(stage, compute_s=38, exchange_s=11.6, pace_s=40.2, fill_s=84.6, last_fill_s=42.3)
    check(stage.bytes_, load=96, store=192, exchange=288, hop_bytes=556)
    assert window.pipelines[0].micro_batches == 2


# How weights are kept: DEEP on two chiplets by rows, one row each --------------------------------------------------
#
# Clock 16 Hz: 16 MACs of a row take 1 s, compute_s = 6. Nothing to exchange. load_s = store_s = 8/5 + 1 + 2 = 4.6.
# 96 weights from DRAM: 96/5 = 19.2 s, 3.2 a layer. Live: a row in, a row out, 8 bytes; a second copy of both: 8.
# Arrays of one PE, so that a block, a tenth of L2, is of single channels, 4 bytes each: 2 in 80 bytes and more, else 1.
#   whole     96 + 8 = 104 bytes; with a second copy 112
#   blocks    two blocks and two pieces, a row in and a row out, 8: of 100 bytes 100 - 16 - 16 = 68 are left while a
#             layer runs, and 60 beside its input and output. All of a layer's weights wait for one row of inputs
# A layer ends 3.2 s after the one before, as weights come: the last one computes its last block, 1/2 or 1/4 s, when all
# are there: at 3 + 19.2 + 0.5 = 22.7 or 22.45 s, and with the input's 8/5 s at 24.3 or 24.05 s.

BY_ROWS = (Stage(0, 5, (0, 1), (W,) * 6),)


def deep(l2_bytes: int, batch: int) -> WindowEvaluation:
    return run(DEEP, row(2, clock_hz=16.0, l2_bytes=l2_bytes, num_pes=1), DETAILED, BY_ROWS, batch=batch)


def test_weights_stay_where_they_fit() -> None:
    # latency 24.3 + 4.6 and 2 * max(6, 9.2)
    window = deep(112, batch=3)
    (stage,) = stages_of(window)
    check(stage.l2, keeping="resident", fits=True, held_weights=96, activations=8, spill=0)
    check(stage, resident_s=19.2, weights_s=0, fill_s=15.2, ready_s=28.9, overlaps=True, steady_s=9.2)
    check(stage.bytes_, weights=96, mates=0, hop_bytes=96 + 3 * 8)
    check(window, latency_s=28.9 + 18.4)


def test_without_a_second_buffer_nothing_overlaps() -> None:
    # 104 bytes hold it all, 112 a second copy: each micro-batch takes 15.2
    window = deep(111, batch=3)
    (stage,) = stages_of(window)
    check(stage, fill_s=15.2, overlaps=False, steady_s=15.2, pace_s=6)
    check(window, latency_s=28.9 + 2 * 15.2)


def test_mates_keep_what_one_cannot() -> None:
    """100 bytes, 60 of them for pins, 3 micro-batches: (96 - 60) * 2 = 72 bytes wait once, 36 on each chiplet, 24 on
    both. With a second copy, 52 for pins, 88 would wait once: more to gather, so there is none.

    gather   72 * 1/2 / 10 + 6 * 1 = 9.6, longer than computing: fill 4.6 + 9.6 + 4.6 = 18.8
    bytes    24 + 36 of the weights go to chiplet 1 once; each chiplet gathers 36 with every micro-batch: mates 3 * 72
    0 -> 1   60 + 3 * (36 + 4) = 180;   1 -> 0: 3 * (36 + 4) = 120;   hop_bytes 300
    dram     (96 + 24 + 24) / 5 = 28.8
    """
    window = deep(100, batch=3)
    (stage,) = stages_of(window)
    check(stage.l2, keeping="mates", fits=True, held_weights=60, gathered=72, streamed=0, activations=8, spill=0)
    check(stage, resident_s=19.2, weights_s=9.6, exposed_s=0, exchange_s=0, overlaps=False)
    check(stage, fill_s=18.8, steady_s=18.8, ready_s=28.9)
    check(stage.bytes_, weights=96, load=24, store=24, mates=216, hop_bytes=300)
    check(stage.energy, fill=3 * 8 + 2 * 96 * (1 + 2 * 72 / 96), dram=288, nop=300)
    check(window, latency_s=28.9 + 2 * 18.8, dram_s=28.8, link=(0, 1), link_s=18, port=0, port_s=18)


def test_mates_hide_behind_the_first_load_of_the_weights() -> None:
    # one micro-batch: 28.9 as weights come, more than 18.8; they cross 0->1 as above, and 72 go between the chiplets
    window = deep(100, batch=1)
    (stage,) = stages_of(window)
    check(stage.l2, keeping="mates", held_weights=60)
    check(stage.bytes_, weights=96, mates=72, hop_bytes=60 + 72 + 8)
    check(window, latency_s=28.9, link=(0, 1), link_s=10)


def test_weights_stream_where_mates_lack_room() -> None:
    """60 bytes, blocks of 4: 60 - 8 - 16 - 8 = 28 for pins. 56 wait once, 28 on each chiplet, and 40 stream.

    weights_s   40/5 + 1 + 2 = 11; gathering 56 * 1/2 / 10 + 6 = 8.8
    exposed_s   blocks of 0.8 s, each hidden by 0.25 s: 6 * 4 * 0.55 = 13.2; what is pinned hides 56/5 of that
    fill        4.6 + max(6 + 2, 11, 8.8) + 4.6 = 20.2
    0 -> 1      of the weights 28 once and 3 * 40; 3 * (28 of mates + 4): 244;   1 -> 0: 3 * (28 + 4)
    """
    window = deep(60, batch=3)
    (stage,) = stages_of(window)
    check(stage.l2, keeping="streamed", fits=True, held_weights=28, gathered=56, streamed=40)
    check(stage, resident_s=11.2, weights_s=11, exposed_s=2, overlaps=False)
    check(stage, fill_s=20.2, steady_s=20.2, ready_s=24.05 + 4.6)
    check(stage.bytes_, weights=96 + 2 * 40, mates=3 * 56, hop_bytes=244 + 96)
    check(window, latency_s=28.65 + 2 * 20.2, link=(0, 1), link_s=24.4)


def test_channel_parts_are_never_gathered() -> None:
    # by channels each chiplet holds its 48 of the weights for good, and a layer holds 8 of input and 4 of output
    window = run(DEEP, row(2, clock_hz=16.0, l2_bytes=80), DETAILED, [Stage(0, 5, (0, 1), (I,) * 6)], batch=3)
    (stage,) = stages_of(window)
    check(stage.l2, keeping="resident", held_weights=48, activations=12)
    # between layers 4 bytes each way: 5 * (4/10 + 1)
    check(stage, exchange_s=7, weights_s=0, pace_s=5 * 1.4 + 1)
    check(stage.bytes_, mates=0, exchange=3 * 5 * 8)


def test_what_does_not_fit_spills_on_every_chiplet() -> None:
    """30 bytes, blocks of 4: 30 - 8 - 16 = 6 are left. A layer's output waits in what its input leaves, 2 bytes; the
    other 2 go to DRAM and come back for the next layer: five times, on both chiplets, 40 bytes in all.

    streams   weights 96/5 + 1 + 2 = 22.2, evicted 40/5 + 1 + 2 = 11; longer than computing, 6 s, and 13.2 exposed
    fill      4.6 + 33.2 + 4.6 = 42.4;   ready (96 + 40)/5 + 3 + 8/5 + 4.6 = 36.4
    hop_bytes weights 96, 4 in, 4 out, chiplet 1's 10 both ways: 124
    """
    window = deep(30, batch=1)
    (stage,) = stages_of(window)
    check(stage.l2, keeping="streamed", fits=False, held_weights=0, activations=8, spill=40, again=0)
    check(stage, spill_s=11, weights_s=22.2, exposed_s=13.2, fill_s=42.4, ready_s=36.4, overlaps=False)
    check(stage.bytes_, weights=96, spill=40, hop_bytes=124)
    check(window, latency_s=42.4)


# Uneven and idle ------------------------------------------------------------------------------------------------


def test_the_largest_part_sets_the_time() -> None:
    """A gemm of 7 rows, 2 inputs and 3 outputs on a row of four at 1 Hz: 1, 2, 2 and 2 rows; 2 * 6 MACs take 12 s.

    load   14/5 + 3 hops + 2 = 7.8: 12, 8 and 4 bytes on the links;   store 21/5 + 3 + 2 = 9.2: 18, 12 and 6
    weights 6/5 = 1.2: 6 on three links; as they come, with the input's 14/5 s, 5 + 1.2 + 12 + 2.8 + 9.2, more than
            fill_s
    """
    model = Model("seven", (gemm("a", 7, 2, 3),), (Edge(-1, 0, 14),))
    window = run(model, row(4, clock_hz=1.0), DETAILED, [Stage(0, 0, (0, 1, 2, 3), (W,))])
    (stage,) = stages_of(window)
    check(stage, compute_s=12, load_s=7.8, store_s=9.2, resident_s=1.2, fill_s=29, ready_s=30.2)
    check(stage.bytes_, hop_bytes=24 + 36 + 18)
    check(stage.l2, held_weights=6, activations=4 + 6)
    check(stage.energy, mac=42, l2=21, noc=14, fill=14 + 24, drain=21)
    check(window, latency_s=30.2)


@pytest.mark.parametrize(
    ("chiplets", "hops", "hop_bytes"),
    [
        # input 2 + 2, weights 4 + 2, output 2 + 1
        ((0, 1, 2, 3), 2, 4 + 6 + 3),
        # parts on 3, 2, 1: input 2 on three links, weights 6 + 4 + 2, output 3 + 2 + 1
        ((3, 2, 1, 0), 3, 6 + 12 + 6),
    ],
)
def test_a_layer_that_splits_no_further_leaves_a_chiplet_idle(
    chiplets: tuple[int, ...], hops: int, hop_bytes: int
) -> None:
    """3 output channels on four chiplets: the last in the list has no part, needs nothing, and no byte goes there."""
    model = Model("three", (gemm("a", 1, 2, 3),), (Edge(-1, 0, 2),))
    window = run(model, row(4, clock_hz=1.0), DETAILED, [Stage(0, 0, chiplets, (I,))])
    (stage,) = stages_of(window)
    check(stage, compute_s=2, load_s=2 / 5 + hops + 2, store_s=3 / 5 + hops + 2, resident_s=6 / 5)
    check(stage.bytes_, hop_bytes=hop_bytes)
    check(stage.energy, mac=6, fill=3 * 2 + 6, drain=3)
    assert window.idle == ()  # it is the stage's nevertheless


def test_a_region_uses_one_interface() -> None:
    # interfaces on 0 and 3; 1, 2 and 3 are 1 + 2 + 3 hops from 0 and 2 + 1 + 0 from 3: chiplet 1 uses 3 as well
    model = Model("three", (gemm("a", 3, 2, 1),), (Edge(-1, 0, 6),))
    where = row(4, clock_hz=1.0, interfaces=(0, 3))  # type: ignore[arg-type]
    (stage,) = stages_of(run(model, where, DETAILED, [Stage(0, 0, (1, 2, 3), (W,))]))
    check(stage, load_s=6 / 5 + 2 + 2, store_s=3 / 5 + 2 + 2, resident_s=2 / 5)
    # 3->2: input 4, weights 2; 2->1: input 2, weights 2; back 1 and 2
    check(stage.bytes_, hop_bytes=6 + 4 + 3)


# Readers --------------------------------------------------------------------------------------------------------


def test_a_tensor_goes_to_a_stage_once() -> None:
    """b (three rows of a) and the sum (its own rows of a) both read a: the hull, one row of 2 bytes from the mate.

    Nothing else moves: the sum's rows of b are at home. Held while b runs: 3 rows of a + 2 of b; sum: 2 + 2 + 2.
    """
    model = Model(
        "residual",
        (
            Layer("a", Op.CONV, K=2, C=1, Y=4, X=1),
            Layer("b", Op.CONV, K=2, C=2, Y=4, X=1, R=3, padding=(1, 0)),
            Layer("sum", Op.ELEMENTWISE, K=2, C=2, Y=4, X=1, groups=2),
        ),
        (Edge(-1, 0, 4), Edge(0, 1, 8), Edge(0, 2, 8), Edge(1, 2, 8)),
    )
    (stage,) = stages_of(run(model, row(2), DETAILED, [Stage(0, 2, (0, 1), (W, W, W))]))
    check(stage, exchange_s=2 / 10 + 1)
    check(stage.bytes_, exchange=4)
    check(stage.l2, activations=12)


def test_groups_stay_at_home() -> None:
    # a depthwise layer by channels reads the channels that are there; by columns, a column of 4 * 4 bytes each way
    model = Model(
        "depthwise",
        (
            conv("a", 2, 4, 1),
            Layer("b", Op.DEPTHWISE, K=4, C=4, Y=4, X=4, R=3, S=3, padding=(1, 1), groups=4),
        ),
        (Edge(-1, 0, 32), Edge(0, 1, 64)),
    )
    for split, exchange in ((I, 0), (W, 32)):
        (stage,) = stages_of(run(model, row(2), DETAILED, [Stage(0, 1, (0, 1), (split, split))]))
        check(stage.bytes_, exchange=exchange)
        check(stage, exchange_s=exchange / 2 / 10 + (1 if exchange else 0))


# Chiplets of two classes ------------------------------------------------------------------------------------------

FAST, SLOW = Chiplet("fast", clock_hz=64.0, l2_bytes=ROOMY), Chiplet("slow", clock_hz=32.0, l2_bytes=9_000)


@pytest.mark.parametrize("slow_first", [False, True])
def test_rows_in_proportion_to_what_each_class_can_do(slow_first: bool) -> None:
    """Of two chiplets one runs at half the clock. A row of a and of c is 288 MACs, 4.5 s at 64 Hz and 9 s at 32 Hz.
    In 9 s the fast one does two rows and the slow one one, three of four; in 13.5 s three and one: all. Halves would
    take 18 s. Likewise a row of b, 32 MACs: 1.5 s. All parts together spend what the layers do.

    Of b, c needs one row more on either side: 4 columns of 2 channels, 8 bytes each way, as between halves.
    """
    where = replace(row(2), chiplets=(SLOW, FAST) if slow_first else (FAST, SLOW))
    (stage,) = stages_of(run(CHAIN, where, DETAILED, [Stage(0, 2, (0, 1), (W, W, W))]))
    check(stage, compute_s=13.5 + 1.5 + 13.5, exchange_s=1.8)
    assert stage.splits == (Split(rows=2, weights=(1, 3) if slow_first else (3, 1)),) * 3
    check(stage.energy, mac=2432)


def test_channels_in_proportion_to_what_each_class_can_do() -> None:
    """A channel of a and of c is 288 MACs, too: three and one. Of b's two channels, 64 MACs each, either chiplet makes
    one, in 1 s and 2 s: both on the fast one would take as long, so they stay equal parts.

    The chiplets need all of a's 64 elements, so the slow one's 16 go one way and the fast one's 48 the other:
    48/10 + 1; of b's 32 each has half: 16/10 + 1. The fast one holds 3/4 of a's and c's 72 weights and half of b's 8.
    """
    where = replace(row(2), chiplets=(FAST, SLOW))
    (stage,) = stages_of(run(CHAIN, where, DETAILED, [Stage(0, 2, (0, 1), (I, I, I))]))
    unequal = Split(units=2, weights=(3, 1))
    assert stage.splits == (unequal, Split(units=2), unequal)
    check(stage, compute_s=13.5 + 2 + 13.5, exchange_s=5.8 + 2.6)
    check(stage.l2, held_weights=54 + 4 + 54)
    check(stage.energy, mac=2432)


def test_what_rides_is_cut_as_its_producer() -> None:
    """The fast chiplet makes three rows of a, and adds to these three: nothing moves. Alone the sum would be cut as it
    suits the chiplets itself."""
    model = Model(
        "rider",
        (conv("a", 2, 4, 1), Layer("sum", Op.ELEMENTWISE, K=4, C=4, Y=4, X=4, groups=4)),
        (Edge(-1, 0, 32), Edge(0, 1, 64)),
    )
    where = replace(row(2), chiplets=(FAST, SLOW))
    for split, unequal in ((W, Split(rows=2, weights=(3, 1))), (I, Split(units=2, weights=(3, 1)))):
        (stage,) = stages_of(run(model, where, DETAILED, [Stage(0, 1, (0, 1), (split, split))]))
        assert stage.splits == (unequal, unequal)
        check(stage, exchange_s=0)


def test_a_chiplet_that_is_bad_at_a_layer_gets_nothing_of_it() -> None:
    """At 1 Hz a row of a takes 288 s, and all four take the fast chiplet 18 s."""
    slow = Chiplet("slow", clock_hz=1.0, l2_bytes=ROOMY)
    where = replace(row(2), chiplets=(FAST, slow))
    (stage,) = stages_of(run(CHAIN, where, DETAILED, [Stage(0, 2, (0, 1), (W, I, W))]))
    rows, channels = Split(rows=2, weights=(4, 0)), Split(units=2, weights=(2, 0))
    assert stage.splits == (rows, channels, rows)
    check(stage, compute_s=38, exchange_s=0)
    check(stage.bytes_, mates=0)
