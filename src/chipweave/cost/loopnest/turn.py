"""Shapes turned on their side: where a dataflow treats the rows and columns of an image alike, they cost the same."""

from __future__ import annotations

from chipweave.cost.loopnest.machine import Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.shape import Axis, Shape

_LETTERS = str.maketrans("YXRS", "XYSR")


def upright(shape: Shape, machine: Machine) -> Shape:
    """The taller of a shape and the one on its side, where they cost the same; else the shape itself."""
    _, _, _, _, y, x, r, s = shape.bounds
    tall = (y, r, *_numbers(shape.vertical)) >= (x, s, *_numbers(shape.horizontal))
    return shape if tall or not _alike(machine) else turned(shape)


def turned(shape: Shape) -> Shape:
    """The shape with its axes exchanged."""
    return Shape(_exchanged(shape.bounds), shape.horizontal, shape.vertical)


def turned_mapping(mapping: Mapping) -> Mapping:
    """A mapping of a shape as one of the shape on its side."""
    orders = (order.translate(_LETTERS) for order in (mapping.outer, mapping.inner))
    return Mapping(_exchanged(mapping.spatial), _exchanged(mapping.tile), *orders)


def _numbers(axis: Axis) -> tuple[int, int, int, int]:
    return axis.stride, axis.dilation, axis.offset, axis.size


def _exchanged(numbers: tuple[int, ...]) -> tuple[int, int, int, int, int, int, int, int]:
    n, g, k, c, y, x, r, s = numbers
    return n, g, k, c, x, y, s, r


def _alike(machine: Machine) -> bool:
    """Whether exchanging Y with X and R with S, and the axes of a square array if need be, leaves the limits as they
    are."""
    limits = machine.constraint
    upright_, turned_ = (
        [frozenset(loops.translate(letters)) for loops in (limits.rows, limits.columns, limits.whole, limits.spread)]
        for letters in ({}, _LETTERS)
    )
    square = machine.array is None or machine.array[0] == machine.array[1]
    same = turned_[:2] == upright_[:2] or (square and turned_[:2] == upright_[1::-1])
    return same and turned_[2:] == upright_[2:]
