"""A scenario: the models that run together, with their batches and limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chipweave.errors import InputError
from chipweave.plain import settle
from chipweave.workload.model import Model
from chipweave.workload.serves import Serves

LARGEST_BATCH = 1_000_000
"""A search tries about twice the square root of it as micro-batches."""

LIMITS = ("latency_limit_s", "energy_limit_j", "power_limit_w")
"""What a scenario may limit of the whole schedule."""


@dataclass(frozen=True, slots=True)
class Task:
    """One model of a scenario.

    Args:
        name: unique in the scenario (the model's name where it appears once).
        model: the layers.
        batch: samples.
        latency_limit_s: the model's last stage must end by then, counted from the scenario's start.
        depends_on: name of a task that must have finished in an earlier window.
        serves: the step of a language model that a sample is, where it is one; its limit on the time to the first
            token, or for each, is `latency_limit_s`.
    """

    name: str
    model: Model
    batch: int = 1
    latency_limit_s: float | None = None
    depends_on: str | None = None
    serves: Serves | None = None

    def __post_init__(self) -> None:
        settle(self, "task")


@dataclass(frozen=True)
class Scenario:
    """The tasks that run together. `note` is shown wherever results are (what a 'batch' means, say).

    Args:
        latency_limit_s, energy_limit_j, power_limit_w: of the whole schedule, at most; power is its energy by its
            latency. None: no limit.

    Raises:
        InputError: no task, a repeated name, a batch out of range, a limit that is not positive and finite, a
            dependency that is unknown or closes a cycle.
    """

    name: str
    tasks: tuple[Task, ...]
    note: str = ""
    latency_limit_s: float | None = None
    energy_limit_j: float | None = None
    power_limit_w: float | None = None

    def __post_init__(self) -> None:
        settle(self, "scenario")
        problems: list[str] = []
        names = [task.name for task in self.tasks]
        if not names:
            problems.append("has no models; give it at least one")
        twice = sorted(name for name in set(names) if names.count(name) > 1)
        problems += [f"two models are called '{name}'; give each a name of its own" for name in twice]
        for limit_name in LIMITS:
            limit = getattr(self, limit_name)
            if limit is not None and not (math.isfinite(limit) and limit > 0):
                problems.append(f"{limit_name}={limit} is not a positive number; give one, or leave it out")
        for task in self.tasks:
            if not 1 <= task.batch <= LARGEST_BATCH:
                wrong = f"batch={task.batch} is not in 1..{LARGEST_BATCH}"
                problems.append(f"model '{task.name}': {wrong}; give a number that is")
            limit = task.latency_limit_s
            if limit is not None and not (math.isfinite(limit) and limit > 0):
                wrong = f"latency_limit_s={limit} is not a positive number"
                problems.append(f"model '{task.name}': {wrong}; give one, or leave it out")
            if task.depends_on is not None and task.depends_on not in names:
                wrong = f"depends on '{task.depends_on}', which is not in the scenario"
                problems.append(f"model '{task.name}' {wrong}; name one that is")
        if not problems:
            problems += self._cycles()
        if problems:
            raise InputError([f"scenario '{self.name}': {problem}" for problem in problems])

    @property
    def samples(self) -> int:
        """Of all tasks together."""
        return sum(task.batch for task in self.tasks)

    def _cycles(self) -> list[str]:
        parent = {task.name: task.depends_on for task in self.tasks}
        for task in self.tasks:
            seen, at = {task.name}, parent[task.name]
            while at is not None:
                if at in seen:
                    return [f"model '{task.name}' depends on itself through '{at}'; remove one of these"]
                seen.add(at)
                at = parent[at]
        return []
