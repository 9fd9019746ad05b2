"""The best prices of what tasks share, by cutting planes: a linear program whose rows are the plans met so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from chipweave.ndarrays import Floats

ROUNDS = 60
"""Plans of all tasks, at most."""

CLOSE = 1e-5
"""Relative distance to the best value at which the search ends."""


class Plan(NamedTuple):
    """A task's cheapest plan: what of each shared thing it takes, and what it pays apart from that."""

    taken: Floats
    apart: float


Oracle = Callable[[Floats], Sequence[Plan]]
"""The cheapest plan of each task under prices of the shared things."""


def best_prices(supply: Floats, worth: float, oracle: Oracle, start: Floats) -> tuple[float, Floats]:
    """(value, prices): the prices, with `supply @ prices` the worth, under which the tasks together pay most.

    Args:
        supply: [thing] how much there is of each; start: prices of that worth to begin with.
    """
    from scipy.optimize import linprog  # takes half a second, which commands without a proof need not wait for

    things = len(supply)
    prices, best, most, bound = start, start, -np.inf, np.inf
    rows: list[Floats] = []
    limits: list[float] = []
    for _ in range(ROUNDS):
        plans = oracle(prices)
        value = sum(float(prices @ plan.taken) + plan.apart for plan in plans)
        if value > most:
            most, best = value, prices
        if most >= bound - CLOSE * abs(bound):
            break
        for task, plan in enumerate(plans):
            row = np.zeros(things + len(plans))
            row[:things], row[things + task] = -plan.taken, 1.0
            rows.append(row)
            limits.append(plan.apart)
        tasks = len(plans)
        solved = linprog(
            np.concatenate((np.zeros(things), -np.ones(tasks))),
            np.array([np.concatenate((supply, np.zeros(tasks))), *rows]),
            np.array([worth, *limits]),
            bounds=[(0, None)] * things + [(None, None)] * tasks,
        )
        if solved.x is None:
            break
        bound = -float(solved.fun)
        prices = np.abs(np.maximum(0.0, solved.x[:things]))
        asked = float(supply @ prices)
        if worth == 0 or asked == 0:
            break  # there is nothing to choose
        prices *= worth / asked  # all that there is to pay, and no more for rounding
    return most, best
