"""MAESTRO's files as models, mappings and chiplets."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from chipweave.cost.maestro.importer import import_chiplet, import_network, mapping_text, offchip_note, read_hardware
from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.cost.maestro.network import network_report
from chipweave.cost.maestro.notation import parse_mapping
from chipweave.errors import InputError
from chipweave.files.chiplet_file import chiplet_from_dict, chiplet_to_dict
from chipweave.files.model_file import model_from_dict, model_to_dict
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Style
from chipweave.workload.layer import Op
from chipweave.workload.model import NETWORK_INPUT, Edge

REFERENCE = Path(__file__).parents[2] / "reference" / "workloads"
ARTEFACTS = (
    "resnet50_scar66",
    "unet_maestro23",
    "googlenet_maestro64",
    "xrbench_ES_RITNet",
    "xrbench_GE_FBNet_C",
    "xrbench_OD_D2go_FasterRCNN",
    "xrbench_DR_RGBd_200",
    "xrbench_AS_ED_TCN",
    "xrbench_SS_HRViT_b1",
)

WEIGHT_STATIONARY = """
    SpatialMap(1,1) K; TemporalMap(64,64) C; TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S;
    TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X; Cluster(64, P);
    SpatialMap(1,1) C; TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X;
    TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S;
"""


def rows_of(table: str) -> list[dict[str, str]]:
    with gzip.open(REFERENCE / "layers.csv.gz", "rt", newline="") as file:
        return [row for row in csv.DictReader(file) if row["table"] == table]


def layer_text(row: dict[str, str]) -> str:
    """A row of a table as MAESTRO's files have it: one filter per channel of a depthwise layer is K: 1."""
    stride_y, stride_x = (row["stride"].split("x") * 2)[:2]
    if row["op"] == "gemm":
        kind, sizes = "GEMM", {"M": row["Y"], "K": row["C"], "N": row["K"]}
    else:
        kind = {"conv": "CONV", "dwconv": "DSCONV", "upconv": "TRCONV"}[row["op"]]
        sizes = {key: row[key] for key in "KCRSYX"} | ({"K": "1"} if kind == "DSCONV" else {})
    dims = ", ".join(f"{key}: {value}" for key, value in sizes.items())
    stride = f"Stride {{ X: {stride_x}, Y: {stride_y} }}"
    return f"Layer {row['name'].split('#')[0]} {{ Type: {kind} {stride} Dimensions {{ {dims} }} }}"


@pytest.mark.parametrize("table", ARTEFACTS)
def test_layers_equal_the_table_of_the_artefact(table: str) -> None:
    rows = rows_of(table)
    text = "Network net {\n" + "\n".join(map(layer_text, rows)) + "\n}"
    model = import_network(text, "net.m", name="net").model
    for layer, row in zip(model.layers, rows, strict=True):
        assert layer.op.value == row["op"]
        assert {key: getattr(layer, key) for key in "KCRS"} == {key: int(row[key]) for key in "KCRS"}
        assert (layer.out_y, layer.out_x) == (int(row["OY"]), int(row["OX"]))
    with open(REFERENCE / "totals.csv", newline="") as file:
        total = next(row for row in csv.DictReader(file) if row["table"] == table)
    assert (model.macs, model.weight_elements) == (int(total["macs"]), int(total["weights"]))
    assert model_from_dict(model_to_dict(model)) == model


def test_a_chain_that_fits_and_one_that_does_not() -> None:
    """6x6 from 8x8 fits a 1x1 convolution of 6x6; not one of 8x8."""
    text = """Network net {
        Layer a { Type: CONV Dimensions { K: 4, C: 3, R: 3, S: 3, Y: 8, X: 8 } }
        Layer b { Type: CONV Dimensions { K: 5, C: 4, R: 1, S: 1, Y: 6, X: 6 } }
        Layer b { Type: DSCONV Stride { X: 2, Y: 2 } Dimensions { C: 5, R: 3, S: 3, Y: 8, X: 8 } }
    }"""
    made = import_network(text, "net.m", name="net")
    assert made.model.edges == (
        Edge(NETWORK_INPUT, 0, 192),
        Edge(0, 1, 144),
        Edge(1, 2, 180, reshape=True),
    )
    assert [layer.name for layer in made.model.layers] == ["a", "b", "b#1"]
    assert [layer.macs for layer in made.model.layers] == [36 * 4 * 27, 36 * 20, 9 * 5 * 9]
    assert made.notes == ("the file has no edges: each layer reads the one before it",)


def test_groups_batches_and_gemms() -> None:
    """2 groups of 3 -> 4 channels; 5 copies; 7 rows of 60."""
    text = """Network net {
        Layer g { Type: NGCONV Dimensions { N: 5, G: 2, K: 4, C: 3, R: 1, S: 1, Y: 2, X: 2 } }
        Layer m { Type: GEMM Dimensions { M: 7, N: 8, K: 60 } }
    }"""
    first, second = import_network(text, "net.m", name="net").model.layers
    assert (first.op, first.groups, first.N, first.macs, first.weight_elements) == (Op.CONV, 2, 5, 5 * 4 * 8 * 3, 24)
    assert (second.op, second.Y, second.C, second.K, second.macs) == (Op.GEMM, 7, 60, 8, 7 * 60 * 8)


def test_the_chiplet_costs_what_the_file_costs() -> None:
    """MAESTRO's own analysis of the file, and the imported model on the imported chiplet: the same cycles."""
    layers = [
        f"Layer l{i} {{ Type: CONV Dimensions {{ K: {K}, C: {C}, R: {R}, S: {R}, Y: 20, X: 20 }}"
        f" Dataflow {{ {WEIGHT_STATIONARY} }} }}"
        for i, (K, C, R) in enumerate(((16, 70, 3), (8, 16, 1)))
    ]
    text = "Network net { " + "\n".join(layers) + " }"
    chiplet = import_chiplet(text, "net.m", "num_pes: 256\nl1_size_cstr: 2048\nl2_size_cstr: 1048576\nnoc_bw_cstr: 64\n"
                             "NoC_NumHops: 2\noffchip_bw_cstr: 128", "hw.m", name="mine")  # fmt: skip
    assert (chiplet.num_pes, chiplet.l1_bytes, chiplet.l2_bytes) == (256, 2048, 1048576)
    assert (chiplet.noc_bandwidth, chiplet.noc_latency, chiplet.dataflow.style) == (64, 2, Style.CUSTOM)
    assert chiplet_from_dict(chiplet_to_dict(chiplet)) == chiplet
    model = import_network(text, "net.m", name="net").model
    report = network_report(
        text, "net.m", num_pes=256, noc_bandwidth=64, noc_latency=2, simd_lanes=1, offchip_bandwidth=None
    )
    cycles = MaestroCostModel().costs(model.layers, chiplet).cycles
    assert cycles.tolist() == [layer["runtime_cycles"] for layer in report["layers"]]


def test_a_mapping_written_out_reads_back() -> None:
    text = "TemporalMap(8+Sz(S)-1,8) X; SpatialMap(Sz(R),1) Y; Cluster(8, P); SpatialMap(1,1) X';"
    directives = parse_mapping(text, "text")
    written = mapping_text(directives)
    assert written == "TemporalMap(8+Sz(S)-1,8) X;\nSpatialMap(Sz(R),1) Y;\nCluster(8, P);\nSpatialMap(1,1) X';\n"
    again = parse_mapping(written, "text")
    assert [(d.kind, d.dim, d.size, d.offset) for d in again] == [(d.kind, d.dim, d.size, d.offset) for d in directives]


def test_layers_that_map_differently_are_named() -> None:
    layer = "Layer {name} {{ Type: CONV Dimensions {{ K: 4, C: 3, R: 1, S: 1, Y: 8, X: 8 }} Dataflow {{ {text} }} }}\n"
    text = "Network net {\n" + layer.format(name="a", text="SpatialMap(1,1) K;")
    text += layer.format(name="b", text="SpatialMap(2,2) K;") + "}"
    with pytest.raises(InputError, match=r"net.m:3: layer 'b' has another mapping than 'a' \(line 2\)"):
        import_chiplet(text, "net.m", None, "", name="mine")


NOTHING = "Network net { Layer a { Type: CONV Dimensions { K: 4, C: 3, R: 1, S: 1, Y: 8, X: 8 } } }"


def test_a_network_without_mappings() -> None:
    with pytest.raises(InputError, match="no layer has a Dataflow"):
        import_chiplet(NOTHING, "net.m", None, "", name="mine")
    assert import_chiplet(NOTHING, "net.m", "num_pes: 64", "hw.m", name="mine") == Chiplet("mine", num_pes=64)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("num_pes: 256\nnum_pe: 3", r"hw.m:2: 'num_pe' is no figure of the hardware; did you mean 'num_pes'\?"),
        ("num_pes: many", r"hw.m:1: 'many' is not a whole number"),
        ("num_pes: 0", r"hw.m:1: num_pes is 0; it must be at least 1"),
        ("// nothing", r"hw.m:1: no figures in the file"),
    ],
)
def test_hardware_that_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_hardware(text, "hw.m")


def test_the_memory_belongs_to_the_package() -> None:
    """128 elements per cycle at 500 MHz: 64 GB/s."""
    assert "dram_bandwidth_bytes_s 6.4e+10 at 500 MHz" in offchip_note("offchip_bw_cstr: 128", "hw.m")
    assert offchip_note("num_pes: 4", "hw.m") == ""


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("Dimensions { K: 4 }", r"net.m:1: layer 'a' has no Type"),
        ("Type: CONV Dimensions { K: 4, C: 3 }", r"net.m:1: layer 'a' lacks dimension Y, X"),
        ("Type: NGCONV Dimensions { G: 2147483647, K: 2, C: 3, R: 1, S: 1, Y: 1, X: 1 }", r"net.m:1: layer 'a': K="),
    ],
)
def test_layers_that_are_none_are_refused(layer: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        import_network(f"Network net {{ Layer a {{ {layer} }} }}", "net.m", name="net")
