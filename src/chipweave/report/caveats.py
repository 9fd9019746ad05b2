"""What to know about a result's figures: one sentence or two each, for every report."""

from __future__ import annotations

from chipweave.evaluation.record import Keeping
from chipweave.hardware.chiplet import Chiplet
from chipweave.plan.problem import Fidelity, Problem
from chipweave.report.gap_parts import gap_notes
from chipweave.report.l2_use import larger_l2_note, room_note
from chipweave.report.quantities import quantity
from chipweave.report.simulated import sentence
from chipweave.results.result import Result

ROOFLINE_NOTE = (
    "detailed: SCAR's equations plus what L2 keeps, streams and evicts, skip edges and overlap; shared DRAM, links "
    "and ports are a roofline, no queueing"
)
REGIONS_NOTE = (
    "regions of several chiplets, and how layers are split over them, are our reconstruction: of Scope only the "
    "abstract is public"
)
PAPER_NOTE = "paper: SCAR's printed equations (III-E) and nothing else"


def result_notes(result: Result) -> list[str]:
    """What the scenario says, what the bound holds for, and what the figures are."""
    problem, bound, gap = result.problem, result.certificate, result.gap
    notes = []
    if problem.scenario.note:
        notes.append(problem.scenario.note)
    notes += problem.package.notes
    if bound is not None and gap is not None:
        terms = ", ".join(f"{name} {quantity(seconds, 's')}" for name, seconds in bound.terms_s)
        notes.append(
            f"The lower bound holds for {bound.of}: at least {quantity(bound.latency_s, 's')} (the largest of {terms}) "
            f"and {quantity(bound.energy_j, 'J')}. The best one's value is at most {100 * gap:.1f} % below this one's."
            if gap > 0
            else f"The lower bound is reached: this schedule is proven optimal among {bound.of}."
        )
    notes += gap_notes(result)
    notes.append(ROOFLINE_NOTE if problem.fidelity is Fidelity.DETAILED else PAPER_NOTE)
    if result.simulated is not None:
        notes.append(f"With transfers that share the DRAM, links and ports, {sentence(result.simulated, result)}.")
    if result.schedule.largest_region > 1:
        notes.append(REGIONS_NOTE)
    return [*notes, *width_notes(problem)]


def width_notes(problem: Problem) -> list[str]:
    """Models whose elements are wider or narrower than what a chiplet computes with: bytes are counted as of the one,
    products as of the other."""
    notes = []
    for chiplet in problem.package.classes:
        if chiplet.rates and all(task.model.activation_bits for task in problem.scenario.tasks):
            continue
        whole_bytes = -(-chiplet.precision_bits // 8)
        unlike = [task for task in problem.scenario.tasks if _is_unlike(8 * task.model.activation_width, chiplet)]
        if unlike:
            bits = f"{8 * unlike[0].model.activation_width:g}"
            more = f" (and {len(unlike) - 1} more)" if len(unlike) > 1 else ""
            notes.append(
                f"'{unlike[0].name}'{more} has elements of {bits} bits, and "
                f"'{chiplet.name}' computes with {chiplet.precision_bits} (precision_bits): bytes are counted as of "
                f"{bits} bits, computing and its energy as of {chiplet.precision_bits}. Set precision_bits: {bits}, or "
                f"bytes_per_element: {whole_bytes}."
            )
    return notes


def _is_unlike(bits: float, chiplet: Chiplet) -> bool:
    return bits > chiplet.precision_bits or bits <= chiplet.precision_bits - 8


def table_notes(result: Result) -> list[str]:
    """What the columns and marks in the terminal's lists of stages mean, of those that some stage has."""
    stages = result.evaluation.stages
    regions = result.schedule.largest_region > 1
    apart = "" if all(stage.overlaps for stage in stages) else " (+ where transfers do not overlap compute)"
    parts = "the exchange within the region and " if regions else ""
    notes = [
        f"In the windows, per micro-batch: compute, transfers ({parts}the weights that do not stay in L2 included) "
        f"and steady, the pace of the running pipeline{apart}. once: weights that stay, per window. * marks a "
        "pipeline's slowest stage."
    ]
    if regions:
        reduced = ", r layers reduced" if result.schedule.reduces else ""
        notes.append(f"count: w layers are weight_shared, i layers input_shared{reduced}.")
    if any(stage.l2 is not None and stage.l2.keeping is Keeping.MATES for stage in stages):
        notes.append("mates: a region's chiplets keep one copy of the weights together.")
    if any(stage.l2 is not None and not stage.l2.fits for stage in stages):
        notes.append("! marks stages that evict activations from L2.")
    return notes


def room_notes(result: Result) -> list[str]:
    """What comes of too little L2, and what more of it would save; nothing where all fits."""
    return [note for note in (room_note(result), larger_l2_note(result)) if note]


def search_notes(result: Result) -> list[str]:
    """How the search went; nothing of a plan written by hand."""
    search = result.search
    if search is None:
        return []
    ended = "" if search.complete else ", ended early: the best so far"
    return [*search.notes, f"{search.evaluated:,} candidates in {search.seconds:.1f} s{ended}."]
