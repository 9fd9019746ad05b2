"""What a row split of a language model's products saves: Llama 3 8B as one stage on all 16 chiplets of `mesh-16`.

    python -m benchmarks.row_split

Prints the table of docs/language-models.md ("Column then row"). Each plan gives every layer of the stage a partition by
its name, so nothing is searched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import chipweave
from chipweave.files.package_file import resolve_package
from chipweave.hardware.snake import snake
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Model
from chipweave.workload.zoo.language import llama3_8b_decode, llama3_8b_prefill

PACKAGE = "mesh-16"
ROWS, COLUMNS, SUMS = Partition.WEIGHT_SHARED, Partition.INPUT_SHARED, Partition.REDUCED
SECOND = ("attention.o", "mlp.down")
"""Names of the second product of two, in attention and in the feed-forward block."""

LOADS: dict[str, Callable[[], Model]] = {
    "decode, 1 sequence": llama3_8b_decode,
    "decode, 32 sequences": lambda: llama3_8b_decode(batch=32),
    "prefill, 512 tokens": llama3_8b_prefill,
}
PLANS: dict[str, Callable[[Layer], Partition]] = {
    "columns": lambda layer: COLUMNS,
    "column, then row": lambda layer: SUMS if layer.name.endswith(SECOND) else COLUMNS,
    "rows of activations": lambda layer: ROWS,
    "rows of activations, sums in the second": lambda layer: SUMS if layer.name.endswith(SECOND) else ROWS,
    "sums in all products": lambda layer: SUMS if layer.op is Op.GEMM else COLUMNS,
}
HEAD = "load", "plan", "latency, ms", "energy, J", "EDP, J s", "exchange, ms", "exchanged, MB", "DRAM, GB"


def rows() -> Iterator[tuple[str, ...]]:
    """A line of the table for each plan of each load."""
    chiplets = snake(resolve_package(PACKAGE))
    for load, make in LOADS.items():
        model = make()
        for plan, partition in PLANS.items():
            stage = Stage(0, len(model.layers) - 1, chiplets, tuple(map(partition, model.layers)))
            schedule = Schedule((Window((Pipeline(0, (stage,)),)),))
            cost = chipweave.evaluate(schedule, model, PACKAGE).evaluation
            (made,) = cost.stages
            figures = cost.latency_s * 1e3, cost.energy_j, cost.edp_js, made.exchange_s * 1e3
            bytes_ = f"{made.bytes_.exchange / 1e6:.1f}", f"{made.bytes_.dram / 1e9:.2f}"
            yield load, plan, *(f"{value:.4g}" for value in figures), *bytes_


if __name__ == "__main__":
    print("| " + " | ".join(HEAD) + " |")
    print("|" + " --- |" * len(HEAD))
    for line in rows():
        print("| " + " | ".join(line) + " |", flush=True)
