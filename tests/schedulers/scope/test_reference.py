"""The reference against trying everything, on the same tables, with the formulas written out."""

from __future__ import annotations

from itertools import combinations, pairwise, product

import numpy as np
import pytest

from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.tables import regions_kernel as kernel
from chipweave.evaluation.tables.regions import Ground
from chipweave.hardware.snake import snake
from chipweave.plan.problem import Fidelity, pose
from chipweave.reproduction.scope.exhaustive import cut_model, mesh
from chipweave.schedulers.draft import DraftWindow
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo import build_model
from tests.schedulers.scope.table_bound import MicroBatchTables, level, reference

MICRO_BATCHES = (1, 2, 3, 6)


def dram_s(made: MicroBatchTables, bytes_: float) -> float:
    rates = made.line.rates
    fixed_s = made.line.dram_hops * rates.hop_s + rates.dram_s + rates.delta_s
    return bytes_ / rates.dram_bytes_s + fixed_s if bytes_ else 0.0


def window_s(ground: Ground, made: MicroBatchTables, ends: list[int], sizes: tuple[int, ...]) -> float:
    """A window by the tables: stages between the units `ends`, on regions of `sizes` chiplets."""
    package, crossing = ground.ready.package, made.micro_batch * ground.crossing
    stages = [made.table[a, b - a - 1, size - 1] for (a, b), size in zip(pairwise(ends), sizes, strict=True)]
    if not np.isfinite([stage[kernel.PACE_S] for stage in stages]).all():
        return float("inf")
    first_s = weights_s = slowest_s = 0.0
    for number, ((first, end), size, stage) in enumerate(zip(pairwise(ends), sizes, stages, strict=True)):
        loaded = crossing[first] if number == 0 else 0.0
        if end == ends[-1]:
            out_s = dram_s(made, crossing[end])
        else:
            after = sizes[number + 1]
            received = made.units.need[end, after - 1, int(stages[number + 1][kernel.FIRST])]
            hops = ground.spans[min(len(ground.order), size + after)]
            out_s = max(received, crossing[end] / size) / package.link_bandwidth_bytes_s
            out_s += hops * package.hop_latency_s + package.conflict_delay_s
        load_s, exposed_s = dram_s(made, loaded + stage[kernel.LOADED]), stage[kernel.EXPOSED_S]
        streams_s, gather_s = stage[kernel.STREAMS_S], stage[kernel.GATHER_S]
        made_s = max(stage[kernel.COMPUTE_S] + exposed_s, streams_s, gather_s) + stage[kernel.EXCHANGE_S] + load_s
        came = made.units.need[first, size - 1, int(stage[kernel.FIRST])] if number else 0.0
        fill_s, steady_s = made_s + out_s, made_s + max(out_s, came / package.link_bandwidth_bytes_s)
        if stage[kernel.LEFT] >= stage[kernel.OPEN] * (loaded + came + crossing[end]):
            stored_s = out_s if end == ends[-1] else 0.0
            fill_s = max(stage[kernel.PACE_S] + exposed_s, streams_s, gather_s) + load_s + out_s
            steady_s = max(stage[kernel.PACE_S] + exposed_s, load_s + stored_s + streams_s, gather_s, out_s)
        input_s = loaded / package.dram_bandwidth_bytes_s
        first_s = max(first_s + fill_s, weights_s + stage[kernel.READY_S] + input_s + out_s)
        weights_s += stage[kernel.RESIDENT_S]
        slowest_s = max(slowest_s, steady_s)
    rounds = ground.batch / made.micro_batch if ground.ready.detailed else -(-ground.batch // made.micro_batch)
    total_s = first_s + (rounds - 1) * slowest_s
    if not ground.ready.detailed:
        return float(total_s)
    moved = sum(stage[kernel.DRAM_BYTES] for stage in stages)
    moved += ground.batch * (ground.crossing[ends[0]] + ground.crossing[ends[-1]])
    return float(max(total_s, moved / package.dram_bandwidth_bytes_s))


def draft_s(ground: Ground, draft: tuple[DraftWindow, ...]) -> float:
    return sum(
        window_s(
            ground,
            level(ground, window.micro_batch),
            [window.first, *(stage.end for stage in window.stages)],
            tuple(stage.chiplets for stage in window.stages),
        )
        for window in draft
    )


@pytest.mark.slow  # kernels of its own are compiled; `test_quality` holds scope against everything in every run
@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize(
    ("name", "first", "end", "l2_bytes"),
    [
        ("resnet18", 0, 4, 1 << 20),
        ("resnet18", 6, 10, 1 << 17),
        ("alexnet", 4, 8, 1 << 20),
        ("vgg16", 0, 4, 1 << 16),
        ("gpt2_medium", 3, 7, 1 << 20),
    ],
)
def test_is_the_best_of_all(name: str, first: int, end: int, l2_bytes: int, fidelity: Fidelity) -> None:
    model = cut_model(build_model(name), first, end)
    package = mesh(2, l2_bytes)
    problem = pose(Scenario("cut", (Task("cut", model, 6),)), package, MaestroCostModel(), fidelity)
    ground = Ground(prepare(problem), 0, snake(package), np.arange(1, 5))
    units, levels = len(model.units), [level(ground, micro_batch) for micro_batch in MICRO_BATCHES]

    def best_s(a: int, b: int) -> float:
        return min(
            window_s(ground, made, [a, *inner, b], sizes)
            for made in levels
            for count in range(1, b - a + 1)
            for inner in combinations(range(a + 1, b), count - 1)
            for sizes in product(range(1, 5), repeat=count)
            if sum(sizes) <= 4
        )

    windows = {(a, b): best_s(a, b) for a in range(units) for b in range(a + 1, units + 1)}
    least_s = min(
        sum(windows[span] for span in pairwise([0, *inner, units]))
        for count in range(units)
        for inner in combinations(range(1, units), count)
    )
    found = reference(ground, MICRO_BATCHES, tolerance=1e-7)
    assert found.latency_s == pytest.approx(least_s, rel=1e-6)
    assert found.bound_s <= least_s * (1 + 1e-12)
    assert found.bound_s >= 0.9 * least_s
    assert draft_s(ground, found.draft) == pytest.approx(found.latency_s, rel=1e-9)
