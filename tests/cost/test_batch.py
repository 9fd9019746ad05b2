"""What several samples of a layer cost when they run together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pytest

from chipweave.cost.interface import BatchCostModel, LayerCosts, batch_costs
from chipweave.cost.loopnest import search
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.cost.loopnest.several_samples import together
from chipweave.cost.loopnest.shape import Shape
from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.files.chiplet_file import resolve_chiplet
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Dataflow, Loops, Style
from chipweave.workload.layer import Layer, Op

STYLES = [Chiplet(style.value, Dataflow(style), num_pes=16, noc_bandwidth=4) for style in Style if style != "custom"]
LAYERS = [
    Layer("conv", Op.CONV, K=6, C=3, Y=7, X=7, R=3, S=3, padding=(1, 1)),
    Layer("pool", Op.POOL, K=6, C=6, Y=7, X=7, R=2, S=2, stride=(2, 2), groups=6),
    Layer("up", Op.TRANSPOSED, K=4, C=3, Y=4, X=4, R=3, S=3, stride=(2, 2), padding=(1, 1)),
    Layer("scores", Op.MATMUL, K=10, C=6, Y=5, groups=2),
    Layer("vector", Op.GEMM, K=24, C=40, Y=1),
    Layer("rois", Op.GEMM, K=24, C=40, Y=2, N=3),
    Layer("again", Op.GEMM, K=24, C=40, Y=1),
]


def assert_equal(one: LayerCosts, other: LayerCosts) -> None:
    for part in fields(LayerCosts):
        assert np.array_equal(getattr(one, part.name), getattr(other, part.name)), part.name


def test_one_sample_is_what_it_was() -> None:
    for model in (LoopnestCostModel(), MaestroCostModel()):
        for chiplet in STYLES:
            assert_equal(batch_costs(model, LAYERS, chiplet, 1), model.costs(LAYERS, chiplet))


@pytest.mark.parametrize("chiplet", STYLES, ids=lambda chiplet: chiplet.name)
@pytest.mark.parametrize("objective", ["edp", "latency", "energy"])
def test_samples_together_are_never_worse_than_one_after_another(chiplet: Chiplet, objective: str) -> None:
    model = LoopnestCostModel(objective)
    one, before = model.costs(LAYERS, chiplet), model.costs(LAYERS, chiplet)
    for samples in (2, 3, 8):
        many = batch_costs(model, LAYERS, chiplet, samples)
        value = {
            "edp": lambda costs: costs.cycles * costs.resident_j,
            "latency": lambda costs: costs.cycles,
            "energy": lambda costs: costs.resident_j,
        }[objective]
        each = samples**2 if objective == "edp" else samples
        assert (value(many) <= each * value(one) * (1 + 1e-12)).all()
        assert (value(many) >= value(before)).all()
        assert np.allclose(many.mac_j, samples * one.mac_j, rtol=1e-14)
        assert np.array_equal(many.fill_weight_j, one.fill_weight_j)
        assert np.allclose(many.fill_input_j, samples * one.fill_input_j, rtol=1e-14)
        assert np.allclose(many.drain_output_j, samples * one.drain_output_j, rtol=1e-14)
        before = many


def test_samples_of_a_product_are_rows_of_it() -> None:
    """4096 x 25088 weights take 25088 * 4096 / 256 = 401,408 cycles through a network of 256 elements a cycle, for one
    sample as for 64, and 64 samples take 64 * 25088 * 4096 / 4096 = 1,605,632 cycles on 4096 PEs. At 500 MHz that is
    0.8 and 3.2 ms."""
    vector, rows = (Layer("fc", Op.GEMM, K=4096, C=25088, Y=y) for y in (1, 64))
    model = LoopnestCostModel()
    for name in ("datacenter-nvdla", "datacenter-shidiannao"):
        chiplet = resolve_chiplet(name)
        one, many = (batch_costs(model, [vector], chiplet, samples) for samples in (1, 64))
        assert 401_408 <= one.cycles[0] < 1.01 * 401_408
        assert 1_605_632 <= many.cycles[0] < 1.07 * 1_605_632
        assert_equal(many, model.costs([rows], chiplet))


def test_samples_stay_samples_where_rows_can_do_less() -> None:
    vector = Layer("fc", Op.GEMM, K=8, C=8, Y=2, N=3)

    def made(rows: str, columns: str, whole: str = "") -> tuple[int, int]:
        dataflow = Dataflow(Style.CUSTOM, loops=Loops(rows, columns, whole=whole))
        layer = together(vector, Chiplet("c", dataflow), 5)
        assert (layer.output_elements, layer.macs) == (5 * vector.output_elements, 5 * vector.macs)
        return layer.N, layer.Y

    assert made("GK", "C") == made("NY", "K") == made("K", "C", "NY") == (1, 30)
    assert made("N", "Y") == made("K", "C", "Y") == (15, 2)
    assert together(replace(vector, op=Op.MATMUL), STYLES[0], 5).N == 15


def test_layers_that_are_alike_are_mapped_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIPWEAVE_CACHE", "off")
    asked: list[Shape] = []
    best = search.best_mappings

    def noted(shapes: Sequence[Shape], *rest: object) -> list[Mapping]:
        asked.extend(shapes)
        return best(shapes, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(search, "best_mappings", noted)
    model = LoopnestCostModel()
    layers = [replace(LAYERS[0], name=f"conv{index}") for index in range(4)]
    first = batch_costs(model, layers, STYLES[0], 3)
    assert len(asked) == 1
    assert_equal(batch_costs(model.telling(lambda done, total: None), layers, STYLES[0], 3), first)
    assert len(asked) == 1
    assert batch_costs(model, [], STYLES[0], 3).cycles.shape == (0,)


def test_a_model_that_does_not_know_takes_one_sample_after_another() -> None:
    model = MaestroCostModel()
    assert not isinstance(model, BatchCostModel)
    one, many = model.costs(LAYERS, STYLES[0]), batch_costs(model, LAYERS, STYLES[0], 7)
    for part in fields(LayerCosts):
        times = 1 if part.name in ("fill_weight_j", "l2_need_elements") else 7
        assert np.array_equal(getattr(many, part.name), times * getattr(one, part.name))
