"""Validations as Markdown, and their points as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from chipweave.validation.accuracy import BANDS, accuracy, halves, histogram, quantities
from chipweave.validation.catalog import ABSENT
from chipweave.validation.measurement import Point, Validation

INTRODUCTION = """\
# Validation

What our models predict, beside what was measured on silicon or published by others. The page is written by

    chipweave validate all --markdown docs/validation.md

and `chipweave validate NAME` prints one part of it. A ratio is the predicted figure over the measured one, an error is
the distance of a ratio from 1. Where a parameter was set from measured figures, it was set from one half of the
points, and the error on the other half, which is called held out, is the one to go by. No constant stands here only
to fit. `chipweave validate tpu-gemm --measured FILE` holds that model against measurements of your own, a CSV file
with the columns `M,N,K,device_us`.
"""

HEADER = ("validation", "point", "quantity", "unit", "measured", "predicted", "ratio", "held out", "note")
"""Of the CSV file."""

MOST_BARS = 10
"""Points of a quantity from which on a histogram is worth its lines."""


def page(validations: Sequence[Validation]) -> str:
    """The whole page: what is to be reached and how far it is, then each validation."""
    lines = [INTRODUCTION]
    overview = [
        [f"[{each.title}](#{_anchor(each.title)})", target.text, _verdict(target.reached), target.figure]
        for each in validations
        for target in each.targets
    ]
    if overview:
        lines += ["## What must be reached", "", *table(("data", "target", "", "figure"), overview), ""]
    for each in validations:
        lines += [*section(each), ""]
    lines += ["## What is not here", "", *(f"- {sentence}" for sentence in ABSENT)]
    return "\n".join(lines).rstrip() + "\n"


def section(validation: Validation) -> list[str]:
    """One validation as lines of Markdown."""
    lines = [f"## {validation.title}", "", f"Source: {validation.source}", ""]
    lines += [f"- {sentence}" for sentence in validation.setting]
    lines += ["", *_points(validation.points)]
    summary = _summary(validation.points)
    if summary:
        lines += ["", *summary]
    for quantity, points in quantities(validation.points).items():
        if len(points) >= MOST_BARS:
            lines += ["", f"How many ratios of {quantity} lie where:", "", "```text", *histogram(points), "```"]
    if validation.targets:
        rows = [[target.text, _verdict(target.reached), target.figure] for target in validation.targets]
        lines += ["", *table(("target", "", "figure"), rows)]
    if validation.findings:
        lines += ["", *(f"- {sentence}" for sentence in validation.findings)]
    return lines


def points_csv(validations: Iterable[Validation]) -> str:
    """All points, a line each."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for each in validations:
        for point in each.points:
            figures = [repr(point.measured), *("" if x is None else repr(x) for x in (point.predicted, point.ratio))]
            kept = "yes" if point.held_out else "no"
            writer.writerow([each.name, point.name, point.quantity, point.unit, *figures, kept, point.note])
    return text.getvalue()


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of Markdown."""
    cells = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in cells]


def figure(value: float | None) -> str:
    """Four digits, or all of those before the point; a dash for what there is not."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(points: Sequence[Point]) -> list[str]:
    """A row for each point; whether it is held out is said where any is."""
    any_held, any_note = any(point.held_out for point in points), any(point.note for point in points)
    header = ["point", "quantity", "measured", "predicted", "ratio"] + ["held out"] * any_held + ["note"] * any_note
    rows = []
    for point in points:
        row = [point.name, point.quantity, f"{figure(point.measured)} {point.unit}".rstrip()]
        row += [figure(point.predicted), ratio(point.ratio)]
        row += ["yes" if point.held_out else ""] * any_held + [point.note] * any_note
        rows.append(row)
    return table(header, rows)


def _summary(points: Sequence[Point]) -> list[str]:
    """Errors of each quantity that has several points, over all of them and over each half."""
    rows = []
    for quantity, of_it in quantities(points).items():
        for which, part in halves(of_it).items():
            found = accuracy(part)
            if found is None or len(of_it) < 2:
                continue
            row = [quantity, which, str(found.points), percent(found.mean_error), *map(ratio, found.ratios)]
            rows.append([*row, f"{ratio(found.worst.ratio)} ({found.worst.name})", *map(percent, found.within)])
    header = ["quantity", "points", "number", "mean absolute error", "ratio: 10th percentile", "median", "90th"]
    header += ["worst", *(f"within {100 * band:.0f} %" for band in BANDS)]
    return table(header, rows) if rows else []


def _verdict(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def _anchor(title: str) -> str:
    """What a heading of this title is called in links."""
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -_")
    return "-".join(kept.split())
