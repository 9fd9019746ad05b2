"""Recurrent operators, loops and scans of ONNX: MACs by formula, weights once, sizes as its evaluator has them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx", reason="ONNX files need the package onnx")

import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Imported
from chipweave.workload.importers.onnx.model import read_onnx
from chipweave.workload.layer import Op
from tests.workload.importers.onnx_nets import Net

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def imported(net: Net, folder: Path, output: str = "", **options: Any) -> Imported:
    path = folder / "net.onnx"
    onnx.save_model(net.model(output or net.nodes[-1].output[0]), path)
    return read_onnx(path, **options)


def stored(name: str, *sizes: int) -> TensorProto:
    return numpy_helper.from_array(np.zeros(sizes, np.float32), name)


@st.composite
def recurrent_nets(draw: Any) -> tuple[str, dict[str, Any], tuple[int, int, int, int], int, list[int] | None]:
    kind = draw(st.sampled_from(sorted(GATES)))
    sizes = tuple(draw(st.integers(1, 4)) for _ in range(4))
    count = draw(st.integers(1, 2))
    attributes: dict[str, Any] = {"hidden_size": sizes[3]}
    if count == 2:
        attributes["direction"] = "bidirectional"
    elif draw(st.booleans()):
        attributes["direction"] = "reverse"
    if kind == "GRU" and draw(st.booleans()):
        attributes["linear_before_reset"] = 1
    lengths = [draw(st.integers(1, sizes[0])) for _ in range(sizes[1])] if draw(st.booleans()) else None
    return kind, attributes, sizes, count, lengths


@settings(max_examples=25, deadline=None)
@given(net=recurrent_nets(), layout=st.sampled_from((0, 1)), opset=st.sampled_from((14, 17, 22)))
def test_a_recurrent_layer(
    net: tuple[str, dict[str, Any], tuple[int, int, int, int], int, list[int] | None],
    layout: int,
    opset: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Each step of each sequence meets gates * hidden * (inputs + hidden) weights, in each direction. A product of all
    that comes out shows how large it is; ONNX's evaluator makes it as large."""
    kind, attributes, (steps, rows, inner, hidden), count, lengths = net
    if layout:
        attributes = attributes | {"layout": 1}
    width = GATES[kind] * hidden
    operands = ["x", "w", "r", "b" * (rows > 1), "n" * (lengths is not None)]
    constants = [stored("w", count, width, inner), stored("r", count, width, hidden), stored("v", hidden, 5)]
    constants += [stored("b", count, 2 * width)]
    if lengths:
        constants.append(numpy_helper.from_array(np.array(lengths, np.int32), "n"))
    nodes = [
        helper.make_node(kind, operands, ["h"], **attributes),
        helper.make_node("MatMul", ["h", "v"], ["y"]),
    ]
    shape = (rows, steps, inner) if layout else (steps, rows, inner)
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info("y", FLOAT, [None] * 4)], constants,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    onnx.save_model(model, path)
    made = read_onnx(path)
    taken = sum(lengths) if lengths else steps * rows
    products, last = made.model.layers[:-1], made.model.layers[-1]
    assert made.unsupported == {}
    assert sum(layer.macs for layer in products) == count * taken * width * (inner + hidden)
    assert sum(layer.weight_elements for layer in products) == count * width * (inner + hidden)
    assert last.macs == steps * rows * count * hidden * 5
    for layer, edges in zip(made.model.layers, made.model.operands, strict=True):
        if layer.op is Op.ELEMENTWISE:  # what is left of the gates: a state for each step
            assert layer.output_elements == taken * hidden
            assert [edge.elements for edge in edges] == [taken * width]
    if not lengths and count == 1 and not (layout and kind != "LSTM"):
        (out,) = ReferenceEvaluator(model).run(None, {"x": np.zeros(shape, np.float32)})
        assert last.macs == np.prod(out.shape[:-1]) * hidden * 5


def test_states_peepholes_and_several_layers(tmp_path: Path) -> None:
    """Two LSTMs of 3 -> 4 -> 5 over 6 steps, each with a first state that a layer makes and with peepholes. The second
    reads what the first made, and the last state of the second goes to the classifier."""
    net = Net()
    x, z = net.input("x", (6, 1, 3)), net.input("z", (1, 7))
    start = net.node("Unsqueeze", net.node("MatMul", z, net.weight("s", 7, 4)), net.value(0))
    first = net.node(
        "LSTM", x, net.weight("w0", 1, 16, 3), net.weight("r0", 1, 16, 4), net.weight("b0", 1, 32), "", start, start,
        net.weight("p0", 1, 12), outputs=3, hidden_size=4,
    )  # fmt: skip
    turned = net.node("Squeeze", first[0], net.value(1))
    second = net.node(
        "LSTM", turned, net.weight("w1", 1, 20, 4), net.weight("r1", 1, 20, 5), outputs=3, hidden_size=5
    )  # fmt: skip
    net.node("MatMul", net.node("Squeeze", second[1], net.value(0)), net.weight("c", 5, 2))
    made = imported(net, tmp_path)
    layers = {layer.name: layer for layer in made.model.layers}
    assert made.model.macs == 7 * 4 + 6 * 16 * (3 + 4) + 6 * 20 * (4 + 5) + 5 * 2
    assert made.model.weight_elements == 28 + 16 * 7 + 20 * 9 + 10
    recurrence = layers["LSTM_2.recurrence"]
    assert (recurrence.N, recurrence.Y, recurrence.C, recurrence.K) == (6, 1, 4, 16)
    reads = {
        layer.name: [(made.model.layers[edge.producer].name, edge.elements) for edge in edges if edge.producer >= 0]
        for layer, edges in zip(made.model.layers, made.model.operands, strict=True)
    }
    assert reads["LSTM_2.recurrence"] == [("LSTM_2.input", 96), ("MatMul_0", 4)]
    assert reads["LSTM_2.gates"] == [("LSTM_2.recurrence", 96), ("MatMul_0", 4)]
    assert reads["LSTM_4.input"] == [("LSTM_2.gates", 24)]
    assert reads["MatMul_6"] == [("LSTM_4.gates", 5)]


def test_a_recurrent_layer_of_wrong_sizes(tmp_path: Path) -> None:
    net = Net()
    net.node("GRU", net.input("x", (6, 1, 3)), net.weight("w", 1, 12, 2), net.weight("r", 1, 12, 4), hidden_size=4)
    with pytest.raises(InputError, match="do not fit each other"):
        imported(net, tmp_path)


def loop_body(*nodes: Any, state: list[int], scans: int = 0, **inits: tuple[int, ...]) -> Any:
    """`st` -> `st2`, and `scan0` ... beside it; the condition is handed on."""
    values = [helper.make_tensor_value_info(name, kind, []) for name, kind in (("i", INT64), ("ci", BOOL))]
    outputs = [helper.make_tensor_value_info("co", BOOL, []), helper.make_tensor_value_info("st2", FLOAT, state)]
    outputs += [helper.make_tensor_value_info(f"scan{at}", FLOAT, None) for at in range(scans)]
    return helper.make_graph(
        [helper.make_node("Identity", ["ci"], ["co"]), *nodes], "body",
        [*values, helper.make_tensor_value_info("st", FLOAT, state)], outputs,
        [stored(name, *sizes) for name, sizes in inits.items()],
    )  # fmt: skip


NODE = helper.make_node


@pytest.mark.parametrize("trips", [1, 2, 7])
def test_a_loop_is_one_layer_of_many_copies(tmp_path: Path, trips: int) -> None:
    """state @ W, `trips` times; all states side by side are trips * 16 elements, which the last product reads."""
    net = Net()
    nodes = (NODE("MatMul", ["st", "w"], ["m"]), NODE("Tanh", ["m"], ["st2"]), NODE("Identity", ["st2"], ["scan0"]))
    body = loop_body(*nodes, state=[1, 16], scans=1)
    x, count = net.input("x", (1, 16)), net.value(trips, scalar=True)
    net.weight("w", 16, 16)
    _, states = net.node("Loop", count, "", x, outputs=2, body=body)
    net.node("MatMul", states, net.weight("v", 16, 3))
    made = imported(net, tmp_path)
    loop, last = made.model.layers
    assert (loop.N, loop.macs, loop.weight_elements) == (trips, trips * 256, 256)
    assert (last.macs, made.model.operands[1][0].elements) == (trips * 16 * 3, trips * 16)
    assert made.model.operands[0][0].elements == 16  # the first state alone comes from outside


def test_a_loop_whose_rounds_have_their_own_weights(tmp_path: Path) -> None:
    """Round i takes W[i]: three layers with 16 weights each, none shared."""
    net = Net()
    body = loop_body(NODE("Gather", ["w", "i"], ["wi"]), NODE("MatMul", ["st", "wi"], ["st2"]), state=[1, 4])
    x, count = net.input("x", (1, 4)), net.value(3, scalar=True)
    net.weight("w", 3, 4, 4)
    net.node("Loop", count, "", x, body=body)
    made = imported(net, tmp_path)
    assert [layer.macs for layer in made.model.layers] == [16] * 3
    assert (made.model.weight_elements, {layer.shares for layer in made.model.layers}) == (48, {""})


def test_a_loop_that_grows_its_state(tmp_path: Path) -> None:
    """[n, 4] @ [4, 4] for n = 1, 2, 3, each with the same weights, which the model has once."""
    net = Net()
    body = loop_body(
        NODE("MatMul", ["st", "w"], ["m"]), NODE("Concat", ["m", "x"], ["st2"], axis=0), state=[None, 4]
    )  # fmt: skip
    x, count = net.input("x", (1, 4)), net.value(3, scalar=True)
    net.weight("w", 4, 4)
    net.node("Loop", count, "", x, body=body)
    made = imported(net, tmp_path)
    assert [layer.Y for layer in made.model.layers] == [1, 2, 3]
    assert (made.model.macs, made.model.weight_elements) == ((1 + 2 + 3) * 16, 16)


def test_a_loop_until_a_counter_is_full(tmp_path: Path) -> None:
    """while i + 1 < 5, from 0: five rounds, which are found by counting."""
    net = Net()
    one, five = net.value(1, scalar=True), net.value(5, scalar=True)
    body = loop_body(NODE("MatMul", ["st", "w"], ["st2"]), state=[1, 4])
    del body.node[0]
    body.node.extend([NODE("Add", ["i", one], ["j"]), NODE("Less", ["j", five], ["co"])])
    x = net.input("x", (1, 4))
    net.weight("w", 4, 4)
    net.node("Loop", "", "", x, body=body)
    (layer,) = imported(net, tmp_path).model.layers
    assert (layer.N, layer.macs, layer.weight_elements) == (5, 80, 16)


def test_a_loop_that_ends_before_its_limit(tmp_path: Path) -> None:
    """At most 100 rounds, and on while i < 3: rounds 0 to 3 run, and nothing of the attempt with 100 is left."""
    net = Net()
    most, three = net.value(100, scalar=True), net.value(3, scalar=True)
    body = loop_body(NODE("MatMul", ["st", "w"], ["st2"]), state=[1, 4])
    del body.node[0]
    body.node.extend([NODE("Less", ["i", three], ["co"])])
    net.weight("w", 4, 4)
    net.node("Loop", most, "", net.input("x", (1, 4)), body=body)
    (layer,) = imported(net, tmp_path).model.layers
    assert (layer.N, layer.macs, layer.weight_elements) == (4, 64, 16)


def test_a_branch_that_depends_on_the_round(tmp_path: Path) -> None:
    """One product in even rounds, two in odd ones: of five rounds 3 * 1 + 2 * 2 products of 16."""
    net = Net()
    two, zero, count = (net.value(number, scalar=True) for number in (2, 0, 5))
    states = helper.make_tensor_value_info("t", FLOAT, [1, 4]), helper.make_tensor_value_info("e", FLOAT, [1, 4])
    even = helper.make_graph([NODE("MatMul", ["st", "w"], ["t"])], "even", [], states[:1])
    odd = helper.make_graph(
        [NODE("MatMul", ["st", "w"], ["e1"]), NODE("MatMul", ["e1", "v"], ["e"])], "odd", [], states[1:]
    )
    body = loop_body(NODE("If", ["c"], ["st2"], then_branch=even, else_branch=odd), state=[1, 4])
    body.node.extend([NODE("Mod", ["i", two], ["m"]), NODE("Equal", ["m", zero], ["c"])])
    net.weight("w", 4, 4), net.weight("v", 4, 4)
    net.node("Loop", count, "", net.input("x", (1, 4)), body=body)
    made = imported(net, tmp_path)
    assert (made.unsupported, made.model.macs, made.model.weight_elements) == ({}, 7 * 16, 32)


def test_rounds_that_are_not_known(tmp_path: Path) -> None:
    """A number of rounds that comes in: not costed, with the way out, and what follows is, since rounds keep the size;
    with its value, costed."""
    net = Net()
    body = loop_body(NODE("MatMul", ["st", "w"], ["st2"]), state=[1, 4])
    x, count = net.input("x", (1, 4)), net.input("n", (), INT64)
    net.weight("w", 4, 4)
    net.node("MatMul", net.node("Loop", count, "", x, body=body), net.weight("v", 4, 2))
    made = imported(net, tmp_path)
    assert (made.unsupported, made.model.macs, made.model.weight_elements) == ({"Loop": 1}, 8, 8)
    assert any("--value NAME=VALUE" in note for note in made.notes)
    assert imported(net, tmp_path, values={"n": [6]}).model.macs == 6 * 16 + 8
    with pytest.raises(InputError, match="no such input"):
        imported(net, tmp_path, values={"m": [6]})
    with pytest.raises(InputError, match="is no int64"):
        imported(net, tmp_path, values={"n": [6.5]})


def scan_net(steps: int, axis: int, weights: bool = False) -> tuple[Net, Any]:
    """h = h @ R + x_t @ W over the rows of x, all h handed out; or h @ W_t where the weights are gone through."""
    sizes = {"h": [1, 4], "e": [4, 4] if weights else [1, 3]}
    inputs = [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in sizes.items()]
    outputs = [helper.make_tensor_value_info(name, FLOAT, [1, 4]) for name in ("h2", "o")]
    own = [NODE("MatMul", ["h", "e"], ["h2"])] if weights else [
        NODE("MatMul", ["h", "r"], ["a"]), NODE("MatMul", ["e", "w"], ["b"]), NODE("Add", ["a", "b"], ["h2"])
    ]  # fmt: skip
    body = helper.make_graph([*own, NODE("Identity", ["h2"], ["o"])], "body", inputs, outputs)
    net = Net()
    net.weight("r", 4, 4), net.weight("w", 3, 4)
    shape = [1, 3]
    shape.insert(axis, steps)
    gone_through = net.weight("stack", steps, 4, 4) if weights else net.input("x", shape)
    first = net.node("Scan", net.input("h0", (1, 4)), gone_through, outputs=2, num_scan_inputs=1, body=body,
                     **({"scan_input_axes": [axis]} if axis else {}))  # fmt: skip
    return net, first


@pytest.mark.parametrize(("steps", "axis"), [(5, 0), (9, 1), (1, 2)])
def test_a_scan(tmp_path: Path, steps: int, axis: int) -> None:
    """steps * (4*4 + 3*4) MACs with 28 weights, and every row of x is read once."""
    net, (_, states) = scan_net(steps, axis)
    net.node("MatMul", states, net.weight("v", 4, 2))
    made = imported(net, tmp_path)
    assert made.model.macs == steps * (16 + 12) + steps * 8
    assert made.model.weight_elements == 16 + 12 + 8
    reads = {
        made.model.layers[edge.consumer].name: edge.elements
        for edge in made.model.input_readers
    }  # fmt: skip
    assert sorted(reads.values()) == sorted([4, 3 * steps])
    assert made.model.consumers[-2][0].elements == 4 * steps


def test_a_scan_through_weights(tmp_path: Path) -> None:
    """As some exporters write a stack of equal layers: each round has a matrix of its own."""
    net, (state, _) = scan_net(6, 0, weights=True)
    net.node("MatMul", state, net.weight("v", 4, 2))
    made = imported(net, tmp_path)
    assert (made.model.macs, made.model.weight_elements) == (6 * 16 + 8, 6 * 16 + 8)


def test_loops_in_loops(tmp_path: Path) -> None:
    """3 rounds of 4 rounds: 12 products with one matrix."""
    net = Net()
    inner = loop_body(NODE("MatMul", ["st", "w"], ["st2"]), state=[1, 4])
    four = net.value(4, scalar=True)
    for value in (*inner.input, *inner.output):
        value.name = f"n_{value.name}"
    for node in inner.node:
        node.input[:] = [name if name == "w" else f"n_{name}" for name in node.input]
        node.output[:] = [f"n_{name}" for name in node.output]
    outer = loop_body(NODE("Loop", [four, "", "st"], ["st2"], body=inner), state=[1, 4])
    x, three = net.input("x", (1, 4)), net.value(3, scalar=True)
    net.weight("w", 4, 4)
    net.node("Loop", three, "", x, body=outer)
    (layer,) = imported(net, tmp_path).model.layers
    assert (layer.N, layer.macs, layer.weight_elements) == (12, 12 * 16, 16)


def branches(*sizes: int) -> dict[str, Any]:
    """Two convolutions with filters of these sizes, whose weights are `w0` and `w1`."""
    graphs = [
        helper.make_graph(
            [NODE("Conv", ["x", f"w{at}"], [f"y{at}"], pads=[size // 2] * 4)], "branch", [],
            [helper.make_tensor_value_info(f"y{at}", FLOAT, [1, 4, 8, 8])],
        )
        for at, size in enumerate(sizes)
    ]  # fmt: skip
    return {"then_branch": graphs[0], "else_branch": graphs[1]}


@pytest.mark.parametrize(("rate", "kernel"), [(16000, 3), (8000, 5)])
def test_a_branch_on_a_value_that_is_given(tmp_path: Path, rate: int, kernel: int) -> None:
    net = Net()
    net.input("x", (1, 4, 8, 8))
    same = net.node("Equal", net.input("sr", (), INT64), net.value(16000, scalar=True))
    net.weight("w0", 4, 4, 3, 3), net.weight("w1", 4, 4, 5, 5)
    branch = net.node("If", same, **branches(3, 5))
    net.node("Conv", branch, net.weight("v", 2, 4, 1, 1))
    made = imported(net, tmp_path, values={"sr": [rate]})
    assert made.model.macs == 64 * 16 * kernel**2 + 64 * 8
    unknown = imported(net, tmp_path)  # both branches make the same sizes, so what follows is costed
    assert (unknown.model.macs, unknown.unsupported) == (64 * 8, {"If": 1})
    assert any("--value" in note for note in unknown.notes)


def test_random_loops_against_rounds_written_out(tmp_path: Path) -> None:
    """A loop of a random chain of products, and the same chain as often as it runs: as many MACs and weights."""
    rng = random.Random(5)
    for _ in range(6):
        trips, widths = rng.randint(1, 5), [rng.randint(1, 6) for _ in range(rng.randint(1, 3))]
        sizes = [3, *widths, 3]
        names = ["st", *(f"m{at}" for at in range(len(sizes) - 2)), "st2"]
        nodes = [NODE("MatMul", [names[at], f"w{at}"], [names[at + 1]]) for at in range(len(sizes) - 1)]
        looped, plain = Net(), Net()
        for net in (looped, plain):
            net.input("x", (2, 3))
            for at in range(len(sizes) - 1):
                net.weight(f"w{at}", sizes[at], sizes[at + 1])
        looped.node("Loop", looped.value(trips, scalar=True), "", "x", body=loop_body(*nodes, state=[2, 3]))
        at = "x"
        for _ in range(trips):
            for layer in range(len(sizes) - 1):
                at = plain.node("MatMul", at, f"w{layer}")
        one, other = imported(looped, tmp_path).model, imported(plain, tmp_path).model
        assert (one.macs, one.weight_elements) == (other.macs, other.weight_elements)
