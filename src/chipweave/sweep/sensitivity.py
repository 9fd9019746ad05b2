"""How much a figure hangs on each axis of a sweep.

Two views of the same points. One at a time: where points differ in one axis alone, how far apart are they? By variance
(Sobol 1993; Homma and Saltelli 1996): what part of the figure's variance does an axis explain by itself (first order),
and what part goes when all axes but this one are known (total)? Over a whole product of axes both parts are exact;
of other samples the first order is estimated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chipweave.ndarrays import Floats, Ints

FEWEST_IN_A_GROUP = 2
"""Points that share a value, on average, below which nothing is said of it."""


@dataclass(frozen=True)
class Apart:
    """How far points that differ in one axis alone are apart.

    Args:
        sets: of two points or more that are equal in all other axes.
        typical, largest: of each set's largest value less its least, the median and the largest.
    """

    sets: int
    typical: float
    largest: float


def is_product(levels: Ints) -> bool:
    """Whether every combination of the axes' values is there, each once.

    Args:
        levels: (points, axes), the number of the value that a point has on an axis, from 0.
    """
    if not len(levels):
        return False
    combinations = 1
    for column in levels.T:
        combinations *= len(np.unique(column))
    return combinations == len(levels) == int(joint(levels).max()) + 1


def joint(levels: Ints) -> Ints:
    """(points,) numbers from 0: the same where points are equal in all columns."""
    found, combinations = np.zeros(len(levels), np.int64), 1
    for column in levels.T:
        values = int(column.max(initial=0)) + 1
        if combinations * values > np.iinfo(np.int64).max:
            found = _ranked(found)
            combinations = len(levels)
        found = found * values + column
        combinations *= values
    if combinations > 8 * len(levels):
        return _ranked(found)
    there = np.bincount(found, minlength=combinations) > 0
    return (np.cumsum(there) - 1)[found]


def all_but(levels: Ints, axis: int) -> Ints:
    """(points,) numbers from 0: the same where points differ in this axis alone, if at all."""
    return joint(np.delete(levels, axis, axis=1))


def one_at_a_time(others: Ints, values: Floats) -> Apart | None:
    """How far apart `values` are where only one axis differs; None where no two points are alike in all others.

    Args:
        others: `all_but` this axis.
    """
    counts = np.bincount(others)
    most, least = np.full(len(counts), -np.inf), np.full(len(counts), np.inf)
    np.maximum.at(most, others, values)
    np.minimum.at(least, others, values)
    spans = (most - least)[counts > 1]
    return Apart(len(spans), float(np.median(spans)), float(spans.max())) if len(spans) else None


def first_order(groups: Ints, values: Floats) -> float | None:
    """The part of the variance that the means of groups explain, less what chance alone would let them explain.

    This is epsilon squared of the analysis of variance (Kelley 1935), never below 0. None where nothing varies, or
    groups are too small.
    """
    total, between, count = _between(groups, values)
    if total <= 0 or len(values) < FEWEST_IN_A_GROUP * count:
        return None
    within = (total - between) / (len(values) - count)
    return float(np.clip((between - (count - 1) * within) / total, 0.0, 1.0))


def of_product(groups: Ints, others: Ints, values: Floats) -> tuple[float, float] | None:
    """First-order and total index of an axis of a whole product (`is_product`), exactly; None where nothing varies.

    Args:
        groups: the number of the value on the axis.
        others: `all_but` this axis.
    """
    total, between, _ = _between(groups, values)
    if total <= 0:
        return None
    of_others = _between(others, values)[1]
    return float(np.clip(between / total, 0.0, 1.0)), float(np.clip(1 - of_others / total, 0.0, 1.0))


def quantiles(column: Floats, groups: int) -> Ints:
    """(points,) numbers from 0: in which of so many groups of about one size a value is; equal values share theirs."""
    _, which, counts = np.unique(column, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2
    found = np.floor(middle * groups / len(column)).astype(np.int64)
    return np.unique(found, return_inverse=True)[1][which.reshape(-1)].reshape(-1)


def _between(groups: Ints, values: Floats) -> tuple[float, float, int]:
    """Sums of squares about the mean: of all values, and of the means of groups; how many groups there are."""
    about = values - values.mean()
    total = float(about @ about)
    if total <= (1e-13 * float(np.abs(values).max())) ** 2 * len(values):  # rounding alone
        return 0.0, 0.0, 1
    counts = np.bincount(groups)
    sums = np.bincount(groups, weights=about)
    there = counts > 0
    return total, float((sums[there] ** 2 / counts[there]).sum()), int(there.sum())


def _ranked(numbers: Ints) -> Ints:
    return np.unique(numbers, return_inverse=True)[1].reshape(-1)

