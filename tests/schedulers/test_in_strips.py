"""Runs of layers in strips that are looked for in a plan (docs/strips.md, "Finding runs")."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import pytest

import chipweave
from chipweave.errors import InputError
from chipweave.evaluation.bound import lower_bound
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.exact.memory import kept_in_l2
from chipweave.files.case_file import case_to_document
from chipweave.files.package_file import resolve_package
from chipweave.files.schedule_file import read, write
from chipweave.hardware.package import Package
from chipweave.plan.objective import objective
from chipweave.report.command_line import command
from chipweave.results.result import assess
from chipweave.schedulers.in_strips import Ground, in_strips, most_saved, savings
from chipweave.schedulers.weave.options import WeaveOptions
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model
from tests.evaluation.test_strips import plan_of, problem_of, random_model


def ground_of(model: Model, l2_bytes: int) -> Ground:
    plan, problem = plan_of(model, []), problem_of(model, l2_bytes)
    stage = plan.windows[0].pipelines[0].stages[0]
    return Ground(model, stage, 1, (0, len(model.layers)), problem.package.chiplets[0])


@pytest.mark.parametrize("seed", range(25))
def test_the_runs_that_are_taken_save_most_together(seed: int) -> None:
    """Beside all sets of runs that do not overlap."""
    rng = random.Random(seed)
    ground = ground_of(random_model(rng), rng.randint(60, 250))
    saved = savings(ground)
    best = 0.0
    for many in range(1, 5):
        for some in combinations(saved, many):
            runs = [run for run, _ in some]
            if all(a.last < b.first for a, b in pairwise(runs)):
                best = max(best, sum(bytes_ for _, bytes_ in some))
    taken = most_saved(ground)
    assert sum(bytes_ for run, bytes_ in saved if run in taken) == best
    assert all(a.last < b.first for a, b in pairwise(taken))


def test_what_a_run_saves_is_what_the_evaluation_says() -> None:
    seen = 0
    for seed in range(50):
        rng = random.Random(seed)
        ground = ground_of(random_model(rng), rng.randint(60, 250))
        window = ground.window
        assert ground.moved(()) == sum(kept_in_l2(ground.model, ground.stage, 1, window, ground.chiplet)[1:])
        for run, bytes_ in savings(ground)[:3]:
            stages = [
                evaluate(plan_of(ground.model, runs), problem_of(ground.model, ground.chiplet.l2_bytes)).stages[0]
                for runs in ([], [(run.first, run.last, run.rows)])
            ]
            moved = [stage.bytes_.spill + stage.bytes_.again for stage in stages]
            if moved[0] > 0:
                assert moved[1] in (moved[0] - bytes_, 0), "or none, where all weights stay"
                seen += 1
    assert seen >= 10


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("goal", ["edp", "energy"])
def test_no_plan_becomes_worse(seed: int, goal: str) -> None:
    rng = random.Random(seed)
    model = random_model(rng)
    ready, plan, wanted = prepare(problem_of(model, rng.randint(60, 250), 3)), plan_of(model, []), objective(goal)
    found, note = in_strips(ready, plan, wanted)
    assert faults_of(found, ready) == []
    values = [wanted(each.latency_s, each.energy_j) for each in (evaluate(plan, ready), evaluate(found, ready))]
    assert values[1] < values[0] if found.in_strips else found is plan
    assert note.startswith("Layers in strips (`rows`) " + ("bring" if found.in_strips else "were looked for"))
    bare = replace(found.windows[0].pipelines[0].stages[0], strips=())
    assert bare == plan.windows[0].pipelines[0].stages[0]


def test_no_time_is_no_change() -> None:
    model = random_model(random.Random(1))
    ready, plan = prepare(problem_of(model, 100, 1)), plan_of(model, [])
    assert in_strips(ready, plan, objective("edp"), lambda: True)[0] is plan


# As asked --------------------------------------------------------------------------------------------------------


def maps() -> Model:
    """Three filters on maps of 16 KiB."""
    layers = tuple(Layer(name, Op.CONV, K=4, C=4, Y=64, X=64, R=3, S=3, padding=(1, 1)) for name in "abc")
    return Model("maps", layers, tuple(Edge(tensor, tensor + 1, 4 * 64 * 64) for tensor in range(NETWORK_INPUT, 2)))


def small() -> Package:
    package = resolve_package("het-2x2")
    return replace(package, name="small", chiplets=tuple(replace(each, l2_bytes=9000) for each in package.chiplets))


def test_rows_are_looked_for_where_they_are_asked_for(tmp_path: Path) -> None:
    asked = {"scheduler": "standalone", "objective": "energy", "cost_model": "maestro"}
    plain = chipweave.schedule(maps(), small(), **asked)  # type: ignore[arg-type]
    result = chipweave.schedule(maps(), small(), rows=True, **asked)  # type: ignore[arg-type]
    assert not plain.schedule.in_strips
    assert result.schedule.in_strips
    assert plain.evaluation.stages[0].bytes_.spill > 0
    assert result.evaluation.stages[0].bytes_.spill == 0
    assert result.value is not None
    assert plain.value is not None
    assert result.value < plain.value
    assert result.search is not None
    assert result.search.proof is None
    assert "Layers in strips (`rows`) bring the energy" in result.search.notes[-1]
    assert "--rows" in command(result)
    assert "--rows" not in command(plain)
    write(result, tmp_path / "schedule.json")
    again = read(tmp_path / "schedule.json")
    assert (again.changes, again.schedule) == ((), result.schedule)


def test_what_a_search_proved_is_left_out(tmp_path: Path) -> None:
    """It is of plans without strips; the lower bound stays, and the file can be read."""
    few = WeaveOptions(steps=50)
    asked = {"scheduler": "optimal", "objective": "energy", "cost_model": "maestro", "options": few}
    plain = chipweave.schedule(maps(), small(), **asked)  # type: ignore[arg-type]
    result = chipweave.schedule(maps(), small(), rows=True, **asked)  # type: ignore[arg-type]
    assert plain.search is not None
    assert plain.search.proof is not None
    assert result.search is not None
    assert result.schedule.in_strips
    assert result.search.proof is None
    assert result.search.bounds == ()
    assert "What the search proved is of plans without strips, and left out." in result.search.notes[-1]
    by_hand = assess(result.problem, result.cost_model, result.schedule, objective("energy"), plain.search)
    for each in (result, by_hand):
        assert each.certificate == lower_bound(result.problem, objective("energy"))
        write(each, tmp_path / "schedule.json")
        assert read(tmp_path / "schedule.json").certificate == each.certificate


def test_what_is_not_asked_for_changes_no_name_of_a_case() -> None:
    assert "rows" not in case_to_document(chipweave.case("resnet18", "het-2x2"))


def test_paper_knows_no_rows() -> None:
    with pytest.raises(InputError, match="rows: fidelity 'paper' is the printed equations and nothing else"):
        chipweave.case("resnet18", "het-2x2", fidelity="paper", rows=True)
    with pytest.raises(InputError, match="rows=1 is neither True nor False; give one"):
        chipweave.case("resnet18", "het-2x2", rows=1)  # type: ignore[arg-type]
