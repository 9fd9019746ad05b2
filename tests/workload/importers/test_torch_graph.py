"""Graphs written by hand, as tracing would give them: which layers and edges come out. Needs no PyTorch."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Imported
from chipweave.workload.importers.torch import import_factory
from chipweave.workload.importers.torch.arrange import permuted, reshaped, sliced, split
from chipweave.workload.importers.torch.contract import contraction, matmul_equation
from chipweave.workload.importers.torch.graph import Body, Input, Node, Output, Ref, TracedGraph
from chipweave.workload.importers.torch.translate import translate
from chipweave.workload.importers.view import Piece, View, concatenate, constant, made_of
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge

Shape = tuple[int, ...]
X, W, B = Ref("x"), Ref("w"), Ref("b")


def imported(x: Shape, *nodes: Node, integer: bool = False, **constants: Shape) -> Imported:
    """Of a network with one input `x`."""
    inputs = [Input("x", Output(x, integer)), *(Input(name, Output(s), True) for name, s in constants.items())]
    return translate(TracedGraph(tuple(inputs), nodes), "net", "by hand")


def node(name: str, operator: str, shape: Shape | None, **arguments: Any) -> Node:
    return Node(name, operator, arguments, (Output(shape),), scope=name)


def conv(name: str, source: Ref, shape: Shape, weight: Ref = W, **more: Any) -> Node:
    arguments = {"stride": [1, 1], "padding": [1, 1], "dilation": [1, 1], "groups": 1} | more
    return node(name, "conv2d", shape, input=source, weight=weight, bias=None, **arguments)


def only(made: Imported) -> Layer:
    (layer,) = made.model.layers
    return layer


@pytest.mark.parametrize(
    ("x", "w", "shape", "arguments", "op", "macs"),
    [
        ((1, 3, 8, 8), (4, 3, 3, 3), (1, 4, 8, 8), {}, Op.CONV, 64 * 4 * 3 * 9),
        ((1, 4, 8, 8), (4, 1, 3, 3), (1, 4, 8, 8), {"groups": 4}, Op.DEPTHWISE, 64 * 4 * 9),
        ((1, 4, 8, 8), (6, 2, 3, 3), (1, 6, 4, 4), {"groups": 2, "stride": [2, 2]}, Op.CONV, 16 * 6 * 2 * 9),
        ((1, 3, 8, 8), (4, 3, 3, 3), (1, 4, 8, 8), {"padding": "same", "dilation": [2, 2]}, Op.CONV, 64 * 4 * 3 * 9),
        ((1, 3, 8, 8), (4, 3, 3, 3), (1, 4, 6, 6), {"padding": "valid"}, Op.CONV, 36 * 4 * 3 * 9),
        ((3, 8, 8), (4, 3, 3, 3), (4, 8, 8), {}, Op.CONV, 64 * 4 * 3 * 9),  # without the batch
        ((1, 3, 8), (4, 3, 5), (1, 4, 4), {"padding": [0], "stride": [1]}, Op.CONV, 4 * 4 * 3 * 5),
        ((1, 3, 4, 8, 8), (2, 3, 3, 3, 3), (1, 2, 4, 8, 8), {"padding": [1]}, Op.CONV, 4 * 64 * 2 * 3 * 27),
    ],
)
def test_convolutions(x: Shape, w: Shape, shape: Shape, arguments: dict[str, Any], op: Op, macs: int) -> None:
    """Outputs * their channels * input channels of a group * filter; weights are what the module has."""
    layer = only(imported(x, conv("c", X, shape, **arguments), w=w))
    assert (layer.op, layer.macs, layer.weight_elements) == (op, macs, math.prod(w))
    assert layer.output_elements == math.prod(shape)


@pytest.mark.parametrize(
    ("x", "w", "shape"),
    [
        ((1, 6, 5, 5), (6, 4, 2, 2), (1, 4, 10, 10)),
        ((1, 6, 5), (6, 4, 2), (1, 4, 10)),
        ((1, 6, 3, 5, 5), (6, 4, 2, 2, 2), (1, 4, 6, 10, 10)),
    ],
)
def test_transposed_convolutions(x: Shape, w: Shape, shape: Shape) -> None:
    """Every input element meets every weight of its channel: 4 outputs * 2 per axis."""
    arguments = {"input": X, "weight": W, "stride": [2], "padding": [0], "dilation": [1], "groups": 1}
    layer = only(imported(x, node("c", f"conv_transpose{len(x) - 2}d", shape, **arguments), w=w))
    assert layer.op is Op.TRANSPOSED
    assert layer.macs == math.prod(x) * 4 * 2 ** (len(x) - 2)
    assert layer.weight_elements == math.prod(w)
    assert layer.output_elements == math.prod(shape)


def test_zeros_put_around_a_map_are_the_padding_of_its_convolution() -> None:
    """One row above and one below, none left and two right: the layer reads 8x8, padded by (1, 0)."""
    padded = node("p", "pad", (1, 3, 10, 10), self=X, pad=[0, 2, 1, 1], mode="constant", value=None)
    made = imported((1, 3, 8, 8), padded, conv("c", Ref("p"), (1, 4, 8, 8), padding=[0, 0]), w=(4, 3, 3, 3))
    layer = only(made)
    assert (layer.Y, layer.X, layer.out_y, layer.out_x, layer.padding) == (8, 8, 8, 8, (1, 0))
    assert made.model.edges == (Edge(NETWORK_INPUT, 0, 3 * 64),)


def test_other_padding_is_no_padding_of_the_convolution() -> None:
    padded = node("p", "pad", (1, 3, 10, 10), self=X, pad=[1, 1, 1, 1], mode="reflect", value=None)
    layer = only(imported((1, 3, 8, 8), padded, conv("c", Ref("p"), (1, 4, 8, 8), padding=[0, 0]), w=(4, 3, 3, 3)))
    assert (layer.Y, layer.padding) == (10, (0, 0))


@pytest.mark.parametrize(
    ("operator", "x", "w", "shape", "arguments", "bounds"),
    [
        # op, rows Y, C, K, groups
        ("linear", (1, 5, 6), (7, 6), (1, 5, 7), {"input": X, "weight": W}, (Op.GEMM, 5, 6, 7, 1)),
        ("linear", (6,), (7, 6), (7,), {"input": X, "weight": W, "bias": B}, (Op.GEMM, 1, 6, 7, 1)),
        ("linear", (2, 3, 5, 6), (7, 6), (2, 3, 5, 7), {"input": X, "weight": W}, (Op.GEMM, 30, 6, 7, 1)),
        ("addmm", (5, 6), (6, 7), (5, 7), {"self": B, "mat1": X, "mat2": W}, (Op.GEMM, 5, 6, 7, 1)),
        ("mm", (5, 6), (6, 7), (5, 7), {"self": X, "mat2": W}, (Op.GEMM, 5, 6, 7, 1)),
        ("mm", (6, 7), (5, 6), (5, 7), {"self": W, "mat2": X}, (Op.GEMM, 7, 6, 5, 1)),  # weights on the left
        ("mv", (5, 6), (6,), (5,), {"self": X, "vec": W}, (Op.GEMM, 5, 6, 1, 1)),
        ("matmul", (3, 5, 6), (6, 7), (3, 5, 7), {"self": X, "other": W}, (Op.GEMM, 15, 6, 7, 1)),
        ("matmul", (3, 5, 6), (3, 6, 7), (3, 5, 7), {"self": X, "other": W}, (Op.CONV, 5, 18, 21, 3)),
        ("matmul", (1, 5, 6), (3, 6, 7), (3, 5, 7), {"self": X, "other": W}, (Op.GEMM, 5, 6, 21, 1)),
        ("matmul", (3, 6, 6), (), (3, 6, 6), {"self": X, "other": X}, (Op.MATMUL, 6, 18, 18, 3)),
        ("bmm", (3, 5, 6), (3, 6, 7), (3, 5, 7), {"self": X, "mat2": W}, (Op.CONV, 5, 18, 21, 3)),
        ("baddbmm", (3, 5, 6), (3, 6, 7), (3, 5, 7), {"self": B, "batch1": X, "batch2": W}, (Op.CONV, 5, 18, 21, 3)),
        ("einsum", (2, 3, 6), (6, 4), (4, 2, 3), {"equation": "bti,io->obt", "tensors": [X, W]}, (Op.GEMM, 6, 6, 4, 1)),
    ],
)
def test_products(
    operator: str, x: Shape, w: Shape, shape: Shape, arguments: dict[str, Any], bounds: tuple[Any, ...]
) -> None:
    layer = only(imported(x, node("p", operator, shape, **arguments), w=w, b=shape[-1:]))
    assert (layer.op, layer.Y, layer.C, layer.K, layer.groups) == bounds
    assert layer.weight_elements == (0 if layer.op is Op.MATMUL else math.prod(w))


def test_an_activation_that_a_product_adds_is_a_layer() -> None:
    """baddbmm of scores and a computed bias; with beta 0 the bias is not read."""
    made = [
        imported(
            (3, 5, 6),
            node("y", "linear", (3, 5, 5), input=X, weight=W),
            node("p", "baddbmm", (3, 5, 7), self=Ref("y"), batch1=X, batch2=B, beta=beta),
            w=(5, 6),
            b=(3, 6, 7),
        ).model
        for beta in (0, 1)
    ]
    assert [[layer.op for layer in model.layers] for model in made] == [
        [Op.GEMM, Op.CONV],
        [Op.GEMM, Op.CONV, Op.ELEMENTWISE],
    ]


letters = st.lists(st.sampled_from("abcdef"), unique=True, min_size=1, max_size=4)


@given(letters, letters, st.data())
def test_a_contraction_multiplies_what_its_loops_say(left: list[str], right: list[str], data: Any) -> None:
    """A loop over every letter, once: and outputs are as many as NumPy makes. Letters of one operand are kept."""
    sizes = {letter: data.draw(st.integers(1, 4), label=letter) for letter in {*left, *right}}
    shared = sorted({*left} & {*right})
    summed = set(data.draw(st.lists(st.sampled_from(shared), unique=True))) if shared else set()
    output = "".join(sorted({*left, *right} - summed))
    equation = f"{''.join(left)},{''.join(right)}->{output}"
    a, b = (tuple(sizes[letter] for letter in word) for word in (left, right))
    copied = set(data.draw(st.lists(st.sampled_from(right), unique=True), label="copies"))
    once = tuple(1 if letter in copied else sizes[letter] for letter in right)
    found = contraction(equation, made_of((), a), constant(b, once=once))
    assert found.batch * found.inner * found.columns >= math.prod(once)  # no weight is forgotten
    assert found.batch * found.rows * found.columns == np.einsum(equation, np.ones(a), np.ones(b)).size
    assert found.batch * found.rows * found.inner * found.columns == math.prod(sizes.values())
    assert found.inner == np.einsum(equation, np.ones(a), np.ones(b)).flat[0]  # as many ones were summed


axes = st.lists(st.integers(1, 3), max_size=2)


@given(axes, axes, st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
def test_matmul_broadcasts_as_numpy_does(a: list[int], b: list[int], rows: int, inner: int, columns: int) -> None:
    left, right = (*a, rows, inner), (*b, inner, columns)
    try:
        product = np.ones(left) @ np.ones(right)
    except ValueError:
        return
    found = contraction(matmul_equation(len(left), len(right)), made_of((), left), constant(right))
    assert found.inner == inner
    assert found.batch * found.rows * found.columns == product.size
    assert found.batch <= min(math.prod(a), math.prod(b))  # only what both have is a batch


def test_a_contraction_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="einsum 'ab,bc->ac' in 'p': 'ab' does not name 3 axes"):
        imported((1, 2, 3), node("p", "einsum", (1, 3), equation="ab,bc->ac", tensors=[X, W]), w=(2, 3))


@pytest.mark.parametrize(
    ("operator", "shape", "arguments", "window", "out"),
    [
        ("max_pool2d", (1, 4, 4, 3), {"kernel_size": [3], "stride": [2], "padding": [1, 0]}, (3, 3), (4, 3)),
        ("avg_pool2d", (1, 4, 2, 2), {"kernel_size": [4, 4], "stride": [], "padding": 0}, (4, 4), (2, 2)),
        ("adaptive_avg_pool2d", (1, 4, 1, 1), {}, (8, 8), (1, 1)),
        ("adaptive_max_pool2d", (1, 4, 3, 3), {}, (3, 3), (3, 3)),
        ("mean", (1, 4), {"dim": [-1, -2]}, (8, 8), (1, 1)),
        ("amax", (1, 4, 1, 1), {"dim": [2, 3], "keepdim": True}, (8, 8), (1, 1)),
    ],
)
def test_pools(operator: str, shape: Shape, arguments: dict[str, Any], window: Shape, out: Shape) -> None:
    layer = only(imported((1, 4, 8, 8), node("p", operator, shape, self=X, **arguments)))
    assert (layer.op, layer.R, layer.S, layer.out_y, layer.out_x) == (Op.POOL, *window, *out)
    assert (layer.K, layer.macs) == (4, 0)


def test_a_mean_over_tokens_is_a_pool_and_one_over_features_part_of_a_norm() -> None:
    pooled = only(imported((1, 5, 6), node("m", "mean", (1, 6), self=X, dim=[1], keepdim=False)))
    assert (pooled.op, pooled.K, pooled.Y, pooled.out_y) == (Op.POOL, 6, 5, 1)
    norm = node("m", "mean", (1, 5, 1), self=X, dim=[-1], keepdim=True)
    made = imported((1, 5, 6), norm, node("s", "sub", (1, 5, 6), self=X, other=Ref("m")), _linear("l", Ref("s"), 4),
                    w=(4, 6))  # fmt: skip
    assert [layer.name for layer in made.model.layers] == ["l"]
    assert made.folded == {"mean": 1, "sub": 1}


def _linear(name: str, source: Ref, outputs: int, weight: Ref = W) -> Node:
    return node(name, "linear", (1, 5, outputs), input=source, weight=weight)


def test_pools_to_the_same_size_are_no_layers() -> None:
    same = node("p", "adaptive_avg_pool2d", (1, 3, 8, 8), self=X)
    made = imported((1, 3, 8, 8), same, conv("c", Ref("p"), (1, 4, 8, 8)), w=(4, 3, 3, 3))
    assert [layer.name for layer in made.model.layers] == ["c"]


def test_pools_over_volumes_are_as_many_maps() -> None:
    """2 channels, 4 planes of 6x6 to 2 planes of 3x3."""
    layer = only(imported((1, 2, 4, 6, 6), node("p", "max_pool3d", (1, 2, 2, 3, 3), self=X, kernel_size=[2])))
    assert (layer.N, layer.K, layer.Y, layer.out_y) == (2, 2, 6, 3)
    assert layer.output_elements == 2 * 2 * 9


def test_resizes() -> None:
    layer = only(imported((1, 3, 4, 4), node("u", "upsample_bilinear2d", (1, 3, 8, 12), input=X)))
    assert (layer.op, layer.out_y, layer.out_x, layer.stride) == (Op.UPSAMPLE, 8, 12, (2, 3))


def test_what_is_written_through_one_view_is_read_through_the_others() -> None:
    """y = zeros(4 channels); y[:, :2] = a; y[:, 2:] = d; c = conv(y): c reads a and d."""
    nodes = (
        conv("a", X, (1, 2, 8, 8)),
        conv("d", X, (1, 2, 8, 8)),
        node("y", "zeros", (1, 4, 8, 8)),
        *(
            Node(
                f"half{i}",
                "slice",
                {"self": Ref("y"), "dim": 1, "start": i, "end": i + 2, "step": 1},
                (Output((1, 2, 8, 8)),),
                shares="y",
            )
            for i in (0, 2)
        ),
        Node(
            "first",
            "copy",
            {"self": Ref("half0"), "src": Ref("a")},
            (Output((1, 2, 8, 8)),),
            shares="half0",
            writes=True,
        ),
        Node(
            "second",
            "copy",
            {"self": Ref("half2"), "src": Ref("d")},
            (Output((1, 2, 8, 8)),),
            shares="half2",
            writes=True,
        ),
        conv("c", Ref("y"), (1, 5, 8, 8), B),
    )
    model = imported((1, 3, 8, 8), *nodes, w=(2, 3, 3, 3), b=(5, 4, 3, 3)).model
    assert set(model.operands[2]) == {Edge(0, 2, 128), Edge(1, 2, 128)}


def test_operators_that_are_not_costed_are_counted_and_hand_on_what_they_read() -> None:
    lists = Node("n", "torchvision::nms", {"boxes": Ref("a")}, (Output((1, 4, 8, 8)), Output(None)), several=True)
    nodes = (
        conv("a", X, (1, 4, 8, 8)),
        lists,
        node("i", "getitem", (1, 4, 8, 8), input=Ref("n"), index=0),
        conv("b", Ref("i"), (1, 5, 8, 8), B),
    )
    made = imported((1, 3, 8, 8), *nodes, w=(4, 3, 3, 3), b=(5, 4, 3, 3))
    assert made.unsupported == {"torchvision::nms": 1}
    assert made.model.operands[1] == (Edge(0, 1, 256),)


def test_unknown_operators_on_constants_cost_nothing() -> None:
    nodes = (node("k", "some_new_thing", (4, 3, 3, 3), self=W), conv("a", X, (1, 4, 8, 8), weight=Ref("k")))
    made = imported((1, 3, 8, 8), *nodes, w=(4, 3, 3, 3))
    assert (made.unsupported, made.folded) == ({}, {"some_new_thing": 1})


def test_attention_fused_and_written_out_are_the_same() -> None:
    """2 heads, 5 rows, 3 deep: 2*5*3*5 MACs each; three projections of 6 x 6 before them."""
    projections = [
        step
        for name in "qkv"
        for step in (
            Node(name, "linear", {"input": X, "weight": W}, (Output((1, 5, 6)),), scope=f"attn.{name}"),
            node(f"{name}4", "view", (1, 5, 2, 3), self=Ref(name)),
            node(f"{name}t", "transpose", (1, 2, 5, 3), self=Ref(f"{name}4"), dim0=1, dim1=2),
        )
    ]
    fused = Node("f", "scaled_dot_product_attention",
                 {"query": Ref("qt"), "key": Ref("kt"), "value": Ref("vt"), "attn_mask": None},
                 (Output((1, 2, 5, 3)),), scope="attn")  # fmt: skip
    written = (
        node("kk", "transpose", (1, 2, 3, 5), self=Ref("kt"), dim0=2, dim1=3),
        Node("s", "matmul", {"self": Ref("qt"), "other": Ref("kk")}, (Output((1, 2, 5, 5)),), scope="attn"),
        node("d", "div", (1, 2, 5, 5), self=Ref("s"), other=1.7),
        node("e", "softmax", (1, 2, 5, 5), self=Ref("d"), dim=-1),
        Node("m", "matmul", {"self": Ref("e"), "other": Ref("vt")}, (Output((1, 2, 5, 3)),), scope="attn"),
    )
    models = [imported((1, 5, 6), *projections, *rest, w=(6, 6)).model for rest in ((fused,), written)]
    assert models[0].layers == models[1].layers
    assert [set(edges) for edges in models[0].operands] == [set(edges) for edges in models[1].operands]
    assert [layer.name for layer in models[0].layers] == ["attn.q", "attn.k", "attn.v", "attn.qk", "attn.av"]
    assert [layer.macs for layer in models[0].layers] == [180, 180, 180, 150, 150]


def test_look_ups_of_tokens_are_the_input_and_of_constants_are_none() -> None:
    nodes = (
        node("t", "embedding", (1, 5, 6), weight=B, indices=X),
        node("i", "arange", (5,)),
        node("p", "embedding", (5, 6), weight=B, indices=Ref("i")),
        node("s", "add", (1, 5, 6), self=Ref("t"), other=Ref("p")),
        _linear("l", Ref("s"), 4),
    )
    made = imported((1, 5), *nodes, integer=True, w=(4, 6), b=(100, 6))
    assert made.model.edges == (Edge(NETWORK_INPUT, 0, 30),)
    assert made.folded["add"] == 1


def test_shared_weights_and_batches_are_noted() -> None:
    made = imported((2, 5, 6), *(node(name, "linear", (2, 5, 6), input=ref, weight=W) for name, ref in
                                 (("a", X), ("b", Ref("a")))), w=(6, 6))  # fmt: skip
    assert len(made.notes) == 2
    assert "input 'x' has 2 entries" in made.notes[0]
    assert made.notes[1].startswith("2 layers share weights")


def test_layers_of_sizes_that_depend_on_values_are_not_costed() -> None:
    """Some rows of the input, and what is made of them; the last layer knows its size again."""
    nodes = (
        node("n", "index", None, self=X),
        node("l", "linear", None, input=Ref("n"), weight=W),
        node("s", "add", None, self=Ref("l"), other=Ref("n")),
        node("m", "sum", (6,), self=Ref("s"), dim=[0]),
        node("k", "linear", (4,), input=Ref("m"), weight=B),
    )
    made = imported((5, 6), *nodes, w=(6, 6), b=(4, 6))
    assert made.unsupported == {"linear": 1, "add": 1}
    assert made.notes[-1] == "not costed, as their sizes depend on values: 'l' and 1 more"
    assert [(layer.name, layer.macs) for layer in made.model.layers] == [("k", 24)]
    assert made.model.edges == (Edge(NETWORK_INPUT, 0, 6),)


def test_a_network_with_nothing_to_cost_says_what_it_has() -> None:
    with pytest.raises(InputError, match=r"no operator that is costed; it has lstm \(1\)"):
        imported((1, 5, 6), node("l", "lstm", (1, 5, 6), input=X))


def test_without_pytorch_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # what Python does for a package that is not there
    with pytest.raises(InputError, match=r"PyTorch cannot be imported .*; pip install 'chipweave\[torch\]'"):
        import_factory("nets:small")


# --- views: every element carries the number of its producer, and NumPy does the rest ---


def _counts(array: np.ndarray) -> dict[int, int]:
    producers, counts = np.unique(array, return_counts=True)
    return dict(zip(producers.tolist(), counts.tolist(), strict=True))


def _brought(view: View) -> dict[int, int]:
    total: dict[int, int] = {}
    for piece in view.pieces:
        total[piece.producer] = total.get(piece.producer, 0) + piece.elements
    return total


@st.composite
def joined(draw: Any) -> tuple[View, np.ndarray]:
    """Tensors side by side along one axis."""
    shape = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    axis = draw(st.integers(0, len(shape) - 1))
    views, arrays = [], []
    for producer in range(draw(st.integers(1, 3))):
        own = (*shape[:axis], draw(st.integers(1, 3)), *shape[axis + 1 :])
        views.append(made_of((Piece(producer, math.prod(own)),), own))
        arrays.append(np.full(own, producer))
    array = np.concatenate(arrays, axis)
    return concatenate(views, axis, array.shape), array


@given(joined(), st.data())
def test_permuted_slices_bring_what_numpy_finds_in_them(made: tuple[View, np.ndarray], data: Any) -> None:
    view, array = made
    order = data.draw(st.permutations(range(array.ndim)))
    view, array = permuted(view, order, array.transpose(order).shape), array.transpose(order)
    axis = data.draw(st.integers(-array.ndim, array.ndim - 1))
    size = array.shape[axis]
    start, end = data.draw(st.tuples(st.integers(-size, size - 1), st.one_of(st.none(), st.integers(-size, 2 * size))))
    cut = array[(slice(None),) * (axis % array.ndim) + (slice(start, end),)]
    if cut.size:
        view = sliced(view, axis, start, end, 1, cut.shape)
        assert view.shape == cut.shape
        assert _brought(view) == _counts(cut)


@given(joined(), st.data())
def test_stretches_are_told_apart_in_other_shapes(made: tuple[View, np.ndarray], data: Any) -> None:
    """An axis of one more, or two axes made one: the concatenated axis is found again where it is still whole."""
    view, array = made
    at = data.draw(st.integers(0, array.ndim))
    view, array = reshaped(view, np.expand_dims(array, at).shape), np.expand_dims(array, at)
    axis = view.axis
    assert axis is not None
    lengths = [1] * array.shape[axis]
    pieces = np.split(array, array.shape[axis], axis)
    for part, piece in zip(split(view, axis, lengths, [piece.shape for piece in pieces]), pieces, strict=True):
        assert _brought(part) == _counts(piece)


@given(joined(), st.data())
def test_a_reshape_brings_no_more_than_there_is(made: tuple[View, np.ndarray], data: Any) -> None:
    view, array = made
    first = data.draw(st.sampled_from([n for n in range(1, array.size + 1) if array.size % n == 0]))
    shape = (first, array.size // first)
    other = reshaped(view, shape)
    assert other.shape == shape
    assert _brought(other) == _counts(array)
    if other.axis is not None:
        half = sliced(other, other.axis, 0, 1, 1, None)
        assert _brought(half) == _counts(array.reshape(shape)[(slice(None),) * other.axis + (slice(0, 1),)])


def recurrent(kind: str, layers: int, directions: int, states: list[int], projected: int = 0) -> Imported:
    """Of 7 steps of a sequence of 5 features, batch first; `states` is the size of each layer's state."""
    gates, hidden = {"lstm": 4, "gru": 3, "rnn_tanh": 1}[kind], states[0]
    inner, constants, params = 5, {}, []
    for layer in range(layers):
        for direction in range(directions):
            shapes = [(gates * hidden, inner), (gates * hidden, projected or hidden), (gates * hidden,)] + [
                (projected, hidden)
            ] * bool(projected)
            for at, shape in enumerate(shapes):
                name = f"p{layer}_{direction}_{at}"
                constants[name] = shape
                params.append(Ref(name))
        inner = directions * (projected or hidden)
    outputs = (Output((1, 7, inner)), Output((layers * directions, 1, hidden)))
    arguments = {"input": X, "hx": [], "params": params, "has_biases": True, "num_layers": layers}
    arguments |= {"bidirectional": directions == 2, "batch_first": True}
    rnn = Node("rnn", kind, arguments, outputs, several=True, scope="rnn")
    return imported((1, 7, 5), rnn, **constants)


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn_tanh"])
@pytest.mark.parametrize("directions", [1, 2])
def test_recurrent_layers(kind: str, directions: int) -> None:
    """Two layers of 6: each of 7 steps meets all weights of all gates, in each direction, and the second layer reads
    what both directions of the first made."""
    gates = {"lstm": 4, "gru": 3, "rnn_tanh": 1}[kind]
    made = recurrent(kind, 2, directions, [6])
    weights = gates * 6 * directions * ((5 + 6) + (6 * directions + 6))
    assert (made.model.weight_elements, made.model.macs, made.unsupported) == (weights, 7 * weights, {})
    second = next(layer for layer in made.model.layers if layer.name == "rnn.l1.input")
    edges = made.model.operands[made.model.layers.index(second)]
    assert [edge.elements for edge in edges] == [7 * 6] * directions


def test_an_lstm_with_a_projection() -> None:
    """A state of 6 that is projected to 2: 4 * 6 * (5 + 2) + 6 * 2 weights, each for 7 steps."""
    made = recurrent("lstm", 1, 1, [6], projected=2)
    assert (made.model.weight_elements, made.model.macs) == (180, 7 * 180)


@pytest.mark.parametrize("kind", ["lstm_cell", "gru_cell", "rnn_relu_cell"])
def test_steps_of_a_recurrent_layer(kind: str) -> None:
    """Two steps of 2 rows, 5 features and a state of 6: all weights for each row of each step, and once in all."""
    gates = {"lstm_cell": 4, "gru_cell": 3, "rnn_relu_cell": 1}[kind]
    outputs, several = (Output((2, 6)),) * (2 if gates == 4 else 1), gates == 4
    nodes = []
    for step in range(2):
        before = [Ref(f"s{step - 1}")] if step else []
        state = before if several else (before[0] if before else None)
        arguments = {"input": X, "hx": state, "w_ih": W, "w_hh": Ref("v")}
        nodes.append(Node(f"s{step}", kind, arguments, outputs, several=several, scope="cell"))
    made = imported((2, 5), *nodes, w=(gates * 6, 5), v=(gates * 6, 6))
    weights = gates * 6 * 11
    assert (made.model.macs, made.model.weight_elements, made.unsupported) == (2 * 2 * weights, weights, {})


def test_recurrent_layers_that_are_left_out() -> None:
    """Packed sequences have lengths that are values."""
    packed = Node("rnn", "lstm", {"data": X, "batch_sizes": Ref("b"), "params": [W]}, (Output((7, 6)),), several=True)
    with pytest.raises(InputError, match=r"lstm \(1\)"):
        imported((7, 5), packed, w=(24, 5), b=(7,))


def test_sequences_that_were_to_be_packed_are_noted() -> None:
    inputs = (Input("x", Output((3, 4))), Input("w", Output((5, 4)), constant=True))
    graph = TracedGraph(inputs, (node("l", "linear", (3, 5), input=X, weight=W),), padded=True)
    assert any("as long as the longest" in note for note in translate(graph, "net", "by hand").notes)


def test_bilinear() -> None:
    """y[o] = x1 W[o] x2 of 3 rows, 4 and 5 features, 2 outputs: the matrix meets the larger input first, 3*2*4*5, and
    what is left of it the other, 3*2*4."""
    arguments = {"input1": X, "input2": Ref("z"), "weight": W, "bias": None}
    inputs = (Input("x", Output((3, 4))), Input("z", Output((3, 5))), Input("w", Output((2, 4, 5)), constant=True))
    graph = TracedGraph(inputs, (node("b", "bilinear", (3, 2), **arguments),))
    made = translate(graph, "net", "by hand")
    assert (made.model.macs, made.model.weight_elements) == (3 * 2 * 4 * 5 + 3 * 2 * 4, 40)


def test_an_einsum_of_three() -> None:
    made = imported((1, 6, 8), node("e", "einsum", (1, 6, 4), equation="abc,cd,de->abe", tensors=[X, W, Ref("z")]),
                    w=(8, 10), z=(10, 4))  # fmt: skip
    assert (made.model.macs, made.model.weight_elements) == (6 * 8 * 10 + 6 * 10 * 4, 80 + 40)


def test_a_filter_that_a_layer_makes_is_no_weight() -> None:
    """A correlation: 49 places * 4 channels * 36 taps; the only weights are those that make the filter."""
    made = imported(
        (1, 3, 6, 6), conv("k", X, (1, 4, 6, 6), padding=[0, 0]),
        conv("y", Ref("k"), (1, 1, 1, 1), weight=Ref("k"), padding=[0, 0]), w=(4, 3, 1, 1),
    )  # fmt: skip
    assert (made.model.macs, made.model.weight_elements) == (4 * 36 * 3 + 4 * 36, 12)


def test_a_module_that_is_called_three_times_has_its_weights_once() -> None:
    steps = [conv(f"c{at}", Ref(f"c{at - 1}") if at else X, (1, 8, 10, 10)) for at in range(3)]
    made = imported((1, 8, 10, 10), *steps, w=(8, 8, 3, 3))
    assert (made.model.macs, made.model.weight_elements) == (3 * 100 * 576, 576)
    assert [layer.shares for layer in made.model.layers] == ["", "c0", "c0"]


def body(inputs: tuple[str, ...], *nodes: Node, returns: tuple[str, ...]) -> Body:
    """A round, or a side of a branch, of nodes whose names begin with `r/`."""
    listed = Node("r", "list", {"tensors": [Ref(name) for name in returns]}, (), True)
    return Body(inputs, (*nodes, listed))


def linear(name: str, source: str, shape: Shape, weight: str = "w") -> Node:
    return node(name, "linear", shape, input=Ref(source), weight=Ref(weight), bias=None)


def test_rounds_of_a_scan() -> None:
    """5 rounds of a product of 8 by 8 with the state, which starts as zeros, and a sum with an entry: 5 * 64 MACs, and
    64 weights once. What all rounds make goes into a product of 3 outputs each."""
    each = body(
        ("r/c", "r/x"),
        linear("r/l", "r/c", (1, 8)),
        node("r/s", "add", (1, 8), input=Ref("r/l"), other=Ref("r/x")),
        returns=("r/s", "r/s"),
    )
    outputs = (Output((1, 8)), Output((5, 1, 8)))
    scan = Node("s", "scan", {"1": [Ref("z")], "2": [X]}, outputs, True, "s", bodies=(each,), trips=5)
    every = Node("every", "getitem", {"input": Ref("s"), "index": 1}, (Output((5, 1, 8)),), shares="s")
    made = imported((5, 1, 8), scan, every, linear("l", "every", (5, 1, 3), "v"), z=(1, 8), w=(8, 8), v=(3, 8))
    product, added, last = made.model.layers
    assert (product.N, product.macs, product.weight_elements) == (5, 5 * 64, 64)
    assert (added.op, added.output_elements) == (Op.ELEMENTWISE, 40)
    assert last.macs == 5 * 24
    assert made.model.operands[2] == (Edge(1, 2, 40),)
    assert made.unsupported == {}


@pytest.mark.parametrize(("trips", "macs"), [(10, 640), (0, 0), (None, 0)])
def test_rounds_of_a_while_loop(trips: int | None, macs: int) -> None:
    each = body(("r/y",), linear("r/l", "r/y", (1, 8)), returns=("r/l",))
    loop = Node("s", "while_loop", {"2": [X]}, (Output((1, 8)),), True, "s", bodies=(each,), trips=trips)
    state = Node("y", "getitem", {"input": Ref("s"), "index": 0}, (Output((1, 8)),), shares="s")
    made = imported((1, 8), loop, state, linear("l", "y", (1, 3), "v"), w=(8, 8), v=(3, 8))
    assert made.model.macs == macs + 24
    assert made.unsupported == ({"while_loop": 1} if trips is None else {})
    assert any("number of rounds depends on values" in note for note in made.notes) == (trips is None)


@pytest.mark.parametrize(("other", "counted"), [((8, 8), True), ((8, 4), False)])
def test_sides_of_a_branch(other: Shape, counted: bool) -> None:
    """Sides of one product of 8 by 8 each; and one of which has two smaller ones."""
    one = body((), linear("r/a", "x", (1, 8), "w"), returns=("r/a",))
    if counted:
        two = body((), linear("r/b", "x", (1, 8), "u"), returns=("r/b",))
    else:
        two = body((), linear("r/b", "x", (1, 4), "t"), linear("r/c", "r/b", (1, 8), "u"), returns=("r/c",))
    branch = Node("s", "cond", {"0": Ref("p"), "3": [X]}, (Output((1, 8)),), True, "s", bodies=(one, two))
    side = Node("y", "getitem", {"input": Ref("s"), "index": 0}, (Output((1, 8)),), shares="s")
    made = imported((1, 8), branch, side, linear("l", "y", (1, 3), "v"), p=(), w=(8, 8), u=other, t=(4, 8), v=(3, 8))
    assert made.model.macs == (64 if counted else 0) + 24
    assert made.unsupported == ({} if counted else {"cond": 1})
    note = "of the same sizes, one counts" if counted else "its branches make 64 and 64 multiply-accumulates"
    assert any(note in each for each in made.notes)
