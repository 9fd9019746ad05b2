"""Sequences of tensors in ONNX: what their entries are, and what reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnx", reason="ONNX files need the package onnx")

import onnx
from onnx import TensorProto, helper

from chipweave.workload.importers.assembly import Imported
from chipweave.workload.importers.onnx.model import read_onnx
from tests.workload.importers.onnx_nets import Net

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def imported(net: Net, folder: Path) -> Imported:
    path = folder / "net.onnx"
    onnx.save_model(net.model(net.nodes[-1].output[0]), path)
    return read_onnx(path)


def figures(made: Imported) -> tuple[dict[str, int], int, int]:
    return made.unsupported, made.model.macs, made.model.weight_elements


@pytest.mark.parametrize(("new_axis", "inner", "rows"), [(0, 16 + 8, 3), (1, 16, 6)])
def test_entries_side_by_side(tmp_path: Path, new_axis: int, inner: int, rows: int) -> None:
    """Along an axis of theirs the features add up; along a new one there are twice as many rows."""
    net = Net()
    left, right = net.input("x", (3, 16)), net.input("z", (3, 16 if new_axis else 8))
    joined = net.node("ConcatFromSequence", net.node("SequenceConstruct", left, right), axis=1, new_axis=new_axis)
    net.node("MatMul", joined, net.weight("w", inner, 4))
    assert figures(imported(net, tmp_path)) == ({}, rows * inner * 4, inner * 4)


@pytest.mark.parametrize(
    ("lengths", "scalar", "at", "inner"),
    [((3, 13), False, 1, 13), ((6,), True, -1, 4), ((6,), True, 0, 6), (None, False, 2, 1)],
)
def test_a_tensor_in_stretches(
    tmp_path: Path, lengths: tuple[int, ...] | None, scalar: bool, at: int, inner: int
) -> None:
    """Lengths that are stated; one length, the last stretch shorter; single entries."""
    net = Net()
    stated = [] if lengths is None else [net.value(*lengths, scalar=scalar)]
    parts = net.node("SplitToSequence", net.input("x", (1, 16)), *stated, axis=1)
    net.node("MatMul", net.node("SequenceAt", parts, net.value(at, scalar=True)), net.weight("w", inner, 5))
    assert figures(imported(net, tmp_path)) == ({}, inner * 5, inner * 5)


def test_a_loop_that_lengthens_a_sequence(tmp_path: Path) -> None:
    """Four states of 4 side by side are 16 features; one is taken out again, and the length of the rest is 3."""
    net = Net()
    info = helper.make_tensor_value_info
    lists = [helper.make_tensor_sequence_value_info(name, FLOAT, None) for name in ("list", "longer")]
    nodes = [
        helper.make_node("MatMul", ["st", "w"], ["st2"]),
        helper.make_node("SequenceInsert", ["list", "st2"], ["longer"]),
        helper.make_node("Identity", ["ci"], ["co"]),
    ]
    body = helper.make_graph(
        nodes, "body", [info("i", INT64, []), info("ci", BOOL, []), info("st", FLOAT, [1, 4]), lists[0]],
        [info("co", BOOL, []), info("st2", FLOAT, [1, 4]), lists[1]],
    )  # fmt: skip
    x, count = net.input("x", (1, 4)), net.value(4, scalar=True)
    net.weight("w", 4, 4)
    _, found = net.node("Loop", count, "", x, net.node("SequenceEmpty"), outputs=2, body=body)
    rest = net.node("SequenceErase", found, net.value(0, scalar=True))
    length = net.node("Unsqueeze", net.node("SequenceLength", rest), net.value(0))
    shape = net.node("Concat", length, net.value(-1), axis=0)
    net.node("MatMul", net.node("Reshape", net.node("ConcatFromSequence", rest, axis=1), shape), net.weight("v", 4, 2))
    assert figures(imported(net, tmp_path)) == ({}, 4 * 16 + 3 * 4 * 2, 16 + 8)


def test_a_place_that_is_not_known(tmp_path: Path) -> None:
    net = Net()
    both: Any = net.node("SequenceConstruct", net.input("x", (1, 16)), net.input("z", (1, 16)))
    net.node("SequenceAt", both, net.input("at", (), INT64))
    entry = net.nodes[-1].output[0]
    net.node("MatMul", entry, net.weight("w", 16, 4))
    net.node("MatMul", "x", "w")
    assert figures(imported(net, tmp_path)) == ({"SequenceAt": 1, "MatMul": 1}, 64, 64)
