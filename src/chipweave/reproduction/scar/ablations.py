"""SCAR's ablations (V-E): the number of splits, PROV's rule, first-fit packing; all by the EDP search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from chipweave.reproduction.exhibit import Cell, Exhibit, Finding, Look, Panel, Row, Series, Table
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar.compare import (
    figure,
    in_words,
    mean,
    on_best,
    on_edp,
    on_ratios,
    over,
    ratio,
    windows_in,
)
from chipweave.reproduction.scar.most_windows import MostWindows
from chipweave.reproduction.scar.profile import TABLE_IV_STRATEGIES, Experiment
from chipweave.reproduction.scar.profile_words import AS_TABLE_IV
from chipweave.schedulers.scar.options import Packing, Provision

TITLE = "Ablations: splits, PROV's rule, packing"
SPLITS = (1, 2, 3, 4, 5)
DEFAULT_SPLITS = 4
EXHAUSTIVE = (("provision", Provision.EXHAUSTIVE),)
UNIFORM = (("packing", Packing.UNIFORM),)
PROV_SCENARIOS = (3, 4, 5)
STANDALONE = ("Stand. (Shi)", "Stand. (NVD)")
"""They give each model one chiplet, so that there is nothing to provision."""
PROV_PUBLISHED: Mapping[str, tuple[float, float]] = {
    "Stand. (NVD)": (38.3, 29.9),
    "Simba (Shi)": (59.5, 57.6),
    "Simba (NVD)": (33.0, 28.3),
}
"""By baseline: how much less EDP Het-Sides has in scenarios 4 and 5, per cent, with the exhaustive search (V-E)."""

_METRICS = {"latency_s": "latency", "energy_j": "energy", "edp_js": "EDP"}


def questions(quick: bool) -> list[Question]:
    """The three ablations; of a quick run the packing and one number of splits."""
    top, uniform = Experiment(4, "Het-Sides"), Experiment(4, "Het-Sides", options=UNIFORM)
    if quick:
        return [top, uniform, _split(3)]
    provisioned = [_provisioned(n, each) for each in TABLE_IV_STRATEGIES for n in PROV_SCENARIOS]
    by_rule = [Experiment(n, each) for each in TABLE_IV_STRATEGIES for n in PROV_SCENARIOS]
    return [top, uniform, *map(_split, SPLITS), *map(_forced, SPLITS), *provisioned, *by_rule]


def exhibit(answers: Answers) -> Exhibit:
    """A table for each ablation, and the EDP over the number of splits."""
    splits = _splits(answers)
    edp = splits.rows[-1].cells
    there = [(float(n), cell.ours) for n, cell in zip(SPLITS, edp, strict=True)]
    known = [(n, edp) for n, edp in there if edp is not None]
    line = Series("Het-Sides", tuple(n for n, _ in known), tuple(edp for _, edp in known))
    return Exhibit(
        name="scar-ablations",
        title=TITLE,
        source="SCAR, V-E",
        setting=f"{AS_TABLE_IV} Splits and packing are tried in scenario 4 on Het-Sides, PROV in scenarios 3 to 5 on "
        "all strategies.",
        tables=(splits, _provision(answers), _gain(answers), _packing(answers)),
        findings=(*_of_splits(answers), *_of_provision(answers), *_of_packing(answers)),
        panels=(Panel("Scenario 4, Het-Sides", Look.LINES, "n_splits", "EDP, J.s", (line,)),) if known else (),
        columns=1,
        notes=(
            "Ours tries every number of cuts from none to n_splits and keeps the best schedule, so that EDP cannot "
            "rise with n_splits. Where it does not fall either, fewer windows are already best. The row *all windows "
            "forced* takes the partition with the most windows instead.",
            "The exhaustive PROV contains every distribution of the rule, so that it can lose only by the tolerance of "
            "a search that is not run to its end.",
            "The uniform baseline spreads each model's layers evenly over the windows. Since no cut is among the "
            "candidates of both packings, the best schedules of both can be the same one.",
        ),
    )


def _split(splits: int) -> Experiment:
    """The default is asked as Table IV asks it, so that it is answered once."""
    options: tuple[tuple[str, Any], ...] = () if splits == DEFAULT_SPLITS else (("n_splits", splits),)
    return Experiment(4, "Het-Sides", options=options)


def _forced(splits: int) -> MostWindows:
    return MostWindows(4, "Het-Sides", splits)


def _provisioned(scenario: int, strategy: str) -> Experiment:
    return Experiment(scenario, strategy, options=() if strategy in STANDALONE else EXHAUSTIVE)


def _splits(answers: Answers) -> Table:
    rows = [
        Row(what, tuple(Cell(None, figure(answers, _split(splits), name)) for splits in SPLITS))
        for name, what in _METRICS.items()
    ]
    forced = [figure(answers, _forced(splits), "edp_js") for splits in SPLITS]
    rows.insert(0, Row("EDP, all windows forced", tuple(Cell(None, each) for each in forced)))
    columns = tuple(map(str, SPLITS))
    return Table("Number of splits: scenario 4, Het-Sides", "s, J, J.s", "n_splits", columns, tuple(rows))


def _provision(answers: Answers) -> Table:
    rows = []
    for strategy in TABLE_IV_STRATEGIES:
        pairs = [(_provisioned(n, strategy), _provisioned(n, "Stand. (NVD)")) for n in PROV_SCENARIOS]
        rows.append(Row(strategy, tuple(Cell(None, over(answers, pair, "edp_js")) for pair in pairs)))
    columns = tuple(f"Sc{n}" for n in PROV_SCENARIOS)
    return Table("Exhaustive PROV: EDP over that of Stand. (NVD)", "", "strategy", columns, tuple(rows))


def _gain(answers: Answers) -> Table:
    rows = []
    for strategy in (each for each in TABLE_IV_STRATEGIES if each not in STANDALONE):
        pairs = [(_provisioned(n, strategy), Experiment(n, strategy)) for n in PROV_SCENARIOS]
        rows.append(Row(strategy, tuple(Cell(None, over(answers, pair, "edp_js")) for pair in pairs)))
    columns = tuple(f"Sc{n}" for n in PROV_SCENARIOS)
    return Table("Exhaustive PROV: EDP over that of the rule", "", "strategy", columns, tuple(rows))


def _packing(answers: Answers) -> Table:
    first_fit, uniform = Experiment(4, "Het-Sides"), Experiment(4, "Het-Sides", options=UNIFORM)
    rows = []
    for packing, experiment in (("first-fit", first_fit), ("uniform", uniform)):
        rows.append(Row(packing, tuple(Cell(None, figure(answers, experiment, name)) for name in _METRICS)))
    return Table("Packing: scenario 4, Het-Sides", "s, J, J.s", "packing", tuple(_METRICS.values()), tuple(rows))


def _of_splits(answers: Answers) -> tuple[Finding, ...]:
    """Rates of reduction are EDP over that with one split more; judged with the best number of cuts up to n_splits."""
    before, last = _rates(answers, _split)
    forced = in_words(_rates(answers, _forced))
    claim = "a split more lowers EDP by 1.25 times on average before n_splits = 4, and by only 1.04 times from 4 to 5"
    reason = f"all windows forced, it is {forced}; our best schedule has {windows_in(answers, _split(5))} windows"
    return (on_ratios(claim, "V-E", [1.25, 1.04], [before, last], reason),)


def _rates(answers: Answers, asked: Callable[[int], Question]) -> tuple[float | None, float | None]:
    """The mean rate before n_splits = 4, and that from 4 to 5."""
    edp = [figure(answers, asked(splits), "edp_js") for splits in SPLITS]
    rates = [ratio(fewer, more) for fewer, more in pairwise(edp)]
    return mean(rates[:-1]), rates[-1]


def _of_provision(answers: Answers) -> tuple[Finding, ...]:
    found = []
    for base, percents in PROV_PUBLISHED.items():
        pairs = [(_provisioned(n, "Het-Sides"), _provisioned(n, base)) for n in (4, 5)]
        claim = f"exhaustive PROV: Het-Sides has {percents[0]} % and {percents[1]} % less EDP than {base} in 4 and 5"
        found.append(on_edp(answers, claim, "V-E", [1 - each / 100 for each in percents], pairs))
    pair = (_provisioned(3, "Simba (NVD)"), _provisioned(3, "Het-Sides"))
    edp = [{each: figure(answers, _provisioned(n, each), "edp_js") for each in TABLE_IV_STRATEGIES} for n in (3, 4, 5)]
    return (
        *found,
        on_edp(answers, "exhaustive PROV: Simba (NVD) has 79.7 % less EDP than Het-Sides in 3", "V-E", [0.203], [pair]),
        on_best("exhaustive PROV: Simba (NVD) is the best in scenario 3", "V-E", ("Simba (NVD)",), edp[:1]),
        on_best("exhaustive PROV: Het-Sides is the best in scenarios 4 and 5", "V-E", ("Het-Sides",), edp[1:]),
    )


def _of_packing(answers: Answers) -> tuple[Finding, ...]:
    """First-fit over uniform: 21.8 % faster is 1 / 1.218 times the latency, 8.6 % less energy 0.914 times."""
    pair = (Experiment(4, "Het-Sides"), Experiment(4, "Het-Sides", options=UNIFORM))
    latency, energy = over(answers, pair, "latency_s"), over(answers, pair, "energy_j")
    ours = " and ".join(windows_in(answers, each) for each in pair)
    reason = f"our best schedules have {ours} windows"
    return (
        on_ratios("first-fit packing is 21.8 % faster than uniform packing", "V-E", [1 / 1.218], [latency], reason),
        on_ratios("first-fit packing takes 8.6 % less energy than uniform packing", "V-E", [0.914], [energy], reason),
    )
