"""How slow and how costly a window may be and still be part of a better schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from chipweave.evaluation.bound import Point
from chipweave.ndarrays import Floats
from chipweave.plan.objective import Objective

_BINS = 128


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


def beside(caps: Caps, latency_s: float, energy_j: float) -> Caps:
    """What is left for one of several models that run in a window, where the others take at least so long, and so much
    together: a model that ends earlier than they do makes the window no shorter."""
    left = caps.less(energy_j)
    if math.isinf(left.step_s):
        return left
    last = min(len(left.energy_j) - 1, max(0, int((latency_s - left.start_s) / left.step_s)))
    return left._replace(energy_j=np.minimum(left.energy_j, left.energy_j[last]) if last else left.energy_j)


NO_CAPS = Caps(0.0, math.inf, np.array([math.inf]))


def caps(objective: Objective, incumbent: float, least: Sequence[Point], window: int) -> Caps:
    """What a window may cost in any schedule whose objective is at most `incumbent`.

    `least` bounds every window of the schedule from below.
    """
    if not math.isfinite(incumbent):
        return NO_CAPS
    total_s, total_j = (sum(values) for values in zip(*least, strict=True))
    start_s, start_j = least[window]
    others_s, others_j = total_s - start_s, total_j - start_j
    slowest_s = _largest(lambda x: objective(x + others_s, total_j) <= incumbent, start_s)
    if not math.isfinite(slowest_s):
        flat_j = _largest(lambda y: objective(total_s, y + others_j) <= incumbent, start_j)
        return Caps(0.0, math.inf, np.array([flat_j]))
    step_s = max((slowest_s - start_s) / (_BINS - 1), 1e-15)
    starts = start_s + step_s * np.arange(_BINS)

    def most_j(latency_s: float) -> float:
        return _largest(lambda y: objective(latency_s + others_s, y + others_j) <= incumbent, start_j)

    return Caps(start_s, step_s, np.array([most_j(float(latency_s)) for latency_s in starts]))


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
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high
