"""Steps that are run again by the same plan, against arithmetic and against windows of many steps."""

from __future__ import annotations

from typing import Any

import pytest

import chipweave
from chipweave.cost.choose import choose
from chipweave.errors import InputError
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.record import Evaluation
from chipweave.files.package_file import resolve_package
from chipweave.plan.problem import Fidelity, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.serving.repeated import Repeated, repeated
from chipweave.workload.model import Model
from chipweave.workload.scenario import Scenario, Task
from tests.workload.importers.test_hf_bytes import LLAMA

DECODE = chipweave.from_hf(LLAMA, phase="decode", context=3)
LARGE = chipweave.from_hf(
    LLAMA | {"hidden_size": 512, "intermediate_size": 2048, "vocab_size": 30000}, phase="decode", context=64
)


def cut(model: Model, stages: int, windows: int = 1) -> Schedule:
    """So many stages a window, each on a chiplet of its own."""
    units = model.units
    parts = stages * windows
    bounds = [units[len(units) * at // parts][0] for at in range(parts)] + [len(model.layers)]
    made = [Stage(bounds[at], bounds[at + 1] - 1, (at % stages,)) for at in range(parts)]
    return Schedule(
        tuple(Window((Pipeline(0, tuple(made[at * stages : (at + 1) * stages])),)) for at in range(windows))
    )


def steps(model: Model, plan: Schedule, number: int) -> Evaluation:
    scenario = Scenario("steps", (Task("decode", model, number),))
    return evaluate(plan, pose(scenario, resolve_package("mesh-16"), choose("loopnest"), Fidelity.DETAILED))


def one_more(model: Model, plan: Schedule) -> Repeated:
    return repeated(plan, lambda schedule, number: steps(model, schedule, number))


def test_bytes_by_hand() -> None:
    """All weights fit: one more step moves the embedding and caches in, 8 + 2 x 2 x 3 x 8, and 2 x 2 x 8 + 10 out."""
    assert one_more(DECODE, cut(DECODE, 1)).dram_bytes == 104 + 42
    assert one_more(DECODE, cut(DECODE, 3)).dram_bytes == 104 + 42


def test_time_by_hand() -> None:
    """On one chiplet: load, compute, store, nothing beside each other."""
    plan = cut(DECODE, 1)
    (stage,) = steps(DECODE, plan, 5).stages
    assert one_more(DECODE, plan).latency_s == pytest.approx(stage.load_s + stage.compute_s + stage.store_s, rel=1e-12)


def test_several_windows_keep_nothing() -> None:
    plan = cut(DECODE, 1, windows=2)
    once = steps(DECODE, plan, 1)
    assert one_more(DECODE, plan) == Repeated(
        once.latency_s, once.energy_j, sum(window.dram_bytes for window in once.windows)
    )


@pytest.mark.parametrize("stages", [1, 2, 4])
@pytest.mark.parametrize("model", [DECODE, LARGE], ids=["small", "large"])
def test_between_a_pipeline_of_steps_and_steps_that_keep_nothing(model: Model, stages: int) -> None:
    plan = cut(model, stages)
    more, once = one_more(model, plan), steps(model, plan, 1)
    few, many = steps(model, plan, 40), steps(model, plan, 80)
    assert (many.latency_s - few.latency_s) / 40 <= more.latency_s * (1 + 1e-9)
    assert more.latency_s <= once.latency_s * (1 + 1e-9)
    assert more.energy_j <= once.energy_j * (1 + 1e-9)
    assert more.dram_bytes <= sum(window.dram_bytes for window in once.windows)


def test_a_region_keeps_a_share_on_each_chiplet() -> None:
    """A model that fits four chiplets, not one: columns parted over them stay, on one most of them stream."""
    stage = Stage(0, len(LARGE.layers) - 1, (0, 1, 4, 5), (Partition.INPUT_SHARED,) * len(LARGE.layers))
    region = Schedule((Window((Pipeline(0, (stage,)),)),))
    assert one_more(LARGE, region).dram_bytes < one_more(LARGE, cut(LARGE, 1)).dram_bytes


def test_served_with_and_without() -> None:
    asked: dict[str, Any] = {"prompt": 6, "output": 9, "scheduler": "standalone"}
    once = chipweave.serve(LLAMA, "mesh-16", **asked)
    again = chipweave.serve(LLAMA, "mesh-16", repeat=True, **asked)
    assert again.ttft_s == once.ttft_s
    assert again.decode_s < once.decode_s
    assert again.decode_j < once.decode_j
    # The first step loads all weights; the others none of them.
    first = steps(chipweave.from_hf(LLAMA, phase="decode", context=6), again.decode.schedule, 1)
    assert again.decode_s > first.latency_s + 7 * again.priced[0].latency_s * (1 - 1e-9)
    assert 0 < again.memory_roofline <= 1


def test_paper_keeps_no_weights() -> None:
    with pytest.raises(InputError, match="no weights stay in L2"):
        chipweave.serve(LLAMA, "mesh-16", prompt=6, output=9, repeat=True, fidelity="paper")
