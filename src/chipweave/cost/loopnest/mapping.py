"""A mapping: how a layer's loops run on a PE array (docs/cost-model/loopnest.md, "A mapping")."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.cost.loopnest.shape import LOOPS


@dataclass(frozen=True, slots=True)
class Mapping:
    """Spatial factors and tiles per loop, and the orders of the step loops and of the loops inside a PE.

    Args:
        spatial: PEs side by side, per loop in the order of `LOOPS`.
        tile: iterations inside one PE, per loop.
        outer: the step loops, outermost first: a permutation of `LOOPS`.
        inner: the loops inside a PE, outermost first: a permutation of `LOOPS`.
    """

    spatial: tuple[int, ...]
    tile: tuple[int, ...]
    outer: str = LOOPS
    inner: str = LOOPS
