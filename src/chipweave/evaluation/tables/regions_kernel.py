"""Compiled: stages of consecutive units on regions of every size, each with its best partitions (see `regions.py`).

What a stage demands is added up unit by unit, an estimate; on a single chiplet it is exact. What it costs is the law's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.evaluation.law import Demand, Rates, Room, Terms, Way
from chipweave.evaluation.streams import ARRIVAL
from chipweave.evaluation.tables.compiled_law import law, streams
from chipweave.evaluation.tables.single import (
    Brought,
    Joules,
    Part,
    Place,
    Span,
    Spent,
    best_way,
    demand_and_room,
    demand_of,
    fits,
)
from chipweave.evaluation.tables.units import TaskArrays
from chipweave.ndarrays import Floats, Ints

(
    PACE_S, COMPUTE_S, EXPOSED_S, EXCHANGE_S, STREAMS_S, GATHER_S, RESIDENT_S, READY_S, LEFT, OPEN, LOADED, ENERGY_J,
    DRAM_BYTES, FIRST, LAST, MODE,
) = range(16)  # fmt: skip
TERMS = 16
"""Of a stage: its times (as in `law.Inside`), whatever it brings in and sends out, those of its weights once, and until
it has computed as they arrive; the bytes of L2 that are left for a second copy (below 0: never enough), and whether
what crosses the stage's ends is still to be taken from them (1) or was estimated (0); weights that come with every
load; joules and DRAM bytes in the whole window; the partitions of the first and the last unit; the mode in which its
partitions were chosen."""

MODES = 3
"""How a stage's partitions are chosen: for time alone; also for weights at a link's pace; for few weights first."""

(
    _PACE, _COMPUTE, _EXCHANGE, _LARGEST_S, _LIVE, _WEIGHTS, _ONE, _TWO, _COPIED, _COPIED_LAYERS, _ENERGY, _FIRST,
    _SLACK, _EVICTED, _AWAY, _AGAIN, _AGAIN_COPIED, _STREAM,
) = range(18)  # fmt: skip
_STATE = 24
"""Of a stage in the making, what is added up unit by unit; from `_STREAM` on, the state of its weights' stream."""


class UnitTables(NamedTuple):
    """Per unit u, size of region s and partition p (0 weight_shared, 1 input_shared), for one micro-batch.

    Args:
        compute_s: [u, s, p]; inner_s: the unit's own exchanges [u, s, p].
        chain_s: [u, s, q, p] exchange of what unit u - 1, of partition q, made and u is the first to read.
        skip, skip_s: tensors from units before u - 1 that u is the first to read: [k, 2] maker and reader, [k, s, p].
        live: [u, s, p] bytes on the chiplet with most; need: [u, s, p] of what comes from other units.
        weights: [u, s, p] bytes on a chiplet; largest: [u, s, p, 2] the two largest layers'.
        copied: [u] bytes of weights, with copied_layers [u] layers that have any.
        energy_j: [u, s, p] joules of one sample inside the chiplets.
        same, same_bytes, same_held: layers whose weights a layer before has: [k, 2] that one's unit and their own, [k]
            bytes, [k, s, p] bytes on a chiplet.
    """

    compute_s: Floats
    inner_s: Floats
    chain_s: Floats
    skip: Ints
    skip_s: Floats
    live: Floats
    need: Floats
    weights: Floats
    largest: Floats
    copied: Floats
    copied_layers: Floats
    energy_j: Floats
    same: Ints
    same_bytes: Floats
    same_held: Floats


class Line(NamedTuple):
    """The package as a line of chiplets on which regions lie, and how a task's samples pass.

    Args:
        rates: with what the way to DRAM takes (`law.seen_from`).
        batch, micro_batch: samples.
        l2_bytes, block_bytes: the smallest, and of the same chiplet; byte_j: of a byte that enters or leaves it.
        kind: the class that single chiplets count as.
        dram_hops: links between a chiplet and its memory interface, each by its latency, in the middle of all.
        sizes: of the regions that are tried, ascending; the last is the whole package.
        spans: [n] links, each by its latency, between the ends of the longest route within any run of n chiplets.
        slow: [n] how many times as long as by the rates a byte takes on the slowest link of these routes.
    """

    rates: Rates
    batch: int
    micro_batch: int
    l2_bytes: float
    block_bytes: float
    byte_j: float
    kind: int
    dram_hops: float
    sizes: Ints
    spans: Floats
    slow: Floats


class Run(NamedTuple):
    """A run of units on regions of one size (number `s`, so many `chiplets`), its partitions chosen in a mode."""

    first: int
    s: int
    chiplets: int
    mode: int


@inner()
def _start(p: int, state: Floats) -> None:
    """An empty stage whose first unit has partition p."""
    for field in range(_STATE):
        state[field] = 0.0
    state[_FIRST], state[_SLACK] = p, 1e300


@inner()
def _add_unit(
    units: UnitTables, at: tuple[int, int, int], exchange_s: float, before_s: float, line: Line, state: Floats
) -> None:
    """Append unit u, on size s with partition p; its inputs take `exchange_s` while the unit before computed."""
    u, s, p = at
    work_s, own_s = units.compute_s[u, s, p], units.inner_s[u, s, p]
    state[_PACE] += max(work_s, own_s) + max(0.0, exchange_s - before_s)
    state[_COMPUTE] += work_s
    state[_EXCHANGE] += own_s + exchange_s
    state[_LARGEST_S] = max(state[_LARGEST_S], own_s, exchange_s)
    live, weights = units.live[u, s, p], units.largest[u, s, p, 0]
    state[_LIVE] = max(state[_LIVE], live)
    state[_WEIGHTS] += units.weights[u, s, p]
    _add_largest(weights, _ONE, _TWO, state)
    _add_largest(units.largest[u, s, p, 1], _ONE, _TWO, state)
    if p == 0:
        state[_COPIED] += units.copied[u]
        state[_COPIED_LAYERS] += units.copied_layers[u]
    state[_ENERGY] += units.energy_j[u, s, p]
    # A tensor that lacks room goes out once and comes back: what was away before is not evicted anew.
    block = min(weights, line.block_bytes)
    left = max(0.0, line.l2_bytes - 2 * block) - live
    state[_SLACK] = min(state[_SLACK], max(0.0, left))
    state[_AWAY] = max(0.0, -left - state[_AWAY])
    state[_EVICTED] += 2 * state[_AWAY]
    blocks = 1 if block == 0.0 else int(-(-weights // block))
    streams.stream_layer(work_s, units.copied[u] / line.rates.dram_bytes_s, blocks, state[_STREAM:])


@inner()
def _find_again(units: UnitTables, run: Run, u: int, p: int, state: Floats) -> None:
    """Weights of unit u, of partition p, that a layer before in the run has, which is taken to be cut alike."""
    for number in range(len(units.same)):
        if units.same[number, 1] == u and units.same[number, 0] >= run.first:
            bytes_ = units.same_bytes[number]
            state[_WEIGHTS] -= units.same_held[number, run.s, p]
            state[_AGAIN_COPIED if p == 0 else _AGAIN] += bytes_
            if p == 0:
                state[_COPIED] -= bytes_


@inner()
def _add_largest(bytes_: float, one: int, two: int, state: Floats) -> None:
    """Keep the two largest."""
    if bytes_ > state[one]:
        state[one], state[two] = bytes_, state[one]
    elif bytes_ > state[two]:
        state[two] = bytes_


@inner()
def _finish(state: Floats, chiplets: int, weights: float, second: float, line: Line, terms: Floats) -> float:
    """Fill in the stage's terms from what was added up. Returns its time alone, without what it brings in and sends
    out, which a choice among partitions minimises (infinite where the micro-batch does not fit)."""
    rates, k = line.rates, law.micro_batches(line.batch, line.micro_batch)
    room = law.Room(
        line.l2_bytes, state[_LIVE], second, state[_WEIGHTS], state[_COPIED], state[_SLACK], 0.0, state[_AGAIN],
        state[_AGAIN_COPIED],
    )  # fmt: skip
    if not rates.detailed:
        if line.micro_batch > 1 and not law.fits_l2(state[_LIVE], state[_ONE] + state[_TWO], line.l2_bytes):
            return np.inf
        way = law.in_load()
        demand = _demand(state, chiplets, weights, way, line)
        return _fill_in(way, law.printed(demand, rates), demand, room, line, terms)
    one, other = law.ways(room, weights - state[_AGAIN] - state[_AGAIN_COPIED], k, chiplets, rates)
    way, demand = one, _demand(state, chiplets, weights, one, line)
    made = law.kept(demand, one, rates)
    if other.keeping != one.keeping:
        second_demand = _demand(state, chiplets, weights, other, line)
        second_way = law.kept(second_demand, other, rates)
        if law.better(made, second_way):
            way, made, demand = other, second_way, second_demand
    value = _fill_in(way, made, demand, room, line, terms)
    terms[LEFT] = 0.0 if way.overlaps else -1.0
    terms[OPEN] = 0.0
    return value


@inner()
def _demand(state: Floats, chiplets: int, weights: float, way: Way, line: Line) -> Demand:
    """What the stage asks for, its weights kept in one way; what it brings in and sends out is left out."""
    rates, k = line.rates, law.micro_batches(line.batch, line.micro_batch)
    hop_bytes, found = k * state[_EXCHANGE] * rates.link_bytes_s * chiplets, state[_AGAIN] + state[_AGAIN_COPIED]
    if chiplets > 1:  # from the chiplet that DRAM's bytes reach first to the others, along the line
        again = k if way.keeping == law.IN_LOAD else 1
        copied, parted = state[_COPIED] - way.gathered, weights - found - state[_COPIED] + way.gathered
        hop_bytes += again * (copied * (chiplets - 1) + parted)
        hop_bytes += (k - 1) * (way.copied * (chiplets - 1) + way.parted)
        hop_bytes += k * way.gathered * (chiplets - 1)
    streamed = state[_STREAM:]
    return demand_of(
        (line.batch, line.micro_batch),
        Spent(
            state[_COMPUTE],
            state[_EXCHANGE],
            state[_PACE],
            0.0,
            streams.exposed_s(streamed),
            streamed[ARRIVAL],
            0.0,
            0.0,
            0.0,
            line.slow[chiplets] * law.gather_byte_s(chiplets, rates),
            law.gather_fixed_s(state[_COPIED_LAYERS], line.spans[chiplets], rates),
        ),
        Brought(weights, found, 0.0, 0.0, chiplets * state[_EVICTED], 0.0, 0.0, line.dram_hops),
        hop_bytes,
        Joules(state[_ENERGY], 0.0, 0.0, line.byte_j, 0.0),
    )


@inner()
def _fill_in(way: Way, made: Terms, demand: Demand, room: Room, line: Line, terms: Floats) -> float:
    """Of the stage's terms, all but what L2 has left and which partitions it has; its time alone."""
    within = law.inside(demand, way, 1.0, line.rates)
    terms[PACE_S], terms[COMPUTE_S], terms[EXPOSED_S] = within.pace_s, within.compute_s, within.exposed_s
    terms[EXCHANGE_S], terms[STREAMS_S], terms[GATHER_S] = within.exchange_s, within.streams_s, within.gather_s
    terms[RESIDENT_S], terms[READY_S] = made.resident_s, made.ready_s
    terms[LOADED] = demand.weights - demand.reused if way.keeping == law.IN_LOAD else 0.0
    terms[ENERGY_J], terms[DRAM_BYTES] = made.energy_j, made.dram
    terms[LEFT], terms[OPEN] = -1.0, 0.0
    return float(made.alone_s)


@inner()
def _single(task: TaskArrays, part: Part, u: int, v: int, line: Line, terms: Floats) -> None:
    """Fill in the terms of units u to v on one chiplet: exact, from the arrays that evaluate single chiplets, but for
    what the stage exchanges."""
    place = Place(line.kind, line.l2_bytes, float(int(line.dram_hops)), 0.0, 1.0)
    span = Span(u, v, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    if not fits(task, place, span, line.micro_batch, line.rates):
        return
    demand, room = demand_and_room(task, part, place, span, line.rates)
    way, made = best_way(demand, room, line.rates)
    _fill_in(way, made, demand, room, line, terms)
    if way.overlaps:
        free = room.slack if way.keeping == law.BLOCKS else line.l2_bytes - room.live
        terms[LEFT] = free - way.pinned
    terms[OPEN], terms[FIRST], terms[LAST], terms[MODE] = 1.0, 0.0, 0.0, 0.0


@inner()
def times_of(
    terms: Floats, loaded: float, left: float, received: float, out_s: float, stored: bool, line: Line
) -> tuple[float, float]:
    """(fill_s, steady_s) of a stage that loads and leaves behind so many bytes of a micro-batch, and sends them out in
    `out_s`, to DRAM (`stored`) or to the next stage; received: bytes into its busiest chiplet from the one before.

    Where all of that is a second copy that fits, transfers overlap (of regions it was looked at before).
    """
    overlaps = terms[LEFT] >= terms[OPEN] * (loaded + received + left)
    within = law.Inside(
        terms[COMPUTE_S], terms[EXCHANGE_S], terms[PACE_S], terms[EXPOSED_S], terms[STREAMS_S], terms[GATHER_S]
    )
    load_s = law.dram_s(loaded + terms[LOADED], line.dram_hops, line.rates)
    receive_s = received / line.rates.link_bytes_s
    return law.turns(within, load_s, out_s if stored else 0.0, 0.0 if stored else out_s, receive_s, overlaps)


@inner()
def forward_s(bytes_: float, chiplets: int, reader: int, receive: float, line: Line) -> float:
    """To the next stage, on `reader` chiplets: its largest part's need, or the sender's share, and the longest route
    over both regions."""
    if bytes_ == 0:
        return 0.0
    reach = min(len(line.spans) - 1, chiplets + reader)
    return law.link_s(line.slow[reach] * max(receive, bytes_ / chiplets), line.spans[reach], line.rates)


@kernel()
def times(
    terms: Floats, loaded: float, left: float, received: float, out_s: float, stored: bool, line: Line
) -> tuple[float, float]:
    """`times_of` for Python."""
    return times_of(terms, loaded, left, received, out_s, stored, line)


@inner()
def _price(mode: int, weights: float, link_bytes_s: float) -> float:
    """Seconds that a mode charges for bytes of weights on a chiplet."""
    if mode == 0:
        return 0.0
    return weights / link_bytes_s if mode == 1 else weights * 1.0


@inner()
def _extend(units: UnitTables, run: Run, u: int, line: Line, old: Floats, new: Floats, came: Ints) -> None:
    """From the best stages of units run.first to u - 1 by partition of the last (`old`) to those that end with unit u
    (`new`); came [p]: the partition of unit u - 1 that unit u's p follows. The last row of `old` is for trials."""
    s, partitions = run.s, 1 if run.chiplets == 1 else 2
    trial = old[2]
    for p in range(partitions):
        if u == run.first:
            _start(p, new[p])
            _add_unit(units, (u, s, p), 0.0, 0.0, line, new[p])
            _find_again(units, run, u, p, new[p])
            continue
        skipped_s = 0.0
        for number in range(len(units.skip)):
            if units.skip[number, 1] == u and units.skip[number, 0] >= run.first:
                skipped_s += units.skip_s[number, s, p]
        least = np.inf
        for q in range(partitions):
            for field in range(_STATE):
                trial[field] = old[q, field]
            brought_s = units.chain_s[u, s, q, p] + skipped_s
            _add_unit(units, (u, s, p), brought_s, units.compute_s[u - 1, s, q], line, trial)
            _find_again(units, run, u, p, trial)
            value = trial[_PACE] + _price(run.mode, trial[_WEIGHTS], line.rates.link_bytes_s)
            if value < least:
                least = value
                came[p] = q
                for field in range(_STATE):
                    new[p, field] = trial[field]


@inner()
def _stages_of(
    units: UnitTables, run: Run, limit_s: float, line: Line, work: tuple[Floats, Floats, Floats, Floats], made: Floats
) -> None:
    """Fill made [length - 1, term] with the stages of a run that are better than what it holds; work: two arrays of
    states, the terms of a trial, and the least time met of each length."""
    old, new, terms, best = work
    came = np.zeros(2, np.int64)
    partitions = 1 if run.chiplets == 1 else 2
    weights = 0.0
    for length in range(len(best)):
        u = run.first + length
        weights += units.copied[u]
        _extend(units, run, u, line, old, new, came)
        if length > 0 and min(new[0, _PACE], new[partitions - 1, _PACE]) > limit_s:
            break
        for p in range(partitions):
            for field in range(_STATE):
                old[p, field] = new[p, field]
            first = int(new[p, _FIRST])
            second = units.need[run.first, run.s, first] + max(0.0, units.live[u, run.s, p] - units.need[u, run.s, p])
            second += new[p, _LARGEST_S] * line.rates.link_bytes_s
            value = _finish(new[p], run.chiplets, weights, second, line, terms)
            if value < best[length]:
                best[length] = value
                terms[FIRST], terms[LAST], terms[MODE] = first, p, run.mode
                for term in range(TERMS):
                    made[length, term] = terms[term]


@inner()
def _single_stages(
    task: TaskArrays, part: Part, units: UnitTables, run: Run, limit_s: float, line: Line, made: Floats
) -> None:
    """Fill made [length - 1, term] with the stages of a run on one chiplet."""
    compute_s = 0.0
    for length in range(min(len(made), len(units.copied) - run.first)):
        u = run.first + length
        compute_s += units.compute_s[u, run.s, 0]
        if length > 0 and compute_s > limit_s:
            break
        _single(task, part, run.first, u, line, made[length])


@kernel(nogil=True)
def stages(
    task: TaskArrays, part: Part, units: UnitTables, chosen: Ints, longest: int, limit_s: float, line: Line, like: Ints
) -> Floats:
    """[h, size, length - 1, term]: every stage of up to `longest` units on the sizes number `chosen`, with its best
    partitions, unit by unit (Viterbi). Stages of several units that compute for longer than `limit_s` are left out.
    Those from unit h on are those from `like[h]`, where that is an earlier one."""
    count = len(units.compute_s)
    found = np.full((count, len(chosen), longest, TERMS), np.inf)
    old, new, terms = np.zeros((3, _STATE)), np.zeros((2, _STATE)), np.zeros(TERMS)
    for at in range(len(chosen)):
        s = chosen[at]
        chiplets = line.sizes[s]
        for h in range(count):
            if like[h] < h:
                found[h, at] = found[like[h], at]
                continue
            if chiplets == 1:
                _single_stages(task, part, units, Run(h, s, chiplets, 0), limit_s, line, found[h, at])
                continue
            best = np.full(min(longest, count - h), np.inf)
            for mode in range(MODES):
                _stages_of(units, Run(h, s, chiplets, mode), limit_s, line, (old, new, terms, best), found[h, at])
    return found


@kernel(nogil=True)
def stages_between(task: TaskArrays, part: Part, units: UnitTables, cuts: Ints, line: Line) -> Floats:
    """[start, length - 1, size, term]: every stage between any two of the cuts, ascending, on regions of every size,
    each with its best partitions; starts and lengths count cuts."""
    count, many = len(cuts) - 1, len(line.sizes)
    found = np.full((count, count, many, TERMS), np.inf)
    old, new, terms = np.zeros((3, _STATE)), np.zeros((2, _STATE)), np.zeros(TERMS)
    last = cuts[count]
    for at in range(count):
        h = cuts[at]
        for s in range(many):
            made = np.full((last - h, TERMS), np.inf)
            best = np.full(last - h, np.inf)
            if line.sizes[s] == 1:
                _single_stages(task, part, units, Run(h, s, 1, 0), np.inf, line, made)
            else:
                for mode in range(MODES):
                    run = Run(h, s, line.sizes[s], mode)
                    _stages_of(units, run, np.inf, line, (old, new, terms, best), made)
            for to in range(at, count):
                found[at, to - at, s] = made[cuts[to + 1] - h - 1]
    return found


@kernel()
def partitions_of(units: UnitTables, run: Run, length: int, last: int, line: Line) -> Ints:
    """The partitions of a stage's units that `stages` found in the run's mode, and with the last unit's partition."""
    old, new = np.zeros((3, _STATE)), np.zeros((2, _STATE))
    came = np.zeros((length, 2), np.int64)
    for at in range(length):
        _extend(units, run, run.first + at, line, old, new, came[at])
        for p in range(2):
            for field in range(_STATE):
                old[p, field] = new[p, field]
    found = np.zeros(length, np.int64)
    found[length - 1] = last
    for at in range(length - 1, 0, -1):
        found[at - 1] = came[at, found[at]]
    return found
