"""From exponential to linear: how many schedules there are, and how many stages the search looks at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import log, log10
from typing import Any

import numpy as np

from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.tables import regions_kernel as kernel
from chipweave.evaluation.tables.regions import Ground, region_sizes, sizes_tried
from chipweave.files.package_file import resolve_package
from chipweave.hardware.snake import snake
from chipweave.plan.problem import pose
from chipweave.reproduction.exhibit import Cell, Exhibit, Finding, Look, Panel, Row, Series, Table, Verdict
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scope.runs import CHIPLETS, RECONSTRUCTION, Run, scenario_of
from chipweave.reproduction.scope.sampling import printed_size
from chipweave.schedulers.scope.search import level
from chipweave.workload.zoo import build_model

TITLE = "Scope: from an exponential space to a linear search"
NETWORKS = ("resnet18", "resnet50", "resnet152")
QUICK = (16, 64)
LINEAR = 1.1
"""A slope on logarithmic axes up to which growth counts as linear, or slower."""


@dataclass(frozen=True)
class Tables:
    """A question: how many stages the tables of the search hold, of a network on the preset `mesh-N`."""

    network: str
    chiplets: int
    batch: int = 64

    def answer(self) -> dict[str, Any]:
        """`stages`: each is first layer, number of layers, number of chiplets and micro-batch, with partitions chosen
        layer by layer."""
        problem = pose(
            scenario_of(self.network, self.batch), resolve_package(f"mesh-{self.chiplets}"), MaestroCostModel()
        )
        order = snake(problem.package)
        ground = Ground(prepare(problem), 0, order, region_sizes(len(order)))
        made = [level(ground, size, single=False) for size in sizes_tried(self.batch, None)]
        stages = sum(
            int(np.isfinite(table[..., kernel.PACE_S]).sum()) for each in made for table in (each.table, each.whole)
        )
        return {"stages": stages}


def questions(quick: bool) -> list[Question]:
    """Tables of every network and size, and the searches of ResNet-152; of a quick run tables of ResNet-18."""
    if quick:
        return [Tables(NETWORKS[0], chiplets) for chiplets in QUICK]
    searches = [Run("resnet152", chiplets, "scope") for chiplets in CHIPLETS]
    return [*(Tables(network, chiplets) for network in NETWORKS for chiplets in CHIPLETS), *searches]


def exhibit(answers: Answers) -> Exhibit:
    """Sizes of the space and of the search, and their slopes."""
    return Exhibit(
        name="scope-complexity",
        title=TITLE,
        source="Scope, abstract",
        setting=f"{RECONSTRUCTION} L layers (with what rides with them) on N chiplets. The space is of one segment: "
        "clusters of consecutive layers, regions of chiplets that together are all of them, one of two partitions for "
        "every layer, C(L+N-2, L-1) x 2^L in all; the formula is ours, as the paper's is not public. The search first "
        "fills tables of stages, over which dynamic programs run, and then evaluates some stages exactly. Counts are "
        "shown and not times: these depend on the machine (`docs/benchmarks.md` has them).",
        tables=(_table(answers), _slopes(answers)),
        findings=_findings(answers),
        panels=(_sizes(), _searched(answers)),
        columns=2,
        notes=(
            "In the tables a stage on a part of the package has at most 40 layers, and regions grow in steps of 6 % "
            "above 24 chiplets; stages far slower than all work spread evenly are left out. The dynamic program over "
            "windows is not counted in stages: it is quadratic in up to 64 places for cuts, and linear in layers "
            "beyond.",
        ),
    )


@cache
def units_of(network: str) -> int:
    """L: the layers that may be a stage."""
    return len(build_model(network).units)


def _stages(answers: Answers, network: str, chiplets: int) -> int | None:
    stages: int | None = answers.get(Tables(network, chiplets), {}).get("stages")
    return stages


def _table(answers: Answers) -> Table:
    def row(network: str, chiplets: int) -> Row:
        units = units_of(network)
        exact = answers.get(Run(network, chiplets, "scope"), {}).get("evaluated")
        figures = (units, log10(printed_size(units, chiplets)), _stages(answers, network, chiplets), exact)
        return Row(f"{network}, N = {chiplets}", tuple(Cell(None, figure) for figure in figures))

    columns = ("L", "schedules, log10", "stages in the tables", "stages evaluated exactly")
    rows = tuple(row(network, chiplets) for network in NETWORKS for chiplets in CHIPLETS)
    return Table("Space and search", "", "network", columns, rows)


def slope(sizes: list[float], counts: list[float]) -> float | None:
    """Of the least-squares line through log counts against log sizes; None of fewer than two points."""
    return None if len(sizes) < 2 else float(np.polyfit(np.log(sizes), np.log(counts), 1)[0])


def by_layers(answers: Answers) -> float | None:
    """How the tables grow with L: the mean slope over sizes of the package."""
    slopes = []
    for chiplets in CHIPLETS:
        known = [(units_of(n), stages) for n in NETWORKS if (stages := _stages(answers, n, chiplets)) is not None]
        if len(known) < len(NETWORKS):
            return None
        found = slope([float(units) for units, _ in known], [float(stages) for _, stages in known])
        slopes += [] if found is None else [found]
    return sum(slopes) / len(slopes)


def by_chiplets(answers: Answers, network: str) -> float | None:
    """How the tables of a network grow with N; None where one of the sizes was not asked."""
    known = [(n, stages) for n in CHIPLETS if (stages := _stages(answers, network, n)) is not None]
    whole = len(known) == len(CHIPLETS)
    return slope([float(n) for n, _ in known], [float(stages) for _, stages in known]) if whole else None


def per_layer(chiplets: int) -> float:
    """By what factor the space grows with every layer, between the smallest and the largest network."""
    few, many = units_of(NETWORKS[0]), units_of(NETWORKS[-1])
    grown = log(printed_size(many, chiplets)) - log(printed_size(few, chiplets))
    return float(np.exp(grown / (many - few)))


def _slopes(answers: Answers) -> Table:
    rows = [
        Row(
            "factor of the space with every layer, N = 16 and 256",
            (Cell(None, per_layer(CHIPLETS[0])), Cell(None, per_layer(CHIPLETS[-1]))),
        ),
        Row("slope of the tables against L, mean over N", (Cell(None, by_layers(answers)), Cell(None, None))),
        Row(
            "slope of the tables against N, ResNet-18 and ResNet-152",
            (Cell(None, by_chiplets(answers, NETWORKS[0])), Cell(None, by_chiplets(answers, NETWORKS[-1]))),
        ),
    ]
    return Table("How they grow", "", "", ("first", "second"), tuple(rows))


def _findings(answers: Answers) -> tuple[Finding, ...]:
    factor = per_layer(CHIPLETS[0])
    layers, chiplets = by_layers(answers), by_chiplets(answers, NETWORKS[-1])
    if layers is None or chiplets is None:
        verdict, ours = Verdict.UNTOLD, "not computed"
    else:
        linear = max(layers, chiplets) <= LINEAR
        verdict = Verdict.HOLDS if linear else Verdict.NOT
        ours = f"slope {layers:.2f} against L, {chiplets:.2f} against N"
    return (
        Finding(
            claim="The space of merged pipelines is exponential.",
            where="Scope, abstract",
            published="exponential",
            ours=f"{factor:.3g} times more schedules with every layer on 16 chiplets",
            verdict=Verdict.HOLDS if factor >= 2 else Verdict.NOT,
            reason="By the formula of our space. Rule: at least twice as many with every layer.",
        ),
        Finding(
            claim="A series of search algorithms makes the search linear.",
            where="Scope, abstract",
            published="linear",
            ours=ours,
            verdict=verdict,
            reason="Of our search, by the stages that its tables hold; the paper's algorithms are not public. Rule: "
            f"slopes of at most {LINEAR} on logarithmic axes.",
        ),
    )


def _sizes() -> Panel:
    series = []
    for chiplets in (CHIPLETS[0], CHIPLETS[2], CHIPLETS[-1]):
        layers = range(1, 161, 3)
        sizes = tuple(log10(printed_size(units, chiplets)) for units in layers)
        series.append(Series(f"space, {chiplets} chiplets", tuple(map(float, layers)), sizes))
    return Panel("Schedules of one segment", Look.LINES, "layers", "log10 of how many", tuple(series))


def _searched(answers: Answers) -> Panel:
    series = []
    for network in NETWORKS:
        known = [(units_of(network) * n, s) for n in CHIPLETS if (s := _stages(answers, network, n)) is not None]
        if known:
            x, y = zip(*known, strict=True)
            series.append(Series(f"tables, {network}", tuple(map(float, x)), tuple(map(float, y))))
    if series:
        start = series[0].x[0], series[0].y[0]
        ends = (start[0], max(each.x[-1] for each in series))
        series.append(Series("linear in L x N", ends, tuple(start[1] * x / start[0] for x in ends), published=True))
    return Panel(
        "Stages that the search looks at",
        Look.LINES,
        "layers x chiplets",
        "stages",
        tuple(series),
        logarithmic=True,
        logarithmic_x=True,
    )
