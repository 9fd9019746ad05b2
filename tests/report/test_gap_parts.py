"""What lies between a schedule and what is proven: shares of the chiplets' time by hand, and the steps of a proof."""

from __future__ import annotations

import pytest

import chipweave
from chipweave.report.caveats import result_notes
from chipweave.report.gap_parts import chiplet_time, gap_notes
from chipweave.schedulers.weave.options import WeaveOptions


def test_shares_of_the_chiplets_time_add_up_and_are_those_of_the_evaluation() -> None:
    result = chipweave.schedule("resnet18", "het-2x2", scheduler="standalone")
    time = chiplet_time(result)
    assert sum(time) == pytest.approx(1.0)
    # One window with one stage on one of four chiplets, which is never waited for.
    (window,) = result.evaluation.windows
    ((pipeline,),) = [window.pipelines]
    (stage,) = pipeline.stages
    assert time.without_stage == pytest.approx(0.75)
    assert time.behind_them == pytest.approx((1 - pipeline.latency_s / window.latency_s) / 4)
    assert time.computing == pytest.approx(pipeline.micro_batches * stage.compute_s / window.latency_s / 4)


def test_the_steps_of_a_proof_are_told() -> None:
    result = chipweave.schedule("resnet18", "het-2x2", scheduler="optimal", options=WeaveOptions(steps=100))
    assert result.gap is not None
    (note,) = gap_notes(result)
    assert note in result_notes(result)
    assert f"whole pipelines, which also wait for each other in windows, {100 * result.gap:.1f} %" in note
    assert "Of the chiplets' time in this schedule, " in note
    bound_alone = chipweave.schedule("resnet18", "het-2x2", scheduler="standalone")
    assert gap_notes(bound_alone) == []
