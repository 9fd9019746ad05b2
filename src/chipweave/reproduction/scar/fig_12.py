"""SCAR's Fig. 12: triangular networks on package, scenarios 3 and 4, EDP search."""

from __future__ import annotations

from collections.abc import Mapping

from chipweave.reproduction.exhibit import Cell, Exhibit, Finding, Look, Panel, Row, Series, Table
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar import table_iv
from chipweave.reproduction.scar.compare import on_edp, over
from chipweave.reproduction.scar.profile import Experiment, Setting
from chipweave.reproduction.scar.profile_words import AS_TABLE_IV

TITLE = "Fig. 12: triangular networks on package"
SCENARIOS = (3, 4)
STRATEGIES = ("Simba-T (Shi)", "Simba-T (NVD)", "Het-T")
ON_MESH = {"Simba-T (Shi)": "Simba (Shi)", "Simba-T (NVD)": "Simba (NVD)", "Het-T": "Het-Sides"}
"""The same chiplets on the mesh: Het-T has the columns of Het-Sides in our reading."""
EXCHANGED = Setting(flipped=True)
_METRICS: Mapping[str, str] = {"latency_s": "latency", "energy_j": "energy", "edp_js": "EDP"}


def questions(quick: bool) -> list[Question]:
    """Three strategies and the base, Het-T also exchanged, and the meshes of Table IV; of a quick run scenario 3."""
    scenarios = (3,) if quick else SCENARIOS
    asked = [_base(n) for n in scenarios]
    asked += [Experiment(n, each) for each in (*STRATEGIES, *ON_MESH.values()) for n in scenarios]
    return [*asked, *([] if quick else [Experiment(n, "Het-T", setting=EXCHANGED) for n in scenarios])]


def exhibit(answers: Answers) -> Exhibit:
    """Latency, energy and EDP over the standalone base, as in the figure, and EDP over the mesh."""
    tables = tuple(_table(answers, name) for name in _METRICS)
    return Exhibit(
        name="scar-fig-12",
        title=TITLE,
        source="SCAR, Fig. 12 and V-E",
        setting=f"{AS_TABLE_IV} A triangular network is a 3x3 mesh with one diagonal in every cell, and Het-T has "
        "NVDLA-like chiplets on its outer columns: both are our reading of Fig. 6. The base is Stand. (NVD) on the "
        "triangular package.",
        tables=(*tables, _beside_mesh(answers)),
        findings=_findings(answers),
        panels=tuple(map(_panel, tables)),
        columns=3,
        notes=(
            "The figure is an image; the text gives three ratios of EDP. It calls Het-T better than both Simba-T in "
            "one half of the sentence and second best in scenario 3 in the other; the first is taken to be about "
            "scenario 4.",
            "More links matter only to pipelines that a mesh cannot lay out: III-E charges transfers between "
            "neighbours of a pipeline, and a mesh of nine chiplets already has a path of every length that PROV asks "
            "for.",
        ),
    )


def _base(scenario: int) -> Experiment:
    return Experiment(scenario, "Simba-T (NVD)", scheduler="standalone")


def _table(answers: Answers, name: str) -> Table:
    rows = [
        Row(each, tuple(Cell(None, over(answers, (Experiment(n, each), _base(n)), name)) for n in SCENARIOS))
        for each in STRATEGIES
    ]
    exchanged = [over(answers, (Experiment(n, "Het-T", setting=EXCHANGED), _base(n)), name) for n in SCENARIOS]
    rows.append(Row("Het-T, exchanged", tuple(Cell(None, each) for each in exchanged)))
    columns = tuple(f"Sc{n}" for n in SCENARIOS)
    return Table(f"EDP search, {_METRICS[name]}", "of Stand. (NVD)", "strategy", columns, tuple(rows))


def _beside_mesh(answers: Answers) -> Table:
    rows = [
        Row(
            f"{each} over {mesh}",
            tuple(Cell(None, over(answers, (Experiment(n, each), Experiment(n, mesh)), "edp_js")) for n in SCENARIOS),
        )
        for each, mesh in ON_MESH.items()
    ]
    columns = tuple(f"Sc{n}" for n in SCENARIOS)
    return Table("EDP on the triangular network over that on the mesh", "", "strategy", columns, tuple(rows))


def _findings(answers: Answers) -> tuple[Finding, ...]:
    def compared(claim: str, published: float, scenario: int, base: str) -> Finding:
        return on_edp(answers, claim, "V-E", [published], [(Experiment(scenario, "Het-T"), Experiment(scenario, base))])

    mesh = (Experiment(3, "Het-Sides"), Experiment(3, "Simba (NVD)"))
    on_mesh = table_iv.published_over("edp_js", "Het-Sides", "Simba (NVD)", [3])
    return (
        compared("scenario 4: Het-T has 2.5 times less EDP than Simba-T (Shi)", 1 / 2.5, 4, "Simba-T (Shi)"),
        compared("scenario 4: Het-T has 1.67 times less EDP than Simba-T (NVD)", 1 / 1.67, 4, "Simba-T (NVD)"),
        compared("scenario 3: Het-T has 2.5 times the EDP of Simba-T (NVD)", 2.5, 3, "Simba-T (NVD)"),
        on_edp(answers, "scenario 3, mesh: Het-Sides has 1.47 times the EDP of Simba (NVD)", "V-E", on_mesh, [mesh]),
    )


def _panel(table: Table) -> Panel:
    places = tuple(float(place) for place in range(len(table.columns)))
    rows = table.rows[: len(STRATEGIES)]
    series = tuple(Series(row.name, places, tuple(cell.ours or 0.0 for cell in row.cells)) for row in rows)
    return Panel(table.title, Look.BARS, "", table.unit, series, table.columns, logarithmic=True)
