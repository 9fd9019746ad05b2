"""SCHED's inner loops: which placed pipelines to keep, and which of them run side by side on chiplets of their own.

Figures are [latency_s, energy_j, dram_bytes, -latest start]; a set of chiplets is a mask, a bit each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.ndarrays import Floats, Ints
from chipweave.schedulers.scar.comparing import NO_SLACK, beats, cap_at, grown
from chipweave.schedulers.scar.energy_caps import Caps


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


@inner()
def _runs(masks: Ints, order: Ints) -> Ints:
    """Where in this order the options on each set of chiplets begin, and the end of all."""
    begins = np.empty(len(order) + 1, dtype=np.int64)
    count = 0
    for at in range(len(order)):
        if at == 0 or masks[order[at]] != masks[order[at - 1]]:
            begins[count] = at
            count += 1
    begins[count] = len(order)
    return begins[: count + 1].copy()


@kernel(nogil=True)
def sieve(placed: Placed, width: int, breadth: int, order: Ints) -> Ints:
    """Which options to keep: not those that `breadth` options on the same chiplets, or on some of them, beat.

    Args:
        width: figures compared, all to be small.
        order: a permutation that keeps those on the same chiplets together, behind those on fewer, by latency.
    """
    masks, figures = placed
    kept = np.empty(len(masks), dtype=np.int64)
    runs = _runs(masks, order)
    begin, end, within = np.zeros_like(runs), np.zeros_like(runs), np.zeros_like(runs)
    count = 0
    for run in range(len(runs) - 1):
        mask, some = masks[order[runs[run]]], 0
        begin[run] = end[run] = count
        for other in range(run + 1):
            if masks[order[runs[other]]] & mask == masks[order[runs[other]]]:
                within[some] = other
                some += 1
        for at in range(runs[run], runs[run + 1]):
            new, beaten_by = order[at], 0
            for number in range(some):
                for k in range(begin[within[number]], end[within[number]]):
                    if beaten_by >= breadth or figures[kept[k], 0] > figures[new, 0]:
                        break
                    if beats(figures, kept[k], figures, new, width, NO_SLACK):
                        beaten_by += 1
            if beaten_by < breadth:
                kept[count] = new
                count += 1
                end[run] = count
    return kept[:count].copy()


@kernel(nogil=True)
def combine(
    old: Placed, new: Placed, width: int, breadth: int, buckets: int, caps: Caps
) -> tuple[Combined, Ints]:
    """Put one more task beside each partial window, on chiplets that are still free.

    Latencies and latest starts combine by maximum, the others add up. Options that `breadth` others with the same
    chiplets beat are dropped, and those above the caps, which leave out what the tasks still to come take at least.

    Args:
        buckets: one per set of chiplets; a single one for the last task, when chiplets no longer matter.

    Returns (what was made, the rows of it to keep).
    """
    head = np.full(buckets, -1, dtype=np.int64)
    made, used, free = _empty(1024), 0, -1
    figures = np.empty((1, 4))
    runs = _runs(new.masks, np.arange(len(new.masks)))
    ideal = _ideals(new.figures, runs)
    for a in range(len(old.masks)):
        for run in range(len(runs) - 1):
            mask = new.masks[runs[run]]
            if old.masks[a] & mask:
                continue
            bucket = 0 if buckets == 1 else old.masks[a] | mask
            # What not even the best figures of these would survive, none of them does.
            _beside(old.figures, a, ideal, run, figures)
            if _hopeless_by(made, head[bucket], figures, width, breadth, caps) >= breadth:
                continue
            for b in range(runs[run], runs[run + 1]):
                _beside(old.figures, a, new.figures, b, figures)
                beaten_by = _hopeless_by(made, head[bucket], figures, width, breadth, caps)
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
                made.masks[slot, 0], made.old[slot, 0], made.new[slot, 0] = old.masks[a] | mask, a, b
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
def _ideals(figures: Floats, runs: Ints) -> Floats:
    """[run, 4] the least of every figure of the options in each run."""
    ideal = np.full((len(runs) - 1, 4), np.inf)
    for run in range(len(runs) - 1):
        for at in range(runs[run], runs[run + 1]):
            for f in range(4):
                ideal[run, f] = min(ideal[run, f], figures[at, f])
    return ideal


@inner()
def _beside(old: Floats, a: int, new: Floats, b: int, both: Floats) -> None:
    """Fill in the figures of two side by side."""
    both[0, 0], both[0, 1] = max(old[a, 0], new[b, 0]), old[a, 1] + new[b, 1]
    both[0, 2], both[0, 3] = old[a, 2] + new[b, 2], max(old[a, 3], new[b, 3])


@inner()
def _hopeless_by(made: Combined, at: int, new: Floats, width: int, breadth: int, caps: Caps) -> int:
    """How many in the bucket that begins at `at` beat the new figures, counted up to `breadth`; so many too where they
    are above the caps."""
    if new[0, 1] > cap_at(new[0, 0], caps):
        return breadth
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
