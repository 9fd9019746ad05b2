"""A schedule as operations: its windows, each by itself or, with prefetch, all together (docs/simulation.md,
"Windows")."""

from __future__ import annotations

from collections.abc import Sequence

from chipweave.evaluation.exact.demand import Setting
from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.exact.placement import Source, lies_of
from chipweave.evaluation.exact.tensors import locate
from chipweave.plan.schedule import Pipeline, Schedule
from chipweave.simulation.draft import Draft, Numbers, What
from chipweave.simulation.machine import Machine
from chipweave.simulation.pipeline import PipelineRun, lay_out
from chipweave.simulation.stage import StageRun, stage_run
from chipweave.simulation.transfers import Floor
from chipweave.simulation.turns import lay_out_in_turns

WindowRun = tuple[PipelineRun, ...]
Known = dict[tuple[Pipeline, tuple[tuple[Source, ...], ...]], tuple[StageRun, ...]]


def window_runs(ready: Prepared, schedule: Schedule, floor: Floor, machine: Machine) -> list[WindowRun]:
    """Per window of a valid schedule, its pipelines as the machine runs them."""
    known: Known = {}
    return [window_run(ready, schedule, index, floor, machine, known) for index in range(len(schedule.windows))]


def window_run(
    ready: Prepared, schedule: Schedule, index: int, floor: Floor, machine: Machine, known: Known
) -> WindowRun:
    """Window `index`.

    Args:
        known: stages of pipelines on this machine, which are the same in whatever schedule the pipeline is: all other
            layers run before its window or behind it. Only where tensors lie at one interface each does it matter what
            its stages load from where, which then stands beside the pipeline. What is missing is added.
    """
    runs = []
    for number, pipeline in enumerate(schedule.windows[index].pipelines):
        where = locate(schedule, pipeline.task, len(ready.tasks[pipeline.task].model.layers))
        lies = lies_of(ready, schedule, pipeline.task)
        setting = Setting(ready, index, pipeline, where, schedule.largest_region, lies)
        k, samples = setting.micro_batches, pipeline.micro_batch
        which = pipeline, tuple(work.sources for work in setting.works) if lies is not None else ()
        if which not in known:
            known[which] = tuple(stage_run(setting, each, floor, machine) for each in range(len(pipeline.stages)))
        last = (setting.batch - (k - 1) * samples) / samples
        runs.append(PipelineRun(index, number, known[which], k, last))
    return tuple(runs)


def lay_out_window(draft: Draft, window: WindowRun, pins_after: dict[int, Numbers]) -> None:
    """The operations of one window.

    Args:
        pins_after: per chiplet, behind which it may load weights of this window; becomes, behind which it may load
            those of the next one.
    """
    ends: dict[int, Numbers] = {}
    for pipeline in window:
        if draft.machine.turns:
            left = lay_out_in_turns(draft, pipeline)
        else:
            behind = [
                tuple(sorted({each for chiplet in stage.chiplets for each in pins_after.get(chiplet, draft.origin)}))
                for stage in pipeline.stages
            ]
            left = lay_out(draft, pipeline, behind)
        for stage, last in zip(pipeline.stages, left, strict=True):
            ends |= dict.fromkeys(stage.chiplets, last)
    pins_after |= ends


def lay_out_together(draft: Draft, windows: Sequence[WindowRun]) -> None:
    """All windows, one behind the other; weights that stay may load before their window begins: behind what their
    chiplets last did, or from the start."""
    start = (draft.work(What("window", 0), 0.0, ()),)
    pins_after: dict[int, Numbers] = {
        chiplet: start for window in windows for run in window for stage in run.stages for chiplet in stage.chiplets
    }
    for number, window in enumerate(windows):
        lay_out_window(draft, window, pins_after)
        left = tuple(sorted({each for last in pins_after.values() for each in last}))
        draft.origin = (draft.work(What("window", number + 1), 0.0, left),)
