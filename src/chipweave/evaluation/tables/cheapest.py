"""Compiled: the cheapest way to run all of a task under prices: a shortest path over its cuts (docs/proof.md).

A pipeline pays for every second of its own, and of all its chiplets for as long as all of it takes. Pipelines are told
apart by micro-batch, by how many chiplets of each class they have (their *shape*), and by the range of paces in which
their slowest stage is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.ndarrays import Floats, Ints

NEVER = 1e30
"""Instead of infinity: sums are taken in any order."""

FAST: Any = {"nnan", "nsz", "reassoc", "contract"}

BEGINNING = -1
"""The step with no chiplets yet."""


class Tables(NamedTuple):
    """Stages [micro-batch, variant, class, j, i] (`least_stages.LeastStages`); `NEVER` where there are none."""

    first_s: Floats
    pace_s: Floats
    energy_j: Floats
    dram_bytes: Floats


class Paces(NamedTuple):
    """Ranges of the slowest stage's pace, ascending, of which the first begins at 0.

    Args:
        times: [micro-batch] a pipeline takes so many times that pace, beside what each stage adds once.
        floor: [micro-batch, range] where it begins.
        reach: [micro-batch, range, class, v] the first unit with which a stage up to unit v - 1 is not above it.
    """

    times: Floats
    floor: Floats
    reach: Ints


class Shapes(NamedTuple):
    """Numbers of chiplets of each class that pipelines have, and steps from none to all of them.

    Args:
        chiplets: [shape, class]; total: [shape], 0 where `chiplets` are only the least.
        start: [shape + 1] its first step; the last one is all of them.
        edge: [step + 1] its first edge, each from an earlier step (`before`) with a stage on a chiplet of a class.
    """

    chiplets: Ints
    total: Ints
    start: Ints
    edge: Ints
    before: Ints
    chiplet_class: Ints


class Prices(NamedTuple):
    """Of a second of a chiplet of each class, of a second of the task's own, of a byte of the DRAM, of a joule."""

    chiplet: Floats
    own: float
    dram_byte: float
    joule: float


class Found(NamedTuple):
    """What the cheapest way pays and takes: seconds of chiplets of each class, own ones, DRAM bytes and joules."""

    paid: float
    chiplet_s: Floats
    own_s: float
    dram_bytes: float
    energy_j: float


@kernel(nogil=True)
def reaches(pace_s: Floats, ceiling: Floats) -> Ints:
    """[range, class, v]: the first unit with which a stage up to unit v - 1 has a pace of at most [range] a ceiling.

    Args:
        pace_s: [variant, class, j, i].
    """
    variants, classes, units, _ = pace_s.shape
    made = np.zeros((len(ceiling), classes, units + 1), np.int64)
    for c in range(classes):
        for v in range(1, units + 1):
            for r in range(len(ceiling)):
                u = 0
                while u < v:
                    pace = pace_s[0, c, v - 1, u]
                    for variant in range(1, variants):
                        pace = min(pace, pace_s[variant, c, v - 1, u])
                    if pace <= ceiling[r]:
                        break
                    u += 1
                made[r, c, v] = u
    return made


@kernel(nogil=True, fastmath=FAST)
def cheapest(tables: Tables, paces: Paces, shapes: Shapes, prices: Prices, mean: float, never: Floats) -> Found:
    """The cheapest way.

    Args:
        mean: the share of the slowest stage's pace for which the mean of the stages' paces is taken.
        never: [1] `NEVER`, in the type in which sums are held.
    """
    sizes, _, classes, units, _ = tables.first_s.shape
    ranges = paces.floor.shape[1]
    so_far = np.full((sizes, len(shapes.edge) - 1, ranges, units + 1), never[0])
    best, by = np.full(units + 1, never[0]), np.zeros((units + 1, 3), np.int64)
    best[0] = 0.0
    rows = np.full((2, 4, classes, units + 1), never[0])
    for v in range(1, units + 1):
        for m in range(sizes):
            for shape in range(len(shapes.total)):
                worth = _worth(shapes, shape, prices)
                for number in range(2):
                    share = _mean(shapes.total[shape], number, mean)
                    _price_rows(tables, (m, v), worth, share * paces.times[m], shapes, shape, prices, rows[number])
                for r in range(1 if shapes.total[shape] == 1 else ranges):
                    row = rows[min(r, 1)]
                    last = shapes.start[shape + 1] - 1
                    for step in range(shapes.start[shape], last + 1):
                        least = never[0]
                        for edge in range(shapes.edge[step], shapes.edge[step + 1]):
                            before, c = shapes.before[edge], shapes.chiplet_class[edge]
                            variant = (1 if before == BEGINNING else 0) + (2 if step == last else 0)
                            low = paces.reach[m, r, c, v] if shapes.total[shape] != 1 else 0
                            sums = best if before == BEGINNING else so_far[m, before, r]
                            least = min(least, _least(sums, row[variant, c], low, v, never[0]))
                        so_far[m, step, r, v] = least
                    share = _mean(shapes.total[shape], min(r, 1), mean)
                    total = so_far[m, last, r, v] + worth * paces.times[m] * (1.0 - share) * paces.floor[m, r]
                    if total < best[v]:
                        best[v] = total
                        by[v, 0], by[v, 1], by[v, 2] = m, shape, r
    return _trace(tables, paces, shapes, prices, mean, so_far, best, by)


@inner(fastmath=FAST)
def _least(sums: Floats, row: Floats, low: int, end: int, never: float) -> float:
    """The least of both together; views and a choice, since of `min` Numba makes no instructions for many at once."""
    least, some, more = never, sums[low:end], row[low:end]
    for at in range(len(some)):
        whole = some[at] + more[at]
        least = whole if whole < least else least
    return least


@inner()
def _mean(total: int, number: int, mean: float) -> float:
    """The share of the mean: of one stage all of it, and in the lowest range, whose floor is 0; none where it is not
    known of how many."""
    if total == 0:
        return 0.0
    return 1.0 if total == 1 or number == 0 else mean


@inner()
def _worth(shapes: Shapes, shape: int, prices: Prices) -> float:
    """What a second of a pipeline pays."""
    worth = prices.own
    for c in range(shapes.chiplets.shape[1]):
        worth += shapes.chiplets[shape, c] * prices.chiplet[c]
    return worth


@inner()
def _price_rows(
    tables: Tables,
    at: tuple[int, int],
    worth: float,
    times: float,
    shapes: Shapes,
    shape: int,
    prices: Prices,
    row: Floats,
) -> None:
    """[variant, class, u] what a stage of units u to v - 1 pays."""
    m, v = at
    each = times / max(1, shapes.total[shape])
    for variant in range(row.shape[0]):
        for c in range(row.shape[1]):
            for u in range(v):
                row[variant, c, u] = min(NEVER, _stage_paid(tables, (m, variant, c, v - 1, u), worth, each, prices))


@inner(fastmath=FAST)
def _stage_paid(
    tables: Tables, at: tuple[int, int, int, int, int], worth: float, each: float, prices: Prices
) -> float:
    """What a stage pays of whose pace so many times `each` count."""
    paid = worth * (tables.first_s[at] + each * tables.pace_s[at])
    return float(paid + prices.joule * tables.energy_j[at] + prices.dram_byte * tables.dram_bytes[at])


@inner()
def _trace(
    tables: Tables,
    paces: Paces,
    shapes: Shapes,
    prices: Prices,
    mean: float,
    so_far: Floats,
    best: Floats,
    by: Ints,
) -> Found:
    """What the cheapest way takes, from the last unit back."""
    v = tables.first_s.shape[3]
    paid, chiplet_s = float(best[v]), np.zeros(shapes.chiplets.shape[1])
    own_s = dram_bytes = energy_j = 0.0
    while v > 0 and best[v] < NEVER:
        m, shape, r = by[v, 0], by[v, 1], by[v, 2]
        share, worth = _mean(shapes.total[shape], min(r, 1), mean), _worth(shapes, shape, prices)
        seconds = paces.times[m] * (1.0 - share) * paces.floor[m, r]
        each = share * paces.times[m] / max(1, shapes.total[shape])
        last = shapes.start[shape + 1] - 1
        step = last
        while step != BEGINNING:
            chosen, at, most = -1, 0, np.inf
            for edge in range(shapes.edge[step], shapes.edge[step + 1]):
                before, c = shapes.before[edge], shapes.chiplet_class[edge]
                variant = (1 if before == BEGINNING else 0) + (2 if step == last else 0)
                for u in range(paces.reach[m, r, c, v] if shapes.total[shape] != 1 else 0, v):
                    sums = best[u] if before == BEGINNING else so_far[m, before, r, u]
                    paid_ = sums + _stage_paid(tables, (m, variant, c, v - 1, u), worth, each, prices)
                    if paid_ < most:
                        chosen, at, most = edge, u, paid_
            before, c = shapes.before[chosen], shapes.chiplet_class[chosen]
            where = m, (1 if before == BEGINNING else 0) + (2 if step == last else 0), c, v - 1, at
            seconds += tables.first_s[where] + each * tables.pace_s[where]
            dram_bytes += tables.dram_bytes[where]
            energy_j += tables.energy_j[where]
            step, v = before, at
        own_s += seconds
        for c in range(len(chiplet_s)):
            chiplet_s[c] += shapes.chiplets[shape, c] * seconds
    return Found(paid, chiplet_s, own_s, dram_bytes, energy_j)
