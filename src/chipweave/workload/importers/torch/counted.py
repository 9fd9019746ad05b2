"""How often a traced `while_loop` runs: its counters, worked out where they start from constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MOST_ROUNDS = 100_000
_MOST_ELEMENTS = 64
"""Of a tensor whose values are followed."""


def constants_of(program: Any) -> dict[str, Any]:
    """The small constants of an exported program, by the names of their placeholders."""
    found = {}
    for spec in program.graph_signature.input_specs:
        value = program.constants.get(spec.target)
        if _is_small(value):
            found[spec.arg.name] = value
    return found


def values_of(nodes: Sequence[Any], graph: Any, known: Mapping[str, Any]) -> list[Any]:
    """The values of nodes of a graph, worked out from those of its placeholders; None of what depends on others."""
    found = _run(graph, known, set(nodes))
    return [found.get(node.name) if _is_node(node) else node for node in nodes]


def trips_of(condition: Any, body: Any, start: Sequence[Any]) -> int | None:
    """Rounds of a loop whose state starts with these values (None: not known); None where they are not known.

    Args:
        condition, body: graphs whose first placeholders are the state.
    """
    state = list(start)
    for rounds in range(MOST_ROUNDS):
        (goes_on,) = _made(condition, state)
        if goes_on is None:
            return None
        if not bool(goes_on):
            return rounds
        state = _made(body, state)[: len(state)]
    return None


def _made(graph: Any, state: Sequence[Any]) -> list[Any]:
    placeholders = [node for node in graph.nodes if node.op == "placeholder"]
    known = {node.name: value for node, value in zip(placeholders, state, strict=False) if value is not None}
    (output,) = (node for node in graph.nodes if node.op == "output")
    (returned,) = output.args
    results = list(returned) if isinstance(returned, list | tuple) else [returned]
    return values_of(results, graph, known)


def _run(graph: Any, known: Mapping[str, Any], wanted: set[Any]) -> dict[str, Any]:
    """Values by the names of nodes, of those that `wanted` ones are made of."""
    needed, waiting = set(), [node for node in wanted if _is_node(node)]
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting += node.all_input_nodes
    found = dict(known)
    for node in graph.nodes:
        if node not in needed or node.op != "call_function" or node.name in found:
            continue
        if any(source.name not in found for source in node.all_input_nodes) or not _is_plain(node):
            continue
        given = [_values(argument, found) for argument in node.args]
        named = {key: _values(argument, found) for key, argument in node.kwargs.items()}
        try:
            value = node.target(*given, **named)
        except Exception:  # whatever an operator says of values that it was not traced with
            continue
        if _is_small(value):
            found[node.name] = value
    return found


def _is_plain(node: Any) -> bool:
    """An operator of PyTorch's own that makes a small tensor and leaves what it reads as it is."""
    from torch._ops import OpOverload

    value = node.meta.get("val")
    sized = getattr(value, "shape", None) is not None and all(isinstance(size, int) for size in value.shape)
    plain = isinstance(node.target, OpOverload) and node.target.namespace == "aten"
    return plain and sized and value.numel() <= _MOST_ELEMENTS


def _values(argument: Any, found: Mapping[str, Any]) -> Any:
    if isinstance(argument, list | tuple):
        return [_values(each, found) for each in argument]
    return found[argument.name] if _is_node(argument) else argument


def _is_small(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.numel() <= _MOST_ELEMENTS and not value.is_meta


def _is_node(value: Any) -> bool:
    import torch

    return isinstance(value, torch.fx.Node)
