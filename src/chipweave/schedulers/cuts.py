"""Where windows may begin: at every unit of a small model, at chosen ones of a large one."""

from __future__ import annotations

import numpy as np

from chipweave.evaluation.tables.regions import Ground
from chipweave.ndarrays import Floats, Ints


def cuts_of(crossing: Floats, work: Floats, most: int) -> Ints:
    """Units before which windows may begin: one in each of so many equal shares of the work, where least crosses.

    Args:
        crossing: [units + 1] bytes that cross before each unit; work: [units] of each.
    """
    units = len(work)
    if units <= most:
        return np.arange(units + 1)
    done = np.concatenate(([0.0], np.cumsum(work))) / work.sum()
    share = np.minimum((done * most).astype(np.int64), most - 1)[1:units]
    inner = np.arange(1, units)
    found = [0, units]
    for number in np.unique(share):
        some = inner[share == number]
        found.append(int(some[np.argmin(crossing[some])]))
    return np.unique(found)


def task_cuts(ground: Ground, most: int) -> Ints:
    """`cuts_of` for a task, by what its layers compute on chiplets of the package's first class."""
    firsts = [first for first, _ in ground.model.units]
    cycles = ground.ready.problem.costs[ground.task][0].cycles
    return cuts_of(ground.crossing, np.add.reduceat(cycles, firsts).astype(np.float64), most)
