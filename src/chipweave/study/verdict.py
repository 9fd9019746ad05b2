"""What a published ratio and ours have to do with each other, by one stated rule."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import combinations

TOLERANCE = 0.10
"""A ratio is reproduced where ours is within this fraction of the published one."""


class Verdict(StrEnum):
    """`ORDER`: on the same side of 1 as the published ratio, but further off than the tolerance."""

    REPRODUCED = "reproduced"
    ORDER = "order reproduced, ratio differs"
    NOT = "not reproduced"


def verdict(published: float | Sequence[float], ours: float, tolerance: float = TOLERANCE) -> Verdict:
    """The verdict on a ratio to a reference of 1.

    Args:
        published: the figure, or its readings where the text is ambiguous; the best verdict of them counts.
        ours: the computed ratio, positive.
        tolerance: as a fraction of the published figure.
    """
    readings = (published,) if isinstance(published, int | float) else tuple(published)
    if any(abs(ours - reading) <= tolerance * reading for reading in readings):
        return Verdict.REPRODUCED
    if any((ours - 1) * (reading - 1) > 0 for reading in readings):
        return Verdict.ORDER
    return Verdict.NOT


def same_order(published: Sequence[float], ours: Sequence[float]) -> bool:
    """Whether every two figures that differ in the publication differ the same way in ours."""
    pairs = combinations(zip(published, ours, strict=True), 2)
    return all((p - q) * (a - b) > 0 for (p, a), (q, b) in pairs if p != q)
