"""Sequences of tensors: lists whose entries are followed one by one, where their number and places are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chipweave.workload.importers.onnx.constants import evaluate
from chipweave.workload.importers.onnx.tensor import MOST_KNOWN, OnnxTensor
from chipweave.workload.importers.view import Shape, concatenate, constant, cut, fold

if TYPE_CHECKING:
    import numpy as np

Operands = Sequence[OnnxTensor | None]
Attributes = Mapping[str, Any]

MOST_ENTRIES = 4096


def outputs(operator: str, inputs: Operands, attributes: Attributes) -> list[OnnxTensor] | None:
    """What an operator on sequences makes; None for other operators, and where a length or a place is not known."""
    function = _OPERATORS.get(operator)
    try:
        made = function(inputs, attributes) if function else None
    except (IndexError, ValueError, ZeroDivisionError):
        return None
    return None if made is None else [made]


def _listed(entries: Sequence[OnnxTensor]) -> OnnxTensor:
    if len(entries) > MOST_ENTRIES:
        raise ValueError
    view = fold([entry.view for entry in entries], None) if entries else constant(None)
    return OnnxTensor(view, entries[0].element if entries else 0, entries=tuple(entries))


def _entries(inputs: Operands) -> tuple[OnnxTensor, ...]:
    """Of the first operand.

    Raises:
        ValueError: it is no sequence, or of unknown length.
    """
    first = inputs[0]
    if first is None or first.entries is None:
        raise ValueError
    return first.entries


def _place(inputs: Operands, at: int, count: int, default: int | None = None) -> int:
    """A place among `count`, counted from 0.

    Raises:
        IndexError, ValueError: there is no such place, or it is not known.
    """
    tensor = inputs[at] if at < len(inputs) else None
    if tensor is None and default is not None:
        return default
    if tensor is None or not tensor.integers:
        raise ValueError
    place = tensor.integers[0]
    return range(count)[place]


def _constructed(inputs: Operands, _: Attributes) -> OnnxTensor | None:
    found = [tensor for tensor in inputs if tensor is not None]
    return _listed(found) if len(found) == len(inputs) else None


def _empty(_: Operands, __: Attributes) -> OnnxTensor:
    return _listed(())


def _inserted(inputs: Operands, _: Attributes) -> OnnxTensor | None:
    entries, added = list(_entries(inputs)), inputs[1]
    if added is None:
        return None
    entries.insert(_place(inputs, 2, len(entries) + 1, len(entries)), added)
    return _listed(entries)


def _erased(inputs: Operands, _: Attributes) -> OnnxTensor:
    entries = list(_entries(inputs))
    del entries[_place(inputs, 1, len(entries), len(entries) - 1)]
    return _listed(entries)


def _at(inputs: Operands, _: Attributes) -> OnnxTensor:
    entries = _entries(inputs)
    return entries[_place(inputs, 1, len(entries))]


def _length(inputs: Operands, _: Attributes) -> OnnxTensor:
    import numpy as np
    from onnx import TensorProto

    return OnnxTensor(constant(()), TensorProto.INT64, np.array(len(_entries(inputs)), np.int64))


def _joined(inputs: Operands, attributes: Attributes) -> OnnxTensor | None:
    """The entries side by side, along an axis of theirs or a new one."""
    entries, new = _entries(inputs), bool(attributes.get("new_axis", 0))
    shapes = [entry.shape for entry in entries if entry.shape is not None]
    if not entries or len(shapes) < len(entries):
        return None
    rank = len(shapes[0]) + new
    axis = range(rank)[int(attributes["axis"])] if "axis" in attributes else 0
    if new:
        shapes = [(*shape[:axis], 1, *shape[axis:]) for shape in shapes]
        views = [fold((entry.view,), shape) for entry, shape in zip(entries, shapes, strict=True)]
    else:
        views = [entry.view for entry in entries]
    if any((*s[:axis], *s[axis + 1 :]) != (*shapes[0][:axis], *shapes[0][axis + 1 :]) for s in shapes):
        return None
    shape = (*shapes[0][:axis], sum(s[axis] for s in shapes), *shapes[0][axis + 1 :])
    return OnnxTensor(concatenate(views, axis, shape), entries[0].element, _joined_values(entries, shapes, axis))


def _joined_values(entries: Sequence[OnnxTensor], shapes: Sequence[Shape], axis: int) -> np.ndarray[Any, Any] | None:
    values = [entry.values for entry in entries]
    parts = [a.reshape(shape) for a, shape in zip(values, shapes, strict=True) if a is not None]
    made = evaluate("Concat", parts, {"axis": axis}) if len(parts) == len(values) else None
    return made[0] if made and made[0].size <= MOST_KNOWN else None


def _split(inputs: Operands, attributes: Attributes) -> OnnxTensor | None:
    """Stretches of a tensor: of lengths that are stated, of one length, or single entries."""
    source, lengths = inputs[0], inputs[1] if len(inputs) > 1 else None
    if source is None or source.shape is None:
        return None
    axis = range(len(source.shape))[int(attributes.get("axis", 0))]
    whole, single = source.shape[axis], lengths is None
    if lengths is not None and not lengths.integers:
        return None
    sizes = [1] * whole if lengths is None else lengths.integers or []
    if lengths is not None and lengths.shape == ():
        sizes = [min(sizes[0], whole - at) for at in range(0, whole, sizes[0])]
    if sum(sizes) != whole or min(sizes) < 1:
        return None
    made, at = [], 0
    for size in sizes:
        shape = (*source.shape[:axis], size, *source.shape[axis + 1 :])
        view = cut(source.view, axis, at, size, shape)
        values = None if source.values is None else source.values.take(range(at, at + size), axis)
        if single and not attributes.get("keepdims", 1):
            shape = (*shape[:axis], *shape[axis + 1 :])
            view, values = fold((view,), shape), None if values is None else values.reshape(shape)
        made.append(OnnxTensor(view, source.element, values))
        at += size
    return _listed(made)


_OPERATORS: dict[str, Callable[[Operands, Attributes], OnnxTensor | None]] = {
    "SequenceConstruct": _constructed,
    "SequenceEmpty": _empty,
    "SequenceInsert": _inserted,
    "SequenceErase": _erased,
    "SequenceAt": _at,
    "SequenceLength": _length,
    "ConcatFromSequence": _joined,
    "SplitToSequence": _split,
}
