"""Arrows along the data, from the stage that makes it to those that take it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from chipweave.evaluation.exact.tensors import locate
from chipweave.evaluation.record import Flow, StageEvaluation
from chipweave.evaluation.timeline import StageTime, stage_times
from chipweave.evaluation.traffic import WindowTraffic
from chipweave.report.trace.stages import runs
from chipweave.report.trace.tracks import Event, chiplet_track, microseconds, nanoseconds
from chipweave.results.result import Result

_Place = tuple[StageEvaluation, StageTime, int]
"""A stage, when it works, and the number of one of its micro-batches."""


def arrows(result: Result, carried: Sequence[WindowTraffic], first: int) -> Iterator[Event]:
    """Over the package for each micro-batch that is drawn by itself, through DRAM from window to window; in the first
    `len(carried)` windows."""
    over_package = (("over the package", *pair) for pair in _over_the_package(result, carried, first))
    through_dram = (("through DRAM", *pair) for pair in _through_dram(result, len(carried)))
    for number, (name, (maker, made, of), (taker, taken, to)) in enumerate(chain(over_package, through_dram)):
        start_ns, end_ns = map(nanoseconds, made.interval(of))
        common = {"name": name, "cat": "data", "id": number + 1}
        producer, consumer = chiplet_track(maker.chiplets[0]), chiplet_track(taker.chiplets[0])
        yield {"ph": "s", **common, **producer, "ts": microseconds(max(start_ns, end_ns - 1))}
        yield {"ph": "f", "bp": "e", **common, **consumer, "ts": microseconds(nanoseconds(taken.interval(to)[0]))}


def _over_the_package(result: Result, carried: Sequence[WindowTraffic], first: int) -> Iterator[tuple[_Place, _Place]]:
    for window, moved in zip(result.evaluation.windows, carried, strict=False):
        for pipeline, flows in zip(window.pipelines, moved.flows, strict=True):
            times = stage_times(pipeline, window.start_s)
            alone = [start for start, last in runs(pipeline.micro_batches, first) if start == last]
            for stage, time, own in zip(pipeline.stages, times, flows, strict=True):
                for target in _targets(own):
                    for number in alone:
                        yield (stage, time, number), (pipeline.stages[target], times[target], number)


def _targets(flows: Iterable[Flow]) -> list[int]:
    return [flow.target for flow in flows if flow.target is not None]


def _through_dram(result: Result, count: int) -> Iterator[tuple[_Place, _Place]]:
    """From the last micro-batch of the stage that stores to the first one of each stage that loads."""
    windows = result.evaluation.windows
    evaluated = {
        (index, pipeline.task): (pipeline, stage_times(pipeline, window.start_s))
        for index, window in enumerate(windows[:count])
        for pipeline in window.pipelines
    }
    for task, entry in enumerate(result.problem.scenario.tasks):
        where = locate(result.schedule, task, len(entry.model.layers))
        place = list(zip(where.window, where.stage, strict=True))
        pairs = {(place[edge.producer], place[edge.consumer]) for edge in entry.model.edges if edge.producer >= 0}
        for (made, stage), (read, target) in sorted(pairs):
            if made < read < count:
                (before, made_in), (after, read_in) = evaluated[made, task], evaluated[read, task]
                producer = before.stages[stage], made_in[stage], before.micro_batches - 1
                yield producer, (after.stages[target], read_in[target], 0)
