"""What the translation knows half-way: a view of every tensor so far, who shares storage, the model in the making."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from chipweave.workload.importers.assembly import Assembly
from chipweave.workload.importers.torch.attention import attention_halves
from chipweave.workload.importers.torch.graph import Input, Node, Ref, TracedGraph
from chipweave.workload.importers.view import Shape, View, ViewKind, constant, control, fold, network_input

Made = View | list[View]
"""What a node makes: one view, or a list where its operator returns several tensors."""


class UnknownSize(Exception):
    """A size that an operator's cost depends on is not known before a run."""


class Walk:
    """Nodes are kept in order; every method but `run`, `give` and `keep` only reads, or counts."""

    def __init__(self, graph: TracedGraph, make: Callable[[Walk, Node], Made]) -> None:
        self.assembly = Assembly()
        self._make = make
        self.before_padding: dict[str, tuple[View, Shape]] = {}
        """By padded map: what was padded with zeros, and how many came before each axis."""
        self._halves = attention_halves(graph.nodes)
        self._made: dict[str, Made] = {item.name: _from_outside(item) for item in graph.inputs}
        self._owner: dict[str, str] = {}
        self._sharers: dict[str, list[str]] = {}

    def view(self, ref: Any) -> View:
        """Of an operand; numbers and what is left out are constants."""
        if not isinstance(ref, Ref):
            return constant(None)
        made = self._made[ref.name]
        return made if isinstance(made, View) else fold(made, None)

    def views(self, names: Iterable[str]) -> list[View]:
        """Of operands, lists laid out."""
        lists = (self.items(Ref(name)) for name in names)
        return [view for views in lists for view in views]

    def items(self, ref: Ref) -> list[View]:
        """The list that an operator with several outputs made."""
        made = self._made[ref.name]
        return [made] if isinstance(made, View) else made

    def sized(self, ref: Any) -> tuple[View, Shape]:
        """An operand and its shape; raises UnknownSize."""
        view = self.view(ref)
        if view.shape is None:
            raise UnknownSize
        return view, view.shape

    def weight(self, ref: Any) -> View:
        """An operand that a layer keeps as its weights where it is constant, with the name of its storage."""
        view = self.view(ref)
        if not isinstance(ref, Ref) or view.kind is not ViewKind.CONSTANT:
            return view
        whole = self._owner.get(ref.name, ref.name)
        same = self.view(Ref(whole)).elements == (None if view.own is None else math.prod(view.own))
        return replace(view, stored=whole if same else ref.name)

    def label(self, node: Node) -> str:
        """A layer's name: the path of the module, or the operator where no module but the outermost called it."""
        return node.scope or node.operator

    def product_label(self, node: Node) -> str:
        """As `label`; the two products of an attention are told apart."""
        half = self._halves.get(node.name)
        return f"{node.scope or 'attention'}.{half}" if half else self.label(node)

    def fold(self, node: Node, operands: Sequence[View]) -> Made:
        """An operator that costs nothing; every output is made of all operands."""
        self.assembly.folded[node.operator] += 1
        return outputs_of(node, operands)

    def leave_out(self, node: Node, operands: Sequence[View]) -> Made:
        """An operator that is not costed, and is listed as such."""
        self.assembly.unsupported[node.operator] += 1
        return outputs_of(node, operands)

    def run(self, nodes: Iterable[Node]) -> None:
        """Translate the nodes, and remember what each made."""
        for node in nodes:
            self.keep(node, self._make(self, node))

    def give(self, name: str, view: View) -> None:
        """What a name stands for from here on, until it is given anew."""
        self._made[name] = view

    def keep(self, node: Node, made: Made) -> None:
        """Remember what a node made. What it wrote through one view is seen through all others of that storage."""
        self._made[node.name] = made
        if node.shares is None:
            return
        owner = self._owner.setdefault(node.name, self._owner.get(node.shares, node.shares))
        sharers = self._sharers.setdefault(owner, [owner])
        if node.writes:
            written = made if isinstance(made, View) else fold(made, None)
            for name in sharers:
                self.before_padding.pop(name, None)
                seen = self._made.get(name)
                if isinstance(seen, View) and name != node.shares:
                    self._made[name] = fold((seen, written), seen.shape)
            self._made[node.shares] = made
        sharers.append(node.name)


def sized_output(node: Node) -> Shape:
    """The shape of the first output; raises UnknownSize."""
    if node.shape is None:
        raise UnknownSize
    return node.shape


def outputs_of(node: Node, operands: Sequence[View]) -> Made:
    """Every output of the node, made of all operands."""
    views = [fold(operands, output.shape) for output in node.outputs]
    return views if node.several else views[0]


def with_more(node: Node, view: View) -> Made:
    """The first output, and the further ones (indices, random states) of operators that have some."""
    return [view, *(control(output.shape) for output in node.outputs[1:])] if node.several else view


def _from_outside(item: Input) -> View:
    shape = item.output.shape
    if item.constant:
        return constant(shape)
    if item.output.integer or shape is None:
        return control(shape)
    return network_input(item.name, shape)
