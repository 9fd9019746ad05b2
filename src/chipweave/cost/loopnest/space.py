"""The map space of a shape on a machine (docs/cost-model/loopnest.md, "The map space")."""

from __future__ import annotations

from math import prod

from chipweave.cost.loopnest.machine import Machine
from chipweave.cost.loopnest.shape import LOOPS, RELEVANT, Shape

Tiling = tuple[int, int]
"""Spatial factor and tile of one loop."""

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


def tilings(shape: Shape, machine: Machine, loop: str) -> list[Tiling]:
    """What the map space holds for one loop, less the tiles that alone fill L1."""
    bound = shape.bounds[LOOPS.index(loop)]
    if loop in machine.constraint.whole:
        return [(1, bound)]
    most = unrollable(machine, loop)
    shares = [share for share in ceilings(bound) if -(-bound // share) <= most] if most > 1 else [bound]
    return [(-(-bound // share), tile) for share in shares for tile in ceilings(share) if _fits(machine, loop, tile)]


def _fits(machine: Machine, loop: str, tile: int) -> bool:
    """Whether a tile of one loop, all others being 1, leaves room in L1. A sliding input has no more than one position
    less for each padded one, so it is left out."""
    weights = (tile if loop in RELEVANT["W"] else 1) * machine.element_bytes
    inputs = (tile if loop in "NGC" else 0) * machine.element_bytes
    outputs = (tile if loop in RELEVANT["O"] else 1) * machine.sum_bytes
    return weights + inputs + outputs <= machine.l1_bytes


def on_array(machine: Machine, spatial: dict[str, int]) -> bool:
    """Whether factors fit the array, each loop's along one axis that the dataflow allows."""
    if prod(spatial.values()) > machine.num_pes:
        return False
    if machine.array is None:
        return True
    return _placed(machine, [loop for loop in spatial if spatial[loop] > 1], spatial, *machine.array)


def _placed(machine: Machine, loops: list[str], spatial: dict[str, int], rows: int, columns: int) -> bool:
    if not loops:
        return True
    loop, *rest = loops
    factor = spatial[loop]
    allowed = machine.constraint
    return (loop in allowed.rows and factor <= rows and _placed(machine, rest, spatial, rows // factor, columns)) or (
        loop in allowed.columns and factor <= columns and _placed(machine, rest, spatial, rows, columns // factor)
    )
