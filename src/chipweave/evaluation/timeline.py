"""When what happens: the evaluator's pipeline formula drawn out in time.

The first micro-batch passes through the empty stages one after another (`resident_s + fill_s` each); the others leave
every stage one pace (the slowest stage's `steady_s`) apart. So the last one leaves the last stage at the pipeline's
`end_s` (SCAR III-E: sum of stages + (k - 1) * slowest). Nothing here adds to the evaluation; times are its sums.
"""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.evaluation.record import FIRST_PASS, Keeping, PipelineEvaluation, StageEvaluation


@dataclass(frozen=True, slots=True)
class StageTime:
    """When a stage works, in seconds from the start of the schedule.

    Args:
        start_s: its resident weights, if any, begin to load.
        first_s: the first micro-batch enters.
        first_end_s: and leaves.
        pace_s: between one micro-batch and the next, in every stage of the pipeline.
        steady_s: that each micro-batch but the first spends in the stage.
        micro_batches: how many there are.
    """

    start_s: float
    first_s: float
    first_end_s: float
    pace_s: float
    steady_s: float
    micro_batches: int

    @property
    def end_s(self) -> float:
        """The last micro-batch leaves."""
        return self.first_end_s + (self.micro_batches - 1) * self.pace_s

    def interval(self, micro_batch: int) -> tuple[float, float]:
        """When micro-batch 0, 1, ... is in the stage."""
        end_s = self.first_end_s + micro_batch * self.pace_s
        return (self.first_s if micro_batch == 0 else end_s - self.steady_s), end_s

    def span(self, phase: Phase) -> tuple[float, float]:
        """When a phase of the first micro-batch's way begins and ends."""
        return self.first_s + phase.offset_s, self.first_s + phase.offset_s + phase.duration_s


def stage_times(pipeline: PipelineEvaluation, start_s: float) -> tuple[StageTime, ...]:
    """Per stage of a pipeline whose window starts at `start_s`."""
    pace_s, times = pipeline.slowest.steady_s, []
    for stage in pipeline.stages:
        first_s = start_s + stage.resident_s
        end_s = first_s + stage.fill_s
        times.append(StageTime(start_s, first_s, end_s, pace_s, stage.steady_s, pipeline.micro_batches))
        start_s = end_s
    return tuple(times)


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the first micro-batch's way through a stage, from `offset_s` after it enters; `term` names the figure
    of the evaluation that it is."""

    term: str
    offset_s: float
    duration_s: float


def phases(stage: StageEvaluation) -> tuple[Phase, ...]:
    """The terms of `fill_s` one after another; the weights of the next layer come in while the one before computes
    where L2 holds two layers' (their phase then starts with the computation's). Terms of 0 are left out."""
    l2 = stage.l2
    beside = l2 is not None and l2.fits and l2.keeping is not Keeping.RESIDENT
    found, at_s = [], 0.0
    for term in FIRST_PASS:
        duration_s = getattr(stage, term)
        if duration_s:
            found.append(Phase(term, at_s, duration_s))
        if term == "weights_s" and beside:
            continue
        at_s += max(duration_s, stage.weights_s) if term == "compute_s" and beside else duration_s
    return tuple(found)
