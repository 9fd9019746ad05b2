"""What one stage costs in a window: the terms of docs/evaluation.md and, on several chiplets, of docs/regions.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chipweave.cost.communication import dram_energy_j, dram_time_s, nop_energy_j
from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.exact.layout import Boxes, Cuts, Floats, Need, extent, in_rows, meet, sizes
from chipweave.evaluation.exact.memory import Footprint, footprint, ways_to_keep
from chipweave.evaluation.exact.region import Region
from chipweave.evaluation.exact.split import WHOLE, Splits, starts
from chipweave.evaluation.exact.tensors import Exchange, Location, Moved, exchange, total
from chipweave.evaluation.exact.transfer import Transfer, together, transfer, transfer_time_s
from chipweave.evaluation.record import Energy, Keeping, L2Use, Split, StageBytes, StageEvaluation
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
        return -(-self.batch // self.pipeline.micro_batch)

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
class Flow:
    """Bytes of one kind that a stage moves over the links in its window.

    Args:
        kind: a field of `StageBytes`: weights, load, store, exchange, forward, spill or mates.
        target: of `forward`, the stage of the pipeline that takes it.
    """

    kind: str
    target: int | None
    moved: Transfer


@dataclass(frozen=True)
class _Work:
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

    @property
    def ways(self) -> tuple[L2Use | None, ...]:
        if not self.setting.detailed:
            return (None,)
        chiplets = len(self.stage.chiplets)
        return ways_to_keep(self.need, self.region.l2_bytes, self.setting.micro_batches, chiplets)

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

    def weights(self, keeping: Keeping | None) -> Transfer:
        """All weights of the stage from DRAM, read once: to all who use them, or spread over the mates."""
        s, chiplets = self.setting, len(self.stage.chiplets)
        wanted: dict[tuple[Split, int], float] = {}
        spread = 0.0
        for layer in self.stage.layers:
            shape, split = s.model.layers[layer], s.cuts.splits[layer]
            bytes_ = s.model.bytes_per_element * shape.weight_elements
            if keeping is Keeping.MATES and self.stage.partition(layer) is Partition.WEIGHT_SHARED:
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


def evaluate_stage(setting: Setting, number: int) -> tuple[StageEvaluation, Transfer]:
    """Stage `number` of the pipeline, and its traffic on the package in the whole window.

    Where weights can be kept in several ways, the stage's shortest time in the window decides, then its energy.
    """
    work = _Work(setting, number)
    k = setting.micro_batches

    def cost(option: tuple[StageEvaluation, Transfer]) -> tuple[float, float]:
        stage = option[0]
        return stage.resident_s + stage.fill_s + (k - 1) * stage.steady_s, stage.energy.total

    return min((_with_weights(work, l2) for l2 in work.ways), key=cost)


def _with_weights(work: _Work, l2: L2Use | None) -> tuple[StageEvaluation, Transfer]:
    """The stage with its weights kept as `l2` says (None: `paper`, with every micro-batch, in the load)."""
    setting, stage = work.setting, work.stage
    package, micro_batch, batch, k = setting.ready.package, work.micro_batch, setting.batch, setting.micro_batches
    keeping = l2.keeping if l2 else None
    weights = work.weights(keeping)

    layer_s = work.layers[0]
    exchange_s = {layer: transfer_time_s(package, moved) for layer, moved in work.exchanges.items()}
    compute_s, exchanged_s = sum(layer_s), sum(exchange_s.values())
    pace_s = _pace_s(setting.model, stage, layer_s, exchange_s)
    weights_from_dram_s = dram_time_s(package, work.weight_bytes, weights.hops)
    resident_s = weights_from_dram_s if keeping in (Keeping.RESIDENT, Keeping.MATES) else 0.0
    weights_s = weights_from_dram_s if keeping is Keeping.STREAMED else 0.0
    if keeping is Keeping.MATES:
        weights_s = _gather_s(work)
    load_bytes, load_hops = micro_batch * total(work.moved.from_dram), work.loads.hops
    if l2 is None:
        load_bytes, load_hops = load_bytes + work.weight_bytes, max(load_hops, weights.hops)
    load_s = dram_time_s(package, load_bytes, load_hops)
    store_s = dram_time_s(package, micro_batch * total(work.moved.to_dram), work.stores.hops)
    spill_s = 2 * dram_time_s(package, l2.spill, work.region.dram_hops) if l2 else 0.0
    forward_s = sum(transfer_time_s(package, moved) for moved in work.forwards)

    in_and_out_s = load_s + store_s + spill_s + forward_s
    if l2 and l2.fits and not l2.resident:
        # Two layers' weights are held: the next layer's arrive while this one's are in use.
        fill_s = in_and_out_s + exchanged_s + max(compute_s, weights_s)
    else:
        fill_s = in_and_out_s + exchanged_s + compute_s + weights_s
    overlapping = l2 is not None and _has_second_buffer(work, l2)
    steady_s = max(pace_s, in_and_out_s + weights_s) if overlapping else fill_s

    weight_loads = _weight_loads(l2, k)
    rounds = batch / micro_batch
    flows = _flows(work, l2)
    traffic = together(setting.ready.network, (flow.moved for flow in flows))
    bytes_ = StageBytes(
        weights=weight_loads * work.weight_bytes,
        load=batch * total(work.moved.from_dram),
        store=batch * total(work.moved.to_dram),
        spill=2 * k * l2.spill if l2 else 0,
        forward=rounds * sum(moved.sent for moved in work.forwards),
        exchange=rounds * sum(moved.sent for moved in work.exchanges.values()),
        mates=sum((flow.moved.sent for flow in flows if flow.kind == "mates"), 0.0),
        hop_bytes=traffic.hop_bytes,
    )
    weight_fills = 1 if keeping is Keeping.RESIDENT else k
    energy = _compute_energy(work, weight_fills) + Energy(
        dram=dram_energy_j(package, bytes_.dram), nop=nop_energy_j(package, bytes_.hop_bytes)
    )
    evaluation = StageEvaluation(
        first=stage.first,
        last=stage.last,
        chiplets=stage.chiplets,
        splits=tuple(setting.cuts.splits[layer] for layer in stage.layers),
        compute_s=compute_s,
        exchange_s=exchanged_s,
        pace_s=pace_s,
        weights_s=weights_s,
        resident_s=resident_s,
        load_s=load_s,
        store_s=store_s,
        spill_s=spill_s,
        forward_s=forward_s,
        fill_s=fill_s,
        steady_s=steady_s,
        overlaps=overlapping,
        l2=l2,
        bytes_=bytes_,
        energy=energy,
    )
    return evaluation, traffic


def stage_flows(setting: Setting, number: int, l2: L2Use | None) -> tuple[Flow, ...]:
    """What stage `number` moves over the package's links in the whole window, its weights kept as `l2` says."""
    return _flows(_Work(setting, number), l2)


def _flows(work: _Work, l2: L2Use | None) -> tuple[Flow, ...]:
    setting, k = work.setting, work.setting.micro_batches
    rounds = setting.batch / work.micro_batch
    keeping = l2.keeping if l2 else None
    flows = [
        Flow("weights", None, work.weights(keeping).times(_weight_loads(l2, k))),
        Flow("load", None, work.loads.times(rounds)),
        Flow("store", None, work.stores.times(rounds)),
        *(Flow("exchange", None, moved.times(rounds)) for moved in work.exchanges.values()),
        *(
            Flow("forward", target, moved.times(rounds))
            for (target, _), moved in zip(work.moved.to_stages, work.forwards, strict=True)
        ),
    ]
    if l2 and l2.spill:
        flows.append(Flow("spill", None, work.spills(l2.spill).times(k)))
    if keeping is Keeping.MATES:
        flows.append(Flow("mates", None, work.gathers.times(k)))
    return tuple(flows)


def _weight_loads(l2: L2Use | None, micro_batches: int) -> int:
    """How often weights come from DRAM in a window."""
    return micro_batches if l2 is None or l2.keeping is Keeping.STREAMED else 1


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


def _gather_s(work: _Work) -> float:
    """W (n - 1) / n / BW_nop + hops * Lat_hop + delta for each layer whose weights come from the mates."""
    package, chiplets = work.setting.ready.package, len(work.stage.chiplets)
    fixed_s = work.region.span * package.hop_latency_s + package.conflict_delay_s
    bytes_ = [bytes_ for bytes_ in work.need.copied if bytes_]
    return sum(bytes_) * (chiplets - 1) / chiplets / package.link_bandwidth_bytes_s + len(bytes_) * fixed_s


def _has_second_buffer(work: _Work, l2: L2Use) -> bool:
    """Room for a second copy of the largest parts that a micro-batch brings in from DRAM, sends out and exchanges.

    What comes over the package is held by `activations` already and arrives by the sender's time.
    """
    if not l2.fits:
        return False
    moved = work.moved
    if len(work.stage.chiplets) == 1:
        sent = sum(total(tensors) for _, tensors in moved.to_stages)
        second = float(work.micro_batch * (total(moved.from_dram) + total(moved.to_dram) + sent))
    else:
        second = sum(float(work.arriving(each).max()) for each in moved.from_dram)
        second += sum(float(work.leaving(each).max()) for each in moved.to_dram)
        second += sum(float(each.out.max()) for each in work.forwards)
        second += max((float(each.into.max()) for each in work.exchanges.values()), default=0.0)
    return l2.held_weights + l2.activations + second <= work.region.l2_bytes


def _compute_energy(work: _Work, weight_fills: int) -> Energy:
    """Joules inside the chiplets. `paper`: cost of b samples = b * cost of one, every fill and drain included."""
    batch, costs = work.setting.batch, work.layers[1]
    if work.setting.detailed:
        fill, drain = _fill_and_drain_j(work)
        fill_j = batch * fill + weight_fills * _weight_fill_j(work)
    else:
        fill_j = batch * float((costs["fill_input_j"] + costs["fill_weight_j"]).sum())
        drain = float(costs["drain_output_j"].sum())
    return Energy(
        mac=batch * float(costs["mac_j"].sum()),
        l1=batch * float(costs["l1_j"].sum()),
        l2=batch * float(costs["l2_j"].sum()),
        noc=batch * float(costs["noc_j"].sum()),
        fill=fill_j,
        drain=batch * drain,
    )


def _weight_fill_j(work: _Work) -> float:
    """Of all weights into L2, on every chiplet that uses them, once."""
    return float(work.layers[1]["weight_load_j"].sum())


def _fill_and_drain_j(work: _Work) -> tuple[float, float]:
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


def _from_outside(work: _Work, edge: Edge) -> float:
    """Of what an edge brings to its reader, the share that the chiplets do not make themselves."""
    if edge.producer < work.stage.first:
        return 1.0
    if len(work.stage.chiplets) == 1:
        return 0.0
    need = work.setting.cuts.need(edge.producer, [edge.consumer], len(work.stage.chiplets)).boxes[0]
    own = meet(need, work.setting.held(work.number, edge.producer))
    return 1.0 - float(sizes(own).sum() / sizes(need).sum())
