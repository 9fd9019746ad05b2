"""Counts of a given mapping of a shape on a machine: the closed forms behind one plain function."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from chipweave.cost.loopnest import kernel
from chipweave.cost.loopnest.footprint import CLASS, RECORD, groups_of, steps_of
from chipweave.cost.loopnest.machine import Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.mapping_cost import Counts
from chipweave.cost.loopnest.orders import inside_of, moving, reuse_of
from chipweave.cost.loopnest.shape import LOOPS, Shape

Ints = NDArray[np.int64]

BITS = 1 << np.arange(len(LOOPS))
"""Of each loop in a mask of those that move."""

AXES = "NGKCYX"
"""The output loop of each of the kernel's groups; the last two have a filter loop, too."""


def count(shape: Shape, mapping: Mapping, machine: Machine) -> Counts:
    """What one run of `shape` costs. The mapping's tiles may be too large for L1 or L2: compare the needs.

    Source: docs/cost-model/loopnest.md.
    """
    return count_all([shape], [mapping], machine)[0]


def count_all(shapes: Sequence[Shape], mappings: Sequence[Mapping], machine: Machine) -> list[Counts]:
    """`count` of each shape under its mapping."""
    many = len(shapes)
    if not many:
        return []
    bounds = np.array([shape.bounds for shape in shapes], dtype=np.int64)
    spatial = np.array([mapping.spatial for mapping in mappings], dtype=np.int64)
    tile = np.array([mapping.tile for mapping in mappings], dtype=np.int64)
    choices, axes = _choices(spatial, tile), _axes(shapes, bounds)
    going = (-(-bounds // (spatial * tile)) > 1) @ BITS
    orders = [
        _orders(mapping.outer, moves, mapping.inner, within)
        for mapping, moves, within in zip(mappings, going.tolist(), ((tile > 1) @ BITS).tolist(), strict=True)
    ]
    ones, rows = np.ones(kernel.GROUPS, dtype=np.int64), np.zeros(kernel.GROUPS, dtype=np.int64)
    scratch = kernel.Scratch(
        np.zeros((kernel.GROUPS, 1, RECORD), dtype=np.int64),
        np.zeros((kernel.most_classes(choices, ones, axes), CLASS), dtype=np.int64),
        np.empty(int(axes[:, :, 5].max()), dtype=np.int64),
        np.empty(kernel.LIKE, dtype=np.int64),
        rows,
        ones,
    )
    given = kernel.Mapped(choices, axes, *(np.array(each) for each in zip(*orders, strict=True)))
    figures, held = np.zeros((many, kernel.FIGURES), dtype=np.int64), np.zeros((many, 3), dtype=np.int64)
    kernel.count_all(given, machine_row(machine), scratch, figures, held)
    made = zip(shapes, figures.tolist(), held.tolist(), strict=True)
    return [_counts(shape, value, held_, machine) for shape, value, held_ in made]


def _counts(shape: Shape, value: Sequence[int], held: Sequence[int], machine: Machine) -> Counts:
    """The kernel's figures of a mapping, with names."""
    weights, inputs, outputs = held
    partial = value[kernel.L2_READ_O] > 0
    return Counts(
        macs=prod(shape.bounds),
        l1_read=(value[kernel.L1_READ_W], value[kernel.L1_READ_I], value[kernel.L1_READ_O]),
        l1_write=(value[kernel.L1_WRITE_W], value[kernel.L1_WRITE_I], value[kernel.L1_WRITE_O]),
        l2_read=(value[kernel.L2_READ_W], value[kernel.L2_READ_I], value[kernel.L2_READ_O]),
        l2_write=(0, 0, value[kernel.L2_WRITE_O]),
        reduction_transfers=value[kernel.REDUCED],
        steps=value[kernel.STEPS],
        fill=value[kernel.FILL],
        compute=value[kernel.COMPUTE],
        noc_in=value[kernel.NOC_IN],
        noc_out=value[kernel.NOC_OUT],
        drain=value[kernel.DRAIN],
        overlapped=bool(value[kernel.OVERLAPPED]),
        l1_need_bytes=value[kernel.L1_NEED],
        l2_need_bytes=(weights + inputs) * machine.element_bytes
        + outputs * (machine.sum_bytes if partial else machine.element_bytes),
    )


@cache
def _orders(outer: str, going: int, inner: str, within: int) -> tuple[Ints, Ints]:
    """The kernel's reuse of two orders, and what is inside of what (`inside_of`); the loops that move as bits."""
    moves, moves_within = (moving([1 + (bits >> at & 1) for at in range(len(LOOPS))]) for bits in (going, within))
    return reuse_of(outer, moves, inner, moves_within), inside_of(outer, moves)


def machine_row(machine: Machine) -> Ints:
    """The kernel's row of a machine."""
    return np.array(
        [
            machine.num_pes,
            machine.simd_lanes,
            machine.l1_bytes,
            machine.noc_bandwidth,
            machine.noc_latency,
            machine.element_bytes,
            machine.sum_bytes,
            machine.sum_elements,
        ],
        dtype=np.int64,
    )


def records_of(shape: Shape, choices: Sequence[Ints]) -> tuple[Ints, Ints]:
    """The kernel's records [group, choice, column] and classes [class, column].

    Args:
        choices: per group of `AXES` the tilings [choice, 4]: spatial factor and tile of its output loop, then of its
            filter loop (1, 1 where it has none).
    """
    counts = np.array([len(each) for each in choices], dtype=np.int64)
    stacked = np.zeros((kernel.GROUPS, counts.max(), 4), dtype=np.int64)
    for group, each in enumerate(choices):
        stacked[group, : len(each)] = each
    rows = [_axis(shape, group) for group in range(kernel.GROUPS)]
    axes, marks = np.array(rows, dtype=np.int64), np.empty(max(row[5] for row in rows), dtype=np.int64)
    records = np.zeros((*stacked.shape[:2], RECORD), dtype=np.int64)
    classes = np.zeros((steps_of(stacked, counts, axes) + 1, CLASS), dtype=np.int64)
    groups_of(stacked, counts, axes, records, classes, marks)
    return records, classes


def _axis(shape: Shape, group: int) -> tuple[int, ...]:
    """A group's row for `footprint.groups_of`. It slides unless each output has a real position of its own."""
    outputs = shape.bounds[LOOPS.index(AXES[group])]
    if group < kernel.VERTICAL:
        return outputs, 1, 1, 1, 0, outputs, 0
    taps = shape.bounds[LOOPS.index("RS"[group - kernel.VERTICAL])]
    axis = (shape.vertical, shape.horizontal)[group - kernel.VERTICAL]
    plain = taps == 1 and axis.stride == 1 and axis.offset == 0 and axis.size >= outputs
    return outputs, taps, axis.stride, axis.dilation, axis.offset, axis.size, not plain


def _axes(shapes: Sequence[Shape], bounds: Ints) -> Ints:
    """[shape, group, 7] the groups' rows of `_axis`."""
    rows = np.zeros((len(shapes), kernel.GROUPS, 7), dtype=np.int64)
    rows[:, : kernel.VERTICAL] = (0, 1, 1, 1, 0, 0, 0)
    rows[:, : kernel.VERTICAL, 0] = rows[:, : kernel.VERTICAL, 5] = bounds[:, : kernel.VERTICAL]
    for at, shape in enumerate(shapes):
        rows[at, kernel.VERTICAL] = _axis(shape, kernel.VERTICAL)
        rows[at, kernel.VERTICAL + 1] = _axis(shape, kernel.VERTICAL + 1)
    return rows


def _choices(spatial: Ints, tile: Ints) -> Ints:
    """[mapping, group, 1, 4] the one tiling of each group."""
    found = np.ones((len(spatial), kernel.GROUPS, 1, 4), dtype=np.int64)
    for group, loop in enumerate(AXES):
        at = LOOPS.index(loop)
        found[:, group, 0, 0], found[:, group, 0, 1] = spatial[:, at], tile[:, at]
    for group, loop in enumerate("RS", kernel.VERTICAL):
        at = LOOPS.index(loop)
        found[:, group, 0, 2], found[:, group, 0, 3] = spatial[:, at], tile[:, at]
    return found
