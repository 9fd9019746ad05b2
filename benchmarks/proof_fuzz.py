"""Try to find a schedule below the lines of a proof: random valid schedules of the joint space, evaluated exactly.

    python -m benchmarks.proof_fuzz [--count N] [--fidelity detailed|paper] [--single] [SCENARIO ...]

With `--single` it is schedules with one chiplet a stage, and the lines by whole pipelines.

Per scenario and package: how many of N random schedules (100) are below a line (none may be), and how near the nearest
one came: its weighted sum over the line's value, the least of all lines. With one chiplet a stage it is the compiled
tables that say what windows cost, some fifty times as fast; the evaluator has to say the same of the nearest one.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Sequence

from benchmarks.joint import PACKAGES
from benchmarks.l2_account import SCENARIOS
from chipweave.cost.choose import choose
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.lines import lines_for, lines_of_pipelines
from chipweave.files.package_file import resolve_package
from chipweave.files.scenario_file import resolve_scenario
from chipweave.plan.certificate import Space
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, pose
from chipweave.plan.schedule import Schedule
from chipweave.schedulers.alone import costed
from chipweave.schedulers.weave.draft import Draft, Judge, PipelineDraft
from chipweave.schedulers.weave.parts import RegionNeed

MOST_WINDOWS = 6


def random_draft(rng: random.Random, ready: Prepared, single: bool) -> Draft:
    """Models cut into windows at random; in each, chiplets dealt out to stages at random."""
    many = rng.randint(1, MOST_WINDOWS)
    shares: list[list[tuple[int, int, int]]] = [[] for _ in range(many)]
    for task, entry in enumerate(ready.tasks):
        units = len(entry.model.units)
        cuts = sorted(rng.randint(0, units) for _ in range(many - 1))
        for window, (first, end) in enumerate(zip([0, *cuts], [*cuts, units], strict=True)):
            if first < end:
                shares[window].append((task, first, end))
    return tuple(tuple(_window(rng, ready, each, single)) for each in shares if each)


def _window(
    rng: random.Random, ready: Prepared, shares: Sequence[tuple[int, int, int]], single: bool
) -> list[PipelineDraft]:
    """Stages for every share of a window: each gets a chiplet, and the rest go where chance has it."""
    chiplets = list(ready.package.class_of)
    rng.shuffle(chiplets)
    stages = [1] * len(shares)
    while sum(stages) < len(chiplets) and rng.random() < 0.7:
        at = rng.randrange(len(shares))
        if stages[at] < shares[at][2] - shares[at][1]:
            stages[at] += 1
    needs = [[chiplets.pop(), 1] for _ in range(sum(stages))]
    for chiplet_class in [] if single else chiplets:
        alike = [need for need in needs if need[0] == chiplet_class]
        if alike and rng.random() < 0.8:
            rng.choice(alike)[1] += 1
    made = []
    for (task, first, end), count in zip(shares, stages, strict=True):
        ends = [*sorted(rng.sample(range(first + 1, end), count - 1)), end]
        begins = [first, *ends[:-1]]
        own = [
            RegionNeed(stop, *needs.pop(), tuple(rng.randint(0, 1) for _ in range(begin, stop)))
            for begin, stop in zip(begins, ends, strict=True)
        ]
        made.append(PipelineDraft(task, first, rng.choice(list(ready.micro_batches(task))), tuple(own)))
    return made


def main(arguments: Sequence[str]) -> None:
    """Print a line for each scenario on each package."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scenarios", nargs="*", default=SCENARIOS)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--fidelity", default="detailed")
    parser.add_argument("--single", action="store_true")
    given = parser.parse_args(arguments)
    print("| scenario | package | schedules | below a line | nearest |\n|---|---|---|---|---|")
    for name in given.scenarios:
        for package in PACKAGES:
            full = f"arvr-{package}" if name.startswith("arvr") else package
            posed = pose(resolve_scenario(name), resolve_package(full), choose("loopnest"), Fidelity(given.fidelity))
            ready, rng = prepare(posed), random.Random(0)
            goal = objective("edp")
            lines = lines_of_pipelines(ready, goal, 2) if given.single else lines_for(ready, Space.REGIONS, goal)
            judge = Judge(ready, costed(ready, not given.single), goal)
            below, nearest, tried = 0, (float("inf"), Schedule(()), 0.0, 0.0), 0
            while tried < given.count:
                schedule = judge.schedule(random_draft(rng, ready, given.single))
                if judge.worth(schedule.windows) is None:
                    continue  # a micro-batch does not fit (`paper`)
                tried += 1
                latency_s, energy_j = judge.totals(schedule.windows)
                ratio = min((line.latency * latency_s + line.joule * energy_j) / line.value for line in lines)
                below += ratio < 1
                nearest = min(nearest, (ratio, schedule, latency_s, energy_j), key=lambda each: each[0])
            ratio, schedule, latency_s, energy_j = nearest
            found = evaluate(schedule, ready)
            assert math.isclose(found.latency_s, latency_s, rel_tol=1e-9)
            assert math.isclose(found.energy_j, energy_j, rel_tol=1e-9)
            print(f"| {name} | {package} | {tried} | {below} | {ratio:.3f} |", flush=True)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
