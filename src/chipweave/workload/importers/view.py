"""What a tensor of a network from elsewhere is made of: constants, control values, or pieces of layers' outputs.

Reshapes, slices, norms, activations and their like are no layers: they change what the next layer sees of a tensor.
All functions are pure, and none looks at values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from chipweave.workload.model import NETWORK_INPUT

Shape = tuple[int, ...]


class ViewKind(StrEnum):
    """`constant`: known before a run (weights); `control`: made of integers or truth values that steer (masks,
    positions, sizes); `activation`: everything else."""

    CONSTANT = "constant"
    CONTROL = "control"
    ACTIVATION = "activation"


@dataclass(frozen=True, slots=True)
class Piece:
    """`elements` of what layer `producer` makes (NETWORK_INPUT: of the network's input called `origin`)."""

    producer: int
    elements: int
    origin: str = ""
    embedded: bool = False
    """Rows of an embedding table, which stand for the network's input."""
    most: int = 0
    """Elements that it brings altogether, however often a loop reads it; 0 where there is no limit."""

    @property
    def source(self) -> tuple[int, str]:
        return self.producer, self.origin


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a view along its axis, and what it is made of (nothing: constants)."""

    length: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class View:
    """A tensor as its readers see it.

    Args:
        shape: None where it is not known.
        parts: side by side along `axis`, as a concatenation leaves them; a single one where `axis` is None.
        stored: of a constant, which tensor it is, however its elements are laid out. Layers whose weights have the
            same name here share them; empty where nobody else can have them.
        once: of a constant that was repeated along axes, its shape with 1 for each of these; None where it was not.
    """

    kind: ViewKind
    shape: Shape | None
    parts: tuple[Part, ...] = ()
    axis: int | None = None
    stored: str = ""
    once: Shape | None = None

    @property
    def own(self) -> Shape | None:
        """The shape without copies: 1 along axes that only repeat what is there."""
        return self.shape if self.once is None else self.once

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return tuple(piece for part in self.parts for piece in part.pieces)

    @property
    def sources(self) -> frozenset[tuple[int, str]]:
        return frozenset(piece.source for piece in self.pieces)

    @property
    def elements(self) -> int | None:
        """Of the whole tensor; None where its shape is not known."""
        return None if self.shape is None else math.prod(self.shape)


def constant(shape: Shape | None, stored: str = "", once: Shape | None = None) -> View:
    return View(ViewKind.CONSTANT, shape, stored=stored, once=once)


def before_copies(view: View, shape: Shape | None) -> Shape | None:
    """`once` of a constant that is repeated until it has `shape`; None where copies stand along an axis that has
    several entries already, and of what is no constant."""
    if view.kind is not ViewKind.CONSTANT or view.own is None or shape is None or len(view.own) > len(shape):
        return None
    own = (1,) * (len(shape) - len(view.own)) + view.own
    return own if all(size in (1, full) for size, full in zip(own, shape, strict=True)) else None


def shared_sizes(view: View, full: Shape, other: Shape) -> Shape:
    """The sizes `full` of leading axes of an operand, but 1 where it has copies and the other operand has as many
    entries: there one matrix meets all of these."""
    own = (view.own or ())[: len(full)]
    beside = (0,) * max(0, len(full) - len(other)) + other[max(0, len(other) - len(full)) :]
    return tuple(one if size == more else size for one, size, more in zip(own, full, beside, strict=True))


def control(shape: Shape | None) -> View:
    return View(ViewKind.CONTROL, shape)


def made_of(pieces: Sequence[Piece], shape: Shape | None) -> View:
    """An activation of these pieces, in no particular order."""
    return View(ViewKind.ACTIVATION, shape, (Part(1, tuple(pieces)),))


def network_input(name: str, shape: Shape) -> View:
    return made_of((Piece(NETWORK_INPUT, math.prod(shape), name),), shape)


def embedding(name: str, shape: Shape) -> View:
    """Rows that a look-up takes from a table: for the layers after it, the network's input."""
    return made_of((Piece(NETWORK_INPUT, math.prod(shape), name, embedded=True),), shape)


def with_pieces(view: View, change: Callable[[Piece], Piece]) -> View:
    """The view with every piece changed."""
    return replace(view, parts=tuple(Part(part.length, tuple(map(change, part.pieces))) for part in view.parts))


def bounded(view: View, times: int) -> View:
    """What a loop reads that others made before it: however often it does, no more than is there.

    Args:
        times: how often the loop itself runs.
    """
    return with_pieces(view, lambda piece: replace(piece, most=piece.most or piece.elements * times))


def fold(views: Sequence[View], shape: Shape | None) -> View:
    """The output of an operator that is no layer: of each source, the largest share that any operand brings.

    Activations outweigh control values, and these constants. An output smaller than what it is made of (a mean, a
    maximum) moves no more than itself.
    """
    kind = kind_of(views)
    if kind is not ViewKind.ACTIVATION:
        return View(kind, shape)
    largest: dict[tuple[int, str], Piece] = {}
    for view in views:
        here: dict[tuple[int, str], Piece] = {}
        for piece in view.pieces:
            before = here.get(piece.source)
            here[piece.source] = replace(piece, elements=piece.elements + (before.elements if before else 0))
        for source, piece in here.items():
            if source not in largest or largest[source].elements < piece.elements:
                largest[source] = piece
    pieces = tuple(largest.values())
    if shape is not None:
        pieces = _within(pieces, math.prod(shape))
    return made_of(pieces, shape)


def unary(view: View, shape: Shape | None) -> View:
    """One operand, element by element or in another shape; the order of a concatenation is kept where the shape is."""
    if view.kind is ViewKind.ACTIVATION and shape is not None and shape == view.shape:
        return view
    return fold((view,), shape)


def kind_of(views: Sequence[View]) -> ViewKind:
    kinds = {view.kind for view in views}
    return next((kind for kind in (ViewKind.ACTIVATION, ViewKind.CONTROL) if kind in kinds), ViewKind.CONSTANT)


def concatenate(views: Sequence[View], axis: int, shape: Shape | None) -> View:
    """Views side by side along `axis` (counted from 0)."""
    kind = kind_of(views)
    if kind is not ViewKind.ACTIVATION:
        return View(kind, shape)
    if any(view.shape is None or axis >= len(view.shape) for view in views):
        return made_of([piece for view in views for piece in view.pieces], shape)
    parts: list[Part] = []
    for view in views:
        assert view.shape is not None
        if view.axis == axis and view.parts:
            parts += view.parts
        else:
            parts.append(Part(view.shape[axis], view.pieces))
    return View(kind, shape, tuple(parts), axis)


def cut(view: View, axis: int, start: int, length: int, shape: Shape | None) -> View:
    """`length` entries along `axis` from `start` on: of a concatenation along it the parts that they touch."""
    if view.kind is not ViewKind.ACTIVATION:
        return View(view.kind, shape)
    whole = None if view.shape is None else view.shape[axis]
    if not whole:
        return fold((view,), shape)
    if view.axis != axis:
        return replace(
            view, shape=shape, parts=tuple(Part(p.length, _scaled(p.pieces, length, whole)) for p in view.parts)
        )
    parts, at = [], 0
    for part in view.parts:
        low, high = max(start, at), min(start + length, at + part.length)
        if low < high:
            parts.append(Part(high - low, _scaled(part.pieces, high - low, part.length)))
        at += part.length
    if not any(part.pieces for part in parts):
        return constant(shape)
    return View(view.kind, shape, tuple(parts), axis)


def _within(pieces: tuple[Piece, ...], most: int) -> tuple[Piece, ...]:
    """Pieces scaled so that together they are no more than `most` elements."""
    total = sum(piece.elements for piece in pieces)
    return _scaled(pieces, most, total) if 0 < most < total else pieces


def _scaled(pieces: tuple[Piece, ...], share: int, whole: int) -> tuple[Piece, ...]:
    return tuple(replace(piece, elements=max(1, -(-piece.elements * share // whole))) for piece in pieces)
