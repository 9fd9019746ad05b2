"""SEG's inner loop: the best ways to cut a window's layers into consecutive stages, for every tree of places.

What the paper enumerates (all splits times all paths) a dynamic program decides. A *label* is a partial
pipeline: units up to j cut into stages on the first places of a path. Its figures (sum of stage times, slowest
stage, joules, DRAM bytes) only grow as it is extended, and the pipeline's latency is sum + (k - 1) * slowest,
so a label that another one beats in all four can never end in a better schedule, whatever the objective.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_NO_SLACK = np.zeros(4)

# Rows are copied entry by entry throughout: slice assignments take numba many times longer to compile.


@njit(cache=True)
def _grown(array, used):  # type: ignore[no-untyped-def]
    bigger = np.empty((2 * array.shape[0], array.shape[1]), dtype=array.dtype)
    for i in range(used):
        for k in range(array.shape[1]):
            bigger[i, k] = array[i, k]
    return bigger


@njit(cache=True)
def _cap(latency, start_s, step_s, joules):  # type: ignore[no-untyped-def]
    """Most energy beside a latency (`caps.Caps`); nothing past the last bin."""
    if latency <= start_s or step_s == np.inf:
        return joules[0]
    bin_ = int((latency - start_s) / step_s)
    return joules[bin_] if bin_ < len(joules) else -np.inf


@njit(cache=True)
def _beats(a, i, b, k, width, slack):  # type: ignore[no-untyped-def]
    """Row i of `a` is at most `slack` worse than row k of `b` in every figure."""
    for f in range(width):  # noqa: SIM110 - a generator does not compile
        if a[i, f] > b[k, f] + slack[f]:
            return False
    return True


@njit(cache=True)
def _swap(figures, cuts, beaten, i, k):  # type: ignore[no-untyped-def]
    for f in range(figures.shape[1]):
        figures[i, f], figures[k, f] = figures[k, f], figures[i, f]
    for f in range(cuts.shape[1]):
        cuts[i, f], cuts[k, f] = cuts[k, f], cuts[i, f]
    beaten[i, 0], beaten[k, 0] = beaten[k, 0], beaten[i, 0]


@njit(cache=True)
def _insert(figures, cuts, begin, end, new, new_cuts, depth, width, breadth, slack, beaten):  # type: ignore[no-untyped-def]
    """Put a label into the block [begin, end) unless `breadth` others beat it; drop those it makes hopeless.

    Others beat the new one if they are at most `slack` worse, but it drops only those that it beats without
    slack: so a dropped label is never more than one slack better than what stays.

    Returns the block's new end. There is room for one more.
    """
    beaten_by = 0
    for i in range(begin, end):
        if _beats(figures, i, new, 0, width, slack):
            beaten_by += 1
            if beaten_by >= breadth:
                if i > begin:  # what beats one label tends to beat the next: look at it earlier
                    _swap(figures, cuts, beaten, i, begin + (i - begin) // 2)
                return end
    i = begin
    while i < end:
        if _beats(new, 0, figures, i, width, _NO_SLACK):
            beaten[i, 0] += 1
            if beaten[i, 0] >= breadth:
                end -= 1
                _swap(figures, cuts, beaten, i, end)
                continue
        i += 1
    for f in range(width):
        figures[end, f] = new[0, f]
    for stage in range(depth):
        cuts[end, stage] = new_cuts[stage]
    beaten[end, 0] = beaten_by
    return end + 1


@njit(cache=True)
def _is_beaten(out, begin, end, deepest, latency, energy, dram, width, breadth, slack):  # type: ignore[no-untyped-def]
    """Do `breadth` whole pipelines on a part of the path beat all that a label with these figures can become?"""
    count = 0
    for depth in range(1, deepest + 1):
        for i in range(begin[depth], end[depth]):
            if (
                out[i, 0] <= latency + slack[0]
                and out[i, 1] <= energy + slack[1]
                and (width < 4 or out[i, 2] <= dram + slack[2])
            ):
                count += 1
                if count >= breadth:
                    return True
    return False


@njit(cache=True, nogil=True)
def fronts(  # type: ignore[no-untyped-def]
    total_s,
    steady_s,
    joules,
    dram,
    factor,
    width,
    breadth,
    parent,
    kind,
    depth,
    children,
    longest,
    least_s,
    least_steady_s,
    least_j,
    cap_start_s,
    cap_step_s,
    cap_j,
    slack,
    budget,
):
    """Non-dominated pipelines for every node of a tree of places at one micro-batch.

    Args:
        total_s, steady_s, joules, dram: [kind, i, j] stage tables of the window's n units (`kernel.stage_tables`).
        factor: micro-batches - 1.
        width: figures compared: 4, or 3 to leave DRAM bytes out.
        breadth: how many must beat a label before it is dropped; 1 keeps the front.
        parent, kind, depth, children: the tree in depth-first order (`trees.KindTree`); longest: its depth.
        least_s, least_steady_s, least_j: [n + 1] least sum part, steady part and joules of the units from j on.
        cap_start_s, cap_step_s, cap_j: labels that must exceed the caps (`caps.Caps`) are dropped.
        slack: [4] how much worse than a label in sum part, slowest stage, joules and DRAM bytes another may be
            and still beat it.
        budget: labels made and compared at most.

    Returns:
        (start [nodes + 1] of each node's pipelines; figures [m, 3] latency_s, energy_j, dram_bytes; cuts
        [m, longest] unit before which each stage ends, 0 beyond the last; labels made; False if the budget ran
        out: then there are no pipelines).
    """
    n = total_s.shape[1]
    figures, cuts = np.empty((1024, 4)), np.empty((1024, longest), dtype=np.int16)
    beaten = np.zeros((1024, 1), dtype=np.int64)
    out, out_cuts = np.empty((256, 3)), np.empty((256, longest), dtype=np.int16)
    out_start = np.zeros(len(parent) + 1, dtype=np.int64)
    out_beaten = np.zeros((256, 1), dtype=np.int64)
    begin, end = np.zeros((longest + 1, n), dtype=np.int64), np.zeros((longest + 1, n), dtype=np.int64)
    done_begin, done_end = np.zeros(longest + 1, dtype=np.int64), np.zeros(longest + 1, dtype=np.int64)
    new, new_out, new_cuts = np.empty((1, 4)), np.empty((1, 3)), np.empty(longest, dtype=np.int16)
    slack_out = np.array([slack[0] + factor * slack[1], slack[2], slack[3]])
    used_out, made, work = 0, 0, 0
    for node in range(len(parent)):
        out_start[node] = used_out
        d = depth[node]
        if d > n or d > longest:
            continue
        place = kind[node]
        top = 0 if d == 1 else end[d - 1, n - 2]
        out_begin = used_out
        first_j = n - 1 if children[node] == 0 or d == longest else d - 1
        if d > 1:
            for j in range(first_j):
                begin[d, j] = end[d, j] = top
        done_begin[d], done_end[d] = used_out, used_out
        for step in range(n - first_j):
            # Whole pipelines first: what they beat need not be extended.
            j = n - 1 if step == 0 else first_j + step - 1
            last = j == n - 1
            begin[d, j] = top
            block_end = top
            left = longest - d
            for i in range(d - 1, j + 1):
                if total_s[place, i, j] == np.inf:
                    continue
                sources_begin, sources_end = 0, 1
                if d > 1:
                    sources_begin, sources_end = begin[d - 1, i - 1], end[d - 1, i - 1]
                elif i > 0:
                    break
                for source in range(sources_begin, sources_end):
                    made += 1
                    if d == 1:
                        new[0, 0], new[0, 1] = total_s[place, i, j], steady_s[place, i, j]
                        new[0, 2], new[0, 3] = joules[place, i, j], dram[place, i, j]
                    else:
                        new[0, 0] = figures[source, 0] + total_s[place, i, j]
                        new[0, 1] = max(figures[source, 1], steady_s[place, i, j])
                        new[0, 2] = figures[source, 2] + joules[place, i, j]
                        new[0, 3] = figures[source, 3] + dram[place, i, j]
                    slowest = new[0, 1]
                    if left > 0:
                        slowest = max(slowest, least_steady_s[j + 1] / left)
                    latency = new[0, 0] + least_s[j + 1] + factor * slowest
                    if new[0, 2] + least_j[j + 1] > _cap(latency, cap_start_s, cap_step_s, cap_j):
                        continue
                    if _is_beaten(
                        out, done_begin, done_end, d - 1 if last else d, latency, new[0, 2] + least_j[j + 1], new[0, 3],
                        width, breadth, slack_out,
                    ):  # fmt: skip
                        work += 8
                        continue
                    work += used_out - out_begin if last else block_end - top
                    for stage in range(d - 1):
                        new_cuts[stage] = cuts[source, stage]
                    new_cuts[d - 1] = j + 1
                    # One place to insert for both: whole pipelines go out, others are extended later.
                    if last:
                        new_out[0, 0], new_out[0, 1], new_out[0, 2] = (
                            new[0, 0] + factor * new[0, 1],
                            new[0, 2],
                            new[0, 3],
                        )
                        f, c, b, label, since, until = out, out_cuts, out_beaten, new_out, out_begin, used_out
                    else:
                        f, c, b, label, since, until = figures, cuts, beaten, new, top, block_end
                    if until + 1 >= f.shape[0]:
                        f, c, b = _grown(f, until), _grown(c, until), _grown(b, until)
                    until = _insert(
                        f, c, since, until, label, new_cuts, d, width - 1 if last else width, breadth,
                        slack_out if last else slack, b,
                    )  # fmt: skip
                    if last:
                        out, out_cuts, out_beaten, used_out = f, c, b, until
                    else:
                        figures, cuts, beaten, block_end = f, c, b, until
            if last:
                done_end[d] = used_out
            end[d, j] = block_end
            top = block_end
            if made + work > budget:
                return out_start, out[:0], out_cuts[:0], made, False
        for whole in range(out_begin, used_out):
            for stage in range(d, longest):
                out_cuts[whole, stage] = 0
    out_start[len(parent)] = used_out
    return out_start, out[:used_out], out_cuts[:used_out], made, True


@njit(cache=True)
def sieve(masks, figures, width, breadth, order):  # type: ignore[no-untyped-def]
    """Which options to keep: not those that `breadth` options on the same chiplets, or on some of them, beat.

    Args:
        masks: [m] chiplets used, a bit each. figures: [m, width], all to be small.
        order: a permutation in which no option comes before one that beats it.
    """
    kept = np.empty(len(masks), dtype=np.int64)
    count = 0
    for at in range(len(order)):
        new = order[at]
        beaten_by = 0
        for k in range(count):
            old = kept[k]
            if masks[old] & masks[new] == masks[old] and _beats(figures, old, figures, new, width, _NO_SLACK):
                beaten_by += 1
                if beaten_by >= breadth:
                    break
        if beaten_by < breadth:
            kept[count] = new
            count += 1
    return kept[:count].copy()


@njit(cache=True)
def combine(  # type: ignore[no-untyped-def]
    masks, figures, new_masks, new_figures, width, breadth, chiplets, one_bucket, rest_j, cap_start_s, cap_step_s, cap_j
):
    """Put one more task beside each partial window, on chiplets that are still free.

    Figures are [latency_s, energy_j, dram_bytes, -latest start]: latencies and the last combine by maximum, the
    others add up. Options that `breadth` others with the same chiplets beat are dropped; with `one_bucket` (the
    last task) chiplets no longer matter. Those above the caps (`caps.Caps`) are dropped,
    `rest_j` being what the tasks still to come take at least.

    Returns (masks, figures, index into the old, index into the new, all [., 1] or [., 4]; the rows of them to keep).
    """
    buckets = 1 if one_bucket else 1 << chiplets
    head = np.full(buckets, -1, dtype=np.int64)
    size = 1024
    following = np.empty((size, 1), dtype=np.int64)
    made, made_mask = np.empty((size, 4)), np.empty((size, 1), dtype=np.int64)
    source, option = np.empty((size, 1), dtype=np.int64), np.empty((size, 1), dtype=np.int64)
    beaten = np.empty((size, 1), dtype=np.int64)
    used, free = 0, -1
    new = np.empty((1, 4))
    for a in range(len(masks)):
        for b in range(len(new_masks)):
            if masks[a] & new_masks[b]:
                continue
            new[0, 0] = max(figures[a, 0], new_figures[b, 0])
            new[0, 1] = figures[a, 1] + new_figures[b, 1]
            if new[0, 1] + rest_j > _cap(new[0, 0], cap_start_s, cap_step_s, cap_j):
                continue
            new[0, 2] = figures[a, 2] + new_figures[b, 2]
            new[0, 3] = max(figures[a, 3], new_figures[b, 3])
            bucket = 0 if one_bucket else masks[a] | new_masks[b]
            beaten_by = 0
            at = head[bucket]
            while at >= 0:
                if _beats(made, at, new, 0, width, _NO_SLACK):
                    beaten_by += 1
                    if beaten_by >= breadth:
                        break
                at = following[at, 0]
            if beaten_by >= breadth:
                continue
            before, at = -1, head[bucket]
            while at >= 0:
                after = following[at, 0]
                worse = _beats(new, 0, made, at, width, _NO_SLACK)
                if worse:
                    beaten[at, 0] += 1
                if worse and beaten[at, 0] >= breadth:
                    if before < 0:
                        head[bucket] = after
                    else:
                        following[before, 0] = after
                    following[at, 0] = free
                    free = at
                else:
                    before = at
                at = after
            if free >= 0:
                slot = free
                free = following[slot, 0]
            else:
                if used + 1 >= made.shape[0]:
                    made, made_mask = _grown(made, used), _grown(made_mask, used)
                    source, option = _grown(source, used), _grown(option, used)
                    following, beaten = _grown(following, used), _grown(beaten, used)
                slot = used
                used += 1
            for f in range(4):
                made[slot, f] = new[0, f]
            made_mask[slot, 0], source[slot, 0], option[slot, 0] = masks[a] | new_masks[b], a, b
            beaten[slot, 0] = beaten_by
            following[slot, 0] = head[bucket]
            head[bucket] = slot
    kept = np.empty(used, dtype=np.int64)
    count = 0
    for bucket in range(buckets):
        at = head[bucket]
        while at >= 0:
            kept[count] = at
            count += 1
            at = following[at, 0]
    return made_mask, made, source, option, kept[:count].copy()
