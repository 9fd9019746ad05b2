"""What all parts of a layer need whole, or make together, and what one more chiplet takes for it at least
(docs/proof.md)."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.exact.split import Splits
from chipweave.ndarrays import Floats
from chipweave.workload.layer import channel_units


class Copied(NamedTuple):
    """[distinct layer] joules of a copy, for each part beyond the first.

    Args:
        map_j: on the links, of parts of the map, which all need the weights, once; channels_j: on the links and into
            an L2, of parts of the output channels, which all need the input, of the whole batch.
    """

    map_j: Floats
    channels_j: Floats


def copied_j(ready: Prepared, task: int) -> Copied:
    """What a copy takes for each distinct layer of a task; nothing in `paper`."""
    entry, splits = ready.tasks[task], ready.splits(task, len(ready.package.chiplets))
    model, (layers, distinct) = entry.model, splits.distinct
    if not ready.detailed:
        return Copied(*np.zeros((2, len(layers))))
    # A tensor that several layers of a stage read is moved once, so they share what it takes.
    whole = [layer.weight_elements > 0 and layer.groups == 1 for layer in model.layers]
    read: Counter[int] = Counter()
    for edge in model.edges:
        read[edge.producer] += edge.elements if whole[edge.consumer] else 0
    elements = np.full(len(layers), np.inf)
    for number, kind in enumerate(distinct.tolist()):
        own = 0.0
        for edge in model.operands[number] if whole[number] else ():
            own += edge.elements * min(1.0, model.tensor_elements(edge.producer) / read[edge.producer])
        elements[kind] = min(elements[kind], own)
    weights = [0 if splits.reusing else model.bytes_of_weights(layer) for layer in layers]
    byte_j = _least_link_j(ready)
    return Copied(
        byte_j * np.array(weights),
        byte_j * entry.batch * model.activation_width * elements + entry.batch * _least_fill_j(splits),
    )


def sums_j(ready: Prepared, task: int) -> Floats:
    """[distinct layer] joules of partial sums of all outputs that leave an L2, cross a link and enter another to be
    added, of the whole batch, for each part beyond the first; nothing in `paper`."""
    entry, ways = ready.tasks[task], ready.reduced(task)
    layers = ready.splits(task, len(ready.package.chiplets)).distinct[0]
    if not ready.detailed:
        return np.zeros(len(layers))
    least = np.full(len(layers), np.inf)
    for costs in ways.costs(1):
        np.minimum.at(least, np.array([part.layer for part in ways.parts], np.int64), costs.drain_output_j)
    drain_j = np.where(np.isfinite(least), least, 0.0)
    outputs = np.array([layer.output_elements for layer in layers])
    byte_j = _least_link_j(ready) + min(ready.byte_j(task))
    return np.asarray(entry.batch * (drain_j + byte_j * entry.model.sum_width * outputs))


def _least_link_j(ready: Prepared) -> float:
    """Joules of a byte on the cheapest link."""
    links = ready.network.joules
    return ready.rates.link_j * float(links.min()) if len(links) else 0.0


def _least_fill_j(splits: Splits) -> Floats:
    """[distinct layer] joules that bring a sample's input into an L2, the least of all parts of its channels and
    classes; 0 of layers whose parts do not need all of it."""
    layers, shapes = splits.distinct[0], np.array(splits.shapes)
    whole = np.array([channel_units(layer) if layer.weight_elements and layer.groups == 1 else 0 for layer in layers])
    cut = shapes[:, 3] < whole[shapes[:, 0]]
    least = np.full(len(layers), np.inf)
    for costs in splits.tile_costs:
        np.minimum.at(least, shapes[cut, 0], costs.fill_input_j[cut])
    return np.where(np.isfinite(least), least, 0.0)
