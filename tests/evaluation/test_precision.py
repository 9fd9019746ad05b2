"""Bits of weights and activations: by hand, against whole bytes, and what must hold of any plan."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from chipweave.errors import InputError
from chipweave.evaluation.bound import lower_bound
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.lines import proven
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.room import need_of
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.schedulers.alone import Alone
from chipweave.schedulers.exact import Exact
from chipweave.simulation.machine import FORMULA
from chipweave.simulation.outcome import simulate
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.test_regions import mixed_case
from tests.evaluation.exact.test_regions_by_hand import Sheet
from tests.evaluation.test_conventions import GEMM, row

WIDTHS = (0.0, 2.0, 4.25, 8.0, 16.0)


def with_bits(problem: Problem, seed: int) -> Problem:
    """Models with weights and activations of a width each, and some layers with weights of another one."""
    rng, tasks = random.Random(seed), []
    for task in problem.scenario.tasks:
        layers = tuple(replace(layer, weight_bits=rng.choice(WIDTHS)) for layer in task.model.layers)
        bits = {"weight_bits": rng.choice(WIDTHS), "activation_bits": rng.choice(WIDTHS)}
        tasks.append(replace(task, model=replace(task.model, layers=layers, **bits)))
    return posed(problem, tasks)


def posed(problem: Problem, tasks: list[Task]) -> Problem:
    return pose(
        replace(problem.scenario, tasks=tuple(tasks)), problem.package, problem.cost_model, problem.fidelity
    )


def test_bytes_by_hand() -> None:
    """24 weights of 4.25 bits are 12.75 bytes, so 13; 32 elements in and 48 out, of 4 bits 16 and 24 bytes; of 16 bits
    twice as many as elements."""
    for bits, moved in ((4, 13 + 16 + 24), (16, 13 + 64 + 96)):
        model = replace(GEMM, weight_bits=4.25, activation_bits=float(bits))
        problem = pose(Scenario("s", (Task("t", model),)), row(1), Sheet(), Fidelity.DETAILED)
        made = evaluate(Schedule((Window((Pipeline(0, (Stage(0, 0, (0,)),), 1),)),)), problem)
        assert made.windows[0].dram_bytes == moved
        (stage,) = made.stages
        assert (stage.bytes_.weights, stage.resident_s) == (13, 13)
        assert need_of(problem.scenario).total_bytes == moved


def test_a_layers_own_bits_come_before_the_models() -> None:
    layers = (
        Layer("a", Op.GEMM, K=33, C=7, Y=4),
        Layer("b", Op.GEMM, K=8, C=33, Y=4, weight_bits=8),
        Layer("c", Op.GEMM, K=8, C=8, Y=4, weight_bits=5),
        Layer("d", Op.GEMM, K=8, C=8, Y=4, shares="c"),
    )
    edges = tuple(Edge(at - 1, at, layer.input_elements) for at, layer in enumerate(layers))
    model = Model("m", layers, edges, bytes_per_element=2, weight_bits=4.25)
    assert model.weight_bytes == (123, 264, 40, 40), "231 x 4.25 / 8 = 122.7"
    assert model.distinct_weight_bytes == 427
    assert (model.activation_width, model.tensor_bytes(3)) == (2, 6)
    assert replace(model, weight_bits=0.0).weight_bytes[0] == 462, "without bits, whole bytes"
    with pytest.raises(InputError, match=r"'d' has weight_bits=4.0, and shares those of 'c'"):
        Model("m", (*layers[:3], replace(layers[3], weight_bits=4)), edges)
    with pytest.raises(InputError, match=r"weight_bits=65.0 is not in 0..64"):
        replace(model, weight_bits=65.0)


@pytest.mark.parametrize("seed", range(8))
def test_eight_bits_are_a_byte(seed: int) -> None:
    problem, schedule = mixed_case(seed)
    tasks = [
        replace(
            task,
            model=replace(
                task.model,
                bytes_per_element=1,
                weight_bits=8.0 * task.model.bytes_per_element,
                activation_bits=8.0 * task.model.bytes_per_element,
            ),
        )
        for task in problem.scenario.tasks
    ]
    one, other = evaluate(schedule, problem), evaluate(schedule, posed(problem, tasks))
    assert (other.latency_s, other.energy_j) == (one.latency_s, one.energy_j)
    assert other.windows == one.windows


@pytest.mark.parametrize("seed", range(12))
def test_bounds_tables_and_the_simulator_count_the_same_bytes(seed: int) -> None:
    problem, schedule = mixed_case(seed)
    problem = with_bits(problem, seed)
    made, regions = evaluate(schedule, problem), schedule.largest_region > 1
    for goal in ("latency", "energy"):
        bound = lower_bound(problem, objective(goal), regions)
        assert objective(goal)(made.latency_s, made.energy_j) >= bound.value * (1 - 1e-9)
    assert proven(prepare(problem), objective("edp"), regions, None).value <= made.edp_js * (1 + 1e-9)
    simulated = simulate(problem, schedule, made, FORMULA)
    for window, costs in zip(simulated.windows, made.windows, strict=True):
        for end_s, pipeline in zip(window.ends_s, costs.pipelines, strict=True):
            if len(pipeline.stages) == 1:
                assert end_s - window.start_s == pytest.approx(pipeline.latency_s, rel=1e-9)
    if not regions:
        ready = prepare(problem)
        alone, exact = Alone(ready), Exact(ready)
        for window in schedule.windows:
            one, other = alone.timed(window), exact.timed(window)
            assert one is not None
            assert other is not None
            assert one.latency_s == pytest.approx(other.latency_s, rel=1e-9)
            assert one.energy_j == pytest.approx(other.energy_j, rel=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_fewer_bits_move_no_more(seed: int) -> None:
    """Of weights and activations, a plan's bytes from and to DRAM, and its joules there. Where layers cost what they
    multiply, its time is about the same or less: what is kept in L2 goes by bytes first."""
    problem, schedule = mixed_case(seed)
    problem = pose(problem.scenario, problem.package, Sheet(), problem.fidelity)
    took: list[float] = []

    def moved(weight_bits: float, activation_bits: float) -> list[float]:
        tasks = [
            replace(task, model=replace(task.model, weight_bits=weight_bits, activation_bits=activation_bits))
            for task in problem.scenario.tasks
        ]
        made = evaluate(schedule, posed(problem, tasks))
        took.append(made.latency_s)
        return [*(window.dram_bytes for window in made.windows), made.energy.dram]

    most = moved(16, 16)
    for fewer in (moved(4.25, 16), moved(16, 8), moved(8, 8), moved(4.25, 4)):
        assert all(less <= more * (1 + 1e-12) for less, more in zip(fewer, most, strict=True))
    assert max(took) <= 1.02 * took[0]
