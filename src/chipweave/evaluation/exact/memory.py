"""What a stage keeps in the L2 of each of its chiplets: live activations and weights."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.evaluation.exact.layout import Cuts, sizes
from chipweave.evaluation.law import Room, fits_l2
from chipweave.evaluation.record import Split
from chipweave.plan.schedule import Partition, Stage
from chipweave.workload.layer import Layer, channel_units
from chipweave.workload.model import Model


@dataclass(frozen=True, slots=True)
class Footprint:
    """L2 demands of a stage for one micro-batch, in bytes on the chiplet that holds most.

    Args:
        live: per layer, the activations that must be held while it runs.
        weights: per layer, what its slowest part needs.
        copied: per layer, what is gathered from mates where they keep one copy (0 where weights are parted anyway).
        shares: the chiplet's part of that copy.
    """

    live: tuple[float, ...]
    weights: tuple[float, ...]
    copied: tuple[float, ...]
    shares: float

    def room(self, l2_bytes: int, chiplets: int = 1) -> Room:
        """What the law asks of an L2 of that size, on a region of so many chiplets; without a second buffer.

        Where nothing fits, layer by layer the part of the live set that exceeds the L2 left beside the weights spills:
        beside all of them if they are kept, beside the layer's own and the next one's if they stream.
        """
        every, most = sum(self.weights), max(self.live)
        room = Room(
            l2=l2_bytes,
            live=most,
            second=0,
            all_weights=every,
            two_weights=sum(sorted(self.weights)[-2:]),
            mates_weights=self.shares + sum(sorted(self.copied)[-2:]),
            spill_kept=0,
            spill_streamed=0,
        )
        if fits_l2(room):
            return room
        following = (*self.weights[1:], 0)
        beside_two = sum(
            max(0, live - max(0, l2_bytes - own - after))
            for live, own, after in zip(self.live, self.weights, following, strict=True)
        )
        beside_all = sum(max(0, live - max(0, l2_bytes - every)) for live in self.live)
        return room._replace(spill_kept=chiplets * beside_all, spill_streamed=chiplets * beside_two)


def footprint(model: Model, stage: Stage, micro_batch: int, cuts: Cuts | None = None) -> Footprint:
    """L2 demands of a stage whose layers are cut by `cuts` (not needed on a single chiplet).

    While layer l runs, L2 holds its part of l's output and, of every tensor that the stage made or received before
    and l or a later layer of the stage reads, what these layers need of it; received tensors are held from the start
    of the stage. On a single chiplet a tensor counts whole.
    """
    chiplets, scale = len(stage.chiplets), model.bytes_per_element
    live = [scale * _largest_output(model, layer, chiplets, micro_batch, cuts) for layer in stage.layers]
    tensors = {edge.producer for layer in stage.layers for edge in model.operands[layer]}
    for tensor in tensors:
        start = stage.first if tensor < stage.first else tensor + 1
        for first, last, elements in _held(model, stage, tensor, micro_batch, cuts):
            for layer in range(max(start, first), last + 1):
                live[layer - stage.first] += scale * elements
    weights = [scale * model.layers[layer].weight_elements for layer in stage.layers]
    if chiplets == 1:
        return Footprint(tuple(live), tuple(weights), (0.0,) * len(weights), sum(weights))
    assert cuts is not None
    used = [
        _largest_share(model.layers[layer], cuts.splits[layer], bytes_)
        for layer, bytes_ in zip(stage.layers, weights, strict=True)
    ]
    copied = [
        0 if stage.partition(layer) is Partition.INPUT_SHARED else bytes_
        for layer, bytes_ in zip(stage.layers, weights, strict=True)
    ]
    shares = [copy / chiplets if copy else part for copy, part in zip(copied, used, strict=True)]
    return Footprint(tuple(live), tuple(used), tuple(copied), sum(shares))


def _largest_output(model: Model, layer: int, chiplets: int, micro_batch: int, cuts: Cuts | None) -> float:
    elements = micro_batch * model.layers[layer].output_elements
    if chiplets == 1:
        return elements
    assert cuts is not None
    return elements * float(sizes(cuts.owned(layer, chiplets)).max()) / cuts.entries(layer)


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


def _largest_share(layer: Layer, split: Split, bytes_: int) -> float:
    """Of a layer's weights on the chiplet whose part of the channels is largest."""
    units = channel_units(layer)
    return bytes_ * -(-units // split.units) / units
