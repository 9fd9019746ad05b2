"""SCAR: the four engines together (SCAR IV). A reconstruction from the paper's text; docs/schedulers/scar.md."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from chipweave.errors import InputError
from chipweave.evaluation.bound import Point, least_part_j, least_window
from chipweave.evaluation.check import held_against_limits
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.tables.bench import arrays_of
from chipweave.plan.certificate import Requirement, Space, Unmet, infeasible
from chipweave.plan.limits import deadlines_s, has_limits, missed, rising, within
from chipweave.plan.objective import objective
from chipweave.plan.problem import Problem
from chipweave.schedulers.fronts import Assembled, WindowOption, assemble
from chipweave.schedulers.options import chosen
from chipweave.schedulers.scar.energy_caps import (
    Caps,
    Ladder,
    Least,
    beside,
    caps,
    ends_s,
    ladder,
    least_of_window,
    side_by_side_j,
    together,
    until,
)
from chipweave.schedulers.scar.evolve import evolve_window, require_pymoo
from chipweave.schedulers.scar.expected_cost import expected_units
from chipweave.schedulers.scar.options import Method, Provision, ScarOptions
from chipweave.schedulers.scar.provision import node_limits
from chipweave.schedulers.scar.reconfigure import Share, Windows, candidate_windows, windows_by_deadline
from chipweave.schedulers.scar.segment import (
    BUDGET,
    TOLERANCES,
    UNLIMITED,
    Segmentations,
    best_segmentations,
    least_of_share,
    on_every_place,
    segmentations,
)
from chipweave.schedulers.scar.trees import KindTree, kind_tree
from chipweave.schedulers.scar.window import BREADTH_DETAILED, Contender, window_options
from chipweave.schedulers.search import Found, Progress, Request

MOST_CHIPLETS_EXHAUSTIVE = 12
"""`auto` searches packages up to this size exhaustively (the paper: 3x3 exhaustive, 6x6 evolutionary)."""

FEW_NODES = 2
"""Nodes a task of the first pass."""

FEW_LABELS = 100_000
"""A partition is searched without tolerance where the pass before made no more labels than so many."""

AT_ONCE = 2
"""Partitions that are searched side by side, whatever the number of cores: so the result does not depend on it."""

MOST_NEAR = 100
"""Of the best distinct schedules that were met, how many are kept."""

MOST_PATHS = 200_000
"""Paths of the scheduling trees that the exhaustive search takes on."""


def scar(problem: Problem | Prepared, request: Request) -> Found:
    """Search windows, node counts, segmentations, micro-batches and placements (SCAR IV).

    With unlimited top-k the result is the optimum over the candidate windows in `paper` fidelity; in `detailed`
    the best candidates of the separable part are re-scored whole.

    Raises:
        InfeasibleError: no schedule meets the latency limits.
    """
    options = chosen(request.options, ScarOptions)
    ready = prepare(problem)
    candidates = candidate_windows(ready.problem, options.n_splits, options.packing)
    return search_windows(ready, request, candidates, options, windows_by_deadline(ready.problem))


def search_windows(
    problem: Problem | Prepared,
    request: Request,
    candidates: Sequence[Windows],
    options: ScarOptions,
    further: Sequence[Windows] = (),
) -> Found:
    """The best schedule whose windows hold what one of the candidate partitions says.

    Args:
        further: partitions that are tried beside, with any number of chiplets per model, where the candidates hold no
            schedule within the limits.
    """
    search = _Search(prepare(problem), request, options)
    try:
        search.over(candidates)
        if further and not search.met and has_limits(search.problem.scenario):
            candidates = tuple(dict.fromkeys((*candidates, *further)))
            search.options = replace(options, provision=Provision.EXHAUSTIVE)
            search.over(candidates)
    except _OutOfTime:
        search.complete = False
    if search.best is None or not search.met:
        raise infeasible(*(_unmet(search, candidates) if search.complete else [_TOO_SHORT]))
    return Found(
        search.best.schedule,
        sum(known.evaluated for known in search.known.values()),
        tuple((made.latency_s, made.energy_j) for made in search.front),
        search.complete,
        tuple(search.notes(candidates)),
        near=tuple(made.schedule for made in search.near[1:]),
    )


class _OutOfTime(Exception):
    """The time limit has passed, or the user wants to stop."""


_TOO_SHORT = Unmet(Requirement.TIME, levers=("allow more time", "raise the limits"))


class _Run(NamedTuple):
    """One pass over one of all partitions: with what node limits, how finely, and what is to be beaten."""

    number: int
    of: int
    windows: Windows
    limits: tuple[tuple[int, ...], ...]
    tolerance: float
    incumbent: float


@dataclass
class _Known:
    """What the passes over one partition with the same node limits have shown so far.

    Args:
        least: per window, a latency and energy that nothing in it goes below that may be part of a better schedule.
        behind: per window, points behind one of which all such ways to run it lie.
        before: per share, what the last pass found.
        value: what no schedule goes below, unless the incumbent is better.
        reached: the tolerance of the last pass.
        evaluated: candidates that were tried.
    """

    least: list[Point]
    behind: list[list[Point]]
    before: dict[Share, Segmentations] = field(default_factory=dict)
    value: float = -math.inf
    reached: float = 0.0
    evaluated: int = 0

    @property
    def labels(self) -> int:
        """Labels that the last pass made."""
        return sum(found.labels for found in self.before.values())


@dataclass
class _Search:
    """The state of one search: the best so far, the front, and what was already computed.

    `known` holds what was shown for a partition under the same node limits, `latest` each share's newest pipelines,
    whatever limits they were found under: they are pipelines all the same.
    """

    ready: Prepared
    request: Request
    options: ScarOptions
    best: Assembled | None = None
    front: list[Assembled] = field(default_factory=list)
    near: list[Assembled] = field(default_factory=list)
    complete: bool = True
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        self.problem = self.ready.problem
        self.expected = [expected_units(self.problem, task) for task in range(len(self.problem.scenario.tasks))]
        self.known: dict[tuple[object, ...], _Known] = {}
        self.latest: dict[tuple[int, Share], Segmentations] = {}
        self.limits_s = deadlines_s(self.problem.scenario)
        self.objective = within(self.request.objective, self.problem.scenario)
        self.rising = rising(self.request.objective, self.problem.scenario)
        self.tree = self._whole_tree()
        if self.tree is None:
            require_pymoo()

    def _whole_tree(self) -> KindTree | None:
        """All paths a task may take, for the exhaustive search; None where the search is evolutionary."""
        chiplets = len(self.problem.package.chiplets)
        if self.options.search is Method.EVOLUTIONARY:
            return None
        if chiplets <= MOST_CHIPLETS_EXHAUSTIVE:
            tree = kind_tree(self.problem.package, self.options.node_cap or chiplets, MOST_PATHS)
            if tree.complete:
                return tree
        if self.options.search is Method.EXHAUSTIVE:
            raise InputError(
                f"scar: search=exhaustive takes packages of up to {MOST_CHIPLETS_EXHAUSTIVE} chiplets and {MOST_PATHS} "
                f"paths, '{self.problem.package.name}' has {chiplets} chiplets or more paths; use search=evolutionary, "
                "or a smaller node_cap"
            )
        return None

    @property
    def limited(self) -> bool:
        """Whether any model has to have ended by some time."""
        return any(math.isfinite(limit_s) for limit_s in self.limits_s)

    @property
    def met(self) -> bool:
        """Whether there is a schedule within the limits."""
        return self.best is not None and not missed(self.problem.scenario, self.best.latency_s, self.best.energy_j)

    def over(self, candidates: Sequence[Windows]) -> None:
        """Pass by pass over all partitions, those first that have shown the best schedules: what they find bounds the
        next ones, and the next pass of all."""
        passes = [self.deepening(windows) for windows in candidates]
        reached, best = [0.0] * len(candidates), [math.inf] * len(candidates)
        for depth in range(max(map(len, passes))):
            order = sorted((n for n, own in enumerate(passes) if depth < len(own)), key=lambda n: (best[n], n))
            for some in (order[at : at + AT_ONCE] for at in range(0, len(order), AT_ONCE)):
                runs = [_Run(n, len(candidates), candidates[n], *passes[n][depth], self.incumbent) for n in some]
                for number, (tolerance, made) in zip(some, self.side_by_side(runs), strict=True):
                    reached[number] = tolerance
                    for one in made:
                        self.keep(one)
                    values = (self.objective(one.latency_s, one.energy_j) for one in made)
                    best[number] = min(best[number], *values, math.inf)
                    if self.request.out_of_time:
                        raise _OutOfTime
        self.tolerance = max(reached)

    @property
    def incumbent(self) -> float:
        return math.inf if self.best is None else self.objective(self.best.latency_s, self.best.energy_j)

    def deepening(self, windows: Windows) -> list[tuple[tuple[tuple[int, ...], ...], float]]:
        """Node limits per window, from a few nodes a task to all, then finer tolerances: each pass bounds the next."""
        rule = tuple(self._limits(window, Provision.RULE) for window in windows)
        if self.ready.detailed:
            rule = tuple(self._more_nodes(*each) for each in zip(windows, rule, strict=True))
        if self.tree is None:
            return [(rule, 0.0)]
        few = tuple(tuple(min(FEW_NODES, n) for n in window) for window in rule)
        most = rule
        if self.options.provision is Provision.EXHAUSTIVE:
            most = tuple(self._limits(window, Provision.EXHAUSTIVE) for window in windows)
        if self.options.top_k is not None:
            return [(limits, 0.0) for limits in dict.fromkeys((few, rule, most))]
        passes = [(few, TOLERANCES[0]), (rule, TOLERANCES[0]), *((most, tolerance) for tolerance in TOLERANCES)]
        return list(dict.fromkeys(passes))

    def _more_nodes(self, window: Sequence[Share], rule: Sequence[int]) -> tuple[int, ...]:
        """Eq. 2 by the objective, or by latency where that grants more: a demand in EDP counts a model's length twice,
        so that a short one may be left with a single node."""
        by_latency = node_limits(
            self.problem, window, self.expected, objective("latency"), Provision.RULE, self.options.node_cap
        )
        return tuple(max(each) for each in zip(rule, by_latency, strict=True))

    def _limits(self, window: Sequence[Share], provision: Provision) -> tuple[int, ...]:
        objective = self.request.objective
        return node_limits(self.problem, window, self.expected, objective, provision, self.options.node_cap)

    def side_by_side(self, runs: Sequence[_Run]) -> Iterator[tuple[float, list[Assembled]]]:
        """What `run` finds for each; `jobs` of them at a time, as none depends on another."""
        jobs = 1 if self.tree is None else self.request.jobs  # the evolutionary search shares its dice
        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(self.run, runs)

    def run(self, run: _Run) -> tuple[float, list[Assembled]]:
        """Search one partition. The tolerance that was reached, a larger one where the effort is too great, and the
        schedules."""
        known = self._known_of(run)
        if known.value > run.incumbent or math.isinf(max(map(max, known.least))):
            return run.tolerance, []  # what a coarser pass found shows that nothing better is here
        if run.tolerance == 0 and not self.options.exact and known.labels > FEW_LABELS:
            return known.reached, []
        known.reached = run.tolerance
        ends = _last_windows(run.windows)
        found: list[list[WindowOption]] = []
        for index, window in enumerate(run.windows):
            incumbent = run.incumbent if math.isfinite(run.incumbent) else None
            doing = f"window {index + 1} of {len(run.windows)}"
            self.request.progress(Progress(run.number, run.of, incumbent, doing))
            others = together([*known.behind[:index], *known.behind[index + 1 :]])
            own = [_behind(point, known.least[index]) for point in known.behind[index]]
            bounds = caps(self._goal(run.tolerance), run.incumbent, own, others)
            late = [self._limit_s(share, ends[share.task] == index) for share in window]
            # A limit holds from the schedule's start: what the windows before take at least is gone by then.
            before_s = sum(latency_s for latency_s, _ in known.least[:index])
            options, of_window, tolerance = self._window(run, index, (late, before_s), bounds, known)
            known.least[index] = _behind(known.least[index], of_window)
            known.reached = max(known.reached, tolerance)
            if not options:
                return known.reached, []
            found.append(options)
            if not self.limited:
                # Whatever is better lies behind what was found here, but for the tolerance. (Within limits a finer
                # search may find what a coarse one has nothing like.)
                less = (1 + tolerance) ** 2
                known.behind[index] = [(o.latency_s / less, o.energy_j / less) for o in options]
            if self.request.out_of_time and (self.best is not None or self.request.may_fail):
                raise _OutOfTime
        schedules = list(assemble(found, self.objective))
        if not self.limited:  # else a finer one may keep more of them
            less = (1 + known.reached) ** 2
            values = (self.rising(made.latency_s / less, made.energy_j / less) for made in schedules)
            known.value = min(values, default=math.inf)
        return known.reached, schedules

    def _proves(self, tolerance: float) -> bool:
        """Whether what a pass shows has to hold for every schedule: in the last passes of an exact search."""
        return self.options.exact and tolerance <= TOLERANCES[1]

    def _goal(self, tolerance: float) -> Callable[[float, float], float]:
        """What has to be as good as the incumbent. Where a pass with a tolerance has to prove something, it also looks
        for what is so much worse: else it might drop the best for want of what stands for it."""
        if tolerance == 0 or not self._proves(tolerance):
            return self.rising
        more = (1 + tolerance) ** 2
        return lambda latency_s, energy_j: self.rising(latency_s / more, energy_j / more)

    def _limit_s(self, share: Share, ends_here: bool) -> float:
        return self.limits_s[share.task] if ends_here else math.inf

    def _least_of_parts(self, window: Sequence[Share], nodes: Sequence[int]) -> tuple[list[list[Least]], int]:
        """What each model takes at least in a window, on up to 1, 2, 3 and more chiplets, and how many they have
        together. Where there are enough for all, each is counted as one."""
        assert self.tree is not None
        chiplets, tree, jobs = len(self.problem.package.chiplets), self.tree, self.request.jobs
        enough = sum(nodes) <= chiplets
        ways = [range(n, n + 1) if enough else range(1, n + 1) for n in nodes]
        parts = [
            [least_of_share(self.ready, share, tree, most, jobs) for most in way]
            for share, way in zip(window, ways, strict=True)
        ]
        return parts, len(window) if enough else chiplets

    def _known_of(self, run: _Run) -> _Known:
        key: tuple[object, ...] = (run.number, *run.limits)
        if self._proves(run.tolerance):
            key = (*key, "proven")
        if key not in self.known:
            least = [least_window(self.ready, window) for window in run.windows]
            if self.tree is None:
                behind = [[point] for point in least]
            else:
                parts = [self._least_of_parts(*each) for each in zip(run.windows, run.limits, strict=True)]
                behind = [least_of_window(*each, floor) for each, floor in zip(parts, least, strict=True)]
            self.known[key] = _Known(least, behind)
        return self.known[key]

    def _window(
        self,
        run: _Run,
        index: int,
        ends: tuple[Sequence[float], float],
        bounds: Caps,
        known: _Known,
    ) -> tuple[list[WindowOption], Point, float]:
        """The ways to run a window within the bounds, a latency and energy that none of them goes below, and the
        tolerance. Notes in `known` what it found for each share.

        Args:
            ends: by when each share has to have ended, and when the window begins at the earliest.
        """
        window, nodes, (late, before_s) = run.windows[index], run.limits[index], ends
        if self.tree is None:
            options, tried = evolve_window(
                self.ready, window, nodes, late, self.objective, self.options, self.request.seed
            )
            known.evaluated += tried
            return options, least_window(self.ready, window), 0.0
        least = [self._least_of(share, known.before.get(share)) for share in window]
        contenders = []
        ladders = self._ladders(window, nodes, bounds)
        for at, (share, longest, limit_s) in enumerate(zip(window, nodes, late, strict=True)):
            left = ladder([until(each, limit_s - before_s) for each in ladders[at]])
            found = self._segmentations(
                share, self.tree, longest, left, run.tolerance, self.latest.get((run.number, share))
            )
            known.before[share] = self.latest[run.number, share] = found
            known.evaluated += found.labels
            least[at] = _behind(least[at], found.least)
            if len(found.node) == 0:
                return [], _of_window(least), found.tolerance
            contenders.append(Contender(share, found, limit_s, before_s))
        product_alone = self.request.objective.name == "edp"
        options, combined = window_options(
            self.ready, self.tree, contenders, bounds, self.request.jobs, product_alone
        )
        known.evaluated += combined
        if self.limited:
            return options, _of_window(least), max(each.found.tolerance for each in contenders)
        reached = [_behind(point, _least_found(each.found)) for point, each in zip(least, contenders, strict=True)]
        return options, _of_window(reached), max(each.found.tolerance for each in contenders)

    def _ladders(self, window: Sequence[Share], nodes: Sequence[int], bounds: Caps) -> list[list[Caps]]:
        """What is left for each of a window's models, by how many chiplets it takes: the others have the rest."""
        parts, chiplets = self._least_of_parts(window, nodes)
        made = []
        for at, most in enumerate(nodes):
            others_j = side_by_side_j([*parts[:at], *parts[at + 1 :]], chiplets, ends_s(bounds))
            taken = range(1, most + 1) if len(parts[at]) > 1 else [1] * most
            made.append([beside(bounds, others_j[chiplets - own]) for own in taken])
        return made

    def _least_of(self, share: Share, before: Segmentations | None) -> Point:
        """A latency and energy that no pipeline of a share goes below that may be part of a better schedule."""
        return (0.0, least_part_j(self.ready, share)) if before is None else before.least

    def _segmentations(
        self,
        share: Share,
        tree: KindTree,
        longest: int,
        bounds: Ladder,
        tolerance: float,
        before: Segmentations | None,
    ) -> Segmentations:
        top_k, jobs = self.options.top_k, self.request.jobs
        if top_k is None:
            breadth = BREADTH_DETAILED if self.ready.detailed else 1
            found = segmentations(
                self.ready,
                share,
                tree,
                longest,
                breadth=breadth,
                caps=bounds,
                tolerance=tolerance,
                before=before,
                budget=UNLIMITED if self.options.exact else BUDGET,
                jobs=jobs,
            )
        else:
            every = segmentations(self.ready, share, tree, longest, breadth=top_k, least_breadth=top_k, jobs=jobs)
            scores = np.array([self.objective(float(f[0]), float(f[1])) for f in every.figures])
            found = replace(
                on_every_place(self.ready, share, tree, longest, best_segmentations(every, scores, top_k)),
                labels=every.labels,
                tolerance=every.tolerance,
            )
        return found

    def keep(self, made: Assembled) -> None:
        """Note a schedule: as the best, or on the front."""
        if self.best is None or self._rank(made) < self._rank(self.best):
            self.best = made
        if all(made.schedule != other.schedule for other in self.near):
            self.near = sorted([*self.near, made], key=self._rank)[:MOST_NEAR]
        beaten = any(f.latency_s <= made.latency_s and f.energy_j <= made.energy_j for f in self.front)
        if not beaten:
            self.front = [f for f in self.front if not (made.latency_s <= f.latency_s and made.energy_j <= f.energy_j)]
            self.front.append(made)
            self.front.sort(key=lambda f: f.latency_s)

    def _rank(self, made: Assembled) -> tuple[float, float, float]:
        """By the objective; of equal values the schedule that is on the front goes first."""
        return self.objective(made.latency_s, made.energy_j), made.latency_s, made.energy_j

    def notes(self, candidates: Sequence[Windows]) -> Iterator[str]:
        """What was searched, and what the result is the best of."""
        counts = sorted({len(windows) for windows in candidates})
        ways = "1 partition" if len(candidates) == 1 else f"{len(candidates)} partitions"
        yield f"Searched {ways} of the layers into {', '.join(map(str, counts))} window{'s' * (counts[-1] > 1)}."
        cap = self.options.node_cap
        if self.options.provision is Provision.RULE:
            nodes = "up to Eq. 2's number of" if cap is None else f"up to {cap} of Eq. 2's number of"
        else:
            nodes = "any number of" if cap is None else f"up to {cap}"
        places = "one chiplet" if cap == 1 else f"{nodes} chiplets"
        if self.tree is None:
            yield (
                f"Evolutionary search over cuts ({self.options.population} individuals, {self.options.generations} "
                f"generations), {places} per model: no statement about the optimum."
            )
        elif not self.complete:
            yield f"Ended before all was searched, {places} per model: no statement about the optimum."
        elif self.options.top_k is not None:
            yield f"Kept the {self.options.top_k} best segmentations per model and window, {places} per model."
        elif self.tolerance > 0:
            yield (
                f"All cuts, micro-batches and paths of {places} per model; in the largest windows, candidates "
                f"less than {self.tolerance:.0%} of the window's least cost apart counted as equal."
            )
        elif self.ready.detailed:
            yield (
                f"All cuts, micro-batches and paths of {places} per model; what shares links or DRAM was "
                "re-scored whole."
            )
        else:
            yield f"The optimum over all cuts, micro-batches and paths of {places} per model in these windows."


def _behind(one: Point, other: Point) -> Point:
    """A latency and energy that is not below either."""
    return max(one[0], other[0]), max(one[1], other[1])


def _of_window(parts: Sequence[Point]) -> Point:
    """The latency and energy of a window whose models take so much each."""
    return max(latency_s for latency_s, _ in parts), sum(energy_j for _, energy_j in parts)


def _least_found(found: Segmentations) -> Point:
    """What pipelines on these places do not go below, known from those that were found to a tolerance."""
    latency_s, energy_j = found.figures[:, :2].min(axis=0) * (1 - found.tolerance)
    return float(latency_s), float(energy_j)


def _last_windows(windows: Windows) -> dict[int, int]:
    return {share.task: index for index, window in enumerate(windows) for share in window}


def _unmet(search: _Search, candidates: Sequence[Windows]) -> list[Unmet]:
    """Per limit: what is asked, what the best schedule came to where there was one, and what no schedule on single
    chiplets goes below; and what may help."""
    ready, best = search.ready, search.best
    ways = "1 partition" if len(candidates) == 1 else f"{len(candidates)} partitions"
    number = {task.name: index for index, task in enumerate(ready.tasks)}
    unmet = []
    for each in held_against_limits(None if best is None else evaluate(best.schedule, ready), search.problem):
        if each.of:
            least_s, _ = least_window(ready, [Share(number[each.of], 0, arrays_of(ready, number[each.of]).units)])
            each = replace(each, bound=least_s, space=Space.ONE_CHIPLET)
        unmet.append(replace(each, searched=f"{ways} into windows"))
    return unmet
