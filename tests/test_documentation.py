"""What the documentation tells a reader to write works."""

from __future__ import annotations

import json
import random
import re
import runpy
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import chipweave
from chipweave import api
from chipweave.cli.main import run
from chipweave.evaluation.check import faults_of
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity
from chipweave.schedulers.search import Request
from tests.support import random_problem

ROOT = Path(__file__).parents[1]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language on a page."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)


def names_after(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, "example", "exec", dont_inherit=True), names)
    return names


def test_the_scheduler_of_the_how_to() -> None:
    (code,) = blocks("docs/how-to/add-a-scheduler.md", "python")
    one_by_one = names_after(code)["one_by_one"]
    for seed in range(10):
        problem = random_problem(random.Random(seed), Fidelity.DETAILED, tasks=2)
        found = one_by_one(problem, Request(objective("edp")))
        assert faults_of(found.schedule, problem) == []


def test_the_cost_model_of_the_how_to() -> None:
    (code,) = blocks("docs/how-to/add-a-cost-model.md", "python")
    roofline = names_after(code)["Roofline"]()
    result = chipweave.schedule("resnet18", "het-2x2", scheduler="standalone", cost_model=roofline)
    assert result.cost_model == {"name": "roofline"}
    assert result.evaluation.latency_s > 0


def test_the_dataflows_of_the_how_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = blocks("docs/how-to/add-a-dataflow.md", "yaml")
    for text, name, model in zip(texts, ("my-chiplet", "my-array"), ("maestro", "loopnest"), strict=True):
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        assert run(["cost", "resnet18", "--chiplet", str(path), "--cost-model", model]) == 0
        assert f"resnet18 on {name}" in capsys.readouterr().out


def test_the_plan_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = blocks("docs/schedule-file.md", "yaml")
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    assert run(["evaluate", str(path)]) == 0
    assert "resnet18 twice on het-2x2" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_examples_in_python_run(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks(page, "python")
    names_after(code)
    assert capsys.readouterr().out


def test_the_picture_of_merged_pipelines_is_in_time_with_the_evaluation() -> None:
    names = runpy.run_path(str(ROOT / "docs" / "merged_pipeline.py"))
    results = names["schedules"]()
    assert [max(len(w.pipelines[0].stages) for w in r.evaluation.windows) == 6 for r in results] == [True, False, False]
    for result in results:
        drawn = list(names["blocks"](result))
        turns = [block for block in drawn if block.what in ("weights", "transfers, waiting")]
        assert max(block.end_s for block in drawn) == pytest.approx(result.evaluation.latency_s)
        for row in range(8):
            own = sorted((b.start_s, b.end_s) for b in turns if b.row <= row < b.row + b.rows)
            assert all(before[1] <= after[0] * (1 + 1e-9) for before, after in pairwise(own))
        for block in set(drawn) - set(turns):
            assert any(
                b.row <= block.row
                and block.row + block.rows <= b.row + b.rows
                and b.start_s <= block.start_s * (1 + 1e-9)
                and block.end_s <= b.end_s * (1 + 1e-9)
                for b in turns
            )
        assert names["drawing"](results).startswith("<svg")


@pytest.mark.parametrize("page", ["README.md", *(str(p.relative_to(ROOT)) for p in sorted(ROOT.glob("docs/**/*.md")))])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"


def test_an_imported_model_beside_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file and the Python of the page pose the same problem; a small net stands for the one of the page."""
    onnx = pytest.importorskip("onnx", reason="ONNX files need the package onnx")
    from tests.workload.importers.onnx_nets import Net

    net = Net()
    stem = net.conv("stem", net.input("image", ("batch", 3, 8, 8)), 4, 3, 3)
    onnx.save_model(net.model(stem), tmp_path / "resnet50.onnx")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("chipweave.api.schedule", partial(api.schedule, scheduler="standalone"))
    (file,), (code,) = blocks("docs/import.md", 'yaml title="together.yaml"'), blocks("docs/import.md", "python")
    Path("together.yaml").write_text(file)
    assert run(["import", "onnx", "resnet50.onnx", "--out", "resnet50.yaml"]) == 0
    assert run(["schedule", "together.yaml", "-p", "het-sides-3x3", "-s", "standalone", "--json"]) == 0
    names_after(code)
    by_file, by_code = capsys.readouterr().out, Path("results/schedule.json").read_text()
    said, saved = json.loads(by_file[by_file.index("{") :]), json.loads(by_code)
    assert saved["scenario"]["models"][1]["batch"] == 2
    for key in ("scenario", "package", "schedule", "evaluation"):
        assert said[key] == saved[key]
