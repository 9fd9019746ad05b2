"""A schedule of several tasks in the making: windows of pipelines by units, with what it costs exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from chipweave.evaluation.exact.ground import Prepared
from chipweave.plan.limits import excess, limits_the_whole, missed
from chipweave.plan.objective import Objective
from chipweave.plan.schedule import Pipeline, Schedule, Window
from chipweave.schedulers.alone import Alone
from chipweave.schedulers.exact import Exact, Timed
from chipweave.schedulers.weave.choices import number_of
from chipweave.schedulers.weave.parts import RegionNeed
from chipweave.schedulers.weave.place import Region, pipeline_on, regions_of
from chipweave.shelf import remembered


class PipelineDraft(NamedTuple):
    """A task's units from `first` on as stages."""

    task: int
    first: int
    micro_batch: int
    stages: tuple[RegionNeed, ...]


WindowDraft = tuple[PipelineDraft, ...]
Draft = tuple[WindowDraft, ...]


class Worth(NamedTuple):
    """How good a draft is: by which shares of them it misses limits, added up, then the objective; less is better."""

    missed: float
    value: float


NO_WORTH = Worth(math.inf, math.inf)
"""Of no draft."""


@dataclass(frozen=True)
class Judge:
    """What drafts are worth.

    Args:
        exact: who costs windows (`alone.costed`).
        regions: whether a stage may have several chiplets.
    """

    ready: Prepared
    exact: Exact | Alone
    objective: Objective
    regions: bool = True
    _placed: dict[tuple[PipelineDraft, tuple[Region, ...]], Pipeline] = field(default_factory=dict, repr=False)
    _times: dict[WindowDraft, Timed | None] = field(default_factory=dict, repr=False)

    @property
    def limited(self) -> bool:
        """Whether any model, or all of them together, have a limit."""
        return self.ready.once(_limited)

    def window(self, draft: WindowDraft) -> Window:
        """The window with its regions in their places."""
        regions = regions_of(self.ready, [(need.chiplet_class, need.chiplets) for one in draft for need in one.stages])
        made, at = [], 0
        for one in draft:
            made.append(self._pipeline(one, tuple(regions[at : at + len(one.stages)])))
            at += len(one.stages)
        return Window(tuple(made))

    def _pipeline(self, draft: PipelineDraft, regions: tuple[Region, ...]) -> Pipeline:
        (task, first, micro_batch, stages), key = draft, (draft, regions)
        return remembered(
            self._placed, key, lambda: pipeline_on(self.ready, task, micro_batch, first, stages, regions)
        )

    def timed(self, draft: WindowDraft) -> Timed | None:
        """How long a window takes; None where a micro-batch does not fit (`paper`)."""
        return remembered(self._times, draft, lambda: self.exact.timed(self.window(draft)))

    def schedule(self, draft: Draft) -> Schedule:
        """The draft as a plan."""
        return Schedule(tuple(self.window(window) for window in draft))

    def worth(self, windows: Sequence[Window]) -> Worth | None:
        """What windows one after another are worth; None where a micro-batch does not fit."""
        times = [made for window in windows if (made := self.exact.timed(window)) is not None]
        return self.worth_of(times) if len(times) == len(windows) else None

    def worth_of(self, times: Sequence[Timed]) -> Worth:
        """What windows that take so long, one after another, are worth."""
        latency_s = energy_j = over = 0.0
        ends_s: dict[int, float] = {}
        for each in times:
            for task, end_s in each.ends_s if self.limited else ():
                ends_s[task] = latency_s + end_s
            latency_s, energy_j = latency_s + each.latency_s, energy_j + each.energy_j
        for task, end_s in ends_s.items():
            over += excess(end_s, self.ready.tasks[task].latency_limit_s)
        over += missed(self.ready.problem.scenario, latency_s, energy_j)
        return Worth(over, self.objective(latency_s, energy_j))

    def totals(self, windows: Sequence[Window]) -> tuple[float, float]:
        """(latency_s, energy_j) of windows that fit."""
        costs = [cost for window in windows if (cost := self.exact.timed(window)) is not None]
        return sum(cost.latency_s for cost in costs), sum(cost.energy_j for cost in costs)


def _limited(ready: Prepared) -> bool:
    return limits_the_whole(ready.problem.scenario) or any(task.latency_limit_s is not None for task in ready.tasks)


def draft_of(ready: Prepared, schedule: Schedule) -> Draft | None:
    """A schedule as a draft; None where a region has chiplets of several classes."""
    class_of = ready.package.class_of
    windows = []
    for window in schedule.windows:
        pipelines = []
        for pipeline in window.pipelines:
            units, stages = ready.tasks[pipeline.task].model.units, []
            number = {first: at for at, (first, _) in enumerate(units)}
            for stage in pipeline.stages:
                kinds = {class_of[chiplet] for chiplet in stage.chiplets}
                if len(kinds) > 1:
                    return None
                first = number[stage.first]
                end = next(at for at, (_, last) in enumerate(units) if last == stage.last) + 1
                several = len(stage.chiplets) > 1
                chosen = tuple(number_of(stage, *units[at]) if several else 0 for at in range(first, end))
                stages.append(RegionNeed(end, kinds.pop(), len(stage.chiplets), chosen))
            pipelines.append(PipelineDraft(pipeline.task, number[pipeline.first], pipeline.micro_batch, tuple(stages)))
        windows.append(tuple(pipelines))
    return tuple(windows)
