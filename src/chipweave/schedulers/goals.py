"""What is searched for beside what is asked for: the best schedule for one objective is at times found for another."""

from __future__ import annotations

from chipweave.evaluation.exact.ground import Prepared
from chipweave.plan.objective import NAMED, Objective

NOT_LARGE = 100
"""Units of all models times chiplets up to which the search for an objective looks for what others find, too."""


def goals(ready: Prepared, own: Objective) -> list[Objective]:
    """The objectives that are searched for where `own` is asked for: of problems that are not large latency, energy
    and EDP, in this order whichever is asked for, so that none misses what is found for another."""
    units = sum(len(task.model.units) for task in ready.tasks)
    if units * len(ready.package.chiplets) > NOT_LARGE:
        return [own]
    named = [Objective(name, NAMED[name]) for name in ("latency", "energy", "edp")]
    return named if any(own.function is goal.function for goal in named) else [*named, own]
