"""`weave`: several models on regions of any size, windows where they pay, with a proof of how far from the best.

`optimal` is the same search over schedules with one chiplet a stage.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from chipweave.errors import InfeasibleError, InputError
from chipweave.evaluation.bound import lower_bound
from chipweave.evaluation.check import held_against_limits
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.lines import least, lines_for, lines_of_layers, lines_of_pipelines, proven
from chipweave.evaluation.pipelines import soon_done
from chipweave.evaluation.priced import chains_of
from chipweave.plan.certificate import Line, Proof, Prover, Requirement, Space, Unmet, infeasible
from chipweave.plan.limits import deadlines_s, limits_the_whole
from chipweave.plan.objective import objective, slopes
from chipweave.plan.problem import Problem, chain_to, dependency_depths, parents_of
from chipweave.plan.schedule import Schedule
from chipweave.schedulers.alone import costed
from chipweave.schedulers.fronts import non_dominated
from chipweave.schedulers.goals import goals
from chipweave.schedulers.options import chosen
from chipweave.schedulers.scar.options import Provision, ScarOptions
from chipweave.schedulers.search import Found, Progress, Request
from chipweave.schedulers.weave.draft import NO_WORTH, Draft, Judge, PipelineDraft, Worth, draft_of
from chipweave.schedulers.weave.improve import Climber, Kind, improve, shaken, usual_kinds
from chipweave.schedulers.weave.lines import slots_of
from chipweave.schedulers.weave.options import WeaveOptions, Windowing
from chipweave.schedulers.weave.parts import Boards, Parts, Pieces, RegionNeed, parts_of, stages_made
from chipweave.schedulers.weave.prices import Market, prices_of
from chipweave.schedulers.weave.summed import may_sum, on_the_whole_package, summed_alike, summed_all, summed_one
from chipweave.schedulers.weave.windows import Sketch, sketches

DEFAULT_S = 20.0
"""Seconds that a search takes where neither a time limit nor a number of steps is given, apart from its proof."""

SUMMING_S, SUMMING_STEPS = 10.0, 0.25
"""Seconds for sums over chiplets behind the search, where no time limit is given; and their steps, of those given."""

LITTLE_GAIN = 0.005
"""By less than this share of the objective sums are not worth their own proof, which takes longer."""

LARGE, CLOSE_TO_IT = 1000, 0.02
"""Of so many layers and more an exact evaluation takes long: where neither a time limit, a number of steps nor a gap is
given, such a search tries to prove early, and ends where at most this share is left."""

ROUNDS = 3
"""Times that windows are made, each with what a joule is worth at the best schedule so far."""

LITTLE = 1e-3
"""Of what makes a per cent of energy worth one of latency, the least that a joule is taken to be worth."""

NEAR = 0.1
"""A change of that worth, relative to it, below which no further round is made."""

FINALISTS = 6
"""Rough schedules of each round that are evaluated exactly."""

IN_VAIN = 12
"""Climbs from near the best schedule, one after another, that find nothing better before there are no more."""

MOST_NEAR = 100
"""Schedules that are kept beside the best."""

BEFORE_NEXT_ROUND, BEFORE_IMPROVING, BEFORE_CHALLENGERS, BEFORE_PROOF, BEFORE_SUMS = 0.3, 0.5, 0.7, 0.8, 0.85
BEFORE_PIPELINES = 0.4
"""Of the time, the shares after which no further round is begun, after which `scar` is no longer waited for, after
which improving leaves the rest to other schedulers, after which tables and proofs are left as they are, and after
which the rest is for sums over chiplets, where a model may have any; and that after which improving leaves the rest to
a proof by whole pipelines."""


def weave(problem: Problem | Prepared, request: Request) -> Found:
    """The best schedule found in the joint space: any windows, stages on regions of one or several chiplets.

    Raises:
        InfeasibleError: no schedule meets the latency limits.
    """
    ready = prepare(problem)
    if chosen(request.options, WeaveOptions).windowing is Windowing.SCAR:
        raise InputError("weave: windowing=scar is for schedules with one chiplet a stage; use the scheduler `optimal`")
    if _knows_parts(ready):
        return _search(ready, request, Space.REGIONS)
    found = _search(prepare(ready.problem), request, Space.ONE_CHIPLET)  # anew: this one has asked for parts
    return replace(found, notes=(*found.notes, "the cost model has no figures of parts of layers: one chiplet a stage"))


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
    return _search(ready, request, Space.ONE_CHIPLET)


def _in_given_windows(ready: Prepared, request: Request) -> Found:
    """The best schedule in the windows that SCAR gives, with any number of chiplets per model: in `paper` by ruling out
    all others. What prices prove is of windows that are free."""
    from chipweave.schedulers.scar.scheduler import scar

    given = ScarOptions(provision=Provision.EXHAUSTIVE, exact=not ready.detailed)
    found = scar(ready, replace(request, options=given))
    lines = lines_of_pipelines(ready, request.objective, request.jobs, lambda: request.out_of_time)
    return replace(found, proof=Proof(Space.ONE_CHIPLET, Prover.OPTIMAL, lines))


@dataclass
class _Best:
    """The best schedule so far, and what was seen on the way.

    Args:
        dice: of the seed: what was thrown once is not thrown again.
        rough: the search's own rough schedules, before they are improved: more may come of one that is not the best.
        asked: schedulers that have told all that they find.
    """

    judge: Judge
    request: Request
    started_s: float
    dice: np.random.Generator
    schedule: Schedule | None = None
    worth: Worth = NO_WORTH
    draft: Draft | None = None
    rough: dict[Draft, Worth] = field(default_factory=dict)
    seen: list[tuple[float, float]] = field(default_factory=list)
    by: str = ""
    history: list[tuple[float, float]] = field(default_factory=list)
    bounds: list[tuple[float, float]] = field(default_factory=list)
    near: dict[Schedule, Worth] = field(default_factory=dict)
    bound: float = 0.0
    asked: set[str] = field(default_factory=set)

    def keep(self, schedule: Schedule, worth: Worth, by: str, draft: Draft | None = None) -> None:
        """Take a schedule if it is better."""
        if not worth.missed:
            self.seen.append(self.judge.totals(schedule.windows))
            self.near[schedule] = worth
            if len(self.near) > MOST_NEAR:
                del self.near[max(self.near, key=lambda each: self.near[each])]
        if worth < self.worth:
            self.schedule, self.worth, self.by, self.draft = schedule, worth, by, draft
            if not worth.missed:
                self.remember(worth.value)

    def remember(self, value: float) -> None:
        """Note when the best value fell."""
        if not self.history or value < self.history[-1][1]:
            self.history.append((time.monotonic() - self.started_s, value))

    def prove(self, value: float) -> None:
        """Note when what is proven rose."""
        if value > (self.bounds[-1][1] if self.bounds else 0.0):
            self.bound = max(self.bound, value)
            self.bounds.append((time.monotonic() - self.started_s, value))
            self.tell(60, "proving")

    @property
    def incumbent(self) -> float | None:
        return self.worth.value if self.schedule is not None and not self.worth.missed else None

    def tell(self, done: int, doing: str, value: float | None = None) -> None:
        """Say what is being done, and how far from the best a value is at most; None: the best one so far."""
        best = self.incumbent if value is None else value
        if best is not None and 0 < self.bound <= best:
            doing = f"{doing}, gap {100 * (1 - self.bound / best):.1f} %"
        self.request.progress(Progress(done, 100, best, doing))


def _search(
    ready: Prepared, request: Request, space: Space, asked: frozenset[str] = frozenset(), sole: bool = False
) -> Found:
    """What is found for an objective, and then for others (`goals`).

    Args:
        asked: for what these schedulers did not find, with no proof; sole: for this objective alone, with no proof.
    """
    sole = sole or bool(asked)
    options = chosen(request.options, WeaveOptions)
    started_s = time.monotonic()
    unlimited = request.deadline_s is None
    if unlimited and options.steps is None:
        request = replace(request, deadline_s=started_s + DEFAULT_S)
    judge = Judge(ready, costed(ready, space is Space.REGIONS), request.objective, space is Space.REGIONS)
    best = _Best(judge, request, started_s, np.random.default_rng(request.seed), asked=set(asked))
    _keep_simplest(best)
    pieces = Pieces(ready, 1 if space is Space.ONE_CHIPLET else len(ready.package.chiplets))
    rough = _rounds(best, pieces)
    summing = space is Space.REGIONS and may_sum(ready)
    if best.worth.missed:
        _require_possible(best, Space.SUMS if summing else space)
    if len(ready.tasks) > 1:
        _hear(best, "scar", space, _until(request, started_s, BEFORE_IMPROVING))
    # With a limit of time or of the gap the proof comes first, so that there is time for it, or it can end the search.
    large = not sole and unlimited and options.steps is None and options.gap == 0 and _layers(ready) >= LARGE
    first = not sole and (options.gap > 0 or not unlimited)
    share = BEFORE_NEXT_ROUND if large else BEFORE_PROOF
    quick = large or (space is Space.ONE_CHIPLET and options.gap == 0)
    proof = _proof(best, space, _until(request, started_s, share), quick) if first or large else None
    best.bound = proven(ready, request.objective, space is Space.REGIONS, proof).value
    gap = CLOSE_TO_IT if large else options.gap
    enough = best.bound / (1 - gap) if gap < 1 else math.inf
    improving = replace(request, stop=lambda: request.stop() or (best.incumbent or math.inf) <= enough)
    steps = options.steps if options.steps is not None else 10**9
    pipelines = first and quick and not large and soon_done(ready)
    _climb(best, _until(improving, started_s, BEFORE_PIPELINES if pipelines else BEFORE_CHALLENGERS), steps)
    _hear_challengers(best, space, improving)
    if pipelines:
        proof = _proof(best, space, request, False)
    _climb(best, improving if unlimited or not summing else _until(improving, started_s, BEFORE_SUMS), steps)
    elsewhere = 0 if sole else _hear_other_goals(best, space, improving)
    if summing and not (gap > 0 and improving.stop()):
        best = _summed_up(best, request, options.steps, unlimited)
    if best.worth.missed and (asked or not sole):
        _hear_all(best, space)
    complete = not request.out_of_time
    proof = _last_proof(best, space, request, proof, (first, sole))
    if best.schedule is None or best.worth.missed:
        raise infeasible(*_unmet(best, Space.SUMS if summing else space))
    return Found(
        best.schedule,
        judge.exact.stages + elsewhere,
        non_dominated(best.seen),
        complete=complete,
        notes=_notes(best, rough, proof is None and not sole, large and (best.incumbent or math.inf) <= enough),
        proof=proof,
        history=tuple(best.history),
        bounds=tuple(best.bounds),
        near=tuple(sorted(best.near, key=lambda each: best.near[each])[1:]),
    )


def _layers(ready: Prepared) -> int:
    return sum(len(task.model.layers) for task in ready.tasks)


def _last_proof(
    best: _Best, space: Space, request: Request, proof: Proof | None, kind: tuple[bool, bool]
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


def _proof(best: _Best, space: Space, request: Request, quick: bool) -> Proof | None:
    """What is proven of the space; None where the request's time is over before. A quick one holds by single layers."""
    best.tell(60, "proving")
    ready, goal = best.judge.ready, request.objective

    def told(lines: Sequence[Line]) -> None:
        best.prove(least(goal, lines)[0])

    if space is Space.ONE_CHIPLET and not quick:
        lines = lines_of_pipelines(ready, goal, request.jobs, lambda: request.out_of_time, told)
    else:
        lines = lines_for(ready, space, goal, lambda: request.out_of_time, told)
    return Proof(space, Prover.WEAVE if space.on_regions else Prover.OPTIMAL, lines) if lines else None


def _until(request: Request, started_s: float, share: float) -> Request:
    """The request with that share of its time."""
    if request.deadline_s is None:
        return request
    return replace(request, deadline_s=started_s + share * (request.deadline_s - started_s))


def _keep_simplest(best: _Best) -> None:
    """Every model alone on a chiplet, one after another: valid, and there at once."""
    ready = best.judge.ready
    depths = dependency_depths(ready.problem)
    windows = []
    for task in sorted(range(len(depths)), key=lambda task: (depths[task], task)):
        units = len(ready.tasks[task].model.units)
        windows.append((PipelineDraft(task, 0, 1, (RegionNeed(units, 0, 1, (0,) * units),)),))
    _keep(best, tuple(windows), "one model after another on a chiplet")


def _keep(best: _Best, draft: Draft, by: str) -> Worth:
    """Evaluate a draft exactly, and take it if it is better."""
    windows = [best.judge.window(window) for window in draft]
    worth = best.judge.worth(windows)
    if worth is None:
        return NO_WORTH
    best.keep(Schedule(tuple(windows)), worth, by, draft)
    best.rough[draft] = worth
    return worth


def _rounds(best: _Best, pieces: Pieces) -> int:
    """Windows by tables, prices and a beam: with chiplets counted in each way, then again in the better one, each time
    with the worth of a joule at the best schedule. How many rough schedules were made."""
    ready, request = pieces.ready, best.request
    bound = lower_bound(ready, request.objective)
    joule_s = _joule_s(best, bound.latency_s, bound.energy_j)
    slots = slots_of(ready.package) if pieces.largest > 1 else slots_of(ready.package)[:1]  # single ones find a place
    made, tried = 0, [Boards(pieces, each) for each in slots]
    found: list[tuple[Worth, int]] = []
    for number in range(ROUNDS):
        at = number if number < len(tried) else min(found)[1]
        worth, sketched = _round(best, tried[at], joule_s, number)
        made += sketched
        found.append((worth, at))
        if best.schedule is None or _until(request, best.started_s, BEFORE_NEXT_ROUND).out_of_time:
            break
        before, joule_s = joule_s, _joule_s(best, *best.judge.totals(best.schedule.windows))
        if abs(joule_s - before) <= NEAR * before and number + 1 >= len(tried):
            break
    if best.worth.missed and found:  # then nothing counts but time, or joules
        for share in (LITTLE, 1 / LITTLE) if limits_the_whole(ready.problem.scenario) else (LITTLE,):
            made += _round(best, tried[min(found)[1]], share * joule_s, ROUNDS)[1]
    return made


def _round(best: _Best, boards: Boards, joule_s: float, number: int) -> tuple[Worth, int]:
    """Windows at one worth of a joule; the best one's worth, and how many rough schedules there were."""
    ready, request = boards.ready, best.request
    parts: list[Parts] = []

    def enough() -> bool:
        return _until(request, best.started_s, BEFORE_PROOF).out_of_time

    for task in range(len(ready.tasks)):
        best.tell(min(58, number * 20 + 5), f"pipelines of {ready.tasks[task].name}")
        parts.append(parts_of(boards, task, joule_s, request.jobs, enough))
    market = Market(parts, boards.slots, chains_of(ready), ready.rates.dram_bytes_s, joule_s)
    best.tell(min(59, number * 20 + 15), "windows")
    rough, least = (
        sketches(market, prices_of(market), parents_of(ready.problem), deadlines_s(ready.problem.scenario)),
        NO_WORTH,
    )
    for sketch in rough[:FINALISTS]:
        least = min(least, _keep(best, _drafted(boards, parts, sketch, joule_s), "windows by prices"))
        if request.out_of_time:
            break
    return least, len(rough)


def _joule_s(best: _Best, latency_s: float, energy_j: float) -> float:
    """What a joule is worth in seconds, by the objective's slopes at a point; a little where it is worth nothing."""
    per_s, per_j = slopes(best.request.objective, latency_s, energy_j)
    even = latency_s / energy_j
    return min(even / LITTLE, max(LITTLE * even, per_j / per_s if per_s > 0 else math.inf))


def _drafted(boards: Boards, parts: Sequence[Parts], sketch: Sketch, joule_s: float) -> Draft:
    """A rough schedule with its stages."""
    windows = []
    for shares in sketch.windows:
        made = []
        for share in shares:
            own, at = parts[share.task], (share.start, share.end, share.slot)
            how = int(own.micro_batch[at]), int(own.cap[at]), int(own.price[at]), int(own.turn[at])
            stages = stages_made(boards, share.task, (share.start, share.end), how, joule_s)
            made.append(PipelineDraft(share.task, int(own.cuts[share.start]), how[0], tuple(stages)))
        windows.append(tuple(made))
    return tuple(windows)


def _climb(best: _Best, request: Request, steps: int) -> None:
    """Improve the search's own best draft, the best one of all, and then the others: each in half of the time and of
    the steps that are left, the last one in all."""
    own = sorted(best.rough, key=lambda draft: best.rough[draft])
    starts = list(dict.fromkeys([*own[:1], *([] if best.draft is None else [best.draft]), *own[1:]]))
    best.rough, exact = {}, best.judge.exact
    end = exact.layers + steps
    for number, draft in enumerate(starts):
        parts = 1 if number == len(starts) - 1 else 2
        if request.out_of_time or exact.layers >= end:
            return
        _climb_from(best, draft, _part_of(request, parts), (end - exact.layers) // parts)
    _climb_again(best, request, end)


def _climb_again(best: _Best, request: Request, end: int) -> None:
    """Climb from near the best draft, until that was in vain for a while, or so many layers were evaluated."""
    exact, vain = best.judge.exact, 0
    while best.draft is not None and vain < IN_VAIN and exact.layers < end and not request.out_of_time:
        before = best.worth
        _climb_from(best, shaken(best.judge, best.draft, best.dice), request, end - exact.layers)
        vain = 0 if best.worth < before else vain + 1


def _summed_up(found: _Best, request: Request, steps: int | None, unlimited: bool) -> _Best:
    """What comes of the best draft, and of a lone model on all chiplets, by layers whose sums are added up over their
    region, with time and steps beside those of the search; where that is little, what was found before."""
    draft = None if found.schedule is None else draft_of(found.judge.ready, found.schedule)
    if draft is None:
        return found
    best = replace(found, seen=[*found.seen], history=[*found.history], bounds=[*found.bounds], near={**found.near})
    if unlimited and steps is None:
        request = replace(request, deadline_s=time.monotonic() + SUMMING_S)
    exact, kinds = best.judge.exact, (summed_all, summed_alike, summed_one)
    end = exact.layers + (10**9 if steps is None else int(SUMMING_STEPS * steps))
    starts = (draft, *on_the_whole_package(best.judge, draft))
    for number, start in enumerate(starts):
        if not request.out_of_time and exact.layers < end:
            _climb_from(best, start, _part_of(request, 1 + len(starts) - number), (end - exact.layers) // 2, kinds)
    if best.draft is not None and best.schedule is not None and best.schedule.reduces and exact.layers < end:
        _climb_from(best, best.draft, request, end - exact.layers, (*kinds, *usual_kinds()))
    before, after = found.worth, best.worth
    little = after.missed == before.missed and after.value > before.value - LITTLE_GAIN * abs(before.value)
    return found if little else best


def _part_of(request: Request, parts: int) -> Request:
    """The request with so small a part of the time that is left."""
    if request.deadline_s is None:
        return request
    now_s = time.monotonic()
    return replace(request, deadline_s=now_s + (request.deadline_s - now_s) / parts)


def _climb_from(best: _Best, draft: Draft, request: Request, steps: int, kinds: Sequence[Kind] | None = None) -> None:
    climber = Climber.start(best.judge, draft)
    if climber is None:
        return

    def better(value: float) -> None:
        best.remember(value)
        best.tell(70, "improving", value if best.incumbent is None else min(value, best.incumbent))

    best.tell(70, "improving")
    improve(climber, steps, request, better, kinds)
    best.keep(Schedule(tuple(climber.windows)), climber.worth, "windows by prices, improved", climber.draft)


def _hear_challengers(best: _Best, space: Space, request: Request) -> None:
    """What other schedulers find in the space; `scar` was heard before, where there are several tasks."""
    alone = len(best.judge.ready.tasks) == 1
    names = [] if space is Space.ONE_CHIPLET else ["scope"] if alone else ["nn-baton", "scope"]
    for name in [*names, "scar"] if alone else names:
        _hear(best, name, space, request)


def _hear(best: _Best, name: str, space: Space, request: Request) -> None:
    """What another scheduler finds, if there is time, and if it is not proven that it finds nothing better."""
    from chipweave.schedulers import scheduler

    ready = best.judge.ready
    if name == "scar" and not best.worth.missed:
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


def _hear_other_goals(best: _Best, space: Space, request: Request) -> int:
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


def _hear_all(best: _Best, space: Space) -> None:
    """Ask every other scheduler for what is within the limits, however long that takes."""
    from chipweave.schedulers import SCHEDULERS

    alone = ("scar", "standalone")
    request = replace(best.request, deadline_s=None)
    for name in SCHEDULERS:
        if best.worth.missed and name not in ("weave", "optimal") and (space is Space.REGIONS or name in alone):
            _hear(best, name, space, request)


def _unmet(best: _Best, space: Space) -> list[Unmet]:
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


def _require_possible(best: _Best, space: Space) -> None:
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


def _notes(best: _Best, rough: int, unproven: bool, near: bool) -> tuple[str, ...]:
    notes: tuple[str, ...] = (
        f"{rough} schedules by tables and prices, {best.judge.exact.stages} stages evaluated exactly; "
        f"the best one: {best.by}",
    )
    if near:
        ends = f"of {LARGE:,} layers and more, it ends where at most {100 * CLOSE_TO_IT:.0f} % are proven to be left"
        notes = (*notes, f"{ends}; `--time-limit` has it go on")
    if unproven:
        return (*notes, "time was over before the tighter proof was made; what was costed for it is kept for next time")
    return notes
