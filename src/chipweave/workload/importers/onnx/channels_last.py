"""Operators of ONNX Runtime whose maps have their channels last, as its optimiser leaves them: turned, translated, and
turned back. Filters stay as ONNX has them, or have their channels last too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from chipweave.workload.importers.assembly import Assembly
from chipweave.workload.importers.onnx.tensor import Call, OnnxTensor
from chipweave.workload.importers.view import Shape, View

Made = View | tuple[View, ...] | None


def turned(call: Call, maps: Sequence[int] = (0,), weight: int = 0) -> Call:
    """The call with its channels first.

    Args:
        maps: places of the operands that are maps.
        weight: the place of the filter; 0 where there is none.
    """
    channels = (_shape(call.operand(0)) or (0,))[-1]
    operands = [_first(tensor) if at in maps else tensor for at, tensor in enumerate(call.inputs)]
    filter_ = _shape(call.operand(weight)) if weight else None
    if filter_ and len(filter_) > 2:
        groups = call.integer("group", 1)
        if filter_[1] * groups != channels and filter_[-1] * groups == channels:
            operands[weight] = _first(operands[weight])
    shapes = tuple(None if shape is None else _moved(shape, _to_first(len(shape))) for shape in call.shapes)
    return replace(call, inputs=tuple(operands), shapes=shapes)


def back(shape: Shape) -> Shape:
    """A shape with its channels first, with them last."""
    return _moved(shape, _to_last(len(shape)))


def with_channels_last(
    function: Callable[[Assembly, Call], Made], maps: Sequence[int] = (0,), weight: int = 0
) -> Callable[[Assembly, Call], Made]:
    """The translation of an operator whose maps have their channels last; arguments as of `turned`."""

    def translation(assembly: Assembly, call: Call) -> Made:
        made = function(assembly, turned(call, maps, weight))
        views = made if isinstance(made, tuple) else (made,)
        found = [view for view in views if view is not None]
        return tuple(_turned(view, _to_last) for view in found) if len(found) == len(views) else None

    return translation


def where_stated(
    function: Callable[[Assembly, Call], Made], maps: Sequence[int] = (0,), weight: int = 0
) -> Callable[[Assembly, Call], Made]:
    """The translation of an operator whose attribute `channels_last` says which it is."""
    last = with_channels_last(function, maps, weight)

    def translation(assembly: Assembly, call: Call) -> Made:
        return (last if call.integer("channels_last", 0) else function)(assembly, call)

    return translation


def _shape(tensor: OnnxTensor | None) -> Shape | None:
    return None if tensor is None else tensor.shape


def _first(tensor: OnnxTensor | None) -> OnnxTensor | None:
    return None if tensor is None else replace(tensor, view=_turned(tensor.view, _to_first), values=None)


def _turned(view: View, order: Callable[[int], list[int]]) -> View:
    if view.shape is None or len(view.shape) < 3:
        return view
    places = order(len(view.shape))
    shape = _moved(view.shape, places)
    if view.axis is None:
        return replace(view, shape=shape)
    return replace(view, shape=shape, axis=places.index(view.axis))


def _to_first(rank: int) -> list[int]:
    return [0, rank - 1, *range(1, rank - 1)]


def _to_last(rank: int) -> list[int]:
    return [0, *range(2, rank), 1]


def _moved(shape: Shape, order: Sequence[int]) -> Shape:
    return tuple(shape[at] for at in order) if len(shape) > 2 else shape
