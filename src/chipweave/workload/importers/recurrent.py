"""Recurrent layers: LSTM, GRU and plain ones, whatever front end they come from.

A layer of them is a product of all steps' inputs with the weights of every gate, at once, and then, step by step, the
product of the state with the recurrent weights. The latter is one layer of so many copies (`N`) as there are steps:
its weights are those of one step, its rows are the sequences that run side by side. What the gates do with both
products is an element-wise layer, which rides with it; biases and peepholes are folded, as everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chipweave.workload.importers.assembly import Assembly, Operand
from chipweave.workload.importers.view import View, ViewKind, cut, fold

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
"""Products of the size of the state in each step, by what the layer is called."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Sizes of a recurrent layer.

    Args:
        gates: as in `GATES`.
        inner: features of the input.
        hidden: of the state of the gates.
        steps: of the longest sequence.
        rows: sequences side by side.
        lengths: of the sequences, where they are known and differ.
        projected: features that are left of the state where it is projected; 0 where it is not.
    """

    gates: int
    inner: int
    hidden: int
    steps: int
    rows: int
    lengths: tuple[int, ...] = ()
    projected: int = 0

    @property
    def features(self) -> int:
        """Of the output."""
        return self.projected or self.hidden

    @property
    def turns(self) -> tuple[int, int]:
        """Products with the recurrent weights one after another, and rows of each. Sequences of different lengths
        leave rows out, so there each row counts by itself."""
        return (sum(self.lengths), 1) if self.lengths else (self.steps, self.rows)


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction in time: what its layers are called, its recurrent weights, and the state that it starts with."""

    name: str
    recurrent: View
    start: Sequence[View] = ()
    projection: View | None = None


def recurrent(
    assembly: Assembly, name: str, source: View, weights: View, directions: Sequence[Direction], cell: Cell
) -> list[View]:
    """What each direction makes: a row of features for each step of each sequence.

    Args:
        source: steps x sequences x features, in any order.
        weights: of the input's product, of all gates of all directions together.
    """
    steps, rows = cell.turns
    width = cell.gates * cell.hidden
    read = fold((source,), (steps * rows, cell.inner))
    every = assembly.product(
        f"{name}.input", Operand(read), Operand(weights), batch=1, rows=steps * rows, inner=cell.inner,
        columns=len(directions) * width, shape=(steps * rows, len(directions) * width),
    )  # fmt: skip
    return [
        _direction(assembly, direction, cut(every, 1, at * width, width, (steps * rows, width)), cell)
        for at, direction in enumerate(directions)
    ]


def _direction(assembly: Assembly, direction: Direction, gates: View, cell: Cell) -> View:
    steps, rows = cell.turns
    width = cell.gates * cell.hidden
    start = [view for view in direction.start if view.kind is ViewKind.ACTIVATION]
    made = assembly.repeated_product(
        f"{direction.name}.recurrence", (gates, *start[:1]), direction.recurrent,
        times=steps, rows=rows, inner=cell.features, columns=width,
    )  # fmt: skip
    made = assembly.joined(f"{direction.name}.gates", (made, *start[1:]), (steps, rows, cell.hidden))
    if direction.projection is None:
        return made
    return assembly.repeated_product(
        f"{direction.name}.projection", (made,), direction.projection,
        times=steps, rows=rows, inner=cell.hidden, columns=cell.projected,
    )  # fmt: skip
