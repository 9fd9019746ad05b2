"""MAESTRO's own files: reading them, and the figures of a whole file."""

from __future__ import annotations

from typing import Any

import pytest

from chipweave.cost.maestro.network import LARGEST_TEXT, network_report, parse_network
from chipweave.errors import InputError
from tests.cost.maestro.reference import TENSORS, dims, load

DATAFLOW = "Dataflow { SpatialMap(1,1) K; TemporalMap(1,1) C; TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X; }"
SIZES = "Dimensions { K: 8, C: 4, R: 3, S: 3, Y: 10, X: 12 }"
LAYER = f"Layer CONV1 {{ Type: CONV {SIZES} {DATAFLOW} }}"


def report(text: str, **hardware: Any) -> list[dict[str, Any]]:
    machine = {"num_pes": 64, "noc_bandwidth": 16, "noc_latency": 1, "simd_lanes": 1, "offchip_bandwidth": None}
    return network_report(text, "net.m", **(machine | hardware))["layers"]


@pytest.mark.parametrize("name", ["networks.csv.gz", "random.csv.gz"])
def test_reference_layers_written_as_a_file(name: str) -> None:
    """Every hundredth row, as text: the whole way from the file to the report."""
    rows = load(name)
    for index in range(0, len(rows.rows), 100 if name.startswith("networks") else 15):
        row = rows.rows[index]
        sizes = ", ".join(f"{dim}: {size}" for dim, size in dims(row).items())
        stride = row["stride"] or "1"
        text = (
            f"Network test {{\n  Layer L1-a {{\n\tType: {row['type']}\n\tStride {{ X: {stride}, Y: {stride} }}\t\t\n"
            f"\tDimensions {{ {sizes} }}\n\tDataflow {{\n{rows.texts[index]}\n\t}}\n  }} // end\n}}\n"
        )
        keys = ("num_pes", "noc_bandwidth", "noc_latency", "simd_lanes", "offchip_bandwidth")
        (layer,) = report(text, **{key: int(row[key]) for key in keys})
        assert layer["name"] == "L1-a"
        if row["status"] != "ok":
            assert set(layer) == {"name", "error"}
            continue
        assert set(layer) == {"name", "runtime_cycles", "macs", "energy_mac_units", "l1", "l2"}
        assert (layer["runtime_cycles"], layer["macs"]) == (int(row["runtime_cycles"]), int(row["macs"]))
        for level in ("l1", "l2"):
            for tensor in TENSORS:
                for access in ("read", "write"):
                    assert layer[level][tensor][access] == int(row[f"{level}_{access}_{tensor}"])


def test_constants_comments_accelerators_and_several_networks() -> None:
    text = """
    Constant KTile 4;   // used below
    Constant Rows: 16;
    Accelerator { PE { NumPEs: 128; VectorWidth: 4; } Buffer { L1 { 100 } } }
    /* one
       network */ Network { Layer A { Type: GEMM
        Dimensions { K: 16, M: Rows, N:8 }
        Dataflow { TemporalMap(1,1) N; SpatialMap(1,1) M; TemporalMap(KTile,KTile) K;
                   Cluster(KTile, P); SpatialMap(1,1) K; }
      } }
    Network two { Layer { Type: CONV Stride { X: 2, Y: 1 } Dimensions { K 2 C 1 R 1 S 1 Y 4 X 4 }
                          Dataflow { SpatialMap 1 1 K } } }
    """
    first, second = parse_network(text, "net.m")
    assert (first.name, first.kind, first.sizes) == ("A", "GEMM", {"K": 16, "M": 16, "N": 8})
    assert [directive.size for directive in first.mapping[2:4]] == [((1, 4),), ((1, 4),)]
    assert (second.name, second.stride, second.sizes["X"]) == ("", (1, 2), 4)
    assert all("error" not in layer for layer in report(text))


def test_layers_that_fail_stand_in_their_place_with_the_reason() -> None:
    wide = LAYER.replace("CONV1", "wide").replace("TemporalMap(Sz(S),1) X", "TemporalMap(14,11) X")
    bare = LAYER.replace("CONV1", "bare").replace(DATAFLOW, "")
    lacking = LAYER.replace("CONV1", "lacking").replace("K: 8, ", "")
    huge = (
        LAYER.replace("CONV1", "huge").replace("X: 12", "X: 12, G: 4").replace("SpatialMap(1,1) K", "SpatialMap(1,0) K")
    )
    text = f"Network n {{\n{LAYER}\n{wide}\n{bare}\n{lacking}\n{huge}\n{LAYER}\n}}"
    layers = report(text)
    assert [layer["name"] for layer in layers] == ["CONV1", "wide", "bare", "lacking", "huge", "CONV1"]
    assert layers[0] == layers[5]
    words = {1: "TemporalMap(14,11) X", 2: "has no Dataflow", 3: "lacks dimension K", 4: "offset 0"}
    for index, expected in words.items():
        assert set(layers[index]) == {"name", "error"}
        assert layers[index]["error"].startswith(f"net.m:{index + 2}: ")
        assert expected in layers[index]["error"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "no Network"),
        ("Network n {\n}", 1, "no Layer"),
        ("Network n {\nConv C {}\n}", 2, "expected a Layer"),
        (f"Network n {{\n{LAYER}", 2, "expected a Layer"),
        ("Network n {\nLayer a { Type: POOL }\n}", 2, "'POOL' is unknown"),
        ("Network n {\nLayer a { Kind: CONV }\n}", 2, "unexpected 'Kind'"),
        ("Network n {\nLayer a { Type: CONV\nDimensions { Q: 3 } }\n}", 3, "'Q' is unknown"),
        ("Network n {\nLayer a { Type: CONV\nDimensions { K: 0 } }\n}", 3, "K is 0"),
        ("Network n {\nLayer a { Type: CONV\nDimensions { K: x } }\n}", 3, "'x' is not a whole number"),
        ("Network n {\nLayer a {\nDimensions { K: 1 }\nStride { X: 2 } }\n}", 4, "Stride stands after Dimensions"),
        ("Network n {\nLayer a { Dataflow {\nMap(1,1) K; } }\n}", 3, "'Map' is not a mapping directive"),
        ("Network n {\nLayer a { Type: CONV", 2, "is not closed"),
        ("Layer a { }", 1, "unexpected 'Layer'"),
        ("Constant X ten;", 1, "'ten' is not a whole number"),
        ("Accelerator { PE {", 1, "ends in the middle"),
        (
            f"Network n {{\n{LAYER}\n{LAYER.replace('K: 8', 'N: 2, K: 8')}\n}}",
            2,
            "has no N",
        ),
        ("/" * (LARGEST_TEXT + 1), 1, "at most"),
    ],
)
def test_text_that_is_no_network(text: str, line: int, words: str) -> None:
    with pytest.raises(InputError) as caught:
        report(text)
    (problem,) = caught.value.problems
    assert problem.startswith(f"net.m:{line}: ")
    assert words in problem


def test_hardware_out_of_range() -> None:
    with pytest.raises(InputError) as caught:
        report(f"Network n {{ {LAYER} }}", num_pes=0, noc_latency=-1)
    assert len(caught.value.problems) == 2


def test_deep_nesting_is_no_recursion() -> None:
    with pytest.raises(InputError, match="ends in the middle"):
        report("Accelerator " + "{ a " * 50_000)
