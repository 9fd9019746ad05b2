"""Counts and cycles of a mapping, compiled (docs/cost-model/loopnest.md, "Counts", "Cycles", "What must fit").

A mapping is six records, one per group of loops that meet in a tensor's axis: N, G, K, C, (Y, R) and (X, S); and a
reuse: what its orders come to. `footprint` describes records and classes.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from chipweave.cost.loopnest.footprint import (
    ARRAY,
    ARRAY_SHARED_F,
    ARRAY_SHARED_O,
    CLASSES,
    DF,
    DO,
    FIRST,
    FIRST_CLASS,
    FIRST_F,
    FIRST_O,
    FLAGS,
    FULL,
    HELD,
    HF,
    HO,
    LARGEST,
    LAST,
    LAST_F,
    LAST_O,
    MANY,
    NEW_F,
    NEW_O,
    NF,
    NO,
    OUTPUTS,
    OWN,
    OWN_SHARED_F,
    OWN_SHARED_O,
    PAIRS,
    PO,
    SF,
    SO,
    TAPS,
    TF,
    TO,
    WORK,
)

Ints = NDArray[np.int64]

GROUP_N, GROUP_G, GROUP_K, GROUP_C, VERTICAL, HORIZONTAL = range(6)
GROUPS = 6

# Columns of a reuse. Masks hold the loops inside a tensor's pivot, that is, the ones that cost it nothing.
W_FREE, I_FREE, O_FREE, PIVOT = 0, 1, 2, 3
W_KEPT, I_KEPT, O_KEPT = 4, 5, 6  # the same for the registers
REUSE = 7
FREE_N, FREE_Y, FREE_X = 1, 2, 4  # of W
FREE_K = 1  # of I
FREE_C, FREE_R, FREE_S = 1, 2, 4  # of O
PIVOT_Y, PIVOT_X, PIVOT_R, PIVOT_S, PIVOT_ELSE = 1, 2, 3, 4, 0  # of I: the loop along which halos are shared

# Columns of a machine.
PES, LANES, L1_BYTES, BANDWIDTH, LATENCY, OPERAND, PARTIAL, Q = range(8)

# Columns of the figures.
(
    L1_READ_W,
    L1_READ_I,
    L1_READ_O,
    L1_WRITE_W,
    L1_WRITE_I,
    L1_WRITE_O,
    L2_READ_W,
    L2_READ_I,
    L2_READ_O,
    L2_WRITE_O,
    REDUCED,
    STEPS,
    FILL,
    COMPUTE,
    NOC_IN,
    NOC_OUT,
    DRAIN,
    OVERLAPPED,
    L1_NEED,
) = range(19)
FIGURES = 19


@njit(cache=True, nogil=True)
def l1_need(records: Ints, rows: Ints, machine: Ints, overlapped: bool) -> int:
    """Bytes of the largest tiles in a PE; with second buffers for the tensors that move if `overlapped`.

    Args:
        records, rows: group g is records[g, rows[g]].
    """
    n, g, k, c = records[0, rows[0]], records[1, rows[1]], records[2, rows[2]], records[3, rows[3]]
    v, u = records[4, rows[4]], records[5, rows[5]]
    weights = g[TO] * k[TO] * c[TO] * v[TF] * u[TF] * machine[OPERAND]
    inputs = n[TO] * g[TO] * c[TO] * v[LARGEST] * u[LARGEST] * machine[OPERAND]
    outputs = n[TO] * g[TO] * k[TO] * v[TO] * u[TO] * machine[PARTIAL]
    if overlapped:
        both = g[NO]
        taps = v[NF] * u[NF]
        places = n[NO] * v[NO] * u[NO]
        if both * k[NO] * c[NO] * taps > 1:
            weights *= 2
        if both * places * c[NO] * taps > 1:
            inputs *= 2
        if both * places * k[NO] > 1:
            outputs *= 2
    return int(weights + inputs + outputs)


@njit(cache=True, nogil=True)
def accesses(records: Ints, rows: Ints, reuse: Ints, figures: Ints) -> None:
    """Fills the figures up to STEPS: everything that is a product over the loops."""
    n, g, k, c = records[0, rows[0]], records[1, rows[1]], records[2, rows[2]], records[3, rows[3]]
    v, u = records[4, rows[4]], records[5, rows[5]]
    w_free, i_free, o_free, pivot = reuse[W_FREE], reuse[I_FREE], reuse[O_FREE], reuse[PIVOT]
    w_kept, i_kept, o_kept = reuse[W_KEPT], reuse[I_KEPT], reuse[O_KEPT]
    weights = g[DO] * k[DO] * c[DO] * v[DF] * u[DF]
    outputs = n[DO] * g[DO] * k[DO] * v[DO] * u[DO]
    places = n[DO] * g[DO] * c[DO]

    read = sent = used = weights
    sent *= min(n[SO], n[PO]) if w_free & FREE_N else n[PO]
    sent *= min(v[SO], v[PO]) if w_free & FREE_Y else v[PO]
    sent *= min(u[SO], u[PO]) if w_free & FREE_X else u[PO]
    read *= (1 if w_free & FREE_N else n[NO]) * (1 if w_free & FREE_Y else v[NO]) * (1 if w_free & FREE_X else u[NO])
    used *= (n[PO] if w_kept & FREE_N else n[DO]) * (v[PO] if w_kept & FREE_Y else v[DO])
    used *= u[PO] if w_kept & FREE_X else u[DO]
    figures[L2_READ_W], figures[L1_WRITE_W], figures[L1_READ_W] = read, sent, used

    array_v, array_u, own_v, own_u = v[ARRAY], u[ARRAY], v[OWN], u[OWN]
    if pivot == PIVOT_Y:
        array_v -= v[ARRAY_SHARED_O]
        own_v -= v[OWN_SHARED_O]
    elif pivot == PIVOT_R:
        array_v -= v[ARRAY_SHARED_F]
        own_v -= v[OWN_SHARED_F]
    elif pivot == PIVOT_X:
        array_u -= u[ARRAY_SHARED_O]
        own_u -= u[OWN_SHARED_O]
    elif pivot == PIVOT_S:
        array_u -= u[ARRAY_SHARED_F]
        own_u -= u[OWN_SHARED_F]
    figures[L2_READ_I] = places * array_v * array_u * (1 if i_free & FREE_K else k[NO])
    figures[L1_WRITE_I] = places * own_v * own_u * (min(k[SO], k[PO]) if i_free & FREE_K else k[PO])
    figures[L1_READ_I] = places * v[PAIRS] * u[PAIRS] * (k[PO] if i_kept & FREE_K else k[DO])

    passes = (1 if o_free & FREE_C else c[NO]) * (1 if o_free & FREE_R else v[NF]) * (1 if o_free & FREE_S else u[NF])
    visits = (c[NO] if o_kept & FREE_C else c[HO]) * (v[NF] if o_kept & FREE_R else v[HF])
    visits *= u[NF] if o_kept & FREE_S else u[HF]
    figures[L2_READ_O] = outputs * (passes - 1)
    figures[L2_WRITE_O] = outputs * passes
    figures[L1_WRITE_O] = outputs * (visits + passes - 1)
    figures[L1_READ_O] = outputs * (visits - 1 + passes)
    macs = outputs * c[DO] * v[DF] * u[DF]
    figures[REDUCED] = macs - outputs * c[HO] * v[HF] * u[HF]
    figures[STEPS] = n[NO] * g[NO] * k[NO] * c[NO] * v[NO] * v[NF] * u[NO] * u[NF]


@njit(cache=True, nogil=True)
def _slot(work: int, arrive: int, leave: int, bandwidth: int) -> tuple[int, int]:
    """Which is slowest (0 compute, 1 what arrives, 2 what leaves; the first of equals), and its cycles."""
    limit = work * bandwidth
    if arrive <= limit and leave <= limit:
        return 0, work
    slowest = -(-max(arrive, leave) // bandwidth)
    return (1, slowest) if arrive > (slowest - 1) * bandwidth else (2, slowest)


@njit(cache=True, nogil=True)
def _alike(classes: Ints, record: Ints, first_differs: bool, merged: Ints) -> int:
    """Fills merged [class, (many, work, outputs, first)] of a plain loop, steps of equal cost as one; their number."""
    start, number = record[FIRST_CLASS], record[CLASSES]
    count = 0
    for at in range(start, start + number):
        work, outputs, first = classes[at, WORK], classes[at, OUTPUTS], at == start
        if count and merged[count - 1, 2] == outputs and not (first_differs and at == start + 1):
            merged[count - 1, 0] += classes[at, MANY]
            continue
        merged[count, 0], merged[count, 1], merged[count, 2], merged[count, 3] = classes[at, MANY], work, outputs, first
        count += 1
    return count


@njit(cache=True, nogil=True)
def cycles(
    records: Ints, classes: Ints, rows: Ints, reuse: Ints, machine: Ints, overlapped: bool, figures: Ints
) -> int:
    """Fills the figures FILL to DRAIN and returns their sum: over all classes of steps, the slowest of the three.

    The first step's arrivals and the last one's departures overlap nothing; that is put right at the end.
    """
    n, g, k, c = records[0, rows[0]], records[1, rows[1]], records[2, rows[2]], records[3, rows[3]]
    v, u = records[4, rows[4]], records[5, rows[5]]
    w_free, i_free, o_free, pivot = reuse[W_FREE], reuse[I_FREE], reuse[O_FREE], reuse[PIVOT]
    lanes, bandwidth, q = machine[LANES], machine[BANDWIDTH], machine[Q]
    like = np.empty((3, 3, 4), dtype=np.int64)
    classes_n = _alike(classes, n, w_free & FREE_N != 0, like[0])
    classes_g = _alike(classes, g, False, like[1])
    classes_k = _alike(classes, k, i_free & FREE_K != 0, like[2])
    first_work = first_arrive = first_leave = last_work = last_arrive = last_leave = 0
    compute = noc_in = noc_out = 0
    # Of N, G and K together: largest tiles, iterations of all steps, and least of one.
    most_ng, most_gk = like[0, 0, 2] * like[1, 0, 2], like[1, 0, 2] * like[2, 0, 2]
    sums_most = most_ng * like[2, 0, 2]
    iterations = n[HO] * g[HO] * k[HO]
    least = like[0, classes_n - 1, 1] * like[1, classes_g - 1, 1] * like[2, classes_k - 1, 1]
    if lanes > 1 or not overlapped:
        least = 0
    for cv in range(v[FIRST_CLASS], v[FIRST_CLASS] + v[CLASSES]):
        flags_v = classes[cv, FLAGS]
        for cu in range(u[FIRST_CLASS], u[FIRST_CLASS] + u[CLASSES]):
            flags_u = classes[cu, FLAGS]
            many_vu = classes[cv, MANY] * classes[cu, MANY]
            work_vu = classes[cv, WORK] * classes[cu, WORK]
            taps = classes[cv, TAPS] * classes[cu, TAPS]
            places = classes[cv, OUTPUTS] * classes[cu, OUTPUTS]
            full = classes[cv, FULL] * classes[cu, FULL]
            if pivot == PIVOT_Y:
                full = classes[cv, NEW_O] * classes[cu, FULL]
            elif pivot == PIVOT_X:
                full = classes[cv, FULL] * classes[cu, NEW_O]
            elif pivot == PIVOT_R:
                full = classes[cv, NEW_F] * classes[cu, FULL]
            elif pivot == PIVOT_S:
                full = classes[cv, FULL] * classes[cu, NEW_F]
            w_vu = (not w_free & FREE_Y or flags_v & FIRST_O) and (not w_free & FREE_X or flags_u & FIRST_O)
            # O: does it enter (first of the loops that are free), is it fresh (first of the others), and the same last
            enters_vu = (not o_free & FREE_R or flags_v & FIRST_F) and (not o_free & FREE_S or flags_u & FIRST_F)
            fresh_vu = (o_free & FREE_R or flags_v & FIRST_F) and (o_free & FREE_S or flags_u & FIRST_F)
            leaves_vu = (not o_free & FREE_R or flags_v & LAST_F) and (not o_free & FREE_S or flags_u & LAST_F)
            done_vu = (o_free & FREE_R or flags_v & LAST_F) and (o_free & FREE_S or flags_u & LAST_F)
            first_vu = flags_v & FIRST == FIRST and flags_u & FIRST == FIRST
            last_vu = flags_v & LAST == LAST and flags_u & LAST == LAST
            for cc in range(c[FIRST_CLASS], c[FIRST_CLASS] + c[CLASSES]):
                flags_c, ec = classes[cc, FLAGS], classes[cc, OUTPUTS]
                many_c, work_c = many_vu * classes[cc, MANY], work_vu * classes[cc, WORK]
                enters = enters_vu and (not o_free & FREE_C or flags_c & FIRST_O)
                fresh = fresh_vu and (o_free & FREE_C or flags_c & FIRST_O)
                leaves = leaves_vu and (not o_free & FREE_C or flags_c & LAST_O)
                done = done_vu and (o_free & FREE_C or flags_c & LAST_O)
                back = q if enters and not fresh else 0
                away = 0 if not leaves else 1 if done else q
                first_c, last_c = first_vu and flags_c & FIRST_O, last_vu and flags_c & LAST_O
                if not first_c and not last_c:
                    arrive = most_ng * ec * full + sums_most * places * back
                    arrive += most_gk * ec * taps if w_vu else 0
                    if max(arrive, sums_most * places * away) <= work_c * least * bandwidth:
                        compute += many_c * work_c * iterations  # compute binds whatever the other loops' steps
                        continue
                for ck in range(classes_k):
                    ek = like[2, ck, 2]
                    many_k, work_k = many_c * like[2, ck, 0], work_c * like[2, ck, 1]
                    inputs_k = 0 if i_free & FREE_K and not like[2, ck, 3] else full * ec
                    sums_k = places * ek
                    weights_k = ek * ec * taps if w_vu else 0
                    for cg in range(classes_g):
                        eg = like[1, cg, 2]
                        many_g, work_g = many_k * like[1, cg, 0], work_k * like[1, cg, 1]
                        for cn in range(classes_n):
                            en = like[0, cn, 2]
                            many = many_g * like[0, cn, 0]
                            work = work_g * like[0, cn, 1]
                            if lanes > 1:
                                work = -(-work // lanes)
                            arrive = en * (inputs_k + sums_k * back)
                            if like[0, cn, 3] or not w_free & FREE_N:
                                arrive += weights_k
                            arrive *= eg
                            leave = en * eg * sums_k * away
                            if overlapped:
                                if first_c and ck == 0 and cg == 0 and cn == 0:
                                    first_work, first_arrive, first_leave = work, arrive, leave
                                if last_c:
                                    last_work, last_arrive, last_leave = work, arrive, leave
                                limit = work * bandwidth
                                if arrive <= limit and leave <= limit:
                                    compute += many * work
                                else:
                                    which, slowest = _slot(work, arrive, leave, bandwidth)
                                    if which == 1:
                                        noc_in += many * slowest
                                    else:
                                        noc_out += many * slowest
                            else:
                                compute += many * work
                                noc_in += many * -(-arrive // bandwidth)
                                noc_out += many * -(-leave // bandwidth)
    fill = drain = machine[LATENCY]
    if overlapped:
        fill += -(-first_arrive // bandwidth)
        drain += -(-last_leave // bandwidth)
        bins = like[0, 0]
        bins[0], bins[1], bins[2] = compute, noc_in, noc_out
        if figures[STEPS] == 1:
            which, slowest = _slot(first_work, first_arrive, first_leave, bandwidth)
            bins[which] -= slowest
            bins[0] += first_work
        else:
            which, slowest = _slot(first_work, first_arrive, first_leave, bandwidth)
            bins[which] -= slowest
            which, slowest = _slot(first_work, 0, first_leave, bandwidth)
            bins[which] += slowest
            which, slowest = _slot(last_work, last_arrive, last_leave, bandwidth)
            bins[which] -= slowest
            which, slowest = _slot(last_work, last_arrive, 0, bandwidth)
            bins[which] += slowest
        compute, noc_in, noc_out = bins[0], bins[1], bins[2]
    figures[FILL], figures[COMPUTE], figures[NOC_IN], figures[NOC_OUT], figures[DRAIN] = (
        fill,
        compute,
        noc_in,
        noc_out,
        drain,
    )
    return int(fill + compute + noc_in + noc_out + drain)


@njit(cache=True, nogil=True)
def evaluate(records: Ints, classes: Ints, rows: Ints, reuse: Ints, machine: Ints, figures: Ints) -> bool:
    """Fills all figures of a mapping; False if its tiles do not fit L1."""
    need = l1_need(records, rows, machine, True)
    overlapped = need <= machine[L1_BYTES]
    if not overlapped:
        need = l1_need(records, rows, machine, False)
    accesses(records, rows, reuse, figures)
    cycles(records, classes, rows, reuse, machine, overlapped, figures)
    figures[OVERLAPPED], figures[L1_NEED] = overlapped, need
    return bool(need <= machine[L1_BYTES])


@njit(cache=True, nogil=True)
def held(records: Ints, rows: Ints, inside: Ints) -> tuple[int, int, int]:
    """Elements of W, I and O that L2 holds at once.

    Args:
        inside: [tensor, loop], loops N G K C Y X R S: is it inside the tensor's outermost irrelevant loop?
    """
    n, g, k, c = records[0, rows[0]], records[1, rows[1]], records[2, rows[2]], records[3, rows[3]]
    v, u = records[4, rows[4]], records[5, rows[5]]
    weights = _extent(g, inside[0, 1]) * _extent(k, inside[0, 2]) * _extent(c, inside[0, 3])
    weights *= v[DF] if inside[0, 6] else min(v[SF] * v[TF], v[DF])
    weights *= u[DF] if inside[0, 7] else min(u[SF] * u[TF], u[DF])
    inputs = _extent(n, inside[1, 0]) * _extent(g, inside[1, 1]) * _extent(c, inside[1, 3])
    inputs *= v[HELD + inside[1, 4] + 2 * inside[1, 6]] * u[HELD + inside[1, 5] + 2 * inside[1, 7]]
    outputs = _extent(n, inside[2, 0]) * _extent(g, inside[2, 1]) * _extent(k, inside[2, 2])
    outputs *= _extent(v, inside[2, 4]) * _extent(u, inside[2, 5])
    return weights, inputs, outputs


@njit(cache=True, nogil=True)
def _extent(record: Ints, whole: int) -> int:
    return int(record[DO]) if whole else min(int(record[SO] * record[TO]), int(record[DO]))


@njit(cache=True, nogil=True)
def evaluate_all(
    records: Ints, classes: Ints, rows: Ints, reuses: Ints, machine: Ints, figures: Ints, fits: NDArray[np.bool_]
) -> None:
    """`evaluate` of many mappings: rows [mapping, group], reuses [mapping, REUSE], figures [mapping, FIGURES]."""
    for at in range(len(rows)):
        fits[at] = evaluate(records, classes, rows[at], reuses[at], machine, figures[at])
