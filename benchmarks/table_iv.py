"""SCAR's Table IV, EDP search, beside ours: paper fidelity, fixed tiles, the scenarios as SCAR most likely ran them.

    python -m benchmarks.table_iv [--offchip-bandwidth 64]

Nothing is tuned: the cost model is `maestro`, the paper's, and every parameter a documented default.
`--offchip-bandwidth` switches on MAESTRO's own off-chip floor (elements per cycle), which the published figures
probably include.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import chipweave
from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.files.package_file import resolve_package
from chipweave.hardware.dataflow import Tile
from chipweave.hardware.package import Package

PAPER = {
    "Stand. (Shi)": ((1.41, 0.029), (1.41, 0.047), (2.63, 1.21), (14.82, 16.43), (14.82, 21.0)),
    "Stand. (NVD)": ((0.36, 0.007), (0.36, 0.01), (4.06, 0.786), (7.94, 5.707), (7.94, 7.608)),
    "Simba (Shi)": ((1.13, 0.024), (0.97, 0.024), (2.53, 1.097), (8.03, 8.706), (9.79, 13.75)),
    "Simba (NVD)": ((0.29, 0.006), (0.34, 0.008), (1.36, 0.238), (8.284, 6.165), (8.28, 8.162)),
    "Het-CB": ((0.51, 0.01), (0.39, 0.013), (1.27, 0.37), (5.6, 5.21), (7.81, 9.166)),
    "Het-Sides": ((0.36, 0.008), (0.38, 0.01), (2.0, 0.35), (3.8, 3.328), (5.19, 6.107)),
}
"""(latency s, EDP J.s) of scenarios 1 to 5 (SCAR, Table IV, EDP search)."""

OURS = {
    "Stand. (Shi)": [("standalone", "simba-shidiannao-3x3")],
    "Stand. (NVD)": [("standalone", "simba-nvdla-3x3")],
    "Simba (Shi)": [("simba", "simba-shidiannao-3x3")],
    "Simba (NVD)": [("simba", "simba-nvdla-3x3")],
    "Het-CB": [("scar", "het-cb-3x3"), ("scar", "het-cb-3x3-flipped")],
    "Het-Sides": [("scar", "het-sides-3x3"), ("scar", "het-sides-3x3-flipped")],
}
BASE = "Stand. (NVD)"


def with_fixed_tiles(package: Package) -> Package:
    chiplets = tuple(replace(c, dataflow=replace(c.dataflow, tile=Tile.FIXED)) for c in package.chiplets)
    return replace(package, chiplets=chiplets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--offchip-bandwidth", type=int, default=None)
    parser.add_argument("--scenarios", type=int, nargs="*", default=[1, 2, 3, 4, 5])
    arguments = parser.parse_args()
    model = MaestroCostModel(offchip_bandwidth=arguments.offchip_bandwidth)
    print(
        "| strategy | package | " + " | ".join(f"Sc{n}: s; J.s; EDP ratio (paper)" for n in arguments.scenarios) + " |"
    )
    print("|---|---|" + "---|" * len(arguments.scenarios))
    base: dict[int, float] = {}
    order = sorted(OURS, key=lambda strategy: strategy != BASE)
    for strategy in order:
        for scheduler, name in OURS[strategy]:
            cells = []
            for n in arguments.scenarios:
                result = chipweave.schedule(
                    f"paper/datacenter-{n}",
                    with_fixed_tiles(resolve_package(name)),
                    scheduler=scheduler,
                    cost_model=model,
                    fidelity="paper",
                )
                latency_s, edp_js = result.evaluation.latency_s, result.evaluation.edp_js
                base.setdefault(n, edp_js)
                paper_s, paper_edp = PAPER[strategy][n - 1]
                paper_ratio = paper_edp / PAPER[BASE][n - 1][1]
                figures = ((latency_s, paper_s), (edp_js, paper_edp), (edp_js / base[n], paper_ratio))
                cells.append("; ".join(f"{ours:.3g} ({theirs:.3g})" for ours, theirs in figures))
            print(f"| {strategy} | {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
