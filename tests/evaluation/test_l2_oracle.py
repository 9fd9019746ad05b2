"""The evaluator against an oracle that plays what L2 holds byte by byte, on random small stages.

The default run takes the first seeds; `pytest -m slow tests/evaluation/test_l2_oracle.py` takes all of them.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.record import PipelineEvaluation, StageEvaluation
from chipweave.hardware.chiplet import Chiplet
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.test_regions import attention, maps, stages_of
from tests.evaluation.l2_oracle import Case, Kept, case_of, choose, links_of, pipeline_s, play
from tests.evaluation.l2_regions import RegionKept, region_case, region_ways
from tests.evaluation.l2_stages import Together, odd_chiplet, odd_model, odd_package, odd_problem, wide_model
from tests.support import random_schedule

QUICK, ALL = range(400), range(400, 14000)
"""Seeds; a schedule has two stages on average."""
FEW_REGIONS, REGIONS = (*range(150), 101013), range(150, 5000)
"""Seeds; a schedule has not quite one stage on a region on average. In the last of the few, a tensor that skips a stage
waits, whole, on each of two chiplets, and there is not room for all of it."""


def close(ours: float, theirs: float) -> bool:
    return abs(ours - theirs) <= 1e-9 * max(abs(ours), abs(theirs)) + 1e-18


def differences(case: Case, way: Kept, stage: StageEvaluation) -> dict[str, tuple[float, float]]:
    """Figures of a stage that the oracle has otherwise: ours and the evaluator's."""
    assert stage.l2 is not None
    windows = case.batch / case.micro_batch
    pairs = {
        "weights": (way.weights_bytes, stage.bytes_.weights),
        "again": (way.again_bytes, stage.bytes_.again),
        "load": (windows * sum(t.brought for t in case.tensors if t.loaded), stage.bytes_.load),
        "store": (windows * sum(t.stored for t in case.tensors), stage.bytes_.store),
        "forward": (windows * sum(sum(t.sent.values()) for t in case.tensors), stage.bytes_.forward),
        "spill": (way.spill_bytes, stage.bytes_.spill),
        "pinned": (way.pinned, stage.l2.held_weights),
        "streamed": (way.streamed, stage.l2.streamed),
        "l2 again": (way.again, stage.l2.again),
        "l2 spill": (way.spill, stage.l2.spill),
        "activations": (case.live, stage.l2.activations),
        "overlaps": (way.overlaps, stage.overlaps),
        "fits": (way.spill == 0, stage.l2.fits),
    }
    pairs |= {name: (seconds, getattr(stage, name)) for name, seconds in way.times.items()}
    return {name: pair for name, pair in pairs.items() if not close(*pair)}


def compare(seed: int) -> int:
    """Holds every stage of a random schedule against the oracle, and gives their number."""
    rng = random.Random(seed)
    problem = odd_problem(rng, tasks=rng.choice([1, 1, 1, 2]))
    schedule = random_schedule(rng, problem, rng.choice([1, 1, 2, 3]))
    found = evaluate(schedule, problem)
    count = 0
    for number, window in enumerate(schedule.windows):
        for pipeline, record in zip(window.pipelines, found.windows[number].pipelines, strict=True):
            for stage, theirs in zip(pipeline.stages, record.stages, strict=True):
                case = case_of(problem, schedule, number, pipeline, stage)
                played = play(case.chiplet.l2_bytes, case.works, case.tensors)
                ways = choose(case, played, links_of(problem, pipeline, stage, case))
                wrong = [differences(case, way, theirs) for way in ways]
                assert not min(wrong, key=len), (seed, number, stage, wrong)
                count += 1
            assert_pipeline(record, case.micro_batches)
    return count


def assert_pipeline(record: PipelineEvaluation, count: int) -> None:
    """Its latency follows from its stages' times."""
    names = ("fill_s", "ready_s", "steady_s", "last_fill_s", "last_steady_s", "resident_s")
    stages = [{name: getattr(stage, name) for name in names} for stage in record.stages]
    assert record.micro_batches == count
    assert close(pipeline_s(stages, count), record.latency_s)


def test_stages_equal_the_oracle() -> None:
    assert sum(map(compare, QUICK)) >= 800


@pytest.mark.slow
def test_many_more_stages_equal_the_oracle() -> None:
    assert sum(map(compare, ALL)) >= 20000


def region_problem(seed: int) -> tuple[Problem, Schedule]:
    """A task on regions of 1 to 4 chiplets, in one or two windows."""
    rng = random.Random(seed)
    kind = rng.randrange(5)
    model = odd_model(rng, "odd", 5) if kind < 2 else (maps, attention, wide_model)[kind - 2](rng)
    package = odd_package(rng, *rng.choice([(1, 2), (1, 3), (2, 2), (1, 4)]))
    small = odd_chiplet(rng, "small", round(math.exp(rng.uniform(math.log(5), math.log(1500)))))
    large = odd_chiplet(rng, "large", small.l2_bytes + rng.randint(1, 100))
    package = replace(package, chiplets=tuple(rng.choice([small, large]) for _ in package.chiplets))
    batch, units = rng.randint(1, 4), list(model.units)
    micro_batch = rng.randint(1, min(batch, 3))
    cut = rng.randint(1, len(units)) if rng.random() < 0.4 else len(units)
    parts = [part for part in (units[:cut], units[cut:]) if part]
    windows = [Window((Pipeline(0, stages_of(rng, package, part), micro_batch),)) for part in parts]
    scenario = Scenario("regions", (Task("m", model, batch),))
    return pose(scenario, package, Together(), Fidelity.DETAILED), Schedule(tuple(windows))


def region_differences(way: RegionKept, stage: StageEvaluation) -> dict[str, tuple[float, float]]:
    """Figures of a stage on a region that the oracle has otherwise: ours and the evaluator's."""
    assert stage.l2 is not None
    pairs = {
        "pinned": (way.pinned, stage.l2.held_weights),
        "streamed": (way.streamed, stage.l2.streamed),
        "gathered": (way.gathered, stage.l2.gathered),
        "again": (way.again, stage.l2.again),
        "spill": (way.spill, stage.l2.spill),
        "overlaps": (way.overlaps, stage.overlaps),
    }
    return {name: pair for name, pair in pairs.items() if abs(pair[0] - pair[1]) > 1e-9 * max(1.0, *map(abs, pair))}


def compare_regions(seed: int) -> int:
    """Holds every stage on a region of a random schedule against the oracle, and gives their number."""
    problem, schedule = region_problem(seed)
    found, count = evaluate(schedule, problem), 0
    for number, window in enumerate(schedule.windows):
        pipeline, record = window.pipelines[0], found.windows[number].pipelines[0]
        for stage, theirs in zip(pipeline.stages, record.stages, strict=True):
            if len(stage.chiplets) == 1:
                continue
            splits = dict(zip(stage.layers, theirs.splits, strict=True))
            case = region_case(problem, schedule, number, pipeline, stage, splits)
            assert theirs.l2 is not None
            assert close(float(case.live), theirs.l2.activations), (seed, number, stage)
            wrong = [region_differences(way, theirs) for way in region_ways(case, record.micro_batches)]
            assert not min(wrong, key=len), (seed, number, stage, wrong)
            count += 1
    return count


def test_regions_equal_the_oracle() -> None:
    assert sum(map(compare_regions, FEW_REGIONS)) >= 100


@pytest.mark.slow
def test_many_more_regions_equal_the_oracle() -> None:
    assert sum(map(compare_regions, REGIONS)) >= 3000


def test_an_element_wise_layer_is_fused_with_the_product_that_it_reads() -> None:
    """Two products, with an element-wise layer between them that reads neither: what it makes is not fused.

    All is 10 x 1 elements; L2 holds nothing. Layers 1 and 2 are written, and read again by layer 3.
    """
    kinds = (Op.MATMUL, Op.MATMUL, Op.ELEMENTWISE, Op.MATMUL)
    layers = tuple(Layer(f"layer{i}", op, K=1, C=1, Y=10) for i, op in enumerate(kinds))
    operands = ((-1, -1), (0, 0), (-1,), (2, 1))
    edges = tuple(Edge(p, i, 10, reshape=True) for i, several in enumerate(operands) for p in several)
    package = replace(odd_package(random.Random(0), 1, 1), chiplets=(Chiplet("tiny", l2_bytes=1),))
    task = Task("m", Model("between", layers, edges))
    problem = pose(Scenario("between", (task,)), package, Together(), Fidelity.DETAILED)
    found = evaluate(Schedule((Window((Pipeline(0, (Stage(0, 3, (0,)),)),)),)), problem)
    assert found.stages[0].bytes_.spill == 3 * 20 + 10, "layers 0, 1 and 2 out and back, and the input once more"
