"""Variants of which the best is tried: other micro-batches of a plan, other chiplets in a place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Dataflow, Style
from chipweave.hardware.package import Package
from chipweave.plan.problem import Problem
from chipweave.plan.schedule import Schedule, Window
from chipweave.schedulers.exact import Exact
from chipweave.schedulers.search import Request
from chipweave.schedulers.weave.draft import Judge
from chipweave.what_if.packages import with_another

MOST_NEAR = 4
"""Micro-batches tried of each pipeline: those nearest to its own."""
MOST_TRIED = 24
"""Of all pipelines, those of the longest windows first."""
MOST_PLACES = 4
"""Places and dataflows tried."""


def other_micro_batches(ready: Prepared, schedule: Schedule, request: Request) -> tuple[str, Schedule] | None:
    """The best plan with another micro-batch in one pipeline, and what it is; None where there is none."""
    judge = Judge(ready, Exact(ready), request.objective)
    best: tuple[float, float, str, Schedule] | None = None
    for tried, (name, plan) in enumerate(_with_other_micro_batches(ready, schedule)):
        if tried >= MOST_TRIED or request.out_of_time:
            break
        worth = judge.worth(plan.windows)
        if worth is not None and (best is None or worth < best[:2]):
            best = *worth, name, plan
    return None if best is None else best[2:]


def _with_other_micro_batches(ready: Prepared, schedule: Schedule) -> Iterator[tuple[str, Schedule]]:
    latencies_s = [window.latency_s for window in evaluate(schedule, ready).windows]
    for at in sorted(range(len(latencies_s)), key=lambda at: (-latencies_s[at], at)):
        window = schedule.windows[at]
        for number, pipeline in enumerate(window.pipelines):
            own = pipeline.micro_batch
            near = sorted(ready.micro_batches(pipeline.task), key=lambda size: (abs(size - own), size))
            for size in near[: MOST_NEAR + 1]:
                if size == own:
                    continue
                other = replace(pipeline, micro_batch=size)
                changed = Window((*window.pipelines[:number], other, *window.pipelines[number + 1 :]))
                windows = (*schedule.windows[:at], changed, *schedule.windows[at + 1 :])
                task = ready.tasks[pipeline.task].name
                yield f"micro-batch {size} instead of {own} for {task} in window {at}", Schedule(windows)


def other_chiplets(problem: Problem, schedule: Schedule) -> list[tuple[str, Package]]:
    """Packages with another class of chiplet in one place, at most `MOST_PLACES`.

    In the longest window: a place that is idle gets the class on which the slowest stage runs, and the place of a stage
    on a single chiplet gets each other class, the slowest pipeline first. A package of one class takes other dataflows.
    """
    evaluation = evaluate(schedule, problem)
    window = evaluation.windows[evaluation.longest]
    chiplets = problem.package.chiplets
    binds = chiplets[window.pipelines[window.slowest].slowest.chiplets[0]]
    found = [(place, binds) for place in window.idle if chiplets[place] != binds][: MOST_PLACES // 2]
    for pipeline in sorted(window.pipelines, key=lambda pipeline: -pipeline.latency_s):
        if len(pipeline.slowest.chiplets) == 1:
            place = pipeline.slowest.chiplets[0]
            found += [(place, other) for other in _others(problem.package, chiplets[place])]
    return [
        (
            f"chiplet {place}: {chiplet.name} instead of {chiplets[place].name}",
            with_another(problem.package, place, chiplet),
        )
        for place, chiplet in found[:MOST_PLACES]
    ]


def _others(package: Package, chiplet: Chiplet) -> list[Chiplet]:
    """Other classes of the package; where it has one class, the same chiplet with another dataflow."""
    if len(package.classes) > 1:
        return [other for other in package.classes if other != chiplet]
    styles = [style for style in (Style.NVDLA, Style.SHIDIANNAO) if style is not chiplet.dataflow.style]
    return [
        replace(chiplet, name=f"{chiplet.name} as {style.value}", dataflow=Dataflow(style=style)) for style in styles
    ]
