"""Plans beside one that was found, for searches that keep no other: a step away, and the best of these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from chipweave.evaluation.exact.ground import Prepared
from chipweave.plan.objective import Objective
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.schedulers.exact import Exact

SIZES_ASIDE = 2
"""How many of the next smaller and the next larger micro-batches are tried."""


def beside(plan: Schedule, ready: Prepared, objective: Objective, most: int) -> tuple[Schedule, ...]:
    """The best, at most so many, of the plans in which one pipeline of `plan` has another micro-batch, or two chiplets
    of a window have changed places; the best first. All stages of `plan` are on single chiplets; limits are not asked
    for."""
    exact = Exact(ready)
    found: list[tuple[float, Schedule]] = []
    costs = [exact.window(window) for window in plan.windows]
    for at, window in enumerate(plan.windows):
        others = [cost for number, cost in enumerate(costs) if number != at and cost is not None]
        if len(others) + 1 < len(costs):
            return ()
        latency_s, energy_j = sum(cost.latency_s for cost in others), sum(cost.energy_j for cost in others)
        for other in _beside(window, ready):
            if (cost := exact.window(other)) is not None:
                value = objective(latency_s + cost.latency_s, energy_j + cost.energy_j)
                found.append((value, Schedule((*plan.windows[:at], other, *plan.windows[at + 1 :]))))
    return tuple(schedule for _, schedule in sorted(found, key=lambda each: each[0])[:most])


def _beside(window: Window, ready: Prepared) -> Iterator[Window]:
    """Windows one step away, each once."""
    for at, pipeline in enumerate(window.pipelines):
        sizes = list(ready.micro_batches(pipeline.task))
        below = [size for size in sizes if size < pipeline.micro_batch][-SIZES_ASIDE:]
        above = [size for size in sizes if size > pipeline.micro_batch][:SIZES_ASIDE]
        for size in (*below, *above):
            changed = replace(pipeline, micro_batch=size)
            yield Window((*window.pipelines[:at], changed, *window.pipelines[at + 1 :]))
    used = {stage.chiplet for pipeline in window.pipelines for stage in pipeline.stages}
    for one, other in combinations(range(len(ready.package.chiplets)), 2):
        if used & {one, other}:
            places = {one: other, other: one}
            yield Window(tuple(_moved(pipeline, places) for pipeline in window.pipelines))


def _moved(pipeline: Pipeline, places: dict[int, int]) -> Pipeline:
    return replace(pipeline, stages=tuple(_at(stage, places.get(stage.chiplet)) for stage in pipeline.stages))


def _at(stage: Stage, chiplet: int | None) -> Stage:
    return stage if chiplet is None else replace(stage, chiplets=(chiplet,))
