"""NN-Baton as SCAR reads it (II-C): models one after another on the starting chiplet, layers that exceed it split.

Where a split layer runs is our choice; NN-Baton's own search over spatial splits is not reproduced.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate

import numpy as np

from chipweave.evaluation.check import held_against_limits
from chipweave.evaluation.exact.demand import cuts_of
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.exact.memory import footprint
from chipweave.evaluation.tables.bench import Candidates, score, window_cost
from chipweave.evaluation.tables.regions import PARTITIONS, Ground
from chipweave.hardware.snake import connected, snake
from chipweave.plan.certificate import Unmet, infeasible
from chipweave.plan.limits import deadlines_s, within
from chipweave.plan.objective import Objective
from chipweave.plan.problem import Problem, dependency_depths
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.schedulers.draft import DraftCosts, DraftStage, DraftWindow, pipeline_from
from chipweave.schedulers.fronts import Assembled, WindowOption, assemble
from chipweave.schedulers.search import Found, Progress, Request

START = 0
"""The starting chiplet."""
MOST_NEAR = 100
"""How many plans near the best one are kept."""


@dataclass(frozen=True, slots=True)
class Span:
    """Units first to end - 1 of a task, a window of their own: on the starting chiplet, or (one unit) split."""

    task: int
    first: int
    end: int
    split: bool


Unit = tuple[int, int]
"""A task and one of its units: a layer with the pools and element-wise layers that ride with it."""


def nn_baton(given: Problem | Prepared, request: Request) -> Found:
    """Models one after another on the starting chiplet 0; a layer that exceeds it is split where that pays.

    A layer exceeds the chiplet where one sample's activations and its weights do not fit L2 together. It then has a
    window of its own on the fewest chiplets, along the snake from chiplet 0, on which its parts fit: `weight_shared` or
    `input_shared`, whichever is better. What streams instead where that is better for the objective stays with its
    neighbours. The best micro-batches are found.

    Raises:
        InfeasibleError: the latency limits cannot be met.
    """
    bench = _Bench(prepare(given))
    problem = bench.ready.problem
    depths = dependency_depths(problem)
    # What has to end first goes first.
    order = sorted(range(len(depths)), key=lambda task: (depths[task], bench.deadlines_s[task], task))
    goal = within(request.objective, problem.scenario)
    exceeding = [(task, unit) for task in order for unit in bench.exceeding(task)]
    costed: list[Unit] = []
    for number, (task, unit) in enumerate(exceeding):
        if request.out_of_time:
            break
        name = problem.scenario.tasks[task].name
        request.progress(Progress(number, len(exceeding), None, f"{name}: layers that exceed the chiplet"))
        bench.options(Span(task, unit, unit + 1, True))
        costed.append((task, unit))

    def best(split: Collection[Unit]) -> list[Assembled]:
        return assemble([bench.options(span) for span in _spans(problem, order, split)], goal)

    def value(made: list[Assembled]) -> float:
        return min((goal(m.latency_s, m.energy_j) for m in made), default=np.inf)

    chosen: frozenset[Unit] = frozenset()
    made = best(chosen)
    if costed and value(trial := best(costed)) < value(made):
        chosen, made = frozenset(costed), trial
    if made:
        improved = _improved(bench, replace(request, objective=goal), order, costed, chosen, made)
        if value(trial := best(improved)) < value(made):
            chosen, made = improved, trial
    else:
        raise infeasible(*_unmet(problem))
    found = min(made, key=lambda m: goal(m.latency_s, m.energy_j))
    notes = [
        f"{problem.scenario.tasks[task].name}: layers that exceed chiplet {START}: {len(own)}, of which split: "
        f"{len(chosen & set(own))}"
        for task in order
        if (own := [unit for unit in exceeding if unit[0] == task])
    ]
    return Found(
        schedule=found.schedule,
        evaluated=bench.evaluated,
        front=tuple((m.latency_s, m.energy_j) for m in made),
        complete=len(costed) == len(exceeding),
        notes=tuple(notes),
        near=_near(bench, _spans(problem, order, chosen), found.schedule, request.objective),
    )


def _near(bench: _Bench, spans: Sequence[Span], plan: Schedule, objective: Objective) -> tuple[Schedule, ...]:
    """The plans that run one window in another way, by its micro-batch or partition, and meet the limits; the best
    first."""
    best = [
        next(option for option in bench.options(span) if option.pipelines == window.pipelines)
        for span, window in zip(spans, plan.windows, strict=True)
    ]
    found: list[tuple[float, Schedule]] = []
    for at, span in enumerate(spans):
        for option in bench.options(span):
            options = [*best[:at], option, *best[at + 1 :]]
            *starts_s, latency_s = accumulate((each.latency_s for each in options), initial=0.0)
            in_time = all(start_s <= each.latest_start_s for start_s, each in zip(starts_s, options, strict=True))
            if option is not best[at] and in_time:
                value = objective(latency_s, sum(each.energy_j for each in options))
                found.append((value, Schedule(tuple(Window(each.pipelines) for each in options))))
    return tuple(schedule for _, schedule in sorted(found, key=lambda each: each[0])[:MOST_NEAR])


def _unmet(problem: Problem) -> list[Unmet]:
    """The limits, which one model after another cannot meet."""
    searched, lever = "runs of one model after another", "use `weave`, which runs models side by side"
    return [
        replace(each, by="nn-baton", searched=searched, levers=(*each.levers, lever))
        for each in held_against_limits(None, problem)
    ]


def _spans(problem: Problem, order: Sequence[int], split: Collection[Unit]) -> list[Span]:
    """The windows, one after another, in which the units `split` are on their own."""
    spans = []
    for task in order:
        first, count = 0, len(problem.scenario.tasks[task].model.units)
        for unit in range(count):
            if (task, unit) in split:
                spans += [Span(task, first, unit, False)] * (first < unit) + [Span(task, unit, unit + 1, True)]
                first = unit + 1
        spans += [Span(task, first, count, False)] * (first < count)
    return spans


def _improved(
    bench: _Bench,
    request: Request,
    order: Sequence[int],
    units: Sequence[Unit],
    split: frozenset[Unit],
    made: list[Assembled],
) -> frozenset[Unit]:
    """Units to split: from `split`, one after another is changed where the totals then have a better value."""
    total = min(made, key=lambda m: request.objective(m.latency_s, m.energy_j))
    latency_s, energy_j = total.latency_s, total.energy_j
    spans = _spans(bench.ready.problem, order, split)
    plan = {
        span: next(option for option in bench.options(span) if option.pipelines == window.pipelines)
        for span, window in zip(spans, total.schedule.windows, strict=True)
    }
    for unit in units:
        if request.out_of_time:
            break
        after = _spans(bench.ready.problem, order, split ^ {unit})
        gone, new = [span for span in plan if span not in set(after)], [span for span in after if span not in plan]
        sum_s = latency_s - sum(plan[span].latency_s for span in gone)
        sum_j = energy_j - sum(plan[span].energy_j for span in gone)
        taken: dict[Span, WindowOption] = {}
        for span in new:
            base_s, base_j = sum_s, sum_j
            taken[span] = min(
                bench.options(span), key=lambda o: request.objective(base_s + o.latency_s, base_j + o.energy_j)
            )
            sum_s, sum_j = base_s + taken[span].latency_s, base_j + taken[span].energy_j
        if request.objective(sum_s, sum_j) < request.objective(latency_s, energy_j):
            split, latency_s, energy_j = split ^ {unit}, sum_s, sum_j
            plan = {span: plan[span] if span in plan else taken[span] for span in after}
    return split


@dataclass
class _Bench:
    """What windows cost, each computed once.

    Args:
        evaluated: windows that were scored.
    """

    ready: Prepared
    evaluated: int = 0
    _options: dict[Span, list[WindowOption]] = field(default_factory=dict)
    _exact: dict[int, DraftCosts] = field(default_factory=dict)

    @cached_property
    def deadlines_s(self) -> list[float]:
        """When each task has to have ended."""
        return deadlines_s(self.ready.problem.scenario)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The snake from the starting chiplet on, then what lies before it, the nearest first."""
        order = snake(self.ready.package)
        at = order.index(START)
        return order[at:] + order[:at][::-1]

    def exceeding(self, task: int) -> list[int]:
        """Units that do not fit the starting chiplet with one sample."""
        if len(self.order) == 1:
            return []
        units = range(len(self.ready.tasks[task].model.units))
        return [unit for unit in units if not self._fits(task, unit, 1, Partition.WHOLE)]

    def options(self, span: Span) -> list[WindowOption]:
        """The micro-batches, and partitions, of a window."""
        if span not in self._options:
            self._options[span] = self._split(span) if span.split else self._on_the_starting_chiplet(span)
            self.evaluated += len(self._options[span])
        return self._options[span]

    def _latest_start_s(self, span: Span, latency_s: float) -> float:
        """When a window must start for its task to end in time (no matter where it is not the task's last)."""
        ends_here = span.end == len(self.ready.tasks[span.task].model.units)
        return self.deadlines_s[span.task] - latency_s if ends_here else np.inf

    def _on_the_starting_chiplet(self, span: Span) -> list[WindowOption]:
        task = self.ready.tasks[span.task]
        micros = np.array(self.ready.micro_batches(span.task))
        ones = np.ones((len(micros), 1), dtype=np.int64)
        candidates = Candidates(micros, ones[:, 0], span.end * ones, START * ones)
        batch = score(self.ready, span.task, span.first, span.end, candidates)
        latency_s, energy_j = window_cost(self.ready, batch)
        units = task.model.units
        stage = Stage(units[span.first][0], units[span.end - 1][1], (START,))
        return [
            WindowOption(
                float(latency_s[m]),
                float(energy_j[m]),
                self._latest_start_s(span, float(latency_s[m])),  # alone, it ends with its window
                (Pipeline(span.task, (stage,), int(micro)),),
            )
            for m, micro in enumerate(micros)
            if np.isfinite(latency_s[m])
        ]

    def _split(self, span: Span) -> list[WindowOption]:
        """The unit on the fewest chiplets on which it fits, or on all."""
        many = len(self.order)
        exact = self._exact_of(span.task)
        partitions, chiplets = list(PARTITIONS), many
        for count in range(2, many + 1):
            if not connected(self.ready.package, self.order[:count]):
                continue
            fitting = [p for p in PARTITIONS if self._fits(span.task, span.first, count, p)]
            if fitting:
                partitions, chiplets = fitting, count
                break
        options = []
        for partition in partitions:
            for micro in self.ready.micro_batches(span.task):
                draft = DraftWindow(
                    span.first, micro, (DraftStage(span.end, chiplets, (PARTITIONS.index(partition),)),)
                )
                window = exact.window(draft)
                if window is None:
                    continue
                pipeline = pipeline_from(draft, exact.ground)
                latest_s = self._latest_start_s(span, window.latency_s)
                options.append(WindowOption(window.latency_s, window.energy_j, latest_s, (pipeline,)))
        return options

    def _exact_of(self, task: int) -> DraftCosts:
        if task not in self._exact:
            ground = Ground(self.ready, task, self.order, np.array([len(self.order)]))
            self._exact[task] = DraftCosts(ground)
        return self._exact[task]

    def _fits(self, task: int, unit: int, chiplets: int, partition: Partition) -> bool:
        """One sample's activations and the unit's weights fit the L2 of each of so many chiplets."""
        package, model = self.ready.package, self.ready.tasks[task].model
        first, last = model.units[unit]
        words = (partition,) * (last + 1 - first) if chiplets > 1 else ()
        stage = Stage(first, last, self.order[:chiplets], words)
        cuts = cuts_of(self.ready, Pipeline(task, (stage,)), len(self.order)) if chiplets > 1 else None
        need = footprint(model, stage, 1, cuts)
        l2_bytes = min(package.chiplets[chiplet].l2_bytes for chiplet in stage.chiplets)
        return sum(need.weights) + max(need.live) <= l2_bytes
