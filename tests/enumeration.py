"""Plain enumeration of everything a window allows: every split, every path, every micro-batch, every combination."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.tables.bench import Candidates, Scores, Traffic, arrays_of, score, window_cost
from chipweave.plan.objective import Objective
from chipweave.plan.problem import Problem
from chipweave.schedulers.scar.reconfigure import Share, Windows
from chipweave.schedulers.scar.trees import simple_paths


@dataclass(frozen=True)
class Everything:
    """All pipelines of one share: the set of chiplets of each, a bit a chiplet, its cuts, and its exact cost."""

    masks: np.ndarray
    batch: Scores
    cuts: tuple[tuple[int, ...], ...] = ()

    def pick(self, rows: np.ndarray) -> Scores:
        *figures, traffic = vars(self.batch).values()
        return Scores(
            *(column[rows] for column in figures), Traffic(*(part[rows] if len(part) else part for part in traffic))
        )


def everything(ready: Prepared, share: Share) -> Everything:
    units, task = share.end - share.first, arrays_of(ready, share.task)
    rows = []
    for path in simple_paths(ready.problem.package, min(units, len(ready.problem.package.chiplets))):
        for inner in combinations(range(share.first + 1, share.end), len(path) - 1):
            for micro in range(1, task.batch + 1):
                rows.append(((*inner, share.end), path, micro))
    longest = max(len(path) for _, path, _ in rows)

    def padded(values: tuple[int, ...]) -> list[int]:
        return [*values, *([0] * (longest - len(values)))]

    batch = score(
        ready,
        share.task,
        share.first,
        share.end,
        Candidates(
            np.array([micro for _, _, micro in rows]),
            np.array([len(path) for _, path, _ in rows]),
            np.array([padded(cuts) for cuts, _, _ in rows]),
            np.array([padded(path) for _, path, _ in rows]),
        ),
    )
    masks = np.array([sum(1 << c for c in path) for _, path, _ in rows])
    fits = np.flatnonzero(np.isfinite(batch.latency_s))
    return Everything(masks[fits], Everything(masks, batch).pick(fits), tuple(rows[at][0] for at in fits))


def window_points(ready: Prepared, window: tuple[Share, ...]) -> tuple[np.ndarray, np.ndarray]:
    """(latency_s, energy_j) of every way to run a window; only points that others beat are left out."""
    every = [everything(ready, share) for share in window]
    masks, total = every[0].masks, every[0].batch
    for part in every[1:]:
        found = []
        for at in range(len(part.masks)):
            free = np.flatnonzero((masks & part.masks[at]) == 0)
            both = Everything(masks[free], Everything(masks, total).pick(free)).batch + part.pick(
                np.full(len(free), at)
            )
            found.append((masks[free] | part.masks[at], both))
        masks = np.concatenate([m for m, _ in found])
        figures = ("latency_s", "energy_j", "dram_bytes")
        total = Scores(
            *(np.concatenate([vars(b)[name] for _, b in found]) for name in figures),
            Traffic(*(np.concatenate(parts) for parts in zip(*(b.traffic for _, b in found), strict=True))),
        )
    latency_s, energy_j = window_cost(ready, total)
    order = np.lexsort((energy_j, latency_s))
    best = np.minimum.accumulate(energy_j[order])
    kept = order[np.concatenate(([True], energy_j[order][1:] < best[:-1]))]
    return latency_s[kept], energy_j[kept]


def best_value(problem: Problem, windows: Windows, objective: Objective) -> float:
    """The least objective over all schedules with these windows."""
    ready = prepare(problem)
    latency_s, energy_j = np.zeros(1), np.zeros(1)
    for window in windows:
        more_s, more_j = window_points(ready, window)
        latency_s = np.add.outer(latency_s, more_s).ravel()
        energy_j = np.add.outer(energy_j, more_j).ravel()
    return min(objective(float(x), float(y)) for x, y in zip(latency_s, energy_j, strict=True))


def random_windows(rng: random.Random, problem: Problem, most: int = 2) -> Windows:
    """One or two windows; every task is cut anywhere, or not at all."""
    parts: list[list[Share]] = [[] for _ in range(rng.randint(1, most))]
    for index, task in enumerate(problem.scenario.tasks):
        units = len(task.model.units)
        cuts = sorted(rng.randint(0, units) for _ in range(len(parts) - 1))
        for part, first, end in zip(parts, [0, *cuts], [*cuts, units], strict=True):
            if first < end:
                part.append(Share(index, first, end))
    return tuple(tuple(part) for part in parts if part)
