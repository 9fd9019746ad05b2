"""Figures for papers: the schedule over time as PDF, SVG or PNG, by matplotlib."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chipweave.errors import InputError
from chipweave.evaluation.record import RESOURCES, StageEvaluation, WindowEvaluation
from chipweave.evaluation.timeline import StageTime, phases, stage_times
from chipweave.files.atomic import write_bytes
from chipweave.report.html.markup import short
from chipweave.report.naming import classes_of, ranges, resource_of
from chipweave.report.palette import hatch, letter, shade
from chipweave.report.quantities import axis_prefix
from chipweave.report.timeline_rows import Row, rows
from chipweave.results.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METADATA: Mapping[str, Mapping[str, str | None]] = {
    "pdf": {"Creator": "chipweave", "Producer": None, "CreationDate": None},
    "svg": {"Creator": "chipweave", "Date": None},
    "png": {"Software": "chipweave"},
}
"""Of a figure by its format: without dates and versions, so that the same figure is the same bytes."""
WIDTHS_IN = {1: 3.5, 2: 7.16}
"""Of one and of two columns of a page (IEEE)."""
_FONT_PT, _SMALL_PT = 7.0, 6.0
_ROW_IN, _LOWEST_ROW_IN, _HIGHEST_IN = 0.17, 0.05, 8.0
_NARROWEST_PT = 2.5
"""Of a micro-batch that is drawn by itself."""
_MOST_ALONE = 40
_STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": _FONT_PT,
    "hatch.linewidth": 0.35,
    "axes.linewidth": 0.5,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "chipweave",
}
_DARK, _FAINT = "#1a1d21", "#8c96a0"
_LABEL: dict[str, Any] = {
    "fontsize": _SMALL_PT,
    "ha": "center",
    "va": "center_baseline",
    "bbox": {"boxstyle": "square,pad=0.12", "facecolor": "white", "linewidth": 0, "alpha": 0.85},
}


def require(path: Path) -> str:
    """The format of a figure by its file's suffix; said before a long search, not after it.

    Raises:
        InputError: another suffix, or matplotlib is not installed, or not usable (a wrong MPLBACKEND, say).
    """
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in METADATA:
        raise InputError(f"{path}: a figure is not '{suffix}'; end its name in .pdf, .svg or .png")
    if find_spec("matplotlib") is None:
        raise InputError(f"{path}: figures need matplotlib; install it with: pip install 'chipweave[figures]'")
    try:
        import matplotlib  # noqa: F401
    except Exception as error:  # of any class: it reads settings of the user's
        reason = " ".join(str(error).split())
        remedy = "correct its settings or install it again"
        raise InputError(f"{path}: matplotlib cannot be used: {reason}; {remedy}") from None
    return suffix


def timeline_figure(result: Result, path: str | Path, columns: int = 2) -> None:
    """Draw the schedule over time into a file, whole or not at all.

    Args:
        path: ends in .pdf, .svg or .png.
        columns: of a page that the figure is wide, 1 or 2.

    Raises:
        InputError: as `require`; another number of columns; the file cannot be written.
    """
    target = Path(path)
    suffix = require(target)
    if columns not in WIDTHS_IN:
        raise InputError(f"figure: columns={columns}; a figure is 1 or 2 columns wide")
    import matplotlib

    drawn = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        drawing = timeline(result, WIDTHS_IN[columns])
        drawing.savefig(drawn, format=suffix, dpi=300, metadata=dict(METADATA[suffix]))
    write_bytes(target, drawn.getvalue())


def timeline(result: Result, width_in: float) -> Figure:
    """The figure: a row per chiplet in use, or per group of chiplets that always work together; time to the right.

    Models differ in colour and hatch. Dark strips are transfers and loading of weights; where a shared resource holds
    a window longer than its pipelines work, the rest of it is hatched.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    evaluation = result.evaluation
    shown = rows(result, range(len(evaluation.windows)))
    row_in = max(_LOWEST_ROW_IN, min(_ROW_IN, _HIGHEST_IN / len(shown)))
    figure = Figure(figsize=(width_in, 1.0))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    exponent, prefix = axis_prefix(evaluation.latency_s)
    scale = 10.0**-exponent
    axes.set_xlim(0, evaluation.latency_s * scale)
    axes.set_ylim(len(shown), 0)
    axes.set_xlabel(f"time ({prefix}s)", labelpad=1.5)
    axes.tick_params(width=0.5, length=2.5, pad=1.5)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    _name_rows(axes, result, shown, row_in)
    tails = [_tail_s(window) for window in evaluation.windows]
    visible_s = 0.5 / 72 / width_in * evaluation.latency_s
    legend = _legend(figure, result, width_in, max(tails) > visible_s)
    _place(figure, axes, legend, len(shown) * row_in)
    points = (axes.bbox.width * 72 / figure.dpi) / (evaluation.latency_s * scale)
    for index in range(len(evaluation.windows)):
        _window(axes, result, index, scale, points)
        _stages(axes, result, index, shown, scale, points, row_in)
    return figure


def _name_rows(axes: Axes, result: Result, shown: Sequence[Row], row_in: float) -> None:
    """Every row, or every second, third, ... where rows are lower than their names."""
    every = math.ceil(_SMALL_PT * 1.15 / 72 / row_in)
    names = []
    for row in shown[::every]:
        kinds = classes_of(row.chiplets, result.problem.package)
        names.append(f"{short(ranges(row.chiplets), 12)} {kinds}".strip())
    axes.set_yticks([0.5 + at for at in range(0, len(shown), every)], names, fontsize=_SMALL_PT)
    axes.set_ylabel("chiplet", labelpad=2)


def _legend(figure: Figure, result: Result, width_in: float, tails: bool) -> Any:
    from matplotlib.patches import Patch

    handles = []
    for task, entry in enumerate(result.problem.scenario.tasks):
        look = shade(task)
        label = f"{letter(task)} {_text(entry.name)} ({entry.batch})"
        handles.append(
            Patch(facecolor=look.fill, edgecolor=look.line, hatch=hatch(task).matplotlib, linewidth=0.4, label=label)
        )
    handles.append(Patch(facecolor=_DARK, label="transfers, weights"))
    if tails:
        *others, last = map(resource_of, RESOURCES.values())
        label = f"held by {', '.join(others)} or {last}"
        handles.append(Patch(facecolor="white", edgecolor=_FAINT, hatch="////", linewidth=0, label=label))
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = max(1, min(len(handles), int((width_in * 72 - 10) / (0.62 * _SMALL_PT * longest + 22))))
    return figure.legend(
        handles=handles,
        loc="lower center",
        ncols=columns,
        frameon=False,
        fontsize=_SMALL_PT,
        borderaxespad=0.0,
        borderpad=0.1,
        handlelength=1.8,
        handleheight=0.9,
        handletextpad=0.5,
        columnspacing=1.2,
        labelspacing=0.35,
    )


def _text(name: str) -> str:
    """A name that matplotlib takes for text, not for mathematics."""
    return short(name, 24).replace("$", r"\$")


def _place(figure: Figure, axes: Axes, legend: Any, rows_in: float) -> None:
    """Make the figure as high as its rows, axis and legend, and give each its place (inches from the edges)."""
    width_in = figure.get_size_inches()[0]
    legend_in = legend.get_window_extent().height / figure.dpi
    names_in = max(label.get_window_extent().width for label in axes.get_yticklabels()) / figure.dpi
    left, right, top, axis = names_in + 0.22, 0.1, 0.16, 0.3
    height_in = top + rows_in + axis + legend_in + 0.04
    figure.set_size_inches(width_in, height_in)
    bottom = (axis + legend_in + 0.04) / height_in
    axes.set_position((left / width_in, bottom, 1 - (left + right) / width_in, rows_in / height_in))


def _window(axes: Axes, result: Result, index: int, scale: float, points: float) -> None:
    """A window's boundary and number, and the time in which only a shared resource works. `points` are per unit."""
    window = result.evaluation.windows[index]
    left, right = window.start_s * scale, window.end_s * scale
    last = index == len(result.evaluation.windows) - 1
    for x in (left, right) if last else (left,):
        axes.axvline(x, color=_DARK, linewidth=0.6, linestyle=(0, (4, 2)), zorder=4, clip_on=False)
    for name in (f"window {index}", str(index)):
        if (right - left) * points > 0.68 * _SMALL_PT * len(name) + 4:
            axes.annotate(name, (left, 0), (2, 2), textcoords="offset points", fontsize=_SMALL_PT, va="bottom")
            break
    if tail := _tail_s(window) * scale:
        axes.axvspan(right - tail, right, facecolor="none", edgecolor=_FAINT, hatch="////", linewidth=0, zorder=1)


def _tail_s(window: WindowEvaluation) -> float:
    """How long a window goes on after its pipelines, until the DRAM, a link or a port has moved its bytes."""
    return max(0.0, window.latency_s - window.pipelines[window.slowest].latency_s)


def _stages(
    axes: Axes, result: Result, index: int, shown: Sequence[Row], scale: float, points: float, row_in: float
) -> None:
    window = result.evaluation.windows[index]
    for p, pipeline in enumerate(window.pipelines):
        look, texture = shade(pipeline.task), hatch(pipeline.task).matplotlib
        for s, (stage, time) in enumerate(zip(pipeline.stages, stage_times(pipeline, window.start_s), strict=True)):
            tops = [at for at, row in enumerate(shown) if row.stages.get(index) == (p, s)]
            blocks, strips = _spans(stage, time, scale, points)
            for top in tops:
                colours: dict[str, Any] = {"facecolor": look.fill, "edgecolor": look.line, "hatch": texture}
                axes.broken_barh(blocks, (top + 0.1, 0.8), linewidth=0.35, zorder=2, **colours)
                if strips:
                    axes.broken_barh(strips, (top + 0.72, 0.18), facecolor=_DARK, linewidth=0, zorder=3)
            name = f"{letter(pipeline.task)}{s + 1}"
            room = (time.end_s - time.start_s) * scale * points
            need = 0.72 * _SMALL_PT * len(name) + 3
            if room > need and row_in * 72 > _SMALL_PT + 2:
                wide = (block for block in blocks if block[1] * points > need)  # so that it covers no end of a block
                start, width = next(wide, (time.start_s * scale, (time.end_s - time.start_s) * scale))
                axes.text(start + 0.5 * width, tops[0] + 0.47, name, zorder=5, **_LABEL)


Spans = list[tuple[float, float]]


def _spans(stage: StageEvaluation, time: StageTime, scale: float, points: float) -> tuple[Spans, Spans]:
    """(start, width) of what a stage computes, micro-batch by micro-batch where there is room, and of what it waits
    for before and in the first one."""
    strips: list[tuple[float, float]] = [(time.start_s, time.loaded_s)] if stage.resident_s else []
    blocks: list[tuple[float, float]] = []
    for phase in phases(stage):
        (blocks if phase.term == "compute_s" else strips).append(time.span(phase))
    blocks += _later(time, scale * points)
    spans = [[(start_s * scale, (end_s - start_s) * scale) for start_s, end_s in each] for each in (blocks, strips)]
    return spans[0], spans[1]


def _later(time: StageTime, points_s: float) -> Iterator[tuple[float, float]]:
    """Micro-batches after the first, one by one or, where they are narrow or many, in one block."""
    count = time.micro_batches
    if count == 1:
        return
    if time.pace_s * points_s >= _NARROWEST_PT and count <= _MOST_ALONE:
        yield from (time.interval(number) for number in range(1, count))
    else:
        yield time.interval(1)[0], time.end_s
