"""MCM-Reconfig: which layers run in which window (SCAR IV-A, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chipweave.ndarrays import Floats
from chipweave.plan.limits import deadlines_s
from chipweave.plan.problem import Problem, dependency_depths
from chipweave.schedulers.scar.expected_cost import expected_units
from chipweave.schedulers.scar.options import Packing


class Share(NamedTuple):
    """Units `first` to `end - 1` of a task: its part of a window."""

    task: int
    first: int
    end: int


Windows = tuple[tuple[Share, ...], ...]


def candidate_windows(problem: Problem, n_splits: int, packing: Packing) -> tuple[Windows, ...]:
    """The distinct partitions into windows with 0 to n_splits periodic cuts, fewest cuts first.

    The horizon is the largest expected latency of any task; cuts are equally spaced over it. Empty windows
    are skipped, and a window with more tasks than chiplets is split.
    """
    seconds = [expected_units(problem, task)[0] for task in range(len(problem.scenario.tasks))]
    found: dict[Windows, None] = {}
    for cuts in range(n_splits + 1):
        horizon = max(float(times.sum()) for times in seconds)
        boundaries = [horizon * cut / (cuts + 1) for cut in range(1, cuts + 1)]
        found[_split_crowded(_pack(problem, seconds, boundaries, packing), seconds, problem)] = None
    return tuple(found)


def windows_by_deadline(problem: Problem) -> tuple[Windows, ...]:
    """Partitions that run whole models, those that have to end first before the others: the first so many side by side,
    then the rest; and one after another."""
    depths, deadline_s = dependency_depths(problem), deadlines_s(problem.scenario)
    order = sorted(range(len(depths)), key=lambda task: (depths[task], deadline_s[task], task))
    whole = [Share(task, 0, len(problem.scenario.tasks[task].model.units)) for task in order]
    room, found = len(problem.package.chiplets), dict[Windows, None]()
    for most in range(1, min(room, len(whole)) + 1):
        windows: list[list[Share]] = [[]]
        for share in whole:
            crowded = len(windows[-1]) == (most if len(windows) == 1 else room)
            if crowded or (windows[-1] and depths[windows[-1][-1].task] != depths[share.task]):
                windows.append([])
            windows[-1].append(share)
        found[tuple(tuple(sorted(window)) for window in windows)] = None
    found[tuple((share,) for share in whole)] = None
    return tuple(found)


def _pack(
    problem: Problem, seconds: Sequence[Floats], boundaries: Sequence[float], packing: Packing
) -> list[list[Share]]:
    windows: dict[int, list[Share]] = {}
    last_window: dict[str, int] = {}
    depths = dependency_depths(problem)
    for index in sorted(range(len(depths)), key=lambda task: (depths[task], task)):
        task = problem.scenario.tasks[index]
        start = last_window[task.depends_on] + 1 if task.depends_on is not None else 0
        fill = first_fit if packing is Packing.FIRST_FIT else uniform
        placed = fill(seconds[index], boundaries, start)
        for window, first, end in placed:
            windows.setdefault(window, []).append(Share(index, first, end))
        last_window[task.name] = placed[-1][0]
    return [sorted(windows[window]) for window in sorted(windows)]


def first_fit(seconds: Floats, boundaries: Sequence[float], start: int = 0) -> list[tuple[int, int, int]]:
    """Algorithm 1 for one task: (window, first unit, end unit) of each window it uses.

    A unit joins the current window if its expected latency fits what is left of it; otherwise it opens the
    next window, whose used time begins at the boundary. Past the last boundary nothing is limited.
    """
    placed: list[tuple[int, int, int]] = []
    window, first = start, 0
    used = boundaries[start - 1] if 0 < start <= len(boundaries) else 0.0
    for unit, time_s in enumerate(seconds):
        while window < len(boundaries) and time_s > boundaries[window] - used:
            if unit > first:
                placed.append((window, first, unit))
            used, first, window = boundaries[window], unit, window + 1
        used += float(time_s)
    placed.append((window, first, len(seconds)))
    return placed


def uniform(seconds: Floats, boundaries: Sequence[float], start: int = 0) -> list[tuple[int, int, int]]:
    """The ablation's baseline for one task: equally many units in every window from `start` on."""
    count = max(1, len(boundaries) + 1 - start)
    edges = np.round(np.linspace(0, len(seconds), count + 1)).astype(int)
    parts = [(start + k, int(edges[k]), int(edges[k + 1])) for k in range(count)]
    return [part for part in parts if part[1] < part[2]]


def _split_crowded(windows: list[list[Share]], seconds: Sequence[Floats], problem: Problem) -> Windows:
    """Windows hold at most one task per chiplet; the tasks of a crowded one are grouped by expected latency."""
    room = len(problem.package.chiplets)
    made: list[tuple[Share, ...]] = []
    for window in windows:
        longest_first = sorted(window, key=lambda s: (-float(seconds[s.task][s.first : s.end].sum()), s.task))
        for at in range(0, len(window), room):
            made.append(tuple(sorted(longest_first[at : at + room])))
    return tuple(made)
