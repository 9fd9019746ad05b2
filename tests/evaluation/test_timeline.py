"""The timeline against the evaluator: the same ends, no stage busy twice, nothing before what it needs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import chipweave
from chipweave.evaluation.record import PipelineEvaluation
from chipweave.evaluation.timeline import phases, stage_times
from chipweave.evaluation.traffic import traffic
from chipweave.plan.problem import Fidelity
from chipweave.results.result import Result
from tests.evaluation.test_evaluate import CHAIN, SKIP, problem_of, row, run
from tests.stored_schedules import FOLDER

CASES = (
    "arvr-8.arvr-het-sides-3x3.scar.detailed",
    "arvr-8.arvr-simba-nvdla-3x3.scar.paper",
    "darknet19.mesh-16.scope.detailed",
    "alexnet-16.mesh-16.scope.detailed",
    "tight.mesh-16.none.detailed",
)
"""Schedules that were stored once."""


# By hand: the packages and layers of test_evaluate.py -------------------------------------------------------------


def test_two_stages_by_hand() -> None:
    """a-b and c, three samples (`test_two_chiplets_in_detailed`).

    Weights of a-b are there after 20/5 = 4 s, those of c after 4 + 15/5 = 7 s. a-b alone lets its first sample out
    after 2.4 + 30 + 1.3 = 33.7 s, weights and input after 2 + 8/5 + 2/5 + 30 + 1.3 = 35.3 s, so it has waited 1.6 s. c
    adds 30 + 4 to that: 69.3 s. Then one every 30 s, the last one out of a-b after 95.3 s and of c after 129.3 s.
    """
    result = run(problem_of(CHAIN, row(2), Fidelity.DETAILED, batch=3), [(0, 1, 0), (2, 2, 1)])
    first, second = stage_times(result.windows[0].pipelines[0], 100.0)
    assert (first.start_s, first.loaded_s, second.start_s, second.loaded_s) == (100, 104, 104, 107)
    assert (first.first_s, first.begins_s, first.first_end_s) == pytest.approx((100, 101.6, 135.3))
    assert (second.first_s, second.begins_s, second.first_end_s) == pytest.approx((135.3, 135.3, 169.3))
    assert [first.interval(number) for number in range(3)] == [
        pytest.approx(each) for each in ((100, 135.3), (135.3, 165.3), (165.3, 195.3))
    ]
    assert [second.interval(number) for number in range(3)] == [
        pytest.approx(each) for each in ((135.3, 169.3), (169.3, 199.3), (199.3, 229.3))
    ]


def test_phases_by_hand() -> None:
    """a-b takes its input in 0.4 + 2 s, computes for 30 and forwards in 1.3; c computes for 30 and stores in 4."""
    result = run(problem_of(CHAIN, row(2), Fidelity.DETAILED, batch=3), [(0, 1, 0), (2, 2, 1)])
    first, second = (phases(stage) for stage in result.stages)
    assert [(each.term, each.offset_s, each.duration_s) for each in first] == [
        ("load_s", 0, pytest.approx(2.4)),
        ("compute_s", pytest.approx(2.4), 30),
        ("forward_s", pytest.approx(32.4), pytest.approx(1.3)),
    ]
    assert [(each.term, each.offset_s, each.duration_s) for each in second] == [
        ("compute_s", 0, 30),
        ("store_s", 30, pytest.approx(4)),
    ]


def test_what_is_stored_and_forwarded_leaves_side_by_side() -> None:
    """a on chiplet 1, read by b on chiplet 0 and, in the next window, by c: 4/10 + 1 s and 4/5 + 1 + 2 s.

    The port of chiplet 1 sends both: 1.4 s and 4/10 more, less than 3.8 s.
    """
    result = run(problem_of(SKIP, row(2), Fidelity.DETAILED), [(0, 0, 1), (1, 1, 0)], [(2, 2, 0)])
    stage = result.stages[0]
    assert (stage.load_s, stage.compute_s, stage.fill_s) == pytest.approx((3.4, 10, 17.2))
    assert {each.term: (each.offset_s, each.duration_s) for each in phases(stage)} == {
        "load_s": (0, pytest.approx(3.4)),
        "compute_s": (pytest.approx(3.4), 10),
        "store_s": (pytest.approx(13.4), pytest.approx(3.8)),
        "forward_s": (pytest.approx(15.8), pytest.approx(1.4)),
    }


# Of schedules that were found -------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_the_timeline_and_the_traffic_are_the_evaluators(case: str) -> None:
    result = chipweave.evaluate(FOLDER / f"{case}.json")
    pipelines_end_when_the_evaluation_says(result)
    phases_fill_the_first_pass(result)
    traffic_is_the_evaluators(result)


def pipelines_end_when_the_evaluation_says(result: Result) -> None:
    for window in result.evaluation.windows:
        for pipeline in window.pipelines:
            times = stage_times(pipeline, window.start_s)
            assert times[-1].end_s == pytest.approx(window.start_s + pipeline.latency_s, rel=1e-12)
            assert times[-1].end_s <= pipeline.end_s * (1 + 1e-12)
            weights_follow_each_other(pipeline, window.start_s)
            some = [*range(min(pipeline.micro_batches, 50)), pipeline.micro_batches - 1]
            for before, after in pairwise(times):
                for micro_batch in some:
                    start_s, end_s = after.interval(micro_batch)
                    assert start_s >= before.interval(micro_batch)[1] * (1 - 1e-12)
                    assert end_s >= start_s
            for time in times:
                intervals = [time.interval(number) for number in some[:-1]]
                for (_, end_s), (start_s, _) in pairwise(intervals):
                    assert start_s >= end_s * (1 - 1e-12)
                assert time.first_s <= time.begins_s * (1 + 1e-12)


def weights_follow_each_other(pipeline: PipelineEvaluation, at_s: float) -> None:
    """From the window's start on, and none later than the stage's first micro-batch is out."""
    for stage, time in zip(pipeline.stages, stage_times(pipeline, at_s), strict=True):
        if stage.resident_s:
            assert time.start_s == pytest.approx(at_s, rel=1e-12)
            at_s = time.loaded_s
        else:
            assert time.start_s == time.loaded_s == time.first_s
        assert time.loaded_s <= time.first_end_s


def phases_fill_the_first_pass(result: Result) -> None:
    for window in result.evaluation.windows:
        for pipeline in window.pipelines:
            for stage, time in zip(pipeline.stages, stage_times(pipeline, window.start_s), strict=True):
                found = phases(stage)
                assert all(phase.offset_s >= -1e-12 * stage.fill_s for phase in found)
                ends_s = [phase.offset_s + phase.duration_s for phase in found]
                assert max(ends_s) == pytest.approx(stage.fill_s, rel=1e-12)
                assert max(time.span(phase)[1] for phase in found) == pytest.approx(time.first_end_s, rel=1e-12)


def traffic_is_the_evaluators(result: Result) -> None:
    problem = result.problem
    bandwidth_bytes_s = problem.package.link_bandwidth_bytes_s
    seen = traffic(result.evaluation, problem.package)
    for costs, window in zip(result.evaluation.windows, seen, strict=True):
        stages = [stage for pipeline in costs.pipelines for stage in pipeline.stages]
        assert sum(window.links) == pytest.approx(sum(stage.bytes_.hop_bytes for stage in stages), rel=1e-12)
        assert sum(window.dram.values()) == pytest.approx(costs.dram_bytes, rel=1e-12)
        if problem.fidelity == "detailed":
            busiest = int(np.argmax(window.links))
            assert window.links[busiest] / bandwidth_bytes_s == costs.link_s
            assert problem.package.directed_links[busiest] == costs.link or costs.link is None
            ports = np.maximum(window.out, window.into)
            assert ports.max() / bandwidth_bytes_s == costs.port_s
        for pipeline, flows in zip(costs.pipelines, window.flows, strict=True):
            for stage, moved in zip(pipeline.stages, flows, strict=True):
                for kind in ("forward", "exchange", "mates"):
                    sent = sum(flow.moved.sent for flow in moved if flow.kind == kind)
                    assert sent == pytest.approx(getattr(stage.bytes_, kind), rel=1e-12)
