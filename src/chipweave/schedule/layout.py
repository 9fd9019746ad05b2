"""Who holds and who needs what: tensors of a micro-batch as boxes of samples x rows x columns x channels.

docs/regions.md has the rules; our reconstruction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipweave.schedule.split import Split, channel_units, starts
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Model

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Extent = tuple[int, int, int]
"""Rows, columns and channels of a tensor."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """One box per chiplet of a region, shape (chiplets, 4): from `low` (included) to `high` (not included)."""

    low: Ints
    high: Ints

    @property
    def sizes(self) -> Floats:
        """Entries of each box; 0 for chiplets without a part."""
        return np.asarray(np.maximum(self.high - self.low, 0).prod(axis=1), dtype=np.float64)

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Which boxes hold nothing, shape (chiplets, 1)."""
        return np.asarray((self.low >= self.high).any(axis=1, keepdims=True))


def extent(model: Model, tensor: int) -> Extent:
    """Of the output of layer `tensor`; of the network's input as its first reader sees it."""
    if tensor == NETWORK_INPUT:
        reader = model.layers[model.input_readers[0].consumer]
        return reader.Y, reader.X, reader.C
    maker = model.layers[tensor]
    return maker.out_y, maker.out_x, maker.K


def in_rows(size: Extent, micro_batch: int, chiplets: int) -> Boxes:
    """A tensor spread over a region by its rows."""
    rows, columns, channels = size
    edges = starts(rows, min(chiplets, rows))
    whole = np.zeros(len(edges) - 1, np.int64)
    low = [whole, edges[:-1], whole, whole]
    high = [whole + micro_batch, edges[1:], whole + columns, whole + channels]
    return _boxes(low, high, chiplets)


def owned(layer: Layer, split: Split, micro_batch: int, chiplets: int) -> Boxes:
    """The outputs that each part of `layer` makes."""
    low, high = _parts(layer, split, micro_batch)
    per_unit = layer.K // channel_units(layer)
    return _boxes([*low[:3], low[3] * per_unit], [*high[:3], high[3] * per_unit], chiplets)


def needed(layer: Layer, operand: int, size: Extent, split: Split, micro_batch: int, chiplets: int) -> Boxes:
    """What each part of `layer` reads of the tensor that is its operand number `operand` and has extent `size`."""
    low, high = _parts(layer, split, micro_batch)
    full = np.zeros_like(low[0])
    channels_cut = split.units > 1
    if layer.op is Op.MATMUL and operand > 0:
        rows = columns = (full, full + 1, 1)
        units = channel_units(layer)
        channels = (low[3], high[3], units) if channels_cut else (full, full + 1, 1)
    else:
        rows = (*_reach(layer, 0, low[1], high[1]), layer.Y)
        columns = (*_reach(layer, 1, low[2], high[2]), layer.X)
        grouped = channels_cut and layer.groups > 1
        channels = (low[3], high[3], layer.groups) if grouped else (full, full + 1, 1)
    axes = [_scaled(*axis, length) for axis, length in zip((rows, columns, channels), size, strict=True)]
    return _boxes([low[0], *(a for a, _ in axes)], [high[0], *(b for _, b in axes)], chiplets)


def hull(boxes: Sequence[Boxes]) -> Boxes:
    """The smallest box per chiplet that holds all of its boxes; empty ones do not count."""
    made = boxes[0]
    for other in boxes[1:]:
        low, high = np.minimum(made.low, other.low), np.maximum(made.high, other.high)
        both = Boxes(np.where(made.empty, other.low, low), np.where(made.empty, other.high, high))
        made = Boxes(np.where(other.empty, made.low, both.low), np.where(other.empty, made.high, both.high))
    return made


def overlaps(owners: Boxes, readers: Boxes) -> Floats:
    """Entries that each owner holds and each reader needs, shape (owners, readers)."""
    common = np.ones((len(owners.low), len(readers.low)))
    for axis in range(4):
        least = np.minimum(owners.high[:, None, axis], readers.high[None, :, axis])
        common *= np.maximum(least - np.maximum(owners.low[:, None, axis], readers.low[None, :, axis]), 0)
    return common


def _parts(layer: Layer, split: Split, micro_batch: int) -> tuple[list[Ints], list[Ints]]:
    """Per axis (samples, rows, columns, units of channels), where each part starts and ends."""
    edges = (
        starts(micro_batch, split.samples),
        starts(layer.out_y, split.rows),
        starts(layer.out_x, split.columns),
        starts(channel_units(layer), split.units),
    )
    low = [grid.ravel() for grid in np.meshgrid(*(e[:-1] for e in edges), indexing="ij")]
    high = [grid.ravel() for grid in np.meshgrid(*(e[1:] for e in edges), indexing="ij")]
    return low, high


def _reach(layer: Layer, axis: int, low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """Input rows (columns) that outputs low to high - 1 read; parts at a border of the output read to the border."""
    length, outputs = (layer.Y, layer.X)[axis], (layer.out_y, layer.out_x)[axis]
    stride, padding, dilation = layer.stride[axis], layer.padding[axis], layer.dilation[axis]
    spread = dilation * ((layer.R, layer.S)[axis] - 1)
    match layer.op:
        case Op.GEMM | Op.MATMUL | Op.ELEMENTWISE:
            first, end = low, high
        case Op.UPSAMPLE:
            first, end = low // stride, -(-high // stride)
        case Op.TRANSPOSED:  # input i reaches outputs i * stride - padding + 0, dilation, ..., spread
            first, end = -(-(low + padding - spread) // stride), (high - 1 + padding) // stride + 1
        case _:
            first, end = low * stride - padding, (high - 1) * stride - padding + spread + 1
    first, end = np.clip(first, 0, length), np.clip(end, 0, length)
    return np.where(low == 0, 0, first), np.where(high == outputs, length, end)


def _scaled(low: Ints, high: Ints, length: int, of_tensor: int) -> tuple[Ints, Ints]:
    """A range of an axis of `length` as the range of the tensor's axis that covers it."""
    if length == of_tensor:
        return low, high
    return low * of_tensor // length, -(-high * of_tensor // length)


def _boxes(low: Sequence[Ints], high: Sequence[Ints], chiplets: int) -> Boxes:
    """Boxes of all chiplets; those beyond the parts have none."""
    rest = chiplets - len(low[0])
    return Boxes(
        np.pad(np.stack(low, axis=1), ((0, rest), (0, 0))), np.pad(np.stack(high, axis=1), ((0, rest), (0, 0)))
    )
