"""ONNX files as they should not be: damaged, huge, hostile. Every one is refused in one clear sentence, or is inert."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx", reason="ONNX files need the package onnx")

import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto, helper, numpy_helper

from chipweave.errors import InputError
from chipweave.workload.importers.onnx import import_onnx, isolated
from chipweave.workload.importers.onnx.model import read_onnx
from chipweave.workload.importers.onnx.weightless import copy_without_weights, read_weightless
from tests.workload.importers.onnx_nets import Net


def small() -> ModelProto:
    net = Net()
    x = net.node("Relu", net.node("Conv", net.input("x", (1, 3, 8, 8)), net.weight("w", 4, 3, 1, 1)))
    return net.model(net.node("MatMul", net.node("Flatten", x), net.weight("v", 256, 10)))


def refused(model: ModelProto | bytes, folder: Path, **options: Any) -> str:
    path = folder / "net.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    with pytest.raises(InputError) as error:
        read_onnx(path, **options)
    assert all(len(problem) < 1500 and "\n" not in problem for problem in error.value.problems)
    return "\n".join(error.value.problems)


def field(number: int, body: bytes) -> bytes:
    """A length-delimited field in protobuf's wire format."""
    size, length = bytearray(), len(body)
    while length > 127:
        size.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2, *size, length]) + body


def with_nodes(nodes: bytes) -> bytes:
    """A model whose graph (field 7) is these nodes (field 1 each), for operator set 17 (field 8)."""
    return field(7, nodes) + field(8, b"\x10\x11")


def test_a_file_that_ends_early_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    whole = small().SerializeToString()
    for length in range(len(whole)):
        message = refused(whole[:length], tmp_path)
        assert "export it again" in message
        assert str(tmp_path / "net.onnx") in message


def test_the_place_of_the_damage_is_told(tmp_path: Path) -> None:
    whole = small().SerializeToString()
    assert "net.onnx: byte " in refused(whole[:100], tmp_path)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_bytes_never_end_in_a_traceback(changes: list[tuple[int, int]]) -> None:
    """DecodeError is protobuf's, and an InputError once it leaves `read_weightless`."""
    data = bytearray(WHOLE)
    for place, value in changes:
        data[place % len(data)] = value
    with suppress(InputError, DecodeError):
        ModelProto.FromString(copy_without_weights(bytes(data), "net.onnx"))


WHOLE = small().SerializeToString()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>not found</html>", "no ONNX model"),
        (b"\x80" * 30, "a number of more than 64 bits"),
        (b"\x0b\x00", "a field of unknown kind 3"),
        (field(7, field(1, field(4, b"\xff\xfe"))), "a name that is no UTF-8 text"),
        (field(8, b"\x10\x11"), "has no graph of nodes"),
        (field(7, field(1, field(4, b"Relu"))), "names no operator set"),
    ],
)
def test_what_is_no_model_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    assert message in refused(content, tmp_path)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.onnx"
    os.mkfifo(pipe)
    for path, message in ((pipe, "is no regular file"), (tmp_path, "is no regular"), (tmp_path / "x", "No such file")):
        with pytest.raises(InputError, match=message):
            read_onnx(path)


def test_external_data_is_not_opened(tmp_path: Path) -> None:
    """The weights are said to be in a pipe: opening it would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    model = small()
    for tensor in model.graph.initializer:
        tensor.external_data[0].value = "pipe"
    onnx.save_model(model, tmp_path / "net.onnx")
    made = import_onnx(tmp_path / "net.onnx")
    assert made.model.weight_elements == 12 + 2560


def test_large_data_is_left_behind_wherever_it_stands() -> None:
    """Initialisers, attributes, subgraphs, functions and sparse tensors; what is small stays."""

    def large(name: str) -> TensorProto:
        return numpy_helper.from_array(np.ones((64, 1024), np.float32), name)

    def branch(name: str) -> Any:
        node = helper.make_node("Constant", [], ["made"], value=large("in a branch"))
        return helper.make_graph([node], name, [], [], [large("of a branch")])

    nodes = [
        helper.make_node("Constant", [], ["c"], value=large("attribute"), doc_string="said " * 2000),
        helper.make_node("If", ["x"], ["y"], then_branch=branch("then"), else_branch=branch("else")),
        helper.make_node("Engine", ["y"], ["z"], domain="nobody", blob=b"x" * 100_000),
    ]
    sparse = helper.make_sparse_tensor(large("sparse"), numpy_helper.from_array(np.arange(65536), "places"), [2**20])
    small_one = numpy_helper.from_array(np.arange(5), "small")
    graph = helper.make_graph(nodes, "g", [], [], [large("initialiser"), small_one], sparse_initializer=[sparse])
    function = helper.make_function("mine", "F", [], ["c"], nodes[:1], [helper.make_opsetid("", 17)])
    model = helper.make_model(graph, functions=[function])
    model.training_info.add().algorithm.CopyFrom(graph)
    whole = model.SerializeToString()
    kept = copy_without_weights(whole, "net.onnx")
    assert len(whole) > 2_000_000
    assert len(kept) < 2_000
    read = ModelProto.FromString(kept)
    assert list(read.graph.initializer[0].dims) == [64, 1024]
    assert numpy_helper.to_array(read.graph.initializer[1]).tolist() == [0, 1, 2, 3, 4]
    assert len(read.graph.node) == 3
    assert not read.training_info


def test_a_file_larger_than_protobuf_reads(tmp_path: Path) -> None:
    """A tensor of 3 GB that takes no room on disk; protobuf refuses messages of 2 GB."""
    size = 3 * 2**30
    tensor = b"\x08" + b"\x80\x80\x80\x80\x03" + b"\x10\x01" + field(8, b"w")  # dims 3 * 2**28, float, name

    def head(number: int, length: int) -> bytes:
        return field(number, b"")[:-1] + varint(length)

    def varint(value: int) -> bytes:
        made = bytearray()
        while value > 127:
            made.append(value & 127 | 128)
            value >>= 7
        return bytes([*made, value])

    raw = tensor + head(9, size)
    initialiser = head(5, len(raw) + size) + raw
    node = field(1, field(1, b"x") + field(2, b"y") + field(4, b"Relu"))
    path = tmp_path / "net.onnx"
    path.write_bytes(head(7, len(node) + len(initialiser) + size) + node + initialiser)
    os.truncate(path, path.stat().st_size + size)
    model = read_weightless(path)
    assert list(model.graph.initializer[0].dims) == [3 * 2**28]
    assert model.ByteSize() < 100


@pytest.mark.parametrize("node", [b"\x0a\x00", field(1, field(1, b"x") + field(2, b"y") + field(4, b"Relu"))])
def test_a_million_nodes_are_refused(node: bytes, tmp_path: Path) -> None:
    message = refused(with_nodes(node * 1_000_000), tmp_path)
    assert "more than 100,000 nodes; export a smaller part of the model" in message


def test_many_small_tensors_are_refused(tmp_path: Path) -> None:
    tensor = field(5, field(9, bytes(4000)))
    assert "more than 64 MB beside the weights" in refused(field(7, tensor * 20_000), tmp_path)


@pytest.mark.slow
def test_many_fields_are_refused(tmp_path: Path) -> None:
    """More than two million empty input names of one node."""
    assert "more than 2,000,000 fields" in refused(with_nodes(field(1, b"\x0a\x00" * 2_000_000)), tmp_path)


def test_graphs_in_graphs_are_refused(tmp_path: Path) -> None:
    graph = b""
    for _ in range(200):  # graph { node { attribute { g } } }
        graph = field(1, field(5, field(6, graph)))
    assert "levels of graphs within graphs" in refused(with_nodes(graph), tmp_path)


def function(name: str, calls: Sequence[str]) -> Any:
    nodes = [helper.make_node(call, ["a"], [f"b{i}"], domain="mine") for i, call in enumerate(calls)]
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    return helper.make_function("mine", name, ["a"], ["b0"], nodes, sets)


def test_functions_that_grow_without_end_are_refused(tmp_path: Path) -> None:
    """9000 calls of 9000 calls of 9000 ..., and a function that calls itself."""
    empty = helper.make_function("mine", "F11", ["a"], ["a"], [], [helper.make_opsetid("", 17)])
    bombs = {
        "more than 100,000 nodes": [*(function(f"F{i}", [f"F{i + 1}"] * 9000) for i in range(11)), empty],
        "is more than 24 calls deep": [function(f"F{i}", [f"F{i + 1}"]) for i in range(60)],
        "calls itself: F0 -> F1 -> F0": [function("F0", ["F1"]), function("F1", ["F0"])],
    }
    for message, functions in bombs.items():
        net = Net()
        y = net.node("F0", net.input("x", (1, 3)), domain="mine")
        assert message in refused(net.model(y, functions=functions, domains=["mine"]), tmp_path)


def test_nodes_that_cannot_run_are_named(tmp_path: Path) -> None:
    def with_(*nodes: Any) -> ModelProto:
        net = Net()
        net.input("x", (1, 3, 8, 8))
        net.nodes += nodes
        return net.model("y")

    node = helper.make_node
    assert "'one' (Add) -> 'two' (Relu) -> 'one' (Add); a network cannot feed back" in refused(
        with_(node("Add", ["x", "b"], ["a"], "one"), node("Relu", ["a"], ["b"], "two")), tmp_path
    )
    assert "'one' (Relu) reads 'nobody', which nothing makes" in refused(
        with_(node("Relu", ["nobody"], ["y"], "one")), tmp_path
    )
    assert "'two' (Relu) makes 'y', which is made by 'one' (Relu) too" in refused(
        with_(node("Relu", ["x"], ["y"], "one"), node("Relu", ["x"], ["y"], "two")), tmp_path
    )
    assert "makes 'x', which is made an input or a constant already" in refused(
        with_(node("Relu", ["x"], ["x"], "one")), tmp_path
    )


def test_sizes_that_no_tensor_has_are_refused(tmp_path: Path) -> None:
    for sizes, message in (
        ((2**40, 3, 1, 1), "'w' has an axis of 1099511627776 elements"),
        ((4, -3, 1, 1), "'w' has an axis of -3 elements"),
        ((1,) * 100, "'w' has 100 axes"),
        ((4, 5, 1, 1), "the weights are for 5 input channels, but 3 come in"),
    ):
        net = Net()
        y = net.node("Conv", net.input("x", (1, 3, 8, 8)), net.weight("w", *sizes))
        assert message in refused(net.model(y), tmp_path)
    net = Net()
    y = net.node("MatMul", net.input("x", (2**20, 2**20, 8)), net.weight("w", 8, 8))
    assert f"Y={2**40} is not in 1.." in refused(net.model(y), tmp_path)


def test_products_that_do_not_fit_are_named(tmp_path: Path) -> None:
    net = Net()
    y = net.node("MatMul", net.input("x", (5, 6)), net.weight("w", 7, 8), name="classes")
    assert "'classes' multiplies rows of 6 elements with columns of 7" in refused(net.model(y), tmp_path)


def test_a_network_without_layers_is_refused(tmp_path: Path) -> None:
    net = Net()
    assert "no operator that is costed" in refused(net.model(net.node("Relu", net.input("x", (1, 3)))), tmp_path)


def test_names_are_inert(tmp_path: Path) -> None:
    """Markup stays text; what steers a terminal or a path is gone from the names of layers and operators."""
    net = Net()
    script = "<script>alert(1)</script>"
    x = net.node("Conv", net.input("x", (1, 3, 8, 8)), net.weight("w", 4, 3, 1, 1), name=script)
    x = net.node("Conv", x, net.weight("v", 4, 4, 1, 1), name="../\x1b[31m\u202e\nred")
    x = net.node("Evil\x1b[2J", x, name="evil", domain="a\nb")
    model = net.model(x, domains=["a\nb"])
    model.producer_name = "\x1b[31m"
    onnx.save_model(model, tmp_path / "net.onnx")
    made = read_onnx(tmp_path / "net.onnx", name=script + "\x07")
    assert made.model.name == script
    assert [layer.name for layer in made.model.layers] == [script, "../ [31m  red"]
    assert list(made.unsupported) == ["a b:Evil [2J"]
    assert "\x1b" not in made.model.source


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Stands in for Python."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


def test_a_crash_of_native_code_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "kill -SEGV $$")
    with pytest.raises(InputError, match=r"ONNX's shape rules crashed on it \(signal 11\)"):
        import_onnx("net.onnx")


def test_an_import_that_never_ends_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(isolated, "MOST_SECONDS", 0.2)
    with pytest.raises(InputError, match=r"took more than 0.2 s"):
        import_onnx("net.onnx")


def test_problems_come_back_from_the_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(WHOLE[:100])
    with pytest.raises(InputError, match=r"net.onnx: byte "):
        import_onnx(tmp_path / "net.onnx")


def test_nothing_is_imported_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of downloads with a module called onnx in it."""
    (tmp_path / "onnx.py").write_text("raise SystemExit('ran')")
    (tmp_path / "json.py").write_text("raise SystemExit('ran')")
    (tmp_path / "net.onnx").write_bytes(WHOLE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    assert len(import_onnx("net.onnx").model.layers) == 2


def test_without_onnx_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r"pip install 'chipweave\[onnx\]'"):
        read_onnx("net.onnx")
