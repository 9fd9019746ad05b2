"""The chiplets of a package by class: in lines whose runs are regions, and as numbers of slots."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chipweave.hardware.package import Package
from chipweave.hardware.snake import snake
from chipweave.ndarrays import Ints


@dataclass(frozen=True)
class Slots:
    """Chiplets that a pipeline may take: so many of each class. Their numbers count through all of them; 0 is none.

    Args:
        counts: chiplets of each class.
    """

    counts: tuple[int, ...]

    @cached_property
    def stride(self) -> Ints:
        """[class] what one chiplet of it adds to a slot's number."""
        return np.concatenate(([1], np.cumprod(np.array(self.counts[:-1], np.int64) + 1))).astype(np.int64)

    @cached_property
    def chiplets(self) -> Ints:
        """[slot, class] chiplets."""
        number = np.arange(len(self))[:, None]
        return (number // self.stride) % (np.array(self.counts) + 1)

    def __len__(self) -> int:
        return int(np.prod([count + 1 for count in self.counts]))


def slots_of(package: Package) -> Slots:
    """The slots of a package."""
    return Slots(tuple(package.class_of.count(number) for number in range(len(package.classes))))


def lines_of(package: Package) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Per class its chiplets in lines, in each of which every chiplet is linked to the one before."""
    order = snake(package)
    return tuple(
        tuple(_lines(package, [chiplet for chiplet in order if package.class_of[chiplet] == number]))
        for number in range(len(package.classes))
    )


def _lines(package: Package, left: list[int]) -> list[tuple[int, ...]]:
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
