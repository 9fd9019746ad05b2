"""One case per rule of validity; each names what is wrong, where, and what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chipweave.errors import InfeasibleError
from chipweave.evaluation.check import faults_of, require_limits
from chipweave.evaluation.evaluate import evaluate
from chipweave.plan.certificate import Unmet
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.test_evaluate import CHAIN, gemm, problem_of, row
from tests.support import RoundNumbers

PROBLEM = problem_of(CHAIN, row(3), Fidelity.DETAILED, batch=4, copies=2)


def stage(first: int, last: int, *chiplets: int) -> Stage:
    return Stage(first, last, chiplets)


def pipeline(task: int, *stages: Stage, micro_batch: int = 1) -> Pipeline:
    return Pipeline(task, stages, micro_batch)


WHOLE = (pipeline(0, stage(0, 2, 0)), pipeline(1, stage(0, 2, 1)))


def plan(*windows: tuple[Pipeline, ...]) -> Schedule:
    return Schedule(tuple(Window(window) for window in windows))


def only_fault(schedule: Schedule, problem: Problem = PROBLEM) -> str:
    (fault,) = faults_of(schedule, problem)
    return str(fault)


def test_a_valid_schedule_has_no_faults() -> None:
    assert faults_of(plan(WHOLE), PROBLEM) == []
    assert faults_of(plan((pipeline(0, stage(0, 1, 2)),), (pipeline(0, stage(2, 2, 0)), WHOLE[1])), PROBLEM) == []


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ((WHOLE, ()), "window 1: holds no pipeline; remove it"),
        (((*WHOLE, pipeline(7, stage(0, 2, 2))),), "window 0: task 7 is not in the scenario, which has 2"),
        (((pipeline(0, stage(0, 1, 0)), pipeline(0, stage(2, 2, 2)), WHOLE[1]),), "'chain0' has two pipelines"),
        (((pipeline(0, stage(0, 2, 0), micro_batch=5), WHOLE[1]),), "micro_batch=5 is not in 1..4, its batch"),
        (((pipeline(0, stage(0, 2, 0), micro_batch=0), WHOLE[1]),), "micro_batch=0 is not in 1..4, its batch"),
        (((pipeline(0), WHOLE[1]),), "'chain0' has no stages"),
        (((pipeline(0, stage(0, 3, 0)), WHOLE[1]),), "layers 0 to 3 are no layers of the model, which has 0 to 2"),
        (((pipeline(0, stage(2, 1, 0)), WHOLE[1]),), "layers 2 to 1 are no layers of the model"),
        (((pipeline(0, stage(0, 2)), WHOLE[1]),), "'chain0' layers 0 to 2 run on no chiplet; name at least one"),
        (((pipeline(0, stage(0, 2, 0, 0)), WHOLE[1]),), "chiplet 0 is named more than once; name each once"),
        (((pipeline(0, stage(0, 2, 9)), WHOLE[1]),), "chiplet 9 is not in the package, which has 0 to 2"),
        (((pipeline(0, stage(0, 2, -1)), WHOLE[1]),), "chiplet -1 is not in the package, which has 0 to 2"),
        (((pipeline(0, stage(0, 2, 1)), WHOLE[1]),), "chiplet 1 is used by 'chain0' layers 0 to 2 and by 'chain1'"),
        (((pipeline(0, stage(0, 0, 0), stage(1, 2, 0)), WHOLE[1]),), "regions must be disjoint"),
        (
            ((pipeline(0, stage(0, 2, 0, 1)), pipeline(1, stage(0, 2, 2))),),
            "is for a single chiplet, this region has 2",
        ),
        (
            ((pipeline(0, Stage(0, 2, (0,), (Partition.WEIGHT_SHARED,) * 3)), WHOLE[1]),),
            "partition 'weight_shared' needs several chiplets; use 'whole'",
        ),
        (((pipeline(0, stage(0, 0, 0), stage(2, 2, 2)), WHOLE[1]),), "starts at layer 2 where layer 1 is due"),
        (((pipeline(0, stage(0, 1, 0), stage(1, 2, 2)), WHOLE[1]),), "starts at layer 1 where layer 2 is due"),
        (((pipeline(0, stage(2, 2, 0)), WHOLE[1]), (pipeline(0, stage(0, 1, 0)),)), "layer 2 where layer 0 is due"),
        (((pipeline(0, stage(0, 1, 0)), WHOLE[1]),), "'chain0': layers 2 to 2 are in no stage"),
        (((WHOLE[0],),), "'chain1': layers 0 to 2 are in no stage"),
    ],
)
def test_each_rule(windows: tuple[tuple[Pipeline, ...], ...], message: str) -> None:
    assert message in only_fault(plan(*windows))


def test_a_region_is_connected() -> None:
    found = faults_of(plan((pipeline(0, stage(0, 2, 0, 2)), WHOLE[1])), PROBLEM)
    assert any("chiplets [0, 2] are not connected" in fault.text for fault in found)


def test_all_faults_come_at_once() -> None:
    found = faults_of(plan((pipeline(0, stage(0, 2, 9), micro_batch=8), WHOLE[1]), ()), PROBLEM)
    assert len(found) == 3


def test_a_rider_stays_with_its_producer() -> None:
    layers = (gemm("a", 2, 4), Layer("add", Op.ELEMENTWISE, K=4, C=4, Y=1, groups=4), gemm("b", 4, 3))
    model = Model("riding", layers, (Edge(-1, 0, 2), Edge(0, 1, 4), Edge(1, 2, 4)))
    problem = pose(Scenario("riding", (Task("riding", model),)), row(2), RoundNumbers())
    message = only_fault(plan((pipeline(0, stage(0, 0, 0), stage(1, 2, 1)),)), problem)
    assert "a stage ends at layer 0 ('a')" in message
    assert faults_of(plan((pipeline(0, stage(0, 1, 0), stage(2, 2, 1)),)), problem) == []


def test_a_dependent_model_starts_in_a_later_window() -> None:
    first, second = PROBLEM.scenario.tasks
    problem = replace(PROBLEM, scenario=Scenario("then", (first, replace(second, depends_on=first.name))))
    assert "'chain1' starts in window 0, but 'chain0'" in only_fault(plan(WHOLE), problem)
    assert faults_of(plan((WHOLE[0],), (WHOLE[1],)), problem) == []


def test_a_micro_batch_fits_every_l2_in_paper() -> None:
    # the two largest layers' 27 bytes of weights and 8 of activations per sample: 2 need 43 bytes; 1 is always valid
    problem = problem_of(CHAIN, row(1, l2_bytes=42), Fidelity.PAPER, batch=4)
    message = only_fault(plan((pipeline(0, stage(0, 2, 0), micro_batch=2),)), problem)
    assert "micro_batch=2 needs 43 bytes of L2, chiplet 0 has 42" in message
    tiny = problem_of(CHAIN, row(1, l2_bytes=1), Fidelity.PAPER, batch=4)
    assert faults_of(plan((pipeline(0, stage(0, 2, 0)),)), tiny) == []


@pytest.mark.parametrize("micro_batch", [1, 2, 3, 4])
def test_any_micro_batch_is_valid_in_detailed(micro_batch: int) -> None:
    tiny = problem_of(CHAIN, row(1, l2_bytes=1), Fidelity.DETAILED, batch=4)
    assert faults_of(plan((pipeline(0, stage(0, 2, 0), micro_batch=micro_batch),)), tiny) == []


def test_a_late_model_is_named_with_demand_limit_and_gap() -> None:
    first, second = PROBLEM.scenario.tasks

    def limited(limit_s: float) -> Problem:
        return replace(PROBLEM, scenario=Scenario("limits", (first, replace(second, latency_limit_s=limit_s))))

    evaluation = evaluate(plan(WHOLE), PROBLEM)
    ends_s = evaluation.task_latency_s(1)
    require_limits(evaluation, limited(ends_s))
    with pytest.raises(InfeasibleError, match=r"'chain1' ends at .* its limit is .* \(2 times, .* over\)") as caught:
        require_limits(evaluation, limited(ends_s / 2))
    assert "chain0" not in str(caught.value)
    assert caught.value.exit_code == 1
    (late,) = caught.value.unmet
    assert isinstance(late, Unmet)
    assert (late.of, late.demand, late.reached, late.gap) == ("chain1", ends_s / 2, ends_s, ends_s / 2)
    assert not late.impossible  # another schedule may be faster
