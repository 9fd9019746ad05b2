"""Chips whose matrix unit is several square arrays, each of which makes a part of a product by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from chipweave.cost.interface import LayerCosts
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.hardware.chiplet import Chiplet
from chipweave.workload.layer import Layer, Op


@dataclass(frozen=True)
class SeveralArrays:
    """`loopnest` on a chiplet whose `array` is several square ones side by side.

    Each array works on its own part of a product, of its rows, columns, heads or of what is summed over, with either
    operand as the weights that stay, whichever is fastest, by the fastest mapping on one array with its share of the
    network. Adding up the parts of a sum is left out. `loopnest` alone takes the arrays for one long one,
    along which a single loop is unrolled. Layers that are no products, and all energies, are as on the chiplet itself.

    Args:
        rows_of_weights: weights enter an array one row of it in a cycle, so a part takes at least as many cycles as it
            has such rows; `loopnest` alone lets them have the whole network.
    """

    name: str = "loopnest, several arrays"
    rows_of_weights: bool = True
    whole: LoopnestCostModel = field(default_factory=lambda: LoopnestCostModel("latency"))

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        """Cost of one sample of every layer on `chiplet`; arrays of shape (layers,)."""
        costs, (array, arrays) = self.whole.costs(layers, chiplet), one_array(chiplet)
        parts = [(number, part) for number, layer in enumerate(layers) for part in _parts(layer, arrays)]
        cycles = np.array(costs.cycles)
        cycles[[number for number, _ in parts]] = np.inf
        if parts:
            found = self.whole.costs([part for _, part in parts], array).cycles
            if self.rows_of_weights:
                found = np.maximum(found, [_rows_of_weights(part, min(array.array or (1, 1))) for _, part in parts])
            np.minimum.at(cycles, [number for number, _ in parts], found)
        return replace(costs, cycles=cycles)


def one_array(chiplet: Chiplet) -> tuple[Chiplet, int]:
    """One of the square arrays of a chiplet, with its share of PEs and of the network, and how many there are.

    A chiplet whose array is not stated, or no row of squares, is one array.
    """
    if chiplet.array is None or max(chiplet.array) % min(chiplet.array):
        return chiplet, 1
    side, arrays = min(chiplet.array), max(chiplet.array) // min(chiplet.array)
    network = max(1, chiplet.noc_bandwidth // arrays)
    return replace(chiplet, num_pes=side * side, array=(side, side), noc_bandwidth=network), arrays


def _parts(layer: Layer, arrays: int) -> list[Layer]:
    """What the array with most to do may get of a product; nothing of other layers."""
    if layer.op not in (Op.GEMM, Op.MATMUL):
        return []
    groups, rows, columns, inner = layer.groups, layer.Y, layer.K // layer.groups, layer.C // layer.groups
    whole = (groups, rows, columns, inner)
    shares = [tuple(-(-size // arrays) if at == cut else size for at, size in enumerate(whole)) for cut in range(4)]
    either = {*shares, *((copies, columns, rows, inner) for copies, rows, columns, inner in shares)}
    return [
        replace(layer, groups=copies, Y=rows, out_y=rows, K=copies * columns, C=copies * inner)
        for copies, rows, columns, inner in sorted(either - {whole, (groups, columns, rows, inner)})
    ]


def _rows_of_weights(part: Layer, side: int) -> int:
    """Rows of an array of this side that the second operand fills, one after another."""
    columns, inner = part.K // part.groups, part.C // part.groups
    return part.groups * -(-columns // side) * -(-inner // side) * side
