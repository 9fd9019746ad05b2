"""Matrix products of every spelling as one: which axes of two operands are batch, rows, inner and columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from chipweave.workload.importers.view import Shape


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


def contraction(equation: str, left: Shape, right: Shape) -> Sizes:
    """The sizes of an einsum of two operands. Axes that only one operand has and the output lacks cost nothing.

    Raises:
        ValueError: the equation does not fit the shapes.
    """
    inputs, _, output = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != 2:
        raise ValueError(f"einsum of {len(terms)} operands")
    spelled = [_spelled(term, len(shape)) for term, shape in zip(terms, (left, right), strict=True)]
    if "->" not in equation:
        letters = spelled[0] + spelled[1]
        output = "..." + "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    dots = max((letter for term in spelled for letter in term if letter.isdigit()), default="")
    target = output.replace("...", "".join(map(str, range(int(dots) + 1))) if dots else "")
    lengths: dict[str, int] = {}
    for term, shape in zip(spelled, (left, right), strict=True):
        for letter, length in zip(term, shape, strict=True):
            lengths[letter] = max(length, lengths.get(letter, 1))
    ones = tuple(
        "".join(letter for letter, length in zip(term, shape, strict=True) if length == 1 < lengths[letter])
        for term, shape in zip(spelled, (left, right), strict=True)
    )
    return sizes_of(spelled[0], spelled[1], target, lengths, (ones[0], ones[1]))


def _spelled(term: str, rank: int) -> str:
    """`...` as digits, 0 for the last of its axes, so that the dots of two operands line up at the right."""
    named = len(term.replace("...", ""))
    if rank < named or ("..." not in term and rank != named) or rank - named > 10:
        raise ValueError(f"'{term}' does not name {rank} axes")
    return term.replace("...", "".join(str(rank - named - 1 - i) for i in range(rank - named)))


def matmul_equation(left: int, right: int) -> str:
    """matmul of operands with so many axes."""
    first = "i" if left == 1 else "...hi"
    second = "i" if right == 1 else "...iw"
    output = "..." + ("h" if left > 1 else "") + ("w" if right > 1 else "")
    return f"{first},{second}->{output}"
