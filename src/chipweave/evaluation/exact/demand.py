"""What one stage costs in a window: the terms of docs/evaluation.md and, on several chiplets, of docs/regions.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from chipweave.evaluation.contention import Sharer
from chipweave.evaluation.exact.blocks import Block, block_of
from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.exact.in_strips import (
    Stream,
    kept_in_strips,
    live_in_strips,
    streams_of,
    strip_costs,
    units_of,
)
from chipweave.evaluation.exact.layout import Cuts, Held, Need, extent, in_rows, meet, sizes
from chipweave.evaluation.exact.memory import Footprint, footprint, kept_in_l2, reuses
from chipweave.evaluation.exact.moves import moved
from chipweave.evaluation.exact.placement import NOTHING, Far, Lies, Source, dearest, far_of, sources_of
from chipweave.evaluation.exact.region import Region
from chipweave.evaluation.exact.split import WHOLE as UNCUT
from chipweave.evaluation.exact.split import Splits, largest, largest_weights, users, weight_shares
from chipweave.evaluation.exact.sums import kept_sums, reduction
from chipweave.evaluation.exact.tensors import Exchange, Location, Moved, exchange, total
from chipweave.evaluation.exact.transfer import hop_bytes_of, loads, together, transfer, transfer_s
from chipweave.evaluation.law import (
    IN_LOAD,
    WHOLE,
    Demand,
    Rates,
    Room,
    Terms,
    Way,
    better,
    evicted,
    from_dram,
    gather_byte_s,
    gather_fixed_s,
    in_load,
    kept,
    last_share,
    micro_batches,
    printed,
    read_again,
    ways,
)
from chipweave.evaluation.record import Energy, Flow, Keeping, L2Use, Split, StageBytes, StageEvaluation, Transfer
from chipweave.evaluation.streams import ARRIVAL, exposed_s, open_stream, stream_layer
from chipweave.evaluation.strips import course_of, need_of, runs_of
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Delivery, Interfaces, Placement
from chipweave.ndarrays import Floats
from chipweave.plan.schedule import Partition, Pipeline, Stage, Strips
from chipweave.workload.layer import channel_units
from chipweave.workload.model import Edge, Model


@dataclass(frozen=True)
class Setting:
    """A pipeline in its window, with what all of its stages look up.

    Args:
        where: where the task's layers run in the whole schedule.
        most: chiplets of the schedule's largest region.
        lies: where what earlier windows made lies; None: that is not known, or tensors are interleaved.
    """

    ready: Prepared
    window: int
    pipeline: Pipeline
    where: Location
    most: int
    lies: Lies | None = None

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
        return tuple(self.ready.region(stage.chiplets, stage.memory) for stage in self.pipeline.stages)

    @cached_property
    def parts(self) -> Splits:
        return self.ready.splits(self.pipeline.task, self.most)

    @cached_property
    def cuts(self) -> Cuts:
        """How the layers of the pipeline are cut."""
        return cuts_of(self.ready, self.pipeline, self.most)

    @cached_property
    def works(self) -> tuple[StageWork, ...]:
        """Per stage."""
        return tuple(StageWork(self, number) for number in range(len(self.pipeline.stages)))

    def held(self, stage: int, tensor: int) -> Held:
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
            spread = in_rows(extent(self.model, tensor), self.pipeline.micro_batch, len(part.chiplets))
            return Need((spread.boxes,))
        return self.cuts.need(tensor, readers, len(part.chiplets))

    def sum_bytes(self, layer: int) -> float:
        """Bytes per entry of a layer's output of the partial sums that leave a chiplet."""
        rows, columns, channels = extent(self.model, layer)
        return self.model.sum_bytes(self.model.tensor_elements(layer)) / (rows * columns * channels)

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
            found |= dict.fromkeys(stage.layers, UNCUT)
            continue
        class_of = tuple(ready.package.class_of[chiplet] for chiplet in stage.chiplets)
        table = ready.splits(pipeline.task, most)
        rows = table.rows
        for layer in stage.layers:
            latest, partition = max(edge.producer for edge in model.operands[layer]), stage.partition(layer)
            follows = latest >= stage.first and stage.partition(latest) is partition
            producer = found[latest] if follows else None
            found[layer] = table.split(layer, partition, class_of, pipeline.micro_batch, producer)
        for layer in stage.layers:
            if stage.partition(layer) is Partition.REDUCED:
                found[layer] = replace(found[layer], sums=kept_sums(model, stage, layer, found))
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

    @property
    def pool(self) -> tuple[int | None, Rates | None]:
        """Whose bandwidth it shares in the window, and the constants there (`Sharer`)."""
        if self.setting.ready.package.interface_bandwidth is Interfaces.SHARED:
            return None, None
        return self.region.interface, self.rates

    @cached_property
    def rates(self) -> Rates:
        """The package's constants, as they are at the region's memory interface."""
        return self.setting.ready.rates_at(self.region.interface)

    @property
    def unicast(self) -> bool:
        """Every copy of a byte is a transfer of its own."""
        return self.setting.ready.package.delivery is Delivery.UNICAST

    @cached_property
    def moved(self) -> Exchange:
        s = self.setting
        return exchange(s.model, s.where, s.window, self.number, self.stage.layers, forwarding=not s.detailed)

    @cached_property
    def need(self) -> Footprint:
        return footprint(self.setting.model, self.stage, self.micro_batch, self.setting.cuts)

    @cached_property
    def chiplet(self) -> Chiplet:
        """Of the region, one with least L2."""
        chiplets = self.setting.ready.package.chiplets
        return min((chiplets[number] for number in self.stage.chiplets), key=lambda each: each.l2_bytes)

    @cached_property
    def runs(self) -> tuple[Strips, ...]:
        """Its runs of layers that go strip by strip (docs/strips.md)."""
        return runs_of(self.setting.model, self.stage)

    @property
    def live(self) -> float:
        """The largest set of activations that are held at a time, were all of them held."""
        if not self.runs:
            return max(self.need.live)
        first = self.setting.pipeline.first
        return live_in_strips(self.setting.model, self.stage, self.micro_batch, first, self.need.live)

    @cached_property
    def kept(self) -> tuple[float, float, float, float]:
        """What the keep pass finds: the least room left; bytes that come back, that go, and that are read again."""
        pipeline = self.setting.pipeline
        window = pipeline.first, pipeline.last + 1
        if self.runs:
            return kept_in_strips(self.setting.model, self.stage, self.micro_batch, window, self.chiplet)
        return kept_in_l2(self.setting.model, self.stage, self.micro_batch, window, self.chiplet, self.setting.cuts)

    @cached_property
    def room(self) -> Room:
        """What one micro-batch asks of each L2."""
        return Room(
            l2=self.region.l2_bytes,
            live=self.live,
            second=_second_buffer(self),
            weights=sum(self.need.weights),
            copied=sum(self.need.copied) - self.reused[1],
            slack=self.kept[0],
            waiting=sum(turns * float(self.arriving(each).max()) for each, turns in self.waiting),
            reused=self.reused[0],
            reused_copied=self.reused[1],
        )

    @cached_property
    def waiting(self) -> tuple[tuple[Moved, int], ...]:
        """What skips stages on its way here, and how many micro-batches of it wait while the stages between compute."""
        most = self.setting.micro_batches - 1
        found = ((each, min(distance - 1, most)) for each, distance in self.moved.from_stages)
        return tuple((each, turns) for each, turns in found if turns > 0)

    @cached_property
    def demand(self) -> Demand:
        return _demand(self)

    @cached_property
    def ways(self) -> tuple[Way, ...]:
        """How the weights may be kept, each way once."""
        if not self.setting.detailed:
            return (in_load(),)
        chiplets, k = len(self.stage.chiplets), self.setting.micro_batches
        one, other = ways(self.room, self.weight_bytes - sum(self.reused), k, chiplets, self.rates)
        return (one,) if one == other else (one, other)

    @cached_property
    def layers(self) -> tuple[tuple[float, ...], dict[str, Floats]]:
        """Per layer: seconds of its slowest part on the micro-batch; each cost of one sample, all parts together.

        `weight_load_j` fills the weights once on every chiplet that uses them.
        """
        s, stage = self.setting, self.stage
        if len(stage.chiplets) == 1:
            number = s.ready.package.class_of[stage.chiplet]
            costs = s.ready.costs(s.pipeline.task, self.micro_batch)[number]
            part = slice(stage.first, stage.last + 1)
            clock_hz = s.ready.package.chiplets[stage.chiplet].clock_hz
            seconds = self.micro_batch * costs.cycles[part] / clock_hz
            per_sample = {name: values[part] for name, values in vars(costs).items()}
            if self.runs:
                seconds, per_sample = self._with_strips(number, np.array(seconds), per_sample)
            return tuple(map(float, seconds)), per_sample | {"weight_load_j": costs.fill_weight_j[part]}
        each = [
            s.parts.costs(layer, s.cuts.splits[layer], self.micro_batch, self.region.class_of, s.detailed)
            for layer in stage.layers
        ]
        sums = {name: np.array([costs[name] for _, costs in each]) for name in each[0][1]}
        return tuple(seconds for seconds, _ in each), sums

    def _with_strips(
        self, chiplet_class: int, seconds: Floats, per_sample: dict[str, Floats]
    ) -> tuple[Floats, dict[str, Floats]]:
        """The figures of `layers`, with those of layers in strips: one sample after another, strip by strip."""
        s, found = self.setting, {name: np.array(values) for name, values in per_sample.items()}
        alone = s.ready.problem.costs[s.pipeline.task][chiplet_class]
        clock_hz = s.ready.package.chiplets[self.stage.chiplet].clock_hz
        for run in self.runs:
            more = s.ready.once(strip_costs, s.pipeline.task, chiplet_class, run)
            here = slice(run.first - self.stage.first, run.last + 1 - self.stage.first)
            there = slice(run.first, run.last + 1)
            for name, values in vars(alone).items():
                found[name][here] = values[there]
            seconds[here] = self.micro_batch * (alone.cycles[there] / clock_hz + more.seconds)
            found["l2_j"][here] += more.joules
        return seconds, found

    @cached_property
    def blocks(self) -> tuple[Floats, float]:
        """Per layer, seconds of a micro-batch that its weights in blocks take longer; joules of one sample, in all."""
        s, stage = self.setting, self.stage
        if len(stage.chiplets) == 1:
            number = s.ready.package.class_of[stage.chiplet]
            more = s.ready.block_costs(s.pipeline.task, self.micro_batch)[number]
            part = slice(stage.first, stage.last + 1)
            if self.runs:
                alone = np.array([unit.run is None for unit in units_of(s.model, stage) for _ in unit.layers])
                return np.where(alone, more.seconds[part], 0.0), float(more.joules[part][alone].sum())
            return more.seconds[part], float(more.joules[part].sum())
        each = [
            s.parts.in_blocks(layer, s.cuts.splits[layer], self.micro_batch, self.block(layer), self.region.classes)
            for layer in stage.layers
        ]
        seconds, joules = np.array(each).T
        return seconds, float(joules.sum())

    def block(self, layer: int) -> Block:
        """The block in which the weights of a layer's largest part stream."""
        model, shape = self.setting.model, self.setting.model.layers[layer]
        units = largest(shape, self.setting.cuts.splits[layer])[2]
        bytes_ = largest_weights(shape, self.setting.cuts.splits[layer], model.weight_bytes[layer])
        return block_of(shape, units, bytes_, self.chiplet)

    @cached_property
    def loads(self) -> Transfer:
        """Activations from DRAM: read once, along the tree from the interface to all who need them; `unicast`, once for
        each of them."""
        return together(self.setting.ready.network, self.ways_in) if len(self.ways_in) > 1 else self.ways_in[0]

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """What it loads, by the memory interface at which that lies, the own one first."""
        return sources_of(self.setting.ready, self.region, self.moved.from_dram, self.setting.lies)

    @cached_property
    def ways_in(self) -> tuple[Transfer, ...]:
        """Of each source what it sends in a micro-batch."""

        def way(source: Source, interface: int) -> Transfer:
            tensors = ((self.arriving(each), self.micro_batch * each.bytes_) for each in source.tensors)
            return self._from_dram(tensors, interface)

        net, interfaces = self.setting.ready.network, self.setting.ready.package.interfaces
        return tuple(
            way(each, each.interface) if each.certain else dearest(net, [way(each, at) for at in interfaces])
            for each in self.sources
        )

    @cached_property
    def far(self) -> Far:
        """What comes from other interfaces than its own."""
        if len(self.sources) == 1:
            return NOTHING
        read = [self.micro_batch * self.loaded_of(source.tensors) for source in self.sources]
        return far_of(self.setting.ready, self.sources, read, self.ways_in, self.micro_batch)

    def loaded_of(self, tensors: Sequence[Moved]) -> float:
        """Bytes of activations of one sample that DRAM reads."""
        if not self.unicast or len(self.stage.chiplets) == 1:
            return total(tensors)
        every = ((self.arriving(each), float(self.micro_batch * each.bytes_)) for each in tensors)
        return sum(self.read(wanted, bytes_) for wanted, bytes_ in every) / self.micro_batch

    def read(self, wanted: Floats, bytes_: float) -> float:
        """Bytes that DRAM reads where the region's chiplets want so many, of which so many are distinct."""
        return max(bytes_, float(wanted.sum())) if self.unicast else bytes_

    def arriving(self, moved: Moved) -> Floats:
        """Bytes of a tensor that each chiplet needs."""
        if len(self.stage.chiplets) == 1:
            return np.array([float(self.micro_batch * moved.bytes_)])
        return self.setting.wanted(self.number, moved.tensor).sizes * self.setting.entry_bytes(moved)

    def leaving(self, moved: Moved) -> Floats:
        """Bytes of a tensor that each chiplet owns."""
        if len(self.stage.chiplets) == 1:
            return np.array([float(self.micro_batch * moved.bytes_)])
        return self.setting.held(self.number, moved.tensor).sizes * self.setting.entry_bytes(moved)

    @cached_property
    def weights(self) -> tuple[Transfer, Transfer]:
        """All weights of the stage from DRAM, read once, to all who use them: those that the chiplets have parts of,
        and those that they all have."""
        s, chiplets = self.setting, len(self.stage.chiplets)
        alike: dict[object, Floats] = {}
        wanted: tuple[dict[object, float], ...] = ({}, {})
        for layer, copied, there in zip(self.stage.layers, self.need.copied, self.reuses, strict=True):
            if there:
                continue
            shape, split = s.model.layers[layer], s.cuts.splits[layer]
            key: object = (split.work, channel_units(shape), (shape.out_y, shape.out_x) if split.weights else ())
            if split.inputs > 1:
                key = split.inputs, shape.C
            if key not in alike:
                alike[key] = weight_shares(shape, split, chiplets)
            kind = wanted[1 if copied else 0]
            kind[key] = kind.get(key, 0.0) + s.model.weight_bytes[layer]
        parted, copied_ = (
            self._from_dram([(bytes_ * alike[key], bytes_) for key, bytes_ in kind.items()]) for kind in wanted
        )
        return parted, copied_

    @cached_property
    def copies(self) -> float:
        """How often DRAM reads the weights that all chiplets of the region use: once, or `unicast` once for each that
        has a part of the layer, on average over their bytes."""
        every = sum(self.need.copied)
        if not (self.unicast and every):
            return 1.0
        s, chiplets = self.setting, self.stage.chiplets
        used = (
            bytes_ * len(users(s.model.layers[layer], s.cuts.splits[layer], chiplets))
            for layer, bytes_ in zip(self.stage.layers, self.need.copied, strict=True)
        )
        return sum(used) / every

    def spread(self, bytes_: float) -> Transfer:
        """So many bytes from DRAM, a share to each chiplet of the region."""
        chiplets = len(self.stage.chiplets)
        return self._from_dram([(np.full(chiplets, bytes_ / chiplets), bytes_)])

    @cached_property
    def weight_bytes(self) -> int:
        """Of every layer, also where several have the same weights."""
        bytes_ = self.setting.model.weight_bytes
        return sum(bytes_[layer] for layer in self.stage.layers)

    @cached_property
    def reuses(self) -> tuple[bool, ...]:
        """Per layer, whether a layer before in the stage has the same weights."""
        return reuses(self.setting.model, self.stage, self.setting.cuts)

    @cached_property
    def reused(self) -> tuple[int, int]:
        """Of `weight_bytes` those of layers that reuse weights which the chiplets have parts of, and which all have."""
        found, model = [0, 0], self.setting.model
        for layer, copied, there in zip(self.stage.layers, self.need.copied, self.reuses, strict=True):
            if there:
                found[1 if copied else 0] += model.weight_bytes[layer]
        return found[0], found[1]

    @cached_property
    def byte_j(self) -> float:
        """Joules of a byte that enters or leaves an L2, on the region's class where it is most."""
        every = self.setting.ready.byte_j(self.setting.pipeline.task)
        return max(every[each] for each in self.region.classes)

    @cached_property
    def stores(self) -> Transfer:
        """Activations to DRAM, each part from its owner."""
        net = self.setting.ready.network
        return together(net, (self._to_interface(self.leaving(each)) for each in self.moved.to_dram))

    @cached_property
    def forwards(self) -> tuple[Transfer, ...]:
        """To each later stage that takes something."""
        return tuple(self._between(target, tensors, self.unicast) for target, tensors in self.moved.to_stages)

    @property
    def leaving_to_stages(self) -> tuple[Transfer, ...]:
        """To each later stage what leaves an L2, once however many want it."""
        if not self.unicast:
            return self.forwards
        return tuple(self._between(target, tensors, False) for target, tensors in self.moved.to_stages)

    @cached_property
    def received(self) -> float:
        """Bytes of a micro-batch from all earlier stages, as on the standard link: into the chiplet that gets most, or
        over the busiest of the links on the way, which between single chiplets, and alike, has no more to carry."""
        s, came = self.setting, self.moved.from_stages
        senders = sorted({self.number - distance for _, distance in came})
        single = all(len(s.pipeline.stages[each].chiplets) == 1 for each in (self.number, *senders))
        if single and s.ready.network.equal:
            return float(self.micro_batch * total(each for each, _ in came))
        works = [s.works[number] for number in senders]
        each = (dict(zip((at for at, _ in work.moved.to_stages), work.forwards, strict=True)) for work in works)
        receives = together(s.ready.network, (forwards[self.number] for forwards in each))
        links, _, into = loads(s.ready.network, receives)
        return max(_most(into), _most(links))

    @cached_property
    def exchanges(self) -> Mapping[int, Transfer]:
        """Per layer whose output is read in the stage, the transfer among the region's chiplets."""
        if len(self.stage.chiplets) == 1:
            return {}
        return {each.tensor: self._between(self.number, (each,), self.unicast) for each in self.moved.within}

    @cached_property
    def reductions(self) -> Mapping[int, Transfer]:
        """Per `reduced` layer, its partial sums to the chiplets that keep the sums."""
        s, chiplets = self.setting, self.stage.chiplets
        return {
            layer: reduction(
                s.ready.network_back, chiplets, s.held(self.number, layer), s.sum_bytes(layer), self.unicast
            )
            for layer in self.stage.layers
            if self.stage.partition(layer) is Partition.REDUCED
        }

    @cached_property
    def exchanged(self) -> Mapping[int, tuple[Transfer, ...]]:
        """Per layer, what moves among the region's chiplets of its output, one transfer after another."""
        if not self.reductions:
            return {layer: (one,) for layer, one in self.exchanges.items()}
        kinds = self.reductions, self.exchanges
        layers = (layer for layer in self.stage.layers if any(layer in each for each in kinds))
        return {layer: tuple(each[layer] for each in kinds if layer in each) for layer in layers}

    @cached_property
    def gathers(self) -> Transfer:
        """Every layer's weights that the region keeps once, from all mates to all that run a part."""
        s, chiplets = self.setting, len(self.stage.chiplets)
        by_users: dict[tuple[int, ...], float] = {}
        for layer, bytes_ in zip(self.stage.layers, self.need.copied, strict=True):
            some = users(s.model.layers[layer], s.cuts.splits[layer], self.stage.chiplets)
            by_users[some] = by_users.get(some, 0.0) + bytes_

        def gather(some: tuple[int, ...], bytes_: float) -> Transfer:
            share = np.full(chiplets, bytes_ / chiplets)
            wanted = np.repeat(share[:, None], len(some), axis=1)
            return transfer(s.ready.network, self.stage.chiplets, some, wanted, share, self.unicast)

        return together(s.ready.network, (gather(some, bytes_) for some, bytes_ in by_users.items()))

    def _between(self, target: int, tensors: Iterable[Moved], unicast: bool) -> Transfer:
        """Tensors of this stage to stage `target` (or to its own layers), in one transfer."""
        s = self.setting
        owners, readers = self.stage.chiplets, s.pipeline.stages[target].chiplets
        if len(owners) == len(readers) == 1:
            wanted = np.array([[float(self.micro_batch * total(tensors))]])
            return transfer(s.ready.network, owners, readers, wanted, wanted[0])

        def move(tensor: Moved) -> Transfer:
            held, wanted = s.held(self.number, tensor.tensor), s.wanted(target, tensor.tensor)
            return moved(s.ready.network, owners, readers, held, wanted, s.entry_bytes(tensor), unicast)

        return together(s.ready.network, map(move, tensors))

    def _from_dram(self, tensors: Iterable[tuple[Floats, float]], interface: int | None = None) -> Transfer:
        """(per chiplet of the region the bytes it wants, distinct bytes of all) per tensor; from another interface than
        the own one where it is named."""
        net, chiplets = self.setting.ready.network, self.stage.chiplets
        interface = self.region.interface if interface is None else interface
        return together(
            net,
            (
                transfer(net, (interface,), chiplets, wanted[None, :], np.array([float(bytes_)]), self.unicast)
                for wanted, bytes_ in tensors
            ),
        )

    def spills(self, wrote: float, back: float) -> Transfer:
        """So many bytes from the region's L2s to DRAM, and so many back."""
        chiplets = len(self.stage.chiplets)
        leaving = self._to_interface(np.full(chiplets, wrote / chiplets))
        return together(self.setting.ready.network, (leaving, self.spread(back)))

    def _to_interface(self, bytes_: Floats) -> Transfer:
        """Bytes of each chiplet of the region to the interface."""
        net = self.setting.ready.network
        return transfer(net, self.stage.chiplets, (self.region.interface,), bytes_[:, None], bytes_)


class EvaluatedStage(NamedTuple):
    """A stage with what it moves over the package's links in the whole window, by kind and in all, and what it asks of
    the DRAM that all share."""

    evaluation: StageEvaluation
    flows: tuple[Flow, ...]
    traffic: Transfer
    sharer: Sharer


def evaluate_stage(setting: Setting, number: int) -> EvaluatedStage:
    """Stage `number` of the pipeline, its weights kept in the better way."""
    work = setting.works[number]
    best, *others = ways_of(work)
    for other in others:
        best = other if better(best.terms, other.terms) else best
    return EvaluatedStage(_record(work, best), best.flows, best.traffic, best.sharer)


class KeptStage(NamedTuple):
    """A stage with its weights kept in one way.

    Args:
        demand, way: in distinct bytes; sharer: with the copies that DRAM reads, as the law costs it.
    """

    way: Way
    demand: Demand
    terms: Terms
    flows: tuple[Flow, ...]
    traffic: Transfer
    sharer: Sharer


def ways_of(work: StageWork) -> list[KeptStage]:
    """The stage with its weights kept in each way that there is."""

    rates, net = work.rates, work.setting.ready.network

    def keep(way: Way) -> KeptStage:
        flows = _flows(work, way)
        traffic = together(net, (flow.moved for flow in flows))
        demand = work.demand._replace(weights_hops=flows[0].moved.hops, hop_bytes=hop_bytes_of(net, traffic))
        asked, brought = copied_out(work, demand, way)
        terms = kept(asked, brought, rates) if work.setting.detailed else printed(asked, rates)
        elsewhere = tuple((at, work.setting.batch * bytes_) for at, bytes_ in work.far.by)
        return KeptStage(way, demand, terms, flows, traffic, Sharer(asked, brought, terms, *work.pool, elsewhere))

    return [keep(way) for way in work.ways]


def second_copies(work: StageWork, way: Way) -> tuple[float, float, float]:
    """Bytes beyond the distinct ones, where every copy is a transfer of its own: of all weights, of those that come
    with every micro-batch, and of those that are not read for every chiplet, as they are in the region or wait there
    once."""
    more = work.copies - 1.0
    if more == 0.0:
        return 0.0, 0.0, 0.0
    every, again = float(sum(work.need.copied)), work.reused[1]
    spared = again * (1.0 - way.copied / every) + way.gathered * (1.0 - again / every)
    return more * every, more * way.copied, more * spared


def copied_out(work: StageWork, demand: Demand, way: Way) -> tuple[Demand, Way]:
    """The demand and the way with all bytes of weights that DRAM reads. What fills L2s is what it would be else."""
    every, streamed, spared = second_copies(work, way)
    if every == 0.0:
        return demand, way
    k = work.setting.micro_batches
    weights, copied, found = demand.weights + every, way.copied + streamed, way.found + spared
    enters = demand.weights + (k - 1) * (from_dram(way) + way.gathered)
    comes = weights + (k - 1) * (way.parted + copied + way.gathered)
    fill_j = demand.weight_fill_j * (enters / demand.weights) / (comes / weights)
    asked = demand._replace(weights=weights, weight_fill_j=fill_j)
    if demand.reused:
        asked = asked._replace(
            reused=demand.reused + spared if way.keeping == IN_LOAD else found,
            reused_fill_j=demand.reused_fill_j * (way.found / demand.reused),
        )
    return asked, way._replace(copied=copied, found=found)


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
        compute_s=terms.compute_s,
        exchange_s=demand.exchange_s,
        pace_s=terms.pace_s,
        exposed_s=terms.exposed_s,
        weights_s=terms.weights_s,
        resident_s=terms.resident_s,
        load_s=terms.load_s,
        store_s=terms.store_s,
        spill_s=terms.spill_s,
        forward_s=demand.forward_s,
        receive_s=demand.receive_s,
        fill_s=terms.fill_s,
        ready_s=terms.ready_s,
        steady_s=terms.steady_s,
        last_fill_s=terms.last_fill_s,
        last_steady_s=terms.last_steady_s,
        overlaps=terms.overlaps,
        l2=_l2_use(work, made),
        bytes_=StageBytes(
            weights=terms.weights,
            again=terms.again or 0,
            load=terms.load,
            store=terms.store,
            spill=terms.spill or 0,
            forward=rounds * sum(moved.sent for moved in work.forwards),
            exchange=rounds * sum(moved.sent for some in work.exchanged.values() for moved in some),
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
        memory=_memory(work, terms),
        strips=_strips(work),
    )


def _strips(work: StageWork) -> tuple[tuple[int, int, int, int, float], ...]:
    """Each run of layers in strips: its ends, rows, how many strips, and bytes of L2."""
    model = work.setting.model
    return tuple(
        (run.first, run.last, run.rows, course_of(model, run).strips, need_of(model, run).total) for run in work.runs
    )


def _memory(work: StageWork, terms: Terms) -> tuple[tuple[int, float], ...]:
    """By memory interface, bytes from and to DRAM in the whole window; none where tensors are interleaved."""
    if work.setting.ready.package.placement is Placement.INTERLEAVED:
        return ()
    others = [(at, work.setting.batch * bytes_) for at, bytes_ in work.far.by]
    return ((work.region.interface, terms.dram - sum(bytes_ for _, bytes_ in others)), *others)


def _l2_use(work: StageWork, made: KeptStage) -> L2Use | None:
    """What L2 holds, for the record; nothing in `paper`. What is none is a whole 0."""
    way, demand = made.way, made.demand
    if way.keeping == IN_LOAD:
        return None
    streamed = from_dram(way)
    keeping = Keeping.STREAMED if streamed else Keeping.MATES if way.gathered else Keeping.RESIDENT
    spill = evicted(demand, way)
    return L2Use(
        keeping=keeping,
        fits=spill == 0,
        held_weights=way.pinned,
        activations=work.room.live,
        streamed=streamed or 0,
        gathered=way.gathered or 0,
        again=read_again(demand, way) or 0,
        spill=spill or 0,
    )


def _demand(work: StageWork) -> Demand:
    """What the stage asks for, but for the weights' way and what crosses links."""
    setting, rates, net = work.setting, work.rates, work.setting.ready.network
    layer_s, costs = work.layers
    exchange_s = {
        layer: sum(transfer_s(moved, net, rates) for moved in some) for layer, some in work.exchanged.items()
    }
    fill_j, drain_j = _fill_and_drain_j(work) if setting.detailed else _fill_and_drain_of_all_j(work)
    copied, chiplets = [bytes_ for bytes_ in work.need.copied if bytes_], len(work.stage.chiplets)
    slack = (0.0, 0.0, 0.0, 0.0) if not setting.detailed else work.kept
    more_s, more_j = work.blocks if setting.detailed else (np.zeros(len(layer_s)), 0.0)
    exposed, arrival = _streams(work, np.array(layer_s), more_s) if setting.detailed else (0.0, 0.0)
    return Demand(
        batch=setting.batch,
        micro_batch=work.micro_batch,
        last=max(
            last_share(setting.batch, work.micro_batch, setting.cuts.splits[layer].samples)
            for layer in work.stage.layers
        ),
        compute_s=sum(layer_s),
        exchange_s=sum(exchange_s.values()),
        pace_s=_pace_s(setting.model, work.stage, layer_s, exchange_s),
        blocks_s=float(more_s.sum()),
        blocks_j=more_j,
        exposed_s=exposed,
        arrival_s=arrival,
        forward_s=sum(transfer_s(moved, net, rates) for moved in work.forwards),
        store_port_s=_most(loads(net, work.stores)[1]) / rates.link_bytes_s,
        receive_s=work.received / rates.link_bytes_s if setting.detailed else 0.0,
        gather_s=work.region.slow * gather_byte_s(chiplets, rates),
        gather_fixed_s=gather_fixed_s(len(copied), work.region.span, rates),
        weights=work.weight_bytes,
        weights_hops=0,
        load=work.loaded_of(work.sources[0].tensors),
        load_hops=work.ways_in[0].hops,
        store=total(work.moved.to_dram),
        store_hops=work.stores.hops,
        dram_hops=work.region.dram_hops,
        evicted=chiplets * (slack[1] + slack[2]),
        waiting=2 * sum(float(work.arriving(each).sum()) for each, _ in work.waiting) if setting.detailed else 0,
        again=chiplets * slack[3],
        hop_bytes=0.0,
        mac_j=float(costs["mac_j"].sum()),
        l1_j=float(costs["l1_j"].sum()),
        l2_j=float(costs["l2_j"].sum()),
        noc_j=float(costs["noc_j"].sum()),
        fill_j=fill_j,
        drain_j=drain_j,
        weight_fill_j=float(costs["weight_load_j"].sum()) if setting.detailed else 0.0,
        reused=sum(work.reused),
        reused_fill_j=float(costs["weight_load_j"][np.array(work.reuses)].sum()) if setting.detailed else 0.0,
        byte_j=work.byte_j,
        far=work.far.bytes_,
        far_s=work.far.more_s,
        far_late_s=work.far.late_s,
        far_j=work.far.joules,
    )


def _most(bytes_: Floats) -> float:
    return float(bytes_.max(initial=0.0))


def _streams(work: StageWork, layer_s: Floats, more_s: Floats) -> tuple[float, float]:
    """(exposed_s, arrival_s) of the stage's weights in blocks (`law.Demand`)."""
    setting, stage = work.setting, work.stage
    if work.runs:
        return streams_of(_units_as_streams(work, layer_s, more_s))
    state, whole = np.zeros(6), np.zeros(6)
    open_stream(state)
    open_stream(whole)
    for at, layer in enumerate(stage.layers):
        bytes_ = setting.model.weight_bytes[layer]
        blocks = work.block(layer).number
        copies = work.copies if work.need.copied[at] else 1.0
        weights_s = copies * bytes_ / work.rates.dram_bytes_s
        stream_layer(layer_s[at] + more_s[at], weights_s, blocks, state)
        stream_layer(layer_s[at], 0.0 if work.reuses[at] else weights_s, blocks, whole)
    return exposed_s(state), float(whole[ARRIVAL])


def _units_as_streams(work: StageWork, layer_s: Floats, more_s: Floats) -> list[Stream]:
    """Of a stage with layers in strips."""
    found, first = [], work.stage.first
    for unit in units_of(work.setting.model, work.stage):
        here = slice(unit.first - first, unit.last + 1 - first)
        compute_s = float(layer_s[here].sum())
        bytes_ = [work.setting.model.weight_bytes[layer] for layer in unit.layers]
        new = sum(each for each, there in zip(bytes_, work.reuses[here], strict=True) if not there)
        all_s, new_s = (float(each) / work.rates.dram_bytes_s for each in (sum(bytes_), new))
        blocks = 1 if unit.run is not None else work.block(unit.last).number
        more = float(more_s[here].sum())
        found.append(Stream(compute_s, compute_s + more, all_s, new_s, blocks, unit.run is not None))
    return found


def _flows(work: StageWork, way: Way) -> tuple[Flow, ...]:
    """What the stage moves over the links in the whole window, its weights (the first flow) kept in this way."""
    setting, k = work.setting, work.setting.micro_batches
    rounds = setting.batch / work.micro_batch
    flows = [
        Flow("weights", None, _weights(work, way, k)),
        Flow("load", None, work.loads.times(rounds)),
        Flow("store", None, work.stores.times(rounds)),
        *(Flow("exchange", None, moved.times(rounds)) for some in work.exchanged.values() for moved in some),
        *(
            Flow("forward", target, moved.times(rounds))
            for (target, _), moved in zip(work.moved.to_stages, work.forwards, strict=True)
        ),
    ]
    if way.keeping == IN_LOAD:
        return tuple(flows)
    waiting = (1 - way.held) * work.demand.waiting / 2
    chiplets, (_, back, wrote, _) = len(work.stage.chiplets), work.kept
    if way.keeping == WHOLE:
        back = wrote = 0.0
    elif work.demand.again:
        flows.append(Flow("again", None, work.spread(work.demand.again).times(k)))
    if waiting or back or wrote:
        moved = work.spills(chiplets * wrote + waiting, chiplets * back + waiting)
        flows.append(Flow("spill", None, moved.times(rounds)))
    if way.gathered:
        share = way.gathered / sum(work.need.copied)
        flows.append(Flow("mates", None, work.gathers.times(k * share)))
    return tuple(flows)


def _weights(work: StageWork, way: Way, k: int) -> Transfer:
    """All weights in the whole window: once what stays, what is gathered to one chiplet each, the rest every time."""
    net = work.setting.ready.network
    if way.keeping == IN_LOAD:
        return together(net, work.weights).times(k)
    parted, copied = work.weights
    if way.keeping == WHOLE:
        return together(net, (parted, copied))
    again, again_copied = work.reused
    every = sum(work.need.copied) - again_copied
    alone = work.weight_bytes - every - again - again_copied
    parts = []
    if alone:
        # Layers that reuse what does not stay have it streamed anew, the first time, too.
        anew = again * way.parted / (alone + again)
        parts.append(parted.times(1 + ((k - 1) * way.parted + anew) / alone))
    once = way.gathered
    if every:
        uses = every + again_copied
        once, anew = way.gathered * (every / uses), way.copied * (again_copied / uses)
        parts.append(copied.times((every - once + (k - 1) * way.copied + anew) / every))
    if way.gathered:
        parts.append(work.spread(once))
    return together(net, parts)


def _pace_s(model: Model, stage: Stage, layer_s: Sequence[float], exchange_s: Mapping[int, float]) -> float:
    """Compute and exchange side by side: per layer, with what rides with it, the longer of the two."""
    pace_s, of_unit = 0.0, [0.0, 0.0]
    ends = {last for _, last in model.units}
    for layer, seconds in zip(stage.layers, layer_s, strict=True):
        of_unit = [of_unit[0] + seconds, of_unit[1] + exchange_s.get(layer, 0.0)]
        if layer in ends:
            pace_s, of_unit = pace_s + max(of_unit), [0.0, 0.0]
    return pace_s


def _second_buffer(work: StageWork) -> float:
    """Bytes of a second copy of the largest parts that a micro-batch brings in, sends out and exchanges."""
    moved = work.moved
    came = [*moved.from_dram, *(each for each, _ in moved.from_stages)]
    if len(work.stage.chiplets) == 1:
        sent = sum(total(tensors) for _, tensors in moved.to_stages)
        return float(work.micro_batch * (total(came) + total(moved.to_dram) + sent))
    second = sum(float(work.arriving(each).max()) for each in came)
    second += sum(float(work.leaving(each).max()) for each in moved.to_dram)
    second += sum(float(each.out.max()) for each in work.leaving_to_stages)
    received = [float(each.into.max()) for each in work.exchanges.values()]
    # Partial sums wait where they were made until they are sent.
    received += [float(each.into.max() + each.out.max()) for each in work.reductions.values()]
    return second + max(received, default=0.0)


def _fill_and_drain_of_all_j(work: StageWork) -> tuple[float, float]:
    """`paper`: cost of b samples = b * cost of one, every fill (the weights' too) and drain included."""
    costs = work.layers[1]
    fill_j = float((costs["fill_input_j"] + costs["fill_weight_j"]).sum()) + _sums_fill_j(work)
    return fill_j, float(costs["drain_output_j"].sum())


def _sums_fill_j(work: StageWork) -> float:
    """Of one sample, partial sums that enter an L2, to be added to those that are there."""
    model, layers = work.setting.model, work.reductions
    bytes_ = sum(model.sum_bytes(model.tensor_elements(layer)) for layer in layers)
    return work.byte_j * (len(work.stage.chiplets) - 1) * bytes_ if layers else 0.0


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
        elif layer in work.reductions:  # of the partial sums all but those that stay
            drain += float(costs["drain_output_j"][at]) * (1.0 - 1.0 / len(stage.chiplets))
        if model.sum_bits and layer in work.reductions:  # these are wider than what is drained else
            wider = model.sum_width / model.activation_width - 1.0
            drain += float(costs["drain_output_j"][at]) * wider * (1.0 - 1.0 / len(stage.chiplets))
    return fill + _sums_fill_j(work), drain


def _from_outside(work: StageWork, edge: Edge) -> float:
    """Of what an edge brings to its reader, the share that the chiplets do not make themselves."""
    if edge.producer < work.stage.first:
        return 1.0
    if len(work.stage.chiplets) == 1:
        return 0.0
    need = work.setting.cuts.need(edge.producer, [edge.consumer], len(work.stage.chiplets)).boxes[0]
    own = meet(need, work.setting.held(work.number, edge.producer).boxes)
    return 1.0 - float(sizes(own).sum() / sizes(need).sum())
