"""What L2 holds, byte by byte: an oracle of its own for docs/evaluation.md, which shares nothing with the evaluator.

A stage is played on one chiplet. Every byte of every tensor of a micro-batch has a number, and the shelf of each layer
is a list of the bytes that lie in L2 while that layer runs. `places` decides for each byte, in the page's order of
uses, whether it can lie on all shelves between two uses. `replay` then runs the layers in time: bytes are made, loaded
and sent, they are read from L2 or from DRAM, and they are written before they leave L2 while someone still needs them.

The bytes that a reader takes of a tensor are those that have left L2 first: the page's worst case.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from chipweave.cost.interface import batch_costs
from chipweave.hardware.chiplet import Chiplet
from chipweave.plan.problem import Problem
from chipweave.plan.schedule import Pipeline, Schedule, Stage
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Model

BEFORE = -1
"""The place before the stage's first layer."""


@dataclass
class Tensor:
    """A tensor of a micro-batch as one stage sees it; layers are counted from the stage's first.

    Args:
        size: its bytes.
        reads: per layer that reads it, how many of its bytes.
        maker: the layer of the stage that makes it; None where it comes from elsewhere.
        loaded: it comes from DRAM.
        in_dram: it is in DRAM in any case, so leaving L2 writes nothing.
        fused: its reader takes it piece by piece.
        brought: what of it comes into the stage per micro-batch.
        wait: how many micro-batches of it wait at the stage.
        stored: what of it the stage sends to DRAM.
        sent: what of it the stage sends to each later stage.
        needed: on a region, per layer that reads it, what that one and later ones need of it on a chiplet.
    """

    size: int
    reads: dict[int, int]
    maker: int | None
    loaded: bool = False
    in_dram: bool = False
    fused: bool = False
    brought: int = 0
    wait: int = 0
    stored: int = 0
    sent: dict[int, int] = field(default_factory=dict)
    needed: dict[int, int] = field(default_factory=dict)

    def at(self, layer: int) -> int:
        """Its bytes for that layer and later ones."""
        return self.needed.get(layer, self.size)

    @property
    def arrives(self) -> int:
        """The layer after whose begin its bytes are there."""
        if self.maker is not None:
            return self.maker
        return min(self.reads) if self.loaded else BEFORE


@dataclass(frozen=True)
class Work:
    """A layer on the chiplet: what it brings besides activations."""

    weights: int
    units: int
    channels: int
    grain: int
    whole_s: float
    blocks_s: float

    @property
    def blocks(self) -> int:
        return math.ceil(self.channels / self.units) if self.weights else 1

    @property
    def block(self) -> int:
        return self.weights * self.units // self.channels

    @property
    def in_flight(self) -> int:
        return 2 * self.block + 2 * self.grain


def side_of(chiplet: Chiplet, layer: Layer) -> int:
    """Channels, or groups, that fill the array."""
    side = max(chiplet.array) if chiplet.array else round(math.sqrt(chiplet.num_pes))
    return max(1, side // (layer.K // layer.groups)) if layer.groups > 1 else side


def block_units(weights: int, channels: int, chiplet: Chiplet, side: int) -> int:
    """Channels of a block."""
    if not weights:
        return channels
    room = chiplet.l2_bytes / 10 if chiplet.stream_bytes is None else chiplet.stream_bytes
    return min(channels, max(side, math.floor(room * channels / weights) // side * side))


def row_pieces(layer: Layer) -> int:
    """Elements of an activation's piece in flight."""
    if layer.op is Op.MATMUL:
        inner, columns = layer.C // layer.groups, layer.K // layer.groups
        return inner * columns + inner + columns
    rows = min(layer.Y, layer.dilation[0] * (layer.R - 1) + 1)
    return rows * layer.X * layer.C + layer.out_x * layer.K


def of_units(layer: Layer, units: int) -> Layer:
    """The layer with some of its channels or groups."""
    if layer.groups > 1:
        share = units / layer.groups
        sizes = (round(layer.K * share), round(layer.C * share), units)
    else:
        sizes = (units, layer.C, 1)
    return Layer(
        layer.name,
        layer.op,
        K=sizes[0],
        C=sizes[1],
        Y=layer.Y,
        X=layer.X,
        R=layer.R,
        S=layer.S,
        N=layer.N,
        out_y=layer.out_y,
        out_x=layer.out_x,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=sizes[2],
    )


# What lies where


class Shelves:
    """The bytes that lie in L2 while each layer runs."""

    def __init__(self, l2_bytes: int, works: Sequence[Work]) -> None:
        self.size = [max(0, l2_bytes - work.in_flight) for work in works]
        self.lying: list[set[tuple[int, int]]] = [set() for _ in works]
        self.reserved = [0] * len(works)

    def free(self, layer: int) -> int:
        return self.size[layer] - len(self.lying[layer]) - self.reserved[layer]

    @property
    def slack(self) -> int:
        return min(map(self.free, range(len(self.size))))


@dataclass
class Played:
    """What a micro-batch does to L2 and DRAM."""

    back: int = 0
    wrote: int = 0
    again: int = 0
    slack: int = 0


Stay = dict[tuple[int, int, int], set[int]]
"""Per tensor, use and use after it: the bytes that lie in L2 from the one to the other."""


def fits_between(shelves: Shelves, since: int, until: int, was_there: bool) -> bool:
    """True if one more byte has a place from one use to the next; it lay there before, or not."""
    between = range(max(0, since if not was_there else since + 1), until + 1)
    return all(shelves.free(layer) > 0 for layer in between)


def place(shelves: Shelves, number: int, tensor: Tensor, since: int, until: int, had: set[int]) -> set[int]:
    """Puts every byte of the tensor that has a place on the shelves, those that lay there before first."""
    stays = set()
    every = range(tensor.at(until) - 1, -1, -1)
    for byte in [*(b for b in every if b in had), *(b for b in every if b not in had)]:
        if not fits_between(shelves, since, until, byte in had):
            continue
        for layer in range(max(since + (byte in had), 0), until + 1):
            shelves.lying[layer].add((number, byte))
        stays.add(byte)
    return stays


def fitted(stays: set[int], before: int, now: int) -> set[int]:
    """What lies in L2 of a tensor of which less is needed from now on: what left L2 is no longer needed, first."""
    return {byte - (before - now) for byte in stays if byte >= before - now}


def taken(size: int, read: int, stays: set[int]) -> list[int]:
    """The bytes that a reader takes: those that have left first."""
    away = [byte for byte in range(size) if byte not in stays]
    return [*away, *sorted(stays)][:read]


def blocks_of(size: int, room: int) -> int:
    """In how many pieces something goes."""
    many = 0
    while size > 0:
        size, many = size - room, many + 1
    return many


def read_again(missing: int, work: Work, room: int) -> int:
    """What is read again where two operands both exceed the room; one piece of each is there in any case."""
    if missing <= room or work.weights <= room:
        return 0
    weights_again = (blocks_of(missing, max(room, work.grain)) - 1) * work.weights
    inputs_again = (blocks_of(work.weights, max(room, work.block)) - 1) * missing
    return min(weights_again, inputs_again)


def play(l2_bytes: int, works: Sequence[Work], tensors: Sequence[Tensor]) -> Played:
    """Places every byte, then runs the layers in time."""
    shelves, stay, played = Shelves(l2_bytes, works), Stay(), Played()
    last_use = {number: tensor.arrives for number, tensor in enumerate(tensors)}
    lay: dict[int, set[int]] = {number: set() for number in range(len(tensors))}
    for layer, work in enumerate(works):
        missing = 0
        for number, tensor in enumerate(tensors):
            if layer not in tensor.reads or tensor.fused:
                continue
            read = tensor.reads[layer]
            if tensor.loaded and layer == tensor.arrives:
                missing += read
                continue
            since = last_use[number]
            had = fitted(lay[number], tensor.at(since), tensor.at(layer))
            stays = place(shelves, number, tensor, since, layer, had)
            missing += len([b for b in taken(tensor.at(layer), read, stays) if b not in stays])
            stay[number, since, layer] = lay[number] = stays
            last_use[number] = layer
        room = shelves.free(layer)
        if work.weights:
            played.again += read_again(missing, work, room)
            shelves.reserved[layer] += min(missing, work.weights, room)
        check_occupancy(l2_bytes, works, shelves)
    played.slack = shelves.slack
    replay(tensors, len(works), stay, played)
    return played


def check_occupancy(l2_bytes: int, works: Sequence[Work], shelves: Shelves) -> None:
    for layer, work in enumerate(works):
        used = len(shelves.lying[layer]) + shelves.reserved[layer]
        assert used == 0 if work.in_flight > l2_bytes else used + work.in_flight <= l2_bytes


def replay(tensors: Sequence[Tensor], layers: int, stay: Stay, played: Played) -> None:
    """Runs the layers in time and counts what crosses DRAM; a byte that is nowhere when it is read is an error."""
    for number, tensor in enumerate(tensors):
        if tensor.fused or not tensor.reads:
            continue
        uses = sorted({tensor.arrives, *tensor.reads})
        dram = set(range(tensor.size)) if tensor.loaded or tensor.in_dram else set()
        l2: set[int] = set()
        came = tensor.reads.get(tensor.arrives, 0) if tensor.loaded else 0
        for since, until in pairwise(uses):
            stays = stay[number, since, until]
            size = tensor.at(until)
            lay = set(range(size)) if since == tensor.arrives else fitted(l2, tensor.at(since), size)
            leaving = lay - stays
            written = leaving - dram
            played.wrote += len(written)
            dram |= written
            l2 = stays
            gone = 0
            for byte in taken(size, tensor.reads[until], stays):
                assert byte in l2 or byte in dram
                gone += byte not in l2
            read = tensor.reads[until]
            if tensor.loaded:  # another slice is loaded for the first time
                first = max(0, min(size, came + read) - came)
                came, read = came + first, read - first
            played.back += min(gone, read)
        assert uses[-1] < layers


# What a stage is told by its schedule


@dataclass(frozen=True)
class Case:
    """A stage of a schedule on a single chiplet, worked out from the model's edges alone."""

    works: tuple[Work, ...]
    tensors: tuple[Tensor, ...]
    chiplet: Chiplet
    batch: int
    micro_batch: int

    @property
    def micro_batches(self) -> int:
        return -(-self.batch // self.micro_batch)

    @property
    def weights(self) -> int:
        return sum(work.weights for work in self.works)

    @property
    def live(self) -> int:
        """The largest set of tensors that are alive at a time."""
        alive = [0] * len(self.works)
        for tensor in self.tensors:
            begin = 0 if tensor.maker is None else tensor.maker
            end = max(tensor.reads, default=begin)
            for layer in range(begin, end + 1):
                alive[layer] += tensor.size
        return max(alive)

    @property
    def second(self) -> int:
        return sum(t.brought + t.stored + sum(t.sent.values()) for t in self.tensors)

    @property
    def waiting(self) -> int:
        return sum(t.wait * t.brought for t in self.tensors)


def layer_work(problem: Problem, layer: Layer, chiplet: Chiplet, samples: int, element: int) -> Work:
    """What a layer asks for, alone."""
    channels = layer.groups if layer.groups > 1 else layer.K
    weights = layer.weight_elements * element
    units = block_units(weights, channels, chiplet, side_of(chiplet, layer))

    def seconds(part: Layer) -> float:
        return float(batch_costs(problem.cost_model, [part], chiplet, samples).cycles[0]) / chiplet.clock_hz

    whole_s = blocks_s = seconds(layer)
    if weights and units < channels:
        full, rest = divmod(channels, units)
        blocks_s = full * seconds(of_units(layer, units)) + (seconds(of_units(layer, rest)) if rest else 0.0)
    return Work(weights, units, channels, row_pieces(layer) * element, whole_s, blocks_s)


def is_fused(model: Model, producer: int, first: int) -> bool:
    """A tensor whose only reader is the next layer, which takes it piece by piece."""
    readers = model.readers(producer)
    if producer < first or [edge.consumer for edge in readers] != [producer + 1]:
        return False
    reader = model.layers[producer + 1]
    if reader.op is not Op.MATMUL:
        return reader.op in (Op.POOL, Op.ELEMENTWISE, Op.UPSAMPLE)
    if [edge.producer for edge in model.operands[producer + 1]].index(producer) != 0:
        return False
    maker = producer
    while model.layers[maker].op is Op.ELEMENTWISE:
        maker -= 1
        if maker < first or not is_fused(model, maker, first):
            return False
    return model.layers[maker].op is Op.MATMUL and model.layers[maker].groups == reader.groups


def union(elements: Iterator[int], whole: int) -> int:
    """Several slices of a tensor count together, up to the whole."""
    return min(sum(elements), whole)


def case_of(problem: Problem, schedule: Schedule, window: int, pipeline: Pipeline, stage: Stage) -> Case:
    """Everything about one stage that the page's account asks for."""
    task = problem.scenario.tasks[pipeline.task]
    model, chiplet = task.model, problem.package.chiplets[stage.chiplet]
    element, samples = model.bytes_per_element, pipeline.micro_batch
    where = {
        layer: (number, index)
        for number, other in schedule.pipelines()
        if other.task == pipeline.task
        for index, part in enumerate(other.stages)
        for layer in part.layers
    }
    here = (window, pipeline.stages.index(stage))
    count = -(-task.batch // samples)
    works = tuple(layer_work(problem, model.layers[i], chiplet, samples, element) for i in stage.layers)
    tensors = []
    for producer in range(NETWORK_INPUT, stage.last + 1):
        tensor = _tensor(model, stage, producer, where, here, count, element * samples)
        if tensor is not None:
            tensors.append(tensor)
    return Case(works, tuple(tensors), chiplet, task.batch, samples)


def _tensor(
    model: Model,
    stage: Stage,
    producer: int,
    where: dict[int, tuple[int, int]],
    here: tuple[int, int],
    count: int,
    scale: int,
) -> Tensor | None:
    whole = model.tensor_elements(producer)
    edges = model.readers(producer)
    inside = [edge for edge in edges if edge.consumer in stage.layers]
    made = producer in stage.layers
    if not inside and not made:
        return None
    reads = {
        layer - stage.first: scale * union((e.elements for e in inside if e.consumer == layer), whole)
        for layer in sorted({edge.consumer for edge in inside})
    }
    tensor = Tensor(scale * whole, reads, producer - stage.first if made else None)
    tensor.loaded = producer == NETWORK_INPUT or where[producer][0] < here[0]
    later = [edge for edge in edges if where[edge.consumer][0] > here[0]]
    tensor.in_dram = tensor.loaded or bool(later) or not edges
    if not made:
        tensor.brought = scale * union((e.elements for e in inside), whole)
        if not tensor.loaded:
            tensor.wait = min(here[1] - where[producer][1] - 1, count - 1)
        return tensor
    tensor.fused = is_fused(model, producer, stage.first) and bool(inside)
    if not edges:
        tensor.stored = scale * whole
    elif later:
        tensor.stored = scale * union((e.elements for e in later), whole)
    for index in sorted({where[e.consumer][1] for e in edges if where[e.consumer][0] == here[0]} - {here[1]}):
        taken_there = (e.elements for e in edges if where[e.consumer] == (here[0], index))
        tensor.sent[index] = scale * union(taken_there, whole)
    return tensor


# What it costs


@dataclass(frozen=True)
class Links:
    """What the stage's transfers meet on the package."""

    dram_hops: int
    dram_byte_s: float
    dram_latency_s: float
    link_byte_s: float
    forward_s: float


@dataclass(frozen=True)
class Kept:
    """A stage with its weights kept in one way; bytes of the whole window, times of a micro-batch."""

    pinned: int
    streamed: int
    again: int
    spill: float
    overlaps: bool
    weights_bytes: int
    again_bytes: int
    spill_bytes: float
    times: dict[str, float]

    @property
    def dram_bytes(self) -> float:
        return self.weights_bytes + self.again_bytes + self.spill_bytes


def links_of(problem: Problem, pipeline: Pipeline, stage: Stage, case: Case) -> Links:
    """The way to DRAM, and all of a micro-batch's transfers to later stages."""
    package = problem.package
    hops = min(package.hops(stage.chiplet, interface) for interface in package.interfaces)
    latency = hops * package.hop_latency_s + package.dram_latency_s + package.conflict_delay_s
    forward: dict[int, int] = {}
    for tensor in case.tensors:
        for index, bytes_ in tensor.sent.items():
            forward[index] = forward.get(index, 0) + bytes_
    seconds = 0.0
    for index, bytes_ in forward.items():
        way = package.hops(stage.chiplet, pipeline.stages[index].chiplet)
        seconds += bytes_ / package.link_bandwidth_bytes_s + way * package.hop_latency_s + package.conflict_delay_s
    return Links(hops, 1 / package.dram_bandwidth_bytes_s, latency, 1 / package.link_bandwidth_bytes_s, seconds)


def exposed(works: Sequence[Work], dram_byte_s: float) -> float:
    """Waiting for blocks: time runs from block to block, the micro-batch before included."""
    hidden, waits = None, 0.0
    for lap in range(2):
        for work in works:
            if not work.weights:
                hidden = None if hidden is None else hidden + work.blocks_s
                continue
            block_s, computing = work.weights * dram_byte_s / work.blocks, work.blocks_s / work.blocks
            if lap == 1:
                assert hidden is not None
                waits += max(0.0, block_s - hidden) + (work.blocks - 1) * max(0.0, block_s - computing)
            hidden = computing
    return waits


def arrival(works: Sequence[Work], dram_byte_s: float) -> float:
    """When all is computed if weights come one after another from time 0."""
    there, through = 0.0, 0.0
    for work in works:
        seconds, blocks = work.whole_s, work.blocks
        whole = work.weights * dram_byte_s
        first_block, last_block = there + whole / blocks, there + whole
        through = max(max(through, first_block) + seconds, last_block + seconds / blocks)
        there = last_block
    return through


def pass_times(case: Case, links: Links, way: tuple[int, int, float, bool], in_blocks: bool) -> dict[str, float]:
    """Times of a stage on one chiplet by the page's table."""
    pinned, again, spill, overlaps = way

    def dram_s(bytes_: float) -> float:
        return bytes_ * links.dram_byte_s + links.dram_latency_s if bytes_ else 0.0

    stored = sum(t.stored for t in case.tensors)
    compute = sum(work.blocks_s if in_blocks else work.whole_s for work in case.works)
    waits = max(0.0, exposed(case.works, links.dram_byte_s) - pinned * links.dram_byte_s) if in_blocks else 0.0
    store = dram_s(stored)
    ports = links.forward_s + (stored * links.link_byte_s if links.dram_hops else 0.0)
    weights, evicted = dram_s(case.weights - pinned + again), dram_s(spill)
    out = max(store, ports)
    brought = sum(t.brought for t in case.tensors if t.loaded)
    load = dram_s(brought)
    receive = sum(t.brought for t in case.tensors if not t.loaded) * links.link_byte_s
    begun = links.dram_latency_s + arrival(case.works, links.dram_byte_s)
    begun += sum(work.blocks_s - work.whole_s for work in case.works) if in_blocks else 0.0
    come = dram_s(case.weights + again + spill)

    def both(share: float) -> tuple[float, float]:
        streams = weights + share * evicted
        before = share * load + max(share * compute + waits, streams)
        if overlaps:
            return before + share * out, max(share * compute + waits, share * (load + store) + streams, share * ports)
        return before + share * out, before + share * max(out, receive)

    short = case.batch - (case.micro_batches - 1) * case.micro_batch
    fill, steady = both(1.0)
    last_fill, last_steady = both(short / case.micro_batch)
    return {
        "compute_s": compute,
        "pace_s": compute,
        "load_s": load,
        "weights_s": weights,
        "exposed_s": waits,
        "resident_s": pinned * links.dram_byte_s,
        "store_s": store,
        "spill_s": evicted,
        "forward_s": links.forward_s,
        "receive_s": receive,
        "fill_s": fill,
        "ready_s": max(begun, come) + brought * links.dram_byte_s + out if case.weights else 0.0,
        "steady_s": steady,
        "last_fill_s": last_fill,
        "last_steady_s": last_steady,
    }


def kept(case: Case, played: Played, links: Links, way: str) -> Kept | None:
    """The stage with its weights kept in one of the page's ways; None where that is not possible."""
    whole = way == "all"
    slack = case.chiplet.l2_bytes - case.weights - case.live if whole else played.slack
    if slack < 0:
        return None
    room, held = slack - case.waiting, 1.0 if not case.waiting else min(1.0, slack / case.waiting)
    if whole:
        pinned, overlaps = case.weights, room >= case.second
    elif way == "most":
        pinned = min(case.weights, max(0, room))
        overlaps = room - pinned >= case.second
    else:
        pinned, overlaps = min(case.weights, max(0, room - case.second)), room >= case.second
    again, evicted = (0, 0) if whole else (played.again, played.wrote + played.back)
    spill = evicted + 2 * (1 - held) * sum(t.brought for t in case.tensors if t.wait)
    times = pass_times(case, links, (pinned, again, spill, overlaps), in_blocks=not whole)
    count, streamed = case.micro_batches, case.weights - pinned
    return Kept(
        pinned,
        streamed,
        again,
        spill,
        overlaps,
        case.weights + (count - 1) * streamed,
        count * again,
        case.batch / case.micro_batch * spill,
        times,
    )


def through(before: tuple[float, float, float, float], times: dict[str, float], count: int) -> tuple[float, ...]:
    """When the first micro-batch leaves a stage, the slowest pace so far, when the last leaves; all `resident_s`."""
    first, slowest, last, resident = before
    first = max(first + times["fill_s"], resident + times["ready_s"])
    slowest = max(slowest, times["steady_s"])
    last = max(last + times["last_fill_s"], first + (count - 2) * slowest + times["last_steady_s"])
    return first, slowest, last, resident + times["resident_s"]


def pipeline_s(stages: Sequence[dict[str, float]], count: int) -> float:
    """The page's pipeline, stage by stage."""
    now = (0.0, 0.0, 0.0, 0.0)
    for times in stages:
        first, slowest, last, resident = through(now, times, count)
        now = (first, slowest, last, resident)
    return now[0] if count == 1 else now[2]


def choose(case: Case, played: Played, links: Links) -> list[Kept]:
    """The way with the fewest bytes, then the least time; several where only energy tells them apart.

    Fewer pins cost no bytes where no more weights stream with a further micro-batch, even if there is none.
    """
    most, fewer = kept(case, played, links, "most"), kept(case, played, links, "fewer")
    assert most is not None
    assert fewer is not None
    ways = [fewer if fewer.streamed <= most.streamed else most]
    whole = kept(case, played, links, "all")
    if whole is not None:
        ways.append(whole)
    least = min(way.dram_bytes for way in ways)
    ways = [way for way in ways if way.dram_bytes <= least * (1 + 1e-12)]
    soonest = min(pipeline_s([way.times], case.micro_batches) for way in ways)
    return [way for way in ways if pipeline_s([way.times], case.micro_batches) <= soonest * (1 + 1e-12)]
