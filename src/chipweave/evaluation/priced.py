"""What has a price in a proof: chiplets of each class, the DRAM, and chains of tasks that wait for each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.ndarrays import Floats
from chipweave.plan.problem import chain_to, parents_of

ROUNDING = 1e-9
"""Relative: by so much each line is lowered. Sums of some ten thousand doubles are off by less than 1e-11."""


class Priced(NamedTuple):
    """Chiplets of each class, the DRAM, and each chain of tasks, in this order.

    Args:
        supply: how much there is of each; worth: what a second of all of them is worth at a line's weights.
    """

    chains: tuple[tuple[int, ...], ...]
    supply: Floats
    worth: float

    @property
    def classes(self) -> int:
        return len(self.supply) - 1 - len(self.chains)

    @property
    def even(self) -> Floats:
        """Prices of that worth, the same of every chiplet."""
        counts = self.supply[: self.classes]
        return np.concatenate((np.full(self.classes, self.worth / counts.sum()), np.zeros(1 + len(self.chains))))

    def own(self, task: int, prices: Floats) -> float:
        """The price of a second of a task: of all chains that it is in."""
        return float(sum(prices[self.classes + 1 + at] for at, each in enumerate(self.chains) if task in each))

    def of_chains(self, task: int, seconds: float) -> list[float]:
        """A task's seconds, for each chain that it is in."""
        return [seconds if task in chain else 0.0 for chain in self.chains]


def priced(ready: Prepared, latency: float, joule: float) -> Priced:
    """What there is in a package, for lines with these weights."""
    chains = chains_of(ready)
    worth = latency + joule * ready.rates.static_w if ready.detailed else latency
    return Priced(chains, np.array([*ready.package.class_counts, *([1] * (1 + len(chains)))], dtype=np.float64), worth)


def chains_of(ready: Prepared) -> tuple[tuple[int, ...], ...]:
    """Tasks that wait for each other, from one that waits for none to one that none waits for."""
    waited_for = parents_of(ready.problem)
    return tuple(chain_to(ready.problem, last) for last in range(len(waited_for)) if last not in waited_for)
