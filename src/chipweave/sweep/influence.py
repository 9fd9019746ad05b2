"""What the axes of a sweep do to its figures: the best of each value, and how much each axis matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, isqrt

import numpy as np

from chipweave.ndarrays import Bools, Floats, Ints
from chipweave.results.sweep_summary import MORE_IS_BETTER, BestOf, Sensitivity
from chipweave.sweep.gather import Gathered, levels, numeric
from chipweave.sweep.sensitivity import (
    Apart,
    all_but,
    first_order,
    is_product,
    of_product,
    one_at_a_time,
    quantiles,
)

MOST_GROUPS = 16
"""Values of an axis that are groups of their own; of more numbers there are `RANGES` ranges, of more names the best."""
RANGES = 8
MOST_RANGES = 64
"""Of an axis of many numbers, of which the variance is taken apart by ranges."""


@dataclass(frozen=True)
class Coded:
    """An axis by numbers.

    Args:
        which: (points,) the number of the value that a point has.
        values: these.
        numbers: the values as numbers; None where they are none.
    """

    path: str
    which: Ints
    values: Sequence[object]
    numbers: Floats | None

    def ranges(self, count: int, known: Ints | Bools) -> Ints:
        """Of the points `known`: the number of the value, or of one of `count` ranges where there are more numbers."""
        numbers = None if self.numbers is None else self.numbers[self.which[known]]
        return self.which[known] if numbers is None or len(self.values) <= count else quantiles(numbers, count)


def coded(found: Gathered) -> tuple[Coded, ...]:
    """All axes."""
    made = []
    for path, column in found.axes.items():
        which, values = levels(column)
        made.append(Coded(path, which, values, np.array(values, np.float64) if numeric(values) else None))
    return tuple(made)


def groups(found: Gathered, axis: Coded, figure: str) -> list[BestOf]:
    """The best of each value of an axis, or of each range of values."""
    everyone = np.arange(len(found.keys))
    ranged = axis.numbers is not None and len(axis.values) > MOST_GROUPS
    which = axis.ranges(RANGES, everyone) if ranged else axis.which
    turn = -1.0 if figure in MORE_IS_BETTER else 1.0
    ranked = np.nan_to_num(found.figure(figure) * turn, nan=np.inf)
    failed = np.zeros(len(everyone), bool)
    failed[list(found.failures)] = True
    made: list[tuple[float, BestOf]] = []
    for members in _members(which):
        best = members[np.argmin(ranked[members])]
        there = ranked[members][np.isfinite(ranked[members])]
        ends = (axis.which[members].min(), axis.which[members].max()) if ranged else (axis.which[best],)
        group = BestOf(
            axis.path,
            tuple(axis.values[end] for end in dict.fromkeys(map(int, ends))),
            int(found.finished[members].sum()),
            int(failed[members].sum()),
            int(found.positions[best]) if len(there) else None,
            float(np.median(there)) * turn if len(there) else None,
        )
        made.append((float(ranked[best]), group))
    if len(made) > MOST_GROUPS:
        made = sorted(made, key=lambda each: each[0])[:MOST_GROUPS]
    return [group for _, group in made]


def sensitivities(
    found: Gathered, axes: Sequence[Coded], figures: Sequence[str]
) -> tuple[tuple[Sensitivity, ...], frozenset[str], bool]:
    """Of the figures on the axes that vary; which figures are analysed by factors; whether the finished points are a
    whole product."""
    varying = [axis for axis in axes if len(axis.values) > 1]
    if not varying:
        return (), frozenset(), False
    made: list[Sensitivity] = []
    by_factors: set[str] = set()
    whole = True
    table, others = np.zeros((0, 0), np.int64), list[Ints]()
    before = None
    for figure in figures:
        known = np.isfinite(found.figure(figure))
        values = found.figure(figure)[known]
        if before is None or (known != before).any():
            table = np.column_stack([axis.which[known] for axis in varying])
            others = [all_but(table, number) for number in range(len(varying))]
            before = known
        if (values > 0).all():
            by_factors.add(figure)
            values = np.log(values)
        product = is_product(table)
        whole = whole and product
        for axis, groups, rest in zip(varying, table.T, others, strict=True):
            few = axis.ranges(min(MOST_RANGES, isqrt(len(values))), known)
            parts = of_product(groups, rest, values) if product else (first_order(few, values), None)
            apart = one_at_a_time(rest, values)
            made.append(_sensitivity(axis.path, figure, apart, parts, figure in by_factors))
    return tuple(made), frozenset(by_factors), whole


def _sensitivity(
    axis: str, figure: str, apart: Apart | None, parts: tuple[float | None, float | None] | None, by_factors: bool
) -> Sensitivity:
    first, total = parts or (None, None)
    if apart is None:
        return Sensitivity(axis, figure, 0, None, None, first, total)
    typical, largest = (exp(apart.typical), exp(apart.largest)) if by_factors else (apart.typical, apart.largest)
    return Sensitivity(axis, figure, apart.sets, typical, largest, first, total)


def _members(which: Ints) -> Iterator[Ints]:
    """Of each group the numbers of its points, in their order."""
    short = which.astype(np.int16) if which.max() < np.iinfo(np.int16).max else which  # which sorts in one pass
    order = np.argsort(short, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(which[order])) + 1)
