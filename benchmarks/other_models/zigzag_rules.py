"""The counts of a mapping by our rules, or with ZigZag's conventions put in their place one at a time.

Written apart from the cost model, for mappings whose factors divide the bounds: it walks over tiles and steps. With no
convention of ZigZag's it must give exactly what the cost model gives, with all of them exactly what ZigZag gives; what
one of them changes is its share of the difference.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import ceil, prod

import numpy as np
from numpy.typing import NDArray

from chipweave.cost.loopnest.machine import Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.shape import LOOPS, RELEVANT, Axis, Shape

Ints = NDArray[np.int64]
REDUCED = "CRS"
AXES = (("Y", "R"), ("X", "S"))


@dataclass(frozen=True)
class Conventions:
    """ZigZag's, where they differ from ours.

    Args:
        halos_again: inputs that the tile of the step before holds already are read again.
        padding_as_data: padding is read and moved like any input, unless a tile spans the whole map.
        registers_keep: a register keeps its element from one step to the next.
        neighbours_again: L2 is charged for every PE's own halo, also where its neighbour gets the same elements.
        first_pass_returns: partial sums are charged as read before the first accumulation, too, when nothing is there.
    """

    halos_again: bool = False
    padding_as_data: bool = False
    registers_keep: bool = False
    neighbours_again: bool = False
    first_pass_returns: bool = False


OURS = Conventions()
COUNTED = Conventions(halos_again=True, padding_as_data=True, registers_keep=True)
CHARGED = Conventions(*(True for _ in fields(Conventions)))


@dataclass(frozen=True)
class Nest:
    """A mapping taken apart: per loop the bound, spatial factor, tile and steps, and each tensor's pivots."""

    bound: dict[str, int]
    spatial: dict[str, int]
    tile: dict[str, int]
    steps: dict[str, int]
    outer: str
    inner: str

    def inside(self, tensor: str, order: str, moves: dict[str, int]) -> str:
        """The loops inside the tensor's pivot; all where nothing relevant moves."""
        relevant = [at for at, loop in enumerate(order) if loop in RELEVANT[tensor] and moves[loop] > 1]
        return order[relevant[-1] + 1 :] if relevant else order

    def pivot(self, tensor: str) -> str:
        """The pivot among the step loops, or nothing."""
        moving = [loop for loop in self.outer if loop in RELEVANT[tensor] and self.steps[loop] > 1]
        return moving[-1] if moving else ""


def nest(shape: Shape, mapping: Mapping) -> Nest:
    bound, spatial, tile = (
        dict(zip(LOOPS, each, strict=True)) for each in (shape.bounds, mapping.spatial, mapping.tile)
    )
    steps = {loop: bound[loop] // (spatial[loop] * tile[loop]) for loop in LOOPS}
    if any(bound[loop] != spatial[loop] * tile[loop] * steps[loop] for loop in LOOPS):
        raise ValueError(f"the factors of {mapping} do not divide the bounds {shape.bounds}")
    return Nest(bound, spatial, tile, steps, mapping.outer, mapping.inner)


def positions(axis: Axis, outputs: range, taps: range, padding: bool = False) -> set[int]:
    """Input positions that some outputs need through some taps: the real ones, or all."""
    found = {axis.stride * y + axis.dilation * r + axis.offset for y in outputs for r in taps}
    return found if padding else {v for v in found if 0 <= v < axis.size}


def distinct(axis: Axis, outputs: int, taps: int, most: int) -> int:
    """Inputs of a tile as ZigZag has them: padding among them, but never more than the map has real ones."""
    return min(most, len(positions(axis, range(outputs), range(taps), padding=True)))


def traffic(axis: Axis, loops: Nest, names: tuple[str, str], pivot: str, of_pe: bool, by: Conventions) -> int:
    """Inputs along an axis that all steps fetch: for the array, or summed over the PEs of their own tiles."""
    widths, strides, counts = [], [], []
    for name in names:
        s, t = loops.spatial[name], loops.tile[name]
        widths.append(t if of_pe else s * t)
        strides.append(s if of_pe else 1)
        counts.append(loops.bound[name] // widths[-1])
    most = len(positions(axis, range(loops.bound[names[0]]), range(loops.bound[names[1]])))
    if by.padding_as_data and by.halos_again:
        each = distinct(axis, *widths, most)
        if by.neighbours_again and not of_pe:
            pes = [loops.spatial[name] for name in names]
            each = distinct(axis, *(loops.tile[name] for name in names), most) * distinct(axis, *pes, most)
        return each * prod(counts)
    tiles = [
        [
            positions(axis, range(i * widths[0], (i + 1) * widths[0]), range(j * widths[1], (j + 1) * widths[1]),
                      by.padding_as_data)
            for j in range(counts[1])
        ]
        for i in range(counts[0])
    ]  # fmt: skip
    total = 0
    for i, row in enumerate(tiles):
        for j, new in enumerate(row):
            old = (i - strides[0], j) if pivot == names[0] else (i, j - strides[1]) if pivot == names[1] else (-1, -1)
            held = tiles[old[0]][old[1]] if min(old) >= 0 and not by.halos_again else set()
            total += len(new - held)
    return total


def accesses(shape: Shape, mapping: Mapping, by: Conventions = OURS) -> dict[str, int]:
    """Elements read and written per tensor and level, of L1 and L2."""
    loops = nest(shape, mapping)
    D, s, t, n = loops.bound, loops.spatial, loops.tile, loops.steps
    size = {tensor: prod(D[loop] for loop in RELEVANT[tensor]) for tensor in "WO"}
    inside = {tensor: loops.inside(tensor, loops.outer, n) for tensor in "WIO"}
    in_registers = {tensor: loops.inside(tensor, loops.inner, t) for tensor in "WIO"}

    def kept(tensor: str, loop: str) -> int:
        """Times that a register takes the same element again because `loop` goes on, summed over the PEs."""
        if loop not in in_registers[tensor]:
            return D[loop]
        stays = by.registers_keep and len(in_registers[tensor]) == len(LOOPS) and loop in inside[tensor]
        return s[loop] if stays else s[loop] * n[loop]

    passes = prod(n[loop] for loop in REDUCED if loop not in inside["O"])
    sums = prod(kept("O", loop) // s[loop] for loop in REDUCED)
    again = 0 if by.first_pass_returns else 1
    back = passes - again if passes > 1 else 0
    axes = (shape.vertical, shape.horizontal)
    steady = D["N"] * D["G"] * D["C"]
    fetched = [
        steady
        * prod(
            traffic(axis, loops, names, loops.pivot("I"), of_pe, by) for axis, names in zip(axes, AXES, strict=True)
        )
        for of_pe in (False, True)
    ]
    used = [
        sum(
            1
            for y in range(D[names[0]])
            for r in range(D[names[1]])
            if by.padding_as_data or positions(axis, range(y, y + 1), range(r, r + 1))
        )
        for axis, names in zip(axes, AXES, strict=True)
    ]
    return {
        "L2 read W": size["W"] * prod(n[loop] for loop in "NYX" if loop not in inside["W"]),
        "L2 read I": fetched[0] * (1 if "K" in inside["I"] else n["K"]),
        "L2 read O": size["O"] * back,
        "L2 write O": size["O"] * passes,
        "L1 write W": size["W"] * prod(s[loop] * (1 if loop in inside["W"] else n[loop]) for loop in "NYX"),
        "L1 write I": fetched[1] * s["K"] * (1 if "K" in inside["I"] else n["K"]),
        "L1 write O": size["O"] * (sums + back),
        "L1 read W": size["W"] * prod(kept("W", loop) for loop in "NYX"),
        "L1 read I": steady * used[0] * used[1] * kept("I", "K"),
        "L1 read O": size["O"] * (sums - again if sums > 1 else 0) + size["O"] * passes,
    }


@dataclass(frozen=True)
class Steps:
    """Elements per step, in step order: what L2 sends of each tensor and what leaves for it."""

    compute: int
    weights: Ints
    inputs: Ints
    partial_in: Ints
    partial_out: Ints
    finished: Ints


def walk(shape: Shape, mapping: Mapping, by: Conventions = OURS) -> Steps:
    """Every step of a mapping."""
    loops = nest(shape, mapping)
    moving = [loop for loop in loops.outer if loops.steps[loop] > 1]
    counts = [loops.steps[loop] for loop in moving]
    total = prod(counts)
    index = dict(zip(moving, np.unravel_index(np.arange(total), counts), strict=True)) if moving else {}
    zero = np.zeros(total, dtype=np.int64)
    advanced = np.full(total, -1)  # the loop that a step advances, as a place in `moving`: those inside start over
    for at, loop in enumerate(moving):
        advanced[index[loop] > 0] = at

    def enters(tensor: str) -> NDArray[np.bool_]:
        pivot = loops.pivot(tensor)
        fresh = np.arange(total) == 0
        return fresh | (advanced <= moving.index(pivot)) & (advanced >= 0) if pivot else fresh

    extent = {loop: loops.spatial[loop] * loops.tile[loop] for loop in LOOPS}
    weights = np.where(enters("W"), prod(extent[loop] for loop in RELEVANT["W"]), 0)
    outputs = prod(extent[loop] for loop in RELEVANT["O"])
    arrives = enters("O")
    leaves = np.append(arrives[1:], True)
    outside = [loop for loop in REDUCED if loop in moving and loop not in loops.inside("O", loops.outer, loops.steps)]
    begun = np.any([index[loop] > 0 for loop in outside], axis=0) if outside else zero > 0
    last = np.all([index[loop] == loops.steps[loop] - 1 for loop in outside], axis=0) if outside else zero == 0
    if by.first_pass_returns and outside:
        begun, last = zero == 0, zero > 0
    pivot = loops.pivot("I")
    inputs = np.full(total, extent["N"] * extent["G"] * extent["C"], dtype=np.int64)
    for axis, names in zip((shape.vertical, shape.horizontal), AXES, strict=True):
        i, j = (index.get(name, zero) for name in names)
        goes_on = advanced == moving.index(pivot) if pivot in names and not by.halos_again else zero > 0
        inputs *= _axis_tiles(axis, loops, names, pivot, by, i, j, goes_on)
    return Steps(
        compute=prod(loops.tile.values()),
        weights=weights,
        inputs=np.where(enters("I"), inputs, 0),
        partial_in=np.where(arrives & begun, outputs, 0),
        partial_out=np.where(leaves & ~last, outputs, 0),
        finished=np.where(leaves & last, outputs, 0),
    )


def _axis_tiles(
    axis: Axis, loops: Nest, names: tuple[str, str], pivot: str, by: Conventions, i: Ints, j: Ints, goes_on: Ints
) -> Ints:
    """Inputs of the array's tile along an axis in each step, less those that stay where the pivot goes on."""
    widths = [loops.spatial[name] * loops.tile[name] for name in names]
    counts = [loops.steps[name] for name in names]
    most = len(positions(axis, range(loops.bound[names[0]]), range(loops.bound[names[1]])))
    if by.padding_as_data and by.halos_again:
        each = distinct(axis, *widths, most)
        if by.neighbours_again:
            pes = [loops.spatial[name] for name in names]
            each = distinct(axis, *(loops.tile[name] for name in names), most) * distinct(axis, *pes, most)
        return np.full(len(i), each)
    tiles = [
        [positions(axis, range(a * widths[0], (a + 1) * widths[0]), range(b * widths[1], (b + 1) * widths[1]),
                   by.padding_as_data) for b in range(counts[1])]
        for a in range(counts[0])
    ]  # fmt: skip
    whole = np.array([[len(tile) for tile in row] for row in tiles])
    fresh = whole.copy()
    for a, row in enumerate(tiles):
        for b, new in enumerate(row):
            old = (a - 1, b) if pivot == names[0] else (a, b - 1)
            fresh[a, b] = len(new - tiles[old[0]][old[1]]) if min(old) >= 0 else len(new)
    return np.where(goes_on, fresh[i, j], whole[i, j])


def our_cycles(steps: Steps, machine: Machine, apart: bool = False) -> tuple[int, int, int]:
    """Fill, steps and drain with a second buffer, one lane and no latency.

    Args:
        apart: each tensor takes whole cycles of its own.
    """
    q, width = machine.sum_elements, machine.noc_bandwidth
    streams = (steps.weights, steps.inputs, q * steps.partial_in)
    into = sum(-(-each // width) for each in streams) if apart else -(-sum(streams) // width)
    out = -(-(steps.finished + q * steps.partial_out) // width)
    fill, drain = int(into[0]), int(out[-1])
    into, out = into.copy(), out.copy()
    into[0] = out[-1] = 0
    return fill, int(np.maximum(np.maximum(into, out), steps.compute).sum()), drain


def zigzag_cycles(steps: Steps, machine: Machine) -> tuple[float, float, float]:
    """Onloading, computation with stalls, and offloading by ZigZag's rules, of its own amounts (`CHARGED`).

    Each stream is a number of equal transfers. What a port's streams take together beyond the whole computation is
    the stall; a single transfer may hide in the computation, but for one cycle; weights and inputs fill side by side.
    """
    q, width, compute = machine.sum_elements, machine.noc_bandwidth, steps.compute * len(steps.weights)

    def stream(elements: Ints) -> tuple[int, int]:
        return ceil(int(elements.max(initial=0)) / width), int(np.count_nonzero(elements))

    reads = [stream(each) for each in (steps.weights, steps.inputs, q * steps.partial_in)]
    writes = [stream(steps.finished + q * steps.partial_out)]
    stall = max(_stall(port, compute) for port in (reads, writes))
    busy = sum(
        int(8 * int(elements.max()) * np.count_nonzero(elements) / compute)
        for elements in (steps.weights, steps.inputs)
        if np.count_nonzero(elements) > 1
    )
    spare = max(0.0, (8 * width - busy) / (8 * width) * (compute + stall))
    loads = [cycles for cycles, _ in reads[:2]]
    for at in sorted((0, 1), key=lambda each: -loads[each]):
        if reads[at][1] == 1:
            hidden = min(max(0.0, loads[at] - 1), spare)
            loads[at] -= hidden
            spare -= hidden
    unload, count = writes[0]
    if count == 1:
        unload -= min(unload - 1, compute + stall)
    return max(loads) + 1, compute + stall, unload + 1


def _stall(streams: list[tuple[int, int]], compute: int) -> int:
    """Stall cycles of a port; each stream is the cycles of one transfer and the number of transfers."""
    streams = [(cycles, count) for cycles, count in streams if count]
    over = [((cycles - compute // count) * (count - 1), compute // count * (count - 1)) for cycles, count in streams]
    if len(over) == 1:
        return max(0, over[0][0])
    above, below = sum(max(0, slack) for slack, _ in over), sum(min(0, slack) for slack, _ in over)
    return above + max(0, below + sum(window for _, window in over) - compute)
