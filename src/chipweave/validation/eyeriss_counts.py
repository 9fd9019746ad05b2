"""Eyeriss's energy breakdown of AlexNet by counts, with the costs of an access given (ISCA 2016, fig. 10)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.cost.loopnest.several_samples import together
from chipweave.files.chiplet_file import resolve_chiplet
from chipweave.files.package_file import resolve_package
from chipweave.hardware.package import Package
from chipweave.validation.measurement import Point, Validation
from chipweave.validation.page import percent, ratio
from chipweave.validation.published import published
from chipweave.validation.single_layer import evaluate_alone
from chipweave.workload.layer import Layer
from chipweave.workload.zoo import build_model

BATCH = 16
DRAM, BUFFER, HOP, SCRATCHPAD, MAC = 200, 6, 2, 1, 1
"""Costs of an access of 16 bits, in MACs."""

UNIT = "1e9 MACs"

ELEMENT_BYTES = 2


def validate() -> Validation:
    """MACs, DRAM and scratchpads of every layer beside ISCA 2016's."""
    package = paper_package()
    chiplet = package.chiplets[0]
    layers = {layer.name: layer for layer in build_model("alexnet_2012").layers}
    points = [point for row in published("eyeriss")["isca16"] for point in _points(row, layers[row["name"]], package)]
    return Validation(
        "eyeriss-counts",
        "Eyeriss: the energy breakdown of ISCA 2016 by counts",
        "Chen, Emer and Sze, *Eyeriss: A Spatial Architecture for Energy-Efficient Dataflow for Convolutional Neural "
        "Networks*, ISCA 2016, fig. 10, with the figures that nn_dataflow's test has for it "
        "(stanford-mast/nn_dataflow, `test_eyeriss_isca16`). They are a model's, too, not measured.",
        (
            f"{chiplet.num_pes} PEs as 16 x 16 with {chiplet.l1_bytes} bytes each, {chiplet.l2_bytes // 1024} KiB of "
            f"buffer, 16 bits; the `loops` of `eyeriss-65nm`; layers of `alexnet_2012`, batch {BATCH}.",
            f"The paper's costs of an access: DRAM {DRAM}, buffer {BUFFER}, one hop {HOP}, scratchpad {SCRATCHPAD}, "
            f"and {MAC} for a MAC. `loopnest` finds the mapping that costs least by them.",
            "Of the scratchpads all reads and writes count. What the DRAM gives and takes is the evaluator's "
            "(`detailed`), with each layer in a window of its own and the whole batch at once.",
            "No parameter was set from these figures, so no half of them is held out.",
        ),
        tuple(points),
        (),
        _findings(points),
    )


def paper_package() -> Package:
    """The paper's array with a DRAM, and energies in MACs in place of joules."""
    chiplet = replace(
        resolve_chiplet("eyeriss-65nm"),
        name="isca16",
        num_pes=256,
        array=(16, 16),
        l1_bytes=512,
        l2_bytes=128 * 1024,
        mac_energy_j=MAC,
        l1_j_per_byte=SCRATCHPAD / ELEMENT_BYTES,
        l2_j_per_byte=BUFFER / ELEMENT_BYTES,
        noc_j_per_element_hop=HOP,
    )
    return replace(resolve_package("eyeriss-v1"), name="isca16", chiplets=(chiplet,))


@dataclass(frozen=True)
class Predicted:
    """Energy of a layer's MACs, of its scratchpads and of the DRAM, in MACs, and the share of the DRAM's bytes that are
    read again."""

    macs: float
    scratchpads: float
    dram: float
    again: float


def predict(layer: Layer, package: Package) -> Predicted:
    """A layer of `BATCH` samples under the mapping of the least energy, alone on the package."""
    model = LoopnestCostModel("energy")
    (behind,) = model.explain([together(layer, package.chiplets[0], BATCH)], package.chiplets[0])
    touched = sum(accesses[way] for accesses in behind["l1"].values() for way in ("read", "write"))
    alone = evaluate_alone(layer, package, BATCH, model)
    again = sum(stage.bytes_.again for pipeline in alone.pipelines for stage in pipeline.stages)
    return Predicted(
        float(MAC * behind["macs"]),
        float(SCRATCHPAD * touched),
        DRAM * alone.dram_bytes / ELEMENT_BYTES,
        again / alone.dram_bytes,
    )


def _points(row: dict[str, Any], layer: Layer, package: Package) -> list[Point]:
    ours, name = predict(layer, package), row["name"]
    return [
        Point(name, "energy of MACs", UNIT, row["alu"], ours.macs / 1e9),
        Point(name, "energy of scratchpads", UNIT, row["rf"], ours.scratchpads / 1e9),
        Point(
            name,
            "energy of DRAM",
            UNIT,
            row["dram"],
            ours.dram / 1e9,
            f"{percent(ours.again)} of ours are inputs that are read again",
        ),
    ]


def _findings(points: list[Point]) -> tuple[str, ...]:
    def span(quantity: str, connected: bool) -> str:
        ratios = [
            point.ratio
            for point in points
            if point.ratio is not None and point.quantity == quantity and point.name.startswith("fc") == connected
        ]
        return f"{ratio(min(ratios))} to {ratio(max(ratios))}"

    return (
        "MACs are the same to the digits that are printed.",
        f"Scratchpads: {span('energy of scratchpads', False)} of theirs in convolutions. Theirs are 4.0 accesses to "
        "each MAC, since a PE reads two operands and a sum and writes the sum. Ours has a register in front of the "
        "multiplier for each, which keeps what the next MAC needs again, and an adder tree over the PEs of a column, "
        "of which one keeps the sum.",
        f"DRAM: {span('energy of DRAM', False)} of theirs in convolutions, {span('energy of DRAM', True)} in fully "
        "connected layers. Theirs are the counts of a mapping that is searched for the DRAM, too. Our evaluator has "
        "one rule for all layers: weights come once, in blocks, and inputs that have no room beside them are read "
        "again. In fully connected layers the inputs of 16 samples leave the buffer, and are read so often that they "
        "double the bytes, which a mapping avoids that keeps the sums there. In conv3 it is the same. In the other "
        "convolutions theirs read weights or inputs more often than ours.",
    )
