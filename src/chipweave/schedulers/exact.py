"""What windows of several tasks cost, exactly: the evaluator's figures, each stage computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from chipweave.evaluation.evaluate import pipeline_of, window_of
from chipweave.evaluation.exact.demand import EvaluatedStage, Setting, evaluate_stage
from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.exact.memory import footprint
from chipweave.evaluation.exact.tensors import Location
from chipweave.evaluation.law import fits_l2
from chipweave.evaluation.record import PipelineEvaluation, Transfer
from chipweave.plan.schedule import Pipeline, Window
from chipweave.shelf import remembered

EARLIER, HERE, LATER = 0, 1, 2


class Cost(NamedTuple):
    """Of a window: seconds, joules, and its pipelines, as if the schedule began with it."""

    latency_s: float
    energy_j: float
    pipelines: tuple[PipelineEvaluation, ...]


class Timed(NamedTuple):
    """Of a window, as if the schedule began with it: seconds, joules, and when each task's pipeline ends."""

    latency_s: float
    energy_j: float
    ends_s: tuple[tuple[int, float], ...]


@dataclass
class Exact:
    """The evaluator's figures of windows.

    Args:
        stages: how many were evaluated so far; layers: of them.
    """

    ready: Prepared
    stages: int = 0
    layers: int = 0
    _windows: dict[Window, Cost | None] = field(default_factory=dict)
    _pipelines: dict[Pipeline, tuple[PipelineEvaluation, Transfer] | None] = field(default_factory=dict)
    _stages: dict[tuple[object, ...], EvaluatedStage] = field(default_factory=dict)

    def window(self, window: Window) -> Cost | None:
        """What a window costs; None where a micro-batch does not fit (`paper`)."""
        return remembered(self._windows, window, lambda: self._cost(window))

    def _cost(self, window: Window) -> Cost | None:
        made = [self.pipeline(pipeline) for pipeline in window.pipelines]
        parts = [each for each in made if each is not None]
        if len(parts) < len(made):
            return None
        found = window_of(self.ready, window, parts, 0.0)
        return Cost(found.latency_s, found.energy.total, found.pipelines)

    def timed(self, window: Window) -> Timed | None:
        """How long a window takes; None where a micro-batch does not fit (`paper`)."""
        made = self.window(window)
        if made is None:
            return None
        return Timed(made.latency_s, made.energy_j, tuple((each.task, each.end_s) for each in made.pipelines))

    def pipeline(self, pipeline: Pipeline) -> tuple[PipelineEvaluation, Transfer] | None:
        """A pipeline and its traffic; None where its micro-batch does not fit."""
        return remembered(self._pipelines, pipeline, lambda: self._evaluated(pipeline))

    def _evaluated(self, pipeline: Pipeline) -> tuple[PipelineEvaluation, Transfer] | None:
        alone = all(len(stage.chiplets) == 1 for stage in pipeline.stages)
        most = 1 if alone else len(self.ready.package.chiplets)
        setting = Setting(self.ready, HERE, pipeline, _location(self.ready, pipeline), most)
        if not _fits(setting):
            return None
        stages = [self._stage(setting, number) for number in range(len(pipeline.stages))]
        return pipeline_of(setting, stages, 0.0)

    def _stage(self, setting: Setting, number: int) -> EvaluatedStage:
        """A stage depends on itself, the window's ends, the stages that it sends to, those of several chiplets that it
        gets from, and how long what skips others waits for it; in `paper`, where all is handed on, on all stages."""
        pipeline = setting.pipeline
        others: Sequence[object] = [stage for at, stage in enumerate(pipeline.stages) if at != number]
        if setting.detailed:
            others = _touched(setting, number)
        key = (pipeline.task, pipeline.first, pipeline.last, pipeline.micro_batch, pipeline.stages[number], *others)
        return remembered(self._stages, key, lambda: self._evaluated_stage(setting, number))

    def _evaluated_stage(self, setting: Setting, number: int) -> EvaluatedStage:
        self.stages += 1
        self.layers += len(setting.pipeline.stages[number].layers)
        # Many stages are kept; their flows would fill the memory.
        return evaluate_stage(setting, number)._replace(flows=())


def _touched(setting: Setting, number: int) -> list[object]:
    where, model, stages = setting.where, setting.model, setting.pipeline.stages
    layers = stages[number].layers
    readers = {
        where.stage[edge.consumer]
        for layer in layers
        for edge in model.consumers[layer]
        if where.window[edge.consumer] == HERE
    }
    read = {edge.producer for layer in layers for edge in model.operands[layer]}
    made = {tensor for tensor in read if tensor >= setting.pipeline.first}
    senders = {where.stage[tensor] for tensor in made} - {number}
    if all(len(stages[each].chiplets) == 1 for each in (number, *senders)):
        senders = set()
    skipped = {(tensor, number - where.stage[tensor] - 1) for tensor in made if where.stage[tensor] < number - 1}
    return [*(stages[each] for each in sorted((readers | senders) - {number})), *sorted(skipped)]


def _fits(setting: Setting) -> bool:
    """Whether the micro-batch may run: in `detailed` any does."""
    size = setting.pipeline.micro_batch
    if size == 1 or setting.detailed:
        return True
    needs = [footprint(setting.model, stage, size, setting.cuts) for stage in setting.pipeline.stages]
    return all(
        fits_l2(max(need.live), sum(sorted(need.weights)[-2:]), region.l2_bytes)
        for need, region in zip(needs, setting.regions, strict=True)
    )


def _location(ready: Prepared, pipeline: Pipeline) -> Location:
    layers = len(ready.tasks[pipeline.task].model.layers)
    window = [EARLIER] * pipeline.first + [HERE] * (pipeline.last + 1 - pipeline.first)
    window += [LATER] * (layers - len(window))
    stage = [0] * layers
    for number, part in enumerate(pipeline.stages):
        for layer in part.layers:
            stage[layer] = number
    return Location(tuple(window), tuple(stage))
