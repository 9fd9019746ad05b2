"""How Scope's experiments are asked again: a network on a mesh of Simba-class chiplets, scheduled for throughput."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from chipweave.api import schedule
from chipweave.files.package_file import resolve_package
from chipweave.files.scenario_file import resolve_scenario
from chipweave.plan.schedule import Schedule
from chipweave.results.result import Result
from chipweave.schedulers.scope.options import RegionOptions
from chipweave.workload.model import Model
from chipweave.workload.scenario import Scenario

RECONSTRUCTION = (
    "Of Scope only the abstract is public. The packages (meshes of Simba-class chiplets with 1 MiB of L2), the space "
    "of schedules, the search and the evaluation (cost model `maestro`, fidelity `detailed`) are our reconstruction."
)
CHIPLETS = (16, 36, 64, 144, 256)


@dataclass(frozen=True)
class Run:
    """A question: a network on a mesh under `scope` or a baseline on its space.

    Args:
        network: of the zoo.
        chiplets: of the preset `mesh-N`.
        scheduler: `scope`, `segmented-pipeline`, `full-pipeline`, `sequential`.
        batch: samples.
        micro_batch: samples that pass a pipeline at a time; None: searched.
    """

    network: str
    chiplets: int
    scheduler: str
    batch: int = 64
    micro_batch: int | None = None

    def answer(self) -> dict[str, Any]:
        """`latency_s`, `energy_j`; `bound_s`, below which no schedule gets; `evaluated` stages; `plan`: per window its
        stages as (units, chiplets); `shares` of the chiplets' time (`where_time_goes`)."""
        result = schedule(
            scenario_of(self.network, self.batch),
            resolve_package(f"mesh-{self.chiplets}"),
            scheduler=self.scheduler,
            objective="throughput",
            cost_model="maestro",
            jobs=1,
            options=RegionOptions(micro_batch=self.micro_batch),
        )
        (task,) = result.problem.scenario.tasks
        return {
            "latency_s": result.evaluation.latency_s,
            "energy_j": result.evaluation.energy_j,
            "bound_s": None if result.certificate is None else result.certificate.latency_s,
            "evaluated": None if result.search is None else result.search.evaluated,
            "plan": plan_of(task.model, result.schedule),
            "shares": None if result.certificate is None else where_time_goes(result),
        }


def scenario_of(network: str, batch: int) -> Scenario:
    """So many samples of a network of the zoo."""
    scenario = resolve_scenario(network)
    return replace(scenario, tasks=(replace(scenario.tasks[0], batch=batch),))


def plan_of(model: Model, plan: Schedule) -> list[list[list[int]]]:
    """Per window its stages as [units, chiplets]; a unit is a layer with what rides with it."""
    ends = [last for _, last in model.units]
    return [
        [
            [sum(stage.first <= end <= stage.last for end in ends), len(stage.chiplets)]
            for pipeline in window.pipelines
            for stage in pipeline.stages
        ]
        for window in plan.windows
    ]


def where_time_goes(result: Result) -> dict[str, float]:
    """Shares of chiplets x latency: the least compute that any schedule needs (its lower bound), what the chosen splits
    compute beyond that, filling and draining pipelines (weights loaded once included), and the rest: chiplets that
    wait for the slowest stage or for transfers, or are in no region."""
    assert result.certificate is not None
    chiplets = len(result.problem.package.chiplets)
    total = chiplets * result.evaluation.latency_s
    pipelines = [pipeline for window in result.evaluation.windows for pipeline in window.pipelines]
    busy = sum(p.micro_batches * stage.compute_s * len(stage.chiplets) for p in pipelines for stage in p.stages)
    filling = sum(chiplets * (p.latency_s - p.micro_batches * p.slowest.steady_s) for p in pipelines)
    least = chiplets * dict(result.certificate.terms_s)["compute"]
    shares = {"least compute": least, "splitting": busy - least, "fill and drain": filling}
    return {name: part / total for name, part in (shares | {"waiting": total - busy - filling}).items()}
