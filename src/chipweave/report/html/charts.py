"""Small drawings of figures: bars, stacked bars, and points in a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from chipweave.evaluation.record import ENERGY_PARTS, Energy
from chipweave.report.html.data_elements import typeset
from chipweave.report.html.drawing import FONT, component_fill, model_line
from chipweave.report.html.markup import joined, tag
from chipweave.report.html.scale import Scale

BAR_WIDTH, BAR_HEIGHT = 96, 8
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 360, 74, 24, 18, 46


def bar(share: float, fill: str = "var(--accent, #4a6fa5)", width: int = BAR_WIDTH) -> Markup:
    """A share of 1 as a bar; what exceeds 1 fills it."""
    full = max(0.0, min(1.0, share)) * width
    ground = tag("rect", width=width, height=BAR_HEIGHT, rx=2, class_="ground")
    filled = tag("rect", width=full, height=BAR_HEIGHT, rx=2, fill=fill)
    return _strip(ground + filled, width, BAR_HEIGHT)


def energy_bar(energy: Energy, most_j: float, width: int = 240) -> Markup:
    """The parts of an energy one after another; `most_j` is as long as the bar may be."""
    parts, x = [], 0.0
    for name in ENERGY_PARTS:
        length = getattr(energy, name) / most_j * width if most_j else 0.0
        if length > 0.05:
            parts.append(tag("rect", x=x, y=0.5, width=length, height=15, fill=component_fill(name), class_="part"))
        x += length
    return _strip(joined(parts), width, 16)


def swatch(fill: str) -> Markup:
    """What a fill looks like, for legends."""
    square = tag("rect", x=0.75, y=0.75, width=14.5, height=14.5, rx=3, fill=fill, class_="part")
    return tag("svg", square, width=16, height=16, viewBox="0 0 16 16", class_="swatch", aria_hidden="true")


def _strip(inner: Markup, width: float, height: float) -> Markup:
    box = f"0 0 {width} {height}"
    return tag("svg", inner, width=width, height=height, viewBox=box, class_="strip", aria_hidden="true")


@dataclass(frozen=True)
class Point:
    """A schedule in the plane of two figures, latency and energy unless it is said otherwise; the `chosen` ones are
    larger, `kind` is a key of the looks, and `link` is where it leads."""

    x: float
    y: float
    title: str
    row: str | None
    kind: str
    chosen: bool = False
    link: str | None = None


@dataclass(frozen=True)
class Axes:
    """Names and units of the two figures of a plane."""

    across: str = "latency"
    across_unit: str = "s"
    up: str = "energy"
    up_unit: str = "J"


@dataclass(frozen=True)
class Look:
    """A point's colour and the number of its shape."""

    fill: str
    shape: int


SHAPES = (
    "M-1 0A1 1 0 0 1 1 0A1 1 0 0 1-1 0Z",
    "M0-1.25L1.25 0L0 1.25L-1.25 0Z",
    "M-.9-.9H.9V.9H-.9Z",
    "M0-1.1L1.15.9H-1.15Z",
    "M0 1.1L1.15-.9H-1.15Z",
    "M-.35-1.1H.35V-.35H1.1V.35H.35V1.1H-.35V.35H-1.1V-.35H-.35Z",
)
"""Circle, diamond, square, triangles, cross: about as far from the middle as 1."""


def marker(series: int) -> Markup:
    """The marker of a series in the plane, for legends."""
    shape = tag("path", d=SHAPES[series % len(SHAPES)], fill=model_line(series), transform="translate(8 8) scale(6)")
    return tag("svg", shape, width=16, height=16, viewBox="0 0 16 16", class_="swatch", aria_hidden="true")


def plane(
    points: Sequence[Point],
    bound: tuple[float, float] | None,
    title: str,
    looks: Mapping[str, Look],
    axes: Axes = Axes(),
    stairs: Sequence[tuple[float, float]] = (),
) -> Markup:
    """Points over two figures, with the corner that nothing gets below.

    Axes are logarithmic where values span more than a factor of 4. `looks` has those of each kind; `stairs` are points,
    in the order of x, between which a line goes to the right and down.
    """
    corners = [bound] if bound else []
    across = Scale.over([point.x for point in points] + [x for x, _ in corners], LEFT, WIDTH - RIGHT, axes.across_unit)
    up = Scale.over([point.y for point in points] + [y for _, y in corners], HEIGHT - BOTTOM, TOP, axes.up_unit)
    parts = _axes(across, up, axes.across, axes.up)
    if bound is not None:
        x, y = across.at(bound[0]), up.at(bound[1])
        corner = f"M{LEFT} {TOP}H{x:.1f}V{y:.1f}H{WIDTH - RIGHT}V{HEIGHT - BOTTOM}H{LEFT}Z"
        edge = f"M{x:.1f} {TOP}V{y:.1f}H{WIDTH - RIGHT}"
        parts += [tag("path", d=corner, fill="url(#tail)"), tag("path", d=edge, class_="bound", fill="none")]
    if stairs:
        first, *others = stairs
        line = f"M{across.at(first[0]):.1f} {up.at(first[1]):.1f}"
        line += "".join(f"H{across.at(x):.1f}V{up.at(y):.1f}" for x, y in others)
        parts.append(tag("path", d=line, class_="stairs", fill="none"))
    parts += [_point(point, looks[point.kind], across, up) for point in sorted(points, key=lambda each: each.chosen)]
    return _drawing(parts, "group", title)


def _point(point: Point, look: Look, across: Scale, up: Scale) -> Markup:
    where = f"translate({across.at(point.x):.1f} {up.at(point.y):.1f}) scale({7.5 if point.chosen else 4.2})"
    drawn = tag(
        "g",
        tag("path", d=SHAPES[look.shape % len(SHAPES)], fill=look.fill, transform=where),
        class_="item point chosen" if point.chosen else "item point",
        role="img",
        aria_label=point.title,
        data_row=point.row,
        tabindex=-1,
    )
    return drawn if point.link is None else tag("a", drawn, href=point.link, tabindex=-1)


def course(
    steps: Sequence[tuple[float, float]], end_s: float, bounds: Sequence[tuple[float, float]], title: str
) -> Markup:
    """What a search had found when: a step at each (seconds, times the last value), until the search ended; and what
    was proven when, in the same terms."""
    values = [value for _, value in (*steps, *bounds)]
    across = Scale(0.0, max(end_s, steps[-1][0], 1e-9), LEFT, WIDTH - RIGHT, False, "s")
    up = Scale.over(values, HEIGHT - BOTTOM, TOP, "")

    def stairs(points: Sequence[tuple[float, float]]) -> str:
        begin = f"M{across.at(points[0][0]):.1f} {up.at(points[0][1]):.1f}"
        falling = "".join(f"H{across.at(seconds):.1f}V{up.at(value):.1f}" for seconds, value in points[1:])
        return f"{begin}{falling}H{WIDTH - RIGHT}"

    parts = _axes(across, up, "seconds of the search", "times the value at the end")
    parts.append(tag("path", d=stairs(steps), fill="none", stroke="var(--accent, #4a6fa5)", stroke_width=2))
    if bounds:
        parts.append(tag("path", d=stairs(bounds), class_="bound", fill="none"))
    return _drawing(parts, "img", title)


def _drawing(parts: list[Markup], role: str, title: str) -> Markup:
    return tag(
        "svg",
        joined(parts),
        xmlns="http://www.w3.org/2000/svg",
        width=WIDTH,
        height=HEIGHT,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_="plane",
        role=role,
        aria_label=title,
        font_family=FONT,
    )


def _axes(across: Scale, up: Scale, below: str, beside: str) -> list[Markup]:
    parts, taken = [], -100.0
    for value in across.ticks():
        x = across.at(value)
        parts.append(tag("path", d=f"M{x:.1f} {TOP}V{HEIGHT - BOTTOM}", class_="grid"))
        if x - taken > 58:
            text, taken = across.label(value), x
            parts.append(_label(text, x, HEIGHT - BOTTOM + 18, "middle"))
    taken = HEIGHT * 2.0
    for value in up.ticks():
        y = up.at(value)
        parts.append(tag("path", d=f"M{LEFT} {y:.1f}H{WIDTH - RIGHT}", class_="grid"))
        if taken - y > 20:
            text, taken = up.label(value), y
            parts.append(_label(text, LEFT - 8, y + 4, "end"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(_label(below, middle, HEIGHT - 8, "middle", "strong"))
    turned = f"translate(14 {(TOP + HEIGHT - BOTTOM) / 2:.1f}) rotate(-90)"
    name = tag("text", beside, font_size=12, text_anchor="middle", class_="strong", transform=turned)
    return [*parts, name]


def _label(text: str, x: float, y: float, anchor: str, class_: str = "small") -> Markup:
    size = 12 if class_ == "strong" else 11.5
    return tag("text", typeset(text), x=x, y=y, font_size=size, text_anchor=anchor, class_=class_)
