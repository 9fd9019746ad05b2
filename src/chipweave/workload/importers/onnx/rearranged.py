"""Operators that only change what the next layer sees: joined, cut, picked from, turned, reshaped."""

from __future__ import annotations

import math
from dataclasses import replace

from chipweave.workload.importers.assembly import Assembly
from chipweave.workload.importers.onnx.constants import bounds
from chipweave.workload.importers.onnx.tensor import Call, OnnxTensor, steers
from chipweave.workload.importers.view import Shape, View, ViewKind, concatenate, cut, embedding, fold
from chipweave.workload.model import NETWORK_INPUT


def concat(assembly: Assembly, call: Call) -> View:
    assembly.folded[call.operator] += 1
    rank = len(call.shape) if call.shape is not None else 0
    axis = call.integer("axis", 0)
    if not rank or not -rank <= axis < rank:
        return fold(call.views, call.shape)
    return concatenate(call.views, axis % rank, call.shape)


def split(assembly: Assembly, call: Call) -> tuple[View, ...]:
    assembly.folded[call.operator] += 1
    source, axis = _source(call)
    views, start = [], 0
    for shape in call.shapes:
        if axis is None or shape is None or axis >= len(shape):
            views.append(fold((source,), shape))
            continue
        views.append(cut(source, axis, start, shape[axis], shape))
        start += shape[axis]
    return tuple(views)


def _source(call: Call) -> tuple[View, int | None]:
    """The first operand and the axis that the operator works on, counted from 0; None where that is not known."""
    tensor = call.operand(0)
    assert tensor is not None
    rank = len(tensor.shape) if tensor.shape is not None else 0
    axis = call.integer("axis", 0)
    return tensor.view, axis % rank if rank and -rank <= axis < rank else None


def slice_(assembly: Assembly, call: Call) -> View:
    assembly.folded[call.operator] += 1
    source = call.operand(0)
    starts, ends = call.integers("starts", 1), call.integers("ends", 2)
    if source is None or source.shape is None or call.shape is None or starts is None or ends is None:
        return fold(call.views, call.shape)
    axes = call.integers("axes", 3) or list(range(len(starts)))
    steps = call.integers("steps", 4) or [1] * len(starts)
    view, shape, rank = source.view, list(source.shape), len(source.shape)
    if not len(starts) == len(ends) == len(axes) == len(steps) or any(not -rank <= axis < rank for axis in axes):
        return fold(call.views, call.shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        first, count, step = bounds(start, end, step, source.shape[axis])
        if 0 < count < source.shape[axis]:
            low, high = sorted((first, first + (count - 1) * step))
            shape[axis % rank] = high + 1 - low
            view = cut(view, axis % rank, low, high + 1 - low, tuple(shape))
    return view if view.shape == call.shape and set(steps) <= {1} else fold((view,), call.shape)


def gather(assembly: Assembly, call: Call) -> View:
    """Rows of a table by numbers that come in are an embedding; entries at known places are a slice."""
    table, index = call.operand(0), call.operand(1)
    assert table is not None
    assembly.folded[call.operator] += 1
    if index is not None and _is_look_up(table, index):
        shape = call.shape
        return embedding(call.name, shape) if shape is not None else fold(call.views, shape)
    source, axis = _source(call)
    places = index.integers if index is not None else None
    size = source.shape[axis] if axis is not None and source.shape is not None else 0
    if axis is None or not places or not size or source.shape is None or call.shape is None:
        return fold(call.views, call.shape)
    low, high = min(place % size for place in places), max(place % size for place in places)
    # The pieces of the stretch that the places span; `fold` keeps no more than what is picked, and in no order.
    shape = (*source.shape[:axis], high + 1 - low, *source.shape[axis + 1 :])
    view = cut(source, axis, low, high + 1 - low, shape)
    in_order = all(place % size == low + at for at, place in enumerate(places))
    return view if view.shape == call.shape and in_order else fold((view,), call.shape)


def _is_look_up(table: OnnxTensor, index: OnnxTensor) -> bool:
    """Numbers that a layer makes (the nearest entries of a code book) are no input of the network."""
    is_table = table.view.kind is ViewKind.CONSTANT and table.shape is not None and len(table.shape) > 1
    comes_in = all(piece.producer == NETWORK_INPUT for piece in index.view.pieces)
    return is_table and not steers(table.element) and index.view.kind is not ViewKind.CONSTANT and comes_in


def transpose(assembly: Assembly, call: Call) -> View:
    """A concatenation stays one, along another axis."""
    assembly.folded[call.operator] += 1
    view = call.views[0]
    order = call.integers("perm")
    if view.axis is None or order is None or view.axis not in order or call.shape is None:
        return fold((view,), call.shape)
    return replace(view, shape=call.shape, axis=order.index(view.axis))


def reshape(assembly: Assembly, call: Call) -> View:
    """A concatenation stays one where its axis survives, as a whole or as the first of those it is divided into."""
    assembly.folded[call.operator] += 1
    view = call.views[0]
    axis = _kept_axis(view, call.shape)
    if axis is None:
        return fold((view,), call.shape)
    return replace(view, shape=call.shape, axis=axis)


def _kept_axis(view: View, shape: Shape | None) -> int | None:
    if view.axis is None or view.shape is None or shape is None:
        return None
    before, length = math.prod(view.shape[: view.axis]), view.shape[view.axis]
    for axis, size in enumerate(shape):
        if size == length and math.prod(shape[:axis]) == before:
            return axis
    return None
