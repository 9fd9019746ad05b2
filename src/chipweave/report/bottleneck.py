"""What sets the length of windows and pipelines."""

from __future__ import annotations

from collections.abc import Mapping

from chipweave.evaluation.exact.region import passed
from chipweave.evaluation.record import PipelineEvaluation, WindowEvaluation
from chipweave.hardware.package import Interfaces, Package
from chipweave.plan.problem import Problem
from chipweave.report.naming import chiplet_of, layers_of, region_of
from chipweave.report.quantities import quantity

NOTABLY_LONGER = 1.005
"""Longer by contention than this, and reports say so."""


def contended(window: WindowEvaluation) -> bool:
    """Whether the window takes notably longer where its stages wait for each other's DRAM traffic."""
    return window.contended_s > window.latency_s * NOTABLY_LONGER


def binding(window: WindowEvaluation, problem: Problem) -> str:
    """What sets a window's latency, by name."""
    package = problem.package
    match window.bound_by:
        case "pipeline":
            return _binding_pipeline(window.pipelines[window.slowest], problem)
        case "dram":
            if (busiest := busiest_interface(window, package)) is not None:
                interface, passed = busiest
                rate = quantity(package.interface_bytes_s[interface], "B/s")
                name = chiplet_of(interface, problem)
                return f"the memory interface of chiplet {name}, which moves {quantity(passed, 'B')} at {rate}"
            bandwidth = quantity(package.dram_bandwidth_bytes_s, "B/s")
            return f"the DRAM, which moves {quantity(window.dram_bytes, 'B')} at {bandwidth}"
        case "link" if window.link is not None:
            bytes_ = quantity(window.link_s * package.link_bytes_s(window.link), "B")
            return f"the link from chiplet {window.link[0]} to {window.link[1]}, which carries {bytes_}"
        case "port" if window.port is not None:
            bytes_ = quantity(window.port_s * max(package.port_bytes_s(window.port)), "B")
            return f"the port of chiplet {chiplet_of(window.port, problem)}, through which {bytes_} pass one way"
    raise ValueError(f"no sentence for a window that is bound by '{window.bound_by}'")


def busiest_interface(window: WindowEvaluation, package: Package) -> tuple[int, float] | None:
    """Where interfaces have bandwidth of their own, the one that needs longest in a window, and its bytes."""
    if package.interface_bandwidth is Interfaces.SHARED:
        return None
    moved = dict.fromkeys(package.interfaces, 0.0)
    for pipeline in window.pipelines:
        for stage in pipeline.stages:
            for interface, bytes_ in passed(package, stage):
                moved[interface] += bytes_
    return max(moved.items(), key=lambda item: item[1] / package.interface_bytes_s[item[0]])


def _binding_pipeline(pipeline: PipelineEvaluation, problem: Problem) -> str:
    task, stage = problem.scenario.tasks[pipeline.task], pipeline.slowest
    shares = shares_s(pipeline, task.batch)
    most = max(shares, key=lambda name: shares[name])
    times = "1 micro-batch" if pipeline.micro_batches == 1 else f"{pipeline.micro_batches} micro-batches"
    return (
        f"{task.name}: mostly {most}; {times}, slowest in {layers_of(stage, task.model)} on "
        f"{region_of(stage.chiplets, problem)}"
    )


def shares_s(pipeline: PipelineEvaluation, batch: int) -> Mapping[str, float]:
    """What the parts of a pipeline's latency are spent on; they may overlap.

    As the latency is: once through every stage, the other micro-batches through the slowest one, weights that stay.
    In `detailed` a short last micro-batch counts by its samples.
    """
    stages, slowest = pipeline.stages, pipeline.slowest
    others: float = pipeline.micro_batches - 1
    if slowest.l2 is not None:
        others = max(0.0, batch / pipeline.micro_batch - 1)
    return {
        "compute": sum(stage.compute_s for stage in stages) + others * slowest.compute_s,
        "transfers": sum(stage.transfers_s for stage in stages) + others * slowest.transfers_s,
        "loading weights": sum(stage.resident_s for stage in stages),
    }
