"""Fronts: the points that no other is better than in everything, and how much of the space below a corner they rule."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from chipweave.ndarrays import Bools, Floats


def on_front(values: Floats) -> Bools:
    """Whether each of n points is on the front of two or three figures, of which less is better.

    A point is off the front where another is at most as much in every figure and less in one; equal points are on it
    together.

    Args:
        values: (n, 2) or (n, 3), finite.

    Raises:
        ValueError: of another shape.
    """
    _require_two_or_three(values)
    if not len(values):
        return np.zeros(0, bool)
    unique, which = np.unique(values, axis=0, return_inverse=True)
    best: Bools = (_flat if values.shape[1] == 2 else _stairs)(unique)[which.reshape(-1)]
    return best


def _flat(values: Floats) -> Bools:
    """The front of different points in the order of x, then y: each lies below all before it."""
    before = np.minimum.accumulate(np.concatenate([[np.inf], values[:-1, 1]]))
    lower: Bools = values[:, 1] < before
    return lower


def _stairs(values: Floats) -> Bools:
    """The same of three figures: of the points so far, those that matter are stairs that fall in z as y rises."""
    ys: list[float] = []
    zs: list[float] = []
    best = np.zeros(len(values), bool)
    for number, (y, z) in enumerate(values[:, 1:].tolist()):
        at = bisect_right(ys, y)
        if at and zs[at - 1] <= z:
            continue
        best[number] = True
        first = at - 1 if at and ys[at - 1] == y else at
        end = first
        while end < len(zs) and zs[end] >= z:
            end += 1
        ys[first:end], zs[first:end] = [y], [z]
    return best


def hypervolume(values: Floats, reference: Sequence[float]) -> float:
    """The area (of two figures) or volume (of three) of what some point is at least as good as, up to `reference`.

    Exact but for rounding. Points beyond the reference rule nothing.

    Args:
        values: (n, 2) or (n, 3), less is better; in the units of the figures.
        reference: the worst corner, one value a figure.

    Raises:
        ValueError: of another shape.
    """
    _require_two_or_three(values)
    corner = np.asarray(reference, np.float64)
    inside = values[(values < corner).all(axis=1)]
    inside = inside[on_front(inside)]
    if inside.shape[1] == 2:
        return _area(inside[np.lexsort((inside[:, 1], inside[:, 0]))], corner)
    inside = inside[np.argsort(inside[:, 2], kind="stable")]
    rank = np.empty(len(inside), np.int64)
    rank[np.lexsort((inside[:, 1], inside[:, 0]))] = np.arange(len(inside))
    slab = np.tile(corner[:2], (len(inside), 1))  # points that are not there yet, at their places in the order of x
    levels = np.append(inside[:, 2], corner[2])
    total = 0.0
    for number, point in enumerate(inside):
        slab[rank[number]] = point[:2]
        if levels[number + 1] > levels[number]:
            here = slab[np.sort(rank[: number + 1])]
            total += _area(here, corner) * float(levels[number + 1] - levels[number])
    return total


def _area(values: Floats, corner: Floats) -> float:
    """Below the corner, of points in the order of x; those that others are better than add nothing."""
    tops = np.minimum.accumulate(np.concatenate([[corner[1]], values[:, 1]]))
    return float(((corner[0] - values[:, 0]) * (tops[:-1] - tops[1:])).sum())


def _require_two_or_three(values: Floats) -> None:
    if values.ndim != 2 or values.shape[1] not in (2, 3):
        raise ValueError(f"values of shape {values.shape} are no points of two or three figures")
