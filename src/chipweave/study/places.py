"""A schedule with its stages in better places: cuts and micro-batches stay, chiplets are exchanged two by two."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.tables.bench import Candidates, Scores, arrays_of, score, window_cost
from chipweave.ndarrays import Floats, Ints
from chipweave.plan.problem import Problem
from chipweave.plan.schedule import Pipeline, Schedule, Window

LEAST_GAIN = 1e-9
"""As a fraction of the EDP: less is rounding."""


def better_places(problem: Problem, plan: Schedule) -> Schedule:
    """Exchange two chiplets of a window, idle ones included, as long as the EDP of the whole schedule falls.

    The best exchange of a window first; windows in turn, until none in any window helps.

    Args:
        plan: a valid schedule with single chiplets.
    """
    ready, windows = prepare(problem), list(plan.windows)
    moves = exchanges(len(problem.package.chiplets))
    costs = np.array([[part[0] for part in _costs(ready, window, moves[:1])] for window in windows])
    changed = True
    while changed:
        changed = False
        for index, window in enumerate(windows):
            latency_s, energy_j = _costs(ready, window, moves)
            rest_s, rest_j = costs.sum(axis=0) - costs[index]
            # Not finite where a micro-batch does not fit the L2 of its new chiplet.
            edp_js = np.nan_to_num((rest_s + latency_s) * (rest_j + energy_j), nan=np.inf)
            best = int(edp_js.argmin())
            if edp_js[best] < (1 - LEAST_GAIN) * edp_js[0]:
                windows[index], changed = _moved(window, moves[best]), True
                costs[index] = latency_s[best], energy_j[best]
    return Schedule(tuple(windows))


def exchanges(chiplets: int) -> Ints:
    """Where each chiplet's stage goes, shape (moves, chiplets): nowhere else first, then every two exchanged."""
    found = [np.arange(chiplets)]
    for one, other in combinations(range(chiplets), 2):
        move = np.arange(chiplets)
        move[[one, other]] = other, one
        found.append(move)
    return np.array(found, dtype=np.int64)


def _costs(ready: Prepared, window: Window, moves: Ints) -> tuple[Floats, Floats]:
    """(latency_s, energy_j) [moves] of a window after each move."""
    batches = [_batch(ready, pipeline, moves) for pipeline in window.pipelines]
    total = batches[0]
    for batch in batches[1:]:
        total = total + batch
    return window_cost(ready, total)


def _batch(ready: Prepared, pipeline: Pipeline, moves: Ints) -> Scores:
    first_layers, many = arrays_of(ready, pipeline.task).first, len(moves)
    cuts = np.searchsorted(first_layers, [stage.last + 1 for stage in pipeline.stages]).astype(np.int64)
    candidates = Candidates(
        micro_batch=np.full(many, pipeline.micro_batch, dtype=np.int64),
        stages=np.full(many, len(cuts), dtype=np.int64),
        cuts=np.tile(cuts, (many, 1)),
        chiplets=np.ascontiguousarray(moves[:, [stage.chiplet for stage in pipeline.stages]]),
    )
    first = int(np.searchsorted(first_layers, pipeline.first))
    return score(ready, pipeline.task, first, int(cuts[-1]), candidates)


def _moved(window: Window, move: Ints) -> Window:
    def pipeline(each: Pipeline) -> Pipeline:
        return replace(
            each, stages=tuple(replace(stage, chiplets=(int(move[stage.chiplet]),)) for stage in each.stages)
        )

    return Window(tuple(map(pipeline, window.pipelines)))
