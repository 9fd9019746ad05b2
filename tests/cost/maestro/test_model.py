"""The `maestro` cost model: conversion of layers, tile choice, energy parts, errors."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.cost.maestro.network import network_report
from chipweave.cost.maestro.shapes import shape_of
from chipweave.errors import InputError
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Dataflow, Style, Tile
from chipweave.workload.layer import Layer, Op

LAYERS = (
    Layer("conv", Op.CONV, K=64, C=32, Y=28, X=28, R=3, S=3, padding=(1, 1)),
    Layer("strided", Op.CONV, K=64, C=3, Y=56, X=40, R=7, S=7, padding=(3, 3), stride=(2, 2)),
    Layer("pointwise", Op.CONV, K=128, C=64, Y=28, X=28, stride=(2, 2)),
    Layer("depthwise", Op.DEPTHWISE, K=96, C=96, groups=96, Y=30, X=30, R=3, S=3, padding=(1, 1)),
    Layer("grouped", Op.CONV, K=64, C=32, groups=8, Y=14, X=14, R=3, S=3, padding=(1, 1)),
    Layer("multiplier", Op.DEPTHWISE, K=32, C=16, groups=16, Y=14, X=14, R=3, S=3, padding=(1, 1)),
    Layer("upconv", Op.TRANSPOSED, K=32, C=64, Y=14, X=14, R=2, S=2, stride=(2, 2)),
    Layer("gemm", Op.GEMM, K=512, C=256, Y=128),
    Layer("matmul", Op.MATMUL, K=8 * 128, C=8 * 64, Y=128, groups=8),
    Layer("pool", Op.POOL, K=64, C=64, groups=64, Y=28, X=28, R=2, S=2, stride=(2, 2)),
    Layer("add", Op.ELEMENTWISE, K=64, C=64, groups=64, Y=28, X=28),
)


def chiplet(style: str = "nvdla", tile: Tile = Tile.AUTO, pes: int = 256, **fields: object) -> Chiplet:
    dataflow = Dataflow(Style(style), tile)
    return dataclasses.replace(Chiplet(style, dataflow, num_pes=pes, noc_bandwidth=64), **fields)


@pytest.mark.parametrize("style", ["nvdla", "shidiannao", "eyeriss"])
@pytest.mark.parametrize("tile", list(Tile))
@pytest.mark.parametrize("pes", [16, 256, 4096])
def test_every_style_costs_every_operator(style: str, tile: Tile, pes: int) -> None:
    costs = MaestroCostModel().costs(LAYERS, chiplet(style, tile, pes))
    assert (costs.cycles > 0).all()
    for index, layer in enumerate(LAYERS):
        if layer.rides:
            assert costs.energy_j[index] == 0
        else:
            # No PE does more than one MAC a cycle, and the energy holds at least all MACs and their L1 accesses.
            assert costs.cycles[index] * pes >= layer.macs
            assert costs.energy_j[index] > 4 * layer.macs * Chiplet("any").mac_energy_j
    assert costs.cycles[9] == -(-64 * 14 * 14 * 4 // pes)
    assert costs.cycles[10] == -(-64 * 28 * 28 // pes)


@pytest.mark.parametrize("style", ["nvdla", "shidiannao", "eyeriss"])
@pytest.mark.parametrize("pes", [16, 100, 256, 4096])
def test_auto_is_never_slower_than_fixed(style: str, pes: int) -> None:
    auto, fixed = (MaestroCostModel().costs(LAYERS, chiplet(style, tile, pes)) for tile in (Tile.AUTO, Tile.FIXED))
    assert (auto.cycles <= fixed.cycles).all()


def test_auto_puts_a_short_gemm_on_many_output_stationary_pes() -> None:
    """128 tokens give 128 outputs to a column: the official text leaves 97 % of 4096 PEs idle."""
    layer = Layer("projection", Op.GEMM, K=1280, C=1280, Y=128)
    for tile, low, high in ((Tile.FIXED, 0.0, 128 / 4096), (Tile.AUTO, 4 * 128 / 4096, 1.0)):
        place = chiplet("shidiannao", tile, 4096, noc_bandwidth=256)
        (row,) = MaestroCostModel().explain([layer], place)
        assert low < row["utilisation"] <= high


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["nvdla", "shidiannao", "eyeriss"]),
    st.integers(1, 64),
    st.integers(1, 64),
    st.integers(1, 20),
    st.sampled_from([1, 2, 3, 5]),
    st.integers(1, 3),
    st.sampled_from([8, 64, 256]),
)
def test_auto_tiles_do_all_the_work_and_fit_l2(
    style: str, K: int, C: int, size: int, kernel: int, stride: int, pes: int
) -> None:
    layer = Layer(
        "any", Op.CONV, K=K, C=C, Y=size, X=size, R=kernel, S=kernel, padding=(kernel // 2,) * 2, stride=(stride,) * 2
    )
    place = chiplet(style, Tile.AUTO, pes, l2_bytes=2**17)
    (row,) = MaestroCostModel().explain([layer], place)
    assert row["run"]["macs"] * row["runs"] >= layer.macs
    assert sum(tensor["size"] for tensor in row["run"]["l2"].values()) <= place.l2_bytes


def test_layers_become_maestros_shapes() -> None:
    shapes = {layer.name: shape_of(layer) for layer in LAYERS if not layer.rides}
    assert shapes == {
        # type, C G K M N R S X Y, strides; runs
        "conv": ((0, 32, 0, 64, 0, 0, 3, 3, 30, 30, 1, 1), 1),
        "strided": ((0, 3, 0, 64, 0, 0, 7, 7, 45, 61, 2, 2), 1),  # (20-1)*2+7, (28-1)*2+7
        "pointwise": ((0, 64, 0, 128, 0, 0, 1, 1, 27, 27, 2, 2), 1),  # (14-1)*2+1
        "depthwise": ((2, 96, 0, 0, 0, 0, 3, 3, 32, 32, 1, 1), 1),
        "grouped": ((0, 4, 0, 8, 0, 0, 3, 3, 16, 16, 1, 1), 8),
        "multiplier": ((0, 1, 0, 2, 0, 0, 3, 3, 16, 16, 1, 1), 16),
        "upconv": ((1, 64, 0, 32, 0, 0, 2, 2, 15, 15, 1, 1), 1),
        "gemm": ((0, 256, 0, 512, 0, 0, 1, 1, 1, 128, 1, 1), 1),
        "matmul": ((0, 64, 0, 128, 0, 0, 1, 1, 1, 128, 1, 1), 8),
    }


def test_energy_parts_are_the_counts_of_the_chosen_mapping() -> None:
    place = chiplet("shidiannao")
    costs, rows = MaestroCostModel().costs(LAYERS, place), MaestroCostModel().explain(LAYERS, place)
    for index, (layer, row) in enumerate(zip(LAYERS, rows, strict=True)):
        if layer.rides:
            continue
        runs, run, mac_j = row["runs"], row["run"], place.mac_energy_j
        l1, l2 = run["l1"].values(), run["l2"]
        weight_fill = 18.61 * l2["filter"]["write"] * runs * mac_j
        product = layer.op is Op.MATMUL
        want = {
            "mac_j": run["macs"] * runs * mac_j,
            "l1_j": 1.68 * sum(tensor["read"] + tensor["write"] for tensor in l1) * runs * mac_j,
            "l2_j": 18.61 * (l2["input"]["read"] + l2["filter"]["read"] + l2["output"]["write"]) * runs * mac_j,
            "noc_j": 0.0,
            "fill_input_j": 18.61 * l2["input"]["write"] * runs * mac_j + (weight_fill if product else 0.0),
            "fill_weight_j": 0.0 if product else weight_fill,
            "drain_output_j": 18.61 * l2["output"]["read"] * runs * mac_j,
        }
        assert row["energy_j"] == pytest.approx(want, rel=1e-12)
        assert {part: getattr(costs, part)[index] for part in want} == pytest.approx(want, rel=1e-12)
        assert costs.energy_j[index] == pytest.approx(run["energy_mac_units"] * runs * mac_j, rel=1e-12)
        assert costs.cycles[index] == row["cycles"] == run["cycles"] * runs
        need = sum(tensor["size"] for tensor in l2.values())
        assert costs.l2_need_elements[index] == row["l2_need_elements"] == need
        assert row["utilisation"] == layer.macs / (row["cycles"] * 256)


def test_an_explained_mapping_gives_the_same_figures_as_maestros_own_file() -> None:
    for style, tile in itertools.product(("nvdla", "shidiannao", "eyeriss"), Tile):
        place = chiplet(style, tile)
        rows = [row for row in MaestroCostModel().explain(LAYERS, place) if "mapping" in row]
        text = "Network explained {\n"
        for row in rows:
            sizes = ", ".join(f"{dim}: {size}" for dim, size in row["sizes"].items())
            text += (
                f"Layer {row['name']} {{ Type: {row['type']} Stride {{ Y: {row['stride'][0]}, X: {row['stride'][1]} }}"
            )
            text += f" Dimensions {{ {sizes} }} Dataflow {{ {row['mapping']} }} }}\n"
        report = network_report(
            text + "}",
            "explained.m",
            num_pes=256,
            noc_bandwidth=64,
            noc_latency=1,
            simd_lanes=1,
            offchip_bandwidth=None,
        )
        for row, layer in zip(rows, report["layers"], strict=True):
            run = row["run"]
            assert (layer["runtime_cycles"], layer["macs"]) == (run["cycles"], run["macs"])
            assert (layer["l1"], layer["l2"], layer["energy_mac_units"]) == (
                run["l1"],
                run["l2"],
                run["energy_mac_units"],
            )


def test_copies_follow_one_another_and_the_order_of_layers_does_not_matter() -> None:
    one, many = Layer("one", Op.GEMM, K=64, C=64, Y=50), Layer("many", Op.GEMM, K=64, C=64, Y=50, N=7)
    costs = MaestroCostModel().costs([one, many], chiplet())
    assert costs.cycles[1] == 7 * costs.cycles[0]
    assert costs.energy_j[1] == pytest.approx(7 * costs.energy_j[0])
    assert costs.l2_need_elements[1] == costs.l2_need_elements[0]
    backward = MaestroCostModel().costs(LAYERS[::-1], chiplet())
    forward = MaestroCostModel().costs(LAYERS, chiplet())
    for field in dataclasses.fields(forward):
        assert (getattr(backward, field.name)[::-1] == getattr(forward, field.name)).all()


def test_the_offchip_floor_only_adds_cycles() -> None:
    free, floor = (
        MaestroCostModel().costs(LAYERS, chiplet()),
        MaestroCostModel(16).costs(LAYERS, chiplet(tile=Tile.FIXED)),
    )
    fixed = MaestroCostModel().costs(LAYERS, chiplet(tile=Tile.FIXED))
    assert (floor.cycles >= fixed.cycles).all()
    assert (floor.cycles > fixed.cycles).any()
    assert (floor.energy_j == fixed.energy_j).all()
    assert (free.cycles <= floor.cycles).all()


NVDLA_TEXT = """
SpatialMap(1,1) K; TemporalMap(16,16) C; TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S;
TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X; Cluster(16, P);
SpatialMap(1,1) C; TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X;
TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S;
"""


def custom(**mappings: str) -> Chiplet:
    return Chiplet("own", Dataflow(Style.CUSTOM, mappings=mappings), num_pes=256, noc_bandwidth=64)


def test_a_custom_text_equals_the_style_it_copies() -> None:
    layers = [layer for layer in LAYERS if layer.name in ("conv", "strided", "pointwise", "upconv", "gemm", "matmul")]
    own = MaestroCostModel().costs(layers, custom(conv=NVDLA_TEXT))
    style = dataclasses.replace(chiplet(), dataflow=Dataflow(Style.NVDLA, Tile.FIXED, cluster=16))
    want = MaestroCostModel().costs(layers, style)
    assert own.cycles.tolist() == want.cycles.tolist()
    assert np.allclose(own.energy_j, want.energy_j)


def test_a_custom_gemm_text_may_use_maestros_gemm_dimensions() -> None:
    text = "SpatialMap(1,1) N; TemporalMap(16,16) K; TemporalMap(1,1) M; Cluster(16, P); "
    text += "SpatialMap(1,1) K; TemporalMap(1,1) M;"
    gemm = [LAYERS[7]]
    native = MaestroCostModel().costs(gemm, custom(conv=NVDLA_TEXT, gemm=text))
    encoded = MaestroCostModel().costs(gemm, custom(conv=NVDLA_TEXT))
    assert native.cycles.tolist() == encoded.cycles.tolist()
    assert np.allclose(native.energy_j, encoded.energy_j)


def test_a_custom_conv_text_serves_depthwise_layers_channel_by_channel() -> None:
    depthwise = LAYERS[3]
    one = Layer("one", Op.CONV, K=1, C=1, Y=30, X=30, R=3, S=3, padding=(1, 1))
    costs = MaestroCostModel().costs([depthwise, one], custom(conv=NVDLA_TEXT))
    assert costs.cycles[0] == 96 * costs.cycles[1]


def test_every_layer_that_fails_is_named_with_chiplet_and_directive() -> None:
    place = custom(conv="TemporalMap(1,1) K; TemporalMap(1,1) C; SpatialMap(Sz(R),1) Y; TemporalMap(31,29) X;")
    layers = [LAYERS[0], dataclasses.replace(LAYERS[0], name="other", K=5)]
    with pytest.raises(InputError) as caught:
        MaestroCostModel().costs(layers, place)
    assert len(caught.value.problems) == 2
    for problem, name in zip(caught.value.problems, ("conv", "other"), strict=True):
        assert f"layer '{name}' on chiplet 'own'" in problem
        assert "TemporalMap(31,29) X" in problem


def test_a_custom_text_that_cannot_be_read_is_refused_with_its_line() -> None:
    with pytest.raises(InputError, match=r"chiplet 'own', mapping 'conv':2: 'Spatial' is not a mapping directive"):
        MaestroCostModel().costs(LAYERS[:1], custom(conv="SpatialMap(1,1) K;\nSpatial(1,1) C;"))


def test_counts_that_overflow_in_maestro_are_refused_and_auto_avoids_them() -> None:
    layer = Layer("long", Op.GEMM, K=4096, C=11008, Y=2**15)
    assert MaestroCostModel().costs([layer], chiplet("shidiannao")).cycles[0] > layer.macs / 256
    with pytest.raises(InputError, match=r"layer 'long' on chiplet 'shidiannao': .*steps more than 2\^31 times"):
        MaestroCostModel().costs([layer], chiplet("shidiannao", Tile.FIXED))


def test_a_model_of_riders_alone_and_of_nothing() -> None:
    assert MaestroCostModel().costs(LAYERS[9:], chiplet()).energy_j.tolist() == [0, 0]
    assert MaestroCostModel().costs([], chiplet()).cycles.shape == (0,)
    assert MaestroCostModel().explain([], chiplet()) == []
