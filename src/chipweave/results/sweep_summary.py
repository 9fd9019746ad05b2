"""What came out of a sweep: the values that its report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

MORE_IS_BETTER = frozenset({"throughput_samples_s", "peak_macs_s"})
"""Figures of which fronts and groups take the most; of all others the least."""

WHOLE = frozenset({"windows", "evaluated", "chiplets", "pes", "l2_bytes"})
"""Figures that are whole numbers."""


@dataclass(frozen=True)
class SweptAxis:
    """An axis.

    Args:
        path: dotted, as in the sweep's file.
        label: the shortest end of the path that no other axis has.
        values: how many different ones there are.
    """

    path: str
    label: str
    values: int


@dataclass(frozen=True)
class SweptPoint:
    """One point of a sweep.

    Args:
        position: in the sweep, from 0.
        key: of its case.
        axes: the value of every axis, by path.
        figures: by name; None: it has none.
        reason: why there are no figures.
    """

    position: int
    key: str
    axes: Mapping[str, object]
    figures: Mapping[str, float | None]
    reason: str = ""


@dataclass(frozen=True)
class SweepFront:
    """The points that no other is better than in all of two or three figures.

    Args:
        positions: of the points, in the order of the first figure, the best first.
        reference: the corner of the hypervolume, in the figures' units.
        hypervolume: of what some point is at least as good as, up to the reference, in the product of the units.
        share: the same as a part of the box from the best value of each figure to the reference; None where the box is
            flat.
    """

    figures: tuple[str, ...]
    positions: tuple[int, ...]
    reference: tuple[float, ...]
    hypervolume: float
    share: float | None


@dataclass(frozen=True)
class BestOf:
    """The best point of those that share a value of an axis.

    Args:
        axis: its path.
        values: the value; or of an axis of many numbers, the first and the last of a range.
        finished, failed: points.
        position: of the best point; None: none is finished.
        typical: the median of the figure.
    """

    axis: str
    values: tuple[object, ...]
    finished: int
    failed: int
    position: int | None
    typical: float | None


@dataclass(frozen=True)
class Sensitivity:
    """How much a figure hangs on an axis.

    Args:
        sets: of points that differ in this axis alone.
        typical, largest: how far apart the points of a set are, its largest value over its least (where `by_factors` of
            the figure; else their difference): the median of the sets, and the largest. None where there is no set.
        first: the part of the variance that the axis explains by itself.
        total: the part that goes when all other axes are known; None where the sweep is no whole product.
    """

    axis: str
    figure: str
    sets: int
    typical: float | None
    largest: float | None
    first: float | None
    total: float | None


@dataclass(frozen=True)
class FailureGroup:
    """Points without a schedule for one reason.

    Args:
        kind: `infeasible`, `input`, `killed` or `internal`.
        positions: of the first of them.
    """

    kind: str
    reason: str
    count: int
    positions: tuple[int, ...]


@dataclass(frozen=True)
class SweepSummary:
    """A sweep's report as values.

    Args:
        count, finished, failed: points.
        same: of all points: scenario, package, scheduler and the like, where they do not differ.
        fronts: the first is the one that was asked for.
        groups: best of each value of each axis, by the first figure of the first front.
        by_factors: of the figures in `sensitivities` those whose logarithm is analysed, for they are all positive.
        whole_product: every combination of the axes' values is finished.
        failure_groups: the most frequent first; `failures_left_out`: points in groups beyond.
        points: in the order of the sweep those that are drawn and listed: of fronts and groups, and a sample; all,
            where there are few.
        ended_early: searches that a time limit ended.
    """

    name: str
    count: int
    finished: int
    failed: int
    same: Mapping[str, str]
    axes: tuple[SweptAxis, ...]
    figures: tuple[str, ...]
    fronts: tuple[SweepFront, ...]
    groups: tuple[BestOf, ...]
    sensitivities: tuple[Sensitivity, ...]
    by_factors: frozenset[str]
    whole_product: bool
    failure_groups: tuple[FailureGroup, ...]
    failures_left_out: int
    ended_early: int
    points: tuple[SweptPoint, ...]

    @property
    def waiting(self) -> int:
        """Points that are neither finished nor failed."""
        return self.count - self.finished - self.failed

    @cached_property
    def at(self) -> Mapping[int, SweptPoint]:
        """The points by position."""
        return {point.position: point for point in self.points}

    def to_data(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {
            "name": self.name,
            "points": self.count,
            "finished": self.finished,
            "failed": self.failed,
            "waiting": self.waiting,
            "same": dict(self.same),
            "axes": [asdict(axis) for axis in self.axes],
            "fronts": [
                {**asdict(front), "points": [self._plain(each) for each in front.positions if each in self.at]}
                for front in self.fronts
            ],
            "groups": [asdict(group) for group in self.groups],
            "sensitivities": [
                {**asdict(each), "by_factors": each.figure in self.by_factors} for each in self.sensitivities
            ],
            "whole_product": self.whole_product,
            "failures": [asdict(group) for group in self.failure_groups],
        }

    def _plain(self, position: int) -> dict[str, Any]:
        point = self.at[position]
        return {"position": position, "key": point.key, "axes": dict(point.axes), **point.figures}
