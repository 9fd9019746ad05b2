"""A task's schedule in the making: windows of stages on runs of the snake, by units; its exact cost, stage by stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from chipweave.evaluation.record import StageEvaluation
from chipweave.evaluation.tables.regions import Ground, by_layer
from chipweave.plan.schedule import Pipeline, Stage, Window
from chipweave.schedulers.exact import Exact


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
        partitions = by_layer(units, first, stage.partitions) if len(chiplets) > 1 else ()
        stages.append(Stage(units[first][0], units[stage.end - 1][1], chiplets, partitions))
        first, at = stage.end, at + stage.chiplets
    return Pipeline(ground.task, tuple(stages), draft.micro_batch)


class DraftCost(NamedTuple):
    """Of a window: seconds, joules, and its stages."""

    latency_s: float
    energy_j: float
    stages: tuple[StageEvaluation, ...]


@dataclass
class DraftCosts:
    """The evaluator's figures of a task's windows."""

    ground: Ground

    def __post_init__(self) -> None:
        self.exact = Exact(self.ground.ready)
        self._windows: dict[DraftWindow, DraftCost | None] = {}

    @property
    def layers(self) -> int:
        """How many were evaluated so far, in stages."""
        return self.exact.layers

    @property
    def stages(self) -> int:
        """How many were evaluated so far."""
        return self.exact.stages

    def window(self, draft: DraftWindow) -> DraftCost | None:
        """What a window costs; None where its micro-batch does not fit."""
        if draft not in self._windows:
            made = self.exact.window(Window((pipeline_from(draft, self.ground),)))
            whole = None if made is None else DraftCost(made.latency_s, made.energy_j, made.pipelines[0].stages)
            self._windows[draft] = whole
        return self._windows[draft]

    def cost(self, draft: Sequence[DraftWindow]) -> tuple[float, float] | None:
        """(latency_s, energy_j) of all windows, one after another."""
        latency_s = energy_j = 0.0
        for window in draft:
            made = self.window(window)
            if made is None:
                return None
            latency_s, energy_j = latency_s + made.latency_s, energy_j + made.energy_j
        return latency_s, energy_j

    def require(self, draft: Sequence[DraftWindow]) -> tuple[float, float]:
        """`cost` of a draft that fits."""
        cost = self.cost(draft)
        assert cost is not None
        return cost
