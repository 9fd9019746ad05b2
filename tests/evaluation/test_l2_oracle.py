"""The evaluator against an oracle that plays what L2 holds byte by byte, on random small stages.

The default run takes the first seeds; `pytest -m slow tests/evaluation/test_l2_oracle.py` takes all of them.
"""

from __future__ import annotations

import random

import pytest

from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.record import PipelineEvaluation, StageEvaluation
from tests.evaluation.l2_oracle import Case, Kept, case_of, choose, links_of, pipeline_s, play
from tests.evaluation.l2_stages import odd_problem
from tests.support import random_schedule

QUICK, ALL = range(2000), range(2000, 14000)
"""Seeds; a schedule has two stages on average."""


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
    assert sum(map(compare, QUICK)) >= 4000


@pytest.mark.slow
def test_many_more_stages_equal_the_oracle() -> None:
    assert sum(map(compare, ALL)) >= 20000
