"""A simulated schedule as plain data."""

from __future__ import annotations

import dataclasses
from typing import Any

from chipweave.plan.problem import Problem
from chipweave.plan.schedule import Schedule
from chipweave.simulation.outcome import Simulation, Stretch


def simulation_to_dict(simulation: Simulation, schedule: Schedule, problem: Problem) -> dict[str, Any]:
    """Every figure of a simulation by its name in `simulation/outcome.py`; pipelines by their models."""
    tasks = problem.scenario.tasks
    names = [[tasks[each.task].name for each in window.pipelines] for window in schedule.windows]

    def stretch_to_dict(stretch: Stretch) -> dict[str, Any]:
        return {
            "start_s": stretch.start_s,
            "latency_s": stretch.latency_s,
            "room_s": stretch.room_s,
            "channel_s": stretch.channel_s,
            "bounds": [
                {
                    "by": bound.by,
                    "window": None if bound.window < 0 else bound.window,
                    "model": None if bound.pipeline < 0 else names[bound.window][bound.pipeline],
                    "stage": None if bound.stage < 0 else bound.stage,
                    "seconds": bound.seconds,
                }
                for bound in stretch.bounds
            ],
            "uses": [
                {"resource": use.name, "bytes": use.bytes_, "busy": use.busy, "waited_s": use.waited_s}
                for use in stretch.uses
            ],
        }

    return {
        "machine": dataclasses.asdict(simulation.machine),
        "latency_s": simulation.latency_s,
        "evaluated_s": simulation.evaluated_s,
        "disciplines_s": dict(simulation.spans_s),
        "models": [
            {"model": task.name, "latency_s": ends_s, "evaluated_s": evaluated_s}
            for task, (ends_s, evaluated_s) in zip(tasks, simulation.models_s, strict=True)
        ],
        "windows": [
            {
                "start_s": window.start_s,
                "latency_s": window.latency_s,
                "evaluated_s": window.evaluated_s,
                "disciplines_s": dict(window.spans_s),
                "ends_s": dict(zip(own, window.ends_s, strict=True)),
            }
            for window, own in zip(simulation.windows, names, strict=True)
        ],
        "simulated_together": [stretch_to_dict(stretch) for stretch in simulation.stretches],
    }
