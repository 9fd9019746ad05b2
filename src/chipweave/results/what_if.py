"""What a schedule would come to if one thing were different: the values that `chipweave.why` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

STEPS = 3000
"""Layers that the search of each change evaluates exactly, unless it is said otherwise."""
TIME_LIMIT_S = 50.0
"""Of all changes together, unless it is said otherwise."""


@dataclass(frozen=True)
class Figures:
    """What a plan comes to.

    Args:
        value: of the objective.
        bound_by: what sets the latency of its longest window.
        late: models that end behind their latency limits.
    """

    latency_s: float
    energy_j: float
    value: float
    bound_by: str
    late: tuple[str, ...] = ()

    @property
    def edp_js(self) -> float:
        return self.latency_s * self.energy_j

    @property
    def rank(self) -> tuple[int, float]:
        """Less is better; a plan that keeps its limits is better than one that does not."""
        return len(self.late), self.value


@dataclass(frozen=True)
class Change:
    """One thing that is different.

    Args:
        name: what is changed, from what to what.
        cost: what that takes in silicon, as far as it is known.
        same_plan: the schedule as it is, evaluated anew; None where it is no valid plan any more, or there is none.
        searched: what a search of bounded length makes of it; None where there was none.
        notes: why something is missing, and what ended early.
    """

    name: str
    cost: str = ""
    same_plan: Figures | None = None
    searched: Figures | None = None
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> Figures | None:
        """The better of both."""
        known = [figures for figures in (self.same_plan, self.searched) if figures is not None]
        return min(known, key=lambda figures: figures.rank, default=None)


@dataclass(frozen=True)
class WhatIf:
    """Changes, the one with the best value first, and those without figures last.

    Args:
        objective: what counts as better.
        before: the schedule as it is.
        missed: changes that time did not suffice for.
        steps, seed: of each search.
    """

    objective: str
    before: Figures
    changes: tuple[Change, ...]
    missed: tuple[str, ...] = ()
    steps: int = 0
    seed: int = 0

    def percent(self, figures: Figures) -> float | None:
        """By how many per cent the objective's value changes; None of a value of 0 or less, of which no share is."""
        return 100 * (figures.value / self.before.value - 1) if self.before.value > 0 else None

    def to_data(self) -> dict[str, Any]:
        """As plain data, for JSON: seconds, joules, and per cent of the objective's value."""

        def of(figures: Figures | None) -> dict[str, Any] | None:
            if figures is None:
                return None
            return {**_plain(figures), "change_percent": self.percent(figures)}

        return {
            "objective": self.objective,
            "steps": self.steps,
            "seed": self.seed,
            "before": _plain(self.before),
            "changes": [
                {
                    "change": change.name,
                    "cost": change.cost,
                    "same_plan": of(change.same_plan),
                    "searched": of(change.searched),
                    "notes": list(change.notes),
                }
                for change in self.changes
            ],
            "not_reached": list(self.missed),
        }


def _plain(figures: Figures) -> Mapping[str, Any]:
    return {**asdict(figures), "late": list(figures.late), "edp_js": figures.edp_js}
