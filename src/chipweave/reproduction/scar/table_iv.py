"""SCAR's Table IV: six strategies on the datacenter scenarios, searched for latency and for EDP.

Beside the paper's six rows stand the mixed packages with their dataflows exchanged, since Fig. 6 is an image, and
beside the profile MAESTRO's off-chip floor, which the published figures probably include.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from chipweave.reproduction.exhibit import Cell, Exhibit, Finding, Row, Table, bars
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar.compare import Pair, figure, in_words, on_best, on_edp, on_shidiannao, over
from chipweave.reproduction.scar.most_windows import MostWindows
from chipweave.reproduction.scar.profile import (
    DATACENTER,
    MIXED,
    PROFILE,
    TABLE_IV_STRATEGIES,
    Experiment,
    Setting,
)
from chipweave.reproduction.scar.profile_words import profile_in_words

TITLE = "Table IV: latency and EDP of six strategies on the datacenter scenarios"
QUICK = (1, 2, 3)
FLOOR = Setting(floor=64)
"""MAESTRO's off-chip floor at the figure of SCAR's Table II."""
BASE = "Stand. (NVD)"

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

ROWS = (
    *((strategy, strategy, False) for strategy in TABLE_IV_STRATEGIES),
    *((f"{strategy}, exchanged", strategy, True) for strategy in TABLE_IV_STRATEGIES if strategy in MIXED),
)
"""Name, strategy, and whether the dataflows of its package are exchanged: which way round the paper has them, no text
says, so its figures stand beside both."""

SEARCHED = TABLE_IV_STRATEGIES[2:]
"""Strategies that cut into windows."""

_FIGURES = {"latency_s": ("latency", "s"), "edp_js": ("EDP", "J.s")}
_SEARCHES = {"latency": "latency search", "edp": "EDP search"}


def questions(quick: bool) -> list[Question]:
    """Every row and scenario by both searches, by the EDP search with the floor, and with all windows forced; in a
    quick run the paper's rows in scenarios 1 to 3 by both searches."""
    scenarios = QUICK if quick else DATACENTER
    asked = [("latency", PROFILE), ("edp", PROFILE), *([] if quick else [("edp", FLOOR)])]
    rows = ROWS[: len(TABLE_IV_STRATEGIES)] if quick else ROWS
    experiments: list[Question] = [
        Experiment(scenario, strategy, objective, replace(setting, flipped=flipped))
        for objective, setting in asked
        for _, strategy, flipped in rows
        for scenario in scenarios
    ]
    return experiments if quick else [*experiments, *(MostWindows(n, each) for each in SEARCHED for n in DATACENTER)]


def exhibit(answers: Answers) -> Exhibit:
    """Table IV with ours beside it, once more with the floor, and EDP over that of Stand. (NVD)."""
    table_iv = [_table(answers, objective, name, PROFILE) for objective in _SEARCHES for name in _FIGURES]
    with_floor = [_table(answers, "edp", name, FLOOR) for name in _FIGURES]
    return Exhibit(
        name="scar-table-iv",
        title=TITLE,
        source="SCAR, Table IV",
        setting=profile_in_words(),
        tables=(
            *table_iv,
            _relative(answers, PROFILE),
            *with_floor,
            _relative(answers, FLOOR),
            _forced(answers),
        ),
        findings=_findings(answers),
        panels=tuple(bars(table, len(TABLE_IV_STRATEGIES), table.unit, logarithmic=True) for table in table_iv),
        columns=2,
        notes=_notes(answers, table_iv, with_floor),
    )


def _experiment(scenario: int, strategy: str, objective: str, setting: Setting, flipped: bool = False) -> Experiment:
    return Experiment(scenario, strategy, objective, replace(setting, flipped=flipped))


def _title(objective: str, what: str, setting: Setting) -> str:
    return f"{_SEARCHES[objective]}, {what}{'' if setting.floor is None else f', off-chip floor {setting.floor}'}"


def _table(answers: Answers, objective: str, name: str, setting: Setting) -> Table:
    rows = []
    for row, strategy, flipped in ROWS:
        ours = [figure(answers, _experiment(n, strategy, objective, setting, flipped), name) for n in DATACENTER]
        rows.append(Row(row, tuple(map(Cell, PUBLISHED[objective, name, strategy], ours))))
    what, unit = _FIGURES[name]
    return Table(_title(objective, what, setting), unit, "strategy", _columns(), tuple(rows))


def _relative(answers: Answers, setting: Setting) -> Table:
    """EDP of the EDP search over that of the base: what can be compared where joules cannot."""
    rows = []
    for row, strategy, flipped in ROWS:
        pairs = [
            (_experiment(n, strategy, "edp", setting, flipped), _experiment(n, BASE, "edp", setting))
            for n in DATACENTER
        ]
        published = published_over("edp_js", strategy, BASE, DATACENTER)
        rows.append(Row(row, tuple(map(Cell, published, [over(answers, pair, "edp_js") for pair in pairs]))))
    title = _title("edp", f"EDP over that of {BASE}", setting)
    return Table(title, "", "strategy", _columns(), tuple(rows))


def _forced(answers: Answers) -> Table:
    """EDP over that of the base where as many windows as there can be are forced."""
    rows = []
    for strategy in SEARCHED:
        ours = [over(answers, (MostWindows(n, strategy), Experiment(n, BASE)), "edp_js") for n in DATACENTER]
        rows.append(Row(strategy, tuple(map(Cell, published_over("edp_js", strategy, BASE, DATACENTER), ours))))
    title = f"EDP search, all windows forced, EDP over that of {BASE}"
    return Table(title, "", "strategy", _columns(), tuple(rows))


def published_over(name: str, strategy: str, base: str, scenarios: Sequence[int], search: str = "edp") -> list[float]:
    """The published ratio of one strategy's figure to another's in each scenario."""
    ours, theirs = PUBLISHED[search, name, strategy], PUBLISHED[search, name, base]
    return [ours[n - 1] / theirs[n - 1] for n in scenarios]


def _columns() -> tuple[str, ...]:
    return tuple(f"Sc{scenario}" for scenario in DATACENTER)


def _findings(answers: Answers) -> tuple[Finding, ...]:
    """What Table IV's EDP search says of its strategies: judged in the profile, with the floor's figures beside."""

    def compared(claim: str, strategy: str, base: str, scenarios: Sequence[int]) -> Finding:
        def pairs(setting: Setting) -> list[Pair]:
            return [(_experiment(n, strategy, "edp", setting), _experiment(n, base, "edp", setting)) for n in scenarios]

        published = published_over("edp_js", strategy, base, scenarios)
        found = on_edp(answers, claim, "Table IV", published, pairs(PROFILE))
        floored = in_words([over(answers, pair, "edp_js") for pair in pairs(FLOOR)])
        return replace(found, ours=f"{found.ours}; with the floor {floored}")

    def best(claim: str, expected: Sequence[str], scenarios: Sequence[int]) -> Finding:
        edp = [
            {each: figure(answers, Experiment(n, each), "edp_js") for each in TABLE_IV_STRATEGIES} for n in scenarios
        ]
        return on_best(claim, "Table IV, V-B", expected, edp)

    return (
        best("homogeneous NVDLA-like packages have the least EDP in scenarios 1 to 3", (BASE, "Simba (NVD)"), QUICK),
        best("Het-Sides has the least EDP in scenarios 4 and 5", ("Het-Sides",), (4, 5)),
        compared("Stand. (Shi) is worse than Stand. (NVD) in all five scenarios", "Stand. (Shi)", BASE, DATACENTER),
        compared("Simba (NVD) is better than Stand. (NVD) in scenarios 1 to 3", "Simba (NVD)", BASE, QUICK),
        compared("Simba (NVD) is slightly worse than Stand. (NVD) in scenarios 4 and 5", "Simba (NVD)", BASE, (4, 5)),
        compared("Het-Sides is better than Stand. (NVD) in scenarios 4 and 5", "Het-Sides", BASE, (4, 5)),
        compared("Het-Sides is better than Simba (NVD) in scenarios 4 and 5", "Het-Sides", "Simba (NVD)", (4, 5)),
        compared("Het-Sides is better than Het-CB in scenarios 4 and 5", "Het-Sides", "Het-CB", (4, 5)),
    )


def _notes(answers: Answers, plain: Sequence[Table], with_floor: Sequence[Table]) -> tuple[str, ...]:
    """What is seen, with the figures of this run."""
    nvdla, shidiannao = (_spread(plain[2], kind) for kind in ("NVD", "Shi"))
    floored = _spread(with_floor[0], "")
    tops = {setting: _experiment(4, "Het-Sides", "edp", setting) for setting in (PROFILE, FLOOR)}
    simba, sides = (
        [over(answers, (MostWindows(n, each), Experiment(n, BASE)), "edp_js") for n in (4, 5)]
        for each in ("Simba (NVD)", "Het-Sides")
    )
    used, used_floored = (on_shidiannao(answers, top) for top in tops.values())
    return (
        f"**Absolute latencies** (EDP search, homogeneous packages) are {nvdla} times the published ones on NVDLA-like "
        f"chiplets and {shidiannao} times on ShiDianNao-like ones. With the floor all rows of the table are {floored} "
        "times the published ones. The paper does not say whether MAESTRO's floor was on; the order of magnitude of "
        "its figures suggests that it was. The language models do not fit this either: the paper has 0.36 s for "
        "scenario 1.",
        "**Whether heterogeneity pays hangs on the cost model.** Under MAESTRO's official mappings and without the "
        "floor, the ShiDianNao-like chiplet is slower on every network, so that a mixed package has little to win. "
        "With the floor the two dataflows come close on convolutions, and so do the mixed packages. The best schedule "
        f"of scenario 4 on Het-Sides has {used} of its layers on ShiDianNao-like chiplets, and {used_floored} with the "
        "floor: where it has none, a mixed package is a homogeneous one with fewer chiplets.",
        "**Joules cannot be compared.** EDP over latency of the paper's Stand. (NVD) in scenario 1 is 0.019 J; to read "
        "the weights of its two language models once from DRAM costs 0.054 J at Table II's 14.8 pJ/bit. The text does "
        "not give the accounting behind its energies, so EDP is judged by ratios.",
        "**The paper's search is not completely defined**: top-k, the cap on nodes, the micro-batch and the conflict "
        "term have no value. Ours finds the optimum over the candidate windows up to a stated tolerance, which alone "
        "can make pipelines (the Simba-like rows) better than published.",
        "**The paper's Simba (NVD) is worse than Stand. (NVD) in scenarios 4 and 5, which ours cannot be**: one window "
        "with one chiplet per model is among its candidates. So the paper's search must leave that schedule out, as "
        "one that always makes all its windows does (Table VI has five). The last table forces all windows. Simba "
        f"(NVD) then has {in_words(simba)} times the EDP of Stand. (NVD) in scenarios 4 and 5, and Het-Sides "
        f"{in_words(sides)}{_explained(simba)}.",
        "Rows called *exchanged* have the two dataflows of their package exchanged: Fig. 6 is an image, and no text "
        "says which dataflow sits where.",
    )


def _explained(forced: Sequence[float | None]) -> str:
    """Whether forced windows alone make the Simba-like package worse than the standalone one."""
    if any(each is None for each in forced):
        return ""
    if all(each is not None and each > 1 for each in forced):
        return ": forced windows explain it"
    return ": forced windows cost something, but do not explain it alone"


def _spread(table: Table, kind: str) -> str:
    """Least and largest of ours over the published figure, over the rows of a kind of homogeneous package or, where
    none is named, over all."""
    rows = [row for row in table.rows if not kind or f"({kind})" in row.name]
    ratios = [cell.ratio for row in rows for cell in row.cells if cell.ratio is not None]
    return f"{min(ratios):.2g} to {max(ratios):.2g}" if ratios else "(not computed in this run)"
