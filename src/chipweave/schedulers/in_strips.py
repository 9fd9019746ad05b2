"""Runs of layers that go strip by strip, looked for in a plan that is there (docs/strips.md, "Finding runs").

Searches know nothing of strips. Here the stages of a plan that evict activations are taken one by one: which runs save
most bytes together is a sum over cuts, how many rows they best have is tried with the objective.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from chipweave.evaluation.check import keeps_limits
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.exact.in_strips import kept_in_strips, wanting
from chipweave.evaluation.record import Evaluation
from chipweave.evaluation.strips import fault_of_run, need_of
from chipweave.hardware.chiplet import Chiplet
from chipweave.plan.objective import Objective
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Strips, Window
from chipweave.workload.model import Model

T = TypeVar("T")

LONGEST = 24
"""Layers of a run, at most."""
MOST_TRIED = 5_000
"""Runs that are tried in a stage, the first ones where there are more."""
MOST_MOVES = 40
"""Changes of rows that are tried in a stage, each with an evaluation."""


@dataclass(frozen=True)
class Place:
    """A stage in its schedule, by the numbers of its window, pipeline and stage."""

    window: int
    pipeline: int
    stage: int

    def of(self, schedule: Schedule) -> tuple[Pipeline, Stage]:
        pipeline = schedule.windows[self.window].pipelines[self.pipeline]
        return pipeline, pipeline.stages[self.stage]

    def with_strips(self, schedule: Schedule, strips: tuple[Strips, ...]) -> Schedule:
        """The schedule with these runs in the stage."""
        window, (pipeline, stage) = schedule.windows[self.window], self.of(schedule)
        stages = _with(pipeline.stages, self.stage, replace(stage, strips=strips))
        pipelines = _with(window.pipelines, self.pipeline, replace(pipeline, stages=stages))
        return Schedule(_with(schedule.windows, self.window, Window(pipelines)))


def _with(every: tuple[T, ...], at: int, other: T) -> tuple[T, ...]:
    return (*every[:at], other, *every[at + 1 :])


@dataclass(frozen=True)
class Ground:
    """What is known of a stage: its model, the window's first layer and the one behind its last, its chiplet."""

    model: Model
    stage: Stage
    micro_batch: int
    window: tuple[int, int]
    chiplet: Chiplet

    def moved(self, strips: tuple[Strips, ...]) -> float:
        """Bytes of a micro-batch that go, come back and are read again for want of room."""
        stage = replace(self.stage, strips=strips)
        _, *moved = kept_in_strips(self.model, stage, self.micro_batch, self.window, self.chiplet)
        return sum(moved)

    def fits(self, run: Strips) -> bool:
        return need_of(self.model, run).total <= self.chiplet.l2_bytes


@dataclass(frozen=True)
class Costed:
    """A plan with what it costs and what it is worth."""

    schedule: Schedule
    evaluation: Evaluation
    value: float


def in_strips(
    ready: Prepared, schedule: Schedule, objective: Objective, stop: Callable[[], bool] = lambda: False
) -> tuple[Schedule, str]:
    """The plan with layers in strips where that improves the objective and keeps all limits, and a note that says so;
    else the plan as it is.

    Args:
        stop: asked now and then; True ends it with the best so far.
    """
    best = first = _costed(ready, schedule, objective)
    for place in _evicting(first.evaluation, schedule):
        if stop():
            break
        best = _of_stage(ready, best, place, objective, stop)
    return best.schedule, _note(first, best, objective)


def _costed(ready: Prepared, schedule: Schedule, objective: Objective) -> Costed:
    evaluation = evaluate(schedule, ready)
    return Costed(schedule, evaluation, objective(evaluation.latency_s, evaluation.energy_j))


def _evicting(evaluation: Evaluation, schedule: Schedule) -> Iterator[Place]:
    """Stages on one chiplet that evict activations, or read operands again."""
    for number, window in enumerate(evaluation.windows):
        for at, pipeline in enumerate(window.pipelines):
            for place, stage in enumerate(pipeline.stages):
                if len(stage.chiplets) == 1 and stage.l2 is not None and (stage.l2.spill or stage.l2.again):
                    yield Place(number, at, place)


def _of_stage(
    ready: Prepared, best: Costed, place: Place, objective: Objective, stop: Callable[[], bool]
) -> Costed:
    """The plan with the best runs found for one stage, if they improve it."""
    pipeline, stage = place.of(best.schedule)
    ground = Ground(
        ready.tasks[pipeline.task].model,
        stage,
        pipeline.micro_batch,
        (pipeline.first, pipeline.last + 1),
        ready.package.chiplets[stage.chiplet],
    )
    runs = most_saved(ground, stop)
    if not runs:
        return best
    found = _costed(ready, place.with_strips(best.schedule, runs), objective)
    moves = 0
    improves = True
    while improves:
        improves = False
        for other in _near(ground, place.of(found.schedule)[1].strips):
            if stop() or moves >= MOST_MOVES:
                break
            moves += 1
            tried = _costed(ready, place.with_strips(best.schedule, other), objective)
            if tried.value < found.value:
                found, improves = tried, True
                break
    better = found.value < best.value and keeps_limits(found.evaluation, ready.problem)
    return found if better else best


def most_saved(ground: Ground, stop: Callable[[], bool] = lambda: False) -> tuple[Strips, ...]:
    """Runs that do not overlap and together save most bytes, by what each saves alone in the stage."""
    saved = savings(ground, stop)
    first, end = ground.stage.first, ground.stage.last + 1
    best: dict[int, tuple[float, tuple[Strips, ...]]] = {first: (0.0, ())}
    for cut in range(first + 1, end + 1):
        best[cut] = best[cut - 1]
        for run, bytes_ in saved:
            if run.last + 1 == cut and best[run.first][0] + bytes_ > best[cut][0]:
                before = best[run.first]
                best[cut] = before[0] + bytes_, (*before[1], run)
    return best[end][1]


def savings(ground: Ground, stop: Callable[[], bool] = lambda: False) -> list[tuple[Strips, float]]:
    """Runs of the stage, each with the rows that save most, and how many bytes of a micro-batch it saves alone."""
    model, whole = ground.model, ground.moved(())
    found, tried = list[tuple[Strips, float]](), 0
    for first, last in _spans(ground):
        best: tuple[Strips, float] | None = None
        rows = 1
        while rows < model.layers[last].out_y and ground.fits(run := Strips(first, last, rows)):
            tried += 1
            bytes_ = whole - ground.moved((run,))
            if bytes_ > 0 and (best is None or bytes_ >= best[1]):
                best = run, bytes_
            rows *= 2
        if best is not None:
            found.append(best)
        if tried >= MOST_TRIED or stop():
            break
    return found


def _spans(ground: Ground) -> Iterator[tuple[int, int]]:
    """Ends of runs of several layers that go by strips, of which some layer wants room."""
    model, stage = ground.model, ground.stage
    wants = wanting(model, stage, ground.micro_batch, ground.window, ground.chiplet)
    for first in stage.layers:
        for last in range(first + 1, min(stage.last, first + LONGEST - 1) + 1):
            run = Strips(first, last, 1)
            if fault_of_run(model, run) is not None or not ground.fits(run):
                break
            if any(wants[first - stage.first : last + 1 - stage.first]):
                yield first, last


def _near(ground: Ground, runs: Sequence[Strips]) -> Iterator[tuple[Strips, ...]]:
    """The runs with twice or half the rows in one of them, or without it."""
    for at, run in enumerate(runs):
        for rows in (2 * run.rows, run.rows // 2):
            other = replace(run, rows=rows) if rows else run
            if rows and rows < ground.model.layers[run.last].out_y and ground.fits(other):
                yield (*runs[:at], other, *runs[at + 1 :])
        if len(runs) > 1:
            yield (*runs[:at], *runs[at + 1 :])


def _note(first: Costed, best: Costed, objective: Objective) -> str:
    if best is first:
        return "Layers in strips (`rows`) were looked for; none make this plan better."
    stages = (each.evaluation.stages for each in (first, best))
    before, now = (sum(stage.bytes_.spill + stage.bytes_.again for stage in each) for each in stages)
    return (
        f"Layers in strips (`rows`) bring the {objective.name} of the plan that was found from {first.value:.4g} to "
        f"{best.value:.4g}: {before / 1e6:.4g} MB are evicted and read again without, {now / 1e6:.4g} MB with them."
    )
