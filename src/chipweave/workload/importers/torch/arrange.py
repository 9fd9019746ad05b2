"""Views in another shape or order, which keep the parts of a concatenation where these can be told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from chipweave.workload.importers.view import Shape, View, ViewKind, cut, fold


def reshaped(view: View, shape: Shape | None) -> View:
    """The same elements in the same order."""
    if view.kind is not ViewKind.ACTIVATION or view.axis is None:
        return replace(view, shape=shape, once=view.once if shape == view.shape else None)
    if view.shape is None or shape is None:
        return fold((view,), shape)
    before, length = math.prod(view.shape[: view.axis]), view.shape[view.axis]
    for axis, size in enumerate(shape):
        if size == length and math.prod(shape[:axis]) == before:
            return replace(view, shape=shape, axis=axis)
    return fold((view,), shape)


def permuted(view: View, order: Sequence[int], shape: Shape | None) -> View:
    """Axis `order[i]` of the view becomes axis i."""
    axes = [axis % len(order) for axis in order]
    once = None if view.once is None else tuple(view.once[axis] for axis in axes)
    return replace(view, shape=shape, axis=None if view.axis is None else axes.index(view.axis), once=once)


def swapped(view: View, first: int, second: int, shape: Shape | None) -> View:
    rank = len(view.shape or ())
    order = list(range(rank))
    if rank:
        order[first], order[second] = order[second], order[first]
    return permuted(view, order, shape)


def sliced(view: View, axis: int, start: int | None, end: int | None, step: int, shape: Shape | None) -> View:
    """As Python slices: `start` and `end` may count from the end or lie outside."""
    if view.shape is None:
        return fold((view,), shape)
    axis %= len(view.shape)
    low, high, step = slice(start, end, step).indices(view.shape[axis])
    length = max(high - low, 0)
    if step == 1:
        return cut(view, axis, low, length, shape)
    stretch = cut(view, axis, low, length, (*view.shape[:axis], length, *view.shape[axis + 1 :]))
    return fold((stretch,), shape)


def split(view: View, axis: int, lengths: Sequence[int], shapes: Sequence[Shape | None]) -> list[View]:
    """Stretches of `lengths` one after the other along `axis`, each given its shape."""
    if view.shape is None:
        return [fold((view,), shape) for shape in shapes]
    axis %= len(view.shape)
    views, start = [], 0
    for length, shape in zip(lengths, shapes, strict=True):
        whole = (*view.shape[:axis], length, *view.shape[axis + 1 :])
        views.append(reshaped(cut(view, axis, start, length, whole), shape))
        start += length
    return views
