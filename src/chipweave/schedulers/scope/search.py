"""Find a task's windows, stages, regions and partitions: dynamic programs on the tables, then exact improvement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from chipweave.schedulers.scope import kernel
from chipweave.schedulers.scope.draft import Draft, DraftStage, DraftWindow, Exact
from chipweave.schedulers.scope.polish import Space, polish
from chipweave.schedulers.scope.tables import Floats, Ground, Ints, UnitTables, constants, stage_tables, unit_tables

LONGEST = 40
"""Units that share a stage on a part of the package, at most; a stage on the whole package may have any number."""
CAP_GROWTH = 1.12
FINER_CAPS = 12
MOST_STAGES = 16
"""How much faster than one stage on the whole package the fastest stages tried are."""
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
    chosen: Ints


@dataclass(frozen=True)
class Candidate:
    """A draft with its estimated cost."""

    latency_s: float
    energy_j: float
    draft: Draft


def micro_batches(batch: int, only: int | None) -> list[int]:
    """Powers of two and the whole batch."""
    if only is not None:
        return [min(only, batch)]
    sizes = {1 << power for power in range(8) if 1 << power <= batch}
    return sorted(sizes | ({batch} if batch <= 128 else set()))


def levels(ground: Ground, space: Space, only: int | None) -> Iterator[Level]:
    """The tables of every micro-batch."""
    units = len(ground.model.units)
    last = len(ground.sizes) - 1
    for micro_batch in micro_batches(ground.batch, only):
        made = unit_tables(ground, micro_batch)
        longest = 1 if space.one_unit_a_stage else min(LONGEST, units)
        every = list(range(last + 1)) if not space.whole_package else [last]
        table = stage_tables(ground, made, micro_batch, every, longest)
        whole = table if longest == units else stage_tables(ground, made, micro_batch, [last], units)
        caps_s = _caps_s(table[:, 0], ground.sizes[every])
        yield Level(micro_batch, made, table, whole, caps_s, np.array(every, dtype=np.int64))


def _caps_s(single: Floats, sizes: Ints) -> Floats:
    """Times of the slowest stage that are tried, from what any single unit takes down to a share of all work."""
    slowest_s = (single[:, :, kernel.SERIAL] + single[:, :, kernel.WEIGHTS_S] + single[:, :, kernel.SPILL_S]).min(
        axis=1
    )
    work_s = np.min(single[:, :, kernel.PACE] * sizes, axis=1)
    fits = np.isfinite(slowest_s)  # with a large micro-batch not every unit does
    if not fits.any():
        return np.array([np.inf])
    all_work_s = float(work_s[fits].sum() / sizes[-1])
    most_s = max(4 * all_work_s, 2 * float(slowest_s[fits].max()))
    steps = int(np.ceil(np.log(most_s * MOST_STAGES / all_work_s) / np.log(CAP_GROWTH)))
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


def search(ground: Ground, space: Space, prices: tuple[float, ...], report: Callable[[str], None]) -> list[Candidate]:
    """Drafts for each price of a joule in seconds, the best estimate for each number of windows first.

    Args:
        prices: latency + price * energy is minimised, once for each.
    """
    units = len(ground.model.units)
    made = []
    bests = [_empty(units) for _ in prices]
    for number, level in enumerate(levels(ground, space, space.micro_batch)):
        report(f"micro-batch {level.micro_batch}")
        made.append(level)
        for price, best in zip(prices, bests, strict=True):
            _improve(best, ground, space, level, number, price)
    found = []
    for price, best in zip(prices, bests, strict=True):
        found += _cut_into_windows(best, ground, space, made, price)
    return found


def _empty(units: int) -> _Best:
    shape = (units + 1, units + 1)
    costs, numbers = [np.full(shape, np.inf) for _ in range(3)], [np.full(shape, -1) for _ in range(3)]
    return _Best(*costs, *numbers)


def _improve(best: _Best, ground: Ground, space: Space, level: Level, number: int, price: float) -> None:
    units = len(ground.model.units)
    single = space.windows == 1
    ends = np.array([units] if single else range(units, 0, -1), dtype=np.int64)
    numbers = constants(ground, level.micro_batch)
    runs = []
    if not space.whole_package:
        runs.append((False, level.table, level.chosen, level.caps_s))
    if not space.one_unit_a_stage:
        runs.append((True, level.whole[:, :, -1:], level.chosen[-1:], np.array([np.inf])))
    for whole, table, chosen, caps_s in runs:
        before = best.cost.copy()
        kernel.windows(
            caps_s, price, np.ascontiguousarray(table), chosen, ground.sizes, level.units.need, ground.crossing,
            ground.spans, numbers, ends, best.cost, best.latency_s, best.energy_j, best.cap,
        )  # fmt: skip
        better = best.cost < before
        best.level[better] = number
        best.whole[better] = whole


def _cut_into_windows(best: _Best, ground: Ground, space: Space, made: list[Level], price: float) -> list[Candidate]:
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
    found, least = [], np.inf
    for count in range(1, most + 1):
        if not value[count, units] < least:
            continue
        least = value[count, units]
        cuts, at = [], units
        for step in range(count, 0, -1):
            cuts.append((int(came[step, at]), at))
            at = int(came[step, at])
        cuts.reverse()
        latency_s = float(sum(best.latency_s[cut] for cut in cuts))
        energy_j = float(sum(best.energy_j[cut] for cut in cuts))
        draft = tuple(_window(best, ground, made, cut, price) for cut in cuts)
        found.append(Candidate(latency_s, energy_j, draft))
    return found[::-1][:FINALISTS]


def _window(best: _Best, ground: Ground, made: list[Level], cut: tuple[int, int], price: float) -> DraftWindow:
    level, whole = made[best.level[cut]], bool(best.whole[cut])
    table = np.ascontiguousarray(level.whole[:, :, -1:]) if whole else level.table
    chosen = level.chosen[-1:] if whole else level.chosen
    numbers = constants(ground, level.micro_batch)
    cap_s = np.inf if whole else _finer_cap(best, ground, level, cut, price, numbers)
    stages = kernel.window_stages(
        cut[0],
        cut[1],
        cap_s,
        price,
        table,
        chosen,
        ground.sizes,
        level.units.need,
        ground.crossing,
        ground.spans,
        numbers,
    )
    sizes = _spread(stages, table, ground.sizes[chosen], numbers)
    draft = []
    for (first, end, _), s in zip(stages, sizes, strict=True):
        terms, t = table[first, end - first - 1, s], level.units
        chiplets = int(ground.sizes[chosen[s]])
        partitions = kernel.partitions_of(
            first, end - first, chosen[s], chiplets, int(terms[kernel.MODE]), int(terms[kernel.LAST]), t.compute_s,
            t.inner_s, t.chain_s, t.skip, t.skip_s, t.live, t.weights, t.largest, t.copied, t.copied_layers, t.energy_j,
            numbers,
        )  # fmt: skip
        draft.append(DraftStage(int(end), chiplets, tuple(int(p) for p in partitions)))
    return DraftWindow(cut[0], level.micro_batch, tuple(draft))


def _finer_cap(best: _Best, ground: Ground, level: Level, cut: tuple[int, int], price: float, numbers: Floats) -> float:
    """The best cap of a window between the one found and the next lower."""
    caps_s = float(level.caps_s[best.cap[cut]]) / CAP_GROWTH ** (np.arange(FINER_CAPS) / FINER_CAPS)
    tried = _empty(len(ground.model.units))
    kernel.windows(
        caps_s, price, level.table, level.chosen, ground.sizes, level.units.need, ground.crossing, ground.spans, numbers,
        np.array([cut[1]], dtype=np.int64), tried.cost, tried.latency_s, tried.energy_j, tried.cap,
    )  # fmt: skip
    return float(caps_s[tried.cap[cut]])


def _spread(stages: Ints, table: Floats, sizes: Ints, numbers: Floats) -> list[int]:
    """Chiplets that are left go where they shorten the window most, chiplet for chiplet."""
    chosen = [int(s) for s in stages[:, 2]]
    rounds = numbers[kernel.MICRO_BATCHES] - 1

    def times(j: int, s: int) -> tuple[float, float]:
        terms = table[stages[j, 0], stages[j, 1] - stages[j, 0] - 1, s]
        fill_s = terms[kernel.SERIAL] + terms[kernel.RESIDENT_S] + terms[kernel.WEIGHTS_S]
        return float(fill_s), float(max(terms[kernel.PACE], terms[kernel.WEIGHTS_S]))

    while True:
        left = int(sizes.max()) - int(sum(sizes[s] for s in chosen)) if len(sizes) > 1 else 0
        now = [times(j, s) for j, s in enumerate(chosen)]
        slowest = max(steady for _, steady in now)
        gains = []
        for j, s in enumerate(chosen):
            if s + 1 < len(sizes) and sizes[s + 1] - sizes[s] <= left:
                fill_s, steady_s = times(j, s + 1)
                others = max((steady for i, (_, steady) in enumerate(now) if i != j), default=0.0)
                gain = now[j][0] - fill_s + rounds * (slowest - max(others, steady_s))
                gains.append((gain / float(sizes[s + 1] - sizes[s]), -j))
        if not gains or max(gains)[0] <= 0:
            return chosen
        chosen[-max(gains)[1]] += 1


def finish(
    candidates: list[Candidate], exact: Exact, space: Space, value: Callable[[float, float], float], rounds: int
) -> tuple[Draft, float, float]:
    """The best of the candidates, evaluated exactly and improved: (draft, latency_s, energy_j)."""
    scored: list[tuple[float, int, Draft]] = []
    for candidate in sorted(candidates, key=lambda c: value(c.latency_s, c.energy_j))[:FINALISTS]:
        draft = tuple(_fitting(window, exact) for window in candidate.draft)
        latency_s, energy_j = exact.require(draft)
        scored.append((value(latency_s, energy_j), len(scored), draft))
    draft = polish(min(scored)[2], exact, space, value, rounds)
    return draft, *exact.require(draft)


def _fitting(window: DraftWindow, exact: Exact) -> DraftWindow:
    """The window with the largest micro-batch, halved as often as needed, that fits L2 (1 always does)."""
    while exact.window(window) is None:
        window = replace(window, micro_batch=window.micro_batch // 2)
    return window
