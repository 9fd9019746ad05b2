"""Near-best plans of a search, scored again by simulation (docs/simulation.md, "Choosing by simulation")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from chipweave.collector import without_collector
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared
from chipweave.hardware.package import Placement
from chipweave.plan.objective import Objective
from chipweave.plan.schedule import Schedule, Window
from chipweave.simulation.draft import Draft
from chipweave.simulation.machine import DEFAULT
from chipweave.simulation.outcome import DISCIPLINES, DISTINCT, require_detailed, run_draft
from chipweave.simulation.transfers import floor_of
from chipweave.simulation.windows import Known, lay_out_window, window_run


@dataclass(frozen=True)
class Rescored:
    """A plan.

    Args:
        place: among the plans as they were given, from 0.
        latency_s: simulated, the median of the disciplines.
        value: the objective at that latency, and the energy by the evaluator.
    """

    schedule: Schedule
    place: int
    latency_s: float
    value: float


def rescored(ready: Prepared, plans: Sequence[Schedule], objective: Objective) -> list[Rescored]:
    """The plans by their simulated value, the best first; equal ones as they were given.

    Windows that plans have in common are simulated once.
    """
    require_detailed(ready)
    with without_collector():
        return sorted(_scored(ready, plans, objective), key=lambda each: each.value)


def _scored(ready: Prepared, plans: Sequence[Schedule], objective: Objective) -> Iterator[Rescored]:
    known: dict[tuple[Window, Schedule | None], tuple[float, ...]] = {}
    pipelines: Known = {}
    alike = ready.package.placement is Placement.INTERLEAVED  # else a window depends on those before it
    for place, plan in enumerate(plans):
        windows = [(window, None if alike else plan) for window in plan.windows]
        for number, window in enumerate(windows):
            if window not in known:
                known[window] = lengths_s(ready, plan, number, pipelines)
        by_discipline = [sum(each) for each in zip(*(known[window] for window in windows), strict=True)]
        latency_s = median(by_discipline)
        yield Rescored(plan, place, latency_s, objective(latency_s, evaluate(plan, ready).energy_j))


def lengths_s(ready: Prepared, plan: Schedule, number: int, pipelines: Known) -> tuple[float, ...]:
    """How long a window of a plan takes, by discipline; `pipelines` that are known already."""
    floor = floor_of(ready.package, DEFAULT)
    draft = Draft(DEFAULT, floor)
    lay_out_window(draft, window_run(ready, plan, number, floor, DEFAULT, pipelines), {})
    machines = (replace(DEFAULT, **fields) for fields in DISCIPLINES.values())  # type: ignore[arg-type]
    return tuple(float(run_draft(draft, machine).end_s.max()) for machine in machines)


def verdict(found: Sequence[Rescored]) -> str:
    """One sentence: which plan the simulation chose, and whether that says anything."""
    best, *others = found
    if not others:
        return "Simulated 1 plan: the search kept no other to choose among."
    first = next(each for each in found if each.place == 0)
    if best is first:
        ahead = others[0].value / best.value - 1 if best.value else 0.0
        text = f"Simulated {len(found)} plans: the evaluator's best is the simulator's, the next one {ahead:.1%} behind"
    else:
        ahead = first.value / best.value - 1 if best.value else 0.0
        text = (
            f"Simulated {len(found)} plans: the evaluator's number {best.place + 1} is the simulator's best, the "
            f"evaluator's best {ahead:.1%} behind it"
        )
    return f"{text}; that is less than what simulations tell apart (2 %)." if ahead < DISTINCT else f"{text}."
