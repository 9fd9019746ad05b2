"""What each figure is: its label, its unit and how it is computed, by the names of `schedule.json`.

Keys are `scope.name`, where the scope is the part of the evaluation that the figure belongs to (`window`, `stage`,
`energy`, ...). What a field of the evaluation means stands beside it in `record.py`; here is what is computed from
fields, and what belongs to no record. docs/evaluation.md has the same definitions in context.
"""

from __future__ import annotations

from collections.abc import Mapping

from chipweave.evaluation.record import (
    RESOURCES,
    TRANSFERS,
    Energy,
    Evaluation,
    L2Use,
    PipelineEvaluation,
    StageBytes,
    StageEvaluation,
    WindowEvaluation,
)
from chipweave.evaluation.term import Term, terms_of

SCOPES = {
    "evaluation": "schedule",
    "package": "package",
    "models": "model",
    "serving": "serving",
    "windows": "window",
    "pipelines": "pipeline",
    "stages": "stage",
    "energy_parts_j": "energy",
    "bytes": "bytes",
    "l2": "l2",
    "search": "search",
    "lower_bound": "bound",
    "terms_s": "bound_term",
    "front": "front",
}
"""Scope of what stands in each mapping or list of `schedule.json`."""


def _scope(scope: str, record: type, after: Mapping[str, Mapping[str, Term]] | None = None) -> dict[str, Term]:
    """The fields of a record in their order, each with what is computed from it after it."""
    found = {}
    for name, term in terms_of(record).items():
        found[f"{scope}.{name}"] = term
        for derived, meaning in (after or {}).get(name, {}).items():
            found[f"{scope}.{derived}"] = meaning
    return found


_SHARES = {
    f"{name}_share": Term(resource, "share", f"How busy the {resource} is at least.", f"{name}_s / latency_s")
    for name, resource in RESOURCES.items()
}
TERMS = {
    **_scope(
        "schedule",
        Evaluation,
        {
            "energy": {
                "energy_j": Term("energy", "J", "All energy of the schedule.", "sum of energy_parts_j"),
                "edp_js": Term("EDP", "Js", "Energy-delay product (SCAR, Table IV).", "energy_j * latency_s"),
                "average_power_w": Term("average power", "W", "Mean over the schedule.", "energy_j / latency_s"),
            },
            "windows": {
                "samples_per_s": Term("throughput", "1/s", "Samples of all models.", "sum of the batches / latency_s"),
            },
        },
    ),
    # Models
    "model.latency_s": Term("ends at", "s", "End of the model's last stage, counted from the start of the schedule."),
    "model.energy_j": Term("energy", "J", "What the model's stages spend; static energy is no model's own."),
    "model.throughput_samples_per_s": Term(
        "samples/s", "1/s", "Rate at which samples leave when the schedule repeats.", "batch / schedule latency_s"
    ),
    "model.batch": Term("batch", "", "Samples of the model in one run of the schedule."),
    "model.latency_limit_s": Term("limit", "s", "The latest end that the scenario allows."),
    "model.energy_share": Term("share", "share", "Of all energy.", "model energy_j / schedule energy_j"),
    "serving.batch": Term("sequences", "", "Of one step of the language model."),
    "serving.tokens": Term("tokens", "", "Of prefill those of each prompt; of decode those that each has cached."),
    "serving.ttft_s": Term(
        "time to first token", "s", "Of prefill: the end of its last stage, counted from the start of the schedule."
    ),
    "serving.tpot_s": Term(
        "time per output token",
        "s",
        "Of decode: the end of its last stage, counted from the start of the schedule, or from the end of the model "
        "for which it waits.",
    ),
    "serving.tokens_per_s": Term(
        "tokens/s",
        "1/s",
        "Of prefill tokens that come in, over its time to the first token; of decode tokens that go out, over its time "
        "per output token.",
        "batch * sequences * tokens of a sequence / time",
    ),
    "serving.tokens_per_j": Term("tokens/J", "", "The same tokens for each joule.", "tokens / model energy_j"),
    **_scope(
        "window",
        WindowEvaluation,
        {
            "start_s": {"end_s": Term("to", "s", "End of the window.", "start_s + latency_s")},
            "energy": {"energy_j": Term("energy", "J", "All energy of the window.", "sum of energy_parts_j")},
            "idle": {
                "share": Term("share", "share", "Of the schedule's latency.", "latency_s / schedule latency_s"),
                **_SHARES,
                "pipeline_share": Term(
                    "slowest pipeline",
                    "share",
                    "Part of the window in which its slowest pipeline runs.",
                    "largest latency_s of its pipelines / latency_s",
                ),
            },
        },
    ),
    **_scope(
        "pipeline",
        PipelineEvaluation,
        {
            "energy": {"energy_j": Term("energy", "J", "What the pipeline's stages spend.", "sum of energy_parts_j")},
            "stages": {
                "shares_compute": Term(
                    "compute",
                    "share",
                    "Part of the pipeline's latency that its stages compute; transfers may run beside it.",
                    "(sum of compute_s + the other micro-batches, a short one by its samples, * the slowest stage's) "
                    "/ latency_s",
                ),
                "shares_transfers": Term(
                    "transfers",
                    "share",
                    "Part of the pipeline's latency that data moves with every micro-batch; compute may run beside it.",
                    "(sum of transfers + the other micro-batches, a short one by its samples, * the slowest stage's) "
                    "/ latency_s",
                ),
                "shares_weights": Term(
                    "resident weights",
                    "share",
                    "Part of the pipeline's latency in which weights that stay in L2 load, beside the rest.",
                    "sum of resident_s / latency_s",
                ),
            },
        },
    ),
    **_scope(
        "stage",
        StageEvaluation,
        {
            "last": {"layers": Term("layers", "", "How many layers the stage runs.")},
            "forward_s": {
                "transfers_s": Term("transfers", "s", "Per micro-batch: everything that moves.", " + ".join(TRANSFERS))
            },
            "energy": {"energy_j": Term("energy", "J", "Of the stage in the whole window.", "sum of energy_parts_j")},
        },
    ),
    **_scope("l2", L2Use),
    **_scope("bytes", StageBytes),
    **_scope("energy", Energy, {"static": {"share": Term("share", "share", "Of all energy.", "part / energy_j")}}),
    # Places
    "chiplet.out": Term("out", "B", "Bytes that the chiplet sends over its links, DRAM traffic included."),
    "chiplet.into": Term("in", "B", "Bytes that it receives over its links, DRAM traffic included."),
    "chiplet.port_share": Term(
        "port", "share", "How busy the busier way is at least.", "bytes / link bandwidth / window latency_s"
    ),
    "link.bytes": Term("bytes", "B", "What crosses the link this way in the window."),
    "link.share": Term("busy", "share", "How busy it is at least.", "bytes / link bandwidth / window latency_s"),
    "interface.bytes": Term("bytes", "B", "What this memory interface moves in the window, both ways."),
    "interface.share": Term(
        "of the DRAM", "share", "Its part of what the DRAM can move.", "bytes / DRAM bandwidth / window latency_s"
    ),
    "package.dram_bandwidth_bytes_s": Term("DRAM bandwidth", "B/s", "Of the whole package, both ways together."),
    # The search
    "search.value": Term("objective", "", "What was minimised; in the unit of the objective."),
    "search.gap": Term(
        "gap", "share", "The best schedule's value is at most this far below.", "1 - lower bound / value"
    ),
    "search.seed": Term("seed", "", "Of anything random."),
    "search.seconds": Term("search", "s", "Wall time of the search, costs of the layers included."),
    "search.evaluated": Term("candidates", "", "Candidate schedules scored, whole or in parts."),
    "bound.value": Term("lower bound", "", "No schedule of the kind named does better; proven."),
    "bound.latency_s": Term("latency bound", "s", "No schedule of the kind is faster.", "the largest of its terms"),
    "bound.energy_j": Term("energy bound", "J", "No schedule of the kind named spends less."),
    "bound_term.compute": Term("compute", "s", "All layers' compute, spread evenly over all chiplets."),
    "bound_term.DRAM": Term("DRAM", "s", "The DRAM bytes that no schedule avoids, at the DRAM's bandwidth."),
    "bound_term.longest task": Term("longest task", "s", "One model by itself, dependencies included."),
    "front.latency_s": Term("latency", "s", "Of a schedule that the search retained."),
    "front.energy_j": Term("energy", "J", "Of a schedule that the search retained."),
    # Comparisons
    "cell.chiplets": Term("chiplets", "", "Of the package."),
    "cell.pes": Term("PEs", "", "Of all chiplets of the package."),
    "cell.l2_bytes": Term("L2", "B", "Of all chiplets of the package."),
    "cell.peak_macs_per_s": Term("peak", "MAC/s", "Multiply-accumulates of all PEs.", "PEs * lanes * clock"),
    "cell.dram_bandwidth_bytes_s": Term("DRAM bandwidth", "B/s", "Of the whole package."),
    "cell.link_bandwidth_bytes_s": Term("link bandwidth", "B/s", "Of the fastest link, each way."),
    "cell.area_mm2": Term("area", "mm2", "Of all dies, the ports of their links with them."),
    "cell.price_usd": Term("cost", "USD", "To make one package on an organic substrate, its design apart."),
    "cell.windows": Term("windows", "", "Of the schedule."),
    "cell.latency_s": Term("latency", "s", "Of the whole schedule."),
    "cell.energy_j": Term("energy", "J", "Of the whole schedule."),
    "cell.edp_js": Term("EDP", "Js", "Energy-delay product.", "energy_j * latency_s"),
    "cell.average_power_w": Term("average power", "W", "Mean over the schedule.", "energy_j / latency_s"),
    "cell.samples_per_s": Term("samples/s", "1/s", "Of all models.", "sum of the batches / latency_s"),
    "cell.value": Term("objective", "", "What was minimised; in the unit of the objective."),
    "cell.ratio": Term("ratio", "ratio", "Value of the objective over the best one's here.", "value / least value"),
    "cell.lower_bound": Term("lower bound", "", "No schedule of the kind named does better on this package."),
    "cell.gap": Term("gap", "share", "The best value is at most this far below.", "1 - lower bound / value"),
    "cell.seconds": Term("search", "s", "Wall time of the search."),
    # Sweeps
    "point.latency_s": Term("latency", "s", "Of the whole schedule."),
    "point.energy_j": Term("energy", "J", "Of the whole schedule."),
    "point.edp_js": Term("EDP", "Js", "Energy-delay product.", "energy_j * latency_s"),
    "point.power_w": Term("power", "W", "Mean over the schedule.", "energy_j / latency_s"),
    "point.value": Term("objective", "", "What was minimised; in the unit of the objective."),
    "point.lower_bound": Term("lower bound", "", "Of the objective: no schedule of the kind is below it; proven."),
    "point.gap": Term("gap", "share", "The best value is at most this far below.", "1 - lower_bound / value"),
    "point.throughput_samples_s": Term("samples/s", "1/s", "Of all models.", "sum of the batches / latency_s"),
    "point.windows": Term("windows", "", "Of the schedule."),
    "point.evaluated": Term("candidates", "", "Candidate schedules scored, whole or in parts."),
    "point.chiplets": Term("chiplets", "", "Of the package."),
    "point.pes": Term("PEs", "", "Of all chiplets of the package."),
    "point.l2_bytes": Term("L2 in all", "B", "Of all chiplets of the package."),
    "point.peak_macs_s": Term("peak", "MAC/s", "Multiply-accumulates of all PEs.", "PEs * lanes * clock"),
    "point.price_usd": Term("package price", "USD", "To make one package on an organic substrate, its design apart."),
    "point.area_mm2": Term("area of the dies", "mm2", "Of all dies, the ports of their links with them."),
    "point.seconds": Term("search", "s", "Wall time of the case."),
    "sweep.hypervolume": Term(
        "hypervolume",
        "share",
        "Of the box from the best value of each figure to the reference, the part that some point is at least as good "
        "as: 100 % were one point the best in everything.",
    ),
    "sweep.finished": Term("finished", "", "Points that have a schedule."),
    "sweep.failed": Term("failed", "", "Points that have none."),
    "sweep.typical": Term("median", "", "Of the finished points of the group."),
    "sweep.factor_typical": Term(
        "typical factor", "ratio", "Where only this axis differs: the largest value over the least, the median."
    ),
    "sweep.factor_largest": Term(
        "largest factor", "ratio", "Where only this axis differs: the largest value over the least, at most."
    ),
    "sweep.span_typical": Term("typical span", "", "Where only this axis differs: largest less least, the median."),
    "sweep.span_largest": Term("largest span", "", "Where only this axis differs: largest less least, at most."),
    "sweep.first": Term(
        "by itself", "share", "First-order Sobol index: the part of the variance that the axis explains by itself."
    ),
    "sweep.total": Term(
        "with others", "share", "Total Sobol index: the part of the variance that this axis has a hand in."
    ),
}


def term_at(pointer: str) -> str:
    """The key in `TERMS` of the figure that a JSON pointer into `schedule.json` leads to."""
    *path, name = (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/"))
    scope = next(SCOPES[part] for part in reversed(path) if part in SCOPES)
    return f"{scope}.{name}"
