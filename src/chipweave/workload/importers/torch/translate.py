"""From a graph of ATen operators to layers: one function for each kind of operator, and a table that names them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Assembly, Imported, Operand
from chipweave.workload.importers.torch.arrange import permuted, reshaped, sliced, split, swapped
from chipweave.workload.importers.torch.attention import attention_halves
from chipweave.workload.importers.torch.contract import contraction, matmul_equation
from chipweave.workload.importers.torch.graph import Graph, Input, Node, Ref
from chipweave.workload.importers.torch.operators import ELEMENTWISE, FOLDED, MADE, REARRANGED, UNARY
from chipweave.workload.importers.view import (
    Kind,
    Shape,
    View,
    concatenate,
    constant,
    control,
    embedding,
    fold,
    kind_of,
    made_of,
    network_input,
    unary,
)

Views = View | list[View]
"""What a node makes: one view, or a list where its operator returns several tensors."""


def translate(graph: Graph, name: str, source: str, bytes_per_element: int = 1) -> Imported:
    """The model of a traced module.

    Args:
        source: where it comes from, for the reader.

    Raises:
        InputError: nothing in it is costed, or sizes that are not known before a run.
    """
    walk = Walk(graph)
    for node in graph.nodes:
        walk.visit(node)
    return walk.assembly.finish(name, source, bytes_per_element)


@dataclass(frozen=True, slots=True)
class _Padded:
    """A map before zeros were put around it, and how many before each axis."""

    view: View
    before: Shape


class Walk:
    """The views of the tensors seen so far, and the model in the making."""

    def __init__(self, graph: Graph) -> None:
        self.assembly = Assembly()
        self.padded: dict[str, _Padded] = {}
        self._halves = attention_halves(graph.nodes)
        self._views: dict[str, Views] = {item.name: _outside(item) for item in graph.inputs}
        self._owner: dict[str, str] = {}
        self._sharers: dict[str, list[str]] = {}

    def visit(self, node: Node) -> None:
        result = self._made(node)
        if node.shares is not None:
            self._share(node, node.shares, result)
        self._views[node.name] = result

    def view(self, ref: Any) -> View:
        """Of one operand; None is a constant."""
        if not isinstance(ref, Ref):
            return constant(None)
        views = self._views[ref.name]
        return views if isinstance(views, View) else fold(views, None)

    def views(self, refs: Iterable[str]) -> list[View]:
        return list(chain.from_iterable([v] if isinstance(v, View) else v for v in map(self._views.__getitem__, refs)))

    def items(self, ref: Ref) -> list[View]:
        """The list that an operator with several outputs made."""
        views = self._views[ref.name]
        return [views] if isinstance(views, View) else views

    def label(self, node: Node) -> str:
        """A layer's name: the path of the module, or the operator where it was called outside of all."""
        return node.scope or node.operator

    def product_label(self, node: Node) -> str:
        half = self._halves.get(node.name)
        return f"{node.scope}.{half}".lstrip(".") if half else self.label(node)

    def _made(self, node: Node) -> Views:
        operands = self.views(node.refs)
        handler = HANDLERS.get(node.operator)
        if handler is not None:
            return handler(self, node)
        if node.operator in MADE:
            return self._fold_all(node, [])
        if node.operator in ELEMENTWISE:
            return self.assembly.elementwise(node.operator, self.label(node), operands, node.shape)
        if node.operator in FOLDED or _steers(node, operands):
            return self._fold_all(node, operands)
        views = [fold(operands, output.shape) for output in node.outputs]
        self.assembly.leave_out(node.operator, operands, None)
        return views if node.several else views[0]

    def _fold_all(self, node: Node, operands: Sequence[View]) -> Views:
        self.assembly.folded[node.operator] += 1
        views = [fold(operands, output.shape) for output in node.outputs]
        return views if node.several else views[0]

    def _share(self, node: Node, first: str, result: Views) -> None:
        """Keeps who shares storage with whom; what is written through one view is seen through all the others."""
        owner = self._owner.setdefault(node.name, self._owner.get(first, first))
        sharers = self._sharers.setdefault(owner, [owner])
        sharers.append(node.name)
        if not node.writes:
            return
        written = result if isinstance(result, View) else fold(result, None)
        for name in sharers[:-1]:
            seen = self._views.get(name)
            if isinstance(seen, View) and name != first:
                self._views[name] = fold((seen, written), seen.shape)
        self._views[first] = result


def _outside(item: Input) -> View:
    shape = item.output.shape
    if item.constant:
        return constant(shape)
    if item.output.integer or shape is None:
        return control(shape)
    return network_input(item.name, shape)


def _steers(node: Node, operands: Sequence[View]) -> bool:
    """Costs nothing whatever it is: known before a run, or indices and truth values made of such."""
    kind = kind_of(operands)
    return kind is Kind.CONSTANT or (kind is Kind.CONTROL and all(output.integer for output in node.outputs))


def _shape(walk: Walk, node: Node) -> Shape:
    """The output's.

    Raises:
        InputError: it depends on values.
    """
    if node.shape is None:
        raise InputError(
            f"the size of {node.operator} in '{walk.label(node)}' depends on values, which are not known before a run; "
            "leave that part out of the module"
        )
    return node.shape


def _source(walk: Walk, node: Node, axes: int) -> tuple[View, Shape]:
    """The first operand and the output's shape, both as N x channels x the axes, whether or not the module has N."""
    view, shape = walk.view(node.arguments["input" if "input" in node.arguments else "self"]), _shape(walk, node)
    if view.shape is None:
        raise InputError(f"the size of the input of {node.operator} in '{walk.label(node)}' is not known before a run")
    if len(shape) == axes + 1:
        return replace(view, shape=(1, *view.shape), axis=_next(view.axis)), (1, *shape)
    return view, shape


def _next(axis: int | None) -> int | None:
    return None if axis is None else axis + 1


def _flat(view: View, depth: int) -> View:
    """A volume as `depth` maps."""
    assert view.shape is not None
    if len(view.shape) != 5:
        return view
    batch, channels, _, *size = view.shape
    return made_of(view.pieces, (batch * depth, channels, *size))


def _spread(values: Any, axes: int) -> tuple[int, ...]:
    """One number for each axis, where the module may give one for all."""
    given = (values,) if isinstance(values, int) else tuple(values)
    return given * axes if len(given) == 1 else given


def _convolution(walk: Walk, node: Node) -> View:
    arguments, weight = node.arguments, walk.view(node.arguments["weight"]).shape
    assert weight is not None
    axes = len(weight) - 2
    view, shape = _source(walk, node, axes)
    stride, dilation = (_spread(arguments[key], axes) for key in ("stride", "dilation"))
    if arguments["padding"] == "valid":
        padding: tuple[int, ...] = (0,) * axes
    elif arguments["padding"] == "same":
        padding = tuple(d * (size - 1) // 2 for d, size in zip(dilation, weight[2:], strict=True))
    else:
        padding = _spread(arguments["padding"], axes)
    around = walk.padded.get(arguments["input"].name)
    if around and around.view.shape and len(around.view.shape) == axes + 2:
        view = around.view
        padding = tuple(map(sum, zip(padding, around.before, strict=True)))
    kernels = walk.view(arguments["weight"])
    if kernels.kind is Kind.ACTIVATION:
        view = made_of((*view.pieces, *kernels.pieces), view.shape)
    made = walk.assembly.convolution(
        walk.label(node), view, weight,
        stride=stride, padding=padding, dilation=dilation, groups=arguments["groups"], shape=shape,
    )  # fmt: skip
    return replace(made, shape=node.shape)


def _transposed_convolution(walk: Walk, node: Node) -> View:
    arguments, weight = node.arguments, walk.view(node.arguments["weight"]).shape
    assert weight is not None
    axes = len(weight) - 2
    view, shape = _source(walk, node, axes)
    assert view.shape is not None
    stride, padding, dilation = (_spread(arguments[key], axes) for key in ("stride", "padding", "dilation"))
    if axes == 3:  # every plane makes as many as the filter is deep
        depth, deep = view.shape[2], weight[2]
        view = _flat(view, depth)
        weight = (weight[0], weight[1] * deep, *weight[3:])
        shape = (shape[0] * depth, shape[1] * deep, *shape[3:])
    made = walk.assembly.transposed_convolution(
        walk.label(node), view, weight,
        stride=stride[-2:], padding=padding[-2:], dilation=dilation[-2:], groups=arguments["groups"], shape=shape,
    )  # fmt: skip
    return replace(made, shape=node.shape)


def _either_convolution(walk: Walk, node: Node) -> View:
    return (_transposed_convolution if node.arguments["transposed"] else _convolution)(walk, node)


def _contract(walk: Walk, node: Node, equation: str, left: Any, right: Any, added: Any = None) -> View:
    """A product, and the sum with `added` where that is an activation too (a bias is folded)."""
    views = walk.view(left), walk.view(right)
    shapes = [view.shape for view in views]
    shape = _shape(walk, node)
    assert shapes[0] is not None and shapes[1] is not None
    try:
        sizes = contraction(equation, shapes[0], shapes[1])
    except ValueError as error:
        raise InputError(f"{node.operator} in '{walk.label(node)}': {error}; write it as products of two") from None
    name = walk.product_label(node)
    if sizes.inner == sizes.rows == sizes.columns == 1:
        return walk.assembly.elementwise(node.operator, name, views, shape)
    made = walk.assembly.product(
        name, Operand(views[0], sizes.batch), Operand(views[1], sizes.batch),
        batch=sizes.batch, rows=sizes.rows, inner=sizes.inner, columns=sizes.columns, shape=shape,
    )  # fmt: skip
    bias = walk.view(added)
    if bias.kind is not Kind.ACTIVATION or node.arguments.get("beta") == 0:
        return made
    return walk.assembly.elementwise("add", walk.label(node), (made, bias), shape)


def _linear(walk: Walk, node: Node) -> View:
    """Rows of features times a matrix (one row of it for each output), plus a bias."""
    arguments = node.arguments
    weight = walk.view(arguments["weight"]).shape or ()
    equation = "...i,oi->...o" if len(weight) == 2 else "...i,i->..."
    return _contract(walk, node, equation, arguments["input"], arguments["weight"], arguments.get("bias"))


def _product(equation: str, left: str, right: str, added: str = "") -> Callable[[Walk, Node], View]:
    """Of the arguments with these names."""

    def handler(walk: Walk, node: Node) -> View:
        arguments = node.arguments
        return _contract(walk, node, equation, arguments[left], arguments[right], arguments.get(added))

    return handler


def _matmul(walk: Walk, node: Node) -> View:
    left, right = node.arguments["self"], node.arguments["other"]
    ranks = [len(walk.view(ref).shape or ()) for ref in (left, right)]
    return _contract(walk, node, matmul_equation(*ranks), left, right)


def _einsum(walk: Walk, node: Node) -> View:
    tensors = node.arguments["tensors"]
    if len(tensors) == 1:
        walk.assembly.folded["einsum"] += 1
        return fold((walk.view(tensors[0]),), node.shape)
    return _contract(walk, node, node.arguments["equation"], tensors[0], tensors[1]) if len(tensors) == 2 else (
        walk.assembly.leave_out("einsum of three", walk.views(node.refs), node.shape)
    )


def _attention(walk: Walk, node: Node) -> Views:
    """Scores of every query with every key, then their mix of the values; several outputs in the fused variants."""
    query, key, value = (walk.view(node.arguments[name]) for name in ("query", "key", "value"))
    if query.shape is None or key.shape is None or value.shape is None:
        raise InputError(f"the sizes of attention in '{walk.label(node)}' depend on values, not known before a run")
    mask = walk.view(node.arguments.get("attn_mask", node.arguments.get("attn_bias")))
    if mask.kind is Kind.ACTIVATION:
        key = made_of((*key.pieces, *mask.pieces), key.shape)
    made = walk.assembly.attention(
        node.scope or "attention", query, key, value,
        heads=math.prod(query.shape[:-2]), rows=query.shape[-2], columns=key.shape[-2], inner=query.shape[-1],
        value_inner=value.shape[-1], shape=node.shape,
    )  # fmt: skip
    return [made, *(control(output.shape) for output in node.outputs[1:])] if node.several else made


def _pool(axes: int) -> Callable[[Walk, Node], Views]:
    def handler(walk: Walk, node: Node) -> Views:
        view, shape = _source(walk, node, axes)
        kernel = _spread(node.arguments["kernel_size"], axes)
        stride = _spread(node.arguments.get("stride") or kernel, axes)
        padding = _spread(node.arguments.get("padding", 0), axes)
        return _with_indices(node, _pooled(walk, node, view, shape, kernel, stride, padding))

    return handler


def _adaptive_pool(axes: int) -> Callable[[Walk, Node], Views]:
    """To a given size: no layer where that is the size already."""

    def handler(walk: Walk, node: Node) -> Views:
        view, shape = _source(walk, node, axes)
        assert view.shape is not None
        size, out = view.shape[2:], shape[2:]
        if size == out:
            walk.assembly.folded[node.operator] += 1
            return _with_indices(node, view)
        kernel = tuple(-(-a // b) for a, b in zip(size, out, strict=True))
        stride = tuple(max(1, a // b) for a, b in zip(size, out, strict=True))
        return _with_indices(node, _pooled(walk, node, view, shape, kernel, stride, (0,) * axes))

    return handler


def _pooled(
    walk: Walk, node: Node, view: View, shape: Shape, kernel: Shape, stride: Shape, padding: Shape
) -> View:
    if len(shape) == 5:
        depth = shape[2]
        view, shape = _flat(view, depth), (shape[0] * depth, shape[1], *shape[3:])
    made = walk.assembly.pool(
        walk.label(node), view, kernel=kernel[-2:], stride=stride[-2:], padding=padding[-2:], shape=shape
    )
    return replace(made, shape=node.shape)


def _with_indices(node: Node, view: View) -> Views:
    view = replace(view, shape=node.shape)
    return [view, *(control(output.shape) for output in node.outputs[1:])] if node.several else view


def _upsample(axes: int) -> Callable[[Walk, Node], View]:
    def handler(walk: Walk, node: Node) -> View:
        view, shape = _source(walk, node, axes)
        if view.shape == shape:
            return walk.assembly.fold(node.operator, (view,), node.shape)
        if axes == 3:
            depth = shape[2]
            view, shape = _flat(view, depth), (shape[0] * depth, shape[1], *shape[3:])
        return replace(walk.assembly.upsample(walk.label(node), view, shape), shape=node.shape)

    return handler


def _reduce(walk: Walk, node: Node) -> Views:
    """A mean, sum or maximum: a pool where all is reduced but samples and channels, else folded."""
    view = walk.view(node.arguments.get("self", node.arguments.get("input")))
    axes = node.arguments.get("dim")
    rank = len(view.shape or ())
    if view.kind is not Kind.ACTIVATION or view.shape is None or axes is None or rank not in (3, 4):
        return walk._fold_all(node, walk.views(node.refs))
    reduced = {axis % rank for axis in ([axes] if isinstance(axes, int) else axes)}
    kept = set(range(rank)) - reduced
    norm = rank == 3 and reduced == {2} and node.arguments.get("keepdim")
    if len(kept) != 2 or 0 in reduced or norm or math.prod(view.shape[axis] for axis in reduced) == 1:
        return walk._fold_all(node, walk.views(node.refs))
    order = (0, (kept - {0}).pop(), *sorted(reduced))
    turned = permuted(view, order, tuple(view.shape[axis] for axis in order))
    return walk.assembly.global_pool(walk.label(node), turned, node.shape)


def _embedding(walk: Walk, node: Node) -> View:
    """Rows of a table: the network's input to what follows, constants where the indices are."""
    weight, indices = walk.view(node.arguments["weight"]), walk.view(node.arguments["indices"])
    walk.assembly.folded["embedding"] += 1
    if weight.kind is Kind.CONSTANT and indices.kind is Kind.CONTROL:
        return embedding(node.scope or node.name, _shape(walk, node))
    return fold((weight, indices), node.shape)


def _unary(walk: Walk, node: Node) -> Views:
    """Of the first operand; a second activation (a norm's learned scale is none) joins it."""
    walk.assembly.folded[node.operator] += 1
    operands = walk.views(node.refs)
    if sum(view.kind is Kind.ACTIVATION for view in operands) > 1:
        first = fold(operands, node.shape)
    else:
        main = next((view for view in operands if view.kind is Kind.ACTIVATION), operands[0])
        first = unary(main, node.shape) if main is operands[0] else fold(operands, node.shape)
    if not node.several:
        return first
    return [first, *(fold((first,), output.shape) for output in node.outputs[1:])]


def _reshape(walk: Walk, node: Node) -> View:
    walk.assembly.folded[node.operator] += 1
    return reshaped(walk.view(_first(node)), node.shape)


def _transpose(walk: Walk, node: Node) -> View:
    walk.assembly.folded[node.operator] += 1
    arguments = node.arguments
    first = arguments.get("dim0", arguments.get("axis0", 0))
    return swapped(walk.view(_first(node)), first, arguments.get("dim1", arguments.get("axis1", -1)), node.shape)


def _permute(walk: Walk, node: Node) -> View:
    walk.assembly.folded[node.operator] += 1
    return permuted(walk.view(_first(node)), node.arguments["dims"], node.shape)


def _expand(walk: Walk, node: Node) -> View:
    walk.assembly.folded[node.operator] += 1
    view = walk.view(_first(node))
    if view.axis is not None and len(view.shape or ()) != len(node.shape or ()):
        return fold((view,), node.shape)
    return replace(view, shape=node.shape)


def _concatenation(walk: Walk, node: Node) -> View:
    walk.assembly.folded[node.operator] += 1
    views = [view for view in walk.views(node.refs) if view.shape != (0,)]
    axis = node.arguments.get("dim", 0) % max(len(node.shape or ()), 1)
    if node.operator == "stack":
        views = [
            reshaped(view, None if view.shape is None else (*view.shape[:axis], 1, *view.shape[axis:]))
            for view in views
        ]
    return concatenate(views, axis, node.shape)


def _slice(walk: Walk, node: Node) -> View:
    walk.assembly.folded[node.operator] += 1
    arguments = node.arguments
    view, axis = walk.view(arguments["self"]), arguments["dim"]
    return sliced(view, axis, arguments.get("start"), arguments.get("end"), arguments.get("step", 1), node.shape)


def _narrow(walk: Walk, node: Node) -> View:
    walk.assembly.folded[node.operator] += 1
    view, axis, start = walk.view(node.arguments["self"]), node.arguments["dim"], node.arguments["start"]
    if not isinstance(start, int):
        return fold((view,), node.shape)
    return sliced(view, axis, start, start + node.arguments["length"], 1, node.shape)


def _select(walk: Walk, node: Node) -> View:
    walk.assembly.folded[node.operator] += 1
    view, axis, index = walk.view(node.arguments["self"]), node.arguments["dim"], node.arguments["index"]
    if view.shape is None or not isinstance(index, int):
        return fold((view,), node.shape)
    axis %= len(view.shape)
    start = index % view.shape[axis]
    row = sliced(view, axis, start, start + 1, 1, (*view.shape[:axis], 1, *view.shape[axis + 1 :]))
    return reshaped(row, node.shape)


def _split(walk: Walk, node: Node) -> list[View]:
    walk.assembly.folded[node.operator] += 1
    view, axis = walk.view(node.arguments["self"]), node.arguments.get("dim", 0)
    shapes = [output.shape for output in node.outputs]
    if view.shape is None or any(shape is None for shape in shapes):
        return [fold((view,), shape) for shape in shapes]
    unbinds = node.operator == "unbind"
    return split(view, axis, [1 if unbinds else shape[axis] for shape in shapes if shape is not None], shapes)


def _item(walk: Walk, node: Node) -> View:
    """One of the tensors of a list."""
    return walk.items(node.arguments["input"])[node.arguments["index"]]


def _list(walk: Walk, node: Node) -> list[View]:
    """What a called sub-graph returns."""
    return [walk.view(ref) for ref in node.arguments["tensors"]]


def _pad(walk: Walk, node: Node) -> View:
    """Zeros around a map; a convolution of it counts them as its own padding."""
    walk.assembly.folded[node.operator] += 1
    view, amounts = walk.view(node.arguments["self"]), list(node.arguments["pad"])
    zeros = node.arguments.get("mode", "constant") == "constant" and not node.arguments.get("value")
    rank = len(view.shape or ())
    if zeros and len(amounts) <= 2 * (rank - 2) and min(amounts, default=0) >= 0:
        before = amounts[::2][::-1]
        walk.padded[node.name] = _Padded(view, (0,) * (rank - 2 - len(before)) + tuple(before))
    return fold((view,), node.shape)


def _overwrite(walk: Walk, node: Node) -> View:
    """`copy` and `fill`: nothing remains of what was there."""
    walk.assembly.folded[node.operator] += 1
    written = walk.views(node.refs)[1:]
    return fold(written, node.shape)


def _first(node: Node) -> Any:
    return next(value for value in node.arguments.values() if isinstance(value, Ref))


_FUSED_ATTENTION = (
    "flash_attention", "efficient_attention", "flash_attention_for_cpu", "fused_attention_overrideable",
    "cudnn_attention", "attention_math",
)  # fmt: skip

HANDLERS: dict[str, Callable[[Walk, Node], Views]] = {
    "convolution": _either_convolution,
    "_convolution": _either_convolution,
    **{f"conv{axes}d": _convolution for axes in (1, 2, 3)},
    **{f"conv_transpose{axes}d": _transposed_convolution for axes in (1, 2, 3)},
    "linear": _linear,
    "addmm": _product("ij,jk->ik", "mat1", "mat2", "self"),
    "mm": _product("ij,jk->ik", "self", "mat2"),
    "bmm": _product("bij,bjk->bik", "self", "mat2"),
    "baddbmm": _product("bij,bjk->bik", "batch1", "batch2", "self"),
    "addbmm": _product("bij,bjk->ik", "batch1", "batch2", "self"),
    "mv": _product("ij,j->i", "self", "vec"),
    "addmv": _product("ij,j->i", "mat", "vec", "self"),
    "dot": _product("i,i->", "self", "tensor"),
    "matmul": _matmul,
    "linalg_matmul": _matmul,
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
    **{f"_scaled_dot_product_{name}": _attention for name in _FUSED_ATTENTION},
    **{f"{kind}_pool{axes}d": _pool(axes) for kind in ("max", "avg") for axes in (1, 2, 3)},
    **{f"max_pool{axes}d_with_indices": _pool(axes) for axes in (1, 2, 3)},
    **{
        f"{start}adaptive_{kind}_pool{axes}d": _adaptive_pool(axes)
        for start in ("", "_")
        for kind in ("max", "avg")
        for axes in (1, 2, 3)
    },
    **{
        name: _upsample(axes)
        for kind, axes in (("nearest", 1), ("nearest", 2), ("nearest", 3), ("linear", 1), ("bilinear", 2),
                           ("bicubic", 2), ("trilinear", 3))
        for name in (f"upsample_{kind}{axes}d", f"_upsample_{kind}_exact{axes}d", f"_upsample_{kind}{axes}d_aa")
    },
    **dict.fromkeys(("mean", "sum", "amax"), _reduce),
    "embedding": _embedding,
    **dict.fromkeys(UNARY, _unary),
    **dict.fromkeys(REARRANGED, _reshape),
    **dict.fromkeys(("transpose", "swapaxes", "swapdims", "t", "numpy_T"), _transpose),
    "permute": _permute,
    **dict.fromkeys(("expand", "expand_as"), _expand),
    **dict.fromkeys(("cat", "concat", "concatenate", "stack"), _concatenation),
    "slice": _slice,
    "narrow": _narrow,
    "select": _select,
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "tensor_split", "unbind", "unsafe_chunk", "unsafe_split",
                     "unsafe_split_with_sizes"), _split),
    "getitem": _item,
    "list": _list,
    **dict.fromkeys(("constant_pad_nd", "pad"), _pad),
    **dict.fromkeys(("copy", "fill"), _overwrite),
}  # fmt: skip
