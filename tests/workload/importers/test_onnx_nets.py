"""Whole networks from ONNX, layer for layer against the reference tables and the zoo."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="ONNX files need the package onnx")

from onnx import ModelProto, save_model

import chipweave
from chipweave.workload.importers.onnx import import_onnx
from chipweave.workload.importers.onnx.model import read_onnx
from chipweave.workload.layer import Layer
from chipweave.workload.model import Model
from chipweave.workload.zoo import build_model
from tests.workload.importers import onnx_nets as nets

REFERENCE = Path(__file__).parents[2] / "reference" / "workloads" / "layers.csv.gz"
COUNTS = ("N", "K", "C", "R", "S", "Y", "X", "groups")


def read(model: ModelProto, folder: Path, **options: object) -> Model:
    path = folder / "net.onnx"
    save_model(model, path)
    made = read_onnx(path, **options)  # type: ignore[arg-type]
    assert made.unsupported == {}
    return made.model


def table(name: str) -> list[dict[str, str]]:
    with gzip.open(REFERENCE, "rt", newline="") as file:
        return [row for row in csv.DictReader(file) if row["table"] == name]


def row_of(layer: Layer) -> dict[str, str]:
    figures = {key: str(getattr(layer, key)) for key in COUNTS}
    output = {"OY": str(layer.out_y), "OX": str(layer.out_x)}
    return figures | output | {"op": layer.op.value, "pad": str(layer.padding[0])}


NETS: dict[str, tuple[Callable[[], ModelProto], dict[str, int]]] = {
    "resnet50": (nets.resnet50, {}),
    "mobilenet_v2": (nets.mobilenet_v2, {}),
    "bert_base": (nets.bert_base, {"batch": 1, "sequence": 128}),
    "gpt2_medium": (lambda: nets.gpt2(24, 1024), {}),
}


@pytest.mark.parametrize("name", NETS)
def test_layers_equal_the_table(name: str, tmp_path: Path) -> None:
    """Every layer in its order: shape, operator, and the layers it reads."""
    build, dims = NETS[name]
    model, rows = read(build(), tmp_path, dims=dims), table(name)
    assert len(model.layers) == len(rows)
    for index, (layer, row) in enumerate(zip(model.layers, rows, strict=True)):
        assert row_of(layer) == {key: row[key] for key in row_of(layer)}, f"{index} {layer.name} {row['name']}"
        assert {str(edge.producer) for edge in model.operands[index]} == set(row["predecessors"].split(";")), layer.name


@pytest.mark.parametrize("name", [*NETS, "gpt2"])
def test_edges_carry_what_those_of_the_zoo_carry(name: str, tmp_path: Path) -> None:
    build, dims = NETS.get(name, (nets.gpt2, {}))
    model, zoo = read(build(), tmp_path, dims=dims), build_model(name)
    assert (model.macs, model.weight_elements) == (zoo.macs, zoo.weight_elements)
    assert [replace(layer, name="alike", stride=(1, 1)) for layer in model.layers] == [
        replace(layer, name="alike", stride=(1, 1)) for layer in zoo.layers
    ]
    assert set(model.edges) == set(zoo.edges)
    assert model.input_elements == zoo.input_elements


def test_the_sequence_is_bound_from_outside(tmp_path: Path) -> None:
    """BERT at 64 tokens is the zoo's at 64 tokens."""
    model = read(nets.bert_base(2), tmp_path, dims={"sequence": 64})
    zoo = build_model("bert_base", sequence=64, blocks=2)
    assert [layer.macs for layer in model.layers] == [layer.macs for layer in zoo.layers]


def test_layers_are_called_after_their_weights(tmp_path: Path) -> None:
    model = read(nets.resnet50(), tmp_path)
    zoo = build_model("resnet50")
    assert [layer.name for layer in model.layers] == [layer.name for layer in zoo.layers]


def test_the_process_of_its_own_makes_the_same_model(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    save_model(nets.gpt2(2), path)
    assert import_onnx(path) == read_onnx(path)
    assert chipweave.from_onnx(path, name="two blocks").name == "two blocks"
