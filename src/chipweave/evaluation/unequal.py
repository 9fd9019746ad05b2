"""Unequal parts of a layer, as proofs go through them (docs/proof.md): the largest one, and the rest in parts that are
all of one size."""

from __future__ import annotations

import numpy as np

from chipweave.evaluation.exact.split import Sizes
from chipweave.ndarrays import Bools, Floats, Ints

ROUNDED = 1e-12
"""Relative: so much larger than the rest of an axis a size may seem that is just as long."""


def in_two_sizes(sizes: Sizes, most: int) -> tuple[Ints, Floats]:
    """[way, 2] the largest part, of up to `most` parts, and another size that is no larger than it nor than the rest;
    and how many there are of each, to fill the axis: of the first one, of the other a whole number or not."""
    shares = 1.0 / sizes.many
    large, other = np.nonzero(np.tril(np.ones((len(shares), len(shares)))))  # sizes ascend
    rest = 1.0 - shares[large]
    alone = (sizes.many[large] == 1.0) & (large == other)
    fits = (sizes.many[large] <= most) & (shares[other] <= rest * (1 + ROUNDED))
    kept = alone | fits
    counts = np.where(alone, 0.0, rest * sizes.many[other])
    return sizes.tiles[np.column_stack((large, other))][kept], np.column_stack((np.ones(len(counts)), counts))[kept]


def undominated(group: Ints, figures: Floats) -> Bools:
    """[candidate] whether it may be the cheapest of its group, at some prices: candidates that are below another in no
    figure are left out, where that one is the least of the group in one of them.

    Args:
        group: [candidate] ascending; figures: [figure, candidate].
    """
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    lengths = np.diff(np.append(starts, len(group)))
    every, left = np.arange(len(group)), np.ones(len(group), dtype=bool)
    for each in figures:
        least = np.repeat(np.minimum.reduceat(each, starts), lengths)
        places = np.flatnonzero(each == least)
        first = np.repeat(places[np.searchsorted(places, starts)], lengths)
        above, below = np.ones(len(group), dtype=bool), np.zeros(len(group), dtype=bool)
        for own in figures:
            above &= own[first] <= own
            below |= own[first] < own
        left &= ~(above & (below | (first < every)))
    return left
