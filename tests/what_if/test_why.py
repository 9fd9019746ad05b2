"""What would make a schedule better: every figure is the evaluator's, and the order is theirs."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

import chipweave
from chipweave.cli.main import run
from chipweave.errors import InputError
from chipweave.evaluation.evaluate import evaluate
from chipweave.plan.problem import Fidelity, pose
from chipweave.report.html import page
from chipweave.report.what_if import print_what_if
from chipweave.results.result import Result
from chipweave.results.what_if import WhatIf
from chipweave.what_if import ask
from chipweave.what_if.packages import with_twice_the_dram, with_twice_the_links, with_twice_the_pes
from tests.support import RoundNumbers, random_problem, random_schedule

COST = RoundNumbers()
CHANGES = (
    "nothing",
    "twice the DRAM bandwidth",
    "twice the link bandwidth",
    "another micro-batch",
    "twice the L2",
    "another dataflow in one place",
    "more chiplets",
    "twice the PEs",
)


@cache
def result() -> Result:
    problem = random_problem(random.Random(3), Fidelity.DETAILED, tasks=2)
    plan = random_schedule(random.Random(1), problem)
    return chipweave.evaluate(plan, problem.scenario, problem.package, cost_model=COST)


@pytest.fixture(autouse=True)
def without_schedulers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their searches have tests of their own."""
    cases = ask._cases

    def some(asked: ask.Asked) -> list[tuple[str, object]]:
        return [case for case in cases(asked) if not case[0].startswith("scheduler")]

    monkeypatch.setattr(ask, "_cases", some)


@cache
def found() -> WhatIf:
    return chipweave.why(result(), steps=100, time_limit_s=1000)


def test_the_same_plan_costs_what_the_evaluator_says_of_the_changed_package() -> None:
    problem = result().problem
    changed = {
        "twice the DRAM": with_twice_the_dram(problem.package),
        "twice the link": with_twice_the_links(problem.package),
        "twice the PEs": with_twice_the_pes(problem.package),
    }
    for name, package in changed.items():
        (change,) = (change for change in found().changes if change.name.startswith(name))
        own = evaluate(result().schedule, pose(problem.scenario, package, COST, problem.fidelity))
        assert change.same_plan is not None
        assert (change.same_plan.latency_s, change.same_plan.energy_j) == (own.latency_s, own.energy_j)
        assert change.same_plan.value == own.latency_s * own.energy_j


def test_changes_are_ranked_and_searching_never_loses() -> None:
    values = [change.best.value for change in found().changes if change.best is not None]
    assert values == sorted(values)
    assert len(values) >= 6
    for change in found().changes:
        if change.same_plan is not None and change.searched is not None:
            assert change.searched.value <= change.same_plan.value * (1 + 1e-12)
    (nothing,) = (change for change in found().changes if change.name == "nothing")
    assert nothing.same_plan == found().before
    assert found().before.value == result().value


def test_the_same_steps_and_seed_give_the_same_figures() -> None:
    again = chipweave.why(result(), steps=100, time_limit_s=1000)
    assert again == found()
    assert json.loads(json.dumps(again.to_data())) == again.to_data()


def test_what_is_not_reached_is_named() -> None:
    calls = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls > 1

    some = chipweave.why(result(), steps=0, stop=stop)
    assert len(some.changes) + len(some.missed) == len(CHANGES)
    assert some.missed == CHANGES[len(some.changes) :]
    assert some.missed


def test_bad_arguments() -> None:
    for changes, message in (
        ({"steps": -1}, "steps=-1"),
        ({"time_limit_s": 0}, "time limit 0 s"),
        ({"seed": -1}, "seed=-1"),
        ({"objective": "energy - latency"}, "falls when latency rises"),
    ):
        with pytest.raises(InputError, match=message):
            chipweave.why(result(), **changes)  # type: ignore[arg-type]
    nameless = replace(result(), value=None, objective="mine")
    with pytest.raises(InputError, match="only its name is known; give one"):
        chipweave.why(nameless)


def test_the_command_says_why_a_change_has_no_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file holds what layers cost on its own chiplets, and no cost model that knows others."""
    (file, *_) = chipweave.save(result(), tmp_path)
    assert (
        run(["why", str(file), "--steps", "0", "--time-limit", "1000", "--json", "--out", str(tmp_path / "out")]) == 0
    )
    out, err = capsys.readouterr()
    document = json.loads(out)
    by_name = {change["change"]: change for change in document["changes"]}
    assert document["before"]["latency_s"] == result().evaluation.latency_s
    assert by_name["twice the PEs"]["same_plan"] is by_name["twice the PEs"]["searched"] is None
    assert by_name["twice the PEs"]["notes"]
    dram = next(change for name, change in by_name.items() if name.startswith("twice the DRAM"))
    before, after = document["before"]["value"], dram["same_plan"]["value"]
    assert dram["same_plan"]["change_percent"] == pytest.approx(100 * (after - before) / before)
    assert document["not_reached"] == []
    assert "2 of 8: twice the DRAM bandwidth" in err
    assert 'id="why"' in (tmp_path / "out" / "report.html").read_text()


def test_reports_show_every_change_with_what_it_takes() -> None:
    console = Console(file=StringIO(), width=100)
    print_what_if(replace(found(), missed=("more <chiplets>",)), console)
    text = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    html = page(result(), replace(found(), missed=("more <chiplets>",)))
    for change in found().changes:
        assert change.name in text
        assert change.name in html
        if change.best is not None and change.cost:
            assert change.cost in text
    assert "Not reached in time: more <chiplets>." in text
    assert "Not reached in time: more &lt;chiplets&gt;." in html
    assert 'id="why"' not in page(result())
