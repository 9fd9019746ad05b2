"""Contractions of any number of tensors, in Einstein's notation, as products of two at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

from chipweave.workload.importers.assembly import Assembly, Operand, legal_name
from chipweave.workload.importers.view import Shape, View, ViewKind, fold

MOST_OPERANDS = 64
MOST_COMPARED = 9
"""Operands of which every order is compared; more of them are joined cheapest pair first."""


@dataclass(frozen=True, slots=True)
class Term:
    """An operand, or what became of several: the letters of its axes, and how it is written."""

    letters: frozenset[str]
    view: View
    text: str

    @property
    def fixed(self) -> bool:
        return self.view.kind is ViewKind.CONSTANT


Order = int | tuple["Order", "Order"]
"""An operand by its number, or two that are multiplied."""


def contract(
    assembly: Assembly, operator: str, name: str, views: Sequence[View], equation: str, shape: Shape | None
) -> View:
    """The layers of an einsum, and the view of what it makes.

    Axes that one operand alone has and the output lacks are summed first, at no cost; of a letter that an operand has
    twice it is the diagonal. More than two operands are multiplied in the order that takes the fewest products, where
    a product of constants alone is none: weights stay as they are stored.

    Raises:
        ValueError: the equation does not fit the shapes.
    """
    words, output = spelled(equation, [view.shape or () for view in views])
    lengths = _lengths(words, views)
    terms = []
    for at, (word, view) in enumerate(zip(words, views, strict=True)):
        others = set(output).union(*words[:at], *words[at + 1 :])
        sizes = dict(zip(word, view.shape or (), strict=True))
        whole = {letter for letter in word if letter in others and sizes[letter] == lengths[letter]}
        letters = frozenset(whole - _met_by_others(at, words, views))
        kept = tuple(lengths[letter] for letter in sorted(letters))
        terms.append(Term(letters, view if len(letters) == len(word) else fold((view,), kept), word))
    if len(terms) == 1:
        return assembly.fold(operator, (terms[0].view,), shape)
    order = _cheapest(terms, frozenset(output), lengths)
    made = _multiplied(assembly, operator, name, terms, order, (frozenset(output), lengths, shape))
    if len(terms) > 2:
        assembly.notes.append(
            f"'{legal_name(name)}' multiplies its {len(terms)} operands in the order {made.text}, which takes the "
            "fewest products"
        )
    return made.view


def _met_by_others(at: int, words: Sequence[str], views: Sequence[View]) -> set[str]:
    """Letters of an operand along which it has copies, and another operand as many entries."""
    own = [dict(zip(word, view.own or (), strict=True)) for word, view in zip(words, views, strict=True)]
    sizes = zip(words[at], views[at].shape or (), strict=True)
    others = own[:at] + own[at + 1 :]
    return {letter for letter, size in sizes if own[at][letter] < size and any(o.get(letter) == size for o in others)}


def spelled(equation: str, shapes: Sequence[Shape]) -> tuple[list[str], str]:
    """A letter for each axis of each operand, and those of the output. The axes of `...` are digits, 0 for the last,
    so that those of several operands line up at the right.

    Raises:
        ValueError: the equation does not fit the shapes.
    """
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) > MOST_OPERANDS:
        raise ValueError(f"it is of {len(terms)} operands; at most {MOST_OPERANDS} are multiplied")
    if len(terms) != len(shapes):
        raise ValueError(f"it is of {len(terms)} operands, and there are {len(shapes)}")
    words = [_word(term, len(shape)) for term, shape in zip(terms, shapes, strict=True)]
    every = "".join(words)
    dots = "".join(sorted({letter for letter in every if letter.isdigit()}, reverse=True))
    if not arrow:
        output = "..." + "".join(sorted(letter for letter in set(every) if every.count(letter) == 1))
        output = "".join(letter for letter in output if not letter.isdigit())
    output = output.replace("...", dots)
    if not set(output) <= set(every) or len(set(output)) < len(output):
        raise ValueError(f"the output '{output}' does not follow from '{inputs}'")
    return words, output


def _word(term: str, rank: int) -> str:
    named = len(term.replace("...", ""))
    if rank < named or ("..." not in term and rank != named) or rank - named > 10:
        raise ValueError(f"'{term}' does not name {rank} axes")
    return term.replace("...", "".join(str(rank - named - 1 - i) for i in range(rank - named)))


def _lengths(words: Sequence[str], views: Sequence[View]) -> dict[str, int]:
    """Of every letter; an axis of length 1 is broadcast.

    Raises:
        ValueError: two operands have different ones.
    """
    lengths: dict[str, int] = {}
    for word, view in zip(words, views, strict=True):
        for letter, length in zip(word, view.shape or (), strict=True):
            before = lengths.get(letter, 1)
            if 1 not in (before, length) and before != length:
                raise ValueError(f"'{letter}' is {before} and {length} long")
            lengths[letter] = max(length, before)
    return lengths


def _volume(letters: frozenset[str], lengths: Mapping[str, int]) -> int:
    return math.prod(lengths[letter] for letter in letters)


def _cheapest(terms: Sequence[Term], output: frozenset[str], lengths: Mapping[str, int]) -> Order:
    """The order that takes the fewest products, of those in which constants alone are not multiplied."""
    if len(terms) > MOST_COMPARED:
        return _cheapest_pairs(terms, lengths)
    everyone = frozenset(range(len(terms)))

    def letters(group: frozenset[int]) -> frozenset[str]:
        outside = output.union(*(terms[at].letters for at in everyone - group))
        return frozenset[str]().union(*(terms[at].letters for at in group)) & outside

    @cache
    def best(group: frozenset[int]) -> tuple[float, Order]:
        first, *others = sorted(group)
        if not others:
            return 0, first
        found: tuple[float, Order] = (math.inf, first)
        if all(terms[at].fixed for at in group):
            return found
        for count in range(len(others)):
            for chosen in combinations(others, count):
                left = frozenset((first, *chosen))
                (a, order_a), (b, order_b) = best(left), best(group - left)
                cost = a + b + _volume(letters(left) | letters(group - left), lengths)
                if cost < found[0]:
                    found = cost, (order_a, order_b)
        return found

    return best(everyone)[1]


def _cheapest_pairs(terms: Sequence[Term], lengths: Mapping[str, int]) -> Order:
    groups: list[tuple[frozenset[str], bool, Order]] = [(t.letters, t.fixed, at) for at, t in enumerate(terms)]
    while len(groups) > 1:
        pairs = [(a, b) for a, b in combinations(groups, 2) if not (a[1] and b[1])]
        a, b = min(pairs, key=lambda pair: _volume(pair[0][0] | pair[1][0], lengths))
        groups = [group for group in groups if group is not a and group is not b]
        groups.append((a[0] | b[0], False, (a[2], b[2])))
    return groups[0][2]


def _leaves(order: Order) -> Iterator[int]:
    if isinstance(order, int):
        yield order
    else:
        yield from _leaves(order[0])
        yield from _leaves(order[1])


def _multiplied(
    assembly: Assembly,
    operator: str,
    name: str,
    terms: Sequence[Term],
    order: Order,
    goal: tuple[frozenset[str], Mapping[str, int], Shape | None],
) -> Term:
    """What an order makes.

    Args:
        goal: letters that are needed afterwards, the lengths of all, and the shape, where it is known.
    """
    if isinstance(order, int):
        return terms[order]
    needed, lengths, shape = goal
    halves = []
    for half, other in (order, order[::-1]):
        beside = needed.union(*(terms[at].letters for at in _leaves(other)))
        halves.append(_multiplied(assembly, operator, f"{name}.1", terms, half, (beside, lengths, None)))
    left, right = halves
    kept = (left.letters | right.letters) & needed
    if shape is None:
        shape = tuple(lengths[letter] for letter in sorted(kept))
    text = f"({left.text}, {right.text})"
    both = left.letters & right.letters
    if not both - kept:
        return Term(kept, assembly.elementwise(operator, name, (left.view, right.view), shape), text)
    batch = _volume(both & kept, lengths)
    view = assembly.product(
        name, Operand(left.view, batch), Operand(right.view, batch), batch=batch,
        rows=_volume(left.letters - both, lengths), inner=_volume(both - kept, lengths),
        columns=_volume(right.letters - both, lengths), shape=shape,
    )  # fmt: skip
    return Term(kept, view, text)
