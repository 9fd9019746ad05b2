"""The command that a report gives makes the same schedule again."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import chipweave
from chipweave.cli.main import run
from chipweave.report.command_line import command
from chipweave.results.result import Search
from chipweave.schedulers.scar.options import Packing, Provision, ScarOptions
from tests.report.pages import evil_result, plan_on_regions, some_result


@pytest.mark.parametrize(
    "words",
    [
        "resnet18 --batch 3 --package het-2x2 --scheduler standalone --cost-model maestro --objective latency",
        "resnet18 --package het-2x2 --scheduler scar --cost-model maestro --maestro-offchip-bandwidth 64 --seed 4 "
        "--n-splits 1 --packing uniform --provision exhaustive --fidelity paper",
        "resnet18 --package het-2x2 --scheduler sequential --cost-model maestro --micro-batch 1 --polish 0",
    ],
)
def test_the_command_makes_the_same_schedule(words: str, tmp_path: Path) -> None:
    def made(words: list[str], folder: str) -> tuple[dict[str, Any], str]:
        assert run([*words, "--out", str(tmp_path / folder)]) == 0
        path = tmp_path / folder / "schedule.json"
        data: dict[str, Any] = json.loads(path.read_text())
        data["search"]["seconds"] = 0
        return data, command(chipweave.evaluate(path))

    first, again = made(["schedule", *words.split()], "first")
    program, *rest = shlex.split(again)
    assert program == "chipweave"
    second, same = made(rest, "second")
    assert second == first
    assert same == again
    assert sorted(rest[1:]) == sorted([*words.split(), *([] if "--seed" in words else ["--seed", "0"])])


def test_defaults_are_left_out() -> None:
    some = some_result()
    options = {"n_splits": 4, "packing": Packing.FIRST_FIT, "provision": Provision.EXHAUSTIVE, "top_k": None}
    search = Search("scar", options, 0, 1.0, 1, (), True, ())
    found = command(replace(some, search=search))
    assert found.endswith("--scheduler scar --cost-model round-numbers --seed 0 --provision exhaustive")
    assert ScarOptions().n_splits == 4


def test_what_is_not_built_in_is_a_file_and_names_are_quoted() -> None:
    result = evil_result()
    words = shlex.split(command(result))
    assert words[:5] == ["chipweave", "schedule", "scenario.yaml", "--package", "package.yaml"]
    objective = replace(result, objective="latency; rm -rf *")
    assert "latency; rm -rf *" in shlex.split(command(objective))


def test_a_plan_written_by_hand_is_evaluated() -> None:
    assert command(plan_on_regions()) == "chipweave evaluate schedule.json"
