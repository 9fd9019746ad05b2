"""Sums over the chiplets of a region in drafts, and what `weave` gains by them."""

from __future__ import annotations

import pytest

from chipweave.evaluation.audit import faults_of_proof
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.lines import least
from chipweave.plan.certificate import Space
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.schedulers.alone import costed
from chipweave.schedulers.search import Request
from chipweave.schedulers.weave import scheduler
from chipweave.schedulers.weave.choices import CHOICES, SUMS, by_layer, number_of
from chipweave.schedulers.weave.draft import Judge, draft_of
from chipweave.schedulers.weave.options import WeaveOptions
from chipweave.schedulers.weave.summed import may_sum, summed_alike, summed_one
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.test_regions_by_hand import Sheet, gemm, row

W, I, R = Partition.WEIGHT_SHARED, Partition.INPUT_SHARED, Partition.REDUCED  # noqa: E741
EDP = objective("edp")


def feed_forward(blocks: int, tokens: int, width: int, inner: int) -> Model:
    """Blocks of a product up, one down, and the sum with what went into them."""
    layers: list[Layer] = [gemm("first", tokens, width, width)]
    edges = [Edge(-1, 0, tokens * width)]
    for block in range(blocks):
        at, before = len(layers), len(layers) - 1
        layers += [
            gemm(f"up{block}", tokens, width, inner),
            gemm(f"down{block}", tokens, inner, width),
            Layer(f"sum{block}", Op.ELEMENTWISE, K=width, C=width, Y=tokens, groups=width),
        ]
        edges += [Edge(before, at, tokens * width), Edge(at, at + 1, tokens * inner)]
        edges += [Edge(before, at + 2, tokens * width), Edge(at + 1, at + 2, tokens * width)]
    return Model("ff", tuple(layers), tuple(edges))


def problem_of(model: Model) -> Problem:
    where = row(4, l2_bytes=3000)
    return pose(Scenario("s", (Task("ff", model, 1),)), where, Sheet(), Fidelity.DETAILED)


def test_a_unit_and_its_number() -> None:
    """What rides with a layer cannot be reduced; nor can a layer with fewer inputs than chiplets."""
    model = feed_forward(1, 4, 8, 16)
    assert CHOICES == ((W, W), (I, I), (R, I), (R, W))
    assert by_layer(model, 0, (0, 1, 3), 4) == (W, I, R, W)
    assert by_layer(model, 1, (2, 2), 8) == (R, R, I)
    assert by_layer(model, 1, (2, 3), 9) == (I, R, W)
    for number in range(4):
        stage = Stage(2, 3, (0, 1), by_layer(model, 2, (number,), 2))
        assert number_of(stage, 2, 3) == number
    assert number_of(Stage(1, 1, (0, 1), (R,)), 1, 1) == SUMS[0]


def test_layers_that_are_alike_change_together() -> None:
    ready = prepare(problem_of(feed_forward(2, 4, 8, 16)))
    plan = Schedule((Window((Pipeline(0, (Stage(0, 6, (0, 1), (I,) * 7),)),)),))
    draft = draft_of(ready, plan)
    assert draft is not None
    judge = Judge(ready, costed(ready, True), EDP)
    found = [
        [change.made(draft)[0][0].stages[0].partitions for change in kind(judge, draft, 0)]
        for kind in (summed_alike, summed_one)
    ]
    assert (1, 1, 3, 1, 3) in found[0]
    assert (1, 2, 1, 2, 1) in found[0]
    assert (1, 1, 3, 1, 1) in found[1]
    assert all(partitions.count(1) == 4 for partitions in found[1])
    for partitions in (*found[0], *found[1]):
        window = judge.window(
            ((draft[0][0]._replace(stages=(draft[0][0].stages[0]._replace(partitions=partitions),))),)
        )
        assert faults_of(Schedule((window,)), ready) == []


def test_weave_takes_sums_where_they_pay_and_proves_for_plans_that_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few tokens on wide layers: in rows all chiplets need all weights, in columns all activations."""
    problem = problem_of(feed_forward(1, 16, 32, 128))
    request = Request(EDP, options=WeaveOptions(steps=60))
    ready = prepare(problem)
    assert may_sum(ready)
    found = scheduler.weave(ready, request)
    monkeypatch.setattr(scheduler, "may_sum", lambda ready: False)
    plain = scheduler.weave(prepare(problem), request)
    costs = [evaluate(each.schedule, ready) for each in (found, plain)]
    assert found.schedule.reduces
    assert not plain.schedule.reduces
    assert costs[0].edp_js < 0.9 * costs[1].edp_js
    assert faults_of(found.schedule, ready) == []
    assert found.proof is not None
    assert found.proof.of is Space.SUMS
    assert faults_of_proof(ready, found.proof) == []
    assert least(EDP, found.proof.lines)[0] <= costs[0].edp_js
    assert found.history[-1][1] == pytest.approx(costs[0].edp_js)
    assert plain.proof is not None
    assert plain.proof.of is Space.REGIONS


def test_what_gains_little_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found without sums stays as it is, with its proof."""
    problem = problem_of(feed_forward(1, 4, 8, 16))
    request = Request(EDP, options=WeaveOptions(steps=20))
    monkeypatch.setattr(scheduler, "LITTLE_GAIN", 1.0)
    found = scheduler.weave(prepare(problem), request)
    monkeypatch.setattr(scheduler, "may_sum", lambda ready: False)
    plain = scheduler.weave(prepare(problem), request)
    assert (found.schedule, found.proof, found.near) == (plain.schedule, plain.proof, plain.near)
    assert found.history[-1][1] == plain.history[-1][1]
