"""The built-in chiplets and packages: names of the catalogue, figures of the paper, grids drawn by hand."""

from __future__ import annotations

from collections import Counter

import pytest

from chipweave.files.chiplet_file import resolve_chiplet
from chipweave.files.package_file import dump_package, package_from_dict, package_to_dict, resolve_package
from chipweave.files.presets import chiplet_names, package_names
from chipweave.files.yaml import parse_yaml
from chipweave.hardware import topology
from chipweave.hardware.dataflow import Style, Tile
from chipweave.hardware.package import Package, Routing

# N: NVDLA-like, S: ShiDianNao-like
GRIDS = {
    "simba-nvdla-3x3": ("NNN", "NNN", "NNN"),
    "simba-shidiannao-3x3": ("SSS", "SSS", "SSS"),
    "het-cb-3x3": ("NSN", "SNS", "NSN"),
    "het-sides-3x3": ("NSN", "NSN", "NSN"),
    "simba-t-nvdla": ("NNN", "NNN", "NNN"),
    "simba-t-shidiannao": ("SSS", "SSS", "SSS"),
    "het-t": ("NSN", "NSN", "NSN"),
    "simba-nvdla-6x6": ("NNNNNN",) * 6,
    "simba-shidiannao-6x6": ("SSSSSS",) * 6,
    "het-cross-6x6": ("SSNNSS", "SSNNSS", "NNNNNN", "NNNNNN", "SSNNSS", "SSNNSS"),
    "het-2x2": ("NN", "NS"),
}
OTHER = {"N": "S", "S": "N"}
SIDES = (4, 6, 8, 12, 16)
AS_BUILT = (
    *("simba-as-built", "eyeriss-v1", "rebel100-like", "wormhole-n150", "wormhole-n300", "wormhole-8"),
    *("wormhole-32", "mi300x-like", "b200-like", "tpu-v4", "tpu-v6e", "gaudi3-like"),
)
DIES = (
    *("simba-16nm", "eyeriss-65nm", "rebel100-die", "wormhole-72", "wormhole-64", "mi300x-xcd", "b200-die"),
    *("tpu-v4-die", "tpu-v6e-die", "gaudi3-die"),
)
OF_PAPERS = tuple(name for name in package_names() if name not in AS_BUILT)
SCAR_CHIPLETS = tuple(name for name in chiplet_names() if name.startswith(("datacenter-", "arvr-")))


def drawn(package: Package) -> tuple[str, ...]:
    letter = {Style.NVDLA: "N", Style.SHIDIANNAO: "S"}
    columns = 1 + max(column for _, column in package.positions or ())
    text = "".join(letter[chiplet.dataflow.style] for chiplet in package.chiplets)
    return tuple(text[i : i + columns] for i in range(0, len(text), columns))


def test_names() -> None:
    flipped = {f"{name}-flipped" for name in GRIDS if name.startswith("het-")}
    datacenter = GRIDS.keys() | flipped
    assert Counter(package_names()) == Counter(
        datacenter | {f"arvr-{name}" for name in datacenter} | {f"mesh-{side**2}" for side in SIDES} | set(AS_BUILT)
    )
    styles = ("nvdla", "shidiannao", "eyeriss")
    assert Counter(chiplet_names()) == Counter((*SCAR_CHIPLETS, "simba-chiplet", *DIES))
    assert Counter(SCAR_CHIPLETS) == Counter(f"{place}-{style}" for place in ("datacenter", "arvr") for style in styles)


def test_numbers_in_names_go_up() -> None:
    assert tuple(name for name in package_names() if name.startswith("mesh-")) == (
        "mesh-16",
        "mesh-36",
        "mesh-64",
        "mesh-144",
        "mesh-256",
    )


@pytest.mark.parametrize("prefix", ["", "arvr-"])
@pytest.mark.parametrize("name", GRIDS)
def test_grids(name: str, prefix: str) -> None:
    assert drawn(resolve_package(prefix + name)) == GRIDS[name]
    if name.startswith("het-"):
        flipped = resolve_package(f"{prefix}{name}-flipped")
        assert drawn(flipped) == tuple("".join(OTHER[c] for c in row) for row in GRIDS[name])


@pytest.mark.parametrize("name", OF_PAPERS)
def test_packages(name: str) -> None:
    package = resolve_package(name)
    rows = drawn(package)
    shape = len(rows), len(rows[0])
    triangular = "-t" in name
    assert package.name == name
    assert package.links == (topology.triangular if triangular else topology.mesh)(*shape)
    assert package.routing is (Routing.SHORTEST if triangular else Routing.XY)
    assert package.interfaces == tuple(i for i in range(shape[0] * shape[1]) if i % shape[1] in (0, shape[1] - 1))
    # SCAR Table II
    assert (package.dram_latency_s, package.dram_energy_j_per_bit, package.dram_bandwidth_bytes_s) == (
        200e-9,
        14.8e-12,
        64e9,
    )
    assert (package.hop_latency_s, package.nop_energy_j_per_bit, package.link_bandwidth_bytes_s) == (
        35e-9,
        2.04e-12,
        100e9,
    )
    assert package.conflict_delay_s == 0
    place = next((prefix for prefix in ("arvr-", "mesh-") if name.startswith(prefix)), "datacenter-")
    assert all(chiplet.name.startswith(place.replace("mesh-", "simba-chiplet")) for chiplet in package.chiplets)
    assert "MICRO 2024" in package.source
    assert len(package.classes) == 1 or "our reading" in package.source.lower()


@pytest.mark.parametrize("name", AS_BUILT)
def test_packages_as_built(name: str) -> None:
    """Every one has stacks, a source, and says of itself and its dies what is assumed; nothing is as of Table II by
    leaving it out, where there is a link."""
    package = resolve_package(name)
    assert package.name == name
    assert package.memory
    assert package.source
    assert package.assumed
    assert not package.notes
    (die,) = package.classes
    assert die.source
    assert die.assumed
    if len(package.chiplets) > 1:
        assert package.hop_latency_s != Package.hop_latency_s
        assert package.link_bandwidth_bytes_s != Package.link_bandwidth_bytes_s
        assert package.nop_energy_j_per_bit != Package.nop_energy_j_per_bit


@pytest.mark.parametrize(
    ("name", "bandwidth_bytes_s", "capacity_gb"),
    [
        ("rebel100-like", 4.8e12, 144),  # ISSCC 2026
        ("wormhole-n150", 288e9, 12),  # Tenstorrent's documentation
        ("wormhole-n300", 576e9, 24),
        ("wormhole-32", 32 * 288e9, 384),
        ("mi300x-like", 5.3e12, 192),  # AMD's data sheet
        ("b200-like", 7.7e12, 180 / 1.073741824),  # NVIDIA's, decimal
        ("tpu-v4", 1.2e12, 32),  # ISCA 2023
        ("tpu-v6e", 1.638e12, 32),  # Google's documentation
        ("gaudi3-like", 3.67e12, 128),  # Hot Chips 2024
    ],
)
def test_memory_is_the_published_one(name: str, bandwidth_bytes_s: float, capacity_gb: float) -> None:
    package = resolve_package(name)
    assert package.dram_bandwidth_bytes_s == pytest.approx(bandwidth_bytes_s, rel=0.01)
    assert package.capacity_bytes is not None
    assert package.capacity_bytes / 2**30 == pytest.approx(capacity_gb)


@pytest.mark.parametrize("side", SIDES)
def test_meshes(side: int) -> None:
    package = resolve_package(f"mesh-{side**2}")
    assert package.positions == topology.grid_positions(side, side)
    assert package.classes == (resolve_chiplet("simba-chiplet"),)
    assert "MICRO 2019" in package.source


def test_the_chiplet_of_simba() -> None:
    chiplet = resolve_chiplet("simba-chiplet")
    assert (chiplet.dataflow.style, chiplet.dataflow.tile) == (Style.NVDLA, Tile.AUTO)
    assert chiplet.num_pes * chiplet.simd_lanes == 16 * 8 * 8
    assert 2 * chiplet.num_pes * chiplet.clock_hz == pytest.approx(4e12, rel=0.03)  # 4 TOPS
    assert 64 * chiplet.l1_bytes == (32 + 8 + 3) * 1024  # the buffers of a PE of 64 units
    assert chiplet.l2_bytes == 2**20


@pytest.mark.parametrize("name", SCAR_CHIPLETS)
def test_chiplets(name: str) -> None:
    chiplet = resolve_chiplet(name)
    place, style = name.split("-")
    assert chiplet.name == name
    assert (chiplet.dataflow.style, chiplet.dataflow.tile) == (Style(style), Tile.AUTO)
    assert (chiplet.num_pes, chiplet.noc_bandwidth) == ((4096, 256) if place == "datacenter" else (256, 64))
    assert (chiplet.l2_bytes, chiplet.clock_hz, chiplet.noc_latency) == (10 * 2**20, 500e6, 1)


@pytest.mark.parametrize("name", package_names())
def test_shown_text_stands_alone(name: str) -> None:
    """It names no built-in, states every figure, and loads as the same package."""
    package = resolve_package(name)
    data = parse_yaml(dump_package(package), "p")
    assert all(isinstance(chiplet, dict) and "num_pes" in chiplet for chiplet in data["classes"].values())
    assert package_from_dict(data) == package
    assert package_from_dict(package_to_dict(package)) == package


def test_one_call_leaves_no_trace_in_the_next() -> None:
    first = package_to_dict(resolve_package("het-t"))
    resolve_package("arvr-het-t-flipped")
    assert package_to_dict(resolve_package("het-t")) == first
