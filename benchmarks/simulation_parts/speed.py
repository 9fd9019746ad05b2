"""How long simulating takes: the stored schedules of the ten scenarios, and events per second."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import process_time

from benchmarks.simulation_parts.markdown import table
from benchmarks.simulation_parts.population import schedules
from chipweave.evaluation.evaluate import evaluate
from chipweave.simulation.machine import Machine
from chipweave.simulation.operations import Discipline
from chipweave.simulation.outcome import simulate


def tables(_: Sequence[Path]) -> dict[str, str]:
    rows = []
    for name, machine in (("fluid", Machine()), ("packets", Machine(discipline=Discipline.PACKETS))):
        seconds, events = [], []
        for where, _scheduler, ready, plan in schedules(()):
            if not where.startswith(("datacenter", "arvr")):
                continue
            evaluation = evaluate(plan, ready)
            started = process_time()
            made = simulate(ready, plan, evaluation, machine)
            seconds.append(process_time() - started)
            events.append(made.events)
        rate = sum(events) / sum(seconds)
        rows.append([name, len(seconds), f"{median(seconds):.3f} s", f"{max(seconds):.2f} s", f"{rate:,.0f}"])
    header = ["discipline", "schedules of the ten scenarios", "median", "longest", "events per second, all included"]
    return {"speed": table(header, rows)}
