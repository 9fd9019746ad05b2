"""Each ONNX operator: the layers that come out, their MACs worked by hand, and who reads whom."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="ONNX files need the package onnx")

import onnx
from onnx import TensorProto, helper, numpy_helper

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Imported, elements_in_words
from chipweave.workload.importers.onnx.model import read_onnx
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge
from tests.workload.importers.onnx_nets import Net


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(net: Net, **options: Any) -> Imported:
        domains = sorted({node.domain for node in net.nodes if node.domain})
        path = tmp_path / "net.onnx"
        onnx.save_model(net.model(net.nodes[-1].output[0], domains=domains), path)
        return read_onnx(path, **options)

    return read


def only(made: Imported) -> Layer:
    assert made.unsupported == {}
    (layer,) = made.model.layers
    return layer


CONVOLUTIONS = [
    # Input, weights, attributes; op, MACs, output.
    ((1, 3, 8, 8), (4, 3, 3, 3), {"pads": [1, 1, 1, 1]}, Op.CONV, 8 * 8 * 4 * 3 * 9, (8, 8)),
    ((1, 3, 8, 8), (4, 3, 3, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, Op.CONV, 4 * 4 * 4 * 3 * 9, (4, 4)),
    ((1, 3, 8, 8), (4, 3, 3, 3), {"auto_pad": "VALID"}, Op.CONV, 6 * 6 * 4 * 3 * 9, (6, 6)),
    ((1, 3, 8, 8), (4, 3, 3, 3), {"pads": [0, 1, 2, 0]}, Op.CONV, 8 * 7 * 4 * 3 * 9, (8, 7)),
    ((1, 3, 9, 9), (4, 3, 3, 3), {"dilations": [2, 3]}, Op.CONV, 5 * 3 * 4 * 3 * 9, (5, 3)),
    ((1, 6, 8, 8), (4, 3, 1, 1), {"group": 2}, Op.CONV, 64 * 4 * 3, (8, 8)),
    ((1, 6, 8, 8), (6, 1, 5, 5), {"group": 6, "pads": [2] * 4}, Op.DEPTHWISE, 64 * 6 * 25, (8, 8)),
    ((1, 6, 8, 8), (12, 1, 3, 3), {"group": 6}, Op.CONV, 36 * 12 * 9, (6, 6)),
    ((2, 3, 8, 8), (4, 3, 1, 1), {}, Op.CONV, 2 * 64 * 4 * 3, (8, 8)),
    ((1, 3, 20), (4, 3, 5), {"strides": [3]}, Op.CONV, 6 * 4 * 3 * 5, (6, 1)),
    ((1, 3, 4, 8, 8), (4, 3, 3, 3, 3), {"pads": [0, 1, 1, 0, 1, 1]}, Op.CONV, 2 * 64 * 4 * 3 * 27, (8, 8)),
]


@pytest.mark.parametrize(("shape", "weights", "attributes", "op", "macs", "out"), CONVOLUTIONS)
def test_convolutions(
    read: Any, shape: tuple[int, ...], weights: tuple[int, ...], attributes: dict[str, Any], op: Op, macs: int,
    out: tuple[int, int],
) -> None:  # fmt: skip
    net = Net()
    net.node("Conv", net.input("x", shape), net.weight("w", *weights), **attributes)
    layer = only(read(net))
    assert (layer.op, layer.macs, (layer.out_y, layer.out_x)) == (op, macs, out)
    assert layer.weight_elements == np.prod(weights)


def test_padding_before_the_map_is_kept(read: Any) -> None:
    """SAME_UPPER of 8 columns at stride 2 pads 1, at the end; SAME_LOWER at the start."""
    for mode, padding in (("SAME_UPPER", 0), ("SAME_LOWER", 1)):
        net = Net()
        net.node("Conv", net.input("x", (1, 3, 8, 8)), net.weight("w", 4, 3, 3, 3), auto_pad=mode, strides=[2, 2])
        assert only(read(net)).padding == (padding, padding)


def test_padding_before_the_map_counts_the_gaps_of_a_filter(read: Any) -> None:
    """A filter of 3 at dilation 2 spans 5 columns; SAME_UPPER of 8 columns at stride 1 pads 4, half of them before."""
    net = Net()
    net.node("Conv", net.input("x", (1, 3, 8, 8)), net.weight("w", 4, 3, 3, 3), auto_pad="SAME_UPPER", dilations=[2, 2])
    assert only(read(net)).padding == (2, 2)


def test_transposed_convolutions(read: Any) -> None:
    """On the input grid of 5 x 5: 25 * 6 * 4 * 16 MACs; 5 -> 10 with a filter of 4, stride 2, padding 1."""
    net = Net()
    net.node("ConvTranspose", net.input("x", (1, 6, 5, 5)), net.weight("w", 6, 4, 4, 4), strides=[2, 2], pads=[1] * 4)
    layer = only(read(net))
    assert (layer.op, layer.macs, layer.out_y, layer.padding) == (Op.TRANSPOSED, 25 * 6 * 4 * 16, 10, (1, 1))
    net = Net()  # the size is asked for: 9 = (5 - 1) * 2 + 4 - 3, of which 1 is cut off before
    net.node("ConvTranspose", net.input("x", (1, 6, 5, 5)), net.weight("w", 6, 2, 4, 4), strides=[2, 2], group=2,
             output_shape=[9, 9])  # fmt: skip
    layer = only(read(net))
    assert (layer.macs, layer.out_y, layer.padding, layer.K) == (25 * 6 * 2 * 16, 9, (1, 1), 4)


def test_quantised_products_and_convolutions(read: Any) -> None:
    net = Net()
    x = net.input("x", (1, 3, 8, 8), TensorProto.UINT8)
    scale, zero = net.value(0.1, kind=np.float32, scalar=True), net.value(0, kind=np.uint8, scalar=True)
    weight = net.weight("w", 4, 3, 3, 3, element=TensorProto.UINT8)
    net.node("QLinearConv", x, scale, zero, weight, scale, zero, scale, zero)
    layer = only(read(net))
    assert (layer.op, layer.macs) == (Op.CONV, 36 * 4 * 27)
    net = Net()
    net.node("ConvInteger", net.input("x", (1, 3, 8, 8), TensorProto.UINT8), weight, pads=[1] * 4)
    net.stored.append(TensorProto(name="w", dims=(4, 3, 3, 3), data_type=TensorProto.UINT8))
    assert only(read(net)).macs == 64 * 4 * 27
    for op, extra in (("MatMulInteger", False), ("QLinearMatMul", True)):
        net = Net()
        x, weight = net.input("x", (5, 6), TensorProto.UINT8), net.weight("w", 6, 7, element=TensorProto.UINT8)
        scale, zero = net.value(0.1, kind=np.float32, scalar=True), net.value(0, kind=np.uint8, scalar=True)
        operands = (x, scale, zero, weight, scale, zero, scale, zero) if extra else (x, weight)
        net.node(op, *operands)
        layer = only(read(net))
        assert (layer.op, layer.macs, layer.Y) == (Op.GEMM, 5 * 6 * 7, 5)


def test_quantise_and_dequantise_fold(read: Any) -> None:
    """The weights of a convolution come through DequantizeLinear and are weights still."""
    net = Net()
    scale = net.value(0.1, kind=np.float32, scalar=True)
    zero = net.value(0, kind=np.int8, scalar=True)
    x = net.node("DequantizeLinear", net.node("QuantizeLinear", net.input("x", (1, 3, 8, 8)), scale, zero), scale, zero)
    weight = net.node("DequantizeLinear", net.weight("w", 4, 3, 1, 1, element=TensorProto.INT8), scale, zero)
    net.node("Conv", x, weight)
    made = read(net)
    assert only(made).macs == 64 * 12
    assert made.folded == {"DequantizeLinear": 1, "QuantizeLinear": 1}
    assert (made.element_types, made.model.bytes_per_element) == ({"int8": 2}, 1)  # as stored, not as computed with


@pytest.mark.parametrize(
    ("element", "name", "bytes_"),
    [
        (TensorProto.FLOAT, "float32", 4),
        (TensorProto.DOUBLE, "float64", 8),
        (TensorProto.BFLOAT16, "bfloat16", 2),
        (TensorProto.INT8, "int8", 1),
    ],
)
def test_an_element_is_as_wide_as_in_the_file(read: Any, element: int, name: str, bytes_: int) -> None:
    """Of the weights and the input; the bias is of no account. What is given overrules it."""
    net = Net()
    operator = "MatMulInteger" if element == TensorProto.INT8 else "MatMul"
    net.node(operator, net.input("x", (2, 8), element), net.weight("w", 8, 4, element=element))
    made = read(net)
    assert (made.element_types, made.model.bytes_per_element) == ({name: 2}, bytes_)
    assert read(net, bytes_per_element=3).model.bytes_per_element == 3


def test_elements_of_several_widths_are_costed_at_a_byte(read: Any) -> None:
    net = Net(21)
    scale, zero = net.weight("scale", 4, element=TensorProto.FLOAT16), net.weight("zero", 4, element=TensorProto.INT8)
    weight = net.node("DequantizeLinear", net.weight("w", 8, 4, element=TensorProto.INT8), scale, zero, axis=1)
    net.node("MatMul", net.input("x", (2, 8), TensorProto.FLOAT16), weight)
    made = read(net)
    assert (made.element_types, made.model.bytes_per_element) == ({"float16": 1, "int8": 1}, 1)
    assert "they differ in width; --bytes-per-element sets one" in elements_in_words(made)


def test_dynamic_quantisation_adds_no_layers(read: Any) -> None:
    """As ONNX Runtime quantises a MatMul: the product is scaled by what follows from its input's values."""
    net = Net()
    x = net.node("MatMul", net.input("x", (5, 6)), net.weight("first", 6, 6))
    x, scale, zero = net.node("DynamicQuantizeLinear", x, outputs=3)
    weight = net.weight("w", 6, 7, element=TensorProto.INT8)
    y = net.node("Cast", net.node("MatMulInteger", x, weight, zero), to=1)
    net.node("Mul", y, net.node("Mul", scale, net.weight("w_scale")))
    assert [layer.macs for layer in read(net).model.layers] == [180, 210]


PRODUCTS = [
    # First and second operand (w: weights); op, MACs, weights, rows, groups.
    ((5, 6), "w", (6, 7), Op.GEMM, 5 * 6 * 7, 42, 5, 1),
    ((2, 5, 6), "w", (6, 7), Op.GEMM, 10 * 6 * 7, 42, 10, 1),
    ((2, 3, 5, 6), "w", (3, 6, 7), Op.CONV, 6 * 5 * 6 * 7, 3 * 42, 10, 3),
    ((2, 1, 5, 6), "w", (3, 6, 7), Op.GEMM, 6 * 5 * 6 * 7, 3 * 42, 10, 1),
    ((6,), "w", (6, 7), Op.GEMM, 6 * 7, 42, 1, 1),
    ((5, 6), "w", (6,), Op.GEMM, 5 * 6, 6, 5, 1),
    ((5, 6), "w", (3, 6, 7), Op.GEMM, 5 * 6 * 21, 126, 5, 1),
    ((2, 5, 6), "a", (2, 6, 7), Op.MATMUL, 2 * 5 * 6 * 7, 0, 5, 2),
    ((2, 5, 6), "a", (6, 7), Op.MATMUL, 10 * 6 * 7, 0, 10, 1),
    ((5, 6), "a", (2, 6, 7), Op.MATMUL, 5 * 6 * 14, 0, 5, 1),
    ((2, 1, 4, 5, 6), "a", (3, 4, 6, 7), Op.MATMUL, 24 * 5 * 6 * 7, 0, 10, 4),
]


@pytest.mark.parametrize(("first", "kind", "second", "op", "macs", "weights", "rows", "groups"), PRODUCTS)
def test_products(
    read: Any, first: tuple[int, ...], kind: str, second: tuple[int, ...], op: Op, macs: int, weights: int, rows: int,
    groups: int,
) -> None:  # fmt: skip
    net = Net()
    other = net.weight("w", *second) if kind == "w" else net.input("y", second)
    net.node("MatMul", net.input("x", first), other)
    layer = only(read(net))
    assert (layer.op, layer.macs, layer.weight_elements, layer.Y, layer.groups) == (op, macs, weights, rows, groups)


def test_weights_on_the_left(read: Any) -> None:
    """7 x 6 weights times 6 x 5 activations: 5 rows of 6, 7 outputs."""
    net = Net()
    net.node("MatMul", net.weight("w", 7, 6), net.input("x", (6, 5)))
    layer = only(read(net))
    assert (layer.op, layer.K, layer.C, layer.Y, layer.macs) == (Op.GEMM, 7, 6, 5, 210)


@pytest.mark.parametrize("flags", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_gemm_either_way_round(read: Any, flags: tuple[int, int]) -> None:
    net = Net()
    x = net.input("x", (6, 5) if flags[0] else (5, 6))
    net.node("Gemm", x, net.weight("w", *((7, 6) if flags[1] else (6, 7))), transA=flags[0], transB=flags[1])
    layer = only(read(net))
    assert (layer.op, layer.K, layer.C, layer.Y) == (Op.GEMM, 7, 6, 5)


def test_gemm_that_adds_an_activation(read: Any) -> None:
    net = Net()
    x = net.input("x", (5, 6))
    net.node("Gemm", x, net.weight("w", 6, 7), net.node("Gemm", x, net.weight("v", 6, 7)))
    layers = read(net).model.layers
    assert [layer.op for layer in layers] == [Op.GEMM, Op.GEMM, Op.ELEMENTWISE]


@pytest.mark.parametrize(
    ("equation", "first", "second", "macs", "groups"),
    [
        ("bij,bjk->bik", (2, 5, 6), (2, 6, 7), 2 * 5 * 6 * 7, 2),
        ("bhqd,bhkd->bhqk", (2, 3, 5, 6), (2, 3, 7, 6), 6 * 5 * 6 * 7, 6),
        ("...ij,...jk->...ik", (2, 3, 5, 6), (2, 3, 6, 7), 6 * 5 * 6 * 7, 6),
        ("ij,jk", (5, 6), (6, 7), 5 * 6 * 7, 1),
        ("bij,bij->b", (2, 5, 6), (2, 5, 6), 2 * 30, 2),
    ],
)
def test_einsum(
    read: Any, equation: str, first: tuple[int, ...], second: tuple[int, ...], macs: int, groups: int
) -> None:
    net = Net()
    net.node("Einsum", net.input("x", first), net.input("y", second), equation=equation)
    layer = only(read(net))
    assert (layer.op, layer.macs, layer.groups) == (Op.MATMUL, macs, groups)


def test_einsum_with_weights_is_a_gemm(read: Any) -> None:
    net = Net()
    net.node("Einsum", net.input("x", (2, 5, 6)), net.weight("w", 6, 3, 4), equation="bsd,dhe->bshe")
    layer = only(read(net))
    assert (layer.op, layer.Y, layer.C, layer.K) == (Op.GEMM, 10, 6, 12)


def test_einsum_without_a_shared_sum_or_with_a_diagonal(read: Any) -> None:
    """A diagonal is a vector of 6, with which rows are multiplied element by element."""
    net = Net()
    net.node("Einsum", net.input("x", (5, 6)), net.input("y", (5, 6)), equation="ij,ij->ij")
    assert only(read(net)).op is Op.ELEMENTWISE
    net = Net()
    x = net.node("MatMul", net.input("x", (5, 6)), net.weight("w", 6, 6))
    net.node("Einsum", x, net.input("y", (6, 6)), equation="ij,jj->ij")
    made = read(net)
    assert [layer.op for layer in made.model.layers] == [Op.GEMM, Op.ELEMENTWISE]
    assert [edge.elements for edge in made.model.operands[1]] == [30, 6]
    net.nodes[-1].attribute[0].s = b"ij,jk->ij,k"
    assert read(net).unsupported == {"Einsum": 1}


@pytest.mark.parametrize("flat", [False, True])
def test_attention(read: Any, flat: bool) -> None:
    """4 heads over 2 key heads, 5 queries, 7 keys, 3 deep: scores 4*5*3*7 and as many for the values. Two heads of
    queries are rows of one product with the keys that they share."""
    net = Net(opset=23)
    if flat:
        shapes, heads = ((1, 5, 12), (1, 7, 6), (1, 7, 6)), {"q_num_heads": 4, "kv_num_heads": 2}
    else:
        shapes, heads = ((1, 4, 5, 3), (1, 2, 7, 3), (1, 2, 7, 3)), {}
    net.node("Attention", *(net.input(name, shape) for name, shape in zip("qkv", shapes, strict=True)), **heads)
    made = read(net)
    assert made.unsupported == {}
    assert [(layer.op, layer.macs, layer.groups) for layer in made.model.layers] == [(Op.MATMUL, 4 * 5 * 3 * 7, 2)] * 2
    assert made.model.layers[1].output_elements == 4 * 5 * 3


def test_attention_with_a_cache(read: Any) -> None:
    """2 keys that came before and 7 new ones: 9 columns."""
    net = Net(opset=23)
    q, k, v = (net.input(name, (1, 2, rows, 3)) for name, rows in (("q", 5), ("k", 7), ("v", 7)))
    past = (net.input(name, (1, 2, 2, 3)) for name in ("past_k", "past_v"))
    net.node("Attention", q, k, v, "", *past, outputs=3)
    model = read(net).model
    assert [layer.macs for layer in model.layers] == [2 * 5 * 3 * 9] * 2
    assert [sum(edge.elements for edge in edges) for edges in model.operands] == [30 + 54, 90 + 54]


def test_pools(read: Any) -> None:
    for op, attributes, out in (
        ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}, (4, 4)),
        ("AveragePool", {"kernel_shape": [2, 4]}, (7, 5)),
        ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, (4, 4)),
        ("LpPool", {"kernel_shape": [2, 2], "strides": [2, 2]}, (4, 4)),
    ):
        net = Net()
        net.node(op, net.input("x", (1, 6, 8, 8)), **attributes)
        layer = only(read(net))
        assert (layer.op, layer.C, (layer.R, layer.S)) == (Op.POOL, 6, tuple(attributes["kernel_shape"]))
        assert (layer.out_y, layer.out_x) == out


@pytest.mark.parametrize(
    ("attributes", "size", "out"),
    [
        # 5 + 2 is 7 wide: windows start at -1 and 2; one at 5 would start in the padding behind the map.
        ({"kernel_shape": [3, 3], "strides": [3, 3], "pads": [1] * 4}, 5, 2),
        # Windows of one element start at 0, 2, ... 30; one at 32 would start behind the map of 32.
        ({"kernel_shape": [1, 1], "strides": [2, 2]}, 32, 16),
        # 223 + 2 is 225 wide: windows start at -1, 1, ... 221, which is 112; one at 223 would start in the padding.
        ({"kernel_shape": [2, 2], "strides": [2, 2], "pads": [1] * 4}, 223, 112),
        # 7 wide: windows start at 0, 2, 4 and 6; the last is half full.
        ({"kernel_shape": [2, 2], "strides": [2, 2]}, 7, 4),
        # VALID of 8: windows of one element start at 0, 2, 4 and 6; one at 8 would start behind the map.
        ({"kernel_shape": [1, 1], "strides": [2, 2], "auto_pad": "VALID"}, 8, 4),
        # SAME: a window for every stride, 12 / 3 and 11 / 2 rounded up.
        ({"kernel_shape": [2, 2], "strides": [3, 3], "auto_pad": "SAME_UPPER"}, 12, 4),
        ({"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"}, 11, 6),
    ],
)
def test_pools_in_ceil_mode_have_no_window_that_starts_behind_the_map(
    read: Any, attributes: dict[str, Any], size: int, out: int
) -> None:
    for operator in ("MaxPool", "AveragePool"):
        net = Net()
        net.node(operator, net.input("x", (1, 6, size, size)), ceil_mode=1, **attributes)
        layer = only(read(net))
        assert (layer.out_y, layer.out_x) == (out, out)


def test_a_transposed_convolution_with_same_padding_ignores_what_its_output_is_padded_with(read: Any) -> None:
    """3 x 3 at stride 2 become 6 x 6."""
    net = Net()
    x, weight = net.input("x", (1, 2, 3, 3)), net.weight("w", 2, 1, 3, 3)
    x = net.node("ConvTranspose", x, weight, auto_pad="SAME_UPPER", strides=[2, 2], output_padding=[1, 1])
    net.node("Conv", x, net.weight("v", 4, 1, 1, 1))
    assert read(net).model.layers[-1].macs == 6 * 6 * 4


def test_a_transposed_convolution_smaller_than_its_input(read: Any) -> None:
    """An output that is stated as 21 x 6 of a map that would become 22 x 8, and is 8 wide itself."""
    net = Net()
    x = net.node("ConvTranspose", net.input("x", (1, 4, 8, 8)), net.weight("w", 4, 2, 1, 1), strides=[3, 1],
                 output_shape=[21, 6])  # fmt: skip
    net.node("Conv", x, net.weight("v", 4, 2, 1, 1))
    assert [layer.macs for layer in read(net).model.layers] == [64 * 8, 21 * 6 * 8]


def test_windows_that_lie_in_the_padding_behind_the_map(read: Any) -> None:
    """A filter of one element, and 10 columns with another 1 behind them: 11 outputs; of two elements, with 2: 11."""
    for taps, behind in ((1, 1), (2, 2)):
        net = Net()
        net.node("Conv", net.input("x", (1, 3, 10, 10)), net.weight("w", 4, 3, taps, taps), pads=[0, 0, behind, behind])
        layer = only(read(net))
        assert (layer.out_y, layer.out_x, layer.macs) == (11, 11, 121 * 12 * taps * taps)


def test_a_filter_larger_than_its_input_is_an_error(read: Any) -> None:
    net = Net()
    net.node("Conv", net.input("x", (1, 3, 4, 4)), net.weight("w", 4, 3, 7, 7))
    with pytest.raises(InputError, match="filter of 7 x 7 does not fit into 4 x 4"):
        read(net)


def test_a_window_larger_than_its_input_is_an_error(read: Any) -> None:
    net = Net()
    x = net.node("MaxPool", net.input("x", (1, 3, 4, 8)), kernel_shape=[5, 5], pads=[0, 1, 0, 1])
    net.node("Conv", x, net.weight("w", 4, 3, 1, 1))
    with pytest.raises(InputError, match="window of 5 x 5 does not fit into 4 x 10"):
        read(net)


def test_an_input_of_no_elements_is_an_error_that_names_its_axis(read: Any) -> None:
    net = Net()
    net.node("Conv", net.input("x", (1, 3, 0, 8)), net.weight("w", 4, 3, 1, 1))
    with pytest.raises(InputError, match="its input has Y=0, X=8, that is nothing"):
        read(net)


def test_operands_of_several_widths(read: Any) -> None:
    """Half-precision inputs times single-precision weights: 32 x 128 x 64 products."""
    net = Net()
    net.node("MatMul", net.input("x", (1, 32, 128), element=TensorProto.FLOAT16), net.weight("w", 128, 64))
    assert only(read(net)).macs == 32 * 128 * 64


def test_inputs_that_are_weights(read: Any) -> None:
    """Parameters that an export left out of the file, by their names and places; or by what the user says."""
    net = Net()
    x, weight = net.input("x", (1, 3, 6, 6)), net.input("conv.weight", (4, 3, 3, 3))
    x = net.node("Conv", x, weight, net.input("b", (4,)))
    net.node("Gemm", net.node("Flatten", x), net.input("fc", (10, 64)), transB=1)
    made = read(net)
    assert [layer.macs for layer in made.model.layers] == [4 * 16 * 27, 640]
    assert made.model.weight_elements == 4 * 27 + 640
    assert any("3 inputs of the file are taken as weights" in note for note in made.notes)
    assert read(net, inputs=["x"]).model == made.model
    assert read(net, inputs=["x", "fc"]).model.weight_elements == 4 * 27
    with pytest.raises(InputError, match=r"no such input; known: x, conv\.weight, b, fc"):
        read(net, inputs=["y"])


def test_quantised_weights_that_are_inputs(read: Any) -> None:
    """Filters of 8 bits that an export left out, before a DequantizeLinear or read as they are."""
    net = Net()
    scale = net.value(0.1, kind=np.float32, scalar=True)
    filters = net.node("DequantizeLinear", net.input("p0", (4, 3, 3, 3), TensorProto.INT8), scale)
    x = net.node("Conv", net.input("x", ("batch", 3, 8, 8)), filters)
    x, *_ = net.node("DynamicQuantizeLinear", x, outputs=3)
    net.node("ConvInteger", x, net.input("p1", (5, 4, 1, 1), TensorProto.UINT8))
    made = read(net)
    assert (made.model.macs, made.model.weight_elements) == (36 * 4 * 27 + 36 * 20, 108 + 20)


def test_inputs_without_a_batch_beside_one_that_has_it_are_weights(read: Any) -> None:
    """By no name: a product with a turned matrix of 4 x 8, a sum with a vector, and a product with 4 x 5."""
    net = Net()
    turned = net.node("Transpose", net.input("p0", (4, 8)), perm=[1, 0])
    x = net.node("MatMul", net.input("x", ("batch", 3, 8)), turned)
    x = net.node("Reshape", net.node("Add", x, net.input("p1", (4,))), net.value(3, 4))
    net.node("Gemm", x, net.input("p2", (4, 5)))
    made = read(net)
    assert [(layer.op, layer.macs) for layer in made.model.layers] == [(Op.GEMM, 3 * 32), (Op.GEMM, 3 * 20)]
    assert made.model.weight_elements == 32 + 20


@pytest.mark.parametrize("name", ["lstm.weight_{}_l0_reverse", "{}"])
def test_weights_of_recurrent_layers_that_are_inputs(read: Any, name: str) -> None:
    """5 steps of 4 gates, 6 inputs and 3 states: by their names behind a node that adds an axis, or by their place."""
    net, named = Net(), name != "{}"
    pair = [net.input(name.format(which), (*[1] * (not named), 12, size)) for which, size in (("ih", 6), ("hh", 3))]
    if named:
        pair = [net.node("Unsqueeze", each, net.value(0)) for each in pair]
    net.node("LSTM", net.input("x", (5, 1, 6)), *pair, outputs=3, hidden_size=3)
    made = read(net)
    assert (made.model.macs, made.model.weight_elements) == (5 * 12 * 9, 12 * 9)


def test_a_product_of_two_inputs_has_no_weights(read: Any) -> None:
    net = Net()
    net.node("MatMul", net.input("a", (4, 6)), net.input("b", (6, 5)))
    assert only(read(net)).op is Op.MATMUL


def test_weights_of_several_layers_count_once_and_are_noted(read: Any) -> None:
    """A product twice with one matrix of 6 x 6; the bias that a third shares with them says nothing."""
    net = Net()
    weight, bias = net.weight("w", 6, 6), net.weight("b", 6)
    x = net.node("Gemm", net.node("Gemm", net.input("x", (1, 6)), weight, bias), weight, bias)
    net.node("Gemm", x, net.weight("other", 6, 6), bias)
    made = read(net)
    assert made.model.weight_elements == 2 * 36
    assert made.notes == (
        "2 layers share weights with others; the model's total counts these once, and a stage that holds several of "
        "them loads and holds them once",
    )


def test_a_pool_of_single_elements_is_no_layer(read: Any) -> None:
    """As VGG's adaptive pool to 7x7 of a map of 7x7 is exported."""
    net = Net()
    x = net.node("Conv", net.input("x", (1, 3, 8, 8)), net.weight("w", 6, 3, 1, 1))
    net.node("AveragePool", x, kernel_shape=[1, 1], strides=[1, 1])
    made = read(net)
    assert [layer.op for layer in made.model.layers] == [Op.CONV]
    assert made.folded == {"AveragePool": 1}


def test_a_pool_over_three_axes(read: Any) -> None:
    net = Net()
    net.node("MaxPool", net.input("x", (1, 6, 4, 8, 8)), kernel_shape=[2, 2, 2], strides=[2, 2, 2])
    layer = only(read(net))
    assert (layer.N, layer.C, layer.output_elements) == (2, 6, 6 * 2 * 4 * 4)


@pytest.mark.parametrize("rank", [3, 4, 5])
def test_global_pools(read: Any, rank: int) -> None:
    spatial = {"axes": [*range(2, rank)]}
    for op, attributes in (("GlobalAveragePool", {}), ("GlobalMaxPool", {}), ("ReduceMean", spatial)):
        net = Net()
        net.node(op, net.input("x", (1, 6, 8, 4, 2)[:rank]), **attributes)
        if (op, rank) == ("ReduceMean", 3):  # a norm over the last axis of rows, as far as anyone can see
            with pytest.raises(InputError, match="no operator that is costed"):
                read(net)
            continue
        layer = only(read(net))
        assert (layer.op, layer.C, layer.output_elements) == (Op.POOL, 6, 6)


def test_resizes(read: Any) -> None:
    for scales, op, out, stride in (
        ((1, 1, 2, 2), Op.UPSAMPLE, (16, 16), (2, 2)),
        ((1, 1, 0.5, 0.5), Op.POOL, (4, 4), (2, 2)),
        ((1, 3, 2, 2), None, None, None),
    ):
        net = Net()
        x = net.node("Conv", net.input("x", (1, 3, 8, 8)), net.weight("w", 6, 3, 1, 1))
        net.node("Resize", x, "", net.value(*scales, kind=np.float32))
        made = read(net)
        if op is None:  # channels that grow are no resize of a map
            assert made.unsupported == {"Resize": 1}
            continue
        layer = made.model.layers[1]
        assert (layer.op, (layer.out_y, layer.out_x), layer.stride, layer.C) == (op, out, stride, 6)


def test_a_resize_by_computed_sizes(read: Any) -> None:
    """Sizes as one and a half of what Shape says, cast, multiplied and concatenated inside the graph."""
    net = Net()
    x = net.node("Conv", net.input("x", (1, 3, 8, 8)), net.weight("w", 6, 3, 1, 1))
    shape = net.node("Shape", x)
    before = net.node("Cast", net.node("Slice", shape, net.value(2), net.value(4)), to=1)
    after = net.node("Cast", net.node("Floor", net.node("Mul", before, net.value(1.5, kind=np.float32))), to=7)
    channels = net.node("Slice", shape, net.value(0), net.value(2))
    net.node("Resize", x, "", "", net.node("Concat", channels, after, axis=0))
    layer = read(net).model.layers[1]
    assert (layer.op, layer.out_y) == (Op.UPSAMPLE, 12)


def two(net: Net) -> tuple[str, str]:
    """Two convolutions of the input, of 4 and 6 channels on 8 x 8."""
    x = net.input("x", (1, 3, 8, 8))
    return tuple(net.node("Conv", x, net.weight(f"w{K}", K, 3, 1, 1)) for K in (4, 6))  # type: ignore[return-value]


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean", "Pow"])
def test_elementwise(read: Any, op: str) -> None:
    """Of two activations a layer; of one and a constant none."""
    net = Net()
    x = net.input("x", (1, 3, 8, 8))
    a, b = (net.node("Conv", x, net.weight(f"w{i}", 4, 3, 1, 1)) for i in range(2))
    net.node(op, net.node(op, a, net.weight("c", 4, 1, 1)), b)
    made = read(net)
    assert [layer.op for layer in made.model.layers] == [Op.CONV, Op.CONV, Op.ELEMENTWISE]
    assert set(made.model.operands[2]) == {Edge(0, 2, 256), Edge(1, 2, 256)}
    assert made.folded == {op: 1}


def test_a_gate_is_broadcast(read: Any) -> None:
    """Squeeze and excite: 4 values scale a map of 4 x 64."""
    net = Net()
    x = net.node("Conv", net.input("x", (1, 3, 8, 8)), net.weight("w", 4, 3, 1, 1))
    gate = net.node("Sigmoid", net.node("Conv", net.node("GlobalAveragePool", x), net.weight("v", 4, 4, 1, 1)))
    net.node("Mul", x, gate)
    model = read(net).model
    assert [layer.op for layer in model.layers] == [Op.CONV, Op.POOL, Op.CONV, Op.ELEMENTWISE]
    assert set(model.operands[3]) == {Edge(0, 3, 256), Edge(2, 3, 4)}


def test_concatenation_and_split(read: Any) -> None:
    """[4, 6] channels split as [3, 7]: the second part has 1 of the first layer and 6 of the second."""
    net = Net()
    both = net.node("Concat", *two(net), axis=1)
    first, second = net.node("Split", both, net.value(3, 7), outputs=2, axis=1)
    net.node("Conv", first, net.weight("u", 2, 3, 1, 1))
    net.node("Conv", second, net.weight("v", 2, 7, 1, 1))
    model = read(net).model
    assert model.operands[2] == (Edge(0, 2, 3 * 64),)
    assert model.operands[3] == (Edge(0, 3, 64), Edge(1, 3, 6 * 64))


def test_slices_and_turns_of_a_concatenation(read: Any) -> None:
    """Channels last, rows of 64, and then channels 2 to 8: 2 of the first layer and 4 of the second."""
    net = Net()
    rows = net.node("Reshape", net.node("Transpose", net.node("Concat", *two(net), axis=1), perm=[0, 2, 3, 1]),
                    net.value(1, 64, 10))  # fmt: skip
    part = net.node("Slice", rows, net.value(2), net.value(8), net.value(-1))
    net.node("MatMul", part, net.weight("u", 6, 5))
    model = read(net).model
    assert model.operands[2] == (Edge(0, 2, 2 * 64), Edge(1, 2, 4 * 64))
    assert (model.layers[2].Y, model.layers[2].C) == (64, 6)


@pytest.mark.parametrize(
    ("start", "end", "step", "channels"), [(0, 2**31 - 1, 2, (2, 3)), (-1, -(2**63), -3, (2, 2)), (2, 10, 5, (1, 1))]
)
def test_a_stride_over_a_concatenation_reads_both(
    read: Any, start: int, end: int, step: int, channels: tuple[int, int]
) -> None:
    """Of 4 and 6 channels every second one; 9, 6, 3 and 0; 2 and 7."""
    net = Net()
    both = net.node("Concat", *two(net), axis=1)
    part = net.node("Slice", both, net.value(start), net.value(end), net.value(1), net.value(step))
    net.node("Conv", part, net.weight("u", 2, sum(channels), 1, 1))
    operands = read(net).model.operands[2]
    assert {edge.producer for edge in operands} == {0, 1}
    # In proportion to the stretch that the slice spans, rounded up: no place is followed by itself.
    assert sum(channels) * 64 <= sum(edge.elements for edge in operands) <= sum(channels) * 64 + 1
    for edge, count in zip(operands, channels, strict=True):
        assert abs(edge.elements - count * 64) <= 64


@pytest.mark.parametrize("turn", ["Slice", "Gather"])
def test_what_is_turned_round_has_no_order(read: Any, turn: str) -> None:
    """The first channels of a reversed concatenation are the second layer's; at least that edge must not be lost."""
    net = Net()
    both = net.node("Concat", *two(net), axis=1)
    if turn == "Slice":
        back = net.node("Slice", both, net.value(-1), net.value(-(2**63)), net.value(1), net.value(-1))
    else:
        back = net.node("Gather", both, net.value(*range(9, -1, -1)), axis=1)
    part = net.node("Slice", back, net.value(0), net.value(3), net.value(1))
    net.node("Conv", part, net.weight("u", 2, 3, 1, 1))
    assert 1 in {edge.producer for edge in read(net).model.operands[2]}


def test_picked_entries(read: Any) -> None:
    """One of three stacked projections, by a known index: a third of what the layer makes."""
    net = Net()
    qkv = net.node("MatMul", net.input("x", (1, 5, 6)), net.weight("w", 6, 12))
    parts = net.node("Transpose", net.node("Reshape", qkv, net.value(1, 5, 3, 4)), perm=[2, 0, 1, 3])
    key = net.node("Gather", parts, net.value(1, scalar=True), axis=0)
    net.node("MatMul", key, net.weight("u", 4, 2))
    model = read(net).model
    assert model.operands[1] == (Edge(0, 1, 20),)


def test_a_strided_slice_moves_what_it_keeps(read: Any) -> None:
    net = Net()
    x = net.node("Conv", net.input("x", (1, 3, 8, 8)), net.weight("w", 4, 3, 1, 1))
    x = net.node("Slice", x, net.value(-1, 0), net.value(-100, 8), net.value(2, 3), net.value(-2, 2))
    net.node("Conv", x, net.weight("v", 2, 4, 1, 1))
    layer, edges = read(net).model.layers[1], read(net).model.operands[1]
    assert (layer.Y, layer.X) == (4, 4)
    assert edges == (Edge(0, 1, 4 * 16),)


def test_an_embedding_stands_for_the_input(read: Any) -> None:
    net = Net()
    ids = net.input("ids", (1, 5), TensorProto.INT64)
    net.node("MatMul", net.node("Gather", net.weight("table", 100, 6), ids), net.weight("w", 6, 7))
    model = read(net).model
    assert model.operands[0] == (Edge(NETWORK_INPUT, 0, 30),)
    assert model.input_elements == 30


def test_a_look_up_by_what_a_layer_chose_waits_for_that_layer(read: Any) -> None:
    """A code book: the numbers of its nearest entries are computed, so its rows are no input of the network."""
    net = Net()
    x = net.node("Conv", net.input("x", (1, 3, 8, 8)), net.weight("w", 16, 3, 1, 1))
    rows = net.node("Gather", net.weight("book", 16, 4), net.node("ArgMax", x, axis=1, keepdims=0))
    net.node("Conv", net.node("Transpose", rows, perm=[0, 3, 1, 2]), net.weight("v", 2, 4, 1, 1))
    model = read(net).model
    assert [edge.producer for edge in model.operands[1]] == [0]
    assert model.input_elements == 3 * 64


def test_known_branches_are_taken(read: Any) -> None:
    """If the channels are 3 (they are), a convolution; else a branch that would not even fit."""
    net = Net()
    x = net.input("x", (1, 3, 8, 8))
    channels = net.node("Gather", net.node("Shape", x), net.value(1, scalar=True))
    condition = net.node("Equal", channels, net.value(3, scalar=True))
    weight = net.weight("w", 4, 3, 1, 1)
    branches = [
        helper.make_graph(
            [helper.make_node("Conv", [x, weight] if then else [weight, x], ["made"], f"conv{then}")],
            "branch", [], [helper.make_tensor_value_info("made", TensorProto.FLOAT, None)],
        )
        for then in (True, False)
    ]  # fmt: skip
    net.node("If", condition, then_branch=branches[0], else_branch=branches[1])
    layer = only(read(net))
    assert (layer.name, layer.macs) == ("convTrue", 64 * 12)


def test_functions_of_the_model(read: Any, tmp_path: Path) -> None:
    """A function with an attribute, called twice with different values of it, inside another function."""
    strided = helper.make_node("Conv", ["a", "b"], ["c"], "conv")
    strided.attribute.add(name="strides", ref_attr_name="by", type=onnx.AttributeProto.INTS)
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    inner = helper.make_function("mine", "Down", ["a", "b"], ["c"], [strided], sets, ["by"])
    call = helper.make_node("Down", ["a", "b"], ["c"], "down", domain="mine", by=[2, 2])
    outer = helper.make_function("mine", "Block", ["a", "b"], ["d"],
                                 [call, helper.make_node("Relu", ["c"], ["d"])], sets)  # fmt: skip
    net = Net()
    x = net.node("Block", net.input("x", (1, 3, 8, 8)), net.weight("w", 4, 3, 1, 1), name="block", domain="mine")
    y = net.node("Down", x, net.weight("v", 4, 4, 1, 1), name="last", domain="mine", by=[4, 4])
    path = tmp_path / "net.onnx"
    onnx.save_model(net.model(y, functions=[inner, outer], domains=["mine"]), path)
    model = read_onnx(path).model
    assert [(layer.name, layer.out_y, layer.macs) for layer in model.layers] == [
        ("block/down/conv", 4, 16 * 12),
        ("last/conv", 1, 16),
    ]


def test_nodes_out_of_order_are_sorted(read: Any) -> None:
    net = Net()
    x = net.node("Conv", net.input("x", (1, 3, 8, 8)), net.weight("w", 4, 3, 1, 1), name="first")
    net.node("Conv", x, net.weight("v", 5, 4, 1, 1), name="second")
    net.nodes.reverse()
    assert [layer.name for layer in read(net).model.layers] == ["first", "second"]


def test_what_is_not_costed_is_listed(read: Any) -> None:
    """An operator of nobody's, and what comes after it, whose size is not known: counted, and listed."""
    net = Net()
    x = net.node("MatMul", net.input("x", (1, 5, 6)), net.weight("w", 6, 8))
    x, *_ = net.node("LSTM", x, net.weight("W", 1, 16, 8), net.weight("R", 1, 16, 4), outputs=3, hidden_size=4)
    x = net.node("Squeeze", x, net.value(1))
    y = net.node("Add", x, net.node("Magic", x, domain="nobody"))
    net.node("MatMul", net.node("Mul", y, net.input("y", (1, 5, 6))), net.weight("v", 4, 2))
    made = read(net)
    assert made.unsupported == {"nobody:Magic": 1, "MatMul": 1, "Add": 1, "Mul": 1}
    assert "no size is known of what 'Magic_3' (Magic) makes" in made.notes[-1]
    listed = "not costed: Add (1), MatMul (1), Mul (1), nobody:Magic (1); without --strict"
    with pytest.raises(InputError, match=re.escape(listed)):
        read(net, strict=True)


def test_sizes_that_the_file_states_serve_where_nothing_else_does(tmp_path: Path) -> None:
    net = Net()
    x = net.node("Magic", net.input("x", ("batch", 3, 8, 8)), name="magic", domain="nobody")
    y = net.node("Conv", x, net.weight("w", 4, 3, 1, 1))
    model = net.model(y, domains=["nobody"])
    model.graph.value_info.add().CopyFrom(helper.make_tensor_value_info(x, TensorProto.FLOAT, ("batch", 3, 4, 4)))
    onnx.save_model(model, tmp_path / "net.onnx")
    made = read_onnx(tmp_path / "net.onnx", {"batch": 2})
    assert made.unsupported == {"nobody:Magic": 1}
    assert made.model.macs == 2 * 16 * 12
    # 384 elements come in, and the operator makes 96: that is what its reader moves.
    assert made.model.edges == (Edge(NETWORK_INPUT, 0, 96),)


@pytest.mark.parametrize("known", [True, False])
def test_loops_that_are_not_costed_are_listed(read: Any, known: bool) -> None:
    """Three rounds add a tensor to the state: one layer of three copies. How many rounds there are if their number
    comes in, nobody knows."""
    net = Net()
    x = net.node("MatMul", net.input("x", (5, 6)), net.weight("w", 6, 6))
    values = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in (
        ("i", TensorProto.INT64, ()), ("go", TensorProto.BOOL, ()), ("s", TensorProto.FLOAT, (5, 6)))]  # fmt: skip
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["s", x], ["t"])], "body", values,
        [helper.make_tensor_value_info("on", TensorProto.BOOL, ()), helper.make_tensor_value_info("t", 1, (5, 6))],
    )  # fmt: skip
    go = net.value(True, kind=np.bool_, scalar=True)
    rounds = net.value(3, scalar=True) if known else net.input("n", (), TensorProto.INT64)
    net.node("Loop", rounds, go, net.weight("start", 5, 6), body=body)
    made = read(net)
    assert made.unsupported == ({} if known else {"Loop": 1})
    assert [layer.N for layer in made.model.layers] == ([1, 3] if known else [1])


def test_pictures_of_whole_numbers(read: Any) -> None:
    """32-bit integers steer where they are tokens; a convolution of them reads the network's input all the same."""
    net = Net()
    x = net.node("Cast", net.input("x", (1, 3, 8, 8), TensorProto.INT32), to=1)
    net.node("Conv", x, net.weight("w", 4, 3, 1, 1))
    made = read(net)
    assert made.model.edges == (Edge(NETWORK_INPUT, 0, 192),)


CONTRIBUTED = [
    ("FusedMatMul", [(2, 6, 5), "w", (6, 7)], {"transA": 1}, [(Op.GEMM, 10 * 6 * 7)]),
    ("FusedGemm", [(5, 6), "w", (6, 7)], {"activation": "Relu"}, [(Op.GEMM, 210)]),
    ("FusedConv", [(1, 3, 8, 8), "w", (4, 3, 3, 3)], {"pads": [1] * 4}, [(Op.CONV, 64 * 4 * 27)]),
    ("Attention", [(1, 5, 6), "w", (6, 18)], {"num_heads": 2}, [(Op.GEMM, 540), (Op.MATMUL, 150), (Op.MATMUL, 150)]),
    ("MatMulNBits", [(5, 6), "w", (7, 1, 3)], {"K": 6, "N": 7, "bits": 4}, [(Op.GEMM, 210)]),
    ("MultiHeadAttention", [(1, 5, 6), (1, 7, 6), (1, 7, 6)], {"num_heads": 2}, [(Op.MATMUL, 2 * 5 * 3 * 7)] * 2),
    ("SkipLayerNormalization", [(1, 5, 6), (1, 5, 6), "w", (6,)], {}, [(Op.ELEMENTWISE, 0)]),
]


@pytest.mark.parametrize(("op", "operands", "attributes", "expected"), CONTRIBUTED)
def test_operators_of_onnx_runtime(
    read: Any, op: str, operands: list[Any], attributes: dict[str, Any], expected: list[tuple[Op, int]]
) -> None:
    net, names, weight = Net(), [], False
    for index, operand in enumerate(operands):
        if operand == "w":
            weight = True
            continue
        names.append(net.weight(f"w{index}", *operand) if weight else net.input(f"x{index}", operand))
        weight = False
    net.node(op, *names, domain="com.microsoft", **attributes)
    made = read(net)
    assert made.unsupported == {}
    assert [(layer.op, layer.macs) for layer in made.model.layers] == expected


def test_constants_in_every_form(read: Any) -> None:
    """The shape of a Reshape as a node of one, two and three kinds of Constant."""
    for attributes in (
        {"value_ints": [5, 6]},
        {"value": numpy_helper.from_array(np.array([5, 6]))},
    ):
        net = Net()
        shape = net.node("Constant", **attributes)
        net.node("MatMul", net.node("Reshape", net.input("x", (30,)), shape), net.weight("w", 6, 2))
        assert only(read(net)).macs == 60


@pytest.mark.parametrize(("op", "repeats"), [("Expand", (4, 16, 8)), ("Tile", (4, 1, 1))])
def test_copies_of_weights_are_no_weights(read: Any, op: str, repeats: tuple[int, ...]) -> None:
    """Four maps of 5 rows meet one matrix of 16 x 8, however often it is laid out."""
    net = Net()
    copies = net.node(op, net.weight("w", 1, 16, 8), net.value(*repeats))
    net.node("MatMul", net.input("x", (4, 5, 16)), copies)
    layer = only(read(net))
    assert (layer.op, layer.macs, layer.weight_elements) == (Op.GEMM, 4 * 5 * 16 * 8, 16 * 8)


def test_copies_that_one_map_meets_are_all_there(read: Any) -> None:
    """One map of 5 rows with four equal matrices: four products are computed."""
    net = Net()
    copies = net.node("Expand", net.weight("w", 1, 16, 8), net.value(4, 16, 8))
    net.node("MatMul", net.input("x", (1, 5, 16)), copies)
    assert only(read(net)).macs == 4 * 5 * 16 * 8


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_a_kernel_shape_that_is_not_the_weights(read: Any, op: str) -> None:
    net = Net()
    net.node(op, net.input("x", (1, 3, 8, 8)), net.weight("w", 3, 3, 3, 3), kernel_shape=[5, 5])
    with pytest.raises(InputError, match="its kernel_shape says 5 x 5, but its weights are of 3 x 3"):
        read(net)


def test_an_output_shape_with_batch_and_channels(read: Any) -> None:
    """As runtimes take it, beside the spatial sizes alone that ONNX asks for."""
    net = Net()
    made = net.node("ConvTranspose", net.input("x", (1, 3, 5, 5)), net.weight("w", 3, 2, 3, 3), strides=[2, 2],
                    output_shape=[1, 2, 10, 8])  # fmt: skip
    net.node("Conv", made, net.weight("v", 3, 2, 1, 1))
    assert read(net).model.macs == 25 * 3 * 2 * 9 + 80 * 6


def test_sparse_constants_are_weights(read: Any) -> None:
    net = Net()
    kept = numpy_helper.from_array(np.ones(3, np.float32)), numpy_helper.from_array(np.array([1, 5, 7], np.int64))
    weights = net.node("Constant", sparse_value=helper.make_sparse_tensor(*kept, [16, 8]))
    net.node("MatMul", net.input("x", (1, 5, 16)), weights)
    assert only(read(net)).weight_elements == 16 * 8


def test_quantised_weights_that_are_inputs_beside_their_scales(read: Any) -> None:
    """As an export without parameters leaves them."""
    net = Net()
    x, weights = net.input("x", (1, 3, 8, 8)), net.input("conv.weight", (4, 3, 3, 3), TensorProto.INT8)
    scale = net.input("scale", ()), net.input("zero", (), TensorProto.INT8)
    net.node("Conv", x, net.node("DequantizeLinear", weights, *scale))
    layer = only(read(net))
    assert (layer.op, layer.macs, layer.weight_elements) == (Op.CONV, 36 * 4 * 27, 4 * 27)
