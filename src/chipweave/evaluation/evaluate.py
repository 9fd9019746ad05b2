"""The one evaluator: a schedule in, its latency and energy with every term out (SCAR III-E; DESIGN of `detailed`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from chipweave.evaluation.contention import contended_s
from chipweave.evaluation.exact.demand import EvaluatedStage, Setting, evaluate_stage
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.exact.placement import lies_of
from chipweave.evaluation.exact.tensors import locate
from chipweave.evaluation.exact.transfer import loads, together
from chipweave.evaluation.law import EMPTY, end_s, latency_s_of, static_j, through, window_needs, window_s
from chipweave.evaluation.record import (
    Energy,
    Evaluation,
    PipelineEvaluation,
    Transfer,
    WindowEvaluation,
)
from chipweave.hardware.package import Interfaces
from chipweave.ndarrays import Floats
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
    lies = [lies_of(ready, schedule, task) for task in range(len(ready.tasks))]
    start_s, windows, flows = 0.0, [], []
    for index, window in enumerate(schedule.windows):
        settings = [
            Setting(ready, index, pipeline, where[pipeline.task], schedule.largest_region, lies[pipeline.task])
            for pipeline in window.pipelines
        ]
        stages = [
            [evaluate_stage(setting, number) for number in range(len(setting.pipeline.stages))] for setting in settings
        ]
        parts = [pipeline_of(setting, own, start_s) for setting, own in zip(settings, stages, strict=True)]
        made = window_of(ready, window, parts, start_s)
        if ready.detailed:
            sharers = [[stage.sharer for stage in own] for own in stages]
            made = replace(made, contended_s=contended_s(sharers, made.latency_s, ready.rates))
        windows.append(made)
        flows.append(tuple(tuple(stage.flows for stage in own) for own in stages))
        start_s += windows[-1].latency_s
    energy = _total([window.energy for window in windows])
    return Evaluation(ready.problem.fidelity, start_s, energy, tuple(windows), tuple(flows))


def _total(energies: list[Energy]) -> Energy:
    return sum(energies, Energy())


def window_of(
    ready: Prepared, window: Window, parts: Sequence[tuple[PipelineEvaluation, Transfer]], start_s: float
) -> WindowEvaluation:
    """A window from its pipelines and their traffic, without contention. Where what they share sets its length, each
    ends so much later."""
    pipelines = tuple(evaluation for evaluation, _ in parts)
    package, rates = ready.package, ready.rates
    dram_bytes = sum(stage.bytes_.dram for pipeline in pipelines for stage in pipeline.stages)
    slowest_s = max(pipeline.latency_s for pipeline in pipelines)
    needs = window_needs(slowest_s, 0.0, 0.0, 0.0, rates)
    link: tuple[int, int] | None = None
    port: int | None = None
    if ready.detailed:
        traffic = together(ready.network, (moved for _, moved in parts))
        links, out, into = loads(ready.network, traffic)
        ports = np.maximum(out, into)
        needs = window_needs(slowest_s, dram_bytes, _most(links), _most(ports), rates)
        if package.interface_bandwidth is Interfaces.SPLIT:
            needs = needs._replace(dram=max(needs.dram, *interface_s(ready, pipelines).values()))
        link = package.directed_links[int(np.argmax(links))] if links.any() else None
        port = int(np.argmax(ports)) if ports.any() else None
    latency_s = window_s(needs)
    pipelines = tuple(replace(each, end_s=start_s + end_s(each.latency_s, slowest_s, latency_s)) for each in pipelines)
    used = {chiplet for pipeline in window.pipelines for stage in pipeline.stages for chiplet in stage.chiplets}
    return WindowEvaluation(
        start_s=start_s,
        latency_s=latency_s,
        contended_s=latency_s,
        energy=_total([pipeline.energy for pipeline in pipelines]) + Energy(static=static_j(latency_s, rates)),
        pipelines=pipelines,
        dram_bytes=dram_bytes,
        dram_s=needs.dram,
        link_s=needs.link,
        link=link,
        port_s=needs.port,
        port=port,
        bound_by=needs._fields[needs.index(latency_s)],
        idle=tuple(chiplet for chiplet in range(len(package.chiplets)) if chiplet not in used),
    )


def interface_s(ready: Prepared, pipelines: Sequence[PipelineEvaluation]) -> dict[int, float]:
    """Per memory interface, seconds in which its own part of the DRAM's bandwidth moves what passes it."""
    moved = dict.fromkeys(ready.package.interfaces, 0.0)
    for pipeline in pipelines:
        for stage in pipeline.stages:
            for interface, bytes_ in stage.memory or ((ready.region(stage.chiplets).interface, stage.bytes_.dram),):
                moved[interface] += bytes_
    return {interface: bytes_ / ready.package.interface_bytes_s[interface] for interface, bytes_ in moved.items()}


def _most(bytes_: Floats) -> float:
    """Of the link, or the chiplet (each way is counted apart), with most bytes."""
    return float(bytes_.max(initial=0.0))


def pipeline_of(
    setting: Setting, parts: Sequence[EvaluatedStage], start_s: float
) -> tuple[PipelineEvaluation, Transfer]:
    """A pipeline and its traffic from its stages' (`law.through`; in `paper` SCAR III-E)."""
    pipeline, k = setting.pipeline, setting.micro_batches
    stages = tuple(part.evaluation for part in parts)
    passed = EMPTY
    for stage in stages:
        passed = through(passed, stage, k)
    latency_s = latency_s_of(passed, k, setting.ready.rates)
    evaluation = PipelineEvaluation(
        task=pipeline.task,
        micro_batch=pipeline.micro_batch,
        micro_batches=k,
        latency_s=latency_s,
        end_s=start_s + latency_s,
        energy=_total([stage.energy for stage in stages]),
        stages=stages,
    )
    return evaluation, together(setting.ready.network, (part.traffic for part in parts))
