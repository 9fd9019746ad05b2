"""Which products of a graph are the two halves of an attention that was written out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chipweave.workload.importers.torch.graph import Node

PRODUCTS = frozenset({"matmul", "bmm", "baddbmm", "einsum"})
_BETWEEN = frozenset(
    (
        "mul", "div", "add", "sub", "where", "masked_fill", "maximum", "clamp", "tanh", "softmax", "_softmax",
        "dropout", "native_dropout", "getitem", "to", "_to_copy", "type_as", "clone", "contiguous", "view", "reshape",
        "_unsafe_view", "expand", "unsqueeze", "squeeze",
    )
)  # fmt: skip
_REACH = 16
"""Operators looked at on either side of a soft-max."""


def attention_halves(nodes: Sequence[Node]) -> dict[str, str]:
    """`qk` and `av` by the names of the products before and after each soft-max, where there are both."""
    by_name = {node.name: node for node in nodes}
    before = {node.name: node.refs for node in nodes}
    after: dict[str, list[str]] = {}
    for node in nodes:
        for name in node.refs:
            after.setdefault(name, []).append(node.name)
    halves: dict[str, str] = {}
    for node in nodes:
        if node.operator in ("softmax", "_softmax"):
            scores, mixed = (_nearest_product(node.name, way, by_name) for way in (before, after))
            if scores and mixed:
                halves |= {scores: "qk", mixed: "av"}
    return halves


def _nearest_product(start: str, way: Mapping[str, Sequence[str]], by_name: Mapping[str, Node]) -> str | None:
    seen, waiting = {start}, [start]
    while waiting and len(seen) <= _REACH:
        for name in way.get(waiting.pop(0), ()):
            node = by_name.get(name)
            if node is None or name in seen:
                continue
            if node.operator in PRODUCTS:
                return name
            if node.operator in _BETWEEN:
                seen.add(name)
                waiting.append(name)
    return None
