"""The order of chiplets along one line, against grids walked by hand and an exact search for paths."""

from __future__ import annotations

from itertools import pairwise

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package
from chipweave.hardware.snake import connected, snake

sizes = st.tuples(st.integers(1, 7), st.integers(1, 7))


def package(count: int, links, interfaces=(0,), positions=None) -> Package:
    return Package("p", (Chiplet("c"),) * count, tuple(links), interfaces, positions)


def grid(rows: int, columns: int, make=topology.mesh) -> Package:
    return package(rows * columns, make(rows, columns), positions=topology.grid_positions(rows, columns))


def is_path(order: tuple[int, ...], package: Package) -> bool:
    return all(b in package.neighbours[a] for a, b in pairwise(order))


@st.composite
def graphs(draw: st.DrawFn) -> Package:
    """Connected: a tree with extra links."""
    count = draw(st.integers(1, 8))
    tree = {(draw(st.integers(0, i - 1)), i) for i in range(1, count)}
    spare = draw(st.sets(st.tuples(*[st.integers(0, count - 1)] * 2), max_size=8))
    links = tree | {(min(pair), max(pair)) for pair in spare if pair[0] != pair[1]}
    return package(count, links, interfaces=(draw(st.integers(0, count - 1)),))


def has_path_through_all(package: Package) -> bool:
    """Held and Karp: which chiplets a path through exactly this set can end at."""
    count = len(package.chiplets)
    ends = {1 << i: {i} for i in range(count)}
    for inside in range(1, 1 << count):
        for at in ends.get(inside, ()):
            for other in package.neighbours[at]:
                if not inside >> other & 1:
                    ends.setdefault(inside | 1 << other, set()).add(other)
    return (1 << count) - 1 in ends


def test_rows_forth_and_back() -> None:
    assert snake(grid(3, 3)) == (0, 1, 2, 5, 4, 3, 6, 7, 8)
    assert snake(grid(2, 4)) == (0, 1, 2, 3, 7, 6, 5, 4)


@given(sizes, st.sampled_from([topology.mesh, topology.triangular, topology.torus]))
def test_grids(size: tuple[int, int], make) -> None:
    made = grid(*size, make=make)
    order = snake(made)
    assert order[0] == 0
    assert sorted(order) == list(range(size[0] * size[1]))
    assert is_path(order, made)


def test_positions_count_not_numbers() -> None:
    # 2 0
    # 1 3
    made = package(4, [(0, 2), (0, 3), (1, 2), (1, 3)], positions=((0, 1), (1, 0), (0, 0), (1, 1)))
    assert snake(made) == (2, 0, 3, 1)


def test_a_ring_begins_at_the_interface() -> None:
    ring = [(i, (i + 1) % 9) for i in range(9)]
    assert snake(package(9, ring, interfaces=(4,))) == (4, 3, 2, 1, 0, 8, 7, 6, 5)


def test_a_line_is_walked_from_its_nearer_end() -> None:
    line = [(i, i + 1) for i in range(8)]
    assert snake(package(9, line, interfaces=(5,))) == (8, 7, 6, 5, 4, 3, 2, 1, 0)


def test_a_grid_with_a_hole() -> None:
    """3 x 4 without its second place: rows forth and back do not fit, another path does."""
    places = [place for place in topology.grid_positions(3, 4) if place != (0, 1)]
    graph = networkx.grid_2d_graph(3, 4).subgraph(places)
    links = [(places.index(a), places.index(b)) for a, b in graph.edges]
    made = package(11, links, positions=tuple(places))
    assert is_path(snake(made), made)


@given(graphs())
def test_any_graph(made: Package) -> None:
    order = snake(made)
    assert sorted(order) == list(range(len(made.chiplets)))
    assert is_path(order, made) == has_path_through_all(made)
    assert all(connected(made, order[:end]) for end in range(1, len(order) + 1))


def test_a_big_star_has_no_path_and_ends_soon() -> None:
    made = package(300, [(0, i) for i in range(1, 300)])
    assert sorted(snake(made)) == list(range(300))


@given(graphs(), st.data())
def test_connected(made: Package, data: st.DataObject) -> None:
    chiplets = data.draw(st.lists(st.integers(0, len(made.chiplets) - 1), min_size=1, unique=True))
    graph = networkx.Graph(made.links)
    graph.add_nodes_from(range(len(made.chiplets)))
    assert connected(made, chiplets) == networkx.is_connected(graph.subgraph(chiplets))


def test_no_chiplets_are_not_connected() -> None:
    assert not connected(grid(2, 2), ())


@pytest.mark.parametrize("size", [(16, 16), (32, 32)])
def test_runs_of_a_mesh_are_connected(size: tuple[int, int]) -> None:
    made = grid(*size)
    order = snake(made)
    assert all(connected(made, order[i : i + 40]) for i in range(0, len(order), 37))
