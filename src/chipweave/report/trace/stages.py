"""What the schedule, its models and its chiplets do when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chipweave.evaluation.record import RESOURCES, PipelineEvaluation, StageEvaluation
from chipweave.evaluation.timeline import StageTime, phases, stage_times
from chipweave.files.schedule_file import pipeline_to_dict, stage_to_dict, window_to_dict
from chipweave.plan.problem import Fidelity
from chipweave.report.bottleneck import binding
from chipweave.report.naming import layers_of, ranges
from chipweave.report.palette import letter
from chipweave.report.quantities import percent
from chipweave.report.trace.tracks import (
    SCHEDULE,
    Args,
    Event,
    chiplet_track,
    lane_of,
    model_track,
    nanoseconds,
    short,
    slice_,
    track,
)
from chipweave.results.result import Result
from chipweave.workload.scenario import Task

LEFT_OUT = ("splits", "energy_parts_j", "idle", "model", "pipelines", "stages")
"""Keys of the file's objects that args do not repeat: long lists, and what names, tracks and `about` say."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A stage with its name, its pointer in schedule.json, and when it works."""

    name: str
    at: str
    task: Task
    pipeline: PipelineEvaluation
    stage: StageEvaluation
    time: StageTime

    @property
    def mark(self) -> str:
        """`B3`."""
        return self.name.split()[0]


def stages(result: Result, index: int) -> Iterator[Placed]:
    """Every stage of a window."""
    window, tasks = result.evaluation.windows[index], result.problem.scenario.tasks
    for p, pipeline in enumerate(window.pipelines):
        task = tasks[pipeline.task]
        for s, (stage, time) in enumerate(zip(pipeline.stages, stage_times(pipeline, window.start_s), strict=True)):
            name = short(f"{letter(pipeline.task)}{s + 1} {layers_of(stage, task.model)}")
            yield Placed(name, f"/evaluation/windows/{index}/pipelines/{p}/stages/{s}", task, pipeline, stage, time)


def schedule_slices(result: Result, index: int) -> Iterator[Event]:
    """A window, what it is at least as long as, and each model's part of it."""
    problem, window = result.problem, result.evaluation.windows[index]
    at, start_ns = f"/evaluation/windows/{index}", nanoseconds(window.start_s)
    about = {"bound by": binding(window, problem), "idle chiplets": ranges(window.idle)}
    args: Args = {"at": at, **_figures(window_to_dict(window, [])), "about": about}
    yield slice_(track(SCHEDULE, 0), f"window {index}", start_ns, nanoseconds(window.end_s), args)
    needs = [(f"{at}/pipelines/{window.slowest}", "latency_s", window.pipelines[window.slowest].latency_s)]
    if problem.fidelity is Fidelity.DETAILED:
        needs += [(at, f"{name}_s", getattr(window, f"{name}_s")) for name in RESOURCES]
    for number, (place, term, seconds) in enumerate(needs):
        if seconds:
            share = f"{percent(seconds, window.latency_s)} of window {index}"
            end_ns = nanoseconds(window.start_s + seconds)
            yield slice_(track(SCHEDULE, 1 + number), share, start_ns, end_ns, {"at": place, term: seconds})
    for number, pipeline in enumerate(window.pipelines):
        args = {"at": f"{at}/pipelines/{number}", **_figures(pipeline_to_dict(pipeline, "", []))}
        name = f"{pipeline.micro_batches} x {pipeline.micro_batch} samples in {len(pipeline.stages)} stages"
        yield slice_(model_track(pipeline.task), name, start_ns, nanoseconds(pipeline.end_s), args)


def chiplet_slices(result: Result, index: int, first: int, parts: bool) -> Iterator[Event]:
    """A slice for each stage on every chiplet of its region; on the first one also what it does when.

    `first` micro-batches are drawn one by one, and the `parts` of the first one.
    """
    for placed in stages(result, index):
        yield from _stage(placed, first, parts)
    window = result.evaluation.windows[index]
    start_ns, end_ns = nanoseconds(window.start_s), nanoseconds(window.end_s)
    for chiplet in window.idle:
        yield slice_(chiplet_track(chiplet), "idle", start_ns, end_ns, {"about": {"window": index}})


def _stage(placed: Placed, first: int, parts: bool) -> Iterator[Event]:
    at, stage, time = placed.at, placed.stage, placed.time
    start_ns, end_ns = nanoseconds(time.start_s), nanoseconds(time.end_s)
    args: Args
    for chiplet in stage.chiplets[1:]:
        args = {"at": at, "about": {"drawn in full on": f"chiplet {stage.chiplets[0]}"}}
        yield slice_(chiplet_track(chiplet), placed.name, start_ns, end_ns, args)
    own = chiplet_track(stage.chiplets[0])
    yield slice_(own, placed.name, start_ns, end_ns, _stage_args(placed))
    if stage.resident_s:
        args = {"at": at, "resident_s": stage.resident_s}
        beside = chiplet_track(stage.chiplets[0], lane_of("resident_s", stage))
        yield slice_(beside, f"{placed.mark} resident weights", start_ns, nanoseconds(time.loaded_s), args)
    for run in runs(time.micro_batches, first):
        yield _micro_batches(own, placed, *run)
    if parts:
        limit_ns = nanoseconds(time.first_end_s)
        for phase in phases(stage):
            from_ns, to_ns = (min(limit_ns, nanoseconds(edge_s)) for edge_s in time.span(phase))
            args = {"at": at, phase.term: phase.duration_s}
            name, lane = phase.term.removesuffix("_s"), lane_of(phase.term, stage)
            on = chiplet_track(stage.chiplets[0], lane) if lane else own
            yield slice_(on, f"{placed.mark} {name}" if lane else name, from_ns, to_ns, args)


def _stage_args(placed: Placed) -> Args:
    about = {"model": short(placed.task.name), "layers": placed.stage.last - placed.stage.first + 1}
    return {"at": placed.at, **_figures(stage_to_dict(placed.stage, placed.task.model)), "about": about}


def _figures(described: Mapping[str, Any]) -> dict[str, Any]:
    """Of an object of the file what args hold."""
    return {key: value for key, value in described.items() if key not in LEFT_OUT}


def runs(micro_batches: int, first: int) -> list[tuple[int, int]]:
    """Micro-batches (from, to) that share a slice: the first ones and the last alone, all between together."""
    if micro_batches <= first + 2:
        return [(number, number) for number in range(micro_batches)]
    last = micro_batches - 1
    return [*((number, number) for number in range(first)), (first, last - 1), (last, last)]


def _micro_batches(own: Mapping[str, int], placed: Placed, first: int, last: int) -> Event:
    stage, time, size = placed.stage, placed.time, placed.pipeline.micro_batch
    samples = min(placed.task.batch, (last + 1) * size) - first * size
    name = f"micro-batch {first}" if first == last else f"micro-batches {first} to {last}: {last - first + 1} in all"
    figures = {"fill_s": stage.fill_s} if first == 0 else {"steady_s": stage.steady_s}
    about = {"micro_batches": last - first + 1, "samples": samples}
    start_ns, end_ns = nanoseconds(time.interval(first)[0]), nanoseconds(time.interval(last)[1])
    return slice_(own, name, start_ns, end_ns, {"at": placed.at, **figures, "about": about})
