"""Runs of layers that go strip by strip: which rows are made and held when, and what L2 needs (docs/strips.md; ours).

A run advances by some rows of its last layer. From there backwards follows how many rows every tensor must have, and
which are not needed any more. A row is made once and stays until its last reader in the run has used it: nothing is
computed twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from chipweave.ndarrays import Floats, Ints
from chipweave.plan.schedule import Stage, Strips
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model


class Course(NamedTuple):
    """How a run goes, one sample through it; every array has an entry before the first strip and one after each.

    Args:
        strips: how many there are.
        made: per layer of the run, and per tensor from elsewhere that is read row by row, how many rows are there.
        wanted: per tensor and layer of the run that reads it row by row, the first row that this layer still needs.
        whole: tensors from elsewhere of which some layer of the run needs all rows at a time.
    """

    strips: int
    made: Mapping[int, Ints]
    wanted: Mapping[tuple[int, int], Ints]
    whole: tuple[int, ...]


class Need(NamedTuple):
    """Bytes of L2 that a run needs: weights of its layers, each once, and the most rows that are there at a time."""

    weights: float
    rows: float

    @property
    def total(self) -> float:
        return self.weights + self.rows


def runs_of(model: Model, stage: Stage) -> tuple[Strips, ...]:
    """The runs of a stage that have several strips; a strip as high as the map is none."""
    return tuple(run for run in stage.strips if run.rows < model.layers[run.last].out_y)


def rows_read(layer: Layer, made: Ints) -> Ints:
    """How many rows of its input a layer has read when so many rows of its output are made; all of them at the end."""
    stride, padding, spread = layer.stride[0], layer.padding[0], layer.dilation[0] * (layer.R - 1)
    match layer.op:
        case Op.GEMM | Op.MATMUL | Op.ELEMENTWISE:
            rows = made
        case Op.UPSAMPLE:
            rows = -(-made // stride)
        case Op.TRANSPOSED:
            rows = (made - 1 + padding) // stride + 1
        case _:
            rows = (made - 1) * stride - padding + spread + 1
    rows = np.clip(np.where(made == 0, 0, rows), 0, layer.Y)
    return np.where(made >= layer.out_y, layer.Y, rows)


def next_row(layer: Layer, made: Ints) -> Ints:
    """The first row of its input that a layer still needs when so many rows of its output are made."""
    stride, padding, spread = layer.stride[0], layer.padding[0], layer.dilation[0] * (layer.R - 1)
    match layer.op:
        case Op.GEMM | Op.MATMUL | Op.ELEMENTWISE:
            row = made
        case Op.UPSAMPLE:
            row = made // stride
        case Op.TRANSPOSED:
            row = -(-(made + padding - spread) // stride)
        case _:
            row = made * stride - padding
    return np.where(made >= layer.out_y, layer.Y, np.clip(row, 0, layer.Y))


def height(model: Model, tensor: int) -> int:
    """Rows of a tensor; of the network's input as its first reader sees it."""
    if tensor == NETWORK_INPUT:
        return model.layers[model.input_readers[0].consumer].Y
    return model.layers[tensor].out_y


def row_bytes(model: Model, tensor: int) -> float:
    """Of one row of a tensor, all columns and channels."""
    return model.activation_width * model.tensor_elements(tensor) / height(model, tensor)


def by_rows(model: Model, edge: Edge) -> bool:
    """Whether rows of what an edge brings are rows of its reader's input: neither reshaped, nor cropped, nor spread."""
    reader = model.layers[edge.consumer]
    maker = model.layers[model.input_readers[0].consumer if edge.producer == NETWORK_INPUT else edge.producer]
    alike = height(model, edge.producer) == reader.Y and reader.N == maker.N
    return alike and not edge.reshape and reader.op is not Op.MATMUL


def course_of(model: Model, run: Strips) -> Course:
    """How a run goes; its layers must be such as go by rows (`faults_of_run`)."""
    last = model.layers[run.last]
    strips = -(-last.out_y // run.rows)
    ends = np.minimum(np.arange(strips + 1, dtype=np.int64) * run.rows, last.out_y)
    made: dict[int, Ints] = {run.last: ends}
    wanted: dict[tuple[int, int], Ints] = {}
    whole: dict[int, None] = {}
    for layer in reversed(run.layers):
        shape = model.layers[layer]
        if layer not in made:  # only others read it: it keeps step with the last layer
            made[layer] = -(-shape.out_y * ends // last.out_y)
        made[layer][-1] = shape.out_y
        for edge in model.operands[layer]:
            if not by_rows(model, edge):
                whole[edge.producer] = None
                continue
            read = rows_read(shape, made[layer])
            before = made.get(edge.producer)
            made[edge.producer] = read if before is None else np.maximum(before, read)
            wanted[edge.producer, layer] = next_row(shape, made[layer])
    rows = {tensor: each for tensor, each in made.items() if tensor not in whole}
    return Course(strips, rows, wanted, tuple(whole))


def read_outside(model: Model, run: Strips, tensor: int) -> bool:
    """Whether what a layer of the run makes leaves it: others read it, or it is an output of the network."""
    readers = model.consumers[tensor]
    return not readers or readers[-1].consumer > run.last


def need_of(model: Model, run: Strips) -> Need:
    """What L2 needs while a run goes on: its weights, and rows (docs/strips.md, "What L2 needs")."""
    course = course_of(model, run)
    held = np.zeros(course.strips)
    for layer in run.layers:
        held = np.maximum(held, _rows_held(model, run, course, layer))
    rows = float(held.max())
    rows += sum(row_bytes(model, tensor) * height(model, tensor) for tensor in course.whole)
    for layer in run.layers:
        if read_outside(model, run, layer):  # the rows of a strip, and those of the strip before on their way out
            most = int(np.diff(course.made[layer]).max())
            rows += row_bytes(model, layer) * min(2 * most, height(model, layer))
    return Need(weights_of(model, run), rows)


def _rows_held(model: Model, run: Strips, course: Course, at: int) -> Floats:
    """[strips] bytes of rows that layers of the run still need while layer `at` makes its rows of each strip."""
    held = np.zeros(course.strips)
    for tensor in sorted({tensor for tensor, _ in course.wanted}):
        rows = course.made.get(tensor)
        if rows is None:
            continue
        readers = [reader for name, reader in course.wanted if name == tensor]
        # A layer that has had its turn in this strip wants what the next strip needs.
        low = np.min(
            [course.wanted[tensor, each][1:] if each < at else course.wanted[tensor, each][:-1] for each in readers],
            axis=0,
        )
        high = rows[1:] if tensor <= at else rows[:-1]
        if tensor < run.first:  # rows for the next strip come meanwhile
            high = np.append(rows[2:], rows[-1])
        held += row_bytes(model, tensor) * np.maximum(0, high - low)
    return held


def weights_of(model: Model, run: Strips) -> float:
    """Bytes of the run's weights; those that several of its layers have count once."""
    return float(sum(model.weight_bytes[each] for each in run.layers if model.same_weights[each] < run.first))


def faults_of(model: Model, stage: Stage, l2_bytes: int | None) -> Iterator[str]:
    """Why a stage cannot run in these strips: the first reason of each run.

    Args:
        l2_bytes: of its chiplet; None: it has several.
    """
    if l2_bytes is None:
        yield "`rows` is for a stage on one chiplet; leave it out, or give the stage a single chiplet"
        return
    end = stage.first
    for run in stage.strips:
        if not stage.first <= run.first <= run.last <= stage.last:
            yield f"`rows`: layers {run.first} to {run.last} are not all layers of the stage; name such as are"
            return
        if run.first < end:
            yield f"`rows`: layer '{model.layers[run.first].name}' stands in two runs, or out of order; name it once"
            return
        if run.rows < 1:
            yield f"rows={run.rows} is not at least 1; give the rows of a strip"
            return
        end = run.last + 1
    for run in runs_of(model, stage):
        fault = fault_of_run(model, run) or _too_large(model, run, l2_bytes)
        if fault:
            yield f"rows={run.rows}: {fault}"


def fault_of_run(model: Model, run: Strips) -> str | None:
    """Why layers do not go strip by strip: one of them needs a whole map that another one makes."""
    for layer in run.layers:
        shape = model.layers[layer]
        ends = f"end the run before '{shape.name}', or run whole maps"
        if shape.op is Op.MATMUL:
            return f"layer '{shape.name}' multiplies two tensors, and needs one whole for each row of the other; {ends}"
        if shape.Y > 1 and shape.out_y == 1 and layer < run.last:
            return f"layer '{shape.name}' needs all {shape.Y} rows of its input for its only one; {ends}"
        for edge in model.operands[layer]:
            if edge.producer >= run.first and not by_rows(model, edge):
                maker = model.layers[edge.producer].name
                return f"layer '{shape.name}' does not take the rows of '{maker}' one by one, but the whole map; {ends}"
    return None


def _too_large(model: Model, run: Strips, l2_bytes: int) -> str | None:
    need = need_of(model, run)
    if need.total <= l2_bytes:
        return None
    first, last = model.layers[run.first].name, model.layers[run.last].name
    return (
        f"'{first}' to '{last}' need {need.total:.0f} bytes of L2, {need.weights:.0f} of them weights, and the chiplet "
        f"has {l2_bytes}; take fewer rows, or shorter runs of layers (a list of {{first, last, rows}})"
    )
