"""Expected cost of a layer before anyone knows where it will run (SCAR Eq. 1)."""

from __future__ import annotations

import numpy as np

from chipweave.ndarrays import Floats
from chipweave.plan.problem import Problem


def expected_units(problem: Problem, task: int) -> tuple[Floats, Floats]:
    """Per unit of a task, for its whole batch: (seconds, joules), shape (units,) each.

    E[Lat(l)] = sum over dataflow classes of n_df / |C| * Lat(l on df), and likewise for energy.
    """
    package, entry = problem.package, problem.scenario.tasks[task]
    share = np.array(package.class_counts) / len(package.chiplets)
    seconds = sum(
        part * costs.cycles / chiplet.clock_hz
        for part, costs, chiplet in zip(share, problem.costs[task], package.classes, strict=True)
    )
    joules = sum(part * costs.energy_j for part, costs in zip(share, problem.costs[task], strict=True))
    starts = [first for first, _ in entry.model.units]
    return (
        entry.batch * np.add.reduceat(np.asarray(seconds), starts),
        entry.batch * np.add.reduceat(np.asarray(joules), starts),
    )
