"""Eyeriss's energy breakdown of AlexNet by counts, with the costs of an access given (ISCA 2016, fig. 10)."""

from __future__ import annotations

from dataclasses import replace

from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.cost.loopnest.several_samples import together
from chipweave.files.chiplet_file import resolve_chiplet
from chipweave.hardware.chiplet import Chiplet
from chipweave.validation.measurement import Point, Validation
from chipweave.validation.page import ratio
from chipweave.validation.published import published
from chipweave.workload.layer import Layer
from chipweave.workload.zoo import build_model

BATCH = 16
DRAM, BUFFER, HOP, SCRATCHPAD, MAC = 200, 6, 2, 1, 1
"""Costs of an access of 16 bits, in MACs."""

UNIT = "1e9 MACs"

ELEMENT_BYTES = 2

PARTS = {"MACs": "alu", "scratchpads": "rf", "DRAM": "dram"}
"""What `energy` gives, in its order, by the keys of the file."""


def validate() -> Validation:
    """MACs, DRAM and scratchpads of every layer beside ISCA 2016's."""
    chiplet = paper_chiplet()
    layers = {layer.name: layer for layer in build_model("alexnet_2012").layers}
    rows = published("eyeriss")["isca16"]
    points = [
        Point(row["name"], f"energy of {part}", UNIT, row[key], figure / 1e9)
        for row in rows
        for (part, key), figure in zip(PARTS.items(), energy(layers[row["name"]], chiplet), strict=True)
    ]
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
            "Of the scratchpads all reads and writes count; the DRAM gives and takes each tensor of the batch once.",
            "No parameter was set from these figures, so no half of them is held out.",
        ),
        tuple(points),
        (),
        _findings(points),
    )


def paper_chiplet() -> Chiplet:
    """The paper's array, and energies in MACs in place of joules."""
    return replace(
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


def energy(layer: Layer, chiplet: Chiplet) -> tuple[float, float, float]:
    """Of a layer's MACs, of its scratchpads, and of the DRAM, in MACs."""
    model, batch = LoopnestCostModel("energy"), together(layer, chiplet, BATCH)
    (behind,) = model.explain([batch], chiplet)
    touched = sum(accesses[way] for accesses in behind["l1"].values() for way in ("read", "write"))
    moved = layer.weight_elements + BATCH * (layer.input_elements + layer.output_elements)
    return MAC * behind["macs"], SCRATCHPAD * touched, DRAM * moved


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
        "connected layers, whose weights are nearly all that moves. A convolution's tensors exceed the buffer, so "
        "their mapping reads inputs or weights again; here what is read again is the package's account, and not in "
        "these counts.",
    )
