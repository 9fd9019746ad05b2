"""A chiplet as `loopnest` sees it: PEs, memories, network, and what its dataflow allows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a dataflow allows (docs/cost-model/loopnest.md, "What a dataflow allows").

    Args:
        rows, columns: the loops that may be unrolled along each axis of the array.
        stationary: the tensor ("W", "I" or "O") that stays, in the array and in the registers; "" leaves it open.
        whole: loops that a PE runs from end to end.
        spread: loops that lie along the array from end to end, or as far as it goes, one iteration in a PE.
    """

    rows: str
    columns: str
    stationary: str = ""
    whole: str = ""
    spread: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """Sizes that counts and cycles depend on.

    Args:
        array: rows and columns; None: any split of `num_pes` (a tree or a reconfigurable array).
        noc_bandwidth: elements per cycle, each way.
        element_bytes, sum_bytes: of an operand and of a partial sum.
        sum_elements: a partial sum's worth of NoC bandwidth, in elements.
    """

    num_pes: int
    constraint: Constraint
    array: tuple[int, int] | None = None
    simd_lanes: int = 1
    l1_bytes: int = 2**10
    l2_bytes: int = 10 * 2**20
    noc_bandwidth: int = 256
    noc_latency: int = 1
    element_bytes: int = 1
    sum_bytes: int = 4
    sum_elements: int = 4


@dataclass(frozen=True, slots=True)
class Energies:
    """Joules of one MAC, of one byte read or written in L1 and L2, and of one element over one hop of the NoC."""

    mac_j: float
    l1_j_per_byte: float
    l2_j_per_byte: float
    noc_j_per_element: float
