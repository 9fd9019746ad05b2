"""Language models of scenario files: the same bits as their layers written out; there and back; every mistake named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import chipweave
from chipweave.cli.main import run
from chipweave.errors import InfeasibleError, InputError
from chipweave.files.scenario_file import dump_scenario, load_scenario, scenario_from_dict, scenario_to_dict
from chipweave.files.schedule_file import read, to_document
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.serves import Phase, Serves
from chipweave.workload.zoo import build_model, build_scenario
from tests.workload.importers.test_hf_bytes import EXPERTS, LLAMA

IN_SERVICE = ("llm-chat", "llm-moe", "llm-70b")
DECODE = {"phase": "decode", "context": 7, "batch": 2}
FEW = {
    "decode": build_model("llama3_8b_decode", blocks=1),
    "prefill": build_model("llama3_8b_prefill", blocks=1),
}
PREFILL = {"phase": "prefill", "prompt": 6}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "llama.json").write_text(json.dumps(LLAMA))
    (tmp_path / "experts.json").write_text(json.dumps(EXPERTS))
    (tmp_path / "routing.csv").write_text("expert,share\n" + "".join(f"{e},{1 + e}\n" for e in range(4)))
    return tmp_path


def scenario(folder: Path, *tasks: dict[str, Any]) -> Scenario:
    models = [{"model": "llama.json", "name": f"task {at}"} | task for at, task in enumerate(tasks)]
    return scenario_from_dict({"name": "s", "models": models}, str(folder / "s.yaml"))


def refused(folder: Path, *tasks: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        scenario(folder, *tasks)
    return str(caught.value).replace(f"{folder}/", "")


def test_built_in_scenarios_have_the_layers_of_before() -> None:
    """As they were built from networks by name."""
    steps = [build_scenario(name).tasks for name in IN_SERVICE]
    assert [[task.model for task in tasks] for tasks in steps] == [
        [build_model("llama3_8b_decode"), build_model("llama3_8b_prefill")],
        [build_model("mixtral_8x7b_decode")],
        [build_model("llama3_70b_decode", context=3072)],
    ]


@pytest.mark.parametrize("name", IN_SERVICE)
def test_built_in_scenarios_there_and_back(name: str, tmp_path: Path) -> None:
    """In full, and by name, which builds the same layers from the configuration."""
    built, shown = build_scenario(name), tmp_path / "s.yaml"
    assert scenario_from_dict(scenario_to_dict(built)) == built
    shown.write_text(dump_scenario(built, by_name=True))
    assert load_scenario(shown) == built
    assert "layers" not in shown.read_text()


def test_the_same_bits_as_layers_without_a_word_of_service() -> None:
    """What is served is said beside the figures, and changes none."""
    told = build_scenario("llm-chat")
    told = replace(told, tasks=tuple(replace(task, model=FEW[task.name]) for task in told.tasks))
    plain = replace(told, tasks=tuple(replace(task, serves=None) for task in told.tasks))
    documents = [to_document(chipweave.schedule(each, "mesh-16", scheduler="standalone")) for each in (told, plain)]
    served = [[model.pop("serving", None) for model in each["evaluation"]["models"]] for each in documents]
    assert documents[0]["evaluation"] == documents[1]["evaluation"]
    assert documents[0]["schedule"] == documents[1]["schedule"]
    assert served[1] == [None, None]
    decode, prefill = documents[0]["evaluation"]["models"]
    assert served[0][0] == {
        "tpot_s": decode["latency_s"],
        "tokens_per_s": 1 / decode["latency_s"],
        "tokens_per_j": 1 / decode["energy_j"],
    }
    assert served[0][1] == {
        "ttft_s": prefill["latency_s"],
        "tokens_per_s": 512 / prefill["latency_s"],
        "tokens_per_j": 512 / prefill["energy_j"],
    }


def test_a_configuration_in_a_file(folder: Path) -> None:
    skewed = {"phase": "decode", "context": 3, "routing": "routing.csv", "bytes_per_element": 2}
    found = scenario(folder, {"serves": DECODE}, {"serves": skewed, "model": "experts.json"})
    assert found.tasks[0].model == chipweave.from_hf(folder / "llama.json", phase="decode", context=7, batch=2)
    assert found.tasks[1].model == chipweave.from_hf(
        folder / "experts.json", phase="decode", context=3, routing=folder / "routing.csv", bytes_per_element=2
    )
    assert scenario_from_dict(scenario_to_dict(found)) == found
    assert scenario_from_dict(scenario_to_dict(found, by_name=True)) == found


def test_the_middle_of_an_answer(folder: Path) -> None:
    """Of 9 tokens behind 6: prefill makes the first; eight steps are behind 6 to 13, the middle one behind 9."""
    (task,) = scenario(folder, {"serves": {"phase": "decode", "prompt": 6, "output": 9}}).tasks
    assert task.serves == Serves("llama.json", Phase.DECODE, prompt=6, output=9, context=9)
    assert task.model == chipweave.from_hf(folder / "llama.json", phase="decode", context=9)
    (other,) = scenario(folder, {"serves": {"phase": "decode", "prompt": 6, "output": 9, "context": 13}}).tasks
    assert other.serves == replace(task.serves, context=13)
    for each in (task, other):
        alone = Scenario("s", (each,))
        assert scenario_from_dict(scenario_to_dict(alone)) == alone


def test_limits_are_those_of_the_task(folder: Path) -> None:
    held = scenario(folder, {"serves": PREFILL | {"ttft_limit_s": 0.5}}, {"serves": DECODE | {"tpot_limit_s": 0.25}})
    waits = scenario(folder, {"serves": PREFILL}, {"serves": DECODE, "depends_on": "task 0", "latency_limit_s": 1.5})
    assert [task.latency_limit_s for task in (*held.tasks, *waits.tasks)] == [0.5, 0.25, None, 1.5]
    for each in (held, waits):
        assert scenario_from_dict(scenario_to_dict(each)) == each
    free = chipweave.schedule(scenario(folder, {"serves": PREFILL}), "mesh-16", scheduler="standalone").evaluation
    kept = scenario(folder, {"serves": PREFILL | {"ttft_limit_s": 1.01 * free.latency_s}})
    assert chipweave.schedule(kept, "mesh-16", scheduler="standalone").evaluation.latency_s == free.latency_s
    with pytest.raises(InfeasibleError, match=r"'task 0' must end by 1e-12 s"):
        chipweave.schedule(scenario(folder, {"serves": PREFILL | {"ttft_limit_s": 1e-12}}), "mesh-16")


def test_a_step_that_waits_counts_from_the_end_of_what_it_waits_for(folder: Path) -> None:
    asked = scenario(folder, {"serves": PREFILL}, {"serves": DECODE, "depends_on": "task 0", "batch": 3})
    plans = [Pipeline(at, (Stage(0, len(task.model.layers) - 1, (0,)),)) for at, task in enumerate(asked.tasks)]
    result = chipweave.evaluate(Schedule(tuple(Window((each,)) for each in plans)), asked, "mesh-16")
    first_s, ends_s = (result.evaluation.task_latency_s(task) for task in (0, 1))
    prefill, decode = (model["serving"] for model in to_document(result)["evaluation"]["models"])
    assert prefill["ttft_s"] == first_s
    assert decode["tpot_s"] == ends_s - first_s
    assert decode["tokens_per_s"] == 3 * 2 / (ends_s - first_s)
    assert decode["tokens_per_j"] == 3 * 2 / result.evaluation.task_energy(1).total


def test_what_is_refused(folder: Path) -> None:
    for wrong, said in (
        ({"phase": "decode"}, "serves: decode needs the tokens that are cached; give `context`, or `prompt` and"),
        ({"phase": "prefill"}, "serves: prefill needs the length of the prompt; give `prompt`"),
        ({"phase": "train", "prompt": 1}, "phase: 'train'"),
        (PREFILL | {"output": 4}, "output=4: prefill has none; leave it out"),
        (DECODE | {"prompt": 4}, "give both or none"),
        ({"phase": "decode", "prompt": 4, "output": 1}, "output=1: prefill makes the first token"),
        (DECODE | {"prompt": 4, "output": 4}, "context=7 is at no step of this answer, behind 4 to 6"),
        (PREFILL | {"tpot_limit_s": 1.0}, "tpot_limit_s: prefill has none; give ttft_limit_s, or leave it out"),
        (DECODE | {"ttft_limit_s": 1.0}, "ttft_limit_s: decode has none; give tpot_limit_s, or leave it out"),
        (DECODE | {"batch": 0}, "batch: 0"),
        (DECODE | {"of": "llama"}, "of: is what `model` says; leave it out"),
        (DECODE | {"routing": "often"}, "routing 'often' is unknown"),
        (DECODE | {"routing": "none.csv"}, "none.csv"),
    ):
        assert said in refused(folder, {"serves": wrong}), wrong
    twice = {"serves": DECODE | {"tpot_limit_s": 1.0}, "latency_limit_s": 1.0}
    assert "is a second limit beside the model's latency_limit_s" in refused(folder, twice)
    waits = {"serves": DECODE | {"tpot_limit_s": 1.0}, "depends_on": "task 0"}
    assert "this model waits for another one; give latency_limit_s" in refused(folder, {"serves": PREFILL}, waits)
    assert "parameters: a language model that is served has none" in refused(
        folder, {"serves": DECODE, "parameters": {"blocks": 2}}
    )
    assert "'llama3_9b' is no file and no built-in configuration; did you mean 'llama3_8b'?" in refused(
        folder, {"serves": DECODE, "model": "llama3_9b"}
    )
    long = {"serves": DECODE | {"context": 1 << 20}, "model": "llama3_8b"}
    assert "model: 1048577 tokens (1048576 cached, 1 new) are more than the 131072" in refused(folder, long)
    assert "none.json" in refused(folder, {"serves": DECODE, "model": "none.json"})


def test_every_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The terminal, the file, and the page, whose figures are those of the file."""
    (folder / "s.yaml").write_text(
        "name: s\nmodels:\n"
        "  - {name: answers, model: llama.json, serves: {phase: decode, prompt: 4, output: 8, tpot_limit_s: 0.5}}\n"
        "  - {name: questions, model: llama.json, serves: {phase: prefill, prompt: 4, batch: 3, ttft_limit_s: 0.5}}\n"
    )
    out = folder / "out"
    assert run(["schedule", str(folder / "s.yaml"), "-p", "mesh-16", "-s", "standalone", "--out", str(out)]) == 0
    text, page = capsys.readouterr().out, (out / "report.html").read_text()
    assert "Serving" in text
    assert "7 cached" in text
    assert "4 in" in text
    assert read(out / "schedule.json").changes == ()
    models = json.loads((out / "schedule.json").read_text())["evaluation"]["models"]
    for at, name in ((0, "tpot_s"), (0, "tokens_per_j"), (1, "ttft_s"), (1, "tokens_per_s")):
        figure = json.dumps(models[at]["serving"][name])
        assert f'data-at="/evaluation/models/{at}/serving/{name}"' in page
        assert f'value="{figure}"' in page
    assert 'data-from="/scenario/models/0/serves/tpot_limit_s"' in page


def test_a_step_in_python() -> None:
    step = Task("a", build_model("llama3_8b_decode", blocks=1), serves=Serves("my model", Phase.DECODE, context=2048))
    assert scenario_from_dict(scenario_to_dict(Scenario("s", (step,)))).tasks == (step,)
    with pytest.raises(InputError, match="phase='both' is not one of prefill, decode"):
        Serves("my model", "both")  # type: ignore[arg-type]
