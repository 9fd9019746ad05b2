"""What a schedule costs, in full: every figure with the terms it is the sum of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chipweave.display import Shown
from chipweave.plan.problem import Fidelity


class Keeping(StrEnum):
    """Where a stage's weights wait: all in L2, one copy spread over the region's L2s, or in DRAM."""

    RESIDENT = "resident"
    MATES = "mates"
    STREAMED = "streamed"


@dataclass(frozen=True, slots=True)
class L2Use:
    """How a stage uses the L2 of each of its chiplets.

    Args:
        keeping: resident weights are loaded once per window; mates' are gathered, streamed ones come from DRAM, with
            every micro-batch, layer by layer.
        fits: the micro-batch's activations fit beside the weights that are held.
        held_weights: bytes of weights in L2.
        activations: bytes of live activations of the micro-batch.
        spill: bytes that leave the region's L2s for want of room per micro-batch; each goes to DRAM and comes back.
    """

    keeping: Keeping
    fits: bool
    held_weights: float
    activations: float
    spill: float

    @property
    def resident(self) -> bool:
        return self.keeping is Keeping.RESIDENT


@dataclass(frozen=True, slots=True)
class Split:
    """How one layer's work on a micro-batch is cut: samples x rows x columns x units of channels.

    Part i = ((sample * rows + row) * columns + column) * units + unit runs on the region's chiplet i; one of the
    products is 1 (`input_shared` cuts channels only, `weight_shared` everything else).
    """

    samples: int = 1
    rows: int = 1
    columns: int = 1
    units: int = 1

    @property
    def parts(self) -> int:
        return self.samples * self.rows * self.columns * self.units


@dataclass(frozen=True, slots=True)
class Energy:
    """Joules by component.

    `mac`, `l1`, `l2`, `noc`: inside the chiplet; `fill`, `drain`: tensors entering and leaving L2;
    `dram`: DRAM accesses; `nop`: bits on the package's links; `static`: power times time.
    """

    mac: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    noc: float = 0.0
    fill: float = 0.0
    drain: float = 0.0
    dram: float = 0.0
    nop: float = 0.0
    static: float = 0.0

    @property
    def total(self) -> float:
        return self.mac + self.l1 + self.l2 + self.noc + self.fill + self.drain + self.dram + self.nop + self.static

    def __add__(self, other: Energy) -> Energy:
        return Energy(
            self.mac + other.mac,
            self.l1 + other.l1,
            self.l2 + other.l2,
            self.noc + other.noc,
            self.fill + other.fill,
            self.drain + other.drain,
            self.dram + other.dram,
            self.nop + other.nop,
            self.static + other.static,
        )


@dataclass(frozen=True, slots=True)
class StageBytes:
    """What a stage moves in the whole window.

    `weights`, `load`: from DRAM; `store`: to DRAM; `spill`: to DRAM and back, both ways counted;
    `forward`: to later stages over the package; `exchange`: among the region's chiplets; `mates`: weights gathered
    from them; `hop_bytes`: all bytes times the links they cross, DRAM traffic's way to the interface included.
    """

    weights: float
    load: float
    store: float
    spill: float
    forward: float
    exchange: float
    mates: float
    hop_bytes: float

    @property
    def dram(self) -> float:
        return self.weights + self.load + self.store + self.spill


@dataclass(frozen=True, slots=True)
class StageEvaluation:
    """One stage. Times ending in `_s` are per micro-batch, except `resident_s`, paid once per window.

    Args:
        splits: per layer, samples x rows x columns x units of channels into which it is cut.
        compute_s: cycles of all layers' slowest parts / clock.
        exchange_s: tensors that layers of the stage make and read, among the region's chiplets.
        pace_s: compute and exchange where they overlap: per layer the longer of the two.
        weights_s: weights from DRAM or mates with every micro-batch (in `paper` they travel with `load_s`: 0 here).
        resident_s: weights from DRAM, once per window.
        load_s, store_s, spill_s: activations from DRAM, to DRAM, and both ways for want of room.
        forward_s: activations to later stages.
        fill_s: one micro-batch through the empty stage (its part of the sum in the pipeline formula).
        steady_s: one micro-batch in the running pipeline (its part of the maximum).
        overlaps: transfers overlap compute in the running pipeline.
        l2: what L2 holds (None in `paper`, where L2 serves only the micro-batch test).
    """

    first: int
    last: int
    chiplets: tuple[int, ...]
    splits: tuple[Split, ...]
    compute_s: float
    exchange_s: float
    pace_s: float
    weights_s: float
    resident_s: float
    load_s: float
    store_s: float
    spill_s: float
    forward_s: float
    fill_s: float
    steady_s: float
    overlaps: bool
    l2: L2Use | None
    bytes_: StageBytes
    energy: Energy


@dataclass(frozen=True, slots=True)
class PipelineEvaluation:
    """One task's part of a window: latency = sum of (resident + fill) + (micro_batches - 1) * slowest steady."""

    task: int
    micro_batch: int
    micro_batches: int
    latency_s: float
    end_s: float
    energy: Energy
    stages: tuple[StageEvaluation, ...]

    @property
    def slowest(self) -> StageEvaluation:
        return max(self.stages, key=lambda stage: stage.steady_s)


@dataclass(frozen=True, slots=True)
class WindowEvaluation:
    """A window lasts as long as its slowest pipeline, and at least as long as its shared resources need.

    Args:
        dram_s: the DRAM moves all the window's bytes (roofline, no queueing; 0 in `paper`).
        link_s, link: the busiest link moves all of its bytes; (from, to).
        port_s, port: the busiest chiplet sends or receives all of its bytes; the chiplet.
        bound_by: what sets the latency: 'pipeline', 'dram', 'link' or 'port'.
        idle: chiplets that no stage uses.
    """

    start_s: float
    latency_s: float
    energy: Energy
    pipelines: tuple[PipelineEvaluation, ...]
    dram_bytes: float
    dram_s: float
    link_s: float
    link: tuple[int, int] | None
    port_s: float
    port: int | None
    bound_by: str
    idle: tuple[int, ...]

    @property
    def end_s(self) -> float:
        return self.start_s + self.latency_s

    @property
    def slowest(self) -> int:
        """Number of the pipeline that takes longest."""
        return max(range(len(self.pipelines)), key=lambda number: self.pipelines[number].latency_s)


@dataclass(frozen=True, slots=True)
class Evaluation(Shown):
    """A schedule's cost. EDP is the total energy times the total latency (SCAR, Table IV)."""

    fidelity: Fidelity
    latency_s: float
    energy: Energy
    windows: tuple[WindowEvaluation, ...]

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
