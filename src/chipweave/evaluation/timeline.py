"""When what happens: the law's pipeline (`law.through`) drawn out in time.

The first micro-batch passes through the empty stages one after another. In each it waits until the stage's weights are
there, which load behind those of earlier stages from the window's start on. The others leave a stage one pace apart,
that of the slowest stage up to there; the last one may be short. It leaves the last stage at the pipeline's
`latency_s`. Nothing here adds to the evaluation; times are its sums.
"""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.evaluation.law import EMPTY, through
from chipweave.evaluation.record import FIRST_PASS, PipelineEvaluation, StageEvaluation


@dataclass(frozen=True, slots=True)
class StageTime:
    """When a stage works, in seconds from the start of the schedule.

    Args:
        start_s: its weights that stay begin to load; where none stay, the first micro-batch enters.
        loaded_s: these weights are there.
        first_s: the first micro-batch enters.
        begins_s: it has waited for weights, and its phases begin.
        first_end_s: it leaves.
        pace_s: between one micro-batch and the next.
        steady_s, last_steady_s: that each further micro-batch spends in the stage, and the last one.
        micro_batches: how many there are.
        end_s: the last one leaves.
    """

    start_s: float
    loaded_s: float
    first_s: float
    begins_s: float
    first_end_s: float
    pace_s: float
    steady_s: float
    last_steady_s: float
    micro_batches: int
    end_s: float

    def interval(self, micro_batch: int) -> tuple[float, float]:
        """When micro-batch 0, 1, ... is in the stage."""
        if micro_batch == 0:
            return self.first_s, self.first_end_s
        if micro_batch == self.micro_batches - 1:
            return self.end_s - self.last_steady_s, self.end_s
        end_s = self.first_end_s + micro_batch * self.pace_s
        return end_s - self.steady_s, end_s

    def span(self, phase: Phase) -> tuple[float, float]:
        """When a phase of the first micro-batch's way begins and ends."""
        return self.begins_s + phase.offset_s, self.begins_s + phase.offset_s + phase.duration_s


def stage_times(pipeline: PipelineEvaluation, start_s: float) -> tuple[StageTime, ...]:
    """Per stage of a pipeline whose window starts at `start_s`."""
    k, passed, times = pipeline.micro_batches, EMPTY, []
    for stage in pipeline.stages:
        before, passed = passed, through(passed, stage, k)
        first_s, first_end_s = start_s + before.first_s, start_s + passed.first_s
        weights_s = start_s + before.weights_s if stage.resident_s else first_s
        times.append(
            StageTime(
                start_s=weights_s,
                loaded_s=weights_s + stage.resident_s,
                first_s=first_s,
                begins_s=first_end_s - stage.fill_s,
                first_end_s=first_end_s,
                pace_s=passed.slowest_s,
                # Without room for a second copy a stage waits for its next input with nothing in it.
                steady_s=min(stage.steady_s, stage.fill_s),
                last_steady_s=min(stage.last_steady_s, stage.last_fill_s),
                micro_batches=k,
                end_s=first_end_s if k == 1 else start_s + passed.last_s,
            )
        )
    return tuple(times)


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the first micro-batch's way through a stage, from `offset_s` after its phases begin; `term` names the
    figure of the evaluation that it is."""

    term: str
    offset_s: float
    duration_s: float


def phases(stage: StageEvaluation) -> tuple[Phase, ...]:
    """The terms of `fill_s`, without those of 0, in the order of `FIRST_PASS`.

    In `paper` one follows the other. In `detailed` weights and evicted activations come and go beside the computing,
    with what blocks add to it behind; what is stored and forwarded leaves side by side, and is out when `fill_s` ends.
    Exchanges come behind the computing, or beside it where transfers overlap.
    """
    if stage.l2 is None:
        found, at_s = [], 0.0
        for term in FIRST_PASS:
            found.append(Phase(term, at_s, getattr(stage, term)))
            at_s += found[-1].duration_s
    else:
        begin_s = stage.load_s
        computed_s = begin_s + (stage.pace_s if stage.overlaps else stage.compute_s)
        # What mates send takes other ways than what goes to DRAM and back, which otherwise follows the weights.
        streamed_s = begin_s if stage.l2.gathered else begin_s + stage.weights_s
        body_end_s = max(computed_s + stage.exposed_s, begin_s + stage.weights_s, streamed_s + stage.spill_s)
        found = [
            Phase("load_s", 0.0, stage.load_s),
            Phase("weights_s", begin_s, stage.weights_s),
            Phase("compute_s", begin_s, stage.compute_s),
            Phase("exposed_s", computed_s, stage.exposed_s),
            Phase("exchange_s", computed_s - stage.exchange_s if stage.overlaps else body_end_s, stage.exchange_s),
            Phase("spill_s", streamed_s, stage.spill_s),
            Phase("store_s", stage.fill_s - stage.store_s, stage.store_s),
            Phase("forward_s", stage.fill_s - stage.forward_s, stage.forward_s),
        ]
        # A term that has no place of its own goes on beside the computing.
        others = set(FIRST_PASS) - {phase.term for phase in found}
        found += [Phase(term, begin_s, getattr(stage, term)) for term in FIRST_PASS if term in others]
    return tuple(phase for phase in found if phase.duration_s)
