"""SCAR's Fig. 13: scenario 4 on 6x6 packages by the evolutionary search, n_splits 2 and 3."""

from __future__ import annotations

from collections.abc import Mapping

from chipweave.reproduction.exhibit import Cell, Exhibit, Finding, Row, Table
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar import fronts
from chipweave.reproduction.scar.compare import figure, on_ratios, on_shidiannao, ratio
from chipweave.reproduction.scar.profile import Experiment, Setting
from chipweave.reproduction.scar.profile_words import AS_TABLE_IV

TITLE = "Fig. 13: 6x6 packages"
SCENARIO = 4
SPLITS = (2, 3)
QUICK = (2,)
STRATEGIES = ("Simba-6x6 (Shi)", "Simba-6x6 (NVD)", "Het-Cross")
EXCHANGED = Setting(flipped=True)
PUBLISHED: Mapping[tuple[str, str], float] = {
    ("edp_js", "Simba-6x6 (Shi)"): 2.3,
    ("edp_js", "Simba-6x6 (NVD)"): 1.9,
    ("latency_s", "Simba-6x6 (Shi)"): 2.1,
    ("latency_s", "Simba-6x6 (NVD)"): 1.8,
}
"""(figure, base): how many times less Het-Cross has (SCAR V-D)."""

_METRICS = {"latency_s": "latency", "energy_j": "energy", "edp_js": "EDP"}


def questions(quick: bool) -> list[Question]:
    """Three strategies per number of splits, Het-Cross also exchanged."""
    asked = [_experiment(each, splits) for splits in (QUICK if quick else SPLITS) for each in STRATEGIES]
    return [*asked, *([] if quick else [_experiment("Het-Cross", splits, EXCHANGED) for splits in SPLITS])]


def exhibit(answers: Answers) -> Exhibit:
    """The best of each strategy, and its front, per number of splits."""
    panels = []
    for splits in SPLITS:
        base = _experiment("Simba-6x6 (NVD)", splits)
        found = {each: fronts.relative_front(answers, [_experiment(each, splits)], base) for each in STRATEGIES}
        if any(found.values()):
            panels.append(fronts.panel(f"n_splits {splits}, over Simba-6x6 (NVD)", found, {}))
    return Exhibit(
        name="scar-fig-13",
        title=TITLE,
        source="SCAR, Fig. 13 and V-D",
        setting=f"{AS_TABLE_IV} SEG is evolutionary, as in the paper: population 10, 4 generations. The operators and "
        "rates, which the paper does not give, are ours, and so is the grid of Het-Cross (NVDLA-like chiplets on the "
        "two central rows and columns).",
        tables=tuple(_table(answers, name) for name in _METRICS),
        findings=_findings(answers),
        panels=tuple(panels),
        columns=2,
        notes=(
            "The figure is an image. The text does not say for which n_splits its ratios are, so ours are between the "
            "best schedules of each strategy over those that were run.",
            "Forty evaluated individuals say little about an optimum: a ratio between two such searches is one between "
            "two samples.",
        ),
    )


def _experiment(strategy: str, splits: int, setting: Setting | None = None) -> Experiment:
    options = (("n_splits", splits),)
    if setting is None:
        return Experiment(SCENARIO, strategy, options=options)
    return Experiment(SCENARIO, strategy, setting=setting, options=options)


def _table(answers: Answers, name: str) -> Table:
    rows = [
        Row(each, tuple(Cell(None, figure(answers, _experiment(each, splits), name)) for splits in SPLITS))
        for each in STRATEGIES
    ]
    exchanged = [figure(answers, _experiment("Het-Cross", splits, EXCHANGED), name) for splits in SPLITS]
    rows.append(Row("Het-Cross, exchanged", tuple(Cell(None, each) for each in exchanged)))
    unit = {"latency_s": "s", "energy_j": "J", "edp_js": "J.s"}[name]
    columns = tuple(f"n_splits {splits}" for splits in SPLITS)
    return Table(f"Scenario 4, EDP search, {_METRICS[name]}", unit, "strategy", columns, tuple(rows))


def best(answers: Answers, strategy: str) -> Experiment | None:
    """The experiment with the least EDP over the numbers of splits; None where none was asked."""
    by_edp = {splits: figure(answers, _experiment(strategy, splits), "edp_js") for splits in SPLITS}
    there = {splits: edp for splits, edp in by_edp.items() if edp is not None}
    return _experiment(strategy, min(there, key=lambda splits: there[splits])) if there else None


def _findings(answers: Answers) -> tuple[Finding, ...]:
    found = []
    for (name, base), published in PUBLISHED.items():
        ours, theirs = best(answers, "Het-Cross"), best(answers, base)
        value = None
        if ours is not None and theirs is not None:
            value = ratio(figure(answers, ours, name), figure(answers, theirs, name))
        used = "–" if ours is None else on_shidiannao(answers, ours)
        reason = f"our Het-Cross schedule has {used} layers on ShiDianNao-like chiplets"
        claim = f"Het-Cross has {published} times less {_METRICS[name]} than {base}"
        found.append(on_ratios(claim, "V-D", [1 / published], [value], reason))
    return tuple(found)
