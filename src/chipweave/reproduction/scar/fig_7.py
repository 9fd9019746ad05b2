"""SCAR's Fig. 7: three searches by three metrics, six strategies on the datacenter scenarios over Stand. (NVD)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chipweave.reproduction.exhibit import Cell, Exhibit, Finding, Look, Panel, Row, Series, Table
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar import table_iv
from chipweave.reproduction.scar.compare import Pair, figure, on_best, on_ratios, on_shidiannao, over
from chipweave.reproduction.scar.profile import DATACENTER, MIXED, TABLE_IV_STRATEGIES, Experiment
from chipweave.reproduction.scar.profile_words import AS_TABLE_IV

TITLE = "Fig. 7: three searches, three metrics"
BASE = table_iv.BASE
QUICK = (3,)
"""Scenarios of the energy search; the other two are those of Table IV."""
METRICS: Mapping[str, str] = {"A": "latency_s", "B": "energy_j", "C": "edp_js"}
"""The figure's rows."""
SEARCHES: Mapping[str, str] = {"1": "latency", "2": "energy", "3": "edp"}
"""The figure's columns."""
_NAMES = {
    **{"latency_s": "latency", "energy_j": "energy", "edp_js": "EDP"},
    **{"latency": "latency", "energy": "energy", "edp": "EDP"},
}
"""Of metrics and of searches."""


def questions(quick: bool) -> list[Question]:
    """Table IV's experiments, and those of the energy search."""
    by_table_iv = table_iv.QUICK if quick else DATACENTER
    by_energy = QUICK if quick else DATACENTER
    return [
        Experiment(scenario, strategy, objective)
        for objective in SEARCHES.values()
        for strategy in TABLE_IV_STRATEGIES
        for scenario in (by_energy if objective == "energy" else by_table_iv)
    ]


def exhibit(answers: Answers) -> Exhibit:
    """The nine panels A1 to C3."""
    tables = {
        f"{row}{column}": _table(answers, f"{row}{column}", METRICS[row], SEARCHES[column])
        for row in METRICS
        for column in SEARCHES
    }
    return Exhibit(
        name="scar-fig-7",
        title=TITLE,
        source="SCAR, Fig. 7",
        setting=f"{AS_TABLE_IV} Rows A, B and C of the figure are latency, energy and EDP, its columns 1, 2 and 3 the "
        f"searches for them; everything is over {BASE}.",
        tables=tuple(tables.values()),
        findings=_findings(answers),
        panels=tuple(map(_panel, tables.values())),
        columns=3,
        notes=(
            "The figure is an image. Published values are those of Table IV over its own Stand. (NVD); energy is EDP "
            "over latency, which Table IV rounds hard in scenarios 1 and 2. Of the energy search nothing is printed.",
            "A latency search minimises latency alone: a strategy may then spend energy for nothing, since schedules "
            "of equal latency count as equal.",
        ),
    )


def published(metric: str, search: str, strategy: str) -> list[float | None]:
    """Over Stand. (NVD), from Table IV; None: the energy search, which is printed nowhere."""
    if search == "energy":
        return [None] * len(DATACENTER)

    def value(name: str, of: str, place: int) -> float:
        if name == "energy_j":
            return value("edp_js", of, place) / value("latency_s", of, place)
        return table_iv.PUBLISHED[search, name, of][place]

    return [value(metric, strategy, place) / value(metric, BASE, place) for place in range(len(DATACENTER))]


def _table(answers: Answers, label: str, metric: str, search: str) -> Table:
    rows = []
    for strategy in TABLE_IV_STRATEGIES:
        ours = [over(answers, _pair(n, strategy, BASE, search), metric) for n in DATACENTER]
        rows.append(Row(strategy, tuple(map(Cell, published(metric, search, strategy), ours))))
    title = f"{label}: {_NAMES[metric]}, {_NAMES[search]} search"
    return Table(title, f"of {BASE}", "strategy", tuple(f"Sc{n}" for n in DATACENTER), tuple(rows))


def _pair(scenario: int, strategy: str, base: str, search: str) -> Pair:
    return Experiment(scenario, strategy, search), Experiment(scenario, base, search)


def _findings(answers: Answers) -> tuple[Finding, ...]:
    def best(label: str) -> Finding:
        metric, search = METRICS[label[0]], SEARCHES[label[1]]
        found = [
            {each: figure(answers, Experiment(n, each, search), metric) for each in TABLE_IV_STRATEGIES} for n in (4, 5)
        ]
        claim = f"{label}: Het-Sides has the least {_NAMES[metric]} of all strategies in scenarios 4 and 5"
        return on_best(claim, "V-B, Target Objective Impact", ("Het-Sides",), found)

    def compared(claim: str, theirs: Sequence[float], scenarios: Sequence[int], strategy: str, label: str) -> Finding:
        metric, search = METRICS[label[0]], SEARCHES[label[1]]
        ours = [over(answers, _pair(n, strategy, BASE, search), metric) for n in scenarios]
        return on_ratios(claim, "V-B", theirs, ours, what_runs(answers, strategy, scenarios, search))

    return (
        *map(best, ("A1", "B2", "C3")),
        compared("A3: Het-Sides is twice as fast as Stand. (NVD) in scenario 4", [1 / 2], (4,), "Het-Sides", "A3"),
        compared("B3: it takes 1.22 times the energy for it", [1.22], (4,), "Het-Sides", "B3"),
        compared("C3: which is 0.58 times the EDP", [0.58], (4,), "Het-Sides", "C3"),
        compared(
            "A1: Simba (NVD) is 1.4, 1.3 and 2.9 times as fast as Stand. (NVD) in scenarios 1 to 3",
            [1 / 1.4, 1 / 1.3, 1 / 2.9],
            (1, 2, 3),
            "Simba (NVD)",
            "A1",
        ),
        compared(
            "A1: Simba (NVD) is 1.05 times slower than Stand. (NVD) in scenarios 4 and 5",
            [1.05, 1.05],
            (4, 5),
            "Simba (NVD)",
            "A1",
        ),
    )


def what_runs(answers: Answers, strategy: str, scenarios: Sequence[int], search: str) -> str:
    """Of a mixed package, what it uses of the second dataflow; of another, how much it pipelines."""
    asked = [Experiment(n, strategy, search) for n in scenarios]
    if strategy in MIXED:
        used = ", ".join(on_shidiannao(answers, each) for each in asked)
        return f"our schedule has {used} layers on ShiDianNao-like chiplets"
    longest = []
    for each in asked:
        pipelines = [
            pipeline for window in answers.get(each, {}).get("windows", []) for pipeline in window["pipelines"]
        ]
        longest.append(max((len(pipeline["stages"]) for pipeline in pipelines), default=0))
    return f"our longest pipelines have {', '.join(map(str, longest))} stages"


def _panel(table: Table) -> Panel:
    """Ours alone: sixty bars would be too narrow to read; the tables have both."""
    places = tuple(float(place) for place in range(len(table.columns)))
    series = tuple(Series(row.name, places, tuple(cell.ours or 0.0 for cell in row.cells)) for row in table.rows)
    return Panel(table.title, Look.BARS, "", table.unit, series, table.columns, logarithmic=True)
