"""The map space of a shape on a machine (docs/cost-model/loopnest.md, "The map space")."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from chipweave.cost.loopnest.machine import Machine
from chipweave.cost.loopnest.shape import LOOPS, RELEVANT, Shape

Ints = NDArray[np.int64]

BLOCKS = ("NYX", "K", "CRS")
"""The loops irrelevant to W, I and O: step loops run block by block, below G."""


def ceilings(bound: int) -> list[int]:
    """The distinct values of ceil(bound / i), largest first; every divisor is among them."""
    found = []
    value = bound
    while value > 1:
        found.append(value)
        parts = -(-bound // value)
        parts = -(-bound // (value - 1)) if -(-bound // parts) == value else parts
        value = -(-bound // parts)
    return [*found, 1]


def unrollable(machine: Machine, loop: str) -> int:
    """The most PEs side by side that the machine's dataflow gives a loop; 1: none."""
    constraint = machine.constraint
    axes = [loop in constraint.rows, loop in constraint.columns]
    if machine.array is None:
        return machine.num_pes if any(axes) else 1
    return max(length for length, allowed in ((1, True), *zip(machine.array, axes, strict=True)) if allowed)


def spread_over(bound: int, most: int) -> int:
    """PEs side by side for a loop that is spread, at most `most`: as many in each of the fewest steps."""
    steps = -(-bound // most)
    return -(-bound // steps)


def tilings(shape: Shape, machine: Machine, loop: str) -> Ints:
    """What the map space holds for one loop, [tiling, 2] spatial factor and tile, less the tiles that alone fill L1."""
    return _tilings(
        shape.bounds[LOOPS.index(loop)],
        unrollable(machine, loop),
        loop in machine.constraint.whole,
        loop in machine.constraint.spread,
        _largest_tile(machine, loop),
    )


@lru_cache(maxsize=4096)
def _tilings(bound: int, most: int, whole: bool, spread: bool, largest: int) -> Ints:
    if whole:
        return np.array([(1, bound)])
    if spread:
        return np.array([(spread_over(bound, most), 1)])
    shares = [share for share in ceilings(bound) if -(-bound // share) <= most]
    if most == 1:
        shares = [bound]
    found = [(-(-bound // share), tile) for share in shares for tile in ceilings(share) if tile <= largest]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _largest_tile(machine: Machine, loop: str) -> int:
    """The most iterations that L1 has room for if all other tiles are 1. I is left out: it may be all padding."""
    each = rest = 0
    for tensor, bytes_ in (("W", machine.element_bytes), ("O", machine.sum_bytes)):
        if loop in RELEVANT[tensor]:
            each += bytes_
        else:
            rest += bytes_
    return max(machine.l1_bytes - rest, 0) // each
