"""What every scheduler is asked for and answers with.

A scheduler is a function `(problem, request) -> Found`. It knows nothing of files, reports or the command
line: progress goes out through `request.progress`, and a stop comes in through `request.stop`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from chipweave.compiling import clock_s
from chipweave.plan.certificate import Proof
from chipweave.plan.objective import Objective
from chipweave.plan.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Progress:
    """A search's state: `done` of `total` steps, the best objective value so far, what it is doing."""

    done: int
    total: int
    incumbent: float | None
    doing: str


def _ignore(progress: Progress) -> None: ...


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Request:
    """What to minimise and how long to try.

    Args:
        objective: of the whole schedule's latency and energy.
        seed: of anything random.
        deadline_s: `compiling.clock_s()` at which to stop with the best so far; None: none.
        jobs: processes or threads; the result does not depend on it.
        options: the scheduler's own, as a frozen dataclass; None: its defaults.
        progress: called now and then.
        may_fail: end without a schedule where time is over before there is one, rather than go on to the first.
        stop: asked now and then; True ends the search with the best so far, as the deadline does. (A Ctrl-C
            must not raise inside compiled code, so it comes this way.)
        near: how many plans beside the best are asked for; searches that meet them on the way may keep others.
    """

    objective: Objective
    seed: int = 0
    deadline_s: float | None = None
    jobs: int = 1
    options: object | None = None
    progress: Callable[[Progress], None] = field(default=_ignore)
    stop: Callable[[], bool] = field(default=_never)
    may_fail: bool = False
    near: int = 0

    @property
    def out_of_time(self) -> bool:
        return self.stop() or (self.deadline_s is not None and clock_s() >= self.deadline_s)


@dataclass(frozen=True)
class Found:
    """A schedule and how it was found.

    Args:
        schedule: valid, the best one met.
        evaluated: candidate schedules scored, whole or in parts (what a part is, `notes` say).
        front: (latency_s, energy_j) of the non-dominated schedules the search retained, by latency.
        complete: False where a time limit or an interrupt ended the search early.
        notes: one sentence each, for the user: what was searched, what was cut.
        proof: what is proven of all schedules of a space; None: nothing beyond the lower bound.
        history: seconds of the search, and the objective's best value since then; bounds: and what was proven.
        near: distinct schedules that come next, the best first, where the search keeps any.
    """

    schedule: Schedule
    evaluated: int
    front: tuple[tuple[float, float], ...]
    complete: bool = True
    notes: tuple[str, ...] = ()
    proof: Proof | None = None
    history: tuple[tuple[float, float], ...] = ()
    bounds: tuple[tuple[float, float], ...] = ()
    near: tuple[Schedule, ...] = ()
