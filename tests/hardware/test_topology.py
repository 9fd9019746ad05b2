"""Links and routes, against hand-listed links and networkx as an independent oracle."""

from __future__ import annotations

from itertools import pairwise

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package, Routing

sizes = st.tuples(st.integers(1, 6), st.integers(1, 6))


def package(rows: int, columns: int, make=topology.mesh, routing=Routing.SHORTEST) -> Package:
    return Package(
        name="p",
        chiplets=(Chiplet("c"),) * (rows * columns),
        links=make(rows, columns),
        interfaces=(0,),
        positions=topology.grid_positions(rows, columns),
        routing=routing,
    )


def test_links_of_a_small_mesh_by_hand() -> None:
    # 0 1 2
    # 3 4 5
    assert topology.mesh(2, 3) == ((0, 1), (0, 3), (1, 2), (1, 4), (2, 5), (3, 4), (4, 5))


def test_triangular_adds_one_diagonal_per_cell() -> None:
    assert set(topology.triangular(2, 3)) - set(topology.mesh(2, 3)) == {(0, 4), (1, 5)}
    assert len(topology.triangular(3, 3)) == 12 + 4


def test_torus_wraps_around_axes_of_three_or_more() -> None:
    assert set(topology.torus(3, 3)) - set(topology.mesh(3, 3)) == {(0, 2), (3, 5), (6, 8), (0, 6), (1, 7), (2, 8)}
    assert topology.torus(2, 2) == topology.mesh(2, 2)  # the wrap would repeat a link
    assert set(topology.torus(2, 3)) - set(topology.mesh(2, 3)) == {(0, 2), (3, 5)}


@given(sizes)
def test_links_equal_networkx_grids(size: tuple[int, int]) -> None:
    rows, columns = size
    number = {(r, c): r * columns + c for r in range(rows) for c in range(columns)}

    def links(graph: networkx.Graph) -> set[frozenset[int]]:
        return {frozenset((number[a], number[b])) for a, b in graph.edges if a != b}

    assert {frozenset(x) for x in topology.mesh(rows, columns)} == links(networkx.grid_2d_graph(rows, columns))
    around = networkx.grid_2d_graph(rows, columns, periodic=True)
    assert {frozenset(x) for x in topology.torus(rows, columns)} == links(around)


@given(sizes, st.sampled_from([topology.mesh, topology.triangular, topology.torus]))
def test_hops_equal_networkx_shortest_paths(size: tuple[int, int], make) -> None:
    made = package(*size, make=make)
    graph = networkx.Graph(made.links)
    graph.add_nodes_from(range(len(made.chiplets)))
    expected = dict(networkx.all_pairs_shortest_path_length(graph))
    for a in graph:
        for b in graph:
            route = made.routes[a][b]
            assert route[0] == a
            assert route[-1] == b
            assert made.hops(a, b) == expected[a][b]
            assert all(graph.has_edge(x, y) for x, y in pairwise(route))


@given(st.integers(2, 12).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_any_graph_is_routed_shortest_or_refused_as_isolated(drawn: tuple[int, set[tuple[int, int]]]) -> None:
    count, pairs = drawn
    links = {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]}
    graph = networkx.Graph(links)
    graph.add_nodes_from(range(count))
    if not networkx.is_connected(graph):
        with pytest.raises(InputError, match="cannot be reached"):
            Package("p", (Chiplet("c"),) * count, tuple(links), (0,))
        return
    made = Package("p", (Chiplet("c"),) * count, tuple(links), (0,))
    expected = dict(networkx.all_pairs_shortest_path_length(graph))
    assert all(made.hops(a, b) == expected[a][b] for a in range(count) for b in range(count))
    assert made.neighbours == tuple(tuple(sorted(graph.neighbors(i))) for i in range(count))


def test_xy_goes_along_the_row_first() -> None:
    made = package(3, 3, routing=Routing.XY)
    assert made.routes[0][8] == (0, 1, 2, 5, 8)
    assert made.routes[8][0] == (8, 7, 6, 3, 0)
    assert made.routes[6][2] == (6, 7, 8, 5, 2)
    assert made.routes[4][4] == (4,)


@given(sizes)
def test_xy_hops_are_manhattan_distances(size: tuple[int, int]) -> None:
    made = package(*size, routing=Routing.XY)
    assert made.positions is not None
    for a, (row, column) in enumerate(made.positions):
        for b, (other_row, other_column) in enumerate(made.positions):
            assert made.hops(a, b) == abs(row - other_row) + abs(column - other_column)


def test_xy_needs_every_link_of_a_full_grid() -> None:
    chiplets = (Chiplet("c"),) * 4
    positions = topology.grid_positions(2, 2)
    with pytest.raises(InputError, match=r"needs the link 2-3; add it"):
        Package("p", chiplets, ((0, 1), (0, 2), (1, 3)), (0,), positions, Routing.XY)
    with pytest.raises(InputError, match=r"2x3 has holes; use routing 'shortest'"):
        Package("p", chiplets, ((0, 1), (0, 2), (1, 3)), (0,), (*positions[:3], (1, 2)), Routing.XY)
    with pytest.raises(InputError, match="needs `positions`"):
        Package("p", chiplets, ((0, 1), (0, 2), (1, 3)), (0,), None, Routing.XY)


def test_shortest_takes_the_lowest_indices_among_equals() -> None:
    assert package(3, 3).routes[0][8] == (0, 1, 2, 5, 8)
    assert package(3, 3).routes[8][0] == (8, 5, 2, 1, 0)


@given(sizes, st.sampled_from([topology.mesh, topology.triangular, topology.torus]))
def test_shortest_is_the_first_of_all_shortest_paths(size: tuple[int, int], make) -> None:
    made = package(*size, make=make)
    graph = networkx.Graph(made.links)
    graph.add_nodes_from(range(len(made.chiplets)))
    last = len(made.chiplets) - 1
    for source in (0, last // 2):
        assert made.routes[source][last] == min(map(tuple, networkx.all_shortest_paths(graph, source, last)))


def test_a_big_package_has_all_its_hops() -> None:
    made = package(16, 16, routing=Routing.XY)
    rows, columns = np.divmod(np.arange(256), 16)
    assert (made.hop_matrix == abs(rows - rows[:, None]) + abs(columns - columns[:, None])).all()


def test_memory_is_reached_through_the_nearest_interface() -> None:
    made = Package("p", (Chiplet("c"),) * 9, topology.mesh(3, 3), (0, 2, 3, 5, 6, 8))
    assert made.nearest_interface == (0, 0, 2, 3, 3, 5, 6, 6, 8)
    assert [made.dram_hops(i) for i in range(9)] == [0, 1, 0] * 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"links": ((0, 1), (1, 2), (2, 9))}, "link 2-9 joins no two of its chiplets 0 to 2"),
        ({"links": ((0, 1), (1, 1), (1, 2))}, "link 1-1 joins no two"),
        ({"links": ((0, 1), (1, 0), (1, 2))}, "lists a link twice"),
        ({"links": ((0, 1),)}, "chiplet 2 cannot be reached from chiplet 0; add a link to it"),
        ({"interfaces": ()}, "no memory interface"),
        ({"interfaces": (0, 0)}, "lists a memory interface twice"),
        ({"interfaces": (3,)}, "interface 3 is no chiplet; they are numbered 0 to 2"),
        ({"positions": ((0, 0), (0, 1))}, "gives 2 positions for 3 chiplets"),
        ({"positions": ((0, 0), (0, 0), (0, 1))}, "two chiplets on one position"),
        ({"chiplets": ()}, "has no chiplets"),
        ({"link_bandwidth_bytes_s": 0.0}, "link_bandwidth_bytes_s=0.0 is not a positive number"),
        ({"hop_latency_s": float("nan")}, "hop_latency_s=nan is negative or not a number"),
        ({"dram_energy_j_per_bit": -1.0}, "dram_energy_j_per_bit=-1.0"),
    ],
)
def test_packages_that_cannot_be(changes: dict, message: str) -> None:
    sound = {"chiplets": (Chiplet("c"),) * 3, "links": ((0, 1), (1, 2)), "interfaces": (0,)}
    with pytest.raises(InputError) as caught:
        Package(name="p", **sound | changes)
    assert message in str(caught.value)


def test_rings_and_switches() -> None:
    assert topology.ring(2, 3) == ((0, 1), (0, 3), (1, 2), (2, 5), (3, 4), (4, 5))
    assert topology.ring(1, 4) == ((0, 1), (0, 3), (1, 2), (2, 3))
    assert topology.ring(1, 2) == ((0, 1),)
    assert topology.ring(1, 1) == ()
    for rows, columns in ((1, 3), (3, 3), (4, 2)):
        count = rows * columns
        assert all(len(near) == 2 for near in topology.neighbours(count, topology.ring(rows, columns)))
        assert topology.hops(count, topology.ring(rows, columns)).max() == count // 2
        assert topology.hops(count, topology.switch(rows, columns)).max() == 1
