"""What a notebook shows of results: tables and drawings in black on white, with no script and nothing to fetch."""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from chipweave.evaluation.record import Evaluation
from chipweave.plan.schedule import Schedule
from chipweave.report.comparison import comparison_data, homogeneous_verdict
from chipweave.report.html.drawing import patterns
from chipweave.report.html.markup import joined, short, tag
from chipweave.report.html.package import package_drawing
from chipweave.report.html.render import asset
from chipweave.report.html.timeline import timeline_drawing
from chipweave.report.naming import cost_model_of, ranges, scheduler_of
from chipweave.report.palette import LIGHT, letter
from chipweave.report.quantities import percent, quantity, valued
from chipweave.report.summary import bottleneck, distance
from chipweave.results.result import Cell, Comparison, Result

MOST_DRAWN = 4
"""Windows whose package is drawn: the longest ones."""
MOST_ROWS = 40
_FONT = "font:13px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums"
_BOX = f"{_FONT};color:{LIGHT.text};background:{LIGHT.background};padding:12px 16px;border-radius:6px;overflow-x:auto"
_CELL = "padding:2px 12px 2px 0;border:0;background:none;color:inherit;white-space:nowrap"


def html_of(value: object) -> str | None:
    """What a notebook shows of a value; None of what reports know nothing of."""
    match value:
        case Result():
            return result_html(value)
        case Evaluation():
            return evaluation_html(value)
        case Schedule():
            return schedule_html(value)
        case Comparison():
            return comparison_html(value)
    return None


def result_html(result: Result) -> str:
    """What, where, how fast, what binds it; the package in the longest windows, and the schedule over time."""
    evaluation, problem = result.evaluation, result.problem
    title = f"{short(problem.scenario.name)} on {short(problem.package.name)}"
    settings = f"{scheduler_of(result.search)}, objective {short(result.objective)}, fidelity {problem.fidelity}, "
    settings += f"cost model {cost_model_of(result.cost_model)}"
    windows = range(len(evaluation.windows))
    longest = sorted(sorted(windows, key=lambda index: -evaluation.windows[index].latency_s)[:MOST_DRAWN])
    drawings = [
        _figure(f"Window {index}", _image(result, package_drawing(result, index), "The package from above", 300))
        for index in longest
    ]
    timeline = _image(result, timeline_drawing(result, windows), "The schedule over time", None)
    models = [
        (
            f"{letter(index)} {short(task.name)}",
            str(task.batch),
            quantity(evaluation.task_latency_s(index), "s"),
            quantity(evaluation.task_energy(index).total, "J"),
        )
        for index, task in enumerate(problem.scenario.tasks)
    ]
    return _box(
        _line(title, "font-weight:600;font-size:15px"),
        _line(settings),
        _line(_totals(result), "font-weight:600"),
        _line(bottleneck(result)),
        _line(distance(result)),
        tag("div", joined(drawings), style="display:flex;flex-wrap:wrap;gap:16px;margin:8px 0"),
        timeline,
        _table(("model", "batch", "ends at", "energy"), models),
    )


def _totals(result: Result) -> str:
    evaluation = result.evaluation
    parts = [quantity(evaluation.latency_s, "s"), quantity(evaluation.energy_j, "J"), f"{evaluation.edp_js:.4g} Js"]
    if result.objective not in ("latency", "energy", "edp") and result.value is not None:
        parts.append(f"objective {valued(result.value, result.objective)}")
    return ", ".join(parts)


def evaluation_html(evaluation: Evaluation) -> str:
    """Totals, windows with what binds them, and energy by component."""
    rows = [
        (
            str(index),
            quantity(window.start_s, "s"),
            quantity(window.latency_s, "s"),
            quantity(window.contended_s, "s"),
            quantity(window.energy.total, "J"),
            window.bound_by,
            quantity(window.dram_bytes, "B"),
        )
        for index, window in enumerate(evaluation.windows)
    ]
    parts = [(name, joules) for name, joules in dataclasses.asdict(evaluation.energy).items() if joules]
    energy = [(name, quantity(joules, "J"), percent(joules, evaluation.energy_j)) for name, joules in parts]
    totals = [quantity(evaluation.latency_s, "s"), quantity(evaluation.energy_j, "J"), f"{evaluation.edp_js:.4g} Js"]
    return _box(
        _line(", ".join([*totals, quantity(evaluation.average_power_w, "W")]), "font-weight:600"),
        _line(f"fidelity {evaluation.fidelity}"),
        _table(("window", "starts", "latency", "contended", "energy", "bound by", "DRAM"), rows),
        _table(("energy", "", "share"), energy),
    )


def schedule_html(schedule: Schedule) -> str:
    """The plan, by the numbers of models, layers and chiplets: it knows no names."""
    rows = [
        (
            str(window) if number == 0 else "",
            f"{letter(pipeline.task)}{number + 1}",
            f"{stage.first} to {stage.last}",
            ranges(stage.chiplets),
            str(pipeline.micro_batch),
        )
        for window, pipeline in schedule.pipelines()
        for number, stage in enumerate(pipeline.stages)
    ]
    return _box(
        _line(f"windows: {len(schedule.windows)}", "font-weight:600"),
        _table(("window", "stage", "layers", "chiplets", "micro-batch"), rows),
    )


def comparison_html(cells: Sequence[Cell]) -> str:
    """One row per cell, the best one marked, and why cells are empty."""
    rows, reasons = [], []
    for cell, data in zip(cells, comparison_data(cells), strict=True):
        names = (short(cell.scheduler), short(cell.package))
        if "error" in data:
            rows.append((*names, *["-"] * 5))
            reasons.append(f"{names[0]} on {names[1]}: {cell.reason}")
            continue
        ratio, gap = data["ratio"], data["gap"]
        figures = (quantity(data["latency_s"], "s"), quantity(data["energy_j"], "J"), f"{data['edp_js']:.4g} Js")
        best = "-" if ratio is None else f"{ratio:.2f}{' (best)' if ratio == 1 else ''}"
        rows.append((*names, *figures, best, "-" if gap is None else f"{100 * gap:.1f} %"))
    verdict = homogeneous_verdict(cells)
    return _box(
        _table(("scheduler", "package", "latency", "energy", "EDP", "ratio", "gap"), rows, names=2),
        *map(_line, [*reasons, *([verdict] if verdict else [])]),
    )


def _box(*parts: Markup) -> str:
    return str(tag("div", joined(parts), style=_BOX))


def _line(text: str, style: str = "") -> Markup:
    return tag("div", text, style=f"overflow-wrap:anywhere;{style}")


def _figure(title: str, image: Markup) -> Markup:
    return tag("div", _line(title, "font-weight:600"), image)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], names: int = 1) -> Markup:
    """The first `names` columns stand left, figures right; of long tables the first rows."""

    def row(cells: Iterable[str], kind: str, style: str = "") -> Markup:
        sides = (f"{_CELL};text-align:{'left' if at < names else 'right'};{style}" for at in range(len(header)))
        return tag("tr", joined([tag(kind, cell, style=side) for cell, side in zip(cells, sides, strict=True)]))

    lines = [row(header, "th", "font-weight:400;color:#5b636d"), *(row(cells, "td") for cells in rows[:MOST_ROWS])]
    table = tag("table", joined(lines), style="border-collapse:collapse;border:0;margin:8px 0;font-size:inherit")
    hidden = len(rows) - MOST_ROWS
    return table + _line(f"and {hidden} more") if hidden > 0 else table


def _image(result: Result, drawing: Markup, text: str, width: int | None) -> Markup:
    """A drawing as an image of its own: it takes no style from the notebook and gives none, and cannot run anything."""
    size = re.match(r'<svg [^>]*?width="([\d.]+)" height="([\d.]+)"', drawing)
    assert size is not None
    inner = tag("style", Markup(asset("drawing.css"))) + patterns(len(result.problem.scenario.tasks)) + drawing
    box = f"0 0 {size[1]} {size[2]}"
    whole = tag("svg", inner, xmlns="http://www.w3.org/2000/svg", width=size[1], height=size[2], viewBox=box)
    data = base64.b64encode(whole.encode()).decode()
    style = "max-width:100%;background:#fff" if width is None else f"width:{width}px;max-width:100%;background:#fff"
    return tag("img", src=f"data:image/svg+xml;base64,{data}", alt=text, style=style)
