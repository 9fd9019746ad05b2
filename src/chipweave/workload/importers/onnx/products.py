"""Matrix products, and what is one in disguise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Assembly, Operand, legal_name
from chipweave.workload.importers.einsum import contract
from chipweave.workload.importers.onnx.elementwise import elementwise
from chipweave.workload.importers.onnx.tensor import Call
from chipweave.workload.importers.view import Shape, View, shared_sizes


def gemm(assembly: Assembly, call: Call, second: int = 1) -> View | None:
    """A * B + C, either transposed; `second` is the position of B."""
    left, right = call.operand(0), call.operand(second)
    if left is None or right is None or left.shape is None or right.shape is None:
        return None
    if len(left.shape) != 2 or len(right.shape) != 2:
        return None
    rows, inner = _swapped(left.shape, call.integer("transA", 0))
    depth, columns = _swapped(right.shape, call.integer("transB", 0))
    _agree(call, inner, depth)
    product = assembly.product(
        call.name, Operand(left.view), Operand(right.view),
        batch=1, rows=rows, inner=inner, columns=columns, shape=call.shape,
    )  # fmt: skip
    added = call.operand(2) if second == 1 else None
    if added is not None and added.is_activation:
        return elementwise(assembly, call, (product, added.view), f"{call.name}.add")
    return product


def matmul(assembly: Assembly, call: Call, right: int = 1, swap_left: int = 0, swap_right: int = 0) -> View | None:
    """Products over the last two axes, those before them broadcast; `right` is the position of the second operand."""
    first, second = call.operand(0), call.operand(right)
    if first is None or second is None or not first.shape or not second.shape:
        return None
    a = first.shape if len(first.shape) > 1 else (1, *first.shape)
    b = second.shape if len(second.shape) > 1 else (*second.shape, 1)
    rows, inner = _swapped(a[-2:], swap_left)
    depth, columns = _swapped(b[-2:], swap_right)
    _agree(call, inner, depth)
    left = shared_sizes(first.view, a[:-2], b[:-2])
    shared, rows_more, columns_more = _broadcast(left, shared_sizes(second.view, b[:-2], left))
    return assembly.product(
        call.name, Operand(first.view, shared), Operand(second.view, shared),
        batch=shared, rows=rows * rows_more, inner=inner, columns=columns * columns_more, shape=call.shape,
    )  # fmt: skip


def _broadcast(a: Shape, b: Shape) -> tuple[int, int, int]:
    """How many matrices both operands bring; those of the left alone stand as rows below each other, those of the
    right alone as columns side by side, so that no weight counts twice."""
    pairs = list(zip_longest(reversed(a), reversed(b), fillvalue=1))
    shared = math.prod(x for x, y in pairs if x == y)
    return shared, math.prod(x for x, y in pairs if y == 1), math.prod(y for x, y in pairs if x == 1)


def _swapped(sizes: Sequence[int], swap: int) -> tuple[int, int]:
    return (sizes[1], sizes[0]) if swap else (sizes[0], sizes[1])


def _agree(call: Call, inner: int, depth: int) -> None:
    if inner != depth:
        raise InputError(
            f"'{legal_name(call.name)}' multiplies rows of {inner} elements with columns of {depth}; the file is "
            "damaged, export it again"
        )


def einsum(assembly: Assembly, call: Call) -> View | None:
    """A contraction as matrix products of two operands at a time; without a shared sum it is element-wise."""
    if any(tensor is None or tensor.shape is None for tensor in call.inputs):
        return None
    try:
        return contract(
            assembly, call.operator, call.name, call.views, str(call.attributes.get("equation", "")), call.shape
        )
    except ValueError as error:
        assembly.reasons.append(f"'{legal_name(call.name)}' (Einsum) is not costed: {error}")
        return None
