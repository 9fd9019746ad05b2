"""Compiled: the box of a tensor that a part makes, and the one that it needs (docs/regions.md; the slow twin: tests).

Layers are rows of integers (see `layer_rows`), so that kernels can read them. A box is 8 integers: low and high of
samples, rows, columns and channels. A partition is 0 for `weight_shared` and 1 for `input_shared`. A split is its
samples, rows, columns and units, and, where parts are unequal, their ends along the axis that is cut, from 0 on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.ndarrays import Floats, Ints
from chipweave.workload.layer import Layer, Op, channel_units

WINDOWED, IDENTITY, UPSAMPLE, TRANSPOSED = range(4)
_KIND = {
    Op.GEMM: IDENTITY,
    Op.MATMUL: IDENTITY,
    Op.ELEMENTWISE: IDENTITY,
    Op.UPSAMPLE: UPSAMPLE,
    Op.TRANSPOSED: TRANSPOSED,
}
KIND, Y, X, C, K, OUT_Y, OUT_X, UNITS, GROUPS, SPREAD_Y, SPREAD_X, STRIDE_Y, STRIDE_X, PAD_Y, PAD_X, MATMUL = range(16)

EQUAL = 4
"""Integers of a split in equal parts."""


def layer_rows(layers: Sequence[Layer]) -> Ints:
    """One row of integers per layer, in the order of `KIND` and its fellows."""
    rows = [
        (
            _KIND.get(layer.op, WINDOWED), layer.Y, layer.X, layer.C, layer.K, layer.out_y, layer.out_x,
            channel_units(layer), layer.groups, layer.dilation[0] * (layer.R - 1), layer.dilation[1] * (layer.S - 1),
            layer.stride[0], layer.stride[1], layer.padding[0], layer.padding[1], layer.op is Op.MATMUL,
        )
        for layer in layers
    ]  # fmt: skip
    return np.array(rows, dtype=np.int64)


@inner()
def _cut(length: int, split: Ints, axis: int, part: int) -> tuple[int, int]:
    parts = split[axis]
    if len(split) == EQUAL or parts == 1:
        return part * length // parts, (part + 1) * length // parts
    return split[EQUAL + part], split[EQUAL + part + 1]


@inner()
def _idle(split: Ints, part: int) -> bool:
    """Whether a part of those that there are is empty."""
    return len(split) > EQUAL and split[EQUAL + part] == split[EQUAL + part + 1]


@inner()
def own(layer: Ints, partition: int, split: Ints, micro_batch: int, part: int, box: Ints) -> None:
    """Fill `box` with what `part` makes."""
    box[:] = 0
    if partition == 1:
        if part < split[3]:
            low, high = _cut(layer[UNITS], split, 3, part)
            per_unit = layer[K] // layer[UNITS]
            box[1], box[3], box[5] = micro_batch, layer[OUT_Y], layer[OUT_X]
            box[6], box[7] = low * per_unit, high * per_unit
        return
    if part < split[0] * split[1] * split[2]:
        box[0], box[1] = _cut(micro_batch, split, 0, part // (split[1] * split[2]))
        box[2], box[3] = _cut(layer[OUT_Y], split, 1, part // split[2] % split[1])
        box[4], box[5] = _cut(layer[OUT_X], split, 2, part % split[2])
        box[7] = layer[K]


@inner()
def _reach(layer: Ints, axis: int, low: int, high: int) -> tuple[int, int]:
    length, outputs = layer[Y + axis], layer[OUT_Y + axis]
    stride, padding, spread = layer[STRIDE_Y + axis], layer[PAD_Y + axis], layer[SPREAD_Y + axis]
    if layer[KIND] == IDENTITY:
        first, end = low, high
    elif layer[KIND] == UPSAMPLE:
        first, end = low // stride, -(-high // stride)
    elif layer[KIND] == TRANSPOSED:
        first, end = -(-(low + padding - spread) // stride), (high - 1 + padding) // stride + 1
    else:
        first, end = low * stride - padding, (high - 1) * stride - padding + spread + 1
    first, end = max(0, min(first, length)), max(0, min(end, length))
    if low == 0:
        first = 0
    if high == outputs:
        end = length
    return first, end


@inner()
def need(
    layer: Ints, operand: int, extent: Ints, partition: int, split: Ints, micro_batch: int, part: int, box: Ints
) -> None:
    """Fill `box` with what `part` reads of the operand with `extent` rows, columns and channels."""
    box[:] = 0
    parts = split[3] if partition == 1 else split[0] * split[1] * split[2]
    if part >= parts or _idle(split, part):
        return
    second = layer[MATMUL] == 1 and operand > 0
    box[1], box[3], box[5], box[7] = micro_batch, extent[0], extent[1], extent[2]
    if partition == 1:
        if second or layer[GROUPS] > 1:
            low, high = _cut(layer[UNITS], split, 3, part)
            box[6], box[7] = low * extent[2] // layer[UNITS], -(-high * extent[2] // layer[UNITS])
        return
    box[0], box[1] = _cut(micro_batch, split, 0, part // (split[1] * split[2]))
    if second:
        return
    for axis in range(2):
        at = part // split[2] % split[1] if axis == 0 else part % split[2]
        low, high = _cut(layer[OUT_Y + axis], split, 1 + axis, at)
        low, high = _reach(layer, axis, low, high)
        length = layer[Y + axis]
        if length != extent[axis]:
            low, high = low * extent[axis] // length, -(-high * extent[axis] // length)
        box[2 + 2 * axis], box[3 + 2 * axis] = low, high


@inner()
def entries(box: Ints) -> float:
    total = 1.0
    for axis in range(4):
        total *= max(0, box[2 * axis + 1] - box[2 * axis])
    return total


@kernel()
def own_boxes(layer: Ints, split: Ints, micro_batch: int, chiplets: int) -> Ints:
    """[chiplets, 8] what each part makes."""
    boxes = np.zeros((chiplets, 8), np.int64)
    for part in range(chiplets):
        own(layer, 1 if split[3] > 1 else 0, split, micro_batch, part, boxes[part])
    return boxes


@kernel()
def need_boxes(layer: Ints, operand: int, extent: Ints, split: Ints, micro_batch: int, chiplets: int) -> Ints:
    """[chiplets, 8] what each part reads."""
    boxes = np.zeros((chiplets, 8), np.int64)
    for part in range(chiplets):
        need(layer, operand, extent, 1 if split[3] > 1 else 0, split, micro_batch, part, boxes[part])
    return boxes


@kernel()
def common_entries(owners: Ints, readers: Ints) -> Floats:
    """[owners, readers] entries that lie in both boxes."""
    made = np.zeros((len(owners), len(readers)))
    for j in range(len(owners)):
        for i in range(len(readers)):
            both = 1.0
            for axis in range(4):
                low = max(owners[j, 2 * axis], readers[i, 2 * axis])
                high = min(owners[j, 2 * axis + 1], readers[i, 2 * axis + 1])
                both *= max(0, high - low)
            made[j, i] = both
    return made
