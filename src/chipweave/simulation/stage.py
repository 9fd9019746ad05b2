"""A stage as the machine runs it: what it computes and moves with every micro-batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chipweave.evaluation.exact.demand import Setting, StageWork, second_copies, ways_of
from chipweave.evaluation.law import BLOCKS, Way, better, last_share
from chipweave.simulation.machine import Machine
from chipweave.simulation.pins import Laden, Weights, kept, waits_s
from chipweave.simulation.transfers import Carried, Carrier, Floor


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a full micro-batch.

    Args:
        seconds: of its slowest part, in blocks where weights come in blocks; whole_s: as one.
        weights: None where it has none.
    """

    seconds: float
    whole_s: float
    weights: Weights | None


@dataclass(frozen=True, slots=True)
class Unit:
    """A layer with those that ride with it, and what of their outputs the region's chiplets exchange."""

    layers: tuple[Layer, ...]
    exchanges: tuple[Carried, ...]


@dataclass(frozen=True, slots=True)
class Forward:
    """To a later stage: how many stages are between, and what goes there."""

    target: int
    between: int
    carried: Carried


@dataclass(frozen=True)
class StageRun:
    """A stage in its window.

    Args:
        number: in its pipeline.
        overlaps: there is room for a second copy of what a micro-batch brings and takes.
        units: what it computes.
        last_share: of the time of computing and exchanges, what the last micro-batch takes.
        parted, copied: all weights of which the chiplets have parts, and those that they all have.
        mates_load: what waits once in the region, from DRAM; mates: as it is gathered; mates_share: its part of the
            copied weights that do not stream.
        exposed_s: seconds for which a micro-batch's computing waits for blocks.
        resident_bytes: of weights that stay; received_bytes: of a micro-batch, from earlier stages, into the chiplet
            that gets most, or on the busiest link on the way.
        dram_bytes_s: of the region's memory interface; copies: how often DRAM reads what all chiplets use.
    """

    number: int
    chiplets: tuple[int, ...]
    overlaps: bool
    units: tuple[Unit, ...]
    last_share: float
    load: Carried | None
    store: Carried | None
    again: Carried | None
    spill: Carried | None
    forwards: tuple[Forward, ...]
    parted: Carried | None
    copied: Carried | None
    weights_bytes: tuple[float, float]
    mates_load: Carried | None
    mates: Carried | None
    mates_share: float
    exposed_s: float
    resident_bytes: float
    received_bytes: float
    dram_bytes_s: float
    copies: float

    @property
    def layers(self) -> tuple[Layer, ...]:
        return tuple(layer for unit in self.units for layer in unit.layers)

    @property
    def compute_s(self) -> float:
        return sum(layer.seconds for layer in self.layers)


def stage_run(setting: Setting, number: int, floor: Floor, machine: Machine) -> StageRun:
    """Stage `number` of a pipeline, its weights kept as the evaluator keeps them."""
    work = setting.works[number]
    way, rates = _way(work), work.rates
    in_blocks, chiplets = way.keeping == BLOCKS, len(work.stage.chiplets)
    carrier = Carrier(work, floor, machine)

    copied = float(sum(work.need.copied))
    parted = work.weight_bytes - copied
    laden = _laden(work, in_blocks)
    pinned = parted - way.parted, copied - way.copied
    weights = kept(laden, pinned, rates.dram_bytes_s)
    read = [replace(each, bytes_=each.bytes_ * work.copies) if each.copied else each for each in laden]
    waits = sum(map(sum, waits_s(read, rates.dram_bytes_s))) if in_blocks else 0.0
    every, streamed, found = second_copies(work, way)

    layers = [Layer(*each) for each in zip((own.seconds for own in laden), work.layers[0], weights, strict=True)]
    # Copies without room go to DRAM and come back, as what the keep pass evicts on each chiplet does.
    waiting = (1.0 - way.held) * sum(float(work.arriving(each).sum()) for each, _ in work.waiting)
    _, back, wrote, again = (chiplets * each if in_blocks else 0.0 for each in work.kept)
    leaves, returns = wrote + waiting, back + waiting
    return StageRun(
        number=number,
        chiplets=work.stage.chiplets,
        overlaps=way.overlaps,
        units=_units(work, layers, carrier),
        last_share=max(
            last_share(setting.batch, work.micro_batch, setting.cuts.splits[layer].samples)
            for layer in work.stage.layers
        ),
        load=carrier.loads(),
        store=carrier.stores(),
        again=carrier.spread(again) if again else None,
        spill=carrier.spills(leaves, returns) if leaves or returns else None,
        forwards=tuple(
            Forward(target, target - number - 1, made)
            for target, tensors in work.moved.to_stages
            if (made := carrier.between(target, tensors)) is not None
        ),
        parted=carrier.weights(False) if parted else None,
        copied=carrier.weights(True) if copied else None,
        weights_bytes=(parted, copied),
        mates_load=carrier.spread(way.gathered) if way.gathered else None,
        mates=carrier.gathers(way.gathered) if way.gathered else None,
        mates_share=way.gathered / pinned[1] if way.gathered else 0.0,
        exposed_s=max(0.0, waits - (sum(pinned) + every - streamed) / rates.dram_bytes_s),
        resident_bytes=sum(pinned) - way.found + (every - streamed - found),
        dram_bytes_s=rates.dram_bytes_s,
        copies=work.copies,
        received_bytes=work.received,
    )


def _way(work: StageWork) -> Way:
    """How the evaluator keeps the stage's weights."""
    if len(work.ways) == 1:
        return work.ways[0]
    one, other = ways_of(work)
    return other.way if better(one.terms, other.terms) else one.way


def _laden(work: StageWork, in_blocks: bool) -> list[Laden]:
    """The stage's layers; what blocks take longer counts where weights come in blocks."""
    model, seconds = work.setting.model, work.layers[0]
    more_s = work.blocks[0]
    found = []
    for place, layer in enumerate(work.stage.layers):
        bytes_ = float(model.weight_bytes[layer])
        own_s = float(seconds[place] + more_s[place]) if in_blocks else float(seconds[place])
        copied, reused = work.need.copied[place] > 0, work.reuses[place]
        found.append(Laden(own_s, bytes_, work.block(layer).number, copied, reused))
    return found


def _units(work: StageWork, layers: Sequence[Layer], carrier: Carrier) -> tuple[Unit, ...]:
    """Layers with those that ride with them."""
    ends = {last for _, last in work.setting.model.units}
    within = {each.tensor: each for each in work.moved.within} if len(work.stage.chiplets) > 1 else {}
    units: list[Unit] = []
    own: list[Layer] = []
    exchanges: list[Carried] = []
    for layer, run in zip(work.stage.layers, layers, strict=True):
        own.append(run)
        sums = carrier.sums(layer) if layer in work.reductions else None
        moved = carrier.between(work.number, (within[layer],)) if layer in within else None
        exchanges += [made for made in (sums, moved) if made is not None]
        if layer in ends:
            units.append(Unit(tuple(own), tuple(exchanges)))
            own, exchanges = [], []
    if own:
        units.append(Unit(tuple(own), tuple(exchanges)))
    return tuple(units)
