"""A walk over an ONNX graph: every node becomes known values, a layer or a fold, and so does what it calls."""

from __future__ import annotations

import math
import re
from collections import ChainMap
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Assembly, legal_name
from chipweave.workload.importers.onnx import contributed_sizes, loops, sequences
from chipweave.workload.importers.onnx.constants import evaluate
from chipweave.workload.importers.onnx.corrected import corrected_shape
from chipweave.workload.importers.onnx.infer import Known, inferred
from chipweave.workload.importers.onnx.operators import makes_activations, translate
from chipweave.workload.importers.onnx.order import captured_by, described, graphs_of, ordered
from chipweave.workload.importers.onnx.tensor import (
    Call,
    OnnxTensor,
    dequantized,
    domain_of,
    element_names,
    legal_shape,
    stored_tensor,
)
from chipweave.workload.importers.onnx.weightless import MOST_FIELDS, MOST_NODES
from chipweave.workload.importers.view import Shape, ViewKind, before_copies, constant, control, kind_of

if TYPE_CHECKING:
    from onnx import AttributeProto, FunctionProto, GraphProto, NodeProto

Tensors = MutableMapping[str, OnnxTensor]
FunctionKey = tuple[str, str, str]
"""Domain, name and overload."""

MOST_CALLS = 24
"""Functions that call functions, and branches within branches."""

_WEIGHT = ".weight"
_QUOTED = re.compile("'([^']*)'")


@dataclass(frozen=True)
class Scope:
    """What the nodes of one graph or function share.

    Args:
        versions: of the operator sets, by domain.
        prefix: of the layers' names.
        arguments: what attributes of a function's nodes refer to.
        weights: names of tensors that one node alone reads and whose layer is called after them.
        place: of the graph among all that are walked; two tensors of one name differ in it.
    """

    versions: Mapping[str, int]
    prefix: str = ""
    arguments: Mapping[str, AttributeProto] | None = None
    weights: frozenset[str] = frozenset()
    place: str = ""


@dataclass
class OnnxWalk:
    """The model around the graphs.

    Args:
        assembly: takes the layers.
        declared: types that the file states for tensors between nodes, used where nothing follows from the operator.
    """

    assembly: Assembly
    functions: Mapping[FunctionKey, FunctionProto]
    declared: Mapping[str, Known]
    unknown: list[str] = field(default_factory=list)
    """Nodes whose output has no known size though their inputs have, with the reason where there is one."""
    overruled: list[str] = field(default_factory=list)
    """Sizes that the file states where others follow from the operators."""
    nodes_left: int = MOST_NODES
    operands_left: int = MOST_FIELDS
    calls: list[FunctionKey] = field(default_factory=list)
    places: int = 0
    """Graphs that were walked."""

    def run(self, nodes: Sequence[NodeProto], tensors: Tensors, scope: Scope) -> None:
        """Add what the nodes make to `tensors`.

        Raises:
            InputError: nodes that cannot run in any order, more than there may be, or sizes that no layer has.
        """
        self.nodes_left -= len(nodes)
        self.operands_left -= sum(len(node.input) + len(node.output) + len(node.attribute) for node in nodes)
        if self.nodes_left < 0 or self.operands_left < 0:
            raise InputError(
                f"more than {MOST_NODES:,} nodes or {MOST_FIELDS:,} operands once functions are expanded; "
                "export a smaller part of the model"
            )
        for node in ordered(nodes, tensors):
            if scope.arguments is not None:
                node = _with_arguments(node, scope.arguments)
            made = self.outputs(node, tensors, scope) if node.output else []
            pairs = zip(node.output, made, strict=True)
            tensors.update({name: named(tensor, scope.place + name) for name, tensor in pairs if name})

    def outputs(self, node: NodeProto, tensors: Tensors, scope: Scope) -> list[OnnxTensor]:
        inputs = tuple(tensors[name] if name else None for name in node.input)
        function = self.functions.get((domain_of(node.domain), node.op_type, node.overload))
        if function is not None:
            return self.called(function, node, inputs, scope)
        attributes = {attribute.name: self.value(attribute, node) for attribute in node.attribute}
        if node.op_type == "Constant":
            return [_constant(attributes)]
        if any(graphs_of(attribute) for attribute in node.attribute):
            made = self.controlled(node, inputs, attributes, tensors, scope)
            if made is not None:
                return made
        if not domain_of(node.domain) and (listed := sequences.outputs(node.op_type, inputs, attributes)) is not None:
            self.assembly.folded[node.op_type] += 1
            return as_many(listed, node)
        call = Call(
            operator=legal_name(f"{domain}:{node.op_type}" if (domain := domain_of(node.domain)) else node.op_type),
            name=_name(node, scope),
            inputs=inputs,
            attributes=attributes,
            shapes=(None,) * len(node.output),
        )
        known, reason = self.sizes(node, call, scope)
        if node.op_type == "If" and not call.operator.count(":"):
            known = self.agreed(known, node, attributes, tensors, scope)
        if call.operator == "Loop" and attributes.get("body") in _graphs(node):
            kept = loops.kept_sizes(loops.Body(self, attributes["body"], node, tensors, scope), inputs)
            known = [kept[at] if at < len(kept) and kept[at][1] is not None else each for at, each in enumerate(known)]
        call = replace(call, shapes=tuple(shape for _, shape in known))
        values = _values(call)
        same, once = _same_elements(call)
        if values is not None:
            pairs = zip(values, known, strict=True)
            return [OnnxTensor(constant(a.shape, same, once), element, a) for a, (element, _) in pairs]
        captured = tuple(tensors[name].view for name in captured_by(node) if name in tensors)
        scaled = call.operator == "DequantizeLinear"  # whatever the scale is: weights stay weights
        kind = kind_of(call.views[:1] if scaled and call.views else [*call.views, *captured])
        if kind is ViewKind.CONSTANT:
            stored = dequantized(call)
            return [OnnxTensor(constant(shape, same, once), element, stored=stored) for element, shape in known]
        if kind is ViewKind.CONTROL and not makes_activations(call.operator):
            return [OnnxTensor(control(shape), element, stored=dequantized(call)) for element, shape in known]
        before = self.assembly.layer_count
        views = translate(self.assembly, call, captured)
        if self.assembly.layer_count > before:
            self.assembly.element_types.update(element_names(inputs))
        if views[0].shape is None and all(tensor is None or tensor.shape is not None for tensor in inputs):
            self.unknown.append(described(node) + (f": {reason}" if reason else ""))
        stored = dequantized(call)
        return [OnnxTensor(view, element, stored=stored) for view, (element, _) in zip(views, known, strict=True)]

    def sizes(self, node: NodeProto, call: Call, scope: Scope) -> tuple[list[Known], str]:
        """What follows from the operator, else what the file states; and why ONNX refuses the operands."""
        known, reason = inferred(node, call.inputs, scope.versions)
        by_hand, right = contributed_sizes.shapes(call), corrected_shape(call)
        like = contributed_sizes.like(call)
        otherwise = like.element if like else 0
        for index, name in enumerate(node.output):
            element, shape = known[index]
            declared = self.declared.get(name, (0, None))
            if index == 0 and right is not None:
                shape = right
            shape = by_hand[index] if shape is None else shape
            if shape is not None and declared[1] not in (None, shape):
                self.overruled.append(f"{list(shape)} for {list(declared[1] or ())} of '{name}'")
            known[index] = (element or declared[0] or otherwise, declared[1] if shape is None else shape)
        return known, reason

    def controlled(
        self,
        node: NodeProto,
        inputs: Sequence[OnnxTensor | None],
        attributes: Mapping[str, Any],
        tensors: Tensors,
        scope: Scope,
    ) -> list[OnnxTensor] | None:
        """A branch or a loop, walked where it is known what runs, and how often; None elsewhere."""
        if domain_of(node.domain):
            return None
        graph = attributes.get("body")
        if node.op_type in ("Loop", "Scan") and graph in _graphs(node):
            body = loops.Body(self, graph, node, tensors, scope)
            made = loops.loop(body, inputs) if node.op_type == "Loop" else loops.scan(body, inputs, attributes)
            return None if made is None else as_many(made, node)
        if node.op_type != "If" or not inputs or inputs[0] is None:
            return None
        if not inputs[0].integers:
            self.assembly.reasons.append(
                f"{described(node)} takes one of two branches by a value that is not known; if it follows from an "
                "input of the network, --value NAME=VALUE gives that"
            )
            return None
        branch = attributes.get("then_branch" if inputs[0].integers[0] else "else_branch")
        return None if branch not in _graphs(node) else as_many(self.subgraph(branch, node, (), tensors, scope), node)

    def agreed(
        self, known: list[Known], node: NodeProto, attributes: Mapping[str, Any], tensors: Tensors, scope: Scope
    ) -> list[Known]:
        """Types and sizes that both branches of an If make, where it is not known which of them runs."""
        either = []
        for branch in (attributes.get("then_branch"), attributes.get("else_branch")):
            if branch not in _graphs(node):
                return known
            trial = self.trial()
            try:
                made = as_many(trial.subgraph(branch, node, (), tensors, scope), node)
            except InputError:
                return known
            finally:
                self.spend(trial)
            either.append([(tensor.element, tensor.shape) for tensor in made])
        alike = zip(known, *either, strict=True) if len(either) == 2 else ()
        return [a if a == b and a[1] is not None else before for before, a, b in alike] or known

    def called(
        self, function: FunctionProto, node: NodeProto, inputs: Sequence[OnnxTensor | None], scope: Scope
    ) -> list[OnnxTensor]:
        """A function of the model, walked where it is called."""
        self.operands_left -= len(function.input) + len(function.attribute_proto)
        given = dict(zip(function.input, inputs, strict=False))
        tensors: Tensors = {name: given.get(name) or OnnxTensor(constant(None)) for name in function.input}
        arguments = {attribute.name: attribute for attribute in (*function.attribute_proto, *node.attribute)}
        versions = {domain_of(entry.domain): entry.version for entry in function.opset_import}
        key = (domain_of(function.domain), function.name, function.overload)
        self.enter(key, node)
        inner = Scope(versions, f"{_name(node, scope)}/", arguments, place=self.place())
        self.run(function.node, tensors, inner)
        self.calls.pop()
        return as_many(_found(list(function.output), node, tensors), node)

    def subgraph(
        self, graph: GraphProto, node: NodeProto, given: Sequence[OnnxTensor], tensors: Tensors, scope: Scope
    ) -> list[OnnxTensor]:
        """All that a branch or one round of a loop hands back.

        Args:
            given: one for each of the graph's inputs.

        Raises:
            InputError: the graph asks for more, or hands back what nothing makes.
        """
        if len(given) != len(graph.input):
            raise InputError(
                f"{described(node)} hands {len(given)} tensors to a graph of {len(graph.input)} inputs; the file is "
                "damaged, export it again"
            )
        place = self.place()
        own = {proto.name: stored_tensor(proto, f"'{proto.name}'") for proto in graph.initializer}
        own |= {value.name: tensor for value, tensor in zip(graph.input, given, strict=True)}
        inner = ChainMap({name: named(tensor, place + name) for name, tensor in own.items()}, tensors)
        self.enter(("", described(node), str(len(self.calls))), node)
        self.run(graph.node, inner, replace(scope, place=place))  # only the first of the maps is written to
        self.calls.pop()
        return _found([value.name for value in graph.output], node, inner)

    def place(self) -> str:
        self.places += 1
        return f"{self.places}/"

    def trial(self) -> OnnxWalk:
        """A walk that goes on from here, and leaves no trace unless it is adopted."""
        return replace(
            self,
            assembly=self.assembly.copy(),
            unknown=list(self.unknown),
            overruled=list(self.overruled),
            calls=list(self.calls),
        )

    def spend(self, trial: OnnxWalk) -> None:
        """What a trial took of the walk's limits is taken, whether or not it is adopted."""
        self.nodes_left, self.operands_left, self.places = trial.nodes_left, trial.operands_left, trial.places

    def adopt(self, trial: OnnxWalk) -> None:
        self.assembly.become(trial.assembly)
        self.unknown[:], self.overruled[:] = trial.unknown, trial.overruled

    def enter(self, key: FunctionKey, node: NodeProto) -> None:
        if key in self.calls or len(self.calls) >= MOST_CALLS:
            chain = " -> ".join(name for _, name, _ in [*self.calls[-4:], key])
            why = "calls itself" if key in self.calls else f"is more than {MOST_CALLS} calls deep"
            raise InputError(f"{described(node)} {why}: {chain}; export the model without functions")
        self.calls.append(key)

    def value(self, attribute: AttributeProto, node: NodeProto) -> Any:
        """An attribute as Python has it; a tensor as a `OnnxTensor`, text as a string."""
        from onnx import AttributeProto, helper

        if attribute.type == AttributeProto.TENSOR:
            return stored_tensor(attribute.t, described(node))
        if attribute.type == AttributeProto.STRING:
            return attribute.s.decode("utf-8", "replace")
        try:
            value = helper.get_attribute_value(attribute)
        except ValueError:
            raise InputError(
                f"{described(node)}: attribute '{attribute.name}' has no known type; export it again"
            ) from None
        return list(value) if attribute.type in (AttributeProto.INTS, AttributeProto.FLOATS) else value


def _graphs(node: NodeProto) -> list[GraphProto]:
    return [graph for attribute in node.attribute for graph in graphs_of(attribute)]


def _found(names: Sequence[str], node: NodeProto, tensors: Mapping[str, OnnxTensor]) -> list[OnnxTensor]:
    missing = [name for name in names if name not in tensors]
    if missing:
        raise InputError(
            f"{described(node)} asks for '{missing[0]}', which nothing makes; the file is damaged, export it again"
        )
    return [tensors[name] for name in names]


def as_many(made: list[OnnxTensor], node: NodeProto) -> list[OnnxTensor]:
    """As many of what a graph hands back as the node that called it has outputs.

    Raises:
        InputError: it has more.
    """
    if len(node.output) > len(made):
        raise InputError(
            f"{described(node)} asks for more than the {len(made)} outputs; the file is damaged, export it again"
        )
    return made[: len(node.output)]


def named(tensor: OnnxTensor, name: str) -> OnnxTensor:
    """A constant that is none that was there before is known by its own name from here on."""
    if tensor.view.kind is not ViewKind.CONSTANT or tensor.view.stored:
        return tensor
    return replace(tensor, view=replace(tensor.view, stored=name))


_REARRANGED = frozenset(
    (
        "Cast", "DequantizeLinear", "Flatten", "Identity", "QuantizeLinear", "Reshape", "Squeeze", "Transpose",
        "Unsqueeze",
    )
)  # fmt: skip


def _same_elements(call: Call) -> tuple[str, Shape | None]:
    """Which stored tensor the output of an operator on constants is, where all its elements are there again; and its
    shape without copies, where there are some."""
    first = call.operand(0)
    if first is None or first.shape is None or call.shape is None:
        return "", None
    if call.operator in ("Expand", "Tile"):
        once = before_copies(first.view, call.shape)
        return ("" if once is None else first.view.stored), once
    if call.operator not in _REARRANGED or math.prod(first.shape) != math.prod(call.shape):
        return "", None
    kept = first.view.once if first.shape == call.shape and call.operator != "Transpose" else None
    return first.view.stored, kept


def _with_arguments(node: NodeProto, arguments: Mapping[str, AttributeProto]) -> NodeProto:
    """A function's node with the caller's attributes in place of references to them."""
    if not any(attribute.ref_attr_name for attribute in node.attribute):
        return node
    made = type(node)()
    made.CopyFrom(node)
    del made.attribute[:]
    for attribute in node.attribute:
        given = arguments.get(attribute.ref_attr_name) if attribute.ref_attr_name else attribute
        if given is not None:
            made.attribute.add().CopyFrom(given)
            made.attribute[-1].name = attribute.name
    return made


def _name(node: NodeProto, scope: Scope) -> str:
    """What a node's weights are called, else the PyTorch module that it belongs to, else its own name."""
    weight = next((name for name in node.input[1:3] if name in scope.weights), "")
    modules = [path[-2] for entry in node.metadata_props if len(path := _QUOTED.findall(entry.value)) > 1]
    made = next(filter(None, node.output), "")
    own = weight.removesuffix(_WEIGHT) or next(filter(None, modules), "") or node.name or made or node.op_type
    return scope.prefix + own


def weight_names(nodes: Sequence[NodeProto], stored: Sequence[str]) -> frozenset[str]:
    """Stored tensors called `...weight` that exactly one node reads."""
    uses: dict[str, int] = {name: 0 for name in stored if name.endswith(_WEIGHT)}
    for node in nodes:
        for name in node.input:
            if name in uses:
                uses[name] += 1
    return frozenset(name for name, count in uses.items() if count == 1)


def _constant(attributes: Mapping[str, Any]) -> OnnxTensor:
    """The output of a Constant node."""
    import numpy as np
    from onnx import TensorProto

    if "value" in attributes:
        value: OnnxTensor = attributes["value"]
        return value
    if "sparse_value" in attributes:
        sparse = attributes["sparse_value"]
        return OnnxTensor(constant(legal_shape(sparse.dims, "a Constant")), sparse.values.data_type)
    numbers = (("value_int", TensorProto.INT64, np.int64), ("value_float", TensorProto.FLOAT, np.float32))
    for key, element, kind in numbers:
        for name in (key, key + "s"):
            if name in attributes:
                array = np.array(attributes[name], kind)
                return OnnxTensor(constant(array.shape), element, array)
    return OnnxTensor(constant(None))


def _values(call: Call) -> list[Any] | None:
    """The outputs as arrays, where all that they follow from is known."""
    import numpy as np

    first = call.operand(0)
    if call.operator in ("Shape", "Size"):
        if first is None or first.shape is None or len(call.shapes) != 1:
            return None
        if call.operator == "Size":
            size = math.prod(first.shape)
            return [np.array(size, np.int64)] if size < 2**63 else None
        start, end = call.integer("start", 0), call.integer("end", len(first.shape))
        return [np.array(first.shape[start:end], np.int64)]
    if any(tensor is not None and tensor.values is None for tensor in call.inputs):
        return None
    arrays = [None if tensor is None else tensor.values for tensor in call.inputs]
    made = evaluate(call.operator, arrays, call.attributes)
    return made if made is not None and len(made) == len(call.shapes) else None
