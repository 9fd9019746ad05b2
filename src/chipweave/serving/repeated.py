"""A step of decode that is run again and again by the same plan: what is in L2 stays there (docs/serving.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from chipweave.evaluation.record import Evaluation, WindowEvaluation
from chipweave.hardware.package import Package
from chipweave.plan.schedule import Schedule

MANY = 1000
"""Steps behind which one more is looked at. The figures of a window grow by the same with every one of them."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """A step, once all that stays in L2 is there: seconds, joules, and bytes from and to DRAM."""

    latency_s: float
    energy_j: float
    dram_bytes: float


def repeats(schedule: Schedule) -> bool:
    """Whether anything stays: with several windows, each needs the L2 for its own weights."""
    return len(schedule.windows) == 1


def one_by_one(schedule: Schedule) -> Schedule:
    """With a step at a time: each begins with what the one before has made."""
    windows = [
        replace(window, pipelines=tuple(replace(pipeline, micro_batch=1) for pipeline in window.pipelines))
        for window in schedule.windows
    ]
    return Schedule(tuple(windows))


def repeated(schedule: Schedule, evaluated: Callable[[Schedule, int], Evaluation]) -> Repeated:
    """What one more step takes.

    A window of many steps loads the weights that stay once. It would run them as a pipeline; here a step waits for the
    one before, so one more takes the time of a micro-batch through all stages, and what it moves over the DRAM, the
    busiest link and the busiest port, if one of these takes longer.

    Args:
        evaluated: what a schedule costs with so many steps.
    """
    if not repeats(schedule):
        once = evaluated(schedule, 1)
        return Repeated(once.latency_s, once.energy_j, sum(window.dram_bytes for window in once.windows))
    plan = one_by_one(schedule)
    many, more = evaluated(plan, MANY), evaluated(plan, MANY + 1)
    (before,), (window,) = many.windows, more.windows
    through_s = max(sum(stage.fill_s for stage in pipeline.stages) for pipeline in window.pipelines)
    latency_s = max(through_s, *(_grown(before, window, name) for name in ("dram_s", "link_s", "port_s")))
    # Static power is drawn for as long as the step takes, not for as long as a pipeline of them would need.
    others_j = (more.energy_j - more.energy.static) - (many.energy_j - many.energy.static)
    static_w = more.energy.static / more.latency_s
    return Repeated(latency_s, others_j + static_w * latency_s, _grown(before, window, "dram_bytes"))


def _grown(before: WindowEvaluation, window: WindowEvaluation, name: str) -> float:
    grown: float = getattr(window, name) - getattr(before, name)
    return grown


def room_bytes(package: Package) -> int:
    """Of all L2 together: no more can stay."""
    return sum(chiplet.l2_bytes for chiplet in package.chiplets)
