"""SCAR's Fig. 8: fronts of datacenter scenarios over strategies, from all three searches."""

from __future__ import annotations

from chipweave.reproduction.exhibit import Exhibit
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar import fronts, table_iv
from chipweave.reproduction.scar.compare import on_ratios, over
from chipweave.reproduction.scar.fig_7 import SEARCHES, published, what_runs
from chipweave.reproduction.scar.profile import TABLE_IV_STRATEGIES, Experiment
from chipweave.reproduction.scar.profile_words import AS_TABLE_IV

TITLE = "Fig. 8: fronts of datacenter scenarios"
SCENARIOS = (3, 4, 5)
QUICK = (3,)
BASE = table_iv.BASE


def questions(quick: bool) -> list[Question]:
    """The experiments of Fig. 7 in scenarios 3 to 5; of a quick run in scenario 3."""
    return [
        Experiment(scenario, strategy, search)
        for scenario in (QUICK if quick else SCENARIOS)
        for strategy in TABLE_IV_STRATEGIES
        for search in SEARCHES.values()
    ]


def exhibit(answers: Answers) -> Exhibit:
    """A front per strategy, joined over the three searches."""
    found = {n: {each: _front(answers, n, each) for each in TABLE_IV_STRATEGIES} for n in SCENARIOS}
    asked = [n for n in SCENARIOS if any(found[n].values())]
    speedup = over(answers, (Experiment(3, "Simba (NVD)", "latency"), Experiment(3, BASE, "latency")), "latency_s")
    findings = [
        on_ratios(
            "scenario 3, latency search: Simba (NVD) is 2.9 times as fast as Stand. (NVD), the leftmost point",
            "V-B, Pipelining Benefits",
            [1 / 2.9],
            [speedup],
            what_runs(answers, "Simba (NVD)", [3], "latency"),
        )
    ]
    findings.append(fronts.on_the_front(found, "Fig. 8"))
    return Exhibit(
        name="scar-fig-8",
        title=TITLE,
        source="SCAR, Fig. 8",
        setting=f"{AS_TABLE_IV} The text says that the figure shows scenarios 3 and 4, its caption says 4 and 5; ours "
        "are all three. A front holds every schedule that the searches for latency, energy and EDP met and that no "
        f"other one beats in both; figures are over {BASE}.",
        tables=tuple(
            fronts.table(f"Scenario {n}", found[n], {each: _printed_ends(n, each) for each in TABLE_IV_STRATEGIES})
            for n in SCENARIOS
        ),
        findings=tuple(findings),
        panels=tuple(
            fronts.panel(f"Scenario {n}", found[n], {each: _printed(n, each) for each in TABLE_IV_STRATEGIES})
            for n in asked
        ),
        columns=3,
        notes=(
            "The figure is an image. Hollow points are those that Table IV prints: the best of the latency search and "
            "of the EDP search.",
        ),
    )


def _front(answers: Answers, scenario: int, strategy: str) -> list[fronts.Point]:
    asked = [Experiment(scenario, strategy, search) for search in SEARCHES.values()]
    return fronts.relative_front(answers, asked, Experiment(scenario, BASE))


def _printed(scenario: int, strategy: str) -> list[fronts.Point]:
    """Table IV's points, over Stand. (NVD)."""
    made = []
    for search in ("latency", "edp"):
        latency, energy = (published(name, search, strategy)[scenario - 1] for name in ("latency_s", "energy_j"))
        if latency is not None and energy is not None:
            made.append((latency, energy))
    return made


def _printed_ends(scenario: int, strategy: str) -> tuple[float, float]:
    latency = table_iv.published_over("latency_s", strategy, BASE, [scenario], "latency")[0]
    return latency, table_iv.published_over("edp_js", strategy, BASE, [scenario])[0]
