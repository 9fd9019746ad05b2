"""Figures of layers as a schedule's file holds them: of cost models that nobody can build anew from their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chipweave.cost.interface import LARGEST_FIGURE, BatchCostModel, LayerCosts
from chipweave.cost.whole_layers import LayersTogether, Together, WholeLayers
from chipweave.errors import InputError
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.exact.split import tile
from chipweave.files.schedule_spec import CostModelSpec, TablesSpec, TogetherSpec
from chipweave.hardware.package import Package
from chipweave.plan.problem import Fidelity, Problem
from chipweave.plan.room import require_memory
from chipweave.plan.schedule import Schedule
from chipweave.workload.layer import Layer, channel_units
from chipweave.workload.scenario import Scenario


def figures_to_dict(problem: Problem, schedule: Schedule) -> dict[str, Any]:
    """Of one sample of every layer; where the cost model knows several together, of those that `schedule` and its
    lower bound ask for."""
    figures = [[_costs_to_dict(costs) for costs in by_class] for by_class in problem.costs]
    model, ready = problem.cost_model, prepare(problem)
    if not ready.detailed or not isinstance(model, BatchCostModel):
        return {"figures": figures}
    together = []
    for task in range(len(ready.tasks)):
        by_class = list(zip(_layers_and_blocks(ready, task), ready.package.classes, strict=True))
        together.append(
            [
                {
                    "samples": samples,
                    "figures": [_costs_to_dict(model.batch_costs(layers, kind, samples)) for layers, kind in by_class],
                }
                for samples in _samples_asked(ready, task, schedule)
            ]
        )
    return {"figures": figures, "together": together}


def problem_of(spec: CostModelSpec, scenario: Scenario, package: Package, fidelity: Fidelity, path: str) -> Problem:
    """The problem with the costs that the file holds.

    Raises:
        InputError: figures that do not fit the layers, or that are out of range; a memory that is too small.
    """
    require_memory(scenario, package)
    assert spec.figures is not None
    counts = [[len(task.model.layers)] * len(package.classes) for task in scenario.tasks]
    _require_shape(spec.figures, counts, "figures", path)
    costs = tuple(tuple(_costs(table) for table in row) for row in spec.figures)
    known = Problem(scenario, package, fidelity, costs, WholeLayers(spec.name))
    if spec.together is None or fidelity is not Fidelity.DETAILED:
        return known
    return replace(known, cost_model=LayersTogether(spec.name, _together(spec.together, prepare(known), path)))


def _together(given: Sequence[Sequence[TogetherSpec]], ready: Prepared, path: str) -> Together:
    known: dict[Any, Sequence[float]] = {}
    if len(given) != len(ready.tasks):
        raise InputError(f"{path}: cost_model.together: not one entry per model; restore the file", path=path)
    for task, sizes in enumerate(given):
        asked = _layers_and_blocks(ready, task)
        for size in sizes:
            _require_shape([size.figures], [[len(layers) for layers in asked]], "together", path)
            for layers, chiplet, table in zip(asked, ready.package.classes, size.figures, strict=True):
                rows = np.array(list(vars(table).values())).T
                known |= {(layer, chiplet, size.samples): row for layer, row in zip(layers, rows, strict=True)}
    return known


def _layers_and_blocks(ready: Prepared, task: int) -> list[list[Layer]]:
    """Per class, a task's layers, and of those whose weights come in several blocks a whole block and the last one."""
    layers = ready.tasks[task].model.layers
    found = []
    for number in range(len(ready.package.classes)):
        parts = list(layers)
        for layer, block in zip(layers, ready.blocks(task, number), strict=True):
            if block.number > 1:
                last = channel_units(layer) % block.units or block.units
                parts += [tile(layer, layer.out_y, layer.out_x, units) for units in (block.units, last)]
        found.append(parts)
    return found


def _samples_asked(ready: Prepared, task: int, schedule: Schedule) -> list[int]:
    own = {pipeline.micro_batch for _, pipeline in schedule.pipelines() if pipeline.task == task}
    return sorted(own.union(ready.micro_batches(task)))


def _costs_to_dict(costs: LayerCosts) -> dict[str, list[float]]:
    return {key: [float(number) for number in values] for key, values in vars(costs).items()}


def _costs(table: TablesSpec) -> LayerCosts:
    return LayerCosts(*(np.array(values) for values in vars(table).values()))


def _require_shape(
    figures: Sequence[Sequence[TablesSpec]], layers: Sequence[Sequence[int]], key: str, path: str
) -> None:
    lengths = [[{len(values) for values in vars(table).values()} for table in row] for row in figures]
    if lengths != [[{count} for count in row] for row in layers]:
        raise InputError(
            f"{path}: cost_model.{key}: not one figure per layer, for each of {len(layers)} models on each of "
            f"{len(layers[0])} chiplet classes; restore the file",
            path=path,
        )
    every = [number for row in figures for table in row for values in vars(table).values() for number in values]
    if not all(0 <= number <= LARGEST_FIGURE for number in every):
        beyond = f"a figure is not in 0..{LARGEST_FIGURE:g}"
        raise InputError(f"{path}: cost_model.{key}: {beyond}; restore the file", path=path)
