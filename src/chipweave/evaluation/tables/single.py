"""Compiled: what stages on single chiplets cost, by the law. The demand comes from prefix sums and tables (`units.py`)
and is exact; `stage_tables` alone does not know yet where its neighbours run.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.evaluation.law import Demand, Rates, Room, Terms, Way
from chipweave.evaluation.tables.compiled_law import law
from chipweave.evaluation.tables.kept import Kept, entry
from chipweave.evaluation.tables.units import Micro, Places, TaskArrays
from chipweave.evaluation.tables.window_bytes import WindowBytes
from chipweave.ndarrays import Floats, Ints


class Spent(NamedTuple):
    """Seconds of one micro-batch (see `law.Demand`)."""

    compute_s: float
    exchange_s: float
    pace_s: float
    blocks_s: float
    exposed_s: float
    arrival_s: float
    forward_s: float
    store_port_s: float
    receive_s: float
    gather_s: float
    gather_fixed_s: float


class Brought(NamedTuple):
    """Bytes: the weights of every layer, and those of layers whose weights one before has; activations of one sample
    from and to DRAM; what is evicted, waits and is read again in a micro-batch; links between the stage and its
    interface."""

    weights: float
    reused: float
    load: float
    store: float
    evicted: float
    waiting: float
    again: float
    hops: float


class Joules(NamedTuple):
    """Of one sample inside the chiplets, and what blocks take more; of every layer's weights that enter, once; of a
    byte; of the weights of layers whose weights one before has."""

    inside_j: float
    blocks_j: float
    weight_fill_j: float
    byte_j: float
    reused_fill_j: float


@inner()
def demand_of(samples: tuple[int, int], spent: Spent, brought: Brought, hop_bytes: float, joules: Joules) -> Demand:
    """The demand of a stage for (batch, micro-batch) samples, of whose joules only the sum counts.

    Args:
        hop_bytes: of what moves between chiplets; what the way to DRAM takes is in the rates (`law.seen_from`).
    """
    batch, micro_batch = samples
    return law.Demand(
        batch=batch,
        micro_batch=micro_batch,
        last=law.last_share(batch, micro_batch, 1),
        compute_s=spent.compute_s,
        exchange_s=spent.exchange_s,
        pace_s=spent.pace_s,
        blocks_s=spent.blocks_s,
        blocks_j=joules.blocks_j,
        exposed_s=spent.exposed_s,
        arrival_s=spent.arrival_s,
        forward_s=spent.forward_s,
        store_port_s=spent.store_port_s,
        receive_s=spent.receive_s,
        gather_s=spent.gather_s,
        gather_fixed_s=spent.gather_fixed_s,
        weights=brought.weights,
        weights_hops=brought.hops,
        load=brought.load,
        load_hops=brought.hops,
        store=brought.store,
        store_hops=brought.hops,
        dram_hops=brought.hops,
        evicted=brought.evicted,
        waiting=brought.waiting,
        again=brought.again,
        hop_bytes=hop_bytes,
        mac_j=joules.inside_j,
        l1_j=0.0,
        l2_j=0.0,
        noc_j=0.0,
        fill_j=0.0,
        drain_j=0.0,
        weight_fill_j=joules.weight_fill_j,
        byte_j=joules.byte_j,
        reused=brought.reused,
        reused_fill_j=joules.reused_fill_j,
        far=0.0,
        far_s=0.0,
        far_late_s=0.0,
        far_j=0.0,
    )


class Place(NamedTuple):
    """Where a stage runs: a chiplet's class, its L2 in bytes, and the way to its memory interface
    (`hardware.package.DramWay`)."""

    kind: int
    l2_bytes: float
    late_hops: float
    joule_hops: float
    port: float


class Kinds(NamedTuple):
    """Kinds of places: of each its class, its L2, and [kind, 3] the way to its interface; latency and energy of the
    best link of the package, as shares of the standard one's."""

    class_of: Ints
    l2_bytes: Floats
    dram: Floats
    late: float
    joules: float


class Span(NamedTuple):
    """Units first to last as one stage, with what it exchanges.

    Args:
        load, store, forward, receive: bytes of one sample, from and to DRAM, to later and from earlier stages.
        received: those from earlier stages as the busiest link, or the chiplet's port, has to carry: as many bytes on
            the standard link.
        waiting, skipped: bytes of one sample of tensors that skip stages on their way here, times the micro-batches of
            them that wait, and once.
        forward_s: seconds of one micro-batch.
        forward_hop_bytes: of the whole batch.
    """

    first: int
    last: int
    load: float
    store: float
    forward: float
    receive: float
    received: float
    waiting: float
    skipped: float
    forward_s: float
    forward_hop_bytes: float


class InL2(NamedTuple):
    """What an L2 keeps in a stage (`kept.Kept`): least room left; bytes that come back and go, and that are read again;
    what blocks add to computing, and when computing ends as weights arrive."""

    slack: float
    evicted: float
    again: float
    exposed_s: float
    arrival_s: float


class Part(NamedTuple):
    """A task's part of a window at one micro-batch: what its stages exchange, take and keep."""

    moved: WindowBytes
    micro: Micro
    kept: Kept


class StageTables(NamedTuple):
    """Stages [place, i, j] of a window: seconds of the first micro-batch from its input, and from when the weights may
    come; of a micro-batch in the running pipeline; joules and DRAM bytes; seconds of weights that stay, and of the last
    micro-batch from its input and in the running pipeline. The seconds are infinite where a micro-batch above 1 does
    not fit (`paper`)."""

    fill_s: Floats
    ready_s: Floats
    steady_s: Floats
    energy_j: Floats
    dram_bytes: Floats
    resident_s: Floats
    last_fill_s: Floats
    last_steady_s: Floats


class Candidates(NamedTuple):
    """Many pipelines of one task for one window.

    Args:
        micro_batch, stages: [m] micro-batch and number of stages; the kernels take those of one micro-batch.
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


@inner()
def fits(task: TaskArrays, place: Place, span: Span, micro_batch: int, rates: Rates) -> bool:
    """Whether a micro-batch may run: in `paper` it must fit, in `detailed` any does."""
    live, two = micro_batch * task.live[span.first, span.last], task.two_largest[span.first, span.last]
    return rates.detailed or micro_batch == 1 or law.fits_l2(live, two, place.l2_bytes)


@inner()
def demand_and_room(task: TaskArrays, part: Part, place: Place, span: Span, rates: Rates) -> tuple[Demand, Room]:
    """What a stage asks for, and of its chiplet's L2; of its joules only the sum counts."""
    in_l2 = InL2(0.0, 0.0, 0.0, 0.0, 0.0)
    if rates.detailed:
        kept, first = part.kept, part.moved.first
        at = (place.kind, entry(span.first - first, span.last - first, part.moved.end - first))
        evicted = kept.back[at] + kept.wrote[at]
        in_l2 = InL2(kept.slack[at], evicted, kept.again[at], kept.exposed_s[at], kept.arrival_s[at])
    return asked_with(task, part.micro, place, span, in_l2, rates)


@inner()
def asked_with(
    task: TaskArrays, micro: Micro, place: Place, span: Span, in_l2: InL2, rates: Rates
) -> tuple[Demand, Room]:
    """What a stage asks for, and of its chiplet's L2, which keeps so much."""
    u, v, c = span.first, span.last, place.kind
    size, weights = micro.size, task.weights[v + 1] - task.weights[u]
    reused = reused_fill_j = 0.0
    if len(task.reused) > 0:
        reused, reused_fill_j = task.reused[u, v], task.reused_fill_j[c, u, v]
    compute_s = micro.compute_s[c, v + 1] - micro.compute_s[c, u]
    inside_j = micro.work_j[c, v + 1] - micro.work_j[c, u] + task.fill_input_j[c, u, v] + task.drain_j[c, u, v]
    blocks_s = micro.blocks_s[c, v + 1] - micro.blocks_s[c, u]
    port_s = place.port * (size * span.store / rates.link_bytes_s)
    receive_s = size * span.received / rates.link_bytes_s
    demand = demand_of(
        (task.batch, size),
        Spent(
            compute_s, 0.0, compute_s, blocks_s, in_l2.exposed_s, in_l2.arrival_s, span.forward_s, port_s, receive_s,
            0.0, 0.0,
        ),
        Brought(
            weights, reused, span.load, span.store, in_l2.evicted, 2 * size * span.skipped, in_l2.again,
            place.late_hops,
        ),
        span.forward_hop_bytes,
        Joules(
            inside_j,
            micro.blocks_j[c, v + 1] - micro.blocks_j[c, u],
            task.fill_weight_j[c, v + 1] - task.fill_weight_j[c, u],
            task.byte_j[c],
            reused_fill_j,
        ),
    )  # fmt: skip
    room = Room(
        place.l2_bytes,
        size * task.live[u, v],
        size * (span.load + span.store + span.forward + span.receive),
        weights - reused,
        0.0,
        in_l2.slack,
        size * span.waiting,
        reused,
        0.0,
    )
    return demand, room


@inner()
def terms_of(task: TaskArrays, part: Part, place: Place, span: Span, rates: Rates) -> tuple[Way, Terms]:
    """How the stage's weights are kept, and what it costs; of its joules only the sum counts.

    What a byte takes between DRAM and chiplet counts as the DRAM's.
    """
    demand, room = demand_and_room(task, part, place, span, rates)
    return best_way(demand, room, law.seen_from(place.joule_hops, rates))


@inner()
def best_way(demand: Demand, room: Room, rates: Rates) -> tuple[Way, Terms]:
    """Of the ways to keep a stage's weights on a single chiplet the better one, with what it costs."""
    if not rates.detailed:
        return law.in_load(), law.printed(demand, rates)
    way, other = law.ways(room, room.weights, law.micro_batches(demand.batch, demand.micro_batch), 1, rates)
    terms = law.kept(demand, way, rates)
    if other.keeping != way.keeping:
        second = law.kept(demand, other, rates)
        if law.better(terms, second):
            return other, second
    return way, terms


@kernel(nogil=True)
def stage_tables(
    task: TaskArrays, places: Kinds, part: Part, longest: int, rates: Rates
) -> StageTables:
    """Every stage of a window at one micro-batch on every kind of place.

    Of pipelines of up to `longest` stages: all units are the one stage, and one of two has the first or the last unit.

    What is forwarded is taken to travel one hop, once, over the best of all links, and to come from the stage before.
    """
    kinds, n = len(places.class_of), part.moved.end - part.moved.first
    made = _empty_tables(kinds, n)
    for kind in range(kinds):
        place = _place(places, kind)
        for i in range(n):
            for j in range(i, n):
                if (longest == 1 and j - i < n - 1) or (longest == 2 and i > 0 and j < n - 1):
                    continue
                _note_stage(task, part, (place, places.late, places.joules), (i, j), rates, (kind, i, j), made)
    return made


@kernel(nogil=True)
def whole_stage(task: TaskArrays, places: Kinds, part: Part, rates: Rates) -> StageTables:
    """The stage that holds all of a window at one micro-batch on every kind of place, as if that were one unit."""
    kinds, n = len(places.class_of), part.moved.end - part.moved.first
    made = _empty_tables(kinds, 1)
    for kind in range(kinds):
        place = _place(places, kind)
        _note_stage(task, part, (place, places.late, places.joules), (0, n - 1), rates, (kind, 0, 0), made)
    return made


@inner()
def _place(kinds: Kinds, kind: int) -> Place:
    way = kinds.dram[kind]
    return Place(kinds.class_of[kind], kinds.l2_bytes[kind], way[0], way[1], way[2])


@inner()
def _empty_tables(kinds: int, n: int) -> StageTables:
    seconds, others = np.full((2, kinds, n, n), np.inf), np.zeros((6, kinds, n, n))
    return StageTables(seconds[0], others[0], seconds[1], others[1], others[2], others[3], others[4], others[5])


@inner()
def _note_stage(
    task: TaskArrays,
    part: Part,
    where: tuple[Place, float, float],
    units: tuple[int, int],
    rates: Rates,
    at: tuple[int, int, int],
    made: StageTables,
) -> None:
    """Fill in at an entry of the tables what units of the window cost as one stage on a place, if they fit; where: the
    place, and latency and energy of the hop to the next."""
    (i, j), moved, size = units, part.moved, part.micro.size
    place, late, joules = where
    forward = moved.forward[i, j]
    sent_s = law.link_s(size * forward, late, rates)
    span = Span(
        moved.first + i,
        moved.first + j,
        moved.load[i, j],
        moved.store[j + 1] - moved.store[i],
        forward,
        moved.receive[i, j],
        moved.receive[i, j],
        0.0,
        0.0,
        sent_s,
        task.batch * forward * joules,
    )
    if not fits(task, place, span, size, rates):
        return
    _, terms = terms_of(task, part, place, span, rates)
    made.fill_s[at], made.ready_s[at], made.steady_s[at] = terms.fill_s, terms.ready_s, terms.steady_s
    made.energy_j[at], made.dram_bytes[at] = terms.energy_j, terms.dram
    made.resident_s[at] = terms.resident_s
    made.last_fill_s[at], made.last_steady_s[at] = terms.last_fill_s, terms.last_steady_s


@kernel(nogil=True)
def pipelines(
    task: TaskArrays, places: Places, part: Part, candidates: Candidates, traffic: Traffic, rates: Rates
) -> tuple[Floats, Floats, Floats]:
    """Exact (latency_s, energy_j, dram_bytes) [m] of many pipelines of one task in a window, at the part's micro-batch
    (twin: `evaluate.py`).

    In `detailed` each candidate's bytes are added to `traffic`.
    """
    many, moved, size = len(candidates.stages), part.moved, part.micro.size
    latency_s, energy_j, dram_bytes = np.zeros(many), np.zeros(many), np.zeros(many)
    stage_of = np.empty(moved.end - moved.first, dtype=np.int64)
    longest = candidates.cuts.shape[1]
    to_stage, received = np.empty(longest), np.zeros((longest, 4))
    came = np.zeros((longest, 0 if places.equal else places.links))
    k = law.micro_batches(task.batch, size)
    for m in range(many):
        stages = candidates.stages[m]
        begin = moved.first
        for s in range(stages):
            for u in range(begin, candidates.cuts[m, s]):
                stage_of[u - moved.first] = s
            begin = candidates.cuts[m, s]
            for number in range(4):
                received[s, number] = 0.0
            for number in range(came.shape[1]):
                came[s, number] = 0.0
        passed = law.Passing(0.0, 0.0, 0.0, 0.0)
        begin = moved.first
        for s in range(stages):
            end = candidates.cuts[m, s]
            _hand_on(task, moved, stage_of, (s, stages, begin, end), rates.detailed, to_stage)
            span = _sent(task, places, part, candidates, (m, s, begin, end), (to_stage, received, came), traffic, rates)
            chip = candidates.chiplets[m, s]
            dram, kind = places.dram[chip], places.class_of[chip]
            place = Place(kind, places.l2_bytes[kind], dram[0], dram[1], dram[2])
            begin = end
            if not fits(task, place, span, size, rates):
                passed = law.Passing(np.inf, 0.0, 0.0, np.inf)
                continue
            way, terms = terms_of(task, part, place, span, rates)
            passed = law.through(passed, terms, k)
            energy_j[m] += terms.energy_j
            dram_bytes[m] += terms.dram
            if rates.detailed and place.port > 0.0:
                near, rounds = places.interface[chip], task.batch / size
                waited = rounds * (1.0 - way.held) * size * span.skipped
                back = wrote = 0.0
                if way.keeping == law.BLOCKS:
                    at = place.kind, entry(span.first - moved.first, span.last - moved.first, moved.end - moved.first)
                    back, wrote = rounds * part.kept.back[at], rounds * part.kept.wrote[at]
                into = terms.weights + terms.again + terms.load + back + waited
                _carry(m, near, chip, into, places.route, traffic)
                _carry(m, chip, near, terms.store + wrote + waited, places.route, traffic)
        latency_s[m] = law.latency_s_of(passed, k, rates)
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
    part: Part,
    candidates: Candidates,
    stage: tuple[int, int, int, int],
    handed: tuple[Floats, Floats, Floats],
    traffic: Traffic,
    rates: Rates,
) -> Span:
    """Stage (candidate, number, first unit, end) with what it sends to later ones, noted there as received; handed:
    bytes of one sample to each stage; what each has received so far, waits for, got over other stages, and has received
    as bytes on the standard link; and, where links differ, what it received over each of them."""
    m, s, begin, end = stage
    chip, moved, size = candidates.chiplets[m, s], part.moved, part.micro.size
    to_stage, received, came = handed
    most = law.micro_batches(task.batch, size) - 1
    forward = forward_s = forward_hop_bytes = 0.0
    for target in range(s + 1, candidates.stages[m]):
        bytes_ = to_stage[target]
        if bytes_ > 0.0:
            other = candidates.chiplets[m, target]
            way = places.ways[chip, other]
            forward += bytes_
            forward_s += law.link_s(size * bytes_ * way[2], way[0], rates)
            forward_hop_bytes += task.batch * bytes_ * way[1]
            turns = min(target - s - 1, most)
            received[target, 0] += bytes_
            received[target, 1] += bytes_ * turns
            received[target, 2] += bytes_ if turns > 0 else 0.0
            received[target, 3] += bytes_
            if not places.equal:
                received[target, 3] = _busiest(places, (chip, other), bytes_, received[target, 0], came[target])
            if rates.detailed:
                _carry(m, chip, other, task.batch * bytes_, places.route, traffic)
    i, j = begin - moved.first, end - 1 - moved.first
    stored = moved.store[j + 1] - moved.store[i]
    got = received[s]
    return Span(
        begin, end - 1, moved.load[i, j], stored, forward, got[0], got[3], got[1], got[2], forward_s, forward_hop_bytes
    )


@inner()
def _busiest(places: Places, ends: tuple[int, int], bytes_: float, received: float, came: Floats) -> float:
    """What the busiest link carries to a chiplet, or its port, as bytes on the standard link; more come from another.

    Args:
        ends: from where, and to where; received: with these; came: per link, without them.
    """
    source, target = ends
    for step in range(places.route.shape[2]):
        link = places.route[source, target, step]
        if link < 0:
            break
        came[link] += bytes_
    most = received * places.slow_into[target]
    for link in range(len(came)):
        most = max(most, came[link] * places.slow[link])
    return float(most)


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
    latency_s: Floats, energy_j: Floats, dram_bytes: Floats, traffic: Traffic, places: Places, rates: Rates
) -> tuple[Floats, Floats]:
    """(latency_s, energy_j) [m] of windows whose pipelines' figures and traffic were added up."""
    window_s, window_j = np.empty(len(latency_s)), np.empty(len(latency_s))
    for m in range(len(latency_s)):
        link = port = 0.0
        if rates.detailed:
            for number in range(traffic.links.shape[1]):
                link = max(link, traffic.links[m, number] * places.slow[number])
            for chip in range(traffic.out.shape[1]):
                out, into = traffic.out[m, chip] * places.slow_out[chip], traffic.into[m, chip] * places.slow_into[chip]
                port = max(port, out, into)
        window_s[m] = law.window_s(law.window_needs(latency_s[m], dram_bytes[m], link, port, rates))
        window_j[m] = energy_j[m] + law.static_j(window_s[m], rates)
    return window_s, window_j
