"""Find a task's windows, stages, regions and partitions: dynamic programs on the tables, then exact improvement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from chipweave.schedule.problem import micro_batch_candidates
from chipweave.schedulers.scope import kernel
from chipweave.schedulers.scope.draft import Draft, DraftStage, DraftWindow, Exact
from chipweave.schedulers.scope.polish import Space, polish
from chipweave.schedulers.scope.tables import Floats, Ground, Ints, UnitTables, constants, stage_tables, unit_tables

LONGEST = 40
"""Units that share a stage on a part of the package, at most; a stage on the whole package may have any number."""
CAPS = 36
CAP_GROWTH = 1.12
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
        work = np.min(table[:, 0, :, kernel.PACE] * ground.sizes[every], axis=1).sum() / ground.sizes[-1]
        caps_s = 4 * work / CAP_GROWTH ** np.arange(CAPS)
        yield Level(micro_batch, made, table, whole, caps_s, np.array(every, dtype=np.int64))


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
    none = np.full(shape, -1)
    return _Best(np.full(shape, np.inf), np.full(shape, np.inf), np.full(shape, np.inf), none, none.copy(), none.copy())


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
    cap_s = np.inf if whole else float(level.caps_s[best.cap[cut]])
    numbers = constants(ground, level.micro_batch)
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
) -> tuple[Draft, float, float] | None:
    """The best of the candidates, evaluated exactly and improved: (draft, latency_s, energy_j)."""
    scored = []
    for candidate in sorted(candidates, key=lambda c: value(c.latency_s, c.energy_j))[:FINALISTS]:
        cost = exact.cost(candidate.draft)
        if cost is not None:
            scored.append((value(*cost), len(scored), candidate.draft))
    if not scored:
        return None
    draft = polish(min(scored)[2], exact, space, value, rounds)
    cost = exact.cost(draft)
    assert cost is not None
    return draft, *cost


def all_micro_batches(batch: int) -> list[int]:
    """Every micro-batch worth trying."""
    return list(micro_batch_candidates(batch))
