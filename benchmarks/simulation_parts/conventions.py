"""What other conventions of the machine cost: whole schedules, beside the default machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.simulation_parts.markdown import table
from benchmarks.simulation_parts.population import schedules
from chipweave.evaluation.evaluate import evaluate
from chipweave.simulation.machine import DEFAULT, changed
from chipweave.simulation.outcome import simulate

CONVENTIONS = (
    ("discipline=packets",),
    ("entry=arrival",),
    ("exchange=behind",),
    ("order=at-once",),
    ("latency=each",),
    ("streaming=lumped",),
    ("dma_channels=1",),
    ("dma_channels=2",),
    ("receive_slots=1",),
    ("delivery=unicast",),
    ("interfaces=split",),
    ("memory_port=own",),
    ("prefetch=true",),
)
SCHEDULERS = ("scar", "scope", "segmented-pipeline")


def tables(files: Sequence[Path]) -> dict[str, str]:
    ratios: dict[tuple[tuple[str, ...], str], list[float]] = {}
    for name, scheduler, ready, plan in schedules(files):
        if scheduler not in SCHEDULERS:
            continue
        evaluation = evaluate(plan, ready)
        base_s = simulate(ready, plan, evaluation, DEFAULT).latency_s
        print(f"{name}: {scheduler}", file=sys.stderr, flush=True)
        for settings in CONVENTIONS:
            other_s = simulate(ready, plan, evaluation, changed(DEFAULT, settings)).latency_s
            ratios.setdefault((settings, scheduler), []).append(other_s / base_s)
    rows = [[f"`{' '.join(settings)}`", *(cell(ratios.get((settings, each), [])) for each in SCHEDULERS)]
            for settings in CONVENTIONS]  # fmt: skip
    counts = [len(ratios.get((CONVENTIONS[0], each), [])) for each in SCHEDULERS]
    header = [f"`{each}`, {count} schedules" for each, count in zip(SCHEDULERS, counts, strict=True)]
    return {"conventions": table(["instead of the default", *header], rows)}


def cell(values: Sequence[float]) -> str:
    return f"{min(values):.3f} {median(values):.3f} {max(values):.3f}" if values else "-"
