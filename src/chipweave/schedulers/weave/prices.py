"""What chiplets, DRAM and a task's own time are worth: prices under which tasks may be planned one by one.

With prices lambda_c per chiplet-second of group c, mu per second of DRAM and nu per second of a chain of tasks that wait
for each other, sum_c N_c lambda_c + mu + sum nu = 1, every window of T seconds is worth at least what its pipelines pay:
a pipeline of n chiplets that takes P <= T pays n lambda P and nu P, and its DRAM bytes mu D / B. So the cheapest way to
pay for each task, added up, estimates what a second of the whole schedule, and a joule at its price, add up to.
The best prices make that as large as it can be: a linear program, whose rows are the plans met so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from chipweave.ndarrays import Floats
from chipweave.schedulers.weave.lines import Slots
from chipweave.schedulers.weave.parts import Parts

ROUNDS = 40
"""Plans of all tasks, at most, that the prices are found from."""

CLOSE = 1e-3
"""Relative distance to the best prices' value at which the search for them ends."""


@dataclass(frozen=True)
class Prices:
    """Of a second of a group's chiplets, a step of them, of a second of DRAM, and of a second of each task.

    Args:
        to_go: per task [cut] what is paid from a cut to the task's end.
    """

    chiplet: Floats
    dram: float
    task: Floats
    to_go: tuple[Floats, ...]

    @property
    def value(self) -> float:
        """What all tasks pay."""
        return float(sum(each[0] for each in self.to_go))


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


def paid(market: Market, task: int, chiplet: Floats, dram: float, own: float) -> Floats:
    """[start, end, slot] what pipelines of each part of a task pay, joules included."""
    parts = market.parts[task]
    held = market.slots.steps @ chiplet
    exists = np.isfinite(parts.latency_s)
    seconds, bytes_, joules = (
        np.where(exists, each, 0.0) for each in (parts.latency_s, parts.dram_bytes, parts.energy_j)
    )
    cost = (held + own) * seconds + dram / market.dram_bytes_s * bytes_ + market.joule_s * joules
    return np.where(exists, cost, np.inf)


def to_go(paid_: Floats) -> Floats:
    """[cut] the cheapest way from each cut to the end."""
    last = len(paid_) - 1
    found = np.zeros(last + 1)
    for at in range(last - 1, -1, -1):
        found[at] = np.min(paid_[at, at + 1 :] + found[at + 1 :])
    return found


def _plan(market: Market, task: int, chiplet: Floats, dram: float, own: float) -> tuple[Floats, Floats]:
    """The cheapest plan of a task as what it takes: chiplet-seconds by class, DRAM seconds, seconds, joules' worth; and
    the costs to go."""
    parts, by_slot = market.parts[task], paid(market, task, chiplet, dram, own)
    paid_ = by_slot.min(axis=2)
    going = to_go(paid_)
    taken, at, last = np.zeros(len(market.slots.groups) + 3), 0, len(going) - 1
    while at < last:
        end = at + 1 + int(np.argmin(paid_[at, at + 1 :] + going[at + 1 :]))
        choice = at, end, int(np.argmin(by_slot[at, end]))
        seconds = parts.latency_s[choice]
        taken[:-3] += market.slots.steps[choice[2]] * seconds
        taken[-3:] += parts.dram_bytes[choice] / market.dram_bytes_s, seconds, market.joule_s * parts.energy_j[choice]
        at = end
    return taken, going


def best_prices(market: Market) -> Prices:
    """The prices under which the tasks together pay most, by cutting planes."""
    counts = market.slots.most.astype(np.float64)
    classes, chains, tasks = len(counts), len(market.chains), len(market.parts)
    width = classes + 1 + chains
    within = np.concatenate((counts, np.ones(1 + chains), np.zeros(tasks)))
    rows: list[Floats] = []
    limits: list[float] = []
    prices = np.concatenate((np.full(classes, 0.5 / counts.sum()), [0.25], np.full(chains, 0.25 / chains)))
    best, bound = None, np.inf
    for _ in range(ROUNDS):
        goings = []
        for task in range(tasks):
            chain = np.array([task in tasks_ for tasks_ in market.chains], dtype=float)
            own = float(prices[classes + 1 :] @ chain)
            taken, going = _plan(market, task, prices[:classes], prices[classes], own)
            goings.append(going)
            row = np.zeros(width + tasks)
            row[: classes + 1] = -taken[: classes + 1]
            row[classes + 1 : width] = -taken[-2] * chain
            row[width + task] = 1.0
            rows.append(row)
            limits.append(taken[-1])
        owns = np.array([sum(prices[classes + 1 + n] for n, c in enumerate(market.chains) if task in c) for task in range(tasks)])
        made = Prices(prices[:classes], float(prices[classes]), owns, tuple(goings))
        if best is None or made.value > best.value:
            best = made
        if best.value >= bound * (1 - CLOSE):
            break
        gain = np.concatenate((np.zeros(width), -np.ones(tasks)))
        solved = linprog(
            gain, np.array([within, *rows]), np.array([1.0, *limits]), bounds=[(0, None)] * width + [(None, None)] * tasks
        )
        bound = -float(solved.fun)
        # Between the best so far and the program's own, so that the prices do not jump.
        prices = solved.x[:width]
    assert best is not None
    return best
