"""What each figure is: its label, its unit and how it is computed, by the names of `schedule.json`.

Keys are `scope.name`, where the scope is the part of the evaluation that the figure belongs to (`window`, `stage`,
`energy`, ...). docs/evaluation.md has the same definitions in context.
"""

from __future__ import annotations

from dataclasses import dataclass

SCOPES = {
    "evaluation": "schedule",
    "package": "package",
    "models": "model",
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


@dataclass(frozen=True, slots=True)
class Term:
    """A figure's meaning.

    Args:
        label: a word or three.
        unit: `s`, `J`, `Js`, `W`, `B`, `1/s`, `share` (of 1), or empty for a count or a name.
        text: one sentence.
        equation: how it is computed from other figures, if it is.
    """

    label: str
    unit: str
    text: str
    equation: str = ""


TERMS = {
    # The schedule
    "schedule.fidelity": Term("fidelity", "", "paper: SCAR's printed equations; detailed: also what they leave out."),
    "schedule.latency_s": Term(
        "latency", "s", "From the start of the first window to the end of the last.", "sum of the windows' latency_s"
    ),
    "schedule.energy": Term("energy", "J", "All energy of the schedule.", "sum of its parts"),
    "schedule.energy_j": Term("energy", "J", "All energy of the schedule.", "sum of energy_parts_j"),
    "schedule.edp_js": Term("EDP", "Js", "Energy-delay product (SCAR, Table IV).", "energy_j * latency_s"),
    "schedule.average_power_w": Term("average power", "W", "Mean over the schedule.", "energy_j / latency_s"),
    "schedule.windows": Term("windows", "", "Stretches of time with a fixed assignment, run one after another."),
    "schedule.samples_per_s": Term("throughput", "1/s", "Samples of all models.", "sum of the batches / latency_s"),
    # Models
    "model.latency_s": Term("ends at", "s", "End of the model's last stage, counted from the start of the schedule."),
    "model.energy_j": Term("energy", "J", "What the model's stages spend; static energy is no model's own."),
    "model.throughput_samples_per_s": Term(
        "samples/s", "1/s", "Rate at which samples leave when the schedule repeats.", "batch / schedule latency_s"
    ),
    "model.batch": Term("batch", "", "Samples of the model in one run of the schedule."),
    "model.latency_limit_s": Term("limit", "s", "The latest end that the scenario allows."),
    "model.energy_share": Term("share", "share", "Of all energy.", "model energy_j / schedule energy_j"),
    # A window
    "window.start_s": Term("from", "s", "Start of the window.", "sum of the latencies of the windows before"),
    "window.end_s": Term("to", "s", "End of the window.", "start_s + latency_s"),
    "window.latency_s": Term(
        "latency",
        "s",
        "The slowest pipeline; in detailed at least what its shared resources need.",
        "max(slowest pipeline, dram_s, link_s, port_s)",
    ),
    "window.energy": Term("energy", "J", "All energy of the window.", "sum of its parts"),
    "window.energy_j": Term("energy", "J", "All energy of the window.", "sum of energy_parts_j"),
    "window.pipelines": Term("pipelines", "", "The models that run in the window."),
    "window.dram_bytes": Term("DRAM bytes", "B", "All bytes between DRAM and the package in the window."),
    "window.dram_s": Term(
        "DRAM time",
        "s",
        "The least time in which the DRAM moves them: a roofline without queueing; 0 in paper.",
        "dram_bytes / DRAM bandwidth",
    ),
    "window.link_s": Term(
        "link time",
        "s",
        "The least time in which the busiest link moves its bytes one way; 0 in paper.",
        "bytes on the link / link bandwidth",
    ),
    "window.link": Term("busiest link", "", "The link and direction that carries most, from one chiplet to another."),
    "window.port_s": Term(
        "port time",
        "s",
        "The least time in which the busiest chiplet sends, or receives, its bytes; 0 in paper.",
        "bytes one way / link bandwidth",
    ),
    "window.port": Term("busiest port", "", "The chiplet that sends or receives most."),
    "window.bound_by": Term("bound by", "", "What sets the window's latency: pipeline, dram, link or port."),
    "window.idle": Term("idle chiplets", "", "Chiplets that no stage of the window uses."),
    "window.share": Term("share", "share", "Of the schedule's latency.", "latency_s / schedule latency_s"),
    "window.dram_share": Term("DRAM", "share", "How busy the DRAM is at least.", "dram_s / latency_s"),
    "window.link_share": Term("busiest link", "share", "How busy the busiest link is at least.", "link_s / latency_s"),
    "window.port_share": Term("busiest port", "share", "How busy the busiest port is at least.", "port_s / latency_s"),
    "window.pipeline_share": Term(
        "slowest pipeline",
        "share",
        "Part of the window in which its slowest pipeline runs.",
        "largest latency_s of its pipelines / latency_s",
    ),
    # A pipeline
    "pipeline.task": Term("model", "", "Number of the model in the scenario."),
    "pipeline.micro_batch": Term("micro-batch", "", "Samples that pass through the stages together: b'."),
    "pipeline.micro_batches": Term("micro-batches", "", "How many there are: k.", "ceil(batch / micro_batch)"),
    "pipeline.latency_s": Term(
        "latency",
        "s",
        "One micro-batch through every stage, the others one pace of the slowest stage apart (SCAR III-E).",
        "sum of (resident_s + fill_s) + (micro_batches - 1) * largest steady_s",
    ),
    "pipeline.end_s": Term("ends at", "s", "Counted from the start of the schedule.", "window start_s + latency_s"),
    "pipeline.energy": Term("energy", "J", "What the pipeline's stages spend.", "sum of its stages"),
    "pipeline.energy_j": Term("energy", "J", "What the pipeline's stages spend.", "sum of energy_parts_j"),
    "pipeline.stages": Term("stages", "", "Runs of consecutive layers, each on its own region."),
    "pipeline.shares_compute": Term(
        "compute",
        "share",
        "Part of the pipeline's latency that its stages compute; transfers may run beside it.",
        "(sum of compute_s + (micro_batches - 1) * the slowest stage's) / latency_s",
    ),
    "pipeline.shares_transfers": Term(
        "transfers",
        "share",
        "Part of the pipeline's latency that data moves with every micro-batch; compute may run beside it.",
        "(sum of transfers + (micro_batches - 1) * the slowest stage's) / latency_s",
    ),
    "pipeline.shares_weights": Term(
        "resident weights",
        "share",
        "Part of the pipeline's latency in which weights that stay in L2 are loaded.",
        "sum of resident_s / latency_s",
    ),
    # A stage
    "stage.first": Term("first layer", "", "Where the stage begins."),
    "stage.last": Term("last layer", "", "Where it ends."),
    "stage.layers": Term("layers", "", "How many layers the stage runs."),
    "stage.chiplets": Term("chiplets", "", "The region; part i of a layer runs on the i-th."),
    "stage.splits": Term("splits", "", "Per layer, samples x rows x columns x units of channels into which it is cut."),
    "stage.compute_s": Term(
        "compute", "s", "Per micro-batch: the cycles of all layers' slowest parts.", "cycles / clock"
    ),
    "stage.exchange_s": Term(
        "exchange", "s", "Per micro-batch: what the region's chiplets send one another; 0 on one chiplet."
    ),
    "stage.pace_s": Term(
        "pace", "s", "Per micro-batch: compute and exchange where they overlap.", "sum over layers of the longer one"
    ),
    "stage.weights_s": Term(
        "weights", "s", "Per micro-batch: weights that do not stay, from DRAM or from the region's mates."
    ),
    "stage.resident_s": Term("once", "s", "Once per window: weights that stay in L2, from DRAM."),
    "stage.load_s": Term("load", "s", "Per micro-batch: activations from DRAM; in paper also all weights."),
    "stage.store_s": Term("store", "s", "Per micro-batch: activations and network outputs to DRAM."),
    "stage.spill_s": Term("spill", "s", "Per micro-batch: what exceeds L2, to DRAM and back."),
    "stage.forward_s": Term("forward", "s", "Per micro-batch: activations to later stages over the package."),
    "stage.transfers_s": Term(
        "transfers",
        "s",
        "Per micro-batch: everything that moves.",
        "load_s + weights_s + store_s + spill_s + forward_s + exchange_s",
    ),
    "stage.fill_s": Term(
        "first pass",
        "s",
        "One micro-batch through the empty stage.",
        "load_s + store_s + spill_s + forward_s + exchange_s + compute_s + weights_s, or max(compute_s, weights_s) "
        "for the last two where the next layer's weights arrive meanwhile",
    ),
    "stage.steady_s": Term(
        "steady",
        "s",
        "One micro-batch in the running pipeline.",
        "max(pace_s, load_s + store_s + spill_s + forward_s + weights_s) where overlaps, else fill_s",
    ),
    "stage.overlaps": Term("overlaps", "", "Transfers overlap compute: L2 holds a second buffer."),
    "stage.l2": Term("L2", "", "What L2 holds; nothing in paper."),
    "stage.bytes_": Term("bytes", "", "What the stage moves in the whole window."),
    "stage.energy": Term("energy", "J", "Of the stage in the whole window.", "sum of its parts"),
    "stage.energy_j": Term("energy", "J", "Of the stage in the whole window.", "sum of energy_parts_j"),
    # L2
    "l2.keeping": Term("weights", "", "Where weights wait: resident in L2, with mates, or streamed from DRAM."),
    "l2.fits": Term("fits", "", "The micro-batch's activations fit beside the weights that are held."),
    "l2.held_weights": Term("held weights", "B", "Weights in the L2 of the chiplet that holds most."),
    "l2.activations": Term("activations", "B", "Largest live set of the micro-batch on a chiplet."),
    "l2.spill": Term("spill", "B", "Bytes per micro-batch that leave L2 for want of room."),
    # Bytes
    "bytes.weights": Term("weights", "B", "From DRAM, in the whole window."),
    "bytes.load": Term("load", "B", "Activations from DRAM, in the whole window."),
    "bytes.store": Term("store", "B", "Activations to DRAM, in the whole window."),
    "bytes.spill": Term("spill", "B", "To DRAM and back for want of room, both ways counted."),
    "bytes.forward": Term("forward", "B", "To later stages over the package, in the whole window."),
    "bytes.exchange": Term("exchange", "B", "Among the region's chiplets, in the whole window."),
    "bytes.mates": Term("mates", "B", "Weights gathered from the region's chiplets, in the whole window."),
    "bytes.hop_bytes": Term("hop bytes", "B", "All bytes times the links that they cross."),
    # Energy
    "energy.mac": Term("MAC", "J", "Multiplications and additions."),
    "energy.l1": Term("L1", "J", "Accesses to the PEs' own memories."),
    "energy.l2": Term("L2", "J", "Accesses to the chiplets' L2."),
    "energy.noc": Term("NoC", "J", "The network inside the chiplets."),
    "energy.fill": Term("fill", "J", "L2 accesses that bring tensors into a chiplet."),
    "energy.drain": Term("drain", "J", "L2 accesses that take tensors out of a chiplet."),
    "energy.dram": Term("DRAM", "J", "DRAM accesses.", "8 * bytes * energy per bit"),
    "energy.nop": Term("package", "J", "The links between chiplets.", "8 * hop_bytes * energy per bit and hop"),
    "energy.static": Term("static", "J", "Static power of every chiplet times latency; 0 in paper."),
    "energy.share": Term("share", "share", "Of all energy.", "part / energy_j"),
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
}


def term_at(pointer: str) -> str:
    """The key in `TERMS` of the figure that a JSON pointer into `schedule.json` leads to."""
    *path, name = (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/"))
    scope = next(SCOPES[part] for part in reversed(path) if part in SCOPES)
    return f"{scope}.{name}"
