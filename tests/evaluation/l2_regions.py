"""The oracle of L2 on regions: who makes and who needs what, cell by cell, from docs/regions.md."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from chipweave.evaluation.record import Split
from chipweave.hardware.chiplet import Chiplet
from chipweave.plan.problem import Problem
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Model
from tests.evaluation.l2_oracle import Played, Tensor, Work, block_units, case_of, play, side_of

Range = tuple[int, int]
Box = tuple[Range, Range, Range, Range]
"""Samples, rows, columns and channels."""
Cells = set[tuple[int, ...]]


def cut(length: int, parts: int, part: int) -> Range:
    return part * length // parts, (part + 1) * length // parts


def cells(box: Box) -> Cells:
    return set(product(*(range(*side) for side in box)))


def hull(boxes: Iterable[Box | None]) -> Box | None:
    real = [box for box in boxes if box is not None and cells(box)]
    if not real:
        return None
    low = [min(box[axis][0] for box in real) for axis in range(4)]
    high = [max(box[axis][1] for box in real) for axis in range(4)]
    return (low[0], high[0]), (low[1], high[1]), (low[2], high[2]), (low[3], high[3])


def shared(length: int, parts: int, number: int, split: Split) -> Range:
    """A part of an axis that is cut in equal parts, or in proportion to weights: in quanta, whose size is a power of
    two, 24 or more to the axis and three or more to the part."""
    if not split.weights or parts == 1:
        return cut(length, parts, number)
    step = 1
    while 2 * step * max(24, 3 * parts) <= length:
        step += step
    earned = [Fraction(sum(split.weights[:end]), sum(split.weights)) for end in (number, number + 1)]
    quanta = math.ceil(Fraction(length, step))
    low, high = (min(length, step * math.floor(quanta * share)) for share in earned)
    return low, high


@dataclass(frozen=True)
class Tile:
    """A chiplet's part of a layer's outputs: samples, rows, columns, and units of channels."""

    samples: Range
    rows: Range
    columns: Range
    units: Range


def tile(layer: Layer, split: Split, partition: Partition, samples: int, chiplet: int) -> Tile | None:
    """What a chiplet of the region makes, None where it has no part."""
    units = layer.groups if layer.groups > 1 else layer.K
    if partition is Partition.INPUT_SHARED:
        if chiplet >= split.units:
            return None
        some = shared(units, split.units, chiplet, split)
        return Tile((0, samples), (0, layer.out_y), (0, layer.out_x), some) if some[0] < some[1] else None
    if chiplet >= split.samples * split.rows * split.columns:
        return None
    rest, column = divmod(chiplet, split.columns)
    sample, row = divmod(rest, split.rows)
    rows, columns = shared(layer.out_y, split.rows, row, split), shared(layer.out_x, split.columns, column, split)
    if rows[0] == rows[1] or columns[0] == columns[1]:
        return None
    return Tile(cut(samples, split.samples, sample), rows, columns, (0, units))


def channels(layer: Layer, units: Range, whole: int) -> Range:
    """Channels of a tensor with `whole` of them that belong to units of the layer."""
    count = layer.groups if layer.groups > 1 else layer.K
    return units[0] * whole // count, units[1] * whole // count


def made(layer: Layer, part: Tile | None) -> Box | None:
    return None if part is None else (part.samples, part.rows, part.columns, channels(layer, part.units, layer.K))


def reach(layer: Layer, axis: int, out: Range) -> Range:
    """Rows (columns) of the input that outputs read."""
    size, length, taps = ((layer.Y, layer.out_y, layer.R), (layer.X, layer.out_x, layer.S))[axis]
    stride, padding, span = layer.stride[axis], layer.padding[axis], layer.dilation[axis] * (taps - 1)
    if layer.op in (Op.GEMM, Op.MATMUL, Op.ELEMENTWISE):
        low, high = out
    elif layer.op is Op.UPSAMPLE:
        low, high = out[0] // stride, -(-out[1] // stride)
    elif layer.op is Op.TRANSPOSED:
        hits = [i for i in range(size) if i * stride - padding < out[1] and i * stride - padding + span >= out[0]]
        low, high = (hits[0], hits[-1] + 1) if hits else (0, 0)
    else:
        low, high = out[0] * stride - padding, (out[1] - 1) * stride - padding + span + 1
    low, high = 0 if out[0] == 0 else low, size if out[1] == length else high
    return min(max(low, 0), size), min(max(high, 0), size)


def mapped(part: Range, length: int, whole: int) -> Range:
    """A range of an axis where the tensor has another size."""
    return (part[0] * whole // length, -(-part[1] * whole // length)) if length != whole else part


def needs(
    layer: Layer, part: Tile | None, partition: Partition, operand: int, extent: tuple[int, int, int]
) -> Box | None:
    """What a chiplet reads of the tensor that is an operand of its layer."""
    if part is None:
        return None
    rows, columns, whole = extent
    second = layer.op is Op.MATMUL and operand >= 1
    if partition is Partition.INPUT_SHARED:
        taken = (0, whole)
        if layer.groups > 1 or second:
            count = layer.groups if layer.groups > 1 else layer.K
            taken = mapped(part.units, count, whole)
        return part.samples, (0, rows), (0, columns), taken
    if second:
        return part.samples, (0, rows), (0, columns), (0, whole)
    return (
        part.samples,
        mapped(reach(layer, 0, part.rows), layer.Y, rows),
        mapped(reach(layer, 1, part.columns), layer.X, columns),
        (0, whole),
    )


class Layout:
    """The cells of every tensor of a stage on its region."""

    def __init__(self, model: Model, stage: Stage, splits: dict[int, Split], samples: int) -> None:
        self.model, self.stage, self.splits, self.samples = model, stage, splits, samples

    def extent(self, tensor: int) -> tuple[int, int, int]:
        if tensor == NETWORK_INPUT:
            reader = self.model.layers[self.model.input_readers[0].consumer]
            return reader.Y, reader.X, reader.C
        return self.model.layers[tensor].out_y, self.model.layers[tensor].out_x, self.model.layers[tensor].K

    def part(self, layer: int, chiplet: int) -> Tile | None:
        return tile(self.model.layers[layer], self.splits[layer], self.stage.partition(layer), self.samples, chiplet)

    def owned(self, tensor: int, chiplet: int) -> Fraction:
        """The share of a tensor that a chiplet makes."""
        box = made(self.model.layers[tensor], self.part(tensor, chiplet))
        return self.share(tensor, cells(box) if box else set())

    def share(self, tensor: int, some: Cells) -> Fraction:
        return Fraction(len(some), self.samples * math.prod(self.extent(tensor)))

    def needed_cells(self, tensor: int, readers: Iterable[int], chiplet: int) -> Cells:
        """The union of one hull for each way in which readers are cut, of at most four ways."""
        ways: dict[Split, list[Box | None]] = {}
        for reader in readers:
            split = self.splits[reader]
            way = split if split in ways or len(ways) < 4 else list(ways)[-1]
            for operand, edge in enumerate(self.model.operands[reader]):
                if edge.producer == tensor:
                    box = needs(
                        self.model.layers[reader],
                        self.part(reader, chiplet),
                        self.stage.partition(reader),
                        operand,
                        self.extent(tensor),
                    )
                    ways.setdefault(way, []).append(box)
        hulls = [hull(boxes) for boxes in ways.values()]
        return set().union(*(cells(box) for box in hulls if box))

    def needed(self, tensor: int, readers: Iterable[int]) -> Fraction:
        """The share of a tensor that the chiplet needs that needs most."""
        return max(self.needed_by_each(tensor, readers))

    def needed_by_each(self, tensor: int, readers: Iterable[int]) -> list[Fraction]:
        """The share of a tensor that each chiplet needs."""
        several = list(readers)
        every = (self.needed_cells(tensor, several, chiplet) for chiplet in range(len(self.stage.chiplets)))
        return [self.share(tensor, some) for some in every]


def largest(length: int, parts: int, split: Split) -> int:
    """Of the parts of an axis."""
    ends = [shared(length, parts, number, split) for number in range(parts)]
    return max(high - low for low, high in ends)


def part_work(layer: Layer, split: Split, partition: Partition, chiplet: Chiplet, element: int) -> Work:
    """What the largest part of a layer asks for.

    A piece in flight has the columns of the input in proportion to those of the output, and all columns of a product's
    second operand: the page says no more than "the largest part's columns and channels".
    """
    count = layer.groups if layer.groups > 1 else layer.K
    units = largest(count, split.units, split) if partition is Partition.INPUT_SHARED else count
    weights = layer.weight_elements * element * units // count
    outputs, groups = layer.K * units // count, layer.groups * units // count if layer.groups > 1 else 1
    inputs = layer.C * units // count if layer.groups > 1 else layer.C
    if layer.op is Op.MATMUL:
        inner, columns = inputs // groups, layer.K // layer.groups
        grain = inner * columns + inner + columns
    else:
        across = largest(layer.out_x, split.columns, split)
        wide = -(-layer.X * across // layer.out_x)
        grain = min(layer.Y, layer.dilation[0] * (layer.R - 1) + 1) * wide * inputs + across * outputs
    return Work(weights, block_units(weights, units, chiplet, side_of(chiplet, layer)), units, grain * element, 0, 0)


@dataclass(frozen=True)
class RegionCase:
    """A stage on a region: its tensors as the chiplet that needs most sees them, in units of a share of a byte."""

    played: Played
    unit: int
    live: Fraction
    second: Fraction
    waiting: Fraction
    copies: Fraction
    parted: int
    shared: int
    parted_bytes: int
    l2_bytes: int
    chiplets: int


def region_case(
    problem: Problem, schedule: Schedule, window: int, pipeline: Pipeline, stage: Stage, splits: dict[int, Split]
) -> RegionCase:
    """Everything that the page's account asks for, on a region."""
    model, samples = problem.scenario.tasks[pipeline.task].model, pipeline.micro_batch
    element, package = model.bytes_per_element, problem.package
    least = min((package.chiplets[number] for number in stage.chiplets), key=lambda chiplet: chiplet.l2_bytes)
    layout = Layout(model, stage, splits, samples)
    plain = case_of(problem, schedule, window, pipeline, stage)
    works = [part_work(model.layers[i], splits[i], stage.partition(i), least, element) for i in stage.layers]
    numbers = [
        producer
        for producer in range(NETWORK_INPUT, stage.last + 1)
        if producer in stage.layers or any(e.consumer in stage.layers for e in model.readers(producer))
    ]
    alive = [Fraction(0)] * len(works)
    second, waiting, copies, received = Fraction(0), Fraction(0), Fraction(0), Fraction(0)
    sizes: list[tuple[Tensor, dict[int, Fraction], dict[int, Fraction]]] = []
    for producer, tensor in zip(numbers, plain.tensors, strict=True):
        readers = [layer + stage.first for layer in tensor.reads]
        needed = {
            reader - stage.first: tensor.size * layout.needed(producer, [r for r in readers if r >= reader])
            for reader in readers
        }
        reads = {layer: needed[layer] * tensor.reads[layer] / tensor.size for layer in tensor.reads}
        sizes.append((tensor, needed, reads))
        for layer in range(len(works)):
            later = [needed[reader] for reader in sorted(needed) if reader >= layer]
            if tensor.maker == layer:
                alive[layer] += tensor.size * max(layout.owned(producer, i) for i in range(len(stage.chiplets)))
            elif later and (tensor.maker is None or tensor.maker < layer):
                alive[layer] += later[0]
        most = next(iter(needed.values()), Fraction(0))
        if tensor.maker is None:
            second += most * tensor.brought / tensor.size
            waiting += tensor.wait * most * tensor.brought / tensor.size
            if tensor.wait:  # each chiplet holds what it needs, also where others need the same
                copies += tensor.brought * sum(layout.needed_by_each(producer, readers))
        else:
            own = max(layout.owned(producer, i) for i in range(len(stage.chiplets)))
            second += own * (tensor.stored + sum(tensor.sent.values()))
            received = max(received, _received(layout, producer, readers, tensor))
    unit = math.lcm(*(part.denominator for _, a, b in sizes for part in (*a.values(), *b.values())))
    scaled = [_scaled(tensor, needed, reads, unit) for tensor, needed, reads in sizes]
    larger = [Work(w.weights * unit, w.units, w.channels, w.grain * unit, 0, 0) for w in works]
    whole = {i: model.layers[i].weight_elements * element for i in stage.layers}
    parts = [i for i in stage.layers if stage.partition(i) is Partition.INPUT_SHARED]
    return RegionCase(
        play(least.l2_bytes * unit, larger, scaled),
        unit,
        max(alive),
        second + received,
        waiting,
        copies,
        sum(works[i - stage.first].weights for i in parts),
        sum(whole[i] for i in stage.layers if i not in parts),
        sum(whole[i] for i in parts),
        least.l2_bytes,
        len(stage.chiplets),
    )


def _received(layout: Layout, producer: int, readers: list[int], tensor: Tensor) -> Fraction:
    """The most that a chiplet receives of what its mates make, of what the stage reads of it."""
    most = Fraction(0)
    for chiplet in range(len(layout.stage.chiplets)):
        box = made(layout.model.layers[producer], layout.part(producer, chiplet))
        foreign = layout.needed_cells(producer, readers, chiplet) - (cells(box) if box else set())
        most = max(most, layout.share(producer, foreign) * min(sum(tensor.reads.values()), tensor.size))
    return most


def _scaled(tensor: Tensor, needed: dict[int, Fraction], reads: dict[int, Fraction], unit: int) -> Tensor:
    return Tensor(
        int(unit * next(iter(needed.values()), Fraction(0))),
        {layer: int(unit * part) for layer, part in reads.items()},
        tensor.maker,
        tensor.loaded,
        tensor.in_dram,
        tensor.fused,
        needed={layer: int(unit * part) for layer, part in needed.items()},
    )


@dataclass(frozen=True)
class RegionKept:
    """What stays on a region and what comes with every micro-batch, in one way."""

    pinned: float
    streamed: float
    gathered: float
    again: float
    spill: float
    overlaps: bool


def region_kept(case: RegionCase, way: str) -> RegionKept | None:
    """The weights of a region kept in one of the page's ways; None where that is not possible."""
    n, whole = case.chiplets, way == "all"
    all_weights = case.parted + case.shared
    slack = Fraction(case.played.slack, case.unit)
    if whole:
        slack = case.l2_bytes - all_weights - case.live
    if slack < 0:
        return None
    room = slack - case.waiting
    held = min(Fraction(1), slack / case.waiting) if case.waiting else Fraction(1)
    for_weights = max(Fraction(0), room if way == "most" else room - case.second)
    if whole:
        for_weights = Fraction(all_weights)
    own = min(Fraction(case.parted), for_weights)
    left = for_weights - own
    streamed = case.parted_bytes * (1 - own / case.parted) if case.parted else Fraction(0)
    common, gathered, everywhere = Fraction(case.shared), Fraction(0), left
    if common <= left:
        everywhere = common
    else:
        gathered = min((common - left) * n / (n - 1), n * left)
        everywhere = max(Fraction(0), left - gathered / n)
        streamed += common - everywhere - gathered
    pinned = own + everywhere + gathered / n
    again, spill = (0, 0) if whole else (case.played.again, case.played.wrote + case.played.back)
    free = room if whole else room - pinned if way == "most" else room
    return RegionKept(
        float(pinned),
        float(streamed),
        float(gathered),
        float(Fraction(n * again, case.unit)),
        float(Fraction(n * spill, case.unit) + 2 * (1 - held) * case.copies),
        bool(free >= case.second),
    )


def region_ways(case: RegionCase, micro_batches: int) -> list[RegionKept]:
    """Those with the fewest bytes from and to DRAM; the page then takes the fastest of them.

    Fewer pins cost no bytes where neither DRAM nor mates send more with a further micro-batch.
    """
    most, fewer = region_kept(case, "most"), region_kept(case, "fewer")
    assert most is not None
    assert fewer is not None
    more = fewer.streamed > most.streamed or fewer.gathered > most.gathered
    ways = [most if more else fewer]
    whole = region_kept(case, "all")
    if whole is not None:
        ways.append(whole)
    moved = [(micro_batches - 1) * way.streamed + micro_batches * (way.again + way.spill) for way in ways]
    return [way for way, bytes_ in zip(ways, moved, strict=True) if bytes_ <= min(moved) * (1 + 1e-9)]
