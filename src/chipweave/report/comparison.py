"""Results side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from chipweave.report.words import quantity
from chipweave.schedule.result import Cell

STATIC_NOTE = (
    "The packages have different numbers of chiplets and no static power: idle chiplets cost nothing here, so "
    "bigger packages look cheap."
)


def comparison_data(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """One mapping per cell; `ratio` is the objective's value over the best one's."""
    best = _best(cells)
    return [_cell_data(cell, best) for cell in cells]


def _cell_data(cell: Cell, best: float | None) -> dict[str, Any]:
    data: dict[str, Any] = {"scheduler": cell.scheduler, "package": cell.package}
    result = cell.result
    if result is None:
        return data | {"error": cell.reason}
    evaluation = result.evaluation
    return data | {
        "chiplets": len(result.problem.package.chiplets),
        "windows": len(result.schedule.windows),
        "latency_s": evaluation.latency_s,
        "energy_j": evaluation.energy_j,
        "edp_js": evaluation.edp_js,
        "average_power_w": evaluation.average_power_w,
        "samples_per_s": result.problem.scenario.samples / evaluation.latency_s,
        "objective": result.objective,
        "value": result.value,
        "ratio": result.value / best if best and result.value is not None else None,
        "lower_bound": None if result.certificate is None else result.certificate.value,
        "gap": result.gap,
        "seconds": None if result.search is None else result.search.seconds,
        "complete": None if result.search is None else result.search.complete,
    }


def _best(cells: Sequence[Cell]) -> float | None:
    values = [cell.result.value for cell in cells if cell.result is not None and cell.result.value is not None]
    return min(values, default=None)


def print_comparison(cells: Sequence[Cell], console: Console) -> None:
    """Print a table, one row per scheduler and package, the best one marked; and why cells are empty."""
    best = _best(cells)
    first = next((cell.result for cell in cells if cell.result is not None), None)
    if first is not None:
        problem = first.problem
        heading = f"{problem.scenario.name}: objective {first.objective}, fidelity {problem.fidelity}, "
        console.print(Text(heading + f"cost model {first.cost_model['name']}"))
    table = Table(box=None, padding=(0, 1, 0, 1), header_style="dim")
    table.add_column("scheduler", no_wrap=True)
    table.add_column("package", overflow="fold")
    by_throughput = first is not None and first.objective == "throughput"
    for name in ("windows", "latency", "energy", "samples/s" if by_throughput else "EDP", "ratio", "gap", "search"):
        table.add_column(name, justify="right", no_wrap=True)
    for cell in cells:
        data = _cell_data(cell, best)
        if "error" in data:
            table.add_row(cell.scheduler, cell.package, "-", "-", "-", "-", "-", "-", "-")
            continue
        ratio, gap = data["ratio"], data["gap"]
        table.add_row(
            cell.scheduler,
            cell.package,
            str(data["windows"]),
            quantity(data["latency_s"], "s"),
            quantity(data["energy_j"], "J"),
            f"{data['samples_per_s']:.4g}" if by_throughput else f"{data['edp_js']:.4g} Js",
            "-" if ratio is None else f"{ratio:.2f}{'*' if ratio == 1 else ' '}",
            "-" if gap is None else f"{100 * gap:.1f} %",
            f"{data['seconds']:.1f} s",
        )
    console.print(table)
    console.print(
        Text(
            "ratio: value of the objective over the best one's (*); gap: the best schedule is at most this far below."
        ),
        style="dim",
    )
    for cell in cells:
        if cell.result is None:
            console.print(Text(f"{cell.scheduler} on {cell.package}: {cell.reason}"))
        elif cell.result.search is not None and not cell.result.search.complete:
            console.print(Text(f"{cell.scheduler} on {cell.package}: ended early, the best so far"))
    packages = [cell.result.problem.package for cell in cells if cell.result is not None]
    static = any(chiplet.static_power_w for package in packages for chiplet in package.chiplets)
    if len({len(package.chiplets) for package in packages}) > 1 and not static:
        console.print(Text(STATIC_NOTE), style="dim")
