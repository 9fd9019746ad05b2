"""Graphs of links: who neighbours whom, and which way traffic goes. Pure functions on indices."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

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


def xy_routes(positions: Sequence[Position]) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Dimension-ordered routes on a full grid: along the row first, then along the column."""
    index = {position: i for i, position in enumerate(positions)}

    def route(a: Position, b: Position) -> tuple[int, ...]:
        (row, column), path = a, [index[a]]
        while column != b[1]:
            column += 1 if b[1] > column else -1
            path.append(index[row, column])
        while row != b[0]:
            row += 1 if b[0] > row else -1
            path.append(index[row, column])
        return tuple(path)

    return tuple(tuple(route(a, b) for b in positions) for a in positions)


def shortest_routes(count: int, links: Sequence[Link]) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Breadth-first routes from every chiplet; among equals, the one through the lowest indices."""
    near = neighbours(count, links)

    def from_source(source: int) -> tuple[tuple[int, ...], ...]:
        paths: dict[int, tuple[int, ...]] = {source: (source,)}
        queue = deque([source])
        while queue:
            at = queue.popleft()
            for other in near[at]:
                if other not in paths:
                    paths[other] = (*paths[at], other)
                    queue.append(other)
        return tuple(paths[target] for target in range(count))

    return tuple(from_source(source) for source in range(count))
