"""Compiled: what many owners send along the trees of their routes (the slow twin is in the tests)."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def load_links(source, target, moved, owned, before, hops, outward, link, links):  # type: ignore[no-untyped-def]
    """Add to `links` the bytes on each; the most hops that any byte takes.

    Args:
        moved: [j, i] bytes from source[j] to target[i]; owned: [j] no link carries more of source[j]'s.
        before, hops, outward, link: of `transfer.Network`.
    """
    longest = 0
    beyond = np.zeros(len(before))
    for j in range(len(source)):
        owner = source[j]
        farthest = 0
        for i in range(len(target)):
            if moved[j, i] > 0:
                beyond[target[i]] = moved[j, i]
                farthest = max(farthest, hops[owner, target[i]])
        longest = max(longest, farthest)
        if farthest == 0:
            continue
        for number in range(len(before)):
            at = outward[owner, number]
            if beyond[at] > 0 and at != owner:
                nearer = before[owner, at]
                links[link[nearer, at]] += min(beyond[at], owned[j])
                beyond[nearer] += beyond[at]
            beyond[at] = 0.0
    return longest
