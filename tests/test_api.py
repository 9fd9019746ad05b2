"""The Python API."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import chipweave
import chipweave.plan.schedule
from chipweave.errors import InfeasibleError, InputError
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.hardware.package import Package
from chipweave.plan.problem import Fidelity, Problem
from chipweave.schedulers.search import Progress
from chipweave.workload.scenario import Scenario, Task
from tests.support import RoundNumbers, random_problem, random_schedule

COST = RoundNumbers()


def some(seed: int = 3) -> tuple[Scenario, Package, Problem]:
    problem = random_problem(random.Random(seed), Fidelity.DETAILED, tasks=2)
    return problem.scenario, problem.package, problem


@pytest.mark.parametrize("fidelity", ["paper", "detailed"])
@pytest.mark.parametrize("scheduler", ["scar", "standalone", "nn-baton"])
def test_a_result_is_what_the_evaluator_says(scheduler: str, fidelity: str) -> None:
    scenario, package, _ = some()
    result = chipweave.schedule(scenario, package, scheduler=scheduler, cost_model=COST, fidelity=fidelity)
    assert faults_of(result.schedule, result.problem) == []
    assert result.evaluation == evaluate(result.schedule, result.problem)
    assert result.value == result.evaluation.edp_js
    assert result.certificate is not None
    assert result.gap == 1 - result.certificate.value / result.value
    assert result.search is not None
    assert (result.search.scheduler, result.search.seed, result.search.complete) == (scheduler, 0, True)


def test_objectives_are_what_is_minimised() -> None:
    scenario, package, _ = some()
    results = {
        name: chipweave.schedule(scenario, package, objective=name, cost_model=COST, scheduler="scar")
        for name in ("latency", "energy", "edp", "throughput", "latency + energy")
    }
    for name, result in results.items():
        others = [other.evaluation for other in results.values()]
        mine = result.value
        assert mine is not None
        measure = {
            "latency": lambda e: e.latency_s,
            "energy": lambda e: e.energy_j,
            "edp": lambda e: e.edp_js,
            "throughput": lambda e: e.latency_s,
            "latency + energy": lambda e: e.latency_s + e.energy_j,
        }[name]
        assert mine == measure(result.evaluation)
        assert mine <= min(map(measure, others)) * (1 + 1e-12)


def test_a_callable_objective() -> None:
    scenario, package, _ = some()

    def weighted(latency_s: float, energy_j: float) -> float:
        return latency_s + 3 * energy_j

    result = chipweave.schedule(scenario, package, objective=weighted, cost_model=COST, scheduler="scar")
    assert result.objective == "weighted"
    assert result.value == weighted(result.evaluation.latency_s, result.evaluation.energy_j)


def test_a_schedule_object_can_be_evaluated() -> None:
    scenario, package, problem = some()
    plan = random_schedule(random.Random(1), problem)
    result = chipweave.evaluate(plan, scenario, package, cost_model=COST)
    assert result.evaluation == evaluate(plan, problem)
    assert result.search is None
    with pytest.raises(InputError, match="needs its scenario and package"):
        chipweave.evaluate(plan)
    with pytest.raises(InputError, match="leave the arguments out"):
        chipweave.evaluate("plan.json", scenario, package)
    empty = chipweave.plan.schedule.Schedule(())
    with pytest.raises(InputError, match="in no stage"):
        chipweave.evaluate(empty, scenario, package, cost_model=COST)


def test_compare_keeps_going() -> None:
    scenario, package, _ = some()
    seen: list[str] = []
    cells = chipweave.compare(scenario, [package], ["simba", "standalone"], cost_model=COST, progress=seen.append)
    assert [(cell.scheduler, cell.package) for cell in cells] == [("simba", "random"), ("standalone", "random")]
    assert seen == ["simba on random", "standalone on random"]
    assert cells[0].result is None
    assert "one chiplet class" in cells[0].reason
    assert cells[1].result is not None
    with pytest.raises(InputError, match="did you mean 'simba'"):
        chipweave.compare(scenario, [package], ["standalone", "simbaa"], cost_model=COST)


def test_progress_and_seed_reach_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, package, _ = some()
    seen: list[Progress] = []
    chipweave.schedule(scenario, package, cost_model=COST, progress=seen.append, scheduler="scar")
    assert seen
    assert all(0 <= progress.done <= progress.total for progress in seen)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed=-1"),
        ({"time_limit_s": float("inf")}, "time limit inf s"),
        ({"time_limit_s": -1}, "time limit -1 s"),
        ({"jobs": 0}, "jobs=0"),
        ({"seed": "1"}, "seed='1' is no whole number"),
        ({"time_limit_s": "1"}, "time_limit_s='1' is no number"),
        ({"jobs": 1.5}, "jobs=1.5 is no whole number"),
        ({"objective": 3}, "objective 3 is neither"),
        ({"fidelity": "papre"}, "did you mean 'paper'"),
        ({"scheduler": "skar"}, "did you mean 'scar'"),
        ({"options": {"top_k": 3}}, "are not a dataclass"),
    ],
)
def test_bad_arguments(changes: dict[str, object], message: str) -> None:
    scenario, package, _ = some()
    with pytest.raises(InputError, match=message):
        chipweave.schedule(scenario, package, cost_model=COST, **({"scheduler": "scar"} | changes))


def test_what_names_nothing_is_refused_by_its_kind() -> None:
    scenario, package, _ = some()
    with pytest.raises(InputError, match=r"^scenario: list is given; give a Scenario, a Model \(from_torch"):
        chipweave.schedule(["resnet18"], package, scheduler="scar")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^package: int is given; give a Package, a name or a file$"):
        chipweave.schedule(scenario, 3, scheduler="scar")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^packages: 'het-2x2' is no list; give one, such as \['het-2x2'\]$"):
        chipweave.compare(scenario, "het-2x2")
    with pytest.raises(InputError, match=r"^schedulers: 'scar' is no list"):
        chipweave.compare(scenario, ["het-2x2"], "scar")
    with pytest.raises(InputError, match=r"^dims: 'batch': '1' is no size; give a whole number$"):
        chipweave.from_onnx("net.onnx", {"batch": "1"})  # type: ignore[dict-item]


def test_limits_are_held() -> None:
    scenario, package, _ = some()
    hurried = Scenario("hurried", tuple(type(t)(t.name, t.model, t.batch, 1e-12) for t in scenario.tasks))
    with pytest.raises(InfeasibleError, match="latency limit"):
        chipweave.schedule(hurried, package, cost_model=COST, scheduler="scar")


def test_a_cost_model_that_fails_says_so() -> None:
    @dataclass(frozen=True)
    class Picky:
        name: str = "picky"

        def costs(self, layers: object, chiplet: object) -> object:
            raise InputError("layer 'x' on chiplet 'a': no figure")

    scenario, package, _ = some()
    with pytest.raises(InputError, match="no figure"):
        chipweave.schedule(scenario, package, cost_model=Picky(), scheduler="scar")


def test_importing_chipweave_is_cheap_and_its_names_work_in_any_order() -> None:
    code = """
import sys
import chipweave
assert not {"numpy", "numba", "pydantic", "typer"} & set(sys.modules), sys.modules.keys()
assert callable(chipweave.schedule)
import chipweave.plan.schedule as plan
from chipweave.evaluation import check
assert callable(chipweave.schedule) and callable(chipweave.compare) and callable(chipweave.evaluate)
assert chipweave.plan.schedule is plan
assert "schedule" in dir(chipweave)
assert sorted(dir(chipweave)) == sorted([*chipweave.__all__, "Store", "__version__"])
assert "sqlalchemy" not in sys.modules
assert chipweave.Store.__name__ == "Store"
try:
    chipweave.nothing
except AttributeError:
    sys.exit(0)
sys.exit(1)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_costing_says_how_far_it_is_and_can_be_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHIPWEAVE_CACHE", str(tmp_path))
    asked: list[Progress] = []
    with pytest.raises(InfeasibleError, match=r"stopped while layers were costed \(\d+ of \d+ shapes\)"):
        chipweave.schedule("resnet18", "het-2x2", progress=asked.append, stop=lambda: True, scheduler="scar")
    result = chipweave.schedule("resnet18", "het-2x2", scheduler="standalone", progress=asked.append)
    assert asked[0].doing == "mapping layers"
    assert asked[0].total >= asked[0].done > 0
    assert chipweave.schedule("resnet18", "het-2x2", scheduler="standalone").schedule == result.schedule


def test_a_batch_is_of_a_single_model() -> None:
    scenario, package, _ = some()
    model = scenario.tasks[0].model
    result = chipweave.schedule(model, package, batch=8, scheduler="standalone", cost_model=COST)
    assert result.problem.scenario.tasks[0].batch == 8
    (cell,) = chipweave.compare(model, [package], ["standalone"], batch=8, cost_model=COST)
    assert cell.result is not None
    assert cell.result.evaluation == result.evaluation
    with pytest.raises(InputError, match="batch 8: 'random' has 2 models with batches of their own"):
        chipweave.schedule(scenario, package, batch=8, cost_model=COST)
    with pytest.raises(InputError, match="batch=0 is not in"):
        chipweave.schedule(model, package, batch=0, cost_model=COST)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "energy - latency"}, "falls when latency rises"),
        ({"time_limit_s": -1}, "time limit -1 s"),
        ({"seed": -1}, "seed=-1"),
        ({"options": {"skar": None}}, "'skar' is not compared"),
        ({"options": {"standalone": RoundNumbers()}}, "to a scheduler that takes none"),
    ],
)
def test_comparisons_refuse_before_they_run(changes: dict[str, object], message: str) -> None:
    scenario, package, _ = some()
    ran: list[str] = []
    with pytest.raises(InputError, match=message):
        chipweave.compare(scenario, [package], ["standalone"], cost_model=COST, progress=ran.append, **changes)  # type: ignore[arg-type]
    assert ran == []


def test_a_model_stands_for_a_scenario_of_one() -> None:
    scenario, package, _ = some()
    model = scenario.tasks[0].model
    result = chipweave.schedule(model, package, scheduler="standalone", cost_model=COST)
    assert result.problem.scenario == Scenario(model.name, (Task(model.name, model),))
