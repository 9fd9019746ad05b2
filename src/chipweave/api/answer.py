"""From a case to its result."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from chipweave.api.asked import plain, require_numbers
from chipweave.compiling import clock_s
from chipweave.cores import usable_cores
from chipweave.cost.choose import describe, on_threads
from chipweave.cost.interface import CostModel, TellingCostModel
from chipweave.errors import InputError
from chipweave.evaluation.check import faults_of, keeps_limits, missing_room, require_limits
from chipweave.evaluation.evaluate import evaluate as evaluated
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.plan.certificate import Requirement, Unmet, infeasible
from chipweave.plan.objective import Objective
from chipweave.plan.objective import objective as make_objective
from chipweave.plan.problem import Problem, pose
from chipweave.plan.schedule import Schedule
from chipweave.results.case import Case
from chipweave.results.result import Result, Search, assess
from chipweave.schedulers.in_strips import in_strips
from chipweave.schedulers.rescue import found_by
from chipweave.schedulers.search import Found, Progress, Request


def run(
    case: Case,
    *,
    jobs: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Result:
    """Answer a case.

    Args:
        jobs: threads; None: one per core that may be used. The result does not depend on it.
        progress: called now and then during the search.
        stop: asked now and then; True ends the search with the best so far.

    Raises:
        InputError: a layer that the cost model has no figures for, or `jobs` out of range.
        InfeasibleError: no valid schedule, or none within the limits.
    """
    started = clock_s()
    require_numbers(case.seed, case.time_limit_s, jobs)
    goal = make_objective(case.objective, case.package)
    request = Request(
        objective=goal,
        seed=case.seed,
        deadline_s=None if case.time_limit_s is None else started + case.time_limit_s,
        jobs=jobs or usable_cores(),
        options=case.options,
        progress=progress or (lambda _: None),
        stop=stop or (lambda: False),
        near=(case.simulate or 1) - 1,
    )
    ready = prepare(_posed(case, on_threads(case.cost_model, jobs), request))
    found = _chosen_by_simulation(found_by(case.scheduler, ready, request, case.rescued), ready, goal, case.simulate)
    if case.rows:
        found = _in_strips(found, ready, goal, request, started)
    _require_room(found.schedule, ready, case.scheduler)
    _require_valid(found.schedule, ready, case.scheduler)
    search = _searched(case, found, clock_s() - started)
    result = assess(ready, describe(case.cost_model), found.schedule, goal, search)
    require_limits(result.evaluation, ready.problem)
    return dataclasses.replace(result, case=case)


def _require_room(plan: Schedule, ready: Prepared, scheduler: str) -> None:
    """Check that what was found fits the memory where it lies, which no search looks at.

    Raises:
        InputError: it does not.
    """
    if missing := missing_room(plan, ready):
        place = f"{ready.package.memory_place}: " if ready.package.memory_place else ""
        found = f"the plan that scheduler '{scheduler}' found does not fit"
        raise InputError([f"{place}memory: {found}: {each}" for each in missing])


def _require_valid(plan: Schedule, ready: Prepared, scheduler: str) -> None:
    faults = faults_of(plan, ready)
    if faults:
        raise RuntimeError(f"scheduler '{scheduler}' returned an invalid schedule: {'; '.join(map(str, faults))}")


def _chosen_by_simulation(found: Found, ready: Prepared, goal: Objective, plans: int | None) -> Found:
    """What the search found, with the plan that is best as simulated, and a note that says so; as it is for None."""
    if plans is None:
        return found
    from chipweave.simulation.rescore import rescored, verdict

    kept = [plan for plan in found.near[: plans - 1] if keeps_limits(evaluated(plan, ready), ready.problem)]
    ranked = rescored(ready, (found.schedule, *kept), goal)
    return dataclasses.replace(found, schedule=ranked[0].schedule, notes=(*found.notes, verdict(ranked)))


def _in_strips(found: Found, ready: Prepared, goal: Objective, request: Request, started: float) -> Found:
    """What was found, with layers in strips where that is better. What was proven holds for plans without."""
    schedule, note = in_strips(ready, found.schedule, goal, lambda: request.out_of_time)
    if not schedule.in_strips:
        return dataclasses.replace(found, notes=(*found.notes, note))
    if found.proof is not None:
        note += " What the search proved is of plans without strips, and left out."
    found = dataclasses.replace(found, notes=(*found.notes, note))
    cost = evaluated(schedule, ready)
    point = clock_s() - started, goal(cost.latency_s, cost.energy_j)
    front = tuple(each for each in found.front if each[0] < cost.latency_s or each[1] < cost.energy_j)
    front = tuple(sorted((*front, (cost.latency_s, cost.energy_j))))
    return dataclasses.replace(
        found, schedule=schedule, front=front, proof=None, bounds=(), history=(*found.history, point)
    )


def _searched(case: Case, found: Found, seconds: float) -> Search:
    """How the schedule was found."""
    return Search(
        scheduler=case.scheduler,
        options=plain(case.options),
        seed=case.seed,
        seconds=seconds,
        evaluated=found.evaluated,
        front=found.front,
        complete=found.complete,
        notes=found.notes,
        proof=found.proof,
        history=found.history,
        bounds=found.bounds,
    )


def _posed(case: Case, model: CostModel, request: Request) -> Problem:
    """The problem. Where mappings are searched for, how far that is goes to `request.progress`, and
    `request.stop` is heard; a time limit is the search's alone, which needs the costs to have anything to show."""
    if not isinstance(model, TellingCostModel):
        return pose(case.scenario, case.package, model, case.fidelity)

    def tell(done: int, total: int) -> None:
        if done < total and request.stop():
            again = "run the same command again: what was found is kept, and it goes on from there"
            shapes = Unmet(Requirement.TIME, demand=total, reached=done, unit="shapes", levers=(again,))
            raise infeasible(shapes)
        request.progress(Progress(done, total, None, "mapping layers"))

    return dataclasses.replace(pose(case.scenario, case.package, model.telling(tell), case.fidelity), cost_model=model)
