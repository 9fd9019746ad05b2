"""Prices and the beam, against every way to run a few small tasks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest

from chipweave.ndarrays import Floats
from chipweave.schedulers.cuts import cuts_of
from chipweave.schedulers.weave.lines import Group, Slots
from chipweave.schedulers.weave.parts import Parts
from chipweave.schedulers.weave.prices import Market, prices_of
from chipweave.schedulers.weave.ways import Paid, cheapest_ways
from chipweave.schedulers.weave.windows import Share, sketches

JOULE_S = 0.5


def market_of(rng: np.random.Generator, chains: list[tuple[int, ...]] | None = None) -> Market:
    """Two tasks of two or three units on three chiplets of one class, or two and one of two classes."""
    groups = (Group(0, ((0, 1, 2),)),) if rng.random() < 0.5 else (Group(0, ((0, 1),)), Group(1, ((2,),)))
    slots = Slots(groups, 1)
    parts = []
    for _ in range(2):
        cuts = int(rng.integers(3, 5))
        shape = (cuts, cuts, len(slots))
        figures = [rng.integers(1, 50, shape).astype(float) for _ in range(3)]
        missing = np.array(rng.random(shape) < 0.2)
        missing[:, :, 0] = True  # no chiplets, no pipeline
        missing[:, :, -1] = False
        missing |= ~np.triu(np.ones(shape[:2], bool), 1)[:, :, None]
        for values in figures:
            values[missing] = np.inf
        ints = [np.zeros(shape, np.int64) for _ in range(4)]
        parts.append(Parts(np.arange(cuts), *figures, *ints))
    return Market(parts, slots, chains or [(0,), (1,)], 2.0, JOULE_S)


def every_window(market: Market, at: tuple[int, ...], waits: bool) -> Iterator[tuple[tuple[int, ...], float, float]]:
    """Where the tasks may be behind one window, its seconds and its joules."""
    last = [len(parts.cuts) - 1 for parts in market.parts]
    choices: list[list[tuple[int, int]]] = []
    for task, start in enumerate(at):
        own = [(start, -1)]
        if not (waits and task == 1 and at[0] < last[0]):
            for end, slot in itertools.product(range(start + 1, last[task] + 1), range(1, len(market.slots))):
                if np.isfinite(market.parts[task].latency_s[start, end, slot]):
                    own.append((end, slot))
        choices.append(own)
    for chosen in itertools.product(*choices):
        running = [(task, end, slot) for task, (end, slot) in enumerate(chosen) if slot >= 0]
        used = sum((market.slots.steps[slot] for _, _, slot in running), np.zeros(len(market.slots.most), np.int64))
        if not running or (used > market.slots.most).any():
            continue
        index = [(market.parts[task], (at[task], end, slot)) for task, end, slot in running]
        seconds = max(float(parts.latency_s[place]) for parts, place in index)
        seconds = max(seconds, sum(float(parts.dram_bytes[place]) for parts, place in index) / market.dram_bytes_s)
        yield tuple(end for end, _ in chosen), seconds, sum(float(parts.energy_j[place]) for parts, place in index)


def least(market: Market, waits: bool) -> float:
    """Seconds and worth of joules of the best schedule, over all of them."""
    last = tuple(len(parts.cuts) - 1 for parts in market.parts)
    best = {last: 0.0}
    for at in sorted(itertools.product(*(range(end + 1) for end in last)), reverse=True):
        if at != last:
            ways = every_window(market, at, waits)
            best[at] = min((s + JOULE_S * j + best[to] for to, s, j in ways), default=math.inf)
    return best[0, 0]


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_prices_are_below_every_schedule_and_the_beam_is_above_and_near(seed: int, waits: bool) -> None:
    market = market_of(np.random.default_rng(seed), [(0, 1)] if waits else None)
    prices, best = prices_of(market), least(market, waits)
    assert prices.value <= best * (1 + 1e-9)
    known, asked = list[Floats](), 0
    for _ in range(3):  # each time with the prices from windows of those found before
        found = sketches(market, known, [None, 0] if waits else [None, None], [math.inf] * 2)
        values = [sketch.latency_s + JOULE_S * sketch.energy_j for sketch in found]
        assert values == sorted(values)
        assert best * (1 - 1e-9) <= values[0] <= 1.5 * best
        for sketch in found:
            check(market, sketch.windows, sketch.latency_s, sketch.energy_j, waits)
        asked += len(found[0].windows) - 1
        assert len(known) == asked


@pytest.mark.parametrize("seed", range(20))
def test_the_cheapest_way_is_the_cheapest_of_all(seed: int) -> None:
    """Every way from every cut to the end is gone through."""
    rng = np.random.default_rng(seed)
    market = market_of(rng)
    parts, last = market.parts[0], len(market.parts[0].cuts) - 1
    each = Paid(rng.random(len(market.slots)), float(rng.random()), float(rng.random()))
    made = cheapest_ways(parts.latency_s, parts.energy_j, parts.dram_bytes, each, 0)

    def paid(place: tuple[int, int, int]) -> float:
        seconds = parts.latency_s[place]
        if not np.isfinite(seconds):
            return math.inf
        apart = each.byte * parts.dram_bytes[place] + each.joule * parts.energy_j[place]
        return float(each.second[place[2]] * seconds + apart)

    def least_of(part: tuple[int, int]) -> float:
        return min(paid((*part, slot)) for slot in range(len(market.slots)))

    for at in range(last):
        ways = [
            sum(map(least_of, itertools.pairwise((at, *some, last))))
            for many in range(last - at)
            for some in itertools.combinations(range(at + 1, last), many)
        ]
        assert made.paid[at] == pytest.approx(min(ways))
        first = paid((at, int(made.end[at]), int(made.slot[at])))
        assert first + made.paid[made.end[at]] == pytest.approx(made.paid[at])


def check(
    market: Market, windows: tuple[tuple[Share, ...], ...], latency_s: float, energy_j: float, waits: bool
) -> None:
    """Every task runs whole and in order, chiplets suffice, and the figures are the sums of the windows'."""
    at, seconds, joules = [0, 0], 0.0, 0.0
    for window in windows:
        used = sum((market.slots.steps[share.slot] for share in window), np.zeros(len(market.slots.most), np.int64))
        assert (used <= market.slots.most).all()
        assert not (waits and any(share.task == 1 for share in window) and at[0] < len(market.parts[0].cuts) - 1)
        places = [(market.parts[share.task], (share.start, share.end, share.slot)) for share in window]
        dram_s = sum(float(parts.dram_bytes[place]) for parts, place in places) / market.dram_bytes_s
        seconds += max(dram_s, *(float(parts.latency_s[place]) for parts, place in places))
        joules += sum(float(parts.energy_j[place]) for parts, place in places)
        for share in window:
            assert share.start == at[share.task]
            at[share.task] = share.end
    assert at == [len(parts.cuts) - 1 for parts in market.parts]
    assert latency_s == pytest.approx(seconds)
    assert energy_j == pytest.approx(joules)


@pytest.mark.parametrize("seed", range(20))
def test_tasks_end_by_their_limits(seed: int) -> None:
    market = market_of(np.random.default_rng(seed))
    free = sketches(market, [], [None, None], [math.inf] * 2)
    limit_s = 0.8 * free[0].latency_s
    for sketch in sketches(market, [], [None, None], [limit_s, math.inf]):
        ends = 0.0
        for window in sketch.windows:
            places = [(market.parts[share.task], (share.start, share.end, share.slot)) for share in window]
            dram_s = sum(float(parts.dram_bytes[place]) for parts, place in places) / market.dram_bytes_s
            ends += max(dram_s, *(float(parts.latency_s[place]) for parts, place in places))
            if any(share.task == 0 for share in window):
                last = ends
        assert last <= limit_s * (1 + 1e-12)


def test_slots_count_through_all_numbers_of_chiplets() -> None:
    slots = Slots((Group(0, ((0, 1, 2),)), Group(0, ((3, 4, 5),)), Group(1, ((6, 7),))), 1)
    assert len(slots) == 4 * 4 * 3
    assert slots.steps[0].tolist() == [0, 0, 0]
    assert slots.steps[1 + 4 * 2 + 16 * 1].tolist() == [1, 2, 1]
    assert slots.turns == ((0, 1, 2), (1, 0, 2))  # the first two are alike
    assert slots.steps[slots.turned((1, 0, 2))].tolist() == slots.steps[:, [1, 0, 2]].tolist()


def test_cuts_are_where_least_crosses() -> None:
    crossing, work = np.array([9.0, 5.0, 1.0, 5.0, 1.0, 9.0, 0.0]), np.ones(6)
    # Two shares of three units each: their inner cuts are 1, 2 and 3, 4, 5.
    assert cuts_of(crossing, work, 2).tolist() == [0, 2, 4, 6]
    assert cuts_of(crossing, work, 6).tolist() == list(range(7))
