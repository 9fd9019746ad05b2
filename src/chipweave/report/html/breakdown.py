"""Where energy and time go."""

from __future__ import annotations

from markupsafe import Markup

from chipweave.evaluation.glossary import TERMS
from chipweave.evaluation.record import ENERGY_PARTS
from chipweave.files.serves_file import limit_name
from chipweave.report.bottleneck import shares_s
from chipweave.report.html.charts import bar, energy_bar, swatch
from chipweave.report.html.data_elements import derived
from chipweave.report.html.drawing import component_fill
from chipweave.report.html.page_data import PageData
from chipweave.results.served import served_step

MOST_SOURCES = 12
"""Figures named as what a sum is computed from; of more, the list that holds them."""


def model_rows(data: PageData) -> list[tuple[Markup, list[Markup]]]:
    """Per model: name; batch, end, limit, energy, share, rate."""
    rows = []
    for task, entry in enumerate(data.result.problem.scenario.tasks):
        at = f"/evaluation/models/{task}"
        share = data.result.evaluation.task_energy(task).total / (data.result.evaluation.energy_j or 1.0)
        limit = Markup("–")
        if entry.latency_limit_s is not None:
            own = limit_name(entry)
            said = "latency_limit_s" if own is None else f"serves/{own}"
            limit = derived(entry.latency_limit_s, "model.latency_limit_s", [f"/scenario/models/{task}/{said}"])
            if own is None:
                limit = data.figure(f"/scenario/models/{task}/{said}")
        cells = [
            data.figure(f"/scenario/models/{task}/batch"),
            data.figure(f"{at}/latency_s"),
            limit,
            data.figure(f"{at}/energy_j"),
            derived(share, "model.energy_share", [f"{at}/energy_j", "/evaluation/energy_j"]),
            data.figure(f"{at}/throughput_samples_per_s"),
        ]
        rows.append((data.model(task), cells))
    return rows


SERVED = ("batch", "tokens", "ttft_s", "tpot_s", "tokens_per_s", "tokens_per_j")
"""Columns of `served_rows`, as the glossary has them."""


def served_rows(data: PageData) -> list[tuple[Markup, list[Markup]]]:
    """Per model that serves a step of a language model: name; sequences, tokens, times, rates."""
    rows, scenario = [], data.result.problem.scenario
    for task, entry in enumerate(scenario.tasks):
        step = served_step(data.result.evaluation, scenario, task)
        if step is None or entry.serves is None:
            continue
        asked, at = f"/scenario/models/{task}/serves", f"/evaluation/models/{task}/serving"
        said = "prompt" if entry.serves.prefills else "context"
        tokens = getattr(entry.serves, said)
        found = [derived(entry.serves.sequences, "serving.batch", [f"{asked}/batch"])]
        found.append(derived(tokens, "serving.tokens", [asked if entry.serves.output else f"{asked}/{said}"]))
        for name in SERVED[2:]:
            found.append(Markup("–") if getattr(step, name) is None else data.figure(f"{at}/{name}"))
        rows.append((data.model(task), found))
    return rows


def components(data: PageData) -> list[tuple[str, str, Markup]]:
    """Name, label and swatch of the parts that are not 0."""
    names = [name for name in ENERGY_PARTS if getattr(data.result.evaluation.energy, name) > 0]
    return [(name, TERMS[f"energy.{name}"].label, swatch(component_fill(name))) for name in names]


def energy_rows(data: PageData) -> list[tuple[Markup, Markup, Markup, list[Markup]]]:
    """Per model and in all: name, bar, total, parts."""
    evaluation, found = data.result.evaluation, []
    energies = [evaluation.task_energy(task) for task in range(len(data.result.problem.scenario.tasks))]
    most_j = max((energy.total for energy in energies), default=0.0)
    shown = [name for name, _, _ in components(data)]
    for task, energy in enumerate(energies):
        at = [
            f"/evaluation/windows/{index}/pipelines/{number}/energy_parts_j"
            for index, window in enumerate(data.windows)
            for number, pipeline in enumerate(window.pipelines)
            if pipeline.task == task
        ]
        few = len(at) <= MOST_SOURCES
        parts = [
            derived(
                getattr(energy, name),
                f"energy.{name}",
                [f"{pointer}/{name}" for pointer in at] if few else ["/evaluation/windows"],
            )
            for name in shown
        ]
        total = data.figure(f"/evaluation/models/{task}/energy_j")
        found.append((data.model(task), energy_bar(energy, most_j), total, parts))
    return found


def energy_total(data: PageData) -> tuple[Markup, list[Markup], list[Markup]]:
    """All energy, its parts, and their shares."""
    evaluation, at = data.result.evaluation, "/evaluation/energy_parts_j"
    shown = [name for name, _, _ in components(data)]
    shares = [
        derived(
            getattr(evaluation.energy, name) / evaluation.energy_j,
            "energy.share",
            [f"{at}/{name}", "/evaluation/energy_j"],
        )
        for name in shown
    ]
    return data.figure("/evaluation/energy_j"), [data.figure(f"{at}/{name}") for name in shown], shares


def latency_rows(data: PageData) -> list[tuple[int, Markup, Markup, Markup, list[tuple[Markup, Markup]]]]:
    """Per window and pipeline: window, model, micro-batches, latency, and figure and bar of each share."""
    rows = []
    for index in data.drawn:
        for number, pipeline in data.pipelines(index):
            at = f"/evaluation/windows/{index}/pipelines/{number}"
            shares = []
            batch = data.result.problem.scenario.tasks[pipeline.task].batch
            for name, seconds in shares_s(pipeline, batch).items():
                share = seconds / pipeline.latency_s if pipeline.latency_s else 0.0
                term = f"pipeline.shares_{name.split()[-1]}"
                shares.append((derived(share, term, [f"{at}/stages", f"{at}/latency_s"]), bar(share, width=72)))
            samples = Markup("{} × {}").format(data.figure(f"{at}/micro_batches"), data.figure(f"{at}/micro_batch"))
            rows.append((index, data.model(pipeline.task), samples, data.figure(f"{at}/latency_s"), shares))
    return rows
