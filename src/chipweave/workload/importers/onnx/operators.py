"""Which ONNX operator becomes what: the one table of the front end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chipweave.workload.importers.assembly import Assembly
from chipweave.workload.importers.onnx import attention, contributed, products, rearranged, recurrent, windows
from chipweave.workload.importers.onnx.contributed_sizes import DOMAIN, SAME_SHAPE
from chipweave.workload.importers.onnx.elementwise import elementwise
from chipweave.workload.importers.onnx.tensor import Call
from chipweave.workload.importers.recurrent import GATES
from chipweave.workload.importers.view import View, control, fold, unary

Made = View | tuple[View, ...] | None
Translation = Callable[[Assembly, Call], Made]


def translate(assembly: Assembly, call: Call, captured: Sequence[View] = ()) -> tuple[View, ...]:
    """The views of what a node makes, one for each of its outputs.

    Args:
        captured: what subgraphs of the node read of the graph around them.
    """
    function = OPERATORS.get(call.operator) if call.operand(0) is not None else None
    made = function(assembly, call) if function else None
    if made is None and call.operator in FOLDED:
        made = _folded(assembly, call)
    if made is None:
        made = assembly.leave_out(call.operator, [*call.views, *captured], call.shape)
    views = made if isinstance(made, tuple) else (made,)
    return *views[: len(call.shapes)], *(fold(call.views, shape) for shape in call.shapes[len(views) :])


def makes_activations(operator: str) -> bool:
    """Whether an operator makes activations of control values too: look-ups, and products of 16-bit pictures."""
    return operator in _OF_CONTROL


def _folded(assembly: Assembly, call: Call) -> View:
    activations = [tensor.view for tensor in call.inputs if tensor is not None and tensor.is_activation]
    if len(activations) == 1:
        assembly.folded[call.operator] += 1
        return unary(activations[0], call.shape)
    return assembly.fold(call.operator, call.views, call.shape)


def _quantised_convolution(assembly: Assembly, call: Call) -> Made:
    return windows.convolution(assembly, call, weight=3)


def _quantised_matmul(assembly: Assembly, call: Call) -> Made:
    return products.matmul(assembly, call, right=3)


def _quantised(assembly: Assembly, call: Call) -> Made:
    """Scale and zero point follow from the values: they steer, and move nothing worth a layer."""
    assembly.folded[call.operator] += 1
    return unary(call.views[0], call.shape), *(control(shape) for shape in call.shapes[1:])


OPERATORS: dict[str, Translation] = {
    "Conv": windows.convolution,
    "ConvInteger": windows.convolution,
    "QLinearConv": _quantised_convolution,
    "ConvTranspose": windows.transposed_convolution,
    "DeformConv": windows.deformed_convolution,
    "CausalConvWithState": windows.causal_convolution,
    "MaxPool": windows.pool,
    "AveragePool": windows.pool,
    "LpPool": windows.pool,
    "GlobalAveragePool": windows.global_pool,
    "GlobalMaxPool": windows.global_pool,
    "GlobalLpPool": windows.global_pool,
    "ReduceMean": windows.reduction,
    "ReduceMax": windows.reduction,
    "Resize": windows.resize,
    "Upsample": windows.resize,
    "Gemm": products.gemm,
    "MatMul": products.matmul,
    "MatMulInteger": products.matmul,
    "QLinearMatMul": _quantised_matmul,
    "Einsum": products.einsum,
    "Attention": attention.attention,
    "DynamicQuantizeLinear": _quantised,
    "Concat": rearranged.concat,
    "Split": rearranged.split,
    "Slice": rearranged.slice_,
    "Gather": rearranged.gather,
    "Transpose": rearranged.transpose,
    "Reshape": rearranged.reshape,
    "Flatten": rearranged.reshape,
    "Squeeze": rearranged.reshape,
    "Unsqueeze": rearranged.reshape,
}
OPERATORS |= dict.fromkeys(GATES, recurrent.recurrent_layer)
OPERATORS |= {f"{DOMAIN}:{name}": function for name, function in contributed.OPERATORS.items()}
OPERATORS |= dict.fromkeys(
    (
        "Add", "Sub", "Mul", "Div", "Mod", "Pow", "Max", "Min", "Sum", "Mean", "Where", "And", "Or", "Xor", "Equal",
        "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor",
        "SwiGLU",
    ),
    elementwise,
)  # fmt: skip
"""None as a result: the operator cannot be costed with these operands."""

_OF_CONTROL = frozenset(
    name for name, function in OPERATORS.items() if function in (windows.convolution, products.matmul, products.gemm)
) | {"Gather", f"{DOMAIN}:EmbedLayerNormalization", f"{DOMAIN}:FusedConv"}

FOLDED = frozenset(
    (
        # activations
        "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Celu", "Clip", "Cos", "Cosh", "Elu", "Erf",
        "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "IsInf", "IsNaN", "LeakyRelu", "Log", "Mish", "Neg", "Not",
        "PRelu", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus",
        "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu", "BitwiseNot",
        # norms and soft-max
        "BatchNormalization", "GroupNormalization", "Hardmax", "InstanceNormalization", "LayerNormalization", "LRN",
        "LogSoftmax", "LpNormalization", "MeanVarianceNormalization", "RMSNormalization", "Softmax",
        "SimplifiedLayerNormalization",
        # sums and extremes along axes
        "ArgMax", "ArgMin", "CumProd", "CumSum", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMin",
        "ReduceProd", "ReduceSum", "ReduceSumSquare",
        # types and quantisation
        "BitCast", "Cast", "CastLike", "DequantizeLinear", "QuantizeLinear",
        # shapes and places
        "CenterCropPad", "DepthToSpace", "Expand", "GatherElements", "GatherND", "Identity", "Pad", "ReverseSequence",
        "RotaryEmbedding", "Scatter", "ScatterElements", "ScatterND", "Shape", "Size", "SpaceToDepth", "TensorScatter",
        "Tile", "Trilu",
        # what only training has, and what has no cost in inference
        "Dropout",
        *(f"{DOMAIN}:{name}" for name in (*SAME_SHAPE, "BiasSplitGelu")),
    )
)  # fmt: skip
"""They cost nothing here: what they do belongs to the layer before or after, or only renames elements."""
