"""Choose one option per window: the best total, and the front of totals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from chipweave.ndarrays import Floats
from chipweave.plan.objective import NAMED, Objective
from chipweave.plan.schedule import Pipeline, Schedule, Window


@dataclass(frozen=True)
class Assembled:
    """A whole schedule with its totals."""

    latency_s: float
    energy_j: float
    schedule: Schedule


@dataclass(frozen=True)
class _Total:
    latency_s: float
    energy_j: float
    chosen: tuple[WindowOption, ...]


def assemble(windows: Sequence[Sequence[WindowOption]], objective: Objective) -> list[Assembled]:
    """Non-dominated totals, by latency; empty if the limits allow none.

    Latency and energy add up over windows. For latency, energy and EDP without limits only the corners of each
    window's convex hull matter: the three are quasi-concave, so their least value over all sums lies on a corner
    of the sums' hull, and a corner of a sum is a sum of corners. Otherwise whole fronts are added up.
    """
    limited = any(np.isfinite(option.latest_start_s) for options in windows for option in options)
    corners_do = objective.name in NAMED and not limited
    totals = [_Total(0.0, 0.0, ())]
    for options in windows:
        useful = _corners(options) if corners_do else list(options)
        sums = [
            _Total(total.latency_s + option.latency_s, total.energy_j + option.energy_j, (*total.chosen, option))
            for total in totals
            for option in useful
            if total.latency_s <= option.latest_start_s
        ]
        totals = _non_dominated(sums)
    return [
        Assembled(total.latency_s, total.energy_j, Schedule(tuple(Window(option.pipelines) for option in total.chosen)))
        for total in totals
    ]


def _non_dominated(totals: list[_Total]) -> list[_Total]:
    kept: list[_Total] = []
    for total in sorted(totals, key=lambda t: (t.latency_s, t.energy_j)):
        if not kept or total.energy_j < kept[-1].energy_j:
            kept.append(total)
    return kept


def _corners(options: Sequence[WindowOption]) -> list[WindowOption]:
    """Corners of the lower left convex hull, by latency."""
    hull: list[WindowOption] = []
    for new in sorted(options, key=lambda o: (o.latency_s, o.energy_j)):
        if hull and new.energy_j >= hull[-1].energy_j:
            continue
        while len(hull) > 1 and _turns_up(hull[-2], hull[-1], new):
            hull.pop()
        hull.append(new)
    return hull


def _turns_up(a: WindowOption, b: WindowOption, c: WindowOption) -> bool:
    """b lies on or above the line from a to c."""
    return (b.latency_s - a.latency_s) * (c.energy_j - a.energy_j) <= (c.latency_s - a.latency_s) * (
        b.energy_j - a.energy_j
    )


@dataclass(frozen=True)
class WindowOption:
    """One way to run a window: what it costs and when it must start at the latest for the tasks' limits."""

    latency_s: float
    energy_j: float
    latest_start_s: float
    pipelines: tuple[Pipeline, ...]


def front_of(*columns: Floats) -> list[int]:
    """Indices of the rows that no other beats in all columns (latency, energy, minus latest start), by latency."""
    figures = np.column_stack(columns)
    kept: list[int] = []
    for at in np.lexsort(columns[::-1]):
        if not (figures[kept] <= figures[at]).all(axis=1).any():
            kept.append(int(at))
    return kept


def non_dominated(costs: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Of (latency_s, energy_j) those that no other beats in both, by latency."""
    kept: list[tuple[float, float]] = []
    for cost in sorted(set(costs)):
        if not kept or cost[1] < kept[-1][1]:
            kept.append(cost)
    return tuple(kept)
