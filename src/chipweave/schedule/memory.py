"""What a stage keeps in L2: live activations and weights."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.workload.model import NETWORK_INPUT, Model


@dataclass(frozen=True, slots=True)
class Footprint:
    """L2 demands of layers `first..last` as one stage, in bytes.

    Args:
        live: per layer, the activations of one sample that must be held while it runs.
        weights: per layer.
    """

    live: tuple[int, ...]
    weights: tuple[int, ...]

    @property
    def activations(self) -> int:
        """The largest live set, for one sample."""
        return max(self.live)

    @property
    def all_weights(self) -> int:
        return sum(self.weights)

    @property
    def streaming_weights(self) -> int:
        """The two largest layers' weights: one in use, the next on its way."""
        return sum(sorted(self.weights)[-2:])


def footprint(model: Model, first: int, last: int) -> Footprint:
    """L2 demands of layers `first..last` run as one stage.

    While layer l runs, L2 holds its inputs, its output, and every tensor that the stage made or received
    before and a later layer of the stage reads. A tensor counts whole; received tensors are held from the
    start of the stage.
    """
    ends: dict[int, int] = {}
    for index in range(first, last + 1):
        ends[index] = max(index, ends.get(index, index))
        for edge in model.operands[index]:
            ends[edge.producer] = max(index, ends.get(edge.producer, index))
    live = [0] * (last - first + 1)
    for producer, end in ends.items():
        start = max(producer, first) if producer != NETWORK_INPUT else first
        for index in range(start, end + 1):
            live[index - first] += model.tensor_elements(producer)
    scale = model.bytes_per_element
    return Footprint(
        tuple(scale * elements for elements in live),
        tuple(scale * model.layers[index].weight_elements for index in range(first, last + 1)),
    )


@dataclass(frozen=True, slots=True)
class L2Use:
    """How a stage uses its L2.

    Args:
        resident: all weights are kept (loaded once per window); otherwise they stream, layer by layer.
        fits: the micro-batch's activations fit beside the weights that are held.
        held_weights: bytes of weights in L2.
        activations: bytes of live activations of the micro-batch.
        spill: bytes that leave L2 for want of room per micro-batch; each goes to DRAM and comes back.
    """

    resident: bool
    fits: bool
    held_weights: int
    activations: int
    spill: int


def use_l2(need: Footprint, l2_bytes: int, micro_batch: int, micro_batches: int) -> L2Use:
    """Resident weights where they fit beside the activations, else streamed ones, else what spills least.

    Where nothing fits, layer by layer the part of the live set that exceeds the L2 left beside the weights
    spills: beside all of them if they are kept, beside the layer's own and the next one's if they stream.
    Of the two ways, the one that moves fewer bytes in the window is taken.
    """
    activations = micro_batch * need.activations
    if need.all_weights + activations <= l2_bytes:
        return L2Use(True, True, need.all_weights, activations, 0)
    if need.streaming_weights + activations <= l2_bytes:
        return L2Use(False, True, need.streaming_weights, activations, 0)
    following = (*need.weights[1:], 0)
    streamed = sum(
        max(0, micro_batch * live - max(0, l2_bytes - own - after))
        for live, own, after in zip(need.live, need.weights, following, strict=True)
    )
    if need.all_weights <= l2_bytes:
        kept = sum(max(0, micro_batch * live - (l2_bytes - need.all_weights)) for live in need.live)
        if need.all_weights + 2 * micro_batches * kept <= micro_batches * (need.all_weights + 2 * streamed):
            return L2Use(True, False, need.all_weights, activations, kept)
    return L2Use(False, False, min(l2_bytes, need.streaming_weights), activations, streamed)


def fits_l2(need: Footprint, l2_bytes: int, micro_batch: int) -> bool:
    """The test for micro-batch candidates: the activations fit beside the weights, at least streamed ones."""
    return need.streaming_weights + micro_batch * need.activations <= l2_bytes
