"""Where chiplets are drawn: on the package's own grid, or spread out so that distances are hops."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from chipweave.hardware.package import Package
from chipweave.ndarrays import Floats

WIDEST_GAP = 2
"""Pitches between neighbouring rows or columns in use, at most."""
_MOST_PUSHES, _MOST_PAIRS = 500, 10_000_000
"""Rounds in which chiplets push each other apart, and the pairs that all of these look at."""


@dataclass(frozen=True)
class Places:
    """Centres of the chiplets in pitches from the upper left one: (x, y) of each, all at least 0."""

    points: tuple[tuple[float, float], ...]
    on_grid: bool

    @property
    def width(self) -> float:
        return max(x for x, _ in self.points)

    @property
    def height(self) -> float:
        return max(y for _, y in self.points)

    def bent(self, a: int, b: int) -> bool:
        """Whether a link between two chiplets is drawn as an arc: on a grid, where others lie between them."""
        (ax, ay), (bx, by) = self.points[a], self.points[b]
        return self.on_grid and max(abs(ax - bx), abs(ay - by)) > 1


@lru_cache(maxsize=4)  # every drawing of a page asks
def places(package: Package) -> Places:
    """The centres; the same for the same package. No two are closer than one pitch."""
    if package.positions is not None:
        rows, columns = (grid_lines([position[axis] for position in package.positions]) for axis in (0, 1))
        return Places(tuple((float(columns[c]), float(rows[r])) for r, c in package.positions), True)
    points = _spread(package.hop_matrix.astype(np.float64))
    points -= points.min(axis=0)
    points = np.round(points, 2) + 0.0
    return Places(tuple((float(x), float(y)) for x, y in points), False)


def grid_lines(numbers: list[int]) -> dict[int, int]:
    """Where each row (or column) in use is drawn, from 0 on: gaps between them are kept up to a bound."""
    found, at, before = {}, 0, min(numbers)
    for value in sorted(set(numbers)):
        at += min(value - before, WIDEST_GAP)
        found[value], before = at, value
    return found


def _spread(hops: Floats) -> Floats:
    """Points in the plane whose distances come close to `hops` (stress majorisation, Gansner et al. 2004)."""
    count = len(hops)
    if count < 3:
        return np.stack([np.arange(count, dtype=np.float64), np.zeros(count)], axis=1)
    points = _first_guess(hops)
    weights = 1 / np.where(hops > 0, hops, 1) ** 2
    np.fill_diagonal(weights, 0)
    total = weights.sum(axis=1)[:, None]
    for _ in range(max(10, min(100, 2_000_000 // count**2))):
        apart = points[:, None] - points[None]
        length = np.sqrt((apart**2).sum(axis=2))
        scale = weights * hops / np.where(length > 1e-9, length, 1)
        points = (weights @ points + (scale[:, :, None] * apart).sum(axis=1)) / total
        points -= points.mean(axis=0)
    return _apart(points)


def _apart(points: Floats) -> Floats:
    """Points scaled, and pushed where that is not enough, until no two tiles of one pitch overlap; where that takes
    too long, in many chiplets around one, put on the nearest free places of a grid."""
    gaps = np.abs(points[:, None] - points[None]).max(axis=2)
    np.fill_diagonal(gaps, np.inf)
    points = points * min(2.0, 1 / max(float(gaps.min()), 1e-9))
    for _ in range(max(1, min(_MOST_PUSHES, _MOST_PAIRS // len(points) ** 2))):
        between = points[:, None] - points[None]
        gaps = np.abs(between).max(axis=2)
        np.fill_diagonal(gaps, np.inf)
        if gaps.min() >= 1:
            return points
        missing = np.where(gaps < 1, 1.02 - gaps, 0)
        length = np.maximum(np.sqrt((between**2).sum(axis=2)), 1e-9)
        points = points + ((0.5 * missing / length)[:, :, None] * between).sum(axis=1)
    return _on_a_grid(points)


def _on_a_grid(points: Floats) -> Floats:
    """Whole numbers near the points, each taken once; the points in the middle choose first."""
    side = int(max(np.ptp(points, axis=0).max(), np.sqrt(len(points)))) + 2
    free = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2).astype(np.float64)
    centred = points - (points.min(axis=0) + points.max(axis=0)) / 2
    placed = np.empty_like(points)
    for chiplet in np.argsort((centred**2).sum(axis=1), kind="stable"):
        nearest = int((((free - (side - 1) / 2) - centred[chiplet]) ** 2).sum(axis=1).argmin())
        placed[chiplet] = free[nearest]
        free = np.delete(free, nearest, axis=0)
    return placed


def _first_guess(hops: Floats) -> Floats:
    """The two main axes of the distances (classical scaling), by power iteration from a fixed start."""
    count = len(hops)
    square = hops**2
    centred = -0.5 * (square - square.mean(axis=0) - square.mean(axis=1)[:, None] + square.mean())
    axes: list[Floats] = []
    for shift in (0.0, 1.0):
        axis = np.cos(np.arange(count) * (1 + shift) + shift)
        for _ in range(200):
            axis = centred @ axis + 0.01 * axis
            for other in axes:
                axis -= (axis @ other) * other
            axis /= np.linalg.norm(axis)
        axes.append(axis)
    turn = 2.4 * np.arange(count)  # chiplets that are as far from all others as one another would coincide for ever
    aside: Floats = 0.05 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    guess: Floats = np.stack([axis * np.sqrt(abs(axis @ centred @ axis)) for axis in axes], axis=1) + aside
    return guess
