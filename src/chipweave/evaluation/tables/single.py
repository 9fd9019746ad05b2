"""Compiled: what stages on single chiplets cost, by the law. The demand comes from prefix sums and tables (`units.py`)
and is exact; `stage_tables` alone does not know yet where its neighbours run.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.evaluation.law import Demand, Rates, Room, Terms
from chipweave.evaluation.tables.compiled_law import law
from chipweave.evaluation.tables.units import Places, TaskArrays
from chipweave.evaluation.tables.window_bytes import WindowBytes
from chipweave.ndarrays import Floats, Ints


class Spent(NamedTuple):
    """Seconds of one micro-batch (see `law.Demand`)."""

    compute_s: float
    exchange_s: float
    pace_s: float
    forward_s: float
    gather_s: float


class Brought(NamedTuple):
    """Bytes: all weights; activations of one sample from and to DRAM; links between the stage and its interface."""

    weights: float
    load: float
    store: float
    hops: float


@inner(forceinline=True)
def demand_of(
    samples: tuple[int, int], spent: Spent, brought: Brought, hop_bytes: float, inside_j: float, weight_fill_j: float
) -> Demand:
    """The demand of a stage for (batch, micro-batch) samples, of whose joules only the sum counts.

    Args:
        hop_bytes: of what moves between chiplets; what the way to DRAM takes is in the rates (`law.seen_from`).
        inside_j: all that one sample takes inside the chiplets, counted as `mac_j`.
    """
    batch, micro_batch = samples
    return law.Demand(
        batch=batch,
        micro_batch=micro_batch,
        compute_s=spent.compute_s,
        exchange_s=spent.exchange_s,
        pace_s=spent.pace_s,
        forward_s=spent.forward_s,
        gather_s=spent.gather_s,
        weights=brought.weights,
        weights_hops=brought.hops,
        load=brought.load,
        load_hops=brought.hops,
        store=brought.store,
        store_hops=brought.hops,
        dram_hops=brought.hops,
        hop_bytes=hop_bytes,
        mac_j=inside_j,
        l1_j=0.0,
        l2_j=0.0,
        noc_j=0.0,
        fill_j=0.0,
        drain_j=0.0,
        weight_fill_j=weight_fill_j,
    )


class Place(NamedTuple):
    """Where a stage runs: a chiplet's class, its L2 in bytes, links to its memory interface."""

    kind: int
    l2_bytes: float
    dram_hops: int


class Span(NamedTuple):
    """Units first to last as one stage, with what it exchanges.

    Args:
        load, store, forward: bytes of one sample, from and to DRAM and to later stages.
        forward_s: seconds of one micro-batch.
        forward_hop_bytes: of the whole batch.
    """

    first: int
    last: int
    load: float
    store: float
    forward: float
    forward_s: float
    forward_hop_bytes: float


class StageTables(NamedTuple):
    """Stages [place, i, j] of a window: seconds once (resident weights and the first micro-batch), of a micro-batch in
    the running pipeline, joules and DRAM bytes; the seconds are infinite where a micro-batch above 1 does not fit."""

    first_s: Floats
    steady_s: Floats
    energy_j: Floats
    dram_bytes: Floats


class Candidates(NamedTuple):
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


class Traffic(NamedTuple):
    """Bytes on each directed link, and out of and into each chiplet, of each candidate: [m, ...]."""

    links: Floats
    out: Floats
    into: Floats


@inner(forceinline=True)
def room_of(task: TaskArrays, place: Place, span: Span, micro_batch: int) -> Room:
    """What a micro-batch asks of the chiplet's L2."""
    u, v = span.first, span.last
    weights = task.weights[v + 1] - task.weights[u]
    return law.Room(
        place.l2_bytes,
        micro_batch * task.live[u, v],
        micro_batch * (span.load + span.store + span.forward),
        weights,
        task.two_largest[u, v],
        weights,
        task.spill_kept[place.kind, u, v],
        task.spill_streamed[place.kind, u, v],
    )


@inner(forceinline=True)
def inside_j(task: TaskArrays, c: int, u: int, v: int) -> float:
    """Joules that one sample takes inside a chiplet of class c: units u to v, what enters and leaves them included."""
    return float(
        task.work_j[c, v + 1] - task.work_j[c, u] + task.fill_input_j[c, u, v] + task.drain_j[c, u, v]
    )


@inner(forceinline=True)
def terms_of(task: TaskArrays, place: Place, span: Span, micro_batch: int, rates: Rates) -> tuple[float, Terms]:
    """What a micro-batch spills, and what the stage costs; of its joules only the sum counts.

    What a byte takes between DRAM and chiplet counts as the DRAM's.
    """
    u, v, c, hops = span.first, span.last, place.kind, place.dram_hops
    room = room_of(task, place, span, micro_batch)
    weights = room.all_weights
    way, _ = law.ways(room, weights, law.micro_batches(task.batch, micro_batch), 1, rates)
    compute_s = micro_batch * (task.compute_s[c, v + 1] - task.compute_s[c, u])
    demand = demand_of(
        (task.batch, micro_batch),
        Spent(compute_s, 0.0, compute_s, span.forward_s, 0.0),
        Brought(weights, span.load, span.store, hops),
        span.forward_hop_bytes,
        inside_j(task, c, u, v),
        task.fill_weight_j[c, v + 1] - task.fill_weight_j[c, u],
    )
    return way.spill, law.kept(demand, room, way, law.seen_from(hops, rates))


@kernel()
def stage_tables(
    task: TaskArrays, places: tuple[Ints, Floats, Ints], moved: WindowBytes, micro_batch: int, rates: Rates
) -> StageTables:
    """Every stage of a window at one micro-batch on every kind of place: arrays of class, L2 and hops to DRAM.

    What is forwarded is taken to travel one hop, once.
    """
    kinds, n = len(places[0]), moved.end - moved.first
    first_s, steady_s = np.full((kinds, n, n), np.inf), np.full((kinds, n, n), np.inf)
    energy_j, dram_bytes = np.zeros((kinds, n, n)), np.zeros((kinds, n, n))
    for kind in range(kinds):
        place = Place(places[0][kind], places[1][kind], places[2][kind])
        for i in range(n):
            for j in range(i, n):
                forward = moved.forward[i, j]
                sent_s = law.link_s(micro_batch * forward, 1, rates)
                stored = moved.store[j + 1] - moved.store[i]
                u, v = moved.first + i, moved.first + j
                span = Span(u, v, moved.load[i, j], stored, forward, sent_s, task.batch * forward)
                if micro_batch > 1 and not law.fits_l2(room_of(task, place, span, micro_batch)):
                    continue
                _, terms = terms_of(task, place, span, micro_batch, rates)
                first_s[kind, i, j], steady_s[kind, i, j] = terms.resident_s + terms.fill_s, terms.steady_s
                energy_j[kind, i, j], dram_bytes[kind, i, j] = terms.energy_j, terms.dram
    return StageTables(first_s, steady_s, energy_j, dram_bytes)


@kernel(nogil=True)
def pipelines(
    task: TaskArrays, places: Places, moved: WindowBytes, candidates: Candidates, traffic: Traffic, rates: Rates
) -> tuple[Floats, Floats, Floats]:
    """Exact (latency_s, energy_j, dram_bytes) [m] of many pipelines of one task in a window (twin: `evaluate.py`).

    In `detailed` each candidate's bytes are added to `traffic`.
    """
    many = len(candidates.stages)
    latency_s, energy_j, dram_bytes = np.zeros(many), np.zeros(many), np.zeros(many)
    stage_of = np.empty(moved.end - moved.first, dtype=np.int64)
    to_stage = np.empty(candidates.cuts.shape[1])
    for m in range(many):
        micro_batch, stages = candidates.micro_batch[m], candidates.stages[m]
        begin = moved.first
        for s in range(stages):
            for u in range(begin, candidates.cuts[m, s]):
                stage_of[u - moved.first] = s
            begin = candidates.cuts[m, s]
        first_s = slowest_s = 0.0
        begin = moved.first
        for s in range(stages):
            end = candidates.cuts[m, s]
            _hand_on(task, moved, stage_of, (s, stages, begin, end), rates.detailed, to_stage)
            span = _sent(task, places, moved, candidates, (m, s, begin, end), to_stage, traffic, rates)
            chip = candidates.chiplets[m, s]
            place = Place(places.class_of[chip], places.l2_bytes[places.class_of[chip]], places.dram_hops[chip])
            begin = end
            if micro_batch > 1 and not law.fits_l2(room_of(task, place, span, micro_batch)):
                first_s = np.inf
                continue
            spill, terms = terms_of(task, place, span, micro_batch, rates)
            first_s += terms.resident_s + terms.fill_s
            slowest_s = max(slowest_s, terms.steady_s)
            energy_j[m] += terms.energy_j
            dram_bytes[m] += terms.dram
            if rates.detailed and place.dram_hops > 0:
                spilled = law.micro_batches(task.batch, micro_batch) * spill
                near = places.interface[chip]
                _carry(m, near, chip, terms.weights + terms.load + spilled, places.route, traffic)
                _carry(m, chip, near, terms.store + spilled, places.route, traffic)
        latency_s[m] = law.pipeline_s(first_s, slowest_s, law.micro_batches(task.batch, micro_batch))
    return latency_s, energy_j, dram_bytes


@inner()
def _hand_on(
    task: TaskArrays,
    moved: WindowBytes,
    stage_of: Ints,
    stage: tuple[int, int, int, int],
    detailed: bool,
    to_stage: Floats,
) -> None:
    """Fill `to_stage` with the bytes of one sample that a stage (number, of how many, first unit, end) sends to each
    later one (twin: `exact/tensors.py exchange`)."""
    s, stages, begin, end = stage
    for target in range(stages):
        to_stage[target] = 0.0
    if s == stages - 1:
        return
    if not detailed:
        to_stage[s + 1] = moved.forward[begin - moved.first, end - 1 - moved.first]
        return
    tensors = task.tensors
    for t in range(tensors.first_of_unit[begin], tensors.first_of_unit[end]):
        here, seen = 0.0, s
        for at in range(tensors.starts[t], tensors.starts[t + 1]):
            if tensors.reader[at] >= moved.end:
                break
            target = stage_of[tensors.reader[at] - moved.first]
            if target == s:
                continue
            if target != seen:
                if seen > s:
                    to_stage[seen] += min(tensors.bytes_[t], here)
                here, seen = 0.0, target
            here += tensors.read[at]
        if seen > s:
            to_stage[seen] += min(tensors.bytes_[t], here)


@inner()
def _sent(
    task: TaskArrays,
    places: Places,
    moved: WindowBytes,
    candidates: Candidates,
    stage: tuple[int, int, int, int],
    to_stage: Floats,
    traffic: Traffic,
    rates: Rates,
) -> Span:
    """Stage (candidate, number, first unit, end) with what it sends to later ones."""
    m, s, begin, end = stage
    chip = candidates.chiplets[m, s]
    forward = forward_s = forward_hop_bytes = 0.0
    for target in range(s + 1, candidates.stages[m]):
        bytes_ = to_stage[target]
        if bytes_ > 0.0:
            other = candidates.chiplets[m, target]
            hops = places.hops[chip, other]
            forward += bytes_
            forward_s += law.link_s(candidates.micro_batch[m] * bytes_, hops, rates)
            forward_hop_bytes += task.batch * bytes_ * hops
            if rates.detailed:
                _carry(m, chip, other, task.batch * bytes_, places.route, traffic)
    i, j = begin - moved.first, end - 1 - moved.first
    stored = moved.store[j + 1] - moved.store[i]
    return Span(begin, end - 1, moved.load[i, j], stored, forward, forward_s, forward_hop_bytes)


@inner()
def _carry(m: int, source: int, target: int, bytes_: float, route: Ints, traffic: Traffic) -> None:
    """Put bytes on the links from one chiplet to another."""
    for step in range(route.shape[2]):
        link = route[source, target, step]
        if link < 0:
            break
        traffic.links[m, link] += bytes_
    traffic.out[m, source] += bytes_
    traffic.into[m, target] += bytes_


@kernel()
def window_costs(
    latency_s: Floats, energy_j: Floats, dram_bytes: Floats, traffic: Traffic, rates: Rates
) -> tuple[Floats, Floats]:
    """(latency_s, energy_j) [m] of windows whose pipelines' figures and traffic were added up."""
    window_s, window_j = np.empty(len(latency_s)), np.empty(len(latency_s))
    for m in range(len(latency_s)):
        link = port = 0.0
        if rates.detailed:
            for number in range(traffic.links.shape[1]):
                link = max(link, traffic.links[m, number])
            for chip in range(traffic.out.shape[1]):
                port = max(port, traffic.out[m, chip], traffic.into[m, chip])
        window_s[m] = law.window_s(law.window_needs(latency_s[m], dram_bytes[m], link, port, rates))
        window_j[m] = energy_j[m] + law.static_j(window_s[m], rates)
    return window_s, window_j
