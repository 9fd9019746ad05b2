"""A search of bounded length, from a plan on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.plan.schedule import Schedule
from chipweave.schedulers.alone import costed
from chipweave.schedulers.rescue import found_by
from chipweave.schedulers.search import Request
from chipweave.schedulers.weave.draft import Judge, draft_of
from chipweave.schedulers.weave.improve import Climber, InVain, improve, shaken
from chipweave.schedulers.weave.options import WeaveOptions

MOST_CLIMBS = 12
"""Climbs of one search, however few layers they evaluate."""


STEPPED = ("weave", "optimal")
"""Schedulers that count the layers they evaluate."""


@dataclass(frozen=True)
class Searched:
    """A schedule, and whether time ended its search."""

    schedule: Schedule
    early: bool


def improved(ready: Prepared, plan: Schedule, request: Request, steps: int) -> Searched | None:
    """A plan improved by small changes, and from near it again, until so many layers were evaluated exactly.

    What is found is no worse than the plan. The same plan, steps and seed give the same schedule, where time does not
    end the search. None where a stage's chiplets are of several classes, or layers run in strips: there is no climbing
    from it.
    """
    if plan.in_strips:
        return None
    draft = draft_of(ready, plan)
    if draft is None:
        return None
    regions = plan.largest_region > 1
    judge = Judge(ready, costed(ready, regions), request.objective, regions)
    best, dice = Climber.start(judge, draft), np.random.default_rng(request.seed)
    if best is None:
        return None
    vain: InVain = {}
    improve(best, steps, request, _ignore, vain=vain)
    for _ in range(MOST_CLIMBS):
        if judge.exact.layers >= steps or request.out_of_time:
            break
        climber = Climber.start(judge, shaken(judge, best.draft, dice))
        if climber is not None:
            improve(climber, steps - judge.exact.layers, request, _ignore, vain=vain)
            best = min(best, climber, key=lambda each: each.worth)
    own = judge.worth(plan.windows)  # a draft does not say where a plan's regions are, so it may be worth less
    kept = own is not None and own <= best.worth
    return Searched(plan if kept else Schedule(best.windows), request.out_of_time)


def _ignore(value: float) -> None: ...


def anew(ready: Prepared, regions: bool, request: Request, steps: int) -> Searched:
    """What `weave`, or `optimal` on single chiplets, finds without a plan to start from.

    Raises:
        InfeasibleError: no schedule meets the latency limits.
    """
    return by_scheduler(ready, "weave" if regions else "optimal", request, steps)


def by_scheduler(ready: Prepared, name: str, request: Request, steps: int) -> Searched:
    """What a scheduler finds until the request's deadline, as `schedule` asks it with `options_of` it.

    Raises:
        InputError, InfeasibleError: as that scheduler does.
    """
    options = WeaveOptions(steps=steps) if name in STEPPED else None
    asked = Request(
        objective=request.objective,
        seed=request.seed,
        deadline_s=request.deadline_s,
        jobs=request.jobs,
        options=options,
        stop=request.stop,
        may_fail=True,
    )
    found = found_by(name, ready, asked, rescued=False)
    return Searched(found.schedule, not found.complete)


def options_of(name: str, request: Request, steps: int) -> str:
    """What `schedule` is to be given so that it finds what `by_scheduler` does, where time ends neither."""
    own = f" --steps {steps}" if name in STEPPED else ""
    return f"--scheduler {name}{own} --seed {request.seed}"
