"""What a scheduler works on: a scenario, a package, and what each layer costs on each class of chiplet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from chipweave.cost.interface import CostModel, LayerCosts, costs_of
from chipweave.hardware.package import Package
from chipweave.plan.room import require_memory
from chipweave.plan.widths import require_widths
from chipweave.workload.scenario import Scenario


class Fidelity(StrEnum):
    """`paper`: SCAR III-E as printed and nothing else. `detailed`: also what the printed equations leave out."""

    PAPER = "paper"
    DETAILED = "detailed"


@dataclass(frozen=True)
class Problem:
    """A scenario on a package, with the cost of one sample of every layer on every chiplet class.

    `costs[task][chiplet_class]` holds arrays over that task's layers; `cost_model` made them, and is asked again for
    the parts of layers that are split over several chiplets.
    """

    scenario: Scenario
    package: Package
    fidelity: Fidelity
    costs: tuple[tuple[LayerCosts, ...], ...]
    cost_model: CostModel

    def layer_costs(self, task: int, chiplet: int) -> LayerCosts:
        """Costs of a task's layers on the chiplet with that number."""
        return self.costs[task][self.package.class_of[chiplet]]


def pose(
    scenario: Scenario, package: Package, cost_model: CostModel, fidelity: Fidelity = Fidelity.DETAILED
) -> Problem:
    """Cost every layer on every chiplet class and bundle the result.

    Raises:
        InputError: a layer that the cost model cannot cost; a memory that does not hold the models; a chiplet whose
            rates have none for a model's width.
    """
    require_memory(scenario, package)
    require_widths(scenario, package)
    everything = [layer for task in scenario.tasks for layer in task.model.layers]
    bounds = np.cumsum([0, *(len(task.model.layers) for task in scenario.tasks)])
    by_class = [costs_of(cost_model, everything, chiplet) for chiplet in package.classes]
    costs = tuple(
        tuple(_slice(table, slice(bounds[t], bounds[t + 1])) for table in by_class) for t in range(len(bounds) - 1)
    )
    return Problem(scenario, package, fidelity, costs, cost_model)


def _slice(costs: LayerCosts, part: slice) -> LayerCosts:
    return LayerCosts(**{key: value[part] for key, value in vars(costs).items()})


def micro_batch_candidates(batch: int) -> Sequence[int]:
    """For each number of micro-batches, the smallest size that gives it.

    Where b' samples take b' times as long as one (`paper`), a smaller micro-batch with the same count is never slower,
    never costlier and needs less memory, so the others are dominated. In `detailed` see `Prepared.micro_batches`.
    """
    low = range(1, math.isqrt(batch - 1) + 2)  # of a size and its count, one is at most the root, rounded up
    return sorted({size for number in low for size in (-(-batch // number), -(-batch // -(-batch // number)))})


def parents_of(problem: Problem) -> list[int | None]:
    """Per task the one that it waits for; None: it waits for none."""
    tasks = problem.scenario.tasks
    number = {task.name: index for index, task in enumerate(tasks)}
    return [None if task.depends_on is None else number[task.depends_on] for task in tasks]


def chain_to(problem: Problem, task: int) -> tuple[int, ...]:
    """The tasks that end before a task one after another, and itself, from one that waits for none."""
    parents = parents_of(problem)
    chain = [task]
    while (before := parents[chain[-1]]) is not None:
        chain.append(before)
    return tuple(reversed(chain))


def dependency_depths(problem: Problem) -> list[int]:
    """Per task, how many tasks must end before it in a chain; 0 for one that waits for none."""
    return [len(chain_to(problem, task)) - 1 for task in range(len(problem.scenario.tasks))]
