"""Layers in strips, row by row: an oracle of docs/strips.md of its own, which shares nothing with the evaluator.

Every row of every tensor is a thing that lies somewhere. From the filters alone follows which rows of its input a row
of output wants; `Course` makes rows one by one and notes which lie in L2. What the stage keeps between its units is
played byte by byte by `l2_oracle.play`, to which a run is one layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from chipweave.hardware.chiplet import Chiplet
from chipweave.workload.layer import Op
from chipweave.workload.model import NETWORK_INPUT, Model
from tests.evaluation.l2_oracle import Played, Tensor, Work, block_units, play, row_pieces, side_of

Run = tuple[int, int, int]
"""First and last layer, rows of a strip."""


def rows_of(model: Model, tensor: int) -> int:
    if tensor == NETWORK_INPUT:
        return model.layers[model.input_readers[0].consumer].Y
    return model.layers[tensor].out_y


def bytes_of_row(model: Model, tensor: int) -> int:
    whole = model.tensor_elements(tensor) * model.bytes_per_element
    assert whole % rows_of(model, tensor) == 0
    return whole // rows_of(model, tensor)


def wanted(model: Model, layer: int, row: int) -> list[int]:
    """The rows of its input over which one row of a layer's output reaches, in the map or beside it."""
    shape = model.layers[layer]
    stride, padding, reach = shape.stride[0], shape.padding[0], shape.dilation[0] * (shape.R - 1) + 1
    if shape.op in (Op.GEMM, Op.ELEMENTWISE):
        return [row]
    if shape.op is Op.UPSAMPLE:
        return [row // stride]
    if shape.op is Op.TRANSPOSED:  # input row i spreads over the outputs from i * stride - padding on
        return [i for i in range(-reach, shape.Y + reach) if 0 <= row - (i * stride - padding) < reach]
    return list(range(row * stride - padding, row * stride - padding + reach))


class Course:
    """One sample through a run."""

    def __init__(self, model: Model, run: Run) -> None:
        self.model, (self.first, self.last, self.height) = model, run
        self.layers = range(self.first, self.last + 1)
        self.read = sorted({e.producer for layer in self.layers for e in model.operands[layer]})
        self.strips = math.ceil(rows_of(model, self.last) / self.height)

    def readers(self, tensor: int) -> list[int]:
        return [e.consumer for e in self.model.readers(tensor) if e.consumer in self.layers]

    def leaves(self, layer: int) -> bool:
        edges = self.model.readers(layer)
        return not edges or any(edge.consumer not in self.layers for edge in edges)

    def goals(self, strip: int) -> dict[int, int]:
        """How many rows of each tensor must be there behind so many strips."""
        model, ends = self.model, rows_of(self.model, self.last)
        goal = {self.last: min(strip * self.height, ends)}
        for tensor in [*reversed(self.layers), *(each for each in self.read if each not in self.layers)]:
            readers = self.readers(tensor)
            if tensor == self.last:
                continue
            if not readers:
                goal[tensor] = math.ceil(rows_of(model, tensor) * goal[self.last] / ends)
                continue
            rows: set[int] = set()
            for reader in readers:
                if goal[reader] == rows_of(model, reader):
                    rows |= set(range(model.layers[reader].Y))
                for row in range(goal[reader]):
                    rows |= set(wanted(model, reader, row))
            goal[tensor] = max((row + 1 for row in rows if row < rows_of(model, tensor)), default=0)
            goal[tensor] = max(0, goal[tensor])
            if strip == self.strips and tensor in self.layers:
                goal[tensor] = rows_of(model, tensor)
        return goal

    def held(self, tensor: int, there: int, made: dict[int, int]) -> int:
        """Rows that are there and that a reader in the run has not gone past."""
        least = rows_of(self.model, tensor)
        for reader in self.readers(tensor):
            for row in range(made[reader], rows_of(self.model, reader)):
                least = min([least, *wanted(self.model, reader, row)])
        return len([row for row in range(there) if row >= least])

    def most_bytes(self) -> int:
        """The most bytes of rows at a time, strips that leave among them."""
        model, most = self.model, 0
        goals = [self.goals(strip) for strip in range(self.strips + 1)]
        made, largest = dict.fromkeys(self.layers, 0), dict.fromkeys(self.layers, 0)
        for strip in range(1, self.strips + 1):
            for layer in self.layers:
                rows = goals[strip][layer] - made[layer]
                largest[layer] = max(largest[layer], rows)
                there = made | {layer: goals[strip][layer]}
                for tensor in self.read:
                    if tensor not in self.layers:
                        there[tensor] = goals[min(strip + 1, self.strips)][tensor]
                now = sum(bytes_of_row(model, t) * self.held(t, there[t], made) for t in self.read)
                most = max(most, now)
                made[layer] = goals[strip][layer]
        for layer in self.layers:
            assert made[layer] == rows_of(model, layer), "every row is made"
        leaving = [layer for layer in self.layers if self.leaves(layer)]
        return most + sum(bytes_of_row(model, t) * min(rows_of(model, t), 2 * largest[t]) for t in leaving)

    @property
    def weights(self) -> int:
        return sum(self.model.layers[layer].weight_elements for layer in self.layers) * self.model.bytes_per_element

    @property
    def need(self) -> int:
        return self.weights + self.most_bytes()


@dataclass(frozen=True)
class RunWork(Work):
    """A run as the play sees it."""

    need: int = 0

    @property
    def in_flight(self) -> int:
        return self.need


@dataclass
class Unit:
    first: int
    last: int
    run: Run | None

    def __contains__(self, layer: int) -> bool:
        return self.first <= layer <= self.last


@dataclass(frozen=True)
class Part:
    """First layers of a stage and of its window, and those behind their last ones."""

    first: int
    end: int
    begins: int
    ends: int


def all_of(model: Model) -> Part:
    return Part(0, len(model.layers), 0, len(model.layers))


def units_of(model: Model, runs: list[Run], part: Part) -> list[Unit]:
    """Runs of several strips, and all other layers one by one."""
    cut = {first: (first, last, rows) for first, last, rows in runs if rows < rows_of(model, last)}
    units: list[Unit] = []
    layer = part.first
    while layer < part.end:
        run = cut.get(layer)
        units.append(Unit(layer, run[1] if run else layer, run))
        layer = units[-1].last + 1
    return units


def most_alive(model: Model, runs: list[Run], samples: int, part: Part) -> int:
    """The most bytes that are alive at a time while a unit runs, where nothing is evicted."""
    size = {t: samples * model.tensor_elements(t) * model.bytes_per_element for t in range(-1, len(model.layers))}
    ends = {t: [e.consumer for e in model.readers(t) if part.first <= e.consumer < part.end] for t in size}
    most = 0
    for unit in units_of(model, runs, part):
        before = [t for t in size if t < unit.first and any(reader >= unit.first for reader in ends[t])]
        if unit.run is None:
            most = max(most, size[unit.last] + sum(size[t] for t in before))
            continue
        passing = [t for t in before if t < part.begins and all(reader in unit for reader in ends[t])]
        kept = [t for t in range(unit.first, unit.last + 1) if any(reader > unit.last for reader in ends[t])]
        whole = sum(size[t] for t in [*before, *kept] if t not in passing)
        most = max(most, Course(model, unit.run).most_bytes() + whole)
    return most


def played(model: Model, runs: list[Run], chiplet: Chiplet, samples: int, part: Part) -> Played:
    """A stage with these runs."""
    units, works, tensors = units_of(model, runs, part), [], []
    for unit in units:
        shape = model.layers[unit.last]
        if unit.run:
            works.append(RunWork(0, 1, 1, 0, 0.0, 0.0, Course(model, unit.run).need))
            continue
        channels = shape.groups if shape.groups > 1 else shape.K
        weights = shape.weight_elements * model.bytes_per_element
        share = block_units(weights, channels, chiplet, side_of(chiplet, shape))
        works.append(Work(weights, share, channels, row_pieces(shape) * model.bytes_per_element, 0.0, 0.0))
    for producer in range(NETWORK_INPUT, part.end):
        scale, whole = samples * model.bytes_per_element, model.tensor_elements(producer)
        at = next((n for n, unit in enumerate(units) if producer in unit), None)
        reads: dict[int, int] = {}
        for edge in (each for each in model.readers(producer) if part.first <= each.consumer < part.end):
            number = next(n for n, unit in enumerate(units) if edge.consumer in unit)
            if number != at:
                reads[number] = min(whole, reads.get(number, 0) + edge.elements)
        tensor = Tensor(scale * whole, {n: scale * read for n, read in sorted(reads.items())}, at)
        tensor.loaded = producer < part.begins
        later = any(edge.consumer >= part.ends for edge in model.readers(producer))
        tensor.in_dram = tensor.loaded or later or not model.readers(producer)
        tensor.fused = at is not None and _passes(model, units, at, producer)
        if reads or at is not None:
            tensors.append(tensor)
    return play(chiplet.l2_bytes, works, tensors)


def _passes(model: Model, units: list[Unit], at: int, producer: int) -> bool:
    """Whether the next layer takes a tensor piece by piece: a rider, its only reader, both outside of runs."""
    if units[at].run or [edge.consumer for edge in model.readers(producer)] != [producer + 1]:
        return False
    alone = [not unit.run for unit in units if producer + 1 in unit]
    return alone == [True] and model.layers[producer + 1].op in (Op.POOL, Op.ELEMENTWISE, Op.UPSAMPLE)
