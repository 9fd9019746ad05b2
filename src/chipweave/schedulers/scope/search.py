"""Find a task's windows, stages, regions and partitions: dynamic programs on the tables, then exact improvement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from chipweave.evaluation.tables import regions_kernel as stage
from chipweave.evaluation.tables.regions import Floats, Ground, Ints, UnitTables, constants, stage_tables, unit_tables
from chipweave.schedulers.draft import Draft, DraftStage, DraftWindow, Exact
from chipweave.schedulers.scope import kernel
from chipweave.schedulers.scope.polish import SearchSpace

LONGEST = 40
"""Units that share a stage on a part of the package, at most; a stage on the whole package may have any number."""
CAP_GROWTH = 1.2
FINER_CAPS = 16
SLOWEST, FASTEST = 2.0, 16.0
"""Times of the slowest stage that are tried: from so many times all work on all chiplets to that fraction of it."""
MOST_WINDOWS = 40
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
    numbers: Floats


@dataclass(frozen=True)
class Candidate:
    """A draft with its estimated cost."""

    latency_s: float
    energy_j: float
    draft: Draft


def micro_batches(batch: int, only: int | None) -> list[int]:
    """Powers of two and the whole batch; steps between them are left to the exact improvement."""
    if only is not None:
        return [min(only, batch)]
    sizes = {1 << power for power in range(5) if 1 << power <= batch}
    return sorted(sizes | {min(batch, 64)})


def level(ground: Ground, micro_batch: int, single: bool) -> Level:
    """The tables of a micro-batch; with `single`, of stages of one unit only."""
    units, last = len(ground.model.units), len(ground.sizes) - 1
    made = unit_tables(ground, micro_batch)
    limit_s = (
        SLOWEST * float(np.min(made.compute_s * ground.sizes[None, :, None], axis=(1, 2)).sum()) / ground.sizes[-1]
    )
    table = stage_tables(ground, made, micro_batch, range(last + 1), 1 if single else min(LONGEST, units), limit_s)
    whole = stage_tables(ground, made, micro_batch, [last], 1 if single else units, np.inf)
    return Level(micro_batch, made, table, whole, _caps_s(table[:, 0], ground.sizes), constants(ground, micro_batch))


def _caps_s(single: Floats, sizes: Ints) -> Floats:
    """Times of the slowest stage that are tried, from what any single unit takes down to a share of all work."""
    slowest_s = (single[:, :, stage.SERIAL] + single[:, :, stage.WEIGHTS_S] + single[:, :, stage.SPILL_S]).min(
        axis=1
    )
    work_s = np.min(single[:, :, stage.PACE] * sizes, axis=1)
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

    cost: Floats
    latency_s: Floats
    energy_j: Floats
    cap: Ints
    level: Ints
    whole: Ints


def candidates(ground: Ground, levels: Sequence[Level], space: SearchSpace, price: float) -> list[Candidate]:
    """Drafts that minimise latency + price * energy by the tables: the best for each number of windows that pays."""
    best = _empty(len(ground.model.units))
    for number, each in enumerate(levels):
        _improve(best, ground, space, each, number, price)
    return _cut_into_windows(best, ground, space, levels, price)


def _empty(units: int) -> _Best:
    shape = (units + 1, units + 1)
    costs, numbers = [np.full(shape, np.inf) for _ in range(3)], [np.full(shape, -1) for _ in range(3)]
    return _Best(*costs, *numbers)


def _improve(best: _Best, ground: Ground, space: SearchSpace, level: Level, number: int, price: float) -> None:
    units = len(ground.model.units)
    ends = [units] if space.windows == 1 else range(units, 0, -1)
    for whole in (False, True):
        if space.whole_package and not whole:
            continue
        before = best.cost.copy()
        _lower(best, ground, space, level, whole, np.array([np.inf]) if whole else level.caps_s, price, ends)
        better = best.cost < before
        best.level[better], best.whole[better] = number, whole


def _lower(
    best: _Best,
    ground: Ground,
    space: SearchSpace,
    level: Level,
    whole: bool,
    caps_s: Floats,
    price: float,
    ends: Sequence[int],
) -> None:
    """Lower the costs of the windows that end at `ends`, under each cap."""
    table, chosen = _table(ground, space, level, whole)
    kernel.windows(
        caps_s, price, table, chosen, ground.sizes, level.units.need, ground.crossing, ground.spans, level.numbers,
        np.array(ends, dtype=np.int64), best.cost, best.latency_s, best.energy_j, best.cap,
    )  # fmt: skip


def _table(ground: Ground, space: SearchSpace, level: Level, whole: bool) -> tuple[Floats, Ints]:
    """The stages that a space allows, and the numbers of their regions' sizes."""
    table = level.whole if whole else level.table
    many = len(ground.sizes)
    chosen = np.arange(many - 1 if whole else 0, many)
    return (np.ascontiguousarray(table[:, :1]) if space.one_unit_a_stage else table), chosen


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
        total = value[count - 1][:, None] + best.cost
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
            float(sum(best.latency_s[cut] for cut in cuts)),
            float(sum(best.energy_j[cut] for cut in cuts)),
            tuple(window(cut) for cut in cuts),
        )
        for cuts in found[::-1][:FINALISTS]
    ]


def _window(
    best: _Best, ground: Ground, space: SearchSpace, levels: Sequence[Level], cut: tuple[int, int], price: float
) -> DraftWindow:
    level, whole = levels[best.level[cut]], bool(best.whole[cut])
    table, chosen = _table(ground, space, level, whole)
    cap_s = np.inf
    if not whole:
        caps_s = float(level.caps_s[best.cap[cut]]) / CAP_GROWTH ** (np.arange(FINER_CAPS) / FINER_CAPS)
        tried = _empty(len(ground.model.units))
        _lower(tried, ground, space, level, whole, caps_s, price, [cut[1]])
        cap_s = float(caps_s[tried.cap[cut]])
    stages = kernel.window_stages(
        cut[0], cut[1], cap_s, price, table, chosen, ground.sizes, level.units.need, ground.crossing, ground.spans,
        level.numbers,
    )  # fmt: skip
    sizes = _spread(stages, table, ground.sizes[chosen], level.numbers)
    draft = []
    for (first, end, _), s in zip(stages, sizes, strict=True):
        terms, t = table[first, end - first - 1, s], level.units
        chiplets = int(ground.sizes[chosen[s]])
        partitions = stage.partitions_of(
            first, end - first, chosen[s], chiplets, int(terms[stage.MODE]), int(terms[stage.LAST]), t.compute_s,
            t.inner_s, t.chain_s, t.skip, t.skip_s, t.live, t.weights, t.largest, t.copied, t.copied_layers, t.energy_j,
            level.numbers,
        )  # fmt: skip
        draft.append(DraftStage(int(end), chiplets, tuple(int(p) for p in partitions)))
    return DraftWindow(cut[0], level.micro_batch, tuple(draft))


def _spread(stages: Ints, table: Floats, sizes: Ints, numbers: Floats) -> list[int]:
    """Chiplets that are left go where they shorten the window most, chiplet for chiplet."""
    chosen = [int(s) for s in stages[:, 2]]
    rounds = numbers[stage.MICRO_BATCHES] - 1

    def times(j: int, s: int) -> tuple[float, float]:
        terms = table[stages[j, 0], stages[j, 1] - stages[j, 0] - 1, s]
        fill_s = terms[stage.SERIAL] + terms[stage.RESIDENT_S] + terms[stage.WEIGHTS_S]
        return float(fill_s), float(max(terms[stage.PACE], terms[stage.WEIGHTS_S]))

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
                gain = now[j][0] - fill_s + rounds * (slowest - max(others, steady_s))
                gains.append((gain / float(sizes[s + 1] - sizes[s]), -j))
        if not gains or max(gains)[0] <= 0:
            return chosen
        chosen[-max(gains)[1]] += 1


def evaluated(
    some: Sequence[Candidate], exact: Exact, space: SearchSpace, value: Callable[[float, float], float]
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


def _fitting(window: DraftWindow, exact: Exact) -> DraftWindow:
    """The window with the largest micro-batch, halved as often as needed, that fits L2 (1 always does)."""
    while exact.window(window) is None:
        window = replace(window, micro_batch=window.micro_batch // 2)
    return window
