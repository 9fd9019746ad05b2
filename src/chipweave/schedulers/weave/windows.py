"""Windows for all tasks by the tables: which part of which task runs beside which, on how many chiplets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chipweave.ndarrays import Floats
from chipweave.schedulers.weave.beam import Game, States, furthest, walk
from chipweave.schedulers.weave.prices import Market, Prices, paid_at, prices_from, prices_of

BUCKETS, WIDTH = 64, 50
"""Steps of progress, and schedules that are kept in each."""

MOST_KNOWN = 30
"""Prices of parts of schedules that are known from those found before."""

LENGTHS = 48
"""Lengths of windows that are tried, from a share of the whole schedule to all of it."""

SHORTEST = 200
"""The shortest is so many times shorter than all tasks together pay for."""

LURE = 1e-6
"""Of what all tasks pay together, what each gains at least on its whole way."""


class Share(NamedTuple):
    """A task's part of a window: numbers of cuts, and of the slot it runs on."""

    task: int
    start: int
    end: int
    slot: int


Rough = tuple[tuple[Share, ...], ...]
"""A schedule by the tables: the shares of each window."""


class Sketch(NamedTuple):
    """A rough schedule with what the tables say it costs."""

    latency_s: float
    energy_j: float
    windows: Rough


def sketches(
    market: Market, known: list[Floats], parents: Sequence[int | None], limits_s: Sequence[float]
) -> list[Sketch]:
    """Rough schedules that cost least by the tables, best first.

    Where one task has fallen behind, what is left costs more than the prices of the whole say. So prices that are best
    from somewhere on are asked, too.

    Args:
        known: such prices; those from each window of the best schedule on are added, and the oldest ones left out.
    """
    whole = prices_of(market)
    game = _game(market, [whole, *(paid_at(market, each) for each in known)], parents, limits_s)
    found = sorted(_walked(market, game), key=market.worth)
    if found:
        known += [prices_from(market, at, whole).each for at in _ways_to(found[0])]
        del known[:-MOST_KNOWN]
    return found


def _ways_to(sketch: Sketch) -> list[tuple[int, ...]]:
    """Where all tasks are behind each window but for the last one."""
    at = [0] * (1 + max(share.task for shares in sketch.windows for share in shares))
    found = []
    for shares in sketch.windows[:-1]:
        for share in shares:
            at[share.task] = share.end
        found.append(tuple(at))
    return found


def _walked(market: Market, game: Game) -> list[Sketch]:
    """What one beam finds."""
    shape, tasks = (BUCKETS + 1, WIDTH), len(market.parts)
    states = States(
        np.zeros((*shape, tasks), np.int64),
        np.zeros(shape),
        np.zeros(shape),
        np.zeros(shape),
        np.zeros(shape, np.int64),
        np.zeros((*shape, 2), np.int64),
        np.full((*shape, tasks), -1, np.int64),
        np.zeros(BUCKETS + 1, np.int64),
        np.zeros(shape, np.int64),
    )
    walk(game, furthest(game), states)
    return [_sketch(market, states, place) for place in range(states.used[BUCKETS])]


def _game(market: Market, known: Sequence[Prices], parents: Sequence[int | None], limits_s: Sequence[float]) -> Game:
    tasks, most = len(market.parts), max(len(parts.cuts) for parts in market.parts)

    def stacked(name: str) -> Floats:
        found = np.full((tasks, most, most, len(market.slots)), np.inf)
        for task, parts in enumerate(market.parts):
            cuts = len(parts.cuts)
            found[task, :cuts, :cuts] = getattr(parts, name)
        return found

    whole_s = known[0].value
    going = np.zeros((len(known), tasks, most))
    for number, prices in enumerate(known):
        for task, own in enumerate(prices.to_go):
            # A little more for whoever goes on, so that no task waits for ever because its way is free.
            lure = LURE * whole_s * (1 - np.arange(len(own)) / (len(own) - 1))
            going[number, task, : len(own)] = own + lure
    joules = stacked("energy_j")
    return Game(
        stacked("latency_s"),
        np.where(np.isinf(joules), np.inf, market.joule_s * joules),
        stacked("dram_bytes") / market.dram_bytes_s,
        going,
        np.array([len(parts.cuts) - 1 for parts in market.parts]),
        market.slots.steps,
        np.array([-1 if parent is None else parent for parent in parents], dtype=np.int64),
        np.array(limits_s, dtype=np.float64),
        whole_s / SHORTEST * SHORTEST ** (np.arange(LENGTHS) / (LENGTHS - 1)),
        np.array([prices.dram for prices in known]),
    )


def _sketch(market: Market, states: States, place: int) -> Sketch:
    bucket, windows = BUCKETS, []
    latency_s = float(states.elapsed_s[bucket, place])
    joules = 0.0
    while bucket > 0 or int(states.before[bucket, place, 0]) != bucket or states.at[bucket, place].any():
        before = tuple(int(each) for each in states.before[bucket, place])
        shares = []
        for task, slot in enumerate(states.slot[bucket, place]):
            if slot >= 0:
                share = Share(task, int(states.at[before][task]), int(states.at[bucket, place, task]), int(slot))
                shares.append(share)
                joules += float(market.parts[task].energy_j[share.start, share.end, share.slot])
        windows.append(tuple(shares))
        bucket, place = before
    return Sketch(latency_s, joules, tuple(reversed(windows)))
