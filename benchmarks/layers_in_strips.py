"""What layers in strips save: whole networks, one sample, one stage on one chiplet, by the size of its L2.

    python -m benchmarks.layers_in_strips [MODEL ...]

Beside the plan whose layers all run on whole maps stand the runs that save most bytes, and what `--rows` makes of these
for EDP. The chiplet is that of `simba-nvdla-3x3` with another L2, `loopnest`, `detailed`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from chipweave.cost.choose import choose
from chipweave.evaluation.bound import unavoidable_dram_bytes
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.files.package_file import resolve_package
from chipweave.plan.objective import objective
from chipweave.plan.problem import pose
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.schedulers.in_strips import Ground, in_strips, most_saved
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo import build_model

MODELS = ("unet", "sparse_to_dense", "resnet50")
SIZES_MIB = (10, 4, 2, 1)
TITLES = (
    "model", "L2 MiB", "unavoidable MB", "evicted MB: whole maps", "fewest", "for EDP", "latency", "energy", "EDP",
    "runs", "search s",
)  # fmt: skip


def row(name: str, mib: int) -> list[str]:
    """The cells of one network and size of L2."""
    package = resolve_package("simba-nvdla-3x3")
    chiplets = tuple(replace(chiplet, l2_bytes=mib * 2**20) for chiplet in package.chiplets)
    task = Task(name, build_model(name))
    model, end = task.model, len(task.model.layers)
    ready = prepare(pose(Scenario(name, (task,)), replace(package, chiplets=chiplets), choose("loopnest")))
    stage = Stage(0, end - 1, (0,))
    plan = Schedule((Window((Pipeline(0, (stage,)),)),))
    whole, ground = evaluate(plan, ready), Ground(model, stage, 1, (0, end), chiplets[0])
    started = time.perf_counter()
    fewest = ground.moved(most_saved(ground))
    better, _ = in_strips(ready, plan, objective("edp"))
    seconds, strips = time.perf_counter() - started, evaluate(better, ready)
    runs = [
        f"{model.layers[first].name} .. {model.layers[last].name} by {rows}"
        for first, last, rows, *_ in strips.stages[0].strips
    ]
    moved = [each.stages[0].bytes_.spill + each.stages[0].bytes_.again for each in (whole, strips)]
    return [
        name,
        str(mib),
        f"{unavoidable_dram_bytes(task) / 1e6:.1f}",
        f"{moved[0] / 1e6:.1f}",
        f"{fewest / 1e6:.1f}",
        f"{moved[1] / 1e6:.1f}",
        *(
            f"{getattr(strips, figure) / getattr(whole, figure) - 1:+.1%}"
            for figure in ("latency_s", "energy_j", "edp_js")
        ),
        ", ".join(runs) or "none",
        f"{seconds:.1f}",
    ]


def main(names: Sequence[str]) -> None:
    """Print the table."""
    print(f"| {' | '.join(TITLES)} |")
    print("|---" * len(TITLES) + "|")
    for name in names or MODELS:
        for mib in SIZES_MIB:
            print(f"| {' | '.join(row(name, mib))} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
