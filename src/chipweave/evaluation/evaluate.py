"""The one evaluator: a schedule in, its latency and energy with every term out (SCAR III-E; DESIGN of `detailed`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chipweave.evaluation.exact.demand import Setting, evaluate_stage
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.exact.tensors import locate
from chipweave.evaluation.exact.transfer import Floats, Transfer, together
from chipweave.evaluation.record import (
    Energy,
    Evaluation,
    PipelineEvaluation,
    StageEvaluation,
    WindowEvaluation,
)
from chipweave.plan.problem import Problem
from chipweave.plan.schedule import Schedule, Window


def evaluate(schedule: Schedule, problem: Problem | Prepared) -> Evaluation:
    """Latency (seconds) and energy (joules) of a valid schedule, with all terms.

    Latency is the sum over windows of the slowest pipeline (SCAR III-E) and, in `detailed`, of what the shared
    DRAM, links and chiplet ports need at least; energy is the sum over everything. The schedule must be valid
    (`check.faults_of`).
    """
    ready = prepare(problem)
    where = [locate(schedule, task, len(entry.model.layers)) for task, entry in enumerate(ready.tasks)]
    start_s, windows = 0.0, []
    for index, window in enumerate(schedule.windows):
        settings = [
            Setting(ready, index, pipeline, where[pipeline.task], schedule.largest_region)
            for pipeline in window.pipelines
        ]
        windows.append(_window(ready, window, settings, start_s))
        start_s += windows[-1].latency_s
    return Evaluation(ready.problem.fidelity, start_s, _total([w.energy for w in windows]), tuple(windows))


def _total(energies: list[Energy]) -> Energy:
    return sum(energies, Energy())


def _window(ready: Prepared, window: Window, settings: list[Setting], start_s: float) -> WindowEvaluation:
    parts = [
        pipeline_of(
            setting, [evaluate_stage(setting, number) for number in range(len(setting.pipeline.stages))], start_s
        )
        for setting in settings
    ]
    return window_of(ready, window, parts, start_s)


def window_of(
    ready: Prepared, window: Window, parts: Sequence[tuple[PipelineEvaluation, Transfer]], start_s: float
) -> WindowEvaluation:
    """A window from its pipelines and their traffic."""
    pipelines = tuple(evaluation for evaluation, _ in parts)
    package = ready.package
    dram_bytes = sum(stage.bytes_.dram for pipeline in pipelines for stage in pipeline.stages)
    slowest_s = max(pipeline.latency_s for pipeline in pipelines)
    dram_s = link_s = port_s = 0.0
    link: tuple[int, int] | None = None
    port: int | None = None
    static_j = 0.0
    if ready.detailed:
        traffic = together(ready.network, (moved for _, moved in parts))
        dram_s = dram_bytes / package.dram_bandwidth_bytes_s
        busiest = _busiest(traffic.links)
        link = None if busiest is None else ready.network.links[busiest]
        ports = np.maximum(traffic.out, traffic.into)
        port = _busiest(ports)
        link_s = 0.0 if busiest is None else float(traffic.links[busiest]) / package.link_bandwidth_bytes_s
        port_s = 0.0 if port is None else float(ports[port]) / package.link_bandwidth_bytes_s
    latency_s = max(slowest_s, dram_s, link_s, port_s)
    if ready.detailed:
        static_j = sum(chiplet.static_power_w for chiplet in package.chiplets) * latency_s
    bounds = {"pipeline": slowest_s, "dram": dram_s, "link": link_s, "port": port_s}
    used = {chiplet for pipeline in window.pipelines for stage in pipeline.stages for chiplet in stage.chiplets}
    return WindowEvaluation(
        start_s=start_s,
        latency_s=latency_s,
        energy=_total([pipeline.energy for pipeline in pipelines]) + Energy(static=static_j),
        pipelines=pipelines,
        dram_bytes=dram_bytes,
        dram_s=dram_s,
        link_s=link_s,
        link=link,
        port_s=port_s,
        port=port,
        bound_by=max(bounds, key=lambda name: bounds[name]),
        idle=tuple(chiplet for chiplet in range(len(package.chiplets)) if chiplet not in used),
    )


def _busiest(bytes_: Floats) -> int | None:
    """The link, or the chiplet (each way is counted apart), with most bytes; None where nothing moves."""
    if not bytes_.any():
        return None
    return int(np.argmax(bytes_))


def pipeline_of(
    setting: Setting, parts: Sequence[tuple[StageEvaluation, Transfer]], start_s: float
) -> tuple[PipelineEvaluation, Transfer]:
    """A pipeline and its traffic from its stages': sum over stages + (k - 1) * slowest stage (SCAR III-E).

    A short last micro-batch is timed as a full one; its bytes and energy are its own.
    """
    pipeline, k = setting.pipeline, setting.micro_batches
    stages = tuple(evaluation for evaluation, _ in parts)
    latency_s = sum(stage.resident_s + stage.fill_s for stage in stages)
    latency_s += (k - 1) * max(stage.steady_s for stage in stages)
    evaluation = PipelineEvaluation(
        task=pipeline.task,
        micro_batch=pipeline.micro_batch,
        micro_batches=k,
        latency_s=latency_s,
        end_s=start_s + latency_s,
        energy=_total([stage.energy for stage in stages]),
        stages=stages,
    )
    return evaluation, together(setting.ready.network, (moved for _, moved in parts))
