"""What pools, element-wise and upsample layers cost (docs/cost-model/loopnest.md, "Layers without products")."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.cost.loopnest.machine import Energies, Machine
from chipweave.cost.riders import rider_cycles
from chipweave.workload.layer import Layer


@dataclass(frozen=True, slots=True)
class RiderCounts:
    """Elements that a layer without products reads from L2 and writes to it, and the cycles that each part takes.

    All three go on at once, so the longest of them is what the layer takes.
    """

    read: int
    written: int
    compute: int
    noc_in: int
    noc_out: int

    @property
    def cycles(self) -> int:
        return max(self.compute, self.noc_in, self.noc_out)

    @property
    def bound_by(self) -> str:
        """What takes longest; the first of equals."""
        return max(("compute", "noc_in", "noc_out"), key=lambda part: int(getattr(self, part)))


def count_rider(layer: Layer, machine: Machine) -> RiderCounts:
    """Every operand is read once, whatever the window of a pool: what it reads again is in the PEs."""
    read, written = layer.operands * layer.input_elements, layer.output_elements
    noc_in, noc_out = (-(-elements // machine.noc_bandwidth) for elements in (read, written))
    return RiderCounts(read, written, rider_cycles(layer, machine.num_pes), noc_in, noc_out)


def rider_parts_j(counts: RiderCounts, machine: Machine, energies: Energies) -> tuple[float, float, float, float]:
    """Joules of MACs, L1, L2 and NoC: each element goes between L2 and one PE once, and nothing is multiplied."""
    moved = counts.read + counts.written
    return 0.0, 0.0, energies.l2_j_per_byte * machine.element_bytes * moved, energies.noc_j_per_element * moved
