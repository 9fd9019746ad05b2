"""Caches that stay in L2 from one step of decode to the next: read there and appended there (docs/serving.md).

A stage holds, on each of its chiplets, what its attention reads there of all caches, as long as they get. The law has
the rest of the L2 for weights and activations, and a model whose caches are none of its inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chipweave.evaluation.record import Evaluation, Split
from chipweave.hardware import technology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package
from chipweave.workload.layer import Layer, Op, channel_units
from chipweave.workload.model import NETWORK_INPUT, Edge, Model


def with_kept_caches(model: Model) -> Model | None:
    """The step without caches among its inputs and outputs; None where it has states that are no caches of products,
    or none at all.

    A product reads what was just appended in place of the same numbers before, so that appending leads nowhere else.
    """
    caches = cached(model)
    if not caches or any(model.layers[edge.consumer].op is not Op.MATMUL for edge in caches):
        return None
    readers = {edge.consumer for edge in caches}
    edges = [edge for edge in model.edges if edge not in set(caches)]
    for append in appends(model):
        at = _first_reader(model, edges, append)
        if at is None:
            return None
        edges[at] = replace(edges[at], producer=append)
        readers.add(edges[at].consumer)
    edges = [replace(edge, reshape=True) if edge.consumer in readers else edge for edge in edges]
    return replace(model, edges=tuple(edges), input_elements=0)


def cached(model: Model) -> list[Edge]:
    """What a step reads of the network's input, all but the embeddings, which its first layer reads."""
    return [edge for edge in model.input_readers if edge.consumer > 0]


def appends(model: Model) -> list[int]:
    """Layers that nothing reads, all but the last one: what a step leaves behind."""
    return [at for at, readers in enumerate(model.consumers[:-1]) if not readers]


def _first_reader(model: Model, edges: list[Edge], append: int) -> int | None:
    """The edge by which a layer behind an append reads what it appends."""
    (source,) = {edge.producer for edge in model.operands[append]} or {NETWORK_INPUT}
    size = model.layers[append].output_elements
    for at, edge in enumerate(edges):
        if edge.producer == source and edge.consumer > append and edge.elements == size:
            return at
    return None


def kept_bytes(model: Model, evaluation: Evaluation) -> dict[int, int]:
    """Per chiplet, bytes of caches that it holds, and of what a step appends to them. `evaluation`: of one window."""
    held: dict[int, int] = {}
    kept = with_kept_caches(model)
    assert kept is not None
    elements: dict[int, int] = {}
    for edge in cached(model):
        elements[edge.consumer] = elements.get(edge.consumer, 0) + edge.elements
    for append in appends(model):
        (reader,) = kept.consumers[append]
        elements[reader.consumer] = elements.get(reader.consumer, 0) + reader.elements
    for stage in evaluation.stages:
        own = 0
        for layer in range(stage.first, stage.last + 1):
            if layer in elements:
                parts, units = share_of(model.layers[layer], stage.splits[layer - stage.first])
                own += -(-model.tensor_bytes(elements[layer]) * parts // units)
        for chiplet in stage.chiplets:
            held[chiplet] = own
    return held


def share_of(layer: Layer, split: Split) -> tuple[int, int]:
    """Which part of a cache the chiplet holds that holds most of it, as a fraction: units of channels out of all, where
    these are parted (heads, or tokens where all heads share one); else every chiplet has the whole cache."""
    units = channel_units(layer)
    if split.units <= 1:
        return 1, 1
    if split.weights:
        return -(-units * max(split.weights) // sum(split.weights)), units
    return -(-units // split.units), units


def beside_caches(package: Package, held: Mapping[int, int]) -> Package | None:
    """The package with the L2 that caches leave; None where they leave none. What L2 costs to read, and the blocks in
    which weights stream, are those of the whole L2, as far as there is room."""
    chiplets = list(package.chiplets)
    for at, bytes_ in held.items():
        chiplet, left = chiplets[at], chiplets[at].l2_bytes - bytes_
        if left <= 0:
            return None
        if bytes_:
            chiplets[at] = replace(
                chiplet,
                name=f"{chiplet.name}, beside caches",
                l2_bytes=left,
                l2_j_per_byte=_l2_j_per_byte(chiplet),
                stream_bytes=min(chiplet.block_bytes, left),
            )
    return replace(package, chiplets=tuple(chiplets))


def _l2_j_per_byte(chiplet: Chiplet) -> float:
    """As the cost model takes it of an L2 of this size."""
    given = chiplet.l2_j_per_byte
    return technology.sram_energy_j(chiplet.l2_bytes, 8, chiplet.node_nm) if given is None else given
