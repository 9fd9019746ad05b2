"""Convolutions, pools and resizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chipweave.workload.importers.torch.arrange import permuted
from chipweave.workload.importers.torch.graph import Node
from chipweave.workload.importers.torch.walk import Made, Walk, sized_output, with_more
from chipweave.workload.importers.view import Shape, View, ViewKind, fold, made_of


def convolution(walk: Walk, node: Node) -> View:
    """Over one to three axes; the padding may be given by a node before it."""
    arguments = node.arguments
    if arguments.get("transposed"):
        return transposed_convolution(walk, node)
    kernels, weight = walk.weight(arguments["weight"]), walk.sized(arguments["weight"])[1]
    axes = len(weight) - 2
    view, shape = _batched(walk, node, axes)
    stride, dilation = (_spread(arguments[key], axes) for key in ("stride", "dilation"))
    padding = _padding(arguments["padding"], weight[2:], dilation)
    smaller, before = walk.before_padding.get(arguments["input"].name, (view, (0,) * axes))
    if len(before) == axes and len(smaller.shape or ()) == axes + 2:
        view, padding = smaller, tuple(a + b for a, b in zip(padding, before, strict=True))
    made = walk.assembly.convolution(
        walk.label(node), view, kernels,
        stride=stride, padding=padding, dilation=dilation, groups=arguments["groups"], shape=shape,
    )  # fmt: skip
    return replace(made, shape=node.shape)


def transposed_convolution(walk: Walk, node: Node) -> View:
    """Over one to three axes; of a volume, every plane makes as many planes as the filter is deep."""
    arguments = node.arguments
    weight, axes = walk.weight(arguments["weight"]), len(walk.sized(arguments["weight"])[1]) - 2
    view, shape = _batched(walk, node, axes)
    stride, padding, dilation = (_spread(arguments[key], axes) for key in ("stride", "padding", "dilation"))
    made = walk.assembly.transposed_convolution(
        walk.label(node), view, weight,
        stride=stride, padding=padding, dilation=dilation, groups=arguments["groups"], shape=shape,
    )  # fmt: skip
    return replace(made, shape=node.shape)


def pool(walk: Walk, node: Node) -> Made:
    """A pool with a given window."""
    axes = _axes_of(node)
    view, shape = _batched(walk, node, axes)
    kernel = _spread(node.arguments["kernel_size"], axes)
    stride = _spread(node.arguments.get("stride") or kernel, axes)
    return _pooled(walk, node, view, shape, kernel, stride, _spread(node.arguments.get("padding", 0), axes))


def adaptive_pool(walk: Walk, node: Node) -> Made:
    """A pool to a given size: no layer where that is the size already."""
    axes = _axes_of(node)
    view, shape = _batched(walk, node, axes)
    size, out = _size(view), shape[2:]
    if size == out:
        walk.assembly.folded[node.operator] += 1
        return with_more(node, replace(walk.view(node.arguments["self"]), shape=node.shape))
    if all(a <= b for a, b in zip(size, out, strict=True)):  # then it repeats what there is
        return upsample(walk, node)
    kernel = tuple(-(-a // b) for a, b in zip(size, out, strict=True))
    stride = tuple(max(1, a // b) for a, b in zip(size, out, strict=True))
    return _pooled(walk, node, view, shape, kernel, stride, (0,) * axes)


def _pooled(walk: Walk, node: Node, view: View, shape: Shape, kernel: Shape, stride: Shape, padding: Shape) -> Made:
    if len(shape) == 5:
        depth = shape[2]
        view, shape = _planes(view, depth), (shape[0] * depth, shape[1], *shape[3:])
    made = walk.assembly.pool(
        walk.label(node), view, kernel=kernel[-2:], stride=stride[-2:], padding=padding[-2:], shape=shape
    )
    return with_more(node, replace(made, shape=node.shape))


def upsample(walk: Walk, node: Node) -> Made:
    """A resize to the output's size."""
    view, shape = _batched(walk, node, _axes_of(node))
    if view.shape == shape:
        return walk.fold(node, (walk.view(_source(node)),))
    if len(shape) == 5:
        depth = shape[2]
        view, shape = _planes(view, depth), (shape[0] * depth, shape[1], *shape[3:])
    return replace(walk.assembly.upsample(walk.label(node), view, shape), shape=node.shape)


def reduction(walk: Walk, node: Node) -> Made:
    """A mean, sum or maximum: a pool where all but samples and channels is reduced, else folded.

    Of rows of features (three axes), a mean over features that keeps its axis is part of a norm.
    """
    view, axes = walk.view(_source(node)), node.arguments.get("dim")
    shape = view.shape or ()
    rank = len(shape)
    if view.kind is not ViewKind.ACTIVATION or axes is None or rank not in (3, 4):
        return walk.fold(node, walk.views(node.refs))
    reduced = {axis % rank for axis in ([axes] if isinstance(axes, int) else axes)}
    kept = set(range(rank)) - reduced
    of_norm = rank == 3 and reduced == {2} and node.arguments.get("keepdim")
    if len(kept) != 2 or 0 in reduced or of_norm or math.prod(shape[axis] for axis in reduced) == 1:
        return walk.fold(node, walk.views(node.refs))
    order = (0, *(kept - {0}), *sorted(reduced))
    turned = permuted(view, order, tuple(shape[axis] for axis in order))
    return with_more(node, walk.assembly.global_pool(walk.label(node), turned, node.shape))


def pad(walk: Walk, node: Node) -> Made:
    """Zeros around a map, which a convolution of it counts as its own padding."""
    walk.assembly.folded[node.operator] += 1
    view, amounts = walk.view(node.arguments["self"]), list(node.arguments["pad"])
    zeros = node.arguments.get("mode", "constant") == "constant" and not node.arguments.get("value")
    axes = len(view.shape or ()) - 2
    before = tuple(amounts[-2::-2])
    if zeros and len(before) <= axes and min(amounts, default=0) >= 0:
        walk.before_padding[node.name] = view, (0,) * (axes - len(before)) + before
    return fold((view,), node.shape)


def _source(node: Node) -> Any:
    return node.arguments["input" if "input" in node.arguments else "self"]


def _axes_of(node: Node) -> int:
    """How many axes an operator works on, from its name: `max_pool2d`."""
    return int(next(letter for letter in node.operator if letter in "123"))


def _batched(walk: Walk, node: Node, axes: int) -> tuple[View, Shape]:
    """The operand and the output's shape, as N x channels x the axes; modules may leave N out."""
    view, size = walk.sized(_source(node))
    shape = sized_output(node)
    if len(shape) == axes + 1:
        axis = None if view.axis is None else view.axis + 1
        return replace(view, shape=(1, *size), axis=axis), (1, *shape)
    return view, shape


def _size(view: View) -> Shape:
    return (view.shape or ())[2:]


def _planes(view: View, depth: int) -> View:
    """A volume as `depth` maps."""
    batch, channels, _, *size = view.shape or ()
    return made_of(view.pieces, (batch * depth, channels, *size))


def _padding(given: Any, filter_: Shape, dilation: Shape) -> Shape:
    """Before each axis."""
    if given == "valid":
        return (0,) * len(filter_)
    if given == "same":
        return tuple(step * (size - 1) // 2 for step, size in zip(dilation, filter_, strict=True))
    return _spread(given, len(filter_))


def _spread(values: int | Sequence[int], axes: int) -> Shape:
    """One number for each axis, where the module may give one for all."""
    given = (values,) if isinstance(values, int) else tuple(values)
    return given * axes if len(given) == 1 else given
