"""Answers beside each other: figures, ratios of one experiment to another, and the verdict on several of them."""

from __future__ import annotations

from collections.abc import Sequence

from chipweave.hardware.dataflow import Style
from chipweave.reproduction.exhibit import Finding, Verdict, verdict_of_ratio, weakest
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar.profile import Experiment, package_of

NOT_ASKED = "not all of it was computed in this run"
LEVEL = 0.01
"""Figures within this fraction of each other count as equal: two strategies may find the same schedule."""

Pair = tuple[Question, Question]
"""What is looked at, and what it is measured by."""


def figure(answers: Answers, question: Question, name: str) -> float | None:
    """`latency_s`, `energy_j`, `edp_js` of an answer; None: not asked, or without an answer."""
    found = answers.get(question, {}).get(name)
    return float(found) if isinstance(found, int | float) else None


def ratio(ours: float | None, base: float | None) -> float | None:
    """Ours over the base; None where either is missing."""
    return None if ours is None or not base else ours / base


def over(answers: Answers, pair: Pair, name: str) -> float | None:
    """A figure of the pair's first over that of its second."""
    return ratio(figure(answers, pair[0], name), figure(answers, pair[1], name))


def on_shidiannao(answers: Answers, experiment: Experiment) -> str:
    """How many layers of an answer's schedule run on ShiDianNao-like chiplets, in words."""
    windows = answers.get(experiment, {}).get("windows")
    if not windows:
        return "(not computed in this run)"
    package = package_of(experiment.strategy, experiment.scenario, experiment.setting)
    layers = dict.fromkeys(Style, 0)
    for window in windows:
        for pipeline in window["pipelines"]:
            for first, last, chiplets in pipeline["stages"]:
                layers[package.chiplets[chiplets[0]].dataflow.style] += last - first + 1
    return f"{layers[Style.SHIDIANNAO]} of {sum(layers.values())}"


def windows_in(answers: Answers, question: Question) -> str:
    """How many windows an answer's schedule has, in words."""
    windows = answers.get(question, {}).get("windows")
    return f"{len(windows)}" if windows else "–"


def mean(found: Sequence[float | None]) -> float | None:
    """Their mean; None where one is missing."""
    there = [each for each in found if each is not None]
    return sum(there) / len(there) if there and len(there) == len(found) else None


def in_words(found: Sequence[float | None]) -> str:
    """Figures in a row; a dash for what is missing."""
    return ", ".join("–" if each is None else f"{each:.3g}" for each in found)


def on_ratios(
    claim: str, where: str, published: Sequence[float], ours: Sequence[float | None], reason: str = ""
) -> Finding:
    """A statement that is one or more ratios to a reference of 1: the verdict is the weakest on any of them."""
    verdict = weakest([_on_ratio(theirs, found) for theirs, found in zip(published, ours, strict=True)])
    if verdict is Verdict.UNTOLD:
        reason = NOT_ASKED
    elif verdict is Verdict.HOLDS:
        reason = "within 10 % of the published figures"
    return Finding(claim, where, in_words(published), in_words(ours), verdict, reason)


def _on_ratio(published: float, ours: float | None) -> Verdict:
    """`verdict_of_ratio`, but near 1 being close is not enough: a gain of 8 % is not reproduced by a loss."""
    if ours is not None and abs(published - 1) > LEVEL + 1e-9 and (published - 1) * (ours - 1) <= 0:
        return Verdict.NOT
    return verdict_of_ratio(published, ours)


def on_edp(answers: Answers, claim: str, where: str, published: Sequence[float], pairs: Sequence[Pair]) -> Finding:
    """A statement about EDP of pairs; the reason says what ours is the product of."""
    latency, energy = ([over(answers, pair, name) for pair in pairs] for name in ("latency_s", "energy_j"))
    reason = f"ours is latency {in_words(latency)} times energy {in_words(energy)}"
    return on_ratios(claim, where, published, [over(answers, pair, "edp_js") for pair in pairs], reason)


def on_best(claim: str, where: str, expected: Sequence[str], found: Sequence[dict[str, float | None]]) -> Finding:
    """A statement that certain strategies are the best: in each scenario the least figure belongs to one of `expected`.

    It holds where that is so (figures within 1 % count as equal), and cannot be told where a figure is missing.

    Args:
        found: per scenario the figure by strategy.
    """
    if any(value is None for scenario in found for value in scenario.values()):
        return Finding(claim, where, " or ".join(expected), "–", Verdict.UNTOLD, NOT_ASKED)
    winners, right = [], 0
    for scenario in found:
        values = {name: value for name, value in scenario.items() if value is not None}
        least = min(values.values())
        best = [name for name, value in values.items() if value <= least * (1 + LEVEL)]
        winners.append(" and ".join(best))
        right += any(name in expected for name in best)
    verdict = Verdict.HOLDS if right == len(found) else Verdict.NOT
    reason = f"so in {right} of {len(found)} scenarios; figures within 1 % count as equal"
    return Finding(claim, where, " or ".join(expected), "; ".join(dict.fromkeys(winners)), verdict, reason)
