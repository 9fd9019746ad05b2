"""What built packages reach on a large GEMM, one chiplet under `loopnest`, beside their peak and the published one.

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

PAGE = Path("docs/packages.md")
SIDE = 8192
"""Rows, columns and inner size of the GEMM."""


@dataclass(frozen=True)
class Published:
    """A published peak, operations per second, two to a multiply-accumulate.

    Args:
        chiplets: that reach it together.
        within: how far off the preset may be, as a share: published figures are rounded.
    """

    ops_s: float
    chiplets: int
    precision: str
    source: str
    within: float = 0.005


PUBLISHED: Mapping[str, Published] = {
    "simba-as-built": Published(4.01e12, 1, "INT8", "Zimmer et al., VLSI 2019"),
    "eyeriss-v1": Published(67.2e9, 1, "16-bit integers", "Chen et al., JSSC 2017: 33.6 GMAC/s"),
    "rebel100-like": Published(2048e12, 4, "FP8", "Rebellions, ISSCC 2026"),
    "wormhole-n150": Published(148e12, 1, "BLOCKFP8", "Tenstorrent, documentation"),
    "wormhole-n300": Published(262e12, 2, "BLOCKFP8", "Tenstorrent, documentation"),
    "wormhole-8": Published(4 * 262e12, 8, "BLOCKFP8", "Tenstorrent, four n300"),
    "wormhole-32": Published(32 * 148e12, 32, "BLOCKFP8", "Tenstorrent, 32 chips of n150"),
    "mi300x-like": Published(1307.4e12, 8, "BF16", "AMD, data sheet"),
    "b200-like": Published(2250e12, 2, "BF16", "NVIDIA, data sheet, HGX"),
    "tpu-v4": Published(275e12, 1, "BF16", "Jouppi et al., ISCA 2023"),
    "tpu-v6e": Published(918e12, 1, "BF16", "Google Cloud, documentation"),
    "gaudi3-like": Published(1835e12, 2, "BF16", "Intel, Hot Chips 2024"),
}


@dataclass(frozen=True)
class Peak:
    """A package's rates, operations per second: reached and possible on one chiplet; possible on those that the
    published figure is of."""

    package: str
    chiplets: int
    reached_ops_s: float
    chiplet_ops_s: float
    peak_ops_s: float
    published_ops_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, nargs="?", const=PAGE, help="a page whose tables to replace")
    arguments = parser.parse_args()
    peaks = [peak_of(resolve_package(name), published) for name, published in PUBLISHED.items()]
    if arguments.write:
        write_tables(arguments.write, {"peaks": peak_table(peaks), **source_tables()})
    elif arguments.json:
        print(json.dumps([asdict(peak) for peak in peaks], indent=1))
    else:
        print(peak_table(peaks))


def peak_of(package: Package, published: Published) -> Peak:
    (chiplet,) = package.classes
    return Peak(
        package.name,
        len(package.chiplets),
        reached_ops_s(chiplet),
        2 * chiplet.peak_macs_s,
        published.chiplets * 2 * chiplet.peak_macs_s,
        published.ops_s,
    )


def reached_ops_s(chiplet: Chiplet, side: int = SIDE) -> float:
    """Operations per second on a square GEMM."""
    gemm = Layer("gemm", Op.GEMM, K=side, C=side, Y=side)
    costs = choose("loopnest", objective="latency").costs([gemm], chiplet)
    return 2 * side**3 * chiplet.clock_hz / float(costs.cycles[0])


def peak_table(peaks: list[Peak]) -> str:
    head = ("package", "of", "reached a chiplet", "its peak", "share", "peak", "published", "off", "source")
    return markdown(head, [_row(peak, PUBLISHED[peak.package]) for peak in peaks])


def _row(peak: Peak, published: Published) -> list[str]:
    off = peak.peak_ops_s / peak.published_ops_s - 1
    return [
        f"`{peak.package}`",
        f"{published.precision}, {published.chiplets} of {peak.chiplets}",
        *(_tera(peak.reached_ops_s), _tera(peak.chiplet_ops_s), f"{peak.reached_ops_s / peak.chiplet_ops_s:.1%}"),
        *(
            _tera(peak.peak_ops_s),
            _tera(peak.published_ops_s),
            f"{off:+.1%}".replace("-0.0%", "+0.0%"),
            published.source,
        ),
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
