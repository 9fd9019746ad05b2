"""Complete schedules scored per second by the evaluation kernel, on one core.

    python -m benchmarks.evaluation_speed [--scenario datacenter-4] [--package het-sides-3x3]

A schedule has five windows; every window's pipelines are scored for many random schedules, added up over tasks and
windows. A handful of them are checked against the plain evaluator first. Layers cost what `maestro` says.
"""

from __future__ import annotations

import argparse
import random
import time

import numpy as np

from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.tables.bench import Candidates, arrays_of, score, window_cost
from chipweave.files.package_file import resolve_package
from chipweave.files.scenario_file import resolve_scenario
from chipweave.plan.problem import Fidelity, pose
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.schedulers.scar.options import Packing
from chipweave.schedulers.scar.reconfigure import Share, Windows, candidate_windows

Drawn = dict[tuple[int, Share], Candidates]


def draw(rng: random.Random, ready: Prepared, windows: Windows, many: int) -> Drawn:
    """Random complete schedules, one candidate per window and task each: up to 3 stages on distinct chiplets."""
    drawn: Drawn = {}
    chiplets = len(ready.problem.package.chiplets)
    for index, window in enumerate(windows):
        places = np.array([rng.sample(range(chiplets), chiplets) for _ in range(many)])
        per_task = max(1, min(3, chiplets // len(window)))
        for slot, share in enumerate(window):
            most = min(per_task, share.end - share.first)
            stages = np.array([rng.randint(1, most) for _ in range(many)])
            cuts = np.zeros((many, most), dtype=np.int64)
            for at, count in enumerate(stages):
                inner = sorted(rng.sample(range(share.first + 1, share.end), int(count) - 1))
                cuts[at, :count] = [*inner, share.end]
            micro = np.ones(many, dtype=np.int64)
            drawn[index, share] = Candidates(
                micro, stages, cuts, places[:, slot * per_task : slot * per_task + most].copy()
            )
    return drawn


def score_all(ready: Prepared, windows: Windows, drawn: Drawn) -> tuple[np.ndarray, np.ndarray]:
    """(latency_s, energy_j) of every schedule."""
    latency_s = energy_j = np.zeros(1)
    for index, window in enumerate(windows):
        batches = [score(ready, s.task, s.first, s.end, drawn[index, s]) for s in window]
        total = batches[0]
        for batch in batches[1:]:
            total = total + batch
        window_s, window_j = window_cost(ready, total)
        latency_s, energy_j = latency_s + window_s, energy_j + window_j
    return latency_s, energy_j


def as_schedule(ready: Prepared, windows: Windows, drawn: Drawn, at: int) -> Schedule:
    made = []
    for index, window in enumerate(windows):
        pipelines = []
        for share in window:
            candidate, task = drawn[index, share], arrays_of(ready, share.task)
            ends = candidate.cuts[at][: candidate.stages[at]]
            firsts = [share.first, *ends[:-1]]
            stages = tuple(
                Stage(int(task.first[u]), int(task.last[v - 1]), (int(c),))
                for u, v, c in zip(firsts, ends, candidate.chiplets[at], strict=False)
            )
            pipelines.append(Pipeline(share.task, stages, 1))
        made.append(Window(tuple(pipelines)))
    return Schedule(tuple(made))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="datacenter-4")
    parser.add_argument("--package", default="het-sides-3x3")
    arguments = parser.parse_args()
    scenario, package = resolve_scenario(arguments.scenario), resolve_package(arguments.package)
    for fidelity in Fidelity:
        ready = prepare(pose(scenario, package, MaestroCostModel(), fidelity))
        windows = candidate_windows(ready.problem, 4, Packing.FIRST_FIT)[-1]
        drawn = draw(random.Random(0), ready, windows, 20_000)
        latency_s, energy_j = score_all(ready, windows, drawn)
        for at in range(3):
            plain = evaluate(as_schedule(ready, windows, drawn, at), ready.problem)
            assert np.isclose(plain.latency_s, latency_s[at], rtol=1e-9)
            assert np.isclose(plain.energy_j, energy_j[at], rtol=1e-9)
        rates = []
        for _ in range(7):
            started = time.perf_counter()
            score_all(ready, windows, drawn)
            rates.append(len(latency_s) / (time.perf_counter() - started))
        pipelines, layers = sum(map(len, windows)), sum(len(task.model.layers) for task in scenario.tasks)
        print(
            f"{fidelity}: median {np.median(rates):,.0f} schedules/s (best {max(rates):,.0f}) "
            f"of {len(windows)} windows, {pipelines} pipelines, {layers} layers"
        )


if __name__ == "__main__":
    main()
