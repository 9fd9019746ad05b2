"""Branch and bound over a map space, compiled (docs/cost-model/loopnest.md, "The search")."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from chipweave.cost.loopnest import bounds as bd
from chipweave.cost.loopnest import footprint as fp
from chipweave.cost.loopnest import kernel as kn

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK_ORDERS = np.array([(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)], dtype=np.int64)
"""Orders of the blocks N Y X (0), K (1) and C R S (2), outermost first."""

# Columns of what is found; the first six are choices.
FREE, KEPT, PIVOT, ORDER, ANY = range(6, 11)
FOUND = 11


@njit(cache=True, nogil=True)
def _placed(spatial: Ints, allowed: Ints, axes: Ints) -> bool:
    """Whether the factors fit an array of axes[0] x axes[1] PEs, each loop along one axis that is allowed to it.

    Args:
        allowed: [axis, loop].
    """
    for mask in range(1 << len(spatial)):  # bit: along the columns
        rows = columns = 1
        fits = True
        for loop, factor in enumerate(spatial):
            along = mask >> loop & 1
            if factor == 1:
                fits = fits and not along  # each way once
            else:
                fits = fits and allowed[along, loop]
                if along:
                    columns *= factor
                else:
                    rows *= factor
        if fits and rows <= axes[0] and columns <= axes[1]:
            return True
    return False


@njit(cache=True, nogil=True)
def _order(records: Ints, rows: Ints, free: int, pivot_block: int, machine: Ints) -> int:
    """The order of blocks that needs least of L2.

    Args:
        free: the innermost block that moves, as a bit.
        pivot_block: the one that holds I's pivot; 1: it has none.
    """
    inside = np.zeros((3, 8), dtype=np.int64)
    block_of = (0, 3, 1, 2, 0, 0, 2, 2)  # 3: G, outside of all
    n, k, c = records[0, rows[0]], records[2, rows[2]], records[3, rows[3]]
    v, u = records[4, rows[4]], records[5, rows[5]]
    goes = (n[fp.NO] * v[fp.NO] * u[fp.NO] > 1, k[fp.NO] > 1, c[fp.NO] * v[fp.NF] * u[fp.NF] > 1)
    partial = free != bd.B_MOVES and goes[2]
    least, best = -1, -1
    for order in range(len(BLOCK_ORDERS)):
        innermost, pivot = -1, 1
        for place in range(3):
            block = BLOCK_ORDERS[order, place]
            if goes[block]:
                innermost = block
                if block != 1:
                    pivot = block
        if (innermost >= 0 and 1 << innermost != free) or pivot != pivot_block:
            continue
        for tensor in range(3):
            begun = False
            for loop in range(8):
                inside[tensor, loop] = 0
            for place in range(3):
                block = BLOCK_ORDERS[order, place]
                if begun:
                    for loop in range(8):
                        if block_of[loop] == block:
                            inside[tensor, loop] = 1
                if block == tensor and goes[block]:
                    begun = True
        weights, inputs, outputs = kn.held(records, rows, inside)
        need = (weights + inputs) * machine[kn.OPERAND]
        need += outputs * (machine[kn.PARTIAL] if partial else machine[kn.OPERAND])
        if least < 0 or need < least:
            least, best = need, order
    return best


@njit(cache=True, nogil=True)
def _reuse(free: int, kept: int, pivot: int, reuse: Ints) -> None:
    reuse[kn.W_FREE] = 7 if free == bd.P_MOVES else 0
    reuse[kn.I_FREE] = 1 if free == bd.K_MOVES else 0
    reuse[kn.O_FREE] = 7 if free == bd.B_MOVES else 0
    reuse[kn.W_KEPT] = 7 if kept == bd.P_MOVES else 0
    reuse[kn.I_KEPT] = 1 if kept == bd.K_MOVES else 0
    reuse[kn.O_KEPT] = 7 if kept == bd.B_MOVES else 0
    reuse[kn.PIVOT] = pivot


@njit(cache=True, nogil=True)
def _levels(records: Ints, counts: Ints) -> Ints:
    """The order in which groups are chosen: those that can be unrolled first, those with most choices first; so the
    others' iterations are known."""
    widest = np.ones(kn.GROUPS)
    for group in range(kn.GROUPS):
        for a in range(counts[group]):
            widest[group] = max(widest[group], records[group, a, fp.SO] * records[group, a, fp.SF])
    keys = np.empty(kn.GROUPS)
    for group in range(kn.GROUPS):
        keys[group] = (0.0 if widest[group] > 1 else 1e9) - counts[group]
    return np.argsort(keys, kind="mergesort")


@njit(cache=True, nogil=True)
def _leaf(
    records: Ints,
    classes: Ints,
    rows: Ints,
    machine: Ints,
    joules: Floats,
    objective: int,
    free_block: int,
    kept: int,
    cycles: float,
    best: Floats,
    found: Ints,
    tally: Ints,
) -> None:
    """Costs a whole choice of tilings exactly, with each order of blocks and pivot, and keeps what is better.

    Args:
        kept: the blocks that may be innermost inside a PE; one that does not move there saves nothing.
        cycles: a bound of them.
    """
    free = 1 << free_block
    need = kn.l1_need(records, rows, machine, True)
    overlapped = need <= machine[kn.L1_BYTES]
    if not overlapped and kn.l1_need(records, rows, machine, False) > machine[kn.L1_BYTES]:
        return
    v, u = records[kn.VERTICAL, rows[kn.VERTICAL]], records[kn.HORIZONTAL, rows[kn.HORIZONTAL]]
    reuse, figures = np.zeros(kn.REUSE, dtype=np.int64), np.empty(kn.FIGURES, dtype=np.int64)
    macs, _ = bd.work(records)
    places_move = records[kn.GROUP_N, rows[kn.GROUP_N], fp.NO] * v[fp.NO] * u[fp.NO] > 1
    sums_move = records[kn.GROUP_C, rows[kn.GROUP_C], fp.NO] * v[fp.NF] * u[fp.NF] > 1
    for block in range(3):
        # I's pivot is in the innermost block that moves, K apart, which is irrelevant to I.
        if free == bd.P_MOVES:
            some = block == 0
        elif free == bd.B_MOVES:
            some = block == (2 if sums_move else 1)
        else:
            some = (places_move, not places_move and not sums_move, sums_move)[block]
        if not some:
            continue
        along_v = along_u = 1
        if block == 0:
            along_v, along_u = v[fp.NO], u[fp.NO]
        elif block == 2:
            along_v, along_u = v[fp.NF], u[fp.NF]
        for choice in range(3):
            # A pivot along an axis shares halos, so where there is one, other loops of its block are no better.
            if (along_v == 1, along_u == 1, along_v * along_u > 1)[choice]:
                continue
            pivot = kn.PIVOT_ELSE if choice == 2 else (kn.PIVOT_R if block == 2 else kn.PIVOT_Y) + choice
            energy, kept_block = np.inf, -1
            for which_kept in range(3):
                if kept & 1 << which_kept:
                    _reuse(free, 1 << which_kept, pivot, reuse)
                    kn.accesses(records, rows, reuse, figures)
                    own = bd.energy(figures, macs, machine, joules)
                    if own < energy:
                        energy, kept_block = own, which_kept
            if not bd.better(bd.value(objective, cycles, energy), bd.second(objective, cycles, energy), best):
                continue
            tally[1] += 1
            exact = float(kn.cycles(records, classes, rows, reuse, machine, overlapped, figures, np.empty(kn.LIKE, dtype=np.int64)))
            value, second = bd.value(objective, exact, energy), bd.second(objective, exact, energy)
            if bd.better(value, second, best):
                order = _order(records, rows, free, block, machine)
                best[0], best[1] = value, second
                found[: kn.GROUPS] = rows
                found[FREE], found[KEPT], found[PIVOT], found[ORDER] = free_block, kept_block, pivot, order
                found[ANY] = 1


@njit(cache=True, nogil=True)
def _descend(
    records: Ints,
    classes: Ints,
    machine: Ints,
    joules: Floats,
    objective: int,
    free_block: int,
    stays: int,
    level_of: Ints,
    size: Ints,
    order: Ints,
    keys: Floats,
    factors: Floats,
    least: Floats,
    heights: Floats,
    moves: Ints,
    can: Ints,
    axes: Ints,
    allowed: Ints,
    best: Floats,
    found: Ints,
    tally: Ints,
) -> None:
    """Depth first through the levels, dropping what cannot be better.

    Args:
        size, order, keys: per level the number of choices, which they are, and their bounds, ascending.
        least: per level the products of the least factors from it on.
        can: per level, what its choices and those after it can move.
    """
    groups = kn.GROUPS
    product, open_product = np.ones((groups + 1, bd.FACTORS)), np.ones(bd.FACTORS)
    above = np.zeros((groups + 1, 2))  # cycles and joules that bound everything below a node
    did, at, rows = np.zeros(groups + 1, dtype=np.int64), np.zeros(groups, dtype=np.int64), np.zeros(groups, np.int64)
    spatial = np.ones(8, dtype=np.int64)
    free, pes = 1 << free_block, machine[kn.PES]
    latency = 2.0 * machine[kn.LATENCY]
    macs, outputs = bd.work(records)
    height = bd.least_height(heights, 0, pes, pes)
    above[0, 0], above[0, 1] = bd.bound(least[0], machine, joules, macs, outputs, height, free, bd.STEPS, False)
    level = 0
    while level >= 0:
        if at[level] == size[level] or keys[level, at[level]] > best[0] * (1.0 + bd.TIE):
            level -= 1
            continue
        a = order[level, at[level]]
        at[level] += 1
        tally[0] += 1
        group = level_of[level]
        here, row, below = product[level], factors[group, a], least[level + 1]
        side = here[bd.SIDE] * row[bd.SIDE]
        if side > pes:
            continue
        height = here[bd.HEIGHT] * row[bd.HEIGHT] * bd.least_height(heights, level + 1, int(pes // side), pes)
        cycles, energy = max(above[level, 0], latency + height / machine[kn.LANES]), above[level, 1]
        if not bd.better(bd.value(objective, cycles, energy), bd.second(objective, cycles, energy), best):
            continue
        weights = here[bd.W_TILE] * row[bd.W_TILE] * below[bd.W_TILE] * machine[kn.OPERAND]
        inputs = here[bd.I_TILE] * row[bd.I_TILE] * below[bd.I_TILE] * machine[kn.OPERAND]
        partials = here[bd.O_TILE] * row[bd.O_TILE] * below[bd.O_TILE] * machine[kn.PARTIAL]
        if weights + inputs + partials > machine[kn.L1_BYTES]:
            continue
        done = did[level] | moves[group, a]
        # The block said to be innermost moves, or may yet; where none does, it is C R S.
        if not (done | can[level + 1]) & free and (free != bd.B_MOVES or done & bd.STEPS):
            continue
        kept = stays if stays and done & bd.INSIDE * stays else bd.STEPS
        for j in range(bd.FACTORS):
            open_product[j] = here[j] * row[j] * below[j]
        twice = (weights if done & bd.W_MOVES else 0.0) + (inputs if done & bd.I_MOVES else 0.0)
        twice += weights + inputs + partials + (partials if done & bd.O_MOVES else 0.0)
        serial = twice > machine[kn.L1_BYTES]
        cycles, energy = bd.bound(open_product, machine, joules, macs, outputs, height, free, kept, serial)
        if objective == bd.LATENCY:
            cycles = np.ceil(cycles - 1e-6)
        if not bd.better(bd.value(objective, cycles, energy), bd.second(objective, cycles, energy), best):
            continue
        rows[group] = a
        if level < groups - 1:
            for j in range(bd.FACTORS):
                product[level + 1, j] = here[j] * row[j]
            did[level + 1], above[level + 1, 0], above[level + 1, 1] = done, cycles, energy
            level += 1
            at[level] = 0
            continue
        if axes[0] > 0:
            for each in range(groups):
                spatial[each] = records[each, rows[each], fp.SO]
            spatial[6], spatial[7] = records[4, rows[4], fp.SF], records[5, rows[5], fp.SF]
            if not _placed(spatial, allowed, axes):
                continue
        _leaf(records, classes, rows, machine, joules, objective, free_block, kept, cycles, best, found, tally)


@njit(cache=True, nogil=True)
def explore(
    records: Ints,
    classes: Ints,
    counts: Ints,
    machine: Ints,
    joules: Floats,
    objective: int,
    stays: int,
    axes: Ints,
    allowed: Ints,
    best: Floats,
    found: Ints,
    tally: Ints,
) -> None:
    """Minimises the objective over all choices, orders of blocks and pivots.

    Args:
        records, classes, counts: of every choice of every group; counts (groups,).
        objective: `bounds.LATENCY`, ENERGY or EDP.
        stays: the block that must be innermost where it moves, as a bit of `P_MOVES`...; 0: any.
        axes, allowed: length of rows and columns (0: no axes), and [axis, loop] what they may unroll.
        best: value and its second, to be undercut; filled with what was found.
        found: (FOUND,); filled.
        tally: nodes, mappings with exact cycles; added to.
    """
    groups, widest = kn.GROUPS, records.shape[1]
    factors, moves = np.ones((groups, widest, bd.FACTORS)), np.zeros((groups, widest), dtype=np.int64)
    order, size = np.zeros((groups, widest), dtype=np.int64), np.zeros(groups, dtype=np.int64)
    keys, can = np.zeros((groups, widest)), np.zeros(groups + 1, dtype=np.int64)
    own, least, others = np.ones((groups, bd.FACTORS)), np.ones((groups + 1, bd.FACTORS)), np.ones(bd.FACTORS)
    level_of = _levels(records, counts)
    heights = bd.least_heights(records, counts, level_of, machine[kn.PES])
    bd.moving_blocks(records, counts, moves)
    macs, outputs = bd.work(records)
    for free_block in range(3):
        free = 1 << free_block
        forbidden = 0 if free == stays else stays
        some = True
        for level in range(groups - 1, -1, -1):
            size[level], can[level] = 0, can[level + 1]
            for a in range(counts[level_of[level]]):
                if moves[level_of[level], a] & forbidden == 0:
                    order[level, size[level]] = a
                    size[level] += 1
                    can[level] |= moves[level_of[level], a]
            some = some and size[level] > 0
        if not some or not (can[0] & free or free == bd.B_MOVES):
            continue
        bd.factors(records, classes, counts, free, factors)
        for level in range(groups - 1, -1, -1):
            table = factors[level_of[level]]
            own[level] = table[order[level, 0]]
            for place in range(1, size[level]):
                row = table[order[level, place]]
                most = np.maximum(own[level, bd.MERGED :], row[bd.MERGED :])
                own[level] = np.minimum(own[level], row)
                own[level, bd.MERGED :] = most
            least[level] = own[level] * least[level + 1]
        # The most promising choice first: by its bound, all others at their least.
        for level in range(groups):
            others[:] = 1.0
            for other in range(groups):
                if other != level:
                    others *= own[other]
            for place in range(size[level]):
                row = factors[level_of[level], order[level, place]] * others
                height = max(row[bd.HEIGHT], macs / machine[kn.PES])
                cycles, energy = bd.bound(row, machine, joules, macs, outputs, height, free, bd.STEPS, False)
                keys[level, place] = bd.value(objective, cycles, energy)
            ascending = np.argsort(keys[level, : size[level]], kind="mergesort")
            order[level, : size[level]] = order[level, : size[level]][ascending]
            keys[level, : size[level]] = keys[level, : size[level]][ascending]
        _descend(
            records,
            classes,
            machine,
            joules,
            objective,
            free_block,
            stays,
            level_of,
            size,
            order,
            keys,
            factors,
            least,
            heights,
            moves,
            can,
            axes,
            allowed,
            best,
            found,
            tally,
        )
