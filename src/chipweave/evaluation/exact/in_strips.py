"""A stage with layers that go strip by strip: what its L2 keeps, what the strips cost, how weights come.

docs/strips.md. A run of layers is to the keep pass (`keep.py`) what a single layer is: it reads what the run reads from
elsewhere, each tensor once, and takes the room that the run needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chipweave.cost.choose import rebuilds
from chipweave.cost.interface import BatchCostModel, batch_costs
from chipweave.evaluation.exact.ground import Prepared
from chipweave.evaluation.exact.memory import around_of, fused, layers_of, open_pass, uses_of
from chipweave.evaluation.exact.split import tile
from chipweave.evaluation.keep import AGAIN, BACK, WROTE, Uses, run_layer
from chipweave.evaluation.strips import course_of, need_of, runs_of
from chipweave.hardware.chiplet import Chiplet
from chipweave.ndarrays import Floats
from chipweave.plan.schedule import Stage, Strips
from chipweave.workload.layer import channel_units
from chipweave.workload.model import Model

ENDLESS = 1e300
"""Room of layers inside a run, which holds none of the tensors that others keep."""


class Unit(NamedTuple):
    """A run of layers, or a layer alone: `run` is None."""

    first: int
    last: int
    run: Strips | None

    @property
    def layers(self) -> range:
        return range(self.first, self.last + 1)


def units_of(model: Model, stage: Stage) -> tuple[Unit, ...]:
    """The stage's runs of several strips, and its other layers one by one, in order."""
    starts = {run.first: run for run in runs_of(model, stage)}
    found, layer = [], stage.first
    while layer <= stage.last:
        run = starts.get(layer)
        found.append(Unit(layer, layer if run is None else run.last, run))
        layer = found[-1].last + 1
    return tuple(found)


def kept_in_strips(
    model: Model, stage: Stage, micro_batch: int, window: tuple[int, int], chiplet: Chiplet
) -> tuple[float, float, float, float]:
    """`memory.kept_in_l2` of a stage with runs: the least room left, bytes back, out, and read again."""
    units = units_of(model, stage)
    books, around = open_pass(stage), around_of(model, stage, window, chiplet)
    uses, layers = _uses_of(model, stage, units, micro_batch), layers_of(model, stage, chiplet)
    for unit in units:
        if unit.run is not None:
            layers.weights[unit.last] = layers.block[unit.last] = 0.0  # they are in the run's need, all of them
            layers.grain[unit.last] = need_of(model, unit.run).total / 2  # the pass takes two pieces from the room
            books.room[unit.first : unit.last] = ENDLESS
        run_layer(unit.last, uses, layers, around, books)
        for layer in unit.layers:  # what a run makes for later layers is there when it is through
            books.since[layer + 1] = unit.last
    slack, back, wrote, again = map(float, books.sums)
    return slack, back, wrote, again


def wanting(
    model: Model, stage: Stage, micro_batch: int, window: tuple[int, int], chiplet: Chiplet
) -> tuple[bool, ...]:
    """Per layer of a stage without strips, whether anything goes to DRAM or comes back when it runs, for want of
    room (arguments as `memory.kept_in_l2`)."""
    books, around = open_pass(stage), around_of(model, stage, window, chiplet)
    uses, layers, found, before = uses_of(model, stage, micro_batch), layers_of(model, stage, chiplet), [], 0.0
    for layer in stage.layers:
        run_layer(layer, uses, layers, around, books)
        moved = float(books.sums[BACK] + books.sums[WROTE] + books.sums[AGAIN])
        found.append(moved > before)
        before = moved
    return tuple(found)


def _uses_of(model: Model, stage: Stage, units: Sequence[Unit], micro_batch: int) -> Uses:
    """What each unit reads that it does not make, each tensor once, at its last layer."""
    start, end = np.zeros(stage.last + 1, np.int64), np.zeros(stage.last + 1, np.int64)
    maker = {layer: unit for unit in units for layer in unit.layers}
    scale = model.activation_width
    listed: list[tuple[int, float, float, bool]] = []
    for unit in units:
        start[unit.last] = len(listed)
        read: dict[int, int] = {}
        for edge in (edge for layer in unit.layers for edge in model.operands[layer]):
            if edge.producer < unit.first:
                read[edge.producer] = read.get(edge.producer, 0) + edge.elements
        for tensor, elements in sorted(read.items()):
            whole = model.tensor_elements(tensor)
            held = float(scale * micro_batch * whole)
            alone = unit.run is None and (tensor not in maker or maker[tensor].run is None)
            together = alone and fused(model, unit.last, tensor)
            listed.append((tensor, held, held * min(1.0, elements / whole), together))
        end[unit.last] = len(listed)
    tensors, held_bytes, taken, fused_ = (np.array(column) for column in zip(*listed, strict=True))
    return Uses(start, end, tensors, held_bytes.astype(np.float64), taken.astype(np.float64), fused_)


def live_in_strips(model: Model, stage: Stage, micro_batch: int, window: int, live: Sequence[float]) -> float:
    """The largest set of activations that are held at a time, were all of them held that others wait for.

    Args:
        window: first layer of the task's window.
        live: per layer of the stage, the same without strips (`memory.Footprint`).
    """
    most = 0.0
    readers: dict[int, list[int]] = {}
    for layer in stage.layers:
        for edge in model.operands[layer]:
            readers.setdefault(edge.producer, []).append(layer)
    for unit in units_of(model, stage):
        if unit.run is None:
            most = max(most, live[unit.last - stage.first])
            continue
        held = need_of(model, unit.run).rows
        for tensor, all_ in readers.items():
            passes = tensor < window and unit.first <= all_[0] and all_[-1] <= unit.last
            inside = tensor >= unit.first and all_[-1] <= unit.last
            if tensor <= unit.last and all_[-1] >= unit.first and not passes and not inside:
                held += model.activation_width * micro_batch * model.tensor_elements(tensor)
        most = max(most, held)
    return most


class StripCosts(NamedTuple):
    """Per layer of a run what strips take more than whole maps: seconds and joules of one sample, never below 0."""

    seconds: Floats
    joules: Floats


def strip_costs(ready: Prepared, task: int, chiplet_class: int, run: Strips) -> StripCosts:
    """What a run's strips cost beyond the whole layers, one sample, on a class of chiplet.

    Every strip of a layer is a layer of its own to the cost model. One that knows whole layers alone, or whose figures
    are stored, has none of strips: they then cost what the layers do.
    """
    more = StripCosts(np.zeros(len(run.layers)), np.zeros(len(run.layers)))
    cost_model = ready.problem.cost_model
    if not isinstance(cost_model, BatchCostModel) or not rebuilds(cost_model.name):
        return more
    layers, chiplet = ready.tasks[task].model.layers, ready.package.classes[chiplet_class]
    course, parts, places, times = course_of(ready.tasks[task].model, run), [], [], []
    for at, layer in enumerate(run.layers):
        heights, counts = np.unique(np.diff(course.made[layer]), return_counts=True)
        for rows, count in zip(heights.tolist(), counts.tolist(), strict=True):
            if rows:
                shape = layers[layer]
                parts.append(tile(shape, rows, shape.out_x, channel_units(shape)))
                places.append(at)
                times.append(float(count))
    costs, whole = batch_costs(cost_model, parts, chiplet, 1), ready.problem.costs[task][chiplet_class]
    own = slice(run.first, run.last + 1)
    seconds, joules = np.zeros(len(run.layers)), np.zeros(len(run.layers))
    np.add.at(seconds, places, np.array(times) * costs.cycles / chiplet.clock_hz)
    np.add.at(joules, places, np.array(times) * costs.resident_j)
    more.seconds[:] = np.maximum(0.0, seconds - whole.cycles[own] / chiplet.clock_hz)
    more.joules[:] = np.maximum(0.0, joules - whole.resident_j[own])
    return more


class Stream(NamedTuple):
    """A unit of the stage as its weights come: seconds that it computes, in whole layers and in blocks of weights, and
    of its weights at the DRAM's pace, all of them and those that are not there already; their blocks; whether they must
    all be there before it begins."""

    compute_s: float
    blocks_s: float
    weights_s: float
    new_s: float
    blocks: int
    at_once: bool


def streams_of(units: Sequence[Stream]) -> tuple[float, float]:
    """(exposed_s, arrival_s) of a stage with runs, as `streams.py` has them of one without.

    Nothing hides a run's weights, as there is room for them only when what was before is through, nor the first block
    behind a run, which fills L2 until it ends.
    """
    exposed = last = 0.0
    for _ in range(2):  # before the first unit comes the last one, of the micro-batch before
        exposed = 0.0
        for unit in units:
            if unit.at_once:
                exposed, last = exposed + unit.weights_s, 0.0
            elif unit.weights_s == 0.0:
                last += unit.blocks_s
            else:
                block_s, each_s = unit.weights_s / unit.blocks, unit.blocks_s / unit.blocks
                exposed += (unit.blocks - 1) * max(0.0, block_s - each_s) + max(0.0, block_s - last)
                last = each_s
    arrival = came = 0.0
    for unit in units:
        came += unit.new_s
        if unit.at_once:
            arrival = max(arrival, came) + unit.compute_s
        elif unit.new_s == 0.0:
            arrival += unit.compute_s
        else:
            begins = max(arrival, came - unit.new_s + unit.new_s / unit.blocks)
            arrival = max(begins + unit.compute_s, came + unit.compute_s / unit.blocks)
    return exposed, arrival
