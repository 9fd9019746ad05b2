"""Assembling by hand: which layers come out, and what travels between them."""

from __future__ import annotations

import pytest

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Assembly, Operand, legal_name
from chipweave.workload.importers.view import Piece, concatenate, constant, control, cut, embedding, fold, network_input
from chipweave.workload.layer import Op
from chipweave.workload.model import NETWORK_INPUT, Edge


def _conv(assembly: Assembly, name: str, source, K: int, size: int):  # type: ignore[no-untyped-def]
    C = source.shape[1]
    return assembly.convolution(
        name, source, constant((K, C, 3, 3)), stride=(1, 1), padding=(1, 1), dilation=(1, 1), groups=1,
        shape=(1, K, size, size),
    )  # fmt: skip


def test_a_block_with_a_residual() -> None:
    """Two 3x3 convolutions of 8 channels on 6x6 and the sum: 2 * 36*8*8*9 MACs, and the skip edge is there."""
    assembly = Assembly()
    x = _conv(assembly, "a", network_input("x", (1, 3, 6, 6)), 8, 6)
    x = fold((x, constant((8,))), x.shape)  # a norm
    y = _conv(assembly, "b", x, 8, 6)
    assembly.elementwise("Add", "add", (y, x), (1, 8, 6, 6))
    model = assembly.finish("block", "by hand").model
    assert model.macs == 36 * 3 * 8 * 9 + 36 * 8 * 8 * 9
    assert [layer.op for layer in model.layers] == [Op.CONV, Op.CONV, Op.ELEMENTWISE]
    assert model.edges == (Edge(NETWORK_INPUT, 0, 108), Edge(0, 1, 288), Edge(1, 2, 288), Edge(0, 2, 288))


def test_a_value_times_its_own_sigmoid_is_no_layer() -> None:
    assembly = Assembly()
    x = _conv(assembly, "a", network_input("x", (1, 3, 6, 6)), 8, 6)
    y = assembly.elementwise("Mul", "mul", (x, fold((x,), x.shape)), x.shape)
    assert y.pieces == (Piece(0, 288),)
    assert assembly.folded == {"Mul": 1}


def test_slices_of_a_concatenation_bring_what_they_touch() -> None:
    """Channels 6..14 of [8 of a, 8 of b]: 2 of a and 6 of b, 36 elements each."""
    assembly = Assembly()
    x = network_input("x", (1, 3, 6, 6))
    a, b = _conv(assembly, "a", x, 8, 6), _conv(assembly, "b", x, 8, 6)
    both = concatenate((a, b), 1, (1, 16, 6, 6))
    middle = cut(both, 1, 6, 8, (1, 8, 6, 6))
    assert [(p.producer, p.elements) for p in middle.pieces] == [(0, 72), (1, 216)]
    _conv(assembly, "c", middle, 4, 6)
    assert assembly.finish("net", "").model.operands[2] == (Edge(0, 2, 72), Edge(1, 2, 216))


def test_attention_of_one_projection() -> None:
    """GPT-2's block: query and key are 2/3 of the projection, on one edge."""
    assembly = Assembly()
    x = embedding("wte", (1, 4, 6))
    x = assembly.elementwise("Add", "position", (x, embedding("wpe", (1, 4, 6))), (1, 4, 6))
    qkv = assembly.product(
        "c_attn", Operand(x), Operand(constant((6, 18))), batch=1, rows=4, inner=6, columns=18, shape=(1, 4, 18)
    )
    q, k, v = (cut(qkv, 2, 6 * i, 6, (1, 4, 6)) for i in range(3))
    y = assembly.attention("attn", q, k, v, heads=2, rows=4, columns=4, inner=3, value_inner=3, shape=(1, 4, 6))
    assembly.elementwise("Add", "add", (x, y), (1, 4, 6))
    model = assembly.finish("block", "").model
    assert [layer.macs for layer in model.layers] == [4 * 6 * 18, 2 * 4 * 3 * 4, 2 * 4 * 4 * 3, 0]
    assert model.operands[1] == (Edge(0, 1, 48),)
    assert model.operands[2] == (Edge(1, 2, 32), Edge(0, 2, 24))
    assert model.operands[3] == (Edge(NETWORK_INPUT, 3, 24), Edge(2, 3, 24))
    assert model.input_elements == 24


def test_products_with_a_shared_and_with_their_own_weights() -> None:
    """5 products of 4 x 6 @ 6 x 7: with one matrix a gemm of 20 rows, with five a convolution in 5 groups."""
    for matrices, op, weights in ((1, Op.GEMM, 42), (5, Op.CONV, 5 * 42)):
        assembly = Assembly()
        left, right = Operand(network_input("x", (5, 4, 6)), 5), Operand(constant((matrices, 6, 7)), matrices)
        assembly.product("p", left, right, batch=5, rows=4, inner=6, columns=7, shape=(5, 4, 7))
        (layer,) = assembly.finish("net", "").model.layers
        assert (layer.op, layer.macs, layer.weight_elements) == (op, 5 * 4 * 6 * 7, weights)


def test_control_values_make_no_layer() -> None:
    """Rotary positions: frequencies (constants) times positions (integers)."""
    assembly = Assembly()
    angles = assembly.product(
        "rope", Operand(constant((8, 1))), Operand(control((1, 16))),
        batch=1, rows=8, inner=1, columns=16, shape=(8, 16),
    )  # fmt: skip
    assert angles == control((8, 16))
    with pytest.raises(InputError, match="no operator that is costed"):
        assembly.finish("net", "")


def test_names_are_unique_and_legal() -> None:
    assembly = Assembly()
    x = network_input("x", (1, 3, 6, 6))
    for name in ("input", "conv", "conv", "conv#1", "a\x1b[31m\u202eb", ""):
        x = _conv(assembly, name, x, 3, 6)
    names = [layer.name for layer in assembly.finish("\n", "").model.layers]
    assert names == ["input#0", "conv", "conv#1", "conv#1#1", "a [31m b", "conv#2"]
    assert len(legal_name("x" * 500)) == 200


def test_edges_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two products of the input and their sum: 1 + 1 + 2 edges."""
    monkeypatch.setattr("chipweave.workload.importers.assembly.MOST_EDGES", 3)
    assembly = Assembly()
    one, two = (
        assembly.product(name, Operand(network_input("x", (5, 6))), Operand(constant((6, 7))),
                         batch=1, rows=5, inner=6, columns=7, shape=(5, 7)) for name in ("a", "b")
    )  # fmt: skip
    with pytest.raises(InputError, match="more than 3 edges"):
        assembly.elementwise("Add", "c", (one, two), (5, 7))


def test_an_impossible_size_names_the_layer() -> None:
    with pytest.raises(InputError, match=r"layer 'a': K=\d+ is not in"):
        _conv(Assembly(), "a", network_input("x", (1, 3, 6, 6)), 2**40, 6)
