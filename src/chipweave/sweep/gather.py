"""The points of a sweep as columns: what is on every axis, and every figure, point by point."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chipweave.errors import InputError, did_you_mean
from chipweave.evaluation.glossary import TERMS
from chipweave.ndarrays import Bools, Floats, Ints

FIGURES = tuple(key.removeprefix("point.") for key in TERMS if key.startswith("point."))
"""The figures of a point, by the names of a store's columns."""
COLUMNS = (*FIGURES, "complete")
"""What is needed of a store's `results`."""
QUESTION = ("scenario", "package", "scheduler", "objective", "cost_model", "fidelity", "seed")
"""What a case is known by, by the names of a store's columns."""


@dataclass(frozen=True)
class Unfinished:
    """A point without a result; `kind` and `reason` are empty where it has not been tried."""

    position: int
    key: str
    axes: Mapping[str, object]
    kind: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Gathered:
    """All points in the order of the sweep; every column has one entry a point.

    Args:
        axes: by path.
        figures: by name, NaN where a point has none. Figures that no point has are left out.
        same: what a case is known by, where it is the same of all.
        failures: kind and reason by the number of the point among these.
        ended_early: searches that a time limit ended.
    """

    positions: Ints
    keys: tuple[str, ...]
    axes: Mapping[str, Sequence[object]]
    figures: Mapping[str, Floats]
    finished: Bools
    same: Mapping[str, str]
    failures: Mapping[int, tuple[str, str]]
    ended_early: int = 0

    def figure(self, name: str) -> Floats:
        """A column of figures.

        Raises:
            InputError: no point has such a figure, with the one that may be meant.
        """
        if name not in self.figures:
            known = did_you_mean(name, self.figures)
            if name in FIGURES:
                raise InputError(f"figure '{name}': no point of the sweep has it; take another, such as edp_js")
            raise InputError(f"figure '{name}': there is none of this name{known or '; such as edp_js'}")
        return self.figures[name]


def gather(rows: Iterable[Mapping[str, Any]], unfinished: Iterable[Unfinished] = ()) -> Gathered:
    """The points of a sweep from the rows of its finished ones (as `Store.figures` gives them) and from the others."""
    found = list(rows)
    columns = {name: [row.get(name) for row in found] for name in ("position", "key", "axes", *COLUMNS)}
    return gather_columns(columns, _same(found), unfinished)


def gather_columns(
    columns: Mapping[str, Sequence[Any]], same: Mapping[str, str], unfinished: Iterable[Unfinished] = ()
) -> Gathered:
    """The points of a sweep from the columns of its finished ones and what these have in common (as `Store.columns`
    and `Store.common` give them), and from the others."""
    others = list(unfinished)
    finished, count = len(columns["position"]), len(columns["position"]) + len(others)
    positions = np.array([*columns["position"], *(other.position for other in others)], np.int64)
    order = np.argsort(positions, kind="stable")
    keys = [*columns["key"], *(other.key for other in others)]
    values = [*columns["axes"], *(dict(other.axes) for other in others)]
    ordered = [values[number] for number in order.tolist()]
    paths = list(dict.fromkeys(path for names in dict.fromkeys(map(tuple, ordered)) for path in names))
    figures = {name: _column(columns[name], len(others))[order] for name in FIGURES}
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    return Gathered(
        positions[order],
        tuple(keys[number] for number in order.tolist()),
        {path: [each.get(path) for each in ordered] for path in paths},
        {name: column for name, column in figures.items() if np.isfinite(column).any()},
        np.arange(count)[order] < finished,
        same,
        {int(place[finished + n]): (other.kind, other.reason) for n, other in enumerate(others) if other.kind},
        sum(complete is not None and not complete for complete in columns["complete"]),
    )


def levels(column: Sequence[object]) -> tuple[Ints, list[object]]:
    """(points,) numbers from 0 of the different values in a column, and these: numbers in their order, others as they
    first appear."""
    if numeric(column):
        _, first, which = np.unique(np.array(column, np.float64), return_index=True, return_inverse=True)
        return which.reshape(-1), [column[number] for number in first.tolist()]
    number: dict[object, int] = {}
    values: list[object] = []
    seen: dict[object, int] = {}  # by a text that takes less time, and that equal values may write differently
    found = np.empty(len(column), np.int64)
    for place, value in enumerate(column):
        quick = value if isinstance(value, str) else (repr(value),)
        if quick not in seen:
            key = value if isinstance(value, str) else (json.dumps(value, sort_keys=True, default=str),)
            if key not in number:
                number[key] = len(values)
                values.append(value)
            seen[quick] = number[key]
        found[place] = seen[quick]
    return found, values


def numeric(column: Sequence[object]) -> bool:
    """Whether there is something in a column, and it is all numbers."""
    return bool(column) and set(map(type, column)) <= {int, float}


def short_labels(paths: Sequence[str]) -> dict[str, str]:
    """For every path the shortest end of it that no other has."""
    found = {}
    for path in paths:
        parts = path.split(".")
        ends = (".".join(parts[-count:]) for count in range(1, len(parts) + 1))
        alone = (end for end in ends if not any(other != path and f".{other}".endswith(f".{end}") for other in paths))
        found[path] = next(alone, path)
    return found


def _column(values: Sequence[Any], others: int) -> Floats:
    return np.array([*values, *[None] * others], np.float64)  # of None it makes NaN


def _same(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    values = {name: {row[name] for row in rows if name in row} for name in QUESTION}
    return {name: str(next(iter(found))) for name, found in values.items() if len(found) == 1}
