"""What built packages reach on a large GEMM, one chiplet under `loopnest`, beside their peak and the published one, at
each precision that a peak is published for.

    python -m benchmarks.peaks [--json] [--write [docs/packages.md]]

`--write` replaces the tables of a page: these peaks, the kinds of memory, the classes of links, and what each package
assumes. The GEMM is square; the mapping is the fastest that the chiplet allows, with its operands in L2.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.tables import markdown, write_tables
from chipweave.cost.choose import choose
from chipweave.files.package_file import resolve_package
from chipweave.files.presets import link_presets, memory_presets
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model

PAGE = Path("docs/packages.md")
SIDE = 8192
"""Rows, columns and inner size of the GEMM."""


@dataclass(frozen=True)
class Published:
    """A published peak, operations per second, two to a multiply-accumulate.

    Args:
        chiplets: that reach it together.
        bits: of an operand, as a model would state them; 0: as many as the chiplet's `precision_bits`.
        within: how far off the preset may be, as a share: published figures are rounded.
    """

    ops_s: float
    chiplets: int
    precision: str
    source: str
    bits: float = 0.0
    within: float = 0.005


_B200, _BRIEF = "NVIDIA, data sheet, HGX", "NVIDIA, Blackwell architecture brief, HGX"
_AMD, _TPU, _TENSTORRENT = "AMD, data sheet", "Google Cloud, documentation", "Tenstorrent, documentation"
_N300, _N150 = "Tenstorrent, four n300", "Tenstorrent, 32 chips of n150"

PUBLISHED: Mapping[str, tuple[Published, ...]] = {
    "simba-as-built": (Published(4.01e12, 1, "INT8", "Zimmer et al., VLSI 2019"),),
    "eyeriss-v1": (Published(67.2e9, 1, "16-bit integers", "Chen et al., JSSC 2017: 33.6 GMAC/s"),),
    "rebel100-like": (
        Published(2048e12, 4, "FP8", "Rebellions, ISSCC 2026"),
        Published(1000e12, 4, "FP16", "Rebellions, Hot Chips 2025: 1 PFLOPS", 16, within=0.025),
    ),
    "wormhole-n150": (
        Published(148e12, 1, "BLOCKFP8", _TENSTORRENT),
        Published(74e12, 1, "FP16", _TENSTORRENT, 16),
    ),
    "wormhole-n300": (
        Published(262e12, 2, "BLOCKFP8", _TENSTORRENT),
        Published(131e12, 2, "FP16", _TENSTORRENT, 16),
    ),
    "wormhole-8": (
        Published(4 * 262e12, 8, "BLOCKFP8", _N300),
        Published(4 * 131e12, 8, "FP16", _N300, 16),
    ),
    "wormhole-32": (
        Published(32 * 148e12, 32, "BLOCKFP8", _N150),
        Published(32 * 74e12, 32, "FP16", _N150, 16),
    ),
    "mi300x-like": (
        Published(1307.4e12, 8, "BF16", _AMD),
        Published(2614.9e12, 8, "FP8, INT8", _AMD, 8),
        Published(163.4e12, 8, "FP32", _AMD, 32),
    ),
    "b200-like": (
        Published(2250e12, 2, "BF16", _B200),
        Published(4500e12, 2, "FP8, INT8", _BRIEF, 8),
        Published(9000e12, 2, "FP4", _BRIEF, 4),
        Published(80e12, 2, "FP32", _BRIEF, 32),
    ),
    "tpu-v4": (
        Published(275e12, 1, "BF16", "Jouppi et al., ISCA 2023"),
        Published(275e12, 1, "INT8", _TPU, 8),
    ),
    "tpu-v6e": (
        Published(918e12, 1, "BF16", _TPU),
        Published(1836e12, 1, "INT8", _TPU, 8),
    ),
    "gaudi3-like": (
        Published(1835e12, 2, "BF16", "Intel, Hot Chips 2024"),
        Published(1835e12, 2, "FP8", "Intel, Hot Chips 2024", 8),
        Published(229.4e12, 2, "FP32", "HMC, Gaudi 3 (not Intel's)", 32),
    ),
}


@dataclass(frozen=True)
class Peak:
    """A package's rates at one precision, operations per second: reached and possible on one chiplet; possible on those
    that the published figure is of."""

    package: str
    chiplets: int
    reached_ops_s: float
    chiplet_ops_s: float
    peak_ops_s: float
    published: Published


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, nargs="?", const=PAGE, help="a page whose tables to replace")
    arguments = parser.parse_args()
    peaks = [peak_of(resolve_package(name), each) for name, published in PUBLISHED.items() for each in published]
    if arguments.write:
        write_tables(arguments.write, {"peaks": peak_table(peaks), **source_tables()})
    elif arguments.json:
        print(json.dumps([asdict(peak) for peak in peaks], indent=1))
    else:
        print(peak_table(peaks))


def peak_of(package: Package, published: Published) -> Peak:
    (chiplet,) = package.classes
    chiplet_ops_s = peak_ops_s(chiplet, published.bits)
    return Peak(
        package.name,
        len(package.chiplets),
        reached_ops_s(chiplet, published.bits),
        chiplet_ops_s,
        published.chiplets * chiplet_ops_s,
        published,
    )


def peak_ops_s(chiplet: Chiplet, bits: float = 0.0) -> float:
    """Operations per second with every lane busy, operands of so many bits."""
    return 2 * chiplet.macs_per_cycle(int(bits)) * chiplet.clock_hz


def reached_ops_s(chiplet: Chiplet, bits: float = 0.0, side: int = SIDE) -> float:
    """Operations per second on a square GEMM of operands of so many bits."""
    gemm = Layer("gemm", Op.GEMM, K=side, C=side, Y=side)
    alone = Model("gemm", (gemm,), (Edge(-1, 0, side**2),), weight_bits=bits, activation_bits=bits)
    costs = choose("loopnest", objective="latency").costs(alone.layers, chiplet)
    return 2 * side**3 * chiplet.clock_hz / float(costs.cycles[0])


def peak_table(peaks: list[Peak]) -> str:
    head = ("package", "of", "reached a chiplet", "its peak", "share", "peak", "published", "off", "source")
    return markdown(head, [_row(peak) for peak in peaks])


def _row(peak: Peak) -> list[str]:
    published = peak.published
    off = peak.peak_ops_s / published.ops_s - 1
    return [
        f"`{peak.package}`",
        f"{published.precision}, {published.chiplets} of {peak.chiplets}",
        *(_tera(peak.reached_ops_s), _tera(peak.chiplet_ops_s), f"{peak.reached_ops_s / peak.chiplet_ops_s:.1%}"),
        *(_tera(peak.peak_ops_s), _tera(published.ops_s)),
        f"{off:+.1%}".replace("-0.0%", "+0.0%"),
        published.source,
    ]


def _tera(ops_s: float) -> str:
    return f"{ops_s / 1e12:,.4g}" if ops_s < 1e15 else f"{ops_s / 1e12:,.0f}"


def source_tables() -> dict[str, str]:
    """Kinds of memory and classes of links with the source of each figure, and what packages assume, as lists."""
    memory = [
        [f"`{name}`", *_shared(kind), f"{kind['capacity_bytes'] / 2**30:g}", kind["what"]]
        for name, kind in memory_presets().items()
    ]
    links = [[f"`{name}`", *_shared(link), link["what"]] for name, link in link_presets().items()]
    head = ["GB/s", "ns", "pJ/bit"]
    return {
        "memory": markdown(["kind", *head, "GB", "one is a"], memory) + "\n\n" + _sources(memory_presets()),
        "links": markdown(["class", *head, "one module is"], links) + "\n\n" + _sources(link_presets()),
        "assumed": "\n".join(f"- `{name}`: {text}" for name in PUBLISHED for text in _assumed(resolve_package(name))),
    }


def _shared(entry: Mapping[str, float]) -> list[str]:
    figures = (entry["bandwidth_bytes_s"] / 1e9, entry["latency_s"] * 1e9, entry["energy_j_per_bit"] * 1e12)
    return [f"{figure:.6g}" for figure in figures]


def _sources(entries: Mapping[str, Mapping[str, Mapping[str, str]]]) -> str:
    """The sources of each figure, of entries that share them once."""
    lines: dict[tuple[str, str], list[str]] = {}
    for name, entry in entries.items():
        for key, source in entry["sources"].items():
            lines.setdefault((key, source), []).append(f"`{name}`")
    return "\n".join(f"- {', '.join(names)}, `{key}`: {source}" for (key, source), names in lines.items())


def _assumed(package: Package) -> list[str]:
    return [*package.assumed, *(text for chiplet in package.classes for text in chiplet.assumed)]


if __name__ == "__main__":
    main()
