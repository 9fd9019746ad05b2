"""ZigZag's cost model on given mappings: run by the interpreter of its own environment, never imported.

Reads JSON on standard input, a list of cases, and writes the results in the same order, with the seconds spent in
ZigZag's cost model alone; with `search` as argument it looks for the best temporal mapping of each case instead (its
LOMA engine: orders of at most six loop factors, each allocated to the memories). A case holds the bounds
of the eight loops N G K C Y X R S, the two axes, the spatial factors, tiles and loop orders of a mapping whose factors
divide the bounds, and the machine. ZigZag's machine: registers of one element per operand, an L1 of its own per operand
in each PE, and L2 on top with one read port and one write port. Loops that are summed over (C, R, S) and unrolled
reduce between the multipliers and the output registers, as in an adder tree.
"""

from __future__ import annotations

import json
import math
import sys
import time

from zigzag.cost_model.cost_model import CostModelEvaluation
from zigzag.datatypes import LayerDim, LayerOperand, MemoryOperand, OADimension
from zigzag.hardware.architecture.accelerator import Accelerator
from zigzag.hardware.architecture.memory_hierarchy import MemoryHierarchy
from zigzag.hardware.architecture.memory_instance import MemoryInstance
from zigzag.hardware.architecture.memory_level import ServedMemDimensions
from zigzag.hardware.architecture.memory_port import DataDirection, MemoryPort, MemoryPortType, PortAllocation
from zigzag.hardware.architecture.operational_array import MultiplierArray
from zigzag.hardware.architecture.operational_unit import Multiplier
from zigzag.mapping.data_movement import DataMoveAttr
from zigzag.mapping.spatial_mapping import MappingSingleOADim, SpatialMapping, SpatialMappingHint
from zigzag.mapping.spatial_mapping_internal import SpatialMappingInternal
from zigzag.mapping.temporal_mapping import TemporalMapping, TemporalMappingType
from zigzag.opt.loma.engine import LomaEngine
from zigzag.workload.layer_attributes import (
    LayerDimRelation,
    LayerDimSizes,
    LayerEquation,
    LayerOperandPrecision,
    LayerPadding,
    LayerTemporalOrdering,
    MemoryOperandLinks,
)
from zigzag.workload.layer_node import LayerNode, LayerNodeAttributes, MappingAttributes

NAMES = {"N": "B", "G": "G", "K": "K", "C": "C", "Y": "OY", "X": "OX", "R": "FY", "S": "FX"}
DIMENSIONS = {loop: LayerDim(name) for loop, name in NAMES.items()}
OPERANDS = {name: LayerOperand(name) for name in "WIO"}
MEMORY_OPERANDS = {"W": MemoryOperand("I2"), "I": MemoryOperand("I1"), "O": MemoryOperand("O")}
REDUCED = "CRS"
UNROLLED, SUMMED = OADimension("D1"), OADimension("D2")
WIDE = 2**40  # bits per cycle of a port that never holds anything up
LARGE = 2**60  # bits
EQUATION = "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]"
UP, DOWN = DataDirection.RD_OUT_TO_HIGH, DataDirection.RD_OUT_TO_LOW
FROM_ABOVE, FROM_BELOW = DataDirection.WR_IN_BY_HIGH, DataDirection.WR_IN_BY_LOW


def own_memory(hierarchy: MemoryHierarchy, name: str, operand: str, bits: int) -> None:
    """A memory of one operand, in every PE (of the outputs: one for the PEs that sum up), with a port for each way."""
    ways = (UP, DOWN, FROM_ABOVE, FROM_BELOW) if operand == "O" else (DOWN, FROM_ABOVE)
    kinds = [MemoryPortType.READ if way in (UP, DOWN) else MemoryPortType.WRITE for way in ways]
    names = [f"{'r' if kind is MemoryPortType.READ else 'w'}_port_{i}" for i, kind in enumerate(kinds)]
    ports = tuple(MemoryPort(port, kind, WIDE, WIDE) for port, kind in zip(names, kinds, strict=True))
    of = MEMORY_OPERANDS[operand]
    hierarchy.add_memory(
        MemoryInstance(f"{name}_{operand}", bits, ports=ports),
        [of],
        PortAllocation({of: dict(zip(ways, names, strict=True))}),
        ServedMemDimensions({SUMMED} if operand == "O" else set()),
    )


def accelerator(case: dict, spatial: dict[str, int]) -> Accelerator:
    summed = math.prod(spatial[loop] for loop in REDUCED)
    sizes = {UNROLLED: math.prod(spatial.values()) // summed, SUMMED: summed}
    array = MultiplierArray(Multiplier(0.0, 0.0), sizes)
    hierarchy = MemoryHierarchy(array)
    for operand in "WIO":
        own_memory(hierarchy, "register", operand, case["sum_bits" if operand == "O" else "bits"])
    for operand in "WIO":
        own_memory(hierarchy, "l1", operand, case["l1_bits"].get(operand, LARGE))
    width = case["noc_bandwidth"] * case["bits"]
    ports = (
        MemoryPort("r_port_1", MemoryPortType.READ, width, width),
        MemoryPort("w_port_1", MemoryPortType.WRITE, width, width),
    )
    ways = {MEMORY_OPERANDS[operand]: {DOWN: "r_port_1"} for operand in "WI"}
    ways[MEMORY_OPERANDS["O"]] = {DOWN: "r_port_1", FROM_BELOW: "w_port_1"}
    hierarchy.add_memory(
        MemoryInstance("l2", LARGE, ports=ports),
        [MEMORY_OPERANDS[operand] for operand in "IWO"],
        PortAllocation(ways),
        ServedMemDimensions({UNROLLED, SUMMED}),
    )
    return Accelerator(0, "array", array, hierarchy)


def layer(case: dict, spatial: dict[str, int]) -> LayerNode:
    (stride_y, dilation_y, real_y), (stride_x, dilation_x, real_x) = case["axes"]
    attributes = LayerNodeAttributes(
        layer_type="conv",
        equation=LayerEquation(EQUATION.replace("+=", " = ").replace("*", " * ")),
        layer_dim_sizes=LayerDimSizes({DIMENSIONS[loop]: case["bounds"][i] for i, loop in enumerate(DIMENSIONS)}),
        operand_precision=LayerOperandPrecision(
            {
                OPERANDS["W"]: case["bits"],
                OPERANDS["I"]: case["bits"],
                OPERANDS["O"]: case["sum_bits"],
                LayerOperand("O_final"): case["bits"],
            }
        ),
        dimension_relations=[
            LayerDimRelation(LayerDim("IY"), DIMENSIONS["Y"], DIMENSIONS["R"], stride_y, dilation_y),
            LayerDimRelation(LayerDim("IX"), DIMENSIONS["X"], DIMENSIONS["S"], stride_x, dilation_x),
        ],
        padding=LayerPadding.empty(),
        constant_operands=[OPERANDS["W"], OPERANDS["I"]],
        input_operand_source={},
        pr_layer_dim_sizes=LayerDimSizes({LayerDim("IY"): real_y, LayerDim("IX"): real_x}),
    )
    array = {
        dimension: MappingSingleOADim({DIMENSIONS[loop]: spatial[loop] for loop in loops})
        for dimension, loops in ((UNROLLED, "NGKYX"), (SUMMED, REDUCED))
    }
    mapping = MappingAttributes(
        spatial_mapping=SpatialMapping(array),
        spatial_mapping_hint=SpatialMappingHint.empty(),
        memory_operand_links=MemoryOperandLinks({OPERANDS[name]: MEMORY_OPERANDS[name] for name in "OWI"}),
        temporal_ordering=LayerTemporalOrdering.empty(),
    )
    return LayerNode(0, "layer", attributes, mapping)


def unrolled(node: LayerNode, spatial: dict[str, int]) -> SpatialMappingInternal:
    summed = [(DIMENSIONS[loop], spatial[loop]) for loop in REDUCED if spatial[loop] > 1]
    other = [(DIMENSIONS[loop], spatial[loop]) for loop in "NGKYX" if spatial[loop] > 1]
    return SpatialMappingInternal(
        {OPERANDS["O"]: [summed, [], other, []]}
        | {OPERANDS[name]: [[], [], other + summed, []] for name in "WI"},
        node,
    )


def evaluate(case: dict) -> tuple[float, CostModelEvaluation]:
    """Seconds of ZigZag's evaluation, layer and machine given, and what it found."""
    spatial = dict(zip(DIMENSIONS, case["spatial"], strict=True))
    tile = dict(zip(DIMENSIONS, case["tile"], strict=True))
    bound = dict(zip(DIMENSIONS, case["bounds"], strict=True))
    steps = {loop: bound[loop] // (spatial[loop] * tile[loop]) for loop in DIMENSIONS}
    node, machine = layer(case, spatial), accelerator(case, spatial)
    array = unrolled(node, spatial)
    innermost_first = [
        [(DIMENSIONS[loop], counts[loop]) for loop in reversed(order) if counts[loop] > 1]
        for counts, order in ((tile, case["inner"]), (steps, case["outer"]))
    ]
    started = time.perf_counter()
    temporal = TemporalMapping(
        {operand: [[], *(list(loops) for loops in innermost_first)] for operand in OPERANDS.values()},
        node,
        TemporalMappingType.UNEVEN,
    )
    evaluation = CostModelEvaluation(
        accelerator=machine,
        layer=node,
        spatial_mapping=array,
        spatial_mapping_int=array,
        temporal_mapping=temporal,
    )
    return time.perf_counter() - started, evaluation


def search(case: dict) -> tuple[int, float]:
    """Mappings that ZigZag evaluates, the spatial one given, and the least latency among them."""
    spatial = dict(zip(DIMENSIONS, case["spatial"], strict=True))
    node, machine = layer(case, spatial), accelerator(case, spatial)
    array = unrolled(node, spatial)
    engine = LomaEngine(
        accelerator=machine,
        layer=node,
        spatial_mapping=array,
        mapping_type=TemporalMappingType.UNEVEN,
        loma_lpf_limit=6,
    )
    tried, least = 0, math.inf
    for temporal in engine.run():
        evaluation = CostModelEvaluation(
            accelerator=machine,
            layer=node,
            spatial_mapping=array,
            spatial_mapping_int=array,
            temporal_mapping=temporal,
        )
        tried, least = tried + 1, min(least, evaluation.latency_total2)
    return tried, least


def accesses(evaluation: CostModelEvaluation, operand: str, level: int) -> dict[str, list[float]]:
    """Element accesses by direction: as ZigZag counts them, and as it charges them (amounts x periods x memories)."""
    moves = evaluation.mapping.unit_mem_data_movement[OPERANDS[operand]][level]
    memories = evaluation.mapping.spatial_mapping.unit_count[OPERANDS[operand]][level + 1]
    found = {}
    for name, way in (("to_low", DOWN), ("from_high", FROM_ABOVE), ("to_high", UP), ("from_low", FROM_BELOW)):
        count = moves.get_attribute(DataMoveAttr.DATA_ELEM_MOVE_COUNT).get(way)
        amount = moves.get_attribute(DataMoveAttr.DATA_TRANS_AMOUNT_PER_PERIOD).get(way)
        periods = moves.get_attribute(DataMoveAttr.DATA_TRANS_PERIOD_COUNT).get(way)
        found[name] = [count, amount * periods * memories]
    return found


def result(evaluation: CostModelEvaluation) -> dict:
    return {
        "cycles": evaluation.latency_total2,
        "compute": evaluation.ideal_temporal_cycle,
        "stall": evaluation.stall_slack_comb,
        "onloading": evaluation.data_onloading_cycle,
        "offloading": evaluation.data_offloading_cycle,
        "accesses": {
            operand: {"L1": accesses(evaluation, operand, 1), "L2": accesses(evaluation, operand, 2)}
            for operand in "WIO"
        },
    }


def main() -> None:
    cases = json.load(sys.stdin)
    started = time.perf_counter()
    if sys.argv[1:] == ["search"]:
        found = [search(case) for case in cases]
        json.dump({"seconds": time.perf_counter() - started, "results": found}, sys.stdout)
        return
    evaluated = [evaluate(case) for case in cases]
    seconds = sum(each for each, _ in evaluated)
    json.dump({"seconds": seconds, "results": [result(evaluation) for _, evaluation in evaluated]}, sys.stdout)


if __name__ == "__main__":
    main()
