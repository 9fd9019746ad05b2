"""Points with many values each: a rail for every axis, one below the other, and a line through them for every point."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from chipweave.report.html.data_elements import typeset
from chipweave.report.html.drawing import FONT
from chipweave.report.html.markup import joined, short, tag
from chipweave.report.html.scale import Scale

WIDTH, LEFT, RIGHT, TOP, PITCH, BELOW = 560, 22, 22, 30, 62, 24
LETTER = 7.4
"""About how wide a letter is."""
MOST_VALUES = 8
"""Different numbers that are all written at a rail."""


@dataclass(frozen=True)
class Rail:
    """An axis.

    Args:
        at: of every line where it crosses, from 0 to 1; None: it does not.
        marks: what is written where.
    """

    label: str
    at: Sequence[float | None]
    marks: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Line:
    """A point: what it is called, the row that has its figures, where it leads, and whether it stands out."""

    title: str
    row: str
    link: str | None = None
    chosen: bool = False


def rail_of_numbers(label: str, values: Sequence[float | None], unit: str, text: Callable[[float], str]) -> Rail:
    """A rail for numbers, logarithmic where they span more than a factor of 4."""
    known = sorted({value for value in values if value is not None})
    scale = Scale.over(known, 0.0, 1.0, unit)
    marks = [(scale.at(value), text(value)) for value in known]
    if len(known) > MOST_VALUES:
        marks = [(scale.at(value), scale.label(value)) for value in scale.ticks()]
    return Rail(label, [None if value is None else scale.at(value) for value in values], marks)


def rail_of_names(
    label: str, values: Sequence[object], different: Sequence[object], text: Callable[[object], str]
) -> Rail:
    """A rail for anything else: each of the `different` values has a place, in their order."""

    def key_of(value: object) -> str:
        return json.dumps(value, sort_keys=True, default=str)

    named = {key_of(value): value for value in different}
    places = {key: (number + 0.5) / len(named) for number, key in enumerate(named)}
    longest = max(4, int((WIDTH - LEFT - RIGHT) / len(named) / LETTER) - 2)
    marks = [(places[key], short(text(value), longest)) for key, value in named.items()]
    return Rail(label, [places[key_of(value)] for value in values], marks)


def parallel(rails: Sequence[Rail], lines: Sequence[Line], title: str) -> Markup:
    """The drawing: lines that stand out are on top."""
    parts: list[Markup] = []
    for number in sorted(range(len(lines)), key=lambda number: lines[number].chosen):
        parts.append(_line(lines[number], [rail.at[number] for rail in rails]))
    for number, rail in enumerate(rails):
        parts += _rail(rail, TOP + number * PITCH)
    height = TOP + (len(rails) - 1) * PITCH + BELOW
    return tag(
        "svg",
        joined(parts),
        xmlns="http://www.w3.org/2000/svg",
        width=WIDTH,
        height=height,
        viewBox=f"0 0 {WIDTH} {height}",
        class_="parallel",
        role="group",
        aria_label=title,
        font_family=FONT,
    )


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _line(line: Line, places: Sequence[float | None]) -> Markup:
    points = [f"{_x(at):.1f} {TOP + number * PITCH}" for number, at in enumerate(places) if at is not None]
    drawn = tag(
        "g",
        tag("path", d="M" + "L".join(points)),
        class_="item line chosen" if line.chosen else "item line",
        role="img",
        aria_label=line.title,
        data_row=line.row,
        tabindex=-1,
    )
    return drawn if line.link is None else tag("a", drawn, href=line.link, tabindex=-1)


def _rail(rail: Rail, y: int) -> list[Markup]:
    parts = [
        tag("path", d=f"M{_x(0):.1f} {y}H{_x(1):.1f}", class_="rail"),
        tag("text", short(rail.label, 60), x=LEFT, y=y - 9, font_size=12, class_="halo"),
    ]
    taken = 0.0
    for at, text in rail.marks:
        parts.append(tag("path", d=f"M{_x(at):.1f} {y - 3}v6", class_="rail"))
        half = len(text) * LETTER / 2
        x = min(max(_x(at), half + 2), WIDTH - half - 2)
        if x - half > taken:
            parts.append(
                tag("text", typeset(text), x=x, y=y + 16, font_size=11.5, text_anchor="middle", class_="small halo")
            )
            taken = x + half + 6
    return parts
