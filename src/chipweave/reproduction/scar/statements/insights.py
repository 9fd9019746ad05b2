"""The insights that SCAR's section V-F sums up: five bullets, and the sentence behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chipweave.reproduction.exhibit import Verdict
from chipweave.reproduction.scar.claim import (
    Case,
    Claim,
    Judgement,
    Outcomes,
    Scope,
    figure,
    order_claim,
    printed,
)
from chipweave.reproduction.scar.compare import LEVEL
from chipweave.reproduction.scar.profile import DATACENTER, TABLE_IV_STRATEGIES
from chipweave.reproduction.scar.statements.datacenter import (
    ALONE_NVD,
    CB,
    HEAVY,
    LIGHT,
    SIDES,
    SIMBA_NVD,
    but,
    versus,
)

MIXED_ONES = (CB, SIDES)
ALIKE = but(*MIXED_ONES)
WHERE = "V-F"
SEARCHED = {"edp": "edp_js", "latency": "latency_s"}
DIFFERS = 0.10
"""Advantages that differ by more than this share are called different here."""


def _best(outcomes: Outcomes, name: str, scenario: int, objective: str = "edp") -> tuple[str, ...]:
    """The best strategies of a scenario by a figure: those level with the best one too."""
    found = {each: figure(outcomes[Case(scenario, each, objective)], name) for each in TABLE_IV_STRATEGIES}
    least = min(found.values())
    return tuple(each for each, value in found.items() if value <= least * (1 + LEVEL))


def best_differs(outcomes: Outcomes) -> Judgement:
    """Whether one strategy is among the best of every scenario and objective; then nothing has to be understood."""
    kinds = sorted({(case.scenario, case.objective) for case in outcomes}, key=lambda kind: (kind[1], kind[0]))
    best = [_best(outcomes, SEARCHED[objective], scenario, objective) for scenario, objective in kinds]
    words = "; ".join(
        f"Sc{scenario} {objective}: {' = '.join(some)}" for (scenario, objective), some in zip(kinds, best, strict=True)
    )
    always = [each for each in TABLE_IV_STRATEGIES if all(each in some for some in best)]
    if not always:
        return Judgement(words, Verdict.HOLDS)
    return Judgement(words, Verdict.NOT, f"{' and '.join(always)} is among the best everywhere")


def crucial_objective(outcomes: Outcomes) -> Judgement:
    """Scenario 4: Het-Sides is the best in EDP, and not in energy."""
    best = {name: _best(outcomes, name, 4) for name in ("edp_js", "energy_j")}
    words = f"least EDP: {' = '.join(best['edp_js'])}; least energy: {' = '.join(best['energy_j'])}"
    if set(best["edp_js"]) & set(best["energy_j"]):
        return Judgement(words, Verdict.NOT, "one strategy is the best in both")
    if best["edp_js"] != (SIDES,):
        return Judgement(
            words, Verdict.DIRECTION, "the best strategy depends on the objective, but Het-Sides is not it in EDP"
        )
    return Judgement(words, Verdict.HOLDS)


@dataclass(frozen=True)
class Advantage:
    """A mixed package over a homogeneous one on two packages that differ in one thing."""

    name: str
    first: tuple[Case, Case]
    second: tuple[Case, Case]


def advantages_differ(advantages: tuple[Advantage, ...]) -> Callable[[Outcomes], Judgement]:
    """A judge: ratios of EDP differ by more than 10 % in every comparison, or (in direction) in some."""

    def judge(outcomes: Outcomes) -> Judgement:
        def over(pair: tuple[Case, Case]) -> float:
            mixed, alike = (figure(outcomes[case], "edp_js") for case in pair)
            return mixed / alike

        found = [(each.name, over(each.first), over(each.second)) for each in advantages]
        words = "; ".join(f"{name}: {first:.3g} and {second:.3g}" for name, first, second in found)
        alike = [name for name, first, second in found if max(first, second) <= min(first, second) * (1 + DIFFERS)]
        if not alike:
            return Judgement(words, Verdict.HOLDS)
        verdict = Verdict.DIRECTION if len(alike) < len(found) else Verdict.NOT
        return Judgement(words, verdict, f"within {100 * DIFFERS:g} % of each other: {', '.join(alike)}")

    return judge


def _difference(
    key: str, text: str, published: str, advantages: tuple[Advantage, ...], *, scope: Scope = Scope.ALL
) -> Claim:
    cases = tuple(dict.fromkeys(case for each in advantages for pair in (each.first, each.second) for case in pair))
    return Claim(key, text, WHERE, published, cases, advantages_differ(advantages), scope)


def _patterns() -> Iterator[Claim]:
    yield order_claim(
        "I1 heavy: mixed",
        "Insight 1: mixed packages do better in heavy and diverse scenarios (4, 5): the best mixed one has less EDP "
        "than the best of the others",
        WHERE,
        "edp_js",
        [versus(MIXED_ONES, ALIKE, scenario) for scenario in HEAVY],
    )
    yield order_claim(
        "I2 light: homogeneous",
        "Insight 2: homogeneous packages suit small scenarios better (1 to 3)",
        WHERE,
        "edp_js",
        [versus(ALIKE, MIXED_ONES, scenario) for scenario in LIGHT],
    )
    yield order_claim(
        "I3 Sides before CB",
        "Insight 3: the mixed package with diverse pipelines, Het-Sides, beats the one without, Het-CB",
        WHERE,
        "edp_js",
        [versus((SIDES,), (CB,), scenario) for scenario in DATACENTER],
    )


def _choices() -> Iterator[Claim]:
    four = tuple(Case(4, each) for each in TABLE_IV_STRATEGIES)
    yield Claim(
        "I4 the objective counts",
        "Insight 4: the objective decides which package is best: in scenario 4 Het-Sides is best in EDP, not in energy",
        WHERE,
        f"least EDP: Het-Sides; least energy: Stand. (NVD), {printed(Case(4, ALONE_NVD), 'energy_j'):.3g} J",
        four,
        crucial_objective,
    )
    mesh = {at: (Case(at, SIDES), Case(at, SIMBA_NVD)) for at in (3, 4)}
    triangles = {at: (Case(at, "Het-T"), Case(at, "Simba-T (NVD)")) for at in (3, 4)}
    yield _difference(
        "I5 topology counts",
        "Insight 5a: topology changes how much a mix of dataflows brings: EDP of the mixed package over NVDLA's, mesh "
        "and triangular (different: by more than 10 %)",
        "Sc3: 1.47 and 2.5; Sc4: 0.54 and 0.6",
        tuple(Advantage(f"Sc{at}", mesh[at], triangles[at]) for at in (3, 4)),
    )
    large = tuple(Case(4, each, options=(("n_splits", 2),)) for each in ("Het-Cross", "Simba-6x6 (NVD)"))
    yield _difference(
        "I5 resources count",
        "Insight 5b: so does the number of chiplets: the same on 3x3 and on 6x6 (2 splits)",
        "Sc4: 0.54 and 0.53",
        (Advantage("Sc4", mesh[4], (large[0], large[1])),),
        scope=Scope.PROFILE,
    )
    many = [Case(at, each) for at in DATACENTER for each in TABLE_IV_STRATEGIES]
    many += [Case(at, each, "latency") for at in HEAVY for each in TABLE_IV_STRATEGIES]
    yield Claim(
        "I6 know the workload",
        "Insight 6: which package is best depends on scenario and objective: none is among the best (within 1 %) "
        "everywhere",
        WHERE,
        "Simba (NVD) in scenarios 1 to 3, Het-Sides in 4 and 5",
        tuple(many),
        best_differs,
    )


CLAIMS = (*_patterns(), *_choices())
