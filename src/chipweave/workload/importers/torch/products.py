"""Matrix products in all their spellings, and attention."""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Sequence
from typing import Any

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Operand, legal_name
from chipweave.workload.importers.einsum import contract
from chipweave.workload.importers.torch.contract import contraction, matmul_equation
from chipweave.workload.importers.torch.graph import Node
from chipweave.workload.importers.torch.walk import Made, Walk, sized_output, with_more
from chipweave.workload.importers.view import ViewKind, embedding, made_of


def linear(walk: Walk, node: Node) -> Made:
    """Rows of features times a matrix, which has a row for each output."""
    arguments = node.arguments
    vector = len(walk.sized(arguments["weight"])[1]) == 1
    equation = "...i,i->..." if vector else "...i,oi->...o"
    return _product(walk, node, equation, arguments["input"], arguments["weight"], arguments.get("bias"))


def product(equation: str, left: str, right: str, added: str = "") -> Callable[[Walk, Node], Made]:
    """A product of the arguments with these names, and the sum with the one called `added`."""

    def translation(walk: Walk, node: Node) -> Made:
        arguments = node.arguments
        return _product(walk, node, equation, arguments[left], arguments[right], arguments.get(added))

    return translation


def matmul(walk: Walk, node: Node) -> Made:
    """Over the last two axes; those before them are broadcast."""
    left, right = node.arguments["self"], node.arguments["other"]
    equation = matmul_equation(*(len(walk.sized(ref)[1]) for ref in (left, right)))
    return _product(walk, node, equation, left, right)


def einsum(walk: Walk, node: Node) -> Made:
    """Of two operands; of one it only rearranges or sums, and more are multiplied two at a time."""
    tensors, equation = node.arguments["tensors"], node.arguments["equation"]
    if len(tensors) == 1:
        return walk.fold(node, walk.views(node.refs))
    if len(tensors) == 2:
        return _product(walk, node, equation, tensors[0], tensors[1])
    views = [walk.weight(tensor) for tensor in tensors if walk.sized(tensor)]
    try:
        return contract(walk.assembly, node.operator, walk.label(node), views, equation, sized_output(node))
    except ValueError as error:
        raise _unfit(walk, node, equation, error) from None


def chain(walk: Walk, node: Node) -> Made:
    """Products of matrices one after another, of which the first or the last may be a vector, in the order that takes
    the fewest products."""
    tensors = node.arguments.get("tensors", node.arguments.get("matrices"))
    letters = string.ascii_letters
    if len(tensors) >= len(letters):
        return walk.leave_out(node, walk.views(node.refs))
    words = [letters[at : at + 2] for at in range(len(tensors))]
    words[0] = words[0][-len(walk.sized(tensors[0])[1]) :]
    words[-1] = words[-1][: len(walk.sized(tensors[-1])[1])]
    output = "".join(letter for letter in letters if "".join(words).count(letter) == 1)
    equation = f"{','.join(words)}->{output}"
    if len(tensors) == 2:
        return _product(walk, node, equation, tensors[0], tensors[1])
    views = [walk.weight(tensor) for tensor in tensors]
    return contract(walk.assembly, node.operator, walk.label(node), views, equation, sized_output(node))


def inner(walk: Walk, node: Node) -> Made:
    """Of every row of one operand with every row of the other."""
    left, right = node.arguments["self"], node.arguments["other"]
    ranks = [len(walk.sized(ref)[1]) for ref in (left, right)]
    return _along(walk, node, (left, right), [ranks[0] - 1], [ranks[1] - 1])


def tensordot(walk: Walk, node: Node) -> Made:
    """A sum over axes of one operand and as many of the other; the axes that are left stand behind each other."""
    arguments = node.arguments
    left, right = arguments["self"], arguments["other"]
    axes = [[int(axis) for axis in arguments[name]] for name in ("dims_self", "dims_other")]
    return _along(walk, node, (left, right), *axes)


def _along(walk: Walk, node: Node, operands: tuple[Any, Any], left: Sequence[int], right: Sequence[int]) -> Made:
    ranks = [len(walk.sized(ref)[1]) for ref in operands]
    if sum(ranks) >= len(string.ascii_letters) or not all(ranks):
        return elementwise_of_two(walk, node, *operands)
    letters = string.ascii_letters
    words = [list(letters[: ranks[0]]), list(letters[ranks[0] : sum(ranks)])]
    for a, b in zip(left, right, strict=True):
        words[1][b] = words[0][a]
    both = set(words[0]) & set(words[1])
    output = "".join(letter for letter in (*words[0], *words[1]) if letter not in both)
    return _product(walk, node, f"{''.join(words[0])},{''.join(words[1])}->{output}", *operands)


def elementwise_of_two(walk: Walk, node: Node, left: Any, right: Any) -> Made:
    views = walk.views((left, right))
    return walk.assembly.elementwise(node.operator, walk.label(node), views, sized_output(node))


def _product(walk: Walk, node: Node, equation: str, left: Any, right: Any, added: Any = None) -> Made:
    """A constant `added` is a bias and folded; an activation is summed in a layer of its own."""
    shape = sized_output(node)
    (of_left, _), (of_right, _) = walk.sized(left), walk.sized(right)
    try:
        sizes = contraction(equation, of_left, of_right)
    except ValueError as error:
        raise _unfit(walk, node, equation, error) from None
    views = walk.weight(left), walk.weight(right)
    name = walk.product_label(node)
    if sizes.inner == sizes.rows == sizes.columns == 1:
        return walk.assembly.elementwise(node.operator, name, views, shape)
    made = walk.assembly.product(
        name, Operand(views[0], sizes.batch), Operand(views[1], sizes.batch),
        batch=sizes.batch, rows=sizes.rows, inner=sizes.inner, columns=sizes.columns, shape=shape,
    )  # fmt: skip
    bias = walk.view(added)
    if bias.kind is not ViewKind.ACTIVATION or node.arguments.get("beta") == 0:
        return made
    return walk.assembly.elementwise(node.operator, walk.label(node), (made, bias), shape)


def _unfit(walk: Walk, node: Node, equation: str, error: ValueError) -> InputError:
    where = legal_name(walk.label(node))
    return InputError(f"{node.operator} '{equation}' in '{where}': {error}; write it as plain products")


def attention(walk: Walk, node: Node) -> Made:
    """Scores of every query with every key, then their mix of the values. A computed mask travels with the keys.

    Operators that take functions have no names of arguments, only positions.
    """
    arguments = node.arguments
    names = ("query", "key", "value") if "query" in arguments else ("0", "1", "2")
    (query, of_query), (key, of_key), (value, of_value) = (walk.sized(arguments[name]) for name in names)
    mask = walk.view(arguments.get("attn_mask", arguments.get("attn_bias")))
    if mask.kind is ViewKind.ACTIVATION:
        key = made_of((*key.pieces, *mask.pieces), of_key)
    made = walk.assembly.attention(
        node.scope or "attention", query, key, value,
        heads=math.prod(of_query[:-2]), rows=of_query[-2], columns=of_key[-2], inner=of_query[-1],
        value_inner=of_value[-1], shape=node.shape,
    )  # fmt: skip
    return with_more(node, made)


def look_up(walk: Walk, node: Node) -> Made:
    """Rows of a table: the network's input to what follows, or constants where the indices are."""
    weight, indices = walk.view(node.arguments["weight"]), walk.view(node.arguments["indices"])
    if weight.kind is ViewKind.CONSTANT and indices.kind is ViewKind.CONTROL:
        walk.assembly.folded[node.operator] += 1
        return with_more(node, embedding(node.scope or node.name, sized_output(node)))
    return walk.fold(node, (weight, indices))
