"""What an axis of the input costs under a tiling (docs/cost-model/loopnest.md, "Counts": F, f and V).

Positions stride * output + dilation * tap + offset of a block of outputs and taps form one arithmetic progression
unless the block is small and its dilation or stride large; then they are marked one by one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chipweave.cost.compiled import entry, inner, number

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


class Axis(NamedTuple):
    """Positions of outputs and taps: those within [0, size) are real."""

    stride: int
    dilation: int
    offset: int
    size: int


class Cut(NamedTuple):
    """Outputs and taps of a loop pair, and the tiles that they are cut into."""

    tile_o: int
    outputs: int
    tile_f: int
    taps: int


class Block(NamedTuple):
    """First output, end of outputs, first tap, end of taps."""

    o: int
    end_o: int
    f: int
    end_f: int


@inner
def _progression(block: Block, axis: Axis) -> tuple[int, int, int]:
    """First and last term and step of a block's positions; step 0 if they are no arithmetic progression."""
    outputs, taps = block.end_o - block.o, block.end_f - block.f
    first = axis.stride * block.o + axis.dilation * block.f + axis.offset
    last = first + axis.stride * (outputs - 1) + axis.dilation * (taps - 1)
    step, rest = axis.stride, axis.dilation
    if outputs == 1:
        step = 1 if taps == 1 else axis.dilation
    elif taps > 1:
        while rest:
            step, rest = rest, step % rest
        dense = axis.dilation == step and taps * step >= axis.stride
        if not dense and not (axis.stride == step and outputs * step >= axis.dilation):
            step = 0
    return first, last, step


@inner
def _terms(first: int, last: int, step: int, high: int) -> int:
    """Terms of a progression within [0, high)."""
    if first < 0:
        first += -(first // step) * step
    last = min(last, high - 1)
    return 0 if last < first else (last - first) // step + 1


@inner
def _mark(block: Block, axis: Axis, marks: Ints, before: int) -> int:
    """Raises the marks of a block's real positions by one where they are `before`; how many are."""
    found = 0
    for output in range(block.o, block.end_o):
        for tap in range(block.f, block.end_f):
            at = axis.stride * output + axis.dilation * tap + axis.offset
            if 0 <= at < axis.size and marks[at] == before:
                marks[at] = before + 1
                found += 1
    return found


@inner
def _marked(one: Block, other: Block, axis: Axis, marks: Ints) -> tuple[int, int]:
    """Real positions of one block, and those that it has in common with the other, marked one by one."""
    for at in range(axis.size):
        marks[at] = 0
    return _mark(one, axis, marks, number(0)), _mark(other, axis, marks, number(1))


@inner
def _real(block: Block, axis: Axis, marks: Ints) -> int:
    """Distinct real positions of a block."""
    if block.end_o <= block.o or block.end_f <= block.f:
        return 0
    first, last, step = _progression(block, axis)
    return _terms(first, last, step, axis.size) if step else _marked(block, block, axis, marks)[0]


@inner
def _shared(one: Block, other: Block, axis: Axis, marks: Ints) -> int:
    """Real positions that two blocks have in common."""
    if one.end_o <= one.o or one.end_f <= one.f or other.end_o <= other.o or other.end_f <= other.f:
        return 0
    first, last, step = _progression(one, axis)
    first_2, last_2, step_2 = _progression(other, axis)
    if step and step == step_2:
        if (first - first_2) % step:
            return 0
        return _terms(max(first, first_2), min(last, last_2), step, axis.size)
    if last < first_2 or last_2 < first:
        return 0
    return _marked(one, other, axis, marks)[1]


@inner
def _block(o: int, f: int, cut: Cut) -> Block:
    """The o-th tile of outputs and the f-th of taps."""
    return Block(
        min(o * cut.tile_o, cut.outputs),
        min((o + 1) * cut.tile_o, cut.outputs),
        min(f * cut.tile_f, cut.taps),
        min((f + 1) * cut.tile_f, cut.taps),
    )


@inner
def _inner(o: int, f: int, cut: Cut, axis: Axis) -> bool:
    """Whether the o-th tile of outputs is whole and has no padding at the f-th of taps: all such tiles are alike."""
    first, last = min(f * cut.tile_f, cut.taps), min((f + 1) * cut.tile_f, cut.taps) - 1
    low = axis.stride * o * cut.tile_o + axis.dilation * first + axis.offset
    high = axis.stride * ((o + 1) * cut.tile_o - 1) + axis.dilation * last + axis.offset
    return low >= 0 and high < axis.size and (o + 1) * cut.tile_o <= cut.outputs


@inner
def _alike(o: int, f: int, back_o: int, back_f: int, cut: Cut, axis: Axis) -> bool:
    """Whether a tile costs what its neighbours along the outputs do: it, and those that came before it, are inner."""
    if o < back_o or not _inner(o - back_o, f, cut, axis) or not _inner(o, f, cut, axis):
        return False
    return f < back_f or _inner(o, f - back_f, cut, axis)


@inner
def _costs(o: int, f: int, back_o: int, back_f: int, cut: Cut, axis: Axis, marks: Ints) -> tuple[int, int, int]:
    """Real positions of a tile, and those shared with the tiles `back_o` outputs' and `back_f` taps' tiles before."""
    block, shared_o, shared_f = _block(o, f, cut), 0, 0
    if o >= back_o:
        shared_o = _shared(block, _block(o - back_o, f, cut), axis, marks)
    if f >= back_f:
        shared_f = _shared(block, _block(o, f - back_f, cut), axis, marks)
    return _real(block, axis, marks), shared_o, shared_f


@inner
def _own(record: Ints, axis: Axis, marks: Ints) -> None:
    """Fills what every PE takes in: OWN, what it shares with its tiles before, and LARGEST."""
    back_o, back_f = record[SO], record[SF]
    cut = Cut(record[TO], record[DO], record[TF], record[DF])
    own = largest = own_shared_o = own_shared_f = 0
    for f in range(record[PF]):
        known, positions, shared_o, shared_f = False, 0, 0, 0
        for o in range(record[PO]):
            alike = _alike(o, f, back_o, back_f, cut, axis)
            if not (alike and known):
                positions, shared_o, shared_f = _costs(o, f, back_o, back_f, cut, axis, marks)
                known = alike
            own += positions
            largest = max(largest, positions)
            own_shared_o += shared_o
            own_shared_f += shared_f
    record[OWN], record[LARGEST] = own, largest
    record[OWN_SHARED_O], record[OWN_SHARED_F] = own_shared_o, own_shared_f


@inner
def _class(classes: Ints, first: int, end: int) -> int:
    """The class from `first` on whose steps cost what those of the one at `end` do; `end` if there is none."""
    for at in range(first, end):
        column = WORK
        while column < CLASS and classes[at, column] == classes[end, column]:
            column += 1
        if column == CLASS:
            return at
    classes[end, MANY] = 0
    return end


@inner
def _steps(record: Ints, axis: Axis, sliding: bool, classes: Ints, first: int, marks: Ints) -> int:
    """Fills what the array takes in over its steps: ARRAY, what it shares, HELD, and the classes from `first` on."""
    steps_o, steps_f, tile_o, tile_f = record[NO], record[NF], record[TO], record[TF]
    cut = Cut(record[SO] * tile_o, record[DO], record[SF] * tile_f, record[DF])
    one = number(1)
    end = first
    array = array_shared_o = array_shared_f = held = 0
    for f in range(steps_f):
        known, at, full, shared_o, shared_f = False, first, 0, 0, 0
        for step in range(steps_o if sliding else min(steps_o, 3)):
            # the steps of a plain loop are a first one, alike ones and a last one
            o = steps_o - 1 if not sliding and step == 2 else step
            many = steps_o - 2 if not sliding and step == 1 and steps_o > 2 else 1
            alike = sliding and o < steps_o - 1 and _alike(o, f, one, one, cut, axis)
            if not (alike and known):
                block = _block(o, f, cut)
                outputs, taps = block.end_o - block.o, block.end_f - block.f
                full = outputs
                if sliding:
                    full, shared_o, shared_f = _costs(o, f, one, one, cut, axis, marks)
                classes[end, WORK] = min(tile_o, outputs) * min(tile_f, taps)
                classes[end, OUTPUTS], classes[end, TAPS], classes[end, FULL] = outputs, taps, full
                classes[end, NEW_O], classes[end, NEW_F] = full - shared_o, full - shared_f
                flags = (o == 0) * FIRST_O + (o == steps_o - 1) * LAST_O
                classes[end, FLAGS] = flags + (f == 0) * FIRST_F + (f == steps_f - 1) * LAST_F
                at = _class(classes, first, end)
                end = max(end, at + 1)
                known = alike
            classes[at, MANY] += many
            array += many * full
            array_shared_o += many * shared_o
            array_shared_f += many * shared_f
            held = max(held, full)
    record[ARRAY], record[ARRAY_SHARED_O], record[ARRAY_SHARED_F] = array, array_shared_o, array_shared_f
    record[HELD], record[FIRST_CLASS], record[CLASSES] = held, first, end - first
    return end


@inner
def _largest(cut: Cut, axis: Axis, marks: Ints) -> int:
    """Real positions of the largest tile."""
    most = 0
    for o in range(-(-cut.outputs // cut.tile_o)):
        for f in range(-(-cut.taps // cut.tile_f)):
            most = max(most, _real(_block(o, f, cut), axis, marks))
    return most


@inner
def _pairs(outputs: int, taps: int, axis: Axis) -> int:
    """Outputs and taps that meet at real positions."""
    found = 0
    for tap in range(taps):
        start = axis.dilation * tap + axis.offset
        found += _terms(start, start + axis.stride * (outputs - 1), axis.stride, axis.size)
    return found


@inner
def _loops(choice: Ints, outputs: int, taps: int, record: Ints) -> None:
    """Fills factors, tiles and iterations of both loops."""
    spatial_o, tile_o, spatial_f, tile_f = choice[0], choice[1], choice[2], choice[3]
    array_o, array_f = spatial_o * tile_o, spatial_f * tile_f
    steps_o, steps_f = -(-outputs // array_o), -(-taps // array_f)
    record[SO], record[TO], record[NO], record[DO] = spatial_o, tile_o, steps_o, outputs
    record[SF], record[TF], record[NF], record[DF] = spatial_f, tile_f, steps_f, taps
    record[PO], record[PF] = -(-outputs // tile_o), -(-taps // tile_f)
    record[HO] = (steps_o - 1) * tile_o + min(tile_o, outputs - (steps_o - 1) * array_o)
    record[HF] = (steps_f - 1) * tile_f + min(tile_f, taps - (steps_f - 1) * array_f)


@entry
def steps_of(choices: Ints, counts: Ints, axes: Ints) -> int:
    """At least as many as there are classes of steps; arguments as for `groups_of`."""
    most = 0
    for group in range(len(counts)):
        for at in range(counts[group]):
            steps = -(-axes[group, 0] // (choices[group, at, 0] * choices[group, at, 1]))
            steps *= -(-axes[group, 1] // (choices[group, at, 2] * choices[group, at, 3]))
            most += steps if axes[group, 6] else min(steps, 3)  # a plain loop: a first, a last, and others
    return most


@entry
def groups_of(choices: Ints, counts: Ints, axes: Ints, records: Ints, classes: Ints, marks: Ints) -> None:
    """Fills records [group, choice, RECORD] and classes [class, CLASS] of several axes' tilings.

    Args:
        choices: [group, choice, 4] spatial factor and tile of the output loop, then of the filter loop.
        counts: choices per group.
        axes: [group, 7] outputs, taps, stride, dilation, offset, size, and 1 if sliding: 0 where every output has one
            real position of its own, that is, a plain loop.
        records, classes: zero, a class more than there are steps.
        marks: as long as the longest axis that slides.
    """
    end = number(0)
    for group in range(len(counts)):
        outputs, taps, sliding = axes[group, 0], axes[group, 1], axes[group, 6] == 1
        axis = Axis(axes[group, 2], axes[group, 3], axes[group, 4], axes[group, 5])
        pairs = _pairs(outputs, taps, axis) if sliding else outputs
        for at in range(counts[group]):
            record = records[group, at]
            _loops(choices[group, at], outputs, taps, record)
            record[PAIRS] = pairs
            end = _steps(record, axis, sliding, classes, end, marks)
            array_o, array_f = record[SO] * record[TO], record[SF] * record[TF]
            if sliding:
                _own(record, axis, marks)
                record[HELD + 1] = _largest(Cut(outputs, outputs, array_f, taps), axis, marks)
                record[HELD + 2] = _largest(Cut(array_o, outputs, taps, taps), axis, marks)
                record[HELD + 3] = _largest(Cut(outputs, outputs, taps, taps), axis, marks)
            else:
                record[OWN], record[LARGEST] = outputs, record[TO]
                record[HELD + 1] = record[HELD + 3] = outputs
                record[HELD + 2] = min(array_o, outputs)
