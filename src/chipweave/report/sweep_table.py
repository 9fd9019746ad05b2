"""What came out of a sweep, in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from chipweave.evaluation.glossary import TERMS
from chipweave.report.html.data_elements import shown
from chipweave.report.html.markup import short
from chipweave.report.swept import axis_text, counts, front_name, label, notes
from chipweave.report.text_table import Row, print_columns
from chipweave.results.sweep_summary import SweepFront, SweepSummary

MOST_ROWS = 30
"""Points of a front, and reasons, that are printed."""


def print_sweep(summary: SweepSummary, console: Console) -> None:
    """Print the fronts, what matters, and why points have no schedule."""
    console.print(Text(f"{short(summary.name)}: {counts(summary)}"))
    for front in summary.fronts:
        console.print()
        _print_front(summary, front, console)
    for figure in dict.fromkeys(each.figure for each in summary.sensitivities):
        console.print()
        _print_sensitivities(summary, figure, console)
    if summary.failure_groups:
        console.print()
    for group in summary.failure_groups[:MOST_ROWS]:
        points = ", ".join(map(str, group.positions))
        more = ", …" if group.count > len(group.positions) else ""
        console.print(Text(f"{group.count:,} {group.kind}: {short(group.reason, 600)} (points {points}{more})"))
    said = notes(summary)
    for note in said[len(summary.points) < summary.count :]:  # what is drawn is the page's affair
        console.print(Text(note, "dim"))


def _print_front(summary: SweepSummary, front: SweepFront, console: Console) -> None:
    axes = [axis for axis in summary.axes if axis.values > 1]
    rows: list[Row] = []
    for position in [each for each in front.positions if each in summary.at][:MOST_ROWS]:
        point = summary.at[position]
        cells = [shown(point.figures[name], TERMS[f"point.{name}"].unit) for name in front.figures]
        cells += [short(axis_text(axis.path, point.axes.get(axis.path))) for axis in axes]
        rows.append((Text(str(position)), cells))
    header = [*map(label, front.figures), *(axis.label for axis in axes)]
    print_columns(console, f"front of {front_name(front)}", header, rows)
    if len(front.positions) > len(rows):
        console.print(Text(f"and {len(front.positions) - len(rows):,} more", "dim"))
    if front.share is not None:
        corner = ", ".join(
            shown(value, TERMS[f"point.{name}"].unit)
            for name, value in zip(front.figures, front.reference, strict=True)
        )
        console.print(Text(f"hypervolume {shown(front.share, 'share')} of the box from the best values to {corner}"))


def _print_sensitivities(summary: SweepSummary, figure: str, console: Console) -> None:
    names = {axis.path: axis.label for axis in summary.axes}
    factors = figure in summary.by_factors
    unit = "ratio" if factors else TERMS[f"point.{figure}"].unit
    words = ("factor_typical", "factor_largest") if factors else ("span_typical", "span_largest")
    rows: list[Row] = [
        (
            Text(names[each.axis]),
            [
                shown(each.typical, unit),
                shown(each.largest, unit),
                shown(each.first, "share"),
                shown(each.total, "share"),
            ],
        )
        for each in summary.sensitivities
        if each.figure == figure
    ]
    header = [TERMS[f"sweep.{word}"].label for word in (*words, "first", "total")]
    print_columns(console, f"what matters to {label(figure)}", header, rows)
