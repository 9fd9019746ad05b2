"""What a stage asks of the L2 of each of its chiplets: live activations, weights, and what is kept between layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chipweave.evaluation.exact.blocks import block_of, grain_of
from chipweave.evaluation.exact.layout import Cuts
from chipweave.evaluation.exact.split import WHOLE, largest, largest_inputs, largest_weights, tile
from chipweave.evaluation.keep import Around, Books, Layers, Uses, open_books, run_layer
from chipweave.hardware.chiplet import Chiplet
from chipweave.ndarrays import Bools
from chipweave.plan.schedule import Partition, Stage
from chipweave.workload.layer import Op, channel_units
from chipweave.workload.model import NETWORK_INPUT, Model


@dataclass(frozen=True, slots=True)
class Footprint:
    """L2 demands of a stage for one micro-batch, in bytes on the chiplet that holds most.

    Args:
        live: per layer, the activations that would be held while it runs, were all of them held.
        weights: per layer, what its slowest part needs; 0 where a layer before has the same (`reuses`).
        copied: per layer, weights of which every chiplet of the region uses all (0 where weights are parted).
    """

    live: tuple[float, ...]
    weights: tuple[float, ...]
    copied: tuple[float, ...]


def footprint(model: Model, stage: Stage, micro_batch: int, cuts: Cuts | None = None) -> Footprint:
    """L2 demands of a stage whose layers are cut by `cuts` (not needed on a single chiplet).

    While layer l runs, L2 holds its part of l's output and, of every tensor that the stage made or received before
    and l or a later layer of the stage reads, what these layers need of it; received tensors are held from the start
    of the stage. On a single chiplet a tensor counts whole.
    """
    chiplets, scale = len(stage.chiplets), model.activation_width
    live = [scale * _largest_output(model, layer, chiplets, micro_batch, cuts) for layer in stage.layers]
    tensors = {edge.producer for layer in stage.layers for edge in model.operands[layer]}
    for tensor in tensors:
        start = stage.first if tensor < stage.first else tensor + 1
        for first, last, elements in _held(model, stage, tensor, micro_batch, cuts):
            for layer in range(max(start, first), last + 1):
                live[layer - stage.first] += scale * elements
    weights = [model.weight_bytes[layer] for layer in stage.layers]
    again = reuses(model, stage, cuts)
    if chiplets == 1:
        held = tuple(0 if twice else bytes_ for twice, bytes_ in zip(again, weights, strict=True))
        return Footprint(tuple(live), held, (0.0,) * len(weights))
    assert cuts is not None
    used = [
        0 if twice else largest_weights(model.layers[layer], cuts.splits[layer], bytes_)
        for layer, twice, bytes_ in zip(stage.layers, again, weights, strict=True)
    ]
    copied = [
        bytes_ if stage.partition(layer) is Partition.WEIGHT_SHARED else 0
        for layer, bytes_ in zip(stage.layers, weights, strict=True)
    ]
    return Footprint(tuple(live), tuple(used), tuple(copied))


def reuses(model: Model, stage: Stage, cuts: Cuts | None = None) -> tuple[bool, ...]:
    """Per layer of the stage, whether its chiplets have its weights already, of a layer before in the stage.

    On several chiplets, where both are cut alike: what each chiplet has of them is then the same.
    """
    found = []
    for layer in stage.layers:
        before = model.same_weights[layer]
        while before >= stage.first and not _cut_alike(model, stage, before, layer, cuts):
            before = model.same_weights[before]
        found.append(before >= stage.first)
    return tuple(found)


def _cut_alike(model: Model, stage: Stage, one: int, other: int, cuts: Cuts | None) -> bool:
    if len(stage.chiplets) == 1:
        return True
    assert cuts is not None
    cut = [
        (stage.partition(each), cuts.splits[each].work, channel_units(model.layers[each]), model.layers[each].C)
        for each in (one, other)
    ]
    parts = 4 if stage.partition(one) is Partition.REDUCED else 3
    return cut[0][:parts] == cut[1][:parts]


def kept_in_l2(
    model: Model, stage: Stage, micro_batch: int, window: tuple[int, int], chiplet: Chiplet, cuts: Cuts | None = None
) -> tuple[float, float, float, float]:
    """The keep pass over a stage (`keep.py`): the least room left, bytes that come back, that go, and read again.

    Args:
        window: first layer of the task's window, and the one behind its last.
        chiplet: of the region, the one with least L2.
    """
    books, around = open_pass(stage), around_of(model, stage, window, chiplet)
    uses, layers = uses_of(model, stage, micro_batch, cuts), layers_of(model, stage, chiplet, cuts)
    for layer in stage.layers:
        run_layer(layer, uses, layers, around, books)
    slack, back, wrote, again = map(float, books.sums)
    return slack, back, wrote, again


def open_pass(stage: Stage) -> Books:
    """The books before the stage's first layer."""
    tensors = stage.last + 2
    since, had, gone = np.zeros(tensors, np.int64), np.zeros(tensors), np.zeros(tensors)
    books = Books(np.zeros(stage.last + 1), since, had, gone, np.zeros(4))
    open_books(books)
    return books


def around_of(model: Model, stage: Stage, window: tuple[int, int], chiplet: Chiplet) -> Around:
    """The stage in its window (`kept_in_l2`)."""
    return Around(stage.first, window[0], float(chiplet.l2_bytes), _in_dram(model, stage.last + 2, window[1]))


def _in_dram(model: Model, tensors: int, end: int) -> Bools:
    """[tensor + 1] it is stored in any case: an output of the network, or read by a later window."""
    stored = np.ones(tensors, np.bool_)
    for tensor in range(tensors - 1):
        readers = model.consumers[tensor]
        stored[tensor + 1] = not readers or readers[-1].consumer >= end
    return stored


def layers_of(model: Model, stage: Stage, chiplet: Chiplet, cuts: Cuts | None = None) -> Layers:
    """Weights, blocks and pieces in flight of the layers' parts, numbered as in the model."""
    made = Layers(*(np.zeros(stage.last + 1) for _ in range(3)))
    for layer in stage.layers:
        shape, split = model.layers[layer], WHOLE if cuts is None else cuts.splits[layer]
        _, columns, units = largest(shape, split)
        bytes_ = largest_weights(shape, split, model.weight_bytes[layer])
        made.weights[layer] = bytes_
        made.block[layer] = block_of(shape, units, bytes_, chiplet).bytes_
        width = model.activation_width if split.inputs == 1 else model.sum_width  # of the piece that is made, the wider
        if split.inputs > 1:
            shape = tile(shape, shape.out_y, shape.out_x, units, largest_inputs(shape, split))
        made.grain[layer] = grain_of(shape, columns, units, width)
    return made


def uses_of(model: Model, stage: Stage, micro_batch: int, cuts: Cuts | None = None) -> Uses:
    """What the layers of the stage read, each tensor once, numbered as in the model."""
    start, end = np.zeros(stage.last + 1, np.int64), np.zeros(stage.last + 1, np.int64)
    scale = model.activation_width
    rows: list[tuple[int, float, float, bool]] = []
    for layer in stage.layers:
        start[layer] = len(rows)
        read: dict[int, int] = {}
        for edge in model.operands[layer]:
            read[edge.producer] = read.get(edge.producer, 0) + edge.elements
        for tensor, elements in sorted(read.items()):
            whole = model.tensor_elements(tensor)
            held = float(scale * micro_batch * whole)
            share = min(1.0, elements / whole)
            if cuts is not None and len(stage.chiplets) > 1:
                later = [edge.consumer for edge in model.readers(tensor) if layer <= edge.consumer <= stage.last]
                need = cuts.need(tensor, sorted(set(later)), len(stage.chiplets))
                held = held * float(need.sizes.max()) / cuts.entries(tensor)
            rows.append((tensor, held, held * share, fused(model, layer, tensor)))
        end[layer] = len(rows)
    tensors, held_bytes, taken, together = (np.array(column) for column in zip(*rows, strict=True))
    return Uses(start, end, tensors, held_bytes.astype(np.float64), taken.astype(np.float64), together)


def fused(model: Model, layer: int, tensor: int) -> bool:
    """The layer takes the tensor piece by piece as the layer before it makes it, and nothing else ever reads it.

    So do pools, element-wise and upsample layers, and a matmul whose first operand comes from a matmul of the same
    groups, by groups, with element-wise layers between them (attention: scores, softmax, values).
    """
    if tensor != layer - 1 or tensor == NETWORK_INPUT:
        return False
    if [edge.consumer for edge in model.consumers[tensor]] != [layer]:
        return False
    reader = model.layers[layer]
    if reader.rides:
        return True
    if reader.op is not Op.MATMUL or model.operands[layer][0].producer != tensor:
        return False
    maker = tensor
    while model.layers[maker].op is Op.ELEMENTWISE and fused(model, maker, maker - 1):
        maker -= 1
    return model.layers[maker].op is Op.MATMUL and model.layers[maker].groups == reader.groups


def _largest_output(model: Model, layer: int, chiplets: int, micro_batch: int, cuts: Cuts | None) -> float:
    elements = micro_batch * model.layers[layer].output_elements
    if chiplets == 1:
        return elements
    assert cuts is not None
    if cuts.splits[layer].inputs > 1:  # partial sums of all of it
        return elements * (model.sum_width / model.activation_width) if model.sum_bits else elements
    return elements * float(cuts.owned(layer, chiplets).sizes.max()) / cuts.entries(layer)


def _held(model: Model, stage: Stage, tensor: int, micro_batch: int, cuts: Cuts | None) -> list[tuple[int, int, float]]:
    """(first, last, elements): while layers first to last run, the chiplet with most holds so many of `tensor`."""
    readers = sorted({edge.consumer for edge in model.readers(tensor) if stage.first <= edge.consumer <= stage.last})
    whole = micro_batch * model.tensor_elements(tensor)
    if len(stage.chiplets) == 1:
        return [(stage.first, readers[-1], whole)]
    assert cuts is not None
    held = []
    for number, reader in enumerate(readers):
        first = readers[number - 1] + 1 if number else stage.first
        need = cuts.need(tensor, readers[number:], len(stage.chiplets))
        held.append((first, reader, whole * float(need.sizes.max()) / cuts.entries(tensor)))
    return held
