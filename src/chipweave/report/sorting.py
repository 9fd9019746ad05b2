"""The rows of a comparison in another order."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chipweave.results.result import Cell


class Sort(StrEnum):
    """What rows of a comparison are sorted by; the least first, empty cells last."""

    OBJECTIVE = "objective"
    LATENCY = "latency"
    ENERGY = "energy"
    EDP = "edp"
    GAP = "gap"
    SEARCH = "search"
    POWER = "power"
    COST = "cost"
    AREA = "area"
    CHIPLETS = "chiplets"
    PACKAGE = "package"
    SCHEDULER = "scheduler"


_COLUMNS = {
    Sort.OBJECTIVE: "value",
    Sort.LATENCY: "latency_s",
    Sort.ENERGY: "energy_j",
    Sort.EDP: "edp_js",
    Sort.GAP: "gap",
    Sort.SEARCH: "seconds",
    Sort.POWER: "average_power_w",
    Sort.COST: "price_usd",
    Sort.AREA: "area_mm2",
    Sort.CHIPLETS: "chiplets",
    Sort.PACKAGE: "package",
    Sort.SCHEDULER: "scheduler",
}


def sorted_cells(cells: Sequence[Cell], by: Sort | None) -> list[Cell]:
    """The cells by a column; as they are for None. Equal ones stay in their order."""
    if by is None:
        return list(cells)
    from chipweave.report.comparison import comparison_data

    column = _COLUMNS[by]
    rows: list[tuple[Any, Cell]] = [
        (row.get(column), cell) for cell, row in zip(cells, comparison_data(cells), strict=True)
    ]
    known = sorted((row for row in rows if row[0] is not None), key=itemgetter(0))
    return [cell for _, cell in (*known, *(row for row in rows if row[0] is None))]
