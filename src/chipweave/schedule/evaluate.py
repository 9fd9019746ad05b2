"""The one evaluator: a schedule in, its latency and energy with every term out (SCAR III-E; DESIGN of `detailed`)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from chipweave.cost.communication import dram_energy_j, dram_time_s, nop_energy_j, nop_time_s
from chipweave.cost.interface import LayerCosts
from chipweave.schedule.evaluation import (
    Energy,
    Evaluation,
    PipelineEvaluation,
    StageBytes,
    StageEvaluation,
    WindowEvaluation,
)
from chipweave.schedule.memory import L2Use, footprint, use_l2
from chipweave.schedule.plan import Pipeline, Schedule, Stage, Window
from chipweave.schedule.problem import Fidelity, Problem
from chipweave.schedule.tensors import Exchange, Location, exchange, locate
from chipweave.workload.model import Model

Flow = tuple[int, int, float]
"""Bytes on the package: (from chiplet, to chiplet, bytes in the whole window)."""


def evaluate(schedule: Schedule, problem: Problem) -> Evaluation:
    """Latency (seconds) and energy (joules) of a valid schedule, with all terms.

    Latency is the sum over windows of the slowest pipeline (SCAR III-E) and, in `detailed`, of what the shared
    DRAM, links and chiplet ports need at least; energy is the sum over everything. The schedule must be valid
    (`check.problems_of`).
    """
    where = [locate(schedule, task, len(entry.model.layers)) for task, entry in enumerate(problem.scenario.tasks)]
    start_s, windows = 0.0, []
    for index, window in enumerate(schedule.windows):
        windows.append(_window(problem, index, window, where, start_s))
        start_s += windows[-1].latency_s
    return Evaluation(problem.fidelity, start_s, _total([w.energy for w in windows]), tuple(windows))


def _total(energies: list[Energy]) -> Energy:
    return sum(energies, Energy())


def _window(problem: Problem, index: int, window: Window, where: list[Location], start_s: float) -> WindowEvaluation:
    parts = [_pipeline(problem, index, pipeline, where[pipeline.task], start_s) for pipeline in window.pipelines]
    pipelines = tuple(evaluation for evaluation, _ in parts)
    package = problem.package
    dram_bytes = sum(stage.bytes_.dram for pipeline in pipelines for stage in pipeline.stages)
    slowest_s = max(pipeline.latency_s for pipeline in pipelines)
    dram_s = link_s = port_s = 0.0
    link: tuple[int, int] | None = None
    port: int | None = None
    static_j = 0.0
    if problem.fidelity is Fidelity.DETAILED:
        dram_s = dram_bytes / package.dram_bandwidth_bytes_s
        flows = [flow for _, flows in parts for flow in flows]
        link, link_bytes = _busiest_link(problem, flows)
        port, port_bytes = _busiest_port(problem, flows)
        link_s, port_s = (bytes_ / package.link_bandwidth_bytes_s for bytes_ in (link_bytes, port_bytes))
    latency_s = max(slowest_s, dram_s, link_s, port_s)
    if problem.fidelity is Fidelity.DETAILED:
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


def _pipeline(
    problem: Problem, window: int, pipeline: Pipeline, where: Location, start_s: float
) -> tuple[PipelineEvaluation, list[Flow]]:
    """sum over stages + (k - 1) * slowest stage, k = ceil(b / b') micro-batches (SCAR III-E).

    A short last micro-batch is timed as a full one; its bytes and energy are its own.
    """
    batch = problem.scenario.tasks[pipeline.task].batch
    micro_batches = -(-batch // pipeline.micro_batch)
    stages, flows = [], []
    for number in range(len(pipeline.stages)):
        evaluation, sent = _stage(problem, window, pipeline, number, where, batch, micro_batches)
        stages.append(evaluation)
        flows += sent
    latency_s = sum(stage.resident_s + stage.fill_s for stage in stages)
    latency_s += (micro_batches - 1) * max(stage.steady_s for stage in stages)
    return (
        PipelineEvaluation(
            task=pipeline.task,
            micro_batch=pipeline.micro_batch,
            micro_batches=micro_batches,
            latency_s=latency_s,
            end_s=start_s + latency_s,
            energy=_total([stage.energy for stage in stages]),
            stages=tuple(stages),
        ),
        flows,
    )


def _stage(
    problem: Problem,
    window: int,
    pipeline: Pipeline,
    number: int,
    where: Location,
    batch: int,
    micro_batches: int,
) -> tuple[StageEvaluation, list[Flow]]:
    package, stage = problem.package, pipeline.stages[number]
    model = problem.scenario.tasks[pipeline.task].model
    costs = problem.layer_costs(pipeline.task, stage.chiplet)
    detailed = problem.fidelity is Fidelity.DETAILED
    micro_batch = pipeline.micro_batch
    moved = exchange(model, where, window, number, stage.layers, forwarding=not detailed)
    need = footprint(model, stage.first, stage.last)
    l2_bytes = package.chiplets[stage.chiplet].l2_bytes
    l2 = use_l2(need, l2_bytes, micro_batch, micro_batches) if detailed else None

    dram_hops = package.dram_hops(stage.chiplet)
    targets = [(pipeline.stages[target].chiplet, bytes_) for target, bytes_ in moved.to_stages]
    compute_s = micro_batch * _span(costs.cycles, stage) / package.chiplets[stage.chiplet].clock_hz
    weights = need.all_weights
    resident_s = dram_time_s(package, weights, dram_hops) if l2 and l2.resident else 0.0
    weights_s = dram_time_s(package, weights, dram_hops) if l2 and not l2.resident else 0.0
    load_bytes = micro_batch * moved.from_dram + (0 if detailed else weights)
    load_s = dram_time_s(package, load_bytes, dram_hops)
    store_s = dram_time_s(package, micro_batch * moved.to_dram, dram_hops)
    spill_s = 2 * dram_time_s(package, l2.spill, dram_hops) if l2 else 0.0
    forward_s = sum(
        nop_time_s(package, micro_batch * bytes_, package.hops(stage.chiplet, target)) for target, bytes_ in targets
    )

    in_and_out_s = load_s + store_s + spill_s + forward_s
    if l2 and l2.fits and not l2.resident:
        # Streaming holds two layers' weights: the next layer's arrive while this one's are in use.
        fill_s = in_and_out_s + max(compute_s, weights_s)
    else:
        fill_s = in_and_out_s + compute_s + weights_s
    overlaps = l2 is not None and _has_second_buffer(l2, l2_bytes, micro_batch, moved)
    steady_s = max(compute_s, in_and_out_s + weights_s) if overlaps else fill_s

    weight_loads = 1 if l2 and l2.resident else micro_batches
    bytes_ = StageBytes(
        weights=weight_loads * weights,
        load=batch * moved.from_dram,
        store=batch * moved.to_dram,
        spill=2 * micro_batches * l2.spill if l2 else 0,
        forward=batch * sum(bytes_ for _, bytes_ in targets),
    )
    forward_j = sum(
        nop_energy_j(package, batch * bytes_, package.hops(stage.chiplet, target)) for target, bytes_ in targets
    )
    energy = _compute_energy(model, costs, stage, batch, weight_loads, detailed) + Energy(
        dram=dram_energy_j(package, bytes_.dram),
        nop=nop_energy_j(package, bytes_.dram, dram_hops) + forward_j,
    )
    evaluation = StageEvaluation(
        first=stage.first,
        last=stage.last,
        chiplets=stage.chiplets,
        compute_s=compute_s,
        weights_s=weights_s,
        resident_s=resident_s,
        load_s=load_s,
        store_s=store_s,
        spill_s=spill_s,
        forward_s=forward_s,
        fill_s=fill_s,
        steady_s=steady_s,
        overlaps=overlaps,
        l2=l2,
        bytes_=bytes_,
        energy=energy,
    )
    return evaluation, _flows(problem, stage, bytes_, targets, batch)


def _has_second_buffer(l2: L2Use, l2_bytes: int, micro_batch: int, moved: Exchange) -> bool:
    """Room for a second copy of what the stage receives and sends with each micro-batch.

    What it receives over the package is held by `activations` already and arrives by the sender's time.
    """
    second = micro_batch * (moved.from_dram + moved.to_dram + sum(bytes_ for _, bytes_ in moved.to_stages))
    return l2.fits and l2.held_weights + l2.activations + second <= l2_bytes


def _span(values: np.ndarray[tuple[int], np.dtype[np.float64]], stage: Stage) -> float:
    return float(values[stage.first : stage.last + 1].sum())


def _compute_energy(
    model: Model, costs: LayerCosts, stage: Stage, batch: int, weight_loads: int, detailed: bool
) -> Energy:
    """Joules inside the chiplet. `paper`: cost of b samples = b * cost of one, every fill and drain included."""
    if detailed:
        fill, drain = _fill_and_drain_j(model, costs, stage)
        fill_j = batch * fill + weight_loads * _span(costs.fill_weight_j, stage)
    else:
        fill_j = batch * (_span(costs.fill_input_j, stage) + _span(costs.fill_weight_j, stage))
        drain = _span(costs.drain_output_j, stage)
    return Energy(
        mac=batch * _span(costs.mac_j, stage),
        l1=batch * _span(costs.l1_j, stage),
        l2=batch * _span(costs.l2_j, stage),
        noc=batch * _span(costs.noc_j, stage),
        fill=fill_j,
        drain=batch * drain,
    )


def _fill_and_drain_j(model: Model, costs: LayerCosts, stage: Stage) -> tuple[float, float]:
    """One sample's activations entering and leaving L2; what stays in L2 between layers is not charged again.

    A layer's input is filled in proportion to what comes from outside the stage; its output is drained if
    anyone outside reads it.
    """
    fill = drain = 0.0
    for layer in stage.layers:
        operands = model.operands[layer]
        outside = sum(edge.elements for edge in operands if edge.producer < stage.first)
        fill += float(costs.fill_input_j[layer]) * (outside / sum(edge.elements for edge in operands))
        readers = model.consumers[layer]
        if not readers or readers[-1].consumer > stage.last:
            drain += float(costs.drain_output_j[layer])
    return fill, drain


def _flows(
    problem: Problem, stage: Stage, bytes_: StageBytes, targets: list[tuple[int, int]], batch: int
) -> list[Flow]:
    """The stage's traffic on the package in the whole window, its DRAM traffic to the interface included."""
    interface = problem.package.nearest_interface[stage.chiplet]
    flows: list[Flow] = [(stage.chiplet, target, batch * sent) for target, sent in targets]
    if interface != stage.chiplet:
        half_spill = bytes_.spill / 2
        flows.append((interface, stage.chiplet, bytes_.weights + bytes_.load + half_spill))
        flows.append((stage.chiplet, interface, bytes_.store + half_spill))
    return flows


def _busiest_link(problem: Problem, flows: list[Flow]) -> tuple[tuple[int, int] | None, float]:
    loads: dict[tuple[int, int], float] = {}
    for source, target, bytes_ in flows:
        route = problem.package.routes[source][target]
        for step in pairwise(route):
            loads[step] = loads.get(step, 0.0) + bytes_
    if not loads:
        return None, 0.0
    link = max(sorted(loads), key=lambda step: loads[step])
    return link, loads[link]


def _busiest_port(problem: Problem, flows: list[Flow]) -> tuple[int | None, float]:
    """The chiplet that sends, or receives, the most bytes; each way is counted apart."""
    count = len(problem.package.chiplets)
    sent, received = [0.0] * count, [0.0] * count
    for source, target, bytes_ in flows:
        sent[source] += bytes_
        received[target] += bytes_
    loads = [max(pair) for pair in zip(sent, received, strict=True)]
    busiest = max(range(count), key=lambda chiplet: loads[chiplet])
    return (busiest, loads[busiest]) if loads[busiest] > 0 else (None, 0.0)
