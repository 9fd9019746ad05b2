"""What the documentation tells a reader to write works."""

from __future__ import annotations

import json
import os
import random
import re
import runpy
import subprocess
import sys
from enum import Enum
from functools import partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import chipweave
from chipweave import api
from chipweave.cli.main import run
from chipweave.cost.choose import COST_MODELS
from chipweave.evaluation.check import faults_of
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity
from chipweave.schedulers import SCHEDULERS, options_class, options_of
from chipweave.schedulers.options import Option
from chipweave.schedulers.search import Request
from tests.support import random_problem

ROOT = Path(__file__).parents[1]
NEW, OLD = "src/chipweave/schedulers/one_by_one", "src/chipweave/schedulers/__init__"


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language on a page."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)


def names_after(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, "example", "exec", dont_inherit=True), names)
    return names


@pytest.fixture
def one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The scheduler of the how-to as the one file and the one line that it shows; the line."""
    page = "docs/how-to/add-a-scheduler.md"
    (code,), (line,) = (blocks(page, f'python title="{place}"') for place in (f"{NEW}.py", f"{OLD}.py"))
    (tmp_path / "one_by_one.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return line.replace("chipweave.schedulers.one_by_one:", "one_by_one:")


def test_the_scheduler_of_the_how_to(one_by_one: str) -> None:
    run = import_module("one_by_one").one_by_one
    for seed in range(10):
        problem = random_problem(random.Random(seed), Fidelity.DETAILED, tasks=2)
        found = run(problem, Request(objective("edp")))
        assert faults_of(found.schedule, problem) == []


ALL_COMMANDS = """
import contextlib, io, json, sys
from chipweave.schedulers import SCHEDULERS, Entry
SCHEDULERS |= {{ {line} }}
from chipweave.cli.main import run
ended = []
for words in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = run(words.split())
    ended.append([code, out.getvalue(), err.getvalue(), "numpy" in sys.modules])
json.dump(ended, sys.stdout)
"""


def test_one_file_and_one_line_make_a_scheduler_with_options(one_by_one: str) -> None:
    """In a process of its own: the command line reads the schedulers when it is loaded."""
    pose = "resnet18 -p het-2x2 --cost-model maestro --json"
    commands = [
        "schedule --help",
        "compare --help",
        f"schedule {pose} -s one-by-one --spare -1",
        f"schedule {pose} -s scar --spare 1",
        f"schedule {pose} -s one-by-one --spare 3",
        f"compare {pose} -s one-by-one --spare 3",
    ]
    script = [sys.executable, "-c", ALL_COMMANDS.format(line=one_by_one.strip())]
    done = subprocess.run(script, input=json.dumps(commands), capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    *shown, wrong, foreign, made, compared = json.loads(done.stdout)
    for code, out, _, heavy in shown:
        assert (code, heavy) == (0, False)
        assert "Options of one-by-one" in out
        assert "Chiplets that stay free, from number 0 on (0)." in out
    assert wrong[2] == "error: one-by-one: spare=-1 is not at least 0\n"
    assert foreign[2] == "error: --spare: not an option of 'scar', but of one-by-one\n"
    document, (cell,) = json.loads(made[1]), json.loads(compared[1])
    assert document["search"]["options"] == {"spare": 3}
    assert document["schedule"]["windows"][0]["pipelines"][0]["stages"][0]["chiplets"] == [3]
    assert cell["edp_js"] == document["evaluation"]["edp_js"]


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table in Markdown, without columns that hold nothing."""
    full = [column for column in zip(head, *rows, strict=True) if any(column[1:])]
    first, *rest = (f"| {' | '.join(cells)} |" for cells in zip(*full, strict=True))
    return "\n".join([first, "|---" * len(full) + "|", *rest]) + "\n"


def values(option: Option) -> str:
    if issubclass(option.kind, Enum):
        return ", ".join(f"`{option.word(each)}`" for each in option.kind)
    if option.least is None:
        return ""
    return f"at least {option.least}" if option.most is None else f"{option.least} to {option.most}"


@pytest.mark.parametrize("name", [name for name in SCHEDULERS if options_of(name)])
def test_the_page_of_a_scheduler_states_its_options(name: str) -> None:
    """Schedulers that share their options share the table, on the page of the first."""
    first = next(each for each in SCHEDULERS if options_class(each) == options_class(name))
    page = (ROOT / "docs" / "schedulers" / f"{first}.md").read_text()
    rows = [
        (f"`{own.flag}`", own.word(own.default), values(own), own.help, own.paper.replace("_", r"\_"))
        for own in options_of(name)
    ]
    expected = table(("option", "default", "values", "meaning", "in the paper"), rows)
    assert expected in page, f"put this table into docs/schedulers/{first}.md:\n{expected}"
    if name != first:
        assert f"({first}.md" in (ROOT / "docs" / "schedulers" / f"{name}.md").read_text()


def test_the_pages_name_every_scheduler_and_cost_model() -> None:
    pages = {"schedulers": SCHEDULERS, "cost-model": COST_MODELS}
    for folder, names in pages.items():
        page = (ROOT / "docs" / folder / "index.md").read_text()
        assert [name for name in names if f"| [`{name}`]({name}.md)" not in page] == []


def test_the_page_of_cost_models_states_their_parameters() -> None:
    rows = [
        (f"`{name}`", f"`{key}`", parameter.help)
        for name, entry in COST_MODELS.items()
        for key, parameter in entry.parameters.items()
    ]
    expected = table(("cost model", "parameter", "meaning"), rows)
    assert expected in (ROOT / "docs/cost-model/index.md").read_text(), (
        f"put into docs/cost-model/index.md:\n{expected}"
    )


def test_the_cost_model_of_the_how_to(monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks("docs/how-to/add-a-cost-model.md", "python")
    names = names_after(code)
    result = chipweave.schedule("resnet18", "het-2x2", scheduler="standalone", cost_model=names["Roofline"]())
    assert result.cost_model == {"name": "roofline"}
    assert result.evaluation.latency_s > 0
    (entry,) = blocks("docs/how-to/add-a-cost-model.md", 'python title="src/chipweave/cost/choose.py"')
    function, line = entry.split("\n\n\n")
    monkeypatch.setitem(sys.modules, "chipweave.cost.roofline", SimpleNamespace(Roofline=names["Roofline"]))
    names = names_after(
        "from chipweave.cost.choose import Entry, Named\nfrom chipweave.cost.interface import CostModel\n"
        f"{function}\nENTRIES = {{ {line.strip()} }}"
    )
    monkeypatch.setattr("chipweave.cost.choose.COST_MODELS", COST_MODELS | names["ENTRIES"])
    named = chipweave.schedule("resnet18", "het-2x2", scheduler="standalone", cost_model="roofline")
    assert named.evaluation == result.evaluation


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


def test_the_page_of_the_api_is_what_its_docstrings_say() -> None:
    """`make api` writes it anew."""
    made = runpy.run_path(str(ROOT / "docs" / "api_page.py"))["page"]()
    assert (ROOT / "docs" / "api.md").read_text() == made
    assert all(f"### chipweave.{name}\n" in made for name in chipweave.__all__ if name.islower())


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/index.md", "docs/artifact.md"])
def test_the_examples_in_python_run(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks(page, "python")
    names_after(code)
    assert capsys.readouterr().out


def test_the_plans_behind_the_words_of_the_field_run(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = [code for code in blocks("docs/language-models.md", "python") if "plans = {" in code]
    names_after(code)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    alone = [line.split(":")[0] for line in lines if " 0 bytes exchanged" in line]
    assert alone == ["pipeline parallel", "data parallel"]


@pytest.mark.slow
def test_the_example_of_a_model_in_service_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("docs/serving.md", "python")
    names_after(code)
    assert "tokens per joule" in capsys.readouterr().out


@pytest.mark.slow
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
