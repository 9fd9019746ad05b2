"""Nests of loops as layers: what each loop is to the operator, and that no multiplication is lost or made up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Assembly
from chipweave.workload.importers.loop_nest import LoopNest, Window, append_nest
from chipweave.workload.importers.view import network_input
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Model

OUTPUT, FIRST, SECOND = frozenset("NKPQG"), frozenset("NCG"), frozenset("KCRSG")


def convolution(stride: int = 1, dilation: int = 1, **sizes: int) -> LoopNest:
    """Output N K P Q of input N C and weights K C R S, in G groups."""
    whole = dict.fromkeys("NKCPQRSG", 1) | sizes
    return LoopNest(
        whole, OUTPUT, FIRST, SECOND, (Window("P", "R", stride, dilation), Window("Q", "S", stride, dilation))
    )


def model_of(*nests: LoopNest) -> Model:
    assembly, view = Assembly(), None
    for nest in nests:
        view = append_nest(assembly, "layer", nest, view)
    return assembly.finish("net", "").model


def layer_of(nest: LoopNest) -> Layer:
    (layer,) = model_of(nest).layers
    return layer


SIZES = st.integers(1, 9)


@given(st.fixed_dictionaries(dict.fromkeys("NKCPQRSG", SIZES)), SIZES, SIZES)
def test_macs_are_all_iterations_and_weights_those_of_their_loops(
    sizes: dict[str, int], stride: int, dilation: int
) -> None:
    layer = layer_of(convolution(stride, dilation, **sizes))
    assert layer.macs == math.prod(sizes.values())
    assert layer.weight_elements == math.prod(sizes[loop] for loop in SECOND)
    assert layer.output_elements == math.prod(sizes[loop] for loop in OUTPUT)


def test_which_operator_it_is() -> None:
    stem = layer_of(convolution(2, K=64, C=3, P=112, Q=112, R=7, S=7))
    assert (stem.op, stem.Y, stem.stride) == (Op.CONV, 2 * 111 + 7, (2, 2))  # from the first window to the last
    assert layer_of(convolution(G=64, P=56, Q=56, R=3, S=3)).op is Op.DEPTHWISE
    grouped = layer_of(convolution(G=4, K=8, C=2, P=5, Q=5, R=3, S=3))
    assert (grouped.op, grouped.K, grouped.C, grouped.groups) == (Op.CONV, 32, 8, 4)
    assert layer_of(convolution(K=64, C=16, P=7, Q=7)).op is Op.CONV  # a map under a filter of one element
    classes, tokens = layer_of(convolution(K=10, C=512)), layer_of(convolution(K=64, C=16, P=128, N=2))
    assert (classes.op, classes.Y, tokens.op, tokens.Y) == (Op.GEMM, 1, Op.GEMM, 256)
    column = layer_of(convolution(K=4, C=4, P=6, Q=5, R=3))  # a filter of 3 x 1 keeps its map
    assert (column.op, column.N, column.X, column.S) == (Op.CONV, 1, 5, 1)


def test_a_window_with_its_own_size_and_padding() -> None:
    window = Window("P", "R", 2, 1, size=224, padding=3)
    nest = LoopNest({"P": 112, "R": 7, "K": 2}, frozenset("PK"), frozenset(), frozenset("RK"), (window,))
    layer = layer_of(nest)
    assert (layer.Y, layer.X, layer.out_y, layer.padding) == (224, 1, 112, (3, 0))
    assert layer.macs == 112 * 7 * 2


def test_two_activations_make_a_product_of_both() -> None:
    """Heads h of q k^T: h rows x inner by inner x columns."""
    sizes = {"H": 2, "M": 3, "N": 5, "D": 4}
    nest = LoopNest(sizes, frozenset("HMN"), frozenset("HMD"), frozenset("HND"))
    assembly = Assembly()
    append_nest(assembly, "qk", nest, network_input("q", (2, 3, 4)), network_input("k", (2, 5, 4)))
    (layer,) = assembly.finish("net", "").model.layers
    assert (layer.op, layer.groups, layer.weight_elements, layer.macs) == (Op.MATMUL, 2, 0, 2 * 3 * 5 * 4)


def test_a_chain_carries_what_was_made() -> None:
    model = model_of(convolution(K=8, C=3, P=6, Q=6, R=3, S=3), convolution(K=4, C=8, P=6, Q=6, R=3, S=3))
    assert (model.edges[1].elements, model.edges[1].reshape) == (8 * 36, True)  # the padding is not made by anyone


@pytest.mark.parametrize(
    "nest",
    [
        LoopNest({"A": 3, "K": 2}, frozenset("K"), frozenset("A"), frozenset("K")),  # summed over the input alone
        LoopNest({"A": 3, "K": 2}, frozenset("AK"), frozenset(), frozenset("K")),  # of the output alone
        LoopNest({"P": 3, "R": 2}, frozenset("P"), frozenset(), frozenset("PR"), (Window("P", "R"),)),
    ],
)
def test_loops_that_make_no_operator_are_named(nest: LoopNest) -> None:
    with pytest.raises(InputError, match=r"loop [AP] of 3 has no place in a convolution or a product; it must"):
        model_of(nest)
