"""The timeline against the evaluator: the same ends, no stage busy twice, nothing before what it needs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import chipweave
from chipweave.evaluation.timeline import phases, stage_times
from chipweave.evaluation.traffic import traffic
from chipweave.results.result import Result

CASES = [
    ("arvr-6", "arvr-het-sides-3x3", "scar", "detailed"),
    ("arvr-8", "arvr-het-sides-3x3", "scar", "paper"),
    ("resnet18", "mesh-16", "scope", "detailed"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[3]}")
def test_the_timeline_and_the_traffic_are_the_evaluators(case: tuple[str, str, str, str]) -> None:
    scenario, package, scheduler, fidelity = case
    result = chipweave.schedule(scenario, package, scheduler=scheduler, fidelity=fidelity, jobs=1)
    pipelines_end_when_the_evaluation_says(result)
    phases_fill_the_first_pass(result)
    traffic_is_the_evaluators(result)


def pipelines_end_when_the_evaluation_says(result: Result) -> None:
    for window in result.evaluation.windows:
        for pipeline in window.pipelines:
            times = stage_times(pipeline, window.start_s)
            assert times[-1].end_s == pytest.approx(pipeline.end_s, rel=1e-12)
            for before, after in pairwise(times):
                for micro_batch in range(min(pipeline.micro_batches, 50)):
                    start_s, end_s = after.interval(micro_batch)
                    assert start_s >= before.interval(micro_batch)[1] * (1 - 1e-12)
                    assert end_s >= start_s
            for time in times:
                intervals = [time.interval(number) for number in range(min(pipeline.micro_batches, 50))]
                for (_, end_s), (start_s, _) in pairwise(intervals):
                    assert start_s >= end_s * (1 - 1e-12)


def phases_fill_the_first_pass(result: Result) -> None:
    for window in result.evaluation.windows:
        for pipeline in window.pipelines:
            for stage in pipeline.stages:
                ends_s = [phase.offset_s + phase.duration_s for phase in phases(stage)]
                assert max(ends_s) == pytest.approx(stage.fill_s, rel=1e-12)


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
