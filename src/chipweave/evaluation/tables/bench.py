"""Many stages and schedules of a prepared problem at once, on single chiplets: what searches score candidates with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.tables import single
from chipweave.evaluation.tables.single import Candidates, Kinds, Part, StageTables, Traffic
from chipweave.evaluation.tables.units import (
    Micro,
    Places,
    TaskArrays,
    kept_arrays,
    kept_between,
    micro_arrays,
    places,
    task_arrays,
)
from chipweave.evaluation.tables.window_bytes import WindowBytes, window_bytes
from chipweave.hardware.package import DramWay
from chipweave.ndarrays import Floats, Ints
from chipweave.shelf import Shelf

__all__ = ["Candidates", "Scores", "StageTables", "arrays_of", "bytes_of", "micro_of", "part_of", "places_of", "score",
           "score_alone", "stage_tables", "whole_stage", "window_cost"]  # fmt: skip

Kind = tuple[int, DramWay]
"""Of a place: the chiplet's class, and the way to its memory interface."""

MOST_KEPT_BYTES = 50_000_000
"""Of what stages of windows exchange, which is kept while ever other windows are scored."""


@dataclass(frozen=True)
class Scores:
    """Costs of candidates, [m] each; their traffic is empty in `paper`."""

    latency_s: Floats
    energy_j: Floats
    dram_bytes: Floats
    traffic: Traffic

    def __add__(self, other: Scores) -> Scores:
        """Two tasks side by side in a window: they share its resources."""
        return Scores(
            np.maximum(self.latency_s, other.latency_s),
            self.energy_j + other.energy_j,
            self.dram_bytes + other.dram_bytes,
            Traffic(*(one + two for one, two in zip(self.traffic, other.traffic, strict=True))),
        )


def arrays_of(ready: Prepared, task: int) -> TaskArrays:
    """The arrays of a task."""
    return ready.once(task_arrays, task)


def places_of(ready: Prepared) -> Places:
    """The arrays of the package."""
    return ready.once(places)


def bytes_of(ready: Prepared, task: int, first: int, end: int) -> WindowBytes:
    """What stages of a window that holds a task's units first to end - 1 exchange."""
    return ready.once(_bytes, task, first, end)


def _bytes(ready: Prepared, task: int, first: int, end: int) -> WindowBytes:
    return window_bytes(arrays_of(ready, task).tensors, first, end, not ready.detailed)


def part_of(ready: Prepared, task: int, first: int, end: int, micro_batch: int, whole: bool = False) -> Part:
    """A task's part of a window at one micro-batch; with `whole` for nothing but the stage that holds all units."""
    kept = ready.once(kept_arrays, task, first, end, micro_batch, 1 if whole else end - first)
    return Part(bytes_of(ready, task, first, end), micro_of(ready, task, micro_batch), kept)


def micro_of(ready: Prepared, task: int, micro_batch: int) -> Micro:
    """The arrays of a task at one micro-batch."""
    return ready.once(micro_arrays, task, micro_batch)


def stage_tables(
    ready: Prepared,
    task: int,
    first: int,
    end: int,
    micro_batch: int,
    kinds: tuple[Kind, ...],
    longest: int,
) -> StageTables:
    """Every stage [kind, i, j] of a window's pipelines of up to `longest` stages on every kind of place (class, way to
    DRAM)."""
    part = part_of(ready, task, first, end, micro_batch)
    return single.stage_tables(arrays_of(ready, task), _where(ready, kinds), part, longest, ready.usual_rates)


def whole_stage(
    ready: Prepared, task: int, first: int, end: int, micro_batch: int, kinds: tuple[Kind, ...]
) -> StageTables:
    """The stage [kind, 0, 0] that holds all of a window, as if that were one unit."""
    part = part_of(ready, task, first, end, micro_batch, whole=True)
    return single.whole_stage(arrays_of(ready, task), _where(ready, kinds), part, ready.usual_rates)


def _where(ready: Prepared, kinds: tuple[Kind, ...]) -> Kinds:
    classes = np.array([c for c, _ in kinds], dtype=np.int64)
    wiring = ready.package.wiring
    late, joules = (float(shares.min(initial=1.0)) for shares in (wiring.late, wiring.joules))
    return Kinds(classes, places_of(ready).l2_bytes[classes], np.array([way for _, way in kinds]), late, joules)


def score(ready: Prepared, task: int, first: int, end: int, candidates: Candidates) -> Scores:
    """Exact cost of candidate pipelines of a task in a window that holds its units first to end - 1."""
    where, made = places_of(ready), _nothing(ready, len(candidates.stages))
    for micro_batch in np.unique(candidates.micro_batch):
        rows = np.flatnonzero(candidates.micro_batch == micro_batch)
        some = Candidates(*(np.ascontiguousarray(values[rows]) for values in candidates))
        traffic = Traffic(*(values[rows] if ready.detailed else values for values in made.traffic))
        part = part_of(ready, task, first, end, int(micro_batch), whole=int(candidates.stages.max()) == 1)
        costs = single.pipelines(arrays_of(ready, task), where, part, some, traffic, ready.usual_rates)
        for into, values in zip((made.latency_s, made.energy_j, made.dram_bytes), costs, strict=True):
            into[rows] = values
        if ready.detailed:
            for into, values in zip(made.traffic, traffic, strict=True):
                into[rows] = values
    return made


def score_alone(ready: Prepared, task: int, first: int, micro_batch: int, cuts: Ints, chiplets: Ints) -> Scores:
    """Exact cost of one pipeline [1], whose window holds the task's units first to cuts[-1] - 1.

    As `score`, without the tables of all stages that the window may have: of many windows a few pipelines each.

    Args:
        cuts: unit before which each stage ends; chiplets: where each runs.
    """
    end, made = int(cuts[-1]), _nothing(ready, 1)
    begins = np.concatenate(([first], cuts[:-1]))
    kept = kept_between(ready, task, (first, end), micro_batch, (begins, cuts))
    moved = ready.once(_shelf).get((task, first, end), lambda: _bytes(ready, task, first, end))
    candidates = Candidates(np.array([micro_batch]), np.array([len(cuts)]), cuts[None], chiplets[None])
    part = Part(moved, micro_of(ready, task, micro_batch), kept)
    where, rates = places_of(ready), ready.usual_rates
    costs = single.pipelines(arrays_of(ready, task), where, part, candidates, made.traffic, rates)
    return Scores(*costs, made.traffic)


def _shelf(_: Prepared) -> Shelf:
    return Shelf(MOST_KEPT_BYTES)


def _nothing(ready: Prepared, many: int) -> Scores:
    """Of so many candidates, without traffic in `paper`."""
    where, wide = places_of(ready), many if ready.detailed else 0
    links, chiplets = (where.links, len(where.class_of)) if ready.detailed else (0, 0)
    traffic = Traffic(np.zeros((wide, links)), np.zeros((wide, chiplets)), np.zeros((wide, chiplets)))
    return Scores(np.zeros(many), np.zeros(many), np.zeros(many), traffic)


def window_cost(ready: Prepared, scores: Scores) -> tuple[Floats, Floats]:
    """(latency_s, energy_j) [m] of windows whose tasks' scores were added up."""
    where, rates = places_of(ready), ready.rates
    return single.window_costs(scores.latency_s, scores.energy_j, scores.dram_bytes, scores.traffic, where, rates)
