"""A traced PyTorch module as plain records: what the translation reads, and what tests write by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chipweave.workload.importers.view import Shape


@dataclass(frozen=True, slots=True)
class Ref:
    """A tensor among the arguments of a node: the output of node or input `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Output:
    """One tensor that a node makes. `shape` is None where it depends on values; `integer` covers truth values."""

    shape: Shape | None
    integer: bool = False


@dataclass(frozen=True, slots=True)
class Input:
    """What comes from outside. A constant is a parameter, a buffer or a literal."""

    name: str
    output: Output
    constant: bool = False


@dataclass(frozen=True)
class Body:
    """A graph that a node runs: a branch, or a round of a loop.

    Args:
        inputs: names of what each round gets anew; all else is read by the names of the graph around it.
        nodes: the last one lists what the body makes.
    """

    inputs: tuple[str, ...]
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Node:
    """One operator.

    Args:
        operator: ATen's name without namespace, overload and the underscore of those that write: `add` for
            `aten::add_.Tensor`. Operators of other libraries keep theirs: `torchvision::nms`.
        arguments: by the names of the operator's schema, in its order, defaults filled in.
        outputs: one, or several for operators that return a list.
        scope: path of the module that called it, such as `layer1.0.conv1`; empty for the outermost.
        shares: whose storage the outputs are part of: views, and operators that write.
        writes: changes the tensor `shares` in place, and every other view of its storage with it.
        bodies: of branches and loops: what they choose from, or a round.
        trips: how often a loop runs; None where that is not known.
    """

    name: str
    operator: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    several: bool = False
    scope: str = ""
    shares: str | None = None
    writes: bool = False
    bodies: tuple[Body, ...] = ()
    trips: int | None = None

    @property
    def shape(self) -> Shape | None:
        return self.outputs[0].shape

    @property
    def refs(self) -> tuple[str, ...]:
        """The names of all tensors among the arguments, in order."""
        return tuple(_refs_in(self.arguments.values()))


@dataclass(frozen=True)
class TracedGraph:
    """Nodes in the order in which they run.

    Args:
        padded: sequences were to be packed, and were left as they are.
    """

    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    padded: bool = False


def _refs_in(values: Any) -> Iterator[str]:
    for value in values:
        if isinstance(value, Ref):
            yield value.name
        elif isinstance(value, list | tuple):
            yield from _refs_in(value)
