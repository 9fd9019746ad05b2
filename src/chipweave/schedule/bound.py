"""A lower bound that holds for every valid schedule, and why (docs/lower-bound.md has the proof)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chipweave.cost.communication import BITS_PER_BYTE
from chipweave.schedule.objective import Objective
from chipweave.schedule.problem import Fidelity, Problem
from chipweave.workload.scenario import Task


@dataclass(frozen=True, slots=True)
class Certificate:
    """No schedule of this scenario on this package, under this fidelity and cost model, does better.

    Args:
        value: of the objective.
        latency_s, energy_j: what it is computed from, each a bound by itself.
        binds: which latency term is the largest.
        terms_s: all of them.
    """

    value: float
    latency_s: float
    energy_j: float
    binds: str
    terms_s: tuple[tuple[str, float], ...]

    def gap(self, value: float) -> float:
        """How far `value` may be from the best, as a fraction of it: 0 is proven optimal."""
        return 1 - self.value / value if value > 0 else 0.0


def lower_bound(problem: Problem, objective: Objective) -> Certificate:
    """The bound on `objective` over all schedules with stages on single chiplets.

    Latency is at least (a) all layers' compute on their fastest chiplet, spread evenly over all chiplets,
    (b) for each task, one sample through all its layers plus the rest of the batch through its slowest unit,
    added up along dependencies, (c) the DRAM bytes that no schedule avoids at the package's bandwidth. Energy
    is at least every layer on its cheapest chiplet plus those DRAM bytes.
    """
    tasks, package = problem.scenario.tasks, problem.package
    fastest = [_fastest_s(problem, index) for index in range(len(tasks))]
    compute_s = sum(task.batch * float(times.sum()) for task, times in zip(tasks, fastest, strict=True))
    dram_bytes = sum(unavoidable_dram_bytes(task) for task in tasks)
    dram_s = dram_bytes / package.dram_bandwidth_bytes_s
    count = len(package.chiplets)
    if problem.fidelity is Fidelity.DETAILED:
        shared = {"compute": compute_s / count, "DRAM": dram_s}
    else:
        # `paper` has no shared DRAM: each stage pays its own transfers, one after another with its compute.
        shared = {"compute and DRAM": (compute_s + dram_s) / count}
    terms = shared | {"longest task": _longest_chain_s(tasks, fastest)}
    binds = max(terms, key=lambda name: terms[name])
    energy_j = sum(_cheapest_j(problem, index) for index in range(len(tasks)))
    energy_j += dram_bytes * BITS_PER_BYTE * package.dram_energy_j_per_bit
    if problem.fidelity is Fidelity.DETAILED:
        energy_j += sum(chiplet.static_power_w for chiplet in package.chiplets) * terms[binds]
    return Certificate(objective(terms[binds], energy_j), terms[binds], energy_j, binds, tuple(terms.items()))


def unavoidable_dram_bytes(task: Task) -> int:
    """Every weight once; the network's input and outputs for every sample."""
    model = task.model
    outputs = sum(
        layer.output_elements for layer, readers in zip(model.layers, model.consumers, strict=True) if not readers
    )
    read = min(model.input_elements, max((edge.elements for edge in model.input_readers), default=0))
    return model.bytes_per_element * (model.weight_elements + task.batch * (read + outputs))


def _fastest_s(problem: Problem, task: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Per layer, seconds of one sample on the fastest class, shape (layers,)."""
    per_class = [
        costs.cycles / chiplet.clock_hz
        for costs, chiplet in zip(problem.costs[task], problem.package.classes, strict=True)
    ]
    return np.asarray(np.min(per_class, axis=0))


def _longest_chain_s(tasks: tuple[Task, ...], fastest: list[np.ndarray[tuple[int], np.dtype[np.float64]]]) -> float:
    alone = {}
    for task, times in zip(tasks, fastest, strict=True):
        slowest_unit = max(float(times[first : last + 1].sum()) for first, last in task.model.units)
        alone[task.name] = float(times.sum()) + (task.batch - 1) * slowest_unit
    parent = {task.name: task.depends_on for task in tasks}

    def chain(name: str | None) -> float:
        return 0.0 if name is None else alone[name] + chain(parent[name])

    return max(chain(task.name) for task in tasks)


def _cheapest_j(problem: Problem, task: int) -> float:
    """Every layer on its cheapest class; in `detailed`, without the fills and drains that a stage may save."""
    entry = problem.scenario.tasks[task]
    if problem.fidelity is Fidelity.PAPER:
        return entry.batch * float(np.min([costs.energy_j for costs in problem.costs[task]], axis=0).sum())
    per_class = [entry.batch * costs.resident_j + costs.fill_weight_j for costs in problem.costs[task]]
    return float(np.min(per_class, axis=0).sum())
