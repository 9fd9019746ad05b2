"""What `shapes_of` makes of an operator computes that operator, written down directly."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import product

import pytest

from chipweave.cost.loopnest.shape import Shape, shapes_of
from chipweave.workload.layer import Layer, Op
from tests.cost.loopnest.cases import random_machine, random_mapping
from tests.cost.loopnest.simulator import Values, run

Pair = tuple[int, int]


def directly(layer: Layer, inputs: Values, weights: Values) -> Values:
    """Outputs (n, channel, y, x) from inputs (n, channel, v, u) and weights (n, k, c within the group, r, s), where
    only the second operand of a matmul differs between samples."""
    outputs: Values = defaultdict(int)
    k_per_group, c_per_group = layer.K // layer.groups, layer.C // layer.groups
    spread = layer.op is Op.TRANSPOSED
    grid = (layer.Y, layer.X) if spread else (layer.out_y, layer.out_x)
    for n, k, y, x in product(range(layer.N), range(layer.K), *map(range, grid)):
        for c, r, s in product(range(c_per_group), range(layer.R), range(layer.S)):
            channel = k // k_per_group * c_per_group + c
            # where the stride leads: inputs of a convolution, outputs of a transposed one
            there = tuple(
                at * layer.stride[axis] + tap * layer.dilation[axis] - layer.padding[axis]
                for axis, (at, tap) in enumerate(((y, r), (x, s)))
            )
            weight = weights[n, k, c, r, s]
            if spread and 0 <= there[0] < layer.out_y and 0 <= there[1] < layer.out_x:
                outputs[n, k, *there] += weight * inputs[n, channel, y, x]
            if not spread:
                outputs[n, k, y, x] += weight * inputs.get((n, channel, *there), 0)
    return outputs


def by_shapes(layer: Layer, inputs: Values, weights: Values, rng: random.Random) -> Values:
    """The same by running each shape under some mapping."""
    outputs: Values = defaultdict(int)
    k_per_group, c_per_group = layer.K // layer.groups, layer.C // layer.groups

    def execute(shape: Shape, taps: list[list[Pair]]) -> Values:
        """Outputs of a shape; `taps`: per filter position of the shape, vertical by horizontal, the layer's."""
        n, g, k, c, _, _, r, s = shape.bounds
        operand: Values = {}
        filters: Values = {}
        for ni, gi, ci, v, u in product(*map(range, (n, g, c, shape.vertical.size, shape.horizontal.size))):
            sample, group = divmod(gi, layer.groups) if layer.op is Op.MATMUL else (ni, gi)
            operand[ni, gi, ci, v, u] = inputs[sample, group * c_per_group + ci, v, u]
        for gi, ki, ci, ri, si in product(*map(range, (g, k, c, r, s))):
            sample, group = divmod(gi, layer.groups) if layer.op is Op.MATMUL else (0, gi)
            row, column = taps[ri][si]
            filters[gi, ki, ci, ri, si] = weights[sample, group * k_per_group + ki, ci, row, column]
        mapping = random_mapping(rng, shape)
        return run(shape, mapping, random_machine(rng, shape, mapping), operand, filters)[1]

    shapes = shapes_of(layer)
    if layer.op is not Op.TRANSPOSED:
        (shape,) = shapes
        assert shape.macs == layer.macs
        taps = [[(r, s) for s in range(layer.S)] for r in range(layer.R)]
        for (n, g, k, y, x), value in execute(shape, taps).items():
            sample, group = divmod(g, layer.groups) if layer.op is Op.MATMUL else (n, g)
            outputs[sample, group * k_per_group + k, y, x] += value
        return outputs

    vertical, horizontal = phases(layer, 0), phases(layer, 1)
    assert len(shapes) == len(vertical) * len(horizontal)
    for shape, ((rows, high), (columns, wide)) in zip(shapes, product(vertical, horizontal), strict=True):
        assert shape.bounds[4:] == (len(rows), len(columns), len(high), len(wide))
        found = execute(shape, [[(r, s) for s in wide] for r in high])
        for (n, g, k, y, x), value in found.items():
            outputs[n, g * k_per_group + k, rows[y], columns[x]] += value
    return outputs


def phases(layer: Layer, axis: int) -> list[tuple[list[int], list[int]]]:
    """Per phase that has both: the outputs that lie in it, and the taps that reach them, the last tap first."""
    size, taps = ((layer.out_y, layer.R), (layer.out_x, layer.S))[axis]
    stride, dilation, padding = layer.stride[axis], layer.dilation[axis], layer.padding[axis]
    found = []
    for phase in range(stride):
        outputs = [o for o in range(size) if (o + padding) % stride == phase]
        reaching = [r for r in reversed(range(taps)) if r * dilation % stride == phase]
        if outputs and reaching:
            found.append((outputs, reaching))
    return found


def check(layer: Layer, rng: random.Random) -> None:
    inputs = {e: rng.randint(-9, 9) for e in product(*map(range, (layer.N, layer.C, layer.Y, layer.X)))}
    one = {e: rng.randint(-9, 9) for e in product(*map(range, (layer.K, layer.C // layer.groups, layer.R, layer.S)))}
    weights = {
        (n, *e): rng.randint(-9, 9) if layer.op is Op.MATMUL else value
        for n in range(layer.N)
        for e, value in one.items()
    }
    expected = directly(layer, inputs, weights)
    found = by_shapes(layer, inputs, weights, rng)
    everywhere = expected.keys() | found.keys()
    assert {e: found.get(e, 0) for e in everywhere} == {e: expected.get(e, 0) for e in everywhere}, layer


def pair(rng: random.Random, low: int, high: int) -> Pair:
    return rng.randint(low, high), rng.randint(low, high)


@pytest.mark.parametrize("op", [Op.CONV, Op.DEPTHWISE])
@pytest.mark.parametrize("seed", range(25))
def test_convolutions(op: Op, seed: int) -> None:
    rng = random.Random(seed)
    groups = rng.randint(1, 3)
    k, c = (1, 1) if op is Op.DEPTHWISE else (rng.randint(1, 3), rng.randint(1, 3))
    filter_, dilation, padding = pair(rng, 1, 3), pair(rng, 1, 2), pair(rng, 0, 2)
    size = [
        max(1, d * (f - 1) + 1 - 2 * p) + rng.randint(0, 2) for d, f, p in zip(dilation, filter_, padding, strict=True)
    ]
    layer = Layer(
        "x", op, K=k * groups, C=c * groups, Y=size[0], X=size[1], R=filter_[0], S=filter_[1], N=rng.randint(1, 2),
        stride=pair(rng, 1, 3), padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip
    check(layer, rng)


@pytest.mark.parametrize("seed", range(10))
def test_products_of_matrices(seed: int) -> None:
    rng = random.Random(seed)
    groups, rows = rng.randint(1, 3), rng.randint(1, 5)
    k, c, samples = (rng.randint(1, 4) for _ in range(3))
    for op in (Op.GEMM, Op.MATMUL):
        check(Layer("x", op, K=k * groups, C=c * groups, Y=rows, N=samples, groups=groups), rng)


@pytest.mark.parametrize("seed", range(60))
def test_transposed_convolutions_by_phases(seed: int) -> None:
    rng = random.Random(seed)
    while True:
        filter_, stride, dilation, padding = pair(rng, 1, 5), pair(rng, 1, 3), pair(rng, 1, 3), pair(rng, 0, 3)
        size = pair(rng, 1, 4)
        reach = [d * (f - 1) + 1 for d, f in zip(dilation, filter_, strict=True)]
        out = [
            (n - 1) * s - 2 * p + over + rng.randint(0, 1)
            for n, s, p, over in zip(size, stride, padding, reach, strict=True)
        ]
        meeting = any(s < over for s, over in zip(stride, reach, strict=True))
        if meeting and min(out) >= 1:
            break
    groups = rng.randint(1, 2)
    layer = Layer(
        "x", Op.TRANSPOSED, K=rng.randint(1, 2) * groups, C=rng.randint(1, 2) * groups, Y=size[0], X=size[1],
        R=filter_[0], S=filter_[1], out_y=out[0], out_x=out[1], stride=stride, padding=padding, dilation=dilation,
        groups=groups,
    )  # fmt: skip
    check(layer, rng)


@pytest.mark.parametrize("seed", range(20))
def test_transposed_convolutions_where_no_products_meet(seed: int) -> None:
    """One 1x1 convolution whose outputs, channel by filter position, are the products of the transposed one."""
    rng = random.Random(seed)
    filter_, dilation, size = pair(rng, 1, 2), pair(rng, 1, 2), pair(rng, 3, 4)
    padding = pair(rng, 0, 1)
    stride = tuple(d * (f - 1) + 1 + rng.randint(0, 1) for f, d in zip(filter_, dilation, strict=True))
    groups, k, c = rng.randint(1, 2), rng.randint(1, 2), rng.randint(1, 3)
    layer = Layer(
        "x", Op.TRANSPOSED, K=k * groups, C=c * groups, Y=size[0], X=size[1], R=filter_[0], S=filter_[1],
        stride=(stride[0], stride[1]), padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip
    (shape,) = shapes_of(layer)
    assert shape.macs == layer.macs
    inputs = {e: rng.randint(-9, 9) for e in product(*map(range, (1, layer.C, layer.Y, layer.X)))}
    weights = {e: rng.randint(-9, 9) for e in product(*map(range, (1, layer.K, c, layer.R, layer.S)))}
    operand: Values = {
        (0, g, i, v, u): inputs[0, g * c + i, v, u] for g, i, v, u in product(*map(range, (groups, c, *size)))
    }
    taps = list(product(range(k), range(layer.R), range(layer.S)))
    filters: Values = {
        (g, at, i, 0, 0): weights[0, g * k + ki, i, r, s]
        for g, i in product(range(groups), range(c))
        for at, (ki, r, s) in enumerate(taps)
    }
    mapping = random_mapping(rng, shape)
    outputs: Values = {}
    machine = random_machine(rng, shape, mapping)
    for (n, g, at, y, x), value in run(shape, mapping, machine, operand, filters)[1].items():
        ki, r, s = taps[at]
        row, column = y * stride[0] + r * dilation[0] - padding[0], x * stride[1] + s * dilation[1] - padding[1]
        assert (n, g * k + ki, row, column) not in outputs
        if 0 <= row < layer.out_y and 0 <= column < layer.out_x:
            outputs[n, g * k + ki, row, column] = value
    assert outputs == directly(layer, inputs, weights)


def test_riders_have_no_loops() -> None:
    assert shapes_of(Layer("x", Op.POOL, K=4, C=4, Y=8, X=8, R=2, S=2, stride=(2, 2), groups=4)) == []
