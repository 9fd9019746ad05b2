"""SCALE-Sim's topologies, against what its own formulas make of them."""

from __future__ import annotations

import math

import pytest

from chipweave.errors import InputError
from chipweave.files.other_tools.scale_sim import import_topology, is_topology
from chipweave.workload.importers.assembly import Imported
from chipweave.workload.layer import Op

HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"


def read(text: str) -> Imported:
    return import_topology(text, "net.csv", name="net")


def test_alexnets_convolutions() -> None:
    """Outputs are rounded up: 55 = ceil((224 - 11) / 4) + 1. MACs by hand: 55^2 * 363 * 96 and 23^2 * 2400 * 256."""
    made = read(HEADER + "Conv1 ,224 ,224, 11,11,3 , 96,4 ,\n\nConv2,27,27,5,5,96,256,1,\n")
    first, second = made.model.layers
    assert (first.out_y, first.macs, first.weight_elements) == (55, 105_415_200, 34_848)
    assert (second.out_y, second.macs) == (23, 529 * 2400 * 256)
    assert made.notes == ("the file has no edges: each layer reads the one before it",)
    assert made.model.edges[1].elements == 96 * 55 * 55


@pytest.mark.parametrize(("Y", "R", "stride"), [(8, 3, 1), (9, 3, 2), (10, 3, 2), (7, 2, 3), (5, 5, 4)])
def test_macs_follow_scale_sims_formula(Y: int, R: int, stride: int) -> None:
    """ofmap = ceil((ifmap - filter + stride) / stride) on each axis, times filter, channels and filters."""
    (layer,) = read(f"{HEADER}a,{Y},{Y},{R},{R},6,4,{stride},\n").model.layers
    out = math.ceil((Y - R + stride) / stride)
    assert (layer.macs, layer.weight_elements) == (out * out * R * R * 6 * 4, R * R * 6 * 4)


@pytest.mark.parametrize(
    "header", ["Layer,M,N,K,", "L, M, N, K", "Layer Name, M, N, K, Sparsity,", "\ufeffLayer\tM\tN\tK"]
)
def test_products(header: str) -> None:
    (layer,) = read(f"{header}\nff1,196,1536,384,\n").model.layers
    assert (layer.op, layer.Y, layer.C, layer.K) == (Op.GEMM, 196, 384, 1536)
    assert layer.macs == 196 * 1536 * 384


def test_a_product_that_is_written_as_a_convolution() -> None:
    """As SCALE-Sim itself turns M, N, K into one: IFMAP M x K, filter 1 x K, N filters."""
    rows = "a,1760,64,1,64,1,128,1,\nb,1,1,1,1,512,64,1,\n"
    products = read(HEADER + rows).model.layers
    assert [(layer.op, layer.Y, layer.C, layer.K) for layer in products] == [
        (Op.GEMM, 1760, 64, 128),
        (Op.GEMM, 1, 512, 64),
    ]


def test_depthwise_layers_by_their_name() -> None:
    made = read(HEADER + "Conv2DP,114,114,3,3,32,1,1,\nConv3,112,112,3,3,32,1,1,\n")
    depthwise, dense = made.model.layers
    assert (depthwise.op, depthwise.K, depthwise.macs) == (Op.DEPTHWISE, 32, 112 * 112 * 9 * 32)
    assert (dense.op, dense.K) == (Op.CONV, 1)
    assert any("'Conv3'; if they are depthwise, put DP into their names" in note for note in made.notes)


def test_columns_beside_the_sizes() -> None:
    sparse = read(HEADER.replace("Strides,", "Strides, Sparsity,") + "a,8,8,3,3,2,4,1,1:4,\nb,8,8,3,3,4,4,1,1:1,\n")
    assert sparse.notes[1] == "sparsity is not costed: 1 layers count as dense, such as 'a'"
    batched = read(HEADER.replace("Strides,", "Strides, Batch Size,") + "a,8,8,3,3,2,4,1,6,\nb,6,6,3,3,4,4,1,,\n")
    assert [layer.N for layer in batched.model.layers] == [6, 1]
    assert "the batch is the scenario's" in batched.notes[1]
    both = read(HEADER.replace("Strides,", "Stride height, Stride width,") + "a,9,8,3,2,2,4,2,3,\n")
    assert both.model.layers[0].stride == (2, 3)
    extra = read(HEADER.replace("Strides,", "Strides,,,Eh,Ew,e2") + "AlphaGoZero,,,,,,,,\na,8,8,3,3,2,4,1,,,6,6,36\n")
    assert len(extra.model.layers) == 1
    assert extra.notes[1] == "1 lines have no sizes and are no layers, 'AlphaGoZero' first"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "net.csv:1: is no header of a SCALE-Sim topology; begin with"),
        ("Conv1,8,8,3,3,2,4,1,\n", "net.csv:1: is no header of a SCALE-Sim topology"),
        ("\nLayer,M,K,N,\na,1,2,3,\n", "net.csv:2: is no header"),
        (HEADER, "net.csv:1: no layer follows the header; add a line for each"),
        (HEADER + "\na,8,x,3,3,2,4,1,", "net.csv:3: layer 'a': IFMAP width (column 3) 'x' is no whole number from 1"),
        (HEADER + "a,8,8,3,3,2,4,", "net.csv:2: layer 'a': stride (column 8) is missing; write one"),
        (HEADER + "a,8,8,3,3,0,4,1,", "channels (column 6) '0' is no whole number"),
        (HEADER + "a,8,8,3,3,99999999999,4,1,", "channels (column 6) '99999999999' is no whole number"),
        (HEADER + "a,8,2,3,3,2,4,1,", "net.csv:2: layer 'a': the filter 3x3 is larger than its map 8x2"),
        ("Layer,M,N,K,\na,1,,3,", "net.csv:2: layer 'a': N (column 3) is missing; write one"),
        (
            HEADER + "aDP,8,8,3,3,2000000000,2000000000,1,",
            "net.csv:2: layer 'aDP': K=4000000000000000000 is not in 1..",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(InputError) as error:
        read(text)
    assert problem in str(error.value)
    assert len(error.value.problems) == 1


def test_a_topology_is_told_by_its_header() -> None:
    assert is_topology(HEADER)
    assert is_topology("\n\ufeffLayer,M,N,K,\nL0,1,2,3,")
    assert not is_topology("name: net\nlayers:\n  - {name: a, op: conv, K: 1, C: 1, Y: 1}\n")
    assert not is_topology("layer,cycles,energy\na,1,2\n")


@pytest.mark.parametrize(
    "text",
    [
        "\ta,28,28,3,3,4,8,1,\n",
        '"a","28","28","3","3","4","8","1"\n',
        "a;28;28;3;3;4;8;1\n",
        "# made by a script\na,28,28,3,3,4,8,1\n",
    ],
)
def test_tabs_before_a_line_quotes_semicolons_and_comments(text: str) -> None:
    (layer,) = read(HEADER + text).model.layers
    assert (layer.name, layer.macs) == ("a", 26 * 26 * 9 * 4 * 8)


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("Layer name, IFMAP Height Intraline Factor, IFMAP Width Intraline Factor,\nL0,4,4\n", "a layout"),
        ("LayerID, Total Cycles, Stall Cycles,\n0,1,1\n", "a report"),
    ],
)
def test_other_files_of_scale_sim(header: str, what: str) -> None:
    with pytest.raises(InputError, match=rf"net.csv:1: is {what}.* no topology; name the topology"):
        read(header)
