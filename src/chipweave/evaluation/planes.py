"""The best prices of what tasks share, by cutting planes: a linear program whose rows are the plans met so far.

Where there are very many prices, those that look best jump to and fro. There the linear program may leave the best
prices so far by no more than so much, which grows where its prices keep what they promise, and shrinks where they do
not (the "box step method" of Marsten, Hogan and Blankenship, Operations Research 23, 1975).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from chipweave.ndarrays import Floats

ROUNDS = 60
"""Plans of all tasks, at most."""

CLOSE = 1e-5
"""Relative distance to the best value at which the search ends."""

KEPT, BROKEN = 0.3, 0.05
"""The share of the rise that the linear program promises, above which prices may next go further from the best ones so
far, and below which they may go less far."""

FURTHER, NEARER, FAR = 1.5, 0.6, 3.0
"""By so much; and where little is promised, unless prices may go so far already."""


class Plan(NamedTuple):
    """A task's cheapest plan: what of each shared thing it takes, and what it pays apart from that."""

    taken: Floats
    apart: float


Plans = Sequence[Plan]
"""One of each task."""

Oracle = Callable[[Floats], Plans]
"""The cheapest plan of each task under prices of the shared things."""


@dataclass(frozen=True)
class Patience:
    """How long prices are looked for.

    Args:
        close: relative distance to the best value that is enough; rounds: plans of all tasks, at most.
        reach: how far prices may go from the best ones so far, in parts of these or of what each has where all have the
            same: at first.
        enough: whether time is over.
    """

    close: float = CLOSE
    rounds: int = ROUNDS
    reach: float = math.inf
    enough: Callable[[], bool] = lambda: False


USUAL = Patience()


def best_prices(
    supply: Floats,
    worth: float,
    oracle: Oracle,
    start: Floats,
    known: Sequence[Plans] = (),
    patience: Patience = USUAL,
) -> tuple[float, Floats]:
    """(value, prices): the prices, with `supply @ prices` the worth, under which the tasks together pay most.

    Args:
        supply: [thing] how much there is of each, or [of several kinds of seconds, thing], each thing of one kind.
        start: prices of that worth to begin with; known: plans of all tasks that are known before.
    """
    supply = np.atleast_2d(supply)
    met, prices, best, most, hoped, reach = list(known), start, start, -math.inf, math.inf, patience.reach
    even = worth / supply.sum(axis=1).max()
    for _ in range(patience.rounds):
        plans = oracle(prices)
        value = sum(float(prices @ plan.taken) + plan.apart for plan in plans)
        if most > -math.inf:
            kept = value - most - np.array([KEPT, BROKEN]) * (hoped - most)
            reach *= FURTHER if kept[0] > 0 else NEARER if kept[1] < 0 else 1.0
        if value > most:
            most, best = value, prices
        if patience.enough() or worth == 0:
            break
        met.append(plans)
        step = reach * np.maximum(even, best)
        solved = _dearest(supply, worth, met, np.maximum(0.0, best - step), best + step)
        if solved is None:
            break
        prices, hoped = solved
        if most >= hoped - patience.close * abs(hoped):
            if reach > FAR:
                break
            reach *= FAR
    return most, best


def _dearest(
    supply: Floats, worth: float, met: Sequence[Plans], low: Floats, high: Floats
) -> tuple[Floats, float] | None:
    """The prices within bounds under which the tasks pay most if there are no other plans, and what they pay; None:
    all are 0."""
    from scipy.optimize import linprog  # takes half a second, which commands without a proof need not wait for

    (kinds, things), tasks = supply.shape, len(met[0])
    rows, limits = [], []
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
        np.hstack((supply, np.zeros((kinds, tasks)))),
        np.full(kinds, worth),
        bounds=[*zip(low, high, strict=True), *[(None, None)] * tasks],
    )
    if solved.x is None:
        return None
    prices = np.abs(np.maximum(0.0, solved.x[:things]))
    asked = supply @ prices
    if asked.min() == 0:
        return None
    # All that there is to pay, and no more for rounding.
    return prices * (worth / asked)[(supply > 0).argmax(axis=0)], -float(solved.fun)
