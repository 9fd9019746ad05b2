"""A pipeline as operations: its stages, micro-batch by micro-batch (docs/simulation.md, "A stage and its
micro-batches")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from chipweave.simulation.body import Body, Gates, Share, Streams, streamed_together
from chipweave.simulation.draft import Draft, Numbers, What
from chipweave.simulation.machine import Entry, Latency, Machine, Order, Streaming
from chipweave.simulation.stage import Forward, StageRun
from chipweave.simulation.transfers import Carried


@dataclass(frozen=True)
class PipelineRun:
    """A pipeline in its window.

    Args:
        micro_batches: how many; last_bytes: of the activations of a micro-batch, what the last one has.
    """

    window: int
    number: int
    stages: tuple[StageRun, ...]
    micro_batches: int
    last_bytes: float

    def share(self, stage: StageRun, micro_batch: int) -> Share:
        """What is there of a micro-batch."""
        if micro_batch < self.micro_batches - 1:
            return Share(1.0, 1.0)
        return Share(self.last_bytes, stage.last_share)

    def slots(self, forward: Forward, machine: Machine) -> int:
        """Micro-batches for which its reader has room for what is forwarded."""
        overlaps = self.stages[forward.target].overlaps
        return machine.receive_slots or 1 + min(forward.between, self.micro_batches - 1) + overlaps


@dataclass
class Track:
    """What became of a stage so far: by micro-batch, the operations behind which the next ones come."""

    pools: tuple[int, int]
    pins: Mapping[int, Gates]
    mates_loads: Sequence[tuple[Numbers, float]]
    streams: Streams = field(default_factory=Streams)
    arrivals: dict[int, Numbers] = field(default_factory=dict)
    load: Numbers = ()
    last: Numbers = ()
    store: Numbers = ()
    lumped: Numbers = ()
    lumps: dict[str, Numbers] = field(default_factory=dict)
    forwards: dict[int, Numbers] = field(default_factory=dict)
    computed: list[Numbers] = field(default_factory=list)
    left: list[Numbers] = field(default_factory=list)


def earlier(done: Sequence[Numbers], micro_batch: int) -> Numbers:
    """What a micro-batch came to; nothing before the first one."""
    return done[micro_batch] if micro_batch >= 0 else ()


def lay_out(draft: Draft, pipeline: PipelineRun, pins_after: Sequence[Numbers]) -> list[Numbers]:
    """The operations of a pipeline; per stage, behind which its last micro-batch has left.

    Micro-batches but the first few and the last one are alike, and only one of them is laid out by itself.

    Args:
        pins_after: per stage, what its weights that stay load behind.
    """
    laid = min(pipeline.micro_batches, looks_back(pipeline, draft.machine) + 3)
    times, pipeline = pipeline.micro_batches - laid, replace(pipeline, micro_batches=laid)
    tracks: list[Track] = []
    chain: Numbers = ()
    sooner: Numbers = ()
    in_order = draft.machine.order is Order.NEED
    for stage, behind in zip(pipeline.stages, pins_after, strict=True):
        pools = draft.pool(), draft.pool()
        first = not tracks and in_order and not draft.machine.prefetch
        load = _load(draft, pipeline, stage, pools[0]) if first else ()
        pins, mates, last = _pins(draft, pipeline, stage, pools[0], (*behind, *chain, *sooner), load)
        tracks.append(Track(pools, pins, mates, load=load))
        if in_order:
            sooner = () if last else (*sooner, *load)
            chain = last or chain
    begins = []
    for micro_batch in range(laid):
        begins.append(draft.next)
        for stage in pipeline.stages:
            _pass(draft, pipeline, stage, micro_batch, tracks)
    later = draft.repeat(begins[-2], begins[-1], times) if times else 0
    return [tuple(number + later for number in track.left[-1]) for track in tracks]


def looks_back(pipeline: PipelineRun, machine: Machine) -> int:
    """How many micro-batches back those are that a micro-batch waits for.

    Streams look back for three: what the last block of the micro-batch before waited for may be that the one two before
    that had left. Where a reader has room for as many as there are, nothing waits for it.
    """
    slots = (pipeline.slots(forward, machine) for stage in pipeline.stages for forward in stage.forwards)
    return max([3, *(each for each in slots if each < pipeline.micro_batches)])


def _load(draft: Draft, pipeline: PipelineRun, stage: StageRun, pool: int) -> Numbers:
    """The first micro-batch's load of a pipeline's first stage, which all of its weights but a first block wait for."""
    if stage.load is None:
        return ()
    what = What("load", pipeline.window, pipeline.number, stage.number, 0)
    return (draft.transfer(what, stage.load, pipeline.share(stage, 0).bytes_, pool=pool),)


def _pins(
    draft: Draft, pipeline: PipelineRun, stage: StageRun, pool: int, after: Numbers, sooner: Numbers
) -> tuple[dict[int, Gates], list[tuple[Numbers, float]], Numbers]:
    """Weights that stay, one transfer after another: per layer what waits for them; the loads of what waits with mates,
    and their shares of it; what later ones come behind, nothing where there are none.

    Args:
        after: what the first one comes behind; sooner: what all others come behind, too.
    """
    what = What("pin", pipeline.window, pipeline.number, stage.number, 0)
    last, late = after, True
    gates: dict[int, Gates] = {}
    mates: list[tuple[Numbers, float]] = []

    def load(carried: Carried, part: float) -> Numbers:
        nonlocal last, late
        one = (draft.transfer(what, carried, part, last, (), pool, late or draft.machine.latency is Latency.EACH),)
        last, late = (*one, *sooner) if late else one, False
        return one

    for number, layer in enumerate(stage.layers):
        weights = layer.weights
        if weights is None:
            continue
        part = (sum(weights.pinned) + sum(weights.streamed)) / stage.weights_bytes[1 if weights.copied else 0]
        if weights.reused:
            mates += [((), part)] if weights.copied and stage.mates_load is not None else []
            continue
        carried = stage.copied if weights.copied else stage.parted
        assert carried is not None
        share = 1.0 - stage.mates_share if weights.copied else 1.0
        whole = stage.weights_bytes[1 if weights.copied else 0]
        parts = (share * stays / whole for stays in weights.pinned)
        first, rest = (load(carried, stays) if stays else () for stays in parts)
        gates[number] = first, rest
        if weights.copied and stage.mates_load is not None:
            mates.append((load(stage.mates_load, part), part))
    return gates, mates, () if late else last


def _pass(draft: Draft, pipeline: PipelineRun, stage: StageRun, micro_batch: int, tracks: list[Track]) -> None:
    """One micro-batch through one stage."""
    own, machine, share = tracks[stage.number], draft.machine, pipeline.share(stage, micro_batch)
    what = What("compute", pipeline.window, pipeline.number, stage.number, micro_batch)
    dram = own.pools[0]
    arrived = own.arrivals.pop(micro_batch, ())
    turn = earlier(own.left, micro_batch - (2 if stage.overlaps else 1))
    if stage.load is not None and (micro_batch or not own.load):
        room = earlier(own.computed, micro_batch - 2) if stage.overlaps else turn
        after = (*own.load, *arrived) if machine.entry is Entry.ARRIVAL else own.load
        own.load = (draft.transfer(what._replace(kind="load"), stage.load, share.bytes_, after, room, dram),)
    ready = (*own.load, *arrived, *own.last) or draft.origin
    pins = own.pins if micro_batch == 0 else {}
    body = Body(draft, stage, what, share, own.streams, pins, own.pools, ready, turn)
    own.last = body.run()
    done = [*own.last]
    if machine.streaming is Streaming.LUMPED:
        own.lumped = streamed_together(body, own.lumped)
        done += own.lumped
    for kind, carried, part in (("again", stage.again, 1.0), ("spill", stage.spill, share.bytes_)):
        if carried is not None:
            after = (*ready, *own.lumps.get(kind, ()))
            own.lumps[kind] = (draft.transfer(what._replace(kind=kind), carried, part, after, turn, dram),)
            done += own.lumps[kind]
    if stage.mates is not None:
        done += _gather(draft, stage.mates, own, what._replace(kind="mates"), ready, turn)
    own.computed.append(tuple(done))
    _send(draft, pipeline, stage, micro_batch, tracks)


def _gather(draft: Draft, mates: Carried, own: Track, what: What, after: Numbers, room: Numbers) -> Numbers:
    """Weights from the region's chiplets: of the first micro-batch layer by layer, as they come from DRAM."""
    pieces = own.mates_loads if what.micro_batch == 0 else [((), 1.0)]
    for loaded, part in pieces:
        behind = (*after, *loaded, *own.lumps.get("mates", ()))
        own.lumps["mates"] = (draft.transfer(what, mates, part, behind, room, own.pools[1], 1 / len(pieces)),)
    return own.lumps["mates"]


def _send(draft: Draft, pipeline: PipelineRun, stage: StageRun, micro_batch: int, tracks: list[Track]) -> None:
    """What a micro-batch leaves with."""
    own, share = tracks[stage.number], pipeline.share(stage, micro_batch)
    what = What("store", pipeline.window, pipeline.number, stage.number, micro_batch)
    computed = own.computed[micro_batch]
    left: list[int] = []
    if stage.store is not None:
        own.store = (draft.transfer(what, stage.store, share.bytes_, (*computed, *own.store), (), own.pools[0]),)
        left += own.store
    for forward in stage.forwards:
        reader, target = tracks[forward.target], forward.target
        room = earlier(reader.computed, micro_batch - pipeline.slots(forward, draft.machine))
        after = (*computed, *own.forwards.get(target, ()))
        sent = what._replace(kind="forward", target=target)
        one = draft.transfer(sent, forward.carried, share.bytes_, after, room, own.pools[1])
        own.forwards[target] = (one,)
        reader.arrivals[micro_batch] = (*reader.arrivals.get(micro_batch, ()), one)
        left.append(one)
    own.left.append(tuple(left) or computed)
