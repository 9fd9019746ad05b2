"""The schedules that the search retained, and what no schedule reaches."""

from __future__ import annotations

from markupsafe import Markup

from chipweave.report.html import charts
from chipweave.report.html.page_data import PageData

MOST_POINTS = 300
"""Schedules of the search's front drawn."""


def retained(data: PageData) -> tuple[tuple[float, float], ...]:
    """The front of the search, if there was one."""
    return () if data.result.search is None else data.result.search.front


def shown(data: PageData) -> list[int]:
    """Positions in the front, evenly spread where there are too many."""
    count = len(retained(data))
    if count <= MOST_POINTS:
        return list(range(count))
    return sorted({position * (count - 1) // (MOST_POINTS - 1) for position in range(MOST_POINTS)})


def plane(data: PageData) -> Markup:
    """The front, the schedule of the page and the lower bound."""
    evaluation, bound = data.result.evaluation, data.result.certificate
    points = [
        charts.Point(*retained(data)[position], f"Schedule {position} of the front", f"front-{position}", "front")
        for position in shown(data)
    ]
    here = (evaluation.latency_s, evaluation.energy_j)
    points.append(charts.Point(*here, "The schedule of this report", "front-chosen", "chosen", chosen=True))
    looks = {"front": charts.Look("var(--accent, #4a6fa5)", 0), "chosen": charts.Look("var(--binds, #b3123f)", 1)}
    corner = None if bound is None else (bound.latency_s, bound.energy_j)
    return charts.plane(points, corner, "Energy over latency of the schedules that the search retained", looks)


def course(data: PageData) -> Markup | None:
    """What the search had found when, if it noted more than one value; none where a quotient of values says nothing."""
    search, result = data.result.search, data.result
    if search is None or len(search.history) < 2 or any(value <= 0 for _, value in search.history):
        return None
    last = search.history[-1][1]
    steps = [(seconds, value / last) for seconds, value in search.history[-MOST_POINTS:]]
    proven = [(seconds, value / last) for seconds, value in search.bounds if value > 0]
    if result.gap is not None and not proven:
        proven = [(0.0, 1.0 - result.gap)]
    title = "The best value so far over the seconds of the search, and what was proven"
    return charts.course(steps, search.seconds, proven, title)


def rows(data: PageData) -> list[tuple[str, Markup, Markup]]:
    """Identifier, latency, energy."""
    return [
        (f"front-{i}", data.figure(f"/search/front/{i}/latency_s"), data.figure(f"/search/front/{i}/energy_j"))
        for i in shown(data)
    ]


def key(kind: str) -> Markup:
    """What marks the `chosen` schedule, the `front` and the `bound` in the plane."""
    fills = {"chosen": "var(--binds, #b3123f)", "front": "var(--accent, #4a6fa5)", "bound": "url(#tail)"}
    return charts.swatch(fills[kind])
