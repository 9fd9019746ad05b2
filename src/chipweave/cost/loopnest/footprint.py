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
def tiling(
    bound_o: int,
    spatial_o: int,
    tile_o: int,
    bound_f: int,
    spatial_f: int,
    tile_f: int,
    axis: Ints,
    sliding: bool,
    record: Ints,
    classes: Ints,
    first_class: int,
    blocks: Ints,
    marks: NDArray[np.uint8],
) -> int:
    """Fills the record of one tiling of an axis, and its classes of steps from `first_class` on; the next free class.

    Args:
        axis: stride, dilation, offset, size.
        sliding: False where every output has one real position of its own: a plain loop.
        blocks, marks: room to work, shapes (2, 4) and (axis size,).
    """
    array_o, array_f = spatial_o * tile_o, spatial_f * tile_f
    steps_o, steps_f = -(-bound_o // array_o), -(-bound_f // array_f)
    own_o, own_f = -(-bound_o // tile_o), -(-bound_f // tile_f)
    last_o, last_f = bound_o - (steps_o - 1) * array_o, bound_f - (steps_f - 1) * array_f
    record[SO], record[TO], record[NO], record[PO], record[DO] = spatial_o, tile_o, steps_o, own_o, bound_o
    record[SF], record[TF], record[NF], record[PF], record[DF] = spatial_f, tile_f, steps_f, own_f, bound_f
    record[HO] = (steps_o - 1) * tile_o + min(tile_o, last_o)
    record[HF] = (steps_f - 1) * tile_f + min(tile_f, last_f)
    here, before = blocks[0], blocks[1]
    record[ARRAY:PAIRS] = 0
    if sliding:
        for f in range(own_f):
            for o in range(own_o):
                _block(here, o, tile_o, bound_o, f, tile_f, bound_f)
                own = _real(here, axis, marks)
                record[OWN] += own
                record[LARGEST] = max(record[LARGEST], own)
                if o >= spatial_o:
                    _block(before, o - spatial_o, tile_o, bound_o, f, tile_f, bound_f)
                    record[OWN_SHARED_O] += _shared(here, before, axis, marks)
                if f >= spatial_f:
                    _block(before, o, tile_o, bound_o, f - spatial_f, tile_f, bound_f)
                    record[OWN_SHARED_F] += _shared(here, before, axis, marks)
        for f in range(steps_f):
            _block(here, 0, bound_o, bound_o, f, array_f, bound_f)
            record[HELD + 1] = max(record[HELD + 1], _real(here, axis, marks))
        for o in range(steps_o):
            _block(here, o, array_o, bound_o, 0, bound_f, bound_f)
            record[HELD + 2] = max(record[HELD + 2], _real(here, axis, marks))
        _block(here, 0, bound_o, bound_o, 0, bound_f, bound_f)
        record[HELD + 3] = _real(here, axis, marks)
    else:
        record[OWN] = bound_o
        record[LARGEST] = tile_o
        record[HELD + 1] = record[HELD + 3] = bound_o
        record[HELD + 2] = min(array_o, bound_o)
    end = first_class
    for f in range(steps_f):
        for o in range(steps_o):
            if not sliding and 1 < o < steps_o - 1:
                continue  # as the second step
            outputs = array_o if o < steps_o - 1 else last_o
            taps = array_f if f < steps_f - 1 else last_f
            full = new_o = new_f = outputs
            if sliding:
                _block(here, o, array_o, bound_o, f, array_f, bound_f)
                full = new_o = new_f = _real(here, axis, marks)
                if o > 0:
                    _block(before, o - 1, array_o, bound_o, f, array_f, bound_f)
                    new_o = full - _shared(here, before, axis, marks)
                if f > 0:
                    _block(before, o, array_o, bound_o, f - 1, array_f, bound_f)
                    new_f = full - _shared(here, before, axis, marks)
            many = steps_o - 2 if not sliding and o == 1 and steps_o > 2 else 1
            record[ARRAY] += many * full
            record[ARRAY_SHARED_O] += many * (full - new_o)
            record[ARRAY_SHARED_F] += many * (full - new_f)
            record[HELD] = max(record[HELD], full)
            work = min(tile_o, outputs) * min(tile_f, taps)
            flags = (o == 0) * FIRST_O + (o == steps_o - 1) * LAST_O + (f == 0) * FIRST_F + (f == steps_f - 1) * LAST_F
            at = first_class
            while at < end and not (
                classes[at, FLAGS] == flags
                and classes[at, WORK] == work
                and classes[at, OUTPUTS] == outputs
                and classes[at, TAPS] == taps
                and classes[at, FULL] == full
                and classes[at, NEW_O] == new_o
                and classes[at, NEW_F] == new_f
            ):
                at += 1
            if at == end:
                end += 1
                classes[at, MANY] = 0
                classes[at, WORK] = work
                classes[at, OUTPUTS] = outputs
                classes[at, TAPS] = taps
                classes[at, FULL] = full
                classes[at, NEW_O] = new_o
                classes[at, NEW_F] = new_f
                classes[at, FLAGS] = flags
            classes[at, MANY] += many
    record[FIRST_CLASS], record[CLASSES] = first_class, end - first_class
    return end


@njit(cache=True, nogil=True)
def pairs(outputs: int, taps: int, axis: Ints) -> int:
    """V: pairs of output and tap with a real position."""
    found = 0
    for tap in range(taps):
        start = axis[1] * tap + axis[2]
        found += _terms(start, start + axis[0] * (outputs - 1), axis[0], 0, axis[3])
    return found
