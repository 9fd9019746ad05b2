"""From the arguments that users give to a case, or to what is wrong with them."""

from __future__ import annotations

import dataclasses
import math
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from chipweave.cost import DEFAULT
from chipweave.cost.choose import choose, on_threads
from chipweave.cost.interface import CostModel
from chipweave.errors import InputError, did_you_mean
from chipweave.hardware.package import Package
from chipweave.plain import short
from chipweave.plan.objective import Function, require_objective
from chipweave.plan.problem import Fidelity
from chipweave.results.case import Case
from chipweave.schedulers import SCHEDULERS
from chipweave.workload.model import Model
from chipweave.workload.scenario import Scenario, Task

MOST_JOBS = 1024


def case(
    scenario: Scenario | Model | str | Path,
    package: Package | str | Path,
    *,
    scheduler: str = "weave",
    batch: int | None = None,
    objective: str | Function = "edp",
    cost_model: str | CostModel = DEFAULT,
    fidelity: Fidelity | str = "detailed",
    seed: int = 0,
    time_limit_s: float | None = None,
    options: object | None = None,
    simulate: int | None = None,
    latency_limit_s: float | None = None,
    energy_limit_j: float | None = None,
    power_limit_w: float | None = None,
    rescued: bool = True,
    rows: bool = False,
) -> Case:
    """The question that `chipweave.schedule` answers for these arguments, as a value; `chipweave.run` answers it.

    Raises:
        InputError: a name, file or option is wrong.
    """
    require_scheduler(scheduler)
    plain(options)
    require_numbers(seed, time_limit_s, None)
    require_objective(objective)
    level = fidelity_of(fidelity)
    require_simulation(simulate, level)
    require_rows(rows, level)
    model = on_threads(choose(cost_model), None)
    workload = _limited(scenario_of(scenario, batch), latency_limit_s, energy_limit_j, power_limit_w)
    return Case(
        scenario=workload,
        package=package_of(package),
        scheduler=scheduler,
        options=options,
        objective=objective,
        cost_model=model,
        fidelity=level,
        seed=int(seed),
        time_limit_s=time_limit_s,
        simulate=simulate,
        rescued=rescued,
        rows=rows,
    )


def require_scheduler(name: str) -> None:
    """Hold a name against those of the schedulers."""
    if name not in SCHEDULERS:
        raise InputError(f"scheduler '{name}' is unknown{did_you_mean(name, SCHEDULERS)}")


def fidelity_of(choice: Fidelity | str) -> Fidelity:
    try:
        return Fidelity(choice)
    except ValueError:
        raise InputError(f"fidelity '{choice}' is unknown{did_you_mean(choice, list(Fidelity))}") from None


def scenario_of(choice: Scenario | Model | str | Path, batch: int | None = None) -> Scenario:
    """The scenario; with `batch`, one of a single model with so many samples."""
    scenario = _own_scenario(choice)
    if batch is None:
        return scenario
    if isinstance(batch, bool) or not isinstance(batch, Integral):
        raise InputError(f"batch={batch!r} is no whole number; give one")
    if len(scenario.tasks) > 1:
        models = f"'{scenario.name}' has {len(scenario.tasks)} models with batches of their own"
        raise InputError(f"batch {batch}: {models}; leave it out")
    return dataclasses.replace(scenario, tasks=(dataclasses.replace(scenario.tasks[0], batch=int(batch)),))


def _own_scenario(choice: Scenario | Model | str | Path) -> Scenario:
    from chipweave.files.scenario_file import resolve_scenario

    if isinstance(choice, Model):
        return Scenario(choice.name, (Task(choice.name, choice),))
    if isinstance(choice, Scenario):
        return choice
    _require_name(choice, "scenario", "a Scenario, a Model (from_torch and from_onnx make them), a name or a file")
    return resolve_scenario(str(choice))


def _limited(
    scenario: Scenario, latency_limit_s: float | None, energy_limit_j: float | None, power_limit_w: float | None
) -> Scenario:
    """The scenario with those limits of the whole that are given."""
    given = {"latency_limit_s": latency_limit_s, "energy_limit_j": energy_limit_j, "power_limit_w": power_limit_w}
    limits: dict[str, Any] = {name: limit for name, limit in given.items() if limit is not None}
    wrong = [f"{name}={limit!r} is no number" for name, limit in limits.items() if not isinstance(limit, Real)]
    if wrong:
        raise InputError(wrong)
    return dataclasses.replace(scenario, **limits) if limits else scenario


def package_of(choice: Package | str | Path) -> Package:
    from chipweave.files.package_file import resolve_package

    if isinstance(choice, Package):
        return choice
    _require_name(choice, "package", "a Package, a name or a file")
    return resolve_package(str(choice))


def _require_name(choice: object, what: str, wanted: str) -> None:
    """Neither a list nor another tool's object is looked up by what it prints."""
    if not isinstance(choice, str | Path):
        raise InputError(f"{what}: {type(choice).__name__} is given; give {wanted}")


def require_simulation(plans: int | None, level: Fidelity) -> None:
    if plans is None:
        return
    if not isinstance(plans, Integral) or not 1 <= plans < 2**31:
        raise InputError(f"simulate={short(plans)} is no number of plans; give at least 1")
    if level is not Fidelity.DETAILED:
        raise InputError("simulate: fidelity 'paper' is the printed equations and nothing else; use 'detailed'")


def require_rows(rows: bool, level: Fidelity) -> None:
    """Strips are no part of `paper`."""
    if not isinstance(rows, bool):
        raise InputError(f"rows={short(rows)} is neither True nor False; give one")
    if rows and level is not Fidelity.DETAILED:
        raise InputError("rows: fidelity 'paper' is the printed equations and nothing else; use 'detailed'")


def require_numbers(seed: int, time_limit_s: float | None, jobs: int | None) -> None:
    """Hold what searches are given against its bounds."""
    problems = [
        f"{name}={short(value)} is no {word}; give one"
        for name, value, kind, word in (
            ("seed", seed, Integral, "whole number"),
            ("jobs", jobs, Integral | None, "whole number"),
            ("time_limit_s", time_limit_s, Real | None, "number"),
        )
        if not isinstance(value, kind)
    ]
    if problems:
        raise InputError(problems)
    if not 0 <= seed < 2**32:
        problems.append(f"seed={seed} is not in 0..{2**32 - 1}; give a number that is")
    if time_limit_s is not None and not (math.isfinite(time_limit_s) and time_limit_s > 0):
        remedy = "give the seconds that the search may take"
        problems.append(f"time limit {time_limit_s} s is not a positive number; {remedy}")
    if jobs is not None and not 1 <= jobs <= MOST_JOBS:
        problems.append(f"jobs={jobs} is not in 1..{MOST_JOBS}; give a number that is")
    if problems:
        raise InputError(problems)


def plain(options: object | None) -> dict[str, Any]:
    """A scheduler's options as plain data."""
    if options is None:
        return {}
    if dataclasses.is_dataclass(options) and not isinstance(options, type):
        return dataclasses.asdict(options)
    raise InputError(f"options {options!r} are not a dataclass of the scheduler's, such as ScarOptions")
