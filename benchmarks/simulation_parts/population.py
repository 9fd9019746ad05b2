"""Stored schedules, simulated: how far the evaluator is from the simulator, by how busy the DRAM is."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import median

from benchmarks.simulation_parts.markdown import table
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.files.schedule_file import read
from chipweave.plan.problem import Fidelity
from chipweave.plan.schedule import Schedule
from chipweave.simulation.machine import FORMULA, Machine
from chipweave.simulation.outcome import simulate
from tests.stored_schedules import full_files, grounds, schedule_of, stored

LOADS = (0.25, 0.5, 0.75, 1.01)


@dataclass(frozen=True)
class Observed:
    """A window: evaluated, estimated with contention, and simulated, with contention and without.

    Args:
        load: of the DRAM, as evaluated.
    """

    schedule: str
    scheduler: str
    window: int
    regions: bool
    load: float
    evaluated_s: float
    pipelines_s: float
    estimated_s: float
    simulated_s: float
    alone_s: float
    formula_s: float
    bound_by: str


def tables(files: Sequence[Path]) -> dict[str, str]:
    seen = list(observed(files))
    return {"windows by load": by_load(seen), "schedules by scheduler": by_scheduler(seen), "farthest": farthest(seen)}


def schedules(files: Sequence[Path]) -> Iterator[tuple[str, str, Prepared, Schedule]]:
    """Name, scheduler, problem and plan of every schedule of fidelity `detailed` that is stored or given."""
    kept = sorted((each for each in stored() if each.fidelity == "detailed"), key=lambda each: each.where)
    for (scenario, package), some in groupby(kept, key=lambda each: each.where):
        ready = grounds(scenario, package)["detailed"]
        for each in some:
            yield f"{scenario} on {package}", each.scheduler, ready, schedule_of(each.plan)
    for path in [*(each for each in full_files() if ".detailed." in each.name), *files]:
        result = read(path)
        if result.problem.fidelity is Fidelity.DETAILED and result.search is not None:
            name = f"{result.problem.scenario.name} on {result.problem.package.name}"
            batch = max(task.batch for task in result.problem.scenario.tasks)
            name += f", batch {batch}" if len(result.problem.scenario.tasks) == 1 and batch > 1 else ""
            yield name, result.search.scheduler, prepare(result.problem), result.schedule


def observed(files: Sequence[Path]) -> Iterator[Observed]:
    for name, scheduler, ready, plan in schedules(files):
        evaluation = evaluate(plan, ready)
        both, alone, formula = (
            simulate(ready, plan, evaluation, each) for each in (Machine(), Machine(contention=False), FORMULA)
        )
        print(f"{name}: {scheduler}: {both.ratio:.4f}", file=sys.stderr, flush=True)
        for number, costs in enumerate(evaluation.windows):
            stages = [stage for pipeline in plan.windows[number].pipelines for stage in pipeline.stages]
            bound = both.stretches[number].bounds[0].by
            yield Observed(
                schedule=name,
                scheduler=scheduler,
                window=number,
                regions=any(len(stage.chiplets) > 1 for stage in stages),
                load=costs.dram_s / costs.latency_s,
                evaluated_s=costs.latency_s,
                pipelines_s=max(pipeline.latency_s for pipeline in costs.pipelines),
                estimated_s=costs.contended_s,
                simulated_s=both.windows[number].latency_s,
                alone_s=alone.windows[number].latency_s,
                formula_s=formula.windows[number].latency_s,
                bound_by=bound,
            )


def by_load(seen: Sequence[Observed]) -> str:
    rows = []
    for regions in (False, True):
        low = 0.0
        for high in LOADS:
            some = [each for each in seen if each.regions is regions and low <= each.load < high]
            if some:
                where = "regions" if regions else "one chiplet a stage"
                rows.append(
                    [
                        f"{where}, {low:.2f} to {min(1.0, high):.2f}",
                        len(some),
                        *spread([each.simulated_s / each.evaluated_s for each in some]),
                        *spread([each.alone_s / each.pipelines_s for each in some])[:3],
                        f"{median(abs(each.simulated_s / each.estimated_s - 1) for each in some):.1%}",
                    ]
                )
            low = high
    header = ["windows, DRAM load", "n", "least", "median", "most", "within 1 %", "within 5 %",
              "alone: least", "median", "most", "median distance of `contended_s`"]  # fmt: skip
    return table(header, rows)


def spread(ratios: Sequence[float]) -> list[str]:
    """Least, median and most, and how many are within 1 % and within 5 %."""
    near = [sum(abs(each - 1) <= limit for each in ratios) / len(ratios) for limit in (0.01, 0.05)]
    return [*(f"{each:.3f}" for each in (min(ratios), median(ratios), max(ratios))), *(f"{each:.0%}" for each in near)]


def by_scheduler(seen: Sequence[Observed]) -> str:
    rows = []
    for scheduler in sorted({each.scheduler for each in seen}):
        own = [each for each in seen if each.scheduler == scheduler]
        whole: dict[str, list[float]] = {}
        for each in own:
            simulated_s, evaluated_s, alone_s, pipelines_s = whole.setdefault(each.schedule, [0.0, 0.0, 0.0, 0.0])
            whole[each.schedule] = [
                simulated_s + each.simulated_s,
                evaluated_s + each.evaluated_s,
                alone_s + each.alone_s,
                pipelines_s + each.pipelines_s,
            ]
        ratios = [simulated_s / evaluated_s for simulated_s, evaluated_s, _, _ in whole.values()]
        alone = [alone_s / pipelines_s for _, _, alone_s, pipelines_s in whole.values()]
        rows.append([scheduler, len(whole), *spread(ratios), *spread(alone)[:3]])
    header = ["scheduler", "schedules", "least", "median", "most", "within 1 %", "within 5 %",
              "alone: least", "median", "most"]  # fmt: skip
    return table(header, rows)


def farthest(seen: Sequence[Observed], most: int = 16) -> str:
    """Windows that the DRAM does not fill and in which simulation and evaluation are far apart."""
    calm = [each for each in seen if each.load < LOADS[0]]
    found = sorted(calm, key=lambda each: -abs(each.simulated_s / each.evaluated_s - 1))[:most]
    rows = [
        [
            f"{each.schedule}, {each.scheduler}, window {each.window}",
            f"{each.load:.2f}",
            f"{each.simulated_s / each.evaluated_s:.3f}",
            f"{each.alone_s / each.pipelines_s:.3f}",
            each.bound_by,
        ]
        for each in found
    ]
    return table(["window", "DRAM load", "simulated / evaluated", "alone", "bound by"], rows)
