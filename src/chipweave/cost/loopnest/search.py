"""The best mapping of a shape: branch and bound over the map space (docs/cost-model/loopnest.md, "The search")."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from chipweave.cost.loopnest import kernel as kn
from chipweave.cost.loopnest.bounds import B_MOVES, K_MOVES, P_MOVES, Given
from chipweave.cost.loopnest.closed_form import machine_row, records_of
from chipweave.cost.loopnest.explore import (
    ANY,
    BLOCK_ORDERS,
    FOUND,
    KEPT,
    ORDER,
    PIVOT,
    Best,
    explore,
    levels_of,
    path_of,
)
from chipweave.cost.loopnest.machine import Energies, Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.orders import PIVOTS
from chipweave.cost.loopnest.shape import LOOPS, Shape
from chipweave.cost.loopnest.space import BLOCKS, tilings
from chipweave.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OBJECTIVES = ("latency", "energy", "edp")
"""In the order of the kernel's numbers."""

NOTHING = 1e300
"""The objective before anything is found."""

GROUP_LOOPS = (("N", ""), ("G", ""), ("K", ""), ("C", ""), ("Y", "R"), ("X", "S"))
"""Per group of the kernel its output loop and its filter loop."""

Choices = list[Ints]
"""Per group of the kernel the tilings [choice, 4]: spatial factor and tile of its output and of its filter loop."""


def best_mapping(shape: Shape, machine: Machine, energies: Energies, objective: str) -> Mapping:
    """The mapping of the whole map space with the least objective: "latency" (cycles, then energy), "energy" (then
    cycles) or "edp"; energy is that of MACs, L1, L2 and NoC. Objectives within rounding (1e-13) count as equal.

    Raises:
        InputError: no mapping fits L1.
    """
    if objective not in OBJECTIVES:
        raise InputError(f"loopnest: objective '{objective}' is unknown; use one of {', '.join(OBJECTIVES)}")
    choices = _choices(shape, machine)
    goal = OBJECTIVES.index(objective)
    found, _, _ = _explore(shape, machine, energies, goal, choices)
    if not found[ANY]:
        whole, spread = machine.constraint.whole, machine.constraint.spread
        raise InputError(
            f"no mapping fits l1_bytes={machine.l1_bytes}; raise it"
            + (f", or let tiles of the loops {' '.join(whole)} run in a PE, which now runs them whole" if whole else "")
            + (f", or take loops out of `spread`, which lays {' '.join(spread)} along the array" if spread else "")
        )
    return _mapping_of(choices, found)


def best_mappings(
    shapes: Sequence[Shape], machine: Machine, energies: Energies, objective: str, jobs: int = 1
) -> list[Mapping]:
    """`best_mapping` of each shape, on `jobs` threads.

    The searches never run in the calling thread: compiled code does not hear Ctrl-C. What is raised here while they run
    does not wait for them; those under way end in their own time.

    Raises:
        InputError: as `best_mapping`.
    """
    pool = ThreadPoolExecutor(jobs)
    try:
        return list(pool.map(lambda shape: best_mapping(shape, machine, energies, objective), shapes))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _choices(shape: Shape, machine: Machine) -> Choices:
    """Every tiling of the map space."""
    choices = []
    for outputs, taps in GROUP_LOOPS:
        one = tilings(shape, machine, outputs)
        other = tilings(shape, machine, taps) if taps else np.ones((1, 2), dtype=np.int64)
        choices.append(np.hstack([np.repeat(one, len(other), axis=0), np.tile(other, (len(one), 1))]))
    if not all(map(len, choices)):
        raise InputError(
            f"l1_bytes={machine.l1_bytes} cannot hold the operands of one multiply-accumulate; raise l1_bytes"
        )
    return choices


def _explore(
    shape: Shape, machine: Machine, energies: Energies, goal: int, choices: Choices
) -> tuple[Ints, Floats, Ints]:
    """What the kernel found, its objective, and the numbers of nodes and of mappings with exact cycles."""
    records, classes = records_of(shape, choices)
    n, g, k, c, y, x, r, s = shape.bounds
    constraint = machine.constraint
    given = Given(
        records=records,
        classes=classes,
        counts=np.array([len(each) for each in choices], dtype=np.int64),
        machine=machine_row(machine),
        joules=np.array([energies.mac_j, energies.l1_j_per_byte, energies.l2_j_per_byte, energies.noc_j_per_element]),
        macs=float(n) * g * k * c * (y * r) * (x * s),
        outputs=float(n) * g * k * y * x,
        objective=goal,
        stays={"W": P_MOVES, "I": K_MOVES, "O": B_MOVES, "": 0}[constraint.stationary],
        axes=np.array(machine.array or (0, 0), dtype=np.int64),
        allowed=np.array([[loop in axis for loop in LOOPS] for axis in (constraint.rows, constraint.columns)], int),
    )
    result = Best(np.full(2, NOTHING), np.zeros(FOUND, dtype=np.int64), np.zeros(2, dtype=np.int64))
    explore(given, levels_of(given), path_of(given), result)
    return result.found, result.best, result.tally


def _mapping_of(choices: Choices, found: Ints) -> Mapping:
    """The mapping that the kernel found."""
    picked = [choices[group][int(found[group])] for group in range(kn.GROUPS)]
    factors = [*(each[:2] for each in picked), *(each[2:] for each in picked[kn.VERTICAL :])]
    spatial, tile = (tuple(int(each[column]) for each in factors) for column in (0, 1))
    pivot = next((loop for loop, number in PIVOTS.items() if number == int(found[PIVOT])), "")
    outer = "G" + "".join(_ending(BLOCKS[block], pivot) for block in BLOCK_ORDERS[int(found[ORDER])])
    kept = BLOCKS[int(found[KEPT])]
    inner = "G" + "".join(block for block in BLOCKS if block != kept) + kept
    return Mapping(spatial, tile, outer, inner)


def _ending(block: str, loop: str) -> str:
    """The block with a loop of its own innermost."""
    return block.replace(loop, "") + loop if loop and loop in block else block
