"""The schedules of `tests/reference/schedules` (its README says what they are), read, written and evaluated again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from chipweave.cost.choose import choose, describe
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.files.package_file import resolve_package
from chipweave.files.scenario_file import resolve_scenario
from chipweave.files.schedule_file import to_document
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.results.result import Result, Search, assess

FOLDER = Path(__file__).parent / "reference" / "schedules"
SHORT = FOLDER / "short.jsonl"
"""One schedule a line."""

COST_MODEL = "loopnest"
LETTERS = {Partition.WHOLE: "-", Partition.WEIGHT_SHARED: "w", Partition.INPUT_SHARED: "i"}

Plan = list[list[list[Any]]]
"""Per window, per pipeline: [number of the model, micro-batch, *stages], and a stage is [first layer, last layer,
chiplets, a letter per layer]; no letters: every layer is whole."""


@dataclass(frozen=True)
class Stored:
    """A schedule of a built-in scenario on a built-in package, costed by loopnest, in short.

    Args:
        latency_s, energy_j: of the evaluation, to see what differs where a digest does.
        evaluation: digest of everything that `schedule.json` says under `evaluation`.
        bound: digest of `value` and `lower_bound` under `search`.
    """

    scenario: str
    package: str
    scheduler: str
    fidelity: str
    objective: str
    latency_s: float
    energy_j: float
    evaluation: str
    bound: str
    plan: Plan

    @property
    def name(self) -> str:
        return f"{self.scenario}.{self.package}.{self.scheduler}.{self.fidelity}"

    @property
    def where(self) -> tuple[str, str]:
        return self.scenario, self.package


def full_files() -> list[Path]:
    """The schedules that are kept in full."""
    return sorted(FOLDER.glob("*.json"))


@cache
def stored() -> tuple[Stored, ...]:
    """The schedules that are kept in short."""
    return tuple(Stored(**json.loads(line)) for line in SHORT.read_text(encoding="utf-8").splitlines())


def dump(schedules: list[Stored]) -> str:
    """The text of the file of schedules in short."""
    lines = (json.dumps(vars(each), separators=(",", ":")) for each in sorted(schedules, key=lambda each: each.name))
    return "".join(line + "\n" for line in lines)


def in_short(document: dict[str, Any]) -> Stored:
    """What is kept of a `schedule.json` that a scheduler made."""
    evaluation, search = document["evaluation"], document["search"]
    return Stored(
        scenario=document["scenario"]["name"],
        package=document["package"]["name"],
        scheduler=search["scheduler"],
        fidelity=document["fidelity"],
        objective=document["objective"],
        latency_s=evaluation["latency_s"],
        energy_j=evaluation["energy_j"],
        evaluation=digest(evaluation),
        bound=digest([search["value"], search["lower_bound"]]),
        plan=plan_in_short(document),
    )


def plan_in_short(document: dict[str, Any]) -> Plan:
    models = document["scenario"]["models"]
    tasks = [task.get("name", task["model"]["name"]) for task in models]
    layers = [[layer["name"] for layer in task["model"]["layers"]] for task in models]

    def stage(data: dict[str, Any], names: list[str]) -> list[Any]:
        given = data["partition"]
        words = given if isinstance(given, list) else [given] * len(data["layers"])
        letters = "".join(LETTERS[Partition(word)] for word in words)
        ends = [names.index(data["layers"][0]), names.index(data["layers"][-1])]
        return [*ends, data["chiplets"], letters.strip("-") and letters]

    def pipeline(data: dict[str, Any]) -> list[Any]:
        task = tasks.index(data["model"])
        return [task, data["micro_batch"], *(stage(each, layers[task]) for each in data["stages"])]

    return [[pipeline(each) for each in window["pipelines"]] for window in document["schedule"]["windows"]]


def schedule_of(plan: Plan) -> Schedule:
    """The plan that was kept in short."""
    words = {letter: partition for partition, letter in LETTERS.items()}

    def stage(first: int, last: int, chiplets: list[int], letters: str) -> Stage:
        return Stage(first, last, tuple(chiplets), tuple(words[letter] for letter in letters))

    def pipeline(task: int, micro_batch: int, *stages: list[Any]) -> Pipeline:
        return Pipeline(task, tuple(stage(*each) for each in stages), micro_batch)

    return Schedule(tuple(Window(tuple(pipeline(*each) for each in window)) for window in plan))


def digest(data: Any) -> str:
    """SHA-256 of plain data: the same for numbers that are equal to the last bit, be they written as 1 or as 1.0."""
    text = json.dumps(_as_floats(data), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _as_floats(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _as_floats(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_as_floats(value) for value in data]
    # 0.0 is added because -0.0 equals 0.0 and is written differently
    return float(data) + 0.0 if isinstance(data, int | float) and not isinstance(data, bool) else data


def grounds(scenario: str, package: str) -> dict[str, Prepared]:
    """The problem in each fidelity; layers are costed once."""
    problem = pose(resolve_scenario(scenario), resolve_package(package), choose(COST_MODEL))
    return {str(fidelity): prepare(replace(problem, fidelity=fidelity)) for fidelity in Fidelity}


def evaluated(kept: Stored, ready: Prepared) -> Result:
    """The plan with today's figures."""
    search = Search(kept.scheduler, {}, 0, 0.0, 0, (), True, ())
    return assess(ready, describe(choose(COST_MODEL)), schedule_of(kept.plan), objective(kept.objective), search)


def differences(kept: Stored, ready: Prepared) -> Iterator[str]:
    """What comes out differently today, in words."""
    plan = schedule_of(kept.plan)
    faults = faults_of(plan, ready)
    if faults:
        yield f"{kept.name}: not a valid schedule: {'; '.join(map(str, faults))}"
        return
    now = in_short(to_document(evaluated(kept, ready)))
    assert now.plan == kept.plan
    figures = [name for name in ("latency_s", "energy_j") if getattr(now, name) != getattr(kept, name)]
    for name in figures:
        yield f"{kept.name}: {name}: stored {getattr(kept, name)!r}, computed {getattr(now, name)!r}"
    if now.evaluation != kept.evaluation and not figures:
        yield f"{kept.name}: latency_s and energy_j are as stored, another figure of the evaluation is not"
    if now.bound != kept.bound and not figures:
        yield f"{kept.name}: the value or the lower bound is not as stored"
