"""The best prices of what tasks share, by cutting planes: a linear program whose rows are the plans met so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Patience:
    """How long prices are looked for.

    Args:
        close: relative distance to the best value that is enough; rounds: plans of all tasks, at most.
        inside: how far to go from the best prices so far to those that look best; below 1 where there are so many
            prices that these jump to and fro.
        enough: whether time is over.
    """

    close: float = CLOSE
    rounds: int = ROUNDS
    inside: float = 1.0
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
    met, prices, best, most, bound = list(known), start, start, -np.inf, np.inf
    if met and worth > 0:
        prices, bound = _dearest(supply, worth, met) or (start, bound)
    inside = patience.inside
    for _ in range(patience.rounds):
        plans = oracle(prices)
        value = sum(float(prices @ plan.taken) + plan.apart for plan in plans)
        # Where a step within did not help, the next one is longer: else the same plans would be met again.
        inside = patience.inside if value > most else min(1.0, 2 * inside)
        if value > most:
            most, best = value, prices
        if patience.enough():
            break
        if most >= bound - patience.close * abs(bound) or worth == 0:
            break
        met.append(plans)
        solved = _dearest(supply, worth, met)
        if solved is None:
            break
        dearest, bound = solved
        prices = dearest if inside == 1.0 else best + inside * (dearest - best)
    return most, best


def _dearest(supply: Floats, worth: float, met: Sequence[Plans]) -> tuple[Floats, float] | None:
    """The prices under which the tasks pay most if there are no other plans, and what they pay; None: all are 0."""
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
        bounds=[(0, None)] * things + [(None, None)] * tasks,
    )
    if solved.x is None:
        return None
    prices = np.abs(np.maximum(0.0, solved.x[:things]))
    asked = supply @ prices
    if asked.min() == 0:
        return None
    # All that there is to pay, and no more for rounding.
    return prices * (worth / asked)[(supply > 0).argmax(axis=0)], -float(solved.fun)
