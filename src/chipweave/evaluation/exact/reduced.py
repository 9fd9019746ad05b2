"""Every way to part the input channels of layers over a region, and what the parts cost: what proofs go through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chipweave.cost.interface import LayerCosts, batch_costs, costs_of
from chipweave.errors import InputError
from chipweave.evaluation.exact.split import Part, Splits, tile
from chipweave.hardware.chiplet import Chiplet
from chipweave.ndarrays import Floats, Ints
from chipweave.workload.layer import Layer, channel_units, reducible


@dataclass(frozen=True)
class ReducedWays:
    """The ways to part layers' input channels, one layer after another; none where the cost model has no figures.

    Args:
        parts: that there are, of one sample each.
        owner: [way] the distinct layer; tiles, counts: [way, 2] the numbers of the parts that differ, the larger one
            first, and how many there are of each.
    """

    splits: Splits
    parts: tuple[Part, ...]
    owner: Ints
    tiles: Ints
    counts: Ints

    def costs(self, samples: int) -> tuple[LayerCosts, ...]:
        """Per class, what every part costs, of so many samples that run together."""
        return _costs(self.splits, self.parts, samples)

    def least_cycles(self, chiplet: Chiplet) -> Floats:
        """Cycles below which no part goes: all its multiplications, one per lane."""
        tiles = [_tile(self.splits, part) for part in self.parts]
        macs = np.array([tile.macs for tile in tiles], dtype=np.float64)
        if chiplet.rates:
            least: Floats = macs / np.array([chiplet.macs_per_cycle(tile.product_bits) for tile in tiles])
            return least
        return macs / (chiplet.num_pes * chiplet.simd_lanes)


def reduced_ways(splits: Splits) -> ReducedWays:
    """All ways on up to as many chiplets as the splits are for."""
    number: dict[Part, int] = {}
    rows: list[tuple[int, int, int, int, int]] = []
    for at, layer in enumerate(splits.distinct[0]):
        for parts in range(2, min(splits.most, layer.C) + 1) if reducible(layer) else ():
            large, small = (_part(at, layer, size) for size in (-(-layer.C // parts), layer.C // parts))
            many = layer.C % parts or parts
            one, other = (number.setdefault(part, len(number)) for part in (large, small))
            rows.append((at, one, other, many, parts - many))
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    found = ReducedWays(splits, tuple(number), table[:, 0], table[:, 1:3], table[:, 3:])
    try:
        found.costs(1)
    except InputError:  # then no plan can have such a layer, either
        return ReducedWays(splits, (), table[:0, 0], table[:0, 1:3], table[:0, 3:])
    return found


def _part(at: int, layer: Layer, inputs: int) -> Part:
    return Part(at, layer.out_y, layer.out_x, channel_units(layer), 1, inputs)


def _tile(splits: Splits, part: Part) -> Layer:
    return tile(splits.distinct[0][part.layer], part.rows, part.columns, part.units, part.inputs)


def _costs(splits: Splits, parts: tuple[Part, ...], samples: int) -> tuple[LayerCosts, ...]:
    tiles = [_tile(splits, part) for part in parts]
    if samples == 1:
        return tuple(costs_of(splits.cost_model, tiles, chiplet) for chiplet in splits.classes)
    return tuple(batch_costs(splits.cost_model, tiles, chiplet, samples) for chiplet in splits.classes)
