"""What a stage keeps in the L2 of each of its chiplets: live activations and weights."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.evaluation.exact.layout import Cuts, sizes
from chipweave.evaluation.record import Keeping, L2Use, Split
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
        loaded: the stage's weights from DRAM, once.
    """

    live: tuple[float, ...]
    weights: tuple[float, ...]
    copied: tuple[float, ...]
    shares: float
    loaded: float

    @property
    def activations(self) -> float:
        """The largest live set."""
        return max(self.live)

    @property
    def all_weights(self) -> float:
        return sum(self.weights)

    @property
    def streaming_weights(self) -> float:
        """The two largest layers' weights: one in use, the next on its way."""
        return sum(sorted(self.weights)[-2:])

    @property
    def mates_weights(self) -> float:
        """A share of one copy, and room for whole copies of the two largest that are gathered."""
        return self.shares + sum(sorted(self.copied)[-2:])


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
        return Footprint(tuple(live), tuple(weights), (0.0,) * len(weights), sum(weights), sum(weights))
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
    return Footprint(tuple(live), tuple(used), tuple(copied), sum(shares), sum(weights))


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


def ways_to_keep(need: Footprint, l2_bytes: int, micro_batches: int, chiplets: int = 1) -> tuple[L2Use, ...]:
    """How weights may be kept: resident where they fit beside the activations, else from mates or streamed.

    Where nothing fits, layer by layer the part of the live set that exceeds the L2 left beside the weights spills:
    beside all of them if they are kept, beside the layer's own and the next one's if they stream. Of the two ways, the
    one that moves fewer bytes in the window is taken.
    """
    activations = need.activations
    if need.all_weights + activations <= l2_bytes:
        return (L2Use(Keeping.RESIDENT, True, need.all_weights, activations, 0),)
    fitting = []
    if chiplets > 1 and need.mates_weights + activations <= l2_bytes:
        fitting.append(L2Use(Keeping.MATES, True, need.mates_weights, activations, 0))
    if need.streaming_weights + activations <= l2_bytes:
        fitting.append(L2Use(Keeping.STREAMED, True, need.streaming_weights, activations, 0))
    if fitting:
        return tuple(fitting)
    following = (*need.weights[1:], 0)
    streamed = sum(
        max(0, live - max(0, l2_bytes - own - after))
        for live, own, after in zip(need.live, need.weights, following, strict=True)
    )
    if need.all_weights <= l2_bytes:
        kept = sum(max(0, live - (l2_bytes - need.all_weights)) for live in need.live)
        if need.loaded + 2 * micro_batches * chiplets * kept <= micro_batches * (need.loaded + 2 * chiplets * streamed):
            return (L2Use(Keeping.RESIDENT, False, need.all_weights, activations, chiplets * kept),)
    return (L2Use(Keeping.STREAMED, False, min(l2_bytes, need.streaming_weights), activations, chiplets * streamed),)


def fits_l2(need: Footprint, l2_bytes: int) -> bool:
    """The test for micro-batch candidates: the activations fit beside the weights, at least streamed ones.

    Whatever fits with weights from mates or resident also fits with streamed ones.
    """
    return need.streaming_weights + need.activations <= l2_bytes
