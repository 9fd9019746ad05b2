"""Whether a mapping is one that a chiplet may run, its buffers apart (docs/cost-model/loopnest.md)."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod

from chipweave.cost.loopnest.machine import Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.shape import LOOPS, RELEVANT, Shape
from chipweave.cost.loopnest.space import spread_over, unrollable


def axes_of(mapping: Mapping, machine: Machine) -> tuple[str, str] | None:
    """The loops unrolled along rows and along columns; None where they do not fit the array.

    Of several ways the first, rows before columns in the order of `LOOPS`: which of them it is changes no count.
    """
    constraint = machine.constraint
    return _axes(mapping.spatial, constraint.rows, constraint.columns, machine.num_pes, machine.array)


@lru_cache(100_000)
def _axes(
    spatial: tuple[int, ...], rows: str, columns: str, num_pes: int, array: tuple[int, int] | None
) -> tuple[str, str] | None:
    unrolled = [loop for loop, factor in zip(LOOPS, spatial, strict=True) if factor > 1]
    choices = [[along for along, loops in ((0, rows), (1, columns)) if loop in loops] for loop in unrolled]
    for choice in product(*choices):
        axes = [[loop for loop, along in zip(unrolled, choice, strict=True) if along == axis] for axis in (0, 1)]
        sizes = [prod(spatial[LOOPS.index(loop)] for loop in loops) for loops in axes]
        fits = sizes[0] * sizes[1] <= num_pes
        if array is not None:
            fits = fits and sizes[0] <= array[0] and sizes[1] <= array[1]
        if fits:
            return "".join(axes[0]), "".join(axes[1])
    return None


def steps_of(mapping: Mapping, shape: Shape) -> tuple[int, ...]:
    """Steps in time per loop: the bound over factor times tile, rounded up."""
    return tuple(
        -(-bound // (factor * tile))
        for bound, factor, tile in zip(shape.bounds, mapping.spatial, mapping.tile, strict=True)
    )


def allowed(mapping: Mapping, shape: Shape, machine: Machine) -> bool:
    """Whether factors, tiles and orders are within the bounds, the array and the dataflow; L1 is not looked at."""
    if not (_has_all_loops(mapping.outer) and _has_all_loops(mapping.inner)):
        return False
    for loop, bound, factor, tile in zip(LOOPS, shape.bounds, mapping.spatial, mapping.tile, strict=True):
        if not (factor >= 1 and 1 <= tile <= bound and (factor - 1) * tile < bound):
            return False
        if loop in machine.constraint.whole and tile != bound:
            return False
        if loop in machine.constraint.spread and (factor, tile) != (spread_over(bound, unrollable(machine, loop)), 1):
            return False
    stays = machine.constraint.stationary
    return (
        _stays(mapping.outer, steps_of(mapping, shape), stays)
        and _stays(mapping.inner, mapping.tile, stays)
        and axes_of(mapping, machine) is not None
    )


@lru_cache(100_000)
def _has_all_loops(order: str) -> bool:
    return sorted(order) == sorted(LOOPS)


def _stays(order: str, iterations: tuple[int, ...], tensor: str) -> bool:
    """Whether, of the loops that move, those irrelevant to `tensor` are inside all others."""
    return not tensor or _irrelevant_inside(order, tuple(number > 1 for number in iterations), tensor)


@lru_cache(100_000)
def _irrelevant_inside(order: str, moves: tuple[bool, ...], tensor: str) -> bool:
    moving = [loop in RELEVANT[tensor] for loop in order if moves[LOOPS.index(loop)]]
    return moving == sorted(moving, reverse=True)
