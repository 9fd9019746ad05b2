"""Several samples of a layer as one layer."""

from __future__ import annotations

from dataclasses import fields, replace
from operator import attrgetter

from chipweave.cost.loopnest.chiplet import constraint_of
from chipweave.cost.loopnest.machine import Constraint
from chipweave.hardware.chiplet import Chiplet
from chipweave.workload.layer import Layer, Op

all_but_name = attrgetter(*(part.name for part in fields(Layer) if part.name != "name"))
"""What layers that cost the same have in common."""


def together(layer: Layer, chiplet: Chiplet, samples: int) -> Layer:
    """`samples` samples of `layer` as one layer.

    Samples are copies of the operator. Those of a `gemm` are as well more rows of it, which is the same computation:
    so they are taken where the chiplet can do with rows all that it can do with samples.
    """
    copies = layer.N * samples
    if layer.op is Op.GEMM and _rows_do(constraint_of(chiplet.dataflow)):
        return replace(layer, N=1, Y=copies * layer.Y, out_y=copies * layer.out_y)
    return replace(layer, N=copies)


def _rows_do(limits: Constraint) -> bool:
    """Whether rows may be unrolled wherever samples may, and need not be whole or spread where samples need not."""
    unrolled = all("Y" in loops for loops in (limits.rows, limits.columns) if "N" in loops)
    return unrolled and all("Y" not in loops or "N" in loops for loops in (limits.whole, limits.spread))
