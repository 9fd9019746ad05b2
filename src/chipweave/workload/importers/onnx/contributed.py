"""Operators of ONNX Runtime (`com.microsoft`) that its optimiser puts in the place of ONNX's own: sizes and layers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest

from chipweave.workload.importers.assembly import Assembly, Operand
from chipweave.workload.importers.onnx import attention, experts, products, windows
from chipweave.workload.importers.onnx.elementwise import elementwise
from chipweave.workload.importers.onnx.tensor import Call
from chipweave.workload.importers.view import Shape, View, constant, embedding

DOMAIN = "com.microsoft"

Made = View | tuple[View, ...] | None


def shapes(call: Call) -> tuple[Shape | None, ...]:
    """Of the outputs; None for each where the operator is none of those known here, or its inputs have no size."""
    name = call.operator.removeprefix(f"{DOMAIN}:")
    first = call.operand(0)
    rest = (None,) * (len(call.shapes) - 1)
    if name in SAME_SHAPE:
        return (first.shape if first is not None else None, *rest)
    if call.operator == name or any(tensor is not None and tensor.shape is None for tensor in call.inputs):
        return None, *rest
    if name in ("SkipLayerNormalization", "SkipSimplifiedLayerNormalization") and first is not None:
        return tuple(first.shape if index in (0, 3) else None for index in range(len(call.shapes)))
    function = _SHAPES.get(name)
    try:
        return (function(call) if function else None, *rest)
    except (IndexError, ValueError, ZeroDivisionError):
        return None, *rest


SAME_SHAPE = frozenset(
    (
        "GroupNormalization", "LayerNormalization", "SimplifiedLayerNormalization", "Gelu", "FastGelu", "BiasGelu",
        "QuickGelu", "RotaryEmbedding", "QLinearSigmoid", "QLinearLeakyRelu", "BiasSoftmax", "BiasDropout",
    )
)  # fmt: skip
"""Operators that change no size; some are ONNX's own, in versions that do not say so."""


def _shape(call: Call, position: int) -> Shape:
    tensor = call.operand(position)
    if tensor is None or tensor.shape is None:
        raise ValueError
    return tensor.shape


def _convolved(call: Call) -> Shape:
    source, filter_ = _shape(call, 0), _shape(call, 1)
    axes = len(source) - 2
    kernel, pads = filter_[2:], call.integers("pads") or [0] * 2 * axes
    stride, dilation = call.integers("strides") or [1] * axes, call.integers("dilations") or [1] * axes
    if call.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return source[0], filter_[0], *(-(-size // s) for size, s in zip(source[2:], stride, strict=True))
    return (
        source[0],
        filter_[0],
        *(
            (source[2 + i] + pads[i] + pads[axes + i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1
            for i in range(axes)
        ),
    )


def _multiplied(call: Call) -> Shape:
    a, b = _shape(call, 0), _shape(call, 1)
    rows = a[-1] if call.integer("transA", 0) else a[-2]
    columns = b[-2] if call.integer("transB", 0) else b[-1]
    return *_broadcast(a[:-2], b[:-2]), rows, columns


def _of_gemm(call: Call, right: int) -> Shape:
    a, b = _shape(call, 0), _shape(call, right)
    return a[1 if call.integer("transA", 0) else 0], b[0 if call.integer("transB", 0) else 1]


def _broadcast(a: Shape, b: Shape) -> Shape:
    return tuple(reversed([max(pair) for pair in zip_longest(reversed(a), reversed(b), fillvalue=1)]))


def _attended(call: Call) -> Shape:
    samples, rows, _ = _shape(call, 0)
    return samples, rows, attention.widths(call)[2]


def _of_heads(call: Call) -> Shape:
    """Of MultiHeadAttention: values may be packed with queries and keys, or with these alone."""
    query, value = _shape(call, 0), call.operand(2)
    heads = call.integer("num_heads", 0)
    if len(query) == 5:
        return query[0], query[1], query[2] * query[4]
    if value is None:
        return query[0], query[1], heads * _shape(call, 1)[4]
    shape = _shape(call, 2)
    return query[0], query[1], heads * shape[3] if len(shape) == 4 else shape[2]


def _of_groups(call: Call) -> Shape:
    samples, rows, width = _shape(call, 0)
    heads, kv_heads = call.integer("num_heads", 0), call.integer("kv_num_heads", 0)
    return samples, rows, width if call.operand(1) is not None else heads * (width // (heads + 2 * kv_heads))


_SHAPES: dict[str, Callable[[Call], Shape]] = {
    "FusedConv": _convolved,
    "FusedGemm": lambda call: _of_gemm(call, 1),
    "QGemm": lambda call: _of_gemm(call, 3),
    "FusedMatMul": _multiplied,
    "MatMulNBits": lambda call: (*_shape(call, 0)[:-1], call.integer("N", 0)),
    "QLinearAdd": lambda call: _broadcast(_shape(call, 0), _shape(call, 3)),
    "QLinearMul": lambda call: _broadcast(_shape(call, 0), _shape(call, 3)),
    "QLinearGlobalAveragePool": lambda call: (*_shape(call, 0)[:2], *(1 for _ in _shape(call, 0)[2:])),
    "EmbedLayerNormalization": lambda call: (*_shape(call, 0), _shape(call, 2)[1]),
    "Attention": _attended,
    "MultiHeadAttention": _of_heads,
    "GroupQueryAttention": _of_groups,
    "MoE": lambda call: _shape(call, 0),
    "QMoE": lambda call: _shape(call, 0),
}


def _convolution(assembly: Assembly, call: Call) -> Made:
    """With a sum of another activation, where there is one."""
    view = windows.convolution(assembly, call)
    added = call.operand(3)
    if view is None or added is None or not added.is_activation:
        return view
    return elementwise(assembly, call, (view, added.view), f"{call.name}.add")


def _matmul(assembly: Assembly, call: Call) -> Made:
    return products.matmul(assembly, call, 1, call.integer("transA", 0), call.integer("transB", 0))


def _packed_matmul(assembly: Assembly, call: Call) -> Made:
    """Weights of a few bits each, packed; the attributes have the sizes."""
    source, inner, columns = call.operand(0), call.integer("K", 0), call.integer("N", 0)
    if source is None or not source.shape or call.shape is None or source.shape[-1] != inner:
        return None
    rows = 1
    for size in source.shape[:-1]:
        rows *= size
    weights = Operand(constant((inner, columns)))
    return assembly.product(
        call.name, Operand(source.view), weights, batch=1, rows=rows, inner=inner, columns=columns, shape=call.shape
    )


def _two_of_six(assembly: Assembly, call: Call) -> Made:
    """Operands with a scale and a zero point each."""
    return elementwise(assembly, call, [tensor.view for tensor in (call.operand(0), call.operand(3)) if tensor])


def _skip_norm(assembly: Assembly, call: Call) -> Made:
    """The sum of two activations and its norm; the sum itself is the fourth output."""
    view = elementwise(assembly, call, [tensor.view for tensor in call.inputs[:2] if tensor])
    return None if view is None else tuple(view for _ in call.shapes)


def _embedding(assembly: Assembly, call: Call) -> Made:
    assembly.folded[call.operator] += 1
    return None if call.shape is None else embedding(call.name, call.shape)


OPERATORS: dict[str, Callable[[Assembly, Call], Made]] = {
    "FusedConv": _convolution,
    "FusedGemm": products.gemm,
    "QGemm": lambda assembly, call: products.gemm(assembly, call, 3),
    "FusedMatMul": _matmul,
    "MatMulNBits": _packed_matmul,
    "QLinearAdd": _two_of_six,
    "QLinearMul": _two_of_six,
    "QLinearGlobalAveragePool": windows.global_pool,
    "SkipLayerNormalization": _skip_norm,
    "SkipSimplifiedLayerNormalization": _skip_norm,
    "EmbedLayerNormalization": _embedding,
    "Attention": attention.projected,
    "MultiHeadAttention": attention.multi_head,
    "GroupQueryAttention": attention.grouped_query,
    "MoE": experts.mixture,
    "QMoE": experts.quantised_mixture,
}
"""By name within the domain."""
