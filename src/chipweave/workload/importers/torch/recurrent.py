"""LSTM, GRU and plain recurrent layers, several on top of each other, and bilinear products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chipweave.workload.importers.einsum import contract
from chipweave.workload.importers.recurrent import GATES, Cell, Direction, recurrent
from chipweave.workload.importers.torch.graph import Node
from chipweave.workload.importers.torch.walk import Made, Walk, sized_output
from chipweave.workload.importers.view import View, ViewKind, concatenate, constant, fold

OPERATORS = {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN", "rnn_relu": "RNN"}
CELLS = {f"{name}_cell": layer for name, layer in OPERATORS.items()}


def recurrent_layers(walk: Walk, node: Node) -> Made:
    """All layers of a module: each reads what both directions of the one before it made. Packed sequences, whose
    lengths are values, are left out, and so are weights that a layer makes."""
    arguments = node.arguments
    params = arguments.get("params")
    if "input" not in arguments or not isinstance(params, list | tuple) or "batch_sizes" in arguments:
        return walk.leave_out(node, walk.views(node.refs))
    view, shape = walk.sized(arguments["input"])
    if len(shape) != 3 or any(walk.view(each).kind is not ViewKind.CONSTANT for each in params):
        return walk.leave_out(node, walk.views(node.refs))
    rows, steps = shape[:2] if arguments.get("batch_first") else shape[1::-1]
    gates = GATES[OPERATORS[node.operator]]
    layers, count = int(arguments.get("num_layers", 1)), 2 if arguments.get("bidirectional") else 1
    each = len(params) // max(1, layers * count)
    start = _starts(walk, arguments.get("hx"))
    directions: list[View] = []
    for layer in range(layers):
        name = walk.label(node) if layers == 1 else f"{walk.label(node)}.l{layer}"
        mine = [params[(layer * count + at) * each : (layer * count + at + 1) * each] for at in range(count)]
        cell = _cell(walk, mine[0], gates, (steps, rows))
        weights = walk.weight(mine[0][0])
        if count > 1:  # both directions' weights stand side by side
            both = "+".join(walk.weight(part[0]).stored for part in mine)
            weights = constant((count, gates * cell.hidden, cell.inner), both)
        ways = [_direction(walk, name, part, (at, count), start, cell) for at, part in enumerate(mine)]
        directions = recurrent(walk.assembly, name, view, weights, ways, cell)
        view = concatenate(
            [fold((way,), (steps, rows, cell.features)) for way in directions], 2, (steps, rows, count * cell.features)
        )
    every = fold((view,), sized_output(node))
    return [every, *(fold(directions, output.shape) for output in node.outputs[1:])]


def recurrent_cell(walk: Walk, node: Node) -> Made:
    """One step of a recurrent layer: of a state that is there, and for an LSTM of cells. A loop over such steps, which
    is traced step by step, has their weights once."""
    arguments, params = node.arguments, [node.arguments.get(key) for key in ("w_ih", "w_hh")]
    view, shape = walk.sized(arguments["input"])
    if len(shape) != 2 or any(walk.view(each).kind is not ViewKind.CONSTANT for each in params):
        return walk.leave_out(node, walk.views(node.refs))
    cell = _cell(walk, params, GATES[CELLS[node.operator]], (1, shape[0]))
    way = _direction(walk, walk.label(node), params, (0, 1), _starts(walk, arguments.get("hx")), cell)
    (state,) = recurrent(walk.assembly, walk.label(node), view, walk.weight(params[0]), [way], cell)
    made = [fold((state,), output.shape) for output in node.outputs]
    return made if node.several else made[0]


def _cell(walk: Walk, params: Sequence[Any], gates: int, size: tuple[int, int]) -> Cell:
    """Of weights of the input, recurrent ones, biases where there are some, and those of a projection behind them."""
    (_, inner), (_, features) = walk.sized(params[0])[1], walk.sized(params[1])[1]
    hidden = walk.sized(params[1])[1][0] // gates
    return Cell(gates, inner, hidden, *size, projected=features if features != hidden else 0)


def _direction(
    walk: Walk, name: str, params: Sequence[Any], place: tuple[int, int], start: Sequence[View], cell: Cell
) -> Direction:
    at, count = place
    return Direction(
        name=name if count == 1 else f"{name}.{('forward', 'backward')[at]}",
        recurrent=walk.weight(params[1]),
        start=start,
        projection=walk.weight(params[-1]) if cell.projected else None,
    )


def _starts(walk: Walk, hx: Any) -> list[View]:
    """The states that the layers start with: a share of each travels to every layer."""
    return [walk.view(ref) for ref in (hx if isinstance(hx, list | tuple) else [hx])]


def bilinear(walk: Walk, node: Node) -> Made:
    """Of each row of two inputs every product of their features, with weights of its own for each output."""
    arguments = node.arguments
    views = [walk.weight(arguments[key]) for key in ("input1", "weight", "input2")]
    if any(view.shape is None for view in views):
        return walk.leave_out(node, views)
    return contract(walk.assembly, node.operator, walk.label(node), views, "...a,oab,...b->...o", sized_output(node))
