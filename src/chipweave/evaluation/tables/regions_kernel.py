"""Compiled: stages of consecutive units on regions of every size, each with its best partitions (see `regions.py`)."""

from __future__ import annotations

import numba
import numpy as np

(
    MICRO_BATCH, MICRO_BATCHES, BATCH, LINK, HOP_S, DELTA_S, DRAM, DRAM_FIXED_S, L2, DETAILED, DRAM_J, NOP_J, DRAM_HOPS,
) = range(13)  # fmt: skip
FILL_S, JOULES, BYTES, SLOWEST_S = range(4)
PACE, SERIAL, WEIGHTS_S, RESIDENT_S, OVERLAPS, FIRST, LAST, MODE, ENERGY, DRAM_BYTES, SPILL_S = range(11)
TERMS = 11
MODES = 3
"""How a stage's partitions are chosen: for time alone; also for weights at a link's pace; for few weights first."""

_A_PACE, _A_SERIAL, _A_EXCHANGE, _A_LIVE, _A_WEIGHTS, _A_ONE, _A_TWO = range(7)
_A_COPIED, _A_LAYERS, _A_COPY_ONE, _A_COPY_TWO, _A_ENERGY, _A_FIRST, _A_PARTED, _A_LARGEST_S = range(7, 15)
_STATE = 15


@numba.njit(cache=True, inline="never")
def _start(p, state):  # type: ignore[no-untyped-def]
    """An empty stage whose first unit has partition p."""
    for field in range(_STATE):
        state[field] = 0.0
    state[_A_FIRST] = p


@numba.njit(cache=True, inline="never")
def _add_unit(u, s, p, exchange_s, before_s, tables, state):  # type: ignore[no-untyped-def]
    """Append unit u of partition p; its inputs take `exchange_s` while the unit before computed for `before_s`."""
    compute_s, inner_s, live, weights, largest, copied, copied_layers, energy_j = tables
    work_s, own_s = compute_s[u, s, p], inner_s[u, s, p]
    state[_A_PACE] += max(work_s, own_s) + max(0.0, exchange_s - before_s)
    state[_A_SERIAL] += work_s + own_s + exchange_s
    state[_A_EXCHANGE] += own_s + exchange_s
    state[_A_LARGEST_S] = max(state[_A_LARGEST_S], own_s, exchange_s)
    state[_A_LIVE] = max(state[_A_LIVE], live[u, s, p])
    state[_A_WEIGHTS] += weights[u, s, p]
    for number in range(2):
        bytes_ = largest[u, s, p, number]
        if bytes_ > state[_A_ONE]:
            state[_A_ONE], state[_A_TWO] = bytes_, state[_A_ONE]
        elif bytes_ > state[_A_TWO]:
            state[_A_TWO] = bytes_
        if p == 0:
            if bytes_ > state[_A_COPY_ONE]:
                state[_A_COPY_ONE], state[_A_COPY_TWO] = bytes_, state[_A_COPY_ONE]
            elif bytes_ > state[_A_COPY_TWO]:
                state[_A_COPY_TWO] = bytes_
    if p == 0:
        state[_A_COPIED] += copied[u]
        state[_A_LAYERS] += copied_layers[u]
    else:
        state[_A_PARTED] += weights[u, s, p]
    state[_A_ENERGY] += energy_j[u, s, p]


@numba.njit(cache=True, inline="never")
def _finish(state, chiplets, total_weights, spans, second, constants, terms):  # type: ignore[no-untyped-def]
    """The stage's terms from what was added up; the value that a choice among partitions minimises."""
    k = constants[MICRO_BATCHES]
    for term in range(TERMS):
        terms[term] = 0.0
    terms[PACE], terms[SERIAL], terms[FIRST] = state[_A_PACE], state[_A_SERIAL], state[_A_FIRST]
    from_dram_s = 0.0
    if total_weights > 0:
        from_dram_s = total_weights / constants[DRAM] + constants[DRAM_FIXED_S]
    live, l2 = state[_A_LIVE], constants[L2]
    terms[ENERGY] = constants[BATCH] * state[_A_ENERGY]
    terms[ENERGY] += k * state[_A_EXCHANGE] * constants[LINK] * chiplets * constants[NOP_J]
    spread = state[_A_COPIED] * chiplets + (total_weights - state[_A_COPIED])
    hop_bytes = spread + total_weights * constants[DRAM_HOPS]
    loads = 1.0
    if constants[DETAILED] == 0.0:
        if constants[MICRO_BATCH] > 1 and state[_A_ONE] + state[_A_TWO] + live > l2:
            return np.inf
        terms[WEIGHTS_S] = from_dram_s
        loads = k
    elif state[_A_WEIGHTS] + live <= l2:
        terms[RESIDENT_S] = from_dram_s
        terms[OVERLAPS] = state[_A_WEIGHTS] + live + second <= l2
    else:
        held = state[_A_ONE] + state[_A_TWO]
        mates = state[_A_PARTED] + state[_A_COPIED] / chiplets + state[_A_COPY_ONE] + state[_A_COPY_TWO]
        gather_s = np.inf
        if chiplets > 1 and mates + live <= l2:
            gather_s = state[_A_COPIED] * (chiplets - 1) / chiplets / constants[LINK]
            gather_s += state[_A_LAYERS] * (spans[chiplets] * constants[HOP_S] + constants[DELTA_S])
        if gather_s < np.inf and from_dram_s + (k - 1) * max(gather_s, terms[PACE]) <= k * max(
            from_dram_s, terms[PACE]
        ):
            terms[WEIGHTS_S], terms[RESIDENT_S] = gather_s, from_dram_s
            terms[OVERLAPS] = mates + live + second <= l2
            hop_bytes += k * state[_A_COPIED] * (chiplets - 1)
        elif held + live <= l2:
            terms[WEIGHTS_S] = from_dram_s
            terms[OVERLAPS] = held + live + second <= l2
            loads = k
        elif constants[MICRO_BATCH] > 1:
            return np.inf
        else:
            spill = chiplets * (live - max(0.0, l2 - held))
            terms[WEIGHTS_S] = from_dram_s
            terms[SPILL_S] = 2 * (spill / constants[DRAM] + constants[DRAM_FIXED_S])
            terms[DRAM_BYTES] = 2 * k * spill
            loads = k
    terms[DRAM_BYTES] += loads * total_weights
    terms[ENERGY] += terms[DRAM_BYTES] * constants[DRAM_J] + loads * hop_bytes * constants[NOP_J]
    if terms[OVERLAPS] > 0:
        steady_s = max(terms[PACE], terms[WEIGHTS_S] + terms[SPILL_S])
    else:
        steady_s = terms[SERIAL] + terms[WEIGHTS_S] + terms[SPILL_S]
    return terms[RESIDENT_S] + terms[SERIAL] + terms[WEIGHTS_S] + (k - 1) * steady_s


@numba.njit(cache=True, inline="never")
def _price(mode, weights, constants):  # type: ignore[no-untyped-def]
    """Seconds that a mode charges for bytes of weights on a chiplet."""
    if mode == 0:
        return 0.0
    return weights / constants[LINK] if mode == 1 else weights * 1.0


@numba.njit(cache=True, inline="never")
def _extend(  # type: ignore[no-untyped-def]
    h, u, s, partitions, mode, tables, chain_s, skip, skip_s, constants, old, new, trial, came
):  # fmt: skip
    """From the best stages of units h to u - 1 by partition of the last (`old`) to those that end with unit u (`new`);
    came [p]: the partition of unit u - 1 that unit u's p follows."""
    for p in range(partitions):
        if u == h:
            _start(p, new[p])
            _add_unit(u, s, p, 0.0, 0.0, tables, new[p])
            continue
        skipped_s = 0.0
        for k in range(len(skip)):
            if skip[k, 1] == u and skip[k, 0] >= h:
                skipped_s += skip_s[k, s, p]
        value = np.inf
        for q in range(partitions):
            for field in range(_STATE):
                trial[field] = old[q, field]
            _add_unit(u, s, p, chain_s[u, s, q, p] + skipped_s, tables[0][u - 1, s, q], tables, trial)
            this = trial[_A_PACE] + _price(mode, trial[_A_WEIGHTS], constants)
            if this < value:
                value = this
                came[p] = q
                for field in range(_STATE):
                    new[p, field] = trial[field]


@numba.njit(cache=True)
def stages(  # type: ignore[no-untyped-def]
    chosen, sizes, longest, limit_s, compute_s, inner_s, chain_s, skip, skip_s, live, weights, largest, copied,
    copied_layers, energy_j, spans, need, constants,
):  # fmt: skip
    """[h, length - 1, size, term]: every stage with its best partitions, unit by unit (Viterbi)."""
    units = len(compute_s)
    tables = (compute_s, inner_s, live, weights, largest, copied, copied_layers, energy_j)
    made = np.full((units, longest, len(chosen), TERMS), np.inf)
    old, new, trial = np.zeros((2, _STATE)), np.zeros((2, _STATE)), np.zeros(_STATE)
    terms, came = np.zeros(TERMS), np.zeros(2, np.int64)
    for at in range(len(chosen)):
        s = chosen[at]
        chiplets = sizes[s]
        partitions = 1 if chiplets == 1 else 2
        modes = 1 if chiplets == 1 else MODES
        for h in range(units):
            most = min(longest, units - h)
            best = np.full(most, np.inf)
            for mode in range(modes):
                total_weights = 0.0
                for length in range(most):
                    u = h + length
                    total_weights += copied[u]
                    _extend(
                        h, u, s, partitions, mode, tables, chain_s, skip, skip_s, constants, old, new, trial, came
                    )  # fmt: skip
                    if length > 0 and min(new[0, _A_PACE], new[partitions - 1, _A_PACE]) > limit_s:
                        break
                    for p in range(partitions):
                        for field in range(_STATE):
                            old[p, field] = new[p, field]
                        first = int(new[p, _A_FIRST])
                        second = need[h, s, first] + max(0.0, live[u, s, p] - need[u, s, p])
                        second += new[p, _A_LARGEST_S] * constants[LINK]
                        value = _finish(new[p], chiplets, total_weights, spans, second, constants, terms)
                        if value < best[length]:
                            best[length] = value
                            terms[LAST], terms[MODE] = p, mode
                            for term in range(TERMS):
                                made[h, length, at, term] = terms[term]
    return made


@numba.njit(cache=True)
def partitions_of(  # type: ignore[no-untyped-def]
    h, length, s, chiplets, mode, last, compute_s, inner_s, chain_s, skip, skip_s, live, weights, largest, copied,
    copied_layers, energy_j, constants,
):  # fmt: skip
    """The partitions of a stage's units that `stages` found with `mode` and the last unit's partition."""
    tables = (compute_s, inner_s, live, weights, largest, copied, copied_layers, energy_j)
    old, new, trial = np.zeros((2, _STATE)), np.zeros((2, _STATE)), np.zeros(_STATE)
    came = np.zeros((length, 2), np.int64)
    partitions = 1 if chiplets == 1 else 2
    for at in range(length):
        _extend(
            h, h + at, s, partitions, mode, tables, chain_s, skip, skip_s, constants, old, new, trial, came[at]
        )  # fmt: skip
        for p in range(partitions):
            for field in range(_STATE):
                old[p, field] = new[p, field]
    found = np.zeros(length, np.int64)
    found[length - 1] = last
    for at in range(length - 1, 0, -1):
        found[at - 1] = came[at, found[at]]
    return found
