"""SCAR's headline: 27.6 % and 29.6 % less EDP than homogeneous packages, and the loss that the mean hides.

The paper does not define the mean. Its own tables give both figures as the mean over five scenarios and over the two
Simba-like baselines of 1 - EDP(Het-Sides) / EDP(baseline), EDP search: 27.63 % and 29.62 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chipweave.reproduction.exhibit import Cell, Exhibit, Finding, Row, Table, bars
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar import table_iv, table_v
from chipweave.reproduction.scar.compare import in_words, mean, on_ratios, over
from chipweave.reproduction.scar.profile import ARVR, DATACENTER, PROFILE, Experiment, Setting
from chipweave.reproduction.scar.profile_words import AS_TABLE_IV

TITLE = "The headline: EDP of Het-Sides against homogeneous packages"
BASELINES = ("Simba (Shi)", "Simba (NVD)")
OURS = "Het-Sides"
HEADLINE: Mapping[tuple[int, ...], float] = {DATACENTER: 27.6, ARVR: 29.6}
"""Per cent, by its scenarios (abstract)."""
_USE: Mapping[tuple[int, ...], str] = {DATACENTER: "datacenter", ARVR: "AR/VR"}


def questions(quick: bool) -> list[Question]:
    """Het-Sides and the baselines in all ten scenarios; of a quick run those that Tables IV and V ask, which do not
    make a mean."""
    datacenter = table_iv.QUICK if quick else DATACENTER
    arvr = table_v.QUICK if quick else ARVR
    settings = (PROFILE,) if quick else (PROFILE, table_iv.FLOOR)
    asked = [(PROFILE, arvr), *((setting, datacenter) for setting in settings)]
    return [
        Experiment(scenario, strategy, setting=setting)
        for setting, scenarios in asked
        for strategy in (OURS, *BASELINES)
        for scenario in scenarios
    ]


def exhibit(answers: Answers) -> Exhibit:
    """The reductions that the headline is the mean of."""
    tables = tuple(_table(answers, scenarios, PROFILE) for scenarios in HEADLINE)
    return Exhibit(
        name="scar-headline",
        title=TITLE,
        source="SCAR, abstract, Tables IV and V",
        setting=f"{AS_TABLE_IV} The paper does not define its mean: its own tables give it as the mean over five "
        "scenarios and the two Simba-like baselines of 1 - EDP(Het-Sides) / EDP(baseline), in the EDP search.",
        tables=(*tables, _table(answers, DATACENTER, table_iv.FLOOR)),
        findings=_findings(tables),
        panels=tuple(bars(table, len(BASELINES), "%") for table in tables),
        columns=2,
        notes=(
            "The published mean of the datacenter scenarios joins a gain of 62.1 % over Simba (Shi) and a *loss* of "
            "6.8 % to Simba (NVD): a homogeneous package of the better dataflow is on average the better choice "
            "there. The gain of a mixed package over the worse of two homogeneous ones says little about "
            "heterogeneity; the rows of the table keep the two apart.",
        ),
    )


def published_reduction(scenario: int, baseline: str) -> float:
    """Per cent, from the paper's own tables."""
    if scenario in DATACENTER:
        (over_base,) = table_iv.published_over("edp_js", OURS, baseline, [scenario])
    else:
        place = ARVR.index(scenario)
        over_base = table_v.PUBLISHED["edp_js", OURS][place] / table_v.PUBLISHED["edp_js", baseline][place]
    return 100 * (1 - over_base)


def _table(answers: Answers, scenarios: tuple[int, ...], setting: Setting) -> Table:
    theirs: list[list[float | None]] = []
    ours: list[list[float | None]] = []
    for baseline in BASELINES:
        theirs.append(_with_mean([published_reduction(n, baseline) for n in scenarios]))
        pairs = [(Experiment(n, OURS, setting=setting), Experiment(n, baseline, setting=setting)) for n in scenarios]
        ours.append(_with_mean([_reduction(over(answers, pair, "edp_js")) for pair in pairs]))
    both = [mean(pair) for pair in zip(*ours, strict=True)]
    published = [mean(pair) for pair in zip(*theirs, strict=True)]
    published[-1] = HEADLINE[scenarios]
    rows = [
        Row(f"over {name}", tuple(map(Cell, printed, found)))
        for name, printed, found in zip(BASELINES, theirs, ours, strict=True)
    ]
    floor = "" if setting.floor is None else f", off-chip floor {setting.floor}"
    return Table(
        f"Less EDP by Het-Sides, {_USE[scenarios]}{floor}",
        "%",
        "baseline",
        (*(f"Sc{n}" for n in scenarios), "mean"),
        (*rows, Row("both", tuple(map(Cell, published, both)))),
    )


def _reduction(edp_ratio: float | None) -> float | None:
    return None if edp_ratio is None else 100 * (1 - edp_ratio)


def _with_mean(found: Sequence[float | None]) -> list[float | None]:
    return [*found, mean(found)]


def _findings(tables: Sequence[Table]) -> tuple[Finding, ...]:
    found = []
    for (scenarios, published), table in zip(HEADLINE.items(), tables, strict=True):
        shi, nvd, both = (row.cells[-1] for row in table.rows)
        use = _USE[scenarios]
        claim = f"{use}: {published} % less EDP than homogeneous packages on average"
        found.append(_finding(claim, "abstract", [both]))
        hidden = "a loss to" if (nvd.published or 0.0) < 0 else "a smaller gain over"
        source = "Table IV" if scenarios == DATACENTER else "Table V"
        claim = f"{use}: the mean joins a gain over Simba (Shi) and {hidden} Simba (NVD)"
        found.append(_finding(claim, source, [shi, nvd]))
    return tuple(found)


def _finding(claim: str, where: str, cells: Sequence[Cell]) -> Finding:
    """Reductions are judged as the ratios of EDP that they stand for: 27.6 % less is 0.724 times."""
    theirs = [1 - (cell.published or 0.0) / 100 for cell in cells]
    ours = [None if cell.ours is None else 1 - cell.ours / 100 for cell in cells]
    judged = on_ratios(claim, where, theirs, ours)
    printed = f"{in_words([cell.published for cell in cells])} %"
    found = f"{in_words([cell.ours for cell in cells])} %"
    reason = judged.reason or f"judged as ratios of EDP: {judged.published} published, {judged.ours} ours"
    return Finding(claim, where, printed, found, judged.verdict, reason)
