"""Between a schedule and what is proven: which step of the proof says how much, and where chiplets' time goes."""

from __future__ import annotations

from typing import NamedTuple

from chipweave.errors import InputError
from chipweave.evaluation.lines import least
from chipweave.plan.objective import objective
from chipweave.results.result import Result


class ChipletTime(NamedTuple):
    """Shares of all chiplets' time, which add up to 1: computing; in pipelines that fill, drain, load or wait for their
    slowest stage; behind a pipeline, until its window ends; without a stage."""

    computing: float
    in_pipelines: float
    behind_them: float
    without_stage: float


def chiplet_time(result: Result) -> ChipletTime:
    """Where the chiplets' time goes."""
    chiplets = len(result.problem.package.chiplets)
    computing = held = windows = 0.0
    for window in result.evaluation.windows:
        for pipeline in window.pipelines:
            many = sum(len(stage.chiplets) for stage in pipeline.stages)
            samples = result.problem.scenario.tasks[pipeline.task].batch / pipeline.micro_batch
            computing += sum(len(stage.chiplets) * samples * stage.compute_s for stage in pipeline.stages)
            held += many * pipeline.latency_s
            windows += many * window.latency_s
    whole = chiplets * result.evaluation.latency_s
    computing = min(computing, held)
    shares = (computing, held - computing, windows - held, whole - windows)
    return ChipletTime(*(max(0.0, share / whole) for share in shares))


def gap_notes(result: Result) -> list[str]:
    """How the gap grew smaller from one step of the proof to the next, and what the rest may be."""
    if result.certificate is None or result.value is None or not result.gap or not result.certificate.lines:
        return []
    try:
        goal = objective(result.objective, result.problem.package)
    except InputError:
        return []  # a function of the user's own: a file has its name alone
    time, lines = chiplet_time(result), result.certificate.lines
    by_layers = least(goal, [each for each in lines if not each.pipelines])[0]
    steps = f"single layers alone prove {100 * (1 - by_layers / result.value):.1f} %"
    of_pipelines = [each for each in lines if each.by_length is None]
    if any(each.pipelines for each in of_pipelines):
        gap = 1 - least(goal, of_pipelines)[0] / result.value if len(of_pipelines) < len(lines) else result.gap
        steps += f", whole pipelines, which fill, drain and are cut, {100 * gap:.1f} %"
    if len(of_pipelines) < len(lines):
        steps += f", whole pipelines, which also wait for each other in windows, {100 * result.gap:.1f} %"
    shares = (
        (time.computing, "compute"),
        (time.in_pipelines, "are in pipelines that fill, drain, load or wait for their slowest stage"),
        (time.behind_them, "wait behind a pipeline until its window ends"),
        (time.without_stage, "have no stage"),
    )
    told = "; ".join(f"{100 * share:.1f} % {what}" for share, what in shares)
    return [f"The gap: {steps}. Of the chiplets' time in this schedule, {told}."]
