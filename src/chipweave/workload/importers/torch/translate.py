"""From a graph of operators to a model."""

from __future__ import annotations

from collections.abc import Sequence

from chipweave.workload.importers.assembly import Imported, legal_name
from chipweave.workload.importers.torch.graph import Node, TracedGraph
from chipweave.workload.importers.torch.operators import OPERATORS
from chipweave.workload.importers.torch.walk import Made, UnknownSize, Walk
from chipweave.workload.importers.view import View, ViewKind, kind_of


def translate(graph: TracedGraph, name: str, source: str, bytes_per_element: int = 1) -> Imported:
    """The model of a traced module.

    Args:
        source: where it comes from, for the reader.

    Raises:
        InputError: nothing in it is costed.
    """
    unknown: list[str] = []

    def make(walk: Walk, node: Node) -> Made:
        try:
            return _made(walk, node)
        except UnknownSize:
            unknown.append(walk.label(node))
            return walk.leave_out(node, walk.views(node.refs))

    walk = Walk(graph, make)
    walk.run(graph.nodes)
    walk.assembly.notes += _notes(walk, graph, unknown)
    return walk.assembly.finish(name, source, bytes_per_element)


def _made(walk: Walk, node: Node) -> Made:
    translation = OPERATORS.get(node.operator)
    if translation is not None:
        return translation(walk, node)
    operands = walk.views(node.refs)
    return walk.fold(node, operands) if _steers(node, operands) else walk.leave_out(node, operands)


def _steers(node: Node, operands: Sequence[View]) -> bool:
    """Costs nothing whatever it does: known before a run, or indices and truth values made of such."""
    kind = kind_of(operands)
    return kind is ViewKind.CONSTANT or (kind is ViewKind.CONTROL and all(output.integer for output in node.outputs))


def _notes(walk: Walk, graph: TracedGraph, unknown: Sequence[str]) -> list[str]:
    notes = [
        f"the first axis of input '{legal_name(item.name)}' has {item.output.shape[0]} entries; if it is a batch, one "
        "sample of the model is all of them: better give inputs of batch 1, and the batch to the scenario"
        for item in graph.inputs
        if not item.constant and item.output.shape and len(item.output.shape) > 1 and item.output.shape[0] > 1
    ]
    if graph.padded:
        notes.append("packed sequences have lengths that are values: each is taken to be as long as the longest")
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        notes.append(f"not costed, as their sizes depend on values: '{legal_name(unknown[0])}'{more}")
    return notes
