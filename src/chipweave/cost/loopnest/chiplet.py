"""What `loopnest` needs to know of a chiplet: its machine, energies and constraint."""

from __future__ import annotations

from chipweave.cost.loopnest.machine import Constraint, Energies, Machine
from chipweave.errors import InputError
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Dataflow, Style, Tensor
from chipweave.hardware.technology import hop_energy_j, sram_energy_j

STYLES = {
    Style.NVDLA: Constraint(rows="GK", columns="C", stationary="W"),
    Style.SHIDIANNAO: Constraint(rows="YNKG", columns="XNKG", stationary="O"),
    Style.EYERISS: Constraint(rows="RC", columns="YKG", whole="S"),
}
"""Of the built-in styles (docs/cost-model/loopnest.md, "What a dataflow allows")."""

_LETTERS = {None: "", Tensor.WEIGHT: "W", Tensor.INPUT: "I", Tensor.OUTPUT: "O"}


def constraint_of(dataflow: Dataflow) -> Constraint:
    """The dataflow's own `loops` where it has them, else its style's.

    Raises:
        InputError: style `custom` without `loops`.
    """
    loops = dataflow.loops
    if loops is not None:
        return Constraint(loops.rows, loops.columns, _LETTERS[loops.stationary], loops.whole, loops.spread)
    if dataflow.style is Style.CUSTOM:
        raise InputError(
            "its dataflow is custom without `loops`, and `loopnest` needs them; write them under `dataflow: loops`, "
            "name a style, or take the cost model `maestro`, which reads its texts"
        )
    return STYLES[dataflow.style]


def machine_of(chiplet: Chiplet) -> Machine:
    """PEs, memories, network and constraint of a chiplet.

    Raises:
        InputError: memories that cannot hold the operands of one MAC, a custom dataflow without `loops`; each names the
            chiplet.
    """
    element_bytes, sum_bytes = _bytes(chiplet.precision_bits), _bytes(chiplet.sum_bits)
    problems = []
    for key, last, need in (
        ("l1_bytes", "partial sum", 2 * element_bytes + sum_bytes),
        ("l2_bytes", "output", 3 * element_bytes),
    ):
        given = getattr(chiplet, key)
        if given < need:
            problems.append(
                f"{key}={given} cannot hold one MAC's operands (1 weight, 1 input, 1 {last}: {need} bytes); "
                f"raise {key} to at least {need}"
            )
    try:
        constraint = constraint_of(chiplet.dataflow)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError([f"chiplet '{chiplet.name}': {problem}" for problem in problems])
    return Machine(
        num_pes=chiplet.num_pes,
        constraint=constraint,
        array=chiplet.array,
        simd_lanes=chiplet.simd_lanes,
        l1_bytes=chiplet.l1_bytes,
        l2_bytes=chiplet.l2_bytes,
        noc_bandwidth=chiplet.noc_bandwidth,
        noc_latency=chiplet.noc_latency,
        element_bytes=element_bytes,
        sum_bytes=sum_bytes,
        sum_elements=-(-chiplet.sum_bits // chiplet.precision_bits),
    )


def energies_of(chiplet: Chiplet) -> Energies:
    """The chiplet's own figures where it states them, else those of its node (docs/hardware-parameters.md)."""
    node_nm = chiplet.node_nm
    l1_j, l2_j, hop_j = chiplet.l1_j_per_byte, chiplet.l2_j_per_byte, chiplet.noc_j_per_element_hop
    return Energies(
        mac_j=chiplet.mac_energy_j,
        l1_j_per_byte=sram_energy_j(chiplet.l1_bytes, 8, node_nm) if l1_j is None else l1_j,
        l2_j_per_byte=sram_energy_j(chiplet.l2_bytes, 8, node_nm) if l2_j is None else l2_j,
        noc_j_per_element=hop_energy_j(chiplet.precision_bits, chiplet.pe_pitch_mm) if hop_j is None else hop_j,
    )


def _bytes(bits: int) -> int:
    return -(-bits // 8)
