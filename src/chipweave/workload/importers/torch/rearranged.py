"""Operators that only choose, reorder or reshape elements, or work on each alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chipweave.workload.importers.torch import arrange
from chipweave.workload.importers.torch.graph import Node, Ref
from chipweave.workload.importers.torch.walk import Made, Walk
from chipweave.workload.importers.view import View, ViewKind, before_copies, concatenate, constant, fold, unary


def one_by_one(walk: Walk, node: Node) -> Made:
    """Activations, norms, casts: of their one activation, which keeps its parts."""
    walk.assembly.folded[node.operator] += 1
    operands = walk.views(node.refs) or [constant(node.shape)]
    activations = [view for view in operands if view.kind is ViewKind.ACTIVATION]
    first = unary(activations[0], node.shape) if len(activations) == 1 else fold(operands, node.shape)
    if not node.several:
        return first
    return [first, *(fold((first,), output.shape) for output in node.outputs[1:])]


def reshape(walk: Walk, node: Node) -> View:
    return arrange.reshaped(_counted(walk, node), node.shape)


def permute(walk: Walk, node: Node) -> View:
    return arrange.permuted(_counted(walk, node), node.arguments["dims"], node.shape)


def transpose(walk: Walk, node: Node) -> View:
    """Two axes change places; without names the first and the last (`t`)."""
    arguments = node.arguments
    first, second = arguments.get("dim0", arguments.get("axis0", 0)), arguments.get("dim1", arguments.get("axis1", -1))
    return arrange.swapped(_counted(walk, node), first, second, node.shape)


def expand(walk: Walk, node: Node) -> View:
    """Copies along axes travel once."""
    view = _counted(walk, node)
    if view.axis is not None and len(view.shape or ()) != len(node.shape or ()):
        return fold((view,), node.shape)
    return replace(view, shape=node.shape, once=before_copies(view, node.shape))


def repeat(walk: Walk, node: Node) -> View:
    """As often along each axis as is said; of weights the copies are none of their own."""
    view = _counted(walk, node)
    once = before_copies(view, node.shape)
    return fold((view,), node.shape) if once is None else replace(view, shape=node.shape, once=once)


def concat(walk: Walk, node: Node) -> View:
    """Side by side along an axis, which `stack` makes."""
    walk.assembly.folded[node.operator] += 1
    views = [view for view in walk.views(node.refs) if view.shape != (0,)]
    axis = node.arguments.get("dim", 0) % max(len(node.shape or ()), 1)
    if node.operator == "stack":
        views = [arrange.reshaped(view, view.shape and (*view.shape[:axis], 1, *view.shape[axis:])) for view in views]
    return concatenate(views, axis, node.shape)


def slice_(walk: Walk, node: Node) -> View:
    arguments = node.arguments
    start, end, step = (arguments.get(key) for key in ("start", "end", "step"))
    return arrange.sliced(_counted(walk, node), arguments.get("dim", 0), start, end, step or 1, node.shape)


def narrow(walk: Walk, node: Node) -> View:
    view, start = _counted(walk, node), node.arguments["start"]
    if not isinstance(start, int):
        return fold((view,), node.shape)
    return arrange.sliced(view, node.arguments["dim"], start, start + node.arguments["length"], 1, node.shape)


def select(walk: Walk, node: Node) -> View:
    """One entry along an axis, which disappears."""
    view, axis, index = _counted(walk, node), node.arguments["dim"], node.arguments["index"]
    if view.shape is None or not isinstance(index, int):
        return fold((view,), node.shape)
    axis %= len(view.shape)
    start = index % view.shape[axis]
    kept = (*view.shape[:axis], 1, *view.shape[axis + 1 :])
    return arrange.reshaped(arrange.sliced(view, axis, start, start + 1, 1, kept), node.shape)


def split(walk: Walk, node: Node) -> list[View]:
    """Several stretches along an axis; `unbind` takes the axis away."""
    view, axis = _counted(walk, node), node.arguments.get("dim", 0)
    shapes = [output.shape for output in node.outputs]
    lengths = [1 if node.operator == "unbind" else shape[axis] for shape in shapes if shape is not None]
    if len(lengths) != len(shapes):
        return [fold((view,), shape) for shape in shapes]
    return arrange.split(view, axis, lengths, shapes)


def item(walk: Walk, node: Node) -> View:
    """One of the tensors of a list."""
    index: int = node.arguments["index"]
    return walk.items(node.arguments["input"])[index]


def listed(walk: Walk, node: Node) -> list[View]:
    """What a called sub-graph returns."""
    return [walk.view(ref) for ref in node.arguments["tensors"]]


def overwrite(walk: Walk, node: Node) -> View:
    """Nothing remains of the first operand but its shape."""
    walk.assembly.folded[node.operator] += 1
    return fold(walk.views(node.refs[1:]), node.shape)


def _counted(walk: Walk, node: Node) -> View:
    """The operand of an operator that is folded."""
    walk.assembly.folded[node.operator] += 1
    first: Any = next(value for value in node.arguments.values() if isinstance(value, Ref))
    return walk.view(first)
