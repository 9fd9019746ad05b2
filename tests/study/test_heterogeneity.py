from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

import chipweave
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Dataflow, Style
from chipweave.hardware.package import Package
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.results.result import Result
from chipweave.study.affinity import LayerClass
from chipweave.study.heterogeneity import (
    BestKnown,
    Outcome,
    advantage,
    bottleneck,
    exchange,
    outcome,
    scenario_freedom,
    work_by_class,
)
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model
from chipweave.workload.scenario import Scenario, Task


def made(package: str, mixed: bool, latency_s: float, energy_j: float, compute_s: float, bound_js: float) -> Outcome:
    edp_js, busy = latency_s * energy_j, compute_s / latency_s / 2
    return Outcome(package, mixed, package, edp_js, latency_s, energy_j, edp_js, compute_s, busy, bound_js)


def test_the_best_of_each_kind_by_hand() -> None:
    alike, worse = made("all w", False, 4, 5, 6, 10), made("all o", False, 5, 5, 6, 1)
    fast, thrifty = made("w o", True, 2, 8, 3, 15), made("o w", True, 5, 4, 6, 12)
    found = advantage([worse, thrifty, alike, fast])
    assert (found.homogeneous, found.mixed) == (alike, fast)
    assert (found.pays, found.latency, found.energy, found.compute) == pytest.approx((0.2, 0.5, -0.6, 0.5))
    assert found.at_most == pytest.approx(1 - 12 / 20)


def chiplet(style: Style) -> Chiplet:
    return Chiplet(str(style), Dataflow(style), num_pes=64, noc_bandwidth=16)


@cache
def result() -> Result:
    """Two convolutions and an addition, three samples, on one chiplet of each style."""
    layers = (
        Layer("first", Op.CONV, K=8, C=3, Y=16, X=16, R=3, S=3, padding=(1, 1)),
        Layer("add", Op.ELEMENTWISE, K=8, C=8, Y=16, X=16, groups=8),
        Layer("last", Op.CONV, K=64, C=8, Y=16, X=16),
    )
    sizes = [layers[0].input_elements, layers[0].output_elements, layers[1].output_elements]
    edges = tuple(Edge(NETWORK_INPUT if i == 0 else i - 1, i, size) for i, size in enumerate(sizes))
    package = Package("pair", (chiplet(Style.NVDLA), chiplet(Style.SHIDIANNAO)), topology.mesh(1, 2), interfaces=(0, 1))
    scenario = Scenario("small", (Task("net", Model("net", layers, edges), batch=3),))
    return chipweave.schedule(scenario, package, scheduler="scar", jobs=1)


def alone(result: Result) -> BestKnown:
    return BestKnown(result, result, result.problem.package.name)


def test_the_outcome_of_a_schedule_adds_up() -> None:
    found, cost = outcome(alone(result())), result().evaluation
    assert found.mixed
    assert found.package == "pair"
    assert (found.latency_s, found.energy_j, found.edp_js) == (cost.latency_s, cost.energy_j, cost.edp_js)
    assert found.latency_s == pytest.approx(found.compute_s / found.busy / 2)
    assert 0 < found.busy <= 1
    assert found.bound_js <= found.edp_js


def test_work_counts_every_sample_of_every_layer_once() -> None:
    work = work_by_class(result())
    layers = result().problem.scenario.tasks[0].model.layers
    assert sum(done.macs for done in work.values()) == 3 * sum(layer.macs for layer in layers)
    assert {kind for _, kind in work} == {LayerClass.FEW_CHANNELS, LayerClass.POINTWISE}
    riding_s = 3 * 8 * 16 * 16 / 16 / 500e6  # the addition reads its input over a network of 16 elements a cycle
    computing_s = sum(done.compute_s for done in work.values())
    assert computing_s + riding_s == pytest.approx(outcome(alone(result())).compute_s)


def test_no_schedule_computes_less_than_a_free_choice() -> None:
    problem = result().problem
    free = scenario_freedom(result())
    multiplying = [0, 2]
    cycles = {
        str(place.dataflow.style): float(costs.cycles[multiplying].sum())
        for place, costs in zip(problem.package.classes, problem.costs[0], strict=True)
    }
    least_s = 3 * free.cycles * cycles[free.fastest] / 500e6
    assert cycles[free.fastest] == min(cycles.values())
    assert least_s <= sum(done.compute_s for done in work_by_class(result()).values()) * (1 + 1e-12)


def test_the_bottleneck_is_a_stage_of_the_schedule() -> None:
    found = bottleneck(result())
    assert found.model == "net"
    assert 0 < found.share <= 1
    assert (found.layer, found.kind) in {("first", LayerClass.FEW_CHANNELS), ("last", LayerClass.POINTWISE)}
    slowest = max(
        (stage for window in result().evaluation.windows for each in window.pipelines for stage in each.stages),
        key=lambda stage: stage.steady_s,
    )
    layers = result().problem.scenario.tasks[0].model.layers
    assert found.layer in {layers[index].name for index in range(slowest.first, slowest.last + 1)}


def test_every_package_takes_the_best_schedule_of_any() -> None:
    """The same places with the styles exchanged: what is good for one is good for the other after an exchange. The
    schedule of `bad` runs all on one chiplet, sample by sample, which no exchange mends."""
    good = result()
    problem = good.problem
    other = replace(problem.package, name="flipped", chiplets=problem.package.chiplets[::-1])
    flipped = chipweave.schedule(problem.scenario, other, scheduler="scar", jobs=1)
    one_by_one = Schedule(tuple(Window((Pipeline(0, (Stage(i, j, (0,)),)),)) for i, j in ((0, 1), (2, 2))))
    bad = chipweave.evaluate(one_by_one, problem.scenario, problem.package)
    here, there = exchange([bad, flipped])
    assert (here.plan_of, there.plan_of) == ("flipped", "flipped")
    assert here.best.problem is bad.problem
    assert here.searched is bad
    assert here.best.evaluation.edp_js <= good.evaluation.edp_js * (1 + 1e-12) < bad.evaluation.edp_js
    found = outcome(here)
    assert (found.package, found.plan_of) == ("pair", "flipped")
    assert found.searched_js == bad.evaluation.edp_js


def test_schedules_for_something_else_are_refused() -> None:
    other = chipweave.schedule(
        result().problem.scenario, result().problem.package, scheduler="standalone", objective="latency", jobs=1
    )
    with pytest.raises(ValueError, match="'pair' was not found for EDP, but for 'latency'"):
        outcome(alone(other))
