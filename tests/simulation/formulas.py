"""What the simulator has to give on the machine that the formulas describe."""

from __future__ import annotations

import pytest

from chipweave.evaluation.record import Evaluation
from chipweave.plan.problem import Problem
from chipweave.plan.schedule import Schedule
from chipweave.simulation.machine import FORMULA
from chipweave.simulation.outcome import simulate


def assert_as_the_formulas(problem: Problem, schedule: Schedule, evaluation: Evaluation) -> None:
    """Pipelines of one stage, or of one micro-batch, take what the evaluator says; none takes longer."""
    made = simulate(problem, schedule, evaluation, FORMULA)
    for window, costs in zip(made.windows, evaluation.windows, strict=True):
        for end_s, pipeline in zip(window.ends_s, costs.pipelines, strict=True):
            latency_s = end_s - window.start_s
            if len(pipeline.stages) == 1 or pipeline.micro_batches == 1:
                assert latency_s == pytest.approx(pipeline.latency_s, rel=1e-9)
            assert latency_s <= pipeline.latency_s * (1 + 1e-9)
