"""How a result was made, as a command that makes it again."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator
from typing import Any

from chipweave.files.content import content_hash
from chipweave.files.package_file import package_to_dict, resolve_package
from chipweave.files.presets import package_names
from chipweave.files.scenario_file import resolve_scenario, scenario_to_dict
from chipweave.plan.problem import Fidelity
from chipweave.report.naming import cost_model_of
from chipweave.results.result import Result, Search
from chipweave.workload.scenario import Scenario


def command(result: Result) -> str:
    """The command line that makes the result again; of a plan written by hand, the one that evaluates its file.

    A scenario or package that is not built in is called scenario.yaml or package.yaml: `schedule.json` holds both.
    """
    problem, search = result.problem, result.search
    if search is None:
        return "chipweave evaluate schedule.json"
    words = ["chipweave", "schedule", *_scenario(problem.scenario), "--package", _package(result)]
    words += ["--scheduler", search.scheduler]
    if result.objective != "edp":
        words += ["--objective", result.objective]
    words += _cost_model(result)
    if problem.fidelity is not Fidelity.DETAILED:
        words += ["--fidelity", str(problem.fidelity)]
    words += ["--seed", str(search.seed), *_options(search)]
    return shlex.join(words)


def _scenario(scenario: Scenario) -> list[str]:
    from chipweave.workload.zoo import MODELS, SCENARIOS

    if scenario.name not in (*SCENARIOS, *MODELS):
        return ["scenario.yaml"]
    built_in = resolve_scenario(scenario.name)
    if _same(scenario_to_dict(built_in), scenario_to_dict(scenario)):
        return [scenario.name]
    if len(built_in.tasks) == len(scenario.tasks) == 1:
        batch = scenario.tasks[0].batch
        other = dataclasses.replace(built_in, tasks=(dataclasses.replace(built_in.tasks[0], batch=batch),))
        if _same(scenario_to_dict(other), scenario_to_dict(scenario)):
            return [scenario.name, "--batch", str(batch)]
    return ["scenario.yaml"]


def _package(result: Result) -> str:
    package = result.problem.package
    known = package.name in package_names()
    if known and _same(package_to_dict(resolve_package(package.name)), package_to_dict(package)):
        return package.name
    return "package.yaml"


def _same(one: Any, other: Any) -> bool:
    return content_hash(one) == content_hash(other)


def _cost_model(result: Result) -> list[str]:
    name = cost_model_of(result.cost_model)
    if name == "loopnest":
        return []
    floor = result.cost_model.get("offchip_bandwidth")
    return ["--cost-model", name, *([] if floor is None else ["--maestro-offchip-bandwidth", str(floor)])]


def _options(search: Search) -> Iterator[str]:
    """The scheduler's options that are not its defaults."""
    from chipweave.schedulers.scar.options import ScarOptions
    from chipweave.schedulers.scope.options import RegionOptions

    defaults = dataclasses.asdict(ScarOptions()) | dataclasses.asdict(RegionOptions())
    for key, value in search.options.items():
        if value is not None and value != defaults.get(key):
            yield "--" + key.replace("_", "-")
            yield str(value).replace("_", "-")
