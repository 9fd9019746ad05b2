"""Rates by precision: a width against a chiplet written for it alone, the bound, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from chipweave.cli.main import run
from chipweave.cost.interface import CostModel
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.errors import InputError
from chipweave.evaluation.bound import lower_bound
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.files.chiplet_file import chiplet_from_dict, chiplet_to_dict
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package
from chipweave.hardware.technology import hop_energy_j, mac_energy_j
from chipweave.plan.objective import objective
from chipweave.plan.problem import pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task

RATES = ((4, 4.0), (8, 2.0), (16, 1.0), (32, 0.5))
DIE = Chiplet(
    "die", num_pes=64, precision_bits=16, mac_energy_j=3 * mac_energy_j(16, 16), rates=RATES, noc_bandwidth=16,
    noc_latency=2, l1_bytes=256,
)  # fmt: skip
LAYERS = (Layer("a", Op.GEMM, K=24, C=32, Y=16), Layer("b", Op.GEMM, K=40, C=24, Y=16))


def model(weight_bits: float, activation_bits: float, last: float = 0.0) -> Model:
    layers = (LAYERS[0], replace(LAYERS[1], weight_bits=last))
    return Model(
        "m", layers, (Edge(-1, 0, 512), Edge(0, 1, 384)), weight_bits=weight_bits, activation_bits=activation_bits
    )


@pytest.mark.parametrize(
    ("weight_bits", "activation_bits", "last", "bits"),
    [
        (0, 0, 0, (0, 0)),
        (8, 8, 0, (8, 8)),
        (4.25, 16, 0, (16, 16)),  # weights are widened
        (16, 8, 0, (16, 16)),
        (4.25, 4.25, 8.5, (4, 8)),  # scales do not count
        (4, 0, 0, (8, 8)),  # elements of one byte
    ],
)
def test_the_wider_operand_decides(
    weight_bits: float, activation_bits: float, last: float, bits: tuple[int, int]
) -> None:
    made = model(weight_bits, activation_bits, last)
    assert tuple(layer.product_bits for layer in made.layers) == bits
    product = Layer("p", Op.MATMUL, K=4, C=4, Y=4)
    both = Model("m", (product,), (Edge(-1, 0, 16), Edge(-1, 0, 16)), weight_bits=16, activation_bits=activation_bits)
    assert both.layers[0].product_bits == (int(activation_bits) or 8)  # no weights


@pytest.mark.parametrize("cost_model", [LoopnestCostModel(), MaestroCostModel()], ids=["loopnest", "maestro"])
@pytest.mark.parametrize(("bits", "lanes", "noc"), [(4, 4, 64), (8, 2, 32), (6, 2, 32), (16, 1, 16)])
def test_a_width_is_a_chiplet_written_for_it(bits: int, lanes: int, noc: int, cost_model: CostModel) -> None:
    """Twice the lanes and the elements a cycle for half the bits, and a MAC of that width at thrice its price."""
    width = 8 if bits == 6 else bits
    hop_j = hop_energy_j(width, DIE.pe_pitch_mm)
    alone = replace(
        DIE, rates=(), simd_lanes=lanes, noc_bandwidth=noc, precision_bits=width, noc_j_per_element_hop=hop_j,
        mac_energy_j=3 * mac_energy_j(width, width),
    )  # fmt: skip
    got = cost_model.costs(model(bits, bits).layers, DIE)
    wanted = cost_model.costs(LAYERS, alone)
    for name, values in vars(wanted).items():
        assert getattr(got, name) == pytest.approx(values, rel=1e-12), name


def test_half_a_rate_takes_two_cycles() -> None:
    """At 32 bits a product takes two cycles, in which the network moves as many elements of 32 bits as one of 16."""
    slow, cycles = DIE.at_bits(32)
    assert (cycles, slow.simd_lanes, slow.noc_bandwidth, slow.noc_latency) == (2, 1, 16, 1)
    got = LoopnestCostModel().costs(model(32, 32).layers, DIE)
    assert got.cycles == pytest.approx(2 * LoopnestCostModel().costs(LAYERS, slow).cycles)
    assert DIE.macs_per_cycle(32) == 32
    assert DIE.macs_per_cycle(0) == DIE.macs_per_cycle(16) == 64
    assert DIE.macs_per_cycle(4) == 256


def test_layers_of_several_widths_stay_in_place() -> None:
    costs = LoopnestCostModel()
    mixed = costs.costs(model(8, 8, 16).layers, DIE)
    apart = [costs.costs(model(bits, bits).layers, DIE) for bits in (8, 16)]
    for name, values in vars(mixed).items():
        assert values.tolist() == [getattr(apart[0], name)[0], getattr(apart[1], name)[1]]
    assert [facts["name"] for facts in costs.explain(model(8, 8, 16).layers, DIE)] == ["a", "b"]


def test_fewer_bits_are_never_slower_nor_costlier() -> None:
    for goal in ("latency", "edp"):
        costs = LoopnestCostModel(goal)
        found = [costs.costs(model(bits, bits).layers, DIE) for bits, _ in RATES]
        for less, more in pairwise(found):
            if goal == "latency":
                assert (less.cycles <= more.cycles).all()
            assert (less.cycles * less.resident_j <= more.cycles * more.resident_j).all()
            assert (less.mac_j < more.mac_j).all()


@pytest.mark.parametrize("bits", [4, 8, 16, 32])
def test_the_bound_holds_on_regions(bits: int) -> None:
    package = Package("p", (DIE,) * 2, ((0, 1),), (0,), positions=((0, 0), (0, 1)))
    scenario = Scenario("s", (Task("m", model(bits, bits, 16), 3),))
    problem = pose(scenario, package, LoopnestCostModel())
    splits = prepare(problem).splits(0, 2)
    assert (splits.least_cycles(DIE) <= splits.tile_costs[0].cycles * (1 + 1e-12)).all()
    both = Stage(0, 1, (0, 1), (Partition.INPUT_SHARED, Partition.WEIGHT_SHARED))
    for stages in ((Stage(0, 1, (0,)),), (Stage(0, 0, (0,)), Stage(1, 1, (1,))), (both,)):
        for micro_batch in (1, 3):
            made = evaluate(Schedule((Window((Pipeline(0, stages, micro_batch),)),)), problem)
            for goal in ("latency", "energy"):
                bound = lower_bound(problem, objective(goal), regions=True)
                assert objective(goal)(made.latency_s, made.energy_j) >= bound.value * (1 - 1e-9)


def test_without_rates_widths_are_of_no_effect() -> None:
    plain = replace(DIE, rates=())
    for one, other in zip(vars(LoopnestCostModel().costs(model(8, 8).layers, plain)).values(),
                          vars(LoopnestCostModel().costs(LAYERS, plain)).values(), strict=True):  # fmt: skip
        assert np.array_equal(one, other)


def test_there_and_back() -> None:
    data = {"name": "die", "precision_bits": 16, "rates": {"fp8": 2, "bf16": 1, "mxfp4": 4, "32": 0.5}}
    made = chiplet_from_dict(data)
    assert made.rates == RATES
    assert chiplet_from_dict(chiplet_to_dict(made)) == made
    assert "rates" not in chiplet_to_dict(replace(made, rates=()))


@pytest.mark.parametrize(
    ("rates", "problem"),
    [
        ("{fp9: 1}", "'fp9' is no format"),
        ("{bf16: 1, fp8: -2}", "-2 is out of range"),
        ("{bf16: 1, fp8: 1.5}", "8 bits at 1.5 is no rate; give bits in 1..128, and a whole rate, or 0.5, 0.25, ..."),
        ("{bf16: 1, fp8: 0.5}", "a wider operand has a higher rate than a narrower one"),
        ("{bf16: 1, fp16: 2}", "16 bits have two rates, 1 and 2; leave one out"),
        ("{fp8: 2}", "lacks a rate of 1 (simd_lanes) at 16 bits (precision_bits)"),
        ("{bf16: 2}", "lacks a rate of 1 (simd_lanes) at 16 bits (precision_bits)"),
    ],
)
def test_rates_that_are_none(tmp_path: Path, rates: str, problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "die.yaml"
    path.write_text(f"name: die\nprecision_bits: 16\nrates: {rates}\n", encoding="utf-8")
    assert run(["cost", "alexnet", "--chiplet", str(path)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert problem in said
    assert f"{path.name}:3: rates" in said
    assert said.count("error:") == 1


def test_a_precision_that_the_chiplet_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.yaml").write_text(
        "name: p\nclasses:\n  A:\n    name: die\n    precision_bits: 8\n    rates: {fp8: 1}\ngrid: [[A]]\n",
        encoding="utf-8",
    )
    (tmp_path / "m.yaml").write_text(
        "name: m\nactivation_bits: bf16\nlayers:\n  - {name: one, op: gemm, K: 4, C: 4, Y: 4}\n", encoding="utf-8"
    )
    assert run(["schedule", str(tmp_path / "m.yaml"), "--package", str(tmp_path / "p.yaml")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    wrong = "rates: chiplet 'die' computes with up to 8 bits, and layer 'one' of 'm' has operands of 16"
    assert f"p.yaml:6: {wrong}" in said
    with pytest.raises(InputError, match="has no rate for 64 bits; its widest is for 32"):
        DIE.at_bits(64)
