"""How slow and how costly a window may be and still be part of a better schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.tables.bench import arrays_of
from chipweave.plan.objective import Objective
from chipweave.schedulers.scar.reconfigure import Share

Point = tuple[float, float]
"""(latency_s, energy_j)."""


def least_share_j(ready: Prepared, share: Share) -> float:
    """Joules of a share that no place avoids: every unit on its cheapest class, every weight loaded once."""
    task = arrays_of(ready, share.task)
    part = slice(share.first, share.end + 1)
    work_j = task.batch * np.diff(task.work_j[:, part], axis=1) + np.diff(task.fill_weight_j[:, part], axis=1)
    weights = float(task.weights[share.end] - task.weights[share.first])
    return float(work_j.min(axis=0).sum()) + weights * 8 * ready.package.dram_energy_j_per_bit


def least_window(ready: Prepared, window: Sequence[Share]) -> Point:
    """A latency and an energy that no way to run the window goes below.

    Latency: per task one sample through all units and the rest of the batch through the slowest (as in
    `schedule.bound`), and all compute spread over all chiplets; energy: every unit on its cheapest class.
    """
    latency_s, compute_s, energy_j = 0.0, 0.0, 0.0
    for share in window:
        task = arrays_of(ready, share.task)
        part = slice(share.first, share.end + 1)
        units_s = np.diff(task.compute_s[:, part], axis=1).min(axis=0)
        latency_s = max(latency_s, float(units_s.sum() + (task.batch - 1) * units_s.max()))
        compute_s += task.batch * float(units_s.sum())
        energy_j += least_share_j(ready, share)
    return max(latency_s, compute_s / len(ready.package.chiplets)), energy_j


_BINS = 128


@dataclass(frozen=True)
class Caps:
    """Most energy a window may take, by its latency: `energy_j[q]` holds from `start_s + q * step_s` on.

    Past the last bin nothing is allowed. Bins are judged at their fast end, so no cap is ever too low.
    """

    start_s: float
    step_s: float
    energy_j: NDArray[np.float64]

    def at(self, latency_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """The cap for each latency."""
        if math.isinf(self.step_s):
            return np.full(len(latency_s), self.energy_j[0])
        bins = np.maximum(0, (latency_s - self.start_s) / self.step_s).astype(np.int64)
        return np.append(self.energy_j, -math.inf)[np.minimum(bins, len(self.energy_j))]

    def less(self, energy_j: float) -> Caps:
        """What is left when others take `energy_j`."""
        return replace(self, energy_j=self.energy_j - energy_j)


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
