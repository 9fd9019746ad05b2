"""Compiled: the windows that stages of the tables make, from the back (see `search.py`)."""

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
    """What windows are made of.

    Args:
        table: [h, length - 1, number, term] stages (`regions_kernel.TERMS`) on the sizes number `chosen`, ascending.
        need: [u, s, p] bytes of a micro-batch that the largest part of unit u needs from other units.
        crossing: [c] bytes of a sample that cross from the units before c to those from c on.
    """

    table: Floats
    chosen: Ints
    need: Floats
    crossing: Floats
    line: Line


class Tails(NamedTuple):
    """Of the stages from unit h to the window's end, none of which is the window's first: [h] how many chiplets they
    have, where their first ends and the number of its size, [h, 5] figures (see `FILL_S`)."""

    chips: Ints
    after: Ints
    size: Ints
    totals: Floats


class Heads(NamedTuple):
    """Of the window that begins with unit h: [h] its cost, seconds, joules, and the number of the size and the end of
    its first stage."""

    cost: Floats
    latency_s: Floats
    energy_j: Floats
    size: Ints
    after: Ints


class Windows(NamedTuple):
    """Of the window of units i to e - 1, [i, e]: cost, seconds, joules and the number of the cap it was made with."""

    cost: Floats
    latency_s: Floats
    energy_j: Floats
    cap: Ints


@inner()
def _smallest(
    board: Board, tails: Tails, span: tuple[int, int, int], opens: bool, start: int, cap_s: float, found: Floats
) -> int:
    """The number, from `start` on, of the smallest size on which a stage of units h to c - 1 of a window that ends
    before unit `end` is no slower than the cap, and has room; how many sizes there are where none is. Found: its fill
    and steady seconds, and those in which it loads its input and sends out beside its weights."""
    h, c, end = span
    line, table, chosen = board.line, board.table, board.chosen
    sizes, mb, crossing = line.sizes, line.micro_batch, board.crossing
    most = sizes[len(sizes) - 1]
    loaded = mb * crossing[h] if opens else 0.0
    left = mb * crossing[c]
    follower, receive, out_s = 0, 0.0, 0.0
    if c == end:
        out_s = law.dram_s(left, line.dram_hops, line.rates)
    else:
        follower = tails.size[c]
        receive = board.need[c, chosen[follower], int(table[c, tails.after[c] - c - 1, follower, FIRST])]
    for s in range(start, len(chosen)):
        chiplets = sizes[chosen[s]]
        if tails.chips[c] + chiplets > most:
            break
        terms = table[h, c - h - 1, s]
        least_s = max(terms[PACE_S] + terms[EXPOSED_S], terms[STREAMS_S], terms[GATHER_S])
        if least_s < np.inf and least_s <= cap_s:
            if c < end:
                out_s = forward_s(left, chiplets, sizes[chosen[follower]], receive, line)
            came = 0.0 if opens else board.need[h, chosen[s], int(terms[FIRST])]
            # The first micro-batch's input comes by the same DRAM as the weights.
            found[2] = out_s + loaded / line.rates.dram_bytes_s
            found[0], found[1] = times_of(terms, loaded, left, came, out_s, c == end, line)
            if found[1] <= cap_s:
                return s
    return len(chosen)


@inner()
def _chain(board: Board, end: int, cap_s: float, price: float, tails: Tails, heads: Heads) -> None:
    """All windows that end before unit `end` with no stage slower than `cap_s`, from the back; a joule costs `price`
    seconds."""
    line, table, crossing = board.line, board.table, board.crossing
    sizes, longest, many = line.sizes, table.shape[1], len(board.chosen)
    batch, most = line.batch, sizes[len(sizes) - 1]
    rounds = batch / line.micro_batch if line.rates.detailed else law.micro_batches(batch, line.micro_batch)
    found, totals = np.zeros(3), tails.totals
    for h in range(end + 1):
        tails.chips[h], heads.cost[h] = 10**9, np.inf
    tails.chips[end] = 0
    for field in range(5):
        totals[end, field] = 0.0
    for c in range(end, 0, -1):
        if tails.chips[c] >= most:
            continue
        start = start_first = 0
        left = batch * crossing[c] if c == end else 0.0
        for h in range(c - 1, max(-1, c - longest - 1), -1):
            start = _smallest(board, tails, (h, c, end), False, start, cap_s, found)
            if start < many:
                terms = table[h, c - h - 1, start]
                used = tails.chips[c] + sizes[board.chosen[start]]
                fills = totals[c, FILL_S] + found[0]
                ready = max(terms[READY_S] + found[2] + totals[c, FILL_S], terms[RESIDENT_S] + totals[c, READY])
                if used < tails.chips[h] or (used == tails.chips[h] and fills < totals[h, FILL_S]):
                    tails.chips[h], tails.after[h], tails.size[h] = used, c, start
                    totals[h, FILL_S], totals[h, SLOWEST_S] = fills, max(totals[c, SLOWEST_S], found[1])
                    totals[h, READY] = ready
                    totals[h, BYTES] = totals[c, BYTES] + terms[DRAM_BYTES] + left
                    totals[h, JOULES] = totals[c, JOULES] + terms[ENERGY_J] + left * line.rates.dram_j
            start_first = _smallest(board, tails, (h, c, end), True, start_first, cap_s, found)
            if start_first < many:
                terms, moved = table[h, c - h - 1, start_first], left + batch * crossing[h]
                ready = max(terms[READY_S] + found[2] + totals[c, FILL_S], terms[RESIDENT_S] + totals[c, READY])
                first_s = max(totals[c, FILL_S] + found[0], ready)
                slowest_s = law.pipeline_s(first_s, max(totals[c, SLOWEST_S], found[1]), rounds)
                bytes_ = totals[c, BYTES] + terms[DRAM_BYTES] + moved
                time_s = law.window_s(law.window_needs(slowest_s, bytes_, 0.0, 0.0, line.rates))
                energy_j = totals[c, JOULES] + terms[ENERGY_J] + moved * line.rates.dram_j
                cost = time_s + price * energy_j
                if cost < heads.cost[h]:
                    heads.cost[h], heads.latency_s[h], heads.energy_j[h] = cost, time_s, energy_j
                    heads.size[h], heads.after[h] = start_first, c
            if start >= many and start_first >= many:
                break


@inner()
def _room(units: int) -> tuple[Tails, Heads]:
    size = units + 1
    tails = Tails(np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros((size, 5)))
    heads = Heads(np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(size, np.int64), np.zeros(size, np.int64))
    return tails, heads


@kernel(nogil=True)
def windows(board: Board, caps_s: Floats, price: float, ends: Ints, best: Windows) -> None:
    """Put windows that end before the units `ends`, under each cap, where they are better than what `best` holds."""
    tails, heads = _room(len(board.table))
    for end in ends:
        for number in range(len(caps_s)):
            _chain(board, end, caps_s[number], price, tails, heads)
            for i in range(end):
                if heads.cost[i] < best.cost[i, end]:
                    best.cost[i, end], best.latency_s[i, end] = heads.cost[i], heads.latency_s[i]
                    best.energy_j[i, end], best.cap[i, end] = heads.energy_j[i], number


@kernel()
def window_stages(board: Board, start: int, end: int, cap_s: float, price: float) -> Ints:
    """The stages of the window of units start to end - 1 under a cap: (first unit, end, number of size in `chosen`)."""
    tails, heads = _room(len(board.table))
    _chain(board, end, cap_s, price, tails, heads)
    found = np.zeros((end - start, 3), np.int64)
    count, at, to, s = 0, start, heads.after[start], heads.size[start]
    while True:
        found[count, 0], found[count, 1], found[count, 2] = at, to, s
        count += 1
        if to == end:
            return found[:count]
        at = to
        to, s = tails.after[at], tails.size[at]
