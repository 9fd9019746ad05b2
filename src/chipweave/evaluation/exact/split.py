"""Who computes what: a layer's parts on a region, and what each part costs (docs/regions.md; our reconstruction)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from chipweave.cost.interface import BatchCostModel, CostModel, LayerCosts, batch_costs, costs_of
from chipweave.errors import InputError
from chipweave.evaluation.exact.blocks import Block
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
    """A part of a distinct layer: rows, columns and units of channels of its outputs, of so many samples."""

    layer: int
    rows: int
    columns: int
    units: int
    samples: int


def starts(length: int, parts: int) -> Ints:
    """The ends of `parts` parts of an axis, shape (parts + 1,): part p is [p * length // parts, ...)."""
    return np.arange(parts + 1, dtype=np.int64) * length // parts


def tile(layer: Layer, rows: int, columns: int, units: int) -> Layer:
    """The part of `layer` that makes `rows` x `columns` outputs of `units` units of channels, as a layer of its own.

    A cut axis has the inputs that its outputs read and no padding; an uncut one stays as it is. The name says that it
    is a part, so that a table of costs by name never takes it for the whole layer.
    """
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
        """(distinct layer, rows, columns, units): its number; per class the costs of all tiles."""
        number: dict[tuple[int, int, int, int], int] = {}
        tiles: list[Layer] = []
        for at, layer in enumerate(self.distinct[0]):
            for shape in _shapes(layer, self.most):
                number[at, *shape] = len(tiles)
                tiles.append(tile(layer, *shape))
        try:
            return number, tuple(costs_of(self.cost_model, tiles, chiplet) for chiplet in self.classes)
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

    @property
    def tile_costs(self) -> tuple[LayerCosts, ...]:
        """Per class, the costs of every part that there is."""
        return self._tiles[1]

    def least_cycles(self, chiplet: Chiplet) -> Floats:
        """Cycles below which no part goes, in the order of `tile_costs`: all its multiplications, one per lane."""
        macs = [tile(layer, *shape).macs for layer in self.distinct[0] for shape in _shapes(layer, self.most)]
        return np.array(macs, dtype=np.float64) / (chiplet.num_pes * chiplet.simd_lanes)

    @cached_property
    def shapes(self) -> tuple[tuple[int, int, int, int], ...]:
        """(distinct layer, rows, columns, units) of every part that there is, in the order of `tile_costs`."""
        return tuple(self._tiles[0])

    def together(self, samples: int) -> tuple[LayerCosts, ...]:
        """Per class, the costs of every part that there is, of so many samples that run together, all of them."""
        if samples == 1:
            return self.tile_costs
        tiles = [tile(self.distinct[0][at], *shape) for at, *shape in self.shapes]
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
        """Per layer the least, over all splits of one sample, of the slowest part, of that times the number of parts,
        and of all parts' joules, each shape (layers,).

        Args:
            seconds, joules: of every part that there is, in the order of `tile_costs`.
        """
        figures = []
        for tiles, counts in self.ways:
            slowest = np.where(counts > 0, seconds[tiles], 0.0).max(axis=1)
            spread = counts.sum(axis=1) * slowest
            figures.append((slowest.min(), spread.min(), (counts * joules[tiles]).sum(axis=1).min()))
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
        chiplets: int,
        micro_batch: int,
        classes: tuple[int, ...],
        producer: Split | None = None,
    ) -> Split:
        """How `layer` (its number in `layers`) is cut: for `weight_shared` the fastest way, see docs/regions.md.

        Args:
            producer: how the latest producer is cut, if it is `weight_shared` in the same stage; pools, element-wise
                and upsample layers follow it.
        """
        if partition is Partition.WHOLE or chiplets == 1:
            return WHOLE
        shape = self.layers[layer]
        if partition is Partition.INPUT_SHARED:
            return Split(units=min(chiplets, channel_units(shape)))
        if shape.rides and producer is not None:
            return Split(producer.samples, min(producer.rows, shape.out_y), min(producer.columns, shape.out_x))
        grids, at = self.grids(classes), self.distinct[1][layer]
        samples = np.arange(min(micro_batch, chiplets), 0, -1)  # of equals, the most samples side by side come first
        seconds = -(-micro_batch // samples) * grids.tile_s[at, chiplets // samples]
        best = int(samples[int(np.argmin(seconds))])
        return Split(best, int(grids.rows[at, chiplets // best]), int(grids.columns[at, chiplets // best]))

    def costs(
        self, layer: int, split: Split, micro_batch: int, class_of: Sequence[int], together: bool = True
    ) -> tuple[float, dict[str, float]]:
        """Seconds of the slowest part on a micro-batch; each cost of one sample by name, all parts together.

        `weight_load_j` fills the weights once on every chiplet that uses them.

        Args:
            class_of: per chiplet of the region, its class.
            together: a part's samples run together (`detailed`), or one after another (`paper`).
        """
        own = tuple(class_of[: split.parts])
        key = (int(self.distinct[1][layer]), split, micro_batch, own, frozenset(class_of), together)
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
        shape = self.layers[layer]
        axes = (
            np.diff(starts(micro_batch, split.samples)),
            np.diff(starts(shape.out_y, split.rows)),
            np.diff(starts(shape.out_x, split.columns)),
            np.diff(starts(channel_units(shape), split.units)),
        )
        samples, *sizes = (grid.ravel() for grid in np.meshgrid(*axes, indexing="ij"))
        rows, which = np.unique(np.column_stack((*sizes, samples)), axis=0, return_inverse=True)
        distinct = int(self.distinct[1][layer])
        each = self.parts([Part(distinct, *part) for part in rows.tolist()], together)
        seconds = max(max(part[c]["cycles"] for part in each) / self.classes[c].clock_hz for c in sorted(set(class_of)))
        many = np.zeros((len(rows), len(self.classes)))  # parts of each kind on each class
        np.add.at(many, (which.ravel(), np.array(class_of[: split.parts])), 1.0)
        own = [(many[kind, c], part[c]) for kind, part in enumerate(each) for c in range(len(self.classes))]
        sums = {name: sum(count * part[name] for count, part in own) / micro_batch for name in own[0][1]}
        sums["weight_load_j"] = sum(count * part["fill_weight_j"] for count, part in own)
        sizes_of = np.repeat(rows[:, -1], len(self.classes)).tolist()
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
        shape, units = self.layers[layer], -(-channel_units(self.layers[layer]) // split.units)
        rows, columns = -(-shape.out_y // split.rows), -(-shape.out_x // split.columns)
        samples = -(-micro_batch // split.samples)
        rest = units % block.units or block.units
        distinct = int(self.distinct[1][layer])
        tiles = [Part(distinct, rows, columns, many, samples) for many in (units, block.units, rest)]
        whole, one, last = self.parts(tiles, True)
        more_s, more_j = [], []
        for c in classes:
            differences = [
                (block.number - 1) * one[c][name] + last[c][name] - whole[c][name]
                for name in ("cycles", "mac_j", "l1_j", "l2_j", "noc_j")
            ]
            more_s.append(differences[0] / self.classes[c].clock_hz)
            more_j.append(sum(differences[1:]) * split.parts / micro_batch)
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
        return tile(self.distinct[0][part.layer], part.rows, part.columns, part.units)

    def _alone(self, part: Part) -> tuple[dict[str, float], ...]:
        """The costs of a part whose samples run one after another; its weights fill L2 once."""
        number, costs = self._tiles
        at = number.get((part.layer, part.rows, part.columns, part.units))
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
