"""What a stage of consecutive units costs on regions of every size: the arrays that the searches work on.

An estimate: routes within a region count as the longest of any run of that many chiplets along the snake, every region
counts as the slowest of any such run, its parts being equal but for their time, and tensors that skip units are moved
with the first that reads them.
Whatever is chosen is evaluated exactly afterwards. A *unit* is a layer with the pools and element-wise layers that ride
with it; the search gives all layers of a unit one partition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chipweave.evaluation.exact.boxes import layer_rows
from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.exact.layout import extent
from chipweave.evaluation.exact.split import Part, Splits
from chipweave.evaluation.law import seen_from
from chipweave.evaluation.tables import regions_kernel as kernel
from chipweave.evaluation.tables.bench import arrays_of, micro_of, part_of
from chipweave.evaluation.tables.edges import edge_entries
from chipweave.evaluation.tables.regions_kernel import Line, UnitTables
from chipweave.ndarrays import Floats, Ints
from chipweave.plan.schedule import Partition
from chipweave.workload.layer import Op, channel_units
from chipweave.workload.model import NETWORK_INPUT, Model

EVERY_SIZE_UP_TO = 24
GROWTH = 1.06
PARTITIONS = (Partition.WEIGHT_SHARED, Partition.INPUT_SHARED)


def by_layer(units: Sequence[tuple[int, int]], first: int, numbers: Sequence[int]) -> tuple[Partition, ...]:
    """Per layer of the units from `first` on its partition, of the numbers of their units' in `PARTITIONS`."""
    spans = units[first : first + len(numbers)]
    return tuple(
        PARTITIONS[number] for number, (start, last) in zip(numbers, spans, strict=True) for _ in range(start, last + 1)
    )


def region_sizes(most: int) -> Ints:
    """The sizes of regions that are tried: every small one, then in steps of some per cent, and `most`."""
    sizes = list(range(1, min(most, EVERY_SIZE_UP_TO) + 1))
    while sizes[-1] < most:
        sizes.append(min(most, max(sizes[-1] + 1, round(sizes[-1] * GROWTH))))
    return np.array(sizes, dtype=np.int64)


def sizes_tried(batch: int, only: int | None) -> list[int]:
    """Powers of two and the whole batch; steps between them are left to the exact improvement."""
    if only is not None:
        return [min(only, batch)]
    sizes = {1 << power for power in range(5) if 1 << power <= batch}
    return sorted(sizes | {min(batch, 64)})


@dataclass(frozen=True)
class Ground:
    """One task on one package's snake; what does not depend on the micro-batch.

    Args:
        order: the chiplets along the snake.
        sizes: of the regions that are tried, ascending; the last is all of `order`.
        only: the class of all chiplets of `order`; None: they may be of any.
    """

    ready: Prepared
    task: int
    order: tuple[int, ...]
    sizes: Ints
    only: int | None = None

    @property
    def model(self) -> Model:
        return self.ready.tasks[self.task].model

    @property
    def batch(self) -> int:
        return self.ready.tasks[self.task].batch

    @cached_property
    def classes(self) -> tuple[int, ...]:
        return tuple(range(len(self.ready.package.classes))) if self.only is None else (self.only,)

    @cached_property
    def splits(self) -> Splits:
        return self.ready.splits(self.task, int(self.sizes[-1]))

    @cached_property
    def unit_of(self) -> Ints:
        """Per layer, its unit."""
        last = [unit[1] for unit in self.model.units]
        return np.searchsorted(last, np.arange(len(self.model.layers)))

    def maker(self, tensor: int) -> int:
        """The unit that makes a tensor; -1: the network's input."""
        return -1 if tensor == NETWORK_INPUT else int(self.unit_of[tensor])

    @cached_property
    def rows(self) -> Ints:
        return layer_rows(self.splits.distinct[0])

    @cached_property
    def energies(self) -> tuple[Floats, Floats]:
        """`Splits.energies` on the classes of the package."""
        return self.splits.energies(self.classes)

    @cached_property
    def spans(self) -> Floats:
        """[n] links between the ends of the longest route within any run of n chiplets along the snake."""
        return self._longest(self.ready.network.hops)

    @cached_property
    def slow(self) -> Floats:
        """[n] how many times as long as on the standard link a byte takes on the slowest link of these routes."""
        return np.maximum(1.0, self._longest(self.ready.network.slow_routes))

    def _longest(self, routes: Floats) -> Floats:
        """[n] the largest figure of a route within any run of n chiplets along the snake."""
        along = routes[np.ix_(self.order, self.order)]
        reach = [float(np.diagonal(along, offset).max()) for offset in range(len(self.order))]
        return np.concatenate(([0.0], np.maximum.accumulate(reach)))

    @cached_property
    def edges(self) -> tuple[Ints, Ints, Ints, Ints, Ints, Ints, Floats]:
        """Every edge of the model: tensor, reader, and the number of its distinct kind; per kind the distinct maker
        (-1: input), distinct reader, operand and extent; per edge the bytes of an entry."""
        model, distinct = self.model, self.splits.distinct[1]
        kinds: dict[tuple[int, ...], int] = {}
        tensor, reader, kind, bytes_ = [], [], [], []
        for layer, operands in enumerate(model.operands):
            for number, edge in enumerate(operands):
                maker = -1 if edge.producer == NETWORK_INPUT else int(distinct[edge.producer])
                size = extent(model, edge.producer)
                key = (maker, int(distinct[layer]), min(number, 1), *size)
                tensor.append(edge.producer)
                reader.append(layer)
                kind.append(kinds.setdefault(key, len(kinds)))
                whole = model.tensor_elements(edge.producer) / (size[0] * size[1] * size[2])
                bytes_.append(model.activation_width * whole)
        table = np.array(list(kinds), dtype=np.int64)
        return (
            np.array(tensor),
            np.array(reader),
            np.array(kind),
            table[:, 0],
            table[:, 1],
            np.ascontiguousarray(table[:, 2:]),
            np.array(bytes_),
        )

    def split_rows(self, micro_batch: int) -> tuple[Ints, Floats]:
        """[d, s, 4] samples, rows, columns and units into which each distinct layer is cut on each size; [d, s, 2]
        seconds of the slowest part by partition."""
        grids, layers, sizes = self.splits.grids(self.classes), self.splits.distinct[0], self.sizes
        samples = np.arange(1, min(micro_batch, int(sizes[-1])) + 1)
        rounds = -(-micro_batch // samples)
        per_sample = np.minimum(sizes[None, :] // samples[:, None], int(sizes[-1]))
        splits = np.ones((len(layers), len(sizes), 4), np.int64)
        seconds = np.zeros((len(layers), len(sizes), 2))
        for d, layer in enumerate(layers):
            time_s = np.where(per_sample > 0, rounds[:, None] * grids.tile_s[d][np.maximum(per_sample, 1)], np.inf)
            best = len(samples) - 1 - np.argmin(time_s[::-1], axis=0)
            left = per_sample[best, np.arange(len(sizes))]
            splits[d, :, 0], splits[d, :, 1], splits[d, :, 2] = (
                samples[best],
                grids.rows[d, left],
                grids.columns[d, left],
            )
            splits[d, :, 3] = np.minimum(sizes, channel_units(layer))
            seconds[d, :, 0] = time_s[best, np.arange(len(sizes))]
            seconds[d, :, 1] = micro_batch * grids.channels_s[d][sizes]
            shares = self.shares(d, seconds[d] / micro_batch)
            if self.ready.detailed and micro_batch > 1 and layer.op is Op.GEMM:
                seconds[d] = self._together_s(d, splits[d], micro_batch)
            seconds[d] *= shares
        return splits, seconds

    def shares(self, distinct: int, equal_s: Floats) -> Floats:
        """[s, p] what unequal parts take of the time that equal ones take on the slowest class, at most 1; of all runs
        of so many chiplets the most.

        Args:
            equal_s: [s, p] seconds of a sample.
        """
        made = np.ones((len(self.sizes), len(PARTITIONS)))
        if len(self.classes) == 1 or not self.splits.unequal[distinct]:
            return made
        for s, runs in enumerate(self._runs):
            for p, partition in enumerate(PARTITIONS):
                slowest_s = max((self.splits.filled(distinct, partition, run)[0] for run in runs), default=np.inf)
                made[s, p] = min(1.0, slowest_s / equal_s[s, p])
        return made

    @cached_property
    def _runs(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """Per size above 1, the classes of any run of so many chiplets along the snake, each mixture once."""
        class_of = [self.ready.package.class_of[chiplet] for chiplet in self.order]
        found = []
        for size in self.sizes.tolist():
            runs = [tuple(sorted(class_of[at : at + size])) for at in range(len(class_of) - size + 1)]
            found.append(tuple(sorted(set(runs))) if size > 1 else ())
        return tuple(found)

    def _together_s(self, distinct: int, splits: Ints, micro_batch: int) -> Floats:
        """[s, 2] seconds of a layer's largest part on each size, its samples together. For products by few rows alone:
        they take a fraction of the time that they take one after another, others nearly as long."""
        layer, parts = self.splits.distinct[0][distinct], []
        for samples, rows, columns, units in splits.tolist():
            every, high, wide = channel_units(layer), -(-layer.out_y // rows), -(-layer.out_x // columns)
            parts.append(Part(distinct, high, wide, every, -(-micro_batch // samples)))
            parts.append(Part(distinct, layer.out_y, layer.out_x, -(-every // units), micro_batch))
        slowest = [
            max(of[c]["cycles"] / self.splits.classes[c].clock_hz for c in self.classes)
            for of in self.splits.parts(parts, True)
        ]
        return np.array(slowest).reshape(len(splits), 2)

    @cached_property
    def crossing(self) -> Floats:
        """[c] bytes per sample of all tensors made before unit c (the network's input, too) and read at or after."""
        model, count = self.model, len(self.model.units)
        total = np.zeros(count + 1)
        for tensor in range(NETWORK_INPUT, len(model.layers)):
            readers = model.readers(tensor)
            made = self.maker(tensor)
            last = max((int(self.unit_of[edge.consumer]) for edge in readers), default=count)
            bytes_ = model.activation_width * min(
                model.tensor_elements(tensor), sum(edge.elements for edge in readers) or model.tensor_elements(tensor)
            )
            total[made + 1 : min(last, count) + 1] += bytes_
        return total


def unit_tables(ground: Ground, micro_batch: int) -> UnitTables:
    """The tables of one micro-batch."""
    splits, seconds = ground.split_rows(micro_batch)
    kind, maker_kind, reader_kind, rest = ground.edges[2:6]
    received, needed = edge_entries(
        ground.rows,
        ground.sizes,
        splits,
        maker_kind,
        reader_kind,
        rest[:, 0].copy(),
        rest[:, 1:].copy(),
        micro_batch,
    )
    compute_s, weights, largest, energy_j = _own(ground, splits, seconds)
    inner_s, chain_s, skip, skip_s = _exchanges(ground, received[kind])
    live, need = _held(ground, _largest_output(ground, splits, micro_batch), needed[kind])
    _hold_skipping(ground, live, micro_batch)
    bytes_ = np.array(ground.model.weight_bytes)
    starts = [first for first, _ in ground.model.units]
    copied = np.add.reduceat(bytes_.astype(np.float64), starts)
    copied_layers = np.add.reduceat((bytes_ > 0).astype(np.float64), starts)
    return UnitTables(
        compute_s, inner_s, chain_s, skip, skip_s, live, need, weights, largest, copied, copied_layers, energy_j,
        *_same(ground, splits),
    )  # fmt: skip


def _same(ground: Ground, splits: Ints) -> tuple[Ints, Floats, Floats]:
    """`same`, `same_bytes` and `same_held` of `UnitTables`."""
    model, unit = ground.model, ground.unit_of
    later = [layer for layer, before in enumerate(model.same_weights) if before >= 0]
    held = np.zeros((len(later), len(ground.sizes), 2))
    for number, layer in enumerate(later):
        held[number] = _weights_held(model, layer, splits[ground.splits.distinct[1][layer]])
    pairs = np.array([(unit[model.same_weights[layer]], unit[layer]) for layer in later], dtype=np.int64)
    bytes_ = [model.weight_bytes[layer] for layer in later]
    return pairs.reshape(-1, 2), np.array(bytes_, dtype=np.float64), held


def _weights_held(model: Model, layer: int, splits: Ints) -> Floats:
    """[s, p] bytes of a layer's weights on a chiplet: all, or those of the largest part of its channels."""
    bytes_, units = model.weight_bytes[layer], channel_units(model.layers[layer])
    part = -(-units // splits[:, 3]) / units
    return np.stack([np.full(len(splits), float(bytes_)), bytes_ * part], axis=1)


def _own(ground: Ground, splits: Ints, seconds: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Per unit: compute_s, weights, the two largest layers' weights, and energy_j (see `UnitTables`)."""
    model, sizes, (tile_j, channels_j) = ground.model, ground.sizes, ground.energies
    shape = (len(model.units), len(sizes), 2)
    compute_s, weights, energy_j = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    largest = np.zeros((*shape, 2))
    for layer in range(len(model.layers)):
        u, d = ground.unit_of[layer], ground.splits.distinct[1][layer]
        compute_s[u] += seconds[d]
        per_sample = np.minimum(sizes // splits[d, :, 0], sizes)
        energy_j[u, :, 0] += tile_j[d][per_sample]
        energy_j[u, :, 1] += channels_j[d][sizes]
        for p, held in enumerate(_weights_held(model, layer, splits[d]).T):
            weights[u, :, p] += held
            pair = np.sort(np.stack([held, largest[u, :, p, 0], largest[u, :, p, 1]]), axis=0)
            largest[u, :, p, 0], largest[u, :, p, 1] = pair[2], pair[1]
    return compute_s, weights, largest, energy_j


def _held(ground: Ground, own: Floats, needed: Floats) -> tuple[Floats, Floats]:
    """Per unit: live and need, of the bytes of each layer's largest part and the entries that each edge needs."""
    tensor, reader, *_, entry_bytes = ground.edges
    shape = (len(ground.model.units), len(ground.sizes), 2)
    live, need, layer_live = np.zeros(shape), np.zeros(shape), own.copy()
    for e in range(len(tensor)):
        u, brought = ground.unit_of[reader[e]], entry_bytes[e] * needed[e]
        layer_live[reader[e]] += brought
        if ground.maker(int(tensor[e])) != u:
            need[u] += brought
    for layer in range(len(own)):
        live[ground.unit_of[layer]] = np.maximum(live[ground.unit_of[layer]], layer_live[layer])
    return live, need


def _exchanges(ground: Ground, received: Floats) -> tuple[Floats, Floats, Ints, Floats]:
    """Per unit: inner_s, chain_s, skip and skip_s, of the entries that each edge brings to the largest part."""
    tensor, reader, *_, entry_bytes = ground.edges
    sizes, unit, rates = ground.sizes, ground.unit_of, ground.ready.rates
    shape = (len(ground.model.units), len(sizes), 2)
    inner_s, chain_s = np.zeros(shape), np.zeros((*shape, 2))
    skip: list[tuple[int, int]] = []
    skip_s: list[Floats] = []
    seen: set[tuple[int, int]] = set()
    first_other: dict[int, int] = {}
    span_s, slow = rates.hop_s * ground.spans[sizes] + rates.delta_s, ground.slow[sizes]
    for e in range(len(tensor)):
        t, u = int(tensor[e]), int(unit[reader[e]])
        made = ground.maker(t)
        if made != u:
            first_other.setdefault(t, u)
        if made < 0 or (t, u) in seen or (made != u and first_other[t] != u):
            continue
        seen.add((t, u))
        bytes_ = entry_bytes[e] * received[e]
        slow_s = slow[:, None, None] * (bytes_ / rates.link_bytes_s)
        time_s = np.where(bytes_ > 0, slow_s + span_s[:, None, None], 0.0)
        if made == u - 1:
            chain_s[u] += time_s
            continue
        alike_s = np.stack([time_s[:, 0, 0], time_s[:, 1, 1]], axis=1)
        if made == u:
            inner_s[u] += alike_s
        else:
            skip.append((made, u))
            skip_s.append(alike_s)
    pairs = np.array(skip, dtype=np.int64).reshape(-1, 2)
    return inner_s, chain_s, pairs, np.array(skip_s).reshape(-1, len(sizes), 2)


def _largest_output(ground: Ground, splits: Ints, micro_batch: int) -> Floats:
    """[layer, s, p] bytes of a layer's largest part."""
    model, distinct = ground.model, ground.splits.distinct[1]
    made = np.zeros((len(model.layers), len(ground.sizes), 2))
    for layer, shape in enumerate(model.layers):
        cut = splits[distinct[layer]]
        bytes_ = model.activation_width * shape.output_elements
        tile = -(-micro_batch // cut[:, 0]) * -(-shape.out_y // cut[:, 1]) * -(-shape.out_x // cut[:, 2])
        made[layer, :, 0] = bytes_ * tile / (shape.out_y * shape.out_x)
        units = channel_units(shape)
        made[layer, :, 1] = bytes_ * micro_batch * -(-units // cut[:, 3]) / units
    return made


def _hold_skipping(ground: Ground, live: Floats, micro_batch: int) -> None:
    """Tensors that wait while units that neither make nor read them run, spread over the region."""
    model, unit = ground.model, ground.unit_of
    for tensor in range(NETWORK_INPUT, len(model.layers)):
        readers = {int(unit[edge.consumer]) for edge in model.readers(tensor)}
        made = ground.maker(tensor)
        bytes_ = model.activation_width * model.tensor_elements(tensor) * micro_batch
        for u in range(made + 1, max(readers, default=0)):
            if u not in readers:
                live[u] += (bytes_ / ground.sizes)[:, None]


def line_of(ground: Ground, micro_batch: int) -> Line:
    """What the kernels need of package and task."""
    ready, package = ground.ready, ground.ready.package
    hops, joule_hops = (
        each[np.ix_(ground.order, package.interfaces)].min(axis=1) for each in (package.late_hops, package.joule_hops)
    )
    dram_hops = float(np.median(hops))
    least = min((package.classes[c] for c in ground.classes), key=lambda chiplet: chiplet.l2_bytes)
    compute_s = micro_of(ready, ground.task, micro_batch).compute_s[:, -1]
    return Line(
        rates=seen_from(float(np.median(joule_hops)), ready.usual_rates),
        batch=ground.batch,
        micro_batch=micro_batch,
        l2_bytes=float(least.l2_bytes),
        block_bytes=least.block_bytes,
        byte_j=max(ready.byte_j(ground.task)[c] for c in ground.classes),
        kind=max(ground.classes, key=lambda c: float(compute_s[c])),
        dram_hops=dram_hops,
        sizes=ground.sizes,
        spans=ground.spans,
        slow=ground.slow,
    )


def stage_tables(
    ground: Ground, units: UnitTables, line: Line, sizes: Sequence[int], longest: int, limit_s: float
) -> Floats:
    """[h, length - 1, s, term] stages of up to `longest` units from unit h on regions of sizes number `sizes`.

    Stages of several units that compute for longer than `limit_s` are left out (infinite).
    """
    chosen = np.array(sizes, dtype=np.int64)
    arrays = arrays_of(ground.ready, ground.task)
    part = part_of(ground.ready, ground.task, 0, arrays.units, line.micro_batch)
    made = kernel.stages(arrays, part, units, chosen, longest, float(limit_s), line, _alike(ground, units, longest))
    return np.ascontiguousarray(made.transpose(0, 2, 1, 3))


def _alike(ground: Ground, units: UnitTables, longest: int) -> Ints:
    """[h] the first unit from which on the next `longest` units are those from unit h on: deep models repeat blocks."""
    model, at, count = ground.model, ground.unit_of, len(units.copied)
    skips: list[list[bytes]] = [[] for _ in range(count)]
    for (made, reader), skip_s in zip(units.skip.tolist(), units.skip_s, strict=True):
        skips[reader] += [(reader - made).to_bytes(4), skip_s.tobytes()]
    back: list[tuple[int, ...]] = [() for _ in range(count)]
    for layer, before in enumerate(model.same_weights):
        if before >= 0:
            back[at[layer]] += (layer - before,)
    of_pairs = {"skip", "skip_s", "same", "same_bytes", "same_held"}
    fields = [field for name, field in units._asdict().items() if name not in of_pairs]
    numbers: dict[object, int] = {}
    kinds = [
        numbers.setdefault((*(field[u].tobytes() for field in fields), *skips[u], back[u]), len(numbers))
        for u in range(count)
    ]
    first: dict[tuple[int, ...], int] = {}
    return np.array([first.setdefault(tuple(kinds[h : h + longest]), h) for h in range(count)], dtype=np.int64)


def stages_between(ground: Ground, units: UnitTables, line: Line, cuts: Ints) -> Floats:
    """[start, length - 1, s, term] stages between any two of the cuts on regions of every size; starts and lengths
    count cuts."""
    arrays = arrays_of(ground.ready, ground.task)
    part = part_of(ground.ready, ground.task, 0, arrays.units, line.micro_batch)
    return kernel.stages_between(arrays, part, units, cuts, line)
