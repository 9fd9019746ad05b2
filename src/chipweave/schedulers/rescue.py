"""A scheduler as it is asked: objectives that order schedules alike are searched for alike, and limits come first.

Where a scheduler's own space holds nothing within the limits, what `weave` finds is taken.
"""

from __future__ import annotations

from dataclasses import replace

from chipweave.errors import InfeasibleError
from chipweave.evaluation.check import require_limits
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared
from chipweave.plan.certificate import LIMITED, Unmet
from chipweave.plan.limits import has_limits
from chipweave.plan.objective import NAMED, in_terms_of, of_powers, powers_of
from chipweave.schedulers import scheduler
from chipweave.schedulers.search import Found, Progress, Request
from chipweave.schedulers.weave.options import WeaveOptions

RESCUER = "weave"
"""It searches the spaces of all, and asks the others where it misses a limit."""

STEPS = 5_000
"""Layers that it evaluates exactly, where no time limit is given: the same bytes every time."""


def found_by(name: str, ready: Prepared, request: Request, rescued: bool = True) -> Found:
    """What a scheduler finds. Objectives that order schedules alike are searched for alike.

    Args:
        rescued: where it finds nothing within the limits, what `weave` does (`within_limits`).

    Raises:
        InputError, InfeasibleError: as that scheduler does.
    """
    search = within_limits if rescued else lambda name, ready, request: scheduler(name)(ready, request)
    goal = request.objective
    powers = None if goal.function is NAMED.get(goal.name) else powers_of(goal)
    if powers is None:
        return search(name, ready, request)

    def tell(progress: Progress) -> None:
        best = progress.incumbent and in_terms_of(goal, powers, progress.incumbent)
        request.progress(replace(progress, incumbent=best))

    found = search(name, ready, replace(request, objective=of_powers(powers), progress=tell))
    history = tuple((at_s, in_terms_of(goal, powers, value)) for at_s, value in found.history)
    return replace(found, history=history)


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
