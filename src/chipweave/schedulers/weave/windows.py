"""Windows for all tasks by the tables: which part of which task runs beside which, on how many chiplets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chipweave.ndarrays import Floats
from chipweave.schedulers.weave.beam import Game, States, furthest, walk
from chipweave.schedulers.weave.prices import Market, Prices

BUCKETS, WIDTH = 64, 48
"""Steps of progress, and schedules that are kept in each."""

LENGTHS = 32
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


def sketches(market: Market, prices: Prices, parents: Sequence[int | None], limits_s: Sequence[float]) -> list[Sketch]:
    """Rough schedules that lose least against the prices, best first."""
    game = _game(market, prices, parents, limits_s)
    ends = furthest(game)
    tasks = len(market.parts)
    shape = (BUCKETS + 1, WIDTH)
    states = States(
        np.zeros((*shape, tasks), np.int64),
        np.zeros(shape),
        np.zeros(shape),
        np.zeros((*shape, 2), np.int64),
        np.full((*shape, tasks), -1, np.int64),
        np.zeros(BUCKETS + 1, np.int64),
        np.zeros(shape, np.int64),
    )
    walk(game, ends, states)
    places = sorted(range(states.used[BUCKETS]), key=lambda place: float(states.loss_s[BUCKETS, place]))
    return [_sketch(market, states, place) for place in places]


def _game(market: Market, prices: Prices, parents: Sequence[int | None], limits_s: Sequence[float]) -> Game:
    tasks, most = len(market.parts), max(len(parts.cuts) for parts in market.parts)

    def stacked(name: str) -> Floats:
        found = np.full((tasks, most, most, len(market.slots)), np.inf)
        for task, parts in enumerate(market.parts):
            cuts = len(parts.cuts)
            found[task, :cuts, :cuts] = getattr(parts, name)
        return found

    whole_s = prices.value
    going = np.zeros((tasks, most))
    for task, own in enumerate(prices.to_go):
        # A little more for whoever goes on, so that no task waits for ever because its way is free.
        going[task, : len(own)] = own + LURE * whole_s * (1 - np.arange(len(own)) / (len(own) - 1))
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
        prices.dram,
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
