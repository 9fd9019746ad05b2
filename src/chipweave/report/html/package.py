"""The package from above in one window: what runs where, or how busy links, ports and memory interfaces are."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from chipweave.hardware.package import Package
from chipweave.report.html.drawing import FONT, model_fill, model_line
from chipweave.report.html.layout import Places, places
from chipweave.report.html.loads import Load, Loads
from chipweave.report.html.markup import joined, short, tag
from chipweave.report.naming import class_marks
from chipweave.report.palette import HEAT_LIMITS, letter
from chipweave.results.result import Result

WIDEST, LARGEST_PITCH, SMALLEST_PITCH = 620, 132, 44
"""Pixels of a drawing on a grid, and between its chiplets' centres."""
PITCH_WITH_NUMBERS = 60
"""Below it tiles have no room for the chiplet's number and class."""
ASIDE = 0.075
"""Pitches between a link and the line of one of its directions."""
LINK_WIDTHS = (1.5, 2.2, 3.0, 4.0, 5.5, 7.0)
"""Per step of the colour scale."""


@dataclass(frozen=True)
class _Canvas:
    """Pixels: the distance of two chiplets, the size of one, and what surrounds them."""

    places: Places
    pitch: float
    bent: bool

    @property
    def tile(self) -> float:
        return 0.66 * self.pitch

    @property
    def margin(self) -> float:
        return 0.6 * self.pitch + 8 if self.bent else 0.33 * self.pitch + 20

    @property
    def width(self) -> float:
        return self.places.width * self.pitch + 2 * self.margin

    @property
    def height(self) -> float:
        return self.places.height * self.pitch + 2 * self.margin

    def centre(self, chiplet: int) -> tuple[float, float]:
        x, y = self.places.points[chiplet]
        return self.margin + x * self.pitch, self.margin + y * self.pitch


def package_drawing(result: Result, window: int, busy: Loads | None = None, key: str = "") -> Markup:
    """An SVG of the package in a window: models and stages, or with `busy` the loads.

    Every chiplet, link and interface has an `aria-label` and, in `data-row`, the identifier of the table row that has
    its figures, with `key` in front. Fills refer to `drawing.patterns`.
    """
    package = result.problem.package
    canvas = _canvas(package)
    stages = _stages(result, window)
    links = _loaded_links(canvas, package, busy, key) if busy else _plain_links(canvas, package, stages)
    interfaces = [_interface(canvas, package, chiplet, busy, key) for chiplet in package.interfaces]
    marks = class_marks(package)
    tiles = [
        _load_tile(canvas, package, chiplet, busy, key) if busy else _tile(canvas, result, chiplet, marks, stages, key)
        for chiplet in range(len(package.chiplets))
    ]
    what = "how busy links, ports and memory interfaces are" if busy else "which model runs where"
    label = f"Package {short(package.name)} in window {window}: {what}"
    width, height = round(canvas.width), round(canvas.height)
    return tag(
        "svg",
        tag("g", joined(links), class_="links"),
        tag("g", joined(interfaces), class_="interfaces"),
        tag("g", joined(tiles), class_="tiles"),
        xmlns="http://www.w3.org/2000/svg",
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height}",
        class_="package wide" if width > WIDEST + 120 else "package",
        role="group",
        aria_label=label,
        font_family=FONT,
    )


def heat_key() -> Markup:
    """The colours and widths of loads: each step with its upper end."""
    parts = []
    for step, limit in enumerate(HEAT_LIMITS):
        x, y = 8 + 46 * step, 12.0
        line = f"var(--heat-{step}, #8c66bd)"
        parts.append(tag("path", d=f"M{x} {y}H{x + 40}", stroke=line, stroke_width=LINK_WIDTHS[step]))
        text = f"{100 * limit:g} %"
        parts.append(tag("text", text, x=x + 40, y=32, font_size=11.5, text_anchor="end", class_="small"))
    return tag(
        "svg",
        joined(parts),
        width=290,
        height=38,
        viewBox="0 0 290 38",
        class_="key",
        role="img",
        aria_label="Colours of loads, up to 0.3, 1, 3, 10, 30 and 100 %",
        font_family=FONT,
    )


def _canvas(package: Package) -> _Canvas:
    where = places(package)
    across = max(where.width + 1, (where.height + 1) * 0.8)
    pitch = max(SMALLEST_PITCH, min(LARGEST_PITCH, WIDEST / across))
    return _Canvas(where, pitch, any(where.bent(a, b) for a, b in package.links))


def _stages(result: Result, window: int) -> dict[int, tuple[int, int, int]]:
    """Per chiplet in use: number of the pipeline in the window, model, number of the stage from 0."""
    return {
        chiplet: (number, pipeline.task, position)
        for number, pipeline in enumerate(result.schedule.windows[window].pipelines)
        for position, stage in enumerate(pipeline.stages)
        for chiplet in stage.chiplets
    }


@dataclass(frozen=True)
class _Look:
    """How a tile looks: its ground and frame, what stands in its middle and, at the upper right, its class."""

    fill: str
    line: str
    label: str = ""
    mark: str = ""
    dashes: str | None = None
    width: float = 1.6


def _tile(
    canvas: _Canvas,
    result: Result,
    chiplet: int,
    marks: dict[str, str],
    stages: dict[int, tuple[int, int, int]],
    key: str,
) -> Markup:
    kind = result.problem.package.chiplets[chiplet].name
    title = f"Chiplet {chiplet}, {short(kind)}"
    if chiplet not in stages:
        look = _Look("var(--background, #fff)", "var(--faint, #9aa2ab)", mark=marks[kind], dashes="4 3")
        return _square(canvas, chiplet, f"{title}: idle", look, None)
    pipeline, model, stage = stages[chiplet]
    name = short(result.problem.scenario.tasks[model].name)
    title += f": stage {stage + 1} of model {letter(model)} {name}"
    look = _Look(model_fill(model), model_line(model), f"{letter(model)}{stage + 1}", marks[kind])
    return _square(canvas, chiplet, title, look, f"{key}-stage-{pipeline}-{stage}")


def _load_tile(canvas: _Canvas, package: Package, chiplet: int, busy: Loads, key: str) -> Markup:
    load = busy.port(chiplet)
    title = f"Chiplet {chiplet}, {short(package.chiplets[chiplet].name)}: its busier way {_share(load)} busy"
    look = _Look("var(--background, #fff)", _heat(load), width=_width(load))
    return _square(canvas, chiplet, title, look, f"{key}-port-{chiplet}" if load.bytes_ else None)


def _square(canvas: _Canvas, chiplet: int, title: str, look: _Look, row: str | None) -> Markup:
    (x, y), tile, label = canvas.centre(chiplet), canvas.tile, look.label
    parts = [
        tag(
            "rect",
            x=x - tile / 2,
            y=y - tile / 2,
            width=tile,
            height=tile,
            rx=0.09 * canvas.pitch,
            fill=look.fill,
            stroke=look.line,
            stroke_width=look.width,
            stroke_dasharray=look.dashes,
        )
    ]
    if label:
        size = min(0.27 * canvas.pitch, 1.2 * tile / len(label))
        parts.append(_text(label, x, y + 0.36 * size, size, "label", "middle"))
    if canvas.pitch >= PITCH_WITH_NUMBERS:
        small = max(9.5, 0.1 * canvas.pitch)
        if label or look.dashes:
            left, top = x - tile / 2 + 0.06 * canvas.pitch, y - tile / 2 + 0.04 * canvas.pitch + small * 0.85
            parts.append(_text(str(chiplet), left, top, small, "small", "start"))
            if look.mark:
                parts.append(_text(look.mark, x + tile / 2 - 0.06 * canvas.pitch, top, small, "small", "end"))
        else:
            parts.append(_text(str(chiplet), x, y + 0.36 * 1.3 * small, 1.3 * small, "small", "middle"))
    return _item(parts, title, row, "chiplet")


def _text(text: str, x: float, y: float, size: float, class_: str, anchor: str) -> Markup:
    return tag("text", text, x=x, y=y, font_size=size, class_=class_, text_anchor=anchor)


def _item(parts: list[Markup], title: str, row: str | None, class_: str) -> Markup:
    return tag("g", joined(parts), class_=f"item {class_}", role="img", aria_label=title, data_row=row, tabindex=-1)


def _interface(canvas: _Canvas, package: Package, chiplet: int, busy: Loads | None, key: str) -> Markup:
    """A tab on the tile's outer side."""
    (x, y), (dx, dy) = canvas.centre(chiplet), _outward(package, canvas.places, chiplet)
    reach, half = 0.33 * canvas.pitch, 0.17 * canvas.pitch
    depth = min(13.0, 0.2 * canvas.pitch)
    ax, ay = x + dx * (reach + 4), y + dy * (reach + 4)
    corners = [(ax - dy * half, ay + dx * half), (ax + dy * half, ay - dx * half)]
    corners += [(px + dx * depth, py + dy * depth) for px, py in reversed(corners)]
    load = busy.interfaces[chiplet] if busy else None
    d = "M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in corners) + "Z"
    fill = "var(--muted, #5b636d)" if load is None else _heat(load)
    title = f"Memory interface of chiplet {chiplet}"
    if load is not None:
        title += f": {_share(load)} of what the DRAM can move"
    row = f"{key}-interface-{chiplet}" if load is not None and load.bytes_ else None
    return _item([tag("path", d=d, fill=fill)], title, row, "interface")


def _outward(package: Package, where: Places, chiplet: int) -> tuple[float, float]:
    """Left or right for chiplets at the left or right edge of a grid, else the side that links leave most free."""
    x, y = where.points[chiplet]
    if where.on_grid and x in (0, where.width):
        return (-1.0, 0.0) if x == 0 else (1.0, 0.0)
    ways = []
    for other in package.neighbours[chiplet]:
        ox, oy = where.points[other]
        length = math.hypot(ox - x, oy - y)
        ways.append(((ox - x) / length, (oy - y) / length))
    sides = ((-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0))
    return min(sides, key=lambda side: max((side[0] * dx + side[1] * dy for dx, dy in ways), default=0.0))


def _plain_links(canvas: _Canvas, package: Package, stages: dict[int, tuple[int, int, int]]) -> list[Markup]:
    """One line a link, a band in the model's colour where it joins chiplets of one region."""
    lines = []
    for a, b in package.links:
        together = stages.get(a) is not None and stages.get(a) == stages.get(b)
        stroke = model_line(stages[a][1]) if together else "var(--link, #b4bbc3)"
        width = 0.16 * canvas.pitch if together else 2.0
        lines.append(tag("path", d=_way(canvas, a, b, 0), stroke=stroke, stroke_width=width, fill="none"))
    return lines


def _loaded_links(canvas: _Canvas, package: Package, busy: Loads, key: str) -> list[Markup]:
    """A line for each direction, on its right-hand side, with an arrowhead; idle ones thin and grey, all in one."""
    idle = "".join(_way(canvas, a, b, ASIDE) for (a, b), load in busy.links.items() if not load.bytes_)
    lines = [tag("path", d=idle, stroke="var(--link, #b4bbc3)", stroke_width=1, fill="none")]
    for (a, b), load in sorted(busy.links.items(), key=lambda pair: pair[1].bytes_):
        if load.bytes_:
            d, width = _way(canvas, a, b, ASIDE), _width(load)
            parts = [
                tag("path", d=d, stroke="transparent", stroke_width=max(9, width), fill="none"),
                tag("path", d=d, stroke=_heat(load), stroke_width=width, fill="none"),
                _head(canvas, a, b, load),
            ]
            title = f"Link from chiplet {a} to {b}: {_share(load)} busy"
            lines.append(_item(parts, title, f"{key}-link-{a}-{b}", "link"))
    return lines


def _way(canvas: _Canvas, a: int, b: int, aside: float) -> str:
    """The path of a link from tile to tile, `aside` pitches to its right; long ones bend around what is between."""
    (ax, ay), (bx, by) = canvas.centre(a), canvas.centre(b)
    length = math.hypot(bx - ax, by - ay)
    ux, uy = (bx - ax) / length, (by - ay) / length
    cut = 0.5 * canvas.tile / max(abs(ux), abs(uy)) + 1.5 if aside else 0.0
    aside *= canvas.pitch
    ax, ay = ax + ux * cut - uy * aside, ay + uy * cut + ux * aside
    bx, by = bx - ux * cut - uy * aside, by - uy * cut + ux * aside
    if not canvas.places.bent(a, b):
        return f"M{ax:.1f} {ay:.1f}L{bx:.1f} {by:.1f}"
    side = 1 if a < b else -1
    bend = 0.46 * canvas.pitch * side
    mx, my = (ax + bx) / 2 + uy * 2 * bend, (ay + by) / 2 - ux * 2 * bend
    return f"M{ax:.1f} {ay:.1f}Q{mx:.1f} {my:.1f} {bx:.1f} {by:.1f}"


def _head(canvas: _Canvas, a: int, b: int, load: Load) -> Markup:
    (ax, ay), (bx, by) = canvas.centre(a), canvas.centre(b)
    length = math.hypot(bx - ax, by - ay)
    ux, uy = (bx - ax) / length, (by - ay) / length
    aside, cut = ASIDE * canvas.pitch, 0.5 * canvas.tile / max(abs(ux), abs(uy))
    tx, ty = bx - ux * cut - uy * aside, by - uy * cut + ux * aside
    size = 4 + _width(load)
    bx, by, wx, wy = tx - ux * size, ty - uy * size, uy * size * 0.6, ux * size * 0.6
    d = f"M{tx:.1f} {ty:.1f}L{bx + wx:.1f} {by - wy:.1f}L{bx - wx:.1f} {by + wy:.1f}Z"
    return tag("path", d=d, fill=_heat(load), stroke="none")


def _share(load: Load) -> str:
    return f"{100 * load.share:.2g} %"


def _heat(load: Load) -> str:
    return "var(--link, #b4bbc3)" if load.step is None else f"var(--heat-{load.step}, #8c66bd)"


def _width(load: Load) -> float:
    return 1.0 if load.step is None else LINK_WIDTHS[load.step]
