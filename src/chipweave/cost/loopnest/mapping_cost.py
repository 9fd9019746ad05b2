"""What a mapping costs, as counts (docs/cost-model/loopnest.md, "Counts" and "Cycles")."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.cost.loopnest.machine import Energies, Machine

Three = tuple[int, int, int]
"""One number per tensor: W, I, O."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact counts of one run of a shape under a mapping. Accesses in elements, of W, I and O.

    Args:
        l2_read, l2_write: between L2 and the array (what fills and drains L2 itself is not in here).
        reduction_transfers: products passed on between PEs that sum up together.
        fill, compute, noc_in, noc_out, drain: cycles; they add up to `cycles`.
        l1_need_bytes: of the largest tiles, second buffers included if `overlapped`.
    """

    macs: int
    l1_read: Three
    l1_write: Three
    l2_read: Three
    l2_write: Three
    reduction_transfers: int
    steps: int
    fill: int
    compute: int
    noc_in: int
    noc_out: int
    drain: int
    overlapped: bool
    l1_need_bytes: int
    l2_need_bytes: int

    @property
    def cycles(self) -> int:
        return self.fill + self.compute + self.noc_in + self.noc_out + self.drain

    @property
    def noc_elements(self) -> Three:
        """Elements delivered by the NoC per tensor, each to one PE; partial sums counted one each."""
        return self.l1_write[0], self.l1_write[1], self.l2_read[2] + self.l2_write[2]


def energy_parts_j(counts: Counts, machine: Machine, energies: Energies) -> tuple[float, float, float, float]:
    """Joules of MACs, L1, L2 and NoC of one run (L2's own filling and draining left out)."""
    operand, partial, q = machine.element_bytes, machine.sum_bytes, machine.sum_elements
    finished = counts.l2_write[2] - counts.l2_read[2]  # passes - (passes - 1) times the outputs
    accesses = [read + write for read, write in zip(counts.l1_read, counts.l1_write, strict=True)]
    l1_bytes = operand * (accesses[0] + accesses[1]) + partial * accesses[2]
    l2_bytes = operand * (counts.l2_read[0] + counts.l2_read[1] + finished) + partial * 2 * counts.l2_read[2]
    weights, inputs, _ = counts.noc_elements
    noc = weights + inputs + finished + q * (2 * counts.l2_read[2] + counts.reduction_transfers)
    return (
        energies.mac_j * counts.macs,
        energies.l1_j_per_byte * l1_bytes,
        energies.l2_j_per_byte * l2_bytes,
        energies.noc_j_per_element * noc,
    )
