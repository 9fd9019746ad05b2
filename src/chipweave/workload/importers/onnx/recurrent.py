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
        name = legal_name(call.name)
        assembly.notes.append(f"the sequences of '{name}' are taken to be {cell.steps} steps long each")
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
    return _outputs(made, source.shape or (), cell.hidden, bool(call.integer("layout", 0)))


def _cell(call: Call) -> Cell | None:
    """The sizes; None where they or the weights are not known."""
    source, weights, states = (call.operand(at) for at in range(3))
    if source is None or weights is None or states is None or states.view.kind is not ViewKind.CONSTANT:
        return None
    if source.shape is None or weights.shape is None or states.shape is None:
        return None
    gates, hidden = GATES[call.operator], (states.shape or (0,))[-1]
    count = 2 if call.attributes.get("direction", "forward") == "bidirectional" else 1
    inner = source.shape[-1] if source.shape else 0
    expected = (count, gates * hidden, inner), (count, gates * hidden, hidden)
    fits = len(source.shape) == 3 and (weights.shape, states.shape) == expected
    if not fits or call.integer("hidden_size", hidden) != hidden:
        raise InputError(
            f"'{legal_name(call.name)}' ({call.operator}): input {list(source.shape)}, weights {list(weights.shape)} "
            f"and {list(states.shape)} do not fit each other; the file is damaged, export it again"
        )
    steps, rows = source.shape[:2] if not call.integer("layout", 0) else source.shape[1::-1]
    lengths = _lengths(call, steps, rows)
    if len(set(lengths)) == 1:
        steps, lengths = lengths[0], ()
    return Cell(gates, inner, hidden, steps, rows, lengths)


def _lengths(call: Call, steps: int, rows: int) -> tuple[int, ...]:
    """Of the sequences; nothing where they are not known.

    Raises:
        InputError: they do not fit the input.
    """
    tensor = call.operand(4)
    lengths = tuple(tensor.integers or ()) if tensor is not None else ()
    if lengths and (len(lengths) != rows or min(lengths) < 0 or not 0 < max(lengths) <= steps):
        raise InputError(
            f"'{legal_name(call.name)}': {len(lengths)} sequences of up to {max(lengths)} steps are stated for an "
            f"input of {rows} with {steps} steps; correct the lengths"
        )
    return lengths


def _of_direction(view: View, at: int, count: int, axis: int = 0) -> View:
    if view.shape is None or len(view.shape) <= axis:
        return view
    shape = (*view.shape[:axis], 1, *view.shape[axis + 1 :])
    part = cut(view, axis, at, 1, shape)
    if part.kind is not ViewKind.CONSTANT or not view.stored:
        return part
    return replace(part, stored=view.stored if count == 1 else f"{view.stored}[{at}]")


def _outputs(made: list[View], source: Shape, hidden: int, batch_first: bool) -> tuple[View, ...]:
    """Every step's state, the last one, and the last cells; directions stand side by side."""

    def joined(shape: Shape, axis: int) -> View:
        alone = (*shape[:axis], 1, *shape[axis + 1 :])
        views = [fold((view,), alone) for view in made]
        return concatenate(views, axis, shape) if len(views) > 1 else views[0]

    if batch_first:
        rows, steps, _ = source
        every, last = joined((rows, steps, len(made), hidden), 2), joined((rows, len(made), hidden), 1)
    else:
        steps, rows, _ = source
        every, last = joined((steps, len(made), rows, hidden), 1), joined((len(made), rows, hidden), 0)
    return every, last, last
