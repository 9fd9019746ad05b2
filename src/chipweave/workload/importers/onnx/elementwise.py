"""Sums, products and the like."""

from __future__ import annotations

from collections.abc import Sequence

from chipweave.workload.importers.assembly import Assembly
from chipweave.workload.importers.onnx.tensor import Call
from chipweave.workload.importers.view import View, ViewKind


def elementwise(assembly: Assembly, call: Call, views: Sequence[View] | None = None, name: str = "") -> View | None:
    """A layer where activations of different layers meet, else a fold; None where they do and no size is known.

    Args:
        views: the operands; all of the call's where they are not given.
        name: of the layer; the call's where it is not given.
    """
    operands = call.views if views is None else views
    activations = [view for view in operands if view.kind is ViewKind.ACTIVATION]
    if call.shape is None and len(activations) > 1:
        return None
    return assembly.elementwise(call.operator, name or call.name, operands, call.shape)
