"""A simulated schedule over time, as a drawing: what each chiplet computed when, and when it waited."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from chipweave.report.html.drawing import FONT, ticks
from chipweave.report.html.markup import joined, short, tag
from chipweave.report.naming import classes_of, ranges
from chipweave.report.palette import HUES, shade_of
from chipweave.report.quantities import quantity
from chipweave.report.timeline_rows import Row, rows
from chipweave.results.result import Result
from chipweave.simulation.outcome import Simulation

WIDTH, GUTTER, HEAD, FOOT, HIGH = 1120, 90, 10, 30, 22
"""Pixels: of the drawing, for the rows' names, above and below the rows, and of a row."""
NARROWEST = 1.5
"""Pixels; computing that is nearer than this is drawn as one block."""
STRIP = 5
"""Pixels of a strip of transfers from and to DRAM."""
AT_DRAM = frozenset({"load", "pin", "stream", "again", "spill", "store"})

Span = tuple[float, float]


def simulated_drawing(simulation: Simulation, result: Result) -> Markup:
    """An SVG of all windows: per row of chiplets, blocks of computing, and below them strips of what moved from and to
    DRAM; what is blank was waited for."""
    shown = rows(result, range(len(simulation.windows)))
    bottom = HEAD + HIGH * len(shown)
    scale = (WIDTH - GUTTER - 10) / simulation.latency_s
    spans = _spans(simulation)
    pieces = [piece for index, row in enumerate(shown) for piece in _row(result, row, index, spans, scale)]
    axis = []
    for time_s in ticks(0.0, simulation.latency_s):
        x = GUTTER + time_s * scale
        axis.append(tag("path", d=f"M{x:.1f} {HEAD}V{bottom + 4:.1f}", stroke="#d0d4d8", stroke_width=0.6))
        label = quantity(time_s, "s") if time_s else "0"
        axis.append(tag("text", label, x=x, y=bottom + 18, font_size=11, text_anchor="middle"))
    edges = [
        tag("path", d=f"M{GUTTER + each.start_s * scale:.1f} {HEAD}V{bottom}", stroke="#555", stroke_width=1)
        for each in simulation.windows
    ]
    height = bottom + FOOT
    return tag(
        "svg",
        tag("rect", width=WIDTH, height=height, fill="white"),
        joined([*axis, *pieces, *edges]),
        xmlns="http://www.w3.org/2000/svg",
        width=WIDTH,
        height=height,
        viewBox=f"0 0 {WIDTH} {height}",
        font_family=FONT,
        role="img",
        aria_label=f"{result.problem.scenario.name}, simulated: what each chiplet does when",
    )


def _spans(simulation: Simulation) -> dict[tuple[int, int, int], tuple[list[Span], list[Span]]]:
    """By window, pipeline and stage: when it computes, and when it moves something from or to DRAM."""
    found: dict[tuple[int, int, int], tuple[list[Span], list[Span]]] = {}
    for stretch in simulation.stretches:
        for what, start_s, end_s in stretch.spans():
            own = found.setdefault((what.window, what.pipeline, what.stage), ([], []))
            if what.kind == "compute" or what.kind in AT_DRAM:
                own[what.kind in AT_DRAM].append((start_s, end_s))
    return found


def _row(
    result: Result,
    row: Row,
    index: int,
    spans: dict[tuple[int, int, int], tuple[list[Span], list[Span]]],
    scale: float,
) -> Iterator[Markup]:
    top = HEAD + index * HIGH
    name = f"{short(ranges(row.chiplets), 9)} {classes_of(row.chiplets, result.problem.package)}".strip()
    yield tag("text", name, x=GUTTER - 8, y=top + 14, font_size=11, text_anchor="end")
    for window, (pipeline, stage) in row.stages.items():
        shade = shade_of(HUES[result.schedule.windows[window].pipelines[pipeline].task % len(HUES)])
        computing, moving = spans.get((window, pipeline, stage), ([], []))
        for start_s, end_s in merged(computing, NARROWEST / scale):
            yield _block(start_s, end_s, top + 2, HIGH - STRIP - 4, shade.fill, shade.line, scale)
        for start_s, end_s in merged(moving, NARROWEST / scale):
            yield _block(start_s, end_s, top + HIGH - STRIP - 1, STRIP, shade.line, "none", scale)


def _block(start_s: float, end_s: float, y: float, height: float, fill: str, stroke: str, scale: float) -> Markup:
    return tag(
        "rect",
        x=round(GUTTER + start_s * scale, 2),
        y=y,
        width=round(max(0.3, (end_s - start_s) * scale), 2),
        height=height,
        fill=fill,
        stroke=stroke,
        stroke_width=0.5,
    )


def merged(spans: list[Span], gap_s: float) -> list[Span]:
    """Spans in order of time, those with less than `gap_s` between them as one."""
    found: list[Span] = []
    for start_s, end_s in sorted(spans):
        if found and start_s - found[-1][1] < gap_s:
            found[-1] = found[-1][0], max(found[-1][1], end_s)
        else:
            found.append((start_s, end_s))
    return found
