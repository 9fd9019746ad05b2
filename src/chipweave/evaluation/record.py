"""What a schedule costs, in full: every figure with the terms it is the sum of, and what each means beside it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated

from chipweave.display import Shown
from chipweave.evaluation.term import (
    BytesTerm,
    PassTerm,
    ResourceTerm,
    Term,
    added_field_by_field,
    added_up,
    names_of,
    terms_of,
)
from chipweave.ndarrays import Floats
from chipweave.plan.problem import Fidelity


class Keeping(StrEnum):
    """Where a stage's weights wait: all in L2; at least once in the region's L2s; a part of them, or all, in DRAM."""

    RESIDENT = "resident"
    MATES = "mates"
    STREAMED = "streamed"


@dataclass(frozen=True, slots=True)
class L2Use:
    """How a stage uses the L2 of each of its chiplets (docs/evaluation.md, "What L2 holds").

    What stays is loaded once per window; what is streamed comes from DRAM, and what is gathered from mates, with every
    micro-batch.
    """

    keeping: Annotated[
        Keeping,
        Term("weights", "", "Where weights wait: resident in L2, some with mates, or some streamed from DRAM."),
    ]
    fits: Annotated[bool, Term("fits", "", "No activations leave L2 for want of room.")]
    held_weights: Annotated[
        float, Term("pinned", "B", "Weights that stay in the L2 of the chiplet that holds most, for the window.")
    ]
    activations: Annotated[
        float, Term("activations", "B", "Largest set of the micro-batch's tensors alive at a time on a chiplet.")
    ]
    streamed: Annotated[float, Term("streamed", "B", "Weights that come from DRAM with every micro-batch.")]
    gathered: Annotated[float, Term("gathered", "B", "Weights that come from mates with every micro-batch.")]
    again: Annotated[
        float, Term("read again", "B", "Per micro-batch, where two operands exceed L2 together: read once more.")
    ]
    spill: Annotated[
        float, Term("evicted", "B", "Per micro-batch, activations to DRAM for want of room, and those that come back.")
    ]

    @property
    def resident(self) -> bool:
        return self.keeping is Keeping.RESIDENT


@dataclass(frozen=True, slots=True)
class Split:
    """How one layer's work on a micro-batch is cut: samples x rows x columns x units of channels.

    Part i = ((sample * rows + row) * columns + column) * units + unit runs on the region's chiplet i; one of the
    products is 1 (`input_shared` cuts channels only, `weight_shared` everything else). `reduced` cuts none of these but
    the input channels.

    Args:
        weights: of unequal parts, on a region of chiplets of several classes: one axis alone is cut, and shared out in
            proportion to these (`shares.ends`). Empty: parts are equal.
        inputs: parts of the input channels, each of which makes partial sums of all outputs; 1: whole sums are made.
        sums: how the outputs are cut where the chiplets keep a part of the sums each; None: each has what it makes.
    """

    samples: int = 1
    rows: int = 1
    columns: int = 1
    units: int = 1
    weights: tuple[int, ...] = ()
    inputs: int = 1
    sums: Split | None = None

    @property
    def parts(self) -> int:
        return self.samples * self.rows * self.columns * self.units * self.inputs

    @property
    def kept(self) -> Split:
        """How the outputs are cut that each chiplet has in the end."""
        return self.sums or self

    @property
    def work(self) -> Split:
        """How the work is cut, wherever its sums go."""
        return self if self.sums is None else replace(self, sums=None)


@dataclass(frozen=True, slots=True)
class Energy:
    """Joules by component."""

    mac: Annotated[float, Term("MAC", "J", "Multiplications and additions.")] = 0.0
    l1: Annotated[float, Term("L1", "J", "Accesses to the PEs' own memories.")] = 0.0
    l2: Annotated[float, Term("L2", "J", "Accesses to the chiplets' L2.")] = 0.0
    noc: Annotated[float, Term("NoC", "J", "The network inside the chiplets.")] = 0.0
    fill: Annotated[float, Term("fill", "J", "L2 accesses that bring tensors into a chiplet.")] = 0.0
    drain: Annotated[float, Term("drain", "J", "L2 accesses that take tensors out of a chiplet.")] = 0.0
    dram: Annotated[float, Term("DRAM", "J", "DRAM accesses.", "8 * bytes * energy per bit")] = 0.0
    nop: Annotated[
        float, Term("package", "J", "The links between chiplets.", "8 * hop_bytes * energy per bit and hop")
    ] = 0.0
    static: Annotated[float, Term("static", "J", "Static power of every chiplet times latency; 0 in paper.")] = 0.0

    @property
    def total(self) -> float:
        return _joules(self)

    def __add__(self, other: Energy) -> Energy:
        return _together(self, other)


ENERGY_PARTS = names_of(Energy)
_joules, _together = added_up(ENERGY_PARTS), added_field_by_field(Energy)


@dataclass(frozen=True)
class Transfer:
    """What one transfer asks of the package.

    Args:
        hops: of the longest route, each by its latency (`exact.transfer.Network`).
        sent: bytes that leave their owners, each once.
        hop_bytes: bytes times the links they cross.
        links: bytes per directed link.
        out, into: bytes out of and into each chiplet of the package.
    """

    hops: float
    sent: float
    hop_bytes: float
    links: Floats
    out: Floats
    into: Floats

    def times(self, factor: float) -> Transfer:
        """The same transfer `factor` times over."""
        return Transfer(
            self.hops,
            factor * self.sent,
            factor * self.hop_bytes,
            factor * self.links,
            factor * self.out,
            factor * self.into,
        )


@dataclass(frozen=True)
class Flow:
    """Bytes of one kind that a stage moves over the links in its window.

    Args:
        kind: a field of `StageBytes`: weights, again, load, store, exchange, forward, spill or mates.
        target: of `forward`, the stage of the pipeline that takes it.
    """

    kind: str
    target: int | None
    moved: Transfer


@dataclass(frozen=True, slots=True)
class StageBytes:
    """What a stage moves in the whole window."""

    weights: Annotated[
        float, BytesTerm("weights", "B", "From DRAM, in the whole window.", time="weights_s", dram=True, whole=True)
    ]
    again: Annotated[
        float,
        BytesTerm(
            "read again",
            "B",
            "Operands from DRAM once more, where two exceed L2 together, in the whole window.",
            time="weights_s",
            dram=True,
            whole=True,
        ),
    ]
    load: Annotated[
        float, BytesTerm("load", "B", "Activations from DRAM, in the whole window.", time="load_s", dram=True)
    ]
    store: Annotated[
        float, BytesTerm("store", "B", "Activations to DRAM, in the whole window.", time="store_s", dram=True)
    ]
    spill: Annotated[
        float,
        BytesTerm(
            "spill",
            "B",
            "Activations to DRAM for want of room, and back, in the whole window.",
            time="spill_s",
            dram=True,
            whole=True,
        ),
    ]
    forward: Annotated[
        float, BytesTerm("forward", "B", "To later stages over the package, in the whole window.", time="forward_s")
    ]
    exchange: Annotated[
        float, BytesTerm("exchange", "B", "Among the region's chiplets, in the whole window.", time="exchange_s")
    ]
    mates: Annotated[
        float,
        BytesTerm(
            "mates",
            "B",
            "Weights gathered from the region's chiplets, in the whole window.",
            time="weights_s",
            whole=True,
        ),
    ]
    hop_bytes: Annotated[float, Term("hop bytes", "B", "All bytes times the links that they cross.")]
    """DRAM traffic's way to the interface included."""

    @property
    def dram(self) -> float:
        return _dram_bytes(self)


BYTES_TERMS = {name: term for name, term in terms_of(StageBytes).items() if isinstance(term, BytesTerm)}
DRAM_BYTES = tuple(name for name, term in BYTES_TERMS.items() if term.dram)
_dram_bytes = added_up(DRAM_BYTES)


@dataclass(frozen=True, slots=True)
class StageEvaluation:
    """One stage. Times ending in `_s` are per micro-batch, except `resident_s`, paid once per window."""

    first: Annotated[int, Term("first layer", "", "Where the stage begins.")]
    last: Annotated[int, Term("last layer", "", "Where it ends.")]
    chiplets: Annotated[tuple[int, ...], Term("chiplets", "", "The region; part i of a layer runs on the i-th.")]
    splits: Annotated[
        tuple[Split, ...],
        Term("splits", "", "Per layer, samples x rows x columns x units of channels into which it is cut."),
    ]
    compute_s: Annotated[
        float,
        PassTerm(
            "compute",
            "s",
            "Per micro-batch: the cycles of all layers' slowest parts, in blocks of weights where these stream.",
            "cycles / clock",
            turn=3,
        ),
    ]
    exchange_s: Annotated[
        float,
        PassTerm(
            "exchange",
            "s",
            "Per micro-batch: what the region's chiplets send one another; 0 on one chiplet.",
            turn=4,
            transfer=6,
        ),
    ]
    """Of tensors that layers of the stage make and read."""
    pace_s: Annotated[
        float,
        Term(
            "pace",
            "s",
            "Per micro-batch: compute and exchange where they overlap.",
            "sum over layers of the longer one",
        ),
    ]
    exposed_s: Annotated[
        float,
        Term(
            "exposed",
            "s",
            "Per micro-batch: waiting for blocks of weights that no computing hides.",
            "sum over blocks of what each takes beyond the computing before it, - pinned bytes / DRAM bandwidth",
        ),
    ]
    weights_s: Annotated[
        float,
        PassTerm(
            "weights",
            "s",
            "Per micro-batch: weights that do not stay, from DRAM or from the region's mates, and what is read again.",
            turn=2,
            transfer=2,
        ),
    ]
    resident_s: Annotated[
        float,
        Term(
            "once",
            "s",
            "Once per window: weights that stay in L2, from DRAM, while the stage waits for its first input.",
        ),
    ]
    load_s: Annotated[
        float,
        PassTerm("load", "s", "Per micro-batch: activations from DRAM; in paper also all weights.", turn=1, transfer=1),
    ]
    store_s: Annotated[
        float,
        PassTerm("store", "s", "Per micro-batch: activations and network outputs to DRAM.", turn=6, transfer=3),
    ]
    spill_s: Annotated[
        float, PassTerm("spill", "s", "Per micro-batch: evicted activations, to DRAM and back.", turn=5, transfer=4)
    ]
    forward_s: Annotated[
        float,
        PassTerm("forward", "s", "Per micro-batch: activations to later stages over the package.", turn=7, transfer=5),
    ]
    receive_s: Annotated[
        float,
        Term(
            "receive",
            "s",
            "Per micro-batch: activations from earlier stages, into the chiplet that gets most or over the busiest "
            "link on the way; 0 in paper.",
            "bytes / link bandwidth",
        ),
    ]
    fill_s: Annotated[
        float,
        Term(
            "first pass",
            "s",
            "One micro-batch through the empty stage, its weights pinned already.",
            "load_s + exchange_s + max(compute_s + exposed_s, weights_s + spill_s) + max(store_s, forward_s and the "
            "ports' time for what is stored), pace_s for exchange_s + compute_s where overlaps; in paper the sum of "
            "all but exposed_s",
        ),
    ]
    ready_s: Annotated[
        float,
        Term(
            "with weights",
            "s",
            "From when the stage's weights may come until its first micro-batch is out; 0 in paper.",
            "the longer of computing as weights arrive and all their bytes, + the input's bytes / DRAM bandwidth + "
            "exchange_s (pace_s - compute_s where overlaps) + what is sent out",
        ),
    ]
    steady_s: Annotated[
        float,
        Term(
            "steady",
            "s",
            "One micro-batch in the running pipeline.",
            "max(pace_s + exposed_s, load_s + store_s + weights_s + spill_s, forward_s and the ports' time for what is "
            "stored) where overlaps; else fill_s, which is longer if receive_s is longer than what is sent out",
        ),
    ]
    """Its part of the maximum."""
    last_fill_s: Annotated[
        float,
        Term(
            "last pass",
            "s",
            "As first pass, of the last micro-batch, which may be short.",
            "fill_s with the share of samples that are there of all but the weights",
        ),
    ]
    last_steady_s: Annotated[
        float,
        Term(
            "last steady",
            "s",
            "As steady, of the last micro-batch.",
            "steady_s with the share of samples that are there of all but the weights",
        ),
    ]
    overlaps: Annotated[bool, Term("overlaps", "", "Transfers overlap compute: L2 holds a second buffer.")]
    l2: Annotated[L2Use | None, Term("L2", "", "What L2 holds; nothing in paper.")]
    """In `paper` L2 serves only the micro-batch test."""
    bytes_: Annotated[StageBytes, Term("bytes", "", "What the stage moves in the whole window.")]
    energy: Annotated[Energy, Term("energy", "J", "Of the stage in the whole window.", "sum of its parts")]
    memory: Annotated[
        tuple[tuple[int, float], ...],
        Term(
            "memory",
            "B",
            "Where tensors lie nearest: by memory interface, bytes from and to DRAM in the whole window.",
        ),
    ] = ()
    """The own interface first; none where tensors are interleaved: there all passes the nearest one."""
    strips: Annotated[
        tuple[tuple[int, int, int, int, float], ...],
        Term(
            "strips",
            "B",
            "Runs of layers that go strip by strip: first and last layer, rows in a strip, how many strips, and "
            "what L2 holds for them at most, their weights among it.",
        ),
    ] = ()
    """None where every layer runs on whole maps."""

    @property
    def transfers_s(self) -> float:
        """What the stage moves with every micro-batch, among its own chiplets too."""
        return _transfers_s(self)


_PASS = {name: term for name, term in terms_of(StageEvaluation).items() if isinstance(term, PassTerm)}
FIRST_PASS = tuple(sorted(_PASS, key=lambda name: _PASS[name].turn))
"""Times of a stage that its first micro-batch spends one after another."""
TRANSFERS = tuple(sorted((n for n in _PASS if _PASS[n].transfer), key=lambda name: _PASS[name].transfer))
"""Those of them in which something moves, as they are added up."""
_transfers_s = added_up(TRANSFERS)


@dataclass(frozen=True, slots=True)
class PipelineEvaluation:
    """One task's part of a window: the first micro-batch through every stage, the others at the slowest one's pace."""

    task: Annotated[int, Term("model", "", "Number of the model in the scenario.")]
    micro_batch: Annotated[int, Term("micro-batch", "", "Samples that pass through the stages together: b'.")]
    micro_batches: Annotated[int, Term("micro-batches", "", "How many there are: k.", "ceil(batch / micro_batch)")]
    latency_s: Annotated[
        float,
        Term(
            "latency",
            "s",
            "One micro-batch through every stage, the others one pace of the slowest stage apart (SCAR III-E).",
            "first: through the stages, each fill_s behind the one before, or ready_s behind all earlier resident_s; "
            "then (micro_batches - 2) * largest steady_s, and the last one's own times",
        ),
    ]
    end_s: Annotated[
        float,
        Term(
            "ends at",
            "s",
            "Counted from the start of the schedule; later in a window that DRAM, a link or a port sets.",
            "window start_s + latency_s * (window latency_s / slowest pipeline)",
        ),
    ]
    energy: Annotated[Energy, Term("energy", "J", "What the pipeline's stages spend.", "sum of its stages")]
    stages: Annotated[
        tuple[StageEvaluation, ...], Term("stages", "", "Runs of consecutive layers, each on its own region.")
    ]

    @property
    def slowest(self) -> StageEvaluation:
        return max(self.stages, key=lambda stage: stage.steady_s)


@dataclass(frozen=True, slots=True)
class WindowEvaluation:
    """A window lasts as long as its slowest pipeline, and at least as long as its shared resources need."""

    start_s: Annotated[float, Term("from", "s", "Start of the window.", "sum of the latencies of the windows before")]
    latency_s: Annotated[
        float,
        Term(
            "latency",
            "s",
            "The slowest pipeline; in detailed at least what its shared resources need.",
            "max(slowest pipeline, dram_s, link_s, port_s)",
        ),
    ]
    contended_s: Annotated[
        float,
        Term(
            "contended latency",
            "s",
            "About how long it takes where stages wait for each other's DRAM traffic; in paper the latency.",
            "latency, but for stages with the bandwidth that the others leave: 1 - their DRAM time / contended_s",
        ),
    ]
    energy: Annotated[Energy, Term("energy", "J", "All energy of the window.", "sum of its parts")]
    pipelines: Annotated[tuple[PipelineEvaluation, ...], Term("pipelines", "", "The models that run in the window.")]
    dram_bytes: Annotated[float, Term("DRAM bytes", "B", "All bytes between DRAM and the package in the window.")]
    dram_s: Annotated[
        float,
        ResourceTerm(
            "DRAM time",
            "s",
            "The least time in which the DRAM moves them: a roofline without queueing; 0 in paper.",
            "dram_bytes / DRAM bandwidth",
            resource="DRAM",
        ),
    ]
    link_s: Annotated[
        float,
        ResourceTerm(
            "link time",
            "s",
            "The least time in which the busiest link moves its bytes one way; 0 in paper.",
            "bytes on the link / link bandwidth",
            resource="busiest link",
        ),
    ]
    link: Annotated[
        tuple[int, int] | None,
        Term("busiest link", "", "The link and direction that carries most, from one chiplet to another."),
    ]
    port_s: Annotated[
        float,
        ResourceTerm(
            "port time",
            "s",
            "The least time in which the busiest chiplet sends, or receives, its bytes; 0 in paper.",
            "bytes one way / link bandwidth",
            resource="busiest port",
        ),
    ]
    port: Annotated[int | None, Term("busiest port", "", "The chiplet that sends or receives most.")]
    bound_by: Annotated[str, Term("bound by", "", "What sets the window's latency: pipeline, dram, link or port.")]
    idle: Annotated[tuple[int, ...], Term("idle chiplets", "", "Chiplets that no stage of the window uses.")]

    @property
    def end_s(self) -> float:
        return self.start_s + self.latency_s

    @property
    def slowest(self) -> int:
        """Number of the pipeline that takes longest."""
        return max(range(len(self.pipelines)), key=lambda number: self.pipelines[number].latency_s)


RESOURCES = {
    name.removesuffix("_s"): term.resource
    for name, term in terms_of(WindowEvaluation).items()
    if isinstance(term, ResourceTerm)
}
"""What all pipelines of a window share and `bound_by` may name; each has its least time in the window."""


@dataclass(frozen=True, slots=True)
class Evaluation(Shown):
    """A schedule's cost. EDP is the total energy times the total latency (SCAR, Table IV)."""

    fidelity: Annotated[
        Fidelity, Term("fidelity", "", "paper: SCAR's printed equations; detailed: also what they leave out.")
    ]
    latency_s: Annotated[
        float,
        Term(
            "latency",
            "s",
            "From the start of the first window to the end of the last.",
            "sum of the windows' latency_s",
        ),
    ]
    energy: Annotated[Energy, Term("energy", "J", "All energy of the schedule.", "sum of its parts")]
    windows: Annotated[
        tuple[WindowEvaluation, ...],
        Term("windows", "", "Stretches of time with a fixed assignment, run one after another."),
    ]
    flows: Annotated[
        tuple[tuple[tuple[tuple[Flow, ...], ...], ...], ...],
        Term("flows", "", "What every stage moves over the links, per window and pipeline."),
    ] = field(default=(), repr=False, compare=False)
    """Reports show them link by link (`traffic.py`); files have their sums, in `bytes`."""

    @property
    def energy_j(self) -> float:
        return self.energy.total

    @property
    def edp_js(self) -> float:
        return self.energy_j * self.latency_s

    @property
    def average_power_w(self) -> float:
        return self.energy_j / self.latency_s

    @property
    def longest(self) -> int:
        """Number of the window that takes longest."""
        return max(range(len(self.windows)), key=lambda index: self.windows[index].latency_s)

    @property
    def stages(self) -> list[StageEvaluation]:
        """Those of all windows."""
        return [stage for window in self.windows for pipeline in window.pipelines for stage in pipeline.stages]

    def task_latency_s(self, task: int) -> float:
        """When the task's last stage ends, from the start of the schedule."""
        return max(p.end_s for window in self.windows for p in window.pipelines if p.task == task)

    def task_energy(self, task: int) -> Energy:
        """What the task's stages spend; the package's static energy is no task's own."""
        return sum((p.energy for window in self.windows for p in window.pipelines if p.task == task), Energy())
