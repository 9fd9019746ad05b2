"""Sizes of inputs: bound by name, by place, assumed for a batch, or asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnx", reason="ONNX files need the package onnx")

import onnx

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Imported
from chipweave.workload.importers.onnx.model import read_onnx
from tests.workload.importers.onnx_nets import Net


def read(folder: Path, shape: Any, **dims: int) -> Imported:
    net = Net()
    y = net.node("MatMul", net.input("tokens", shape), net.weight("w", 6, 7))
    onnx.save_model(net.model(y), folder / "net.onnx")
    return read_onnx(folder / "net.onnx", {key.replace("_at_", ":"): size for key, size in dims.items()})


def test_symbols_are_bound_by_name(tmp_path: Path) -> None:
    assert read(tmp_path, ("rows", 6), rows=5).model.macs == 5 * 42


@pytest.mark.parametrize("name", ["batch", "batch_size", "N", "Batch"])
def test_a_batch_is_one(tmp_path: Path, name: str) -> None:
    made = read(tmp_path, (name, 5, 6))
    assert made.model.macs == 5 * 42
    (note,) = made.notes
    assert note.startswith(f"the dimension '{name}' is taken as 1: a model is of one sample")
    assert note.endswith(f"--dim '{name}=SIZE' sets another")


def test_more_than_one_sample_is_noted(tmp_path: Path) -> None:
    made = read(tmp_path, ("batch", 5, 6), batch=3)
    assert made.model.macs == 3 * 5 * 42
    assert "the first axis of input 'tokens' has 3 entries" in made.notes[0]


def test_a_place_overrules_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, (5, 6), tokens_at_0=2).model.macs == 2 * 42
    assert read(tmp_path, (None, 6), tokens_at_0=2).model.macs == 2 * 42


def test_an_input_without_a_shape_takes_all_from_outside(tmp_path: Path) -> None:
    assert read(tmp_path, None, tokens_at_0=5, tokens_at_1=6).model.macs == 5 * 42
    with pytest.raises(InputError, match=r"tokens:0 \(every axis of 'tokens', which has no shape at all\)"):
        read(tmp_path, None)


def test_what_is_missing_comes_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, ("rows", None, 6))
    (problem,) = error.value.problems
    assert "rows (axis 0 of 'tokens'), tokens:1 (axis 1 of 'tokens')" in problem
    assert problem.endswith(f"chipweave import onnx {tmp_path}/net.onnx --dim rows=SIZE --dim tokens:1=SIZE")


def test_wrong_sizes_and_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, ("rows", 6), rows=0, colums=3)
    assert error.value.problems == (
        "--dim rows=0 is out of range; give 1 to 2147483647",
        "--dim colums=3: the file has no such dimension; known: rows, tokens:1",
    )


def test_sizes_of_unused_inputs_do_not_matter(tmp_path: Path) -> None:
    net = Net()
    net.input("unused", ("who", "knows"))
    y = net.node("MatMul", net.input("x", (5, 6)), net.weight("w", 6, 7))
    onnx.save_model(net.model(y), tmp_path / "net.onnx")
    assert read_onnx(tmp_path / "net.onnx").model.macs == 210


def test_weights_that_are_listed_as_inputs_are_weights(tmp_path: Path) -> None:
    """As files before version 4 of the format have it."""
    net = Net()
    y = net.node("MatMul", net.input("x", (5, 6)), net.weight("w", 6, 7))
    net.input("w", (6, 7))
    onnx.save_model(net.model(y), tmp_path / "net.onnx")
    assert read_onnx(tmp_path / "net.onnx").model.weight_elements == 42


def test_a_batch_that_is_not_the_first_axis(tmp_path: Path) -> None:
    """Recurrent layers have steps first: 5 steps of 4 inputs, 4 gates of 8 states."""
    net = Net()
    weights = net.weight("w", 1, 32, 4), net.weight("r", 1, 32, 8)
    y = net.node("LSTM", net.input("x", (5, "batch_size", 4)), *weights, hidden_size=8)
    onnx.save_model(net.model(y), tmp_path / "net.onnx")
    made = read_onnx(tmp_path / "net.onnx")
    assert (made.model.macs, made.model.weight_elements) == (5 * 32 * 12, 32 * 12)
    assert "the dimension 'batch_size' is taken as 1" in made.notes[0]
