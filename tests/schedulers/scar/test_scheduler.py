"""SCAR as a whole: limits, dependencies, determinism, heuristics, large packages, and the baselines."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from chipweave.errors import InfeasibleError, InputError
from chipweave.evaluation.bound import lower_bound
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.plan.certificate import Unmet
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem
from chipweave.schedulers import SCHEDULERS, scheduler
from chipweave.schedulers.baselines import simba, standalone
from chipweave.schedulers.scar.options import Method, Packing, Provision, ScarOptions
from chipweave.schedulers.scar.scheduler import scar
from chipweave.schedulers.search import Found, Request
from tests.support import random_problem, seeds

EDP = Request(objective("edp"))


def value(found: Found, problem: Problem, name: str = "edp") -> float:
    assert faults_of(found.schedule, problem) == []
    evaluation = evaluate(found.schedule, problem)
    assert objective(name)(evaluation.latency_s, evaluation.energy_j) >= lower_bound(problem, objective(name)).value
    return objective(name)(evaluation.latency_s, evaluation.energy_j)


def with_options(**options: object) -> Request:
    return replace(EDP, options=ScarOptions(**options))  # type: ignore[arg-type]


def with_tasks(problem: Problem, **changes: object) -> Problem:
    """The last task changed."""
    tasks = problem.scenario.tasks
    changed = replace(tasks[-1], **changes)  # type: ignore[arg-type]
    return replace(problem, scenario=replace(problem.scenario, tasks=(*tasks[:-1], changed)))


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(4, 8))
def test_more_search_is_never_worse(seed: int, fidelity: Fidelity) -> None:
    problem = random_problem(random.Random(seed), fidelity, tasks=2, rows=2, columns=3)
    exact = value(scar(problem, with_options(provision=Provision.EXHAUSTIVE)), problem)
    rule = value(scar(problem, with_options()), problem)
    assert exact <= rule * (1 + 1e-12)
    assert rule <= value(scar(problem, with_options(top_k=1)), problem) * (1 + 1e-12)
    assert rule <= value(scar(problem, with_options(n_splits=0)), problem) * (1 + 1e-12)
    assert exact <= value(standalone(problem, EDP), problem) * (1 + 1e-12)


@pytest.mark.parametrize("seed", seeds(2, 5))
def test_the_same_on_any_number_of_jobs_and_again(seed: int) -> None:
    problem = random_problem(random.Random(seed), Fidelity.DETAILED, tasks=3, rows=2, columns=3)
    assert scar(problem, EDP) == scar(problem, EDP) == scar(problem, replace(EDP, jobs=3))


@pytest.mark.parametrize("name", ["latency", "energy", "latency * energy ** 2"])
def test_objectives_are_minimised_for_themselves(name: str) -> None:
    problem = random_problem(random.Random(5), Fidelity.DETAILED, tasks=2, rows=2, columns=3)
    own = value(scar(problem, replace(EDP, objective=objective(name))), problem, name)
    assert own <= value(scar(problem, EDP), problem, name) * (1 + 1e-12)


def test_a_callable_is_an_objective() -> None:
    problem = random_problem(random.Random(5), Fidelity.PAPER, tasks=2)
    plain = scar(problem, EDP)
    called = scar(problem, replace(EDP, objective=objective(lambda latency_s, energy_j: latency_s * energy_j)))
    assert value(called, problem) == pytest.approx(value(plain, problem), rel=1e-12)


def test_the_front_holds_the_schedule_and_nothing_beaten() -> None:
    problem = random_problem(random.Random(2), Fidelity.DETAILED, tasks=2, rows=2, columns=3)
    found = scar(problem, EDP)
    evaluation = evaluate(found.schedule, problem)
    assert min(abs(s - evaluation.latency_s) / s + abs(j - evaluation.energy_j) / j for s, j in found.front) < 1e-9
    latencies, energies = zip(*found.front, strict=True)
    assert list(latencies) == sorted(set(latencies))
    assert list(energies) == sorted(set(energies), reverse=True)


@pytest.mark.parametrize(
    ("seed", "tasks", "fidelity", "name"),
    [
        (89, 2, Fidelity.PAPER, "latency"),
        (160, 2, Fidelity.DETAILED, "latency"),
        (164, 2, Fidelity.PAPER, "energy"),
        (211, 1, Fidelity.DETAILED, "energy"),
    ],
)
def test_of_equal_values_the_one_on_the_front_is_taken(seed: int, tasks: int, fidelity: Fidelity, name: str) -> None:
    """Several schedules have the least latency, or energy, of these: the one that spends least beside it is on the
    front, and it is the result."""
    problem = random_problem(random.Random(seed), fidelity, tasks=tasks)
    found = scar(problem, replace(EDP, objective=objective(name)))
    evaluation = evaluate(found.schedule, problem)
    latency_s, energy_j = found.front[0 if name == "latency" else -1]
    assert (evaluation.latency_s, evaluation.energy_j) == pytest.approx((latency_s, energy_j), rel=1e-9)


@pytest.mark.parametrize("seed", seeds(3, 6))
def test_a_limit_that_can_be_met_is_met(seed: int) -> None:
    problem = random_problem(random.Random(seed), Fidelity.DETAILED, tasks=2, rows=2, columns=3)
    free = scar(problem, replace(EDP, objective=objective("energy")))
    fast = scar(problem, replace(EDP, objective=objective("latency")))
    slow_s = evaluate(free.schedule, problem).task_latency_s(1)
    fast_s = evaluate(fast.schedule, problem).task_latency_s(1)
    limit_s = (min(slow_s, fast_s) + fast_s) / 2 + 1e-12
    limited = with_tasks(problem, latency_limit_s=limit_s)
    found = scar(limited, replace(EDP, objective=objective("energy")))
    assert faults_of(found.schedule, limited) == []
    assert evaluate(found.schedule, limited).task_latency_s(1) <= limit_s


@pytest.mark.parametrize("name", ["scar", "standalone", "nn-baton"])
def test_an_impossible_limit_is_explained(name: str) -> None:
    problem = with_tasks(random_problem(random.Random(1), Fidelity.DETAILED, tasks=2), latency_limit_s=1e-12)
    with pytest.raises(InfeasibleError, match="limit") as caught:
        scheduler(name)(problem, EDP)
    (unmet,) = caught.value.unmet
    assert isinstance(unmet, Unmet)
    assert (unmet.of, unmet.demand) == ("m1", 1e-12)
    assert unmet.impossible or name == "nn-baton"
    assert not any("exhaustive" in lever for lever in unmet.levers)


@pytest.mark.parametrize("name", ["scar", "standalone", "nn-baton"])
def test_a_dependent_task_starts_later(name: str) -> None:
    problem = with_tasks(random_problem(random.Random(4), Fidelity.DETAILED, tasks=2), depends_on="m0")
    found = scheduler(name)(problem, EDP)
    assert faults_of(found.schedule, problem) == []
    windows = {task: [w for w, p in found.schedule.pipelines() if p.task == task] for task in (0, 1)}
    assert max(windows[0]) < min(windows[1])


@pytest.mark.parametrize("packing", list(Packing))
@pytest.mark.parametrize("node_cap", [None, 1, 2])
def test_packings_and_caps_give_valid_schedules(packing: Packing, node_cap: int | None) -> None:
    problem = random_problem(random.Random(9), Fidelity.DETAILED, tasks=3, rows=2, columns=3)
    found = scar(problem, with_options(packing=packing, node_cap=node_cap))
    value(found, problem)
    most = max(len(p.stages) for _, p in found.schedule.pipelines())
    assert node_cap is None or most <= node_cap


def test_more_models_than_chiplets_take_more_windows() -> None:
    problem = random_problem(random.Random(6), Fidelity.DETAILED, tasks=6)
    value(scar(problem, EDP), problem)
    with pytest.raises(InfeasibleError, match=r"needs 6 chiplets for 6 models, the package has 4 \(2 short\)"):
        standalone(problem, EDP)


@pytest.mark.parametrize("fidelity", list(Fidelity))
def test_evolution_on_a_larger_package(fidelity: Fidelity) -> None:
    problem = random_problem(random.Random(7), fidelity, tasks=3, most=3, rows=4, columns=4)
    request = with_options(search=Method.EVOLUTIONARY, population=4, generations=2)
    found = scar(problem, request)
    assert found == scar(problem, request)
    assert found == scar(problem, with_options(population=4, generations=2))  # 16 chiplets: the automatic choice
    value(found, problem)


def test_exhaustive_search_refuses_what_it_cannot_finish() -> None:
    problem = random_problem(random.Random(7), Fidelity.PAPER, tasks=2, rows=4, columns=4)
    with pytest.raises(InputError, match="exhaustive"):
        scar(problem, with_options(search=Method.EXHAUSTIVE))


def test_a_passed_deadline_returns_the_best_so_far() -> None:
    problem = random_problem(random.Random(8), Fidelity.DETAILED, tasks=2, rows=2, columns=3)
    found = scar(problem, replace(EDP, deadline_s=0.0))
    assert not found.complete
    assert not any("optimum over" in note for note in found.notes), "nothing is proven of what was not searched"
    value(found, problem)


def test_only_a_whole_search_in_paper_is_called_the_optimum() -> None:
    problem = random_problem(random.Random(8), Fidelity.PAPER, tasks=2, rows=2, columns=3)
    assert any("The optimum over" in note for note in scar(problem, EDP).notes)
    ended = scar(problem, replace(EDP, deadline_s=0.0)).notes
    assert any("no statement about the optimum" in note for note in ended)
    assert not any("The optimum over" in note for note in ended)


def test_simba_wants_one_class() -> None:
    problem = random_problem(random.Random(0), Fidelity.PAPER, tasks=1)
    assert len(problem.package.classes) == 2
    with pytest.raises(InputError, match="one chiplet class"):
        simba(problem, EDP)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_is_found_by_name(name: str) -> None:
    assert callable(scheduler(name))


@pytest.mark.parametrize("option", ["n_splits", "population", "generations"])
def test_options_are_bounded(option: str) -> None:
    with pytest.raises(InputError, match=f"{option}=100000000 is more than"):
        ScarOptions(**{option: 10**8})
