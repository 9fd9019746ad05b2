"""Which stages on regions are valid, and what is said about those that are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chipweave.evaluation.check import faults_of
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.test_regions_by_hand import CHAIN, DEEP, SQUARE, Sheet, row

W, I, WHOLE = Partition.WEIGHT_SHARED, Partition.INPUT_SHARED, Partition.WHOLE  # noqa: E741


def problem_of(l2_bytes: int | None = None, copies: int = 1, batch: int = 4) -> Problem:
    where = row(4) if l2_bytes is None else row(4, l2_bytes=l2_bytes)
    tasks = tuple(Task(f"chain{copy}", CHAIN, batch) for copy in range(copies))
    return pose(Scenario("check", tasks), where, Sheet(), Fidelity.DETAILED)


def faults(*stages: Stage, micro_batch: int = 1, problem: Problem | None = None) -> list[str]:
    schedule = Schedule((Window((Pipeline(0, stages, micro_batch),)),))
    return texts(schedule, problem or problem_of())


def texts(schedule: Schedule, problem: Problem) -> list[str]:
    return [str(fault) for fault in faults_of(schedule, problem)]


@pytest.mark.parametrize(
    "stages",
    [
        (Stage(0, 2, (1,)),),
        (Stage(0, 2, (1,), (WHOLE, WHOLE, WHOLE)),),
        (Stage(0, 2, (0, 1), (W, I, W)),),
        (Stage(0, 2, (3, 2, 1, 0), (I, I, I)),),
        (Stage(0, 0, (2, 1), (W,)), Stage(1, 1, (3,)), Stage(2, 2, (0,))),
    ],
)
def test_these_are_valid(stages: tuple[Stage, ...]) -> None:
    assert faults(*stages) == []


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        # several chiplets need a way to split; the remedy names one
        (Stage(0, 2, (0, 1)), ("whole", "weight_shared")),
        (Stage(0, 2, (0, 1), (WHOLE, WHOLE, WHOLE)), ("whole", "weight_shared")),
        (Stage(0, 2, (0, 1), (W, WHOLE, I)), ("whole", "weight_shared")),
        # one chiplet has nothing to split
        (Stage(0, 2, (0,), (W, W, W)), ("weight_shared", "whole")),
        (Stage(0, 2, (0,), (WHOLE, I, WHOLE)), ("input_shared", "whole")),
        # one partition per layer
        (Stage(0, 2, (0, 1), (W, W)), ("2", "3", "partition")),
        (Stage(0, 2, (0, 1), (W, W, I, I)), ("4", "3", "partition")),
        (Stage(0, 2, (0, 2), (W, W, W)), ("[0, 2]", "not connected")),
        (Stage(0, 2, (3, 1, 0), (I, I, I)), ("[3, 1, 0]", "not connected")),
        (Stage(0, 2, (0, 0), (W, W, W)), ("chiplet 0", "more than once")),
        (Stage(0, 2, (3, 4), (W, W, W)), ("4", "not in the package")),
    ],
)
def test_each_rule_names_the_layers_and_what_to_do(stage: Stage, says: tuple[str, ...]) -> None:
    found = faults(stage)
    assert found
    assert any("'chain0'" in text and "layers" in text and all(word in text for word in says) for text in found), found


def test_regions_of_a_pipeline_are_disjoint() -> None:
    found = faults(Stage(0, 0, (0, 1), (W,)), Stage(1, 2, (1, 2), (I, I)))
    assert any("chiplet 1 is used by" in text and "disjoint" in text for text in found), found


def test_regions_of_two_tasks_are_disjoint() -> None:
    pipelines = (Pipeline(0, (Stage(0, 2, (0, 1, 2), (W, W, W)),)), Pipeline(1, (Stage(0, 2, (2, 3), (I, I, I)),)))
    found = texts(Schedule((Window(pipelines),)), problem_of(copies=2))
    assert any("chiplet 2 is used by" in text and "'chain1'" in text for text in found), found
    apart = (Pipeline(0, (Stage(0, 2, (0, 1), (W, W, W)),)), Pipeline(1, (Stage(0, 2, (2, 3), (I, I, I)),)))
    assert faults_of(Schedule((Window(apart),)), problem_of(copies=2)) == []


def test_the_same_chiplets_serve_again_in_another_window() -> None:
    windows = (
        Window((Pipeline(0, (Stage(0, 1, (0, 1), (W, W)),)),)),
        Window((Pipeline(0, (Stage(2, 2, (1, 2), (I,)),)),)),
    )
    assert faults_of(Schedule(windows), problem_of()) == []


def test_a_square_has_no_diagonal() -> None:
    problem = pose(Scenario("check", (Task("chain0", CHAIN),)), SQUARE, Sheet(), Fidelity.DETAILED)
    assert any("not connected" in text for text in faults(Stage(0, 2, (0, 3), (W, W, W)), problem=problem))
    assert faults(Stage(0, 2, (0, 2, 3), (W, W, W)), problem=problem) == []


@pytest.mark.parametrize(("l2_bytes", "fits"), [(48, True), (47, False)])
def test_a_micro_batch_fits_the_parts_in_paper(l2_bytes: int, fits: bool) -> None:
    """DEEP by rows in micro-batches of 2 on two chiplets: a sample each, 8 in + 8 out, beside two layers' weights, 32.

    On one chiplet the same micro-batch needs 32 + 32. In detailed any is valid.
    """
    where = row(2, l2_bytes=l2_bytes)
    problem = pose(Scenario("check", (Task("deep", DEEP, 2),)), where, Sheet(), Fidelity.PAPER)
    found = faults(Stage(0, 5, (0, 1), (W,) * 6), micro_batch=2, problem=problem)
    assert (found == []) is fits
    if not fits:
        assert any("layers 0 to 5" in text and "micro_batch=2" in text and "47" in text for text in found), found
    assert faults(Stage(0, 5, (0,)), micro_batch=2, problem=problem) != []
    detailed = replace(problem, fidelity=Fidelity.DETAILED)
    for where_to in (Stage(0, 5, (0, 1), (W,) * 6), Stage(0, 5, (0,))):
        assert faults(where_to, micro_batch=2, problem=detailed) == []


def test_a_single_sample_always_may() -> None:
    where = row(2, l2_bytes=10)
    for fidelity in Fidelity:
        problem = pose(Scenario("check", (Task("deep", DEEP, 2),)), where, Sheet(), fidelity)
        assert faults(Stage(0, 5, (0, 1), (I,) * 6), problem=problem) == []
