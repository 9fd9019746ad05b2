"""SCAR's Table V and Fig. 10: six strategies on the AR/VR scenarios, EDP search, over Stand. (NVD)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chipweave.reproduction.exhibit import Cell, Exhibit, Finding, Row, Table, bars
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar.compare import Pair, in_words, mean, on_edp, on_ratios, over
from chipweave.reproduction.scar.profile import ARVR, MIXED, TABLE_IV_STRATEGIES, Experiment, Setting
from chipweave.reproduction.scar.profile_words import AS_TABLE_IV

TITLE = "Table V and Fig. 10: the AR/VR scenarios"
QUICK = (8,)
BASE = "Stand. (NVD)"
EXCHANGED = Setting(flipped=True)

Five = tuple[float, float, float, float, float]
PUBLISHED: Mapping[tuple[str, str], Five] = {
    ("latency_s", "Stand. (Shi)"): (1.7, 1.7, 0.96, 0.36, 1.24),
    ("latency_s", "Stand. (NVD)"): (1.0, 1.0, 1.0, 1.0, 1.0),
    ("latency_s", "Simba (Shi)"): (1.72, 1.75, 0.97, 0.36, 1.28),
    ("latency_s", "Simba (NVD)"): (1.01, 1.0, 0.99, 0.07, 1.0),
    ("latency_s", "Het-CB"): (1.01, 1.03, 0.78, 0.4, 0.77),
    ("latency_s", "Het-Sides"): (1.0, 0.99, 0.78, 0.41, 0.75),
    ("edp_js", "Stand. (Shi)"): (2.32, 2.26, 1.22, 0.45, 1.71),
    ("edp_js", "Stand. (NVD)"): (1.0, 1.0, 1.0, 1.0, 1.0),
    ("edp_js", "Simba (Shi)"): (2.36, 2.33, 1.24, 0.47, 1.78),
    ("edp_js", "Simba (NVD)"): (1.01, 1.01, 1.0, 1.08, 1.02),
    ("edp_js", "Het-CB"): (1.09, 1.09, 0.83, 0.43, 0.82),
    ("edp_js", "Het-Sides"): (1.05, 1.03, 0.83, 0.45, 0.79),
}
"""(figure, strategy): scenarios 6 to 10, over Stand. (NVD) (SCAR, Table V)."""

_FIGURES = {"latency_s": "latency", "edp_js": "EDP"}


def questions(quick: bool) -> list[Question]:
    """Every strategy and scenario, mixed packages also with their dataflows exchanged; of a quick run one scenario."""
    scenarios = QUICK if quick else ARVR
    plain = [Experiment(n, strategy) for strategy in TABLE_IV_STRATEGIES for n in scenarios]
    mixed = [strategy for strategy in TABLE_IV_STRATEGIES if strategy in MIXED]
    return [*plain, *([] if quick else [Experiment(n, each, setting=EXCHANGED) for each in mixed for n in scenarios])]


def exhibit(answers: Answers) -> Exhibit:
    """Table V with ours beside it, as bars like Fig. 10."""
    tables = tuple(_table(answers, name) for name in _FIGURES)
    return Exhibit(
        name="scar-table-v",
        title=TITLE,
        source="SCAR, Table V and Fig. 10",
        setting=f"{AS_TABLE_IV} Chiplets have 256 PEs.",
        tables=tables,
        findings=_findings(answers),
        panels=tuple(bars(table, len(TABLE_IV_STRATEGIES), "") for table in tables),
        columns=2,
        notes=(
            "Two of the paper's figures contradict each other. Simba (NVD) in scenario 9 has 0.07 of the latency and "
            "1.08 of the EDP, which would need 15 times the energy; elsewhere in its row energy is that of Stand. "
            "(NVD). It is taken as a misprint and not judged.",
            "The paper's Simba (NVD) gains nothing by pipelining in any of the five scenarios; ours gains in all of "
            "them. III-E's pipelines gain only where a batch is cut into micro-batches. How small these are, the paper "
            "does not say: a micro-batch as large as the batch would give its figures. This is our inference.",
            "The text's 21.3 % over Simba (NVD) does not follow from Table V, which gives 18.4 % as the mean of the "
            "reductions (17 % over Stand. (NVD) does follow, as the mean of the ratios).",
        ),
    )


def _pairs(strategy: str, base: str, setting: Setting | None = None) -> list[Pair]:
    def asked(scenario: int) -> Experiment:
        return Experiment(scenario, strategy) if setting is None else Experiment(scenario, strategy, setting=setting)

    return [(asked(n), Experiment(n, base)) for n in ARVR]


def _table(answers: Answers, name: str) -> Table:
    rows = []
    for strategy in TABLE_IV_STRATEGIES:
        ways: list[tuple[str, Setting | None]] = [(strategy, None)]
        if strategy in MIXED:
            ways.append((f"{strategy}, exchanged", EXCHANGED))
        for row, setting in ways:
            ours = [over(answers, pair, name) for pair in _pairs(strategy, BASE, setting)]
            rows.append(Row(row, tuple(map(Cell, PUBLISHED[name, strategy], ours))))
    order = sorted(rows, key=lambda row: "exchanged" in row.name)
    columns = tuple(f"Sc{n}" for n in ARVR)
    return Table(f"EDP search, {_FIGURES[name]} over that of {BASE}", "", "strategy", columns, tuple(order))


def _findings(answers: Answers) -> tuple[Finding, ...]:
    def compared(claim: str, where: str, strategy: str, scenarios: Sequence[int]) -> Finding:
        published = [PUBLISHED["edp_js", strategy][ARVR.index(n)] for n in scenarios]
        pairs = [(Experiment(n, strategy), Experiment(n, BASE)) for n in scenarios]
        return on_edp(answers, claim, where, published, pairs)

    return (
        _on_average(answers, f"Het-Sides has 17 % less EDP than {BASE} on average", BASE, 17.0),
        _on_average(answers, "Het-Sides has 21.3 % less EDP than Simba (NVD) on average", "Simba (NVD)", 21.3),
        compared(f"in scenarios 6 and 7 Het-Sides is level with {BASE}", "V-C", "Het-Sides", (6, 7)),
        compared(f"in scenarios 8 to 10 Het-Sides is better than {BASE}", "Table V", "Het-Sides", (8, 9, 10)),
        compared(f"Stand. (Shi) is worse than {BASE} but in scenario 9", "Table V", "Stand. (Shi)", ARVR),
        compared(f"Simba (NVD) gains nothing over {BASE}", "Table V", "Simba (NVD)", ARVR),
    )


def _on_average(answers: Answers, claim: str, base: str, published: float) -> Finding:
    ratios = [over(answers, pair, "edp_js") for pair in _pairs("Het-Sides", base)]
    reason = f"mean of the ratios {in_words(ratios)} of scenarios 6 to 10"
    return on_ratios(claim, "V-C", [1 - published / 100], [mean(ratios)], reason)
