"""How far predictions are from measurements, over sets of points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from chipweave.validation.measurement import Point

BANDS = (0.10, 0.25, 0.50)
"""Errors, as fractions of the measured figure, within which points are counted."""

BINS = (0.0, 0.5, 0.67, 0.8, 0.9, 0.95, 1.05, 1.1, 1.25, 1.5, 2.0, math.inf)
"""Limits of the bars of a histogram of ratios, about as wide below 1 as above."""

WIDEST_BAR = 40
"""Characters."""


@dataclass(frozen=True)
class Accuracy:
    """Of some points with predictions.

    Args:
        points: how many.
        mean_error: mean absolute error, as a fraction of the measured figure.
        ratios: predicted over measured: the tenth, fiftieth and ninetieth percentile.
        worst: the point with the largest absolute error.
        within: for each of `BANDS` the share of points with an error of at most that.
    """

    points: int
    mean_error: float
    ratios: tuple[float, float, float]
    worst: Point
    within: tuple[float, ...]


def accuracy(points: Iterable[Point]) -> Accuracy | None:
    """Of the points that have a prediction; None where none has."""
    rated = [(point, point.ratio) for point in points if point.ratio is not None]
    if not rated:
        return None
    errors = [abs(ratio - 1) for _, ratio in rated]
    ratios = sorted(ratio for _, ratio in rated)
    return Accuracy(
        points=len(rated),
        mean_error=sum(errors) / len(errors),
        ratios=(quantile(ratios, 0.1), quantile(ratios, 0.5), quantile(ratios, 0.9)),
        worst=max(rated, key=lambda pair: abs(pair[1] - 1))[0],
        within=tuple(sum(error <= band for error in errors) / len(errors) for band in BANDS),
    )


def quantile(ascending: Sequence[float], share: float) -> float:
    """The value below which `share` of the sorted values lie, between two values in proportion."""
    place = share * (len(ascending) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (place - below) * (ascending[above] - ascending[below])


def halves(points: Sequence[Point]) -> dict[str, tuple[Point, ...]]:
    """All points, and where some are held out, also the half that parameters may be set from and the other half."""
    parts = {
        "all": tuple(points),
        "may set parameters": tuple(point for point in points if not point.held_out),
        "held out": tuple(point for point in points if point.held_out),
    }
    return parts if parts["held out"] else {"all": parts["all"]}


def quantities(points: Iterable[Point]) -> dict[str, list[Point]]:
    """The points by what was measured, in their order."""
    found: dict[str, list[Point]] = {}
    for point in points:
        found.setdefault(point.quantity, []).append(point)
    return found


def histogram(points: Iterable[Point]) -> list[str]:
    """How many ratios lie in each of `BINS`, a line each from the first to the last that is not empty."""
    ratios = [point.ratio for point in points if point.ratio is not None]
    counts = [sum(low <= ratio < high for ratio in ratios) for low, high in pairwise(BINS)]
    filled = [number for number, count in enumerate(counts) if count]
    if not filled:
        return []
    scale = min(1.0, WIDEST_BAR / max(counts))
    lines = []
    for number in range(filled[0], filled[-1] + 1):
        low, high = BINS[number], BINS[number + 1]
        limits = f"{low:.2f} to {high:.2f}" if math.isfinite(high) else f"{low:.2f} and more"
        lines.append(f"{limits:<13} {'#' * math.ceil(scale * counts[number]):<{WIDEST_BAR}} {counts[number]}".rstrip())
    return lines
