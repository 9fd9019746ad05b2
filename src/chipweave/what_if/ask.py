"""What would make a schedule better: each change evaluated under the same plan, and searched from it on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from chipweave import api
from chipweave.compiling import clock_s
from chipweave.cores import usable_cores
from chipweave.cost.interface import TellingCostModel
from chipweave.errors import ChipweaveError, InputError
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.hardware.package import Package
from chipweave.plan.objective import Function, Objective
from chipweave.plan.objective import objective as make_objective
from chipweave.plan.problem import Problem, pose
from chipweave.plan.schedule import Schedule
from chipweave.report.bottleneck import binding
from chipweave.report.quantities import quantity
from chipweave.results.larger_l2 import with_twice_the_l2
from chipweave.results.result import Result
from chipweave.results.what_if import STEPS, TIME_LIMIT_S, Change, Figures, WhatIf
from chipweave.schedulers.search import Request
from chipweave.what_if.packages import (
    silicon,
    with_more_chiplets,
    with_twice_the_dram,
    with_twice_the_links,
    with_twice_the_pes,
)
from chipweave.what_if.search import Searched, anew, by_scheduler, improved, options_of
from chipweave.what_if.variants import other_chiplets, other_micro_batches

NOTHING = "nothing"
NOT_PINS = "the same PEs and L2; what wires and pins take is not known"


class OutOfTimeError(Exception):
    """Time was over before a change had figures."""


@dataclass(frozen=True)
class Asked:
    """What all changes need.

    Args:
        objective: what counts as better, as it was asked for.
        request: that on the package, seed, and until when this change may take.
        fresh: search without a plan to start from, too.
    """

    ready: Prepared
    schedule: Schedule
    scheduler: str
    objective: str | Function
    request: Request
    steps: int
    fresh: bool

    @property
    def problem(self) -> Problem:
        return self.ready.problem

    @property
    def package(self) -> Package:
        return self.ready.package

    def on(self, ready: Prepared) -> Asked:
        """The same of a changed package, which may cost more."""
        goal = make_objective(self.objective, ready.package)
        return replace(self, request=replace(self.request, objective=goal))


def why(
    plan: Result | str | Path,
    *,
    steps: int = STEPS,
    seed: int = 0,
    time_limit_s: float = TIME_LIMIT_S,
    objective: str | Function | None = None,
    fresh: bool = False,
    progress: Callable[[str], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> WhatIf:
    """What would make a schedule better, by trying: twice the L2, the bandwidths and the PEs, more chiplets, another
    dataflow in one place, another micro-batch, other schedulers.

    Each change is evaluated under the same plan, where that stays valid, and searched from it on. The change of nothing
    stands among them: what searching alone brings.

    Args:
        plan: a result, or a file as `evaluate` takes it.
        steps: layers that each search evaluates exactly; the same number and seed give the same figures, where time
            does not end a search, which the change's notes then say.
        seed: of the order in which searches try changes.
        time_limit_s: of everything; changes for which it does not suffice are named in `missed`.
        objective: what counts as better, as `schedule` takes it; None: what the result was made for.
        fresh: search every change with `weave` (`optimal` on single chiplets) without a plan to start from, too.
        progress: called with what is tried next.
        stop: asked now and then; True ends it with the changes so far.

    Raises:
        InputError: the file or an argument is wrong, or of the result's objective only the name is known.
    """
    _require(steps, seed, time_limit_s)
    result = plan if isinstance(plan, Result) else api.evaluate(plan)
    objective = _objective(result, objective)
    goal = make_objective(objective, result.problem.package)
    started_s = clock_s()
    request = Request(goal, seed=seed, jobs=usable_cores(), stop=stop or (lambda: False))
    scheduler = "" if result.search is None else result.search.scheduler
    asked = Asked(prepare(result.problem), result.schedule, scheduler, objective, request, steps, fresh)
    cases, done, missed = _cases(asked), list[Change](), list[str]()
    for number, (name, case) in enumerate(cases):
        now_s = clock_s()
        left_s = started_s + time_limit_s - now_s
        if request.stop() or left_s <= 0:
            missed.append(name)
            continue
        if progress is not None:
            progress(f"{number + 1} of {len(cases)}: {name}")
        share = replace(request, deadline_s=now_s + left_s / (len(cases) - number))
        try:
            done.append(case(replace(asked, request=share)))
        except OutOfTimeError:
            missed.append(name)
        except ChipweaveError as error:
            done.append(Change(name, notes=(" ".join(str(error).split()),)))
    ranked = sorted(done, key=lambda change: (2, 0.0) if change.best is None else change.best.rank)
    before = figures_of(asked.ready, result.schedule, goal)
    return WhatIf(goal.name, before, tuple(ranked), tuple(missed), steps, seed)


def _require(steps: int, seed: int, time_limit_s: float) -> None:
    api.require_numbers(seed, time_limit_s, None)
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
        raise InputError(f"steps={steps!r} is no number of layers; give at least 0")


def _objective(result: Result, given: str | Function | None) -> str | Function:
    if given is None and result.value is None:
        raise InputError(
            f"objective '{result.objective}': only its name is known; give one (`--objective`, in Python `objective=`)"
        )
    return result.objective if given is None else given


def figures_of(ready: Prepared, schedule: Schedule, goal: Objective) -> Figures:
    """What the evaluator says of a valid plan."""
    evaluation, tasks = evaluate(schedule, ready), ready.tasks
    late = tuple(
        task.name
        for number, task in enumerate(tasks)
        if task.latency_limit_s is not None and evaluation.task_latency_s(number) > task.latency_limit_s
    )
    longest = evaluation.longest
    why = binding(evaluation.windows[longest], ready.problem)
    bound_by = why if len(evaluation.windows) == 1 else f"window {longest}: {why}"
    value = goal(evaluation.latency_s, evaluation.energy_j)
    return Figures(evaluation.latency_s, evaluation.energy_j, value, bound_by, late)


def _cases(asked: Asked) -> list[tuple[str, Callable[[Asked], Change]]]:
    """What is tried, by name: first what needs no new costs of layers, which take longest."""
    others = [name for name in ("weave", "scope" if len(asked.ready.tasks) == 1 else "scar") if name != asked.scheduler]
    return [
        (NOTHING, _nothing),
        ("twice the DRAM bandwidth", _dram),
        ("twice the link bandwidth", _links),
        ("another micro-batch", _micro_batch),
        ("twice the L2", _l2),
        ("another dataflow in one place", _dataflow),
        ("more chiplets", _more_chiplets),
        *((f"scheduler {name}", partial(_scheduler, name)) for name in others),
        ("twice the PEs", _pes),
    ]


def _nothing(asked: Asked) -> Change:
    return _tried(asked, asked.ready, asked.schedule, NOTHING)


def _dram(asked: Asked) -> Change:
    more = with_twice_the_dram(asked.package)
    name = f"twice the DRAM bandwidth: {quantity(more.dram_bandwidth_bytes_s, 'B/s')}"
    return _on(asked, more, name, NOT_PINS)


def _links(asked: Asked) -> Change:
    more = with_twice_the_links(asked.package)
    name = f"twice the link bandwidth: {quantity(more.wiring.standard.bandwidth_bytes_s, 'B/s')} each way"
    return _on(asked, more, name, NOT_PINS)


def _l2(asked: Asked) -> Change:
    """What layers cost stays as it is: the room alone grows."""
    more = with_twice_the_l2(asked.problem)
    sizes = sorted({chiplet.l2_bytes for chiplet in more.package.chiplets})
    name = "twice the L2: " + " or ".join(quantity(size, "B") for size in sizes) + " a chiplet"
    made = _tried(asked, prepare(more), asked.schedule, name, silicon(asked.package, more.package))
    return replace(made, notes=(*made.notes, "layers cost as before, the room alone grows"))


def _pes(asked: Asked) -> Change:
    more = with_twice_the_pes(asked.package)
    sizes = sorted({chiplet.num_pes for chiplet in more.chiplets})
    name = "twice the PEs: " + " or ".join(f"{size:,}" for size in sizes) + " a chiplet"
    return _on(asked, more, name, silicon(asked.package, more))


def _more_chiplets(asked: Asked) -> Change:
    more = with_more_chiplets(asked.package)
    new = more.chiplets[len(asked.package.chiplets) :]
    counted = "one chiplet more" if len(new) == 1 else f"a line of {len(new)} chiplets more"
    name = f"{counted}: {', '.join(sorted({chiplet.name for chiplet in new}))}"
    return _on(asked, more, name, silicon(asked.package, more))


def _micro_batch(asked: Asked) -> Change:
    """The best one of those near to each pipeline's."""
    found = other_micro_batches(asked.ready, asked.schedule, asked.request)
    if found is None:
        return Change("another micro-batch", notes=("every batch is one sample, or no other micro-batch is valid",))
    name, plan = found
    return _tried(asked, asked.ready, plan, name, "the same silicon")


def _dataflow(asked: Asked) -> Change:
    """Of some places and dataflows, the one under which the same plan is best."""
    best: tuple[tuple[int, float], str, Prepared] | None = None
    for name, package in other_chiplets(asked.problem, asked.schedule):
        if best is not None and asked.request.out_of_time:
            break
        try:
            ready = _posed(asked, package)
            if faults_of(asked.schedule, ready):
                continue
            rank = figures_of(ready, asked.schedule, asked.on(ready).request.objective).rank
        except OutOfTimeError:
            if best is None:
                raise
            break
        if best is None or rank < best[0]:
            best = rank, name, ready
    if best is None:
        return Change("another dataflow in one place", notes=("no place takes another one under this plan",))
    _, name, ready = best
    return _tried(asked, ready, asked.schedule, name, silicon(asked.package, ready.package))


def _scheduler(name: str, asked: Asked) -> Change:
    """What `schedule` finds with that scheduler: the remark says with which options."""
    found = by_scheduler(asked.ready, name, asked.request, asked.steps)
    figures = figures_of(asked.ready, found.schedule, asked.request.objective)
    options = f"`schedule` finds it with {options_of(name, asked.request, asked.steps)}"
    return Change(f"scheduler {name}", "the same silicon", searched=figures, notes=(options, *_ended(found)))


def _posed(asked: Asked, package: Package) -> Prepared:
    """The problem on another package. Chiplets that it has already cost what they did; where others are to be costed,
    that is given up when time is over."""
    problem = asked.problem
    model = problem.cost_model
    if isinstance(model, TellingCostModel):

        def tell(done: int, total: int) -> None:
            if done < total and asked.request.out_of_time:
                raise OutOfTimeError

        model = model.telling(tell)
    number = {chiplet: at for at, chiplet in enumerate(problem.package.classes)}
    if not set(package.classes) <= set(number):
        return prepare(pose(problem.scenario, package, model, problem.fidelity))
    costs = tuple(tuple(row[number[chiplet]] for chiplet in package.classes) for row in problem.costs)
    return prepare(replace(problem, package=package, costs=costs, cost_model=model))


def _on(asked: Asked, package: Package, name: str, cost: str) -> Change:
    return _tried(asked, _posed(asked, package), asked.schedule, name, cost)


def _tried(asked: Asked, ready: Prepared, plan: Schedule, name: str, cost: str = "the same silicon") -> Change:
    """A plan on a changed problem, and what a search makes of it."""
    asked = asked.on(ready)
    goal, faults = asked.request.objective, faults_of(plan, ready)
    if faults:
        found = anew(ready, plan.largest_region > 1, asked.request, asked.steps)
        reason = f"the same plan is not valid here: {faults[0]}"
        return Change(name, cost, None, figures_of(ready, found.schedule, goal), (reason, *_ended(found)))
    same, best, notes = figures_of(ready, plan, goal), None, list[str]()
    try:
        for found in _searches(asked, ready, plan):
            notes += _ended(found)
            figures = figures_of(ready, found.schedule, goal)
            best = figures if best is None or figures.rank < best.rank else best
    except OutOfTimeError:
        notes.append("its search needs costs of layers for which time did not suffice; the next run goes on from them")
    if not best and not notes:
        why_not = "layers run in strips (`rows`)" if plan.in_strips else "a stage has chiplets of several classes"
        notes.append(f"not searched: {why_not}")
    return Change(name, cost, same, best, tuple(dict.fromkeys(notes)))


def _searches(asked: Asked, ready: Prepared, plan: Schedule) -> Iterator[Searched]:
    found = improved(ready, plan, asked.request, asked.steps)
    if found is not None:
        yield found
    if asked.fresh:
        yield anew(ready, plan.largest_region > 1, asked.request, asked.steps)


def _ended(found: Searched) -> Iterator[str]:
    if found.early:
        yield "time ended its search early"
