"""Counts of `loopnest` for the mappings of Timeloop's example designs, beside Timeloop's own."""

from __future__ import annotations

from collections.abc import Mapping as Given
from math import prod
from typing import Any

from chipweave.cost.loopnest.closed_form import count
from chipweave.cost.loopnest.machine import Constraint, Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.shape import LOOPS, Axis, Shape
from chipweave.hardware import technology
from chipweave.validation.measurement import Point, Target, Validation
from chipweave.validation.published import published

QUANTITIES = {
    "cycles": "cycles",
    "active_pes": "active PEs",
    "buffer_reads_input": "inputs that leave the buffer",
    "weights_sent": "weights that are sent to the PEs",
    "outputs_out": "outputs and sums that come back",
    "pe_fills_weight": "weights written into PEs",
    "pe_fills_input": "inputs written into PEs",
    "pe_reads_weight": "weights read in PEs",
    "pe_reads_input": "inputs read in PEs",
    "pe_reads_sum": "sums read in PEs",
    "pe_writes_sum": "sums written in PEs",
}
"""Keys of the file and what they count, over all PEs."""

UNBOUNDED = 10**6
"""Elements a cycle, and bytes of a PE: Timeloop's networks have no bandwidth, and its mappings fit their memories."""

NOTES = {
    "eyeriss_like": {
        "buffer_reads_input": "they read an input once for each PE that takes it, we once for all",
        "pe_reads_input": "our register keeps an input for the 8 output channels of a PE",
        "pe_writes_sum": "9 of our PEs add up before one of them writes; each of theirs has its own sum",
    },
    "simba_like": {
        "buffer_reads_input": "they go through 28 strips of 4 rows, we through 4 strips of 28 columns, since a loop "
        "stands once in our nest; both read twice what strips share",
        "outputs_out": "3 of our PEs add up before a sum leaves; theirs add up in the buffer",
        "pe_reads_weight": "our register keeps a weight for 28 outputs, theirs for 7: they split that loop",
        "pe_writes_sum": "3 of our PEs add up before one of them writes",
    },
    "simple_output_stationary": {
        "weights_sent": "their PEs have no room for weights and fetch them for each of 4 groups of columns; ours keep "
        "them",
        "pe_reads_sum": "we count the read with which a sum leaves",
    },
    "simple_weight_stationary": {
        "buffer_reads_input": "their PEs have no room for inputs and fetch one for every MAC, 4 PEs at a time; ours "
        "keep a tile",
        "outputs_out": "their PEs have no room for sums, which go back after each of 9 filter taps; ours keep them "
        "for 3",
    },
}
"""Why a count differs, for each that does."""


def validate() -> Validation:
    """Cycles and accesses of four designs, and the energy of an access, beside Timeloop's and Accelergy's."""
    figures = published("timeloop")
    points = [point for design in figures["designs"] for point in _counted(design, figures["stride"])]
    unlike = [point for point in points if point.ratio != 1]
    equal = len(points) - len(unlike)
    unexplained = sum(not point.note for point in unlike)
    exact = all(point.ratio == 1 for point in points if point.quantity in ("cycles", "active PEs"))
    targets = (
        Target(
            "cycles and active PEs of the given mappings equal Timeloop's", exact, f"{len(figures['designs'])} designs"
        ),
        Target(
            "counts of accesses equal Timeloop's, or the cause is known",
            not unexplained,
            f"{equal} of {len(points)} figures equal, {len(unlike) - unexplained} explained",
        ),
    )
    return Validation(
        "timeloop",
        "Timeloop and Accelergy: reference outputs of given mappings",
        "Accelergy-Project, timeloop-accelergy-exercises (2d55108, MIT), `example_designs/*/ref_outputs`: the mapping "
        "and the statistics of four designs; a model's figures, not measured ones.",
        (
            "A layer of 3 channels to 32, 3x3, stride 2, 112 x 112 outputs; PEs, tiles and orders of loops are those "
            "of Timeloop's mapping. Our nest has every loop once in the PEs and once outside of them; where Timeloop's "
            "outermost buffers hold a tile, that tile is counted and taken as often as it occurs.",
            "The closed forms of `loopnest` count it without a search, with a network that is never the slowest and "
            "no latency, as Timeloop has it: cycles are those of computing.",
            "What the DRAM gives is left out: it is no figure of our cost models, but of the evaluation.",
            "Energies of an access are those of `chipweave.hardware.technology` at 65 nm.",
            "No parameter was set from these figures, so no half of them is held out.",
        ),
        (*points, *_energies(figures["energies"])),
        targets,
        (
            "Cycles and PEs are equal, and so is every count at which both have the same hardware. The others differ "
            "by what our PE has and theirs has not: room in its L1 for all three tensors, a register for each in "
            "front of the multiplier, and an adder tree over PEs that add up to one output.",
            "Energies of an access differ both ways: ours are Horowitz's published figures "
            "for 45 nm at 0.9 V, scaled; theirs come from CACTI and Aladdin tables. Which is nearer to a chip is what "
            "the power of Eyeriss above tells: ours are too low there.",
        ),
    )


def counts(design: Given[str, Any], stride: int) -> dict[str, int]:
    """What `loopnest` counts for a design's mapping, by the keys of `QUANTITIES`."""
    bounds = dict.fromkeys(LOOPS, 1) | dict(design["bounds"])
    n, g, k, c, y, x, r, s = (bounds[loop] for loop in LOOPS)
    vertical, horizontal = (Axis(stride, 1, 0, stride * (out - 1) + taps) for out, taps in ((y, r), (x, s)))
    spatial, tile = (tuple(design[key].get(loop, 1) for loop in LOOPS) for key in ("spatial", "tile"))
    mapping = Mapping(spatial, tile, _order(design["outer"]), _order(design["inner"]))
    machine = Machine(
        design["pes"], Constraint("", ""), l1_bytes=UNBOUNDED, noc_bandwidth=UNBOUNDED, noc_latency=0, sum_elements=1
    )
    found = count(Shape((n, g, k, c, y, x, r, s), vertical, horizontal), mapping, machine)
    weight, input_, output = range(3)
    one = {
        "cycles": found.compute,
        "buffer_reads_input": found.l2_read[input_],
        "weights_sent": found.l2_read[weight],
        "outputs_out": found.l2_write[output],
        "pe_fills_weight": found.l1_write[weight],
        "pe_fills_input": found.l1_write[input_],
        "pe_reads_weight": found.l1_read[weight],
        "pe_reads_input": found.l1_read[input_],
        "pe_reads_sum": found.l1_read[output],
        "pe_writes_sum": found.l1_write[output],
    }
    return {key: design["repeats"] * value for key, value in one.items()} | {"active_pes": prod(spatial)}


def _order(moving: str) -> str:
    """All loops, those that move innermost."""
    return "".join(loop for loop in LOOPS if loop not in moving) + moving


def _counted(design: Given[str, Any], stride: int) -> list[Point]:
    ours, name = counts(design, stride), design["name"]
    return [
        Point(name, quantity, "", design[key], ours[key], NOTES[name].get(key, ""))
        for key, quantity in QUANTITIES.items()
        if key in design
    ]


def _energies(figures: Given[str, Any]) -> list[Point]:
    quantity, unit = "energy of one", "pJ"
    mac_j = technology.mac_energy_j(16, 16, 65)
    points = [Point("MAC of 16 bits", quantity, unit, 1e12 * figures["mac_j"], 1e12 * mac_j)]
    for memory in figures["memories"]:
        read_j = technology.sram_energy_j(memory["capacity_bytes"], memory["bits"], 65)
        name = f"read of {memory['bits']} bits, {memory['name']}"
        points.append(Point(name, quantity, unit, 1e12 * memory["read_j"], 1e12 * read_j))
    return points
