"""What packages are made of, side by side: whether they are equal before their schedules are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from chipweave.hardware.package import Package
from chipweave.hardware.price import costs_of
from chipweave.report.quantities import quantity
from chipweave.report.text_table import Row, print_columns
from chipweave.results.result import Cell

HEAD = ("chiplets", "PEs", "L2", "peak", "DRAM", "links", "dies", "cost")


def silicon_data(package: Package) -> dict[str, Any]:
    """PEs, bytes of L2 and multiply-accumulates per second of all chiplets; bytes per second of DRAM and of the fastest
    link; square millimetres of dies, and US dollars to make it, None where no price is known."""
    chiplets = package.chiplets
    return {
        "chiplets": len(chiplets),
        "pes": sum(chiplet.num_pes for chiplet in chiplets),
        "l2_bytes": sum(chiplet.l2_bytes for chiplet in chiplets),
        "peak_macs_per_s": sum(chiplet.num_pes * chiplet.simd_lanes * chiplet.clock_hz for chiplet in chiplets),
        "dram_bandwidth_bytes_s": package.dram_bandwidth_bytes_s,
        "link_bandwidth_bytes_s": package.wiring.standard.bandwidth_bytes_s,
        **costs_of(package),
    }


def packages_of(cells: Sequence[Cell]) -> dict[str, Package]:
    """The packages that some cell has a result on, by name."""
    return {cell.package: cell.result.problem.package for cell in cells if cell.result is not None}


def verdict(cells: Sequence[Cell]) -> str:
    """A sentence on whether several packages are made of as much; empty of one package."""
    data = [silicon_data(package) for package in packages_of(cells).values()]
    if len(data) < 2:
        return ""
    names = {
        "pes": "PEs",
        "l2_bytes": "L2",
        "peak_macs_per_s": "peak rate",
        "dram_bandwidth_bytes_s": "DRAM bandwidth",
        "link_bandwidth_bytes_s": "link bandwidth",
    }
    unlike = [name for key, name in names.items() if len({each[key] for each in data}) > 1]
    if not unlike:
        return "The packages are equal in PEs, L2, peak rate, and bandwidth of DRAM and links."
    return f"The packages are not equal in {', '.join(unlike)}."


def print_silicon(cells: Sequence[Cell], console: Console) -> None:
    """Print what each package is made of, and whether they are equal; nothing where there is no result."""
    rows: list[Row] = []
    for name, package in packages_of(cells).items():
        data = silicon_data(package)
        figures = (
            f"{data['chiplets']}",
            f"{data['pes']:,}",
            quantity(data["l2_bytes"], "B"),
            quantity(data["peak_macs_per_s"], "MAC/s"),
            quantity(data["dram_bandwidth_bytes_s"], "B/s"),
            quantity(data["link_bandwidth_bytes_s"], "B/s"),
            *(
                "-" if data[key] is None else f"{data[key]:,.{digits}f} {unit}"
                for key, digits, unit in (("area_mm2", 1, "mm2"), ("price_usd", 2, "US$"))
            ),
        )
        rows.append((Text(name), figures))
    if rows:
        console.print()
        print_columns(console, "made of", HEAD, rows)
    if words := verdict(cells):
        console.print(Text(words))
