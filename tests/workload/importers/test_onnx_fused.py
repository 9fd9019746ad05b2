"""Operators that do a lot at once: attention, experts, contractions, filters that move. MACs by formula."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx", reason="ONNX files need the package onnx")

import numpy as np
import onnx
from onnx import TensorProto

from chipweave.errors import InputError
from chipweave.files.model_file import dump_model, load_model
from chipweave.workload.importers.assembly import Assembly, Imported
from chipweave.workload.importers.einsum import contract
from chipweave.workload.importers.onnx.model import read_onnx
from chipweave.workload.importers.view import constant, network_input
from chipweave.workload.layer import Op
from tests.workload.importers.onnx_nets import Net

RUNTIME = "com.microsoft"


def imported(net: Net, folder: Path, **options: Any) -> Imported:
    path = folder / "net.onnx"
    domains = sorted({node.domain for node in net.nodes if node.domain})
    onnx.save_model(net.model(net.nodes[-1].output[0], domains=domains), path)
    return read_onnx(path, **options)


def fused(net: Net, op: str, *inputs: str, **more: Any) -> Any:
    return net.node(op, *inputs, domain=RUNTIME, **more)


@pytest.mark.parametrize(
    ("rows", "past", "total", "window", "packed", "keys"),
    [
        (1, 127, 128, -1, False, 128),  # a cache without room
        (1, 256, 128, -1, True, 128),  # a cache with room for more
        (1, 127, 128, 32, False, 32),  # a window of the last keys
        (12, 0, 12, -1, True, 12),  # the prompt
        (4, 60, None, -1, False, 64),  # what is in all is not said
    ],
)
def test_grouped_queries(
    tmp_path: Path, rows: int, past: int, total: int | None, window: int, packed: bool, keys: int
) -> None:
    """8 heads of queries, 2 of keys, 16 wide: 2 * 8 * rows * keys * 16 MACs, and each key and value is read once."""
    net = Net()
    query = net.input("q", (1, rows, (8 + 2 * 2 if packed else 8) * 16))
    apart = ["", ""] if packed else [net.input(name, (1, rows, 32)) for name in ("k", "v")]
    caches = [net.input(name, (1, 2, past, 16)) for name in ("pk", "pv")] if past else ["", ""]
    sizes = ["", net.value(total, scalar=True)] if total else []
    made = imported(
        net_with(net, "GroupQueryAttention", query, *apart, *caches, *sizes, outputs=3, num_heads=8, kv_num_heads=2,
                 local_window_size=window),
        tmp_path,
    )  # fmt: skip
    assert (made.model.macs, made.model.weight_elements) == (2 * 8 * rows * keys * 16, 0)
    qk, av = made.model.layers
    assert qk.input_elements == 8 * rows * 16 + 2 * keys * 16
    assert av.input_elements == 8 * rows * keys + 2 * keys * 16
    assert sum(edge.elements for edge in made.model.operands[0]) == qk.input_elements


def net_with(net: Net, op: str, *inputs: str, **more: Any) -> Net:
    fused(net, op, *inputs, **more)
    return net


@pytest.mark.parametrize(
    ("shapes", "past", "keys"),
    [
        ([(1, 5, 32), (1, 9, 32), (1, 9, 32)], 0, 9),
        ([(1, 5, 4, 3, 8)], 0, 5),
        ([(1, 5, 32), (1, 9, 4, 2, 8)], 0, 9),
        ([(1, 5, 32), (1, 4, 9, 8), (1, 4, 9, 8)], 0, 9),
        ([(1, 1, 32), (1, 1, 32), (1, 1, 32)], 30, 31),
    ],
)
def test_multi_head_attention(tmp_path: Path, shapes: list[tuple[int, ...]], past: int, keys: int) -> None:
    """4 heads of 8: 2 * 4 * rows * keys * 8, whether packed, apart, from another pass, or with a past."""
    net = Net()
    inputs = [net.input(f"i{at}", shape) for at, shape in enumerate(shapes)]
    inputs += [""] * (6 - len(inputs)) + [net.input(name, (1, 4, past, 8)) for name in ("pk", "pv")] * bool(past)
    mixed = fused(net, "MultiHeadAttention", *inputs, outputs=3 if past else 1, num_heads=4)
    net.node("MatMul", mixed[0] if past else mixed, net.weight("w", 32, 6))
    made = imported(net, tmp_path)
    assert made.model.macs == 2 * 4 * shapes[0][1] * keys * 8 + shapes[0][1] * 32 * 6
    assert made.unsupported == {}


def test_attention_of_the_runtime_with_a_past(tmp_path: Path) -> None:
    """One token behind 20: the projection of 1 * 32 * 96, and 2 * 4 * 1 * 21 * 8."""
    net = Net()
    x, past = net.input("x", (1, 1, 32)), net.input("past", (2, 1, 4, 20, 8))
    weights = net.weight("w", 32, 96), net.weight("b", 96)
    fused(net, "Attention", x, *weights, "", past, outputs=2, num_heads=4)
    made = imported(net, tmp_path)
    assert (made.model.macs, made.model.weight_elements) == (32 * 96 + 2 * 4 * 21 * 8, 32 * 96)


@pytest.mark.parametrize("op", ["Attention", "DecoderMaskedSelfAttention"])
def test_a_cache_of_the_runtime_with_room_for_more(tmp_path: Path, op: str) -> None:
    """Of 64 places 20 are filled: 2 * 4 * 1 * 21 * 8 beside the projection."""
    net = Net()
    x, past = net.input("x", (1, 1, 32)), net.input("past", (2, 1, 4, 64, 8))
    more = ["", past, "", net.value(20, kind=np.int32)]
    fused(net, op, x, net.weight("w", 32, 96), net.weight("b", 96), *more, outputs=2, num_heads=4)
    made = imported(net, tmp_path)
    assert (made.model.macs, made.model.weight_elements) == (32 * 96 + 2 * 4 * 21 * 8, 32 * 96)


@pytest.mark.parametrize("ends", [(0, 8, 20), (0, 10, 20), (0, 0, 20)])
def test_sequences_without_padding(tmp_path: Path, ends: tuple[int, ...]) -> None:
    """4 heads, 8 wide: the tokens of a sequence meet each other alone."""
    pairs = sum((b - a) ** 2 for a, b in itertools.pairwise(ends))
    net = Net()
    places, starts = net.value(*range(24), kind=np.int32), net.value(*ends, kind=np.int32)
    made = fused(net, "PackedAttention", net.input("x", (20, 32)), net.weight("w", 32, 96), net.weight("b", 96),
                 places, starts, num_heads=4)  # fmt: skip
    net.node("MatMul", made, net.weight("v", 32, 6))
    model = imported(net, tmp_path).model
    assert model.macs == 20 * 32 * 96 + 2 * 4 * pairs * 8 + 20 * 32 * 6
    assert model.weight_elements == 32 * 96 + 32 * 6


@pytest.mark.parametrize("packed", [False, True])
def test_heads_of_sequences_without_padding(tmp_path: Path, packed: bool) -> None:
    """Two sequences of 10 tokens, as the places of tokens say; which is where, is not known."""
    net = Net()
    parts = [net.input("x", (20, 4, 3, 8)), "", ""] if packed else [net.input(name, (20, 32)) for name in "qkv"]
    places, starts = net.input("t", (2, 10), TensorProto.INT32), net.input("s", (3,), TensorProto.INT32)
    made = fused(net, "PackedMultiHeadAttention", *parts, "", places, starts, num_heads=4)
    net.node("MatMul", made, net.weight("o", 32, 6))
    assert imported(net, tmp_path).model.macs == 2 * 2 * 4 * 100 * 8 + 20 * 32 * 6


def test_sequences_of_unknown_lengths(tmp_path: Path) -> None:
    net = Net()
    starts = net.input("s", (3,), TensorProto.INT32)
    parts = [net.input("x", (20, 32)), net.weight("w", 32, 96), net.weight("b", 96)]
    fused(net, "PackedAttention", *parts, net.input("t", (2, 12), TensorProto.INT32), starts, num_heads=4)
    with pytest.raises(InputError, match=r"--value NAME=0,LENGTH,\.\.\. gives where each one ends"):
        imported(net, tmp_path)
    known = imported(net, tmp_path, values={"s": [0, 8, 20]})
    assert known.model.macs == 20 * 32 * 96 + 2 * 4 * (64 + 144) * 8


def test_quantised_attention_with_a_past(tmp_path: Path) -> None:
    """As `Attention`: its scales stand between its weights and its past."""
    net = Net()
    x, past = net.input("x", (1, 1, 32), element=TensorProto.UINT8), net.input("past", (2, 1, 4, 20, 8))
    scale, zero = net.value(0.1, kind=np.float32, scalar=True), net.value(0, kind=np.uint8, scalar=True)
    weights = net.weight("w", 32, 96, element=TensorProto.INT8), net.weight("b", 96)
    fused(net, "QAttention", x, *weights, scale, scale, "", zero, zero, past, outputs=2, num_heads=4)
    made = imported(net, tmp_path)
    assert (made.model.macs, made.model.weight_elements) == (32 * 96 + 2 * 4 * 21 * 8, 32 * 96)


@pytest.mark.parametrize(("room", "filled"), [(15, None), (64, 15)])
def test_one_step_of_attention(tmp_path: Path, room: int, filled: int | None) -> None:
    """4 heads, 8 wide: a query with 15 keys of a cache, which may have room for more, and its own."""
    net = Net()
    new = [net.input(name, (1, 1, 32)) for name in "qkv"]
    caches = [net.input(name, (1, 4, room, 8)) for name in ("pk", "pv")]
    past = [] if filled is None else [net.value(filled, scalar=True)]
    fused(net, "DecoderMaskedMultiHeadAttention", *new, "", "", *caches, *past, outputs=3, num_heads=4)
    assert imported(net, tmp_path).model.macs == 2 * 4 * 16 * 8


def test_a_quantised_lstm(tmp_path: Path) -> None:
    """7 steps, 4 gates, 12 inputs, 16 states; its weights stand turned."""
    net = Net()
    x, scale = net.input("x", (7, 1, 12)), net.value(0.1, kind=np.float32)
    w, r = (net.weight(name, 1, size, 64, element=TensorProto.INT8) for name, size in (("w", 12), ("r", 16)))
    every, *_ = fused(net, "DynamicQuantizeLSTM", x, w, r, *[""] * 5, scale, "", scale, outputs=3, hidden_size=16)
    net.node("MatMul", net.node("Squeeze", every, net.value(1)), net.weight("v", 16, 5))
    made = imported(net, tmp_path)
    assert (made.model.macs, made.model.weight_elements) == (7 * 64 * 28 + 7 * 80, 64 * 28 + 80)


@pytest.mark.parametrize("op", ["DynamicQuantizeMatMul", "MatMulIntegerToFloat"])
def test_quantised_products(tmp_path: Path, op: str) -> None:
    net = Net()
    element = TensorProto.FLOAT if op.startswith("Dynamic") else TensorProto.UINT8
    x, scale = net.input("x", (1, 6, 32), element=element), net.value(0.1, kind=np.float32, scalar=True)
    x = fused(net, op, x, net.weight("w", 32, 10, element=TensorProto.INT8), scale, scale)
    net.node("MatMul", x, net.weight("v", 10, 3))
    made = imported(net, tmp_path)
    assert (made.model.macs, made.model.weight_elements) == (6 * 320 + 6 * 30, 350)


def test_quantised_maps_are_joined_and_pooled(tmp_path: Path) -> None:
    """3 and 5 channels of 8 x 8, pooled to 4 x 4."""
    net = Net()
    x = net.input("x", (1, 3, 8, 8), element=TensorProto.UINT8)
    scale, zero = net.value(0.1, kind=np.float32, scalar=True), net.value(0, kind=np.uint8, scalar=True)

    def convolved(source: str, name: str, K: int, C: int) -> Any:
        weight = net.weight(name, K, C, 1, 1, element=TensorProto.UINT8)
        return net.node("QLinearConv", source, scale, zero, weight, scale, zero, scale, zero)

    joined = fused(net, "QLinearConcat", scale, zero, x, scale, zero, convolved(x, "w", 5, 3), scale, zero, axis=1)
    pooled = fused(
        net, "QLinearAveragePool", joined, scale, zero, scale, zero, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1
    )
    convolved(pooled, "v", 4, 8)
    made = imported(net, tmp_path)
    assert not made.unsupported
    assert (made.model.macs, made.model.weight_elements) == (64 * 15 + 16 * 32, 15 + 32)


@pytest.mark.parametrize("shapes", [((1, 8, 5, 16), (1, 2, 7, 16)), ((1, 5, 128), (1, 7, 32))])
def test_attention_of_onnx_with_fewer_heads_of_keys(tmp_path: Path, shapes: tuple[tuple[int, ...], ...]) -> None:
    net = Net(opset=23)
    q, k, v = (net.input(name, shapes[at > 0]) for at, name in enumerate("qkv"))
    net.node("Attention", q, k, v, **({} if len(shapes[0]) == 4 else {"q_num_heads": 8, "kv_num_heads": 2}))
    made = imported(net, tmp_path)
    assert made.model.macs == 2 * 8 * 5 * 7 * 16
    assert made.model.layers[0].input_elements == 8 * 5 * 16 + 2 * 7 * 16


@pytest.mark.parametrize(("rows", "k", "experts"), [(6, 2, 4), (5, 2, 4), (7, 1, 3)])
@pytest.mark.parametrize("third", [False, True])
def test_experts(tmp_path: Path, rows: int, k: int, experts: int, third: bool) -> None:
    """Each row meets the weights of k experts, 16 x 32 in each product, and all experts' weights are there."""
    net = Net()
    x, scores = net.input("x", (rows, 16)), net.input("s", (rows, experts))
    weights = [net.weight("a", experts, 32, 16), "", net.weight("b", experts, 16, 32)]
    weights += ["", net.weight("c", experts, 32, 16)] * third
    fused(net, "MoE", x, scores, *weights, k=k, activation_type="silu")
    made = imported(net, tmp_path)
    products = 3 if third else 2
    assert (made.model.macs, made.model.weight_elements) == (rows * k * products * 512, experts * products * 512)
    assert made.model.layers[-1].output_elements == rows * 16


def test_few_rows_run_few_experts(tmp_path: Path) -> None:
    """One token of 2 experts of 8: the others' weights are never read, which a note says."""
    net = Net()
    x, scores = net.input("x", (1, 1, 16)), net.input("s", (1, 8))
    fused(net, "MoE", x, scores, net.weight("a", 8, 32, 16), "", net.weight("b", 8, 16, 32), k=2)
    made = imported(net, tmp_path)
    assert (made.model.macs, made.model.weight_elements) == (2 * 2 * 512, 2 * 2 * 512)
    assert any("other 6" in note for note in made.notes)


@pytest.mark.parametrize("bits", [4, 8])
def test_quantised_experts(tmp_path: Path, bits: int) -> None:
    """Rows of 16, hidden 32 with a gate beside it in the first product: 16 * 64 + 32 * 16 for each row and expert."""
    net, per = Net(), 8 // bits
    x, scores = net.input("x", (8, 16)), net.input("s", (8, 4))
    parts = [net.weight("a", 4, 64, 16 // per, element=TensorProto.UINT8), net.weight("sa", 4, 64), ""]
    parts += [net.weight("b", 4, 16, 32 // per, element=TensorProto.UINT8), net.weight("sb", 4, 16), ""]
    fused(net, "QMoE", x, scores, *parts, k=2, expert_weight_bits=bits, activation_type="swiglu", swiglu_fusion=1)
    made = imported(net, tmp_path)
    assert (made.model.macs, made.model.weight_elements) == (8 * 2 * (1024 + 512), 4 * (1024 + 512))


def test_experts_whose_weights_do_not_fit(tmp_path: Path) -> None:
    net = Net()
    x, scores = net.input("x", (6, 16)), net.input("s", (6, 4))
    fused(net, "MoE", x, scores, net.weight("a", 4, 5, 7), "", net.weight("b", 4, 16, 32), k=2)
    with pytest.raises(InputError, match="do not fit rows of 16"):
        imported(net, tmp_path)


LENGTHS = dict(zip("abcde", (2, 3, 5, 4, 6), strict=True))


def cheapest(words: list[str], output: str) -> int:
    """The fewest products, by trying all orders; every operand is an activation."""
    if len(words) == 1:
        return 0
    found = []
    for i, j in itertools.combinations(range(len(words)), 2):
        rest = [word for at, word in enumerate(words) if at not in (i, j)]
        both = set(words[i]) | set(words[j])
        kept = "".join(sorted(both & set(output).union(*rest)))
        found.append(math.prod(LENGTHS[letter] for letter in both) + cheapest([*rest, kept], output))
    return min(found)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_the_cheapest_order_of_a_contraction(data: st.DataObject) -> None:
    """Against every order there is, where each step sums over an axis, so that all products are MACs of layers."""
    count = data.draw(st.integers(3, 5))
    words = [a + b for a, b in itertools.pairwise("abcde"[:count] + "a")][:count]  # a ring: all orders sum
    output = data.draw(st.sampled_from(["", "a"]))
    words = data.draw(st.permutations(words)) if output == "" else words
    shapes = [tuple(LENGTHS[letter] for letter in word) for word in words]
    views = [network_input(f"x{at}", shape) for at, shape in enumerate(shapes)]
    assembly = Assembly()
    contract(assembly, "Einsum", "e", views, ",".join(words) + "->" + output, tuple(LENGTHS[o] for o in output))
    assert assembly.finish("e", "by hand").model.macs == cheapest(list(words), output)


@pytest.mark.parametrize(
    ("equation", "shapes", "weights", "macs"),
    [
        ("abc,cd,de->abe", [(1, 6, 8), (8, 10), (10, 4)], 120, 6 * 80 + 6 * 40),  # weights stay as they are
        ("bi,oij,bj->bo", [(3, 4), (2, 4, 5), (3, 5)], 40, 3 * 2 * 4 * 5 + 3 * 2 * 4),
        ("ab,bc,cd,de->ae", [(2, 3), (3, 5), (5, 4), (4, 6)], 15 + 20 + 24, 30 + 40 + 48),
        ("...ij,jk,kl->...il", [(1, 3, 5, 7), (7, 11), (11, 2)], 77 + 22, 15 * 77 + 15 * 22),
        ("ij,jk->k", [(4, 7), (7, 5)], 35, 35),  # i is summed first, at no cost
        ("ii,ij->j", [(4, 4), (4, 5)], 20, 20),  # of the diagonal
    ],
)
def test_contractions(
    tmp_path: Path, equation: str, shapes: list[tuple[int, ...]], weights: int, macs: int
) -> None:  # fmt: skip
    net = Net()
    inputs = [net.input("x", shapes[0])]
    for at, shape in enumerate(shapes[1:]):
        last = equation.startswith("bi") and at == 1
        inputs.append(net.input("z", shape) if last else net.weight(f"w{at}", *shape))
    net.node("Einsum", *inputs, equation=equation)
    made = imported(net, tmp_path)
    assert (made.model.macs, made.model.weight_elements) == (macs, weights)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution_that_moves_its_taps(tmp_path: Path, groups: int) -> None:
    """8 x 8 outputs, 6 * 4 / groups * 9 weights; the offsets that a layer makes travel to it."""
    net = Net(opset=19)
    x = net.input("x", (1, 4, 8, 8))
    offsets = net.node("Conv", x, net.weight("o", 18, 4, 3, 3), pads=[1] * 4)
    net.node("DeformConv", x, net.weight("w", 6, 4 // groups, 3, 3), offsets, pads=[1] * 4, group=groups)
    made = imported(net, tmp_path)
    assert made.model.layers[1].macs == 64 * 6 * 4 // groups * 9
    assert made.model.weight_elements == 18 * 36 + 6 * 4 // groups * 9
    assert {(edge.producer, edge.elements) for edge in made.model.operands[1]} == {(-1, 256), (0, 18 * 64)}


@pytest.mark.parametrize("groups", [1, 2])
def test_a_filter_that_a_layer_makes(tmp_path: Path, groups: int) -> None:
    """49 places * outputs * the channels of a group * 36 taps, and no weights but those that make the filter."""
    net = Net()
    filters = net.node("Conv", net.input("z", (groups, 3, 6, 6)), net.weight("w", 4 // groups, 3, 1, 1))
    net.node("Conv", net.input("x", (1, 4, 12, 12)), filters, group=groups)
    made = imported(net, tmp_path)
    layer = made.model.layers[-1]
    assert (layer.op, layer.macs) == (Op.MATMUL, 49 * groups * (4 // groups) * 36)
    assert made.model.weight_elements == 12 // groups


@pytest.mark.parametrize(
    ("kernel", "stride", "pads", "groups"), [(2, 2, 0, 1), (3, 2, 1, 1), (3, 1, 1, 2), (4, 2, 1, 2)]
)
def test_a_transposed_convolution_of_a_volume(tmp_path: Path, kernel: int, stride: int, pads: int, groups: int) -> None:
    """Every input element meets every weight of its channel: 60 * 4 * 6 / groups * kernel^3. What comes after it has
    the size that the usual arithmetic gives."""
    net = Net()
    x = net.input("x", (1, 4, 3, 4, 5))
    weights = net.weight("w", 4, 6 // groups, *[kernel] * 3)
    up = net.node("ConvTranspose", x, weights, strides=[stride] * 3, pads=[pads] * 6, group=groups)
    net.node("Conv", up, net.weight("v", 2, 6, 1, 1, 1))
    made = imported(net, tmp_path)
    out = math.prod((size - 1) * stride - 2 * pads + kernel for size in (3, 4, 5))
    assert [layer.macs for layer in made.model.layers] == [60 * 4 * 6 // groups * kernel**3, out * 12]
    assert made.model.weight_elements == 4 * 6 // groups * kernel**3 + 12
    assert made.model.operands[1][0].elements == out * 6


def test_weights_of_several_layers_count_once(tmp_path: Path) -> None:
    """A tied embedding, turned for the second product, a siamese branch, and one that shares nothing."""
    net = Net()
    net.weight("w", 8, 8)
    x = net.input("x", (1, 5, 8))
    a = net.node("MatMul", x, "w", name="first")
    b = net.node("MatMul", net.input("z", (1, 3, 8)), "w", name="second")
    c = net.node("MatMul", a, net.node("Transpose", "w", perm=[1, 0]), name="third")
    d = net.node("MatMul", c, net.node("Slice", "w", net.value(0), net.value(4), net.value(1)), name="part")
    net.node("Concat", b, net.node("MatMul", d, net.weight("u", 4, 8), name="own"), axis=1)
    made = imported(net, tmp_path)
    assert {layer.name: layer.shares for layer in made.model.layers if layer.shares} == {
        "second": "first",
        "third": "first",
    }
    assert made.model.weight_elements == 64 + 32 + 32
    assert any("share weights" in note for note in made.notes)
    path = tmp_path / "net.yaml"
    path.write_text(dump_model(made.model))
    assert load_model(path) == made.model


def test_contract_of_constants_alone_leaves_them_apart() -> None:
    """w @ z is never a layer, even where it would take fewer products."""
    assembly = Assembly()
    views = [network_input("x", (100, 8)), constant((8, 2), "w"), constant((2, 8), "z")]
    contract(assembly, "Einsum", "e", views, "ab,bc,cd->ad", (100, 8))
    assert [(layer.C, layer.K) for layer in assembly.finish("e", "by hand").model.layers] == [(8, 2), (2, 8)]


def test_packed_queries_that_do_not_divide_are_not_costed(tmp_path: Path) -> None:
    """8 heads in a row of 4 or of 20 elements."""
    for width in (4, 20):
        net = Net()
        fused(net, "GroupQueryAttention", net.input("x", (1, 5, width)), "", "", num_heads=4, kv_num_heads=2)
        net.node("MatMul", net.input("z", (1, 16)), net.weight("w", 16, 4))
        made = imported(net, tmp_path)
        assert (made.unsupported, made.model.macs) == ({"com.microsoft:GroupQueryAttention": 1}, 64)


def test_convolutions_with_channels_last(tmp_path: Path) -> None:
    """As ONNX Runtime's optimiser lays them out: 9 x 8 positions of 4 channels by 27, halved by a pool, then 2 by 4."""
    for last in (False, True):  # filters of K x C x R x S, or with their channels last too
        net = Net()
        filters = [(4, 3, 3, 3), (2, 4, 1, 1)]
        sizes = [(k, r, s, c) if last else (k, c, r, s) for k, c, r, s in filters]
        x = net.input("x", (1, 9, 8, 3))
        a = fused(net, "NhwcFusedConv", x, net.weight("w", *sizes[0]), net.weight("b", 4), pads=[1] * 4)
        pooled = fused(net, "NhwcMaxPool", a, kernel_shape=[2, 2], strides=[2, 2])
        b = fused(net, "NhwcConv", pooled, net.weight("v", *sizes[1]))
        net.node("MatMul", b, net.weight("u", 2, 5))  # channels are last
        made = imported(net, tmp_path)
        assert made.unsupported == {}
        assert made.model.macs == 72 * 4 * 27 + 4 * 4 * 8 + 4 * 4 * 10
        assert made.model.weight_elements == 108 + 8 + 10
        assert [layer.output_elements for layer in made.model.layers] == [72 * 4, 16 * 4, 16 * 2, 16 * 5]


def test_a_sum_that_is_fused_into_a_convolution_with_channels_last(tmp_path: Path) -> None:
    net = Net()
    x, z = net.input("x", (1, 5, 6, 4)), net.input("z", (1, 5, 6, 4))
    fused(net, "NhwcFusedConv", x, net.weight("w", 4, 4, 1, 1), "", z)
    convolution, added = imported(net, tmp_path).model.layers
    assert (convolution.macs, added.op, added.operands) == (30 * 16, Op.ELEMENTWISE, 2)


@pytest.mark.parametrize("last", [0, 1])
def test_quantised_operators_of_the_runtime(tmp_path: Path, last: int) -> None:
    """8 x 8 positions of 4 channels by 27; the mean over each half of the map's sides; a product of what is left."""
    net = Net()
    net.node("Identity", net.input("x", (1, 8, 8, 3) if last else (1, 3, 8, 8), TensorProto.UINT8))
    s, z = net.value(0.1, kind=np.float32, scalar=True), net.value(3, kind=np.uint8, scalar=True)
    weight = net.weight("w", 4, 3, 3, 3, element=TensorProto.INT8)
    a = fused(net, "QLinearConv", "x", s, z, weight, s, z, s, z, pads=[1] * 4, channels_last=last)
    b = fused(net, "QLinearAveragePool", a, s, z, s, z, kernel_shape=[4, 4], strides=[4, 4], channels_last=last)
    c = fused(net, "QLinearGlobalAveragePool", b, s, z, s, z, channels_last=last)
    d = fused(net, "QLinearReduceMean", c, s, z, s, z, axes=[1, 2] if last else [2, 3], keepdims=0)
    fused(net, "QGemm", d, s, z, net.weight("v", 4, 10, element=TensorProto.INT8), s, z, "", s, z)
    made = imported(net, tmp_path)
    assert (made.unsupported, made.model.macs) == ({}, 64 * 4 * 27 + 40)
    assert [layer.output_elements for layer in made.model.layers if layer.op is Op.POOL][:2] == [4 * 4, 4]


PRODUCTS = [
    # Operator, rows and depth of the left side, stored weights, attributes, MACs, weights.
    ("FusedMatMulActivation", (5, 8), (6, 8), {"transB": 1}, 240, 48),
    ("TransposeMatMul", (5, 8), (6, 8), {"transB": 1}, 240, 48),
    ("GemmFastGelu", (2, 5, 8), (8, 6), {}, 480, 48),
    ("GemmFloat8", (5, 8), (6, 8), {"transB": 1}, 240, 48),
    ("MatMulInteger16", (5, 8), (8, 6), {}, 240, 48),
    ("MatMulBlockQuantizedFp8Weight", (2, 5, 8), (6, 8), {}, 480, 48),
    ("MatMulBlockQuantizedFp4Weight", (2, 5, 8), (6, 4), {}, 480, 48),  # two in a byte
    ("MatMulBnb4", (5, 64), (1280,), {"K": 64, "N": 40, "block_size": 32}, 5 * 64 * 40, 64 * 40),
]


@pytest.mark.parametrize(("operator", "rows", "weights", "attributes", "macs", "count"), PRODUCTS)
def test_products_of_the_runtime(
    tmp_path: Path, operator: str, rows: tuple[int, ...], weights: tuple[int, ...], attributes: dict[str, int],
    macs: int, count: int,
) -> None:  # fmt: skip
    net = Net()
    fused(net, operator, net.input("x", rows), net.weight("w", *weights), **attributes)
    made = imported(net, tmp_path)
    assert (made.unsupported, made.model.macs, made.model.weight_elements) == ({}, macs, count)


def test_a_product_whose_rows_stand_before_its_batches(tmp_path: Path) -> None:
    """FusedMatMul with transBatchA and transBatchB: 4 batches of 10 x 8 by 8 x 12, stored as 10 x 4 x 8 and 12 x 4 x 8.
    The product by 12 x 3 shows that 10 rows of 12 columns come out of each batch."""
    net = Net()
    left, right = net.input("q", (10, 4, 8)), net.input("k", (12, 4, 8))
    made = fused(net, "FusedMatMul", left, right, transBatchA=1, transBatchB=1, transB=1)
    net.node("MatMul", made, net.weight("w", 12, 3))
    assert imported(net, tmp_path).model.macs == 4 * 10 * 12 * 8 + 4 * 10 * 12 * 3


def test_a_transposed_convolution_whose_padding_is_an_operand(tmp_path: Path) -> None:
    """3 x 2 channels by 9 taps at 16 positions; 2 * 3 + 3 - 2 = 7 rows and columns come out."""
    net = Net()
    pads = net.value(1, 1, 1, 1)
    a = fused(net, "ConvTransposeWithDynamicPads", net.input("x", (1, 3, 4, 4)), net.weight("w", 3, 2, 3, 3), pads,
              strides=[2, 2])  # fmt: skip
    net.node("Conv", a, net.weight("v", 2, 2, 1, 1))
    assert imported(net, tmp_path).model.macs == 16 * 54 + 49 * 4


def test_rows_of_a_packed_table(tmp_path: Path) -> None:
    """Two 4-bit entries in each of 16 bytes: rows of 32."""
    net = Net()
    table = net.weight("d", 50, 16, element=TensorProto.UINT8)
    rows = fused(net, "GatherBlockQuantized", table, net.input("t", (1, 6), TensorProto.INT64), net.weight("s", 50, 2))
    net.node("MatMul", rows, net.weight("w", 32, 8))
    assert imported(net, tmp_path).model.macs == 6 * 32 * 8


def test_a_causal_convolution(tmp_path: Path) -> None:
    """Four taps of six channels at ten places each, with what an earlier run left."""
    net = Net(opset=27)
    past = net.input("p", (1, 6, 3))
    net.node("CausalConvWithState", net.input("x", (1, 6, 10)), net.weight("w", 6, 1, 4), "", past, outputs=2)
    if "CausalConvWithState" not in {schema.name for schema in onnx.defs.get_all_schemas()}:
        pytest.skip("this version of onnx does not know it")
    made = imported(net, tmp_path)
    (layer,) = made.model.layers
    assert (made.unsupported, layer.op, layer.macs, layer.output_elements) == ({}, Op.DEPTHWISE, 240, 60)


@pytest.mark.parametrize(
    ("rule", "tokens", "past", "macs"),
    [
        # of each of 2 states of 8 x 16: written once, read by 2 heads of queries
        ("linear", 1, True, 2 * 128 * (1 + 2)),
        # and recalled, where there is something to recall
        ("gated_delta", 1, True, 2 * 128 * (1 + 1 + 2)),
        ("delta", 1, False, 2 * 128 * (1 + 2)),
        # 2 chunks of 4: scores, what they mix, what is written, what is read
        ("gated", 8, True, 2 * 2 * (8 * 8 * 4 + 8 * 4 * 16 + 8 * 4 * 16 + 8 * 8 * 16)),
        # and the corrections: keys by keys, their inverse by keys and values, what is recalled
        ("delta", 8, True, 2 * 2 * (256 + 512 + 512 + 1024 + (4 * 8 * 4 + 4 * 4 * 8 + 4 * 4 * 16 + 4 * 8 * 16))),
        ("delta", 7, True, 2 * 2 * (256 + 512 + 512 + 1024 + (128 + 128 + 256 + 512))),  # the last chunk counts whole
    ],
)
def test_linear_attention(tmp_path: Path, rule: str, tokens: int, past: bool, macs: int) -> None:
    """4 heads of queries of 8, 2 of keys of 8 and of values of 16."""
    net = Net()
    operands = [net.input(name, (1, tokens, width)) for name, width in (("q", 32), ("k", 16), ("v", 32))]
    operands += [net.input("s", (1, 2, 8, 16)) if past else ""]
    fused(net, "LinearAttention", *operands, outputs=2, q_num_heads=4, kv_num_heads=2, update_rule=rule, chunk_size=4)
    made = imported(net, tmp_path)
    assert (made.model.macs, made.model.weight_elements, made.unsupported) == (macs, 0, {})


@pytest.mark.parametrize(
    ("rows", "total", "met"),
    [
        (1, 64, (3 + 2) * 16 / 2),  # the last row: 3 blocks of 16 in one layout, 2 in the other
        (32, 32, (16 * (1 + 2) + 16 * (1 + 2)) * 16 / (2 * 32)),  # two blocks of rows, which meet 1 and 2 blocks
        (64, 64, (1 + 2 + 2 + 3 + 1 + 2 + 3 + 2) * 16 * 16 / (2 * 64)),
    ],
)
def test_sparse_attention(tmp_path: Path, rows: int, total: int, met: float) -> None:
    """8 heads of queries, 2 of keys, 16 wide, in two layouts of 4 x 4 blocks of 16 tokens."""
    net = Net()
    layouts = net.value(0, 1, 3, 5, 8, 0, 1, 3, 6, 8, kind=np.int32)
    layouts = net.node("Reshape", layouts, net.value(2, 5))
    columns = net.value(*[0] * 16, kind=np.int32)
    ends = [net.value(total, kind=np.int32), net.value(total, kind=np.int32)]
    q, k, v = (net.input(name, (1, rows, width)) for name, width in (("q", 128), ("k", 32), ("v", 32)))
    caches = [net.input(name, (1, 2, 128, 16)) for name in ("pk", "pv")]
    fused(net, "SparseAttention", q, k, v, *caches, layouts, columns, *ends, outputs=3, num_heads=8, kv_num_heads=2,
          sparse_block_size=16)  # fmt: skip
    made = imported(net, tmp_path)
    keys = math.ceil(met)
    assert (made.model.macs, made.unsupported) == (2 * 8 * rows * keys * 16, {})


def paged_net(known: bool, window: int = -1) -> Net:
    """Two sequences of 1 token behind 30 and 30, one of 5 behind none: 7 tokens, 4 heads of queries, 2 of keys, 8
    wide."""
    net = Net()
    q, k, v = (net.input(name, (7, width)) for name, width in (("q", 32), ("k", 16), ("v", 16)))
    caches = [net.input(name, (10, 16, 2, 8)) for name in ("kc", "vc")]
    starts = net.value(0, 1, 2, 7, kind=np.int32) if known else net.input("starts", (4,), TensorProto.INT32)
    past, table = net.value(30, 30, 0, kind=np.int32), net.input("table", (3, 2), TensorProto.INT32)
    fused(net, "PagedAttention", q, k, v, *caches, starts, past, table, outputs=3, num_heads=4, kv_num_heads=2,
          local_window_size=window)  # fmt: skip
    return net


def test_paged_attention(tmp_path: Path) -> None:
    made = imported(paged_net(True), tmp_path)
    assert (made.model.macs, made.unsupported) == (2 * 4 * 8 * (2 * 1 * 31 + 5 * 5), {})
    made = imported(paged_net(True, window=4), tmp_path)
    assert made.model.macs == 2 * 4 * 8 * (2 * 1 * 4 + 5 * 4)


def test_paged_attention_of_unknown_lengths(tmp_path: Path) -> None:
    net = paged_net(False)
    net.node("MatMul", net.input("z", (1, 16)), net.weight("w", 16, 4))
    made = imported(net, tmp_path)
    assert made.unsupported == {f"{RUNTIME}:PagedAttention": 1}
    assert any("how long its sequences are" in note and "--value" in note for note in made.notes)
    assert imported(net, tmp_path, values={"starts": [0, 1, 2, 7]}).unsupported == {}


@pytest.mark.parametrize("many", [0, 2])
def test_longformer_attention(tmp_path: Path, many: int) -> None:
    """12 tokens of 16 features, 4 heads, 2 neighbours on each side; `many` tokens meet all."""
    net = Net()
    flags = net.node("Reshape", net.value(*[1] * many, *[0] * (12 - many), kind=np.int32), net.value(1, 12))
    x, mask = net.input("x", (1, 12, 16)), net.input("mask", (1, 12))
    weights = [net.weight("w", 16, 48), net.weight("b", 48), mask, net.weight("gw", 16, 48), net.weight("gb", 48)]
    fused(net, "LongformerAttention", x, *weights, flags, num_heads=4, window=2)
    made = imported(net, tmp_path)
    local = 12 * 16 * 48 + 2 * 12 * (5 + many) * 16
    everywhere = many * 16 * 16 + 12 * 16 * 32 + 2 * many * 12 * 16 if many else 0
    assert (made.model.macs, made.unsupported) == (local + everywhere, {})
    assert made.model.weight_elements == (2 if many else 1) * 16 * 48
