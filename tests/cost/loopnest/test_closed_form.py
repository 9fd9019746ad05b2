"""Closed forms against a run of the nest element by element, and both against arithmetic by hand."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import prod

import pytest

from chipweave.cost.loopnest.closed_form import count, count_all
from chipweave.cost.loopnest.machine import Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.mapping_cost import Counts
from chipweave.cost.loopnest.shape import Axis, Shape
from tests.cost.loopnest.cases import FREE, random_case
from tests.cost.loopnest.simulator import convolve, operands, run, simulate
from tests.support import seeds

CostFunction = Callable[[Shape, Mapping, Machine], Counts]

BLOCK = 200


@pytest.mark.parametrize("block", seeds(2, 13))
def test_closed_forms_equal_the_run(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        case = random_case(random.Random(seed))
        counted = count(case.shape, case.mapping, case.machine)
        assert counted == simulate(case.shape, case.mapping, case.machine), f"seed {seed}: {case}"


def test_many_are_counted_as_each_alone() -> None:
    """Whatever was counted before: large and small shapes take turns in the same room."""
    cases = [random_case(random.Random(seed)) for seed in range(300)]
    machine = cases[0].machine
    shapes, mappings = [case.shape for case in cases], [case.mapping for case in cases]
    alone = [count(shape, mapping, machine) for shape, mapping in zip(shapes, mappings, strict=True)]
    assert count_all(shapes, mappings, machine) == alone
    assert count_all([], [], machine) == []


@pytest.mark.parametrize("block", seeds(1, 4))
def test_the_run_computes_the_layer(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        rng = random.Random(seed)
        case = random_case(rng)
        inputs, weights = operands(case.shape, rng)
        counts, outputs = run(case.shape, case.mapping, case.machine, inputs, weights)
        assert outputs == convolve(case.shape, inputs, weights), f"seed {seed}: {case}"
        assert counts.macs == prod(case.shape.bounds)
        # each output leaves finished exactly once, and what leaves otherwise comes back
        assert counts.l2_write[2] - counts.l2_read[2] == len(outputs), f"seed {seed}: {case}"
        # what L2 sends some PE takes in, and what a PE takes in it uses
        for tensor in (0, 1):
            assert counts.l2_read[tensor] <= counts.l1_write[tensor] <= counts.l1_read[tensor]


def test_the_cases_show_every_side_of_the_model() -> None:
    seen: Counter[str] = Counter()
    number = 500
    for seed in range(number):
        case = random_case(random.Random(seed))
        shape, machine, counts = case.shape, case.machine, simulate(case.shape, case.mapping, case.machine)
        overlapped = counts.overlapped and counts.steps > 1
        seen["overlapped"] += overlapped
        seen["serial"] += not counts.overlapped
        seen["one step"] += counts.steps == 1
        seen["bound by compute"] += overlapped and counts.compute > 0
        seen["bound by what arrives"] += overlapped and counts.noc_in > 0
        seen["bound by what leaves"] += overlapped and counts.noc_out > 0
        seen["partial sums in L2"] += counts.l2_read[2] > 0
        seen["spatial reduction"] += counts.reduction_transfers > 0
        seen["inputs again"] += counts.l2_read[1] > prod(shape.bounds[i] for i in (0, 1, 3)) * (
            shape.vertical.size * shape.horizontal.size
        )
        seen["only padding"] += counts.l1_read[1] == 0
        seen["lanes"] += machine.simd_lanes > 1
        seen["groups"] += shape.bounds[1] > 1
        seen["strides"] += max(shape.vertical.stride, shape.horizontal.stride) > 1
        seen["dilations"] += max(shape.vertical.dilation, shape.horizontal.dilation) > 1
        per_loop = zip(shape.bounds, case.mapping.spatial, case.mapping.tile, strict=True)
        seen["edges"] += any(bound % (spatial * tile) for bound, spatial, tile in per_loop)
    rare = {"only padding": 2}
    assert {side: times for side, times in seen.items() if times < rare.get(side, number // 20)} == {}
    assert len(seen) == 15


# A 3x3 convolution of 3 channels to 2 on 4x2 outputs with padding 1, on 2x2 PEs: K along the rows, C along the columns,
# two rows of outputs at a time; docs/cost-model/loopnest.md, "A worked example".
SMALL = Shape((1, 1, 2, 3, 4, 2, 3, 3), Axis(offset=-1, size=4), Axis(offset=-1, size=2))
MAPPING = Mapping((1, 1, 2, 2, 1, 1, 1, 1), (1, 1, 1, 1, 2, 2, 3, 3), outer="NGKCYXRS", inner="NGKCRSYX")
MACHINE = Machine(4, FREE, simd_lanes=4, l1_bytes=62, noc_bandwidth=4, noc_latency=1)

# Steps: C moves twice (channels 0 and 1, then 2 alone), Y inside it twice (rows 0-1, rows 2-3). C is outside O's pivot
# Y, so there are two passes; W's pivot is C, I's pivot is Y.
#
# step             1    2    3    4
# PEs with work    4    4    2    2     channel 2 leaves the second column idle
# MACs of a PE    36   36   36   36     2 rows x 2 columns x 9 taps
# weights         36    0   18    0     2 K x 2 C x 9, stay while Y moves; 2 x 1 x 9
# inputs          12    4    6    2     C x rows 0-2 (row -1 is padding) x 2; then row 3 alone, rows 1-2 stay
# sums back        0    0    8    8     2 K x 2 x 2
# out              8    8    8    8     partial, partial, finished, finished
EXPECTED = Counts(
    macs=432,  # 2 x 3 x (4 x 2) x 9
    l1_read=(
        108,  # 9 weights at each of 12 PE-steps: R S outside, Y X inside
        240,  # 3 C x 10 (y, r) x 4 (x, s) that are no padding x 2 PEs along K
        16 * 17 + 32,  # each output: 2 steps x 9 taps accumulate, the first without a read; 32 depart
    ),
    l1_write=(
        54,  # each weight to one PE, once
        48,  # each input to the 2 PEs along K
        16 * 18 + 16,  # 18 accumulations, and 16 come back
    ),
    l2_read=(54, 24, 16),  # every weight once, every input once, every output comes back once
    l2_write=(0, 0, 32),  # partial once, finished once
    reduction_transfers=144,  # channel 1: 2 K x 8 outputs x 9 taps
    steps=4,
    fill=13,  # 1 + (36 + 12) / 4
    compute=27,  # step 1: 36 / 4 = 9 against 8 out; step 2: 9 against 1 in, 8 out; step 4: 9 against 34 / 4 = 9 in
    noc_in=14,  # step 3: (18 + 6 + 4 x 8) / 4 = 14 against 9 and 2
    noc_out=0,
    drain=3,  # 8 / 4 + 1
    overlapped=True,
    l1_need_bytes=62,  # twice 9 weights, 3 x 2 inputs, 2 x 2 sums of 4 bytes
    l2_need_bytes=112,  # 36 weights, 12 inputs, 16 sums of 4 bytes: all outputs wait while C goes round
)


@pytest.mark.parametrize("cost", [count, simulate])
def test_a_worked_example(cost: CostFunction) -> None:
    assert cost(SMALL, MAPPING, MACHINE) == EXPECTED
    assert EXPECTED.cycles == 57


@pytest.mark.parametrize("cost", [count, simulate])
def test_a_worked_example_without_second_buffers(cost: CostFunction) -> None:
    """One byte less of L1, and the steps add up: 36 of compute, 12 + 1 + 14 + 9 in, 8 + 8 + 2 + 2 out."""
    serial = replace(EXPECTED, overlapped=False, l1_need_bytes=31, fill=1, compute=36, noc_in=36, noc_out=20, drain=1)
    assert cost(SMALL, MAPPING, replace(MACHINE, l1_bytes=61)) == serial
    assert serial.cycles == 94
