"""What one stage costs in a window: the terms of docs/evaluation.md and, on several chiplets, of docs/regions.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.exact.layout import Boxes, Cuts, Need, extent, in_rows, meet, sizes
from chipweave.evaluation.exact.memory import Footprint, footprint
from chipweave.evaluation.exact.region import Region
from chipweave.evaluation.exact.split import WHOLE, Splits, starts
from chipweave.evaluation.exact.tensors import Exchange, Location, Moved, exchange, total
from chipweave.evaluation.exact.transfer import together, transfer, transfer_s
from chipweave.evaluation.law import (
    IN_LOAD,
    MATES,
    RESIDENT,
    STREAMED,
    Demand,
    Room,
    Terms,
    Way,
    better,
    gather_s,
    kept,
    micro_batches,
    ways,
    weight_loads,
)
from chipweave.evaluation.record import Energy, Flow, Keeping, L2Use, Split, StageBytes, StageEvaluation, Transfer
from chipweave.ndarrays import Floats
from chipweave.plan.schedule import Partition, Pipeline, Stage
from chipweave.workload.layer import channel_units
from chipweave.workload.model import Edge, Model


@dataclass(frozen=True)
class Setting:
    """A pipeline in its window, with what all of its stages look up.

    Args:
        where: where the task's layers run in the whole schedule.
        most: chiplets of the schedule's largest region.
    """

    ready: Prepared
    window: int
    pipeline: Pipeline
    where: Location
    most: int

    @property
    def model(self) -> Model:
        return self.ready.tasks[self.pipeline.task].model

    @property
    def detailed(self) -> bool:
        return self.ready.detailed

    @property
    def batch(self) -> int:
        return self.ready.tasks[self.pipeline.task].batch

    @property
    def micro_batches(self) -> int:
        """k = ceil(b / b') (SCAR III-E)."""
        return micro_batches(self.batch, self.pipeline.micro_batch)

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Per stage."""
        return tuple(self.ready.region(stage.chiplets) for stage in self.pipeline.stages)

    @cached_property
    def parts(self) -> Splits:
        return self.ready.splits(self.pipeline.task, self.most)

    @cached_property
    def cuts(self) -> Cuts:
        """How the layers of the pipeline are cut."""
        return cuts_of(self.ready, self.pipeline, self.most)

    def held(self, stage: int, tensor: int) -> Boxes:
        """What each chiplet of the stage has to hand on: what it made, or rows of what it was handed (`paper`)."""
        chiplets = len(self.pipeline.stages[stage].chiplets)
        if tensor in self.pipeline.stages[stage].layers:
            return self.cuts.owned(tensor, chiplets)
        return in_rows(extent(self.model, tensor), self.pipeline.micro_batch, chiplets)

    def wanted(self, stage: int, tensor: int) -> Need:
        """What each chiplet of the stage needs of a tensor for all layers that read it; rows where none does."""
        part = self.pipeline.stages[stage]
        readers = sorted({edge.consumer for edge in self.model.readers(tensor) if edge.consumer in part.layers})
        if not readers:
            return Need((in_rows(extent(self.model, tensor), self.pipeline.micro_batch, len(part.chiplets)),))
        return self.cuts.need(tensor, readers, len(part.chiplets))

    def entry_bytes(self, moved: Moved) -> float:
        """Bytes that are moved per entry of a tensor's box: fewer than an entry has where only a part is read."""
        rows, columns, channels = extent(self.model, moved.tensor)
        return moved.bytes_ / (rows * columns * channels)


def cuts_of(ready: Prepared, pipeline: Pipeline, most: int) -> Cuts:
    """How the layers of a pipeline are cut (`most`: chiplets of the schedule's largest region)."""
    model = ready.tasks[pipeline.task].model
    found: dict[int, Split] = {}
    rows = None
    for stage in pipeline.stages:
        count = len(stage.chiplets)
        if count == 1:
            found |= dict.fromkeys(stage.layers, WHOLE)
            continue
        classes = tuple(sorted({ready.package.class_of[chiplet] for chiplet in stage.chiplets}))
        table = ready.splits(pipeline.task, most)
        rows = table.rows
        for layer in stage.layers:
            latest = max(edge.producer for edge in model.operands[layer])
            follows = latest >= stage.first and stage.partition(latest) is Partition.WEIGHT_SHARED
            producer = found[latest] if follows else None
            found[layer] = table.split(layer, stage.partition(layer), count, pipeline.micro_batch, classes, producer)
    return Cuts(model, pipeline.micro_batch, found, rows)


@dataclass(frozen=True)
class StageWork:
    """One stage: what does not depend on where its weights are kept. Everything is for one micro-batch."""

    setting: Setting
    number: int

    @property
    def stage(self) -> Stage:
        return self.setting.pipeline.stages[self.number]

    @property
    def region(self) -> Region:
        return self.setting.regions[self.number]

    @property
    def micro_batch(self) -> int:
        return self.setting.pipeline.micro_batch

    @cached_property
    def moved(self) -> Exchange:
        s = self.setting
        return exchange(s.model, s.where, s.window, self.number, self.stage.layers, forwarding=not s.detailed)

    @cached_property
    def need(self) -> Footprint:
        return footprint(self.setting.model, self.stage, self.micro_batch, self.setting.cuts)

    @cached_property
    def room(self) -> Room:
        """What one micro-batch asks of each L2; without the second buffer."""
        return self.need.room(self.region.l2_bytes, len(self.stage.chiplets))

    @cached_property
    def second(self) -> float:
        return _second_buffer(self) if self.setting.detailed else 0.0

    @cached_property
    def demand(self) -> Demand:
        return _demand(self)

    @cached_property
    def ways(self) -> tuple[Way, ...]:
        """How the weights may be kept, each way once."""
        chiplets, k = len(self.stage.chiplets), self.setting.micro_batches
        one, other = ways(self.room, self.weight_bytes, k, chiplets, self.setting.ready.rates)
        return (one,) if one == other else (one, other)

    @cached_property
    def layers(self) -> tuple[tuple[float, ...], dict[str, Floats]]:
        """Per layer: seconds of its slowest part on the micro-batch; each cost of one sample, all parts together.

        `weight_load_j` fills the weights once on every chiplet that uses them.
        """
        s, stage = self.setting, self.stage
        if len(stage.chiplets) == 1:
            costs = s.ready.problem.layer_costs(s.pipeline.task, stage.chiplet)
            part = slice(stage.first, stage.last + 1)
            clock_hz = s.ready.package.chiplets[stage.chiplet].clock_hz
            seconds = self.micro_batch * costs.cycles[part] / clock_hz
            per_sample = {name: values[part] for name, values in vars(costs).items()}
            return tuple(map(float, seconds)), per_sample | {"weight_load_j": costs.fill_weight_j[part]}
        each = [
            s.parts.costs(layer, s.cuts.splits[layer], self.micro_batch, self.region.class_of) for layer in stage.layers
        ]
        sums = {name: np.array([costs[name] for _, costs in each]) for name in each[0][1]}
        return tuple(seconds for seconds, _ in each), sums

    @cached_property
    def loads(self) -> Transfer:
        """Activations from DRAM: read once, along the tree from the interface to all who need them."""
        return self._from_dram((self.arriving(each), self.micro_batch * each.bytes_) for each in self.moved.from_dram)

    def arriving(self, moved: Moved) -> Floats:
        """Bytes of a tensor that each chiplet needs."""
        if len(self.stage.chiplets) == 1:
            return np.array([float(self.micro_batch * moved.bytes_)])
        return self.setting.wanted(self.number, moved.tensor).sizes * self.setting.entry_bytes(moved)

    def leaving(self, moved: Moved) -> Floats:
        """Bytes of a tensor that each chiplet owns."""
        if len(self.stage.chiplets) == 1:
            return np.array([float(self.micro_batch * moved.bytes_)])
        return sizes(self.setting.held(self.number, moved.tensor)) * self.setting.entry_bytes(moved)

    def weights(self, keeping: int) -> Transfer:
        """All weights of the stage from DRAM, read once: to all who use them, or spread over the mates."""
        s, chiplets = self.setting, len(self.stage.chiplets)
        wanted: dict[tuple[Split, int], float] = {}
        spread = 0.0
        for layer in self.stage.layers:
            shape, split = s.model.layers[layer], s.cuts.splits[layer]
            bytes_ = s.model.bytes_per_element * shape.weight_elements
            if keeping == MATES and self.stage.partition(layer) is Partition.WEIGHT_SHARED:
                spread += bytes_
            else:
                key = (split, channel_units(shape))
                wanted[key] = wanted.get(key, 0.0) + bytes_
        tensors = [(bytes_ * _weight_shares(*key, chiplets), bytes_) for key, bytes_ in wanted.items()]
        return self._from_dram([*tensors, (np.full(chiplets, spread / chiplets), spread)])

    @cached_property
    def weight_bytes(self) -> int:
        s = self.setting
        return s.model.bytes_per_element * sum(s.model.layers[layer].weight_elements for layer in self.stage.layers)

    @cached_property
    def stores(self) -> Transfer:
        """Activations to DRAM, each part from its owner."""
        net = self.setting.ready.network
        return together(net, (self._to_interface(self.leaving(each)) for each in self.moved.to_dram))

    @cached_property
    def forwards(self) -> tuple[Transfer, ...]:
        """To each later stage that takes something."""
        return tuple(self._between(target, tensors) for target, tensors in self.moved.to_stages)

    @cached_property
    def exchanges(self) -> Mapping[int, Transfer]:
        """Per layer whose output is read in the stage, the transfer among the region's chiplets."""
        if len(self.stage.chiplets) == 1:
            return {}
        return {each.tensor: self._between(self.number, (each,)) for each in self.moved.within}

    @cached_property
    def gathers(self) -> Transfer:
        """Every layer's weights that the region keeps once, from all mates to all that run a part."""
        s, chiplets = self.setting, len(self.stage.chiplets)
        by_parts: dict[int, float] = {}
        for layer, bytes_ in zip(self.stage.layers, self.need.copied, strict=True):
            by_parts[s.cuts.splits[layer].parts] = by_parts.get(s.cuts.splits[layer].parts, 0.0) + bytes_

        def gather(parts: int, bytes_: float) -> Transfer:
            share = np.full(chiplets, bytes_ / chiplets)
            wanted = np.repeat(share[:, None], parts, axis=1)
            return transfer(s.ready.network, self.stage.chiplets, self.stage.chiplets[:parts], wanted, share)

        return together(s.ready.network, (gather(parts, bytes_) for parts, bytes_ in by_parts.items()))

    def _between(self, target: int, tensors: Iterable[Moved]) -> Transfer:
        """Tensors of this stage to stage `target` (or to its own layers), in one transfer."""
        s = self.setting
        owners, readers = self.stage.chiplets, s.pipeline.stages[target].chiplets
        if len(owners) == len(readers) == 1:
            wanted = np.array([[float(self.micro_batch * total(tensors))]])
            return transfer(s.ready.network, owners, readers, wanted, wanted[0])

        def move(tensor: Moved) -> Transfer:
            entry, held = s.entry_bytes(tensor), s.held(self.number, tensor.tensor)
            wanted = entry * s.wanted(target, tensor.tensor).held_by(held)
            return transfer(s.ready.network, owners, readers, wanted, entry * sizes(held))

        return together(s.ready.network, map(move, tensors))

    def _from_dram(self, tensors: Iterable[tuple[Floats, float]]) -> Transfer:
        """(per chiplet of the region the bytes it wants, distinct bytes of all) per tensor."""
        net, interface, chiplets = self.setting.ready.network, self.region.interface, self.stage.chiplets
        return together(
            net,
            (
                transfer(net, (interface,), chiplets, wanted[None, :], np.array([float(bytes_)]))
                for wanted, bytes_ in tensors
            ),
        )

    def spills(self, bytes_: float) -> Transfer:
        """So many bytes from the region's L2s to DRAM and back."""
        share = np.full(len(self.stage.chiplets), bytes_ / len(self.stage.chiplets))
        return together(self.setting.ready.network, (self._to_interface(share), self._from_dram([(share, bytes_)])))

    def _to_interface(self, bytes_: Floats) -> Transfer:
        """Bytes of each chiplet of the region to the interface."""
        net = self.setting.ready.network
        return transfer(net, self.stage.chiplets, (self.region.interface,), bytes_[:, None], bytes_)


class EvaluatedStage(NamedTuple):
    """A stage with what it moves over the package's links in the whole window, by kind and in all."""

    evaluation: StageEvaluation
    flows: tuple[Flow, ...]
    traffic: Transfer


def evaluate_stage(setting: Setting, number: int) -> EvaluatedStage:
    """Stage `number` of the pipeline, its weights kept in the better way."""
    work = StageWork(setting, number)
    best, *others = ways_of(work)
    for other in others:
        best = other if better(best.terms, other.terms) else best
    return EvaluatedStage(_record(work, best), best.flows, best.traffic)


class KeptStage(NamedTuple):
    """A stage with its weights kept in one way."""

    way: Way
    demand: Demand
    terms: Terms
    flows: tuple[Flow, ...]
    traffic: Transfer


def ways_of(work: StageWork) -> list[KeptStage]:
    """The stage with its weights kept in each way that there is."""

    def keep(way: Way) -> KeptStage:
        flows = _flows(work, way)
        traffic = together(work.setting.ready.network, (flow.moved for flow in flows))
        demand = work.demand._replace(weights_hops=flows[0].moved.hops, hop_bytes=traffic.hop_bytes)
        room = work.room._replace(second=work.second) if way.fits else work.room
        return KeptStage(way, demand, kept(demand, room, way, work.setting.ready.rates), flows, traffic)

    return [keep(way) for way in work.ways]


def _record(work: StageWork, made: KeptStage) -> StageEvaluation:
    """The law's terms under the record's names, with the bytes on the links."""
    demand, terms = made.demand, made.terms
    setting, stage = work.setting, work.stage
    rounds = setting.batch / work.micro_batch
    return StageEvaluation(
        first=stage.first,
        last=stage.last,
        chiplets=stage.chiplets,
        splits=tuple(setting.cuts.splits[layer] for layer in stage.layers),
        compute_s=demand.compute_s,
        exchange_s=demand.exchange_s,
        pace_s=demand.pace_s,
        weights_s=terms.weights_s,
        resident_s=terms.resident_s,
        load_s=terms.load_s,
        store_s=terms.store_s,
        spill_s=terms.spill_s,
        forward_s=demand.forward_s,
        fill_s=terms.fill_s,
        steady_s=terms.steady_s,
        overlaps=terms.overlaps,
        l2=_l2_use(made.way, work.room.live),
        bytes_=StageBytes(
            weights=terms.weights,
            load=terms.load,
            store=terms.store,
            spill=terms.spill or 0,
            forward=rounds * sum(moved.sent for moved in work.forwards),
            exchange=rounds * sum(moved.sent for moved in work.exchanges.values()),
            mates=sum((flow.moved.sent for flow in made.flows if flow.kind == "mates"), 0.0),
            hop_bytes=made.traffic.hop_bytes,
        ),
        energy=Energy(
            mac=terms.mac_j,
            l1=terms.l1_j,
            l2=terms.l2_j,
            noc=terms.noc_j,
            fill=terms.fill_j,
            drain=terms.drain_j,
            dram=terms.dram_j,
            nop=terms.nop_j,
        ),
    )


_KEEPING = {RESIDENT: Keeping.RESIDENT, MATES: Keeping.MATES, STREAMED: Keeping.STREAMED}


def _l2_use(way: Way, live: float) -> L2Use | None:
    """What L2 holds, for the record; nothing in `paper`. A spill of none is a whole 0."""
    if way.keeping == IN_LOAD:
        return None
    return L2Use(_KEEPING[way.keeping], way.fits, way.held, live, way.spill or 0)


def _demand(work: StageWork) -> Demand:
    """What the stage asks for, but for the weights' way and what crosses links."""
    setting, rates = work.setting, work.setting.ready.rates
    layer_s, costs = work.layers
    exchange_s = {layer: transfer_s(moved, rates) for layer, moved in work.exchanges.items()}
    fill_j, drain_j = _fill_and_drain_j(work) if setting.detailed else _fill_and_drain_of_all_j(work)
    copied = [bytes_ for bytes_ in work.need.copied if bytes_]
    return Demand(
        batch=setting.batch,
        micro_batch=work.micro_batch,
        compute_s=sum(layer_s),
        exchange_s=sum(exchange_s.values()),
        pace_s=_pace_s(setting.model, work.stage, layer_s, exchange_s),
        forward_s=sum(transfer_s(moved, rates) for moved in work.forwards),
        gather_s=gather_s(sum(copied), len(copied), len(work.stage.chiplets), work.region.span, rates),
        weights=work.weight_bytes,
        weights_hops=0,
        load=total(work.moved.from_dram),
        load_hops=work.loads.hops,
        store=total(work.moved.to_dram),
        store_hops=work.stores.hops,
        dram_hops=work.region.dram_hops,
        hop_bytes=0.0,
        mac_j=float(costs["mac_j"].sum()),
        l1_j=float(costs["l1_j"].sum()),
        l2_j=float(costs["l2_j"].sum()),
        noc_j=float(costs["noc_j"].sum()),
        fill_j=fill_j,
        drain_j=drain_j,
        weight_fill_j=float(costs["weight_load_j"].sum()) if setting.detailed else 0.0,
    )


def _flows(work: StageWork, way: Way) -> tuple[Flow, ...]:
    """What the stage moves over the links in the whole window, its weights (the first flow) kept in this way."""
    setting, k = work.setting, work.setting.micro_batches
    rounds = setting.batch / work.micro_batch
    flows = [
        Flow("weights", None, work.weights(way.keeping).times(weight_loads(way.keeping, k))),
        Flow("load", None, work.loads.times(rounds)),
        Flow("store", None, work.stores.times(rounds)),
        *(Flow("exchange", None, moved.times(rounds)) for moved in work.exchanges.values()),
        *(
            Flow("forward", target, moved.times(rounds))
            for (target, _), moved in zip(work.moved.to_stages, work.forwards, strict=True)
        ),
    ]
    if way.spill:
        flows.append(Flow("spill", None, work.spills(way.spill).times(k)))
    if way.keeping == MATES:
        flows.append(Flow("mates", None, work.gathers.times(k)))
    return tuple(flows)


def _pace_s(model: Model, stage: Stage, layer_s: Sequence[float], exchange_s: Mapping[int, float]) -> float:
    """Compute and exchange side by side: per layer, with what rides with it, the longer of the two."""
    pace_s, of_unit = 0.0, [0.0, 0.0]
    ends = {last for _, last in model.units}
    for layer, seconds in zip(stage.layers, layer_s, strict=True):
        of_unit = [of_unit[0] + seconds, of_unit[1] + exchange_s.get(layer, 0.0)]
        if layer in ends:
            pace_s, of_unit = pace_s + max(of_unit), [0.0, 0.0]
    return pace_s


def _weight_shares(split: Split, units: int, chiplets: int) -> Floats:
    """Of a layer's weights, what each chiplet of the region uses; those without a part use none."""
    shares = np.zeros(chiplets)
    shares[: split.parts] = np.diff(starts(units, split.units)) / units if split.units > 1 else 1.0
    return shares


def _second_buffer(work: StageWork) -> float:
    """Bytes of a second copy of the largest parts that a micro-batch brings in from DRAM, sends out and exchanges.

    What comes over the package is held by `activations` already and arrives by the sender's time.
    """
    moved = work.moved
    if len(work.stage.chiplets) == 1:
        sent = sum(total(tensors) for _, tensors in moved.to_stages)
        return float(work.micro_batch * (total(moved.from_dram) + total(moved.to_dram) + sent))
    second = sum(float(work.arriving(each).max()) for each in moved.from_dram)
    second += sum(float(work.leaving(each).max()) for each in moved.to_dram)
    second += sum(float(each.out.max()) for each in work.forwards)
    return second + max((float(each.into.max()) for each in work.exchanges.values()), default=0.0)


def _fill_and_drain_of_all_j(work: StageWork) -> tuple[float, float]:
    """`paper`: cost of b samples = b * cost of one, every fill (the weights' too) and drain included."""
    costs = work.layers[1]
    return float((costs["fill_input_j"] + costs["fill_weight_j"]).sum()), float(costs["drain_output_j"].sum())


def _fill_and_drain_j(work: StageWork) -> tuple[float, float]:
    """One sample's activations entering and leaving L2; what stays in L2 between layers is not charged again.

    A layer's input is filled in proportion to what comes from outside the chiplet; its output is drained if anyone
    outside reads it.
    """
    model, stage, costs = work.setting.model, work.stage, work.layers[1]
    fill = drain = 0.0
    for at, layer in enumerate(stage.layers):
        operands = model.operands[layer]
        outside = sum(edge.elements * _from_outside(work, edge) for edge in operands)
        fill += float(costs["fill_input_j"][at]) * (outside / sum(edge.elements for edge in operands))
        readers = model.consumers[layer]
        leaves = layer in work.exchanges and work.exchanges[layer].sent > 0
        if leaves or not readers or readers[-1].consumer > stage.last:
            drain += float(costs["drain_output_j"][at])
    return fill, drain


def _from_outside(work: StageWork, edge: Edge) -> float:
    """Of what an edge brings to its reader, the share that the chiplets do not make themselves."""
    if edge.producer < work.stage.first:
        return 1.0
    if len(work.stage.chiplets) == 1:
        return 0.0
    need = work.setting.cuts.need(edge.producer, [edge.consumer], len(work.stage.chiplets)).boxes[0]
    own = meet(need, work.setting.held(work.number, edge.producer))
    return 1.0 - float(sizes(own).sum() / sizes(need).sum())
