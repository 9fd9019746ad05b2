"""The Python API: make a schedule, evaluate and simulate one, compare schedulers and packages, import models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chipweave.api.answer import run
from chipweave.api.asked import (
    case,
    fidelity_of,
    package_of,
    require_numbers,
    require_scheduler,
    require_simulation,
    scenario_of,
)
from chipweave.api.imports import from_hf, from_onnx, from_torch
from chipweave.cost import DEFAULT
from chipweave.cost.choose import choose, describe
from chipweave.cost.interface import CostModel
from chipweave.errors import ChipweaveError, InputError, did_you_mean
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.exact.ground import prepare
from chipweave.hardware.package import Package
from chipweave.plain import short
from chipweave.plan.objective import Function, require_objective
from chipweave.plan.objective import objective as make_objective
from chipweave.plan.problem import Fidelity, pose
from chipweave.plan.schedule import Schedule
from chipweave.results.case import Case
from chipweave.results.result import Cell, Comparison, Result, assess
from chipweave.schedulers import options_class
from chipweave.schedulers.search import Progress
from chipweave.workload.model import Model
from chipweave.workload.scenario import Scenario

if TYPE_CHECKING:
    from chipweave.simulation.machine import Machine
    from chipweave.simulation.outcome import Simulation

__all__ = [
    "Case",
    "Cell",
    "Comparison",
    "Result",
    "case",
    "compare",
    "evaluate",
    "from_hf",
    "from_onnx",
    "from_torch",
    "require_numbers",
    "run",
    "schedule",
    "simulate",
]


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
    rows: bool = False,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Result:
    """Find a schedule of `scenario` on `package` that minimises `objective`: `run(case(...))`.

    Args:
        scenario, package: objects, built-in names or YAML files; a model stands for a scenario of one.
        scheduler, options: of `chipweave list schedulers`; its own, as `chipweave.schedulers.scar.options.ScarOptions`.
        batch: samples of a scenario of one; None: its own, of a model 1.
        objective: `latency` (s), `energy` (J), `edp` (Js), `throughput` (most samples a second, that is least latency
            of all batches), an expression such as `edp * cost` (`plan.objective`), or a callable (latency_s, energy_j).
        cost_model: `loopnest`, `maestro`, `table:FILE.csv`, or an object with `name` and `costs`.
        fidelity, seed: `paper` or `detailed`; of anything random: same inputs, seed and version, same schedule.
        time_limit_s, jobs: stop with the best so far; threads, on which no result depends (None: as many as cores).
        simulate, rows: choose among so many of the best plans by simulating; look for layers that go strip by strip.
        latency_limit_s, energy_limit_j, power_limit_w: of the whole schedule, at most, instead of the scenario's.
        rescued: where the scheduler's own schedules do not keep the limits, take one that `weave` finds within them.
        progress, stop: called now and then during the search; True of `stop` ends it with the best so far.

    Raises:
        InputError: a name, file or option is wrong.
        InfeasibleError: no valid schedule, or none within the limits.
    """
    question = case(
        scenario,
        package,
        scheduler=scheduler,
        rows=rows,
        batch=batch,
        objective=objective,
        cost_model=cost_model,
        fidelity=fidelity,
        seed=seed,
        time_limit_s=time_limit_s,
        options=options,
        simulate=simulate,
        latency_limit_s=latency_limit_s,
        energy_limit_j=energy_limit_j,
        power_limit_w=power_limit_w,
        rescued=rescued,
    )
    return run(question, jobs=jobs, progress=progress, stop=stop)


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
    ready = prepare(pose(scenario_of(scenario), package_of(package), model, fidelity_of(fidelity)))
    faults = faults_of(plan, ready)
    if faults:
        raise InputError([f"schedule: {fault}" for fault in faults])
    return assess(ready, describe(model), plan, make_objective(objective, ready.package))


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
    workload = scenario_of(scenario, common.pop("batch", None))
    systems = [package_of(package) for package in packages]

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
        require_scheduler(scheduler)
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
    require_objective(common.get("objective", "edp"))
    choose(common.get("cost_model", DEFAULT))
    require_simulation(common.get("simulate"), fidelity_of(common.get("fidelity", "detailed")))
