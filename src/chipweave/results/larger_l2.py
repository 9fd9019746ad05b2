"""What more L2 would save: the same plan on the same package, with every chiplet's L2 twice as large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chipweave.cost.interface import BatchCostModel, CostModel, LayerCosts
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.record import Evaluation
from chipweave.hardware.chiplet import Chiplet
from chipweave.plan.problem import Problem
from chipweave.plan.schedule import Schedule
from chipweave.workload.layer import Layer

LEAST_SAVING = 0.01
"""Of EDP or of the DRAM's bytes: below it nothing is worth saying."""


@dataclass(frozen=True)
class Saving:
    """By which shares of 1 figures fall; below 0 where one rises."""

    dram_bytes: float
    latency: float
    energy: float
    edp: float

    @property
    def worthwhile(self) -> bool:
        return max(self.dram_bytes, self.edp) >= LEAST_SAVING


def twice_the_l2(problem: Problem, schedule: Schedule, evaluation: Evaluation) -> Saving | None:
    """What twice the L2 would save of a plan's cost; None where no stage wants room.

    Only the room changes: what layers cost, and the blocks in which weights stream, stay as they are.
    """
    if not any(l2 and (l2.spill or l2.again or l2.streamed) for l2 in (stage.l2 for stage in evaluation.stages)):
        return None
    larger = evaluate(schedule, with_twice_the_l2(problem))

    def saved(before: float, now: float) -> float:
        return 1.0 - now / before if before else 0.0

    return Saving(
        saved(_dram_bytes(evaluation), _dram_bytes(larger)),
        saved(evaluation.latency_s, larger.latency_s),
        saved(evaluation.energy_j, larger.energy_j),
        saved(evaluation.edp_js, larger.edp_js),
    )


def _dram_bytes(evaluation: Evaluation) -> float:
    return sum(window.dram_bytes for window in evaluation.windows)


def with_twice_the_l2(problem: Problem) -> Problem:
    """The problem with every L2 twice as large, and nothing else changed.

    Chiplets that differ in nothing but their blocks become one class, and cost what the first of them costs."""
    before: dict[Chiplet, Chiplet] = {}
    for chiplet in problem.package.classes:
        before.setdefault(_twice(chiplet), chiplet)
    package = replace(problem.package, chiplets=tuple(map(_twice, problem.package.chiplets)))
    known = [problem.package.classes.index(before[chiplet]) for chiplet in package.classes]
    costs = tuple(tuple(by_class[number] for number in known) for by_class in problem.costs)
    model = _AsBefore(problem.cost_model, before)
    if isinstance(problem.cost_model, BatchCostModel):
        model = _SamplesAsBefore(problem.cost_model, before)
    return replace(problem, package=package, costs=costs, cost_model=model)


def _twice(chiplet: Chiplet) -> Chiplet:
    size: dict[str, Any] = {"l2_bytes": 2 * chiplet.l2_bytes, "stream_bytes": chiplet.block_bytes}  # not rounded
    return replace(chiplet, **size)


@dataclass(frozen=True)
class _AsBefore:
    """The cost model `model`, which costs a chiplet as what it was `before`."""

    model: CostModel
    before: Mapping[Chiplet, Chiplet]

    @property
    def name(self) -> str:
        return self.model.name

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        return self.model.costs(layers, self.before[chiplet])


@dataclass(frozen=True)
class _SamplesAsBefore(_AsBefore):
    """The same of one that knows what several samples cost together."""

    model: BatchCostModel

    def batch_costs(self, layers: Sequence[Layer], chiplet: Chiplet, samples: int) -> LayerCosts:
        return self.model.batch_costs(layers, self.before[chiplet], samples)
