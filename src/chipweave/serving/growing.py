"""A sum over all steps of an answer, whose context grows by a token each: priced at a few, exact where it is affine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chipweave.ndarrays import Floats

CLOSE = 5e-4
"""Relative: a step inside of a stretch that is so near the line between its ends is taken to lie on it."""

INSIDE = 0.382
"""Where in a stretch that step is: by the golden section, which falls in with no multiples that tiles may have."""

MOST_PRICED = 65
"""Contexts that are priced, at most."""


@dataclass(frozen=True)
class Summed:
    """Figures of all steps together.

    Args:
        total: [figure] summed over all contexts.
        priced: the figures at the contexts that were priced, by context.
        off: the largest relative distance that a step had from its line where no more were priced behind it.
    """

    total: Floats
    priced: dict[int, Floats]
    off: float


def summed(price: Callable[[int], Floats], first: int, last: int) -> Summed:
    """The sum of `price` over all contexts from `first` to `last`, both included.

    Steps between two priced ones are taken to lie on the line between them, so figures that are affine in the context
    come out exactly. A stretch is parted until a step inside of it is `CLOSE` to that line, the first ones first.
    """
    priced = {context: price(context) for context in dict.fromkeys((first, last))}
    total, off = priced[last].copy(), 0.0
    stretches = [(first, last, 0.0)] if last > first else []
    while stretches:
        low, high, found = stretches.pop(0)
        if high - low < 2 or len(priced) >= MOST_PRICED:
            total += _between(priced, low, high)
            off = off if high - low < 2 else max(off, found)
            continue
        inside = min(high - 1, low + max(1, round(INSIDE * (high - low))))
        share = (inside - low) / (high - low)
        priced[inside] = price(inside)
        distance = _distance(priced[inside], (1 - share) * priced[low] + share * priced[high])
        if distance <= CLOSE:
            off = max(off, distance)
            total += _between(priced, low, inside) + _between(priced, inside, high)
        else:
            stretches += [(low, inside, distance), (inside, high, distance)]
    return Summed(total, dict(sorted(priced.items())), off)


def _between(priced: dict[int, Floats], low: int, high: int) -> Floats:
    """The sum over the contexts from `low` on, and before `high`, along the line between the two."""
    steps = high - low
    return np.asarray(steps * priced[low] + (priced[high] - priced[low]) * (steps - 1) / 2)


def _distance(one: Floats, other: Floats) -> float:
    return float(np.max(np.abs(one - other) / np.maximum(np.abs(one), 1e-300), initial=0.0))
