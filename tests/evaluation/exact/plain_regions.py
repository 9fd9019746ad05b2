"""A slow, obvious twin of stages on regions (docs/regions.md): every element of every tensor is counted one by one.

A tensor of a micro-batch is a set of elements (sample, row, column, channel). Who owns an element is who computes it;
who needs it is found by following what every output element reads. All traffic is then a matter of counting elements
per pair of chiplets and per link. Written from the documentation alone; it shares nothing with the evaluator but the
plan, the package's routes and the cost model.

One task; edges carry whole tensors. The copies of an operator in a sample (`N`) are one element, as much larger.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import pairwise, product
from typing import NamedTuple, TypeVar

import numpy as np

from chipweave.cost.interface import BatchCostModel, CostModel, LayerCosts
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package, Routing
from chipweave.plan.problem import Fidelity, Problem
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Model
from tests.evaluation.exact.plain_links import joules, links_s, ports_s, slowest_bytes_s, way_s
from tests.evaluation.exact.plain_memory import (
    Asks,
    Books,
    Pins,
    Running,
    arrival_s,
    blocks_of,
    exposed_s,
    fused,
    grain_of,
    keep,
    ways_of,
)

Element = tuple[int, ...]
"""(sample, row, column, channel), or (unit, number within the unit) of weights."""
Elements = AbstractSet[Element]
Shape = tuple[int, int, int, int]
Box = tuple[tuple[int, int], ...]
Key = TypeVar("Key")
Holders = Mapping[int, Elements]
"""Per chiplet number, the elements of one tensor that it owns or needs."""


@dataclass(frozen=True)
class Proportional:
    """A cost model in which more work never takes less time: all figures are linear in the layer's sizes."""

    name: str = "proportional"

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        salt = 1 + len(chiplet.name) % 3
        work = np.array([layer.macs or layer.output_elements * layer.R * layer.S for layer in layers], float)
        brought = np.array([layer.input_elements for layer in layers], float)
        weights = np.array([layer.weight_elements for layer in layers], float)
        made = np.array([layer.output_elements for layer in layers], float)
        return LayerCosts(
            cycles=salt * work + 3 * brought,
            mac_j=1e-9 * work,
            l1_j=2e-9 * salt * work,
            l2_j=3e-9 * made,
            noc_j=5e-9 * brought,
            fill_input_j=7e-9 * salt * brought,
            fill_weight_j=11e-9 * salt * weights,
            drain_output_j=13e-9 * salt * made,
            l2_need_elements=0 * work,
        )


@dataclass(frozen=True)
class Together(Proportional):
    """As `Proportional`; samples that run together share what each of them takes beside its work, and a MAC of theirs
    costs less: n of them as many cycles and joules as (n + 1) / 2."""

    name: str = "together"

    def batch_costs(self, layers: Sequence[Layer], chiplet: Chiplet, samples: int) -> LayerCosts:
        one = self.costs(layers, chiplet)
        fixed = 40.0 + 5.0 * np.array([layer.K % 3 for layer in layers])
        cycles = fixed + (one.cycles - fixed) * (samples + 1) / 2
        return LayerCosts(cycles, *(values * (samples + 1) / 2 for values in list(vars(one).values())[1:]))

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        one = super().costs(layers, chiplet)
        return replace(one, cycles=one.cycles + 40.0 + 5.0 * np.array([layer.K % 3 for layer in layers]))


def figures_of(tile: Layer, chiplet: Chiplet, samples: int, cost_model: CostModel, detailed: bool) -> dict[str, float]:
    """Of so many samples: together where the model knows them and fidelity is `detailed`, else so many times one's.

    What fills and drains L2 is so many times one's, the weights' once.
    """
    one = {name: float(values[0]) for name, values in vars(cost_model.costs([tile], chiplet)).items()}
    many = {name: samples * value for name, value in one.items()}
    if detailed and isinstance(cost_model, BatchCostModel):
        made = {
            name: float(values[0]) for name, values in vars(cost_model.batch_costs([tile], chiplet, samples)).items()
        }
        many |= {name: made[name] for name in ("cycles", "mac_j", "l1_j", "l2_j", "noc_j")}
    return many | {"fill_weight_j": one["fill_weight_j"]}


# Parts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """What one chiplet of a region computes of a layer: output elements, weights, and the tile as a layer; of which
    input channels it makes partial sums, if not of all."""

    outputs: Elements
    samples: int
    tile: Layer
    weights: Elements
    inputs: range | None = None


def cut(length: int, parts: int) -> list[range]:
    return [range(p * length // parts, (p + 1) * length // parts) for p in range(parts)]


def lines_read(layer: Layer, axis: int, count: int) -> int:
    """Rows (columns) that so many consecutive outputs read, padding included."""
    if layer.op in (Op.GEMM, Op.MATMUL, Op.ELEMENTWISE):
        return count
    if layer.op in (Op.TRANSPOSED, Op.UPSAMPLE):
        return -(-count // layer.stride[axis])
    return (count - 1) * layer.stride[axis] + layer.dilation[axis] * ((layer.R, layer.S)[axis] - 1) + 1


def tile_layer(layer: Layer, rows: int, columns: int) -> Layer:
    """The tile as a layer of its own: a cut axis has what its outputs read and no padding."""
    size, padding = [layer.Y, layer.X], list(layer.padding)
    lengths, outs = (rows, columns), (layer.out_y, layer.out_x)
    for axis in (0, 1):
        if lengths[axis] < outs[axis]:
            size[axis] = lines_read(layer, axis, lengths[axis])
            padding[axis] = 0
    return replace(layer, Y=size[0], X=size[1], padding=(padding[0], padding[1]), out_y=rows, out_x=columns)


def ends_by(length: int, weights: Sequence[int]) -> list[range]:
    """An axis in proportion to weights, in whole quanta: the last may be short, parts of little weight empty."""
    step = quantum(length, len(weights))
    quanta = -(-length // step)
    ends = [min(length, step * (quanta * sum(weights[:p]) // sum(weights))) for p in range(len(weights) + 1)]
    return [range(start, end) for start, end in pairwise(ends)]


def quantum(length: int, parts: int) -> int:
    """The largest power of two of which an axis has 24, and three for each part; else 1."""
    return max([1, *(2**power for power in range(20) if 2**power * max(24, 3 * parts) <= length)])


def seconds(layer: Layer, region: Sequence[Chiplet], cost_model: CostModel) -> float:
    """One sample on the region's slowest class."""
    return max(float(cost_model.costs([layer], chiplet).cycles[0]) / chiplet.clock_hz for chiplet in region)


def channels_of(layer: Layer, units: int) -> Layer:
    """The part of a layer with so many of its units of channels."""
    grouped = layer.groups > 1
    channels = layer.K // units_of(layer) * units
    inputs = layer.C * units // layer.groups if grouped else layer.C
    return replace(layer, K=channels, C=inputs, groups=units if grouped else 1)


def units_of(layer: Layer) -> int:
    """The units over which `input_shared` splits."""
    return layer.groups if layer.groups > 1 else layer.K


def _weights(layer: Layer, units: Iterable[int]) -> Elements:
    each = layer.weight_elements // units_of(layer)
    return {(unit, number) for unit in units for number in range(each)}


def best_split(
    layer: Layer, region: Sequence[Chiplet], micro_batch: int, cost_model: CostModel
) -> tuple[int, int, int]:
    """(nb, ny, nx) of `weight_shared`: least time, largest nb, least ny nx, least input rows + columns, least ny."""
    ranked = []
    for nb, ny, nx in product(*(range(1, len(region) + 1) for _ in range(3))):
        if nb > micro_batch or ny > layer.out_y or nx > layer.out_x or nb * ny * nx > len(region):
            continue
        rows, columns = -(-layer.out_y // ny), -(-layer.out_x // nx)
        time_s = -(-micro_batch // nb) * seconds(tile_layer(layer, rows, columns), region, cost_model)
        reads_lines = lines_read(layer, 0, rows) + lines_read(layer, 1, columns)
        ranked.append((time_s, -nb, ny * nx, reads_lines, ny, (nb, ny, nx)))
    return min(ranked)[-1]


class Way(NamedTuple):
    """How a layer is cut: so many samples, rows, columns and units of channels side by side; unequal parts of the one
    axis that is cut have weights. Or the input channels are cut, and sums are kept as outputs cut in some way would be.
    """

    samples: int = 1
    rows: int = 1
    columns: int = 1
    units: int = 1
    weights: tuple[int, ...] = ()
    inputs: int = 1
    sums: tuple[int | tuple[int, ...], ...] = ()


def ways_in(
    model: Model, stage: Stage, region: Sequence[Chiplet], micro_batch: int, cost_model: CostModel
) -> dict[int, Way]:
    """How the stage's layers are cut; riders are cut as their latest producer, if it has the same partition."""
    found: dict[int, Way] = {}
    for index in stage.layers:
        layer, partition = model.layers[index], _partition(stage, index)
        before = max(edge.producer for edge in model.operands[index])
        follows = layer.op in (Op.POOL, Op.ELEMENTWISE, Op.UPSAMPLE) and before in stage.layers
        follows = follows and _partition(stage, before) is partition
        if len(region) == 1:
            found[index] = Way()
        elif partition is Partition.REDUCED:
            found[index] = Way(inputs=len(region))
        elif follows and found[before].weights:
            found[index] = found[before]
        elif follows and partition is Partition.WEIGHT_SHARED:
            way = found[before]
            found[index] = Way(way.samples, min(way.rows, layer.out_y), min(way.columns, layer.out_x))
        else:
            if partition is Partition.WEIGHT_SHARED:
                equal = Way(*best_split(layer, region, micro_batch, cost_model))
            else:
                equal = Way(units=min(len(region), units_of(layer)))
            found[index] = equal
            if not follows and len(set(region)) > 1:
                own = unequal(layer, partition, region, cost_model)
                times = [alone_s(layer, way, region, micro_batch, cost_model) for way in (equal, own)]
                found[index] = own if times[1] < times[0] else equal
    for index in stage.layers:
        if found[index].inputs > 1:
            found[index] = found[index]._replace(sums=tuple(sums_in(model, stage, index, found)))
    return found


def sums_in(model: Model, stage: Stage, index: int, found: Mapping[int, Way]) -> Way:
    """How the sums of a `reduced` layer are spread: as the stage's first reader of them is cut, if by
    `weight_shared`, else in channels."""
    layer = model.layers[index]
    readers = [edge.consumer for edge in model.consumers[index] if edge.consumer in stage.layers]
    if readers and _partition(stage, min(readers)) is Partition.WEIGHT_SHARED:
        way = found[min(readers)]
        if way.weights:
            return way
        return Way(way.samples, min(way.rows, layer.out_y), min(way.columns, layer.out_x))
    return Way(units=min(len(stage.chiplets), layer.K))


def unequal(layer: Layer, partition: Partition, region: Sequence[Chiplet], cost_model: CostModel) -> Way:
    """Parts in proportion to the quanta that each chiplet does in the least time in which they do all together. A
    chiplet does as many as none of fewer takes longer."""
    if partition is Partition.INPUT_SHARED:
        axis, length = "units", units_of(layer)
    else:
        axis, length = ("rows", layer.out_y) if layer.out_y >= layer.out_x else ("columns", layer.out_x)
    step = quantum(length, len(region))
    sizes = [*range(step, length, step), length]

    def tile(size: int) -> Layer:
        if axis == "units":
            return channels_of(layer, size)
        return tile_layer(layer, *((size, layer.out_x) if axis == "rows" else (layer.out_y, size)))

    times = [[seconds(tile(size), [chiplet], cost_model) for size in sizes] for chiplet in region]
    for time_s in sorted({each for of in times for each in of}):
        able = [next((k for k, each in enumerate(of) if each > time_s), len(sizes)) for of in times]
        if sum(able) >= len(sizes):
            return Way(**{axis: len(region)}, weights=tuple(able))
    raise AssertionError("the whole layer takes longer than itself")


def alone_s(layer: Layer, way: Way, region: Sequence[Chiplet], micro_batch: int, cost_model: CostModel) -> float:
    """The slowest part, samples one after another."""
    parts = zip(parts_of(layer, len(region), micro_batch, way), region, strict=False)
    return max(part.samples * seconds(part.tile, [kind], cost_model) for part, kind in parts if part is not None)


def parts_of(layer: Layer, chiplets: int, micro_batch: int, way: Way) -> list[Part | None]:
    """Part i runs on the region's chiplet i, None where it is empty; chiplets beyond the last part are idle."""
    samples, rows, columns = range(micro_batch), range(layer.out_y), range(layer.out_x)
    if chiplets == 1:
        everything = set(product(samples, rows, columns, range(layer.K)))
        return [Part(everything, micro_batch, layer, _weights(layer, range(units_of(layer))))]

    def shares(length: int, parts: int) -> list[range]:
        return ends_by(length, way.weights) if way.weights and parts > 1 else cut(length, parts)

    made: list[Part | None] = []
    if way.inputs > 1:
        everything, taps = set(product(samples, rows, columns, range(layer.K))), range(layer.R * layer.S)
        for share in cut(layer.C, way.inputs):
            weights = {(k, c * len(taps) + tap) for k, c, tap in product(range(layer.K), share, taps)}
            made.append(Part(everything, micro_batch, replace(layer, C=len(share)), weights, share))
        return made
    if way.units > 1 or (way.samples, way.rows, way.columns) == (1, 1, 1):
        units = units_of(layer)
        for share in shares(units, way.units):
            each = layer.K // units
            channels = range(share.start * each, share.stop * each)
            outputs = set(product(samples, rows, columns, channels))
            if outputs:
                made.append(Part(outputs, micro_batch, channels_of(layer, len(share)), _weights(layer, share)))
            else:
                made.append(None)
        return made
    axes = cut(micro_batch, way.samples), shares(layer.out_y, way.rows), shares(layer.out_x, way.columns)
    for s, y, x in product(*axes):
        outputs = set(product(s, y, x, range(layer.K)))
        tile = tile_layer(layer, len(y), len(x)) if outputs else layer
        weights = _weights(layer, range(units_of(layer)))
        made.append(Part(outputs, len(s), tile, weights) if outputs else None)
    return made


def layer_seconds(parts: Iterable[tuple[Chiplet, Part]], cost_model: CostModel, detailed: bool) -> float:
    """The slowest part, each on its own chiplet."""
    return max(
        figures_of(part.tile, chiplet, part.samples, cost_model, detailed)["cycles"] / chiplet.clock_hz
        for chiplet, part in parts
    )


def more_in_blocks(
    part: Layer, samples: int, units: tuple[int, int], region: Sequence[Chiplet], cost_model: CostModel
) -> tuple[float, float]:
    """What the largest part takes longer, seconds and joules, in so many blocks of weights of so many of its units."""
    block, count = units
    if count == 1 or not isinstance(cost_model, BatchCostModel):
        return 0.0, 0.0
    have = units_of(part)
    lengths = [block] * (count - 1) + [have - block * (count - 1)]
    found = []
    for chiplet in region:
        whole = figures_of(part, chiplet, samples, cost_model, True)
        blocks = [figures_of(channels_of(part, each), chiplet, samples, cost_model, True) for each in lengths]
        more = {name: sum(each[name] for each in blocks) - value for name, value in whole.items()}
        found.append((more["cycles"] / chiplet.clock_hz, sum(more[f"{name}_j"] for name in ("mac", "l1", "l2", "noc"))))
    return max(each[0] for each in found), max(each[1] for each in found)


# Boxes -----------------------------------------------------------------------------------------------------------


def hull(elements: Elements) -> Elements:
    """The smallest box around the elements."""
    return inside(tuple((min(axis), max(axis) + 1) for axis in zip(*elements, strict=True))) if elements else set()


def inside(box: Box) -> Elements:
    return set(product(*(range(a, b) for a, b in box)))


def tensor_shape(model: Model, producer: int, micro_batch: int) -> Shape:
    """Of the network input, the shape is that which its readers give it."""
    if producer != NETWORK_INPUT:
        layer = model.layers[producer]
        return (micro_batch, layer.out_y, layer.out_x, layer.K)
    ((rows, columns, channels),) = {
        (layer.Y, layer.X, layer.C) for layer in (model.layers[edge.consumer] for edge in model.input_readers)
    }
    return (micro_batch, rows, columns, channels)


def reads(layer: Layer, operand: int, part: Part, shape: Shape, micro_batch: int, shares: bool) -> Elements:
    """Elements of a tensor of `shape` that a part needs as its operand number `operand`.

    Follows every output element to the inputs that it reads, takes the hull, and lets a part at a border of the
    output read to the border of the input. `shares`: `input_shared`.
    """
    samples, rows, columns, channels = set[int](), set[int](), set[int](), set[int]()
    per_group = (layer.K // layer.groups, layer.C // layer.groups)
    second = layer.op is Op.MATMUL and operand == 1
    for sample, y, x, channel in part.outputs:
        samples.add(sample)
        if second:
            channels |= {channel} if shares else set(range(layer.K))
            continue
        rows |= lines_of(layer, 0, y)
        columns |= lines_of(layer, 1, x)
        group = channel // per_group[0]
        channels |= set(part.inputs or range(group * per_group[1], (group + 1) * per_group[1]))
    made_rows = {element[1] for element in part.outputs}
    made_columns = {element[2] for element in part.outputs}
    if second:
        sizes = (micro_batch, 1, 1, layer.K)
        spans = [_span(samples), (0, 1), (0, 1), _span(channels)]
    else:
        sizes = (micro_batch, layer.Y, layer.X, layer.C)
        spans = [
            _span(samples),
            _to_the_border(rows, made_rows, layer.out_y, layer.Y),
            _to_the_border(columns, made_columns, layer.out_x, layer.X),
            _span(channels),
        ]
    # [a, b) of the reader's A becomes [floor(a T / A), ceil(b T / A)) of the tensor's T
    return inside(tuple((a * t // own, -(-b * t // own)) for (a, b), own, t in zip(spans, sizes, shape, strict=True)))


def lines_of(layer: Layer, axis: int, output: int) -> set[int]:
    """Input rows (columns) that one output row (column) reads; some may lie in the padding."""
    size, kernel = ((layer.Y, layer.R), (layer.X, layer.S))[axis]
    stride, padding, dilation = layer.stride[axis], layer.padding[axis], layer.dilation[axis]
    if layer.op is Op.UPSAMPLE:
        return {output // stride}
    if layer.op is Op.TRANSPOSED:
        reach = dilation * (kernel - 1)
        return {line for line in range(size) if line * stride - padding <= output <= line * stride - padding + reach}
    return {output * stride - padding + tap * dilation for tap in range(kernel)}


def _span(values: AbstractSet[int]) -> tuple[int, int]:
    return min(values), max(values) + 1


def _to_the_border(read: AbstractSet[int], made: AbstractSet[int], made_of: int, read_of: int) -> tuple[int, int]:
    start, end = max(0, min(read)), min(read_of, max(read) + 1)
    return (0 if 0 in made else start), (read_of if made_of - 1 in made else end)


# Transfers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moves:
    """Elements moved: per link and per chiplet, one way each. Sums of several transfers share one latency.

    `links`, `sent` follow the documentation's formula min(sum over receivers, what the owner has); `crossing` and
    `leaving` are the exact unions of elements. A sum of overlapping needs can exceed the union, never the other
    way round.
    """

    links: Counter[tuple[int, int]] = field(default_factory=Counter)
    crossing: Counter[tuple[int, int]] = field(default_factory=Counter)
    sent: Counter[int] = field(default_factory=Counter)
    leaving: Counter[int] = field(default_factory=Counter)
    received: Counter[int] = field(default_factory=Counter)
    way_s: float = 0.0
    """Latency of the longest way."""

    def __add__(self, other: Moves) -> Moves:
        return Moves(
            self.links + other.links,
            self.crossing + other.crossing,
            self.sent + other.sent,
            self.leaving + other.leaving,
            self.received + other.received,
            max(self.way_s, other.way_s),
        )

    def times(self, factor: float) -> Moves:
        return Moves(
            _scaled(self.links, factor),
            _scaled(self.crossing, factor),
            _scaled(self.sent, factor),
            _scaled(self.leaving, factor),
            _scaled(self.received, factor),
            self.way_s,
        )

    @property
    def total_sent(self) -> float:
        return sum(self.sent.values())

    @property
    def hop_elements(self) -> float:
        return sum(self.links.values())

    @property
    def crossings(self) -> float:
        return sum(self.crossing.values())

    def time_s(self, package: Package, detailed: bool) -> float:
        """max(receive, send, in `detailed` and where links differ the busiest link) + latency of the way + delta, of
        moves counted in bytes."""
        if not self.received:
            return 0.0
        busy_s = ports_s(package, self.sent, self.received)
        if detailed or package.own_links:
            busy_s = max(busy_s, links_s(package, self.links))
        return busy_s + self.way_s + package.conflict_delay_s


def _scaled(counter: Counter[Key], factor: float) -> Counter[Key]:
    return Counter({key: value * factor for key, value in counter.items()})


def transfer(package: Package, own: Holders, need: Holders) -> Moves:
    """Every needed element from its owner to whoever needs it elsewhere, along the package's routes."""
    moves, longest_s = Moves(), 0.0
    for owner, owned in own.items():
        wanted = {reader: owned & needed for reader, needed in need.items() if reader != owner and owned & needed}
        if not wanted:
            continue
        by_link: dict[tuple[int, int], list[Elements]] = {}
        for reader, elements in wanted.items():
            moves.received[reader] += len(elements)
            route = package.routes[owner][reader]
            longest_s = max(longest_s, way_s(package, owner, reader))
            for link in pairwise(route):
                by_link.setdefault(link, []).append(elements)
        moves.sent[owner] += min(sum(map(len, wanted.values())), len(owned))
        moves.leaving[owner] += len(set().union(*wanted.values()))
        for link, sets in by_link.items():
            moves.links[link] += min(sum(map(len, sets)), len(owned))
            moves.crossing[link] += len(set().union(*sets))
    return replace(moves, way_s=longest_s)


def added_up(package: Package, chiplets: Sequence[int], kept: Holders) -> Moves:
    """Partial sums of every element from all chiplets to the one that keeps its sum; where ways of the same element
    meet, they are added and go on as one."""
    moves, longest_s = Moves(), 0.0
    for keeper, elements in kept.items():
        ways = [package.routes[maker][keeper] for maker in chiplets if maker != keeper]
        if not elements or not ways:
            continue
        longest_s = max([longest_s, *(way_s(package, maker, keeper) for maker in chiplets if maker != keeper)])
        for maker in chiplets:
            if maker != keeper:
                moves.sent[maker] += len(elements)
                moves.leaving[maker] += len(elements)
        moves.received[keeper] += len(elements)
        for link in {link for way in ways for link in pairwise(way)}:
            moves.links[link] += len(elements)
            moves.crossing[link] += len(elements)
    return replace(moves, way_s=longest_s)


# A stage ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StageTerms:
    """The terms of one stage under their names in the evaluation; `bytes_` and `moves` for the whole window."""

    seconds: Mapping[str, float]
    overlaps: bool
    inside_j: Mapping[str, float]
    activations: float
    l2: Mapping[str, float | bool]
    """Of `L2Use`; nothing in `paper`."""
    bytes_: Mapping[str, float]
    moves: Moves
    """All traffic on the package in the window, in bytes."""
    rank: tuple[float, float, float]
    """By which the better way to keep weights is taken."""


@dataclass(frozen=True)
class Inside:
    """Of a micro-batch of a stage, whatever way its weights are kept: per layer the seconds of computing, what blocks
    add, and those of moving its output within the stage; what that moves, and joules of blocks. `sums` are what adding
    up partial sums moves."""

    compute: list[float]
    blocks: list[float]
    blocks_j: float
    exchange: list[float]
    moves: list[Moves]
    sums: list[Moves]


@dataclass(frozen=True)
class WindowTerms:
    dram_s: float
    link_s: float
    port_s: float
    crossing_s: float
    """As `link_s`, by the union of elements."""


class Twin:
    """One task's schedule, element by element."""

    def __init__(self, schedule: Schedule, problem: Problem, cost_model: CostModel) -> None:
        self.problem, self.package, self.cost_model = problem, problem.package, cost_model
        (self.task,) = problem.scenario.tasks
        self.model = self.task.model
        self.detailed = problem.fidelity is Fidelity.DETAILED
        self.window_of: dict[int, int] = {NETWORK_INPUT: -1}
        self.stage_of: dict[int, int] = {}
        self.pipelines: dict[int, Pipeline] = dict(schedule.pipelines())
        for window, pipeline in self.pipelines.items():
            for number, stage in enumerate(pipeline.stages):
                for layer in stage.layers:
                    self.window_of[layer], self.stage_of[layer] = window, number
        self.parts: dict[int, list[Part]] = {}
        self.at: dict[int, list[int]] = {}
        """The chiplets of these parts."""
        self.keepers: dict[int, Holders] = {}
        """Of the layers with partial sums, which of the sums each chiplet keeps."""
        self.ways: dict[int, Way] = {}
        for pipeline in self.pipelines.values():
            for stage in pipeline.stages:
                region = [self.package.chiplets[chiplet] for chiplet in stage.chiplets]
                self.ways |= ways_in(self.model, stage, region, pipeline.micro_batch, cost_model)
                for index in stage.layers:
                    shape, way = self.model.layers[index], self.ways[index]
                    made = parts_of(shape, len(region), pipeline.micro_batch, way)
                    self.parts[index] = [part for part in made if part is not None]
                    self.at[index] = [c for c, part in zip(stage.chiplets, made, strict=False) if part is not None]
                    if way.inputs > 1:
                        some = parts_of(shape, len(region), pipeline.micro_batch, Way(*way.sums))  # type: ignore[arg-type]
                        self.keepers[index] = {
                            c: set() if part is None else part.outputs
                            for c, part in zip(stage.chiplets, some, strict=False)
                        }

    def own(self, stage: Stage, layer: int) -> Holders:
        if layer in self.keepers:
            return self.keepers[layer]
        return {chiplet: part.outputs for chiplet, part in zip(self.at[layer], self.parts[layer], strict=True)}

    def need(self, stage: Stage, producer: int, micro_batch: int, first: int = -1) -> dict[int, Elements]:
        """What each chiplet of a stage needs of a tensor for the layers from `first` on that read it.

        One hull per way in which readers are cut (of more than four ways, the last ones share one), then their union.
        """
        ways: list[Way] = []
        hulls: list[dict[int, Elements]] = []
        for reader in stage.layers:
            box_of = self.need_of(stage, reader, producer, micro_batch)
            if reader < first or not box_of:
                continue
            way = self.ways[reader]._replace(sums=())  # where sums go does not matter to what is read
            if way not in ways and len(ways) < 4:
                ways.append(way)
                hulls.append({})
            mine = hulls[ways.index(way) if way in ways else -1]
            for chiplet, box in box_of.items():
                mine[chiplet] = hull(mine.get(chiplet, set()) | box)
        return {c: set().union(*(each.get(c, set()) for each in hulls)) for c in stage.chiplets}

    def need_of(self, stage: Stage, reader: int, producer: int, micro_batch: int) -> dict[int, Elements]:
        """What each chiplet of a stage needs of a tensor for one layer; nobody anything where it does not read it."""
        shape = tensor_shape(self.model, producer, micro_batch)
        needed: dict[int, Elements] = {}
        shares = _partition(stage, reader) is Partition.INPUT_SHARED
        for operand, edge in enumerate(self.model.operands[reader]):
            if edge.producer != producer:
                continue
            for chiplet, part in zip(self.at[reader], self.parts[reader], strict=True):
                box = reads(self.model.layers[reader], operand, part, shape, micro_batch, shares)
                needed[chiplet] = hull(needed.get(chiplet, set()) | box)
        return needed

    def rows(self, stage: Stage, producer: int, micro_batch: int) -> Holders:
        """A tensor that a stage only hands on: held in rows."""
        samples, rows, columns, channels = tensor_shape(self.model, producer, micro_batch)
        shares = cut(rows, min(len(stage.chiplets), rows))
        return {
            chiplet: set(product(range(samples), share, range(columns), range(channels)))
            for chiplet, share in zip(stage.chiplets, shares, strict=False)
        }

    def interface(self, stage: Stage) -> int:
        """Fewest hops, or on fastest routes least latency, to all chiplets together, then the lowest index."""
        return min(
            self.package.interfaces,
            key=lambda at: (sum(self.far(at, c) for c in stage.chiplets), at),
        )

    def size(self, producer: int) -> int:
        return self.model.bytes_per_element * self.model.tensor_elements(producer)

    def entry(self, producer: int) -> float:
        """Bytes of one element of a tensor's box: all of its copies."""
        return self.size(producer) / math.prod(tensor_shape(self.model, producer, 1))

    def from_dram(self, window: int, stage: Stage) -> list[int]:
        sources = {edge.producer for layer in stage.layers for edge in self.model.operands[layer]}
        return sorted(source for source in sources if self.window_of[source] < window)

    def to_dram(self, window: int, stage: Stage) -> list[int]:
        return [
            layer
            for layer in stage.layers
            if not self.model.consumers[layer]
            or any(self.window_of[edge.consumer] > window for edge in self.model.consumers[layer])
        ]

    def forwards(self, window: int, number: int) -> list[Moves]:
        """One entry, in bytes, per stage to which this one sends: its transfer of everything that goes there."""
        pipeline = self.pipelines[window]
        micro_batch, stages = pipeline.micro_batch, pipeline.stages

        def read_by(producer: int) -> set[int]:
            readers = [edge.consumer for edge in self.model.consumers[producer]]
            return {self.stage_of[reader] for reader in readers if self.window_of[reader] == window}

        here, moves = stages[number], []
        if self.detailed:
            for target in range(number + 1, len(stages)):
                total, there = Moves(), stages[target]
                for tensor in here.layers:
                    if target in read_by(tensor):
                        need = self.need(there, tensor, micro_batch)
                        total += transfer(self.package, self.own(here, tensor), need).times(self.entry(tensor))
                moves.append(total)
        elif number + 1 < len(stages):
            total, there = Moves(), stages[number + 1]
            for tensor in range(stages[0].first, here.last + 1):
                readers = read_by(tensor)
                if not readers or max(readers) <= number:
                    continue
                own = self.own(here, tensor) if tensor in here.layers else self.rows(here, tensor, micro_batch)
                need = (
                    self.need(there, tensor, micro_batch)
                    if number + 1 in readers
                    else self.rows(there, tensor, micro_batch)
                )
                total += transfer(self.package, own, need).times(self.entry(tensor))
            moves.append(total)
        return moves

    def receives(self, window: int, number: int) -> float:
        """Seconds of a micro-batch from earlier stages of the window: the most of a chiplet, or of a link."""
        moves = [self.forwards(window, each)[number - each - 1] for each in range(number)]
        into = sum((move.received for move in moves), Counter())
        links: Counter[tuple[int, int]] = sum((Counter(move.links) for move in moves), Counter())
        return max(ports_s(self.package, {}, into), links_s(self.package, links))

    def activations(self, window: int, number: int) -> float:
        """The largest sum, over the layers, of what a chiplet holds; of each tensor the largest chiplet's."""
        pipeline = self.pipelines[window]
        stage, most = pipeline.stages[number], 0.0
        sources = {edge.producer for layer in stage.layers for edge in self.model.operands[layer]}
        for layer in stage.layers:
            held = self.entry(layer) * max(len(part.outputs) for part in self.parts[layer])
            for source in sources:
                if source < layer:
                    needed = self.need(stage, source, pipeline.micro_batch, first=layer)
                    held += self.entry(source) * max(map(len, needed.values()), default=0)
            most = max(most, held)
        return most

    def from_outside(self, stage: Stage, layer: int, micro_batch: int) -> float:
        """The share of what a layer reads that its chiplets do not make themselves; `paper` fills everything."""
        if not self.detailed:
            return 1.0
        outside, edges = 0.0, self.model.operands[layer]
        for edge in edges:
            share = 1.0
            if edge.producer in stage.layers:
                need = self.need_of(stage, layer, edge.producer, micro_batch)
                own = self.own(stage, edge.producer)
                abroad = sum(len(box - own.get(chiplet, set())) for chiplet, box in need.items())
                share = abroad / sum(map(len, need.values()))
            outside += edge.elements * share
        return outside / sum(edge.elements for edge in edges)

    def leaves(self, stage: Stage, layer: int, micro_batch: int) -> bool:
        """Whether anyone outside the chiplet that makes it reads any of a layer's output; in `paper` all is drained."""
        readers = self.model.consumers[layer]
        if not self.detailed or not readers or any(edge.consumer > stage.last for edge in readers):
            return True
        moved = transfer(self.package, self.own(stage, layer), self.need(stage, layer, micro_batch))
        return bool(moved.received)

    def stage(self, window: int, number: int) -> StageTerms:
        """Terms of a stage, its weights kept in the better way: fewer bytes, then less time, then less energy."""
        if not self.detailed:
            return self.kept(window, number, None)
        some = [self.kept(window, number, way) for way in ways_of(self.asks(window, number))]
        first, last = some[0], some[-1]
        for one, other in zip(first.rank, last.rank, strict=True):
            if abs(one - other) > 1e-12 * one:
                return first if one < other else last
        return first

    def inside(self, window: int, number: int) -> Inside:
        """What computing and exchanging takes."""
        pipeline = self.pipelines[window]
        stage, micro_batch = pipeline.stages[number], pipeline.micro_batch
        region = [self.package.chiplets[chiplet] for chiplet in stage.chiplets]
        found = Inside([], [], 0.0, [], [], [])
        for layer in stage.layers:
            parts = list(zip(self.kinds(layer), self.parts[layer], strict=True))
            found.compute.append(layer_seconds(parts, self.cost_model, self.detailed))
            most_s = most_j = 0.0
            if self.detailed:
                tile, samples = self.largest(layer)
                blocks = self.blocks(stage, layer)
                most_s, most_j = more_in_blocks(tile, samples, blocks, region, self.cost_model)
            found.blocks.append(most_s)
            many = self.many(layer) if self.ways[layer].weights else len(parts)
            found = replace(found, blocks_j=found.blocks_j + most_j * many / micro_batch)
            need = self.need(stage, layer, micro_batch)
            found.moves.append(transfer(self.package, self.own(stage, layer), need).times(self.entry(layer)))
            sums = added_up(self.package, stage.chiplets, self.keepers.get(layer, {}))
            found.sums.append(sums.times(self.entry(layer)))
            each = (moves[-1].time_s(self.package, self.detailed) for moves in (found.sums, found.moves))
            found.exchange.append(sum(each))
        return found

    def kinds(self, layer: int) -> list[Chiplet]:
        """The chiplets of a layer's parts."""
        return [self.package.chiplets[chiplet] for chiplet in self.at[layer]]

    def many(self, layer: int) -> float:
        """Parts as large as the largest that make the layer."""
        sizes = [len(part.outputs) for part in self.parts[layer]]
        return sum(sizes) / max(sizes)

    def largest(self, layer: int) -> tuple[Layer, int]:
        """The largest part of a layer in each of its sizes, and how many samples it computes."""
        parts = self.parts[layer]
        tile = max((part.tile for part in parts), key=lambda each: (units_of(each), each.C))
        rows, columns = max(part.tile.out_y for part in parts), max(part.tile.out_x for part in parts)
        if (rows, columns) != (tile.out_y, tile.out_x):
            tile = tile_layer(self.model.layers[layer], rows, columns)
        return tile, max(part.samples for part in parts)

    def most_units(self, layer: int) -> int:
        """Units of channels of the largest part: of all of them, where the layer is not cut by channels."""
        shape = self.model.layers[layer]
        each = shape.K // units_of(shape)  # of a part with one group it is still a group that is a unit
        return max(part.tile.K // each for part in self.parts[layer])

    def blocks(self, stage: Stage, layer: int) -> tuple[int, int]:
        """The blocks of the largest part's weights (`blocks_of`)."""
        weights = self.weights_on_a_chiplet(layer)
        return blocks_of(self.model.layers[layer], self.most_units(layer), weights, self.least(stage))

    def least(self, stage: Stage) -> Chiplet:
        """The chiplet of the region that has least L2."""
        return min((self.package.chiplets[chiplet] for chiplet in stage.chiplets), key=lambda each: each.l2_bytes)

    def weights_on_a_chiplet(self, layer: int) -> float:
        """Bytes on the chiplet that uses most of a layer's weights."""
        return self.model.bytes_per_element * max(len(part.weights) for part in self.parts[layer])

    def weights_of(self, stage: Stage) -> tuple[float, float]:
        """Distinct bytes of weights that the chiplets have parts of, and that they all use."""
        parted = copied = 0.0
        for layer in stage.layers:
            bytes_ = self.model.bytes_per_element * self.model.layers[layer].weight_elements
            if _partition(stage, layer) is Partition.WEIGHT_SHARED:
                copied += bytes_
            else:
                parted += bytes_
        return parted, copied

    def sent_here(self, window: int, number: int) -> list[tuple[int, int]]:
        """(tensor, how many stages earlier its maker is) of what earlier stages of the window make for this one."""
        stages = self.pipelines[window].stages
        sources = {edge.producer for layer in stages[number].layers for edge in self.model.operands[layer]}
        here = [each for each in sorted(sources) if self.window_of[each] == window]
        return [(each, number - self.stage_of[each]) for each in here if self.stage_of[each] < number]

    def arriving(self, window: int, number: int, tensor: int) -> list[float]:
        """Bytes of a tensor that each chiplet of the stage needs."""
        pipeline = self.pipelines[window]
        need = self.need(pipeline.stages[number], tensor, pipeline.micro_batch)
        return [self.entry(tensor) * len(elements) for elements in need.values()]

    def waiting(self, window: int, number: int) -> list[tuple[int, int]]:
        """(tensor, copies that wait) of what skips stages on its way here."""
        pipeline = self.pipelines[window]
        count = -(-self.task.batch // pipeline.micro_batch)
        found = [(tensor, min(distance - 1, count - 1)) for tensor, distance in self.sent_here(window, number)]
        return [(tensor, copies) for tensor, copies in found if copies]

    def books(self, window: int, number: int) -> Books:
        """The keep pass over the stage."""
        pipeline = self.pipelines[window]
        stage, chiplet, running = pipeline.stages[number], self.least(pipeline.stages[number]), {}
        for layer in stage.layers:
            shape, weights, (tile, _) = self.model.layers[layer], self.weights_on_a_chiplet(layer), self.largest(layer)
            units, (block, _) = self.most_units(layer), self.blocks(stage, layer)
            reads = {}
            for tensor in sorted({edge.producer for edge in self.model.operands[layer]}):
                need = self.need(stage, tensor, pipeline.micro_batch, first=layer)
                reads[tensor] = self.entry(tensor) * max(map(len, need.values()))
            running[layer] = Running(
                weights,
                weights * block / units,
                grain_of(
                    replace(shape, C=tile.C) if self.ways[layer].inputs > 1 else shape,
                    tile.out_x,
                    units,
                    self.model.bytes_per_element,
                ),
                reads,
                {tensor for tensor in reads if fused(self.model, layer, tensor)},
            )
        layers = range(len(self.model.layers))
        stored = {layer for layer in layers if not self.model.consumers[layer]}
        stored |= {layer for layer in layers if any(e.consumer > pipeline.last for e in self.model.consumers[layer])}
        return keep(running, float(chiplet.l2_bytes), pipeline.first, stored)

    def asks(self, window: int, number: int) -> Asks:
        """What the stage asks of L2."""
        pipeline = self.pipelines[window]
        stage = pipeline.stages[number]
        second = sum(max(self.arriving(window, number, each)) for each in self.from_dram(window, stage))
        second += sum(max(self.arriving(window, number, each)) for each, _ in self.sent_here(window, number))
        for layer in self.to_dram(window, stage):
            second += self.entry(layer) * max(map(len, self.own(stage, layer).values()))
        second += sum(max(moved.sent.values(), default=0) for moved in self.forwards(window, number))
        if len(stage.chiplets) > 1:
            within = self.inside(window, number)
            received = [max(moved.received.values(), default=0) for moved in within.moves]
            waiting = [max(m.received.values(), default=0) + max(m.sent.values(), default=0) for m in within.sums]
            second += max([*received, *waiting])
        parted, copied = self.weights_of(stage)
        shared = [layer for layer in stage.layers if _partition(stage, layer) is not Partition.WEIGHT_SHARED]
        return Asks(
            l2_bytes=float(self.least(stage).l2_bytes),
            live=self.activations(window, number),
            second=second,
            own=sum(self.weights_on_a_chiplet(layer) for layer in shared),
            distinct=parted,
            all_use=copied,
            slack=self.books(window, number).slack,
            waiting=sum(c * max(self.arriving(window, number, each)) for each, c in self.waiting(window, number)),
            chiplets=len(stage.chiplets),
            micro_batches=-(-self.task.batch // pipeline.micro_batch),
        )

    def weight_moves(self, stage: Stage, way: Pins | None, count: int) -> Moves:
        """All weights in the window: what streams with every micro-batch, what is gathered to one chiplet each."""
        package, interface, scale = self.package, self.interface(stage), self.model.bytes_per_element
        parted, copied = self.weights_of(stage)
        moves = Moves()
        for layer in stage.layers:
            shape = self.model.layers[layer]
            whole = _weights(shape, range(units_of(shape)))
            needed = {c: part.weights for c, part in zip(self.at[layer], self.parts[layer], strict=True)}
            once = transfer(package, {interface: whole}, needed).times(scale)
            if not shape.weight_elements:
                continue
            if way is None:
                moves += once.times(count)
            elif way.whole:
                moves += once
            elif _partition(stage, layer) is Partition.WEIGHT_SHARED:
                moves += once.times((copied - way.gathered + (count - 1) * way.copied) / copied)
            else:
                moves += once.times((parted + (count - 1) * way.parted) / parted)
        if way is not None and way.gathered:
            moves += self.spread(stage, way.gathered / len(stage.chiplets))
        return moves

    def spread(self, stage: Stage, each: float) -> Moves:
        """So many bytes of its own from DRAM to every chiplet of the region."""
        interface = self.interface(stage)
        own: Holders = {chiplet: {(number,)} for number, chiplet in enumerate(stage.chiplets)}
        return transfer(self.package, {interface: set().union(*own.values())}, own).times(each)

    def collected(self, stage: Stage, each: float) -> Moves:
        """So many bytes from every chiplet of the region to DRAM."""
        own: Holders = {chiplet: {(number,)} for number, chiplet in enumerate(stage.chiplets)}
        return transfer(self.package, own, {self.interface(stage): set().union(*own.values())}).times(each)

    def gathers(self, stage: Stage, share: float) -> Moves:
        """This share of every layer's weights that all chiplets use, from their mates to all that run a part."""
        moves, many = Moves(), len(stage.chiplets)
        for layer in stage.layers:
            size = self.model.bytes_per_element * self.model.layers[layer].weight_elements
            if size and _partition(stage, layer) is Partition.WEIGHT_SHARED:
                own: Holders = {chiplet: {(number,)} for number, chiplet in enumerate(stage.chiplets)}
                readers = self.at[layer]
                everything = set().union(*own.values())
                moves += transfer(self.package, own, dict.fromkeys(readers, everything)).times(share * size / many)
        return moves

    def far(self, a: int, b: int) -> float:
        """Whole numbers, so that equal ways tie."""
        if self.package.routing is Routing.FASTEST:
            return round(way_s(self.package, a, b) * 1e15)
        return self.package.hops(a, b)

    def dram_s(self, bytes_: float, way_s: float) -> float:
        if not bytes_:
            return 0.0
        package = self.package
        latency_s = way_s + package.dram_latency_s + package.conflict_delay_s
        return bytes_ / package.dram_bandwidth_bytes_s + latency_s

    def kept(self, window: int, number: int, way: Pins | None) -> StageTerms:
        """Terms of a stage with its weights kept in one way (paper: None)."""
        package = self.package
        pipeline = self.pipelines[window]
        stage, micro_batch = pipeline.stages[number], pipeline.micro_batch
        region = [package.chiplets[chiplet] for chiplet in stage.chiplets]
        many = len(region)
        full = self.task.batch / micro_batch
        count = -(-self.task.batch // micro_batch)
        interface = self.interface(stage)
        within, forwards = self.inside(window, number), self.forwards(window, number)
        exchange = sum([*within.sums, *within.moves], Moves())

        # activations from and to DRAM
        load, store = Moves(), Moves()
        load_bytes = store_bytes = 0
        for source in self.from_dram(window, stage):
            whole = inside(tuple((0, size) for size in tensor_shape(self.model, source, micro_batch)))
            need = self.need(stage, source, micro_batch)
            load += transfer(package, {interface: whole}, need).times(self.entry(source))
            load_bytes += micro_batch * self.size(source)
        for layer in self.to_dram(window, stage):
            whole = inside(tuple((0, size) for size in tensor_shape(self.model, layer, micro_batch)))
            store += transfer(package, self.own(stage, layer), {interface: whole}).times(self.entry(layer))
            store_bytes += micro_batch * self.size(layer)

        # weights and evicted activations
        all_weights, weights = sum(self.weights_of(stage)), self.weight_moves(stage, way, count)
        moves = (load + store + exchange + sum(forwards, Moves())).times(full) + weights
        evicted = again = 0.0
        gathered = Moves()
        if way is not None:
            books = self.books(window, number)
            aside = (1 - way.held) * sum(sum(self.arriving(window, number, t)) for t, _ in self.waiting(window, number))
            out, back = aside / many, aside / many
            if not way.whole:
                out, back, again = out + books.wrote, back + books.back, many * books.again
            evicted = many * (out + back)
            if out or back:
                moves += (self.collected(stage, out) + self.spread(stage, back)).times(full)
            if again:
                moves += self.spread(stage, again / many).times(count)
            if way.gathered:
                gathered = self.gathers(stage, way.gathered / self.weights_of(stage)[1]).times(count)
                moves += gathered
        streamed = all_weights if way is None else way.streamed

        compute_s, exchange_s, exposed, arrival, blocks = sum(within.compute), sum(within.exchange), 0.0, 0.0, [0.0]
        if way is not None:
            layers = self.streaming(stage, within.compute)
            arrival = arrival_s(layers)
            if not way.whole:
                blocks = within.blocks
                in_blocks = [one + more for one, more in zip(within.compute, blocks, strict=True)]
                pinned_s = (all_weights - streamed) / package.dram_bandwidth_bytes_s
                exposed = max(0.0, exposed_s(self.streaming(stage, in_blocks)) - pinned_s)
        gather_s = 0.0
        if way is not None and way.gathered:
            longest_s = max(way_s(package, a, b) for a in stage.chiplets for b in stage.chiplets)
            shared = [e for e in stage.layers if _partition(stage, e) is Partition.WEIGHT_SHARED]
            rounds = sum(self.model.layers[layer].weight_elements > 0 for layer in shared)
            gather_s = way.gathered * (many - 1) / many / slowest_bytes_s(package, stage.chiplets)
            gather_s += rounds * (longest_s + package.conflict_delay_s)
        ends = [pair for chiplet in stage.chiplets for pair in ((interface, chiplet), (chiplet, interface))]
        region_s = max(way_s(package, *pair) for pair in ends)
        figures = {
            "compute_s": compute_s + sum(blocks),
            "exchange_s": exchange_s,
            "pace_s": self.pace_s(stage, within.compute, within.exchange) + sum(blocks),
            "exposed_s": exposed,
            "load_s": self.dram_s(load_bytes, load.way_s),
            "store_s": self.dram_s(store_bytes, store.way_s),
            "spill_s": self.dram_s(evicted, region_s),
            "forward_s": sum(moved.time_s(package, self.detailed) for moved in forwards),
            "receive_s": 0.0,
            "weights_s": max(self.dram_s(streamed + again, weights.way_s), gather_s),
            "resident_s": (all_weights - streamed) / package.dram_bandwidth_bytes_s,
        }
        port_s = ports_s(package, store.sent, {}) + figures["forward_s"]
        if way is None:
            figures["load_s"] = self.dram_s(load_bytes + all_weights, max(load.way_s, weights.way_s))
            figures["weights_s"] = 0.0
            names = ("load_s", "store_s", "forward_s", "exchange_s", "compute_s")
            fill_s = sum(figures[name] for name in names)
            figures |= dict.fromkeys(("fill_s", "steady_s", "last_fill_s", "last_steady_s"), fill_s) | {"ready_s": 0.0}
        else:
            figures["receive_s"] = self.receives(window, number)
            dram_weights_s = self.dram_s(streamed + again, weights.way_s)
            for name, share in (("", 1.0), ("last_", self.last_share(stage, micro_batch))):
                streams_s = dram_weights_s + share * figures["spill_s"]
                load_s, out_s = share * figures["load_s"], share * max(figures["store_s"], port_s)
                if way.overlaps:
                    body_s = max(share * figures["pace_s"] + exposed, streams_s, gather_s)
                    ends_s = load_s + share * figures["store_s"] + streams_s
                    steady_s = max(body_s, ends_s, share * port_s)
                else:
                    body_s = max(share * figures["compute_s"] + exposed, streams_s, gather_s) + share * exchange_s
                    steady_s = load_s + body_s + max(out_s, share * figures["receive_s"])
                figures |= {f"{name}fill_s": load_s + body_s + out_s, f"{name}steady_s": steady_s}
            once = all_weights + again + evicted
            late_s = self.dram_s(once, weights.way_s) - once / package.dram_bandwidth_bytes_s
            figures["ready_s"] = 0.0
            if all_weights:
                figures["ready_s"] = max(late_s + arrival + sum(blocks), self.dram_s(once, weights.way_s))
                figures["ready_s"] += load_bytes / package.dram_bandwidth_bytes_s + max(figures["store_s"], port_s)
                figures["ready_s"] += figures["pace_s"] - figures["compute_s"] if way.overlaps else exchange_s

        bytes_ = {
            "weights": all_weights + (count - 1) * streamed,
            "again": count * again,
            "load": full * load_bytes,
            "store": full * store_bytes,
            "spill": full * evicted,
            "forward": full * sum(moved.total_sent for moved in forwards),
            "exchange": full * exchange.total_sent,
            "mates": gathered.total_sent,
            "hop_bytes": moves.hop_elements,
        }
        inside_j = self.joules(window, number, way)
        if way is not None:
            inside_j["l2"] += 0.0 if way.whole else self.task.batch * within.blocks_j
            inside_j["fill"] += (bytes_["again"] + bytes_["spill"]) * self.byte_j(region)
        dram_bytes = sum(bytes_[name] for name in ("weights", "again", "load", "store", "spill"))
        energy_j = sum(inside_j.values()) + 8 * dram_bytes * package.dram_energy_j_per_bit
        energy_j += joules(package, moves.links)
        first_s = max(figures["fill_s"], figures["ready_s"])
        alone_s = max(figures["last_fill_s"], first_s + (count - 2) * figures["steady_s"] + figures["last_steady_s"])
        l2: dict[str, float | bool] = {}
        if way is not None:
            l2 = {
                "resident": not streamed and not way.gathered,
                "fits": not evicted,
                "held_weights": way.pinned,
                "streamed": streamed,
                "gathered": way.gathered,
                "again": again,
                "spill": evicted,
            }
        return StageTerms(
            seconds=figures,
            overlaps=way is not None and way.overlaps,
            inside_j=inside_j,
            activations=self.activations(window, number),
            l2=l2,
            bytes_=bytes_,
            moves=moves,
            rank=(dram_bytes, first_s if count == 1 else alone_s, energy_j),
        )

    def last_share(self, stage: Stage, micro_batch: int) -> float:
        """Of the time of a full micro-batch, what the last one's samples take: of the layer that gains least."""
        left = self.task.batch - (-(-self.task.batch // micro_batch) - 1) * micro_batch
        beside = [self.ways[layer].samples for layer in stage.layers]
        return max(left / micro_batch if many == 1 else -(-left // many) / -(-micro_batch // many) for many in beside)

    def streaming(self, stage: Stage, compute: Sequence[float]) -> list[tuple[float, float, int]]:
        """Per layer: seconds of computing, of its weights at the DRAM, and the blocks of its largest part."""
        found = []
        for layer, seconds_ in zip(stage.layers, compute, strict=True):
            bytes_ = self.model.bytes_per_element * self.model.layers[layer].weight_elements
            _, blocks = self.blocks(stage, layer)
            found.append((seconds_, bytes_ / self.package.dram_bandwidth_bytes_s, blocks))
        return found

    def byte_j(self, region: Sequence[Chiplet]) -> float:
        """Of a byte that enters L2: the mean over the task's inputs, on the class that spends most."""
        layers = self.model.layers
        bytes_ = self.model.bytes_per_element * sum(layer.input_elements for layer in layers)
        return max(float(self.cost_model.costs(layers, kind).fill_input_j.sum()) / bytes_ for kind in region)

    def joules(self, window: int, number: int, way: Pins | None) -> dict[str, float]:
        """Inside the chiplets in the whole window; weights of `detailed` fill once and whatever comes again."""
        pipeline = self.pipelines[window]
        stage, micro_batch = pipeline.stages[number], pipeline.micro_batch
        full, count = self.task.batch / micro_batch, -(-self.task.batch // micro_batch)
        all_weights, fills = sum(self.weights_of(stage)), 1.0
        if way is not None and all_weights:
            fills += (count - 1) * (way.streamed + way.gathered) / all_weights
        inside_j = dict.fromkeys(("mac", "l1", "l2", "noc", "fill", "drain"), 0.0)
        for layer in stage.layers:
            outside = self.from_outside(stage, layer, micro_batch)
            drains = float(self.leaves(stage, layer, micro_batch))
            if layer in self.keepers:  # what other chiplets keep leaves in any case, and enters there
                drains = max(drains, 1 - 1 / len(stage.chiplets))
                region = [self.package.chiplets[chiplet] for chiplet in stage.chiplets]
                came = (len(stage.chiplets) - 1) * self.size(layer) * self.byte_j(region)
                inside_j["fill"] += self.task.batch * came
            for kind, part in zip(self.kinds(layer), self.parts[layer], strict=True):
                figures = figures_of(part.tile, kind, part.samples, self.cost_model, self.detailed)
                for name in ("mac", "l1", "l2", "noc"):
                    inside_j[name] += full * figures[f"{name}_j"]
                inside_j["fill"] += figures["fill_weight_j"] * (fills if self.detailed else full * part.samples)
                inside_j["fill"] += full * outside * figures["fill_input_j"]
                inside_j["drain"] += full * drains * figures["drain_output_j"]
        return inside_j

    def pace_s(self, stage: Stage, compute: Sequence[float], inside_s: Sequence[float]) -> float:
        """Per layer, with what rides with it, the longer of computing and moving outputs within the stage."""
        total = 0.0
        for first, last in self.model.units:
            own = slice(first - stage.first, last + 1 - stage.first)
            if first in stage.layers:
                total += max(sum(compute[own]), sum(inside_s[own]))
        return total

    def window(self, stages: Sequence[StageTerms]) -> WindowTerms:
        """The roofline of a window with these stages (`detailed`)."""
        moves, dram_bytes = Moves(), 0.0
        for stage in stages:
            moves += stage.moves
            dram_bytes += sum(stage.bytes_[name] for name in ("weights", "again", "load", "store", "spill"))
        return WindowTerms(
            dram_s=dram_bytes / self.package.dram_bandwidth_bytes_s,
            link_s=links_s(self.package, moves.links),
            port_s=ports_s(self.package, moves.sent, moves.received),
            crossing_s=links_s(self.package, moves.crossing),
        )


def _partition(stage: Stage, layer: int) -> Partition:
    return stage.partitions[layer - stage.first] if stage.partitions else Partition.WHOLE
