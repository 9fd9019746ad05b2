"""What the simulator has to give on the machine that the formulas describe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest

from chipweave.evaluation.record import Evaluation, WindowEvaluation
from chipweave.evaluation.traffic import WindowTraffic, traffic
from chipweave.plan.problem import Problem
from chipweave.plan.schedule import Schedule
from chipweave.simulation.machine import FORMULA, Machine
from chipweave.simulation.outcome import simulate


class Carried(NamedTuple):
    """A window: by resource the bytes that the simulator carried, what the evaluator says of it, and seconds."""

    own: dict[str, float]
    traffic: WindowTraffic
    costs: WindowEvaluation
    latency_s: float

    def require_links(self, problem: Problem) -> None:
        """The same bytes on every link."""
        links = [self.own[f"link from chiplet {a} to {b}"] for a, b in problem.package.directed_links]
        assert np.array(links) == pytest.approx(self.traffic.links, rel=1e-9)


def assert_as_the_formulas(problem: Problem, schedule: Schedule, evaluation: Evaluation) -> None:
    """Pipelines of one stage, or of one micro-batch, take what the evaluator says; none takes longer."""
    made = simulate(problem, schedule, evaluation, FORMULA)
    for window, costs in zip(made.windows, evaluation.windows, strict=True):
        for end_s, pipeline in zip(window.ends_s, costs.pipelines, strict=True):
            latency_s = end_s - window.start_s
            if len(pipeline.stages) == 1 or pipeline.micro_batches == 1:
                assert latency_s == pytest.approx(pipeline.latency_s, rel=1e-9)
            assert latency_s <= pipeline.latency_s * (1 + 1e-9)


def played(problem: Problem, schedule: Schedule, evaluation: Evaluation) -> Iterator[Carried]:
    """What the simulator makes of every window, which on the formulas' machine takes what they say."""
    assert_as_the_formulas(problem, schedule, evaluation)
    made = simulate(problem, schedule, evaluation, Machine())
    windows = zip(made.stretches, evaluation.windows, traffic(evaluation, problem.package), strict=True)
    for stretch, costs, carried in windows:
        own = dict(zip(stretch.draft.floor.names, stretch.draft.carried, strict=True))
        yield Carried(own, carried, costs, stretch.latency_s)
