"""Who computes what: a layer's parts on a region, and what each part costs (docs/regions.md; our reconstruction)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from chipweave.cost.interface import BatchCostModel, CostModel, LayerCosts, batch_costs, costs_of
from chipweave.errors import InputError
from chipweave.evaluation.exact.blocks import Block
from chipweave.evaluation.exact.shares import capacities, ends, pieces, quantum, sizes
from chipweave.evaluation.record import Split
from chipweave.hardware.chiplet import Chiplet
from chipweave.ndarrays import Floats, Ints
from chipweave.plan.schedule import Partition
from chipweave.workload.layer import Layer, Op, channel_units

LISTED = 10
"""Parts without costs that are named one by one."""


WHOLE = Split()

FIXED = ("fill_input_j", "fill_weight_j", "drain_output_j")


class Part(NamedTuple):
    """A part of a distinct layer: rows, columns and units of channels of its outputs, of so many samples; of so many
    of the input channels, of which it makes partial sums (0: all)."""

    layer: int
    rows: int
    columns: int
    units: int
    samples: int
    inputs: int = 0


class Sizes(NamedTuple):
    """The sizes that an unequal part of a layer may have along one axis: the number of each in `Splits.tile_costs`, and
    how many of them the axis holds."""

    tiles: Ints
    many: Floats


def part_sizes(layer: Layer, split: Split, micro_batch: int) -> Ints:
    """Rows, columns, units of channels and samples of every part, shape (parts, 4); a part with a 0 is empty. Of
    `reduced` layers also its input channels, shape (parts, 5)."""
    if split.inputs > 1:
        whole = np.array([layer.out_y, layer.out_x, channel_units(layer), micro_batch], dtype=np.int64)
        return np.column_stack((np.tile(whole, (split.inputs, 1)), np.diff(ends(layer.C, split.inputs))))
    axes = (
        np.diff(ends(micro_batch, split.samples)),
        *(np.diff(ends(*axis, split.weights if axis[1] > 1 else ())) for axis in _axes(layer, split)),
    )
    samples, *others = (grid.ravel() for grid in np.meshgrid(*axes, indexing="ij"))
    return np.column_stack((*others, samples))


def _axes(layer: Layer, split: Split) -> tuple[tuple[int, int], ...]:
    """Length of rows, columns and units of channels, and into how many parts each is cut."""
    return (layer.out_y, split.rows), (layer.out_x, split.columns), (channel_units(layer), split.units)


def largest(layer: Layer, split: Split) -> tuple[int, int, int]:
    """Rows, columns and units of channels of the largest part, each."""
    if split.weights:
        rows, columns, units = part_sizes(layer, split, 1).max(axis=0)[:3].tolist()
        return rows, columns, units
    return -(-layer.out_y // split.rows), -(-layer.out_x // split.columns), -(-channel_units(layer) // split.units)


def largest_inputs(layer: Layer, split: Split) -> int:
    """Input channels of the largest part of a `reduced` layer."""
    return -(-layer.C // split.inputs)


def largest_weights(layer: Layer, split: Split, bytes_: float) -> float:
    """Of so many bytes of a layer's weights, those that its largest part uses."""
    if split.inputs > 1:
        return bytes_ * largest_inputs(layer, split) / layer.C
    return bytes_ * largest(layer, split)[2] / channel_units(layer)


def weight_shares(layer: Layer, split: Split, chiplets: int) -> Floats:
    """Of a layer's weights, what each chiplet of the region uses; those without a part use none."""
    shares, units = np.zeros(chiplets), channel_units(layer)
    if split.inputs > 1:
        shares[: split.inputs] = np.diff(ends(layer.C, split.inputs)) / layer.C
    elif split.units > 1:
        shares[: split.parts] = np.diff(ends(units, split.units, split.weights)) / units
    else:
        shares[list(users(layer, split, tuple(range(chiplets))))] = 1.0
    return shares


def users(layer: Layer, split: Split, chiplets: tuple[int, ...]) -> tuple[int, ...]:
    """Of the chiplets of a region those that have a part of a layer."""
    if not split.weights:
        return chiplets[: split.parts]
    return tuple(chiplets[place] for place in np.flatnonzero(part_sizes(layer, split, 1).all(axis=1)))


def map_axis(layer: Layer) -> int:
    """The axis along which unequal parts of the map lie: 0 rows, 1 columns."""
    return 0 if layer.out_y >= layer.out_x else 1


def tile(layer: Layer, rows: int, columns: int, units: int, inputs: int = 0) -> Layer:
    """The part of `layer` that makes `rows` x `columns` outputs of `units` units of channels, as a layer of its own; of
    so many `inputs` alone their partial sums (0: of all).

    A cut axis has the inputs that its outputs read and no padding; an uncut one stays as it is. The name says that it
    is a part, so that a table of costs by name never takes it for the whole layer.
    """
    if inputs and inputs < layer.C:
        layer = replace(layer, name=f"{layer.name} [{inputs} input channels]", C=inputs)
    if (rows, columns, units) == (layer.out_y, layer.out_x, channel_units(layer)):
        return layer
    changes: dict[str, object] = {"name": f"{layer.name} [{rows} rows, {columns} columns, {units} units of channels]"}
    if units < channel_units(layer):
        grouped = layer.groups > 1
        changes["K"] = layer.K // channel_units(layer) * units
        if grouped:
            changes |= {"C": layer.C // layer.groups * units, "groups": units}
    pads = list(layer.padding)
    for axis, count in enumerate((rows, columns)):
        if count < (layer.out_y, layer.out_x)[axis]:
            pads[axis] = 0
            changes[("Y", "X")[axis]] = _inputs(layer, axis, count)
            changes[("out_y", "out_x")[axis]] = count
    return replace(layer, padding=(pads[0], pads[1]), **changes)  # type: ignore[arg-type]


def _inputs(layer: Layer, axis: int, count: int) -> int:
    """Input rows (columns) that `count` consecutive outputs read."""
    stride, dilation = layer.stride[axis], layer.dilation[axis]
    match layer.op:
        case Op.GEMM | Op.MATMUL | Op.ELEMENTWISE:
            return count
        case Op.TRANSPOSED | Op.UPSAMPLE:
            return -(-count // stride)
        case _:
            return (count - 1) * stride + dilation * ((layer.R, layer.S)[axis] - 1) + 1


@dataclass(frozen=True)
class Splits:
    """All splits of some layers on regions of up to `most` chiplets, with what the parts cost.

    Equal layers are costed once. Figures are of one sample; times in seconds, on the slowest of the region's classes.
    What asks for costs raises an `InputError` where the cost model has none for some parts.

    Args:
        whole: per class, the costs of the layers as they are.
    """

    layers: tuple[Layer, ...]
    classes: tuple[Chiplet, ...]
    whole: tuple[LayerCosts, ...]
    cost_model: CostModel
    most: int

    @cached_property
    def distinct(self) -> tuple[tuple[Layer, ...], Ints]:
        """The layers that differ in more than name, and per layer which of them it is.

        Where a cost model goes by names, equal layers' figures differ: then they count as different, too.
        """
        figures = np.array([values for costs in self.whole for values in vars(costs).values()]).T.tolist()
        found: dict[tuple[Layer, tuple[float, ...]], int] = {}
        number = [
            found.setdefault((replace(layer, name="alike", shares=""), tuple(own)), len(found))
            for layer, own in zip(self.layers, figures, strict=True)
        ]
        first = [self.layers[number.index(at)] for at in range(len(found))]
        return tuple(first), np.array(number, dtype=np.int64)

    @cached_property
    def knows_batches(self) -> bool:
        """Whether the cost model knows what samples cost together."""
        return isinstance(self.cost_model, BatchCostModel)

    @cached_property
    def rows(self) -> Ints:
        """Per layer its integers (see `geometry.layer_rows`)."""
        from chipweave.evaluation.exact.boxes import layer_rows

        return layer_rows(self.layers)

    @cached_property
    def _tiles(self) -> tuple[dict[tuple[int, int, int, int], int], tuple[LayerCosts, ...]]:
        """(distinct layer, rows, columns, units): its number; per class the costs of all tiles, equal parts first."""
        number: dict[tuple[int, int, int, int], int] = {}
        for at, layer in enumerate(self.distinct[0]):
            for shape in _shapes(layer, self.most):
                number[at, *shape] = len(number)
        try:
            even = self._costed(list(number))
        except InputError as error:
            if len(error.problems) <= LISTED:
                raise
            raise InputError(
                [
                    f"{len(error.problems)} parts of layers, which stages on several chiplets need, have no costs; add "
                    f"them, or use `scar`, which splits no layer. The first {LISTED}:",
                    *error.problems[:LISTED],
                ]
            ) from None

        if len(self.classes) == 1:
            return number, even
        found = number.copy()
        for at, layer in enumerate(self.distinct[0]):
            for some in _unequal(layer, self.most):
                for shape in some:
                    found.setdefault((at, *shape), len(found))
        try:
            more = self._costed(list(found)[len(number) :])
        except InputError:  # who has no figures of them has none but equal parts
            return number, even
        return found, tuple(map(_joined, even, more))

    def _costed(self, shapes: Sequence[tuple[int, int, int, int]]) -> tuple[LayerCosts, ...]:
        """Per class, the costs of parts of one sample."""
        tiles = [tile(self.distinct[0][at], *shape) for at, *shape in shapes]
        return tuple(costs_of(self.cost_model, tiles, chiplet) for chiplet in self.classes)

    @property
    def tile_costs(self) -> tuple[LayerCosts, ...]:
        """Per class, the costs of every part that there is."""
        return self._tiles[1]

    @cached_property
    def reusing(self) -> frozenset[int]:
        """The distinct layers of which some use the weights of a layer before."""
        kinds = zip(self.distinct[1].tolist(), self.layers, strict=True)
        return frozenset(kind for kind, layer in kinds if layer.shares)

    def least_cycles(self, chiplet: Chiplet) -> Floats:
        """Cycles below which no part goes, in the order of `tile_costs`: all its multiplications, one per lane."""
        macs = [tile(self.distinct[0][at], *shape).macs for at, *shape in self.shapes]
        if chiplet.rates:
            rates = [chiplet.macs_per_cycle(layer.product_bits) for layer in self.distinct[0]]
            least: Floats = np.array(macs, dtype=np.float64) / np.array([rates[at] for at, *_ in self.shapes])
            return least
        return np.array(macs, dtype=np.float64) / (chiplet.num_pes * chiplet.simd_lanes)

    @cached_property
    def shapes(self) -> tuple[tuple[int, int, int, int], ...]:
        """(distinct layer, rows, columns, units) of every part that there is, in the order of `tile_costs`."""
        return tuple(self._tiles[0])

    @cached_property
    def unequal(self) -> tuple[tuple[Sizes, ...], ...]:
        """Per distinct layer, of each axis that is cut unequally, the sizes that parts may have; none where all
        chiplets are of one class, or the cost model has no figures of them."""
        number = self._tiles[0]
        found: list[tuple[Sizes, ...]] = []
        for at, layer in enumerate(self.distinct[0]):
            axes = [[(at, *shape) for shape in some] for some in _unequal(layer, self.most)]
            if len(self.classes) == 1 or not all(shape in number for some in axes for shape in some):
                return ((),) * len(self.distinct[0])
            found.append(
                tuple(
                    Sizes(
                        np.array([number[shape] for shape in some], dtype=np.int64),
                        np.array([math.prod(some[-1][1:]) / math.prod(shape[1:]) for shape in some]),
                    )
                    for some in axes
                )
            )
        return tuple(found)

    def together(self, samples: int, unequal: bool = True) -> tuple[LayerCosts, ...]:
        """Per class, the costs of every part that there is, of so many samples that run together, all of them; without
        `unequal` those of equal parts, which come first."""
        equal = sum(1 for layer in self.distinct[0] for _ in _shapes(layer, self.most))
        shapes = self.shapes if unequal else self.shapes[:equal]
        if samples == 1:
            return self.tile_costs
        tiles = [tile(self.distinct[0][at], *shape) for at, *shape in shapes]
        return tuple(batch_costs(self.cost_model, tiles, chiplet, samples) for chiplet in self.classes)

    @cached_property
    def ways(self) -> tuple[tuple[Ints, Ints], ...]:
        """Per distinct layer, every split of one sample: [way, 4] the parts that differ, and how many of each."""
        number, _ = self._tiles
        found = []
        for at, layer in enumerate(self.distinct[0]):
            units = channel_units(layer)
            ways = [
                [
                    (number[at, y, x, units], high * wide)
                    for y, high in _counted(layer.out_y, ny)
                    for x, wide in _counted(layer.out_x, nx)
                ]
                for ny, nx in _grid_sizes(layer, self.most)
            ]
            ways += [
                [(number[at, layer.out_y, layer.out_x, length], many) for length, many in _counted(units, parts)]
                for parts in range(1, min(self.most, units) + 1)
            ]
            table = np.array([way + [(0, 0)] * (4 - len(way)) for way in ways], dtype=np.int64)
            found.append((table[:, :, 0], table[:, :, 1]))
        return tuple(found)

    def least(self, seconds: Floats, joules: Floats) -> tuple[Floats, Floats, Floats]:
        """Per layer the least, over all splits of one sample, of the slowest part, of what all parts take together
        (of equal ones, each as long as the slowest), and of all parts' joules, each shape (layers,).

        Args:
            seconds, joules: of every part that there is, on the class that is best for it, in the order of
                `tile_costs`.
        """
        figures = []
        for (tiles, counts), axes in zip(self.ways, self.unequal, strict=True):
            slowest = np.where(counts > 0, seconds[tiles], 0.0).max(axis=1)
            spread = counts.sum(axis=1) * slowest
            found = [(slowest.min(), spread.min(), (counts * joules[tiles]).sum(axis=1).min())]
            for own, many in axes:
                large = seconds[own][many <= self.most]  # one part at least is as large as the mean
                found.append((large.min(), (many * seconds[own]).min(), (many * joules[own]).min()))
            figures.append(tuple(map(min, zip(*found, strict=True))))
        time_s, spread_s, energy_j = np.array(figures)[self.distinct[1]].T
        return time_s, spread_s, energy_j

    @cached_property
    def _grids(self) -> dict[tuple[int, ...], _Grids]:
        return {}

    def grids(self, classes: tuple[int, ...]) -> _Grids:
        """The best grids of tiles on a region of these classes (ascending)."""
        if classes not in self._grids:
            number, costs = self._tiles
            seconds = np.max([costs[c].cycles / self.classes[c].clock_hz for c in classes], axis=0)
            self._grids[classes] = _best_grids(self.distinct[0], self.most, number, seconds)
        return self._grids[classes]

    def energies(self, classes: tuple[int, ...]) -> tuple[Floats, Floats]:
        """Joules of one sample inside the chiplets [d, m]: in the best grid of at most m tiles, in m parts of channels.

        Everything is counted as on the class that spends most, inputs filled and outputs drained.
        """
        number, costs = self._tiles
        joules = np.max(
            [costs[c].resident_j + costs[c].fill_input_j + costs[c].drain_output_j for c in classes], axis=0
        )
        grids, layers = self.grids(classes), self.distinct[0]
        tile_j, channels_j = np.zeros_like(grids.tile_s), np.zeros_like(grids.tile_s)
        for at, layer in enumerate(layers):
            units = channel_units(layer)
            of_grid: dict[tuple[int, int], float] = {}
            for m in range(1, self.most + 1):
                grid = (int(grids.rows[at, m]), int(grids.columns[at, m]))
                if grid not in of_grid:
                    of_grid[grid] = sum(
                        high * wide * float(joules[number[at, y, x, units]])
                        for y, high in _counted(layer.out_y, grid[0])
                        for x, wide in _counted(layer.out_x, grid[1])
                    )
                tile_j[at, m] = of_grid[grid]
                channels_j[at, m] = sum(
                    many * float(joules[number[at, layer.out_y, layer.out_x, length]])
                    for length, many in _counted(units, min(m, units))
                )
        return tile_j, channels_j

    def split(
        self,
        layer: int,
        partition: Partition,
        class_of: Sequence[int],
        micro_batch: int,
        producer: Split | None = None,
    ) -> Split:
        """How `layer` (its number in `layers`) is cut: in the fastest way, see docs/regions.md.

        Args:
            class_of: per chiplet of the region, its class.
            producer: how the latest producer is cut, if it has the same partition in the same stage; pools,
                element-wise and upsample layers follow it.
        """
        if partition is Partition.WHOLE or len(class_of) == 1:
            return WHOLE
        if partition is Partition.REDUCED:
            kept = min(len(class_of), self.layers[layer].K)
            return Split(inputs=len(class_of), sums=Split(units=kept))
        shape = self.layers[layer]
        if shape.rides and producer is not None:
            if producer.weights or partition is Partition.INPUT_SHARED:
                return producer if producer.weights else self._even_parts(layer, partition, class_of, micro_batch)
            return Split(producer.samples, min(producer.rows, shape.out_y), min(producer.columns, shape.out_x))
        if len(set(class_of)) == 1:
            return self._even_parts(layer, partition, class_of, micro_batch)
        key = int(self.distinct[1][layer]), partition, micro_batch, tuple(class_of)
        if key not in self._mixed:
            self._mixed[key] = self._of_classes(layer, partition, class_of, micro_batch)
        return self._mixed[key]

    @cached_property
    def _mixed(self) -> dict[tuple[object, ...], Split]:
        return {}

    def _of_classes(self, layer: int, partition: Partition, class_of: Sequence[int], micro_batch: int) -> Split:
        """On chiplets of several classes: parts in proportion to what each can do, where equal ones take longer."""
        even = self._even_parts(layer, partition, class_of, micro_batch)
        at = int(self.distinct[1][layer])
        if not self.unequal[at]:
            return even
        weights = dict(zip(*self.filled(at, partition, class_of)[1:], strict=True))
        axis = "units" if partition is Partition.INPUT_SHARED else ("rows", "columns")[map_axis(self.layers[layer])]
        cut: dict[str, Any] = {axis: len(class_of)}
        own = Split(**cut, weights=tuple(weights[c] for c in class_of))
        slow = [self._slowest_s(at, split, micro_batch, class_of) for split in (even, own)]
        return own if slow[1] < slow[0] else even

    def filled(
        self, distinct: int, partition: Partition, class_of: Sequence[int]
    ) -> tuple[float, list[int], list[int]]:
        """The least time in which chiplets of these classes do one sample of a layer together, whatever each does of
        it in whole quanta; the classes, and the quanta of each (`shares.capacities`)."""
        classes = sorted(set(class_of))
        counts = [list(class_of).count(c) for c in classes]
        key = distinct, partition, tuple(classes), tuple(counts)
        if key not in self._filled:
            tiles = self._quanta(distinct, partition, len(class_of))
            self._filled[key] = capacities([self._seconds[c][tiles] for c in classes], counts)
        time_s, weights = self._filled[key]
        return time_s, classes, weights

    @cached_property
    def _filled(self) -> dict[tuple[object, ...], tuple[float, list[int]]]:
        return {}

    def _quanta(self, distinct: int, partition: Partition, chiplets: int) -> list[int]:
        """The numbers of the parts of 1, 2, ... and all quanta of a layer's map or channels."""
        layer, number = self.distinct[0][distinct], self._tiles[0]
        units = channel_units(layer)
        if partition is Partition.INPUT_SHARED:
            length, shape = units, [layer.out_y, layer.out_x, 0]
        else:
            length, shape = (layer.out_y, layer.out_x)[map_axis(layer)], [layer.out_y, layer.out_x, units]
        place = 2 if partition is Partition.INPUT_SHARED else map_axis(layer)
        step, tiles = quantum(length, chiplets), []
        for many in range(1, pieces(length, chiplets) + 1):
            shape[place] = min(length, many * step)
            tiles.append(number[distinct, shape[0], shape[1], shape[2]])
        return tiles

    @cached_property
    def _seconds(self) -> list[Floats]:
        """Per class, seconds of one sample of every part that there is."""
        costs = self.tile_costs
        return [each.cycles / chiplet.clock_hz for each, chiplet in zip(costs, self.classes, strict=True)]

    def _slowest_s(self, distinct: int, split: Split, micro_batch: int, class_of: Sequence[int]) -> float:
        """Seconds of the slowest part, each on its own chiplet, samples one after another."""
        number, slowest = self._tiles[0], 0.0
        parts = part_sizes(self.distinct[0][distinct], split, micro_batch).tolist()
        for (*shape, samples), c in zip(parts, class_of, strict=False):
            if samples and all(shape):
                slowest = max(slowest, samples * float(self._seconds[c][number[distinct, *shape]]))
        return slowest

    def _even_parts(self, layer: int, partition: Partition, class_of: Sequence[int], micro_batch: int) -> Split:
        """In equal parts: for `weight_shared` the grid that is fastest on the slowest class."""
        chiplets = len(class_of)
        if partition is Partition.INPUT_SHARED:
            return Split(units=min(chiplets, channel_units(self.layers[layer])))
        grids, at = self.grids(tuple(sorted(set(class_of)))), self.distinct[1][layer]
        samples = np.arange(min(micro_batch, chiplets), 0, -1)  # of equals, the most samples side by side come first
        seconds = -(-micro_batch // samples) * grids.tile_s[at, chiplets // samples]
        best = int(samples[int(np.argmin(seconds))])
        return Split(best, int(grids.rows[at, chiplets // best]), int(grids.columns[at, chiplets // best]))

    def costs(
        self, layer: int, split: Split, micro_batch: int, class_of: Sequence[int], together: bool = True
    ) -> tuple[float, dict[str, float]]:
        """Seconds of the slowest part on a micro-batch, each on its own chiplet; each cost of one sample by name, all
        parts together.

        `weight_load_j` fills the weights once on every chiplet that uses them.

        Args:
            class_of: per chiplet of the region, its class.
            together: a part's samples run together (`detailed`), or one after another (`paper`).
        """
        own = tuple(class_of[: split.parts])
        key = (int(self.distinct[1][layer]), split.work, micro_batch, own, frozenset(class_of), together)
        if key not in self._costs:
            self._costs[key] = self._all_parts(layer, split, micro_batch, class_of, together)
        return self._costs[key]

    @cached_property
    def _costs(self) -> dict[tuple[object, ...], tuple[float, dict[str, float]]]:
        return {}

    def _all_parts(
        self, layer: int, split: Split, micro_batch: int, class_of: Sequence[int], together: bool
    ) -> tuple[float, dict[str, float]]:
        """As `costs`."""
        table = part_sizes(self.layers[layer], split, micro_batch)
        busy = table.all(axis=1)
        rows, which = np.unique(table[busy], axis=0, return_inverse=True)
        distinct = int(self.distinct[1][layer])
        each = self.parts([Part(distinct, *part) for part in rows.tolist()], together)
        many = np.zeros((len(rows), len(self.classes)))  # parts of each kind on each class
        np.add.at(many, (which.ravel(), np.array(class_of[: split.parts])[busy]), 1.0)
        seconds = max(
            part[c]["cycles"] / self.classes[c].clock_hz
            for kind, part in enumerate(each)
            for c in np.flatnonzero(many[kind]).tolist()
        )
        own = [(many[kind, c], part[c]) for kind, part in enumerate(each) for c in range(len(self.classes))]
        sums = {name: sum(count * part[name] for count, part in own) / micro_batch for name in own[0][1]}
        sums["weight_load_j"] = sum(count * part["fill_weight_j"] for count, part in own)
        sizes_of = np.repeat(rows[:, 3], len(self.classes)).tolist()
        every_sample = (size * count * part["fill_weight_j"] for size, (count, part) in zip(sizes_of, own, strict=True))
        sums["fill_weight_j"] = sum(every_sample) / micro_batch
        return seconds, sums

    def in_blocks(
        self, layer: int, split: Split, micro_batch: int, block: Block, classes: Sequence[int]
    ) -> tuple[float, float]:
        """What a layer takes longer where its weights come in blocks: seconds of a micro-batch on the largest part,
        joules of a sample, as if all parts were as large.

        Args:
            block: of the largest part's weights; classes: of the region.
        """
        if block.number == 1 or not self.knows_batches:
            return 0.0, 0.0
        shape = self.layers[layer]
        rows, columns, units = largest(shape, split)
        whole_map, all_units = shape.out_y * shape.out_x, channel_units(shape)
        # So many parts as large as the largest are the whole layer, where parts are unequal.
        parts = whole_map * all_units / (rows * columns * units) if split.weights else split.parts
        samples = -(-micro_batch // split.samples)
        rest = units % block.units or block.units
        distinct = int(self.distinct[1][layer])
        inputs = largest_inputs(shape, split) if split.inputs > 1 else 0
        tiles = [Part(distinct, rows, columns, many, samples, inputs) for many in (units, block.units, rest)]
        whole, one, last = self.parts(tiles, True)
        more_s, more_j = [], []
        for c in classes:
            differences = [
                (block.number - 1) * one[c][name] + last[c][name] - whole[c][name]
                for name in ("cycles", "mac_j", "l1_j", "l2_j", "noc_j")
            ]
            more_s.append(differences[0] / self.classes[c].clock_hz)
            more_j.append(sum(differences[1:]) * parts / micro_batch)
        return max(more_s), max(more_j)

    @cached_property
    def _known(self) -> dict[Part, tuple[dict[str, float], ...]]:
        return {}

    def parts(self, parts: Sequence[Part], together: bool) -> list[tuple[dict[str, float], ...]]:
        """Per part, its costs by name on each class, those of all its samples.

        What fills and drains L2 is the same for samples that run together and for as many alone.
        """
        if not together or not self.knows_batches:
            return [self._alone(part) for part in parts]
        missing: dict[int, list[Part]] = {}
        for part in dict.fromkeys(parts):
            if part not in self._known:
                missing.setdefault(part.samples, []).append(part)
        for samples, some in missing.items():
            tiles = [self._tile(part) for part in some]
            by_class = [batch_costs(self.cost_model, tiles, chiplet, samples) for chiplet in self.classes]
            for at, part in enumerate(some):
                named = [{name: float(values[at]) for name, values in vars(costs).items()} for costs in by_class]
                alone = [{name: one[name] for name in FIXED} for one in self._alone(part)]
                self._known[part] = tuple(own | fixed for own, fixed in zip(named, alone, strict=True))
        return [self._known[part] for part in parts]

    def _tile(self, part: Part) -> Layer:
        return tile(self.distinct[0][part.layer], part.rows, part.columns, part.units, part.inputs)

    def _alone(self, part: Part) -> tuple[dict[str, float], ...]:
        """The costs of a part whose samples run one after another; its weights fill L2 once."""
        number, costs = self._tiles
        at = None if part.inputs else number.get((part.layer, part.rows, part.columns, part.units))
        if at is None:
            at, costs = 0, tuple(costs_of(self.cost_model, [self._tile(part)], chiplet) for chiplet in self.classes)
        named = [{name: part.samples * float(values[at]) for name, values in vars(each).items()} for each in costs]
        return tuple(each | {"fill_weight_j": each["fill_weight_j"] / part.samples} for each in named)


def _shapes(layer: Layer, most: int) -> Iterator[tuple[int, int, int]]:
    """The distinct (rows, columns, units) that parts of `layer` on up to `most` chiplets have."""
    units = channel_units(layer)
    shapes: dict[tuple[int, int, int], None] = {}
    for ny, nx in _grid_sizes(layer, most):
        shapes |= {(y, x, units): None for y in _lengths(layer.out_y, ny) for x in _lengths(layer.out_x, nx)}
    for parts in range(1, min(most, units) + 1):
        shapes |= {(layer.out_y, layer.out_x, u): None for u in _lengths(units, parts)}
    return iter(shapes)


def _unequal(layer: Layer, most: int) -> Iterator[list[tuple[int, int, int]]]:
    """The (rows, columns, units) that unequal parts on up to `most` chiplets may have, ascending: parts of the map (of
    a layer that may follow its producer along both axes), and parts of the channels."""
    units = channel_units(layer)
    if layer.rides or map_axis(layer) == 0:
        yield [(size, layer.out_x, units) for size in sizes(layer.out_y, most)]
    if layer.rides or map_axis(layer) == 1:
        yield [(layer.out_y, size, units) for size in sizes(layer.out_x, most)]
    yield [(layer.out_y, layer.out_x, size) for size in sizes(units, most)]


def _joined(one: LayerCosts, other: LayerCosts) -> LayerCosts:
    return LayerCosts(**{name: np.concatenate((values, vars(other)[name])) for name, values in vars(one).items()})


def _grid_sizes(layer: Layer, most: int) -> Iterator[tuple[int, int]]:
    """Every (rows, columns) of tiles, at most `most` tiles in all, that the layer's outputs can be cut into."""
    for ny in range(1, min(most, layer.out_y) + 1):
        for nx in range(1, min(most // ny, layer.out_x) + 1):
            yield ny, nx


def _counted(length: int, parts: int) -> list[tuple[int, int]]:
    """The lengths of an axis cut into parts, longest first: two that differ by one, or one; and how many have each."""
    longer = length % parts
    return [(-(-length // parts), longer), (length // parts, parts - longer)] if longer else [(length // parts, parts)]


def _lengths(length: int, parts: int) -> list[int]:
    """As `_counted`, without the numbers."""
    return [each for each, _ in _counted(length, parts)]


@dataclass(frozen=True, slots=True)
class _Grids:
    """Per distinct layer and number of chiplets [d, m]: seconds of the slowest tile of one sample in the best grid of
    at most m tiles, the grid, and seconds of the slowest of m parts of the channels."""

    tile_s: Floats
    rows: Ints
    columns: Ints
    channels_s: Floats


def _best_grids(
    layers: Sequence[Layer], most: int, number: dict[tuple[int, int, int, int], int], seconds: Floats
) -> _Grids:
    shape = (len(layers), most + 1)
    tile_s, channels_s = np.full(shape, np.inf), np.full(shape, np.inf)
    rows, columns = np.ones(shape, np.int64), np.ones(shape, np.int64)
    for at, layer in enumerate(layers):
        units = channel_units(layer)
        best: dict[int, tuple[float, int, int, int, int]] = {}
        for ny, nx in _grid_sizes(layer, most):
            tall, wide = _lengths(layer.out_y, ny), _lengths(layer.out_x, nx)
            slowest = max(float(seconds[number[at, y, x, units]]) for y in tall for x in wide)
            reads = _inputs(layer, 0, tall[0]) + _inputs(layer, 1, wide[0])
            key = (slowest, ny * nx, reads, ny, nx)
            if ny * nx not in best or key < best[ny * nx]:
                best[ny * nx] = key
        running = best[1]
        for m in range(1, most + 1):
            running = min(running, best.get(m, running))
            tile_s[at, m], _, _, rows[at, m], columns[at, m] = running
            parts = _lengths(units, min(m, units))
            channels_s[at, m] = max(float(seconds[number[at, layer.out_y, layer.out_x, u]]) for u in parts)
    return _Grids(tile_s, rows, columns, channels_s)
