"""Compiled inner loops of the evaluator and of the searches. Plain twins: `memory.py`, `tensors.py`, `evaluate.py`.

Every function here is a pure function of arrays; `arrays.py` says what the arrays hold.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Positions in the array of the package's constants.
LINK_BANDWIDTH, HOP_S, DELTA_S, NOP_J_PER_BYTE, DRAM_BANDWIDTH, DRAM_S, DRAM_J_PER_BYTE = range(7)


@njit(cache=True)
def footprints(first, last, size, start, end, producers, weights):  # type: ignore[no-untyped-def]
    """`live` and `two_largest`, both [i, j] in bytes (`memory.footprint`)."""
    units, layers = len(first), len(weights)
    live, two_largest = np.zeros((units, units)), np.zeros((units, units))
    held = np.zeros(layers)
    until = np.empty(layers + 1, dtype=np.int64)
    for i in range(units):
        held[:] = 0.0
        until[:] = -1
        peak = largest = second = 0.0
        for j in range(i, units):
            for layer in range(first[j], last[j] + 1):
                peak = max(peak, _hold(layer, first[i], size, start, end, producers, held, until))
                if weights[layer] > largest:
                    largest, second = weights[layer], largest
                elif weights[layer] > second:
                    second = weights[layer]
            live[i, j] = peak
            two_largest[i, j] = largest + second
    return live, two_largest


@njit(cache=True)
def _hold(layer, begin, size, start, end, producers, held, until):  # type: ignore[no-untyped-def]
    """Extend a stage that begins at layer `begin` by `layer`; the largest live set that changed."""
    held[layer] += size[layer + 1]
    until[layer + 1] = layer
    peak = held[layer]
    for operand in range(start[layer], end[layer]):
        producer = producers[operand]
        since = max(begin, until[producer + 1] + 1)
        for at in range(since, layer + 1):
            held[at] += size[producer + 1]
            peak = max(peak, held[at])
        until[producer + 1] = layer
    return max(peak, held[layer])


@njit(cache=True)
def spills(first, last, size, start, end, producers, weights, live, two_largest, l2_bytes):  # type: ignore[no-untyped-def]
    """`spill_kept` and `spill_streamed`, [c, i, j] in bytes (`memory.use_l2`); kept is inf where weights exceed L2."""
    units, layers, classes = len(first), len(weights), len(l2_bytes)
    kept, streamed = np.zeros((classes, units, units)), np.zeros((classes, units, units))
    if classes * units and two_largest.max() + live.max() <= l2_bytes.min():
        return kept, streamed
    held = np.zeros(layers)
    until = np.empty(layers + 1, dtype=np.int64)
    for i in range(units):
        held[:] = 0.0
        until[:] = -1
        all_weights = 0.0
        for j in range(i, units):
            for layer in range(first[j], last[j] + 1):
                _hold(layer, first[i], size, start, end, producers, held, until)
                all_weights += weights[layer]
            for c in range(classes):
                room = l2_bytes[c]
                if two_largest[i, j] + live[i, j] <= room:
                    continue
                beside_all, beside_two = 0.0, 0.0
                for layer in range(first[i], last[j] + 1):
                    after = weights[layer + 1] if layer < last[j] else 0.0
                    beside_two += max(0.0, held[layer] - max(0.0, room - weights[layer] - after))
                    beside_all += max(0.0, held[layer] - max(0.0, room - all_weights))
                streamed[c, i, j] = beside_two
                kept[c, i, j] = beside_all if all_weights <= room else np.inf
    return kept, streamed


@njit(cache=True)
def fill_and_drain(first, last, fill, drain, start, end, producers, elements, last_reader):  # type: ignore[no-untyped-def]
    """`fill_input_j` and `drain_j`, [c, i, j] in joules of one sample (`evaluate._fill_and_drain_j`)."""
    units, classes = len(first), fill.shape[0]
    fill_j, drain_j = np.zeros((classes, units, units)), np.zeros((classes, units, units))
    filled = np.zeros(classes)
    for i in range(units):
        filled[:] = 0.0
        for j in range(i, units):
            for layer in range(first[j], last[j] + 1):
                outside = total = 0.0
                for operand in range(start[layer], end[layer]):
                    total += elements[operand]
                    if producers[operand] < first[i]:
                        outside += elements[operand]
                for c in range(classes):
                    filled[c] += fill[c, layer] * (outside / total)
            for c in range(classes):
                fill_j[c, i, j] = filled[c]
    for j in range(units):
        filled[:] = 0.0
        for i in range(j, -1, -1):
            for layer in range(first[i], last[i] + 1):
                if last_reader[layer] > last[j]:
                    for c in range(classes):
                        filled[c] += drain[c, layer]
            for c in range(classes):
                drain_j[c, i, j] = filled[c]
    return fill_j, drain_j


@njit(cache=True)
def window_traffic(a, b, forwarding, unit, size, sink, starts, reader, read):  # type: ignore[no-untyped-def]
    """Bytes of one sample that units i to j, as a stage of a window that holds units a to b - 1, exchange.

    Returns (load [i, j] from DRAM, store [n + 1] to DRAM as prefix sums, forward [i, j] to later stages), with
    i, j counted from a (`tensors.exchange`). Without `forwarding`, `forward` counts each tensor once however
    many stages read it: at most what is really sent.
    """
    n = b - a
    load, store, forward = np.zeros((n, n)), np.zeros(n + 1), np.zeros((n, n))
    for t in range(len(unit)):
        maker = unit[t]
        if maker >= b:
            break
        if maker < a:
            for i in range(n):
                taken = 0.0
                at = starts[t]
                for j in range(i, n):
                    while at < starts[t + 1] and reader[at] <= a + j:
                        if reader[at] >= a + i:
                            taken += read[at]
                        at += 1
                    load[i, j] += min(size[t], taken)
            continue
        later = size[t] if sink[t] else 0.0
        inside_end, inside = starts[t], 0.0
        for at in range(starts[t], starts[t + 1]):
            if reader[at] >= b:
                later += read[at]
            else:
                inside += read[at]
                inside_end = at + 1
        store[maker - a + 1] += min(size[t], later)
        at = starts[t]
        for j in range(maker - a, n - 1):
            while at < inside_end and reader[at] <= a + j:
                inside -= read[at]
                at += 1
            if at == inside_end:
                break
            # With forwarding every stage that ends at j hands it on, else only the one that made it.
            for i in range((j if forwarding else maker - a) + 1):
                forward[i, j] += min(size[t], inside)
    for i in range(n):
        store[i + 1] += store[i]
    return load, store, forward


@njit(cache=True)
def dram_s(bytes_, hops, package):  # type: ignore[no-untyped-def]
    if bytes_ == 0.0:
        return 0.0
    return bytes_ / package[DRAM_BANDWIDTH] + hops * package[HOP_S] + package[DRAM_S] + package[DELTA_S]


@njit(cache=True)
def nop_s(bytes_, hops, package):  # type: ignore[no-untyped-def]
    if bytes_ == 0.0 or hops == 0:
        return 0.0
    return bytes_ / package[LINK_BANDWIDTH] + hops * package[HOP_S] + package[DELTA_S]


@njit(cache=True)
def stage_cost(  # type: ignore[no-untyped-def]
    detailed,
    micro,
    batch,
    l2,
    compute,
    weights,
    two_largest,
    live,
    kept,
    streamed,
    load,
    store,
    sent,
    sent_s,
    hops,
    package,
):
    """One stage (`evaluate._stage`): (sum part, steady part, DRAM bytes, weight loads, spill bytes per
    micro-batch); the sum part is infinite where a micro-batch above 1 does not fit.

    `compute` in seconds, the others in bytes, all of one sample; `sent_s` is the time to send `sent` of one
    micro-batch.
    """
    count = -(-batch // micro)
    compute_s = micro * compute
    if not detailed:
        if micro > 1 and two_largest + micro * live > l2:
            return np.inf, np.inf, 0.0, 0.0, 0.0
        time = dram_s(micro * load + weights, hops, package) + compute_s + dram_s(micro * store, hops, package) + sent_s
        return time, time, count * weights + batch * (load + store), float(count), 0.0
    activations = micro * live
    resident, fits, held, spill = True, True, weights, 0.0
    if weights + activations > l2:
        resident, held = False, two_largest
        if two_largest + activations > l2:
            if micro > 1:
                return np.inf, np.inf, 0.0, 0.0, 0.0
            fits = False
            spill = streamed
            if weights <= l2 and weights + 2 * count * kept <= count * (weights + 2 * streamed):
                resident, spill = True, kept
    weights_s = dram_s(weights, hops, package)
    in_and_out_s = (
        dram_s(micro * load, hops, package)
        + dram_s(micro * store, hops, package)
        + 2 * dram_s(spill, hops, package)
        + sent_s
    )
    if resident:
        fill_s, streaming_s = in_and_out_s + compute_s, 0.0
    elif fits:
        fill_s, streaming_s = in_and_out_s + max(compute_s, weights_s), weights_s
    else:
        fill_s, streaming_s = in_and_out_s + compute_s + weights_s, weights_s
    steady_s = fill_s
    if fits and held + activations + micro * (load + store + sent) <= l2:
        steady_s = max(compute_s, in_and_out_s + streaming_s)
    weight_loads = 1.0 if resident else float(count)
    moved = weight_loads * weights + batch * (load + store) + 2 * count * spill
    return (weights_s if resident else 0.0) + fill_s, steady_s, moved, weight_loads, spill


@njit(cache=True)
def stage_joules(  # type: ignore[no-untyped-def]
    batch, c, u, v, loads, moved, hops, work_j, fill_weight_j, fill_input_j, drain_j, package
):
    """Joules of units u to v on a chiplet of class c, all but what is sent to later stages (`evaluate._stage`)."""
    return (
        batch * (work_j[c, v + 1] - work_j[c, u] + fill_input_j[c, u, v] + drain_j[c, u, v])
        + loads * (fill_weight_j[c, v + 1] - fill_weight_j[c, u])
        + moved * (package[DRAM_J_PER_BYTE] + hops * package[NOP_J_PER_BYTE])
    )


@njit(cache=True)
def stage_tables(  # type: ignore[no-untyped-def]
    detailed,
    micro,
    batch,
    a,
    n,
    sig_class,
    sig_hops,
    l2_bytes,
    compute_s,
    work_j,
    fill_weight_j,
    fill_input_j,
    drain_j,
    weights,
    two_largest,
    live,
    spill_kept,
    spill_streamed,
    load,
    store,
    forward,
    package,
):
    """Every stage of a window [a, a + n) at one micro-batch on every kind of place (chiplet class, hops to DRAM).

    Returns four arrays [place, i, j]: sum part, steady part, joules, DRAM bytes; what is forwarded is taken to
    travel one hop, once.
    """
    kinds = len(sig_class)
    total_s, steady_s = np.full((kinds, n, n), np.inf), np.full((kinds, n, n), np.inf)
    joules, dram = np.zeros((kinds, n, n)), np.zeros((kinds, n, n))
    for kind in range(kinds):
        c, hops = sig_class[kind], sig_hops[kind]
        for i in range(n):
            for j in range(i, n):
                u, v = a + i, a + j
                held = weights[v + 1] - weights[u]
                stored = store[j + 1] - store[i]
                first_s, next_s, moved, loads, _ = stage_cost(
                    detailed, micro, batch, l2_bytes[c], compute_s[c, v + 1] - compute_s[c, u], held,
                    two_largest[u, v], live[u, v], spill_kept[c, u, v], spill_streamed[c, u, v], load[i, j], stored,
                    forward[i, j], nop_s(micro * forward[i, j], 1, package), hops, package,
                )  # fmt: skip
                total_s[kind, i, j], steady_s[kind, i, j], dram[kind, i, j] = first_s, next_s, moved
                joules[kind, i, j] = batch * forward[i, j] * package[NOP_J_PER_BYTE] + stage_joules(
                    batch, c, u, v, loads, moved, hops, work_j, fill_weight_j, fill_input_j, drain_j, package
                )
    return total_s, steady_s, joules, dram


@njit(cache=True, nogil=True)
def pipelines(  # type: ignore[no-untyped-def]
    detailed,
    a,
    b,
    micros,
    stages,
    cuts,
    chiplets,
    batch,
    class_of,
    l2_bytes,
    dram_hops,
    interface,
    hops,
    route,
    compute_s,
    work_j,
    fill_weight_j,
    fill_input_j,
    drain_j,
    weights,
    two_largest,
    live,
    spill_kept,
    spill_streamed,
    tensor_of_unit,
    size,
    starts,
    reader,
    read,
    load,
    store,
    forward,
    package,
    link_bytes,
    sent,
    received,
):
    """Exact cost of many pipelines of one task in a window that holds its units a to b - 1 (`evaluate._pipeline`).

    Candidate m has micro-batch `micros[m]` and `stages[m]` stages; stage s ends before unit `cuts[m, s]` and runs
    on `chiplets[m, s]`. Returns (latency_s [m], energy_j [m], dram_bytes [m]) and, in `detailed`, adds each
    candidate's bytes to `link_bytes` [m, links], `sent` and `received` [m, chiplets].
    """
    many, n = len(micros), b - a
    latency, energy, dram = np.empty(many), np.empty(many), np.empty(many)
    stage_of = np.empty(n, dtype=np.int64)
    to_stage = np.empty(cuts.shape[1])
    for m in range(many):
        micro, count = micros[m], -(-batch // micros[m])
        begin = a
        for s in range(stages[m]):
            for u in range(begin, cuts[m, s]):
                stage_of[u - a] = s
            begin = cuts[m, s]
        total_s = slowest_s = joules = moved_all = 0.0
        begin = a
        for s in range(stages[m]):
            u, v = begin, cuts[m, s] - 1
            i, j = u - a, v - a
            chip = chiplets[m, s]
            c, far = class_of[chip], dram_hops[chip]
            forward_all = forward_s = forward_j = 0.0
            if s < stages[m] - 1:
                for target in range(stages[m]):
                    to_stage[target] = 0.0
                if detailed:
                    for t in range(tensor_of_unit[u], tensor_of_unit[v + 1]):
                        here, seen = 0.0, s
                        for at in range(starts[t], starts[t + 1]):
                            if reader[at] >= b:
                                break
                            target = stage_of[reader[at] - a]
                            if target == s:
                                continue
                            if target != seen:
                                if seen > s:
                                    to_stage[seen] += min(size[t], here)
                                here, seen = 0.0, target
                            here += read[at]
                        if seen > s:
                            to_stage[seen] += min(size[t], here)
                else:
                    to_stage[s + 1] = forward[i, j]
                for target in range(s + 1, stages[m]):
                    amount = to_stage[target]
                    if amount > 0.0:
                        other = chiplets[m, target]
                        forward_all += amount
                        forward_s += nop_s(micro * amount, hops[chip, other], package)
                        forward_j += batch * amount * hops[chip, other] * package[NOP_J_PER_BYTE]
                        if detailed:
                            _carry(m, chip, other, batch * amount, route, link_bytes, sent, received)
            stored = store[j + 1] - store[i]
            held = weights[v + 1] - weights[u]
            first_s, next_s, moved, loads, spill = stage_cost(
                detailed, micro, batch, l2_bytes[c], compute_s[c, v + 1] - compute_s[c, u], held,
                two_largest[u, v], live[u, v], spill_kept[c, u, v], spill_streamed[c, u, v], load[i, j], stored,
                forward_all, forward_s, far, package,
            )  # fmt: skip
            total_s += first_s
            slowest_s = max(slowest_s, next_s)
            moved_all += moved
            joules += forward_j + stage_joules(
                batch, c, u, v, loads, moved, far, work_j, fill_weight_j, fill_input_j, drain_j, package
            )
            if detailed and far > 0:
                near = interface[chip]
                inward = loads * held + batch * load[i, j] + count * spill
                _carry(m, near, chip, inward, route, link_bytes, sent, received)
                _carry(m, chip, near, batch * stored + count * spill, route, link_bytes, sent, received)
            begin = cuts[m, s]
        latency[m] = total_s + (count - 1) * slowest_s
        energy[m], dram[m] = joules, moved_all
    return latency, energy, dram


@njit(cache=True)
def _carry(m, source, target, bytes_, route, link_bytes, sent, received):  # type: ignore[no-untyped-def]
    for step in range(route.shape[2]):
        link = route[source, target, step]
        if link < 0:
            break
        link_bytes[m, link] += bytes_
    sent[m, source] += bytes_
    received[m, target] += bytes_
