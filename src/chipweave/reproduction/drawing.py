"""Figures of exhibits, in the papers' own layout, by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chipweave.report.figure import METADATA
from chipweave.reproduction.exhibit import IDLE, Exhibit, Look, Panel, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#3b6ea8", "#d1793b", "#5a9a5a", "#b0474a", "#7c64a8", "#7d7d7d", "#c9a227", "#3aa6a6")
PANEL_IN = (3.4, 2.3)
FEW_PLACES = 8
_STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 7,
    "axes.linewidth": 0.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "chipweave",
}


def drawn(exhibit: Exhibit, suffixes: Sequence[str] = ("svg", "png")) -> dict[str, bytes]:
    """The figure of an exhibit in each format; the same exhibit gives the same bytes. matplotlib is needed."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(exhibit.columns, len(exhibit.panels))
    lines = -(-len(exhibit.panels) // columns)
    files: dict[str, bytes] = {}
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(PANEL_IN[0] * columns, PANEL_IN[1] * lines + 0.4), layout="constrained")
        FigureCanvasAgg(figure)
        names: dict[str, Any] = {}
        for place, panel in enumerate(exhibit.panels):
            axes = figure.add_subplot(lines, columns, place + 1)
            names |= _panel(axes, panel)
        figure.legend(names.values(), names.keys(), loc="outside lower center", ncols=4, frameon=False, fontsize=6)
        for suffix in suffixes:
            written = io.BytesIO()
            figure.savefig(written, format=suffix, dpi=150, metadata=dict(METADATA[suffix]))
            files[suffix] = written.getvalue()
    return files


def _panel(axes: Axes, panel: Panel) -> dict[str, Any]:
    """Draw a panel; what goes into the legend, by its name."""
    axes.set_title(panel.title, fontsize=7)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(width=0.5, length=2)
    if panel.logarithmic:
        axes.set_yscale("log")
    if panel.logarithmic_x:
        _spread_x(axes, panel)
    names = list(dict.fromkeys(each.name for each in panel.series))
    colours = {name: COLOURS[at % len(COLOURS)] for at, name in enumerate(names)}
    if panel.look is Look.BARS:
        return _bars(axes, panel, colours)
    if panel.look is Look.GRID:
        return _grid(axes, panel, colours)
    shown: dict[str, Any] = {}
    for each in panel.series:
        joined = "-" if panel.look is Look.LINES else ""
        style: dict[str, Any] = {"marker": "o", "markersize": 3, "linewidth": 0.8, "color": colours[each.name]}
        if each.published:
            style |= {"markerfacecolor": "white", "linestyle": "--" if joined else ""}
        (line,) = axes.plot(each.x, each.y, **({"linestyle": joined} | style))
        shown[_legend_name(each)] = line
    return shown


def _spread_x(axes: Axes, panel: Panel) -> None:
    """A logarithmic horizontal axis; where few numbers stand on it, those are its ticks."""
    from matplotlib.ticker import NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    places = sorted({x for each in panel.series for x in each.x})
    if 0 < len(places) <= FEW_PLACES:
        axes.set_xticks(places, [f"{x:g}" for x in places])
        axes.minorticks_off()


def _bars(axes: Axes, panel: Panel, colours: dict[str, str]) -> dict[str, Any]:
    width = 0.8 / max(1, len(panel.series))
    shown: dict[str, Any] = {}
    for place, each in enumerate(panel.series):
        at = [x - 0.4 + width * (place + 0.5) for x in each.x]
        fill = "white" if each.published else colours[each.name]
        bars = axes.bar(at, each.y, width * 0.9, edgecolor=colours[each.name], linewidth=0.6, facecolor=fill)
        shown[_legend_name(each)] = bars
    axes.set_xticks(range(len(panel.categories)), panel.categories)
    return shown


def _grid(axes: Axes, panel: Panel, colours: dict[str, str]) -> dict[str, Any]:
    """A square per chiplet in the colour of its series; the first row is above."""
    from matplotlib.patches import Rectangle

    shown: dict[str, Any] = {}
    for each in panel.series:
        fill = "white" if each.name == IDLE else colours[each.name]
        for x, y in zip(each.x, each.y, strict=True):
            square = Rectangle((x - 0.45, y - 0.45), 0.9, 0.9, facecolor=fill, edgecolor="#555555", linewidth=0.5)
            shown[each.name] = axes.add_patch(square)
    across = 1 + max(x for each in panel.series for x in each.x)
    down = 1 + max(y for each in panel.series for y in each.y)
    axes.set(xlim=(-0.5, across - 0.5), ylim=(down - 0.5, -0.5), aspect="equal", yticks=[])
    axes.set_xticks(range(len(panel.categories)), panel.categories)
    return shown


def _legend_name(series: Series) -> str:
    return f"{series.name}, the paper" if series.published else series.name
