"""Find a task's windows, stages, regions and partitions: dynamic programs on the tables, then exact improvement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from chipweave.evaluation.law import micro_batches, pipeline_s
from chipweave.evaluation.tables import regions_kernel as stage
from chipweave.evaluation.tables.regions import Ground, line_of, stage_tables, unit_tables
from chipweave.evaluation.tables.regions_kernel import Line, UnitTables
from chipweave.ndarrays import Floats, Ints
from chipweave.schedulers.cuts import task_cuts
from chipweave.schedulers.draft import Draft, DraftCosts, DraftStage, DraftWindow
from chipweave.schedulers.scope import kernel
from chipweave.schedulers.scope.kernel import Board, Windows
from chipweave.schedulers.scope.polish import SearchSpace
from chipweave.schedulers.search import Progress, Request

LONGEST = 40
"""Units that share a stage on a part of the package, at most; a stage on the whole package may have any number."""
CAP_GROWTH = 1.25
FINER_CAPS = 16
SLOWEST, FASTEST = 2.0, 16.0
"""Times of the slowest stage that are tried: from so many times all work on all chiplets to that fraction of it."""
MOST_WINDOWS = 40
MOST_CUTS = 64
"""Units before which windows may begin in the tables, at most; where they begin is improved afterwards."""
FINALISTS = 4
"""Candidates that are evaluated exactly; the best is improved."""


@dataclass(frozen=True)
class Level:
    """One micro-batch: its tables, for regions of every size and for the whole package."""

    micro_batch: int
    units: UnitTables
    table: Floats
    whole: Floats
    caps_s: Floats
    line: Line


@dataclass(frozen=True)
class Candidate:
    """A draft with its estimated cost."""

    latency_s: float
    energy_j: float
    draft: Draft


def levels_of(ground: Ground, sizes: Sequence[int], single: bool, request: Request) -> list[Level]:
    """The tables of the micro-batches, of the first at least; with `single`, of stages of one unit only."""

    def made(size: int) -> Level | None:
        return None if request.out_of_time else level(ground, size, single)

    name = ground.ready.tasks[ground.task].name
    found = [level(ground, sizes[0], single)]  # it works out what all have in common
    with ThreadPoolExecutor(request.jobs) as pool:
        for number, each in enumerate(pool.map(made, sizes[1:]), start=1):
            request.progress(Progress(number, len(sizes), None, f"{name}: micro-batch {sizes[number]}"))
            found += [] if each is None else [each]
    return found


def level(ground: Ground, micro_batch: int, single: bool) -> Level:
    """The tables of a micro-batch; with `single`, of stages of one unit only."""
    units, last = len(ground.model.units), len(ground.sizes) - 1
    made = unit_tables(ground, micro_batch)
    limit_s = (
        SLOWEST * float(np.min(made.compute_s * ground.sizes[None, :, None], axis=(1, 2)).sum()) / ground.sizes[-1]
    )
    line = line_of(ground, micro_batch)
    table = stage_tables(ground, made, line, range(last + 1), 1 if single else min(LONGEST, units), limit_s)
    whole = stage_tables(ground, made, line, [last], 1 if single else units, np.inf)
    return Level(micro_batch, made, table, whole, _caps_s(table[:, 0], ground.sizes), line)


def _caps_s(single: Floats, sizes: Ints) -> Floats:
    """Times of the slowest stage that are tried, from what any single unit takes down to a share of all work."""
    terms = (stage.EXCHANGE_S, stage.COMPUTE_S, stage.STREAMS_S, stage.GATHER_S)
    slowest_s = np.sum([single[:, :, term] for term in terms], axis=0).min(axis=1)
    work_s = np.min(single[:, :, stage.PACE_S] * sizes, axis=1)
    fits = np.isfinite(slowest_s)  # with a large micro-batch not every unit does
    if not fits.any():
        return np.array([np.inf])
    all_work_s = float(work_s[fits].sum() / sizes[-1])
    most_s = max(SLOWEST * all_work_s, 2 * float(slowest_s[fits].max()))
    steps = int(np.ceil(np.log(most_s * FASTEST / all_work_s) / np.log(CAP_GROWTH)))
    return np.concatenate(([np.inf], most_s / CAP_GROWTH ** np.arange(steps)))


@dataclass
class _Best:
    """Per window of units i to e - 1, the least cost met and how it was made."""

    windows: Windows
    level: Ints
    whole: Ints


def candidates(
    ground: Ground, levels: Sequence[Level], space: SearchSpace, price: float, jobs: int = 1
) -> list[Candidate]:
    """Drafts that minimise latency + price * energy by the tables: the best for each number of windows that pays.

    Threads take a micro-batch each; the result does not depend on how many there are.
    """
    with ThreadPoolExecutor(jobs) as pool:
        each = list(pool.map(lambda level: _best_of(ground, space, level, price), levels))
    best = each[0]
    for number, made in enumerate(each[1:], start=1):
        better = made.windows.cost < best.windows.cost
        for into, values in zip(best.windows, made.windows, strict=True):
            into[better] = values[better]
        best.level[better], best.whole[better] = number, made.whole[better]
    return _cut_into_windows(best, ground, space, levels, price)


def _best_of(ground: Ground, space: SearchSpace, level: Level, price: float) -> _Best:
    """The windows at one micro-batch, its number counted as 0."""
    best, units = _empty(len(ground.model.units)), len(ground.model.units)
    ends = np.array([units]) if space.windows == 1 else task_cuts(ground, MOST_CUTS)[:0:-1]
    for whole in (False, True):
        if space.whole_package and not whole:
            continue
        before = best.windows.cost.copy()
        board = _board(ground, space, level, whole)
        kernel.windows(board, np.array([np.inf]) if whole else level.caps_s, price, ends, best.windows)
        better = best.windows.cost < before
        best.level[better], best.whole[better] = 0, whole
    return best


def _empty(units: int) -> _Best:
    shape = (units + 1, units + 1)
    costs, numbers = [np.full(shape, np.inf) for _ in range(3)], [np.full(shape, -1) for _ in range(3)]
    return _Best(Windows(costs[0], costs[1], costs[2], numbers[0]), numbers[1], numbers[2])


def _board(ground: Ground, space: SearchSpace, level: Level, whole: bool) -> Board:
    """The stages that a space allows, and the numbers of their regions' sizes."""
    table = level.whole if whole else level.table
    many = len(ground.sizes)
    if space.one_unit_a_stage:
        table = np.ascontiguousarray(table[:, :1])
    return Board(table, np.arange(many - 1 if whole else 0, many), level.units.need, ground.crossing, level.line)


def _cut_into_windows(
    best: _Best, ground: Ground, space: SearchSpace, levels: Sequence[Level], price: float
) -> list[Candidate]:
    """The best cut for each number of windows that is better than all smaller numbers."""
    units = len(ground.model.units)
    most = min(space.windows or MOST_WINDOWS, units)
    value = np.full((most + 1, units + 1), np.inf)
    came = np.zeros((most + 1, units + 1), np.int64)
    value[0, 0] = 0.0
    for count in range(1, most + 1):
        total = value[count - 1][:, None] + best.windows.cost
        came[count] = np.argmin(total, axis=0)
        value[count] = np.min(total, axis=0)
    found: list[list[tuple[int, int]]] = []
    least = np.inf
    for count in range(1, most + 1):
        if not value[count, units] < least:
            continue
        least = value[count, units]
        cuts: list[tuple[int, int]] = []
        at = units
        for step in range(count, 0, -1):
            cuts.append((int(came[step, at]), at))
            at = int(came[step, at])
        cuts.reverse()
        found.append(cuts)
    # Numbers of windows share most of their windows.
    window = cache(lambda cut: _window(best, ground, space, levels, cut, price))
    return [
        Candidate(
            float(sum(best.windows.latency_s[cut] for cut in cuts)),
            float(sum(best.windows.energy_j[cut] for cut in cuts)),
            tuple(window(cut) for cut in cuts),
        )
        for cuts in found[::-1][:FINALISTS]
    ]


def _window(
    best: _Best, ground: Ground, space: SearchSpace, levels: Sequence[Level], cut: tuple[int, int], price: float
) -> DraftWindow:
    level, whole = levels[best.level[cut]], bool(best.whole[cut])
    board = _board(ground, space, level, whole)
    cap_s = np.inf
    if not whole:
        caps_s = float(level.caps_s[best.windows.cap[cut]]) / CAP_GROWTH ** (np.arange(FINER_CAPS) / FINER_CAPS)
        tried = _empty(len(ground.model.units)).windows
        kernel.windows(board, caps_s, price, np.array([cut[1]]), tried)
        cap_s = float(caps_s[tried.cap[cut]])
    stages = kernel.window_stages(board, cut[0], cut[1], cap_s, price)
    sizes = _spread(stages, board.table, ground.sizes[board.chosen], level.line)
    draft = []
    for (first, end, _), s in zip(stages, sizes, strict=True):
        terms, size = board.table[first, end - first - 1, s], board.chosen[s]
        run = stage.Run(first, size, ground.sizes[size], int(terms[stage.MODE]))
        partitions = stage.partitions_of(level.units, run, end - first, int(terms[stage.LAST]), level.line)
        draft.append(DraftStage(int(end), int(ground.sizes[size]), tuple(int(p) for p in partitions)))
    return DraftWindow(cut[0], level.micro_batch, tuple(draft))


def _spread(stages: Ints, table: Floats, sizes: Ints, line: Line) -> list[int]:
    """Chiplets that are left go where they shorten the window most, chiplet for chiplet."""
    chosen = [int(s) for s in stages[:, 2]]
    k = micro_batches(line.batch, line.micro_batch)

    def times(j: int, s: int) -> tuple[float, float]:
        """Of stage j on size s, without what it brings in and sends out."""
        terms = table[stages[j, 0], stages[j, 1] - stages[j, 0] - 1, s]
        if not np.isfinite(terms[stage.PACE_S]):
            return np.inf, np.inf
        fill_s, steady_s = stage.times(terms, 0.0, 0.0, 0.0, 0.0, False, line)
        return float(fill_s), steady_s

    while True:
        left = int(sizes.max()) - int(sum(sizes[s] for s in chosen)) if len(sizes) > 1 else 0
        now = [times(j, s) for j, s in enumerate(chosen)]
        slowest = max(steady for _, steady in now)
        gains = []
        for j, s in enumerate(chosen):
            if s + 1 < len(sizes) and sizes[s + 1] - sizes[s] <= left:
                fill_s, steady_s = times(j, s + 1)
                if not np.isfinite(fill_s):
                    continue
                others = max((steady for i, (_, steady) in enumerate(now) if i != j), default=0.0)
                gain = pipeline_s(now[j][0], slowest, k) - pipeline_s(fill_s, max(others, steady_s), k)
                gains.append((gain / float(sizes[s + 1] - sizes[s]), -j))
        if not gains or max(gains)[0] <= 0:
            return chosen
        chosen[-max(gains)[1]] += 1


def evaluated(
    some: Sequence[Candidate], exact: DraftCosts, space: SearchSpace, value: Callable[[float, float], float]
) -> list[Draft]:
    """The candidates with the best estimates that fit L2, best first by their exact cost."""
    scored: list[tuple[float, int, Draft]] = []
    for candidate in sorted(some, key=lambda each: value(each.latency_s, each.energy_j))[:FINALISTS]:
        draft = candidate.draft
        if space.micro_batch is None:
            draft = tuple(_fitting(window, exact) for window in draft)
        cost = exact.cost(draft)
        if cost is not None:
            scored.append((value(*cost), len(scored), draft))
    return [draft for _, _, draft in sorted(scored)]


def _fitting(window: DraftWindow, exact: DraftCosts) -> DraftWindow:
    """The window with the largest micro-batch, halved as often as needed, that fits L2 (1 always does)."""
    while exact.window(window) is None:
        window = replace(window, micro_batch=window.micro_batch // 2)
    return window
