"""SCHED's inner loops: which placed pipelines to keep, and which of them run side by side on chiplets of their own.

Figures are [latency_s, energy_j, dram_bytes, -latest start]; a set of chiplets is a mask, a bit each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.ndarrays import Floats, Ints
from chipweave.schedulers.scar.energy_caps import Caps
from chipweave.schedulers.scar.labels import NO_SLACK, beats, cap_at, grown


class Placed(NamedTuple):
    """Options on definite chiplets: masks [m], figures [m, 4]."""

    masks: Ints
    figures: Floats


class Combined(NamedTuple):
    """Partial windows: their masks [., 1], figures [., 4], and which of the old and of the new ones they hold [., 1];
    how many others beat each, and the next one with the same chiplets (-1: none)."""

    masks: Ints
    figures: Floats
    old: Ints
    new: Ints
    beaten: Ints
    following: Ints


@kernel(nogil=True)
def sieve(placed: Placed, width: int, breadth: int, order: Ints) -> Ints:
    """Which options to keep: not those that `breadth` options on the same chiplets, or on some of them, beat.

    Args:
        width: figures compared, all to be small.
        order: a permutation in which no option comes before one that beats it.
    """
    masks, figures = placed
    kept = np.empty(len(masks), dtype=np.int64)
    count = 0
    for at in range(len(order)):
        new = order[at]
        beaten_by = 0
        for k in range(count):
            old = kept[k]
            if masks[old] & masks[new] == masks[old] and beats(figures, old, figures, new, width, NO_SLACK):
                beaten_by += 1
                if beaten_by >= breadth:
                    break
        if beaten_by < breadth:
            kept[count] = new
            count += 1
    return kept[:count].copy()


@kernel()
def combine(
    old: Placed, new: Placed, width: int, breadth: int, buckets: int, rest_j: float, caps: Caps
) -> tuple[Combined, Ints]:
    """Put one more task beside each partial window, on chiplets that are still free.

    Latencies and latest starts combine by maximum, the others add up. Options that `breadth` others with the same
    chiplets beat are dropped, and those above the caps, `rest_j` being what the tasks still to come take at least.

    Args:
        buckets: one per set of chiplets; a single one for the last task, when chiplets no longer matter.

    Returns (what was made, the rows of it to keep).
    """
    head = np.full(buckets, -1, dtype=np.int64)
    made, used, free = _empty(1024), 0, -1
    figures = np.empty((1, 4))
    for a in range(len(old.masks)):
        for b in range(len(new.masks)):
            if old.masks[a] & new.masks[b]:
                continue
            figures[0, 0] = max(old.figures[a, 0], new.figures[b, 0])
            figures[0, 1] = old.figures[a, 1] + new.figures[b, 1]
            if figures[0, 1] + rest_j > cap_at(figures[0, 0], caps):
                continue
            figures[0, 2] = old.figures[a, 2] + new.figures[b, 2]
            figures[0, 3] = max(old.figures[a, 3], new.figures[b, 3])
            bucket = 0 if buckets == 1 else old.masks[a] | new.masks[b]
            beaten_by = _beaten_by(made, head[bucket], figures, width, breadth)
            if beaten_by >= breadth:
                continue
            free = _drop_beaten(made, head, bucket, figures, width, breadth, free)
            if free >= 0:
                slot, free = free, made.following[free, 0]
            else:
                if used + 1 >= made.figures.shape[0]:
                    made = _grown(made, used)
                slot, used = used, used + 1
            for f in range(4):
                made.figures[slot, f] = figures[0, f]
            made.masks[slot, 0], made.old[slot, 0], made.new[slot, 0] = old.masks[a] | new.masks[b], a, b
            made.beaten[slot, 0] = beaten_by
            made.following[slot, 0] = head[bucket]
            head[bucket] = slot
    kept = np.empty(used, dtype=np.int64)
    count = 0
    for bucket in range(buckets):
        at = head[bucket]
        while at >= 0:
            kept[count] = at
            count += 1
            at = made.following[at, 0]
    return made, kept[:count].copy()


@inner()
def _beaten_by(made: Combined, at: int, new: Floats, width: int, breadth: int) -> int:
    """How many in the bucket that begins at `at` beat the new figures; counted up to `breadth`."""
    count = 0
    while at >= 0 and count < breadth:
        if beats(made.figures, at, new, 0, width, NO_SLACK):
            count += 1
        at = made.following[at, 0]
    return count


@inner()
def _drop_beaten(made: Combined, head: Ints, bucket: int, new: Floats, width: int, breadth: int, free: int) -> int:
    """Take those out of a bucket that the new figures make hopeless; the first of the free rows."""
    before, at = -1, head[bucket]
    while at >= 0:
        after = made.following[at, 0]
        worse = beats(new, 0, made.figures, at, width, NO_SLACK)
        if worse:
            made.beaten[at, 0] += 1
        if worse and made.beaten[at, 0] >= breadth:
            if before < 0:
                head[bucket] = after
            else:
                made.following[before, 0] = after
            made.following[at, 0] = free
            free = at
        else:
            before = at
        at = after
    return free


@inner()
def _empty(rows: int) -> Combined:
    size = (rows, 1)
    return Combined(
        np.empty(size, dtype=np.int64),
        np.empty((rows, 4)),
        np.empty(size, dtype=np.int64),
        np.empty(size, dtype=np.int64),
        np.empty(size, dtype=np.int64),
        np.empty(size, dtype=np.int64),
    )


@inner()
def _grown(made: Combined, used: int) -> Combined:
    return Combined(
        grown(made.masks, used),
        grown(made.figures, used),
        grown(made.old, used),
        grown(made.new, used),
        grown(made.beaten, used),
        grown(made.following, used),
    )
