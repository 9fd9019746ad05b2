"""The Python API: make a schedule, evaluate and simulate one, compare schedulers and packages, import models."""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chipweave.cores import usable_cores
from chipweave.cost import DEFAULT
from chipweave.cost.choose import choose, describe
from chipweave.cost.interface import CostModel, TellingCostModel
from chipweave.errors import ChipweaveError, InputError, did_you_mean
from chipweave.evaluation.check import faults_of, keeps_limits, require_limits
from chipweave.evaluation.evaluate import evaluate as evaluated
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.hardware.package import Package
from chipweave.plain import short
from chipweave.plan.certificate import Requirement, Unmet, infeasible
from chipweave.plan.objective import Function, Objective
from chipweave.plan.objective import objective as make_objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Schedule
from chipweave.results.result import Cell, Comparison, Result, Search, assess
from chipweave.schedulers import SCHEDULERS, options_class
from chipweave.schedulers import scheduler as scheduler_named
from chipweave.schedulers.rescue import found_by
from chipweave.schedulers.search import Found, Progress, Request
from chipweave.workload.model import Model
from chipweave.workload.scenario import Scenario, Task

if TYPE_CHECKING:
    import torch

    from chipweave.schedulers import Scheduler
    from chipweave.simulation.machine import Machine
    from chipweave.simulation.outcome import Simulation
    from chipweave.workload.importers.assembly import Imported

__all__ = ["Cell", "Comparison", "Result", "compare", "evaluate", "from_onnx", "from_torch", "schedule", "simulate"]

MOST_JOBS = 1024


def schedule(
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
    jobs: int | None = None,
    options: object | None = None,
    simulate: int | None = None,
    latency_limit_s: float | None = None,
    energy_limit_j: float | None = None,
    power_limit_w: float | None = None,
    rescued: bool = True,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Result:
    """Find a schedule of `scenario` on `package` that minimises `objective`.

    Args:
        scenario, package: objects, built-in names or YAML files; a model stands for a scenario of one.
        scheduler: one of `chipweave list schedulers`.
        batch: samples of a scenario of one; None: its own, of a model 1.
        objective: `latency` (s), `energy` (J), `edp` (Js), `throughput` (most samples a second, that is least latency
            of all batches), an expression of `latency` and `energy`, or a callable (latency_s, energy_j).
        cost_model: `loopnest`, `maestro`, `table:FILE.csv`, or an object with `name` and `costs`.
        fidelity: `paper` or `detailed`.
        seed: of anything random; same inputs, seed and version give the same schedule.
        time_limit_s: stop with the best so far; None: none.
        jobs: threads; None: one per core that may be used. The result does not depend on it.
        options: the scheduler's own, such as `chipweave.schedulers.scar.options.ScarOptions`.
        simulate: choose by simulation among so many of the best plans that the search keeps; None: do not.
        latency_limit_s, energy_limit_j, power_limit_w: of the whole schedule, at most, instead of the scenario's.
        rescued: where the scheduler's own schedules do not keep the limits, take one that `weave` finds within them.
        progress: called now and then during the search.
        stop: asked now and then; True ends the search with the best so far.

    Raises:
        InputError: a name, file or option is wrong.
        InfeasibleError: no valid schedule, or none within the limits.
    """
    started = time.monotonic()
    _, taken = _scheduler(scheduler), _plain(options)
    require_numbers(seed, time_limit_s, jobs)
    goal, level = make_objective(objective), _fidelity(fidelity)
    _require_simulation(simulate, level)
    model = choose(cost_model, jobs=jobs)
    deadline_s = None if time_limit_s is None else started + time_limit_s
    request = _request(goal, seed, deadline_s, jobs, options, progress, stop)
    workload = _limited(_scenario(scenario, batch), latency_limit_s, energy_limit_j, power_limit_w)
    ready = prepare(_posed(workload, _package(package), model, level, request))
    found = _chosen_by_simulation(found_by(scheduler, ready, request, rescued), ready, goal, simulate)
    _require_valid(found.schedule, ready, scheduler)
    search = _searched(scheduler, taken, seed, found, time.monotonic() - started)
    result = assess(ready, describe(model), found.schedule, goal, search)
    require_limits(result.evaluation, ready.problem)
    return result


def _request(
    goal: Objective,
    seed: int,
    deadline_s: float | None,
    jobs: int | None,
    options: object | None,
    progress: Callable[[Progress], None] | None,
    stop: Callable[[], bool] | None,
) -> Request:
    return Request(
        objective=goal,
        seed=int(seed),
        deadline_s=deadline_s,
        jobs=jobs or usable_cores(),
        options=options,
        progress=progress or (lambda _: None),
        stop=stop or (lambda: False),
    )


def _require_simulation(plans: int | None, level: Fidelity) -> None:
    if plans is None:
        return
    if not isinstance(plans, Integral) or not 1 <= plans < 2**31:
        raise InputError(f"simulate={short(plans)} is no number of plans; give at least 1")
    if level is not Fidelity.DETAILED:
        raise InputError("simulate: fidelity 'paper' is the printed equations and nothing else; use 'detailed'")


def _require_valid(plan: Schedule, ready: Prepared, scheduler: str) -> None:
    faults = faults_of(plan, ready)
    if faults:
        raise RuntimeError(f"scheduler '{scheduler}' returned an invalid schedule: {'; '.join(map(str, faults))}")


def _chosen_by_simulation(found: Found, ready: Prepared, goal: Objective, plans: int | None) -> Found:
    """What the search found, with the plan that is best as simulated, and a note that says so; as it is for None."""
    if plans is None:
        return found
    from chipweave.simulation.rescore import rescored, verdict

    kept = [plan for plan in found.near[: plans - 1] if keeps_limits(evaluated(plan, ready), ready.problem)]
    ranked = rescored(ready, (found.schedule, *kept), goal)
    return dataclasses.replace(found, schedule=ranked[0].schedule, notes=(*found.notes, verdict(ranked)))


def _searched(scheduler: str, options: dict[str, Any], seed: int, found: Found, seconds: float) -> Search:
    """How the schedule was found."""
    return Search(
        scheduler=scheduler,
        options=options,
        seed=int(seed),
        seconds=seconds,
        evaluated=found.evaluated,
        front=found.front,
        complete=found.complete,
        notes=found.notes,
        proof=found.proof,
        history=found.history,
    )


def evaluate(
    plan: Schedule | str | Path,
    scenario: Scenario | Model | str | Path | None = None,
    package: Package | str | Path | None = None,
    *,
    objective: str | Function = "edp",
    cost_model: str | CostModel = DEFAULT,
    fidelity: Fidelity | str = "detailed",
) -> Result:
    """What a schedule costs: a `schedule.json`, a plan written by hand, or a `Schedule`.

    A file says itself what it runs where and how it is to be costed; the other arguments belong to a
    `Schedule`. `Result.changes` says where a file's stored figures differ from the computed ones.

    Raises:
        InputError: the file cannot be read, or the schedule is invalid, with every reason.
    """
    if not isinstance(plan, Schedule):
        from chipweave.files.schedule_file import read

        if scenario is not None or package is not None:
            raise InputError("evaluate: a file names its own scenario and package; leave the arguments out")
        return read(Path(plan))
    if scenario is None or package is None:
        raise InputError("evaluate: a Schedule needs its scenario and package beside it")
    model = choose(cost_model)
    ready = prepare(pose(_scenario(scenario), _package(package), model, _fidelity(fidelity)))
    faults = faults_of(plan, ready)
    if faults:
        raise InputError([f"schedule: {fault}" for fault in faults])
    return assess(ready, describe(model), plan, make_objective(objective))


def simulate(plan: Result | str | Path, machine: Machine | None = None) -> Simulation:
    """Play a schedule through, transfer by transfer (docs/simulation.md): how long it takes, and what was waited for.

    Args:
        plan: a result, or a file as `evaluate` takes it; of fidelity `detailed`.
        machine: a `chipweave.simulation.machine.Machine`; None: the default one.

    Raises:
        InputError: the file cannot be read, the schedule is invalid, or its fidelity is `paper`.
    """
    from chipweave.simulation.machine import Machine
    from chipweave.simulation.outcome import simulate_all

    result = plan if isinstance(plan, Result) else evaluate(plan)
    return simulate_all(result.problem, result.schedule, result.evaluation, machine or Machine())


def compare(
    scenario: Scenario | Model | str | Path,
    packages: Sequence[Package | str | Path],
    schedulers: Sequence[str] = ("scar", "standalone"),
    *,
    options: Mapping[str, object] | None = None,
    progress: Callable[[str], None] | None = None,
    stop: Callable[[], bool] | None = None,
    **common: Any,
) -> Comparison:
    """Run every scheduler on every package, on one scenario.

    Args:
        options: by scheduler.
        progress: called with what runs next.
        stop: asked before each run; True ends the comparison with the cells so far.
        common: passed to `schedule`.

    Raises:
        InputError: a name, a file or an argument is wrong; nothing is run then. A cell that cannot be scheduled says
            why in its `reason`.
    """
    for name, given in (("packages", packages), ("schedulers", schedulers)):
        if isinstance(given, str | Path | Package):
            raise InputError(f"{name}: {given!r} is no list; give one, such as [{given!r}]")
    _require_common(schedulers, options or {}, common)
    workload = _scenario(scenario, common.pop("batch", None))
    systems = [_package(package) for package in packages]

    def run(scheduler: str, package: Package) -> Cell:
        if progress is not None:
            progress(f"{scheduler} on {package.name}")
        try:
            chosen = (options or {}).get(scheduler)
            result = schedule(workload, package, scheduler=scheduler, options=chosen, rescued=False, **common)
        except ChipweaveError as error:
            return Cell(scheduler, package.name, None, str(error))
        return Cell(scheduler, package.name, result)

    cells: list[Cell] = []
    for package in systems:
        for scheduler in schedulers:
            if stop is not None and stop():
                break
            cells.append(run(scheduler, package))
    return Comparison(cells)


def _require_common(schedulers: Sequence[str], options: Mapping[str, object], common: Mapping[str, Any]) -> None:
    """Say before the first run of a comparison what would stop every one of them."""
    for scheduler in schedulers:
        _scheduler(scheduler)
    own = ("scheduler", "options", "rescued", "progress", "stop")
    keywords = [name for name, each in signature(schedule).parameters.items() if each.kind is each.KEYWORD_ONLY]
    known = [name for name in keywords if name not in own]
    for name in common:
        if name not in known:
            raise InputError(f"compare: unknown argument '{name}'{did_you_mean(name, known)}")
    for scheduler, chosen in options.items():
        if scheduler not in schedulers:
            raise InputError(f"options: '{scheduler}' is not compared; compare it too, or leave its options out")
        wanted = options_class(scheduler)
        if chosen is not None and (wanted is None or not isinstance(chosen, wanted)):
            what = "that takes none" if wanted is None else f"whose options are a {wanted.__name__}"
            raise InputError(f"options of '{scheduler}': {short(chosen)} is given to a scheduler {what}")
    require_numbers(common.get("seed", 0), common.get("time_limit_s"), common.get("jobs"))
    make_objective(common.get("objective", "edp"))
    choose(common.get("cost_model", DEFAULT))
    _require_simulation(common.get("simulate"), _fidelity(common.get("fidelity", "detailed")))


def from_torch(
    module: torch.nn.Module,
    example_inputs: torch.Tensor | tuple[Any, ...] | Mapping[str, Any],
    *,
    name: str | None = None,
    strict: bool = False,
    bytes_per_element: int = 1,
) -> Model:
    """The model of a PyTorch module, in evaluation mode, for inputs of these shapes.

    The module is not changed, and its weights are not read: one made under `torch.device("meta")` has none. Operators
    that are not costed are named in a warning; `chipweave.workload.importers.torch.from_torch` counts them.

    Args:
        example_inputs: one tensor, a tuple of positional arguments, or a dictionary of keyword arguments; batch 1.
        name: of the model; by default that of the module's class.
        strict: operators that are not costed are an error.
        bytes_per_element: of activations and weights; not taken from the module.

    Raises:
        InputError: PyTorch is missing, the module cannot be traced, nothing in it is costed, or `strict` and some
            operators are not.
    """
    from chipweave.workload.importers.torch import from_torch as imported_from

    return _told(imported_from(module, example_inputs, name=name, strict=strict, bytes_per_element=bytes_per_element))


def from_onnx(
    path: str | Path,
    dims: Mapping[str, int] | None = None,
    *,
    strict: bool = False,
    name: str = "",
    bytes_per_element: int | None = None,
    inputs: Sequence[str] | None = None,
    values: Mapping[str, float | Sequence[float]] | None = None,
) -> Model:
    """The model in an ONNX file; weights are not needed. Operators that are not costed are named in a warning;
    `chipweave.workload.importers.onnx.import_onnx` counts them, and those that were folded.

    Args:
        dims: sizes of symbolic dimensions, by name (`batch`) or place (`INPUT:AXIS`).
        strict: operators that are not costed are an error.
        name: of the model; without one, the file's.
        bytes_per_element: of weights and activations alike; None takes the file's width where it is uniform, else 1.
        inputs: the network's, if the file has weights among them; without, they are told by name and place.
        values: of inputs that branches and loops depend on, by name: one for all entries, or as many as there are.

    Raises:
        InputError: no ONNX file, a damaged or outsized one, sizes that are missing, `onnx` not installed; under
            `strict`, operators that are not costed.
    """
    from chipweave.workload.importers.onnx import import_onnx

    made = import_onnx(
        path, dims, strict=strict, name=name, bytes_per_element=bytes_per_element, inputs=inputs, values=values
    )
    return _told(made)


def _told(imported: Imported) -> Model:
    """The model, after a warning for what is not costed and for each thing that was decided on the way."""
    if imported.unsupported:
        from chipweave.workload.importers.assembly import counted

        listed = counted(imported.unsupported)
        warnings.warn(f"'{imported.model.name}': not costed: {listed}", stacklevel=3)
    for note in imported.notes:
        warnings.warn(f"'{imported.model.name}': {note}", stacklevel=3)
    return imported.model


def _posed(scenario: Scenario, package: Package, model: CostModel, level: Fidelity, request: Request) -> Problem:
    """The problem. Where mappings are searched for, how far that is goes to `request.progress`, and
    `request.stop` is heard; a time limit is the search's alone, which needs the costs to have anything to show."""
    if not isinstance(model, TellingCostModel):
        return pose(scenario, package, model, level)

    def tell(done: int, total: int) -> None:
        if done < total and request.stop():
            again = "run the same command again: what was found is kept, and it goes on from there"
            shapes = Unmet(Requirement.TIME, demand=total, reached=done, unit="shapes", levers=(again,))
            raise infeasible(shapes)
        request.progress(Progress(done, total, None, "mapping layers"))

    return dataclasses.replace(pose(scenario, package, model.telling(tell), level), cost_model=model)


def _scheduler(name: str) -> Scheduler:
    if name not in SCHEDULERS:
        raise InputError(f"scheduler '{name}' is unknown{did_you_mean(name, SCHEDULERS)}")
    return scheduler_named(name)


def _fidelity(choice: Fidelity | str) -> Fidelity:
    try:
        return Fidelity(choice)
    except ValueError:
        raise InputError(f"fidelity '{choice}' is unknown{did_you_mean(choice, list(Fidelity))}") from None


def _scenario(choice: Scenario | Model | str | Path, batch: int | None = None) -> Scenario:
    """The scenario; with `batch`, one of a single model with so many samples."""
    scenario = _own_scenario(choice)
    if batch is None:
        return scenario
    if isinstance(batch, bool) or not isinstance(batch, Integral):
        raise InputError(f"batch={batch!r} is no whole number")
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


def _package(choice: Package | str | Path) -> Package:
    from chipweave.files.package_file import resolve_package

    if isinstance(choice, Package):
        return choice
    _require_name(choice, "package", "a Package, a name or a file")
    return resolve_package(str(choice))


def _require_name(choice: object, what: str, wanted: str) -> None:
    """Neither a list nor another tool's object is looked up by what it prints."""
    if not isinstance(choice, str | Path):
        raise InputError(f"{what}: {type(choice).__name__} is given; give {wanted}")


def require_numbers(seed: int, time_limit_s: float | None, jobs: int | None) -> None:
    """Hold what searches are given against its bounds."""
    problems = [
        f"{name}={short(value)} is no {word}"
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
        problems.append(f"seed={seed} is not in 0..{2**32 - 1}")
    if time_limit_s is not None and not (math.isfinite(time_limit_s) and time_limit_s > 0):
        remedy = "give the seconds that the search may take"
        problems.append(f"time limit {time_limit_s} s is not a positive number; {remedy}")
    if jobs is not None and not 1 <= jobs <= MOST_JOBS:
        problems.append(f"jobs={jobs} is not in 1..{MOST_JOBS}")
    if problems:
        raise InputError(problems)


def _plain(options: object | None) -> dict[str, Any]:
    """A scheduler's options as plain data."""
    if options is None:
        return {}
    if dataclasses.is_dataclass(options) and not isinstance(options, type):
        return dataclasses.asdict(options)
    raise InputError(f"options {options!r} are not a dataclass of the scheduler's, such as ScarOptions")
