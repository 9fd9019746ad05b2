"""ONNX's LSTM, GRU and RNN."""

from __future__ import annotations

from dataclasses import replace

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Assembly, legal_name
from chipweave.workload.importers.onnx.tensor import Call
from chipweave.workload.importers.recurrent import GATES, Cell, Direction, recurrent
from chipweave.workload.importers.view import Shape, View, ViewKind, concatenate, cut, fold


def recurrent_layer(assembly: Assembly, call: Call) -> tuple[View, ...] | None:
    """X, W, R, biases, lengths of the sequences, the first state, and for an LSTM the first cells and peepholes.

    The outputs are every step's state, the last one, and for an LSTM the last cells.

    Raises:
        InputError: sizes that do not fit each other.
    """
    cell = _cell(call)
    if cell is None:
        return None
    source, weights, states = (call.operand(at) for at in range(3))
    assert source is not None
    assert weights is not None
    assert states is not None
    count = (weights.shape or (1,))[0]
    if call.operand(4) is not None and not cell.lengths:
        assembly.notes.append(f"the sequences of '{legal_name(call.name)}' are taken to be {cell.steps} steps long each")
    batch = 0 if call.integer("layout", 0) else 1
    directions = [
        Direction(
            name=call.name if count == 1 else f"{call.name}.{('forward', 'backward')[at]}",
            recurrent=_of_direction(states.view, at, count),
            start=[_of_direction(each.view, at, count, 1 - batch) for each in call.inputs[5:7] if each is not None],
        )
        for at in range(count)
    ]
    made = recurrent(assembly, call.name, source.view, weights.view, directions, cell)
    return _outputs(call, made, cell)


def _cell(call: Call) -> Cell | None:
    """The sizes; None where they or the weights are not known."""
    source, weights, states = (call.operand(at) for at in range(3))
    if source is None or weights is None or states is None or states.view.kind is not ViewKind.CONSTANT:
        return None
    if source.shape is None or weights.shape is None or states.shape is None:
        return None
    gates, hidden = GATES[call.operator], states.shape[-1]
    count = 2 if call.attributes.get("direction", "forward") == "bidirectional" else 1
    inner = source.shape[-1] if source.shape else 0
    expected = (count, gates * hidden, inner), (count, gates * hidden, hidden)
    fits = len(source.shape) == 3 and (weights.shape, states.shape) == expected
    if not fits or call.integer("hidden_size", hidden) != hidden:
        raise InputError(
            f"'{legal_name(call.name)}' ({call.operator}): input {list(source.shape)}, weights {list(weights.shape)} and "
            f"{list(states.shape)} do not fit each other; the file is damaged, export it again"
        )
    steps, rows = source.shape[:2] if not call.integer("layout", 0) else source.shape[1::-1]
    tensor = call.operand(4)
    lengths = tuple(tensor.integers or ()) if tensor is not None else ()
    if lengths and (len(lengths) != rows or not all(0 <= length <= steps for length in lengths)):
        raise InputError(
            f"'{legal_name(call.name)}': {len(lengths)} sequences of up to {max(lengths)} steps are stated for an input of "
            f"{rows} with {steps} steps; correct the lengths"
        )
    return Cell(gates, inner, hidden, steps, rows, lengths if any(lengths) else ())


def _of_direction(view: View, at: int, count: int, axis: int = 0) -> View:
    if view.shape is None or len(view.shape) <= axis:
        return view
    shape = (*view.shape[:axis], 1, *view.shape[axis + 1 :])
    part = cut(view, axis, at, 1, shape)
    if part.kind is not ViewKind.CONSTANT or not view.stored:
        return part
    return replace(part, stored=view.stored if count == 1 else f"{view.stored}[{at}]")


def _outputs(call: Call, made: list[View], cell: Cell) -> tuple[View, ...]:
    batch_first = bool(call.integer("layout", 0))
    steps, rows, hidden = cell.steps, cell.rows, cell.hidden

    def joined(shape: Shape, axis: int) -> View:
        alone = (*shape[:axis], 1, *shape[axis + 1 :])
        views = [fold((view,), alone) for view in made]
        return concatenate(views, axis, shape) if len(views) > 1 else views[0]

    every = joined((rows, steps, len(made), hidden), 2) if batch_first else joined((steps, len(made), rows, hidden), 1)
    last = joined((rows, len(made), hidden), 1) if batch_first else joined((len(made), rows, hidden), 0)
    return every, last, last
