"""A problem as flat arrays over units, for the kernels. Plain twins: `exact/memory.py`, `exact/tensors.py`.

A *unit* is the smallest run of layers that may be a stage (`Model.units`). Matrices indexed `[i, j]` describe
units i to j (inclusive) run as one stage; entries with i > j are unused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from chipweave.evaluation.exact.ground import BlockCosts, Prepared
from chipweave.evaluation.exact.memory import layers_of, uses_of
from chipweave.evaluation.keep import Layers, Uses
from chipweave.evaluation.tables.kept import Kept, Streamed, kept
from chipweave.evaluation.tables.memory import Operands, Units, fill_and_drain, footprints
from chipweave.evaluation.tables.window_bytes import Tensors
from chipweave.ndarrays import Floats, Ints
from chipweave.plan.schedule import Stage
from chipweave.workload.model import NETWORK_INPUT, Model


class TaskArrays(NamedTuple):
    """One task. Per-sample figures; `[c]` is the chiplet class; prefix arrays have one entry more than units.

    Args:
        batch: samples.
        units: number of units; `first`, `last`: their layers.
        fill_weight_j: [c, units + 1] prefix sums of the joules that bring weights into L2 (`paper`: 0).
        fill_input_j, drain_j: [c, i, j] joules of tensors entering and leaving the stage (`paper`: 0).
        byte_j: [c] of a byte that enters or leaves L2.
        weights: [units + 1] prefix sums of bytes.
        reused, reused_fill_j: [i, j] bytes and [c, i, j] joules of them that are of layers whose weights a layer before
            in the stage has; empty where no two layers have the same.
        two_largest, live: [i, j] bytes: the two largest layers' weights, the largest live set.
        uses, layers: what layers read; their weights, blocks and pieces in flight [c, l].
        last_reader: per layer; beyond all layers for an output of the network.
    """

    batch: int
    units: int
    first: Ints
    last: Ints
    fill_weight_j: Floats
    fill_input_j: Floats
    drain_j: Floats
    byte_j: Floats
    weights: Floats
    reused: Floats
    reused_fill_j: Floats
    two_largest: Floats
    live: Floats
    uses: Uses
    layers: Layers
    last_reader: Ints
    tensors: Tensors


class Micro(NamedTuple):
    """A task at one micro-batch, as prefix sums over units [c, units + 1].

    Args:
        size: samples.
        compute_s, blocks_s: seconds of a micro-batch, and what its weights in blocks take longer.
        work_j, blocks_j: joules of one sample that are spent wherever tensors are (`paper`: all joules), and what
            blocks take more.
        streamed: by layer.
    """

    size: int
    compute_s: Floats
    blocks_s: Floats
    work_j: Floats
    blocks_j: Floats
    streamed: Streamed


class Places(NamedTuple):
    """The package as arrays.

    Args:
        class_of: per chiplet; l2_bytes: per class.
        dram: [chiplet, 3] the way to its memory interface (`hardware.package.DramWay`).
        interface: per chiplet.
        ways: [from, to, 3] latency and energy of the route, in hops over the standard link, and how many times as long
            as on that a byte takes on its slowest link.
        route: [from, to] numbers of its directed links, -1 padded; links: how many there are.
        equal: all links are alike.
        slow, slow_out, slow_into: how many times as long as on the standard link a byte takes, per link, and out of and
            into each chiplet.
    """

    class_of: Ints
    l2_bytes: Floats
    dram: Floats
    interface: Ints
    ways: Floats
    route: Ints
    links: int
    equal: bool
    slow: Floats
    slow_out: Floats
    slow_into: Floats


def task_arrays(ready: Prepared, task: int) -> TaskArrays:
    """Arrays of one task (see `TaskArrays`)."""
    entry = ready.tasks[task]
    model, detailed = entry.model, ready.detailed
    classes, costs = ready.package.classes, ready.problem.costs[task]
    units = Units(
        np.array([unit[0] for unit in model.units], dtype=np.int64),
        np.array([unit[1] for unit in model.units], dtype=np.int64),
    )
    first, last = units
    ends = np.append(first, len(model.layers))
    layer_weights = np.array(model.weight_bytes, dtype=np.float64)
    operands = _operands(model)
    same = np.array(model.same_weights, dtype=np.int64)
    live, two_largest = footprints(units, operands, layer_weights, same)
    shape = (len(classes), len(first), len(first))
    last_reader = _last_reader(model)
    if detailed:
        fill_input_j, drain_j = fill_and_drain(
            units,
            operands,
            np.array([c.fill_input_j for c in costs]),
            np.array([c.drain_output_j for c in costs]),
            last_reader,
        )
    else:
        fill_input_j = drain_j = np.zeros(shape)
    fill_weight = [c.fill_weight_j if detailed else np.zeros_like(c.cycles) for c in costs]
    reused, reused_fill_j = _reused(units, same, layer_weights, np.array(fill_weight))
    stage = Stage(0, len(model.layers) - 1, (0,))
    by_class = [layers_of(model, stage, chiplet) for chiplet in classes]
    return TaskArrays(
        batch=entry.batch,
        units=len(first),
        first=first,
        last=last,
        fill_weight_j=np.array([_prefix(values, ends) for values in fill_weight]),
        fill_input_j=fill_input_j,
        drain_j=drain_j,
        byte_j=np.array(ready.byte_j(task)),
        weights=_prefix(layer_weights, ends),
        reused=reused,
        reused_fill_j=reused_fill_j,
        two_largest=two_largest,
        live=live,
        uses=uses_of(model, stage, 1),
        layers=Layers(*(np.array(values) for values in zip(*by_class, strict=True))),
        last_reader=last_reader,
        tensors=_tensors(model, last),
    )


def micro_arrays(ready: Prepared, task: int, micro_batch: int) -> Micro:
    """Arrays of one task at one micro-batch (see `Micro`)."""
    model, classes = ready.tasks[task].model, ready.package.classes
    ends = np.append([first for first, _ in model.units], len(model.layers))
    costs = ready.costs(task, micro_batch)
    seconds = [micro_batch * each.cycles / chiplet.clock_hz for each, chiplet in zip(costs, classes, strict=True)]
    work = [each.resident_j if ready.detailed else each.energy_j for each in costs]
    none = np.zeros(len(model.layers))
    more = ready.block_costs(task, micro_batch) if ready.detailed else [BlockCosts(none, none)] * len(classes)
    bytes_ = np.array(model.weight_bytes, dtype=np.float64)
    streamed = Streamed(
        np.array(seconds),
        np.array([each.seconds for each in more]),
        np.array([bytes_ / ready.usual_rates.dram_bytes_s] * len(classes)),
        np.array([[block.number for block in ready.blocks(task, c)] for c in range(len(classes))], dtype=np.int64),
        np.array(model.same_weights, dtype=np.int64),
    )

    def prefixes(rows: Iterable[Floats]) -> Floats:
        return np.array([_prefix(values, ends) for values in rows])

    return Micro(
        micro_batch,
        prefixes(seconds),
        prefixes(each.seconds for each in more),
        prefixes(work),
        prefixes(each.joules for each in more),
        streamed,
    )


def kept_arrays(ready: Prepared, task: int, first: int, end: int, micro_batch: int, starts: int) -> Kept:
    """What an L2 of each class keeps in stages of a window that holds units first to end - 1, of those from its first
    `starts` units on (`paper`: nothing)."""
    begins = np.arange(first, first + starts, dtype=np.int64)
    return kept_between(ready, task, (first, end), micro_batch, (begins, np.full(starts, end, np.int64)))


def kept_between(
    ready: Prepared, task: int, window: tuple[int, int], micro_batch: int, runs: tuple[Ints, Ints]
) -> Kept:
    """What an L2 of each class keeps in stages of a window that holds units window[0] to window[1] - 1, from each unit
    of runs[0] up to the end beside it in runs[1] (`paper`: nothing)."""
    if not ready.detailed:
        return Kept(*(np.zeros((0, 0)) for _ in Kept._fields))
    arrays, micro, end = ready.once(task_arrays, task), ready.once(micro_arrays, task, micro_batch), window[1]
    uses = arrays.uses._replace(size=micro_batch * arrays.uses.size, read=micro_batch * arrays.uses.read)
    beyond = int(arrays.first[end]) if end < arrays.units else len(arrays.last_reader)
    stored = np.concatenate(([True], arrays.last_reader >= beyond))
    l2_bytes = np.array([float(chiplet.l2_bytes) for chiplet in ready.package.classes])
    units = Units(arrays.first, arrays.last)
    return kept(units, window, runs, uses, arrays.layers, micro.streamed, l2_bytes, stored)


def places(ready: Prepared) -> Places:
    """Arrays of the package (see `Places`)."""
    package = ready.package
    count = len(package.chiplets)
    directed = package.directed_links
    number = np.full((count, count), -1, dtype=np.int64)
    for i, link in enumerate(directed):
        number[link] = i
    at, target = np.indices((count, count))
    route = np.empty((count, count, max(1, package.hop_matrix.max())), dtype=np.int64)
    for step in range(route.shape[2]):
        following = package.next_chiplet[at, target]
        route[:, :, step] = number[at, following]
        at = following
    return Places(
        class_of=np.array(package.class_of, dtype=np.int64),
        l2_bytes=np.array([chiplet.l2_bytes for chiplet in package.classes], dtype=np.float64),
        dram=np.array([package.dram_way(i) for i in range(count)]),
        interface=np.array(package.nearest_interface, dtype=np.int64),
        ways=np.stack([package.late_hops, package.joule_hops, package.slow_routes], axis=2),
        route=route,
        links=len(directed),
        equal=package.wiring.equal,
        slow=package.wiring.slow,
        slow_out=package.slow_ports[0],
        slow_into=package.slow_ports[1],
    )


def _reused(units: Units, same: Ints, weights: Floats, fill_j: Floats) -> tuple[Floats, Floats]:
    """`reused` and `reused_fill_j` of `TaskArrays` (twin: `exact/memory.py reuses`).

    Args:
        same: per layer the last one before it with the same weights, -1 where there is none; fill_j: [c, layer].
    """
    pairs = [(layer, int(before)) for layer, before in enumerate(same) if before >= 0]
    if not pairs:
        return np.zeros((0, 0)), np.zeros((len(fill_j), 0, 0))
    count = len(units.first)
    bytes_, joules = np.zeros((count, count)), np.zeros((len(fill_j), count, count))
    for layer, before in pairs:
        # A stage that holds both holds the earlier one's unit and the later one's.
        starts = slice(0, int(np.searchsorted(units.last, before)) + 1)
        ends = slice(int(np.searchsorted(units.last, layer)), count)
        bytes_[starts, ends] += weights[layer]
        joules[:, starts, ends] += fill_j[:, layer, None, None]
    return bytes_, joules


def _prefix(per_layer: Floats, ends: Ints) -> Floats:
    return np.concatenate(([0.0], np.cumsum(per_layer)))[ends]


def _operands(model: Model) -> Operands:
    """Tensor sizes by producer (entry 0: the network input); per layer its slice of the edges it reads; those edges."""
    size = [
        model.activation_width * model.tensor_elements(producer)
        for producer in range(NETWORK_INPUT, len(model.layers))
    ]
    counts = np.array([len(edges) for edges in model.operands], dtype=np.int64)
    end = np.cumsum(counts)
    edges = [edge for edges in model.operands for edge in edges]
    return Operands(
        np.array(size, dtype=np.float64),
        end - counts,
        end,
        np.array([edge.producer for edge in edges], dtype=np.int64),
        np.array([edge.elements for edge in edges], dtype=np.float64),
    )


def _last_reader(model: Model) -> Ints:
    """Per layer, the last layer that reads it; beyond all layers for an output of the network."""
    never = len(model.layers)
    return np.array([readers[-1].consumer if readers else never for readers in model.consumers], dtype=np.int64)


def _tensors(model: Model, last: Ints) -> Tensors:
    unit_of = np.searchsorted(last, np.arange(len(model.layers)))
    unit, bytes_, sink, starts, reader, read = [], [], [], [0], [], []
    for producer in range(NETWORK_INPUT, len(model.layers)):
        edges = model.input_readers if producer == NETWORK_INPUT else model.consumers[producer]
        maker = -1 if producer == NETWORK_INPUT else int(unit_of[producer])
        by_unit: dict[int, int] = {}
        for edge in edges:
            at = int(unit_of[edge.consumer])
            by_unit[at] = by_unit.get(at, 0) + edge.elements
        by_unit.pop(maker, None)
        is_sink = producer != NETWORK_INPUT and not edges
        if not by_unit and not is_sink:
            continue
        unit.append(maker)
        bytes_.append(model.tensor_bytes(model.tensor_elements(producer)))
        sink.append(is_sink)
        reader += sorted(by_unit)
        read += [model.tensor_bytes(by_unit[at]) for at in sorted(by_unit)]
        starts.append(len(reader))
    return Tensors(
        np.array(unit, dtype=np.int64),
        np.array(bytes_, dtype=np.float64),
        np.array(sink, dtype=np.bool_),
        np.array(starts, dtype=np.int64),
        np.array(reader, dtype=np.int64),
        np.array(read, dtype=np.float64),
        np.searchsorted(np.array(unit, dtype=np.int64), np.arange(len(last) + 1)),
    )
