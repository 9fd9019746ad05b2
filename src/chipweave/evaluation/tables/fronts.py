"""Compiled: least joules of pipelines by how long they take, and the cheapest way through all of a task where prices
depend on how long a window is (docs/proof.md, "Windows of unlike length").

The *front* of a part of a task on so many chiplets is told by slopes: for each, the least of `joules + slope * seconds`
of all its pipelines. Of the points (seconds, joules) of pipelines none is below any of these lines.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.evaluation.tables.cheapest import BEGINNING, FAST, NEVER, Paces, Tables
from chipweave.ndarrays import Floats, Ints, Singles

NOWHERE = -2
"""The numbers of chiplets before these, where there is none of a class to leave out."""

SURELY = 1 - 1e-5
"""Of sums in single precision so much is taken where they are compared with others."""


class Slopes(NamedTuple):
    """What is added to a pipeline's joules: [slope] joules for each of its seconds, of which the first is 0, and joules
    for each byte from and to DRAM."""

    second_w: Floats
    byte_j: float


class Rates(NamedTuple):
    """What windows pay.

    Args:
        start_s: [range] the least seconds of a window, ascending from 0; of the last range there is no end.
        second: [shape, range] what a second of a pipeline pays in such windows; joule: what a joule pays.
    """

    start_s: Floats
    second: Floats
    joule: float


@kernel(nogil=True, fastmath=FAST)
def tabulate(
    stages: Tables, paces: Paces, before: Ints, asked: Slopes, begins: tuple[int, int], joules: Singles
) -> None:
    """Fill fronts of pipelines that begin at some units, in single precision.

    Args:
        before: [shape, class] the shape with a chiplet of the class less, `BEGINNING` or `NOWHERE`.
        begins: the first of these units, and steps from one to the next.
        joules: [first unit, shape, slope, unit behind the last] least joules + slope * seconds, DRAM bytes at
            their price included; `NEVER`: none.
    """
    sizes, variants, classes, units, _ = stages.first_s.shape
    rows = np.full((variants, classes, units, units + 1), np.float32(NEVER))
    so_far, far = np.full((len(before), units + 1), np.float32(NEVER)), np.zeros(len(before), np.int64)
    any_pace, ends = np.full((len(before), units + 1), np.float32(NEVER)), np.zeros((4, len(before)), np.int64)
    last = paces.floor.shape[1] - 1
    for m in range(sizes):
        reach, begin = _reach(paces.reach[m])
        for k in range(len(asked.second_w)):
            _price(stages, m, (asked.second_w[k], asked.byte_j), begins[0], rows)
            # Where joules alone count, or there is but one micro-batch, the slowest stage pays nothing.
            slowest = asked.second_w[k] * paces.times[m]
            for u in range(begins[0], units, begins[1]):
                least = joules[u, :, k]
                _alone(stages, rows, before, (m, u), slowest, least)
                any_pace[:, u:] = np.float32(NEVER)
                ends[0], ends[1], ends[2], ends[3] = u + 1, units, u + 1, units
                _going_on(rows, reach[last], before, u, ends, so_far, far)
                _closed(rows, reach[last], before, u, ends, (so_far, far), np.float32(0.0), any_pace)
                for r in range(last if slowest == 0.0 else 0, last):
                    whole = np.float32(slowest * paces.floor[m, r])
                    if not _find_useful(before, u, begin[r], any_pace, whole, least, ends):
                        break
                    _going_on(rows, reach[r], before, u, ends, so_far, far)
                    _closed(rows, reach[r], before, u, ends, (so_far, far), whole, least)
                whole = np.float32(slowest * paces.floor[m, last])
                for shape in range(len(before)):
                    for v in range(u + 2, units + 1):
                        least[shape, v] = min(least[shape, v], any_pace[shape, v] + whole)


@inner()
def _find_useful(
    before: Ints, u: int, begin: Ints, any_pace: Singles, whole: np.float32, least: Singles, ends: Ints
) -> bool:
    """Where pipelines of a shape may still be cheaper than they are where the slowest stage pays so much; whether any.

    Args:
        begin: [class, v] the first unit from which a stage to unit v - 1 or further is within reach.
        ends: [0 and 1, shape] the first and the last end of pipelines, [2 and 3, shape] and of stages that go on.
    """
    found, units = False, least.shape[1] - 1
    ends[0], ends[1], ends[2], ends[3] = units + 1, 0, units + 1, 0
    for shape in range(len(before) - 1, -1, -1):
        for v in range(u + 2, units + 1):
            if any_pace[shape, v] + whole < least[shape, v]:
                ends[0, shape] = v
                break
        if ends[0, shape] <= units:
            found, v = True, units
            while any_pace[shape, v] + whole >= least[shape, v]:
                v -= 1
            ends[1, shape] = v
        for kind in (0, 2):
            if ends[kind, shape] <= units:
                for c in range(before.shape[1]):
                    source = before[shape, c]
                    if source >= 0:
                        ends[2, source] = min(ends[2, source], max(u + 1, begin[c, ends[kind, shape]]))
                        ends[3, source] = max(ends[3, source], ends[kind + 1, shape] - 1)
    return found


@inner()
def _reach(reach: Ints) -> tuple[Ints, Ints]:
    """[range, class, u] the unit behind the last one of the longest stages from unit u on that are within reach, of
    those with which a stage up to unit v - 1 is, [range, class, v]; and the first of the latter for that or any later
    end."""
    ranges, classes, ends = reach.shape
    found, begin = np.zeros((ranges, classes, ends), np.int64), reach.copy()
    for r in range(ranges):
        for c in range(classes):
            for v in range(ends - 2, -1, -1):
                begin[r, c, v] = min(begin[r, c, v], begin[r, c, v + 1])
            v = 0
            for u in range(ends):
                while v + 1 < ends and begin[r, c, v + 1] <= u:
                    v += 1
                found[r, c, u] = v if v > u else 0
    return found, begin


@inner()
def _price(stages: Tables, m: int, each: tuple[float, float], begin: int, rows: Singles) -> None:
    """[variant, class, u, v] what a stage of units u to v - 1 pays once, for each second and DRAM byte."""
    (second_w, byte_j) = each
    variants, classes, units, _ = rows.shape
    for variant in range(variants):
        for c in range(classes):
            for u in range(begin, units):
                for v in range(u + 1, units + 1):
                    at = m, variant, c, v - 1, u
                    rows[variant, c, u, v] = min(
                        NEVER, second_w * stages.first_s[at] + stages.energy_j[at] + byte_j * stages.dram_bytes[at]
                    )


@inner(fastmath=FAST)
def _going_on(rows: Singles, reach: Ints, before: Ints, u: int, ends: Ints, so_far: Singles, far: Ints) -> None:
    """[shape, v] the cheapest stages from unit u to unit v - 1 that go on, none slower than the range allows; far:
    [shape] the last v to which there are any."""
    shapes, classes = before.shape
    for shape in range(shapes):
        sums, far[shape] = so_far[shape], u
        low, high = ends[2, shape], ends[3, shape]
        if low > high:
            continue
        sums[low : high + 1] = np.float32(NEVER)
        for c in range(classes):
            source = before[shape, c]
            if source == BEGINNING:
                row, end = rows[1, c, u], min(high, reach[c, u])
                far[shape] = max(far[shape], end)
                for v in range(low, end + 1):
                    sums[v] = min(sums[v], row[v])
            elif source >= 0 and far[source] > u:
                span = ends[2, source], far[source], low, high
                far[shape] = max(far[shape], _extended(so_far[source], rows[0, c], reach[c], span, sums))


@inner(fastmath=FAST)
def _extended(sums: Singles, row: Singles, reach: Ints, span: tuple[int, int, int, int], least: Singles) -> int:
    """Take one more stage from each unit of a span on where that is cheaper, to ends of another; how far that leads."""
    first, last, low, high = span
    far = 0
    for w in range(first, min(last + 1, len(row))):
        begin, end = max(w + 1, low), min(reach[w], high) + 1
        if end > begin:
            far = max(far, end - 1)
            # Views and a choice instead of `min`: of these Numba makes instructions for many values at once.
            paid, own, into = sums[w], row[w, begin:end], least[begin:end]
            for v in range(len(own)):
                whole = paid + own[v]
                into[v] = whole if whole < into[v] else into[v]
    return far


@inner(fastmath=FAST)
def _closed(
    rows: Singles,
    reach: Ints,
    before: Ints,
    u: int,
    ends: Ints,
    going_on: tuple[Singles, Ints],
    whole: np.float32,
    joules: Singles,
) -> None:
    """Take pipelines of two stages and more that end behind each unit, where they are cheaper."""
    (so_far, far), units = going_on, rows.shape[2]
    least = np.full(units + 1, np.float32(NEVER))
    for shape in range(len(before)):
        low, high = max(u + 2, ends[0, shape]), ends[1, shape]
        if low > high:
            continue
        least[low : high + 1] = np.float32(NEVER)
        for c in range(before.shape[1]):
            source = before[shape, c]
            if source >= 0 and far[source] > u:
                _extended(so_far[source], rows[2, c], reach[c], (ends[2, source], far[source], low, high), least)
        for v in range(low, high + 1):
            joules[shape, v] = min(joules[shape, v], least[v] + whole)


@inner(fastmath=FAST)
def _alone(stages: Tables, rows: Singles, before: Ints, at: tuple[int, int], slowest: float, joules: Singles) -> None:
    """Take pipelines of one stage, whose pace is known."""
    m, u = at
    for shape in range(len(before)):
        for c in range(before.shape[1]):
            if before[shape, c] == BEGINNING:
                for v in range(u + 1, joules.shape[1]):
                    paid = rows[3, c, u, v] + np.float32(min(NEVER, slowest * stages.pace_s[m, 3, c, v - 1, u]))
                    joules[shape, v] = min(joules[shape, v], paid)


@kernel(nogil=True)
def cheapest_by_length(joules: Singles, slopes: Floats, rates: Rates) -> tuple[float, Ints]:
    """What the cheapest way through all units pays, and its pipelines [number, (first unit, unit behind the last,
    shape, range of lengths)], the last one first.

    Args:
        joules: [unit behind the last, shape, slope, first unit], else as `tabulate` finds them; slopes: of these.
    """
    _, shapes, _, units = joules.shape
    worth, never = _worth_of(slopes, rates), 0.5 * NEVER * rates.joule
    least, sums, lowest = np.empty((shapes, units), np.float32), np.empty(units, np.float32), np.empty(shapes)
    by_range = np.empty((2, rates.second.shape[1]))
    best, by = np.full(units + 1, never), np.zeros((units + 1, 3), np.int64)
    before, best[0] = np.zeros(units, np.float32), 0.0
    for v in range(1, units + 1):
        before[v - 1] = np.float32(best[v - 1] / rates.joule)
        for shape in range(shapes):
            lowest[shape] = _least_from_each(joules[v, shape], worth, shape, before[:v], sums[:v], least[shape, :v])
        likely = int(np.argmin(lowest))  # tried before the others: then most of these are soon seen to pay more
        for number in range(-1, shapes):
            shape = likely if number < 0 else number
            for u in range(v):
                if rates.joule * SURELY * lowest[shape] >= best[v]:
                    break
                if rates.joule * SURELY * least[shape, u] < best[v]:
                    paid = best[u] + _paid(joules[v, shape, :, u], worth, shape, by_range)
                    if paid < best[v]:
                        best[v] = paid
                        by[v, 0], by[v, 1], by[v, 2] = u, shape, np.argmin(by_range[0])
    way, count, v = np.zeros((units, 4), np.int64), 0, units
    while v > 0 and best[units] < never:
        way[count, 0], way[count, 1], way[count, 2], way[count, 3] = by[v, 0], v, by[v, 1], by[v, 2]
        v = by[v, 0]
        count += 1
    return float(best[units]) if best[units] < never else np.inf, way[:count]


class Worth(NamedTuple):
    """What pipelines pay.

    Args:
        joule: what a joule pays.
        share: [shape, slope, range] shares of two slopes in their mean, which is what a second is worth.
        more: [shape, slope, range] what a pipeline pays at least beside `joule * (joules + slope * seconds)`.
        least_share, least_more: [shape, slope] of the range in which seconds pay least; of that where there is least
            more, in joules.
    """

    joule: float
    share: Floats
    more: Floats
    least_share: Singles
    least_more: Singles


@inner()
def _worth_of(slopes: Floats, rates: Rates) -> Worth:
    """What pipelines pay at these rates."""
    share, more = _shares(slopes, rates), _more(slopes, rates)
    least_share, least_more = np.empty(share.shape[:2], np.float32), np.empty(share.shape[:2], np.float32)
    for shape in range(len(share)):
        for k in range(len(slopes)):
            least_share[shape, k] = share[shape, k, np.argmin(rates.second[shape])]
            least_more[shape, k] = more[shape, k].min() / rates.joule
    return Worth(rates.joule, share, more, least_share, least_more)


@inner(fastmath=FAST)
def _least_from_each(
    joules: Singles, worth: Worth, shape: int, before: Singles, sums: Singles, least: Singles
) -> float:
    """[first unit] what pipelines of a shape pay at least, in joules, with what is paid before, however long the
    window; and the least of them.

    Where a second is worth as much as the slope, it does not matter how long the pipeline takes: that is the least
    wherever seconds pay least. And it is never less than by any one slope in the range where that is least.

    Args:
        joules: [slope, first unit] their fronts; sums: to work with.
    """
    sums[:] = np.float32(0.0)
    least[:] = np.float32(-np.inf)
    for k in range(len(joules)):
        own, share, more = joules[k], worth.least_share[shape, k], worth.least_more[shape, k]
        for u in range(len(sums)):
            sums[u] += share * own[u]
            by_slope = own[u] + more
            least[u] = by_slope if by_slope > least[u] else least[u]
    lowest = np.float32(np.inf)
    for u in range(len(sums)):
        least[u] = before[u] + (sums[u] if sums[u] > least[u] else least[u])
        lowest = least[u] if least[u] < lowest else lowest
    return float(lowest)


@inner(fastmath=FAST)
def _paid(joules: Singles, worth: Worth, shape: int, by_range: Floats) -> float:
    """What a pipeline of a shape pays at least; by_range: [0, range] that, to be filled in.

    Args:
        joules: [slope] its front.
    """
    paid, sums, least = by_range[0], by_range[1], np.inf
    sums[:] = 0.0
    paid[:] = -np.inf
    for k in range(len(joules)):
        each, share, more = worth.joule * joules[k], worth.share[shape, k], worth.more[shape, k]
        for g in range(len(paid)):
            sums[g] += share[g] * each
            by_slope = each + more[g]
            paid[g] = by_slope if by_slope > paid[g] else paid[g]
    for g in range(len(paid)):
        paid[g] = sums[g] if sums[g] > paid[g] else paid[g]
        least = paid[g] if paid[g] < least else least
    return float(least)


@inner()
def _more(slopes: Floats, rates: Rates) -> Floats:
    """[shape, slope, range] what a pipeline in a window of the range pays at least beside `joule * (joules + slope *
    seconds)`: its seconds, or those of the range's shortest window where they are more, less what the slope pays.

    A pipeline takes less than the range's end: where seconds pay less than the slope, that is what it takes."""
    shapes, ranges = rates.second.shape
    more = np.zeros((shapes, len(slopes), ranges))
    for shape in range(shapes):
        for k in range(len(slopes)):
            for g in range(ranges):
                each = rates.second[shape, g] - rates.joule * slopes[k]
                if each >= 0:
                    more[shape, k, g] = each * rates.start_s[g]
                else:
                    more[shape, k, g] = each * rates.start_s[g + 1] if g + 1 < ranges else -np.inf
    return more


@inner()
def _shares(slopes: Floats, rates: Rates) -> Floats:
    """[shape, slope, range] the slope that a second is worth, as the mean of the two next to it.

    The least of `joules + slope * seconds` is a concave function of the slope, so its mean is never too much. A second
    that is worth more than the last slope counts as that."""
    shapes, ranges = rates.second.shape
    share = np.zeros((shapes, len(slopes), ranges))
    for shape in range(shapes):
        for g in range(ranges):
            worth, k = rates.second[shape, g] / rates.joule, 0
            while k + 2 < len(slopes) and slopes[k + 1] <= worth:
                k += 1
            share[shape, k, g] = max(0.0, (slopes[k + 1] - worth) / (slopes[k + 1] - slopes[k]))
            share[shape, k + 1, g] = 1.0 - share[shape, k, g]
    return share
