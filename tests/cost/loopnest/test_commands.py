"""`loopnest` from the command line and in files."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread
from typing import Any

import pytest

import chipweave
from chipweave.cli.main import run
from chipweave.cost.loopnest import search
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.cost.loopnest.shape import Shape
from chipweave.files.chiplet_file import load_chiplet
from chipweave.files.model_file import load_model
from chipweave.files.schedule_file import read, to_text

MODEL = """
name: net
layers:
  - {name: one, op: conv, K: 16, C: 3, Y: 10, X: 10, R: 3, S: 3, padding: 1}
  - {name: pool, op: pool, C: 16, Y: 10, X: 10, R: 2, S: 2, stride: 2}
  - {name: two, op: conv, K: 8, C: 16, Y: 5, X: 5}
  - {name: up, op: upconv, K: 4, C: 8, Y: 5, X: 5, R: 3, S: 3, stride: 2, padding: 1}
"""
CHIPLET = """
name: little
dataflow: nvdla
num_pes: 64
noc_bandwidth: 16
"""
PACKAGE = """
name: pair
classes:
  a: {name: little-n, dataflow: nvdla, num_pes: 64, noc_bandwidth: 16}
  b: {name: little-s, dataflow: shidiannao, num_pes: 64, noc_bandwidth: 16}
grid:
  - [a, b]
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def chip(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line beside the files above: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    for name, text in (("net.yaml", MODEL), ("little.yaml", CHIPLET), ("pair.yaml", PACKAGE)):
        (tmp_path / name).write_text(text)

    def call(*arguments: object) -> tuple[int, str, str]:
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err + captured.out
        return code, captured.out, captured.err

    return call


def cost(chip: Run, *arguments: object) -> dict[str, Any]:
    code, out, err = chip("cost", "net.yaml", "-c", "little.yaml", *arguments, "--json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def test_the_cost_of_each_layer_and_what_is_behind_it(chip: Run) -> None:
    found = cost(chip, "--cost-model", "loopnest")
    layers, chiplet = load_model("net.yaml").layers, load_chiplet("little.yaml")
    assert (found["cost_model"], found["objective"]) == ("loopnest", "edp")
    assert [row["name"] for row in found["layers"]] == ["one", "pool", "two", "up"]
    costs, facts = LoopnestCostModel().costs(layers, chiplet), LoopnestCostModel().explain(layers, chiplet)
    for index, (row, behind) in enumerate(zip(found["layers"], facts, strict=True)):
        assert {key: row[key] for key in vars(costs)} == {key: values[index] for key, values in vars(costs).items()}
        assert (row["mapping"], row["bound_by"]) == (behind["mapping"], behind["bound_by"])
        assert row["loopnest"] == {k: v for k, v in behind.items() if k not in ("name", "op", "mapping", "bound_by")}
        assert row["energy_j"] == pytest.approx(costs.energy_j[index])
        assert row["utilisation"] == pytest.approx(behind["utilisation"])
    assert [len(row["mapping"]) for row in found["layers"]] == [1, 0, 1, 4]
    assert "maestro" not in found["layers"][0]


def test_the_table_shows_mapping_and_bound(chip: Run) -> None:
    code, out, err = chip("cost", "net.yaml", "-c", "little.yaml", "--cost-model", "loopnest")
    assert (code, err) == (0, "")
    rows = cost(chip, "--cost-model", "loopnest")["layers"]
    lines = out.splitlines()
    assert lines[1].split()[:2] == ["layer", "cycles"]
    at = 2
    for row in rows:
        assert lines[at].split()[:2] == [row["name"], f"{row['cycles']:,.0f}"]
        assert lines[at].endswith(row["bound_by"])
        texts = [run["text"] for run in row["mapping"]]
        assert [line.strip() for line in lines[at + 1 : at + 1 + len(texts)]] == texts
        at += 1 + len(texts)
    assert lines[at].split()[:2] == ["all", f"{sum(row['cycles'] for row in rows):,.0f}"]
    assert len(lines) == at + 1


def test_the_objective_of_the_mappings(chip: Run) -> None:
    by = {goal: cost(chip, "--cost-model", "loopnest", "--objective", goal) for goal in ("edp", "latency", "energy")}
    assert by["edp"] == cost(chip, "--cost-model", "loopnest")
    assert by["latency"]["layers"] == cost(chip, "--cost-model", "loopnest:latency")["layers"]
    assert by["energy"]["objective"] == "energy"

    def total(goal: str, key: str) -> float:
        return sum(row[key] for row in by[goal]["layers"])

    assert total("latency", "cycles") <= total("edp", "cycles")
    assert total("energy", "energy_j") <= total("edp", "energy_j")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["cost", "net.yaml", "-c", "little.yaml", "--cost-model", "maestro", "--objective", "edp"],
            "belongs to 'loopnest', not to 'maestro'",
        ),
        (["cost", "net.m", "--objective", "edp"], "--objective are for models"),
        (["cost", "net.yaml", "-c", "little.yaml", "--cost-model", "loopnest", "--objective", "speed"], "'speed'"),
        (["cost", "net.yaml", "-c", "little.yaml", "--cost-model", "loopnest:spede"], "'spede' is unknown"),
        (["cost", "net.yaml", "-c", "little.yaml", "--cost-model", "loopnset"], "use 'maestro', 'loopnest'"),
        (
            ["cost", "net.yaml", "-c", "little.yaml", "--cost-model", "loopnest:energy", "--objective", "latency"],
            "'loopnest:energy' and the objective 'latency' differ",
        ),
        (
            ["cost", "net.yaml", "-c", "tight.yaml", "--cost-model", "loopnest"],
            "layer 'one' on chiplet 'little': l1_bytes=5 cannot hold one MAC's operands",
        ),
        (["cost", "net.yaml", "-c", "cut.yaml", "--cost-model", "loopnest"], "noc_bandwidth: 0 is out of range"),
        (
            ["cost", "net.yaml", "-c", "whole.yaml", "--cost-model", "loopnest"],
            "layer 'one' on chiplet 'little': the smallest tile with X whole in a PE takes",
        ),
    ],
)
def test_what_is_refused(chip: Run, arguments: list[str], message: str) -> None:
    Path("tight.yaml").write_text(CHIPLET + "l1_bytes: 5\n")
    Path("cut.yaml").write_text(CHIPLET.replace("noc_bandwidth: 16", "noc_bandwidth: 0"))
    loops = "{style: custom, loops: {rows: [K], columns: [C], whole: [X]}}"
    Path("whole.yaml").write_text(CHIPLET.replace("dataflow: nvdla", f"dataflow: {loops}") + "l1_bytes: 16\n")
    code, out, err = chip(*arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_ctrl_c_ends_a_search_and_keeps_what_it_found(chip: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    best, before, after = search.best_mappings, list[Shape](), list[Shape]()

    def interrupted(shapes: Sequence[Shape], *rest: Any) -> list[Mapping]:
        before.extend(shapes)
        os.kill(os.getpid(), signal.SIGINT)
        return best(shapes, *rest)

    def resumed(shapes: Sequence[Shape], *rest: Any) -> list[Mapping]:
        after.extend(shapes)
        return best(shapes, *rest)

    monkeypatch.setenv("CHIPWEAVE_CACHE", "own")
    monkeypatch.setattr("chipweave.cost.loopnest.model.usable_cores", lambda: 1)
    monkeypatch.setattr(search, "best_mappings", interrupted)
    code, out, err = chip("cost", "net.yaml", "-c", "little.yaml", "--cost-model", "loopnest")
    assert (code, out) == (130, "")
    assert "kept for next time" in err
    monkeypatch.setattr(search, "best_mappings", resumed)
    assert cost(chip, "--cost-model", "loopnest")["layers"]
    assert before
    assert after
    assert not set(before) & set(after)


@pytest.mark.parametrize("cores", [1, 2])
def test_a_second_ctrl_c_does_not_wait_for_a_search(cores: int, chip: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the calling thread no compiled search would hear it at all."""
    ended, searching, waited = Event(), set[Thread](), list[bool]()
    presses = iter([2])  # by the first search only

    def endless(*_: object) -> Mapping:
        searching.add(current_thread())
        for _press in range(next(presses, 0)):
            os.kill(os.getpid(), signal.SIGINT)
            ended.wait(0.1)
        waited.append(ended.wait(10))
        return Mapping((1,) * 8, (1,) * 8)

    monkeypatch.setenv("CHIPWEAVE_CACHE", "off")
    monkeypatch.setattr(search, "best_mapping", endless)
    monkeypatch.setattr("chipweave.cost.loopnest.model.usable_cores", lambda: cores)
    code, out, err = chip("cost", "net.yaml", "-c", "little.yaml", "--cost-model", "loopnest")
    assert (code, out, waited) == (130, "", [])
    assert err.splitlines()[-1].startswith("interrupted")
    assert main_thread() not in searching
    ended.set()


# Schedules ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheduler", "goal"), [("standalone", "edp"), ("scar", "latency"), ("sequential", "energy")])
def test_a_schedule_is_evaluated_to_the_same_figures(chip: Run, scheduler: str, goal: str) -> None:
    choice = "loopnest" if goal == "edp" else f"loopnest:{goal}"
    arguments = ("schedule", "net.yaml", "--batch", 4, "-p", "pair.yaml", "-s", scheduler, "--cost-model", choice)
    code, out, _ = chip(*arguments, "--jobs", 1, "--out", "results", "--json")
    assert code == 0
    assert json.loads(out)["cost_model"] == {"name": "loopnest", "objective": goal}
    result = read(Path("results/schedule.json"))
    assert result.changes == ()
    assert isinstance(result.problem.cost_model, LoopnestCostModel)
    assert to_text(result) == Path("results/schedule.json").read_text()
    code, out, _ = chip("evaluate", "results/schedule.json")
    assert code == 0
    assert f"cost model {choice}" in out


def test_the_same_from_python(chip: Run) -> None:
    one = chipweave.schedule("net.yaml", "pair.yaml", cost_model="loopnest:latency", scheduler="standalone")
    two = chipweave.schedule(
        "net.yaml", "pair.yaml", cost_model=LoopnestCostModel("latency", jobs=2), scheduler="standalone"
    )
    assert one.evaluation == two.evaluation
    assert one.cost_model == two.cost_model == {"name": "loopnest", "objective": "latency"}
    again = chipweave.evaluate(one.schedule, "net.yaml", "pair.yaml", cost_model="loopnest:latency")
    assert again.evaluation == one.evaluation


def test_a_plan_by_hand_with_loopnest(chip: Run) -> None:
    stage = {"layers": {"first": "one", "last": "up"}, "chiplets": [1]}
    plan: dict[str, Any] = {"scenario": "net.yaml", "package": "pair.yaml", "cost_model": "loopnest"}
    plan["schedule"] = {"windows": [{"pipelines": [{"model": "net", "stages": [stage]}]}]}
    Path("plan.json").write_text(json.dumps(plan))
    assert read(Path("plan.json")).cost_model == {"name": "loopnest", "objective": "edp"}
    for wrong, message in (
        ({"name": "loopnest", "objective": "speed"}, "'speed' is unknown; known: edp, latency, energy"),
        ({"name": "loopnest", "offchip_bandwidth": 3}, "off-chip floor belongs to 'maestro'"),
        ({"name": "maestro", "objective": "edp"}, "belongs to 'loopnest'"),
    ):
        Path("plan.json").write_text(json.dumps(plan | {"cost_model": wrong}))
        code, _, err = chip("evaluate", "plan.json")
        assert code == 2
        assert message in err


def test_compare_says_which(chip: Run) -> None:
    arguments = ("compare", "net.yaml", "-p", "pair.yaml", "-s", "standalone", "--cost-model", "loopnest:energy")
    code, out, _ = chip(*arguments)
    assert code == 0
    assert "cost model loopnest:energy" in out
