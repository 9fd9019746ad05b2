"""Packages and chiplets as YAML: grids, lists of links, presets; every mistake with its line; there and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.files.chiplet_file import (
    chiplet_from_dict,
    chiplet_to_dict,
    dump_chiplet,
    load_chiplet,
    resolve_chiplet,
)
from chipweave.files.package_file import (
    dump_package,
    load_package,
    package_from_dict,
    package_to_dict,
    resolve_package,
)
from chipweave.files.presets import chiplet_names
from chipweave.files.yaml import parse_yaml
from chipweave.hardware import technology, topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import LOOPS, Dataflow, Loops, Style, Tensor, Tile
from chipweave.hardware.package import Delivery, Interfaces, Package, Placement, Routing

NVDLA, SHIDIANNAO = resolve_chiplet("datacenter-nvdla"), resolve_chiplet("datacenter-shidiannao")
GRID = """\
name: p
classes: {A: datacenter-nvdla, B: datacenter-shidiannao}
grid:
  - [A, B, A]
  - [B, A, B]
"""
LIST = """\
name: p
chiplets: [datacenter-nvdla, datacenter-nvdla, datacenter-shidiannao]
links:
  - [0, 1]
  - [1, 2]
interfaces: [0]
"""


def read(text: str) -> Package:
    return package_from_dict(parse_yaml(text, "p.yaml"), "p.yaml")


def test_conventions_are_written_where_they_are_not_the_papers() -> None:
    plain = package_to_dict(read(GRID))
    assert not {"delivery", "interface_bandwidth"} & plain.keys()
    package = read(GRID + "delivery: unicast\ninterface_bandwidth: split\n")
    assert (package.delivery, package.interface_bandwidth) == (Delivery.UNICAST, Interfaces.SPLIT)
    assert package_from_dict(package_to_dict(package)) == package != read(GRID)
    assert package_to_dict(package) == plain | {"delivery": "unicast", "interface_bandwidth": "split"}
    with pytest.raises(InputError, match=r"p.yaml:6: delivery: .*'unicats' .*unicast"):
        read(GRID + "delivery: unicats\n")


def test_tensors_lie_nearest_where_the_file_says_so() -> None:
    plain = package_to_dict(read(GRID))
    package = read(GRID + "placement: nearest\n")
    assert (package.placement, package.interface_bandwidth) == (Placement.NEAREST, Interfaces.SPLIT)
    assert package_to_dict(package) == plain | {"placement": "nearest", "interface_bandwidth": "split"}
    assert package_from_dict(package_to_dict(package)) == package != read(GRID + "interface_bandwidth: split\n")
    with pytest.raises(InputError, match=r"p.yaml:7: interface_bandwidth: shared does not go with `placement: near"):
        read(GRID + "placement: nearest\ninterface_bandwidth: shared\n")
    with pytest.raises(InputError, match=r"p.yaml:6: placement: 'neerest' is unknown; did you mean 'nearest'"):
        read(GRID + "placement: neerest\n")


def test_express_links_rings_and_switches() -> None:
    package = read(GRID + "express:\n  - [0, 5]\n")
    assert (package.hops(0, 5), package.routing) == (1, Routing.SHORTEST)
    assert package.links == tuple(sorted((*topology.mesh(2, 3), (0, 5))))
    assert package_from_dict(package_to_dict(package)) == package
    for kind, make in (("ring", topology.ring), ("switch", topology.switch)):
        package = read(GRID + f"topology: {kind}\n")
        assert (package.links, package_to_dict(package)["topology"]) == (make(2, 3), kind)
    for text, problem in (
        (
            GRID + "express:\n  - [0, 1]\n",
            "p.yaml:6: express: package 'p': lists a link twice; links are undirected: leave one out",
        ),
        (LIST + "express:\n  - [0, 2]\n", "p.yaml:7: express: needs a `grid`; give one, or leave `express` out"),
    ):
        with pytest.raises(InputError) as caught:
            read(text)
        assert caught.value.problems == (problem,)


def test_a_class_that_no_place_uses_is_a_note() -> None:
    alone = GRID.replace("A, B, A", "A, A, A").replace("B, A, B", "A, A, A")
    package = read(alone.replace("}", ", C: arvr-nvdla}"))
    assert package.classes == (NVDLA,)
    assert package.notes == ("In the package's file classes 'B', 'C' are on no place, and of no effect.",)
    assert package == read(alone.replace(", B: datacenter-shidiannao", ""))
    assert refused(alone.replace("}", ", C: nowhere}"))[0].startswith("p.yaml:2: classes.C: 'nowhere' is neither")


def refused(text: str) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        read(text)
    return caught.value.problems


class TestGrids:
    def test_mesh_is_the_default(self) -> None:
        a, b = NVDLA, SHIDIANNAO
        assert read(GRID) == Package(
            name="p",
            chiplets=(a, b, a, b, a, b),
            links=topology.mesh(2, 3),
            interfaces=(0, 2, 3, 5),
            positions=topology.grid_positions(2, 3),
            routing=Routing.XY,
        )

    @pytest.mark.parametrize(("kind", "make"), [("triangular", topology.triangular), ("torus", topology.torus)])
    def test_other_topologies_route_shortest(self, kind: str, make) -> None:  # type: ignore[no-untyped-def]
        package = read(GRID + f"topology: {kind}\n")
        assert package.links == make(2, 3)
        assert package.routing is Routing.SHORTEST
        for problem in refused(GRID + f"topology: {kind}\nrouting: xy\n"):
            assert problem.startswith("p.yaml:7: routing: package 'p': routing 'xy' never uses the link")

    def test_one_column_is_left_and_right(self) -> None:
        assert read("name: p\ngrid: [[datacenter-nvdla], [datacenter-nvdla]]").interfaces == (0, 1)

    def test_figures(self) -> None:
        package = read(GRID + "hop_latency_s: 1e-9\ndram_bandwidth_bytes_s: 128e9\nconflict_delay_s: 2\n")
        assert (package.hop_latency_s, package.dram_bandwidth_bytes_s, package.conflict_delay_s) == (1e-9, 128e9, 2.0)
        assert package.link_bandwidth_bytes_s == 100e9


class TestLists:
    def test_any_adjacency(self) -> None:
        assert read(LIST) == Package("p", (NVDLA, NVDLA, SHIDIANNAO), ((0, 1), (1, 2)), (0,))

    def test_positions_give_interfaces(self) -> None:
        text = LIST.replace("interfaces: [0]", "positions: [[0, 0], [0, 1], [0, 2]]\nrouting: xy")
        package = read(text)
        assert package.interfaces == (0, 2)
        assert package.routing is Routing.XY

    def test_one_chiplet_alone(self) -> None:
        package = read("name: p\nchiplets: [arvr-nvdla]\ninterfaces: [0]")
        assert package.links == ()
        assert package.dram_hops(0) == 0


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (
                LIST.replace("  - [1, 2]\n", ""),
                "p.yaml:3: links: package 'p': chiplet 2 cannot be reached from chiplet 0; add a link to it",
            ),
            (
                LIST.replace("[1, 2]", "[1, 7]"),
                "p.yaml:3: links: package 'p': link 1-7 joins no two of its chiplets 0 to 2; name two",
            ),
            (LIST.replace("[1, 2]", "[1]"), "p.yaml:5: links[1]: has 1 items; give at least 2"),
            (LIST.replace("[1, 2]", "[1, -2]"), "p.yaml:5: links[1][1]: -2 is out of range; give a number at least 0"),
            (
                LIST.replace("[0]", "[3]"),
                "p.yaml:6: interfaces: package 'p': interface 3 is no chiplet; they are numbered 0 to 2",
            ),
            (
                LIST.replace("interfaces: [0]", ""),
                "p.yaml:1: interfaces: left-right-columns needs `positions`; list the chiplets' numbers instead",
            ),
            (LIST.replace("[0]", "left"), "p.yaml:6: interfaces: 'left' is unknown; known: left-right-columns"),
            (LIST + "topology: mesh\n", "p.yaml:7: topology: needs a `grid`; give one, or leave `topology` out"),
            (
                LIST.replace("shidiannao", "shidianao"),
                "p.yaml:2: chiplets[2]: 'datacenter-shidianao' is neither a built-in chiplet nor a file; "
                "did you mean 'datacenter-shidiannao'? `chipweave list chiplets` shows the names",
            ),
            (
                GRID.replace("[B, A, B]", "[B, A]"),
                "p.yaml:5: grid[1]: has 2 chiplets, the first row 3; make rows equal",
            ),
            (GRID.replace("[B, A, B]", "[B, A, a]"), "p.yaml:5: grid[1][2]: 'a' is none of the `classes`; known: A, B"),
            (GRID.replace("[B, A, B]", "[B, A, 3]"), "p.yaml:5: grid[1][2]: 3 is not text; quote it"),
            (GRID + "topology: trianglar\n", "p.yaml:6: topology: 'trianglar' is unknown; did you mean 'triangular'?"),
            (
                GRID + "links: [[0, 1]]\n",
                "p.yaml:6: links: does not go with `grid`; name a `topology`, or list `chiplets` instead",
            ),
            (GRID + "chiplets: [A]\n", "p.yaml:1: give either `grid`, or `chiplets` with `links`, not both"),
            ("name: p\n", "p.yaml:1: give either `grid`, or `chiplets` with `links`"),
            (GRID + "routng: xy\n", "p.yaml:6: routng: unknown key; did you mean 'routing'?"),
            (
                GRID + "hop_latency_s: 35 ns\n",
                "p.yaml:6: hop_latency_s: '35 ns' is not a number; give a number, without quotes or unit",
            ),
            (
                GRID + "hop_latency_s: -1e-9\n",
                "p.yaml:6: hop_latency_s: -1e-09 is out of range; give a number at least 0",
            ),
            (
                GRID + "dram_bandwidth_bytes_s: 0\n",
                "p.yaml:6: dram_bandwidth_bytes_s: 0 is out of range; give a number at least 1e-30",
            ),
            (
                GRID + "dram_latency_s: .inf\n",
                "p.yaml:6: dram_latency_s: inf is not a finite number; give a finite number",
            ),
            (
                GRID + "dram_latency_s: .nan\n",
                "p.yaml:6: dram_latency_s: nan is not a finite number; give a finite number",
            ),
            (GRID + "dram_latency_s: false\n", "p.yaml:6: dram_latency_s: false is not a number; give a number"),
        ],
    )
    def test_of_a_package(self, text: str, problem: str) -> None:
        assert refused(text) == (problem,)

    def test_of_a_chiplet_inside_a_package(self) -> None:
        text = GRID.replace(
            "classes: {A: datacenter-nvdla, B: datacenter-shidiannao}", "classes:\n  A: arvr-nvdla\n  B:"
        )
        text = text.replace("  B:\n", "  B:\n    name: b\n    num_pes: 0\n    dataflow: {style: nvdl, clster: 3}\n")
        assert refused(text) == (
            "p.yaml:6: classes.B.num_pes: 0 is out of range; give a number at least 1",
            "p.yaml:7: classes.B.dataflow.style: 'nvdl' is unknown; did you mean 'nvdla'?",
            "p.yaml:7: classes.B.dataflow.clster: unknown key; did you mean 'cluster'?",
        )

    def test_slips_do_not_hide_the_rest(self) -> None:
        text = LIST.replace("  - [1, 2]\n", "") + "hop_latency_s: -1\nrouting: shortest\nsuorce: me\n"
        assert [problem.split(": ")[0] for problem in refused(text)] == ["p.yaml:3", "p.yaml:6", "p.yaml:8"]

    def test_names_the_file_of_a_chiplet(self, tmp_path: Path) -> None:
        (tmp_path / "c.yaml").write_text("name: c\nnum_pes: 0\n")
        (tmp_path / "p.yaml").write_text("name: p\ngrid:\n  - [c.yaml]\n")
        with pytest.raises(InputError) as caught:
            load_package(tmp_path / "p.yaml")
        assert str(caught.value).replace(f"{tmp_path}/", "") == (
            "p.yaml:3: grid[0][0]: c.yaml:2: num_pes: 0 is out of range; give a number at least 1"
        )

    def test_a_chiplet_file_beside_classes_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "c.yaml").write_text("name: c\nnum_pes: 0\n")
        (tmp_path / "p.yaml").write_text("name: p\nclasses: {A: arvr-nvdla}\ngrid:\n  - [A, c.yaml]\n")
        with pytest.raises(InputError, match=r"p\.yaml:4: grid\[0\]\[1\]: .*c\.yaml:2: num_pes: 0 is out of range"):
            load_package(tmp_path / "p.yaml")
        (tmp_path / "c.yaml").write_text("name: c\n")
        assert [chiplet.name for chiplet in load_package(tmp_path / "p.yaml").chiplets] == ["arvr-nvdla", "c"]

    def test_unknown_names(self) -> None:
        with pytest.raises(
            InputError, match=r"^'het-cb' is neither a built-in package nor a file; did you mean 'het-cb-3x3'\?"
        ):
            resolve_package("het-cb")
        with pytest.raises(InputError, match=r"^'nvdla' is neither a built-in chiplet nor a file"):
            resolve_chiplet("nvdla")


class TestChiplets:
    def test_defaults(self) -> None:
        assert chiplet_from_dict({"name": "c"}) == Chiplet("c")

    def test_a_style_stands_for_a_dataflow(self) -> None:
        assert chiplet_from_dict({"name": "c", "dataflow": "eyeriss"}).dataflow == Dataflow(Style.EYERISS)

    def test_figures_of_a_built_in(self) -> None:
        data = {"name": "c", "base": "arvr-eyeriss", "l2_bytes": 2**20}
        assert chiplet_from_dict(data) == replace(resolve_chiplet("arvr-eyeriss"), name="c", l2_bytes=2**20)
        data |= {"dataflow": {"style": "shidiannao", "tile": "fixed"}}
        assert chiplet_from_dict(data).dataflow == Dataflow(Style.SHIDIANNAO, Tile.FIXED)
        with pytest.raises(InputError, match=r"base: 'arvr-nvdl' is no built-in chiplet; did you mean 'arvr-nvdla'\?"):
            chiplet_from_dict({"name": "c", "base": "arvr-nvdl"})
        with pytest.raises(InputError, match=r"base: 'c' is no built-in chiplet; `chipweave list chiplets` shows"):
            chiplet_from_dict({"name": "c", "base": "c"})

    def test_custom(self) -> None:
        text = "name: c\ndataflow:\n  style: custom\n  mappings:\n    conv: |\n"
        text += "      SpatialMap(1,1) K;\n      TemporalMap(1,1) C;\n"
        chiplet = chiplet_from_dict(parse_yaml(text, "c"))
        assert chiplet.dataflow.mappings == {"conv": "SpatialMap(1,1) K;\nTemporalMap(1,1) C;\n"}
        assert chiplet_from_dict(parse_yaml(dump_chiplet(chiplet), "c")) == chiplet

    def test_custom_without_text(self) -> None:
        with pytest.raises(InputError) as caught:
            chiplet_from_dict(parse_yaml("name: c\nnum_pes: 4\ndataflow: custom\n", "c.yaml"), "c.yaml")
        assert caught.value.problems == (
            "c.yaml:3: dataflow: dataflow: style 'custom' needs a mapping text for 'conv', or `loops` alone; "
            "write one under `mappings`, or name another style",
        )

    def test_loops(self) -> None:
        text = "name: c\ndataflow:\n  style: custom\n  loops:\n    rows: [N, Y]\n    columns: []\n"
        chiplet = chiplet_from_dict(parse_yaml(text, "c"))
        assert chiplet.dataflow == Dataflow(Style.CUSTOM, loops=Loops("NY", ""))
        text += "    stationary: input\n    whole: [S, R]\n"
        chiplet = chiplet_from_dict(parse_yaml(text, "c"))
        assert chiplet.dataflow == Dataflow(Style.CUSTOM, loops=Loops("NY", "", Tensor.INPUT, "SR"))
        text += "    spread: [Y]\n"
        chiplet = chiplet_from_dict(parse_yaml(text, "c"))
        assert chiplet.dataflow == Dataflow(Style.CUSTOM, loops=Loops("NY", "", Tensor.INPUT, "SR", "Y"))
        assert text.split("loops:")[1] in dump_chiplet(chiplet)

    def test_the_block_of_streamed_weights_is_written_where_it_is_given(self) -> None:
        chiplet = chiplet_from_dict({"name": "c", "stream_bytes": 2**18})
        assert chiplet == Chiplet("c", stream_bytes=2**18)
        assert chiplet_from_dict(parse_yaml(dump_chiplet(chiplet), "c")) == chiplet
        assert "stream_bytes" not in chiplet_to_dict(Chiplet("c"))  # digests of packages stay what they were

    def test_array_and_technology(self) -> None:
        text = "name: c\narray: [64, 64]\nprecision_bits: 16\nsum_bits: 48\nnode_nm: 7\nl1_j_per_byte: 1e-12\n"
        chiplet = chiplet_from_dict(parse_yaml(text, "c"))
        assert (chiplet.array, chiplet.precision_bits, chiplet.sum_bits, chiplet.node_nm) == ((64, 64), 16, 48, 7)
        assert (chiplet.l1_j_per_byte, chiplet.l2_j_per_byte, chiplet.noc_j_per_element_hop) == (1e-12, None, None)

    def test_the_mac_follows_width_and_node_unless_it_is_given(self) -> None:
        def mac_j(**keys: object) -> float:
            return chiplet_from_dict({"name": "c"} | keys).mac_energy_j

        assert mac_j(precision_bits=16) == technology.mac_energy_j(16, 16, 28)
        assert mac_j(node_nm=7) == technology.mac_energy_j(8, 8, 7)
        assert mac_j(base="simba-chiplet", node_nm=16) == technology.mac_energy_j(8, 8, 16)
        assert mac_j(precision_bits=8, sum_bits=16, node_nm=28) == Chiplet("c").mac_energy_j
        assert mac_j(precision_bits=16, mac_energy_j=1e-12) == 1e-12

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            (
                "array: [64, 63]",
                "array: 64 x 63 is not num_pes=4096 in rows and columns; "
                "make their product equal, or leave the array out for any split",
            ),
            ("array: [64]", "array: has 1 items; give at least 2"),
            ("array: [8, 8, 64]", "array: has 3 items; give at most 2"),
            ("array: [0, 64]", "array[0]: 0 is out of range; give a number at least 1"),
            ("array: 64", "array: 64 is not a list; give a list"),
            ("precision_bits: 8.5", "precision_bits: 8.5 is not a whole number; give a whole number"),
            ("precision_bits: 0", "precision_bits: 0 is out of range; give a number at least 1"),
            ("precision_bits: 64", "sum_bits: 32 is not in 64..128; give a sum as wide as an operand or wider"),
            ("sum_bits: 4", "sum_bits: 4 is not in 8..128; give a sum as wide as an operand or wider"),
            ("sum_bits: 129", "sum_bits: 129 is out of range; give a number at most 128"),
            (
                "node_nm: 32",
                "node_nm: 32 is no technology node with known figures; "
                "known: 65, 45, 40, 28, 22, 16, 12, 10, 7, 6, 5, 4, 3",
            ),
            ("node_nm: 28 nm", "node_nm: '28 nm' is not a whole number; give a whole number, without quotes or unit"),
            ("l1_j_per_byte: 0", "l1_j_per_byte: 0 is out of range; give a number at least 1e-30"),
            ("l2_j_per_byte: -1e-12", "l2_j_per_byte: -1e-12 is out of range; give a number at least 1e-30"),
            (
                "noc_j_per_element_hop: 1e31",
                "noc_j_per_element_hop: 1e+31 is out of range; give a number at most 1e+30",
            ),
            ("l2_j_per_byte: .nan", "l2_j_per_byte: nan is not a finite number; give a finite number"),
        ],
    )
    def test_bad_figures(self, line: str, problem: str) -> None:
        with pytest.raises(InputError) as caught:
            chiplet_from_dict(parse_yaml(f"name: c\n{line}\n", "c.yaml"), "c.yaml")
        # A fault of two keys together stands where the one is that the message starts with, or at the top.
        place = 2 if problem.startswith(line.split(":")[0]) else 1
        assert caught.value.problems == (f"c.yaml:{place}: {problem}",)

    @pytest.mark.parametrize(
        ("lines", "problem"),
        [
            (["rows: [Q]", "columns: []"], "5: dataflow.loops.rows[0]: 'Q' is unknown; known: N, G, K, C, Y, X, R, S"),
            (["rows: [K, K]", "columns: []"], "5: dataflow.loops.rows: loop K is given twice; give it once"),
            (["rows: []"], "4: dataflow.loops.columns: is missing; add it"),
            (["rows: K", "columns: []"], "5: dataflow.loops.rows: 'K' is not a list; give a list"),
            (
                ["rows: []", "columns: [S]", "whole: [S]"],
                "7: dataflow.loops.whole: loop S is unrolled too; a PE cannot run all of it then; drop one",
            ),
            (
                ["rows: []", "columns: []", "stationary: weights"],
                "7: dataflow.loops.stationary: 'weights' is unknown; did you mean 'weight'?",
            ),
            (["rows: []", "columns: []", "hole: [S]"], "7: dataflow.loops.hole: unknown key; did you mean 'whole'?"),
        ],
    )
    def test_bad_loops(self, lines: list[str], problem: str) -> None:
        text = "\n".join(["name: c", "dataflow:", "  style: custom", "  loops:", *(f"    {line}" for line in lines)])
        with pytest.raises(InputError) as caught:
            chiplet_from_dict(parse_yaml(text, "c.yaml"), "c.yaml")
        assert caught.value.problems == (f"c.yaml:{problem}",)

    def test_files(self, tmp_path: Path) -> None:
        path = tmp_path / "c.yaml"
        path.write_text(dump_chiplet(NVDLA))
        assert load_chiplet(path) == resolve_chiplet(path) == resolve_chiplet("c.yaml", folder=tmp_path) == NVDLA

    @pytest.mark.parametrize("name", chiplet_names())
    def test_every_built_in_comes_back(self, name: str) -> None:
        chiplet = resolve_chiplet(name)
        assert chiplet_from_dict(parse_yaml(dump_chiplet(chiplet), "c")) == chiplet
        assert chiplet_from_dict(chiplet_to_dict(chiplet)) == chiplet


positive = st.floats(1e-15, 1e15)
names = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=8)
directives = st.sampled_from(["SpatialMap(1,1) K;", "TemporalMap(1,1) C;", "TemporalMap(2,2) X';", "Cluster(8, P);"])
texts = st.lists(directives, min_size=1, max_size=3).map("\n".join)
mappings = st.fixed_dictionaries({"conv": texts}, optional={"dwconv": texts, "gemm": texts})
letters = st.permutations(LOOPS).flatmap(lambda order: st.integers(0, 8).map(lambda count: "".join(order[:count])))
loops = st.builds(Loops, letters, letters, st.none() | st.sampled_from(Tensor))
dataflows = st.builds(
    Dataflow,
    st.sampled_from(Style),
    st.sampled_from(Tile),
    st.none() | st.integers(1, 99),
    mappings | st.just({"conv": "SpatialMap(1,1) K;"}),
    st.none() | loops | st.builds(Loops, st.just("K"), st.just("C"), whole=st.sampled_from(["S", "RS"])),
)
chiplets = st.builds(
    Chiplet,
    name=names,
    dataflow=dataflows,
    num_pes=st.integers(1, 10**6),
    clock_hz=positive,
    l2_bytes=st.integers(1, 2**40),
    l1_bytes=st.integers(1, 2**40),
    noc_bandwidth=st.integers(1, 10**6),
    noc_latency=st.integers(0, 99),
    simd_lanes=st.integers(1, 99),
    mac_energy_j=positive,
    static_power_w=st.floats(0, 99),
    precision_bits=st.integers(1, 64),
    sum_bits=st.integers(64, 128),
    node_nm=st.sampled_from(list(technology.NODES)),
    l1_j_per_byte=st.none() | positive,
    l2_j_per_byte=st.none() | positive,
    noc_j_per_element_hop=st.none() | positive,
)
arrays = st.builds(
    lambda chiplet, array: replace(chiplet, num_pes=array[0] * array[1], array=array),
    chiplets,
    st.tuples(st.integers(1, 1000), st.integers(1, 1000)),
)


@st.composite
def packages(draw: st.DrawFn) -> Package:
    """Grids of all three kinds and trees with extra links, of up to three classes."""
    classes = draw(st.lists(chiplets | arrays, min_size=1, max_size=3))
    positions = None
    if draw(st.booleans()):
        rows, columns = draw(st.tuples(st.integers(1, 3), st.integers(1, 4)))
        make = draw(st.sampled_from([topology.mesh, topology.triangular, topology.torus]))
        count, links = rows * columns, make(rows, columns)
        positions = topology.grid_positions(rows, columns)
        routing = draw(st.sampled_from(Routing)) if links == topology.mesh(rows, columns) else Routing.SHORTEST
    else:
        count = draw(st.integers(1, 6))
        tree = {(draw(st.integers(0, i - 1)), i) for i in range(1, count)}
        spare = {(min(p), max(p)) for p in draw(st.sets(st.tuples(*[st.integers(0, count - 1)] * 2), max_size=4))}
        links = tuple(tree | {(a, b) for a, b in spare if a != b})
        routing = Routing.SHORTEST
        if draw(st.booleans()):
            places = st.tuples(st.integers(0, 3), st.integers(0, 3))
            positions = tuple(draw(st.lists(places, min_size=count, max_size=count, unique=True)))
    interfaces = draw(st.lists(st.integers(0, count - 1), min_size=1, unique=True))
    return Package(
        name=draw(names),
        chiplets=tuple(draw(st.sampled_from(classes)) for _ in range(count)),
        links=links,
        interfaces=tuple(interfaces),
        positions=positions,
        routing=routing,
        source=draw(st.text(max_size=20)),
        link_bandwidth_bytes_s=draw(positive),
        hop_latency_s=draw(st.floats(0, 1)),
        dram_bandwidth_bytes_s=draw(positive),
    )


@given(packages())
def test_any_package_comes_back(package: Package) -> None:
    assert read(dump_package(package)) == package
    assert package_from_dict(package_to_dict(package)) == package


def test_a_package_of_too_many_chiplets_is_refused_at_once() -> None:
    data = {"name": "huge", "grid": [["datacenter-nvdla"] * 40] * 40}
    with pytest.raises(InputError, match=r"grid.*has 1600 chiplets; at most 1024"):
        package_from_dict(data)
