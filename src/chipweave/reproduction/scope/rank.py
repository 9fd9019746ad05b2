"""Where the schedules that our search finds stand among all of the space: counted on small instances, by a uniform
random sample on large ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log10
from random import Random
from statistics import median
from typing import Any

import numpy as np

from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.errors import InfeasibleError
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.tables.regions import Ground, region_sizes
from chipweave.files.package_file import resolve_package
from chipweave.hardware.snake import snake
from chipweave.plan.objective import objective
from chipweave.plan.problem import Problem, micro_batch_candidates, pose
from chipweave.reproduction.exhibit import Cell, Exhibit, Finding, Look, Panel, Row, Series, Table, Verdict
from chipweave.reproduction.question import Answer, Answers, Question
from chipweave.reproduction.scope.exhaustive import Everything, bounds, cut_model, mesh
from chipweave.reproduction.scope.runs import RECONSTRUCTION, scenario_of
from chipweave.reproduction.scope.sampling import LeastTimes, Space
from chipweave.schedulers.draft import DraftCosts
from chipweave.schedulers.scope.options import RegionOptions
from chipweave.schedulers.scope.scheduler import scope, segmented_pipeline
from chipweave.schedulers.search import Request
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo import build_model

TITLE = "Scope: the rank of what the search finds in its space"
PUBLISHED_PERCENT = 0.05
SAMPLED = 10_000
CHANCE = 0.05
"""How often the share *at most* may be too small."""
LEAST_BOUNDS = 50
"""Of the sample, so many with the least lower bounds are evaluated in any case: the fastest is likely one of them."""
TYPICAL = 50
"""So many of the sample, the first that are drawn, are evaluated in any case: what a random schedule takes."""


@dataclass(frozen=True)
class Counted:
    """A question: how many of all schedules are better than ours, on a network cut short on a mesh of two rows.

    Args:
        network: of the zoo; units `first` to `end` - 1 of it.
        columns: of the mesh.
        l2_bytes: of a chiplet.
    """

    network: str
    first: int
    end: int
    columns: int
    l2_bytes: int = 1 << 20
    batch: int = 4

    def answer(self) -> dict[str, Any]:
        """`population`, `better`, and `ours_s` and `best_s`."""
        model = cut_model(build_model(self.network), self.first, self.end)
        scenario = Scenario(model.name, (Task(model.name, model, self.batch),))
        problem = pose(scenario, mesh(self.columns, self.l2_bytes), MaestroCostModel())
        order = snake(problem.package)
        everything = Everything(Ground(prepare(problem), 0, order, region_sizes(len(order))), bounds(problem, order))
        ours_s = _found_s(problem)
        better, best = everything.better_than(ours_s)
        return {
            "population": everything.population(),
            "better": better,
            "ours_s": ours_s,
            "best_s": best[0] if best else ours_s,
        }


@dataclass(frozen=True)
class Sampled:
    """A question: how many of a uniform random sample of schedules are better than ours.

    Args:
        network, chiplets: of the zoo, on the preset `mesh-N`.
        one_window: schedules with a single window only, ours too.
        size: of the sample.
    """

    network: str
    chiplets: int
    one_window: bool
    size: int = SAMPLED
    batch: int = 64
    seed: int = 0

    def answer(self) -> dict[str, Any]:
        """`magnitude`: log10 of the population; `size` of the sample; of it `better` than ours and `before` the
        segmented pipeline; `ours_s`, `baseline_s`; `best_s` of those that were evaluated; `typical_s`: the first that
        were drawn, in order."""
        package = resolve_package(f"mesh-{self.chiplets}")
        problem = pose(scenario_of(self.network, self.batch), package, MaestroCostModel())
        options = RegionOptions(windows=1 if self.one_window else None)
        ours_s, baseline_s = _found_s(problem, options), _baseline_s(problem, options)
        order = snake(package)
        ground = Ground(prepare(problem), 0, order, np.arange(1, len(order) + 1))
        space = Space(len(ground.model.units), len(order), micro_batch_candidates(self.batch))
        random, exact, least = Random(self.seed), DraftCosts(ground), LeastTimes(ground)
        drawn = [space.draw(random, self.one_window) for _ in range(self.size)]
        bounds_s = [least.of(draft) for draft in drawn]
        needed = {at for at, bound_s in enumerate(bounds_s) if bound_s < max(ours_s, baseline_s or 0.0)}
        needed |= set(sorted(range(self.size), key=bounds_s.__getitem__)[:LEAST_BOUNDS])
        needed |= set(range(min(TYPICAL, self.size)))
        taken_s = {at: exact.require(drawn[at])[0] for at in sorted(needed)}
        return {
            "magnitude": log10(space.of_one_window() if self.one_window else space.size),
            "size": self.size,
            "better": sum(each < ours_s * (1 - 1e-12) for each in taken_s.values()),
            "before": None if baseline_s is None else sum(each < baseline_s for each in taken_s.values()),
            "ours_s": ours_s,
            "baseline_s": baseline_s,
            "best_s": min(taken_s.values()),
            "typical_s": sorted(taken_s[at] for at in range(min(TYPICAL, self.size))),
        }


def _found_s(problem: Problem, options: RegionOptions | None = None) -> float:
    """What scope's schedule takes."""
    request = Request(objective("throughput"), options=options)
    return evaluate(scope(problem, request).schedule, problem).latency_s


def _baseline_s(problem: Problem, options: RegionOptions) -> float | None:
    """What the segmented pipeline takes; None where one window has to hold more layers than there are chiplets."""
    try:
        found = segmented_pipeline(problem, Request(objective("throughput"), options=options))
    except InfeasibleError:
        return None
    return evaluate(found.schedule, problem).latency_s


COUNTED = (
    Counted("alexnet", 0, 3, 2),
    Counted("alexnet", 0, 4, 2),
    Counted("vgg16", 0, 4, 2),
    Counted("vgg16", 7, 11, 2),
    Counted("resnet18", 0, 4, 2),
    Counted("resnet18", 12, 16, 2),
    Counted("darknet19", 3, 7, 2),
    Counted("darknet19", 0, 4, 2, (1 << 20) // 16),
    Counted("resnet50", 20, 24, 2, (1 << 20) // 4),
    Counted("alexnet", 0, 3, 3),
)
SAMPLES = tuple(
    Sampled(network, chiplets, one_window)
    for network, chiplets in (("alexnet", 16), ("vgg16", 16), ("resnet18", 16), ("resnet50", 36), ("resnet152", 64))
    for one_window in (True, False)
)


def questions(quick: bool) -> list[Question]:
    """Every instance; of a quick run the smallest of either kind."""
    return [*COUNTED[:1], *SAMPLES[:1]] if quick else [*COUNTED, *SAMPLES]


def exhibit(answers: Answers) -> Exhibit:
    """How many schedules are better than ours, counted and sampled."""
    counted = [(each, answers[each]) for each in COUNTED if "better" in answers.get(each, {})]
    sampled = [(each, answers[each]) for each in SAMPLES if "better" in answers.get(each, {})]
    return Exhibit(
        name="scope-rank",
        title=TITLE,
        source="Scope, abstract",
        setting=f"{RECONSTRUCTION} {_SETTING}",
        tables=(_counted_table(counted), _sampled_table(sampled)),
        findings=(_finding(counted, sampled),),
        panels=(_panel("any number of windows", sampled, False), _panel("one window", sampled, True)),
        columns=2,
        notes=_notes(sampled),
    )


_SETTING = (
    "The space: windows one after another, stages of consecutive layers on regions along one line through the package, "
    "a partition for every layer, and a micro-batch for every window. Small instances are networks cut to a few layers "
    "on 2x2 and 2x3 chiplets with a batch of 4, and every valid schedule is counted. Large ones have a batch of 64, "
    f"and {SAMPLED:,} schedules are drawn, each schedule of the space with the same probability. A drawn schedule "
    "counts as better when the evaluator says so; it is not asked where computing alone already takes longer than "
    "ours. The share *at most* is the largest that chance leaves possible with 95 % confidence: with no better one "
    "among 10,000 it is 0.03 %."
)


def label(question: Counted | Sampled) -> str:
    """What a row is called."""
    if isinstance(question, Sampled):
        return f"{question.network}, {question.chiplets} chiplets, {'one window' if question.one_window else 'any'}"
    scarce = "" if question.l2_bytes == 1 << 20 else f", {question.l2_bytes // 1024} KiB of L2"
    return f"{question.network}, layers {question.first} to {question.end - 1}, 2x{question.columns}{scarce}"


def at_most(better: int, size: int) -> float:
    """The share of better ones in the population that a sample with so many better leaves possible with 95 %
    confidence: the rate at which so few would be met once in 20 times (Poisson)."""
    low, high = 0.0, 10.0 + 4.0 * better
    for _ in range(60):
        rate = (low + high) / 2
        term = chance = exp(-rate)
        for number in range(1, better + 1):
            term *= rate / number
            chance += term
        low, high = (rate, high) if chance > CHANCE else (low, rate)
    return min(1.0, high / size)


def _counted_table(found: Sequence[tuple[Counted, Answer]]) -> Table:
    known: Mapping[Question, Answer] = dict(found)

    def row(question: Counted) -> Row:
        answer = known.get(question)
        if answer is None:
            return Row(label(question), (Cell(None, None),) * 2 + (Cell(PUBLISHED_PERCENT, None), Cell(None, None)))
        share = 100 * answer["better"] / answer["population"]
        return Row(
            label(question),
            (
                Cell(None, answer["population"]),
                Cell(None, answer["better"]),
                Cell(PUBLISHED_PERCENT, share),
                Cell(None, answer["ours_s"] / answer["best_s"]),
            ),
        )

    columns = ("schedules", "better than ours", "of all, %", "ours over the best")
    return Table("Every schedule counted", "", "instance", columns, tuple(map(row, COUNTED)))


def _sampled_table(found: Sequence[tuple[Sampled, Answer]]) -> Table:
    known: Mapping[Question, Answer] = dict(found)

    def row(question: Sampled) -> Row:
        answer = known.get(question)
        if answer is None:
            return Row(label(question), tuple(Cell(PUBLISHED_PERCENT if at == 3 else None, None) for at in range(7)))
        ours_s, before = answer["ours_s"], answer["before"]
        figures = (
            answer["magnitude"],
            answer["size"],
            answer["better"],
            100 * at_most(answer["better"], answer["size"]),
            None if before is None else 100 * at_most(before, answer["size"]),
            answer["best_s"] / ours_s,
            median(answer["typical_s"]) / ours_s,
        )
        return Row(
            label(question),
            tuple(Cell(PUBLISHED_PERCENT if at == 3 else None, figure) for at, figure in enumerate(figures)),
        )

    columns = (
        "schedules, log10",
        "drawn",
        "better than ours",
        "of all at most, %",
        "before segmented-pipeline at most, %",
        "fastest drawn over ours",
        "median drawn over ours",
    )
    return Table("A uniform random sample", "", "instance", columns, tuple(map(row, SAMPLES)))


def _finding(counted: Sequence[tuple[Counted, Answer]], sampled: Sequence[tuple[Sampled, Answer]]) -> Finding:
    """Holds where every instance is in the top 0.05 %, in direction where most are."""
    shares = [100 * answer["better"] / answer["population"] for _, answer in counted]
    shares += [100 * at_most(answer["better"], answer["size"]) for _, answer in sampled]
    within = sum(share <= PUBLISHED_PERCENT for share in shares)
    if not shares:
        verdict = Verdict.UNTOLD
    elif within == len(shares):
        verdict = Verdict.HOLDS
    else:
        verdict = Verdict.DIRECTION if 2 * within > len(shares) else Verdict.NOT
    return Finding(
        claim="The solutions that are found rank in the top 0.05 % of performance.",
        where="Scope, abstract",
        published="0.05 %",
        ours=f"{within} of {len(shares)} instances are within 0.05 %",
        verdict=verdict,
        reason="Of which population the paper's figure is, and how it was taken, is not public. "
        "Rule: it holds where every instance is within it, in direction where most are.",
    )


def _notes(sampled: Sequence[tuple[Sampled, Answer]]) -> tuple[str, ...]:
    said = ["A rank says how rare better schedules are, and not how much better they are; the last columns do."]
    baselines = [(q, a) for q, a in sampled if a["before"] is not None]
    alike = sum(100 * at_most(a["before"], a["size"]) <= PUBLISHED_PERCENT for _, a in baselines)
    if baselines:
        so = (
            "So the rank alone does not tell a good search from the method that it is compared with: nearly every "
            "schedule of such a space is poor."
            if alike
            else "So here the rank tells the two apart."
        )
        said.append(
            f"In {len(baselines)} of the sampled instances there is a segmented pipeline, and it is in the top 0.05 % "
            f"too in {alike} of them. {so}"
        )
    return tuple(said)


def _panel(title: str, sampled: Sequence[tuple[Sampled, Answer]], one_window: bool) -> Panel:
    """How much longer random schedules take than ours: the share of them that is as fast."""
    series = []
    for question, answer in sampled:
        times = tuple(each / answer["ours_s"] for each in answer["typical_s"])
        if question.one_window == one_window:
            shares = tuple(100 * (at + 1) / len(times) for at in range(len(times)))
            series.append(Series(f"{question.network}, {question.chiplets} chiplets", times, shares))
    return Panel(
        title,
        Look.LINES,
        "latency over ours",
        "random schedules that are as fast, %",
        tuple(series),
        logarithmic_x=True,
    )
