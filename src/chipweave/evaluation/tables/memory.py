"""Compiled: what stages of consecutive units hold in the L2 of one chiplet, and what of it enters and leaves.

Matrices indexed `[i, j]` are of units i to j (inclusive) run as one stage (see `units.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.ndarrays import Floats, Ints


class Units(NamedTuple):
    """Per unit, its first and its last layer."""

    first: Ints
    last: Ints


class Operands(NamedTuple):
    """What layers read.

    Args:
        size: bytes of tensors by producer + 1 (entry 0: the network's input).
        start, end: per layer, its part of the edges `producers` and `elements`.
    """

    size: Floats
    start: Ints
    end: Ints
    producers: Ints
    elements: Floats


@kernel()
def footprints(spans: Units, operands: Operands, weights: Floats, same: Ints) -> tuple[Floats, Floats]:
    """`live` and `two_largest`, both [i, j] in bytes (twin: `exact/memory.py footprint`).

    Args:
        same: per layer the last one before it that has the same weights, -1 where there is none.
    """
    first, last = spans
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
                peak = max(peak, _hold(layer, first[i], operands, held, until))
                if same[layer] >= first[i]:
                    continue
                if weights[layer] > largest:
                    largest, second = weights[layer], largest
                elif weights[layer] > second:
                    second = weights[layer]
            live[i, j] = peak
            two_largest[i, j] = largest + second
    return live, two_largest


@inner()
def _hold(layer: int, begin: int, operands: Operands, held: Floats, until: Ints) -> float:
    """Extend a stage that begins at layer `begin` by `layer`; the largest live set that changed."""
    size, producers = operands.size, operands.producers
    held[layer] += size[layer + 1]
    until[layer + 1] = layer
    peak = held[layer]
    for operand in range(operands.start[layer], operands.end[layer]):
        producer = producers[operand]
        since = max(begin, until[producer + 1] + 1)
        for at in range(since, layer + 1):
            held[at] += size[producer + 1]
            peak = max(peak, held[at])
        until[producer + 1] = layer
    return float(max(peak, held[layer]))


@kernel()
def fill_and_drain(
    spans: Units, operands: Operands, fill: Floats, drain: Floats, last_reader: Ints
) -> tuple[Floats, Floats]:
    """`fill_input_j` and `drain_j`, [c, i, j] in joules of one sample (twin: `exact/demand.py`)."""
    first, last = spans
    units, classes = len(first), fill.shape[0]
    fill_j, drain_j = np.zeros((classes, units, units)), np.zeros((classes, units, units))
    filled = np.zeros(classes)
    for i in range(units):
        filled[:] = 0.0
        for j in range(i, units):
            for layer in range(first[j], last[j] + 1):
                outside = total = 0.0
                for operand in range(operands.start[layer], operands.end[layer]):
                    total += operands.elements[operand]
                    if operands.producers[operand] < first[i]:
                        outside += operands.elements[operand]
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
