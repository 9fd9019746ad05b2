"""Packages with one thing changed: everything else stays, and old numbers keep their places."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from chipweave.files.package_file import resolve_package
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package, Routing
from chipweave.what_if.packages import (
    silicon,
    with_another,
    with_more_chiplets,
    with_twice_the_dram,
    with_twice_the_links,
    with_twice_the_pes,
)
from tests.support import random_package


def test_one_figure_changes_and_no_other() -> None:
    package = resolve_package("het-sides-3x3")
    assert replace(with_twice_the_dram(package), dram_bandwidth_bytes_s=64e9) == package  # Table II
    assert with_twice_the_dram(package).dram_bandwidth_bytes_s == 128e9
    assert replace(with_twice_the_links(package), link_bandwidth_bytes_s=100e9) == package
    assert with_twice_the_links(package).link_bandwidth_bytes_s == 200e9


@pytest.mark.parametrize(("array", "twice"), [((4, 16), (8, 16)), ((8, 8), (16, 8)), ((16, 4), (16, 8)), (None, None)])
def test_twice_the_pes_double_the_shorter_side(array: tuple[int, int] | None, twice: tuple[int, int] | None) -> None:
    chiplet = Chiplet("a", num_pes=64, array=array)
    (more,) = set(with_twice_the_pes(Package("p", (chiplet, chiplet), ((0, 1),), (0,))).chiplets)
    assert (more.num_pes, more.array, more.l2_bytes) == (128, twice, chiplet.l2_bytes)


@pytest.mark.parametrize(("rows", "columns", "added"), [(3, 3, 3), (2, 5, 2), (5, 2, 2), (1, 1, 1), (1, 4, 1)])
def test_a_mesh_grows_by_its_shorter_side_and_stays_a_mesh(rows: int, columns: int, added: int) -> None:
    kinds = [Chiplet("a"), Chiplet("b")]
    chiplets = tuple(kinds[place % 2] for place in range(rows * columns))
    positions = topology.grid_positions(rows, columns)
    package = Package("p", chiplets, topology.mesh(rows, columns), (0,), positions, Routing.XY)
    more = with_more_chiplets(package)
    assert len(more.chiplets) == rows * columns + added
    assert (more.chiplets[: len(chiplets)], more.positions[: len(chiplets)]) == (chiplets, positions)  # type: ignore[index]
    assert topology.xy_problems(more.positions, more.links) == []
    for one in range(len(chiplets)):  # what the plan sends goes where it went
        assert [more.routes[one][two] for two in range(len(chiplets))] == list(package.routes[one])
    assert more.interfaces == package.interfaces


def test_any_other_graph_grows_by_one_chiplet_where_links_are_fewest() -> None:
    star = Package("p", (Chiplet("a"), Chiplet("b"), Chiplet("c")), ((0, 1), (0, 2)), (0,))
    more = with_more_chiplets(star)
    assert more.links == ((0, 1), (0, 2), (1, 3))
    assert more.chiplets[3].name == "b"
    for seed in range(20):
        package = random_package(random.Random(seed), rows=2, columns=3)
        grown = with_more_chiplets(package)
        assert grown.chiplets[:6] == package.chiplets
        assert (grown.hop_matrix[:6, :6] == package.hop_matrix).all()


def test_what_it_takes() -> None:
    package = resolve_package("het-2x2")
    assert silicon(package, with_twice_the_links(package)) == "the same PEs and L2"
    assert silicon(package, with_twice_the_pes(package)).startswith("+16,384 PEs, +")  # 4 x 4096
    words = silicon(package, with_more_chiplets(package))
    assert words.startswith("+2 chiplets, +8,192 PEs, +21.0 MB of L2, +")  # 2 x 10 x 2**20 bytes
    chiplet = package.chiplets[3]
    assert f"{chiplet.area_mm2 + package.chiplets[1].area_mm2:+.3g} mm2" in words
    other = replace(chiplet, name="other", num_pes=chiplet.num_pes // 2)
    assert silicon(package, with_another(package, 3, other)).startswith("-2,048 PEs, -")
