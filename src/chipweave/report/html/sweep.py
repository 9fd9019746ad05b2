"""What came out of a sweep as one page."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property, partial
from typing import cast

from markupsafe import Markup

from chipweave.evaluation.glossary import TERMS
from chipweave.report.html.charts import Axes, Look, Point, bar, plane, swatch
from chipweave.report.html.data_elements import Document, escaped, shown, typeset
from chipweave.report.html.drawing import patterns
from chipweave.report.html.markup import joined, name_of, short, tag
from chipweave.report.html.parallel import Line, Rail, parallel, rail_of_names, rail_of_numbers
from chipweave.report.html.render import render
from chipweave.report.swept import axis_text, axis_unit, counts, front_name, label, notes
from chipweave.results.sweep_summary import BestOf, SweepFront, SweepSummary, SweptAxis, SweptPoint

FILE = "points.csv"
"""Where the figures of the page stand, beside it."""
LISTED = ("latency_s", "energy_j", "edp_js", "price_usd", "gap")
"""Figures in the table of points, beside those of fronts."""
CHOSEN, OTHER = Look("var(--binds, #b3123f)", 1), Look("var(--accent, #4a6fa5)", 0)
MOST_AXES = 24
"""Axes that are drawn and listed."""


def sweep_page(summary: SweepSummary, reports: Collection[str] = ()) -> str:
    """A sweep as HTML that needs no other file and no network.

    Figures point into `points.csv`: `/17/edp_js` is that column of the point at position 17.

    Args:
        reports: keys of cases whose reports stand beside the page (`report_path`); points lead to them.
    """
    view = View(summary, frozenset(reports))
    return render("sweep.html", view=view, title=f"{short(summary.name)}: sweep", terms=TERMS, file=FILE)


def report_path(key: str) -> str:
    """Where the report of a case's schedule stands, from the page: its digest is its name."""
    return f"schedules/{key.rsplit(':', 1)[-1]}.html"


@dataclass(frozen=True)
class View:
    """What the template asks for, piece by piece."""

    summary: SweepSummary
    reports: frozenset[str]

    @cached_property
    def document(self) -> Document:
        points = {str(point.position): {**point.figures, **point.axes} for point in self.summary.points}
        return Document(points, "point")

    @property
    def name(self) -> Markup:
        return name_of(self.summary.name)

    @property
    def settings(self) -> str:
        return ", ".join(f"{name.replace('_', ' ')} {short(value)}" for name, value in self.summary.same.items())

    @property
    def counts(self) -> str:
        return counts(self.summary)

    @cached_property
    def axes(self) -> tuple[SweptAxis, ...]:
        """Those that are shown: of very many the first."""
        return self.summary.axes[:MOST_AXES]

    @cached_property
    def figures(self) -> list[str]:
        """In the table of points."""
        asked = [name for front in self.summary.fronts for name in front.figures]
        return list(dict.fromkeys([*asked, *(name for name in LISTED if name in self.summary.figures)]))

    @property
    def fronts(self) -> list[tuple[int, SweepFront, str]]:
        return [(number, front, front_name(front)) for number, front in enumerate(self.summary.fronts)]

    def totals(self) -> list[tuple[str, Markup, str]]:
        """Label, figure, remark."""
        front = self.summary.fronts[0]
        found = []
        for name in front.figures:
            best = min(self.of_front(front), key=lambda point: _rank(point, name))
            found.append((f"best {label(name)}", self.figure(best, name), f"point {best.position}"))
        count = len(front.positions)
        size = tag("data", f"{count:,}", value=str(count), data_from=" ".join(front.figures))
        found.append(("points on the front", size, front_name(front)))
        if front.share is not None:
            found.append(("hypervolume", self.hypervolume(front), f"up to {self.reference(front)}"))
        return found

    def hypervolume(self, front: SweepFront) -> Markup:
        text = shown(front.share, "share")
        return tag(
            "data",
            text,
            value=json.dumps(front.share),
            data_from=" ".join(front.figures),
            data_term="sweep.hypervolume",
        )

    def reference(self, front: SweepFront) -> str:
        """The worst corner of a hypervolume."""
        pairs = zip(front.figures, front.reference, strict=True)
        return ", ".join(typeset(shown(value, TERMS[f"point.{name}"].unit)) for name, value in pairs)

    def of_front(self, front: SweepFront) -> list[SweptPoint]:
        """The points of a front that are shown, in its order."""
        return [self.summary.at[position] for position in front.positions if position in self.summary.at]

    def figure(self, point: SweptPoint, name: str) -> Markup:
        return self.document.figure(f"/{point.position}/{name}")

    def axis(self, point: SweptPoint, axis: SweptAxis) -> Markup:
        value = point.axes.get(axis.path)
        return tag(
            "data",
            typeset(short(axis_text(axis.path, value))),
            value=json.dumps(value),
            data_at=f"/{point.position}/{escaped(axis.path)}",
            class_="list",
        )

    def link(self, point: SweptPoint) -> str | None:
        return report_path(point.key) if point.key in self.reports else None

    def number(self, point: SweptPoint) -> Markup:
        """The point's number, which leads to the report of its schedule if there is one."""
        number = tag("data", str(point.position), value=str(point.position), data_at=f"/{point.position}/position")
        link = self.link(point)
        return number if link is None else tag("a", number, href=link)

    def at(self, position: int) -> SweptPoint:
        return self.summary.at[position]

    def title(self, point: SweptPoint) -> str:
        values = [f"{axis.label} {axis_text(axis.path, point.axes.get(axis.path))}" for axis in self.axes]
        return short(f"Point {point.position}: {', '.join(values)}", 300)

    @cached_property
    def listed(self) -> list[SweptPoint]:
        """Finished points, those of the fronts first."""
        first = [point.position for front in self.summary.fronts for point in self.of_front(front)]
        rest = [point.position for point in self.summary.points if not point.reason and _has_figures(point)]
        return [self.at(position) for position in dict.fromkeys(first + rest)]

    def planes(self, front: SweepFront) -> list[Markup]:
        """The points in the plane of the first figure and each other one; large those of the front."""
        return [self._plane(front, front.figures[0], up) for up in front.figures[1:]]

    def _plane(self, front: SweepFront, across: str, up: str) -> Markup:
        best = set(front.positions)
        points, corners = [], []
        for point in self.listed:
            x, y = point.figures.get(across), point.figures.get(up)
            if x is None or y is None:
                continue
            chosen = point.position in best
            kind = "front" if chosen else "other"
            points.append(Point(x, y, self.title(point), f"point-{point.position}", kind, chosen, self.link(point)))
            corners += [(x, y)] if chosen and len(front.figures) == 2 else []
        units = [TERMS[f"point.{name}"].unit for name in (across, up)]
        axes = Axes(label(across), units[0], label(up), units[1])
        title = f"{label(up)} over {label(across)} of the points"
        return plane(points, None, title, {"front": CHOSEN, "other": OTHER}, axes, sorted(corners))

    def key(self, kind: str) -> Markup:
        return swatch({"front": CHOSEN, "other": OTHER}[kind].fill)

    def parallel(self) -> Markup:
        """Every listed point as a line through its values on all axes, and its figures."""
        points = self.listed
        rails = [self._rail(axis) for axis in self.axes if axis.values > 1]
        for name in self.summary.fronts[0].figures:
            unit = TERMS[f"point.{name}"].unit
            values = [point.figures.get(name) for point in points]
            rails.append(rail_of_numbers(label(name), values, unit, partial(shown, unit=unit)))
        best = set(self.summary.fronts[0].positions)
        lines = [
            Line(self.title(point), f"point-{point.position}", self.link(point), point.position in best)
            for point in points
        ]
        return parallel(rails, lines, "Each point's values on all axes")

    def _rail(self, axis: SweptAxis) -> Rail:
        values = [point.axes.get(axis.path) for point in self.listed]
        if {type(value) for value in values} <= {int, float}:
            numbers = cast("list[float]", values)
            return rail_of_numbers(axis.label, numbers, axis_unit(axis.path), lambda v: axis_text(axis.path, v))
        different = [point.axes.get(axis.path) for point in self.summary.points]
        return rail_of_names(axis.label, values, different, lambda value: axis_text(axis.path, value))

    def groups(self) -> list[tuple[SweptAxis, list[BestOf]]]:
        """Of every axis that varies its values with the best of each."""
        found = [(axis, [each for each in self.summary.groups if each.axis == axis.path]) for axis in self.axes]
        return [(axis, groups) for axis, groups in found if len(groups) > 1]

    def group(self, group: BestOf) -> Markup:
        """A value, or a range."""
        ends = [
            tag(
                "data",
                typeset(short(axis_text(group.axis, value))),
                value=json.dumps(value),
                data_from=escaped(group.axis),
                class_="list",
            )
            for value in group.values
        ]
        return Markup(" to ").join(ends)

    @property
    def by(self) -> str:
        """The figure that groups are judged by."""
        return self.summary.fronts[0].figures[0]

    def typical(self, group: BestOf) -> Markup:
        if group.typical is None:
            return Markup("–")
        return self.computed(group.typical, "sweep.typical", self.by, TERMS[f"point.{self.by}"].unit)

    def count(self, number: int, term: str, path: str) -> Markup:
        return tag("data", f"{number:,}", value=str(number), data_from=escaped(path), data_term=term)

    def computed(self, value: float | None, term: str, source: str, unit: str) -> Markup:
        """A figure that is computed from a whole column."""
        return tag("data", typeset(shown(value, unit)), value=json.dumps(value), data_from=source, data_term=term)

    def sensitivities(self) -> list[tuple[str, list[str], list[tuple[Markup, list[Markup]]]]]:
        """Per figure: its name, the terms of the columns, and per axis its name and cells; what matters most first."""
        found = []
        names = {axis.path: axis.label for axis in self.summary.axes}
        for figure in dict.fromkeys(each.figure for each in self.summary.sensitivities):
            rows = [each for each in self.summary.sensitivities if each.figure == figure]
            rows.sort(key=lambda each: -max(each.total or 0.0, each.first or 0.0))
            factors = figure in self.summary.by_factors
            words = ("factor_typical", "factor_largest") if factors else ("span_typical", "span_largest")
            terms = [f"sweep.{word}" for word in (*words, "first", "total")]
            terms = terms if any(each.total is not None for each in rows) else terms[:3]
            unit = "ratio" if factors else TERMS[f"point.{figure}"].unit
            cells = [
                [
                    self.computed(each.typical, terms[0], figure, unit),
                    self.computed(each.largest, terms[1], figure, unit),
                    self._share(each.first, terms[2], figure),
                    *(self._share(each.total, term, figure) for term in terms[3:]),
                ]
                for each in rows[:MOST_AXES]
            ]
            heads = [name_of(names[each.axis]) for each in rows[:MOST_AXES]]
            found.append((label(figure), terms, list(zip(heads, cells, strict=True))))
        return found

    def _share(self, value: float | None, term: str, figure: str) -> Markup:
        if value is None:
            return Markup("–")
        return self.computed(value, term, figure, "share") + " " + bar(value, width=60)

    def failures(self) -> list[tuple[str, str, int, Markup]]:
        """Kind, reason, how many, and some of the points."""
        return [
            (
                group.kind,
                short(group.reason, 600),
                group.count,
                joined([Markup(", ").join(self.number(self.at(position)) for position in group.positions)]),
            )
            for group in self.summary.failure_groups
        ]

    def notes(self) -> list[str]:
        return notes(self.summary)

    def patterns(self) -> Markup:
        return patterns(0)


def _has_figures(point: SweptPoint) -> bool:
    return any(value is not None for value in point.figures.values())


def _rank(point: SweptPoint, name: str) -> float:
    from chipweave.results.sweep_summary import MORE_IS_BETTER

    value = point.figures.get(name)
    if value is None:
        return float("inf")
    return -value if name in MORE_IS_BETTER else value
