"""The best schedule of a search so far, and the time that its parts have."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from chipweave.compiling import clock_s
from chipweave.plan.schedule import Schedule
from chipweave.schedulers.search import Progress, Request
from chipweave.schedulers.weave.draft import NO_WORTH, Draft, Judge, Worth
from chipweave.schedulers.weave.improve import InVain

MOST_NEAR = 100
"""Schedules that are kept beside the best."""


@dataclass
class Best:
    """The best schedule so far, and what was seen on the way.

    Args:
        draft: the best one; no schedule of regions with chiplets of several classes has any.
        dice: of the seed: what was thrown once is not thrown again.
        rough: the search's own rough schedules, before they are improved: more may come of one that is not the best.
        asked: schedulers that have told all that they find.
        vain: where changes did not help.
    """

    judge: Judge
    request: Request
    started_s: float
    dice: np.random.Generator
    schedule: Schedule | None = None
    worth: Worth = NO_WORTH
    draft: Draft | None = None
    draft_worth: Worth = NO_WORTH
    rough: dict[Draft, Worth] = field(default_factory=dict)
    seen: list[tuple[float, float]] = field(default_factory=list)
    by: str = ""
    history: list[tuple[float, float]] = field(default_factory=list)
    bounds: list[tuple[float, float]] = field(default_factory=list)
    near: dict[Schedule, Worth] = field(default_factory=dict)
    bound: float = 0.0
    asked: set[str] = field(default_factory=set)
    vain: InVain = field(default_factory=dict)

    def keep(self, schedule: Schedule, worth: Worth, by: str, draft: Draft | None = None) -> None:
        """Take a schedule if it is better."""
        if not worth.missed:
            self.seen.append(self.judge.totals(schedule.windows))
            self.near[schedule] = worth
            if len(self.near) > MOST_NEAR:
                del self.near[max(self.near, key=lambda each: self.near[each])]
        if draft is not None and worth < self.draft_worth:
            self.draft, self.draft_worth = draft, worth
        if worth < self.worth:
            self.schedule, self.worth, self.by = schedule, worth, by
            if not worth.missed:
                self.remember(worth.value)

    def remember(self, value: float) -> None:
        """Note when the best value fell."""
        if not self.history or value < self.history[-1][1]:
            self.history.append((clock_s() - self.started_s, value))

    def prove(self, value: float) -> None:
        """Note when what is proven rose."""
        if value > (self.bounds[-1][1] if self.bounds else 0.0):
            self.bound = max(self.bound, value)
            self.bounds.append((clock_s() - self.started_s, value))

    @property
    def incumbent(self) -> float | None:
        return self.worth.value if self.schedule is not None and not self.worth.missed else None

    def tell(self, done: int, doing: str, value: float | None = None) -> None:
        """Say what is being done, and how far from the best a value is at most; None: the best one so far."""
        best = self.incumbent if value is None else value
        if best is not None and 0 < self.bound <= best:
            doing = f"{doing}, gap {100 * (1 - self.bound / best):.1f} %"
        self.request.progress(Progress(done, 100, best, doing))


def keep_draft(best: Best, draft: Draft, by: str) -> Worth:
    """Evaluate a draft exactly, and take it if it is better."""
    windows = [best.judge.window(window) for window in draft]
    worth = best.judge.worth(windows)
    if worth is None:
        return NO_WORTH
    best.keep(Schedule(tuple(windows)), worth, by, draft)
    best.rough[draft] = worth
    return worth


def until(request: Request, started_s: float, share: float) -> Request:
    """The request with that share of its time."""
    if request.deadline_s is None:
        return request
    return replace(request, deadline_s=started_s + share * (request.deadline_s - started_s))


def part_of(request: Request, parts: int) -> Request:
    """The request with so small a part of the time that is left."""
    if request.deadline_s is None:
        return request
    now_s = clock_s()
    return replace(request, deadline_s=now_s + (request.deadline_s - now_s) / parts)
