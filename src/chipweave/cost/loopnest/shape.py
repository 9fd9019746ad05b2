"""Layers as the eight loops that `loopnest` counts (docs/cost-model/loopnest.md, "The layer")."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd

from chipweave.workload.layer import Layer, Op

LOOPS = "NGKCYXRS"
"""Their order wherever loops have no names. K and C are per group; Y and X are output positions."""

N, G, K, C, Y, X, R, S = range(8)

RELEVANT = {"W": "GKCRS", "I": "NGCYXRS", "O": "NGKYX"}
"""Per tensor the loops that move it."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Where outputs and taps find their input: at stride * output + dilation * tap + offset, real in [0, size)."""

    stride: int = 1
    dilation: int = 1
    offset: int = 0
    size: int = 1


@dataclass(frozen=True, slots=True)
class Shape:
    """A layer without its name: bounds of the loops in the order of `LOOPS`, and its two axes. Equal shapes cost the
    same."""

    bounds: tuple[int, int, int, int, int, int, int, int]
    vertical: Axis = Axis()
    horizontal: Axis = Axis()

    def __hash__(self) -> int:
        """Of the bounds alone, which differ where axes do, but for few: shapes are looked up by the ten thousand."""
        return hash(self.bounds)

    @property
    def macs(self) -> int:
        """Products, those with padding included."""
        product = 1
        for bound in self.bounds:
            product *= bound
        return product


def shapes_of(layer: Layer) -> list[Shape]:
    """What runs for one sample of `layer`, one after another; empty for pools, element-wise and upsample layers."""
    if layer.rides:
        return []
    k, c = layer.K // layer.groups, layer.C // layer.groups
    if layer.op in (Op.GEMM, Op.MATMUL):
        copies = layer.N * layer.groups  # the second operand of a matmul differs in each
        batch = (1, copies) if layer.op is Op.MATMUL else (layer.N, layer.groups)
        return [Shape((*batch, k, c, layer.Y, layer.X, 1, 1), Axis(size=layer.Y), Axis(size=layer.X))]
    if layer.op is Op.TRANSPOSED:
        return _transposed(layer, k, c)
    vertical, horizontal = (
        Axis(layer.stride[axis], layer.dilation[axis], -layer.padding[axis], size)
        for axis, size in enumerate((layer.Y, layer.X))
    )
    bounds = (layer.N, layer.groups, k, c, layer.out_y, layer.out_x, layer.R, layer.S)
    return [Shape(bounds, vertical, horizontal)]


def _transposed(layer: Layer, k: int, c: int) -> list[Shape]:
    """A transposed convolution as convolutions: one where no two products meet, else one per phase of the outputs."""
    if all(
        stride >= dilation * (taps - 1) + 1
        for stride, dilation, taps in zip(layer.stride, layer.dilation, (layer.R, layer.S), strict=True)
    ):
        bounds = (layer.N, layer.groups, k * layer.R * layer.S, c, layer.Y, layer.X, 1, 1)
        return [Shape(bounds, Axis(size=layer.Y), Axis(size=layer.X))]
    bounds = (layer.N, layer.groups, k, c, 1, 1, 1, 1)
    return [
        replace(Shape(bounds), bounds=(*bounds[:4], rows, columns, taps_y, taps_x), vertical=high, horizontal=wide)
        for rows, taps_y, high in _phases(layer, 0)
        for columns, taps_x, wide in _phases(layer, 1)
    ]


def _phases(layer: Layer, axis: int) -> list[tuple[int, int, Axis]]:
    """Per phase of an axis with taps and outputs: outputs, taps, and where they read.

    Output o gets input y by tap r where stride * y + dilation * r = o + padding. With o + padding = stride * z + a and
    dilation * r = stride * q + a that is y = z - q: a convolution over z whose taps are taken in reverse.
    """
    size, taps, out = ((layer.Y, layer.R, layer.out_y), (layer.X, layer.S, layer.out_x))[axis]
    stride, dilation, padding = layer.stride[axis], layer.dilation[axis], layer.padding[axis]
    found = []
    for phase in range(stride):
        shifts = [r * dilation // stride for r in range(taps) if r * dilation % stride == phase]
        first = -(-(padding - phase) // stride)
        outputs = (out - 1 + padding - phase) // stride - first + 1
        if shifts and outputs > 0:
            found.append((outputs, len(shifts), Axis(1, dilation // gcd(stride, dilation), first - shifts[-1], size)))
    return found
