"""Nodes in an order in which they can run. ONNX asks for it; not every exporter keeps to it."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from chipweave.errors import InputError

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, NodeProto

MOST_SHOWN = 6
"""Nodes of a cycle that a message names."""


def ordered(nodes: Sequence[NodeProto], known: Container[str]) -> list[NodeProto]:
    """The nodes, each after those whose outputs it reads, otherwise in the order of the file.

    Args:
        known: names that exist before the first node runs.

    Raises:
        InputError: two nodes make the same tensor, a node reads what nobody makes, or nodes wait for each other.
    """
    maker: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for name in filter(None, node.output):
            if name in maker or name in known:
                other = f"by {described(nodes[maker[name]])} too" if name in maker else "an input or a constant already"
                raise InputError(f"{described(node)} makes '{name}', which is made {other}; names must differ")
            maker[name] = index
    waits = [0] * len(nodes)
    readers: list[list[int]] = [[] for _ in nodes]
    for index, node in enumerate(nodes):
        for name in reads(node):
            if name in maker:
                waits[index] += 1
                readers[maker[name]].append(index)
            elif name not in known:
                what = f"{described(node)} reads '{name}', which nothing makes"
                raise InputError(f"{what}; the file is incomplete, export it again")
    ready = [index for index, count in enumerate(waits) if not count]
    heapify(ready)
    order = []
    while ready:
        index = heappop(ready)
        order.append(nodes[index])
        for reader in readers[index]:
            waits[reader] -= 1
            if not waits[reader]:
                heappush(ready, reader)
    if len(order) < len(nodes):
        circle = _circle(nodes, maker, waits)
        shown = " -> ".join(circle[:MOST_SHOWN] + ["..."] * (len(circle) > MOST_SHOWN) + circle[:1])
        raise InputError(f"nodes wait for each other: {shown}; a network cannot feed back, export it again")
    return order


def reads(node: NodeProto) -> Iterator[str]:
    """The tensors that a node reads, those of its subgraphs included."""
    yield from filter(None, node.input)
    for attribute in node.attribute:
        for graph in graphs_of(attribute):
            yield from _free(graph)


def graphs_of(attribute: AttributeProto) -> list[GraphProto]:
    return [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]


def _free(graph: GraphProto) -> Iterator[str]:
    """What a subgraph reads of the graph around it."""
    own = {value.name for value in (*graph.input, *graph.initializer)}
    own |= {name for node in graph.node for name in node.output}
    for node in graph.node:
        yield from (name for name in reads(node) if name not in own)
    yield from (value.name for value in graph.output if value.name not in own)


def captured_by(node: NodeProto) -> list[str]:
    """What subgraphs read of the graph around them."""
    if not any(graphs_of(attribute) for attribute in node.attribute):
        return []
    own = set(node.input)
    return [name for name in reads(node) if name not in own]


def described(node: NodeProto) -> str:
    name = node.name or next(iter(node.output), "")
    return f"'{name}' ({node.op_type})"


def _circle(nodes: Sequence[NodeProto], maker: dict[str, int], waits: list[int]) -> list[str]:
    """Nodes that wait for each other, in the order of the data: walking back from a waiting node must come round."""
    at = next(index for index, count in enumerate(waits) if count)
    seen: dict[int, int] = {}
    way: list[int] = []
    while at not in seen:
        seen[at] = len(way)
        way.append(at)
        at = next(maker[name] for name in reads(nodes[at]) if name in maker and waits[maker[name]])
    circle = way[seen[at] :][::-1]
    first = circle.index(min(circle))
    return [described(nodes[index]) for index in circle[first:] + circle[:first]]
