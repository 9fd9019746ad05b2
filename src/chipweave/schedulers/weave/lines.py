"""The chiplets of a package in groups of one class, each in lines whose runs are regions; and groups as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice, permutations
from math import prod

import numpy as np

from chipweave.hardware.package import Package
from chipweave.hardware.snake import snake
from chipweave.ndarrays import Ints

MOST_SLOTS = 400
"""Numbers of chiplets of all groups that are told apart; where there are more, they are counted in larger steps."""

MOST_ORDERS, MOST_TURNS = 5_000, 12
"""Orders of groups that are looked at, and those of them that are used."""

Line = tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """Chiplets of one class that count as alike.

    Args:
        lines: in each of which every chiplet is linked to the one before.
    """

    chiplet_class: int
    lines: tuple[Line, ...]

    @property
    def chiplets(self) -> int:
        return sum(map(len, self.lines))

    @property
    def longest(self) -> int:
        """Chiplets of the largest region."""
        return max(map(len, self.lines))


@dataclass(frozen=True)
class Slots:
    """Chiplets that a pipeline may take: so many of each group, in steps. Their numbers count through all of them; 0 is
    none.

    Args:
        step: chiplets in which a pipeline's are counted, rounded up.
    """

    groups: tuple[Group, ...]
    step: int

    @cached_property
    def most(self) -> Ints:
        """[group] steps."""
        return np.array([group.chiplets // self.step for group in self.groups], dtype=np.int64)

    @cached_property
    def stride(self) -> Ints:
        """[group] what one step of it adds to a slot's number."""
        return np.concatenate(([1], np.cumprod(self.most[:-1] + 1))).astype(np.int64)

    @cached_property
    def steps(self) -> Ints:
        """[slot, group] steps."""
        return (np.arange(len(self))[:, None] // self.stride) % (self.most + 1)

    @cached_property
    def turns(self) -> tuple[tuple[int, ...], ...]:
        """Orders of the groups in which each stands in the place of one that is alike, the given order first."""
        kinds = [(group.chiplet_class, group.longest, group.chiplets) for group in self.groups]
        orders = (order for order in islice(permutations(range(len(kinds))), MOST_ORDERS))
        alike = [order for order in orders if all(kinds[at] == kinds[to] for at, to in enumerate(order))]
        return tuple(alike[:MOST_TURNS])

    def turned(self, order: tuple[int, ...]) -> Ints:
        """[slot] the slot whose chiplets of group g are this one's of group order[g]."""
        return np.asarray(self.steps[:, list(order)] @ self.stride)

    def __len__(self) -> int:
        return int(np.prod(self.most + 1))


def slots_of(package: Package) -> tuple[Slots, ...]:
    """The slots of a package, in one or two ways: by class, where a pipeline may take any chiplets of it; and by line,
    where that is not too many, so that regions are sure to find a place."""
    by_class = tuple(Group(number, lines) for number, lines in enumerate(lines_of(package)))
    by_line = tuple(Group(group.chiplet_class, (line,)) for group in by_class for line in group.lines)
    step = 1
    while prod(group.chiplets // step + 1 for group in by_class) > MOST_SLOTS:
        step += 1
    if len(by_line) == len(by_class) or prod(group.chiplets + 1 for group in by_line) > MOST_SLOTS:
        return (Slots(by_class, step),)
    return Slots(by_class, step), Slots(by_line, 1)


def lines_of(package: Package) -> tuple[tuple[Line, ...], ...]:
    """Per class its chiplets in lines, in each of which every chiplet is linked to the one before."""
    order = snake(package)
    return tuple(
        tuple(_lines(package, [chiplet for chiplet in order if package.class_of[chiplet] == number]))
        for number in range(len(package.classes))
    )


def _lines(package: Package, left: list[int]) -> list[Line]:
    """Walk to the neighbour with fewest free neighbours, the earliest in order of equal ones."""
    near, lines = package.neighbours, []

    def freedom(chiplet: int) -> tuple[int, int]:
        return sum(other in near[chiplet] for other in left), left.index(chiplet)

    while left:
        line = [min(left, key=freedom)]
        left.remove(line[0])
        while beside := [chiplet for chiplet in left if chiplet in near[line[-1]]]:
            line.append(min(beside, key=freedom))
            left.remove(line[-1])
        lines.append(tuple(line))
    return lines
