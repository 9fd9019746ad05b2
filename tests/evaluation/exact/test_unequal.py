"""Regions of several classes: no layer is slower for a faster chiplet, nor changed where classes do not differ."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from chipweave.cost.interface import LayerCosts
from chipweave.errors import InputError
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.exact.split import Splits, part_sizes
from chipweave.evaluation.record import StageEvaluation
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package
from chipweave.plan.problem import Fidelity, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.workload.layer import Layer, Op, channel_units
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.plain_regions import Proportional

W, I = Partition.WEIGHT_SHARED, Partition.INPUT_SHARED  # noqa: E741
SMALL, LARGE = (Chiplet(name, num_pes=64, clock_hz=hz) for name, hz in (("small", 1e8), ("large", 4e8)))
PLACES = ((0,), (3,), (7,), (0, 7), (2, 3))
"""Where the larger ones are of eight chiplets."""


def package(large: Sequence[int]) -> Package:
    return Package(
        "eight",
        tuple(LARGE if place in large else SMALL for place in range(8)),
        topology.mesh(2, 4),
        interfaces=(0, 4),
        positions=topology.grid_positions(2, 4),
    )


def products(batch: int = 1) -> tuple[Model, int]:
    """Four products by matrices, as in a transformer."""
    widths = (96, 384, 96, 96, 200)
    layers = tuple(Layer(f"g{at}", Op.GEMM, K=k, C=c, Y=48) for at, (c, k) in enumerate(pairwise(widths)))
    return Model("m", layers, tuple(Edge(at - 1, at, 48 * c) for at, c in enumerate(widths[:-1]))), batch


def maps() -> tuple[Model, int]:
    """Convolutions with a pool between them, of two samples."""
    layers = (
        Layer("a", Op.CONV, K=64, C=16, Y=28, X=28, R=3, S=3, padding=(1, 1)),
        Layer("pool", Op.POOL, K=64, C=64, Y=28, X=28, R=2, S=2, stride=(2, 2), groups=64),
        Layer("b", Op.CONV, K=96, C=64, Y=14, X=14, R=3, S=3, padding=(1, 1)),
        Layer("c", Op.CONV, K=50, C=96, Y=14, X=14),
    )
    edges = (Edge(-1, 0, 28 * 28 * 16), Edge(0, 1, 28 * 28 * 64), Edge(1, 2, 14 * 14 * 64), Edge(2, 3, 14 * 14 * 96))
    return Model("maps", layers, edges), 2


def on_all(made: tuple[Model, int], large: Sequence[int], partition: Partition, fidelity: Fidelity) -> StageEvaluation:
    """All layers on all chiplets."""
    model, batch = made
    many = len(model.layers)
    problem = pose(Scenario("s", (Task("m", model, batch),)), package(large), Proportional(), fidelity)
    stage = Stage(0, many - 1, (0, 1, 2, 3, 7, 6, 5, 4), (partition,) * many)
    (found,) = evaluate(Schedule((Window((Pipeline(0, (stage,), batch),)),)), problem).stages
    return found


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("partition", [W, I])
@pytest.mark.parametrize("made", [products(), products(3), maps()])
def test_larger_chiplets_make_a_region_faster(
    made: tuple[Model, int], partition: Partition, fidelity: Fidelity
) -> None:
    """One of eight that is four times as fast: 11 do the work of 8, so at best 8/11 of the time, two 8/14."""
    even = on_all(made, (), partition, fidelity)
    assert not any(split.weights for split in even.splits)
    for large in PLACES:
        found = on_all(made, large, partition, fidelity)
        assert any(split.weights for split in found.splits)
        assert found.compute_s < 0.95 * even.compute_s
        assert found.compute_s > 8 / (8 + 3 * len(large)) * even.compute_s * (1 - 1e-9)
        assert found.fill_s < even.fill_s


@pytest.mark.parametrize("partition", [W, I])
def test_what_the_parts_make_is_the_layer(partition: Partition) -> None:
    model, batch = maps()
    found = on_all((model, batch), (3,), partition, Fidelity.DETAILED)
    for layer, split in zip(model.layers, found.splits, strict=True):
        parts = part_sizes(layer, split, batch)
        assert parts.prod(axis=1).sum() == batch * layer.out_y * layer.out_x * channel_units(layer)


def test_classes_that_differ_in_name_alone_are_cut_equally() -> None:
    """Parts that take as long on either class stay equal, and cost what they cost on one class."""
    twin = replace(SMALL, name="other")
    model, batch = products()
    stage = Stage(0, 3, (0, 1, 2, 3, 7, 6, 5, 4), (W, I, W, I))
    plan = Schedule((Window((Pipeline(0, (stage,), batch),)),))
    scenario = Scenario("s", (Task("m", model, batch),))
    both = replace(package(()), chiplets=(SMALL, twin) * 4)
    one, two = (evaluate(plan, pose(scenario, each, Proportional(), Fidelity.DETAILED)) for each in (package(()), both))
    assert one.stages == two.stages


class Equal:
    """Costs of whole layers and of equal parts on eight chiplets alone, as a table of the user's own may have."""

    name = "equal"

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        if any(layer.K == 368 for layer in layers):  # of 384 channels all but a quantum
            raise InputError("no figures")
        return Proportional().costs(layers, chiplet)


def test_who_has_no_figures_of_unequal_parts_cuts_equally() -> None:
    model, batch = products()
    problem = pose(Scenario("s", (Task("m", model, batch),)), package((3,)), Equal(), Fidelity.DETAILED)
    stage = Stage(0, 3, tuple(range(8)), (W, I, W, I))
    (found,) = evaluate(Schedule((Window((Pipeline(0, (stage,), batch),)),)), problem).stages
    assert not any(split.weights for split in found.splits)


class Suited:
    """Each class takes a hundredth of the time for the layers that suit it: those of fewer than 128 inputs, or more."""

    name = "suited"

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        costs = Proportional().costs(layers, chiplet)
        suits = np.array([(layer.C < 128) == (chiplet.name == "small") for layer in layers])
        return replace(costs, cycles=np.where(suits, 0.01, 1.0) * costs.cycles)


def test_a_mixed_region_takes_layers_by_affinity() -> None:
    """Of every layer the chiplets that it suits get nearly all."""
    model, batch = products()
    where = replace(package(()), chiplets=(SMALL, replace(SMALL, name="other")) * 4)
    problem = pose(Scenario("s", (Task("m", model, batch),)), where, Suited(), Fidelity.DETAILED)
    for partition in (W, I):
        stage = Stage(0, 3, tuple(range(8)), (partition,) * 4)
        (found,) = evaluate(Schedule((Window((Pipeline(0, (stage,), batch),)),)), problem).stages
        for layer, split in zip(model.layers, found.splits, strict=True):
            sizes = part_sizes(layer, split, batch).prod(axis=1)
            suited = sizes[0::2] if layer.C < 128 else sizes[1::2]
            assert suited.sum() > 0.95 * sizes.sum()


@pytest.mark.parametrize("seed", range(10))
def test_how_a_layer_is_cut_does_not_depend_on_what_was_asked_before(seed: int) -> None:
    """A table for larger regions knows more sizes; a region of five is cut as by the table for five."""
    rng = random.Random(seed)
    model, _ = rng.choice([products(), maps()])
    ready = prepare(pose(Scenario("s", (Task("m", model, 4),)), package((1, 2)), Proportional(), Fidelity.DETAILED))
    costs = ready.problem.costs[0]
    five, many = (Splits(model.layers, ready.package.classes, costs, Proportional(), most) for most in (5, 30))
    class_of = tuple(rng.randrange(2) for _ in range(5))
    for layer in range(len(model.layers)):
        for partition in (W, I):
            for micro_batch in (1, 4):
                cut = five.split(layer, partition, class_of, micro_batch)
                assert cut == many.split(layer, partition, class_of, micro_batch)
                assert five.costs(layer, cut, micro_batch, class_of) == many.costs(layer, cut, micro_batch, class_of)
