"""A slow, obvious twin of what L2 holds (docs/evaluation.md, "What L2 holds", and what docs/regions.md adds to it).

Written from the pages alone; it shares nothing with the evaluator. Bytes are of one micro-batch, on the chiplet of the
region that holds most; layers and tensors (by their makers) are numbered as in the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from chipweave.hardware.chiplet import Chiplet
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Model


def blocks_of(layer: Layer, units: int, weights: float, chiplet: Chiplet) -> tuple[int, int]:
    """(units of channels in a block, how many blocks) of a part with so many units and bytes of weights."""
    if not weights:
        return units, 1
    each = layer.K // layer.groups if layer.groups > 1 else 1
    square = round(math.sqrt(chiplet.num_pes)) if chiplet.array is None else max(chiplet.array)
    side = max(1, square // each)
    block_bytes = chiplet.l2_bytes / 10 if chiplet.stream_bytes is None else chiplet.stream_bytes
    taken = side
    while taken + side <= block_bytes * units / weights:
        taken += side
    taken = min(units, taken)
    return taken, math.ceil(units / taken)


def grain_of(layer: Layer, columns: int, units: int, element: int) -> float:
    """Of a part with so many output columns and units of channels, the bytes of the pieces in flight of one sample."""
    if layer.op is Op.MATMUL:
        inner, outer = layer.C // layer.groups, layer.K // layer.groups
        return element * (inner * outer + inner + outer)
    rows = min(layer.Y, layer.dilation[0] * (layer.R - 1) + 1)
    wide = math.ceil(layer.X * columns / layer.out_x)
    channels = layer.C * units / layer.groups if layer.groups > 1 else layer.C
    made = layer.K * units / layer.groups if layer.groups > 1 else units
    return element * (rows * wide * channels + columns * made)


def fused(model: Model, layer: int, tensor: int) -> bool:
    """Whether the layer takes the tensor piece by piece from the layer right before it, its maker."""
    if tensor == NETWORK_INPUT or tensor + 1 != layer:
        return False
    if [edge.consumer for edge in model.edges if edge.producer == tensor] != [layer]:
        return False
    reader = model.layers[layer]
    if reader.op in (Op.POOL, Op.ELEMENTWISE, Op.UPSAMPLE):
        return True
    firsts = [edge.producer for edge in model.operands[layer]]
    if reader.op is not Op.MATMUL or firsts[0] != tensor:
        return False
    maker = tensor
    while model.layers[maker].op is Op.ELEMENTWISE and fused(model, maker, maker - 1):
        maker -= 1
    return model.layers[maker].op is Op.MATMUL and model.layers[maker].groups == reader.groups


@dataclass(frozen=True)
class Running:
    """A layer of a stage: its weights, a block of them, the pieces in flight; of each tensor that it reads, in the
    order of their makers, what it and later layers need, and whether it takes it piece by piece."""

    weights: float
    block: float
    grain: float
    reads: Mapping[int, float]
    fused: AbstractSet[int]


@dataclass(frozen=True)
class Books:
    """What the pass over a stage finds: least room left, bytes that come back, that go, and that are read again."""

    slack: float
    back: float
    wrote: float
    again: float


def keep(layers: Mapping[int, Running], l2_bytes: float, window: int, stored: AbstractSet[int]) -> Books:
    """The pass over a stage's layers, all of whose readers take whole tensors.

    Args:
        window: first layer of the window; stored: tensors that go to DRAM in any case.
    """
    begin = min(layers)
    room = {at: max(0.0, l2_bytes - 2 * each.block - 2 * each.grain) for at, each in layers.items()}
    since: dict[int, int] = {}
    had: dict[int, float] = {}
    largest: dict[int, float] = {}
    back = wrote = again = 0.0
    for at, layer in layers.items():
        miss = 0.0
        for tensor, size in layer.reads.items():
            loaded = tensor < window
            if tensor not in since:
                if loaded:
                    since[tensor], had[tensor] = at, 0.0
                    miss += size
                    continue
                since[tensor], had[tensor] = (tensor if tensor >= begin else begin - 1), 0.0
            if tensor >= begin and tensor in layer.fused:
                continue
            between = [m for m in layers if since[tensor] < m <= at]
            kept = min([size, *(room[m] for m in between)])
            if since[tensor] >= begin and kept > had[tensor]:
                more = min(kept - had[tensor], room[since[tensor]])
                room[since[tensor]] -= more
                kept = had[tensor] + more
            for m in between:
                room[m] -= kept
            gone = size - kept
            back += gone
            if not loaded and tensor not in stored:
                wrote += max(0.0, gone - largest.get(tensor, 0.0))
                largest[tensor] = max(gone, largest.get(tensor, 0.0))
            miss += gone
            since[tensor], had[tensor] = at, kept
        if layer.weights:
            left = room[at]
            room[at] -= min(miss, layer.weights, left)
            if miss > left and layer.weights > left:
                inputs = math.ceil(miss / max(left, layer.grain))
                weights = math.ceil(layer.weights / max(left, layer.block))
                again += min((inputs - 1) * layer.weights, (weights - 1) * miss)
    return Books(min(room.values()), back, wrote, again)


@dataclass(frozen=True)
class Pins:
    """A way to keep weights: bytes pinned on a chiplet; distinct bytes that stream of what chiplets have parts of and
    of what all use; bytes that wait once among mates; the share of waiting copies that is held."""

    whole: bool
    pinned: float
    parted: float
    copied: float
    gathered: float
    held: float
    overlaps: bool

    @property
    def streamed(self) -> float:
        return self.parted + self.copied


@dataclass(frozen=True)
class Asks:
    """What a stage on so many chiplets asks of L2: `own` is the largest part of parted weights, of so many `distinct`
    bytes; `all_use` are those of which every chiplet uses all."""

    l2_bytes: float
    live: float
    second: float
    own: float
    distinct: float
    all_use: float
    slack: float
    waiting: float
    chiplets: int
    micro_batches: int


def ways_of(asks: Asks) -> list[Pins]:
    """The table of ways."""
    weights, found = asks.own + asks.all_use, []
    if weights + asks.live <= asks.l2_bytes:
        free = asks.l2_bytes - weights - asks.live
        held = min(1.0, free / asks.waiting) if asks.waiting else 1.0
        overlaps = free - held * asks.waiting >= asks.second
        found.append(Pins(True, weights, 0.0, 0.0, 0.0, held, overlaps))
    held = min(1.0, asks.slack / asks.waiting) if asks.waiting else 1.0
    left = max(0.0, asks.slack - held * asks.waiting)
    most, fewer = _pinned(asks, left, held), _pinned(asks, max(0.0, left - asks.second), held)
    cheaper = fewer.streamed <= most.streamed and fewer.gathered <= most.gathered
    if asks.micro_batches > 1 and cheaper:
        blocks, overlaps = fewer, left >= asks.second
    else:
        blocks, overlaps = most, left - most.pinned >= asks.second
    blocks = Pins(False, blocks.pinned, blocks.parted, blocks.copied, blocks.gathered, held, overlaps)
    return [*found, blocks]


def _pinned(asks: Asks, room: float, held: float) -> Pins:
    n, parts = asks.chiplets, min(asks.own, room)
    rest = room - parts
    streams = asks.distinct * (1 - parts / asks.own) if parts < asks.own else 0.0
    if asks.all_use <= rest or n == 1:
        once, everywhere = 0.0, min(asks.all_use, rest)
        left = asks.all_use - everywhere
    elif asks.all_use <= n * rest:
        once, left = (asks.all_use - rest) * n / (n - 1), 0.0
        everywhere = max(0.0, rest - once / n)
    else:
        once, everywhere, left = n * rest, 0.0, asks.all_use - n * rest
    return Pins(False, parts + everywhere + once / n, streams, left, once, held, False)


def exposed_s(layers: Sequence[tuple[float, float, int]]) -> float:
    """(seconds of computing, seconds of weights at the DRAM, blocks) per layer: what blocks add, all streaming."""
    total, heavy = 0.0, [at for at, (_, weights_s, _) in enumerate(layers) if weights_s]
    for order, at in enumerate(heavy):
        compute_s, weights_s, blocks = layers[at]
        total += (blocks - 1) * max(0.0, weights_s / blocks - compute_s / blocks)
        before = heavy[order - 1]  # of the first, the last one of the micro-batch before
        between = range(before + 1, at) if order else [*range(before + 1, len(layers)), *range(at)]
        hidden_s = layers[before][0] / layers[before][2] + sum(layers[m][0] for m in between)
        total += max(0.0, weights_s / blocks - hidden_s)
    return total


def arrival_s(layers: Sequence[tuple[float, float, int]]) -> float:
    """When all is computed if weights come one after another from time 0."""
    done_s = came_s = 0.0
    for compute_s, weights_s, blocks in layers:
        if not weights_s:
            done_s += compute_s
            continue
        first_s, all_s = came_s + weights_s / blocks, came_s + weights_s
        done_s = max(max(done_s, first_s) + compute_s, all_s + compute_s / blocks)
        came_s = all_s
    return done_s
