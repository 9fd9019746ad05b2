"""Operators of ONNX Runtime (`com.microsoft`) that its optimiser puts in the place of ONNX's own: their layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from chipweave.workload.importers.assembly import Assembly, Operand
from chipweave.workload.importers.onnx import (
    attention,
    experts,
    linear_attention,
    packed,
    products,
    rearranged,
    recurrent,
    sparse_attention,
    windows,
)
from chipweave.workload.importers.onnx.channels_last import where_stated, with_channels_last
from chipweave.workload.importers.onnx.contributed_sizes import batches_first
from chipweave.workload.importers.onnx.elementwise import elementwise
from chipweave.workload.importers.onnx.tensor import Call, OnnxTensor
from chipweave.workload.importers.view import View, constant, embedding, fold

Made = View | tuple[View, ...] | None


def _convolution(assembly: Assembly, call: Call) -> Made:
    """With a sum of another activation, where there is one."""
    view = windows.convolution(assembly, call)
    added = call.operand(3)
    if view is None or added is None or not added.is_activation:
        return view
    return elementwise(assembly, call, (view, added.view), f"{call.name}.add")


def _matmul(assembly: Assembly, call: Call) -> Made:
    operands = list(call.inputs)
    for at, key in ((0, "transBatchA"), (1, "transBatchB")):
        tensor = call.operand(at)
        if tensor is not None and tensor.shape is not None and call.integer(key, 0):
            operands[at] = replace(tensor, view=fold((tensor.view,), batches_first(tensor.shape, 1)))
    call = replace(call, inputs=tuple(operands))
    return products.matmul(assembly, call, 1, call.integer("transA", 0), call.integer("transB", 0))


def _packed_matmul(assembly: Assembly, call: Call) -> Made:
    """Weights of a few bits each, packed; the attributes or an operand have the sizes."""
    source, inner, columns = call.operand(0), call.integer("K", 0), call.integer("N", 0)
    if source is None or not source.shape or call.shape is None:
        return None
    if call.operator.endswith(("MatMulFpQ4", "Weight")):
        inner, columns = source.shape[-1], call.shape[-1]
    if source.shape[-1] != inner:
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


def _added(assembly: Assembly, call: Call) -> Made:
    """A sum of two activations, whatever stands between them: biases, scales."""
    return elementwise(assembly, call, [tensor.view for tensor in call.inputs if tensor and tensor.is_activation])


def _dynamically_padded(assembly: Assembly, call: Call) -> Made:
    pads = call.operand(2)
    stated = {} if pads is None or not pads.integers else {"pads": pads.integers}
    return windows.transposed_convolution(assembly, replace(call, attributes={**call.attributes, **stated}))


def _skip_group_norm(assembly: Assembly, call: Call) -> Made:
    """The norm of a sum of two maps; the sum itself is the second output."""
    view = elementwise(assembly, call, [tensor.view for at in (0, 3) if (tensor := call.operand(at))])
    return None if view is None else tuple(view for _ in call.shapes)


def _looked_up_rows(assembly: Assembly, call: Call) -> Made:
    table, numbers = call.operand(0), call.operand(1)
    if table is None or numbers is None or call.shape is None or table.is_activation:
        return None
    assembly.folded[call.operator] += 1
    return embedding(call.name, call.shape)


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
    "NhwcConv": with_channels_last(_convolution, (0, 3), 1),
    "NhwcFusedConv": with_channels_last(_convolution, (0, 3), 1),
    "NhwcMaxPool": with_channels_last(windows.pool),
    "QLinearConv": where_stated(lambda assembly, call: windows.convolution(assembly, call, 3), (0,), 3),
    "ConvTransposeWithDynamicPads": _dynamically_padded,
    "BiasAdd": _added,
    "SkipGroupNorm": _skip_group_norm,
    "GatherBlockQuantized": _looked_up_rows,
    "FusedGemm": products.gemm,
    "GemmFloat8": products.gemm,
    "GemmFastGelu": products.matmul,
    "FusedMatMulActivation": _matmul,
    "TransposeMatMul": _matmul,
    "MatMulBlockQuantizedFp4Weight": _packed_matmul,
    "MatMulBlockQuantizedFp8Weight": _packed_matmul,
    "MatMulInteger16": products.matmul,
    "MatMulBnb4": _packed_matmul,
    "MatMulFpQ4": _packed_matmul,
    "QLinearReduceMean": windows.reduction,
    "QGemm": lambda assembly, call: products.gemm(assembly, call, 3),
    "FusedMatMul": _matmul,
    "MatMulNBits": _packed_matmul,
    "DynamicQuantizeMatMul": products.matmul,
    "MatMulIntegerToFloat": products.matmul,
    "QLinearAveragePool": where_stated(windows.pool),
    "QLinearConcat": _quantised_concat,
    "DynamicQuantizeLSTM": _quantised_lstm,
    "QAttention": _quantised_attention,
    "DecoderMaskedMultiHeadAttention": _one_step_of_attention,
    "DecoderMaskedSelfAttention": attention.projected,
    "PackedAttention": packed.projected,
    "PackedMultiHeadAttention": packed.multi_head,
    "QLinearAdd": _two_of_six,
    "QLinearMul": _two_of_six,
    "QLinearGlobalAveragePool": where_stated(windows.global_pool),
    "SkipLayerNormalization": _skip_norm,
    "SkipSimplifiedLayerNormalization": _skip_norm,
    "EmbedLayerNormalization": _embedding,
    "Attention": attention.projected,
    "MultiHeadAttention": attention.multi_head,
    "GroupQueryAttention": attention.grouped_query,
    "LinearAttention": linear_attention.linear,
    "LongformerAttention": sparse_attention.local_and_global,
    "PagedAttention": sparse_attention.paged,
    "SparseAttention": sparse_attention.by_blocks,
    "MoE": experts.mixture,
    "QMoE": experts.quantised_mixture,
}
"""By name within the domain."""
