"""Models one after another on chiplet 0; what exceeds it is split, where that is better."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from chipweave.cost.interface import CostModel
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package
from chipweave.hardware.snake import snake
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, micro_batch_candidates, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.schedulers.nn_baton import nn_baton
from chipweave.schedulers.search import Found, Request
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.plain_regions import Proportional
from tests.support import RoundNumbers, random_problem

SPLIT = (Partition.WEIGHT_SHARED, Partition.INPUT_SHARED)


def three_gemms(
    l2_bytes: int, batch: int = 4, dram_bytes_s: float = 1e4, cost_model: CostModel | None = None
) -> Problem:
    """8 -> 8 -> 128 -> 8 elements: weights of 64, 1024 and 1024 bytes, on a 2x3 mesh."""
    sizes = (8, 8, 128, 8)
    layers = tuple(Layer(f"gemm{i}", Op.GEMM, K=sizes[i + 1], C=sizes[i], Y=1) for i in range(3))
    model = Model("gemms", layers, tuple(Edge(i - 1, i, sizes[i]) for i in range(3)))
    package = Package(
        "mesh",
        (Chiplet("c", l2_bytes=l2_bytes, num_pes=64),) * 6,
        topology.mesh(2, 3),
        interfaces=(0,),
        positions=topology.grid_positions(2, 3),
        link_bandwidth_bytes_s=1e9,
        dram_bandwidth_bytes_s=dram_bytes_s,
    )
    return pose(Scenario("gemms", (Task("gemms", model, batch),)), package, cost_model or RoundNumbers())


def stages_of(found: Found) -> list[tuple[int, int, tuple[int, ...]]]:
    """(first layer, last layer, chiplets) of every window, each of which has one stage."""
    made = []
    for window in found.schedule.windows:
        ((stage,),) = [pipeline.stages for pipeline in window.pipelines]
        made.append((stage.first, stage.last, stage.chiplets))
    return made


def run(problem: Problem, name: str = "latency", **changes: object) -> Found:
    found = nn_baton(problem, replace(Request(objective(name)), **changes))  # type: ignore[arg-type]
    assert faults_of(found.schedule, problem) == []
    return found


def value(schedule: Schedule, problem: Problem | Prepared, name: str) -> float:
    evaluation = evaluate(schedule, problem)
    return objective(name)(evaluation.latency_s, evaluation.energy_j)


def test_what_fits_stays_whole_on_the_starting_chiplet() -> None:
    problem = three_gemms(l2_bytes=1200)  # 1024 of weights beside 136 of activations
    found = run(problem)
    assert stages_of(found) == [(0, 2, (0,))]
    assert found.notes == ()


@pytest.mark.parametrize(
    ("l2_bytes", "chiplets"),
    [
        # gemm1, by channels: 1024/n of weights, 8 of input, 128/n of output; gemm2: 1024/n, 128, 8/n
        (1000, 2),  # 512 + 8 + 64 = 584; 512 + 128 + 4 = 644
        (600, 3),  # gemm2 on 2: 644; on 3: 3 of 8 channels: 384 + 128 + 3 = 515. gemm1 on 2: 584
        (400, 4),  # gemm2 on 3: 515; on 4: 256 + 128 + 2 = 386. gemm1 on 3: 43 of 128 channels: 344 + 8 + 43 = 395
    ],
)
def test_what_exceeds_is_split_over_as_few_chiplets_as_make_it_fit(l2_bytes: int, chiplets: int) -> None:
    # at a fast DRAM what computes on several chiplets is through earlier
    problem = three_gemms(l2_bytes, batch=1, dram_bytes_s=1e9)
    found = run(problem)
    order = snake(problem.package)
    assert order == (0, 1, 2, 5, 4, 3)
    first = {2: 2, 3: 2, 4: 3}[chiplets]
    assert stages_of(found) == [(0, 0, (0,)), (1, 1, order[:first]), (2, 2, order[:chiplets])]
    words = [stage.partitions for _, pipeline in found.schedule.pipelines() for stage in pipeline.stages]
    assert words == [(), (Partition.INPUT_SHARED,), (Partition.INPUT_SHARED,)]
    assert found.notes == ("gemms: layers that exceed chiplet 0: 2, of which split: 2",)


def test_what_fits_nowhere_takes_all_chiplets_or_streams() -> None:
    found = run(three_gemms(l2_bytes=100))
    assert {chiplets for _, _, chiplets in stages_of(found)} <= {(0,), (0, 1, 2, 5, 4, 3)}


def test_streaming_is_kept_where_it_is_better() -> None:
    """One sample: weights cross the DRAM once either way, and 128 bytes between the layers only if they are split.

    Blocks of weights cost what whole layers do, and parts of a layer bring in as much as the layer, each.
    """
    problem = three_gemms(l2_bytes=1000, batch=1, cost_model=Proportional())
    assert stages_of(run(problem, "energy")) == [(0, 2, (0,))]


def cases() -> list[Any]:
    """Twelve problems under each objective and fidelity; a small one of each in every run, the others when slow."""
    ways = list(product(("latency", "energy", "edp"), Fidelity))
    slow = pytest.mark.slow
    return [
        pytest.param(seed, *way, marks=() if seed == 1 + number % 4 else slow)
        for seed in range(12)
        for number, way in enumerate(ways)
    ]


@pytest.mark.parametrize(("seed", "name", "fidelity"), cases())
def test_never_worse_than_splitting_nothing_or_everything(seed: int, name: str, fidelity: Fidelity) -> None:
    rng = random.Random(seed)
    problem = random_problem(rng, fidelity, tasks=2)
    cramped = tuple(replace(chiplet, l2_bytes=rng.randint(150, 600)) for chiplet in problem.package.classes)
    chiplets = tuple(cramped[at] for at in problem.package.class_of)
    problem = replace(problem, package=replace(problem.package, chiplets=chiplets))
    found, ready = run(problem, name), prepare(problem)
    least = value(found.schedule, ready, name)
    tasks = problem.scenario.tasks
    whole = [(Stage(0, len(task.model.layers) - 1, (0,)), micro_batch_candidates(task.batch)) for task in tasks]
    for micros in product(*(micros for _, micros in whole)):
        plan = Schedule(tuple(Window((Pipeline(t, (whole[t][0],), micro),)) for t, micro in enumerate(micros)))
        if not faults_of(plan, ready):
            assert least <= value(plan, ready, name) * (1 + 1e-9)
    split = [[fewest(problem, t, first, last) for first, last in task.model.units] for t, task in enumerate(tasks)]
    for _ in range(20):
        if (plan := all_split(rng, problem, split)) and not faults_of(plan, ready):
            assert least <= value(plan, ready, name) * (1 + 1e-9)


def all_split(rng: random.Random, problem: Problem, split: list[list[list[Stage]]]) -> Schedule:
    """Every unit that exceeds chiplet 0 on its fewest chiplets, with any partition that fits, and any micro-batches.

    Args:
        split: by task and unit, what `fewest` says.
    """
    windows = []
    for index, units in enumerate(split):
        run: list[Stage] = []
        for stages in units:
            last = stages[0].last
            if len(stages[0].chiplets) == 1 and run:
                run[-1] = Stage(run[-1].first, last, (0,))
            elif len(stages[0].chiplets) == 1:
                run.append(stages[0])
            else:
                windows += [(index, run.pop())] if run else []
                windows.append((index, rng.choice(stages)))
        windows += [(index, run.pop())] if run else []
    batches = [micro_batch_candidates(task.batch) for task in problem.scenario.tasks]
    return Schedule(tuple(Window((Pipeline(t, (stage,), rng.choice(batches[t])),)) for t, stage in windows))


def fewest(problem: Problem, task: int, first: int, last: int) -> list[Stage]:
    """The stages of a unit on as few chiplets as keep its weights in L2, by what the evaluator says of one sample."""
    order = snake(problem.package)
    detailed = replace(problem, fidelity=Fidelity.DETAILED)
    stages = [Stage(first, last, (0,))]
    for chiplets in range(1, len(order) + 1):
        if chiplets > 1:
            words = [(partition,) * (last + 1 - first) for partition in SPLIT]
            stages = [Stage(first, last, order[:chiplets], word) for word in words]
        fitting = [stage for stage in stages if resident(detailed, task, stage)]
        if fitting:
            return fitting
    return stages


def resident(problem: Problem, task: int, stage: Stage) -> bool:
    """Whether a stage keeps its weights in L2 beside all of one sample's activations, in a window of its own."""
    model = problem.scenario.tasks[task].model
    alone = replace(problem, scenario=Scenario("alone", (problem.scenario.tasks[task],)), costs=(problem.costs[task],))
    parts = [Stage(0, stage.first - 1, (0,)), stage, Stage(stage.last + 1, len(model.layers) - 1, (0,))]
    windows = [Window((Pipeline(0, (part,)),)) for part in parts if part.first <= part.last]
    evaluation = evaluate(Schedule(tuple(windows)), alone)
    ((found,),) = [
        pipeline.stages for window in evaluation.windows for pipeline in window.pipelines
        if pipeline.stages[0].first == stage.first
    ]  # fmt: skip
    assert found.l2 is not None
    l2_bytes = min(problem.package.chiplets[chiplet].l2_bytes for chiplet in stage.chiplets)
    return found.l2.resident and found.l2.held_weights + found.l2.activations <= l2_bytes


def test_a_limit_is_kept_and_time_that_is_up_is_said() -> None:
    problem = three_gemms(l2_bytes=1000, dram_bytes_s=1e7)
    done = run(problem, stop=lambda: True)
    assert not done.complete
    assert stages_of(done) == [(0, 2, (0,))]
    slow_s, quick_s = (evaluate(f.schedule, problem).latency_s for f in (done, run(problem)))
    assert quick_s < slow_s
    (task,) = problem.scenario.tasks
    limited = replace(problem, scenario=Scenario("l", (replace(task, latency_limit_s=(slow_s + quick_s) / 2),)))
    assert evaluate(run(limited, "energy").schedule, limited).latency_s <= (slow_s + quick_s) / 2


@pytest.mark.parametrize("seed", range(6))
def test_the_next_best_plans_are_kept(seed: int) -> None:
    """Against all plans of the same windows: of latencies that add up, the second least differs in one window."""
    problem = random_problem(random.Random(seed), Fidelity.DETAILED, tasks=2)
    found, ready = run(problem), prepare(problem)
    ways = []
    for window in found.schedule.windows:
        (pipeline,) = window.pipelines
        sizes = ready.micro_batches(pipeline.task)
        ways.append([Window((replace(pipeline, micro_batch=size),)) for size in sizes])
    plans = [Schedule(windows) for windows in product(*ways)]
    every = sorted(value(plan, ready, "latency") for plan in plans if not faults_of(plan, ready))
    near = [value(plan, ready, "latency") for plan in found.near]
    assert not any(faults_of(plan, ready) for plan in found.near)
    assert len({found.schedule, *found.near}) == 1 + len(near)
    assert near == pytest.approx(sorted(near), rel=1e-9)
    assert near[:1] <= [second * (1 + 1e-9) for second in every[1:2]]
