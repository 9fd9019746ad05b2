"""Every network, layer by layer, against tables taken from the public definitions.

`layers.csv.gz` holds one row per layer of 53 tables: exports of torchvision, transformers, timm and the published
repositories, and the verbatim rows of MAESTRO's and XRBench's files. `totals.csv` holds each table's MACs and weights.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from pathlib import Path

import pytest

from chipweave.workload.layer import Op
from chipweave.workload.model import NETWORK_INPUT, Model
from chipweave.workload.zoo import MODELS, build_model

REFERENCE = Path(__file__).parents[2] / "reference" / "workloads"

# Tables whose name is not the network's.
TABLES = {
    "gpt_l_scar120": "paper/gpt_l",
    "bert_l_scar60": "paper/bert_l",
    "gpt2_large_5row180": "paper/gpt2_large",
    "bert_large_5row120": "paper/bert_large",
    "bert_base_5row60": "paper/bert_base",
    "resnet50_scar66": "paper/resnet50",
    "unet_maestro23": "paper/unet",
    "googlenet_maestro64": "paper/googlenet",
    "xrbench_KD_res8_narrow": "paper/res8_narrow",
    "xrbench_ASR_EM_24L": "paper/emformer",
    "xrbench_SS_HRViT_b1": "paper/hrvit",
    "xrbench_DE_midas_v21_small": "paper/midas",
    "xrbench_PD_Plane_RCNN_Quarter": "paper/planercnn",
    "xrbench_OD_D2go_FasterRCNN": "paper/d2go",
    "xrbench_D2go_FastRCNN": "paper/d2go",  # the same rows in another of XRBench's files
    "xrbench_HT_hand_graph_cnn_half": "paper/hand",
    "xrbench_ES_RITNet": "paper/ritnet",
    "xrbench_GE_FBNet_C": "paper/fbnetc",
    "xrbench_DR_RGBd_200": "paper/sparse_to_dense",
    "xrbench_AS_ED_TCN": "paper/ed_tcn",
}
COUNTS = ("N", "K", "C", "R", "S", "Y", "X", "groups")


def _read_tables() -> dict[str, list[dict[str, str]]]:
    tables = defaultdict(list)
    with gzip.open(REFERENCE / "layers.csv.gz", "rt", newline="") as file:
        for row in csv.DictReader(file):
            tables[row["table"]].append(row)
    return dict(tables)


ROWS = _read_tables()
with open(REFERENCE / "totals.csv", newline="") as file:
    TOTALS = {row["table"]: row for row in csv.DictReader(file)}


def _network(table: str) -> str:
    return TABLES.get(table, table)


def _pair(text: str) -> tuple[int, int]:
    """'2' or '4x1'."""
    parts = text.split("x")
    return int(parts[0]), int(parts[-1])


def _expected(row: dict[str, str]) -> dict[str, object]:
    return {
        **{key: int(row[key]) for key in COUNTS},
        "op": row["op"],
        "out": (int(row["OY"]), int(row["OX"])),
        "stride": _pair(row["stride"]),
        "padding": _pair(row["pad"]),
        "dilation": _pair(row["dilation"]),
        "producers": [int(index) for index in row["predecessors"].split(";")],
    }


def _built(model: Model, index: int) -> dict[str, object]:
    layer = model.layers[index]
    return {
        **{key: getattr(layer, key) for key in COUNTS},
        "op": layer.op.value,
        "out": (layer.out_y, layer.out_x),
        "stride": layer.stride,
        "padding": layer.padding,
        "dilation": layer.dilation,
        "producers": [edge.producer for edge in model.operands[index]],
    }


def test_the_tables_are_all_there() -> None:
    assert len(TOTALS) == len(ROWS) == 53
    assert {table: len(rows) for table, rows in ROWS.items()} == {
        table: int(row["rows"]) for table, row in TOTALS.items()
    }


@pytest.mark.parametrize("table", TOTALS)
def test_layers_and_producers_equal_the_table(table: str) -> None:
    model, rows = build_model(_network(table)), ROWS[table]
    assert len(model.layers) == len(rows)
    for index, row in enumerate(rows):
        assert _built(model, index) == _expected(row), f"{table} row {index} {row['name']}"


@pytest.mark.parametrize("table", TOTALS)
def test_layer_names_equal_the_table(table: str) -> None:
    # The table of the small RITNet abbreviates the repository's names; here both sizes carry the repository's.
    named_by = "ritnet_640x400" if table == "eyecod_ritnet" else table
    assert [layer.name for layer in build_model(_network(table)).layers] == [row["name"] for row in ROWS[named_by]]


@pytest.mark.parametrize("table", TOTALS)
def test_totals_equal_the_summary(table: str) -> None:
    model, total = build_model(_network(table)), TOTALS[table]
    every = sum(layer.weight_elements for layer in model.layers)  # a table's rows repeat weights that layers share
    assert (model.macs, every) == (int(total["macs"]), int(total["weights"]))
    if table not in ("planercnn", "planercnn_640"):
        assert model.weight_elements == every


@pytest.mark.parametrize("name", ["planercnn", "planercnn_640"])
def test_the_proposal_network_has_one_set_of_weights(name: str) -> None:
    """Five levels: 512 filters of 256 x 3 x 3, and 6 and 12 of 512, of which four repeat the first."""
    model = build_model(name)
    every = sum(layer.weight_elements for layer in model.layers)
    assert every - model.weight_elements == 4 * (512 * 256 * 9 + 512 * (6 + 12))
    assert {layer.shares for layer in model.layers} == {"", "rpn.P2.shared", "rpn.P2.class", "rpn.P2.bbox"}


def test_every_network_but_two_has_a_table() -> None:
    covered = {_network(table) for table in TOTALS}
    in_service = {name for name in MODELS if name.endswith(("_decode", "_prefill"))}  # held to published counts
    assert set(MODELS) - covered == {"gpt2", "eyecod", "paper/eyecod"} | in_service


def test_gpt2_has_the_published_parameters() -> None:
    """Radford et al. 2019: 124 M parameters, by hand: 12 blocks of 12 w^2 and the 50257 x w head (shared embedding)."""
    model = build_model("gpt2")
    assert model.weight_elements == 12 * 12 * 768**2 + 50257 * 768 == 123_532_032
    assert len(model.layers) == 12 * 8 + 1


@pytest.mark.parametrize(
    ("whole", "first", "second"),
    [("eyecod", "eyecod_ritnet", "eyecod_fbnetc100"), ("paper/eyecod", "paper/ritnet", "paper/fbnetc")],
)
def test_eyecod_is_one_net_after_the_other(whole: str, first: str, second: str) -> None:
    model, before, after = build_model(whole), build_model(first), build_model(second)
    shapes = [_built(model, index) | {"producers": None} for index in range(len(model.layers))]
    parts = [_built(part, index) | {"producers": None} for part in (before, after) for index in range(len(part.layers))]
    assert shapes == parts
    cut = len(before.layers)
    (bridge,) = [edge for edge in model.edges if edge.producer < cut <= edge.consumer]
    assert (bridge.producer, bridge.consumer) == (cut - 1, cut)
    assert bridge.elements == before.layers[-1].output_elements
    assert all(edge.consumer < cut for edge in model.input_readers)


FAITHFUL = [name for name in MODELS if not name.startswith("paper/")]


@pytest.mark.parametrize("name", FAITHFUL)
def test_edges_carry_no_more_than_the_reader_needs(name: str) -> None:
    """Slices, crops and broadcasts are stated, so an operand is never larger than what the layer reads of it."""
    model = build_model(name)
    for layer, edges in zip(model.layers, model.operands, strict=True):
        chained = [edge for edge in edges if not edge.reshape]
        limit = layer.output_elements if layer.op is Op.ELEMENTWISE else layer.input_elements
        assert all(edge.elements <= limit for edge in chained), layer.name


def test_only_networks_that_resample_have_edges_that_do_not_chain() -> None:
    """Regions pooled out of maps, graph convolutions, the crop between EyeCoD's two nets, tokens sent to experts."""
    assert {name for name in FAITHFUL if any(edge.reshape for edge in build_model(name).edges)} == {
        "eyecod",
        "d2go_fbnetv3a",
        "planercnn",
        "planercnn_640",
        "hand_graph_cnn",
        "hand_graph_cnn_256",
        "mixtral_8x7b_decode",
        "deepseek_v3_decode",
    }


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("paper/")])
def test_artefact_edges_carry_the_whole_output(name: str) -> None:
    model = build_model(name)
    for edge in model.edges:
        if edge.producer == NETWORK_INPUT:
            assert edge.elements == model.layers[edge.consumer].input_elements
        else:
            assert edge.elements == model.layers[edge.producer].output_elements
