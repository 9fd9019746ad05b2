"""Do the evaluator and its estimate of contention rank schedules of a window as the simulator does?

Of some windows of stored schedules: random schedules of the same layers, and neighbours of the stored one.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.simulation_parts.markdown import table
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.simulation.machine import DEFAULT
from chipweave.simulation.outcome import simulate
from tests.stored_schedules import grounds, schedule_of, stored

WINDOWS = (
    ("datacenter-4.het-sides-3x3.scar.detailed", 0),
    ("datacenter-4.het-sides-3x3.scar.detailed", 1),
    ("datacenter-5.het-sides-3x3.scar.detailed", 0),
    ("datacenter-3.het-sides-3x3.scar.detailed", 0),
    ("datacenter-1.het-sides-3x3.scar.detailed", 3),
    ("datacenter-2.simba-nvdla-3x3.scar.detailed", 2),
    ("arvr-9.arvr-het-sides-3x3.scar.detailed", 0),
)
COUNT = 60
NEAR = 1.15
"""Times the EDP of the best: what is worth telling apart."""
APART = 0.03
"""Pairs that the simulator tells apart by more are compared by themselves."""


@dataclass(frozen=True)
class Seen:
    """A schedule of a window."""

    evaluated_s: float
    estimated_s: float
    simulated_s: float
    energy_j: float


def tables(_: Sequence[Path]) -> dict[str, str]:
    kept = {each.name: each for each in stored()}
    rows = []
    for name, number in WINDOWS:
        ready = grounds(*kept[name].where)["detailed"]
        plan = schedule_of(kept[name].plan)
        number = min(number, len(plan.windows) - 1)
        load = [w.dram_s / w.latency_s for w in evaluate(plan, ready).windows][number]
        where = f"{kept[name].scenario} on {kept[name].package}, window {number} ({load:.2f})"
        for kind, some in (("random", scattered(plan, number, ready)), ("near", neighbours(plan, number, ready))):
            print(f"{where}: {kind}: {len(some)}", file=sys.stderr, flush=True)
            rows.append([where, f"{kind}, {len(some)}", *compared(some)])
    header = ["window (DRAM load)", "set", "simulated / evaluated", "tau of latency: evaluated", "`contended_s`",
              "tau of EDP: evaluated", "`contended_s`", "of pairs over 3 % apart, right: evaluated", "`contended_s`",
              "EDP of the evaluator's best / of the simulator's"]  # fmt: skip
    return {"ranking": table(header, rows)}


def compared(some: Sequence[Seen]) -> list[str]:
    evaluated, estimated, simulated, joules = np.array(
        [(each.evaluated_s, each.estimated_s, each.simulated_s, each.energy_j) for each in some]
    ).T
    ratios = simulated / evaluated
    edp = simulated * joules
    return [
        f"{ratios.min():.3f} {median(ratios):.3f} {ratios.max():.3f}",
        f"{tau(evaluated, simulated):.2f}",
        f"{tau(estimated, simulated):.2f}",
        f"{tau(evaluated * joules, edp):.2f}",
        f"{tau(estimated * joules, edp):.2f}",
        right(evaluated * joules, edp),
        right(estimated * joules, edp),
        f"{edp[np.argmin(evaluated * joules)] / edp.min():.3f}",
    ]


def tau(one: np.ndarray, other: np.ndarray) -> float:
    """Kendall's tau."""
    signs = _signs(one) * _signs(other)
    return float(signs.sum() / max(1, len(signs)))


def right(one: np.ndarray, truth: np.ndarray) -> str:
    """Of the pairs that are more than `APART` apart, the share that is in the right order."""
    upper = np.triu_indices(len(truth), 1)
    apart = np.abs(np.log(truth[upper[0]] / truth[upper[1]])) > np.log(1 + APART)
    agree = (_signs(one) * _signs(truth))[apart] > 0
    return f"{agree.mean():.2f}" if len(agree) else "-"


def _signs(values: np.ndarray) -> np.ndarray:
    first, second = np.triu_indices(len(values), 1)
    return np.sign(values[first] - values[second])


def seen(plan: Schedule, number: int, ready: Prepared) -> Seen:
    evaluation = evaluate(plan, ready)
    window = evaluation.windows[number]
    simulated = simulate(ready, plan, evaluation, DEFAULT).windows[number]
    return Seen(window.latency_s, window.contended_s, simulated.latency_s, window.energy.total)


def scattered(plan: Schedule, number: int, ready: Prepared) -> list[Seen]:
    rng = random.Random(number)
    found: dict[Schedule, Seen] = {}
    while len(found) < COUNT:
        other = with_window(plan, number, redrawn(plan.windows[number], ready, rng))
        if other not in found and not faults_of(other, ready):
            found[other] = seen(other, number, ready)
    return list(found.values())


def neighbours(plan: Schedule, number: int, ready: Prepared) -> list[Seen]:
    """Schedules a few changes away, of an EDP near the best one's, by the evaluator."""
    rng = random.Random(number)
    found = {plan: seen(plan, number, ready)}
    first = evaluate(plan, ready).windows[number]
    best = first.latency_s * first.energy.total
    for _ in range(COUNT * 40):
        if len(found) >= COUNT:
            break
        other = rng.choice(list(found))
        for _ in range(rng.randint(1, 2)):
            other = with_window(other, number, changed(other.windows[number], ready, rng))
        if other in found or faults_of(other, ready):
            continue
        own = evaluate(other, ready).windows[number]
        if own.latency_s * own.energy.total <= NEAR * best:
            found[other] = seen(other, number, ready)
    return list(found.values())


def with_window(plan: Schedule, number: int, window: Window) -> Schedule:
    return Schedule(tuple(window if at == number else own for at, own in enumerate(plan.windows)))


def redrawn(window: Window, ready: Prepared, rng: random.Random) -> Window:
    """The same layers in random stages on random chiplets, with a random micro-batch."""
    free = list(range(len(ready.package.chiplets)))
    rng.shuffle(free)
    made = []
    for left, pipeline in zip(range(len(window.pipelines), 0, -1), window.pipelines, strict=True):
        units = units_of(pipeline, ready)
        number = rng.randint(1, min(len(units), len(free) - left + 1))
        inner = sorted(rng.sample(range(1, len(units)), number - 1))
        bounds = zip([0, *inner], [*inner, len(units)], strict=True)
        stages = tuple(Stage(units[a][0], units[b - 1][1], (free.pop(),)) for a, b in bounds)
        made.append(Pipeline(pipeline.task, stages, rng.choice(list(ready.micro_batches(pipeline.task)))))
    return Window(tuple(made))


def changed(window: Window, ready: Prepared, rng: random.Random) -> Window:
    """One change: a cut moves by a unit, two chiplets change places, or a micro-batch changes."""
    number = rng.randrange(len(window.pipelines))
    pipeline = window.pipelines[number]
    kind = rng.choice(("cut", "chiplets", "micro-batch"))
    if kind == "cut" and len(pipeline.stages) > 1:
        pipeline = moved_cut(pipeline, ready, rng)
    elif kind == "micro-batch":
        pipeline = replace(pipeline, micro_batch=rng.choice(list(ready.micro_batches(pipeline.task))))
    else:
        a, b = rng.sample(range(len(ready.package.chiplets)), 2)
        swap = {a: b, b: a}
        return Window(tuple(_placed(each, swap) for each in window.pipelines))
    return Window(tuple(pipeline if at == number else own for at, own in enumerate(window.pipelines)))


def moved_cut(pipeline: Pipeline, ready: Prepared, rng: random.Random) -> Pipeline:
    units = units_of(pipeline, ready)
    starts = {first: at for at, (first, _) in enumerate(units)}
    cut = rng.randrange(1, len(pipeline.stages))
    before, after = pipeline.stages[cut - 1], pipeline.stages[cut]
    at = starts[after.first] + rng.choice((-2, -1, 1, 2))
    if not starts[before.first] < at < len(units) or units[at][0] > after.last:
        return pipeline
    stages = list(pipeline.stages)
    stages[cut - 1] = replace(before, last=units[at][0] - 1)
    stages[cut] = replace(after, first=units[at][0])
    return replace(pipeline, stages=tuple(stages))


def _placed(pipeline: Pipeline, swap: dict[int, int]) -> Pipeline:
    stages = (replace(each, chiplets=tuple(swap.get(c, c) for c in each.chiplets)) for each in pipeline.stages)
    return replace(pipeline, stages=tuple(stages))


def units_of(pipeline: Pipeline, ready: Prepared) -> list[tuple[int, int]]:
    """Units of the pipeline's layers that no cut may tear."""
    units: Iterator[tuple[int, int]] = iter(ready.tasks[pipeline.task].model.units)
    return [unit for unit in units if pipeline.first <= unit[0] and unit[1] <= pipeline.last]
