"""Limits of a scenario: whether a schedule keeps them, and objectives that put keeping them first."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from chipweave.plan.objective import Objective
from chipweave.workload.scenario import LIMITS, Scenario

ROUNDING = 1e-9
"""A limit that is exceeded by less than this share of it is kept: searches add up seconds in another order."""

MISSED = 1e100
"""Above all objectives: what a schedule is worth at least that misses a limit."""


def has_limits(scenario: Scenario) -> bool:
    """Whether there is any, of a model or of the whole."""
    return limits_the_whole(scenario) or any(task.latency_limit_s is not None for task in scenario.tasks)


def limits_the_whole(scenario: Scenario) -> bool:
    """Whether the schedule as a whole has any limit."""
    return any(getattr(scenario, name) is not None for name in LIMITS)


def deadlines_s(scenario: Scenario) -> list[float]:
    """When each model has to have ended, from the scenario's start: its own limit, or the whole schedule's."""
    whole_s = scenario.latency_limit_s
    given = [
        min((s for s in (task.latency_limit_s, whole_s) if s is not None), default=math.inf) for task in scenario.tasks
    ]
    return [limit_s * (1 + ROUNDING) for limit_s in given]


def excess(value: float, limit: float | None) -> float:
    """By which share of a limit a value exceeds it; 0 where it keeps it, or where there is none."""
    return 0.0 if limit is None or value <= limit * (1 + ROUNDING) else value / limit - 1


def missed(scenario: Scenario, latency_s: float, energy_j: float) -> float:
    """By which shares of them a schedule exceeds the limits of the whole, added up; 0: it keeps all."""
    power_w = energy_j / latency_s if latency_s > 0 else 0.0
    return _missed_without_power(scenario, latency_s, energy_j) + excess(power_w, scenario.power_limit_w)


def _missed_without_power(scenario: Scenario, latency_s: float, energy_j: float) -> float:
    return excess(latency_s, scenario.latency_limit_s) + excess(energy_j, scenario.energy_limit_j)


def within(goal: Objective, scenario: Scenario) -> Objective:
    """The objective among schedules that keep the limits of the whole, and above it by how much others miss them."""
    return _held(goal, partial(missed, scenario)) if limits_the_whole(scenario) else goal


def rising(goal: Objective, scenario: Scenario) -> Objective:
    """As `within`, without the limit of power, which a slower schedule may keep better: it does not fall when latency
    or energy rises, and is never above `within`, so that searches may rule out by it."""
    return _held(goal, partial(_missed_without_power, scenario)) if limits_the_whole(scenario) else goal


def _held(goal: Objective, missed_by: Callable[[float, float], float]) -> Objective:
    def value(latency_s: float, energy_j: float) -> float:
        over = missed_by(latency_s, energy_j)
        return judged(over, goal(latency_s, energy_j))

    return Objective(f"{goal.name} within limits", value)


def judged(over: float, value: float) -> float:
    """The value of what keeps its limits (`over` is 0), or one above all such values that rises with `over`."""
    return MISSED * (1 + over) if over else value
