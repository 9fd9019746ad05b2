"""Simba on silicon: peaks, energy of an operation, and ResNet-50 on 36 chiplets, with what its memory is taken for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import as_file, files
from typing import Any

import chipweave
from chipweave.cost.interface import LayerCosts
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.evaluation.record import Evaluation, WindowEvaluation
from chipweave.hardware.package import Package
from chipweave.results.result import Result
from chipweave.validation.measurement import Point, Target, Validation
from chipweave.validation.published import published
from chipweave.workload.layer import Layer, Op

SIDE = 4096
"""Rows, columns and inner size of the product on which a chiplet's peak and energy are taken."""

LINKS = 4
"""Of a chiplet in a mesh. Simba lets all of them into it at once, the law one link's rate."""

DRAM_GB_S = (32, 64, 128, 1024)
"""What the memory, of which no bandwidth is published, is taken for in turn."""


def validate() -> Validation:
    """Peaks, energy and the latency of ResNet-50 beside the published ones."""
    data, result = published("simba"), _stored_plan()
    package = result.problem.package
    rate = 1 / result.evaluation.latency_s
    points = (*_peaks(data, package), *(_rate(entry, rate) for entry in data["resnet50_per_s"]))
    floor_s = _floor_s(result)
    return Validation(
        "simba",
        "Simba: 36 chiplets on silicon",
        "Zimmer et al., Symposium on VLSI Circuits 2019 and JSSC 2020; Shao et al., MICRO 2019 and CACM 2021.",
        (
            "Package `simba-as-built`: chiplets, links and hop latency as published. Not published, and `assumed` in "
            "it: the memory behind the FPGA that fed the prototype (64 GB/s of SCAR's Table II at the left and right "
            "columns), and that all weights come from it once an image.",
            f"A chiplet's peak and energy are those of a product of {SIDE:,} x {SIDE:,} x {SIDE:,} under "
            "`loopnest:latency`, operands in L2; two operations to a multiply-accumulate.",
            f"ResNet-50 runs by a stored plan of `scope`, {len(result.evaluation.stages)} stages on regions of the 36 "
            "chiplets; its cost is computed here. A plan is an upper bound: a better one may exist.",
            "No parameter is set from these figures.",
        ),
        points,
        (
            Target(
                "The latency of ResNet-50 is not below the roofline of 36 chiplets at their peak.",
                result.evaluation.latency_s >= floor_s,
                f"{1e6 * result.evaluation.latency_s:.0f} us, roofline {1e6 * floor_s:.0f} us",
            ),
        ),
        _findings(result, points),
    )


def _stored_plan() -> Result:
    with as_file(files("chipweave.validation") / "data" / "simba_plan.yaml") as path:
        return chipweave.evaluate(path)


def _peaks(data: Mapping[str, Any], package: Package) -> tuple[Point, ...]:
    (chiplet,) = package.classes
    costs, operations = _gemm(package), 2 * SIDE**3
    rate = operations * chiplet.clock_hz / float(costs.cycles[0])
    energy_j = float(costs.resident_j[0]) / operations
    together = len(package.chiplets) * rate
    return (
        Point("one chiplet", "peak", "TOPS", data["chiplet_ops_s"] / 1e12, rate / 1e12),
        Point(
            "36 chiplets",
            "peak",
            "TOPS",
            data["package_ops_s"] / 1e12,
            together / 1e12,
            "published at a lower clock, 1.73 GHz, than the 1.96 GHz of one chiplet's 4.01 TOPS",
        ),
        Point(
            "one chiplet",
            "energy",
            "pJ/op",
            data["chiplet_j_per_op"] * 1e12,
            energy_j * 1e12,
            "ours at 0.9 V; the published figure is the best over its range of voltages and rates",
        ),
        Point(
            "36 chiplets",
            "efficiency",
            "TOPS/W",
            data["package_ops_per_j"] / 1e12,
            None,
            "what ran, at which voltage, and whether memory is counted are not published",
        ),
    )


def _gemm(package: Package) -> LayerCosts:
    gemm = Layer("gemm", Op.GEMM, K=SIDE, C=SIDE, Y=SIDE)
    return LoopnestCostModel("latency").costs([gemm], package.classes[0])


def _energy_of_an_operation(package: Package) -> str:
    """Joules by part, so that it is seen what makes the most of it."""
    costs = _gemm(package)
    parts = {"arithmetic": costs.mac_j, "L1": costs.l1_j, "L2": costs.l2_j, "the network": costs.noc_j}
    named = ", ".join(f"{name} {1e12 * float(joules[0]) / (2 * SIDE**3):.2f}" for name, joules in parts.items())
    return (
        f"Energy of an operation, pJ: {named}. The published one is 0.11. Most of ours is L2 under a mapping that "
        "is chosen for time, at 0.9 V, and each unit here has an L1 of its own, where Simba's buffers serve 64 "
        "units at once. Simba's is the best figure of a chip that runs from 0.32 to 128 TOPS, over a range of "
        "voltages."
    )


def _rate(entry: Mapping[str, Any], rate: float) -> Point:
    if "batch" in entry:
        return Point(entry["name"], "rate", "images/s", entry["rate"], None, "its batch is not stated")
    return Point(entry["name"], "rate", "images/s", entry["rate"], rate, "bound by the rate into a chiplet; see below")


def _floor_s(result: Result) -> float:
    """All multiply-accumulates at the peak of all chiplets."""
    package, scenario = result.problem.package, result.problem.scenario
    peak_macs_s = sum(chiplet.peak_macs_s for chiplet in package.chiplets)
    return float(sum(task.batch * task.model.macs for task in scenario.tasks)) / peak_macs_s


def _findings(result: Result, points: tuple[Point, ...]) -> tuple[str, ...]:
    evaluation, (window,) = result.evaluation, result.evaluation.windows
    measured_s = 1 / next(point.measured for point in points if point.quantity == "rate")
    package = result.problem.package
    dram_bytes = window.dram_s * package.dram_bandwidth_bytes_s
    buffers = len(package.chiplets) * 16 * 32 * 1024
    one = _sweep(result, package.link_bandwidth_bytes_s)
    four = _sweep(result, LINKS * package.link_bandwidth_bytes_s)
    return (
        f"As built, the model needs {1e6 * evaluation.latency_s:.0f} us for an image where silicon needs "
        f"{1e6 * measured_s:.0f}: {_needs(window)}. It is bound by the {window.bound_by}, and the DRAM, which bounds "
        f"the package `mesh-36`, is idle {100 * (1 - window.dram_s / window.latency_s):.0f} % of the time.",
        f"The cause is known: the law lets one link's rate, {package.link_bandwidth_bytes_s / 1e9:g} GB/s, into a "
        f"chiplet, where Simba lets {LINKS}. With {LINKS} times the rate the same plan takes "
        f"{1e6 * four[64].latency_s:.0f} us, faster than silicon, and is bound by the {four[64].windows[0].bound_by}: "
        f"{dram_bytes / 1e6:.1f} MB an image at the 64 GB/s that are assumed. An agreement with silicon between the "
        "two would be no evidence for the model.",
        f"How the figure hangs on the memory, latency of this plan at {_row(DRAM_GB_S)} GB/s: as built "
        f"{_latencies(one)} us; with {LINKS} links into a chiplet {_latencies(four)} us.",
        f"What silicon shows: {measured_s * 1e6:.0f} us an image is {dram_bytes / measured_s / 1e9:.0f} GB/s if all "
        f"{dram_bytes / 1e6:.1f} MB of weights, inputs and outputs come from outside once. The weights alone do not "
        f"fit the {buffers / 1e6:.1f} MB of weight buffers, so some of them had to move in any case.",
        _energy_of_an_operation(package),
        f"Energy of an image: {1e3 * evaluation.energy_j:.1f} mJ, of which DRAM {_share(evaluation, 'dram')}, "
        f"L2 {_share(evaluation, 'l2')}, links {_share(evaluation, 'nop')}, L1 {_share(evaluation, 'l1')}, "
        f"arithmetic {_share(evaluation, 'mac')}. None is published for an image.",
    )


def _sweep(result: Result, link_bytes_s: float) -> dict[int, Evaluation]:
    """The same plan by the memory's GB/s, on a package with links of this rate."""
    found = {}
    for rate in DRAM_GB_S:
        (stack,) = result.problem.package.memory
        package = replace(result.problem.package, link_bandwidth_bytes_s=link_bytes_s)
        package = package.with_memory((replace(stack, bandwidth_bytes_s=1e9 * rate),))
        changed = chipweave.evaluate(
            result.schedule, result.problem.scenario, package, cost_model=LoopnestCostModel("latency")
        )
        found[rate] = changed.evaluation
    return found


def _needs(window: WindowEvaluation) -> str:
    pipeline_s = max(pipeline.latency_s for pipeline in window.pipelines)
    terms = {
        "the port of the busiest chiplet": window.port_s,
        "the busiest link": window.link_s,
        "the pipeline by itself": pipeline_s,
        "the DRAM": window.dram_s,
    }
    return ", ".join(f"{name} needs {1e6 * seconds:.0f} us" for name, seconds in terms.items())


def _row(values: tuple[int, ...]) -> str:
    return ", ".join(f"{value:,}" for value in values[:-1]) + f" and {values[-1]:,}"


def _latencies(by_rate: Mapping[int, Evaluation]) -> str:
    return _row(tuple(round(1e6 * evaluation.latency_s) for evaluation in by_rate.values()))


def _share(evaluation: Evaluation, part: str) -> str:
    return f"{100 * getattr(evaluation.energy, part) / evaluation.energy_j:.0f} %"
