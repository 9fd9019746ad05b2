"""How a result was made, as a command that makes it again."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator
from typing import Any

from chipweave.cost import DEFAULT
from chipweave.files.content import content_hash
from chipweave.files.package_file import package_to_dict, resolve_package
from chipweave.files.presets import package_names
from chipweave.files.scenario_file import resolve_scenario, scenario_to_dict
from chipweave.plan.problem import Fidelity
from chipweave.report.naming import cost_model_of
from chipweave.results.result import Result, Search
from chipweave.schedulers import options_of
from chipweave.workload.scenario import Scenario

LIMIT_FLAGS = {
    "latency_limit_s": "--latency-limit",
    "energy_limit_j": "--energy-limit",
    "power_limit_w": "--power-limit",
}
"""Of the whole schedule."""


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
    words += ["--seed", str(search.seed), *_options(search), *(["--rows"] if result.schedule.in_strips else [])]
    return shlex.join(words)


def _scenario(scenario: Scenario) -> list[str]:
    from chipweave.workload.zoo import MODELS, SCENARIOS

    if scenario.name not in (*SCENARIOS, *MODELS):
        return ["scenario.yaml"]
    built_in = resolve_scenario(scenario.name)
    if _same(scenario_to_dict(built_in), scenario_to_dict(scenario)):
        return [scenario.name]
    limits = {flag: limit for name, flag in LIMIT_FLAGS.items() if (limit := getattr(scenario, name)) is not None}
    if limits:
        free = dataclasses.replace(scenario, latency_limit_s=None, energy_limit_j=None, power_limit_w=None)
        return [*_scenario(free), *(word for flag, limit in limits.items() for word in (flag, str(limit)))]
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
    if name == DEFAULT:
        return []
    floor = result.cost_model.get("offchip_bandwidth")
    return ["--cost-model", name, *([] if floor is None else ["--maestro-offchip-bandwidth", str(floor)])]


def _options(search: Search) -> Iterator[str]:
    """The scheduler's options that are not its defaults."""
    known = {option.name: option for option in options_of(search.scheduler)}
    for key, value in search.options.items():
        option = known.get(key)
        if value is not None and (option is None or value != option.default):
            yield from ("--" + key.replace("_", "-"), str(value)) if option is None else option.words(value)
