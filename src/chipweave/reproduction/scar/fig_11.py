"""SCAR's Fig. 11: fronts of the AR/VR scenarios over strategies, EDP search."""

from __future__ import annotations

from chipweave.reproduction.exhibit import Exhibit
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar import fronts, table_v
from chipweave.reproduction.scar.profile import ARVR, TABLE_IV_STRATEGIES, Experiment
from chipweave.reproduction.scar.profile_words import AS_TABLE_IV

TITLE = "Fig. 11: fronts of the AR/VR scenarios"
MISPRINT = ("Simba (NVD)", 9)
"""Its printed latency cannot be right (see Table V), and so neither can the energy that follows from it."""


def questions(quick: bool) -> list[Question]:
    """The experiments of Table V."""
    scenarios = table_v.QUICK if quick else ARVR
    return [Experiment(scenario, strategy) for scenario in scenarios for strategy in TABLE_IV_STRATEGIES]


def exhibit(answers: Answers) -> Exhibit:
    """A front per strategy."""
    found = {n: {each: _front(answers, n, each) for each in TABLE_IV_STRATEGIES} for n in ARVR}
    return Exhibit(
        name="scar-fig-11",
        title=TITLE,
        source="SCAR, Fig. 11",
        setting=f"{AS_TABLE_IV} Which of the five scenarios the figure shows is written into the image only; ours are "
        f"all of them. A front holds every schedule that the EDP search met and no other one beats in both; figures "
        f"are over {table_v.BASE}.",
        tables=tuple(
            fronts.table(f"Scenario {n}", found[n], {each: _printed_ends(n, each) for each in TABLE_IV_STRATEGIES})
            for n in ARVR
        ),
        findings=(fronts.on_the_front(found, "Fig. 11"),),
        panels=tuple(
            fronts.panel(f"Scenario {n}", found[n], {each: _printed(n, each) for each in TABLE_IV_STRATEGIES})
            for n in ARVR
            if any(found[n].values())
        ),
        columns=3,
        notes=(
            "The figure is an image. Hollow points are those of Table V, energy being EDP over latency; Simba (NVD) in "
            "scenario 9 is left out, since its printed latency of 0.07 cannot be right. The least latency that the "
            "tables print as the paper's is that of its EDP search.",
        ),
    )


def _front(answers: Answers, scenario: int, strategy: str) -> list[fronts.Point]:
    return fronts.relative_front(answers, [Experiment(scenario, strategy)], Experiment(scenario, table_v.BASE))


def _printed(scenario: int, strategy: str) -> list[fronts.Point]:
    if (strategy, scenario) == MISPRINT:
        return []
    latency, edp = _printed_ends(scenario, strategy)
    return [(latency, edp / latency)]


def _printed_ends(scenario: int, strategy: str) -> tuple[float, float]:
    place = ARVR.index(scenario)
    latency, edp = (table_v.PUBLISHED[name, strategy][place] for name in ("latency_s", "edp_js"))
    return latency, edp
