"""What no schedule, no window and no cut of it into stages goes below (docs/lower-bound.md has the proofs)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from chipweave.cost.interface import BatchCostModel, LayerCosts
from chipweave.evaluation.exact.ground import Prepared, least_fill_j, prepare
from chipweave.evaluation.law import pipeline_s, static_j
from chipweave.evaluation.tables.bench import arrays_of, micro_of
from chipweave.hardware.chiplet import Chiplet
from chipweave.ndarrays import Floats
from chipweave.plan.certificate import Certificate, Prover, Space
from chipweave.plan.objective import Objective
from chipweave.plan.problem import Problem
from chipweave.workload.scenario import Task


def lower_bound(
    problem: Problem | Prepared, objective: Objective, regions: bool = False, sums: bool = False
) -> Certificate:
    """The bound on `objective` over all schedules with stages on single chiplets, or on `regions` of any size; with
    `sums` on regions where layers may be `reduced`, too.

    Latency is at least (a) all layers' compute where it takes the fewest chiplet-seconds, spread evenly over all
    chiplets, (b) for each task, one sample through all its layers plus the rest of the batch through its slowest
    unit, added up along dependencies, (c) the DRAM bytes that no schedule avoids at the package's bandwidth. Energy
    is at least every layer where it spends least plus those DRAM bytes.

    Raises:
        InputError: with `regions`, parts of layers that the cost model cannot cost.
    """
    ready = prepare(problem)
    problem, tasks, package = ready.problem, ready.tasks, ready.package
    count, regions = len(package.chiplets), regions or sums
    least = [_least(ready, index, regions) for index in range(len(tasks))]
    if sums:
        least = [_or_reduced(ready, index, each) for index, each in enumerate(least)]
    compute_s = sum(task.batch * float(each.spread_s.sum()) for task, each in zip(tasks, least, strict=True))
    dram_bytes = sum(unavoidable_dram_bytes(task) for task in tasks)
    dram_s = dram_bytes / ready.rates.dram_bytes_s
    if ready.detailed:
        shared = {"compute": compute_s / count, "DRAM": dram_s}
    else:
        # `paper` has no shared DRAM: each stage pays its own transfers, one after another with its compute.
        shared = {"compute and DRAM": (compute_s + dram_s) / count}
    terms = shared | {"longest task": _longest_chain_s(tasks, least, count if regions else 1)}
    binds = max(terms, key=lambda name: terms[name])
    energy_j = sum(float(each.energy_j.sum()) for each in least)
    energy_j += dram_bytes * ready.rates.dram_j
    energy_j += static_j(terms[binds], ready.rates)
    value = objective(terms[binds], energy_j)
    space = Space.SUMS if sums else Space.REGIONS if regions else Space.ONE_CHIPLET
    return Certificate(space, Prover.BOUND, value, terms[binds], energy_j, binds, tuple(terms.items()))


def least_seconds(problem: Problem | Prepared) -> Floats:
    """Per layer of the first task, seconds of one sample that no way to run it on chiplets of the package goes below,
    by the cost model's figures (docs/lower-bound.md)."""
    return _least(prepare(problem), 0, True).time_s


def unavoidable_dram_bytes(task: Task) -> int:
    """Every weight once; of the network's input what all layers read together, and its outputs, for every sample.

    Slices of the input count together, up to the whole, in every stage, so no cut into stages has less of them.
    """
    model = task.model
    outputs = sum(
        model.tensor_bytes(layer.output_elements)
        for layer, readers in zip(model.layers, model.consumers, strict=True)
        if not readers
    )
    read = min(model.input_elements, sum(edge.elements for edge in model.input_readers))
    return model.distinct_weight_bytes + task.batch * (model.tensor_bytes(read) + outputs)


@dataclass(frozen=True, slots=True)
class _Least:
    """What a task's layers take at least, each shape (layers,).

    Args:
        time_s: one sample, on as many chiplets as are best for it.
        spread_s: one sample, times the chiplets that compute it.
        energy_j: the whole batch, inside the chiplets.
    """

    time_s: Floats
    spread_s: Floats
    energy_j: Floats


def _least(ready: Prepared, index: int, regions: bool) -> _Least:
    seconds, joules = _on_the_best_class(ready, index)
    if not regions:
        return _Least(seconds, seconds, joules)
    splits = ready.splits(index, len(ready.package.chiplets))
    parts_s, parts_j, unfilled_j = _parts_on_the_best_class(ready, index)
    time_s, spread_s, energy_j = splits.least(parts_s, parts_j)
    reuses = [bool(layer.shares) for layer in ready.tasks[index].model.layers]
    if any(reuses):
        energy_j = np.where(reuses, splits.least(parts_s, unfilled_j)[2], energy_j)
    return _Least(np.minimum(seconds, time_s), np.minimum(seconds, spread_s), np.minimum(joules, energy_j))


def _or_reduced(ready: Prepared, index: int, least: _Least) -> _Least:
    """The same, where the input channels of layers may be parted, too."""
    ways, splits = ready.reduced(index), ready.splits(index, len(ready.package.chiplets))
    if not len(ways.owner):
        return least
    parts_s, filled_j, unfilled_j = _least_of_parts(ready, index, ways.costs(1), ways.least_cycles)
    slowest = np.where(ways.counts > 0, parts_s[ways.tiles], 0.0).max(axis=1)
    figures = [slowest, ways.counts.sum(axis=1) * slowest]
    figures += [(ways.counts * joules[ways.tiles]).sum(axis=1) for joules in (filled_j, unfilled_j)]
    found = np.full((4, len(splits.distinct[0])), np.inf)
    for own, values in zip(found, figures, strict=True):
        np.minimum.at(own, ways.owner, values)
    time_s, spread_s, filled_j, unfilled_j = found[:, splits.distinct[1]]
    reuses = np.array([bool(layer.shares) for layer in ready.tasks[index].model.layers])
    return _Least(
        np.minimum(least.time_s, time_s),
        np.minimum(least.spread_s, spread_s),
        np.minimum(least.energy_j, np.where(reuses, unfilled_j, filled_j)),
    )


def _on_the_best_class(ready: Prepared, task: int) -> tuple[Floats, Floats]:
    """Of each layer seconds of one sample and joules of the batch, each on the class and at the micro-batch, in blocks
    or whole, that takes least.

    In `detailed` without the fills and drains that a stage may save.
    """
    batch, classes = ready.tasks[task].batch, ready.package.classes
    if not ready.detailed:
        costs = ready.problem.costs[task]
        seconds = [each.cycles / chiplet.clock_hz for each, chiplet in zip(costs, classes, strict=True)]
        return np.min(seconds, axis=0), np.min([batch * each.energy_j for each in costs], axis=0)
    all_s, all_j = [], []
    for micro_batch in ready.micro_batches(task):
        costs, blocks = ready.costs(task, micro_batch), ready.block_costs(task, micro_batch)
        for each, more, chiplet in zip(costs, blocks, classes, strict=True):
            all_s.append(each.cycles / chiplet.clock_hz + np.minimum(0.0, more.seconds) / micro_batch)
            fill_j = least_fill_j(ready.tasks[task].model, each.fill_weight_j)
            all_j.append(batch * (each.resident_j + np.minimum(0.0, more.joules)) + fill_j)
    return np.min(all_s, axis=0), np.min(all_j, axis=0)


def _parts_on_the_best_class(ready: Prepared, task: int) -> tuple[Floats, Floats, Floats]:
    """As `_on_the_best_class` of every part of a layer that there is (`Splits.tile_costs`); and its joules without what
    brings its weights into L2 (`paper`: with it)."""
    splits = ready.splits(task, len(ready.package.chiplets))
    return _least_of_parts(ready, task, splits.tile_costs, splits.least_cycles)


def _least_of_parts(
    ready: Prepared, task: int, costs: Sequence[LayerCosts], least_cycles: Callable[[Chiplet], Floats]
) -> tuple[Floats, Floats, Floats]:
    """The same of parts with these costs, and cycles below which none goes, on each class.

    What a part takes together with other samples, or in blocks, is not known of all parts: where a cost model has such
    figures, a part takes at least its multiplications on all PEs, and their joules.
    """
    batch, classes = ready.tasks[task].batch, ready.package.classes
    seconds = [each.cycles / chiplet.clock_hz for each, chiplet in zip(costs, classes, strict=True)]
    if not ready.detailed:
        joules_ = np.min([batch * each.energy_j for each in costs], axis=0)
        return np.min(seconds, axis=0), joules_, joules_
    joules = [batch * each.resident_j for each in costs]
    if isinstance(ready.problem.cost_model, BatchCostModel):
        least_s = [least_cycles(chiplet) / chiplet.clock_hz for chiplet in classes]
        seconds = [np.minimum(one, least) for one, least in zip(seconds, least_s, strict=True)]
        joules = [batch * each.mac_j for each in costs]
    filled = [own + each.fill_weight_j for own, each in zip(joules, costs, strict=True)]
    return np.min(seconds, axis=0), np.min(filled, axis=0), np.min(joules, axis=0)


def _longest_chain_s(tasks: tuple[Task, ...], least: Sequence[_Least], chiplets: int) -> float:
    """With stages on up to so many chiplets."""
    alone = {}
    for task, each in zip(tasks, least, strict=True):
        rest_s = 0.0
        for first, last in task.model.units:
            unit = slice(first, last + 1)
            rest_s = max(
                rest_s, task.batch * float(each.spread_s[unit].sum()) / chiplets - float(each.time_s[unit].sum())
            )
        alone[task.name] = float(each.time_s.sum()) + rest_s
    parent = {task.name: task.depends_on for task in tasks}

    def chain(name: str | None) -> float:
        return 0.0 if name is None else alone[name] + chain(parent[name])

    return max(chain(task.name) for task in tasks)


Point = tuple[float, float]
"""(latency_s, energy_j)."""
Part = tuple[int, int, int]
"""A task, its first unit and the one behind its last: its part of a window."""


def least_part_j(ready: Prepared, part: Part) -> float:
    """Joules of a part that no place avoids: every unit on its cheapest class, every weight loaded once."""
    arrays = arrays_of(ready, part[0])
    _, work_j = _least_of_units(ready, part)
    weights = float(arrays.weights[part[2]] - arrays.weights[part[1]])
    weights -= float(arrays.reused[part[1], part[2] - 1]) if len(arrays.reused) else 0.0
    return float(work_j.sum()) + weights * ready.rates.dram_j


def _least_of_units(ready: Prepared, part: Part) -> tuple[Floats, Floats]:
    """Per unit seconds of one sample and joules of the batch, weights filled once, at the best size and class."""
    found = [_units_at(ready, part, size) for size in ready.micro_batches(part[0])]
    return np.min([each[0] for each in found], axis=0), np.min([each[1] for each in found], axis=0)


def _units_at(ready: Prepared, part: Part, micro_batch: int) -> tuple[Floats, Floats]:
    """As `_least_of_units` at one micro-batch."""
    arrays, micro, units = arrays_of(ready, part[0]), micro_of(ready, part[0], micro_batch), slice(part[1], part[2] + 1)

    def least(whole: Floats, blocks: Floats) -> Floats:
        own: Floats = np.diff(whole[:, units], axis=1) + np.minimum(0.0, np.diff(blocks[:, units], axis=1))
        return own

    seconds = least(micro.compute_s, micro.blocks_s).min(axis=0) / micro_batch
    joules = arrays.batch * least(micro.work_j, micro.blocks_j) + np.diff(arrays.fill_weight_j[:, units], axis=1)
    if len(arrays.reused):
        # What each unit reuses of units of the part: what stages up to it reuse, less what those without it do.
        joules -= np.diff(arrays.reused_fill_j[:, part[1], part[1] : part[2]], axis=1, prepend=0.0)
    return seconds, joules.min(axis=0)


def least_window(ready: Prepared, parts: Sequence[Part]) -> Point:
    """A latency and an energy that no way to run a window of these parts on single chiplets goes below.

    Latency: per task one sample through all units and the rest of the batch through the slowest (as in
    `lower_bound`), and all compute spread over all chiplets; energy: every unit on its cheapest class.
    """
    latency_s, compute_s, energy_j = 0.0, 0.0, 0.0
    for part in parts:
        batch, (units_s, _) = ready.tasks[part[0]].batch, _least_of_units(ready, part)
        latency_s = max(latency_s, pipeline_s(float(units_s.sum()), float(units_s.max()), batch))
        compute_s += batch * float(units_s.sum())
        energy_j += least_part_j(ready, part)
    return max(latency_s, compute_s / len(ready.package.chiplets)), energy_j
