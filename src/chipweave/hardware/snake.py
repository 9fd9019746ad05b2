"""One line through a package, so that a contiguous run of it is a connected region."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from chipweave.hardware import topology
from chipweave.hardware.package import Package

Neighbours = tuple[tuple[int, ...], ...]
_MOST_STEPS = 400_000
"""Links looked at in the search for a path through all chiplets, over all chiplets that it starts from."""


def snake(package: Package) -> tuple[int, ...]:
    """All chiplets in an order in which each is linked to the one before, where such an order is found.

    Rows of a grid are walked forth and back from the first chiplet of the first row. Of any other graph a bounded
    search looks for a path through all chiplets, from those nearest to memory first. Where it finds none, each
    chiplet is linked to one before it, but a run of the order may not be `connected`.
    """
    near = package.neighbours
    if package.positions is not None:
        order = _forth_and_back(package.positions)
        if all(b in near[a] for a, b in pairwise(order)):
            return order
    starts = sorted(range(len(near)), key=lambda chiplet: (package.dram_hops(chiplet), chiplet))
    return _path_through_all(near, starts) or _depth_first(near, starts[0])


def connected(package: Package, chiplets: Collection[int]) -> bool:
    """Whether links between the chiplets themselves join them all (a single chiplet is connected, none are not)."""
    region = set(chiplets)
    inside = [link for link in package.links if region.issuperset(link)]
    return bool(region) and topology.reachable(len(package.chiplets), inside, min(region)) == region


def _forth_and_back(positions: Sequence[topology.Position]) -> tuple[int, ...]:
    rows: dict[int, list[int]] = {}
    for chiplet in sorted(range(len(positions)), key=lambda chiplet: positions[chiplet]):
        rows.setdefault(positions[chiplet][0], []).append(chiplet)
    return tuple(chiplet for i, row in enumerate(rows.values()) for chiplet in (row[::-1] if i % 2 else row))


def _path_through_all(near: Neighbours, starts: list[int]) -> tuple[int, ...] | None:
    left, each = _MOST_STEPS, max(_MOST_STEPS // len(near), 2 * sum(map(len, near)))
    for start in starts:
        path, steps = _path_from(near, start, min(each, left))
        left -= steps
        if path is not None:
            return path
    return None


def _path_from(near: Neighbours, start: int, most: int) -> tuple[tuple[int, ...] | None, int]:
    """A path from `start` through all, None after `most` steps; and the steps taken."""
    path, seen, steps = [start], {start}, 0
    choices = [_dead_ends_first(near, start, seen)]
    while choices and steps < most:
        if len(path) == len(near):
            return tuple(path), steps
        if not choices[-1]:
            choices.pop()
            seen.remove(path.pop())
            continue
        steps += len(near[path[-1]])
        path.append(choices[-1].pop())
        seen.add(path[-1])
        choices.append(_dead_ends_first(near, path[-1], seen))
    return None, steps


def _depth_first(near: Neighbours, start: int) -> tuple[int, ...]:
    order: list[int] = []
    seen, waiting = set[int](), [start]
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen.add(at)
            order.append(at)
            waiting += _dead_ends_first(near, at, seen)
    return tuple(order)


def _dead_ends_first(near: Neighbours, at: int, seen: set[int]) -> list[int]:
    """Unseen neighbours, the one to try first last: with the fewest unseen neighbours (Warnsdorff's rule)."""
    fresh = [other for other in near[at] if other not in seen]
    return sorted(fresh, key=lambda other: (sum(i not in seen for i in near[other]), other), reverse=True)
