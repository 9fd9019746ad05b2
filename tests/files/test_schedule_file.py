"""schedule.json: stand-alone, deterministic, checked on the way in, and honest about what changed."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import chipweave
from chipweave.errors import InputError
from chipweave.files.content import content_hash
from chipweave.files.schedule_file import json_schema, read, schedule_to_dict, to_document, to_text, write
from chipweave.files.schedule_spec import LAW
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity
from chipweave.results.result import Result, Search, assess
from tests.support import random_problem, random_schedule

SCHEDULES = Path(__file__).parents[1] / "reference" / "schedules"
SEARCH = Search("random", {"tries": 3}, 7, 0.25, 42, ((0.5, 1.0), (0.75, 0.1)), True, ("a note",))


def random_result(seed: int = 1, fidelity: Fidelity = Fidelity.DETAILED, search: Search | None = SEARCH) -> Result:
    rng = random.Random(seed)
    problem = random_problem(rng, fidelity, tasks=2)
    schedule = random_schedule(rng, problem)
    return assess(problem, {"name": "round-numbers"}, schedule, objective("edp"), search)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "results" / "schedule.json"
    write(random_result(), path)
    return path


def change(path: Path, edit: Callable[[Any], None]) -> Path:
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))
    return path


def problems_in(path: Path) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        read(path)
    return caught.value.problems


# There and back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", range(15))
def test_what_is_written_is_read_and_computed_the_same_to_the_last_bit(
    tmp_path: Path, seed: int, fidelity: Fidelity
) -> None:
    result = random_result(seed, fidelity)
    path = tmp_path / "schedule.json"
    write(result, path)
    again = read(path)
    assert again.changes == ()
    assert again.schedule == result.schedule
    assert again.evaluation == result.evaluation
    assert again.certificate == result.certificate
    assert again.search == result.search
    assert again.problem.scenario == result.problem.scenario
    assert again.problem.package == result.problem.package
    assert to_text(again) == path.read_text() == to_text(result)


def test_the_file_holds_every_figure_of_the_evaluation(stored: Path) -> None:
    result, document = random_result(), json.loads(stored.read_text())
    evaluation, costs = document["evaluation"], result.evaluation
    assert document["chipweave_version"] == chipweave.__version__
    assert (evaluation["latency_s"], evaluation["energy_j"]) == (costs.latency_s, costs.energy_j)
    assert (evaluation["edp_js"], evaluation["average_power_w"]) == (costs.edp_js, costs.average_power_w)
    assert sum(evaluation["energy_parts_j"].values()) == pytest.approx(costs.energy_j)
    for model, task in zip(evaluation["models"], result.problem.scenario.tasks, strict=True):
        assert model["model"] == task.name
        assert model["throughput_samples_per_s"] == task.batch / costs.latency_s
    for stored_window, window in zip(evaluation["windows"], costs.windows, strict=True):
        assert {"bound_by", "dram_s", "link_s", "port_s", "idle", "pipelines"} <= stored_window.keys()
        for stored_pipeline, pipeline in zip(stored_window["pipelines"], window.pipelines, strict=True):
            for stored_stage, stage in zip(stored_pipeline["stages"], pipeline.stages, strict=True):
                times = ("compute_s", "weights_s", "resident_s", "load_s", "store_s", "spill_s", "forward_s")
                for name in (*times, "fill_s", "steady_s", "overlaps"):
                    assert stored_stage[name] == getattr(stage, name)
                assert stored_stage["bytes"]["spill"] == stage.bytes_.spill
                assert stored_stage["energy_j"] == stage.energy.total
    search = document["search"]
    assert search["gap"] == result.gap == 1 - search["lower_bound"]["value"] / search["value"]
    assert (search["scheduler"], search["seed"], search["evaluated"]) == ("random", 7, 42)


def test_the_file_fits_its_schema(stored: Path) -> None:
    jsonschema.validate(json.loads(stored.read_text()), json_schema())


def test_the_same_result_gives_the_same_bytes_but_for_the_seconds() -> None:
    one, two = random_result(), random_result(search=replace(SEARCH, seconds=0.5))
    lines = [
        pair for pair in zip(to_text(one).splitlines(), to_text(two).splitlines(), strict=True) if pair[0] != pair[1]
    ]
    assert len(lines) == 1
    assert '"seconds": 0.25' in lines[0][0]


def test_nothing_is_left_behind_where_the_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="file"):
        write(random_result(), tmp_path / "file" / "schedule.json")
    (tmp_path / "schedule.json").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        write(random_result(), tmp_path / "schedule.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "schedule.json"]


def tables_of(document: Any, model: int) -> list[Any]:
    """All figures of a model's layers: of one sample on each class, and of several together."""
    costs = document["cost_model"]
    return [*costs["figures"][model], *(table for size in costs["together"][model] for table in size["figures"])]


# What changed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda d: d["evaluation"].update(latency_s=d["evaluation"]["latency_s"] * (1 + 1e-15)),
            "evaluation.latency_s: stored",
        ),
        (lambda d: d["evaluation"]["windows"][0]["energy_parts_j"].update(dram=0.5), "windows[0].energy_parts_j.dram"),
        (lambda d: d["evaluation"].pop("edp_js"), "evaluation.edp_js: not stored, computed"),
        (lambda d: d["evaluation"].update(speed=1), "evaluation.speed: stored 1, not computed"),
        (lambda d: d["evaluation"].update(windows=[]), "evaluation.windows: stored 0 entries, computed"),
        (lambda d: d["search"].update(gap=0.0), "search.gap: stored 0.0, computed"),
        (lambda d: d["search"]["lower_bound"].update(value=0.0), "search.lower_bound.value: stored 0.0"),
        (lambda d: d.update(chipweave_version="0.0.1"), f"stored 0.0.1, this is {chipweave.__version__}"),
        (lambda d: d["scenario"].update(note="edited"), "scenario_hash: stored sha256:"),
        (lambda d: d["package"].update(source="edited"), "package_hash: stored sha256:"),
        (lambda d: d["package"].update(dram_latency_s=1.0), "evaluation.latency_s: stored"),
        (lambda d: [table["cycles"].__setitem__(0, 1e9) for table in tables_of(d, 0)], "evaluation.latency_s: stored"),
    ],
)
def test_a_file_that_was_edited_says_what_changed(stored: Path, edit: Callable[[Any], None], message: str) -> None:
    changes = read(change(stored, edit)).changes
    assert any(message in line for line in changes), changes


def test_only_what_changed_is_named(stored: Path) -> None:
    (line,) = read(change(stored, lambda d: d["evaluation"].update(edp_js=1.0))).changes
    assert line.startswith("evaluation.edp_js: stored 1.0, computed ")


def of_version_0_1(document: Any) -> None:
    """As that version wrote it: no number of a law, no figures that are new, and a package with a field less."""
    del document["law"], document["package"]["conflict_delay_s"]
    document["package_hash"] = content_hash(document["package"])
    for window in document["evaluation"]["windows"]:
        for pipeline in window["pipelines"]:
            for stage in pipeline["stages"]:
                for name in ("exposed_s", "ready_s", "last_fill_s", "last_steady_s"):
                    del stage[name]
                for name in ("streamed", "gathered", "again") if stage["l2"] else ():
                    del stage["l2"][name]
                del stage["bytes"]["again"]


def test_figures_that_an_older_law_has_not_are_no_change(stored: Path) -> None:
    result = read(change(stored, of_version_0_1))
    assert result.changes == ()
    assert result.schedule == random_result().schedule


def test_figures_of_an_older_law_are_said_to_be(stored: Path) -> None:
    def edit(document: Any) -> None:
        of_version_0_1(document)
        for part in (document["evaluation"], document["evaluation"]["windows"][0]):
            part["latency_s"] = 1.0
        document["search"]["value"] = 2.0

    note, latency, value, more = read(change(stored, edit)).changes
    assert note == (
        "evaluation: the stored figures are of an older law of what layers and schedules cost (number 1, this is "
        f"{LAW}); the plan is read as it is and costed anew"
    )
    assert latency.startswith("evaluation.latency_s: stored 1.0, computed ")
    assert value.startswith("search.value: stored 2.0, computed ")
    assert more == "and 1 more that follow from them"


def test_figures_of_a_newer_law_are_said_to_be(stored: Path) -> None:
    note, line = read(change(stored, lambda d: (d.update(law=99), d["evaluation"].update(edp_js=1.0)))).changes
    assert "a newer law" in note
    assert f"(number 99, this is {LAW})" in note
    assert line.startswith("evaluation.edp_js: stored 1.0, computed ")


@pytest.mark.parametrize(
    "name", ["by-hand.mesh-16.none.detailed", "alexnet.mesh-16.sequential.paper", "in-time.mesh-16.nn-baton.detailed"]
)
def test_files_of_version_0_1_are_read_as_plans(name: str) -> None:
    """Their plans, as they are; what they say of scenario and package was not changed after it was hashed."""
    path = SCHEDULES / f"{name}.json"
    document = json.loads(path.read_text())
    result = read(path)
    assert schedule_to_dict(result.schedule, result.problem.scenario) == document["schedule"]
    assert not any("hash" in change for change in result.changes)
    if "law" not in document and result.changes:
        assert "an older law" in result.changes[0]
        assert len(result.changes) <= 8


def test_figures_of_several_samples_are_stored_for_every_micro_batch_asked_for(stored: Path) -> None:
    """Of layers and of blocks; `paper` asks for none."""
    document = json.loads(stored.read_text())
    for task, model in zip(document["scenario"]["models"], document["cost_model"]["together"], strict=True):
        sizes = [size["samples"] for size in model]
        assert sizes == sorted(set(sizes))
        assert {1, task["batch"]} <= set(sizes)
        for size in model:
            for table in size["figures"]:
                assert {len(values) for values in table.values()} == {len(table["cycles"])}
                assert len(table["cycles"]) >= len(task["model"]["layers"])
    assert "together" not in to_document(random_result(fidelity=Fidelity.PAPER))["cost_model"]


def test_figures_of_several_samples_that_do_not_fit_are_refused(stored: Path) -> None:
    def fewer(document: Any) -> None:
        document["cost_model"]["together"][0][0]["figures"][0]["cycles"].pop()

    (problem,) = problems_in(change(stored, fewer))
    assert "cost_model.together: not one figure per layer" in problem


def test_figures_under_the_name_of_a_model_that_computes_them_are_refused(stored: Path) -> None:
    change(stored, lambda document: document["cost_model"].update(name="loopnest"))
    (problem,) = problems_in(stored)
    said = "'loopnest' computes its figures; leave out `figures`, or give them another name"
    assert problem.endswith(f"cost_model: {said}")


def test_a_micro_batch_of_which_the_file_holds_no_figures_is_refused(stored: Path) -> None:
    def without(document: Any) -> None:
        document["cost_model"]["together"][0] = document["cost_model"]["together"][0][:1]

    (problem,) = problems_in(change(stored, without))
    assert "the file holds no figures of" in problem
    assert "evaluate it in Python" in problem


def test_an_objective_known_by_name_only_has_no_bound(tmp_path: Path) -> None:
    path = tmp_path / "schedule.json"
    write(random_result(), path)
    result = read(change(path, lambda d: d.update(objective="my_function")))
    assert (result.objective, result.value, result.gap) == ("my_function", None, None)


# Plans written by hand -------------------------------------------------------------------------------------------

SCENARIO = """
  name: two
  models:
    - batch: 4
      model:
        name: net
        layers:
          - {name: one, op: conv, K: 8, C: 3, Y: 8, X: 8, R: 3, S: 3, padding: 1}
          - {name: two, op: conv, K: 8, C: 8, Y: 8, X: 8, R: 3, S: 3, padding: 1}
          - {name: two.relu, op: elementwise, C: 8, Y: 8, X: 8}
          - {name: three, op: conv, K: 4, C: 8, Y: 8, X: 8}
"""
PLAN = f"""
scenario: {SCENARIO}
package: het-2x2
schedule:
  windows:
    - pipelines:
        - model: net
          micro_batch: 2
          stages:
            - {{layers: [one], chiplets: [0]}}
            - {{layers: {{first: two, last: three}}, chiplets: [1]}}
"""


def test_a_plan_by_hand_needs_scenario_package_and_schedule_only(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    result = read(path)
    ((pipeline,),) = (window.pipelines for window in result.schedule.windows)
    assert [(stage.first, stage.last, stage.chiplets) for stage in pipeline.stages] == [(0, 0, (0,)), (1, 3, (1,))]
    assert pipeline.micro_batch == 2
    assert (result.search, result.changes, result.objective) == (None, (), "edp")
    assert result.problem.fidelity is Fidelity.DETAILED
    assert result.cost_model["name"] == "loopnest"
    assert result.gap is not None
    assert 0 <= result.gap < 1
    # and as JSON, whole
    whole = tmp_path / "schedule.json"
    write(result, whole)
    again = read(whole)
    assert (again.changes, again.evaluation) == ((), result.evaluation)


NEAREST = """
package:
  name: near
  grid: [[datacenter-nvdla, datacenter-nvdla], [datacenter-nvdla, datacenter-nvdla]]
  placement: nearest
  memory:
    - {name: own, bandwidth_bytes_s: 16.0e9, capacity_bytes: 1048576, per_interface: true}
"""


def test_a_plan_says_where_tensors_lie(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    plan = PLAN.replace("package: het-2x2\n", NEAREST.lstrip())
    path.write_text(plan.replace("chiplets: [1]", "chiplets: [1], memory: 3"))
    result = read(path)
    stages = result.schedule.windows[0].pipelines[0].stages
    assert [stage.memory for stage in stages] == [None, 3]
    assert [stage.memory[0][0] for stage in result.evaluation.stages] == [0, 3]
    whole = tmp_path / "schedule.json"
    write(result, whole)
    again = read(whole)
    assert (again.changes, again.evaluation, again.schedule) == ((), result.evaluation, result.schedule)
    path.write_text(plan.replace("chiplets: [1]", "chiplets: [1], memory: 4"))
    (problem,) = problems_in(path)
    assert "memory=4 has no memory interface; chiplets that have one are 0, 1, 2, 3" in problem
    path.write_text(plan.replace("1048576", "10"))
    (problem,) = problems_in(path)
    assert re.match(rf"{path}:\d+: memory: package 'near' holds 40 B, and scenario", problem)
    path.write_text(plan.replace("1048576", "700"))
    problem = problems_in(path)[0]
    assert re.match(rf"{path}:\d+: schedule: the memory at the interface of chiplet", problem)


def test_names_and_files_in_a_plan(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text("\n".join(line[2:] for line in SCENARIO.splitlines()))
    (tmp_path / "plan.yaml").write_text(PLAN.replace(SCENARIO, "scenario.yaml\n"))
    assert read(tmp_path / "plan.yaml").problem.scenario.name == "two"


WINDOW, STAGE, PACKAGE = "- pipelines:", "last:", "package: "


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("first: two", "first: too", "too", "'too' is no layer of 'net'; did you mean 'two'?"),
        ("model: net", "model: nett", "nett", "'nett' is not in the scenario; did you mean 'net'?"),
        ("micro_batch: 2", "micro_batch: 9", WINDOW, "micro_batch=9 is not in 1..4, its batch"),
        ("micro_batch: 2", "micro_batch: 0", "micro_batch", "0 is out of range"),
        ("micro_batch: 2", "micro_batches: 2", "micro_batches", "unknown key; did you mean 'micro_batch'?"),
        ("chiplets: [1]", "chiplets: [7]", WINDOW, "chiplet 7 is not in the package, which has 0 to 3"),
        ("chiplets: [1]", "chiplets: [0]", WINDOW, "chiplet 0 is used by"),
        ("chiplets: [1]", "chiplets: [1], memory: 3", WINDOW, "memory=3 says where its tensors lie, and in this"),
        ("chiplets: [1]", "chiplets: one", STAGE, "'one' is not a list"),
        ("chiplets: [1]", "chiplets: [1], partition: half", STAGE, "'half' is unknown; known: whole"),
        ("[one]", "[one, two]", "schedule:", "starts at layer 1 where layer 2 is due"),
        ("[one]", "[one, three]", "[one", "'three' stands where 'two' is due"),
        ("last: three", "last: two", "schedule:", "layers 2 to 3 are in no stage"),
        ("last: three", "last: two.relu", "schedule:", "layers 3 to 3 are in no stage"),
        ("first: two, last: three", "first: three, last: two", STAGE, "'two' runs before 'three'"),
        ("het-2x2", "het-2x3", "", "'het-2x3' is neither a built-in package nor a file; did you mean 'het-2x2'?"),
        ("op: conv, K: 4", "op: cone, K: 4", "cone", "did you mean 'conv'?"),
        (PACKAGE, "objective: edpp\npackage: ", "edpp", "'edpp'"),
        (PACKAGE, "objective: energy - latency\npackage: ", "objective", "falls when latency"),
        (PACKAGE, "fidelity: papre\npackage: ", "papre", "did you mean 'paper'?"),
        (PACKAGE, "cost_model: maestor\npackage: ", "", "'maestor' is unknown"),
        (PACKAGE, "cost_model: {name: mine}\npackage: ", "", "'mine' needs its `figures`"),
        (PACKAGE, "cost_model: {name: loopnest, objective: speed}\npackage: ", "", "'speed' is unknown; known: edp"),
        (PACKAGE, "cost_model: {name: loopnest, jobs: 2}\npackage: ", "", "cost_model.jobs: unknown key; known: "),
        (PACKAGE, "format_version: 2\npackage: ", "format_version", "2 is not the format that chipweave"),
        ("package: het-2x2\n", "", "scenario:", "package: is missing"),
    ],
)
def test_mistakes_in_a_plan(tmp_path: Path, old: str, new: str, line: str, message: str) -> None:
    assert PLAN.count(old) == 1
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN.replace(old, new))
    (problem,) = problems_in(path)
    assert message in problem
    if line:
        number = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if line in text)
        assert problem.startswith(f"{path}:{number}: ")


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN.replace("[one]", "[oen, twoo]").replace("last: three", "last: tree"))
    assert len(problems_in(path)) == 3


# Hostile files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("{", "ends too early"),
        ('{"scenario": "datacenter-4", ', "ends too early"),
        ("[]", "does not begin with a mapping"),
        ('{"a": 1} {"b": 2}', "goes on after its end"),
        ('{"scenario": NaN}', "not valid JSON at 'NaN}'"),
        ('{"scenario": Infinity}', "not valid JSON"),
        ('{"seed": 1' + "0" * 5000 + "}", "a number of 5001 characters"),
        ('{"a": 1, "a": 2}', "key 'a' repeats line 1"),
        ('{"a": 1,}', "',' before '}'"),
        ('{"a" 1}', "no ':' after key 'a'"),
        ("{1: 2}", "where a quoted key is due"),
        ('{"a": [1 2]}', "where ',' or ']' is due"),
        ('{"a": "\x01"}', "not valid JSON"),
        ('{"a": "\\x"}', "not valid JSON"),
        ('{"a": ' + "[" * 100_000 + "}", "nested more than 50 levels deep"),
        ('{"a": [' + "0," * 600_000 + "0]}", "more than 500000 values"),
        ('{"scenario": 7, "package": [], "schedule": null}', "schedule"),
    ],
)
def test_files_that_are_no_schedule(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "schedule.json"
    path.write_text(text)
    found = problems_in(path)
    assert any(message in problem for problem in found), found
    assert all(problem.startswith(str(path)) for problem in found)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "no such file" in problems_in(tmp_path / "missing.json")[0]
    assert "is a folder" in problems_in(tmp_path)[0]
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in problems_in(tmp_path / "binary.json")[0]
    with (tmp_path / "huge.json").open("wb") as huge:
        huge.truncate(30 * 2**20)
    assert "larger than 20 MB" in problems_in(tmp_path / "huge.json")[0]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d["cost_model"]["figures"].pop(), "not one figure per layer"),
        (lambda d: d["cost_model"]["figures"][0][0]["cycles"].append(1.0), "not one figure per layer"),
        (lambda d: d["cost_model"]["figures"][0][0]["mac_j"].__setitem__(0, -1.0), "figure is not in 0..1e+30"),
        (lambda d: d["search"].update(seconds="long"), "seconds: 'long' is not a number"),
        (lambda d: d["schedule"]["windows"].clear(), "has 0 items; give at least 1"),
        (lambda d: d.update(evaluatoin={}), "unknown key; did you mean 'evaluation'?"),
    ],
)
def test_damaged_schedules(stored: Path, edit: Callable[[Any], None], message: str) -> None:
    found = problems_in(change(stored, edit))
    assert any(message in problem for problem in found), found


def test_the_lines_of_json_are_found(stored: Path) -> None:
    text = stored.read_text()
    name = to_document(random_result())["schedule"]["windows"][0]["pipelines"][0]["model"]
    stored.write_text(text.replace(f'"model": "{name}", "micro_batch"', '"model": "nobody", "micro_batch"', 1))
    line = next(number for number, row in enumerate(stored.read_text().splitlines(), 1) if '"nobody"' in row)
    (problem,) = problems_in(stored)
    assert problem.startswith(f"{stored}:{line}: ")


def test_the_published_schema_is_current() -> None:
    published = Path(__file__).parents[2] / "docs" / "schema" / "schedule.json"
    assert json.loads(published.read_text()) == json_schema(), (
        "run `chipweave schema schedule > docs/schema/schedule.json`"
    )


def test_a_name_that_is_too_long_for_a_file_is_no_such_file(tmp_path: Path) -> None:
    """Asking the system for a file of that name is an error in itself."""
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"scenario: {'x' * 5000}\npackage: het-2x2\nschedule: {{windows: []}}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"plan.yaml:1: scenario: 'x+.* is neither a built-in scenario nor a file"):
        read(plan)


# Layers in strips ------------------------------------------------------------------------------------------------

STRIPS = """
scenario:
  name: two
  models:
    - name: m
      model:
        name: two
        layers:
          - {name: a, op: conv, K: 1, C: 1, Y: 8, X: 10, R: 3, S: 3, padding: 1}
          - {name: b, op: conv, K: 1, C: 1, Y: 8, X: 10, R: 3, S: 3, padding: 1}
          - {name: c, op: conv, K: 1, C: 1, Y: 8, X: 10, R: 3, S: 3, padding: 1}
package: het-2x2
cost_model: maestro
schedule:
  windows:
    - pipelines:
        - model: m
          stages:
            - layers: {first: a, last: c}
              chiplets: [0]
              rows: 2
"""


def of_strips(tmp_path: Path, old: str = "", new: str = "") -> Path:
    assert old in STRIPS
    path = tmp_path / "plan.yaml"
    path.write_text(STRIPS.replace(old, new) if old else STRIPS)
    return path


@pytest.mark.parametrize(
    ("rows", "runs", "again"),
    [
        ("2", [(0, 2, 2)], 2),
        ("[{first: a, last: c, rows: 2}]", [(0, 2, 2)], 2),
        ("[{first: a, last: b, rows: 3}]", [(0, 1, 3)], [{"first": "a", "last": "b", "rows": 3}]),
        (
            "[{first: a, last: a, rows: 1}, {first: b, last: c, rows: 4}]",
            [(0, 0, 1), (1, 2, 4)],
            [{"first": "a", "last": "a", "rows": 1}, {"first": "b", "last": "c", "rows": 4}],
        ),
    ],
)
def test_rows_are_read_and_written(tmp_path: Path, rows: str, runs: list[tuple[int, int, int]], again: object) -> None:
    result = read(of_strips(tmp_path, "rows: 2", f"rows: {rows}"))
    (stage,) = result.schedule.windows[0].pipelines[0].stages
    assert [(each.first, each.last, each.rows) for each in stage.strips] == runs
    document = to_document(result)
    assert document["schedule"]["windows"][0]["pipelines"][0]["stages"][0]["rows"] == again
    jsonschema.validate(document, json_schema())
    (shown,) = document["evaluation"]["windows"][0]["pipelines"][0]["stages"]
    names = [(first, last, of) for first, last, of, *_ in shown["strips"]]
    assert names == [("abc"[first], "abc"[last], of) for first, last, of in runs]
    write(result, tmp_path / "schedule.json")
    second = read(tmp_path / "schedule.json")
    assert (second.schedule, second.evaluation, second.changes) == (result.schedule, result.evaluation, ())


def test_a_plan_without_rows_says_nothing_of_them(tmp_path: Path) -> None:
    text = to_text(read(of_strips(tmp_path, "              rows: 2\n")))
    assert '"rows"' not in text
    assert '"strips"' not in text


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("rows: 2", "rows: 0", "rows: 0"),
        ("rows: 2", "rows: many", "rows: "),
        ("rows: 2", "rows: []", "rows: "),
        ("rows: 2", "rows: [{first: d, last: c, rows: 2}]", "rows[0].first: 'd' is no layer of 'two'"),
        ("rows: 2", "rows: [{first: c, last: a, rows: 2}]", "rows[0]: 'a' runs before 'c'; exchange them"),
        ("rows: 2", "rows: [{first: a, last: c}]", "rows[0].rows: "),
        (
            "rows: 2",
            "rows: [{first: b, last: c, rows: 2}, {first: a, last: a, rows: 2}]",
            "`rows`: layer 'a' stands in two runs, or out of order; name it once",
        ),
        (
            "cost_model: maestro",
            "fidelity: paper\ncost_model: maestro",
            "`rows` is no part of fidelity 'paper', the printed equations and nothing else; leave it out, or use",
        ),
        (
            "chiplets: [0]",
            "chiplets: [0, 1]\n              partition: weight_shared",
            "`rows` is for a stage on one chiplet; leave it out, or give the stage a single chiplet",
        ),
    ],
)
def test_each_fault_of_rows_is_one_problem(tmp_path: Path, old: str, new: str, problem: str) -> None:
    (found,) = problems_in(of_strips(tmp_path, old, new))
    assert problem in found
    assert re.match(rf"{tmp_path}/plan.yaml:\d+: schedule", found)


def test_a_proof_is_not_of_layers_in_strips(tmp_path: Path) -> None:
    """What is proven of schedules on whole maps is refused beside a plan with strips; the lower bound alone is not."""
    result = read(of_strips(tmp_path))
    path = tmp_path / "schedule.json"
    write(replace(result, search=SEARCH), path)
    assert read(path).certificate == result.certificate
    lines = [
        {"latency": 1.0, "joule": 0.0, "value": 1e-9, "chiplet": [0.1, 0.1], "dram": 0.0, "chain": [0.6]},
        {"latency": 0.0, "joule": 1.0, "value": 1e-9, "chiplet": [0.0, 0.0], "dram": 0.0, "chain": [0.0]},
    ]

    def with_lines(document: Any) -> None:
        document["search"]["lower_bound"] |= {"by": "optimal", "lines": lines}

    (found,) = problems_in(change(path, with_lines))
    assert "prove something of schedules whose layers run on whole maps, and a stage of this plan has `rows`" in found
    assert "leave out `by` and `lines`" in found


def test_the_simulator_refuses_layers_in_strips(tmp_path: Path) -> None:
    result = read(of_strips(tmp_path))
    assert result.simulated is None
    with pytest.raises(InputError, match="the simulator does not play layers in strips; leave out `rows`"):
        chipweave.simulate(result)
