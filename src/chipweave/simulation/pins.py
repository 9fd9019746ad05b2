"""Which weights of a stage stay in L2 and which come again with every micro-batch, layer by layer (docs/simulation.md,
"What stays of which layer")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a layer, in bytes: what stays and what streams of its first block and of the rest.

    Args:
        copied: all chiplets of the region use all of them.
        reused: a layer before in the stage has the same: of what stays nothing is loaded for this one.
    """

    copied: bool
    blocks: int
    pinned: tuple[float, float]
    streamed: tuple[float, float]
    reused: bool = False

    @property
    def streams(self) -> bool:
        return self.streamed[0] > 0.0 or self.streamed[1] > 0.0


@dataclass(frozen=True, slots=True)
class Laden:
    """A layer as it asks for weights: seconds of computing, bytes, and the blocks in which they come; `reused`: a layer
    before in the stage has the same."""

    seconds: float
    bytes_: float
    blocks: int
    copied: bool
    reused: bool = False


def waits_s(layers: Sequence[Laden], dram_bytes_s: float) -> list[tuple[float, float]]:
    """Per layer, seconds for which computing waits for its first block and for the rest, were nothing pinned.

    A block comes while the one before it is computed, and the layers without weights behind that; before the first
    layer comes the last one, of the micro-batch before.
    """
    laden = [number for number, layer in enumerate(layers) if layer.bytes_]
    found = [(0.0, 0.0)] * len(layers)
    for place, number in enumerate(laden):
        layer, before = layers[number], laden[place - 1]
        between = range(before + 1, number) if before < number else [*range(before + 1, len(layers)), *range(number)]
        last = layers[before]
        hidden_s = last.seconds / last.blocks + sum(layers[each].seconds for each in between)
        whole_s = layer.bytes_ / dram_bytes_s
        rest = (layer.blocks - 1) / layer.blocks
        found[number] = max(0.0, whole_s / layer.blocks - hidden_s), max(0.0, (whole_s - layer.seconds) * rest)
    return found


def kept(layers: Sequence[Laden], pinned: tuple[float, float], dram_bytes_s: float) -> list[Weights | None]:
    """Per layer its weights, None where it has none.

    Where layers have the same weights, the same share of all stays.

    Args:
        pinned: bytes that stay of the weights that the chiplets have parts of, and of those that they all have.
    """
    waits = waits_s(layers, dram_bytes_s)
    taken: list[tuple[float, float]] = [(0.0, 0.0)] * len(layers)
    for kind, budget in enumerate(pinned):
        own = [number for number, layer in enumerate(layers) if layer.bytes_ and layer.copied == bool(kind)]
        left = budget
        for number in [] if any(layer.reused for layer in layers) else own:
            first, rest = _parts(layers[number])
            one = min(left, first, waits[number][0] * dram_bytes_s)
            other = min(left - one, rest, waits[number][1] * dram_bytes_s)
            taken[number] = one, other
            left -= one + other
        open_ = sum(layers[number].bytes_ - sum(taken[number]) for number in own)
        share = min(1.0, left / open_) if open_ > 0.0 else 1.0
        whole = budget >= sum(layers[number].bytes_ for number in own) * (1 - 1e-12)
        for number in own:
            parts = _parts(layers[number])
            one, other = (
                part if whole else own_ + share * (part - own_) for part, own_ in zip(parts, taken[number], strict=True)
            )
            taken[number] = one, other
    return [_weights(layer, own) if layer.bytes_ else None for layer, own in zip(layers, taken, strict=True)]


def _parts(layer: Laden) -> tuple[float, float]:
    """Bytes of the first block and of the rest."""
    first = layer.bytes_ / layer.blocks
    return first, layer.bytes_ - first


def _weights(layer: Laden, pinned: tuple[float, float]) -> Weights:
    first, rest = (max(0.0, part - own) for part, own in zip(_parts(layer), pinned, strict=True))
    return Weights(layer.copied, layer.blocks, pinned, (first, rest), layer.reused)
