"""What no mapping of a set undercuts, compiled (docs/cost-model/loopnest.md, "The search")."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chipweave.cost.compiled import inner
from chipweave.cost.loopnest import footprint as fp
from chipweave.cost.loopnest import kernel as kn

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LATENCY, ENERGY, EDP = range(3)
"""What is minimised."""

TIE = 1e-13
"""Relative: objectives that are nearer than rounding count as equal."""

# Columns of a choice's factors: what a lower bound is a product of over the groups.
HEIGHT, SIDE, W_TILE, I_TILE, O_TILE = range(5)
READ_W, READ_I, PASSES, SENT_W, SENT_I = range(5, 10)
USED_W, USED_I, VISITS = range(10, 13)  # with the tensor kept in the registers
ALL_USED_W, ALL_USED_I, ALL_VISITS = range(13, 16)  # without
W_FIRST, I_FIRST, WORK_FIRST, O_LAST = range(16, 20)  # of the first and of the last step
MERGED, SHARE = range(20, 22)  # the more, the cheaper: their most bounds
FACTORS = 22

P_MOVES, K_MOVES, B_MOVES = 1, 2, 4
"""Bits of a choice: which block's step loops move (N Y X, K, C R S); times `INSIDE`, loops inside a PE."""
STEPS, INSIDE = 7, 8
OWN_BLOCK = np.array([P_MOVES, 0, K_MOVES, B_MOVES, P_MOVES, P_MOVES], dtype=np.int64)
"""Per group the block of its output loop."""
G_MOVES = 64
W_MOVES, I_MOVES, O_MOVES = G_MOVES | K_MOVES | B_MOVES, G_MOVES | P_MOVES | B_MOVES, G_MOVES | P_MOVES | K_MOVES


class Given(NamedTuple):
    """What is searched, and for what.

    Args:
        records, classes, counts: of every choice of every group; counts (groups,).
        macs, outputs: of the shape.
        objective: `LATENCY`, ENERGY or EDP.
        stays: the block that must be innermost where it moves, as a bit of `P_MOVES`...; 0: any.
        axes, allowed: length of rows and columns (0: no axes), and [axis, loop] what they may unroll.
    """

    records: Ints
    classes: Ints
    counts: Ints
    machine: Ints
    joules: Floats
    macs: float
    outputs: float
    objective: int
    stays: int
    axes: Ints
    allowed: Ints


@inner
def moving_blocks(records: Ints, counts: Ints, moves: Ints) -> None:
    """Fills moves [group, choice] with bits of `P_MOVES`..."""
    for group in range(kn.GROUPS):
        for at in range(counts[group]):
            r = records[group, at]
            bits = OWN_BLOCK[group] * ((r[fp.NO] > 1) + INSIDE * (r[fp.TO] > 1))
            if group == kn.GROUP_G and r[fp.NO] > 1:
                bits = G_MOVES
            moves[group, at] = bits | B_MOVES * ((r[fp.NF] > 1) + INSIDE * (r[fp.TF] > 1))


@inner
def factors(records: Ints, classes: Ints, counts: Ints, free: int, table: Floats) -> None:
    """Fills table [group, choice, FACTORS] for one block that is innermost over the steps, a bit of `P_MOVES`..."""
    table[:] = 1.0
    for group in range(kn.GROUPS):
        for at in range(counts[group]):
            r, row = records[group, at], table[group, at]
            first, last = classes[r[fp.FIRST_CLASS]], classes[r[fp.FIRST_CLASS] + r[fp.CLASSES] - 1]
            row[HEIGHT], row[SIDE] = r[fp.HO] * r[fp.HF], r[fp.SO] * r[fp.SF]
            row[WORK_FIRST] = first[fp.WORK]
            if group == kn.GROUP_N or group >= kn.VERTICAL:
                _repeats_weights(r, free, row)
            if group >= kn.VERTICAL:
                _slides(r, free, first, row)
            else:
                if group != kn.GROUP_N:
                    row[W_TILE], row[W_FIRST] = r[fp.TO], first[fp.OUTPUTS]
                    row[READ_W] = row[SENT_W] = row[USED_W] = row[ALL_USED_W] = r[fp.DO]
                if group != kn.GROUP_K:
                    row[I_TILE], row[I_FIRST] = r[fp.TO], first[fp.OUTPUTS]
                    row[READ_I] = row[SENT_I] = row[USED_I] = row[ALL_USED_I] = r[fp.DO]
            if group == kn.GROUP_K:
                row[READ_I] = 1 if free == K_MOVES else r[fp.NO]
                row[SENT_I] = min(r[fp.SO], r[fp.PO]) if free == K_MOVES else r[fp.PO]
                row[USED_I], row[ALL_USED_I] = r[fp.PO], r[fp.DO]
                row[SHARE] = r[fp.TO] / r[fp.HO] if free == K_MOVES else 1.0
            if group == kn.GROUP_C:
                last_tile = r[fp.DO] - (r[fp.NO] - 1) * r[fp.SO] * r[fp.TO]
                _reduces(r[fp.NO], r[fp.HO], min(r[fp.TO], last_tile), free, row)
            else:
                row[O_TILE], row[O_LAST] = r[fp.TO], last[fp.OUTPUTS]


@inner
def _repeats_weights(r: Ints, free: int, row: Floats) -> None:
    """N, Y and X."""
    row[READ_W] = 1 if free == P_MOVES else r[fp.NO]
    row[SENT_W] = min(r[fp.SO], r[fp.PO]) if free == P_MOVES else r[fp.PO]
    row[USED_W], row[ALL_USED_W] = r[fp.PO], r[fp.DO]
    row[SHARE] = r[fp.TO] / r[fp.HO] if free == P_MOVES else 1.0  # of the iterations, those in which W is fetched


@inner
def _reduces(steps: int, height: int, last: int, free: int, row: Floats) -> None:
    """C, R and S."""
    row[PASSES] = 1 if free == B_MOVES else steps
    row[VISITS], row[ALL_VISITS] = steps, height
    row[MERGED] = height
    if free == B_MOVES:
        row[SHARE] = last / height  # of the iterations, those after which O leaves


@inner
def _slides(r: Ints, free: int, first: Ints, row: Floats) -> None:
    """Y with R, X with S: the filter loop is one of W's, and both together move I."""
    row[W_TILE], row[W_FIRST] = r[fp.TF], first[fp.TAPS]
    for column in (READ_W, SENT_W, USED_W, ALL_USED_W):
        row[column] *= r[fp.DF]
    row[I_TILE], row[I_FIRST] = r[fp.LARGEST], first[fp.FULL]
    array_shared, own_shared = r[fp.ARRAY_SHARED_O], r[fp.OWN_SHARED_O]
    if free == B_MOVES:
        array_shared, own_shared = r[fp.ARRAY_SHARED_F], r[fp.OWN_SHARED_F]
    elif free == K_MOVES:
        array_shared, own_shared = max(array_shared, r[fp.ARRAY_SHARED_F]), max(own_shared, r[fp.OWN_SHARED_F])
    row[READ_I], row[SENT_I] = r[fp.ARRAY] - array_shared, r[fp.OWN] - own_shared
    row[USED_I] = row[ALL_USED_I] = r[fp.PAIRS]
    last_tile = r[fp.DF] - (r[fp.NF] - 1) * r[fp.SF] * r[fp.TF]
    _reduces(r[fp.NF], r[fp.HF], min(r[fp.TF], last_tile), free, row)


@inner
def energy(figures: Ints, macs: float, machine: Ints, joules: Floats) -> float:
    """Joules of MACs, L1, L2 and NoC: `counts.energy_parts_j` added up, to the bit."""
    operand, partial, q = machine[kn.OPERAND], machine[kn.PARTIAL], machine[kn.Q]
    back, gone = figures[kn.L2_READ_O], figures[kn.L2_WRITE_O]
    l1 = operand * (
        figures[kn.L1_READ_W] + figures[kn.L1_WRITE_W] + (figures[kn.L1_READ_I] + figures[kn.L1_WRITE_I])
    ) + partial * (figures[kn.L1_READ_O] + figures[kn.L1_WRITE_O])
    l2 = operand * (figures[kn.L2_READ_W] + figures[kn.L2_READ_I] + (gone - back)) + partial * 2 * back
    noc = figures[kn.L1_WRITE_W] + figures[kn.L1_WRITE_I] + (gone - back) + q * (2 * back + figures[kn.REDUCED])
    return float(joules[0] * macs + joules[1] * l1 + joules[2] * l2 + joules[3] * noc)


@inner
def value(objective: int, cycles: float, energy: float) -> float:
    if objective == LATENCY:
        return cycles
    return energy if objective == ENERGY else cycles * energy


@inner
def second(objective: int, cycles: float, energy: float) -> float:
    """What decides between equal values."""
    return energy if objective == LATENCY else cycles


@inner
def better(objective: int, cycles: float, energy: float, best: Floats) -> bool:
    """Whether a mapping, or a bound of some, is under the best (value and `second`) by more than rounding."""
    own, near = value(objective, cycles, energy), TIE * best[0]
    if own < best[0] - near:
        return True
    return bool(own <= best[0] + near and second(objective, cycles, energy) < best[1] - TIE * best[1])


@inner
def bound(product: Floats, given: Given, height: float, free: int, kept: int, twice: float) -> tuple[float, float]:
    """Cycles and joules that no mapping with these products is under.

    Args:
        product: of factors, those still open at their least (`MERGED`, `SHARE`: most).
        height: least iterations of the first PE.
        free: the block that is innermost over the steps; kept: those that may be inside a PE.
        twice: least bytes of tiles and second buffers; where L1 has no room for them nothing overlaps.
    """
    machine, joules, macs, outputs = given.machine, given.joules, given.macs, given.outputs
    operand, partial, q, bandwidth = machine[kn.OPERAND], machine[kn.PARTIAL], machine[kn.Q], machine[kn.BANDWIDTH]
    passes = product[PASSES]
    sent = product[SENT_W] + product[SENT_I]
    weights, inputs = operand * product[ALL_USED_W], operand * product[ALL_USED_I]
    sums = partial * outputs * 2.0
    used = np.inf
    if kept & P_MOVES:
        used = operand * product[USED_W] + inputs + sums * product[ALL_VISITS]
    if kept & K_MOVES:
        used = min(used, weights + operand * product[USED_I] + sums * product[ALL_VISITS])
    if kept & B_MOVES:
        used = min(used, weights + inputs + sums * product[VISITS])
    l1 = operand * sent + used + sums * (passes - 1.0)
    l2 = operand * (product[READ_W] + product[READ_I] + outputs) + partial * 2.0 * outputs * (passes - 1.0)
    noc = sent + outputs + q * (2.0 * outputs * (passes - 1.0) + macs - outputs * product[MERGED])
    energy = joules[0] * macs + joules[1] * l1 + joules[2] * l2 + joules[3] * noc
    partials = q * outputs * (passes - 1.0)
    arriving = product[READ_W] + product[READ_I] + partials
    first = product[W_FIRST] + product[I_FIRST]
    # The first step computes nothing until all of it is there, and nothing comes in while it does.
    cycles = max(
        first / bandwidth + height / machine[kn.LANES],
        arriving / bandwidth + product[WORK_FIRST] / machine[kn.LANES],
    )
    cycles = max(cycles + product[O_LAST] / bandwidth, (outputs + partials) / bandwidth)
    # The tensor that stays moves in a share of the steps only; in the others the array computes meanwhile.
    rare = product[READ_W] if free == P_MOVES else product[READ_I] if free == K_MOVES else outputs
    cycles = max(cycles, rare / bandwidth + (1.0 - product[SHARE]) * height / machine[kn.LANES])
    if twice > machine[kn.L1_BYTES]:
        cycles = height / machine[kn.LANES] + (arriving + outputs + partials) / bandwidth
    return 2.0 * machine[kn.LATENCY] + cycles, energy * (1.0 - 1e-14)


@inner
def least_heights(given: Given, level_of: Ints, heights: Floats, sides: Floats) -> None:
    """Fills the least iterations of the first PE over the levels from one on, by the PEs that are left to them.

    Args:
        heights: [level, table, number], infinite: with `number` PEs (table 0), or with pes // number of them (table 1):
            after any choice floor(pes / product) are left, and those are all such numbers, as long as numbers go up to
            the root of pes.
        sides: room, [choice, 2].
    """
    pes = given.machine[kn.PES]
    for table in range(2):
        for number in range(heights.shape[2]):
            heights[kn.GROUPS, table, number] = 1.0
    for level in range(kn.GROUPS - 1, -1, -1):
        distinct = _sides(given.records[level_of[level]], given.counts[level_of[level]], sides)
        for table in range(2):
            for number in range(1, heights.shape[2] - 1):
                left = number if table == 0 else pes // number
                least = np.inf
                for entry in range(distinct):
                    rest = int(left // sides[entry, 0])
                    if rest >= 1:
                        least = min(least, sides[entry, 1] * least_height(heights, level + 1, rest, pes))
                heights[level, table, number] = least


@inner
def _sides(records: Ints, count: int, sides: Floats) -> int:
    """Fills sides with each factor that choices have and the least iterations with it; their number."""
    distinct = 0
    for at in range(count):
        r = records[at]
        side, height = r[fp.SO] * r[fp.SF], r[fp.HO] * r[fp.HF]
        entry = distinct - 1  # choices of one side stand together
        while entry >= 0 and sides[entry, 0] != side:
            entry -= 1
        if entry < 0:
            sides[distinct, 0], sides[distinct, 1] = side, height
            distinct += 1
        elif height < sides[entry, 1]:
            sides[entry, 1] = height
    return distinct


@inner
def least_height(heights: Floats, level: int, left: int, pes: int) -> float:
    """The entry of `least_heights` for `left` PEs."""
    if left < heights.shape[2] - 1:
        return float(heights[level, 0, left])
    return float(heights[level, 1, pes // left])
