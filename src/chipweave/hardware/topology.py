"""Graphs of links: who neighbours whom, and which way traffic goes. Pure functions on indices."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np

from chipweave.ndarrays import Floats, Ints

Link = tuple[int, int]
Position = tuple[int, int]


def mesh(rows: int, columns: int) -> tuple[Link, ...]:
    """Links of a 2D mesh, chiplets numbered row by row."""
    across = [(r * columns + c, r * columns + c + 1) for r in range(rows) for c in range(columns - 1)]
    down = [(r * columns + c, (r + 1) * columns + c) for r in range(rows - 1) for c in range(columns)]
    return tuple(sorted(across + down))


def triangular(rows: int, columns: int) -> tuple[Link, ...]:
    """A mesh with one diagonal (down and to the right) in every cell."""
    diagonal = [(r * columns + c, (r + 1) * columns + c + 1) for r in range(rows - 1) for c in range(columns - 1)]
    return tuple(sorted([*mesh(rows, columns), *diagonal]))


def torus(rows: int, columns: int) -> tuple[Link, ...]:
    """A mesh whose rows and columns wrap around (an axis of at least 3)."""
    around = [(r * columns, r * columns + columns - 1) for r in range(rows) if columns > 2]
    over = [(c, (rows - 1) * columns + c) for c in range(columns) if rows > 2]
    return tuple(sorted([*mesh(rows, columns), *around, *over]))


def ring(rows: int, columns: int) -> tuple[Link, ...]:
    """All places one after another, every other row backwards, and from the last one to the first."""
    order = [r * columns + (c if r % 2 == 0 else columns - 1 - c) for r in range(rows) for c in range(columns)]
    around = [(order[0], order[-1])] if len(order) > 2 else []
    return tuple(sorted((min(pair), max(pair)) for pair in [*pairwise(order), *around]))


def switch(rows: int, columns: int) -> tuple[Link, ...]:
    """All places linked to each other: a switch that blocks nothing, as no more enters or leaves a place than a link
    carries."""
    return tuple(combinations(range(rows * columns), 2))


def grid_positions(rows: int, columns: int) -> tuple[Position, ...]:
    return tuple((r, c) for r in range(rows) for c in range(columns))


def neighbours(count: int, links: Sequence[Link]) -> tuple[tuple[int, ...], ...]:
    sets: list[set[int]] = [set() for _ in range(count)]
    for a, b in links:
        sets[a].add(b)
        sets[b].add(a)
    return tuple(tuple(sorted(s)) for s in sets)


def reachable(count: int, links: Sequence[Link], start: int) -> set[int]:
    near = neighbours(count, links)
    seen, queue = {start}, deque([start])
    while queue:
        for other in near[queue.popleft()]:
            if other not in seen:
                seen.add(other)
                queue.append(other)
    return seen


def span(count: int, links: Sequence[Link]) -> int:
    """Links on the way between two nodes that lie far apart: from any node to the farthest, and on to its farthest.

    At least half of the longest shortest path, and all of it in meshes and trees. The graph is connected.
    """
    near = neighbours(count, links)
    at, distance = 0, 0
    for _ in range(2):
        seen, queue = {at: 0}, deque([at])
        while queue:
            at = queue.popleft()
            distance = seen[at]
            for other in near[at]:
                if other not in seen:
                    seen[other] = distance + 1
                    queue.append(other)
    return distance


def xy_problems(positions: Sequence[Position] | None, links: Sequence[Link]) -> list[str]:
    """Why XY routing cannot work here: it is for meshes, full grids with the links of grid neighbours and no other."""
    if positions is None:
        return ["routing 'xy' needs `positions`; give them, or use routing 'shortest'"]
    index = {position: i for i, position in enumerate(positions)}
    rows, columns = 1 + max(r for r, _ in positions), 1 + max(c for _, c in positions)
    if len(index) != rows * columns or min(min(p) for p in positions) < 0:
        return [f"routing 'xy' needs a full grid, {rows}x{columns} has holes; use routing 'shortest'"]
    expected = {
        frozenset((here, there))
        for (r, c), here in index.items()
        for there in (index.get((r, c + 1)), index.get((r + 1, c)))
        if there is not None
    }
    present = {frozenset(link) for link in links}

    def named(some: set[frozenset[int]]) -> list[str]:
        return ["-".join(map(str, sorted(link))) for link in sorted(some, key=sorted)]

    missing = [
        f"routing 'xy' needs the link {link}; add it, or use routing 'shortest'" for link in named(expected - present)
    ]
    other = [
        f"routing 'xy' never uses the link {link}, which joins no neighbours of the grid; use routing 'shortest'"
        for link in named(present - expected)
    ]
    return missing + other


def hops(count: int, links: Sequence[Link]) -> Ints:
    """Links between each two nodes of a connected graph along a shortest path, shape (count, count)."""
    ends = np.array(sorted([*links, *((b, a) for a, b in links)]), dtype=np.int64).reshape(-1, 2)
    starts = np.searchsorted(ends[:, 0], np.arange(count))
    reached, distance = np.eye(count, dtype=np.bool_), np.zeros((count, count), dtype=np.int64)
    while not reached.all():  # breadth first from all nodes at once, a row of bits each
        distance += ~reached
        bits = np.packbits(reached, axis=1)
        near = np.bitwise_or.reduceat(bits[ends[:, 1]], starts)
        reached = np.unpackbits(bits | near, axis=1, count=count).view(np.bool_)
    return distance


def next_xy(positions: Sequence[Position]) -> Ints:
    """`[a, b]`: where traffic at a goes next on its way to b, along the row first; on a full grid. `[a, a]` is a."""
    row, column = np.array(positions, dtype=np.int64).T
    index = np.empty((1 + row.max(), 1 + column.max()), dtype=np.int64)
    index[row, column] = np.arange(len(positions))
    across = np.sign(column - column[:, None])
    down = np.where(across == 0, np.sign(row - row[:, None]), 0)
    return np.asarray(index[row[:, None] + down, column[:, None] + across])


def next_shortest(distance: Ints, links: Sequence[Link]) -> Ints:
    """As `next_xy`, along a shortest path; among equals, the one through the lowest indices."""
    count = len(distance)
    following = np.tile(np.arange(count), (count, 1))
    for at, others in enumerate(neighbours(count, links)):
        if others:
            following[at] = np.array(others)[np.argmax(distance[list(others)] < distance[at], axis=0)]
            following[at, at] = at
    return following


FINE_S = 1e-15
"""Latencies are told apart down to this, when a way is chosen; coarser where sums of 2**61 of it would not do."""


def next_fastest(count: int, directed: Sequence[Link], latencies_s: Floats) -> Ints:
    """As `next_xy`, along the way of least latency; of such ways one with the fewest links, then through the lowest
    indices.

    Args:
        directed: (from, to) of each link.
    """
    fine_s = max(FINE_S, float(latencies_s.max(initial=0.0)) * count**2 / 2**61)
    costs = np.rint(latencies_s / fine_s).astype(np.int64) * count + 1  # whole numbers, so that equal ways tie
    far = int(costs.max(initial=0)) * count
    distance = np.full((count, count), far, dtype=np.int64)
    np.fill_diagonal(distance, 0)
    changed = True
    while changed:
        before = distance.copy()
        for (a, b), cost in zip(directed, costs.tolist(), strict=True):
            np.minimum(distance[a], cost + distance[b], out=distance[a])
        changed = bool((before != distance).any())
    following = np.tile(np.arange(count), (count, 1))
    for (a, b), cost in sorted(zip(directed, costs.tolist(), strict=True), reverse=True):  # the lowest comes last
        following[a] = np.where(cost + distance[b] == distance[a], b, following[a])
    np.fill_diagonal(following, np.arange(count))
    return following


def along(following: Ints, directed: Sequence[Link], figures: Floats, most: bool = False) -> Floats:
    """The sum of a figure of links along each route, or the largest; shape (count, count)."""
    count = len(following)
    of_link = np.zeros((count, count))
    for (a, b), figure in zip(directed, figures.tolist(), strict=True):
        of_link[a, b] = figure
    at, target = np.indices((count, count))
    found = np.zeros((count, count))
    while (at != target).any():
        onward = following[at, target]
        found = np.maximum(found, of_link[at, onward]) if most else found + of_link[at, onward]
        at = onward
    return found


def walk(following: Ints, source: int, target: int) -> tuple[int, ...]:
    """The nodes from source to target, both included, by the next node on the way."""
    path = [source]
    while path[-1] != target:
        path.append(int(following[path[-1], target]))
    return tuple(path)
