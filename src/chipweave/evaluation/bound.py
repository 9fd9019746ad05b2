"""A lower bound that holds for every valid schedule, and why (docs/lower-bound.md has the proof)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipweave.cost.communication import BITS_PER_BYTE
from chipweave.cost.interface import LayerCosts
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.plan.certificate import Certificate, Prover, Space
from chipweave.plan.objective import Objective
from chipweave.plan.problem import Fidelity, Problem
from chipweave.workload.scenario import Task

Floats = NDArray[np.float64]


def lower_bound(problem: Problem | Prepared, objective: Objective, regions: bool = False) -> Certificate:
    """The bound on `objective` over all schedules with stages on single chiplets, or on `regions` of any size.

    Latency is at least (a) all layers' compute where it takes the fewest chiplet-seconds, spread evenly over all
    chiplets, (b) for each task, one sample through all its layers plus the rest of the batch through its slowest
    unit, added up along dependencies, (c) the DRAM bytes that no schedule avoids at the package's bandwidth. Energy
    is at least every layer where it spends least plus those DRAM bytes.

    Raises:
        InputError: with `regions`, parts of layers that the cost model cannot cost.
    """
    ready = prepare(problem)
    problem, tasks, package = ready.problem, ready.tasks, ready.package
    count = len(package.chiplets)
    least = [_least(ready, index, regions) for index in range(len(tasks))]
    compute_s = sum(task.batch * float(each.spread_s.sum()) for task, each in zip(tasks, least, strict=True))
    dram_bytes = sum(unavoidable_dram_bytes(task) for task in tasks)
    dram_s = dram_bytes / package.dram_bandwidth_bytes_s
    if problem.fidelity is Fidelity.DETAILED:
        shared = {"compute": compute_s / count, "DRAM": dram_s}
    else:
        # `paper` has no shared DRAM: each stage pays its own transfers, one after another with its compute.
        shared = {"compute and DRAM": (compute_s + dram_s) / count}
    terms = shared | {"longest task": _longest_chain_s(tasks, least, count if regions else 1)}
    binds = max(terms, key=lambda name: terms[name])
    energy_j = sum(float(each.energy_j.sum()) for each in least)
    energy_j += dram_bytes * BITS_PER_BYTE * package.dram_energy_j_per_bit
    if problem.fidelity is Fidelity.DETAILED:
        energy_j += sum(chiplet.static_power_w for chiplet in package.chiplets) * terms[binds]
    value = objective(terms[binds], energy_j)
    space = Space.REGIONS if regions else Space.ONE_CHIPLET
    return Certificate(space, Prover.BOUND, value, terms[binds], energy_j, binds, tuple(terms.items()))


def unavoidable_dram_bytes(task: Task) -> int:
    """Every weight once; the network's input and outputs for every sample."""
    model = task.model
    outputs = sum(
        layer.output_elements for layer, readers in zip(model.layers, model.consumers, strict=True) if not readers
    )
    read = min(model.input_elements, max((edge.elements for edge in model.input_readers), default=0))
    return model.bytes_per_element * (model.weight_elements + task.batch * (read + outputs))


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
    problem = ready.problem
    batch = problem.scenario.tasks[index].batch
    seconds, joules = _on_the_best_class(problem, problem.costs[index], batch)
    if not regions:
        return _Least(seconds, seconds, joules)
    splits = ready.splits(index, len(problem.package.chiplets))
    time_s, spread_s, energy_j = splits.least(*_on_the_best_class(problem, splits.tile_costs, batch))
    return _Least(np.minimum(seconds, time_s), np.minimum(seconds, spread_s), np.minimum(joules, energy_j))


def _on_the_best_class(problem: Problem, by_class: Sequence[LayerCosts], batch: int) -> tuple[Floats, Floats]:
    """Of each layer (or part) seconds of one sample and joules of the batch, each on the class that takes least.

    In `detailed` without the fills and drains that a stage may save.
    """
    seconds = [
        costs.cycles / chiplet.clock_hz for costs, chiplet in zip(by_class, problem.package.classes, strict=True)
    ]
    if problem.fidelity is Fidelity.PAPER:
        joules = [batch * costs.energy_j for costs in by_class]
    else:
        joules = [batch * costs.resident_j + costs.fill_weight_j for costs in by_class]
    return np.min(seconds, axis=0), np.min(joules, axis=0)


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
