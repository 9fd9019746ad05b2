"""Compiled: pipelines between cuts of a task, with as few chiplets as a cap on the slowest stage allows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.evaluation.tables.compiled_law import law
from chipweave.evaluation.tables.regions_kernel import (
    DRAM_BYTES,
    ENERGY_J,
    EXPOSED_S,
    FIRST,
    GATHER_S,
    PACE_S,
    READY_S,
    RESIDENT_S,
    STREAMS_S,
    Line,
    forward_s,
    times_of,
)
from chipweave.ndarrays import Floats, Ints

FILL_S, JOULES, BYTES, SLOWEST_S, READY = range(5)
"""Of stages: seconds of the first micro-batch through them, joules, DRAM bytes, the slowest; seconds from when their
weights may come until it is through."""


class Board(NamedTuple):
    """What pipelines are made of. A *place* is a region of so many chiplets of a group; those of a group stand side by
    side, ascending.

    Args:
        table: [start, length - 1, place, term] stages between cuts (`regions_kernel.TERMS`).
        need: [start, place, partition] bytes of a micro-batch that the largest part of the unit there needs.
        crossing: [cut] bytes of a sample that cross it.
        group, chiplets: [place]; counts: [group] chiplets; stride: [group] of the slots' numbers, step: their chiplets.
    """

    table: Floats
    need: Floats
    crossing: Floats
    group: Ints
    chiplets: Ints
    counts: Ints
    stride: Ints
    step: int
    line: Line


class Tails(NamedTuple):
    """Of the stages from a cut to the pipeline's end, none of which is its first: [cut] what their chiplets cost, how
    many of each group there are, where their first ends and its place, figures (see `FILL_S`)."""

    cost: Floats
    used: Ints
    after: Ints
    place: Ints
    totals: Floats


class Heads(NamedTuple):
    """Of the pipeline that begins at a cut: [cut] its first stage's place, -1: there is none, and end; seconds, joules,
    DRAM bytes, and the number of the slot that its chiplets are."""

    place: Ints
    after: Ints
    latency_s: Floats
    energy_j: Floats
    dram_bytes: Floats
    slot: Ints


class Best(NamedTuple):
    """The best pipeline of each part of a task on each slot, [start, end, slot]: seconds, joules, DRAM bytes, and the
    numbers of the cap and of the groups' prices that it was made with."""

    latency_s: Floats
    energy_j: Floats
    dram_bytes: Floats
    cap: Ints
    price: Ints


@inner()
def _cheapest(
    board: Board, tails: Tails, span: tuple[int, int, int], opens: bool, cap_s: float, price: Floats, found: Floats
) -> int:
    """The place whose chiplets cost least, of equal ones the fastest, on which a stage between cuts h and c of a
    pipeline that ends at `end` is no slower than the cap, and for which there are chiplets; -1: none. Found: its fill
    and steady seconds, and those in which it loads its input and sends out beside its weights."""
    h, c, end = span
    line, table, mb = board.line, board.table, board.line.micro_batch
    loaded = mb * board.crossing[h] if opens else 0.0
    left = mb * board.crossing[c]
    follower, receive, stored_s = 0, 0.0, 0.0
    if c == end:
        stored_s = law.dram_s(left, line.dram_hops, line.rates)
    else:
        follower = tails.place[c]
        receive = board.need[c, follower, int(table[c, tails.after[c] - c - 1, follower, FIRST])]
    best, least, met = -1, np.inf, -1
    for s in range(len(board.chiplets)):
        own = board.group[s]
        if own == met or price[own] * board.chiplets[s] > least:
            continue  # a smaller region of the group does, or a cheaper one of another
        if tails.used[c, own] + board.chiplets[s] > board.counts[own]:
            continue
        terms = table[h, c - h - 1, s]
        least_s = max(terms[PACE_S] + terms[EXPOSED_S], terms[STREAMS_S], terms[GATHER_S])
        if not (least_s < np.inf and least_s <= cap_s):
            continue
        out_s = stored_s
        if c < end:
            out_s = forward_s(left, board.chiplets[s], board.chiplets[follower], receive, line)
        came = 0.0 if opens else board.need[h, s, int(terms[FIRST])]
        fill_s, steady_s = times_of(terms, loaded, left, came, out_s, c == end, line)
        if steady_s > cap_s:
            continue
        met = own
        cost = price[own] * board.chiplets[s]
        if cost < least or fill_s < found[0]:
            best, least = s, cost
            # The first micro-batch's input comes by the same DRAM as the weights.
            found[0], found[1], found[2] = fill_s, steady_s, out_s + loaded / line.rates.dram_bytes_s
    return best


@inner()
def _chain(board: Board, end: int, cap_s: float, price: Floats, worth: float, tails: Tails, heads: Heads) -> None:
    """All pipelines that end at a cut with no stage slower than `cap_s`, from the back; a joule is worth so many
    seconds."""
    line, table, crossing, groups = board.line, board.table, board.crossing, len(board.counts)
    batch = line.batch
    rounds = batch / line.micro_batch if line.rates.detailed else law.micro_batches(batch, line.micro_batch)
    found, totals = np.zeros(3), tails.totals
    best = np.full(end + 1, np.inf)
    for h in range(end + 1):
        tails.cost[h], heads.place[h] = np.inf, -1
    tails.cost[end] = 0.0
    for c in range(groups):
        tails.used[end, c] = 0
    for field in range(5):
        totals[end, field] = 0.0
    for c in range(end, 0, -1):
        if tails.cost[c] == np.inf:
            continue
        left = batch * crossing[c] if c == end else 0.0
        for h in range(c - 1, -1, -1):
            s = _cheapest(board, tails, (h, c, end), False, cap_s, price, found)
            if s >= 0 and h > 0:
                terms = table[h, c - h - 1, s]
                cost = tails.cost[c] + price[board.group[s]] * board.chiplets[s]
                fills = totals[c, FILL_S] + found[0]
                if cost < tails.cost[h] or (cost == tails.cost[h] and fills < totals[h, FILL_S]):
                    ready = max(terms[READY_S] + found[2] + totals[c, FILL_S], terms[RESIDENT_S] + totals[c, READY])
                    tails.cost[h], tails.after[h], tails.place[h] = cost, c, s
                    for each in range(groups):
                        tails.used[h, each] = tails.used[c, each]
                    tails.used[h, board.group[s]] += board.chiplets[s]
                    totals[h, FILL_S], totals[h, SLOWEST_S] = fills, max(totals[c, SLOWEST_S], found[1])
                    totals[h, READY] = ready
                    totals[h, BYTES] = totals[c, BYTES] + terms[DRAM_BYTES] + left
                    totals[h, JOULES] = totals[c, JOULES] + terms[ENERGY_J] + left * line.rates.dram_j
            first = _cheapest(board, tails, (h, c, end), True, cap_s, price, found)
            if first >= 0:
                terms, moved = table[h, c - h - 1, first], left + batch * crossing[h]
                ready = max(terms[READY_S] + found[2] + totals[c, FILL_S], terms[RESIDENT_S] + totals[c, READY])
                first_s = max(totals[c, FILL_S] + found[0], ready)
                slowest_s = law.pipeline_s(first_s, max(totals[c, SLOWEST_S], found[1]), rounds)
                bytes_ = totals[c, BYTES] + terms[DRAM_BYTES] + moved
                energy_j = totals[c, JOULES] + terms[ENERGY_J] + moved * line.rates.dram_j
                value = slowest_s + worth * energy_j
                if value < best[h]:
                    best[h] = value
                    heads.latency_s[h], heads.energy_j[h], heads.dram_bytes[h] = slowest_s, energy_j, bytes_
                    heads.place[h], heads.after[h] = first, c
                    slot = 0
                    for each in range(groups):
                        used = tails.used[c, each] + (board.chiplets[first] if board.group[first] == each else 0)
                        # Steps may not divide what there is: the last one holds what is left.
                        slot += board.stride[each] * min(-(-used // board.step), board.counts[each] // board.step)
                    heads.slot[h] = slot
            if s < 0 and first < 0 and h < c - 1:
                break


@inner()
def _room(cuts: int, groups: int) -> tuple[Tails, Heads]:
    tails = Tails(
        np.zeros(cuts),
        np.zeros((cuts, groups), np.int64),
        np.zeros(cuts, np.int64),
        np.zeros(cuts, np.int64),
        np.zeros((cuts, 5)),
    )
    heads = Heads(
        np.zeros(cuts, np.int64),
        np.zeros(cuts, np.int64),
        np.zeros(cuts),
        np.zeros(cuts),
        np.zeros(cuts),
        np.zeros(cuts, np.int64),
    )
    return tails, heads


@kernel(nogil=True)
def pipelines(board: Board, caps_s: Floats, prices: Floats, worth: float, best: Best) -> None:
    """Put pipelines between any two of the cuts where they are better than what `best` holds.

    Args:
        prices: [n, group] of a chiplet: each finds pipelines of its own; worth: of a joule in seconds.
    """
    cuts = len(board.crossing)
    tails, heads = _room(cuts, len(board.counts))
    for e in range(1, cuts):
        for p in range(len(prices)):
            for number in range(len(caps_s)):
                _chain(board, e, caps_s[number], prices[p], worth, tails, heads)
                for i in range(e):
                    if heads.place[i] < 0:
                        continue
                    at = i, e, heads.slot[i]
                    value = heads.latency_s[i] + worth * heads.energy_j[i]
                    if value < best.latency_s[at] + worth * best.energy_j[at]:
                        best.latency_s[at], best.energy_j[at] = heads.latency_s[i], heads.energy_j[i]
                        best.dram_bytes[at], best.cap[at], best.price[at] = heads.dram_bytes[i], number, p


@kernel()
def stages_of(board: Board, start: int, end: int, cap_s: float, price: Floats, worth: float) -> Ints:
    """The stages of a pipeline that `pipelines` found: (first cut, end, place)."""
    tails, heads = _room(len(board.crossing), len(board.counts))
    _chain(board, end, cap_s, price, worth, tails, heads)
    found = np.zeros((end - start, 3), np.int64)
    count, at, to, s = 0, start, heads.after[start], heads.place[start]
    while True:
        found[count, 0], found[count, 1], found[count, 2] = at, to, s
        count += 1
        if to == end:
            return found[:count]
        at = to
        to, s = tails.after[at], tails.place[at]
