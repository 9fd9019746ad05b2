"""ONNX Runtime's mixtures of experts: each row goes through a few of many small networks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Assembly, Operand, legal_name
from chipweave.workload.importers.onnx.elementwise import elementwise
from chipweave.workload.importers.onnx.tensor import Call, OnnxTensor
from chipweave.workload.importers.view import View, ViewKind, constant, fold


def mixture(assembly: Assembly, call: Call) -> View | None:
    """MoE: rows, the router's scores, and weights of the first, second and third product, each with a bias."""
    return _mixture(assembly, call, (2, 4, 6), 1)


def quantised_mixture(assembly: Assembly, call: Call) -> View | None:
    """QMoE: as MoE, with scales behind each of the weights, of which a byte holds one or two."""
    return _mixture(assembly, call, (2, 5, 8), 8 // max(1, min(8, call.integer("expert_weight_bits", 4))))


def _mixture(assembly: Assembly, call: Call, places: Sequence[int], per_entry: int) -> View | None:
    """
    Args:
        places: of the weights of the first, second and third product.
        per_entry: weights in each entry of the tensors.
    """
    source, scores = call.operand(0), call.operand(1)
    first, second, third = (call.operand(place) for place in places)
    if source is None or scores is None or not source.shape or first is None or second is None:
        return None
    if any(t.view.kind is not ViewKind.CONSTANT or not t.shape for t in (first, second, third) if t is not None):
        return None
    width, experts = source.shape[-1], (first.shape or (0,))[0]
    rows = math.prod(source.shape[:-1]) * call.integer("k", 1)
    used = _used(assembly, call, rows, experts)
    hidden = [_columns(call, tensor, width, per_entry) for tensor in (first, third) if tensor is not None]
    back = _columns(call, second, width, per_entry)
    names = ("fc1", "fc3")
    branches = [
        _each(assembly, f"{call.name}.{names[at]}", source.view, tensor, used, (width, hidden[at]))
        for at, tensor in enumerate(each for each in (first, third) if each is not None)
    ]
    inside = fold(branches[0], (rows, back))
    if len(branches) > 1:
        gate = fold(branches[1], (rows, back))
        inside = assembly.elementwise(call.operator, f"{call.name}.gate", (inside, gate), (rows, back))
    views = _each(assembly, f"{call.name}.fc2", inside, second, used, (back, width))
    mixed = fold(views, (rows, width))
    return elementwise(assembly, call, (mixed, scores.view), f"{call.name}.mix")


def _used(assembly: Assembly, call: Call, rows: int, experts: int) -> list[tuple[int, int]]:
    """Experts and the rows that each of them gets: as even as can be."""
    if rows < 1 or experts < 1 or call.integer("k", 1) > experts:
        raise InputError(
            f"'{legal_name(call.name)}' ({call.operator}) sends {rows} rows through {experts} experts, of which each "
            f"row takes {call.integer('k', 1)}; the file is damaged, export it again"
        )
    each, more = divmod(rows, experts)
    note = f"the rows of '{legal_name(call.name)}' are taken to go evenly through its {experts} experts"
    if not each:
        note += f": {more} run, and the weights of the other {experts - more} are not counted, since nothing reads them"
    assembly.notes.append(note)
    return [(count, size) for count, size in ((more, each + 1), (experts - more, each)) if count and size]


def _columns(call: Call, tensor: OnnxTensor, width: int, per_entry: int) -> int:
    """The other size of each expert's matrix, in whatever order it is stored."""
    entries = math.prod((tensor.shape or ())[1:]) * per_entry
    if not width or not entries or entries % width:
        raise InputError(
            f"'{legal_name(call.name)}' ({call.operator}): weights {list(tensor.shape or ())} do not fit rows of "
            f"{width}; the file is damaged, export it again"
        )
    return entries // width


def _each(
    assembly: Assembly,
    name: str,
    source: View,
    tensor: OnnxTensor,
    used: Sequence[tuple[int, int]],
    sizes: tuple[int, int],
) -> list[View]:
    """The product of every expert's rows with its weights: two layers where experts get different numbers of rows."""
    inner, columns = sizes
    total = sum(experts * rows for experts, rows in used)
    views = []
    for at, (experts, rows) in enumerate(used):
        stored = tensor.view.stored if len(used) == 1 else f"{tensor.view.stored}[{at}]"
        read = fold((source,), (max(1, (source.elements or 1) * experts * rows // total),))
        weights = Operand(constant((experts, inner, columns), stored), experts)
        view = assembly.product(
            name, Operand(read), weights, batch=experts, rows=rows, inner=inner, columns=columns,
            shape=(experts * rows, columns),
        )  # fmt: skip
        views.append(view)
    return views
