"""A supporting line by prices that depend on how long a window is (docs/proof.md, "Windows of unlike length")."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from chipweave.evaluation.by_length import Fronts, cheapest_by_length, lengths_near, rates_of, taken_by
from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.pipelines import shapes_of
from chipweave.evaluation.planes import Patience, Plan, best_prices
from chipweave.evaluation.priced import ROUNDING, Priced, priced
from chipweave.evaluation.tables.fronts import Rates
from chipweave.ndarrays import Floats, Ints
from chipweave.plan.certificate import ByLength, Line

LEVELS = ((8, 3e-3, 25), (32, 1e-3, 60))
"""Ranges of lengths, few and many, how close prices come to the best ones of each, and in how many rounds at most. A
range of few is five of many, so that the prices of few are a beginning that says as much."""

REACH, KEPT = 0.2, 30
"""As of `planes.Patience`; and plans of all tasks that were met last, with which the next line begins."""

MOST_OF_DRAM = 0.8
"""The share of the worth that the DRAM may have."""


class Met(NamedTuple):
    """A plan of a task: the seconds that its pipelines pay for, their numbers of chiplets, and all its joules."""

    seconds: Floats
    shapes: Ints
    joules: float


Known = list[list[Met]]
"""Plans of all tasks that were met before."""


class Ground(NamedTuple):
    """What lines are made of.

    Args:
        known, made: more plans and one line more with every line, and every level of the first one.
    """

    ready: Prepared
    fronts: Fronts
    known: Known
    made: list[Line]


def line_by_length(
    ground: Ground, latency: float, joule: float, pool: Executor, enough: Callable[[], bool]
) -> Line | None:
    """The line with these weights by the best prices that were found, of windows in few ranges of lengths or many;
    None where the DRAM, whose bytes have a price in joules, leaves little of the worth for anything else."""
    things = priced(ground.ready, latency, joule)
    if joule * ground.fronts.slopes.byte_j * ground.ready.rates.dram_bytes_s > MOST_OF_DRAM * things.worth:
        return None
    levels = LEVELS[-1:] if ground.made else LEVELS
    for ranges, close, rounds in levels:
        if ranges == levels[0][0] or not enough():
            del ground.known[:-KEPT]
            lengths = _Lengths(ground, things, lengths_near(ground.fronts.reference.latency_s, ranges), joule)
            ground.made.append(_line(lengths, latency, pool, Patience(close, rounds, REACH, enough)))
    return ground.made[-1]


class _Lengths(NamedTuple):
    """Prices of ranges of lengths: [range, thing] of chiplets of each class and of chains."""

    ground: Ground
    things: Priced
    start_s: Floats
    joule: float

    @property
    def dram(self) -> float:
        """The price of a second of the DRAM, which is the same in all windows."""
        rates = self.ground.ready.rates
        return self.joule * self.ground.fronts.slopes.byte_j * rates.dram_bytes_s if rates.detailed else 0.0

    @property
    def worth(self) -> float:
        """What is left of a second for chiplets and chains."""
        return self.things.worth - self.dram

    @property
    def supply(self) -> Floats:
        return np.delete(self.things.supply, self.things.classes)

    @property
    def shapes(self) -> Ints:
        return self.ground.ready.once(shapes_of).chiplets

    @property
    def start(self) -> Floats:
        """Prices to begin with: those of the line before, each range of which is one or some of these; of the first
        line, the same of every chiplet."""
        before = self.ground.made[-1].by_length if self.ground.made else None
        if before is None:
            even = np.zeros((len(self.start_s), len(self.supply)))
            even[:, : self.things.classes] = self.worth / self.supply[: self.things.classes].sum()
            return even.ravel()
        prices = np.hstack((before.chiplet, before.chain))
        first, last = lengths_near(1.0, len(prices)), lengths_near(1.0, len(self.start_s))
        mine: Floats = prices[np.searchsorted(first, last * (1 + 1e-9), side="right") - 1]
        return (mine * (self.worth / (mine @ self.supply))[:, None]).ravel()

    def rates(self, task: int, prices: Floats) -> Rates:
        """What a task's pipelines pay."""
        by_range, classes = prices.reshape(len(self.start_s), -1), self.things.classes
        own = by_range[:, classes:] @ self.things.of_chains(task, 1.0)
        return rates_of(self.start_s, self.shapes, by_range[:, :classes], own, self.joule)

    def way(self, task: int, prices: Floats) -> tuple[float, Met]:
        """What a task pays at least, and how."""
        rates = self.rates(task, prices)
        paid, pieces = cheapest_by_length(self.ground.fronts, task, rates)
        taken = [taken_by(self.ground.fronts, task, rates, piece) for piece in pieces]
        shapes = np.array([piece.shape for piece in pieces], dtype=np.int64)
        return paid, Met(np.array([seconds for seconds, _ in taken]), shapes, sum(joules for _, joules in taken))

    def plan(self, task: int, met: Met) -> Plan:
        """A plan's seconds in the ranges that they are in."""
        taken = np.zeros((len(self.start_s), len(self.supply)))
        ranges = np.searchsorted(self.start_s, met.seconds, side="right") - 1
        chains = np.array(self.things.of_chains(task, 1.0))
        for at, seconds, shape in zip(ranges, met.seconds, met.shapes, strict=True):
            taken[at] += seconds * np.concatenate((self.shapes[shape], chains))
        return Plan(taken.ravel(), self.joule * met.joules)


def _line(lengths: _Lengths, latency: float, pool: Executor, patience: Patience) -> Line:
    """The line by the best prices of these ranges."""
    known, tasks, ranges = lengths.ground.known, range(len(lengths.ground.ready.tasks)), len(lengths.start_s)

    def plans(met: Sequence[Met]) -> list[Plan]:
        return [lengths.plan(task, each) for task, each in enumerate(met)]

    def oracle(prices: Floats) -> list[Plan]:
        known.append([met for _, met in pool.map(lambda task: lengths.way(task, prices), tasks)])
        return plans(known[-1])

    classes = lengths.things.classes
    supply: Floats = np.kron(np.eye(ranges), lengths.supply).astype(np.float64)
    _, prices = best_prices(supply, lengths.worth, oracle, lengths.start, [*map(plans, known)], patience)
    value = sum(lengths.way(task, prices)[0] for task in tasks) * (1 - ROUNDING)
    by_range = [tuple(map(float, each)) for each in prices.reshape(ranges, -1)]
    chiplet, chain = tuple(each[:classes] for each in by_range), tuple(each[classes:] for each in by_range)
    return Line(latency, lengths.joule, value, chiplet[0], lengths.dram, chain[0], True, ByLength(chiplet, chain))
