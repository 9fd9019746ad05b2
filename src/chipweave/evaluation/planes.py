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


Plans = Sequence[Plan]
"""One of each task."""

Oracle = Callable[[Floats], Plans]
"""The cheapest plan of each task under prices of the shared things."""


def best_prices(
    supply: Floats, worth: float, oracle: Oracle, start: Floats, known: Sequence[Plans] = (), close: float = CLOSE
) -> tuple[float, Floats]:
    """(value, prices): the prices, with `supply @ prices` the worth, under which the tasks together pay most.

    Args:
        supply: [thing] how much there is of each; start: prices of that worth to begin with.
        known: plans of all tasks that are known before; close: relative distance to the best value that is enough.
    """
    met, prices, best, most, bound = list(known), start, start, -np.inf, np.inf
    if met and worth > 0:
        prices, bound = _dearest(supply, worth, met) or (start, bound)
    for _ in range(ROUNDS):
        plans = oracle(prices)
        value = sum(float(prices @ plan.taken) + plan.apart for plan in plans)
        if value > most:
            most, best = value, prices
        if most >= bound - close * abs(bound) or worth == 0:
            break
        met.append(plans)
        solved = _dearest(supply, worth, met)
        if solved is None:
            break
        prices, bound = solved
    return most, best


def _dearest(supply: Floats, worth: float, met: Sequence[Plans]) -> tuple[Floats, float] | None:
    """The prices under which the tasks pay most if there are no other plans, and what they pay; None: all are 0."""
    from scipy.optimize import linprog  # takes half a second, which commands without a proof need not wait for

    things, tasks = len(supply), len(met[0])
    rows, limits = [np.concatenate((supply, np.zeros(tasks)))], [worth]
    for plans in met:
        for task, plan in enumerate(plans):
            row = np.zeros(things + tasks)
            row[:things], row[things + task] = -plan.taken, 1.0
            rows.append(row)
            limits.append(plan.apart)
    solved = linprog(
        np.concatenate((np.zeros(things), -np.ones(tasks))),
        np.array(rows),
        np.array(limits),
        bounds=[(0, None)] * things + [(None, None)] * tasks,
    )
    if solved.x is None:
        return None
    prices = np.abs(np.maximum(0.0, solved.x[:things]))
    asked = float(supply @ prices)
    if asked == 0:
        return None
    return prices * (worth / asked), -float(solved.fun)  # all that there is to pay, and no more for rounding
