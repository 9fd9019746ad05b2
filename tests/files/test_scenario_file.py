"""Scenarios as YAML: models by name, by file and written out; every mistake with its line; there and back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.files.scenario_file import (
    dump_scenario,
    load_scenario,
    resolve_scenario,
    scenario_from_dict,
    scenario_to_dict,
)
from chipweave.files.yaml import parse_yaml
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo import SCENARIOS, build_model, build_scenario

TINY = Model("tiny", (Layer("a", Op.GEMM, K=2, C=3, Y=4),), (Edge(-1, 0, 12),))
TINY_TEXT = "name: tiny\nlayers:\n  - {name: a, op: gemm, K: 2, C: 3, Y: 4}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "tiny.yaml").write_text(TINY_TEXT)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "s.yaml"
    path.write_text(text)
    return path


def refused(folder: Path, text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_scenario(write(folder, text))
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def test_models_by_name_by_file_and_written_out(folder: Path) -> None:
    scenario = load_scenario(
        write(
            folder,
            "name: s\nnote: three\nmodels:\n"
            "  - {model: resnet18, batch: 4, latency_limit_s: 20e-3, parameters: {resolution: 64}}\n"
            "  - {model: nets/tiny.yaml, depends_on: resnet18}\n"
            "  - name: other\n    model:\n      name: inline\n      layers: [{name: a, op: gemm, K: 2, C: 3, Y: 4}]\n",
        )
    )
    assert scenario == Scenario(
        "s",
        (
            Task("resnet18", build_model("resnet18", resolution=64), 4, 0.02),
            Task("tiny", TINY, depends_on="resnet18"),
            Task("other", dataclasses.replace(TINY, name="inline")),
        ),
        "three",
    )


def test_a_model_is_a_scenario_of_one(folder: Path) -> None:
    assert resolve_scenario(folder / "nets" / "tiny.yaml") == Scenario("tiny", (Task("tiny", TINY),))
    assert resolve_scenario("resnet18") == Scenario("resnet18", (Task("resnet18", build_model("resnet18")),))
    assert resolve_scenario("datacenter-1") == build_scenario("datacenter-1")


def test_unknown_scenario() -> None:
    with pytest.raises(InputError) as caught:
        resolve_scenario("datacentre-3")
    assert str(caught.value) == (
        "'datacentre-3' is neither a built-in scenario nor a file; did you mean 'datacenter-3'? "
        "`chipweave list scenarios` shows the names"
    )


def test_another_kind_of_file(folder: Path) -> None:
    assert refused(folder, "name: p\nnum_pes: 3\n") == [
        "s.yaml:2: `num_pes` says that this is a chiplet, but a scenario or model is needed; name another file"
    ]


def test_all_problems_at_once(folder: Path) -> None:
    (folder / "nets" / "bad.yaml").write_text(TINY_TEXT.replace("K: 2", "K: 0"))
    found = refused(
        folder,
        """\
name: s
models:
  - {model: resnet5O, batch: 0, latency_limit_s: .nan}
  - {model: resnet50, depends_on: resnet18}
  - {model: resnet18, depends_on: resnet50, parameters: {resolutoin: 1}, bach: 3}
  - {model: resnet18, depends_on: resnet19}
  - {name: inline, model: {name: x, layers: [{name: a, op: gemm, C: 0, Y: 1}]}, parameters: {a: 1}}
  - {model: nets/nowhere.yaml, latency_limit_s: -1}
  - {model: nets/bad.yaml}
noet: x
""",
    )
    assert found == [
        "s.yaml:3: models[0].batch: 0 is out of range; give a number at least 1",
        "s.yaml:3: models[0].latency_limit_s: nan is not a finite number; give a finite number",
        "s.yaml:3: models[0].model: 'resnet5O' is neither a built-in model nor a file; did you mean 'resnet50'? "
        "`chipweave list models` shows the names",
        "s.yaml:5: models[2].bach: unknown key; did you mean 'batch'?",
        "s.yaml:5: models[2].model: model 'resnet18': unknown parameter 'resolutoin'; did you mean 'resolution'?",
        "s.yaml:5: models[2].depends_on: the models wait for each other: 'resnet50' -> 'resnet18' -> 'resnet50'; "
        "remove one of these",
        "s.yaml:6: models[3].name: 'resnet18' is also models[2]; give each its own `name`",
        "s.yaml:6: models[3].depends_on: 'resnet19' is not in the scenario; did you mean 'resnet18'?",
        "s.yaml:7: models[4] 'inline'.parameters: a model written out has none; change its layers instead",
        "s.yaml:7: models[4] 'inline'.model.layers[0] 'a'.C: 0 is out of range; give a number at least 1",
        "s.yaml:8: models[5].latency_limit_s: -1 is out of range; give a number above 0",
        "s.yaml:8: models[5].model: nets/nowhere.yaml: no such file; check the name and the folder",
        "s.yaml:9: models[6].model: nets/bad.yaml:3: layers[0] 'a'.K: 0 is out of range; give a number at least 1",
        "s.yaml:10: noet: unknown key; did you mean 'note'?",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: s\nmodels: []", "s.yaml:2: models: has 0 items; give at least 1"),
        ("name: s\nmodels:\n  - {batch: 2}", "s.yaml:3: models[0].model: is missing; add it"),
        ("name: s\nmodels:\n  - resnet18", "s.yaml:3: models[0]: 'resnet18' is not a mapping; give a mapping"),
        ("name: s\nmodels:\n  - model: [1]", "s.yaml:3: models[0].model: a list of 1 is not text; give text"),
        ("name: s\nmodels:\n  - {model: resnet18, batch: 1.0}", "models[0].batch: 1.0 is not a whole number"),
        ("name: s\nmodels:\n  - {model: resnet18, batch: true}", "models[0].batch: true is not a whole number"),
        (
            "name: s\nmodels:\n  - {model: resnet18, latency_limit_s: 1 ms}",
            "'1 ms' is not a number; give a number, without",
        ),
        (
            "name: s\nmodels:\n  - {model: resnet18, depends_on: resnet18}",
            "wait for each other: 'resnet18' -> 'resnet18'",
        ),
        (
            "name: s\nmodels:\n  - {model: resnet18, parameters: {resolution: big}}",
            "resolution: 'big' is not a whole number",
        ),
    ],
)
def test_single_mistakes(folder: Path, text: str, problem: str) -> None:
    (found,) = refused(folder, text)
    assert problem in found
    assert found.startswith(("s.yaml:2: ", "s.yaml:3: "))


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_built_in_comes_back(name: str) -> None:
    scenario = build_scenario(name)
    assert scenario_from_dict(parse_yaml(dump_scenario(scenario), "s")) == scenario
    assert scenario_from_dict(scenario_to_dict(scenario)) == scenario


names = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=8)
prose = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], include_characters="\n\t"), max_size=20)


@given(st.lists(names, min_size=1, max_size=4, unique=True), prose, st.data())
def test_any_scenario_comes_back(unique: list[str], note: str, data: st.DataObject) -> None:
    limits = st.none() | st.floats(1e-9, 1e9)
    tasks = tuple(
        Task(
            name,
            TINY,
            data.draw(st.integers(1, 99)),
            data.draw(limits),
            data.draw(st.sampled_from([None, *unique[:i]])),
        )
        for i, name in enumerate(unique)
    )
    scenario = Scenario(unique[0], tasks, note)
    assert scenario_from_dict(parse_yaml(dump_scenario(scenario), "s")) == scenario


def test_text_that_would_steer_a_terminal_is_refused() -> None:
    mistakes = r"""
name: "a\u009b31m"
note: "two\nlines \e[31m"
models: [{name: "b\u202ec", model: alexnet}]
"""
    with pytest.raises(InputError) as caught:
        scenario_from_dict(parse_yaml(mistakes, "s.yaml"), "s.yaml")
    assert [problem.split(":")[1] for problem in caught.value.problems] == ["2", "3", "4"]
    assert all("has control characters" in problem for problem in caught.value.problems)
