"""The table of stages."""

from __future__ import annotations

from markupsafe import Markup

from chipweave.evaluation.record import TRANSFERS, L2Use
from chipweave.evaluation.term import terms_of
from chipweave.plan.schedule import Stage
from chipweave.report.html.charts import swatch
from chipweave.report.html.data_elements import derived
from chipweave.report.html.drawing import model_fill
from chipweave.report.html.markup import tag
from chipweave.report.html.page_data import PageData
from chipweave.report.naming import partitions_of
from chipweave.report.palette import letter
from chipweave.report.selection import picked

MOST_STAGES, FIRST_STAGES, SLOWEST_STAGES = 600, 8, 12
"""Stages listed; of more, these of each pipeline."""


def listed(data: PageData) -> list[tuple[int, int, list[int]]]:
    """Window, number of the pipeline, and its stages that are listed."""
    all_of_them = sum(len(pipeline.stages) for window in data.windows for pipeline in window.pipelines)
    windows = range(len(data.windows)) if all_of_them <= MOST_STAGES else data.drawn
    found = []
    for index in windows:
        for number, pipeline in data.pipelines(index):
            steady = [stage.steady_s for stage in pipeline.stages]
            shown = list(range(len(steady)))
            if all_of_them > MOST_STAGES:
                shown = picked(steady, FIRST_STAGES, SLOWEST_STAGES)
            found.append((index, number, shown))
    return found


def hidden(data: PageData) -> int:
    """How many are not listed."""
    stages = sum(len(pipeline.stages) for window in data.windows for pipeline in window.pipelines)
    return stages - sum(len(shown) for _, _, shown in listed(data))


def rows(data: PageData) -> list[tuple[str, list[Markup]]]:
    """Identifier and cells."""
    return [
        (f"{index}-stage-{number}-{position}", _stage(data, index, number, position))
        for index, number, shown in listed(data)
        for position in shown
    ]


def _stage(data: PageData, index: int, number: int, position: int) -> list[Markup]:
    at = f"/evaluation/windows/{index}/pipelines/{number}/stages/{position}"
    pipeline = data.windows[index].pipelines[number]
    stage, plan = pipeline.stages[position], data.result.schedule.windows[index].pipelines[number].stages[position]
    figure = data.figure
    slowest = stage is pipeline.slowest and len(pipeline.stages) > 1
    label = tag("b", f"{letter(pipeline.task)}{position + 1}", class_="label")
    weights = tag("span", "–")
    if stage.l2 is not None and stage.bytes_.weights:
        weights = figure(f"{at}/l2/keeping")
    return [
        tag("span", str(index), class_="label"),
        swatch(model_fill(pipeline.task)) + label + tag("span", " slowest" if slowest else "", class_="remark"),
        data.layers(pipeline.task, stage),
        _count(data, index, number, position, plan),
        figure(f"{at}/chiplets"),
        figure(f"{at}/compute_s"),
        *([figure(f"{at}/exchange_s")] if data.regions else []),
        derived(stage.transfers_s, "stage.transfers_s", [f"{at}/{name}" for name in TRANSFERS]),
        figure(f"{at}/fill_s"),
        figure(f"{at}/steady_s"),
        weights + ("" if stage.l2 is None or stage.l2.fits else tag("span", " evicts", class_="remark")),
        *(tag("span", "–") if stage.l2 is None else figure(f"{at}/l2/{name}") for name in l2_bytes(data)),
        figure(f"{at}/resident_s"),
        figure(f"{at}/energy_j"),
    ]


def _count(data: PageData, index: int, number: int, position: int, plan: Stage) -> Markup:
    """How many layers, and how they are split."""
    at = f"/schedule/windows/{index}/pipelines/{number}/stages/{position}"
    text = partitions_of(plan) if len(plan.chiplets) > 1 else None
    return derived(len(plan.layers), "stage.layers", [f"{at}/layers", f"{at}/partition"], text)


def heads(data: PageData) -> list[str]:
    """Keys of the terms over the columns after the first two."""
    names = ["layers_of", "layers", "chiplets", "compute_s", *(["exchange_s"] if data.regions else [])]
    names += ["transfers_s", "fill_s", "steady_s"]
    of_l2 = ["keeping", *l2_bytes(data)]
    last = ["stage.resident_s", "stage.energy_j"]
    return [*(f"stage.{name}" for name in names), *(f"l2.{name}" for name in of_l2), *last]


def l2_bytes(data: PageData) -> list[str]:
    """Bytes in L2, or moved for want of room in it, that some stage has."""
    used = [stage.l2 for stage in data.result.evaluation.stages if stage.l2 is not None]
    every = (name for name, term in terms_of(L2Use).items() if term.unit == "B")
    return [name for name in every if any(getattr(l2, name) for l2 in used)]
