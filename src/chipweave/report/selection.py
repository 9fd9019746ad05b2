"""Which of many are shown."""

from __future__ import annotations

from collections.abc import Sequence


def picked(seconds: Sequence[float], first: int, longest: int) -> list[int]:
    """All positions, or of more than first + longest the first ones and the longest others, in order."""
    if len(seconds) <= first + longest:
        return list(range(len(seconds)))
    others = sorted(range(first, len(seconds)), key=lambda position: -seconds[position])
    return [*range(first), *sorted(others[:longest])]
