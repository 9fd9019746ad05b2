"""Results side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from chipweave.report.naming import cost_model_of
from chipweave.report.quantities import quantity
from chipweave.report.silicon import print_silicon, silicon_data
from chipweave.report.text_table import Row, print_columns
from chipweave.results.result import Cell

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
        **silicon_data(result.problem.package),
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
        "lower_bound_of": None if result.certificate is None else result.certificate.of,
        "gap": result.gap,
        "seconds": None if result.search is None else result.search.seconds,
        "complete": None if result.search is None else result.search.complete,
    }


def _best(cells: Sequence[Cell]) -> float | None:
    values = [cell.result.value for cell in cells if cell.result is not None and cell.result.value is not None]
    return min(values, default=None)


def print_comparison(cells: Sequence[Cell], console: Console) -> None:
    """Print a table, one row per scheduler and package, the best one marked; and why cells are empty.

    A gap is to the lower bound on schedules of the row's kind; where the rows have several kinds, each gap is marked.
    """
    best = _best(cells)
    data = [_cell_data(cell, best) for cell in cells]
    kinds = sorted({row["lower_bound_of"] for row in data if row.get("gap") is not None})
    marks = {kind: f" ({number})" if len(kinds) > 1 else "" for number, kind in enumerate(kinds, 1)}
    longest = max([len("scheduler"), *(len(cell.scheduler) for cell in cells)])
    first = next((cell.result for cell in cells if cell.result is not None), None)
    if first is not None:
        problem = first.problem
        heading = f"{problem.scenario.name}: objective {first.objective}, fidelity {problem.fidelity}, "
        console.print(Text(heading + f"cost model {cost_model_of(first.cost_model)}"))
    by_throughput = first is not None and first.objective == "throughput"
    reasons = numbered_reasons(cells)
    header = ("windows", "latency", "energy", "samples/s" if by_throughput else "EDP", "ratio ", "gap", "search")
    rows: list[Row] = []
    for cell, row in zip(cells, data, strict=True):
        name = Text(f"{cell.scheduler:<{longest}}  {cell.package}")
        if "error" in row:
            rows.append((name, [*["-"] * (len(header) - 1), f"({reasons[cell.reason]})"]))
            continue
        ratio, gap = row["ratio"], row["gap"]
        figures = (
            str(row["windows"]),
            quantity(row["latency_s"], "s"),
            quantity(row["energy_j"], "J"),
            f"{row['samples_per_s']:.4g}" if by_throughput else f"{row['edp_js']:.4g} Js",
            "-" if ratio is None else f"{ratio:.2f}{'*' if ratio == 1 else ' '}",
            "-" if gap is None else f"{100 * gap:.1f} %{marks[row['lower_bound_of']]}",
            "-" if row["seconds"] is None else f"{row['seconds']:.1f} s",
        )
        rows.append((name, figures))
    print_columns(console, f" {'scheduler':<{longest}}  package", header, rows)
    for line in ("ratio: value of the objective over the best one's (*).", *gap_notes(marks)):
        console.print(Text(line), style="dim")
    for reason, number in reasons.items():
        where = ", ".join(f"{cell.scheduler} on {cell.package}" for cell in failed(cells, reason))
        console.print(Text(f"({number}) {where}: {reason}"))
    for cell in cells:
        if cell.result is not None and cell.result.search is not None and not cell.result.search.complete:
            console.print(Text(f"{cell.scheduler} on {cell.package}: ended early, the best so far"))
    if verdict := homogeneous_verdict(cells):
        console.print(Text(verdict))
    for line in size_notes(cells):
        console.print(Text(line), style="dim")
    print_silicon(cells, console)


def numbered_reasons(cells: Sequence[Cell]) -> dict[str, int]:
    """Why cells are empty, each reason once, with its number."""
    reasons = dict.fromkeys(cell.reason for cell in cells if cell.result is None)
    return {reason: number for number, reason in enumerate(reasons, 1)}


def failed(cells: Sequence[Cell], reason: str) -> list[Cell]:
    """The cells that are empty for a reason."""
    return [cell for cell in cells if cell.result is None and cell.reason == reason]


def gap_notes(marks: Mapping[str, str]) -> list[str]:
    """What a gap is to, for these kinds of lower bounds with their marks."""
    of = " or ".join(f"{kind}{mark}" for kind, mark in marks.items())
    return [f"gap: on the row's package, the best of {of} is at most this far below the row."] if marks else []


def size_notes(cells: Sequence[Cell]) -> list[str]:
    """What to know where packages of several sizes stand side by side."""
    packages = [cell.result.problem.package for cell in cells if cell.result is not None]
    static = any(chiplet.static_power_w for package in packages for chiplet in package.chiplets)
    return [STATIC_NOTE] if len({len(package.chiplets) for package in packages}) > 1 and not static else []


def homogeneous_verdict(cells: Sequence[Cell]) -> str:
    """A sentence where packages of one class of chiplet stand beside mixed ones and one of them wins, else nothing."""
    valued = [(cell.result.value, cell, cell.result) for cell in cells if cell.result and cell.result.value is not None]
    mixed = [each for each in valued if len(each[2].problem.package.classes) > 1]
    if not valued or not mixed:
        return ""
    (value, best, result), (other, beaten, _) = (min(some, key=lambda each: each[0]) for some in (valued, mixed))
    if len(result.problem.package.classes) > 1 or value <= 0 or other <= value:
        return ""
    return (
        f"A package of one class of chiplet wins here: {best.package} ({best.scheduler}); the best mixed one, "
        f"{beaten.package} ({beaten.scheduler}), comes to {other / value:.2f} times its value."
    )
