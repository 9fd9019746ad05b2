"""Scope and the baselines that it is compared with, on one space: stages on regions along a snake.

Our reconstruction: of Scope (arXiv 2602.14393) only the abstract is public.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, pairwise

from chipweave.errors import InfeasibleError, InputError
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.tables.regions import Ground, region_sizes, sizes_tried
from chipweave.hardware.package import Package
from chipweave.hardware.snake import snake
from chipweave.plan.certificate import Requirement, Unmet, infeasible
from chipweave.plan.limits import MISSED, deadlines_s, excess, judged, missed, within
from chipweave.plan.objective import Objective, slopes
from chipweave.plan.problem import Problem, dependency_depths
from chipweave.plan.schedule import Schedule, Window
from chipweave.schedulers.draft import Draft, DraftCosts, pipeline_from
from chipweave.schedulers.fronts import non_dominated
from chipweave.schedulers.goals import goals
from chipweave.schedulers.options import chosen
from chipweave.schedulers.scope.options import RegionOptions
from chipweave.schedulers.scope.polish import SAME, SearchSpace, polish
from chipweave.schedulers.scope.search import Candidate, Level, candidates, evaluated, levels_of
from chipweave.schedulers.search import Found, Progress, Request
from chipweave.workload.scenario import Scenario

SEQUENTIAL = SearchSpace(whole_package=True)
FULL_PIPELINE = SearchSpace(one_unit_a_stage=True, windows=1)
SEGMENTED = SearchSpace(one_unit_a_stage=True)
MERGED = SearchSpace()

WORTH_EVALUATING, WORTH_IMPROVING = 3.0, 2.0
"""More than one draft of a space is evaluated where the estimate is at most so many times the best space's; drafts are
improved where the best of them is (one that was 1.7 times the best came out first: U-Net, batch 16, on 4 x 4)."""
MOST_WORTH = 10.0
"""A per cent of energy is worth at most so many per cent of latency."""


def scope(problem: Problem | Prepared, request: Request) -> Found:
    """Windows of merged pipelines: clusters of layers on regions of several chiplets (Scope; our reconstruction).

    The baselines' spaces are parts of this one; their best schedules are candidates too.
    """
    return _solve(problem, request, (SEQUENTIAL, SEGMENTED, MERGED))


def sequential(problem: Problem | Prepared, request: Request) -> Found:
    """All chiplets on each layer in turn; windows where that keeps more weights in L2."""
    return _solve(problem, request, (SEQUENTIAL,))


def segmented_pipeline(problem: Problem | Prepared, request: Request) -> Found:
    """Windows of pipelines with one layer (and what rides with it) a stage: what Scope compares with."""
    return _solve(problem, request, (SEGMENTED,))


def full_pipeline(problem: Problem | Prepared, request: Request) -> Found:
    """One window, one layer (and what rides with it) a stage.

    Raises:
        InfeasibleError: a model has more layers than the package has chiplets.
    """
    ready = prepare(problem)
    chiplets = len(ready.package.chiplets)
    for task in ready.tasks:
        need = len(task.model.units)
        if need > chiplets:
            raise infeasible(
                Unmet(
                    Requirement.CHIPLETS,
                    of=task.name,
                    by="full-pipeline",
                    demand=need,
                    bound=chiplets,
                    unit="chiplets",
                    levers=("take a larger package", "use `segmented-pipeline`"),
                )
            )
    return _solve(ready, request, (FULL_PIPELINE,))


def _solve(given: Problem | Prepared, request: Request, spaces: Sequence[SearchSpace]) -> Found:
    """The best schedule over some spaces, the last of which holds the others."""
    ready = prepare(given)
    problem, options = ready.problem, chosen(request.options, RegionOptions)
    spaces = [
        replace(space, windows=space.windows or options.windows, micro_batch=options.micro_batch) for space in spaces
    ]
    order = _line(problem.package)
    depths = dependency_depths(problem)
    deadline_s = deadlines_s(problem.scenario)
    # What has to end first goes first.
    tasks = sorted(range(len(depths)), key=lambda task: (depths[task], deadline_s[task], task))
    runs = [_Run.start(ready, task, order, spaces, request) for task in tasks]
    limits_s = [ready.tasks[task].latency_limit_s for task in tasks]
    searches = [
        _drafts(runs, goal, partial(_value, problem.scenario, goal, limits_s), limits_s, options.polish)
        for number, goal in enumerate(_goals(ready, request))
        if number == 0 or not request.out_of_time
    ]
    judge = partial(_value, problem.scenario, request.objective, limits_s)
    drafts, costs = min(searches, key=lambda each: judge(each[1], 0, *each[1][0]))
    if len(searches) > 1:
        drafts = _together(runs, drafts, costs, judge, limits_s)
    total_s, total_j = sum(cost[0] for cost in costs), sum(cost[1] for cost in costs)
    seen = [
        ((total_s - own[0] + latency_s, total_j - own[1] + energy_j), [*drafts[:at], other, *drafts[at + 1 :]])
        for at, (run, own) in enumerate(zip(runs, costs, strict=True))
        for other, (latency_s, energy_j) in run.seen.items()
        if (latency_s, energy_j) != own
    ]
    goal = within(request.objective, problem.scenario)
    seen.sort(key=lambda each: goal(*each[0]))
    return Found(
        _schedule(runs, drafts),
        sum(run.exact.stages for run in runs),
        non_dominated([*(cost for cost, _ in seen), (total_s, total_j)]),
        complete=not request.out_of_time,
        notes=_notes(problem, [problem.scenario.tasks[task].name for task in tasks]),
        near=tuple(_schedule(runs, others) for _, others in seen),
    )


def _goals(ready: Prepared, request: Request) -> list[Objective]:
    """What is searched for (`goals`); where time is short, its own first."""
    own = request.objective
    found = goals(ready, own)
    return found if request.deadline_s is None else sorted(found, key=lambda goal: goal.function is not own.function)


def _drafts(
    runs: Sequence[_Run], goal: Objective, judge: Judge, limits_s: Sequence[float | None], rounds: int
) -> tuple[list[Draft], list[tuple[float, float]]]:
    """The best draft of every model for an objective, and what each costs."""
    # Models run one after another: each is improved with the others' latency and energy beside it.
    costs = [min(run.costs(run.cheapest), key=lambda cost: goal(*cost)) for run in runs]
    drafts = _improved(runs, costs, judge, rounds)
    if len(runs) > 1:
        # What the others cost was estimated: now that it is known, the best that was seen of each goes together.
        before = judge(costs, 0, *costs[0])
        drafts = _together(runs, drafts, costs, judge, limits_s)
        if judge(costs, 0, *costs[0]) < before or before >= MISSED:
            for at, run in enumerate(runs):
                drafts[at] = run.again(partial(judge, costs, at), rounds)
                costs[at] = run.exact.require(drafts[at])
            drafts = _together(runs, drafts, costs, judge, limits_s)
    return drafts, costs


Judge = Callable[[Sequence[tuple[float, float]], int, float, float], float]
"""What models that cost so much are worth, where that at some place has another (latency_s, energy_j)."""


def _improved(runs: Sequence[_Run], costs: list[tuple[float, float]], judge: Judge, rounds: int) -> list[Draft]:
    """The best draft of every model, and in `costs` what each costs."""
    drafts: list[Draft] = []
    for at, run in enumerate(runs):
        drafts.append(run.improved(partial(judge, costs, at), rounds))
        costs[at] = run.exact.require(drafts[at])
    return drafts


def _together(
    runs: Sequence[_Run],
    drafts: Sequence[Draft],
    costs: list[tuple[float, float]],
    judge: Judge,
    limits_s: Sequence[float | None],
) -> list[Draft]:
    """Of all drafts that were seen, one for each model, so that they are worth most together; `drafts` where nothing
    is worth more. In `costs` what they cost."""
    totals: list[tuple[float, float, tuple[Draft, ...]]] = [(0.0, 0.0, ())]
    for run, limit_s in zip(runs, limits_s, strict=True):
        sums = [
            (s + own_s, j + own_j, (*others, draft))
            for s, j, others in totals
            for draft, (own_s, own_j) in run.seen.items()
        ]
        in_time = [each for each in sums if not excess(each[0], limit_s)]
        totals = []
        for total in sorted(in_time or sums, key=lambda each: each[:2]):
            if not totals or total[1] < totals[-1][1]:
                totals.append(total)
    best, value = list(drafts), judge(costs, 0, *costs[0])
    for _, _, together in totals:
        own = [run.seen[draft] for run, draft in zip(runs, together, strict=True)]
        now = judge(own, 0, *own[0])
        if now < value - SAME * abs(value):
            best, value, costs[:] = list(together), now, own
    return best


def _value(
    scenario: Scenario,
    goal: Objective,
    limits_s: Sequence[float | None],
    costs: Sequence[tuple[float, float]],
    at: int,
    latency_s: float,
    energy_j: float,
) -> float:
    """The objective of models one after another that cost so much, all but that at `at`; above it by what is late.

    Args:
        limits_s: of each model, in their order.
    """
    whole_s = sum(cost[0] for i, cost in enumerate(costs) if i != at) + latency_s
    whole_j = sum(cost[1] for i, cost in enumerate(costs) if i != at) + energy_j
    over = missed(scenario, whole_s, whole_j)
    ends_s = accumulate(latency_s if i == at else cost[0] for i, cost in enumerate(costs))
    over += sum(excess(end_s, limit_s) for end_s, limit_s in zip(ends_s, limits_s, strict=True))
    return judged(over, goal(whole_s, whole_j))


def _schedule(runs: Sequence[_Run], drafts: Sequence[Draft]) -> Schedule:
    """One model after another."""
    made = zip(runs, drafts, strict=True)
    return Schedule(tuple(Window((pipeline_from(window, run.ground),)) for run, draft in made for window in draft))


@dataclass
class _Run:
    """The search for one task.

    Args:
        cheapest: per space, the candidates of least estimated latency.
        seen: the drafts that were evaluated whole, with their (latency_s, energy_j).
    """

    ground: Ground
    exact: DraftCosts
    levels: list[Level]
    spaces: Sequence[SearchSpace]
    request: Request
    cheapest: list[list[Candidate]]
    seen: dict[Draft, tuple[float, float]]

    @classmethod
    def start(
        cls, ready: Prepared, task: int, order: tuple[int, ...], spaces: Sequence[SearchSpace], request: Request
    ) -> _Run:
        """Tables of every micro-batch (of the first at least), and the candidates of least latency."""
        ground = Ground(ready, task, order, region_sizes(len(order)))
        spaces = [space.for_batch(ground.batch) for space in spaces]
        sizes = sizes_tried(ground.batch, spaces[-1].micro_batch)
        levels = levels_of(ground, sizes, spaces[-1].one_unit_a_stage, request)
        cheapest: list[list[Candidate]] = []
        for space in spaces:
            late = any(cheapest) and request.out_of_time
            cheapest.append([] if late else candidates(ground, levels, space, 0.0, request.jobs))
        if not any(cheapest):
            raise _does_not_fit(ground, spaces[-1])
        return cls(ground, DraftCosts(ground), levels, spaces, request, cheapest, {})

    def costs(self, groups: Sequence[Sequence[Candidate]]) -> list[tuple[float, float]]:
        """Estimated (latency_s, energy_j) of all candidates."""
        return [(each.latency_s, each.energy_j) for group in groups for each in group]

    def improved(self, value: Callable[[float, float], float], rounds: int) -> Draft:
        """The best draft of all spaces, improved; also by what a joule is worth where energy counts."""
        estimates = [min((value(*cost) for cost in self.costs([some])), default=math.inf) for some in self.cheapest]
        found: list[tuple[float, int, list[Draft]]] = []
        for number, space in enumerate(self.spaces):
            if not self.cheapest[number]:
                continue
            if found and self.request.out_of_time:
                break
            # Estimates can be far off where little fits L2, so of every space one draft at least is evaluated.
            far = _far(estimates[number], min(estimates), WORTH_EVALUATING)
            some = self.cheapest[number][:1] if far else list(self.cheapest[number])
            latency_s, energy_j = min(self.costs([some]), key=lambda cost: value(*cost))
            for price in () if far else _prices(value, latency_s, energy_j):
                if self.request.out_of_time:
                    break
                some += candidates(self.ground, self.levels, space, price, self.request.jobs)
            drafts = evaluated(some, self.exact, space, value)
            self.seen.update((draft, self.exact.require(draft)) for draft in drafts)
            if drafts:
                found.append((value(*self.exact.require(drafts[0])), number, drafts))
        if not found:
            raise _does_not_fit(self.ground, self.spaces[-1])
        least = min(each[0] for each in found)
        tops: list[Draft] = []
        for cost, number, drafts in found:
            last = number == len(self.spaces) - 1
            if last or not _far(cost, least, WORTH_IMPROVING):
                self.request.progress(Progress(number, len(self.spaces), None, "improving"))
                starts = [*tops, *drafts] if last else drafts
                starts.sort(key=lambda draft: value(*self.exact.require(draft)))
                tops.append(polish(starts, self.exact, self.spaces[number], value, rounds, self.request))
                self.seen[tops[-1]] = self.exact.require(tops[-1])
        return min(tops, key=lambda draft: value(*self.exact.require(draft)))

    def again(self, value: Callable[[float, float], float], rounds: int) -> Draft:
        """The best of the drafts that were seen, improved."""
        best = min(self.seen, key=lambda draft: value(*self.seen[draft]))
        top = polish([best], self.exact, self.spaces[-1], value, rounds, self.request)
        self.seen[top] = self.exact.require(top)
        return top


def _far(value: float, least: float, times: float) -> bool:
    """Whether a value is more than so many times the least; of values below 0, as much above it."""
    return value > least + (times - 1) * abs(least)


def _does_not_fit(ground: Ground, space: SearchSpace) -> InfeasibleError:
    name, units, chiplets = ground.ready.tasks[ground.task].name, len(ground.model.units), len(ground.order)
    if space.one_unit_a_stage and space.windows is not None and units > space.windows * chiplets:
        return infeasible(
            Unmet(
                Requirement.STAGES,
                of=name,
                demand=units,
                bound=space.windows * chiplets,
                unit="stages",
                searched=f"windows={space.windows} of {chiplets} chiplets",
                levers=("raise `windows`", "use `scope`"),
            )
        )
    levers = ("lower `micro_batch`", "leave it out")
    return infeasible(Unmet(Requirement.MICRO_BATCH, of=name, demand=space.micro_batch, unit="samples", levers=levers))


def _prices(value: Callable[[float, float], float], latency_s: float, energy_j: float) -> tuple[float, ...]:
    """What a joule is worth in seconds at this point, by the objective's slopes; none where it is worth nothing."""
    per_s, per_j = slopes(Objective("", value), latency_s, energy_j)
    if per_j <= 0:
        return ()
    even = latency_s / energy_j  # where a per cent of one is worth a per cent of the other, as for EDP
    price = MOST_WORTH * even if per_s * MOST_WORTH * even <= per_j else per_j / per_s
    return tuple(sorted({price / 3, price, 3 * price, even} if price > even else {price / 3, price, 3 * price}))


def _line(package: Package) -> tuple[int, ...]:
    """The chiplets in an order whose runs are regions.

    Raises:
        InputError: the package has no line through all chiplets.
    """
    order = snake(package)
    if any(b not in package.neighbours[a] for a, b in pairwise(order)):
        raise InputError(
            f"package '{package.name}' has no line through all its chiplets along links, on which regions lie; add "
            "links, or use `scar`"
        )
    return order


def _notes(problem: Problem, names: Sequence[str]) -> tuple[str, ...]:
    notes = [
        "regions are runs of one line through the package; the search is not exhaustive (docs/schedulers/scope.md)"
    ]
    if len(names) > 1:
        notes.append(f"models run one after another, each on the whole package: {', '.join(names)}")
    return tuple(notes)
