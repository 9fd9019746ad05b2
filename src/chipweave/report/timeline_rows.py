"""Rows of a schedule drawn over time: a row per chiplet, or per group of chiplets that always work together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chipweave.results.result import Result


@dataclass(frozen=True)
class Row:
    """Chiplets that have the same part in all windows, and that part: by window, pipeline and stage."""

    chiplets: tuple[int, ...]
    stages: dict[int, tuple[int, int]]


def rows(result: Result, windows: Sequence[int]) -> tuple[Row, ...]:
    """Rows for the chiplets that work in some of the windows, by their first chiplet."""
    parts: dict[int, dict[int, tuple[int, int]]] = {}
    for window in windows:
        for number, pipeline in enumerate(result.schedule.windows[window].pipelines):
            for position, stage in enumerate(pipeline.stages):
                for chiplet in stage.chiplets:
                    parts.setdefault(chiplet, {})[window] = (number, position)
    groups: dict[tuple[tuple[int, tuple[int, int]], ...], list[int]] = {}
    for chiplet in sorted(parts):
        groups.setdefault(tuple(parts[chiplet].items()), []).append(chiplet)
    return tuple(Row(tuple(chiplets), dict(part)) for part, chiplets in groups.items())
