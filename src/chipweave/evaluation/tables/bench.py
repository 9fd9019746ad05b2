"""The evaluator for many schedules at once: what searches score candidates with. Twin of `evaluate.evaluate`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.tables import single as kernel
from chipweave.evaluation.tables.units import Floats, Ints, Places, TaskArrays, places, task_arrays


@dataclass(frozen=True)
class Candidates:
    """Many pipelines of one task for one window.

    Args:
        micro_batch, stages: [m] micro-batch and number of stages.
        cuts: [m, s] unit before which stage s ends; entries from `stages` on are unused.
        chiplets: [m, s] where stage s runs.
    """

    micro_batch: Ints
    stages: Ints
    cuts: Ints
    chiplets: Ints


@dataclass(frozen=True)
class Batch:
    """Costs of candidates, [m] each; bytes per directed link and per chiplet [m, ...] are empty in `paper`."""

    latency_s: Floats
    energy_j: Floats
    dram_bytes: Floats
    link_bytes: Floats
    sent: Floats
    received: Floats

    def __add__(self, other: Batch) -> Batch:
        """Two tasks side by side in a window: they share its resources."""
        return Batch(
            np.maximum(self.latency_s, other.latency_s),
            self.energy_j + other.energy_j,
            self.dram_bytes + other.dram_bytes,
            self.link_bytes + other.link_bytes,
            self.sent + other.sent,
            self.received + other.received,
        )


def arrays_of(ready: Prepared, task: int) -> TaskArrays:
    """The arrays of a task."""
    return ready.once(task_arrays, task)


def places_of(ready: Prepared) -> Places:
    """The arrays of the package."""
    return ready.once(places)


def _constants(ready: Prepared) -> Floats:
    """The package's constants in the order of `kernel.LINK_BANDWIDTH` and its fellows."""
    package = ready.package
    return np.array(
        [
            package.link_bandwidth_bytes_s,
            package.hop_latency_s,
            package.conflict_delay_s,
            package.nop_energy_j_per_bit * 8,
            package.dram_bandwidth_bytes_s,
            package.dram_latency_s,
            package.dram_energy_j_per_bit * 8,
        ]
    )


def window_bytes(ready: Prepared, task: int, first: int, end: int) -> tuple[Floats, Floats, Floats]:
    """Load, store and forward tables of a window that holds a task's units first to end - 1."""
    return ready.once(_window_bytes, task, first, end)


def _window_bytes(ready: Prepared, task: int, first: int, end: int) -> tuple[Floats, Floats, Floats]:
    t = arrays_of(ready, task).tensors
    made: tuple[Floats, Floats, Floats] = kernel.window_traffic(
        first, end, not ready.detailed, t.unit, t.bytes_, t.sink, t.starts, t.reader, t.read
    )
    return made


def stage_tables(
    ready: Prepared, task: int, first: int, end: int, micro_batch: int, kinds: tuple[tuple[int, int], ...]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Every stage [kind, i, j] of a window on every kind of place (class, hops to DRAM): see the kernel."""
    t = arrays_of(ready, task)
    load, store, forward = window_bytes(ready, task, first, end)
    tables: tuple[Floats, Floats, Floats, Floats] = kernel.stage_tables(
        ready.detailed, micro_batch, t.batch, first, end - first,
        np.array([c for c, _ in kinds], dtype=np.int64), np.array([h for _, h in kinds], dtype=np.int64),
        places_of(ready).l2_bytes, t.compute_s, t.work_j, t.fill_weight_j, t.fill_input_j, t.drain_j, t.weights,
        t.two_largest, t.live, t.spill_kept, t.spill_streamed, load, store, forward, ready.once(_constants),
    )  # fmt: skip
    return tables


def score(ready: Prepared, task: int, first: int, end: int, candidates: Candidates) -> Batch:
    """Exact cost of candidate pipelines of a task in a window that holds its units first to end - 1."""
    t, p = arrays_of(ready, task), places_of(ready)
    load, store, forward = window_bytes(ready, task, first, end)
    many, count = len(candidates.stages), len(p.class_of)
    shape = (many, p.links, count) if ready.detailed else (0, 0, 0)
    links, sent = np.zeros(shape[:2]), np.zeros(shape[::2])
    received = np.zeros_like(sent)
    latency_s, energy_j, dram_bytes = kernel.pipelines(
        ready.detailed, first, end, candidates.micro_batch, candidates.stages, candidates.cuts, candidates.chiplets,
        t.batch, p.class_of, p.l2_bytes, p.dram_hops, p.interface, p.hops, p.route,
        t.compute_s, t.work_j, t.fill_weight_j, t.fill_input_j, t.drain_j, t.weights, t.two_largest, t.live,
        t.spill_kept, t.spill_streamed, t.tensors.first_of_unit, t.tensors.bytes_, t.tensors.starts,
        t.tensors.reader, t.tensors.read, load, store, forward, ready.once(_constants), links, sent, received,
    )  # fmt: skip
    return Batch(latency_s, energy_j, dram_bytes, links, sent, received)


def window_cost(ready: Prepared, batch: Batch) -> tuple[Floats, Floats]:
    """(latency_s, energy_j) [m] of windows whose tasks' batches were added up."""
    if not ready.detailed:
        return batch.latency_s, batch.energy_j
    package = ready.package
    busiest = np.maximum(batch.sent.max(axis=1), batch.received.max(axis=1))
    if batch.link_bytes.shape[1]:
        busiest = np.maximum(busiest, batch.link_bytes.max(axis=1))
    latency_s = np.maximum(
        np.maximum(batch.latency_s, batch.dram_bytes / package.dram_bandwidth_bytes_s),
        busiest / package.link_bandwidth_bytes_s,
    )
    static_w = sum(chiplet.static_power_w for chiplet in package.chiplets)
    if static_w == 0:  # 0 W times the infinite latency of what does not fit is no energy
        return latency_s, batch.energy_j
    return latency_s, batch.energy_j + static_w * latency_s
