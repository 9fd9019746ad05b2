"""Operators of ONNX Runtime (`com.microsoft`): the sizes of what they make."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest

from chipweave.workload.importers.onnx import attention
from chipweave.workload.importers.onnx.channels_last import back, turned
from chipweave.workload.importers.onnx.corrected import pooled
from chipweave.workload.importers.onnx.tensor import Call, OnnxTensor
from chipweave.workload.importers.view import Shape

DOMAIN = "com.microsoft"


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
        "BiasDropout", "BiasAdd", "GroupNorm", "SkipGroupNorm", "MRotaryEmbedding", "Trilu",
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


def _convolved(call: Call, weight: int = 1) -> Shape:
    source, filter_ = _shape(call, 0), _shape(call, weight)
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


def batches_first(shape: Shape, turn: int) -> Shape:
    """Of an operand of FusedMatMul whose rows or columns may stand before its batches (transBatchA, transBatchB)."""
    return (*shape[1:-1], shape[0], shape[-1]) if turn and len(shape) > 2 else shape


def _multiplied(call: Call) -> Shape:
    a = batches_first(_shape(call, 0), call.integer("transBatchA", 0))
    b = batches_first(_shape(call, 1), call.integer("transBatchB", 0))
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


def _of_packed_heads(call: Call) -> Shape:
    query = _shape(call, 0)
    return (query[0], query[1] * query[3]) if len(query) == 4 else (query[0], _shape(call, 2)[1])


def _of_groups(call: Call) -> Shape:
    samples, rows, width = _shape(call, 0)
    heads, kv_heads = call.integer("num_heads", 0), call.integer("kv_num_heads", 0)
    return samples, rows, width if call.operand(1) is not None else heads * (width // (heads + 2 * kv_heads))


def _of_pages(call: Call) -> Shape:
    """Of PagedAttention: tokens, and the heads of queries side by side."""
    tokens, width = _shape(call, 0)
    heads, kv_heads = call.integer("num_heads", 0), call.integer("kv_num_heads", 0)
    return tokens, width if call.operand(1) is not None else heads * (width // (heads + 2 * kv_heads))


def _of_states(call: Call) -> Shape:
    """Of LinearAttention: as many heads as there are of queries, or of values where these are more."""
    samples, rows, _ = _shape(call, 0)
    heads, kv_heads = call.integer("q_num_heads", 0), call.integer("kv_num_heads", 0)
    return samples, rows, max(heads, kv_heads) * (_shape(call, 2)[2] // kv_heads)


def _last(function: Callable[[Call], Shape], call: Call, weight: int = 0) -> Shape:
    """By a rule for maps with their channels first, of one with them last."""
    return back(function(turned(call, (0,), weight)))


def _either(function: Callable[[Call], Shape], call: Call, weight: int = 0) -> Shape:
    return _last(function, call, weight) if call.integer("channels_last", 0) else function(call)


def _spread(call: Call) -> Shape:
    """Of a transposed convolution whose padding is an operand."""
    source, filter_, pads = _shape(call, 0), _shape(call, 1), call.operand(2)
    axes = len(source) - 2
    stride, dilation = call.integers("strides") or [1] * axes, call.integers("dilations") or [1] * axes
    more, cut = call.integers("output_padding") or [0] * axes, [0] * 2 * axes
    if pads is not None:
        cut = pads.integers or []
    sizes = [
        (source[2 + i] - 1) * stride[i] + dilation[i] * (filter_[2 + i] - 1) + 1 + more[i] - cut[i] - cut[axes + i]
        for i in range(axes)
    ]
    return source[0], filter_[1] * call.integer("group", 1), *sizes


def _reduced(call: Call) -> Shape:
    source = _shape(call, 0)
    axes = {range(len(source))[axis] for axis in call.integers("axes") or range(len(source))}
    keeps = call.integer("keepdims", 1)
    return tuple(1 if at in axes else size for at, size in enumerate(source) if keeps or at not in axes)


def _looked_up(call: Call) -> Shape:
    """Rows of a table whose entries may be packed, several in a byte."""
    from onnx import TensorProto

    table, numbers = call.operand(0), _shape(call, 1)
    rows = list(_shape(call, 0))
    if table is not None and table.element == TensorProto.UINT8:
        rows[-1] *= 8 // max(1, min(8, call.integer("bits", 4)))
    axis = range(len(rows))[call.integer("gather_axis", 0)]
    return *rows[:axis], *numbers, *rows[axis + 1 :]


def _of_four_bits(call: Call) -> Shape:
    sizes = call.operand(3) if len(call.inputs) > 3 else call.operand(2)
    if sizes is None or not sizes.integers or len(sizes.integers) != 2:
        raise ValueError
    return *_shape(call, 0)[:-1], sizes.integers[1]


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


def _one_each(call: Call) -> Shape:
    samples, channels, *rest = _shape(call, 0)
    return samples, channels, *(1 for _ in rest)


_SHAPES: dict[str, Callable[[Call], Shape]] = {
    "FusedConv": _convolved,
    "NhwcConv": lambda call: _last(_convolved, call, 1),
    "NhwcFusedConv": lambda call: _last(_convolved, call, 1),
    "NhwcMaxPool": lambda call: _last(pooled, call),
    "QLinearConv": lambda call: _either(lambda each: _convolved(each, 3), call, 3),
    "ConvTransposeWithDynamicPads": _spread,
    "FusedGemm": lambda call: _of_gemm(call, 1),
    "GemmFloat8": lambda call: _of_gemm(call, 1),
    "GemmFastGelu": _multiplied,
    "QGemm": lambda call: _of_gemm(call, 3),
    "FusedMatMul": _multiplied,
    "FusedMatMulActivation": _multiplied,
    "TransposeMatMul": _multiplied,
    "MatMulNBits": lambda call: (*_shape(call, 0)[:-1], call.integer("N", 0)),
    "MatMulBlockQuantizedFp4Weight": lambda call: (*_shape(call, 0)[:-1], _shape(call, 1)[0]),
    "MatMulBlockQuantizedFp8Weight": lambda call: (*_shape(call, 0)[:-1], _shape(call, 1)[0]),
    "MatMulInteger16": _multiplied,
    "MatMulBnb4": lambda call: (*_shape(call, 0)[:-1], call.integer("N", 0)),
    "MatMulFpQ4": _of_four_bits,
    "GatherBlockQuantized": _looked_up,
    "BiasSplitGelu": lambda call: (*_shape(call, 0)[:-1], _shape(call, 0)[-1] // 2),
    "DynamicQuantizeMatMul": _multiplied,
    "MatMulIntegerToFloat": _multiplied,
    "QLinearAveragePool": lambda call: _either(pooled, call),
    "QLinearReduceMean": _reduced,
    "QLinearConcat": _joined,
    "DynamicQuantizeLSTM": _stepped,
    "QAttention": _attended,
    "DecoderMaskedMultiHeadAttention": lambda call: _shape(call, 0),
    "DecoderMaskedSelfAttention": _attended,
    "PackedAttention": lambda call: (_shape(call, 0)[0], attention.widths(call)[2]),
    "PackedMultiHeadAttention": _of_packed_heads,
    "QLinearAdd": lambda call: _broadcast(_shape(call, 0), _shape(call, 3)),
    "QLinearMul": lambda call: _broadcast(_shape(call, 0), _shape(call, 3)),
    "QLinearGlobalAveragePool": lambda call: _either(_one_each, call),
    "EmbedLayerNormalization": lambda call: (*_shape(call, 0), _shape(call, 2)[1]),
    "Attention": _attended,
    "MultiHeadAttention": _of_heads,
    "GroupQueryAttention": _of_groups,
    "LinearAttention": _of_states,
    "LongformerAttention": lambda call: _shape(call, 0),
    "PagedAttention": _of_pages,
    "SparseAttention": _of_groups,
    "MoE": lambda call: _shape(call, 0),
    "QMoE": lambda call: _shape(call, 0),
}
