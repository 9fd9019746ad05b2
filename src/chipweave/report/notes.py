"""What to know about a result's figures: one sentence or two each, for every report."""

from __future__ import annotations

from collections.abc import Sequence

from chipweave.report.words import PAPER_NOTE, REGIONS_NOTE, ROOFLINE_NOTE, quantity
from chipweave.schedule.evaluation import StageEvaluation
from chipweave.schedule.memory import Keeping
from chipweave.schedule.problem import Fidelity
from chipweave.schedule.result import Result


def notes_of(result: Result) -> list[str]:
    """What the scenario says, what the bound holds for, what the figures mean, and how the search went."""
    problem, search, bound, gap = result.problem, result.search, result.certificate, result.gap
    notes = []
    if problem.scenario.note:
        notes.append(problem.scenario.note)
    if bound is not None and gap is not None:
        terms = ", ".join(f"{name} {quantity(seconds, 's')}" for name, seconds in bound.terms_s)
        notes.append(
            f"The lower bound holds for {bound.of}: at least {quantity(bound.latency_s, 's')} (the largest of {terms}) "
            f"and {quantity(bound.energy_j, 'J')}. The best one's value is at most {100 * gap:.1f} % below this one's."
            if gap > 0
            else f"The lower bound is reached: this schedule is proven optimal among {bound.of}."
        )
    notes.append(ROOFLINE_NOTE if problem.fidelity is Fidelity.DETAILED else PAPER_NOTE)
    regions = result.schedule.largest_region > 1
    if regions:
        notes.append(REGIONS_NOTE)
    stages = [stage for window in result.evaluation.windows for p in window.pipelines for stage in p.stages]
    apart = "" if all(stage.overlaps for stage in stages) else " (+ where transfers do not overlap compute)"
    parts = "the exchange within the region and " if regions else ""
    notes.append(
        f"In the windows, per micro-batch: compute, transfers ({parts}the weights that do not stay in L2 included) "
        f"and steady, the pace of the running pipeline{apart}. once: weights that stay, per window. * marks a "
        "pipeline's slowest stage."
    )
    notes += _stage_notes(result, stages)
    if search is not None:
        notes += search.notes
        ended = "" if search.complete else ", ended early: the best so far"
        notes.append(f"{search.evaluated:,} candidates in {search.seconds:.1f} s{ended}.")
    return notes


def _stage_notes(result: Result, stages: Sequence[StageEvaluation]) -> list[str]:
    """What the marks in the lists of stages mean, of those that some stage has."""
    notes = []
    if result.schedule.largest_region > 1:
        notes.append("count: w layers are weight_shared, i layers input_shared.")
    uses = [(stage.l2, stage.bytes_) for stage in stages if stage.l2 is not None]
    if any(l2.keeping is Keeping.MATES for l2, _ in uses):
        notes.append("mates: a region's chiplets keep one copy of the weights together.")
    tight = [(l2, bytes_) for l2, bytes_ in uses if not l2.fits]
    effects = []
    if spilled := sum(bytes_.spill for _, bytes_ in tight):
        effects.append(f"{quantity(spilled, 'B')} in all go to DRAM and back (both ways counted)")
    if any(l2.keeping is Keeping.STREAMED and bytes_.weights for l2, bytes_ in tight):
        effects.append("streamed weights come again with every sample")
    if tight:
        notes.append("; ".join(("! does not fit L2, so the micro-batch is 1 sample", *effects)) + ".")
    return notes
