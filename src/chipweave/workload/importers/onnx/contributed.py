"""Operators of ONNX Runtime (`com.microsoft`) that its optimiser puts in the place of ONNX's own: sizes and layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import zip_longest

from chipweave.workload.importers.assembly import Assembly, Operand
from chipweave.workload.importers.onnx import attention, experts, products, rearranged, recurrent, windows
from chipweave.workload.importers.onnx.corrected import pooled
from chipweave.workload.importers.onnx.elementwise import elementwise
from chipweave.workload.importers.onnx.tensor import Call, OnnxTensor
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
        "QuickGelu", "RotaryEmbedding", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", "BiasSoftmax",
        "BiasDropout",
    )
)  # fmt: skip
"""Operators that change no size; some are ONNX's own, in versions that do not say so."""


def like(call: Call) -> OnnxTensor | None:
    """The operand whose element type the outputs have, where ONNX does not know the operator."""
    at = _LIKE.get(call.operator.removeprefix(f"{DOMAIN}:"), 0)
    return next((tensor for tensor in call.inputs[at:] if tensor is not None), None)


_LIKE = {"QLinearConcat": 2, "MatMulIntegerToFloat": 2, "QAttention": 3}
"""Quantised tensors behind scales, and scales where the output is no longer quantised; else the first operand."""


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


def _averaged(call: Call) -> Shape:
    if call.integer("channels_last", 0) or call.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise ValueError
    return pooled(call)


def _joined(call: Call) -> Shape:
    """Of a concatenation, whose tensors stand behind the scale and zero point of all, each with its own two."""
    parts = [_shape(call, at) for at in range(2, len(call.inputs), 3)]
    axis = call.integer("axis", 0) % len(parts[0])
    return *parts[0][:axis], sum(part[axis] for part in parts), *parts[0][axis + 1 :]


def _stepped(call: Call) -> Shape:
    """Of every step's state."""
    steps, rows, _ = _shape(call, 0)
    directions, hidden, _ = _shape(call, 2)
    return steps, directions, rows, hidden


_SHAPES: dict[str, Callable[[Call], Shape]] = {
    "FusedConv": _convolved,
    "FusedGemm": lambda call: _of_gemm(call, 1),
    "QGemm": lambda call: _of_gemm(call, 3),
    "FusedMatMul": _multiplied,
    "MatMulNBits": lambda call: (*_shape(call, 0)[:-1], call.integer("N", 0)),
    "DynamicQuantizeMatMul": _multiplied,
    "MatMulIntegerToFloat": _multiplied,
    "QLinearAveragePool": _averaged,
    "QLinearConcat": _joined,
    "DynamicQuantizeLSTM": _stepped,
    "QAttention": _attended,
    "DecoderMaskedMultiHeadAttention": lambda call: _shape(call, 0),
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


def _quantised_concat(assembly: Assembly, call: Call) -> Made:
    return rearranged.concat(assembly, replace(call, inputs=call.inputs[2::3]))


def _quantised_attention(assembly: Assembly, call: Call) -> Made:
    """Attention with scales between its bias and its past."""
    return attention.projected(assembly, replace(call, inputs=(*call.inputs[:3], None, call.operand(8))))


def _one_step_of_attention(assembly: Assembly, call: Call) -> Made:
    """A row of queries, with a cache that may have room for more than is in it."""
    heads, past = call.integer("num_heads", 0), call.operand(7)
    parts = [attention.heads_of(call.operand(at), heads) for at in range(3)] if heads > 0 else []
    if len(parts) < 3 or parts[0] is None or parts[1] is None or parts[2] is None:
        return None
    rows = max(past.integers) + parts[1].rows if past is not None and past.integers else 0
    key, value = (attention.with_past(new, call.operand(at), rows) for new, at in ((parts[1], 5), (parts[2], 6)))
    return attention.attended(assembly, call, parts[0], key, value, call.operand(4))


def _quantised_lstm(assembly: Assembly, call: Call) -> Made:
    """An LSTM whose weights stand turned: inputs before outputs."""
    turned = [_turned(tensor) if at in (1, 2) else tensor for at, tensor in enumerate(call.inputs[:8])]
    return recurrent.recurrent_layer(assembly, replace(call, operator="LSTM", inputs=tuple(turned)))


def _turned(tensor: OnnxTensor | None) -> OnnxTensor | None:
    if tensor is None or tensor.shape is None or len(tensor.shape) != 3:
        return tensor
    count, inner, outer = tensor.shape
    return replace(tensor, view=replace(tensor.view, shape=(count, outer, inner)))


OPERATORS: dict[str, Callable[[Assembly, Call], Made]] = {
    "FusedConv": _convolution,
    "FusedGemm": products.gemm,
    "QGemm": lambda assembly, call: products.gemm(assembly, call, 3),
    "FusedMatMul": _matmul,
    "MatMulNBits": _packed_matmul,
    "DynamicQuantizeMatMul": products.matmul,
    "MatMulIntegerToFloat": products.matmul,
    "QLinearAveragePool": windows.pool,
    "QLinearConcat": _quantised_concat,
    "DynamicQuantizeLSTM": _quantised_lstm,
    "QAttention": _quantised_attention,
    "DecoderMaskedMultiHeadAttention": _one_step_of_attention,
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
