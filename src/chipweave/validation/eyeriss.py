"""Eyeriss v1 on silicon: the convolutions of AlexNet, their time, power and active PEs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from chipweave.cost.loopnest.chiplet import energies_of
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.cost.loopnest.several_samples import together
from chipweave.evaluation.record import WindowEvaluation
from chipweave.files.chiplet_file import resolve_chiplet
from chipweave.files.package_file import resolve_package
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Dataflow, Style
from chipweave.hardware.package import Package
from chipweave.validation.measurement import Point, Target, Validation
from chipweave.validation.page import percent, ratio
from chipweave.validation.published import published
from chipweave.validation.single_layer import evaluate_alone
from chipweave.workload.layer import Layer
from chipweave.workload.zoo import build_model

BATCH = 4
CHIPLET, PACKAGE = "eyeriss-65nm", "eyeriss-v1"

TIME_BAND, POWER_BAND = (0.8, 1.0), (0.6, 1.0)
"""Predicted over measured, within which nn_dataflow's test of the same chip holds its own figures."""

VOLTS, TABLE_VOLTS = 1.0, 0.9
"""Of the chip where it was measured, and of the energies of `hardware.technology`; energy goes with the square."""

ACCESSES = 4
"""Of a PE's scratchpads in each multiply-accumulate: a weight, an input, a sum read and the sum written."""

AS_BUILT = "power, scratchpads as built"


@dataclass(frozen=True)
class Predicted:
    """One layer of the whole batch: seconds, joules as the model counts them, joules with the scratchpads as they are
    built, PEs of the mapping, and MACs in each cycle."""

    time_s: float
    energy_j: float
    as_built_j: float
    pes: int
    macs_per_cycle: float

    def least_s(self, pes: int) -> float:
        """Seconds in which so many PEs could do its MACs, each one in every cycle."""
        return self.time_s * self.macs_per_cycle / pes


def validate() -> Validation:
    """Time, power and active PEs of every layer, frames per second and DRAM accesses of all, beside JSSC 2017's."""
    chiplet, package, figures = resolve_chiplet(CHIPLET), resolve_package(PACKAGE), published("eyeriss")
    layers = {layer.name: layer for layer in build_model("alexnet_2012").layers}
    measured = figures["layers"]
    ours = [predict(layers[row["name"]], chiplet) for row in measured]
    points = [point for row, each in zip(measured, ours, strict=True) for point in _points(row, each)]
    alone = [evaluate_alone(layers[row["name"]], package, BATCH, LoopnestCostModel()) for row in measured]
    points += _of_all(figures, alone, sum(BATCH * layers[row["name"]].macs for row in measured), chiplet)
    return Validation(
        "eyeriss-v1",
        "Eyeriss v1: AlexNet on silicon",
        "Chen, Krishna, Emer and Sze, *Eyeriss: An Energy-Efficient Reconfigurable Accelerator for Deep Convolutional "
        "Neural Networks*, IEEE JSSC 52(1), 2017, Table V. The bands that must be reached are those of nn_dataflow's "
        "own test (stanford-mast/nn_dataflow, `test_eyeriss_isscc16`).",
        _setting(chiplet, package),
        tuple(points),
        _targets(points),
        _findings(ours, measured, predict(layers["conv2"], replace(chiplet, dataflow=Dataflow(Style.EYERISS)))),
    )


def predict(layer: Layer, chiplet: Chiplet) -> Predicted:
    """A layer of `BATCH` samples under the mapping of the best EDP that the chiplet's `loops` allow."""
    model, batch = LoopnestCostModel(), together(layer, chiplet, BATCH)
    costs, (behind,) = model.costs([batch], chiplet), model.explain([batch], chiplet)
    parts = {part: float(getattr(costs, part)[0]) for part in vars(costs) if part.endswith("_j")}
    cycles = float(costs.cycles[0])
    as_built_j = sum(parts.values()) - parts["l1_j"] + _scratchpads_j(behind, chiplet)
    return Predicted(
        cycles / chiplet.clock_hz,
        sum(parts.values()),
        as_built_j * (VOLTS / TABLE_VOLTS) ** 2,
        behind["pes_used"],
        behind["macs"] / cycles,
    )


def _scratchpads_j(behind: dict[str, Any], chiplet: Chiplet) -> float:
    """Scratchpads without registers between them and the multiplier, in which every PE keeps its own sums."""
    filled = sum(behind["l1"][tensor]["write"] for tensor in ("weight", "input"))
    element_j = energies_of(chiplet).l1_j_per_byte * chiplet.precision_bits / 8
    return float((ACCESSES * behind["macs"] + filled) * element_j)


def _points(row: dict[str, Any], ours: Predicted) -> list[Point]:
    name = row["name"]
    pes = ""
    if ours.pes != row["active_pes"]:
        pes = f"the last strip leaves some of them idle: {ours.macs_per_cycle:.0f} of them work on average"
    return [
        Point(name, "time", "ms", row["time_ms"], 1e3 * ours.time_s),
        Point(name, "active PEs", "", row["active_pes"], ours.pes, pes),
        Point(name, "power", "mW", row["power_mw"], 1e3 * ours.energy_j / ours.time_s),
        Point(name, AS_BUILT, "mW", row["power_mw"], 1e3 * ours.as_built_j / ours.time_s),
    ]


def _of_all(figures: dict[str, Any], alone: list[WindowEvaluation], macs: int, chiplet: Chiplet) -> list[Point]:
    """Frames per second and DRAM accesses of the layers one after another, by the evaluator."""
    element_bytes = chiplet.precision_bits / 8
    moved = sum(window.dram_bytes for window in alone) / element_bytes
    (again,) = (stage.bytes_.again for pipeline in alone[2].pipelines for stage in pipeline.stages)
    return [
        Point(
            "all five layers",
            "frames per second",
            "",
            figures["frames_per_second"],
            BATCH / sum(window.latency_s for window in alone),
        ),
        Point(
            "all five layers",
            "DRAM accesses per MAC",
            "",
            figures["dram_accesses_per_mac"],
            moved / macs,
            f"{percent(again / element_bytes / moved)} of ours are inputs of conv3 that are read again while its "
            "weights come in blocks; what the chip reads and writes is compressed",
        ),
    ]


def _targets(points: list[Point]) -> tuple[Target, ...]:
    return tuple(
        _target(points, quantity, band)
        for quantity, band in (("time", TIME_BAND), ("power", POWER_BAND), (AS_BUILT, POWER_BAND))
    )


def _target(points: list[Point], quantity: str, band: tuple[float, float]) -> Target:
    low, high = band
    ratios = [point.ratio for point in points if point.quantity == quantity and point.ratio is not None]
    inside = sum(low <= each <= high for each in ratios)
    return Target(
        f"{quantity} of every layer within {100 * low:.0f} to {100 * high:.0f} % of measured",
        inside == len(ratios),
        f"{inside} of {len(ratios)}, {ratio(min(ratios))} to {ratio(max(ratios))}",
    )


def _setting(chiplet: Chiplet, package: Package) -> tuple[str, ...]:
    rows, columns = chiplet.array or (0, 0)
    return (
        f"The chiplet is the built-in `{CHIPLET}`, whose file names the source of every figure: {rows} x {columns} PEs "
        f"at {chiplet.clock_hz / 1e6:.0f} MHz, {chiplet.l2_bytes / 1024:.0f} KiB of buffer, 16 bits, 65 nm.",
        "Its `loops` say what the chip does, and nothing else of the mapping is given: a PE runs a whole row of a "
        "filter (`whole: [S]`), the rows of a filter lie along the rows of the array and the rows of outputs along its "
        "columns, both from end to end or as far as the array goes (`spread: [R, Y]`), and PEs that are left over take "
        "other channels. `loopnest` finds the mapping with the least product of energy and time.",
        f"The layers are those of `alexnet_2012`, three of which have two groups; batch {BATCH}.",
        "Time is that of the array with its buffer, as the chip's processing latency is. Energy is that of MACs, "
        f"scratchpads, buffer and network, by the tables of `chipweave.hardware.technology` at 65 nm and "
        f"{TABLE_VOLTS} V; neither has a DRAM in it.",
        "Frames per second and DRAM accesses are those of the evaluator (`detailed`) on the built-in package "
        f"`{PACKAGE}`, with {1e-9 * package.dram_bandwidth_bytes_s:.2f} GB/s of DRAM: each layer in a window of its "
        "own, with its inputs from the DRAM, its outputs to it, and the whole batch at once.",
        f"*{AS_BUILT.capitalize()}*: the same mapping, but every MAC makes {ACCESSES} accesses to the scratchpads "
        f"(here one memory of {chiplet.l1_bytes} bytes), which have no "
        f"registers between them and the multiplier (the energies of ISCA 2016, fig. 10, have 4.0 "
        f"accesses to each MAC), and energies are those at the chip's {VOLTS} V, by the square of the voltage.",
        "No parameter was set from these measurements, so no half of them is held out.",
    )


def _findings(ours: list[Predicted], measured: list[dict[str, Any]], freely: Predicted) -> tuple[str, ...]:
    real_j = [1e-6 * row["power_mw"] * row["time_ms"] for row in measured]
    plain, built, real = (
        1e3 * sum(joules) for joules in ([each.energy_j for each in ours], [each.as_built_j for each in ours], real_j)
    )
    volts = (VOLTS / TABLE_VOLTS) ** 2
    busy = [1e3 * each.least_s(row["active_pes"]) / row["time_ms"] for each, row in zip(ours, measured, strict=True)]
    least = min(range(len(ours)), key=lambda at: ours[at].as_built_j / real_j[at])
    conv2_ms = measured[1]["time_ms"]
    return (
        f"With a MAC of every active PE in every cycle the layers would take {ratio(min(busy))} to {ratio(max(busy))} "
        "of the measured times: what is left is waiting, which the paper does not split up. In our mappings the array "
        "hardly waits, since what a step needs arrives during the one before it.",
        f"Energy of all five layers: we predict {plain:.1f} mJ, {percent(plain / real)} of the measured {real:.1f} mJ. "
        f"Scratchpads as they are built cost a factor of {built / volts / plain:.2f}, the voltage one of {volts:.2f}: "
        f"together {built:.1f} mJ, {percent(built / real)}. The rest is in no part of our model: the clock network, "
        "leakage, and the control of PEs and network.",
        f"Most is missing in {measured[least]['name']}. It reads an image, which has few zeros; the layers behind it "
        "read what a ReLU leaves, and the chip saves the multiplications by zero. We count all of them, so what we "
        "leave out and what we count too much partly make up for each other there.",
        "The built-in style `eyeriss` lets no more than channels and filter rows take the rows of the array, and a PE "
        f"run several rows of a filter. By it conv2 would take {1e3 * freely.time_s:.1f} ms on {freely.pes} PEs, "
        f"{ratio(1e3 * freely.time_s / conv2_ms)} of the measured time.",
    )
