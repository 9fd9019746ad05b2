"""The rows of other schedulers: what `schedule` finds when it is asked as the row says."""

from __future__ import annotations

import json
import random
import re
import shlex
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import chipweave
from chipweave.cli.main import run
from chipweave.hardware.package import Routing
from chipweave.plan.problem import Fidelity
from chipweave.results.result import Result
from chipweave.results.what_if import Change, WhatIf
from chipweave.schedulers.weave.options import WeaveOptions
from chipweave.what_if import ask
from tests.support import RoundNumbers, random_problem

COST = RoundNumbers()
STEPS = 100
NET = """\
name: net
layers:
  - {name: one, op: conv, K: 64, C: 64, Y: 16, X: 16, R: 3, S: 3, padding: 1}
  - {name: two, op: conv, K: 64, C: 64, Y: 16, X: 16, R: 3, S: 3, padding: 1}
"""
OPTIONS = re.compile(r"`schedule` finds it with (--scheduler .*)")


@pytest.fixture(autouse=True)
def schedulers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = ask._cases

    def some(asked: ask.Asked) -> list[tuple[str, object]]:
        return [case for case in cases(asked) if case[0].startswith("scheduler")]

    monkeypatch.setattr(ask, "_cases", some)


@cache
def result(tasks: int, scheduler: str, goal: str, seed: int = 5) -> Result:
    problem = random_problem(random.Random(seed), Fidelity.DETAILED, tasks=tasks)
    own = _steps(scheduler)
    return chipweave.schedule(
        problem.scenario, problem.package, scheduler=scheduler, objective=goal, cost_model=COST, options=own
    )


def _steps(scheduler: str) -> WeaveOptions | None:
    return WeaveOptions(steps=STEPS) if scheduler in ("weave", "optimal") else None


def asked(plan: Result) -> dict[str, Change]:
    found = chipweave.why(plan, steps=STEPS, seed=3, time_limit_s=1e6)
    assert not found.missed
    _require_ranked(found)
    return {change.name: change for change in found.changes}


def _require_ranked(found: WhatIf) -> None:
    values = [change.searched.value for change in found.changes if change.searched is not None]
    assert values == sorted(values)


@pytest.mark.parametrize(
    ("tasks", "made_by", "others", "goal"),
    [
        (2, "standalone", {"weave", "scar"}, "edp"),
        pytest.param(1, "standalone", {"weave", "scope"}, "latency", marks=pytest.mark.slow),
        pytest.param(2, "weave", {"scar"}, "sqrt(latency * energy)", marks=pytest.mark.slow),
        pytest.param(1, "scope", {"weave"}, "edp", marks=pytest.mark.slow),
    ],
)
def test_a_row_is_what_the_scheduler_finds(tasks: int, made_by: str, others: set[str], goal: str) -> None:
    plan = result(tasks, made_by, goal)
    rows = asked(plan)
    assert set(rows) == {f"scheduler {name}" for name in others}
    for name in others:
        row, problem = rows[f"scheduler {name}"], plan.problem
        own = chipweave.schedule(
            problem.scenario,
            problem.package,
            scheduler=name,
            objective=goal,
            cost_model=COST,
            seed=3,
            options=_steps(name),
        )
        assert row.same_plan is None
        assert row.searched is not None
        assert (row.searched.latency_s, row.searched.energy_j) == (own.evaluation.latency_s, own.evaluation.energy_j)
        assert row.searched.value == own.value
        assert row.cost == "the same silicon"


def test_a_row_that_helps_is_found_by_its_own_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From files alone: a schedule of one chiplet a model, why, and the options of the best row."""
    net = tmp_path / "net.yaml"
    net.write_text(NET, encoding="utf-8")
    command = ["schedule", str(net), "--batch", "4", "--package", "het-2x2", "--json"]
    assert run([*command, "--scheduler", "standalone", "--out", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    why = ["why", str(tmp_path / "out" / "schedule.json"), "--steps", str(STEPS), "--time-limit", "1000000", "--json"]
    assert run(why) == 0
    document = json.loads(capsys.readouterr().out)
    best = document["changes"][0]
    assert best["searched"]["value"] < document["before"]["value"]
    (options,) = [found[1] for note in best["notes"] if (found := OPTIONS.fullmatch(note))]
    assert run([*command, *shlex.split(options)]) == 0
    again = json.loads(capsys.readouterr().out)["evaluation"]
    assert again["latency_s"] * again["energy_j"] == pytest.approx(best["searched"]["value"], rel=1e-12)


def test_a_scheduler_that_cannot_is_named_with_its_reason() -> None:
    """`scope` needs a line through the package: a star of four chiplets has none."""
    problem = random_problem(random.Random(2), Fidelity.DETAILED, tasks=1)
    star = replace(
        problem.package, links=((0, 1), (0, 2), (0, 3)), positions=None, routing=Routing.SHORTEST, interfaces=(0,)
    )
    plan = chipweave.schedule(problem.scenario, star, scheduler="standalone", cost_model=COST)
    row = asked(plan)["scheduler scope"]
    assert row.searched is None
    assert any("no line through all its chiplets" in note for note in row.notes)
