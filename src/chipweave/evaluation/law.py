"""What a stage costs, written once: numbers in, terms out (docs/evaluation.md; SCAR III-E).

Nothing here knows a layer, a package, a schedule or a search. The evaluator calls these functions as they are; searches
call the same source compiled (`tables/compiled.py`). Whoever calls them works out what a stage *demands*, exactly or as
an estimate; what a demand *costs* is said only here.

Times are in seconds, energies in joules, sizes in bytes. "Per micro-batch" is left out where nothing else could be
meant; b' is the micro-batch, b the batch, k = ceil(b / b') the number of micro-batches.
"""

from __future__ import annotations

from typing import NamedTuple

IN_LOAD, RESIDENT, MATES, STREAMED = range(4)
"""Where weights wait: with every load (`paper`); all in L2; one copy spread over the region's L2s; in DRAM."""


class Rates(NamedTuple):
    """The package's constants.

    Args:
        detailed: False: SCAR's printed equations and nothing else.
        link_bytes_s, dram_bytes_s: bandwidths; hop_s, dram_s: latencies of a link and of the DRAM; delta_s: conflicts.
        link_j, dram_j: joules of a byte on a link and at the DRAM.
        static_w: of all chiplets.
    """

    detailed: bool
    link_bytes_s: float
    hop_s: float
    delta_s: float
    link_j: float
    dram_bytes_s: float
    dram_s: float
    dram_j: float
    static_w: float


class Room(NamedTuple):
    """What one micro-batch asks of an L2, on the chiplet of the region that holds most.

    Args:
        l2: its size.
        live: the largest set of activations that are held at a time.
        second: a second copy of the largest parts that are brought in, sent out and exchanged.
        all_weights, two_weights: of all layers of the stage, of the two that have most.
        mates_weights: a share of one copy, and room for whole copies of the two largest that are gathered.
        spill_kept, spill_streamed: what leaves the L2s of all chiplets for want of room, and comes back, where all
            weights stay in L2, and where they stream.
    """

    l2: float
    live: float
    second: float
    all_weights: float
    two_weights: float
    mates_weights: float
    spill_kept: float
    spill_streamed: float


class Way(NamedTuple):
    """A way to keep a stage's weights.

    Args:
        keeping: where they wait.
        fits: the activations fit beside the weights that are held.
        held: weights in L2.
        spill: activations that leave the region's L2s for want of room, and come back.
    """

    keeping: int
    fits: bool
    held: float
    spill: float


class Demand(NamedTuple):
    """What a stage asks for, its weights kept in some way.

    Args:
        batch, micro_batch: samples in all, and at a time.
        compute_s, exchange_s: all layers' slowest parts; tensors among the region's chiplets.
        pace_s: both where they overlap, layer by layer.
        forward_s: activations to later stages.
        gather_s: weights from the region's mates.
        weights, weights_hops: all weights, and the longest route on which they come from DRAM.
        load, load_hops, store, store_hops: activations of one sample from and to DRAM, and their longest routes.
        dram_hops: the region's longest route to DRAM.
        hop_bytes: everything that moves in the whole window, times the links that it crosses.
        mac_j, l1_j, l2_j, noc_j: of one sample.
        fill_j, drain_j: of one sample's activations that enter and leave L2.
        weight_fill_j: of all weights that enter L2, once.
    """

    batch: int
    micro_batch: int
    compute_s: float
    exchange_s: float
    pace_s: float
    forward_s: float
    gather_s: float
    weights: float
    weights_hops: float
    load: float
    load_hops: float
    store: float
    store_hops: float
    dram_hops: float
    hop_bytes: float
    mac_j: float
    l1_j: float
    l2_j: float
    noc_j: float
    fill_j: float
    drain_j: float
    weight_fill_j: float


class Terms(NamedTuple):
    """What the stage costs; the names are those of `record.StageEvaluation`, its bytes and its energy.

    Args:
        weights_s to steady_s: seconds of one micro-batch; resident_s: once per window.
        alone_s: of the stage in the window, were it the only one of its pipeline.
        overlaps: transfers overlap compute in the running pipeline.
        weights to dram: bytes in the whole window.
        mac_j to nop_j: joules in the whole window; energy_j: their sum.
    """

    weights_s: float
    resident_s: float
    load_s: float
    store_s: float
    spill_s: float
    fill_s: float
    steady_s: float
    alone_s: float
    overlaps: bool
    weights: float
    load: float
    store: float
    spill: float
    dram: float
    mac_j: float
    l1_j: float
    l2_j: float
    noc_j: float
    fill_j: float
    drain_j: float
    dram_j: float
    nop_j: float
    energy_j: float


def micro_batches(batch: int, micro_batch: int) -> int:
    """k = ceil(b / b') (SCAR III-E)."""
    return -(-batch // micro_batch)


def dram_s(bytes_: float, hops: float, rates: Rates) -> float:
    """Off chip: bytes / BW_dram + hops to the interface * Lat_hop + Lat_mem + delta; nothing for no bytes."""
    if bytes_ == 0:
        return 0.0
    return bytes_ / rates.dram_bytes_s + hops * rates.hop_s + rates.dram_s + rates.delta_s


def link_s(bytes_: float, hops: float, rates: Rates) -> float:
    """Over the package: the most bytes into or out of a chiplet / BW_nop + hops * Lat_hop + delta; nothing for none."""
    if bytes_ == 0:
        return 0.0
    return bytes_ / rates.link_bytes_s + hops * rates.hop_s + rates.delta_s


def gather_s(bytes_: float, layers: float, chiplets: int, span: float, rates: Rates) -> float:
    """Sum over the layers that are gathered of W (n - 1) / n / BW_nop + hops * Lat_hop + delta (docs/regions.md)."""
    fixed_s = span * rates.hop_s + rates.delta_s
    return bytes_ * (chiplets - 1) / chiplets / rates.link_bytes_s + layers * fixed_s


def seen_from(hops: float, rates: Rates) -> Rates:
    """The package's constants on a chiplet so many links from its interface: a byte of DRAM takes its way's joules too.

    For searches that need no joules by component: what the links to the interface take is then in `dram_j`.
    """
    return Rates(
        rates.detailed,
        rates.link_bytes_s,
        rates.hop_s,
        rates.delta_s,
        rates.link_j,
        rates.dram_bytes_s,
        rates.dram_s,
        rates.dram_j + hops * rates.link_j,
        rates.static_w,
    )


def fits_l2(room: Room) -> bool:
    """The test for micro-batches above 1: the activations fit beside the weights, at least streamed ones.

    Whatever fits with weights from mates or resident also fits with streamed ones.
    """
    return room.two_weights + room.live <= room.l2


def ways(room: Room, weights: float, k: int, chiplets: int, rates: Rates) -> tuple[Way, Way]:
    """How weights may be kept: one way, twice, or two ways of which the better is taken (`better`).

    In `detailed`: resident where they fit beside the activations, else from mates or streamed. Where nothing fits,
    what exceeds the L2 left beside the weights spills, layer by layer: beside all of them if they are kept, beside the
    layer's own and the next one's if they stream. Of these two, the one that moves fewer bytes in the window is taken.
    """
    if not rates.detailed:
        way = Way(IN_LOAD, True, 0.0, 0.0)
        return way, way
    if room.all_weights + room.live <= room.l2:
        way = Way(RESIDENT, True, room.all_weights, 0.0)
        return way, way
    mates = Way(MATES, chiplets > 1 and room.mates_weights + room.live <= room.l2, room.mates_weights, 0.0)
    streamed = Way(STREAMED, fits_l2(room), room.two_weights, 0.0)
    if mates.fits or streamed.fits:
        return mates if mates.fits else streamed, streamed if streamed.fits else mates
    way = Way(STREAMED, False, min(room.l2, room.two_weights), room.spill_streamed)
    keeps_fewer = weights + 2 * k * room.spill_kept <= k * (weights + 2 * room.spill_streamed)
    if room.all_weights <= room.l2 and keeps_fewer:
        way = Way(RESIDENT, False, room.all_weights, room.spill_kept)
    return way, way


def weight_loads(keeping: int, k: int) -> int:
    """How often weights come from DRAM in a window."""
    return k if keeping in (IN_LOAD, STREAMED) else 1


def weight_fills(keeping: int, k: int) -> int:
    """How often weights enter the L2s in which they are used, in a window: from DRAM or from mates."""
    return 1 if keeping == RESIDENT else k


class Inside(NamedTuple):
    """What a micro-batch takes in a stage whatever is brought in and sent out.

    Args:
        exchange_s, compute_s, pace_s: as in `Demand`; weights_s: as in `Terms`.
        beside: two layers' weights are held, so that the next layer's arrive while this one's are in use.
        overlaps: as in `Terms`.
    """

    exchange_s: float
    compute_s: float
    pace_s: float
    weights_s: float
    beside: bool
    overlaps: bool


def passes(inside: Inside, in_and_out_s: float) -> tuple[float, float]:
    """(fill_s, steady_s): one micro-batch through the empty stage, and in the running pipeline.

    Args:
        in_and_out_s: loads, stores, spills and what is forwarded.
    """
    if inside.beside:
        fill_s = in_and_out_s + inside.exchange_s + max(inside.compute_s, inside.weights_s)
    else:
        fill_s = in_and_out_s + inside.exchange_s + inside.compute_s + inside.weights_s
    if inside.overlaps:
        return fill_s, max(inside.pace_s, in_and_out_s + inside.weights_s)
    return fill_s, fill_s


def kept(demand: Demand, room: Room, way: Way, rates: Rates) -> Terms:
    """The stage with its weights kept in this way."""
    d = demand
    k = micro_batches(d.batch, d.micro_batch)
    loaded, load_hops = d.micro_batch * d.load, d.load_hops
    weights_s = resident_s = 0.0
    if way.keeping == IN_LOAD:
        loaded, load_hops = loaded + d.weights, max(load_hops, d.weights_hops)
    elif way.keeping == STREAMED:
        weights_s = dram_s(d.weights, d.weights_hops, rates)
    else:
        resident_s = dram_s(d.weights, d.weights_hops, rates)
    if way.keeping == MATES:
        weights_s = d.gather_s
    load_s = dram_s(loaded, load_hops, rates)
    store_s = dram_s(d.micro_batch * d.store, d.store_hops, rates)
    spill_s = 2 * dram_s(way.spill, d.dram_hops, rates)
    beside = way.fits and (way.keeping == MATES or way.keeping == STREAMED)
    overlaps = way.keeping != IN_LOAD and way.fits and way.held + room.live + room.second <= room.l2
    inside = Inside(d.exchange_s, d.compute_s, d.pace_s, weights_s, beside, overlaps)
    fill_s, steady_s = passes(inside, load_s + store_s + spill_s + d.forward_s)

    weights = weight_loads(way.keeping, k) * d.weights
    load, store, spill = d.batch * d.load, d.batch * d.store, 2 * k * way.spill
    dram = weights + load + store + spill
    mac_j, l1_j, l2_j, noc_j = d.batch * d.mac_j, d.batch * d.l1_j, d.batch * d.l2_j, d.batch * d.noc_j
    fill_j = d.batch * d.fill_j + weight_fills(way.keeping, k) * d.weight_fill_j
    drain_j, dram_j, nop_j = d.batch * d.drain_j, dram * rates.dram_j, d.hop_bytes * rates.link_j
    energy_j = mac_j + l1_j + l2_j + noc_j + fill_j + drain_j + dram_j + nop_j
    alone_s = pipeline_s(resident_s + fill_s, steady_s, k)
    return Terms(
        weights_s, resident_s, load_s, store_s, spill_s, fill_s, steady_s, alone_s, overlaps,
        weights, load, store, spill, dram, mac_j, l1_j, l2_j, noc_j, fill_j, drain_j, dram_j, nop_j, energy_j,
    )  # fmt: skip


def better(one: Terms, other: Terms) -> bool:
    """Of two ways to keep weights, the stage's shortest time in the window decides, then its energy."""
    return other.alone_s < one.alone_s or (other.alone_s == one.alone_s and other.energy_j < one.energy_j)


def least_weight_loads(k: int, rates: Rates) -> int:
    """How often weights come from DRAM in a window at least."""
    return 1 if rates.detailed else k


def least_stage_s(compute_s: float, weights: float, rates: Rates) -> tuple[float, float]:
    """Seconds that no way of keeping weights goes below, of the first micro-batch (resident weights included) and of
    each one in the running pipeline: what computes for so long and has so many bytes of weights.

    It holds for one stage as for any cut of the same layers into several. Weights may stream while others compute, but
    every weight is waited for or overlapped once.
    """
    weights_s = weights / rates.dram_bytes_s
    if rates.detailed:
        return max(compute_s, weights_s), compute_s
    return compute_s + weights_s, compute_s + weights_s


def pipeline_s(first_s: float, slowest_s: float, k: int) -> float:
    """One micro-batch through every stage, the others one pace of the slowest stage apart (SCAR III-E).

    Args:
        first_s: sum over the stages of resident_s + fill_s.
        slowest_s: the largest steady_s.
    """
    return first_s + (k - 1) * slowest_s


class Needs(NamedTuple):
    """Seconds that a window takes at least for each of: its slowest pipeline, the DRAM, the busiest link and port."""

    pipeline: float
    dram: float
    link: float
    port: float


def window_needs(slowest_s: float, dram: float, link: float, port: float, rates: Rates) -> Needs:
    """The slowest pipeline; in `detailed` also what the shared DRAM, the busiest link and port need for their bytes.

    The window takes as long as the largest. A roofline without queueing: a lower bound on what contention costs.
    """
    if not rates.detailed:
        return Needs(slowest_s, 0.0, 0.0, 0.0)
    return Needs(slowest_s, dram / rates.dram_bytes_s, link / rates.link_bytes_s, port / rates.link_bytes_s)


def window_s(needs: Needs) -> float:
    """Seconds of a window: as long as what needs longest."""
    return max(needs.pipeline, needs.dram, needs.link, needs.port)


def static_j(latency_s: float, rates: Rates) -> float:
    """Static power of every chiplet times the latency of the window; none in `paper`."""
    if not rates.detailed or rates.static_w == 0:  # 0 W for an endless time, of what does not fit, is no energy
        return 0.0
    return rates.static_w * latency_s
