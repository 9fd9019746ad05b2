"""What an axis of the input costs under a tiling (docs/cost-model/loopnest.md, "Counts": F, f and V).

Positions stride * output + dilation * tap + offset of a block of outputs and taps form one arithmetic progression
unless the block is small and its dilation or stride large; then they are marked one by one.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]

# Columns of a tiling's record. "O" is the output loop, "F" the filter loop.
SO, TO, NO, PO, HO, DO = 0, 1, 2, 3, 4, 5
SF, TF, NF, PF, HF, DF = 6, 7, 8, 9, 10, 11
ARRAY, ARRAY_SHARED_O, ARRAY_SHARED_F = 12, 13, 14  # F without a pivot, and what a pivot takes off
OWN, OWN_SHARED_O, OWN_SHARED_F = 15, 16, 17  # the same of every PE
LARGEST = 18  # real positions of the largest tile of a PE
HELD = 19  # + 1 if all outputs, + 2 if all taps: real positions of the largest such block, else the array's tile
PAIRS = 23  # V
FIRST_CLASS, CLASSES = 24, 25
RECORD = 26

# Columns of a class: steps of equal cost.
MANY, WORK, OUTPUTS, TAPS, FULL, NEW_O, NEW_F, FLAGS = 0, 1, 2, 3, 4, 5, 6, 7
CLASS = 8
FIRST_O, LAST_O, FIRST_F, LAST_F = 1, 2, 4, 8
FIRST, LAST = FIRST_O | FIRST_F, LAST_O | LAST_F


@njit(cache=True, nogil=True)
def _progression(first: int, outputs: int, taps: int, stride: int, dilation: int) -> tuple[int, int, int]:
    """First and last term and step of a block's positions; step 0 if they are no arithmetic progression."""
    last = first + stride * (outputs - 1) + dilation * (taps - 1)
    if outputs == 1 and taps == 1:
        return first, last, 1
    if taps == 1:
        return first, last, stride
    if outputs == 1:
        return first, last, dilation
    step, rest = stride, dilation
    while rest:
        step, rest = rest, step % rest
    if (dilation == step and taps * step >= stride) or (stride == step and outputs * step >= dilation):
        return first, last, step
    return first, last, 0


@njit(cache=True, nogil=True)
def _terms(first: int, last: int, step: int, low: int, high: int) -> int:
    """Terms of a progression within [low, high)."""
    if first < low:
        first += -(-(low - first) // step) * step
    last = min(last, high - 1)
    return 0 if last < first else (last - first) // step + 1


@njit(cache=True, nogil=True)
def _mark(block: Ints, axis: Ints, marks: NDArray[np.uint8], bit: int) -> None:
    """Sets `bit` at the real positions of a block (first output, end, first tap, end)."""
    for output in range(block[0], block[1]):
        for tap in range(block[2], block[3]):
            at = axis[0] * output + axis[1] * tap + axis[2]
            if 0 <= at < axis[3]:
                marks[at] |= bit


@njit(cache=True, nogil=True)
def _real(block: Ints, axis: Ints, marks: NDArray[np.uint8]) -> int:
    """Distinct real positions of a block."""
    if block[1] <= block[0] or block[3] <= block[2]:
        return 0
    start = axis[0] * block[0] + axis[1] * block[2] + axis[2]
    first, last, step = _progression(start, block[1] - block[0], block[3] - block[2], axis[0], axis[1])
    if step:
        return _terms(first, last, step, 0, axis[3])
    marks[:] = 0
    _mark(block, axis, marks, 1)
    return int(marks.sum())


@njit(cache=True, nogil=True)
def _shared(one: Ints, other: Ints, axis: Ints, marks: NDArray[np.uint8]) -> int:
    """Real positions that two blocks have in common."""
    if one[1] <= one[0] or one[3] <= one[2] or other[1] <= other[0] or other[3] <= other[2]:
        return 0
    start = axis[0] * one[0] + axis[1] * one[2] + axis[2]
    first, last, step = _progression(start, one[1] - one[0], one[3] - one[2], axis[0], axis[1])
    begin = axis[0] * other[0] + axis[1] * other[2] + axis[2]
    first_2, last_2, step_2 = _progression(begin, other[1] - other[0], other[3] - other[2], axis[0], axis[1])
    if step and step == step_2:
        if (first - first_2) % step:
            return 0
        return _terms(max(first, first_2), min(last, last_2), step, 0, axis[3])
    if last < first_2 or last_2 < first:
        return 0
    marks[:] = 0
    _mark(one, axis, marks, 1)
    _mark(other, axis, marks, 2)
    found = 0
    for mark in marks:
        found += mark == 3
    return found


@njit(cache=True, nogil=True)
def _block(block: Ints, o: int, to: int, outputs: int, f: int, tf: int, taps: int) -> None:
    """The o-th tile of `to` outputs and the f-th of `tf` taps."""
    block[0] = min(o * to, outputs)
    block[1] = min((o + 1) * to, outputs)
    block[2] = min(f * tf, taps)
    block[3] = min((f + 1) * tf, taps)


@njit(cache=True, nogil=True)
def _inner(o: int, tile: int, outputs: int, block: Ints, axis: Ints) -> bool:
    """Whether the o-th tile of outputs is whole and has no padding at the block's taps: all such tiles are alike."""
    low = axis[0] * o * tile + axis[1] * block[2] + axis[2]
    high = axis[0] * ((o + 1) * tile - 1) + axis[1] * (block[3] - 1) + axis[2]
    return bool(low >= 0 and high < axis[3] and (o + 1) * tile <= outputs)


@njit(cache=True, nogil=True)
def _own(record: Ints, axis: Ints, blocks: Ints, marks: NDArray[np.uint8]) -> None:
    """Fills what every PE takes in: OWN, what it shares with its tiles before, and LARGEST."""
    here, before = blocks[0], blocks[1]
    for f in range(record[PF]):
        known, positions, shared_o, shared_f = False, 0, 0, 0
        for o in range(record[PO]):
            _block(here, o, record[TO], record[DO], f, record[TF], record[DF])
            alike = o >= record[SO] and _inner(o - record[SO], record[TO], record[DO], here, axis)
            alike = alike and _inner(o, record[TO], record[DO], here, axis)
            if alike and f >= record[SF]:
                _block(before, o, record[TO], record[DO], f - record[SF], record[TF], record[DF])
                alike = _inner(o, record[TO], record[DO], before, axis)
            if not (alike and known):
                positions = _real(here, axis, marks)
                shared_o = shared_f = 0
                if o >= record[SO]:
                    _block(before, o - record[SO], record[TO], record[DO], f, record[TF], record[DF])
                    shared_o = _shared(here, before, axis, marks)
                if f >= record[SF]:
                    _block(before, o, record[TO], record[DO], f - record[SF], record[TF], record[DF])
                    shared_f = _shared(here, before, axis, marks)
                known = alike
            record[OWN] += positions
            record[LARGEST] = max(record[LARGEST], positions)
            record[OWN_SHARED_O] += shared_o
            record[OWN_SHARED_F] += shared_f


@njit(cache=True, nogil=True)
def _class(classes: Ints, first: int, end: int, work: int, cost: Ints, flags: int) -> int:
    """The class of a step (outputs, taps, full, new_o, new_f in `cost`), made at `end` if there is none yet."""
    for at in range(first, end):
        if classes[at, FLAGS] == flags and classes[at, WORK] == work:
            same = True
            for column in range(5):
                same = same and classes[at, OUTPUTS + column] == cost[column]
            if same:
                return at
    classes[end, MANY], classes[end, WORK], classes[end, FLAGS] = 0, work, flags
    for column in range(5):
        classes[end, OUTPUTS + column] = cost[column]
    return end


@njit(cache=True, nogil=True)
def _steps(
    record: Ints, axis: Ints, sliding: bool, classes: Ints, first: int, blocks: Ints, marks: NDArray[np.uint8]
) -> int:
    """Fills what the array takes in over its steps: ARRAY, what it shares, HELD, and the classes from `first` on."""
    here, before = blocks[0], blocks[1]
    array_o, array_f = record[SO] * record[TO], record[SF] * record[TF]
    steps_o, steps_f = record[NO], record[NF]
    cost = np.zeros(5, dtype=np.int64)
    end = first
    for f in range(steps_f):
        known, at = False, 0
        for step in range(steps_o if sliding else min(steps_o, 3)):
            # the steps of a plain loop are a first one, alike ones and a last one
            o = steps_o - 1 if not sliding and step == 2 else step
            many = steps_o - 2 if not sliding and step == 1 and steps_o > 2 else 1
            _block(here, o, array_o, record[DO], f, array_f, record[DF])
            alike = sliding and 0 < o < steps_o - 1 and _inner(o - 1, array_o, record[DO], here, axis)
            alike = alike and _inner(o, array_o, record[DO], here, axis)
            if alike and f > 0:
                _block(before, o, array_o, record[DO], f - 1, array_f, record[DF])
                alike = _inner(o, array_o, record[DO], before, axis)
            if not (alike and known):
                outputs, taps = here[1] - here[0], here[3] - here[2]
                cost[0], cost[1] = outputs, taps
                cost[2] = cost[3] = cost[4] = _real(here, axis, marks) if sliding else outputs
                if sliding and o > 0:
                    _block(before, o - 1, array_o, record[DO], f, array_f, record[DF])
                    cost[3] -= _shared(here, before, axis, marks)
                if sliding and f > 0:
                    _block(before, o, array_o, record[DO], f - 1, array_f, record[DF])
                    cost[4] -= _shared(here, before, axis, marks)
                flags = (o == 0) * FIRST_O + (o == steps_o - 1) * LAST_O
                flags += (f == 0) * FIRST_F + (f == steps_f - 1) * LAST_F
                at = _class(classes, first, end, min(record[TO], outputs) * min(record[TF], taps), cost, flags)
                end = max(end, at + 1)
                known = alike
            classes[at, MANY] += many
            record[ARRAY] += many * cost[2]
            record[ARRAY_SHARED_O] += many * (cost[2] - cost[3])
            record[ARRAY_SHARED_F] += many * (cost[2] - cost[4])
            record[HELD] = max(record[HELD], cost[2])
    record[FIRST_CLASS], record[CLASSES] = first, end - first
    return end


@njit(cache=True, nogil=True)
def tilings(
    choices: Ints, outputs: int, taps: int, axis: Ints, sliding: bool, records: Ints, classes: Ints, first: int
) -> int:
    """Fills the records of an axis' tilings, and their classes of steps from `first` on; returns the next free class.

    Args:
        choices: [choice, 4] spatial factor and tile of the output loop, then of the filter loop.
        axis: stride, dilation, offset, size.
        sliding: False where every output has one real position of its own: a plain loop.
        records, classes: [choice, RECORD], zero; [class, CLASS].
    """
    blocks = np.zeros((2, 4), dtype=np.int64)
    here = blocks[0]
    marks = np.zeros(axis[3] if sliding else 1, dtype=np.uint8)
    found = outputs
    if sliding:
        found = 0
        for tap in range(taps):
            start = axis[1] * tap + axis[2]
            found += _terms(start, start + axis[0] * (outputs - 1), axis[0], 0, axis[3])
    for at in range(len(choices)):
        record = records[at]
        spatial_o, tile_o, spatial_f, tile_f = choices[at]
        array_o, array_f = spatial_o * tile_o, spatial_f * tile_f
        steps_o, steps_f = -(-outputs // array_o), -(-taps // array_f)
        record[SO], record[TO], record[NO], record[DO] = spatial_o, tile_o, steps_o, outputs
        record[SF], record[TF], record[NF], record[DF] = spatial_f, tile_f, steps_f, taps
        record[PO], record[PF] = -(-outputs // tile_o), -(-taps // tile_f)
        record[HO] = (steps_o - 1) * tile_o + min(tile_o, outputs - (steps_o - 1) * array_o)
        record[HF] = (steps_f - 1) * tile_f + min(tile_f, taps - (steps_f - 1) * array_f)
        record[PAIRS] = found
        first = _steps(record, axis, sliding, classes, first, blocks, marks)
        if not sliding:
            record[OWN], record[LARGEST] = outputs, tile_o
            record[HELD + 1] = record[HELD + 3] = outputs
            record[HELD + 2] = min(array_o, outputs)
            continue
        _own(record, axis, blocks, marks)
        for f in range(steps_f):
            _block(here, 0, outputs, outputs, f, array_f, taps)
            record[HELD + 1] = max(record[HELD + 1], _real(here, axis, marks))
        for o in range(steps_o):
            _block(here, o, array_o, outputs, 0, taps, taps)
            record[HELD + 2] = max(record[HELD + 2], _real(here, axis, marks))
        _block(here, 0, outputs, outputs, 0, taps, taps)
        record[HELD + 3] = _real(here, axis, marks)
    return first


@njit(cache=True, nogil=True)
def groups_of(choices: Ints, counts: Ints, axes: Ints) -> tuple[Ints, Ints]:
    """Records [group, choice, RECORD] and classes [class, CLASS] of several axes' tilings.

    Args:
        choices: [group, choice, 4]; counts: choices per group.
        axes: [group, 7] outputs, taps, stride, dilation, offset, size, and 1 if sliding.
    """
    most = 0
    for group in range(len(counts)):
        for at in range(counts[group]):
            spatial_o, tile_o, spatial_f, tile_f = choices[group, at]
            steps = -(-axes[group, 0] // (spatial_o * tile_o)) * -(-axes[group, 1] // (spatial_f * tile_f))
            most += steps if axes[group, 6] else min(steps, 3)  # a plain loop: a first, a last, and others
    records = np.zeros((len(counts), choices.shape[1], RECORD), dtype=np.int64)
    classes = np.zeros((most, CLASS), dtype=np.int64)
    first = 0
    for group in range(len(counts)):
        axis = axes[group]
        own = choices[group, : counts[group]]
        first = tilings(own, axis[0], axis[1], axis[2:6], axis[6] == 1, records[group], classes, first)
    return records, classes[:first]
