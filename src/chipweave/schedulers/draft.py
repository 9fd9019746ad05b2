"""A task's schedule in the making: windows of stages on runs of the snake, by units; its exact cost, stage by stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from chipweave.evaluation.evaluate import pipeline_of, window_of
from chipweave.evaluation.exact.demand import EvaluatedStage, Setting, evaluate_stage
from chipweave.evaluation.exact.memory import footprint
from chipweave.evaluation.exact.tensors import Location
from chipweave.evaluation.law import fits_l2
from chipweave.evaluation.record import StageEvaluation
from chipweave.evaluation.tables.regions import PARTITIONS, Ground
from chipweave.plan.schedule import Partition, Pipeline, Stage, Window

EARLIER, HERE, LATER = 0, 1, 2


@dataclass(frozen=True, slots=True)
class DraftStage:
    """Units up to `end` (not included) on the next `chiplets` of the snake; `partitions` per unit, numbers of
    `PARTITIONS` (ignored on a single chiplet)."""

    end: int
    chiplets: int
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DraftWindow:
    """Stages from unit `first` on."""

    first: int
    micro_batch: int
    stages: tuple[DraftStage, ...]

    @property
    def end(self) -> int:
        return self.stages[-1].end

    @property
    def places(self) -> list[tuple[int, DraftStage]]:
        """Each stage with where its region begins on the snake."""
        ends = accumulate((stage.chiplets for stage in self.stages), initial=0)
        return list(zip(ends, self.stages, strict=False))

    @property
    def chiplets(self) -> int:
        return sum(stage.chiplets for stage in self.stages)


Draft = tuple[DraftWindow, ...]


def pipeline_from(draft: DraftWindow, ground: Ground) -> Pipeline:
    """The draft as a part of a plan: regions are runs of the snake, one after the other from its start."""
    units, stages, first, at = ground.model.units, [], draft.first, 0
    for stage in draft.stages:
        chiplets = ground.order[at : at + stage.chiplets]
        partitions: tuple[Partition, ...] = ()
        if len(chiplets) > 1:
            partitions = tuple(
                PARTITIONS[stage.partitions[unit - first]]
                for unit in range(first, stage.end)
                for _ in range(units[unit][0], units[unit][1] + 1)
            )
        stages.append(Stage(units[first][0], units[stage.end - 1][1], chiplets, partitions))
        first, at = stage.end, at + stage.chiplets
    return Pipeline(ground.task, tuple(stages), draft.micro_batch)


@dataclass
class Exact:
    """The evaluator's figures of windows, each stage computed once.

    Args:
        stages, layers: how many were evaluated so far.
    """

    ground: Ground
    stages: int = 0
    layers: int = 0
    _windows: dict[DraftWindow, tuple[float, float, tuple[StageEvaluation, ...]] | None] = field(default_factory=dict)
    _stages: dict[tuple[object, ...], EvaluatedStage] = field(default_factory=dict)

    def window(self, draft: DraftWindow) -> tuple[float, float, tuple[StageEvaluation, ...]] | None:
        """(latency_s, energy_j, stages) of a window; None where its micro-batch does not fit."""
        if draft not in self._windows:
            self._windows[draft] = self._evaluate(draft)
        return self._windows[draft]

    def cost(self, draft: Sequence[DraftWindow]) -> tuple[float, float] | None:
        """(latency_s, energy_j) of all windows, one after another."""
        latency_s = energy_j = 0.0
        for window in draft:
            made = self.window(window)
            if made is None:
                return None
            latency_s, energy_j = latency_s + made[0], energy_j + made[1]
        return latency_s, energy_j

    def require(self, draft: Sequence[DraftWindow]) -> tuple[float, float]:
        """`cost` of a draft that fits."""
        cost = self.cost(draft)
        assert cost is not None
        return cost

    def _evaluate(self, draft: DraftWindow) -> tuple[float, float, tuple[StageEvaluation, ...]] | None:
        ground, ready = self.ground, self.ground.ready
        pipeline = pipeline_from(draft, ground)
        setting = Setting(ready, HERE, pipeline, _location(ground, pipeline), int(ground.sizes[-1]))
        if not self._fits(setting):
            return None
        places = draft.places
        parts = [self._stage(setting, draft, places, number) for number in range(len(places))]
        made = pipeline_of(setting, parts, 0.0)
        window = window_of(ready, Window((pipeline,)), [made], 0.0)
        return window.latency_s, window.energy.total, made[0].stages

    def _fits(self, setting: Setting) -> bool:
        """Whether the micro-batch may run: in `detailed` any does."""
        size = setting.pipeline.micro_batch
        if size == 1 or setting.detailed:
            return True
        needs = [footprint(setting.model, stage, size, setting.cuts) for stage in setting.pipeline.stages]
        return all(
            fits_l2(max(need.live), sum(sorted(need.weights)[-2:]), region.l2_bytes)
            for need, region in zip(needs, setting.regions, strict=True)
        )

    def _stage(
        self, setting: Setting, draft: DraftWindow, places: Sequence[tuple[int, DraftStage]], number: int
    ) -> EvaluatedStage:
        """A stage depends on itself, the window's ends and the stages that read it."""
        stages = setting.pipeline.stages
        if setting.detailed:
            where, consumers = setting.where, setting.model.consumers
            readers = {
                where.stage[edge.consumer]
                for layer in stages[number].layers
                for edge in consumers[layer]
                if where.window[edge.consumer] == HERE
            }
            others: list[object] = [places[target] for target in sorted(readers - {number})]
            others += sorted(_skipped(setting, number))
        else:
            others = [*places[:number], *places[number + 1 :]]
        key = (draft.first, draft.end, draft.micro_batch, places[number], *others)
        if key not in self._stages:
            self.stages += 1
            self.layers += len(stages[number].layers)
            made = evaluate_stage(setting, number)
            self._stages[key] = made._replace(flows=())  # many stages are kept; their flows would fill the memory
        return self._stages[key]


def _skipped(setting: Setting, number: int) -> set[tuple[int, int]]:
    """The tensors that skip stages on their way to a stage, with how many they skip: so long they wait there."""
    where, operands = setting.where, setting.model.operands
    layers = setting.pipeline.stages[number].layers
    made = {edge.producer for layer in layers for edge in operands[layer] if edge.producer >= setting.pipeline.first}
    return {(tensor, number - where.stage[tensor] - 1) for tensor in made if where.stage[tensor] < number - 1}


def _location(ground: Ground, pipeline: Pipeline) -> Location:
    layers = len(ground.model.layers)
    window = [EARLIER] * pipeline.first + [HERE] * (pipeline.last + 1 - pipeline.first)
    window += [LATER] * (layers - len(window))
    stage = [0] * layers
    for number, part in enumerate(pipeline.stages):
        for layer in part.layers:
            stage[layer] = number
    return Location(tuple(window), tuple(stage))
