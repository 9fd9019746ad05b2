"""Limits come first: where a scheduler's own space holds nothing within them, what `weave` finds."""

from __future__ import annotations

from dataclasses import replace

from chipweave.errors import InfeasibleError
from chipweave.evaluation.check import require_limits
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared
from chipweave.plan.certificate import LIMITED, Unmet
from chipweave.plan.limits import has_limits
from chipweave.schedulers import scheduler
from chipweave.schedulers.search import Found, Request
from chipweave.schedulers.weave.options import WeaveOptions

RESCUER = "weave"
"""It searches the spaces of all, and asks the others where it misses a limit."""

STEPS = 5_000
"""Layers that it evaluates exactly, where no time limit is given: the same bytes every time."""


def within_limits(name: str, ready: Prepared, request: Request) -> Found:
    """What a scheduler finds; where it finds nothing within the limits, what `weave` does, with a note that says so.

    Raises:
        InfeasibleError: none finds anything within the limits.
    """
    try:
        found = scheduler(name)(ready, request)
        if has_limits(ready.problem.scenario):
            require_limits(evaluate(found.schedule, ready), ready.problem)
        return found
    except InfeasibleError as error:
        if name == RESCUER or not _of_limits(error) or request.out_of_time:
            raise
        own = str(error)
    from chipweave.schedulers.weave.scheduler import rescue

    steps = STEPS if request.deadline_s is None else None
    found = rescue(ready, replace(request, options=WeaveOptions(steps=steps)), name)
    note = f"the schedules of `{name}` do not keep the limits; this one is of `{RESCUER}`. Of `{name}`: {own}"
    return replace(found, notes=(note, *found.notes))


def _of_limits(error: InfeasibleError) -> bool:
    return any(isinstance(each, Unmet) and each.what in LIMITED for each in error.unmet)
