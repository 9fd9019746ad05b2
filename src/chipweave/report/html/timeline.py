"""The schedule over time: a row per chiplet, or per group of chiplets that always work together."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from chipweave.evaluation.glossary import TERMS
from chipweave.evaluation.record import RESOURCES, PipelineEvaluation, StageEvaluation
from chipweave.evaluation.timeline import StageTime, phases, stage_times
from chipweave.report.html.data_elements import typeset
from chipweave.report.html.drawing import FONT, model_fill, model_line, ticks
from chipweave.report.html.markup import joined, short, tag
from chipweave.report.naming import classes_of, ranges, resource_of
from chipweave.report.palette import letter
from chipweave.report.quantities import axis_prefix, percent, quantity
from chipweave.report.timeline_rows import Row, rows
from chipweave.results.result import Result

WIDTH, GUTTER, HEAD, FOOT = 1120, 78, 24, 30
"""Pixels: of the drawing, for the rows' names, above the rows and below."""
MOST_BLOCKS = 6000
"""Micro-batches drawn one by one, rows counted; at least FEWEST of each stage."""
FEWEST, MOST_OF_STAGE = 3, 40
NARROWEST = 2.0
"""Pixels of a block that is drawn by itself."""


@dataclass(frozen=True)
class _Canvas:
    start_s: float
    end_s: float
    row_height: float
    rows: int
    most_blocks: int

    @property
    def bottom(self) -> float:
        return HEAD + self.rows * self.row_height

    def x(self, time_s: float) -> float:
        return GUTTER + (time_s - self.start_s) / (self.end_s - self.start_s) * (WIDTH - GUTTER - 12)


def timeline_drawing(
    result: Result, windows: Sequence[int], key: str = "", alone: Collection[int] | None = None
) -> Markup:
    """An SVG of these windows (consecutive ones) over time.

    Of each stage: weights that stay and the first micro-batch's transfers as strips, what it computes as blocks, one
    for each micro-batch; of many the first and the last, with one block for the run between them. Stages have an
    `aria-label` and, in `data-row`, the identifier of their row in the table of stages, with `key` in front;
    strips have their figure, as `<data>` elements do. Of windows that are not in `alone` (None: all are) each row has
    one shape a model, with a block for each stage.
    """
    near = windows if alone is None else [window for window in windows if window in alone]
    evaluation = result.evaluation
    first, last = evaluation.windows[windows[0]], evaluation.windows[windows[-1]]
    shown = rows(result, windows)
    pieces = sum(window in row.stages for row in shown for window in near)
    canvas = _Canvas(
        first.start_s,
        last.end_s,
        26 if len(shown) <= 12 else 20 if len(shown) <= 40 else 13,
        len(shown),
        max(FEWEST, min(MOST_OF_STAGE, MOST_BLOCKS // max(1, pieces))),
    )
    names = [_row_name(canvas, result, index, row) for index, row in enumerate(shown)]
    bands = [_band(canvas, result, window, window - windows[0], key) for window in near]
    stages = _far(canvas, result, sorted(set(windows) - set(near)), shown)
    stages += [stage for window in near for stage in _window(canvas, result, window, shown, key)]
    which = f"window {windows[0]}" if len(windows) == 1 else f"windows {windows[0]} to {windows[-1]}"
    height = round(canvas.bottom + FOOT)
    return tag(
        "svg",
        tag("g", joined(bands), class_="bands"),
        tag("g", joined([*_axis(canvas), *names]), class_="axis"),
        tag("g", joined(stages), class_="stages"),
        xmlns="http://www.w3.org/2000/svg",
        width=WIDTH,
        height=height,
        viewBox=f"0 0 {WIDTH} {height}",
        class_="timeline",
        role="group",
        aria_label=f"Timeline of {which}: what each chiplet does when",
        font_family=FONT,
    )


def timeline_key(result: Result) -> Markup:
    """What the marks of the timeline mean, of those that it may have."""
    model, line = model_fill(0), model_line(0)
    block = tag("rect", x=1, y=2, width=30, height=14, fill=model, stroke=line, stroke_width=0.6)
    strip = tag("rect", x=1, y=11, width=30, height=5, fill=line)
    run = tag("rect", x=1, y=2, width=30, height=14, fill=model, stroke=line, class_="run")
    tail = tag("rect", x=1, y=2, width=30, height=14, fill="url(#tail)")
    entries = [(block, "a micro-batch, or what the first one computes")]
    entries.append((strip, "the first one's transfers, and weights that stay"))
    entries.append((run, "several micro-batches at the same pace"))
    if any(window.bound_by in RESOURCES for window in result.evaluation.windows):
        entries.append((tail, "a shared resource is still busy"))
    items = [
        tag("li", tag("svg", mark, width=32, height=18, viewBox="0 0 32 18", aria_hidden="true") + " " + text)
        for mark, text in entries
    ]
    return tag("ul", joined(items), class_="key")


def _row_name(canvas: _Canvas, result: Result, index: int, row: Row) -> Markup:
    text = f"{short(ranges(row.chiplets), 9)} {classes_of(row.chiplets, result.problem.package)}".strip()
    size = min(12, canvas.row_height - 2)
    y = HEAD + (index + 0.5) * canvas.row_height + 0.35 * size
    return tag("text", text, x=GUTTER - 10, y=y, font_size=size, text_anchor="end", class_="small")


def _axis(canvas: _Canvas) -> list[Markup]:
    times = ticks(canvas.start_s, canvas.end_s)
    step = times[1] - times[0] if len(times) > 1 else canvas.end_s
    exponent, prefix = axis_prefix(canvas.end_s)
    digits = max(0, -math.floor(math.log10(step / 10.0**exponent) + 1e-9))
    parts = []
    for time_s in times:
        x = canvas.x(time_s)
        parts.append(tag("path", d=f"M{x:.1f} {HEAD}V{canvas.bottom + 5:.1f}", class_="grid"))
        text = f"{time_s / 10.0**exponent:.{digits}f} {prefix}s"
        anchor = "end" if x > WIDTH - 30 else "middle"
        y = canvas.bottom + 19
        parts.append(tag("text", text, x=x, y=y, font_size=11.5, text_anchor=anchor, class_="small"))
    return parts


def _band(canvas: _Canvas, result: Result, window: int, index: int, key: str) -> Markup:
    """A window's ground and name, and the time in which only a shared resource works."""
    costs = result.evaluation.windows[window]
    left, right = canvas.x(costs.start_s), canvas.x(costs.end_s)
    ground = tag(
        "rect",
        x=left,
        y=HEAD,
        width=right - left,
        height=canvas.bottom - HEAD,
        class_="band odd" if index % 2 else "band",
    )
    parts = [ground, tag("path", d=f"M{left:.1f} 6V{canvas.bottom:.1f}", class_="edge")]
    name = next((text for text in (f"Window {window}", str(window)) if 6.6 * len(text) + 10 < right - left), "")
    if name:
        parts.append(tag("text", name, x=left + 6, y=16, font_size=12, class_="strong"))
    worked = canvas.x(costs.start_s + max(pipeline.latency_s for pipeline in costs.pipelines))
    title = f"Window {window}, bound by {costs.bound_by}"
    if costs.bound_by in RESOURCES and right - worked > 0.5:
        height = canvas.bottom - HEAD
        parts.append(tag("rect", x=worked, y=HEAD, width=right - worked, height=height, fill="url(#tail)"))
        text = resource_of(RESOURCES[costs.bound_by])
        after_name = left + 6 + 7.5 * len(name) + 8
        if right - max(worked, after_name) > 8 * len(text):
            parts.append(tag("text", text, x=right - 4, y=16, font_size=11.5, text_anchor="end", class_="small"))
    row = f"{key}window-{window}"
    return tag("g", joined(parts), class_="item", role="img", aria_label=title, data_row=row, tabindex=-1)


def _far(canvas: _Canvas, result: Result, windows: Sequence[int], shown: Sequence[Row]) -> list[Markup]:
    """Of windows that are too many to be drawn in full, when which model has which chiplets."""
    spans: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for window in windows:
        costs = result.evaluation.windows[window]
        times = [list(stage_times(pipeline, costs.start_s)) for pipeline in costs.pipelines]
        for index, row in enumerate(shown):
            if window in row.stages:
                number, position = row.stages[window]
                time = times[number][position]
                spans.setdefault((index, costs.pipelines[number].task), []).append((time.start_s, time.end_s))
    return [
        _boxes(canvas, [HEAD + index * canvas.row_height], found, 2, 0, fill=model_fill(task))
        for (index, task), found in spans.items()
    ]


def _window(canvas: _Canvas, result: Result, window: int, shown: Sequence[Row], key: str) -> list[Markup]:
    costs, found = result.evaluation.windows[window], []
    tops: dict[tuple[int, int], list[float]] = {}
    for index, row in enumerate(shown):
        if window in row.stages:
            tops.setdefault(row.stages[window], []).append(HEAD + index * canvas.row_height)
    for number, pipeline in enumerate(costs.pipelines):
        for position, time in enumerate(stage_times(pipeline, costs.start_s)):
            row_id = f"{key}{window}-stage-{number}-{position}"
            at = f"/evaluation/windows/{window}/pipelines/{number}/stages/{position}"
            found.append(_stage(canvas, result, pipeline, position, time, tops[number, position], row_id, at))
    return found


def _stage(
    canvas: _Canvas,
    result: Result,
    pipeline: PipelineEvaluation,
    position: int,
    time: StageTime,
    tops: list[float],
    row: str,
    at: str,
) -> Markup:
    stage, model = pipeline.stages[position], pipeline.task
    fill, line = model_fill(model), model_line(model)
    spans = {"resident_s": (time.start_s, time.loaded_s)} if stage.resident_s else {}
    spans |= {phase.term: time.span(phase) for phase in phases(stage)}
    blocks = [spans.pop("compute_s")] if "compute_s" in spans else []
    parts = [_boxes(canvas, tops, [(time.first_s, time.first_end_s)], 2, 0, class_="pass", fill="none", stroke=line)]
    single, runs = _passes(canvas, time)
    parts.append(_boxes(canvas, tops, blocks + single, 2, 0.9, fill=fill, stroke=line, stroke_width=0.6))
    height = canvas.row_height
    for term, span in spans.items():
        exact = getattr(stage, term)
        figure = {
            "data_label": TERMS[f"stage.{term}"].label,
            "data_text": typeset(quantity(exact, "s")),
            "data_value": json.dumps(exact),
            "data_at": f"{at}/{term}",
        }
        parts.append(_boxes(canvas, tops, [span], 0.66 * height, 0, fill=line, **figure))
    for first, last in runs:
        start_s, end_s = time.interval(first)[0], time.interval(last)[1]
        parts.append(
            _boxes(canvas, tops, [(start_s, end_s)], 2, 0.9, class_="run", fill=fill, stroke=line, stroke_width=1)
        )
        text = f"× {last - first + 1:,}"
        room = canvas.x(end_s) - canvas.x(start_s)
        if height >= 18 and room > 7.2 * len(text) + 80:
            x, y = canvas.x(end_s) - 8, tops[0] + height / 2 + 4
            parts.append(tag("text", text, x=x, y=y, font_size=11, text_anchor="end", class_="halo"))
    label = f"{letter(model)}{position + 1}"
    size = min(12.0, height - 3)
    left, right = canvas.x(time.start_s), canvas.x(time.end_s)
    if right - left > 0.75 * size * len(label) + 8:
        y = tops[0] + height / 2 + 0.35 * size
        parts.append(tag("text", label, x=left + 5, y=y, font_size=size, class_="halo"))
    name = short(result.problem.scenario.tasks[model].name)
    times = "1 micro-batch" if pipeline.micro_batches == 1 else f"{pipeline.micro_batches} micro-batches"
    busy = percent(_working_s(stage, pipeline.micro_batches), time.end_s - time.first_s)
    title = f"Stage {position + 1} of model {letter(model)} {name}: {times} of {pipeline.micro_batch}, busy {busy}"
    return tag("g", joined(parts), class_="item stage", role="img", aria_label=title, data_row=row, tabindex=-1)


def _working_s(stage: StageEvaluation, micro_batches: int) -> float:
    """Seconds in which a micro-batch is in the stage, each by itself."""
    if micro_batches == 1:
        return stage.fill_s
    return stage.fill_s + (micro_batches - 2) * stage.steady_s + stage.last_steady_s


def _passes(canvas: _Canvas, time: StageTime) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    """Intervals of the micro-batches after the first that are drawn one by one, and runs (first, last) of the rest."""
    count = time.micro_batches
    if count == 1:
        return [], []
    pixels = canvas.x(time.first_end_s + time.steady_s) - canvas.x(time.first_end_s)
    apart = canvas.x(time.first_end_s + time.pace_s) - canvas.x(time.first_end_s)
    if count <= canvas.most_blocks and (apart >= NARROWEST + 1 or count == 2):
        return [time.interval(number) for number in range(1, count)], []
    if pixels < NARROWEST:
        return [], [(1, count - 1)]
    alone = canvas.most_blocks - 2
    before = list(range(1, alone + 1))
    return [time.interval(number) for number in [*before, count - 1]], [(alone + 1, count - 2)]


def _boxes(
    canvas: _Canvas,
    tops: Sequence[float],
    spans: Sequence[tuple[float, float]],
    top: float,
    inset: float,
    **look: str | float,
) -> Markup:
    """Rectangles over `spans` (seconds) in every row, as one path: `top` pixels from the row's upper edge."""
    height = canvas.row_height - top - 2
    d = []
    for start_s, end_s in spans:
        left, right = canvas.x(start_s), canvas.x(end_s)
        gap = min(inset, 0.1 * (right - left))
        width = max(right - left - 2 * gap, 0.3)
        d += [f"M{left + gap:.2f} {y + top:.1f}h{width:.2f}v{height:.1f}h-{width:.2f}z" for y in tops]
    return tag("path", d="".join(d), **look)
