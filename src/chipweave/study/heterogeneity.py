"""Whether a mixed package pays: finished schedules of one scenario on several packages, held against one another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chipweave.evaluation.evaluate import evaluate
from chipweave.plan.objective import objective
from chipweave.plan.schedule import Stage
from chipweave.results.result import Result, assess
from chipweave.study.affinity import Figures, Freedom, LayerClass, freedom, layer_class
from chipweave.study.places import better_places


@dataclass(frozen=True, slots=True)
class Outcome:
    """A schedule's cost.

    Args:
        mixed: whether the package has chiplets of more than one class.
        plan_of: the package that the schedule was found for; `searched_js`: EDP of what was found for this one.
        compute_s: chiplet-seconds of computing.
        busy: chiplets that compute, on average over the latency, as a fraction of all: latency is `compute_s` over
            `busy` over the chiplets, exactly.
        bound_js: no schedule's EDP on this package is below (the certificate's).
    """

    package: str
    mixed: bool
    plan_of: str
    searched_js: float
    latency_s: float
    energy_j: float
    edp_js: float
    compute_s: float
    busy: float
    bound_js: float


@dataclass(frozen=True, slots=True)
class Advantage:
    """The best mixed package against the best homogeneous one; fractions of the latter's figures, above 0: it pays.

    Args:
        pays: of EDP, as found.
        latency, energy, compute: what it saves in each, `compute` in chiplet-seconds.
        at_most: of EDP. The homogeneous schedule that was found against the least bound of the mixed packages: no
            schedule on any of them saves more over it. (The homogeneous one may itself be improved.)
    """

    homogeneous: Outcome
    mixed: Outcome
    pays: float
    latency: float
    energy: float
    compute: float
    at_most: float


@dataclass(frozen=True, slots=True)
class Work:
    """Chiplet-seconds of computing, and multiply-accumulates, all samples counted."""

    compute_s: float = 0.0
    macs: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(self.compute_s + other.compute_s, self.macs + other.macs)


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The slowest stage of the slowest pipeline of the longest window.

    Args:
        share: of the latency that the window takes.
        bound_by: what sets the window's latency; the stage does where it is 'pipeline'.
        model, style: of the stage, and the chiplet that it runs on.
        layer, kind: of the layer that takes most of its computing.
    """

    share: float
    bound_by: str
    model: str
    style: str
    layer: str
    kind: LayerClass


@dataclass(frozen=True, slots=True)
class BestKnown:
    """What is known of a package: its own search's result, and the best schedule of any package, `plan_of` one."""

    searched: Result
    best: Result
    plan_of: str


def exchange(results: Sequence[Result]) -> tuple[BestKnown, ...]:
    """Every schedule on every package, its stages in better places, keeping the best on each.

    A search of a large space is cut short, on mixed packages more so than on homogeneous ones, where many schedules
    are alike. Without this a package might look bad that the schedule of another fits well.

    Args:
        results: of one scenario for EDP, with single chiplets, on packages with as many places and as much L2.
    """
    return tuple(_best_known(result, results) for result in results)


def outcome(found: BestKnown) -> Outcome:
    """The figures of the best schedule known."""
    result = found.best
    cost, package = result.evaluation, result.problem.package
    if result.certificate is None or result.objective != "edp":
        raise ValueError(f"the schedule on '{package.name}' was not found for EDP, but for '{result.objective}'")
    compute_s = sum(
        result.problem.scenario.tasks[pipeline.task].batch * _stage_s(result, pipeline.task, stage)
        for _, pipeline in result.schedule.pipelines()
        for stage in pipeline.stages
    )
    return Outcome(
        package.name,
        len(package.classes) > 1,
        found.plan_of,
        found.searched.evaluation.edp_js,
        cost.latency_s,
        cost.energy_j,
        cost.edp_js,
        compute_s,
        compute_s / (cost.latency_s * len(package.chiplets)),
        result.certificate.value,
    )


def advantage(outcomes: Sequence[Outcome]) -> Advantage:
    """`outcomes` has at least one mixed and one homogeneous package."""
    mixed = [each for each in outcomes if each.mixed]
    alike, best = (min(some, key=lambda each: each.edp_js) for some in ([o for o in outcomes if not o.mixed], mixed))
    return Advantage(
        alike,
        best,
        pays=1 - best.edp_js / alike.edp_js,
        latency=1 - best.latency_s / alike.latency_s,
        energy=1 - best.energy_j / alike.energy_j,
        compute=1 - best.compute_s / alike.compute_s,
        at_most=1 - min(each.bound_js for each in mixed) / alike.edp_js,
    )


def work_by_class(result: Result) -> Mapping[tuple[str, LayerClass], Work]:
    """Who does what in a schedule of single chiplets: work by dataflow style and class of layer."""
    problem, found = result.problem, defaultdict[tuple[str, LayerClass], Work](Work)
    for _, pipeline in result.schedule.pipelines():
        task = problem.scenario.tasks[pipeline.task]
        for stage in pipeline.stages:
            chiplet = problem.package.chiplets[stage.chiplet]
            cycles = problem.layer_costs(pipeline.task, stage.chiplet).cycles
            for index in stage.layers:
                layer = task.model.layers[index]
                if not layer.rides:
                    seconds = task.batch * float(cycles[index]) / chiplet.clock_hz
                    found[str(chiplet.dataflow.style), layer_class(layer)] += Work(seconds, task.batch * layer.macs)
    return dict(found)


def bottleneck(result: Result) -> Bottleneck:
    """Of a schedule of single chiplets."""
    problem, cost = result.problem, result.evaluation
    window = max(cost.windows, key=lambda each: each.latency_s)
    pipeline = window.pipelines[window.slowest]
    stage, task = pipeline.slowest, problem.scenario.tasks[pipeline.task]
    cycles = problem.layer_costs(pipeline.task, stage.chiplets[0]).cycles
    multiplies = [index for index in range(stage.first, stage.last + 1) if not task.model.layers[index].rides]
    layer = task.model.layers[max(multiplies, key=lambda index: float(cycles[index]))]
    style = str(problem.package.chiplets[stage.chiplets[0]].dataflow.style)
    share = window.latency_s / cost.latency_s
    return Bottleneck(share, window.bound_by, task.name, style, layer.name, layer_class(layer))


def scenario_freedom(result: Result) -> Freedom:
    """`freedom` over all layers of the scenario of a mixed package, every sample counted, with the joules that depend
    on the style alone (MAC, L1, L2 between tiles, NoC)."""
    problem = result.problem
    tasks = problem.scenario.tasks
    rows = [[index for index, layer in enumerate(task.model.layers) if not layer.rides] for task in tasks]
    times = [task.batch for task, some in zip(tasks, rows, strict=True) for _ in some]
    styles = {
        str(chiplet.dataflow.style): Figures(
            np.concatenate([costs[place].cycles[some] for costs, some in zip(problem.costs, rows, strict=True)]),
            np.concatenate([costs[place].resident_j[some] for costs, some in zip(problem.costs, rows, strict=True)]),
        )
        for place, chiplet in enumerate(problem.package.classes)
    }
    return freedom(styles, times)


def _best_known(here: Result, results: Sequence[Result]) -> BestKnown:
    plans = {each.problem.package.name: better_places(here.problem, each.schedule) for each in results}
    costs = {name: evaluate(plan, here.problem).edp_js for name, plan in plans.items()}
    own = here.problem.package.name
    least = min(costs, key=lambda name: (costs[name], name != own))
    return BestKnown(here, assess(here.problem, here.cost_model, plans[least], objective("edp"), here.search), least)


def _stage_s(result: Result, task: int, stage: Stage) -> float:
    """Seconds of computing, one sample through a stage."""
    costs, chiplet = result.problem.layer_costs(task, stage.chiplet), result.problem.package.chiplets[stage.chiplet]
    return float(costs.cycles[stage.first : stage.last + 1].sum()) / chiplet.clock_hz
