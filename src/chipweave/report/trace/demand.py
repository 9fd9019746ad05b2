"""What a window asks of the DRAM and of the links over time: the evaluator's bytes, laid out along the timeline.

Each term of a stage's first pass takes its bytes in its own time; the other micro-batches' bytes flow evenly until the
last one leaves. The evaluator holds only the sums of a window against its bandwidths (a roofline, no queueing), so
demand may for a while exceed what there is: where it does so on the whole, the window is longer than its pipelines.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chipweave.evaluation.record import BYTES_TERMS, DRAM_BYTES, Flow, PipelineEvaluation, StageEvaluation
from chipweave.evaluation.timeline import StageTime, phases, stage_times
from chipweave.report.trace.tracks import nanoseconds


@dataclass(frozen=True, slots=True)
class Piece:
    """`bytes_` that flow evenly from `start_ns` to `end_ns`, whole nanoseconds from the start of the schedule."""

    start_ns: int
    end_ns: int
    bytes_: float


def dram_pieces(pipeline: PipelineEvaluation, start_s: float, batch: int) -> Iterator[Piece]:
    """DRAM bytes of a pipeline whose window starts at `start_s`; together `bytes_.dram` of its stages."""
    for stage, time in zip(pipeline.stages, stage_times(pipeline, start_s), strict=True):
        moved = ((kind, getattr(stage.bytes_, kind)) for kind in DRAM_BYTES)
        yield from _pieces(stage, time, min(1.0, pipeline.micro_batch / batch), moved)


def link_pieces(
    pipeline: PipelineEvaluation, start_s: float, batch: int, flows: Sequence[Sequence[Flow]]
) -> Iterator[Piece]:
    """Bytes of a pipeline over the package's links, counted on every link; together `bytes_.hop_bytes`."""
    for stage, time, moved in zip(pipeline.stages, stage_times(pipeline, start_s), flows, strict=True):
        kinds = ((flow.kind, flow.moved.hop_bytes) for flow in moved)
        yield from _pieces(stage, time, min(1.0, pipeline.micro_batch / batch), kinds)


def _pieces(
    stage: StageEvaluation, time: StageTime, first: float, moved: Iterable[tuple[str, float]]
) -> Iterator[Piece]:
    """`moved`: bytes of the window by their field of `StageBytes`; `first`: the first micro-batch's part of them."""
    passes = {phase.term: phase for phase in phases(stage)}
    for kind, bytes_ in moved:
        if not bytes_:
            continue
        term = BYTES_TERMS[kind]
        if kind == "weights" and stage.l2 is not None:
            # What stays comes once, in its own time; the others' bytes are as many with every micro-batch.
            every = bytes_ * (stage.l2.streamed / stage.bytes_.weights)
            stays = bytes_ - time.micro_batches * every
            if stays > 0:
                yield _piece(time.start_s, time.loaded_s, stays)
            bytes_ = bytes_ - max(0.0, stays)
            if not bytes_:
                continue
        part = bytes_ / time.micro_batches if term.whole else bytes_ * first
        phase = passes.get("load_s" if kind == "weights" and stage.l2 is None else term.time)
        start_s, end_s = (time.first_s, time.first_end_s) if phase is None else time.span(phase)
        yield _piece(start_s, end_s, part)
        if bytes_ > part:
            yield _piece(time.first_end_s, time.end_s, bytes_ - part)


def _piece(start_s: float, end_s: float, bytes_: float) -> Piece:
    start_ns = nanoseconds(start_s)
    return Piece(start_ns, max(nanoseconds(end_s), start_ns + 1), bytes_)


def steps(pieces: Iterable[Piece]) -> list[tuple[int, float]]:
    """The sum of all pieces as (from nanosecond, bytes per second) steps; the last one is 0."""
    changes: dict[int, list[tuple[int, float]]] = {}
    for number, piece in enumerate(pieces):
        rate_bytes_s = piece.bytes_ / ((piece.end_ns - piece.start_ns) * 1e-9)
        changes.setdefault(piece.start_ns, []).append((number, rate_bytes_s))
        changes.setdefault(piece.end_ns, []).append((number, 0.0))
    active: dict[int, float] = {}
    found = []
    for at_ns in sorted(changes):
        for number, rate_bytes_s in changes[at_ns]:
            active[number] = rate_bytes_s
            if not rate_bytes_s:
                del active[number]
        found.append((at_ns, math.fsum(active.values())))
    return found
