"""How slow and how costly a window may be and still be part of a better schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from chipweave.evaluation.bound import Point
from chipweave.ndarrays import Floats, Ints

_BINS = 128
HAIR = 1e-12
MOST_POINTS = 24


class Caps(NamedTuple):
    """Most energy a window may take, by its latency: `energy_j[q]` holds from `start_s + q * step_s` on.

    Past the last bin nothing is allowed. Bins are judged at their fast end, so no cap is ever too low.
    """

    start_s: float
    step_s: float
    energy_j: Floats

    def at(self, latency_s: Floats) -> Floats:
        """The cap for each latency."""
        if math.isinf(self.step_s):
            return np.full(len(latency_s), self.energy_j[0])
        bins = np.maximum(0, (latency_s - self.start_s) / self.step_s).astype(np.int64)
        return np.append(self.energy_j, -math.inf)[np.minimum(bins, len(self.energy_j))]

    def less(self, energy_j: float) -> Caps:
        """What is left when others take `energy_j`."""
        return self._replace(energy_j=self.energy_j - energy_j)


class Least(NamedTuple):
    """What all pipelines of a model take at least: behind one of these points each of them lies, [p] by latency, the
    energies falling."""

    latency_s: Floats
    energy_j: Floats

    def within(self, latency_s: Floats) -> Floats:
        """Least energy of those that are no slower; infinite where none is."""
        return np.append(math.inf, self.energy_j)[np.searchsorted(self.latency_s, latency_s, side="right")]


def least_of(latency_s: Floats, energy_j: Floats) -> Least:
    """Of points behind one of which every pipeline lies those that no other is behind."""
    order = np.lexsort((energy_j, latency_s))
    lowest = np.minimum.accumulate(energy_j[order])
    first = np.append(True, lowest[1:] < lowest[:-1])
    return Least(latency_s[order][first], lowest[first])


def least_of_window(parts: Sequence[Sequence[Least]], chiplets: int, floor: Point) -> list[Point]:
    """Points behind one of which a window lies whose models take at least so much, few of them.

    Args:
        parts: of each model, what it takes at least on up to 1, 2, 3 and more chiplets; chiplets: of all together.
        floor: what the whole window does not go below.
    """
    latency_s = np.unique(np.concatenate([least.latency_s for part in parts for least in part]))
    energy_j = side_by_side_j(parts, chiplets, latency_s)[chiplets]
    points = [(float(s), float(j)) for s, j in zip(latency_s, energy_j, strict=True) if math.isfinite(j)]
    return together([[(max(s, floor[0]), max(j, floor[1])) for s, j in points]]) if points else [floor]


def side_by_side_j(parts: Sequence[Sequence[Least]], chiplets: int, latency_s: Floats) -> Floats:
    """Least energy of models side by side, [chiplets + 1, latencies], by how many chiplets they have together and how
    long they may take.

    Args:
        parts: of each model, what it takes at least on up to 1, 2, 3 and more chiplets.
    """
    made = np.zeros((chiplets + 1, len(latency_s)))
    for part in parts:
        before, made = made, np.full(made.shape, math.inf)
        for own, least in enumerate(part, start=1):
            within_j = least.within(latency_s)
            for all_ in range(own, chiplets + 1):
                np.minimum(made[all_], before[all_ - own] + within_j, out=made[all_])
    return made


def ends_s(caps: Caps) -> Floats:
    """By when a window of each bin has ended; a hair late: rounding must not put what ends with a bin behind it."""
    if math.isinf(caps.step_s):
        return np.array([math.inf])
    bins = np.arange(1, len(caps.energy_j) + 1, dtype=np.float64)
    return (caps.start_s + caps.step_s * bins) * (1 + HAIR)


def beside(caps: Caps, others_j: Floats) -> Caps:
    """What is left for one of several models that run in a window: whatever the window's latency, the others have to
    end in it, too.

    Args:
        others_j: [bins] what they take at least within a window of each bin.
    """
    left_j = np.full(len(others_j), -math.inf)
    np.subtract(caps.energy_j, others_j, out=left_j, where=np.isfinite(others_j))
    # A model may end earlier than the window does.
    return caps._replace(energy_j=np.maximum.accumulate(left_j[::-1])[::-1].copy())


def until(caps: Caps, latest_s: float) -> Caps:
    """The caps for a model that has to have ended by then: nothing is allowed that is slower (by more than a bin)."""
    if math.isinf(latest_s):
        return caps
    if latest_s <= 0:
        return Caps(0.0, math.inf, np.array([-math.inf]))
    if math.isinf(caps.step_s):
        return Caps(0.0, latest_s * (1 + HAIR), caps.energy_j[:1])
    bins = max(0, math.floor((latest_s - caps.start_s) / caps.step_s)) + 1
    return caps._replace(energy_j=caps.energy_j[:bins])


NO_CAPS = Caps(0.0, math.inf, np.array([math.inf]))


class Ladder(NamedTuple):
    """The caps of a pipeline by how many chiplets it takes, which it takes from the others: energies [chiplets + 1,
    bins], falling."""

    start_s: float
    step_s: float
    energy_j: Floats

    def at(self, latency_s: Floats, chiplets: Ints) -> Floats:
        """The cap for each latency and number of chiplets."""
        rows = [Caps(self.start_s, self.step_s, row).at(latency_s) for row in self.energy_j]
        return np.array(rows)[chiplets, np.arange(len(latency_s))]


def ladder(steps: Sequence[Caps]) -> Ladder:
    """Of the caps for 1, 2, 3 and more chiplets."""
    return Ladder(steps[0].start_s, steps[0].step_s, np.array([steps[0].energy_j, *(each.energy_j for each in steps)]))


def caps(
    objective: Callable[[float, float], float], incumbent: float, own: Sequence[Point], others: Sequence[Point]
) -> Caps:
    """What a window may cost in any schedule whose objective is at most `incumbent`.

    Args:
        own: points behind one of which the window lies, whatever is chosen for it.
        others: points behind one of which the schedule's other windows together lie, whatever is chosen for them.
    """
    if not math.isfinite(incumbent):
        return NO_CAPS

    def holds(latency_s: float, energy_j: float) -> bool:
        return any(objective(latency_s + more_s, energy_j + more_j) <= incumbent for more_s, more_j in others)

    within = [point for point in own if holds(*point)]
    if not within:
        return Caps(0.0, math.inf, np.array([-math.inf]))
    start_s, start_j = (min(each) for each in zip(*within, strict=True))

    slowest_s = _largest(lambda x: holds(x, start_j), start_s)
    if not math.isfinite(slowest_s):
        return Caps(0.0, math.inf, np.array([_largest(lambda y: holds(start_s, y), start_j)]))
    step_s = max((slowest_s - start_s) / (_BINS - 1), 1e-15)
    starts = start_s + step_s * np.arange(_BINS)
    return Caps(start_s, step_s, np.array([_largest(partial(holds, float(each)), start_j) for each in starts]))


def together(fronts: Sequence[Sequence[Point]]) -> list[Point]:
    """Points behind one of which a choice from each front lies, added up; few of them."""
    made: list[Point] = [(0.0, 0.0)]
    for front in fronts:
        sums = sorted((one[0] + other[0], one[1] + other[1]) for one in made for other in front)
        made = []
        for latency_s, energy_j in sums:
            if not made or energy_j < made[-1][1]:
                made.append((latency_s, energy_j))
        size = -(-len(made) // MOST_POINTS)
        made = [(some[0][0], some[-1][1]) for some in (made[at : at + size] for at in range(0, len(made), size))]
    return made


def _largest(holds: Callable[[float], bool], start: float) -> float:
    """The largest x at which a condition that fails from some x on still holds, a hair generous."""
    low, high = start, max(2 * start, 1e-12)
    if not holds(low):
        return low
    for _ in range(60):
        if not holds(high):
            break
        low, high = high, 2 * high
    else:
        return math.inf
    while high - low > 1e-5 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high
