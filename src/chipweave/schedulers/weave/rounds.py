"""Windows by tables, prices and a beam, at what a joule is worth where the best schedule so far is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from chipweave.evaluation.bound import lower_bound
from chipweave.evaluation.priced import chains_of
from chipweave.ndarrays import Floats
from chipweave.plan.limits import deadlines_s, limits_the_whole
from chipweave.plan.objective import slopes
from chipweave.plan.problem import parents_of
from chipweave.schedulers.weave.best import Best, keep_draft, until
from chipweave.schedulers.weave.draft import NO_WORTH, Draft, PipelineDraft, Worth
from chipweave.schedulers.weave.lines import slots_of
from chipweave.schedulers.weave.parts import Boards, Parts, Pieces, parts_of_all, stages_made
from chipweave.schedulers.weave.prices import Market
from chipweave.schedulers.weave.windows import Sketch, sketches

ROUNDS = 3
"""Times that pipelines are made, each with what a joule is worth at the best schedule so far."""

LITTLE = 1e-3
"""Of what makes a per cent of energy worth one of latency, the least that a joule is taken to be worth."""

NEAR = 0.3
"""A change of that worth, relative to it, below which no further round is made."""

LATER = 1.2
"""About by how much more of the bound's seconds than of its joules schedules take."""

WALKS, FINALISTS = 2, 3
"""Times in each round that windows are made, and rough schedules of each that are evaluated exactly."""

BEFORE_NEXT_ROUND, BEFORE_OTHER_PIPELINES = 0.3, 0.8
"""Of the time, the shares after which no further round is begun, and after which pipelines are made at the whole batch
alone."""


class Tables(NamedTuple):
    """The best pipelines of all parts of tasks.

    Args:
        joule_s: what a joule was worth in seconds where they were made.
        known: prices of parts of the schedules that were made of them.
    """

    boards: Boards
    parts: Sequence[Parts]
    joule_s: float
    known: list[Floats]


def rounds(best: Best, pieces: Pieces) -> tuple[int, Tables]:
    """Rough schedules with chiplets counted in each way, then again in the better one. How many there were, and the
    last pipelines that they were made of."""
    ready, request = pieces.ready, best.request
    bound = lower_bound(ready, request.objective)
    joule_s = _joule_s(best, LATER * bound.latency_s, bound.energy_j)
    slots = slots_of(ready.package) if pieces.largest > 1 else slots_of(ready.package)[:1]  # single ones find a place
    tried = [Boards(pieces, each) for each in slots]
    tables, made, found = _tables(best, tried[0], joule_s, 0), 0, list[tuple[Worth, int]]()
    for number in range(ROUNDS):
        at = number if number < len(tried) else min(found)[1]
        tables = tables if number == 0 else _tables(best, tried[at], joule_s, number)
        worth, more = _sketched(best, tables, joule_s, number)
        made, found = made + more, [*found, (worth, at)]
        if best.schedule is None or until(request, best.started_s, BEFORE_NEXT_ROUND).out_of_time:
            break
        joule_s = joule_worth_s(best)
        if abs(joule_s - tables.joule_s) <= NEAR * tables.joule_s and number + 1 >= len(tried):
            break
    if best.worth.missed:  # then nothing counts but time, or joules
        for share in (LITTLE, 1 / LITTLE) if limits_the_whole(ready.problem.scenario) else (LITTLE,):
            only = _tables(best, tried[min(found)[1]], share * joule_s, ROUNDS)
            made += _sketched(best, only, share * joule_s, ROUNDS)[1]
    return made, tables


def _tables(best: Best, boards: Boards, joule_s: float, number: int) -> Tables:
    """Pipelines at one worth of a joule."""
    request = best.request

    def enough() -> bool:
        return until(request, best.started_s, BEFORE_OTHER_PIPELINES).out_of_time

    def told(task: int) -> None:
        best.tell(min(58, number * 20 + 5), f"pipelines of {boards.ready.tasks[task].name}")

    return Tables(boards, parts_of_all(boards, joule_s, request.jobs, enough, told), joule_s, [])


def _sketched(best: Best, tables: Tables, joule_s: float, number: int) -> tuple[Worth, int]:
    """Windows at one worth of a joule, and again with what is known then; the best one's worth, and how many rough
    schedules there were."""
    best.tell(min(59, number * 20 + 15), "windows")
    made, least = 0, NO_WORTH
    for _ in range(WALKS):
        rough = rough_schedules(tables, joule_s)
        made += len(rough)
        for sketch in rough[:FINALISTS]:
            least = min(least, keep_draft(best, drafted(tables, sketch), "windows by prices"))
            if best.request.out_of_time:
                return least, made
    return least, made


def rough_schedules(tables: Tables, joule_s: float) -> list[Sketch]:
    """Rough schedules at one worth of a joule, best first."""
    ready = tables.boards.ready
    market = Market(tables.parts, tables.boards.slots, chains_of(ready), ready.rates.dram_bytes_s, joule_s)
    return sketches(market, tables.known, parents_of(ready.problem), deadlines_s(ready.problem.scenario))


def joule_worth_s(best: Best) -> float:
    """What a joule is worth in seconds at the best schedule so far."""
    return _joule_s(best, *best.judge.totals(best.schedule.windows if best.schedule is not None else ()))


def _joule_s(best: Best, latency_s: float, energy_j: float) -> float:
    """What a joule is worth in seconds, by the objective's slopes at a point; a little where it is worth nothing."""
    per_s, per_j = slopes(best.request.objective, latency_s, energy_j)
    even = latency_s / energy_j
    return min(even / LITTLE, max(LITTLE * even, per_j / per_s if per_s > 0 else math.inf))


def drafted(tables: Tables, sketch: Sketch) -> Draft:
    """A rough schedule with its stages."""
    windows = []
    for shares in sketch.windows:
        made = []
        for share in shares:
            own, at = tables.parts[share.task], (share.start, share.end, share.slot)
            how = int(own.micro_batch[at]), int(own.cap[at]), int(own.price[at]), int(own.turn[at])
            stages = stages_made(tables.boards, share.task, (share.start, share.end), how, tables.joule_s)
            made.append(PipelineDraft(share.task, int(own.cuts[share.start]), how[0], tuple(stages)))
        windows.append(tuple(made))
    return tuple(windows)
