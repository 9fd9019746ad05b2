"""What a stage costs, written once: numbers in, terms out (docs/evaluation.md; SCAR III-E).

Nothing here knows a layer, a package, a schedule or a search. The evaluator calls these functions as they are;
searches call the same source compiled (`tables/compiled_law.py`). Whoever calls them works out what a stage *demands*,
exactly or as an estimate, and what its L2s keep (`keep.py`); what that *costs* is said only here.

Times are in seconds, energies in joules, sizes in bytes. "Per micro-batch" is left out where nothing else could be
meant; b' is the micro-batch, b the batch, k = ceil(b / b') the number of micro-batches.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

IN_LOAD, WHOLE, BLOCKS = range(3)
"""How weights arrive: with every load (`paper`); all of them once, layer by layer; in blocks, what is not pinned again
with every micro-batch."""


class Rates(NamedTuple):
    """The package's constants.

    Args:
        detailed: False: SCAR's printed equations and nothing else.
        link_bytes_s, dram_bytes_s: bandwidths; hop_s, dram_s: latencies of a link and of the DRAM; delta_s: conflicts.
            Where links differ these are of the standard one (`hardware.links.StandardLink`): whoever calls counts hops
            and bytes on other links as so many of its.
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
    """What one micro-batch asks of an L2, on the chiplet of the region that holds most (docs/evaluation.md).

    Args:
        l2: its size.
        live: the largest set of activations that are held at a time, were all of them held.
        second: what arrives, leaves and is exchanged while the next micro-batch computes: a second copy.
        weights: of all layers of the stage, those that several have once; copied: those of them of which every chiplet
            uses all.
        slack: what the keep pass leaves free while every layer runs, beside blocks and kept activations.
        waiting: copies of tensors that skip stages, which wait here while the stages between compute.
        reused, reused_copied: distinct bytes that layers behind the first that has them use again, once for each such
            layer, in the whole region: of weights that the chiplets have parts of, and of those that they all have.
    """

    l2: float
    live: float
    second: float
    weights: float
    copied: float
    slack: float
    waiting: float
    reused: float = 0.0
    reused_copied: float = 0.0


class Way(NamedTuple):
    """A way to keep a stage's weights.

    Args:
        keeping: how they arrive.
        pinned: bytes that stay in the L2 of the chiplet that holds most for the window.
        parted, copied: distinct bytes of weights that come from DRAM with every micro-batch: of those that the chiplets
            of a region have parts of, and of those that they all have.
        gathered: bytes of weights that wait once in the whole region and are gathered with every micro-batch, for each
            layer that uses them.
        held: share of the waiting copies that have room.
        overlaps: the next micro-batch's transfers have room beside this one's.
        found: bytes of weights that layers find in the region, because a layer before has used them.
    """

    keeping: int
    pinned: float
    parted: float
    copied: float
    gathered: float
    held: float
    overlaps: bool
    found: float = 0.0


class Demand(NamedTuple):
    """What a stage asks for.

    Args:
        batch, micro_batch: samples in all, and at a time.
        last: of the time that samples of a full micro-batch take, what the last micro-batch takes, which may be short.
        compute_s, exchange_s: all layers' slowest parts; tensors among the region's chiplets.
        pace_s: both where they overlap, layer by layer.
        blocks_s, blocks_j: what blocks take longer than whole layers, in a micro-batch; and joules of one sample.
        exposed_s: what blocks of weights, none of them pinned, take beyond the computing that hides them.
        arrival_s: from the first byte of weights to the end of the computing, were the input there already.
        forward_s: activations to later stages; store_port_s: what storing keeps the same ports for.
        receive_s: activations from earlier stages, into the chiplet that gets most or over the busiest link on the way,
            without latencies.
        gather_s, gather_fixed_s: a byte of weights from the region's mates, without latencies; these for all layers.
        weights, weights_hops: the weights of every layer, and the longest route on which they come from DRAM.
        load, load_hops, store, store_hops: activations of one sample from and to DRAM, and their longest routes.
        dram_hops: the region's longest route to DRAM.
        evicted: bytes of a micro-batch that go to DRAM for want of room, and those that come back, in the whole region;
            waiting: both of the copies that wait, were none held.
        again: bytes of a micro-batch that are read once more, because two operands exceed the L2 together.
        hop_bytes: everything that moves in the whole window, times the links that it crosses.
        mac_j, l1_j, l2_j, noc_j: of one sample.
        fill_j, drain_j: of one sample's activations that enter and leave L2.
        weight_fill_j: of the weights of every layer that enter L2, once; byte_j: of a byte that enters or leaves L2.
        reused, reused_fill_j: bytes and joules of them that are of layers whose weights a layer before has used.
        far: activations of one sample that come from the memory of other interfaces than the stage's own, beside
            `load`; far_s: of a micro-batch, what that takes longer than `load` does, without latencies; far_late_s:
            the largest of their latencies; far_j: joules of their DRAM accesses, of one sample.
    """

    batch: int
    micro_batch: int
    last: float
    compute_s: float
    exchange_s: float
    pace_s: float
    blocks_s: float
    blocks_j: float
    exposed_s: float
    arrival_s: float
    forward_s: float
    store_port_s: float
    receive_s: float
    gather_s: float
    gather_fixed_s: float
    weights: float
    weights_hops: float
    load: float
    load_hops: float
    store: float
    store_hops: float
    dram_hops: float
    evicted: float
    waiting: float
    again: float
    hop_bytes: float
    mac_j: float
    l1_j: float
    l2_j: float
    noc_j: float
    fill_j: float
    drain_j: float
    weight_fill_j: float
    byte_j: float
    reused: float = 0.0
    reused_fill_j: float = 0.0
    far: float = 0
    far_s: float = 0
    far_late_s: float = 0
    far_j: float = 0


class Terms(NamedTuple):
    """What the stage costs; the names are those of `record.StageEvaluation`, its bytes and its energy.

    Args:
        compute_s to steady_s: seconds of one micro-batch; resident_s: once per window.
        ready_s: from when the stage's weights may come until its first micro-batch is out.
        last_fill_s, last_steady_s: fill_s and steady_s of the last micro-batch, which may be short.
        alone_s: of the stage in the window, were it the only one of its pipeline.
        overlaps: transfers overlap compute in the running pipeline.
        weights to dram: bytes in the whole window; of again and spill, evicted ones both ways.
        mac_j to nop_j: joules in the whole window; energy_j: their sum.
    """

    compute_s: float
    pace_s: float
    exposed_s: float
    weights_s: float
    resident_s: float
    load_s: float
    store_s: float
    spill_s: float
    fill_s: float
    ready_s: float
    steady_s: float
    last_fill_s: float
    last_steady_s: float
    alone_s: float
    overlaps: bool
    weights: float
    again: float
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


def last_share(batch: int, micro_batch: int, samples: int) -> float:
    """Of the time that a full micro-batch takes, what the last one takes, where so many chiplets have samples of their
    own: it goes by the chiplet that has most of them."""
    left = batch - (micro_batches(batch, micro_batch) - 1) * micro_batch
    if samples == 1:
        return left / micro_batch
    return float(-(-left // samples) / -(-micro_batch // samples))


def dram_s(bytes_: float, hops: float, rates: Rates) -> float:
    """Off chip: bytes / BW_dram + hops to the interface * Lat_hop + Lat_mem + delta; nothing for no bytes."""
    if bytes_ == 0:
        return 0.0
    return bytes_ / rates.dram_bytes_s + hops * rates.hop_s + rates.dram_s + rates.delta_s


def load_s(bytes_: float, hops: float, demand: Demand, rates: Rates) -> float:
    """Off chip, so many bytes at the stage's own interface, and with them what comes from other ones: all at once, each
    over its own way."""
    own_s = dram_s(bytes_, hops, rates)
    if demand.far == 0:
        return own_s
    moved_s = bytes_ / rates.dram_bytes_s
    return moved_s + demand.far_s + max(own_s - moved_s, demand.far_late_s)


def loaded(demand: Demand) -> float:
    """Bytes of activations of a sample that come from DRAM, wherever they lie."""
    return demand.load + demand.far


def dram_j(bytes_: float, demand: Demand, rates: Rates) -> float:
    """Joules of DRAM accesses of so many bytes in the window, those at other interfaces among them."""
    far = demand.batch * demand.far
    return (bytes_ - far) * rates.dram_j + demand.batch * demand.far_j


def link_s(bytes_: float, hops: float, rates: Rates) -> float:
    """Over the package: the most bytes into or out of a chiplet / BW_nop + hops * Lat_hop + delta; nothing for none."""
    if bytes_ == 0:
        return 0.0
    return bytes_ / rates.link_bytes_s + hops * rates.hop_s + rates.delta_s


def gather_byte_s(chiplets: int, rates: Rates) -> float:
    """Seconds in which every chiplet of a region gets a byte that waits in one of them, a share on each."""
    return (chiplets - 1) / chiplets / rates.link_bytes_s


def gather_fixed_s(layers: float, span: float, rates: Rates) -> float:
    """What gathering so many layers' weights takes beside their bytes: a way through the region for each."""
    return layers * (span * rates.hop_s + rates.delta_s)


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


def fits_l2(live: float, two_weights: float, l2: float) -> bool:
    """The test for micro-batches above 1 in `paper`: the activations fit beside the two largest layers' weights."""
    return two_weights + live <= l2


def pinned(room: Room, weights: float, budget: float, held: float, chiplets: int, overlaps: bool) -> Way:
    """Weights in blocks, with so much L2 on every chiplet for those that stay.

    First what each chiplet has a part of: a byte of room on every chiplet saves as many distinct ones. Then what all of
    them use: as local copies if they fit; else as much of it as fits once in the whole region, a part of it locally
    where there is room (docs/regions.md). Of each kind, the same share of all tensors stays: what several layers use
    is found by all but the first of them as far as it stays.

    Args:
        weights: distinct bytes of all weights; held: the share of waiting copies that has room.
    """
    parted, copied = room.weights - room.copied, room.copied
    own = min(parted, budget)
    left = budget - own
    local, once, rest = min(copied, left), 0.0, max(0.0, copied - left)
    if chiplets > 1 and copied > left:
        once, rest = (copied - left) * chiplets / (chiplets - 1), 0.0
        if once > chiplets * left:
            once, rest = chiplets * left, max(0.0, copied - chiplets * left)
        local = max(0.0, left - once / chiplets)
    streamed = (weights - copied + room.reused) * (1.0 - own / parted) if own < parted else 0.0
    stays, found = own + local + once / chiplets, 0.0
    if room.reused > 0.0:
        found += room.reused * (own / parted)
    if room.reused_copied > 0.0:
        found += room.reused_copied * (1.0 - rest / copied)
        uses = 1.0 + room.reused_copied / copied
        once, rest = once * uses, rest * uses
    return Way(BLOCKS, stays, streamed, rest, once, held, overlaps, found)


def from_dram(way: Way) -> float:
    """Distinct bytes of weights that come from DRAM with every micro-batch."""
    return way.parted + way.copied


def evicted(demand: Demand, way: Way) -> float:
    """Bytes of a micro-batch that go to DRAM for want of room, and those that come back."""
    waiting = (1.0 - way.held) * demand.waiting
    return waiting + demand.evicted if way.keeping == BLOCKS else waiting


def read_again(demand: Demand, way: Way) -> float:
    """Bytes of a micro-batch that are read once more, where both operands of a layer exceed the L2 together."""
    return demand.again if way.keeping == BLOCKS else 0.0


def in_load() -> Way:
    """The printed rule of `paper`: all weights are read again with every micro-batch's load."""
    return Way(IN_LOAD, 0.0, 0.0, 0.0, 0.0, 1.0, False, 0.0)


def ways(room: Room, weights: float, k: int, chiplets: int, rates: Rates) -> tuple[Way, Way]:
    """How weights may be kept: one way, twice, or two ways of which the better is taken (`better`).

    All weights beside all live activations, where they fit. In blocks, beside the activations that the keep pass
    holds: as many are pinned as there is room for, or fewer, so that the next micro-batch's transfers have room, where
    that costs no bytes. Copies that wait have room first: each byte of them would cross DRAM twice.
    """
    free = room.l2 - room.weights - room.live
    found = room.reused + room.reused_copied
    whole = Way(WHOLE, room.weights, 0.0, 0.0, 0.0, 1.0, False, found)
    if free >= 0.0:
        held = 1.0 if room.waiting <= free else free / room.waiting
        whole = Way(WHOLE, room.weights, 0.0, 0.0, 0.0, held, free - held * room.waiting >= room.second, found)
        if whole.overlaps and held == 1.0:
            return whole, whole
    held = 1.0 if room.waiting <= room.slack else room.slack / room.waiting
    left = max(0.0, room.slack - held * room.waiting)
    most = pinned(room, weights, left, held, chiplets, False)
    beside = left - most.pinned >= room.second
    most = Way(BLOCKS, most.pinned, most.parted, most.copied, most.gathered, held, beside, most.found)
    fewer = pinned(room, weights, max(0.0, left - room.second), held, chiplets, left >= room.second)
    no_dearer = from_dram(fewer) <= from_dram(most) and fewer.gathered <= most.gathered
    blocks = fewer if k > 1 and no_dearer else most
    if free < 0.0:
        return blocks, blocks
    return whole, blocks


class Inside(NamedTuple):
    """Seconds of a micro-batch in a stage, whatever it brings in and sends out.

    Args:
        compute_s, exchange_s: as in `Terms`; pace_s: both where they overlap; exposed_s: what blocks add to them.
        streams_s: weights and evicted activations at the DRAM; gather_s: weights from mates.
    """

    compute_s: float
    exchange_s: float
    pace_s: float
    exposed_s: float
    streams_s: float
    gather_s: float


def inside(demand: Demand, way: Way, share: float, rates: Rates) -> Inside:
    """A micro-batch of which `share` is there: what waits for samples takes the same share of its time, weights come
    in full."""
    d = demand
    compute_s, pace_s, exposed_s, gather_s = share * d.compute_s, share * d.pace_s, 0.0, 0.0
    if way.keeping == BLOCKS:
        compute_s, pace_s = compute_s + share * d.blocks_s, pace_s + share * d.blocks_s
        # What is pinned is what computing would not hide: it is as long as any weights are exposed.
        exposed_s = max(0.0, d.exposed_s - (d.weights - from_dram(way)) / rates.dram_bytes_s)
    if way.gathered > 0.0:
        gather_s = way.gathered * d.gather_s + d.gather_fixed_s
    streams_s = dram_s(from_dram(way) + read_again(d, way), d.weights_hops, rates)
    streams_s += share * dram_s(evicted(d, way), d.dram_hops, rates)
    return Inside(compute_s, share * d.exchange_s, pace_s, exposed_s, streams_s, gather_s)


def turns(
    inside: Inside, load_s: float, store_s: float, ports_s: float, receive_s: float, overlaps: bool
) -> tuple[float, float]:
    """(fill_s, steady_s): one micro-batch through the empty stage, and in the running pipeline.

    In the empty stage loading, computing and sending follow each other. What is stored and what is forwarded leaves at
    the same time, by different ways, and shares the ports. Where there is room for a second copy, layers exchange what
    they made while the next ones compute, and in the running stage everything overlaps. Without such room a stage
    receives its next input when it has computed, while it sends.

    Args:
        ports_s: what is forwarded, and what storing keeps the same ports for.
    """
    out_s = max(store_s, ports_s)
    if overlaps:
        body_s = max(inside.pace_s + inside.exposed_s, inside.streams_s, inside.gather_s)
        return load_s + body_s + out_s, max(body_s, load_s + store_s + inside.streams_s, ports_s)
    body_s = max(inside.compute_s + inside.exposed_s, inside.streams_s, inside.gather_s)
    before_s = load_s + inside.exchange_s + body_s
    return before_s + out_s, before_s + max(out_s, receive_s)


def printed(demand: Demand, rates: Rates) -> Terms:
    """The stage as SCAR prints it (III-E): all weights with every load, everything one after another."""
    d = demand
    k, once = micro_batches(d.batch, d.micro_batch), d.weights - d.reused
    in_s = load_s(d.micro_batch * d.load + once, max(d.load_hops, d.weights_hops), d, rates)
    store_s = dram_s(d.micro_batch * d.store, d.store_hops, rates)
    fill_s = in_s + store_s + d.forward_s + d.exchange_s + d.compute_s
    weights, load, store = k * once, d.batch * loaded(d), d.batch * d.store
    dram = weights + load + store
    mac_j, l1_j, l2_j, noc_j = d.batch * d.mac_j, d.batch * d.l1_j, d.batch * d.l2_j, d.batch * d.noc_j
    fill_j = d.batch * d.fill_j + k * d.weight_fill_j
    drain_j, memory_j, nop_j = d.batch * d.drain_j, dram_j(dram, d, rates), d.hop_bytes * rates.link_j
    energy_j = mac_j + l1_j + l2_j + noc_j + fill_j + drain_j + memory_j + nop_j
    alone_s = pipeline_s(fill_s, fill_s, k)
    return Terms(
        d.compute_s, d.pace_s, 0.0, 0.0, 0.0, in_s, store_s, 0.0, fill_s, 0.0, fill_s, fill_s, fill_s, alone_s, False,
        weights, 0.0, load, store, 0.0, dram, mac_j, l1_j, l2_j, noc_j, fill_j, drain_j, memory_j, nop_j, energy_j,
    )  # fmt: skip


def kept(demand: Demand, way: Way, rates: Rates) -> Terms:
    """The stage with its weights kept in this way (`detailed`)."""
    d, blocks = demand, way.keeping == BLOCKS
    k, rounds = micro_batches(d.batch, d.micro_batch), d.batch / d.micro_batch
    full, last = inside(d, way, 1.0, rates), inside(d, way, d.last, rates)
    again, gone, once = read_again(d, way), evicted(d, way), d.weights - way.found
    in_s = load_s(d.micro_batch * d.load, d.load_hops, d, rates)
    store_s = dram_s(d.micro_batch * d.store, d.store_hops, rates)
    spill_s = dram_s(gone, d.dram_hops, rates)
    ports_s = d.forward_s + d.store_port_s
    weights_s = max(dram_s(from_dram(way) + again, d.weights_hops, rates), full.gather_s)
    fill_s, steady_s = turns(full, in_s, store_s, ports_s, d.receive_s, way.overlaps)
    last_fill_s, last_steady_s = turns(
        last, d.last * in_s, d.last * store_s, d.last * ports_s, d.last * d.receive_s, way.overlaps
    )
    resident_s = (once - from_dram(way)) / rates.dram_bytes_s
    ready_s = 0.0
    if d.weights > 0.0:
        # Weights come in the order of need, from when those of earlier stages are there, and by the same DRAM as the
        # first micro-batch's input.
        first_s = dram_s(once + again + gone, d.weights_hops, rates)
        latency_s = first_s - (once + again + gone) / rates.dram_bytes_s
        ready_s = max(latency_s + d.arrival_s + (d.blocks_s if blocks else 0.0), first_s)
        ready_s += d.pace_s - d.compute_s if way.overlaps else d.exchange_s
        ready_s += (d.micro_batch * d.load / rates.dram_bytes_s + d.far_s) + max(store_s, ports_s)

    entering = d.weights + (k - 1) * (from_dram(way) + way.gathered)
    weights, load, store = once + (k - 1) * from_dram(way), d.batch * loaded(d), d.batch * d.store
    again, spill = k * again, rounds * gone
    dram = weights + again + load + store + spill
    mac_j, l1_j, l2_j, noc_j = d.batch * d.mac_j, d.batch * d.l1_j, d.batch * d.l2_j, d.batch * d.noc_j
    l2_j += d.batch * d.blocks_j if blocks else 0.0
    fill_j = d.batch * d.fill_j + (again + spill) * d.byte_j
    fill_j += d.weight_fill_j * (entering / d.weights) if d.weights > 0.0 else 0.0
    fill_j -= d.reused_fill_j * (way.found / d.reused) if d.reused > 0.0 else 0.0
    drain_j, memory_j, nop_j = d.batch * d.drain_j, dram_j(dram, d, rates), d.hop_bytes * rates.link_j
    energy_j = mac_j + l1_j + l2_j + noc_j + fill_j + drain_j + memory_j + nop_j
    first_s = max(fill_s, ready_s)
    alone_s = first_s if k == 1 else last_leaves_s(0.0, first_s, steady_s, last_fill_s, last_steady_s, k)
    return Terms(
        full.compute_s, full.pace_s, full.exposed_s, weights_s, resident_s, in_s, store_s, spill_s,
        fill_s, ready_s, steady_s, last_fill_s, last_steady_s, alone_s, way.overlaps,
        weights, again, load, store, spill, dram,
        mac_j, l1_j, l2_j, noc_j, fill_j, drain_j, memory_j, nop_j, energy_j,
    )  # fmt: skip


def better(one: Terms, other: Terms) -> bool:
    """Of two ways to keep weights, the one with fewer bytes from and to DRAM; then the shorter one, then its energy.

    Bytes first: what all pipelines of a window share decides. So no byte of L2 more makes a stage move more bytes.
    """
    if other.dram != one.dram:
        return other.dram < one.dram
    return other.alone_s < one.alone_s or (other.alone_s == one.alone_s and other.energy_j < one.energy_j)


class Passing(NamedTuple):
    """How far a pipeline is behind some of its stages: when the first micro-batch leaves the last of them, when the
    weights that stay in them are there, their slowest pace, and when the last micro-batch leaves."""

    first_s: float
    weights_s: float
    slowest_s: float
    last_s: float


EMPTY = Passing(0.0, 0.0, 0.0, 0.0)
"""Before the first stage."""


class Passed(Protocol):
    """A stage, as a pipeline passes it (`Terms`, or what is recorded of them)."""

    @property
    def fill_s(self) -> float: ...
    @property
    def ready_s(self) -> float: ...
    @property
    def resident_s(self) -> float: ...
    @property
    def steady_s(self) -> float: ...
    @property
    def last_fill_s(self) -> float: ...
    @property
    def last_steady_s(self) -> float: ...


def through(before: Passing, stage: Passed, k: int) -> Passing:
    """One stage further. A stage's weights load while it waits for its first input, behind those of earlier stages."""
    first_s = max(before.first_s + stage.fill_s, before.weights_s + stage.ready_s)
    slowest_s = max(before.slowest_s, stage.steady_s)
    last_s = last_leaves_s(before.last_s, first_s, slowest_s, stage.last_fill_s, stage.last_steady_s, k)
    return Passing(first_s, before.weights_s + stage.resident_s, slowest_s, last_s)


def last_leaves_s(before_s: float, first_s: float, slowest_s: float, fill_s: float, steady_s: float, k: int) -> float:
    """When the last micro-batch leaves a stage: its own way behind when it left the stage before, and a pace behind the
    micro-batch before it.

    Args:
        first_s: when the first micro-batch leaves; slowest_s: the pace so far.
        fill_s, steady_s: of the last one, which may be short.
    """
    return max(before_s + fill_s, first_s + (k - 2) * slowest_s + steady_s)


def latency_s_of(passed: Passing, k: int, rates: Rates) -> float:
    """Seconds of a pipeline that has passed all its stages."""
    if not rates.detailed:
        return pipeline_s(passed.first_s, passed.slowest_s, k)
    return passed.first_s if k == 1 else passed.last_s


def pipeline_s(first_s: float, slowest_s: float, rounds: float) -> float:
    """One micro-batch through every stage, the others one pace of the slowest stage apart (SCAR III-E).

    Args:
        first_s: sum over the stages of fill_s.
        slowest_s: the largest steady_s.
        rounds: micro-batches: k; as an estimate of a pipeline whose last one is short, b / b'.
    """
    return first_s + (rounds - 1) * slowest_s


def end_s(latency_s: float, slowest_s: float, window_s: float) -> float:
    """When a pipeline ends in its window: where DRAM, a link or a port sets the window's length, every pipeline waits
    for it and ends so much later as the slowest does."""
    return latency_s if window_s <= slowest_s else latency_s * (window_s / slowest_s)


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
