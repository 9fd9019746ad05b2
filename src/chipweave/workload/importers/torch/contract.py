"""Matrix products of every spelling as one: which axes of two operands are batch, rows, inner and columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from chipweave.workload.importers.einsum import spelled
from chipweave.workload.importers.view import Shape, View


@dataclass(frozen=True, slots=True)
class Sizes:
    """`batch` products (rows x inner) @ (inner x columns); a side whose batch is shared lies in rows or columns."""

    batch: int
    rows: int
    inner: int
    columns: int


def sizes_of(left: str, right: str, output: str, lengths: Mapping[str, int], ones: tuple[str, str]) -> Sizes:
    """The sizes of `left,right->output` in Einstein's notation, one letter for each axis.

    Args:
        lengths: of every letter.
        ones: letters that have length 1 in the left, and in the right operand, and are broadcast there.
    """
    a, b = set(left) - set(ones[0]), set(right) - set(ones[1])
    kept = set(output)

    def size(letters: set[str]) -> int:
        return math.prod(lengths[letter] for letter in letters)

    return Sizes(size(a & b & kept), size((a - b) & kept), size((a & b) - kept), size((b - a) & kept))


def contraction(equation: str, left: View, right: View) -> Sizes:
    """The sizes of an einsum of two operands. Axes that only one operand has and the output lacks cost nothing. Copies
    of weights along an axis that the other operand has too are one matrix, which all of its entries meet.

    Raises:
        ValueError: the equation does not fit the shapes.
    """
    shapes = left.shape or (), right.shape or ()
    words, target = spelled(equation, shapes)
    lengths: dict[str, int] = {}
    for term, shape in zip(words, shapes, strict=True):
        for letter, length in zip(term, shape, strict=True):
            lengths[letter] = max(length, lengths.get(letter, 1))
    whole = [_letters_of_one(term, shape, lengths) for term, shape in zip(words, shapes, strict=True)]
    own = [_letters_of_one(term, view.own or (), lengths) for term, view in zip(words, (left, right), strict=True)]
    met = [(set(target) & set(word)) - set(more) for word, more in zip(words, own, strict=True)]
    ones = ("".join({*whole[0], *(set(own[0]) & met[1])}), "".join({*whole[1], *(set(own[1]) & met[0])}))
    return sizes_of(words[0], words[1], target, lengths, ones)


def _letters_of_one(term: str, shape: Shape, lengths: Mapping[str, int]) -> str:
    """Letters along which an operand has one entry, and the other one more."""
    return "".join(letter for letter, length in zip(term, shape, strict=True) if length == 1 < lengths[letter])


def matmul_equation(left: int, right: int) -> str:
    """matmul of operands with so many axes."""
    first = "i" if left == 1 else "...hi"
    second = "i" if right == 1 else "...iw"
    output = "..." + ("h" if left > 1 else "") + ("w" if right > 1 else "")
    return f"{first},{second}->{output}"
