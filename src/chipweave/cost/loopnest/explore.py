"""Branch and bound over a map space, compiled (docs/cost-model/loopnest.md, "The search")."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chipweave.cost.compiled import entry, inlined, inner, number
from chipweave.cost.loopnest import bounds as bd
from chipweave.cost.loopnest import footprint as fp
from chipweave.cost.loopnest import kernel as kn

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK_ORDERS = np.array([(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)], dtype=np.int64)
"""Orders of the blocks N Y X (0), K (1) and C R S (2), outermost first."""

OUTSIDE = 3
BLOCK_OF = np.array([0, OUTSIDE, 1, 2, 0, 0, 2, 2], dtype=np.int64)
"""Of each loop; G is outside of all."""

# Columns of what is found; the first six are choices.
FREE, KEPT, PIVOT, ORDER, ANY = range(6, 11)
FOUND = 11


class Levels(NamedTuple):
    """What the descent goes through, level by level: a group each.

    Args:
        factors, moves: per group and choice `bounds.factors` and `bounds.moving_blocks`.
        keys, order, size: per level the bounds of its choices, the choices by bound, ascending, and their number.
        group: per level.
        least: per level the products of the least factors from it on; own: the level's alone.
        can: per level, what its choices and those after it can move.
        heights: `bounds.least_heights`.
    """

    factors: Floats
    moves: Ints
    keys: Floats
    order: Ints
    size: Ints
    group: Ints
    least: Floats
    own: Floats
    can: Ints
    heights: Floats


class Path(NamedTuple):
    """The way to a node, and room for what is computed there.

    Args:
        product, did, above: per level, of the choices before it, the product of their factors, what they move, and
            cycles and joules that bound everything below.
        at: per level the next of its choices; rows: per group the choice.
    """

    product: Floats
    did: Ints
    above: Floats
    at: Ints
    rows: Ints
    row: Floats
    pairs: Floats
    numbers: Ints
    reuse: Ints
    figures: Ints
    like: Ints
    inside: Ints


class Best(NamedTuple):
    """The best so far: value and its second, to be undercut, and what it is, (FOUND,); and the tally: nodes, mappings
    with exact cycles."""

    best: Floats
    found: Ints
    tally: Ints


def levels_of(given: bd.Given) -> Levels:
    """Levels to be filled."""
    groups, widest = given.records.shape[:2]
    return Levels(
        factors=np.empty((groups, widest, bd.FACTORS)),
        moves=np.empty((groups, widest), dtype=np.int64),
        keys=np.empty((groups, widest)),
        order=np.empty((groups, widest), dtype=np.int64),
        size=np.zeros(groups, dtype=np.int64),
        group=np.arange(groups, dtype=np.int64),
        least=np.ones((groups + 1, bd.FACTORS)),
        own=np.empty((groups, bd.FACTORS)),
        can=np.zeros(groups + 1, dtype=np.int64),
        heights=np.full((groups + 1, 2, int(np.sqrt(given.machine[kn.PES])) + 2), np.inf),
    )


def path_of(given: bd.Given) -> Path:
    """A path at its start."""
    groups, widest = given.records.shape[:2]
    return Path(
        product=np.ones((groups + 1, bd.FACTORS)),
        did=np.zeros(groups + 1, dtype=np.int64),
        above=np.zeros((groups + 1, 2)),
        at=np.zeros(groups, dtype=np.int64),
        rows=np.zeros(groups, dtype=np.int64),
        row=np.empty(bd.FACTORS),
        pairs=np.empty((widest, 2)),
        numbers=np.empty(max(widest, 8), dtype=np.int64),
        reuse=np.zeros(kn.REUSE, dtype=np.int64),
        figures=np.empty(kn.FIGURES, dtype=np.int64),
        like=np.empty(kn.LIKE, dtype=np.int64),
        inside=np.empty((3, 8), dtype=np.int64),
    )


@inner
def _placed(given: bd.Given, rows: Ints, spatial: Ints) -> bool:
    """Whether the factors fit an array of axes[0] x axes[1] PEs, each loop along one axis that is allowed to it."""
    for group in range(kn.GROUPS):
        spatial[group] = given.records[group, rows[group], fp.SO]
    spatial[6], spatial[7] = given.records[4, rows[4], fp.SF], given.records[5, rows[5], fp.SF]
    for mask in range(1 << 8):  # bit: along the columns
        rows_used = columns_used = 1
        fits = True
        for loop in range(8):
            along = mask >> loop & 1
            if spatial[loop] == 1:
                fits = fits and along == 0  # each way once
            elif given.allowed[along, loop] == 0:
                fits = False
            elif along == 1:
                columns_used *= spatial[loop]
            else:
                rows_used *= spatial[loop]
        if fits and rows_used <= given.axes[0] and columns_used <= given.axes[1]:
            return True
    return False


@inner
def _moving(records: Ints, rows: Ints) -> int:
    """The blocks that move over the steps, as bits."""
    n, k, c = records[0, rows[0], fp.NO], records[2, rows[2], fp.NO], records[3, rows[3], fp.NO]
    v, u = records[4, rows[4]], records[5, rows[5]]
    moves_p, moves_b = n * v[fp.NO] * u[fp.NO] > 1, c * v[fp.NF] * u[fp.NF] > 1
    return int(moves_p * bd.P_MOVES + (k > 1) * bd.K_MOVES + moves_b * bd.B_MOVES)


@inner
def _possible(order: int, moving: int, free: int, pivot_block: int) -> bool:
    """Whether an order has the blocks innermost that it must have.

    Args:
        free: the innermost block that moves, as a bit.
        pivot_block: the one that holds I's pivot; 1: it has none.
    """
    innermost, pivot = free, 1
    for place in range(3):
        block = BLOCK_ORDERS[order, place]
        if moving >> block & 1:
            innermost = 1 << block
            if block != 1:
                pivot = block
    return innermost == free and pivot == pivot_block


@inner
def _fill_inside(order: int, moving: int, inside: Ints) -> None:
    """Fills what `kernel.held` goes by."""
    for tensor in range(3):
        begun = False
        for loop in range(8):
            inside[tensor, loop] = 0
        for place in range(3):
            block = BLOCK_ORDERS[order, place]
            for loop in range(8):
                if begun and BLOCK_OF[loop] == block:
                    inside[tensor, loop] = 1
            if block == tensor and moving >> block & 1:
                begun = True


@inner
def _order(given: bd.Given, path: Path, free: int, pivot_block: int) -> int:
    """The order of blocks that needs least of L2; `free` and `pivot_block`: as for `_possible`."""
    machine, moving = given.machine, _moving(given.records, path.rows)
    output_bytes = machine[kn.OPERAND]
    if free != bd.B_MOVES and moving & bd.B_MOVES:
        output_bytes = machine[kn.PARTIAL]
    least, best = -1, -1
    for order in range(len(BLOCK_ORDERS)):
        if _possible(order, moving, free, pivot_block):
            _fill_inside(order, moving, path.inside)
            weights, inputs, outputs = kn.held(given.records, path.rows, path.inside)
            need = (weights + inputs) * machine[kn.OPERAND] + outputs * output_bytes
            if least < 0 or need < least:
                least, best = need, order
    return best


@inner
def _fill_reuse(free: int, kept: int, pivot: int, reuse: Ints) -> None:
    reuse[kn.W_FREE], reuse[kn.W_KEPT] = 7 * (free == bd.P_MOVES), 7 * (kept == bd.P_MOVES)
    reuse[kn.I_FREE], reuse[kn.I_KEPT] = free == bd.K_MOVES, kept == bd.K_MOVES
    reuse[kn.O_FREE], reuse[kn.O_KEPT] = 7 * (free == bd.B_MOVES), 7 * (kept == bd.B_MOVES)
    reuse[kn.PIVOT] = pivot


class Leaf(NamedTuple):
    """A whole choice of tilings, with its innermost block.

    Args:
        kept: the blocks that may be innermost inside a PE; one that does not move there saves nothing.
        cycles: a bound of them.
    """

    free_block: int
    kept: int
    overlapped: bool
    cycles: float


@inner
def _try(given: bd.Given, path: Path, result: Best, leaf: Leaf, block: int, pivot: int) -> None:
    """Costs a choice exactly with one pivot of I, which is in `block`, and keeps it if it is better."""
    records, rows, reuse, figures, best = given.records, path.rows, path.reuse, path.figures, result.best
    energy, kept_block, free = np.inf, -1, 1 << leaf.free_block
    for which in range(3):
        if leaf.kept & 1 << which:
            _fill_reuse(free, 1 << which, pivot, reuse)
            kn.accesses(records, rows, reuse, figures)
            own = bd.energy(figures, given.macs, given.machine, given.joules)
            if own < energy:
                energy, kept_block = own, which
    if not bd.better(given.objective, leaf.cycles, energy, best):
        return
    result.tally[1] += 1
    exact = float(kn.cycles(records, given.classes, rows, reuse, given.machine, leaf.overlapped, figures, path.like))
    if bd.better(given.objective, exact, energy, best):
        best[0], best[1] = bd.value(given.objective, exact, energy), bd.second(given.objective, exact, energy)
        found = result.found
        for group in range(kn.GROUPS):
            found[group] = rows[group]
        found[FREE], found[KEPT], found[PIVOT] = leaf.free_block, kept_block, pivot
        found[ORDER] = _order(given, path, free, block)
        found[ANY] = 1


@inner
def _leaf(given: bd.Given, path: Path, result: Best, free_block: int, kept: int, cycles: float) -> None:
    """Costs a whole choice of tilings exactly, with each order of blocks and pivot, and keeps what is better."""
    records, rows, free = given.records, path.rows, 1 << free_block
    need, overlapped = kn.fitting(records, rows, given.machine)
    if need > given.machine[kn.L1_BYTES]:
        return
    leaf = Leaf(free_block, kept, overlapped, cycles)
    v, u, moving = records[kn.VERTICAL, rows[kn.VERTICAL]], records[kn.HORIZONTAL, rows[kn.HORIZONTAL]], 0
    # I's pivot is in the innermost block that moves, K apart, which is irrelevant to I.
    blocks = bd.P_MOVES
    if free != bd.P_MOVES:
        moving = _moving(records, rows)
        blocks = moving & bd.B_MOVES if free == bd.B_MOVES else moving & (bd.P_MOVES | bd.B_MOVES)
        if blocks == 0:
            blocks = bd.K_MOVES
    for block in range(3):
        if blocks >> block & 1:
            along_v = along_u = 1
            if block == 0:
                along_v, along_u = v[fp.NO], u[fp.NO]
            elif block == 2:
                along_v, along_u = v[fp.NF], u[fp.NF]
            # A pivot along an axis shares halos, so where there is one, other loops of its block are no better.
            pivots = (along_v > 1) + 2 * (along_u > 1)
            for choice in range(2):
                if pivots >> choice & 1:
                    _try(given, path, result, leaf, block, (kn.PIVOT_R if block == 2 else kn.PIVOT_Y) + choice)
                elif pivots + choice == 0:
                    _try(given, path, result, leaf, block, kn.PIVOT_ELSE)


@inlined
def _worth(given: bd.Given, levels: Levels, path: Path, level: int, a: int, free: int, best: Floats) -> bool:
    """Whether what is below a choice may be better than the best; fills the path's next level."""
    machine, objective, pes, latency = given.machine, given.objective, given.machine[kn.PES], given.machine[kn.LATENCY]
    group = levels.group[level]
    here, factors, below = path.product[level], levels.factors[group, a], levels.least[level + 1]
    side = here[bd.SIDE] * factors[bd.SIDE]
    if side > pes:
        return False
    height = here[bd.HEIGHT] * factors[bd.HEIGHT]
    height *= bd.least_height(levels.heights, level + 1, int(pes // side), pes)
    cycles, energy = max(path.above[level, 0], 2.0 * latency + height / machine[kn.LANES]), path.above[level, 1]
    if not bd.better(objective, cycles, energy, best):
        return False
    weights = here[bd.W_TILE] * factors[bd.W_TILE] * below[bd.W_TILE] * machine[kn.OPERAND]
    inputs = here[bd.I_TILE] * factors[bd.I_TILE] * below[bd.I_TILE] * machine[kn.OPERAND]
    partials = here[bd.O_TILE] * factors[bd.O_TILE] * below[bd.O_TILE] * machine[kn.PARTIAL]
    if weights + inputs + partials > machine[kn.L1_BYTES]:
        return False
    done = path.did[level] | levels.moves[group, a]
    # The block said to be innermost moves, or may yet; where none does, it is C R S.
    if (done | levels.can[level + 1]) & free == 0 and (free != bd.B_MOVES or done & bd.STEPS):
        return False
    next_product, row = path.product[level + 1], path.row
    for j in range(bd.FACTORS):
        next_product[j] = here[j] * factors[j]
        row[j] = next_product[j] * below[j]
    twice = weights + inputs + partials
    if done & bd.W_MOVES:
        twice += weights
    if done & bd.I_MOVES:
        twice += inputs
    if done & bd.O_MOVES:
        twice += partials
    cycles, energy = bd.bound(row, given, height, free, _kept(given.stays, done), twice)
    if objective == bd.LATENCY:
        cycles = float(math.ceil(cycles - 1e-6))
    path.did[level + 1], path.above[level + 1, 0], path.above[level + 1, 1] = done, cycles, energy
    return bd.better(objective, cycles, energy, best)


@inner
def _kept(stays: int, done: int) -> int:
    """The blocks that may be innermost inside a PE."""
    return stays if done & bd.INSIDE * stays else bd.STEPS


@inner
def _descend(given: bd.Given, levels: Levels, path: Path, result: Best, free_block: int) -> None:
    """Depth first through the levels, dropping what cannot be better."""
    best, at, rows = result.best, path.at, path.rows
    free, last = 1 << free_block, kn.GROUPS - 1
    height = bd.least_height(levels.heights, number(0), given.machine[kn.PES], given.machine[kn.PES])
    path.above[0, 0], path.above[0, 1] = bd.bound(levels.least[0], given, height, free, bd.STEPS, 0.0)
    level = number(0)
    at[0] = 0
    while level >= 0:
        a = -1
        if at[level] < levels.size[level]:
            a = levels.order[level, at[level]]
            at[level] += 1
        if a < 0 or levels.keys[level, a] > best[0] * (1.0 + bd.TIE):
            level -= 1
            continue
        result.tally[0] += 1
        if not _worth(given, levels, path, level, a, free, best):
            continue
        rows[levels.group[level]] = a
        if level < last:
            level += 1
            at[level] = 0
        elif given.axes[0] == 0 or _placed(given, rows, path.numbers):
            kept = _kept(given.stays, path.did[kn.GROUPS])
            _leaf(given, path, result, free_block, kept, path.above[kn.GROUPS, 0])


@inner
def _sort(order: Ints, size: int, keys: Floats, spare: Ints) -> None:
    """Sorts the first `size` numbers by their keys, ascending, equal ones as they stand: numba's own sorts take long
    to compile."""
    width = 1
    while width < size:
        for start in range(0, size, 2 * width):
            middle, end = min(start + width, size), min(start + 2 * width, size)
            one, other = start, middle
            for at in range(start, end):
                if one < middle and (other == end or keys[order[one]] <= keys[order[other]]):
                    spare[at] = order[one]
                    one += 1
                else:
                    spare[at] = order[other]
                    other += 1
        for at in range(size):
            order[at] = spare[at]
        width *= 2


@inner
def _order_groups(given: bd.Given, levels: Levels, path: Path) -> None:
    """The order in which groups are chosen: those that can be unrolled first, those with most choices first; so the
    others' iterations are known."""
    for group in range(kn.GROUPS):
        path.row[group] = 1e9
        for at in range(given.counts[group]):
            if given.records[group, at, fp.SO] * given.records[group, at, fp.SF] > 1:
                path.row[group] = 0.0
        path.row[group] -= given.counts[group]
    _sort(levels.group, kn.GROUPS, path.row, path.numbers)


@inner
def _admit(given: bd.Given, levels: Levels, free: int) -> bool:
    """Fills the choices with which a block may be innermost; False where some level has none."""
    forbidden = 0 if free == given.stays else given.stays
    some = True
    for level in range(kn.GROUPS - 1, -1, -1):
        group, size, can = levels.group[level], 0, levels.can[level + 1]
        for a in range(given.counts[group]):
            if levels.moves[group, a] & forbidden == 0:
                levels.order[level, size] = a
                size += 1
                can |= levels.moves[group, a]
        levels.size[level], levels.can[level] = size, can
        some = some and size > 0
    return some and (levels.can[0] & free != 0 or free == bd.B_MOVES)


@inner
def _fill_least(levels: Levels) -> None:
    for level in range(kn.GROUPS - 1, -1, -1):
        own, table, order = levels.own[level], levels.factors[levels.group[level]], levels.order[level]
        for j in range(bd.FACTORS):
            least = table[order[0], j]
            for place in range(1, levels.size[level]):
                factor = table[order[place], j]
                least = min(least, factor) if j < bd.MERGED else max(least, factor)
            own[j] = least
            levels.least[level, j] = least * levels.least[level + 1, j]


@inner
def _rank(given: bd.Given, levels: Levels, path: Path, free: int) -> None:
    """The most promising choice first: by its bound, all others at their least."""
    row, others = path.row, path.product[1]  # which the descent fills only later
    for level in range(kn.GROUPS):
        table, order, keys = levels.factors[levels.group[level]], levels.order[level], levels.keys[level]
        for j in range(bd.FACTORS):
            others[j] = 1.0
            for other in range(kn.GROUPS):
                if other != level:
                    others[j] *= levels.own[other, j]
        for place in range(levels.size[level]):
            a = order[place]
            for j in range(bd.FACTORS):
                row[j] = table[a, j] * others[j]
            height = max(row[bd.HEIGHT], given.macs / given.machine[kn.PES])
            cycles, energy = bd.bound(row, given, height, free, bd.STEPS, 0.0)
            keys[a] = bd.value(given.objective, cycles, energy)
        _sort(order, levels.size[level], keys, path.numbers)


@entry
def explore(given: bd.Given, levels: Levels, path: Path, result: Best) -> None:
    """Minimises the objective over all choices, orders of blocks and pivots."""
    _order_groups(given, levels, path)
    bd.least_heights(given, levels.group, levels.heights, path.pairs)
    bd.moving_blocks(given.records, given.counts, levels.moves)
    for free_block in range(3):
        free = 1 << free_block
        if _admit(given, levels, free):
            bd.factors(given.records, given.classes, given.counts, free, levels.factors)
            _fill_least(levels)
            _rank(given, levels, path, free)
            _descend(given, levels, path, result, free_block)
