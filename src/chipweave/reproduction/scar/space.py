"""How many schedules there are: SCAR's printed formula and claims (II-D), and the space that its engines leave.

The latter is counted. A schedule of it is a partition into windows that MCM-Reconfig offers, and in every window for
every model a cut of its layers into segments and a path of neighbouring chiplets for them, no chiplet serving two
models. Micro-batches are not counted: the paper gives no rule for them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, pose
from chipweave.reproduction.exhibit import Cell, Exhibit, Finding, Row, Table, Verdict
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar.compare import NOT_ASKED
from chipweave.reproduction.scar.profile import DATACENTER, PROFILE, Experiment, cost_model_of, package_of, scenario_of
from chipweave.reproduction.scar.profile_words import AS_TABLE_IV
from chipweave.schedulers.scar.expected_cost import expected_units
from chipweave.schedulers.scar.options import Packing, Provision, ScarOptions
from chipweave.schedulers.scar.provision import node_limits
from chipweave.schedulers.scar.reconfigure import candidate_windows
from chipweave.schedulers.scar.trees import simple_paths

TITLE = "The size of the search space"
STRATEGY = "Het-Sides"
QUICK = (1, 2)


@dataclass(frozen=True)
class Space:
    """A question: how many schedules SCAR's engines leave for a scenario on Het-Sides.

    Args:
        scenario: 1 to 10.
        n_splits: the largest number of cuts into windows.
    """

    scenario: int
    n_splits: int = ScarOptions().n_splits

    def answer(self) -> dict[str, Any]:
        """`chiplets`, `layers` of each model, `partitions` into windows; log10 of the number of schedules with PROV's
        `rule` and with `exhaustive` provisioning."""
        package = package_of(STRATEGY, self.scenario, PROFILE)
        scenario = scenario_of(self.scenario, PROFILE)
        problem = pose(scenario, package, cost_model_of(PROFILE), Fidelity(PROFILE.fidelity))
        expected = [expected_units(problem, task) for task in range(len(scenario.tasks))]
        candidates = candidate_windows(problem, self.n_splits, Packing.FIRST_FIT)
        paths = list(simple_paths(package, len(package.chiplets)))
        counted: dict[str, Any] = {
            "chiplets": len(package.chiplets),
            "layers": [len(task.model.layers) for task in scenario.tasks],
            "partitions": len(candidates),
        }
        edp = objective("edp")
        for provision in Provision:
            total = 0
            for windows in candidates:
                ways = 1
                for window in windows:
                    limits = node_limits(problem, window, expected, edp, provision, None)
                    ways *= placements(paths, limits, [share.end - share.first for share in window])
                total += ways
            counted[provision.value] = math.log10(total)
        return counted


def placements(paths: Sequence[Sequence[int]], limits: Sequence[int], units: Sequence[int]) -> int:
    """The number of ways to run the models of a window: for each a path, and its units cut into as many segments.

    Args:
        paths: every simple path of chiplets, in both directions.
        limits: most chiplets of each model.
        units: layers, or groups of layers that stay together, of each model.
    """
    taken = {0: 1}
    for limit, count in zip(limits, units, strict=True):
        by_set: dict[int, int] = {}
        for path in paths:
            if len(path) <= min(limit, count):
                chiplets = sum(1 << chiplet for chiplet in path)
                by_set[chiplets] = by_set.get(chiplets, 0) + math.comb(count - 1, len(path) - 1)
        joined: dict[int, int] = {}
        for before, ways in taken.items():
            for chiplets, more in by_set.items():
                if not before & chiplets:
                    joined[before | chiplets] = joined.get(before | chiplets, 0) + ways * more
        taken = joined
    return sum(taken.values())


def printed_formula(chiplets: int, layers: Sequence[int]) -> int:
    """C^L * L! / (L_1! ... L_N!): an assignment of each layer, times the interleavings of the models (II-D)."""
    interleavings = math.factorial(sum(layers))
    for each in layers:
        interleavings //= math.factorial(each)
    return int(chiplets ** sum(layers)) * interleavings


EXAMPLES: tuple[tuple[str, int, tuple[int, ...], float], ...] = (
    ("3 + 1 layers on 4 chiplets", 4, (3, 1), math.log10(1536)),
    ("50 + 23 layers on 36 chiplets", 36, (50, 23), 56.0),
)
"""The two that the paper counts, with log10 of its numbers: 1,536 and 10^56."""


def questions(quick: bool) -> list[Question]:
    """The datacenter scenarios, and Table IV's experiments for how many candidates were looked at."""
    scenarios = QUICK if quick else DATACENTER
    return [*map(Space, scenarios), *(Experiment(n, STRATEGY) for n in scenarios)]


def exhibit(answers: Answers) -> Exhibit:
    """The formula's examples, and the counted spaces beside it."""
    examples = Table(
        "The printed formula",
        "log10 of the number",
        "case",
        ("schedules",),
        tuple(
            Row(name, (Cell(claimed, math.log10(printed_formula(chiplets, layers))),))
            for name, chiplets, layers, claimed in EXAMPLES
        ),
    )
    return Exhibit(
        name="scar-space",
        title=TITLE,
        source="SCAR, II-D and IV",
        setting=f"{AS_TABLE_IV} The package is {STRATEGY}, with up to four cuts into windows. Counted are partitions "
        "into windows, cuts into segments and paths of chiplets; micro-batches would multiply the numbers further.",
        tables=(examples, _counted(answers)),
        findings=(*map(_of_example, EXAMPLES), _of_engines(answers)),
        notes=(
            "1,536 is what the printed formula gives for 2 + 2 layers on 4 chiplets; the example has 3 + 1.",
            "A search by dynamic programming looks at far fewer candidates than there are schedules: it drops partial "
            "pipelines that cannot become the best, and joins models that share no chiplet.",
        ),
    )


def _counted(answers: Answers) -> Table:
    rows = []
    for scenario in DATACENTER:
        found = answers.get(Space(scenario), {})
        formula = math.log10(printed_formula(found["chiplets"], found["layers"])) if "layers" in found else None
        looked = answers.get(Experiment(scenario, STRATEGY), {}).get("evaluated")
        figures = (formula, found.get("exhaustive"), found.get("rule"), math.log10(looked) if looked else None)
        rows.append(Row(f"Sc{scenario}", tuple(Cell(None, each) for each in figures)))
    columns = ("printed formula", "engines, PROV exhaustive", "engines, PROV by its rule", "candidates looked at")
    return Table("Schedules of a scenario", "log10 of the number", "scenario", columns, tuple(rows))


def _of_example(example: tuple[str, int, tuple[int, ...], float]) -> Finding:
    """Judged by the order of magnitude, as the paper states it."""
    name, chiplets, layers, claimed = example
    ours = math.log10(printed_formula(chiplets, layers))
    verdict = Verdict.HOLDS if abs(ours - claimed) < 0.05 else Verdict.NOT
    number = f"{10**claimed:.0f}" if claimed < 6 else f"10^{claimed:.0f}"
    claim = f"{name} have O({number}) schedules"
    reason = "the printed formula gives another number" if verdict is Verdict.NOT else "as the printed formula gives"
    return Finding(claim, "II-D", f"10^{claimed:.2f}", f"10^{ours:.2f}", verdict, reason)


def _of_engines(answers: Answers) -> Finding:
    """The engines make the space smaller; by how much, the paper does not say."""
    claim = "the engines reduce an intractable space to one that can be searched"
    ratios = []
    for scenario in DATACENTER:
        found = answers.get(Space(scenario), {})
        if "layers" in found:
            whole = math.log10(printed_formula(found["chiplets"], found["layers"]))
            ratios.append((whole, float(found["rule"])))
    if not ratios:
        return Finding(claim, "II-E, IV", "no number", "–", Verdict.UNTOLD, NOT_ASKED)
    ours = "; ".join(f"10^{whole:.0f} to 10^{left:.0f}" for whole, left in ratios)
    smaller = all(left < whole for whole, left in ratios)
    return Finding(claim, "II-E, IV", "no number", ours, Verdict.HOLDS if smaller else Verdict.NOT, "PROV by its rule")
