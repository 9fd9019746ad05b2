"""Compiled: what many owners send along the trees of their routes (the slow twin is in the tests)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import kernel
from chipweave.evaluation.exact.transfer import Network
from chipweave.ndarrays import Floats, Ints


def load_links(source: Ints, target: Ints, moved: Floats, owned: Floats, net: Network, links: Floats) -> float:
    """Add to `links` the bytes on each; the most hops that any byte takes.

    Args:
        moved: [j, i] bytes from source[j] to target[i]; owned: [j] no link carries more of source[j]'s.
    """
    return _load_links(source, target, moved, owned, Routes(net.before, net.hops, net.outward, net.link), links)


class Routes(NamedTuple):
    """The arrays of a `Network`."""

    before: Ints
    hops: Floats
    outward: Ints
    link: Ints


@kernel()
def _load_links(source: Ints, target: Ints, moved: Floats, owned: Floats, routes: Routes, links: Floats) -> float:
    before, hops, outward, link = routes
    longest = 0.0
    beyond = np.zeros(len(before))
    for j in range(len(source)):
        owner = source[j]
        farthest, moves = 0.0, False
        for i in range(len(target)):
            if moved[j, i] > 0:
                beyond[target[i]] = moved[j, i]
                moves = True
                farthest = max(farthest, hops[owner, target[i]])
        longest = max(longest, farthest)
        if not moves:
            continue
        for number in range(len(before)):
            at = outward[owner, number]
            if beyond[at] > 0 and at != owner:
                nearer = before[owner, at]
                links[link[nearer, at]] += min(beyond[at], owned[j])
                beyond[nearer] += beyond[at]
            beyond[at] = 0.0
    return longest
