"""Compiled: the windows that stages of the tables make, from the back (see `search.py`)."""

from __future__ import annotations

import numba
import numpy as np

from chipweave.evaluation.tables.regions_kernel import (
    BATCH,
    BYTES,
    DELTA_S,
    DETAILED,
    DRAM,
    DRAM_BYTES,
    DRAM_FIXED_S,
    DRAM_J,
    ENERGY,
    FILL_S,
    FIRST,
    HOP_S,
    JOULES,
    LINK,
    MICRO_BATCH,
    MICRO_BATCHES,
    OVERLAPS,
    PACE,
    RESIDENT_S,
    SERIAL,
    SLOWEST_S,
    SPILL_S,
    WEIGHTS_S,
)


@numba.njit(cache=True, inline="never")
def _dram_s(bytes_, constants):  # type: ignore[no-untyped-def]
    return bytes_ / constants[DRAM] + constants[DRAM_FIXED_S] if bytes_ > 0 else 0.0


@numba.njit(cache=True, inline="never")
def _forward_s(bytes_, chiplets, next_chiplets, receive, spans, constants):  # type: ignore[no-untyped-def]
    """To the next stage: its largest part's need, or the sender's share, and the longest route over both regions."""
    if bytes_ == 0:
        return 0.0
    reach = min(len(spans) - 1, chiplets + next_chiplets)
    return max(receive, bytes_ / chiplets) / constants[LINK] + spans[reach] * constants[HOP_S] + constants[DELTA_S]


@numba.njit(cache=True, inline="never")
def _times(terms, in_and_out_s, constants):  # type: ignore[no-untyped-def]
    """(fill, steady) seconds of a stage with what it brings in and sends out."""
    if constants[DETAILED] == 0.0:
        both = terms[SERIAL] + terms[WEIGHTS_S] + in_and_out_s
        return both, both
    other_s = in_and_out_s + terms[SPILL_S]
    fill_s = max(terms[SERIAL], terms[WEIGHTS_S]) + other_s
    if terms[SPILL_S] > 0:
        fill_s = terms[SERIAL] + terms[WEIGHTS_S] + other_s
    if terms[OVERLAPS] > 0:
        return fill_s, max(terms[PACE], other_s + terms[WEIGHTS_S])
    return fill_s, fill_s


@numba.njit(cache=True, inline="never")
def _chain(  # type: ignore[no-untyped-def]
    end, cap_s, price, table, chosen, sizes, need, crossing, spans, constants, chips, size, after, totals, cost,
    latency, spent, first_size, first_after,
):  # fmt: skip
    """All windows that end before unit `end` with no stage slower than `cap_s`, from the back.

    Chips [h] and totals [h, 4] (seconds of fill, joules, DRAM bytes, seconds of the slowest): of the stages from unit
    h on, none of which is the first; after, size [h]: where stage h ends and the number of its size. Cost, latency,
    spent, first_size, first_after [h]: of the window that begins with unit h.
    """
    longest, many = table.shape[1], table.shape[2]
    mb, k = constants[MICRO_BATCH], constants[MICRO_BATCHES]
    most = sizes[len(sizes) - 1]
    for h in range(end + 1):
        chips[h], cost[h] = 10**9, np.inf
    chips[end] = 0
    for field in range(4):
        totals[end, field] = 0.0
    for c in range(end, 0, -1):
        if chips[c] >= most:
            continue
        start_s = start_first = 0
        for h in range(c - 1, max(-1, c - longest - 1), -1):
            if c == end:
                out_s = _dram_s(mb * crossing[c], constants)
                out_bytes = constants[BATCH] * crossing[c]
            else:
                out_s, out_bytes = 0.0, 0.0
            in_s = _dram_s(mb * crossing[h], constants)
            for first in range(2):
                s = start_first if first else start_s
                found = False
                while s < many and chips[c] + sizes[chosen[s]] <= most:
                    terms = table[h, c - h - 1, s]
                    if terms[PACE] < np.inf:
                        io_s = out_s + (in_s if first else 0.0)
                        if c < end:
                            follower = size[c]
                            io_s += _forward_s(
                                mb * crossing[c], sizes[chosen[s]], sizes[chosen[follower]],
                                need[c, chosen[follower], int(table[c, after[c] - c - 1, follower, FIRST])],
                                spans, constants,
                            )  # fmt: skip
                        fill_s, steady_s = _times(terms, io_s, constants)
                        if steady_s <= cap_s:
                            found = True
                            break
                    s += 1
                if not found:
                    if first == 0:
                        start_s = many
                    else:
                        start_first = many
                    continue
                if first:
                    start_first = s
                else:
                    start_s = s
                terms = table[h, c - h - 1, s]
                used = chips[c] + sizes[chosen[s]]
                fills = totals[c, FILL_S] + fill_s + terms[RESIDENT_S]
                slow = max(totals[c, SLOWEST_S], steady_s)
                bytes_ = totals[c, BYTES] + terms[DRAM_BYTES] + out_bytes
                joules = totals[c, JOULES] + terms[ENERGY] + out_bytes * constants[DRAM_J]
                if first == 0:
                    if used < chips[h] or (used == chips[h] and fills < totals[h, FILL_S]):
                        chips[h], after[h], size[h] = used, c, s
                        totals[h, FILL_S], totals[h, SLOWEST_S] = fills, slow
                        totals[h, BYTES], totals[h, JOULES] = bytes_, joules
                else:
                    bytes_ += constants[BATCH] * crossing[h]
                    joules += constants[BATCH] * crossing[h] * constants[DRAM_J]
                    time_s = fills + (k - 1) * slow
                    if constants[DETAILED] > 0:
                        time_s = max(time_s, bytes_ / constants[DRAM])
                    value = time_s + price * joules
                    if value < cost[h]:
                        cost[h], latency[h], spent[h] = value, time_s, joules
                        first_size[h], first_after[h] = s, c
            if start_s >= many and start_first >= many:
                break


@numba.njit(cache=True)
def windows(  # type: ignore[no-untyped-def]
    caps_s, price, table, chosen, sizes, need, crossing, spans, constants, from_end, cost, latency, spent, cap,
):  # fmt: skip
    """Lower `cost` [i, e], `latency`, `spent` (joules) and `cap` (the number of the cap) where a window of units i to
    e - 1 is better than what they hold. Windows end at units `from_end`."""
    units = table.shape[0]
    chips, after, size = np.zeros(units + 1, np.int64), np.zeros(units + 1, np.int64), np.zeros(units + 1, np.int64)
    first_size, first_after = np.zeros(units + 1, np.int64), np.zeros(units + 1, np.int64)
    totals = np.zeros((units + 1, 4))
    value, time_s, joules = np.zeros(units + 1), np.zeros(units + 1), np.zeros(units + 1)
    for end in from_end:
        for number in range(len(caps_s)):
            _chain(
                end, caps_s[number], price, table, chosen, sizes, need, crossing, spans, constants, chips, size, after,
                totals, value, time_s, joules, first_size, first_after,
            )  # fmt: skip
            for i in range(end):
                if value[i] < cost[i, end]:
                    cost[i, end], latency[i, end], spent[i, end] = value[i], time_s[i], joules[i]
                    cap[i, end] = number


@numba.njit(cache=True)
def window_stages(  # type: ignore[no-untyped-def]
    start, end, cap_s, price, table, chosen, sizes, need, crossing, spans, constants
):  # fmt: skip
    """The stages of the window of units start to end - 1 under a cap: (first unit, end, number of size in `chosen`)."""
    units = table.shape[0]
    chips, after, size = np.zeros(units + 1, np.int64), np.zeros(units + 1, np.int64), np.zeros(units + 1, np.int64)
    first_size, first_after = np.zeros(units + 1, np.int64), np.zeros(units + 1, np.int64)
    totals = np.zeros((units + 1, 4))
    value, time_s, joules = np.zeros(units + 1), np.zeros(units + 1), np.zeros(units + 1)
    _chain(
        end, cap_s, price, table, chosen, sizes, need, crossing, spans, constants, chips, size, after, totals, value,
        time_s, joules, first_size, first_after,
    )  # fmt: skip
    found = np.zeros((end - start, 3), np.int64)
    count, at, to, s = 0, start, first_after[start], first_size[start]
    while True:
        found[count, 0], found[count, 1], found[count, 2] = at, to, s
        count += 1
        if to == end:
            return found[:count]
        at = to
        to, s = after[at], size[at]
