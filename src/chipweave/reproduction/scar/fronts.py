"""Fronts of schedules by latency and energy, as SCAR's Figs. 8, 11 and 13 draw them: relative to a base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chipweave.reproduction.exhibit import Cell, Finding, Look, Panel, Row, Series, Table, Verdict
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar.compare import NOT_ASKED, figure

Point = tuple[float, float]
"""(latency, energy)."""


def relative_front(answers: Answers, questions: Sequence[Question], base: Question) -> list[Point]:
    """What no other schedule that the questions met is better than in both, over the base; by rising latency. Empty:
    something was not asked."""
    over_s, over_j = figure(answers, base, "latency_s"), figure(answers, base, "energy_j")
    if not over_s or not over_j or any("front" not in answers.get(question, {}) for question in questions):
        return []
    points: list[Point] = []
    for question in questions:
        answer = answers[question]
        met = [*answer["front"], (answer["latency_s"], answer["energy_j"])]
        points += [(latency / over_s, energy / over_j) for latency, energy in met]
    return lower_left(points)


def lower_left(points: Sequence[Point]) -> list[Point]:
    """The points that no other point is better than in both, by rising latency."""
    kept: list[Point] = []
    for point in sorted(set(points)):
        if not kept or point[1] < kept[-1][1]:
            kept.append(point)
    return kept


def panel(title: str, by_strategy: Mapping[str, Sequence[Point]], printed: Mapping[str, Sequence[Point]]) -> Panel:
    """Both axes relative; the paper's printed points hollow."""
    series = []
    for name, points in by_strategy.items():
        series.append(Series(name, *_axes(points)))
        if printed.get(name):
            series.append(Series(name, *_axes(printed[name]), published=True))
    return Panel(
        title,
        Look.POINTS,
        "relative latency",
        "relative energy",
        tuple(series),
        logarithmic=True,
        logarithmic_x=True,
    )


def table(title: str, by_strategy: Mapping[str, Sequence[Point]], printed: Mapping[str, tuple[float, float]]) -> Table:
    """Ends of each front, and the least EDP on it.

    Args:
        printed: by strategy the published least latency and least EDP.
    """
    rows = []
    for name, points in by_strategy.items():
        least_latency, least_edp = printed.get(name, (None, None))
        rows.append(
            Row(
                name,
                (
                    Cell(None, float(len(points)) if points else None),
                    Cell(least_latency, min((latency for latency, _ in points), default=None)),
                    Cell(None, min((energy for _, energy in points), default=None)),
                    Cell(least_edp, min((latency * energy for latency, energy in points), default=None)),
                ),
            )
        )
    columns = ("points", "least latency", "least energy", "least EDP")
    return Table(title, "of Stand. (NVD)", "strategy", columns, tuple(rows))


def on_the_front(found: Mapping[int, Mapping[str, Sequence[Point]]], where: str) -> Finding:
    """Who has points on the front of all strategies together: nothing of it is printed, so that no verdict is given.

    Args:
        found: by scenario and strategy.
    """
    ours = []
    for scenario, by_strategy in found.items():
        joint = set(lower_left([point for points in by_strategy.values() for point in points]))
        there = [name for name, points in by_strategy.items() if set(points) & joint]
        if all(by_strategy.values()):
            ours.append(f"Sc{scenario}: {', '.join(there)}")
    reason = "the figure is an image; ours is shown for comparison" if ours else NOT_ASKED
    claim = "which strategies are on the front of all together"
    return Finding(claim, where, "an image", "; ".join(ours) or "–", Verdict.UNTOLD, reason)


def _axes(points: Sequence[Point]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(latency for latency, _ in points), tuple(energy for _, energy in points)
