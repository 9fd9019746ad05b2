"""SCAR's Table IV: six strategies on the datacenter scenarios, searched for latency and for EDP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chipweave.reproduction.exhibit import Cell, Exhibit, Look, Panel, Row, Series, Table
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar.profile import DATACENTER, TABLE_IV_STRATEGIES, Experiment

TITLE = "Table IV: latency and EDP of six strategies on the datacenter scenarios"
QUICK = (1, 2, 3)

Five = tuple[float, float, float, float, float]
PUBLISHED: Mapping[tuple[str, str, str], Five] = {
    ("latency", "latency_s", "Stand. (Shi)"): (1.41, 1.41, 2.63, 14.82, 14.82),
    ("latency", "latency_s", "Stand. (NVD)"): (0.36, 0.36, 4.06, 7.94, 7.94),
    ("latency", "latency_s", "Simba (Shi)"): (0.99, 0.99, 2.44, 7.98, 8.29),
    ("latency", "latency_s", "Simba (NVD)"): (0.25, 0.27, 1.37, 8.34, 8.34),
    ("latency", "latency_s", "Het-CB"): (0.36, 0.39, 1.02, 6.04, 7.39),
    ("latency", "latency_s", "Het-Sides"): (0.34, 0.34, 1.12, 3.07, 4.81),
    ("latency", "edp_js", "Stand. (Shi)"): (0.029, 0.047, 1.21, 16.43, 21.09),
    ("latency", "edp_js", "Stand. (NVD)"): (0.007, 0.01, 0.786, 5.707, 7.608),
    ("latency", "edp_js", "Simba (Shi)"): (0.02, 0.03, 1.048, 10.85, 11.216),
    ("latency", "edp_js", "Simba (NVD)"): (0.005, 0.007, 0.24, 6.216, 8.225),
    ("latency", "edp_js", "Het-CB"): (0.007, 0.013, 0.331, 5.545, 9.051),
    ("latency", "edp_js", "Het-Sides"): (0.007, 0.011, 0.463, 3.074, 5.8),
    ("edp", "latency_s", "Stand. (Shi)"): (1.41, 1.41, 2.63, 14.82, 14.82),
    ("edp", "latency_s", "Stand. (NVD)"): (0.36, 0.36, 4.06, 7.94, 7.94),
    ("edp", "latency_s", "Simba (Shi)"): (1.13, 0.97, 2.53, 8.03, 9.79),
    ("edp", "latency_s", "Simba (NVD)"): (0.29, 0.34, 1.36, 8.284, 8.28),
    ("edp", "latency_s", "Het-CB"): (0.51, 0.39, 1.27, 5.6, 7.81),
    ("edp", "latency_s", "Het-Sides"): (0.36, 0.38, 2.0, 3.8, 5.19),
    ("edp", "edp_js", "Stand. (Shi)"): (0.029, 0.047, 1.21, 16.43, 21.0),
    ("edp", "edp_js", "Stand. (NVD)"): (0.007, 0.01, 0.786, 5.707, 7.608),
    ("edp", "edp_js", "Simba (Shi)"): (0.024, 0.024, 1.097, 8.706, 13.75),
    ("edp", "edp_js", "Simba (NVD)"): (0.006, 0.008, 0.238, 6.165, 8.162),
    ("edp", "edp_js", "Het-CB"): (0.01, 0.013, 0.37, 5.21, 9.166),
    ("edp", "edp_js", "Het-Sides"): (0.008, 0.01, 0.35, 3.328, 6.107),
}
"""(search, figure, strategy): scenarios 1 to 5 (SCAR, Table IV)."""

_FIGURES = {"latency_s": ("latency", "s"), "edp_js": ("EDP", "J.s")}


def questions(quick: bool) -> list[Question]:
    """Every strategy and scenario, by both searches; of a quick run scenarios 1 to 3."""
    scenarios = QUICK if quick else DATACENTER
    return [
        Experiment(scenario, strategy, objective)
        for objective in ("latency", "edp")
        for strategy in TABLE_IV_STRATEGIES
        for scenario in scenarios
    ]


def exhibit(answers: Answers) -> Exhibit:
    """Table IV with ours beside it, and the EDP search drawn over that of Stand. (NVD)."""
    tables = [
        Table(
            f"{objective if objective == 'latency' else 'EDP'} search, {_FIGURES[figure][0]}",
            _FIGURES[figure][1],
            "strategy",
            tuple(f"Sc{scenario}" for scenario in DATACENTER),
            tuple(_row(answers, objective, figure, strategy) for strategy in TABLE_IV_STRATEGIES),
        )
        for objective in ("latency", "edp")
        for figure in _FIGURES
    ]
    return Exhibit(
        name="scar-table-iv",
        title=TITLE,
        source="SCAR, Table IV",
        setting="The profile of all tables of SCAR.",
        tables=tuple(tables),
        panels=tuple(_panel(table) for table in tables),
        columns=2,
    )


def _row(answers: Answers, objective: str, figure: str, strategy: str) -> Row:
    published = PUBLISHED[objective, figure, strategy]
    found: Sequence[float | None] = [
        answers.get(Experiment(scenario, strategy, objective), {}).get(figure) for scenario in DATACENTER
    ]
    return Row(strategy, tuple(map(Cell, published, found)))


def _panel(table: Table) -> Panel:
    """Both as bars, logarithmic: what is small would not be seen."""
    places = tuple(float(place) for place in range(len(table.columns)))
    series = []
    for row in table.rows:
        series.append(Series(row.name, places, tuple(cell.ours or 0.0 for cell in row.cells)))
        series.append(Series(row.name, places, tuple(cell.published or 0.0 for cell in row.cells), published=True))
    return Panel(table.title, Look.BARS, "", table.unit, tuple(series), table.columns, logarithmic=True)
