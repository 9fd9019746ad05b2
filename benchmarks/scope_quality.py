"""Where the schedules of `scope` stand among all of its space, on instances small enough to count everything.

    python -m benchmarks.scope_quality [--batch 16] [--details]

Networks cut to a few layers, on meshes of 2x2, 2x3 and 2x4 Simba chiplets, with 1 MiB of L2 and with scarce L2, costed
by `maestro`. Prints per instance how many valid schedules there are, how many are strictly better than scope's
(objective `throughput`), and how much longer scope's takes than the best. `--details` shows the best schedule and
scope's side by side where they differ. The counts are exact; `tests/schedulers/scope/everything.py` says how they are
made.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace

from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.tables.regions import Ground, region_sizes
from chipweave.files.package_file import resolve_package
from chipweave.hardware import topology
from chipweave.hardware.package import Package, Routing
from chipweave.hardware.snake import snake
from chipweave.plan.objective import objective
from chipweave.plan.problem import pose
from chipweave.plan.schedule import Partition, Schedule, Window
from chipweave.schedulers.draft import Draft, pipeline_from
from chipweave.schedulers.scope.scheduler import scope
from chipweave.schedulers.search import Request
from chipweave.workload.model import Model
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo import build_model
from tests.schedulers.scope.everything import Everything, bounds, cut_model

MIB = 1 << 20
INSTANCES = [
    ("alexnet", 0, 6, MIB),
    ("vgg16", 0, 6, MIB),
    ("vgg16", 7, 13, MIB),
    ("resnet18", 0, 7, MIB),
    ("resnet18", 12, 18, MIB),
    ("darknet19", 3, 9, MIB),
    ("resnet50", 20, 26, MIB),
    ("gpt2_medium", 3, 9, MIB),
    ("resnet18", 6, 12, MIB // 8),
    ("darknet19", 0, 6, MIB // 16),
    ("resnet50", 20, 26, MIB // 4),
]
"""Network, first unit, end, bytes of L2."""
COLUMNS = (2, 3, 4)


def mesh(columns: int, l2_bytes: int) -> Package:
    """Two rows of Simba chiplets, memory at both ends of the rows."""
    chiplet = replace(resolve_package("mesh-16").chiplets[0], l2_bytes=l2_bytes)
    ends = (0, columns - 1, columns, 2 * columns - 1)
    return Package(
        f"2x{columns}",
        (chiplet,) * (2 * columns),
        topology.mesh(2, columns),
        interfaces=tuple(sorted(set(ends))),
        positions=topology.grid_positions(2, columns),
        routing=Routing.XY,
    )


def shown(model: Model, stages: Iterable[tuple[int, int, int, str]], micro_batch: int) -> str:
    """Units x chiplets, partitions."""
    last = [unit[1] for unit in model.units]
    texts = [
        f"{sum(first <= end <= to for end in last)}u x{chiplets}{' ' + split if chiplets > 1 else ''}"
        for first, to, chiplets, split in stages
    ]
    return f"b'={micro_batch} [{' | '.join(texts)}]"


def schedule_text(model: Model, schedule: Schedule) -> str:
    ends = {last for _, last in model.units}

    def letters(first: int, last: int, partitions: tuple[Partition, ...]) -> str:
        own = zip(range(first, last + 1), partitions, strict=False)
        return "".join("WI"[split is Partition.INPUT_SHARED] for layer, split in own if layer in ends)

    return "; ".join(
        shown(
            model,
            [(s.first, s.last, len(s.chiplets), letters(s.first, s.last, s.partitions)) for s in pipeline.stages],
            pipeline.micro_batch,
        )
        for _, pipeline in schedule.pipelines()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--details", action="store_true")
    arguments = parser.parse_args()
    print("| network (units) | L2 KiB | chiplets | valid schedules | better than ours | of all, % | ours / best |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    details = []
    for name, first, end, l2_bytes in INSTANCES:
        model = cut_model(build_model(name), first, end)
        scenario = Scenario(model.name, (Task(model.name, model, arguments.batch),))
        largest = pose(scenario, mesh(COLUMNS[-1], l2_bytes), MaestroCostModel())
        bounded = bounds(largest, snake(largest.package))
        for columns in COLUMNS:
            problem = pose(scenario, mesh(columns, l2_bytes), MaestroCostModel())
            order = snake(problem.package)
            everything = Everything(Ground(prepare(problem), 0, order, region_sizes(len(order))), bounded)
            found = scope(problem, Request(objective("throughput"))).schedule
            latency_s = evaluate(found, problem).latency_s
            better, best = everything.better_than(latency_s)
            population = everything.population()
            ratio = latency_s / best[0] if best else 1.0
            print(
                f"| {model.name} | {l2_bytes // 1024} | {len(order)} | {population:.3g} | {better} | "
                f"{100 * better / population:.2g} | {ratio:.4f} |",
                flush=True,
            )
            if best:
                theirs = _as_schedule(best[1], everything.ground)
                details.append(
                    f"{model.name}, {len(order)} chiplets, {l2_bytes // 1024} KiB: {latency_s * 1e3:.4f} ms, best "
                    f"{best[0] * 1e3:.4f} ms\n  ours {schedule_text(model, found)}\n"
                    f"  best {schedule_text(model, theirs)}"
                )
    if arguments.details:
        print("\nunits x chiplets of each stage, W weight_shared, I input_shared by unit", *details, sep="\n")


def _as_schedule(draft: Draft, ground: Ground) -> Schedule:
    return Schedule(tuple(Window((pipeline_from(window, ground),)) for window in draft))


if __name__ == "__main__":
    main()
