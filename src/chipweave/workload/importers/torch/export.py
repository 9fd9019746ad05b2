"""torch.export of a module, and its graph as plain records. Nothing is computed, and the module stays as it is."""

from __future__ import annotations

import copy
import io
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import fields, is_dataclass
from functools import wraps
from itertools import chain, zip_longest
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chipweave.collector import without_collector
from chipweave.errors import InputError
from chipweave.workload.importers.torch.counted import constants_of, trips_of, values_of
from chipweave.workload.importers.torch.graph import Body, Input, Node, Output, Ref, TracedGraph
from chipweave.workload.importers.torch.padded import sequences_left_padded

if TYPE_CHECKING:
    import torch

_INNER = "inner"
_NESTED = 100
"""Sub-graphs within sub-graphs."""


def graph_of(module: torch.nn.Module, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> TracedGraph:
    """Trace a call of `module`, in evaluation mode, with tensors that have shapes and no values.

    Raises:
        InputError: the module cannot be copied.
        Exception: whatever the module or the tracing raises.
    """
    import torch

    twin = _twin(getattr(module, "_orig_mod", module))  # behind what torch.compile returns
    device = _device(twin)
    arguments, keywords = _moved((arguments, dict(keywords)), device)
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", "The tensor attribute")  # they are set on the twin
        stack.enter_context(torch.no_grad())
        stack.enter_context(_fused_layers_off())
        stack.enter_context(_no_notes_of_lines())
        stack.enter_context(without_collector())
        stack.enter_context(_no_graph_on_stderr())
        packed = stack.enter_context(sequences_left_padded())
        traced = _returning_tensors(twin)
        try:
            program = torch.export.export(traced, arguments, keywords, strict=False)
        except Exception:
            if device is None or device.type != "meta":
                raise
            # The forward pass makes tensors without saying where. Having that decided costs every operator time.
            stack.enter_context(torch.device("meta"))
            program = torch.export.export(traced, arguments, keywords, strict=False)
    return graph_in(program, padded=bool(packed))


def graph_in(program: torch.export.ExportedProgram, padded: bool = False) -> TracedGraph:
    """The graph of a module that is traced already; sizes that were left open are those of its example inputs."""
    constants = {
        spec.arg.name for spec in program.graph_signature.input_specs if spec.kind.name not in ("USER_INPUT", "TOKEN")
    }
    inputs = [
        Input(node.name, outputs[0], node.name in constants)
        for node in program.graph.nodes
        if node.op == "placeholder" and (outputs := _outputs(node)[0])
    ]
    nodes = _nodes(program.graph_module, "", {}, 0, constants_of(program))
    return TracedGraph(tuple(inputs), tuple(nodes), padded=padded)


@contextmanager
def _no_graph_on_stderr() -> Iterator[None]:
    """Drop what is printed where tracing fails: pages of PyTorch's own graph. What is raised says what is wrong."""
    said = io.StringIO()
    with redirect_stderr(said):
        yield
    sys.stderr.write(said.getvalue())


def _twin(module: torch.nn.Module) -> torch.nn.Module:
    """A copy of the structure that shares every tensor, or has none of the values where part of them is on `meta`.

    What a forward pass sets on its modules is set on the copy.
    """
    import torch

    tensors = [
        value
        for part in module.modules()
        for value in chain(part._parameters.values(), part._buffers.values(), vars(part).values())
        if isinstance(value, torch.Tensor)
    ]
    if any(tensor.is_meta for tensor in tensors):
        shared = {id(tensor): _without_values(tensor) for tensor in tensors}
    else:
        shared = {id(tensor): tensor for tensor in tensors}
    try:
        twin = copy.deepcopy(module, shared).eval()
    except Exception as error:
        raise InputError(
            f"{type(module).__name__} cannot be copied ({type(error).__name__}: {error}); take away what copy.deepcopy "
            "refuses: locks, files, generators"
        ) from None
    for part in twin.modules():
        if isinstance(part, torch.nn.modules.batchnorm._NormBase):
            part.num_batches_tracked = None  # only training counts; every tensor takes time to trace
    return twin


def _without_values(tensor: torch.Tensor) -> torch.Tensor:
    import torch

    empty = tensor.detach().to("meta")
    return torch.nn.Parameter(empty, requires_grad=False) if isinstance(tensor, torch.nn.Parameter) else empty


def _device(module: torch.nn.Module) -> torch.device | None:
    return next((tensor.device for tensor in chain(module.parameters(), module.buffers())), None)


def _moved(value: Any, device: torch.device | None) -> Any:
    import torch
    from torch.utils._pytree import tree_map

    def move(item: Any) -> Any:
        return item.to(device) if device is not None and isinstance(item, torch.Tensor) else item

    return tree_map(move, value)


@contextmanager
def _fused_layers_off() -> Iterator[None]:
    """torch.nn's transformer layers would otherwise call one opaque operator."""
    import torch

    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextmanager
def _no_notes_of_lines() -> Iterator[None]:
    """Tracing would note the line of code behind every operator, an eighth of its time; nothing here reads that."""
    import torch.fx

    config, switch = getattr(torch.fx, "config", None), "do_not_emit_stack_traces"
    before = getattr(config, switch, None)
    if before is None:  # a version without it
        yield
        return
    setattr(config, switch, True)
    try:
        yield
    finally:
        setattr(config, switch, before)


def _returning_tensors(module: torch.nn.Module) -> torch.nn.Module:
    """`module`, called `inner`, returning all tensors in whatever it returned (dictionaries, records, caches)."""
    import torch

    @wraps(module.forward)  # for the names of the inputs
    def forward(*arguments: Any, **keywords: Any) -> tuple[torch.Tensor, ...]:
        return tuple(_tensors_in(module(*arguments, **keywords), set()))

    around = torch.nn.Module()
    around.add_module(_INNER, module)
    around.forward = forward
    return around.eval()


def _tensors_in(value: Any, seen: set[int]) -> Iterator[torch.Tensor]:
    import torch

    if id(value) in seen or isinstance(value, torch.nn.Module | type):
        return
    seen.add(id(value))
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors_in(item, seen)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _tensors_in(item, seen)
    elif is_dataclass(value):
        for entry in fields(value):
            yield from _tensors_in(getattr(value, entry.name, None), seen)
    elif hasattr(value, "__dict__"):
        yield from _tensors_in(vars(value), seen)


def _nodes(
    module: Any, prefix: str, outer: Mapping[str, Any], depth: int, known: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[Node]:
    """The nodes of a graph and of those that it calls.

    Args:
        prefix: of the nodes' names, which are unique in their own graph only.
        outer: what the caller gives for each placeholder.
        known: the values of small placeholders.
    """
    if depth > _NESTED:
        raise RecursionError(f"sub-graphs are nested more than {_NESTED} deep")
    import operator as python_operators

    from torch._ops import HigherOrderOperator, OpOverload

    def plain(value: Any) -> Any:
        if _is_node(value):
            if value.name in outer:
                return outer[value.name]
            return Ref(prefix + value.name) if _outputs(value)[0] else None
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return value if isinstance(value, int | float | str) else None

    for node in module.graph.nodes:
        name, target = prefix + node.name, node.target
        outputs, several = _outputs(node)
        if node.op == "output":
            if depth:
                (returned,) = node.args
                tensors = plain(list(returned) if isinstance(returned, list | tuple) else [returned])
                yield Node(prefix.rstrip("/"), "list", {"tensors": tensors}, (), True)
        elif not outputs or node.op == "placeholder":
            continue
        elif node.op == "get_attr":
            yield Node(name, "get_attr", {}, outputs)
        elif target is python_operators.getitem:
            source, index = node.args
            arguments = {"input": plain(source), "index": index}
            yield Node(name, "getitem", arguments, outputs, False, "", arguments["input"].name)
        elif isinstance(target, HigherOrderOperator) and target.name() in _BODIES:
            yield _with_bodies(module, node, name, plain, (outputs, several), depth, known)
        elif isinstance(target, HigherOrderOperator):
            yield from _called(module, node, name, plain, outputs, several, depth)
        elif isinstance(target, OpOverload):
            yield _node(node, name, plain, outputs, several)
        else:
            arguments = {str(position): plain(value) for position, value in enumerate(node.args)}
            yield Node(name, getattr(target, "__name__", str(target)), arguments, outputs, several, _scope(node))


def _called(
    module: Any, node: Any, name: str, plain: Any, outputs: tuple[Output, ...], several: bool, depth: int
) -> Iterator[Node]:
    """A sub-graph that is run as it stands (a switched mode, a repeated region), or an operator that chooses one."""
    import torch

    bodies = {
        position: getattr(module, value.target, None)
        for position, value in enumerate(node.args)
        if _is_node(value) and value.op == "get_attr"
    }
    graphs = [(position, body) for position, body in bodies.items() if isinstance(body, torch.fx.GraphModule)]
    kind = node.target.name()
    if len(graphs) == 1 and (kind.startswith("wrap") or kind in ("invoke_subgraph", "tag_activation_checkpoint")):
        position, body = graphs[0]
        given = [value for value in node.args[position + 1 :] if not isinstance(value, str)]
        placeholders = [item for item in body.graph.nodes if item.op == "placeholder"]
        outer = {item.name: plain(value) for item, value in zip_longest(placeholders, given) if item is not None}
        yield from _nodes(body, f"{name}/", outer, depth + 1)
        return
    arguments = {str(position): plain(value) for position, value in enumerate(node.args)}
    yield Node(name, kind, arguments, outputs, several, _scope(node))


_BODIES = {"scan": 1, "while_loop": 2, "cond": 2}
"""Operators that run graphs by value or several times, and how many graphs they have."""


def _with_bodies(
    module: Any, node: Any, name: str, plain: Any, made: tuple[tuple[Output, ...], bool], depth: int, known: Any
) -> Node:
    """A branch or a loop, with the graphs that it runs."""
    kind = node.target.name()
    graphs = [value for value in node.args if _is_node(value) and value.op == "get_attr"][: _BODIES[kind]]
    bodies = [getattr(module, graph.target) for graph in graphs]
    arguments = {str(position): plain(value) for position, value in enumerate(node.args)}
    given = list(node.args[3 if kind == "cond" else 2])
    trips = None
    if kind == "scan":
        changing = [*node.args[1], *node.args[2]]
        around = list(node.args[3])
        first = node.args[2][0].meta["val"].shape[0] if node.args[2] else None
        trips = first if isinstance(first, int) else _example(first)
    elif kind == "while_loop":
        changing, around = given, list(node.args[3])
        trips = trips_of(bodies[0].graph, bodies[1].graph, values_of(given, module.graph, known))
        bodies = bodies[1:]
    else:
        changing, around = [], given
    found = tuple(
        _body(body, f"{name}/{number}/", len(changing), list(map(plain, around)), depth)
        for number, body in enumerate(bodies)
    )
    return Node(name, kind, arguments, *made, _scope(node), bodies=found, trips=trips)


def _body(module: Any, prefix: str, changing: int, around: Sequence[Any], depth: int) -> Body:
    """A graph whose first placeholders are given anew each time, and the others once."""
    names = [item.name for item in module.graph.nodes if item.op == "placeholder"]
    outer = dict(zip(names[changing:], around, strict=False))
    nodes = tuple(_nodes(module, prefix, outer, depth + 1))
    return Body(tuple(prefix + name for name in names[:changing]), nodes)


def _node(node: Any, name: str, plain: Any, outputs: tuple[Output, ...], several: bool) -> Node:
    schema = node.target._schema
    arguments: dict[str, Any] = {}
    writes, shares = False, None
    for position, argument in enumerate(schema.arguments):
        if position < len(node.args):
            given = node.args[position]
        elif argument.name in node.kwargs:
            given = node.kwargs[argument.name]
        else:
            given = argument.default_value if argument.has_default_value() else None
        arguments[argument.name] = plain(given)
        alias = argument.alias_info
        if position == 0 and alias is not None and isinstance(arguments[argument.name], Ref):
            shares, writes = arguments[argument.name].name, alias.is_write
    namespace, _, operator = schema.name.partition("::")
    if writes and operator.endswith("_") and not operator.endswith("__"):
        operator = operator[:-1]
    if namespace != "aten":
        operator = f"{namespace}::{operator}"
    return Node(name, operator, arguments, outputs, several, _scope(node), shares, writes)


def _is_node(value: Any) -> bool:
    import torch

    return isinstance(value, torch.fx.Node)


def _outputs(node: Any) -> tuple[tuple[Output, ...], bool]:
    """The tensors that a node makes, and whether they come as a list; none for checks and for numbers."""
    value = node.meta.get("val")
    if isinstance(value, list | tuple):
        made = [_output(item) for item in value]
        return tuple(item or Output(()) for item in made) if any(made) else (), True
    made_one = _output(value)
    return ((made_one,) if made_one else ()), False


def _output(value: Any) -> Output | None:
    import torch

    if not isinstance(value, torch.Tensor):
        return None
    sizes = [length if isinstance(length, int) else _example(length) for length in value.shape]
    integer = not (value.is_floating_point() or value.is_complex())
    return Output(None if None in sizes else tuple(size for size in sizes if size is not None), integer)


def _example(length: Any) -> int | None:
    """Of a size that is left open, what it was for the example inputs; None where it depends on values."""
    node = getattr(length, "node", None)
    hint = node.hint if node is not None and node.has_hint() else None
    return hint if isinstance(hint, int) else None


def _scope(node: Any) -> str:
    """The path of the innermost module, without the wrapper's part of it."""
    stack = node.meta.get("nn_module_stack") or {}
    path, _ = next(reversed(stack.values()), ("", ""))
    path = path.partition("@")[0]
    return "" if path == _INNER else path.removeprefix(f"{_INNER}.")
