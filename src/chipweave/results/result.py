"""A schedule with everything that is known about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chipweave.display import Shown
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.lines import proven
from chipweave.evaluation.record import Evaluation
from chipweave.evaluation.traffic import WindowTraffic, traffic
from chipweave.plan.certificate import Certificate, Proof
from chipweave.plan.objective import Objective
from chipweave.plan.problem import Fidelity, Problem
from chipweave.plan.schedule import Schedule
from chipweave.results.case import Case
from chipweave.results.larger_l2 import Saving, twice_the_l2

if TYPE_CHECKING:
    from chipweave.simulation.outcome import Simulation

MOST_STEPS = 100_000
"""Layers of micro-batches, up to which a result simulates its schedule by itself."""


@dataclass(frozen=True)
class Search:
    """How a schedule was found.

    Args:
        scheduler, options, seed: what was run; `options` as plain data.
        seconds: wall time of the search, costs of the layers included.
        evaluated: candidate schedules scored, whole or in parts (what a part is, `notes` say).
        front: (latency_s, energy_j) of the non-dominated schedules retained, by latency.
        complete: False where a time limit or an interrupt ended the search early.
        notes: one sentence each: what was searched, what was cut.
        proof: what the search proved of all schedules of a space, or a file says that one did.
        history: seconds of the search, and the objective's best value since then; bounds: and what was proven.
    """

    scheduler: str
    options: Mapping[str, Any]
    seed: int
    seconds: float
    evaluated: int
    front: tuple[tuple[float, float], ...]
    complete: bool
    notes: tuple[str, ...]
    proof: Proof | None = None
    history: tuple[tuple[float, float], ...] = ()
    bounds: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, repr=False)
class Result(Shown):
    """A valid schedule, what it costs, and how far it can be from the best.

    Args:
        problem: scenario, package, fidelity and the layers' costs.
        cost_model: its name and parameters, as plain data.
        schedule, evaluation: the plan and its cost, by the one evaluator.
        objective, value: what was minimised and what it came to.
        certificate: a proven lower bound on the objective. None, as is `value`, where a file was made with a
            Python callable as its objective, of which only the name is known.
        search: how it was found; None for a plan written by hand.
        changes: of a file that was read: what it says differently from what was computed, one line each.
        case: the question that this answers; None of a plan that was given.
    """

    problem: Problem
    cost_model: Mapping[str, Any]
    schedule: Schedule
    evaluation: Evaluation
    objective: str
    value: float | None
    certificate: Certificate | None
    search: Search | None = None
    changes: tuple[str, ...] = ()
    case: Case | None = field(default=None, compare=False)

    @cached_property
    def traffic(self) -> tuple[WindowTraffic, ...]:
        """What every link, port and memory interface carries, per window."""
        return traffic(self.evaluation, self.problem.package)

    @cached_property
    def larger_l2(self) -> Saving | None:
        """What twice the L2 would save; None where no stage wants room."""
        return twice_the_l2(self.problem, self.schedule, self.evaluation)

    @cached_property
    def simulated(self) -> Simulation | None:
        """The schedule, simulated on the default machine; None in `paper`, of schedules with layers in strips, and of
        those too long to do so in passing (`MOST_STEPS`)."""
        from chipweave.simulation.outcome import simulate

        steps = sum(
            pipeline.micro_batches * (stage.last - stage.first + 1)
            for window in self.evaluation.windows
            for pipeline in window.pipelines
            for stage in pipeline.stages
        )
        if self.problem.fidelity is not Fidelity.DETAILED or self.schedule.in_strips or steps > MOST_STEPS:
            return None
        return simulate(self.problem, self.schedule, self.evaluation)

    @property
    def gap(self) -> float | None:
        """How far the schedule may be from the best, as a fraction of its value: 0 is proven optimal.

        None where a fraction says nothing: of a value of 0 or less, such as log(latency).
        """
        if self.certificate is None or self.value is None or self.value <= 0:
            return None
        return self.certificate.gap(self.value)

    def __hash__(self) -> int:
        return hash((self.schedule, self.objective, self.value))

    def __repr__(self) -> str:
        """Short: a problem in full is megabytes."""
        cost = f"{self.evaluation.latency_s:.4g} s, {self.evaluation.energy_j:.4g} J"
        return f"<Result: {self.problem.scenario.name!r} on {self.problem.package.name!r}, {cost}>"


def assess(
    problem: Problem | Prepared,
    cost_model: Mapping[str, Any],
    schedule: Schedule,
    objective: Objective | str,
    search: Search | None = None,
) -> Result:
    """Evaluate a valid schedule and hold it against the lower bound: on regions if it has any, with sums over their
    chiplets if it has any of these, else on single chiplets.

    `objective` as a string is a name for which no function is known: no value and no bound.
    """
    ready = prepare(problem)
    evaluation = evaluate(schedule, ready)
    if isinstance(objective, str):
        return Result(ready.problem, cost_model, schedule, evaluation, objective, None, None, search)
    value = objective(evaluation.latency_s, evaluation.energy_j)
    if search is not None and schedule.in_strips:
        search = replace(search, proof=None)  # it says nothing of layers in strips
    proof = None if search is None else search.proof
    certificate = proven(ready, objective, schedule.largest_region > 1, proof, schedule.reduces)
    return Result(ready.problem, cost_model, schedule, evaluation, objective.name, value, certificate, search)


@dataclass(frozen=True)
class Cell:
    """One scheduler on one package: its result, or why there is none."""

    scheduler: str
    package: str
    result: Result | None
    reason: str = ""


class Comparison(Shown, tuple[Cell, ...]):
    """Cells, by package and then scheduler. A tuple in all but that notebooks show it as a table."""

    __slots__ = ()
