"""Weights that do not stay in L2 come in blocks of whole output channels, and activations in pieces of a few rows.

docs/evaluation.md, "What L2 holds"; ours. A part of a layer on a region is a layer of its own (`split.tile`).
"""

from __future__ import annotations

from typing import NamedTuple

from chipweave.hardware.chiplet import Chiplet
from chipweave.workload.layer import Layer, Op, channel_units


class Block(NamedTuple):
    """Units of output channels (channels, or whole groups) of a block of weights, its bytes, and how many there are."""

    units: int
    bytes_: float
    number: int


def block_of(layer: Layer, units: int, bytes_: float, chiplet: Chiplet) -> Block:
    """The block in which `units` of the layer's units of channels, which have so many bytes of weights, stream.

    As many channels as the chiplet's `block_bytes` hold, a multiple of the array's side, and at least that many.
    """
    if bytes_ == 0:
        return Block(units, 0.0, 1)
    channels = layer.K // channel_units(layer)
    side = max(1, chiplet.array_side // channels)
    fitting = int(chiplet.block_bytes * units / bytes_) // side * side
    taken = min(units, max(side, fitting))
    return Block(taken, bytes_ * taken / units, -(-units // taken))


def grain_of(layer: Layer, columns: int, units: int, element_bytes: float) -> float:
    """Bytes of the piece of activations in flight, where the part has so many output columns and units of channels.

    A layer with a filter: the input rows that it reaches over (the halo stays, so nothing is read twice) and one row of
    outputs. A matmul: the second operand of one of its products, a row of the first one and a row of outputs.
    """
    share = units / channel_units(layer)
    own = share if layer.groups > 1 else 1.0
    if layer.op is Op.MATMUL:
        inner, outer = layer.C // layer.groups, layer.K // layer.groups
        return float(element_bytes * (inner * outer + inner + outer))
    reach = min(layer.Y, layer.dilation[0] * (layer.R - 1) + 1)
    width = layer.X if columns == layer.out_x else min(layer.X, -(-layer.X * columns // layer.out_x))
    return float(element_bytes * (reach * width * layer.C * own + columns * layer.K * share))
