"""`weave`: several models on regions of any size, windows where they pay, with a proof of how far from the best.

`optimal` is the same search over schedules with one chiplet a stage.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import numpy as np

from chipweave.compiling import clock_s
from chipweave.errors import InfeasibleError, InputError
from chipweave.evaluation.bound import lower_bound
from chipweave.evaluation.check import held_against_limits
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.lines import least, lines_for, lines_of_layers, lines_of_pipelines, proven
from chipweave.evaluation.pipelines import soon_done
from chipweave.plan.certificate import Line, Proof, Prover, Requirement, Space, Unmet, infeasible
from chipweave.plan.objective import objective
from chipweave.plan.problem import Problem, chain_to, dependency_depths
from chipweave.plan.schedule import Schedule
from chipweave.schedulers.alone import costed
from chipweave.schedulers.fronts import non_dominated
from chipweave.schedulers.goals import goals
from chipweave.schedulers.options import chosen
from chipweave.schedulers.scar.options import Provision, ScarOptions
from chipweave.schedulers.search import Found, Progress, Request
from chipweave.schedulers.weave.beside import proof_beside
from chipweave.schedulers.weave.best import Best, keep_draft, part_of, until
from chipweave.schedulers.weave.climb import climb, climb_from
from chipweave.schedulers.weave.draft import Judge, PipelineDraft, draft_of
from chipweave.schedulers.weave.improve import usual_kinds
from chipweave.schedulers.weave.options import WeaveOptions, Windowing
from chipweave.schedulers.weave.parts import Pieces, RegionNeed
from chipweave.schedulers.weave.rounds import Tables, rounds
from chipweave.schedulers.weave.summed import may_sum, on_the_whole_package, summed_alike, summed_all, summed_one

DEFAULT_S = 20.0
"""Seconds that a search takes where neither a time limit nor a number of steps is given, apart from its proof."""

SUMMING_S, SUMMING_STEPS = 10.0, 0.25
"""Seconds for sums over chiplets behind the search, where no time limit is given; and their steps, of those given."""

LITTLE_GAIN = 0.005
"""By less than this share of the objective sums are not worth their own proof, which takes longer."""

LARGE, CLOSE_TO_IT = 1000, 0.02
"""Of so many layers and more an exact evaluation takes long: where neither a time limit, a number of steps nor a gap is
given, such a search tries to prove early, and ends where at most this share is left."""

BEFORE_IMPROVING, BEFORE_CHALLENGERS, BEFORE_PROOF, BEFORE_SUMS = 0.5, 0.7, 0.8, 0.85
BEFORE_PIPELINES, BEFORE_EARLY_PROOF = 0.4, 0.3
"""Of the time, the shares after which `scar` is no longer waited for, after which improving leaves the rest to other
schedulers, after which proofs are left as they are, and after which the rest is for sums over chiplets, where a model
may have any, and for other schedulers, where limits are missed; that after which improving leaves the rest to a proof
by whole pipelines; and that after which a proof is left as it is where it is tried early."""


def weave(problem: Problem | Prepared, request: Request) -> Found:
    """The best schedule found in the joint space: any windows, stages on regions of one or several chiplets.

    Raises:
        InfeasibleError: no schedule meets the latency limits.
    """
    ready = prepare(problem)
    if chosen(request.options, WeaveOptions).windowing is Windowing.SCAR:
        raise InputError("weave: windowing=scar is for schedules with one chiplet a stage; use the scheduler `optimal`")
    begun_s = clock_s()
    if _knows_parts(ready):
        return _search(ready, _later(request, clock_s() - begun_s), Space.REGIONS)
    alone = prepare(ready.problem)  # anew: this one has asked for parts
    found = _on_single_chiplets(alone, _later(request, clock_s() - begun_s))
    return replace(found, notes=(*found.notes, "the cost model has no figures of parts of layers: one chiplet a stage"))


def _later(request: Request, seconds: float) -> Request:
    """With so much more time: what parts of layers cost has to be found once, for minutes on packages of many chiplets,
    and a search that such a while left no time would find nothing."""
    return request if request.deadline_s is None else replace(request, deadline_s=request.deadline_s + seconds)


def rescue(ready: Prepared, request: Request, asked: str) -> Found:
    """As `weave`, without a proof, for limits that another scheduler did not keep, which is not asked again.

    Raises:
        InfeasibleError: no schedule meets the limits.
    """
    space = Space.REGIONS if _knows_parts(ready) else Space.ONE_CHIPLET
    ready = ready if space is Space.REGIONS else prepare(ready.problem)
    return _search(ready, request, space, frozenset({asked}))


def _knows_parts(ready: Prepared) -> bool:
    """Whether the cost model can cost the parts of layers that stages on several chiplets need."""
    try:
        for task in range(len(ready.tasks)):
            _ = ready.splits(task, len(ready.package.chiplets)).tile_costs
    except InputError:
        return False
    return True


def optimal(problem: Problem | Prepared, request: Request) -> Found:
    """As `weave`, over schedules with one chiplet a stage: SCAR's space, with windows that are free, or SCAR's.

    Raises:
        InfeasibleError: no schedule meets the latency limits.
    """
    ready = prepare(problem)
    if chosen(request.options, WeaveOptions).windowing is Windowing.SCAR:
        return _in_given_windows(ready, request)
    return _on_single_chiplets(ready, request)


def _on_single_chiplets(ready: Prepared, request: Request) -> Found:
    with ExitStack() as beside:
        return _search(ready, request, Space.ONE_CHIPLET, beside=beside)


def _in_given_windows(ready: Prepared, request: Request) -> Found:
    """The best schedule in the windows that SCAR gives, with any number of chiplets per model: in `paper` by ruling out
    all others. What prices prove is of windows that are free."""
    from chipweave.schedulers.scar.scheduler import scar

    given = ScarOptions(provision=Provision.EXHAUSTIVE, exact=not ready.detailed)
    found = scar(ready, replace(request, options=given))
    lines = lines_of_pipelines(ready, request.objective, request.jobs, lambda: request.out_of_time)
    return replace(found, proof=Proof(Space.ONE_CHIPLET, Prover.OPTIMAL, lines))


def _search(
    ready: Prepared,
    request: Request,
    space: Space,
    asked: frozenset[str] = frozenset(),
    sole: bool = False,
    beside: ExitStack | None = None,
) -> Found:
    """What is found for an objective, and then for others (`goals`).

    Args:
        asked: for what these schedulers did not find, with no proof; sole: for this objective alone, with no proof.
        beside: takes in a proof that may go on beside the search, which otherwise follows it.
    """
    sole = sole or bool(asked)
    options = chosen(request.options, WeaveOptions)
    started_s = clock_s()
    unlimited = request.deadline_s is None
    if unlimited and options.steps is None:
        request = replace(request, deadline_s=started_s + DEFAULT_S)
    judge = Judge(ready, costed(ready, space is Space.REGIONS), request.objective, space is Space.REGIONS)
    best = Best(judge, request, started_s, np.random.default_rng(request.seed), asked=set(asked))
    _keep_simplest(best)
    summing = space is Space.REGIONS and may_sum(ready)
    # With a limit of time or of the gap the proof comes first, so that there is time for it, or it can end the search.
    large = not sole and unlimited and options.steps is None and options.gap == 0 and _layers(ready) >= LARGE
    first = not sole and (options.gap > 0 or not unlimited)
    meanwhile = request.jobs > 1 and not first and not large
    prove = beside.enter_context(proof_beside(best)) if beside is not None and meanwhile else None
    rough, tables = _first_found(best, Space.SUMS if summing else space)
    quick = large or (space is Space.ONE_CHIPLET and options.gap == 0)
    share = BEFORE_EARLY_PROOF if large else BEFORE_PROOF
    proof = _proof(best, space, until(request, started_s, share), quick) if first or large else None
    bound = proven(ready, request.objective, space.on_regions, proof).value
    best.bound = max(best.bound, bound)
    gap = CLOSE_TO_IT if large else options.gap
    enough = bound / (1 - gap) if gap < 1 else math.inf
    improving = replace(request, stop=lambda: request.stop() or (best.incumbent or math.inf) <= enough)
    steps = options.steps if options.steps is not None else 10**9
    pipelines = first and quick and not large and soon_done(ready)
    climb(best, tables, until(improving, started_s, BEFORE_PIPELINES if pipelines else BEFORE_CHALLENGERS), steps)
    _hear_challengers(best, space, improving)
    if pipelines:
        proof = _proof(best, space, request, False)
    ends = not unlimited and (summing or best.worth.missed)
    climb(best, tables, until(improving, started_s, BEFORE_SUMS) if ends else improving, steps)
    elsewhere = 0 if sole else _hear_other_goals(best, space, improving)
    if summing and not (gap > 0 and improving.stop()):
        best = _summed_up(best, request, options.steps, unlimited)
    if best.worth.missed and (asked or not sole):
        _hear_all(best, space, replace(request, deadline_s=None) if unlimited else request)
    complete = not request.out_of_time
    proof = _last_proof(best, space, request, proof, (first, sole)) if prove is None else prove()
    if best.schedule is None or best.worth.missed:
        raise infeasible(*_unmet(best, Space.SUMS if summing else space))
    notes = _notes(best, rough, proof is None and not sole, large and (best.incumbent or math.inf) <= enough)
    return _found(best, best.schedule, elsewhere, complete, notes, proof)


def _found(
    best: Best, schedule: Schedule, elsewhere: int, complete: bool, notes: tuple[str, ...], proof: Proof | None
) -> Found:
    """The best schedule, with all that was met on the way; elsewhere: stages evaluated for other objectives."""
    return Found(
        schedule,
        best.judge.exact.stages + elsewhere,
        non_dominated(best.seen),
        complete=complete,
        notes=notes,
        proof=proof,
        history=tuple(best.history),
        bounds=tuple(best.bounds),
        near=tuple(sorted(best.near, key=lambda each: best.near[each])[1:]),
    )


def _layers(ready: Prepared) -> int:
    return sum(len(task.model.layers) for task in ready.tasks)


def _last_proof(
    best: Best, space: Space, request: Request, proof: Proof | None, kind: tuple[bool, bool]
) -> Proof | None:
    """What is proven in the end, where that is asked for.

    Args:
        proof: of before; kind: whether a proof comes first, and whether none is asked for.
    """
    first, sole = kind
    if best.schedule is not None and best.schedule.reduces:  # what is proven of plans without sums says nothing of it
        proof, space, best.bound, best.bounds = None, Space.SUMS, 0.0, []
    if first and space is Space.SUMS:
        return _proof(best, space, request, False)
    if not first and not sole and (proof is None or space is Space.ONE_CHIPLET):
        return _proof(best, space, replace(request, deadline_s=None), False)
    return proof


def _proof(best: Best, space: Space, request: Request, quick: bool) -> Proof | None:
    """What is proven of the space; None where the request's time is over before. A quick one holds by single layers."""
    best.tell(60, "proving")
    ready, goal = best.judge.ready, request.objective

    def told(lines: Sequence[Line]) -> None:
        best.prove(least(goal, lines)[0])
        best.tell(60, "proving")

    if space is Space.ONE_CHIPLET and not quick:
        lines = lines_of_pipelines(ready, goal, request.jobs, lambda: request.out_of_time, told)
    else:
        lines = lines_for(ready, space, goal, lambda: request.out_of_time, told)
    return Proof(space, Prover.WEAVE if space.on_regions else Prover.OPTIMAL, lines) if lines else None


def _keep_simplest(best: Best) -> None:
    """Every model alone on a chiplet, one after another: valid, and there at once."""
    ready = best.judge.ready
    depths = dependency_depths(ready.problem)
    windows = []
    for task in sorted(range(len(depths)), key=lambda task: (depths[task], task)):
        units = len(ready.tasks[task].model.units)
        windows.append((PipelineDraft(task, 0, 1, (RegionNeed(units, 0, 1, (0,) * units),)),))
    keep_draft(best, tuple(windows), "one model after another on a chiplet")


def _summed_up(found: Best, request: Request, steps: int | None, unlimited: bool) -> Best:
    """What comes of the best draft, and of a lone model on all chiplets, by layers whose sums are added up over their
    region, with time and steps beside those of the search; where that is little, what was found before."""
    draft = found.draft
    if draft is None:
        return found
    best = replace(found, seen=[*found.seen], history=[*found.history], bounds=[*found.bounds], near={**found.near})
    if unlimited and steps is None:
        request = replace(request, deadline_s=clock_s() + SUMMING_S)
    exact, kinds = best.judge.exact, (summed_all, summed_alike, summed_one)
    end = exact.layers + (10**9 if steps is None else int(SUMMING_STEPS * steps))
    starts = (draft, *on_the_whole_package(best.judge, draft))
    for number, start in enumerate(starts):
        if not request.out_of_time and exact.layers < end:
            climb_from(best, start, part_of(request, 1 + len(starts) - number), (end - exact.layers) // 2, kinds)
    if best.draft is not None and best.schedule is not None and best.schedule.reduces and exact.layers < end:
        climb_from(best, best.draft, request, end - exact.layers, (*kinds, *usual_kinds()))
    before, after = found.worth, best.worth
    little = after.missed == before.missed and after.value > before.value - LITTLE_GAIN * abs(before.value)
    return found if little else best


def _first_found(best: Best, space: Space) -> tuple[int, Tables]:
    """What `scar` finds for several tasks, which takes little time, and the first rough schedules; how many these are,
    and what they are made of. Limits that the simplest schedule misses may not be possible: that is seen before `scar`
    is asked."""
    ready, limited = best.judge.ready, best.worth.missed

    def hear_scar() -> None:
        if len(ready.tasks) > 1:
            _hear(best, "scar", until(best.request, best.started_s, BEFORE_IMPROVING))

    if not limited:
        hear_scar()
    found = rounds(best, Pieces(ready, len(ready.package.chiplets) if space.on_regions else 1))
    if best.worth.missed:
        _require_possible(best, space)
    if limited:
        hear_scar()
    return found


def _hear_challengers(best: Best, space: Space, request: Request) -> None:
    """What other schedulers find in the space; `scar` was heard before, where there are several tasks."""
    alone = len(best.judge.ready.tasks) == 1
    names = [] if space is Space.ONE_CHIPLET else ["scope"] if alone else ["nn-baton", "scope"]
    for name in [*names, "scar"] if alone else names:
        _hear(best, name, request)


def _hear(best: Best, name: str, request: Request) -> None:
    """What another scheduler finds, if there is time, and if it is not proven that it finds nothing better."""
    from chipweave.schedulers import scheduler

    ready = best.judge.ready
    if name == "scar" and len(ready.tasks) == 1 and not best.worth.missed:
        lines = ready.once(lines_of_layers, request.objective)
        if best.worth.value <= least(request.objective, lines)[0]:
            return
    if name in best.asked or (request.out_of_time and best.incumbent is not None):
        return
    if request.deadline_s is None:
        best.asked.add(name)
    best.tell(55 if name == "scar" else 80, f"comparing with {name}")
    try:
        found = scheduler(name)(ready, replace(request, options=None, progress=_silent, may_fail=True))
    except (InfeasibleError, InputError):
        return
    worth = best.judge.worth(found.schedule.windows)
    if worth is not None:
        best.keep(found.schedule, worth, f"`{name}`", draft_of(ready, found.schedule))


def _hear_other_goals(best: Best, space: Space, request: Request) -> int:
    """What the same search finds for other objectives (`goals`), judged by this one. How many stages were evaluated.

    What it finds for one is the same whichever is asked for, so that none misses what is found for another.
    """
    evaluated, ready, options = 0, best.judge.ready, chosen(request.options, WeaveOptions)
    for goal in goals(ready, best.judge.objective):
        if goal.function is best.judge.objective.function or (request.out_of_time and best.incumbent is not None):
            continue
        best.tell(85, f"what is found for {goal.name}")
        asked = replace(request, objective=goal, options=replace(options, gap=0.0), progress=_silent)
        try:
            found = _search(ready, asked, space, sole=True)
        except InfeasibleError:
            continue
        evaluated += found.evaluated
        for schedule in (found.schedule, *found.near):
            worth = best.judge.worth(schedule.windows)
            if worth is not None:
                best.keep(schedule, worth, f"found for {goal.name}")
    return evaluated


def _silent(progress: Progress) -> None: ...


def _hear_all(best: Best, space: Space, request: Request) -> None:
    """Ask every other scheduler for what is within the limits: without a time limit however long that takes."""
    from chipweave.schedulers import SCHEDULERS

    alone = ("scar", "standalone")
    for name in SCHEDULERS:
        if best.worth.missed and name not in ("weave", "optimal") and (space is Space.REGIONS or name in alone):
            _hear(best, name, request)


def _unmet(best: Best, space: Space) -> list[Unmet]:
    """Every limit, what the schedule that comes closest comes to, and what is proven of all."""
    ready, schedule = best.judge.ready, best.schedule
    closest = held_against_limits(None if schedule is None else evaluate(schedule, ready), ready.problem)
    return [
        replace(each, searched="all windows that were tried") for each in map(partial(_proven, ready, space), closest)
    ]


def _proven(ready: Prepared, space: Space, unmet: Unmet) -> Unmet:
    """With what is proven of all schedules of the space."""
    number = {task.name: at for at, task in enumerate(ready.tasks)}
    if unmet.of:
        bound = _least_end_s(ready, number[unmet.of], space)
    elif unmet.what is Requirement.POWER:
        return unmet
    else:
        least = lower_bound(ready, objective("latency"), space.on_regions, space is Space.SUMS)
        bound = least.latency_s if unmet.what is Requirement.LATENCY else least.energy_j
    return replace(unmet, bound=bound, space=space if bound > (unmet.demand or 0.0) else None)


def _require_possible(best: Best, space: Space) -> None:
    """End a search for what is proven not to be."""
    unmet = _unmet(best, space)
    if any(each.impossible for each in unmet):
        raise infeasible(*unmet)


def _least_end_s(ready: Prepared, number: int, space: Space) -> float:
    """When a task ends at the earliest: alone on the package with those that it waits for."""
    chain = chain_to(ready.problem, number)
    problem = replace(
        ready.problem,
        scenario=replace(ready.problem.scenario, tasks=tuple(ready.tasks[each] for each in chain)),
        costs=tuple(ready.problem.costs[each] for each in chain),
    )
    return lower_bound(problem, objective("latency"), space.on_regions, space is Space.SUMS).latency_s


def _notes(best: Best, rough: int, unproven: bool, near: bool) -> tuple[str, ...]:
    notes: tuple[str, ...] = (
        f"{rough} schedules by tables and prices, {best.judge.exact.stages} stages evaluated exactly; "
        f"the best one: {best.by}",
    )
    if near:
        ends = f"of {LARGE:,} layers and more, it ends where at most {100 * CLOSE_TO_IT:.0f} % are proven to be left"
        notes = (*notes, f"{ends}; `--time-limit` has it go on")
    if unproven:
        return (*notes, "the search ended before the tighter proof; what was costed for it is kept for next time")
    return notes
