"""The best mapping of a shape: branch and bound over the map space (docs/cost-model/loopnest.md, "The search")."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from chipweave.cost.loopnest import footprint as fp
from chipweave.cost.loopnest import kernel as kn
from chipweave.cost.loopnest.count import machine_row, records_of
from chipweave.cost.loopnest.machine import Energies, Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.orders import PIVOTS
from chipweave.cost.loopnest.shape import LOOPS, Shape
from chipweave.cost.loopnest.space import BLOCKS, tilings
from chipweave.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OBJECTIVES = ("latency", "energy", "edp")
LATENCY, ENERGY, EDP, NEED = range(4)
"""What the kernel minimises; NEED is L2's."""

NOTHING = 1e300
"""The objective before anything is found."""

TIE = 1e-13
"""Relative: objectives that are nearer than rounding count as equal."""

# Columns of a choice's factors: what a lower bound is a product of over the groups.
HEIGHT, SIDE, W_TILE, I_TILE, O_TILE, W_FIRST, I_FIRST = range(7)
READ_W, READ_I, PASSES, SENT_W, SENT_I, USED_W, USED_I, VISITS, MERGED = range(7, 16)
FACTORS = 16

P_MOVES, K_MOVES, B_MOVES = 1, 2, 4
"""Bits of a choice: which block's step loops move; shifted by 3, loops inside a PE."""


@njit(cache=True, nogil=True)
def _factors(
    records: Ints, counts: Ints, steps_free: int, inner_free: int, factors: Floats, moves: Ints
) -> None:
    """Fills factors [group, choice, FACTORS] and moves [group, choice] for one pair of innermost blocks.

    Args:
        steps_free: the block whose step loops are innermost, as a bit of `P_MOVES`...; inner_free: inside a PE.
    """
    for group in range(kn.GROUPS):
        for at in range(counts[group]):
            r, row = records[group, at], factors[group, at]
            row[:] = 1.0
            row[HEIGHT] = r[fp.HO] * r[fp.HF]
            row[SIDE] = r[fp.SO] * r[fp.SF]
            bits = 0
            weights = group != kn.GROUP_N
            taps = 1.0
            if group >= kn.VERTICAL:  # the output loop repeats W, the filter loop is W's
                taps = r[fp.DF]
                row[W_TILE], row[O_TILE], row[I_TILE] = r[fp.TF], r[fp.TO], r[fp.LARGEST]
                row[W_FIRST] = min(r[fp.SF] * r[fp.TF], r[fp.DF])
                row[I_FIRST] = 1.0  # the first tile may lie in the padding
                bits |= B_MOVES * (r[fp.NF] > 1) | 8 * B_MOVES * (r[fp.TF] > 1)
                row[PASSES] = 1 if steps_free == B_MOVES else r[fp.NF]
                row[VISITS] = r[fp.NF] if inner_free == B_MOVES else r[fp.HF]
                row[MERGED] = r[fp.HF]
                array, own = r[fp.ARRAY], r[fp.OWN]
                if steps_free == P_MOVES:
                    row[READ_I], row[SENT_I] = array - r[fp.ARRAY_SHARED_O], own - r[fp.OWN_SHARED_O]
                elif steps_free == B_MOVES:
                    row[READ_I], row[SENT_I] = array - r[fp.ARRAY_SHARED_F], own - r[fp.OWN_SHARED_F]
                else:
                    row[READ_I] = array - max(r[fp.ARRAY_SHARED_O], r[fp.ARRAY_SHARED_F])
                    row[SENT_I] = own - max(r[fp.OWN_SHARED_O], r[fp.OWN_SHARED_F])
                row[USED_I] = r[fp.PAIRS]
            else:
                tile, first = r[fp.TO], min(r[fp.SO] * r[fp.TO], r[fp.DO])
                if weights:
                    row[W_TILE], row[W_FIRST] = tile, first
                if group != kn.GROUP_K:
                    row[I_TILE], row[I_FIRST] = tile, first
                    row[READ_I] = row[SENT_I] = row[USED_I] = r[fp.DO]
                if group != kn.GROUP_C:
                    row[O_TILE] = tile
            if group == kn.GROUP_C:
                row[PASSES] = 1 if steps_free == B_MOVES else r[fp.NO]
                row[VISITS] = r[fp.NO] if inner_free == B_MOVES else r[fp.HO]
                row[MERGED] = r[fp.HO]
                bits |= B_MOVES * (r[fp.NO] > 1) | 8 * B_MOVES * (r[fp.TO] > 1)
            elif group == kn.GROUP_K:
                row[READ_I] = 1 if steps_free == K_MOVES else r[fp.NO]
                row[SENT_I] = min(r[fp.SO], r[fp.PO]) if steps_free == K_MOVES else r[fp.PO]
                row[USED_I] = r[fp.PO] if inner_free == K_MOVES else r[fp.DO]
                bits |= K_MOVES * (r[fp.NO] > 1) | 8 * K_MOVES * (r[fp.TO] > 1)
            elif group != kn.GROUP_G:
                row[READ_W] = 1 if steps_free == P_MOVES else r[fp.NO]
                row[SENT_W] = min(r[fp.SO], r[fp.PO]) if steps_free == P_MOVES else r[fp.PO]
                row[USED_W] = r[fp.PO] if inner_free == P_MOVES else r[fp.DO]
                bits |= P_MOVES * (r[fp.NO] > 1) | 8 * P_MOVES * (r[fp.TO] > 1)
            row[SENT_W] *= r[fp.DO] if weights and group < kn.VERTICAL else taps
            row[READ_W] *= r[fp.DO] if weights and group < kn.VERTICAL else taps
            row[USED_W] *= r[fp.DO] if weights and group < kn.VERTICAL else taps
            moves[group, at] = bits


@njit(cache=True, nogil=True)
def _energy(figures: Ints, macs: float, machine: Ints, joules: Floats) -> float:
    """Joules of MACs, L1, L2 and NoC: `counts.energy_parts_j` added up, to the bit."""
    operand, partial, q = machine[kn.OPERAND], machine[kn.PARTIAL], machine[kn.Q]
    back, gone = figures[kn.L2_READ_O], figures[kn.L2_WRITE_O]
    l1 = operand * (
        figures[kn.L1_READ_W] + figures[kn.L1_WRITE_W] + (figures[kn.L1_READ_I] + figures[kn.L1_WRITE_I])
    ) + partial * (figures[kn.L1_READ_O] + figures[kn.L1_WRITE_O])
    l2 = operand * (figures[kn.L2_READ_W] + figures[kn.L2_READ_I] + (gone - back)) + partial * 2 * back
    noc = figures[kn.L1_WRITE_W] + figures[kn.L1_WRITE_I] + q * (back + gone + figures[kn.REDUCED])
    return float(joules[0] * macs + joules[1] * l1 + joules[2] * l2 + joules[3] * noc)


@njit(cache=True, nogil=True)
def _value(objective: int, cycles: float, energy: float) -> float:
    if objective == LATENCY:
        return cycles
    return energy if objective == ENERGY else cycles * energy


@njit(cache=True, nogil=True)
def _second(objective: int, cycles: float, energy: float) -> float:
    """What decides between equal values."""
    return energy if objective == LATENCY else cycles


@njit(cache=True, nogil=True)
def _better(value: float, second: float, best: Floats) -> bool:
    """Whether a mapping, or a bound of some, is under the best by more than rounding."""
    near = TIE * best[0]
    return bool(value < best[0] - near or (value <= best[0] + near and second < best[1] - TIE * best[1]))


@njit(cache=True, nogil=True)
def _bound(
    product: Floats, machine: Ints, joules: Floats, macs: float, outputs: float, height: float
) -> tuple[float, float]:
    """Cycles and joules that no mapping with these products is under.

    Args:
        product: of factors, those still open at their least.
        height: least iterations of the first PE.
    """
    operand, partial, q, bandwidth = machine[kn.OPERAND], machine[kn.PARTIAL], machine[kn.Q], machine[kn.BANDWIDTH]
    passes = product[PASSES]
    sent = product[SENT_W] + product[SENT_I]
    l1 = operand * (sent + product[USED_W] + product[USED_I])
    l1 += partial * outputs * (2.0 * product[VISITS] + 2.0 * passes - 2.0)
    l2 = operand * (product[READ_W] + product[READ_I] + outputs) + partial * 2.0 * outputs * (passes - 1.0)
    noc = sent + q * (outputs * (2.0 * passes - 1.0) + macs - outputs * product[MERGED])
    energy = joules[0] * macs + joules[1] * l1 + joules[2] * l2 + joules[3] * noc
    partials = q * outputs * (passes - 1.0)
    arriving = product[READ_W] + product[READ_I] + partials
    first = product[W_FIRST]
    slowest = max(height / machine[kn.LANES], (arriving - first) / bandwidth, (outputs + partials) / bandwidth)
    return 2.0 * machine[kn.LATENCY] + first / bandwidth + slowest, energy * (1.0 - 1e-14)


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
def _l2_needs(
    records: Ints, rows: Ints, block_orders: Ints, free: int, partial: bool, machine: Ints, needs: Ints, which: Ints
) -> None:
    """Fills, per block that can hold I's pivot (1: none), the least L2 need and the order of blocks that has it.

    Args:
        block_orders: [order, position] blocks (0: N Y X, 1: K, 2: C R S), outermost first.
        free: the innermost moving block, as a bit.
        needs: (3,); -1 where no order has its pivot there.
    """
    inside = np.zeros((3, 8), dtype=np.int64)
    block_of = (0, 3, 1, 2, 0, 0, 2, 2)  # 3: G, outside of all
    n, k, c = records[0, rows[0]], records[2, rows[2]], records[3, rows[3]]
    v, u = records[4, rows[4]], records[5, rows[5]]
    goes = (n[fp.NO] * v[fp.NO] * u[fp.NO] > 1, k[fp.NO] > 1, c[fp.NO] * v[fp.NF] * u[fp.NF] > 1)
    needs[:] = -1
    for order in range(len(block_orders)):
        innermost, pivot = -1, 1
        for place in range(3):
            block = block_orders[order, place]
            if goes[block]:
                innermost = block
                if block != 1:
                    pivot = block
        if innermost >= 0 and 1 << innermost != free:
            continue
        for tensor in range(3):
            begun = False
            for loop in range(8):
                inside[tensor, loop] = 0
            for place in range(3):
                block = block_orders[order, place]
                if begun:
                    for loop in range(8):
                        if block_of[loop] == block:
                            inside[tensor, loop] = 1
                if block == tensor and goes[block]:
                    begun = True
        weights, inputs, outputs = kn.held(records, rows, inside)
        need = (weights + inputs) * machine[kn.OPERAND]
        need += outputs * (machine[kn.PARTIAL] if partial else machine[kn.OPERAND])
        if needs[pivot] < 0 or need < needs[pivot]:
            needs[pivot], which[pivot] = need, order


@njit(cache=True, nogil=True)
def _reuse(free: int, kept: int, pivot: int, reuse: Ints) -> None:
    reuse[kn.W_FREE] = 7 if free == P_MOVES else 0
    reuse[kn.I_FREE] = 1 if free == K_MOVES else 0
    reuse[kn.O_FREE] = 7 if free == B_MOVES else 0
    reuse[kn.W_KEPT] = 7 if kept == P_MOVES else 0
    reuse[kn.I_KEPT] = 1 if kept == K_MOVES else 0
    reuse[kn.O_KEPT] = 7 if kept == B_MOVES else 0
    reuse[kn.PIVOT] = pivot


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
    block_orders: Ints,
    best: Floats,
    found: Ints,
    tally: Ints,
) -> None:
    """Minimises the objective over all choices, block orders and pivots.

    Args:
        records, classes, counts: of every choice of every group; counts (groups,).
        objective: LATENCY, ENERGY, EDP or NEED.
        stays: the block that must be innermost where it moves, as a bit of `P_MOVES`...; 0: any.
        axes, allowed: length of rows and columns (0: no axes), and [axis, loop] what they may unroll.
        best: value, its second, to be undercut; filled with what was found.
        found: (11,) choices, innermost block of steps and inside a PE, pivot, block order, 1; filled if any is better.
        tally: nodes, mappings with exact cycles.
    """
    groups = kn.GROUPS
    most = records.shape[1]
    factors = np.ones((groups, most, FACTORS))
    moves = np.zeros((groups, most), dtype=np.int64)
    order = np.zeros((groups, most), dtype=np.int64)
    keys = np.zeros((groups, most))
    size = np.zeros(groups, dtype=np.int64)
    least = np.ones((groups + 1, FACTORS))
    own_least = np.ones((groups, FACTORS))
    product = np.ones((groups + 1, FACTORS))
    open_product = np.ones(FACTORS)
    can = np.zeros(groups + 1, dtype=np.int64)
    did = np.zeros(groups + 1, dtype=np.int64)
    at = np.zeros(groups, dtype=np.int64)
    rows = np.zeros(groups, dtype=np.int64)
    above = np.zeros((groups + 1, 2))
    latency = 2.0 * machine[kn.LATENCY]
    spatial = np.ones(8, dtype=np.int64)
    needs, which = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    reuse = np.zeros(kn.REUSE, dtype=np.int64)
    figures = np.zeros(kn.FIGURES, dtype=np.int64)
    level_of = np.zeros(groups, dtype=np.int64)
    pes = machine[kn.PES]

    macs = outputs = 1.0
    for group in range(groups):
        record = records[group, 0]
        macs *= record[fp.DO] * record[fp.DF]
        if group != kn.GROUP_C:
            outputs *= record[fp.DO]

    # Groups that can be unrolled come first, those with most choices first; so the rest keeps the PEs that are left.
    widest = np.ones(groups)
    for group in range(groups):
        for a in range(counts[group]):
            widest[group] = max(widest[group], records[group, a, fp.SO] * records[group, a, fp.SF])
    for level in range(groups):
        chosen = -1
        for group in range(groups):
            taken = False
            for before in range(level):
                taken = taken or level_of[before] == group
            if not taken and (
                chosen < 0
                or (widest[group] > 1) > (widest[chosen] > 1)
                or ((widest[group] > 1) == (widest[chosen] > 1) and counts[group] > counts[chosen])
            ):
                chosen = group
        level_of[level] = chosen

    # Least iterations of the first PE over the levels below, by the PEs that are left (only floor(pes / i) occur).
    root = int(np.sqrt(pes))
    small = np.full((groups + 1, root + 2), np.inf)  # PEs left <= root
    large = np.full((groups + 1, root + 2), np.inf)  # pes // PEs left, where more are left
    small[groups], large[groups] = 1.0, 1.0
    sides = np.zeros((most, 2))
    for level in range(groups - 1, -1, -1):
        group, distinct = level_of[level], 0
        for a in range(counts[group]):
            r = records[group, a]
            side, height = r[fp.SO] * r[fp.SF], r[fp.HO] * r[fp.HF]
            entry = 0
            while entry < distinct and sides[entry, 0] != side:
                entry += 1
            if entry == distinct:
                sides[entry, 0], sides[entry, 1] = side, height
                distinct += 1
            else:
                sides[entry, 1] = min(sides[entry, 1], height)
        for table in range(2):
            for number in range(1, root + 1):
                left = number if table == 0 else pes // number
                value = np.inf
                for entry in range(distinct):
                    rest = int(left // sides[entry, 0])
                    if rest >= 1:
                        below = small[level + 1, rest] if rest <= root else large[level + 1, pes // rest]
                        value = min(value, sides[entry, 1] * below)
                if table == 0:
                    small[level, number] = value
                else:
                    large[level, number] = value

    for free_bit in range(3):
        for kept_bit in range(3):
            free, kept = 1 << free_bit, 1 << kept_bit
            _factors(records, counts, free, kept, factors, moves)
            forbidden = 0
            if stays:
                forbidden = (0 if free == stays else stays) | (0 if kept == stays else 8 * stays)
            everything = 0
            dead = False
            for level in range(groups):
                group = level_of[level]
                size[level] = 0
                for a in range(counts[group]):
                    if moves[group, a] & forbidden == 0:
                        order[level, size[level]] = a
                        size[level] += 1
                dead = dead or size[level] == 0
            if dead:
                continue
            can[groups] = 0
            for level in range(groups - 1, -1, -1):
                group = level_of[level]
                own_least[level] = factors[group, order[level, 0]]
                can[level] = can[level + 1]
                for place in range(size[level]):
                    a = order[level, place]
                    can[level] |= moves[group, a]
                    for j in range(FACTORS):
                        if j == MERGED:
                            own_least[level, j] = max(own_least[level, j], factors[group, a, j])
                        else:
                            own_least[level, j] = min(own_least[level, j], factors[group, a, j])
                least[level] = own_least[level] * least[level + 1]
            everything = can[0]
            if not (everything & free or (free == B_MOVES)) or not (everything & 8 * kept or kept == B_MOVES):
                continue

            # The most promising choice first: by its bound, all others at their least.
            for level in range(groups):
                group = level_of[level]
                for place in range(size[level]):
                    row = factors[group, order[level, place]]
                    for j in range(FACTORS):
                        open_product[j] = row[j]
                        for other in range(groups):
                            if other != level:
                                open_product[j] *= own_least[other, j]
                    bound_cycles, bound_energy = _bound(
                        open_product, machine, joules, macs, outputs, max(open_product[HEIGHT], macs / pes)
                    )
                    keys[level, place] = _value(objective, bound_cycles, bound_energy) if objective != NEED else 0.0
                ascending = np.argsort(keys[level, : size[level]], kind="mergesort")
                order[level, : size[level]] = order[level, : size[level]][ascending]
                keys[level, : size[level]] = keys[level, : size[level]][ascending]

            least_height = small[0, pes] if pes <= root else large[0, 1]
            above[0, 0], above[0, 1] = _bound(least[0], machine, joules, macs, outputs, least_height)
            level = 0
            at[0] = 0
            product[0] = 1.0
            did[0] = 0
            while level >= 0:
                if at[level] == size[level] or keys[level, at[level]] > best[0] * (1.0 + TIE):
                    level -= 1
                    if level >= 0:
                        at[level] += 1
                    continue
                group = level_of[level]
                a = order[level, at[level]]
                row = factors[group, a]
                tally[0] += 1
                here = product[level]
                below = least[level + 1]
                side = here[SIDE] * row[SIDE]
                if side > pes:
                    at[level] += 1
                    continue
                left = int(pes // side)
                height = here[HEIGHT] * row[HEIGHT]
                height *= small[level + 1, left] if left <= root else large[level + 1, pes // left]
                # A cheap bound first: this choice's iterations, the rest as above the choice.
                if objective != NEED:
                    quick, energy = max(above[level, 0], latency + height / machine[kn.LANES]), above[level, 1]
                    if not _better(_value(objective, quick, energy), _second(objective, quick, energy), best):
                        at[level] += 1
                        continue
                tiles = (
                    here[W_TILE] * row[W_TILE] * below[W_TILE] + here[I_TILE] * row[I_TILE] * below[I_TILE]
                ) * machine[kn.OPERAND] + here[O_TILE] * row[O_TILE] * below[O_TILE] * machine[kn.PARTIAL]
                if tiles > machine[kn.L1_BYTES]:
                    at[level] += 1
                    continue
                done = did[level] | moves[group, a]
                possible = done | can[level + 1]
                # The block said to be innermost must move, or nothing does.
                if (not possible & free and (free != B_MOVES or done & 7)) or (
                    not possible & 8 * kept and (kept != B_MOVES or done & 56)
                ):
                    at[level] += 1
                    continue
                bound_cycles, bound_energy = 0.0, 0.0
                if objective != NEED:
                    for j in range(FACTORS):
                        open_product[j] = here[j] * row[j] * below[j]
                    bound_cycles, bound_energy = _bound(open_product, machine, joules, macs, outputs, height)
                    if objective == LATENCY:
                        bound_cycles = np.ceil(bound_cycles - 1e-6)
                    if not _better(
                        _value(objective, bound_cycles, bound_energy),
                        _second(objective, bound_cycles, bound_energy),
                        best,
                    ):
                        at[level] += 1
                        continue
                rows[group] = a
                if level < groups - 1:
                    for j in range(FACTORS):
                        product[level + 1, j] = here[j] * row[j]
                    did[level + 1] = done
                    above[level + 1, 0], above[level + 1, 1] = bound_cycles, bound_energy
                    level += 1
                    at[level] = 0
                    continue
                # A whole choice of tilings.
                at[level] += 1
                if not (done & free or (free == B_MOVES and not done & 7)):
                    continue
                if not (done & 8 * kept or (kept == B_MOVES and not done & 56)):
                    continue
                v, u = records[kn.VERTICAL, rows[kn.VERTICAL]], records[kn.HORIZONTAL, rows[kn.HORIZONTAL]]
                if axes[0] > 0:
                    for loop in range(4):
                        spatial[loop] = records[loop, rows[loop], fp.SO]
                    spatial[4], spatial[5], spatial[6], spatial[7] = v[fp.SO], u[fp.SO], v[fp.SF], u[fp.SF]
                    if not _placed(spatial, allowed, axes):
                        continue
                need = kn.l1_need(records, rows, machine, True)
                overlapped = need <= machine[kn.L1_BYTES]
                if not overlapped and kn.l1_need(records, rows, machine, False) > machine[kn.L1_BYTES]:
                    continue
                exact_bound = bound_cycles
                partial = free != B_MOVES and done & B_MOVES != 0
                _l2_needs(records, rows, block_orders, free, partial, machine, needs, which)
                for block in range(3):
                    if needs[block] < 0:
                        continue
                    if objective == NEED:
                        best[0] = min(best[0], needs[block])
                        continue
                    if needs[block] > machine[kn.L2_BYTES]:
                        continue
                    # A pivot along an axis shares halos, so other loops of its block are no better.
                    first, second = 1, 1
                    if block == 0:
                        first, second = v[fp.NO], u[fp.NO]
                    elif block == 2:
                        first, second = v[fp.NF], u[fp.NF]
                    for choice in range(3):
                        if (choice == 0 and first == 1) or (choice == 1 and second == 1):
                            continue
                        if choice == 2 and first * second > 1:
                            continue
                        pivot = kn.PIVOT_ELSE if choice == 2 else (kn.PIVOT_R if block == 2 else kn.PIVOT_Y) + choice
                        _reuse(free, kept, pivot, reuse)
                        kn.accesses(records, rows, reuse, figures)
                        energy = _energy(figures, macs, machine, joules)
                        if not _better(
                            _value(objective, exact_bound, energy), _second(objective, exact_bound, energy), best
                        ):
                            continue
                        tally[1] += 1
                        exact = float(kn.cycles(records, classes, rows, reuse, machine, overlapped, figures))
                        value, tie = _value(objective, exact, energy), _second(objective, exact, energy)
                        if _better(value, tie, best):
                            best[0], best[1] = value, tie
                            for g in range(groups):
                                found[g] = rows[g]
                            found[6], found[7], found[8], found[9] = free_bit, kept_bit, pivot, which[block]
                            found[10] = 1


BLOCK_ORDERS = np.array([(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)], dtype=np.int64)


GROUP_LOOPS = (("N", ""), ("G", ""), ("K", ""), ("C", ""), ("Y", "R"), ("X", "S"))
"""Per group of the kernel its output loop and its filter loop."""

Choices = list[Ints]
"""Per group of the kernel the tilings [choice, 4]: spatial factor and tile of its output and of its filter loop."""


def best_mapping(shape: Shape, machine: Machine, energies: Energies, objective: str) -> Mapping:
    """The mapping of the whole map space with the least objective: "latency" (cycles, then energy), "energy" (then
    cycles) or "edp"; energy is that of MACs, L1, L2 and NoC. Objectives within rounding (1e-13) count as equal.

    Where no mapping fits L2, those of the least need are the map space.

    Raises:
        InputError: no mapping fits L1.
    """
    if objective not in OBJECTIVES:
        raise InputError(f"loopnest: objective '{objective}' is unknown; use one of {', '.join(OBJECTIVES)}")
    choices = _choices(shape, machine)
    goal = OBJECTIVES.index(objective)
    found, _, _ = _explore(shape, machine, energies, goal, choices)
    if not found[10]:
        least = least_l2_need(shape, machine, energies, choices)
        found, _, _ = _explore(shape, replace(machine, l2_bytes=max(least, machine.l2_bytes)), energies, goal, choices)
    return _mapping_of(choices, found)


def best_mappings(
    shapes: Sequence[Shape], machine: Machine, energies: Energies, objective: str, jobs: int = 1
) -> list[Mapping]:
    """`best_mapping` of each shape, on `jobs` threads.

    Raises:
        InputError: as `best_mapping`.
    """
    if jobs == 1 or len(shapes) < 2:
        return [best_mapping(shape, machine, energies, objective) for shape in shapes]
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda shape: best_mapping(shape, machine, energies, objective), shapes))


def least_l2_need(shape: Shape, machine: Machine, energies: Energies, choices: Choices) -> int:
    """Bytes of L2 that some mapping needs and none undercuts.

    What is held grows with the tiles of loops that move and shrinks where a loop does not move; so each loop's tile in
    the array is one iteration or all of them.

    Raises:
        InputError: no mapping fits L1.
    """
    corners = []
    for group, each in enumerate(choices):
        bounds = [shape.bounds[LOOPS.index(loop)] if loop else 1 for loop in GROUP_LOOPS[group]]
        array = each[:, ::2] * each[:, 1::2]
        corners.append(each[((array == 1) | (array >= bounds)).all(axis=1)])
    _, best, _ = _explore(shape, machine, energies, NEED, corners)
    if best[0] >= NOTHING:
        raise InputError(
            f"no mapping fits l1_bytes={machine.l1_bytes}: a PE runs the loops {' '.join(machine.constraint.whole)} "
            "whole; raise l1_bytes, or allow tiles of them"
            if machine.constraint.whole
            else f"no mapping fits l1_bytes={machine.l1_bytes}; raise it"
        )
    return int(best[0])


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
    counts = np.array([len(each) for each in choices], dtype=np.int64)
    joules = np.array([energies.mac_j, energies.l1_j_per_byte, energies.l2_j_per_byte, energies.noc_j_per_element])
    constraint = machine.constraint
    stays = {"W": P_MOVES, "I": K_MOVES, "O": B_MOVES, "": 0}[constraint.stationary]
    axes = np.array(machine.array or (0, 0), dtype=np.int64)
    allowed = np.array([[loop in axis for loop in LOOPS] for axis in (constraint.rows, constraint.columns)], np.int64)
    best, found, tally = np.full(2, NOTHING), np.zeros(11, dtype=np.int64), np.zeros(2, dtype=np.int64)
    row = machine_row(machine)
    explore(records, classes, counts, row, joules, goal, stays, axes, allowed, BLOCK_ORDERS, best, found, tally)
    return found, best, tally


def _mapping_of(choices: Choices, found: Ints) -> Mapping:
    """The mapping that the kernel found."""
    picked = [choices[group][int(found[group])] for group in range(kn.GROUPS)]
    factors = [*(each[:2] for each in picked), *(each[2:] for each in picked[kn.VERTICAL :])]
    spatial, tile = (tuple(int(each[column]) for each in factors) for column in (0, 1))
    pivot = next((loop for loop, number in PIVOTS.items() if number == int(found[8])), "")
    outer = "G" + "".join(_ending(BLOCKS[block], pivot) for block in BLOCK_ORDERS[int(found[9])])
    kept = BLOCKS[int(found[7])]
    inner = "G" + "".join(block for block in BLOCKS if block != kept) + kept
    return Mapping(spatial, tile, outer, inner)


def _ending(block: str, loop: str) -> str:
    """The block with a loop of its own innermost."""
    return block.replace(loop, "") + loop if loop and loop in block else block
