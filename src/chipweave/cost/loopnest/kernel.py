"""Counts and cycles of a mapping, compiled (docs/cost-model/loopnest.md, "Counts", "Cycles", "What must fit").

A mapping is six records, one per group of loops that meet in a tensor's axis: N, G, K, C, (Y, R) and (X, S); and a
reuse: what its orders come to. `footprint` describes records and classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chipweave.cost.compiled import entry, inner, number
from chipweave.cost.loopnest.footprint import (
    ARRAY,
    ARRAY_SHARED_F,
    ARRAY_SHARED_O,
    CLASS,
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
    RECORD,
    SF,
    SO,
    TAPS,
    TF,
    TO,
    WORK,
    groups_of,
    steps_of,
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


@entry
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


@inner
def fitting(records: Ints, rows: Ints, machine: Ints) -> tuple[int, bool]:
    """Bytes of the largest tiles in a PE, with second buffers if it has room for them, and whether it has."""
    for buffers in range(2, 0, -1):  # a loop, so that `l1_need` is compiled once, not apart for True and for False
        need = l1_need(records, rows, machine, buffers == 2)
        if need <= machine[L1_BYTES]:
            return need, buffers == 2
    return need, False


@inner
def _either(bit: int, one: int, other: int) -> int:
    return one if bit else other


@inner
def accesses(records: Ints, rows: Ints, reuse: Ints, figures: Ints) -> None:
    """Fills the figures up to STEPS: everything that is a product over the loops."""
    n, g, k, c = records[0, rows[0]], records[1, rows[1]], records[2, rows[2]], records[3, rows[3]]
    v, u = records[4, rows[4]], records[5, rows[5]]
    w_free, i_free, o_free, pivot = reuse[W_FREE], reuse[I_FREE], reuse[O_FREE], reuse[PIVOT]
    w_kept, i_kept, o_kept = reuse[W_KEPT], reuse[I_KEPT], reuse[O_KEPT]
    weights = g[DO] * k[DO] * c[DO] * v[DF] * u[DF]
    outputs = n[DO] * g[DO] * k[DO] * v[DO] * u[DO]
    places = n[DO] * g[DO] * c[DO]

    one = number(1)
    free_n, free_y, free_x = w_free & FREE_N, w_free & FREE_Y, w_free & FREE_X
    sent = weights * _either(free_n, min(n[SO], n[PO]), n[PO]) * _either(free_y, min(v[SO], v[PO]), v[PO])
    figures[L1_WRITE_W] = sent * _either(free_x, min(u[SO], u[PO]), u[PO])
    read = weights * _either(free_n, one, n[NO]) * _either(free_y, one, v[NO]) * _either(free_x, one, u[NO])
    figures[L2_READ_W] = read
    used = weights * _either(w_kept & FREE_N, n[PO], n[DO]) * _either(w_kept & FREE_Y, v[PO], v[DO])
    figures[L1_READ_W] = used * _either(w_kept & FREE_X, u[PO], u[DO])

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
    figures[L2_READ_I] = places * array_v * array_u * _either(i_free & FREE_K, one, k[NO])
    figures[L1_WRITE_I] = places * own_v * own_u * _either(i_free & FREE_K, min(k[SO], k[PO]), k[PO])
    figures[L1_READ_I] = places * v[PAIRS] * u[PAIRS] * _either(i_kept & FREE_K, k[PO], k[DO])

    passes = _either(o_free & FREE_C, one, c[NO]) * _either(o_free & FREE_R, one, v[NF])
    passes *= _either(o_free & FREE_S, one, u[NF])
    visits = _either(o_kept & FREE_C, c[NO], c[HO]) * _either(o_kept & FREE_R, v[NF], v[HF])
    visits *= _either(o_kept & FREE_S, u[NF], u[HF])
    figures[L2_READ_O] = outputs * (passes - 1)
    figures[L2_WRITE_O] = outputs * passes
    figures[L1_WRITE_O] = outputs * (visits + passes - 1)
    figures[L1_READ_O] = outputs * (visits - 1 + passes)
    macs = outputs * c[DO] * v[DF] * u[DF]
    figures[REDUCED] = macs - outputs * c[HO] * v[HF] * u[HF]
    figures[STEPS] = n[NO] * g[NO] * k[NO] * c[NO] * v[NO] * v[NF] * u[NO] * u[NF]


@inner
def _slot(work: int, arrive: int, leave: int, bandwidth: int) -> tuple[int, int]:
    """Which is slowest (0 compute, 1 what arrives, 2 what leaves; the first of equals), and its cycles."""
    limit = work * bandwidth
    if arrive <= limit and leave <= limit:
        return 0, work
    slowest = -(-max(arrive, leave) // bandwidth)
    return (1, slowest) if arrive > (slowest - 1) * bandwidth else (2, slowest)


@inner
def _alike(classes: Ints, record: Ints, first_differs: int, merged: Ints) -> int:
    """Fills merged [class, (many, work, outputs, first)] of a plain loop, steps of equal cost as one; their number."""
    start, number = record[FIRST_CLASS], record[CLASSES]
    count = 0
    for at in range(start, start + number):
        outputs = classes[at, OUTPUTS]
        if count and merged[count - 1, 2] == outputs and not (first_differs and at == start + 1):
            merged[count - 1, 0] += classes[at, MANY]
            continue
        merged[count, 0], merged[count, 1], merged[count, 2] = classes[at, MANY], classes[at, WORK], outputs
        merged[count, 3] = at == start
        count += 1
    return count


class Flags(NamedTuple):
    """What a step must be the first of for a tensor to move: flags of classes of C, V and U, four bits each.

    Args:
        weights: for W to arrive, as far as Y and X go.
        enters: for sums to arrive or start, and, a bit higher, to leave.
        fresh: for sums to start rather than arrive, and, a bit higher, to leave for good.
    """

    weights: int
    enters: int
    fresh: int


FIRST_OF_ALL = FIRST_O | FIRST << 4 | FIRST << 8


@inner
def _flags(reuse: Ints) -> Flags:
    c, r, s = reuse[O_FREE] & 1, reuse[O_FREE] >> 1 & 1, reuse[O_FREE] >> 2 & 1
    enters = c * FIRST_O | r * FIRST_F << 4 | s * FIRST_F << 8
    weights = (reuse[W_FREE] >> 1 & 1) * FIRST_O << 4 | (reuse[W_FREE] >> 2 & 1) * FIRST_O << 8
    return Flags(weights, enters, (FIRST_O | FIRST_F << 4 | FIRST_F << 8) ^ enters)


@inner
def _new(classes: Ints, cv: int, cu: int, pivot: int) -> int:
    """Positions of I that a step takes in: less what it shares with the one before along the pivot."""
    full_v, full_u = classes[cv, FULL], classes[cu, FULL]
    if pivot == PIVOT_Y:
        full_v = classes[cv, NEW_O]
    elif pivot == PIVOT_X:
        full_u = classes[cu, NEW_O]
    elif pivot == PIVOT_R:
        full_v = classes[cv, NEW_F]
    elif pivot == PIVOT_S:
        full_u = classes[cu, NEW_F]
    return int(full_v * full_u)


class Step(NamedTuple):
    """What the steps of some classes of C, V and U have in common.

    Args:
        inputs, weights, sums: elements for one of N, G and K; W: 0 where it stays.
        back, away: elements that a partial sum arrives and leaves as; 0 where it does not.
        first, last: whether one of them may be the first, the last of all.
    """

    many: int
    work: int
    inputs: int
    weights: int
    sums: int
    back: int
    away: int
    first: bool
    last: bool


@inner
def _step(classes: Ints, at: tuple[int, int, int], full: int, needs: Flags, q: int) -> Step:
    """Of one class of C, V and U each."""
    cc, cv, cu = at
    flags = classes[cc, FLAGS] | classes[cv, FLAGS] << 4 | classes[cu, FLAGS] << 8
    of_c = classes[cc, OUTPUTS]
    enters, leaves = flags & needs.enters == needs.enters, flags >> 1 & needs.enters == needs.enters
    fresh, done = flags & needs.fresh == needs.fresh, flags >> 1 & needs.fresh == needs.fresh
    return Step(
        classes[cv, MANY] * classes[cu, MANY] * classes[cc, MANY],
        classes[cv, WORK] * classes[cu, WORK] * classes[cc, WORK],
        full * of_c,
        of_c * classes[cv, TAPS] * classes[cu, TAPS] * (flags & needs.weights == needs.weights),
        classes[cv, OUTPUTS] * classes[cu, OUTPUTS],
        q * (enters and not fresh),
        leaves * (1 if done else q),
        flags & FIRST_OF_ALL == FIRST_OF_ALL,
        flags >> 1 & FIRST_OF_ALL == FIRST_OF_ALL,
    )


# Sums over steps: cycles in which computing, what arrives, and what leaves is slowest; and of the first and the last
# step, work and what arrives and leaves.
BY_WORK, BY_ARRIVING, BY_LEAVING = range(3)
FIRST_STEP, LAST_STEP = 3, 6
SUMS = 9

LIKE = 5, 3, SUMS
"""Shape of the room that `cycles` needs: classes of N, G and K [loop, class, column], their numbers, and sums."""


@inner
def _add(step: Step, like: Ints, numbers: Ints, reuse: Ints, machine: Ints, overlapped: bool, sums: Ints) -> None:
    """Adds the steps of all classes of N, G and K."""
    lanes, bandwidth = machine[LANES], machine[BANDWIDTH]
    k_moves, n_moves = reuse[I_FREE] & FREE_K == 0, reuse[W_FREE] & FREE_N == 0
    for ck in range(numbers[2]):
        ek = like[2, ck, 2]
        many_k, work_k = step.many * like[2, ck, 0], step.work * like[2, ck, 1]
        inputs_k = step.inputs * (k_moves or like[2, ck, 3] != 0)
        sums_k, weights_k = step.sums * ek, step.weights * ek
        for cg in range(numbers[1]):
            eg = like[1, cg, 2]
            many_g, work_g = many_k * like[1, cg, 0], work_k * like[1, cg, 1]
            for cn in range(numbers[0]):
                en = like[0, cn, 2]
                many, work = many_g * like[0, cn, 0], work_g * like[0, cn, 1]
                if lanes > 1:
                    work = -(-work // lanes)
                arrive = en * (inputs_k + sums_k * step.back)
                if n_moves or like[0, cn, 3]:
                    arrive += weights_k
                arrive *= eg
                leave = en * eg * sums_k * step.away
                if not overlapped:
                    sums[BY_WORK] += many * work
                    sums[BY_ARRIVING] += many * -(-arrive // bandwidth)
                    sums[BY_LEAVING] += many * -(-leave // bandwidth)
                    continue
                if step.first and ck == 0 and cg == 0 and cn == 0:
                    sums[FIRST_STEP], sums[FIRST_STEP + 1], sums[FIRST_STEP + 2] = work, arrive, leave
                if step.last:
                    sums[LAST_STEP], sums[LAST_STEP + 1], sums[LAST_STEP + 2] = work, arrive, leave
                which, slowest = _slot(work, arrive, leave, bandwidth)
                sums[which] += many * slowest


@inner
def _ends(steps: int, bandwidth: int, sums: Ints) -> None:
    """The first step's arrivals and the last one's departures overlap nothing: takes them out of the slowest."""
    work, leave = sums[FIRST_STEP], sums[FIRST_STEP + 2]
    which, slowest = _slot(work, sums[FIRST_STEP + 1], leave, bandwidth)
    sums[which] -= slowest
    if steps == 1:
        sums[BY_WORK] += work
        return
    none = number(0)
    which, slowest = _slot(work, none, leave, bandwidth)
    sums[which] += slowest
    work, arrive = sums[LAST_STEP], sums[LAST_STEP + 1]
    which, slowest = _slot(work, arrive, sums[LAST_STEP + 2], bandwidth)
    sums[which] -= slowest
    which, slowest = _slot(work, arrive, none, bandwidth)
    sums[which] += slowest


@inner
def cycles(
    records: Ints, classes: Ints, rows: Ints, reuse: Ints, machine: Ints, overlapped: bool, figures: Ints, like: Ints
) -> int:
    """Fills the figures FILL to DRAIN and returns their sum: over all classes of steps, the slowest of the three.

    Args:
        figures: with STEPS.
        like: room for classes of N, G and K, and for sums; shape `LIKE`.
    """
    n, g, k, c = records[0, rows[0]], records[1, rows[1]], records[2, rows[2]], records[3, rows[3]]
    v, u = records[4, rows[4]], records[5, rows[5]]
    numbers, sums = like[3, 0], like[4, 0]  # all in one array: every array less is less to compile
    numbers[0] = _alike(classes, n, reuse[W_FREE] & FREE_N, like[0])
    numbers[1] = _alike(classes, g, number(0), like[1])
    numbers[2] = _alike(classes, k, reuse[I_FREE] & FREE_K, like[2])
    for at in range(SUMS):
        sums[at] = 0
    # Of N, G and K together: largest tiles, iterations of all steps, and least of one.
    most_ng, most_gk = like[0, 0, 2] * like[1, 0, 2], like[1, 0, 2] * like[2, 0, 2]
    most = most_ng * like[2, 0, 2]
    iterations = n[HO] * g[HO] * k[HO]
    least = like[0, numbers[0] - 1, 1] * like[1, numbers[1] - 1, 1] * like[2, numbers[2] - 1, 1]
    least *= machine[BANDWIDTH] * (overlapped and machine[LANES] == 1)
    needs = _flags(reuse)
    for cv in range(v[FIRST_CLASS], v[FIRST_CLASS] + v[CLASSES]):
        for cu in range(u[FIRST_CLASS], u[FIRST_CLASS] + u[CLASSES]):
            full = _new(classes, cv, cu, reuse[PIVOT])
            for cc in range(c[FIRST_CLASS], c[FIRST_CLASS] + c[CLASSES]):
                step = _step(classes, (cc, cv, cu), full, needs, machine[Q])
                arrive = most_ng * step.inputs + most * step.sums * step.back + most_gk * step.weights
                bound = max(arrive, most * step.sums * step.away) <= step.work * least
                if bound and not step.first and not step.last:
                    # computing is slowest whatever the other loops' steps
                    sums[BY_WORK] += step.many * step.work * iterations
                else:
                    _add(step, like, numbers, reuse, machine, overlapped, sums)
    bandwidth = machine[BANDWIDTH]
    figures[FILL] = figures[DRAIN] = machine[LATENCY]
    if overlapped:
        figures[FILL] += -(-sums[FIRST_STEP + 1] // bandwidth)
        figures[DRAIN] += -(-sums[LAST_STEP + 2] // bandwidth)
        _ends(figures[STEPS], bandwidth, sums)
    figures[COMPUTE], figures[NOC_IN], figures[NOC_OUT] = sums[BY_WORK], sums[BY_ARRIVING], sums[BY_LEAVING]
    return int(figures[FILL] + figures[COMPUTE] + figures[NOC_IN] + figures[NOC_OUT] + figures[DRAIN])


@entry
def evaluate(records: Ints, classes: Ints, rows: Ints, reuse: Ints, machine: Ints, figures: Ints, like: Ints) -> bool:
    """Fills all figures of a mapping; False if its tiles do not fit L1. `like`: as for `cycles`."""
    need, overlapped = fitting(records, rows, machine)
    accesses(records, rows, reuse, figures)
    cycles(records, classes, rows, reuse, machine, overlapped, figures, like)
    figures[OVERLAPPED], figures[L1_NEED] = overlapped, need
    return bool(need <= machine[L1_BYTES])


@entry
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


@inner
def _extent(record: Ints, whole: int) -> int:
    return int(record[DO] if whole else min(record[SO] * record[TO], record[DO]))


class Mapped(NamedTuple):
    """Mappings of shapes of their own, one tiling in each group.

    Args:
        choices: [mapping, group, 1, 4] and axes [mapping, group, 7], as for `groups_of`.
        reuses: [mapping, REUSE]; insides: [mapping, tensor, loop], as for `held`.
    """

    choices: Ints
    axes: Ints
    reuses: Ints
    insides: Ints


class Scratch(NamedTuple):
    """Room for one mapping: its records and classes, marks, and what `cycles` needs; rows: [group] zeros, the number of
    each group's tiling; ones: [group] how many each has."""

    records: Ints
    classes: Ints
    marks: Ints
    like: Ints
    rows: Ints
    ones: Ints


@entry
def most_classes(choices: Ints, ones: Ints, axes: Ints) -> int:
    """Enough classes for each of many mappings; arguments as for `Mapped`."""
    most = 0
    for at in range(len(choices)):
        most = max(most, steps_of(choices[at], ones, axes[at]) + 1)
    return most


@entry
def count_all(given: Mapped, machine: Ints, scratch: Scratch, figures: Ints, holds: Ints) -> None:
    """All figures [mapping, FIGURES], and what L2 `holds` [mapping, tensor]."""
    records, classes, rows, ones = scratch.records, scratch.classes, scratch.rows, scratch.ones
    for at in range(len(given.choices)):
        choices, axes = given.choices[at], given.axes[at]
        for group in range(GROUPS):
            for column in range(RECORD):
                records[group, 0, column] = 0
        for row in range(steps_of(choices, ones, axes) + 1):
            for column in range(CLASS):
                classes[row, column] = 0
        groups_of(choices, ones, axes, records, classes, scratch.marks)
        evaluate(records, classes, rows, given.reuses[at], machine, figures[at], scratch.like)
        weights, inputs, outputs = held(records, rows, given.insides[at])
        holds[at, 0], holds[at, 1], holds[at, 2] = weights, inputs, outputs


def evaluate_all(
    records: Ints, classes: Ints, rows: Ints, reuses: Ints, machine: Ints, figures: Ints, fits: NDArray[np.bool_]
) -> None:
    """`evaluate` of many mappings: rows [mapping, group], reuses [mapping, REUSE], figures [mapping, FIGURES]."""
    _evaluate_all(records, classes, rows, reuses, machine, figures, fits, np.empty(LIKE, dtype=np.int64))


@entry
def _evaluate_all(
    records: Ints,
    classes: Ints,
    rows: Ints,
    reuses: Ints,
    machine: Ints,
    figures: Ints,
    fits: NDArray[np.bool_],
    like: Ints,
) -> None:
    for at in range(len(rows)):
        fits[at] = evaluate(records, classes, rows[at], reuses[at], machine, figures[at], like)
