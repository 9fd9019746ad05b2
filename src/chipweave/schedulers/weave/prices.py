"""What chiplets, DRAM and a task's own time are worth: prices under which tasks may be planned one by one.

Let there be prices lambda_g per chiplet-second of group g, mu per second of DRAM and nu per second of a chain of tasks
that wait for each other, with sum_g N_g lambda_g + mu + sum nu = 1. Then every window of T seconds is worth at least
what its pipelines pay: one of n chiplets that takes P <= T pays n lambda P and nu P, and mu D / B for its DRAM bytes.
So the cheapest way to pay for each task, added up, estimates what the seconds of the whole schedule, and its joules at
their worth, add up to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from chipweave.evaluation.planes import CLOSE, Patience, Plan, best_prices
from chipweave.ndarrays import Floats
from chipweave.schedulers.weave.lines import Slots
from chipweave.schedulers.weave.parts import Parts
from chipweave.schedulers.weave.ways import Paid, Ways, cheapest_ways

NEAR = 1e-3
"""Relative distance to the best prices that is enough where they only guide."""


@dataclass(frozen=True)
class Prices:
    """What each task pays.

    Args:
        each: of a second of each group's chiplet, of DRAM, of each chain; dram: of a second of DRAM.
        to_go: per task [cut] what is paid from a cut to the task's end.
    """

    each: Floats
    dram: float
    to_go: tuple[Floats, ...]

    @property
    def value(self) -> float:
        """What all tasks pay."""
        return float(sum(each[0] for each in self.to_go))


class Costed(Protocol):
    """Whatever has seconds and joules."""

    @property
    def latency_s(self) -> float: ...
    @property
    def energy_j(self) -> float: ...


@dataclass(frozen=True)
class Market:
    """What is to be paid for.

    Args:
        parts: of each task; slots: what pipelines run on.
        chains: tasks that wait for each other, every chain from one that waits for none.
        dram_bytes_s: bandwidth; joule_s: what a joule is worth.
    """

    parts: Sequence[Parts]
    slots: Slots
    chains: Sequence[tuple[int, ...]]
    dram_bytes_s: float
    joule_s: float

    def worth(self, sketch: Costed) -> float:
        """Seconds of a rough schedule, and what its joules are worth."""
        return sketch.latency_s + self.joule_s * sketch.energy_j

    def own(self, task: int, prices: Floats) -> float:
        """The price of a second of a task: of all chains that it is in."""
        first = len(self.slots.groups) + 1
        return float(sum(prices[first + at] for at, chain in enumerate(self.chains) if task in chain))


def prices_of(market: Market) -> Prices:
    """The prices under which the tasks together pay most."""
    things = len(market.slots.groups) + 1 + len(market.chains)
    return _best(market, [0] * len(market.parts), np.full(things, 1.0), CLOSE)


def prices_from(market: Market, begun: Sequence[int], near: Prices) -> Prices:
    """The prices under which what is left of the tasks, from a cut of each on, pays about most; near others."""
    return _best(market, begun, near.each, NEAR)


def _best(market: Market, begun: Sequence[int], near: Floats, close: float) -> Prices:
    supply = np.concatenate((market.slots.most.astype(np.float64), np.ones(1 + len(market.chains))))
    tasks = range(len(market.parts))

    def plans(prices: Floats) -> list[Plan]:
        return [_plan(market, task, prices, begun[task]) for task in tasks]

    _, prices = best_prices(supply, 1.0, plans, near / (supply @ near), patience=Patience(close))
    return paid_at(market, prices)


def paid_at(market: Market, each: Floats) -> Prices:
    """What tasks pay at prices of everything."""
    to_go = tuple(_ways(market, task, each, 0).paid for task in range(len(market.parts)))
    return Prices(each, float(each[len(market.slots.groups)]), to_go)


def _ways(market: Market, task: int, prices: Floats, begin: int) -> Ways:
    """The cheapest ways of a task from the cuts from `begin` on."""
    parts, groups = market.parts[task], len(market.slots.groups)
    second = market.slots.steps @ prices[:groups] + market.own(task, prices)
    each = Paid(second, float(prices[groups]) / market.dram_bytes_s, market.joule_s)
    return cheapest_ways(parts.latency_s, parts.energy_j, parts.dram_bytes, each, begin)


def _plan(market: Market, task: int, prices: Floats, at: int) -> Plan:
    """The cheapest plan of a task from a cut on."""
    parts, groups, ways = market.parts[task], len(market.slots.groups), _ways(market, task, prices, at)
    in_chain = np.array([task in chain for chain in market.chains], dtype=np.float64)
    taken, joules_s, last = np.zeros(len(prices)), 0.0, len(ways.paid) - 1
    while at < last:
        choice = at, int(ways.end[at]), int(ways.slot[at])
        seconds = parts.latency_s[choice]
        taken[:groups] += market.slots.steps[choice[2]] * seconds
        taken[groups] += parts.dram_bytes[choice] / market.dram_bytes_s
        taken[groups + 1 :] += in_chain * seconds
        joules_s += float(market.joule_s * parts.energy_j[choice])
        at = choice[1]
    return Plan(taken, joules_s)
