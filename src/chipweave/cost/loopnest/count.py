"""Counts of a given mapping of a shape on a machine: the closed forms behind one plain function."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from chipweave.cost.loopnest import kernel
from chipweave.cost.loopnest.counts import Counts
from chipweave.cost.loopnest.footprint import CLASS, RECORD, tilings
from chipweave.cost.loopnest.machine import Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.orders import inside_of, moving, reuse_of
from chipweave.cost.loopnest.shape import LOOPS, Axis, Shape

Ints = NDArray[np.int64]

PLAIN = Axis()
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
    kernel.evaluate(records, classes, rows, reuse, sizes, figures)
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
            machine.l2_bytes,
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
    records = np.zeros((kernel.GROUPS, max(map(len, choices)), RECORD), dtype=np.int64)
    axes = [_group(shape, group) for group in range(kernel.GROUPS)]
    most = 0
    for each, (outputs, taps, _, plain) in zip(choices, axes, strict=True):
        steps = -(-outputs // (each[:, 0] * each[:, 1])) * -(-taps // (each[:, 2] * each[:, 3]))
        most += int((np.minimum(steps, 3) if plain else steps).sum())  # a plain loop: a first, a last, and others
    classes = np.zeros((most, CLASS), dtype=np.int64)
    free = 0
    for own, each, (outputs, taps, axis, plain) in zip(records, choices, axes, strict=True):
        row = np.array([axis.stride, axis.dilation, axis.offset, axis.size], dtype=np.int64)
        free = tilings(each, outputs, taps, row, not plain, own, classes, free)
    return records, classes[:free]


def _group(shape: Shape, group: int) -> tuple[int, int, Axis, bool]:
    """Bounds of a group's output and filter loop, its axis, and whether each output has a real position of its own."""
    outputs = shape.bounds[LOOPS.index(AXES[group])]
    if group < kernel.VERTICAL:
        return outputs, 1, PLAIN, True
    taps = shape.bounds[LOOPS.index("RS"[group - kernel.VERTICAL])]
    axis = (shape.vertical, shape.horizontal)[group - kernel.VERTICAL]
    return outputs, taps, axis, taps == 1 and axis.stride == 1 and axis.offset == 0 and axis.size >= outputs


def _choices(mapping: Mapping) -> list[Ints]:
    pairs = dict(zip(LOOPS, zip(mapping.spatial, mapping.tile, strict=True), strict=True))
    plain = [(*pairs[loop], 1, 1) for loop in "NGKC"]
    return [np.array([each]) for each in (*plain, (*pairs["Y"], *pairs["R"]), (*pairs["X"], *pairs["S"]))]
