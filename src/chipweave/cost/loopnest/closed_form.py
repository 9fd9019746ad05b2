"""Counts of a given mapping of a shape on a machine: the closed forms behind one plain function."""

from __future__ import annotations

from collections.abc import Sequence
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

AXES = "NGKCYX"
"""The output loop of each of the kernel's groups; the last two have a filter loop, too."""


def count(shape: Shape, mapping: Mapping, machine: Machine) -> Counts:
    """What one run of `shape` costs. The mapping's tiles may be too large for L1 or L2: compare the needs.

    Source: docs/cost-model/loopnest.md.
    """
    records, classes = records_of(shape, _choices(mapping))
    rows = np.zeros(kernel.GROUPS, dtype=np.int64)
    steps = [-(-bound // (s * t)) for bound, s, t in zip(shape.bounds, mapping.spatial, mapping.tile, strict=True)]
    going = moving(steps)
    reuse = reuse_of(mapping.outer, going, mapping.inner, moving(mapping.tile))
    figures = np.zeros(kernel.FIGURES, dtype=np.int64)
    sizes = machine_row(machine)
    kernel.evaluate(records, classes, rows, reuse, sizes, figures, np.empty(kernel.LIKE, dtype=np.int64))
    weights, inputs, outputs = kernel.held(records, rows, inside_of(mapping.outer, going))
    partial = figures[kernel.L2_READ_O] > 0
    l2_need = (weights + inputs) * machine.element_bytes
    l2_need += outputs * (machine.sum_bytes if partial else machine.element_bytes)
    value = [int(figure) for figure in figures]
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
        l2_need_bytes=int(l2_need),
    )


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


def _choices(mapping: Mapping) -> list[Ints]:
    pairs = dict(zip(LOOPS, zip(mapping.spatial, mapping.tile, strict=True), strict=True))
    plain = [(*pairs[loop], 1, 1) for loop in "NGKC"]
    return [np.array([each]) for each in (*plain, (*pairs["Y"], *pairs["R"]), (*pairs["X"], *pairs["S"]))]
