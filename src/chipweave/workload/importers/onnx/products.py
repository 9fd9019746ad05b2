"""Matrix products, and what is one in disguise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Assembly, Operand, legal_name
from chipweave.workload.importers.onnx.elementwise import elementwise
from chipweave.workload.importers.onnx.tensor import Call, OnnxTensor
from chipweave.workload.importers.view import Shape, View, concatenate, fold, unary


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
    shared, rows_more, columns_more = _broadcast(a[:-2], b[:-2])
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
    """A contraction of two operands as matrix products; without a shared sum it is element-wise."""
    if len(call.inputs) == 1:
        assembly.folded[call.operator] += 1
        return fold(call.views, call.shape)
    if len(call.inputs) != 2 or any(tensor is None or tensor.shape is None for tensor in call.inputs):
        return None
    shapes = [tensor.shape for tensor in call.inputs if tensor is not None and tensor.shape is not None]
    letters = _letters(str(call.attributes.get("equation", "")), shapes)
    if letters is None:
        return None
    (first, second), out = letters
    size: dict[str, int] = {}
    for word, shape in zip((first, second), shapes, strict=True):
        for letter, length in zip(word, shape, strict=True):
            size[letter] = max(length, size.get(letter, 1))
    shared, alone = set(first) & set(second), set(first) ^ set(second)
    if not alone <= set(out):  # a sum over one operand first
        return None

    def volume(letters: set[str]) -> int:
        return math.prod(size[letter] for letter in letters)

    contracted, batch = shared - set(out), volume(shared & set(out))
    if not contracted:
        return elementwise(assembly, call)
    left, right = (Operand(view, batch) for view in call.views)
    return assembly.product(
        call.name, left, right, batch=batch, rows=volume(set(first) - set(second)), inner=volume(contracted),
        columns=volume(set(second) - set(first)), shape=call.shape,
    )  # fmt: skip


def _letters(equation: str, shapes: Sequence[Shape]) -> tuple[list[str], str] | None:
    """The letters of the operands and of the output, each once; None for diagonals and what does not fit the shapes."""
    left, arrow, out = equation.replace(" ", "").partition("->")
    words = left.split(",")
    if len(words) != len(shapes):
        return None
    # An ellipsis stands for leading axes; digits name them, counted from the last.
    most = max(len(shape) - len(word.replace("...", "")) for word, shape in zip(words, shapes, strict=True))
    if not 0 <= most <= 10:
        return None
    dots = "9876543210"
    expanded = [
        word.replace("...", dots[10 - (len(shape) - len(word.replace("...", ""))) :] if "..." in word else "")
        for word, shape in zip(words, shapes, strict=True)
    ]
    if arrow:
        out = out.replace("...", dots[10 - most :])
    else:
        joined = "".join(expanded)
        out = "".join(sorted(letter for letter in set(joined) if joined.count(letter) == 1 or letter.isdigit()))
    odd = [
        word
        for word, shape in zip(expanded, shapes, strict=True)
        if len(set(word)) < len(word) or len(word) != len(shape)
    ]
    return None if odd or not set(out) <= set("".join(expanded)) else (expanded, out)


def attention(assembly: Assembly, call: Call) -> View | tuple[View, ...] | None:
    """ONNX's Attention: query, key and value as N x heads x rows x inner, or with the heads side by side."""
    query, key, value = (call.operand(position) for position in range(3))
    q = _heads(query, call.integer("q_num_heads", 0))
    k, v = (_heads(tensor, call.integer("kv_num_heads", 0)) for tensor in (key, value))
    if query is None or key is None or value is None or q is None or k is None or v is None:
        return None
    past = [(tensor.view, tensor.shape) for tensor in call.inputs[4:6] if tensor is not None and tensor.shape]
    views, columns = (key.view, value.view), k[2]
    if len(past) == 2:
        views = (concatenate((past[0][0], key.view), 0, None), concatenate((past[1][0], value.view), 0, None))
        columns += past[0][1][-2]
    mixed = assembly.attention(
        call.name, query.view, *views,
        heads=q[0] * q[1], rows=q[2], columns=columns, inner=q[3], value_inner=v[3], shape=call.shape,
    )  # fmt: skip
    present = zip(views, call.shapes[1:3], strict=False)
    rest = (unary(mixed, shape) for shape in call.shapes[3:])
    return (mixed, *(replace(view, shape=shape) for view, shape in present), *rest)


def _heads(tensor: OnnxTensor | None, heads: int) -> tuple[int, int, int, int] | None:
    """Samples, heads, rows and inner size."""
    if tensor is None or tensor.shape is None:
        return None
    match tensor.shape:
        case (samples, count, rows, inner):
            return samples, count, rows, inner
        case (samples, rows, width) if heads > 0 and width % heads == 0:
            return samples, heads, rows, width // heads
    return None
