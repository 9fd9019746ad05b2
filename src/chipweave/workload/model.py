"""A model: a directed acyclic graph of layers in a fixed topological order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from chipweave.errors import InputError
from chipweave.plain import settle
from chipweave.workload.layer import LARGEST_LENGTH, MOST_BITS, Layer, Op

NETWORK_INPUT = -1
"""The producer index of an edge that brings the network's own input."""


@dataclass(frozen=True, slots=True)
class Edge:
    """`elements` of the output of layer `producer` (or of the network input) go to layer `consumer`.

    `elements` is per sample and may be less than the producer's output: slices, crops, broadcasts.
    `reshape` says that the shapes are known not to chain.
    """

    producer: int
    consumer: int
    elements: int
    reshape: bool = False

    def __post_init__(self) -> None:
        settle(self, "edge")


@dataclass(frozen=True)
class Model:
    """Layers in topological order and the edges between them.

    Args:
        name: what users call it.
        layers: in the order in which they run; every edge points forward. Element-wise ones get their `operands`.
        edges: kept sorted by consumer; a consumer's operands keep their order.
        bytes_per_element: of activations and weights, where no bits are given; the papers use 1.
        input_elements: size of the network input for one sample; 0 takes the largest edge that reads it.
        source: where the figures come from, shown by `chipweave show`.
        weight_bits, activation_bits: of one weight (a layer may have its own), and of one element of any other tensor,
            scales of blocks included, such as 4.25; 0: `bytes_per_element`.
        sum_bits: of a partial sum that leaves a chiplet to be added to those of others (layers that are `reduced`), at
            least as wide as an activation; 0: as wide.

    Raises:
        InputError: an edge that dangles or points backward, or shapes that do not chain.
    """

    name: str
    layers: tuple[Layer, ...]
    edges: tuple[Edge, ...]
    bytes_per_element: int = 1
    input_elements: int = 0
    source: str = ""
    weight_bits: float = 0.0
    activation_bits: float = 0.0
    sum_bits: float = 0.0

    def __post_init__(self) -> None:
        settle(self, "model")
        object.__setattr__(self, "edges", tuple(sorted(self.edges, key=lambda edge: edge.consumer)))
        problems = list(_problems(self))
        if not problems and (narrow := _narrow_sums(self)):
            raise InputError(f"model '{self.name}': sum_bits={narrow}", fields=[("sum_bits", narrow)])
        if problems:
            raise InputError([f"model '{self.name}': {problem}" for problem in problems])
        if self.input_elements == 0:
            largest = max((e.elements for e in self.edges if e.producer == NETWORK_INPUT), default=0)
            object.__setattr__(self, "input_elements", largest)
        layers = _with_product_bits(self, _with_bits(self.layers))
        object.__setattr__(self, "layers", tuple(map(_with_operands, layers, self.operands)))

    @cached_property
    def operands(self) -> tuple[tuple[Edge, ...], ...]:
        """Per layer, the edges it reads."""
        lists: list[list[Edge]] = [[] for _ in self.layers]
        for edge in self.edges:
            lists[edge.consumer].append(edge)
        return tuple(map(tuple, lists))

    @cached_property
    def consumers(self) -> tuple[tuple[Edge, ...], ...]:
        """Per layer, the edges that read its output, by consumer. Empty for an output of the network."""
        lists: list[list[Edge]] = [[] for _ in self.layers]
        for edge in self.edges:
            if edge.producer != NETWORK_INPUT:
                lists[edge.producer].append(edge)
        return tuple(map(tuple, lists))

    @cached_property
    def input_readers(self) -> tuple[Edge, ...]:
        """The edges that read the network input."""
        return tuple(edge for edge in self.edges if edge.producer == NETWORK_INPUT)

    def readers(self, producer: int) -> tuple[Edge, ...]:
        """The edges that read what `producer` makes (NETWORK_INPUT for the network's input)."""
        return self.input_readers if producer == NETWORK_INPUT else self.consumers[producer]

    def tensor_elements(self, producer: int) -> int:
        """Elements of the whole tensor that `producer` makes (NETWORK_INPUT for the network's input)."""
        return self.input_elements if producer == NETWORK_INPUT else self.layers[producer].output_elements

    @cached_property
    def units(self) -> tuple[tuple[int, int], ...]:
        """The smallest runs of layers `[first, last]` that may be a stage.

        A rider (pool, element-wise, upsample) stays with its latest producer, so no cut falls between
        them; riders of the network input stay with the layer after them.
        """
        last = len(self.layers) - 1
        cut_after = [True] * len(self.layers)
        for index, layer in enumerate(self.layers):
            if not layer.rides:
                continue
            producer = max((edge.producer for edge in self.operands[index]), default=NETWORK_INPUT)
            for position in range(max(producer, 0), index):
                cut_after[position] = False
            if producer == NETWORK_INPUT:
                cut_after[index] = False
        cut_after[last] = True
        units, first = [], 0
        for index, cut in enumerate(cut_after):
            if cut:
                units.append((first, index))
                first = index + 1
        return tuple(units)

    @cached_property
    def same_weights(self) -> tuple[int, ...]:
        """Per layer the last one before it that has the same weights, -1 where there is none."""
        last: dict[str, int] = {}
        found = []
        for number, layer in enumerate(self.layers):
            whose = layer.shares or layer.name
            found.append(last.get(whose, -1) if layer.shares else -1)
            last[whose] = number
        return tuple(found)

    @property
    def activation_width(self) -> float:
        """Bytes of one element of a tensor, a whole number or not."""
        return self.activation_bits / 8 if self.activation_bits else self.bytes_per_element

    @property
    def sum_width(self) -> float:
        """Bytes of one partial sum that leaves a chiplet, a whole number or not."""
        return self.sum_bits / 8 if self.sum_bits else self.activation_width

    def sum_bytes(self, elements: int) -> int:
        """Bytes of so many partial sums that leave a chiplet, rounded up."""
        return math.ceil(self.sum_bits * elements / 8) if self.sum_bits else self.tensor_bytes(elements)

    def tensor_bytes(self, elements: int) -> int:
        """Bytes of so many elements of a tensor, rounded up."""
        if not self.activation_bits:
            return self.bytes_per_element * elements
        return math.ceil(self.activation_bits * elements / 8)

    def bytes_of_weights(self, layer: Layer) -> int:
        """Bytes of the weights of a layer of this model, or of one like it, rounded up."""
        bits = layer.weight_bits or self.weight_bits
        if not bits:
            return self.bytes_per_element * layer.weight_elements
        return math.ceil(bits * layer.weight_elements / 8)

    @cached_property
    def weight_bytes(self) -> tuple[int, ...]:
        """Per layer, bytes of its weights."""
        return tuple(map(self.bytes_of_weights, self.layers))

    @property
    def distinct_weight_bytes(self) -> int:
        """Of all layers; those that several layers share count once."""
        return sum(bytes_ for layer, bytes_ in zip(self.layers, self.weight_bytes, strict=True) if not layer.shares)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def weight_elements(self) -> int:
        """Trained weights; those that several layers share count once."""
        return sum(layer.weight_elements for layer in self.layers if not layer.shares)


def _with_bits(layers: Sequence[Layer]) -> Sequence[Layer]:
    """Layers that share weights have the bits of those."""
    bits = {layer.name: layer.weight_bits for layer in layers if layer.weight_bits}
    if not bits:
        return layers
    return [replace(layer, weight_bits=bits.get(layer.shares or layer.name, 0.0)) for layer in layers]


def _with_product_bits(model: Model, layers: Sequence[Layer]) -> Sequence[Layer]:
    """Layers that say how wide the wider operand of their products is, where the model says of some width. What bits
    are beyond whole ones is scales, which many elements share."""
    if not (model.activation_bits or model.weight_bits or any(layer.weight_bits for layer in layers)):
        return [replace(layer, product_bits=0) if layer.product_bits else layer for layer in layers]
    found = []
    for layer in layers:
        bits = 8 * model.activation_width
        if layer.weight_elements:
            bits = max(bits, layer.weight_bits or model.weight_bits or 8 * model.bytes_per_element)
        found.append(replace(layer, product_bits=max(1, math.floor(bits))))
    return found


def _with_operands(layer: Layer, edges: Sequence[Edge]) -> Layer:
    """An element-wise layer with as many whole operands as its edges bring, one that is broadcast counted as whole."""
    if layer.op is not Op.ELEMENTWISE:
        return layer
    operands = max(1, -(-sum(edge.elements for edge in edges) // layer.input_elements))
    return layer if operands == layer.operands else replace(layer, operands=operands)


def _problems(model: Model) -> Iterator[str]:
    if not model.layers:
        yield "has no layers; give it at least one"
        return
    if model.bytes_per_element < 1:
        yield f"bytes_per_element={model.bytes_per_element} is not at least 1; give a number that is"
    for key in ("weight_bits", "activation_bits", "sum_bits"):
        if not 0 <= getattr(model, key) <= MOST_BITS:
            yield f"{key}={getattr(model, key)} is not in 0..{MOST_BITS}; give a number that is"
    for layer in model.layers:
        for key in "NKCYXRS":
            if getattr(layer, key) > LARGEST_LENGTH:
                wrong = f"{key}={getattr(layer, key)} is more than {LARGEST_LENGTH}"
                yield f"layer '{layer.name}': {wrong}; make it several layers"
    names = [layer.name for layer in model.layers]
    for name in sorted({name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()):
        yield f"two layers are called '{name}'; names must differ"
    received: list[list[Edge]] = [[] for _ in model.layers]
    for edge in model.edges:
        if not 0 <= edge.consumer < len(names) or not NETWORK_INPUT <= edge.producer < len(names):
            yield f"edge {edge.producer} -> {edge.consumer} dangles; layers are numbered 0 to {len(names) - 1}"
            continue
        if edge.producer >= edge.consumer:
            yield (
                f"edge '{names[edge.producer]}' -> '{names[edge.consumer]}' points backward or closes a cycle; "
                "layers must be listed in topological order"
            )
            continue
        received[edge.consumer].append(edge)
    for layer, edges in zip(model.layers, received, strict=True):
        yield from operand_problems(model.layers, layer, edges)
        fault = layer.output_fault(any(edge.reshape for edge in edges))
        if fault is not None:
            yield f"layer '{layer.name}': {'='.join(fault)}"
    yield from (problem for _, problem in sharing_problems(model.layers))


def _narrow_sums(model: Model) -> str:
    """What is wrong with the width of sums beside that of activations; empty: nothing."""
    least = 8 * model.activation_width
    if not 0 < model.sum_bits < least:
        return ""
    return f"{model.sum_bits:g} is less than the {least:g} of an activation; give a sum at least as wide"


def sharing_problems(layers: Sequence[Layer]) -> Iterator[tuple[int, str]]:
    """Layers, by position, that do not share the weights of a layer before which has as many and shares none itself."""
    before: dict[str, Layer] = {}
    for position, layer in enumerate(layers):
        if layer.shares:
            first = before.get(layer.shares)
            if first is None:
                what = f"layer '{layer.name}' shares the weights of '{layer.shares}', which is no layer before it"
                yield position, f"{what}; name one that is"
            elif first.shares:
                what = f"layer '{layer.name}' shares the weights of '{first.name}', which has none of its own"
                yield position, f"{what}; name '{first.shares}', whose weights they are"
            elif first.weight_elements != layer.weight_elements or not layer.weight_elements:
                what = f"layer '{layer.name}' has {layer.weight_elements} weights and shares those of '{first.name}'"
                yield position, f"{what}, which are {first.weight_elements}; layers share all their weights or none"
            elif layer.weight_bits not in (0, first.weight_bits):
                what = f"layer '{layer.name}' has weight_bits={layer.weight_bits}, and shares those of '{first.name}'"
                yield position, f"{what}; leave weight_bits out"
        before[layer.name] = layer


def operand_problems(layers: Sequence[Layer | None], layer: Layer, edges: Sequence[Edge]) -> Iterator[str]:
    """What is wrong with the edges that `layer` reads, all of which come from known `layers`.

    Shapes chain when a layer's operands together are exactly what it reads.
    Operands of an element-wise layer may be broadcast, so there one whole operand is enough.
    """
    if not edges:
        yield f"layer '{layer.name}' has no input; name a producer, or 'input' for the network's own"
        return
    sources = []
    for edge in edges:
        producer = None if edge.producer == NETWORK_INPUT else layers[edge.producer]
        sources.append(producer.name if producer else "input")
        if edge.elements < 1:
            yield f"edge into '{layer.name}' carries {edge.elements} elements; at least 1 is needed"
        if producer and edge.elements > producer.output_elements:
            yield (
                f"edge '{producer.name}' -> '{layer.name}' carries {edge.elements} elements, "
                f"but the producer makes only {producer.output_elements}; give it at most that"
            )
    if any(edge.reshape for edge in edges):
        return
    total, needed = sum(edge.elements for edge in edges), layer.input_elements
    fits = total >= needed if layer.op is Op.ELEMENTWISE else total == needed
    if not fits:
        yield (
            f"layer '{layer.name}' reads {needed} elements ({_shape(layer)}), but its input ({', '.join(sources)}) "
            f"brings {total}; correct the shape, give the edge its `elements`, or mark it `reshape: true`"
        )


def _shape(layer: Layer) -> str:
    return f"C={layer.C} Y={layer.Y} X={layer.X}" + (f" N={layer.N}" if layer.N > 1 else "")
