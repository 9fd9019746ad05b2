"""A problem as flat arrays over units, for the kernels. Plain twins: `exact/memory.py`, `exact/tensors.py`.

A *unit* is the smallest run of layers that may be a stage (`Model.units`). Matrices indexed `[i, j]` describe
units i to j (inclusive) run as one stage; entries with i > j are unused.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.tables.memory import Held, Operands, Units, fill_and_drain, footprints, spills
from chipweave.evaluation.tables.window_bytes import Tensors
from chipweave.ndarrays import Floats, Ints
from chipweave.workload.model import NETWORK_INPUT, Model


class TaskArrays(NamedTuple):
    """One task. Per-sample figures; `[c]` is the chiplet class; prefix arrays have one entry more than units.

    Args:
        batch: samples.
        units: number of units; `first`, `last`: their layers.
        compute_s, work_j, fill_weight_j: [c, units + 1] prefix sums of seconds, of the joules spent wherever
            tensors are (`paper`: all joules), of the joules that bring weights into L2 (`paper`: 0).
        fill_input_j, drain_j: [c, i, j] joules of tensors entering and leaving the stage (`paper`: 0).
        weights: [units + 1] prefix sums of bytes.
        two_largest, live: [i, j] bytes: the two largest layers' weights, the largest live set.
        spill_kept, spill_streamed: [c, i, j] bytes spilled by one sample with weights kept or streamed;
            0 where it fits.
    """

    batch: int
    units: int
    first: Ints
    last: Ints
    compute_s: Floats
    work_j: Floats
    fill_weight_j: Floats
    fill_input_j: Floats
    drain_j: Floats
    weights: Floats
    two_largest: Floats
    live: Floats
    spill_kept: Floats
    spill_streamed: Floats
    tensors: Tensors


class Places(NamedTuple):
    """The package as arrays. `links` numbers the directed links; `route` lists them per pair, -1 padded."""

    class_of: Ints
    l2_bytes: Floats
    dram_hops: Ints
    interface: Ints
    hops: Ints
    route: Ints
    links: int


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
    scale = model.bytes_per_element
    layer_weights = np.array([scale * layer.weight_elements for layer in model.layers], dtype=np.float64)
    operands = _operands(model)
    l2_bytes = np.array([chiplet.l2_bytes for chiplet in classes], dtype=np.float64)
    live, two_largest = footprints(units, operands, layer_weights)
    shape = (len(classes), len(first), len(first))
    if detailed:
        held = Held(layer_weights, live, two_largest)
        spill_kept, spill_streamed = spills(units, operands, held, l2_bytes)
        fill_input_j, drain_j = fill_and_drain(
            units,
            operands,
            np.array([c.fill_input_j for c in costs]),
            np.array([c.drain_output_j for c in costs]),
            _last_reader(model),
        )
    else:
        spill_kept = spill_streamed = fill_input_j = drain_j = np.zeros(shape)
    seconds = [c.cycles / chiplet.clock_hz for c, chiplet in zip(costs, classes, strict=True)]
    work = [c.resident_j if detailed else c.energy_j for c in costs]
    fill_weight = [c.fill_weight_j if detailed else np.zeros_like(c.cycles) for c in costs]
    return TaskArrays(
        batch=entry.batch,
        units=len(first),
        first=first,
        last=last,
        compute_s=np.array([_prefix(values, ends) for values in seconds]),
        work_j=np.array([_prefix(values, ends) for values in work]),
        fill_weight_j=np.array([_prefix(values, ends) for values in fill_weight]),
        fill_input_j=fill_input_j,
        drain_j=drain_j,
        weights=_prefix(layer_weights, ends),
        two_largest=two_largest,
        live=live,
        spill_kept=spill_kept,
        spill_streamed=spill_streamed,
        tensors=_tensors(model, last),
    )


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
        dram_hops=np.array([package.dram_hops(i) for i in range(count)], dtype=np.int64),
        interface=np.array(package.nearest_interface, dtype=np.int64),
        hops=package.hop_matrix.copy(),
        route=route,
        links=len(directed),
    )


def _prefix(per_layer: Floats, ends: Ints) -> Floats:
    return np.concatenate(([0.0], np.cumsum(per_layer)))[ends]


def _operands(model: Model) -> Operands:
    """Tensor sizes by producer (entry 0: the network input); per layer its slice of the edges it reads; those edges."""
    size = [
        model.bytes_per_element * model.tensor_elements(producer)
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
    scale = model.bytes_per_element
    unit, bytes_, sink, starts, reader, read = [], [], [], [0], [], []
    for producer in range(NETWORK_INPUT, len(model.layers)):
        edges = model.input_readers if producer == NETWORK_INPUT else model.consumers[producer]
        maker = -1 if producer == NETWORK_INPUT else int(unit_of[producer])
        by_unit: dict[int, int] = {}
        for edge in edges:
            at = int(unit_of[edge.consumer])
            by_unit[at] = by_unit.get(at, 0) + scale * edge.elements
        by_unit.pop(maker, None)
        is_sink = producer != NETWORK_INPUT and not edges
        if not by_unit and not is_sink:
            continue
        unit.append(maker)
        bytes_.append(scale * model.tensor_elements(producer))
        sink.append(is_sink)
        reader += sorted(by_unit)
        read += [by_unit[at] for at in sorted(by_unit)]
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
