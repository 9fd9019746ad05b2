"""What copies take on the links at least, in proofs: by hand, and against what random schedules take in all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chipweave.evaluation.copies import copied_j, sums_j
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.exact.split import part_sizes
from chipweave.evaluation.record import StageEvaluation
from chipweave.plan.problem import Fidelity, pose
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.test_regions import random_case, reduced_case
from tests.evaluation.exact.test_regions_by_hand import Sheet, gemm
from tests.evaluation.test_bound import row
from tests.support import seeds

FORK = Model(
    "fork",
    (gemm("a", 2, 4, 4), gemm("b", 2, 4, 6), gemm("c", 2, 4, 8)),
    (Edge(-1, 0, 8), Edge(0, 1, 8), Edge(0, 2, 8)),
)
"""Two layers read what the first one makes, 8 bytes."""


def test_copies_by_hand() -> None:
    """A joule for a byte on a link; 3 samples. *b* and *c* may be in one stage, to which their input comes once: each
    has half of it."""
    linked = replace(row(3), nop_energy_j_per_bit=1 / 8)
    made = copied_j(prepare(pose(Scenario("s", (Task("fork", FORK, 3),)), linked, Sheet(), Fidelity.DETAILED)), 0)
    assert made.map_j.tolist() == [16, 24, 32]
    assert made.channels_j.tolist() == [48, 36, 36]  # 24 J of each that its 8 bytes of 3 samples enter an L2
    printed = copied_j(prepare(pose(Scenario("s", (Task("fork", FORK, 3),)), linked, Sheet(), Fidelity.PAPER)), 0)
    assert not printed.map_j.any()
    assert not printed.channels_j.any()


def test_partial_sums_by_hand() -> None:
    """A joule for a byte out of an L2, one for it on a link and one into an L2; 8, 12 and 16 bytes of 3 samples."""
    linked = replace(row(3), nop_energy_j_per_bit=1 / 8)
    ready = prepare(pose(Scenario("s", (Task("fork", FORK, 3),)), linked, Sheet(), Fidelity.DETAILED))
    assert sums_j(ready, 0).tolist() == [72, 108, 144]


def least_on_links(ready: Prepared, stage: StageEvaluation) -> float:
    """Joules of all copies that the stage's layers need, by how they are cut, and of partial sums."""
    copied, (layers, distinct) = copied_j(ready, 0), ready.splits(0, len(ready.package.chiplets)).distinct
    total = 0.0
    for layer, split in zip(range(stage.first, stage.last + 1), stage.splits, strict=True):
        if split.inputs > 1:
            total += (split.inputs - 1) * sums_j(ready, 0)[distinct[layer]]
            continue
        busy = part_sizes(layers[distinct[layer]], split, split.samples).all(axis=1)  # some may be empty
        if split.units > 1:
            total += (busy.sum() - 1) * copied.channels_j[distinct[layer]]
        elif split.rows * split.columns > 1:
            total += (busy.sum() - 1) * copied.map_j[distinct[layer]]
    return total


def _weights_fill_j(ready: Prepared, stage: StageEvaluation, micro_batch: int) -> float:
    """Joules of the stage's weights that enter an L2 once."""
    parts = ready.splits(0, len(ready.package.chiplets))
    class_of = [ready.package.class_of[each] for each in stage.chiplets]
    return sum(
        parts.costs(layer, split, micro_batch, class_of)[1]["weight_load_j"]
        for layer, split in zip(range(stage.first, stage.last + 1), stage.splits, strict=True)
    )


@pytest.mark.parametrize("seed", seeds(30, 300))
def test_no_schedule_takes_less_on_the_links(seed: int) -> None:
    case = (reduced_case if seed % 3 == 0 else random_case)(seed, Fidelity.DETAILED)
    ready = prepare(case.problem)
    evaluation = evaluate(case.schedule, ready)
    moved_j = evaluation.energy.nop + evaluation.energy.fill + evaluation.energy.drain
    for window in evaluation.windows:
        for pipeline in window.pipelines:
            moved_j -= sum(_weights_fill_j(ready, stage, pipeline.micro_batch) for stage in pipeline.stages)
    assert moved_j >= sum(least_on_links(ready, stage) for stage in evaluation.stages) * (1 - 1e-12)
